"""MNIST and Fashion-MNIST: what their files must be, and how to fetch those that are not here yet.

MNIST's four files are in `mnist/`. Fashion-MNIST's are fetched once, into `fashion_mnist/`. No file is used unless its
SHA-256 sum is right.
"""

import hashlib
import sys
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from support.errors import UserError
from support.files import read_file, replacing

ROOT = Path(__file__).resolve().parent.parent
FILES = tuple(f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))
TIMEOUT = 30  # seconds to connect, and between two reads
MAX_BYTES = 32 * 2**20  # the largest of these files has 26 MB: a server that sends more sends something else


class Source(NamedTuple):
    url: str  # of the folder that serves the files; "" if they are bundled
    sha256: tuple[str, ...]  # of each of FILES
    mean: float  # of all training pixels, 0 to 1
    std: float
    examples: int = 60_000  # training images


SOURCES = {
    "mnist": Source(  # LeCun, Cortes & Burges 1998
        url="",
        sha256=(
            "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
            "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
            "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
            "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
        ),
        mean=0.1307,
        std=0.3081,
    ),
    "fashion_mnist": Source(  # Xiao, Rasul & Vollgraf 2017: ten kinds of clothing
        url="http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
        sha256=(
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        ),
        mean=0.2860,
        std=0.3530,
    ),
}


def find(name, file, sha256):
    """The bytes of one of a dataset's FILES, from its folder or fetched into it; UserError if they are not there."""
    path, url = ROOT / name / file, SOURCES[name].url + file
    with suppress(UserError):
        content = read_file(path, MAX_BYTES)
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
    if not SOURCES[name].url:
        raise UserError(f"{path} is missing or damaged: `git checkout -- {name}` brings it back")

    from http.client import HTTPException  # here, because most runs need no network
    from urllib.request import urlopen

    print(f"fetching {url}", file=sys.stderr)
    reason = "wrong SHA-256 sum"
    try:
        with urlopen(url, timeout=TIMEOUT) as response:
            content = response.read(MAX_BYTES)
    except (OSError, HTTPException) as error:
        content, reason = b"", str(error).removeprefix("<urlopen error ").removesuffix(">")
    if hashlib.sha256(content).hexdigest() != sha256:
        raise UserError(f"cannot fetch {url} ({reason}): run again later, or put the file at {path}")
    with suppress(OSError, UserError):  # a folder that cannot be written is no reason to stop
        path.parent.mkdir(exist_ok=True)
        with replacing(path) as kept:
            kept.write(content)
    return content

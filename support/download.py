"""MNIST and its relatives: where their files come from, how to verify them, and how to fetch what is missing.

The four MNIST files are in `mnist/`, so the first run needs no network. No file is used unless its SHA-256 sum is
right, whether bundled, cached or downloaded.
"""

import hashlib
import os
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from support.errors import UserError
from support.files import replacing

BUNDLED = Path(__file__).resolve().parent.parent / "mnist"
FILES = (
    "train-images-idx3-ubyte.gz",
    "train-labels-idx1-ubyte.gz",
    "t10k-images-idx3-ubyte.gz",
    "t10k-labels-idx1-ubyte.gz",
)
TIMEOUT = (10, 30)  # seconds to connect, and between two reads
GRACE, SLOWEST = 30, 10_000  # seconds for which a mirror may be slow, and the bytes per second required after that
MAX_BYTES = 32 * 2**20  # the largest of these files is 26 MB; a server that sends more than this sends something else


class Source(NamedTuple):
    """Where a dataset comes from, and how to verify it."""

    mirrors: tuple[str, ...]  # folders, tried one after the other
    sha256: tuple[tuple[str, ...], ...]  # for each of FILES, the accepted sums (of the .gz)
    mean: float  # of all training pixels, 0 to 1
    std: float


SOURCES = {
    # LeCun, Cortes & Burges 1998. Two sums per file: the bundled .gz (compressed better), then the published one.
    "mnist": Source(
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        sha256=(
            (
                "0b367032e93c5d0cea0925647cfdb18614af8ee15f83e6f2fc2ad904a6835971",
                "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            ),
            (
                "1787548bbe0bff1ec2ecdc0ef292b02df999e2d1a6002d27500982c652b17203",
                "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            ),
            (
                "1a1a05eab793c14bb050b398624a11b0ffd1a2953baed553b1b9bd079e2a20be",
                "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            ),
            (
                "b91679a0acfe4ba0e50a2437a903084cba1f5f92592b016a25a7dfd00455798b",
                "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            ),
        ),
        mean=0.1307,
        std=0.3081,
    ),
    # Xiao, Rasul & Vollgraf 2017: ten kinds of clothing.
    "fashion_mnist": Source(
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        sha256=(
            ("3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",),
            ("a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",),
            ("346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",),
            ("67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",),
        ),
        mean=0.2860,
        std=0.3530,
    ),
    # Clanuwat et al. 2018: ten characters of old Japanese handwriting.
    "kmnist": Source(
        mirrors=("http://codh.rois.ac.jp/kmnist/dataset/kmnist/",),
        sha256=(
            ("51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",),
            ("e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",),
            ("edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",),
            ("20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",),
        ),
        mean=0.1918,
        std=0.3483,
    ),
}


def find(name, file, sums):
    """The verified bytes of a file: bundled, or cached, or fetched into the cache."""
    bundled, cached = BUNDLED / file, cache_directory() / name / file
    places = [bundled, cached] if name == "mnist" else [cached]
    damaged = ""
    for path in places:
        try:
            content = path.read_bytes()
        except OSError:
            continue
        if sha256(content) in sums:
            return content
        damaged += f"{path} is damaged (wrong SHA-256 sum) and not used; "
    try:
        content = download([mirror + file for mirror in SOURCES[name].mirrors], cached, sums)
    except UserError as error:
        raise UserError(damaged + str(error)) from None
    if damaged:
        print(f"{damaged}fetched it again", file=sys.stderr)
    return content


def cache_directory():
    """The folder for files that can be fetched again, in the user's cache (XDG_CACHE_HOME, on Windows LOCALAPPDATA)."""
    base = os.environ.get("XDG_CACHE_HOME") or os.environ.get("LOCALAPPDATA") or os.path.expanduser("~/.cache")
    if base.startswith("~"):  # a user without a home
        base = tempfile.gettempdir()
    return Path(base) / "written-twice"


def download(urls, target, sums):
    """Fetch `target` from the first of `urls` that sends the right bytes, and return them.

    The bytes are verified in memory and only then written, so the cache never holds part of a file.
    The UserError names every address and what was wrong with it.
    """
    tried = []
    for url in urls:
        try:
            content = fetch(url)
            if sha256(content) not in sums:
                raise UserError("wrong SHA-256 sum")
        except UserError as error:
            tried.append(f"{url} ({error})")
            continue
        with suppress(OSError):  # a cache that cannot be written is no reason to stop
            target.parent.mkdir(parents=True, exist_ok=True)
            with replacing(target) as file:
                file.write(content)
        return content
    raise UserError(f"cannot fetch {target.name}: tried {', '.join(tried)}; put the file at {target} and run again")


def fetch(url):
    """The bytes that `url` serves, at most MAX_BYTES; UserError with the reason otherwise."""
    import requests  # here, because most runs need no network
    import urllib3
    from tqdm import tqdm

    content, started = bytearray(), time.monotonic()
    try:
        # The raw stream, undecoded: what is counted and verified is what was sent.
        headers = {"Accept-Encoding": "identity"}
        with requests.get(url, stream=True, timeout=TIMEOUT, headers=headers) as response:
            response.raise_for_status()
            total = int(response.headers.get("Content-Length", 0)) or None
            bar = tqdm(total=total, desc=url.rsplit("/", 1)[-1], unit="B", unit_scale=True, disable=None, leave=False)
            with bar:
                # read1 returns what has arrived so far, so the clock is checked however slowly the bytes arrive.
                read = getattr(response.raw, "read1", response.raw.read)
                while chunk := read(2**16, decode_content=False):
                    content += chunk
                    bar.update(len(chunk))
                    if len(content) > MAX_BYTES:
                        raise UserError(f"more than {MAX_BYTES:,} bytes")
                    if time.monotonic() > started + GRACE + len(content) / SLOWEST:
                        raise UserError(f"slower than {SLOWEST:,} bytes a second")
    except requests.HTTPError as error:
        raise UserError(f"HTTP {error.response.status_code}") from None
    except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
        raise UserError(type(error).__name__) from None
    return bytes(content)


def sha256(content):
    return hashlib.sha256(content).hexdigest()

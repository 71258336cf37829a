"""Download missing files. A file is used only if its SHA-256 sum is right."""

import hashlib
import threading
import time
from contextlib import suppress
from queue import Empty, SimpleQueue

from support.errors import UserError
from support.files import atomic_write, read_file

READ_TIMEOUT_SECONDS = 30  # for the server's next bytes
TOTAL_TIMEOUT_SECONDS = 600  # for a whole file: the largest has 26 MB
MAX_BYTES = 32 * 2**20  # a server that sends more cannot be sending the right file


def find_or_fetch_bytes(path, url, sha256):
    """Return the bytes of the file at `path`. If it is missing or damaged, fetch it from `url` and save it there.

    url: "" if the file is part of this project and cannot be fetched. sha256: the right sum, as hex. Raises UserError
    if the file cannot be obtained.
    """
    with suppress(UserError):
        content = read_file(path, MAX_BYTES)
        if hashlib.sha256(content).hexdigest() == sha256:
            return content
    if not url:
        folder = "/".join(path.parts[-3:-1])  # datasets/mnist
        raise UserError(f"{path} is damaged or missing: `git checkout -- {folder}` restores it")
    content = bytearray()
    reason = "wrong SHA-256 sum"
    try:
        for part in iter_parts(url):
            content += part
    except ConnectionError as error:
        reason = str(error)
    if hashlib.sha256(content).hexdigest() != sha256:  # it may be right even if the connection broke at its end
        raise UserError(f"cannot fetch {url} ({reason}): try again later, or put the file at {path}")
    with suppress(OSError, UserError):  # a folder that cannot be written is no reason to stop
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as file:
            file.write(content)
    return bytes(content)


def iter_parts(url):
    """Yield the parts, as bytes, of the file that a server sends. Raises ConnectionError if that fails.

    Another thread waits for the server, so that the parts end within TOTAL_TIMEOUT_SECONDS whatever the server does.
    """
    from tqdm import tqdm  # here, as requests below, because most runs fetch nothing

    parts = SimpleQueue()
    end = time.monotonic() + TOTAL_TIMEOUT_SECONDS
    threading.Thread(target=receive, args=(url, parts.put), daemon=True).start()
    with tqdm(desc=f"fetching {url}", unit="B", unit_scale=True, disable=None, leave=False) as bar:
        while True:
            try:
                part = parts.get(timeout=max(0, end - time.monotonic()))
            except Empty:
                raise ConnectionError(f"not finished after {TOTAL_TIMEOUT_SECONDS} seconds") from None
            if isinstance(part, str):
                raise ConnectionError(part)
            if part is None:
                return
            yield part
            bar.update(len(part))


def receive(url, put):
    """Call put(bytes) for each part that the server sends, and finally put(None) or put(error message)."""
    size = 0
    try:
        import requests

        with requests.get(url, stream=True, timeout=READ_TIMEOUT_SECONDS) as response:
            if not response.ok:
                raise ValueError(f"HTTP status {response.status_code}")
            for part in response.raw.stream(2**16, decode_content=False):
                put(part)
                size += len(part)
                if size > MAX_BYTES:
                    raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
        put(None)
    except Exception as error:  # whatever requests and the libraries below it make of a bad mirror or proxy
        # The first cause has the clearest message (except a TypeError that older versions of urllib3 raise themselves).
        while error.__context__ and not isinstance(error.__context__, TypeError):
            error = error.__context__
        put(str(error) or type(error).__name__)

"""Limits for reading files that may be malicious: bytes, pixels and seconds. What exceeds them raises UserError.

A small file may unpack to more bytes than the memory holds. So files are unpacked a piece at a time, and each piece is
counted before the next one. The limits are the same on every machine.
"""

import io
import os
import time
from contextlib import contextmanager, nullcontext
from importlib import import_module
from threading import Condition

from support.errors import UserError

CHUNK_BYTES = 2**16  # unpacked at a time
MAX_DATASET_BYTES = 2**30  # of all files, unpacked; EMNIST, a large one, has 0.6 billion
MAX_SUBMISSION_BYTES = 2**28  # of one person, unpacked
# A file may unpack to ALWAYS_ALLOWED_BYTES, or to MAX_COMPRESSION_RATIO times its own size if that is more. MNIST's
# files unpack to 5 times their size, and texts to 3 times.
ALWAYS_ALLOWED_BYTES = 2**24
MAX_COMPRESSION_RATIO = 100
MAX_TAR_HEADER_BYTES = 2**20  # a long file name counts as a header
MAX_ZIP_DIRECTORY_BYTES = 2**22  # a ZIP file's list of members
MAX_PICTURE_BYTES = 2**27  # of the file
MAX_PICTURE_SIDE = 2**16  # pixels
MAX_PICTURE_PIXELS = 50_000_000
MAX_PICTURE_SECONDS = 30  # processor time to read it; MAX_PICTURE_PIXELS take 1 to 2


class Budget:
    """The number of bytes that a file, or several files together, may still unpack to."""

    def __init__(self, max_bytes):
        self.max_bytes = self.remaining = max_bytes

    def check(self, size, name):
        """Raise UserError if fewer than `size` bytes remain. name: the file's name, for the message."""
        if size > self.remaining:
            raise UserError(
                f"{name} unpacks to too many bytes: at most {self.max_bytes:,}, with the files that belong to it"
            )


class CountingReader(io.RawIOBase):
    """A wrapper of an open file that counts the bytes that are read or skipped. It can only go forward."""

    def __init__(self, file, budget, name, packed=None):
        """budget: the `Budget` that reading spends. name: the file's name, for messages.

        packed: the size of the packed file if `file` unpacks it, else None. It may unpack to
        MAX_COMPRESSION_RATIO times that size, or to ALWAYS_ALLOWED_BYTES if that is more. The attribute `most` limits
        the bytes of one `read`, because tarfile reads a header at once, whatever its size.
        """
        self.file = file
        self.budget = budget
        self.name = name
        self.most = MAX_DATASET_BYTES
        self.at = 0
        self.end = MAX_DATASET_BYTES if packed is None else max(ALWAYS_ALLOWED_BYTES, MAX_COMPRESSION_RATIO * packed)

    def readable(self):
        return True

    def seekable(self):
        return True

    def check(self, size):
        """Raise UserError if `size` more bytes would exceed a limit."""
        if self.at + size > self.end:
            raise UserError(
                f"{self.name} unpacks to more than {self.end:,} bytes, over {MAX_COMPRESSION_RATIO} times its size"
            )
        self.budget.check(size, self.name)

    def readinto(self, buffer):
        size = self.file.readinto(memoryview(buffer)[:CHUNK_BYTES])
        self.check(size)
        self.budget.remaining -= size
        self.at += size
        return size

    def read(self, size):
        """Return the next `size` bytes, or fewer at the end of the file. Raises UserError if that exceeds a limit."""
        if size > self.most:
            raise UserError(f"{self.name} has a header of more than {self.most:,} bytes")
        content = bytearray()
        while len(content) < size:
            piece = super().read(min(CHUNK_BYTES, size - len(content)))
            if not piece:
                break
            content += piece
        return bytes(content)

    def read_rest_or_none(self, expected_size):
        """Return the remaining bytes as a bytearray if there are exactly `expected_size` of them; otherwise None."""
        self.check(expected_size)
        content = bytearray(expected_size)
        n_read = 0
        while n_read < expected_size:
            n_new = self.readinto(memoryview(content)[n_read:])
            if not n_new:
                break
            n_read += n_new
        return content if n_read == expected_size and not self.read(1) else None

    def tell(self):
        return self.at

    def seek(self, position, whence=0):
        """Skip to the position `position`, and return the new position. Raises io.UnsupportedOperation if it is
        behind."""
        if whence or position < self.at:
            raise io.UnsupportedOperation
        while self.at < position and super().read(min(CHUNK_BYTES, position - self.at)):
            pass
        return self.at


# {beginning of a file: module that unpacks it}
MODULES_BY_SIGNATURE = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma"}


def is_gzipped(content):
    """Return True if `content`, the bytes of a file, is packed with gzip."""
    return content[:2] == b"\x1f\x8b"


def open_unpacked_bytes(content, name, budget):
    """Return a `CountingReader` of the bytes `content`, which it unpacks if they are packed with gzip.

    name: the file's name, for UserError. Reading raises OSError, EOFError or zlib.error if the content is damaged.
    """
    import gzip

    file = gzip.GzipFile(fileobj=io.BytesIO(content)) if is_gzipped(content) else io.BytesIO(content)
    return CountingReader(file, budget, name, len(content) if is_gzipped(content) else None)


@contextmanager
def open_unpacked(path, budget):
    """Context manager: yield a `CountingReader` of a file, which unpacks it if it is packed with gzip, bzip2 or xz."""
    with open(path, "rb") as file:
        start = file.read(6)
        module_name = next((module for sign, module in MODULES_BY_SIGNATURE.items() if start.startswith(sign)), None)
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        with import_module(module_name).open(file) if module_name else nullcontext(file) as stream:
            yield CountingReader(stream, budget, path, size if module_name else None)


def check_zip_directory_size(file, name):
    """Raise UserError if the member list of an open ZIP file exceeds MAX_ZIP_DIRECTORY_BYTES.

    zipfile needs about ten times as much memory for the list as the list has bytes. name: the file's name, for the
    message.
    """
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2**17))  # the end record is followed by a comment of at most 2**16 bytes
    end = file.read()
    # (signature of an end record, offset of the list's size in it, bytes of that size). The second record is for large
    # files. The size in the first then consists of 1 bits.
    for sign, offset, n_bytes in ((b"PK\5\6", 12, 4), (b"PK\6\6", 40, 8)):
        position = end.rfind(sign)
        if position >= 0:
            list_size = int.from_bytes(end[position + offset : position + offset + n_bytes], "little")
            if list_size > MAX_ZIP_DIRECTORY_BYTES and (n_bytes == 8 or list_size != 2**32 - 1):
                raise UserError(f"{name} has a list of files of more than {MAX_ZIP_DIRECTORY_BYTES:,} bytes")
    file.seek(0)


class CapacityLimit:
    """A semaphore with sizes: a caller waits until there is enough room for its size."""

    def __init__(self, capacity):
        self.room = capacity
        self.changed = Condition()

    @contextmanager
    def __call__(self, size):
        """Context manager: wait for `size` of the capacity, and reserve it. `size` must not exceed the capacity."""
        with self.changed:
            self.changed.wait_for(lambda: self.room >= size)
            self.room -= size
        try:
            yield
        finally:
            with self.changed:
                self.room += size
                self.changed.notify_all()


class TimedBytes(io.BytesIO):
    """Bytes to read within MAX_PICTURE_SECONDS of this thread's processor time. Later, `read` raises TimeoutError."""

    def __init__(self, content):
        super().__init__(content)
        self.started = time.thread_time()

    def read(self, size=-1):
        if time.thread_time() - self.started > MAX_PICTURE_SECONDS:
            raise TimeoutError
        return super().read(size)

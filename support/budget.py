"""One budget for all that is read: bytes, pixels and seconds. What spends it is refused, with a line that says so.

A few bytes may unpack to fill a memory. So nothing is unpacked whole: a piece at a time, and each is counted before
the next. The limits are the same on every machine.
"""

import io
import os
import time
from contextlib import contextmanager, nullcontext
from importlib import import_module
from threading import Condition

from support.errors import UserError

PIECE = 2**16  # bytes that are unpacked at a time
DATA = 2**30  # bytes of all files of a dataset, unpacked; EMNIST, the largest of its kind, has 0.6 billion
HANDED_IN = 2**28  # bytes of all that one person hands in, unpacked
# a file unpacks to FEW bytes, or to so many times its own; MNIST's to 5 times, texts to 3
FEW = 2**24
TIMES = 100
HEADER = 2**20  # bytes of a header in a TAR file; a name is one, too
DIRECTORY = 2**22  # bytes of a ZIP file's list of members
PICTURE = 2**27  # bytes of a picture
SIDE = 2**16  # pixels along a side
PIXELS = 50_000_000  # of the whole picture
SECONDS = 30  # of a processor for a picture; one of PIXELS takes 1 to 2


class Budget:
    """So many bytes, of a file or of several together."""

    def __init__(self, max_bytes):
        self.max_bytes = self.remaining = max_bytes

    def check(self, size, name):
        """Raise UserError, which names a file, if fewer bytes than these are left."""
        if size > self.remaining:
            raise UserError(
                f"{name} unpacks to too many bytes: at most {self.max_bytes:,}, with the files that belong to it"
            )


class CountingReader(io.RawIOBase):
    """An open file that is read from its beginning to its end, and counts what is read or skipped."""

    def __init__(self, file, budget, name, packed=None):
        """packed: the bytes of the file if it unpacks what is in it; TIMES so many are the most, and FEW are allowed.

        most: an attribute, the bytes of one `read`. tarfile reads a header whole, whatever its size.
        """
        self.file = file
        self.budget = budget
        self.name = name
        self.most = DATA
        self.at = 0
        self.end = DATA if packed is None else max(FEW, TIMES * packed)

    def readable(self):
        return True

    def seekable(self):
        return True

    def check(self, size):
        """Raise UserError if so many bytes more are too many: it need not be tried."""
        if self.at + size > self.end:
            raise UserError(f"{self.name} unpacks to more than {self.end:,} bytes, over {TIMES} times its size")
        self.budget.check(size, self.name)

    def readinto(self, buffer):
        size = self.file.readinto(memoryview(buffer)[:PIECE])
        self.check(size)
        self.budget.remaining -= size
        self.at += size
        return size

    def read(self, size):
        """Return as many bytes as are asked for, or all that are left. Raises UserError if that exceeds `max_bytes`."""
        if size > self.most:
            raise UserError(f"{self.name} has a header of more than {self.most:,} bytes")
        content = bytearray()
        while len(content) < size:
            piece = super().read(min(PIECE, size - len(content)))
            if not piece:
                break
            content += piece
        return bytes(content)

    def read_rest(self, size):
        """Return the remaining bytes, a bytearray, if there are exactly `size` of them; otherwise None."""
        self.check(size)
        content = bytearray(size)
        n_read = 0
        while n_read < size:
            n_new = self.readinto(memoryview(content)[n_read:])
            if not n_new:
                break
            n_read += n_new
        return content if n_read == size and not self.read(1) else None

    def tell(self):
        return self.at

    def seek(self, place, whence=0):
        """Forward only."""
        if whence or place < self.at:
            raise io.UnsupportedOperation
        while self.at < place and super().read(min(PIECE, place - self.at)):
            pass
        return self.at


SIGNS = {b"\x1f\x8b": "gzip", b"BZh": "bz2", b"\xfd7zXZ\0": "lzma"}  # what a file begins with, and who unpacks it


def is_packed(content):
    """Return True if bytes are those of a gzipped file."""
    return content[:2] == b"\x1f\x8b"


def open_unpacked_bytes(content, name, budget):
    """Open the content of a gzipped file, or else the bytes themselves, as a file that is counted. name: for UserError.

    Reading raises OSError, EOFError or zlib.error if it is damaged.
    """
    import gzip

    file = gzip.GzipFile(fileobj=io.BytesIO(content)) if is_packed(content) else io.BytesIO(content)
    return CountingReader(file, budget, name, len(content) if is_packed(content) else None)


@contextmanager
def open_unpacked(path, budget):
    """Context manager: open a file, unpack it if it is packed by gzip, bzip2 or xz, and yield a `CountingReader`."""
    with open(path, "rb") as file:
        start = file.read(6)
        module_name = next((module for sign, module in SIGNS.items() if start.startswith(sign)), None)
        file.seek(0)
        size = os.fstat(file.fileno()).st_size
        with import_module(module_name).open(file) if module_name else nullcontext(file) as stream:
            yield CountingReader(stream, budget, path, size if module_name else None)


def check_zip_directory(file, name):
    """Raise UserError if the member list of an open ZIP file exceeds DIRECTORY bytes: read, it takes ten times more."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - 2**17))  # behind its end, there is a comment of at most 2**16 bytes
    end = file.read()
    # What a file begins its end with, where the size of the list is in it, how many bytes that has; the second is for
    # large files. The first then has nothing but ones.
    for sign, offset, n_bytes in ((b"PK\5\6", 12, 4), (b"PK\6\6", 40, 8)):
        position = end.rfind(sign)
        if position >= 0:
            list_size = int.from_bytes(end[position + offset : position + offset + n_bytes], "little")
            if list_size > DIRECTORY and (n_bytes == 8 or list_size != 2**32 - 1):
                raise UserError(f"{name} has a list of files of more than {DIRECTORY:,} bytes")
    file.seek(0)


class CapacityLimit:
    """Lets so much in at once; who brings more than there is room for waits until others have left."""

    def __init__(self, capacity):
        self.room = capacity
        self.changed = Condition()

    @contextmanager
    def __call__(self, size):
        """size: at most all that there is room for."""
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
    """Bytes to be read within SECONDS of this thread's work: TimeoutError after that."""

    def __init__(self, content):
        super().__init__(content)
        self.started = time.thread_time()

    def read(self, size=-1):
        if time.thread_time() - self.started > SECONDS:
            raise TimeoutError
        return super().read(size)

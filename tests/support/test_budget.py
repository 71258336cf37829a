"""What a file may cost that is read: what would fill a memory is one line, and what people have still loads."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import threading
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from hypothesis import strategies as st
from PIL import Image

from conftest import damaged, fuzz, schedule
from desk import archives
from support import budget, ink, pictures, texts
from support.errors import UserError


def idx(shape, content):
    return struct.pack(f">BBBB{len(shape)}I", 0, 0, 8, len(shape), *shape) + content


def read_archive(ending):
    """A reader of an archive of that kind."""

    def read(content, folder):
        path = folder / f"ada{ending}"
        path.write_bytes(content)
        if unread := archives.unpack_archive(["dz1"], path, folder / "unpacked"):
            raise UserError(str(unread))

    return read


READERS = {
    "images": lambda content, folder: pictures.parse_idx(content, "images"),
    "a text": lambda content, folder: texts.parse_text_file(content, "a text"),
    "a picture": lambda content, folder: ink.read_picture(io.BytesIO(content)),
    "zip": read_archive(".zip"),
    "tar": read_archive(".tar.gz"),
}


def peak_of(reader, content, folder):
    """(the most bytes that Python has taken while it was read, what was said of it)."""
    tracemalloc.start()
    try:
        READERS[reader](content, folder)
        said = ""
    except UserError as error:
        said = str(error)
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak, said


def tar(kind=tarfile.REGTYPE, size=0, content=b""):
    info = tarfile.TarInfo("dz1.py")
    info.type, info.size = kind, size
    return info.tobuf(tarfile.USTAR_FORMAT) + content


def zip_of(content, method=zipfile.ZIP_DEFLATED):
    with zipfile.ZipFile(packed := io.BytesIO(), "w", method) as archive:
        archive.writestr("dz1.py", content)
    return packed.getvalue()


ZEROS = bytes(2**25)  # more than ALWAYS_ALLOWED_BYTES
MEMBER = struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, *[0] * 7, 1, *[0] * 6) + b"a"
SMALL_BUT = {
    "images": ("images", lambda: gzip.compress(idx((2**25,), ZEROS)), "over 100 times its size"),
    "a claim": ("images", lambda: gzip.compress(idx((2**31, 4), b"")), "unpacks to more than"),
    "more than claimed": ("images", lambda: gzip.compress(idx((4,), ZEROS)), "is damaged"),
    "a text": ("a text", lambda: gzip.compress(b"ab" + ZEROS), "over 100 times its size"),
    "bzip2 in a zip": ("zip", lambda: zip_of(ZEROS, zipfile.ZIP_BZIP2), "it has more than"),
    "a zip's list": (
        "zip",
        lambda: MEMBER * 90_000 + struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, 9, 9, len(MEMBER) * 90_000, 0, 0),
        "a list of files of more than 4,194,304 bytes",
    ),
    "a tar's header": ("tar", lambda: bz2.compress(tar(tarfile.GNUTYPE_LONGNAME, 2**25, ZEROS)), "a header of more"),
    "a tar's member": ("tar", lambda: bz2.compress(tar(size=2**25, content=ZEROS)), "it has more than"),
    "xz in a tar": ("tar", lambda: lzma.compress(tar(b"x", 2**25, ZEROS)), "a header of more"),
    "before the next member": ("tar", lambda: gzip.compress(tar(b"7", 2**25, ZEROS) * 2), "over 100 times"),
}


EVERY_DAY = ["more than claimed", "a text", "a zip's list", "a tar's header"]


@pytest.mark.parametrize("case", schedule(SMALL_BUT, every_day=EVERY_DAY))
def test_few_bytes_take_little_memory(case, tmp_path):
    reader, make, words = SMALL_BUT[case]
    content = make()
    peak, said = peak_of(reader, content, tmp_path)
    assert words in said and "\n" not in said
    assert peak < 2**24


def test_pictures_that_are_read_side_by_side_share_their_pixels(tmp_path, monkeypatch):
    inside, most, lock, shades = [], [], threading.Lock(), ink.to_grey

    def slowly(image):
        with lock:
            inside.append(image.width * image.height)
            most.append(sum(inside))
        result = shades(image)
        with lock:
            inside.remove(image.width * image.height)
        return result

    monkeypatch.setattr(ink, "to_grey", slowly)
    monkeypatch.setattr(ink, "DECODED_PIXELS_LIMIT", budget.CapacityLimit(60_000))
    paths = [tmp_path / f"{i}.png" for i in range(20)]
    for path in paths:
        Image.new("L", (200, 100)).save(path)
    assert len(pictures.read_images(paths, "light")[0]) == 20
    assert len(most) == 20 and max(most) <= 60_000


def test_a_picture_that_takes_too_long_is_a_line(tmp_path, monkeypatch):
    Image.new("L", (99, 99)).save(tmp_path / "long.png")
    monkeypatch.setattr(budget, "MAX_PICTURE_SECONDS", -1)
    with pytest.raises(UserError, match="more than 30 seconds of work"):
        ink.read_picture(tmp_path / "long.png")


def test_files_share_a_budget():
    most, content = budget.Budget(150), idx((90,), bytes(90))
    pictures.parse_idx(content, "one", most)
    with pytest.raises(
        UserError, match=r"^two unpacks to too many bytes: at most 150, with the files that belong to it$"
    ):
        pictures.parse_idx(content, "two", most)


def test_a_process_that_is_killed_costs_a_line(tmp_path, monkeypatch):
    (tmp_path / "ada.zip").write_bytes(zip_of("x = 1"))
    whole = budget.Budget(100)
    assert archives.unpack_in_subprocess(["dz1"], tmp_path / "ada.zip", tmp_path / "unpacked", whole) == {}
    assert (tmp_path / "unpacked" / "0" / "dz1.py").read_text(encoding="utf-8") == "x = 1" and whole.remaining == 95
    monkeypatch.setattr(archives, "TIMEOUT_SECONDS", 0)
    said = archives.unpack_in_subprocess(["dz1"], tmp_path / "ada.zip", tmp_path / "unpacked", whole)
    assert said == {"ada.zip": "it takes more than 0 seconds to unpack"}


@pytest.mark.slow(one_in=2)
def test_the_largest_of_their_kind_still_load():
    """As many images as EMNIST's largest part has, and a text of 100 MB."""
    rng, n = np.random.default_rng(0), 697_932
    head, ink = idx((n, 28, 28), b""), rng.integers(0, 256, (n, 28), np.uint8).tobytes()
    assert pictures.parse_idx(packed(head, ink, 28), "EMNIST").shape == (n, 28, 28)
    letters = np.frombuffer(b"abcdefghijklmnop \n", np.uint8)[rng.integers(0, 18, 10**6)].tobytes()
    assert texts.parse_text_file(packed(b"", letters, 100), "a text")[0].shape == (10**8,)


def packed(head, piece, times):
    """As gzip would pack head + times * piece, if it knew nothing of what came before a piece."""
    whole, one = zlib.compressobj(1, wbits=-15), zlib.compressobj(1, wbits=-15)
    begun = whole.compress(head) + whole.flush(zlib.Z_FULL_FLUSH)
    again = one.compress(piece) + one.flush(zlib.Z_FULL_FLUSH)
    crc = zlib.crc32(head)
    for _ in range(times):
        crc = zlib.crc32(piece, crc)
    size = (len(head) + times * len(piece)) % 2**32
    last = zlib.compressobj(1, wbits=-15).flush()
    return b"\x1f\x8b\x08" + bytes(7) + begun + times * again + last + struct.pack("<II", crc, size)


# --- Any bytes --------------------------------------------------------------------------------------------------------

RUNS = st.lists(st.tuples(st.binary(max_size=40), st.sampled_from([1, 9, 600, 70_000, 2**21])), max_size=3)
BYTES = RUNS.map(lambda runs: b"".join(piece * times for piece, times in runs)[: 2**22])
SHAPE = st.lists(st.sampled_from([0, 1, 7, 28, 2**16, 2**31]), max_size=4)
KINDS = st.sampled_from([b"0", b"x", b"g", b"L", b"K", b"S", b"5", b"7", b"1"])
MADE = {
    "images": st.builds(idx, SHAPE, BYTES).map(lambda made: gzip.compress(made, 1)),
    "a text": BYTES.map(lambda made: gzip.compress(made, 1)),
    "zip": st.builds(zip_of, BYTES, st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])),
    "tar": st.lists(st.builds(tar, KINDS, st.sampled_from([0, 9, 513, 2**20, 2**33 - 1]), BYTES), max_size=3).map(
        lambda made: gzip.compress(b"".join(made), 1)
    ),
}


def picture(side, kind):
    Image.new("RGB", (side, 3)).save(content := io.BytesIO(), kind)
    return content.getvalue()


def drawing():
    Image.fromarray(np.pad(np.full((20, 6), 0, np.uint8), 20, constant_values=255)).save(content := io.BytesIO(), "PNG")
    return content.getvalue()


MADE["a picture"] = st.builds(picture, st.sampled_from([1, 40, 9000]), st.sampled_from(ink.FORMATS))
WHOLE = {  # as people have them: each must be read
    "images": gzip.compress(idx((3, 28, 28), bytes(range(256)) * 9 + bytes(48))),
    "a text": gzip.compress(bytes(np.random.default_rng(0).choice(list(b"abcdefgh \n"), 2000).astype(np.uint8))),
    "a picture": drawing(),
    "zip": zip_of("x = 1"),
    "tar": gzip.compress(tar(size=5, content=b"x = 1" + bytes(507)) + bytes(1024)),
}


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize("reader", READERS)
def test_no_file_takes_more_than_the_budget_or_ends_in_a_traceback(reader, tmp_path, monkeypatch):
    """Made as such a file is, packed and then damaged; the limits are lower, so that many files meet them."""
    for name, value in {
        "ALWAYS_ALLOWED_BYTES": 2**20,
        "MAX_COMPRESSION_RATIO": 20,
        "MAX_TAR_HEADER_BYTES": 2**16,
        "MAX_ZIP_DIRECTORY_BYTES": 2**16,
    }.items():
        for module in (budget, archives):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, value)
    seen = set()

    def check(content):
        peak, said = peak_of(reader, content, tmp_path)
        seen.add(bool(said))
        assert "\n" not in said
        assert peak < 2**23 + 60 * len(content)

    check(WHOLE[reader])
    assert seen == {False}
    fuzz(100, MADE[reader].flatmap(lambda content: st.one_of(st.just(content), damaged(content))), check)
    assert True in seen

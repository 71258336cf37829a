"""MNIST in: only the right bytes, whatever the disk and the network do.

The network is a server on loopback that serves the right bytes, wrong ones, half of them, errors and silence.
"""

import gzip
import hashlib
import http.server
import threading
import time

import numpy as np
import pytest

import data
from conftest import ROOT, assert_one_line

CONTENT = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 5]) + b"digit", mtime=0)
SUMS = (hashlib.sha256(CONTENT).hexdigest(),)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        kind = self.path.split("/")[1]
        if kind in ("404", "503"):
            return self.send_error(int(kind))
        if kind == "loop":
            self.send_response(302)
            self.send_header("Location", self.path)
            return self.end_headers()
        if kind == "stall":
            return self.server.released.wait(20)
        content = self.server.files.get(self.path.rsplit("/", 1)[-1], CONTENT)
        if kind == "wrong":
            content = content[:-1] + bytes([content[-1] ^ 1])
        if kind == "longer":
            content = content + b"\0"
        self.send_response(200)
        if kind == "endless":
            self.end_headers()
            while not self.server.released.is_set():
                self.wfile.write(bytes(2**20))
        self.send_header("Content-Length", str(len(content)))
        if kind == "encoded":  # some servers call a .gz an encoding; the file is still what was sent
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if kind == "truncated":
            content = content[: len(content) // 2]
        if kind == "half_then_stall":
            self.wfile.write(content[: len(content) // 2])
            self.wfile.flush()
            return self.server.released.wait(20)
        self.wfile.write(content)
        return None

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(monkeypatch):
    """http://127.0.0.1:PORT/KIND/FILE behaves as KIND says; `.asked` lists what was asked for."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *arguments: None  # clients hang up on purpose
    server.asked, server.files, server.released = [], {}, threading.Event()
    server.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(data, "TIMEOUT", (2, 0.5))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


def fetch_from(server, tmp_path, *kinds):
    urls = [f"{server.url}/{kind}/file.gz" for kind in kinds]
    return data.download(urls, tmp_path / "cache" / "file.gz", SUMS)


def folder(tmp_path):
    cache = tmp_path / "cache"
    return sorted(p.name for p in cache.iterdir()) if cache.exists() else []


# --- MNIST as it is ---


def test_mnist_is_the_published_one(mnist):
    assert mnist.train_images.shape == (60000, 28, 28)
    assert mnist.test_images.shape == (10000, 28, 28)
    assert {a.dtype for a in mnist[:4]} == {np.dtype(np.uint8)}
    assert np.bincount(mnist.train_labels).tolist() == [5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949]
    assert mnist.test_labels[:6].tolist() == [7, 2, 1, 0, 4, 1]


def test_the_bundled_files_hold_the_published_bytes():
    """The sums of the decompressed files as mnist/README.md gives them; data.py checks those of the .gz."""
    published = (ROOT / "mnist" / "README.md").read_text()
    for file in data.FILES:
        content = gzip.decompress((data.BUNDLED / file).read_bytes())
        assert hashlib.sha256(content).hexdigest() in published


def test_sums_are_those_of_the_readme():
    published = (ROOT / "mnist" / "README.md").read_text()
    for source in data.SOURCES.values():
        assert all(sums[-1] in published for sums in source.sha256)
        assert all(mirror in published for mirror in source.mirrors)


def test_mean_and_deviation_are_those_of_the_training_set(mnist):
    counts = np.bincount(mnist.train_images[::7].ravel(), minlength=256)  # every seventh image will do
    values = np.arange(256) / 255
    mean = (counts * values).sum() / counts.sum()
    std = np.sqrt((counts * (values - mean) ** 2).sum() / counts.sum())
    assert mean == pytest.approx(mnist.mean, abs=5e-4)
    assert std == pytest.approx(mnist.std, abs=5e-4)


def test_hold_out_keeps_the_test_set_out_of_sight(mnist):
    held = data.load("mnist", 10000)
    assert (held.test_images == mnist.train_images[-10000:]).all()
    assert (held.test_labels == mnist.train_labels[-10000:]).all()
    assert len(held.train_images) == len(held.train_labels) == 50000


# --- Batches ---


def test_an_epoch_is_a_permutation_that_seed_and_epoch_decide():
    orders = {(s, e): tuple(data.stream(s, e).permutation(1000)) for s in (0, 1, 2**63) for e in (0, 1, 2)}
    assert len(set(orders.values())) == 9
    assert all(sorted(order) == list(range(1000)) for order in orders.values())
    assert orders[1, 2] == tuple(data.stream(1, 2).permutation(1000))


def training_set(images, labels):
    return data.Dataset(images, labels, None, None, 0, 1)


def test_batches_go_on_anywhere_as_if_never_stopped():
    images, labels = np.arange(103, dtype=np.uint8).reshape(-1, 1, 1), np.arange(103, dtype=np.uint8)
    whole = list(data.batches(training_set(images, labels), 10, 4, 0, 35))
    assert len(whole) == 35
    for first in (0, 3, 10, 19, 34):
        assert_same(whole[first:], data.batches(training_set(images, labels), 10, 4, first, 35))
    for epoch in range(3):
        seen = np.concatenate([y for _, y in whole[10 * epoch : 10 * epoch + 10]])
        assert len(set(seen.tolist())) == 100
    assert all((x.ravel() == y).all() and y.dtype == np.int64 for x, y in whole)


def assert_same(batches, others):
    for (x, y), (x2, y2) in zip(batches, others, strict=True):
        assert (x == x2).all()
        assert (y == y2).all()


# --- Augmentation ---


@pytest.mark.parametrize("augment", ["shift", "affine", "elastic", "gentle"])
def test_augmentation_is_a_function_of_seed_epoch_and_batch(mnist, augment):
    images, labels = mnist.train_images[:100], mnist.train_labels[:100]
    whole = list(data.batches(training_set(images, labels), 20, 3, 0, 12, augment))
    for first in (0, 4, 5, 11):
        assert_same(whole[first:], data.batches(training_set(images, labels), 20, 3, first, 12, augment))
    plain = list(data.batches(training_set(images, labels), 20, 3, 0, 12))
    other = list(data.batches(training_set(images, labels), 20, 4, 0, 12, augment))
    for (x, y), (x_plain, y_plain), (x_other, _) in zip(whole, plain, other, strict=True):
        assert x.dtype == np.uint8
        assert x.shape == x_plain.shape
        assert (y == y_plain).all()
        assert (x != x_plain).any()
        assert (x != x_other).any()


def test_shift_moves_by_whole_pixels_up_to_two():
    dot = np.zeros((500, 28, 28), np.uint8)
    dot[:, 10, 12] = 200
    moved = data.shift(dot, data.stream(0))
    assert (moved.sum(axis=(1, 2)) == 200).all()
    _, rows, columns = np.nonzero(moved)
    assert set(rows) == {8, 9, 10, 11, 12}
    assert set(columns) == {10, 11, 12, 13, 14}
    at_the_corner = np.zeros((500, 28, 28), np.uint8)
    at_the_corner[:, 0, 0] = 1
    assert data.shift(at_the_corner, data.stream(0)).sum() < 500  # some leave, and none comes back elsewhere


def test_affine_and_elastic_without_any_change_are_the_image(mnist):
    images = mnist.train_images[:50]
    none = {"turn": 0, "scale": 0, "slant": 0, "move": 0}
    assert (data.affine(images, data.stream(0), **none) == images).all()
    assert (data.elastic(images, data.stream(0), bend=0, **none) == images).all()


def test_elastic_bends_by_what_it_says_and_smoothly():
    """Displacements of deviation 1 at every pixel, alike at neighbours, and unlike ten pixels away."""
    noise = np.random.default_rng(0).standard_normal((20_000, len(data.BUMPS)), dtype=np.float32)
    field = (noise @ data.BUMPS).reshape(-1, 28, 28)
    assert field.std(axis=0) == pytest.approx(np.ones((28, 28)), abs=0.03)
    centre = field[:, 14, 14]
    assert np.corrcoef(centre, field[:, 14, 15])[0, 1] > 0.95
    assert abs(np.corrcoef(centre, field[:, 14, 26])[0, 1]) < 0.3


def test_gentle_bends_by_three_fifths_of_that(mnist):
    points = [data.elastic_points(50, data.stream(2), bend=bend, turn=12, move=2) for bend in (0, 0.6, 1)]
    straight, less, more = points
    assert less - straight == pytest.approx(0.6 * (more - straight), abs=1e-4)
    images = mnist.train_images[:50]
    assert (data.gentle(images, data.stream(2)) == data.resample(images, less)).all()


def test_resampling_a_quarter_turn_is_exact():
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 5:9, 3:20] = 250
    grid = np.indices((28, 28), np.float32).reshape(2, -1) - 13.5
    quarter = np.array([[0, -1], [1, 0]], np.float32) @ grid + 13.5
    turned = data.resample(images, quarter[np.newaxis])[0]
    assert (turned == np.rot90(images[0])).all() or (turned == np.rot90(images[0], -1)).all()


@pytest.mark.parametrize("augment", [data.affine, data.elastic])
def test_digits_stay_where_they_are(mnist, augment):
    """Neither lost over the border nor spread out: the ink stays within 5 %, its centre within 5 pixels."""
    images = mnist.train_images[:500]
    moved = augment(images, data.stream(1))
    assert float(moved.sum()) == pytest.approx(float(images.sum()), rel=0.05)
    ramp = np.arange(28)
    for axis in (1, 2):
        centres = [(a.sum(axis=axis) * ramp).sum(axis=1) / a.sum(axis=(1, 2)) for a in (images, moved)]
        assert np.abs(centres[0] - centres[1]).max() < 5


def test_resampling_between_pixels_is_the_mean():
    images = np.zeros((1, 28, 28), np.uint8)
    images[0, 3, 4:6] = (100, 200)
    where = np.zeros((1, 2, 784), np.float32)
    where[0, :, 0] = (3, 4.5)
    where[0, :, 1] = (3.5, 4)
    where[0, :, 2] = (-50, 99)
    assert data.resample(images, where).ravel()[:3].tolist() == [150, 50, 0]


def test_what_is_drawn_ahead_stops_with_its_reader_and_raises_there():
    made = []

    def items():
        for i in range(100):
            made.append(i)
            if i == 7:
                raise ValueError("seven")
            yield i

    reader = data.ahead(items())
    assert [next(reader), next(reader)] == [0, 1]
    reader.close()
    assert len(made) <= 4
    with pytest.raises(ValueError, match="seven"):
        list(data.ahead(items()))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_pixels(mnist, dtype):
    images = mnist.train_images[:2000]
    raw, unit, standardised = (data.as_input(images, p, mnist, dtype) for p in ("raw", "unit", "standardised"))
    assert raw.dtype == unit.dtype == standardised.dtype == dtype
    assert (raw == images).all()
    assert unit.min() == 0
    assert unit.max() == 1
    assert abs(standardised.mean()) < 0.03
    assert abs(standardised.std() - 1) < 0.03
    assert images.max() == 255  # untouched


# --- Files that are missing or damaged ---


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A bundled folder and a cache of the test's own."""
    monkeypatch.setattr(data, "BUNDLED", tmp_path / "mnist")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    data.BUNDLED.mkdir()
    for file in data.FILES:
        (data.BUNDLED / file).symlink_to(ROOT / "mnist" / file)
    return tmp_path


def at(monkeypatch, name, *mirrors, sums=None):
    source = data.SOURCES[name]
    monkeypatch.setitem(data.SOURCES, name, source._replace(mirrors=mirrors, sha256=sums or source.sha256))


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "one bit"])
def test_a_bundled_file_that_is_not_whole_is_fetched(elsewhere, server, monkeypatch, capsys, damage):
    file = data.FILES[3]
    good = (ROOT / "mnist" / file).read_bytes()
    bad = {"truncated": good[:1000], "empty": b"", "one bit": good[:99] + bytes([good[99] ^ 4]) + good[100:]}
    (data.BUNDLED / file).unlink()
    if damage in bad:
        (data.BUNDLED / file).write_bytes(bad[damage])
    server.files[file] = good
    at(monkeypatch, "mnist", f"{server.url}/503/", f"{server.url}/good/")
    dataset = data.load("mnist")
    assert dataset.test_labels[:3].tolist() == [7, 2, 1]
    assert server.asked == [f"/503/{file}", f"/good/{file}"]
    said = capsys.readouterr().err
    assert (str(data.BUNDLED / file) in said and "damaged" in said) == (damage in bad)
    data.load("mnist")  # from the cache this time
    assert len(server.asked) == 2


def test_a_damaged_file_and_no_network_end_in_one_line(program, tmp_path, server):
    """The whole program, in a copy of the repository whose mirrors are closed."""
    for path in ROOT.glob("*.py"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    source = (tmp_path / "data.py").read_text()
    for mirror in data.SOURCES["mnist"].mirrors:
        source = source.replace(mirror, f"{server.url}/404/")
    (tmp_path / "data.py").write_text(source)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / data.FILES[0]).write_bytes(b"not it")
    result = program(tmp_path / "main_np.py", "--out", tmp_path / "out", env={"XDG_CACHE_HOME": str(tmp_path / "c")})
    assert_one_line(result, data.FILES[0], "damaged", "HTTP 404", "put the file at")
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist"])
def test_the_relatives_are_fetched_verified_and_cached(elsewhere, server, monkeypatch, name):
    """Real bytes over a real connection: MNIST's own files stand in, under sums of their own."""
    for file in data.FILES:
        server.files[file] = (ROOT / "mnist" / file).read_bytes()
    sums = tuple((hashlib.sha256(server.files[file]).hexdigest(),) for file in data.FILES)
    at(monkeypatch, name, f"{server.url}/good/", sums=sums)
    assert data.load(name).train_images.shape == (60000, 28, 28)
    assert len(server.asked) == 4
    data.load(name)
    assert len(server.asked) == 4
    cached = data.cache_directory() / name / data.FILES[1]
    cached.write_bytes(b"rotten")
    assert data.load(name).train_labels[0] == 5
    assert len(server.asked) == 5
    assert cached.read_bytes() == server.files[data.FILES[1]]


def test_the_relatives_never_take_a_bundled_mnist_file(elsewhere, server, monkeypatch):
    at(monkeypatch, "kmnist", f"{server.url}/404/")
    with pytest.raises(data.DataError, match="HTTP 404"):
        data.load("kmnist")


# --- What a network can do ---


def test_the_first_mirror_that_sends_the_right_bytes_is_used(server, tmp_path):
    kinds = ["404", "503", "wrong", "truncated", "longer", "stall", "half_then_stall", "loop", "good", "never"]
    assert fetch_from(server, tmp_path, *kinds) == CONTENT
    assert [path.split("/")[1] for path in dict.fromkeys(server.asked)] == kinds[:-1]
    assert folder(tmp_path) == ["file.gz"]
    assert (tmp_path / "cache" / "file.gz").read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("404", "HTTP 404"),
        ("503", "HTTP 503"),
        ("wrong", "SHA-256"),
        ("longer", "SHA-256"),
        ("truncated", "IncompleteRead|ProtocolError"),
        ("stall", "Timeout"),
        ("half_then_stall", "Timeout"),
        ("loop", "TooManyRedirects"),
        ("endless", "more than"),
    ],
)
def test_what_went_wrong_is_said_and_nothing_is_kept(server, tmp_path, kind, reason):
    started = time.monotonic()
    with pytest.raises(data.DataError, match=reason) as caught:
        fetch_from(server, tmp_path, kind)
    assert f"{server.url}/{kind}/file.gz" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert folder(tmp_path) == []
    assert time.monotonic() - started < 10


def test_a_file_is_what_was_sent_whatever_its_encoding_is_called(server, tmp_path):
    assert fetch_from(server, tmp_path, "encoded") == CONTENT


def test_nobody_listening(tmp_path):
    with pytest.raises(data.DataError, match="ConnectionError"):
        data.download(["http://127.0.0.1:9/file.gz"], tmp_path / "cache" / "file.gz", SUMS)


def test_a_cache_that_cannot_be_written_costs_only_the_cache(server, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert fetch_from(server, tmp_path, "good") == CONTENT


def test_two_fetches_at_once_leave_one_whole_file(server, tmp_path):
    target = tmp_path / "cache" / "file.gz"
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(data.download([f"{server.url}/good/f"], target, SUMS)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 8
    assert folder(tmp_path) == ["file.gz"]


def test_an_unknown_dataset_is_one_line(program):
    assert_one_line(program("main_np.py", "--dataset", "letters"), "--dataset", "letters")


# --- Files out ---


def test_replacing_is_all_or_nothing(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt), data.replacing(path) as file:
        file.write(b"half of the n")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
    with data.replacing(path) as file:
        file.write(b"the new")
        assert path.read_bytes() == b"before"
    assert path.read_bytes() == b"the new"
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "content",
    [b"", b"\0\0\x08", b"\0\0\x08\x03\0\0", b"\0\0\x08\x01\0\0\0\x05abcd", b"\0\0\x09\x01\0\0\0\x01a", b"\x1f\x8b"],
)
def test_idx_files_that_are_none(content):
    with pytest.raises(data.DataError):
        data.parse_idx(content)


def test_idx():
    assert data.parse_idx(b"\0\0\x08\x02\0\0\0\x02\0\0\0\x03abcdef").tolist() == [[97, 98, 99], [100, 101, 102]]

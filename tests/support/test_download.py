"""Files from the network: only the right bytes, whatever the disk and the network do.

The network is a server on loopback that serves the right bytes, wrong ones, half of them, errors and silence.
"""

import gzip
import hashlib
import http.server
import threading
import time

import pytest

import data
from conftest import ROOT, assert_one_line
from support import download
from support.errors import UserError

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
        if kind == "slow":
            for byte in content:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                if self.server.released.wait(0.1):
                    return None
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
    monkeypatch.setattr(download, "TIMEOUT", (2, 0.5))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield server
    server.released.set()
    server.shutdown()
    server.server_close()


def fetch_from(server, tmp_path, *kinds):
    urls = [f"{server.url}/{kind}/file.gz" for kind in kinds]
    return download.download(urls, tmp_path / "cache" / "file.gz", SUMS)


def folder(tmp_path):
    cache = tmp_path / "cache"
    return sorted(p.name for p in cache.iterdir()) if cache.exists() else []


def test_the_bundled_files_hold_the_published_bytes():
    """The sums of the decompressed files as mnist/README.md gives them; download.py checks those of the .gz."""
    published = (ROOT / "mnist" / "README.md").read_text()
    for file in download.FILES:
        content = gzip.decompress((download.BUNDLED / file).read_bytes())
        assert hashlib.sha256(content).hexdigest() in published


def test_sums_are_those_of_the_readme():
    published = (ROOT / "mnist" / "README.md").read_text()
    for source in download.SOURCES.values():
        assert all(sums[-1] in published for sums in source.sha256)
        assert all(mirror in published for mirror in source.mirrors)


# --- Files that are missing or damaged ---


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A bundled folder and a cache of the test's own."""
    monkeypatch.setattr(download, "BUNDLED", tmp_path / "mnist")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    download.BUNDLED.mkdir()
    for file in download.FILES:
        (download.BUNDLED / file).symlink_to(ROOT / "mnist" / file)
    return tmp_path


def at(monkeypatch, name, *mirrors, sums=None):
    source = download.SOURCES[name]
    monkeypatch.setitem(download.SOURCES, name, source._replace(mirrors=mirrors, sha256=sums or source.sha256))


@pytest.mark.parametrize("damage", ["missing", "truncated", "empty", "one bit"])
def test_a_bundled_file_that_is_not_whole_is_fetched(elsewhere, server, monkeypatch, capsys, damage):
    file = download.FILES[3]
    good = (ROOT / "mnist" / file).read_bytes()
    bad = {"truncated": good[:1000], "empty": b"", "one bit": good[:99] + bytes([good[99] ^ 4]) + good[100:]}
    (download.BUNDLED / file).unlink()
    if damage in bad:
        (download.BUNDLED / file).write_bytes(bad[damage])
    server.files[file] = good
    at(monkeypatch, "mnist", f"{server.url}/503/", f"{server.url}/good/")
    dataset = data.load("mnist")
    assert dataset.test_labels[:3].tolist() == [7, 2, 1]
    assert server.asked == [f"/503/{file}", f"/good/{file}"]
    said = capsys.readouterr().err
    assert (str(download.BUNDLED / file) in said and "damaged" in said) == (damage in bad)
    data.load("mnist")  # from the cache this time
    assert len(server.asked) == 2


def test_a_damaged_file_and_no_network_end_in_one_line(program, tmp_path, server):
    """The whole program, in a copy of the repository whose mirrors are closed."""
    for path in [*ROOT.glob("*.py"), *ROOT.glob("support/*.py")]:
        copy = tmp_path / path.relative_to(ROOT)
        copy.parent.mkdir(exist_ok=True)
        copy.write_bytes(path.read_bytes())
    source = (tmp_path / "support" / "download.py").read_text()
    for mirror in download.SOURCES["mnist"].mirrors:
        source = source.replace(mirror, f"{server.url}/404/")
    (tmp_path / "support" / "download.py").write_text(source)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / download.FILES[0]).write_bytes(b"not it")
    result = program(tmp_path / "main_np.py", "--out", tmp_path / "out", env={"XDG_CACHE_HOME": str(tmp_path / "c")})
    assert_one_line(result, download.FILES[0], "damaged", "HTTP 404", "put the file at")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["fashion_mnist", "kmnist"])
def test_the_relatives_are_fetched_verified_and_cached(elsewhere, server, monkeypatch, name):
    """Real bytes over a real connection: MNIST's own files stand in, under sums of their own."""
    for file in download.FILES:
        server.files[file] = (ROOT / "mnist" / file).read_bytes()
    sums = tuple((hashlib.sha256(server.files[file]).hexdigest(),) for file in download.FILES)
    at(monkeypatch, name, f"{server.url}/good/", sums=sums)
    assert data.load(name).train_images.shape == (60000, 28, 28)
    assert len(server.asked) == 4
    data.load(name)
    assert len(server.asked) == 4
    cached = download.cache_directory() / name / download.FILES[1]
    cached.write_bytes(b"rotten")
    assert data.load(name).train_labels[0] == 5
    assert len(server.asked) == 5
    assert cached.read_bytes() == server.files[download.FILES[1]]


def test_the_relatives_never_take_a_bundled_mnist_file(elsewhere, server, monkeypatch):
    at(monkeypatch, "kmnist", f"{server.url}/404/")
    with pytest.raises(UserError, match="HTTP 404"):
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
    with pytest.raises(UserError, match=reason) as caught:
        fetch_from(server, tmp_path, kind)
    assert f"{server.url}/{kind}/file.gz" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert folder(tmp_path) == []
    assert time.monotonic() - started < 10


def test_a_file_is_what_was_sent_whatever_its_encoding_is_called(server, tmp_path):
    assert fetch_from(server, tmp_path, "encoded") == CONTENT


def test_nobody_listening(tmp_path):
    with pytest.raises(UserError, match="ConnectionError"):
        download.download(["http://127.0.0.1:9/file.gz"], tmp_path / "cache" / "file.gz", SUMS)


def test_a_cache_that_cannot_be_written_costs_only_the_cache(server, tmp_path):
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert fetch_from(server, tmp_path, "good") == CONTENT


def test_a_mirror_that_sends_a_byte_at_a_time_is_left(server, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "GRACE", 1)
    started = time.monotonic()
    assert fetch_from(server, tmp_path, "slow", "good") == CONTENT
    assert time.monotonic() - started < 4
    assert len(CONTENT) * 0.1 > 3  # or it would have come to its end


def test_two_fetches_at_once_leave_one_whole_file(server, tmp_path):
    target = tmp_path / "cache" / "file.gz"
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(download.download([f"{server.url}/good/f"], target, SUMS)))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [CONTENT] * 8
    assert folder(tmp_path) == ["file.gz"]

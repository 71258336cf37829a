"""Files from the network: the right bytes or one line, whatever a server sends. What is bundled needs none."""

import gzip
import hashlib
import socketserver
import threading
import time
from contextlib import nullcontext, suppress

import pytest

import data
from conftest import ROOT
from support import download
from support.errors import UserError

CONTENT = gzip.compress(b"ten kinds of clothing " * 99, mtime=0)
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
RIGHT = HEAD % len(CONTENT) + CONTENT
ANSWERS = {  # what a server sends: why it is not taken
    "right": (RIGHT, None),
    "one bit wrong": (RIGHT[:-1] + bytes([RIGHT[-1] ^ 1]), "wrong SHA-256 sum"),
    "half, then nothing": (RIGHT[:-9], "wrong SHA-256 sum"),
    "half, then silence": (RIGHT[:-9] + b"...", "timed out"),
    "gone": (b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "HTTP Error 404.*"),
}


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves fashion_mnist/ to a clone that holds no data: `.answer` is a function of the path, `.asked` a list."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with suppress(OSError):
                server.asked.append(self.request.recv(2**16).split()[1].decode())
                self.request.sendall(answer := server.answer(server.asked[-1]))
                time.sleep(answer.endswith(b"..."))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close, server.asked = True, False, []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        source = download.SOURCES["mnist"]._replace(url=f"http://127.0.0.1:{server.server_address[1]}/")
        monkeypatch.setitem(download.SOURCES, "fashion_mnist", source)
        monkeypatch.setattr(download, "TIMEOUT", 0.3)
        monkeypatch.setattr(download, "ROOT", tmp_path)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        yield server
        server.shutdown()


def find():
    return download.find("fashion_mnist", "x.gz", hashlib.sha256(CONTENT).hexdigest())


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_a_server_sends(server, tmp_path, kind):
    answer, reason = ANSWERS[kind]
    server.answer = lambda path: answer
    refused = pytest.raises(UserError, match=f"fetch http://.*/x.gz .({reason}).: .*put the file at .*fashion")
    with refused if reason else nullcontext():
        assert find() == CONTENT
    assert [path.read_bytes() for path in tmp_path.glob("fashion_mnist/*")] == ([] if reason else [CONTENT])


def test_no_more_is_read_than_a_file_has(server, monkeypatch):
    monkeypatch.setattr(download, "MAX_BYTES", len(CONTENT))
    server.answer = lambda path: b"HTTP/1.1 200 OK\r\n\r\n" + CONTENT + bytes(99)
    assert find() == CONTENT


def test_no_server(server, monkeypatch):
    source = download.SOURCES["mnist"]._replace(url="http://127.0.0.1:1/")
    monkeypatch.setitem(download.SOURCES, "fashion_mnist", source)
    with pytest.raises(UserError, match=r"x.gz \([^<>]*refused\): run again"):
        find()


@pytest.mark.parametrize("there", ["x.gz", "x.gz/folder", "../fashion_mnist"])  # damaged; a folder; no folder
def test_what_is_not_whole_is_fetched_and_kept_if_it_can_be(server, tmp_path, there):
    server.answer = lambda path: RIGHT
    path = (tmp_path / "fashion_mnist" / there).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    assert find() == find() == CONTENT
    assert len(server.asked) == (1 if there == "x.gz" else 2)


def test_what_is_bundled_is_the_published_one_or_one_line(server, tmp_path):
    published = (ROOT / "mnist" / "README.md").read_text()
    contents = {f"/{file}": (ROOT / "mnist" / file).read_bytes() for file in download.FILES}
    assert all(hashlib.sha256(gzip.decompress(content)).hexdigest() in published for content in contents.values())
    server.answer = lambda path: HEAD % len(contents[path]) + contents[path]
    assert data.load("fashion_mnist").test_labels[:3].tolist() == [7, 2, 1]  # MNIST's files stand in for its own
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / download.FILES[0]).write_bytes(b"half")
    with pytest.raises(UserError, match=r"train.* is missing or damaged: `git checkout -- mnist` brings it back"):
        data.load("mnist")
    assert len(server.asked) == 4

"""Files from the network: the right bytes or one line, whatever a server sends. What is bundled needs none."""

import gzip
import hashlib
import re
import shutil
import socketserver
import threading
import time
from contextlib import suppress
from itertools import repeat

import pytest

import data
from conftest import ROOT
from support import download, program, source
from support.errors import UserError
from support.source import open_source

CONTENT = gzip.compress(b"ten kinds of clothing " * 99, mtime=0)
HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
RIGHT = HEAD % len(CONTENT) + CONTENT
WAIT = object()  # in an answer: a second of silence


def redirect(url):
    return [f"HTTP/1.1 302 Found\r\nConnection: close\r\nLocation: {url}\r\n\r\n".encode()]


ANSWERS = {  # what a server sends: why it is not taken
    "right": ([RIGHT], None),
    "right, and called gzipped": ([RIGHT.replace(b"Connection", b"Content-Encoding: gzip\r\nConnection")], None),
    "right, in chunks": ([CHUNKED, b"%x\r\n" % len(CONTENT), CONTENT, b"\r\n0\r\n\r\n"], None),
    "one bit wrong": ([RIGHT[:-1] + bytes([RIGHT[-1] ^ 1])], "wrong SHA-256 sum"),
    "half, then nothing": ([RIGHT[:-9]], "IncompleteRead.*|wrong SHA-256 sum"),
    "half, then silence": ([RIGHT[:-9], WAIT], "timed out"),
    "silence": ([WAIT], "timed out"),
    "nothing": ([b""], ".* closed connection without response"),
    "gone": ([b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"], "HTTP status 404"),
    "no HTTP": ([b"220 ftp.example ready\r\n"], "220 ftp.example ready.*"),
    "byte by byte": ([HEAD % 99999, *repeat(b"x", 99)], "not finished after 0.6 seconds"),
    "no end": ([b"HTTP/1.1 200 OK\r\n\r\n", CONTENT, bytes(2**20)], "it has more than 10,000 bytes"),
    "a negative chunk": ([CHUNKED, b"-5\r\nabc\r\n"], ".+"),
    "a chunk of no length": ([CHUNKED, b"\r\n"], ".+"),
    "a redirect in a circle": (redirect("x.gz"), "Exceeded 30 redirects."),
    "a redirect to no address": (redirect("http://[::1/x"), "Invalid IPv6 URL"),
    "a redirect to no port": (redirect("http://127.0.0.1:99999/x"), ".+"),
    "a redirect to a long label": (redirect(f"http://{'a' * 64}.example/x"), ".+"),
    "a redirect to a file": (redirect("file:///etc/passwd"), "No connection adapters .*"),
}
PROXIES = ("proxy..example:80", "http://[::1", "http://127.0.0.1:1", "http://", "nonsense://127.0.0.1:1")


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serves fashion_mnist/ to a clone that holds no data: `.answer` is a function of the path, `.asked` a list."""

    class Handler(socketserver.BaseRequestHandler):
        def handle(self):
            with suppress(OSError):
                server.asked.append(self.request.recv(2**16).split()[1].decode())
                for part in server.answer(server.asked[-1]):
                    if part is WAIT:
                        time.sleep(1)
                    else:
                        self.request.sendall(part)
                        time.sleep(0.02 * (len(part) == 1))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads, server.block_on_close, server.asked = True, False, []
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        server.url = f"http://127.0.0.1:{server.server_address[1]}/"
        monkeypatch.setattr(download, "READ_TIMEOUT_SECONDS", 10)
        monkeypatch.setattr(download, "TOTAL_TIMEOUT_SECONDS", 20)
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
        yield server
        server.shutdown()


@pytest.fixture
def find(server, tmp_path):
    """find() looks for a file as data.load does."""
    path = tmp_path / "fashion_mnist" / "x.gz"
    return lambda: download.find_or_fetch_bytes(path, server.url + "x.gz", hashlib.sha256(CONTENT).hexdigest())


def assert_one_line(find, capsys, reason):
    assert program.run(find) == 2
    said = rf".*: cannot fetch http://.*/x.gz \(({reason})\): try again later, or put the file at .*/x.gz\n"
    assert re.fullmatch(said, capsys.readouterr().err)


@pytest.mark.parametrize("kind", ANSWERS)
def test_what_a_server_sends(find, server, tmp_path, capsys, monkeypatch, kind):
    answer, reason = ANSWERS[kind]
    server.answer = lambda path: answer
    monkeypatch.setattr(download, "MAX_BYTES", 10_000)
    if reason == "timed out":  # elsewhere a busy machine may take its time
        monkeypatch.setattr(download, "READ_TIMEOUT_SECONDS", 0.3)
    elif reason and "not finished" in reason:
        monkeypatch.setattr(download, "TOTAL_TIMEOUT_SECONDS", 0.6)
    if reason:
        assert_one_line(find, capsys, reason)
    else:
        assert find() == CONTENT
    assert [path.read_bytes() for path in tmp_path.glob("fashion_mnist/*")] == ([] if reason else [CONTENT])


@pytest.mark.parametrize("proxy", PROXIES)
def test_a_proxy_that_is_none(find, capsys, monkeypatch, proxy):
    monkeypatch.setenv("http_proxy", proxy)
    monkeypatch.setenv("NO_PROXY", "")
    assert_one_line(find, capsys, ".+")


def test_no_server(server, find, capsys):
    server.url = "http://127.0.0.1:1/"
    assert_one_line(find, capsys, "[^<>()]*refused")


@pytest.mark.parametrize("there", ["x.gz", "x.gz/folder", "../fashion_mnist"])  # damaged; a folder; no folder
def test_what_is_not_whole_is_fetched_and_kept_if_it_can_be(find, server, tmp_path, there):
    server.answer = lambda path: [RIGHT]
    path = (tmp_path / "fashion_mnist" / there).resolve()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"half")
    assert find() == find() == CONTENT
    assert len(server.asked) == (1 if there == "x.gz" else 2)


def test_what_is_bundled_is_the_published_one_or_one_line(server, tmp_path, monkeypatch):
    published = (ROOT / "datasets" / "mnist" / "README.md").read_text(encoding="utf-8")
    contents = {f"/{file}": (ROOT / "datasets" / "mnist" / file).read_bytes() for file in data.BUNDLED["mnist"]["sums"]}
    assert all(hashlib.sha256(gzip.decompress(content)).hexdigest() in published for content in contents.values())
    server.answer = lambda path: [HEAD % len(contents[path]), contents[path]]
    monkeypatch.setattr(download, "TOTAL_TIMEOUT_SECONDS", 30)
    monkeypatch.setitem(
        data.SOURCES, "fashion_mnist", open_source("fashion_mnist", **data.BUNDLED["mnist"], url=server.url)
    )
    monkeypatch.setattr(source, "ROOT", tmp_path)
    monkeypatch.setitem(data.SOURCES, "mnist", open_source("mnist", **data.BUNDLED["mnist"]))  # not read yet
    assert data.load("fashion_mnist").test_labels[:3].tolist() == [7, 2, 1]  # MNIST's files stand in for its own
    assert {path.name for path in (tmp_path / "datasets" / "fashion_mnist").iterdir()} == {
        *data.BUNDLED["mnist"]["sums"]
    }
    (tmp_path / "datasets" / "mnist").mkdir()
    (tmp_path / "datasets" / "mnist" / "train-images-idx3-ubyte.gz").write_bytes(b"half")
    with pytest.raises(UserError, match=r"train.* is damaged or missing: `git checkout -- datasets/mnist` restores it"):
        data.load("mnist")
    assert len(server.asked) == 4


def test_a_dataset_that_was_fetched_into_the_root_is_not_fetched_again(server, tmp_path, monkeypatch):
    shutil.copytree(ROOT / "datasets" / "mnist", tmp_path / "fashion_mnist")
    monkeypatch.setattr(source, "ROOT", tmp_path)
    monkeypatch.setitem(
        data.SOURCES, "fashion_mnist", open_source("fashion_mnist", **data.BUNDLED["mnist"], url=server.url)
    )
    assert data.load("fashion_mnist").test_labels[:3].tolist() == [7, 2, 1]
    assert not server.asked

"""What can happen to a run: nothing is lost, and nothing goes wrong silently.

What is tried, how often (everyday / with the slow tests), and what happens. "One line" is one on stderr, and exit 2.

    a run is killed (kill -9) ...
      at a random moment, resumed, killed again           5 / 4 x 50   every file is whole, an older or a newer one;
      before and after each file takes its place      - / 4 x 12       a resumed run ends with the bits of one that was
                                                                       never killed (both programs and models)
      just after announcing an epoch                  1                the epoch is in the checkpoint
      and leaves part of a file behind                1, and above     the next run removes it, an hour later
    the disk ...
      is full, at each file in turn                   7 / 11           one line; existing files are untouched
      forbids writing or reading                      2 x 2            the same
      has a folder, a pipe or a loop of links where   12               the same; only a regular file is ever replaced,
        a file should be, or a name too long                           or the one that a link points to
      has names with spaces, letters of all kinds,    4                nothing special
        bytes that are not letters
    stdout is full, closed, or has lost its reader,   5                the run is saved; one line, or silence
      also with -h; stderr is closed
    Ctrl-C comes while NumPy is being imported        2                "interrupted"
    the network ...
      sends gigabytes, compressed                     1                never unpacked: not the right SHA-256 sum
      has no encryption, or its own certificate       2                refused; no byte is kept
      damages header or body                          100 / 1,000      the right bytes or none
      serves four processes at once                   1                one whole file
      stalls, breaks off, goes in circles, lies,      (test_download.py)
        sends a byte a second, ...
    a file is damaged ...
      IDX                                             104 / 1,004      one line, or the array that its bytes describe
      checkpoint                                      100 / 1,000      one line, or the same run as with an intact one
      checkpoint, with correct sums                   100 / 1,000      one line, or a run that goes on from there
      checkpoint made by hand: terabytes, pickles,    some 330         the same; nothing is executed, no more than 1 GB
        bombs, other types, NaN, nonsense for options
      results.json                                    some 110 / 1,010 one line, and the file as it was; or it is read
    an option is nonsense                             some 5,000       one line, or a value in its range
    two runs write into one folder ...
      of two programs                                 1                all files as if each had been alone
      of one program                                  2                both finish; each file is whole, from one of them
    numbers ...
      seeds of 2**63 and 2**64 - 1                    2                kept exactly
      all hidden units dead                           2                finishes, at the loss of a guess
      learning rates up to 1e30                       8 / 16           one line that states the loss, or a finished run
                                                                       whose checkpoint can be read
      weights that overflow in look.py or predict.py  2                one line
      one image in a batch                            3 / 6            normalised, or one line where that cannot be
    any warning of NumPy, PyTorch or matplotlib       in the last five an error here

Only the proofs and the tests read a history: a resumed run takes its numbers from the checkpoint.
"""

import contextlib
import faulthandler
import functools
import gzip
import hashlib
import importlib
import io
import json
import multiprocessing
import os
import pickle
import random
import shutil
import signal
import socketserver
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest

import data
import main_np
from conftest import ROOT, assert_one_line
from lab.results import save_result
from networks import NETWORKS, begin, parse_options
from support import download
from support import program as ending
from support.checkpoint import load_checkpoint
from support.errors import UserError
from support.history import machine
from support.options import make_parser

resource = pytest.importorskip("resource", reason="processes are killed and limited in Unix's way")

SMALL = ("--batch-size", "60", "--epochs", "3")
MODELS = {
    "mlp": (*SMALL, "--hidden", "8"),
    "resnet": (*SMALL, "--model", "resnet", "--widths", "2,3"),
}
RUNS = [
    pytest.param(("main_np", "mlp"), id="main_np-mlp"),
    pytest.param(("main_np", "resnet"), id="main_np-resnet", marks=pytest.mark.slow),
    pytest.param(("main_torch", "mlp"), id="main_torch-mlp", marks=pytest.mark.slow),
    pytest.param(("main_torch", "resnet"), id="main_torch-resnet", marks=pytest.mark.slow),
]


# --- Runs in processes of their own, which start at once because they are forks of one that has imported everything ---


@pytest.fixture(scope="module")
def forks():
    context = multiprocessing.get_context("forkserver")
    pillow = [f"PIL.{name}ImagePlugin" for name in ("Bmp", "Gif", "Jpeg", "Ppm", "Png")]
    context.set_forkserver_preload(
        ["test_faults", "main_torch", "torch._dynamo", "matplotlib.backends.backend_agg", *pillow]
    )
    return context


@pytest.fixture(scope="module")
def small(mnist):
    """A file of 600 images to learn from and 100 to test, which every user can read."""
    with tempfile.TemporaryDirectory(prefix="faults") as name:
        os.chmod(name, 0o755)
        path = Path(name) / "small.npz"
        np.savez(path, *(array[:n] for array, n in zip(mnist[:4], (600, 600, 100, 100), strict=True)))
        yield path


def take(small):
    """Make this file the data of this process."""

    def load(name, hold_out):
        with np.load(small) as npz:
            return data.Dataset(*npz.values())

    data.load = load


def fork(log, before, work, *arguments):
    """In the new process: what `work` prints goes into files, and it is this process's main function."""
    faulthandler.enable()  # on stderr: where it hangs when it is aborted
    for number, name in ((1, "stdout"), (2, "stderr")):
        os.dup2(os.open(log / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    if before:
        before()
    sys.exit(work(*arguments))


def train(program, small, argv):
    take(small)
    main = importlib.import_module(program).main
    sys.argv = [f"{program}.py"]
    return ending.run(lambda: main([str(a) for a in argv]))


class Run:
    """A run of main_np or main_torch (or any other work) in a new process."""

    def __init__(self, forks, work, *arguments, before=None):
        self.log = Path(tempfile.mkdtemp(prefix="faults"))
        self.process = forks.Process(target=fork, args=(self.log, before, work, *arguments))
        self.process.start()

    def end(self, timeout=120):
        """Wait for the end: its status (minus the signal's number if one killed it), stdout and stderr."""
        self.process.join(timeout)
        hangs = self.process.is_alive()
        if hangs:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGABRT)
            self.process.join(10)
        said = [(self.log / name).read_text() if (self.log / name).exists() else "" for name in ("stdout", "stderr")]
        shutil.rmtree(self.log)
        assert not hangs, said
        return subprocess.CompletedProcess([], self.process.exitcode, *said)


@pytest.fixture
def start(forks, small):
    return lambda program, *argv, before=None: Run(forks, train, program, small, argv, before=before)


@pytest.fixture
def run(start):
    return lambda *argv, before=None: start(*argv, before=before).end()


def strict():
    """Every warning is an error, except those that Python hides from users anyway."""
    warnings.simplefilter("error")
    warnings.simplefilter("ignore", DeprecationWarning)


def succeeds(result):
    assert result.returncode == 0, result.stderr
    assert result.stderr == ""


def files(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def put(folder, contents):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, content in contents.items():
        (folder / name).write_bytes(content)


# --- Kill at any moment ---


@pytest.fixture(scope="module", params=RUNS)
def story(request, forks, small, tmp_path_factory):
    """What may ever stand in a folder: an older run, the checkpoints of a new one on its way, and its end."""
    program, model = request.param
    folder = tmp_path_factory.mktemp("story")

    def run(name, *argv):
        succeeds(Run(forks, train, program, small, [*argv, "--out", folder / name]).end())
        return files(folder / name)

    old = run("old", *MODELS[model], "--seed", 1)
    started = time.monotonic()
    new = run("new", *MODELS[model], "--seed", 2)
    seconds = time.monotonic() - started
    (checkpoint,) = (name for name in new if name.endswith(".npz"))
    half = [run(f"half{n}", *MODELS[model], "--seed", 2, "--stop-after", n)[checkpoint] for n in (1, 2)]
    assert len({old[checkpoint], *half, new[checkpoint]}) == 4
    assert len(old) == len(new) == 4
    allowed = {name: {old[name], new[name]} for name in new}
    allowed[checkpoint].update(half)
    return program, [*MODELS[model], "--seed", 2], old, new, allowed, checkpoint, seconds


def check_folder(folder, allowed):
    """All four files are there, each is whole, and nothing else is but parts whose names say so."""
    found = files(folder)
    for name in found.keys() - allowed.keys():
        assert name.startswith(".")
        assert name.endswith(".part")
    assert all(found[name] in allowed[name] for name in allowed)
    return found


def die_at(moment):
    """Make this process kill itself at that moment of writing; one is before, one after each os.replace."""
    moments = iter(range(10**6))

    def maybe():
        if next(moments) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    def killing(function):
        def call(*arguments):
            maybe()
            function(*arguments)
            maybe()

        return call

    os.replace = killing(os.replace)


@pytest.mark.slow
def test_killed_before_and_after_every_file_takes_its_place(story, start, tmp_path):
    program, argv, old, new, allowed, checkpoint, _ = story
    out = tmp_path / "out"
    for moment in range(12):  # three checkpoints, two pictures and the history
        put(out, old)
        result = start(program, *argv, "--out", out, before=functools.partial(die_at, moment)).end()
        assert result.returncode == -signal.SIGKILL
        found = check_folder(out, allowed)
        assert len(found) == 4 + (moment % 2 == 0)  # the part that had not taken its place
        assert (found[checkpoint] == old[checkpoint]) == (moment == 0)
        resume(start, program, argv, out, old, checkpoint)
        found = check_folder(out, allowed)
        assert all(found[name] == new[name] for name in new)


def resume(start, program, argv, out, old, checkpoint, kill_after=None):
    """Go on with what is in the folder; from the start if that is still the older run. Has it ended?"""
    if (out / checkpoint).read_bytes() != old[checkpoint]:
        argv = ["--resume", out / checkpoint]
    run = start(program, *argv, "--out", out)
    if kill_after is not None:
        run.process.join(kill_after)
        run.process.kill()
    result = run.end()
    if result.returncode != -signal.SIGKILL:
        succeeds(result)
    return result.returncode == 0


def kill(times, story, start, out):
    program, argv, old, new, allowed, checkpoint, seconds = story
    rng = random.Random(program)
    put(out, old)
    kills = ended = 0
    while kills < times:
        if resume(start, program, argv, out, old, checkpoint, rng.uniform(0, 0.8 * seconds)):
            ended += 1
            found = check_folder(out, allowed)
            assert all(found[name] == new[name] for name in new)
            put(out, old)
        else:
            kills += 1
            check_folder(out, allowed)
    resume(start, program, argv, out, old, checkpoint)
    found = check_folder(out, allowed)
    assert all(found[name] == new[name] for name in new)
    for name in found.keys() - new.keys():  # what the killed ones left goes an hour later, with the next run
        os.utime(out / name, (time.time() - 3700,) * 2)
    succeeds(start(program, *argv, "--out", out).end())
    assert files(out).keys() == old.keys()


def test_killed_at_random_moments(story, start, tmp_path):
    kill(5, story, start, tmp_path / "out")


@pytest.mark.slow
def test_killed_at_many_random_moments(story, start, tmp_path):
    kill(50, story, start, tmp_path / "out")


# --- Faults on the disk ---


def limit_files(size):
    """No file may have more bytes than this, as if the disk were full there."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))


def one_line(result, *words):
    assert_one_line(result, *words)
    assert result.stderr.startswith("main_")


@pytest.mark.parametrize("program", ["main_np", pytest.param("main_torch", marks=pytest.mark.slow)])
def test_a_disk_that_is_full_at_each_file(run, tmp_path, program):
    """Each file in turn is the largest that does not fit."""
    argv = (program, *MODELS["mlp"], "--epochs", 1)
    out = tmp_path / "out"
    succeeds(run(*argv, "--seed", 1, "--out", out))
    succeeds(run(*argv, "--out", tmp_path / "new"))
    old, new = files(out), files(tmp_path / "new")
    for name in old:
        size = len(new[name]) - 1
        put(out, old)
        result = run(*argv, "--out", out, before=functools.partial(limit_files, size))
        one_line(result, "File too large", str(out))
        found = files(out)
        assert found.keys() == old.keys()
        for n in found:  # what does not fit is the older one
            assert found[n] == old[n] or (len(new[n]) <= size and found[n] == new[n])
        assert found[name] == old[name]


@pytest.fixture
def tiny_disk():
    """A file system of 300 kB."""
    folder = Path(tempfile.mkdtemp(prefix="faults"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("needs the right to mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)
    folder.rmdir()


@pytest.mark.skipif(sys.platform != "linux", reason="tmpfs is Linux's")
def test_no_space_left(run, tiny_disk):
    out = tiny_disk / "out"
    succeeds(run("main_np", *MODELS["mlp"], "--seed", 1, "--out", out))
    old = files(out)
    free = shutil.disk_usage(tiny_disk).free
    for left in (0, 8192, 40960):  # nothing fits, not all of a file, not all files
        (tiny_disk / "filler").write_bytes(bytes(free - left))
        result = run("main_np", *MODELS["mlp"], "--hidden", 7, "--out", out)
        one_line(result, "No space left", str(out))
        found = files(out)
        assert found.keys() == old.keys()
        assert all(found[name] == old[name] for name in old if name.endswith("json"))
        load_checkpoint(out / "checkpoint_np.npz")
        (tiny_disk / "filler").unlink()


def become_nobody():
    """Root may write anywhere; this user may not."""
    "".encode("cp437")  # zipfile's codec, loaded while Python's own files can still be read
    if os.geteuid() == 0:
        os.setegid(65534)
        os.seteuid(65534)


@pytest.fixture
def common_ground():
    """A folder that every user can reach."""
    with tempfile.TemporaryDirectory(prefix="faults") as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.mark.parametrize("program", ["main_np", "main_torch"])
def test_a_folder_or_a_checkpoint_without_permission(run, common_ground, program):
    out = common_ground / "out"
    succeeds(run(program, *MODELS["mlp"], "--out", out))
    old = files(out)
    (checkpoint,) = out.glob("*.npz")
    out.chmod(0o555)
    result = run(program, *MODELS["mlp"], "--out", out, before=become_nobody)
    one_line(result, "cannot write in --out", "Permission denied")
    checkpoint.chmod(0o000)
    one_line(run(program, "--resume", checkpoint, before=become_nobody), "cannot read", "Permission denied")
    out.chmod(0o755)
    assert files(out) == old


def test_something_else_where_a_file_or_a_folder_should_be(run, tmp_path):
    out = tmp_path / "out"
    (out / "checkpoint_np.npz").mkdir(parents=True)
    one_line(run("main_np", *MODELS["mlp"], "--out", out), "checkpoint_np.npz: Is a directory")
    assert [p.name for p in out.iterdir()] == ["checkpoint_np.npz"]
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    long = "n" * 300
    for path in ("loop", "loop/in", long, "out/checkpoint_np.npz", "dangling"):
        one_line(run("main_np", "--resume", tmp_path / path), "cannot read")
    for path in ("loop", "loop/in", long, f"a/{long}"):
        one_line(run("main_np", *MODELS["mlp"], "--out", tmp_path / path), "cannot write in --out")
    succeeds(run("main_np", *MODELS["mlp"], "--out", tmp_path / "link" / ".." / "there"))  # made, though not needed
    (tmp_path / "alias").symlink_to(tmp_path / "there")
    before = files(tmp_path / "there")
    succeeds(run("main_np", *MODELS["mlp"], "--seed", 1, "--out", tmp_path / "alias"))
    assert files(tmp_path / "there").keys() == before.keys()
    assert files(tmp_path / "there") != before


def test_folders_of_any_name(run, tmp_path):
    argv = (*MODELS["mlp"], "--epochs", 4)
    names = ["with spaces", "数字 büro 👍", "--[a]*?%s{}", os.fsdecode(b"not utf-8 \xff")]
    if sys.platform == "darwin":  # whose folders have names in UTF-8
        del names[-1]
    for epoch, name in enumerate(names, 1):
        succeeds(run("main_np", *argv, "--stop-after", epoch, "--out", tmp_path / name))
        assert len(files(tmp_path / name)) == 4
        argv = ("--resume", tmp_path / name / "checkpoint_np.npz")


ENDS = {"full": "> /dev/full", "gone": "| true", "closed": ">&-"}


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("end", ENDS)
def test_an_output_that_takes_no_more(tmp_path, end):
    """What is printed is lost, but not the run."""
    command = f"set -o pipefail; '{sys.executable}' main_np.py --hidden 8 --steps 9 --out '{tmp_path}' {ENDS[end]}"
    env = os.environ | {"PYTHONUNBUFFERED": ""}
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT, env=env)
    assert len(files(tmp_path)) == 4
    assert result.returncode == {"full": 2, "gone": 1, "closed": 0}[end]
    assert result.stderr == ("main_np.py: error: No space left on device\n" if end == "full" else "")


def test_an_epoch_that_is_announced_is_saved(tmp_path):
    """Killed the moment its line is printed."""
    argv = [sys.executable, "-u", "main_np.py", "--hidden", "8", "--batch-size", "6000", "--out", tmp_path]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    while not process.stdout.readline().startswith("epoch 1"):
        assert process.poll() is None
    process.kill()
    process.communicate()
    assert load_checkpoint(tmp_path / "checkpoint_np.npz").history.step >= 10


# --- Faults on the network (test_data.py has a server of more kinds) ---

CONTENT = gzip.compress(bytes([0, 0, 8, 1, 0, 0, 0, 5]) + b"digit", mtime=0)
SUMS = (hashlib.sha256(CONTENT).hexdigest(),)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nContent-Type: application/gzip\r\n\r\n" % len(CONTENT) + CONTENT


class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        with contextlib.suppress(OSError):
            self.request.recv(2**16)
            self.server.answer(self.request)


@pytest.fixture
def server(monkeypatch):
    """A server on 127.0.0.1 whose `.answer`, a function of the socket, is the test's."""
    monkeypatch.setattr(download, "TIMEOUT", (2, 0.5))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        server.answer = lambda socket: socket.sendall(ANSWER)
        server.url = f"127.0.0.1:{server.server_address[1]}/file.gz"
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def test_a_body_that_decompresses_to_gigabytes(server, tmp_path):
    """16 GB of zeros in 16 MB, called an encoding: never decompressed."""
    bomb = gzip.compress(bytes(2**24)) * 1000
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb)
    server.answer = lambda socket: socket.sendall(head + bomb)
    tracemalloc.start()
    with pytest.raises(UserError, match="SHA-256"):
        download.download([f"http://{server.url}"], tmp_path / "cache" / "file.gz", SUMS)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**27
    assert not (tmp_path / "cache").exists()


def test_a_server_without_encryption(server, tmp_path):
    with pytest.raises(UserError, match="SSLError"):
        download.download([f"https://{server.url}"], tmp_path / "file.gz", SUMS)
    assert files(tmp_path) == {}


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl to make a certificate")
def test_a_server_that_nobody_vouches_for(server, tmp_path):
    """The right bytes, but under a certificate that it made itself."""
    pem = tmp_path / "both.pem"
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -keyout {pem} -out {pem}.crt -subj /CN=127.0.0.1"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", pem)

    def answer(socket):
        with context.wrap_socket(socket, server_side=True) as encrypted:
            encrypted.recv(2**16)
            encrypted.sendall(ANSWER)

    server.RequestHandlerClass = type("Silent", (Handler,), {"handle": lambda self: self.server.answer(self.request)})
    server.answer, server.handle_error = answer, lambda *arguments: None  # the client hangs up, as it should
    with pytest.raises(UserError, match="SSLError"):
        download.download([f"https://{server.url}"], tmp_path / "cache" / "file.gz", SUMS)
    assert not (tmp_path / "cache").exists()


def test_processes_that_fetch_at_once(forks, server, tmp_path):
    """Each sends its answer in two halves, so that they overlap."""

    def answer(socket):
        socket.sendall(ANSWER[:90])
        time.sleep(0.2)
        socket.sendall(ANSWER[90:])

    server.answer = answer
    target = tmp_path / "cache" / "file.gz"
    for run in [Run(forks, fetch, f"http://{server.url}", target) for _ in range(4)]:
        succeeds(run.end())
    assert files(target.parent) == {"file.gz": CONTENT}


def fetch(url, target):
    return download.download([url], target, SUMS) != CONTENT


def mutate(content, rng):
    """Some bytes with something done to them: bits flipped, a piece lost, put in, overwritten, swapped or repeated."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        i, j = sorted(rng.randrange(len(content) + 1) for _ in range(2))
        j = min(j, i + rng.choice((1, 4, 100)))
        match rng.randrange(7):
            case 0 | 1 if content:
                content[min(i, len(content) - 1)] ^= 1 << rng.randrange(8)
            case 2:
                content[i:j] = b""
            case 3:
                content[i:i] = rng.randbytes(rng.choice((1, 4, 100)))
            case 4:
                content[i:j] = rng.choice((b"\0", b"\xff", b"9")) * (j - i)
            case 5:
                content[i:j], content[:0] = b"", content[i:j]
            case 6:
                content[i:] = content[i : i + (j - i if rng.random() < 0.5 else 0)]
    return bytes(content)


COPIES = [pytest.param(100, id="100"), pytest.param(1000, id="1000", marks=pytest.mark.slow)]


@pytest.mark.parametrize("copies", COPIES)
def test_answers_that_are_damaged(server, tmp_path, copies):
    """Head or body: the right bytes or a reason, and never another byte in the cache."""
    rng = random.Random(0)
    seen = {"right": 0, "damaged": 0}
    server.answer = lambda socket: socket.sendall(mutate(ANSWER, rng))
    target = tmp_path / "cache" / "file.gz"
    for _ in range(copies):
        try:
            assert download.download([f"http://{server.url}"], target, SUMS) == CONTENT
            assert files(target.parent) == {"file.gz": CONTENT}
            target.unlink()
            seen["right"] += 1
        except UserError as error:
            assert "\n" not in str(error)
            assert not target.exists()
            seen["damaged"] += 1
    assert min(seen.values()) > copies / 10


# --- Files that are damaged, by chance or on purpose ---


def guarded(work, *arguments):
    """Call work(*arguments) in a process that allows no warning, no process, no pickle and no more than 1 GB."""
    strict()
    machine()  # asks `uname` once
    sys.addaudithook(forbid)
    work(*arguments)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss > (2**20 if sys.platform == "linux" else 2**30)  # kB, B


def forbid(event, arguments):
    if event in ("pickle.find_class", "os.system", "os.exec", "os.posix_spawn", "subprocess.Popen"):
        os.abort()


@pytest.mark.parametrize("copies", COPIES)
def test_damaged_idx_files(forks, copies):
    succeeds(Run(forks, guarded, parse_damaged_idx, copies).end())


def parse_damaged_idx(copies):
    rng = random.Random(1)
    values = np.arange(60, dtype=np.uint8)
    whole = struct.pack(">4B3I", 0, 0, 8, 3, 5, 4, 3) + values.tobytes()
    heads = (struct.pack(">4B3I", 0, 0, 8, 3, *shape) for shape in ((0, 2**32 - 1, 2**32 - 1), (2**31,) * 3, (0, 0, 0)))
    deep = struct.pack(">4B255I", 0, 0, 8, 255, *[1] * 255) + b"x"
    for content in (*heads, deep, *(mutate(whole, rng) for _ in range(copies))):
        try:
            array = data.parse_idx(content)
        except UserError as error:
            assert "\n" not in str(error)
        else:  # it is what the bytes say
            shape = struct.unpack_from(f">{content[3]}I", content, 4)
            assert (content[:3], array.shape, array.dtype) == (b"\0\0\x08", shape, np.uint8)
            assert array.tobytes() == content[4 + 4 * len(shape) :]


@pytest.fixture(scope="module")
def whole_checkpoint(forks, small, tmp_path_factory):
    out = tmp_path_factory.mktemp("checkpoint")
    succeeds(Run(forks, train, "main_np", small, [*MODELS["mlp"], "--stop-after", 1, "--out", out]).end())
    return (out / "checkpoint_np.npz").read_bytes()


@pytest.fixture
def checkpoint(whole_checkpoint, tmp_path):
    """The checkpoint of a small run after its first epoch."""
    path = tmp_path / "checkpoint_np.npz"
    path.write_bytes(whole_checkpoint)
    return path


def go_on(path, contents, small):
    """Resume each of the contents as a checkpoint for one more epoch: ["one line", or the weights it ends with]."""
    take(small)
    results = []
    for content in contents:
        path.write_bytes(content)
        errors = io.StringIO()
        with contextlib.redirect_stderr(errors), tempfile.TemporaryDirectory(dir=path.parent) as out:
            argv = ["--resume", str(path), "--stop-after", "2", "--out", out]
            status = ending.run(lambda argv=argv: main_np.main(argv))
            said = errors.getvalue()
            assert (status == 2 and said.count("\n") == 1) or (status, said) == (0, ""), said
            if status == 0 and (ended := Path(out) / path.name).exists():
                results.append(load_checkpoint(ended).groups["params"])
            else:
                results.append(said)
    return results


@pytest.mark.parametrize("copies", COPIES)
def test_damaged_checkpoints(forks, checkpoint, small, copies):
    """A mutated copy is refused, or (where the change does not matter) goes on as the whole one does."""
    succeeds(Run(forks, guarded, go_on_damaged, checkpoint, small, copies).end(600))


def no_pictures():
    main_np.plot.learning_curves = lambda *arguments: None


def go_on_damaged(path, small, copies):
    no_pictures()
    whole, rng = path.read_bytes(), random.Random(2)
    want, *results = go_on(path, [whole, *(mutate(whole, rng) for _ in range(copies))], small)
    refused = 0
    for result in results:
        if isinstance(result, str):
            refused += 1
        else:
            assert all((result[name] == want[name]).all() for name in want)
    assert copies / 2 < refused <= copies


@pytest.mark.parametrize("copies", COPIES)
def test_checkpoints_with_damage_that_no_sum_betrays(forks, checkpoint, small, copies):
    """Their arrays and options are mutated and then packed with sums that are right: an error, or a run."""
    succeeds(Run(forks, guarded, go_on_repacked, checkpoint, small, copies).end(600))


def go_on_repacked(path, small, copies):
    no_pictures()
    with np.load(path) as npz:
        whole = {name: npz[name] for name in npz.files}
    rng = random.Random(3)

    def repacked():
        arrays = dict(whole)
        name = rng.choice([*arrays, "options"])
        if name == "options":
            arrays[name] = mutate(str(arrays[name]).encode(), rng).decode(errors="replace")
        elif arrays[name].size > 1 or rng.random() < 0.5:
            content = mutate(arrays[name].tobytes(), rng)
            arrays[name] = np.frombuffer(content[: len(content) // 8 * 8], arrays[name].dtype)
            if arrays[name].size == whole[name].size:
                arrays[name] = arrays[name].reshape(whole[name].shape)
        else:
            arrays[name] = rng.choice([-1, 2**63, 2**64 - 1, 1.5, "x", [], [1], 0])
        return packed(arrays)

    results = go_on(path, (repacked() for _ in range(copies)), small)
    assert copies / 10 < sum(isinstance(result, str) for result in results) < copies


def packed(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def npy(header, content=b""):
    """A .npy file with that header, whatever it says."""
    header = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + content


class Evil:
    """Unpickling this makes a file."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def crafted(whole, evil):
    """{what is wrong: a checkpoint made by hand}."""
    with np.load(io.BytesIO(whole)) as npz:
        arrays = {name: npz[name] for name in npz.files}
    options = json.loads(str(arrays["options"]))
    W1, loss = arrays["params/W1"], arrays["history/train_loss"]

    def instead(**changes):
        return packed(arrays | {name.replace("__", "/"): value for name, value in changes.items()})

    def zipped(*entries, without=(), compression=zipfile.ZIP_STORED):
        file = io.BytesIO(whole)
        with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(file := io.BytesIO(), "w", compression) as new:
            for entry in old.infolist():
                if entry.filename not in without:
                    new.writestr(entry.filename, old.read(entry))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # about a name that is there twice
                for name, content in entries:
                    new.writestr(name, content)
        return file.getvalue()

    yield (
        "a shape of terabytes",
        zipped(
            ("params/W1.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (10**12,), }")),
            ("params/W9.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1000000000000,), }")),
        ),
    )
    for shape in ("(2000000000,)", "(-1,)", "(2147483647, 2147483647, 2147483647)", "(1e3,)", "(True,)", "()" * 4000):
        yield (
            f"shape {shape[:40]}",
            zipped(
                ("params/W1.npy", npy(f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}", bytes(64))),
                without=["params/W1.npy"],
            ),
        )
    for descr in (
        "'|O'",
        "'<f4garbage'",
        "[('a', '<f4')]",
        "'<M8[s]'",
        "'<U999999999'",
        "'|V8'",
        "'<f2'",
        "'>f4'",
        "''",
    ):
        yield (
            f"type {descr}",
            zipped(
                ("params/W1.npy", npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': (1,), }}", bytes(64))),
                without=["params/W1.npy"],
            ),
        )
    yield "an expression for a header", zipped(("params/W1.npy", npy("__import__('os').abort()")))
    yield (
        "a header of Python 2",
        zipped(("params/W1.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (1L,), }", bytes(4)))),
    )
    yield "two of a name", zipped(("params/W1.npy", npy("{'descr': '<f4', 'fortran_order': False, 'shape': (0,), }")))
    yield "no .npy", zipped(("params/W1", b"weights"), without=["params/W1.npy"])
    for name in ("../../evil.npy", "/evil.npy", "params/" + "n" * 60000 + ".npy", "params/ü\n\0.npy", ".npy", "/.npy"):
        yield (
            f"name {name[:40]}",
            zipped((name, npy("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", bytes(4)))),
        )
    for compression in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield f"compression {compression}", zipped(compression=compression)
    zeros = npy("{'descr': '|i1', 'fortran_order': False, 'shape': (100000000,), }") + bytes(10**8)
    yield "a bomb", zipped(("history/train_loss.npy", zeros), compression=zipfile.ZIP_DEFLATED)
    yield "a pickle", instead(params__W1=np.array([Evil(evil)], dtype=object))
    yield "only a pickle", pickle.dumps(Evil(evil))
    yield "a pickle for a .npy", zipped(("params/W1.npy", pickle.dumps(Evil(evil))), without=["params/W1.npy"])
    for value in (np.nan, np.inf, -np.inf):
        for name in ("params/b1", "momentum/W2", "history/test_loss", "history/train_accuracy"):
            array = arrays[name].copy()
            array.flat[-1] = value
            yield f"{value} in {name}", instead(**{name: array})
    for dtype in ("float64", "float16", "longdouble", "complex64", "int64", "bool", "U8", "datetime64[s]"):
        yield f"weights in {dtype}", instead(params__W1=W1.astype("int64").astype(dtype))
        yield f"losses in {dtype}", instead(history__train_loss=np.ones(len(loss), "int64").astype(dtype))
    for value in (1e308, -1e308, 9e29, 1e-320, -1, 2.0**63):
        yield f"losses of {value}", instead(history__train_loss=np.full(len(loss), value))
        yield f"accuracies of {value}", instead(history__train_accuracy=np.full(len(loss), value))
        yield f"a test loss of {value}", instead(history__test_loss=np.array([value]))
        yield f"a test accuracy of {value}", instead(history__test_accuracy=np.array([value]))
        yield f"weights of {value}", instead(params__W1=np.full_like(W1, min(abs(value), 3e38)))
    for value in (-1, -10, 0, 9, 11, 2**63, 10.0, np.nan, np.inf, "10", [10], [], [[1, 2]], True, 10 + 0j):
        yield f"step {value}", instead(step=value)
        yield f"format {value}", instead(format=value)
        yield f"test_step {value}", instead(history__test_step=value)
    for name in options:
        for value in (True, {}, "x", 1e999, -1, 1.5, 10**400, [[1]], None, "\udcff"):
            text = json.dumps(options | {name: value}, ensure_ascii=False).encode(errors="replace").decode()
            yield f"option {name}: {value!s:.40}", instead(options=text)
    for name in ("help", "h", "", "out", "resume", "-x", "hidden=3 --lr", "a" * 10000, "device", "widths", "\0"):
        yield f"option {name[:40]!r}", instead(options=json.dumps(options | {name: 1}))
    for text in ("", "null", "1", "[" * 100_000, '{"a":' * 100_000, "{} {}", "NaN", "\ufeff{}"):
        yield f"options {text[:40]!r}", instead(options=text)


def test_checkpoints_made_by_hand(forks, checkpoint, small):
    evil = checkpoint.parent / "evil"
    succeeds(Run(forks, guarded, go_on_crafted, checkpoint, small, evil).end(600))
    assert not evil.exists()


def go_on_crafted(path, small, evil):
    drawn, draw = [], main_np.plot.learning_curves
    main_np.plot.learning_curves = lambda *a: drawn or drawn.append(draw(*a))  # the first, and those that are asked for
    whole = path.read_bytes()
    for what, content in crafted(whole, evil):
        if "loss" in what or "accurac" in what:
            drawn.clear()
        try:
            (result,) = go_on(path, [content], small)
        except BaseException:
            print(what, file=sys.stderr)
            raise
        print(f"{what}: {result if isinstance(result, str) else 'goes on'}")


@pytest.mark.parametrize("copies", COPIES)
def test_damaged_results(forks, tmp_path, copies):
    """results.json, which every proof adds to."""
    shutil.copy(ROOT / "lab" / "results.json", tmp_path)
    succeeds(Run(forks, guarded, add_to_damaged_results, tmp_path / "results.json", copies).end())


def add_to_damaged_results(path, copies):
    whole, rng = path.read_bytes(), random.Random(4)
    bad = [b"", b"[]", b"null", b"[" * 100_000, b"\xff\xfe", b"1" * 5000]
    for section in ("accuracy", "choices"):  # right JSON of the wrong shape
        bad += [json.dumps({section: wrong}).encode() for wrong in (1, [], {"a": 1}, {"a": {"runs": {"0": []}}})]
    for content in (*bad, *(mutate(whole, rng) for _ in range(copies))):
        path.write_bytes(content)
        try:
            save_result("new", [1], path)
        except UserError as error:
            assert "\n" not in str(error)
            assert path.read_bytes() == content
        else:
            assert json.loads(path.read_text())["new"] == [1]


# --- Two runs at once ---


def test_two_programs_in_one_folder(start, run, tmp_path):
    programs = ("main_np", "main_torch")
    for program in programs:
        succeeds(run(program, *MODELS["mlp"], "--out", tmp_path / "alone"))
    for started in [start(program, *MODELS["mlp"], "--out", tmp_path / "together") for program in programs]:
        succeeds(started.end())
    assert files(tmp_path / "together") == files(tmp_path / "alone")


def test_two_runs_of_one_program_in_one_folder(start, run, tmp_path):
    """Both end whole, and each file is that of one of them."""
    for seed in (1, 2):
        succeeds(run("main_np", *MODELS["mlp"], "--seed", seed, "--out", tmp_path / f"alone{seed}"))
    alone = [files(tmp_path / f"alone{seed}") for seed in (1, 2)]
    for i in range(2):
        out = tmp_path / f"together{i}"
        for started in [start("main_np", *MODELS["mlp"], "--seed", seed, "--out", out) for seed in (1, 2)]:
            succeeds(started.end())
        found = files(out)
        assert found.keys() == alone[0].keys()
        assert all(found[name] in (alone[0][name], alone[1][name]) for name in found)


# --- Options that make no sense ---

NONSENSE = """
    -1 0 -0 1 +1 1.5 1e3 1e-400 1e400 nan -nan inf -inf Infinity 0x10 1_0 1,2 1,,2 , 0,0 None True [] {} - -h --seed
    ３ ½ π −1 👍 %s {0} ../.. / $(ls) ' MLP best cpu
""".split()  # noqa: SIM905
NONSENSE += ["", " ", "1 ", "1\n2", "\t1", "\udcff", "\u202e1", "\0"]
NONSENSE += ["9" * 30, "9" * 5000, "1" + ",1" * 20000, "a" * 100_000]


def flags(framework):
    """Every option of a program with its actions, from its own parser: a new one is tried at once."""
    parser = make_parser(NETWORKS, framework, "", [])
    return {flag: action for action in parser._actions for flag in action.option_strings if action.dest != "help"}


@pytest.mark.parametrize(("framework", "model"), [("np", ()), ("torch", ("--model", "resnet"))])
def test_nonsense_for_every_option(framework, model, capsys):
    """One line, or a value that is within what the option says of itself."""
    sys.stderr.reconfigure(errors="backslashreplace")  # as outside of the tests
    known = flags(framework)
    assert len(known) > 15
    for flag, action in known.items():
        for value in (None, *NONSENSE):
            for argv in ([f"{flag}={value}"], [flag, value]) if value is not None else ([flag],):
                options = []

                def parse(argv=argv, options=options):
                    try:
                        options.append(parse_options(framework, *model, *argv))
                    except SystemExit as end:  # -h
                        return end.code

                status = ending.run(parse)
                said = capsys.readouterr().err
                assert (status, said.count("\n")) in ((0, 0), (2, 1)), (argv, said)
                if options:
                    check_value(action, getattr(options[0], action.dest), value)


def check_value(action, value, text):
    if action.nargs == 0:
        assert isinstance(value, bool)
    elif action.choices:
        assert value in action.choices
    elif action.type is None:
        assert value == text
    else:
        for number in value if isinstance(value, tuple) else (value,):
            assert type(number) in (int, float)
            assert 0 <= number < 1e31


@pytest.mark.parametrize("program", ["main_np", "main_torch"])
def test_nonsense_from_end_to_end(run, tmp_path, program):
    out = tmp_path / "out"
    for argv in (
        ("--hidden", "½"),
        ("--lr", "nan"),
        ("--epochs", "0"),
        ("--epochs", "-1"),
        ("--seed", 2**64),
        ("--widths", "8,"),
        ("--model", "resnet", "--hidden", "5"),
        ("--batch-size", "601"),
        ("--dataset", "\udcff"),
        ("--steps", ""),
    ):
        one_line(run(program, *argv, "--out", out), argv[0].replace("--model", "--hidden"))
    assert not out.exists() or files(out) == {}


def test_a_batch_larger_than_what_is_not_held_out(program, tmp_path):
    result = program("main_np.py", "--hold-out", 30_000, "--batch-size", 30_001)
    assert_one_line(result, "--batch-size 30001 is more than the 30000 training images")


def test_a_checkpoint_of_another_model(run, tmp_path):
    succeeds(run("main_np", *MODELS["resnet"], "--stop-after", 1, "--out", tmp_path))
    path = tmp_path / "checkpoint_resnet_np.npz"
    for program in ("main_np", "main_torch"):
        for argv in (("--model", "mlp"), ("--hidden", 8), ("--widths", "2,4"), ("--recipe", "best"), ("--seed", 5)):
            one_line(run(program, "--resume", path, *argv, "--out", tmp_path), argv[0], "contradicts")


# --- Numbers ---


@pytest.mark.parametrize(("program", "seed"), [("main_np", 2**63), ("main_torch", 2**64 - 1)])
def test_large_seeds(run, tmp_path, program, seed):
    argv = (*SMALL, "--hidden", 8, "--epochs", 1, "--seed", seed, "--out", tmp_path)
    succeeds(run(program, *argv, before=strict))
    (history,) = tmp_path.glob("*.json")
    content = json.loads(history.read_text())
    assert content["options"]["seed"] == seed
    (path,) = tmp_path.glob("*.npz")
    assert begin("np", "", ["--resume", str(path)])[0].seed == seed


@pytest.mark.parametrize("program", ["main_np", "main_torch"])
def test_a_network_that_is_dead(run, checkpoint, tmp_path, program):
    """No hidden unit is ever on: it learns the output's biases, its weights get no gradient, and the run ends."""
    with np.load(checkpoint) as npz:
        arrays = {name: npz[name].copy() for name in npz.files}
    arrays["params/b1"][:] = -1e6
    for name in ("W1", "b1", "W2"):
        arrays[f"momentum/{name}"][:] = 0
    checkpoint.write_bytes(packed(arrays))
    succeeds(run(program, "--resume", checkpoint, "--out", tmp_path / "out", before=strict))
    (path,) = (tmp_path / "out").glob("*.npz")
    end = load_checkpoint(path)
    for name in ("W1", "b1", "W2"):
        assert (end.groups["params"][name] == arrays[f"params/{name}"]).all()
    assert (end.groups["params"]["b2"] != arrays["params/b2"]).all()
    assert end.history.train_loss[-1] == pytest.approx(np.log(10), abs=0.1)


@pytest.mark.parametrize("program", ["main_np", pytest.param("main_torch", marks=pytest.mark.slow)])
def test_losses_that_grow_beyond_all_bounds(run, tmp_path, program):
    """The largest learning rates, one more step each time: one line, or a run with pictures and without warnings."""
    ends = []
    for lr, steps in ((1e5, 3), (1e20, 2), (1e30, 1), (1e30, 4)):
        for dtype in ("float32", "float64"):
            argv = (*SMALL, "--hidden", 32, "--steps", steps, "--lr", lr, "--schedule", "constant", "--dtype", dtype)
            argv = [a for a in argv if a not in ("--epochs", "3")]
            result = run(program, *argv, "--out", tmp_path / dtype / str(lr), before=strict)
            if result.returncode:
                one_line(result, "the loss is", "at step", "lower --lr")
                assert files(tmp_path / dtype / str(lr)) == {}
            else:
                succeeds(result)
            ends.append(result.returncode)
    assert set(ends) == {0, 2}


@pytest.mark.parametrize("program", ["main_np", pytest.param("main_torch", marks=pytest.mark.slow)])
def test_batches_of_one_image(run, tmp_path, program):
    """Where one image still has several positions there is something to normalise, and where not, there is an error."""
    argv = ("--model", "resnet", "--batch-size", 1, "--steps", 7, "--out", tmp_path)
    succeeds(run(program, *argv, "--widths", "2,2,2,2", before=strict))
    one_line(run(program, *argv, "--widths", "2,2,2,2,2"), "--batch-size", "--widths")
    succeeds(run(program, *argv, "--widths", "2,2,2,2,2", "--batch-size", 2, before=strict))


@pytest.mark.parametrize(
    ("script", "model"),
    [("main_np.py", "mlp"), pytest.param("main_torch.py", "resnet", marks=pytest.mark.slow)],
)
def test_no_program_warns(program, script, model):
    argv = ("--hidden", 8) if model == "mlp" else ("--model", "resnet", "--widths", "2")
    strict = {"PYTHONWARNINGS": "error,ignore::DeprecationWarning"}
    result = program(script, *argv, "--batch-size", 100, "--steps", 5, env=strict)
    assert (result.returncode, result.stderr) == (0, "")

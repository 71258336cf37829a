"""What can happen to a run and its files: nothing is lost, nothing goes wrong silently, and what is said is one line.

Command lines are typed into this process, with a limit of seconds and of 1 GB each, unless they need one of their own.
"""

import contextlib
import importlib
import io
import itertools
import json
import multiprocessing
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from support import program as ending

import numpy as np
import pytest
from PIL import Image

import data
import plot
from conftest import ROOT, assert_one_line, damaged, fuzz, rows

resource = pytest.importorskip("resource", reason="processes are killed and limited in Unix's way")

RUN = "--hidden 8 --batch-size 60 --epochs 2"  # 20 steps
FILES = {"checkpoint_np.npz", "history_np.json", "loss_plot_np.png", "accuracy_plot_np.png"}
executed = []  # what a program has unpickled or started
sys.addaudithook(lambda event, _: executed.append(event) if event in ("pickle.find_class", "os.system") else None)


@pytest.fixture(scope="module")
def do(small):
    """do("NAME=value main_np --hidden 8", *more words) -> how the program ended."""
    return lambda *line, **limits: typed(small, *line, **limits)


def typed(small, line, *more, seconds=20):
    words, out, err = [*line.split(), *map(str, more)], io.StringIO(), io.StringIO()
    limit = resource.getrlimit(resource.RLIMIT_AS)
    executed.clear()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        while "=" in words[0]:
            patch.setenv(*words.pop(0).split("="))
        main = importlib.import_module(words[0]).main
        patch.setattr(sys, "argv", [f"{words[0]}.py", *words[1:]])
        patch.setattr(data, "load", lambda *_: small)
        patch.setattr("support.place.Place.join", lambda _: pytest.fail("waits for other processes"))
        if sys.platform == "linux":
            used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
            resource.setrlimit(resource.RLIMIT_AS, (used + 2**30, limit[1]))
        signal.signal(signal.SIGALRM, signal.default_int_handler)  # the status is 130 then
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            status = ending.run(main)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            resource.setrlimit(resource.RLIMIT_AS, limit)
            signal.signal(signal.SIGINT, signal.default_int_handler)
    assert "not enough memory" not in err.getvalue() and len(err.getvalue()) < 3000
    assert not executed
    return subprocess.CompletedProcess(line, status, out.getvalue(), err.getvalue())


def succeeds(result):
    assert (result.returncode, result.stderr) == (0, "")


def one_line_or_none(result):
    assert (result.returncode, result.stderr.count("\n")) in ((0, 0), (2, 1)), result.stderr


def tree(folder="."):
    """What is below a folder, but for folders: {path: its bytes; where it leads; None if it is no file, or is huge}."""
    found = {}
    for path in Path(folder).rglob("*"):
        if path.is_symlink():
            found[str(path.relative_to(folder))] = os.readlink(path)
        elif not path.is_dir():
            small = path.is_file() and path.stat().st_size < 2**24
            found[str(path.relative_to(folder))] = path.read_bytes() if small else None
    return found


@pytest.fixture(scope="module")
def good(do, mnist, tmp_path_factory):
    """A folder with a checkpoint after the first of two epochs, its history, and a picture of a digit."""
    folder, out = tmp_path_factory.mktemp("good"), tmp_path_factory.mktemp("out")
    succeeds(do(f"main_np {RUN} --stop-after 1 --out", out))
    shutil.copy(out / "checkpoint_np.npz", folder / "w.npz")
    shutil.copy(out / "history_np.json", folder / "h.json")
    (folder / "h.png").symlink_to("h.json")
    (folder / "forward_w.png").symlink_to("digit.png")
    Image.fromarray(255 - mnist.test_images[0]).resize((280, 280)).save(folder / "digit.png")
    return folder


@pytest.fixture
def here(good, tmp_path, monkeypatch):
    """The same in the current folder."""
    shutil.copytree(good, tmp_path, dirs_exist_ok=True, symlinks=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --- What is wrong with a file, and who reads or writes it ----------------------------------------------------------

IN_THE_WAY = {
    "a folder": os.mkdir,
    "a pipe": os.mkfifo,
    "a device": lambda path: os.symlink("/dev/zero", path),
    "a loop of links": lambda path: os.symlink(Path(path).name, path),
}
UNREADABLE = IN_THE_WAY | {
    "nothing": lambda path: None,
    "a link to nowhere": lambda path: os.symlink("nowhere", path),
    "an empty file": lambda path: Path(path).touch(),
    "a text": lambda path: Path(path).write_text("mine\n"),
    "brackets": lambda path: Path(path).write_text("[" * 100_000),
    "terabytes": lambda path: (Path(path).touch(), os.truncate(path, 2**40)),
}
READERS = (
    "main_np --resume fault", "predict digit.png --weights fault", "look --weights fault",
    "page.build --out page.html --weights fault", "predict --weights w.npz fault", "plot fault",
)  # fmt: skip


@pytest.mark.parametrize("line", READERS)
@pytest.mark.parametrize("fault", UNREADABLE)
def test_what_cannot_be_read_is_one_line(do, here, fault, line):
    UNREADABLE[fault]("fault")
    before = tree()
    assert_one_line(do(line, seconds=5), "fault")
    assert tree() == before


WRITERS = {  # a file, and what writes it
    "out/checkpoint_np.npz": "main_np --resume w.npz --out out",
    "out/history_np.json": "main_np --resume w.npz --out out",
    "out/loss_plot_np.png": "main_np --resume w.npz --out out",
    "seen.png": "predict digit.png --weights w.npz --show seen.png",
    "page.html": "page.build --weights w.npz --out page.html",
    "runs.png": "plot h.json --out runs.png",
}


@pytest.mark.parametrize("path", WRITERS)
@pytest.mark.parametrize("fault", IN_THE_WAY)
def test_only_a_regular_file_is_ever_replaced(do, here, path, fault):
    os.mkdir("out")
    IN_THE_WAY[fault](path)
    before = tree()
    assert_one_line(do(WRITERS[path]), path)
    after = tree()
    assert {name: after[name] for name in before} == before
    assert not [name for name in after if name.endswith(".part")]


def no_space(*_):
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("path", WRITERS)
def test_a_full_disk_costs_no_file_that_was_there(do, here, path):
    """Full at a file's last byte, or found to be full when it is closed; also where a link leads to the file."""
    succeeds(do(WRITERS[path]))
    os.rename(path, "elsewhere")
    os.symlink(here / "elsewhere", path)
    before, limits = tree(), resource.getrlimit(resource.RLIMIT_FSIZE)
    limit = os.stat(path).st_size - 1
    for most, fsync, said in ((limit, os.fsync, "File too large"), (limits[0], no_space, "No space left")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "fsync", fsync)
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
            try:
                assert_one_line(do(WRITERS[path]), said, path.split("/")[0])
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        assert tree() == before
    succeeds(do(WRITERS[path]))
    assert tree() == before


@pytest.mark.parametrize("line", [f"main_np {RUN} --out", "look --weights w.npz --out"])
@pytest.mark.parametrize(
    ("fault", "out"),
    [("a text", "fault/in"), ("a pipe", "fault"), ("a loop of links", "fault"), ("nothing", "/proc/self/fault")],
)
def test_a_folder_that_cannot_be_written_in(do, here, line, fault, out):
    UNREADABLE[fault]("fault")
    before = tree()
    assert_one_line(do(line, out), "--out", out[:9])
    assert tree() == before


# --- What is wrong with a command line, or around it ----------------------------------------------------------------

LINES = """
    main_np --batch-size 601                                 | --batch-size 601 is more than the 600 training images |
    main_np --resume w.npz --hidden 9                        | --hidden 9 contradicts w.npz |
    main_np --resume w.npz --recipe best                     | --recipe best contradicts w.npz |
    main_np --model resnet --widths 2,2,2,2,2 --batch-size 1 | --batch-size |
    RANK=1 main_torch                                        | RANK=1 |
    RANK=-1 main_torch                                       | RANK=-1 is not what torchrun sets: unset RANK |
    WORLD_SIZE=2 RANK=0 MASTER_ADDR=localhost MASTER_PORT=1 main_torch | is not from torchrun: unset WORLD_SIZE |
    RANK=1 WORLD_SIZE=2 TORCHELASTIC_RUN_ID=1 main_torch --batch-size 3 | 3 cannot be split evenly |
    RANK=1 WORLD_SIZE=2 TORCHELASTIC_RUN_ID=1 main_torch --hold-out 1 | 1 cannot be split among 2 |
    main_np --hidden 32 --batch-size 60 --schedule constant --lr 1e30 --steps 1 | at step 1: lower --lr |
    main_torch --hidden 32 --batch-size 60 --schedule constant --lr 1e30 --steps 4 --dtype float64 | at step 2: |
    predict digit.png --weight x                             | unrecognized arguments: --weight |
    predict digit.png --weights w.npz --show no/s.png        | cannot write --show no/s.png: No such |
    predict digit.png --weights w.npz --show digit.png       | would replace a file that is read here |
    predict digit.png --weights w.npz --show w.npz           | w.npz: the name must end in .png |
    look forward_w.png --label 1 --weights w.npz --out .     | would replace a file that is read here |
    page.build --weights w.npz --out w.npz                   | w.npz: the name must end in .html |
    plot h.png --out h.png                                   | would replace a file that is read here |
    main_np --batch-size 60000 --model vit --heads 64 --patch 2 | GB of memory, and there are |
    look --weights w.npz --out=--                            | --out=--: -- is not a value |
    look --test 10000                                        | 10000 is not in the range 0 to 9,999 |
    look digit.png                                           | needs --label |
    look digit.png --label 1 --test 3                        | no --test |
    look --label 1                                           | --label is for a picture of your own |
    look --weights w.npz --patch 3                           | --patch 3: only a ViT has any |
    look --weights w.npz --test 300 --out .                  | --test 300: there are 300 test images, from 0 |
"""


@pytest.mark.parametrize(("line", "words"), [*rows(LINES)])
def test_a_command_line_that_makes_no_sense(do, here, line, words):
    before = tree()
    assert_one_line(do(line), words)
    assert tree() == before


NONSENSE = "-1 0 -0 +1 1.5 1e3 1e400 nan -inf 0x10 1_0 1,,2 , None {} - -h --seed ３ ½ −1 👍 %s / MLP best".split()  # noqa: SIM905
NONSENSE += ["", " ", "--", "1\n2", "\udcff", "\u202e1", "\0", "9" * 5000, ",1" * 20000, "a" * 100_000]
SMALL = {"--epochs": "mlp --hidden 8", "--widths": "resnet", "--width": "vit --heads 1 --patch 14", "--patch": "vit",
         "--heads": "vit --width 4 --patch 14", "--blocks": "vit --width 4 --heads 1 --patch 14"}  # fmt: skip


@pytest.mark.parametrize("program", ["main_np", "main_torch"])
def test_nonsense_for_every_option(do, here, monkeypatch, program):
    """One line, or a run whose checkpoint says that option exactly; of main_torch, the options that only it has."""
    monkeypatch.setattr(plot, "learning_curves", lambda *_: None)
    flags = re.findall(r"(?m)^  (--[a-z-]+)", do(f"{program} -h").stdout)
    known = re.findall("--[a-z-]+", do("main_np -h").stdout) if program == "main_torch" else ["--out", "--resume"]
    assert len(flags) > 15
    for flag, value in itertools.product([flag for flag in flags if flag not in known], NONSENSE):
        steps = "" if flag in ("--epochs", "--steps") else "--steps 1 "
        words = [flag, value] if value in ("-h", "-1", "-inf") else [f"{flag}={value}"]
        result = do(f"{program} --batch-size 60 {steps}--model {SMALL.get(flag, 'mlp')}", *words, "--out", "out")
        one_line_or_none(result)
        if result.returncode == 0 and not result.stdout.startswith("usage"):
            (checkpoint,) = here.glob("out/*.npz")
            succeeds(do(f"{program} --resume {checkpoint} --out out", *words))
            shutil.rmtree("out")


def test_what_the_environment_does_not_change(here):
    """PYTHONOPTIMIZE takes docstrings away."""
    Path("matplotlibrc").write_text("text.usetex: True\nfont.family: No Such Font\naxes.facecolor: black")
    Path("mine").write_bytes(b"\xff")
    odd = {"MPLBACKEND": "a window", "PYTHONOPTIMIZE": "2", "TQDM_MININTERVAL": "abc", "MATPLOTLIBRC": "mine"}
    command = [sys.executable, "-W", "error", "-W", "ignore::DeprecationWarning", ROOT / "main_np.py"]
    command += ["--hidden", "8", "--batch-size", "6000", "--steps", "5", "--out"]
    for out, more in (("0", {}), ("1", odd | {"MPLCONFIGDIR": "/dev/null/x"})):
        succeeds(subprocess.run([*command, out], capture_output=True, text=True, env=os.environ | more))
        Path("matplotlibrc").unlink(missing_ok=True)  # where it is, MATPLOTLIBRC is not read
    assert tree("0") == tree("1") and tree("0").keys() == FILES


def test_ctrl_c_while_a_program_imports(here):
    """It ends without a traceback. By then, nothing is left that tqdm would read from the environment."""
    for name in ("numpy.py", "torch.py", "PIL.py"):
        Path(name).write_text("import os\nassert 'TQDM_X' not in os.environ\nos.kill(os.getpid(), 2)\nwhile True: pass")
    files = [file for room in (".", "lab", "page") for file in (ROOT / room).glob("*.py")]
    names = [str(file.relative_to(ROOT)) for file in files if "program.run(main)" in file.read_text(encoding="utf-8")]
    assert {"main_torch.py", "predict.py", "practice.py", "lab/twins.py", "page/build.py"} <= {*names}
    environment = os.environ | {"PYTHONPATH": str(here), "TQDM_X": "abc"}
    for name in names:
        words = ["-m", name[:-3].replace("/", ".")] if "/" in name else [name]
        ended = subprocess.run([sys.executable, *words], capture_output=True, text=True, cwd=ROOT, env=environment)
        assert (ended.returncode, ended.stderr) == (-signal.SIGINT, ""), name


@pytest.mark.parametrize("words", ["--hidden 8 --steps 9 --out out", "-h"])
@pytest.mark.parametrize("stream", ["> /dev/full", "| true", ">&-", "2>&-"])
def test_a_stream_that_takes_no_more(here, words, stream):
    """What is printed is lost, but not the run."""
    ends = {"> /dev/full": (2, "main_np.py: error: No space left on device\n"), "| true": (1, "")}
    command = f"set -o pipefail; '{sys.executable}' '{ROOT}/main_np.py' {words} {stream}"
    env = os.environ | {"PYTHONUNBUFFERED": ""}
    result = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=env)
    assert (result.returncode, result.stderr) == ends.get(stream, (0, ""))
    assert words == "-h" or tree("out").keys() == FILES


# --- What is in a file ----------------------------------------------------------------------------------------------


def packed(arrays):
    file = io.BytesIO()
    np.savez(file, **arrays)
    return file.getvalue()


def unpacked(content):
    with np.load(io.BytesIO(content)) as npz:
        return {name: npz[name] for name in npz.files}


@pytest.fixture
def go_on(do, here, monkeypatch):
    """go_on(content of a checkpoint) -> the content after the next epoch, or None where a line was said instead."""
    monkeypatch.setattr(plot, "learning_curves", lambda *_: None)

    def call(content, seconds=20):
        Path("w.npz").write_bytes(content)
        result = do("main_np --resume w.npz --stop-after 2 --out out", seconds=seconds)
        one_line_or_none(result)
        end = Path("out/checkpoint_np.npz")
        after = end.read_bytes() if result.returncode == 0 and end.exists() else None
        shutil.rmtree("out", ignore_errors=True)
        return after

    call.whole = Path("w.npz").read_bytes()
    call.end = call(call.whole)
    return call


EXAMPLES = pytest.mark.parametrize("examples", [100, pytest.param(1000, marks=pytest.mark.slow)])


@EXAMPLES
def test_a_damaged_checkpoint_is_one_line_or_no_other_run(go_on, examples):
    def check(content):
        assert go_on(content) in (None, go_on.end)

    fuzz(examples, damaged(go_on.whole), check)


@EXAMPLES
def test_a_damaged_history_is_one_line_or_drawn(do, here, examples):
    def check(content):
        Path("h.json").write_bytes(content)
        one_line_or_none(do("plot h.json --out a.png"))

    whole = Path("h.json").read_bytes()
    for content in (b"", b"[]", b"null", b"\xff\xfe", b"1" * 5000, b'{"accuracy": 1}'):
        check(content)
    for end in ("a\\nb", "$x^", "\\udcff", f'"}}, "train_loss": [{10**400}], "a": {{"b": "'):
        options = f', "options": {{"batch_size": 60, "hold_out": 0, "init": "{end}"}}}}'
        check(whole.rstrip()[:-1] + options.encode())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(plot, "save", lambda *_: None)
        fuzz(examples, damaged(whole), check)


EVIL = b"cos\nsystem\n(S'true'\ntR."  # unpickling this starts a program


def npy(header, content=b""):
    """A .npy file with that header, whatever it says."""
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + content


def array_of(shape="(1,)", descr="'<f4'", content=bytes(64)):
    return npy(f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}", content)


def zipped(whole, entries, without="", compression=zipfile.ZIP_STORED):
    """That .npz with other entries, a list of (name, content)."""
    with zipfile.ZipFile(io.BytesIO(whole)) as old, zipfile.ZipFile(file := io.BytesIO(), "w", compression) as new:
        for name, content in [(name, old.read(name)) for name in old.namelist() if name != without] + entries:
            new.NameToInfo.clear()  # or it warns of a name that comes twice
            new.writestr(name, content)
    return file.getvalue()


SHAPES = "(10**12,) (2000000000,) (-1,) (2147483647,)*3 (1e3,) (True,) (1L,) " + "()" * 4000
TYPES = "|O <f4garbage <M8[s] <U999999999 |V8 <f2 >f4"
NAMES = ["params/W1", "../../evil.npy", "/evil.npy", f"params/{'n' * 60000}.npy", "params/ü\n\0.npy", ".npy", "/.npy"]
VALUES = [-1, 0, 9, 11, 2**63, 10.0, np.nan, np.inf, "10", [10], [], [[1, 2]], True, 10 + 0j, 1e308, 9e29, 1e-320]
OPTIONS = ["--", True, {}, "x", 1e999, -1, 1.5, 10**400, [[1]], "\udcff", 10**9]


def entries(whole, arrays):
    """Files in a checkpoint that NumPy or zipfile might trip over."""
    b1 = "params/b1.npy"
    headers = [array_of(shape) for shape in SHAPES.split()] + [array_of(descr=f"'{t}'") for t in TYPES.split()]
    for content in (*headers, npy("__import__('os').system('true')"), array_of(descr="'|O'", content=EVIL), EVIL, b""):
        yield content[10:60], zipped(whole, [(b1, content)], without=b1)
    for name in NAMES:
        yield name[:40], zipped(whole, [(name, array_of())])
    bomb = [("history/bomb.npy", array_of("(10**8,)", "'|i1'", bytes(10**8)))]
    for method in (zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        yield method, zipped(whole, bomb, compression=method)
    yield "only a pickle", EVIL
    yield "twice", zipped(whole, [(b1, array_of(f"{arrays['params/b1'].shape}"))])
    yield "59,000 times", zipped(whole, [("params/x.npy", array_of())] * 59_000)


def numbers(whole, arrays):
    for name, value in itertools.product(arrays, VALUES):
        single = np.ndim(value) or name in ("step", "format", "options")
        array = np.array(value) if single else np.full(arrays[name].shape, value)
        yield f"{name} {value!s:.40}", packed(arrays | {name: array})
    for dtype in ("float16", "longdouble", "complex64", "int64", "bool", "U8", "datetime64[s]"):
        yield dtype, packed(arrays | {"params/b1": arrays["params/b1"].astype("int64").astype(dtype)})


def options(whole, arrays):
    right = json.loads(str(arrays["options"]))
    more = [*itertools.product(right, OPTIONS), ("help", 1), ("", 1), ("hidden=3 --lr", 1), ("a" * 10000, 1), ("\0", 1)]
    texts = [json.dumps(right | {name: value}, ensure_ascii=False) for name, value in more]
    for text in [*texts, "", "null", "1", "[" * 100_000, '{"a":' * 100_000, "{} {}", "NaN", "\ufeff{}"]:
        yield text[:999], packed(arrays | {"options": text.encode(errors="replace").decode()})


@pytest.mark.parametrize("crafted", [entries, numbers, options])
def test_checkpoints_made_by_hand(go_on, crafted):
    """One line, or a run that continues. Nothing is executed, and nothing fills the memory."""
    for what, content in crafted(go_on.whole, unpacked(go_on.whole)):
        try:
            end = go_on(content, seconds=5)
        except BaseException as error:
            raise AssertionError(what) from error
        assert crafted is not entries or end in (None, go_on.end), what


EDGES = f"""
    --hidden 8 --seed {2**64 - 1}                         | a seed is kept to the last bit
    --model resnet --batch-size 1 --widths 2,2,2,2        | there is something to normalise in one image ...
    --model resnet --batch-size 2 --widths 2,2,2,2,2      | ... until one position is left
    --hidden 32 --batch-size 60 --schedule constant --lr 1e5 | a loss that grows can be drawn
"""


@pytest.mark.parametrize("program", ["main_np", "main_torch"])
@pytest.mark.parametrize(("words", "why"), [*rows(EDGES)])
def test_numbers_at_the_edge(do, here, program, words, why):
    """A run whose pictures and checkpoint are whole, so that it continues."""
    succeeds(do(f"{program} --steps 3 {words} --out out"))
    succeeds(do(f"{program} --resume {next(here.glob('out/*.npz'))} {words} --out out"))


def test_weights_too_large_to_compute_with(do, here):
    arrays = unpacked(Path("w.npz").read_bytes())
    Path("fault").write_bytes(packed(arrays | {"params/W1": np.full_like(arrays["params/W1"], 3e38)}))
    for line in READERS:
        if line.endswith("--weights fault"):
            assert_one_line(do(line), "overflow")


# --- What happens while a run is on its way -------------------------------------------------------------------------


@pytest.mark.parametrize("program", ["main_np", "main_torch"])
@pytest.mark.parametrize(
    ("signals", "status"), [([signal.SIGINT], 130), ([signal.SIGTERM], 143), ([signal.SIGINT, signal.SIGINT], 130)]
)
def test_a_signal_saves_what_was_learned(do, here, program, signals, status):
    """One signal ends the run after its step; a second Ctrl-C ends it there and then."""
    batches = data.batches

    def interrupted(*arguments):
        for n, batch in enumerate(batches(*arguments)):
            for number in signals if n == 14 else ():
                os.kill(os.getpid(), number)
            yield batch

    succeeds(do(f"{program} {RUN} --out whole"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(data, "batches", interrupted)
        result = do(f"{program} {RUN} --out out")
    assert_one_line(result, "interrupted" if len(signals) > 1 else "--resume out/checkpoint", status=status)
    checkpoint = next(here.glob("out/*.npz"))
    assert unpacked(checkpoint.read_bytes())["step"] == (10 if len(signals) > 1 else 15)
    succeeds(do(f"{program} --resume {checkpoint} --out out"))
    assert tree("out") == tree("whole")


# --- kill -9, and several at once: forks of a process that has imported everything -----------------------------------


def child(small, die_at, line):
    """In the new process: a program that kills itself at that moment."""
    replace, moments = os.replace, itertools.count()

    def killing(*arguments):
        for step in (lambda: None, lambda: replace(*arguments)):  # a moment before it, and one after
            step()
            if next(moments) == die_at:
                os.kill(os.getpid(), signal.SIGKILL)

    os.replace = killing
    succeeds(typed(small, line, seconds=120))


@pytest.fixture(scope="module")
def start(small):
    """start("main_np --hidden 8") -> the function that waits for its end, and returns whether it was not killed."""
    forks = multiprocessing.get_context("forkserver")
    forks.set_forkserver_preload(["test_faults", "main_np", "matplotlib.backends.backend_agg"])

    def begin(line, kill_after=None, die_at=None):
        process = forks.Process(target=child, args=(small, die_at, line))
        process.start()

        def end():
            process.join(kill_after)
            process.kill()
            process.join()
            assert process.exitcode in (0, -signal.SIGKILL)  # otherwise, it has said why
            return process.exitcode == 0

        return end

    return begin


@pytest.fixture(params=["main_np", pytest.param("main_torch", marks=pytest.mark.slow)])
def story(request, do, start, tmp_path):
    """A run in the folder of an older one dies so, is resumed, dies ... to its end: each time, what partial files."""
    line, out = f"{request.param} {RUN} --seed 2", tmp_path / "out"
    for name, words in (("old", "--seed 1"), ("half", "--stop-after 1"), ("new", "")):
        succeeds(do(f"{line} {words} --out", tmp_path / name))
    old, half, new = (tree(tmp_path / name) for name in ("old", "half", "new"))
    checkpoint = next(name for name in new if name.startswith("checkpoint"))
    half = {checkpoint: half[checkpoint]}

    def tell(deaths):
        shutil.rmtree(out, ignore_errors=True)
        shutil.copytree(tmp_path / "old", out)
        for death in (*deaths, {}):
            resume = f"{request.param} --resume {out / checkpoint}"
            finished = start(f"{resume if tree(out)[checkpoint] != old[checkpoint] else line} --out {out}", **death)()
            found = tree(out)
            parts = [name for name in found if re.fullmatch(r"\..*\.part", name)]
            assert found.keys() == {*new, *parts}
            for name in new:  # each is whole: an older one, or a newer one; at the end as if it had never been killed
                assert found[name] == new[name] or (not finished and found[name] in (old[name], half.get(name)))
            if finished:
                break
            yield parts

    return tell


@pytest.mark.parametrize("deaths", [1, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_random_moments_it_goes_on_bit_for_bit(story, deaths):
    rng = random.Random(0)
    while deaths > 0:  # after 10 ms to 3 s: some before the first step, some after the last, whatever the machine
        deaths -= len([*story([{"kill_after": 10 ** rng.uniform(-2, 0.5)} for _ in range(3)])])


@pytest.mark.slow
def test_killed_before_and_after_every_file_takes_its_place(story):
    for moment in range(10):  # two checkpoints, two pictures and the history
        (parts,) = story([{"die_at": moment}])
        assert len(parts) == 1 - moment % 2  # the one that had not taken its place


def test_runs_at_once_in_one_folder(do, start, tmp_path):
    """All end, and each file is whole, from one of them."""
    lines = [f"main_np {RUN} --seed {seed}" for seed in range(3)]
    ends = [start(f"{line} --out {tmp_path / 'together'}") for line in lines]
    for seed, line in enumerate(lines):
        succeeds(do(f"{line} --out", tmp_path / str(seed)))
    assert all([end() for end in ends])
    alone, together = [tree(tmp_path / str(seed)) for seed in range(3)], tree(tmp_path / "together")
    assert together.keys() == FILES
    assert all(together[name] in [files[name] for files in alone] for name in FILES)

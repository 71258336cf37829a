"""What several tests need: chance that can be repeated, the programs as a user runs them, a small dataset.

Whatever a test draws comes from its name and a salt (--salt, or SALT in the environment, or 0). Another salt is another
draw, and another order of the tests.
"""

import os
import random
import re
import shutil
import subprocess
import sys
import threading
import time
import zlib
from collections import Counter
from contextlib import suppress
from datetime import date
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

# Tests run side by side (pytest -n auto), and threads of one would wait for those of another: one thread for each.
# It must be set before NumPy is imported.
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import data
import plot
from loading.options import parse_options
from support.errors import UserError
from support.files import atomic_write

ROOT = Path(__file__).resolve().parent.parent
# Options of a small network of each kind.
SMALL = {
    "mlp": "--hidden 24",
    "resnet": "--widths 2,3",
    "vit": "--width 12 --blocks 2 --heads 3",
    "gpt": "--width 12 --blocks 1 --heads 3",
    "llama": "--width 16 --blocks 1 --heads 4 --kv-heads 2 --hidden 6",
}
PATIENCE = 120  # seconds: how long anything may take that a test waits for, however slow the machine
UNIX = pytest.mark.skipif("not hasattr(os, 'fork')", reason="links, pipes and signals are Unix's")
pytest_plugins = ["chromium"]  # helpers/chromium.py has the fixtures of tests/page


class NeedsTorch:
    """Python asks it last for what it cannot find: where there is no PyTorch, the test that imports it is skipped, or
    the file of tests."""

    asked = False

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if name == "torch":
            cls.asked = True
            pytest.skip("needs PyTorch", allow_module_level=True)


sys.meta_path.append(NeedsTorch)


# --- Chance, the day and the order ------------------------------------------------------------------------------------


def pytest_addoption(parser):
    salt = int(os.environ.get("SALT") or 0)
    parser.addoption("--salt", type=int, default=salt, metavar="N", help="other random numbers, and another order")


def pytest_configure(config):
    """Keep the salt for `schedule`, which is called while the tests are collected."""
    RUN["salt"] = config.getoption("salt")


def pytest_report_header(config):
    return f"salt: {config.getoption('salt')}"


def pytest_collection_modifyitems(config, items):
    """A salt shuffles the folders, the files of each and the tests of each file, and draws among those that are much
    alike. (So tests that need a browser stay together: two processes need not both start one.) Each process begins with
    some of the longest, so that none is left for one of them at the end. Of a file that is named all tests run; tests
    that were named one by one run in the order in which they were named."""
    for item in items:
        if "site" in item.fixturenames and not item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.slow)  # building the site takes half a minute
    if any("::" in word for word in config.args):
        return
    salt = config.getoption("salt")
    if not any(word.endswith(".py") for word in config.args):
        left_out = not_drawn(items, salt)
        config.hook.pytest_deselected(items=[item for item in items if item in left_out])
        items[:] = [item for item in items if item not in left_out]
    if salt:
        items.sort(key=lambda item: [zlib.crc32(f"{salt} {word}".encode()) for word in [*item.path.parts, item.nodeid]])
    long = [item for item in items if "first" in getattr(item.get_closest_marker("slow"), "args", ())]
    rest, n = [item for item in items if item not in long], int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    share = -(-len(rest) // n)
    items[:] = [item for i in range(n) for item in [*long[i::n], *rest[i * share : (i + 1) * share]]]


def not_drawn(items, salt):
    """The tests that this salt leaves out. Of those marked slow(one_in=3), each run has a third; three salts in a row
    have all."""
    left_out, seen = set(), Counter()
    for item in items:
        shares = [marker.kwargs["one_in"] for marker in item.iter_markers("slow") if marker.kwargs]
        if shares and not item.get_closest_marker("quick"):
            function = item.path, item.originalname
            first = zlib.crc32(item.originalname.encode())  # not all functions begin with the same salt
            if (first + seen[function] + salt) % shares[0]:
                left_out.add(item)
            seen[function] += 1
    return left_out


def seed_all(item):
    """Each generator that is shared by all of a process: no test gets what one before it has left."""
    seed = zlib.crc32(f"{item.config.getoption('salt')} {item.nodeid}".encode())
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 (some libraries and learners draw from it)
    if torch := sys.modules.get("torch"):
        torch.manual_seed(seed)


RAN = []  # the tests that this process has begun


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    RAN.append(item.nodeid)
    seed_all(item)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    seed_all(item)  # again: which fixtures had to be made depends on the tests before
    NeedsTorch.asked = False
    try:
        return (yield)
    except Exception:
        if NeedsTorch.asked:  # by a learner's file, and the marker took that for the learner's error
            pytest.skip("needs PyTorch")
        raise


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item):
    """A test that fails says how to repeat it: alone, and after all that this process ran before it."""
    report = yield
    if report.failed:
        again = f"python -m pytest --salt {item.config.getoption('salt')}"
        said = f'{again} "{item.nodeid}"'
        with suppress(AttributeError, OSError):  # there is no cache, or it cannot be written to
            path = item.config.cache.mkdir("order") / f"{os.environ.get('PYTEST_XDIST_WORKER', 'all')}.txt"
            path.write_text("\n".join(RAN), encoding="utf-8")
            said += f"\nas it was, after {len(RAN) - 1} others: {again} @{os.path.relpath(path, ROOT)}"
        report.sections.append(("To repeat it", said))
    return report


class Day(date):
    """The day on which all tests run, whatever the calendar says, and also after midnight."""

    @classmethod
    def today(cls):
        return TODAY


TODAY = date(2026, 11, 30)


def default_rng(seed=None, new=np.random.default_rng):
    """As NumPy's. Without a seed it is an error in our own code; a learner's file may do as it likes."""
    file = sys._getframe(1).f_code.co_filename
    if seed is None and file.startswith(f"{ROOT}{os.sep}") and "site-packages" not in file:
        raise AssertionError(f"{file} draws numbers without a seed")
    return new(seed)


@pytest.fixture(autouse=True)
def nothing_by_chance(monkeypatch):
    monkeypatch.setattr(np.random, "default_rng", default_rng)
    monkeypatch.setattr("secrets.randbelow", lambda end: random.randrange(end))
    monkeypatch.setattr(os, "fsync", lambda number: None)  # no power fails here; test_crashes.py says when it is called
    for name, module in sys.modules.items():
        if name.endswith(".review"):
            monkeypatch.setattr(module, "date", Day)


@pytest.fixture(scope="session", autouse=True)
def nothing_goes_on():
    """After the last test: none has left a thread that computes, which would slow down every test after it."""
    yield
    for _ in range(5):  # what has just ended may need a moment
        begun = time.process_time()
        time.sleep(0.2)
        if time.process_time() - begun < 0.1:
            return
    frames = sys._current_frames()
    raise AssertionError([(thread.name, frames.get(thread.ident)) for thread in threading.enumerate()])


# --- What tests share -------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def mnist():
    return data.load("mnist")


@pytest.fixture(scope="session")
def small(mnist):
    """600 images to learn from and 300 to test."""
    return mnist._make(array[:n] for array, n in zip(mnist, (600, 600, 300, 300), strict=True))


RUN = {"salt": 0}


def schedule(values, every_day=(), in_turn=1, instead=(), first=False):
    """Return the parameters for `parametrize`, each with the mark that says when its test runs.

    values: values of a parameter, rows of several (tuples), or what `pytest.param` returns.
    every_day: those that `make test` runs. The others are slow. If it is a number n, `make test` runs one in n of the
    values, and the salt says which: neighbours are much alike.
    in_turn: a slow run takes one in so many of the slow ones, and the salt says which.
    instead: values that `make test` alone runs, in the place of larger ones that are slow.
    first: whether the slow ones run first.
    """
    values = list(values)
    if isinstance(every_day, int):
        every_day = [value for i, value in enumerate(values) if (i + RUN["salt"]) % every_day == 0]
    share = {"one_in": in_turn} if in_turn > 1 else {}
    slow = pytest.mark.slow(*(["first"] if first else []), **share) if first or share else pytest.mark.slow
    quick = [make_parameter(value, pytest.mark.quick) for value in instead]
    return [*quick, *(make_parameter(value) if value in every_day else make_parameter(value, slow) for value in values)]


def first_of_each(values, kind):
    """Return the first of the values of each kind(value)."""
    first = {}
    for value in values:
        first.setdefault(kind(value), value)
    return [*first.values()]


def make_parameter(value, *marks):
    """Return a value, or a row of values, as a parameter with these marks, too."""
    if isinstance(value, type(pytest.param())):
        return value._replace(marks=(*value.marks, *marks))
    row = value if type(value) is tuple else (value,)
    return pytest.param(*row, marks=marks)


def until(is_so, seconds=PATIENCE):
    """Wait until that is so, however slow the machine."""
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds} seconds"
        time.sleep(0.02)


def once(tmp_path_factory, name, make):
    """The path `name`, after make(path), in one process for all that test. If make fails, all of them hear why."""
    shared = tmp_path_factory.getbasetemp()
    out = (shared.parent if "PYTEST_XDIST_WORKER" in os.environ else shared) / name
    begun, ended = out.with_name(f"{name}-begun"), out.with_name(f"{name}-ended")
    failed = out.with_name(f"{name}-failed")
    try:
        begun.mkdir()
    except FileExistsError:
        until(lambda: ended.exists() or failed.exists(), 300)
        if failed.exists():
            raise UserError(failed.read_text(encoding="utf-8")) from None
    else:
        try:
            make(out)
        except BaseException as error:
            with atomic_write(failed) as file:
                file.write(str(error).encode())
            raise
        ended.mkdir()
    return out


def trained_once(tmp_path_factory, name, *command):
    """The accuracy that a main program prints, and where its files are. It runs in one process for all that test."""

    def make(out):
        out.mkdir()
        run = [sys.executable, *command, "--out", out]
        (out / "printed").write_text(subprocess.run(run, cwd=ROOT, stdout=-1, text=True, check=True).stdout)

    out = once(tmp_path_factory, name, make)
    return float((out / "printed").read_text(encoding="utf-8").split()[-1]), out


@pytest.fixture(scope="session")
def default_run(tmp_path_factory):
    return trained_once(tmp_path_factory, "the-default-run", "main_np.py")


@cache
def project_files():
    """The paths of the project's files, with those that git does not know yet; without git, of all that are there."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        listed = subprocess.run(command, cwd=ROOT, stdout=-1, encoding="utf-8", check=True).stdout.split("\0")
        return [path for path in listed if (ROOT / path).is_file()]
    ignored = [line.strip("/") for line in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()]
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not any(fnmatch(name, pattern) for pattern in ignored)]
        found += [(Path(folder) / name).relative_to(ROOT).as_posix() for name in names]
    return found


@pytest.fixture
def another_project(tmp_path):
    """A copy of the project, without its pages, to which a test may add files."""
    copied, left_out = tmp_path / "project", ("datasets/mnist/", "page/", "tests/")
    for path in project_files():
        if not path.startswith(left_out) or path in ("page/__init__.py", "page/data_file.py"):  # lab.figures imports it
            (copied / path).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / path, copied / path)
    try:
        (copied / "datasets" / "mnist").symlink_to(ROOT / "datasets" / "mnist")
    except OSError:  # on Windows not everybody may make a link
        shutil.copytree(ROOT / "datasets" / "mnist", copied / "datasets" / "mnist")
    return copied


@pytest.fixture
def quick_curves(monkeypatch):
    """Of a run's curves only what they are drawn from is written: to draw them takes longer than a short run."""

    def learning_curves(run):
        for path in run.files.curves if run.first else ():
            with atomic_write(path) as file:
                file.write(repr((run.title, run.tested, run.history.numbers_by_name())).encode())

    monkeypatch.setattr(plot, "save_learning_curves", learning_curves)


@pytest.fixture
def kept(monkeypatch):
    """What the programs of lab/ put into results.json, which stays as it is."""
    found = {}
    monkeypatch.setattr("lab.results.save_result", found.__setitem__)
    monkeypatch.setattr("lab.results.load_results", lambda: found)
    return found


@pytest.fixture
def program(tmp_path):
    """program("main_np.py", ...) or program("lab.figures", ...) runs it in a process of its own.

    The main programs write into tmp_path / "out" unless told otherwise. project: another folder with the programs.
    """

    def call(script, *arguments, env=None, project=ROOT, cwd=None, timeout=300):
        arguments = [str(a) for a in arguments]
        if "--out" not in arguments and str(script).startswith("main"):
            arguments += ["--out", str(tmp_path / "out")]
        script_or_module = [str(project / script)] if str(script).endswith(".py") else ["-m", script]
        return subprocess.run(
            [sys.executable, *script_or_module, *arguments],
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=cwd or project,
            env=os.environ | (env or {}),
        )

    return call


def accuracy_of(result):
    """The number in the last line of a program's output."""
    assert result.returncode == 0, result.stderr
    label, value = result.stdout.rstrip("\n").split("\n")[-1].rsplit(" ", 1)
    assert label == "test accuracy:"
    assert len(value) == 6
    return float(value)


def assert_one_line(result, *words, status=2):
    """The program ended with that status and one line on stderr that has all the words in it."""
    assert result.returncode == status, result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    for word in words:
        assert word in result.stderr


def as_input(images, pixels="standardised", dtype="float64"):
    """uint8 images as a network's input."""
    return data.scale_pixels(images, parse_options("np", "--pixels", pixels, "--dtype", dtype))


def damaged(whole):
    """Some bytes with a piece lost, put in or overwritten: a strategy of hypothesis."""
    pieces = st.integers(0, len(whole)), st.sampled_from([0, 1, 4, 100, len(whole)]), st.binary(max_size=9)
    return st.builds(lambda i, lost, new: whole[:i] + new + whole[i + lost :], *pieces)


def fuzz(examples, strategy, check):
    """Call check with so many values, the same ones every time."""
    options = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}
    settings(max_examples=examples, **options)(given(strategy)(check))()


def rows(text):
    """Yield the rows of a table, one on each line (a \\ at its end: the next belongs to it), its cells between |.

    A test is called after the first cell, and where several begin so, also after the rest: a name does not change if
    another row is put in."""
    lines = re.sub(r" *\\\n *", " ", text).strip().splitlines()
    cells_of_rows = [[cell.strip() for cell in line.strip().removesuffix("|").split("|")] for line in lines]
    first_cells = Counter(cells[0] for cells in cells_of_rows)
    for cells in cells_of_rows:
        rest = f" {zlib.crc32(repr(cells).encode()):08x}" if first_cells[cells[0]] > 1 else ""
        yield pytest.param(*cells, id=f"{cells[0][:60]}{rest}")

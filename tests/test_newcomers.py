"""The tests themselves, on another machine than ours: on Windows, from a ZIP file, where npm has no network."""

import os
import re
import shutil
import subprocess
import sys
import textwrap

import pytest

from conftest import ROOT, UNIX, not_drawn, once, project_files, schedule
from support.errors import UserError


def run_pytest(*words, cwd=ROOT, begin="import runpy", **variables):
    """(exit status, what was printed) of pytest in a process of its own, which begins with this line."""
    outer = ("PYTEST_ADDOPTS", "PYTEST_CURRENT_TEST", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT")
    env = {name: value for name, value in os.environ.items() if name not in outer}
    env |= {"PYTHONPATH": str(cwd / "tests" / "helpers")} | variables
    begin += "; runpy.run_module('pytest', run_name='__main__', alter_sys=True)"
    command = [sys.executable, "-c", begin, "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *words]
    ended = subprocess.run(command, cwd=cwd, env=env, stdout=-1, stderr=-2, encoding="utf-8", errors="replace")
    return ended.returncode, ended.stdout


@pytest.mark.slow("first")
def test_on_windows_every_test_is_collected():
    """Where there is no `resource`, no os.fork, no signal.SIGKILL. It imports every test file, which takes seconds."""
    status, said = run_pytest("-p", "as_on_windows", "--collect-only")
    assert status == 0, said[-2000:]
    assert int(re.search(r"(\d+) tests collected", said)[1]) > 1000


ON_WINDOWS = [
    [*(f"tests/support/test_{name}.py" for name in ("checkpoint", "download", "memory", "run", "source", "texts"))],
    [*(f"tests/test_{name}.py" for name in ("data", "plot", "practice_commands", "predict", "walls", "write"))],
]


@pytest.mark.parametrize("files", schedule(ON_WINDOWS, in_turn=2, first=True))
def test_what_needs_no_unix_passes_without_it(files):
    status, said = run_pytest("-p", "as_on_windows", "-m", "not slow", *files)
    assert status == 0, said[-3000:]


def copy_project(folder):
    """Copy all of the project's files into a folder, and return its path."""
    for path in project_files():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, folder / path)
    return folder


ELSEWHERE = [
    ["tests/page/test_build.py", *(f"tests/test_{name}.py" for name in ("practice_commands", "predict"))],
    [*(f"tests/support/test_{name}.py" for name in ("checkpoint", "download", "source")), "tests/test_main.py"],
    [*(f"tests/test_{name}.py" for name in ("additions", "docs", "walls"))],
]


@UNIX
@pytest.mark.parametrize("files", schedule(ELSEWHERE, in_turn=3, first=True))
def test_a_copy_without_git_in_any_folder_with_one_core_no_home_and_no_network_passes_or_says_why_not(files, tmp_path):
    """As from the ZIP file. Nothing can be written to the home folder, and behind the proxy there is nothing."""
    copied = copy_project(tmp_path / "Zoë's copy (1)")
    (tmp_path / "home").write_text("no folder")
    nowhere = dict.fromkeys(("http_proxy", "https_proxy", "npm_config_registry"), "http://127.0.0.1:9")
    nowhere |= {"HOME": str(tmp_path / "home"), "NEED_BROWSER": ""}
    core = "os.sched_setaffinity(0, [min(os.sched_getaffinity(0))])"
    one = f"import os, runpy; hasattr(os, 'sched_setaffinity') and {core}"
    status, said = run_pytest("-m", "not slow", "-rs", *files, cwd=copied, begin=one, **nowhere)
    assert status == 0, said[-3000:]
    if shutil.which("npm") and "tests/page/test_build.py" in files:
        assert re.search(r"SKIPPED .* needs what npm gets: npm failed: .*(ECONNREFUSED|EACCES)", said)
    assert not re.search("SKIPPED .*(test_walls|test_additions|test_main)", said)


ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}


@UNIX
@pytest.mark.parametrize("files", schedule([*ELSEWHERE, *ON_WINDOWS], in_turn=5))
def test_in_a_locale_whose_encoding_is_ascii_all_passes(files):
    status, output = run_pytest("-m", "not slow", *files, **ASCII)
    assert status == 0, output[-3000:]


OWN_HINTS = '''
HINTS = """
1. One.
2. Two.
3. Three.
"""

DOCS = 'docs/further.md, "Another activation"'
'''


@pytest.mark.slow(one_in=2)
def test_an_exercise_of_a_contributors_own_makes_no_test_of_the_exercises_fail(tmp_path):
    """The example of CONTRIBUTING, in the middle of chapter 1: all exercises after it get another number."""
    copied = copy_project(tmp_path / "copy")
    text = (ROOT / "docs" / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("**an exercise**")[2]
    example = textwrap.dedent(re.search(r"^   ```\n(.*?)^   ```$", text, re.MULTILINE | re.DOTALL)[1])
    (copied / "exercises" / "chapter1" / "softplus.py").write_text(f"{example}{OWN_HINTS}", encoding="utf-8")
    order = copied / "exercises" / "order.py"
    code = order.read_text(encoding="utf-8")
    assert code.count(" softmax loss ") == 1
    order.write_text(code.replace(" softmax loss ", " softmax softplus loss "), encoding="utf-8")
    names = "softplus or some_days or every_exercise or the_list or class_is_marked_to"
    status, output = run_pytest("-k", names, "tests/test_practice.py", "tests/test_practice_commands.py", cwd=copied)
    assert status == 0, output[-3000:]
    assert int(re.search(r"(\d+) passed", output)[1]) > 10


WITHOUT_TORCH = (
    "import runpy, types, importlib.machinery as made; find = made.PathFinder.find_spec; "
    "other = lambda cls, name, *more: None if name == 'torch' else find(name, *more); "
    "made.PathFinder.find_spec = types.MethodType(other, made.PathFinder)"
)


@pytest.mark.slow(one_in=2)
def test_without_pytorch_what_needs_it_says_so_and_all_else_passes():
    """Files that import it, and one in which learners do."""
    files = [f"tests/test_{name}.py" for name in ("answers", "llama", "main", "practice_cases")]
    status, said = run_pytest("-m", "not slow", "-rs", *files, begin=WITHOUT_TORCH)
    assert status == 0, said[-3000:]
    assert re.search("SKIPPED .*needs PyTorch", said) and int(re.search(r"(\d+) passed", said)[1]) > 20


class Item:
    """As pytest has them: of a function, with marks."""

    path = "tests/test_x.py"

    def __init__(self, function, *marks):
        self.originalname, self.marks = function, [mark.mark for mark in marks]

    def iter_markers(self, name):
        return [mark for mark in self.marks if mark.name == name]

    def get_closest_marker(self, name):
        return next(iter(self.iter_markers(name)), None)


def test_each_run_has_a_share_of_what_is_much_alike_and_a_few_salts_have_all():
    whole, third, fourth = (pytest.mark.slow(**share) for share in ({}, {"one_in": 3}, {"one_in": 4}))
    always = [Item("a"), Item("a", whole), Item("b", third, pytest.mark.quick)]
    alike = {3: [Item("b", whole, third) for _ in range(7)], 4: [Item("c", fourth) for _ in range(10)]}
    left_out = [not_drawn([*always, *alike[3], *alike[4]], salt) for salt in range(12)]
    for n, items in alike.items():
        for first in range(9):
            found = [sum(item not in left_out[first + i] for item in items) for i in range(n)]
            assert sum(found) == len(items) and max(found) - min(found) <= 1
            assert all(sum(item not in left_out[first + i] for i in range(n)) == 1 for item in items)
    assert not any(item in left for item in always for left in left_out)


def test_what_one_process_cannot_make_no_other_waits_for(tmp_path_factory):
    """It hears why."""

    def make(path):
        raise UserError("npm failed: no network")

    for _ in range(2):
        with pytest.raises(UserError, match="npm failed: no network"):
            once(tmp_path_factory, f"never made {os.getpid()}", make)

"""Edits of the project's files: what `python main_np.py --prove` says of each, whom it calls wrong, and its status.

The table is in tests/helpers/proof_edits.py. Each edit is made in a copy of the project, whose modules are imported
anew: that is the program as it is typed, in a process that has imported NumPy and PyTorch already.
"""

import contextlib
import gc
import importlib
import io
import re
import shutil
import sys
from pathlib import Path

import pytest
from proof_edits import EDITS

from conftest import ROOT, schedule

BY_NAME = {edit.name: edit for edit in EDITS}
# Every day two of these, and the salt says which.
SHORT = [
    "W2 too large by 3e-6", "z1 nan", "no Python", "dlogits in place at the end", "the step shrinks W1", "W2 negative",
]  # fmt: skip
LONG = [name for name in BY_NAME if name not in SHORT]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A copy of what a run needs."""
    copied = tmp_path_factory.mktemp("project")
    for path in ROOT.glob("*.py"):
        shutil.copyfile(path, copied / path.name)
    for package in ("lab", "loading", "support", "views"):
        shutil.copytree(ROOT / package, copied / package, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(ROOT / "datasets", copied / "datasets", copy_function=link_or_copy)
    return copied


def link_or_copy(source, target):
    try:
        Path(target).hardlink_to(source)
    except OSError:  # on another disk
        shutil.copyfile(source, target)


@contextlib.contextmanager
def edited(project, changes):
    """Within it, the copy's files have these changes."""
    texts = {file: (project / file).read_text(encoding="utf-8") for file, _, _ in changes}
    new = dict(texts)
    for file, old, instead in changes:
        assert new[file].count(old) == 1, (file, old)
        new[file] = new[file].replace(old, instead)
    try:
        write(project, new)
        yield
    finally:
        write(project, texts)


def write(project, texts):
    """Write files, and remove what Python has compiled of them: it tells versions apart by second and size alone."""
    for file, text in texts.items():
        (project / file).write_text(text, encoding="utf-8")
        for compiled in (project / file).parent.glob(f"__pycache__/{Path(file).stem}.*"):
            compiled.unlink()


@contextlib.contextmanager
def imported_from(project):
    """Within it, the project's modules are imported from the copy."""
    ours = {name: module for name, module in sys.modules.items() if is_in(module, ROOT)}
    for name in ours:
        del sys.modules[name]
    sys.path.insert(0, str(project))
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(project))
        for name in [name for name, module in sys.modules.items() if is_in(module, project)]:
            del sys.modules[name]
        sys.modules.update(ours)
        gc.collect()  # the copies' images, which are in cycles


def is_in(module, folder):
    """Whether a module is one of the project's in that folder, and neither a test nor an installed package."""
    path = Path(getattr(module, "__file__", None) or "/")
    if not path.is_relative_to(folder):
        return False
    return path.relative_to(folder).parts[0] not in ("tests", ".venv")


def run_program(options, small):
    """The status of `python main_np.py --prove` with these options, on a few images."""
    try:
        import data
        import main_np  # noqa: F401

        load = data.load
        data.load = lambda source, hold_out=0: small if source.noun == "images" else load(source, hold_out)
        prove = importlib.import_module("lab.prove")
    except SystemExit as end:
        return end.code
    program = importlib.import_module("support.program")
    return program.run(lambda: prove.main(["np", "--prove", *options.split()]))


def test_names_differ():
    assert len(BY_NAME) == len(EDITS)


@pytest.mark.parametrize("name", [*schedule(SHORT, every_day=3, in_turn=8), *schedule(LONG, in_turn=12)])
def test_an_edit_is_judged(name, project, small):
    edit, out, err = BY_NAME[name], io.StringIO(), io.StringIO()
    silent = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
    with edited(project, edit.changes), imported_from(project), silent[0], silent[1]:
        status = run_program(edit.options, small)
        is_line = names_its_line(err.getvalue(), project)
    out, err = out.getvalue(), err.getvalue()
    wrong = sorted({*re.findall(r"(\S+) (?:is wrong|does not move)", out)} - {"who"})
    assert (status, " ".join(wrong)) == (edit.status, edit.wrong), out + err
    assert re.search(re.escape(edit.words).replace("NN", r"\d+"), err if status >= 2 else out), out + err
    assert err.count("\n") == (status >= 2) and is_line, err


def names_its_line(err, project):
    """Whether the line of a file that a message names is the one that it quotes, or that of the method or class."""
    for file, number, method, quoted in re.findall(r"(\w+\.py):(\d+)(?:, in (\w+)|, (.+?))?: ", err):
        line = (project / file).read_text(encoding="utf-8").splitlines()[int(number) - 1]
        words = f"def {method}(" if method else quoted or "class "
        if " ".join(words.split()) not in " ".join(line.split()):
            return False
    return True

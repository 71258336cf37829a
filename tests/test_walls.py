"""The walls of the house: which file may import which. They are read from the code, and nothing is run."""

import ast
import subprocess
import sys

import pytest

from conftest import ROOT
from networks import NETWORKS as TABLE

TRACKED = subprocess.run(["git", "ls-files", "*.py"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
FILES = [path for path in TRACKED.split() if not path.startswith("tests/") and (ROOT / path).exists()]


def module(path):
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


MODULES = {module(path): path for path in FILES}


def imports(name):
    """Every module that this one names in an import, wherever in the file; ours by their full names."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / MODULES[name]).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {
                full if (full := f"{node.module}.{alias.name}") in MODULES else node.module for alias in node.names
            }
    return found - {name}


IMPORTS = {name: imports(name) for name in MODULES}
LESSONS = ["mlp_np", "autograd_np", "resnet_np", "vit_np"]  # in the order in which they are read
NETWORKS = {n for n in MODULES if n.endswith(("_np", "_autograd", "_torch")) and not n.startswith("main")}
WITH_TORCH = {"main_torch"} | {name for name in NETWORKS if name.endswith("torch")}
ROOT_MODULES = {name for name, path in MODULES.items() if "/" not in path}


def reached(name):
    """All that importing this module imports, of ours directly or through others."""
    found, waiting = set(), [name]
    while waiting:
        new = IMPORTS.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def room(name):
    """Where a module stands: each file of the root is a room of its own, and so is each folder."""
    return name.partition(".")[0]


def test_there_is_a_house():
    assert {"main_np", "mlp_np", "data", "plot", "support.run", "lab.twins"} <= MODULES.keys()
    assert "support.place" in IMPORTS["main_torch"]
    assert "torch" in reached("main_torch")


@pytest.mark.parametrize("name", sorted(ROOT_MODULES - WITH_TORCH))
def test_the_numpy_side_never_reaches_torch(name):
    assert not {found for found in reached(name) if found.split(".")[0] == "torch"}


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_lessons_build_on_earlier_lessons_and_on_nothing_else_of_ours(name):
    """A twin in PyTorch contains the network and nothing else; one on the tape takes first weights from a lesson."""
    network, _, way = name.rpartition("_")
    earlier = {"np": LESSONS[: LESSONS.index(name)] if way == "np" else [], "torch": []}
    earlier["autograd"] = ["autograd_np", f"{network}_np"]
    library = "torch" if way == "torch" else "numpy"
    imported = {found.split(".")[0] for found in IMPORTS[name]} - sys.stdlib_module_names
    assert imported <= {library, *earlier[way]}


def test_only_the_table_and_the_lessons_ask_which_network_it_is():
    """Elsewhere no comparison names one. The page shows an MLP, and says so of any other."""
    for name in MODULES.keys() - NETWORKS - {"networks", "page.build"}:
        for node in ast.walk(ast.parse((ROOT / MODULES[name]).read_text(encoding="utf-8"))):
            if isinstance(node, ast.Compare):
                compared = {c.value for c in (node.left, *node.comparators) if isinstance(c, ast.Constant)}
                assert not compared & TABLE.keys(), f"{MODULES[name]}:{node.lineno}"


def test_the_root_never_imports_the_lab():
    for name in ROOT_MODULES | {name for name in MODULES if room(name) == "support"}:
        assert not {found for found in reached(name) if room(found) == "lab"}, name


def test_the_lesson_never_imports_an_exercise():
    """practice.py hands them out, but does not know what fixes a case: that stands in no module at all."""
    for name in ROOT_MODULES - {"practice"}:
        assert not {found for found in reached(name) if room(found) == "exercises"}, name
    assert "exercises.symptoms" in MODULES and "exercises.symptoms" not in reached("practice")


def test_support_knows_nothing_of_the_root():
    for name in MODULES:
        if room(name) == "support":
            assert not IMPORTS[name] & ROOT_MODULES, name


def test_data_knows_no_model_and_plot_trains_nothing():
    for name in ("data", "plot"):
        assert {room(found) for found in IMPORTS[name] if found in MODULES} == {"support"}


def test_no_two_rooms_import_each_other_in_a_circle():
    rooms = {room(name): set() for name in MODULES}
    for name, found in IMPORTS.items():
        rooms[room(name)] |= {room(other) for other in found if other in MODULES} - {room(name)}
    while rooms:  # take away what imports nothing that is left; a circle stays
        free = {name for name, needs in rooms.items() if not needs & rooms.keys()}
        assert free, f"a circle among {sorted(rooms)}"
        rooms = {name: needs for name, needs in rooms.items() if name not in free}


def test_no_two_files_of_a_room_import_each_other_in_a_circle():
    for name in MODULES:
        assert name not in {deeper for found in IMPORTS[name] for deeper in reached(found)}, name


def test_a_newcomer_finds_every_script_of_the_root_in_the_readme():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in ROOT_MODULES:
        assert f"{name}.py" in readme, name

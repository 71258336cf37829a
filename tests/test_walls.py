"""Which file may import which. It is read from the code, and nothing is run."""

import ast
import re
import subprocess
import sys
from functools import cache
from graphlib import TopologicalSorter

import pytest
from packaging.requirements import Requirement

from conftest import ROOT, project_files
from marker.words import SENTENCE_TABLES
from networks import NETWORKS as TABLE

FILES = [path for path in project_files() if path.endswith(".py") and not path.startswith("tests/")]
MODULES = {path.removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in FILES}


@cache
def tree(name):
    return ast.parse((ROOT / MODULES[name]).read_text(encoding="utf-8"))


@cache
def imports(name):
    """Every module that this one names in an import, wherever in the file; ours by their full names.

    networks.py names none of the networks: each is imported by the program that trains it, and not before.
    """
    found = set()
    for node in ast.walk(tree(name)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            named = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {name if name in MODULES else node.module for name in named}
    return found - {name}


@cache
def reached(name):
    """All that importing this module imports, of ours directly or through others."""
    found = imports(name) if name in MODULES else set()
    return found.union(*map(reached, found))


def folder(name):
    """Where a module is: its folder, or, in the root, the file itself."""
    return name.partition(".")[0]


LESSONS = [f"{model}_np" for model in TABLE]  # in the order in which they are read
LESSONS[1:1] = ["layers_np", "autograd_np"]
NETWORKS = {*LESSONS, *(f"{model}_{way}" for model in TABLE for way in ("autograd", "torch"))}
WITH_TORCH = {name for name in MODULES if name.endswith("_torch")}
IN_ROOT = {name for name, path in MODULES.items() if "/" not in path}
SUPPORT, MARKER, DESK = ({name for name in MODULES if folder(name) == room} for room in ("support", "marker", "desk"))


@pytest.mark.parametrize(
    ("names", "never"),
    [
        (IN_ROOT - WITH_TORCH, {"torch"}),  # python main_np.py starts in a blink
        (IN_ROOT | SUPPORT, {"lab"}),
        (IN_ROOT - {"practice"}, {"exercises", "marker", "desk"}),  # the lesson itself
        (DESK, {"exercises"}),  # it takes any folder of them
        (["practice"], {"exercises.symptoms"}),  # which draws
        (["page.build"], {"exercises"}),
        (SUPPORT, IN_ROOT | {"loading"}),
        ({name for name in MODULES if folder(name) == "loading"}, IN_ROOT - {"data", "networks"}),
        (["data"], IN_ROOT | {"loading"}),  # it knows no model
        (["networks"], IN_ROOT | {"loading"}),  # a table
        (["plot"], IN_ROOT - {"data"}),  # it trains nothing
    ],
)
def test_no_file_imports_what_it_must_not(names, never):
    assert {"main_np", "support.run", "lab.twins"} <= MODULES.keys() and "torch" in reached("main_torch")
    for name in names:
        assert not {found for found in reached(name) if never & {found, folder(found)}} - {name}, name


# What the exercises are about: the marker is told it by them.
CONTENT = "images?|letters?|chapters?|pixels?|networks?|labels?|neurons?|mnist|mlp|resnet|vit|gpt"


@pytest.mark.parametrize("name", sorted(MARKER))
def test_the_marker_imports_numpy_support_and_itself_and_has_no_word_of_what_it_marks(name):
    assert name == "marker" or "marker.function" in MARKER
    ours = {found for found in imports(name) if found in MODULES}
    assert ours <= MARKER | SUPPORT
    assert {found.partition(".")[0] for found in imports(name) - ours} - sys.stdlib_module_names <= {"numpy"}
    assert not re.findall(rf"(?i)(?<![a-z])(?:{CONTENT})(?![a-z])", (ROOT / MODULES[name]).read_text(encoding="utf-8"))


def test_a_module_of_the_marker_says_what_stands_in_said_md_or_has_its_sentences_beside_its_logic():
    """And what stands there is said: each row of a part."""
    tables = {"wrong", "in_words", "PLACES", "TYPED_MISTAKES", "Sentences", "SENTENCE_TABLES", "DERIVATIVE_SENTENCES"}
    sentence = r"\w[^.?]* [^.?]* \w+[.?]( |$)"
    words = set()
    for name in MARKER:
        nodes = [*ast.walk(tree(name))]
        apart = {inside for node in nodes if isinstance(node, (ast.Raise, ast.Expr)) for inside in ast.walk(node)}
        texts = [node for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)]
        words |= {node.value for node in texts}
        own = [node.value for node in texts if node not in apart and re.search(sentence, node.value)]
        taken = {alias.name for node in nodes if isinstance(node, ast.ImportFrom) for alias in node.names}
        assert not (own and taken & tables), (name, own)
    for table in ("Numbers", "Finders", "Complaints", "Gradients"):
        assert {part for part, _ in SENTENCE_TABLES[table]} <= words, table


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_lessons_build_on_earlier_lessons_and_on_nothing_else_of_ours(name):
    """A twin in PyTorch contains the network and nothing else; one on the tape takes first weights from a lesson, and
    layers from earlier twins. PyTorch cannot draw NumPy's random numbers: a twin that needs them imports NumPy too."""
    network, _, way = name.rpartition("_")
    earlier = {"np": LESSONS[: LESSONS.index(name)] if way == "np" else [], "torch": []}
    before = [*TABLE][: [*TABLE].index(network)] if network in TABLE else []
    earlier["autograd"] = ["layers_np", "autograd_np", f"{network}_np", *(f"{other}_autograd" for other in before)]
    libraries = {"torch", "numpy"} if way == "torch" else {"numpy"}
    imported = {found.split(".")[0] for found in imports(name)} - sys.stdlib_module_names
    assert imported <= {*libraries, *earlier[way]}


def listed(path):
    """What a file of requirements names itself."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / path).read_text(encoding="utf-8").splitlines())
    return {Requirement(line) for line in lines if line and not line.startswith("-r")}


def test_what_is_imported_is_required():
    """By whatever runs without PyTorch; the file of a model that people use needs two packages more."""
    names = {requirement.name for requirement in listed("requirements-np.txt") | listed("requirements/llm.txt")}
    alone = [name for name in MODULES if folder(name) not in ("lab", "page") and "torch" not in reached(name)]
    imported = {found.partition(".")[0].replace("PIL", "pillow") for name in alone for found in imports(name)}
    assert imported - {folder(name) for name in MODULES} - sys.stdlib_module_names == names


def test_uv_and_pip_read_the_same_lists_and_install_the_same_versions():
    """uv.lock was made of them, and requirements/lock.txt of it; and a download comes from where everybody gets it."""
    tomllib = pytest.importorskip("tomllib", reason="comes with Python 3.11")
    table = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    project, dev = table["project"], table["dependency-groups"]["dev"]
    needed, (llm, torch) = project["dependencies"], project["optional-dependencies"].values()
    assert {*map(Requirement, needed)} == listed("requirements-np.txt")
    assert {*map(Requirement, torch)} == listed("requirements.txt")
    assert {*map(Requirement, llm)} == listed("requirements/llm.txt")
    assert {*map(Requirement, dev)} == listed("requirements/dev.txt") | listed("requirements/site.txt")
    text = (ROOT / "uv.lock").read_text(encoding="utf-8")
    lock = tomllib.loads(text)
    assert lock["requires-python"] == project["requires-python"]
    (ours,) = (package["metadata"] for package in lock["package"] if package["name"] == project["name"])
    for entries, asked in ((ours["requires-dist"], [*needed, *llm, *torch]), (ours["requires-dev"]["dev"], dev)):
        locked = sorted((entry["name"], entry["specifier"]) for entry in entries)
        assert locked == sorted((r.name, str(r.specifier)) for r in map(Requirement, asked))
    versions = {(package["name"], package["version"]) for package in lock["package"]} - {(project["name"], "0")}
    exported = {(r.name, str(r.specifier).removeprefix("==")) for r in listed("requirements/lock.txt")}
    assert exported == versions, "uv export ... > requirements/lock.txt, as its first lines say"
    assert set(re.findall("https?://([^/]+)/", text)) == {"pypi.org", "files.pythonhosted.org"}


def test_workflows_run_what_was_looked_at():
    """An action is a commit, because a tag can be moved; and what may publish the site installs nothing."""
    for path in (ROOT / ".github" / "workflows").iterdir():
        text = path.read_text(encoding="utf-8")
        for action in re.findall(r"uses: (.+)", text):
            assert re.fullmatch(r"\./.+|[\w/-]+@[0-9a-f]{40}  # v\d+\.\d+\.\d+", action), action
        for job in re.split(r"^  (?=\w)", text, flags=re.M):
            assert "pages: write" not in job or "run:" not in job


def test_the_four_packages_stay():
    """requests is imported when something is fetched, and not before."""
    assert {"numpy", "torch", "matplotlib", "requests"} <= set().union(*map(imports, MODULES))
    assert not any("requests" in ast.unparse(node) for name in MODULES for node in at_once(tree(name)))


def at_once(node):
    """The imports that importing a file runs: those in no function."""
    for inner in () if isinstance(node, ast.FunctionDef) else ast.iter_child_nodes(node):
        yield from [inner] if isinstance(inner, (ast.Import, ast.ImportFrom)) else at_once(inner)


def test_a_program_imports_where_a_missing_package_and_ctrl_c_are_one_line():
    """Before `program.import_guard` it imports nothing but what Python has, and that."""
    programs = {name for name in MODULES if "program.run(" in (ROOT / MODULES[name]).read_text(encoding="utf-8")}
    assert len(programs) > 20 and "main_np" in programs
    for name in programs:
        before = [node for node in tree(name).body if isinstance(node, (ast.Import, ast.ImportFrom))]
        ours = [node for node in before if not {*modules_of(node)} <= sys.stdlib_module_names]
        assert list(map(ast.unparse, ours)) == ["from support import program"], name
        assert re.search(r"^with program\.import_guard\(", ast.unparse(tree(name)), re.M), name


def modules_of(node):
    """The top names of what an import imports."""
    names = [node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
    return [name.partition(".")[0] for name in names]


def test_only_the_lessons_ask_which_network_it_is():
    """Elsewhere no comparison names one, or a list with one in it."""
    for name in MODULES.keys() - NETWORKS:
        for node in ast.walk(tree(name)):
            if isinstance(node, ast.Compare):
                compared = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant)}
                assert not compared & TABLE.keys(), f"{MODULES[name]}:{node.lineno}"


STATE = """
import importlib, logging, os, signal, sys
import matplotlib, numpy, torch

OURS = sys.argv[1:]

def state():
    ours = {name: sys.modules[name] for name in OURS if name in sys.modules}
    return {
        "environment": dict(os.environ), "path": list(sys.path), "folder": os.getcwd(), "stdout": sys.stdout,
        "signals": [signal.getsignal(number) for number in signal.valid_signals()],
        "pictures": dict(matplotlib.rcParams), "overflow": numpy.geterr(), "log": logging.getLogger("matplotlib").level,
        **{name: {k: v for k, v in vars(m).items() if not isinstance(v, type(sys))} for name, m in ours.items()},
    }

for name in OURS:
    before = state()
    importlib.import_module(name)
    after = state()
    for what in before:
        if before[what] != after[what]:
            print(f"importing {name} changes {what}")
"""


@pytest.mark.slow
def test_an_import_changes_nothing():
    """Neither the environment, nor signals, settings and other modules: in a notebook, they are the user's."""
    command = [sys.executable, "-c", STATE, *sorted(MODULES)]
    found = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert found == ""


def test_git_ignores_an_environment_that_is_a_link(tmp_path):
    """Several copies of the project may share one."""
    (tmp_path / ".gitignore").write_bytes((ROOT / ".gitignore").read_bytes())
    (tmp_path / "elsewhere").mkdir()
    try:
        subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
        (tmp_path / ".venv").symlink_to("elsewhere")
    except OSError as error:
        pytest.skip(f"no git, or no links: {error}")
    listed = subprocess.run(["git", "status", "--porcelain"], cwd=tmp_path, stdout=-1, text=True, check=True).stdout
    assert listed == "?? .gitignore\n"


def test_nothing_imports_itself_in_a_circle():
    """No two files, and no two folders."""
    files, folders = {name: imports(name) for name in MODULES}, {folder(name): set() for name in MODULES}
    for name, found in files.items():
        folders[folder(name)] |= {folder(other) for other in found if other in MODULES} - {folder(name)}
    for graph in (files, folders):
        TopologicalSorter(graph).prepare()  # raises CycleError

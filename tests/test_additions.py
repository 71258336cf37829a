"""What CONTRIBUTING.md says of adding something, followed to the letter beside a copy of the project."""

import gzip
import hashlib
import json
import re
import shutil
import struct

import numpy as np
import pytest

import data
import main_np
import main_torch
from conftest import ROOT
from data import BUNDLED
from lab import twins
from networks import OPTIMIZERS, OptimizerEntry
from support.checkpoint import load_checkpoint

FILES = [*BUNDLED["mnist"]["sums"]]
NAMES = ("boot", "ankle boot", "cap", "glove", "hat", "scarf", "sock", "tie", "vest", "umbrella")


# Programs in turn, as one process: it takes seconds to import what they need.
CALL = """
import contextlib, io, json, sys
import numpy as np
import data, look, main_np, plot, predict
from support import drawing

def call(program, *words):
    sys.argv = ["", *map(str, words)]
    with contextlib.redirect_stdout(io.StringIO()) as printed, contextlib.suppress(SystemExit):
        assert not program.main()
    return printed.getvalue()

"""
USE = f"""{CALL}
plot.learning_curves = drawing.save = lambda *_: None
trained = call(main_np, "--dataset", "clothes", "--epochs", 3, "--batch-size", 20)
print(json.dumps([trained, call(look, "--test", 247), call(predict, "png/photo.jpg")]))
"""


def idx(array):
    """An array of bytes as a file in MNIST's format."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.tobytes()


@pytest.mark.slow(one_in=2)
def test_a_dataset(another_project, program, small):
    """Four files and an entry: it trains, and look.py and predict.py say what its images show."""
    (another_project / "clothes").mkdir()
    sums = []
    for file, array in zip(FILES, (small.train_images, small.train_labels, *small[2:]), strict=True):
        (another_project / "clothes" / file).write_bytes(content := gzip.compress(idx(array)))
        sums.append(hashlib.sha256(content).hexdigest())
    entry = f"""
    "clothes": {{"of": "images", "classes": {NAMES}, "sums": {dict(zip(FILES, sums, strict=True))}}},
"""
    code = (another_project / "data.py").read_text(encoding="utf-8")
    (another_project / "data.py").write_text(re.sub(r"(?m)^BUNDLED = {$", rf"\g<0>{entry}", code))

    shown = NAMES[int(small.test_labels[-53])]
    article = "an" if shown[0] in "aeiou" else "a"
    (another_project / "everything.py").write_text(USE)
    ended = program("everything.py", project=another_project)
    assert ended.returncode == 0, ended.stderr
    trained, looked, predicted = json.loads(ended.stdout)
    assert float(trained.split()[-1]) > 0.7
    assert f": test image 247, {article} {shown}\n" in looked
    *rows, last = predicted.splitlines()[1:]
    assert [row[:10].rstrip() for row in rows] == [*NAMES]
    p = [float(row[10:].split()[0]) for row in rows]
    assert sum(p) == pytest.approx(1, abs=1e-3) and last.startswith(f"class: {NAMES[int(np.argmax(p))]}")


DEEP = """
DEEP = Entry(
    name="Deep MLP",
    classes="deep.Deep",
    options={
        "hidden": option("units in each hidden layer", type=integer(1, 16384), metavar="H"),
        "dropout": option("the share of them that drop out in training", type=opt.number(0, 0.9)),
    },
    recipes={"default": {"steps": 20, "batch_size": 100, "hidden": 32, "dropout": 0.2, "lr": 0.1}},
    title=lambda options: f"784-{options.hidden}-{options.hidden}-10",
)

"""
PROGRAMS = (
    CALL
    + """
import main_torch
from lab import figures, results, twins
from loading.options import parse_options
from networks import NETWORKS
from support.checkpoint import load_checkpoint

def run(program, framework, out, *words):
    printed = call(program, *words, "--out", out)
    assert "784-32-32-10" in printed, printed
    return load_checkpoint(f"{out}/checkpoint_deep_{framework}.npz").groups

def apart(a, b):
    return max(float(np.abs(a[group][name] - b[group][name]).max()) for group in a for name in a[group])

assert "--dropout" in call(main_np, "--model", "deep", "-h")
whole = data.load()
few = whole._replace(**{n: a[:600] for n, a in whole._asdict().items()})
data.load = lambda *_: few
words = "--model deep --dtype float64 --epochs 2".split()
hand = run(main_np, "np", "hand", *words)
tape = run(main_np, "np", "tape", *words, "--autograd")
theirs = run(main_torch, "torch", "torch", *words)
run(main_np, "np", "part", *words, "--stop-after", 1)
in_torch = run(main_torch, "torch", "part", "--resume", "part/checkpoint_deep_np.npz")
by_hand = run(main_np, "np", "part", "--resume", "part/checkpoint_deep_np.npz")
found = {"tape": apart(hand, tape), "torch": apart(hand, theirs)}
found |= {"resumed": apart(hand, by_hand), "crossed": apart(hand, in_torch)}
found["steps"] = int(hand["statistics"]["steps"])
options = parse_options("np", "--model", "deep")
network, _ = main_np.build(options)
found["tests"] = [main_np.evaluate(network, few, options)[0].item() for _ in range(2)]  # nothing drops out
found["predict"] = call(predict, "png/photo.jpg", "--weights", "hand/checkpoint_deep_np.npz")
found["look"] = call(look, "--weights", "torch/checkpoint_deep_torch.npz", "--out", "looked")
found["plot"] = call(plot, "hand", "torch", "--out", "plotted.png")
twins.LAYERS_BY_SUM["deep"] = {"z1": "first", "z2": "second"}
call(twins, "deep")
for dropout in (0.2, 0):
    options = parse_options("torch", "--model", "deep", "--dropout", dropout, "--steps", 6)
    steps = [*twins.iter_lockstep(options)]
    found[f"lockstep {dropout}"] = [apart(s.by_hand.arrays, s.by_torch.arrays) for s in steps]
    found[f"disagreeing {dropout}"] = [s.disagreeing for s in steps]
assert results.RUNS["Deep MLP, PyTorch"] == ("main_torch.py --model deep", range(3))
results.SECTIONS["accuracy"] = {name: run._replace(seeds=range(1)) for name, run in results.RUNS.items()}
call(results)
found["tables"] = [table(results.load_results()) for table in (results.make_accuracy_table, results.make_recipes_table)]
figures.save_figure(figures.make_drawers()["curves_deep"](), results.ROOT / "png" / "curves_deep.png")
print(json.dumps(found))
"""
)


@pytest.mark.slow(one_in=2)
def test_a_network(another_project, program):
    """Its three files and its entry, and every program knows it: two hidden layers with dropout."""
    for path in (ROOT / "tests" / "deep").glob("*.py"):
        shutil.copyfile(path, another_project / path.name)
    code = (another_project / "networks.py").read_text(encoding="utf-8")
    code = re.sub(r"(?m)^NETWORKS = {(.*)}$", rf'{DEEP}\nNETWORKS = {{\1, "deep": DEEP}}', code)
    (another_project / "networks.py").write_text(code)
    (another_project / "everything.py").write_text(PROGRAMS)
    ended = program("everything.py", project=another_project)
    assert ended.returncode == 0, ended.stderr
    found = json.loads(ended.stdout.splitlines()[-1])
    assert found["tape"] < 1e-15 and 0 < found["torch"] < 1e-12 and found["steps"] == 12
    assert found["resumed"] == 0 < found["crossed"] < 1e-12 and len({*found["tests"]}) == 1
    for dropout in ("0.2", "0"):
        assert len(found[f"lockstep {dropout}"]) == 6 and max(found[f"lockstep {dropout}"]) < 1e-4
        assert max(found[f"disagreeing {dropout}"]) < 5
    assert found["predict"].startswith("784-32-32-10 of hand/checkpoint_deep_np.npz")
    assert "confusion_deep_torch.png, mistakes_deep_torch.png" in found["look"]
    table, recipes = found["tables"]
    assert re.search(
        r"\| Deep MLP, PyTorch \| 0\.\d{4} \| 1 \| 26,506 \|.* `python main_torch.py --model deep` \|", table
    )
    assert re.search(r"\| `--model deep --recipe default` \| 0\.\d{4} \| 0\.\d{4} \| 784-32-32-10 \| 100 ", recipes)
    for picture in ("png/twins_deep.png", "png/curves_deep.png", "plotted.png"):
        assert (another_project / picture).exists(), picture


def test_an_optimizer(small, monkeypatch, tmp_path, quick_curves):
    """A function by hand, a class in PyTorch and a line in the table: both programs know it, and go on with it."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "lion")
    names, given = ("by the sign", "lion_np.update", "lion_torch.Lion"), lambda options: {"momentum": options.momentum}
    monkeypatch.setitem(OPTIMIZERS, "lion", OptimizerEntry(*names, {"averages": "average"}, given))
    monkeypatch.setattr(data, "load", lambda *_: small)
    argv = "--optimizer lion --momentum 0.8 --lr 0.003 --weight-decay 0.1 --hidden 9 --epochs 2 --batch-size 60 --dtype"
    argv = [*argv.split(), "float64"]

    def run(main, name, *argv):
        assert main.main([*argv, "--out", str(tmp_path / name)]) == 0
        return load_checkpoint(*(tmp_path / name).glob("checkpoint_*.npz"))

    def apart(a, b):
        return max(twins.largest_difference(a.groups[group], b.groups[group]) for group in ("params", "averages"))

    found = {}
    for main in (main_np, main_torch):
        whole = found[main] = run(main, f"{main.__name__} whole", *argv)
        part = run(main, f"{main.__name__} part", *argv, "--stop-after", "1")
        assert apart(run(main, f"{main.__name__} on", "--resume", str(part.path)), whole) == 0 < apart(part, whole)
    assert 0 < apart(found[main_np], found[main_torch]) < 1e-12
    assert whole.groups["averages"].keys() == whole.groups["params"].keys() and not whole.groups["momentum"]
    crossed = run(main_np, "crossed", "--resume", str(part.path))
    assert apart(crossed, whole) < 1e-12 and whole.history.test_loss[1] < whole.history.test_loss[0] < np.log(10)

"""python main_np.py --prove: what holds has a bound; of what does not, it is said where it begins and who is wrong."""

import contextlib
import importlib
import inspect
import re
import subprocess
import sys
from types import ModuleType

import numpy as np
import pytest
import torch

import autograd_np
import data
import main_np
import main_torch
import mlp_np
import networks
from conftest import ROOT, SMALL, schedule
from lab import judges, prove
from loading.network import make_network
from loading.options import parse_options
from networks import NETWORKS, OPTIMIZERS, OptimizerEntry
from support import options as opt
from support import program
from support.checkpoint import load_checkpoint
from support.errors import UserError
from support.lockstep import find_largest_and_departure
from support.options import integer, option

JUDGES = ("the loss", "central differences", "the tape", "PyTorch", "in parts", "the optimizer", "resumed", "torchrun")
WRITING = ("decoding", "sampling")  # of a network that writes

QUICK = "mlp", "gpt"  # one of them every day
OTHERS = [model for model in SMALL if model not in QUICK]


@pytest.fixture(autouse=True)
def few(small, monkeypatch):
    load = data.load
    monkeypatch.setattr(data, "load", lambda source, n=0: small if source.noun == "images" else load(source, n))


def judged(words, steps=2):
    """({judge: what it says}, {the judges that disagree}, what follows, the status)."""
    words = words if "--batch-size" in words else f"{words} --batch-size 24"
    options = parse_options("torch", *f"--steps 12 {words}".split())
    result = prove.judge_run(options, steps=steps)
    failed = {row.judge for row in result.rows if not row.holds}
    return {row.judge: row.said for row in result.rows}, failed, " ".join(result.conclusions), result.exit_status


@pytest.mark.parametrize("model", [*schedule(QUICK, every_day=2), *schedule(OTHERS)])
def test_each_network_as_it_is_holds_by_every_judge(model):
    rows, failed, said, status = judged(f"--model {model} {SMALL[model]}")
    expected = JUDGES + WRITING if NETWORKS[model].writes else JUDGES
    assert tuple(rows) == expected and not failed and status == 0
    assert said == f"{model}_np.py is proven, as far as these checks go."
    for judge in ("central differences", "the tape", "PyTorch", "in parts", "the optimizer"):
        found = re.search(r"(in a bit|\de-\d+)(?= from |$)", rows[judge])
        assert found[1] == "in a bit" or float(found[1]) < (1e-5 if judge == "central differences" else 1e-10), rows
    assert rows["resumed"].endswith("no array differs in a bit") and "not needed" in rows["torchrun"]


# --- A network that writes --------------------------------------------------------------------------------------------


@pytest.fixture(params=["gpt", "llama"])
def writer(request):
    """(a small network that writes, with weights far from its first ones, and texts (6, 9) for it)."""
    options = parse_options(
        "np", *f"--model {request.param} --dataset names {SMALL[request.param]} --dtype float64".split()
    )
    model, rng = make_network("np", options), np.random.default_rng(0)
    for array in model.params.values():
        array += rng.normal(0, 0.3, array.shape)
    start = options.source.tokenizer.vocab_size
    texts = rng.integers(start, size=(6, options.source.context_length))
    texts[:, 0] = start
    return model, texts


def failed_rows(model, texts):
    """{judge: what it says} of those that disagree with how a network writes."""
    return {row.judge: row.said for row in judges.list_writing_check_rows("it.py", model, texts) if not row.holds}


def test_what_a_network_writes_is_what_forward_says(writer):
    model, texts = writer
    rows = judges.list_writing_check_rows("it.py", model, texts)
    assert [row.judge for row in rows] == [*WRITING] and all(row.holds for row in rows), rows
    assert re.search(r"no logit differs by more than \de-1[56] from that of `forward`$", rows[0].said)


def test_decoding_without_the_scale_is_found(writer, monkeypatch):
    model, texts = writer
    attention = type(model.layers["blocks.0"].layers["attention"])
    right = attention.decode_step

    def decode_without_scale(layer, x, place):
        layer.scale, scale = 1.0, layer.scale
        y = right(layer, x, place)
        layer.scale = scale
        return y

    monkeypatch.setattr(attention, "decode_step", decode_without_scale)
    rows = failed_rows(model, texts)
    place = r"at position 1 of text \d, the logit of token \d+"
    assert re.match(rf"{place} differs: `decode_step` \S+, `forward` \S+$", rows["decoding"])


@pytest.mark.parametrize(
    ("how", "change"),
    [
        ("", lambda logits, temperature, u, top_k, top_p: (1.02 * logits, temperature, u, top_k, top_p)),
        ("", lambda logits, temperature, u, top_k, top_p: (logits, temperature, u**1.01, top_k, top_p)),
        (
            "with top-k, ",
            lambda logits, temperature, u, top_k, top_p: (logits, temperature, u, top_k and top_k + 1, top_p),
        ),
        ("with top-p, ", lambda logits, temperature, u, top_k, top_p: (logits, temperature, u, top_k, 1)),
    ],
)
def test_words_that_are_drawn_by_other_probabilities_are_found(how, change, writer, monkeypatch):
    model, texts = writer
    module = sys.modules[type(model).__module__]
    right = module.sample
    monkeypatch.setattr(module, "sample", lambda *given: right(*change(*given)))
    rows = failed_rows(model, texts)
    numbers = r"token \d+ is 0\.\d{3} of 1,000 draws, but its probability is 0\.\d{3}$"
    assert [*rows] == ["sampling"] and re.match(how + numbers, rows["sampling"]), rows


def test_a_network_that_cannot_decode_has_two_judges_less(monkeypatch, writer):
    model, texts = writer
    monkeypatch.delattr(type(model), "decode_step")
    rows = judges.list_writing_check_rows("it.py", model, texts)
    assert [row.said for row in rows] == ["missing: it.py has no method `decode_step`"] * 2
    assert all(row.holds for row in rows)


# --- What a reader changes in mlp_np.py -------------------------------------------------------------------------------

A1, DZ1 = "np.maximum(self.z1, 0)  #", "self.da1 * (self.z1 > 0)"
LEAKY = {A1: "np.where(self.z1 > 0, 1, 0.1) * self.z1  #"}, {DZ1: "self.da1 * np.where(self.z1 > 0, 1, 0.1)"}
HE = "rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out))"
PARAMS, RETURNED = '("b2", b2)]', '"b2": db2}'
EDITS = {  # {what is there: what stands there then}, who disagrees, and words of what follows
    "db1 is zero": (
        {"db1 = self.dz1": "db1 = 0 * self.dz1"}, {"central differences", "the tape", "PyTorch"},
        "mlp_np.py is wrong: its gradient of b1 is not the derivative of its own loss. (mlp_autograd.py and "
        "mlp_torch.py had the same logits, and have another one.)",
    ),
    "a loss twice its size": (
        {"shifted[rows, y]).mean()": "shifted[rows, y]).mean() * 2", "/= len(y)": "/= len(y) / 2"},
        {"the loss", "PyTorch"}, "The loss is wrong: it is not the mean of -log p[y].",
    ),
    "a gradient of the loss twice its size": (
        {"/= len(y)": "/= len(y) / 2"}, {"central differences", "PyTorch"},
        "its dlogits, and each gradient that follows from it, is not the derivative of its own loss.",
    ),
    "leaky forward alone": (
        LEAKY[0], {"central differences"},
        "its gradients of b1, W1 are not the derivative of its own loss. mlp_autograd.py and mlp_torch.py are another",
    ),
    "leaky both ways": (
        LEAKY[0] | LEAKY[1], set(),
        "Your gradients are right; mlp_autograd.py and mlp_torch.py are another network.",
    ),
    "leaky backward alone": (
        LEAKY[1], {"central differences", "the tape", "PyTorch"}, "its gradients of b1, W1 are not the derivative",
    ),
    "equal columns": (
        {HE: f"np.repeat({HE.replace('fan_out)', '1)')}, fan_out, axis=1)"}, set(),
        "The gradients of b1, W1 are 0 by hand and by differences: are all units equal?",
    ),
    "a maximum over the wrong axis": (
        {"logits.max(axis=1, keepdims=True)  # (B, 10), as": "5000 + logits.max(axis=0, keepdims=True)  #"},
        {"the loss", "PyTorch"}, "The loss is wrong: it is not the mean of -log p[y].",
    ),
    "a layer thshould the rest be do not have": (
        {PARAMS: f'{PARAMS[:-1]}, ("s", np.ones(1))]', "W1, b1, W2, b2 = self": "W1, b1, W2, b2, s = self",
         "return self.a1 @ W2 + b2": "self.u = self.a1 @ W2 + b2\n        return s * self.u",
         'W2 = self.params["W2"]\n': 'W2 = self.params["W2"]\n        ds = (self.u * dlogits).sum().reshape(1)\n'
         '        dlogits = dlogits * self.params["s"]\n', RETURNED: '"b2": db2, "s": ds}'}, set(),
        "Your gradients are right; mlp_autograd.py and mlp_torch.py are another network.",
    ),
    "dropout that no seed and step decide": (
        {PARAMS + "}\n": PARAMS + "}\n        self.rng = np.random.default_rng(seed)\n",
         A1: "np.maximum(self.z1, 0)\n        self.mask = (self.rng.random(self.a1.shape) < 0.8) / 0.8\n"
         "        self.a1 = self.a1 * self.mask  #", DZ1: f"{DZ1} * self.mask"},
        {"resumed"}, "A run that was saved cannot go on as if it had not stopped.",
    ),
}  # fmt: skip


@pytest.mark.parametrize("edit", EDITS)
def test_a_changed_class_is_judged_by_itself_and_by_its_twins(edit, monkeypatch):
    changes, disagree, words = EDITS[edit]
    code = (ROOT / "mlp_np.py").read_text(encoding="utf-8")
    for old, new in changes.items():
        assert code.count(old) == 1, old
        code = code.replace(old, new)
    exec(compile(code, "mlp_np.py", "exec"), vars(edited := ModuleType("mlp_np")))
    for name in ("MLP", "softmax_cross_entropy"):
        monkeypatch.setattr(mlp_np, name, getattr(edited, name))
    monkeypatch.setattr(main_np, "softmax_cross_entropy", edited.softmax_cross_entropy)
    rows, failed, said, status = judged("--hidden 12")
    assert (failed, status) == (disagree, int(bool(disagree))), rows
    assert words in said, said
    if edit == "db1 is zero":
        found = r"gradient of b1\[\d+\], in step 1: by hand (\S+), mlp_torch.py (\S+), differences of its loss (\S+)"
        numbers = [float(number.strip(",")) for number in re.search(found, rows["PyTorch"]).groups()]
        by_hand, by_pytorch, by_differences = numbers
        assert by_hand == 0 != by_pytorch and by_differences == pytest.approx(by_pytorch, rel=1e-4)


def test_a_gradient_that_is_forgotten_is_one_line(monkeypatch):
    right = mlp_np.MLP.backward
    monkeypatch.setattr(
        mlp_np.MLP, "backward", lambda model, d: {n: g for n, g in right(model, d).items() if n != "b1"}
    )
    with pytest.raises(UserError, match="b1 is in params, but not in the result of backward"):
        judged("--hidden 12")


# --- Who is wrong, if it is not the network by hand -------------------------------------------------------------------


def test_a_wrong_tape_is_wrong(monkeypatch):
    def relu(a):
        y = np.maximum(a.value, 0)
        return autograd_np.Tensor(y, (a, lambda dy: dy))

    monkeypatch.setattr(autograd_np.Tensor, "relu", relu)
    rows, failed, said, status = judged("--hidden 12")
    assert (failed, status) == ({"the tape"}, 1) and "mlp_autograd.py is wrong, and mlp_np.py is right" in said
    assert rows["the tape"].startswith("the first array that differs is the gradient of b1[")


def test_a_wrong_rule_is_wrong_and_says_beside_whom(monkeypatch):
    def update(params, velocity, grads, lr, momentum, *_):
        for name, p in params.items():
            velocity[name] *= momentum
            velocity[name] += grads[name]
            p -= lr * grads[name] if name == "b2" else lr * velocity[name]

    monkeypatch.setattr(main_np, "wrong", update, raising=False)
    monkeypatch.setitem(OPTIMIZERS, "sgd", OPTIMIZERS["sgd"]._replace(by_hand="main_np.wrong"))
    rows, failed, said, status = judged("--hidden 12")
    assert (failed, status) == ({"the optimizer", "PyTorch"}, 1)
    found = r"the first array that differs is b2\[\d\], in step 2: main_np.wrong \S+, torch.optim.SGD \S+$"
    assert re.match(found, rows["the optimizer"]), rows
    assert said == "main_np.wrong does not move the parameters as torch.optim.SGD does."


def test_without_pytorch_the_judges_that_need_it_are_named_as_missing(monkeypatch):
    monkeypatch.setattr(prove, "has_pytorch", lambda: False)
    rows, failed, said, status = judged("--hidden 12")
    assert [judge for judge, words in rows.items() if words == "missing: PyTorch is not installed"] == [
        "PyTorch", "the optimizer",
    ]  # fmt: skip
    assert (failed, status, said) == (set(), 0, "mlp_np.py is proven, as far as these checks go; 2 are missing.")


# --- Networks and rules of a reader's own -----------------------------------------------------------------------------


@pytest.fixture
def deep(monkeypatch):
    """The network of tests/deep, with dropout, in the table; and the rule of tests/lion."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "deep")
    monkeypatch.syspath_prepend(ROOT / "tests" / "lion")
    entry = networks.Entry(
        name="Deep MLP",
        classes="deep.Deep",
        options={
            "hidden": option("units in each hidden layer", type=integer(1, 16384), metavar="H"),
            "dropout": option("the share of them that drop out in training", type=opt.number(0, 0.9)),
        },
        recipes={"default": {"steps": 20, "batch_size": 24, "hidden": 12, "dropout": 0.2, "lr": 0.1}},
        title=lambda options: f"784-{options.hidden}-{options.hidden}-10",
    )
    monkeypatch.setitem(NETWORKS, "deep", entry)
    rule = OptimizerEntry(
        "by sign", "lion_np.update", "lion_torch.Lion", {"averages": "average"}, OPTIMIZERS["sgd"].torch_arguments
    )
    monkeypatch.setitem(OPTIMIZERS, "lion", rule)
    yield
    for name in ("deep_np", "deep_autograd", "deep_torch", "lion_np", "lion_torch"):
        sys.modules.pop(name, None)


def test_a_step_that_does_something_to_the_gradients_is_said(monkeypatch):
    source, names = inspect.getsource(main_np.train_step), {**vars(main_np)}
    exec(source.replace("backward(dlogits)", "backward(2 * dlogits)"), names)
    monkeypatch.setattr(main_np, "train_step", names["train_step"])
    _, failed, said, status = judged("--hidden 12")
    assert "the step" in failed and status == 1
    assert "main_np.train_step is wrong" in said and "mlp_torch.py is wrong" not in said


def test_dropout_three_ways_holds_and_each_process_draws_its_own(deep):
    rows, failed, said, status = judged("--model deep")
    assert (failed, status, said) == (set(), 0, "deep_np.py is proven, as far as these checks go.")
    assert rows["in parts"].startswith("not used: in 2 parts")
    assert rows["torchrun"] == "each process draws its own random numbers"


def test_a_mask_that_processes_share_is_named(deep, monkeypatch):
    deep_torch = importlib.import_module("deep_torch")
    monkeypatch.delattr(deep_torch.Deep, "part")
    monkeypatch.setattr(deep_torch.Deep, "masks", old_masks)
    rows, failed, _, status = judged("--model deep")
    assert (failed, status) == ({"torchrun"}, 1)
    assert "two processes would draw the same random numbers in deep_torch.py" in rows["torchrun"]


def old_masks(model, x):
    """From the seed and the step alone."""
    model.steps += model.training
    rng = np.random.default_rng([model.seed, int(model.steps)])
    kept = rng.random((2, len(x), model.second.in_features)) >= model.dropout
    return torch.from_numpy(kept).to(x) / (1 - model.dropout)


def test_a_mask_that_was_forgotten_in_backward_is_found(deep, monkeypatch):
    deep_np = importlib.import_module("deep_np")
    right = deep_np.Deep.backward

    def backward(model, dlogits):
        model.mask1 = np.ones_like(model.mask1)
        return right(model, dlogits)

    monkeypatch.setattr(deep_np.Deep, "backward", backward)
    _, failed, said, status = judged("--model deep")
    assert failed == {"central differences", "the tape", "PyTorch"} and status == 1
    assert "deep_np.py is wrong: its gradients of first.b, first.W are not the derivative of its own loss" in said


SIZES = ("3", "2", "6", "4", "8", "12", "24", "3,2", "2,4,3", "0.3")


def cases():
    """(model, option, the options of a small run) for every choice and two values of every size that can be."""
    for model, network in NETWORKS.items():
        for name, how in network.options.items():
            for more in ("", " --dataset shakespeare"):
                found = []
                for value in how.get("choices", SIZES):
                    words = f"--model {model} {SMALL[model]}{more} {opt.flag(name)} {value}"
                    with contextlib.suppress(UserError):
                        parse_options("np", *words.split())
                        found.append(words)
                yield from ((model, name, words) for words in (found if "choices" in how else found[:2]))
                if found:
                    break


CASES = [*cases()]
EVERY_DAY = [case for case in CASES if case[:2] == ("mlp", "init")]


def test_no_option_of_a_network_is_left_out():
    assert {(model, name) for model, name, _ in CASES} == {(m, n) for m, of in NETWORKS.items() for n in of.options}


@pytest.mark.parametrize(("model", "name", "words"), schedule(CASES, every_day=EVERY_DAY, in_turn=12))
def test_every_option_of_a_network_is_proven(model, name, words):
    rows, failed, _, status = judged(f"{words} --batch-size 5", steps=1)
    assert not failed and status == 0, rows


@pytest.mark.slow
@pytest.mark.parametrize(
    "words", ["--hidden 5", "--hidden 9", "--dropout 0", "--dropout 0.5", "--optimizer lion --lr 1e-3"]
)
def test_those_of_a_network_and_a_rule_that_only_tests_know_are_proven(words, deep):
    rows, failed, _, status = judged(f"--model deep {words}")
    assert not failed and status == 0, rows


# --- The program ------------------------------------------------------------------------------------------------------


def test_both_programs_start_it_with_what_was_typed(monkeypatch):
    started = []
    monkeypatch.setattr(program, "run_module", lambda *words: started.append(words) or 7)
    assert main_np.main(["--prove", "--hidden", "9"]) == main_torch.main(["--prove", "--hidden", "9"]) == 7
    assert started == [("lab.prove", kind, "--prove", "--hidden", "9") for kind in ("np", "torch")]


def test_a_resumed_run_is_proven_where_it_is_and_nothing_is_written(tmp_path, capsys, quick_curves):
    main_np.main(["--hidden", "9", "--batch-size", "50", "--epochs", "2", "--stop-after", "1", "--out", str(tmp_path)])
    path, capsys_before = tmp_path / "checkpoint_np.npz", capsys.readouterr()
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert prove.main(["np", "--resume", str(path), "--prove"]) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"784-9-10, with the files as they are now: 6 steps in float64 from step 12 of {path}\n")
    assert said.splitlines()[-1] == "mlp_np.py is proven, as far as these checks go."
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert "prove" not in load_checkpoint(path).options and capsys_before


@pytest.mark.slow
def test_it_runs_as_it_is_typed():
    ended = subprocess.run([sys.executable, "main_np.py", "--prove"], cwd=ROOT, capture_output=True, text=True)
    assert ended.returncode == 0 and ended.stdout.endswith("mlp_np.py is proven, as far as these checks go.\n"), ended
    assert ended.stderr == ""


# --- The vote ---------------------------------------------------------------------------------------------------------

HAND, TAPE, TORCH, SLOPE = "by hand", "tape", "PyTorch", judges.SLOPE_JUDGE


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({HAND: 2, TAPE: 1, TORCH: 1, SLOPE: 1}, [HAND]),
        ({HAND: 1, TAPE: 2, TORCH: 1, SLOPE: 1.1}, [TAPE]),
        ({HAND: 1, TAPE: 2, TORCH: 2, SLOPE: 1}, []),  # two against two
        ({HAND: 2, TORCH: 1}, []),
        ({HAND: 2, TORCH: 1, SLOPE: 1}, [HAND]),
        ({HAND: 2, TAPE: 1, TORCH: 3, SLOPE: 1}, [HAND, TORCH]),
        ({HAND: 2, TAPE: 1, TORCH: 3, SLOPE: 4}, []),
        ({HAND: np.nan, TAPE: 1, TORCH: 1}, [HAND]),
        ({HAND: 1, TAPE: np.inf, SLOPE: 1}, [TAPE]),
        ({HAND: 0, TAPE: np.nan, TORCH: 0}, [TAPE]),
    ],
)
def test_two_that_agree_outvote_one(values, wrong):
    assert judges.make_vote({judge: float(value) for judge, value in values.items()}).outvoted == wrong


def test_a_slope_whose_error_exceeds_a_third_of_the_difference_has_no_vote():
    values = {HAND: 1.0, TORCH: 1.3}
    exact, rough = (judges.make_vote(values, 1.3, error) for error in (0.09, 0.11))
    assert exact.outvoted == [HAND] and not exact.is_slope_too_rough
    assert rough.outvoted == [] and rough.is_slope_too_rough
    nothing = judges.make_vote(values, np.nan, np.inf)  # the loss is another every time
    assert nothing.values == values and nothing.is_slope_too_rough


class MadeUp:
    """A form of a training with made-up arrays."""

    def __init__(self, *steps):
        self.steps = [*steps]

    def record_step(self, *batch):
        return self.steps.pop(0)


def made_up(gradient, moved):
    """The arrays of a step in which one gradient should be 0, and its weight has moved by so much."""
    return {
        "gradient": {"W": np.array([1.0, -2.0]), "b": np.array([gradient, 0.5])},
        "params": {"W": np.array([0.3, 1.0]), "b": np.array([moved, 0.1])},
        "means": {"W": np.array([0.1, -0.2]), "b": np.array([moved, 0.05])},
    }


def test_where_both_gradients_are_rounding_weights_and_moments_are_not_compared():
    """As for query.b of a transformer that sees one patch: it is 0 by hand and 1e-17 in PyTorch, and AdamW moves it."""
    by_hand, later = made_up(0.0, 0.0), made_up(0.0, 0.0)
    twin = judges.Twin("PyTorch", "vit_torch.py", MadeUp(made_up(1e-17, 2e-10), made_up(0.0, 4e-10)))
    twin.take_step(1, by_hand)
    twin.take_step(2, later)
    assert twin.first is None and twin.largest < 1e-15

    for gradient, moved, entry in ((1e-17, 2e-10, 0), (1e-11, 2e-10, 0)):
        apart = made_up(gradient, moved)
        if gradient < 1e-12:
            apart["params"]["b"][1] += 2e-10  # where the gradients are more than rounding
            entry = 1
        twin = judges.Twin("PyTorch", "vit_torch.py", MadeUp(apart))
        twin.take_step(1, by_hand)
        assert twin.first[:3] == ("params", "b", (entry,)), gradient


# --- The comparison ---------------------------------------------------------------------------------------------------


def test_the_first_array_that_differs_is_found_and_rounding_is_not():
    one = {"a": {"x": np.ones((2, 3)), "y": np.full(2, 1e-20)}, "b": {"z": np.arange(3.0)}}
    other = {g: {n: a.copy() for n, a in arrays.items()} for g, arrays in one.items()} | {"c": {"q": np.ones(1)}}
    assert find_largest_and_departure(one, other, 0.0) == (0.0, None)
    other["a"]["y"] += 1e-18  # what should be 0
    other["b"]["z"][2] += 1e-13
    largest, first = find_largest_and_departure(one, other, 1e-9, 1e-3)
    assert first is None and largest == pytest.approx(5e-14, rel=0.01)
    other["b"]["z"][1] = np.nan
    assert find_largest_and_departure(one, other, 1e-9, 1e-3)[1][:3] == ("b", "z", (1,))
    other["a"]["x"][1, 2] = 1.5
    assert find_largest_and_departure(one, other, 1e-9, 1e-3)[1] == ("a", "x", (1, 2), 1.0, 1.5)
    with pytest.raises(UserError, match=r"y \(a\) is in one, but not in the other"):
        find_largest_and_departure(one, {"a": {"x": one["a"]["x"]}}, 0.0)

"""The tape: each derivative against its definition, the walk, and the networks on it beside the others."""

import ast
import subprocess
import sys
import tracemalloc

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import data
import main_np
import main_torch
import mlp_np
from autograd_np import Tensor, differences, softmax_cross_entropy
from conftest import ROOT, accuracy_of
from networks import NETWORKS, parse_options
from support.checkpoint import Checkpoint, load_checkpoint
from support.names import parameters
from support.run import learning_rate, make_plan

SOURCE = (ROOT / "autograd_np.py").read_text(encoding="utf-8")
TINY = {
    "mlp": ["--hidden", 9],
    "resnet": ["--widths", "3,5", "--blocks", 2],
    "vit": ["--width", 12, "--blocks", 2, "--heads", 3, "--patch", 14],
}


# --- The file ----------------------------------------------------------------------------------------------------


def test_the_file_checks_itself_and_runs_beside_mlp_np_alone(tmp_path):
    for name in ("autograd_np.py", "mlp_np.py"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    result = subprocess.run([sys.executable, "autograd_np.py"], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = result.stdout.splitlines()[1:]
    assert len(rows) == 14
    assert all(float(row.split()[-1]) < 1e-8 for row in rows)


def test_it_is_read_in_one_sitting():
    assert len(SOURCE.splitlines()) <= 200


def shares():
    """The expression of each share in autograd_np.py, as (first, last) place in the text."""
    starts = np.cumsum([0, *(len(line) for line in SOURCE.splitlines(keepends=True))])
    for node in ast.walk(ast.parse(SOURCE)):
        if isinstance(node, ast.Lambda) and ast.unparse(node.args) == "dy":
            body = node.body
        elif isinstance(node, ast.FunctionDef) and node.name == "share":
            body = node.body[-1].value  # what it returns
        else:
            continue
        yield starts[body.lineno - 1] + body.col_offset, starts[body.end_lineno - 1] + body.end_col_offset


def check_of(source):
    """Run autograd_np.py with this text as `python autograd_np.py` does."""
    exec(compile(source, "autograd_np.py", "exec"), {"__name__": "__main__"})


SHARES = sorted(shares())


def test_every_operation_has_its_shares():
    assert len(SHARES) == 18  # two for each of five operators, and eight operations on one array


@pytest.mark.parametrize("number", range(len(SHARES)))
@pytest.mark.parametrize("wrong", ["0 * ({})", "1.001 * ({})"])
def test_the_file_notices_a_derivative_that_is_missing_or_wrong(number, wrong):
    first, last = SHARES[number]
    with pytest.raises(SystemExit, match=r"is wrong|has the shape"), np.errstate(invalid="ignore"):
        check_of(SOURCE[:first] + wrong.format(SOURCE[first:last]) + SOURCE[last:])


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("dparent if parent.grad is None else parent.grad + dparent", "dparent"),  # = for +=
        ("dy.sum(axis=repeated, keepdims=True)", "dy.mean(axis=repeated, keepdims=True)"),
        ("np.add.at(da, index, dy)", "da[index] += dy"),
        ("key=lambda node: node.number", "key=lambda node: -node.number"),  # the oldest first
    ],
)
def test_the_file_notices_a_wrong_walk(right, wrong):
    assert SOURCE.count(right) == 1
    with pytest.raises((SystemExit, TypeError, AttributeError)):
        check_of(SOURCE.replace(right, wrong))


# --- Operations --------------------------------------------------------------------------------------------------

ROWS = [
    (lambda a: 2 - a, (3, 4)),
    (lambda a: 3 + a * 0.5, (3, 4)),
    (lambda a: 2 / a, (3, 4)),
    (lambda a: np.ones((2, 3)) @ a, (3, 4)),
    (lambda a: np.arange(1.0, 4) - a, (2, 3)),
    (lambda a, b: a + b, (3, 1), (1, 4)),
    (lambda a, b: a * b, (), (2, 3)),
    (lambda a, b: a / b, (2, 1, 3), (4, 1)),
    (lambda a, b: a @ b, (2, 3), (5, 3, 4)),
    (lambda a, b: a @ b, (1, 3), (3, 1)),
    (lambda a: a.sum(), (2, 3)),
    (lambda a: a.sum(axis=(0, 2)), (2, 3, 4)),
    (lambda a: a.sum(axis=-1, keepdims=True) * a, (2, 3)),
    (lambda a: a.mean(axis=(1, 2)), (2, 3, 4, 2)),
    (lambda a: a.mean(), (2, 3)),
    (lambda a: a[1:, ::2], (3, 5)),
    (lambda a: a[:, np.array([[0, 1], [1, 1]])], (2, 3)),
    (lambda a: a[..., None] @ a[:, None], (2, 3)),
]


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_an_operation(number):
    function, *shapes = ROWS[number]
    rng = np.random.default_rng(number)
    assert max(differences("", function, *(Tensor(rng.uniform(0.5, 1.5, shape)) for shape in shapes))) < 1e-8


def test_constants_get_no_gradient_and_cost_nothing():
    x, W = np.ones((5, 3)), Tensor(np.ones((3, 2)))
    y = 2 * (x @ W)
    assert [len(node.edges) for node in y.node.ancestors()] == [0, 1, 1]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers_keep_their_precision(dtype):
    a, y = Tensor(np.linspace(0.5, 1, 12, dtype=dtype).reshape(3, 4)), np.array([0, 1, 2])
    made = (2 - a / a.sum(axis=1, keepdims=True)).sqrt().exp() @ a.swapaxes(0, 1) * 0.5 + 1
    loss = softmax_cross_entropy(made.relu()[:, [0, 1, 1]], y)
    loss.backward()
    assert {made.value.dtype, loss.value.dtype, a.grad.dtype} == {np.dtype(dtype)}


# --- The walk ----------------------------------------------------------------------------------------------------


def test_a_value_that_was_used_twice_waits_for_both_shares():
    u = Tensor(2.0)
    v1, v2 = 3 * u, u * u
    loss = v1 * v2
    loss.backward()
    assert u.grad == 36
    t = Tensor(1.0)
    u = 2 * t
    (3 * u * (u * u)).backward()
    assert t.grad == 72


def test_two_values_that_share_a_gradient_are_not_mixed_up():
    """a + b hands the same array to both. If a's next share were added in place, b would get it too."""
    a, b = Tensor(np.ones(3)), Tensor(np.ones(3))
    earlier = 5 * a
    (a + b + earlier).sum().backward()
    assert (a.grad == 6).all()
    assert (b.grad == 1).all()


def test_gradients_of_two_losses_add_up():
    a = Tensor(np.ones(3))
    (2 * a).sum().backward()
    (3 * a).sum().backward()
    assert (a.grad == 5).all()


def test_a_graph_is_walked_once():
    a = Tensor(np.ones(3))
    between = 2 * a
    loss = between.sum()
    loss.backward()
    for used in (loss, between.sum()):
        with pytest.raises(RuntimeError, match="compute the loss again"):
            used.backward()
    assert between.grad is None


def test_a_deep_graph_needs_no_recursion():
    a = Tensor(np.ones(1))
    y = a
    for _ in range(100_000):
        y = y + a
    y.backward()
    assert a.grad == 100_001
    y = a
    for _ in range(100_000):
        y = 1 * y
    del y  # nor does a graph that nobody walks


def test_memory_is_freed_as_the_walk_goes():
    """Each exp keeps its result. On the way back one array is made for each that is freed, not beside all of them."""
    tracemalloc.start()
    try:
        y = a = Tensor(np.full(100_000, 0.1))
        size = a.value.nbytes
        for _ in range(20):
            y = (y * 0.1).exp()
        kept, _ = tracemalloc.get_traced_memory()
        assert 20 <= kept / size < 22.5  # the products are forgotten on the way forward
        tracemalloc.reset_peak()
        y.backward()
        after, peak = tracemalloc.get_traced_memory()
        assert (peak - kept) / size < 4
        assert after / size < 3.5  # a, its gradient, and y
    finally:
        tracemalloc.stop()


# --- The networks ------------------------------------------------------------------------------------------------


def both(model, *argv):
    """The options, and the network by hand and on the tape, each with its optimizer."""
    options = parse_options("np", "--model", model, *argv)
    made = []
    for options.autograd in (False, True):
        made.append(main_np.build(options))
    return options, *made


def apart(model, steps, *argv):
    """The largest difference between any two weights or statistics, by hand and on the tape, after so many steps."""
    options, by_hand, on_tape = both(model, *argv)
    dataset = data.load("mnist")
    plan = make_plan(options, len(dataset.train_images))
    for step, (images, y) in enumerate(data.batches(dataset, options, 0, steps or plan.steps)):
        x, lr = data.as_input(images, options), learning_rate(step, plan.steps, options)
        results = [main_np.train_step(*network, x, y, lr) for network in (by_hand, on_tape)]
        if model == "mlp":
            assert results[0] == results[1], step
    groups, others = main_np.get_arrays(*by_hand), main_np.get_arrays(*on_tape)
    return max(np.abs(groups[group][name] - array).max() for group in others for name, array in others[group].items())


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_mlp_on_the_tape_is_the_same_run_to_the_last_bit(dtype):
    assert apart("mlp", 60, "--dtype", dtype) == 0


@pytest.mark.parametrize("model", ["resnet", "vit"])
def test_the_others_are_the_same_run_to_rounding(model):
    assert apart(model, 3, "--dtype", "float64") < 1e-12


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_whole_default_run_of_the_mlp_to_the_last_bit(dtype):
    assert apart("mlp", None, "--dtype", dtype) == 0


@pytest.mark.slow
@pytest.mark.parametrize("model", ["resnet", "vit"])
def test_five_hundred_steps_of_the_others(model):
    assert apart(model, 500, "--dtype", "float64") < 1e-12


@pytest.mark.parametrize("batch", [2, 7])
@pytest.mark.parametrize("model", NETWORKS)
def test_every_gradient_is_that_of_pytorch(mnist, model, batch):
    options = parse_options("torch", "--model", model, *TINY[model], "--dtype", "float64")
    options.autograd = True
    ours, _ = main_np.build(options)
    theirs, _ = main_torch.build(options)
    x = data.as_input(mnist.train_images[:batch], options)
    y = mnist.train_labels[:batch].astype(np.int64)
    logits = ours.forward(x)
    grads = ours.backward(mlp_np.softmax_cross_entropy(logits, y)[1])
    logits_torch = theirs(torch.from_numpy(x))
    F.cross_entropy(logits_torch, torch.from_numpy(y)).backward()
    assert np.abs(logits - logits_torch.detach().numpy()).max() < 1e-12
    grads_torch = {name: turn(p.grad).numpy() for name, p, turn in parameters(theirs)}
    assert list(grads) == list(ours.params) == list(grads_torch)
    for name, gradient in grads.items():
        assert gradient.shape == ours.params[name].shape
        assert np.abs(gradient - grads_torch[name]).max() < 1e-12, name
    ours.training = False
    theirs.eval()
    assert np.abs(ours.forward(x) - theirs(torch.from_numpy(x)).detach().numpy()).max() < 1e-12


def test_the_walk_from_the_loss_is_the_walk_from_the_logits():
    """main_np.py gives backward the gradient of the logits, as it does by hand; loss.backward() finds it by itself."""
    _, _, (model, _) = both("mlp", "--hidden", 5, "--dtype", "float64")
    x, y = np.random.default_rng(0).normal(size=(4, 784)), np.array([1, 2, 3, 3])
    grads = model.backward(mlp_np.softmax_cross_entropy(model.forward(x), y)[1])
    model.forward(x)
    softmax_cross_entropy(model.logits, y).backward()
    for name, tensor in model.tensors.items():
        assert (tensor.grad == grads[name]).all()


def test_a_run_changes_hands_in_both_directions(program, tmp_path):
    """The first half on the tape and the second by hand, and the reverse: the same run, to the last bit."""
    argv = ["--hidden", 9, "--epochs", 2, "--batch-size", 20_000]
    runs = []
    for first, second in [(["--autograd"], []), ([], ["--autograd"])]:
        out = tmp_path / f"{len(runs)}"
        accuracy_of(program("main_np.py", *argv, *first, "--stop-after", 1, "--out", out))
        accuracy_of(program("main_np.py", "--resume", out / "checkpoint_np.npz", *second, "--out", out))
        runs.append(load_checkpoint(out / "checkpoint_np.npz"))
    assert runs[0].options == runs[1].options
    assert "autograd" not in runs[0].options  # it is of a call, and not of the run
    for group, arrays in runs[0].groups.items():
        assert all((array == runs[1].groups[group][name]).all() for name, array in arrays.items())


@pytest.mark.parametrize("model", ["resnet", "vit"])
def test_a_network_on_the_tape_has_the_arrays_of_its_twin(model):
    """All that a checkpoint keeps: each can go on where the other was."""
    _, by_hand, on_tape = both(model, *TINY[model], "--seed", 1)
    arrays, others = main_np.get_arrays(*by_hand), main_np.get_arrays(*on_tape)
    for name, array in arrays["params"].items():
        assert (array == others["params"][name]).all()  # the same first weights
        array += 1
    Checkpoint("", {}, arrays, None).copy_to(others)  # UserError if a name, a shape or a dtype differs
    assert all((array == others["params"][name]).all() for name, array in arrays["params"].items())


@pytest.mark.parametrize("model", NETWORKS)
def test_a_network_on_the_tape_has_no_derivative_in_it(model):
    """Its backward is the two lines that start the walk and collect what it found."""
    file, _ = NETWORKS[model].classes["autograd"].split(".")
    tree = ast.parse((ROOT / f"{file}.py").read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    (backward,) = (node for node in functions if node.name == "backward")
    assert ast.unparse(backward.body[1:]).splitlines() == [
        "self.logits.backward(dlogits)",
        "return {name: tensor.grad for name, tensor in self.tensors.items()}",
    ]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]

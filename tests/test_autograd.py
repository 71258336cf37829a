"""The tape: each operation against its definition, and the walk. (The networks on it are in test_networks.py.)"""

import tracemalloc

import numpy as np
import pytest

import mlp_autograd
import mlp_np
from autograd_np import Tensor, differences, softmax_cross_entropy
from conftest import ROOT


def test_it_is_read_in_one_sitting():
    assert len((ROOT / "autograd_np.py").read_text(encoding="utf-8").splitlines()) <= 200


OPERATIONS = [
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


@pytest.mark.parametrize("number", range(len(OPERATIONS)))
def test_an_operation(number):
    function, *shapes = OPERATIONS[number]
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


def test_a_value_that_was_used_twice_waits_for_both_shares():
    t = Tensor(1.0)
    u = 2 * t
    (3 * u * (u * u)).backward()
    assert t.grad == 72


def test_two_values_that_share_a_gradient_are_not_mixed_up():
    """a + b hands the same array to both. If a's next share were added in place, b would get it too."""
    a, b = Tensor(np.ones(3)), Tensor(np.ones(3))
    earlier = 5 * a
    (a + b + earlier).sum().backward()
    assert (a.grad == 6).all() and (b.grad == 1).all()


def test_a_graph_is_walked_once_and_gradients_of_two_losses_add_up():
    a = Tensor(np.ones(3))
    between = 2 * a
    loss = between.sum()
    loss.backward()
    for used in (loss, between.sum()):
        with pytest.raises(RuntimeError, match="compute the loss again"):
            used.backward()
    assert between.grad is None
    (3 * a).sum().backward()
    assert (a.grad == 5).all()


def test_a_deep_graph_needs_no_recursion():
    a = Tensor(np.ones(1))
    y = a
    for _ in range(30_000):
        y = y + a
    y.backward()
    assert a.grad == 30_001
    y = a
    for _ in range(30_000):
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


def test_the_walk_from_the_loss_is_the_walk_from_the_logits():
    """main_np.py gives backward the gradient of the logits, as it does by hand; loss.backward() finds it by itself."""
    model = mlp_autograd.MLP(5, dtype=np.float64)
    x, y = np.random.default_rng(0).normal(size=(4, 784)), np.array([1, 2, 3, 3])
    grads = model.backward(mlp_np.softmax_cross_entropy(model.forward(x), y)[1])
    model.forward(x)
    softmax_cross_entropy(model.logits, y).backward()
    for name, tensor in model.tensors.items():
        assert (tensor.grad == grads[name]).all()

"""The tape: each operation against its definition, and the walk. (The networks on it are in test_networks.py.)"""

import numpy as np
import pytest

from autograd_np import Tensor, list_gradient_differences

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
    arrays = [rng.uniform(0.5, 1.5, shape) for shape in shapes]
    operands = [Tensor(array) for array in arrays]
    assert function(*operands).value == pytest.approx(function(*arrays), rel=1e-14)  # what NumPy computes
    assert max(list_gradient_differences("", function, *operands)) < 1e-8


def test_constants_get_no_gradient_and_cost_nothing():
    x, W = np.ones((5, 3)), Tensor(np.ones((3, 2)))
    y = 2 * (x @ W)
    assert [len(node.edges) for node in y.node.ancestors()] == [0, 1, 1]


def test_two_values_that_share_a_gradient_are_not_mixed_up():
    """a + b hands the same array to both. If the next part of a's gradient were added in place, b would get it too."""
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
    y = a = Tensor(np.ones(1))
    for _ in range(3_000):
        y = y + a
    y.backward()
    assert a.grad == 3_001

"""The hand-written derivatives against central differences, over the shapes and values that break such code."""

import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from conftest import ROOT
from mlp_np import INITS, MLP, compare, numerical_gradient, relative_difference, softmax_cross_entropy


def gradients_agree(model, x, y, tolerance=1e-6):
    def loss():
        return softmax_cross_entropy(model.forward(x), y)[0]

    _, dlogits = softmax_cross_entropy(model.forward(x), y)
    grads = model.backward(dlogits)
    assert list(grads) == list(model.params)
    for name, param in model.params.items():
        assert grads[name].shape == param.shape
        assert grads[name].dtype == param.dtype
        chosen, numerical = numerical_gradient_at(loss, param)
        by_hand = grads[name].ravel()[chosen]
        # The last digit of the loss, divided by 2h, is all that is left of gradients that are themselves near 0.
        rounding = 10 * np.finfo(np.float64).eps * max(1, loss()) / (2 * 1e-5)
        if np.abs(by_hand - numerical).max() > rounding:
            assert relative_difference(by_hand, numerical) < tolerance, name


def numerical_gradient_at(loss, param, most=300):
    """Central differences for some entries drawn at random (W1 alone has thousands): (which, values)."""
    chosen = np.random.default_rng(0).choice(param.size, min(most, param.size), replace=False)
    flat = param.reshape(-1)  # a view
    values = []
    for i in chosen:
        one = flat[i : i + 1]
        values.append(numerical_gradient(loss, one)[0])
    return chosen, np.array(values)


@settings(max_examples=40, deadline=None)
@given(
    batch=st.integers(1, 9),
    hidden=st.integers(1, 12),
    init=st.sampled_from(["he", "pytorch"]),
    seed=st.integers(0, 2**32),
)
@example(batch=3, hidden=1, init="he", seed=4)  # all three so well recognised that the gradients are 1e-9
def test_gradients_for_random_shapes(batch, hidden, init, seed):
    rng = np.random.default_rng(seed)
    x, y = rng.normal(size=(batch, 28, 28)), rng.integers(10, size=batch)
    model = MLP(hidden, init, seed, np.float64)
    model.forward(x)
    # A ReLU has no derivative at 0: move the units that are within reach of h, with every sign kept.
    near = np.abs(model.z1).min(axis=0) < 1e-2
    model.params["b1"][near] += 5e-2 * rng.choice([-1, 1], near.sum())
    model.forward(x)
    if np.abs(model.z1).min() > 1e-3:
        gradients_agree(model, x, y)


def test_gradients_with_a_dead_hidden_layer():
    model = MLP(6, dtype=np.float64)
    model.params["b1"][:] = -1e3
    x, y = np.random.default_rng(0).normal(size=(4, 784)), np.array([1, 2, 3, 3])
    gradients_agree(model, x, y)
    assert (model.a1 == 0).all()
    grads = model.backward(softmax_cross_entropy(model.forward(x), y)[1])
    assert not grads["W1"].any()
    assert not grads["b1"].any()
    assert grads["b2"].any()


def test_a_unit_at_exactly_zero_passes_no_gradient():
    """PyTorch's choice too: the twins must agree on it."""
    model = MLP(3, dtype=np.float64)
    model.params["W1"][:] = 0
    x, y = np.ones((2, 784)), np.array([0, 1])
    grads = model.backward(softmax_cross_entropy(model.forward(x), y)[1])
    assert not grads["W1"].any()


@pytest.mark.parametrize("scale", [0, 1, 30, 1e4])
def test_softmax_cross_entropy_for_ties_and_extreme_logits(scale):
    rng = np.random.default_rng(3)
    logits = scale * rng.choice([-1.0, 1.0], (20, 10))  # many ties
    y = rng.integers(10, size=20)
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        loss, dlogits = softmax_cross_entropy(logits, y)
    assert np.isfinite(loss)
    assert np.allclose(dlogits.sum(axis=1), 0, atol=1e-15)
    # At 1e4 a loss has its last digit at 1e-12: a smaller h would drown in it.
    numerical = numerical_gradient(
        lambda: softmax_cross_entropy(logits, y)[0], logits, h=1e-4 if scale == 1e4 else 1e-5
    )
    assert relative_difference(dlogits, numerical) < 1e-6


def test_extreme_logits_have_the_exact_answer():
    logits = np.array([[1e4, -1e4, 0, 0, 0, 0, 0, 0, 0, 0]])
    assert softmax_cross_entropy(logits, np.array([0]))[0] == 0
    loss, dlogits = softmax_cross_entropy(logits, np.array([1]))
    assert loss == 2e4
    assert dlogits[0, 0] == 1
    assert dlogits[0, 1] == -1


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_guessing_costs_log_ten(dtype):
    loss, dlogits = softmax_cross_entropy(np.zeros((4, 10), dtype), np.arange(4))
    assert loss == pytest.approx(np.log(10))
    assert dlogits.dtype == dtype


def test_float32_stays_float32():
    model = MLP(5)
    logits = model.forward(np.ones((3, 784), np.float32))
    _, dlogits = softmax_cross_entropy(logits, np.array([1, 2, 3]))
    grads = model.backward(dlogits)
    arrays = [logits, dlogits, model.z1, model.a1, model.da1, model.dz1, *grads.values(), *model.params.values()]
    assert {a.dtype for a in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("init", "deviation"),
    [
        ("he", np.sqrt(2 / 784)),
        ("pytorch", 1 / np.sqrt(784) / np.sqrt(3)),
        ("geohot", 1 / np.sqrt(784 * 512) / np.sqrt(3)),
    ],
)
def test_inits_have_the_published_spread(init, deviation):
    params = MLP(512, init, seed=5).params
    assert params["W1"].std() == pytest.approx(deviation, rel=0.01)
    assert abs(params["W1"].mean()) < deviation / 100
    assert params["b1"].any() == (init == "pytorch")
    assert set(INITS) == {"he", "pytorch", "geohot"}


def test_he_keeps_the_size_of_activations():
    """What the formula promises: the mean square of a1's inputs to the next layer is that of x."""
    x = np.random.default_rng(0).normal(size=(200, 784)).astype(np.float32)
    model = MLP(4096, "he", seed=1)
    model.forward(x)
    assert (model.a1**2).mean() == pytest.approx((x**2).mean(), rel=0.05)


def test_seeds():
    first, again, other = MLP(8, seed=1), MLP(8, seed=1), MLP(8, seed=2)
    assert all((first.params[n] == again.params[n]).all() for n in first.params)
    assert (first.params["W1"] != other.params["W1"]).any()


def test_the_file_checks_itself_and_runs_alone(tmp_path):
    """It can be copied anywhere: it needs NumPy and nothing of ours."""
    copy = tmp_path / "mlp_np.py"
    copy.write_bytes((ROOT / "mlp_np.py").read_bytes())
    result = subprocess.run([sys.executable, str(copy)], capture_output=True, text=True, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    rows = result.stdout.splitlines()[1:]
    assert [row.split()[0] for row in rows] == ["dlogits", "dW2", "db2", "da1", "dz1", "dW1", "db1"]
    assert all(float(row.split()[-1]) < 1e-8 for row in rows)


def test_a_gradient_of_another_shape_is_noticed():
    """A (1, H) would broadcast against an (H,), and compare well."""
    b1 = np.ones(7)
    with pytest.raises(SystemExit, match=r"db1 has the shape \(1, 7\); it should be \(7,\)"):
        compare("db1", b1[np.newaxis], b1, b1.sum)


def test_numerical_gradient_knows_a_gradient():
    a = np.array([[1.0, -2.0], [0.5, 3.0]])
    assert numerical_gradient(lambda: (a**3).sum(), a) == pytest.approx(3 * a**2, rel=1e-8)

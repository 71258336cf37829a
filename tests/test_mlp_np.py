"""What is special to the MLP: its first weights, its loss; and the comparison with central differences."""

import numpy as np
import pytest

from mlp_np import INITS, MLP, compare, softmax_cross_entropy


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_loss_of_extreme_logits_is_exact(dtype):
    """Sure and right; sure and wrong; undecided between two digits; and undecided far below all others' logits."""
    sure, torn, low = [1e4, -1e4] + [0] * 8, [1e4, 1e4] + [-1e4] * 8, [-1e4] * 10
    logits, y = np.array([sure, sure, torn, low], dtype), np.array([0, 1, 0, 3])
    with np.errstate(over="raise", divide="raise", invalid="raise"):
        losses = [float(softmax_cross_entropy(logits[[n]], y[[n]])[0]) for n in range(4)]
        loss, dlogits = softmax_cross_entropy(logits, y)
    assert losses == pytest.approx([0, 2e4, np.log(2), np.log(10)])
    assert loss == pytest.approx(np.mean(losses))
    p = np.array([[1, 0] + [0] * 8, [1, 0] + [0] * 8, [0.5, 0.5] + [0] * 8, [0.1] * 10])
    assert dlogits.dtype == dtype and dlogits == pytest.approx((p - np.eye(10)[y]) / 4, abs=1e-7)


@pytest.mark.parametrize("init", INITS)
def test_inits_have_the_published_spread(init):
    params, uniform = MLP(512, init, seed=5).params, 1 / np.sqrt(3)  # of numbers between -1 and 1
    spread = {"he": np.sqrt(2 / 784), "pytorch": uniform / np.sqrt(784), "geohot": uniform / np.sqrt(784 * 512)}[init]
    assert params["W1"].std() == pytest.approx(spread, rel=0.01) and abs(params["W1"].mean()) < spread / 100
    assert params["b1"].std() == pytest.approx(spread if init == "pytorch" else 0, rel=0.1)
    assert params["b2"].any() == (init == "pytorch")


def test_a_gradient_of_another_shape_is_noticed():
    """A (1, H) would broadcast against an (H,), and compare well."""
    b1 = np.ones(7)
    with pytest.raises(SystemExit, match=r"db1 has the shape \(1, 7\); it should be \(7,\)"):
        compare("db1", b1[np.newaxis], b1, b1.sum)


def test_a_gradient_that_is_no_number_is_noticed():
    """Every comparison with NaN is false."""
    with pytest.raises(SystemExit, match=r"db1 is wrong: it differs .* by nan"):
        compare("db1", np.full(7, np.nan), b1 := np.ones(7), b1.sum)

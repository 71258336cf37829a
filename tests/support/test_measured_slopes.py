"""A measured slope and the bound on its error: both are true, of a smooth loss and of one with a kink."""

import numpy as np
import pytest

from support.slopes import Slopes


class Model:
    """logits = f(w) for a single weight."""

    def __init__(self, f, w):
        self.f, self.params = f, {"w": np.array([w])}

    def forward(self, x):
        return self.f(self.params["w"])


def make_slopes(f, w):
    return Slopes(Model(f, w), lambda logits, y: (logits.sum(), np.ones_like(logits)), np.zeros(1), None)


ONE = {"w": np.ones(1)}


@pytest.mark.parametrize("w", [0.3, -1.2, 2.5])
def test_a_smooth_slope_is_exact_within_its_bound(w):
    slope, error = make_slopes(lambda w: np.sin(3 * w) * np.exp(w), w).measure_slope_and_error(ONE)
    right = np.exp(w) * (3 * np.cos(3 * w) + np.sin(3 * w))
    assert abs(slope - right) <= error < 1e-9


@pytest.mark.parametrize("distance", [1e-3, 1e-5, 1e-7])
def test_a_kink_beside_the_weight_leaves_the_bound_true(distance):
    slope, error = make_slopes(
        lambda w: np.maximum(w - 1, 0) + np.maximum(w, 0) ** 2, 1 + distance
    ).measure_slope_and_error(ONE)
    assert abs(slope - (3 + 2 * distance)) <= error < 1e-5


def test_a_loss_that_is_another_every_time_has_no_slope():
    rng = np.random.default_rng(0)
    slope, error = make_slopes(lambda w: w + rng.normal(), 1.0).measure_slope_and_error(ONE)
    assert np.isnan(slope) and error == np.inf


def test_what_a_network_changes_in_place_changes_no_gradient():
    class InPlace(Model):
        def forward(self, x):
            x *= 0.5
            return x * self.params["w"]

        def backward(self, dlogits):
            gradient = dlogits.sum().reshape(1)
            dlogits *= 0
            return {"w": gradient}

    x = np.ones(1)
    slopes = Slopes(InPlace(None, 2.0), lambda logits, y: (logits.sum(), np.ones_like(logits)), x, None)
    assert slopes.loss() == slopes.loss() == 1.0 and x == 1
    assert slopes.compute_gradients_by_hand()["dlogits"] == 1

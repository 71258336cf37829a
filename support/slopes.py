"""Gradient checks of a whole network: central differences of its loss for a few entries, and along lines.

This file works with any network that has `forward`, `backward` and `params`, and with any loss function.
"""

from functools import cached_property
from typing import NamedTuple

import numpy as np

from support.checkpoint import describe_misfit
from support.errors import UserError

SLOPE_TOLERANCE = 1e-5  # fraction of an array's gradient; larger than a difference's error
# Step sizes of the differences. With a smaller step, fewer ReLUs switch on or off, but rounding errors grow. Steps for
# which rounding could hide more than MAX_ROUNDING_FRACTION of the slope are not tried.
STEP_SIZES = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
MAX_ROUNDING_FRACTION = 1e-3
# `measure_slope_and_error` tries N_STEP_SIZES, each a quarter of the one before: from steps that are too large to give
# a slope, to steps for which the difference is mere rounding.
STEP_REDUCTION = 4.0
N_STEP_SIZES = 13


class SlopeComparison(NamedTuple):
    """A slope by hand, compared with central differences."""

    agrees: bool  # True if a difference with any of STEP_SIZES agrees
    slope: float  # the difference that agrees, or the nearest one
    distance: float  # of that difference from the slope by hand, in units of the gradient's size


class Slopes:
    """Compares a network's gradients with central differences of its loss, for one batch, in float64."""

    def __init__(self, model, compute_loss, x, y):
        """x, y: one batch. compute_loss(logits, y) returns (loss, dlogits)."""
        self.model = model
        self.compute_loss = compute_loss
        self.x = x
        self.y = y
        self.statistics = {name: a.copy() for name, a in getattr(model, "statistics", {}).items()}

    def logits(self):
        """Return the logits, computed from the same `statistics` each time.

        The statistics include the step counters of layers that draw random numbers, such as dropout.
        """
        for name, array in self.statistics.items():
            self.model.statistics[name][...] = array
        self.model.training = True
        return self.model.forward(self.x.copy())  # a network may change x in place

    def loss(self):
        return float(self.compute_loss(self.logits(), self.y)[0])

    @cached_property
    def noise(self):
        """A bound on the rounding error of the loss."""
        logits = self.logits()
        largest = float(np.abs(logits).max())
        loss, _ = self.compute_loss(logits, self.y)
        return 40 * np.finfo(float).eps * max(1.0, abs(float(loss)), largest)

    def compute_gradients_by_hand(self):
        """Return {name: gradient} from the network's `backward`, in the order of the backward pass, "dlogits" first.

        The gradients are copies, because a network may change dlogits in place. If `backward` changes parameters, they
        are restored. Raises UserError if names or shapes do not match the parameters.
        """
        originals = {name: p.copy() for name, p in self.model.params.items()}
        _, dlogits = self.compute_loss(self.logits(), self.y)
        dlogits_copy = dlogits.copy()
        grads = self.model.backward(dlogits)
        for name, p in originals.items():
            self.model.params[name][...] = p
        message = describe_misfit(self.model.params, grads)
        if message:
            raise UserError(message)
        return {"dlogits": dlogits_copy} | {name: gradient.copy() for name, gradient in reversed([*grads.items()])}

    def slope(self, directions, h):
        """Return (loss(+h) - loss(-h)) / 2h, where all arrays in directions, {name: direction}, move at once.

        The names are those of parameters. Or the only name is "dlogits"; then the logits move.
        """
        if "dlogits" in directions:
            logits = self.logits()
            arrays = {"dlogits": logits}

            def loss():
                return float(self.compute_loss(logits.copy(), self.y)[0])
        else:
            arrays = {name: self.model.params[name] for name in directions}
            loss = self.loss
        originals = {name: array.copy() for name, array in arrays.items()}
        losses = []
        for side in (h, -h, 0):
            for name, array in arrays.items():
                array[...] = originals[name] + side * directions[name]
            losses.append(loss() if side else None)
        return (losses[0] - losses[1]) / (2 * h)

    def compare_slope(self, by_hand, directions, scale):
        """Return the `SlopeComparison` of a slope by hand. directions: see `slope`. scale: the size of the gradient."""
        attempts = []
        for h in STEP_SIZES:
            if attempts and self.noise / h > MAX_ROUNDING_FRACTION * scale:
                break
            slope = self.slope(directions, h)
            gap = abs(slope - by_hand)
            attempts.append((gap / (scale or 1.0), slope))
            if gap <= SLOPE_TOLERANCE * scale + self.noise / h:
                return SlopeComparison(True, slope, attempts[-1][0])
        distance, slope = min(attempts)
        return SlopeComparison(False, slope, distance)

    def measure_slope_and_error(self, directions):
        """Return (slope along directions, bound on its error). directions: {name: direction}, see `slope`.

        Central differences are computed with ever smaller steps. Combining two in a row as (16 fine - coarse) / 15
        removes the error that grows with the square of the step (Richardson extrapolation). The step at which the
        result changes least is the best one. If the loss differs from call to call, there is no slope, and the result
        is (nan, inf).
        """
        if self.loss() != self.loss():
            return np.nan, np.inf
        slope = np.nan
        error = np.inf
        before = None
        coarse = None
        for h in 1e-2 / STEP_REDUCTION ** np.arange(N_STEP_SIZES):
            fine = self.slope(directions, h)
            if coarse is not None:
                better = fine + (fine - coarse) / (STEP_REDUCTION**2 - 1)
                if before is not None and abs(better - before) + self.noise / h < error:
                    slope = better
                    error = abs(better - before) + self.noise / h
                before = better
            coarse = fine
        return slope, error

    def has_wrong_gradients(self):
        """Return True if the gradients contradict the loss along a line on which all weights move at once.

        Return False if the loss differs from call to call or is not finite, because there is no slope then.
        """
        loss = self.loss()
        rng = np.random.default_rng(0)
        if not np.isfinite(loss) or self.loss() != loss:
            return False
        grads = self.compute_gradients_by_hand()
        del grads["dlogits"]
        lines = {name: rng.choice([-1.0, 1.0], gradient.shape) for name, gradient in grads.items()}
        by_hand = sum(float((gradient * lines[name]).sum()) for name, gradient in grads.items())
        scale = float(np.sqrt(sum(float((gradient**2).sum()) for gradient in grads.values())))
        return not self.compare_slope(by_hand, lines, scale).agrees


def one_hot(shape, entry):
    direction = np.zeros(shape)
    direction[entry] = 1.0
    return direction


def true_loss(logits, y):
    """Return the mean of -log p[y] with p = softmax(logits), straight from the definition.

    logits: (..., K). y: (...) class numbers; positions with -1 are ignored.
    """
    rows = np.asarray(logits, float)[y != -1]
    y = y[y != -1]
    return float(np.mean(np.logaddexp.reduce(rows, axis=1) - rows[np.arange(y.size), y]))

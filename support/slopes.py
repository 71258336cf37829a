"""Is a gradient that of its own loss? Central differences of a few of its entries, and along lines.

Nothing here knows a network: it is called by `forward` and `backward`, and its loss is a function that is given.
"""

from functools import cached_property

import numpy as np

from support.checkpoint import describe_misfit
from support.errors import UserError

SLOPE = 1e-5  # what is more than the error of a difference, in units of an array's gradient
# Steps of the differences. The smaller, the fewer ReLUs change sides; but rounding grows, and where it would hide this
# share of the slope, there are no more.
HS = (1e-5, 1e-6, 1e-7, 1e-8, 1e-9)
HIDDEN = 1e-3
# The steps of `measure_slope_and_error`, each a quarter of the one before: from those whose difference is far from a
# slope, to those whose difference is rounding.
FINER = 4.0
STEPS = 13


class Slopes:
    """Central differences of a network's own loss, at its weights and for one batch, in float64."""

    def __init__(self, model, compute_loss, x, y):
        """compute_loss(logits, y) -> loss, dlogits and perhaps more."""
        self.model = model
        self.compute_loss = compute_loss
        self.x = x
        self.y = y
        self.statistics = {name: a.copy() for name, a in getattr(model, "statistics", {}).items()}

    def logits(self):
        """Compute the logits, from the same statistics each time: they count the steps of a network with randomness."""
        for name, array in self.statistics.items():
            self.model.statistics[name][...] = array
        self.model.training = True
        return self.model.forward(self.x.copy())  # which may change it in place

    def loss(self):
        return float(self.compute_loss(self.logits(), self.y)[0])

    @cached_property
    def noise(self):
        """Return a bound on the rounding error of the loss."""
        logits = self.logits()
        largest = float(np.abs(logits).max())
        loss, *_ = self.compute_loss(logits, self.y)
        return 40 * np.finfo(float).eps * max(1.0, abs(float(loss)), largest)

    def compute_gradients_by_hand(self):
        """Return {name: gradient} from the network's `backward`, from the loss back, dlogits first.

        They are copies: a network may change dlogits in place when it needs it no more. Parameters that it changes are
        put right. UserError if names or shapes do not match the parameters.
        """
        originals = {name: p.copy() for name, p in self.model.params.items()}
        _, dlogits, *_ = self.compute_loss(self.logits(), self.y)
        dlogits_copy = dlogits.copy()
        grads = self.model.backward(dlogits)
        for name, p in originals.items():
            self.model.params[name][...] = p
        message = describe_misfit(self.model.params, grads)
        if message:
            raise UserError(message)
        return {"dlogits": dlogits_copy} | {name: gradient.copy() for name, gradient in reversed([*grads.items()])}

    def slope(self, directions, h):
        """Return (loss(+h) - loss(-h)) / 2h, where all arrays of {name: direction} move at once."""
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
        """Return (whether a difference agrees with this slope by hand, the nearest one, its distance in scales)."""
        attempts = []
        for h in HS:
            if attempts and self.noise / h > HIDDEN * scale:
                break
            slope = self.slope(directions, h)
            gap = abs(slope - by_hand)
            attempts.append((gap / (scale or 1.0), slope))
            if gap <= SLOPE * scale + self.noise / h:
                return True, slope, attempts[-1][0]
        gap, slope = min(attempts)
        return False, slope, gap

    def measure_slope_and_error(self, directions):
        """Return (the slope along {name: direction}, a bound on its error).

        From differences with ever smaller steps. Two in a row, (16 fine - coarse) / 15, are without the error that
        grows with the square of the step (Richardson). The step at which this changes least is the best one. If the
        loss is another every time, there is no slope, and the error is inf.
        """
        if self.loss() != self.loss():
            return np.nan, np.inf
        slope = np.nan
        error = np.inf
        before = None
        coarse = None
        for h in 1e-2 / FINER ** np.arange(STEPS):
            fine = self.slope(directions, h)
            if coarse is not None:
                better = fine + (fine - coarse) / (FINER**2 - 1)
                if before is not None and abs(better - before) + self.noise / h < error:
                    slope = better
                    error = abs(better - before) + self.noise / h
                before = better
            coarse = fine
        return slope, error

    def has_wrong_gradients(self):
        """Return True if the gradients are not those of the loss, along a line on which all weights move at once.

        False, too, if the loss is another every time, or is not finite: then there is no slope.
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
        return not self.compare_slope(by_hand, lines, scale)[0]


def one_hot(shape, entry):
    direction = np.zeros(shape)
    direction[entry] = 1.0
    return direction


def true_loss(logits, y):
    """The mean of -log p[y] of logits (..., K), by definition, with p = softmax(logits). y (...): -1 is no answer."""
    rows = np.asarray(logits, float)[y != -1]
    y = y[y != -1]
    return float(np.mean(np.logaddexp.reduce(rows, axis=1) - rows[np.arange(y.size), y]))

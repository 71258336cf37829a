"""A multi-layer perceptron by hand: every derivative of its training is a line in this file.

The network maps an image x of 784 pixels to 10 logits, one score for each digit:

    z1 = x W1 + b1        weighted sums of the pixels, one for each of H hidden units
    a1 = max(z1, 0)       their activations (ReLU)
    logits = a1 W2 + b2   weighted sums of the activations
    p = softmax(logits)   exp(logits) / sum(exp(logits)): the scores as ten positive numbers with sum 1
    loss = -log p[y]      cross-entropy: how surprised the network is by the true digit y

Training asks one question of each weight: if it grew a little, how would the loss change? The answer is the
derivative d loss / d W1, which the code calls dW1. All names work this way: dz1 is d loss / d z1, in z1's shape.
`backward` finds them all by the chain rule, walking through the five lines above from the last to the first
(Rumelhart, Hinton & Williams 1986). mlp_torch.py is the same network; there PyTorch finds them.

`python mlp_np.py` checks each formula against the definition of the derivative. `python main_np.py --prove` compares
this file with its definitions, our autograd and PyTorch. To see the numbers, put a `print` or a `breakpoint()` into
`forward`: training and testing call it once for each batch.

Shapes: B images in a batch, H hidden units. Gradients have the shape of what they differentiate.
"""

import numpy as np


def init_he(rng, fan_in, fan_out):
    """Return (W, b). W has variance 2 / fan_in, so activations keep their size in ReLUs (He et al. 2015). b = 0."""
    return rng.normal(0, np.sqrt(2 / fan_in), (fan_in, fan_out)), np.zeros(fan_out)


def init_pytorch(rng, fan_in, fan_out):
    """Return (W, b), both uniform within ±1 / sqrt(fan_in), as torch.nn.Linear draws them by default."""
    bound = 1 / np.sqrt(fan_in)
    return rng.uniform(-bound, bound, (fan_in, fan_out)), rng.uniform(-bound, bound, fan_out)


def init_geohot(rng, fan_in, fan_out):
    """Return (W, b): W uniform within ±1 / sqrt(fan_in * fan_out), b = 0, as in George Hotz's mnist_from_scratch."""
    bound = 1 / np.sqrt(fan_in * fan_out)
    return rng.uniform(-bound, bound, (fan_in, fan_out)), np.zeros(fan_out)


INITS = {"he": init_he, "pytorch": init_pytorch, "geohot": init_geohot}


class MLP:
    """The network 784 - hidden - 10 with one ReLU. `params` holds W1 (784, H), b1 (H,), W2 (H, 10), b2 (10,)."""

    def __init__(self, hidden=512, init="he", seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        W1, b1 = INITS[init](rng, 784, hidden)
        W2, b2 = INITS[init](rng, hidden, 10)
        self.params = {name: p.astype(dtype) for name, p in [("W1", W1), ("b1", b1), ("W2", W2), ("b2", b2)]}

    def forward(self, x):
        """Return the logits (B, 10) of B images x, 784 pixels each in any shape. Keeps what backward needs."""
        W1, b1, W2, b2 = self.params.values()
        self.x = x.reshape(len(x), -1)  # (B, 784)
        self.z1 = self.x @ W1 + b1  # (B, H)
        self.a1 = np.maximum(self.z1, 0)  # (B, H)
        return self.a1 @ W2 + b2  # (B, 10)

    def backward(self, dlogits):
        """Return {"W1": d loss / d W1, ...}, each in its parameter's shape. dlogits (B, 10) is d loss / d logits."""
        W2 = self.params["W2"]

        # logits = a1 W2 + b2, that is logits[n, k] = sum_j a1[n, j] W2[j, k] + b2[k]. So W2[j, k] affects
        # logits[n, k] with the factor a1[n, j], for every image n, and by the chain rule
        # dW2[j, k] = sum_n a1[n, j] dlogits[n, k] = (a1.T @ dlogits)[j, k]. b2[k] has the factor 1.
        dW2 = self.a1.T @ dlogits  # (H, 10)
        db2 = dlogits.sum(axis=0)  # (10,)

        # a1[n, j] affects every logit of its own image, logits[n, k] with the factor W2[j, k]:
        # da1[n, j] = sum_k dlogits[n, k] W2[j, k] = (dlogits @ W2.T)[n, j].
        self.da1 = dlogits @ W2.T  # (B, H)

        # a1 = max(z1, 0): slope 1 where z1 is positive, 0 where the unit is off (and, by choice, at 0 itself).
        self.dz1 = self.da1 * (self.z1 > 0)  # (B, H)

        # z1 = x W1 + b1: the same as for W2 and b2. The walk ends here: dx is not needed.
        dW1 = self.x.T @ self.dz1  # (784, H)
        db1 = self.dz1.sum(axis=0)  # (H,)
        return {"W1": dW1, "b1": db1, "W2": dW2, "b2": db2}


def softmax(scores):
    """Return exp(scores) / sum(exp(scores)) along the last axis of scores (..., K): rows of positive numbers, sum 1."""
    # Adding a constant to all scores of a row changes nothing; with the largest at 0, exp cannot overflow.
    exp = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return exp / exp.sum(axis=-1, keepdims=True)


def softmax_cross_entropy(logits, y):
    """Return (the mean over the batch of -log p[y], its derivative dlogits). logits (B, 10), true digits y (B,).

    With p = exp(logits) / sum(exp(logits)), the loss of one image is log(sum(exp(logits))) - logits[y].
    With respect to logits[k], the first term has the derivative exp(logits[k]) / sum = p[k], the second -1 if k = y.
    So d loss / d logits = p - onehot(y): what the network said, minus what it should have said.
    """
    rows = np.arange(len(y))
    shifted = logits - logits.max(axis=1, keepdims=True)  # (B, 10), as in softmax
    exp = np.exp(shifted)  # (B, 10)
    total = exp.sum(axis=1, keepdims=True)  # (B, 1), at least 1
    loss = (np.log(total[:, 0]) - shifted[rows, y]).mean()

    dlogits = exp / total  # (B, 10), p so far
    dlogits[rows, y] -= 1
    dlogits /= len(y)  # the mean's 1/B, applied here to B x 10 numbers instead of later to every gradient
    return loss, dlogits


def numerical_gradient(f, array, h=1e-5):
    """Return d f() / d array by central differences, (f(+h) - f(-h)) / 2h. f() reads `array` whenever it is called."""
    gradient = np.zeros_like(array)
    for i in np.ndindex(array.shape):
        original = array[i]
        array[i] = original + h
        above = f()
        array[i] = original - h
        gradient[i] = (above - f()) / (2 * h)
        array[i] = original
    return gradient


def relative_difference(a, b):
    """Return the largest |a - b|, divided by the largest |a| or |b|."""
    largest = max(np.abs(a).max(), np.abs(b).max())
    return np.abs(a - b).max() / largest if largest else 0.0


def compute_gradient_difference(name, by_hand, array, compute_loss):
    """Return the relative difference between `by_hand`, which is d loss() / d array, and central differences.

    Raises SystemExit if the gradient by hand is wrong. If both are 0 up to rounding, prints that and returns 0: they
    agree, but nothing can be learned from them. name: the gradient's name in these messages.
    """
    if np.shape(by_hand) != array.shape:  # a (1, H) instead of an (H,) would broadcast, and pass
        raise SystemExit(f"{name} has the shape {np.shape(by_hand)}; it should be {array.shape}")
    numerical = numerical_gradient(compute_loss, array)
    if max(np.abs(by_hand).max(), np.abs(numerical).max()) < 1e-9:  # the rounding of the loss, divided by 2h, is less
        print(f"{name} is 0 by hand and by differences: are all units equal?")
        return 0.0
    difference = relative_difference(by_hand, numerical)
    if not difference < 1e-6:
        raise SystemExit(f"{name} is wrong: it differs from (loss(+h) - loss(-h)) / 2h by {difference:.1e} of its size")
    return difference


def check_gradient_names(grads, params):
    """Raise SystemExit unless the dicts grads and params have the same keys."""
    for name in [*params, *grads]:
        if name not in grads:
            raise SystemExit(f"{name} is in params, but not in the result of backward")
        if name not in params:
            raise SystemExit(f"{name} is in the result of backward, but not in params")


class Nudged(MLP):
    """An `MLP` in which an array that `forward` stores can be changed. `forward` continues with the changed array.

    nudges: {name of an array: what is added to it}: zeros, until `numerical_gradient` changes one of them in place.
    original: {name of an array: its value without the addition}.
    """

    def __setattr__(self, name, value):
        # Python calls this for every `self.name = value`. When `forward` computes self.z1, it is the sum of z1 and its
        # nudge that is stored, and the lines after it continue with the sum.
        is_nudged = name in vars(self).get("nudges", {})
        if is_nudged and np.array_equal(value, self.original[name]):  # not an earlier value of that name
            value = value + self.nudges[name]
        super().__setattr__(name, value)


FORMULAS = {"W2": "a1.T @ dlogits", "b2": "dlogits.sum(axis=0)", "a1": "dlogits @ W2.T", "z1": "da1 * (z1 > 0)"}
FORMULAS |= {"W1": "x.T @ dz1", "b1": "dz1.sum(axis=0)"}


def check():
    """Compare each gradient by hand of a small float64 network with central differences, and print the results.

    The network's own `forward` computes every loss, also from an intermediate array that has been changed. Raises
    SystemExit if a gradient or the loss is wrong.
    """
    rng = np.random.default_rng(1)
    x = rng.normal(size=(5, 784))
    y = rng.integers(10, size=5)
    model = Nudged(hidden=7, dtype=np.float64)

    logits = model.forward(x)
    loss, dlogits = softmax_cross_entropy(logits, y)
    model.original = {name: getattr(model, name) for name in ("a1", "z1") if hasattr(model, name)}
    grads = model.backward(dlogits)
    check_gradient_names(grads, model.params)
    right = -np.log(softmax(logits)[range(5), y]).mean()
    if not abs(loss - right) < 1e-12:
        raise SystemExit(f"the loss is wrong: it is {loss:.6g}, and the mean of -log p[y] is {right:.6g}")

    print("each gradient by hand, and its largest relative difference from (loss(+h) - loss(-h)) / 2h")
    print_row("dlogits", "(p - onehot(y)) / B", dlogits, logits, lambda: softmax_cross_entropy(logits, y)[0])
    for name in [*FORMULAS, *(name for name in model.params if name not in FORMULAS)]:
        if name in model.params:
            by_hand = grads[name]
            array = model.params[name]
        elif name in model.original and hasattr(model, f"d{name}"):
            by_hand = getattr(model, f"d{name}")
            array = np.zeros_like(model.original[name])
            model.nudges = {name: array}
        else:
            continue
        formula = FORMULAS.get(name, "")
        print_row(f"d{name}", formula, by_hand, array, lambda: softmax_cross_entropy(model.forward(x), y)[0])
        model.nudges = {}


def print_row(name, formula, by_hand, array, compute_loss):
    difference = compute_gradient_difference(name, by_hand, array, compute_loss)
    print(f"{name:8} = {formula:20} {by_hand.shape!s:10} {difference:.1e}")


if __name__ == "__main__":
    check()

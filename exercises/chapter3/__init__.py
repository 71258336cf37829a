"""Detective work. Short programs, each of which trains badly for one classic reason: what shows whether it is gone."""

import inspect
import io
from contextlib import ExitStack, contextmanager, redirect_stdout

import numpy as np

from autograd_np import Tensor
from exercises import digits
from exercises.case import Case
from exercises.chapter1 import network
from marker.calls import reroute
from marker.equal import ROUNDING, agree
from mlp_np import MLP, init_he, softmax_cross_entropy

__all__ = ["Case"]  # for the files of this folder


def probe_deep(module, rng, train):
    """Are all gradients of four layers right? If `backward` takes other arguments than it did: those of a training."""
    if not takes(module.forward, 2) or not takes(module.backward, 3):
        return probe_training(module)
    sizes = ((784, 64), (64, 64), (64, 64), (64, 10))
    layers = [[W, rng.normal(0, 0.3, len(b))] for W, b in (init_he(rng, *s) for s in sizes)]
    x, y = rng.normal(size=(7, 784)), rng.integers(10, size=7)
    dlogits = softmax_cross_entropy(on_the_tape(layers, x)[0].value, y)[1]
    own = [[p.copy() for p in layer] for layer in layers]
    found = module.backward(own, module.forward(own, x.copy()), dlogits.copy())
    return right_weights(found, layers, x, dlogits, ROUNDING)


def takes(function, n):
    """Whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(n))
    except TypeError:
        return False
    return True


def on_the_tape(layers, x):
    """The logits of these layers [W, b], and the Tensors of all W, on the tape of autograd_np.py."""
    tensors = [[Tensor(p) for p in layer] for layer in layers]
    a = Tensor(x)
    for W, b in tensors[:-1]:
        a = (a @ W + b).relu()
    return a @ tensors[-1][0] + tensors[-1][1], [W for W, _ in tensors]


def right_weights(found, layers, x, dlogits, tolerance):
    """Whether the dW among these (dW, db) are those that the tape finds, but for `tolerance` of the largest entry."""
    logits, tensors = on_the_tape(layers, x)
    logits.backward(dlogits)
    return len(found) == len(tensors) and all(
        np.shape(dW) == W.grad.shape and np.abs(dW - W.grad).max() <= tolerance * np.abs(W.grad).max()
        for (dW, _), W in zip(found, tensors, strict=True)
    )


def probe_training(module):
    """In the first steps of a training: does `backward` find the gradients of the loss?"""
    last, seen = {}, []

    def forward(original, layers, x, *more, **options):
        last["layers"], last["x"] = [[p.astype(float) for p in layer] for layer in layers], np.array(x, float)
        return original(layers, x, *more, **options)

    def loss(original, *arguments, **options):
        result = original(*arguments, **options)
        last["dlogits"] = np.array(result[1], float)
        return result

    def backward(original, *arguments, **options):
        noted = dict(last)
        found = original(*arguments, **options)
        if len(seen) < 3:
            seen.append(right_weights(found, tolerance=1e-3, **noted))  # a training has float32 alone
        return found

    with (
        reroute(module, "forward", forward),
        reroute(module, "softmax_cross_entropy", loss),
        reroute(module, "backward", backward),
    ):
        module.train()
    return len(seen) == 3 and all(seen)


def probe_step(module, rng, train):
    """Does a step go along the gradient of the mean?"""
    g, lr, model = network(rng), 0.1, MLP(1, dtype=np.float64)
    model.params = {name: getattr(g, name).copy() for name in ("W1", "b1", "W2", "b2")}
    module.step(model, g.x.copy(), g.y.copy(), lr)
    return all(agree(p, getattr(g, name) - lr * getattr(g, f"d{name}")) for name, p in model.params.items())


def probe_init(module, rng, train):
    """Do the hidden units start different from each other? The second layer's weights may then be 0."""
    W1, *others = (np.asarray(p) for p in module.new_model(np.random.default_rng(1)).params.values())
    differ = len(np.unique(W1.round(12), axis=1).T) == W1.shape[1]
    return differ and all(np.isfinite(p).all() for p in (W1, *others)) and W1.std() > 1e-4


def probe_labels(module, rng, train):
    """Each image is its own number: does each come with its label? ValueError if not once, and in a random order."""
    images, labels = np.arange(400.0).reshape(-1, 1), np.arange(400)
    pairs = list(module.batches(images, labels, np.random.default_rng(1)))
    seen = np.concatenate([np.asarray(x)[:, 0] for x, _ in pairs])
    said = np.concatenate([np.asarray(y) for _, y in pairs])
    if agree(seen, said) and not (agree(np.sort(seen), labels) and not agree(seen, labels)):
        raise ValueError("the labels belong to their images now; but all examples should come once, in a random order.")
    return agree(seen, said)


def probe_cleared(module, rng, train):
    """During a whole training: is nothing in any .grad when the next gradients are found, that would be added to?

    What torch.autograd.grad returns is added to nothing. Then .grad may hold what it returned last.
    """
    torch, models, clear, returned = module.torch, {}, [], []

    def call(original, model, *arguments, **options):
        models[id(model)] = model
        return original(model, *arguments, **options)

    def find(original, *arguments, **options):
        kept = [p.grad for model in models.values() for p in model.parameters() if p.grad is not None]
        clear.append(not any(g.any() and not any(g.equal(r) for r in returned if r.shape == g.shape) for g in kept))
        found = original(*arguments, **options)
        returned[:] = [] if found is None else [g.clone() for g in found]
        return found

    with (
        reroute(torch.nn.Module, "__call__", call),
        reroute(torch.autograd, "backward", find),
        reroute(torch.autograd, "grad", find),
    ):
        train()
    return len(clear) > 10 and all(clear)


def probe_softmax(module, rng, train):
    """Is the loss the cross-entropy of what the last linear layer gives?"""
    torch, F = module.torch, module.torch.nn.functional
    torch.manual_seed(0)
    model, logits = module.new_model().double(), []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(lambda layer, inputs, output: logits.append(output))
    x, y = torch.from_numpy(rng.normal(size=(6, 784))), torch.from_numpy(rng.integers(10, size=6))
    loss = module.loss_of(model, x, y)
    return torch.allclose(loss, F.cross_entropy(logits[-1], y), rtol=0, atol=1e-9)


def passes(train, layers, owner_of_backward, note):
    """[(note(layer, x), whether backward() came next)] for each forward pass of such a layer during a training.

    layers: their class. owner_of_backward: the class whose backward() is called.
    """
    seen, waiting = [], {}  # waiting: what was noted of the last pass, until we know what it was for

    def settle(learned):
        seen.extend((noted, learned) for noted in waiting.values())
        waiting.clear()

    def forward(original, layer, x):
        if layer in waiting:  # it reads the next batch, and nobody has learned from the last
            settle(False)
        waiting[layer] = note(layer, x)
        return original(layer, x)

    def backward(original, *arguments, **options):
        settle(True)
        return original(*arguments, **options)

    with reroute(layers, "forward", forward), reroute(owner_of_backward, "backward", backward):
        train()
    settle(False)
    return seen


def probe_statistics(module, rng, train):
    """During a whole training: is every image that is only read, and not learned from, normalised as remembered?"""

    def statistics(layer, x):
        return "own" if layer.training or layer.running_mean is None else "remembered"

    seen = set(passes(train, module.torch.nn.BatchNorm1d, module.torch.Tensor, statistics))
    return {("own", True), ("remembered", False)} <= seen and ("own", False) not in seen


def probe_units(module, rng, train):
    """After the training: has it learned, and are most units on for some image?"""
    seen = passes(train, MLP, MLP, lambda model, x: model)
    if not seen:
        return False
    (model, _), (_, _, x, y) = seen[-1], digits.few_digits()
    right = model.forward(x).argmax(axis=1) == y
    return right.mean() > 0.5 and (model.z1 > 0).any(axis=0).mean() > MOST_UNITS


@contextmanager
def given_images(module, images):
    """Within it, a case gets these from `few_images`: (images, labels, those of the test). It prints nothing."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(io.StringIO()))
        for owner in (module, digits):
            if hasattr(owner, "few_images"):
                stack.enter_context(reroute(owner, "few_images", lambda original: images))
        yield


MOST_UNITS = 1 / 3  # with a learning rate that is only just too large, it is 1 in 7; healthy ones begin at a half


def probe_pixels(module, rng, train):
    """If it is tested on images of its training, does the network see the same numbers?"""
    images, y, *_ = digits.few_images()
    half = len(images) // 2
    with given_images(module, (images, y, images[:half], y[:half])):
        seen = passes(module.train, MLP, MLP, lambda model, x: np.array(x, float).reshape(len(x), -1))
    direction = rng.normal(size=784)  # a number for each image
    learned, read = ([x @ direction for x, was_learned in seen if was_learned is kind] for kind in (True, False))
    if not learned or not read:
        return False
    known, asked = np.sort(np.concatenate(learned)), np.concatenate(read)
    nearest = known[np.searchsorted(known, asked).clip(1, len(known) - 1) - np.array([[0], [1]])]
    return known.std() > 1e-3 and np.abs(nearest - asked).min(axis=0).max() < 1e-5 * known.std()


def probe_leak(module, rng, train):
    """During a training: is none of the images that it is tested on among those that it has learned from?

    An image is known by which of its pixels are lighter than its mean, however the pixels are scaled.
    """

    def known_by(model, x):
        x = np.asarray(x).reshape(len(x), -1)
        return {row.tobytes() for row in np.packbits(x > x.mean(axis=1, keepdims=True), axis=1)}

    seen = passes(train, MLP, MLP, known_by)
    learned, read = (
        set().union(*(rows for rows, was_learned in seen if was_learned is kind)) for kind in (True, False)
    )
    return len(learned) > 100 and len(read) > 100 and len(learned & read) < 0.01 * len(read)  # some 1s look the same


def probe_broadcast(module, rng, train):
    """Is the loss of a batch the mean of what it is for each image alone?"""

    def loss(x, y):
        found = module.loss_of(params, x, y)
        return np.asarray(getattr(found, "value", found), float)

    params = module.new_params(np.random.default_rng(1))
    x, y = rng.normal(size=(6, 784)), np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
    alone = [loss(x[i : i + 1], y[i : i + 1]).mean() for i in range(6)]
    return agree(loss(x, y), np.mean(alone), 1e-4)


def probe_overwritten(module, rng, train):
    """In a training on images without a black pixel: do as many become black in the last epoch as in the first?"""
    given = rng.integers(128, 256, (400, 28, 28)).astype(np.uint8), rng.integers(10, size=400)
    with given_images(module, (*given, *given)):
        seen = passes(module.train, MLP, MLP, lambda model, x: np.array(x, float).reshape(len(x), -1))
    learned = [x for x, was_learned in seen if was_learned]
    if len(learned) < 8:
        return False
    darkest = min(x.min() for x in learned)
    dark = [(x < darkest + 1e-6).mean() for x in learned]
    first, last = np.mean(dark[: len(dark) // 4]), np.mean(dark[-(len(dark) // 4) :])
    if first < 0.01 or darkest > min(x.min() for x, was_learned in seen if not was_learned):
        raise ValueError("the images are whole now; but each should come with a square missing, each time another one.")
    return last < 1.1 * first


def probe_ahead(module, rng, train):
    """Does a pixel change nothing but the probabilities after it?"""
    pixels = module.SIDE**2
    W, b = rng.normal(0, 0.1, (pixels, pixels)), rng.normal(size=(10, pixels))
    x, digits = np.where(rng.random((3, pixels)) < 0.5, 1.0, -1.0), np.array([3, 1, 4])
    before = np.asarray(module.forward(W, b, x.copy(), digits))
    for pixel in rng.permutation(pixels)[:12]:
        changed = x.copy()
        changed[:, pixel] *= -1
        after = np.asarray(module.forward(W, b, changed, digits))
        if not agree(after[:, : pixel + 1], before[:, : pixel + 1]):
            return False
    return True

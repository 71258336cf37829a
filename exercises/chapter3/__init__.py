"""Probes for the detective cases, programs that train badly: each tests whether the cause of a case is gone.

The arguments of a probe are the learner's module, a random generator, and train(), which runs the training once.
"""

import inspect
import io
from contextlib import ExitStack, contextmanager, redirect_stdout

import numpy as np

from autograd_np import Tensor
from exercises import digits
from exercises.case import Case
from exercises.chapter1 import draw_network
from marker.calls import reroute
from marker.equal import RELATIVE_TOLERANCE, agree
from mlp_np import MLP, init_he, softmax_cross_entropy

__all__ = ["Case"]  # for the files of this folder


def probe_deep(module, rng, train):
    """Return whether the gradients of a network with four layers are right.

    If the learner has changed the parameters of `forward` or `backward`, the gradients in a training are tested
    instead.
    """
    if not can_be_called_with(module.forward, 2) or not can_be_called_with(module.backward, 3):
        return probe_training(module)
    sizes = ((784, 64), (64, 64), (64, 64), (64, 10))
    layers = []
    for size in sizes:
        W, b = init_he(rng, *size)
        layers.append([W, rng.normal(0, 0.3, len(b))])
    x = rng.normal(size=(7, 784))
    y = rng.integers(10, size=7)
    dlogits = softmax_cross_entropy(run_on_tape(layers, x)[0].value, y)[1]
    learner_layers = [[p.copy() for p in layer] for layer in layers]
    gradients = module.backward(learner_layers, module.forward(learner_layers, x.copy()), dlogits.copy())
    return are_weight_gradients_right(gradients, layers, x, dlogits, RELATIVE_TOLERANCE)


def can_be_called_with(function, n_arguments):
    """Return whether a function can be called with `n_arguments` positional arguments."""
    try:
        inspect.signature(function).bind(*range(n_arguments))
    except TypeError:
        return False
    return True


def run_on_tape(layers, x):
    """Return (logits, Tensors of all W) of a network with the layers [W, b], computed on the tape of autograd_np.py."""
    tensors = [[Tensor(p) for p in layer] for layer in layers]
    a = Tensor(x)
    for W, b in tensors[:-1]:
        a = (a @ W + b).relu()
    return a @ tensors[-1][0] + tensors[-1][1], [W for W, _ in tensors]


def are_weight_gradients_right(gradients, layers, x, dlogits, tolerance):
    """Return whether the dW in `gradients`, pairs (dW, db), agree with those of autograd_np.py's tape.

    An entry may differ by `tolerance` times the largest one.
    """
    logits, tensors = run_on_tape(layers, x)
    logits.backward(dlogits)
    return len(gradients) == len(tensors) and all(
        np.shape(dW) == W.grad.shape and np.abs(dW - W.grad).max() <= tolerance * np.abs(W.grad).max()
        for (dW, _), W in zip(gradients, tensors, strict=True)
    )


def probe_training(module):
    """Return whether `backward` returns the gradients of the loss in the first three steps of a training."""
    last_call = {}
    results = []

    def forward(original, layers, x, *arguments, **options):
        last_call["layers"] = [[p.astype(float) for p in layer] for layer in layers]
        last_call["x"] = np.array(x, float)
        return original(layers, x, *arguments, **options)

    def loss(original, *arguments, **options):
        result = original(*arguments, **options)
        last_call["dlogits"] = np.array(result[1], float)
        return result

    def backward(original, *arguments, **options):
        call_before = dict(last_call)
        gradients = original(*arguments, **options)
        if len(results) < 3:
            # A training run uses only float32.
            results.append(are_weight_gradients_right(gradients, tolerance=1e-3, **call_before))
        return gradients

    with (
        reroute(module, "forward", forward),
        reroute(module, "softmax_cross_entropy", loss),
        reroute(module, "backward", backward),
    ):
        module.train()
    return len(results) == 3 and all(results)


def probe_step(module, rng, train):
    """Return whether a training step changes each parameter by -lr times the gradient of the mean loss."""
    g = draw_network(rng)
    lr = 0.1
    model = MLP(1, dtype=np.float64)
    model.params = {name: getattr(g, name).copy() for name in ("W1", "b1", "W2", "b2")}
    module.step(model, g.x.copy(), g.y.copy(), lr)
    return all(agree(p, getattr(g, name) - lr * getattr(g, f"d{name}")) for name, p in model.params.items())


def probe_init(module, rng, train):
    """Return whether the hidden units start with different weights. Those of the second layer may be 0."""
    W1, *other_params = (np.asarray(p) for p in module.new_model(np.random.default_rng(1)).params.values())
    all_differ = len(np.unique(W1.round(12), axis=1).T) == W1.shape[1]
    return all_differ and all(np.isfinite(p).all() for p in (W1, *other_params)) and W1.std() > 1e-4


def probe_labels(module, rng, train):
    """Return whether each image comes with its own label.

    In the test, image i is the number i. Raises ValueError if the labels are right, but an image is missing, comes
    twice, or the order is not random.
    """
    images = np.arange(400.0).reshape(-1, 1)
    labels = np.arange(400)
    pairs = list(module.batches(images, labels, np.random.default_rng(1)))
    drawn_images = np.concatenate([np.asarray(x)[:, 0] for x, _ in pairs])
    drawn_labels = np.concatenate([np.asarray(y) for _, y in pairs])
    if agree(drawn_images, drawn_labels) and not (
        agree(np.sort(drawn_images), labels) and not agree(drawn_images, labels)
    ):
        raise ValueError("the labels belong to their images now; but all examples should come once, in a random order.")
    return agree(drawn_images, drawn_labels)


def probe_cleared(module, rng, train):
    """Return whether .grad holds no earlier gradients whenever gradients are computed, throughout a training.

    The results of torch.autograd.grad are not added to .grad, so .grad may hold what it returned last.
    """
    torch = module.torch
    models_by_id = {}
    was_clear = []
    last_gradients = []

    def call(original, model, *arguments, **options):
        models_by_id[id(model)] = model
        return original(model, *arguments, **options)

    def is_last_gradient(g):
        return any(g.equal(last_gradient) for last_gradient in last_gradients if last_gradient.shape == g.shape)

    def find(original, *arguments, **options):
        present_gradients = []
        for model in models_by_id.values():
            present_gradients += [p.grad for p in model.parameters() if p.grad is not None]
        was_clear.append(not any(g.any() and not is_last_gradient(g) for g in present_gradients))
        gradients = original(*arguments, **options)
        last_gradients[:] = [] if gradients is None else [g.clone() for g in gradients]
        return gradients

    with (
        reroute(torch.nn.Module, "__call__", call),
        reroute(torch.autograd, "backward", find),
        reroute(torch.autograd, "grad", find),
    ):
        train()
    return len(was_clear) > 10 and all(was_clear)


def probe_softmax(module, rng, train):
    """Return whether `loss_of` is the cross-entropy of the last linear layer's output."""
    torch = module.torch
    F = module.torch.nn.functional
    torch.manual_seed(0)
    model = module.new_model().double()
    logits = []
    for layer in model.modules():
        if isinstance(layer, torch.nn.Linear):
            layer.register_forward_hook(lambda layer, inputs, output: logits.append(output))
    x = torch.from_numpy(rng.normal(size=(6, 784)))
    y = torch.from_numpy(rng.integers(10, size=6))
    loss = module.loss_of(model, x, y)
    return torch.allclose(loss, F.cross_entropy(logits[-1], y), rtol=0, atol=1e-9)


def record_passes(train, layer_class, owner_of_backward, take_note):
    """Return [(take_note(layer, x), was_learned)] for each forward pass of a layer in a training.

    was_learned: whether a backward pass followed. train: runs the training. layer_class: the class of the layers.
    owner_of_backward: the class whose `backward` starts a backward pass.
    """
    passes = []
    unsettled_notes = {}  # what was noted of the last pass, until it is known whether a backward pass follows

    def settle(was_learned):
        passes.extend((layer_note, was_learned) for layer_note in unsettled_notes.values())
        unsettled_notes.clear()

    def forward(original, layer, x):
        if layer in unsettled_notes:  # the next batch arrives, so no backward pass followed the last one
            settle(False)
        unsettled_notes[layer] = take_note(layer, x)
        return original(layer, x)

    def backward(original, *arguments, **options):
        settle(True)
        return original(*arguments, **options)

    with reroute(layer_class, "forward", forward), reroute(owner_of_backward, "backward", backward):
        train()
    settle(False)
    return passes


def probe_statistics(module, rng, train):
    """Return whether training batches are normalised by their own statistics, and all others by running statistics."""

    def statistics(layer, x):
        return "own" if layer.training or layer.running_mean is None else "remembered"

    passes = set(record_passes(train, module.torch.nn.BatchNorm1d, module.torch.Tensor, statistics))
    return {("own", True), ("remembered", False)} <= passes and ("own", False) not in passes


def probe_units(module, rng, train):
    """Return whether the trained network has learned, and most hidden units are on for at least one image."""
    passes = record_passes(train, MLP, MLP, lambda model, x: model)
    if not passes:
        return False
    model, _ = passes[-1]
    _, _, x, y = digits.few_digits()
    is_right = model.forward(x).argmax(axis=1) == y
    return is_right.mean() > 0.5 and (model.z1 > 0).any(axis=0).mean() > MOST_UNITS


@contextmanager
def replaced_images(module, images):
    """Context manager: make `few_images` return `images` to a case, and suppress its output.

    images: (training images, labels, test images, labels).
    """
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(io.StringIO()))
        for owner in (module, digits):
            if hasattr(owner, "few_images"):
                stack.enter_context(reroute(owner, "few_images", lambda original: images))
        yield


MOST_UNITS = 1 / 3  # with a slightly too large learning rate, 1 in 7 are on; a healthy network starts with half of them


def probe_pixels(module, rng, train):
    """Return whether an image has the same inputs in the test as in the training."""
    images, y, *_ = digits.few_images()
    half = len(images) // 2
    with replaced_images(module, (images, y, images[:half], y[:half])):
        passes = record_passes(module.train, MLP, MLP, lambda model, x: np.array(x, float).reshape(len(x), -1))
    direction = rng.normal(size=784)  # projects each image to one number, for the comparison
    learned_projections = [x @ direction for x, was_learned in passes if was_learned is True]
    read_projections = [x @ direction for x, was_learned in passes if was_learned is False]
    if not learned_projections or not read_projections:
        return False
    sorted_learned = np.sort(np.concatenate(learned_projections))
    all_read = np.concatenate(read_projections)
    nearest = sorted_learned[
        np.searchsorted(sorted_learned, all_read).clip(1, len(sorted_learned) - 1) - np.array([[0], [1]])
    ]
    return sorted_learned.std() > 1e-3 and np.abs(nearest - all_read).min(axis=0).max() < 1e-5 * sorted_learned.std()


def probe_leak(module, rng, train):
    """Return whether the test images are not among the training images.

    An image is identified by which of its pixels are above its mean, which does not depend on how pixels are scaled.
    """

    def hash_images(model, x):
        x = np.asarray(x).reshape(len(x), -1)
        return {row.tobytes() for row in np.packbits(x > x.mean(axis=1, keepdims=True), axis=1)}

    passes = record_passes(train, MLP, MLP, hash_images)
    learned_images = set().union(*(rows for rows, was_learned in passes if was_learned is True))
    read_images = set().union(*(rows for rows, was_learned in passes if was_learned is False))
    # Up to 1 % of the images may be in both sets, because some 1s look the same.
    return (
        len(learned_images) > 100
        and len(read_images) > 100
        and len(learned_images & read_images) < 0.01 * len(read_images)
    )


def probe_broadcast(module, rng, train):
    """Return whether the loss of a batch is the mean of the losses of its images."""

    def loss(x, y):
        loss_value = module.loss_of(params, x, y)
        return np.asarray(getattr(loss_value, "value", loss_value), float)

    params = module.new_params(np.random.default_rng(1))
    x = rng.normal(size=(6, 784))
    y = np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
    losses_alone = [loss(x[i : i + 1], y[i : i + 1]).mean() for i in range(6)]
    return agree(loss(x, y), np.mean(losses_alone), 1e-4)


def probe_overwritten(module, rng, train):
    """Return whether the training images are not overwritten: cut-out squares must not accumulate from epoch to epoch.

    The probe trains on images without black pixels. The share of black pixels in the last quarter of the batches should
    not be clearly larger than in the first. Raises ValueError if no squares are cut out any more.
    """
    examples = rng.integers(128, 256, (400, 28, 28)).astype(np.uint8), rng.integers(10, size=400)
    with replaced_images(module, (*examples, *examples)):
        passes = record_passes(module.train, MLP, MLP, lambda model, x: np.array(x, float).reshape(len(x), -1))
    learned_batches = [x for x, was_learned in passes if was_learned]
    if len(learned_batches) < 8:
        return False
    darkest = min(x.min() for x in learned_batches)
    dark_shares = [(x < darkest + 1e-6).mean() for x in learned_batches]
    first_share = np.mean(dark_shares[: len(dark_shares) // 4])
    last_share = np.mean(dark_shares[-(len(dark_shares) // 4) :])
    if first_share < 0.01 or darkest > min(x.min() for x, was_learned in passes if not was_learned):
        raise ValueError("the images are whole now; but each should come with a square missing, each time another one.")
    return last_share < 1.1 * first_share


def probe_ahead(module, rng, train):
    """Return whether changing a pixel changes no probability up to its own."""
    pixels = module.SIDE**2
    W = rng.normal(0, 0.1, (pixels, pixels))
    b = rng.normal(size=(10, pixels))
    x = np.where(rng.random((3, pixels)) < 0.5, 1.0, -1.0)
    labels = np.array([3, 1, 4])
    probabilities = np.asarray(module.forward(W, b, x.copy(), labels))
    for pixel in rng.permutation(pixels)[:12]:
        changed_x = x.copy()
        changed_x[:, pixel] *= -1
        changed_probabilities = np.asarray(module.forward(W, b, changed_x, labels))
        if not agree(changed_probabilities[:, : pixel + 1], probabilities[:, : pixel + 1]):
            return False
    return True

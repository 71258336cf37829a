"""Detective work. Short programs, each of which trains badly for one classic reason: what shows whether it is gone."""

import inspect
import io
from contextlib import ExitStack, contextmanager, redirect_stdout

import numpy as np

from autograd_np import Tensor
from exercises import digits
from exercises.case import Case
from exercises.chapter1 import draw_network
from marker.calls import reroute
from marker.equal import ROUNDING, agree
from mlp_np import MLP, init_he, softmax_cross_entropy

__all__ = ["Case"]  # for the files of this folder


def probe_deep(module, rng, train):
    """Return whether all gradients of four layers are right.

    If `backward` takes different arguments than it did, those of a run are compared.
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
    return are_weight_gradients_right(gradients, layers, x, dlogits, ROUNDING)


def can_be_called_with(function, n_arguments):
    """Return whether a function can be called with so many arguments."""
    try:
        inspect.signature(function).bind(*range(n_arguments))
    except TypeError:
        return False
    return True


def run_on_tape(layers, x):
    """Return the logits of these layers [W, b], and the Tensors of all W, on the tape of autograd_np.py."""
    tensors = [[Tensor(p) for p in layer] for layer in layers]
    a = Tensor(x)
    for W, b in tensors[:-1]:
        a = (a @ W + b).relu()
    return a @ tensors[-1][0] + tensors[-1][1], [W for W, _ in tensors]


def are_weight_gradients_right(gradients, layers, x, dlogits, tolerance):
    """Return whether the dW among these (dW, db) are those of the tape, but for `tolerance` of the largest entry."""
    logits, tensors = run_on_tape(layers, x)
    logits.backward(dlogits)
    return len(gradients) == len(tensors) and all(
        np.shape(dW) == W.grad.shape and np.abs(dW - W.grad).max() <= tolerance * np.abs(W.grad).max()
        for (dW, _), W in zip(gradients, tensors, strict=True)
    )


def probe_training(module):
    """Return whether `backward` finds the gradients of the loss in the first steps of training."""
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
            # A run has float32 alone.
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
    """Return whether a step goes along the gradient of the mean."""
    g = draw_network(rng)
    lr = 0.1
    model = MLP(1, dtype=np.float64)
    model.params = {name: getattr(g, name).copy() for name in ("W1", "b1", "W2", "b2")}
    module.step(model, g.x.copy(), g.y.copy(), lr)
    return all(agree(p, getattr(g, name) - lr * getattr(g, f"d{name}")) for name, p in model.params.items())


def probe_init(module, rng, train):
    """Return whether the hidden units start different from each other. The second layer's weights may then be 0."""
    W1, *other_params = (np.asarray(p) for p in module.new_model(np.random.default_rng(1)).params.values())
    all_differ = len(np.unique(W1.round(12), axis=1).T) == W1.shape[1]
    return all_differ and all(np.isfinite(p).all() for p in (W1, *other_params)) and W1.std() > 1e-4


def probe_labels(module, rng, train):
    """Return whether each image comes with its label. Raises ValueError if not once each, and in a random order.

    Each image is its own number.
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
    """Return whether, during a whole run, no .grad holds anything that the next gradients would be added to.

    What torch.autograd.grad returns is added to nothing. Then .grad may hold what it returned last.
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
    """Return whether the loss is the cross-entropy of the last linear layer's output."""
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
    """Return [(take_note(layer, x), whether backward() came next)] for each forward pass of such a layer in a run.

    layer_class: the class of the layers. owner_of_backward: the class whose backward() is called.
    """
    passes = []
    unsettled_notes = {}  # what was noted of the last pass, until we know what it was for

    def settle(was_learned):
        passes.extend((layer_note, was_learned) for layer_note in unsettled_notes.values())
        unsettled_notes.clear()

    def forward(original, layer, x):
        if layer in unsettled_notes:  # it reads the next batch, and nobody has learned from the last
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
    """Return whether, during training, every image that is only read is normalised by remembered statistics."""

    def statistics(layer, x):
        return "own" if layer.training or layer.running_mean is None else "remembered"

    passes = set(record_passes(train, module.torch.nn.BatchNorm1d, module.torch.Tensor, statistics))
    return {("own", True), ("remembered", False)} <= passes and ("own", False) not in passes


def probe_units(module, rng, train):
    """Return whether, after training, the network has learned, and most units are on for some image."""
    passes = record_passes(train, MLP, MLP, lambda model, x: model)
    if not passes:
        return False
    model, _ = passes[-1]
    _, _, x, y = digits.few_digits()
    is_right = model.forward(x).argmax(axis=1) == y
    return is_right.mean() > 0.5 and (model.z1 > 0).any(axis=0).mean() > MOST_UNITS


@contextmanager
def replaced_images(module, images):
    """Context manager: a case gets these from `few_images`, and prints nothing. images: (images, labels, those of the
    test)."""
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(io.StringIO()))
        for owner in (module, digits):
            if hasattr(owner, "few_images"):
                stack.enter_context(reroute(owner, "few_images", lambda original: images))
        yield


MOST_UNITS = 1 / 3  # with a learning rate that is only just too large, it is 1 in 7; healthy ones begin at a half


def probe_pixels(module, rng, train):
    """Return whether, tested on images of its training, the network sees the same numbers."""
    images, y, *_ = digits.few_images()
    half = len(images) // 2
    with replaced_images(module, (images, y, images[:half], y[:half])):
        passes = record_passes(module.train, MLP, MLP, lambda model, x: np.array(x, float).reshape(len(x), -1))
    direction = rng.normal(size=784)  # a number for each image
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
    """Return whether none of the images that it is tested on are among those that it has learned from.

    An image is known by which of its pixels are lighter than its mean, however the pixels are scaled.
    """

    def hash_images(model, x):
        x = np.asarray(x).reshape(len(x), -1)
        return {row.tobytes() for row in np.packbits(x > x.mean(axis=1, keepdims=True), axis=1)}

    passes = record_passes(train, MLP, MLP, hash_images)
    learned_images = set().union(*(rows for rows, was_learned in passes if was_learned is True))
    read_images = set().union(*(rows for rows, was_learned in passes if was_learned is False))
    # Fewer than 1 in 100 images may be in both: some 1s look the same.
    return (
        len(learned_images) > 100
        and len(read_images) > 100
        and len(learned_images & read_images) < 0.01 * len(read_images)
    )


def probe_broadcast(module, rng, train):
    """Return whether the loss of a batch is the mean of what it is for each image alone."""

    def loss(x, y):
        loss_value = module.loss_of(params, x, y)
        return np.asarray(getattr(loss_value, "value", loss_value), float)

    params = module.new_params(np.random.default_rng(1))
    x = rng.normal(size=(6, 784))
    y = np.array([1.0, -1.0, 1.0, 1.0, -1.0, 1.0])
    losses_alone = [loss(x[i : i + 1], y[i : i + 1]).mean() for i in range(6)]
    return agree(loss(x, y), np.mean(losses_alone), 1e-4)


def probe_overwritten(module, rng, train):
    """Return whether, in a run on images without a black pixel, the last epoch has no more of them than the first.

    Raises ValueError if the images are whole.
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
    """Return whether a pixel changes nothing but the probabilities after it."""
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

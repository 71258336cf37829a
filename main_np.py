"""Train a network to read handwritten digits, by hand: NumPy and the derivatives in mlp_np.py.

main_torch.py is the same program with PyTorch in place of our own derivatives; read the two side by side.
"""

import sys

from support import program  # first: it sees to Ctrl-C

# isort: split
import numpy as np

import data
import plot
from mlp_np import MLP, softmax_cross_entropy
from resnet_np import ResNet
from support.run import Run, begin


def main(argv=None):
    options, checkpoint = begin("np", __doc__, argv)
    dataset = data.load(options.dataset, options.hold_out)  # 60,000 images to learn from, 10,000 to test with
    model, velocity = build(options, checkpoint)  # random weights, or those of the checkpoint

    run = Run(options, dataset, lambda: get_arrays(model, velocity), checkpoint)
    batches = data.batches(dataset, options.batch_size, options.seed, run.step, run.plan.stop, options.augment)
    for images, y in run.watch(batches):  # (B, 28, 28) and (B,)
        x = data.as_input(images, options.pixels, dataset, options.dtype)  # (B, 28, 28)
        loss, accuracy = train_step(model, velocity, x, y, run.learning_rate, options)
        run.record(loss, accuracy)
        if run.epoch_ends:
            run.record_test(*evaluate(model, dataset, options))
    return run.end(plot.learning_curves)


def train_step(model, velocity, x, y, lr, options):
    """One step of stochastic gradient descent, in place; the batch's loss and accuracy before it."""
    logits = model.forward(x)  # (B, 10)
    loss, dlogits = softmax_cross_entropy(logits, y)
    grads = model.backward(dlogits)
    update(model.params, velocity, grads, lr, options.momentum, options.weight_decay)
    return loss, (logits.argmax(axis=1) == y).mean()


def update(params, velocity, grads, lr, momentum, weight_decay=0.0):
    """Move all parameters against their gradients, with momentum, in place.

    A ball that rolls downhill and keeps some of its speed (Polyak 1964, in PyTorch's form).
    """
    for p, v, dp in in_parts(params, velocity, grads):
        if weight_decay and p.ndim > 1:  # weights shrink, but not biases, gammas or betas
            dp = dp + weight_decay * p
        v *= momentum  # v = momentum v + dp
        v += dp
        p -= lr * v  # p = p - lr v


def in_parts(*groups, size=50_000):
    """The arrays of each name in dicts of arrays, some rows at a time (views): at most `size` numbers, or one row.

    Each line of `update` goes over its arrays once, and does so little to each number that fetching it from memory
    takes longer. A part of this size stays in the processor's cache until all lines are done with it; of a whole W1 the
    first rows would be pushed out by the last, and be fetched anew for every line.
    """
    for name, first in groups[0].items():
        rows = max(1, size // first[0].size)
        for i in range(0, len(first), rows):
            yield [group[name][i : i + rows] for group in groups]


def evaluate(model, dataset, options):
    """Mean loss and accuracy of the network as it is on all test images."""
    model.training = False  # batch normalisation then uses the statistics that it remembers
    loss = correct = 0
    for images, y in data.test_batches(dataset):
        logits = model.forward(data.as_input(images, options.pixels, dataset, options.dtype))
        loss += softmax_cross_entropy(logits, y)[0] * len(y)
        correct += (logits.argmax(axis=1) == y).sum()
    model.training = True
    return loss / len(dataset.test_images), correct / len(dataset.test_images)


def build(options, checkpoint=None):
    """The network that the options describe, and a velocity of 0 for each weight; or both as a checkpoint has them."""
    if options.model == "mlp":
        model = MLP(options.hidden, options.init, options.seed, options.dtype)
    else:
        model = ResNet(options.widths, options.blocks, options.seed, options.dtype)
    velocity = {name: np.zeros_like(p) for name, p in model.params.items()}
    if checkpoint:
        checkpoint.copy_to(*get_arrays(model, velocity))
    return model, velocity


def get_arrays(model, velocity):
    """Weights, velocities and what batch normalisation remembers (an MLP has none): all that a run needs to go on."""
    return model.params, velocity, getattr(model, "statistics", {})


if __name__ == "__main__":
    sys.exit(program.run(main))

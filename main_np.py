"""Train a network to read handwritten digits, by hand: NumPy and the derivatives in mlp_np.py.

main_torch.py is the same program with PyTorch in place of our own derivatives; read the two side by side.
"""

import sys
import time

import numpy as np
from tqdm import tqdm

import data
import plot
import training
from mlp_np import MLP, softmax_cross_entropy
from resnet_np import ResNet


def main(argv=None):
    options, checkpoint = training.parse_options("np", __doc__, argv)
    out = training.open_folder(options.out)
    checkpoint_path = out / f"checkpoint_{options.name}.npz"

    # Data: 60,000 images to learn from, and 10,000 to test whether what was learned holds for others.
    dataset = data.load(options.dataset, options.hold_out)
    plan = training.make_plan(options, len(dataset.train_images))
    tested = training.tested(options)
    print(f"{options.dataset}: {len(dataset.train_images)} training and {len(dataset.test_images)} {tested} images")

    # Model: random weights, each with a velocity that starts at 0.
    model, velocity = build(options)
    history = training.History()
    if checkpoint:
        history = training.restore(checkpoint, plan, *get_arrays(model, velocity))
    size = sum(p.size for p in model.params.values())
    print(f"{training.title(options)}: {size:,} parameters, seed {options.seed}, {options.dtype}")

    # Training: draw a batch, ask in which direction the loss falls, go a step that way.
    started = time.perf_counter()
    with (
        training.stop_on_signal() as stop,
        tqdm(total=plan.steps, initial=history.step, unit="step", disable=None, leave=False) as bar,
        np.errstate(over="ignore", invalid="ignore"),  # history says it better: a loss that is no longer finite
    ):
        for images, y in data.batches(
            dataset, options.batch_size, options.seed, history.step, plan.stop, options.augment
        ):
            x = data.as_input(images, options.pixels, dataset, options.dtype)
            lr = training.learning_rate(history.step, plan.steps, options)
            history.add_step(*train_step(model, velocity, x, y, lr, options))
            bar.update()
            if history.step % 20 == 0:
                bar.set_postfix_str(history.step_line(), refresh=False)

            epoch_ends = history.step % plan.steps_per_epoch == 0 or history.step == plan.steps
            if epoch_ends:
                history.add_test(*evaluate(model, dataset, options))
            if epoch_ends or stop.signal:
                training.save_checkpoint(checkpoint_path, options, plan, *get_arrays(model, velocity), history)
            if epoch_ends:
                tqdm.write(history.epoch_line(plan, tested))  # the epoch that is announced is saved
            if stop.signal:
                break
    print(f"{history.step} of {plan.steps} steps, {time.perf_counter() - started:.1f} s")

    # What remains: the curves, their numbers, the weights.
    plot.learning_curves(history, training.title(options), tested, out, options.name)
    training.save_history(out / f"history_{options.name}.json", options, history)
    print(f"see {out}: {training.files_of(options, out)}")
    if stop.signal:
        print(f"stopped; --resume {checkpoint_path} goes on", file=sys.stderr)
        return 128 + stop.signal
    print(f"{tested} accuracy: {history.test_accuracy[-1]:.4f}")


def build(options):
    """The network that the options describe, with its first weights, and for each weight a velocity of 0."""
    if options.model == "mlp":
        model = MLP(options.hidden, options.init, options.seed, options.dtype)
    else:
        model = ResNet(options.widths, options.blocks, options.seed, options.dtype)
    return model, {name: np.zeros_like(p) for name, p in model.params.items()}


def train_step(model, velocity, x, y, lr, options):
    """One step of stochastic gradient descent, in place; the batch's loss and accuracy before it."""
    logits = model.forward(x)  # (B, 10)
    loss, dlogits = softmax_cross_entropy(logits, y)
    grads = model.backward(dlogits)
    update(model.params, velocity, grads, lr, options)
    return loss, (logits.argmax(axis=1) == y).mean()


def update(params, velocity, grads, lr, options):
    """Move all parameters against their gradients, with momentum; what is in `grads` is used up.

    For every parameter p: v = momentum v + d loss / d p, and then p = p - lr v. A ball that rolls downhill and keeps
    some of its speed (Polyak 1964, in PyTorch's form). Weight decay adds weight_decay p to the gradients of weights.
    """
    for name in params:
        for p, v, dp in in_parts(params[name], velocity[name], grads[name]):
            if options.weight_decay and p.ndim > 1:  # weights, but not biases, gammas or betas
                dp += options.weight_decay * p
            v *= options.momentum
            v += dp
            p -= np.multiply(v, lr, out=dp)  # dp is not needed any more: its memory serves for lr v


def in_parts(*arrays, size=50_000):
    """Arrays of one shape, some rows of each at a time (views): at most `size` numbers, or one row.

    Each line of `update` goes over its arrays once, and does so little to each number that fetching it from memory
    takes longer. A part of this size stays in the processor's cache until all lines are done with it; of a whole W1 the
    first rows would be pushed out by the last, and be fetched anew for every line.
    """
    rows = max(1, size // arrays[0][0].size)
    for i in range(0, len(arrays[0]), rows):
        yield [array[i : i + rows] for array in arrays]


def evaluate(model, dataset, options):
    """Mean loss and accuracy of the network as it is on all test images."""
    model.training = False  # batch normalisation then uses the statistics that it remembers
    losses, correct = [], 0
    for i in range(0, len(dataset.test_images), 500):  # in parts, to keep them in the processor's cache
        x = data.as_input(dataset.test_images[i : i + 500], options.pixels, dataset, options.dtype)
        y = dataset.test_labels[i : i + 500].astype(np.int64)
        logits = model.forward(x)
        losses.append(softmax_cross_entropy(logits, y)[0] * len(y))
        correct += int((logits.argmax(axis=1) == y).sum())
    model.training = True
    return sum(losses) / len(dataset.test_images), correct / len(dataset.test_images)


def get_arrays(model, velocity):
    """Weights, velocities and what batch normalisation remembers (an MLP has none): all that a run needs to go on."""
    return model.params, velocity, getattr(model, "statistics", {})


if __name__ == "__main__":
    sys.exit(training.run(main))

"""Train a network to read handwritten digits with PyTorch: autograd and torch.optim.

main_np.py is the same program with our own derivatives; read the two side by side.
"""

import sys
import time

import numpy as np
import torch
import torch.nn.functional as F
from tqdm import tqdm

import data
import mlp_np
import plot
import training
from mlp_torch import MLP


def main(argv=None):
    options, checkpoint = training.parse_options("torch", __doc__, argv)
    device = choose_device(options)
    out = training.open_folder(options.out)
    checkpoint_path = out / f"checkpoint_{options.name}.npz"

    # Data: 60,000 images to learn from, and 10,000 to test whether what was learned holds for others.
    dataset = data.load(options.dataset, options.hold_out)
    plan = training.make_plan(options, len(dataset.train_images))
    tested = training.tested(options)
    print(f"{options.dataset}: {len(dataset.train_images)} training and {len(dataset.test_images)} {tested} images")

    # Model: the weights that main_np.py starts from too, each with a velocity that starts at 0.
    params = mlp_np.MLP(options.hidden, options.init, options.seed, options.dtype).params
    velocity = {name: np.zeros_like(p) for name, p in params.items()}
    history = training.History()
    if checkpoint:
        history = training.restore(checkpoint, plan, params, velocity)
    model = MLP(options.hidden).to(device, getattr(torch, options.dtype))
    optimizer = torch.optim.SGD(model.parameters(), lr=options.lr, momentum=options.momentum)
    set_arrays(model, optimizer, params, velocity)
    print(f"{training.title(options)}: {options.init} init, seed {options.seed}, {options.dtype}, on {device}")

    # Training: draw a batch, ask in which direction the loss falls, go a step that way.
    started = time.perf_counter()
    with (
        training.stop_on_signal() as stop,
        tqdm(total=plan.steps, initial=history.step, unit="step", disable=None, leave=False) as bar,
    ):
        for images, y in data.batches(
            dataset.train_images, dataset.train_labels, options.batch_size, options.seed, history.step, plan.stop
        ):
            x = data.as_input(images, options.pixels, dataset, options.dtype)
            x, y = to_tensors(x, y, model)
            lr = training.learning_rate(history.step, plan.steps, options)
            history.add_step(*train_step(model, optimizer, x, y, lr))
            bar.set_postfix_str(history.step_line(), refresh=False)
            bar.update()

            epoch_ends = history.step % plan.steps_per_epoch == 0 or history.step == plan.steps
            if epoch_ends:
                history.add_test(*evaluate(model, dataset, options))
                tqdm.write(history.epoch_line(plan, tested))
            if epoch_ends or stop.signal:
                params, velocity = get_arrays(model, optimizer)
                training.save_checkpoint(checkpoint_path, options, plan, params, velocity, history)
            if stop.signal:
                break
    print(f"{history.step} of {plan.steps} steps, {time.perf_counter() - started:.1f} s")

    # What remains: the curves, their numbers, the weights.
    plot.learning_curves(history, training.title(options), tested, out, options.name)
    training.save_history(out / f"history_{options.name}.json", options, history)
    print(f"see {out}: {', '.join(f.format(options.name) for f in training.FILES)}")
    if stop.signal:
        print(f"stopped; --resume {checkpoint_path} goes on", file=sys.stderr)
        return 128 + stop.signal
    print(f"{tested} accuracy: {history.test_accuracy[-1]:.4f}")


def train_step(model, optimizer, x, y, lr):
    """One step of stochastic gradient descent with momentum; the batch's loss and accuracy before it."""
    logits = model(x)  # (B, 10)
    loss = F.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    return loss.item(), (logits.argmax(dim=1) == y).double().mean().item()


@torch.no_grad()
def evaluate(model, dataset, options):
    """Mean loss and accuracy of the network as it is on all test images."""
    losses, correct = [], 0
    for i in range(0, len(dataset.test_images), 1000):
        x = data.as_input(dataset.test_images[i : i + 1000], options.pixels, dataset, options.dtype)
        y = dataset.test_labels[i : i + 1000].astype(np.int64)
        x, y = to_tensors(x, y, model)
        logits = model(x)
        losses.append(F.cross_entropy(logits, y).item() * len(y))
        correct += int((logits.argmax(dim=1) == y).sum())
    return sum(losses) / len(dataset.test_images), correct / len(dataset.test_images)


def to_tensors(x, y, model):
    """A batch as tensors, where the model is."""
    device = next(model.parameters()).device
    return torch.from_numpy(x).to(device), torch.from_numpy(y).to(device)


def set_arrays(model, optimizer, params, velocity):
    """Copy weights and velocities from NumPy, so that the step that follows is the step that NumPy would take."""
    for p in model.parameters():
        optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)
    for tensors, arrays in zip(twin_tensors(model, optimizer), (params, velocity), strict=True):
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(arrays[name]))


def get_arrays(model, optimizer):
    """Weights and velocities as NumPy arrays, in the names and shapes of mlp_np.py."""
    return tuple({name: t.cpu().numpy() for name, t in tensors.items()} for tensors in twin_tensors(model, optimizer))


def twin_tensors(model, optimizer):
    return model.as_in_numpy(), model.as_in_numpy(lambda p: optimizer.state[p]["momentum_buffer"])


def choose_device(options):
    """The torch.device that --device means on this machine; UserError if it is not there."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if options.device == "auto":
        name = next(name for name, is_there in there.items() if is_there)
        name = "cpu" if name == "mps" and options.dtype == "float64" else name
    else:
        name = options.device
    if not there[name]:
        raise training.UserError(f"--device {name}: PyTorch finds none on this machine; leave --device out")
    if name == "mps" and options.dtype == "float64":
        raise training.UserError("--device mps has no float64: take --dtype float32 or --device cpu")
    return torch.device(name)


if __name__ == "__main__":
    sys.exit(training.run(main))

"""Train a network to read handwritten digits with PyTorch: autograd and torch.optim.

main_np.py is the same program with our own derivatives; read the two side by side. On several processes:
`torchrun --nproc-per-node=2 main_torch.py ...`.
"""

import atexit
import contextlib
import os
import shutil
import sys
import time

import torch
import torch.distributed as dist
import torch.nn.functional as F
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

import data
import main_np
import plot
import training
from mlp_torch import MLP
from resnet_torch import ResNet


def main(argv=None):
    options, checkpoint = training.parse_options("torch", __doc__, argv)
    team = Team(options)
    out = training.open_folder(options.out)
    checkpoint_path = out / f"checkpoint_{options.name}.npz"

    # Data: 60,000 images to learn from, and 10,000 to test whether what was learned holds for others.
    dataset = data.load(options.dataset, options.hold_out)
    plan = training.make_plan(options, len(dataset.train_images))
    tested = training.tested(options)
    print(f"{options.dataset}: {len(dataset.train_images)} training and {len(dataset.test_images)} {tested} images")

    # Model: the weights that main_np.py starts from too, each with a velocity that starts at 0.
    model, optimizer = build(options, team.device)
    history = training.History()
    if checkpoint:
        arrays = get_arrays(model, optimizer)
        history = training.restore(checkpoint, plan, *arrays)
        set_arrays(model, optimizer, *arrays)
    network = team.prepare(model, options)
    size = sum(p.numel() for p in model.parameters())
    print(f"{training.title(options)}: {size:,} parameters, seed {options.seed}, {options.dtype}, on {team}")

    # Training: draw a batch, ask in which direction the loss falls, go a step that way.
    started = time.perf_counter()
    with (
        training.stop_on_signal(team.size == 1) as stop,
        tqdm(total=plan.steps, initial=history.step, unit="step", disable=team.quiet, leave=False) as bar,
    ):
        for images, y in data.batches(
            dataset, options.batch_size, options.seed, history.step, plan.stop, options.augment
        ):
            x = data.as_input(team.share(images), options.pixels, dataset, options.dtype)
            x, y = team.to_device(x, team.share(y))
            lr = training.learning_rate(history.step, plan.steps, options)
            history.add_step(*train_step(network, optimizer, x, y, lr, options, team))
            bar.update()
            if history.step % 20 == 0:  # to read a number is to wait for the GPU: not at every step
                bar.set_postfix_str(history.step_line(), refresh=False)
                team.agree(stop)

            epoch_ends = history.step % plan.steps_per_epoch == 0 or history.step == plan.steps
            if epoch_ends:
                history.add_test(*evaluate(network, dataset, options, team))
            if team.first and (epoch_ends or stop.signal):
                training.save_checkpoint(checkpoint_path, options, plan, *get_arrays(model, optimizer), history)
            if epoch_ends:
                tqdm.write(history.epoch_line(plan, tested))  # the epoch that is announced is saved
            if stop.signal:
                break
    print(f"{history.step} of {plan.steps} steps, {time.perf_counter() - started:.1f} s")
    if not team.first:
        return None

    # What remains: the curves, their numbers, the weights.
    plot.learning_curves(history, training.title(options), tested, out, options.name)
    training.save_history(out / f"history_{options.name}.json", options, history)
    print(f"see {out}: {training.files_of(options, out)}")
    if stop.signal:
        print(f"stopped; --resume {checkpoint_path} goes on", file=sys.stderr)
        return 128 + stop.signal
    print(f"{tested} accuracy: {history.test_accuracy[-1]:.4f}")


def build(options, device="cpu"):
    """The network that the options describe, with main_np.py's first weights, and what will move them."""
    model = MLP(options.hidden) if options.model == "mlp" else ResNet(options.widths, options.blocks)
    model.to(device, getattr(torch, options.dtype))
    if torch.device(device).type != "mps":  # PyTorch's convolutions are faster so, but not all right on mps
        model.to(memory_format=torch.channels_last)
    weights = [p for p in model.parameters() if p.ndim > 1]
    others = [p for p in model.parameters() if p.ndim == 1]  # biases, gammas and betas do not decay
    groups = [{"params": weights, "weight_decay": options.weight_decay}, {"params": others}]
    optimizer = torch.optim.SGD(groups, lr=options.lr, momentum=options.momentum)
    for p in model.parameters():
        optimizer.state[p]["momentum_buffer"] = torch.zeros_like(p)
    set_arrays(model, optimizer, *main_np.get_arrays(*main_np.build(options)))
    return model, optimizer


def train_step(network, optimizer, x, y, lr, options, team=None):
    """One step of stochastic gradient descent with momentum; the batch's loss and accuracy before it, as a tensor."""
    with torch.autocast(x.device.type, torch.bfloat16) if options.amp else contextlib.nullcontext():
        logits = network(x)  # (B, 10)
        loss = F.cross_entropy(logits, y)
    optimizer.zero_grad()
    loss.backward()
    for group in optimizer.param_groups:
        group["lr"] = lr
    optimizer.step()
    result = torch.stack((loss.detach(), (logits.argmax(dim=1) == y).to(loss.dtype).mean()))
    return team.sum(result) / team.size if team else result


@torch.no_grad()
def evaluate(network, dataset, options, team):
    """Mean loss and accuracy of the network as it is on all test images."""
    network.eval()  # batch normalisation then uses the statistics that it remembers
    sums = torch.zeros(2, device=team.device, dtype=getattr(torch, options.dtype))
    part = min(500, len(dataset.test_images) // team.size)  # so that none of the processes goes without
    for i in range(part * team.rank, len(dataset.test_images), part * team.size):
        x = data.as_input(dataset.test_images[i : i + part], options.pixels, dataset, options.dtype)
        x, y = team.to_device(x, dataset.test_labels[i : i + part].astype("int64"))
        logits = network(x)
        sums += torch.stack((F.cross_entropy(logits, y, reduction="sum"), (logits.argmax(dim=1) == y).sum()))
    network.train()
    return (team.sum(sums) / len(dataset.test_images)).tolist()


# --- The same arrays as NumPy's ----------------------------------------------------------------------------------


def get_arrays(model, optimizer):
    """Weights, velocities and statistics as NumPy arrays, in the names and shapes of the NumPy twin.

    (Without momentum PyTorch keeps no velocities: they stay 0 where NumPy's are the last gradients.)
    """
    return tuple({n: t.cpu().numpy() for n, t in tensors.items()} for tensors in tensors_of(model, optimizer))


def set_arrays(model, optimizer, *groups):
    """The reverse: copy weights, velocities and statistics from NumPy."""
    for tensors, arrays in zip(tensors_of(model, optimizer), groups, strict=True):
        for name, tensor in tensors.items():
            tensor.copy_(torch.from_numpy(arrays[name]))


def tensors_of(model, optimizer):
    velocity = model.as_in_numpy(lambda p: optimizer.state[p]["momentum_buffer"])
    return model.as_in_numpy(), velocity, getattr(model, "statistics_as_in_numpy", dict)()


# --- Where it runs -----------------------------------------------------------------------------------------------


class Team:
    """The processes that torchrun started, each with its device and its share of every batch; or this one alone."""

    def __init__(self, options):
        self.rank, self.size = int(os.environ.get("RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
        self.first = self.rank == 0
        self.quiet = None if self.first else True  # tqdm's None: quiet unless on a terminal
        self.device = choose_device(options, alone=self.size == 1)
        if options.batch_size % self.size:
            raise training.UserError(f"--batch-size {options.batch_size} cannot be split evenly by {self.size}")
        if 0 < options.hold_out < self.size:
            raise training.UserError(f"--hold-out {options.hold_out} cannot be split by {self.size} processes")
        training.check_batch(options, options.batch_size // self.size)
        if options.amp is None:
            options.amp = self.device.type == "cuda" and options.model == "resnet"
        if options.amp:
            try:
                torch.autocast(self.device.type, torch.bfloat16)
            except RuntimeError:  # as on mps before PyTorch 2.5
                raise training.UserError(f"--amp: this PyTorch has none for {self.device}; leave --amp out") from None
        if self.size > 1:
            if self.device.type == "cuda":
                local_rank, gpus = int(os.environ["LOCAL_RANK"]), torch.cuda.device_count()
                if local_rank >= gpus:
                    raise training.UserError(f"--nproc-per-node: {gpus} GPU{'s' * (gpus > 1)} here; or --device cpu")
                self.device = torch.device("cuda", local_rank)
                torch.cuda.set_device(self.device)
            dist.init_process_group("nccl" if self.device.type == "cuda" else "gloo")
            atexit.register(dist.destroy_process_group)
        if not self.first:
            sys.stdout = open(os.devnull, "w")  # noqa: SIM115 - one process speaks for all

    def __str__(self):
        return str(self.device) if self.size == 1 else f"{self.size} x {self.device.type}"

    def share(self, batch):
        """This process's part of a batch."""
        n = len(batch) // self.size
        return batch[self.rank * n : (self.rank + 1) * n]

    def to_device(self, *arrays):
        """Arrays as tensors on the device; a GPU copies them while the processor goes on."""
        tensors = [torch.from_numpy(array) for array in arrays]
        if self.device.type == "cuda":
            return [tensor.pin_memory().to(self.device, non_blocking=True) for tensor in tensors]
        return [tensor.to(self.device) for tensor in tensors]

    def sum(self, tensor):
        """The sum of a tensor over the processes."""
        if self.size > 1:
            dist.all_reduce(tensor)
        return tensor

    def agree(self, stop):
        """A signal that one of the processes has got stops all of them, after the same step."""
        if self.size > 1:
            signal = torch.tensor(stop.asked or 0, device=self.device)
            dist.all_reduce(signal, dist.ReduceOp.MAX)
            stop.signal = int(signal) or None

    def prepare(self, model, options):
        """The network to call: the model, compiled if asked for, its gradients averaged over the processes."""
        if options.compile:
            if not has_compiler():
                raise training.UserError("--compile needs a C++ compiler and finds none: leave --compile out")
            model = torch.compile(model)
        return DistributedDataParallel(model) if self.size > 1 else model


def has_compiler():
    """Whether torch.compile will find what it needs on a processor."""
    usual = {"darwin": "clang++", "win32": "cl"}.get(sys.platform, "g++")
    return shutil.which(os.environ.get("CXX") or usual) is not None


def choose_device(options, alone=True):
    """The torch.device that --device means on this machine; UserError if it is not there.

    alone: whether this is the only process; several cannot talk to each other from mps.
    """
    there = {"cuda": torch.cuda.is_available(), "mps": alone and torch.backends.mps.is_available(), "cpu": True}
    if options.dtype == "float64" and options.device in ("auto", "mps"):
        if options.device == "mps":
            raise training.UserError("--device mps has no float64: take --dtype float32 or --device cpu")
        there["mps"] = False
    name = options.device
    if name == "auto":
        name = next(name for name, is_there in there.items() if is_there)
    if not there[name]:
        where = "on this machine" if alone else "for several processes on this machine"
        raise training.UserError(f"--device {name}: PyTorch finds none {where}; leave --device out")
    return torch.device(name)


if __name__ == "__main__":
    sys.exit(training.run(main))

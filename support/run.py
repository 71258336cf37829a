"""A training run around its loop: resuming, the learning rate, progress, saving, Ctrl-C, and the closing lines.

Nothing here knows a network or a framework; arrays come in and go out as NumPy's.
"""

import math
import signal
import sys
import time
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from support import options as opt
from support.checkpoint import resume_run, save_checkpoint
from support.errors import UserError
from support.files import open_folder
from support.history import History, save_history

# What a run leaves in its folder; {} is "np", "torch", "resnet_np", "vit_torch" ...
FILES = ("loss_plot_{}.png", "accuracy_plot_{}.png", "history_{}.json", "checkpoint_{}.npz")


def begin(framework, description, argv=None):
    """The options that the user typed, and the `Checkpoint` that --resume names or None; UserError if they are wrong.

    framework: "np" or "torch". A resumed run keeps its own options.
    """
    typed = opt.parse_arguments(framework, description, argv)
    return resume_run(framework, typed) if "resume" in typed else (opt.choose(framework, typed), None)


class Alone:
    """The only process of a run. (place.Place is the team of PyTorch's processes.)"""

    first, size, where = True, 1, ""

    def mean(self, *numbers):
        """The mean of each number over the processes."""
        return numbers

    def agree(self, signal):
        """The signal that stops all processes, or None, given the one that this process received."""
        return signal


class Run:
    """What surrounds the loop of both main programs:

    for images, y in run.watch(batches):
        ...                                 one step
        run.record(loss, accuracy)
        if run.epoch_ends:
            run.record_test(loss, accuracy)
    return run.end(plot.learning_curves)
    """

    def __init__(self, options, dataset, arrays, checkpoint=None, team=None):
        """arrays(): all that a checkpoint keeps, as {group: {name: NumPy array}} (see checkpoint.GROUPS)."""
        self.options, self.arrays, self.team = options, arrays, team or Alone()
        self.plan = make_plan(options, len(dataset.train_images))
        self.history = check_history(checkpoint, self.plan) if checkpoint else History()
        self.folder = open_folder(options.out)
        self.checkpoint_path = self.folder / f"checkpoint_{options.name}.npz"
        self.signal, self.seconds = None, 0.0
        self.title, self.tested = opt.title(options), opt.test_set_name(options)
        images = f"{len(dataset.train_images)} training and {len(dataset.test_images)} {self.tested} images"
        self.say(f"{options.dataset}: {images}")
        size = sum(p.size for p in arrays()["params"].values())
        self.say(f"{self.title}: {size:,} parameters, seed {options.seed}, {options.dtype}{self.team.where}")

    @property
    def step(self):
        """Steps taken so far."""
        return self.history.step

    @property
    def learning_rate(self):
        """The learning rate of the step to be taken."""
        return learning_rate(self.step, self.plan.steps, self.options)

    @property
    def epoch_ends(self):
        """Whether the step just taken was the last of an epoch, or of the run."""
        return self.step % self.plan.steps_per_epoch == 0 or self.step == self.plan.steps

    def watch(self, batches):
        """The same batches, one for each step; progress, saving and Ctrl-C are seen to between them."""
        started, team = time.perf_counter(), self.team
        quiet = None if team.first else True  # tqdm's None: quiet unless on a terminal
        with (
            stop_on_signal() as asked,
            tqdm(total=self.plan.steps, initial=self.step, unit="step", disable=quiet, leave=False) as bar,
            np.errstate(over="ignore", invalid="ignore"),  # the history says it better: a loss that is not finite
        ):
            for batch in batches:
                yield batch
                bar.update()
                if self.step % 20 == 0:  # to read a number is to wait for a GPU, and to agree is to wait for others
                    bar.set_postfix_str(self.history.step_line(), refresh=False)
                if self.step % 20 == 0 or team.size == 1:
                    self.signal = team.agree(asked.signal)
                if (self.epoch_ends or self.signal) and team.first:
                    self.save()
                if self.epoch_ends and team.first:  # the epoch that is announced is saved
                    tqdm.write(self.history.epoch_line(self.plan, self.tested))
                if self.signal:
                    break
        self.seconds = time.perf_counter() - started

    def record(self, loss, accuracy):
        """Keep what a step's batch came to. Both may be tensors that are still being computed."""
        self.history.add_step(*self.team.mean(loss, accuracy))

    def record_test(self, loss, accuracy):
        """Keep what the test came to."""
        self.history.add_test(loss, accuracy)

    def save(self):
        """Write the checkpoint."""
        save_checkpoint(self.checkpoint_path, opt.run_options(self.options), self.arrays(), self.history)

    def end(self, draw):
        """Draw the curves, write their numbers, print the closing lines, and return the program's exit status."""
        name = self.options.name
        self.say(f"{self.step} of {self.plan.steps} steps, {self.seconds:.1f} s")
        if not self.team.first:
            return 0
        draw(self.history, self.title, self.tested, self.folder, name)
        save_history(self.folder / f"history_{name}.json", opt.run_options(self.options), self.history)
        # (A run that had ended, resumed into another folder, saves no checkpoint.)
        files = [file.format(name) for file in FILES if (self.folder / file.format(name)).exists()]
        print(f"see {self.folder}: {', '.join(files)}")
        if self.signal:
            print(f"stopped; --resume {self.checkpoint_path} goes on", file=sys.stderr)
            return 128 + self.signal
        print(f"{self.tested} accuracy: {self.history.test_accuracy[-1]:.4f}")
        return 0

    def say(self, line):
        """Print a line, once however many processes there are."""
        if self.team.first:
            print(line)


class Plan(NamedTuple):
    steps_per_epoch: int
    steps: int  # of the whole run
    stop: int  # where this call ends: at `steps`, or before with --stop-after


def make_plan(options, examples):
    """The `Plan` for so many training images; UserError where a batch cannot be drawn, or not be normalised."""
    if options.batch_size > examples:
        raise UserError(f"--batch-size {options.batch_size} is more than the {examples} training images")
    check_batch(options, options.batch_size)
    steps_per_epoch = examples // options.batch_size
    steps = options.steps or options.epochs * steps_per_epoch
    return Plan(steps_per_epoch, steps, min(steps, (options.stop_after or steps) * steps_per_epoch))


def check_batch(options, images):
    """UserError if batch normalisation would see a single number of a channel: that has no variance.

    So it is with one image from the fifth stage on, where 28 x 28 pixels are 14, 7, 4, 2 and at last 1 high and wide.
    """
    if options.model == "resnet" and len(options.widths) > 4 and images == 1:
        raise UserError("one image at a time cannot be normalised after 5 --widths: take a larger --batch-size")


def learning_rate(step, steps, options):
    """The learning rate of step 0, ..., steps - 1.

    The first gradients are large and point every which way, so the rate rises for a tenth of the run; then it
    falls in a straight line to 0, so that the noise of single batches averages out in the weights that remain.
    """
    if options.schedule == "constant":
        return options.lr
    warmup = math.ceil(steps / 10)
    return options.lr * min((step + 1) / warmup, (steps - step) / (steps - warmup + 1))


def check_history(checkpoint, plan):
    """A checkpoint's history; UserError if it is not that of such a run up to an epoch's end."""
    history = checkpoint.history
    if history.step > plan.steps:
        raise UserError(f"{checkpoint.path} is at step {history.step} of {plan.steps}")
    epoch_ends = [*range(plan.steps_per_epoch, history.step + 1, plan.steps_per_epoch)]
    if history.step == plan.steps and history.step % plan.steps_per_epoch:
        epoch_ends.append(history.step)
    if history.test_step != epoch_ends:
        raise UserError(f"{checkpoint.path} is damaged: it has no test result for every epoch")
    return history


@contextmanager
def stop_on_signal():
    """Within it, Ctrl-C and SIGTERM set `.signal`, to be looked at between two steps; a second Ctrl-C interrupts."""
    asked = SimpleNamespace(signal=None)

    def ask(number, frame):
        asked.signal = number
        signal.signal(number, signal.default_int_handler)

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

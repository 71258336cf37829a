"""The record of a run: every number that its curves show, with the options and the machine that produced them."""

import json
import math
import os
import platform
import sys
from array import array
from contextlib import suppress
from pathlib import Path

import numpy as np

from support.errors import UserError
from support.files import atomic_write, read_file
from support.options import update_names

MAX_FILE_BYTES = 2**28  # some ten million steps
MIN_LOSS = -1e-6  # a loss below this cannot be 0 up to rounding
MAX_LOSS = 1e30  # a larger loss nears the end of float32's range, and no picture can show it


class History:
    """The loss and accuracy of every training batch, and on the test set after each epoch."""

    def __init__(self, train_loss=(), train_accuracy=(), test_step=(), test_loss=(), test_accuracy=()):
        self.train_loss = array("d", train_loss)  # one per step
        self.train_accuracy = array("d", train_accuracy)
        self.test_step = array("q", test_step)  # after this many steps ...
        self.test_loss = array("d", test_loss)  # ... this was the loss on all test images
        self.test_accuracy = array("d", test_accuracy)
        self.unread = []  # (loss, accuracy) of the latest steps, which a GPU may still be computing
        self.steps_per_epoch = self.different_examples = None  # set by a run, or from its file

    @property
    def step(self):
        """The number of steps taken so far."""
        return len(self.train_loss) + len(self.unread)

    def add_step(self, loss, accuracy):
        """Record a step's loss and accuracy. A GPU may still be computing; `append_unread_as_numbers` waits for it."""
        self.unread.append((loss, accuracy))

    def add_test(self, loss, accuracy):
        self.append_unread_as_numbers()
        self.check(loss, self.step)
        self.test_step.append(self.step)
        self.test_loss.append(float(loss))
        self.test_accuracy.append(float(accuracy))

    def append_unread_as_numbers(self):
        """Convert the loss and accuracy of the latest steps to numbers, in place. On a GPU, this waits until they are
        computed.

        Raises UserError at the first loss that is not finite or below 0.
        """
        new_steps = self.unread
        self.unread = []
        for loss, accuracy in new_steps:
            loss = float(loss)  # waits for a GPU
            accuracy = float(accuracy)
            self.check(loss, self.step + 1, before_any_update=self.step == 0)
            self.train_loss.append(loss)
            self.train_accuracy.append(accuracy)

    def numbers_by_name(self):
        """Return everything recorded, as {name: array of numbers}."""
        self.append_unread_as_numbers()
        return {name: values for name, values in vars(self).items() if isinstance(values, array)}

    @staticmethod
    def check(loss, step, before_any_update=False):
        """Raise UserError if a loss is not finite or below 0. step, before_any_update: for the message."""
        loss_text = f"the loss is {loss:.3g} at step {step}"
        if loss < MIN_LOSS:
            raise UserError(f"{loss_text}, but -log p is never below 0: check how the loss is computed, not --lr")
        if not abs(loss) < MAX_LOSS:  # NaN fails this too
            advice = "before any update: check the inputs, the first weights and the loss"
            raise UserError(
                f"{loss_text}, {advice}" if before_any_update else f"{loss_text}: lower --lr (or --momentum)"
            )

    def is_consistent(self):
        """Return True if the arrays' lengths agree and all numbers are in range, as in every undamaged history."""
        train = (self.train_loss, self.train_accuracy)
        test = (self.test_step, self.test_loss, self.test_accuracy)
        return (
            all(len({*map(len, values)}) == 1 for values in (train, test))
            and all((np.abs(losses) < MAX_LOSS).all() for losses in (self.train_loss, self.test_loss))
            and all(0 <= share <= 1 for share in self.train_accuracy)
            and all(0 <= share <= 1 for share in self.test_accuracy)
            and all(1 <= step <= self.step for step in self.test_step)
        )

    def describe_unfinished_progress(self, options):
        """Return the progress of a run, such as "after 2 of 4 epochs", or "" if it has ended. options: the run's."""
        done = len(self.test_step)
        total = options.epochs
        unit = "epochs"
        if options.steps:
            done = self.step
            total = options.steps
            unit = "steps"
        return "" if done >= total else f"after {done} of {total} {unit}"

    def make_step_line(self):
        self.append_unread_as_numbers()
        return f"loss {self.train_loss[-1]:.3f}, accuracy {self.train_accuracy[-1]:.3f}"

    def format_epoch(self, plan, test_name):
        """Return one line with the results of the latest epoch. The training figures are means over its batches.

        plan: the run's steps, see support/run.py. test_name: what the line calls the test set.
        """
        epoch = math.ceil(self.step / plan.steps_per_epoch)
        start = (epoch - 1) * plan.steps_per_epoch
        loss = np.mean(self.train_loss[start:])
        accuracy = np.mean(self.train_accuracy[start:])
        return (
            f"epoch {epoch} of {math.ceil(plan.steps / plan.steps_per_epoch)}: "
            f"training loss {format_loss(loss)} accuracy {accuracy:.4f}, "
            f"{test_name} loss {format_loss(self.test_loss[-1])} accuracy {self.test_accuracy[-1]:.4f}"
        )


def format_loss(loss):
    return f"{loss:.4f}" if loss < 1000 else f"{loss:.3g}"


def get_rounded_numbers(history):
    """Return the numbers of a history, rounded to six digits as in its file: {name: list}."""
    numbers = {}
    for name, values in history.numbers_by_name().items():
        numbers[name] = [float(f"{value:.6g}") if isinstance(value, float) else value for value in values]
    return numbers


def save_history(path, options, history, place_record=None):
    """Write a run's options (a dict), the machine and every number that the curves show, as JSON with one key per line.

    place_record: a dict of more facts about the machine, or None.
    """
    content = {
        "options": options,
        "machine": get_machine_facts() | (place_record or {}),
        "steps_per_epoch": history.steps_per_epoch,
    }
    content |= {"different_examples": history.different_examples}  # the number of different examples that were drawn
    content |= get_rounded_numbers(history)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(value, allow_nan=False)}" for name, value in content.items())
    with atomic_write(path) as file:
        file.write(f"{{\n{lines}\n}}\n".encode())


def load_history(path):
    """Return (options, `History`) from a file that `save_history` wrote. Raises UserError if the file is damaged.

    An older file does not have the number of steps per epoch. It is then the step of the first test.
    """
    text = read_file(path, MAX_FILE_BYTES)
    try:
        content = json.loads(text)
        options = update_names(content["options"])
        history = History(**{name: content[name] for name in History().numbers_by_name()})
        history.steps_per_epoch = content.get("steps_per_epoch") or [*history.test_step, history.step][0]
        whole = history.step > 0 and history.is_consistent()
        whole &= history.steps_per_epoch >= 1 and options["hold_out"] >= 0 and bool(options["dataset"])
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError):
        whole = False
    if not whole:
        raise UserError(f"{path} is not the history of a run, or is damaged")
    return options, history


def get_machine_facts():
    """Return {"python": version, "numpy": version, "processor": name}, and "torch" if PyTorch is in use."""
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    if "torch" in sys.modules:  # looked up, not imported: a run in NumPy alone must not wait for it
        versions["torch"] = sys.modules["torch"].__version__
    return versions | {"processor": describe_processor()}


def describe_processor():
    """Return the processor's name and its number of cores, as one text."""
    name = platform.processor() or platform.machine()
    with suppress(OSError):  # on Linux, this file has the processor's full name
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), name)
    return f"{name}, {os.cpu_count()} cores"

"""Everything around a training loop: the learning rate, the history, the progress bar, Ctrl-C, and files.

This file does not depend on the network or the framework. What only PyTorch needs is in `support.place.Place`, and all
arrays are NumPy's.
"""

import filecmp
import math
import os
import signal
import sys
import time
from contextlib import contextmanager
from itertools import chain, count

import numpy as np
from tqdm import tqdm

from support import options as opt
from support.checkpoint import save_checkpoint
from support.errors import UserError
from support.files import check_writable, copy_file, create_output_folder, file_lock, is_same_file
from support.history import History, format_loss, save_history
from support.memory import is_out_of_memory
from support.schedule import learning_rate, make_plan, make_repeated_examples_warning

# The files that a run writes into its folder; {} stands for "np", "torch", "resnet_np", "vit_torch" ...
FILE_TEMPLATES = ("loss_plot_{}.png", "accuracy_plot_{}.png", "history_{}.json", "checkpoint_{}.npz")

MAX_DRAWING_SECONDS = 60  # a partial picture that is older belongs to a killed run


class Files:
    """The paths of a run's files: `curves` (two pictures), `history` and `checkpoint`, in `folder`."""

    def __init__(self, options):
        self.folder = create_output_folder(options.call.out)
        *self.curves, self.history, self.checkpoint = (
            self.folder / file.format(options.name) for file in FILE_TEMPLATES
        )
        self.lock = self.folder / f".{options.name}.lock"
        for path in self.list_paths():
            check_writable(path)  # better now than after an epoch
        self.are_ours = False  # True from the first `save_and_report` on

    def list_paths(self):
        return [*self.curves, self.history, self.checkpoint]

    def remove_partial_files(self):
        """Remove the partial files of runs that were killed while they were saving."""
        for path in self.list_paths():
            for partial_path in self.folder.glob(f".{path.name}*.part"):
                # The curves are drawn after the lock is released, so another run may be drawing its own.
                if path not in self.curves or time.time() - partial_path.stat().st_mtime > MAX_DRAWING_SECONDS:
                    partial_path.unlink(missing_ok=True)

    def back_up_checkpoint(self, resumed_path):
        """At the first call, copy the checkpoint that another run has left in this place to a backup file.

        resumed_path: the checkpoint that this run continues, or None.
        """
        backup = None if self.are_ours else choose_backup_path(self.checkpoint, resumed_path)
        if backup:
            copy_file(self.checkpoint, backup)
            tqdm.write(f"the checkpoint of the previous run is kept as {backup}", file=sys.stderr)
        self.are_ours = True


class Interrupts:
    """Context manager in which the first Ctrl-C or SIGTERM is only recorded. A second one has its usual effect.

    asked: the number of the signal that was recorded, or None.
    """

    def __init__(self):
        self.asked = None

    def __enter__(self):
        self.before = {number: signal.signal(number, self.ask) for number in (signal.SIGINT, signal.SIGTERM)}
        return self

    def ask(self, signal_number, frame):
        self.asked = signal_number
        signal.signal(signal_number, self.before[signal_number])

    def __exit__(self, *error):
        for number, handler in self.before.items():
            signal.signal(number, handler)


class Run:
    """A training run, apart from its loop, its network and its framework."""

    def __init__(self, options, dataset, params, checkpoint=None, place=None):
        """params: {name: array}, used to print the number of parameters. checkpoint: the run to continue, or None.

        place: a `support.place.Place` if PyTorch computes, else None.
        """
        self.options = options
        self.dataset = dataset
        self.continued = checkpoint
        self.place = place
        self.first = place is None or place.first  # only the first of several processes prints and writes
        self.plan = make_plan(options, dataset.n_train)
        self.history = get_checked_history(checkpoint, self.plan) if checkpoint else History()
        self.history.steps_per_epoch = self.plan.steps_per_epoch
        self.drawn = np.zeros(dataset.n_train, bool)  # True for examples that have been drawn ...
        self.marked = 0  # ... in the first `marked` steps
        self.files = Files(options)
        self.title = opt.make_run_title(options)
        self.tested = opt.test_set_name(options)
        self.interrupts = Interrupts()  # received by this process
        self.signal = None  # agreed on by all processes
        self.seconds = 0.0
        self.error = None
        counts = f"{dataset.n_train} training and {dataset.n_test} {self.tested}"
        self.print_line(f"{options.run.dataset}: {counts} {options.source.noun}")
        size = sum(p.size for p in params.values())
        where = place.where if place else ""
        self.print_line(f"{self.title}: {size:,} parameters, seed {options.run.seed}, {options.run.dtype}{where}")
        if checkpoint and options.source.loss_change_note:
            self.print_line(f"note: in the run of {checkpoint.path}, {options.source.loss_change_note}", sys.stderr)

    @property
    def step(self):
        """The number of steps taken so far."""
        return self.history.step

    @property
    def learning_rate(self):
        """The learning rate of the next step."""
        return learning_rate(self.step, self.plan.steps, self.options)

    @property
    def is_before_fine_tuning(self):
        """True if this is the beginning of a run that starts from a published model's file."""
        return bool(self.options.base_model) and self.step == 0

    @property
    def epoch_ends(self):
        """True if the step just taken was the last of an epoch, or of the run."""
        return self.step % self.plan.steps_per_epoch == 0 or self.step == self.plan.steps

    @property
    def is_interrupted(self):
        """True if Ctrl-C or SIGTERM has asked the run to stop."""
        return self.signal is not None

    @contextmanager
    def watch(self):
        """Context manager for the training loop: show a progress bar, and lock the run's files.

        Ctrl-C or SIGTERM waits until a step is done. A second signal does not wait.
        """
        start_time = time.perf_counter()
        quiet = None if self.first else True  # tqdm's None: quiet unless on a terminal
        # NumPy's warnings are hidden, because the history reports an overflow better, as a loss that is not finite.
        silent = np.errstate(over="ignore", invalid="ignore", divide="ignore")
        with (
            self.interrupts,
            file_lock(self.files.lock, self.first) as is_alone,
            tqdm(total=self.plan.steps, initial=self.step, unit="step", disable=quiet, leave=False) as self.bar,
            silent,
        ):
            if is_alone:
                self.files.remove_partial_files()
            if self.step >= self.plan.stop:  # the run that is continued has already ended: only its files are written
                self.write_checkpoint_and_history(self.continued.groups)
            yield
        self.seconds = time.perf_counter() - start_time

    def record(self, loss, accuracy):
        """Record the loss and accuracy of a step's batch. Both may be tensors that a GPU is still computing."""
        self.history.add_step(loss, accuracy)
        self.bar.update()
        if self.step % 20 == 0:  # reading a value syncs a GPU
            self.bar.set_postfix_str(self.history.make_step_line(), refresh=False)
        if self.place is None or self.place.size == 1:
            self.signal = self.interrupts.asked
        elif self.step % 20 == 0:  # not at every step, because agreeing means waiting for the other processes
            self.signal = self.place.agree_on_signal(self.interrupts.asked)

    def print_first_test(self, loss, accuracy):
        """Print the results of a test before the first step.

        Raises UserError if the loss is not finite: the weights in the file that the run starts from are unusable.
        """
        if not math.isfinite(float(loss)):
            reason = f"its weights are damaged, or too large for {self.options.run.dtype}"
            raise UserError(
                f"{self.options.run.start}: the {self.tested} loss is {float(loss)} before the first step: {reason}"
            )
        self.print_line(f"before: {self.tested} loss {format_loss(float(loss))} accuracy {float(accuracy):.4f}")

    def record_test(self, evaluate, *arguments):
        """Record the loss and accuracy that evaluate(*arguments) returns.

        If there is not enough memory for it, the error is stored. `save_and_report` then saves the epoch without the
        test's results, and raises the error.
        """
        try:
            self.history.add_test(*evaluate(*arguments))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self.error = error.with_traceback(None)  # the traceback would keep the arrays that filled the memory

    def save_and_report(self, arrays):
        """Write the checkpoint and the history and, at the end of an epoch, print its results.

        arrays: as for `write_checkpoint_and_history`.
        """
        self.write_checkpoint_and_history(arrays)
        if self.error:
            raise self.error
        if self.first and self.epoch_ends:
            tqdm.write(self.history.format_epoch(self.plan, self.tested))

    def write_checkpoint_and_history(self, arrays):
        """Write the checkpoint and the history. arrays: what a run needs to continue, as from
        `main_np.get_all_arrays_by_group`.

        At the first call, a checkpoint of another run in the same place is kept as a backup. The curves in the folder
        are removed, because they show another run or an earlier step. New ones are drawn at the end of the run.
        """
        if self.first:
            self.files.back_up_checkpoint(self.continued and self.continued.path)
            self.record_different_examples()
            facts, letters = self.options.source.get_facts_and_arrays()
            options = opt.select_options_to_save(self.options) | {"data": facts}
            arrays = arrays | {"data": letters}
            save_checkpoint(self.files.checkpoint, options, arrays, self.history, obsolete=self.files.curves)
            save_history(self.files.history, options, self.history, self.place.record if self.place else {})

    def record_different_examples(self):
        """Record in the history how many different training examples have been drawn so far."""
        self.dataset.mark_drawn(self.drawn, self.options, self.marked, self.step)
        self.marked = self.step
        self.history.different_examples = int(self.drawn.sum())

    def finish(self):
        """Print the results of the run, and return the program's exit status: 0, or 128 + a signal that stopped it."""
        self.print_line(f"{self.step} of {self.plan.steps} steps, {self.seconds:.1f} s")
        if self.first:
            repeats = make_repeated_examples_warning(
                self.history.different_examples, self.step, self.plan, self.options
            )
            if repeats:
                self.print_line(f"note: {repeats}", sys.stderr)
        names = [path.name for path in self.files.list_paths() if path.exists()]
        self.print_line(f"see {self.files.folder}: {', '.join(names)}")
        if self.is_interrupted:
            self.print_line(f"stopped; --resume {self.files.checkpoint} continues the run", sys.stderr)
            return 128 + self.signal if self.first else 0
        is_tested = self.step in self.history.test_step  # False if the continued run had too little memory for the test
        self.print_line(f"{self.tested} accuracy: {self.history.test_accuracy[-1]:.4f}" if is_tested else "not tested")
        return 0

    def print_line(self, line, file=None):
        """Print a line, in the first process only. file: as for print."""
        if self.first:
            print(line, file=file)


def choose_backup_path(path, resumed_path):
    """Return an unused path for a backup of the checkpoint at `path`, or None if no backup is needed.

    None is needed if there is no checkpoint at `path`, or if it is the one at `resumed_path` or a copy of it.
    resumed_path: the checkpoint that this run continues, or None.
    """
    if (
        not path.exists()
        or is_same_file(path, resumed_path)
        or (resumed_path and filecmp.cmp(path, resumed_path, shallow=False))
    ):
        return None
    places = (path.with_name(f"{path.name}.bak{number}") for number in chain([""], count(2)))
    return next(place for place in places if not os.path.lexists(place))


def get_checked_history(checkpoint, plan):
    """Return a checkpoint's history. Raises UserError if its steps or the steps of its tests do not fit the plan."""
    history = checkpoint.history
    last_step = min(history.step, plan.steps - 1)  # a run of ten million steps would have as many epoch ends
    epoch_ends = list(range(plan.steps_per_epoch, last_step + 1, plan.steps_per_epoch))
    if last_step < history.step:
        epoch_ends.append(plan.steps)
    tested_steps = {*history.test_step}  # some tests may be missing, for lack of memory
    if history.step > plan.steps or [*history.test_step] != [step for step in epoch_ends if step in tested_steps]:
        words = f"its {history.step} steps and its test results do not fit a run of {plan.steps} steps"
        raise UserError(f"{checkpoint.path} is damaged: {words}")
    return history

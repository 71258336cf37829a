"""What surrounds the loop of a training program: the learning rate, the record, the progress bar, Ctrl-C, and files.

Nothing here knows a network. What only PyTorch needs, it asks of a `support.place.Place`; arrays come in as NumPy's.
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
from support.schedule import describe_repeats, learning_rate, make_plan

# What a run leaves in its folder; {} is "np", "torch", "resnet_np", "vit_torch" ...
FILES = ("loss_plot_{}.png", "accuracy_plot_{}.png", "history_{}.json", "checkpoint_{}.npz")

DRAWING = 60  # seconds after which nobody is drawing any more


class Files:
    """What a run leaves in its folder: `curves`, two pictures; `history` and `checkpoint`. All are paths."""

    def __init__(self, options):
        self.folder = create_output_folder(options.call.out)
        *self.curves, self.history, self.checkpoint = (self.folder / file.format(options.name) for file in FILES)
        self.lock = self.folder / f".{options.name}.lock"
        for path in self.list_paths():
            check_writable(path)  # better now than after an epoch
        self.are_ours = False  # from the first `save_and_report` on

    def list_paths(self):
        return [*self.curves, self.history, self.checkpoint]

    def remove_partial_files(self):
        """Remove what killed runs have left of files that they were just saving."""
        for path in self.list_paths():
            for partial_path in self.folder.glob(f".{path.name}*.part"):
                # The curves are drawn when the lock is open again: another run may be at it.
                if path not in self.curves or time.time() - partial_path.stat().st_mtime > DRAWING:
                    partial_path.unlink(missing_ok=True)

    def back_up_checkpoint(self, resumed_path):
        """The first time, keep the checkpoint that another run has left here. resumed_path: the one that this
        continues."""
        backup = None if self.are_ours else choose_backup_path(self.checkpoint, resumed_path)
        if backup:
            copy_file(self.checkpoint, backup)
            tqdm.write(f"the checkpoint of the previous run is kept as {backup}", file=sys.stderr)
        self.are_ours = True


class Interrupts:
    """Within it Ctrl-C or SIGTERM is noted in `asked`, and ends nothing; a second one does."""

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
        """params: the network's arrays, to say how many numbers they hold. checkpoint: of the run to continue.

        place: where several processes compute, a `support.place.Place`; None for this process alone.
        """
        self.options = options
        self.dataset = dataset
        self.continued = checkpoint
        self.place = place
        self.first = place is None or place.first  # of several processes, one prints and writes
        self.plan = make_plan(options, dataset.n_train)
        self.history = get_checked_history(checkpoint, self.plan) if checkpoint else History()
        self.history.steps_per_epoch = self.plan.steps_per_epoch
        self.drawn = np.zeros(dataset.n_train, bool)  # which examples were drawn
        self.marked = 0  # up to which step they are marked
        self.files = Files(options)
        self.title = opt.make_title(options)
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
        if checkpoint and options.source.change_note:
            self.print_line(f"note: in the run of {checkpoint.path}, {options.source.change_note}", sys.stderr)

    @property
    def step(self):
        """Return the number of steps taken so far."""
        return self.history.step

    @property
    def learning_rate(self):
        """The learning rate of the step to be taken."""
        return learning_rate(self.step, self.plan.steps, self.options)

    @property
    def begins_with_knowledge(self):
        """True if the run begins now, and from a file of a network that has learned already."""
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
        """Context manager: show a progress bar. Ctrl-C or SIGTERM waits until a step is done; a second one does not."""
        start_time = time.perf_counter()
        quiet = None if self.first else True  # tqdm's None: quiet unless on a terminal
        # What overflows is said better by the history: a loss that is not finite.
        silent = np.errstate(over="ignore", invalid="ignore", divide="ignore")
        with (
            self.interrupts,
            file_lock(self.files.lock, self.first) as is_alone,
            tqdm(total=self.plan.steps, initial=self.step, unit="step", disable=quiet, leave=False) as self.bar,
            silent,
        ):
            if is_alone:
                self.files.remove_partial_files()
            if self.step >= self.plan.stop:  # a run that has ended before: there is nothing left to do but this
                self.write_checkpoint_and_history(self.continued.groups)
            yield
        self.seconds = time.perf_counter() - start_time

    def record(self, loss, accuracy):
        """Record the loss and accuracy of a step's batch. Both may be tensors that are still being computed."""
        self.history.add_step(loss, accuracy)
        self.bar.update()
        if self.step % 20 == 0:  # reading a value syncs a GPU
            self.bar.set_postfix_str(self.history.step_line(), refresh=False)
        if self.place is None or self.place.size == 1:
            self.signal = self.interrupts.asked
        elif self.step % 20 == 0:  # to agree is to wait for the other processes
            self.signal = self.place.agree_on_signal(self.interrupts.asked)

    def print_first_test(self, loss, accuracy):
        """Print the result of a test before the first step. UserError if its loss is not finite: what is in the file
        that the run starts from cannot be computed with."""
        if not math.isfinite(float(loss)):
            reason = f"its weights are damaged, or too large for {self.options.run.dtype}"
            raise UserError(
                f"{self.options.run.start}: the {self.tested} loss is {float(loss)} before the first step: {reason}"
            )
        self.print_line(f"before: {self.tested} loss {format_loss(float(loss))} accuracy {float(accuracy):.4f}")

    def record_test(self, evaluate, *arguments):
        """Record the loss and accuracy that evaluate(*arguments) returns.

        If the memory does not suffice for it, `save_and_report` first saves the epoch without them, and then raises the
        error.
        """
        try:
            self.history.add_test(*evaluate(*arguments))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            self.error = error.with_traceback(None)  # whose frames hold the arrays that filled the memory

    def save_and_report(self, arrays):
        """Write the files, and print the result of an epoch that has ended."""
        self.write_checkpoint_and_history(arrays)
        if self.error:
            raise self.error
        if self.first and self.epoch_ends:
            tqdm.write(self.history.format_epoch(self.plan, self.tested))

    def write_checkpoint_and_history(self, arrays):
        """Write the checkpoint and the history. arrays: all that a run needs to continue (main_np.get_arrays gives it).

        The first time, what another run has left in the checkpoint's place is kept beside it. The curves in the folder,
        of that run or of an earlier moment of this one, are removed; those of this moment are drawn at the end.
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
        """Note in the history how many different examples have been drawn."""
        self.dataset.mark_drawn(self.drawn, self.options, self.marked, self.step)
        self.marked = self.step
        self.history.different_examples = int(self.drawn.sum())

    def finish(self):
        """Print the closing lines, and return the program's exit status."""
        self.print_line(f"{self.step} of {self.plan.steps} steps, {self.seconds:.1f} s")
        if self.first:
            repeats = describe_repeats(self.history.different_examples, self.step, self.plan, self.options)
            if repeats:
                self.print_line(f"note: {repeats}", sys.stderr)
        names = [path.name for path in self.files.list_paths() if path.exists()]
        self.print_line(f"see {self.files.folder}: {', '.join(names)}")
        if self.is_interrupted:
            self.print_line(f"stopped; --resume {self.files.checkpoint} continues the run", sys.stderr)
            return 128 + self.signal if self.first else 0
        is_tested = self.step in self.history.test_step  # or the memory did not suffice, in the run that is continued
        self.print_line(f"{self.tested} accuracy: {self.history.test_accuracy[-1]:.4f}" if is_tested else "not tested")
        return 0

    def print_line(self, line, file=None):
        """Print a line, once however many processes there are."""
        if self.first:
            print(line, file=file)


def choose_backup_path(path, resumed_path):
    """Return a free name for the checkpoint that another run has left at `path`; None if there is none.

    resumed_path: the checkpoint that this run continues, or None. It may replace that one, or a copy of it.
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
    """Return a checkpoint's history. Raises UserError if it is not one of such a run, tested at the ends of epochs."""
    history = checkpoint.history
    last_step = min(history.step, plan.steps - 1)  # a run of ten million steps would have as many epoch ends
    epoch_ends = list(range(plan.steps_per_epoch, last_step + 1, plan.steps_per_epoch))
    if last_step < history.step:
        epoch_ends.append(plan.steps)
    tested_steps = {*history.test_step}  # of an epoch, the memory may not have sufficed for the test
    if history.step > plan.steps or [*history.test_step] != [step for step in epoch_ends if step in tested_steps]:
        words = f"its {history.step} steps and its test results do not fit a run of {plan.steps} steps"
        raise UserError(f"{checkpoint.path} is damaged: {words}")
    return history

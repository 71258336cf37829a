"""Check the files as they are now: python main_np.py --prove, with any options of a run, also --resume, starts this.

It takes a few steps of that run in float64 and compares them with independent computations: central differences, the
tape, PyTorch, the batch split into parts, PyTorch's optimizer, and the run saved and resumed. All arrays of all steps
are compared. For a network that writes, the text generation is also compared with `forward`. Each check that succeeds
prints a line with its error bound. One that fails prints the first entry that differs, with the number that each method
has there. A vote then decides which of them is wrong: see lab/judges.py. No file is written.

This is a separate program because it uses both frameworks, and main_np.py starts without PyTorch. Its long form is
`python -m lab.twins`.
"""

import contextlib
import io
import sys
import tempfile
from pathlib import Path
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np
    from tqdm import tqdm

    import data
    import main_np
    from lab import judges
    from lab.forms import InNumPy, InPyTorch, check_network, copy_arrays
    from lab.judges import HAND_JUDGE, SLOPE_JUDGE, Row, Twin, describe_gradient, format_array_name, format_index
    from loading.network import make_network
    from loading.options import parse_options_and_checkpoint, read_options_and_checkpoint
    from support.checkpoint import save_checkpoint
    from support.errors import UserError
    from support.history import History
    from support.lockstep import describe_difference, find_largest_and_departure
    from support.options import select_options_to_save, with_changes
    from support.schedule import learning_rate, make_plan
    from support.slopes import true_loss

N_STEPS = 6
N_SLOPE_EXAMPLES = 16  # examples of the batch on which slopes are measured


# --- What is run ------------------------------------------------------------------------------------------------------


def make_missing_row(judge):
    return Row(judge, "missing: PyTorch is not installed")


def has_pytorch():
    try:
        import torch  # noqa: F401
    except ImportError:
        return False
    return True


def iter_step_inputs(options, dataset, start, stop):
    """Yield (x, y, learning rate), the inputs of `main_np.train_step`, of steps start, ..., stop - 1.

    After the last step of the run, the rate is a tenth of its highest one.
    """
    plan = make_plan(options, dataset.n_train)
    for step, (x, y) in enumerate(data.batches(dataset, options, start, stop), start):
        lr = learning_rate(step, plan.steps, options) if step < plan.steps else options.run.lr / 10
        yield x, y, lr


def check_step_is_reproducible(options, checkpoint, x, y, lr):
    """Raise UserError unless two networks built in the same way compute the same arrays in the same step."""
    arrays, arrays_again = (InNumPy(options, checkpoint).record_step(x, y, lr) for _ in range(2))
    _, departure = find_largest_and_departure(arrays, arrays_again, 0.0)
    if departure:
        place = f"{format_array_name(departure.group, departure.name)}{format_index(departure.entry)}"
        values = f"{departure.one:.6g}, then {departure.other:.6g}"
        file_name = get_network_file_name(options)
        message = f"{file_name} gives a different result every time, with the same weights and the same batch"
        raise UserError(f"{message} ({place}: {values}): see CONTRIBUTING.md for networks that draw random numbers")


def check_finite(step_number, arrays_by_group, options):
    """Raise UserError if an array of a step by hand is not finite. The message names the first such array."""
    for group, named_arrays in arrays_by_group.items():
        for name, array in named_arrays.items():
            if not np.isfinite(array).all():
                entry = tuple(map(int, np.argwhere(~np.isfinite(array))[0]))
                is_moved = group in ("params", *options.optimizer.state_names)
                file = options.optimizer.by_hand if is_moved else get_network_file_name(options)
                value = f"{format_index(entry) or 'it'} is {array[entry]}"
                description = f"{format_array_name(group, name)}, in step {step_number} ({value})"
                raise UserError(
                    f"{file}: the first array that is not finite is {description}, so nothing can be compared"
                )


def save_run(options, form, history, path):
    """Save a checkpoint, as a run does."""
    facts, letters = options.source.get_facts_and_arrays()
    save_checkpoint(
        path, select_options_to_save(options) | {"data": facts}, form.get_state_arrays() | {"data": letters}, history
    )


def make_extended_history(checkpoint, n_steps):
    """Return the `History` of a checkpoint's run after `n_steps` further steps, with 0 for their losses and
    accuracies."""
    numbers = checkpoint.history.numbers_by_name() if checkpoint else History().numbers_by_name()
    added_values = dict.fromkeys(("train_loss", "train_accuracy"), [0.0] * n_steps)
    return History(**{name: [*values, *added_values.get(name, [])] for name, values in numbers.items()})


def make_resume_check_row(path, options, step_inputs, n_saved, by_hand):
    """Resume the run saved in `path`, and return the `Row` that compares it with the run that did not stop, `by_hand`.

    step_inputs: those of the steps after it was saved, as a list; n_saved: how many steps of the proof were before.
    """
    if not path.exists():
        return Row("resumed", "missing: its numbers are not finite, so it is not saved")
    try:
        _, checkpoint = read_options_and_checkpoint("np", path)
        form = InNumPy(options, checkpoint)
        for x, y, lr in step_inputs:
            form.record_step(x, y, lr)
        _, departure = find_largest_and_departure(by_hand.get_state_arrays(), form.get_state_arrays(), 0.0)
    except UserError as error:
        return Row("resumed", str(error).replace(f"{path}", "the checkpoint"), False)
    if departure:
        values = {"the run that did not stop": departure.one, "resumed": departure.other}
        description = judges.describe_departure(n_saved + len(step_inputs), departure, values)
        return Row("resumed", f"saved after {n_saved} steps: {description}", False)
    return Row("resumed", f"saved after {n_saved} steps and resumed, no array {describe_difference(0.0)}")


class ProofResult(NamedTuple):
    """What the program prints and returns."""

    rows: list  # the `Row` of each judge
    conclusions: list  # sentences
    exit_status: int


@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def judge_run(options, checkpoint=None, steps=N_STEPS):
    """Take some steps of a run, let all judges compare them, and return the `ProofResult`.

    Raises UserError if nothing can be compared: a line fails, a number is not finite, or results are not reproducible.
    """
    options = with_changes(options, dtype="float64", autograd=False)
    model = make_network("np", options)
    check_network(model, np.float64)
    dataset = data.load(options.source, options.run.hold_out)
    start = checkpoint.history.step if checkpoint else 0
    middle = max(1, steps // 2)
    step_inputs = [*iter_step_inputs(options, dataset, start, start + steps)]
    progress = tqdm(total=steps + 2 + len(model.params), disable=None, leave=False)
    # Each form would print "gets its batches whole"; a row says it once.
    muted_messages = contextlib.redirect_stderr(io.StringIO())
    with progress, muted_messages, tempfile.TemporaryDirectory(prefix="prove") as folder:
        check_step_is_reproducible(options, checkpoint, *step_inputs[0])
        by_hand = InNumPy(options, checkpoint)
        loss = judges.LossByDefinition()
        parts = Twin(
            "in parts", "", InNumPy(with_changes(options, parts=1 if options.run.parts > 1 else 2), checkpoint)
        )
        twins = make_twins(options, checkpoint)
        optimizer = make_optimizer_judge(options)
        path = Path(folder) / "checkpoint.npz"
        step_fault = None
        flat = []
        for number, (x, y, lr) in enumerate(step_inputs, 1):
            arrays_before = {group: copy_arrays(arrays) for group, arrays in by_hand.get_state_arrays().items()}
            # With a base model, one of the two LoRA matrices begins with zeros, so the other's gradients are 0.
            if number == 1 and not options.base_model:
                flat = judges.list_flat_array_names(
                    judges.make_slopes(options, arrays_before, x[:N_SLOPE_EXAMPLES], y[:N_SLOPE_EXAMPLES])
                )
            arrays = by_hand.record_step(x, y, lr)
            if not loss.failure:
                check_finite(number, {"logits": arrays["logits"]}, options)
            loss.record_loss_difference(number, arrays["logits"][""], y)
            if not loss.failure:
                check_finite(number, arrays, options)
            step_fault = step_fault or find_step_fault(number, by_hand, options)
            for twin in (*twins, parts):
                twin.take_step(number, arrays, x, y, lr)
            for twin in twins:
                if twin.first and twin.step == number and twin.first.group in ("loss", "dlogits", "gradient"):
                    expected_loss = true_loss(arrays["logits"][""], y)
                    twin.record_first_difference_vote(
                        twins, judges.make_slopes(options, arrays_before, x, y), expected_loss
                    )
            if optimizer:
                moved_params = {"params": by_hand.params_before}, {"params": by_hand.params_after}
                optimizer.record_update_difference(
                    number, arrays_before | moved_params[0], arrays | moved_params[1], by_hand.lr, start + number - 1
                )
            if number == middle:
                with contextlib.suppress(UserError):  # numbers that are not finite: other judges report them
                    save_run(options, by_hand, make_extended_history(checkpoint, number), path)
            progress.update()

        slopes = judges.make_slopes(options, by_hand.get_state_arrays(), x[:N_SLOPE_EXAMPLES], y[:N_SLOPE_EXAMPLES])
        differences = judges.compare_with_central_differences(slopes, progress)
        whole = judges.make_slopes(options, by_hand.get_state_arrays(), x, y)
        if not differences.wrong_names and whole.has_wrong_gradients():
            slopes = whole
            differences = judges.compare_with_central_differences(whole, progress)
        rows = [loss.make_row(), *([step_fault.make_row()] if step_fault else []), differences.row]
        rows += [twin.make_row() for twin in twins] + ([] if optimizer else [make_missing_row("PyTorch")])
        rows.append(judges.make_parts_check_row(parts, by_hand, options))
        rows.append(optimizer.make_row() if optimizer else make_missing_row("the optimizer"))
        progress.update()
        later_inputs = [*iter_step_inputs(options, dataset, start + middle, start + steps)]
        rows.append(make_resume_check_row(path, options, later_inputs, middle, by_hand))
        vote = None
        if not loss.failure:  # the twins have the gradients of another loss
            vote = judges.make_gradient_vote(
                differences, twins, options, by_hand.get_state_arrays(), slopes.x, slopes.y
            )
        torch_form = twins[1].form if optimizer else None
        rows.append(
            judges.make_torchrun_check_row(
                get_network_file_name(options, "torch"), torch_form, slopes.model, x[:N_SLOPE_EXAMPLES]
            )
        )
        if options.network.writes:
            rows += judges.list_writing_check_rows(get_network_file_name(options), slopes.model, x)
    findings = Findings(rows, twins, differences, vote, step_fault, flat)
    return ProofResult(rows, list_conclusions(findings, options), 0 if findings.is_proven else 1)


def make_twins(options, checkpoint):
    """Return a list of the `Twin` on the tape and, if PyTorch is installed, the one in PyTorch."""
    on_tape = with_changes(options, autograd=True)
    shared_groups = ("loss", "dlogits")
    tape_twin = Twin.make(
        "the tape", get_network_file_name(options, "autograd"), lambda: InNumPy(on_tape, checkpoint), shared_groups
    )
    if not has_pytorch():
        return [tape_twin]
    torch_twin = Twin.make("PyTorch", get_network_file_name(options, "torch"), lambda: InPyTorch(options, checkpoint))
    return [tape_twin, torch_twin]


def make_optimizer_judge(options):
    """Return the judge that takes steps with PyTorch's optimizer; None if PyTorch is not installed."""
    if not has_pytorch():
        return None
    import main_torch

    return judges.OptimizerInPyTorch(options, main_torch.make_optimizer)


# --- What follows -----------------------------------------------------------------------------------------------------


class StepFault(NamedTuple):
    """Something that a step by hand does besides forward, loss, backward and update."""

    number: int  # of the step
    culprit: str
    what: str  # such as "it changes the gradients ..."

    def make_row(self):
        return Row("the step", f"{self.culprit}, in step {self.number}: {self.what}", False)


def find_step_fault(step_number, form, options):
    """Return the `StepFault` of the latest step by hand; None if it has none."""
    if form.changes_params:
        return StepFault(
            step_number, get_network_file_name(options), f"its {form.changes_params}, but only the optimizer should"
        )
    if form.tampering:
        return StepFault(step_number, form.name_of_step, f"it {form.tampering}")
    return None


class Findings(NamedTuple):
    """The results of all judges."""

    rows: list  # the `Row` of each judge
    twins: list
    differences: judges.Differences
    vote: judges.Vote | None  # on the first gradient that is not the slope of the loss
    step_fault: StepFault | None
    flat: list  # the arrays whose gradients are 0, by hand and by differences

    @property
    def failed_judges(self):
        return {row.judge for row in self.rows if not row.holds}

    @property
    def is_proven(self):
        """True if no judge disagrees, and the gradients could be measured."""
        return not self.failed_judges and self.differences.is_measured

    @property
    def is_slope_outvoted(self):
        return self.vote is not None and SLOPE_JUDGE in self.vote.outvoted

    @property
    def has_no_majority(self):
        """True if more than two judges vote on the first gradient that is not the slope, and none is outvoted."""
        return self.vote is not None and len(self.vote.values) > 2 and not self.vote.outvoted

    @property
    def has_wrong_gradients(self):
        """True if central differences show that gradients by hand are wrong."""
        return bool(self.differences.wrong_names) and not self.is_slope_outvoted and not self.has_no_majority


def list_conclusions(findings, options):
    """Return the conclusions from the findings, as a list of sentences."""
    file = get_network_file_name(options)
    optimizer = options.optimizer
    failed_judges = findings.failed_judges
    other_networks = [twin.file for twin in findings.twins if twin.is_another_network]
    sentences = []
    if "the loss" in failed_judges:
        sentences.append("The loss is wrong: it is not the mean of -log p[y].")
    if findings.differences.wrong_names:
        sentences.append(conclude_from_central_differences(findings, options))
    if findings.step_fault:
        sentences.append(f"{findings.step_fault.culprit} is wrong: {findings.step_fault.what}.")
    for twin in findings.twins:
        if twin.first and not twin.is_another_network and not failed_judges & {"the loss", "the step"}:
            if twin.vote:
                vote_sentences = iter_vote_conclusions(twin, findings, options)
                sentences += [sentence for sentence in vote_sentences if sentence not in sentences]
            elif "the optimizer" not in failed_judges and not findings.has_wrong_gradients:
                sentences.append(
                    f"{twin.file} and {file} are not the same run: one does something that the other does not."
                )
    if "the optimizer" in failed_judges:
        sentences.append(f"{optimizer.by_hand} does not move the parameters as {optimizer.in_pytorch} does.")
    if "in parts" in failed_judges:
        sentences.append("The parts of a batch do not add up to the batch.")
    if "resumed" in failed_judges:
        sentences.append("A run that was saved cannot go on as if it had not stopped.")
    if "torchrun" in failed_judges:
        sentences.append("With torchrun, several processes are not the run of one.")
    if "decoding" in failed_judges:
        sentences.append(
            f"{file} is wrong: `decode_step`, with its cache of keys and values, gives different logits from `forward`."
        )
    elif "sampling" in failed_judges:
        sentences.append(
            f"The draws of `generate` in {file} do not have the probabilities softmax(logits / temperature)."
        )
    if findings.flat:
        verb = "gradients of {} are" if len(findings.flat) > 1 else "gradient of {} is"
        subject = verb.format(join_first_four_names(findings.flat))
        sentences.append(f"The {subject} 0 by hand and by differences: are all units equal?")
    is_measured = findings.differences.is_measured
    if not is_measured and "the loss" not in failed_judges:
        sentences.append(f"Central differences cannot be measured, so the gradients of {file} are not proven.")
    if other_networks and not findings.step_fault:
        own_failures = failed_judges & {"the loss", "central differences", "in parts", "resumed"}
        is_right = is_measured and not own_failures and not any(twin.blames_hand for twin in findings.twins)
        prefix = "Your gradients are right; " if is_right else ""
        verb = "are" if len(other_networks) > 1 else "is"
        sentences.append(f"{prefix}{join_names(other_networks)} {verb} another network.")
    if not failed_judges and not other_networks and is_measured:
        n_missing = sum(row.said.startswith("missing") for row in findings.rows)
        sentences.append(
            f"{file} is proven, as far as these checks go" + (f"; {n_missing} are missing." if n_missing else ".")
        )
    return sentences


def conclude_from_central_differences(findings, options):
    """Return a sentence on the gradients that are not the slopes of the loss; there is at least one."""
    wrong_names = findings.differences.wrong_names
    vote = findings.vote
    file = get_network_file_name(options)
    if findings.is_slope_outvoted:
        agreeing = join_names([file, *(judge for judge in vote.values if judge not in (HAND_JUDGE, SLOPE_JUDGE))])
        message = f"Central differences are outvoted: {agreeing} agree in {describe_gradient(wrong_names[0])}."
        return f"{message} Does `forward` round, or read weights that are not in `params`?"
    if findings.has_no_majority:
        return describe_no_majority(wrong_names[0], vote)
    subject = (
        f"its gradients of {join_first_four_names(wrong_names)} are"
        if len(wrong_names) > 1
        else f"its gradient of {join_first_four_names(wrong_names)} is"
    )
    if "dlogits" in wrong_names:
        file = find_loss_source_file()
        subject = "its dlogits, and each gradient that follows from it, is"
    other_files = [twin.file for twin in findings.twins if twin.differs_in_gradients and twin.blames_hand]
    verb = "have" if len(other_files) > 1 else "has"
    addition = f" ({join_names(other_files)} had the same logits, and {verb} another one.)" if other_files else ""
    return f"{file} is wrong: {subject} not the derivative of its own loss.{addition}"


def iter_vote_conclusions(twin, findings, options):
    """Yield the conclusions from the vote on a twin's first difference, as sentences."""
    file = get_network_file_name(options)
    departure = twin.first
    vote = twin.vote
    if twin.blames_hand and not findings.has_wrong_gradients:
        culprit = file if departure.group == "gradient" else find_loss_source_file()
        agreeing = {judge for judge in vote.values if judge not in vote.outvoted}
        slope = ["central differences"] if SLOPE_JUDGE in agreeing else []
        agreeing = join_names(sorted(agreeing - {SLOPE_JUDGE}) + slope)
        subject = f"gradient of {departure.name}" if departure.name else departure.group
        yield f"{culprit} is wrong: in step {twin.step}, its {subject} is not that of {agreeing}, which agree."
    if twin.file in vote.outvoted:
        is_alone = not findings.has_wrong_gradients and not twin.blames_hand
        suffix = f", and {file} is right: their logits are the same" if is_alone else ", too"
        helper = " (autograd_np.py finds its derivatives.)" if twin.judge == "the tape" else ""
        yield f"{twin.culprit} is wrong{suffix}.{helper}"
    name = departure.name or departure.group
    if not vote.outvoted and name not in findings.differences.wrong_names:
        yield describe_no_majority(name, vote)


def describe_no_majority(name, vote):
    """Return a sentence that says that the vote on an array has no majority."""
    too_rough = " (the measured slope is not exact enough to vote)" if vote.is_slope_too_rough else ""
    message = f"It is open who is wrong, because there is no majority in {describe_gradient(name)}"
    return f"{message}: {judges.describe_values(vote.values)}{too_rough}."


def join_first_four_names(names):
    """Return the first four names of a list as text, and the number of others."""
    n_more = len(names) - 4
    return ", ".join(names[:4]) + (f" and {n_more} more" if n_more > 0 else "")


def join_names(names):
    """Return names as a list in English: "a, b and c"."""
    *first_names, last_name = names
    return f"{', '.join(first_names)} and {last_name}" if first_names else last_name


def get_network_file_name(options, framework="np"):
    """Return the name of the network's file, such as "mlp_np.py"."""
    return f"{options.network.classes.split('.')[0]}_{framework}.py"


def find_loss_source_file():
    """Return the name of the file that computes the loss and dlogits.

    Return "main_np.compute_loss" if that function changes the numbers of the file's function.
    """
    function = getattr(main_np, "softmax_cross_entropy", main_np.compute_loss)
    logits = np.random.default_rng(0).normal(size=(4, 3))
    y = np.array([2, 0, 1, 1])
    file_values = function(logits.copy(), y)
    main_values = main_np.compute_loss(logits.copy(), y)
    is_file = all(np.array_equal(*pair, equal_nan=True) for pair in zip(file_values, main_values, strict=True))
    return f"{function.__module__}.py" if is_file else "main_np.compute_loss"


# --- The program ------------------------------------------------------------------------------------------------------


def main(argv=None):
    framework, *argv = sys.argv[1:] if argv is None else argv
    if framework not in ("np", "torch"):
        raise UserError(f"{framework}: `python main_np.py --prove` starts this program")
    options, checkpoint = parse_options_and_checkpoint(framework, __doc__, argv)
    start = checkpoint.history.step if checkpoint else 0
    origin = f"from step {start:,} of {checkpoint.path}" if checkpoint else "from its first weights"
    print(
        f"{options.network.title(options.run)}, with the files as they are now: {N_STEPS} steps in float64 {origin}",
        flush=True,
    )
    try:
        result = judge_run(options, checkpoint)
    except (UserError, MemoryError):
        raise
    except (Exception, SystemExit) as error:  # a changed line may raise anything
        place = program.locate_error(error)
        if place is None:  # it occurred elsewhere than in a lesson's file
            raise
        raise UserError(place) from error
    width = max(len(row.judge) for row in result.rows)
    for row in result.rows:
        print(f"{row.judge:{width}}  {'' if row.holds else 'NO: '}{row.said}")
    print(*result.conclusions, sep="\n")
    return result.exit_status


if __name__ == "__main__":
    sys.exit(program.run(main, has_batch_size=True))

"""The judges of `python main_np.py --prove`: what each one compares the lines by hand with, and how they vote.

Four of them have a number for each entry of a gradient: the lines by hand, the tape, PyTorch, and the measured slope of
the loss at that entry. Two that agree outvote one.
"""

import copy
from itertools import islice
from typing import NamedTuple

import numpy as np

import main_np
from lab.forms import InPyTorch
from loading.network import get_arrays_by_group, make_network
from support.errors import UserError
from support.lockstep import Departure, describe_difference, find_largest_and_departure
from support.options import with_changes
from support.rounding import format_rounded_up
from support.slopes import Slopes, one_hot, true_loss

# Larger differences are more than rounding, in the units of support.lockstep.find_departure.
TOLERANCE = 1e-9
MIN_SCALE = 1e-3
ZERO_TOLERANCE = 1e-12  # relative to the largest gradient of a step: anything smaller counts as a rounded 0
N_DRAWN_ENTRIES = 3  # random entries of each array whose slope is measured, besides the one with the largest gradient
N_DECODED_TEXTS = 4
N_PROMPT_TOKENS = 3  # for sampling
N_PROMPT_COPIES = 1000  # with one draw each
N_SAMPLING_CALLS = 10  # calls among which the copies are divided, because large vocabularies take much memory
TEMPERATURE = 0.7
SAMPLING_VARIANTS = {"": (None, 1), "with top-k, ": (3, 1), "with top-p, ": (None, 0.7)}  # {in words: (top_k, top_p)}
HAND_JUDGE = "by hand"
SLOPE_JUDGE = "differences of its loss"
DEFINITION_JUDGE = "-log p[y]"


class Row(NamedTuple):
    """The report of a judge: a line of the output."""

    judge: str
    said: str
    holds: bool = True


# --- The vote ---------------------------------------------------------------------------------------------------------


def list_outvoted_judges(values, difference):
    """Return the judges whose number differs from that of the majority; [] if there is no majority.

    values: {judge: its number}. Two numbers agree if they differ by at most a third of `difference`.
    """
    camps = []
    for value in values.values():
        camps.append({judge for judge in values if abs(values[judge] - value) <= difference / 3})
    largest = max(camps, key=len)
    rivals = [camp for camp in camps if not camp & largest]
    if len(largest) < 2 or any(len(camp) == len(largest) for camp in rivals):
        return []
    return [judge for judge in values if judge not in largest]


class Vote(NamedTuple):
    """A vote on one entry of an array."""

    values: dict  # {judge: its number}, of the judges that have a vote
    outvoted: list  # the judges that are outvoted; [] without a majority
    is_slope_too_rough: bool  # whether the slope has no vote, because its error exceeds a third of the difference


def make_vote(values, slope=None, slope_error=0.0):
    """Return the `Vote` of judges with these values, of which the first two differ.

    slope: the measured slope of the loss, if there is one, with its error.
    """
    first_value, second_value, *_ = values.values()
    difference = abs(first_value - second_value)
    if not np.isfinite(difference):  # one of them is not finite
        difference = max(abs(value) for value in (first_value, second_value, slope or 0.0) if np.isfinite(value))
    is_too_rough = slope is not None and not slope_error <= difference / 3
    if slope is not None and not is_too_rough:
        values = values | {SLOPE_JUDGE: slope}
    return Vote(values, list_outvoted_judges(values, difference), is_too_rough)


# --- The judges -------------------------------------------------------------------------------------------------------


class LossByDefinition:
    """A judge that compares the mean of -log p[y] with main_np.compute_loss for the same logits."""

    def __init__(self):
        self.largest = 0.0
        self.failure = None

    def record_loss_difference(self, step_number, logits, y):
        loss = float(main_np.compute_loss(logits.copy(), y.copy())[0])
        expected = true_loss(logits, y)
        error = abs(loss - expected) / max(1.0, abs(expected))
        if error <= TOLERANCE:
            self.largest = max(self.largest, error)
        elif not self.failure:
            message = f"step {step_number}: it is {loss:.6g}, and the mean of -log p[y] is {expected:.6g}"
            self.failure = Row("the loss", message, False)

    def make_row(self):
        return self.failure or Row(
            "the loss", f"no step's loss {describe_difference(self.largest)} from the mean of -log p[y]"
        )


class Twin:
    """Another form of the same training, and its first `Departure` from the training by hand."""

    def __init__(self, judge, file_name, form, shared_groups=()):
        """shared_groups: groups of arrays on which it has no vote, because both forms use the same lines."""
        self.judge = judge
        self.file = file_name
        self.form = form
        self.shared_groups = shared_groups
        self.largest = 0.0
        self.first = None
        self.step = None
        self.fails = ""
        self.vote = None
        self.arrays = {}  # of the latest step, if there was no difference before it
        self.roundings = {}  # {name: mask of the parameter's entries whose gradients were only rounding errors}
        self.expected_loss = None  # the loss by definition, for a message

    @classmethod
    def make(cls, judge, file_name, make_form, shared_groups=()):
        """Return a `Twin` with the form that make_form() returns.

        If that raises UserError, its message is in `fails`.
        """
        twin = cls(judge, file_name, None, shared_groups)
        try:
            twin.form = make_form()
        except UserError as error:
            twin.fails = str(error)
        return twin

    @property
    def is_another_network(self):
        """True if it is a different network: it cannot be compared, or its logits differ before any backward pass."""
        return bool(self.fails) or (self.first is not None and (self.first.group, self.step) == ("logits", 1))

    @property
    def is_same_network(self):
        """True if it has had the same logits in every step."""
        return not self.fails and (self.first is None or self.first.group != "logits")

    @property
    def differs_in_gradients(self):
        return self.first is not None and self.first.group in ("dlogits", "gradient")

    @property
    def culprit(self):
        """The file to blame if the twin is outvoted: its network's or, if the step changed numbers, the step's."""
        is_network = self.first.group == "gradient" and not self.form.tampering
        return self.file if is_network else self.form.name_of_step

    @property
    def blames_hand(self):
        return self.vote is not None and HAND_JUDGE in self.vote.outvoted

    def take_step(self, step_number, arrays_by_group, *batch):
        """Take a step, and compare it with `arrays_by_group`, those of the step by hand.

        After the first difference, do nothing.
        """
        if self.fails or self.first:
            self.arrays = {}
            return
        try:
            self.arrays = self.form.record_step(*batch)
            largest, self.first = find_largest_and_departure(
                arrays_by_group, self.get_arrays_without_roundings(arrays_by_group), TOLERANCE, MIN_SCALE
            )
        except MemoryError:
            raise
        except Exception as error:  # a form that does not match may raise anything
            if isinstance(self.form, InPyTorch):  # it matches: `main_torch.build` compares names and shapes
                raise
            self.fails = f"{error} ({type(error).__name__})" if not isinstance(error, UserError) else str(error)
            return
        self.largest = max(self.largest, largest)
        self.step = step_number

    def get_arrays_without_roundings(self, arrays_by_group):
        """Return the twin's arrays of this step, without the effects of gradients that are 0 except for rounding.

        A gradient that is 0 in one form may be 1e-17 in the other, and some optimizers take a step of full length for
        it. So where both are below ZERO_TOLERANCE, weights and optimizer state are not compared from then on.
        """
        groups = {group: {**own_arrays} for group, own_arrays in self.arrays.items()}
        limit = ZERO_TOLERANCE * max(
            (float(np.abs(g).max(initial=0)) for g in arrays_by_group["gradient"].values()), default=0.0
        )
        for name, gradient in arrays_by_group["gradient"].items():
            own_arrays = groups["gradient"].get(name)
            if own_arrays is None or own_arrays.shape != gradient.shape:
                continue  # `find_largest_and_departure` reports it
            rounding = (gradient != own_arrays) & (np.abs(gradient) < limit) & (np.abs(own_arrays) < limit)
            self.roundings[name] = rounding | self.roundings.get(name, False)
            for group in groups.keys() & arrays_by_group.keys() - {"gradient"}:
                if name in groups[group] and name in arrays_by_group[group]:
                    groups[group][name] = np.where(
                        self.roundings[name], arrays_by_group[group][name], groups[group][name]
                    )
        return groups

    def record_first_difference_vote(self, twins, slopes, expected_loss):
        """Let all judges vote on the first entry that differs, and store the `Vote` in self.vote.

        slopes: `Slopes` at the weights before the step; expected_loss: the loss by definition.
        """
        group, name, entry, hand_value, own_value = self.first
        self.expected_loss = expected_loss
        other_twins = [twin for twin in twins if twin is not self and twin.arrays and twin.is_same_network]
        values = {HAND_JUDGE: hand_value, self.file: own_value}
        values |= {
            twin.file: float(twin.arrays[group][name][entry]) for twin in other_twins if group not in twin.shared_groups
        }
        if group == "loss":
            self.vote = make_vote(values | {DEFINITION_JUDGE: expected_loss})
        else:
            direction = one_hot(self.arrays[group][name].shape, entry)
            self.slope, error = slopes.measure_slope_and_error({name or "dlogits": direction})
            self.vote = make_vote(values, self.slope, error)

    @property
    def values_by_judge(self):
        """{judge: its number at the first entry that differs}"""
        values = {HAND_JUDGE: self.first.one, self.file or "in other parts": self.first.other}
        if self.differs_in_gradients and self.vote:
            values[SLOPE_JUDGE] = self.slope
        elif self.first.group == "loss" and self.vote:
            values[DEFINITION_JUDGE] = self.expected_loss
        return values

    def make_row(self):
        if self.fails:
            return Row(self.judge, f"{self.file} is another network: {self.fails}")
        if self.is_another_network:
            return Row(self.judge, f"{self.file} is another network: its logits differ before any backward pass")
        if self.first:
            return Row(self.judge, describe_departure(self.step, self.first, self.values_by_judge), False)
        suffix = (
            f" (it shares the lines of {' and '.join(map(format_array_name, self.shared_groups))})"
            if self.shared_groups
            else ""
        )
        return Row(
            self.judge,
            f"no array of any step {describe_difference(self.largest)} from {self.file}'s{suffix}",
        )


def format_array_name(group, name=""):
    """Return the name of an array as text, such as "the gradient of W1"."""
    if not name:
        return {"logits": "the logits", "loss": "the loss"}.get(group, group)
    return {"gradient": f"the gradient of {name}", "params": name}.get(group, f"{name} ({group})")


def format_index(entry):
    return f"[{', '.join(map(str, entry))}]" if entry else ""


def describe_departure(step, departure, values):
    """Return a sentence that names the first entry that differs and each judge's number there."""
    place = f"{format_array_name(departure.group, departure.name)}{format_index(departure.entry)}"
    return f"the first array that differs is {place}, in step {step}: {describe_values(values)}"


def describe_values(values):
    """Return the judges' numbers as text, with enough digits to distinguish the first two."""
    first_value, second_value, *_ = values.values()
    digits = next((digits for digits in (6, 9, 12) if f"{first_value:.{digits}g}" != f"{second_value:.{digits}g}"), 17)
    return ", ".join(f"{judge} {value:.{digits}g}" for judge, value in values.items())


def make_slopes(options, saved_arrays, x, y, autograd=False):
    """Return the `Slopes` of the network by hand for the whole batch x, y, with saved weights and statistics.

    saved_arrays: {group: {name: array}}. autograd: use the network on the tape instead.
    """
    model = make_network("autograd" if autograd else "np", with_changes(options, autograd=autograd))
    for group, arrays in get_arrays_by_group(model).items():
        for name, array in arrays.items():
            array[...] = saved_arrays[group][name]
    return Slopes(model, main_np.compute_loss, x, y)


class Differences(NamedTuple):
    """The result of comparing the gradients by hand with central differences."""

    row: Row
    wrong_names: tuple = ()  # of the arrays whose gradients are not the slopes of the loss
    departure: Departure | None = None  # the first difference, in the first of them
    direction: np.ndarray | None = None  # the direction along which that slope was measured
    is_measured: bool = True


def compare_with_central_differences(slopes, progress):
    """Return the `Differences` between the gradients by hand and the slopes of the network's own loss.

    For each array, a few entries are compared, and one direction that changes all entries at once. That direction shows
    a wrong entry anywhere. progress: a progress bar.
    """
    judge = "central differences"
    loss = slopes.loss()
    if not np.isfinite(loss):
        return Differences(Row(judge, f"cannot be measured: the loss is {loss}"), is_measured=False)
    grads = slopes.compute_gradients_by_hand()
    repeated_grads = slopes.compute_gradients_by_hand()
    rng = np.random.default_rng(0)
    largest_error = 0.0
    wrong_checks = {}
    if slopes.loss() != loss or not np.array_equal(grads["dlogits"], repeated_grads["dlogits"]):
        message = "cannot be measured: for the same batch the loss is different every time"
        message = f"{message} (see CONTRIBUTING.md for networks that draw random numbers)"
        return Differences(Row(judge, message), is_measured=False)
    for name, gradient in grads.items():
        if not np.array_equal(gradient, repeated_grads[name]):
            message = (
                f"{describe_gradient(name)} is different the second time, with the same weights and the same batch"
            )
            return Differences(Row(judge, message, False), (name,))
    for name, gradient in grads.items():
        progress.update()
        check = compare_gradient_with_slopes(slopes, name, gradient, rng)
        largest_error = max(largest_error, check.largest_error)
        if check.departure:
            wrong_checks[name] = check
    if not wrong_checks:
        bound = format_rounded_up(largest_error)
        message = f"dlogits and the {len(grads) - 1} gradients are those of its own loss, within {bound}"
        return Differences(Row(judge, message))
    first_check = next(iter(wrong_checks.values()))
    departure = first_check.departure
    place = format_index(departure.entry) or ", along a line"
    values = f"by hand {departure.one:.6g}, differences of its own loss {departure.other:.6g}"
    row = Row(judge, f"{describe_gradient(departure.name)}{place}: {values}", False)
    return Differences(row, tuple(wrong_checks), departure, first_check.direction)


def describe_gradient(name):
    return name if name == "dlogits" else f"the gradient of {name}"


class GradientCheck(NamedTuple):
    """The result of comparing one gradient with measured slopes of the loss."""

    largest_error: float  # of the slopes that agree
    departure: Departure | None = None  # where the gradient is wrong
    direction: np.ndarray | None = None  # of the slope that shows it


def compare_gradient_with_slopes(slopes, name, gradient, rng):
    """Return the `GradientCheck` of one gradient."""
    norm = float(np.linalg.norm(gradient))
    size = float(np.abs(gradient).max())
    drawn_entries = [np.unravel_index(i, gradient.shape) for i in rng.integers(gradient.size, size=N_DRAWN_ENTRIES)]
    entries = [np.unravel_index(np.abs(gradient).argmax(), gradient.shape), *drawn_entries]
    line = rng.choice([-1.0, 1.0], gradient.shape)
    along_line = float((gradient * line).sum())
    holds, slope, largest_error = slopes.compare_slope(along_line, {name: line}, norm)
    if not holds:
        # More entries, to find one that is wrong.
        entries += [np.unravel_index(i, gradient.shape) for i in rng.permutation(gradient.size)[:40]]
    for entry in dict.fromkeys(tuple(map(int, entry)) for entry in entries):
        direction = one_hot(gradient.shape, entry)
        agrees, value, error = slopes.compare_slope(float(gradient[entry]), {name: direction}, size)
        if not agrees:
            departure = Departure("gradient", name, entry, float(gradient[entry]), value)
            return GradientCheck(largest_error, departure, direction)
        if holds:
            largest_error = max(largest_error, error)
    if not holds:
        return GradientCheck(largest_error, Departure("gradient", name, (), along_line, slope), line)
    return GradientCheck(largest_error if size > 0 else 0.0)


def make_gradient_vote(differences, twins, options, saved_arrays, x, y):
    """Return the `Vote` on the first gradient that is not the slope of the loss; None if all of them are.

    The twins vote with their gradients for the same batch.
    """
    departure = differences.departure
    direction = differences.direction
    if departure is None:
        return None
    values = {HAND_JUDGE: departure.one, SLOPE_JUDGE: departure.other}
    for twin in twins:
        if not twin.is_same_network or (departure.name == "dlogits" and twin.shared_groups):
            continue
        if isinstance(twin.form, InPyTorch):
            grads = twin.form.compute_gradients_at(saved_arrays, x, y)
        else:
            grads = make_slopes(options, saved_arrays, x, y, autograd=True).compute_gradients_by_hand()
        values[twin.file] = float((grads[departure.name] * direction).sum())
    return make_vote(values)


def list_flat_array_names(slopes):
    """Return the names of the arrays whose gradients are 0, both by hand and by central differences."""
    grads = slopes.compute_gradients_by_hand()
    rng = np.random.default_rng(0)
    largest = max(float(np.abs(gradient).max()) for gradient in grads.values())
    lines = {n: rng.choice([-1.0, 1.0], g.shape) for n, g in grads.items() if np.abs(g).max() <= 1e-12 * largest}
    return [name for name, line in lines.items() if slopes.compare_slope(0.0, {name: line}, 0.0).agrees]


class OptimizerInPyTorch:
    """A judge: PyTorch's optimizer, which in every step starts from the same weights, gradients and state as ours."""

    def __init__(self, options, make_optimizer):
        self.options = options
        self.make_optimizer = make_optimizer
        self.largest = 0.0
        self.failure = None

    def record_update_difference(self, step_number, before, arrays_by_group, lr, n_earlier_steps):
        """Take the same step, and compare its results with `arrays_by_group`, those of our optimizer.

        before: {group: {name: array}} before the step. After the first difference, do nothing.
        """
        import torch

        if self.failure:
            return
        torch_params = [torch.nn.Parameter(torch.from_numpy(p.copy())) for p in before["params"].values()]
        optimizer = self.make_optimizer(torch.nn.ParameterList(torch_params), self.options)
        state_names = self.options.optimizer.state_names
        for name, p in zip(before["params"], torch_params, strict=True):
            p.grad = torch.from_numpy(arrays_by_group["gradient"][name].astype(float))
            for numpy_name, torch_name in state_names.items():
                optimizer.state[p][torch_name] = torch.from_numpy(before[numpy_name][name].copy())
            optimizer.state[p]["step"] = torch.tensor(float(n_earlier_steps))
        for group in optimizer.param_groups:
            group["lr"] = lr
        optimizer.step()
        torch_arrays = {"params": {n: p.detach().numpy() for n, p in zip(before["params"], torch_params, strict=True)}}
        for numpy_name, torch_name in state_names.items():
            state = {
                n: optimizer.state[p][torch_name].numpy() for n, p in zip(before["params"], torch_params, strict=True)
            }
            if self.options.run.momentum or not all((state[n] == before[numpy_name][n]).all() for n in state):
                torch_arrays[numpy_name] = state
        largest, departure = find_largest_and_departure(
            {g: arrays_by_group[g] for g in torch_arrays}, torch_arrays, TOLERANCE, MIN_SCALE
        )
        self.largest = max(self.largest, largest)
        if departure:
            entry = self.options.optimizer
            values = {entry.by_hand: departure.one, entry.in_pytorch: departure.other}
            self.failure = Row("the optimizer", describe_departure(step_number, departure, values), False)

    def make_row(self):
        entry = self.options.optimizer
        message = f"no step of {entry.by_hand} {describe_difference(self.largest)} from {entry.in_pytorch}'s"
        return self.failure or Row("the optimizer", message)


def make_parts_check_row(parts, by_hand, options):
    if parts.fails:
        return Row("in parts", parts.fails, False)
    if parts.first:
        return Row("in parts", describe_departure(parts.step, parts.first, parts.values_by_judge), False)
    n = max(options.run.parts, 2)
    split_network = by_hand.network if options.run.parts > 1 else parts.form.network
    if split_network.gets_whole_batches:
        return Row("in parts", f"not used: in {n} parts, logits or gradients differ from those of the whole batch")
    return Row(
        "in parts",
        f"in {n} parts, no array of any step {describe_difference(parts.largest)} from the whole batch's",
    )


def make_torchrun_check_row(file_name, form, model, x):
    """Return the `Row` on torchrun: processes may share a batch only if each draws its own random numbers.

    form: `InPyTorch`, or None without PyTorch; model: the network by hand; x: a few examples.
    """
    not_needed = Row("torchrun", "not needed: forward draws no random numbers")
    if form is None:
        model = copy.deepcopy(model)
        model.training = True
        logits1, logits2 = (np.array(model.forward(x.copy())) for _ in "12")
        return (
            not_needed if (logits1 == logits2).all() else Row("torchrun", f"missing: {file_name} cannot be tried here")
        )
    import torch

    form.hook.remove()  # the logits that it keeps cannot be copied
    x = torch.from_numpy(x)
    with torch.no_grad():
        model = copy.deepcopy(form.model).train()
        if (model(x) == model(x)).all():
            return not_needed
        logits = []
        for rank in range(2):
            model = copy.deepcopy(form.model).train()
            for layer in model.modules():
                if hasattr(layer, "part"):
                    layer.part = rank, 2
            logits.append(model(x))
    if (logits[0] == logits[1]).all():
        message = f"two processes would draw the same random numbers in {file_name}, for different images"
        return Row("torchrun", f"{message}: see `part` in CONTRIBUTING.md", False)
    return Row("torchrun", "each process draws its own random numbers")


# --- Decoding and sampling --------------------------------------------------------------------------------------------


def list_writing_check_rows(file_name, model, x):
    """Return the `Row`s on decoding and sampling, for a network by hand that generates text. x (B, T): token ids."""
    for method in ("decode_step", "generate"):
        if not callable(getattr(model, method, None)):
            missing = f"missing: {file_name} has no method `{method}`"
            return [Row("decoding", missing), Row("sampling", missing)]
    model.training = False
    return [make_decoding_check_row(model, x[:N_DECODED_TEXTS]), make_sampling_check_row(model, x[:1])]


class RecordedDecoding:
    """A replacement for a network's `decode_step` that records the tokens passed to it and the logits returned."""

    def __init__(self, decode, texts):
        """decode: the network's `decode_step`; texts: the prompts (B, n)."""
        self.decode = decode
        self.texts = texts
        self.logits = {}  # {position: (B, V)}

    def __call__(self, token_ids, position):
        logits = self.decode(token_ids, position)
        new_ids = token_ids.reshape(len(token_ids), -1)  # (B, n), n tokens from this position on
        self.texts = np.concatenate([self.texts[:, :position], new_ids], axis=1)
        self.logits[position + new_ids.shape[1] - 1] = logits.copy()
        return logits


def make_decoding_check_row(model, x):
    """Return the `Row` that compares the logits of `decode_step`, which `generate` calls, with those of `forward`.

    Texts are generated after the first token of each x (B, T), token by token, and after half of its tokens.
    """
    largest_difference = 0.0
    context_length = x.shape[1]
    for n_prompt in dict.fromkeys((1, max(1, context_length // 2))):
        prompts = x[:, :n_prompt]
        decode = model.decode_step
        recorder = RecordedDecoding(decode, prompts)
        model.decode_step = recorder
        try:
            iterator = model.generate(prompts.copy(), 1.0, np.random.default_rng(0))
            for _ in islice(iterator, context_length - n_prompt + 1):
                pass
        finally:
            model.decode_step = decode
        if not recorder.logits:
            return Row("decoding", "missing: `generate` does not call `decode_step`")
        by_forward = model.forward(recorder.texts.copy())  # (B, T, V)
        expected = {position: by_forward[:, position] for position in recorder.logits}
        largest, departure = find_largest_and_departure(
            {"logits": recorder.logits}, {"logits": expected}, TOLERANCE, MIN_SCALE
        )
        largest_difference = max(largest_difference, largest)
        if departure:
            text, token = departure.entry
            values = describe_values({"`decode_step`": departure.one, "`forward`": departure.other})
            place = f"at position {departure.name} of text {text}, the logit of token {token}"
            return Row("decoding", f"{place} differs: {values}", False)
    return Row(
        "decoding",
        f"with the KV cache, no logit {describe_difference(largest_difference)} from that of `forward`",
    )


class GivenNumbers:
    """A replacement for a random number generator that returns given numbers."""

    def __init__(self, numbers):
        self.draw_numbers = numbers

    def random(self, n):
        return self.draw_numbers


def make_sampling_check_row(model, x):
    """Return the `Row` that compares how often `generate` draws each token with its probability by `forward`. x (1, T).

    The random numbers are replaced by evenly spaced ones, so that each token's count is its probability times their
    number, give or take one.
    """
    n_prompt = min(N_PROMPT_TOKENS, x.shape[1])
    logits = model.forward(x.copy())[0, n_prompt - 1]  # (V,)
    numbers = np.split((np.arange(N_PROMPT_COPIES) + 0.5) / N_PROMPT_COPIES, N_SAMPLING_CALLS)
    prompts = np.repeat(x[:, :n_prompt], N_PROMPT_COPIES // N_SAMPLING_CALLS, axis=0)
    for variant, (top_k, top_p) in SAMPLING_VARIANTS.items():
        calls = [model.generate(prompts.copy(), TEMPERATURE, GivenNumbers(part), top_k, top_p) for part in numbers]
        token_ids = np.concatenate([next(call) for call in calls])
        shares = np.bincount(token_ids, minlength=len(logits)) / N_PROMPT_COPIES
        expected = np.zeros_like(shares)
        expected[: len(logits)] = compute_probabilities(logits, TEMPERATURE, top_k, top_p)
        errors = np.abs(shares - expected)
        if not errors.max() <= 1 / N_PROMPT_COPIES + TOLERANCE:
            token = int(errors.argmax())
            values = f"{shares[token]:.3f} of {N_PROMPT_COPIES:,} draws, but its probability is {expected[token]:.3f}"
            return Row("sampling", f"{variant}token {token} is {values}", False)
    n_draws = f"{N_PROMPT_COPIES:,}"
    message = f"each token's fraction of {n_draws} draws is its probability by `forward`, within 1 / {n_draws}"
    return Row("sampling", f"{message}, also with top-k and top-p")


def compute_probabilities(logits, temperature, top_k, top_p):
    """Return the probabilities (V,) with which each token is drawn, by definition, for logits (V,)."""
    order = np.argsort(-logits, kind="stable")  # the likeliest first
    if top_k:
        order = order[logits[order] >= logits[order][:top_k][-1]]
    p = np.exp((logits[order] - logits[order[0]]) / temperature)
    p /= p.sum()
    if top_p < 1:
        n_kept = int(np.searchsorted(p.cumsum(), top_p)) + 1
        order = order[:n_kept]
        p = p[:n_kept] / p[:n_kept].sum()
    by_token = np.zeros(len(logits))
    by_token[order] = p
    return by_token

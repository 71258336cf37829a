"""The commonest kind of exercise: a function, whose results are compared with the right ones on several inputs."""

import io
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from marker.compare import judge_trials, said
from marker.equal import KINK_PROBE_DISTANCE, agree
from marker.finder import FINDERS, FinderInput
from marker.finders import typed
from marker.finders.repair import suppress_side_effects
from marker.kind import Kind
from marker.nests import NotKept, make_plan_and_arrays
from marker.trial import TrialResult, find_right_result_names, list_results, make_trial_notes, run_trial
from marker.verdict import TYPED_MISTAKES, Wrong, is_vague, wrong_verdict
from marker.words import join_texts


@dataclass
class Notes:
    """Notes on the trials of a function."""

    # One for each trial: {"results": from `make_result_record`, "changed": names of inputs, "right": names of
    # results}
    trials: list = field(default_factory=list)
    further: list = field(
        default_factory=list
    )  # the same for the trials after the first wrong ones, and for those of `draw_trials_of_next_seed`
    missing: bool = False  # whether the function does not exist
    follows: bool | None = None  # whether the results come from the exercise's tool
    remembers: bool = False  # whether a later call with the same inputs has other results
    at_zero: list | None = None  # the names of results that are not finite exactly at a kink


class Function(Kind):
    """The kind of exercise in which the learner writes a function."""

    Notes = Notes
    marks = ()
    is_quick = True

    def check(self, exercise):
        if not exercise.answer:
            raise ValueError("it has no function `answer`, with lines before its `return`")
        if not exercise.inputs:
            raise ValueError("it has no INPUTS, and its stub does not say the shape of each argument: `z (B, H)`")

    def fill_notes(self, attempt, notes):
        exercise = attempt.exercise
        module = attempt.module
        right_names_by_trial = []
        function = getattr(module, exercise.function.name, None)
        if not callable(function):
            notes.missing = True
            return
        draws = exercise.draw_trials(attempt.seed)
        n_first = 2 * len(exercise.inputs)
        for draw in draws:
            if len(right_names_by_trial) == n_first and not is_right_in_all_trials(exercise, right_names_by_trial):
                break
            trial = run_and_note_trial(exercise, function, draw)
            right_names_by_trial.append(trial["right"])
            notes.trials.append(trial)
        if is_right_in_all_trials(exercise, right_names_by_trial):
            note_further_checks(exercise, module, function, attempt.seed, notes)

    @np.errstate(all="ignore")  # some mistakes overflow
    def judge(self, exercise, seed, outcome):
        """Return the `Verdict`: from the known mistakes or, if these say too little, from the finders.

        The finders take longer, so the preliminary verdict is saved before, by outcome.keep.
        """
        attempt = outcome.attempt
        notes = outcome.notes
        if notes.missing:
            return wrong_verdict("no function", function=exercise.function.name)
        verdict = judge_trials(exercise, seed, outcome)
        if verdict.passed or not notes.trials or not attempt:
            return verdict
        if not outcome.error and not is_right_in_all_trials(exercise, [trial["right"] for trial in notes.trials]):
            outcome.keep(verdict)
            function = getattr(attempt.module, exercise.function.name)
            with suppress(Exception), suppress_side_effects():  # the calls before have printed and written enough
                for draw in (
                    *exercise.draw_trials(seed)[len(notes.trials) :],
                    *exercise.draw_trials_of_next_seed(seed),
                ):
                    notes.further.append(run_and_note_trial(exercise, function, draw))
            verdict = judge_trials(exercise, seed, outcome)
        if is_vague(verdict):
            outcome.keep(verdict)
            return ask_finders(FinderInput(attempt, outcome, verdict)) or verdict
        for slip in typed.list_typed_slips(attempt):
            if slip.has_no_effect:
                verdict = verdict._replace(text=f"{verdict.text}\nLine {slip.line}: {TYPED_MISTAKES[slip.name]}")
        return verdict

    def can_be_checked_by_calls(self, exercise):
        """Return True if all arguments are nests of arrays and numbers.

        Others, such as functions, cannot be sent to a process.
        """
        with suppress(NotKept):
            for draw in exercise.draw_trials(0):
                make_plan_and_arrays(list(exercise.copy_arguments_by_name(draw).values()))
            return True
        return False

    def check_by_calls(self, exercise, functions, seed):
        function = getattr(functions, exercise.function.name)
        for draw in exercise.iter_uncached_trials(seed):
            shapes = [np.shape(getattr(draw, name)) for name in exercise.gives]
            results = list_results(function(*exercise.copy_arguments_by_name(draw).values()), shapes)
            if find_right_result_names(exercise, draw, TrialResult(results)) != set(exercise.gives):
                raise Wrong("not as reported", said("not right there", names=join_texts(exercise.gives)))


def ask_finders(finder_input):
    """Return the `Verdict` of the first finder that has one, the folder's own finders first; None if there is none."""
    with suppress_side_effects():
        for finder in (finder_input.exercise.folder.finders | FINDERS).values():
            with suppress(Exception):  # then the other finders may find something
                verdict = finder(finder_input)
                if verdict:
                    return verdict
    return None


def run_and_note_trial(exercise, function, draw):
    """Run one trial, with the draw, and return its notes, a dict: see `Notes.trials`."""
    result = run_trial(exercise, function, draw)
    return make_trial_notes(result) | {"right": sorted(find_right_result_names(exercise, draw, result))}


def is_right_in_all_trials(exercise, right_names_by_trial):
    """Return True if all results were right in all trials so far.

    right_names_by_trial: the names of the right results of each.
    """
    return all(set(right) == set(exercise.gives) for right in right_names_by_trial)


def note_further_checks(exercise, module, function, seed, notes):
    """Record in `notes` the checks that follow right results: of the tool, of repeated calls, and at kinks.

    A kink is a point at which the function is not differentiable.
    """
    first_draw, *_, last_draw = exercise.draw_trials(seed)
    if exercise.tool:
        notes.follows = is_computed_with_required_tool(exercise, module, function, last_draw)
    # Repeat the first call twice: a sum that is kept from call to call shows up when its shapes occur again, at the
    # latest directly after a call with the same shapes.
    repeated_rights = [
        find_right_result_names(exercise, first_draw, run_trial(exercise, function, first_draw)) for _ in range(2)
    ]
    notes.remembers = not is_right_in_all_trials(exercise, repeated_rights)
    for draw in exercise.draw_trials(seed):
        if hasattr(draw, "kinks"):  # exactly at a kink any finite slope is right
            results = run_trial(exercise, function, make_draw_at_kinks(draw)).results
            pairs = zip(exercise.gives, results, strict=True)
            notes.at_zero = notes.at_zero or [name for name, a in pairs if not np.isfinite(a).all()]


def make_draw_at_kinks(draw):
    """Return a copy of a draw in which the entries that are close to a kink, at 0, are exactly 0."""
    arrays = {}
    for name in draw.kinks:
        a = getattr(draw, name)
        arrays[name] = np.where(abs(a) < 2 * KINK_PROBE_DISTANCE, 0, a)
    return SimpleNamespace(**vars(draw) | arrays)


def is_computed_with_required_tool(exercise, module, function, draw):
    """Return True if the results come from the exercise's tool: they double when its gradients are doubled.

    An error counts as True as well, since the function may compare its results with something.
    """
    with suppress(Exception), redirect_stdout(io.StringIO()), exercise.tool.doubled(module, draw):
        results = run_trial(exercise, function, draw).results
        expected = exercise.tool.then(draw)
        return all(agree(result, expected[name]) for name, result in zip(exercise.gives, results, strict=True))
    return True

"""The commonest kind of exercise: a function, whose results are compared with the right ones for several inputs."""

import io
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace

import numpy as np

from marker.compare import judge_trials
from marker.equal import BESIDE, agree
from marker.finder import Wrongs
from marker.finders import FINDERS, typed
from marker.finders.repair import harmless
from marker.kind import Kind
from marker.trial import call, describe, right_results
from marker.verdict import TYPED, is_vague, wrong


@dataclass
class Notes:
    """What became of a function."""

    # of each: {"results": as `describe` has them, "changed": names of inputs, "right": names of results}
    trials: list = field(default_factory=list)
    further: list = field(default_factory=list)  # the same for all trials after the first that are wrong: see `fresh`
    missing: bool = False  # whether there is no such function
    follows: bool | None = None  # whether the numbers come from the exercise's tool
    remembers: bool = False  # whether a later call with the same inputs gives others
    at_zero: list | None = None  # the results that are not finite exactly at a kink
    looked: bool = False  # whether all finders have looked, and not "typed" alone
    found: dict = field(default_factory=dict)  # {a finder: what it has found}


class Function(Kind):
    """How a function is marked."""

    Notes = Notes

    def check(self, exercise):
        if not exercise.answer:
            raise ValueError("it has no function `answer`, with lines before its `return`")
        if not exercise.inputs:
            raise ValueError("it has no INPUTS, and its stub does not say the shape of each argument: `z (B, H)`")

    def run(self, attempt, notes):
        exercise, module, rights = attempt.exercise, attempt.module, []
        function = getattr(module, exercise.function.name, None)
        if not callable(function):
            notes.missing = True
            return
        drawn, at_first = exercise.draw(attempt.seed), 2 * len(exercise.inputs)
        for g in drawn:
            if len(rights) == at_first and not is_right(exercise, rights):
                break
            trial = tried(exercise, function, g)
            rights.append(trial["right"])
            notes.trials.append(trial)
        if is_right(exercise, rights):
            confirm(exercise, module, function, attempt.seed, notes)

    def look_further(self, attempt, outcome, keep):
        """What else is known of wrong numbers; and where the known mistakes say too little, the place of one."""
        exercise, notes = attempt.exercise, outcome.notes
        if not notes.trials:
            return
        if not outcome.error and not is_right(exercise, [trial["right"] for trial in notes.trials]):
            keep()
            function = getattr(attempt.module, exercise.function.name)
            with suppress(Exception), harmless():  # what was printed and written before is enough
                for g in (*exercise.draw(attempt.seed)[len(notes.trials) :], *exercise.fresh(attempt.seed)):
                    notes.further.append(tried(exercise, function, g))
        if (verdict := self.judge(exercise, attempt.seed, outcome)).passed:
            return
        notes.found["typed"] = typed.look(attempt)
        if not is_vague(verdict):
            return
        notes.looked = True
        wrongs = Wrongs(exercise, attempt.seed, outcome, verdict)  # the quick ones look first: a long one may use it
        for name, finder in sorted(all_finders(exercise).items(), key=lambda item: item[1].is_long):
            notes.found[name] = None
            if finder.is_long:
                keep()
            with harmless(), suppress(Exception):  # then the others may have found something
                notes.found[name] = finder.look(attempt, wrongs)

    @np.errstate(all="ignore")  # some mistakes overflow
    def judge(self, exercise, seed, outcome):
        notes = outcome.notes
        if notes.missing:
            return wrong("no function", function=exercise.function.name)
        verdict = judge_trials(exercise, seed, outcome)
        if is_vague(verdict) and notes.looked:
            wrongs = Wrongs(exercise, seed, outcome, verdict)
            asked = {name: finder for name, finder in all_finders(exercise).items() if name in notes.found}
            said = (finder.say(notes.found[name], wrongs) for name, finder in asked.items())
            return next(filter(None, said), verdict)
        for line, name, does_nothing in notes.found.get("typed", ()):
            if does_nothing:
                verdict = verdict._replace(text=f"{verdict.text}\nLine {int(line)}: {TYPED[name]}")
        return verdict


def all_finders(exercise):
    """{name: Finder}: the folder's own, and the marker's."""
    return {**exercise.folder.finders, **FINDERS}


def tried(exercise, function, g):
    """What became of one trial."""
    results, changed = call(exercise, function, g)
    right = sorted(right_results(exercise, g, results, changed))
    return {"results": list(map(describe, results)), "changed": changed, "right": right}


def is_right(exercise, rights):
    """Whether all results were right in all trials so far."""
    return all(set(right) == set(exercise.gives) for right in rights)


def confirm(exercise, module, function, seed, notes):
    """Note what is left to ask when all numbers are right."""
    first, *_, last = exercise.draw(seed)
    if exercise.tool:
        notes.follows = follows(exercise, module, function, last)
    # What came first twice more: a sum that is kept from call to call shows where the shapes have been there before, or
    # at the latest where they are those of the call just before.
    again = [right_results(exercise, first, *call(exercise, function, first)) for _ in range(2)]
    notes.remembers = not is_right(exercise, again)
    for g in exercise.draw(seed):
        if hasattr(g, "kinks"):  # exactly at a kink any slope is right, if it is a number
            results, _ = call(exercise, function, at_zero(g))
            named = zip(exercise.gives, results, strict=True)
            notes.at_zero = notes.at_zero or [name for name, a in named if not np.isfinite(a).all()]


def at_zero(g):
    """The same inputs, but what lies beside 0 is exactly 0."""
    arrays = {name: np.where(abs(a := getattr(g, name)) < 2 * BESIDE, 0, a) for name in g.kinks}
    return SimpleNamespace(**vars(g) | arrays)


def follows(exercise, module, function, g):
    """Whether the results come from the tool that they should come from: if its gradients double, do they follow?

    An error says yes: the function may compare its results with something.
    """
    with suppress(Exception), redirect_stdout(io.StringIO()), exercise.tool.doubled(module, g):
        results, _ = call(exercise, function, g)
        wanted = exercise.tool.then(g)
        return all(agree(result, wanted[name]) for name, result in zip(exercise.gives, results, strict=True))
    return True

"""A case of the detective's: a program that trains badly, for one reason.

It passes when three things hold: the learner says what is wrong, the cause is gone (its gradient, its labels, its
scale are probed; a nicer number alone is not enough), and the program then learns as well as it should.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from desk.show import relative_path
from exercises import PICTURES
from exercises.words import TABLES
from marker.complaints import explain_exception, find_own_frame
from marker.kind import Kind
from marker.runner import code_lines
from marker.verdict import Sentences, Verdict

# What the learner may write into DIAGNOSIS: what may be wrong, what it means, and how it would show itself.
SUSPECTS = {word: (meaning, sign) for word, meaning, sign in TABLES["Suspects"]}
refused = Sentences(TABLES["Cases"]).verdict


@dataclass
class Notes:
    said: str = ""  # what the learner says is wrong, "" while these are dots
    unfit: str = ""  # why the program cannot be used
    fixed: bool = False  # whether the cause is gone
    changed: bool = False  # whether anything was changed
    number: float = 0.0  # by which it is judged


@dataclass(frozen=True)
class Case(Kind):
    """What is known about a program that trains badly."""

    diagnosis: str  # what is wrong, a key of SUSPECTS
    # probe(module, rng, train): is the cause gone? train() trains, and returns the number by which it is judged: the
    # accuracy in the test, say. It may be too good to be true: so that of a fixed program is in a range.
    probe: Callable
    least: float
    most: float = 1.0
    does: str = "reads {:.3f} of the test digits right"  # what a program does that returns that number

    # The lines that are wrong, those that fix them, and what is then said; {a wrong suspect that seems to be right:
    # what is said against it}.
    says = {"WRONG": "", "RIGHT": "", "STILL": "", "OR_ELSE": "", "EVIDENCE": "", "AGAINST": {}}  # noqa: RUF012
    seconds, Notes, solution_is = 20, Notes, "what fixes it"
    marks = tuple(f"diagnosis: {word}" for word in SUSPECTS)
    checked = (
        "Marked: the stub as it is, and with RIGHT in place of WRONG and the diagnosis. What is on record of both "
        "was compared with the range. Not tried: other fixes. tests/test_practice_cases.py is for those."
    )

    def check(self, exercise):
        if exercise.stub.count(exercise.wrong) != 1:
            raise ValueError("the lines of WRONG should be once in the stub")
        if self.diagnosis not in SUSPECTS:
            raise ValueError(f"{self.diagnosis!r} is not under Suspects in said.md: {', '.join(SUSPECTS)}")

    def complete(self, exercise):
        recorded(exercise.name)

    def problems(self, exercise, marked):
        yield from self.problems_of_symptoms(exercise)
        yield from super().problems(exercise, marked)

    def problems_of_symptoms(self, exercise):
        """What is wrong with what is on record of it, as texts."""
        printed = recorded(exercise.name)
        for kind, number in last_numbers(printed).items():
            if self.is_healthy(number) != (kind == "healthy"):
                should = "should be" if kind == "healthy" else "should not be"
                yield f"its last number on record, {kind}, is {number}; it {should} {self.healthy}"
        if len(printed["as it is"]) != len(printed["healthy"]) or max(map(len, printed["healthy"])) > 59:
            yield "its two runs do not fit side by side: as many lines in both, of less than 60 characters"
        if not (PICTURES / f"{exercise.name}.png").exists():
            yield f"its picture is missing: `python -m exercises.symptoms {exercise.name}`"
        if SUSPECTS[self.diagnosis][0] in exercise.stub:
            yield "its stub has the words of the diagnosis"

    def solved(self, exercise):
        fixed = exercise.stub.replace(exercise.wrong, exercise.right)
        return fixed.replace("DIAGNOSIS = ...", f"DIAGNOSIS = {self.diagnosis!r}")

    def titled(self, title, needs_torch):
        return f"Case: {title[0].lower()}{title[1:]}{' (PyTorch)' * needs_torch}"

    def is_healthy(self, number):
        return self.least <= number <= self.most

    @property
    def healthy(self):
        """The range in words, to go on after a number."""
        return f"over {self.least:.2f}" if self.most == 1 else f"between {self.least:.2f} and {self.most:.2f}"

    def run(self, attempt, notes):
        """What the learner says, whether the cause is gone, and how well the program learns."""
        module, train = attempt.module, cache(attempt.module.train)
        said = getattr(module, "DIAGNOSIS", ...)
        notes.said = "" if said is ... else said[:40] if isinstance(said, str) else f"of type {type(said).__name__}"
        notes.changed = code_lines(attempt.source) != code_lines(attempt.exercise.stub)
        try:
            notes.fixed = bool(self.probe(module, np.random.default_rng(attempt.seed), train))
            number = train() if notes.fixed or notes.changed else 0
        except (AttributeError, TypeError, ValueError, IndexError) as error:
            if find_own_frame(error, module.__file__):
                raise  # the learner's own line is to blame
            notes.unfit = explain_exception(error)
            return
        if hasattr(number, "__float__"):
            notes.number = float(number)
        else:
            notes.unfit = "train() should return a number of the test, as it did in the beginning."

    def judge(self, exercise, seed, outcome):
        if outcome.error:
            return outcome.error
        notes, said = outcome.notes, str(outcome.notes.said)
        if notes.unfit:
            return refused("does not fit", unfit=notes.unfit)
        if said and said not in SUSPECTS:
            return refused("no diagnosis: no suspect", said=said, words=", ".join(f'"{word}"' for word in SUSPECTS))
        number = float(notes.number)
        does = self.does.format(number)
        numbers = f"\n(It now {does}; a healthy one, {self.healthy}.)"
        if said and (said != self.diagnosis or not notes.fixed):
            what, sign = SUSPECTS[said]
            text = f"The cause is gone, but it was another. You say: {what}. " if notes.fixed else f"You say: {what}. "
            ask = "Was that so?" if notes.fixed else "Is that so here? The cause is still in the program."
            text += f"Then {sign} {exercise.against.get(said, ask)}"
            if notes.changed and not notes.fixed:  # nobody learns from guesses alone which suspect is the right one
                text += f" {exercise.still}{numbers}" if said == self.diagnosis else numbers
            return Verdict(False, "not fixed" if said == self.diagnosis else f"diagnosis: {said}", text)
        if not notes.fixed:
            return (
                refused("not fixed: no diagnosis", numbers=numbers) if notes.changed else refused("not written: a case")
            )
        if not self.is_healthy(number):
            about = f" {exercise.or_else}" if exercise.or_else else ""
            return refused("fixed, but does not learn", does=does, healthy=self.healthy, about=about)
        if not said:
            return refused("no diagnosis", does=does)
        return Verdict(True, "passed", f"It {does}.\n{exercise.evidence}")

    def opening(self, exercise, written, say):
        """Say how a case shows itself; and, until the file with this text names one, the suspects."""
        printed = recorded(exercise.name)
        say(f"{'It printed at first:':38}A healthy run prints:", "quiet")
        for lines in zip(printed["as it is"], printed["healthy"], strict=True):
            sick, healthy = map(shorter, lines)
            print(f"{sick:38}{healthy}")
        say(f"\nThe curves: {relative_path(PICTURES / exercise.name)}.png")
        say("Run it with `python practice.py run`.")
        if re.search(r"^DIAGNOSIS *= *\.\.\.", written, re.MULTILINE):
            say("The suspects, for DIAGNOSIS:\n")
            for word, (meaning, _) in SUSPECTS.items():
                say(f"  {json.dumps(word):13} {meaning}")
        print()

    def count_printed_lines(self, exercise):
        return len(recorded(exercise.name)["healthy"])

    def solution(self, exercise):
        return ["Instead of", exercise.wrong, "it should be", exercise.right, exercise.evidence]


def recorded(name):
    """What a case printed, {"as it is": lines, "healthy": lines}; ValueError if that was never recorded."""
    found = json.loads((PICTURES / "cases.json").read_text(encoding="utf-8"))
    if name not in found:
        raise ValueError(f"its symptoms are not recorded: `python -m exercises.symptoms {name}`")
    return found[name]


def curves(lines):
    """The two numbers of each epoch in what a case printed, {"training loss": (epochs,), "test accuracy": the same}."""
    epochs = [line.partition(": ")[2].split(", ") for line in lines if line.startswith("epoch ")]
    pairs = ((part.rpartition(" ") for part in epoch) for epoch in epochs)
    found = [{what: float(number) for what, _, number in pair} for pair in pairs]
    return {what: np.array([epoch[what] for epoch in found]) for what in found[0]}


def last_numbers(printed):
    """{"as it is": the number by which it is judged at the end of that run, "healthy": the same}"""
    return {kind: [values[-1] for values in curves(lines).values()][-1] for kind, lines in printed.items()}


def shorter(line):
    """A line that a case prints, so that two of them fit side by side."""
    return re.sub("epoch |training |(?<=test) accuracy", "", line)

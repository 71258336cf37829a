"""A detective case: a program that trains badly for one reason, which the learner finds and fixes.

The learner passes if the diagnosis is right, the cause is gone, and the program then learns as well as it should. A
probe tests whether the cause is gone, for example by checking the gradient, the labels or the scale of the inputs. A
better result alone is not enough.
"""

import json
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

from desk.show import relative_path
from exercises import PICTURES
from exercises.words import TABLES
from marker.complaints import explain_exception, find_own_frame_and_lineno
from marker.kind import Kind
from marker.runner import list_code_lines
from marker.verdict import Sentences, Verdict

# What the learner may write into DIAGNOSIS: {suspect: (what it means, how it would show)}.
SUSPECTS = {word: (meaning, sign) for word, meaning, sign in TABLES["Suspects"]}
refused = Sentences(TABLES["Cases"]).verdict


@dataclass
class Notes:
    """What `Case.run` records for `Case.judge`."""

    diagnosis: str = ""  # the learner's diagnosis, "" while it is `...`
    misfit: str = ""  # why the program cannot be run, or ""
    is_fixed: bool = False  # whether the cause of the problem is gone
    is_changed: bool = False  # whether the learner changed any code
    number: float = 0.0  # the result of train()


@dataclass(frozen=True)
class Case(Kind):
    """The kind of exercise in which the learner repairs a program that trains badly."""

    diagnosis: str  # the right diagnosis, a key of SUSPECTS
    # probe(module, rng, train) returns whether the cause is gone. train() runs the training and returns the number by
    # which it is judged, such as the test accuracy. A fixed program gives a number from `least` to `most`: a result may
    # be too good to be true.
    probe: Callable
    least: float
    most: float = 1.0
    does: str = "classifies {:.3f} of the test digits correctly"  # what a program with that result does, as text

    # The wrong lines, the right ones, and what is said once they are fixed; {a plausible wrong suspect: what is said
    # against it}.
    says = {"WRONG": "", "RIGHT": "", "STILL": "", "OR_ELSE": "", "EVIDENCE": "", "AGAINST": {}}  # noqa: RUF012
    seconds = 20
    Notes = Notes
    solution_is = "shows the fix"
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

    def check_needed_files(self, exercise):
        load_lines_by_run(exercise.name)

    def iter_problems(self, exercise, mark_text):
        yield from self.iter_symptom_problems(exercise)
        yield from super().iter_problems(exercise, mark_text)

    def iter_symptom_problems(self, exercise):
        """Yield the problems with a case's recorded runs, as texts."""
        lines_by_run = load_lines_by_run(exercise.name)
        for kind, number in get_last_number_by_run(lines_by_run).items():
            if self.is_healthy(number) != (kind == "healthy"):
                requirement = "should be" if kind == "healthy" else "should not be"
                yield f"its last number on record, {kind}, is {number}; it {requirement} {self.healthy_range_text}"
        if len(lines_by_run["as it is"]) != len(lines_by_run["healthy"]) or max(map(len, lines_by_run["healthy"])) > 59:
            yield "its two runs do not fit side by side: as many lines in both, of less than 60 characters"
        if not (PICTURES / f"{exercise.name}.png").exists():
            yield f"its picture is missing: `python -m exercises.symptoms {exercise.name}`"
        if SUSPECTS[self.diagnosis][0] in exercise.stub:
            yield "its stub has the words of the diagnosis"

    def make_right_file(self, exercise):
        """Return the stub with the mistake fixed and the right diagnosis filled in."""
        fixed = exercise.stub.replace(exercise.wrong, exercise.right)
        return fixed.replace("DIAGNOSIS = ...", f"DIAGNOSIS = {self.diagnosis!r}")

    def format_title(self, title, needs_torch):
        suffix = " (PyTorch)" if needs_torch else ""
        return f"Case: {title[0].lower()}{title[1:]}{suffix}"

    def is_healthy(self, last_number):
        """Return whether a result of train() is in the range of a fixed program."""
        return self.least <= last_number <= self.most

    @property
    def healthy_range_text(self):
        """The range of a fixed program as text, such as "over 0.90"."""
        return f"over {self.least:.2f}" if self.most == 1 else f"between {self.least:.2f} and {self.most:.2f}"

    def fill_notes(self, attempt, notes):
        """Run the probe and the program.

        Records the diagnosis, whether the cause is gone, and the result in `notes`.
        """
        module = attempt.module
        train = cache(attempt.module.train)
        diagnosis = getattr(module, "DIAGNOSIS", ...)
        if isinstance(diagnosis, str):
            notes.diagnosis = diagnosis[:40]
        elif diagnosis is not ...:
            notes.diagnosis = f"of type {type(diagnosis).__name__}"
        notes.is_changed = list_code_lines(attempt.source) != list_code_lines(attempt.exercise.stub)
        try:
            notes.is_fixed = bool(self.probe(module, np.random.default_rng(attempt.seed), train))
            number = train() if notes.is_fixed or notes.is_changed else 0
        except (AttributeError, TypeError, ValueError, IndexError) as error:
            if find_own_frame_and_lineno(error, module.__file__):
                raise  # the error comes from a line of the learner's
            notes.misfit = explain_exception(error)
            return
        if hasattr(number, "__float__"):
            notes.number = float(number)
        else:
            notes.misfit = "train() should return a number from the test, as it did at first."

    def judge(self, exercise, seed, outcome):
        """Return the `Verdict` on a run. outcome: what the run left behind, with its `Notes`."""
        if outcome.error:
            return outcome.error
        notes = outcome.notes
        diagnosis = str(outcome.notes.diagnosis)
        if notes.misfit:
            return refused("does not fit", unfit=notes.misfit)
        if diagnosis and diagnosis not in SUSPECTS:
            return refused(
                "no diagnosis: no suspect", said=diagnosis, words=", ".join(f'"{word}"' for word in SUSPECTS)
            )
        number = float(notes.number)
        does = self.does.format(number)
        numbers = f"\n(It now {does}. A healthy run: {self.healthy_range_text}.)"
        if diagnosis and (diagnosis != self.diagnosis or not notes.is_fixed):
            meaning, sign = SUSPECTS[diagnosis]
            if notes.is_fixed:
                text = "The cause is gone, but it was a different one. "
                question = "Did you see that?"
            else:
                text = ""
                question = "Do you see that here? The cause is still in the program."
            text += f"You say: {meaning}. In that case, {sign} {exercise.against.get(diagnosis, question)}"
            # Do not tell whether a guessed suspect is right before the program has been changed.
            if notes.is_changed and not notes.is_fixed:
                text += f" {exercise.still}{numbers}" if diagnosis == self.diagnosis else numbers
            return Verdict(False, "not fixed" if diagnosis == self.diagnosis else f"diagnosis: {diagnosis}", text)
        if not notes.is_fixed:
            if notes.is_changed:
                return refused("not fixed: no diagnosis", numbers=numbers)
            return refused("not written: a case")
        if not self.is_healthy(number):
            remark = f" {exercise.or_else}" if exercise.or_else else ""
            return refused("fixed, but does not learn", does=does, healthy=self.healthy_range_text, about=remark)
        if not diagnosis:
            return refused("no diagnosis", does=does)
        return Verdict(True, "passed", f"It {does}.\n{exercise.evidence}")

    def show_introduction(self, exercise, source, say):
        """Print the case's recorded output beside a healthy run's, and the suspects until DIAGNOSIS is filled in.

        source: the learner's file as text. say: prints a paragraph.
        """
        lines_by_run = load_lines_by_run(exercise.name)
        say(f"{'At first, it printed:':38}A healthy run prints:", "quiet")
        for lines in zip(lines_by_run["as it is"], lines_by_run["healthy"], strict=True):
            sick_line, healthy_line = map(shorten_printed_line, lines)
            print(f"{sick_line:38}{healthy_line}")
        say(f"\nThe curves: {relative_path(PICTURES / exercise.name)}.png")
        say("Run it with `python practice.py run`.")
        if re.search(r"^DIAGNOSIS *= *\.\.\.", source, re.MULTILINE):
            say("The suspects, for DIAGNOSIS:\n")
            for word, (meaning, _) in SUSPECTS.items():
                say(f"  {json.dumps(word):13} {meaning}")
        print()

    def count_printed_lines(self, exercise):
        """Return how many lines a healthy run prints."""
        return len(load_lines_by_run(exercise.name)["healthy"])

    def list_solution_paragraphs(self, exercise):
        """Return the paragraphs of the solution, as texts."""
        return ["Instead of", exercise.wrong, "it should be", exercise.right, exercise.evidence]


def load_lines_by_run(name):
    """Return what a case printed, {"as it is": lines, "healthy": lines}. Raises ValueError if it was never recorded."""
    lines_by_case = json.loads((PICTURES / "cases.json").read_text(encoding="utf-8"))
    if name not in lines_by_case:
        raise ValueError(f"its symptoms are not recorded: `python -m exercises.symptoms {name}`")
    return lines_by_case[name]


def parse_values_by_quantity(lines):
    """Return the numbers printed for each epoch, {"training loss": (epochs,), "test accuracy": (epochs,)}."""
    values = defaultdict(list)
    for line in lines:
        if line.startswith("epoch "):
            for text in line.partition(": ")[2].split(", "):
                quantity, _, number = text.rpartition(" ")
                values[quantity].append(float(number))
    return {quantity: np.array(numbers) for quantity, numbers in values.items()}


def get_last_number_by_run(lines_by_run):
    """Return {run: the number by which it is judged, after the last epoch}, for the runs "as it is" and "healthy"."""
    numbers = {}
    for run, lines in lines_by_run.items():
        *_, last_curve = parse_values_by_quantity(lines).values()
        numbers[run] = last_curve[-1]
    return numbers


def shorten_printed_line(line):
    """Return a printed line shortened, so that two of them fit side by side."""
    return re.sub("epoch |training |(?<=test) accuracy", "", line)

"""A kind of exercise that only the tests know: a simulation, whose mean should be near a number."""

from dataclasses import dataclass

import numpy as np

from marker.kind import Kind
from marker.verdict import FUNCTION_SENTENCES, Verdict


@dataclass
class Notes:
    mean: float = 0.0
    error: float = 0.0  # the mean's standard error


@dataclass(frozen=True)
class Simulated(Kind):
    """How a function of a random generator is marked: `number` is its mean."""

    number: float
    Notes = Notes

    def fill_notes(self, attempt, notes):
        function = getattr(attempt.module, attempt.exercise.function.name)
        values = [function(np.random.default_rng([attempt.seed, i])) for i in range(2000)]
        if ... in values:
            raise FUNCTION_SENTENCES.make_exception("not written")
        notes.mean, notes.error = np.mean(values).item(), np.std(values).item() / np.sqrt(len(values))

    def judge(self, exercise, seed, outcome):
        if outcome.error:
            return outcome.error
        mean, error = float(outcome.notes.mean), float(outcome.notes.error)
        if abs(mean - self.number) < 5 * error:
            return Verdict(True, "passed", f"Its mean is {mean:.3f}.")
        return Verdict(
            False, "another mean", f"Its mean is {mean:.3f}, which is no chance. It should be near a number."
        )

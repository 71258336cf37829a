"""Find two known mistakes that together give exactly the results that were returned."""

import numpy as np

from marker.budget import MAX_LINES, Budget, compile_with_budget
from marker.compare import make_answer
from marker.equal import RELATIVE_TOLERANCE, agree
from marker.verdict import Verdict, in_words

MAX_PAIRS = 2000  # of mistakes that are tried
MAX_PAIR_LINES = 200_000  # that they may run together


def judge_pair(finder_input):
    """Return the `Verdict` that names two known mistakes which together give these results in all trials; else None.

    If several pairs do, only mistakes that all of them share are named. If a single edit makes all results right,
    return None, since that says more.
    """
    exercise = finder_input.exercise
    place = finder_input.place
    if place and place.is_only_mistake and set(place.result_names) == set(exercise.gives):
        return None
    answer = make_answer(exercise, finder_input.seed, finder_input.outcome)
    draws = answer.draws
    trials = [*answer.trials, *answer.further]
    wrong = [t for t, trial in enumerate(trials) if not are_results_explained(trial["numbers"], {}, draws[t])]
    order = [*wrong, *(t for t in range(len(trials)) if t not in wrong)]
    budget = Budget(MAX_PAIR_LINES)
    flat_arrays = []
    for trial in trials:
        flat_arrays += [a.ravel() for a in trial["numbers"].values()]
    entries = np.concatenate(flat_arrays or [[]])
    if not wrong or np.ptp(entries) == 0:  # equal entries prove nothing: the mean of all p is 0.1, too
        return None
    fitting_pairs = []
    for pair in exercise.mistake_pairs[:MAX_PAIRS]:
        try:
            compiled_code = compile_with_budget(pair.code)
        except SyntaxError:  # the second change has broken the code of the first
            continue
        budget.limit = min(MAX_LINES, budget.lines)
        values = (exercise.wrong_results_of_code(compiled_code, draws[t], budget) for t in order)
        is_so = all(
            are_results_explained(trials[t]["numbers"], wrong, draws[t]) for t, wrong in zip(order, values, strict=True)
        )
        mistakes = [pair.first, pair.second]
        if is_so and all(may_be_present(exercise, mistake, trials, draws) for mistake in mistakes):
            fitting_pairs.append({mistake.name: mistake for mistake in mistakes})
        if budget.lines <= 0:
            break
    if not fitting_pairs:
        return None
    shared_names = set.intersection(*map(set, fitting_pairs))
    shared_mistakes = [mistake for name, mistake in fitting_pairs[0].items() if name in shared_names]
    if not shared_mistakes:
        return None
    names = ", and ".join(m.name for m in shared_mistakes)
    questions = " ".join(dict.fromkeys(m.beside for m in shared_mistakes))
    text = in_words("two" if len(shared_mistakes) > 1 else "two: one of them", names=names)
    return Verdict(False, names, f"{text}\n{questions}", drawn=True, question=questions)


def are_results_explained(results, wrong_values, draw):
    """Return True if a trial's results are those in `wrong_values`, and right where it has none."""
    return all(agree(a, wrong_values.get(name, getattr(draw, name))) for name, a in results.items())


def may_be_present(exercise, mistake, trials, draws):
    """Return True if the learner's lines may contain this mistake.

    They may not if, in some trial, most of the entries that the mistake makes wrong are right.
    """
    for draw, trial in zip(draws, trials, strict=False):
        for name, wrong in exercise.wrong_results_with_mistake(mistake, draw).items():
            actual = trial["numbers"].get(name)
            right = np.asarray(getattr(draw, name), np.float64)
            if actual is not None and actual.shape == right.shape == np.shape(wrong):
                tolerance = RELATIVE_TOLERANCE * np.abs(right).max(initial=0)
                is_wrong = ~(np.abs(wrong - right) <= tolerance)
                if is_wrong.any() and (np.abs(actual - right) <= tolerance)[is_wrong].mean() > 0.5:
                    return False
    return True

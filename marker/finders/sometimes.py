"""Find a known mistake that explains some trials but not all, or a result other than the first."""

from functools import partial
from operator import itemgetter
from typing import Any, NamedTuple

from marker.compare import is_value_in_all_trials, is_value_in_both_sizes, make_answer, value_with_mistake
from marker.equal import agree
from marker.verdict import FAR_OFF_MARKS, Verdict, in_words


class Explanation(NamedTuple):
    """A known mistake that explains a wrong result."""

    result_name: str
    mistake: Any
    is_always: bool  # whether it explains that result in all trials


def judge_likeliest_mistake(finder_input):
    """Return the `Verdict` that names the known mistake that explains the most trials; None if none explains any."""
    explanation = find_likeliest_explanation(finder_input)
    if not explanation:
        return None
    mistake = explanation.mistake
    mark = "always" if explanation.is_always else "sometimes"
    text = in_words(mark, name=explanation.result_name, mistake=mistake.name)
    return Verdict(False, mistake.name, f"{text}\n{mistake.question}", drawn=True, question=mistake.question)


def find_likeliest_explanation(finder_input):
    """Return the `Explanation` that holds in the most trials; None if no known mistake explains any trial.

    It explains a result that is wrong in the first trial with a wrong result.
    """
    if finder_input.verdict.name not in FAR_OFF_MARKS:
        return None
    exercise = finder_input.exercise
    answer = make_answer(exercise, finder_input.seed, finder_input.outcome)
    trial_range = range(len(answer.trials))
    first_wrong = next((t for t in trial_range if list_wrong_names(answer, t)), None)
    if first_wrong is None:
        return None
    candidates = []
    for name in list_wrong_names(answer, first_wrong):
        for mistake in exercise.known_mistakes:
            value = partial(value_with_mistake, exercise, mistake, name)
            makes_wrong = name in exercise.wrong_results_with_mistake(mistake, answer.draws[first_wrong])
            if makes_wrong and is_value_in_both_sizes(answer, first_wrong, name, value):
                n_trials = sum(is_value_in_both_sizes(answer, t, name, value) for t in trial_range)
                candidates.append((n_trials, name, mistake))
    if not candidates:
        return None
    _, name, mistake = max(candidates, key=itemgetter(0))
    value = partial(value_with_mistake, exercise, mistake, name)
    return Explanation(name, mistake, is_value_in_all_trials(answer, name, value))


def list_wrong_names(answer, t):
    """Return the names of the results that are wrong in the trial with index t."""
    right = answer.draws[t]
    return [name for name, a in answer.trials[t]["numbers"].items() if not agree(a, getattr(right, name))]

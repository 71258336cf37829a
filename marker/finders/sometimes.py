"""Find a known mistake that explains some trials but not all, or a result other than the first."""

from functools import partial

from marker.compare import is_value_in_all_trials, is_value_in_both_sizes, make_answer, value_with_mistake
from marker.equal import agree
from marker.verdict import FAR_OFF, Verdict, in_words


def judge_likeliest_mistake(finder_input):
    """Return the `Verdict` that names the known mistake that explains the most trials; None if none explains any."""
    name, mistake, is_always = find_likeliest_explanation(finder_input)
    if not mistake:
        return None
    text = in_words("always" if is_always else "sometimes", name=name, mistake=mistake.name)
    return Verdict(False, mistake.name, f"{text}\n{mistake.question}", drawn=True, question=mistake.question)


def find_likeliest_explanation(finder_input):
    """Return (a result's name, the mistake that explains it in the most trials, whether it explains all of them).

    The mistake is None if no known mistake explains any trial.
    """
    if finder_input.verdict.name not in FAR_OFF:
        return "", None, False
    answer = make_answer(finder_input.exercise, finder_input.seed, finder_input.outcome)
    explanations = []
    for t, name in list_wrong_in_first_wrong_trial(answer):
        for mistake in finder_input.exercise.known_mistakes:
            value = partial(value_with_mistake, finder_input.exercise, mistake, name)
            if name in finder_input.exercise.wrong_results_with_mistake(
                mistake, answer.draws[t]
            ) and is_value_in_both_sizes(answer, t, name, value):
                explanations.append(
                    (
                        sum(is_value_in_both_sizes(answer, i, name, value) for i in range(len(answer.trials))),
                        name,
                        mistake,
                    )
                )
    if not explanations:
        return "", None, False
    _, name, mistake = max(explanations, key=lambda way: way[0])
    return (
        name,
        mistake,
        is_value_in_all_trials(answer, name, partial(value_with_mistake, finder_input.exercise, mistake, name)),
    )


def list_wrong_in_first_wrong_trial(answer):
    """Return [(trial, result)] of the wrong results in the first trial that has any."""
    for t, (g, trial) in enumerate(zip(answer.draws, answer.trials, strict=False)):
        wrong = [(t, name) for name, a in trial["numbers"].items() if not agree(a, getattr(g, name))]
        if wrong:
            return wrong
    return []

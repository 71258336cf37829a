"""Spaced review: which exercises come back, and when.

Functions on the dict that progress.json holds, for the terminal and the browser. To write something again after some
days is what makes it stay (spaced against massed retrieval, g = 0.74; a plain interval serves as well as a growing one:
Latimier et al. 2021).
"""

from datetime import date, timedelta

DAYS = 7  # that what has passed rests


def due(progress):
    """The names of the exercises to write again. First come those that needed a hint or had a named mistake."""
    today = date.today().isoformat()
    waiting = [name for name in progress["passed"] if progress["due"].get(name, today) <= today]
    helped = {*progress["hints"], *progress["seen"], *progress["mistakes"]}
    return sorted(waiting, key=lambda name: name not in helped)


def day(passed):
    """The day on which an exercise comes back, as text: after a rest if it has passed, and otherwise today."""
    return (date.today() + timedelta(DAYS if passed else 0)).isoformat()

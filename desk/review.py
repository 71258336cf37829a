"""Spaced review: which exercises come back, and when.

Functions on the dict that progress.json holds, for the terminal and the browser. To write something again after some
days is what makes it stay (spaced against massed retrieval, g = 0.74; a plain interval serves as well as a growing one:
Latimier et al. 2021).
"""

from collections import Counter
from datetime import date, timedelta
from itertools import count

DAYS = 7  # that what has passed rests, at least
FEW = 5  # exercises come back on one day


def list_due(progress):
    """Return the names of the exercises to write again, first those that needed a hint or had a named mistake."""
    today = date.today()
    # No rest is longer than this: what is due later passed while the clock was wrong.
    latest = today + timedelta(DAYS + 1 + len(progress["due"]) // FEW)
    days = {name: progress["due"].get(name, "") for name in progress["passed"]}
    waiting = [name for name in days if not today.isoformat() < days[name] <= latest.isoformat()]
    names_with_help = {*progress["hints"], *progress["seen"], *progress["mistakes"]}
    return sorted(waiting, key=lambda name: name not in names_with_help)


def choose_day(progress, has_passed):
    """Return the day on which an exercise comes back, as text: after a rest if it has passed, and otherwise today.

    Exercises that pass on one day come back on several, a few on each.
    """
    today = date.today()
    counts_by_day = Counter(progress["due"].values())
    days = ((today + timedelta(n)).isoformat() for n in count(DAYS))
    return next(day for day in days if counts_by_day[day] < FEW) if has_passed else today.isoformat()


def days_until(day):
    """Return the number of days from today to a day, 2026-12-31."""
    return (date.fromisoformat(day) - date.today()).days

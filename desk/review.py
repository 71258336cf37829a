"""Spaced review: which exercises come back, and when.

The functions work on `progress`, the dict in progress.json, and serve the terminal and the browser. Rewriting an answer
after some days makes it stick: for spaced against massed retrieval, g = 0.74, and constant intervals work as well as
growing ones (Latimier et al. 2021).
"""

from collections import Counter
from datetime import date, timedelta
from itertools import count

MIN_DAYS_TO_REVIEW = 7  # until an exercise that has passed comes back
MAX_REVIEWS_PER_DAY = 5


def list_due(progress):
    """Return the names of the exercises due for review, first those that needed help or had a known mistake."""
    today = date.today()
    # No date is later than this, unless the exercise passed while the clock was wrong. Such an exercise is due, too.
    latest = today + timedelta(MIN_DAYS_TO_REVIEW + 1 + len(progress["due"]) // MAX_REVIEWS_PER_DAY)
    days = {name: progress["due"].get(name, "") for name in progress["passed"]}
    waiting = [name for name in days if not today.isoformat() < days[name] <= latest.isoformat()]
    names_with_help = {*progress["hints"], *progress["seen"], *progress["mistakes"]}
    return sorted(waiting, key=lambda name: name not in names_with_help)


def choose_review_day(progress, has_passed):
    """Return the day on which an exercise comes back, such as "2026-12-31".

    It is at least MIN_DAYS_TO_REVIEW from now, or today if the exercise has not passed. Exercises that
    pass on the same day come back on several days, at most MAX_REVIEWS_PER_DAY on each.
    """
    today = date.today()
    counts_by_day = Counter(progress["due"].values())
    days = ((today + timedelta(n)).isoformat() for n in count(MIN_DAYS_TO_REVIEW))
    return next(day for day in days if counts_by_day[day] < MAX_REVIEWS_PER_DAY) if has_passed else today.isoformat()


def days_until(iso_day):
    """Return the number of days from today to a day such as "2026-12-31"."""
    return (date.fromisoformat(iso_day) - date.today()).days

"""A subject that only the tests know: statistics."""

from _alone import alone

ORDER = (
    ("Averages: what a sample says", "", "weighted_mean correlation"),
    ("Regression: with a penalty", "", "ridge_weights"),
    ("Chance", "", "two_dice"),
)
COUNTS = {"n": "samples", "p": "columns"}
FINDERS = {"alone": alone}

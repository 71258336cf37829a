"""Warm-up and cosine: rate.

The first steps are short, because the running means of AdamW are still unreliable. Then the rate falls along half a
cosine wave, so the last steps are short again. Steps are counted from 0.

    before step `warm`           it grows evenly: at step t it is lr * (t + 1) / (warm + 1)
    from `warm` to `steps`       it falls from lr to `least`, like the cosine between 0 and pi
    after `steps`                it stays at `least`

    t, warm, steps   whole numbers; warm is less than steps
    lr, least        numbers; least is less than lr
"""

import numpy as np


def learning_rate(t, lr, least, warm, steps):
    """Return the learning rate of step t, a number."""
    # rate = ...  # this takes several lines
    share = min((t - warm) / (steps - warm), 1)
    cosine = (1 + np.cos(np.pi * share)) / 2
    rate = least + (lr - least) * cosine
    if t < warm:
        rate = lr * (t + 1) / (warm + 1)
    return rate


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter7

INPUTS = chapter7.SCHEDULED
FURTHER = chapter7.AT_EDGES

HINTS = """
1. There are three parts. In the second part, what fraction of the way from `warm` to `steps` has been covered at step
   t? It should be 0 at the beginning and 1 at the end.
2. The cosine goes from 1 to -1 between 0 and pi. How do you turn it into a number that goes from 1 to 0? That number
   says how far above `least` the rate is, as a fraction of lr - least.
3. share = (t - warm) / (steps - warm), cosine = (1 + np.cos(np.pi * share)) / 2, and rate = least + (lr - least) *
   cosine. Before `warm` it is lr * (t + 1) / (warm + 1), and after `steps` it is `least`.
"""

MISTAKES = """
it begins at 0 | (t + 1) / (warm + 1) -> t / warm
    What is your rate at step 0? Does that step change anything?
lr a step too early | (t + 1) / (warm + 1) -> (t + 1) / warm
    What is your rate at the last step before `warm`?
no warm-up | t < warm -> False
    What is your rate at step 0?
warm-up from `least` | rate = lr * (t + 1) / (warm + 1) -> rate = least + (lr - least) * (t + 1) / (warm + 1)
    (t + 1) / (warm + 1) is a fraction of what?
it falls to 0 | least + (lr - least) * -> lr *
    What is your rate at the end? What should it be?
it falls from lr + least | (lr - least) -> lr
    What is your rate at step `warm`, where the cosine is 1?
a straight line | (1 + np.cos(np.pi * share)) / 2 -> 1 - share
    Your rate falls evenly. Where does the cosine fall faster than that, and where more slowly?
a quarter of the wave | (1 + np.cos(np.pi * share)) / 2 -> np.cos(np.pi / 2 * share)
    Up to which angle does the cosine go?
a whole wave | np.pi * share -> 2 * np.pi * share
    Up to which angle does the cosine go? Does it fall or rise at the end?
degrees | np.pi * share -> 180 * share
    np.cos takes radians. What is half a turn in radians?
counted from step 0 | (t - warm) / (steps - warm) -> t / steps
    What fraction of the way down has been covered at step `warm`?
the share of all steps | (t - warm) / (steps - warm) -> (t - warm) / steps
    How many steps does the way down take?
upward | 1 + np.cos -> 1 - np.cos
    What are the cosines of 0 and of pi? Does your rate fall?
not halved | (1 + np.cos(np.pi * share)) / 2 -> (1 + np.cos(np.pi * share))
    1 + cos goes from 2 to 0. Which number should the fraction start at?
the cosine as it is | (1 + np.cos(np.pi * share)) / 2 -> np.cos(np.pi * share)
    The cosine goes from 1 to -1. Where should the fraction start, and where should it end?
it goes on after the end | min((t - warm) / (steps - warm), 1) -> (t - warm) / (steps - warm)
    [What does the cosine do beyond pi?] What should the rate be after the last step?
nothing after the end | rate = rate * (t <= steps)
    What should the rate be after the last step: 0, or `least`?
lr after the end | rate = lr if t > steps else rate
    What should the rate be after the last step?
"""

WHY = "This is the function get_lr in nanoGPT's train.py. It has the same three parts."
DOCS = 'docs/nanogpt.md, "Warm-up and cosine"'

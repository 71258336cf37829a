"""A maximum on the tape.

y is the largest number of each row:

    y[n] = max over j of a[n, j]

If that number grows, y grows by the same amount. If a different entry of the row grows a little, y does not change. In
some rows, two or three entries share the largest value. There, max has a kink, like the ReLU at 0, so a rule must say
which entry gets the gradient. Here, these entries get equal parts, which add up to dy[n].

    a      a Tensor; a.value (B, H) is its array
    play   a function: play(y) draws a random gradient dy (B,) and runs the backward pass. It returns the value of y and
           the gradient that arrives at a.
"""

import numpy as np

from exercises.tape import Tensor


def largest(a, play):
    """Record y, the largest entry of each row. Return its value (B,) and da (B, H)."""
    # y = ...  # this may take several lines
    top = a.value.max(axis=1, keepdims=True)
    equal = a.value == top
    y = Tensor(top[:, 0], (a, lambda dy: dy[:, None] * equal / equal.sum(axis=1, keepdims=True)))
    # handed out:
    value, da = play(y)
    return value, da


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import chapter5

INPUTS = [chapter5.draw_maximum]
EXCHANGED = "Which VJP belongs to which parent?"
ARGUMENTS = chapter5.make_operation_arguments
ENTRYWISE = "a"

HINTS = """
1. Take a = [[3, 1, 3]] and dy = [6]. If only the 1 grows a little, how does y change? If the two 3s get equal parts of
   the 6, how much does each get?
2. To get the mask of the largest entries, compare a.value with the maximum of each row (use keepdims=True). If two
   entries share the maximum, what is dy[n] multiplied by at each of them? And if there are three?
3. da is dy[:, None] times the mask, divided by the mask's sum over each row.
"""

MISTAKES = """
each of the equal ones gets it all | / equal.sum(axis=1, keepdims=True) ->
    If three equal entries all grow by 1, y grows by 1. By how much does it grow according to your gradient?
only the first of the equal ones | equal = a.value == top -> equal = np.arange(a.value.shape[1]) ==
        a.value.argmax(axis=1)[:, None]
    argmax finds only the first of several equal entries. That is also a rule, but which rule does the exercise ask for?
divided by all that are equal in the batch | equal.sum(axis=1, keepdims=True) -> equal.sum()
    Which entries share dy[n]: the largest of row n, or those of all rows?
the gradient of a sum | * equal / equal.sum(axis=1, keepdims=True) -> * np.ones(a.value.shape)
the gradient of a mean | equal = a.value == top -> equal = np.ones(a.value.shape)
    If an entry that is not the largest grows a little, does y change?
dy forgotten | dy[:, None] * equal -> 1 * equal
    This is how y changes. How does the loss change with y?
multiplied by the maximum | dy[:, None] -> dy[:, None] * top
    What is the slope of max(a, 0) at a = 3? Is it 3?
the ReLU's mask | equal = a.value == top -> equal = a.value > 0
    Does a row have one largest entry, or every positive one?
all but the largest | a.value == top -> a.value != top
    Which entries let the gradient through: the largest ones, or the rest?
the smallest | .max( -> .min(
    Which entry of a row is y?
the parent forgotten | , (a, lambda dy: dy[:, None] * equal / equal.sum(axis=1, keepdims=True)) ->
    y does not say how it was computed. How should the backward pass find a?
"""

WHY = """
If one of two equal entries grows, y grows by the same amount; if it falls, y does not change. So every slope from 0 to
1 can be justified. Parts that add up to 1 are right at least when all these entries grow together. In PyTorch, amax
shares the gradient equally, and max with a dim gives all of it to one entry.
"""
DOCS = 'docs/autograd.md, "The network on the tape"'

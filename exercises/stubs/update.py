"""The step, momentum's update.

Now every parameter moves against its gradient. With momentum it does so like a ball that rolls downhill. Each parameter
p has a velocity v, an array of the same shape. In each step,

    the velocity keeps a share of itself (the number momentum), and the gradient is added to it;
    then the parameter moves against the new velocity, times the learning rate.

    old_p    any shape       the parameter
    old_v    the same        its velocity so far
    dp       the same        the derivative of the loss with respect to p
    lr       a number        the learning rate
    momentum a number        different in each call

p is a parameter here, not a probability.
"""

import numpy as np


def update(old_p, old_v, dp, lr, momentum):
    """Return the new velocity and the new parameter. (Here you may change old_v and old_p in place, but not dp.)"""
    v = ...
    p = ...
    return v, p

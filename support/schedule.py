"""The number of steps of a run, and the learning rate of each step."""

import math
from typing import NamedTuple

from support.errors import UserError


class Plan(NamedTuple):
    steps_per_epoch: int
    steps: int  # of the whole run
    stop: int  # the step at which this call ends: `steps`, or fewer with --stop-after


def make_plan(options, n_examples):
    """Return the `Plan` of a run. n_examples: the number of training examples. Raises UserError if a batch needs
    more."""
    if options.run.batch_size > n_examples:
        limit = f"the {n_examples} training {options.source.noun}: choose a smaller one"
        raise UserError(f"--batch-size {options.run.batch_size} is more than {limit}")
    steps_per_epoch = n_examples // options.run.batch_size
    steps = options.run.steps or options.run.epochs * steps_per_epoch
    return Plan(steps_per_epoch, steps, min(steps, (options.call.stop_after or steps) * steps_per_epoch))


def make_repeated_examples_warning(n_distinct, step, plan, options):
    """Return a warning if batches of an epoch have repeated examples, which they should not, or "".

    n_distinct: the number of different examples that were drawn in the first `step` steps. plan: the run's `Plan`.
    """
    n_drawn = options.run.batch_size * min(step, plan.steps_per_epoch)
    if n_distinct >= n_drawn:
        return ""
    return f"only {n_distinct:,} different {options.source.noun} were drawn: {n_drawn:,} draws should all be different"


def learning_rate(step, steps, options):
    """Return the learning rate of a step, 0 <= step < steps. steps: the number of steps in the whole run.

    The first gradients are large and point in many different directions, so the rate rises for a tenth of the run.
    Then it falls linearly to 0, so that the noise of single batches averages out in the final weights.
    """
    if options.run.schedule == "constant":
        return options.run.lr
    warmup = math.ceil(steps / 10)
    return options.run.lr * min((step + 1) / warmup, (steps - step) / (steps - warmup + 1))

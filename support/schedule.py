"""How many steps a run has, and the learning rate of each."""

import math
from typing import NamedTuple

from support.errors import UserError


class Plan(NamedTuple):
    steps_per_epoch: int
    steps: int  # of the whole run
    stop: int  # where this call ends: at `steps`, or before with --stop-after


def make_plan(options, examples):
    """The `Plan` for this many training images; UserError where they are too few for a batch."""
    if options.run.batch_size > examples:
        limit = f"the {examples} training {options.source.noun}: choose a smaller one"
        raise UserError(f"--batch-size {options.run.batch_size} is more than {limit}")
    steps_per_epoch = examples // options.run.batch_size
    steps = options.run.steps or options.run.epochs * steps_per_epoch
    return Plan(steps_per_epoch, steps, min(steps, (options.call.stop_after or steps) * steps_per_epoch))


def describe_repeats(different, step, plan, options):
    """Describe how far the batches repeat examples within an epoch; "" if they do not.

    different: examples that were drawn in so many steps.
    """
    n_drawn = options.run.batch_size * min(step, plan.steps_per_epoch)
    if different >= n_drawn:
        return ""
    return f"only {different:,} different {options.source.noun} were drawn: {n_drawn:,} draws should all be different"


def learning_rate(step, steps, options):
    """The learning rate of step 0, ..., steps - 1.

    The first gradients are large and point every which way, so the rate rises for a tenth of the run; then it
    falls in a straight line to 0, so that the noise of single batches averages out in the weights that remain.
    """
    if options.run.schedule == "constant":
        return options.run.lr
    warmup = math.ceil(steps / 10)
    return options.run.lr * min((step + 1) / warmup, (steps - step) / (steps - warmup + 1))

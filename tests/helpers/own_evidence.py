"""What a judge of whole programs knows of one, made by hand: a test names what it is about, and the rest is as at the
beginning."""

from types import SimpleNamespace

import numpy as np

from exercises import blank, watched

EXAMPLES = np.zeros((5, 784), np.uint8), np.zeros(5, int)


def make_file(**functions):
    """Return what stands for a learner's file: a module with these functions."""
    return SimpleNamespace(**functions)


def make_trace(examples=EXAMPLES, first_params=None, **values):
    """Return the `Trace` of a training, with these attributes. first_params: those of its only snapshot."""
    trace = watched.Trace(examples, None, np.inf, lambda n: None)
    if first_params is not None:
        trace.snapshots = [watched.Snapshot(first_params, examples)]
    return set_attributes(trace, values)


def make_evidence(calls=None, **values):
    """Return the `Evidence` on a file, with these attributes: each check adds some."""
    evidence = blank.Evidence(calls, 0, lambda text: None)
    vars(evidence).update(values)
    return evidence


def set_attributes(instance, values):
    """Set attributes that an object has, and return it: one that was renamed is an error."""
    for name, value in values.items():
        assert hasattr(instance, name), f"{type(instance).__name__} has no {name}"
        setattr(instance, name, value)
    return instance

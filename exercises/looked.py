"""Show the first training steps of a network from a blank file, array by array: python -m exercises.looked NAME FILE.

The layers of such a network are unknown; there are only its functions and its arrays. So the steps are recorded at the
calls of `gradients`. `python practice.py look` runs this module.
"""

import sys
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from exercises import digits
    from exercises.own import ReaderCalls
    from exercises.words import open_learner_module
    from exercises.writer import WriterCalls
    from marker.derivatives import get_gradients_by_path
    from marker.nests import copy_floats_by_path
    from support.errors import UserError
    from views.training import DEFAULT_N_STEPS, describe_marks, iter_array_marks, root_mean_square


def load_examples(name):
    """Return the arguments of `train` without rng, a tuple of arrays, for the exercise `name`."""
    if name == "own_gpt":
        return (data.load("names").train_tokens,)
    images, labels, *_ = digits.few_images()
    return images.reshape(len(images), -1), labels


class ArrayRow(NamedTuple):
    """The sizes of an array, of its gradient and of its step."""

    path: str
    size: float  # its root mean square
    gradient: float  # that of its gradient
    step: float | None  # that of its step, relative to `size`; None if there is no such step


def measure_first_steps(module, name):
    """Return (the losses of the first batches, an `ArrayRow` for each array in the last recorded step).

    name: the exercise. Raises UserError if no step was recorded.
    """
    examples = load_examples(name)
    calls = WriterCalls(module) if name == "own_gpt" else ReaderCalls(module)
    snapshots = [
        snapshot for snapshot in calls.train(examples, 0, max_calls=DEFAULT_N_STEPS).snapshots if snapshot.arrays_after
    ]
    if not snapshots:
        raise UserError("`train` takes no step that can be shown: does it call `gradients`?")
    losses = [float(calls.loss(snapshot.params, *snapshot.batch)) for snapshot in snapshots]
    params = copy_floats_by_path(snapshots[-1].params)
    moves = snapshots[-1].compute_moves_by_path()
    gradients = get_gradients_by_path(snapshots[-1].params, calls.gradients(snapshots[-1].params, *snapshots[-1].batch))
    rows = []
    for path, gradient in gradients.items():
        has_step = path in moves and params[path].ndim > 1 and params[path].any()
        step = root_mean_square(moves[path]) / root_mean_square(params[path]) if has_step else None
        gradient_size = 0.0 if gradient is None else root_mean_square(gradient)
        rows.append(ArrayRow(path, root_mean_square(params[path]), gradient_size, step))
    return losses, rows


@np.errstate(all="ignore")
def main(name, learner_path):
    """Print the sizes of all arrays, of their gradients and of their steps, for the exercise `name`."""
    with open_learner_module(learner_path) as module:
        losses, rows = measure_first_steps(module, name)
    print(f"the loss of the first {len(losses)} batches: {' '.join(f'{loss:.3g}' for loss in losses)}\n")
    print(f"{'array':24}{'its size':>12}{'its gradient':>16}{'step / its size':>18}")
    for row in rows:
        step = "" if row.step is None else format(row.step, ".2g")
        print(f"{row.path:24}{row.size:12.3g}{row.gradient:16.3g}{step:>18}")
    marks = []
    for row in rows:
        marks += iter_array_marks(row.path, row.gradient, row.step)
    print("", *(describe_marks(marks) or ["No number is out of the ordinary."]), sep="\n")
    print("The numbers have no ranges beside them: no healthy run of your own network is recorded.")


if __name__ == "__main__":
    sys.exit(program.run(lambda: main(*sys.argv[1:]), limit_memory=True))

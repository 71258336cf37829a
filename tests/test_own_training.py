"""Trainings of one's own, each as small as it can be: what is said of where its steps come from, and where they lead.

Two arrays learn to be 1, by steps against their difference from 1. What is wrong with a training is one function.
"""

import re
from contextlib import nullcontext

import numpy as np
import pytest
from own_evidence import make_evidence, make_file, make_trace

from exercises import blank, own, watched
from marker import calls
from marker.verdict import Wrong

IMAGES = np.random.default_rng(5).integers(0, 256, (40, 784), np.uint8)
LABELS = np.arange(40) % 10
# What a learner's file may keep from one training to the next, and chance of its own.
KEPT, OWN_CHANCE = {}, np.random.default_rng(1)


@pytest.fixture(autouse=True)
def nothing_kept():
    KEPT.clear()


def slopes(params, images, labels):
    return {k: a - 1 for k, a in params.items()}


def distance(params, images, labels):
    return sum((a**2).sum() for a in slopes(params, images, labels).values()) / 2


def first_weights(rng):
    return {"W": rng.normal(size=(5, 6)), "V": rng.normal(size=20)}


def batches_of(rng):
    for _ in range(3):
        for batch in np.split(rng.permutation(len(IMAGES)), 4):
            yield IMAGES[batch], LABELS[batch]


def descend(file, params, batch):
    g = file.gradients(params, *batch)
    return {k: a - 0.3 * g[k] for k, a in params.items()}


def train_well(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        params = descend(file, params, batch)
    return params


def keep_weights(file, rng):
    KEPT.setdefault("params", first_weights(rng))
    for batch in batches_of(rng):
        KEPT["params"] = descend(file, KEPT["params"], batch)
    return KEPT["params"]


def keep_velocity(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        KEPT["steps"] = KEPT.get("steps", 0) + 1
        g = file.gradients(params, *batch)
        params = {k: a - 0.3 / KEPT["steps"] * g[k] for k, a in params.items()}
    return params


def draw_weights_elsewhere(file, rng):
    params = first_weights(rng) | {"V": OWN_CHANCE.normal(size=20)}
    for batch in batches_of(rng):
        params = descend(file, params, batch)
    return params


def draw_batches_elsewhere(file, rng):
    params = first_weights(rng)
    for batch in batches_of(OWN_CHANCE):
        params = descend(file, params, batch)
    return params


def draw_from_a_seed_of_its_own(file, rng):
    return train_well(file, np.random.default_rng(7))


def use_gradients_of_its_own(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        file.gradients(params, *batch)
        params = {k: a - 0.3 * (a - 1) for k, a in params.items()}
    return params


def return_what_it_knows(file, rng):
    return {k: np.ones_like(a) + 0.01 * a for k, a in train_well(file, rng).items()}


def never_call(file, rng):
    return first_weights(rng)


def stand_still(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        descend(file, params, batch)
    return params


def return_the_first(file, rng):
    params = first = first_weights(rng)
    for batch in batches_of(rng):
        params = descend(file, params, batch)
    return first


def leave_one(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        params = descend(file, params, batch) | {"V": params["V"]}
    return params


def ascend(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        g = file.gradients(params, *batch)
        params = {k: a + 0.01 * g[k] for k, a in params.items()}
    return params


def ascend_with_one(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        g = file.gradients(params, *batch)
        params = {"W": params["W"] - 0.1 * g["W"], "V": params["V"] + 0.01 * g["V"]}
    return params


def replace_weights(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        params = {k: -0.3 * g for k, g in file.gradients(params, *batch).items()}
    return params


def draw_weights_from_numpy(file, rng):
    params = first_weights(rng) | {"V": np.random.normal(size=20)}  # noqa: NPY002
    for batch in batches_of(rng):
        params = descend(file, params, batch)
    return params


def give_images_at_first(file, rng):
    params = first_weights(rng)
    for i, (images, labels) in enumerate(batches_of(rng)):
        n = len(images) if i < 4 else 0
        params = descend(file, params, (images[:n], labels[:n]))
    return params


def judge(train, *checks):
    """Watch a training, and make these checks."""
    file = make_file(gradients=slopes, loss=distance)
    file.train = lambda images, labels, rng: (train(file, rng), 0.9)
    evidence = make_evidence(own.ReaderCalls(file), examples=(IMAGES, LABELS), mini_batch=(IMAGES[:3], LABELS[:3]))
    blank.check_training(evidence, lambda *_: None)
    evidence.trained_paths = ['["W"]', '["V"]']
    for check in checks:
        check(evidence)


def check_again(evidence):
    blank.check_rng_and_gradients_used(evidence, lambda evidence, params: distance(params, None, None) < 1)


def check_others(evidence):
    blank.check_start_depends_on_rng(evidence.trace, evidence.calls.train(evidence.examples, [0, 2], max_calls=0))


TRAININGS = [
    (train_well, check_again, ""),
    (train_well, blank.check_arrays_move_downhill, ""),
    (train_well, check_others, ""),
    (never_call, check_again, "But `train` never calls `gradients`"),
    (keep_weights, check_again, "the second run started with the weights that the first had learned"),
    (keep_velocity, check_again, "Both training runs started with the same arrays, but their first steps differ"),
    (draw_weights_elsewhere, check_again, 'do not start with the same params["V"].'),
    (draw_batches_elsewhere, check_again, "do not start with the same batch."),
    (
        draw_from_a_seed_of_its_own,
        check_others,
        'gave the same first params["V"], params["W"]|params["W"], params["V"]',
    ),
    (use_gradients_of_its_own, check_again, "the arrays change in the same way"),
    (
        return_what_it_knows,
        check_again,
        "a run learns nothing from its images. But the params that `train` returns are still",
    ),
    (stand_still, blank.check_arrays_move_downhill, "all arrays stay the same"),
    (return_the_first, blank.check_arrays_move_downhill, "returns the arrays from the first call"),
    (
        leave_one,
        blank.check_arrays_move_downhill,
        '`gradients` returns slopes for params["V"] that are not 0, but `train` never',
    ),
    (ascend, blank.check_arrays_move_downhill, 'moves params["W"], params["V"] along the gradient'),
    (ascend_with_one, blank.check_arrays_move_downhill, 'The first steps move params["V"] along the gradient'),
    (replace_weights, blank.check_arrays_move_downhill, 'params["W"], params["V"]: only a multiple of the gradient'),
    (
        give_images_at_first,
        blank.check_arrays_move_downhill,
        "In 8 of 12 inspected calls of `gradients`, `train` passed no images at all",
    ),
    (draw_weights_from_numpy, check_again, 'do not start with the same params["V"].'),
]


@pytest.mark.parametrize(("train", "check", "words"), TRAININGS, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_wrong_with_a_training_is_said(train, check, words):
    pattern = "|".join(map(re.escape, words.split("|")))
    with pytest.raises(Wrong, match=pattern) if words else nullcontext():
        judge(train, check)


def test_of_a_long_training_points_are_kept_from_its_whole_way():
    """Fewer than 24, the first always, and as far from each other."""
    trace = make_trace((IMAGES, LABELS))
    for n in range(200):
        trace.record_call({"w": np.full(3, float(n))}, [IMAGES[:2], LABELS[:2]])
    steps = [int(snapshot.params["w"][0]) for snapshot in trace.snapshots]
    assert steps[0] == 0 and len({*np.diff(steps)}) == 1 and watched.POINTS / 2 <= len(steps) < watched.POINTS
    assert steps[-1] > 180 and trace.n_calls == 200
    for snapshot in trace.snapshots[:-1]:
        assert snapshot.arrays_after['["w"]'][0] == snapshot.params["w"][0] + 1


def test_a_training_is_remarked_on_where_it_was_slow_or_in_order_or_of_other_numbers(monkeypatch):
    monkeypatch.setattr(watched, "measure_slowness", lambda: 2.0)
    for values, words in (
        ({"seconds": 7.9}, None),
        ({"seconds": 8.1}, "The training took 8 s."),
        ({"n_scaled_batches": 1}, "does not pass pixels from 0 to 255"),
        ({"n_calls": 2, "n_known_examples": 1}, "follow the order of the images"),
        ({"n_calls": 1, "n_known_examples": 1}, None),
        ({"n_calls": 2, "n_known_examples": 1, "is_in_order": False}, None),
        ({"was_tested": np.arange(40) < 4}, "(?s)4 images.* would make it 0.25 larger"),
    ):
        remarks = [*make_trace((IMAGES, LABELS), **values).iter_remarks()]
        assert len(remarks) == bool(words), values
        assert not words or re.search(words, remarks[0])


def test_what_a_training_reads_is_recorded_with_the_share_that_is_right():
    own_calls = own.ReaderCalls(make_file(gradients=slopes, read=lambda params, images: images[:, 0] * 0 + 3))

    def train(images, labels, rng):
        own_calls.module.gradients({"w": np.ones(3)}, images[:10], labels[:10])
        own_calls.module.read({}, images[5:35])
        return {"w": np.ones(3)}, 0.1

    own_calls.functions["train"] = own_calls.module.train = train
    trace = own_calls.train((IMAGES, LABELS), 0, watched_names=("gradients", "read"))
    ((share, n_images, n_known),) = trace.read_results
    assert share == np.mean(LABELS[5:35] == 3) and (n_images, n_known) == (30, 5)
    assert trace.was_tested.nonzero()[0].tolist() == [*range(5, 35)]
    assert trace.was_used.nonzero()[0].tolist() == [*range(10)]


def test_what_is_watched_is_called_as_before_under_every_name():
    class Net:
        def method(self, a, b=2):
            return a - b

    def function(a, b, *rest, c=3, **named):
        return a, b, rest, c, named

    net = Net()
    file = make_file(function=function, method=net.method, callable=Net)
    before = function.__code__, function.__kwdefaults__
    for call in (
        lambda: function(1, 2),
        lambda: function(1, b=4, c=5),
        lambda: function(1, 2, 7, 8, d=9),
        lambda: function(b=1),
        lambda: function(1, 2, a=3),
        lambda: net.method(5),
        lambda: net.method(5, b=1),
        lambda: net.method(),
        lambda: net.method(1, 2, 3),
    ):
        plain, seen = outcome_of(call), []

        def note(original, bound, seen=seen):
            seen.append(bound)
            return original(*bound.args, **bound.kwargs)

        with calls.intercept_calls(file, "function", note), calls.intercept_calls(file, "method", note):
            watched_outcome = outcome_of(call)
        assert type(watched_outcome) is type(plain) and len(seen) == (type(plain) is not TypeError)
        assert type(plain) is TypeError or watched_outcome == plain
        assert outcome_of(call) == plain or type(plain) is TypeError
    assert (function.__code__, function.__kwdefaults__) == before


def outcome_of(call):
    """What a call returns, or the error that it raises."""
    try:
        return call()
    except TypeError as error:
        return error


def test_a_call_that_lacks_an_argument_is_as_python_has_it():
    file = make_file(gradients=slopes)
    file.train = lambda images, labels, rng: (file.gradients({"w": np.ones(3)}, images), 0.5)
    with pytest.raises(TypeError, match="missing a required argument: 'labels'"):
        own.ReaderCalls(file).train((IMAGES, LABELS), 0)

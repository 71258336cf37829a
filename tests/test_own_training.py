"""Trainings of one's own, each as small as it can be: what is said of where its steps come from, and where they lead.

Two arrays learn to be 1, by steps against their difference from 1. What is wrong with a training is one function.
"""

import random
import re
from contextlib import nullcontext
from types import SimpleNamespace

import numpy as np
import pytest
from own_evidence import make_evidence, make_file, make_trace

from exercises import blank, own, watched
from marker import calls
from marker.trial import load_learner_module
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


def keep_weights_but_not_the_biases(file, rng):
    KEPT.setdefault("params", first_weights(rng))
    KEPT["params"]["b"] = np.zeros(3)
    return keep_weights(file, rng)


def keep_one_array(name, file, rng):
    params = first_weights(rng)
    params[name] = KEPT.get(name, params[name])
    for batch in batches_of(rng):
        params = descend(file, params, batch)
        KEPT[name] = params[name]
    return params


def keep_the_first_array_alone(file, rng):
    return keep_one_array("W", file, rng)


def keep_the_last_array_alone(file, rng):
    return keep_one_array("V", file, rng)


def round_otherwise_each_time(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        params = {k: a + 1e-12 * OWN_CHANCE.normal(size=a.shape) for k, a in descend(file, params, batch).items()}
    return params


def train_only_once(file, rng):
    KEPT["trainings"] = KEPT.get("trainings", 0) + 1
    return train_well(file, rng) if KEPT["trainings"] == 1 else {}["no"]


def give_one_back(file, rng):
    first = first_weights(np.random.default_rng(3))
    params = dict(first)
    for batch in batches_of(rng):
        params = descend(file, params, batch)
    return params | {"V": first["V"]}


def go_up_later(file, rng):
    params = first_weights(rng)
    for i in range(40):
        g = file.gradients(params, IMAGES[:3], LABELS[:3])
        params = {k: a - (0.3 if i < 5 else -0.01) * g[k] for k, a in params.items()}
    return params


def return_only_one(file, rng):
    return {"W": train_well(file, rng)["W"]}


def have_only_one_when_repeated(file, rng):
    params = first_weights(rng)
    if KEPT.setdefault("trainings", []):
        del params["V"]
    KEPT["trainings"].append(1)
    for batch in batches_of(rng):
        params = descend(file, params, batch)
    return params


def draw_images_of_the_same_digits_elsewhere(file, rng):
    params = first_weights(rng)
    for _ in range(12):
        batch = np.arange(10) + 10 * OWN_CHANCE.integers(4, size=10)
        params = descend(file, params, (IMAGES[batch], LABELS[batch]))
    return params


def train_until_it_is_good(file, rng):
    params = first_weights(rng)
    while distance(params, IMAGES, LABELS) > 0.1:
        params = descend(file, params, (IMAGES[:9], LABELS[:9]))
    return params


def draw_one_from_a_seed_of_its_own(file, rng):
    params = first_weights(rng) | {"V": np.random.default_rng(7).normal(size=20)}
    for batch in batches_of(rng):
        params = descend(file, params, batch)
    return params


def become_nan(file, rng):
    params = first_weights(rng)
    for batch in batches_of(rng):
        params = {k: np.nan * a for k, a in descend(file, params, batch).items()}
    return params


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


def draw_weights_from_python(file, rng):
    params = first_weights(rng) | {"V": np.array([random.gauss(0, 1) for _ in range(20)])}
    for batch in batches_of(rng):
        params = descend(file, params, batch)
    return params


def give_images_in_half_of_the_calls(file, rng):
    params = first_weights(rng)
    for i, (images, labels) in enumerate(batches_of(rng)):
        n = len(images) if i % 2 else 0
        params = descend(file, params, (images[:n], labels[:n]))
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
    (train_until_it_is_good, check_again, ""),  # with its signs turned round it would never end
    (become_nan, check_again, ""),
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
    (draw_one_from_a_seed_of_its_own, check_others, ""),
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
    (draw_weights_from_python, check_again, 'do not start with the same params["V"].'),
    (keep_weights_but_not_the_biases, check_again, "the second run started with the weights that the first had"),
    # Where only one array goes on from what was learned, it is that one which is named.
    (keep_the_first_array_alone, check_again, 'do not start with the same params["W"].'),
    (keep_the_last_array_alone, check_again, 'do not start with the same params["V"].'),
    (round_otherwise_each_time, check_again, ""),
    (train_only_once, check_again, ""),
    (have_only_one_when_repeated, check_again, ""),
    (have_only_one_when_repeated, check_others, ""),
    (draw_images_of_the_same_digits_elsewhere, check_again, "do not start with the same batch."),
    (go_up_later, blank.check_arrays_move_downhill, ""),
    (return_only_one, blank.check_arrays_move_downhill, ""),
    (stand_still, check_again, ""),  # there is nothing that the first run has learned
    (give_one_back, blank.check_arrays_move_downhill, ""),
    (give_images_in_half_of_the_calls, blank.check_arrays_move_downhill, ""),
]


@pytest.mark.parametrize(("train", "check", "words"), TRAININGS, ids=lambda value: getattr(value, "__name__", None))
def test_what_is_wrong_with_a_training_is_said(train, check, words):
    pattern = "|".join(map(re.escape, words.split("|")))
    with pytest.raises(Wrong, match=pattern) if words else nullcontext():
        judge(train, check)


def test_of_a_network_that_never_calls_its_gradients_they_are_judged_all_the_same():
    """Where they are wrong, that is said first. It is judged with what `train` returns, on the small batch."""
    file = make_file(gradients=slopes, loss=distance)
    file.train = lambda images, labels, rng: ({"W": np.ones(3)}, 0.9)
    told = []
    evidence = make_evidence(own.ReaderCalls(file), examples=(IMAGES, LABELS), mini_batch=(IMAGES[:3], LABELS[:3]))
    evidence.on_progress = told.append

    def check(evidence, calls, params, batches):
        assert params["W"].tolist() == [1, 1, 1] and batches == [evidence.mini_batch]
        raise Wrong("other", "They are wrong.")

    with pytest.raises(Wrong, match="They are wrong"):
        blank.check_training(evidence, check)
    assert told == ["Your network is training", "Your training has ended. What has it learned?"]


def test_an_array_whose_gradient_is_always_0_need_not_move():
    file = make_file(loss=distance, gradients=lambda params, *batch: slopes(params, *batch) | {"V": np.zeros(20)})
    file.train = lambda images, labels, rng: (train_well(file, rng), 0.9)
    evidence = make_evidence(own.ReaderCalls(file), examples=(IMAGES, LABELS), mini_batch=(IMAGES[:3], LABELS[:3]))
    blank.check_training(evidence, lambda *_: None)
    evidence.trained_paths = ['["W"]', '["V"]']
    blank.check_arrays_move_downhill(evidence)


def train_for(steps, **options):
    """Return the `Trace` of so many steps, of a second each, and what is told meanwhile. The clock begins at 100."""
    told, now = [], [100.0]

    def gradients(params, images, labels):
        now[0] += 1
        return params

    file = make_file(gradients=gradients)

    def train(images, labels, rng):
        for _ in range(steps):
            file.gradients({"W": np.ones(3)}, images[:2], labels[:2])
        return {"W": np.ones(3)}, 0.5

    file.train = train
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blank.time, "process_time", lambda: now[0])
        patch.setattr(blank.time, "monotonic", lambda: now[0] / 5)  # seconds on the wall, of 5 processors
        trace = own.ReaderCalls(file).train(
            (IMAGES, LABELS), 0, on_progress=told.append, activity="It trains", **options
        )
    return trace, told


def test_the_seconds_of_a_training_are_those_of_its_computation_and_may_be_limited():
    trace, _ = train_for(5)
    assert trace.seconds == 5 and trace.params["W"].tolist() == [1, 1, 1]
    trace, _ = train_for(5, max_seconds=2.5)
    assert trace.params is None and trace.n_calls == 4  # the fourth would begin after three seconds


def test_of_a_training_its_step_is_told_every_third_of_a_second():
    _, told = train_for(1004)
    assert told[:3] == ["It trains", "It trains: step 2", "It trains: step 4"]
    assert told[-2:] == ["It trains: step 1,000", "It trains: step 1,002"]


@pytest.mark.parametrize("goes_on", [True, False])
def test_a_mistake_that_the_first_call_of_gradients_shows_is_not_hidden_by_an_except(goes_on):
    """Whatever a training does next."""
    file = make_file(gradients=slopes, loss=distance)

    def train(images, labels, rng):
        try:
            file.gradients({"W": np.ones(3)}, images, labels)
        except Exception:
            if not goes_on:
                raise ValueError("something else") from None
        return {"W": np.ones(3)}, 0.5

    file.train = train

    def find(*_):
        raise Wrong("other", "The gradients are wrong.")

    with pytest.raises(Wrong, match="The gradients are wrong"):
        own.ReaderCalls(file).train((IMAGES, LABELS), 0, on_first_call=find)
    if not goes_on:
        with pytest.raises(ZeroDivisionError):
            own.ReaderCalls(make_file(train=lambda *_: 1 / 0)).train((IMAGES, LABELS), 0, watched_names=())


def test_chance_that_is_not_from_rng_is_the_same_in_each_training_unless_it_should_be_another():
    def train(images, labels, rng):
        images[:] = labels[:] = 0  # they are copies
        return {"V": np.array([random.random(), np.random.random(), rng.random()])}, 0.5  # noqa: NPY002

    own_calls = own.ReaderCalls(make_file(train=train))
    own_calls.check_unchanged = lambda *_: None
    one, again = (own_calls.train((IMAGES, LABELS), [0, 1], watched_names=()).params["V"] for _ in range(2))
    other = own_calls.train((IMAGES, LABELS), [0, 1], watched_names=(), global_seed=1).params["V"]
    assert np.array_equal(one, again) and (one != other).tolist() == [True, True, False]
    assert IMAGES.any() and LABELS.any()


def test_a_training_that_writes_into_its_images_or_its_labels_is_named():
    for name, change in (("images", lambda x, y: x.fill(0)), ("labels", lambda x, y: y.fill(0))):

        def train(images, labels, rng, change=change):
            change(images, labels)
            return {"W": np.ones(3)}, 0.5

        with pytest.raises(Wrong, match=f"`train` changes {name} in place"):
            own.ReaderCalls(make_file(train=train)).train((IMAGES, LABELS), 0, watched_names=())


def test_of_a_slow_loss_fewer_examples_are_taken():
    """Of the training's own batch 50, if one loss takes more than 0.05 s; of many 67 and not 257, if more than 0.02."""
    images, labels = np.zeros((300, 784), np.uint8), np.zeros(300, int)
    for seconds, n_of_batch, n_of_many in ((0.01, 80, 257), (0.03, 80, 67), (0.06, 50, 67)):
        now, sizes = [100.0], []

        def loss(params, images, labels, now=now, seconds=seconds):
            now[0] += seconds
            return 1.0

        def gradients(params, images, labels, sizes=sizes):
            sizes.append(len(images))
            return {"W": np.zeros(3)}

        own_calls = own.ReaderCalls(make_file(loss=loss, gradients=gradients))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(blank.time, "process_time", lambda now=now: now[0])
            mini_batch = images[:5], labels[:5]
            batch = blank.find_usable_batch(own_calls, {}, mini_batch, images[:80], labels[:80])
            assert [len(a) for a in batch] == [n_of_batch] * 2
            params, rng = {"W": np.ones(3)}, np.random.default_rng(0)
            blank.check_large_batch_gradients(own_calls, params, (images, labels), rng)
        assert {*sizes} == {n_of_many}


def test_params_are_moved_by_a_thousandth_of_their_size_and_zeros_by_a_hundredth():
    params = {"W": np.full(2000, 5.0), "b": np.zeros(2000), "n": 3}
    moved = blank.perturb_params(params, np.random.default_rng(0))
    for k, size in (("W", 5e-3), ("b", 1e-2)):
        assert (moved[k] - params[k]).std() == pytest.approx(size, rel=0.1)  # one in a billion is off by more
    assert moved["n"] == 3 and not params["b"].any()


def test_gradients_are_judged_after_a_third_of_the_training_and_at_its_end_where_numbers_are_not_too_large(monkeypatch):
    """They may be in a list, or None for a constant, which then does not count as trained."""
    judged = []
    monkeypatch.setattr(blank, "check_gradients", lambda _, params, *__, **___: judged.append(params["w"]))
    for first_loss, last_loss, is_judged in ((5, 4.9, True), (5, 5.1, False), (1, 2.9, True), (1, 3.1, False)):
        losses = {0.0: first_loss, 3.0: 0.5, 9.0: last_loss}
        file = make_file(loss=lambda params, x, y, losses=losses: losses[params["w"][0]])
        params = [{"w": np.full(1, float(t)), "b": np.ones(2)} for t in range(10)]
        trace = make_trace(snapshots=[watched.Snapshot(nest, ()) for nest in params[:9]])
        for gradients, trained in (([np.ones(1), np.ones(2)], ['["w"]', '["b"]']), ({"w": 1, "b": None}, ['["w"]'])):
            file.gradients = lambda params, x, y, gradients=gradients: gradients
            evidence = make_evidence(own.ReaderCalls(file), trace=trace, params=params[9])
            evidence.mini_batch = IMAGES[:3], LABELS[:3]
            judged.clear()
            blank.check_gradients_during_training(evidence)
            assert judged == [3.0, 9.0][: 1 + is_judged] and evidence.trained_paths == trained


def test_a_training_is_repeated_with_its_signs_turned_round_for_twice_its_steps_and_seconds():
    """And at most for 12 s. The other one, with other chance, ends at its first step."""
    for seconds, most in ((3.0, 7.0), (50.0, 12)):
        asked = []

        def train(examples, seed, on_progress, activity, watched_names, asked=asked, **options):
            assert (activity, watched_names) == ("It begins again", ("gradients", "loss"))
            asked.append((seed, options))
            return make_trace()

        trace = make_trace(first_params={"W": np.ones(3)}, params={"W": np.ones(3)}, n_calls=9, seconds=seconds)
        evidence = make_evidence(SimpleNamespace(train=train), trace=trace, examples=())
        blank.check_rng_and_gradients_used(evidence, None)
        other, negated = asked
        assert other == ([0, 1], {"max_calls": 0, "global_seed": 1})
        assert negated == ([0, 1], {"max_calls": 18, "negates_gradients": True, "max_seconds": most})


# --- Why a loss is as high as it is -----------------------------------------------------------------------------------


def diagnose(function, losses, factors=(), has_fallen=False):
    """Return what is said of a training with these losses, whose steps would have been best so many times as long."""
    seen = SimpleNamespace(losses=losses, first_loss=losses[0], last_loss=losses[-1], has_fallen=has_fallen)
    seen.flat_ratio, seen.list_best_step_factors = 0.95, lambda: list(factors)
    seen.make_error = lambda mark, **values: (mark, values)
    return function(seen)


LARGE, SMALL = ("steps too large", {"n": 1, "steps": 5}), ("steps too small", {"steps": 5})
DIAGNOSES = [
    # Too long are most of the steps, or the first one where the loss has hardly fallen.
    (blank.diagnose_large_steps, [5, 4.1], [0.1, 1, 1, 1, 1], LARGE),
    (blank.diagnose_large_steps, [5, 3.9], [0.1, 1, 1, 1, 1], None),
    (blank.diagnose_large_steps, [5, 4.1], [1, 0.1, 1, 1, 1], None),
    (blank.diagnose_large_steps, [5, 3], [1, 0.1, 0.01, 0.1, 10], ("steps too large", {"n": 3, "steps": 5})),
    (blank.diagnose_large_steps, [5, 3], [1, 0.1, 0.01, 1], None),
    (blank.diagnose_large_steps, [5, 5], [], None),
    (blank.diagnose_small_steps, [5, 4], [10] * 5, SMALL),
    (blank.diagnose_small_steps, [5, 4], [10, 10, 1, 10, 10], None),
    (blank.diagnose_small_steps, [5, 4], [], None),
    # It is still falling if the last quarter of the way has made it less by a twentieth.
    (blank.diagnose_few_steps, [5, 4, 3, 2, 1.8], (), ("steps too few", {})),
    (blank.diagnose_few_steps, [5, 4, 3, 2, 1.95], (), None),
    (blank.diagnose_few_steps, [5, 4, 3, 0.31, 0.29], (), None),  # low enough
    (blank.diagnose_divergence, [5, 1, 2.3], (), ("diverged", {"least": 1})),
    (blank.diagnose_divergence, [5, 1, 2], (), None),
    (blank.diagnose_divergence, [5, 5], (), None),
    (blank.diagnose_divergence, [5, 5.1], (), ("diverged", {"least": 5})),
]


@pytest.mark.parametrize(
    ("function", "losses", "factors", "said"),
    DIAGNOSES,
    ids=[f"{function.__name__} {losses} {factors}" for function, losses, factors, _ in DIAGNOSES],
)
def test_how_long_steps_should_have_been_is_seen_in_the_losses(function, losses, factors, said):
    assert diagnose(function, losses, factors) == said
    if function in (blank.diagnose_large_steps, blank.diagnose_small_steps):
        assert diagnose(function, losses, factors, has_fallen=True) is None


def test_steps_that_grow_are_compared_with_the_first_that_moves_anything():
    for lengths, times in (((0, 1, 5, 9, 31), 31), ((2, 5, 9, 58), None), ((1, 5, 90), None), ((2, 5, 9, 90), 45)):
        snapshots = [watched.Snapshot({"W": np.zeros(4), "b": np.zeros(1)}, ()) for _ in lengths]
        for snapshot, length in zip(snapshots, lengths, strict=True):
            snapshot.arrays_after = {'["W"]': np.full(4, 0.3 * length), '["b"]': np.full(1, 0.8 * length)}
        seen = SimpleNamespace(trace=make_trace(snapshots=snapshots), make_error=lambda mark, times: (mark, times))
        said = blank.diagnose_growing_steps(seen)
        assert said == (times and ("steps grow", pytest.approx(times)))


def test_the_best_length_of_a_step_is_the_one_with_the_least_loss_of_its_own_batch():
    """The step along W is 1, and a loss that is not a number is none."""
    for best, loss in (
        (10, lambda w: abs(w - 9)),
        (1, lambda w: abs(w - 2)),
        (0.1, lambda w: abs(w - 0.2)),
        (0.01, lambda w: w),
        (1, lambda w: 0.0),
        (0.1, lambda w: np.nan if w > 0.5 else 2 - w),
    ):
        snapshot = watched.Snapshot({"W": np.zeros(1)}, (IMAGES[:2], LABELS[:2]))
        snapshot.arrays_after = {'["W"]': np.ones(1)}

        def loss_of(params, images, labels, loss=loss):
            assert np.array_equal(images, IMAGES[:2])
            return loss(float(params["W"][0]))

        assert blank.find_best_step_factor(own.ReaderCalls(make_file(loss=loss_of)), snapshot) == best


def test_the_length_of_a_step_is_judged_for_the_first_eight_points_where_anything_moved(monkeypatch):
    monkeypatch.setattr(blank, "find_best_step_factor", lambda calls, snapshot: snapshot.params["w"])
    snapshots = [watched.Snapshot({"w": float(n)}, ()) for n in range(10)]
    for n, snapshot in enumerate(snapshots):
        snapshot.arrays_after = {'["w"]': np.array(n + (n != 2))}
    seen = SimpleNamespace(trace=make_trace(snapshots=snapshots), calls=None)
    assert blank.Diagnostics.list_best_step_factors(seen) == [0, 1, 3, 4, 5, 6, 7]


def test_few_of_the_examples_are_less_than_a_third_and_not_none():
    for n, is_few in ((0, False), (1, True), (13, True), (14, False), (40, False)):
        trace = make_trace((IMAGES, LABELS), was_used=np.arange(40) < n)
        seen = SimpleNamespace(trace=trace, calls=own.ReaderCalls(make_file()), make_error=lambda *_, **values: values)
        said = blank.diagnose_few_examples(seen)
        assert said == ({"used": n, "of": 40, "examples": "images"} if is_few else None)


# --- A judge as a whole -----------------------------------------------------------------------------------------------


def test_a_judge_runs_its_checks_and_says_what_they_have_found(tmp_path):
    """In a file's own process all of them; where a file is asked from outside, those that are repeated."""
    seen = []

    def check_twice(evidence):
        twice = evidence.calls.functions["double"](2)
        seen.append((twice, evidence.seed, np.geterr()["divide"]))
        if twice != 4:
            raise Wrong("wrong number", "Twice 2 is not 3.")
        evidence.remarks.append("A remark.")

    def check_at_first(evidence):
        seen.append(evidence.calls.functions["halve"](6))

    judge = blank.Blank(
        ("double", "halve", "third"), own.STUB, blank.Calls, (check_twice, check_twice), lambda evidence: "It passes.",
        "exercises.some", "exercises.viewer", (check_at_first, check_twice), {"double": ("params",)},
    )  # fmt: skip
    kind = judge.make_exercise_kind()
    assert (kind.module, kind.looks, kind.gives) == ("exercises.some", "exercises.viewer", {"double": ("params",)})
    assert kind.marks is blank.Calls.sentences.marks
    (path := tmp_path / "file.py").write_text(WRITTEN)
    said = "It passes.\nA remark.\nA remark."
    assert kind.examine(load_learner_module(path), 7, None) == (True, "passed", said)
    assert seen == [(4, 7, "ignore")] * 2
    path.write_text(f"import mlp_np\nfrom data import load\n{WRITTEN}")
    said += (
        "\nYour file imports data and mlp_np. Which of its lines need them, and could you write these lines yourself?"
    )
    assert kind.examine(load_learner_module(path), 7, None) == (True, "with imports", said)
    path.write_text(WRITTEN.replace("2 * x", "x + 1"))
    assert kind.examine(load_learner_module(path), 7, None) == (False, "wrong number", "Twice 2 is not 3.")
    passed, mark, _ = kind.examine(make_file(double=abs, halve=abs), 7, None)
    assert (passed, mark) == (False, "no function")
    seen.clear()
    with pytest.raises(Wrong, match="Twice 2 is not 3"):
        kind.ask_functions(load_learner_module(path), 8)
    assert seen == [3, (3, 8, "ignore")]


WRITTEN = "def double(x): return 2 * x\ndef halve(x): return x / 2\ndef third(x): return x / 3\n"


def test_what_cannot_be_kept_in_a_file_is_named_with_its_place():
    with pytest.raises(Wrong, match=r"`params\[\"a\"\]\[1\]` is of type set"):
        blank.pack_params({"a": [1.0, {2}]})


def test_a_sentence_ends_with_one_mark():
    for sentence, ended in (("1 / 0", "1 / 0."), ("No.", "No."), ("Why?", "Why?"), ("So!", "So!"), ("a, b", "a, b.")):
        assert blank.end_sentence(sentence) == ended


def test_of_functions_that_are_empty_the_first_is_named(tmp_path):
    for n_written, name, mark in ((1, "halve", "partly written"), (0, "double", "not written")):
        lines = WRITTEN.splitlines()
        lines[n_written:] = [f"{line.partition('return')[0]} ..." for line in lines[n_written:]]
        (path := tmp_path / "file.py").write_text("\n".join(lines))
        with pytest.raises(Wrong, match=f"`{name}` is not written yet") as error:
            blank.check_complete(load_learner_module(path), ("double", "halve", "third"), own.STUB)
        assert error.value.mark == mark


def test_of_a_long_training_points_are_kept_from_its_whole_way():
    """Fewer than 24, the first always, and as far from each other."""
    trace = make_trace((IMAGES, LABELS))
    for n in range(200):
        trace.record_call({"w": np.full(3, float(n))}, [IMAGES[:2], LABELS[:2]])
    steps = [int(snapshot.params["w"][0]) for snapshot in trace.snapshots]
    assert (
        steps[0] == 0
        and len({*np.diff(steps)}) == 1
        and watched.MAX_SNAPSHOTS / 2 <= len(steps) < watched.MAX_SNAPSHOTS
    )
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


@pytest.mark.parametrize("is_watched", [True, False])
def test_a_claim_is_known_to_come_from_images_of_the_training_if_read_is_watched(is_watched):
    file = make_file(gradients=slopes, loss=distance, read=lambda params, images: images[:, 0] * 0 + 3)

    def train(images, labels, rng):
        params = descend(file, first_weights(rng), (images[:30], labels[:30]))
        return params, np.mean(file.read(params, images) == labels)

    file.train = train
    evidence = make_evidence(own.ReaderCalls(file), examples=(IMAGES, LABELS), mini_batch=(IMAGES[:3], LABELS[:3]))
    vars(evidence).update(held_out=IMAGES, held_out_labels=LABELS, accuracy=0.1)
    watched_names = {"watched_names": ("gradients", "read")} if is_watched else {}
    blank.check_training(evidence, lambda *_: None, **watched_names)
    words = "from a call of `read` with 40 images, and 30 of these were also passed to `gradients`"
    with pytest.raises(Wrong, match=words) if is_watched else nullcontext():
        own.check_claim(evidence)


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

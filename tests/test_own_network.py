"""A network from a blank file: right ones pass in any style, and of wrong ones it is said what is wrong."""

import copy
import os
import re
import zlib
from collections import namedtuple
from contextlib import nullcontext
from functools import partial, reduce
from inspect import signature
from unittest.mock import Mock, patch

import numpy as np
import own_programs
import pytest
from own_evidence import EXAMPLES, make_evidence, make_file, make_trace

import data
import practice
from conftest import PATIENCE, ROOT, schedule
from exercises import blank, block, digits, network, own, watched, writer
from exercises.catalogue import BY_NAME
from exercises.words import TABLES
from marker import derivatives, marking, nests, runner
from marker.exercise import CUT_LINE
from marker.trial import load_learner_module
from marker.verdict import Wrong
from marker.words import SENTENCE_TABLES as SENTENCES
from practice_answers import RIGHT, write
from support.errors import UserError

EXERCISE = BY_NAME["own_network"]
verdict = partial(own_programs.verdict, EXERCISE.name)
WRONG = list(own_programs.programs(own_programs.WRONG))
SAID = list(own_programs.programs(own_programs.SAID))
STYLES = [own_programs.Program(style, "", style, code) for style, code in own_programs.STYLES.items()]
STYLES += [program._replace(name=program.edits) for program in own_programs.programs(own_programs.ALSO_RIGHT)]
# The first of these every day; the others are slow.
EVERY_DAY = {
    "other gradients", "gradients times a number", "no function",
    "kept between calls",
    "batch norm with running means",
}  # fmt: skip


def test_the_stub_is_not_written(tmp_path):
    assert verdict(EXERCISE.stub, tmp_path, 0).name == "not written"


@pytest.mark.slow(one_in=2)
def test_the_answer_passes_in_time(tmp_path):
    found = marking.mark(EXERCISE, write(tmp_path, "own_network"), 1)
    assert found.passed, found.text
    assert re.search(r"On 2,500 digits .* accuracy is 0\.9\d\d\. You claimed 0\.9\d\d", found.text.replace("\n", " "))


@pytest.mark.filterwarnings("ignore:Mean of empty slice", "ignore:invalid value")  # as in a process of its own
@pytest.mark.parametrize("program", own_programs.schedule_programs(WRONG, EVERY_DAY))
def test_a_wrong_program_is_named(program, tmp_path):
    found = verdict(program.code, tmp_path, WRONG.index(program) % 20)
    assert (found.passed, found.summary) == (False, program.name), found.text
    assert len(found.text) > 20 and program.words in found.text and "{" not in found.text


@pytest.mark.parametrize("program", own_programs.schedule_programs(STYLES, EVERY_DAY, first_in_turn=12))
def test_a_right_program_passes_in_any_style(program, tmp_path):
    found = verdict(program.code, tmp_path, STYLES.index(program) % 20)
    assert found.passed, found.text
    accuracy, claim = re.match(r"On 2,500 digits .* accuracy is (0\.\d+)\. You claimed (0\.\d+)\.", found.text).groups()
    assert float(accuracy) > own.MIN_ACCURACY and abs(float(accuracy) - float(claim)) < 5 * own.MAX_CLAIM_ERROR


@pytest.mark.parametrize("program", schedule(SAID, in_turn=3), ids=own_programs.name_of)
def test_what_is_said_is_true_of_it(program, tmp_path):
    assert program.name in verdict(program.code, tmp_path, SAID.index(program)).text.replace("\n", " ")


def test_what_is_said_of_a_slope_that_is_0_is_0():
    """And not what rounding leaves of it."""
    x, params = np.array([[0.1], [0.3], [-0.4]]), {"W": np.ones(1)}

    def loss(params, x):
        return (x @ params["W"] - x @ (1.1 * params["W"]) / 1.1).mean()

    with pytest.raises(Wrong, match=r"`gradients` says 1, central differences of `loss` say 0\."):
        derivatives.compute_checked_gradients(loss, lambda params, x: params, params, [(x,)], np.random.default_rng(0))


def test_a_factor_is_one_number_for_all_entries():
    for mine, times in {(0.966, 0.969, 0.972): None, (1.0003, 1.0006): None, (1.0005, 1.00051): 1.0005}.items():
        found = derivatives.find_factor([derivatives.Mismatch(0, m, 1.0) for m in mine])
        assert found is times is None or found == pytest.approx(times, abs=1e-5)


def test_a_training_that_ends_badly_by_chance_is_tried_again():
    claims, seeds = iter([0.7, 0.9, 0.8]), []

    def train(examples, seed, **how):
        seeds.append(seed)
        return make_trace(params=next(claims))

    found = make_evidence(make_file(train=train), examples=(), mini_batch=())
    checked = []
    blank.retrain_and_check_derivatives(
        found,
        lambda found, calls, *params_and_batches: checked.append(params_and_batches),
        lambda found, params: params > 0.8,
    )
    assert found.params == 0.9 and checked == [(0.9, [()])]  # and the derivatives are checked there, at the end
    assert len(seeds) == 2 and seeds[0] != seeds[1]  # with the same random numbers it would end as badly
    claims = iter(range(9))
    blank.retrain_and_check_derivatives(found, lambda *_: None, lambda found, params: False)
    assert found.params == 3  # of the fourth training, which is the last


def test_of_a_right_network_its_accuracy_stands_beside_the_claim():
    found = make_evidence(held_out=range(2500), accuracy=0.9316, trace=make_trace(claim=0.9))
    assert own.format_success(found) == (
        "On 2,500 digits that it has never seen, its accuracy is 0.932. You claimed 0.900."
    )


def test_the_seconds_of_the_statements_are_those_of_the_marker():
    for name in ("own_network", "own_gpt"):
        said = re.search(r"may take (\d+) seconds", BY_NAME[name].stub.replace("\n", " "))
        assert int(said[1]) == BY_NAME[name].kind.seconds


def test_images_that_a_network_is_tested_with_are_no_images_that_it_has_learned_from():
    (images, _), (others, _) = own.split_images(np.random.default_rng(0))
    pool = digits.few_images()
    assert (len(images), len(others)) == (3500, 2500) and len(pool[0]) + len(pool[2]) == 6000
    twice = len({*map(bytes, images)} & {*map(bytes, others)})
    assert twice <= 6000 - len({*map(bytes, np.concatenate([pool[0], pool[2]]))})


def test_what_smooth_labels_add_to_a_bias_is_seen_in_the_batch_of_the_check():
    """With as many images of each digit, it would add up to 0."""
    for draw in (own.add_data, own.add_relabelled_data):
        found = make_evidence()
        draw(found)
        assert [len(array) for array in found.mini_batch] == [13, 13]
        onehot = np.eye(10)[found.mini_batch[1]]
        assert onehot.any(axis=0).all()
        assert abs((0.9 * onehot + 0.01 - onehot).mean(axis=0)).max() > 1e-3


def test_with_another_seed_other_images_are_held_out():
    held_out = []
    for seed in (0, 0, 1):
        own.add_data(found := blank.Evidence(None, seed, None))
        held_out.append(found.held_out)
    assert np.array_equal(*held_out[:2]) and not np.array_equal(*held_out[1:])


def test_the_images_of_the_small_batch_are_images_of_the_training_with_their_labels():
    own.add_data(found := make_evidence())
    images, labels = found.examples
    for image, label in zip(*found.mini_batch, strict=True):
        assert label in labels[(images == image).all(axis=1)]
    assert [*np.bincount(found.mini_batch[1])] == [3, 2, *[1] * 8]


def test_relabelled_digits_are_the_same_digits_with_other_names_and_hardly_another_ink():
    """One exchange of the ten names for all of them: in training, in the small batch, and where they are held out."""
    own.add_data(before := make_evidence())
    own.add_relabelled_data(after := make_evidence())
    pairs = set()
    for images, labels, old_images, old_labels in (
        (*after.examples, *before.examples),
        (*after.mini_batch, *before.mini_batch),
        (after.held_out, after.held_out_labels, before.held_out, before.held_out_labels),
    ):
        assert images.dtype == np.uint8 and np.array_equal(images > 0, old_images > 0)
        moves = (images.astype(int) - old_images)[(old_images > 3) & (old_images < 252)]
        assert [*np.unique(moves[:9999])] == [*range(-3, 4)] and abs(moves).max() == 3
        pairs |= {*zip(old_labels.tolist(), labels.tolist(), strict=True)}
    old, new = zip(*sorted(pairs), strict=True)
    assert [*old] == sorted(new) == [*range(10)] and old != new


TRIVIAL = """
import numpy as np

def train(images, labels, rng):
    print("trains with", images.shape, images.dtype, labels.dtype)
    return [{"off": labels[0] + 0.0}], 0.25

def read(params, images):
    return (images[:, 33] + params[0]["off"]) % 10
"""


@pytest.fixture
def trivial(tmp_path, monkeypatch):
    """The path of a file that reads the digit off pixel (1, 5), and takes the first label of its training for 0."""
    images = np.zeros((4001, 28, 28), np.uint8)
    test_images, test_labels = images[:8].copy(), np.array([4, 5, 6, 7, 0, 0, 1, 0], np.uint8)
    test_images[:, 1, 5] = np.arange(8)
    labels = np.full(4001, 4, np.uint8)
    monkeypatch.setattr(data, "load", lambda: data.Images(images, labels, test_images, test_labels))
    (path := tmp_path / "own_network.py").write_text(TRIVIAL)
    return path


def test_a_network_of_ones_own_is_trained_with_few_images_first_and_then_with_all(trivial, monkeypatch, capfd):
    """And the bar goes on for as long as the few have taken, times the number of the others."""
    bars, clock = [], iter([10.0, 14.0])
    monkeypatch.setattr(own, "progress_bar", lambda seconds: bars.append(seconds) or nullcontext())
    monkeypatch.setattr(own.time, "perf_counter", lambda: next(clock))
    own.main(trivial)
    assert capfd.readouterr().out.splitlines() == [
        "trains with (4000, 784) uint8 int64",
        "It trains on 4,001 images.",
        "trains with (4001, 784) uint8 int64",
        "You claim 0.2500. On 8 new images, its accuracy is 0.5000.",
    ]
    assert bars == [pytest.approx(4.001)]
    assert blank.unpack_params(None, trivial.with_suffix(".npz").read_bytes()) == [{"off": 4.0}]
    few = data.Images(*(array[:4000] for array in data.load()))
    clock = iter([10.0, 10.0])
    monkeypatch.setattr(data, "load", lambda: few)
    own.main(trivial)
    assert capfd.readouterr().out.count("trains with") == 1


def test_a_picture_is_read_with_what_was_kept_beside_the_file(trivial, monkeypatch, capfd):
    image = np.zeros((28, 28), np.uint8)
    image[1, 5] = 3
    monkeypatch.setattr("support.ink.read_digit_image", lambda path: image)
    kept = trivial.with_suffix(".npz")
    weights = np.random.default_rng(0).normal(size=(784, 400))  # of a large network: 2.5 MB
    kept.write_bytes(blank.pack_params([{"off": 4.0, "W1": weights}]))
    own.main(trivial, "photo.png")
    assert capfd.readouterr().out == "digit: 7\n"
    for line, words in (("1 / 0", r"^own_network\.py: .*1 / 0"), ("exit(3)", r"^own_network\.py: .*exit")):
        trivial.write_text(f"def read(params, images):\n    {line}\n")
        with pytest.raises(UserError, match=f"(?s){words}"):
            own.main(trivial, "photo.png")
    for content in (b"", b"no", kept.read_bytes()[:-40]):
        kept.write_bytes(content)
        with pytest.raises(UserError, match=f"^{re.escape(str(kept))} is damaged: delete it; the next call"):
            own.main(trivial, "photo.png")


def test_a_bar_goes_on_until_its_time_is_over_or_the_work_is_done(monkeypatch):
    shown = Mock(n=0.0)
    shown.update = lambda n: setattr(shown, "n", shown.n + n)
    monkeypatch.setattr("tqdm.tqdm", Mock(side_effect=lambda total, **how: setattr(shown, "total", total) or shown))
    bar = own.progress_bar(0.54)
    bar.ended.wait = Mock(side_effect=[False] * 4 + [True])  # four times a fifth of a second
    with bar:
        bar.thread.join(timeout=PATIENCE)
        assert not bar.thread.is_alive() and shown.n == shown.total == 0.5
        assert not shown.close.called and not bar.ended.is_set()
    assert shown.close.called and bar.ended.is_set()


@pytest.mark.slow(one_in=2)
def test_a_network_of_ones_own_reads_a_picture(tmp_path, monkeypatch, capfd):
    """After the learner's own training."""
    images, labels, test_images, test_labels = (array[:1500] for array in digits.few_images())
    monkeypatch.setattr(data, "load", lambda: data.Images(images, labels, test_images, test_labels))
    path = write(tmp_path, "own_network")
    own.main(path)  # as `practice.py run` calls it
    said = capfd.readouterr().out
    assert re.search(r"trains on 1,500 images.\nYou claim 0.[89]\d+. On 1,500 new images, its accuracy is 0.[89]", said)
    photo = str(ROOT / "png" / "photo.jpg")
    assert not practice.main(["--folder", str(tmp_path), "read", photo])
    assert capfd.readouterr().out == "digit: 5\n"
    kept = path.with_suffix(".npz")
    before = kept.read_bytes()
    for lines, words in {
        "return {}, np.array([0.5])": "should be a number from 0 to 1; it is an array of shape",
        "return {'f': read}, 0.5": r'params\["f"\]. is of type function',
        "return {}, 0.5": "Line 5: def read.*division by zero|Line 5.*1 / 0",
    }.items():
        path.write_text(
            f"import numpy as np\n\ndef train(images, labels, rng):\n    {lines}\ndef read(p, i): return 1 / 0\n"
        )
        with pytest.raises(UserError, match=f"(?s){words}"):
            own.train_and_save(path)
    assert kept.read_bytes() == before
    kept.write_bytes(b"no")
    assert practice.main(["--folder", str(tmp_path), "read", photo]) == 2
    assert "is damaged: delete it" in capfd.readouterr().err
    path.write_text("import os, signal\n\n\ndef read(params, images):\n    os.kill(os.getpid(), signal.SIGKILL)\n")
    os.utime(path, (0, 0))  # older than what it has learned
    kept.write_bytes(before)
    with pytest.raises(UserError, match=r"was ended by the signal SIGKILL: was there too little"):
        practice.main(["--folder", str(tmp_path), "read", photo])
    with pytest.raises(UserError, match="read needs a picture"):
        practice.main(["--folder", str(tmp_path), "read"])


def test_arrays_that_come_from_another_process_by_their_paths_have_the_same_names():
    by_path = nests.leaves_by_path({"layers": [{"W": np.ones(2)}]})
    assert (
        nests.format_paths(nests.leaves_by_path(by_path)) == nests.format_paths(by_path) == 'params["layers"][0]["W"]'
    )


def test_params_are_kept_as_they_are():
    Pair = namedtuple("Pair", "W b")
    nest = {
        "a": [(1, 2.5, None, True), {3: np.float32(0.1), (1, 2): "words"}],
        7: Pair(np.eye(2, dtype=np.int8), np.inf),
    }
    found = blank.unpack_params(make_file(Pair=Pair), nests.pack_into_bytes(nest))
    assert repr(found) == repr(nest) and found[7].W.dtype == np.int8 and type(found["a"][1][3]) is np.float32
    for other in ([{1, 2}], {"a": np.array([None])}, (1, [print])):
        with pytest.raises(ValueError, match=r"^params\S* is (of type \w+|an array of type object)$"):
            nests.pack_into_bytes(other)


@pytest.mark.parametrize(
    ("params", "is_known"),
    [
        ({"W2": (64, 10), "b": (10,), "W1": (784, 64), "c": (1, 64)}, True),
        ([(784, 32), (32,), (32, 32), (32,), (32, 10), (10,)], False),
        ([(20, 784), (10, 20)], True),
        ([(795 * 30 + 10,)], True),
        ([(784, 10), (10, 10), (10,), (10,)], True),
        ([(784, 30), (20, 10)], False),
    ],
)
def test_shapes_say_which_arrays_are_the_weights_of_two_layers(params, is_known):
    rng = np.random.default_rng(0)
    named = params.items() if isinstance(params, dict) else enumerate(params)
    values = {k: rng.normal(size=shape) for k, shape in named}
    found = network.find_two_layer_params(values if isinstance(params, dict) else [*values.values()])
    assert bool(found) == is_known
    if found:
        H = len(found["b1"])
        shapes = {"W1": (784, H), "b1": (H,), "W2": (H, 10), "b2": (10,)}
        assert {name: a.shape for name, a in found.items()} == shapes
        assert {a.size for a in values.values() if a.size} <= {a.size for a in found.values()} | {795 * H + 10}


def squares(params, x):
    return ((x @ params["w"]) ** 2).mean()


def test_the_judge_of_derivatives_knows_nothing_of_images():
    """A loss of texts, say; and a number is judged as an array is."""
    rng = np.random.default_rng(0)
    params, x = {"w": rng.normal(size=4), "c": 2.0, "d": [1.5]}, rng.normal(size=(9, 4))

    def loss(params, x):
        return params["c"] * squares(params, x) * params["d"][0]

    def gradients(params, x, off=0.0):
        along = 2 * x.T @ (x @ params["w"]) / len(x)
        return {"w": params["c"] * params["d"][0] * along + off, "c": squares(params, x) * params["d"][0] * (1 + off)}

    assert derivatives.compute_checked_loss(loss, params, (x,), "texts") > 0
    found = derivatives.compute_checked_gradients(loss, gradients, params, [(x[:4],), (x,)], rng, "texts")
    assert [*found] == ['["w"]', '["c"]']
    with pytest.raises(Wrong, match=r'to params\["w"\], params\["c"\]. With 4 texts'):
        derivatives.compute_checked_gradients(
            loss, lambda *given: gradients(*given, 0.1), params, [(x[:4],), (x,)], rng, "texts"
        )
    with pytest.raises(Wrong, match=r"is 1\.0005 times the derivative"):
        derivatives.compute_checked_gradients(
            loss, lambda *given: {"w": 1.0005 * gradients(*given)["w"]}, params, [(x,)], rng, "texts"
        )
    with pytest.raises(Wrong, match="changes in jumps"):
        derivatives.compute_checked_gradients(
            lambda params, x: zlib.crc32(repr(params).encode()) % 1000, gradients, params, [(x,)], rng, "texts"
        )
    with pytest.raises(Wrong, match="with the same texts twice"):
        derivatives.compute_checked_loss(lambda params, x: loss(params, x) * len(x), params, (x,), "texts")


def test_a_counterexample_is_made_small():
    """A wrong derivative shows in one example of five with a single number."""
    rng = np.random.default_rng(0)
    params, x = {"w": rng.normal(size=4)}, rng.normal(size=(5, 4)).round(1) + 0.05

    def gradients(params, x):
        w = 2 * x.T @ (x @ params["w"]) / len(x)
        return {"w": w + (x[:, 2] > 1).any() * (np.arange(4) == 1)}

    with pytest.raises(
        Wrong,
        match=r"A single example already shows it, that is 0 except for (\S+) at 2: for "
        r"entry \[1\]",
    ):
        derivatives.compute_checked_gradients(squares, gradients, params, [(x,)], rng, "texts")


def test_numbers_are_told_apart():
    assert derivatives.format_distinct_pair(0.18741, 0.18742) == ["0.18741", "0.18742"]
    assert derivatives.format_distinct_pair(1.5, 2.0) == ["1.5", "2"]


def test_with_few_digits_a_decay_is_seen_along_the_weights():
    """It is a hundredth of them, and hides in any other direction."""
    rng = np.random.default_rng(0)
    w, x = rng.normal(size=40).astype(np.float32), rng.normal(size=(90, 40)).astype(np.float32)
    y = x @ w + rng.normal(size=90).astype(np.float32)

    def loss(params, x, y):
        return ((x @ params["w"].astype(np.float32) - y) ** 2).mean()

    def gradients(params, x, y, decay=0.0):
        return {"w": 2 * x.T @ (x @ params["w"].astype(np.float32) - y) / len(x) + decay * params["w"]}

    assert derivatives.compute_checked_gradients(loss, gradients, {"w": w}, [(x, y)], rng)
    with pytest.raises(Wrong, match="along one direction"):
        derivatives.compute_checked_gradients(loss, lambda *given: gradients(*given, 0.01), {"w": w}, [(x, y)], rng)


def test_who_goes_against_most_of_a_gradient_in_one_step_of_three_does_not_go_uphill():
    """Momentum may carry an array the other way at first."""
    w = np.arange(3.0)
    first, last = {"w": w, "v": w}, {"w": w + 1, "v": w + 1}  # of v no step is known
    for moves, is_right in (
        ([(1, 1, 0.3)] * 5, True), ([(1, 1, 0.1)] * 5, False),
        ([(1, 1, 0.8), *[(1, 1, 0.1)] * 4], True), ([(1, 1, 0.4), *[(1, 1, 0.1)] * 4], False),
        ([(1, 1, 0.8), *[(1, 1, 0.1)] * 4, *[(1, 1, 0.0)] * 9], True),  # only the first five count
        ([(0, 1, 0.0), (0, 1, 0.0), (1, 1, 0.3)], True), ([(1, 0, 0.0), (1, 0, 0.0), (1, 1, 0.3)], True),
    ):  # fmt: skip
        moves = {'["w"]': [watched.Move(*move, is_multiple=False) for move in moves]}
        trace = make_trace(first_params=first, params=last, moves=moves)
        words = r'Each of the first steps moves params\["w"\] along the gradient, which makes the loss grow'
        with nullcontext() if is_right else pytest.raises(Wrong, match=words):
            blank.check_arrays_move_downhill(make_evidence(trace=trace, trained_paths=['["w"]', '["v"]']))


def test_weights_are_replaced_that_are_a_multiple_of_the_gradient_after_the_first_step():
    w = np.arange(3.0)
    for are_multiples, is_right in (([False, True], True), ([True, False], False)):
        moves = {'["w"]': [watched.Move(1.0, 1.0, 1.0, is_multiple) for is_multiple in are_multiples]}
        trace = make_trace(first_params={"w": w}, params={"w": w + 1}, moves=moves)
        with nullcontext() if is_right else pytest.raises(Wrong, match="only a multiple of the gradient"):
            blank.check_arrays_move_downhill(make_evidence(trace=trace, trained_paths=[*moves]))


def test_of_several_arrays_those_that_are_replaced_are_named():
    first = {name: np.arange(3.0) for name in ("W1", "b1", "W2", "b2")}
    moves = {f'["{name}"]': [watched.Move(1.0, 1.0, 1.0, name in ("W1", "b2"))] for name in first}
    trace = make_trace(first_params=first, params={name: w + 1 for name, w in first.items()}, moves=moves)
    with pytest.raises(Wrong, match=r'^After the first step, params\["W1"\], params\["b2"\]: only a multiple'):
        blank.check_arrays_move_downhill(make_evidence(trace=trace, trained_paths=[*moves]))


def test_of_arrays_that_do_not_learn_or_whose_steps_are_not_known_nothing_is_said():
    w = np.arange(3.0)
    for last, paths in ((w, []), (w + 1, ['["w"]']), (w + 1, ['["w"]', '["v"]'])):
        trace = make_trace(first_params={"w": w, "v": w}, params={"w": last, "v": w})
        blank.check_arrays_move_downhill(make_evidence(trace=trace, trained_paths=paths))


def test_an_array_that_has_moved_only_after_a_recorded_call_has_moved():
    w = np.arange(3.0)
    trace = make_trace(first_params={"w": w}, params={"w": w})
    for after, words in ((w, "all arrays stay the same"), (w + 1, "it returns the arrays from the first call")):
        trace.snapshots[0].arrays_after = {'["w"]': after}
        with pytest.raises(Wrong, match=words):
            blank.check_arrays_move_downhill(make_evidence(trace=trace, trained_paths=['["w"]']))


def test_weights_that_were_not_drawn_are_no_sign_that_rng_is_ignored():
    """Those of a table, or of a mixture, may begin as anything that a learner likes."""
    drawn = np.random.default_rng(0).normal(size=30)
    for w, is_right in (
        (np.tile([1.0, 0.0, -1.0], (12, 1)), True), (np.tile(np.arange(12.0), 3), True), (np.arange(9.0), True),
        (drawn, False),
    ):  # fmt: skip
        trace = make_trace(first_params={"w": w}, always_zero={'["w"]': w == 0})
        with nullcontext() if is_right else pytest.raises(Wrong, match="gave the same first"):
            blank.check_start_depends_on_rng(trace, trace)
        blank.check_start_depends_on_rng(trace, make_trace())  # the other one never came to its first step


def test_a_search_along_a_line_is_ended_where_gradients_are_turned_round():
    """It would never find a lower loss."""
    examples = np.zeros((5, 784), np.uint8), np.zeros(5, int)

    def train(images, labels, rng):
        params = {"w": np.ones(3)}
        w = module.gradients(params, images, labels)["w"] + module.gradients(params, images, labels)["w"]
        while module.loss({"w": params["w"] - w}, images, labels) >= 3:
            w = w / 2
        return {"w": params["w"] - w}, 0.5

    module = make_file(
        gradients=lambda params, images, labels: {"w": 0.1 * params["w"]},
        loss=lambda params, images, labels: params["w"] @ params["w"],
        train=train,
    )
    for turned in (False, True):
        trace = own.ReaderCalls(module).train(
            examples, 0, max_calls=9, watched_names=("gradients", "loss"), negates_gradients=turned
        )
        assert (trace.params is None) == turned


def test_a_training_is_ended_after_so_many_gradients():
    examples, ran = (np.zeros((5, 784), np.uint8), np.zeros(5, int)), []

    def gradients(params, images, labels):
        ran.append(len(images))
        return {"w": params["w"]}

    def train(images, labels, rng):
        for _ in range(9):
            gradients({"w": np.ones(3)}, images, labels)

    module = make_file(gradients=gradients, train=train)
    for most in (0, 1, 4):
        trace = own.ReaderCalls(module).train(examples, 0, max_calls=most)
        assert trace.params is None and ran.count(5) == most
        ran.clear()


def test_what_a_training_prints_is_shown_and_not_shown_again_where_it_is_repeated(capsys):
    examples = np.zeros((5, 784), np.uint8), np.zeros(5, int)
    module = make_file(gradients=lambda *_: {}, train=lambda *_: print("a line") or ({}, 0.5))
    for first, said in ((lambda *_: None, "a line\n"), (None, "")):
        own.ReaderCalls(module).train(examples, 0, on_first_call=first)
        assert capsys.readouterr().out == said


def test_batches_that_come_in_the_order_of_the_images_are_told_from_others():
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (20, 784), np.uint8), np.zeros(20, int)
    for order, is_in_order in ((np.arange(20), True), (np.arange(20)[::-1], False), (rng.permutation(20), False)):
        trace = watched.Trace((images, labels), None, np.inf, lambda calls: None)
        for batch in np.split(order, 4):
            trace.record_call({}, [images[batch], labels[batch]])
        assert trace.is_in_order == is_in_order and trace.was_used.all()


def test_weights_whose_gradient_is_0_tell_a_decay():
    """Shrunk to less than 0.3 of what they were, on either side of 0."""
    w, zero = np.arange(1.0, 41), np.arange(40) < 20
    calls = make_file(loss=lambda *_: 2.0, compute_losses=lambda *_: np.full((5, 10), np.log(10)))
    for share, rest, is_decay in (
        (0.1, 0, True), (-0.1, 0, True), (0.5, 0, False), (-2.0, 0, False), (0.1, 1.8, True), (0.1, 2.2, False),
    ):  # fmt: skip
        after = np.where(zero, share * w + rest * np.tile([0, 1, 0, -1], 10), w)
        trace = make_trace(first_params={"w": w}, always_zero={'["w"]': zero})
        diagnostics = own.Diagnostics(
            make_evidence(calls, trace=trace, params={"w": after}), (w,), {"result": ""}, 1, 1
        )
        diagnostics.make_error = lambda mark, share, **_: (mark, share)
        mark, said = own.diagnose_weight_decay(diagnostics) or (None, None)
        assert mark == ("decay too strong" if is_decay else None), (share, rest)
        assert not is_decay or rest or said == pytest.approx(abs(share))
        for others in ({}, {'["w"]': after[1:]}):  # it is gone, or has another shape
            diagnostics.last_arrays = others
            assert own.diagnose_weight_decay(diagnostics) is None
        trace.always_zero['["w"]'], diagnostics.last_arrays = w > 0, {'["w"]': 0.1 * w}  # no entry has a gradient
        assert own.diagnose_weight_decay(diagnostics) is None


def test_a_claim_that_was_measured_on_other_images_too_is_no_claim_of_the_training():
    train = Mock(side_effect=ValueError)  # with random labels: nothing is known of it
    calls = make_file(loss=lambda *_: 0.3, train=train)
    for known, is_right in (((90, 0), True), ((80, 90), False)):
        reads = [(0.95, 100, n) for n in known]
        trace = make_trace(first_params={}, claim=0.95 + 1e-12, seconds=1, n_calls=9, read_results=reads)
        found = make_evidence(calls, trace=trace, params={}, examples=EXAMPLES, held_out=EXAMPLES[0], accuracy=0.95)
        found.held_out_labels = EXAMPLES[1]
        with nullcontext() if is_right else pytest.raises(Wrong, match="90 of these were also passed"):
            own.check_claim(found)


# --- A right network, but for one thing -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """The `Evidence` on a network that has learned from 600 images, before it is asked what it reads."""
    (path := tmp_path_factory.mktemp("own") / "own_network.py").write_text(own_programs.BASE)
    found = blank.Evidence(own.ReaderCalls(load_learner_module(path)), 0, lambda text: None)
    own.add_data(found)
    found.examples = tuple(a[:600] for a in found.examples)
    found.held_out, found.held_out_labels = found.held_out[:20], found.held_out_labels[:20]
    blank.check_training(found, lambda *_: None, watched_names=("gradients", "read"))
    blank.check_gradients_during_training(found)
    own.check_reads_least_loss(found)
    return found


def but(found, read=None, loss=None, gradients=None, **others):
    """That, but with functions that are made of the file, and with other values."""
    found, module = copy.copy(found), found.calls.module
    functions = {"read": read, "loss": loss, "gradients": gradients}
    made = {name: make(module) for name, make in functions.items() if make}
    vars(found).update(others, calls=own.ReaderCalls(module, **made))
    found.predictions = found.calls.read(found.params, found.held_out) if read else found.predictions
    return found


def curve_of(found, at=(0, 0.5, 1, 1, 1, 1), by=(1, 1, 1, 1, 1), first=None, last=None, loss=None, **seen):
    """The `Curve` of a training that was at such shares of its way from the first params to the last, and whose steps
    were so many times as long as they are on average. first, last: what is changed in an array on the way, at its end.
    """
    found, (one, two) = but(found, loss=loss), (found.trace.snapshots[0].params, found.params)
    path = [{k: a + t * (two[k] - a) for k, a in one.items()} for t in at]
    for params, changes in zip(path, [first or {}] * len(by) + [last or {}], strict=True):
        params |= {k: change(params[k]) for k, change in changes.items()}
    points = [watched.Snapshot(params, found.mini_batch) for params in path[:-1]]
    for point, times in zip(points, by, strict=True):
        point.arrays_after = {f'["{k}"]': point.params[k] + times * (two[k] - a) / 60 for k, a in one.items()}
    found.trace, found.params = copy.copy(found.trace), path[-1]
    vars(found.trace).update({"snapshots": points, "was_used": np.ones(600, bool)} | seen)
    return own.Diagnostics(found, found.mini_batch, {"result": "It reads few."}, max_loss_ratio=0.3, flat_ratio=0.95)


def softmax_of_a_softmax(file):
    """A `loss`."""
    return lambda params, x, y: (
        -np.log(file.softmax(file.softmax(file.forward(params, x)[-1]))[range(len(y)), y]).mean()
    )


def clipped_loss_of_large_pixels(file):
    """A `loss` that is at most 28, and near it even where the pixels are 255 times too large."""
    return lambda params, x, y: (
        -np.log(1e-12 + file.softmax(file.forward(params, x * 255.0**2)[-1])[range(len(y)), y]).mean()
    )


STAYS, NONE = {"at": [0] * 6}, [0] * 5
CAUSES = [
    ("The marker sees no mistake", {}),
    ("900 had the label of a different", {"n_mislabelled": 900, "n_known_examples": 2900}),
    ("The marker sees no mistake", {"n_mislabelled": 800, "n_known_examples": 2900}),
    ("does not pass pixels", {"n_scaled_batches": 1}),
    ('All units of params["W1"] still have', {"last": {"W1": lambda W: 0 * W - 0.1}}),
    ('All units of params["W2"] still have', {"last": {"W2": lambda W: 0 * W + W[:1]}}),
    ("with images.astype(float) instead", {"loss": lambda file: lambda p, x, y: file.loss(p, x + np.uint8(200), y)}),
    ('The gradient of params["W1"] is 0', {"always_zero": {'["W1"]': np.ones((784, 32), bool)}}),
    ('With params["b1"] of 0', {"first": {"b1": lambda b: b + 300}}),
    ('With params["b1"] of 0 it would be 2.', {"first": {"b1": lambda b: b[np.newaxis] + 300}}),  # of shape (1, 32)
    ("With images / 65025 it would be 2.", {"loss": clipped_loss_of_large_pixels}),
    ("With images / 255 it", {"loss": lambda file: lambda p, x, y: file.loss(p, x * 255.0, y)}),
    (
        'first loss is 1 ... With smaller params["W1"], params["W2"] it ... the largest is params["W1"], with a '
        "standard deviation of 1.5",
        {"first": {"W1": lambda W: 30 * W}},
    ),
    (
        "With smaller params",  # with images / 255, too, but then the sums of such weights would still be large
        {"loss": lambda file: lambda p, x, y: file.loss(p, x * 255.0, y), "first": {"W1": lambda W: 4 * W}},
    ),
    (
        "20 of the loss of 2",  # and what is rounded otherwise in floats has not wrapped round
        {"loss": lambda file: lambda p, x, y: file.loss(p, x, y) + 20 + 0.02 * (x.dtype == np.uint8)},
    ),
    ("first loss is inf; ... With smaller params ... it would be 2.", {"first": {"W1": lambda W: 1000 * W}}),
    ("Which params does it return", {"at": (0, 0.5, 1, 1, 1, -0.1)}),
    ("Which params does it return", {"at": (0, 0.3, 0.3, 0.3, 0.3, -1)}),  # it had learned something
    ("It fell to 2. ... and then rose again", {"at": (0, 0, 0, 0, 0, -3), "by": NONE}),  # it had learned nothing
    ("It fell to 0. ... and then rose again", {"at": (0, 0.5, 1, 1, 1, 0.2), "by": NONE}),  # and still knows something
    ("The marker sees no mistake", {"first": {"W1": lambda W: 1e-9 * W}}),
    ("The marker sees no mistake", STAYS | {"by": NONE} | {k: {"W2": lambda W: 0.1 * W} for k in ("first", "last")}),
    ('the largest is params["W2"]', {"first": {"W2": lambda W: 100 * W}}),
    ("1 of the loss of 1. ... is the same", {"loss": lambda file: lambda p, x, y: file.loss(p, x, y) + 1}),
    # What differs from image to image is no decay.
    ("Each of 5 inspected steps", {"loss": lambda file: lambda p, x, y: file.loss(p, x, y) + x.mean() / 20}),
    ("are 40 times as long as the first", {"by": (1, 1, 1, 1, 40)}),
    (
        'At first, the standard deviation of params["W1"] is 5',
        STAYS | {k: {"W1": lambda W: 1e-9 * W} for k in ("first", "last")},
    ),
    (
        'At first, the standard deviation of params["W1"], params["W2"] is 5',
        STAYS | {k: {"W1": lambda W: 1e-9 * W, "W2": lambda W: 1e-7 * W} for k in ("first", "last")},
    ),
    ("5 of 5 inspected steps went too far", STAYS | {"by": [1000] * 5}),
    ('training, params["b1"]: inf or nan', STAYS | {"last": {"b1": lambda b: np.where(np.arange(32) < 9, np.nan, b)}}),
    ("only 150 of its 600 images", {"was_used": np.arange(600) < 150}),
    ("The marker sees no mistake", {"was_used": np.arange(600) < 250}),
    ("It fell to 0. ... and then rose again", {"at": (0, 0.5, 1, 0.5, -0.1, -0.1), "by": NONE}),
    ("Each of 5 inspected steps ... ten times as long", STAYS | {"by": [0.01] * 5}),
    (
        "differ by at most ... how many times do you apply softmax",
        {"loss": softmax_of_a_softmax, "by": NONE},
    ),
    ("It is still falling at the end", {"at": (0, 0.1, 0.2, 0.3, 0.4, 0.6)}),
    ("2 of 5 inspected steps went too far", STAYS | {"by": (1000, 1000, 1, 1, 1)}),
    ("2 of 2 inspected steps went too far", STAYS | {"by": (0, 1000, 1000, 0, 0)}),  # and 3 moved nothing
    # Here 0.3 are the same for all labels, but that is little of such a loss.
    (
        "still falling",
        {"at": (0, 0, 0, 0, 0, 0.2), "by": NONE, "loss": lambda file: lambda p, x, y: file.loss(p, x, y) + 0.3},
    ),
    ("The marker sees no mistake", {"by": (0, 1, 1, 1, 1)}),
    ("The marker sees no mistake", {k: {"b1": lambda b: b[np.newaxis]} for k in ("first", "last")}),  # of shape (1, 32)
]


@np.errstate(all="ignore")  # as the marker has it
@pytest.mark.parametrize(("words", "how"), CAUSES, ids=[words for words, _ in CAUSES])
def test_why_it_reads_so_few_is_seen_in_its_training(words, how, learned):
    curve = curve_of(learned, **how)
    cause = str(next(own.iter_cause_errors(curve))).replace("\n", " ")
    assert all(part in cause for part in words.split(" ... ")), cause
    *_, before, end = curve.losses
    change = f"call of `gradients`, the loss was {before:.3g}; with the params that `train` returns, it is {end:.3g}."
    assert (change in cause) == (words == "Which params does it return"), (curve.losses, cause)


def without_b2(params):
    return params | {"b2": 0 * params["b2"]}


def added(n):
    """{read, loss: made of the file, with n added to each pixel}"""
    read = {"read": lambda file: lambda params, x: file.read(params, x + n)}
    return read | {"loss": lambda file: lambda params, x, y: file.loss(params, x + n, y)}


def without_images(file):
    """A `loss` of the biases alone."""
    return lambda params, x, y: file.loss(params, 0 * x, y)


def linear(*names):
    """A `loss` of a network that multiplies the pixels by these arrays, and does nothing else."""

    def loss(params, x, y):
        logits = reduce(np.matmul, [params[name] for name in names], x / 255)
        return (np.logaddexp.reduce(logits, axis=1) - logits[range(len(y)), y]).mean()

    return lambda file: loss


def read_otherwise_in_floats(n):
    """A `read` that returns the next digit for the first n images, if their pixels are no whole numbers."""
    return lambda file: lambda params, x: (file.read(params, x) + (x.dtype.kind == "f") * (np.arange(len(x)) < n)) % 10


ROWS = np.arange(7840.0).reshape(784, 10)
DIFFERENT = [
    (own.check_reads_least_loss, "", {}),
    (own.check_reads_least_loss, "the digit before it", {"read": lambda file: lambda p, x: (file.read(p, x) - 1) % 10}),
    (own.check_reads_least_loss, "the digit after it", {"read": lambda file: lambda p, x: (file.read(p, x) + 1) % 10}),
    (own.check_reads_least_loss, "the one with the largest",
     {"read": lambda file: lambda p, x: file.forward(p, x)[-1].argmin(axis=1)}),
    (own.check_reads_least_loss, "agree with `loss` for 255 - images",
     {"read": lambda file: lambda p, x: file.read(p, 255 - x)}),
    (own.check_reads_least_loss, "agree with `loss` for images / 255",
     {"read": lambda file: lambda p, x: file.read(p, x / 255)}),
    (own.check_reads_least_loss, 'if params["b2"] were 0',
     {"read": lambda file: lambda p, x: file.read(without_b2(p), x),
      "loss": lambda file: lambda p, x, y: file.loss(p | {"b2": 1000 * p["b2"]}, x, y)}),
    (own.check_reads_least_loss, "returns 3 for every image", {"read": lambda file: lambda p, x: 0 * x[:, 0] + 3}),
    (own.check_reads_least_loss, "loss`. What do the two", {"read": lambda file: lambda p, x: 9 - file.read(p, x)}),
    (own.check_reads_independently, "", {}),
    (own.check_pixels_do_not_overflow, "", {}),
    (own.check_pixels_do_not_overflow, "", {"read": lambda file: lambda p, x: 0 * x[:, 0] + 3}),
    (own.check_pixels_do_not_overflow, "",  # what is white is of interest, and what is grey, too
     {"read": lambda file: lambda p, x: (file.read(p, x) + 3 * (x != 255).all(axis=1)) % 10}),
    (own.check_pixels_do_not_overflow, "between pixels of 205 and 206", added(np.uint8(50))),
    (own.check_pixels_do_not_overflow, "every pixel below 255 is set to 0",
     {"read": lambda file: lambda p, x: file.read(p, (x == 255) * 2550)}),
    (own.check_pixels_do_not_overflow, "returns a different digit for 7 of 20; and between pixels of 205 and 206",
     {"read": read_otherwise_in_floats(7), "loss": added(np.uint8(50))["loss"]}),
    (own.check_pixels_do_not_overflow, "", {"loss": added(np.uint8(50))["loss"]}),
    (own.check_pixels_do_not_overflow, "", {"read": read_otherwise_in_floats(7)}),
    (own.check_pixels_do_not_overflow, "",
     {"loss": added(np.uint8(50))["loss"], "read": lambda file: lambda p, x: file.read(p, x & 255)}),
    (own.check_hidden_layer, "", {"loss": linear("W1", "W2"), "uses_batch_mean": True}),
    (own.check_hidden_layer, "", {}),
    (own.check_hidden_layer, "It has no hidden layer",
     {"loss": linear("W1"), "params": {"W1": ROWS, "b": np.zeros(10), "c": np.zeros((1, 10))}}),
    (own.check_hidden_layer, "What is between the layers", {"loss": linear("W1", "W2")}),
    (own.check_hidden_layer_trained, "", {}),
    (own.check_hidden_layer_trained, 'Only params["W2"], params["b2"] learn', {"trained_paths": ['["W2"]', '["b2"]']}),
    (own.check_hidden_layer_trained, "", {"trained_paths": ['["W2"]', '["b2"]'], "uses_batch_mean": True}),
    (own.check_hidden_layer_trained, "", {"trained_paths": ['["W2"]', '["b2"]'], "loss": without_images}),
]  # fmt: skip


def check_first_gradients(found):
    """As at the first call of `gradients`."""
    found.seed = 0
    with patch("time.process_time", return_value=0.0):  # of a slow one fewer images are taken
        own.check_derivatives(found, found.calls, found.trace.snapshots[0].params, [found.mini_batch])


def more(change):
    """Return `gradients`, made of a file: change(what is right, params, images) is added to those of b2."""

    def make(file):
        def gradients(params, images, labels):
            right = file.gradients(params, images, labels)
            return right | {"b2": right["b2"] + change(right["b2"], params, images)}

        return gradients

    return {"gradients": make}


def has_begun(params):
    """Whether the training has gone on: at first the biases are 0."""
    return abs(params["b2"]).max() > 0.02


def write_into(array):
    """Return a function of a `loss` or a `read` that writes into one of its arrays: "b2", "images", "labels"."""

    def write(function):
        def called(params, images, *labels):
            {"b2": params["b2"], "images": images, "labels": labels and labels[0]}[array][:1] += 1
            return function(params, images, *labels)

        return called

    return write


GRADIENTS = [
    (check_first_gradients, "", {}),
    (check_first_gradients, "", {"loss": lambda file: lambda p, x, y: file.loss(p, x, y) - 9}),  # a loss below 0
    (check_first_gradients, "`loss` is the same, whatever the labels are",
     {"loss": lambda file: lambda p, x, y: file.loss(p, x, 0 * y)}),
    (check_first_gradients, "For one image alone, `loss` is the same, whatever the label is",
     {"loss": lambda file: lambda p, x, y: -np.log(file.softmax(file.forward(p, x)[-1].T).T[range(len(y)), y]).mean()}),
    (check_first_gradients, "Two calls of `gradients` with the same params and the same images give different",
     more(lambda right, params, images: 0.01 * CHANCE.normal(size=10))),
    (check_first_gradients, "For 257 images, `loss` is",
     {"loss": lambda file: lambda p, x, y: file.loss(p, x[:200], y[:200]) if len(x) == 257 else file.loss(p, x, y)}),
    (check_first_gradients, "For 257 images, `loss` is",  # whether it is larger or smaller in another order
     {"loss": lambda file: lambda p, x, y: 9 - file.loss(p, x[:200], y[:200]) if len(x) > 200 else file.loss(p, x, y)}),
    (check_first_gradients, 'with respect to params["b2"]. With 257 images,',
     more(lambda right, params, images: (len(images) > 200) * 0.3)),
    (check_first_gradients,
     'With 13 images, `gradients` is 2 times the derivative of your `loss` with respect to params["b2"]',
     more(lambda right, params, images: right)),
    (check_first_gradients, "`gradients` is 0.1 times the derivative ... Is there also a mean over the ten scores?",
     {"gradients": lambda file: lambda p, x, y: {k: g / 10 for k, g in file.gradients(p, x, y).items()}}),
    (check_first_gradients, '`loss` changes params["b2"] in place',
     {"loss": lambda file: write_into("b2")(file.loss)}),
    (check_first_gradients, "`loss` changes images in place", {"loss": lambda file: write_into("images")(file.loss)}),
    (check_first_gradients, "`loss` changes labels in place", {"loss": lambda file: write_into("labels")(file.loss)}),
    (check_first_gradients, "`gradients` changes images in place",
     {"gradients": lambda file: write_into("images")(file.gradients)}),
    (check_first_gradients, "or something left over from an earlier call",
     {"loss": lambda file: lambda p, x, y: LEFT.update(params=p) or file.loss(p, x, y),
      "gradients": lambda file: lambda p, x, y: file.gradients(LEFT["params"], x, y)}),
    (check_first_gradients, "",
     {"gradients": lambda file: lambda p, x, y: file.gradients(p, x, y) | {"b1": None}}),
    (check_first_gradients, 'The gradient of params["b2"] contains inf or nan',
     more(lambda right, params, images: np.nan * right)),
    (check_first_gradients, '`gradients` changes params["b2"]',
     {"gradients": lambda file: write_into("b2")(file.gradients)}),
    (own.check_reads_least_loss, "`read` changes images in place",
     {"read": lambda file: write_into("images")(file.read)}),
    (blank.check_gradients_during_training, "", {}),
    (blank.check_gradients_during_training,
     "(This is after a third of the training. In its first step, they were right.)",
     more(lambda right, params, images: has_begun(params) * right)),
    (blank.check_gradients_during_training,
     "(This is at the end of the training. In its first step, they were right.)",
     more(lambda right, params, images: (abs(params["b2"]).max() > 0.9 * LAST["b2"]) * right)),
]  # fmt: skip
DIFFERENT += GRADIENTS
CHANCE, LAST, LEFT = np.random.default_rng(1), {}, {}


@np.errstate(all="ignore")
@pytest.mark.parametrize(
    ("consequence", "words", "how"), DIFFERENT, ids=[f"{f.__name__} {w} {' '.join(how)}" for f, w, how in DIFFERENT]
)
def test_what_a_network_does_otherwise_is_said(consequence, words, how, learned):
    LAST["b2"] = abs(learned.params["b2"]).max()
    pattern = ".*".join(map(re.escape, words.split(" ... ")))
    with pytest.raises(Wrong, match=pattern) if words else nullcontext():
        consequence(but(learned, **how))


def test_arrays_that_are_gone_at_the_end_or_have_another_shape_are_not_among_those_that_learn(learned):
    paths = [f'["{name}"]' for name in ("b1", "W2", "b2", "gone")]
    found = but(learned, trained_paths=paths, params=learned.params | {"b1": learned.params["b1"][np.newaxis]})
    first = learned.trace.snapshots[0].params | {"gone": np.ones(3)}
    found.trace = make_trace(snapshots=[watched.Snapshot(first, found.mini_batch)])
    with pytest.raises(Wrong, match=r'^Only params\["W2"\], params\["b2"\] learn'):
        own.check_hidden_layer_trained(found)


def test_where_nothing_jumps_or_a_jump_is_meant_no_pixel_wraps_round(learned):
    """Whatever `read` says of images.astype(float)."""
    for loss in (
        lambda file: lambda params, x, y: file.loss(params, 255.0 * (x > 205), y),  # the same for all types of pixels
        lambda file: lambda params, x, y: file.loss(params, x if x.dtype == np.uint8 else 0 * x, y),
    ):
        own.check_pixels_do_not_overflow(but(learned, read=read_otherwise_in_floats(7), loss=loss))


REMARKS = [
    ("", {}),
    (
        'depends on params["b1"], params["b2"], but `gradients` returns None there. Should these arrays never change? '
        '`train` changes params["W2"], on which',
        {"trained_paths": ['["W1"]']},
    ),
    ('`train` changes params["b1"], params["W2"], params["b2"], on which the loss', {"trained_paths": ['["W1"]']}),
    ("For 2 of 20 images, `read` does not return the label with the smallest `loss`", {"wrong": 2}),
    ("", {"close": 20}),
    ("", {"wrong": 2, "uses_batch_mean": True}),
    ("For 3 of 20 images, several digits have exactly the same loss", {"ties": 3}),
    ("", {"ties": 1}),
    ("", {"ties": 20, "of": 3}),
]


@pytest.mark.parametrize(("words", "how"), REMARKS)
def test_what_is_no_mistake_is_remarked_on(words, how, learned):
    how = dict(how)
    # A number is no array, and an array on which the loss does not depend may be anything.
    found = but(
        learned, remarks=[], params=learned.params | {"n": 2.0, "unused": np.ones(3)},
        loss=lambda file: lambda params, x, y: file.loss(params, x, y) * params["n"],
    )  # fmt: skip
    n = len(found.loss_table)
    found.predictions, found.loss_table = found.predictions.copy(), found.loss_table.copy()
    found.predictions[: how.pop("wrong", 0)] += 1
    found.predictions %= 10
    found.uses_batch_mean = how.pop("uses_batch_mean", False)
    close = how.pop("close", 0)  # of so many images, rounding makes the loss of another digit a little smaller
    found.loss_table[:close, 0] = found.loss_table[:close].min(axis=1) - 1e-5
    rank = found.loss_table.argsort(axis=1).argsort(axis=1)
    tied = np.minimum(rank, 10 - how.pop("of", 4))  # the largest losses are those of scores that a ReLU has made 0
    n_ties = how.pop("ties", 0)
    found.loss_table[:n_ties] = tied[:n_ties]
    found.trained_paths = how.pop("trained_paths", found.trained_paths)
    if "never change" in words:
        found.trace = copy.copy(found.trace)
        found.trace.snapshots = [watched.Snapshot(found.params | {"W2": found.params["W2"] + 1}, found.mini_batch)]
        found.params = found.params | {"b2": found.trace.snapshots[0].params["b2"]}
    own.add_loss_remarks(found)
    texts = " ".join(found.remarks)
    assert words.replace("of 20", f"of {n}") in texts and bool(words) == bool(texts), texts


def test_of_a_hundred_images_ten_may_be_read_otherwise_alone_or_in_a_new_run(monkeypatch):
    images = np.zeros((120, 784), np.uint8)
    images[:, 0] = np.arange(120)
    predictions = np.arange(120) % 10
    for n, is_right in ((10, True), (11, False), (100, False)):

        def read(params, images, n=n):
            return (images[:, 0] + (len(images) == 1) * (images[:, 0] < n)) % 10

        found = make_evidence(
            own.ReaderCalls(make_file(read=read)), params={}, held_out=images, predictions=predictions
        )
        with (
            nullcontext()
            if is_right
            else pytest.raises(Wrong, match=f"For {n} of 100 images, `read` returns a different digit if")
        ):
            own.check_reads_independently(found)
        monkeypatch.setattr(
            blank, "call_with_restored_params", lambda found, name, x, n=n: (x[:, 0] + (x[:, 0] < n)) % 10
        )
        with (
            nullcontext()
            if is_right
            else pytest.raises(Wrong, match=f"`read` returns a different digit for {n} of 100 images")
        ):
            own.check_reads_in_fresh_module(found)


def test_of_a_hundred_images_three_may_be_read_otherwise_than_the_loss_says():
    """Where the mean of the batch counts, four of forty: there a loss is asked for with all hundred images."""
    images = np.arange(100, dtype=np.uint8)[:, np.newaxis]  # of 0 to 8
    for uses_batch_mean, n, words in (
        (False, 3, ""), (False, 4, "For 4 of 100 images"), (True, 4, ""), (True, 5, "For 5 of 40 images"),
    ):  # fmt: skip

        def loss(params, x, y, uses_batch_mean=uses_batch_mean):
            assert len(x) in (1, 100)
            return 2.3 if uses_batch_mean and len(x) == 1 else 1 + (y != x[:, 0] % 9).mean()

        def read(params, x, n=n):
            return (x[:, 0] + 3 * (x[:, 0] < n)) % 9

        labels = np.arange(100) % 9
        found = make_evidence(own.ReaderCalls(make_file(loss=loss, read=read)), params={}, held_out=images)
        found.held_out_labels = labels
        with (
            patch("time.process_time", return_value=0.0),  # of a slow one fewer images are taken
            pytest.raises(Wrong, match=words) if words else nullcontext(),
        ):
            own.check_reads_least_loss(found)
        assert found.accuracy == 1 - n / 100 and found.uses_batch_mean == uses_batch_mean
        assert np.array_equal(found.loss_table.argmin(axis=1), labels[: 40 if uses_batch_mean else 100])


def test_in_a_new_run_a_file_has_its_params_and_nothing_else(tmp_path, capsys):
    path = tmp_path / "own_network.py"
    for line, words in {
        "params['w'] @ images.T": None,
        "OFFSET + images": "In a new run of the file, `read` fails: there is no `OFFSET` here. It may use",
        "print(1) or 1 / 0": "`read` fails: 1 / 0|`read` fails: .*division by zero.*",
    }.items():
        path.write_text(
            f"print('a line')\n\n\ndef read(params, images):\n    return 0 * ({line})[..., :9]\n", encoding="utf-8"
        )
        found = make_evidence(
            own.ReaderCalls(load_learner_module(path)), content=nests.pack_into_bytes({"w": np.ones(784)})
        )
        with pytest.raises(Wrong, match=words) if words else nullcontext():
            assert not blank.call_with_restored_params(found, "read", np.zeros((9, 784), np.uint8)).any()
        assert "1" not in capsys.readouterr().out  # which the call prints
    path.write_text("def loss(params, images):\n    return OFFSET\n")
    with pytest.raises(Wrong, match="`loss` fails: there is no `OFFSET` here"):
        blank.call_with_restored_params(found, "loss", np.zeros((9, 784), np.uint8))


def test_the_first_batch_of_a_training_is_looked_at_beside_that_of_the_check():
    """A factor that is the size of a batch shows then."""
    mini = EXAMPLES[0][:2], EXAMPLES[1][:2]
    for images, labels, sizes in (
        (*EXAMPLES, [5]), (*mini, []), (EXAMPLES[0][0], EXAMPLES[1][:1], []), (EXAMPLES[0], EXAMPLES[1][:3], []),
        (EXAMPLES[0][:0], EXAMPLES[1][:0], []), (EXAMPLES[0].reshape(-1, 28, 28), EXAMPLES[1], []),
    ):  # fmt: skip
        seen = []
        file = make_file(loss=lambda *_: 1.0, gradients=lambda params, *_: params)
        file.train = lambda x, y, rng, f=file, i=images, k=labels: (f.gradients({"w": np.ones(3)}, i, k), 0.5)
        found = make_evidence(own.ReaderCalls(file), examples=EXAMPLES, mini_batch=mini)
        blank.check_training(found, lambda found, calls, params, batches, seen=seen: seen.append(batches))
        assert [[len(batch[0]) for batch in batches] for batches in seen] == [[2, *sizes]]


# accuracy, what is claimed, the loss, the share of each call of `read` in training; what a training claims that learns
# random labels, and the share of them that it then reads right; and what is said.
CLAIMS = [
    (0.93, 0.93, 1.0, [0.93], 0.1, 0, ""),  # of some losses
    (0.93, 0.91, 0.3, [0.91], 0.1, 0, ""),
    (0.93, 0.93, 0.3, [], 0.29, 0, ""),
    (0.93, 0.93, 0.3, [], 0.31, 0, "You still claim 0.31"),
    (0.93, 0.28, 0.3, [], 0.1, 0, "close to your `loss`, 0.300"),
    (0.93, 0.07, 0.3, [], 0.1, 0, "The two add up to 1"),
    (0.93, 0.13, 0.3, [0.9, 0.87], 0.1, 0, "The two add up to 1"),
    (0.93, 0.93, 0.3, [], 0.9, 0.25, "You still claim 0.90"),
    (0.93, 0.93, 0.3, [], 0.9, 1, "With random labels, where there is nothing to learn, you claim 0.90"),
    (0.93, 0.97, 0.3, [], 0.1, 0, "on the images that `gradients` was given, 0.250"),
    (0.93, 0.89, 0.3, [], 0.1, 0, "but it is better"),
    (0.93, 0.01, 0.3, [], 0.1, 0, "You claim 0.010, but it is better"),
]


@pytest.mark.parametrize(("accuracy", "claim", "loss", "shares", "chance", "learned", "words"), CLAIMS)
def test_a_claim_is_the_measured_share_that_is_read_right(accuracy, claim, loss, shares, chance, learned, words):
    images, labels = np.zeros((4, 784), np.uint8), np.arange(4)

    def train(examples, seed, *_, **__):
        if seed == [0, 2]:  # with random labels
            return make_trace(params=np.where(np.arange(4) < 4 * learned, examples[1], -1), claim=chance)
        return make_trace(params=np.zeros(4), claim=claim)

    trace = make_trace((images, labels), {}, claim=claim, seconds=1, n_calls=9, was_used=np.ones(4, bool))
    trace.read_results = [(share, 100, 0) for share in shares]
    calls = make_file(train=train, read=lambda params, images: params)

    def held_out_loss(params, x, y):
        assert params is found.params and x.shape == (4, 784) and y.tolist() == [0, 1, 2, 3]
        return loss

    calls.loss = held_out_loss
    found = make_evidence(calls, trace=trace, params=np.zeros(4), examples=(images, labels), held_out=images)
    vars(found).update(held_out_labels=labels, accuracy=accuracy)
    with pytest.raises(Wrong, match=re.escape(words)) if words else nullcontext():
        own.check_claim(found)


RETURNS = [
    ("read", np.eye(3, 10), "ten scores for each image"),
    ("read", np.eye(10, 3), "ten scores for each image"),
    ("read", np.int64(3), "a single number. Is that a single digit for all images together?"),
    ("read", ["3", "x", "4"], "it returns of type list."),
    ("read", {"digit": 3}, "it returns of type dict."),
    ("read", [3, 2.5, 4], "it returns for example 2.5. Is that a score"),
    ("read", [3, -1, 4], "it returns for example -1."),
    ("read", [2.5, 4, 1.5], "it returns for example 2.5. Is that a score"),
    ("read", [12, 4, -3], "it returns for example 12. Is that a score"),
    ("read", [0, 10, 4], "it returns for example 10. Is that a score"),
    ("read", [1, 10, 4], "No image is classified as 0."),
    ("read", [1, 10, 2.5], "it returns for example 10. Is that a score"),
    ("read", None, "`read` returns None"),
    ("train", ({}, np.array([0.5])), "it is an array of shape (1,)."),
    ("train", ({}, True), "it is of type bool."),
    ("train", ({}, 93.5), "Is it in percent?"),
    ("train", ({}, -0.5), "should be a number from 0 to 1; it is -0.5."),
    ("train", ({}, 1.04), "That is close to your `loss`, 1.000."),
    ("train", ({}, "0.5"), "it is of type str."),
    ("train", ({}, 1.3), "should be a number from 0 to 1; it is 1.3."),
    ("train", ({}, 100), "Is it in percent?"),
    ("train", ({}, 250.0), "should be a number from 0 to 1; it is 250."),
    ("train", ({}, np.nan), "should be a number from 0 to 1; it is nan."),
    ("train", ({}, 0.5, 1), "your `train` returns 3."),
    ("train", {}, "your `train` returns one, of type dict."),
    ("train", ..., "`train` returns None. Does it end with a `return`"),
]


@pytest.mark.parametrize(("name", "returned", "words"), RETURNS)
def test_what_a_function_should_return_is_said(name, returned, words):
    def mean_label(params, images, labels):
        return labels.mean()  # 1 for all three images

    calls = own.ReaderCalls(make_file(loss=mean_label, **{name: lambda *_: returned}))
    images = np.zeros((3, 784), np.uint8)
    with pytest.raises(Wrong, match=re.escape(words)):
        calls.read({}, images) if name == "read" else calls.train((images, np.arange(3)), 0, watched_names=())


def test_that_read_returns_none_for_one_image_alone_is_said():
    """Whether for each image that is alone, or for one that is blank; of many it returns the digits."""
    images = np.full((3, 784), 255, np.uint8)
    images[1] = 0
    for nothing, is_read in (
        (None, lambda batch: len(batch) > 1),
        (None, lambda batch: batch.any()),
        (..., lambda batch: len(batch) > 1),
    ):

        def read(params, batch, nothing=nothing, is_read=is_read):
            return np.full(len(batch), 7) if is_read(batch) else nothing

        calls = own.ReaderCalls(make_file(read=read))
        assert calls.read({}, images).tolist() == [7, 7, 7]
        with pytest.raises(Wrong, match="`read` returns None"):
            calls.read_one_by_one({}, images)


def test_a_table_of_digits_is_no_single_digit():
    with pytest.raises(Wrong, match=r"of shape \(3,\); it returns the shape \(3, 2\)\. *$"):
        own.parse_digits(np.zeros((3, 2)), 3)


def test_an_accuracy_may_be_any_number_from_0_to_1():
    for results in (({}, 0), [{}, 1], ({}, 0.5), ({}, np.float32(0.5)), ({}, np.int64(1)), ({}, np.array(0.25))):
        calls = own.ReaderCalls(make_file(train=lambda *_, results=results: results))
        claim = calls.train(EXAMPLES, 0, watched_names=()).claim
        assert claim == results[1] and type(claim) is float


def test_of_few_images_that_were_tested_it_is_said_how_many():
    trace = make_trace((np.zeros((200, 784), np.uint8), np.zeros(200, int)))
    for n, words in ((0, None), (1, "with 1 image. "), (99, "with 99 images. "), (watched.MIN_TEST_IMAGES, None)):
        trace.was_tested = np.arange(200) < n
        said = [*trace.iter_remarks()]
        assert len(said) == bool(words) and all(words in remark for remark in said)


def test_images_are_known_again_as_whole_numbers_of_any_type():
    images, labels = np.arange(4 * 784).reshape(4, 784).astype(np.uint8), np.array([5, 6, 7, 8])
    trace = watched.Trace((images, labels), None, np.inf, lambda calls: None)
    for given, shown, others in ((images, 4, 0), (images[::-1] * 1.0, 8, 0), (images / 255, 8, 1)):
        trace.record_call({}, [given, labels])
        assert (trace.n_known_examples, trace.n_scaled_batches) == (shown, others)
    trace.record_call({}, [np.concatenate([images[:2], images[:1] + 1]), np.array([5, 9, 9])])  # one of them is moved
    assert trace.n_known_examples == 10 and trace.n_mislabelled == 4 + 1


def test_of_two_arrays_one_may_move_alone():
    trace = watched.Trace((np.zeros((5, 784), np.uint8), np.zeros(5, int)), None, np.inf, lambda calls: None)
    params = {"W": np.ones(12), "b": np.ones(12)}
    for name in ("W", "b", "W"):
        trace.gradient_sums = {k: np.arange(12.0) for k in ('["W"]', '["b"]')}
        trace.record_call(params, [*trace.examples])
        params = params | {name: params[name] - np.arange(12)}
    trace.finish(params)
    of_W, of_b = ([(move.length > 0, move.downhill) for move in moves] for moves in trace.moves.values())
    assert of_W == of_b[::-1] == [(True, 1), (False, 0)]


def test_a_loss_has_diverged_that_has_risen_by_three_tenths_of_its_way():
    assert blank.has_diverged([5, 1, 2.3]) and blank.has_diverged([5, 1, 6])
    assert not any(map(blank.has_diverged, ([5, 1, 2.1], [5, 4, 3], [5, 6, 4])))
    assert blank.format_losses([1.2345, 0.01]) == "1.23, 0.01"
    assert blank.format_losses([5, 6, 4.0]) == "5, 6, 4" and blank.format_losses([*range(26)]) == "0, 5, 10, 15, 20, 25"


def test_another_training_may_claim_a_little_more_or_less_than_it_reads():
    for accuracy, claim, is_right in (
        (0.93, 0.93, True), (0.81, 0.95, True), (0.81, 0.97, False), (0.93, 0.79, True), (0.93, 0.77, False),
        (0.79, 0.79, False),
    ):  # fmt: skip
        found = make_evidence(held_out=range(100), accuracy=accuracy, trace=make_trace(claim=claim))
        words = rf"each digit had a different label.* on 100 new images is {accuracy:.3f}; it claims {claim:.3f}\."
        with nullcontext() if is_right else pytest.raises(Wrong, match=words):
            own.check_retrained_accuracy(found)


def test_a_remark_on_the_training_stands_behind_those_on_the_loss():
    found = make_evidence(trace=make_trace(n_scaled_batches=1), remarks=["A remark."])
    own.add_training_remarks(found)
    first, second = found.remarks
    assert first == "A remark." and "does not pass pixels" in second


def test_an_accuracy_has_to_be_0_88(monkeypatch):
    monkeypatch.setattr(own, "make_accuracy_error", lambda found: Wrong("too low", "It reads few."))
    for accuracy, is_right in ((0.95, True), (0.88, True), (0.879, False)):
        with nullcontext() if is_right else pytest.raises(Wrong, match="It reads few"):
            own.check_accuracy(make_evidence(accuracy=accuracy))


def test_a_loss_that_is_inf_or_nan_in_the_end_is_named_unless_few_are_read_right(learned):
    """If few are, that is said, and why."""
    for loss in (np.nan, -np.inf, np.inf):
        infinite = {"loss": lambda file, loss=loss: lambda params, x, y: loss}
        with pytest.raises(Wrong, match=f"the `loss` of an image is {loss} for each label"):
            own.check_reads_least_loss(but(learned, **infinite, held_out_labels=learned.predictions))
    others = (learned.predictions + 1) % 10
    with (
        np.errstate(all="ignore"),
        pytest.raises(
            Wrong, match=r"^On 20 images that it has not learned from, its accuracy is 0\.000; at least 0\.88 is"
        ),
    ):
        own.check_reads_least_loss(but(learned, **infinite, held_out_labels=others))
    with pytest.raises(Wrong, match="is inf for each label"):
        own.check_reads_least_loss(but(learned, **infinite, held_out_labels=others, trace=make_trace()))


def test_why_few_are_read_right_is_seen_with_the_first_images_of_the_training(learned, monkeypatch):
    seen = []
    monkeypatch.setattr(own, "Diagnostics", lambda found, batch, values, **shares: seen.append((batch, values, shares)))
    monkeypatch.setattr(own, "iter_cause_errors", lambda diagnostics: iter([Wrong("a", "A cause."), 1]))
    assert str(own.make_accuracy_error(but(learned, accuracy=0.5))) == "A cause."
    (((images, labels), values, shares),) = seen
    assert all(np.array_equal(a[:300], b) for a, b in zip(learned.examples, (images, labels), strict=True))
    assert values["result"] == "On 20 digits that it has never seen, its accuracy is 0.500; 0.88 is needed."
    assert shares == {"max_loss_ratio": 0.3, "flat_ratio": 0.95}


def make_claim(claim, seconds, train, **values):
    """The `Evidence` on a training that took so long, with such a claim. Its network reads 9 of 10 digits right."""
    images, labels = np.zeros((10, 784), np.uint8), np.arange(10)
    images[:, 0] = labels
    calls = make_file(
        loss=lambda *_: 9.0, train=train, read=lambda params, x: np.maximum(x[:, 0], params.get("least", 1))
    )
    trace = make_trace((images, labels), {}, claim=claim, seconds=seconds, n_calls=7)
    found = make_evidence(calls, trace=trace, params={}, examples=(images, labels), held_out=images)
    vars(found).update(held_out_labels=labels, accuracy=0.9)
    vars(trace).update(values)
    return found


def test_a_claim_that_is_a_little_off_may_be_luck_and_trainings_are_repeated_within_24_seconds():
    """The mean counts. Each of them gets the same images in another order."""
    for claims, seconds, n_trainings, is_right in (  # the first network reads 0.9 of the digits, the others 0.8
        ([0.92], 1, 0, True), ([0.95, 0.76], 1, 1, True), ([0.85, 0.84], 1, 1, True), ([0.95, 0.8], 1, 1, True),
        ([0.95, 0.85, 0.85, 0.85], 1, 3, False), ([0.95, 0.85, 0.72], 1, 2, True), ([0.95, 0.85], 8, 1, False),
        ([0.95], 12, 0, False), ([0.95], 30, 0, False), ([0.77], 1, 0, False),
    ):  # fmt: skip
        orders, seeds, later = [(*range(10),)], set(), iter(claims[1:])

        def train(
            examples, seed, *, on_progress, activity, watched_names, orders=orders, seeds=seeds, later=later, **_
        ):
            on_progress(activity)
            assert watched_names == ("gradients", "read")
            if seed == [0, 2]:  # with random labels
                return make_trace(params={}, claim=0.1)
            images, labels = examples
            assert np.array_equal(images[:, 0], labels) and sorted(labels) == [*range(10)]
            orders.append((*labels,))
            seeds.add((*seed,))
            return make_trace(params={"least": 2}, claim=next(later))

        with nullcontext() if is_right else pytest.raises(Wrong, match="You claim"):
            found, told = make_claim(claims[0], seconds, train), []
            found.on_progress = told.append
            own.check_claim(found)
        again = ["It trains again: was the claim luck?"] * n_trainings
        assert told == ["It trains again, with random labels", *again]
        assert len(orders) == len({*orders}) == len(seeds) + 1 == n_trainings + 1


def test_of_a_training_that_used_none_of_its_images_the_share_that_is_read_right_is_0():
    train = Mock(return_value=make_trace(params={}, claim=0.1))
    with pytest.raises(Wrong, match=r"0\.900; on the images that `gradients` was given, 0\.000\."):
        own.check_claim(make_claim(0.99, 30, train))
    was_used = np.arange(10) < 4
    with pytest.raises(Wrong, match=r"0\.900; on the images that `gradients` was given, 0\.750\."):
        own.check_claim(make_claim(0.99, 30, train, was_used=was_used))


@pytest.mark.parametrize(
    ("claim", "words"),
    [
        (0.56, ""),
        (0.65, "on 5 images that it has not learned from, its accuracy is 0.900; on the images that `gradients` was "
               "given, 0.750."),
    ],
)  # fmt: skip
def test_each_training_gets_the_images_of_the_first_and_its_claim_is_compared_with_held_out_ones(claim, words):
    """Whose accuracy a claim is of shows if the two differ: the others read 0.6 of the held-out images, and 0.3 of
    those of the training."""
    sizes = []

    def train(examples, seed, **_):
        sizes.append(len(examples[0]))
        return make_trace(params={"least": 7}, claim=0.1 if seed == [0, 2] else claim)

    found = make_claim(0.95, 1, train, was_used=np.arange(10) < 4)
    found.held_out, found.held_out_labels = (a[5:] for a in found.examples)
    with pytest.raises(Wrong, match=re.escape(words)) if words else nullcontext():
        own.check_claim(found)
    assert sizes == [10] * (4 if words else 2)


def test_with_random_labels_a_training_may_take_three_times_as_long_and_a_slow_one_gets_half_of_the_images():
    for seconds, n in ((7, 10), (8, 5)):
        train = Mock(return_value=make_trace(params={}, claim=0.1))
        own.check_claim(make_claim(0.9, seconds, train))
        (images, labels), seed = train.call_args.args
        options = train.call_args.kwargs
        assert (len(images), len(labels), seed, options["max_calls"]) == (n, n, [0, 2], 3 * 7 + 100)
        assert {*labels} <= {*range(10)} and len({*labels}) == n and not np.array_equal(labels, images[:, 0])
        assert options["activity"] == "It trains again, with random labels" and "on_first_call" not in options
        assert options["watched_names"] == ("gradients", "read")


def test_what_a_training_with_random_labels_shows_is_said_unless_it_is_an_error_of_its_own():
    """It begins with weights of its own, too."""
    w = np.random.default_rng(0).normal(size=30)
    again = make_trace(first_params={"w": w}, params={}, claim=0.1)
    for train, words in (
        (Mock(side_effect=Wrong("other", "Another mistake.")), "Another mistake"),
        (Mock(side_effect=ValueError), None),
        (Mock(return_value=again), 'gave the same first params["w"]'),
    ):
        found = make_claim(0.9, 1, train, always_zero={'["w"]': w == 0}, snapshots=again.snapshots)
        with pytest.raises(Wrong, match=re.escape(words)) if words else nullcontext():
            own.check_claim(found)


def test_images_that_are_kept_are_found_in_rows_and_in_columns():
    """A quarter of them, or more: fewer may be the centres of radial functions."""
    images, others = np.random.default_rng(0).integers(0, 256, (2, 400, 784), np.uint8)
    scaled = images[60:180] / 255 - 0.5
    for rows, is_kept in ((images[:120], True), (scaled, True), (others, False), (images[:80], False)):
        with_ones = np.c_[rows, np.ones(len(rows))]  # for a bias
        for shown in (rows, rows.T, rows.reshape(-1, 28, 28), with_ones, with_ones.T):
            with pytest.raises(Wrong, match=f"{len(rows)} of those") if is_kept else nullcontext():
                own.check_no_stored_images(make_evidence(params={"W": shown}, examples=(images,)))
    images[:, 5] = 7  # scaled by its mean and its deviation, this pixel is not a number
    scaled = np.where(np.arange(784) == 5, np.nan, images[:120] / 9)
    with pytest.raises(Wrong, match="120 of those"):
        own.check_no_stored_images(make_evidence(params={"W": scaled}, examples=(images,)))
    half = np.where(np.arange(120)[:, None] % 2, images[:120], images[120:240].mean(axis=0))
    own.check_no_stored_images(make_evidence(params={"W": half}, examples=(images,)))
    others = {
        "b": np.ones(3),
        "c": None,
        "n": 2.0,
        "empty": np.zeros((0, 28, 28)),
        "few": images[:5].reshape(5, 28, 28),
    }
    own.check_no_stored_images(make_evidence(params=others, examples=(images,)))
    for n, is_kept in ((49, False), (50, True)):  # of 100, a quarter may be anything, and so may up to 50
        with pytest.raises(Wrong, match="contains images: 50") if is_kept else nullcontext():
            own.check_no_stored_images(make_evidence(params={"W": images[:n]}, examples=(images[:100],)))


@pytest.mark.slow(one_in=2)
def test_a_file_of_two_functions_is_told_which_to_add_and_reads_as_before(tmp_path, monkeypatch, capfd):
    images, labels, test_images, test_labels = digits.few_images()
    monkeypatch.setattr(data, "load", lambda: data.Images(images, labels, test_images, test_labels))
    old = own_programs.BASE.replace("def loss(", "def mean_loss(").replace("gradients(", "slopes(")
    path = tmp_path / "own_network.py"
    found = verdict(old, tmp_path, 0)
    assert found.name == "no function" and "no function `loss` and no `gradients`" in found.text
    assert "def gradients(params, images, labels):\n" in found.text and "def train" not in found.text
    own.train_and_save(path)
    assert not practice.main(["--folder", str(tmp_path), "read", str(ROOT / "png" / "photo.jpg")])
    assert capfd.readouterr().out.endswith("digit: 5\n") and path.read_text(encoding="utf-8") == old


def test_a_function_that_returns_a_number_is_written():
    for code, is_empty in {
        '"Words."': True,
        "...": True,
        "pass": True,
        '"Words."; return': True,
        "return 0": False,
        "return np": False,
        '"Words."; return 0': False,
        "return params": False,
        '"Words."; params = 0': False,
    }.items():
        names = {}
        exec(f"def read(params, images): {code}", names)
        assert blank.is_empty(names["read"]) == is_empty, code
    # A function that functools.partial makes of another is written, too.
    file = make_file(**dict.fromkeys(own.FUNCTIONS, partial(np.clip, a_min=0)))
    blank.check_complete(file, own.FUNCTIONS, own.STUB)


def test_of_an_exercise_nothing_is_shown_from_below_its_line(tmp_path):
    (path := tmp_path / "own.py").write_text(
        f"Words.\n\n\ndef f(x):\n    ...\n\n\n{CUT_LINE}\n\n\ndef f(x):\n    return x\n"
    )
    assert blank.extract_stub_text(["f"], path) == "\n\ndef f(x):\n    ..."


def test_what_is_missing_is_shown_as_the_stub_has_it():
    for judge, count in ((own.JUDGE, "four"), (writer.JUDGE, "five"), (block.JUDGE, "three")):
        for missing in judge.functions:
            others = {name: np.ones for name in judge.functions if name != missing}
            for file in (make_file(**others), make_file(**others, **{missing: 0.5})):  # a number is no function
                with pytest.raises(Wrong, match=rf"has no function `{missing}`. .* for {count} functions") as error:
                    blank.check_complete(file, judge.functions, judge.stub)
                (shown,) = re.findall(r"^def \w+", str(error.value), re.MULTILINE)
                assert shown == f"def {missing}"
        first, *_, last = judge.functions
        file = make_file(**{name: np.ones for name in judge.functions if name not in (first, last)})
        with pytest.raises(Wrong, match=f"has no function `{first}` and no `{last}`. ") as error:
            blank.check_complete(file, judge.functions, judge.stub)
        assert re.findall(r"^def (\w+)", str(error.value), re.MULTILINE) == [first, last]
        file = make_file(**dict.fromkeys(judge.functions, np.ones))
        blank.check_complete(file, judge.functions, judge.stub)


@pytest.mark.parametrize("module", [own, writer, block], ids=lambda module: module.__name__)
def test_each_check_that_is_written_is_made(module):
    """In the process of the file, or when it is asked again; and so is each that all trainings have in common."""
    made = {getattr(check, "func", check) for check in (*module.JUDGE.checks, *module.JUDGE.rechecks)}
    written = {
        function
        for name, function in vars(module).items()
        if re.match("check_|add_", name) and [*signature(function).parameters] == ["evidence"]
    }
    if module is not block:
        written |= {
            function
            for name, function in vars(blank).items()
            if re.match("check_|retrain_", name) and next(iter(signature(function).parameters)) == "evidence"
        }
    assert made == written


def keywords_of(checks, function):
    """Return the keywords with which a judge makes a check that several judges have in common."""
    return next(check for check in checks if getattr(check, "func", check) is function).keywords


def test_a_network_has_learned_that_reads_more_than_half_of_the_digits_or_eight_of_ten_in_a_repeated_training():
    for checks, function, least in (
        (own.JUDGE.checks, blank.check_rng_and_gradients_used, 0.5),
        (own.JUDGE.rechecks, blank.retrain_and_check_derivatives, 0.8),
    ):
        for n in range(11):
            calls = own.ReaderCalls(make_file(read=lambda params, images, n=n: np.arange(10) < n))
            found = make_evidence(calls, held_out=np.zeros((10, 784), np.uint8), held_out_labels=np.ones(10))
            assert keywords_of(checks, function)["has_learned"](found, {}) == (n / 10 > least)


def test_each_judge_has_its_own_check_of_derivatives_and_watches_what_it_asks_for():
    for module, watched_names in ((own, ("gradients", "read")), (writer, None)):
        keywords = keywords_of(module.JUDGE.checks, blank.check_training)
        assert keywords["check_derivatives"] is module.check_derivatives
        assert keywords.get("watched_names") == watched_names  # without them, only `gradients`
        keywords = keywords_of(module.JUDGE.rechecks, blank.retrain_and_check_derivatives)
        assert keywords["check_derivatives"] is module.check_derivatives


def test_what_is_asked_again_is_a_training_with_other_data_and_what_shows_in_its_results():
    for module, first, others in (
        (own, own.add_relabelled_data, "no_stored_images reads_least_loss hidden_layer retrained_accuracy"),
        (writer, writer.add_relettered_data,
         "logits_ignore_batch_size loss_after_retraining writes_by_rng samples_match_logits"),
    ):  # fmt: skip
        assert module.JUDGE.checks[0] is module.add_data and module.JUDGE.checks[1].func is blank.check_training
        data_check, training, *rest = module.JUDGE.rechecks
        assert data_check is first and training.func is blank.retrain_and_check_derivatives
        assert {getattr(module, f"check_{name}") for name in others.split()} == {*rest}


def test_a_judge_says_what_is_run_and_which_results_are_params_or_gradients():
    train = {"train": ("params", ""), "gradients": ("gradients",)}  # `train` returns its claim, too
    block_functions = {"first_weights": ("params",), "backward": ("", "gradients")}  # and `backward` dx
    for module, viewer, gives in (
        (own, "exercises.looked", train), (writer, "exercises.looked", train), (block, "", block_functions),
    ):  # fmt: skip
        judge = module.JUDGE
        assert (judge.module, judge.viewer_module, judge.gives) == (module.__name__, viewer, gives)
        assert {*gives} <= {*judge.functions} and judge.stub.read_text(encoding="utf-8").count("\ndef ") >= len(gives)


def test_what_a_file_imports_is_named_but_for_numpy_and_python():
    source = "import math, numpy as np\nfrom torch.nn import functional\ndef f():\n    import mlp_np\nfrom . import x\n"
    assert blank.list_imports_beyond_numpy(source) == ["mlp_np", "torch"]
    assert blank.list_imports_beyond_numpy("import tqdm as np, os.path as torch\nfrom jax import numpy\n") == [
        "jax",
        "tqdm",
    ]
    assert blank.list_imports_beyond_numpy(
        '__import__("jax.numpy")\nimportlib.import_module("math")\nf("torch")\n'
    ) == ["jax"]


@pytest.mark.slow(one_in=2)
def test_what_is_being_done_is_told(tmp_path):
    path, told = tmp_path / "own_network.py", []
    path.write_text(own_programs.BASE.replace("accuracy = np.mean", "accuracy = 0 * np.mean"))
    assert runner.make_report(EXERCISE, path, 0, on_progress=told.append).verdict["name"] == "claim too low"
    assert told[0] == "Your network is training" and "It trains again, with random labels" in told


def test_the_catalogue_is_large_enough_and_has_a_program_for_each_mark():
    marks, styles = ({program.name for program in programs} for programs in (WRONG, STYLES))
    assert len(WRONG) + len(STYLES) > 60 and "own_network" in RIGHT and marks >= EVERY_DAY - styles
    of_networks = [*SENTENCES["Derivatives"], *TABLES["Own networks"]]
    assert {mark.partition(":")[0] for mark, _ in of_networks} - marks == {
        "not written",
        "loss in jumps",
        "reads something else",
    }

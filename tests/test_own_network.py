"""A network from a blank file: right ones pass in any style, and each usual mistake is found by experiments."""

import re
import time
from collections import namedtuple
from types import SimpleNamespace

import numpy as np
import own_programs
import pytest

import data
import practice
from conftest import ROOT
from exercises import digits, marker, own, runner, weights
from exercises.catalogue import BY_NAME
from exercises.tape import Misuse
from practice_answers import RIGHT, write
from support.errors import UserError

EXERCISE = BY_NAME["own_network"]
WRONG = list(own_programs.programs(own_programs.WRONG))
SAID = list(own_programs.programs(own_programs.SAID))
ALSO = {edits: program for _, edits, program in own_programs.programs(own_programs.ALSO_RIGHT)}
STYLES = own_programs.STYLES | ALSO
# The first of these every day; all others are slow.
EVERY_DAY = {
    "the same images", "other gradients", "claims training", "read is not as train", "returns None", "images kept",
    "pixels wrap round", "no function", "weights alike", "kept between calls", "two hidden layers as a list of pairs",
}  # fmt: skip


def some(found, every_day):
    """(mark, program, seed) of each; slow are those whose mark is not in every_day, or has come before."""
    left = {*every_day}
    for i, (mark, program) in enumerate(found):
        marks = () if mark in left else pytest.mark.slow
        yield pytest.param(mark, program, i % 20, id=f"{mark} {i}", marks=marks)
        left.discard(mark)


def verdict(program, folder, seed):
    """The verdict on a whole program: here, for speed, and not in a process of its own."""
    path = folder / "own_network.py"
    path.write_text(program, encoding="utf-8")
    return marker.judge(EXERCISE, seed, runner.report(EXERCISE, path, seed))


def test_the_stub_is_not_written_and_the_answer_passes_in_time(tmp_path):
    assert verdict(EXERCISE.stub, tmp_path, 0).name == "not written"
    began = time.process_time()
    found = marker.mark(EXERCISE, write(tmp_path, "own_network"), 1)
    assert found.passed, found.text
    assert re.search(r"Of 2,500 digits .* reads 0\.9\d\d\. You claimed 0\.9\d\d", found.text.replace("\n", " "))
    assert time.process_time() - began < 20


@pytest.mark.parametrize(("mark", "program", "seed"), [*some(((mark, text) for mark, _, text in WRONG), EVERY_DAY)])
def test_a_wrong_program_is_named(mark, program, seed, tmp_path):
    found = verdict(program, tmp_path, seed)
    assert (found.passed, found.name) == (False, mark), found.text
    assert len(found.text) > 30 and "{" not in found.text


@pytest.mark.parametrize(("style", "program", "seed"), [*some(STYLES.items(), EVERY_DAY)])
def test_a_right_program_passes_in_any_style(style, program, seed, tmp_path):
    found = verdict(program, tmp_path, seed)
    assert found.passed, found.text


@pytest.mark.slow
def test_what_is_no_mistake_gets_a_sentence(tmp_path):
    raw = next(program for edits, program in ALSO.items() if "images.astype(float)" in edits)
    assert "raw pixels" in verdict(raw, tmp_path, 4).text
    in_order = ALSO["known = rng.permutation(known) -> known = known"]
    in_order = in_order.replace("order = rng.permutation(len(images))", "order = np.arange(len(images))")
    split = "order[: len(images) // 5], order[len(images) // 5 :]"
    in_order = in_order.replace(split, "order[::5], np.setdiff1d(order, order[::5])")
    assert "Shuffle them in each epoch" in verdict(in_order, tmp_path, 4).text


@pytest.mark.slow
@pytest.mark.parametrize("i", range(len(SAID)))
def test_what_is_said_is_true_of_it(i, tmp_path):
    words, _, program = SAID[i]
    assert words in verdict(program, tmp_path, i).text.replace("\n", " ")


def test_images_that_a_network_is_tested_with_are_no_images_that_it_has_learned_from():
    images, _, others, _ = own.draw(np.random.default_rng(0))
    pool = digits.few_images()
    assert (len(images), len(others)) == (3500, 2500) and len(pool[0]) + len(pool[2]) == 6000
    twice = len({*map(bytes, images)} & {*map(bytes, others)})
    assert twice <= 6000 - len({*map(bytes, np.concatenate([pool[0], pool[2]]))})


def test_a_network_of_ones_own_reads_a_picture(tmp_path, monkeypatch, capsys):
    images, labels, test_images, test_labels = digits.few_images()
    monkeypatch.setattr(data, "load", lambda: data.Dataset(images, labels, test_images, test_labels))
    path = write(tmp_path, "own_network")
    own.run(path)
    said = capsys.readouterr().out
    assert re.search(r"trains on 4,000 images.\nYou claim 0.9\d+. Of 2,000 others it reads 0.9", said)
    photo = str(ROOT / "png" / "photo.jpg")
    assert not practice.main(["--folder", str(tmp_path), "read", photo])
    assert capsys.readouterr().out == "digit: 5\n"
    kept = path.with_suffix(".npz")
    before = kept.read_bytes()
    for lines, words in {
        "return {}, np.array([0.5])": "should be a number from 0 to 1; it is an array of shape",
        "return {'f': read}, 0.5": r"params\['f'\] is of type function",
        "return {}, 0.5": "Line 5: def read.*division by zero|Line 5.*1 / 0",
    }.items():
        path.write_text(
            f"import numpy as np\n\ndef train(images, labels, rng):\n    {lines}\ndef read(p, i): return 1 / 0\n"
        )
        with pytest.raises(UserError, match=f"(?s){words}"):
            own.run(path)
    assert kept.read_bytes() == before
    kept.write_bytes(b"no")
    with pytest.raises(UserError, match="is damaged: delete it"):
        practice.main(["--folder", str(tmp_path), "read", photo])
    with pytest.raises(UserError, match="read needs a picture"):
        practice.main(["--folder", str(tmp_path), "read"])


def test_params_are_kept_as_they_are():
    Pair = namedtuple("Pair", "W b")
    nest = {
        "a": [(1, 2.5, None, True), {3: np.float32(0.1), (1, 2): "words"}],
        7: Pair(np.eye(2, dtype=np.int8), np.inf),
    }
    found = own.restored(SimpleNamespace(Pair=Pair), own.packed(nest))
    assert repr(found) == repr(nest) and found[7].W.dtype == np.int8 and type(found["a"][1][3]) is np.float32
    for other in ([{1, 2}], {"a": np.array([None])}, (1, [print])):
        with pytest.raises(Misuse, match=r"^params\S* is (of type \w+|an array of type object)$"):
            own.packed(other)


@pytest.mark.parametrize(
    ("params", "sizes"),
    [
        ({"W2": (64, 10), "b": (10,), "W1": (784, 64), "c": (1, 64)}, [(784, 64), (64, 10)]),
        ([(784, 32), (32,), (32, 32), (32,), (32, 10), (10,)], [(784, 32), (32, 32), (32, 10)]),
        ([(20, 784), (10, 20)], [(784, 20), (20, 10)]),
        ([(795 * 30 + 10,)], [(784, 30), (30, 10)]),
        ([(784, 30), (20, 10)], []),
    ],
)
def test_shapes_say_which_arrays_are_the_weights(params, sizes):
    rng = np.random.default_rng(0)
    values = {
        k: rng.normal(size=shape) for k, shape in (params.items() if isinstance(params, dict) else enumerate(params))
    }
    nest = values if isinstance(params, dict) else [*values.values()]
    layers = weights.layout(nest)
    assert [layer.size for layer in layers] == sizes
    arrays = weights.arrays_of(nest, layers)
    assert all(arrays[f"W{i}"].shape == size for i, size in enumerate(sizes, 1))
    weights.put(nest, layers, {name: 2 * a for name, a in arrays.items()})
    assert all(np.array_equal(a, 2 * arrays[name]) for name, a in weights.arrays_of(nest, layers).items())


def test_the_catalogue_is_large_enough():
    assert len(WRONG) + len(STYLES) > 60 and "own_network" in RIGHT
    assert {mark for mark, *_ in WRONG} >= EVERY_DAY - {*STYLES}

"""A block from a blank file: right ones pass in any style, and of wrong ones it is said what is wrong."""

import re
from contextlib import nullcontext
from functools import partial

import numpy as np
import own_blocks
import own_programs
import pytest
from own_evidence import make_evidence, make_file

import practice
from conftest import schedule
from exercises import block
from exercises.catalogue import BY_NAME
from exercises.words import TABLES
from marker import marking
from marker.derivatives import Mismatch
from marker.verdict import Wrong
from practice_answers import write

EXERCISE = BY_NAME["own_block"]
verdict = partial(own_programs.verdict, EXERCISE.name)
BY_DIFFERENCES = own_programs.Program(
    "backward by differences", "params have 1,752 numbers", "", own_blocks.DIFFERENCES
)
WRONG = [*own_programs.programs(own_blocks.WRONG, own_blocks.BASE), BY_DIFFERENCES]
ALSO = {program.edits: program.code for program in own_programs.programs(own_blocks.ALSO_RIGHT, own_blocks.BASE)}
STYLES = own_blocks.STYLES | ALSO


def test_the_stub_is_not_written(tmp_path):
    assert verdict(EXERCISE.stub, tmp_path, 0).name == "not written"


@pytest.mark.slow(one_in=2)
def test_the_answer_passes_in_time(tmp_path):
    found = marking.mark(EXERCISE, write(tmp_path, "own_block"), 1)
    assert found.passed and "to all 6 arrays of params, 1,752 numbers" in found.text, found.text


@pytest.mark.parametrize(
    "style", schedule(STYLES, every_day=["norms behind the sums, tuples, a kept mask", *[*ALSO][:2]])
)
def test_a_right_block_passes_in_any_style(style, tmp_path):
    found = verdict(STYLES[style], tmp_path, len(style))
    assert found.passed, found.text
    assert re.search(r"with respect to x and to all \d+ arrays of params, [\d,]+ numbers\.$", found.text)


# The last one takes 3,504 calls of `forward`.
@pytest.mark.parametrize("program", schedule(WRONG, every_day=WRONG[:-1]), ids=own_programs.name_of)
def test_a_wrong_block_is_named(program, tmp_path):
    found = verdict(program.code, tmp_path, 5)
    assert (found.passed, found.summary) == (False, program.name), found.text
    assert program.words in found.text and len(found.text) > 25, found.text


def test_the_small_case_is_as_it_is_said(tmp_path):
    """One place of two channels, in which dx is wrong: whoever computes it finds these numbers."""
    program = own_blocks.BASE.replace("dx = du + norm_backward", "dx = du - dy + norm_backward")
    said = re.search(
        r"params = (first_weights\(.*?\)\)), x = (\[.*?\]), dy = (\[.*?\])\. Here, `backward` says (\S+) for entry "
        r"\[(.*)\] of x, and it is (\S+)\.$",
        verdict(program, tmp_path, 5).text.replace("\n", " "),
    )
    exec(program, names := {})
    params, x, dy = (eval(text, names) for text in said.groups()[:3])
    assert np.shape(x) == (1, 1, 2)
    at = tuple(map(int, said[5].split(",")))
    assert names["backward"](params, np.array(x), np.array(dy))[0][at] == pytest.approx(float(said[4]), rel=1e-3)
    above, below = (names["forward"](params, x + h * (np.arange(2) == at[2])) for h in (1e-6, -1e-6))
    assert ((above - below) * dy).sum() / 2e-6 == pytest.approx(float(said[6]), rel=1e-3)


def test_what_is_off_by_less_than_a_hundredth_is_slight():
    for mine, is_slight in ((1.009, True), (0.991, True), (1.02, False), (-1.0, False)):
        assert block.is_slight({"x": [Mismatch(0, mine, 1.0)], "y": [Mismatch(1, 1.001, 1.0)]}) == is_slight


def test_a_backward_that_calls_a_function_once_for_each_number_of_params_is_named():
    """With 5 numbers in two arrays, 4 calls may be anything."""
    params = {"W": np.ones(3), "b": np.ones(2)}
    for n, is_right in ((4, True), (5, False)):

        def slope():
            return 0.0

        def backward(params, x, dy, n=n):
            for _ in range(n):
                slope()
            return dy, params

        calls = block.BlockCalls(make_file(backward=backward, __file__=__file__))
        words = "`backward` calls `slope` 5 times, and params have 5 numbers"
        with nullcontext() if is_right else pytest.raises(Wrong, match=words):
            block.check_no_numerical_gradient(make_evidence(calls, params=params))


def test_there_is_a_block_for_each_mark():
    assert {mark.partition(":")[0] for mark, _ in TABLES["Own blocks"]} <= {program.name for program in WRONG}


def test_it_is_run_beside_central_differences(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr(block, "C", 6)  # fewer numbers
    path = write(tmp_path, "own_block")
    block.print_gradient_errors(path)
    first, *rows = capfd.readouterr().out.splitlines()
    assert "(f(+h) - f(-h)) / 2h" in first and len(rows) == 7
    assert all(float(re.search(r" (\S+)$", row)[1]) < 1e-8 for row in rows)
    path.write_text("1 / 0\n")
    assert practice.main(["--folder", str(tmp_path), "run", "own_block"]) == 2
    assert "1 / 0" in capfd.readouterr().err

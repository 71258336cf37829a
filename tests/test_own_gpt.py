"""A network that writes names, from a blank file: right ones pass in any style, and of wrong ones it is said what is
wrong."""

import re
from contextlib import nullcontext
from functools import partial
from unittest.mock import Mock

import numpy as np
import own_programs
import own_writers
import pytest
from own_evidence import make_evidence, make_file, make_trace

import data
import practice
from conftest import schedule
from exercises import writer
from exercises.catalogue import BY_NAME
from exercises.words import TABLES
from lab import counts
from marker import marking
from marker.verdict import Wrong
from practice_answers import write
from support.errors import UserError

EXERCISE = BY_NAME["own_gpt"]
verdict = partial(own_programs.verdict, EXERCISE.name)
WRONG = list(own_programs.programs(own_writers.WRONG, own_writers.BASE))
SAID = list(own_programs.programs(own_writers.SAID, own_writers.BASE))
EVERY_DAY = {
    "looks ahead",
    "loss of other words",
    "other gradients",
    "write is not as logits",
}


def test_a_list_of_names_that_is_missing_is_no_mistake_of_the_learners(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "load", Mock(side_effect=UserError("surnames.txt.gz is missing")))
    found = verdict(own_writers.BASE, tmp_path, 0)
    assert found[:3] == (False, "cannot be marked", "surnames.txt.gz is missing")


def test_the_stub_is_not_written(tmp_path):
    assert verdict(EXERCISE.stub, tmp_path, 0).name == "not written"


@pytest.mark.slow
def test_the_answer_passes_in_time(tmp_path):
    found = marking.mark(EXERCISE, write(tmp_path, "own_gpt"), 1)
    assert found.passed, found.text
    assert re.search(r"On 1,000 names .* loss is 2\.[23]\d a letter.* gives 2\.5\d. You claimed 2\.", found.text)


@pytest.mark.parametrize("program", own_programs.schedule_programs(WRONG, EVERY_DAY))
def test_a_wrong_program_is_named(program, tmp_path):
    found = verdict(program.code, tmp_path, program.seed)
    assert (found.passed, found.words) == (False, program.name.partition(":")[0]), found.text
    assert program.words in found.text.replace("\n", " ") and "{" not in found.text, found.text


@pytest.mark.parametrize("style", schedule(own_writers.STYLES, every_day=["the last letters side by side"]))
def test_a_right_program_passes_in_any_style(style, tmp_path):
    found = verdict(own_writers.STYLES[style], tmp_path, len(style))
    assert found.passed, found.text


@pytest.mark.parametrize("program", schedule(SAID, in_turn=3), ids=own_programs.name_of)
def test_what_is_said_is_true_of_it(program, tmp_path):
    assert program.name in verdict(program.code, tmp_path, SAID.index(program)).text.replace("\n", " ")


@pytest.mark.parametrize("seed", schedule(range(3)))
def test_a_table_of_one_letter_that_learns_by_gradients_does_not_beat_counting(seed, tmp_path):
    found = verdict(own_writers.BIGRAM, tmp_path, seed)
    assert found.name == "no better than counting" and "only on the previous letter" in found.text, found.text
    mine, counts = map(float, re.search(r"the loss is ([\d.]+\d) a letter. .* gives ([\d.]+\d)", found.text).groups())
    assert abs(mine - counts) < writer.MIN_IMPROVEMENT


def test_what_it_has_to_beat_is_what_counting_gives():
    """Another table of the same counts, made by another program, is as good."""
    texts, others = writer.draw_texts(np.random.default_rng(0))
    assert (len(texts), len(others)) == (writer.N_TRAIN, writer.N_HELD_OUT)
    assert len({*map(bytes, texts)} | {*map(bytes, others)}) == writer.N_TRAIN + writer.N_HELD_OUT
    place, before, words = triples(texts)
    table, _ = counts.make_count_tables(place, before, words, data.SOURCES["names"].tokenizer.sizes)[
        "counts after each token"
    ]
    _, before, words = triples(others)
    assert writer.compute_bigram_loss(texts, others) == pytest.approx(-np.log(table[before, words]).mean(), abs=0.002)


def triples(texts):
    before = np.concatenate([np.full((len(texts), 1), 27), texts[:, :-1]], axis=1)
    there = before != 0
    return np.broadcast_to(np.arange(12), texts.shape)[there], before[there], texts[there]


def table(params, texts):
    """The logits (N, 12, 27) of a table: for the letter before each place, a row of scores."""
    return params["E"][np.concatenate([np.full((len(texts), 1), 27), texts[:, :-1]], axis=1)]


def with_table(of, logits=table):
    """The functions of a file with these logits, whose loss is of(-log p of each word, which count, the texts)."""
    file = make_file(logits=logits)
    calls = writer.WriterCalls(
        file, loss=lambda params, texts: of(given(params, texts), writer.make_loss_mask(texts), texts)
    )

    def given(params, texts):
        return writer.compute_token_losses(calls, params, texts)

    return calls


def mean(each, counts, texts):
    return each[counts].mean()


LOSSES = [
    (mean, table, ""),
    (lambda each, counts, texts: each.mean(), table, "includes the ends after the first"),
    (lambda each, counts, texts: each[texts > 0].mean(), table, "over the letters alone"),
    (lambda each, counts, texts: each[counts].sum() / len(texts), table, "the sum over the tokens of a name"),
    (lambda each, counts, texts: ((each * counts).sum(axis=1) / counts.sum(axis=1)).mean(), table, "short names count"),
    (lambda each, counts, texts: mean(each, counts, texts) / np.log(2), table, "logarithm to base 2"),
    (lambda each, counts, texts: -mean(each, counts, texts), table, "It has the opposite sign"),
    (lambda each, counts, texts: mean(each, counts, texts) + 0.5, table, "The difference is 0.5 for different texts"),
    (lambda each, counts, texts: mean(each, counts, texts) * 1.3, table, r"\d\. Which positions"),
    (mean, lambda params, texts: table(params, texts) + table(params, texts).mean(), "among 40 texts"),
    (mean, lambda params, texts: table(params, texts)[:, [*range(1, 12), 11]], "at position 0, too"),
]


@pytest.mark.parametrize(("of", "logits", "words"), LOSSES, ids=[words for *_, words in LOSSES])
def test_of_which_words_a_loss_is_is_said(of, logits, words):
    texts = writer.draw_texts(np.random.default_rng(0))[0][:40]
    params = {"E": np.random.default_rng(1).normal(size=(28, 27))}
    with pytest.raises(Wrong, match=words) if words else nullcontext():
        writer.check_loss_and_causality(with_table(of, logits), params, texts, seed=0)


def test_a_loss_has_to_be_lower_than_that_of_counting_by_two_hundredths(monkeypatch):
    monkeypatch.setattr(writer, "make_loss_error", lambda found: Wrong("too high", "It is too high."))
    calls = make_file(loss=lambda *_: 2.0)
    for loss, is_right in ((2.02, True), (2.04, False), (2.06, False)):
        found = make_evidence(calls, held_out_loss=loss, bigram_loss=2.05, params={}, held_out=np.zeros((3, 12)))
        with nullcontext() if is_right else pytest.raises(Wrong, match="too high"):
            writer.check_beats_bigrams(found)
    for off, words in ((-6, " likelier"), (6, "less likely")):
        assert words in str(writer.make_sampling_error(off, 2.0, 2.1))


def test_what_write_returns_has_to_be_names_that_begin_so():
    for names, mark in {
        ("may", "sch"): None, ("m" * 12, "sch"): None, ("m" * 13, "sch"): "write returns other letters",
        ("mAy", "sch"): "write returns other letters", ("may", "sc"): "write forgets the beginning",
        ("may",): "write returns no names", ("may", 3): "write returns no names",
    }.items():  # fmt: skip
        calls = writer.WriterCalls(make_file(write=lambda params, begun, rng, names=names: names))
        with nullcontext() if mark is None else pytest.raises(Wrong) as error:
            assert calls.write({}, ["m", "sch"], None) == [*names]
        assert mark is None or error.value.mark == mark


def test_it_is_run_on_all_names(tmp_path, monkeypatch, capfd):
    few = data.load("names")
    few = data.Tokens(few.train_tokens[:500], few.test_tokens[:100])
    monkeypatch.setattr(data, "load", lambda name: few)
    path = tmp_path / "own_gpt.py"
    path.write_text(own_writers.BASE)
    writer.train_and_save(path)
    said = capfd.readouterr().out.splitlines()
    assert said[0] == "It trains on 500 names." and len(said) == 12
    assert re.fullmatch(r"You claim 2\.\d\d per letter. On 100 new names it is 2\.\d\d\.", said[1])
    assert path.with_suffix(".npz").exists()
    (tmp_path / "own_gpt.py").write_text("1 / 0\n")
    assert practice.main(["--folder", str(tmp_path), "run", "own_gpt"]) == 2
    assert "1 / 0" in capfd.readouterr().err


def test_there_is_a_program_for_each_mark():
    marks = {program.name for program in WRONG}
    assert marks >= EVERY_DAY
    asked = {mark.partition(":")[0] for mark, _ in TABLES["Networks that write"]}
    assert asked - {mark.partition(":")[0] for mark in marks} == {"writes something else"}  # see test_asked.py


@pytest.mark.parametrize(("claim", "words"), [(2.31, None), (1.0, "You claim"), (3.5, "You claim")])
def test_a_claim_that_is_far_from_the_loss_is_named_whether_it_is_too_low_or_too_high(claim, words, monkeypatch):
    monkeypatch.setattr(writer, "compute_loss", lambda calls, params, texts: 2.3)
    texts = writer.draw_texts(np.random.default_rng(0))[0][:40]
    trace = make_trace((texts,), claim=claim)
    found = make_evidence(trace=trace, held_out_loss=2.3, examples=(texts,), params={}, held_out=texts)
    with pytest.raises(Wrong, match=words) if words else nullcontext():
        writer.check_claim(found)

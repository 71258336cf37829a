"""A network that writes names, from a blank file: right ones pass in any style, and of wrong ones it is said what is
wrong."""

import copy
import itertools
import re
from contextlib import nullcontext
from functools import partial
from unittest.mock import Mock, patch

import numpy as np
import own_programs
import own_writers
import pytest
from own_evidence import make_evidence, make_file, make_trace

import data
import practice
from conftest import schedule
from exercises import blank, watched, writer
from exercises.catalogue import BY_NAME
from exercises.words import TABLES
from lab import counts
from marker import marking
from marker.trial import load_learner_module
from marker.verdict import Wrong
from practice_answers import write
from support.errors import UserError
from support.texts import decode_names, encode_names

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


def test_of_a_right_network_its_loss_stands_beside_that_of_counting_and_beside_the_claim():
    found = make_evidence(held_out=range(1000), held_out_loss=2.31, bigram_loss=2.52, trace=make_trace(claim=2.28))
    found.generated_names = ["anna", "max"]
    assert writer.format_success(found) == (
        "On 1,000 names that it has never seen, its loss is 2.31 per letter; a table that counts which letter follows "
        "which has 2.52. You claimed 2.28.\nIt writes: anna, max."
    )


def test_a_list_of_names_that_is_missing_is_no_mistake_of_the_learners(tmp_path, monkeypatch):
    monkeypatch.setattr(data, "load", Mock(side_effect=UserError("surnames.txt.gz is missing")))
    found = verdict(own_writers.BASE, tmp_path, 0)
    assert found[:3] == (False, "cannot be marked", "surnames.txt.gz is missing")


def test_the_stub_is_not_written(tmp_path):
    assert verdict(EXERCISE.stub, tmp_path, 0).name == "not written"


@pytest.mark.slow(one_in=2)
def test_the_answer_passes_in_time(tmp_path):
    found = marking.mark(EXERCISE, write(tmp_path, "own_gpt"), 1)
    assert found.passed, found.text
    assert re.search(r"On 1,000 names .* loss is 2\.[23]\d per letter.* has 2\.5\d. You claimed 2\.", found.text)


@pytest.mark.parametrize("program", own_programs.schedule_programs(WRONG, EVERY_DAY))
def test_a_wrong_program_is_named(program, tmp_path):
    found = verdict(program.code, tmp_path, program.seed)
    assert (found.passed, found.summary) == (False, program.name.partition(":")[0]), found.text
    assert program.words in found.text.replace("\n", " ") and "{" not in found.text, found.text


@pytest.mark.parametrize("style", schedule(own_writers.STYLES, every_day=["the last letters side by side"]))
def test_a_right_program_passes_in_any_style(style, tmp_path):
    found = verdict(own_writers.STYLES[style], tmp_path, len(style))
    assert found.passed, found.text
    numbers = re.match(
        r"On 1,000 names .* loss is (\S+) per .* has (\S+)\. You claimed (\S+)\.\nIt writes: ", found.text
    )
    loss, counts, claim = map(float, numbers.groups())
    assert loss < counts and abs(loss - claim) <= writer.MAX_CLAIM_ERROR + 0.01
    assert re.fullmatch(r"[a-z]+, m[a-z]*, sch[a-z]*, wil[a-z]*\.", found.text[numbers.end() :])


@pytest.mark.parametrize("program", schedule(SAID, in_turn=3), ids=own_programs.name_of)
def test_what_is_said_is_true_of_it(program, tmp_path):
    assert program.name in verdict(program.code, tmp_path, SAID.index(program)).text.replace("\n", " ")


@pytest.mark.parametrize("seed", schedule(range(3)))
def test_a_table_of_one_letter_that_learns_by_gradients_does_not_beat_counting(seed, tmp_path):
    found = verdict(own_writers.BIGRAM, tmp_path, seed)
    assert found.name == "no better than counting" and "only on the previous letter" in found.text, found.text
    mine, counts = map(float, re.search(r"the loss is ([\d.]+\d) per letter. .* has ([\d.]+\d)", found.text).groups())
    assert abs(mine - counts) < writer.MIN_IMPROVEMENT


def test_what_it_has_to_beat_is_what_counting_gives():
    """Another table of the same counts, made by another program, is as good."""
    texts, others = writer.split_texts(np.random.default_rng(0))
    assert (len(texts), len(others)) == (writer.N_TRAIN, writer.N_HELD_OUT)
    assert len({*map(bytes, texts)} | {*map(bytes, others)}) == writer.N_TRAIN + writer.N_HELD_OUT
    tables = counts.make_count_tables(find_targets(texts), data.SOURCES["names"].tokenizer.sizes)
    table, targets = tables["counts after each token"], find_targets(others)
    expected = -np.log(table.p[targets.previous_ids, targets.token_ids]).mean()
    assert writer.compute_bigram_loss(texts, others) == pytest.approx(expected, abs=0.002)
    writer.add_data(evidence := make_evidence(rng=np.random.default_rng(0)))
    assert evidence.bigram_loss == writer.compute_bigram_loss(texts, others)


def test_a_table_of_counts_is_smoothed_by_one_more_letter_for_each_row():
    """Counted by hand in "ab" and "b": of 5 tokens 2 are ends, 1 is an a, and 2 are b."""
    texts = encode_names(["ab", "b"])
    shares = {word: (n + 1) / (5 + 27) for word, n in {0: 2, 1: 1, 2: 2, 3: 0}.items()}
    pairs = [(1, 2, 1), (1, 2, 2), (1, 1, 2), (2, 2, 0)]  # (count, count of the row, word): ^a, ^b, ab, b$
    for names, of in (("ab", (0, 2, 3)), ("b", (1, 3)), (["ab", "b"], (0, 2, 3, 1, 3))):
        p = [(n + shares[word]) / (n_row + 1) for n, n_row, word in (pairs[i] for i in of)]
        held_out = encode_names([names] if isinstance(names, str) else names)
        assert writer.compute_bigram_loss(texts, held_out) == pytest.approx(-np.mean(np.log(p)))
    never = [shares[3] / (2 + 1), shares[0] / 1]  # a c, and after it an end
    assert writer.compute_bigram_loss(texts, encode_names(["c"])) == pytest.approx(-np.mean(np.log(never)))


def test_names_in_other_letters_are_the_same_names_but_for_one_exchange_of_the_letters():
    writer.add_data(before := make_evidence(rng=np.random.default_rng(0)))
    writer.add_relettered_data(after := make_evidence(rng=np.random.default_rng(0)))
    pairs = set()
    for old, new in (
        (before.examples[0], after.examples[0]),
        (before.mini_batch[0], after.mini_batch[0]),
        (before.held_out, after.held_out),
    ):
        assert new.dtype == np.uint8
        pairs |= {*zip(old.ravel().tolist(), new.ravel().tolist(), strict=True)}
    letters, others = zip(*sorted(pairs), strict=True)
    assert [*letters] == sorted(others) == [*range(27)] and others[0] == 0 and letters != others
    assert after.bigram_loss == before.bigram_loss
    assert after.prompts == [*["", "m", "sch", "wil"] * 20, "schwarzenber", "hildebrandt"]
    assert before.prompts == [*["", "m", "sch", "wil"] * 100, "schwarzenber", "hildebrandt"]


def test_the_texts_of_the_check_have_all_letters_and_all_lengths():
    texts, _ = writer.split_texts(np.random.default_rng(0))
    chosen = texts[writer.choose_varied_indices(texts)]
    assert {*chosen.ravel()} == {*texts.ravel()} and len(chosen) < 30
    assert {*(chosen > 0).sum(axis=1)} == {*(texts > 0).sum(axis=1)}


def find_targets(texts):
    before = np.concatenate([np.full((len(texts), 1), 27), texts[:, :-1]], axis=1)
    there = before != 0
    return counts.Targets(np.broadcast_to(np.arange(12), texts.shape)[there], before[there], texts[there])


def table(params, texts):
    """The logits (N, 12, 27) of a table: for the letter before each place, a row of scores."""
    return params["E"][np.concatenate([np.full((len(texts), 1), 27), texts[:, :-1]], axis=1)]


def end_ruled_out(params, texts):
    """The logits of a table, except that no name can end where it begins, and that each place sees two words ahead."""
    scores = table(params, texts)[:, [*range(2, 12), 11, 11]]
    scores[:, 0, 0] = -np.inf
    return scores


def with_table(of, logits=table):
    """The functions of a file with these logits, whose loss is of(-log p of each word, which count, the texts)."""
    file = make_file(logits=logits)
    calls = writer.WriterCalls(
        file, loss=lambda params, texts: of(given(params, texts), writer.make_loss_mask(texts), texts)
    )

    def given(params, texts):
        return writer.compute_token_losses(calls, params, texts)

    return calls


def nan_in_one_place(params, texts):
    return table(params, texts) + np.where(np.arange(27) == 3, np.nan, 0) * (np.arange(12) == 5)[:, None]


def probabilities(params, texts):
    return np.exp(writer.log_softmax(table(params, texts)))


def mean(each, counts, texts):
    return each[counts].mean()


LOSSES = [
    (mean, table, ""),
    (lambda each, counts, texts: each.mean(), table, "including the ends after the first"),
    (lambda each, counts, texts: each[texts > 0].mean(), table, "over the letters only"),
    (lambda each, counts, texts: each[counts].sum() / len(texts), table, "the sum over the tokens of a name"),
    (lambda each, counts, texts: ((each * counts).sum(axis=1) / counts.sum(axis=1)).mean(), table, "short names count"),
    (lambda each, counts, texts: mean(each, counts, texts) / np.log(2), table, "logarithm to base 2"),
    (lambda each, counts, texts: -mean(each, counts, texts), table, "It has the opposite sign"),
    (lambda each, counts, texts: mean(each, counts, texts) + 0.5, table, "The difference is also 0.5 for other texts"),
    (lambda each, counts, texts: mean(each, counts, texts) * 1.3, table, r"\d\. Which positions"),
    (
        lambda each, counts, texts: mean(each, counts, texts) * 1.0001,
        table,
        r"\d\. Which positions does your mean run over",
    ),
    (mean, lambda params, texts: table(params, texts) + table(params, texts).mean(), "together with 40 texts"),
    (mean, lambda params, texts: table(params, texts)[:, [*range(1, 12), 11]], "at position 0, too"),
    (lambda *_: 3.3, nan_in_one_place, r"`logits` contains nan, although `loss` is 3\.3\."),
    (lambda *_: np.nan, nan_in_one_place, ""),  # which is named elsewhere
    (lambda *_: 3.1, lambda params, texts: table(params, texts) + 10, r"is [\d.]+\d\. Which positions"),
    (lambda *_: 3.1, probabilities, "adds up to 1. These are probabilities, but they should be scores"),
    (mean, end_ruled_out, "at position 1 of the texts change, `logits` changes at position 0. But"),
]


@pytest.mark.parametrize(("of", "logits", "words"), LOSSES, ids=[words for *_, words in LOSSES])
def test_of_which_words_a_loss_is_is_said(of, logits, words):
    texts = writer.split_texts(np.random.default_rng(0))[0][:40]
    params = {"E": np.random.default_rng(1).normal(size=(28, 27))}
    with pytest.raises(Wrong, match=words) if words else nullcontext():
        writer.check_loss_and_causality(with_table(of, logits), params, texts, seed=0)


def test_logits_may_be_logarithms_of_probabilities():
    """All of them are below 0."""
    texts = writer.split_texts(np.random.default_rng(0))[0][:250]
    params = {"E": np.random.default_rng(1).normal(size=(28, 27))}
    calls = with_table(mean, lambda params, texts: writer.log_softmax(table(params, texts)))
    writer.check_logits_ignore_batch_size(make_evidence(calls, params=params, held_out=texts))
    assert writer.is_bigram_model(make_evidence(calls, mini_batch=(texts[:20],)), params)


def test_where_all_scores_are_0_at_first_it_is_seen_all_the_same_that_they_depend_on_the_answer():
    calls = with_table(mean, lambda params, texts: table(params, texts)[:, [*range(1, 12), 11]])
    texts = writer.split_texts(np.random.default_rng(0))[0][:40]
    with pytest.raises(Wrong, match="at position 0, too"):
        writer.check_loss_and_causality(calls, {"E": np.zeros((28, 27))}, texts, seed=0)


def test_logits_of_minus_infinity_do_not_hide_that_others_depend_on_the_size_of_the_batch():
    def logits(params, texts):
        scores = table(params, texts) * (1 + 0.1 * (len(texts) == 101))
        scores[:, 0, 0] = -np.inf
        return scores

    texts = writer.split_texts(np.random.default_rng(0))[0][:250]
    params = {"E": np.random.default_rng(1).normal(size=(28, 27))}
    with pytest.raises(Wrong, match="with 101 texts"):
        writer.check_logits_ignore_batch_size(make_evidence(with_table(mean, logits), params=params, held_out=texts))


def test_a_loss_that_is_inf_is_no_loss_of_other_words():
    """It is named where all else is right."""
    texts = writer.split_texts(np.random.default_rng(0))[0][:40]
    params = {"E": np.random.default_rng(1).normal(size=(28, 27))}
    writer.check_loss_and_causality(with_table(lambda *_: np.inf), params, texts, seed=0)


def test_each_place_is_given_another_letter_in_all_texts_and_nothing_else_changes():
    texts = writer.split_texts(np.random.default_rng(0))[0][:40]
    params, asked = {"E": np.random.default_rng(1).normal(size=(28, 27))}, []
    calls = with_table(mean, lambda params, texts: asked.append(texts) or table(params, texts))
    writer.check_loss_and_causality(calls, params, texts, seed=0)
    check_changed_places(texts, asked, range(12))
    asked.clear()
    calls = writer.WriterCalls(make_file(logits=lambda params, texts: asked.append(texts) or table(params, texts)))
    assert writer.is_bigram_model(make_evidence(calls, mini_batch=(texts,)), params)
    check_changed_places(texts, asked, range(10))


def check_changed_places(texts, asked, places):
    """Check that in each of these places there was a question about other letters, and for each letter another one."""
    changes = [(others, others != texts) for others in asked if others.shape == texts.shape]
    changes = [(others, *changed.any(axis=0).nonzero()) for others, changed in changes if changed.any()]
    assert [place.tolist() for _, place in changes] == [[place] for place in places]
    for others, (place,) in changes:
        assert (others[:, place] != texts[:, place]).all()
        assert others[:, place].min() > 0 and others[:, place].max() < 27


def test_logits_depend_on_no_more_than_the_letter_before_or_on_more():
    texts = writer.split_texts(np.random.default_rng(0))[0][:9]
    rng = np.random.default_rng(1)
    params = {"E": rng.normal(size=(28, 27)), "F": rng.normal(size=(28, 27))}
    calls = writer.WriterCalls(make_file(logits=two_letters))
    for size, is_bigram in ((1, False), (1e-3, False), (1e-8, True), (0, True)):
        nest = params | {"F": size * params["F"]}
        assert writer.is_bigram_model(make_evidence(calls, mini_batch=(texts,)), nest) == is_bigram


def test_a_loss_has_to_be_lower_than_that_of_counting_by_two_hundredths(monkeypatch):
    monkeypatch.setattr(writer, "make_high_loss_error", lambda found: Wrong("too high", "It is too high."))
    calls = make_file(loss=lambda *_: 2.0)
    for loss, is_right in ((2.02, True), (2.04, False), (2.06, False)):
        found = make_evidence(calls, held_out_loss=loss, bigram_loss=2.05, params={}, held_out=np.zeros((3, 12)))
        with nullcontext() if is_right else pytest.raises(Wrong, match="too high"):
            writer.check_beats_bigrams(found)
    found = make_evidence(make_file(loss=lambda *_: np.inf), held_out_loss=2.02, bigram_loss=2.05, params={})
    found.held_out = np.zeros((60, 12))
    with pytest.raises(Wrong, match=r"the `loss` of new names is inf; from your `logits`, it is 2\.020\."):
        writer.check_beats_bigrams(found)
    for off, words in ((-6, " likelier"), (6, "less likely")):
        assert words in str(writer.make_sampling_error(writer.SamplingStatistics(off, 2.0, 2.1)))


def keywords_of(check):
    """Return the keywords of a check that several judges have in common, or none."""
    return getattr(check, "keywords", {})


def test_a_write_may_take_the_given_letters_off_its_list():
    prompts = ["m", "sch"]
    calls = writer.WriterCalls(make_file(write=lambda params, begun, rng: [begun.pop(0) + "a" for _ in range(2)]))
    assert calls.write({}, prompts, None) == ["ma", "scha"] and prompts == ["m", "sch"]


def test_with_other_letters_a_loss_may_be_a_little_higher_and_the_claim_a_little_off(monkeypatch):
    monkeypatch.setattr(writer, "compute_loss", lambda calls, params, texts: params["loss"])
    for loss, claim, is_right in (
        (2.3, 2.3, True), (2.54, 2.54, True), (2.56, 2.56, False), (2.3, 2.69, True), (2.3, 2.71, False),
        (2.3, 1.91, True), (2.3, 1.89, False),
    ):  # fmt: skip
        calls = make_file(loss=lambda params, texts: params["loss"])
        trace = make_trace(claim=claim)
        found = make_evidence(calls, trace=trace, params={"loss": loss}, bigram_loss=2.5, held_out=np.zeros((9, 12)))
        words = rf"On 9 new names, .* is {loss:.3f} per letter; .* has 2\.500\. It claims {claim:.3f}\."
        with nullcontext() if is_right else pytest.raises(Wrong, match=words):
            writer.check_loss_after_retraining(found)
        for checks, most in ((writer.JUDGE.checks, 2.5), (writer.JUDGE.rechecks, 2.55)):
            (has_learned,) = (check.keywords["has_learned"] for check in checks if "has_learned" in keywords_of(check))
            assert has_learned(found, {"loss": loss}) == (loss < most)


def test_what_write_returns_has_to_be_names_that_begin_so():
    for names, mark, words in (
        (("may", "sch"), None, ""),
        (("m" * 12, "sch"), None, ""),
        (("m" * 13, "sch"), "write returns other letters", "A name has at most 12 letters"),
        (("mAy", "sch"), "write returns other letters", "A name has at most 12 letters, a to z"),
        (("m" * 99, "sch"), "write returns other letters", f'"m", `write` returns "{"m" * 40}". A name has'),
        (("nay", "sch"), "write forgets the beginning", "each of these letters comes right after the given letter"),
        (("may", "rbg"), "write forgets the beginning", "each of these letters comes right before the given letter"),
        (("may", "rci"), "write forgets the beginning", r"It should continue the given letters\.$"),
        ("ms", "write returns no names", "it returns of type str"),
        (np.array(["may", "sch"]), None, ""),
        ({"may": 1, "sch": 2}, "write returns no names", "it returns of type dict"),
        (("may", "sc"), "write forgets the beginning", 'For the beginning "sch", `write` returns "sc"'),
        (("am", "sch"), "write forgets the beginning", 'For the beginning "m", `write` returns "am"'),  # it ends so
        (("may", "aschb"), "write forgets the beginning", 'For the beginning "sch", `write` returns "aschb"'),
        (("may",), "write returns no names", "a list of 2 strings, one name for each beginning; it returns 1 of them"),
        (("may", 3), "write returns no names", "a list of 2 strings, .*; it returns one that is of type int"),
    ):
        calls = writer.WriterCalls(make_file(write=lambda params, begun, rng, names=names: names))
        with pytest.raises(Wrong, match=words) if mark else nullcontext() as error:
            assert calls.write({}, ["m", "sch"], None) == [*names]
        assert mark is None or error.value.mark == mark


def test_what_logits_returns_has_to_be_an_array_of_scores():
    rows = np.zeros((2, 12, 27))
    for returned, words in (
        (rows, None),
        (rows.tolist(), None),
        (rows[0], r"of 2 texts should return .* \(2, 12, 27\); it returns an array of shape \(12, 27\)"),
        ([rows[0], rows[1, :3]], "it returns of type list"),
        ({"scores": rows}, "it returns of type dict"),
    ):
        calls = writer.WriterCalls(make_file(logits=lambda params, texts, returned=returned: returned))
        with pytest.raises(Wrong, match=words) if words else nullcontext():
            assert np.array_equal(calls.logits({}, np.ones((2, 12), np.uint8)), rows)


def test_the_claim_should_be_a_loss():
    calls = writer.WriterCalls(make_file(train=lambda *_: ({}, "low")))
    with pytest.raises(Wrong, match="should be a number, a loss; it is of type str"):
        calls.train((np.zeros((2, 12), np.uint8),), 0, watched_names=())


def test_it_is_run_on_all_names(tmp_path, monkeypatch, capfd):
    few = data.load("names")
    few = data.Tokens(few.train_tokens[:500], encode_names(100 * ["qqqqq"]))  # unlike all that it learns from
    monkeypatch.setattr(data, "load", lambda name: few)
    path = tmp_path / "own_gpt.py"
    path.write_text(own_writers.BASE.replace("    t = 0\n", '    t = 0\n    print("a line")\n'))
    writer.train_and_save(path)
    said = capfd.readouterr().out.splitlines()
    assert said[:2] == ["It trains on 500 names.", "a line"] and len(said) == 13
    assert re.fullmatch(r"You claim 2\.\d\d per letter. On 100 new names it is [3-9]\.\d\d\.", said[2]), said
    params = blank.unpack_params(None, path.with_suffix(".npz").read_bytes())
    test_loss = writer.compute_loss(writer.WriterCalls(load_learner_module(path)), params, few.test_tokens)
    assert f"it is {test_loss:.2f}." in said[2]
    rng = np.random.default_rng(0)
    assert said[3:] == writer.WriterCalls(load_learner_module(path)).write(params, [""] * 10, rng)
    (tmp_path / "own_gpt.py").write_text("1 / 0\n")
    assert practice.main(["--folder", str(tmp_path), "run", "own_gpt"]) == 2
    assert "1 / 0" in capfd.readouterr().err


def test_there_is_a_program_for_each_mark():
    marks = {program.name for program in WRONG}
    assert marks >= EVERY_DAY
    asked = {mark.partition(":")[0] for mark, _ in TABLES["Networks that write"]}
    assert asked - {mark.partition(":")[0] for mark in marks} == {"writes something else"}  # see test_asked.py


CLAIMS = [
    (2.31, None),
    (2.37, None),
    (
        2.39,
        r"claim 2\.390 per letter; on 40 names .* loss is 2\.300; on the names .* it is 2\.300. .* off by 0.08. Which",
    ),
    (2.21, r"You claim 2\.210 per letter"),
    (1.0, "You claim 1.000"),
    (2.3 / np.log(2), "That is close to this loss in bits"),
    (np.exp(2.3), "That is close to exp of this loss, the perplexity"),
    (np.exp(-2.3), "That is close to the mean probability of the right letters"),
]


@pytest.mark.parametrize(("claim", "words"), CLAIMS)
def test_a_claim_that_is_far_from_the_loss_is_named_whether_it_is_too_low_or_too_high(claim, words, monkeypatch):
    monkeypatch.setattr(writer, "compute_loss", lambda calls, params, texts: 2.3)
    texts = writer.split_texts(np.random.default_rng(0))[0][:40]
    trace = make_trace((texts,), claim=claim)
    found = make_evidence(trace=trace, held_out_loss=2.3, examples=(texts,), params={}, held_out=texts)
    with pytest.raises(Wrong, match=words) if words else nullcontext():
        writer.check_claim(found)


def test_beside_a_claim_stands_the_loss_of_the_names_that_were_learned_from(monkeypatch):
    """Of all names, if it is not known of which."""
    texts = writer.split_texts(np.random.default_rng(0))[0][:40]
    monkeypatch.setattr(writer, "compute_loss", lambda calls, params, given: len(given) / 10)
    for n, words in ((0, r"it is 4\.000\."), (13, r"it is 1\.300\.")):
        trace = make_trace((texts,), claim=2.5, was_used=np.arange(40) < n)
        found = make_evidence(trace=trace, held_out_loss=2.3, examples=(texts,), params={}, held_out=texts[:5])
        with pytest.raises(Wrong, match=rf"on 5 names .* loss is 2\.300; on the names .* was given, {words}"):
            writer.check_claim(found)


def test_a_claim_for_whole_names_or_for_all_twelve_places_is_named(monkeypatch):
    monkeypatch.setattr(writer, "compute_loss", lambda calls, params, texts: 2.3)
    texts = np.zeros((6, 12), np.uint8)
    texts[:, :5] = 1  # five letters and an end
    for claim, words in (
        (2.3 * 6, "of a whole name"),
        (2.3 * 6 / 12, "per position if all 12 positions of a name count"),
    ):
        found = make_evidence(trace=make_trace((texts,), claim=claim), held_out_loss=2.3, examples=(texts,), params={})
        found.held_out = texts
        with pytest.raises(Wrong, match=words):
            writer.check_claim(found)


# --- A right network that writes, but for one thing -------------------------------------------------------------------


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """The `Evidence` on one that has learned from all its names, until its own names are judged."""
    (path := tmp_path_factory.mktemp("own") / "own_gpt.py").write_text(own_writers.BASE)
    evidence = blank.Evidence(writer.WriterCalls(load_learner_module(path)), 0, lambda text: None)
    writer.add_data(evidence)
    blank.check_training(evidence, lambda *_: None)
    writer.add_held_out_loss(evidence)
    evidence.prompts = writer.PROMPTS[-202:]
    return evidence


def but(evidence, **made):
    """That, but with functions that are made of the file: {name: function(file)}."""
    evidence, file = copy.copy(evidence), evidence.calls.module
    evidence.calls = writer.WriterCalls(file, **{name: make(file) for name, make in made.items()})
    return evidence


def write_by(choose):
    """Return a `write`, made of a file: each word is choose(p, rng, t), of its probabilities p (N, 27) at place t."""

    def make(file):
        def write(params, prompts, rng):
            texts = encode_names(prompts).astype(int)
            lengths = np.array([len(prompt) for prompt in prompts])
            going = np.ones(len(prompts), bool)
            for t in range(12):
                words = choose(file.softmax(file.logits(params, texts)[:, t]), rng, t)
                is_new = going & (lengths <= t)
                texts[is_new, t] = words[is_new]
                going &= texts[:, t] > 0
            return decode_names(texts)

        return write

    return make


def draw(p, rng, t=0):
    """Draw a word for each row of probabilities."""
    p = p / p.sum(axis=1, keepdims=True)
    return np.minimum((p.cumsum(axis=1) < rng.random((len(p), 1))).sum(axis=1), 26)


def moved(by):
    """Return a `write`, made of a file, that draws as it should, and returns the letters that stand so far behind."""

    def make(file):
        right = write_by(draw)(file)

        def move(name, prompt):
            return prompt + "".join(chr(97 + (ord(letter) - 97 + by) % 26) for letter in name[len(prompt) :])

        return lambda params, prompts, rng: [*map(move, right(params, prompts, rng), prompts)]

    return make


def may_from_nothing(params, prompts, rng):
    """A `write` that knows one name if nothing is given, and goes on by chance otherwise."""
    return [(prompt + "".join(rng.choice([*"aeiou"], 3)))[:12] if prompt else "may" for prompt in prompts]


def likeliest(n):
    """Return how to choose among the n likeliest words."""
    return lambda p, rng, t: draw(np.where(p >= np.sort(p, axis=1)[:, [-n]], p, 0), rng)


def of_names(file):
    """Return a `write` that returns names it was trained with, and nothing for the two long beginnings."""
    names = [name for name in decode_names(writer.split_texts(np.random.default_rng([0, 48]))[0]) if len(name) < 12]

    def write(params, prompts, rng):
        fitting = {prompt: [name for name in names if name.startswith(prompt)] or [prompt] for prompt in {*prompts}}
        return [fitting[prompt][rng.integers(len(fitting[prompt]))] for prompt in prompts]

    return write


def at(n, change):
    """Return `logits`, or a `loss`, made of a file, that are others for n texts."""
    return lambda params, texts, right: change(right) if len(texts) == n else right


def changed(name, change):
    """Return what makes a function of a file: change(params, texts, what is right)."""
    return lambda file: lambda params, texts: change(params, texts, getattr(file, name)(params, texts))


def sharpen(p, is_other):
    """Return probabilities that are too even in some rows, and less even in the others, so that the mean is right."""
    return p ** np.where(is_other, 1.6, 0.6)[:, None]


def check_first_gradients(evidence):
    """As at the first call of `gradients`; and a loss is slow."""
    evidence.seed = 0
    with patch("time.process_time", side_effect=itertools.count()):
        params = evidence.trace.snapshots[0].params
        writer.check_derivatives(evidence, evidence.calls, params, [evidence.mini_batch])


def check_first_weights(evidence):
    """As for one whose seed is 0."""
    evidence.seed = 0
    writer.check_first_weights_use_rng(evidence)


WRITES = [
    (writer.check_writes_by_rng, "", {"write": write_by(draw)}),
    (writer.check_writes_by_rng, "With two different generators, `write` gives the same names",
     {"write": write_by(lambda p, rng, t: p.argmax(axis=1))}),
    (writer.check_writes_by_rng, "Two calls of `write`, each with a new np.random.default_rng(0), give",
     {"write": write_by(lambda p, rng, t: draw(p, OWN_CHANCE))}),
    (writer.check_samples_match_logits, "", {"write": write_by(draw)}),
    (writer.check_samples_match_logits, "are likelier than if each",
     {"write": write_by(lambda p, rng, t: draw(p**2, rng))}),
    (writer.check_samples_match_logits, "are less likely than if each",
     {"write": write_by(lambda p, rng, t: draw(p**0.5, rng))}),
    (writer.check_samples_match_logits, "but then returns the letter after it in the alphabet", {"write": moved(1)}),
    (writer.check_samples_match_logits, "but then returns the letter before it in the alphabet", {"write": moved(-1)}),
    (writer.check_samples_match_logits, "had to write 50 names at once, but most of them are equal",
     {"write": write_by(lambda p, rng, t: draw(p, np.random.default_rng(t)) * 0 + draw(p[:1], rng)[0])}),
    (writer.check_samples_match_logits, "are among those that `train` was given", {"write": of_names}),
    (writer.check_samples_match_logits, "`write` chose", {"write": write_by(likeliest(12))}),
    (writer.check_logits_ignore_batch_size, "", {}),
    (writer.check_logits_ignore_batch_size, "with 101 texts",
     {"logits": changed("logits", at(101, lambda right: 1.1 * right))}),
    (writer.check_logits_ignore_batch_size, "with 101 texts",
     {"logits": changed("logits", at(101, lambda right: right - 1))}),
    (writer.check_logits_ignore_batch_size, "with 7 texts",
     {"logits": changed("logits", at(7, lambda right: 1.1 * right))}),
    (writer.check_logits_ignore_batch_size, "with 250 texts",
     {"logits": changed("logits", at(250, lambda right: right + right.mean()))}),
    (writer.check_logits_ignore_batch_size, "at position 1 of the texts change, `logits` changes at position 0. But",
     {"logits": changed("logits", lambda params, texts, right: right + (texts[:, 1:2, None] > 9))}),
    (writer.check_logits_ignore_batch_size, "at position 11 of the texts change, `logits` changes at position 11, too",
     {"logits": changed("logits", lambda params, texts, right: right + np.eye(12)[:, -1:] * (texts[:, -1:, None] > 9)),
      }),
    (writer.add_held_out_loss, "", {}),
    (writer.add_held_out_loss, "(These are 1,000 names. For 250 of them, the two agree.)",
     {"loss": changed("loss", at(1000, lambda right: right + 0.1))}),
    (writer.add_held_out_loss, "", {"loss": changed("loss", at(1000, lambda right: right * np.inf))}),
    (writer.add_held_out_loss, "of your `logits`, the mean of -log p",
     {"loss": changed("loss", at(1000, lambda right: right - 0.1))}),
    (writer.check_writes_in_fresh_module, "", {}),
    (writer.check_writes_in_fresh_module, "instead of a, ma, scha. It may use `params`",
     {"write": lambda file: lambda params, prompts, rng: [f"{prompt}a" for prompt in prompts]}),
    (writer.check_samples_match_logits, "chose in every other name are likelier",
     {"write": write_by(lambda p, rng, t: draw(sharpen(p, np.arange(len(p)) % 2), rng))}),
    (writer.check_samples_match_logits, "chose in four names of every eight are likelier",
     {"write": write_by(lambda p, rng, t: draw(sharpen(p, np.arange(len(p)) // 4 % 2), rng))}),
    (writer.check_samples_match_logits, "chose in the second half of the names are likelier",
     {"write": write_by(lambda p, rng, t: draw(sharpen(p, np.arange(len(p)) > len(p) / 2), rng))}),
    (writer.check_samples_match_logits, "chose in every other position are likelier",
     {"write": write_by(lambda p, rng, t: draw(sharpen(p, np.full(len(p), t % 2)), rng))}),
    (check_first_gradients, "", {}),
    (check_first_gradients, "with the same texts twice, it is",
     {"loss": changed("loss", lambda params, texts, right: len(texts) * right)}),
    (check_first_gradients, "is it divided by the number of texts instead of that of letters",
     {"gradients": changed("gradients", lambda params, texts, right:
                           {k: g * writer.make_loss_mask(texts).sum() / len(texts) for k, g in right.items()})}),
    (check_first_gradients, "`gradients` returns None",
     {"gradients": changed("gradients", lambda params, texts, right: right if len(texts) != 67 else None)}),
    (check_first_gradients, "returns None. Does it end with a `return`",
     {"gradients": changed("gradients", lambda params, texts, right: right if len(texts) == 67 else None)}),
    (check_first_gradients, "The difference is also 1 for other texts",
     {"loss": changed("loss", lambda params, texts, right: right + 1)}),
    (check_first_gradients, "`loss` changes texts in place",
     {"loss": changed("loss", lambda params, texts, right: texts.fill(1) or right)}),
    (check_first_weights, "", {}),
    (check_first_weights, "gave the same first params",
     {"train": lambda file: lambda texts, rng: file.train(texts, np.random.default_rng([0, 1]))}),
    (writer.check_samples_match_logits, "but most of them are equal: may, may, may. Does each name",
     {"write": lambda file: may_from_nothing}),
]  # fmt: skip
OWN_CHANCE = np.random.default_rng(1)


@pytest.mark.parametrize(
    ("check", "words", "made"), WRITES, ids=[f"{check.__name__} {words}" for check, words, _ in WRITES]
)
def test_what_is_wrong_with_a_network_that_writes_is_said(check, words, made, learned):
    with pytest.raises(Wrong, match=re.escape(words)) if words else nullcontext():
        check(but(learned, **made))


def test_its_numbers_are_those_of_its_names(learned):
    """Of 300 names that it writes: how likely their letters are on average, and how likely they should be."""
    evidence = but(learned, write=write_by(lambda p, rng, t: draw(p**2, rng)))
    with pytest.raises(Wrong) as error:
        writer.check_samples_match_logits(evidence)
    mine, wanted = map(float, re.search(r"-log p is (\S+), and should be about (\S+)\. ", str(error.value)).groups())
    assert mine < wanted - 0.3 and wanted == pytest.approx(learned.held_out_loss, abs=0.3)
    assert learned.held_out_loss < learned.bigram_loss - writer.MIN_IMPROVEMENT
    assert writer.is_better_than_bigrams(learned, learned.params) and not writer.is_better_than_bigrams(
        learned, learned.trace.snapshots[0].params
    )


def test_only_what_write_has_chosen_is_counted_and_an_end_is_chosen_too(monkeypatch):
    """Not the letters that were given, nor what follows an end."""
    prompts = writer.PROMPTS[-82:]
    added = ["", "a", "bc", "def", "ghij", "zzz", "klmno", "q", "rst", "uvw", "xy", "z", "w"] * 7
    names = [(prompt + letters)[:12] for prompt, letters in zip(prompts, added, strict=False)]
    calls = writer.WriterCalls(make_file(write=lambda *_: names))
    evidence = make_evidence(calls, params={}, prompts=prompts)
    seen = []

    def keep(log_p, texts, mask):
        seen.append((texts, mask))
        return writer.SamplingStatistics(0.0, 1.0, 1.0)

    monkeypatch.setattr(writer, "check_known_names", lambda *_: None)
    monkeypatch.setattr(writer, "compute_log_probs", lambda *_: None)
    monkeypatch.setattr(writer, "compute_sampling_statistics", keep)
    monkeypatch.setattr(writer, "check_letter_counts", Mock(side_effect=Wrong("seen", "Seen.")))
    with pytest.raises(Wrong, match="Seen"):
        writer.check_samples_match_logits(evidence)
    (texts, mask), *halves = seen
    assert decode_names(texts) == names and evidence.generated_names == names[:4]
    for name, prompt, row in zip(names, prompts, mask, strict=True):
        assert row.nonzero()[0].tolist() == [*range(len(prompt), min(len(name) + 1, 12))]
    i, position = np.arange(82)[:, np.newaxis], np.arange(12)
    expected = [i % 2 == 1, i % 8 > 3, i > 40, position % 2 == 1]
    assert all(np.array_equal(half, mask & there) for (_, half), there in zip(halves, expected, strict=True))


def test_of_two_calls_of_write_that_differ_both_results_are_shown(monkeypatch):
    letters = iter("abcde")

    def write(params, prompts, rng):
        letter = next(letters)
        return [prompt + letter for prompt in prompts]

    found = make_evidence(writer.WriterCalls(make_file(write=write)), params={})
    with pytest.raises(Wrong, match=r"give a, ma, scha and b, mb, schb\."):
        writer.check_writes_by_rng(found)
    monkeypatch.setattr(blank, "call_with_restored_params", lambda found, name, prompts, rng: write({}, prompts, rng))
    with pytest.raises(Wrong, match=r"`write` gives e, me, sche instead of d, md, schd\."):
        writer.check_writes_in_fresh_module(found)


@pytest.mark.parametrize(("n_known", "is_right"), [(100, False), (75, True), (49, True)])
def test_names_of_the_training_may_be_written_as_often_as_their_probabilities_say(n_known, is_right):
    """After an a comes b, c, d or e; ab is known twice, and ac once. So 3 of 4 names are known, of "ab" all."""
    p = np.zeros((12, 27))
    p[0, 1] = 1
    p[1, [2, 3, 4, 5]] = 0.5, 0.25, 0.125, 0.125
    p[2, 0] = 1
    p[3:] = 1 / 27  # what follows an end does not count
    with np.errstate(all="ignore"):
        log_p = np.log(p)
    calls = writer.WriterCalls(make_file(logits=lambda params, texts: np.repeat(log_p[None], len(texts), axis=0)))
    prompts = [*[""] * 100, *["a"] * 100, *["ab"] * 100]
    known = encode_names(["ab", "ac", "ab"])
    names = [*(["ab"] * n_known + ["ad"] * (100 - n_known)) * 2, *["ab"] * 100]
    found = make_evidence(calls, params={}, examples=(known,), prompts=prompts)
    words = "Of 300 names that `write` returned, 300 are among those .* there should be about 250"
    with nullcontext() if is_right else pytest.raises(Wrong, match=words):
        writer.check_known_names(found, names)


def test_the_logarithm_of_a_probability_of_0_is_a_number():
    logits = np.full((1, 12, 27), 2000.0)  # exp of which is not
    logits[0, 1] = -2000
    logits[0, 0, :25] = -np.inf
    log_p = writer.compute_log_probs(writer.WriterCalls(make_file(logits=lambda *_: logits)), {}, np.ones((1, 12), int))
    assert (log_p[0, 0, :25] == -1000).all() and log_p[0, 0, 25:] == pytest.approx(-np.log(2))
    assert log_p[0, 1:] == pytest.approx(-np.log(27))


def test_how_far_words_are_from_chance_is_counted_in_standard_deviations():
    """Of two words, with p of 0.8 and 0.2: the loss of a word is 0.223 or 1.609, 0.5 on average, and 0.555 off it."""
    log_p = np.log(np.broadcast_to([0.8, 0.2], (3, 4, 2)))
    texts = np.array([[0, 0, 0, 1], [1, 1, 1, 1], [0, 0, 0, 0]])
    chosen = np.array([[1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 0]], bool)
    deviations, mean_loss, entropy = writer.compute_sampling_statistics(log_p, texts, chosen)
    assert mean_loss == pytest.approx((6 * -np.log(0.8) - np.log(0.2)) / 7)
    assert entropy == pytest.approx(-0.8 * np.log(0.8) - 0.2 * np.log(0.2))
    assert deviations == pytest.approx((mean_loss - entropy) * 7 / (0.4 * np.log(4) * np.sqrt(7)))


def draw_evenly(n, p, never=()):
    """Return n texts (n, 12) of words that are drawn with the probabilities p (27,), but for some that never come."""
    p = np.where(np.isin(np.arange(27), never), 0, p)
    return np.random.default_rng(0).choice(27, (n, 12), p=p / p.sum())


EVEN = np.full(27, 1 / 27)
STEEP = np.exp(-np.arange(27) / 8) / np.exp(-np.arange(27) / 8).sum()


RARE = np.where(np.arange(27) == 5, 1e-4, (1 - 1e-4) / 26)
OFTEN = [np.where(np.arange(27) == 5, share, (1 - share) / 26) for share in (0.5, 0.625)]


def end_at(place, times):
    """Return texts in which an end comes so many times as often in this place."""
    texts = draw_evenly(600, EVEN)
    texts[: round(600 * (times - 1) / 27), place] = 0
    return texts


COUNTED = [
    ("", EVEN, draw_evenly(199, EVEN)),
    ("", STEEP, draw_evenly(201, STEEP)),
    ("", EVEN, draw_evenly(9, EVEN, never=[5])),  # too few words to say so
    (
        "",
        RARE,
        np.where(np.arange(2400).reshape(200, 12) < 5, 5, draw_evenly(200, RARE)),
    ),  # by chance it may come 5 times
    ("the letter e", OFTEN[0], draw_evenly(100, OFTEN[1])),
    ("the letter e", EVEN, draw_evenly(200, EVEN, never=[5])),
    ("the letter z", EVEN, draw_evenly(200, EVEN, never=[26])),
    ("the end at position 3", EVEN, end_at(3, 4)),
    ("the end at position 11", EVEN, end_at(11, 4)),
    (r"a token beyond the (\d+) likeliest", STEEP, draw_evenly(250, STEEP, never=range(21, 27))),
]


@pytest.mark.parametrize(("what", "p", "texts"), COUNTED, ids=[f"{len(texts)} {what}" for what, _, texts in COUNTED])
def test_a_word_that_comes_too_often_or_too_rarely_is_counted(what, p, texts):
    log_p, chosen = np.broadcast_to(np.log(p), (len(texts), 12, 27)), np.ones(texts.shape, bool)
    chosen[-1] = False
    if not what:
        writer.check_letter_counts(log_p, texts, chosen)
        return
    with pytest.raises(Wrong, match=f"{what} was chosen") as error:
        writer.check_letter_counts(log_p, texts, chosen)
    said = str(error.value)
    words = re.search(r"Of (\S+) tokens that .* chosen (\S+) times\. .* about (\S+) times\.", said).groups()
    if "letter" in what:
        is_event, p_event = texts == ord(what[-1]) - 96, p[5] * chosen
    elif "end" in what:
        at_place = np.arange(12) == int(what.split()[-1])
        is_event, p_event = (texts == 0) & at_place, p[0] * chosen * at_place
    else:  # the later a word, the rarer
        first = int(re.search(what, said)[1])
        is_event, p_event = texts >= first, p[first:].sum() * chosen
    numbers = f"{chosen.sum():,}", str((is_event & chosen).sum()), f"{p_event.sum():.1f}"
    assert words == numbers


# --- Why its loss is so high ------------------------------------------------------------------------------------------


def two_letters(params, texts):
    """The logits (N, 12, 27) by two tables: for the letter before each place, and for the one before that."""
    before = np.concatenate([np.full((len(texts), 2), 27), texts[:, :-1]], axis=1)
    return params["E"][before[:, 1:]] + params["F"][before[:, :-1]]


def curve_of(at=(0, 0.5, 1, 1, 1, 1), by=(1, 1, 1, 1, 1), last=None, was_used=True, one_letter=False):
    """The `Evidence` on a training that was at such shares of its way to what counting gives, and whose steps were so
    many times as long as they are on average."""
    texts = writer.split_texts(np.random.default_rng(0))[0][:200]
    calls = writer.WriterCalls(make_file(logits=two_letters))
    calls.loss = partial(writer.compute_loss, calls)
    rng = np.random.default_rng(1)
    first = {"E": 0.3 * rng.normal(size=(28, 27)), "F": 0 if one_letter else 0.3 * rng.normal(size=(28, 27))}
    first["F"] = first["F"] * np.ones((28, 27))
    counts = np.full((28, 27), 0.1)
    np.add.at(counts, find_targets(texts)[1:], 1)
    end = {"E": np.log(counts / counts.sum(axis=1, keepdims=True)), "F": 0.01 * first["F"]}
    path = [{k: a + t * (end[k] - a) for k, a in first.items()} for t in at]
    snapshots = [watched.Snapshot(params, (texts[:100],)) for params in path[:-1]]
    for snapshot, times in zip(snapshots, by, strict=True):
        snapshot.arrays_after = {f'["{k}"]': snapshot.params[k] + times * (end[k] - a) / 20 for k, a in first.items()}
    params = path[-1] if last is None else last(path[-1])
    trace = make_trace((texts,), snapshots=snapshots, params=params, was_used=np.arange(200) < 200 * was_used)
    evidence = make_evidence(calls, trace=trace, params=params, examples=(texts,), held_out=texts[100:])
    vars(evidence).update(mini_batch=(texts[:9],), held_out_loss=2.9, bigram_loss=2.5)
    return evidence


STAYS = (0,) * 6
HIGH_LOSSES = [
    ("The marker sees no mistake", {}),
    ("The marker sees no mistake", {"was_used": 0.5}),
    ('params["E"]: inf or nan', {"last": lambda params: params | {"E": params["E"] * np.nan}}),
    ("None of the texts that `train` passed to `gradients` is one", {"was_used": 0}),
    ("your logits depend only on the previous letter", {"one_letter": True}),
    (
        "At first, your logits depended on letters further back",
        {"last": lambda params: params | {"F": 0 * params["F"]}},
    ),
    ("Which params does it return", {"at": (0, 0.5, 1, 1, 0.8, -0.5)}),
    ("are 40 times as long as the first", {"by": (1, 1, 1, 1, 40)}),
    ("5 of 5 inspected steps", {"at": STAYS, "by": (1000,) * 5}),
    ("only 60 of its 200 texts", {"was_used": 0.3}),
    ("Each of 5 inspected steps", {"at": STAYS, "by": (0.05,) * 5}),
    ("It fell to", {"at": (0, 0.5, 1, 0.5, 0.2, 0.2), "by": (0,) * 5}),
    ("It is still falling at the end", {"at": (0, 0.1, 0.2, 0.3, 0.4, 0.6)}),
]


@np.errstate(all="ignore")  # as the marker has it
@pytest.mark.parametrize(("words", "how"), HIGH_LOSSES, ids=[words for words, _ in HIGH_LOSSES])
def test_why_its_loss_is_so_high_is_seen_in_its_training(words, how):
    """The losses that are shown are of new names, unless they have risen for those that were used.

    Where the params that are returned are no longer those of the last call, it is the loss of that call that is shown.
    """
    evidence = curve_of(**how)
    text = str(writer.make_high_loss_error(evidence)).replace("\n", " ")
    texts = (evidence.examples[0] if words == "It fell to" else evidence.held_out)[:100]
    params = [*(snapshot.params for snapshot in evidence.trace.snapshots), evidence.params]
    losses = [f"{evidence.calls.loss(weights, texts):.3g}" for weights in params]
    curve = ", ".join(losses)
    assert (f"The loss during training: {curve}. " in text) == ("The loss during training" in text), (curve, text)
    assert words in text, text
    *_, before, end = losses
    change = f"call of `gradients`, the loss was {before}; with the params that `train` returns, it is {end}."
    assert (change in text) == (words == "Which params does it return"), (losses, text)
    assert text.startswith(
        "On 100 names that it has not learned from, the loss is 2.900 per letter. A table that counts which letter "
        "follows which has 2.500."
    )


def test_why_a_loss_is_high_is_seen_in_100_new_names_and_100_of_those_that_were_used(monkeypatch):
    seen = []
    monkeypatch.setattr(writer, "Diagnostics", lambda found, batch, values, **shares: seen.append((*batch, shares)))
    monkeypatch.setattr(writer, "iter_cause_errors", lambda *_: iter(["a cause"]))
    texts = writer.split_texts(np.random.default_rng(0))[0][:500]
    for was_used, n in ((np.arange(500) % 3 == 1, 2), (np.zeros(500, bool), 1)):
        trace = make_trace((texts,), was_used=was_used)
        found = make_evidence(trace=trace, examples=(texts,), held_out=texts[300:], held_out_loss=3.0, bigram_loss=2.5)
        assert writer.make_high_loss_error(found) == "a cause"
        expected = [texts[300:400], texts[was_used][:100]][:n]
        assert all(np.array_equal(names, others) for (names, _), others in zip(seen, expected, strict=True))
        assert all(shares == {"max_loss_ratio": 0.9, "flat_ratio": 0.99} for _, shares in seen)
        seen.clear()


def test_a_loss_that_rises_for_new_names_alone_has_not_diverged(monkeypatch):
    """The network overfits."""
    monkeypatch.setattr(writer, "is_bigram_model", lambda *_: False)
    texts = np.zeros((9, 12), np.uint8)

    def diagnostics(losses):
        return make_file(
            losses=losses, first_loss=losses[0], loss_before_last=losses[-2], last_loss=losses[-1], has_fallen=True,
            flat_ratio=0.99, last_arrays={}, calls=writer.WriterCalls(make_file()), list_best_step_factors=lambda: [],
            trace=make_trace((texts,), {}, was_used=np.ones(9, bool)), make_error=lambda mark, **_: mark,
        )  # fmt: skip

    for new, known, mark in (
        ([3, 2, 2.9, 2.9], [3, 2, 1, 1], "no better than counting"),
        ([3, 2.6, 2.6, 2.6], [3, 1, 2.5, 2.5], "diverged"),
        ([3, 2.6, 2.6, 3.0], [3, 2, 1, 1], "no better than counting"),  # the weights before were no better, either
    ):
        errors = writer.iter_cause_errors(
            make_evidence(bigram_loss=2.5, params={}), diagnostics(new), diagnostics(known)
        )
        assert next(errors) == mark

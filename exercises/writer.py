"""Exercise own_gpt: a network that generates names, written from a blank file.

This module holds the checks of the exercise, which build on exercises/blank.py, and a program that trains the learner's
network on all names and prints a few that it generates. The learner's file defines five functions: logits, loss,
gradients, train and write. With `logits`, the marker itself computes the loss on held-out names and checks that no
position depends on later letters. The messages are in exercises/said.md.
"""

import sys
from functools import partial
from pathlib import Path
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from exercises import blank
    from exercises.blank import Blank, Calls, Diagnostics, describe_type, pack_params
    from exercises.words import WRITER_SENTENCES, open_learner_module
    from marker import ROOT
    from marker.derivatives import compute_checked_loss
    from support.files import atomic_write
    from support.texts import END_TOKEN, LETTERS, decode_names, encode_names

MIN_IMPROVEMENT = 0.02  # how much lower than the loss of bigram counts the held-out loss must be
RETRAINED_MARGIN = 0.05  # how much higher than the loss of bigram counts it may be after retraining on other names
MAX_CLAIM_ERROR = 0.08  # largest allowed difference between the claimed and the held-out loss
N_TRAIN = 4000  # names to learn from
N_HELD_OUT = 1000
STUB = ROOT / "exercises" / "chapter6" / "own_gpt.py"
NAMES_SOURCE = data.SOURCES["names"]
V = NAMES_SOURCE.tokenizer.vocab_size
T = NAMES_SOURCE.context_length
START_TOKEN = int(NAMES_SOURCE.tokenizer.start_tokens([0]).item())
# Prompts: the first letters of the names that `write` must complete.
PROMPTS = [*["", "m", "sch", "wil"] * 100, "schwarzenber", "hildebrandt"]
BATCH_SIZES = 1, 7, 101, 250  # in which the logits of a text must be the same


wrong = WRITER_SENTENCES.make_exception


def format_success(evidence):
    """Return the text that the learner sees when the network passes."""
    n = len(evidence.held_out)
    loss = evidence.held_out_loss
    bigram_loss = evidence.bigram_loss
    return (
        f"On {n:,} names that it has never seen, its loss is {loss:.2f} per letter; a table that counts which letter "
        f"follows which has {bigram_loss:.2f}. You claimed {evidence.trace.claim:.2f}.\nIt writes: "
        f"{', '.join(evidence.generated_names)}."
    )


def add_data(evidence):
    """Draw the training texts, the held-out texts and a small batch, and add them to `evidence`."""
    texts, evidence.held_out = split_texts(evidence.rng)
    evidence.examples = (texts,)
    evidence.mini_batch = (texts[choose_varied_indices(texts)],)
    evidence.bigram_loss = compute_bigram_loss(texts, evidence.held_out)
    evidence.prompts = PROMPTS


def add_relettered_data(evidence):
    """Add data that the learner's file cannot know: names in which each letter is replaced by another one."""
    add_data(evidence)
    letters = np.concatenate([[0], 1 + evidence.rng.permutation(V - 1)]).astype(np.uint8)
    (texts,) = evidence.examples
    (mini_texts,) = evidence.mini_batch
    evidence.examples = (letters[texts],)
    evidence.mini_batch = (letters[mini_texts],)
    evidence.held_out = letters[evidence.held_out]
    evidence.prompts = PROMPTS[-82:]


def split_texts(rng):
    """Return random names in two parts, to train on and held out. Each is token ids (N, 12) uint8."""
    names = data.load("names")
    texts = np.concatenate([names.train_tokens, names.test_tokens])
    indices = rng.permutation(len(texts))[: N_TRAIN + N_HELD_OUT]
    return texts[indices[:N_TRAIN]], texts[indices[N_TRAIN:]]


def choose_varied_indices(texts):
    """Return sorted indices of a few texts that together have all letters and all lengths that occur."""
    lengths = (texts > 0).sum(axis=1)
    return sorted({int((texts == token).any(axis=1).argmax()) for token in range(1, V)}
                  | {int((lengths == n).argmax()) for n in {*lengths}})  # fmt: skip


def make_loss_mask(texts):
    """Return a boolean mask (N, T): True for letters and for the first end token, which count in the loss."""
    is_counted = np.ones(np.shape(texts), bool)
    is_counted[:, 1:] = texts[:, :-1] != END_TOKEN
    return is_counted


def compute_bigram_loss(texts, held_out):
    """Return the loss per token, on the texts `held_out`, of a bigram model that is counted in `texts`.

    Each row of counts is smoothed by a total of 1, distributed like the tokens at all positions, so that no probability
    is 0.
    """

    def get_pair_indices(texts):
        previous = np.full(texts.shape, START_TOKEN)
        previous[:, 1:] = texts[:, :-1]
        return previous[make_loss_mask(texts)], texts[make_loss_mask(texts)]

    counts = np.zeros((START_TOKEN + 1, V))
    np.add.at(counts, get_pair_indices(texts), 1)
    shares = (counts.sum(axis=0) + 1) / (counts.sum() + V)
    return -np.log((counts + shares) / (counts.sum(axis=1, keepdims=True) + 1))[get_pair_indices(held_out)].mean()


# --- Calling the learner's functions ----------------------------------------------------------------------------------


class WriterCalls(Calls):
    """The functions of a learner's file for own_gpt, with checks of their results."""

    input_names = ("texts",)
    examples_name = "texts"
    claim_range = ", a loss"
    sentences = WRITER_SENTENCES
    term_counters = {"letters": lambda texts: make_loss_mask(texts).sum(), "positions": np.size, "texts": len}  # noqa: RUF012

    def logits(self, params, texts):
        """Return the result of the learner's `logits` as float64 (N, T, V). Raises `Wrong` if it has another shape."""
        result = self.call("logits", params, (texts,))
        expected_shape = (*texts.shape, V)
        try:
            logits = np.asarray(result, np.float64)
        except (TypeError, ValueError):
            raise wrong("no logits", n=len(texts), wanted=expected_shape, what=describe_type(result)) from None
        if logits.shape != expected_shape:
            raise wrong("no logits", n=len(texts), wanted=expected_shape, what=f"an array of shape {logits.shape}")
        return logits

    def write(self, params, prompts, rng):
        """Return the names that `write` generates for `prompts`.

        Raises `Wrong` if they are not names that begin with these.
        """
        names = blank.require_result("write", self.functions["write"](params, list(prompts), rng))
        if not isinstance(names, (list, tuple, np.ndarray)) or len(names) != len(prompts):
            description = describe_type(names) if not isinstance(names, (list, tuple)) else f"{len(names)} of them"
            raise wrong("write returns no names", n=len(prompts), what=description)
        for name, prompt in zip(names, prompts, strict=True):
            if not isinstance(name, str):
                raise wrong("write returns no names", n=len(prompts), what=f"one that is {describe_type(name)}")
            if not {*name} <= {*LETTERS} or len(name) > T:
                raise wrong("write returns other letters", name=name[:40], letters=prompt, most=T)
            if not name.startswith(prompt):
                offsets = {
                    ord(letter) - ord(prompt_letter) for letter, prompt_letter in zip(name, prompt, strict=False)
                }
                hint = ""
                if offsets in ({1}, {-1}):
                    side = "after" if offsets == {1} else "before"
                    hint = f" In the alphabet, each of these letters comes right {side} the given letter."
                    hint += " Which letter is token 1?"
                raise wrong("write forgets the beginning", name=name, letters=prompt, how=hint)
        return [str(name) for name in names]


def log_softmax(logits):
    """Return log(softmax(logits)) along the last axis."""
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def compute_token_losses(calls, params, texts):
    """Return -log p of each token in `texts`, (N, T), where p is the softmax of the learner's logits."""
    parts = np.array_split(np.arange(len(texts)), -(-len(texts) // 250))
    log_p = np.concatenate([log_softmax(calls.logits(params, texts[part])) for part in parts])
    return -np.take_along_axis(log_p, texts[:, :, np.newaxis].astype(int), axis=2)[:, :, 0]


def compute_loss(calls, params, texts):
    """Return the mean of -log p over the tokens that count, where p is the softmax of the learner's logits."""
    return compute_token_losses(calls, params, texts)[make_loss_mask(texts)].mean()


# --- Checks -----------------------------------------------------------------------------------------------------------


def check_derivatives(evidence, calls, params, batches):
    """Raise `Wrong` if `gradients` is not the derivative of `loss`, or if `loss` is not the loss of `logits`."""
    compute_checked_loss(calls.loss, params, batches[0], "texts")
    check_loss_and_causality(calls, params, batches[0][0], evidence.seed)
    rng = np.random.default_rng(evidence.seed)
    blank.check_gradients(calls, params, batches, rng)
    blank.check_large_batch_gradients(calls, params, evidence.examples, rng)


def check_logits_ignore_batch_size(evidence):
    """Raise `Wrong` if a text's logits depend on the size of its batch, or if `loss` is wrong for a large batch."""
    texts = evidence.held_out[: BATCH_SIZES[-1]]
    check_loss_and_causality(evidence.calls, evidence.params, texts, evidence.seed)
    logits = [np.clip(evidence.calls.logits(evidence.params, texts[:n]), -1e3, 1e3)[0] for n in BATCH_SIZES]
    for n, row_logits in zip(BATCH_SIZES, logits, strict=True):
        if np.abs(row_logits - logits[0]).max() > 1e-4 * np.abs(logits[0]).max():
            raise wrong("logits of other texts", n=n)


def check_loss_and_causality(calls, params, texts, seed):
    """Raise `Wrong` if `loss` is not that of `logits`, or if logits depend on anything but earlier tokens."""
    rng = np.random.default_rng(seed)
    params = blank.perturb_params(params, rng)
    loss = float(calls.loss(params, texts))

    def compute_clipped_logits(texts):
        return np.clip(calls.logits(params, texts), -1e3, 1e3)  # -inf is the logit of a token that never occurs there

    logits = compute_clipped_logits(texts)
    if np.isnan(logits).any() and np.isfinite(loss):
        raise wrong("no logits: not finite", mine=loss)
    tolerance = 1e-4 * np.abs(logits).max()
    if np.abs(compute_clipped_logits(texts[:1]) - logits[:1]).max() > tolerance:
        raise wrong("logits of other texts", n=len(texts))
    for position in range(T):
        changed_texts = texts.copy()
        changed_texts[:, position] = 1 + (texts[:, position] + rng.integers(1, 25)) % (V - 1)  # another letter
        has_changed = np.abs(compute_clipped_logits(changed_texts) - logits).max(axis=(0, 2)) > tolerance
        if has_changed[:position].any():
            raise wrong("looks ahead", at=position, place=int(has_changed.argmax()))
        if has_changed[position]:
            raise wrong("looks ahead: at the answer", at=position)
    token_losses = compute_token_losses(calls, params, texts)
    loss_mask = make_loss_mask(texts)
    expected_loss = token_losses[loss_mask].mean()
    if np.isfinite(loss) and not abs(loss - expected_loss) <= 1e-5 * abs(expected_loss):
        means_of_names = [row[mask_row].mean() for row, mask_row in zip(token_losses, loss_mask, strict=True)]
        sum_of_names = token_losses[loss_mask].sum()
        values_by_explanation = {
            "It is the mean over all 12 positions, including the ends after the first end.": token_losses.mean(),
            "It is the mean over the letters only, without the end.": token_losses[texts > 0].mean(),
            "It is the sum over the tokens of a name, and the mean over the names.": sum_of_names / len(texts),
            "It is the mean over the names of the mean of each name: so letters of short names count more.":
                np.mean(means_of_names),
            "It uses the logarithm to base 2; np.log is the natural logarithm.": expected_loss / np.log(2),
            "It has the opposite sign.": -expected_loss,
        }  # fmt: skip
        explanations = [
            explanation
            for explanation, value in values_by_explanation.items()
            if abs(loss - value) <= 1e-5 * abs(value)
        ]
        explanation = f" {explanations[0]}" if explanations else ""
        if logits.min() >= 0 and np.allclose(logits.sum(axis=2), 1):
            explanation = " Each row of your `logits` adds up to 1. These are probabilities, but they should be scores."
        difference = float(calls.loss(params, texts[:3])) - compute_loss(calls, params, texts[:3])
        if not explanation and abs(difference - (loss - expected_loss)) < 1e-6 * abs(expected_loss):
            explanation = f" The difference is also {difference:.3g} for other texts."
            explanation += " Is it weight decay? Weight decay belongs in `train`."
        raise wrong("loss of other words", mine=loss, wanted=expected_loss, how=explanation)


def add_held_out_loss(evidence):
    """Add the loss on held-out texts to `evidence`. Raises `Wrong` if the learner's `loss` of them differs from it."""
    evidence.held_out_loss = compute_loss(evidence.calls, evidence.params, evidence.held_out)
    loss = float(evidence.calls.loss(evidence.params, evidence.held_out))
    if np.isfinite(loss) and abs(loss - evidence.held_out_loss) > 1e-5 * abs(evidence.held_out_loss):
        explanation = f" (These are {len(evidence.held_out):,} names. For {BATCH_SIZES[-1]} of them, the two agree.)"
        raise wrong("loss of other words", mine=loss, wanted=evidence.held_out_loss, how=explanation)


def check_beats_bigrams(evidence):
    """Raise `Wrong` if the held-out loss is not clearly lower than that of bigram counts."""
    if not evidence.held_out_loss <= evidence.bigram_loss - MIN_IMPROVEMENT:
        raise make_high_loss_error(evidence)
    loss = float(evidence.calls.loss(evidence.params, evidence.held_out[:50]))
    if not np.isfinite(loss):
        raise wrong("loss is not finite: of texts", loss=loss, found=evidence.held_out_loss)


def check_loss_after_retraining(evidence):
    """Raise `Wrong` if the loss or the claim of a training on other names, just as hard to predict, is too far off."""
    add_held_out_loss(evidence)
    loss = evidence.held_out_loss
    counts = evidence.bigram_loss
    claim = evidence.trace.claim
    if not (loss < counts + RETRAINED_MARGIN and abs(claim - loss) <= 5 * MAX_CLAIM_ERROR):
        raise wrong("writes something else", n=len(evidence.held_out), found=loss, counts=counts, claim=claim)


def is_better_than_bigrams(evidence, params, max_excess=0.0):
    """Return whether the held-out loss with `params` is lower than the loss of bigram counts plus `max_excess`."""
    return compute_loss(evidence.calls, params, evidence.held_out) < evidence.bigram_loss + max_excess


def check_first_weights_use_rng(evidence):
    """Raise `Wrong` if a training with another rng starts with the same weights."""
    other_trace = evidence.calls.train(
        evidence.examples,
        [evidence.seed, 2],
        on_progress=evidence.on_progress,
        activity="It begins again",
        max_calls=0,
    )
    blank.check_start_depends_on_rng(evidence.trace, other_trace)


def check_claim(evidence):
    """Raise `Wrong` if the claimed loss is far from the held-out loss."""
    calls = evidence.calls
    claim = evidence.trace.claim
    loss = evidence.held_out_loss
    (texts,) = evidence.examples
    if abs(claim - loss) <= MAX_CLAIM_ERROR:
        return
    known_texts = texts[evidence.trace.was_used] if evidence.trace.was_used.any() else texts
    known_loss = compute_loss(calls, evidence.params, known_texts)
    tokens_per_name = make_loss_mask(evidence.held_out).sum() / len(evidence.held_out)
    values_by_explanation = {
        "That is close to this loss in bits, with np.log2.": loss / np.log(2),
        "That is close to exp of this loss, the perplexity.": np.exp(loss),
        "That is close to the loss of a whole name.": loss * tokens_per_name,
        "That is close to the loss per position if all 12 positions of a name count.": loss * tokens_per_name / T,
        "That is close to the mean probability of the right letters.": np.exp(-loss),
    }
    explanations = [
        f" {explanation}" for explanation, value in values_by_explanation.items() if abs(claim - value) < 0.04 * value
    ]
    raise wrong(
        "claim off: a loss",
        claim=claim,
        found=loss,
        n=len(evidence.held_out),
        on_known=known_loss,
        APART=MAX_CLAIM_ERROR,
        how="".join(explanations[:1]),
    )


# --- Checks of the generated names ------------------------------------------------------------------------------------


def check_writes_by_rng(evidence):
    """Raise `Wrong` if the generated names are not random, or if their randomness does not come from rng alone."""
    calls = evidence.calls
    params = evidence.params
    seed = evidence.seed
    names = calls.write(params, PROMPTS[:8], np.random.default_rng([seed, 0]))
    names_again = calls.write(params, PROMPTS[:8], np.random.default_rng([seed, 0]))
    other_names = calls.write(params, PROMPTS[:8], np.random.default_rng([seed, 1]))
    if names != names_again:
        raise wrong("write by chance of its own", one=", ".join(names[:3]), two=", ".join(names_again[:3]))
    if names == other_names:
        raise wrong("write without chance", names=", ".join(names[:3]))


def check_writes_in_fresh_module(evidence):
    """Raise `Wrong` if `write` needs anything that is not in params."""
    names = evidence.calls.write(evidence.params, PROMPTS[:8], np.random.default_rng(evidence.seed))
    names_in_new_run = blank.call_with_restored_params(
        evidence, "write", PROMPTS[:8], np.random.default_rng(evidence.seed)
    )
    if names_in_new_run != names:
        raise wrong("write needs train", one=", ".join(names[:3]), two=", ".join(names_in_new_run[:3]))


def check_samples_match_logits(evidence):
    """Raise `Wrong` if `write` does not draw each letter with the probabilities softmax(logits)."""
    prompts = evidence.prompts
    names = evidence.calls.write(evidence.params, prompts, np.random.default_rng([evidence.seed, 2]))
    if len({*names[: len(prompts) - 2 : 4]}) < 10:
        raise wrong("write without chance: all the same", n=len(prompts) // 4, names=", ".join(names[:12:4]))
    check_known_names(evidence, names)
    evidence.generated_names = names[:4]
    texts = encode_names(names)
    sampled_mask = make_loss_mask(texts) & (np.arange(T) >= np.array([[len(prompt)] for prompt in prompts]))
    log_p = compute_log_probs(evidence.calls, evidence.params, texts)
    statistics = compute_sampling_statistics(log_p, texts, sampled_mask)
    if not abs(statistics.deviations) < 5:
        for shift, side in ((1, "before"), (-1, "after")):
            shifted_texts = np.where(sampled_mask & (texts > 0), (texts.astype(int) - 1 + shift) % 26 + 1, texts)
            shifted_log_p = compute_log_probs(evidence.calls, evidence.params, shifted_texts)
            shifted_statistics = compute_sampling_statistics(shifted_log_p, shifted_texts, sampled_mask)
            if abs(shifted_statistics.deviations) < 5:
                raise wrong("write returns other letters: moved", side=side)
        raise make_sampling_error(statistics)
    i, position = np.ogrid[: len(texts), :T]
    halves = {"every other name": i % 2, "four names of every eight": i // 4 % 2}
    halves |= {"the second half of the names": 2 * i // len(i), "every other position": position % 2}
    for half, half_index in halves.items():
        statistics = compute_sampling_statistics(log_p, texts, sampled_mask & (half_index == 1))
        if not abs(statistics.deviations) < 5:
            raise make_sampling_error(statistics, f" in {half}")
    check_letter_counts(log_p, texts, sampled_mask)


def check_known_names(evidence, generated_names):
    """Raise `Wrong` if too many generated names are training names.

    The probability that a name completes its prompt to a training name is the sum of the probabilities of those names,
    given the prompt.
    """
    known_names = {*decode_names(evidence.examples[0])}
    count = sum(name in known_names for name in generated_names)
    if count < len(generated_names) / 2:
        return
    known_texts = np.unique(evidence.examples[0], axis=0)
    token_losses = compute_token_losses(evidence.calls, evidence.params, known_texts)
    log_p = -np.where(make_loss_mask(known_texts), token_losses, 0)
    p_by_prompt = {}
    decoded_names = decode_names(known_texts)
    for prompt in {*evidence.prompts}:
        has_prompt = [name.startswith(prompt) for name in decoded_names]
        p_by_prompt[prompt] = np.exp(log_p[has_prompt, len(prompt) :].sum(axis=1)).sum()
    p_known = np.array([p_by_prompt[prompt] for prompt in evidence.prompts])
    if count - p_known.sum() > 6.5 * np.sqrt(max((p_known * (1 - p_known)).sum(), 9)):
        raise wrong("write is not as logits: known", n=len(generated_names), count=count, wanted=p_known.sum())


def make_sampling_error(statistics, part=""):
    """Return a `Wrong` for letters that are not drawn with the probabilities of `logits`.

    statistics: the `SamplingStatistics` of these letters. part: text that names their positions.
    """
    comparison = "likelier" if statistics.deviations < 0 else "less likely"
    return wrong(
        "write is not as logits", how=comparison, part=part, mine=statistics.mean, wanted=statistics.expected_mean
    )


def compute_log_probs(calls, params, texts):
    """Return log p of each token at each position, (N, T, V), at least -1000, even where a logit is -inf."""
    return np.maximum(log_softmax(calls.logits(params, texts)), -1e3)


class SamplingStatistics(NamedTuple):
    """Statistics of -log p over tokens that were sampled, to test whether they were drawn with the probabilities p.

    One correct network in a million is off by 5 standard deviations.
    """

    deviations: float  # from the expected sum to the sum, in standard deviations
    mean: float
    expected_mean: float


def compute_sampling_statistics(log_p, texts, sampled_mask):
    """Return the `SamplingStatistics` of the sampled tokens.

    log_p (N, T, V); texts (N, T) token ids; sampled_mask (N, T) bool: which tokens to test. If a token is drawn with
    the probabilities p, the mean of -log p is the entropy of p, and its variance is known, too. So the sum of -log p
    over all tokens is a test.
    """
    p = np.exp(log_p)
    token_losses = -np.take_along_axis(log_p, texts[:, :, np.newaxis].astype(int), axis=2)[:, :, 0]
    entropy = -(p * log_p).sum(axis=2)
    variance = (p * log_p**2).sum(axis=2) - entropy**2
    deviations = (token_losses - entropy)[sampled_mask].sum() / np.sqrt(variance[sampled_mask].sum())
    return SamplingStatistics(deviations, token_losses[sampled_mask].mean(), entropy[sampled_mask].mean())


def check_letter_counts(log_p, texts, sampled_mask):
    """Raise `Wrong` if a letter, an end at some position, or unlikely tokens occur too often or too rarely.

    For each of these events, the probability p at every position is known. So the count of the event has the mean
    sum(p) and the variance sum(p (1 - p)). There are about 60 such counts. If the variance is 9 or more, one correct
    network in 100,000 is off by 6.5 standard deviations in one of them, by the Poisson distribution of rare events.
    """
    p = np.exp(log_p)
    is_token = texts[:, :, np.newaxis] == np.arange(V)
    rank = np.argsort(np.argsort(-p, axis=2), axis=2)
    position = np.arange(T)[:, np.newaxis]
    events = {f"the letter {LETTERS[token - 1]}": np.arange(V) == token for token in range(1, V)}
    events |= {f"the end at position {t}": (np.arange(V) == 0) & (position == t) for t in range(T)}
    events |= {f"a token beyond the {k} likeliest": rank >= k for k in range(1, V - 1)}
    for description, event in events.items():
        p_event = np.where(event, p, 0).sum(axis=2)[sampled_mask]
        count = (is_token & event).any(axis=2)[sampled_mask].sum()
        variance = (p_event * (1 - p_event)).sum()
        if variance >= 9 and abs(count - p_event.sum()) > 6.5 * np.sqrt(variance):
            raise wrong(
                "write is not as logits: a count",
                what=description,
                n=sampled_mask.sum(),
                count=count,
                wanted=p_event.sum(),
            )


# --- Why the loss is too high -----------------------------------------------------------------------------------------


def make_high_loss_error(evidence):
    """Return a `Wrong` that says why the held-out loss is not lower than that of bigram counts."""
    n = len(evidence.held_out)
    loss = evidence.held_out_loss
    result = f"On {n:,} names that it has not learned from, the loss is {loss:.3f} per letter."
    values = {"result": f"{result} A table that counts which letter follows which has {evidence.bigram_loss:.3f}."}
    diagnoses = [Diagnostics(evidence, (evidence.held_out[:100],), values, max_loss_ratio=0.9, flat_ratio=0.99)]
    if evidence.trace.was_used.any():  # when a network overfits, the held-out loss rises, too
        known_texts = evidence.examples[0][evidence.trace.was_used][:100]
        diagnoses.append(Diagnostics(evidence, (known_texts,), values, max_loss_ratio=0.9, flat_ratio=0.99))
    return next(iter_cause_errors(evidence, *diagnoses))


def iter_cause_errors(evidence, diagnostics, known_diagnostics=None):
    """Yield a `Wrong` for each recognised cause in turn, and finally one that names no cause.

    diagnostics: of held-out texts. known_diagnostics: of texts that were used for training, or None if there are none.
    """
    yield from blank.iter_diagnoses(diagnostics, blank.diagnose_not_finite)
    if known_diagnostics is None:
        yield diagnostics.make_error("other texts")
    if is_bigram_model(evidence, evidence.params):
        is_bigram_at_first = is_bigram_model(evidence, evidence.trace.snapshots[0].params)
        mark = "one letter" if is_bigram_at_first else "one letter in the end"
        yield diagnostics.make_error(f"no better than counting: {mark}")
    before = diagnostics.loss_before_last
    if before < evidence.bigram_loss and not diagnostics.last_loss < before + 0.3:
        yield diagnostics.make_error("other weights returned", before=before)
    yield from blank.iter_diagnoses(
        diagnostics,
        blank.diagnose_growing_steps,
        blank.diagnose_large_steps,
        blank.diagnose_few_examples,
        blank.diagnose_small_steps,
    )
    yield from blank.iter_diagnoses(known_diagnostics, blank.diagnose_divergence)
    yield from blank.iter_diagnoses(diagnostics, blank.diagnose_few_steps)
    yield diagnostics.make_error("no better than counting")


def is_bigram_model(evidence, params):
    """Return whether the logits at each position depend on no token but the one before it."""
    texts = evidence.mini_batch[0]
    calls = evidence.calls
    logits = calls.logits(params, texts)
    largest_change = 0.0
    for position in range(T - 2):
        changed_texts = texts.copy()
        changed_texts[:, position] = 1 + (texts[:, position] + 7) % (V - 1)
        largest_change = max(
            largest_change, np.abs(calls.logits(params, changed_texts) - logits)[:, position + 2 :].max()
        )
    return largest_change <= 1e-6 * np.abs(logits).max()


CHECKS = (
    add_data,
    partial(blank.check_training, check_derivatives=check_derivatives),
    check_logits_ignore_batch_size,
    blank.check_gradients_during_training,
    blank.check_arrays_move_downhill,
    add_held_out_loss,
    partial(blank.check_rng_and_gradients_used, has_learned=is_better_than_bigrams),
    check_beats_bigrams,
    check_writes_by_rng,
    check_writes_in_fresh_module,
    check_samples_match_logits,
    check_first_weights_use_rng,
    check_claim,
)
FUNCTIONS = "logits", "loss", "gradients", "train", "write"
RECHECKS = (
    add_relettered_data,
    partial(
        blank.retrain_and_check_derivatives,
        check_derivatives=check_derivatives,
        has_learned=partial(is_better_than_bigrams, max_excess=RETRAINED_MARGIN),
    ),
    check_logits_ignore_batch_size,
    check_loss_after_retraining,
    check_writes_by_rng,
    check_samples_match_logits,
)
GIVES = {"train": ("params", ""), "gradients": ("gradients",)}
JUDGE = Blank(
    FUNCTIONS, STUB, WriterCalls, CHECKS, format_success, "exercises.writer", "exercises.looked", RECHECKS, GIVES
)


# --- The program ------------------------------------------------------------------------------------------------------


def train_and_save(learner_path):
    """Train the learner's network on all names, save it beside the file, and print ten names that it generates."""
    dataset = data.load("names")
    print(f"It trains on {len(dataset.train_tokens):,} names.", flush=True)
    with open_learner_module(learner_path) as module:
        calls = WriterCalls(module)
        trace = calls.train((dataset.train_tokens,), 0, watched_names=())
        content = pack_params(trace.params)
        test_loss = compute_loss(calls, trace.params, dataset.test_tokens)
        names = calls.write(trace.params, [""] * 10, np.random.default_rng(0))
    with atomic_write(Path(learner_path).with_suffix(".npz")) as file_out:
        file_out.write(content)
    print(f"You claim {trace.claim:.2f} per letter. On {len(dataset.test_tokens):,} new names it is {test_loss:.2f}.")
    print(*names, sep="\n")


if __name__ == "__main__":
    sys.exit(program.run(lambda: train_and_save(sys.argv[1]), limit_memory=True))

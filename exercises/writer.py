"""A whole network that writes names, from a blank file: what it is judged by (exercises/blank.py), and its program.

The file has five functions: logits, loss, gradients, train and write. `logits` lets the marker itself compute the loss,
on names held out, and see whether a place looks ahead. exercises/said.md has the sentences.
"""

import sys
from functools import partial
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from exercises import blank
    from exercises.blank import Blank, Calls, Diagnostics, describe_type, pack_params
    from exercises.words import OF_WRITERS, load_or_explain
    from marker import ROOT
    from marker.derivatives import check_loss
    from support.files import atomic_write
    from support.texts import END, LETTERS, decode_names, encode_names

BETTER = 0.02  # how much lower its loss has to be than that of counting: no table of these counts is
AGAIN = 0.05  # how much higher the loss of another training may be, of other names
APART = 0.08  # how far from its loss on names held out the claim may be
KNOWN, OTHERS = 4000, 1000  # names to learn from, and names held out
STUB = ROOT / "exercises" / "chapter6" / "own_gpt.py"
NAMES = data.SOURCES["names"]
V = NAMES.tokenizer.vocab_size
T = NAMES.context_length
START = int(NAMES.tokenizer.start_tokens([0]).item())
# The beginnings of the names that it has to write.
BEGUN = [*["", "m", "sch", "wil"] * 100, "schwarzenber", "hildebrandt"]
SIZES = 1, 7, 101, 250  # of batches, in which `logits` should say the same of a text


wrong = OF_WRITERS.wrong


def format_success(found):
    """What is said of a network that passes."""
    return (
        f"On {len(found.others):,} names that it has never seen, its loss is {found.loss:.2f} a letter; counting which "
        f"letter comes after which gives {found.counts:.2f}. You claimed {found.trace.claim:.2f}.\nIt writes: "
        f"{', '.join(found.names)}."
    )


def draw_data(found):
    """Texts to learn from, and others."""
    texts, found.others = draw_texts(found.rng)
    found.examples, found.few = (texts,), (texts[choose_varied_texts(texts)],)
    found.counts, found.begun = compute_bigram_loss(texts, found.others), BEGUN


def draw_relettered_data(found):
    """Texts that were not there before: names in which each letter stands for another one."""
    draw_data(found)
    letters = np.concatenate([[0], 1 + found.rng.permutation(V - 1)]).astype(np.uint8)
    (texts,), (few,) = found.examples, found.few
    found.examples, found.few, found.others = (letters[texts],), (letters[few],), letters[found.others]
    found.begun = BEGUN[-82:]


def draw_texts(rng):
    """Texts (N, 12) uint8 to learn from, and others to test with."""
    names = data.load("names")
    texts = np.concatenate([names.train_tokens, names.test_tokens])
    chosen = rng.permutation(len(texts))[: KNOWN + OTHERS]
    return texts[chosen[:KNOWN]], texts[chosen[KNOWN:]]


def choose_varied_texts(texts):
    """A few texts with all letters and all lengths that there are, as numbers: the first that has each."""
    lengths = (texts > 0).sum(axis=1)
    return sorted({int((texts == word).any(axis=1).argmax()) for word in range(1, V)}
                  | {int((lengths == n).argmax()) for n in {*lengths}})  # fmt: skip


def make_loss_mask(texts):
    """Which places of texts (N, T) count: those of the letters and of one end."""
    counts = np.ones(np.shape(texts), bool)
    counts[:, 1:] = texts[:, :-1] != END
    return counts


def compute_bigram_loss(texts, others):
    """The loss of a letter in other texts if one counts in these which word comes after which. A letter that was never
    seen before has a count of its own, 1 in all, shared out as letters are at any place: no probability is 0."""

    def pairs(texts):
        before = np.full(texts.shape, START)
        before[:, 1:] = texts[:, :-1]
        return before[make_loss_mask(texts)], texts[make_loss_mask(texts)]

    counts = np.zeros((START + 1, V))
    np.add.at(counts, pairs(texts), 1)
    shares = (counts.sum(axis=0) + 1) / (counts.sum() + V)
    return -np.log((counts + shares) / (counts.sum(axis=1, keepdims=True) + 1))[pairs(others)].mean()


# --- The functions, called with care ----------------------------------------------------------------------------------


class WriterCalls(Calls):
    """The functions of such a file."""

    what, examples, claims = ("texts",), "texts", ", a loss"
    sentences = OF_WRITERS
    terms = {"letters": lambda texts: make_loss_mask(texts).sum(), "places": np.size, "texts": len}  # noqa: RUF012

    def logits(self, params, texts):
        """What logits() returns, as float64 (N, T, V)."""
        found, wanted = self.call("logits", params, (texts,)), (*texts.shape, V)
        try:
            logits = np.asarray(found, np.float64)
        except (TypeError, ValueError):
            raise wrong("no logits", n=len(texts), wanted=wanted, what=describe_type(found)) from None
        if logits.shape != wanted:
            raise wrong("no logits", n=len(texts), wanted=wanted, what=f"an array of shape {logits.shape}")
        return logits

    def write(self, params, begun, rng):
        """The names that write() returns for these beginnings."""
        names = blank.require_result("write", self.functions["write"](params, list(begun), rng))
        if not isinstance(names, (list, tuple, np.ndarray)) or len(names) != len(begun):
            what = describe_type(names) if not isinstance(names, (list, tuple)) else f"{len(names)} of them"
            raise wrong("write returns no names", n=len(begun), what=what)
        for name, letters in zip(names, begun, strict=True):
            if not isinstance(name, str):
                raise wrong("write returns no names", n=len(begun), what=f"one that is {describe_type(name)}")
            if not {*name} <= {*LETTERS} or len(name) > T:
                raise wrong("write returns other letters", name=name[:40], letters=letters, most=T)
            if not name.startswith(letters):
                off = {ord(is_) - ord(was) for is_, was in zip(name, letters, strict=False)}
                how = " In the alphabet, each of these letters is the one {} that which was given. Which is word 1?"
                how = how.format("after" if off == {1} else "before") if off in ({1}, {-1}) else ""
                raise wrong("write forgets the beginning", name=name, letters=letters, how=how)
        return [str(name) for name in names]


def log_softmax(logits):
    logits = logits - logits.max(axis=-1, keepdims=True)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))


def compute_token_losses(calls, params, texts):
    """-log p of each word of texts, by the learner's logits: (N, T)."""
    parts = np.array_split(np.arange(len(texts)), -(-len(texts) // 250))
    log_p = np.concatenate([log_softmax(calls.logits(params, texts[part])) for part in parts])
    return -np.take_along_axis(log_p, texts[:, :, np.newaxis].astype(int), axis=2)[:, :, 0]


def compute_loss(calls, params, texts):
    """The loss of a letter that the learner's logits give."""
    return compute_token_losses(calls, params, texts)[make_loss_mask(texts)].mean()


# --- What has to be so ------------------------------------------------------------------------------------------------


def check_derivatives(found, calls, params, batches):
    """`gradients` is the derivative of `loss`, and that is the loss of `logits`."""
    check_loss(calls.loss, params, batches[0], "texts")
    check_loss_and_causality(calls, params, batches[0][0], found.seed)
    blank.check_gradients(calls, params, batches, rng := np.random.default_rng(found.seed))
    blank.check_many(calls, params, found.examples, rng)


def check_batch_sizes(found):
    """`logits` says the same of a text in batches of any size, and `loss` is its loss of many, too."""
    texts = found.others[: SIZES[-1]]
    check_loss_and_causality(found.calls, found.params, texts, found.seed)
    logits = [np.clip(found.calls.logits(found.params, texts[:n]), -1e3, 1e3)[0] for n in SIZES]
    for n, one in zip(SIZES, logits, strict=True):
        if np.abs(one - logits[0]).max() > 1e-4 * np.abs(logits[0]).max():
            raise wrong("logits of other texts", n=n)


def check_loss_and_causality(calls, params, texts, seed):
    """Is `loss` that of `logits`? Do the logits of a place depend on the words before it, and on nothing else?"""
    rng = np.random.default_rng(seed)
    params = blank.perturb_params(params, rng)
    mine = float(calls.loss(params, texts))

    def seen(texts):
        return np.clip(calls.logits(params, texts), -1e3, 1e3)  # -inf is the score of a word that never stands there

    logits = seen(texts)
    if np.isnan(logits).any() and np.isfinite(mine):
        raise wrong("no logits: not finite", mine=mine)
    near = 1e-4 * np.abs(logits).max()
    if np.abs(seen(texts[:1]) - logits[:1]).max() > near:
        raise wrong("logits of other texts", n=len(texts))
    for at in range(T):
        changed = texts.copy()
        changed[:, at] = 1 + (texts[:, at] + rng.integers(1, 25)) % (V - 1)  # another letter
        moves = np.abs(seen(changed) - logits).max(axis=(0, 2)) > near
        if moves[:at].any():
            raise wrong("looks ahead", at=at, place=int(moves.argmax()))
        if moves[at]:
            raise wrong("looks ahead: at the answer", at=at)
    each, counts = compute_token_losses(calls, params, texts), make_loss_mask(texts)
    wanted = each[counts].mean()
    if np.isfinite(mine) and not abs(mine - wanted) <= 1e-5 * abs(wanted):
        ways = {
            "It is the mean over all 12 places: the ends after the first count, too.": each.mean(),
            "It is the mean over the letters alone: the end does not count.": each[texts > 0].mean(),
            "It is the sum over the words of a name, and the mean over the names.": each[counts].sum() / len(texts),
            "It is the mean over the names of the mean of each: letters of short names count for more.":
                np.mean([row[here].mean() for row, here in zip(each, counts, strict=True)]),
            "It is log to the base 2: np.log is the natural one.": wanted / np.log(2),
            "It has the other sign.": -wanted,
        }  # fmt: skip
        how = [said for said, value in ways.items() if abs(mine - value) <= 1e-5 * abs(value)]
        if logits.min() >= 0 and np.allclose(logits.sum(axis=2), 1):
            how = ["Each row of your `logits` adds up to 1: they are probabilities, where scores are asked for."]
        more = float(calls.loss(params, texts[:3])) - compute_loss(calls, params, texts[:3])
        if not how and abs(more - (mine - wanted)) < 1e-6 * abs(wanted):
            how = [f"The difference is {more:.3g} for other texts, too. Is it weight decay? That belongs in `train`."]
        raise wrong("loss of other words", mine=mine, wanted=wanted, how=f" {how[0]}" if how else "")


def measure_held_out_loss(found):
    """Its loss on other names is known, and `loss` is that of all of them."""
    found.loss = compute_loss(found.calls, found.params, found.others)
    mine = float(found.calls.loss(found.params, found.others))
    if np.isfinite(mine) and abs(mine - found.loss) > 1e-5 * abs(found.loss):
        how = f" (These are {len(found.others):,} names. Of {SIZES[-1]} of them, the two are the same.)"
        raise wrong("loss of other words", mine=mine, wanted=found.loss, how=how)


def check_beats_bigrams(found):
    if not found.loss <= found.counts - BETTER:
        raise make_loss_error(found)
    if not np.isfinite(loss := float(found.calls.loss(found.params, found.others[:50]))):
        raise wrong("loss is not finite: of texts", loss=loss, found=found.loss)


def check_retrained_loss(found):
    """It is another training, of names that are as hard to guess."""
    measure_held_out_loss(found)
    loss, counts, claim = found.loss, found.counts, found.trace.claim
    if not (loss < counts + AGAIN and abs(claim - loss) <= 5 * APART):
        raise wrong("writes something else", n=len(found.others), found=loss, counts=counts, claim=claim)


def is_better_than_bigrams(found, params, more=0.0):
    """Whether these params are those of a network that has learned."""
    return compute_loss(found.calls, params, found.others) < found.counts + more


def check_first_weights_use_rng(found):
    """A training with another rng begins with other weights."""
    again = found.calls.train(found.examples, [found.seed, 2], found.tell, "It begins once more", most=0)
    blank.check_start_depends_on_rng(found.trace, again)


def check_claim(found):
    """The claim is near what was found."""
    calls, claim, loss, (texts,) = found.calls, found.trace.claim, found.loss, found.examples
    if abs(claim - loss) <= APART:
        return
    known = texts[found.trace.used] if found.trace.used.any() else texts
    on_known = compute_loss(calls, found.params, known)
    of_a_name = make_loss_mask(found.others).sum() / len(found.others)
    ways = {
        "That is about this loss in bits, of np.log2.": loss / np.log(2),
        "That is about exp of this loss, the perplexity.": np.exp(loss),
        "That is about the loss of a whole name.": loss * of_a_name,
        "That is about the loss of a place, if all 12 of a name count.": loss * of_a_name / T,
        "That is about the mean probability of the right letters.": np.exp(-loss),
    }
    how = [f" {said}" for said, value in ways.items() if abs(claim - value) < 0.04 * value]
    raise wrong("claim off: a loss", claim=claim, found=loss, n=len(found.others), on_known=on_known, APART=APART,
                how="".join(how[:1]))  # fmt: skip


# --- What it writes ---------------------------------------------------------------------------------------------------


def check_writes_by_rng(found):
    """The names that it writes are drawn by rng alone."""
    calls, params, seed = found.calls, found.params, found.seed
    one, two, other = (calls.write(params, BEGUN[:8], np.random.default_rng([seed, i])) for i in (0, 0, 1))
    if one != two:
        raise wrong("write by chance of its own", one=", ".join(one[:3]), two=", ".join(two[:3]))
    if one == other:
        raise wrong("write without chance", names=", ".join(one[:3]))


def check_writes_in_new_run(found):
    """All that `write` needs is in params."""
    one = found.calls.write(found.params, BEGUN[:8], np.random.default_rng(found.seed))
    alone = blank.call_in_new_run(found, "write", BEGUN[:8], np.random.default_rng(found.seed))
    if alone != one:
        raise wrong("write needs train", one=", ".join(one[:3]), two=", ".join(alone[:3]))


def check_samples_match_logits(found):
    """Each letter is drawn with the probabilities softmax(logits)."""
    begun = found.begun
    names = found.calls.write(found.params, begun, np.random.default_rng([found.seed, 2]))
    if len({*names[: len(begun) - 2 : 4]}) < 10:
        raise wrong("write without chance: all the same", n=len(begun) // 4, names=", ".join(names[:12:4]))
    check_known_names(found, names)
    found.names, texts = names[:4], encode_names(names)
    drawn = make_loss_mask(texts) & (np.arange(T) >= np.array([[len(letters)] for letters in begun]))
    log_p = compute_log_probs(found.calls, found.params, texts)
    off, mine, wanted = measure_deviation(log_p, texts, drawn)
    if not abs(off) < 5:
        for by, side in ((1, "before"), (-1, "after")):
            moved = np.where(drawn & (texts > 0), (texts.astype(int) - 1 + by) % 26 + 1, texts)
            if abs(measure_deviation(compute_log_probs(found.calls, found.params, moved), moved, drawn)[0]) < 5:
                raise wrong("write returns other letters: moved", side=side)
        raise make_sampling_error(off, mine, wanted)
    i, place = np.ogrid[: len(texts), :T]
    halves = {"every other name": i % 2, "four names of every eight": i // 4 % 2}
    halves |= {"the second half of the names": 2 * i // len(i), "every other place": place % 2}
    for half, which in halves.items():
        off, *values = measure_deviation(log_p, texts, drawn & (which == 1))
        if not abs(off) < 5:
            raise make_sampling_error(off, *values, f" in {half}")
    check_letter_counts(log_p, texts, drawn)


def check_known_names(found, names):
    """Are most of its names among those that it has learned from, and should they be?

    The probability that a name is one of them is the sum of theirs, given its beginning.
    """
    learned = {*decode_names(found.examples[0])}
    count = sum(name in learned for name in names)
    if count < len(names) / 2:
        return
    known = np.unique(found.examples[0], axis=0)
    log_p = -np.where(make_loss_mask(known), compute_token_losses(found.calls, found.params, known), 0)
    p, texts = {}, decode_names(known)
    for letters in {*found.begun}:
        here = [name.startswith(letters) for name in texts]
        p[letters] = np.exp(log_p[here, len(letters) :].sum(axis=1)).sum()
    share = np.array([p[letters] for letters in found.begun])
    if count - share.sum() > 6.5 * np.sqrt(max((share * (1 - share)).sum(), 9)):
        raise wrong("write is not as logits: known", n=len(names), count=count, wanted=share.sum())


def make_sampling_error(off, mine, wanted, part=""):
    how = "likelier" if off < 0 else "less likely"
    return wrong("write is not as logits", how=how, part=part, mine=mine, wanted=wanted)


def compute_log_probs(calls, params, texts):
    """log p of each word at each place, (N, T, V): a score of -inf is that of a word that never stands there."""
    return np.maximum(log_softmax(calls.logits(params, texts)), -1e3)


def measure_deviation(log_p, texts, drawn):
    """How many standard deviations the letters of texts (N, T) at the places `drawn` are off, if each is drawn with the
    probabilities exp(log_p); the mean of their -log p, and what it should be about.

    Of words drawn with the probabilities p, -log p is on average the entropy of p, whatever p is; and its variance is
    known. So their sum is a test: 5 deviations are one right network in a million.
    """
    p, each = np.exp(log_p), -np.take_along_axis(log_p, texts[:, :, np.newaxis].astype(int), axis=2)[:, :, 0]
    entropy = -(p * log_p).sum(axis=2)
    variance = (p * log_p**2).sum(axis=2) - entropy**2
    off = (each - entropy)[drawn].sum() / np.sqrt(variance[drawn].sum())
    return off, each[drawn].mean(), entropy[drawn].mean()


def check_letter_counts(log_p, texts, drawn):
    """Is each letter chosen as often as softmax(logits) says, does a name end as often at each place, and are unlikely
    letters as frequent as they should be?

    Each is a count of events whose probabilities p are known, when their place is reached. It has the mean sum(p), and
    the variance sum(p (1 - p)). There are about 60 such counts. 6.5 deviations of one whose variance is 9 or more are
    one right network in 100,000, as a count of rare events (Poisson) has it.
    """
    p, is_word = np.exp(log_p), texts[:, :, np.newaxis] == np.arange(V)
    rank = np.argsort(np.argsort(-p, axis=2), axis=2)
    place = np.arange(T)[:, np.newaxis]
    events = {f"the letter {LETTERS[word - 1]}": np.arange(V) == word for word in range(1, V)}
    events |= {f"the end at place {at}": (np.arange(V) == 0) & (place == at) for at in range(T)}
    events |= {f"a word beyond the {k} likeliest": rank >= k for k in range(1, V - 1)}
    for what, event in events.items():
        share = np.where(event, p, 0).sum(axis=2)[drawn]
        count, variance = (is_word & event).any(axis=2)[drawn].sum(), (share * (1 - share)).sum()
        if variance >= 9 and abs(count - share.sum()) > 6.5 * np.sqrt(variance):
            raise wrong("write is not as logits: a count", what=what, n=drawn.sum(), count=count, wanted=share.sum())


# --- Why its loss is so high ------------------------------------------------------------------------------------------


def make_loss_error(found):
    """The exception that says why its loss is no lower than that of counting, by what was seen of the training."""
    result = f"On {len(found.others):,} names that it has not learned from, the loss is {found.loss:.3f} a letter."
    values = {"result": f"{result} Counting which letter comes after which gives {found.counts:.3f}."}
    curves = [Diagnostics(found, (found.others[:100],), values, falls=0.9, flat=0.99)]
    if found.trace.used.any():  # the loss of others rises, too, where these are learned by heart
        curves.append(Diagnostics(found, (found.examples[0][found.trace.used][:100],), values, falls=0.9, flat=0.99))
    return next(filter(None, iter_causes(found, *curves)))


def iter_causes(found, curve, on_known=None):
    """What may have been wrong: the exception that says so, or what is false, for one cause after the other."""
    yield blank.diagnose_not_finite(curve)
    yield on_known is None and curve.wrong("other texts")
    if is_bigram_model(found, found.params):
        at_first = is_bigram_model(found, found.trace.points[0].params)
        yield curve.wrong("no better than counting: " + ("one letter" if at_first else "one letter in the end"))
    is_back = curve.before < found.counts and not curve.end < curve.before + 0.3
    yield is_back and curve.wrong("other weights returned", before=curve.before)
    yield blank.diagnose_growing_steps(curve)
    yield blank.diagnose_large_steps(curve)
    yield blank.diagnose_few_examples(curve)
    yield blank.diagnose_small_steps(curve)
    yield blank.diagnose_divergence(on_known)
    yield blank.diagnose_few_steps(curve)
    yield curve.wrong("no better than counting")


def is_bigram_model(found, params):
    """Whether the logits of a place depend on no word but the one before it."""
    texts, calls = found.few[0], found.calls
    logits, moves = calls.logits(params, texts), 0.0
    for at in range(T - 2):
        changed = texts.copy()
        changed[:, at] = 1 + (texts[:, at] + 7) % (V - 1)
        moves = max(moves, np.abs(calls.logits(params, changed) - logits)[:, at + 2 :].max())
    return moves <= 1e-6 * np.abs(logits).max()


CONSEQUENCES = (
    draw_data,
    partial(blank.check_training, derivatives=check_derivatives),
    check_batch_sizes,
    blank.check_gradients_during_training,
    blank.check_descent,
    measure_held_out_loss,
    partial(blank.check_repeated_training, is_good=is_better_than_bigrams),
    check_beats_bigrams,
    check_writes_by_rng,
    check_writes_in_new_run,
    check_samples_match_logits,
    check_first_weights_use_rng,
    check_claim,
)
FUNCTIONS = "logits", "loss", "gradients", "train", "write"
ASKED = (
    draw_relettered_data,
    partial(blank.check_retraining, derivatives=check_derivatives, is_good=partial(is_better_than_bigrams, more=AGAIN)),
    check_batch_sizes,
    check_retrained_loss,
    check_writes_by_rng,
    check_samples_match_logits,
)
GIVES = {"train": ("params", ""), "gradients": ("gradients",)}
JUDGE = Blank(
    FUNCTIONS, STUB, WriterCalls, CONSEQUENCES, format_success, "exercises.writer", "exercises.looked", ASKED, GIVES
)


# --- Run as a program -------------------------------------------------------------------------------------------------


def train_and_save(file):
    """Train the network of a file on all names, keep it beside the file, and let it write ten."""
    dataset = data.load("names")
    print(f"It trains on {len(dataset.train_tokens):,} names.", flush=True)
    with load_or_explain(file) as module:
        calls = WriterCalls(module)
        trace = calls.train((dataset.train_tokens,), 0, names=())
        content = pack_params(trace.params)
        found = compute_loss(calls, trace.params, dataset.test_tokens)
        names = calls.write(trace.params, [""] * 10, np.random.default_rng(0))
    with atomic_write(Path(file).with_suffix(".npz")) as written:
        written.write(content)
    print(f"You claim {trace.claim:.2f} a letter. On {len(dataset.test_tokens):,} others it is {found:.2f}.")
    print(*names, sep="\n")


if __name__ == "__main__":
    sys.exit(program.run(lambda: train_and_save(sys.argv[1]), limit_memory=True))

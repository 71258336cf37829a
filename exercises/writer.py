"""Marks a whole network that writes names, which somebody has written from a blank file.

The file has five functions: logits, loss, gradients, train and write. As for a network that reads (exercises/own.py),
central differences of `loss` judge `gradients`, and the training is watched. `logits` lets the marker itself compute
the loss, on names held out, and see whether a place looks ahead. exercises/said.md has the sentences.
"""

import sys
from pathlib import Path

from support import program

with program.needing("requirements-np.txt"):
    import numpy as np

    import data
    from exercises import own
    from exercises.words import OF_WRITERS, explained
    from marker import ROOT
    from marker.derivatives import check_loss
    from marker.nests import floats, shown
    from support.files import replacing
    from support.texts import LETTERS, first_words, sizes, texts_of

BETTER = 0.02  # how much lower its loss has to be than that of counting: no table of these counts is
APART = 0.08  # how far from its loss on names held out the claim may be
KNOWN, OTHERS = 4000, 1000  # names to learn from, and names held out
FUNCTIONS = "logits", "loss", "gradients", "train", "write"
STUB = ROOT / "exercises" / "chapter6" / "own_gpt.py"
NAMES = data.SOURCES["names"]
V, T = sizes(NAMES)["words"], NAMES.places
START = int(first_words([0], NAMES).item())
# The beginnings of the names that it has to write.
BEGUN = [*["", "m", "sch", "wil"] * 100, "schwarzenber", "hildebrandt"]
SIZES = 1, 7, 101, 250  # of batches, in which `logits` should say the same of a text


wrong = OF_WRITERS.wrong


def examine(module, seed, tell):
    """What is said of a network that passes, as text; otherwise `Wrong`."""
    own.complete(module, FUNCTIONS, STUB)
    texts, others = draw(np.random.default_rng([seed, 48]))
    few = (texts[of_all_kinds(texts)],)

    def first(gradients, params, batch):
        calls = Calls(module, gradients=gradients)
        check_all(calls, params, [few, *own.own_batch(calls, params, few, np.asarray(batch))], seed)

    doing = "Your network is training"
    trace = own.watch(module, (texts,), [seed, 1], tell, doing, first, np.inf, ["gradients"])
    tell("Your training has ended. What has it learned?")
    content, calls = own.kept(trace.params), Calls(module)
    if not trace.points:
        check_all(calls, trace.params, [few], seed)
        raise wrong("gradients not called")
    check_words(calls, trace.params, others[: SIZES[-1]], seed)
    check_sizes(calls, trace.params, others)
    own.judge_steps(trace, own.check_on_the_way(calls, trace, few, seed, "texts"), "texts")
    found, counts = loss_of(calls, trace.params, others), counted(texts, others)
    own.judge_again(trace, [seed, 1], tell, lambda params: loss_of(calls, params, others) < counts, "texts")
    if not found <= counts - BETTER:
        raise why_so_high(calls, trace, few, others, found, counts)
    if not np.isfinite(loss := float(calls.loss(trace.params, others[:50]))):
        raise wrong("loss is not finite: of texts", loss=loss, found=found)
    names = judge_writing(calls, trace, content, seed)
    again = own.watch(module, (texts,), [seed, 2], tell, "It begins once more", None, 0, ["gradients"])
    own.judge_chance(trace, again)
    judge_claim(calls, trace, texts, others, found)
    return (
        f"On {len(others):,} names that it has never seen, its loss is {found:.2f} a letter; counting which letter "
        f"comes after which gives {counts:.2f}. You claimed {trace.claim:.2f}.\nIt writes: {', '.join(names)}."
    )


investigate = own.investigation(examine, "exercises.writer", "exercises.looked", OF_WRITERS)


def draw(rng):
    """Texts (N, 12) uint8 to learn from, and others to test with."""
    names = data.load("names")
    texts = np.concatenate([names.train_images, names.test_images])
    chosen = rng.permutation(len(texts))[: KNOWN + OTHERS]
    return texts[chosen[:KNOWN]], texts[chosen[KNOWN:]]


def of_all_kinds(texts):
    """A few texts with all letters and all lengths that there are, as numbers: the first that has each."""
    lengths = (texts > 0).sum(axis=1)
    return sorted({int((texts == word).any(axis=1).argmax()) for word in range(1, V)}
                  | {int((lengths == n).argmax()) for n in {*lengths}})  # fmt: skip


def words(texts):
    """Which places of texts (N, T) count: those of the letters and of one end."""
    counts = np.ones(np.shape(texts), bool)
    counts[:, 1:] = NAMES.told_of(texts[:, :-1])
    return counts


def counted(texts, others):
    """The loss of a letter in other texts if one counts in these which word comes after which. A letter that was never
    seen before has a count of its own, 1 in all, shared out as letters are at any place: no probability is 0."""

    def pairs(texts):
        before = np.full(texts.shape, START)
        before[:, 1:] = texts[:, :-1]
        return before[words(texts)], texts[words(texts)]

    counts = np.zeros((START + 1, V))
    np.add.at(counts, pairs(texts), 1)
    shares = (counts.sum(axis=0) + 1) / (counts.sum() + V)
    return -np.log((counts + shares) / (counts.sum(axis=1, keepdims=True) + 1))[pairs(others)].mean()


# --- The functions, called with care ----------------------------------------------------------------------------------


class Calls(own.Calls):
    """The functions of a learner's file, each called with copies of what they must not change."""

    what = ("texts",)

    def logits(self, params, texts):
        """What logits() returns, as float64 (N, T, V)."""
        found, wanted = self.call("logits", params, (texts,)), (*texts.shape, V)
        try:
            logits = np.asarray(found, np.float64)
        except (TypeError, ValueError):
            raise wrong("no logits", n=len(texts), wanted=wanted, what=own.kind(found)) from None
        if logits.shape != wanted:
            raise wrong("no logits", n=len(texts), wanted=wanted, what=f"an array of shape {logits.shape}")
        return logits

    def write(self, params, begun, rng):
        """The names that write() returns for these beginnings."""
        names = self.functions["write"](params, list(begun), rng)
        if names is None or names is ...:
            raise wrong("returns None", name="write")
        if not isinstance(names, (list, tuple, np.ndarray)) or len(names) != len(begun):
            what = own.kind(names) if not isinstance(names, (list, tuple)) else f"{len(names)} of them"
            raise wrong("write returns no names", n=len(begun), what=what)
        for name, letters in zip(names, begun, strict=True):
            if not isinstance(name, str):
                raise wrong("write returns no names", n=len(begun), what=f"one that is {own.kind(name)}")
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


def surprises(calls, params, texts):
    """-log p of each word of texts, by the learner's logits: (N, T)."""
    parts = np.array_split(np.arange(len(texts)), -(-len(texts) // 250))
    log_p = np.concatenate([log_softmax(calls.logits(params, texts[part])) for part in parts])
    return -np.take_along_axis(log_p, texts[:, :, np.newaxis].astype(int), axis=2)[:, :, 0]


def loss_of(calls, params, texts):
    """The loss of a letter that the learner's logits give."""
    return surprises(calls, params, texts)[words(texts)].mean()


# --- Is it one network, and does it look back only? -------------------------------------------------------------------


def check_all(calls, params, batches, seed):
    """The gradients, if they, the loss and the logits are right at these params; otherwise `Wrong`."""
    check_loss(calls.loss, params, batches[0], "texts")
    check_words(calls, params, batches[0][0], seed)
    terms = {"letters": lambda texts: words(texts).sum(), "places": np.size, "texts": len}
    return own.check_gradients(calls, params, batches, np.random.default_rng(seed), "texts", terms)


def check_sizes(calls, params, texts):
    """Does `logits` say the same of a text in batches of any size?"""
    texts = texts[: SIZES[-1]]
    found = [np.clip(calls.logits(params, texts[:n]), -1e3, 1e3)[0] for n in SIZES]
    for n, one in zip(SIZES, found, strict=True):
        if np.abs(one - found[0]).max() > 1e-4 * np.abs(found[0]).max():
            raise wrong("logits of other texts", n=n)


def check_words(calls, params, texts, seed):
    """Is `loss` that of `logits`? Do the logits of a place depend on the words before it, and on nothing else?"""
    rng = np.random.default_rng(seed)
    params = own.moved(params, rng)
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
    each, counts = surprises(calls, params, texts), words(texts)
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
        more = float(calls.loss(params, texts[:3])) - loss_of(calls, params, texts[:3])
        if not how and abs(more - (mine - wanted)) < 1e-6 * abs(wanted):
            how = [f"The difference is {more:.3g} for other texts, too. Is it weight decay? That belongs in `train`."]
        raise wrong("loss of other words", mine=mine, wanted=wanted, how=f" {how[0]}" if how else "")


# --- What it has learned, and how -------------------------------------------------------------------------------------


def why_so_high(calls, trace, few, others, found, counts):
    """The exception that says why its loss is no lower than that of counting, by what was seen of the training."""
    points, batch = trace.points, (others[:100],)
    curve = [float(calls.loss(params, *batch)) for params in (*(point.params for point in points), trace.params)]
    result = f"On {len(others):,} names that it has not learned from, the loss is {found:.3f} a letter."
    result = f"{result} Counting which letter comes after which gives {counts:.3f}."
    values = {"result": result, "curve": own.on_the_way(curve), "begin": curve[0], "end": curve[-1]}
    used, of = int(trace.used.sum()), len(trace.used)
    if bad := [k for k, a in floats(trace.params).items() if not np.isfinite(a).all()]:
        return wrong("not finite", names=shown(bad), **values)
    if not used:
        return wrong("other texts", **values)
    if looks_at_one(calls, trace.params, few[0]):
        at_first = looks_at_one(calls, points[0].params, few[0])
        return wrong("no better than counting: " + ("one letter" if at_first else "one letter in the end"), **values)
    if curve[-2] < counts and not curve[-1] < curve[-2] + 0.3:
        return wrong("other weights returned", before=curve[-2], **values)
    if (times := own.growth(points)) > 30:
        return wrong("steps grow", times=times, **values)
    best = own.best_lengths(calls, points)
    shorter = sum(times < 1 for times in best)
    if curve[-1] > 0.9 * curve[0] and shorter and (shorter > len(best) / 2 or best[0] < 1):
        return wrong("steps too large", n=shorter, steps=len(best), **values)
    if 0 < used < of / 3:
        return wrong("the same images", used=used, of=of, examples="texts", **values)
    if best and min(best) > 1:
        return wrong("steps too small", steps=len(best), **values)
    known = (trace.examples[0][trace.used][:100],)  # the loss of others rises, too, where these are learned by heart
    learned = [float(calls.loss(params, *known)) for params in (*(point.params for point in points), trace.params)]
    if own.has_diverged(learned):
        return wrong("diverged", least=min(learned), **values | {"curve": own.on_the_way(learned)})
    if curve[-1] < 0.99 * curve[3 * len(curve) // 4]:
        return wrong("steps too few", **values)
    return wrong("no better than counting", **values)


def looks_at_one(calls, params, texts):
    """Whether the logits of a place depend on no word but the one before it."""
    logits, moves = calls.logits(params, texts), 0.0
    for at in range(T - 2):
        changed = texts.copy()
        changed[:, at] = 1 + (texts[:, at] + 7) % (V - 1)
        moves = max(moves, np.abs(calls.logits(params, changed) - logits)[:, at + 2 :].max())
    return moves <= 1e-6 * np.abs(logits).max()


def judge_claim(calls, trace, texts, others, found):
    """The claim, if it is near what was found."""
    if abs(trace.claim - found) <= APART:
        return
    known = texts[trace.used] if trace.used.any() else texts
    on_known = loss_of(calls, trace.params, known)
    of_a_name = words(others).sum() / len(others)
    ways = {
        "That is about this loss in bits, of np.log2.": found / np.log(2),
        "That is about exp of this loss, the perplexity.": np.exp(found),
        "That is about the loss of a whole name.": found * of_a_name,
        "That is about the loss of a place, if all 12 of a name count.": found * of_a_name / T,
        "That is about the mean probability of the right letters.": np.exp(-found),
    }
    how = [f" {said}" for said, value in ways.items() if abs(trace.claim - value) < 0.04 * value]
    raise wrong("claim off: a loss", claim=trace.claim, found=found, n=len(others), on_known=on_known, APART=APART,
                how="".join(how[:1]))  # fmt: skip


def judge_writing(calls, trace, content, seed):
    """A few of the names that it writes, if they are drawn by rng, and as softmax(logits) says; otherwise `Wrong`."""
    params = trace.params
    one, two, other = (calls.write(params, BEGUN[:8], np.random.default_rng([seed, i])) for i in (0, 0, 1))
    if one != two:
        raise wrong("write by chance of its own", one=", ".join(one[:3]), two=", ".join(two[:3]))
    if one == other:
        raise wrong("write without chance", names=", ".join(one[:3]))
    alone = own.alone_in(trace.module, content, Calls, "write", BEGUN[:8], np.random.default_rng([seed, 0]))
    if alone != one:
        raise wrong("write needs train", one=", ".join(one[:3]), two=", ".join(alone[:3]))
    names = calls.write(params, BEGUN, np.random.default_rng([seed, 2]))
    if len({*names[: len(BEGUN) - 2 : 4]}) < 10:
        raise wrong("write without chance: all the same", n=len(BEGUN) // 4, names=", ".join(names[:12:4]))
    texts = texts_of(names)
    drawn = words(texts) & (np.arange(T) >= np.array([[len(letters)] for letters in BEGUN]))
    off, mine, wanted = surprise(calls, params, texts, drawn)
    if not abs(off) < 5:
        for by, side in ((1, "before"), (-1, "after")):
            moved = np.where(drawn & (texts > 0), (texts.astype(int) - 1 + by) % 26 + 1, texts)
            if abs(surprise(calls, params, moved, drawn)[0]) < 5:
                raise wrong("write returns other letters: moved", side=side)
        raise as_logits(off, mine, wanted)
    i, place = np.ogrid[: len(texts), :T]
    halves = {"every other name": i % 2, "four names of every eight": i // 4 % 2}
    halves |= {"the second half of the names": 2 * i // len(i), "every other place": place % 2}
    for half, which in halves.items():
        off, *values = surprise(calls, params, texts, drawn & (which == 1))
        if not abs(off) < 5:
            raise as_logits(off, *values, f" in {half}")
    judge_counts(calls, params, texts, drawn)
    return names[:4]


def as_logits(off, mine, wanted, part=""):
    how = "likelier" if off < 0 else "less likely"
    return wrong("write is not as logits", how=how, part=part, mine=mine, wanted=wanted)


def probabilities(calls, params, texts):
    """log p of each word at each place, (N, T, V): a score of -inf is that of a word that never stands there."""
    return np.maximum(log_softmax(calls.logits(params, texts)), -1e3)


def surprise(calls, params, texts, drawn):
    """How many standard deviations the letters of texts (N, T) at the places `drawn` are off, if each is drawn as
    softmax(logits) says; the mean of their -log p, and what it should be about.

    Of words drawn with the probabilities p, -log p is on average the entropy of p, whatever p is; and its variance is
    known. So their sum is a test: 5 deviations are one right network in a million.
    """
    log_p = probabilities(calls, params, texts)
    p, each = np.exp(log_p), -np.take_along_axis(log_p, texts[:, :, np.newaxis].astype(int), axis=2)[:, :, 0]
    entropy = -(p * log_p).sum(axis=2)
    variance = (p * log_p**2).sum(axis=2) - entropy**2
    off = (each - entropy)[drawn].sum() / np.sqrt(variance[drawn].sum())
    return off, each[drawn].mean(), entropy[drawn].mean()


def judge_counts(calls, params, texts, drawn):
    """Is each letter chosen as often as softmax(logits) says, does a name end as often at each place, and are unlikely
    letters as frequent as they should be?

    Each is a count of events whose probabilities p are known, when their place is reached. It has the mean sum(p), and
    the variance sum(p (1 - p)). There are about 60 such counts. 6.5 deviations of one whose variance is 9 or more are
    one right network in 100,000, as a count of rare events (Poisson) has it.
    """
    p, is_word = np.exp(probabilities(calls, params, texts)), texts[:, :, np.newaxis] == np.arange(V)
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


# --- Run as a program -------------------------------------------------------------------------------------------------


def run(file):
    """Train the network of a file on all names, keep it beside the file, and let it write ten."""
    dataset = data.load("names")
    print(f"It trains on {len(dataset.train_images):,} names.", flush=True)
    with explained(file) as module:
        trace = own.watch(module, (dataset.train_images,), 0, lambda text: None, "", None, np.inf, [])
        content, calls = own.kept(trace.params), Calls(module)
        found = loss_of(calls, trace.params, dataset.test_images)
        names = calls.write(trace.params, [""] * 10, np.random.default_rng(0))
    with replacing(Path(file).with_suffix(".npz")) as written:
        written.write(content)
    print(f"You claim {trace.claim:.2f} a letter. On {len(dataset.test_images):,} others it is {found:.2f}.")
    print(*names, sep="\n")


if __name__ == "__main__":
    sys.exit(program.run(lambda: run(sys.argv[1]), limit_memory=True))

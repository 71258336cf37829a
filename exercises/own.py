"""A whole network that reads digits, from a blank file: what it is judged by (exercises/blank.py), and its program.

The file has four functions: loss, gradients, train and read. So nothing has to be guessed about how the network is
built. The label with the least loss is what `read` should say. exercises/said.md has the sentences.
"""

import sys
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from exercises import blank, digits
    from exercises.blank import Blank, Calls, Curve, kept, kind, moved, restored
    from exercises.words import OF_NETWORKS, explain, explained
    from marker import ROOT
    from marker.derivatives import check_loss, root_mean_square
    from marker.nests import floats, format_paths, leaves, replace_leaves
    from marker.trial import load
    from marker.verdict import Wrong
    from support.errors import UserError
    from support.files import atomic_write, read_file

NEEDED, APART = 0.88, 0.03  # the accuracy that is needed; how far from it the claim may be
AGAIN = 0.8  # the accuracy that another training needs, of other images
ALIKE = 0.5  # the accuracy that no training has whose gradients are turned round
KNOWN = 3500  # images to learn from; the others are for the test
LOG10 = np.log(10)  # the loss of ten equal scores
STUB = ROOT / "exercises" / "chapter1" / "own_network.py"
wrong = OF_NETWORKS.wrong


def said(found):
    """What is said of a network that passes."""
    return f"{result_of(found)}. You claimed {found.trace.claim:.3f}."


def result_of(found):
    return f"Of {len(found.others):,} digits that it has never seen, your network reads {found.accuracy:.3f}"


def drawn(found):
    """Images to learn from, and others."""
    *found.examples, found.others, found.answers = draw(found.rng)
    images, labels = found.examples
    # One of each digit, and of two of them more: what is wrong by the same amount for each digit would add up to 0.
    few = [int(i) for digit, n in enumerate([3, 2, *[1] * 8]) for i in np.flatnonzero(labels == digit)[:n]]
    found.few = images[few], labels[few]


def renamed(found):
    """Images that were not there before, with what is to be said of them: the digits go by other names, and ink is a
    little lighter or darker."""
    drawn(found)
    names = found.rng.permutation(10)

    def inked(images):
        other = images + found.rng.integers(-3, 4, images.shape)
        return np.where(images, np.clip(other, 1, 255), 0).astype(np.uint8)

    (images, labels), (few, digits) = found.examples, found.few
    found.examples, found.few = (inked(images), names[labels]), (inked(few), names[digits])
    found.others, found.answers = inked(found.others), names[found.answers]


def draw(rng):
    """Images (N, 784) uint8 and labels to learn from, and others to test with, drawn from `digits.few_images()`."""
    images, labels, test_images, test_labels = digits.few_images()
    images, labels = np.concatenate([images, test_images]).reshape(-1, 784), np.concatenate([labels, test_labels])
    known, others = np.split(rng.permutation(len(images)), [KNOWN * len(images) // 6000])
    return images[known], labels[known], images[others], labels[others]


# --- The functions, called with care ----------------------------------------------------------------------------------


class Reading(Calls):
    """The functions of such a file."""

    what, examples, claims = ("images", "labels"), "images", " from 0 to 1"
    asks = {0.1: "Is there a mean over the ten scores, too?"}  # noqa: RUF012

    def losses(self, params, images, digit=range(10)):
        """The loss of each image alone with each label, (N, 10)."""
        pairs = ((image[None], np.array([k])) for image in images for k in digit)
        found = [float(blank.returned("loss", loss)) for loss in self.each("loss", params, pairs)]
        return np.reshape(found, (len(images), len(digit)))

    def read(self, params, images):
        """The digits that read() says for these images, as integers (N,)."""
        return digits_in(self.call("read", params, (images,)), len(images))

    def read_alone(self, params, images):
        """What it says for each image alone."""
        said = self.each("read", params, ((image[None],) for image in images))
        return np.array([digits_in(blank.returned("read", one), 1)[0] for one in said])

    def train(self, examples, *given, **how):
        trace = super().train(examples, *given, **how)
        if trace.params is not None:
            few = [a[:500] for a in examples]
            if trace.claim > 1 and abs(trace.claim - (loss := float(self.loss(trace.params, *few)))) < 0.2 * loss:
                raise wrong("claim is no number: a loss", claim=trace.claim, loss=loss)
            if 1.5 < trace.claim <= 100:
                raise wrong("claim in percent", claim=trace.claim)
            if not 0 <= trace.claim <= 1:
                raise wrong("claim is no number", what=f"{trace.claim:.4g}", wanted=self.claims)
        return trace


def digits_in(said, n):
    """What read() says for n images as integers (n,), if those are digits; otherwise `Wrong`."""
    wanted = {"wanted": f"of shape ({n},)"}
    try:
        said = np.asarray(said, np.float64)
    except (TypeError, ValueError):
        raise wrong("read returns no digits", what=kind(said), ask="", **wanted) from None
    if said.shape in ((n, 10), (10, n)):
        raise wrong("read returns logits", what=f"the shape {said.shape}", **wanted)
    if said.shape != (n,):
        ask = "Is that one digit for all images together?" if said.ndim == 0 else ""
        what = f"the shape {said.shape}" if said.ndim else "a single number"
        raise wrong("read returns no digits", what=what, ask=ask, **wanted)
    if (said != said.round()).any() or said.min() < 0 or said.max() > 9:
        odd = said[(said != said.round()) | (said < 0) | (said > 9)][0]
        ask = "Is that a score, and not the place of the largest score?"
        if said.max() == 10 and (said == said.round()).all() and said.min() == 1:
            ask = "Nothing is read as 0. From which number do you count the places of the ten scores?"
        raise wrong("read returns no digits", what=f"{odd:.4g}, for one", ask=ask, **wanted)
    return said.astype(int)


# --- What has to be so ------------------------------------------------------------------------------------------------


def derivatives(found, calls, params, batches):
    """`gradients` is the derivative of `loss`, and that is a mean over images that looks at their labels."""
    rng, (images, labels) = np.random.default_rng([found.seed, 1]), batches[0]
    total = check_loss(calls.loss, params, (images, labels), "images")
    beside = moved(params, rng)
    others = [float(calls.loss(beside, images, np.full_like(labels, k))) for k in range(4)]
    if np.isfinite(total) and np.ptp(others) < 1e-9:
        raise wrong("loss without labels")
    if np.isfinite(total) and np.ptp(calls.losses(beside, images[:1])) < 1e-9:
        raise wrong("softmax along another axis")
    blank.check_gradients(calls, params, batches, rng)
    many = [a[: blank.MANY] for a in found.examples]
    order = np.random.default_rng(found.seed).permutation(len(many[0]))
    one, two = (float(calls.loss(beside, *batch)) for batch in (many, [a[order] for a in many]))
    if abs(one - two) > 1e-5 * abs(one):
        raise wrong("loss of parts", n=len(order), one=one, two=two)
    blank.check_many(calls, params, found.examples, rng)


def keeps_no_images(found):
    """Params do not hold many images that it has learned from, as rows or columns, in whatever way they are shown."""
    images = found.examples[0]
    seen = images.std(axis=0) > 0
    arrays = {k: np.asarray(a) for k, a in leaves(found.params).items() if a is not None}
    for k, a in arrays.items():
        for rows in (a, a.T) if a.ndim == 2 else (a.reshape(len(a), -1),) if a.ndim > 2 and a.size else ():
            if rows.shape[1] not in (784, 785) or len(rows) < max(50, len(images) / 4):  # fewer are centres, say
                continue
            correlations = standardised(rows[:50, :784][:, seen]) @ standardised(images[:, seen]).T / seen.sum()
            if (correlations > 0.999).any(axis=1).mean() > 0.9:
                raise wrong("images kept", name=format_paths([k]), n=len(rows))


def standardised(rows):
    """Rows (N, D) of numbers as rows with the mean 0 and the deviation 1; equal numbers become 0."""
    centred = rows - rows.mean(axis=1, keepdims=True, dtype=float)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-30)


def reads_the_least_loss(found):
    """`read` says the label with the least loss."""
    calls, params = found.calls, found.params
    found.said = calls.read(params, found.others)
    found.accuracy = (found.said == found.answers).mean()
    few, first = found.others[:100], found.said[:100]
    began = time.process_time()
    least = calls.losses(params, few[:1]).min()
    if not np.isfinite(least):
        is_low = found.accuracy < NEEDED and found.trace.points
        raise why_so_low(found) if is_low else wrong("loss is not finite", loss=least)
    n = int(np.clip(1 / (time.process_time() - began + 1e-3), 20, 100))
    table = calls.losses(params, few[:n])
    found.together = np.ptp(table, axis=0).max() < 1e-9  # in a batch of one, a mean over the batch leaves nothing
    if found.together:
        n = min(n, 40)
        table = np.array([[float(calls.loss(params, few, np.where(np.arange(100) == i, k, first))) for k in range(10)]
                          for i in range(n)])  # fmt: skip
    found.table = table
    other = (table.argmin(axis=1) != first[:n]).sum()
    if other > (0.1 if found.together else 0.03) * n:
        raise looks_like(found, few[:n], first[:n], other)


def looks_like(found, few, said, n):
    """The exception that says how `read` differs from `loss`, if that can be said."""
    calls, params, table, values = found.calls, found.params, found.table, {"n": n, "of": len(few)}
    best = table.argmin(axis=1)
    for side, step in (("before", -1), ("after", 1)):
        if np.mean(said == (best + step) % 10) > 0.97:
            return wrong("off by one", side=side, **values)
    ways = [("read is not as loss: the largest", "It says the one whose loss is the largest.", -table)]
    if not found.together:
        for words, x in {"images / 255": few / 255, "images * 255": few * 255.0, "255 - images": 255 - few}.items():
            said_of = f"It says what `loss` would say of {words}."
            ways.append(("read is not as loss", said_of, calls.losses(params, x)))
        arrays = {k: a for k, a in floats(params).items() if a.any()}
        for k, a in arrays.items():
            words = f"It says what `loss` would say if {format_paths([k])} were 0."
            ways.append(("read forgets", words, calls.losses(replace_leaves(params, {k: 0 * a}), few)))
    shares = [np.mean(of_each.argmin(axis=1) == said) for *_, of_each in ways]
    mark, how, _ = ways[int(np.argmax(shares))]
    known = max(shares) > 0.97
    values["how"] = f"{how} " if known else ""
    if len({*said}) == 1:
        return wrong("one digit for all", digit=said[0], **values)
    return wrong(mark if known else "read is not as loss", **values)


def reads_one_by_one(found):
    """What it says of an image does not depend on the others."""
    few = found.others[:100]
    other = (found.said[:100] != found.calls.read_alone(found.params, few)).sum()
    if other > 10:  # a mean and a deviation of all pixels together change an answer or two
        raise wrong("read needs other images", n=other, of=len(few))


def reads_in_a_new_run(found):
    """All that `read` needs is in params."""
    few = found.others[:100]
    other = (blank.alone(found, "read", few) != found.said[:100]).sum()
    if other > 10:
        raise wrong("read needs train", n=other, of=len(few))


def reads_all_of_a_pixel(found):
    """The numbers of pixels do not wrap round, and those below 255 are not cut off."""
    calls, params, others, said = found.calls, found.params, found.others, found.said
    white = np.where(others == 255, 255, 0).astype(np.uint8)
    grey = np.minimum(others, 254)
    if (calls.read(params, white) == said).mean() > 0.995 and (calls.read(params, grey) != said).mean() > 0.5:
        raise wrong("pixels cut off")
    other = 0
    with suppress(Exception):
        other = (calls.read(params, others.astype(float)) != said).sum()
    if other > 0.01 * len(said):
        # From 0 to 255, a number of uint8 jumps where it wraps round. In float64 nothing jumps there.
        grey = np.repeat(np.arange(256)[:, None], 784, axis=1)
        jumps = [np.abs(np.diff(calls.losses(params, g, (3, 8)), axis=0)) for g in (grey.astype(np.uint8), grey * 1.0)]
        jump = np.unravel_index(jumps[0].argmax(), jumps[0].shape)
        if jumps[0][jump] > 0.2 * jumps[0].sum(axis=0)[jump[1]] and jumps[1][jump] < 0.1 * jumps[0][jump]:
            raise wrong("pixels wrap round", n=other, of=len(said), pixel=jump[0], next=jump[0] + 1)


def has_a_hidden_layer(found):
    """The differences of the ten losses are those of the scores. In a linear network, those of the mean of two images
    are the mean of theirs."""
    if found.together:
        return
    few = found.others
    a, b = few[:10] & 254, few[10:20] & 254  # even numbers, which have a mean in uint8
    of_a, of_b, of_both = (np.diff(found.calls.losses(found.params, x), axis=1) for x in (a, b, a // 2 + b // 2))
    if np.abs(of_both - (of_a + of_b) / 2).max() < 1e-4 * np.abs(of_a - of_b).max():
        matrices = [a for a in floats(found.params).values() if a.ndim == 2 and min(a.shape) > 1]
        raise wrong("linear" if len(matrices) == 1 else "no ReLU")


def trains_it(found):
    """If the scores are linear in all that is trained, then what comes before it never is."""
    if found.together:
        return
    one, two = floats(found.trace.points[0].params), floats(found.params)
    trained = [k for k in found.moving if k in one and k in two and one[k].shape == two[k].shape]
    halves = [replace_leaves(found.params, {k: (1 - t) * one[k] + t * two[k] for k in trained}) for t in (0, 0.5, 1)]
    scores = (found.calls.losses(params, found.others[:10]) for params in halves)
    of_one, of_both, of_two = (np.diff(losses, axis=1) for losses in scores)
    if np.ptp(of_two, axis=0).max() < 1e-3 * np.abs(of_two).max():
        return  # the scores do not depend on the image: that has another cause
    if np.abs(of_both - (of_one + of_two) / 2).max() < 1e-4 * np.abs(of_one - of_two).max():
        raise wrong("one layer alone", names=format_paths(trained))


def remarks(found):
    """What deserves a sentence."""
    if found.together:
        return
    calls, params, table, n = found.calls, found.params, found.table, len(found.table)
    few, first, before = found.others[:100], found.said[:100], floats(found.trace.points[0].params)
    arrays = {k: a for k, a in floats(params).items() if a.ndim and k not in found.moving}
    others = {k: replace_leaves(params, {k: 1.01 * a + 0.01}) for k, a in arrays.items()}
    constants = [k for k in others if calls.loss(others[k], few, first) != calls.loss(params, few, first)]
    if stay := [k for k in constants if np.array_equal(arrays[k], before.get(k))]:
        words = "and `gradients` has None there. Are they meant to stay as they are?"
        found.remarks.append(f"The loss depends on {format_paths(stay)}, {words}")
    if moved := [k for k in constants if k not in stay]:
        words = "on which the loss depends, and `gradients` has None there. Along which slopes?"
        found.remarks.append(f"`train` changes {format_paths(moved)}, {words}")
    off = (table[np.arange(n), first[:n]] - table.min(axis=1) > 1e-4).sum()  # equal ones may differ by rounding
    if off:
        ask = "Is `read` the same forward pass, with all arrays?"
        found.remarks.append(f"For {off} of {n} images, `read` does not say the label with the least `loss`. {ask}")
    ties = (np.diff(np.sort(table, axis=1)[:, -4:], axis=1) == 0).all(axis=1).sum()
    if ties >= n / 10:
        ask = "Is something done to the scores, such as a ReLU? A score below 0 is not a mistake."
        found.remarks.append(f"For {ties} of {n} images, several digits have exactly the same loss. {ask}")


def reads_some(found, params, needed=ALIKE):
    """Whether these params are those of a network that has learned."""
    return (found.calls.read(params, found.others) == found.answers).mean() > needed


def reads_enough(found):
    if found.accuracy < NEEDED:
        raise why_so_low(found)


def reads_what_it_was_told(found):
    n, accuracy, claim = len(found.others), found.accuracy, found.trace.claim
    if accuracy < AGAIN or abs(claim - accuracy) > 5 * APART:  # it is another training
        raise wrong("reads something else", n=n, found=accuracy, claim=claim)


def claims_what_is_so(found):
    """The claim was measured honestly, and is near what was found. A second training learns random labels."""
    calls, trace, claim, (images, labels) = found.calls, found.trace, found.trace.claim, found.examples
    n = len(images) if trace.seconds < 8 else len(images) // 2
    about = {"claim": claim, "found": found.accuracy, "n": len(found.others)}
    loss = float(calls.loss(found.params, found.others[:1000], found.answers[:1000]))
    if abs(claim - loss) < 0.25 * loss and abs(claim - found.accuracy) > APART:
        raise wrong("claim is no number: a loss", claim=claim, loss=loss)
    chance = np.random.default_rng(found.seed).permutation(labels)[:n]
    doing = "It trains once more, with random labels"
    names = ("gradients", "read")
    try:
        noise = calls.train(
            (images[:n], chance), [found.seed, 2], found.tell, doing, None, 3 * trace.calls + 100, names
        )
        blank.judge_chance(trace, noise)
    except Wrong:
        raise
    except Exception:  # nothing is known of it
        noise = None
    shares = [share for share, *_ in trace.reads]
    if any(abs(claim + s - 1) < 1e-9 for s in shares) or (not shares and abs(claim + found.accuracy - 1) < APART):
        raise wrong("claim of the wrong ones", **about)
    measured = [(of, known) for share, of, known in trace.reads if abs(share - claim) < 1e-9]
    if measured and all(known > of / 2 for of, known in measured):
        of, known = measured[-1]
        raise wrong("claims training", of=of, known=known, **about)
    if noise and noise.claim > 0.3:
        learned = (calls.read(noise.params, images[:n]) == chance).mean()
        if abs(noise.claim - learned) < 0.15:
            raise wrong("claims training: by heart", chance=noise.claim, **about)
        raise wrong("claim not measured", chance=noise.claim, **about)
    apart, most = [claim - found.accuracy], min(4, 24 // max(trace.seconds, 1) - 1)
    while abs(np.mean(apart)) > APART and len(apart) < most and abs(apart[0]) < 4 * APART:
        order = np.random.default_rng([found.seed, 4, len(apart)]).permutation(len(images))  # of a fixed split, another
        doing, another = "It trains again: was the claim by luck?", (images[order], labels[order])
        again = calls.train(another, [found.seed, 3, len(apart)], found.tell, doing, names=names)
        apart.append(again.claim - (calls.read(again.params, found.others) == found.answers).mean())
    if abs(np.mean(apart)) > APART:
        used = trace.used
        on_known = (calls.read(found.params, images[used]) == labels[used]).mean() if used.any() else 0
        mark = "claim too low" if claim < found.accuracy else "claim off"
        raise wrong(mark, on_known=on_known, **about)


def remarks_on_training(found):
    found.remarks += found.trace.remarks()


# --- Why it reads so few ----------------------------------------------------------------------------------------------


def why_so_low(found):
    """The exception that says why its accuracy is too low, by what was seen of the training."""
    images, labels = found.examples
    values = {"result": f"{result_of(found)}; {NEEDED} is needed."}
    curve = Curve(found, (images[:300], labels[:300]), values, falls=0.3, flat=0.95)
    return next(filter(None, causes(curve)))


def causes(curve):
    """What may have been wrong: the exception that says so, or what is false, for one cause after the other."""
    trace, first, last, (images, labels) = curve.trace, curve.first, curve.last, curve.batch
    calls, before, found = curve.calls, trace.points[0].params, curve.found
    layers = {k: a for k, a in first.items() if a.ndim == 2 and min(a.shape) > 1 and k in trace.zero}
    ends = {k: last[k] for k in layers if k in last and np.isfinite(last[k]).all()}
    is_mixed = trace.mislabelled > 0.3 * max(trace.shown, 1)
    yield is_mixed and curve.wrong("labels mixed up", n=trace.mislabelled, shown=trace.shown)
    yield trace.other_pixels and curve.wrong("other pixels")
    alike = [k for k, a in ends.items() if min(np.ptp(a, axis=i).max() for i in (0, 1)) <= 1e-9 * np.abs(a).max()]
    yield alike and curve.wrong("weights alike", names=format_paths(alike))
    other = float(calls.loss(before, images.astype(float), labels))
    wraps = np.isfinite(other) and abs(other - curve.begin) > 0.01 * abs(other)
    yield wraps and curve.wrong("pixels wrap round: in the loss", other=other)
    idle = [k for k in layers if np.all(trace.zero[k])]
    yield idle and curve.wrong("units off", names=format_paths(idle))
    yield curve.begin > 3 * LOG10 and too_large(curve, before, layers)
    is_back = np.isfinite(curve.before) and not curve.end < max(2 * curve.before, LOG10)
    yield is_back and curve.before < 0.5 * curve.begin and curve.wrong("other weights returned", before=curve.before)
    yield decays(curve)
    yield blank.steps_grow(curve)
    small = [k for k, a in layers.items() if root_mean_square(a) * np.sqrt(max(a.shape)) < 1e-3]
    stays = small and curve.end > 0.8 * curve.begin
    yield stays and curve.wrong("weights too small", names=format_paths(small), size=root_mean_square(first[small[0]]))
    yield blank.steps_too_large(curve)
    yield blank.not_finite(curve)
    yield blank.the_same_ones(curve)
    yield blank.diverged(curve)
    yield blank.steps_too_small(curve)
    spread = np.ptp(calls.losses(found.params, images[:50]), axis=1).max()
    yield 0.5 < spread < 1 + 1e-6 and curve.wrong("softmax of a softmax", spread=spread)
    yield blank.steps_too_few(curve)
    yield curve.wrong("not good enough", n=len(found.others), found=found.accuracy, needed=NEEDED)


def too_large(curve, params, layers):
    """What makes the first loss so large, if one change alone makes it small. layers: the first weights of each."""
    vectors = {k: 0 * a for k, a in curve.first.items() if a.ndim and a.size == max(a.shape) and np.abs(a).max() > 1}
    sizes = {k: root_mean_square(a) * np.sqrt(max(a.shape)) for k, a in layers.items()}  # of a sum of so many terms
    usual = np.prod([*sizes.values()]) < 5  # with pixels from 0 to 1, scores are then no larger
    images, labels = curve.batch
    smaller = {k: a / (28 * root_mean_square(a)) for k, a in layers.items()}
    ways = [
        ("biases too large", replace_leaves(params, vectors), 1),
        *(("pixels too large", params, by) for by in (255, 255**2) if usual),
        ("weights too large", replace_leaves(params, smaller), 1),
    ]
    for mark, changed, by in ways:
        then = float(curve.calls.loss(changed, images if by == 1 else images / by, labels))
        if then < 0.3 * curve.begin:
            names = format_paths(vectors if mark == "biases too large" else layers)
            k = max(sizes, key=sizes.get, default=None)
            size = root_mean_square(layers[k]) if k else 0
            return curve.wrong(mark, names=names, then=then, size=size, largest=format_paths([k] if k else []), by=by)
    return None


def decays(curve):
    """Weights decay too much, if those do whose gradient was always 0, or if much of the loss is the same whatever the
    labels are."""
    for k, zero in curve.trace.zero.items():
        first, last = curve.first[k], curve.last.get(k)
        if np.shape(last) == first.shape == np.shape(zero) and 10 < zero.sum() < zero.size:
            before, after = first[zero], last[zero]
            share = (before * after).sum() / ((before**2).sum() or 1)
            if before.any() and abs(share) < 0.3 and np.abs(after - share * before).max() < 0.1 * np.abs(before).max():
                return curve.wrong("decay too strong", share=abs(share), name=format_paths([k]))
    # Of a cross-entropy plus something, exp(-loss) of the ten labels adds up to exp(-something), for every image.
    rest = -np.log(np.exp(-curve.calls.losses(curve.found.params, curve.batch[0][:5])).sum(axis=1))
    if np.ptp(rest) < 1e-6 and np.mean(rest) > 0.1 and np.mean(rest) > 0.2 * curve.end:
        return curve.wrong("decay too strong: in the loss", rest=np.mean(rest))
    return None


CONSEQUENCES = (
    drawn, partial(blank.trains, derivatives=derivatives, names=("gradients", "read")), keeps_no_images,
    blank.right_on_the_way, blank.goes_downhill, reads_the_least_loss, reads_one_by_one, reads_in_a_new_run,
    reads_all_of_a_pixel, has_a_hidden_layer, trains_it, remarks, partial(blank.begins_anew, is_good=reads_some),
    reads_enough, claims_what_is_so, remarks_on_training,
)  # fmt: skip
ASKED = (
    renamed, partial(blank.learns_again, derivatives=derivatives, is_good=partial(reads_some, needed=AGAIN)),
    keeps_no_images, reads_the_least_loss, has_a_hidden_layer, reads_what_it_was_told,
)  # fmt: skip
FUNCTIONS = "loss", "gradients", "train", "read"
GIVES = {"train": ("params", ""), "gradients": ("gradients",)}
JUDGE = Blank(FUNCTIONS, STUB, Reading, CONSEQUENCES, said, "exercises.own", "exercises.looked", ASKED, GIVES)


# --- Run as a program, and put to use ---------------------------------------------------------------------------------


def run(file):
    """Train the network of a file on all images that are there, keep it beside the file, and say how well it reads.

    First it does all of this with a few images. This shows a mistake at once, and how long all images will take.
    """
    images, labels, others, answers = (rows_of(a) for a in data.load())
    few, began = 4000, time.perf_counter()
    with explained(file) as module:
        if len(images) > few:
            learn(module, images[:few], labels[:few], others, answers)
        print(f"It trains on {len(images):,} images.", flush=True)
        with passing((time.perf_counter() - began) * len(images) / few):
            content, claim, found = learn(module, images, labels, others, answers)
    with atomic_write(Path(file).with_suffix(".npz")) as written:
        written.write(content)
    print(f"You claim {claim:.4f}. Of {len(others):,} others it reads {found:.4f}.")


def learn(module, images, labels, others, answers):
    """What is kept of a network that learns from these images, its claim, and the share of the others that it reads."""
    calls = Reading(module)
    trained = calls.train((images, labels), 0, names=())
    content = kept(trained.params)
    return content, trained.claim, (calls.read(restored(module, content), others) == answers).mean()


def rows_of(array):
    return array.reshape(len(array), -1) if array.ndim > 1 else array.astype(np.int64)


def digit(module, file, image):
    """What a learner's own network says to an image (28, 28); `run` has kept its params in a file."""
    try:
        params = restored(module, read_file(file, 2**28))
    except Exception:  # whatever zipfile, NumPy and json make of a damaged file, or of one of an earlier version
        raise UserError(f"{file} is damaged: delete it; the next call writes it again") from None
    return Reading(module).read(params, image.reshape(1, -1))[0]


def main(file, picture=None):
    """Train the network of a file, or have it read a picture."""
    if picture is None:
        return run(file)
    from support.ink import read_digit  # it needs Pillow

    _, image = read_digit(picture)
    try:
        print(f"digit: {digit(load(file), Path(file).with_suffix('.npz'), image)}")
    except UserError:
        raise
    except BaseException as error:
        raise UserError(f"{Path(file).name}: {explain(error, str(file))['text']}") from None


class passing:
    """A progress bar on stderr for a computation that takes about this many seconds."""

    def __init__(self, seconds):
        from tqdm import tqdm  # the site has none

        shown = "{desc}: {percentage:3.0f}%|{bar}| {elapsed}, about {remaining} left"
        self.bar = tqdm(total=round(seconds, 1), desc="training", disable=None, bar_format=shown, leave=False)
        self.ended = Event()

    def __enter__(self):
        self.thread = Thread(target=self.tick, daemon=True)
        self.thread.start()

    def tick(self):
        while not self.ended.wait(0.2):
            self.bar.update(min(0.2, self.bar.total - self.bar.n))

    def __exit__(self, *error):
        self.ended.set()
        self.thread.join()
        self.bar.close()


if __name__ == "__main__":
    sys.exit(program.run(lambda: main(*sys.argv[1:]), limit_memory=True))

"""Marks a whole network that somebody wrote from a blank file: by experiments on it, and not by its text.

The file has three functions: first_weights(rng), train(images, labels, rng) and read(params, images). Each experiment
trains with inputs of its own making, and looks at what comes out; so a network may be written in any style.
What an experiment cannot decide, it lets pass. MISTAKES says what each mistake is called, and what is asked about it.
"""

import io
import sys
import time
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np

import data
from exercises import digits
from exercises.complaints import plain
from exercises.exercise import watched
from exercises.tape import Misuse
from exercises.trial import load
from mlp_np import init_he
from support.checkpoint import unpack
from support.errors import UserError
from support.files import read_file, replacing

NEEDED, APART = 0.88, 0.03  # the accuracy that is needed; how far from it the claim may be
KNOWN = 3500  # images to learn from; the others are for the test
HEALTHY = 150  # how far all steps lead in a training that works; a third of it, or three times as much, is usual
SECONDS = 12  # of computing, after which no further experiment begins
NAMES = ("W1", "b1", "W2", "b2")

MISTAKES = {
    "not written": "`{name}` is not written yet: it returns {what}.",
    "no function": "There is no function `{name}` in your file. Keep the three names of the stub.",
    "wrong number of results": (
        "`train` should return two results, params and the accuracy that you claim; yours returns {what}."
    ),
    "no dict": "{whose} should be a dict with the keys W1, b1, W2 and b2; it is {what}.",
    "an array missing": "{whose}: there is no {name} in it. It should have the keys W1, b1, W2 and b2.",
    "wrong shape": "{whose}: {name} has the shape {shape}; it should be {wanted}, with H hidden units.",
    "images changed": "`{name}` changes {what} in place, which is not yours to change. Which line writes into it?",
    "rng ignored": (
        "Two generators, default_rng(1) and default_rng(2), gave the same first weights. Where do your random "
        "numbers come from, if not from `rng`?"
    ),
    "not finite": "{whose}: {name} holds numbers that are inf or nan. {ask}",
    "weights alike": (
        "After the training, all {H} hidden units have the same weights in W1: they are one unit, {H} times. What "
        "would have to differ between two units at the start, so that their gradients differ?"
    ),
    "weights replaced": (
        "After the training, all {H} hidden units have the same weights in W1, and `first_weights` made them differ. "
        "Does your step change the weights, or does it replace them?"
    ),
    "weights too large": (
        "It reads {found:.3f}. From other first weights, with a deviation of {healthy:.2g} in {name}, the same "
        "training reads {better:.3f}; in yours it is {yours:.2g}. How large is a sum of {terms} terms with such "
        "weights, and what does softmax make of it?"
    ),
    "weights too small": (
        "It reads {found:.3f}. From other first weights, with a deviation of {healthy:.2g} in {name}, the same "
        "training reads {better:.3f}; in yours it is {yours:.2g}. How large are the gradients, if they are "
        "multiplied by such weights on their way?"
    ),
    "pixels too large": (
        "It reads {found:.3f}. With pixels of 0 and 1 in place of 0 to 255, the same training reads {better:.3f}. "
        "How large does a sum of 784 terms become with yours, and how large the gradient of W1?"
    ),
    "pixels wrap round": (
        "It reads {found:.3f}. With images.astype(float) in place of the images, the same training reads {better:.3f}. "
        "Of which type are the images? Can a number of that type be below 0, or above 255?"
    ),
    "no ReLU": (
        "Your network is linear. With W1, b1 and W2 of the other sign, `read` gives the same answers to {n:,} images; "
        "and with W1 and b1 times {times}, and W2 divided by {times}, it does, too. Then two layers are worth no more "
        "than one. What stands between them?"
    ),
    "the same images": (
        "It reads {found:.3f}, and has learned from only some {used} of the {given} images. Which images are in "
        "your first batch, and which are in the second? Does each of your batches take a step?"
    ),
    "steps too small": (
        "It reads {found:.3f}. All steps together lead about {ratio} as far as in a training that works. What "
        "decides how long a step is: the learning rate, and is anything divided twice?"
    ),
    "steps too large": (
        "It reads {found:.3f}. All steps together lead {ratio} times as far as in a training that works. What "
        "decides how long a step is: the learning rate, and is the gradient a mean over the batch?"
    ),
    "never moves": "{name} is after the training what it was before. Which line moves it?",
    "no array moves": (
        "After the training, all four arrays are what they were before. Does the line with the learning rate "
        "change what `params` holds, or only a copy?"
    ),
    "other gradients": (
        "A gradient is not that of your own forward pass: {name}. (It was tried with one image alone, where the "
        "chain rule leaves no choice: {why}.){more}"
    ),
    "uphill": (
        "With each step all four arrays move so that the score of the right digit falls. The loss should go down. "
        "Does your step add the gradients, or subtract them?"
    ),
    "one digit for all": (
        "`read` says {digit} to every image. Is that what the network says (its scores differ from image to "
        "image?), or is it lost on the way out?"
    ),
    "softmax along another axis": (
        "It reads {found:.3f}. Of one image alone, tried again and again, the gradients of the ten scores do not add up"
        " to 0: only that of the right digit is large. If p comes from softmax: p adds up to 1 along which axis?"
    ),
    "one digit, the network's": (
        "`read` says {digit} to every image, and so does the network, however the images are shown to it. {ask}"
    ),
    "read returns no digits": "`read` should return a digit for each image, {wanted}; it returns {what}. {ask}",
    "read is not as train": (
        "`read` is right in {found:.3f} of the images. But the weights that `train` returns are good: if `read` "
        "went forward with {how}, it would be {better:.3f}. What does `train` do to the images, or between the "
        "layers, that `read` does not?"
    ),
    "read needs other images": (
        "`read` says other digits to {n} of {of} images one by one than to all at once. What in it depends on the other"
        " images?"
    ),
    "read fails alone": (
        "In a new run of the file, `read` fails: {error} It may use what is in `params`, and nothing that `train` has "
        "left in a global name."
    ),
    "read needs train": (
        "In a new run of the file, `read` says other digits to {n:,} of {of:,} images. It may use what is in `params`, "
        "and nothing that `train` has left in a global name."
    ),
    "claims training": (
        "You claim {claim:.3f}; of {n:,} images that it has not learned from, it reads {found:.3f}. Your figure is"
        " that of images that it has learned from. How would it read others? Keep some aside, before you train."
    ),
    "claim off": (
        "You claim {claim:.3f}; of {n:,} images that it has not learned from, it reads {found:.3f}. With which "
        "images did you find out, with how many, and has it learned from any of them?"
    ),
    "claim too low": (
        "You claim {claim:.3f}, and it is better: of {n:,} images that it has not learned from, it reads {found:.3f}. "
        "Does `read` get in `train` what the marker gives it? Do these labels belong to these images?"
    ),
    "off by one": (
        "To {share:.3f} of {n:,} images, `read` says the digit {side} the right one. Which digit does each of the ten "
        "scores belong to: in `train`, and in `read`?"
    ),
    "claim not measured": (
        "With labels drawn by chance there is nothing to learn, and {found:.2f} is what it then reads. You still "
        "claim {claim:.2f}. Is your figure measured, on images that it has not learned from?"
    ),
    "claim in percent": "The accuracy should be a share, from 0 to 1; yours is {claim:.4g}. In percent?",
    "claim is no number": "The second result of `train` should be a number from 0 to 1; it is {what}.",
    "not good enough": (
        "Of {n:,} images that it has not learned from, it reads {found:.3f}; {needed} are needed. No usual mistake"
        " shows. {ask}"
    ),
}


MARKS = {*MISTAKES, "labels changed", "wrong type", "read returns logits", *(f"{name} never moves" for name in NAMES)}


def wrong(mistake, mark=None, /, **values):
    """The exception that says so; its mark is the mistake, or another."""
    return Misuse(mark or mistake, MISTAKES[mistake].format(**values))


class Trained(NamedTuple):
    """What one call of train() has led to."""

    first: list  # the first weights, as often as first_weights was called
    params: dict
    claim: float
    seconds: float


def investigate(module, seed):
    """What is said of a file's network that passes, as text; `Misuse` that names the mistake of one that does not."""
    began = time.process_time()
    for name in ("first_weights", "train", "read"):
        if not callable(getattr(module, name, None)):
            raise wrong("no function", name=name)
    rng = np.random.default_rng([seed, 48])
    images, labels, others, answers = draw(rng)
    one, two = (weights(module.first_weights(np.random.default_rng(i)), "first_weights(rng)") for i in (1, 2))

    main = train(module, images, labels, seed)
    params = weights(main.params, "What `train` returns as params")
    finite = all(np.isfinite(p).all() for p in params.values())
    unit = params["W1"].T
    if finite and len(unit) > 1 and (np.ptp(unit, axis=0) <= 1e-9 * np.abs(unit).max()).all():
        differed = np.ptp(one["W1"], axis=1).any()
        raise wrong("weights replaced" if differed else "weights alike", "weights alike", H=len(unit))
    if finite:
        not_moved(main)
    said = read(module, main.params, others)
    found, on_known = (said == answers).mean(), (read(module, main.params, images) == labels).mean()
    reads_alone(module, main.params, others, said)
    if found > 0.6 and is_linear(module, main.params, others, said):
        raise wrong("no ReLU", n=len(others), times=TIMES)
    lab = Laboratory(module, seed, images, labels, others, answers, main, found, began)
    length = lab.gradients()
    if found < NEEDED:
        lab.why_so_low(params, said, on_known, length)
    if all(np.array_equal(one[name], two[name]) for name in ("W1", "W2")):
        raise wrong("rng ignored")
    claim = lab.honest(main.claim, on_known)
    text = f"Of {len(others):,} digits that it has never seen, your network reads {found:.3f}. You claimed {claim:.3f}."
    return "\n".join([text, *lab.remarks(params, said)])


def draw(rng):
    """Images (N, 784) uint8 and labels to learn from, and others to be tested with, drawn from those that are there."""
    images, labels, test_images, test_labels = digits.few_images()
    images, labels = np.concatenate([images, test_images]).reshape(-1, 784), np.concatenate([labels, test_labels])
    known, others = np.split(rng.permutation(len(images)), [KNOWN * len(images) // 6000])
    return images[known], labels[known], images[others], labels[others]


# --- Run as a program, and put to use ---------------------------------------------------------------------------------


def run(train, read, file):
    """Train on all images that are there, keep the network beside the file, and say how well it reads others."""
    dataset = data.load()
    images, others = (a.reshape(len(a), -1) for a in (dataset.train_images, dataset.test_images))
    print(f"It trains on {len(images):,} images.", flush=True)
    trained = train(images.copy(), dataset.train_labels.astype(np.int64), np.random.default_rng(0))
    if not isinstance(trained, (tuple, list)) or len(trained) != 2 or not isinstance(trained[0], Mapping):
        sys.exit("`train` does not return weights and an accuracy yet. `python practice.py own_network` says more.")
    params, claim = trained
    arrays = {name: np.asarray(value) for name, value in params.items()}
    with replacing(Path(file).with_suffix(".npz")) as kept:  # first: `read` may fail, and a training takes long
        np.savez(kept, **{name: a for name, a in arrays.items() if a.dtype.kind in "biuf"})
    found = (np.asarray(read(params, others.copy())) == dataset.test_labels).mean()
    claimed = f"You claim {claim:.4f}." if is_number(claim) else MISTAKES["claim is no number"].format(what=kind(claim))
    print(f"{claimed} Of {len(others):,} others it reads {found:.4f}.")


def digit(module, kept, image):
    """What a learner's own network says to an image (28, 28); `run` has kept its weights in the file `kept`."""
    try:
        params = unpack(read_file(kept, 2**28))
    except (ValueError, zipfile.BadZipFile, EOFError, KeyError):
        raise UserError(f"{kept} is damaged: delete it; the next call writes it again") from None
    return read(module, params, image.reshape(1, -1))[0]


# --- The three functions, called with care ----------------------------------------------------------------------------


def weights(params, whose):
    """The four arrays of a dict, (784, H), (H,), (H, 10) and (10,), in float64; more keys are the learner's affair."""
    if params is None or params is ...:
        if "first" in whose:
            raise wrong("not written", name="first_weights", what=params)
        raise wrong("not written", "partly written", name="train", what=params)
    if not isinstance(params, Mapping):
        raise wrong("no dict", whose=whose, what=kind(params))
    for name in NAMES:
        if name not in params:
            raise wrong("an array missing", whose=whose, name=name)
    arrays = {name: np.asarray(params[name]) for name in NAMES}
    H = arrays["W1"].shape[-1] if arrays["W1"].ndim == 2 else 0
    for name, wanted in {"W1": (784, H), "b1": (H,), "W2": (H, 10), "b2": (10,)}.items():
        a = arrays[name]
        if a.dtype.kind not in "fiu":
            raise wrong("wrong shape", "wrong type", whose=whose, name=name, shape=f"of {a.dtype}", wanted="of numbers")
        flat = name[0] == "b" and a.size == wanted[0]  # (1, H) and (H, 1) are a matter of style
        if not flat and (a.shape != wanted or not H):
            text = "(784, H)" if name == "W1" else str(wanted)
            raise wrong("wrong shape", whose=whose, name=name, shape=a.shape, wanted=text)
        arrays[name] = a.reshape(wanted).astype(np.float64)
        if not np.isfinite(arrays[name]).all() and "first" in whose:
            raise wrong("not finite", whose=whose, name=name, ask="")
    return arrays


def kind(value):
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"of type {type(value).__name__}"


def train(module, images, labels, seed, change=None, quiet=False):
    """A `Trained`: train() with copies of these. change: what is done to the first weights, a dict of arrays."""
    first = []

    def note(original, *arguments, **options):
        params = original(*arguments, **options)
        if change:
            params = change(params)
        first.append({name: np.array(params[name]) for name in NAMES if name in params})
        return params

    given, began = (images.copy(), labels.copy()), time.process_time()
    with ExitStack() as stack:
        stack.enter_context(watched(module, "first_weights", note))
        if quiet:
            stack.enter_context(redirect_stdout(io.StringIO()))
        results = module.train(*given, np.random.default_rng([seed, 1]))
    seconds = time.process_time() - began
    if results is None or results is ...:
        raise wrong("not written", "partly written", name="train", what=results)
    if not isinstance(results, (tuple, list)) or len(results) != 2:
        what = f"{len(results)}" if isinstance(results, (tuple, list)) else f"one, {kind(results)}"
        raise wrong("wrong number of results", what=what)
    for name, before, after in zip(("images", "labels"), (images, labels), given, strict=True):
        if not np.array_equal(before, after):
            raise wrong("images changed", f"{name} changed", name="train", what=name)
    params, claim = results
    if not is_number(claim):
        raise wrong("claim is no number", what=kind(claim))
    claim = float(claim)
    if 1 < claim <= 100:
        raise wrong("claim in percent", claim=claim)
    if not 0 <= claim <= 1:
        raise wrong("claim is no number", what=f"{claim:.4g}")
    return Trained(first, params, claim, seconds)


def is_number(claim):
    """An array without an axis is one, too."""
    return isinstance(claim, (int, float, np.number, np.ndarray)) and not np.ndim(claim) and not isinstance(claim, bool)


def read(module, params, images):
    """The digits that read() says to images, as integers (N,)."""
    given = images.copy()
    said = module.read(params, given)
    if not np.array_equal(given, images):
        raise wrong("images changed", name="read", what="images")
    if said is None or said is ...:
        raise wrong("not written", "partly written", name="read", what=said)
    values, wanted = {"wanted": f"of shape ({len(images)},)"}, (len(images),)
    try:
        said = np.asarray(said, np.float64)
    except (TypeError, ValueError):
        raise wrong("read returns no digits", what=kind(said), ask="", **values) from None
    if said.shape == (len(images), 10):
        ask = "Those are ten scores for each image. Which of the ten is the largest?"
        raise wrong("read returns no digits", "read returns logits", what=f"the shape {said.shape}", ask=ask, **values)
    if said.shape != wanted:
        ask = "Is that one digit for all images together?" if said.ndim == 0 else ""
        what = f"the shape {said.shape}" if said.ndim else "a single number"
        raise wrong("read returns no digits", what=what, ask=ask, **values)
    if (said != said.round()).any() or said.min() < 0 or said.max() > 9:
        odd = said[(said != said.round()) | (said < 0) | (said > 9)][0]
        ask = "Is that a score, and not the place of the largest score?"
        if said.max() == 10 and (said == said.round()).all() and said.min() == 1:
            ask = "Nothing is read as 0. From which number do you count the places of the ten scores?"
        raise wrong("read returns no digits", what=f"{odd:.4g}, for one", ask=ask, **values)
    return said.astype(int)


# --- Experiments ------------------------------------------------------------------------------------------------------


def not_moved(trained):
    """Say which array is after a training just what it was before."""
    for first in trained.first:
        arrays = {name: np.asarray(trained.params[name]) for name in NAMES}
        still = [name for name in NAMES if name in first and stands_still(first[name].ravel(), arrays[name].ravel())]
        if len(still) == len(NAMES):
            raise wrong("no array moves")
        if still:
            raise wrong("never moves", f"{still[0]} never moves", name=" and ".join(still))


def stands_still(before, after):
    """Whether an array has not moved by more than rounding."""
    return before.shape == after.shape and np.abs(after - before).max() <= 1e-9 * np.abs(after).max()


def reads_alone(module, params, images, said):
    """Whether `read` says the same to one image alone, and in a new run of the file, where `train` was not called."""
    if len(set(said)) > 1:  # the same digit to all is another mistake
        other = sum(read(module, params, images[i : i + 1])[0] != said[i] for i in range(ALONE))
        if other > ALONE / 10:  # a mean and a deviation of all pixels together change an answer or two
            raise wrong("read needs other images", n=other, of=ALONE)
    try:
        with redirect_stdout(io.StringIO()):
            other = (read(load(module.__file__), params, images) != said).sum()
    except Exception as error:
        raise wrong("read fails alone", error=plain(error)) from None
    if other > len(said) / 10:
        raise wrong("read needs train", n=other, of=len(said))


ALONE = 100  # images
TIMES = 32  # a power of two, so that nothing is rounded


def is_linear(module, params, images, said):
    """Whether it makes no difference to the answers what is done to W1 and b1, if W2 undoes it.

    An odd function, as tanh, lets signs through; ReLU and abs let a factor through. Only a linear one lets both.
    """

    def changes(**factors):
        others = replaced({name: np.asarray(params[name]) * factor for name, factor in factors.items()}, params)
        return (read(module, others, images) != said).mean() > 1e-3

    with suppress(Exception):
        if changes(W2=-1, b2=-1):  # it does read with the arrays that it gets
            return not changes(W1=-1, b1=-1, W2=-1) and not changes(W1=TIMES, b1=TIMES, W2=1 / TIMES)
    return False


ACTIVATIONS = {"ReLU": lambda z: np.maximum(z, 0), "tanh": np.tanh, "a sigmoid": lambda z: 1 / (1 + np.exp(-z))}


class Laboratory(NamedTuple):
    """One network, and what the experiments need to know of it."""

    module: object
    seed: int
    images: np.ndarray
    labels: np.ndarray
    others: np.ndarray
    answers: np.ndarray
    main: Trained
    found: float
    began: float

    def train(self, images, labels, change=None):
        """One more training, with other inputs; None if there is no time for it, or if it fails."""
        if time.process_time() - self.began + 1.5 * self.main.seconds > SECONDS:
            return None
        try:
            return train(self.module, images, labels, self.seed, change, quiet=True)
        except Exception:
            return None

    def accuracy(self, trained, images, answers):
        """What a network reads of these, or 0."""
        try:
            return (read(self.module, trained.params, images) == answers).mean() if trained else 0
        except Exception:
            return 0

    # The gradients of one image

    def gradients(self):
        """Train on copies of one image, from weights that already read it surely. How far it went, or None.

        The error is then so small that nothing moves far. So the gradient is the same at every step, and all changes
        together are this gradient, times a length. With one image, the chain rule leaves no choice, whatever the loss:
        dW2 is a1 times dlogits, dz1 is (W2 @ dlogits) times the slope of the activation, and dW1 is x times dz1.
        """
        y, H = int(self.labels[0]), np.asarray(self.main.params["W1"]).shape[1]
        rng = np.random.default_rng([self.seed, 2])
        sure = {"W1": rng.normal(0, 0.3, (784, H)), "b1": np.zeros(H), "W2": rng.normal(0, 0.1, (H, 10))}
        fine = np.asarray(self.main.params["W1"]).dtype == np.float64
        sure["b2"] = np.where(np.arange(10) == y, 24 if fine else 15, 0)  # float32 has fewer digits
        copies = np.repeat(self.images[:1], len(self.images), axis=0)
        trained = self.train(copies, np.full(len(copies), y), partial(replaced, sure))
        if not trained or not trained.first or H < 10:
            return None
        both = trained.first[-1], trained.params
        if any(np.size(arrays[name]) != sure[name].size for arrays in both for name in NAMES):
            return None  # another number of hidden units than before
        first, last = (
            {name: np.asarray(arrays[name], np.float64).reshape(sure[name].shape) for name in NAMES} for arrays in both
        )
        moved = {name: last[name] - first[name] for name in NAMES}
        if not all(np.isfinite(a).all() for a in moved.values()):
            return None
        # Under weight decay that of the right one falls alone.
        if (moved["b2"] < 0).all() and np.median(moved["b2"]) < 0.3 * moved["b2"][y]:
            why = "the scores of all ten digits fell, that of the right one, too"
            raise wrong_gradient("dlogits", why, "dlogits")
        if np.abs(moved["W2"]).max() > 0.01:
            return None  # a tenth of its size: so the gradient was not the same at every step
        found = pulled_apart(moved, first, self.images[0], y, 1e-3 if fine else 0.03)
        if found is None:
            return None
        x, h, a1, dlogits = found
        return compare(x, h, a1, dlogits, moved, first, y)

    def softmax(self):
        """Does p add up to 1 for each image? If not, b2 never comes to rest, and what it moves by is not 0 in all.

        Few copies of one image, so that nothing grows beyond all bounds. Where p is a share of other images, too, the
        other nine scores do not matter: their b2 move alike, and far less. (With Adam all ten move equally far.)
        """
        y, b2 = int(self.labels[0]), 24.0 * (np.arange(10) == self.labels[0])
        copies = np.repeat(self.images[:1], 200, axis=0)
        trained = self.train(copies, np.full(len(copies), y), partial(replaced, {"b2": b2}))
        if trained and trained.first:
            moved = np.ravel(trained.params["b2"]) - np.ravel(trained.first[-1]["b2"])
            up, rest = moved[y], np.delete(moved, y)
            alike = np.ptp(rest) < 0.01 * up and np.abs(rest).max() < 0.5 * up
            if alike and abs(moved.sum()) > 0.1 * up:
                raise wrong("softmax along another axis", found=self.found)

    # Why it reads too little

    def why_so_low(self, params, said, on_known, length):
        """Raise what explains that an accuracy is too low."""
        found = self.found
        for side, step in (("before", -1), ("after", 1)):
            share = (said == (self.answers + step) % 10).mean()
            if share > 0.6:
                raise wrong("off by one", n=len(said), share=share, side=side)
        better, how = max(
            (right, f"{pixels} and {name}")
            for name, activation in ACTIVATIONS.items()
            for pixels, right in fits(params, self.others, self.answers, activation).items()
        )
        if better > max(found + 0.03, 0.8):
            if len(set(said)) == 1:
                raise wrong("one digit for all", digit=said[0])
            raise wrong("read is not as train", found=found, how=how, better=better)
        if length is None and self.main.first:  # then from how far it has moved: half of its size is usual
            moved = [np.linalg.norm(params[name] - self.main.first[0][name]) for name in ("W1", "W2")]
            sizes = [np.linalg.norm(self.main.first[0][name]) for name in ("W1", "W2")]
            length = 2 * HEALTHY * max(a / b if b else 1 for a, b in zip(moved, sizes, strict=True))
            length = length if length < HEALTHY / 100 else None
        if length is not None and length < HEALTHY / 100:
            raise wrong("steps too small", found=found, ratio=f"1/{round(HEALTHY / max(length, 1e-9)):,}")
        if length is not None and length > HEALTHY * 40:
            raise wrong("steps too large", found=found, ratio=f"{round(length / HEALTHY):,}")
        self.softmax()
        self.cures()
        self.same_images()
        for name, p in params.items():
            if not np.isfinite(p).all():
                ask = "What grows at each step, until it is too large? The steps? The numbers that go into exp?"
                raise wrong("not finite", whose="After the training", name=name, ask=ask)
        if len(set(said)) == 1:
            ask = "Its hidden units have not died. What does the loss do from batch to batch?"
            if dead(params, self.others) > 0.5:
                ask = (
                    "Its hidden units have died: none is above 0. Steps that are too long do that. How large is the "
                    "learning rate, and is the gradient a mean over the batch?"
                )
            raise wrong("one digit, the network's", "one digit for all", digit=said[0], ask=ask)
        ask = "It has learned its own images by heart, so more of the same steps will not help: more hidden units?"
        if on_known < 0.2:
            ask = (
                f"Of its own images it reads {on_known:.3f}. That is no better than a guess. Does each image keep its "
                "label, wherever their order changes?"
            )
        elif on_known < 0.96:
            ask = f"Of its own images it reads {on_known:.3f}: more hidden units, more epochs, or longer steps?"
        raise wrong("not good enough", n=len(self.others), found=found, needed=NEEDED, ask=ask)

    def same_images(self):
        """Each ten images have a pixel of their own, at the border. Which rows of W1 have moved?

        The rows of these pixels begin equal. Those whose images were never learned from stay equal, whatever else
        happens to them.
        """
        if self.found < 0.4:
            return  # where nothing is learned any more, nothing moves
        rng, border = np.random.default_rng(self.seed), np.flatnonzero(np.pad(np.zeros((16, 16)), 6, constant_values=1))
        groups = len(self.images) // 10
        border = rng.permutation(border)[:groups]
        marked = self.images[: 10 * groups].copy()
        marked[:, border] = 0
        marked[np.arange(len(marked)), rng.permutation(np.repeat(border, 10))] = 255

        def change(params):
            W1 = np.array(params["W1"])
            W1[border] = W1[border[0]]
            return {**params, "W1": W1}

        trained = self.train(marked, self.labels[: len(marked)], change)
        if not trained or len(trained.first) != 1:
            return
        rows = np.asarray(trained.params["W1"])[border]
        _, counts = np.unique(rows, axis=0, return_counts=True)
        if counts.max() > groups / 30:  # if all have been used, hardly one is left
            used = round(-groups * np.log(counts.max() / groups), -1)
            raise wrong("the same images", found=self.found, used=int(used), given=len(marked))

    def cures(self):
        """Is it cured by pixels of another type, by smaller ones, or by other first weights?"""
        images, others = self.images.astype(float), self.others.astype(float)
        better = self.accuracy(self.train(images, self.labels), others, self.answers)
        if better > max(0.8, self.found + 0.1):
            raise wrong("pixels wrap round", found=self.found, better=better)
        images, others = ((a > 127).astype(np.uint8) for a in (self.images, self.others))
        trained = self.train(images, self.labels)
        darker = self.accuracy(trained, others, self.answers)
        if trained and all(np.isfinite(np.asarray(trained.params[name], float)).all() for name in NAMES):
            darker = max(darker, fits(trained.params, others, self.answers)["raw pixels"])  # `read` may divide, too
        H = np.asarray(self.main.params["W1"]).shape[1]
        rng = np.random.default_rng(self.seed)
        (W1, b1), (W2, b2) = init_he(rng, 784, H), init_he(rng, H, 10)
        healthy = {"W1": W1, "b1": b1, "W2": W2, "b2": b2}
        trained = self.train(self.images, self.labels, partial(replaced, healthy))
        replanted = self.accuracy(trained, self.others, self.answers)
        better = max(darker, replanted)
        if not (better > max(0.85, self.found + 0.05) or better > self.found + 0.4):
            return
        if darker > replanted:
            raise wrong("pixels too large", found=self.found, better=better)
        if self.main.first:
            first = self.main.first[0]
            sizes = {name: (np.sqrt((first[name] ** 2).mean()), healthy[name].std()) for name in ("W1", "W2")}
            name = max(sizes, key=lambda name: abs(np.log((sizes[name][0] + 1e-300) / sizes[name][1])))
            yours, right = sizes[name]
            mark, terms = "weights too large" if yours > right else "weights too small", 784 if name == "W1" else H
            raise wrong(mark, name=name, found=self.found, better=better, yours=yours, healthy=right, terms=terms)

    # What it claims

    def honest(self, claim, on_known):
        """The claim, if it is near what was found. Several trainings decide: an honest claim has luck in it, too."""
        values = {"n": len(self.others), "found": self.found, "claim": claim}
        chance = np.random.default_rng(self.seed).permutation(self.labels)
        noise = self.train(self.images, chance)
        if noise and noise.claim > 0.3:
            by_heart = self.accuracy(noise, self.images, chance)
            if abs(noise.claim - by_heart) < 0.15 and on_known > 0.9 * claim:
                raise wrong("claims training", **values)
            raise wrong("claim not measured", claim=noise.claim, found=0.1)
        apart, seeds = [claim - self.found], 0
        while abs(np.mean(apart)) > APART and len(apart) < 5 and abs(apart[0]) < 4 * APART:
            seeds += 1
            rng = np.random.default_rng([self.seed, 49, seeds])
            images, labels, others, answers = draw(rng)
            again = self.train(images, labels)
            if not again:
                break
            apart.append(again.claim - self.accuracy(again, others, answers))
        if abs(np.mean(apart)) > APART:
            if claim < self.found:
                raise wrong("claim too low", "claim off", **values)
            near = abs(claim - on_known) < 0.02
            raise wrong("claims training" if near else "claim off", **values)
        return claim

    def remarks(self, params, said):
        """What is worth a sentence, and no reason to refuse it."""
        alike, right = (fits(params, self.others, a) for a in (said, self.answers))
        raw = alike["raw pixels"] > 0.99
        if raw and alike["pixels / 255"] < 0.99 and right["pixels / 255"] > NEEDED - APART:
            yield (
                "`read` sees pixels 255 times as large as those that `train` has learned from, it seems: with pixels / "
                "255, the same weights read as well. What does `train` do to the images that `read` does not?"
            )
        elif raw:
            yield "It works on raw pixels, 0 to 255. With pixels / 255, first weights and steps need less care."
        if self.main.seconds > 4:
            yield (
                f"The training took {self.main.seconds:.0f} s. If there is a loop over the images, one matrix product "
                "does the same for a whole batch at once."
            )
        order = self.labels.argsort(kind="stable")
        sorted_ = self.train(self.images[order], self.labels[order])
        if sorted_ and self.accuracy(sorted_, self.others, self.answers) < self.found - 0.3:
            yield (
                "Your batches come in the order of the images. Here that was a random one; with images in the order of "
                "their digits, the same training fails. Shuffle them in each epoch."
            )


def replaced(weights, params):
    """Other first weights in the place of these, of the same type and shape."""
    return {
        **params,
        **{k: a.astype(np.asarray(params[k]).dtype).reshape(np.shape(params[k])) for k, a in weights.items()},
    }


def fits(params, images, answers, activation=ACTIVATIONS["ReLU"]):
    """{how images are shown to it: the share of these answers that the four arrays then give}."""
    ways = {
        "pixels / 255": images / 255,
        "raw pixels": images.astype(float),
        "pixels of mean 0 and deviation 1": (images - 33.0) / 78.5,
        "pixels / 127.5 - 1": images / 127.5 - 1,
        "pixels / 255 - 0.5": images / 255 - 0.5,
    }
    W1, b1, W2, b2 = (np.reshape(params[name], -1 if name[0] == "b" else np.shape(params[name])) for name in NAMES)
    return {how: ((activation(x @ W1 + b1) @ W2 + b2).argmax(axis=1) == answers).mean() for how, x in ways.items()}


def dead(params, images):
    """The share of the images for which no hidden unit is above 0, whether pixels go up to 1 or to 255."""
    return min((x @ params["W1"] + params["b1"] <= 0).all(axis=1).mean() for x in (images / 255, images.astype(float)))


def pulled_apart(moved, first, image, y, rounding):
    """x (784,), h (H,), a1 (H,), dlogits (10,), each up to a factor > 0: what W1 and W2 moved along, minus x h' and
    a1 dlogits'. None if that is not what they moved along."""
    parts = []
    for name in ("W1", "W2"):
        change, before = moved[name], first[name]
        decay = (change * before).sum() / (before**2).sum()
        if np.abs(change - decay * before).mean() < 0.5 * np.abs(change).mean():  # weight decay
            change = change - decay * before
        left, sizes, right = np.linalg.svd(change, full_matrices=False)
        if not sizes[0] or sizes[1] > rounding * sizes[0]:
            return None
        parts.append((left[:, 0], right[0]))
    (x, h), (a1, dlogits) = parts
    pixels = np.stack([image / 255, np.ones(784)], axis=1)
    fit = np.linalg.lstsq(pixels, x, rcond=None)[0]
    if np.linalg.norm(pixels @ fit - x) > 0.03 or not fit[0]:
        return None  # it sees something else than the image's pixels, shifted and scaled
    if fit[1] / fit[0] < -0.75:
        return None  # light ink on dark or dark on light? 1 - pixels give -1, and pixels - 0.5 give -0.5
    x, h = x * np.sign(fit[0]), -h * np.sign(fit[0])
    a1, dlogits = (a1, -dlogits) if dlogits[y] > 0 else (-a1, dlogits)  # a step makes the right digit's score larger
    size = np.abs(a1)
    on = size > 0.05 * size.max()
    if size[on].std() < 0.1 * size[on].mean():
        return None  # all alike: steps that do not depend on the gradient's size, as Adam's
    return x, h, a1, dlogits


def wrong_gradient(name, why, exercise=None):
    """The exception that names this gradient; without an exercise if it may be another one, too."""
    more = f" `python practice.py {exercise}` marks that line by itself." if exercise else ""
    return wrong("other gradients", name=name, why=why, more=more)


def compare(x, h, a1, dlogits, moved, first, y):
    """How far all steps went, if the directions go together as the chain rule says; if not, the mistake is raised.

    The length is 1 for one step of length 1 and an x of pixels / 255: where x is larger, shorter steps lead as far.
    """

    def along(a, b):
        size = np.linalg.norm(a) * np.linalg.norm(b)
        return a @ b / size if size else 1.0

    z1 = x @ first["W1"]
    order = z1.argsort()
    z, a = z1[order], a1[order]
    wide = np.arange(len(z)).clip(2, len(z) - 3)
    uphill = np.corrcoef(z, a)[0, 1] < -0.3  # what W2 did
    a = -a if uphill else a
    slope = (a[wide + 2] - a[wide - 2]) / (z[wide + 2] - z[wide - 2])  # of the activation, from its own values
    usual = np.median(slope[slope > 0.5 * slope.max()])

    def ratios(reached, back):
        """In the order of z: what has reached the hidden units divided by `back`, and the activation's slope."""
        back = back[order]
        large = np.abs(back) > 0.2 * np.abs(back).max()
        return reached[order][large] / back[large], slope[large]

    def follows(reached, back):
        """1 if it is `back` times the slope and a factor > 0, -1 if the factor is < 0, 0 if there is none."""
        ratio, slopes = ratios(reached, back)
        scale = np.median(ratio[slopes > 0.5 * slope.max()])
        off = np.abs(ratio / scale - slopes / usual) > 0.3
        return 0 if off.mean() > 0.25 else np.sign(scale)

    b2_moves_so = along(moved["b2"], -dlogits) > 0.5
    if not uphill and not b2_moves_so:
        raise wrong_gradient("db2", "b2 and W2 did not move together", "dW2_db2")
    back = first["W2"] @ dlogits
    by_W1, by_b1 = follows(h, back), follows(-moved["b1"], back)
    if uphill and by_W1 < 0:
        raise wrong("uphill", "other gradients")
    if uphill:
        raise wrong_gradient("dW2" if b2_moves_so else "dW2 and db2", "W2 moved uphill", "dW2_db2")
    together = along(moved["b1"], -h) > 0.9
    if not together and by_W1 > 0:
        raise wrong_gradient("db1", "W1 moved along what reaches the hidden units, and b1 did not", "dW1_db1")
    if not together and by_b1 > 0:
        raise wrong_gradient("dW1", "b1 moved along what reaches the hidden units, and W1 did not", "dW1_db1")
    if by_W1 < 1:
        why = "what reaches the hidden units is not W2 @ dlogits, times the slope of the activation"
        ratio, _ = ratios(h, back)
        if by_W1 < 0:
            raise wrong_gradient("da1 or dz1", "W1 moved uphill")
        on = a1 > 0.05 * a1.max()
        if len(h) == 10 and along(h[on], (first["W2"].T @ dlogits)[on]) > 0.99 and on.sum() > 2:
            raise wrong_gradient("da1", "what reaches the hidden units is W2.T @ dlogits", "da1")
        if np.corrcoef(z, a)[0, 1] > 0.9999:
            raise wrong_gradient("dW2", "W2 moved along z1, and not along a1", "dW2_db2")
        if np.abs(np.diff(ratio)).mean() < 0.3 * ratio.std() + 0.05 * np.abs(ratio).mean():  # it depends on z1 alone
            raise wrong_gradient("dz1", why, "dz1")
        raise wrong_gradient("one of dW2, da1, dz1 and dW1", why)
    k = np.arange(10) != y
    size = (moved["W2"][:, k] / moved["b2"][k]).mean(axis=1)  # a1 itself
    logits = size @ first["W2"] + first["b2"]
    p = np.exp(logits - logits.max())
    steep = ((size[order][wide + 2] - size[order][wide - 2]) / (z[wide + 2] - z[wide - 2])).max()
    return float(np.median(-moved["b2"][k] / (p / p.sum())[k])) * steep**2 / 90

"""Marks a whole network that somebody has written from a blank file. It does experiments, and does not read the text.

The file has two functions: train(images, labels, rng) and read(params, images). Each experiment trains with inputs of
its own making, and looks at what comes out. So a network may be written in any style. Some experiments need to know
where the weights are. exercises/weights.py finds them in whatever `train` returns and, at the moment when they have
been drawn, in the learner's own variables. If it finds none, these experiments are left out. An experiment that cannot
decide lets the network pass. MISTAKES says what each mistake is called, and what is asked about it.
"""

import io
import sys
import time
from contextlib import nullcontext, redirect_stdout, suppress
from copy import deepcopy
from pathlib import Path
from threading import Event, Thread
from typing import NamedTuple

import numpy as np

import data
from exercises import digits
from exercises.complaints import explain, plain
from exercises.tape import Misuse
from exercises.trial import load
from exercises.weights import arrays_of, first_seen, layout, leaves, packed, put, unpacked
from mlp_np import init_he
from support import program
from support.checkpoint import unpack
from support.errors import UserError
from support.files import read_file, replacing

NEEDED, APART = 0.88, 0.03  # the accuracy that is needed; how far from it the claim may be
KNOWN = 3500  # images to learn from; the others are for the test
FEW = 1500  # of them, for a short training: many a program keeps some hundred aside
HEALTHY = 150  # how far all steps lead in a training that works; a third of it, or three times as much, is usual
SECONDS = 14  # of computing, after which no further experiment begins
LONGEST = 24  # and none that decides whether a claim was measured

MISTAKES = {
    "not written": "`{name}` is not written yet.",
    "returns None": "`{name}` returns None. Does it end with a `return`, and is the `return` reached?",
    "no function": "There is no function `{name}` in your file. Keep the names of the stub.",
    "wrong number of results": (
        "`train` should return two results, params and the accuracy that you claim; yours returns {what}."
    ),
    "params of another kind": (
        "`params` should consist of arrays and numbers, in tuples, lists and dicts, so that they can be kept in a "
        "file. `{where}` is {what}. Which arrays in it does `read` need?"
    ),
    "images kept": (
        "There are images in params: {n:,} of those that `train` has learned from. What has your network learned, if "
        "it needs them to read others?"
    ),
    "kept between calls": (
        "`train` was called twice, and the second training began with what the first had learned. Which name outside "
        "`train` keeps it?"
    ),
    "images changed": (
        "`{name}` changes {what} in place, and they are not yours to change. Which line writes into them?"
    ),
    "rng ignored": (
        "Two generators, default_rng(1) and default_rng(2), gave the same first weights. Where do your random numbers "
        "come from, if not from `rng`?"
    ),
    "not finite": "{whose}, {name} contains inf or nan. {ask}",
    "weights alike": (
        "After the training, all {H} units of a hidden layer have the same weights: they are one unit, {H} times over. "
        "What has to differ between two units at the start for their gradients to differ?"
    ),
    "weights replaced": (
        "After the training, all {H} units of a hidden layer have the same weights, although they differed at first. "
        "Does your step change the weights, or does it replace them?"
    ),
    "weights too large": (
        "Its accuracy is {found:.3f}. With other first weights, whose standard deviation in {name} is {healthy:.2g}, "
        "the same training reaches {better:.3f}; in yours it is {yours:.2g}. How large is a sum of {terms} terms with "
        "such weights, and what does softmax make of it?"
    ),
    "weights too small": (
        "Its accuracy is {found:.3f}. With other first weights, whose standard deviation in {name} is {healthy:.2g}, "
        "the same training reaches {better:.3f}; in yours it is {yours:.2g}. How large are gradients that were "
        "multiplied by such weights on their way back?"
    ),
    "biases too large": (
        "Its accuracy is {found:.3f}. With other first weights and biases of 0, the same training reaches "
        "{better:.3f}; yours begin at {yours:.2g}. For how many images is a unit above 0 with such a bias?"
    ),
    "units off": (
        "With your first weights, no hidden unit is above 0 for any image. So the slope of all of them is 0, and "
        "{name} never moves. How large are the biases at first, compared with what the pixels add?"
    ),
    "pixels too large": (
        "Its accuracy is {found:.3f}. With pixels of 0 and 1 in place of 0 to 255, the same training reaches "
        "{better:.3f}. With your pixels, how large does a sum of 784 terms become, and how large is the gradient of "
        "W1?"
    ),
    "pixels wrap round": (
        "If `read` gets images.astype(float) in place of the images, it says another digit for {n:,} of {of:,}. What "
        "type are the images? Can a number of that type be below 0 or above 255?"
    ),
    "pixels cut off": (
        "`read` says the same for nearly all images if every pixel below 255 is set to 0. It sees only what is "
        "entirely white. What does your division make of a pixel of 254: is it `/` or `//`?"
    ),
    "no ReLU": (
        "Your network is linear. For {n:,} images, `read` gives the same answers if W1, b1 and W2 change their signs, "
        "and also if W1 and b1 are multiplied by {times} and W2 is divided by {times}. Then two layers can do no more "
        "than one. What stands between them?"
    ),
    "ReLU on the scores": (
        "`read` says 0 for {n:,} images for which no score is above 0, although the largest score is that of another "
        "digit. What is done to the scores after `W{i}` and `b{i}`? A score below 0 is not a mistake."
    ),
    "the same images": (
        "Its accuracy is {found:.3f}, and it has learned from only about {used} of the {given} images. Which images "
        "are in your first batch, and which are in the second? Does each of your batches take a step?"
    ),
    "steps too small": (
        "Its accuracy is {found:.3f}. All its steps together lead about {ratio} as far as those of a training that "
        "works. Three things determine how far: the learning rate, the number of steps (one for each batch of each "
        "epoch), and what the gradient is divided by. Which of them is it?"
    ),
    "steps too few": (
        "Its accuracy is {found:.3f}. If it is given each image four times, and so takes more steps, the same training "
        "reaches {better:.3f}: it had not finished. Should there be more epochs, smaller batches or longer steps?"
    ),
    "steps too large": (
        "Its accuracy is {found:.3f}. All its steps together lead {ratio} times as far as those of a training that "
        "works. How large is the learning rate, and is the gradient a mean over the batch?"
    ),
    "steps grow": (
        "Its accuracy is {found:.3f}. With one image alone, whose gradient stays the same, twice as many steps lead "
        "{ratio} times as far. Each step is longer than the one before. Is the momentum below 1?"
    ),
    "decay too strong": (
        "Its accuracy is {found:.3f}. Weights of pixels that are black in every image are {share:.2g} times as large "
        "after the training as before. No image can have done that. What is your weight decay, times the learning "
        "rate?"
    ),
    "never moves": "{name} the same after the training as before. Which line moves {them}?",
    "no array moves": (
        "After the training, all arrays are what they were at first. Does the line with the learning rate change what "
        "`train` returns, or only a copy? Or does `train` return the first weights?"
    ),
    "other gradients": (
        "A gradient is not that of your own forward pass: {name}. (It was tried with one image alone, where the chain "
        "rule leaves no choice: {why}.){more}"
    ),
    "uphill": (
        "Each step moves all arrays in the direction in which the score of the right digit falls. But the loss should "
        "go down. Does your step add the gradients, or subtract them?"
    ),
    "one digit for all": (
        "`read` says {digit} for every image. Do the network's scores differ from image to image? If they do, where on "
        "the way out is the difference lost?"
    ),
    "softmax along another axis": (
        "Its accuracy is {found:.3f}. If it is trained on one image alone, again and again, the gradients of the ten "
        "scores do not add up to 0: only that of the right digit is large. If p comes from softmax, along which axis "
        "does it add up to 1?"
    ),
    "only the right digit": (
        "Its accuracy is {found:.3f}. If it is trained on one image alone, only the score of the right digit has a "
        "gradient; those of the nine others never move. How does the loss change if another score grows?"
    ),
    "labels of other images": (
        "Its accuracy is {found:.3f}. If it is trained on one image alone, the gradients of the ten scores add up to "
        "0. With two digits in a batch, they do not. Which entries does the line with the labels change: one of each "
        "row, or whole columns?"
    ),
    "labels mixed up": (
        "On the images that it has learned from, its accuracy is {on_known:.3f}. That is no better than a guess. Does "
        "each image keep its label wherever the order changes?"
    ),
    "one digit, the network's": (
        "`read` says {digit} for every image, and so does the network, however the pixels are scaled. {ask}"
    ),
    "read returns no digits": "`read` should return a digit for each image, {wanted}; it returns {what}. {ask}",
    "read is not as train": (
        "The accuracy of `read` is {found:.3f}. But the weights that `train` returns are good: a forward pass with "
        "{how} would reach {better:.3f}. What does `train` do to the images, or between the layers, that `read` does "
        "not?"
    ),
    "read forgets": (
        "`read` says the same digits whatever {name} is, although `train` has changed {them}. Is `read` the same "
        "forward pass as that of `train`?"
    ),
    "read needs other images": (
        "For {n} of {of} images, `read` says another digit if it gets them one by one instead of all at once. What in "
        "it depends on the other images?"
    ),
    "read fails alone": (
        "In a new run of the file, `read` fails: {error} It may use what is in `params`, but nothing that `train` has "
        "left in a global name."
    ),
    "read needs train": (
        "In a new run of the file, `read` says another digit for {n:,} of {of:,} images. It may use what is in "
        "`params`, but nothing that `train` has left in a global name."
    ),
    "claims training": (
        "You claim {claim:.3f}; on {n:,} images that it has not learned from, its accuracy is {found:.3f}. Your figure "
        "is its accuracy on images that it has learned from. How well would it read others? Keep some aside before you "
        "train."
    ),
    "claim off": (
        "You claim {claim:.3f}; on {n:,} images that it has not learned from, its accuracy is {found:.3f}. Which "
        "images did you measure it with, how many were there, and has it learned from any of them?"
    ),
    "claim too low": (
        "You claim {claim:.3f}, but it is better: on {n:,} images that it has not learned from, its accuracy is "
        "{found:.3f}. Does `read` get the same kind of images in `train` as from the marker? Do these labels belong to "
        "these images?"
    ),
    "claim of the wrong ones": (
        "You claim {claim:.3f}; on {n:,} images that it has not learned from, its accuracy is {found:.3f}. The two add "
        "up to 1. Is your figure the share that is read right, or the share that is read wrong?"
    ),
    "off by one": (
        "For {share:.3f} of {n:,} images, `read` says the digit {side} the right one. Which digit does each of the ten "
        "scores belong to, in `train` and in `read`?"
    ),
    "claim not measured": (
        "With random labels there is nothing to learn, and the accuracy is about {found:.2f}. You still claim "
        "{claim:.2f}. Is your figure measured, on images that it has not learned from?"
    ),
    "claim in percent": "The accuracy should be a share, from 0 to 1; yours is {claim:.4g}. Is it in percent?",
    "claim is no number": "The second result of `train` should be a number from 0 to 1; it is {what}.",
    "not good enough": (
        "On {n:,} images that it has not learned from, its accuracy is {found:.3f}; at least {needed} is needed. It "
        "shows none of the usual mistakes. {ask}"
    ),
}
NAMES = [f"{kind}{i}" for i in range(1, 10) for kind in "Wb"]
MARKS = {*MISTAKES, "labels changed", "read returns logits", *(f"{name} never moves" for name in NAMES)}


def wrong(mistake, mark=None, /, **values):
    """The exception that says so; its mark is the mistake, or another."""
    return Misuse(mark or mistake, MISTAKES[mistake].format(**values))


class Trained(NamedTuple):
    """What one call of train() has led to."""

    first: dict | None  # the first weights as they were drawn, {"W1": (784, H), ...}, if they were seen
    begun: dict | None  # those that it began with: the same, or what was put in their place
    params: object
    claim: float
    seconds: float


def investigate(module, seed):
    """What is said of a network that passes, as text; `Misuse` names the mistake of one that does not."""
    began = time.process_time()
    for name in ("train", "read"):
        if not callable(getattr(module, name, None)):
            raise wrong("no function", name=name)
        if is_empty(getattr(module, name)):
            raise wrong("not written", "not written" if name == "train" else "partly written", name=name)
    images, labels, others, answers = draw(np.random.default_rng([seed, 48]))
    main = train(module, images, labels, [seed, 1])
    try:
        return judge(module, seed, images, labels, others, answers, main, began)
    except Misuse as error:
        named = isinstance(main.params, dict) and "W1" in main.params
        if named or "W1" not in str(error):
            raise
        legend = "(Here W1 and b1 are the weights and biases of your first layer, and so on.)"
        raise Misuse(error.mark, f"{error} {legend}") from None


def judge(module, seed, images, labels, others, answers, main, began):
    try:
        content = packed(main.params)
    except Misuse as error:
        where, _, what = str(error).partition(" is ")
        raise wrong("params of another kind", where=where, what=what) from None
    images_kept(main.params, images)
    layers = layout(main.params)
    weights = arrays_of(main.params, layers)
    finite = all(np.isfinite(a).all() for a in weights.values())
    said = read(module, main.params, others)
    found, on_known = (said == answers).mean(), (read(module, main.params, images) == labels).mean()
    reads_alone(module, content, main.params, others, said)
    lab = Laboratory(module, seed, images, labels, others, answers, main, layers, weights, said, found, on_known, began)
    before = deepcopy(main.params)
    noise, chance = lab.by_chance()
    lab.begins_anew(noise, before)
    if finite:
        lab.moves(noise)
        lab.reads_as_trained()
        lab.reads_all_arrays()
        lab.pixels()
        lab.linear()
    length = lab.gradients()
    if found < NEEDED:
        lab.why_so_low(length, noise)
    lab.draws(noise, len(chance))
    claim = lab.honest(main.claim, noise, chance)
    text = f"Of {len(others):,} digits that it has never seen, your network reads {found:.3f}. You claimed {claim:.3f}."
    return "\n".join([text, *lab.remarks()])


def draw(rng):
    """Images (N, 784) uint8 and labels to learn from, and others to test with, drawn from `digits.few_images()`."""
    images, labels, test_images, test_labels = digits.few_images()
    images, labels = np.concatenate([images, test_images]).reshape(-1, 784), np.concatenate([labels, test_labels])
    known, others = np.split(rng.permutation(len(images)), [KNOWN * len(images) // 6000])
    return images[known], labels[known], images[others], labels[others]


# --- Run as a program, and put to use ---------------------------------------------------------------------------------


def run(file):
    """Train the network of a file on all images that are there, keep it beside the file, and say how well it reads.

    First it does all of this with a few images. This shows a mistake at once, and how long all images will take.
    """
    images, labels, others, answers = (rows_of(a) for a in data.load())
    few, began = 4000, time.perf_counter()
    try:
        module = load(file)
        if len(images) > few:
            learn(module, images[:few], labels[:few], others, answers)
        print(f"It trains on {len(images):,} images.", flush=True)
        with passing((time.perf_counter() - began) * len(images) / few):
            content, claim, found = learn(module, images, labels, others, answers)
    except Exception as error:
        raise UserError(explain(error, str(file))["text"]) from None
    with replacing(Path(file).with_suffix(".npz")) as kept:
        kept.write(content)
    print(f"You claim {claim:.4f}. Of {len(others):,} others it reads {found:.4f}.")


def learn(module, images, labels, others, answers):
    """What is kept of a network that learns from these images, its claim, and the share of the others that it reads."""
    trained = train(module, images, labels, 0)
    content = packed(trained.params)
    return content, trained.claim, (read(module, restored(module, content), others) == answers).mean()


def rows_of(array):
    return array.reshape(len(array), -1) if array.ndim > 1 else array.astype(np.int64)


def restored(module, content):
    """The params from which `packed` has made these bytes."""
    return unpacked(unpack(content), module)


def digit(module, kept, image):
    """What a learner's own network says to an image (28, 28); `run` has kept its params in the file `kept`."""
    try:
        params = restored(module, read_file(kept, 2**28))
    except Exception:  # whatever zipfile, NumPy and json make of a damaged file, or of one of an earlier version
        raise UserError(f"{kept} is damaged: delete it; the next call writes it again") from None
    return read(module, params, image.reshape(1, -1))[0]


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


# --- The functions, called with care ----------------------------------------------------------------------------------


def is_empty(function):
    """Whether a function does nothing, like those of the stub."""

    def with_words():
        """Words."""

    codes = [(lambda: None).__code__.co_code, with_words.__code__.co_code]
    code = getattr(function, "__code__", None)
    return bool(code) and code.co_code in codes and {*code.co_consts} <= {function.__doc__, None}


def kind(value):
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"of type {type(value).__name__}"


def train(module, images, labels, seed, layers=(), change=None, quiet=False):
    """Call train() with copies of these -> a `Trained`. layers: where the weights to look for are; change: arrays to
    put in their place, {"W1": (784, H), ...}."""
    first = begun = None

    def see(nest, layers):
        nonlocal first, begun
        first = arrays_of(nest, layers)
        if change:
            put(nest, layers, change)
        begun = arrays_of(nest, layers)

    given, began = (images.copy(), labels.copy()), time.process_time()
    with first_seen(module.__file__, layers, see), redirect_stdout(io.StringIO()) if quiet else nullcontext():
        results = module.train(*given, np.random.default_rng(seed))
    seconds = time.process_time() - began
    if results is None:
        raise wrong("returns None", name="train")
    if results is ...:
        raise wrong("not written", "partly written", name="train")
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
    return Trained(first, begun, params, claim, seconds)


def is_number(claim):
    """An array without axes is a number, too."""
    return isinstance(claim, (int, float, np.number, np.ndarray)) and not np.ndim(claim) and not isinstance(claim, bool)


def read(module, params, images):
    """The digits that read() says for these images, as integers (N,)."""
    given = images.copy()
    said = module.read(params, given)
    if not np.array_equal(given, images):
        raise wrong("images changed", name="read", what="images")
    if said is None:
        raise wrong("returns None", name="read")
    if said is ...:
        raise wrong("not written", "partly written", name="read")
    values, wanted = {"wanted": f"of shape ({len(images)},)"}, (len(images),)
    try:
        said = np.asarray(said, np.float64)
    except (TypeError, ValueError):
        raise wrong("read returns no digits", what=kind(said), ask="", **values) from None
    if said.shape in ((len(images), 10), (10, len(images))):
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


# --- Experiments that need no training --------------------------------------------------------------------------------


def images_kept(params, images):
    """Does params hold images that it has learned from, as rows or columns, in whatever way they are shown?"""
    seen = images.std(axis=0) > 0
    for array in all_arrays(params):
        for rows in (array, array.T) if array.ndim == 2 else (array.reshape(len(array), -1),) if array.ndim > 2 else ():
            if rows.shape[1] not in (784, 785) or len(rows) < 50:
                continue
            correlations = standardised(rows[:50, :784][:, seen]) @ standardised(images[:, seen]).T / seen.sum()
            if (correlations > 0.999).any(axis=1).mean() > 0.9:
                raise wrong("images kept", n=len(rows))


def standardised(rows):
    """Rows (N, D) of numbers as rows with the mean 0 and the deviation 1; equal numbers become 0."""
    centred = rows - rows.mean(axis=1, keepdims=True, dtype=float)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-30)


def all_arrays(nest):
    if isinstance(nest, np.ndarray):
        return [nest] if nest.dtype.kind in "biuf" else []
    inside = nest.values() if isinstance(nest, dict) else nest if isinstance(nest, (list, tuple)) else ()
    return [array for value in inside for array in all_arrays(value)]


def reads_alone(module, content, params, images, said):
    """Does `read` say the same for one image alone? And in a new run of the file, with what was kept of params?"""
    if len(set(said)) > 1:  # the same digit for all is another mistake
        other = sum(read(module, params, images[i : i + 1])[0] != said[i] for i in range(ALONE))
        if other > ALONE / 10:  # a mean and a deviation of all pixels together change an answer or two
            raise wrong("read needs other images", n=other, of=ALONE)
    try:
        with redirect_stdout(io.StringIO()):
            new = load(module.__file__)
            other = (read(new, restored(new, content), images) != said).sum()
    except Exception as error:
        text = plain(error)
        raise wrong("read fails alone", error=text if text[-1] in ".?!" else f"{text}.") from None
    if other > len(said) / 10:
        raise wrong("read needs train", n=other, of=len(said))


ALONE = 100  # images
TIMES = 32  # a power of two, so that nothing is rounded
ACTIVATIONS = {"ReLU": lambda z: np.maximum(z, 0), "tanh": np.tanh, "a sigmoid": lambda z: 1 / (1 + np.exp(-z))}
PICTURES = {  # what pixels are divided by, and what is then subtracted
    "pixels / 255": (255, 0),
    "raw pixels": (1, 0),
    "pixels of mean 0 and deviation 1": (78.5, 33 / 78.5),
    "pixels / 127.5 - 1": (127.5, 1),
    "pixels / 255 - 0.5": (255, 0.5),
}


def first_sums(weights, images):
    """{how images are shown to it: the sums z1 (N, H) of its first layer}. It takes one product for all of them."""
    W1, b1 = weights["W1"], weights["b1"]
    sums = images.astype(float) @ W1
    return {how: sums / divisor - offset * W1.sum(axis=0) + b1 for how, (divisor, offset) in PICTURES.items()}


def scores(weights, z1, activation):
    """The scores (N, 10) that a network with these weights gives, from the sums z1 (N, H) of its first layer."""
    z = z1
    for i in range(2, len(weights) // 2 + 1):
        z = activation(z) @ weights[f"W{i}"] + weights[f"b{i}"]
    return z


def fits(weights, images, answers, activation=ACTIVATIONS["ReLU"]):
    """{how images are shown to it: the share of these answers that the weights then give}."""
    with np.errstate(all="ignore"):
        found = {how: scores(weights, z1, activation) for how, z1 in first_sums(weights, images).items()}
    return {how: (logits.argmax(axis=1) == answers).mean() for how, logits in found.items()}


def dead(weights, images):
    """The share of the images for which no unit of the first layer is above 0, with pixels up to 1 or to 255."""
    pictures = (images / 255, images.astype(float))
    return min((x @ weights["W1"] + weights["b1"] <= 0).all(axis=1).mean() for x in pictures)


def stands_still(before, after):
    """Whether an array has not moved by more than rounding."""
    return np.abs(after - before).max() <= 1e-9 * np.abs(after).max()


class Laboratory(NamedTuple):
    """One network, and what the experiments need to know of it."""

    module: object
    seed: int
    images: np.ndarray
    labels: np.ndarray
    others: np.ndarray
    answers: np.ndarray
    main: Trained
    layers: list  # where its weights are; [] if that is not known
    weights: dict  # those that it has learned, {"W1": (784, H), "b1": (H,), ...}
    said: np.ndarray  # what it says to the others
    found: float  # the share of these that is right
    on_known: float  # of those that it has learned from
    began: float

    def train(self, images, labels, change=None, until=SECONDS, which=1):
        """One more training, with other inputs; None if there is no time for it, or if it fails."""
        expected = self.main.seconds * min(1.5, 0.3 + 1.2 * len(images) / len(self.images))
        if time.process_time() - self.began + expected > until:
            return None
        try:
            return train(self.module, images, labels, [self.seed, which], self.layers, change, quiet=True)
        except Exception:
            return None

    def accuracy(self, trained, images, answers):
        """The accuracy of a network on these, or 0 if it has none."""
        try:
            return (read(self.module, trained.params, images) == answers).mean() if trained else 0
        except Exception:
            return 0

    def learned(self, trained):
        """The weights that a training has led to, if they are finite and have the same layout; or None."""
        if trained and trained.begun and [one.size for one in layout(trained.params)] == [o.size for o in self.layers]:
            weights = arrays_of(trained.params, layout(trained.params))
            return weights if all(np.isfinite(a).all() for a in weights.values()) else None
        return None

    def by_chance(self):
        """A training with random labels, and these labels. It has fewer images if training takes long."""
        chance = np.random.default_rng(self.seed).permutation(self.labels)
        n = len(chance) if self.main.seconds < 4 else len(chance) // 2
        return self.train(self.images[:n], chance[:n], until=LONGEST, which=2), chance[:n]

    def begins_anew(self, noise, before):
        """Does a second training begin with what the first has learned? before: a copy, older than the second."""
        pairs = zip(all_arrays(before), all_arrays(self.main.params), strict=False)
        kept = not all(np.array_equal(a, b, equal_nan=True) for a, b in pairs)  # it has gone on with the same arrays
        if not kept and noise and noise.first and self.layers:
            kept = all(np.array_equal(noise.first[name], self.weights[name]) for name in noise.first if name[0] == "W")
            kept = kept and self.weights["W1"].any() and not self.same_first(noise)
        elif not kept and noise and not self.layers:
            n = 500  # few, with random labels: what it had learned before is not forgotten so quickly
            few = self.train(self.images[:n], np.random.default_rng(self.seed).permutation(self.labels[:n]), which=3)
            kept = self.accuracy(few, self.others, self.answers) > 0.5
        if kept:
            raise wrong("kept between calls")

    def same_first(self, other):
        """Whether nothing is ever trained: then the weights that it returns are the first ones."""
        learned = self.learned(other)
        return learned and all(np.array_equal(learned[name], other.first[name]) for name in learned)

    def moves(self, noise):
        """Say what is wrong with weights that are alike, or that a training does not move."""
        first, last = (noise.first, self.learned(noise)) if noise else (None, None)
        depth = len(self.layers)
        for i in range(1, depth):
            units = self.weights[f"W{i}"].T
            if len(units) > 1 and (np.ptp(units, axis=0) <= 1e-9 * np.abs(units).max()).all():
                differed = first is not None and np.ptp(first[f"W{i}"], axis=1).any()
                raise wrong("weights replaced" if differed else "weights alike", "weights alike", H=len(units))
        if not first or not last:
            return
        layers = {f"{k}{i}": layer for i, layer in enumerate(self.layers, 1) for k in "Wb"}
        still = [name for name, layer in layers.items() if name[0] == "W" or layer.b is not None]
        still, all_of = [name for name in still if stands_still(first[name], last[name])], len(still)
        drawn_again = all(abs(np.corrcoef(first[n].ravel(), last[n].ravel())[0, 1]) < 0.1 for n in ("W1", f"W{depth}"))
        if len(still) == all_of or (drawn_again and len(still) == depth):
            raise wrong("no array moves")
        if "W1" in still and (self.images / 255 @ first["W1"] + first["b1"] <= 0).mean() > 0.99:
            raise wrong("units off", name="W1")
        if still:
            one = len(still) == 1
            names = f"{' and '.join(still)} {'is' if one else 'are'}"
            raise wrong("never moves", f"{still[0]} never moves", name=names, them="it" if one else "them")

    def is_the_beginning(self, trained):
        """Whether the weights that were seen first are those that were trained: then much of them is left."""
        learned = self.learned(trained)
        return learned and np.corrcoef(trained.first["W1"].ravel(), learned["W1"].ravel())[0, 1] > 0.3

    def draws(self, noise, n):
        """Does another generator give other first weights? The second training, with n images, had another."""
        other = self.train(self.images[:n], self.labels[:n], which=3)
        if other and noise and other.first and noise.first and self.is_the_beginning(other):
            same = all(np.array_equal(other.first[name], noise.first[name]) for name in noise.first if name[0] == "W")
        elif other:
            again = self.train(self.images[:n], self.labels[:n], which=4)
            same = again and packed(other.params) == packed(again.params)
        else:
            return
        if same:
            raise wrong("rng ignored")

    # What `read` does

    def changed(self, **arrays):
        """A copy of params with other arrays in it."""
        params = deepcopy(self.main.params)
        put(params, layout(params), arrays)
        return params

    def reads_as_trained(self):
        """Is `read` the forward pass that was trained? Then no other forward pass reads better with these weights."""
        ways = [
            (right, name, pixels)
            for name, activation in ACTIVATIONS.items()
            for pixels, right in (
                fits(self.weights, self.others, self.answers, activation) if self.layers else {}
            ).items()
        ]
        better, name, pixels = max(ways, default=(0, "", ""))
        if better > max(self.found + 0.03, 0.85):
            alike = fits(self.weights, self.others, self.said, ACTIVATIONS[name])[pixels]
            z1 = first_sums(self.weights, self.others)[pixels]
            rectified = np.maximum(scores(self.weights, z1, ACTIVATIONS[name]), 0)
            if (rectified.argmax(axis=1) == self.said).mean() > max(alike, 0.99):
                n = (rectified.max(axis=1) == 0).sum()
                raise wrong("ReLU on the scores", n=n, i=len(self.layers))
            if len(set(self.said)) == 1:
                raise wrong("one digit for all", digit=self.said[0])
            self.off_by_one()
            raise wrong("read is not as train", found=self.found, how=f"{pixels} and {name}", better=better)

    def off_by_one(self):
        """Is what it says mostly the digit before or after the right one?"""
        for side, step in (("before", -1), ("after", 1)):
            share = (self.said == (self.answers + step) % 10).mean()
            if share > 0.6:
                raise wrong("off by one", n=len(self.said), share=share, side=side)

    def reads_all_arrays(self):
        """Do the biases make a difference to `read`?"""
        rng = np.random.default_rng(self.seed)
        for i, layer in enumerate(self.layers, 1):
            before = self.weights[f"b{i}"]
            if layer.b is None or not before.any() or len(set(self.said)) == 1:
                continue
            values = rng.normal(0, 10 * np.abs(self.weights[f"W{i}"]).sum(axis=0).max(), before.shape)
            same = False
            with suppress(Exception):
                same = (read(self.module, self.changed(**{f"b{i}": values}), self.others) == self.said).all()
            if same:
                raise wrong("read forgets", name=f"b{i}", them="it")

    def pixels(self):
        """Which pixels does `read` see: do their numbers wrap round, and are those below 255 cut off?"""
        other = alike = 0
        with suppress(Exception):
            other = (read(self.module, self.main.params, self.others.astype(float)) != self.said).sum()
            cut = np.where(self.others == 255, self.others, 0)
            alike = (read(self.module, self.main.params, cut) == self.said).mean()
        if other > len(self.said) / 100:  # or is only that type of images scaled? Then another training fails, too
            trained = self.train(self.images.astype(float), self.labels)
            if self.accuracy(trained, self.others.astype(float), self.answers) > self.found - 0.02:
                raise wrong("pixels wrap round", n=other, of=len(self.said))
        if alike > 0.995 and len(set(self.said)) > 1:
            raise wrong("pixels cut off")

    def linear(self):
        """Is it linear? Then a change of one layer that the next layer undoes makes no difference to the answers.

        An odd function, such as tanh, lets signs through; ReLU and abs let factors through. Only a linear function lets
        both through.
        """
        if self.found < 0.6:
            return

        def changes(**factors):
            arrays = {name: self.weights[name] * factor for name, factor in factors.items()}
            return (read(self.module, self.changed(**arrays), self.others) != self.said).mean() > 1e-3

        depth, linear = len(self.layers), []
        last = {f"W{depth}": -1, f"b{depth}": -1}
        for i in range(1, depth):
            W, b, W_next = f"W{i}", f"b{i}", f"W{i + 1}"
            with suppress(Exception):  # first: does it read with these arrays?
                same = changes(**last) and not changes(**{W: -1, b: -1, W_next: -1})
                linear.append(same and not changes(**{W: TIMES, b: TIMES, W_next: 1 / TIMES}))
        if linear and len(linear) == depth - 1 and all(linear):
            raise wrong("no ReLU", n=len(self.others), times=TIMES)

    # The gradients of one image

    def gradients(self):
        """Train on copies of one image, from weights that are already sure of it. Returns how far it went, or None.

        The error is then so small that nothing moves far. So the gradient is the same at every step, and all changes
        together are this gradient, times a length. With one image, the chain rule leaves no choice, whatever the loss:
        the gradient of each W is what goes into it times what comes back, and that is the next layer's W times what
        comes back there, times the slope of the activation.
        """
        hidden = [layer.size[1] for layer in self.layers[:-1]]
        if not hidden or min(hidden) < 10:
            return None
        y, rng = int(self.labels[0]), np.random.default_rng([self.seed, 2])
        sure, small = {}, 0.1 * min(1, 8 / np.sqrt(hidden[-1]))  # no sum of many units comes near the margins below
        for i, (before, after) in enumerate((layer.size for layer in self.layers), 1):
            deviation = 0.3 if i == 1 else small if after == 10 and i == len(self.layers) else 1 / np.sqrt(before)
            sure[f"W{i}"], sure[f"b{i}"] = rng.normal(0, deviation, (before, after)), np.zeros(after)
        last = f"b{len(self.layers)}"
        fine = leaves(self.main.params)[self.layers[0].W].dtype == np.float64
        # Long steps, or Adam's, need a smaller error. float32 has fewer digits: a larger error, and fewer steps.
        for margin, n in ((24, None), (32, None)) if fine else ((11, 400), (14, 400), (15, None)):
            sure[last] = margin * (np.arange(10) == y)
            copies = np.repeat(self.images[:1], n or len(self.images), axis=0)
            trained = self.train(copies, np.full(len(copies), y), sure, which=2)
            after = self.learned(trained)
            if not after:
                return None
            moved = {name: after[name] - trained.begun[name] for name in after}
            biases = moved[last]
            # Under weight decay, the score of the right digit may fall, and it alone.
            if (biases < 0).all() and np.median(biases) < 0.3 * biases[y]:
                why = "the scores of all ten digits fell, even that of the right one"
                raise wrong_gradient("dlogits", why, "dlogits")
            if np.abs(moved[f"W{len(self.layers)}"]).max() > 0.1 * small:
                continue  # a tenth of its size: so the gradient was not the same at every step
            if found := pulled_apart(moved, trained.begun, self.images[0], y, 1e-3 if fine else 0.05):
                return compare(*found, moved, trained.begun, y, [layer.b is not None for layer in self.layers])
        return None

    def one_image(self, n=FEW, margin=24.0, images=1):
        """How far the biases of the ten scores move in a training with n copies of one image, or of two of different
        digits, where the bias of the first image's digit begins at the margin; or None."""
        y = int(self.labels[0])
        other = np.flatnonzero(self.labels != y)[0]
        chosen = np.tile([0, other], n // 2) if images == 2 else np.zeros(n, int)
        last = f"b{len(self.layers)}"
        trained = self.train(self.images[chosen], self.labels[chosen], {last: margin * (np.arange(10) == y)}, which=2)
        after = self.learned(trained)
        return after and after[last] - trained.begun[last]

    def softmax(self):
        """Does p add up to 1 for each image? If not, the biases of the scores never come to rest, and what they move by
        is not 0 in all.

        There are only a few copies of the image, so that nothing grows without bound. If p is shared with other images,
        the other nine scores do not matter: their biases move alike. (With Adam, all ten move equally far.)
        """
        y = int(self.labels[0])
        if not self.layers:
            return
        sure = self.one_image(FEW // 5)  # few, if none are kept aside: nothing grows without bound
        sure = sure if sure is not None and sure.any() else self.one_image()
        one, two = self.one_image(margin=0.0), self.one_image(margin=0.0, images=2)
        if one is not None and one[y] > 0 and not np.delete(one, y).any():
            raise wrong("only the right digit", found=self.found)
        if sure is not None:
            up, rest = sure[y], np.delete(sure, y)
            if np.ptp(rest) < 0.01 * abs(up) and up > 0.01 and abs(sure.sum()) > 0.1 * up:
                raise wrong("softmax along another axis", found=self.found)
        if two is not None and one is not None:
            off_one, off_two = (abs(moved.sum()) / np.abs(moved).sum() for moved in (one, two))
            if off_one < 0.02 and off_two > 0.1:
                raise wrong("labels of other images", found=self.found)

    def grows(self):
        """Is each step longer than the one before, although the gradient is the same?"""
        short, long = (self.one_image(n) if self.layers else None for n in (FEW, 2 * FEW))
        if short is None or long is None or not np.abs(short).max():
            return
        ratio = np.abs(long).max() / np.abs(short).max()
        if ratio > 10:
            raise wrong("steps grow", found=self.found, ratio=f"{ratio:.3g}")

    # Why its accuracy is too low

    def why_so_low(self, length, noise):
        """Raise the mistake that explains why the accuracy is too low."""
        found, said = self.found, self.said
        self.off_by_one()
        self.decays(noise)
        self.softmax()
        if length is None and noise and noise.first and self.learned(noise):
            # Then by how far the weights have moved: half of their size is usual.
            names = [name for name in noise.first if name[0] == "W"]
            moved = [np.linalg.norm(self.learned(noise)[name] - noise.first[name]) for name in names]
            sizes = [np.linalg.norm(noise.first[name]) for name in names]
            length = 2 * HEALTHY * max(a / b if b else 1 for a, b in zip(moved, sizes, strict=True))
            length = length if length < HEALTHY / 100 else None
        if length is not None and length < HEALTHY / 100:
            raise wrong("steps too small", found=found, ratio=f"1/{round(HEALTHY / max(length, 1e-9)):,}")
        if length is not None and length > HEALTHY * 40:
            self.grows()
            raise wrong("steps too large", found=found, ratio=f"{round(length / HEALTHY):,}")
        self.cures()
        self.grows()
        self.same_images()
        for name, p in self.weights.items():
            if not np.isfinite(p).all():
                ask = "What grows at each step until it is too large? The steps? The numbers that go into exp?"
                raise wrong("not finite", whose="After the training", name=name, ask=ask)
        if self.on_known < 0.2 and len(set(said)) > 1:
            raise wrong("labels mixed up", on_known=self.on_known)
        better = self.more_steps()
        if better > max(found + 0.02, 0.85) or better > found + 0.15:
            raise wrong("steps too few", found=found, better=better)
        if len(set(said)) == 1:
            ask = "What does the loss do from batch to batch?"
            if self.layers and dead(self.weights, self.others) > 0.5:
                ask = (
                    "Its hidden units have died: none is above 0. Steps that are too long do that. How large is the "
                    "learning rate, and is the gradient a mean over the batch?"
                )
            raise wrong("one digit, the network's", "one digit for all", digit=said[0], ask=ask)
        ask = (
            "It has learned its own images by heart, so more of the same steps will not help. Would more hidden units?"
        )
        if self.on_known < 0.96:
            ask = (
                f"On its own images its accuracy is {self.on_known:.3f}, so it has not learned even these. Print the "
                "loss of each batch: does it still fall at the end, does it jump, or has it settled? And check a "
                "gradient with a small nudge of one weight."
            )
        raise wrong("not good enough", n=len(self.others), found=found, needed=NEEDED, ask=ask)

    def more_steps(self):
        """Its accuracy with each image given four times: these are more steps, unless their number is fixed."""
        if len(set(self.said)) == 1 and self.on_known < 0.2:
            return 0
        again = np.tile(np.arange(len(self.images)), 4)
        return self.accuracy(
            self.train(self.images[again], self.labels[again], until=LONGEST), self.others, self.answers
        )

    def decays(self, noise):
        """Do the weights of pixels that are black in every image shrink? Only weight decay does that."""
        black = (self.images == 0).all(axis=0)
        if not noise or not noise.begun or not self.learned(noise) or not black.any():
            return
        before, after = noise.begun["W1"][black], self.learned(noise)["W1"][black]
        share = (before * after).sum() / ((before**2).sum() or 1)
        if abs(share) < 0.3 and np.abs(after - share * before).max() < 0.1 * np.abs(share * before).max():
            raise wrong("decay too strong", found=self.found, share=abs(share))

    def same_images(self):
        """Every ten images get a pixel of their own, at the border. Which rows of W1 have moved?

        The rows of these pixels begin equal. Those whose images were never learned from stay equal, whatever else
        happens to them.
        """
        if self.found < 0.4 or not self.layers or not self.main_was_seen():
            return  # where nothing is learned any more, nothing moves
        rng, border = np.random.default_rng(self.seed), np.flatnonzero(np.pad(np.zeros((16, 16)), 6, constant_values=1))
        groups = len(self.images) // 10
        border = rng.permutation(border)[:groups]
        marked = self.images[: 10 * groups].copy()
        marked[:, border] = 0
        marked[np.arange(len(marked)), rng.permutation(np.repeat(border, 10))] = 255
        W1 = rng.normal(0, self.main_was_seen(), self.weights["W1"].shape)
        W1[border] = W1[border[0]]
        learned = self.learned(self.train(marked, self.labels[: len(marked)], {"W1": W1}))
        if not learned:
            return
        _, counts = np.unique(learned["W1"][border], axis=0, return_counts=True)
        if counts.max() > groups / 30:  # if all have been used, hardly one is left
            used = round(-groups * np.log(counts.max() / groups), -1)
            raise wrong("the same images", found=self.found, used=int(used), given=len(marked))

    def main_was_seen(self):
        """The deviation of the first weights of W1, or 0: with them the experiment begins as the training did."""
        few = self.train(self.images[:FEW], self.labels[:FEW])
        return few.first["W1"].std() if few and few.first else 0

    def cures(self):
        """Do smaller pixels cure it, or other first weights?"""
        images, others = ((a > 127).astype(np.uint8) for a in (self.images, self.others))
        trained = self.train(images, self.labels)
        darker = self.accuracy(trained, others, self.answers)
        if learned := self.learned(trained):
            darker = max(darker, fits(learned, others, self.answers)["raw pixels"])  # `read` may divide, too
        rng, healthy = np.random.default_rng(self.seed), {}
        for i, layer in enumerate(self.layers, 1):
            healthy[f"W{i}"], healthy[f"b{i}"] = init_he(rng, *layer.size)
        trained = self.train(self.images, self.labels, healthy) if self.layers else None
        replanted = self.accuracy(trained, self.others, self.answers) if trained and trained.begun else 0
        better = max(darker, replanted)
        if not (better > max(0.85, self.found + 0.05) or better > self.found + 0.4):
            return
        if darker > replanted:
            raise wrong("pixels too large", found=self.found, better=better)
        sizes = {name: (np.sqrt((a**2).mean()), healthy[name].std()) for name, a in trained.first.items()}
        bias = max((np.abs(trained.first[name]).mean() for name in sizes if name[0] == "b"), default=0)
        name = max((n for n in sizes if n[0] == "W"), key=lambda n: abs(np.log((sizes[n][0] + 1e-300) / sizes[n][1])))
        yours, right = sizes[name]
        if bias > 1 and 0.3 < yours / right < 3:
            signed = next(trained.first[n].mean() for n in sizes if np.abs(trained.first[n]).mean() == bias)
            raise wrong("biases too large", found=self.found, better=better, yours=signed)
        mark, terms = "weights too large" if yours > right else "weights too small", len(self.weights[name])
        raise wrong(mark, name=name, found=self.found, better=better, yours=yours, healthy=right, terms=terms)

    # What it claims

    def honest(self, claim, noise, chance):
        """The claim, if it is near what was found. Several trainings decide: an honest claim may be lucky, too."""
        values = {"n": len(self.others), "found": self.found, "claim": claim}
        if abs(claim - (1 - self.found)) < APART and claim < 0.4 and noise and noise.claim > 0.7:
            raise wrong("claim of the wrong ones", **values)
        if noise and noise.claim > 0.3:
            by_heart = self.accuracy(noise, self.images[: len(chance)], chance)
            if abs(noise.claim - by_heart) < 0.15 and self.on_known > 0.9 * claim:
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
            near = abs(claim - self.on_known) < 0.02
            raise wrong("claims training" if near else "claim off", **values)
        return claim

    def remarks(self):
        """What deserves a sentence, but is no reason to fail."""
        if self.layers:
            alike, right = (fits(self.weights, self.others, a) for a in (self.said, self.answers))
            raw = alike["raw pixels"] > 0.999
            if raw and alike["pixels / 255"] < 0.99 and right["pixels / 255"] > NEEDED - APART:
                yield (
                    "`read` seems to see pixels 255 times as large as those that `train` has learned from: with "
                    "pixels / 255, the same weights read just as well. What does `train` do to the images that `read` "
                    "does not?"
                )
            elif raw and max(right.values()) == right["raw pixels"]:
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
                "Your batches come in the order of the images. Here that order was random. With images sorted by "
                "digit, the same training fails. Shuffle them in each epoch."
            )


def pulled_apart(moved, begun, image, y, rounding):
    """What each W moved along, pulled apart: [what went into it, up to a factor > 0], [what came back, the same].

    None if that is not what they moved along.
    """
    went_in, came_back, depth = [], [], len(moved) // 2
    for i in range(1, depth + 1):
        change, before = moved[f"W{i}"], begun[f"W{i}"]
        decay = (change * before).sum() / (before**2).sum()
        if np.abs(change - decay * before).mean() < 0.5 * np.abs(change).mean():  # weight decay
            change = change - decay * before
        left, sizes, right = np.linalg.svd(change, full_matrices=False)
        if not sizes[0] or sizes[1] > rounding * sizes[0]:
            return None
        a, back = left[:, 0], right[0]
        if i == 1:
            ink, paper = a[image >= 0.98 * image.max()], a[image == 0]
            contrast = ink.mean() - paper.mean()
            if max(ink.std(), paper.std()) > 0.05 * abs(contrast) or not contrast:
                return None  # it sees something other than the image's pixels, each changed in the same way
            if paper.mean() / contrast < -0.75:
                return None  # light ink on dark or dark on light? 1 - pixels give -1, and pixels - 0.5 give -0.5
            sign = np.sign(contrast)
        elif i == depth:
            sign = np.sign(back[y])  # a step makes the right digit's score larger
        else:
            sign = np.sign(np.corrcoef(a, went_in[-1] @ begun[f"W{i - 1}"])[0, 1])  # a larger z makes a larger a
        if i > 1:
            size = np.abs(a)
            on = size > 0.05 * size.max()
            if size[on].std() < 0.1 * size[on].mean():
                return None  # all alike: steps that do not depend on the gradient's size, as Adam's
        went_in.append(a * sign)
        came_back.append(-back * sign)
    return went_in, came_back


def wrong_gradient(name, why, exercise=None):
    """The exception that names this gradient; without an exercise if it may be another one, too."""
    more = f" `python practice.py {exercise}` marks that line by itself." if exercise else ""
    return wrong("other gradients", name=name, why=why, more=more)


def compare(went_in, came_back, moved, begun, y, biased):
    """How far all steps went, if the directions agree with the chain rule; otherwise the mistake is raised."""
    length = None
    for i in range(len(went_in) - 1, 0, -1):
        pair = went_in[i - 1], came_back[i - 1], went_in[i], came_back[i]
        length = compare_two(i, len(went_in), *pair, moved, begun, y, biased)
    return length if len(went_in) == 2 and all(biased) else None


def compare_two(i, depth, x, h, a1, dlogits, moved, begun, y, biased):
    """compare() for layer i, which has the input x and whose z has the gradient h, and the next one: a1 and dlogits.

    The length is 1 for one step of length 1 and an x of pixels / 255: where x is larger, shorter steps lead as far.
    """
    j, is_top = i + 1, i + 1 == depth
    W1, W2, b1, b2 = begun[f"W{i}"], begun[f"W{j}"], moved[f"b{i}"], moved[f"b{j}"]
    names = {"db2": f"db{j}", "dW2": f"dW{j}", "db1": f"db{i}", "dW1": f"dW{i}", "da1": f"da{i}", "dz1": f"dz{i}"}
    of = {key: key if depth == 2 else None for key in ("dW2_db2", "dW1_db1", "da1", "dz1")}
    back_is = f"W{j} @ {'dlogits' if is_top else f'dz{j}'}"

    def along(a, b):
        size = np.linalg.norm(a) * np.linalg.norm(b)
        return a @ b / size if size else 1.0

    z1 = x @ W1
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

    b2_agrees = not biased[i] or along(b2, -dlogits) > 0.5
    if not uphill and not b2_agrees:
        raise wrong_gradient(names["db2"], f"b{j} and W{j} did not move together", of["dW2_db2"])
    back = W2 @ dlogits
    by_W1, by_b1 = follows(h, back), follows(-b1, back) if biased[i - 1] else 0
    if uphill and by_W1 < 0:
        raise wrong("uphill", "other gradients")
    if uphill:
        name = names["dW2"] if b2_agrees else f"{names['dW2']} and {names['db2']}"
        raise wrong_gradient(name, f"W{j} moved uphill", of["dW2_db2"])
    together = not biased[i - 1] or along(b1, -h) > 0.9
    if not together and by_W1 > 0:
        why = f"W{i} moved along what reaches the hidden units, but b{i} did not"
        raise wrong_gradient(names["db1"], why, of["dW1_db1"])
    if not together and by_b1 > 0:
        why = f"b{i} moved along what reaches the hidden units, but W{i} did not"
        raise wrong_gradient(names["dW1"], why, of["dW1_db1"])
    if by_W1 < 1:
        why = f"what reaches the hidden units is not {back_is}, times the slope of the activation"
        ratio, _ = ratios(h, back)
        if by_W1 < 0:
            raise wrong_gradient(f"{names['da1']} or {names['dz1']}", f"W{i} moved uphill")
        on = a1 > 0.05 * a1.max()
        if W2.shape[0] == W2.shape[1] and along(h[on], (W2.T @ dlogits)[on]) > 0.99 and on.sum() > 2:
            transposed = back_is.replace(f"W{j}", f"W{j}.T")
            raise wrong_gradient(names["da1"], f"what reaches the hidden units is {transposed}", of["da1"])
        if np.corrcoef(z, a)[0, 1] > 0.9999:
            raise wrong_gradient(names["dW2"], f"W{j} moved along z{i}, not along a{i}", of["dW2_db2"])
        if np.abs(np.diff(ratio)).mean() < 0.3 * ratio.std() + 0.05 * np.abs(ratio).mean():  # it depends on z1 alone
            raise wrong_gradient(names["dz1"], why, of["dz1"])
        raise wrong_gradient(f"one of {names['dW2']}, {names['da1']}, {names['dz1']} and {names['dW1']}", why)
    if depth > 2 or not all(biased):
        return None
    k = np.arange(10) != y
    size = (moved["W2"][:, k] / moved["b2"][k]).mean(axis=1)  # a1 itself
    logits = size @ begun["W2"] + begun["b2"]
    p = np.exp(logits - logits.max())
    steep = ((size[order][wide + 2] - size[order][wide - 2]) / (z[wide + 2] - z[wide - 2])).max()
    return float(np.median(-moved["b2"][k] / (p / p.sum())[k])) * steep**2 / 90


if __name__ == "__main__":
    sys.exit(program.run(lambda: run(sys.argv[1])))

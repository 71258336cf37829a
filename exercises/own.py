"""Marks a whole network that somebody has written from a blank file.

The file has four functions: loss, gradients, train and read. So nothing has to be guessed about how the network is
built. Central differences of `loss` judge `gradients` (marker/derivatives.py), the label with the least loss is what
`read` should say, and a training is watched at its calls of `gradients` and `read`. What was not seen there is not
spoken of. exercises/said.md has the sentences.
"""

import ast
import io
import random
import sys
import time
from contextlib import ExitStack, nullcontext, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from threading import Event, Thread

from support import program

with program.needing("requirements-np.txt"):
    import numpy as np

    import data
    from exercises import digits
    from exercises.watched import Enough, Trace
    from exercises.words import OF_NETWORKS, explain, explained
    from marker import ROOT
    from marker.calls import watched
    from marker.complaints import plain, read
    from marker.derivatives import check, check_loss, matched, root_mean_square
    from marker.exercise import CUT
    from marker.nests import NotKept, floats, leaves, packed, replaced, shown, unpacked
    from marker.program import Program
    from marker.trial import changed, load, same_bits
    from marker.verdict import Wrong
    from support.checkpoint import unpack
    from support.errors import UserError
    from support.files import read_file, replacing

NEEDED, APART = 0.88, 0.03  # the accuracy that is needed; how far from it the claim may be
ALIKE = 0.5  # the accuracy that no training has whose gradients are turned round
KNOWN = 3500  # images to learn from; the others are for the test
LOG10 = np.log(10)  # the loss of ten equal scores
FUNCTIONS = "loss", "gradients", "train", "read"
COUNTS = {3: "three", 4: "four", 5: "five"}
STUB = ROOT / "exercises" / "chapter1" / "own_network.py"
ASKS = {0.1: "Is there a mean over the ten scores, too?"}  # of gradients that are a tenth of what they should be
wrong = OF_NETWORKS.wrong


@np.errstate(all="ignore")
def examined(examine, module, *arguments):
    """Whether a file has passed, a mark, and what is said: what its examination returns; or else, what is `Wrong`."""
    try:
        text = examine(module, *arguments)
    except Wrong as error:
        return False, error.mark, str(error)
    if others := imports(read(module.__file__)):
        ask = "Which of its lines do you owe to them, and could you write these yourself?"
        return True, "with imports", f"{text}\nYour file imports {' and '.join(others)}. {ask}"
    return True, "passed", text


def imports(source):
    """The names of the packages and files that a file imports, but for NumPy and what belongs to Python."""
    names = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import():
                names += [alias.name for alias in node.names]
            case ast.ImportFrom():
                names.append(node.module or "")
            case ast.Call(func=ast.Name(id=way) | ast.Attribute(attr=way), args=[ast.Constant(value=str(name)), *_]):
                names += [name] * (way in ("__import__", "import_module"))
    return sorted({name.partition(".")[0] for name in names} - {"", "numpy", *sys.stdlib_module_names})


def examine(module, seed, tell):
    """What is said of a network that passes, as text; otherwise `Wrong`."""
    complete(module, FUNCTIONS, STUB)
    images, labels, others, answers = draw(np.random.default_rng([seed, 48]))
    first = [int(np.argmax(labels == digit)) for digit in range(10)]  # one of each digit
    few = images[first], labels[first]
    trace = train(module, images, labels, [seed, 1], tell, "Your network is training", few)
    tell("Your training has ended. What has it learned?")
    content = kept(trace.params)
    calls = Calls(module)
    if not trace.points:
        check_all(calls, trace.params, [few], seed)
        raise wrong("gradients not called")
    images_kept(trace.params, images)
    moving = check_on_the_way(calls, trace, few, seed)
    judge_steps(trace, moving)
    said = calls.read(trace.params, others)
    found = (said == answers).mean()
    remarks = judge_reading(calls, trace, content, others, said, found, moving)
    judge_again(trace, [seed, 1], tell, lambda params: (calls.read(params, others) == answers).mean() > ALIKE)
    if found < NEEDED:
        raise why_so_low(calls, trace, images, labels, others, said, found)
    claim = judge_claim(calls, trace, seed, tell, images, labels, others, answers, found)
    text = f"Of {len(others):,} digits that it has never seen, your network reads {found:.3f}. You claimed {claim:.3f}."
    return "\n".join([text, *remarks, *trace.remarks()])


def investigation(examine, *how, **named):
    """The `Program` of an examination: examine(module, seed, tell) -> what is said of one that passes, or `Wrong`."""
    return Program(partial(examined, examine), *how, **named)


investigate = investigation(examine, "exercises.own", "exercises.looked", OF_NETWORKS)


def complete(module, functions, stub):
    """Are all these functions there, and written? stub: the exercise's file."""
    missing = [name for name in functions if not callable(getattr(module, name, None))]
    if missing:
        names = " and no ".join(f"`{name}`" for name in missing)
        raise wrong("no function", names=names, stub=stub_of(missing, stub), of=COUNTS[len(functions)])
    empty = [name for name in functions if is_empty(getattr(module, name))]
    if empty:
        raise wrong("partly written" if len(empty) < len(functions) else "not written", name=empty[0])


def stub_of(names, stub):
    """These functions of a stub, as text."""
    text = stub.read_text(encoding="utf-8").partition(CUT)[0]
    functions = text.split("\n\n\n")[1:]
    return "\n\n" + "\n\n\n".join(f.strip() for f in functions if f.startswith(tuple(f"def {name}(" for name in names)))


def draw(rng):
    """Images (N, 784) uint8 and labels to learn from, and others to test with, drawn from `digits.few_images()`."""
    images, labels, test_images, test_labels = digits.few_images()
    images, labels = np.concatenate([images, test_images]).reshape(-1, 784), np.concatenate([labels, test_labels])
    known, others = np.split(rng.permutation(len(images)), [KNOWN * len(images) // 6000])
    return images[known], labels[known], images[others], labels[others]


def kept(params):
    """Params as the content of a file; `Wrong` if they are something else than arrays and numbers."""
    try:
        return packed(params)
    except NotKept as error:
        raise wrong("params of another kind", where=error.where, what=error.what) from None


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
    with replacing(Path(file).with_suffix(".npz")) as written:
        written.write(content)
    print(f"You claim {claim:.4f}. Of {len(others):,} others it reads {found:.4f}.")


def learn(module, images, labels, others, answers):
    """What is kept of a network that learns from these images, its claim, and the share of the others that it reads."""
    trained = train(module, images, labels, 0, is_watched=False)
    content = kept(trained.params)
    return content, trained.claim, (Calls(module).read(restored(module, content), others) == answers).mean()


def rows_of(array):
    return array.reshape(len(array), -1) if array.ndim > 1 else array.astype(np.int64)


def restored(module, content):
    """The params from which `packed` has made these bytes."""
    return unpacked(unpack(content), module)


def digit(module, file, image):
    """What a learner's own network says to an image (28, 28); `run` has kept its params in a file."""
    try:
        params = restored(module, read_file(file, 2**28))
    except Exception:  # whatever zipfile, NumPy and json make of a damaged file, or of one of an earlier version
        raise UserError(f"{file} is damaged: delete it; the next call writes it again") from None
    return Calls(module).read(params, image.reshape(1, -1))[0]


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


def unchanged(name, arrays, before, what):
    now, then = (dict(zip(what, some, strict=False)) for some in (arrays, before))
    for one in changed(now, then, same_bits):
        raise wrong("changes its input", name=name, what=one)


class Calls:
    """The functions of a learner's file, each called with copies of what they must not change."""

    what = ("images", "labels")

    def __init__(self, module, **others):
        self.functions = vars(module) | others

    def loss(self, params, *batch):
        return self.call("loss", params, batch)

    def gradients(self, params, *batch):
        return self.call("gradients", params, batch)

    def call(self, name, params, batch):
        given, its = [a.copy() for a in batch], params if name == "gradients" else replaced(params)
        found = self.functions[name](its, *given)
        unchanged(name, given, batch, self.what)
        if others := changed(floats(its), floats(params), same_bits):  # of `gradients`, marker/derivatives.py says it
            raise wrong("changes its input", name=name, what=shown(others))
        if found is None or found is ...:
            raise wrong("returns None", name=name)
        return found

    def losses(self, params, images, digit=range(10)):
        """The loss of each image alone with each label, (N, 10)."""
        return np.array([[float(self.loss(params, image[None], np.array([k]))) for k in digit] for image in images])

    def read(self, params, images):
        """The digits that read() says for these images, as integers (N,)."""
        said = self.call("read", params, (images,))
        wanted = {"wanted": f"of shape ({len(images)},)"}
        try:
            said = np.asarray(said, np.float64)
        except (TypeError, ValueError):
            raise wrong("read returns no digits", what=kind(said), ask="", **wanted) from None
        if said.shape in ((len(images), 10), (10, len(images))):
            raise wrong("read returns logits", what=f"the shape {said.shape}", **wanted)
        if said.shape != (len(images),):
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


def train(module, images, labels, seed, tell=lambda text: None, doing="", few=None, most=np.inf, is_watched=True):
    """The `Trace` of one call of train(). few: a batch; with it, loss and gradients are checked at the first call of
    `gradients`, on this batch and on the training's own. most: calls of `gradients` after which it is ended."""

    def first(gradients, params, x, y):
        calls = Calls(module, gradients=gradients)
        check_all(calls, params, [few, *own_batch(calls, params, few, np.asarray(x), np.asarray(y))], seed)

    names = ("gradients", "read") if is_watched else ()
    trace = watch(module, (images, labels), seed, tell, doing, first if few else None, most, names)
    if trace.params is not None:
        of = images[:500], labels[:500]
        if trace.claim > 1 and abs(trace.claim - (loss := float(Calls(module).loss(trace.params, *of)))) < 0.2 * loss:
            raise wrong("claim is no number: a loss", claim=trace.claim, loss=loss)
        if 1.5 < trace.claim <= 100:
            raise wrong("claim in percent", claim=trace.claim)
        if not 0 <= trace.claim <= 1:
            raise wrong("claim is no number", what=f"{trace.claim:.4g}", wanted=" from 0 to 1")
    return trace


def judge_again(trace, seed, tell, is_good, examples="images"):
    """Does a training begin anew, and as the first one did where its rng is the same? Do its steps come from
    `gradients`: does it go another way if all of them, from the second call on, are turned round, and to no good end?

    is_good(params): whether they would do. (A training that is ended proves nothing: it may be a search along a line.)
    """
    last, (beginning, *_) = floats(trace.params), trace.points

    def again(most, **how):
        names = ["gradients", "loss"]
        return watch(trace.module, trace.examples, seed, tell, "It begins once more", None, most, names, **how)

    try:
        other = again(0, state=1)
        turned = again(2 * trace.calls, turned=True, seconds=min(2 * trace.seconds + 1, 12))
    except Exception:  # nothing is known of it
        return
    for another in (turned, other):
        if another.points:
            judge_beginning(beginning, another.points[0], last)
    if turned.points and not all(map(np.array_equal, beginning.batch, turned.points[0].batch)):
        raise wrong("rng ignored: chance of its own", what="batch")
    if turned.points and not alike(beginning.after, turned.points[0].after):
        raise wrong("kept between calls: of steps")
    if len({*trace.marks[1:]}) > 1 and turned.marks == trace.marks:
        raise wrong("gradients not used")
    if turned.params is not None and is_good(turned.params):
        raise wrong("gradients not used: in the end", examples=examples)


def judge_beginning(one, two, last):
    """Are the first arrays of two trainings with the same rng the same, and not those that one of them has left?"""
    first, second = floats(one.params), floats(two.params)
    drawn = [k for k in first if k in second and np.ptp(first[k])]
    learned = [k for k in drawn if not np.array_equal(first[k], last.get(k))]
    if learned and all(np.array_equal(second[k], last.get(k)) for k in learned):
        raise wrong("kept between calls")
    if other := [k for k in drawn if not np.array_equal(first[k], second[k])]:
        raise wrong("rng ignored: chance of its own", what=shown(other))


def alike(one, two):
    """Whether two dicts of arrays have the same numbers, but for the last digits."""
    return all(np.allclose(a, two[k], rtol=1e-6, atol=1e-9, equal_nan=True) for k, a in one.items() if k in two)


def watch(module, examples, seed, tell, doing, first, most, names, turned=False, state=0, seconds=np.inf):
    """The `Trace` of one call of train(*examples, rng), watched at its calls of these functions. first: see `Trace`;
    without it, prints are not shown. turned: whether all gradients but the first are turned round. state: the seed of
    all random numbers that do not come from rng. seconds: after which it is ended."""
    random.seed(state)
    np.random.seed(state)  # noqa: NPY002
    given, began, told = [a.copy() for a in examples], time.process_time(), time.monotonic()

    def count(n):
        nonlocal told
        if time.monotonic() > told + 0.3:
            told = time.monotonic()
            tell(f"{doing}: step {n:,}")

    trace = Trace(module, examples, first, most, count)
    trace.turned, trace.end = turned, began + seconds
    tell(doing)
    with ExitStack() as around:
        for name in names:
            around.enter_context(watched(module, name, getattr(trace, name)))
        around.enter_context(nullcontext() if first or not names else redirect_stdout(io.StringIO()))
        try:
            results = module.train(*given, np.random.default_rng(seed))
        except Enough:
            return trace
        except Exception:
            if not trace.error:
                raise
    if trace.error:
        raise trace.error
    trace.seconds = time.process_time() - began
    unchanged("train", given, examples, Calls.what if len(examples) == 2 else ("texts",))
    if results is None or results is ...:
        raise wrong("returns None", name="train")
    if not isinstance(results, (tuple, list)) or len(results) != 2:
        what = f"{len(results)}" if isinstance(results, (tuple, list)) else f"one, {kind(results)}"
        raise wrong("wrong number of results", what=what)
    params, claim = results
    is_number = isinstance(claim, (int, float, np.number, np.ndarray)) and not isinstance(claim, bool)
    if np.ndim(claim) or not is_number:
        wanted = " from 0 to 1" if len(examples) == 2 else ", a loss"
        raise wrong("claim is no number", what=kind(claim), wanted=wanted)
    trace.claim = float(claim)
    trace.ended(params)
    return trace


def own_batch(calls, params, few, images, *labels):
    """A list with the batch that a training has used, for the check of derivatives beside a few, if it is one of
    another size; a part of it if that takes long."""
    if images.ndim != 2 or any(y.shape != images.shape[:1] for y in labels) or len(images) in (0, len(few[0])):
        return []
    began = time.process_time()
    calls.loss(params, images, *labels)
    slow = time.process_time() - began > 0.05
    return [tuple(a[:50] if slow else a for a in (images, *labels))]


# --- Is gradients() the derivative of loss()? -------------------------------------------------------------------------


def check_all(calls, params, batches, seed):
    """The gradients, if they and the loss are right at these params; otherwise `Wrong`."""
    rng, (images, labels) = np.random.default_rng(seed), batches[0]
    total = check_loss(calls.loss, params, (images, labels), "images")
    beside = moved(params, rng)
    others = [float(calls.loss(beside, images, np.full_like(labels, k))) for k in range(4)]
    if np.isfinite(total) and np.ptp(others) < 1e-9:
        raise wrong("loss without labels")
    if np.isfinite(total) and np.ptp(calls.losses(beside, images[:1])) < 1e-9:
        raise wrong("softmax along another axis")
    return check_gradients(calls, params, batches, rng, "images", asks=ASKS)


def moved(params, rng):
    """Params a little beside these: at first, all scores may be equal."""
    arrays = floats(params).items()
    return replaced(params, {k: a + rng.normal(size=a.shape) * (1e-3 * root_mean_square(a) or 1e-2) for k, a in arrays})


def check_gradients(calls, params, batches, rng, examples, terms=None, asks=None):
    """The gradients, if they are right, and the same at each call."""
    one, two = (leaves(calls.gradients(replaced(params), *batches[0])) for _ in range(2))
    if not all(a is None or np.array_equal(a, two.get(k), equal_nan=True) for k, a in one.items()):
        raise wrong("gradients by chance", examples=examples)
    return check(calls.loss, calls.gradients, params, batches, rng, examples, terms=terms, asks=asks)


def check_on_the_way(calls, trace, few, seed, examples="images"):
    """The paths of the arrays that have gradients. These are checked again further on, and at the end."""
    began = float(calls.loss(trace.points[0].params, *few))
    rng = np.random.default_rng(seed)
    found = matched(trace.points[0].params, calls.gradients(replaced(trace.points[0].params), *few))
    for params in (trace.points[len(trace.points) // 3].params, trace.params):
        if float(calls.loss(params, *few)) < max(began, 3):  # otherwise the numbers are too large to tell
            try:
                check(calls.loss, calls.gradients, params, [few], rng, examples, thorough=False, asks=ASKS)
            except Wrong as error:
                at = "at the end of the training" if params is trace.params else "after a third of the training"
                raise Wrong(error.mark, f"{error} (This is {at}. At its first step, the same was right.)") from None
    return [k for k, g in found.items() if g is not None]


# --- What it has learned, and how -------------------------------------------------------------------------------------


def images_kept(params, images):
    """Does params hold many images that it has learned from, as rows or columns, in whatever way they are shown?"""
    seen = images.std(axis=0) > 0
    arrays = {k: np.asarray(a) for k, a in leaves(params).items() if a is not None}
    for k, a in arrays.items():
        for rows in (a, a.T) if a.ndim == 2 else (a.reshape(len(a), -1),) if a.ndim > 2 and a.size else ():
            if rows.shape[1] not in (784, 785) or len(rows) < max(50, len(images) / 4):  # fewer are centres, say
                continue
            correlations = standardised(rows[:50, :784][:, seen]) @ standardised(images[:, seen]).T / seen.sum()
            if (correlations > 0.999).any(axis=1).mean() > 0.9:
                raise wrong("images kept", name=shown([k]), n=len(rows))


def standardised(rows):
    """Rows (N, D) of numbers as rows with the mean 0 and the deviation 1; equal numbers become 0."""
    centred = rows - rows.mean(axis=1, keepdims=True, dtype=float)
    return centred / np.maximum(centred.std(axis=1, keepdims=True), 1e-30)


def judge_steps(trace, moving, examples="images"):
    """Do all arrays that have a gradient move, and against it?"""
    first, last = floats(trace.points[0].params), floats(trace.params)
    empty = sum(not point.batch[0].size for point in trace.points)
    if empty > len(trace.points) / 2:
        raise wrong("no images", n=empty, of=len(trace.points), examples=examples)
    on_the_way = [floats(point.params) for point in trace.points] + [point.after for point in trace.points]
    moving = [k for k in moving if k in first and k in last and first[k].shape == last[k].shape]
    ended = [k for k in moving if not np.array_equal(first[k], last[k])]
    still = [k for k in moving if all(np.array_equal(first[k], at[k]) for at in (*on_the_way, last) if k in at)]
    if moving and not ended:
        raise wrong("no array moves" if len(still) == len(moving) else "no array moves: the first are returned")
    if never := [k for k in still if not np.all(trace.zero.get(k, True))]:
        raise wrong("never moves", names=shown(never))
    if gone := [k for k in moving if trace.moves.get(k) and trace.moves[k][0].replaced]:
        raise wrong("weights replaced", names=shown(gone))
    ways = {k: [m.downhill for m in trace.moves.get(k, ())[:5] if m.length and m.slope] for k in moving}
    ways = {k: shares for k, shares in ways.items() if shares}
    up = [k for k, shares in ways.items() if np.mean(shares) < 0.2]
    if up:
        raise wrong("uphill" if len(up) == len(ways) else "uphill: some", names=shown(up))


def judge_reading(calls, trace, content, others, said, found, moving):
    """What deserves a sentence, if `read` says the label with the least loss, and for each image by itself; and if the
    network has a hidden layer, and has trained it. Otherwise `Wrong`. moving: the paths that have gradients."""
    params, few, first = trace.params, others[:100], said[:100]
    began = time.process_time()
    least = calls.losses(params, few[:1]).min()
    if not np.isfinite(least):
        if found < NEEDED:
            return []  # why_so_low says more
        raise wrong("loss is not finite", loss=least)
    n = int(np.clip(1 / (time.process_time() - began + 1e-3), 20, 100))
    table = calls.losses(params, few[:n])
    together = np.ptp(table, axis=0).max() < 1e-9  # in a batch of one, a mean over the batch leaves nothing
    if together:
        n = min(n, 40)
        table = np.array([[float(calls.loss(params, few, np.where(np.arange(100) == i, k, first))) for k in range(10)]
                          for i in range(n)])  # fmt: skip
    other = (table.argmin(axis=1) != first[:n]).sum()
    if other > (0.1 if together else 0.03) * n:
        raise looks_like(calls, params, few[:n], first[:n], table, other, together)
    alone = sum(calls.read(params, few[i : i + 1])[0] != first[i] for i in range(len(few)))
    if alone > 10:  # a mean and a deviation of all pixels together change an answer or two
        raise wrong("read needs other images", n=alone, of=len(few))
    again = alone_in(trace.module, content, Calls, "read", few)
    if (again != first).sum() > 10:
        raise wrong("read needs train", n=(again != first).sum(), of=len(few))
    pixels(calls, params, others, said)
    if together:
        return []
    linear(calls, params, few)
    linear_in(calls, trace, moving, few)
    remarks = list(constants(calls, params, moving, few, first))
    off = (table[np.arange(n), first[:n]] - table.min(axis=1) > 1e-4).sum()  # equal ones may differ by rounding
    if off:
        ask = "Is `read` the same forward pass, with all arrays?"
        remarks.append(f"For {off} of {n} images, `read` does not say the label with the least `loss`. {ask}")
    ties = (np.diff(np.sort(table, axis=1)[:, -4:], axis=1) == 0).all(axis=1).sum()
    if ties >= n / 10:
        ask = "Is something done to the scores, such as a ReLU? A score below 0 is not a mistake."
        remarks.append(f"For {ties} of {n} images, several digits have exactly the same loss. {ask}")
    return remarks


def alone_in(module, content, calls, name, *given):
    """What a function of the file says in a new run of it, with params as they were kept; `Wrong` if it fails.

    calls: the class with which it is called."""
    module = load(module.__file__)
    try:
        with redirect_stdout(io.StringIO()):
            return getattr(calls(module), name)(restored(module, content), *given)
    except Exception as error:
        text = plain(error)
        raise wrong("read fails alone", name=name, error=text if text[-1] in ".?!" else f"{text}.") from None


def looks_like(calls, params, few, said, table, n, together):
    """The exception that says how `read` differs from `loss`, if that can be said."""
    values = {"n": n, "of": len(few)}
    best = table.argmin(axis=1)
    for side, step in (("before", -1), ("after", 1)):
        if np.mean(said == (best + step) % 10) > 0.97:
            return wrong("off by one", side=side, **values)
    ways, arrays = (
        [("read is not as loss: the largest", "It says the one whose loss is the largest.", -table)],
        floats(params),
    )
    if not together:
        for words, x in {"images / 255": few / 255, "images * 255": few * 255.0, "255 - images": 255 - few}.items():
            said_of = f"It says what `loss` would say of {words}."
            ways.append(("read is not as loss", said_of, calls.losses(params, x)))
        for k in [k for k, a in arrays.items() if a.any()]:
            words = f"It says what `loss` would say if {shown([k])} were 0."
            ways.append(("read forgets", words, calls.losses(replaced(params, {k: 0 * arrays[k]}), few)))
    shares = [np.mean(of_each.argmin(axis=1) == said) for *_, of_each in ways]
    mark, how, _ = ways[int(np.argmax(shares))]
    known = max(shares) > 0.97
    values["how"] = f"{how} " if known else ""
    if len({*said}) == 1:
        return wrong("one digit for all", digit=said[0], **values)
    return wrong(mark if known else "read is not as loss", **values)


def pixels(calls, params, others, said):
    """Do the numbers of pixels wrap round? Are those below 255 cut off?"""
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


def linear(calls, params, few):
    """Has it a hidden layer? The differences of the ten losses are those of the scores. In a linear network, those of
    the mean of two images are the mean of theirs."""
    a, b = few[:10] & 254, few[10:20] & 254  # even numbers, which have a mean in uint8
    of_a, of_b, of_both = (np.diff(calls.losses(params, x), axis=1) for x in (a, b, a // 2 + b // 2))
    bend = np.abs(of_both - (of_a + of_b) / 2).max()
    if bend < 1e-4 * np.abs(of_a - of_b).max():
        matrices = [a for a in floats(params).values() if a.ndim == 2 and min(a.shape) > 1]
        raise wrong("linear" if len(matrices) == 1 else "no ReLU")


def linear_in(calls, trace, moving, few):
    """Are the scores linear in all that is trained? Then what comes before it is never trained."""
    one, two = floats(trace.points[0].params), floats(trace.params)
    trained = [k for k in moving if k in one and k in two and one[k].shape == two[k].shape]
    halves = [replaced(trace.params, {k: (1 - t) * one[k] + t * two[k] for k in trained}) for t in (0, 0.5, 1)]
    of_one, of_both, of_two = (np.diff(calls.losses(params, few[:10]), axis=1) for params in halves)
    if np.ptp(of_two, axis=0).max() < 1e-3 * np.abs(of_two).max():
        return  # the scores do not depend on the image: that has another cause
    if np.abs(of_both - (of_one + of_two) / 2).max() < 1e-4 * np.abs(of_one - of_two).max():
        raise wrong("one layer alone", names=shown(trained))


def constants(calls, params, moving, few, labels):
    """A sentence, if the loss depends on arrays that have no gradient."""
    arrays = {k: a for k, a in floats(params).items() if a.ndim and k not in moving}
    moved = {k: replaced(params, {k: 1.01 * a + 0.01}) for k, a in arrays.items()}
    found = [k for k in moved if calls.loss(moved[k], few, labels) != calls.loss(params, few, labels)]
    if found:
        yield f"The loss depends on {shown(found)}, and `gradients` has None there. Are they meant to stay as they are?"


def why_so_low(calls, trace, images, labels, others, said, found):
    """The exception that says why its accuracy is too low, by what was seen of the training."""
    few, points = (images[:300], labels[:300]), trace.points
    curve = [float(calls.loss(params, *few)) for params in (*(point.params for point in points), trace.params)]
    path = on_the_way(curve)
    result = f"Of {len(others):,} digits that it has never seen, your network reads {found:.3f}; {NEEDED} is needed."
    values = {"result": result, "curve": path, "begin": curve[0], "end": curve[-1]}
    values |= {"found": found, "needed": NEEDED, "of": len(images), "examples": "images"}
    first, last, used = floats(points[0].params), floats(trace.params), int(trace.used.sum())
    matrices = {k: a for k, a in first.items() if a.ndim == 2 and min(a.shape) > 1 and k in trace.zero}
    falls = curve[-1] < 0.3 * curve[0]
    if trace.mislabelled > 0.3 * max(trace.shown, 1):
        return wrong("labels mixed up", n=trace.mislabelled, shown=trace.shown, **values)
    if trace.other_pixels:
        return wrong("other pixels", **values)
    ends = {k: last[k] for k in matrices if k in last and np.isfinite(last[k]).all()}
    if alike := [k for k, a in ends.items() if min(np.ptp(a, axis=i).max() for i in (0, 1)) <= 1e-9 * np.abs(a).max()]:
        return wrong("weights alike", names=shown(alike), **values)
    as_float = float(calls.loss(points[0].params, few[0].astype(float), few[1]))
    if np.isfinite(as_float) and abs(as_float - curve[0]) > 0.01 * abs(as_float):
        return wrong("pixels wrap round: in the loss", other=as_float, **values)
    if idle := [k for k in matrices if np.all(trace.zero[k])]:
        return wrong("units off", names=shown(idle), **values)
    if curve[0] > 3 * LOG10 and (cause := too_large(calls, points[0].params, matrices, few, values)):
        return cause
    if np.isfinite(curve[-2]) and not curve[-1] < max(2 * curve[-2], LOG10) and curve[-2] < 0.5 * curve[0]:
        return wrong("other weights returned", before=curve[-2], **values)
    if cause := decays(calls, trace, few, values):
        return cause
    if (times := growth(points)) > 30:
        return wrong("steps grow", times=times, **values)
    small = [k for k, a in matrices.items() if root_mean_square(a) * np.sqrt(max(a.shape)) < 1e-3]
    if small and curve[-1] > 0.8 * curve[0]:
        return wrong("weights too small", names=shown(small), size=root_mean_square(first[small[0]]), **values)
    best = best_lengths(calls, points)
    shorter = sum(times < 1 for times in best)
    if not falls and (shorter > len(best) / 2 or (shorter and best[0] < 1 and curve[-1] > 0.8 * curve[0])):
        return wrong("steps too large", n=shorter, steps=len(best), **values)
    if bad := [k for k, a in last.items() if not np.isfinite(a).all()]:
        return wrong("not finite", names=shown(bad), **values)
    if 0 < used < len(images) / 3:
        return wrong("the same images", used=used, **values)
    if has_diverged(curve):
        return wrong("diverged", least=min(curve), **values)
    if not falls and best and min(best) > 1:
        return wrong("steps too small", steps=len(best), **values)
    spread = np.ptp(calls.losses(trace.params, few[0][:50]), axis=1).max()
    if 0.5 < spread < 1 + 1e-6:
        return wrong("softmax of a softmax", spread=spread, **values)
    if curve[-1] > 0.3 and curve[-1] < 0.95 * curve[3 * len(curve) // 4]:
        return wrong("steps too few", **values)
    return wrong("not good enough", n=len(others), **values)


def on_the_way(curve):
    """A few losses of a training, as text."""
    steps = np.linspace(0, len(curve) - 1, min(6, len(curve))).astype(int)
    return ", ".join(f"{curve[i]:.3g}" for i in steps)


def has_diverged(curve):
    """Whether a loss has risen again, or never came back to where it began."""
    return curve[-1] > curve[0] or curve[-1] - min(curve) > 0.3 * (curve[0] - min(curve))


def growth(points):
    """How many times as long the last step is as the first."""
    lengths = [np.sqrt(sum((d**2).sum() for d in point.moves().values())) for point in points]
    lengths = [one for one in lengths if one]
    return lengths[-1] / lengths[0] if len(lengths) > 3 else 1


def best_lengths(calls, points):
    """`best_length` of the first steps."""
    return [best_length(calls, point) for point in points[:8] if any(d.any() for d in point.moves().values())]


def too_large(calls, params, matrices, few, values):
    """The exception that says what makes the first loss so large, if one change alone makes it small."""
    arrays = floats(params)
    vectors = {k: 0 * a for k, a in arrays.items() if a.ndim and a.size == max(a.shape) and np.abs(a).max() > 1}
    sizes = {k: root_mean_square(a) * np.sqrt(max(a.shape)) for k, a in matrices.items()}  # of a sum of so many terms
    usual = all(size < 5 for size in sizes.values())
    images, labels = few
    smaller = {k: a / (28 * root_mean_square(a)) for k, a in matrices.items()}
    ways = [
        ("biases too large", replaced(params, vectors), 1),
        *(("pixels too large", params, by) for by in (255, 255**2) if usual),
        ("weights too large", replaced(params, smaller), 1),
    ]
    for mark, changed, by in ways:
        then = float(calls.loss(changed, images if by == 1 else images / by, labels))
        if then < 0.3 * values["begin"] or (then < 2 * LOG10 and not np.isfinite(values["begin"])):
            names = shown(vectors if mark == "biases too large" else matrices)
            k = max(sizes, key=sizes.get, default=None)
            size = root_mean_square(matrices[k]) if k else 0
            return wrong(mark, names=names, then=then, size=size, largest=shown([k] if k else []), by=by, **values)
    return None


def decays(calls, trace, few, values):
    """The exception that says that weights decay too much, if those do whose gradient was always 0, or if much of the
    loss is the same whatever the labels are."""
    first, last = floats(trace.points[0].params), floats(trace.params)
    for k, zero in trace.zero.items():
        if k in last and np.shape(last[k]) == np.shape(first[k]) == np.shape(zero) and 10 < zero.sum() < zero.size:
            before, after = first[k][zero], last[k][zero]
            share = (before * after).sum() / ((before**2).sum() or 1)
            if before.any() and abs(share) < 0.3 and np.abs(after - share * before).max() < 0.1 * np.abs(before).max():
                return wrong("decay too strong", share=abs(share), name=shown([k]), **values)
    # Of a cross-entropy plus something, exp(-loss) of the ten labels adds up to exp(-something), for every image.
    rest = -np.log(np.exp(-calls.losses(trace.params, few[0][:5])).sum(axis=1))
    if np.ptp(rest) < 1e-6 and np.mean(rest) > 0.1 and np.mean(rest) > 0.2 * values["end"]:
        return wrong("decay too strong: in the loss", rest=np.mean(rest), **values)
    return None


def best_length(calls, point):
    """By which of these factors a step has to be multiplied to lower the loss of its own batch most: 0.01 ... 10."""
    before, moves = floats(point.params), point.moves()

    def at(t):
        params = replaced(point.params, {k: before[k] + t * d for k, d in moves.items()})
        return np.nan_to_num(float(calls.loss(params, *point.batch)), nan=np.inf)

    return min((1, 0.1, 0.01, 10), key=at)


def judge_claim(calls, trace, seed, tell, images, labels, others, answers, found):
    """The claim, if it was measured honestly and is near what was found. A second training learns random labels."""
    claim, n = trace.claim, len(images) if trace.seconds < 8 else len(images) // 2
    about = {"claim": claim, "found": found, "n": len(others)}
    module, loss = trace.module, float(calls.loss(trace.params, others[:1000], answers[:1000]))
    if abs(claim - loss) < 0.25 * loss and abs(claim - found) > APART:
        raise wrong("claim is no number: a loss", claim=claim, loss=loss)
    chance = np.random.default_rng(seed).permutation(labels)[:n]
    doing = "It trains once more, with random labels"
    try:
        noise = train(module, images[:n], chance, [seed, 2], tell, doing, most=3 * trace.calls + 100)
    except Wrong:
        raise
    except Exception:
        noise = Trace(module, (images, labels), None, 0, tell)  # nothing is known of it
    judge_chance(trace, noise)
    shares = [share for share, *_ in trace.reads]
    if any(abs(claim + share - 1) < 1e-9 for share in shares) or (not shares and abs(claim + found - 1) < APART):
        raise wrong("claim of the wrong ones", **about)
    measured = [(of, known) for share, of, known in trace.reads if abs(share - claim) < 1e-9]
    if measured and all(known > of / 2 for of, known in measured):
        of, known = measured[-1]
        raise wrong("claims training", of=of, known=known, **about)
    if noise.params is not None and noise.claim > 0.3:
        learned = (calls.read(noise.params, images[:n]) == chance).mean()
        if abs(noise.claim - learned) < 0.15:
            raise wrong("claims training: by heart", chance=noise.claim, **about)
        raise wrong("claim not measured", chance=noise.claim, **about)
    apart, most = [claim - found], min(4, 24 // max(trace.seconds, 1) - 1)
    while abs(np.mean(apart)) > APART and len(apart) < most and abs(apart[0]) < 4 * APART:
        order = np.random.default_rng([seed, 4, len(apart)]).permutation(len(images))  # of a fixed split, another one
        doing = "It trains again: was the claim by luck?"
        again = train(module, images[order], labels[order], [seed, 3, len(apart)], tell, doing)
        apart.append(again.claim - (calls.read(again.params, others) == answers).mean())
    if abs(np.mean(apart)) > APART:
        on_known = (
            (calls.read(trace.params, images[trace.used]) == labels[trace.used]).mean() if trace.used.any() else 0
        )
        raise wrong("claim too low" if claim < found else "claim off", on_known=on_known, **about)
    return claim


def judge_chance(trace, other):
    """Does another training, with another rng, begin with other weights?"""
    one, two = floats(trace.points[0].params), floats(other.points[0].params) if other.points else {}
    drawn = [k for k in trace.zero if k in one and k in two and np.ptp(one[k])]
    if drawn and all(np.array_equal(one[k], two[k]) for k in drawn):
        raise wrong("rng ignored", names=shown(drawn))


if __name__ == "__main__":
    sys.exit(program.run(lambda: main(*sys.argv[1:]), limit_memory=True))

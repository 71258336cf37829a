"""A block of a GPT, from a blank file: what it is judged by (exercises/blank.py), and how to look at its gradients.

The file has three functions: first_weights, forward and backward. Central differences of `forward` judge `backward`
(marker/derivatives.py), whatever style the two are in. That it is a block is seen by y, and not by the code.
exercises/said.md has the sentences.
"""

import sys
from collections import Counter
from zlib import crc32

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    from exercises import blank
    from exercises.blank import Blank, Calls, kind
    from exercises.words import OF_BLOCKS, explained
    from marker import ROOT
    from marker.complaints import explain_exception
    from marker.derivatives import (
        Place,
        compare,
        describe_bad,
        explain_factor,
        find_exchange,
        find_factors,
        is_right_alone,
        match_gradients,
        root_mean_square,
    )
    from marker.nests import floats, format_paths, replace_leaves
    from marker.verdict import Wrong
    from mlp_np import numerical_gradient, relative_difference

C, HEADS = 12, 3
SIZES = (3, 5), (2, 4)  # texts and places of two batches: a factor that is one of these sizes shows
LONG = 33  # places of the longest text
SMALL = 0.003  # the size of x in a batch in which the small number under the root of a norm shows
STUB = ROOT / "exercises" / "chapter7" / "own_block.py"
wrong = OF_BLOCKS.wrong


def said(found):
    """What is said of a block that passes."""
    numbers = sum(np.size(g) for g in found.gradients.values())
    arrays = f"all {len(found.gradients)} arrays of params, {numbers:,} numbers"
    return f"`backward` is the derivative of your `forward`, with respect to x and to {arrays}."


def drawn(found):
    """Batches of x and dy, and weights."""
    found.batches = [tuple(found.rng.normal(size=(2, B, T, C))) for B, T in SIZES]
    x, dy = found.rng.normal(size=(2, 1, LONG, C))
    found.params, found.gradients = begun(found.calls, found.batches[0], [found.seed, 1])
    found.x = found.batches[0][0]
    found.batches.append((SMALL * x, dy))


class OfBlock(Calls):
    """The functions of such a file."""

    what = ("x", "dy")
    sentences = OF_BLOCKS

    def first_weights(self, seed, size=None):
        params = self.functions["first_weights"](*(size or (C, HEADS)), np.random.default_rng(seed))
        blank.returned("first_weights", params)
        if not floats(params):
            raise wrong("no weights", what=kind(params))
        return params

    def forward(self, params, x):
        """y (B, T, C)."""
        y = self.call("forward", params, (x,))
        if not isinstance(y, np.ndarray) or y.shape != x.shape or y.dtype.kind != "f":
            raise wrong("forward of another shape", wanted=x.shape, what=kind(y))
        if not np.isfinite(y).all():
            raise wrong("not finite: of a block")
        return y

    def backward(self, params, x, dy):
        """dx (B, T, C), and {path: gradient as float64, or None} of the arrays of params."""
        found = self.call("backward", params, (x, dy))
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            what = f"{len(found)}" if isinstance(found, (tuple, list)) else f"one, {kind(found)}"
            raise wrong("wrong number of results: of a block", what=what)
        dx, gradients = found
        if np.shape(dx) != x.shape:
            raise wrong("dx of another shape", wanted=x.shape, what=f"of shape {np.shape(dx)}")
        arrays, gradients = floats(params), match_gradients(params, gradients)
        if not gradients:
            raise wrong("gradients of another form: of a block", names=format_paths(arrays))
        for k, g in gradients.items():
            if g is not None and g.shape != arrays[k].shape:
                raise wrong("gradients of another shape", name=format_paths([k]), shape=arrays[k].shape, other=g.shape)
        return np.asarray(dx, np.float64), gradients


def begun(calls, batch, seed, size=None):
    """Weights in the middle of a training, and the first gradients, {path: array}. What has none stays as it is.

    None are so large that all shares are 0 or 1, nor so small that they do nothing.
    """
    params = calls.first_weights(seed, size)
    calls.forward(params, batch[0])  # should `backward` use what that leaves, `as_promised` says it
    _, gradients = calls.backward(params, *batch)
    gradients = {k: g for k, g in gradients.items() if g is not None and (g.ndim or g)}
    arrays = {k: a / max(1, 2 * root_mean_square(a)) for k, a in floats(params).items() if k in gradients}
    return replace_leaves(params, {k: a + 0.15 * near(k, a.shape) for k, a in arrays.items()}), gradients


def near(path, shape):
    """Random numbers: an array of the same name and shape gets the same."""
    return np.random.default_rng(crc32(path.encode())).normal(size=shape)


# --- Is it a block? ---------------------------------------------------------------------------------------------------


def as_promised(found):
    """y is the same at each call, and a text's is the same whether it is alone or among others; dx is that of x."""
    calls, params, x = found.calls, found.params, found.x
    y = calls.forward(params, x)
    if not np.array_equal(y, calls.forward(params, x)):
        raise wrong("forward by chance")
    if np.abs(calls.forward(params, x[:1]) - y[:1]).max() > 1e-9 * np.abs(y).max():
        raise wrong("sees other texts", n=len(x))
    one, other = x[:1, :1], x[:1, 1:2]
    calls.forward(params, one)
    before, _ = calls.backward(params, one, one)
    calls.forward(params, other)
    if not np.array_equal(before, calls.backward(params, one, one)[0]):
        raise wrong("backward of another x")


def looks_back(found):
    """A place sees itself and those before it, as many as there are, and none that comes later.

    Places that are nearly alike have nearly equal scores: of those, each counts, however large the weights are.
    """
    calls, params, x, rng = found.calls, found.params, found.x, found.rng
    for T in (x.shape[1], LONG):
        there = np.repeat(rng.normal(size=(2, 1, C)), T, axis=1) + 0.01 * rng.normal(size=(2, T, C))
        y = attempt(calls.forward, params, there, T=T)
        for at in range(T):
            other = there.copy()
            other[:, at] += 0.3 * rng.normal(size=(2, C))
            change = np.abs(calls.forward(params, other) - y).max(axis=(0, 2))
            if (change[:at] > 1e-9 * np.abs(y).max()).any():
                raise wrong("sees what comes later", at=at, place=int((change > 1e-9 * np.abs(y).max()).argmax()), T=T)
            same = np.flatnonzero(change[at + 1 :] <= 1e-13 * np.abs(y).max()) + at + 1
            if at < T - 1 and len(same) == T - 1 - at:
                raise wrong("sees no other place", at=at, T=T)
            if len(same):
                raise wrong("sees not all", at=at, place=same[0], T=T)


def shares(found):
    """A mean of things that are all alike is that thing, whatever the shares are, if they add up to 1."""
    calls, params, rng = found.calls, found.params, found.rng
    one = rng.normal(size=(2, 1, C))
    alone = calls.forward(params, one)
    for T in (2, 7, LONG):
        off = np.abs(attempt(calls.forward, params, np.repeat(one, T, axis=1), T=T) - alone).max(axis=(0, 2))
        if off.max() > 1e-6 * np.abs(alone).max():
            raise wrong("no shares", at=int(off.argmax()), T=T)


def slopes(calls, params, x, at):
    """d y[-1] / d x[at] for one text (T, C), by central differences: (C, C)."""
    h, moves = 1e-5, np.zeros((len(x[0]), *x.shape))
    moves[:, at] = np.eye(len(x[0]))
    above, below = (calls.forward(params, x + t * moves)[:, -1] for t in (h, -h))
    return ((above - below) / (2 * h)).T


def compared(found):
    """How much a place takes of another depends on what it is itself.

    y = G(u), where u adds to x what was found, and G is whatever comes behind. In a text of three places, what place 2
    takes of places 0 and 1 may be weighed without a look at place 2. Then the slopes of y in x[0] and x[1], side by
    side, are G' times a matrix (C, 2 C) that does not depend on x[2]: for several x[2], all their rows are combinations
    of the same C. In a text of two places, it is the same with x[0] and x[1], if place 1 does not see itself.
    """
    calls, params, rng = found.calls, found.params, found.rng
    for mark, T in (("no attention", 3), ("sees not itself", 2)):
        ranks = []
        for text in rng.normal(size=(3, T, C)):
            texts = [np.concatenate([text[:-1], last]) for last in rng.normal(size=(4, 1, C))]
            rows = [np.concatenate([slopes(calls, params, one, at) for at in (0, 1)], axis=1) for one in texts]
            sizes = np.linalg.svd(np.concatenate(rows), compute_uv=False)
            ranks.append((sizes > 1e-7 * sizes[0]).sum())
        if max(ranks) <= C:
            raise wrong(mark)


def bends(found):
    """A single place goes through an activation.

    Without one, all that happens to it is linear, but for the norms, which divide it by a number and subtract another.
    So texts of one place whose x is in a space of k dimensions give y in one of 4 k + 6: u = x + A(gamma x, gamma,
    beta) has 2 k + 2 dimensions, and y = u + W(gamma u, gamma, beta) twice as many, and 2. (With the norms behind the
    sums there are fewer.)
    """
    calls, rng = found.calls, found.rng
    size, k, seed = (60, 4), 4, rng.integers(2**31)
    other, _ = attempt(begun, calls, rng.normal(size=(2, 2, 3, size[0])), seed, size, C=size[0], h=size[1], T=3)
    texts = rng.normal(size=(400, 1, k)) @ rng.normal(size=(k, size[0]))
    sizes = np.linalg.svd(calls.forward(other, texts)[:, 0], compute_uv=False)
    if sizes[4 * k + 6] < 1e-9 * sizes[0]:
        raise wrong("no activation")


def adds(found):
    """If all that was drawn is 0, a block adds nothing to x, but for constants: y is x, or a norm of it."""
    calls, x, rng = found.calls, found.x, found.rng
    first, other = calls.first_weights(0), floats(calls.first_weights(1))
    zero = {k: 0 * a for k, a in floats(first).items() if a.size and not np.array_equal(a, other[k])}
    if len(other) > 1:  # in a single array, there may be gammas, too
        one, two = (calls.call("forward", replace_leaves(first, zero), (a,)) for a in (x, rng.normal(size=x.shape)))
        if np.isfinite(one).all() and np.abs(one - two).max() < 1e-9:
            raise wrong("no sum", names=format_paths(zero))


def uses_all(found):
    """Each array that has a gradient changes y, if only in its last digits."""
    calls, params, x = found.calls, found.params, found.x
    y, (_, gradients) = calls.forward(params, x), calls.backward(params, x, x)
    for k, a in floats(params).items():
        moved = replace_leaves(params, {k: a + 0.1 * near(k, a.shape)})
        if gradients.get(k) is not None and gradients[k].ndim and np.array_equal(calls.forward(moved, x), y):
            raise wrong("never used", name=format_paths([k]))


def has_heads(found):
    """Each head has shares of its own.

    So the same weights with another number of heads give another y. (If other heads have other arrays, nobody knows.)
    And with weights so large that each share is 0 or 1, one head may choose place 0, and another place 1. If all choose
    the same, place 2 finds in a text x[0], x[1], x[2] what it finds in x[0], x[0], x[2], or in x[1], x[1], x[2].
    """
    calls, params, x, rng = found.calls, found.params, found.x, found.rng
    two, same = (begun(calls, (x, x), 0, size)[0] for size in ((C, 2), (C, HEADS)))
    if np.allclose(calls.forward(two, x), calls.forward(same, x), rtol=0, atol=1e-9):
        raise wrong("heads ignored", one=HEADS, two=2)
    _, gradients = calls.backward(params, x, x)
    large = replace_leaves(params, {k: 30 * a for k, a in floats(params).items() if gradients.get(k) is not None})
    texts = rng.normal(size=(200, 3, C))
    y, *others = (calls.call("forward", large, (texts[:, at],))[:, 2] for at in ([0, 1, 2], [0, 0, 2], [1, 1, 2]))
    off = np.min([np.abs(y - other).max(axis=1) for other in others], axis=0)
    same = (off < 1e-9 * np.abs(y).max()).sum()
    if same > 0.9 * len(texts):  # of heads that choose by themselves, it is about a half
        raise wrong("heads ignored: they choose the same", heads=HEADS, n=same, of=len(texts))


def begins_by_rng(found):
    """The first weights are the same for the same generator, and others for another."""
    calls = found.calls
    one, two, other = (floats(calls.first_weights(seed)) for seed in (0, 0, 1))
    if changed := [k for k, a in one.items() if not np.array_equal(a, two[k])]:
        raise wrong("first weights by chance", names=format_paths(changed))
    drawn = [k for k, a in one.items() if a.size and np.ptp(a)]
    if drawn and all(np.array_equal(one[k], other[k]) for k in drawn):
        raise wrong("rng ignored: of a block", names=format_paths(drawn))


def attempt(function, *given, **sizes):
    """function(*given); if the learner's file fails there, `Wrong` says of which sizes."""
    try:
        return function(*given)
    except Wrong:
        raise
    except Exception as error:
        of = {"C": "{} channels", "h": "{} heads", "T": "{} places"}
        text = ", ".join(of[k].format(n) for k, n in sizes.items())
        raise wrong("fails at another size", of=text, error=blank.ended(explain_exception(error))) from None


def goes_back(found):
    """`backward` does not move one number after the other, and look at what becomes of y."""
    file = found.calls.module.__file__
    counts, (x, dy) = Counter(), np.random.default_rng(0).normal(size=(2, 1, 1, C))

    def count(frame, event, _):
        if event == "call" and frame.f_code.co_filename == str(file) and frame.f_code.co_name.isidentifier():
            counts[frame.f_code.co_name] += 1

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        found.calls.backward(found.params, x, dy)
    finally:
        sys.setprofile(before)
    numbers = sum(a.size for a in floats(found.params).values())
    if most := [(name, n) for name, n in counts.most_common(1) if n >= numbers]:
        raise wrong("backward by differences", name=most[0][0], n=most[0][1], numbers=numbers)


# --- Is backward the derivative of forward? ---------------------------------------------------------------------------


def derivatives(found):
    """Central differences of (forward(params, x) * dy).sum() say what dx and all gradients are."""
    bad = []
    for x, dy in found.batches:
        place, mine = at_this(found.calls, found.params, x, dy)
        bad.append(compare(place, mine, found.rng, thorough=True))
    if any(bad):
        raise named(found.calls, found.params, found.batches, bad, found.rng)


def at_this(calls, params, x, dy):
    """The sum, near this x and these params, and what `backward` says of it: {path: array}. What it leaves out is 0."""

    def total(nest, dy):
        return (calls.forward(nest["params"], nest["x"]) * dy).sum()

    place = Place(total, {"x": x, "params": params}, (dy,))
    dx, gradients = calls.backward(params, x, dy)
    gradients = {f'["params"]{k}': gradients.get(k, np.zeros(a.shape)) for k, a in floats(params).items()}
    return place, {'["x"]': dx} | gradients


def names(paths):
    """`x, params["W1"]`."""
    inner = [k.removeprefix('["params"]') for k in paths if k != '["x"]']
    return ", ".join(["x"] * ('["x"]' in paths) + [format_paths(inner)] * bool(inner))


def named(calls, params, batches, offs, rng):
    """The exception that says which derivatives are wrong, one entry of them both ways, and what else is known."""
    where, factors = find_factors(offs)
    bad, (place, mine) = offs[where], at_this(calls, params, *batches[where])
    if all(factors) and factors[where] != 1:
        more = explain_factor(factors, [len(x) for x, _ in batches], OF_TEXTS)
        return wrong(
            "gradients times a number: of a block", times=factors[where], more=more, **describe_bad(bad, mine, names)
        )
    more = what_is_small_or_long(calls, params, batches, where, bad, rng)
    more = more or what_is_missing(calls, params, batches[where], place, mine, bad, rng)
    more += on_paper(calls)
    return wrong("other gradients: of a block", more=more, **describe_bad(bad, mine, names))


# What is asked of a factor that is this power of the number of texts.
OF_TEXTS = {
    1: " That is the number of texts. Where does it come in?",
    -1: " That is 1 / the number of texts. Is there a mean over them in (y * dy).sum()?",
}


CASES = (1, 1, 2, 1), (1, 2, 2, 1), (1, 1, 3, 1), (1, 2, 3, 1), (2, 1, 3, 1), (1, 2, 4, 2), (2, 2, 4, 2)  # B, T, C, h


def on_paper(calls):
    """A sentence on the smallest of a few cases in which an entry is wrong, with all that is needed on paper."""
    for *size, channels, heads in CASES:
        x, dy = np.random.default_rng(0).normal(size=(2, *size, channels)).round(1)
        try:
            place, mine = at_this(calls, calls.first_weights(0, (channels, heads)), x, dy)
            bad = compare(place, mine, np.random.default_rng(0), thorough=True)
        except Exception:
            continue  # of another size, something else is wrong
        if bad := {k: [one for one in offs if one.index is not None] for k, offs in bad.items()}:
            if not all(bad.values()):
                continue
            said = describe_bad(bad, mine, names)
            return (
                f"\nSmall enough for paper: params = first_weights({channels}, {heads}, np.random.default_rng(0)), x = "
                f"{x.tolist()}, dy = {dy.tolist()}. There `backward` says {said['mine']} for {said['at']}, and it is "
                f"{said['slope']}."
            )
    return ""


def is_slight(bad):
    """Whether all that is wrong is off by less than a hundredth, as by a forgotten eps."""
    return all(abs(one.mine - one.slope) < 0.01 * abs(one.slope) for offs in bad.values() for one in offs)


def what_is_small_or_long(calls, params, batches, where, bad, rng):
    """A sentence on the last batch, if that alone shows it: its x is small, and its text long. What is slight in an
    earlier one may have the first cause, too."""
    x, dy = batches[where]
    if where < len(SIZES) and not is_slight(bad):
        return ""
    if is_right_alone(*at_this(calls, params, x / SMALL, dy), rng):
        return (
            f" With x / {SMALL} they are right. Is the small number under the root of a norm the same, there and back?"
        )
    if where >= len(SIZES) and is_right_alone(*at_this(calls, params, x[:, : SIZES[0][1]], dy[:, : SIZES[0][1]]), rng):
        return f" With texts of {SIZES[0][1]} places they are right. What in `backward` knows how long a text is?"
    return ""


def what_is_missing(calls, params, batch, place, mine, bad, rng):
    """A sentence on what would make one of them right, if that is known."""
    x, dy = batch

    if '["x"]' in bad and place.has_gradient('["x"]', mine['["x"]'] + dy, rng):
        return " In dx, dy itself is missing: by which way does x reach y unchanged?"
    if '["x"]' in bad and place.has_gradient('["x"]', mine['["x"]'] - dy, rng):
        return " In dx, dy itself is counted once too often: by how many ways does x reach y unchanged?"
    if more := find_exchange(mine, bad, place, rng, names):
        return more
    if all(is_right_alone(*at_this(calls, params, x[i : i + 1], dy[i : i + 1]), rng) for i in range(len(x))):
        return " With a single text they are right. What becomes of the others: is there a sum, and is it one?"
    if all(is_right_alone(*at_this(calls, params, x[:, t : t + 1], dy[:, t : t + 1]), rng) for t in range(x.shape[1])):
        return " With texts of a single place they are right. What happens between the places?"
    return ""


CONSEQUENCES = (
    drawn, as_promised, goes_back, looks_back, shares, begins_by_rng, adds, bends, compared, has_heads, uses_all,
    derivatives,
)  # fmt: skip
FUNCTIONS = "first_weights", "forward", "backward"
ASKED = tuple(one for one in CONSEQUENCES if one is not goes_back)  # which looks at the calls within
GIVES = {"first_weights": ("params",), "backward": ("", "gradients")}
JUDGE = Blank(FUNCTIONS, STUB, OfBlock, CONSEQUENCES, said, "exercises.block", asked=ASKED, gives=GIVES)


# --- Run as a program -------------------------------------------------------------------------------------------------


def run(file):
    """Show how far each gradient of a file's block is from central differences."""
    x, dy = np.random.default_rng(0).normal(size=(2, *SIZES[0], C))
    with explained(file) as module:
        calls = OfBlock(module)
        params, _ = begun(calls, (x, dy), 0)
        place, mine = at_this(calls, params, x, dy)
    print("the largest relative difference from (f(+h) - f(-h)) / 2h, where f is (forward(params, x) * dy).sum()")
    for k, g in mine.items():
        if g is not None:
            array = place.arrays[k].copy()
            slopes = numerical_gradient(lambda k=k, a=array: place.loss_along({k: a - place.arrays[k]})(1), array)
            print(f"{names([k]):30} {relative_difference(g, slopes):.1e}")


if __name__ == "__main__":
    sys.exit(program.run(lambda: run(sys.argv[1])))

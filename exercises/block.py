"""Marks a block of a GPT that somebody has written from a blank file: first_weights, forward and backward.

Central differences of `forward` judge `backward` (marker/derivatives.py), whatever style the two are in. That it is
a block shows when x changes at one place: which places of y change then, and how. exercises/said.md has the sentences.
"""

import sys

from support import program

with program.needing("requirements-np.txt"):
    import numpy as np

    from exercises import own
    from exercises.words import OF_BLOCKS, explained
    from marker import ROOT
    from marker.derivatives import Place, compare, factor, matched, right_alone, root_mean_square, swapped, told
    from marker.factors import made_of
    from marker.nests import floats, replaced, shown
    from marker.trial import changed, same_bits
    from mlp_np import numerical_gradient, relative_difference

C, HEADS = 12, 3
SIZES = (3, 5), (2, 4)  # texts and places of two batches: a factor that is one of these sizes shows
FUNCTIONS = "first_weights", "forward", "backward"
STUB = ROOT / "exercises" / "chapter7" / "own_block.py"
wrong = OF_BLOCKS.wrong


def examine(module, seed, tell=lambda text: None):
    """What is said of a block that passes, as text; otherwise `Wrong`."""
    own.complete(module, FUNCTIONS, STUB)
    rng, calls = np.random.default_rng([seed, 48]), Calls(module)
    batches = [tuple(rng.normal(size=(2, B, T, C))) for B, T in SIZES]
    params, gradients = begun(calls, HEADS, batches[0], [seed, 1])
    check_forward(calls, params, batches[0][0], rng)
    check_heads(calls, batches[0], [seed, 1])
    check_backward(calls, params, batches, rng)
    numbers = sum(np.size(g) for g in gradients.values())
    arrays = f"all {len(gradients)} arrays of params, {numbers:,} numbers"
    return f"`backward` is the derivative of your `forward`, with respect to x and to {arrays}."


investigate = own.investigation(examine, "exercises.block", sentences=OF_BLOCKS)


class Calls:
    """The functions of a learner's file, each called with copies of what they must not change."""

    def __init__(self, module):
        self.functions = vars(module)

    def call(self, name, params, *arrays):
        given, kept = [a.copy() for a in arrays], replaced(params)
        found = self.functions[name](kept, *given)
        now, before = (dict(zip(("x", "dy"), some, strict=False)) for some in (given, arrays))
        for what in changed(now, before, same_bits):
            raise wrong("changes its input: of a block", name=name, what=what)
        if others := changed(floats(kept), floats(params), same_bits):
            raise wrong("changes its input: of a block", name=name, what=shown(others))
        if found is None or found is ...:
            raise wrong("returns None", name=name)
        return found

    def first_weights(self, heads, seed):
        params = self.functions["first_weights"](C, heads, np.random.default_rng(seed))
        if params is None or params is ...:
            raise wrong("returns None", name="first_weights")
        if not floats(params):
            raise wrong("no weights", what=own.kind(params))
        return params

    def forward(self, params, x):
        """y (B, T, C)."""
        y = self.call("forward", params, x)
        if not isinstance(y, np.ndarray) or y.shape != x.shape or y.dtype.kind != "f":
            raise wrong("forward of another shape", wanted=x.shape, what=own.kind(y))
        if not np.isfinite(y).all():
            raise wrong("not finite: of a block")
        return y

    def backward(self, params, x, dy):
        """dx (B, T, C), and {path: gradient as float64, or None} of the arrays of params."""
        found = self.call("backward", params, x, dy)
        if not isinstance(found, (tuple, list)) or len(found) != 2:
            what = f"{len(found)}" if isinstance(found, (tuple, list)) else f"one, {own.kind(found)}"
            raise wrong("wrong number of results: of a block", what=what)
        dx, gradients = found
        if np.shape(dx) != x.shape:
            raise wrong("dx of another shape", wanted=x.shape, what=f"of shape {np.shape(dx)}")
        arrays, gradients = floats(params), matched(params, gradients)
        if not gradients:
            raise wrong("gradients of another form: of a block", names=shown(arrays))
        for k, g in gradients.items():
            if g is not None and g.shape != arrays[k].shape:
                raise wrong("gradients of another shape", name=shown([k]), shape=arrays[k].shape, other=g.shape)
        return np.asarray(dx, np.float64), gradients


def begun(calls, heads, batch, seed):
    """Weights in the middle of a training, and the first gradients, {path: array}. What has none stays as it is."""
    params = calls.first_weights(heads, seed)
    _, gradients = calls.backward(params, *batch)
    gradients = {k: g for k, g in gradients.items() if g is not None}
    rng, arrays = np.random.default_rng(seed), {k: a for k, a in floats(params).items() if k in gradients}
    moved = {k: a + 0.3 * rng.normal(size=a.shape) * (root_mean_square(a) or 1) for k, a in arrays.items()}
    return replaced(params, moved), gradients


# --- Is it a block? ---------------------------------------------------------------------------------------------------


def check_forward(calls, params, x, rng):
    """Does a place see those before it in its own text, and none that comes later?"""
    y, (B, T, _) = calls.forward(params, x), x.shape
    if not np.array_equal(y, calls.forward(params, x)):
        raise wrong("forward by chance")
    near = 1e-9 * np.abs(y).max()
    if np.abs(calls.forward(params, x[:1]) - y[:1]).max() > near:
        raise wrong("sees other texts", n=B)
    for at in range(T):
        other = x.copy()
        other[:, at] += rng.normal(size=(B, C))
        moves = np.abs(calls.forward(params, other) - y).max(axis=(0, 2)) > near
        if moves[:at].any():
            raise wrong("sees what comes later", at=at, place=int(moves.argmax()))
        if at < T - 1 and not moves[at + 1 :].any():
            raise wrong("sees no other place", at=at)


def check_heads(calls, batch, seed):
    """With the same weights, do other heads find something else? (If other heads have other arrays, nobody knows.)"""
    one, two = (begun(calls, heads, batch, seed)[0] for heads in (HEADS, 2))
    first, second = floats(one), floats(two)
    alike = first.keys() == second.keys() and all(np.array_equal(a, second[k]) for k, a in first.items())
    if alike and np.allclose(calls.forward(one, batch[0]), calls.forward(two, batch[0]), rtol=0, atol=1e-9):
        raise wrong("heads ignored", one=HEADS, two=2)


# --- Is backward the derivative of forward? ---------------------------------------------------------------------------


def check_backward(calls, params, batches, rng):
    """Central differences of (forward(params, x) * dy).sum() say what dx and all gradients are."""
    found = []
    for x, dy in batches:
        place, mine = at_this(calls, params, x, dy)
        found.append(compare(place, mine, rng, thorough=True))
    if any(found):
        raise named(calls, params, batches, found, rng)


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
    return ", ".join(["x"] * ('["x"]' in paths) + [shown(inner)] * bool(inner))


def named(calls, params, batches, found, rng):
    """The exception that says which derivatives are wrong, one entry of them both ways, and what else is known."""
    where = next(i for i, bad in enumerate(found) if bad)
    bad, (place, mine) = found[where], at_this(calls, params, *batches[where])
    factors = [factor([one for key in bad for one in all_of.get(key, ())]) for all_of in found]
    if all(factors) and factors[where] != 1:
        more = why(factors, [len(x) for x, _ in batches])
        return wrong("gradients times a number: of a block", times=factors[where], more=more, **told(bad, mine, names))
    more = what_is_missing(calls, params, batches[where], place, mine, bad, rng)
    return wrong("other gradients: of a block", more=more, **told(bad, mine, names))


# What is asked of a factor that is this power of the number of texts.
OF_TEXTS = {
    1: " That is the number of texts. Where does it come in?",
    -1: " That is 1 / the number of texts. Is there a mean over them in (y * dy).sum()?",
}


def why(factors, texts):
    """A question about such a factor, one for each batch, if it is known."""
    if np.allclose(factors, -1, rtol=0.01):
        return " Is the sign right?"
    sign, powers = made_of(factors, {"texts": texts}, OF_TEXTS, most=1, near=0.01) or (0, {})
    return OF_TEXTS[powers["texts"]] if sign > 0 else ""


def what_is_missing(calls, params, batch, place, mine, bad, rng):
    """A sentence on what would make one of them right, if that is known."""
    x, dy = batch

    if '["x"]' in bad and place.has('["x"]', mine['["x"]'] + dy, rng):
        return " In dx, dy itself is missing: by which way does x reach y unchanged?"
    if '["x"]' in bad and place.has('["x"]', mine['["x"]'] - dy, rng):
        return " In dx, dy itself is counted once too often: by how many ways does x reach y unchanged?"
    if more := swapped(mine, bad, place, rng, names):
        return more
    if right_alone(*at_this(calls, params, x[:1], dy[:1]), rng):
        return " With a single text they are right. What becomes of the others: is there a sum, and is it one?"
    if right_alone(*at_this(calls, params, x[:, :1], dy[:, :1]), rng):
        return " With texts of a single place they are right. What happens between the places?"
    return ""


# --- Run as a program -------------------------------------------------------------------------------------------------


def run(file):
    """Show how far each gradient of a file's block is from central differences."""
    x, dy = np.random.default_rng(0).normal(size=(2, *SIZES[0], C))
    with explained(file) as module:
        calls = Calls(module)
        params, _ = begun(calls, HEADS, (x, dy), 0)
        place, mine = at_this(calls, params, x, dy)
    print("the largest relative difference from (f(+h) - f(-h)) / 2h, where f is (forward(params, x) * dy).sum()")
    for k, g in mine.items():
        if g is not None:
            array = place.arrays[k].copy()
            slopes = numerical_gradient(lambda k=k, a=array: place.along({k: a - place.arrays[k]})(1), array)
            print(f"{names([k]):30} {relative_difference(g, slopes):.1e}")


if __name__ == "__main__":
    sys.exit(program.run(lambda: run(sys.argv[1])))

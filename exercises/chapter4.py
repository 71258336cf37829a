"""Chapter 4: the transformer's layers. vit_np.py itself computes what is right."""

from types import SimpleNamespace

import numpy as np

from exercises.chapter2 import indirect_paths
from exercises.exercise import Exercise, Source, mistakes, scaled
from vit_np import Attention, LayerNorm, Softmax, merge, split


def softmax_back(weights, dweights):
    """dscores, from vit_np.Softmax."""
    layer = Softmax()
    layer.weights = weights
    return layer.backward(dweights)


def weighted(rng):
    """A softmax in the middle of attention, for one head: vit_np.Softmax itself."""
    B, T = rng.choice([3, 4, 5, 7], 2, replace=False).tolist()
    layer = Softmax()
    scores, dweights = rng.normal(0, 1.5, (B, T, T)), rng.normal(0.5, 1, (B, T, T))
    weights = layer.forward(scores)
    return SimpleNamespace(B=B, T=T, scores=scores, weights=weights, dweights=dweights,
                           dscores=layer.backward(dweights))  # fmt: skip


def weighted_sum(g, axis=-1):
    """The sum in dscores = weights (dweights - sum(dweights weights)): over a row, unless told otherwise."""
    return (g.dweights * g.weights).sum(axis=axis, keepdims=True)


ROW = "Which weights add up to 1: those of one row, of one column, of one image?"
OTHERS = "If one score of a row grows, what happens to the other weights of that row?"
SMALL = "If a weight is nearly 0, how much can its score still change?"

SOFTMAX_BACKWARD = Exercise(
    name="29_softmax_backward",
    title="Back through softmax: dscores",
    function="softmax_backward",
    takes=("dweights", "weights"),
    gives=("dscores",),
    entrywise="scores",
    givens=(weighted,),
    mistakes=(
        *mistakes(
            "dscores",
            ("the sum forgotten", OTHERS, lambda g: g.weights * g.dweights),
            ("each weight by itself, as in a sigmoid", OTHERS, lambda g: g.dweights * g.weights * (1 - g.weights)),
            ("only the slope of each weight", "Where does the loss come in? What does the chain rule multiply this by?",
             lambda g: g.weights * (1 - g.weights)),
            ("the sum over the wrong axis", ROW, lambda g: g.weights * (g.dweights - weighted_sum(g, 1))),
            ("the sum over the images", "Do two images share a softmax?",
             lambda g: g.weights * (g.dweights - weighted_sum(g, 0))),
            ("a matrix product in place of the sums",
             "Your product pairs every row of dweights with every row of weights. Which of these pairs do you need?",
             lambda g: g.weights * (g.dweights - g.dweights @ g.weights.swapaxes(1, 2))),
            ("one sum for each image", ROW, lambda g: g.weights * (g.dweights - weighted_sum(g, (1, 2)))),
            ("one sum for the whole batch", "How many softmaxes are there in a batch? How many sums do you have?",
             lambda g: g.weights * (g.dweights - weighted_sum(g, None))),
            ("a plain mean in place of the weighted one",
             "If a score grows, which weights give up most: the large ones, or all the same?",
             lambda g: g.weights * (g.dweights - g.dweights.mean(axis=-1, keepdims=True))),
            ("the sum without the weights",
             "If a score grows, which weights give up most: the large ones, or all the same?",
             lambda g: g.weights * (g.dweights - g.dweights.sum(axis=-1, keepdims=True))),
            ("the weighted sum divided by T", "What do the weights of a row add up to? What is left to divide by?",
             lambda g: g.weights * (g.dweights - weighted_sum(g) / g.T)),
            ("the last factor forgotten", SMALL, lambda g: g.dweights - weighted_sum(g)),
            ("the last factor on the first term alone",
             "If all scores of a row grow by the same number, its weights stay. What should a row of dscores add up "
             "to? What does yours?",
             lambda g: g.weights * g.dweights - weighted_sum(g)),
            ("the last factor on the sum alone", SMALL, lambda g: g.dweights - g.weights * weighted_sum(g)),
            ("the weight on the first term squared", "How often does weights[j] multiply dweights[j]? Once too often?",
             lambda g: g.weights * (g.weights * g.dweights - weighted_sum(g))),
            ("the weight's own part in the sum counted twice",
             "The sum over the row runs over j itself, too. Where else do you subtract that part?",
             lambda g: g.weights * (1 - g.weights) * g.dweights - g.weights * weighted_sum(g)),
            ("only the sum", "A score is in two places: in the sum, and where else?",
             lambda g: -g.weights * weighted_sum(g)),
            ("a plus", "If one score grows, do the other weights of that row rise or fall?",
             lambda g: g.weights * (g.dweights + weighted_sum(g))),
            ("a difference, as with the cross-entropy",
             "p - onehot belongs to a softmax and a cross-entropy together. Which loss is there here?",
             lambda g: g.weights - g.dweights),
        ),
        *scaled(
            "dscores",
            sign="If a score grows, does its own weight rise or fall?",
            over_B=("averaged over the images", "Is there a mean over the images between scores and weights?"),
        ),
    ),
    hints=(
        "Take one row. If scores[j] grows a little, what happens to weights[j]? And to each other weights[i]? (The "
        "quotient rule, once with exp(scores[j]) in the numerator and once without.)",
        "d weights[i] / d scores[j] = weights[i] (1 if i == j else 0) - weights[i] weights[j]. By the chain rule, "
        "dscores[j] is the sum over i of dweights[i] times that. What can you take out of the sum?",
        "weights times (dweights - the sum over each row of dweights * weights), entry by entry. For a number per row, "
        "axis=-1 and keepdims=True.",
    ),
    sources=(Source("vit_np.py", r"mean = row_sum\(dweights", r"return self\.weights \* ", doc=True),),
    why="Compare exercise 4: with dweights = -onehot / p / B, the derivative of the cross-entropy, these lines give "
    "(p - onehot) / B.",
    nudges={"dscores": ("scores", lambda g, scores: (Softmax().forward(scores) * g.dweights).sum())},
)  # fmt: skip


def layer_normalised(rng):
    """A layer normalisation in the middle of a network: vit_np.LayerNorm itself."""
    (B, T), C = rng.choice([2, 3, 5], 2, replace=False).tolist(), int(rng.choice([7, 9]))
    layer = LayerNorm(C)
    layer.params = {"gamma": rng.uniform(0.5, 2, C) * rng.choice([-1, 1], C), "beta": rng.normal(size=C)}
    x = rng.normal(rng.normal(0, 2, (B, T, 1)), rng.uniform(0.5, 3, (B, T, 1)), (B, T, C))
    layer.forward(x)
    dy = rng.normal(0.5, 1, (B, T, C))
    return SimpleNamespace(B=B, T=T, C=C, x=x, dy=dy, xhat=layer.xhat, inverse=layer.inverse, dx=layer.backward(dy),
                           layer=layer, **layer.params)  # fmt: skip


def norm_dx(g, mean=1.0, variance=1.0, scale=None, axis=-1, dxhat=None):
    """dx with other shares for the two indirect paths, another factor, means over other axes, or another dxhat."""
    dxhat = g.dy * g.gamma if dxhat is None else dxhat
    inner = dxhat - mean * average(dxhat, axis) - variance * g.xhat * average(dxhat * g.xhat, axis)
    return (g.inverse if scale is None else scale) * inner


def average(x, axis=-1):
    return x.mean(axis=axis, keepdims=True)


def two_means(g, first, second):
    """dx with the means of other gradients than dxhat."""
    return g.inverse * (g.dy * g.gamma - average(first) - g.xhat * average(second * g.xhat))


WHICH = "Of which gradient are the means taken: that of y, or that of xhat? Is it the same in both of your means?"
PARENTHESES = "Is there a way from x to xhat that does not lead through inverse? Look at your parentheses."
AXES = "Whose mean does the forward pass subtract: that of a patch, or that of a channel?"

LAYER_NORM = Exercise(
    name="30_layer_norm_dx",
    title="Layer normalisation's dx",
    function="layer_norm_dx",
    takes=("dy", "xhat", "gamma", "inverse"),
    gives=("dx",),
    entrywise="x",
    givens=(layer_normalised,),
    mistakes=(
        *indirect_paths(norm_dx),
        *mistakes(
            "dx",
            ("gamma outside the means",
             "In exercise 15 all values of a mean had the same gamma. Have those of a patch?",
             lambda g: norm_dx(g, scale=g.gamma * g.inverse, dxhat=g.dy)),
            ("gamma forgotten", "y = gamma xhat + beta: what is d y / d xhat?", lambda g: norm_dx(g, dxhat=g.dy)),
            ("gamma forgotten in both means", WHICH, lambda g: two_means(g, g.dy, g.dy)),
            ("gamma forgotten in the first mean", WHICH, lambda g: two_means(g, g.dy, g.dy * g.gamma)),
            ("gamma forgotten in the second mean", WHICH, lambda g: two_means(g, g.dy * g.gamma, g.dy)),
            ("divided by gamma", "y = gamma xhat + beta: what is d y / d xhat?",
             lambda g: norm_dx(g, dxhat=g.dy / g.gamma)),
            ("gamma multiplied twice", "How often does gamma come in between xhat and y?",
             lambda g: norm_dx(g, scale=g.gamma * g.inverse)),
            ("inverse forgotten", "If the inputs were all ten times as large, how would dx change?",
             lambda g: norm_dx(g, scale=1)),
            ("divided by inverse", "If the inputs were all ten times as large, how would dx change?",
             lambda g: norm_dx(g, scale=1 / g.inverse)),
            ("inverse on the first term alone", PARENTHESES,
             lambda g: norm_dx(g, scale=1) + (g.inverse - 1) * g.dy * g.gamma),
            ("inverse on all but the last term", PARENTHESES,
             lambda g: norm_dx(g, variance=0) + norm_dx(g, scale=1) - norm_dx(g, variance=0, scale=1)),
            ("inverse squared", "Is there already an inverse in xhat?", lambda g: norm_dx(g, scale=g.inverse**2)),
            ("sums where means belong", "By how much does the mean grow if one of C values grows by 1?",
             lambda g: norm_dx(g, g.C, g.C)),
            ("the sums divided by the number of patches", "How many numbers are in each of your sums?",
             lambda g: norm_dx(g, g.C / (g.B * g.T), g.C / (g.B * g.T))),
            ("the means over the images", AXES, lambda g: norm_dx(g, axis=0)),
            ("the means over the patches", AXES, lambda g: norm_dx(g, axis=1)),
            ("the means over images and patches",
             "These are batch normalisation's means. Over which axis are mean and variance taken here?",
             lambda g: norm_dx(g, axis=(0, 1))),
            ("the means of a whole image", "Do two patches of an image share their mean and variance?",
             lambda g: norm_dx(g, axis=(1, 2))),
            ("the means of the whole batch", "How many means does the forward pass take? How many do you?",
             lambda g: norm_dx(g, axis=None)),
            ("the second mean not multiplied by xhat",
             "If the variance grows, do all xhat of the patch move by the same, or the far ones more?",
             lambda g: norm_dx(g, variance=0) - g.inverse * average(g.dy * g.gamma * g.xhat)),
            ("xhat forgotten inside the second mean",
             "The loss feels the variance through every xhat of the patch. Through which one most?",
             lambda g: norm_dx(g, variance=0) - g.inverse * g.xhat * average(g.dy * g.gamma)),
        ),
        *scaled("dx", sign="What is the sign of the direct path?"),
    ),
    hints=(
        "Begin at the end: y = gamma xhat + beta, so what is dxhat? From there on each patch is alone, and x reaches "
        "xhat as in exercise 15: directly, through the mean, and through the variance.",
        "dxhat = dy gamma. Through the mean: the mean of dxhat over the channels of a patch. Through the variance: "
        "xhat times the mean of dxhat xhat. Both are subtracted from dxhat.",
        "inverse * (dxhat - mean of dxhat - xhat * mean of (dxhat * xhat)), with axis=-1 and keepdims=True for the "
        "means.",
    ),
    sources=(Source("vit_np.py", r"dxhat = dy \* gamma", r"dx \*= self\.inverse", doc=True),),
    nudges={"dx": ("x", lambda g, x: (g.layer.forward(x) * g.dy).sum())},
)  # fmt: skip


class Given:
    """Stands in the place of a linear layer: hands over an array, and keeps the gradient that comes back."""

    def __init__(self, y):
        self.y = y

    def forward(self, x):
        return self.y

    def backward(self, dy):
        self.dy = dy
        return np.zeros_like(dy)


def attention(q, k, v):
    """vit_np.Attention with q, k and v given, and with an `out` that hands `mixed` on as it is."""
    heads, width = q.shape[1], q.shape[1] * q.shape[3]
    layer = Attention(np.random.default_rng(0), width, heads)
    layer.layers |= {"query": Given(merge(q)), "key": Given(merge(k)), "value": Given(merge(v))}
    layer.layers["out"].params = {"W": np.eye(width)}
    return layer


def attended(rng):
    """Attention in the middle of a network: vit_np.Attention itself. All numbers differ."""
    (B, h), (T, d) = rng.permutation([2, 3]).tolist(), rng.permutation([5, 7]).tolist()
    q, k, v, dmixed = rng.normal(size=(4, B, h, T, d))
    layer = attention(q, k, v)
    mixed = split(layer.forward(None), h)
    layer.backward(merge(dmixed))
    dq, dk, dv = (split(layer.layers[name].dy, h) for name in ("query", "key", "value"))
    g = SimpleNamespace(B=B, h=h, T=T, d=d, q=q, k=k, v=v, weights=layer.weights, mixed=mixed, dmixed=dmixed,
                        dq=dq, dk=dk, dv=dv)  # fmt: skip
    g.dweights = dmixed @ turned(v)
    g.dscores = layer.softmax.backward(g.dweights)  # not yet divided by sqrt(d)
    return g


def turned(a):
    """Each of the matrices in the last two axes, transposed."""
    return a.swapaxes(2, 3)


def attention_loss(g, q=None, k=None, v=None):
    layer = attention(g.q if q is None else q, g.k if k is None else k, g.v if v is None else v)
    return (layer.forward(None) * merge(g.dmixed)).sum()


SIGN = "Is there a minus anywhere between q, k, v and mixed?"
ORDER = "These numbers belong to another of the three. In which order does the function return them?"


def through_scores(output, product):
    """What goes wrong on the way from dmixed to dq or dk. product(g, dscores) is the last step: dscores with k or q."""

    def after_softmax(g, dweights):
        return product(g, softmax_back(g.weights, dweights)) / np.sqrt(g.d)

    return (
        *mistakes(
            output,
            ("1 / sqrt(d) forgotten", "Which operation of the forward pass has left no trace in yours?",
             lambda g: product(g, g.dscores)),
            ("divided by sqrt(d) twice, or by d", "By what does the forward pass divide, and how often?",
             lambda g: product(g, g.dscores) / g.d),
            ("multiplied by sqrt(d)",
             "If the scores are smaller by a factor, does a step in q or k move them by more, or by less?",
             lambda g: product(g, g.dscores) * np.sqrt(g.d)),
            ("sqrt(T) in place of sqrt(d)", "Over how many products does one score sum: as many as there are patches?",
             lambda g: product(g, g.dscores) / np.sqrt(g.T)),
            ("the root of all channels", "How many numbers are there in one query of one head?",
             lambda g: product(g, g.dscores) / np.sqrt(g.h * g.d)),
            ("softmax's way back left out", "What lies between scores and weights?",
             lambda g: product(g, g.dweights) / np.sqrt(g.d)),
            ("softmax's way back and 1 / sqrt(d) left out",
             "Three operations make weights of q and k. Which of them have you gone back through?",
             lambda g: product(g, g.dweights)),
            ("softmax's way back: as in a sigmoid", OTHERS,
             lambda g: product(g, g.weights * (1 - g.weights) * g.dweights) / np.sqrt(g.d)),
            ("softmax's way back: the sum forgotten", OTHERS,
             lambda g: product(g, g.weights * g.dweights) / np.sqrt(g.d)),
            ("softmax's way back: the last factor forgotten", SMALL,
             lambda g: product(g, g.dweights - weighted_sum(g)) / np.sqrt(g.d)),
            ("softmax's way back: the sum over the wrong axis", ROW,
             lambda g: product(g, g.weights * (g.dweights - weighted_sum(g, 2))) / np.sqrt(g.d)),
            ("weights where dscores belong", "Where is a derivative in your product?",
             lambda g: product(g, g.weights) / np.sqrt(g.d)),
            ("dweights made of mixed", "mixed = weights v: by what is a weight multiplied there?",
             lambda g: after_softmax(g, g.dmixed @ turned(g.mixed))),
            ("dweights made of k", "mixed = weights v: by what is a weight multiplied there?",
             lambda g: after_softmax(g, g.dmixed @ turned(g.k))),
            ("dweights transposed",
             "weights[i, j] has a part in the mean of one patch. Which one, i or j? So which row of dmixed?",
             lambda g: after_softmax(g, g.v @ turned(g.dmixed))),
        ),
        *common(output),
    )  # fmt: skip


def common(output):
    return (
        *mistakes(
            output,
            ("the heads summed up", "Each head has its own q, k and v. Does another head's dmixed reach them?",
             lambda g: getattr(g, output).sum(axis=1)),
            ("the images summed up", "q, k and v are no parameters: each image has its own. What is there to sum?",
             lambda g: getattr(g, output).sum(axis=0)),
        ),
        *scaled(
            output, sign=SIGN, over_B=("averaged over the images", "Is there a mean over the images in the formulas?")
        ),
    )  # fmt: skip


ATTENTION = Exercise(
    name="31_attention",
    title="Back through attention: dq, dk, dv",
    function="attention_backward",
    takes=("q", "k", "v", "weights", "dmixed"),
    gives=("dq", "dk", "dv"),
    givens=(attended,),
    mistakes=(
        *through_scores("dq", lambda g, dscores: dscores @ g.k),
        *mistakes(
            "dq",
            ("q where k belongs", "What is q multiplied by in the forward pass?",
             lambda g: g.dscores @ g.q / np.sqrt(g.d)),
            ("v where k belongs", "What is q multiplied by in the forward pass?",
             lambda g: g.dscores @ g.v / np.sqrt(g.d)),
            ("dscores transposed", "Which scores has query i a part in: those of row i, or those of column i?",
             lambda g: turned(g.dscores) @ g.k / np.sqrt(g.d)),
            ("dk in the place of dq", ORDER, lambda g: g.dk),
            ("dv in the place of dq", ORDER, lambda g: g.dv),
        ),
        *through_scores("dk", lambda g, dscores: turned(dscores) @ g.q),
        *mistakes(
            "dk",
            ("dscores not transposed", "Which scores has key j a part in: those of row j, or those of column j?",
             lambda g: g.dscores @ g.q / np.sqrt(g.d)),
            ("k where q belongs", "What is k multiplied by in the forward pass?",
             lambda g: turned(g.dscores) @ g.k / np.sqrt(g.d)),
            ("v where q belongs", "What is k multiplied by in the forward pass?",
             lambda g: turned(g.dscores) @ g.v / np.sqrt(g.d)),
            ("dq in the place of dk", ORDER, lambda g: g.dq),
            ("dv in the place of dk", ORDER, lambda g: g.dv),
        ),
        *mistakes(
            "dv",
            ("the weights not transposed",
             "v[j] goes to every patch i, with weights[i, j]. So over which letter is the sum in dv[j]?",
             lambda g: g.weights @ g.dmixed),
            ("divided by sqrt(d)", "Which of the two products of the forward pass has the 1 / sqrt(d)?",
             lambda g: g.dv / np.sqrt(g.d)),
            ("the weights forgotten", "How much of v[j] does patch i take? Where is that in yours?",
             lambda g: g.dmixed),
            ("dweights where weights belong", "mixed = weights v: by what is a v multiplied there?",
             lambda g: turned(g.dweights) @ g.dmixed),
            ("dscores where weights belong", "mixed = weights v: by what is a v multiplied there?",
             lambda g: turned(g.dscores) @ g.dmixed),
            ("mixed where dmixed belongs", "Where is a derivative in your product?",
             lambda g: turned(g.weights) @ g.mixed),
            ("v where dmixed belongs", "Where is a derivative in your product?",
             lambda g: turned(g.weights) @ g.v),
            ("averaged over the patches", "One v reaches all T patches. Do the effects add up, or average?",
             lambda g: g.dv / g.T),
            ("dq in the place of dv", ORDER, lambda g: g.dq),
            ("dk in the place of dv", ORDER, lambda g: g.dk),
        ),
        *common("dv"),
    ),
    hints=(
        "mixed = weights v is a matrix product, for each image and each head. Exercises 5 and 6 went back through one, "
        "to both of its factors. Which two gradients does dmixed give you? And what is the next product on the way "
        "back?",
        "dv = weights.T dmixed, and dweights = dmixed v.T. Exercise 29 makes dscores of dweights. scores = q k.T / "
        "sqrt(d) is a product again, and dscores is the gradient of it.",
        "Divide dscores by np.sqrt(q.shape[-1]). Then dq = dscores times k, and dk = dscores, its last two axes "
        "swapped, times q.",
    ),
    sources=(
        Source("vit_np.py", r"dweights = dmixed @", r"dk = dproducts\.swapaxes", doc=True),
        Source("vit_np.py", r"self\.scale = ", r"self\.scale = "),
    ),
    why="Both products follow exercises 5 and 6: each factor's gradient is the other factor times the gradient of the "
    "product. Only softmax lies between them.",
    nudges={
        "dq": ("q", lambda g, q: attention_loss(g, q=q)),
        "dk": ("k", lambda g, k: attention_loss(g, k=k)),
        "dv": ("v", lambda g, v: attention_loss(g, v=v)),
    },
)  # fmt: skip

CHAPTER = (SOFTMAX_BACKWARD, LAYER_NORM, ATTENTION)

"""What central differences of a loss say of its gradients: each sentence has a small program of which it is so."""

import numpy as np
import pytest

from conftest import rows
from marker import derivatives
from marker.verdict import Wrong

RIGHT = """
import numpy as np

def first_weights(rng):
    return {"W": rng.normal(size=(3, 3)), "b": rng.normal(size=3), "v": rng.normal(size=3)}

def loss(params, x, y):
    a = np.tanh(x @ params["W"] + params["b"])
    return np.mean((a @ params["v"] - y) ** 2)

def gradients(params, x, y):
    a = np.tanh(x @ params["W"] + params["b"])
    dp = 2 * (a @ params["v"] - y) / len(x)
    dz = np.outer(dp, params["v"]) * (1 - a**2)
    return {"W": x.T @ dz, "b": dz.sum(axis=0), "v": a.T @ dp}
"""

# Edits of it (& between two), and what is then said of it.
SAID = r"""
return np.mean( -> np.mean( | `loss` returns None.
return np.mean( -> return ... # | `loss` returns None.
return np.mean((a @ params["v"] - y) ** 2) -> return (a @ params["v"] - y) ** 2 \
    | your `loss` returns an array of shape (6,).
return np.mean((a @ params["v"] - y) ** 2) -> return "much" | your `loss` returns of type str.
return np.mean( -> return np.sum( | with the same texts twice, it is
return np.mean( -> return np.random.random() + np.mean( | Two calls of `loss` with the same params and the same batch
return {"W": x -> {"W": x | `gradients` returns None.
return {"W": x -> return ... # | `gradients` returns None.
return {"W": x.T @ dz, "b": dz.sum(axis=0), "v": a.T @ dp} -> return "downhill" | of type str, with 0 arrays
return {"W": x.T @ dz, "b": dz.sum(axis=0), "v": a.T @ dp} -> return [x.T @ dz, dp] \
    | an array for each of params["W"], params["b"], params["v"]. It returns something of type list, with 2 arrays.
dz.sum(axis=0), "v" -> dz.sum(axis=0, keepdims=True), "v" | has the shape (3,), but its gradient has the shape (1
dp = 2 * -> params["W"] *= 1.1; params["v"] += 1; dp = 2 * | `gradients` changes params["W"], params["v"].
"b": dz.sum(axis=0), "v" -> "v" | The loss depends on params["b"], but `gradients` returns nothing for it.
a.T @ dp} -> a.T @ dp / 0} | The gradient of params["v"] contains inf or nan, although the loss is
* (1 - a**2) -> * (1 - a) \
    | `gradients` is not the derivative of your `loss` with respect to params["W"], params["b"]. With 4 texts, entry
* (1 - a**2) -> * (1 - a) | Right: params["v"].
* (1 - a**2) -> * (1 - a) | A single example already shows it
"v": a.T @ dp -> "v": -a.T @ dp | -1 times the derivative of your `loss` with respect to params["v"]. For example
"v": a.T @ dp -> "v": -a.T @ dp | Is the sign right?
/ len(x) -> / 1 \
    | your `loss` with respect to params["W"], params["b"], params["v"] (with 6 texts: 6 times).
/ len(x) -> / 1 | That is the number of texts. Is one of the two a mean over them, and the other a sum?
/ len(x) -> / len(x) ** 2 | That is 1 / the number of texts. Do you divide by their number twice?
/ len(x) -> * len(x) | That is the square of the number of texts
/ len(x) -> / 12 | It looks as if you divide by 12, however many texts there are.
/ len(x) -> / 4 | (with 4 texts: right)
/ len(x) -> / max(len(x), 6) | (with 6 texts: right)
/ len(x) -> / (len(x) // 2) | There are 2 letters for each of the texts: is it divided by the number of texts instead
= 2 * ( -> = 3 * ( | Was it 1.5 by mistake?
"W": x.T @ dz -> "W": dz.T @ x | The gradients of params["W"] would be right if they were transposed.
"b": dz.sum(axis=0), "v": a.T @ dp -> "b": a.T @ dp, "v": dz.sum(axis=0) \
    | would be right as the gradients of params["v"].
x.T @ dz, -> x.T @ dz + 0.02 * params["W"], \
    | The difference is 0.02 times the weights: does `gradients` have weight decay
) ** 2) -> ) ** 2) + 0.01 * (params["W"] ** 2).sum() | does `loss` have weight decay, and `gradients` none
return {"W": x -> kept.append({"W": x & dp} -> dp}); return kept[0] & import numpy -> kept = []\nimport numpy \
    | left over from an earlier call?
x.T @ dz, -> np.outer(x[0], dz[0]), | With only one of the texts, they are right.
"""


def judged(edits, sizes=(4, 6)):
    """What is said of the program with these edits, for batches of these sizes; "" if it is right."""
    text = RIGHT
    for edit in filter(None, edits.split(" & ")):
        old, new = edit.split(" -> ")
        assert old in text, old
        text = text.replace(old, new.replace("\\n", "\n"))
    exec(text, program := {})
    rng = np.random.default_rng(1)
    batches = [(rng.normal(size=(n, 3)), rng.normal(size=n)) for n in sizes]
    params, terms = program["first_weights"](rng), {"letters": lambda x, y: len(x), "texts": lambda x, y: len(x) // 2}
    try:
        derivatives.compute_checked_loss(program["loss"], params, batches[1], "texts")
        asks = {1.5: "Was it 1.5 by mistake?"}
        how = {"examples_name": "texts", "term_counters": terms, "factor_questions": asks}
        derivatives.compute_checked_gradients(program["loss"], program["gradients"], params, batches, rng, **how)
    except Wrong as error:
        return str(error)
    return ""


def test_right_gradients_are_right_by_their_names_or_in_their_order():
    named = '{"W": x.T @ dz, "b": dz.sum(axis=0), "v": a.T @ dp}'
    assert judged("") == judged(f"{named} -> [x.T @ dz, dz.sum(axis=0), a.T @ dp]") == ""


def test_where_all_batches_have_one_size_nothing_is_said_of_a_constant():
    found = judged("/ len(x) -> / 12", sizes=(6, 6))
    assert "0.5 times the derivative" in found and "As if" not in found, found


def test_what_no_step_can_move_is_said():
    for params, words in ((np.arange(3), "`params` is of numbers of type int64"), ("W", "`params` is of type str")):
        with pytest.raises(Wrong, match=words):
            derivatives.compute_checked_gradients(
                lambda *given: 0.0, lambda params, x: params, params, [(np.ones(2),)], None
            )


@pytest.mark.parametrize(("edits", "words"), [*rows(SAID)])
def test_what_is_said_of_gradients_is_so(edits, words):
    assert words in (found := judged(edits)), found

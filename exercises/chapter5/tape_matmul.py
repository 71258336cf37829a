"""A matrix product on the tape.

The product of two matrices has two parents, so it gets two pairs:

    Tensor(value, (a, VJP for a), (b, VJP for b))

But in x @ W1, the images x are a constant: a plain array, not a Tensor. Nobody needs the gradient of a constant, so it
gets no pair. This saves the largest matrix product of the backward pass. In this exercise, b is a Tensor, and a may be
a Tensor or an array.

    a      a Tensor or a plain array; value_of(a) is its array (B, H) in both cases
    b      a Tensor; value_of(b) is (H, K)
    play   a function: play(y) draws a random gradient dy and runs the backward pass. It returns the value of y, and the
           gradients that arrive at a and b (zeros, if no pair leads there).
"""

import numpy as np

from exercises.tape import Tensor, value_of


def matmul(a, b, play):
    """Record y = a @ b. Return its value (B, K), da (B, H) and db (H, K)."""
    # y = ...  # this may take several lines; isinstance(a, Tensor) says whether a is one
    left, right = value_of(a), value_of(b)
    edges = [(a, lambda dy: dy @ right.T), (b, lambda dy: left.T @ dy)]
    y = Tensor(left @ right, *(edge for edge in edges if isinstance(edge[0], Tensor)))
    # handed out:
    value, da, db = play(y)
    return value, da, db


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial
from types import SimpleNamespace

from exercises import chapter5, tape


def draw(rng, constant):
    """Draw two matrices, dy of their product, and the product. constant: the first one is a constant, not a Tensor."""
    B, H, K = rng.choice([3, 4, 5, 7], 3, replace=False).tolist()
    a = rng.normal(size=(B, H))
    b = rng.normal(size=(H, K))
    dy = rng.normal(size=(B, K))
    g = SimpleNamespace(B=B, H=H, K=K, a=a, b=b, dy=dy, constant=constant, value=np.einsum("bh,hk->bk", a, b))
    g.Tensor = tape.Tensor
    g.value_of = tape.value_of
    if constant:
        g.da = np.zeros_like(a)
        g.constants = ["a"]
    return g


def loss(a, b, dy):
    return (a @ b * dy).sum()


INPUTS = [partial(draw, constant=True), partial(draw, constant=False)]
LOSS = {"a": loss, "b": loss}
EXCHANGED = "Which VJP belongs to which parent?"
ARGUMENTS = chapter5.make_operation_arguments

HINTS = """
1. You have written both VJPs before: logits = a1 @ W2 has the parents a1 and W2, and you computed their
   gradients in `da1` and `dW2_db2`. How do you leave out the pair for a if a is a plain array?
2. The VJP for a returns dy @ (b transposed), and the VJP for b returns (a transposed) @ dy. Check the shapes: da is (B,
   H), computed from (B, K) and (H, K). With `if isinstance(a, Tensor)`, you decide whether y gets two pairs or one.
3. Make a list of both pairs, keep only those whose parent is a Tensor, and pass them on: Tensor(left @ right, *pairs).
   An example of an operand that is not a Tensor is the 3 in 3 * u, in the docs.
"""

MISTAKES = """
the parents swapped | [(a, lambda dy: dy @ right.T), (b, -> [(b, lambda dy: dy @ right.T), (a,
    Which VJP belongs to which parent? The result of a VJP has the shape of its own parent.
only one parent, though both are Tensors | for edge in edges if isinstance(edge[0], Tensor) -> for edge in edges[1:]
    If a is also a Tensor, how does the backward pass find it?
only one parent: a | for edge in edges if isinstance(edge[0], Tensor) -> for edge in edges[:1] if isinstance(edge[0],
        Tensor)
    How does the backward pass find b?
the parents forgotten | , *(edge for edge in edges if isinstance(edge[0], Tensor)) ->
    y does not say how it was computed. How should the backward pass find its parents?
"""

DOCS = 'docs/autograd.md, "The network on the tape"'
LINE = "autograd_np.py: def __matmul__"

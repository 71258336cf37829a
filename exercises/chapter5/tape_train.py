"""Train with your own tape.

Below is a tape with gaps. Fill them with your code from the other exercises of this chapter. Then write `train`, which
contains no derivatives:

    z1 = x @ W1 + b1
    r1 = max(z1, 0) + b1
    a1 = max(r1, 0) + z1    (z1 is used twice, and one of its paths to the loss is longer than the other)
    logits = a1 @ W2 + b2
    loss = cross_entropy(logits, y)

Each step computes this on the tape, runs the backward pass, and updates W1, b1, W2 and b2: p - lr * (its gradient).

    x (B, D)   the images, a constant        W1 (D, H), b1 (H,), W2 (H, 10), b2 (10,)   arrays, no Tensors yet
    y (B,)     their digits                  lr, steps                                  numbers

Once your code has passed, run the file: it trains a network on digits.
"""

from itertools import count

import numpy as np

import mlp_np


class Tensor:
    numbers = count()

    def __init__(self, value, *edges):
        """Pairs whose parent is a constant are left out here, so your operations need not check for them."""
        self.value, self.grad = value, None
        self.edges = [(parent, share) for parent, share in edges if isinstance(parent, Tensor)]
        self.number = next(Tensor.numbers)


def train(x, y, W1, b1, W2, b2, lr, steps):
    """Return W1, b1, W2 and b2 after that many steps, as arrays."""

    # W1 = ...  # a loop over the steps, in place of these four lines
    # b1 = ...
    # W2 = ...
    # b2 = ...
    def matmul(a, b):
        left = getattr(a, "value", a)
        right = b.value
        return Tensor(left @ right, (a, lambda dy: dy @ right.T), (b, lambda dy: left.T @ dy))

    def add(a, b):
        missing = tuple(range(a.value.ndim - b.value.ndim))
        return Tensor(a.value + b.value, (a, lambda dy: dy), (b, lambda dy: dy.sum(axis=missing)))

    def relu(a):
        return Tensor(np.maximum(a.value, 0), (a, lambda dy: dy * (a.value > 0)))

    def order(loss):
        found = {loss}
        while more := {parent for node in found for parent, _ in node.edges if hasattr(parent, "edges")} - found:
            found |= more
        return sorted(found, key=lambda node: -node.number)

    def backward(loss):
        loss.grad = np.ones_like(loss.value)
        for node in order(loss):
            for parent, share in node.edges:
                if hasattr(parent, "edges"):
                    dparent = share(node.grad)
                    parent.grad = dparent if parent.grad is None else parent.grad + dparent

    weights = [Tensor(p) for p in (W1, b1, W2, b2)]
    for _ in range(steps):
        z1 = add(matmul(x, weights[0]), weights[1])
        a1 = add(relu(add(relu(z1), weights[1])), z1)
        backward(cross_entropy(add(matmul(a1, weights[2]), weights[3]), y))
        for w in weights:
            w.value = w.value - lr * w.grad
            w.grad = None
    W1, b1, W2, b2 = (w.value for w in weights)
    return W1, b1, W2, b2


def matmul(a, b):
    """a, a Tensor or an array, and a Tensor b -> a Tensor."""
    raise NotImplementedError("put your code from `tape_matmul` here")


def add(a, b):
    """Two Tensors -> a Tensor. b may have fewer axes than a."""
    raise NotImplementedError("a sum has two VJPs; one of them needs your code from `tape_broadcast`")


def relu(a):
    """A Tensor -> a Tensor."""
    raise NotImplementedError("put your code from `tape_relu` here")


def order(loss):
    """A node -> the list of all nodes that it was computed from, in an order for the backward pass."""
    raise NotImplementedError("put your code from `tape_order` here")


def backward(loss):
    """Fill in the gradients of all nodes that the loss was computed from."""
    raise NotImplementedError("put your code from `tape_backward` here")


def cross_entropy(logits, y):
    """Return the loss as a Tensor. logits: a Tensor (B, 10). y: the true digits. mlp_np.py derives its VJP."""
    loss, dlogits = mlp_np.softmax_cross_entropy(logits.value, y)
    return Tensor(loss, (logits, lambda dy: dy * dlogits))


if __name__ == "__main__":
    from exercises.digits import few_digits

    x, y, x_test, y_test = few_digits()
    rng, params = np.random.default_rng(0), mlp_np.MLP(64).params.values()
    for epoch in range(1, 7):
        for batch in rng.permutation(len(x)).reshape(-1, 100):
            params = train(x[batch], y[batch], *params, lr=0.1, steps=1)
        W1, b1, W2, b2 = params
        z1 = x_test @ W1 + b1
        a1 = np.maximum(np.maximum(z1, 0) + b1, 0) + z1
        right = (a1 @ W2 + b2).argmax(axis=1) == y_test
        print(f"epoch {epoch}: of {len(right):,} test digits, your tape's network reads {right.mean():.1%}")


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from functools import partial

from exercises import chapter5

INPUTS = [chapter5.draw_training, partial(chapter5.draw_training, near_zero=True)]
TOOL = chapter5.TAPE
RUNS = "now let it learn to read"
ARGUMENTS = chapter5.make_train_arguments

HINTS = """
1. In each step, turn the four arrays into Tensors, compute the loss with your operations, call backward(loss), and then
   update the arrays. Which object stores the gradient of W1?
2. Write W1t = Tensor(W1), and likewise for the other three. Then z1 = add(matmul(x, W1t), b1t), and so on up to loss =
   cross_entropy(logits, y). After backward(loss), W1 = W1t.value - lr * W1t.grad. Put all of this into a loop: for step
   in range(steps).
3. If you make new Tensors in each step, their gradients start as None. If you make them before the loop, set their
   gradients to None after each step; otherwise, each loss adds to the gradients of the losses before it. (In PyTorch,
   this is zero_grad.)
"""

MISTAKES = """
the gradients of earlier steps kept | w.grad = None -> pass
    What is in W1's gradient before the second step? What does backward do with it? (In PyTorch: optimizer.zero_grad().)
the Tensors keep the weights of the beginning | w.value = w.value -> w.moved = w.value & w.grad = None -> pass &
        (w.value for -> (w.moved for
    Each step begins where the previous one ended. Which arrays are in your Tensors in the second step?
nothing has moved | - lr * w.grad ->
    Are these still the initial weights? Which of your lines changes them?
uphill | - lr -> + lr
    Does the loss rise or fall along its gradient?
the learning rate forgotten | lr * ->
    How far does a step go?
one step only | range(steps) -> range(1)
    How many steps should it take? Is the return inside the loop? Or do your Tensors still hold the initial weights?
one step too few | range(steps) -> range(steps - 1)
one step too many | range(steps) -> range(steps + 1)
    How many steps should it take?
the ReLU left out | add(relu(z1), weights -> add(z1, weights
the ReLU left out | relu(add(relu(z1), weights[1])) -> add(relu(z1), weights[1])
    What is between z1 and the second layer? The formulas contain max twice.
the broadcast not summed | dy.sum(axis=missing) -> dy
    `add` repeats b1 in every row. What is the shape of b1? And what is the shape of your gradient?
a use of z1 forgotten | add(relu(add(relu(z1), weights[1])), z1) -> relu(add(relu(z1), weights[1]))
    a1 = max(r1, 0) + z1. Where is the last z1 in your code?
a use of b1 forgotten | relu(add(relu(z1), weights[1])) -> relu(relu(z1))
    r1 = max(z1, 0) + b1. Where is the second b1 in your code?
overwritten in place of added | dparent if parent.grad is None else parent.grad + dparent -> dparent
    z1 is used twice. What does the second contribution do to the first in your code?
visited too early | found = {loss} -> found, levels = {loss}, [loss] & found |= more -> found |= more; levels += more &
        return sorted(found, key=lambda node: -node.number) -> return levels
    A node passes its gradient on only once, so all contributions must have arrived before that. Which does your
    backward pass visit first, z1 or r1? (A node close to the loss may have to wait for one that is further away.)
the ReLU has no parent | , (a, lambda dy: dy * (a.value > 0)) ->
    The y of your ReLU does not say how it was computed. How should the backward pass find z1?
the mask forgotten | dy * (a.value > 0) -> dy
    Does the VJP in your relu use the entries where a was positive?
the first layer's weights never move | for w in weights: -> for w in weights[1:]:
the biases never move | for w in weights: -> for w in weights[::2]:
the first layer never moves | for w in weights: -> for w in weights[2:]:
the second layer never moves | for w in weights: -> for w in weights[:2]:
    Which of the four arrays have you updated?
the walk does not begin with 1 | np.ones_like(loss.value) -> loss.value
    What is the derivative of the loss with respect to itself?
"""

ON_DIGITS = """
If you run the file as a program, it reaches about 85 %. That is not the tape's fault: it takes 240 steps on 4,000
images, without momentum, whereas main_np.py takes 2,340 steps on 60,000 images. With handwritten derivatives, the same
steps would reach the same accuracy.
"""
WHY = """
Your file is now an autograd: for the network, you wrote only the forward pass. autograd_np.py has the same parts and a
few more operations, and it uses the operators + and @ instead of your functions.
"""
DOCS = 'docs/autograd.md, "The network on the tape"'
LINE = "mlp_autograd.py: self.logits ="

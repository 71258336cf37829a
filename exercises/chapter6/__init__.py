"""What a network that writes has more than one that reads. gpt_np.py itself computes what is right."""

from functools import partial
from types import SimpleNamespace

import numpy as np

from gpt_np import CausalSoftmax, Embedding, next_words


def sizes_of(rng, number, smallest=3):
    """This many sizes, no two of them alike."""
    return (smallest + rng.permutation(number + 3)[:number]).tolist()


def looked_up(rng):
    """An embedding in the middle of a training. Some words occur several times, and some not at all."""
    B, T, V, C = sizes_of(rng, 4)
    layer, dy = Embedding(rng, V, C), rng.normal(size=(B, T, C))
    x = rng.integers(1, V, (B, T))  # word 0 occurs nowhere
    x[:, 1] = x[:, 0]  # another twice in each text
    E = layer.params["E"]
    layer.forward(x)
    layer.backward(dy)
    loss = {"E": lambda E: (E[x] * dy).sum()}
    return SimpleNamespace(B=B, T=T, V=V, C=C, E=E, x=x, dy=dy, dE=layer.grads["E"], losses=loss)


def hidden(rng):
    """Scores of which those that belong to later places are not small: a look at them shows."""
    B, T = sizes_of(rng, 2)
    scores = rng.normal(0, 1.5, (B, T, T)) + np.triu(rng.uniform(1, 3, (T, T)), 1)
    return SimpleNamespace(B=B, T=T, scores=scores, weights=CausalSoftmax().forward(scores))


def texts(rng):
    """Images in words, and which digits they are."""
    (B, T), V = sizes_of(rng, 2, smallest=4), int(rng.integers(20, 40))
    patches, digits = rng.integers(0, V, (B, T)), rng.integers(0, 10, B)
    x = np.column_stack([V + digits, patches[:, :-1]])
    return SimpleNamespace(B=B, T=T, V=V, patches=patches, digits=digits, x=x, y=patches.copy())


def drawn(rng, temperature=None):
    """What a network says about the next word of many texts, and the numbers that decide. None: some temperature."""
    V, B = int(rng.integers(5, 9)), int(rng.integers(40, 60))
    temperature = float(rng.choice([0.4, 0.6, 1.7])) if temperature is None else temperature
    logits, u = rng.normal(0, 1.5, (B, V)), rng.random(B)
    return SimpleNamespace(B=B, V=V, logits=logits, temperature=temperature, u=u,
                           words=next_words(logits, temperature, u))  # fmt: skip


DRAWN = [drawn, partial(drawn, temperature=1.0), partial(drawn, temperature=0.0)]

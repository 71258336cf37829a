"""Your own network that writes names, from a blank file.

Write a whole network that continues a name: its logits, its derivatives, its training, and the generation of names. You
choose its layers: attention, a mean of the earlier letters, or the last few letters side by side.

    texts (N, 12)    uint8: surnames. 1 is a, 2 is b, ... 26 is z, and 0 is the end of a name, followed by more 0s
    params           the weights of your network: arrays and numbers, in any tuples, lists and dicts
    rng              the source of random numbers: rng.normal, rng.permutation, rng.choice ... (np.random.default_rng)

logits[n, t] contains 27 scores for the token at position t of text n. They may depend on the tokens at 0, ..., t - 1 of
that text, and on nothing else. The loss is the mean of -log p of the right tokens, where p is softmax(logits). The mean
runs over the letters of all these names, and over one end for each name of fewer than 12 letters. This is the loss per
letter.

No function may change the arrays that it is given. The marker takes central differences of your `loss`. It calls
`train` a few times, with 4,000 names. All of this may take 40 seconds of computing time, so one training run should
take a few seconds. Then it computes the loss on 1,000 new names from your `logits`. This loss must be lower by 0.02
than the loss of a table that counts which letter follows which, and the loss that you claim must be within 0.08 of it.
How large is the loss on names that your network has never seen? Find out inside `train`.
"""

import numpy as np


def logits(params, texts):
    """Return the scores of the 27 tokens at each position, (N, 12, 27)."""
    ...


def loss(params, texts):
    """Return the mean loss per letter, a number."""
    ...


def gradients(params, texts):
    """Return the derivative of the loss with respect to each array, in the form of params. (None for a constant.)"""
    ...


def train(texts, rng):
    """Return params, all that `write` needs, and the loss per letter that you claim for new names.

    The training steps must use `gradients`.
    """
    ...


def write(params, letters, rng):
    """Return a list of names, one for each string in the list `letters`. The name begins with that string, which may be
    "".

    Use rng to draw each further letter with the probabilities softmax(logits), until it draws the end or there are 12
    letters.
    """
    ...


# ---- what follows is not handed out ----------------------------------------------------------------------------------
from exercises import writer

EXPERIMENTS = writer.JUDGE.make_exercise_kind()
RUNS = "now let it learn to write"
NEEDS = "all the names"


def answer():
    def first_weights(rng):
        C, H = 32, 128
        shapes = {"E": (28, C), "P": (12, C), "Q": (C, C), "K": (C, C), "V": (C, C), "W1": (C, H), "W2": (H, 27)}
        params = {name: rng.normal(0, 1 / np.sqrt(shape[0]), shape) for name, shape in shapes.items()}
        return params | {"b1": np.zeros(H), "b2": np.zeros(27)}

    def softmax(scores):
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)

    def forward(params, texts):
        E, P, Q, K, V, W1, W2, b1, b2 = params.values()
        x = np.full(texts.shape, 27)  # token 27 starts a text; then each position gets the token before it
        x[:, 1:] = texts[:, :-1]
        h = E[x] + P
        q, k, v = h @ Q, h @ K, h @ V
        scores = q @ k.swapaxes(1, 2) / np.sqrt(len(Q))
        weights = softmax(np.where(np.tri(12, dtype=bool), scores, -np.inf))
        m = h + weights @ v
        a1 = np.maximum(m @ W1 + b1, 0)
        return x, h, q, k, v, weights, m, a1, a1 @ W2 + b2

    def logits(params, texts):
        return forward(params, texts)[-1]

    def shares(texts):
        counts = np.ones(texts.shape)
        counts[:, 1:] = texts[:, :-1] != 0  # a letter, or the first end
        return counts / counts.sum()

    def loss(params, texts):
        p = softmax(logits(params, texts))
        right = np.take_along_axis(p, texts[:, :, np.newaxis].astype(int), axis=2)[:, :, 0]
        return -(shares(texts) * np.log(right)).sum()

    def gradients(params, texts):
        x, h, q, k, v, weights, m, a1, scores = forward(params, texts)
        _, _, Q, K, V, W1, W2, _, _ = params.values()
        dlogits = (softmax(scores) - np.eye(27)[texts]) * shares(texts)[:, :, np.newaxis]
        dz1 = dlogits @ W2.T * (a1 > 0)
        dm = dz1 @ W1.T
        dv = weights.swapaxes(1, 2) @ dm
        dweights = dm @ v.swapaxes(1, 2)
        dscores = weights * (dweights - (weights * dweights).sum(axis=2, keepdims=True)) / np.sqrt(len(Q))
        dq, dk = dscores @ k, dscores.swapaxes(1, 2) @ q
        dh = dm + dq @ Q.T + dk @ K.T + dv @ V.T
        dE = np.zeros(params["E"].shape)
        np.add.at(dE, x, dh)

        def product(a, b):
            return a.reshape(-1, a.shape[2]).T @ b.reshape(-1, b.shape[2])

        return {
            "E": dE, "P": dh.sum(axis=0), "Q": product(h, dq), "K": product(h, dk), "V": product(h, dv),
            "W1": product(m, dz1), "b1": dz1.sum(axis=(0, 1)), "W2": product(a1, dlogits),
            "b2": dlogits.sum(axis=(0, 1)),
        }  # fmt: skip

    def train(texts, rng):
        tested, known = np.split(rng.permutation(len(texts)), [len(texts) // 10])  # a tenth is kept aside
        params = first_weights(rng)
        mean, square = ({name: 0 * p for name, p in params.items()} for _ in range(2))
        t, epochs, steps = 0, 10, len(known) // 64
        for epoch in range(epochs):
            for batch in np.array_split(rng.permutation(known), steps):
                t += 1
                lr = 0.004 * (1 - t / (epochs * steps + 1))
                for name, dp in gradients(params, texts[batch]).items():  # Adam
                    mean[name] = 0.9 * mean[name] + 0.1 * dp
                    square[name] = 0.99 * square[name] + 0.01 * dp**2
                    size = np.sqrt(square[name] / (1 - 0.99**t)) + 1e-8
                    params[name] = params[name] - lr * mean[name] / (1 - 0.9**t) / size
        return params, loss(params, texts[tested])

    def write(params, letters, rng):
        names = []
        for begun in letters:
            text = np.zeros((1, 12), int)
            text[0, : len(begun)] = [ord(letter) - 96 for letter in begun]
            for t in range(len(begun), 12):
                text[0, t] = rng.choice(27, p=softmax(logits(params, text)[0, t]))
                if text[0, t] == 0:
                    break
            names.append("".join(chr(96 + word) for word in text[0] if word))
        return names

    return logits, loss, gradients, train, write


HINTS = """
1. What may a position see? Make x, the texts shifted by one position: each text starts with a new token, 27, and its
   last token is left out. Any network that looks only at x[:, t] and earlier tokens gives fair scores for texts[:, t].
   Start with a table: a row E[x] of 32 numbers for each token, then a hidden layer, then 27 scores. That network sees
   one letter, so it can do no better than counting. Let a position see more: the rows of the last three letters, side
   by side.
2. Which positions count in the loss? The first one, and each position where the token before it is not 0. Let `shares`
   be 1 / (the number of these positions) there, and 0 elsewhere. Then the loss is the sum of -shares log p, and dlogits
   is (p - onehot) shares. The first loss should be near log 27 = 3.30. For the gradient of the table, use np.add.at(dE,
   x, dh).
3. Set a tenth of the names aside. Ten epochs in batches of 64, with Adam and a learning rate that falls from 0.004 to
   0, are enough. At the end, claim the loss on the tenth that you set aside. To write a name, start with zeros after
   the given letters, and put rng.choice(27, p=softmax(logits(params, text)[0, t])) at position t, for each t in turn.
"""

WHY = """
This is the attention of gpt_np.py, with one head and one block. Whatever `write` has put after position t does no harm,
because the mask hides it. A network with the last few letters side by side is simpler, but it sees only those letters.
"""
DOCS = 'docs/sampling.md, "From a blank file"'

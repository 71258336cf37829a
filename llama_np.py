"""The network of today's language models by hand: what Llama, Mistral and SmolLM have where a GPT has others.

After Touvron et al. 2023 (LLaMA: Open and Efficient Foundation Language Models). It is the network of gpt_np.py, and
four things in it are others:

    RMSNorm            divides by the size of the numbers, and subtracts no mean (Zhang & Sennrich 2019)
    rotary positions   queries and keys are turned by their place, and nothing is added (Su et al. 2021)
    shared keys        several heads of queries share one head of keys and values (Ainslie et al. 2023)
    SwiGLU             one linear layer opens and closes the gates of another (Shazeer 2020)

There are no biases, and the table of the embedding is also the last layer (Press & Wolf 2017):

    embed      a row of a table E for each word                      (B, T)     -> (B, T, 64)
    block 1-2  x + attention(norm(x)), then x + mlp(norm(x))         (B, T, 64) -> (B, T, 64)
    norm       every place with a mean square of 1                   (B, T, 64) -> (B, T, 64)
    linear     logits: the dot product with each word's row of E     (B, T, 64) -> (B, T, V)

It learns what the GPT learns, texts, names and digits, by the same loss. And since it is the network that people use,
it can hold the weights of one: `python write.py "What is gravity?" --weights FILE.gguf`. llama_torch.py is the same
network in PyTorch.

`python llama_np.py` checks every layer against the definition of the derivative, and what it writes against `forward`.

Shapes: B texts, T places (words) in each, V words to choose from, C channels, H units inside the MLP; h heads of
queries with d = C / h channels each, s heads of keys and values, and g = h / s heads of queries that share one.
"""

import numpy as np

from gpt_np import CausalSoftmax, Embedding, check_decoding, check_sampling, next_words
from layers_np import Linear, Network, channel_sum, check_layers, row_sum, walk
from vit_np import Block, merge, softmax, split


class RMSNorm:
    """Every place divided by the root of its mean square, then each channel scaled by gamma.

    Layer normalisation (vit_np.py) subtracts the mean first. Here the mean stays, and so there is no beta either: it is
    one pass over the numbers less, and networks learn as well (Zhang & Sennrich 2019).
    """

    def __init__(self, width, eps=1e-5):
        self.params, self.eps = {"gamma": np.ones(width)}, eps

    def forward(self, x):
        """x (B, T, C) -> y of the same shape. The mean runs over the C channels of each place."""
        gamma = self.params["gamma"]
        self.inverse = 1 / np.sqrt(row_sum(x**2) / len(gamma) + self.eps)  # (B, T, 1)
        self.xhat = x * self.inverse  # (B, T, C)
        return gamma * self.xhat

    def backward(self, dy):
        """dy -> dx, both (B, T, C).

        y = gamma xhat, so dgamma = sum dy xhat over all places, and dxhat = dy gamma. x reaches xhat = x inverse in two
        ways: directly, and through inverse = (mean(x^2) + eps)^(-1/2), whose derivative with respect to x[j] is
        -inverse^3 x[j] / C = -inverse^2 xhat[j] / C. So

            dx[j] = inverse dxhat[j] - sum over i of dxhat[i] x[i] inverse^2 xhat[j] / C
                  = inverse (dxhat[j] - xhat[j] mean(dxhat xhat))

        which is dxhat without its part along xhat: a longer x gives the same xhat. In layer normalisation one direction
        more is taken out, that of 1, because there the mean was subtracted.
        """
        gamma = self.params["gamma"]
        self.grads = {"gamma": channel_sum(dy * self.xhat)}
        dxhat = dy * gamma
        along_xhat = row_sum(dxhat * self.xhat) / len(gamma)  # (B, T, 1)
        return self.inverse * (dxhat - self.xhat * along_xhat)


class Rotation:
    """Turns the channels of each place, two by two, by angles that grow with the place: rotary positions.

    Channels 2 i and 2 i + 1 are a point in a plane. At place t it is turned about 0 by the angle t base^(-2 i / d): the
    first pair by t itself, which is a full turn every 6 places, and each next pair more slowly.

    Why that tells where a word is: a dot product of two points depends on the angle between them. Turned by t and by u,
    they have the angle that they had, plus t - u. So q . k depends on how far the two words are apart, and on nothing
    else of their places: what a head has learned about the word before holds anywhere in a text.
    """

    def __init__(self, base=10_000):
        self.base = base

    def forward(self, x, place=0):
        """x (..., T, d) -> y of the same shape. place: that of the first of the T rows."""
        *_, T, d = x.shape
        angles = np.arange(place, place + T)[:, np.newaxis] * self.base ** (-np.arange(0, d, 2) / d)  # (T, d / 2)
        self.cos, self.sin = np.cos(angles).astype(x.dtype), np.sin(angles).astype(x.dtype)
        return turned(x, self.cos, self.sin)

    def backward(self, dy):
        """dy -> dx, both (..., T, d).

        y[0] = x[0] cos - x[1] sin and y[1] = x[0] sin + x[1] cos. Along both ways of x[0] and of x[1],

            dx[0] = dy[0] cos + dy[1] sin        dx[1] = -dy[0] sin + dy[1] cos

        which is the same turn with -sin for sin: back by the same angle.
        """
        return turned(dy, self.cos, -self.sin)


def turned(x, cos, sin):
    """The points (x[..., 2 i], x[..., 2 i + 1]) turned by angles with these cosines and sines (T, d / 2)."""
    first, second = x[..., ::2], x[..., 1::2]  # (..., T, d / 2)
    y = np.empty_like(x)
    y[..., ::2] = first * cos - second * sin
    y[..., 1::2] = first * sin + second * cos
    return y


class SharedAttention:
    """CausalAttention of gpt_np.py with turned queries and keys, and with fewer heads of keys and values than queries.

    Why share: a writer keeps all keys and values, and reads them for each new word. With a third of the heads they take
    a third of the memory and of the time. Queries are not kept, and each head still looks for something of its own.

    Head j of the queries uses head j // g of the keys. So the g heads that share one stand side by side, and can be
    read as one head with g T queries: the products below are then those of the GPT.
    """

    def __init__(self, rng, width, heads, keys, base=10_000):
        d = width // heads
        self.heads, self.keys, self.scale = heads, keys, d**-0.5  # 1 / sqrt(d)
        self.layers = {
            "query": Linear(rng, width, width, bias=False),
            "key": Linear(rng, width, keys * d, bias=False),
            "value": Linear(rng, width, keys * d, bias=False),
            "out": Linear(rng, width, width, bias=False),
        }
        self.turn_q, self.turn_k, self.softmax = Rotation(base), Rotation(base), CausalSoftmax()

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        query, key, value, out = self.layers.values()
        q = self.turn_q.forward(split(query.forward(x), self.heads))  # (B, h, T, d)
        self.k = self.turn_k.forward(split(key.forward(x), self.keys))  # (B, s, T, d)
        self.v = split(value.forward(x), self.keys)  # (B, s, T, d)
        self.q = shared(q, self.keys)  # (B, s, g T, d)
        products = self.q @ self.k.swapaxes(2, 3)  # (B, s, g T, T): every query with every key of its head
        self.weights = self.softmax.forward(apart(products, self.heads) * self.scale)  # (B, h, T, T)
        mixed = shared(self.weights, self.keys) @ self.v  # (B, s, g T, d)
        return out.forward(merge(apart(mixed, self.heads)))

    def backward(self, dy):
        """dy -> dx, both (B, T, C).

        The products are those of Attention in vit_np.py, and so are their derivatives. Two things are new. A key is
        used by the queries of g heads: dk = dproducts.T q is a sum over all g T of them, because along several ways we
        add; and dv = weights.T dmixed in the same way. And what was turned on the way forward is turned back.
        """
        query, key, value, out = self.layers.values()
        dmixed = shared(split(out.backward(dy), self.heads), self.keys)  # (B, s, g T, d)
        dweights = dmixed @ self.v.swapaxes(2, 3)  # (B, s, g T, T)
        dv = shared(self.weights, self.keys).swapaxes(2, 3) @ dmixed  # (B, s, T, d)
        dscores = self.softmax.backward(apart(dweights, self.heads))  # (B, h, T, T)
        dproducts = shared(dscores * self.scale, self.keys)  # (B, s, g T, T)
        dq = self.turn_q.backward(apart(dproducts @ self.k, self.heads))  # (B, h, T, d)
        dk = self.turn_k.backward(dproducts.swapaxes(2, 3) @ self.q)  # (B, s, T, d)
        return query.backward(merge(dq)) + key.backward(merge(dk)) + value.backward(merge(dv))

    def next(self, x, place):
        """As forward, for n more words from this place on: x (B, n, C) -> y (B, n, C), with the keys and values kept.

        As in gpt_np.py; a key is kept turned, for its place stays what it is. The first of the n words sees the `place`
        words before it and itself, the next one word more, and so on.
        """
        query, key, value, out = self.layers.values()
        q = self.turn_q.forward(split(query.forward(x), self.heads), place)  # (B, h, n, d)
        k = self.turn_k.forward(split(key.forward(x), self.keys), place)  # (B, s, n, d)
        v = split(value.forward(x), self.keys)
        if place > 0:
            k = np.concatenate([self.k[:, :, :place], k], axis=2)  # (B, s, place + n, d)
            v = np.concatenate([self.v[:, :, :place], v], axis=2)
        self.k, self.v = k, v
        scores = apart(shared(q, self.keys) @ k.swapaxes(2, 3), self.heads) * self.scale  # (B, h, n, place + n)
        seen = np.tri(*scores.shape[2:], place, dtype=bool)  # row i has place + i + 1 times True
        self.weights = softmax(np.where(seen, scores, -np.inf))
        return out.forward(merge(apart(shared(self.weights, self.keys) @ v, self.heads)))


def shared(x, keys):
    """The heads that share a key, one below the other: (B, h, T, d) -> (B, s, g T, d)."""
    return x.reshape(len(x), keys, -1, x.shape[3])


def apart(x, heads):
    """The reverse: (B, s, g T, d) -> (B, h, T, d)."""
    return x.reshape(len(x), heads, -1, x.shape[3])


class SwiGLU:
    """y = down(silu(gate(x)) * up(x)), for each place, with silu(a) = a sigmoid(a).

    silu is a smooth ReLU: almost a where a is large, almost 0 where it is far below 0. In the MLP of the GPT, a unit is
    on or off. Here its output is multiplied by a number that another linear layer computes of the same x: a gate, which
    may be open, closed, or anything between.
    """

    def __init__(self, rng, width, hidden):
        self.layers = {
            "gate": Linear(rng, width, hidden, bias=False),
            "up": Linear(rng, width, hidden, bias=False),
            "down": Linear(rng, hidden, width, bias=False),
        }

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        gate, up, down = self.layers.values()
        self.a, self.u = gate.forward(x), up.forward(x)  # (B, T, H)
        self.sigmoid = (1 + np.tanh(self.a / 2)) / 2  # 1 / (1 + exp(-a)), and cannot overflow
        return down.forward(self.a * self.sigmoid * self.u)

    def backward(self, dy):
        """dy -> dx, both (B, T, C).

        A product hands each factor the gradient times the other factor. The slope of silu, by the product rule with
        sigmoid' = sigmoid (1 - sigmoid), is sigmoid + a sigmoid (1 - sigmoid) = sigmoid (1 + a (1 - sigmoid)).
        """
        gate, up, down = self.layers.values()
        dproduct = down.backward(dy)  # (B, T, H)
        du = dproduct * self.a * self.sigmoid
        da = dproduct * self.u * self.sigmoid * (1 + self.a * (1 - self.sigmoid))
        return gate.backward(da) + up.backward(du)


class LlamaBlock:
    """y = u + mlp(norm(u)) with u = x + attention(norm(x)): as in gpt_np.py, of today's parts."""

    def __init__(self, rng, width, heads, keys, hidden, base=10_000, eps=1e-5):
        self.layers = {
            "norm1": RMSNorm(width, eps),
            "attention": SharedAttention(rng, width, heads, keys, base),
            "norm2": RMSNorm(width, eps),
            "mlp": SwiGLU(rng, width, hidden),
        }

    forward, backward = Block.forward, Block.backward  # the same two sums

    def next(self, x, place):
        """As forward, for n more words from this place on: x (B, n, C) -> y (B, n, C)."""
        norm1, attention, norm2, mlp = (self.layers[name] for name in ("norm1", "attention", "norm2", "mlp"))
        u = x + attention.next(norm1.forward(x), place)
        return u + mlp.forward(norm2.forward(u))


class Table(Embedding):
    """The embedding of gpt_np.py. Its rows also score the words at the end (see Scores), so they begin smaller: with a
    standard deviation of 0.02, the first logits are small, and the first loss is close to log V."""

    learns = True  # see `Llama.adapt`

    def __init__(self, rng, words, width):
        self.params = {"E": rng.normal(0, 0.02, (words, width))}

    def backward(self, dy):
        """As there; nothing, if the table does not learn."""
        if self.learns:
            super().backward(dy)


class Scores:
    """logits = x E.T: the score of a word is the dot product of x with the word's row in the table of the embedding.

    What a row says of its word as an input and what makes it likely as an output are similar, so one table does for
    both. That saves as many numbers as the table has (Press & Wolf 2017).
    """

    def __init__(self, table, words):
        self.table, self.words = table, words

    def forward(self, x):
        """x (B, T, C) -> logits (B, T, V). What only starts a text, the rows from V on, is never predicted."""
        self.rows = x.reshape(-1, x.shape[-1])  # (B T, C)
        return (self.rows @ self.table.params["E"][: self.words].T).reshape(*x.shape[:-1], -1)

    def backward(self, dy):
        """dy (B, T, V) -> dx (B, T, C). dE, what this use adds to the gradient of the table, is kept: see Llama."""
        dy_rows = dy.reshape(-1, self.words)  # (B T, V)
        if self.table.learns:
            self.dE = dy_rows.T @ self.rows  # (V, C)
        return (dy_rows @ self.table.params["E"][: self.words]).reshape(*dy.shape[:-1], -1)


class Adapted:
    """y = x W + scale (x A) B: W stays as it is, and two thin matrices beside it learn (Hu et al. 2021, LoRA).

    What a network that knows much has to change for something new is little: W + scale A B, where A has few columns and
    B as few rows. So there are few gradients, and AdamW remembers little. B begins with zeros: at first nothing is
    changed.
    """

    scale = 2.0  # how much the thin matrices weigh beside W: alpha / rank in the paper

    def __init__(self, rng, W, rank):
        """W: (inputs, outputs), which is not copied."""
        self.W, (inputs, outputs) = W, W.shape
        A = rng.normal(0, inputs**-0.5, (inputs, rank))
        self.params = {"A": A.astype(W.dtype), "B": np.zeros((rank, outputs), W.dtype)}

    def forward(self, x):
        """x (..., inputs) -> y (..., outputs)."""
        self.rows = x.reshape(-1, x.shape[-1])  # (N, inputs)
        self.thin = self.rows @ self.params["A"]  # (N, rank)
        y = self.rows @ self.W + self.scale * (self.thin @ self.params["B"])  # (N, outputs)
        return y.reshape(*x.shape[:-1], -1)

    def backward(self, dy):
        """dy (..., outputs) -> dx (..., inputs).

        x reaches y in two ways, through W and through A and B, so dx is the sum of both. A and B are a chain of two
        linear layers, with thin = x A between them: dthin = scale dy B.T. W has no gradient, and that is not computed.
        """
        dy_rows = dy.reshape(-1, dy.shape[-1])  # (N, outputs)
        dthin = self.scale * (dy_rows @ self.params["B"].T)  # (N, rank)
        self.grads = {"A": self.rows.T @ dthin, "B": self.scale * (self.thin.T @ dy_rows)}
        return (dy_rows @ self.W.T + dthin @ self.params["A"].T).reshape(*dy.shape[:-1], -1)


class NoWeights:
    """In place of a random number generator: zeros that take no memory, for a network that gets a file's arrays."""

    def normal(self, mean, deviation, shape):
        return np.broadcast_to(np.float32(0), shape)


class Llama(Network):
    """The network at the top of this file. Words V, V + 1, ... start a text, as in gpt_np.py. A seed of None: see
    `take`.

    frozen: {name: array} of what stays as it is, beside `params`, which learn; see `adapt`.
    """

    def __init__(
        self, width=64, blocks=2, heads=4, keys=2, hidden=176, words=128, starts=10, places=49, base=10_000, eps=1e-5,
        seed=0, dtype=np.float32,
    ):  # fmt: skip
        rng, self.frozen = NoWeights() if seed is None else np.random.default_rng(seed), {}
        table = Table(rng, words + starts, width)
        layers = {
            "embed": table,
            **{f"blocks.{i}": LlamaBlock(rng, width, heads, keys, hidden, base, eps) for i in range(blocks)},
            "norm": RMSNorm(width, eps),
            "linear": Scores(table, words),
        }
        super().__init__(layers, dtype)
        self.places = places

    def take(self, arrays):
        """Use these arrays, with the names and shapes of `params`, in place of its own. They are not copied."""
        for path, layer in walk(self.layers).items():
            layer.params = {name: arrays[f"{path}.{name}"] for name in layer.params}
        self.params = self.collect("params")

    def adapt(self, rank, seed=0):
        """Put two thin matrices, of so many columns and rows, beside that of each linear layer. From here on `params`
        are these. All else is in `frozen`: it stays as it is, and has no gradient."""
        rng = np.random.default_rng(seed)
        for block in self.layers.values():
            if isinstance(block, LlamaBlock):
                for part in (block.layers["attention"], block.layers["mlp"]):
                    part.layers = {name: Adapted(rng, layer.params["W"], rank) for name, layer in part.layers.items()}
        self.layers["embed"].learns = False
        self.frozen = self.params
        self.params = self.collect("params")

    def collect(self, kind):
        """As in Network; if something is frozen, of the layers that learn."""
        learns = [path for path, layer in walk(self.layers).items() if isinstance(layer, Adapted)]
        found = super().collect(kind)
        return {name: array for name, array in found.items() if not self.frozen or name.rpartition(".")[0] in learns}

    def backward(self, dlogits):
        """As in Network. The table is used twice, so its gradient is the sum of both ways."""
        grads = super().backward(dlogits)
        if not self.frozen:
            scores = self.layers["linear"]
            grads["embed.E"][: scores.words] += scores.dE
        return grads

    def next(self, words, place):
        """More words of each text: words (B, n) from this place on -> logits (B, V) of the word after the last of them.

        The places before must have been given in their order; place 0 begins new texts.
        """
        y = words  # (B, n), then (B, n, C)
        for name, layer in self.layers.items():
            if name == "norm":
                y = y[:, -1:]  # from here on, each place is by itself, and only the last is asked
            y = layer.next(y, place) if hasattr(layer, "next") else layer.forward(y)
        return y[:, 0]

    def write(self, begun, temperature, rng, top=None, top_p=1):
        """Go on with texts from what is given of each: yields B new words (B,) for each place up to the last.

        As in gpt_np.py, but the words that are given, begun (B, n), go through the network in one pass.
        """
        new, place = begun, 0
        while place + new.shape[1] <= self.places:
            logits = self.next(new, place)  # keeps its keys and values
            place += new.shape[1]
            words = next_words(logits, temperature, rng.random(len(new)), top, top_p)
            yield words
            new = words[:, np.newaxis]


def check():
    """Every layer of this file, and a small network of them; decoding and sampling."""
    rng = np.random.default_rng(1)
    table = Table(rng, 6, 4)
    network = Llama(4, 1, 2, 1, hidden=3, words=5, starts=1, places=3, dtype=np.float64)
    texts = np.array([[5, 0, 3], [5, 3, 3]])
    layers = [
        ("RMSNorm", RMSNorm(5), (2, 3, 5)),
        ("Rotation", Rotation(), (2, 2, 3, 4)),
        ("SharedAttention", SharedAttention(rng, 8, heads=4, keys=2), (2, 4, 8)),
        ("SwiGLU", SwiGLU(rng, 3, 5), (2, 3, 3)),
        ("LlamaBlock", LlamaBlock(rng, 12, heads=6, keys=2, hidden=5), (2, 4, 12)),
        ("Scores", Scores(table, 5), (2, 3, 4)),
        ("Adapted", Adapted(rng, rng.normal(size=(5, 4)), rank=2), (2, 3, 5)),
        ("Llama", network, texts),
    ]
    check_layers(layers, rng)
    logits = [network.next(words[:, np.newaxis], place) for place, words in enumerate(texts.T)]  # T times (B, V)
    check_decoding(np.stack(logits, axis=1), network, texts)
    check_sampling(network, texts[:1])


if __name__ == "__main__":
    try:
        check()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None

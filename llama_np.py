"""The network of today's language models by hand: the GPT of gpt_np.py with the layers of Llama, Mistral and SmolLM.

After Touvron et al. 2023 (LLaMA: Open and Efficient Foundation Language Models). Four layers differ from the GPT's:

    RMSNorm                  divides by the size of the numbers, and subtracts no mean (Zhang & Sennrich 2019)
    RoPE                     rotary position embedding: the position rotates queries and keys (Su et al. 2021)
    grouped-query attention  several query heads share one key/value head (Ainslie et al. 2023)
    SwiGLU                   one linear layer gates the output of another (Shazeer 2020)

There are no biases. The embedding's table is also the weight of the last layer (*weight tying*, Press & Wolf 2017):

    embed      a row of a table E for each token                     (B, T)     -> (B, T, 64)
    block 1-2  x + attention(norm(x)), then x + mlp(norm(x))         (B, T, 64) -> (B, T, 64)
    norm       every position with a mean square of 1                (B, T, 64) -> (B, T, 64)
    linear     logits: the dot product with each token's row of E    (B, T, 64) -> (B, T, V)

It learns digits, names and texts, as the GPT does, by the same loss. It also runs the weights of published models:
`python write.py "What is gravity?" --weights FILE.gguf`. llama_torch.py is the same network in PyTorch.

`python llama_np.py` checks every layer against the definition of the derivative, and generation against `forward`.

Shapes: B texts, T tokens in each, V tokens in the vocabulary, C channels, H units inside the MLP; h query heads
with d = C / h channels each, s key/value heads, and g = h / s query heads that share one.
"""

import numpy as np

from gpt_np import CausalSoftmax, Embedding, check_decoding, check_sampling, sample
from layers_np import Linear, Network, channel_sum, check_layers, flatten_layers, row_sum
from vit_np import Block, merge, softmax, split


class RMSNorm:
    """Every position divided by its root mean square (RMS), then each channel scaled by gamma.

    Layer normalisation (vit_np.py) subtracts the mean first. Here the mean stays, and there is no beta either. That
    saves a pass over the numbers, and networks learn equally well (Zhang & Sennrich 2019).
    """

    def __init__(self, width, eps=1e-5):
        self.params = {"gamma": np.ones(width)}
        self.eps = eps

    def forward(self, x):
        """Normalise x (B, T, C), over the C channels of each position. Return y of the same shape."""
        gamma = self.params["gamma"]
        self.inverse = 1 / np.sqrt(row_sum(x**2) / len(gamma) + self.eps)  # (B, T, 1)
        self.xhat = x * self.inverse  # (B, T, C)
        return gamma * self.xhat

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (B, T, C).

        y = gamma xhat, so dgamma = sum dy xhat over all positions, and dxhat = dy gamma. x reaches xhat = x inverse in
        two ways: directly, and through inverse = (mean(x^2) + eps)^(-1/2), whose derivative with respect to x[j] is
        -inverse^3 x[j] / C = -inverse^2 xhat[j] / C. So

            dx[j] = inverse dxhat[j] - sum over i of dxhat[i] x[i] inverse^2 xhat[j] / C
                  = inverse (dxhat[j] - xhat[j] mean(dxhat xhat))

        which is dxhat without its component along xhat: a longer x gives the same xhat. Layer normalisation removes one
        more direction, that of 1, because it also subtracts the mean.
        """
        gamma = self.params["gamma"]
        self.grads = {"gamma": channel_sum(dy * self.xhat)}
        dxhat = dy * gamma
        along_xhat = row_sum(dxhat * self.xhat) / len(gamma)  # (B, T, 1)
        return self.inverse * (dxhat - self.xhat * along_xhat)


class RotaryEmbedding:
    """Rotary position embedding (RoPE): rotates pairs of channels by angles that grow with the position.

    Channels 2 i and 2 i + 1 are a point in a plane. At position t, the point is rotated about 0 by the angle
    t theta^(-2 i / d). The first pair is rotated by t itself, a full turn every 6 positions, and each next pair more
    slowly. theta is `rope_theta`.

    Why does that tell the network where a token is? The dot product of two points depends on the angle between them.
    Rotating one by t and the other by u adds t - u to that angle. So q . k depends on the distance between the two
    tokens, and not on their positions otherwise: what a head has learned about the preceding token holds anywhere.
    """

    def __init__(self, rope_theta=10_000):
        self.rope_theta = rope_theta

    def forward(self, x, position=0):
        """Rotate x (..., T, d), and return y of the same shape. position: the position in the text of the first row."""
        *_, T, d = x.shape
        positions = np.arange(position, position + T)[:, np.newaxis]  # (T, 1)
        angles = positions * self.rope_theta ** (-np.arange(0, d, 2) / d)  # (T, d / 2)
        self.cos = np.cos(angles).astype(x.dtype)
        self.sin = np.sin(angles).astype(x.dtype)
        return apply_rotary(x, self.cos, self.sin)

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (..., T, d).

        y[0] = x[0] cos - x[1] sin and y[1] = x[0] sin + x[1] cos. Adding both paths of x[0] and of x[1],

            dx[0] = dy[0] cos + dy[1] sin        dx[1] = -dy[0] sin + dy[1] cos

        which is the same rotation with -sin for sin: back by the same angle.
        """
        return apply_rotary(dy, self.cos, -self.sin)


def apply_rotary(x, cos, sin):
    """Return x (..., T, d) with the points (x[..., 2 i], x[..., 2 i + 1]) rotated.

    cos, sin: the cosines and sines (T, d / 2) of the angles.
    """
    first = x[..., ::2]  # (..., T, d / 2)
    second = x[..., 1::2]  # (..., T, d / 2)
    y = np.empty_like(x)
    y[..., ::2] = first * cos - second * sin
    y[..., 1::2] = first * sin + second * cos
    return y


class GroupedQueryAttention:
    """CausalAttention of gpt_np.py with rotary positions, and with fewer key/value heads than query heads.

    Why share? To generate, a network stores all keys and values and reads them for each new token. With a third of the
    heads they take a third of the memory and of the time. Queries are not stored, so each head of queries still looks
    for something of its own.

    Head j of the queries uses head j // g of the keys. So the g heads of a group are neighbours, and can be treated as
    one head with g T queries: the matrix products are then those of the GPT.
    """

    def __init__(self, rng, width, heads, kv_heads, rope_theta=10_000):
        d = width // heads
        self.heads = heads
        self.kv_heads = kv_heads
        self.scale = d**-0.5  # 1 / sqrt(d)
        self.layers = {
            "query": Linear(rng, width, width, bias=False),
            "key": Linear(rng, width, kv_heads * d, bias=False),
            "value": Linear(rng, width, kv_heads * d, bias=False),
            "out": Linear(rng, width, width, bias=False),
        }
        self.rotary_q = RotaryEmbedding(rope_theta)
        self.rotary_k = RotaryEmbedding(rope_theta)
        self.softmax = CausalSoftmax()

    def forward(self, x):
        """Apply the attention to x (B, T, C). Return y of the same shape."""
        query, key, value, out = self.layers.values()
        q = self.rotary_q.forward(split(query.forward(x), self.heads))  # (B, h, T, d)
        self.k = self.rotary_k.forward(split(key.forward(x), self.kv_heads))  # (B, s, T, d)
        self.v = split(value.forward(x), self.kv_heads)  # (B, s, T, d)
        self.q = group_heads(q, self.kv_heads)  # (B, s, g T, d)
        products = self.q @ self.k.swapaxes(2, 3)  # (B, s, g T, T): every query with every key of its group
        self.weights = self.softmax.forward(ungroup_heads(products, self.heads) * self.scale)  # (B, h, T, T)
        mixed = group_heads(self.weights, self.kv_heads) @ self.v  # (B, s, g T, d)
        return out.forward(merge(ungroup_heads(mixed, self.heads)))

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (B, T, C).

        The products are those of Attention in vit_np.py, and so are their derivatives. Two things are new. The queries
        of g heads use the same key, and contributions along several paths add: dk = dproducts.T q is a sum over all g T
        of them, and so is dv = weights.T dmixed. And the rotations of the forward pass are undone.
        """
        query, key, value, out = self.layers.values()
        dmixed = group_heads(split(out.backward(dy), self.heads), self.kv_heads)  # (B, s, g T, d)
        dweights = dmixed @ self.v.swapaxes(2, 3)  # (B, s, g T, T)
        dv = group_heads(self.weights, self.kv_heads).swapaxes(2, 3) @ dmixed  # (B, s, T, d)
        dscores = self.softmax.backward(ungroup_heads(dweights, self.heads))  # (B, h, T, T)
        dproducts = group_heads(dscores * self.scale, self.kv_heads)  # (B, s, g T, T)
        dq = self.rotary_q.backward(ungroup_heads(dproducts @ self.k, self.heads))  # (B, h, T, d)
        dk = self.rotary_k.backward(dproducts.swapaxes(2, 3) @ self.q)  # (B, s, T, d)
        return query.backward(merge(dq)) + key.backward(merge(dk)) + value.backward(merge(dv))

    def decode_step(self, x, position):
        """`forward` for n new tokens, the first of them at `position`: x (B, n, C) -> y (B, n, C).

        Uses a KV cache, as gpt_np.py does. Keys are stored after their rotation, because their positions do not change.
        The first of the n tokens sees the `position` tokens before it and itself, the next one token more, and so on.
        """
        query, key, value, out = self.layers.values()
        q = self.rotary_q.forward(split(query.forward(x), self.heads), position)  # (B, h, n, d)
        k = self.rotary_k.forward(split(key.forward(x), self.kv_heads), position)  # (B, s, n, d)
        v = split(value.forward(x), self.kv_heads)
        if position > 0:
            k = np.concatenate([self.k[:, :, :position], k], axis=2)  # (B, s, position + n, d)
            v = np.concatenate([self.v[:, :, :position], v], axis=2)
        self.k = k
        self.v = v
        products = group_heads(q, self.kv_heads) @ k.swapaxes(2, 3)  # (B, s, g n, position + n)
        scores = ungroup_heads(products, self.heads) * self.scale  # (B, h, n, position + n)
        causal_mask = np.tri(*scores.shape[2:], position, dtype=bool)  # row i has position + i + 1 times True
        self.weights = softmax(np.where(causal_mask, scores, -np.inf))
        mixed = group_heads(self.weights, self.kv_heads) @ v  # (B, s, g n, d)
        return out.forward(merge(ungroup_heads(mixed, self.heads)))


def group_heads(x, kv_heads):
    """Stack the rows of the g heads of each group: x (B, h, T, d) -> (B, s, g T, d)."""
    return x.reshape(len(x), kv_heads, -1, x.shape[3])


def ungroup_heads(x, heads):
    """Undo `group_heads`: x (B, s, g T, d) -> (B, h, T, d)."""
    return x.reshape(len(x), heads, -1, x.shape[3])


class SwiGLU:
    """y = down(silu(gate(x)) * up(x)), for each position, with silu(a) = a sigmoid(a).

    silu is a smooth ReLU: almost a where a is large, almost 0 where it is far below 0. In the MLP of the GPT, a unit is
    on or off. Here its output is multiplied by a number that another linear layer computes from the same x: a gate,
    which can be open, closed, or anything between.
    """

    def __init__(self, rng, width, hidden):
        self.layers = {
            "gate": Linear(rng, width, hidden, bias=False),
            "up": Linear(rng, width, hidden, bias=False),
            "down": Linear(rng, hidden, width, bias=False),
        }

    def forward(self, x):
        """Apply the layer to x (B, T, C). Return y of the same shape."""
        gate, up, down = self.layers.values()
        self.a = gate.forward(x)  # (B, T, H)
        self.u = up.forward(x)  # (B, T, H)
        self.sigmoid = (1 + np.tanh(self.a / 2)) / 2  # 1 / (1 + exp(-a)), and cannot overflow
        return down.forward(self.a * self.sigmoid * self.u)

    def backward(self, dy):
        """From dy = d loss / d y, return dx = d loss / d x, both (B, T, C).

        In a product, each factor gets the gradient times the other factor. The slope of silu, by the product rule with
        sigmoid' = sigmoid (1 - sigmoid), is sigmoid + a sigmoid (1 - sigmoid) = sigmoid (1 + a (1 - sigmoid)).
        """
        gate, up, down = self.layers.values()
        dproduct = down.backward(dy)  # (B, T, H)
        du = dproduct * self.a * self.sigmoid
        da = dproduct * self.u * self.sigmoid * (1 + self.a * (1 - self.sigmoid))
        return gate.backward(da) + up.backward(du)


class LlamaBlock:
    """y = u + mlp(norm(u)) with u = x + attention(norm(x)): the block of gpt_np.py, with the layers of this file."""

    def __init__(self, rng, width, heads, kv_heads, hidden, rope_theta=10_000, eps=1e-5):
        self.layers = {
            "norm1": RMSNorm(width, eps),
            "attention": GroupedQueryAttention(rng, width, heads, kv_heads, rope_theta),
            "norm2": RMSNorm(width, eps),
            "mlp": SwiGLU(rng, width, hidden),
        }

    forward, backward = Block.forward, Block.backward  # the same two sums

    def decode_step(self, x, position):
        """`forward` for n new tokens, the first of them at `position`: x (B, n, C) -> y (B, n, C)."""
        norm1, attention, norm2, mlp = (self.layers[name] for name in ("norm1", "attention", "norm2", "mlp"))
        u = x + attention.decode_step(norm1.forward(x), position)
        return u + mlp.forward(norm2.forward(u))


class TiedEmbedding(Embedding):
    """The embedding of gpt_np.py, whose table is also the weight of the last layer, `LMHead`.

    The first weights have a standard deviation of 0.02: the first logits are then small, and the first loss is close to
    log V.
    """

    is_frozen = False  # see `Llama.add_lora`

    def __init__(self, rng, vocab_size, width):
        self.params = {"E": rng.normal(0, 0.02, (vocab_size, width))}

    def backward(self, dy):
        """Compute the table's gradient, as `Embedding.backward` does, unless the table is frozen."""
        if not self.is_frozen:
            super().backward(dy)


class LMHead:
    """logits = x E.T: the logit of a token is the dot product of x with the token's row of the embedding's table.

    What a row says about its token as an input, and what makes the token likely as an output, are similar, so one table
    serves for both. That saves a second table of the same size (Press & Wolf 2017).
    """

    def __init__(self, embedding, vocab_size):
        self.embedding = embedding
        self.vocab_size = vocab_size

    def forward(self, x):
        """Return the logits (B, T, V) of x (B, T, C). Start tokens have no logits, because they are never predicted."""
        E = self.embedding.params["E"][: self.vocab_size]  # (V, C)
        self.rows = x.reshape(-1, x.shape[-1])  # (B T, C)
        return (self.rows @ E.T).reshape(*x.shape[:-1], -1)

    def backward(self, dy):
        """From dy = d loss / d logits (B, T, V), return dx = d loss / d x (B, T, C).

        Stores dE, this layer's part of the gradient of the embedding's table: see `Llama.backward`.
        """
        E = self.embedding.params["E"][: self.vocab_size]  # (V, C)
        dy_rows = dy.reshape(-1, self.vocab_size)  # (B T, V)
        if not self.embedding.is_frozen:
            self.dE = dy_rows.T @ self.rows  # (V, C)
        return (dy_rows @ E).reshape(*dy.shape[:-1], -1)


class LoRALinear:
    """y = x W + scale (x A) B: W is frozen, and two thin matrices beside it learn (LoRA, Hu et al. 2021).

    A trained network needs little change to learn something new: W + scale A B, where A has few columns and B as few
    rows. So there are few gradients, and AdamW stores little. B starts as zeros, so y = x W before the first step.
    """

    scale = 2.0  # weight of the thin matrices beside W: alpha / rank in the paper

    def __init__(self, rng, W, rank):
        """W: the frozen weights (inputs, outputs), not copied. rank: the number of columns of A and of rows of B."""
        inputs, outputs = W.shape
        A = rng.normal(0, inputs**-0.5, (inputs, rank))
        self.W = W
        self.params = {"A": A.astype(W.dtype), "B": np.zeros((rank, outputs), W.dtype)}

    def forward(self, x):
        """Return y (..., outputs) for x (..., inputs)."""
        self.rows = x.reshape(-1, x.shape[-1])  # (N, inputs)
        self.thin = self.rows @ self.params["A"]  # (N, rank)
        y = self.rows @ self.W + self.scale * (self.thin @ self.params["B"])  # (N, outputs)
        return y.reshape(*x.shape[:-1], -1)

    def backward(self, dy):
        """From dy = d loss / d y (..., outputs), return dx = d loss / d x (..., inputs).

        x reaches y along two paths, through W and through A and B, so dx is the sum of both. A and B are a chain of two
        linear layers, with thin = x A between them: dthin = scale dy B.T. The gradient of W is not needed.
        """
        dy_rows = dy.reshape(-1, dy.shape[-1])  # (N, outputs)
        dthin = self.scale * (dy_rows @ self.params["B"].T)  # (N, rank)
        self.grads = {"A": self.rows.T @ dthin, "B": self.scale * (self.thin.T @ dy_rows)}
        return (dy_rows @ self.W.T + dthin @ self.params["A"].T).reshape(*dy.shape[:-1], -1)


class NoWeights:
    """A stand-in for a random generator: `normal` returns zeros that take no memory, until weights are loaded."""

    def normal(self, mean, deviation, shape):
        return np.broadcast_to(np.float32(0), shape)


class Llama(Network):
    """The network that the top of this file describes. Token ids from V on can only start a text, as in gpt_np.py.

    seed: for the first weights; None draws none, because `use_arrays` will supply them. `params` are the parameters
    that learn. `frozen` is {name: array} for those that do not, see `add_lora`.
    """

    def __init__(
        self, width=64, blocks=2, heads=4, kv_heads=2, hidden=176, vocab_size=128, n_start_tokens=10,
        context_length=49, rope_theta=10_000, eps=1e-5, seed=0, dtype=np.float32,
    ):  # fmt: skip
        rng = NoWeights() if seed is None else np.random.default_rng(seed)
        self.frozen = {}
        embedding = TiedEmbedding(rng, vocab_size + n_start_tokens, width)
        layers = {
            "embed": embedding,
            **{f"blocks.{i}": LlamaBlock(rng, width, heads, kv_heads, hidden, rope_theta, eps) for i in range(blocks)},
            "norm": RMSNorm(width, eps),
            "linear": LMHead(embedding, vocab_size),
        }
        super().__init__(layers, dtype)
        self.context_length = context_length

    def use_arrays(self, arrays):
        """Use these arrays, {name: array} with the names and shapes of `params`, as the parameters, without copying."""
        for path, layer in flatten_layers(self.layers).items():
            layer.params = {name: arrays[f"{path}.{name}"] for name in layer.params}
        self.params = self.collect("params")

    def add_lora(self, rank, seed=0):
        """Add two thin matrices of this rank (LoRA) to each linear layer of the blocks, and freeze everything else.

        Afterwards, `params` holds the thin matrices. All other arrays are in `frozen` and get no gradient.
        """
        rng = np.random.default_rng(seed)
        for block in self.layers.values():
            if isinstance(block, LlamaBlock):
                for part in (block.layers["attention"], block.layers["mlp"]):
                    linear = part.layers
                    part.layers = {name: LoRALinear(rng, layer.params["W"], rank) for name, layer in linear.items()}
        self.layers["embed"].is_frozen = True
        self.frozen = self.params
        self.params = self.collect("params")

    def collect(self, kind):
        """Return {path: array} as `Network.collect` does, but without the arrays of frozen layers."""
        arrays = super().collect(kind)
        if not self.frozen:
            return arrays
        learning = [path for path, layer in flatten_layers(self.layers).items() if isinstance(layer, LoRALinear)]
        return {name: array for name, array in arrays.items() if name.rpartition(".")[0] in learning}

    def backward(self, dlogits):
        """Return the gradients, as `Network.backward` does. The embedding's table gets the sum over its two uses."""
        grads = super().backward(dlogits)
        if not self.frozen:
            head = self.layers["linear"]
            grads["embed.E"][: head.vocab_size] += head.dE
        return grads

    def decode_step(self, token_ids, position):
        """Return the logits (B, V) of the next token, given n more tokens (B, n) of each text.

        The first of the n tokens is at `position`. Call this for the positions in order. Position 0 begins new texts.
        """
        y = token_ids  # (B, n), then (B, n, C)
        for name, layer in self.layers.items():
            if name == "norm":
                y = y[:, -1:]  # from here on each position is by itself, and only the last one is needed
            y = layer.decode_step(y, position) if hasattr(layer, "decode_step") else layer.forward(y)
        return y[:, 0]

    def generate(self, prompt, temperature, rng, top_k=None, top_p=1):
        """Continue B texts: for each further position up to the last, yield the new tokens (B,).

        The arguments are those of GPT.generate in gpt_np.py, but here all tokens of the prompt (B, n) go through the
        network in one pass.
        """
        position = 0
        new = prompt
        while position + new.shape[1] <= self.context_length:
            logits = self.decode_step(new, position)  # fills the cache of keys and values
            position += new.shape[1]
            token_ids = sample(logits, temperature, rng.random(len(new)), top_k, top_p)
            yield token_ids
            new = token_ids[:, np.newaxis]


def check():
    """Check every layer of this file and a small Llama, then decoding and sampling. Prints the results."""
    rng = np.random.default_rng(1)
    embedding = TiedEmbedding(rng, 6, 4)
    network = Llama(4, 1, 2, 1, hidden=3, vocab_size=5, n_start_tokens=1, context_length=3, dtype=np.float64)
    texts = np.array([[5, 0, 3], [5, 3, 3]])
    layers = [
        ("RMSNorm", RMSNorm(5), (2, 3, 5)),
        ("RotaryEmbedding", RotaryEmbedding(), (2, 2, 3, 4)),
        ("GroupedQueryAttention", GroupedQueryAttention(rng, 8, heads=4, kv_heads=2), (2, 4, 8)),
        ("SwiGLU", SwiGLU(rng, 3, 5), (2, 3, 3)),
        ("LlamaBlock", LlamaBlock(rng, 12, heads=6, kv_heads=2, hidden=5), (2, 4, 12)),
        ("LMHead", LMHead(embedding, 5), (2, 3, 4)),
        ("LoRALinear", LoRALinear(rng, rng.normal(size=(5, 4)), rank=2), (2, 3, 5)),
        ("Llama", network, texts),
    ]
    check_layers(layers, rng)
    logits = [network.decode_step(texts[:, i : i + 1], i) for i in range(texts.shape[1])]  # T times (B, V)
    check_decoding(np.stack(logits, axis=1), network, texts)
    check_sampling(network, texts[:1])


if __name__ == "__main__":
    try:
        check()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None

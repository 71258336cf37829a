"""A small GPT by hand: a transformer that generates. The embedding, the causal mask and sampling are new.

After Radford et al. 2018 (Improving Language Understanding by Generative Pre-Training), small enough for digits. A
network of this kind reads *tokens*, whole numbers that index a vocabulary. From each token and all tokens before it,
the network predicts the next one (it is *autoregressive*). For digits, a text is the label of an image and then its 49
patches of 4 x 4 pixels, row by row. The vocabulary has V = 128 small pictures (see support/texts.py), one of which
stands in for each patch. Ten more tokens, the labels, start a text:

    x       7   p1  p2  ...  p48      the label, and all patches but the last: T = 49 tokens
    y       p1  p2  p3  ...  p49      the next token at each position

With `--dataset names`, the same network learns names. The V = 27 tokens are then an end token and the letters a to z.
One more token starts a name, and end tokens fill it up to T = 12 tokens. After the first end token there is nothing to
predict, so y is -1:

    x       start  l  e  e    end  ...  end
    y       l      e  e  end  -1   ...  -1

    embed      a row of a table for each token                       (B, T)     -> (B, T, 64)
    positions  plus a learned vector for each position               (B, T, 64) -> (B, T, 64)
    block 1-2  those of vit_np.py, but each position only looks back (B, T, 64) -> (B, T, 64)
    norm       every position with mean 0 and variance 1             (B, T, 64) -> (B, T, 64)
    linear     logits, a score for each token that may come next     (B, T, 64) -> (B, T, V)

The loss is the cross-entropy of mlp_np.py, averaged over all positions whose y is not -1. So one image gives 49
predictions to learn from. exp(loss) is the *perplexity*: the network is as uncertain as if it chose among that many
equally likely tokens. All other layers are those of layers_np.py and vit_np.py. gpt_torch.py is the same network in
PyTorch.

`python gpt_np.py` checks every layer against the definition of the derivative, and generation against `forward`.

Shapes: B texts, T tokens in each, V tokens in the vocabulary, C channels; h heads of d = C / h channels.
"""

import numpy as np

from layers_np import Linear, Network, check_layers
from mlp_np import relative_difference
from vit_np import MLP, Attention, Block, LayerNorm, Positions, Softmax, merge, softmax, split


class Embedding:
    """y = E[x]: each token has a row in the table E, and the rows are learned.

    This is a linear layer without the multiplication: onehot(x) @ E would be the same row of E. The standard deviation
    of the first weights, 0.5, is this project's choice, between PyTorch's 1 and the 0.02 of Radford et al. 2018.
    """

    def __init__(self, rng, vocab_size, width):
        self.params = {"E": rng.normal(0, 0.5, (vocab_size, width))}

    def forward(self, x):
        """Return the rows y (B, T, C) of the table for the token ids x (B, T)."""
        self.x = x
        return self.params["E"][x]

    def backward(self, dy):
        """From dy = d loss / d y (B, T, C), compute the gradient of E. Return None: token ids have no derivative.

        A row of E reaches the loss wherever its token occurs, and its gradient is the sum of dy over these positions.
        Rows of tokens that do not occur get 0. `dE[x] += dy` would keep one dy for each row; np.add.at adds them all.
        """
        dE = np.zeros_like(self.params["E"])  # (V, C)
        np.add.at(dE, self.x, dy)
        self.grads = {"E": dE}


class CausalSoftmax:
    """Softmax in which query i has weights only for the keys j <= i, those of its own and of earlier positions.

    Why the mask? Position i has to predict token i + 1, which x has at the next position. A position that could look
    there would copy that token and learn nothing else, but in generation there is nothing to copy. With the mask, each
    position sees in training exactly what it will see in generation. So all T positions learn from one forward pass.

    Masked scores become -inf, and exp(-inf) = 0: the weight is 0 whatever the score was.
    """

    def forward(self, scores):
        """Return the weights for scores (..., T, T), of the same shape. Row i has i + 1 weights, then zeros."""
        causal_mask = np.tri(scores.shape[-1], dtype=bool)  # (T, T): row i has i + 1 times True, then False
        self.weights = softmax(np.where(causal_mask, scores, -np.inf))
        return self.weights

    # The mask needs no derivative of its own: in dscores = weights (dweights - mean), the weight 0 makes the derivative
    # of a masked score 0, and adds nothing to the mean.
    backward = Softmax.backward


class CausalAttention:
    """Attention in which each position gets a weighted mean of the values at its own and at earlier positions."""

    def __init__(self, rng, width, heads):
        self.heads = heads
        self.scale = (width // heads) ** -0.5  # 1 / sqrt(d)
        self.layers = {
            "query": Linear(rng, width, width),
            "key": Linear(rng, width, width, bias=False),  # softmax would not see it: vit_np.py says why
            "value": Linear(rng, width, width),
            "out": Linear(rng, width, width),
        }
        self.softmax = CausalSoftmax()

    def forward(self, x):
        """Apply the attention to x (B, T, C). Return y of the same shape."""
        query, key, value, out = self.layers.values()
        self.q, self.k, self.v = (split(layer.forward(x), self.heads) for layer in (query, key, value))  # (B, h, T, d)
        scores = self.q @ self.k.swapaxes(2, 3) * self.scale  # (B, h, T, T): every query with every key
        self.weights = self.softmax.forward(scores)  # (B, h, T, T): row i has the weights of positions 0 to i
        return out.forward(merge(self.weights @ self.v))

    backward = Attention.backward  # the products are the same, so their derivatives are, too

    def decode_step(self, x, position):
        """`forward` for one new token at `position`: x (B, 1, C) -> y (B, 1, C).

        A later token changes nothing at an earlier position. So the keys and values of earlier tokens stay the same,
        and self.k and self.v still hold them (the *KV cache*). The new token adds its own key and value, and only its
        query is needed. There is one row of scores and no mask: the tokens that it would hide do not exist yet.
        """
        query, key, value, out = self.layers.values()
        q, k, v = (split(layer.forward(x), self.heads) for layer in (query, key, value))  # (B, h, 1, d)
        if position > 0:
            k = np.concatenate([self.k[:, :, :position], k], axis=2)  # (B, h, position + 1, d)
            v = np.concatenate([self.v[:, :, :position], v], axis=2)
        self.k = k
        self.v = v
        self.weights = softmax(q @ k.swapaxes(2, 3) * self.scale)  # (B, h, 1, position + 1)
        return out.forward(merge(self.weights @ v))


class CausalBlock:
    """Transformer block: y = u + mlp(norm(u)) with u = x + attention(norm(x))."""

    def __init__(self, rng, width, heads):
        self.layers = {
            "norm1": LayerNorm(width),
            "attention": CausalAttention(rng, width, heads),
            "norm2": LayerNorm(width),
            "mlp": MLP(rng, width),
        }

    forward, backward = Block.forward, Block.backward  # the same two sums: only the attention has the mask

    def decode_step(self, x, position):
        """`forward` for one new token at `position`: x (B, 1, C) -> y (B, 1, C)."""
        norm1, attention, norm2, mlp = (self.layers[name] for name in ("norm1", "attention", "norm2", "mlp"))
        u = x + attention.decode_step(norm1.forward(x), position)
        return u + mlp.forward(norm2.forward(u))


class GPT(Network):
    """The network that the top of this file describes.

    Token ids from V on can only start a text (for digits, they are the ten labels). They occur in x, never in y.
    """

    def __init__(
        self, width=64, blocks=2, heads=4, vocab_size=128, n_start_tokens=10, context_length=49, seed=0,
        dtype=np.float32,
    ):  # fmt: skip
        rng = np.random.default_rng(seed)
        layers = {
            "embed": Embedding(rng, vocab_size + n_start_tokens, width),
            "positions": Positions(rng, context_length, width),
            **{f"blocks.{i}": CausalBlock(rng, width, heads) for i in range(blocks)},
            "norm": LayerNorm(width),
            "linear": Linear(rng, width, vocab_size),
        }
        super().__init__(layers, dtype)
        self.context_length = context_length

    def decode_step(self, token_ids, position):
        """Return the logits (B, V) of the next tokens, given the tokens (B,) at `position`, which counts from 0.

        Up to rounding, these are the last row of `forward` for the texts so far. But only one position is computed: see
        CausalAttention. Call this for the positions in order. Position 0 begins new texts.
        """
        y = token_ids[:, np.newaxis]  # (B, 1), then (B, 1, C)
        for name, layer in self.layers.items():
            if name == "positions":
                y = y + layer.params["P"][position]
            elif hasattr(layer, "decode_step"):
                y = layer.decode_step(y, position)
            else:
                y = layer.forward(y)
        return y[:, 0]

    def generate(self, prompt, temperature, rng, top_k=None, top_p=1):
        """Continue B texts: for each further position up to the last, yield the new tokens (B,).

        prompt: (B, n) token ids, 1 <= n <= T, the beginning of each text. rng: NumPy's random generator, which draws B
        numbers for each position, one for each text. temperature, top_k, top_p: see `sample`.
        """
        n = prompt.shape[1]
        for position in range(n - 1):
            self.decode_step(prompt[:, position], position)  # fills the cache of keys and values
        token_ids = prompt[:, n - 1]
        for position in range(n - 1, self.context_length):
            logits = self.decode_step(token_ids, position)
            token_ids = sample(logits, temperature, rng.random(len(logits)), top_k, top_p)
            yield token_ids


def sample(logits, temperature, u, top_k=None, top_p=1):
    """Draw a token for each row of logits (B, V), and return the token ids (B,). u: (B,) random numbers, 0 <= u < 1.

    p = softmax(logits / temperature). A temperature below 1 makes likely tokens likelier; at 0, the likeliest is
    certain. Laid side by side, the V probabilities fill the line from 0 to 1. A random number u falls on the part of
    token k with the probability p[k].

    top_k: draw from the k likeliest tokens only; None: from all. Each of the many others is unlikely, but together they
    would often be drawn. top_p: draw from the likeliest tokens that together have this probability (*nucleus sampling*,
    Holtzman et al. 2020). They are few where the network is sure, and many where it is not.
    """
    if temperature < 1e-30:  # 0, or so little that the quotients below could overflow
        return logits.argmax(axis=1)
    if top_k:
        kth_logit = np.sort(logits)[:, -top_k:][:, :1]  # (B, 1): the smallest of the k largest logits
        logits = np.where(logits < kth_logit, -np.inf, logits)  # exp(-inf) = 0
    p = softmax(logits.astype(np.float64) / temperature)  # (B, V)
    if top_p < 1:
        order = np.argsort(-p, axis=1, kind="stable")  # the likeliest first
        ranked = np.take_along_axis(p, order, axis=1)
        likelier = ranked.cumsum(axis=1) - ranked  # the probability of all likelier tokens together
        np.put_along_axis(p, order, np.where(likelier < top_p, ranked, 0), axis=1)
    ends = p.cumsum(axis=1)  # (B, V): where each token's part ends
    return (u[:, np.newaxis] * ends[:, -1:] >= ends).sum(axis=1)  # how many parts end at or before u


class EvenlySpaced:
    """A stand-in for a random generator: random(n) returns n numbers evenly spaced between 0 and 1."""

    def random(self, n):
        return (np.arange(n) + 0.5) / n


def check_decoding(logits, network, texts):
    """Compare logits (B, T, V), which `decode_step` has computed token by token, with `forward` on texts (B, T).

    Prints the relative difference. Raises SystemExit if it is more than rounding.
    """
    difference = relative_difference(logits, network.forward(texts))
    if not difference < 1e-9:
        raise SystemExit(f"decode_step and forward give other logits: they differ by {difference:.1e} of their size")
    print(f"decoding: the logits of decode_step differ from those of forward by {difference:.1e} of their size")


def check_sampling(network, prompt, temperature=0.7, n=1000):
    """Check that `generate` draws each token as often as its probability says. Raises SystemExit if it does not.

    Continues n copies of a prompt (1, T) by one token, with n evenly spaced numbers in place of random ones. So each
    token's share of the n is its probability, to within 1 / n. The probabilities are softmax(logits / temperature) for
    the last row of `forward`.
    """
    logits = network.forward(prompt)[0, -1]  # (V,)
    for top_k, top_p in ((None, 1), (3, 1), (None, 0.6)):
        p = softmax(logits / temperature)
        order = np.argsort(-p)  # the likeliest first
        total = p[order].cumsum()  # the probability of a token and all likelier ones together
        n_tokens = top_k or (total < top_p).sum() + 1
        p[order[n_tokens:]] = 0
        prompts = np.repeat(prompt, n, axis=0)
        token_ids = next(network.generate(prompts, temperature, EvenlySpaced(), top_k, top_p))  # (n,)
        shares = (token_ids[:, np.newaxis] == np.arange(len(p))).mean(axis=0)  # (V,)
        difference = np.abs(shares - p / p.sum()).max()
        if not difference < 1.001 / n:
            case = f"top_k={top_k}, top_p={top_p}"
            raise SystemExit(f"generate draws by other probabilities: with {case}, a share is off by {difference:.1e}")
    print(f"sampling: of {n:,} tokens, each token's share is its probability, within 1 in {n:,}")


def check():
    """Check every layer of this file and a small GPT, then decoding and sampling. Prints the results."""
    rng = np.random.default_rng(1)
    network = GPT(width=4, blocks=1, heads=2, vocab_size=5, context_length=3, dtype=np.float64)
    texts = np.array([[7, 0, 3], [14, 3, 3]])
    layers = [
        ("Embedding", Embedding(rng, 6, 4), np.array([[0, 5, 1], [2, 5, 5]])),  # 5 occurs three times, 3 and 4 never
        ("CausalSoftmax", CausalSoftmax(), (2, 4, 4)),
        ("CausalAttention", CausalAttention(rng, 6, heads=2), (2, 4, 6)),
        ("CausalBlock", CausalBlock(rng, 6, heads=3), (2, 4, 6)),
        ("GPT", network, texts),
    ]
    check_layers(layers, rng)
    logits = [network.decode_step(token_ids, position) for position, token_ids in enumerate(texts.T)]  # T times (B, V)
    check_decoding(np.stack(logits, axis=1), network, texts)
    check_sampling(network, texts[:1])


if __name__ == "__main__":
    try:
        check()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None

"""A small GPT by hand: a transformer that writes. The embedding, the causal mask and the next word are new.

After Radford et al. 2018 (Improving Language Understanding by Generative Pre-Training), small enough for digits. A text
is a digit asked for and the 49 patches of an image of it, 4 x 4 pixels each, row by row. Each patch is one of V = 128
words, small pictures that support/texts.py knows; the ten digits are ten words more. From each word, and from all
before it, the network predicts the next (it is *autoregressive*; elsewhere its words are called *tokens*):

    x       7   p1  p2  ...  p48      the digit asked for, and all patches but the last: T = 49 words
    y       p1  p2  p3  ...  p49      what comes next at each place

With `--dataset names`, the same network learns names. The V = 27 words are then an end and the letters a to z, one word
more starts a name, and ends fill it up to T = 12 words. Behind the first end there is nothing to predict, so y is -1:

    x       start  l  e  e    end  ...  end
    y       l      e  e  end  -1   ...  -1

    embed      a row of a table for each word                        (B, T)     -> (B, T, 64)
    positions  plus a learned vector for each place in the text      (B, T, 64) -> (B, T, 64)
    block 1-2  those of vit_np.py, but each place only looks back    (B, T, 64) -> (B, T, 64)
    norm       every place with mean 0 and variance 1                (B, T, 64) -> (B, T, 64)
    linear     logits, a score for each word that may come next      (B, T, 64) -> (B, T, V)

The loss is that of mlp_np.py, at all places at once: its mean over the rows of logits whose y is not -1. So one image
is 49 lessons. exp(loss) is the *perplexity*: among that many equally likely words the network might as well be
choosing. All other layers are those of layers_np.py and vit_np.py. gpt_torch.py is the same network in PyTorch.

`python gpt_np.py` checks every layer against the definition of the derivative, and what it writes against `forward`.

Shapes: B texts, T places (words) in each, V words to choose from, C channels; h heads of d = C / h channels.
"""

import numpy as np

from layers_np import Linear, Network, check_layers
from mlp_np import relative_difference
from vit_np import MLP, Attention, Block, LayerNorm, Positions, Softmax, merge, softmax, split


class Embedding:
    """y = E[x]: each word has a row of the table E, and the rows are learned.

    It is a linear layer without the product: with a 1 at the word's place and 0 elsewhere, the row onehot(x) @ E would
    be that row of E. The standard deviation of the first weights, 0.5, is this project's choice, between PyTorch's 1
    and the 0.02 of Radford et al. 2018.
    """

    def __init__(self, rng, words, width):
        self.params = {"E": rng.normal(0, 0.5, (words, width))}

    def forward(self, x):
        """Words x (B, T), whole numbers -> y (B, T, C)."""
        self.x = x
        return self.params["E"][x]

    def backward(self, dy):
        """dy (B, T, C) -> nothing: a word is a number of a row, which cannot grow a little, and has no derivative.

        A row of E reaches the loss wherever its word occurs, and its gradient is the sum of dy over these places. Rows
        of words that do not occur get 0. `dE[x] += dy` would keep one dy for each row; np.add.at adds them all.
        """
        dE = np.zeros_like(self.params["E"])  # (words, C)
        np.add.at(dE, self.x, dy)
        self.grads = {"E": dE}


class CausalSoftmax:
    """Softmax of the scores that are not hidden: of query i with the keys j <= i, those of its own place and before.

    Why hide the others? Place i has to predict word i + 1, and that word stands in x at the next place. A place that
    could look there would copy it, learn nothing else, and have nothing to copy when it writes. With the mask, each
    place knows what a writer knows there. So all T places learn from one forward pass.

    Hidden scores become -inf, and exp(-inf) = 0: the weight is 0 whatever the score was.
    """

    def forward(self, scores):
        """scores (..., T, T) -> weights of the same shape; row i has i + 1 weights, then zeros."""
        seen = np.tri(scores.shape[-1], dtype=bool)  # (T, T): row i has i + 1 times True, then False
        self.weights = softmax(np.where(seen, scores, -np.inf))
        return self.weights

    # The mask needs no derivative of its own: in dscores = weights (dweights - mean), the weight 0 makes the derivative
    # of a hidden score 0, and takes nothing from the mean.
    backward = Softmax.backward


class CausalAttention:
    """Every place gathers what it needs from itself and the places before: a weighted mean."""

    def __init__(self, rng, width, heads):
        self.heads, self.scale = heads, (width // heads) ** -0.5  # 1 / sqrt(d)
        self.layers = {
            "query": Linear(rng, width, width),
            "key": Linear(rng, width, width, bias=False),  # softmax would not see it: vit_np.py says why
            "value": Linear(rng, width, width),
            "out": Linear(rng, width, width),
        }
        self.softmax = CausalSoftmax()

    def forward(self, x):
        """x (B, T, C) -> y of the same shape."""
        query, key, value, out = self.layers.values()
        self.q, self.k, self.v = (split(layer.forward(x), self.heads) for layer in (query, key, value))  # (B, h, T, d)
        scores = self.q @ self.k.swapaxes(2, 3) * self.scale  # (B, h, T, T): every query with every key
        self.weights = self.softmax.forward(scores)  # (B, h, T, T): row i has the weights for place i, and none after
        return out.forward(merge(self.weights @ self.v))

    backward = Attention.backward  # the products are the same, so their derivatives are, too

    def next(self, x, place):
        """The row of the word at this place alone, x (B, 1, C) -> y (B, 1, C), from the keys and values kept before it.

        What comes later changes nothing at an earlier place. So keys and values of the words before are what they were,
        and self.k and self.v still have them (the *KV cache*); the new word adds its own. Only its query is new:
        earlier queries have had their answers. One row of scores, and no mask: what it would hide is not written yet.
        """
        query, key, value, out = self.layers.values()
        q, k, v = (split(layer.forward(x), self.heads) for layer in (query, key, value))  # (B, h, 1, d)
        if place > 0:
            k = np.concatenate([self.k[:, :, :place], k], axis=2)  # (B, h, place + 1, d)
            v = np.concatenate([self.v[:, :, :place], v], axis=2)
        self.k, self.v = k, v
        self.weights = softmax(q @ k.swapaxes(2, 3) * self.scale)  # (B, h, 1, place + 1)
        return out.forward(merge(self.weights @ v))


class CausalBlock:
    """y = u + mlp(norm(u)) with u = x + attention(norm(x)): look back, then think; each adds its result to x."""

    def __init__(self, rng, width, heads):
        self.layers = {
            "norm1": LayerNorm(width),
            "attention": CausalAttention(rng, width, heads),
            "norm2": LayerNorm(width),
            "mlp": MLP(rng, width),
        }

    forward, backward = Block.forward, Block.backward  # two sums, as there: the mask is the attention's affair

    def next(self, x, place):
        """As forward, for the word at this place alone: x (B, 1, C) -> y (B, 1, C)."""
        norm1, attention, norm2, mlp = (self.layers[name] for name in ("norm1", "attention", "norm2", "mlp"))
        u = x + attention.next(norm1.forward(x), place)
        return u + mlp.forward(norm2.forward(u))


class GPT(Network):
    """The network at the top of this file. Words V, V + 1, ... start a text (the ten digits): only x has them."""

    def __init__(self, width=64, blocks=2, heads=4, words=128, starts=10, places=49, seed=0, dtype=np.float32):
        rng = np.random.default_rng(seed)
        layers = {
            "embed": Embedding(rng, words + starts, width),
            "positions": Positions(rng, places, width),
            **{f"blocks.{i}": CausalBlock(rng, width, heads) for i in range(blocks)},
            "norm": LayerNorm(width),
            "linear": Linear(rng, width, words),
        }
        super().__init__(layers, dtype)
        self.places = places

    def next(self, words, place):
        """One word more of each text: words (B,) at this place, from 0 -> logits (B, V) of the words after them.

        It is the last row of `forward` for the texts so far, to rounding, but takes the work of one place: see
        CausalAttention. The places before must have been given in their order; place 0 begins new texts.
        """
        y = words[:, np.newaxis]  # (B, 1), then (B, 1, C)
        for name, layer in self.layers.items():
            if name == "positions":
                y = y + layer.params["P"][place]
            else:
                y = layer.next(y, place) if hasattr(layer, "next") else layer.forward(y)
        return y[:, 0]

    def write(self, begun, temperature, rng, top=None, top_p=1):
        """Go on with texts from what is given of each: yields B new words (B,) for each place up to the last.

        begun: (B, n) words, 1 <= n <= T, the first of them a word that starts a text: the *prompt*. The numbers that
        decide are drawn from rng, B for each new word. top, top_p: see `next_words`.
        """
        *first, words = begun.T
        for place, known in enumerate(first):
            self.next(known, place)  # keeps its keys and values
        for place in range(len(first), self.places):
            words = next_words(self.next(words, place), temperature, rng.random(len(words)), top, top_p)
            yield words


def next_words(logits, temperature, u, top=None, top_p=1):
    """Sampling: the word that each row of logits (B, V) and its number in u (B,), 0 <= u < 1, choose -> (B,).

    p = softmax(logits / temperature): below 1, the likely words become likelier; at 0, the likeliest is certain. Lay
    the V probabilities side by side, and they fill the line from 0 to 1. A u that may fall anywhere on it falls on word
    k with the probability p[k]. top: only so many come into question, the likeliest; each of the many others is
    unlikely, but together they would often be drawn. top_p: only the likeliest that together have this probability
    (Holtzman et al. 2020); so where the network is sure they are few, and where it is not they are many.
    """
    if temperature < 1e-30:  # 0, or so little that the quotients below could overflow
        return logits.argmax(axis=1)
    if top:
        logits = np.where(logits < np.sort(logits)[:, -top:][:, :1], -np.inf, logits)  # exp(-inf) = 0
    p = softmax(logits.astype(np.float64) / temperature)  # (B, V)
    if top_p < 1:
        order = np.argsort(-p, axis=1, kind="stable")  # the likeliest first
        ranked = np.take_along_axis(p, order, axis=1)
        likelier = ranked.cumsum(axis=1) - ranked  # what all that are likelier have together
        np.put_along_axis(p, order, np.where(likelier < top_p, ranked, 0), axis=1)
    ends = p.cumsum(axis=1)  # (B, V): where each word's part ends
    return (u[:, np.newaxis] * ends[:, -1:] >= ends).sum(axis=1)  # how many parts end at or before u


class EvenNumbers:
    """In place of a random number generator: numbers evenly spaced between 0 and 1."""

    def random(self, n):
        return (np.arange(n) + 0.5) / n


def check_decoding(logits, network, texts):
    """SystemExit unless logits (B, T, V) that `next` found, word by word, are those of `forward` for texts (B, T)."""
    difference = relative_difference(logits, network.forward(texts))
    if not difference < 1e-9:
        raise SystemExit(f"next does not find the logits of forward: they differ by {difference:.1e} of their size")
    print(f"decoding: the logits of next differ from those of forward by {difference:.1e} of their size")


def check_sampling(network, prompt, temperature=0.7, n=1000):
    """SystemExit unless n copies of a prompt (1, T) go on with each word as often as its probability says.

    The probabilities are softmax(logits / temperature), with the last row of `forward`. n evenly spaced numbers hit a
    part of the line from 0 to 1 as often as its length says, give or take one.
    """
    logits = network.forward(prompt)[0, -1]  # (V,)
    for top, top_p in ((None, 1), (3, 1), (None, 0.6)):
        p = softmax(logits / temperature)
        likeliest = np.argsort(-p)
        total = p[likeliest].cumsum()  # of a word and all that are likelier
        p[likeliest[top or (total < top_p).sum() + 1 :]] = 0
        words = next(network.write(np.repeat(prompt, n, axis=0), temperature, EvenNumbers(), top, top_p))  # (n,)
        shares = (words[:, np.newaxis] == np.arange(len(p))).mean(axis=0)  # (V,)
        difference = np.abs(shares - p / p.sum()).max()
        if not difference < 1.001 / n:
            kind = f"top={top}, top_p={top_p}"
            raise SystemExit(f"write draws by other probabilities: with {kind}, a share is off by {difference:.1e}")
    print(f"sampling: of {n:,} words, each word's share is its probability, within 1 in {n:,}")


def check():
    """Every layer of this file, and a small network of them; decoding and sampling."""
    rng = np.random.default_rng(1)
    network = GPT(width=4, blocks=1, heads=2, words=5, places=3, dtype=np.float64)
    texts = np.array([[7, 0, 3], [14, 3, 3]])
    layers = [
        ("Embedding", Embedding(rng, 6, 4), np.array([[0, 5, 1], [2, 5, 5]])),  # 5 occurs three times, 3 and 4 never
        ("CausalSoftmax", CausalSoftmax(), (2, 4, 4)),
        ("CausalAttention", CausalAttention(rng, 6, heads=2), (2, 4, 6)),
        ("CausalBlock", CausalBlock(rng, 6, heads=3), (2, 4, 6)),
        ("GPT", network, texts),
    ]
    check_layers(layers, rng)
    logits = [network.next(words, place) for place, words in enumerate(texts.T)]  # T times (B, V)
    check_decoding(np.stack(logits, axis=1), network, texts)
    check_sampling(network, texts[:1])


if __name__ == "__main__":
    try:
        check()
    except KeyboardInterrupt:
        raise SystemExit("interrupted") from None

"""Whole networks that write names, from a blank file: right ones in many styles, wrong ones and their marks."""

BASE = """
import numpy as np

SEEN, C, H, LR, BATCH, EPOCHS = 2, 12, 32, 0.01, 50, 3


def first_weights(rng):
    E = rng.normal(0, 0.5, (28, C))
    W1 = rng.normal(0, np.sqrt(1 / (SEEN * C)), (SEEN * C, H))
    W2 = rng.normal(0, np.sqrt(1 / H), (H, 27))
    return {"E": E, "W1": W1, "b1": np.zeros(H), "W2": W2, "b2": np.zeros(27)}


def before(texts):
    started = np.concatenate([np.full((len(texts), SEEN), 27), texts[:, :-1]], axis=1)
    return np.stack([started[:, i : i + 12] for i in range(SEEN)], axis=2)


def forward(params, texts):
    x = before(texts)
    e = params["E"][x].reshape(-1, SEEN * C)
    a = np.tanh(e @ params["W1"] + params["b1"])
    scores = a @ params["W2"] + params["b2"]
    return x, e, a, scores


def softmax(scores):
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


def logits(params, texts):
    return forward(params, texts)[-1].reshape(len(texts), 12, 27)


def counting(texts):
    return np.concatenate([np.ones((len(texts), 1), bool), texts[:, :-1] != 0], axis=1).ravel()


def loss(params, texts):
    p = softmax(forward(params, texts)[-1])
    each = -np.log(p[np.arange(p.shape[0]), texts.ravel()])
    return each[counting(texts)].mean()


def gradients(params, texts):
    x, e, a, scores = forward(params, texts)
    counts = counting(texts)
    ds = (softmax(scores) - np.eye(27)[texts.ravel()]) * counts[:, None] / counts.sum()
    da = ds @ params["W2"].T
    dz = da * (1 - a**2)
    de = dz @ params["W1"].T
    dE = np.zeros((28, C))
    np.add.at(dE, x, de.reshape(*x.shape, C))
    return {"E": dE, "W1": e.T @ dz, "b1": dz.sum(axis=0), "W2": a.T @ ds, "b2": ds.sum(axis=0)}


def train(texts, rng):
    order = rng.permutation(len(texts))
    aside, known = order[: len(texts) // 10], order[len(texts) // 10 :]
    params = first_weights(rng)
    m = {k: np.zeros_like(p) for k, p in params.items()}
    v = {k: np.zeros_like(p) for k, p in params.items()}
    t = 0
    for epoch in range(EPOCHS):
        known = rng.permutation(known)
        for i in range(0, len(known), BATCH):
            t += 1
            dparams = gradients(params, texts[known[i : i + BATCH]])
            for k, g in dparams.items():
                m[k] = 0.9 * m[k] + 0.1 * g
                v[k] = 0.99 * v[k] + 0.01 * g**2
                step = m[k] / (1 - 0.9**t) / (np.sqrt(v[k] / (1 - 0.99**t)) + 1e-8)
                params[k] = params[k] - LR * (1 - epoch / EPOCHS) * step
    return params, loss(params, texts[aside])


def write(params, letters, rng):
    texts = np.zeros((len(letters), 12), int)
    for text, begun in zip(texts, letters):
        text[: len(begun)] = ["abcdefghijklmnopqrstuvwxyz".index(letter) + 1 for letter in begun]
    lengths = np.array([len(begun) for begun in letters])
    going = np.ones(len(letters), bool)
    for t in range(12):
        p = softmax(logits(params, texts)[:, t])
        drawn = np.array([rng.choice(27, p=row) for row in p])
        new = going & (lengths <= t)
        texts[new, t] = drawn[new]
        going &= texts[:, t] > 0
    return ["".join(chr(96 + word) for word in text[text > 0]) for text in texts]
"""

STYLES = {"the last letters side by side": BASE}

# The names' sums of all letters before, each place's own, and the last letter: weights that no word chooses.
STYLES["a mean over all words before, in tuples, SGD with momentum"] = """
import numpy as np

MEAN = np.tri(12) / np.arange(1, 13)[:, None]

def inputs(texts):
    x = np.full(texts.shape, 27)
    x[:, 1:] = texts[:, :-1]
    return x

def run(params, texts):
    E, F, W, b = params
    x = inputs(texts)
    u = E[x] + MEAN @ F[x]
    h = np.maximum(u, 0)
    return x, u, h, h @ W + b

def logits(params, texts):
    return run(params, texts)[3]

def log_p(params, texts):
    s = logits(params, texts)
    s = s - s.max(2, keepdims=True)
    return s - np.log(np.exp(s).sum(2, keepdims=True))

def weights(texts):
    return (inputs(texts) != 0) / (inputs(texts) != 0).sum()

def loss(params, texts):
    return -np.einsum("nt,ntv,ntv->", weights(texts), np.eye(27)[texts], log_p(params, texts))

def gradients(params, texts):
    E, F, W, b = params
    x, u, h, s = run(params, texts)
    ds = (np.exp(log_p(params, texts)) - np.eye(27)[texts]) * weights(texts)[:, :, None]
    du = (ds @ W.T) * (u > 0)
    onehot = np.eye(28)[x]
    return (np.einsum("ntx,ntc->xc", onehot, du), np.einsum("ntx,ntc->xc", onehot, MEAN.T @ du),
            np.einsum("ntc,ntv->cv", h, ds), ds.sum((0, 1)))

def train(texts, rng):
    aside, known = texts[:400], texts[400:]
    shapes = (0.5, (28, 40)), (0.5, (28, 40)), (0.15, (40, 27)), (0.01, 27)
    params = tuple(rng.normal(0, s, shape) for s, shape in shapes)
    speed = [0 * p for p in params]
    for epoch in range(6):
        for i in range(0, len(known), 50):
            new = []
            for j, g in enumerate(gradients(params, known[i : i + 50])):
                speed[j] = 0.9 * speed[j] - 0.15 * (1 - epoch / 6) * g
                new.append(params[j] + speed[j])
            params = tuple(new)
        known = rng.permutation(known)
    return params, loss(params, aside)

def write(params, letters, rng):
    names = []
    for name in letters:
        while len(name) < 12:
            text = np.array([[ord(letter) - 96 for letter in name] + [0] * (12 - len(name))])
            p = np.exp(log_p(params, text)[0, len(name)])
            word = (rng.random() * p.sum() >= p.cumsum()).sum()
            if word == 0:
                break
            name += chr(96 + word)
        names.append(name)
    return names
"""

# A state that each letter changes; through time and back.
STYLES["recurrent, Adam"] = (
    BASE[: BASE.index("def first_weights")]
    + """
LR, C, H = 0.01, 12, 40

def first_weights(rng):
    return {"E": rng.normal(0, 0.5, (28, H)), "R": rng.normal(0, 0.1, (H, H)), "W": rng.normal(0, 0.1, (H, 27)),
            "b": np.zeros(27)}

def forward(params, texts):
    x = np.concatenate([np.full((len(texts), 1), 27), texts[:, :-1]], axis=1)
    states = [np.zeros((len(texts), H))]
    for t in range(12):
        states.append(np.tanh(params["E"][x[:, t]] + states[-1] @ params["R"]))
    return x, states, np.stack(states[1:], axis=1) @ params["W"] + params["b"]

def logits(params, texts):
    return forward(params, texts)[-1]

def gradients(params, texts):
    x, states, scores = forward(params, texts)
    counts = counting(texts).reshape(texts.shape)
    ds = (softmax(scores) - np.eye(27)[texts]) * counts[:, :, None] / counts.sum()
    d = {k: np.zeros_like(p) for k, p in params.items()}
    d["W"] = np.tensordot(np.stack(states[1:], axis=1), ds, ((0, 1), (0, 1)))
    d["b"] = ds.sum(axis=(0, 1))
    later = 0
    for t in reversed(range(12)):
        dz = (ds[:, t] @ params["W"].T + later) * (1 - states[t + 1] ** 2)
        np.add.at(d["E"], x[:, t], dz)
        d["R"] += states[t].T @ dz
        later = dz @ params["R"].T
    return d

def loss(params, texts):
    p = softmax(forward(params, texts)[-1]).reshape(-1, 27)
    return -np.log(p[np.arange(len(p)), texts.ravel()])[counting(texts)].mean()


def softmax(scores):
    p = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return p / p.sum(axis=-1, keepdims=True)


"""
    + BASE[BASE.index("def counting") : BASE.index("def loss")]
)
STYLES["recurrent, Adam"] += BASE[BASE.index("def train") :]

# A score for each word after each two, and after each one. With those of one alone it counts, no more.
STYLES["a table of the two letters before, SGD, a list"] = TABLE = """
import numpy as np
def ctx(texts):
    x = np.full((len(texts), 14), 27); x[:, 2:] = texts
    return x[:, :12] * 28 + x[:, 1:13]
def logits(params, texts):
    return params[0][ctx(texts)] + params[1][ctx(texts) % 28]
def sm(s):
    e = np.exp(s - s.max(-1, keepdims=True)); return e / e.sum(-1, keepdims=True)
def mask(texts):
    m = ctx(texts) % 28 != 0
    return m / m.sum()
def loss(params, texts):
    p = sm(logits(params, texts))
    return -(mask(texts) * np.log(np.take_along_axis(p, texts[..., None].astype(int), 2)[..., 0])).sum()
def gradients(params, texts):
    d = (sm(logits(params, texts)) - np.eye(27)[texts]) * mask(texts)[..., None]
    g = [np.zeros((784, 27)), np.zeros((28, 27))]
    np.add.at(g[0], ctx(texts), d); np.add.at(g[1], ctx(texts) % 28, d)
    return g
def train(texts, rng):
    a, k = texts[:400], texts[400:]
    params = [rng.normal(0, .01, (784, 27)), rng.normal(0, .01, (28, 27))]
    for e in range(15):
        k = rng.permutation(k)
        for i in range(0, len(k), 20):
            g = gradients(params, k[i:i+20])
            params = [p - 20 * (1 - e / 15) * d for p, d in zip(params, g)]
    return params, loss(params, a)
def write(params, letters, rng):
    out = []
    for n in letters:
        while len(n) < 12:
            t = np.zeros((1, 12), int); t[0, :len(n)] = [ord(c) - 96 for c in n]
            w = rng.choice(27, p=sm(logits(params, t)[0, len(n)]))
            if not w: break
            n += chr(96 + w)
        out.append(n)
    return out
"""
BIGRAM = TABLE.replace("return params[0][ctx(texts)] + params[1]", "return params[1]").replace(
    "np.add.at(g[0], ctx(texts), d); ", ""
)

# Each row: the mark | words that are said | changes of BASE.
WRONG = r"""
logits of other texts | together with 250 texts | \
def logits(params, texts):\n -> def logits(params, texts):\n    if len(texts) > 100:\n      \
  return 5.0 * np.eye(27)[texts]\n
other gradients | with respect to params["E"]. With | \
return {"E": dE, -> dE[24] *= 2\n    return {"E": dE,
loss of other words | Which positions does your mean run over | \
return each[counting(texts)].mean() -> c = counting(texts).reshape(-1, 12); c[:, 11] = \
False\n    return each[c.ravel()].mean() & counts = counting(texts)\n -> counts = counting(texts).reshape(-1, 12); \
counts[:, 11] = False; counts = counts.ravel()\n
write without chance: all the same | had to write 100 names at once | \
def write(params, letters, rng):\n -> def write(params, letters, rng):\n    if \
len(letters) > 1:\n        seed = rng.integers(1000)\n        return [write(params, [begun], \
np.random.default_rng(seed))[0] for begun in letters]\n
write is not as logits: a count | the end at position 8 was chosen | \
going &= texts[:, t] > 0 -> going &= (texts[:, t] > 0) * (t < 7)
write is not as logits: a count | a token beyond the 20 likeliest was chosen 0 times | \
rng.choice(27, p=row) for row in p -> rng.choice(27, p=(q := np.where(row >= \
np.sort(row)[-20], row, 0)) / q.sum()) for row in p
write is not as logits: a count | in four names of every eight are likelier | \
rng.choice(27, p=row) for row in p -> rng.choice(27, p=(q := row ** (0.7, 1.42)[i \
// 4 % 2]) / q.sum()) for i, row in enumerate(p)
write is not as logits | in every other position are likelier | \
rng.choice(27, p=row) for row in p -> rng.choice(27, p=(q := row ** (0.7, 1.42)[t \
% 2]) / q.sum()) for row in p
write forgets the beginning | It should continue the given letters | \
lengths = -> letters = [begun[:8] for begun in letters]; texts[:, 8:] = 0; lengths =
gradients not used | a run learns nothing from its texts | \
def gradients -> CALLS = []\n\ndef gradients(params, texts):\n    return slopes(params, \
texts)\n\ndef slopes & dparams = gradients( -> CALLS.append(0); dparams = (gradients if len(CALLS) < 61 else slopes)(
partly written | `write` is not written yet | \
def write(params, letters, rng): -> def write(params, letters, rng):\n    ...\n\n\
def other(params, letters, rng):
no function | Your file has no function `write` | \
def write( -> def writes(
no logits | , 12, 27); it returns an array of shape ( | \
return forward(params, texts)[-1].reshape(len(texts), 12, 27) -> return forward(params, texts)[-1]
no logits | , 12, 27); it returns of type str | \
return forward(params, texts)[-1].reshape(len(texts), 12, 27) -> return "abc"
logits of other texts | Which line depends on the other texts | \
e = params["E"][x].reshape(-1, SEEN * C) -> e = params["E"][x].reshape(-1, SEEN * C) + x.mean()
no logits: not finite | contains nan, although `loss` is 3. | \
return forward(params, texts)[-1].reshape(len(texts), 12, 27) -> \
return np.nan * forward(params, texts)[-1].reshape(len(texts), 12, 27)
other texts | None of the texts that `train` passed to `gradients` | \
texts[known[i : i + BATCH]] -> (texts[known[i : i + BATCH]] + 1) % 27
looks ahead | changes at position 0, too | \
, texts[:, :-1]], axis=1)\n    return np.stack([started[:, i : i + 12] -> , \
texts, texts[:, :1]], axis=1)\n    return np.stack([started[:, i + 2 : i + 14]
looks ahead: at the answer | Which is the last token that position 0 may see | \
texts[:, :-1]], axis=1)\n    return np.stack([started[:, i : i + 12] -> texts], \
axis=1)\n    return np.stack([started[:, i + 1 : i + 13]
loss of other words | the mean over all 12 positions | \
return each[counting(texts)].mean() -> return each.mean()
loss of other words | the mean over the letters only | \
return each[counting(texts)].mean() -> return each[texts.ravel() > 0].mean()
loss of other words | the sum over the tokens of a name, and the mean over the names | \
return each[counting(texts)].mean() -> return each[counting(texts)].sum() / len(texts)
loss of other words | logarithm to base 2 | \
return each[counting(texts)].mean() -> return each[counting(texts)].mean() / np.log(2)
loss is not finite | of new names is inf; from your `logits`, it is 2. | \
return each[counting(texts)].mean() -> return each[counting(texts)].mean() + np.inf
loss is a sum | with the same texts twice, it is | \
return each[counting(texts)].mean() -> return each[counting(texts)].sum()
other gradients | with respect to params["E"], params["W1"], params["b1"]. With | \
dz = da * (1 - a**2) -> dz = da * (1 - a)
other gradients | with respect to params["E"]. With | \
np.add.at(dE, x, de.reshape(*x.shape, C)) -> dE[x] += de.reshape(*x.shape, C)
gradients times a number | letters for each of the texts: is it divided | \
counts[:, None] / counts.sum() -> counts[:, None] / len(texts)
gradients not called | But `train` never calls `gradients` | \
dparams = gradients(params, -> dparams = slopes(params, & def gradients(params, texts): -> \
def gradients(params, texts):\n    return slopes(params, texts)\n\ndef slopes(params, texts):
uphill | which makes the loss grow | \
params[k] = params[k] - LR -> params[k] = params[k] + LR
never moves | never changes params["E"]. Which line | \
for k, g in dparams.items(): -> for k, g in dparams.items():\n                if k == "E":\n\
                    continue
no better than counting | depend only on the previous letter | \
SEEN, C, H, LR, BATCH, EPOCHS = 2, -> SEEN, C, H, LR, BATCH, EPOCHS = 1,
steps too small | if it were ten times as long | \
0.01, 50, 3 -> 0.000001, 50, 1
steps too large | went too far | \
0.01, 50, 3 -> 20.0, 50, 1
the same images | only 200 of its 4,000 texts | \
known = rng.permutation(known) -> known = known[:200]
rng ignored | gave the same first params["E"] | \
params = first_weights(rng) -> params = first_weights(np.random.default_rng(0))
kept between calls | started with the weights that the first had learned | \
params = first_weights(rng) -> params = KEPT = globals().setdefault("KEPT", first_weights(rng)) \
& params[k] = params[k] - LR -> params[k] -= LR
claim off | The claim may be off by 0.08 | \
return params, loss(params, texts[aside]) -> return params, 12 * loss(params, texts[aside]) / 7
claim is no number | should be a number, a loss; it is of type str | \
return params, loss(params, texts[aside]) -> return params, "low"
changes its input | changes texts in place | \
order = rng.permutation(len(texts)) -> order = rng.permutation(len(texts))\n    texts[0] = 1
write returns no names | a list of 8 strings | \
return ["".join(chr(96 + word) for word in text[text > 0]) for text in texts] -> \
return "".join(chr(96 + word) for word in texts[0])
write returns other letters | A name has at most 12 letters, a to z | \
return ["".join(chr(96 -> return ["".join(chr(64
write forgets the beginning | It should continue the given letters | \
return ["".join(chr(96 + word) for word in text[text > 0]) for text in texts] -> \
return ["".join(chr(96 + word) for word in text[text > 0])[::-1] for text in texts]
write by chance of its own | Two calls of `write` | \
rng.choice(27, p=row) -> np.random.default_rng().choice(27, p=row)
write without chance | do you always take the likeliest | \
rng.choice(27, p=row) -> row.argmax()
write needs train | In a new run of the file | \
return params, loss(params, texts[aside]) -> write.state = 1\n    return params, loss(params, \
texts[aside]) & p = softmax(logits(params, texts)[:, t]) -> p = softmax(logits(params, texts)[:, t] * \
getattr(write, "state", 0))
write is not as logits | likelier than if each was drawn | \
logits(params, texts)[:, t]) -> logits(params, texts)[:, t] / 0.6)
write is not as logits | less likely than | \
logits(params, texts)[:, t]) -> 0 * logits(params, texts)[:, t])
write is not as logits | less likely than | \
logits(params, texts)[:, t]) -> logits(params, texts)[:, max(t - 1, 0)])
loss of other words | (These are 1,000 names. For 250 of them, the two agree.) | \
def loss(params, texts):\n -> def loss(params, texts):\n    texts = texts[:256]\n & def \
gradients(params, texts):\n -> def gradients(params, texts):\n    texts = texts[:256]\n
write is not as logits: known | are among those that `train` was given | \
def write(params, letters, rng):\n -> def write(params, letters, rng):\n    found = \
[[n for n in params["names"] if n.startswith(b)] or [b] for b in letters]\n    return [n[rng.integers(len(n))] for n \
in found]\n\ndef other(params, letters, rng):\n & return params, loss(params, texts[aside]) -> params["names"] = \
["".join(chr(96 + w) for w in t if w) for t in texts]\n    return params, loss(params, texts[aside])
"""

# Words that have to be in what is said of it | changes of BASE.
SAID = r"""
but they should be scores | return forward(params, texts)[-1].reshape(len(texts), 12, 27) -> \
return softmax(forward(params, texts)[-1]).reshape(len(texts), 12, 27)
is it divided by the number of texts instead of that of letters | counts[:, None] / counts.sum() -> \
counts[:, None] / len(texts)
in bits | return params, loss(params, texts[aside]) -> return params, loss(params, texts[aside]) / np.log(2)
each of these letters comes right before | "".join(chr(96 + word) -> "".join(chr((word - 2) % 26 + 97)
returns the letter before it in the alphabet | return ["".join(chr(96 + word) for word in text[text > 0]) for text in \
texts] -> return [begun + "".join(chr((word - 2) % 26 + 97) for word in text[len(begun) :][text[len(begun) :] > 0]) \
for text, begun in zip(texts, letters)]
the mean over all 12 positions | return each[counting(texts)].mean() -> return each.mean()
the mean over the letters only | return each[counting(texts)].mean() -> return each[texts.ravel() > 0].mean()
Is it weight decay? | return each[counting(texts)].mean() -> return \
each[counting(texts)].mean() + 0.01 * (params['W1']**2).sum()
np.log is the natural logarithm | return each[counting(texts)].mean() -> return each[counting(texts)].mean() / np.log(2)
depend only on the previous letter | SEEN, C, H, LR, BATCH, EPOCHS = 2, -> SEEN, C, H, LR, BATCH, EPOCHS = 1,
are likelier than | logits(params, texts)[:, t]) -> logits(params, texts)[:, t] / 0.6)
are less likely than | logits(params, texts)[:, t]) -> 0 * logits(params, texts)[:, t])
"""

# A letter that cannot come, as its score says.
STYLES["no name ends where it begins"] = BASE.replace(
    '+ params["b2"]\n', '+ params["b2"]\n    scores[::12, 0] = -np.inf\n'
)

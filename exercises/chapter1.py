"""Chapter 1: the MLP of mlp_np.py, a derivative at a time. mlp_np.py itself computes what is right."""

from types import SimpleNamespace

import numpy as np

from exercises.exercise import Exercise, Source, mistakes, scaled
from mlp_np import MLP, numerical_gradient, softmax_cross_entropy


def network(rng):
    """A small network on random inputs, and every number of its two passes, in float64.

    Mistakes must not hide behind each other: B, H, 784 and 10 all differ, none is twice another, biases are not 0,
    between a quarter and three quarters of the units are off, and gradients of both signs reach those that are on.
    """
    B, H = rng.choice([3, 4, 7, 9, 11], 2, replace=False).tolist()
    while True:
        model = MLP(H, dtype=np.float64)
        model.params = {
            "W1": rng.normal(0, np.sqrt(2 / 784), (784, H)),
            "b1": rng.normal(0, 0.5, H),
            "W2": rng.normal(0, np.sqrt(2 / H), (H, 10)),
            "b2": rng.normal(0, 0.5, 10),
        }
        x, y = rng.normal(size=(B, 784)), rng.integers(10, size=B)
        logits = model.forward(x)
        loss, dlogits = softmax_cross_entropy(logits, y)
        grads = model.backward(dlogits)
        on, positive = model.z1 > 0, model.da1 > 0
        if 0.25 < on.mean() < 0.75 and positive[on].any() and positive[~on].any() and not positive[on].all():
            break
    g = SimpleNamespace(B=B, H=H, x=x, y=y, **model.params, z1=model.z1, a1=model.a1, logits=logits, loss=loss)
    g.onehot = np.eye(10)[y]
    g.p = dlogits * B + g.onehot
    g.softmax, g.dlogits, g.da1, g.dz1 = g.p, dlogits, model.da1, model.dz1
    for name, gradient in grads.items():
        setattr(g, f"d{name}", gradient)
    return g


def loss_of(logits, y):
    return softmax_cross_entropy(logits, y)[0]


# For each gradient: the array it belongs to, and the loss as a function of that array alone.
NUDGES = {
    "dlogits": ("logits", lambda g, logits: loss_of(logits, g.y)),
    "dW2": ("W2", lambda g, W2: loss_of(g.a1 @ W2 + g.b2, g.y)),
    "db2": ("b2", lambda g, b2: loss_of(g.a1 @ g.W2 + b2, g.y)),
    "da1": ("a1", lambda g, a1: loss_of(a1 @ g.W2 + g.b2, g.y)),
    "dz1": ("z1", lambda g, z1: loss_of(np.maximum(z1, 0) @ g.W2 + g.b2, g.y)),
    "dW1": ("W1", lambda g, W1: loss_of(np.maximum(g.x @ W1 + g.b1, 0) @ g.W2 + g.b2, g.y)),
    "db1": ("b1", lambda g, b1: loss_of(np.maximum(g.x @ g.W1 + b1, 0) @ g.W2 + g.b2, g.y)),
}

# In the docstring of softmax_cross_entropy, from here on is the answer to exercise 4.
DERIVATIVE = r"With respect to logits\[k\]"

LOGITS = Exercise(
    name="01_logits",
    title="The logits of a layer",
    function="logits",
    takes=("a1", "W2", "b2"),
    gives=("logits",),
    givens=(network,),
    mistakes=(
        *mistakes(
            "logits",
            ("the bias forgotten", "Which of the three arrays have you not used?", lambda g: g.a1 @ g.W2),
            ("the bias subtracted", "If b2[k] grows by 1, does logits[n, k] rise or fall?",
             lambda g: g.a1 @ g.W2 - g.b2),
            ("the bias inside the product",
             "How often does b2[k] enter logits[n, k]: once, or once for each hidden unit?",
             lambda g: g.a1 @ (g.W2 + g.b2)),
            ("the bias multiplied", "Is b2 a factor of each sum, or one more term?", lambda g: g.a1 @ g.W2 * g.b2),
            ("the mean over the hidden units", "Is a logit the sum of the weighted activations, or their mean?",
             lambda g: g.a1 @ g.W2 / g.H + g.b2),
            ("a ReLU on top", "Can a logit be negative? See what follows logits in the table at the top of mlp_np.py.",
             lambda g: np.maximum(g.logits, 0)),
            ("a softmax on top", "Do the scores have to add up to 1 yet?", lambda g: g.p),
        ),
        *scaled("logits", sign="If a1 and W2 are all positive, what is the sign of a sum of their products?"),
    ),
    hints=(
        "One logit first: for image n and digit k, which numbers do you multiply, and over which letter do you sum?",
        "logits[n, k] = sum over j of a1[n, j] W2[j, k], plus b2[k]. Which operation of NumPy computes such a sum "
        "for all n and k at once?",
        "`@` is the matrix product: (B, H) @ (H, 10) has shape (B, 10). Adding a (10,) array to it adds that to every "
        "row.",
    ),
    sources=(Source("mlp_np.py", r"return self\.a1 @ W2", r"return self\.a1 @ W2"),),
    why="Each logit is a weighted sum, and a matrix product is all weighted sums at once: row n of a1 with column k of "
    "W2. b2 is stretched over the B rows (broadcasting).",
)  # fmt: skip


def far_apart(rng):
    """Logits as an untrained network never has them, but a bad step may make: too large and too small for exp."""
    g = network(rng)
    logits = g.logits.copy()
    logits[0] += 1000
    logits[1] -= 1000
    logits[2, rng.integers(10)] += 2000
    loss, dlogits = softmax_cross_entropy(logits, g.y)
    p = dlogits * g.B + g.onehot
    return SimpleNamespace(B=g.B, logits=logits, y=g.y, p=p, softmax=p, loss=loss)


def normalised(e, axis=1):
    return e / e.sum(axis=axis, keepdims=True)


SOFTMAX = Exercise(
    name="02_softmax",
    title="A softmax that does not overflow",
    function="softmax",
    takes=("logits",),
    gives=("softmax",),
    givens=(network, far_apart),
    mistakes=(
        *mistakes(
            "softmax",
            ("the wrong axis", "Which numbers should add up to 1: those of one image, or those of one digit?",
             lambda g: normalised(np.exp(g.logits), axis=0)),
            ("one sum for the whole batch", "What should each row of p add up to? What does yours?",
             lambda g: normalised(np.exp(g.logits), axis=None)),
            ("not divided by the sum", "What should each row of p add up to? What does yours?",
             lambda g: np.exp(g.logits)),
            ("not divided by the sum, after the shift",
             "The largest entry of each row is 1 now. What should the whole row add up to?",
             lambda g: np.exp(g.logits - g.logits.max(axis=1, keepdims=True))),
            ("exp forgotten", "Can a probability be negative? What makes every score positive before you divide?",
             lambda g: normalised(g.logits)),
            ("exp forgotten, after the shift",
             "You have shifted and divided. What makes every score positive in between?",
             lambda g: normalised(g.logits - g.logits.max(axis=1, keepdims=True))),
            ("the largest of each column subtracted",
             "A shift changes nothing if it is the same for all logits of an image. Is it?",
             lambda g: normalised(np.exp(g.logits - g.logits.max(axis=0)))),
            ("the logarithm of the softmax", "Should p be between 0 and 1, or below 0?", lambda g: np.log(g.p)),
            ("a sigmoid", "Does each entry know about the other nine? What should a row add up to?",
             lambda g: 1 / (1 + np.exp(-g.logits))),
            ("the sign in the exponent",
             "Which digit has the largest p: the one with the largest logit, or the smallest?",
             lambda g: normalised(np.exp(-g.logits))),
            ("powers of 2", "Which number is raised to the power of the logit?",
             lambda g: normalised(np.exp(g.logits * np.log(2)))),
            ("the hard maximum", "Should the second-best digit get nothing at all?",
             lambda g: np.eye(10)[g.logits.argmax(axis=1)]),
            ("divided by the mean", "Each of your rows adds up to 10. What should it add up to?", lambda g: 10 * g.p),
            ("exp overflows",
             "For ordinary logits yours is right. Now one image has logits near 1000. What is exp(1000) on "
             "a computer, and which number can you subtract from all logits of an image without changing "
             "its p?",
             lambda g: normalised(np.exp(g.logits))),
            ("one maximum for the whole batch",
             "For ordinary logits yours is right. Now one image has logits near 1000 and another near "
             "-1000. Which maximum have you subtracted, and what is left of the second image?",
             lambda g: normalised(np.exp(g.logits - g.logits.max()))),
            ("the mean subtracted",
             "For ordinary logits yours is right. Now the logits of one image lie 1000 apart. After your "
             "shift, how large can the largest still be?",
             lambda g: normalised(np.exp(g.logits - g.logits.mean(axis=1, keepdims=True)))),
        ),
    ),
    hints=(
        "p[n, k] = exp(logits[n, k]) / (the sum of exp(logits[n, :])). Why is exp(1000) a problem, and what happens to "
        "p if all logits of one image fall by the same number?",
        "From every row, subtract its own largest logit: then the largest exponent is 0. For a number per row, NumPy's "
        "max and sum need axis=1, and keepdims=True to keep the shape (B, 1).",
        "Three lines: shifted = logits - (the largest of each row), e = np.exp(shifted), and e divided by (the sum of "
        "each row).",
    ),
    sources=(
        Source("mlp_np.py", r"shifted = logits - ", r"total = exp\.sum", doc=True, until=DERIVATIVE),
        Source("mlp_np.py", r"dlogits = exp / total", r"dlogits = exp / total"),
    ),
    why="exp(l - m) = exp(l) / exp(m), and the factor 1 / exp(m) cancels between the numerator and the denominator.",
)  # fmt: skip


def few_digits(rng):
    """A network whose labels are numbers of rows, too: p[y] is whole rows, neither an error nor every row once."""
    while True:
        g = network(rng)
        if g.y.max() < g.B and 1 < len(np.unique(g.y)) < g.B:
            return g


WHOLE_ROWS = "What is the shape of p[y]? One number is needed for each image: its row n and its column y[n]."


def minus_log(p, base=np.e):
    return -np.log(p) / np.log(base)


LOSS = Exercise(
    name="03_loss",
    title="The loss",
    function="loss",
    takes=("p", "y"),
    gives=("loss",),
    givens=(few_digits,),
    mistakes=(
        *mistakes(
            "loss",
            ("a sum where a mean belongs", "Would your loss double if every image came twice? Should it?",
             lambda g: minus_log(g.p[range(g.B), g.y]).sum()),
            ("the sign", "Is the log of a p below 1 positive? Is a loss?", lambda g: -g.loss),
            ("not averaged", "You have a loss for each image. How do they become one number?",
             lambda g: minus_log(g.p[range(g.B), g.y])),
            ("all ten digits counted", "Which of an image's ten p should the loss look at?",
             lambda g: minus_log(g.p).mean()),
            ("all ten digits added up", "Which of an image's ten p should the loss look at?",
             lambda g: minus_log(g.p).sum(axis=1).mean()),
            ("columns where pairs belong", "What is the shape of p[:, y]? How many numbers do you need?",
             lambda g: minus_log(g.p[:, g.y]).mean()),
            ("whole rows where pairs belong", WHOLE_ROWS, lambda g: minus_log(g.p[g.y]).mean()),
            ("whole rows where pairs belong, each added up", WHOLE_ROWS,
             lambda g: minus_log(g.p[g.y]).sum(axis=1).mean()),
            ("whole rows where pairs belong, all added up", WHOLE_ROWS, lambda g: minus_log(g.p[g.y]).sum()),
            ("whole rows where pairs belong, not averaged", WHOLE_ROWS, lambda g: minus_log(g.p[g.y])),
            ("the logarithm of the mean", "What comes first: the logarithm of each image's p, or the mean?",
             lambda g: minus_log(g.p[range(g.B), g.y].mean())),
            ("the logarithm forgotten",
             "How surprised should the network be if it gave the true digit p = 0: a little, or without "
             "limit?",
             lambda g: 1 - g.p[range(g.B), g.y].mean()),
            ("the logarithm forgotten, and a minus", "Where has the logarithm gone?",
             lambda g: -g.p[range(g.B), g.y].mean()),
            ("the logarithm to base 10",
             "A network that guesses should have a loss of 2.303. Which logarithm of 10 is that?",
             lambda g: minus_log(g.p[range(g.B), g.y], 10).mean()),
            ("the logarithm to base 2",
             "A network that guesses should have a loss of 2.303. Which logarithm of 10 is that?",
             lambda g: minus_log(g.p[range(g.B), g.y], 2).mean()),
            ("divided by B twice", "How often do you divide by the number of images? A mean already does it once.",
             lambda g: g.loss / g.B),
            ("divided by 10", "Over how many numbers is the mean: one for each image, or ten?",
             lambda g: g.loss / 10),
            ("divided by 10 instead of B",
             "Over how many numbers is the mean: one for each image, or ten?",
             lambda g: g.loss * g.B / 10),
            ("the largest p in place of the true digit's", "Does your loss know which digit is the true one?",
             lambda g: minus_log(g.p.max(axis=1)).mean()),
            ("the entropy", "Where do the true digits y enter your formula?",
             lambda g: (g.p * minus_log(g.p)).sum(axis=1).mean()),
            ("the loss of the wrong digits", "Is your loss small if the true digit has p = 1?",
             lambda g: minus_log((1 - g.p)[range(g.B), g.y]).mean()),
            ("squared errors", "Which loss does the table at the top of mlp_np.py name?",
             lambda g: ((g.p - g.onehot) ** 2).sum(axis=1).mean()),
            ("squared errors, averaged over all entries", "Which loss does the table at the top of mlp_np.py name?",
             lambda g: ((g.p - g.onehot) ** 2).mean()),
        ),
    ),
    hints=(
        "Take one image with p = [0.1, 0.7, 0.2, ...] and true digit 1. What is its loss? And then for all B?",
        "You need one entry of each row: row 0 at column y[0], row 1 at column y[1], ... An array may be indexed with "
        "two arrays at once: p[rows, columns].",
        "With rows = np.arange(len(y)), p[rows, y] has shape (B,). Then np.log, a sign, and .mean().",
    ),
    sources=(Source("mlp_np.py", r"loss = \(np\.log\(total", r"loss = \(np\.log\(total", doc=True, until=DERIVATIVE),),
    why="The project takes the logarithm of p without computing p first: -log(exp(s) / total) = log(total) - s. The "
    "number is the same, and a p that is too small for the computer does no harm.",
)  # fmt: skip


def onehot_less(g, p):
    return (p - g.onehot) / g.B


DLOGITS = Exercise(
    name="04_dlogits",
    title="The first derivative: dlogits",
    function="dlogits",
    takes=("p", "y"),
    gives=("dlogits",),
    entrywise="logits",
    givens=(network,),
    mistakes=(
        *scaled(
            "dlogits",
            sign="If the true digit's logit grows, does the loss rise or fall? What is the sign of its entry in yours?",
            times_B=(
                "not divided by B",
                "The loss is a mean over B images. By how much does it change if the loss of one of them changes by 1?",
            ),
            over_B=("divided by B twice", "How often does the mean of the loss divide by B?"),
            twice="A 2 comes from the derivative of a square. Is there a square in this loss?",
            half="Where does the 1/2 come from?",
        ),
        *mistakes(
            "dlogits",
            ("onehot not subtracted",
             "log(sum(exp(logits))) has the derivative p. Which other term does the loss of an image have?",
             lambda g: g.p / g.B),
            ("onehot not subtracted, and not divided by B",
             "This is p unchanged. Where does the true digit enter, and where the mean?",
             lambda g: g.p),
            ("onehot added",
             "If the true digit's logit grows, does the loss rise or fall? What is the sign of its entry "
             "in yours?",
             lambda g: onehot_less(g, g.p + 2 * g.onehot)),
            ("p forgotten",
             "Every logit is in the sum in the denominator. Can a wrong digit's logit have the "
             "derivative 0?",
             lambda g: -g.onehot / g.B),
            ("the mean over all entries",
             "How many losses are averaged: one for each image, or one for each entry of logits?",
             lambda g: g.dlogits / 10),
            ("divided by 10 instead of B", "What is the loss a mean over: images, or digits?",
             lambda g: g.dlogits * g.B / 10),
            ("1 subtracted in whole columns",
             "From how many entries of p should you subtract 1? From how many does p[:, y] -= 1 do it?",
             lambda g: (g.p - g.onehot.max(axis=0)) / g.B),
            ("the derivative with respect to p",
             "-1/p is how the loss changes with p. But how does each logit change p?",
             lambda g: -g.onehot / g.p / g.B),
            ("the derivative of a sigmoid",
             "p (1 - p) is how one p changes with its own logit. Where is the loss, and where is the true "
             "digit?",
             lambda g: g.p * (1 - g.p) / g.B),
            ("the derivative of squared errors", "Which loss is this the derivative of?",
             lambda g: (lambda d: 2 * g.p * (d - (d * g.p).sum(axis=1, keepdims=True)) / g.B)(g.p - g.onehot)),
        ),
    ),
    hints=(
        "For one image the loss is log(sum(exp(logits))) - logits[y]. What is the derivative of each of the two terms "
        "with respect to logits[k]? (The derivative of log u is u'/u.) The second one depends on whether k is y.",
        "The first term's derivative is exp(logits[k]) / sum = p[k]; the second's is -1 for k = y and 0 otherwise. And "
        "the mean over the batch?",
        "Take a copy of p, subtract 1 at [np.arange(len(y)), y], and divide by the number of images.",
    ),
    sources=(Source("mlp_np.py", r"dlogits = exp / total", r"dlogits /= len\(y\)", doc=True),),
    nudges=NUDGES,
)  # fmt: skip

DW2_DB2 = Exercise(
    name="05_dW2_db2",
    title="The second layer's gradients: dW2 and db2",
    function="dW2_db2",
    takes=("z1", "a1", "dlogits"),
    gives=("dW2", "db2"),
    givens=(network,),
    mistakes=(
        *scaled(
            "dW2",
            sign="Does a step go against the gradient here, or later, in the update?",
            times_B="Where do you multiply by the number of images?",
            over_B=("averaged once more", "The mean's 1/B is already in dlogits. Is there another mean here?"),
            twice="Where does the 2 come from?",
        ),
        *mistakes(
            "dW2",
            ("z1 where a1 belongs", "What does W2 multiply in the forward pass?", lambda g: g.z1.T @ g.dlogits),
            ("reshaped, not transposed", "Does reshape turn rows into columns? Print a small array both ways.",
             lambda g: g.a1.reshape(g.H, g.B) @ g.dlogits),
            ("the mask where a1 belongs",
             "If W2[j, k] grows by 1, by how much does logits[n, k] grow: by 1, or by the activation?",
             lambda g: (g.z1 > 0).T @ g.dlogits),
            ("only the last image counted", "Does the loop add up what each image contributes?",
             lambda g: np.outer(g.a1[-1], g.dlogits[-1])),
            ("only the first image counted", "Does the sum run over all images?",
             lambda g: np.outer(g.a1[0], g.dlogits[0])),
            ("not summed over the images", "W2 is shared by all images. What do their contributions become?",
             lambda g: g.a1[:, :, np.newaxis] * g.dlogits[:, np.newaxis]),
        ),
        *mistakes(
            "db2",
            ("not summed", "There is one b2[k] for all images. What do the B entries of dlogits[:, k] become?",
             lambda g: g.dlogits),
            ("averaged", "The mean's 1/B is already in dlogits. What is left to do with the B rows?",
             lambda g: g.dlogits.mean(axis=0)),
            ("summed over the digits", "Which letter must remain: n, the image, or k, the digit?",
             lambda g: g.dlogits.sum(axis=1)),
            ("summed over everything", "How many biases are there? How many numbers does yours have?",
             lambda g: g.dlogits.sum()),
            ("the row of one image", "Which image's row is this, and where are the others?", lambda g: g.dlogits[0]),
        ),
        *scaled(
            "db2",
            sign="Does a step go against the gradient here, or later, in the update?",
            times_B="Where do you multiply by the number of images?",
            twice="Where does the 2 come from?",
        ),
    ),
    hints=(
        "logits[n, k] = sum over j of a1[n, j] W2[j, k], plus b2[k]. If one weight W2[j, k] grows by 1, which logits "
        "change, and by how much each? And if b2[k] grows by 1?",
        "W2[j, k] moves logits[n, k] by a1[n, j], in every image n: so "
        "dW2[j, k] = sum over n of a1[n, j] dlogits[n, k]. Which matrix product is that? Look at the shapes: (H, 10) "
        "from (B, H) and (B, 10).",
        "The sum runs over the first index of both, so one of them must be transposed (.T) to put B inside. b2[k] "
        "moves logits[n, k] by 1: a sum over the first axis.",
    ),
    sources=(Source("mlp_np.py", r"dW2 = self\.a1\.T", r"db2 = "),),
    nudges=NUDGES,
)  # fmt: skip

DA1 = Exercise(
    name="06_da1",
    title="Back to the hidden layer: da1",
    function="da1",
    takes=("dlogits", "W2", "z1"),
    gives=("da1",),
    givens=(network,),
    mistakes=(
        *scaled(
            "da1",
            sign="If W2[j, k] is positive and a1[n, j] grows, does logits[n, k] rise or fall?",
            times_B="Where do you multiply by the number of images?",
            over_B=("averaged once more", "The mean's 1/B is already in dlogits. Is there another mean here?"),
            twice="Where does the 2 come from?",
        ),
        *mistakes(
            "da1",
            ("reshaped, not transposed", "Does reshape turn rows into columns? Print a small array both ways.",
             lambda g: g.dlogits @ g.W2.reshape(10, g.H)),
            ("the mask came too early",
             "a1 is what comes out of the ReLU. Which derivative has the mask in it: da1, or the one "
             "before it? (The array of zeros and ones [z1 > 0] is called the ReLU's mask.)",
             lambda g: g.dz1),
            ("sums multiplied where products belong summed",
             "Which of the two is it: the sum of (a b), or (the sum of a)(the sum of b)?",
             lambda g: g.dlogits.sum(axis=1, keepdims=True) * g.W2.sum(axis=1)),
            ("averaged over the digits",
             "An activation affects ten logits. Do its effects on them add up, or average?",
             lambda g: g.da1 / 10),
            ("only one digit followed", "An activation affects ten logits. Which of them have you followed?",
             lambda g: np.outer(g.dlogits[:, 0], g.W2[:, 0])),
        ),
    ),
    hints=(
        "Go back to logits[n, k] = sum over j of a1[n, j] W2[j, k]. If a1[n, j] grows by 1, which logits change, and "
        "by how much each?",
        "a1[n, j] moves each of the ten logits of its image, logits[n, k] by W2[j, k]. The chain rule adds up all "
        "paths: da1[n, j] = sum over k of dlogits[n, k] W2[j, k].",
        "The sum runs over the last index of both: (B, 10) and (H, 10). For a matrix product, one of them must be "
        "transposed.",
    ),
    sources=(Source("mlp_np.py", r"self\.da1 = ", r"self\.da1 = "),),
    nudges=NUDGES,
)  # fmt: skip

DZ1 = Exercise(
    name="07_dz1",
    title="Back through the ReLU: dz1",
    function="dz1",
    takes=("da1", "z1", "a1"),
    gives=("dz1",),
    entrywise="z1",
    givens=(network,),
    mistakes=(
        *mistakes(
            "dz1",
            ("the mask forgotten",
             "A unit that is off gives 0, and if its z1 grows a little it still gives 0. What is its "
             "derivative?",
             lambda g: g.da1),
            ("the mask taken from da1",
             "What decides whether a unit is on: what came in on the forward pass, or the gradient?",
             lambda g: g.da1 * (g.da1 > 0)),
            ("the mask turned round",
             "Which units let the gradient through: those that are on, or those that are off?",
             lambda g: g.da1 * (g.z1 <= 0)),
            ("multiplied by z1", "What is the slope of max(z, 0) at z = 3? Is it 3?", lambda g: g.da1 * g.z1),
            ("multiplied by a1", "What is the slope of max(z, 0) at z = 3? Is it 3?", lambda g: g.da1 * g.a1),
            ("only the mask", "This is d a1 / d z1. What does the chain rule multiply it by?",
             lambda g: (g.z1 > 0) * 1.0),
            ("the ReLU of z1 again", "This is the forward pass. You need a derivative: where is da1?",
             lambda g: g.a1),
            ("the gradient only where both are positive",
             "Can a derivative be negative? Which of the two conditions belongs to the ReLU?",
             lambda g: g.da1 * (g.z1 > 0) * (g.da1 > 0)),
        ),
        *scaled(
            "dz1",
            sign="The slope of max(z, 0) where z is positive: is it 1 or -1?",
            over_B=("averaged once more", "The mean's 1/B is already in dlogits. Is there another mean here?"),
            times_B="Where do you multiply by the number of images?",
            twice="Where does the 2 come from?",
        ),
    ),
    hints=(
        "Draw max(z, 0). What is its slope for z = 2? For z = -2? The chain rule multiplies da1 by that slope, "
        "entry by entry.",
        "The slope is 1 where z1 is positive and 0 elsewhere. In NumPy, z1 > 0 is an array of True and False, which "
        "count as 1 and 0: the ReLU's mask.",
        "Multiply da1 by the array that says where z1 is positive. Entry by entry: `*`, not `@`.",
    ),
    sources=(Source("mlp_np.py", r"self\.dz1 = ", r"self\.dz1 = "),),
    nudges=NUDGES,
)  # fmt: skip

DW1_DB1 = Exercise(
    name="08_dW1_db1",
    title="The first layer's gradients: dW1 and db1",
    function="dW1_db1",
    takes=("x", "z1", "da1", "dz1"),
    gives=("dW1", "db1"),
    givens=(network,),
    mistakes=(
        *mistakes(
            "dW1",
            ("the mask forgotten: da1 where dz1 belongs", "W1 makes z1. Which derivative belongs to z1?",
             lambda g: g.x.T @ g.da1),
            ("z1 where dz1 belongs", "Where is a derivative in your product?", lambda g: g.x.T @ g.z1),
            ("reshaped, not transposed", "Does reshape turn rows into columns? Print a small array both ways.",
             lambda g: g.x.reshape(784, g.B) @ g.dz1),
        ),
        *scaled(
            "dW1",
            sign="Does a step go against the gradient here, or later, in the update?",
            over_B=("averaged once more", "The mean's 1/B is already in dlogits. Is there another mean here?"),
            times_B="Where do you multiply by the number of images?",
            twice="Where does the 2 come from?",
        ),
        *mistakes(
            "dW1",
            ("only the last image counted", "Does the loop add up what each image contributes?",
             lambda g: np.outer(g.x[-1], g.dz1[-1])),
            ("only the first image counted", "Does the sum run over all images?",
             lambda g: np.outer(g.x[0], g.dz1[0])),
        ),
        *mistakes(
            "db1",
            ("the mask forgotten: da1 where dz1 belongs", "b1 is part of z1. Which derivative belongs to z1?",
             lambda g: g.da1.sum(axis=0)),
            ("z1 where dz1 belongs", "Where is a derivative in your sum?", lambda g: g.z1.sum(axis=0)),
            ("not summed", "There is one b1[j] for all images. What do the B entries of dz1[:, j] become?",
             lambda g: g.dz1),
            ("averaged", "The mean's 1/B is already in dlogits. What is left to do with the B rows?",
             lambda g: g.dz1.mean(axis=0)),
            ("summed over the hidden units", "Which letter must remain: n, the image, or j, the hidden unit?",
             lambda g: g.dz1.sum(axis=1)),
            ("summed over everything", "How many biases are there? How many numbers does yours have?",
             lambda g: g.dz1.sum()),
        ),
        *scaled(
            "db1",
            sign="Does a step go against the gradient here, or later, in the update?",
            times_B="Where do you multiply by the number of images?",
            twice="Where does the 2 come from?",
        ),
    ),
    hints=(
        "z1 = x W1 + b1, and logits = a1 W2 + b2: the same formula. What plays the part of a1 here, and what the "
        "part of dlogits?",
        "dW1[i, j] = sum over n of x[n, i] dz1[n, j], and db1[j] = sum over n of dz1[n, j].",
        "The lines of exercise 5 with x for a1 and dz1 for dlogits.",
    ),
    sources=(Source("mlp_np.py", r"dW1 = self\.x\.T", r"db1 = "),),
    nudges=NUDGES,
)  # fmt: skip


def one_step(rng):
    """A parameter in the middle of training: it already has a velocity."""
    lr, momentum = rng.uniform(0.05, 0.3), rng.uniform(0.6, 0.95)
    old_p, old_v, dp = rng.normal(size=(3, int(rng.integers(3, 6)), int(rng.integers(6, 9))))
    v = momentum * old_v + dp
    return SimpleNamespace(old_p=old_p, old_v=old_v, dp=dp, lr=lr, momentum=momentum, v=v, p=old_p - lr * v)


UPDATE = Exercise(
    name="09_update",
    title="The step: momentum's update",
    function="update",
    takes=("old_p", "old_v", "dp", "lr", "momentum"),
    gives=("v", "p"),
    givens=(one_step,),
    may_change=("old_p", "old_v"),
    mistakes=(
        *mistakes(
            "v",
            ("no momentum", "What is left of the old velocity in yours?", lambda g: g.dp),
            ("the old velocity kept whole", "What does `momentum` multiply?", lambda g: g.old_v + g.dp),
            ("the learning rate inside the velocity",
             "In the formula of this exercise, where does lr come in: when the velocity changes, or when p "
             "moves?",
             lambda g: g.momentum * g.old_v + g.lr * g.dp),
            ("the learning rate inside the velocity, with a minus",
             "In the formula of this exercise, where do lr and the minus come in?",
             lambda g: g.momentum * g.old_v - g.lr * g.dp),
            ("the gradient weighted with 1 - momentum",
             "That is an average of gradients, as Adam keeps it. What multiplies dp in the formula?",
             lambda g: g.momentum * g.old_v + (1 - g.momentum) * g.dp),
            ("the gradient subtracted", "The formula has one minus. In which of its two lines?",
             lambda g: g.momentum * g.old_v - g.dp),
            ("momentum on the gradient", "Which of the two does `momentum` multiply: the old or the new?",
             lambda g: g.old_v + g.momentum * g.dp),
            ("momentum on both", "Does `momentum` multiply the sum, or only one of its terms?",
             lambda g: g.momentum * (g.old_v + g.dp)),
            ("the velocity not changed", "Where does dp come in?", lambda g: g.old_v),
            ("the gradient forgotten", "Where does dp come in?", lambda g: g.momentum * g.old_v),
        ),
        *mistakes(
            "p",
            ("uphill", "Should a step make the loss larger, or smaller?", lambda g: g.old_p + g.lr * g.v),
            ("the learning rate forgotten", "How far does p move?", lambda g: g.old_p - g.v),
            ("the gradient in place of the velocity", "You have computed a velocity. Does p move with it?",
             lambda g: g.old_p - g.lr * g.dp),
            ("the old velocity", "Which comes first: does p move, or does the velocity change?",
             lambda g: g.old_p - g.lr * g.old_v),
            ("Nesterov's step",
             "That is another method: it looks ahead by one more `momentum`. What does the formula here "
             "say?",
             lambda g: g.old_p - g.lr * (g.dp + g.momentum * g.v)),
            ("momentum twice", "v already has the momentum in it. What multiplies v when p moves?",
             lambda g: g.old_p - g.lr * g.momentum * g.v),
            ("p not moved", "Where does p change?", lambda g: g.old_p),
            ("p replaced by the step", "Where has the old p gone?", lambda g: -g.lr * g.v),
        ),
    ),
    hints=(
        "A ball rolls downhill: it keeps a share of its speed (which number is the share?), and the slope adds to it. "
        "Then it moves. Which of the two happens first?",
        "First v = momentum v + dp. Then p moves against v. How far?",
        "The distance is lr times the new v, and the direction is against it. Return both, v first.",
    ),
    sources=(Source("main_np.py", r"^\s*v \*= ", r"^\s*p -= "),),
    why="dp is d loss / d p. Polyak 1964, in PyTorch's form: the learning rate is outside the velocity. The project "
    "changes v and p in place, so that it makes no new arrays.",
)  # fmt: skip


def curve(rng):
    """A function with curvature: its central differences for a large h are not derivatives, but well defined."""
    array = rng.normal(size=(int(rng.integers(2, 4)), int(rng.integers(4, 6))))
    a, b, c = rng.normal(size=(3, *array.shape))

    def value(array):
        return float((a * array + b * array**2 + c * np.sin(2 * array)).sum() + (array[0] * array[1]).sum())

    g = SimpleNamespace(array=array, h=rng.uniform(0.1, 0.3), value=value)
    g.gradient = numerical_gradient(lambda: value(array), array, g.h)
    return g


def differences(g, formula, rows=False):
    """formula(plus, here, minus, h) at every entry; with rows, each entry's row is moved as a whole."""
    found = np.zeros_like(g.array)
    for i in np.ndindex(g.array.shape):
        step = np.zeros_like(g.array)
        step[i[:1] if rows else i] = g.h
        found[i] = formula(g.value(g.array + step), g.value(g.array), g.value(g.array - step), g.h)
    return found


def not_put_back(g, back):
    """Central differences that leave each entry `back` times h from where it was."""
    array, found = g.array.copy(), np.zeros_like(g.array)
    for i in np.ndindex(array.shape):
        array[i] += g.h
        above = g.value(array)
        array[i] -= 2 * g.h
        found[i] = (above - g.value(array)) / (2 * g.h)
        array[i] += (1 + back) * g.h
    return found


def call_numerical_gradient(module, g):
    array = g.array.copy()

    def f():
        return g.value(array)

    result = module.numerical_gradient(f, array, g.h)
    return result, [] if np.allclose(array, g.array, rtol=0, atol=1e-12) else ["array"]


NUMERICAL = Exercise(
    name="10_numerical_gradient",
    title="The judge: central differences",
    function="numerical_gradient",
    takes=("f", "array", "h"),
    gives=("gradient",),
    entrywise="array",
    givens=(curve,),
    call=call_numerical_gradient,
    mistakes=(
        *mistakes(
            "gradient",
            ("forward differences",
             "At which two points do you take the loss: on both sides, or here and on one side?",
             lambda g: differences(g, lambda plus, here, minus, h: (plus - here) / h)),
            ("backward differences",
             "At which two points do you take the loss: on both sides, or here and on one side?",
             lambda g: differences(g, lambda plus, here, minus, h: (here - minus) / h)),
            ("forward differences over 2h", "How far apart are your two points?",
             lambda g: differences(g, lambda plus, here, minus, h: (plus - here) / (2 * h))),
            ("divided by h", "How far apart are the two points: h, or 2h?", lambda g: 2 * g.gradient),
            ("divided by 2 and multiplied by h",
             "What does a / 2 * h mean in Python? Where do the parentheses belong?",
             lambda g: g.gradient * g.h * g.h),
            ("not divided", "A slope is rise over run. Where is the run?", lambda g: g.gradient * 2 * g.h),
            ("the sign", "Which of the two values do you subtract from which?", lambda g: -g.gradient),
            ("only a copy moved",
             "`array.flatten()` is a copy, which f() does not see; `array.copy()` is one, too. Which array do you "
             "change?",
             lambda g: np.zeros_like(g.array)),
            ("a fixed h", "What is `h` for? Have you used it?",
             lambda g: numerical_gradient(lambda: g.value(g.array), g.array, 1e-5)),
            ("entries not put back: each stays h too low",
             "Once an entry is done, what does `array` hold there?",
             lambda g: not_put_back(g, -1)),
            ("entries not put back: each stays h too high",
             "Once an entry is done, what does `array` hold there?",
             lambda g: not_put_back(g, 1)),
            ("a whole row moved at once",
             "What is array[i] if i is a single number and the array has two axes? How many entries do you "
             "move?",
             lambda g: differences(g, lambda plus, here, minus, h: (plus - minus) / (2 * h), rows=True)),
            ("all entries moved at once",
             "Which derivative do you get if every entry of the array moves by h together?",
             lambda g: np.full_like(g.array, (g.value(g.array + g.h) - g.value(g.array - g.h)) / (2 * g.h))),
            ("one number, of all entries moved at once", "How many derivatives does an array of this shape have?",
             lambda g: (g.value(g.array + g.h) - g.value(g.array - g.h)) / (2 * g.h)),
        ),
    ),
    hints=(
        "f() reads `array` whenever it is called. How do you find out what f() would be if one entry were a little "
        "larger? Or a little smaller? And what must you do before you go on to the next entry?",
        "For each index i (np.ndindex(array.shape) gives them all): keep array[i], set it h higher, call f(), set it h "
        "lower, call f() again, put it back. A slope is rise over run.",
        "The two points are 2h apart: (above - below) / (2 * h). Collect the slopes in np.zeros_like(array).",
    ),
    sources=(Source("mlp_np.py", r"gradient = np\.zeros_like", r"return gradient"),),
    why="f(a + h) and f(a - h) share the terms f(a), h^2 f''(a) / 2 and so on for even powers: in the difference "
    "these cancel, and the error falls with h^2. A difference on one side alone keeps the error h f''(a) / 2.",
)  # fmt: skip

CHAPTER = (LOGITS, SOFTMAX, LOSS, DLOGITS, DW2_DB2, DA1, DZ1, DW1_DB1, UPDATE, NUMERICAL)

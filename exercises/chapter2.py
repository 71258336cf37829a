"""Chapter 2: further. Two hidden layers, other activations, weight decay, PyTorch, and the layers of resnet_np.py."""

from types import SimpleNamespace

import numpy as np

from exercises.chapter1 import NUDGES, network
from exercises.exercise import Exercise, Mistake, Source, mistakes, scaled
from mlp_np import MLP, softmax_cross_entropy
from resnet_np import BatchNorm, Block, Conv

SIGN = "Does a step go against the gradient here, or later, in the update?"


def tanh_layer(rng):
    """Activations of tanh. No file of the project has them: the derivative of tanh is 1 - tanh^2."""
    B, H = rng.choice([3, 4, 7, 9, 11], 2, replace=False).tolist()
    z1, da1 = rng.normal(0, 1, (2, B, H))
    a1 = np.tanh(z1)
    return SimpleNamespace(B=B, H=H, z1=z1, a1=a1, da1=da1, dz1=da1 * (1 - a1 * a1))


TANH = Exercise(
    name="11_tanh",
    title="tanh in place of the ReLU",
    function="dz1",
    takes=("da1", "z1", "a1"),
    gives=("dz1",),
    givens=(tanh_layer,),
    mistakes=(
        *mistakes(
            "dz1",
            ("the ReLU's mask", "Is this network's activation still max(z, 0)?", lambda g: g.da1 * (g.z1 > 0)),
            ("the slope forgotten", "What is the slope of tanh at 0? And at 3?", lambda g: g.da1),
            ("z1 where a1 belongs", "1 - tanh(z)^2: what is tanh(z1) called here?", lambda g: g.da1 * (1 - g.z1**2)),
            ("tanh taken twice", "a1 is tanh(z1) already. What is it the tanh of now?",
             lambda g: g.da1 * (1 - np.tanh(g.a1) ** 2)),
            ("the square forgotten", "At z = -3 tanh is nearly flat. Is your slope there near 0?",
             lambda g: g.da1 * (1 - g.a1)),
            ("the square around it all", "At z = -3 tanh is nearly flat. Is your slope there near 0?",
             lambda g: g.da1 * (1 - g.a1) ** 2),
            ("the slope of the sigmoid", "a (1 - a) is the slope of which function?",
             lambda g: g.da1 * g.a1 * (1 - g.a1)),
            ("tanh in place of its slope", "Which of the two is this: the function or its slope?",
             lambda g: g.da1 * g.a1),
            ("only the slope", "This is d a1 / d z1. What does the chain rule multiply it by?", lambda g: 1 - g.a1**2),
            ("a plus", "What is the slope of tanh at 3: more than 1, or near 0?", lambda g: g.da1 * (1 + g.a1**2)),
        ),
        *scaled("dz1", sign="Does tanh rise or fall?", twice="Where does the 2 come from?"),
    ),
    hints=(
        "What is the derivative of tanh(z)? Write tanh as (e^z - e^-z) / (e^z + e^-z) and use the quotient rule.",
        "It is 1 - tanh(z)^2. Which of your arrays holds tanh(z1) already?",
        "da1 times (1 - the square of a1), entry by entry.",
    ),
    why="tanh' = 1 - tanh^2, and tanh(z1) = a1 is known from the forward pass: dz1 = da1 * (1 - a1 * a1).",
)  # fmt: skip


def two_hidden(rng):
    """A network with two hidden layers. Its upper half is an MLP on a1, its lower half an MLP that ends at z2."""
    while True:
        g = network(rng)
        lower = MLP(g.H, dtype=np.float64)
        lower.params = {
            "W1": g.W1,
            "b1": g.b1,
            "W2": rng.normal(0, np.sqrt(2 / g.H), (g.H, 6)),
            "b2": rng.normal(0, 0.3, 6),
        }
        z2 = lower.forward(g.x)
        upper = MLP(6, dtype=np.float64)
        upper.params = {"W1": lower.params["W2"], "b1": lower.params["b2"],
                        "W2": rng.normal(0, 0.6, (6, 10)), "b2": rng.normal(0, 0.3, 10)}  # fmt: skip
        loss, dlogits = softmax_cross_entropy(upper.forward(lower.a1), g.y)
        above = upper.backward(dlogits)
        below = lower.backward(upper.dz1)
        if 0.25 < (z2 > 0).mean() < 0.75:
            break
    (W1, b1, W2, b2), (_, _, W3, b3) = lower.params.values(), upper.params.values()
    return SimpleNamespace(
        B=g.B, H=g.H, x=g.x, y=g.y, W1=W1, b1=b1, W2=W2, b2=b2, W3=W3, b3=b3, loss=loss, dlogits=dlogits,
        z1=lower.z1, a1=lower.a1, z2=z2, a2=upper.a1, da2=upper.da1, da1=lower.da1,
        dz2=upper.dz1, dz1=lower.dz1, dW1=below["W1"], db1=below["b1"], dW2=above["W1"], dW3=above["W2"],
    )  # fmt: skip


def loss_from_z2(g, z2):
    return softmax_cross_entropy(np.maximum(z2, 0) @ g.W3 + g.b3, g.y)[0]


TWO_HIDDEN = Exercise(
    name="12_second_hidden_layer",
    title="A second hidden layer",
    function="backward",
    takes=("x", "z1", "a1", "W2", "z2", "a2", "W3", "dlogits"),
    gives=("dz2", "dW2", "dz1", "dW1"),
    givens=(two_hidden,),
    mistakes=(
        *mistakes(
            "dz2",
            ("the second mask forgotten", "Which activation lies between z2 and a2?", lambda g: g.da2),
            ("the mask taken from the gradient", "What decides whether a unit is on?", lambda g: g.da2 * (g.da2 > 0)),
            ("the second mask turned round", "Which units let the gradient through?", lambda g: g.da2 * (g.z2 <= 0)),
            ("reshaped, not transposed", "Does reshape turn rows into columns?",
             lambda g: g.dlogits @ g.W3.reshape(10, -1) * (g.z2 > 0)),
        ),
        *scaled("dz2", sign=SIGN, over_B=("averaged once more", "The mean's 1/B is already in dlogits.")),
        *mistakes(
            "dW2",
            ("a2 where a1 belongs", "What does W2 multiply in the forward pass?", lambda g: g.a2.T @ g.dz2),
            ("z1 where a1 belongs", "What does W2 multiply in the forward pass?", lambda g: g.z1.T @ g.dz2),
            ("the second mask forgotten", "Which derivative belongs to z2?", lambda g: g.a1.T @ g.da2),
        ),
        *scaled("dW2", sign=SIGN, over_B=("averaged once more", "The mean's 1/B is already in dlogits.")),
        *mistakes(
            "dz1",
            ("the first mask forgotten", "Which activation lies between z1 and a1?", lambda g: g.da1),
            ("the second mask forgotten on the way", "Where do you start: from da2 or from dz2?",
             lambda g: (g.da2 @ g.W2.T) * (g.z1 > 0)),
            ("both masks forgotten", "How many ReLUs lie between z1 and the logits?", lambda g: g.da2 @ g.W2.T),
            ("the mask taken from the gradient", "What decides whether a unit is on?", lambda g: g.da1 * (g.da1 > 0)),
        ),
        *scaled("dz1", sign=SIGN, over_B=("averaged once more", "The mean's 1/B is already in dlogits.")),
        *mistakes(
            "dW1",
            ("the first mask forgotten", "Which derivative belongs to z1?", lambda g: g.x.T @ g.da1),
            ("z1 where dz1 belongs", "Where is a derivative in your product?", lambda g: g.x.T @ g.z1),
        ),
        *scaled("dW1", sign=SIGN, over_B=("averaged once more", "The mean's 1/B is already in dlogits.")),
    ),
    hints=(
        "Walk back: logits, a2, z2, a1, z1. Which exercise of chapter 1 is each of these steps?",
        "dz2 comes from dlogits as dz1 did in exercises 6 and 7, with W3 and z2. Then do the same again, from "
        "dz2, with W2 and z1.",
        "da2 = dlogits @ W3.T, then the mask of z2. dW2 = a1.T @ dz2. da1 = dz2 @ W2.T, then the mask of z1.",
    ),
    sources=(Source("mlp_np.py", r"self\.da1 = ", r"dW1 = self\.x\.T"),),
    why="The same lines again: what dlogits is for the last layer, dz2 is for the layer below it. That works for any "
    "number of layers.",
    nudges={
        "dz2": ("z2", loss_from_z2),
        "dW2": ("W2", lambda g, W2: loss_from_z2(g, g.a1 @ W2 + g.b2)),
        "dz1": ("z1", lambda g, z1: loss_from_z2(g, np.maximum(z1, 0) @ g.W2 + g.b2)),
        "dW1": ("W1", lambda g, W1: loss_from_z2(g, np.maximum(g.x @ W1 + g.b1, 0) @ g.W2 + g.b2)),
    },
)  # fmt: skip


def decaying(rng, shape=None):
    """As in exercise 9, with weight decay. A test compares it with main_np.update."""
    shape = shape or (int(rng.integers(3, 6)), int(rng.integers(6, 9)))
    lr, momentum, weight_decay = rng.uniform(0.05, 0.3), rng.uniform(0.6, 0.95), rng.uniform(0.1, 0.4)
    old_p, old_v, dp = rng.normal(size=(3, *shape))
    v = momentum * old_v + dp + weight_decay * old_p * (len(shape) > 1)
    return SimpleNamespace(old_p=old_p, old_v=old_v, dp=dp, lr=lr, momentum=momentum, weight_decay=weight_decay,
                           v=v, p=old_p - lr * v)  # fmt: skip


def decaying_bias(rng):
    return decaying(rng, (int(rng.integers(5, 9)),))


def undecayed(g):
    return g.momentum * g.old_v + g.dp


def decayed(g, factor):
    """v with a factor of p other than weight_decay; a bias never decays."""
    return undecayed(g) + factor * g.old_p * (g.old_p.ndim > 1)


DECAY = Exercise(
    name="13_weight_decay",
    title="Weight decay",
    function="update",
    takes=("old_p", "old_v", "dp", "lr", "momentum", "weight_decay"),
    gives=("v", "p"),
    givens=(decaying, decaying_bias),
    may_change=("old_p", "old_v"),
    mistakes=(
        *mistakes(
            "v",
            ("no decay", "Where does weight_decay come in?", undecayed),
            ("a factor 2", "The penalty is weight_decay / 2 times the square. What is its derivative?",
             lambda g: decayed(g, 2 * g.weight_decay)),
            ("a factor 1/2", "The penalty is weight_decay / 2 times the square. What is its derivative?",
             lambda g: decayed(g, g.weight_decay / 2)),
            ("growth in place of decay", "Which way should the weights go: towards 0, or away from it?",
             lambda g: decayed(g, -g.weight_decay)),
            ("the learning rate in the decay", "Does the penalty's derivative know the learning rate?",
             lambda g: decayed(g, g.lr * g.weight_decay)),
            ("the velocity decays", "What is penalised: large weights, or large velocities?",
             lambda g: undecayed(g) + g.weight_decay * g.old_v * (g.old_p.ndim > 1)),
            ("momentum on the decay", "Which term does momentum multiply?",
             lambda g: decayed(g, g.momentum * g.weight_decay)),
            ("the penalty in place of its derivative", "What is the derivative of weight_decay / 2 times p^2?",
             lambda g: undecayed(g) + g.weight_decay / 2 * g.old_p**2 * (g.old_p.ndim > 1)),
            ("the sign of p in place of p", "sign(p) is the derivative of which penalty?",
             lambda g: undecayed(g) + g.weight_decay * np.sign(g.old_p) * (g.old_p.ndim > 1)),
            ("the bias decays, too", "Yours is right for weights. Is a bias a weight? (`old_p.ndim` tells them apart.)",
             lambda g: undecayed(g) + g.weight_decay * g.old_p),
            ("no momentum", "What is left of the old velocity?", lambda g: g.v - g.momentum * g.old_v),
        ),
        *mistakes(
            "p",
            ("decayed twice", "The decay is already in v. Where do you subtract it again?",
             lambda g: g.old_p - g.lr * g.v - g.lr * g.weight_decay * g.old_p * (g.old_p.ndim > 1)),
            ("uphill", "Should a step make the loss larger, or smaller?", lambda g: g.old_p + g.lr * g.v),
            ("the learning rate forgotten", "How far does p move?", lambda g: g.old_p - g.v),
            ("the gradient in place of the velocity", "Does p move with v?", lambda g: g.old_p - g.lr * g.dp),
        ),
    ),
    hints=(
        "The loss gets one more term, weight_decay / 2 times the sum of the squares of all weights. What does that "
        "add to the derivative with respect to one weight?",
        "It adds weight_decay times the weight to dp; the rest is exercise 9. A bias has one axis, and gets nothing.",
        "if old_p.ndim > 1, use dp + weight_decay * old_p in place of dp.",
    ),
    sources=(Source("main_np.py", r"weight_decay and p\.ndim", r"^\s*p -= "),),
    why="d/dp of weight_decay / 2 p^2 is weight_decay p. A bias only shifts, and is left alone.",
)  # fmt: skip


def own_softmax(g):
    """The gradients with a softmax in front of a cross-entropy that has its own."""
    q = np.exp(g.p) / np.exp(g.p).sum(axis=1, keepdims=True)
    dp = (q - g.onehot) / g.B
    dz1 = (g.p * (dp - (dp * g.p).sum(axis=1, keepdims=True))) @ g.W2.T * (g.z1 > 0)
    return {"dz1": dz1, "dW1": g.x.T @ dz1}


def no_relu(g):
    dlogits = softmax_cross_entropy(g.z1 @ g.W2 + g.b2, g.y)[1]
    return g.x.T @ (dlogits @ g.W2.T)


def torch_mistakes(output):
    """A mistake in the loss shows in all gradients."""
    return (
        *scaled(
            output,
            times_B=("a sum where a mean belongs", "What does your loss do with the B images: add, or average?"),
            sign="Is the loss that you differentiate the one to minimise?",
            twice=("counted twice", "backward() adds to what is in .grad. Have you called it twice?"),
        ),
        *mistakes(
            output,
            ("the mean over all entries", "Over how many numbers is the mean of the loss: B, or 10 B?",
             lambda g: getattr(g, output) / 10),
            ("softmax twice", "Does cross_entropy want probabilities, or logits?", lambda g: own_softmax(g)[output]),
        ),
    )  # fmt: skip


TORCH = Exercise(
    name="14_torch_gradient",
    title="The same gradient in PyTorch",
    function="gradients",
    takes=("x", "y", "W1", "b1", "W2", "b2"),
    gives=("dz1", "dW1"),
    givens=(network,),
    needs_torch=True,
    mistakes=(
        *torch_mistakes("dz1"),
        Mistake("dz1", "a1's gradient", "On which side of the ReLU do you keep the gradient?", lambda g: g.da1),
        *torch_mistakes("dW1"),
        Mistake("dW1", "no ReLU", "Which line of the forward pass is missing?", no_relu),
    ),
    hints=(
        "Make tensors of the arrays (torch.from_numpy keeps float64). For which of them must PyTorch know that you "
        "want a gradient? Then write the forward pass as it is in mlp_np.py, with torch.relu.",
        "W1 needs requires_grad_(). z1 is not a leaf: PyTorch discards its gradient unless you call z1.retain_grad() "
        "before backward(). The loss is torch.nn.functional.cross_entropy(logits, y).",
        "After loss.backward(), the gradients are z1.grad and W1.grad; .numpy() turns them into arrays.",
    ),
    sources=(Source("mlp_torch.py", r"def forward", r"return"),),
    why="The forward pass is all that you have to write. `loss.backward()` walks back through it and leaves each "
    "derivative in .grad: the numbers that mlp_np.py finds by hand, to rounding.",
    nudges=NUDGES,
)  # fmt: skip


def normalised(rng):
    """A batch normalisation in the middle of a network: resnet_np.BatchNorm itself."""
    shape = rng.choice([2, 3, 4, 5, 7], 4, replace=False).tolist()
    layer = BatchNorm(shape[-1])
    layer.params = {
        "gamma": rng.uniform(0.5, 2, shape[-1]) * rng.choice([-1, 1], shape[-1]),
        "beta": rng.normal(size=shape[-1]),
    }
    x = rng.normal(rng.normal(0, 2, shape[-1]), rng.uniform(0.5, 3, shape[-1]), shape)
    layer.forward(x)
    dy = rng.normal(0.5, 1, shape)
    dx = layer.backward(dy)
    return SimpleNamespace(B=shape[0], n=x.size // shape[-1], x=x, dy=dy, xhat=layer.centred * layer.inverse, dx=dx,
                           gamma=layer.params["gamma"], inverse=layer.inverse,
                           dgamma=layer.grads["gamma"], dbeta=layer.grads["beta"])  # fmt: skip


def norm_dx(g, mean=1.0, variance=1.0, scale=None):
    """dx with other shares for the two indirect paths."""
    inner = g.dy - mean * g.dbeta / g.n - variance * g.xhat * g.dgamma / g.n
    return (g.gamma * g.inverse if scale is None else scale) * inner


def indirect_paths(norm_dx):
    """Mistakes on the paths through mean and variance. norm_dx(g, mean, variance): dx with these shares of the two."""
    return mistakes(
        "dx",
        ("the path through the mean lost",
         "If one x grows, so does its mean. What does that do to all the xhat that share this mean?",
         lambda g: norm_dx(g, 0, 1)),
        ("the path through the variance lost",
         "If one x grows, its variance changes. What does that do to all the xhat that share this variance?",
         lambda g: norm_dx(g, 1, 0)),
        ("both indirect paths lost", "Do the mean and the variance depend on x?", lambda g: norm_dx(g, 0, 0)),
        ("the sign of the path through the mean", "The mean is subtracted. If it grows, do the xhat rise or fall?",
         lambda g: norm_dx(g, -1, 1)),
        ("the sign of the path through the variance", "If the variance grows, do the xhat get longer or shorter?",
         lambda g: norm_dx(g, 1, -1)),
        ("a factor 2 in the path through the variance", "The square gives a 2, the root a 1/2: what do they make?",
         lambda g: norm_dx(g, 1, 2)),
        ("a factor 1/2 in the path through the variance", "The square gives a 2, the root a 1/2. Are both there?",
         lambda g: norm_dx(g, 1, 0.5)),
    )  # fmt: skip


def norm_loss(g, x):
    mean, var = x.mean(axis=(0, 1, 2)), x.var(axis=(0, 1, 2))
    return (g.gamma * (x - mean) / np.sqrt(var + BatchNorm.eps) * g.dy).sum()


BATCH_NORM = Exercise(
    name="15_batch_norm_dx",
    title="Back through batch normalisation: dx",
    function="batch_norm_dx",
    takes=("dy", "xhat", "gamma", "inverse"),
    gives=("dx",),
    givens=(normalised,),
    mistakes=(
        *indirect_paths(norm_dx),
        *mistakes(
            "dx",
            ("gamma forgotten", "y = gamma xhat + beta: what is d y / d xhat?", lambda g: norm_dx(g, scale=g.inverse)),
            ("inverse forgotten", "If the inputs were all ten times as large, how would dx change?",
             lambda g: norm_dx(g, scale=g.gamma)),
            ("inverse squared", "Is there already an inverse in xhat?",
             lambda g: norm_dx(g, scale=g.gamma * g.inverse**2)),
            ("sums where means belong", "By how much does the mean grow if one of n values grows by 1?",
             lambda g: norm_dx(g, g.n, g.n)),
            ("averaged over the images only", "Over how many values of a channel are the mean and variance taken?",
             lambda g: norm_dx(g, g.n / g.B, g.n / g.B)),
            ("the means of each image alone", "Over which axes does a channel's mean run?",
             lambda g: g.gamma * g.inverse * (g.dy - g.dy.mean(axis=(1, 2), keepdims=True)
                                              - g.xhat * (g.dy * g.xhat).mean(axis=(1, 2), keepdims=True))),
            ("the means over the images alone", "Over which axes does a channel's mean run?",
             lambda g: g.gamma * g.inverse * (g.dy - g.dy.mean(axis=0) - g.xhat * (g.dy * g.xhat).mean(axis=0))),
        ),
        *scaled("dx", sign="What is the sign of the direct path?"),
    ),
    hints=(
        "x reaches y in three ways: directly, through the mean, and through the variance. The direct one gives "
        "dy gamma inverse. What does each of the others subtract from dy?",
        "Through the mean: the mean of dy over the n values of a channel. Through the variance: xhat times the mean of "
        "dy xhat. Means run over the first three axes.",
        "gamma * inverse * (dy - mean of dy - xhat * mean of (dy * xhat)), with axis=(0, 1, 2) for the means.",
    ),
    sources=(Source("resnet_np.py", r"n = dy\.size", r"dx \*= gamma", doc=True),),
    nudges={"dx": ("x", norm_loss)},
)  # fmt: skip


def convolution(rng):
    """A 3 x 3 convolution with stride 1: resnet_np.Conv itself. All numbers differ."""
    B, height, width = rng.permutation([4, 6, 7]).tolist()
    inputs, outputs = rng.permutation([2, 5]).tolist()
    layer = Conv(rng, inputs, outputs)
    x, dy = rng.normal(size=(B, height, width, inputs)), rng.normal(size=(B, height, width, outputs))
    y = layer.forward(x)
    dx = layer.backward(dy)
    g = SimpleNamespace(B=B, x=x, W=layer.params["W"], y=y, dy=dy, dx=dx, dW=layer.grads["W"])
    g.padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    return g


def conv(x, W):
    """resnet_np's convolution of x with W."""
    layer = Conv(np.random.default_rng(0), *W.shape[2:], size=len(W))
    layer.params["W"] = W
    return layer.forward(x)


def shares(g, images=slice(None)):
    """dW of some images."""
    layer = Conv(np.random.default_rng(0), *g.W.shape[2:])
    layer.params["W"] = g.W
    layer.forward(g.x[images])
    layer.backward(g.dy[images])
    return layer.grads["W"]


def middle(W):
    """The kernel with only its centre."""
    W0 = np.zeros_like(W)
    W0[1, 1] = W[1, 1]
    return W0


def inner(dy):
    """dy with its border set to 0."""
    dy = dy.copy()
    dy[:, [0, -1]] = dy[:, :, [0, -1]] = 0
    return dy


CONV_DW = Exercise(
    name="16_conv_dW",
    title="A convolution's dW",
    function="conv_dW",
    takes=("padded", "dy"),
    gives=("dW",),
    givens=(convolution,),
    mistakes=(
        *mistakes(
            "dW",
            ("the kernel turned", "Does W[0, 0] look at the upper left neighbour, or at the lower right one?",
             lambda g: g.dW[::-1, ::-1]),
            ("rows and columns exchanged", "Which of u and v moves down, and which across?",
             lambda g: g.dW.swapaxes(0, 1)),
            ("upside down", "Does W[0, 1] look at the neighbour above, or below?", lambda g: g.dW[::-1]),
            ("left and right exchanged", "Does W[1, 0] look at the left neighbour, or the right?",
             lambda g: g.dW[:, ::-1]),
            ("in and out exchanged", "W is (3, 3, C, O): which comes first, x's channels or y's?",
             lambda g: g.dW.swapaxes(2, 3)),
            ("only the first image", "W is shared by all images. Do all of them contribute to dW?",
             lambda g: shares(g, slice(0, 1))),
            ("only the last image", "Does the loop add up what each image contributes?",
             lambda g: shares(g, slice(-1, None))),
            ("averaged over the images", "The mean's 1/B is already in dy. What is left to do with the images?",
             lambda g: g.dW / g.B),
            ("averaged over all positions", "A weight moves the output at every position. Do the effects add up?",
             lambda g: g.dW / (g.dy[..., 0].size)),
            ("the border left out", "Does y have a border that W does not reach?",
             lambda g: (lambda h: shares(h))(SimpleNamespace(x=g.x, W=g.W, dy=inner(g.dy)))),
            ("only the centre", "W[0, 0] sees a different part of x than W[1, 1]. Which?", lambda g: middle(g.dW)),
            ("the same for all neighbours", "Does your slice of x depend on u and v?",
             lambda g: np.broadcast_to(g.dW[1, 1], g.dW.shape).copy()),
        ),
        *scaled("dW", sign=SIGN),
    ),
    hints=(
        "y[b, i, j, o] = sum over u, v, c of padded[b, i + u, j + v, c] W[u, v, c, o]. Which y does one weight "
        "W[u, v, c, o] move, and by how much each?",
        "dW[u, v, c, o] = sum over b, i, j of padded[b, i + u, j + v, c] dy[b, i, j, o]. For one u and v: a slice of "
        "padded, as high and wide as dy, and then the dW of exercise 8.",
        "Two loops over u and v. In them, reshape the slice padded[:, u : u + height, v : v + width] and dy "
        "to (-1, channels), transpose one, and multiply.",
    ),
    sources=(Source("resnet_np.py", r"dy_rows = ", r"self\.grads = \{\"W\": \(self\.rows"),),
    why="The project lays all neighbourhoods out as rows first; then dW is a single product.",
    nudges={"dW": ("W", lambda g, W: (conv(g.x, W) * g.dy).sum())},
)  # fmt: skip


def turned(W):
    return W[::-1, ::-1].swapaxes(2, 3)


CONV_DX = Exercise(
    name="17_conv_dx",
    title="A convolution's dx",
    function="conv_dx",
    takes=("dy", "W"),
    gives=("dx",),
    givens=(convolution,),
    mistakes=(
        *mistakes(
            "dx",
            ("the kernel not turned", "x[i, j] reached y[i + 1, j + 1] through which W[u, v]?",
             lambda g: conv(g.dy, W=g.W.swapaxes(2, 3))),
            ("the kernel turned upside down only", "Two axes of the kernel have a direction. Which have you turned?",
             lambda g: conv(g.dy, g.W[::-1].swapaxes(2, 3))),
            ("the kernel turned left to right only", "Two axes of the kernel have a direction. Which have you turned?",
             lambda g: conv(g.dy, g.W[:, ::-1].swapaxes(2, 3))),
            ("the kernel transposed", "Is it a half turn, or a reflection in the diagonal?",
             lambda g: conv(g.dy, g.W.swapaxes(0, 1).swapaxes(2, 3))),
            ("only the centre", "How many y does one x contribute to?", lambda g: conv(g.dy, turned(middle(g.W)))),
            ("the border left out", "Does an x at the border contribute to fewer y? Do those y have no dy?",
             lambda g: conv(inner(g.dy), turned(g.W))),
            ("y's channels not kept apart", "Each channel of y has its own weights. Are they all used?",
             lambda g: conv(g.dy.sum(axis=3, keepdims=True), turned(g.W).sum(axis=2, keepdims=True))),
            ("averaged over the neighbours", "Do the nine paths from x to y add up, or average?", lambda g: g.dx / 9),
            ("shifted", "Is the padding the same on both sides?", lambda g: np.roll(g.dx, 1, axis=1)),
        ),
        *scaled("dx", sign=SIGN),
    ),
    hints=(
        "y[i, j] = sum over u, v of x[i + u - 1, j + v - 1] W[u, v]. Turn it round: which y does x[i, j] contribute "
        "to, and through which weight?",
        "dx[i, j] = sum over u, v of dy[i + 1 - u, j + 1 - v] @ W[u, v].T. Give dy a border of zeros (np.pad), so that "
        "the slices do not run over the edge.",
        "Start with np.zeros of the right shape. For each u and v, add padded_dy[:, 2 - u : 2 - u + height, "
        "2 - v : 2 - v + width] @ W[u, v].T.",
    ),
    sources=(Source("resnet_np.py", r"size, pad, stride = len\(W\)", r"return \(neighbourhoods\(dy"),),
    nudges={"dx": ("x", lambda g, x: (conv(x, g.W) * g.dy).sum())},
)  # fmt: skip


def residual(rng):
    """A residual block: resnet_np.Block itself. `branch` is the way back through its two convolutions."""
    block = Block(rng, 3, 3, stride=1)
    x, dy = rng.normal(size=(2, 4, 5, 3)), rng.normal(size=(2, 4, 5, 3))
    y = block.forward(x)
    first, second = block.layers["first"], block.layers["second"]

    def branch(dz2):
        return first.backward(second.backward(dz2) * (block.a1 > 0))

    return SimpleNamespace(B=2, x=x, y=y, dy=dy, branch=branch, dx=block.backward(dy), block=block)


SHORTCUT = Exercise(
    name="18_shortcut",
    title="The shortcut",
    function="block_dx",
    takes=("dy", "x", "y", "branch"),
    gives=("dx",),
    givens=(residual,),
    mistakes=(
        *mistakes(
            "dx",
            ("the shortcut forgotten", "x reaches z2 along two paths. Which one is missing?",
             lambda g: g.branch(g.dy * (g.y > 0))),
            ("only the shortcut", "x reaches z2 along two paths. Which one is missing?", lambda g: g.dy * (g.y > 0)),
            ("the last ReLU forgotten", "y = max(z2, 0): what is dz2?", lambda g: g.branch(g.dy) + g.dy),
            ("the shortcut taken before the ReLU", "What goes along the shortcut: dy, or dz2?",
             lambda g: g.branch(g.dy * (g.y > 0)) + g.dy),
            ("the branch taken before the ReLU", "What goes into the branch: dy, or dz2?",
             lambda g: g.branch(g.dy) + g.dy * (g.y > 0)),
            ("the two paths averaged", "Do two paths add up, or average?", lambda g: g.dx / 2),
            ("the two paths multiplied", "Do two paths add up, or multiply?",
             lambda g: g.branch(g.dy * (g.y > 0)) * (g.dy * (g.y > 0))),
            ("the mask taken from x", "Which array went into the last ReLU?",
             lambda g: (lambda d: g.branch(d) + d)(g.dy * (g.x > 0))),
            ("the mask taken from dy", "What decides whether a unit is on?",
             lambda g: (lambda d: g.branch(d) + d)(g.dy * (g.dy > 0))),
            ("x added in place of its gradient", "What is d (f(x) + x) / d x: is it f' + x?",
             lambda g: g.branch(g.dy * (g.y > 0)) + g.x),
            ("1 added in place of the gradient", "d (f(x) + x) / d x = f' + 1. What does the chain rule multiply the "
            "1 by?",
             lambda g: g.branch(g.dy * (g.y > 0)) + 1),
        ),
    ),
    hints=(
        "y = max(z2, 0) and z2 = f(x) + x. What is dz2? And to which of its terms does a sum pass its gradient?",
        "dz2 is dy with a mask: y says where it is on. It goes back through the branch, branch(dz2), and along the "
        "shortcut as it is.",
        "dz2 = dy times (y > 0), and then the sum of branch(dz2) and dz2.",
    ),
    sources=(Source("resnet_np.py", r"dz2 = dy \* \(self\.y > 0\)", r"return first\.backward"),),
    nudges={"dx": ("x", lambda g, x: (g.block.forward(x) * g.dy).sum())},
)  # fmt: skip

CHAPTER = (TANH, TWO_HIDDEN, DECAY, TORCH, BATCH_NORM, CONV_DW, CONV_DX, SHORTCUT)

"""Look inside a trained network: an image's path through it, the gradient's path back, its weights, its mistakes.

`python look.py` takes a test image; `python look.py photo.jpg --label 7` takes your own picture. This file computes the
numbers; support/drawing.py draws them. NumPy runs the network, whichever framework trained it.
"""

import math
import sys
from pathlib import Path

import numpy as np

import data
import predict
from mlp_np import softmax_cross_entropy
from resnet_np import BatchNorm, walk
from support import drawing, program
from support.files import open_folder
from support.options import Parser, integer, test_set_name
from vit_np import patches

MOST = 64  # first-layer units to draw
WRONG = 24  # mistakes to draw


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0], allow_abbrev=False)
    parser.add_argument("picture", nargs="?", help="a picture of one digit, as for predict.py; needs --label")
    whole = integer(0, 9999)
    parser.add_argument("--label", metavar="D", type=integer(0, 9), help="the digit in your picture")
    parser.add_argument(
        "--test", metavar="N", type=whole, help="or: test image N (default: 247, a 4 that looks like a 2)"
    )
    predict.add_weights(parser)
    parser.add_argument(
        "--patch",
        metavar="N",
        type=integer(0, 195),
        help="vit: the patch whose attention to draw, counted row by row from 0 (default: the one with the most ink)",
    )
    parser.add_argument(
        "--out", metavar="DIR", default="learning_curves", help="the folder for the pictures (default: %(default)s)"
    )
    arguments = parser.parse_args(argv)
    if arguments.picture and (arguments.label is None or arguments.test is not None):
        parser.error("a picture of your own needs --label (the digit in it) and takes no --test")
    if arguments.label is not None and not arguments.picture:
        parser.error("--label is for a picture of your own; a test image already has one")

    model, options, checkpoint = predict.load_network(arguments.weights)
    if arguments.patch is not None and arguments.patch >= (count := number_of_patches(options)):
        parser.error(f"--patch {arguments.patch}: " + (f"there are {count}, from 0" if count else "only a ViT has any"))
    out = open_folder(arguments.out)
    dataset = data.load(options.dataset, options.hold_out)
    if arguments.picture:
        picture = predict.read_picture(arguments.picture)
        image, y = predict.as_mnist(predict.find_ink(picture, arguments.picture)), arguments.label
        what = "your picture"
    else:
        n = 247 if arguments.test is None else arguments.test
        if n >= len(dataset.test_images):
            parser.error(f"--test {n}: there are {len(dataset.test_images)} {test_set_name(options)} images, from 0")
        image, y = dataset.test_images[n], int(dataset.test_labels[n])
        what = f"{test_set_name(options)} image {n}"

    name = Path(checkpoint.path).stem.removeprefix("checkpoint_")
    figures = {
        **draw_passes(model, options, image, y, what, arguments.patch),
        "weights": draw_weights(model, options),
        **draw_test(model, options, dataset),
    }
    for kind, figure in figures.items():
        drawing.save(figure, out / f"{kind}_{name}.png")
    print(f"{predict.describe(options)} of {checkpoint.path}: {what}, {with_article(y)}")
    print(f"see {out}: {', '.join(f'{kind}_{name}.png' for kind in figures)}")


# --- One image, there and back -------------------------------------------------------------------------------------


def draw_passes(model, options, image, y, what, patch=None):
    """The figures of both passes of one uint8 image (28, 28), whose true digit is y. patch: a ViT's, or None."""
    network = predict.describe(options)
    there, back = f"{network}, forward: {with_article(y)}, {what}", f"{network}, backward: {with_article(y)}, {what}"
    if options.model == "mlp":
        steps = mlp_passes(model, options, image, y)
        return {"forward": drawing.forward_pass(steps, there, y), "backward": drawing.backward_pass(steps, back, y)}
    if options.model == "vit":
        steps = vit_passes(model, options, image, y)
        patch = most_ink(image, options.patch) if patch is None else patch
        title = f"{network}: attention to {with_article(y)}, {what}"
        return {
            "attention": drawing.attention(steps, title, y, patch),
            "backward": drawing.patch_gradients(steps, back, y),
        }
    steps = resnet_passes(model, options, image, y)
    return {
        "forward": drawing.feature_maps(steps, there, y),
        "backward": drawing.feature_gradients(steps, back, y),
    }


def mlp_passes(model, options, image, y):
    """Everything that mlp_np.py computes for one image, by its name there: {"z1": (H,), ..., "dW1": (784, H)}."""
    logits = model.forward(predict.as_input(image, options))
    loss, dlogits = softmax_cross_entropy(logits, np.array([y]))
    grads = model.backward(dlogits)
    rows = {"z1": model.z1, "a1": model.a1, "logits": logits, "p": predict.softmax(logits)}
    rows |= {"dlogits": dlogits, "da1": model.da1, "dz1": model.dz1}
    return {"image": image, "loss": float(loss), "dW1": grads["W1"]} | {name: a[0] for name, a in rows.items()}


def resnet_passes(model, options, image, y):
    """The same for a ResNet: the output of the stem and of each stage, and the gradient that returns to it.

    {"maps": {"stem": (14, 14, 16), ...}, "gradients": the same, "logits": (10,), "p": (10,), "dlogits": (10,), "loss"}

    The network runs as in testing: batch normalisation uses the means and variances that it remembers. They are
    constants then, and so is its factor: y = scale x + constant, dx = scale dy.
    """
    for layer in walk(model.layers).values():
        if isinstance(layer, BatchNorm):
            layer.backward = lambda dy, norm=layer: dy * norm.scale
    logits = model.forward(predict.as_input(image, options))
    loss, dlogits = softmax_cross_entropy(logits, np.array([y]))

    # resnet_np.ResNet.backward, with a stop after every block.
    *body, linear = model.layers.values()
    blocks = body[1:]
    dmean = linear.backward(dlogits)
    _, height, width, _ = model.last_shape
    da = np.broadcast_to((dmean / (height * width))[:, np.newaxis, np.newaxis], model.last_shape)
    maps, gradients = {}, {}
    for i in reversed(range(len(blocks))):
        if (i + 1) % options.blocks == 0:  # the last of its stage
            stage = f"stage {(i + 1) // options.blocks}"
            maps[stage], gradients[stage] = blocks[i].y[0], da[0]
        da = blocks[i].backward(da)
    maps["stem"], gradients["stem"] = model.a0[0], da[0]
    return {
        "image": image,
        "maps": dict(reversed(maps.items())),  # in the order of the forward pass
        "gradients": dict(reversed(gradients.items())),
        "logits": logits[0],
        "p": predict.softmax(logits)[0],
        "dlogits": dlogits[0],
        "loss": float(loss),
    }


def vit_passes(model, options, image, y):
    """The same for a ViT: every block's attention, and the gradient that returns to what stands between the layers.

    {"attention": {"block 1": (h, T, T), ...}, "gradients": {"embedded": (T, C), "block 1": (T, C), ...},
    "dx": (28, 28), "logits": (10,), "p": (10,), "dlogits": (10,), "loss"}
    """
    logits = model.forward(predict.as_input(image, options))
    loss, dlogits = softmax_cross_entropy(logits, np.array([y]))

    # vit_np.ViT.backward, with a stop after every block, and on to the pixels.
    *body, linear = model.layers.values()
    embed, _, *blocks, norm = body
    dmean = linear.backward(dlogits)
    da = norm.backward(np.broadcast_to((dmean / model.last_shape[1])[:, np.newaxis], model.last_shape))
    attention, gradients = {}, {}
    for i in reversed(range(len(blocks))):
        attention[f"block {i + 1}"], gradients[f"block {i + 1}"] = blocks[i].layers["attention"].weights[0], da[0]
        da = blocks[i].backward(da)
    gradients["embedded"] = da[0]
    return {
        "image": image,
        "attention": dict(reversed(attention.items())),  # in the order of the forward pass
        "gradients": dict(reversed(gradients.items())),
        "dx": laid_out(embed.backward(da)[0]),
        "logits": logits[0],
        "p": predict.softmax(logits)[0],
        "dlogits": dlogits[0],
        "loss": float(loss),
    }


def laid_out(rows):
    """What vit_np.patches cut, put together again: (T, size size) -> (28, 28)."""
    size, side = math.isqrt(rows.shape[1]), math.isqrt(len(rows))
    return rows.reshape(side, side, size, size).swapaxes(1, 2).reshape(28, 28)


def most_ink(image, size):
    """The number of the patch with the most ink."""
    return int(patches(image[np.newaxis].astype(int), size)[0].sum(axis=1).argmax())


def number_of_patches(options):
    """How many patches the network cuts an image into; 0 if it is no ViT."""
    return (28 // options.patch) ** 2 if options.model == "vit" else 0


def with_article(y):
    """A digit with its article."""
    return f"an {y}" if y == 8 else f"a {y}"


# --- All images ----------------------------------------------------------------------------------------------------


def draw_weights(model, options):
    """The figure of the first layer: an MLP's units that matter most, or a kernel for each channel of the others."""
    network = predict.describe(options)
    if options.model == "vit":
        kernels = model.params["embed.W"].T.reshape(-1, options.patch, options.patch)[:MOST]
        return drawing.weights(kernels, range(len(kernels)), f"{network}: the first layer's weights",
                            "what each channel of the embedding multiplies a patch by")  # fmt: skip
    if options.model == "resnet":
        kernels = np.moveaxis(model.params["stem.conv.W"][:, :, 0], 2, 0)[:MOST]  # (C, 3, 3)
        return drawing.weights(kernels, range(len(kernels)), f"{network}: the first layer's weights",
                            "the 3 x 3 weights of every channel of the stem")  # fmt: skip
    W1, W2 = model.params["W1"], model.params["W2"]
    most = loudest(W2)
    return drawing.weights(
        W1.T[most].reshape(-1, 28, 28),
        [f"for {digit}" for digit in W2[most].argmax(axis=1)],
        f"{network}: the first layer's weights, W1",
        f"the {len(most)} of {len(W2)} units whose weights W2 are largest, and the digit that each speaks for most\n"
        "(fine noise: what is left of the weights before training)",
    )


def loudest(W2):
    """The units with the largest outgoing weights (H, 10), at most MOST, the largest first."""
    return np.argsort(-np.linalg.norm(W2, axis=1), kind="stable")[:MOST]


def draw_test(model, options, dataset):
    """The figures of the network's answers to all test images."""
    p, labels = probabilities(model, options, dataset), dataset.test_labels
    counts = confusion_matrix(p, labels)
    right, total = int(np.trace(counts)), int(counts.sum())
    network, tested = predict.describe(options), test_set_name(options)
    wrong = worst(p, labels)
    return {
        "confusion": drawing.confusion(counts, f"{network} reads {right:,} of {total:,} {tested} images right"),
        "mistakes": drawing.mistakes(
            dataset.test_images[wrong], labels[wrong], p[wrong].argmax(axis=1), p[wrong].max(axis=1),
            f"{network}: the {len(wrong)} most confident of its {total - right} mistakes",
        ),
    }  # fmt: skip


def probabilities(model, options, dataset):
    """The network's probabilities for all test images: (N, 10)."""
    parts = (data.as_input(images, options) for images, _ in data.test_batches(dataset))
    return np.concatenate([predict.softmax(model.forward(x)) for x in parts])


def confusion_matrix(p, labels):
    """How often each pair (true digit, answer) occurs: (10, 10) integers."""
    return np.bincount(10 * labels.astype(int) + p.argmax(axis=1), minlength=100).reshape(10, 10)


def worst(p, labels):
    """The misread images, the most confident mistake first, at most WRONG of them."""
    wrong = np.flatnonzero(p.argmax(axis=1) != labels)
    return wrong[np.argsort(-p[wrong].max(axis=1), kind="stable")][:WRONG]


if __name__ == "__main__":
    sys.exit(program.run(main))

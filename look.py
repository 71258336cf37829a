"""Look inside a trained network: an image's path through it, the gradient's path back, its weights, its mistakes.

`python look.py` shows a test image, and `python look.py png/photo.jpg --label 5` a picture of your own. A network that
writes digits writes one: `python look.py --weights learning_curves/checkpoint_gpt_np.npz --digit 7`. With --training,
it shows training steps instead, layer by layer: those of a checkpoint or, with any option of main_np.py, the first
steps of that run. This file computes the numbers, and views/ draws them. NumPy runs the network, whichever framework
trained it.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from loading.checkpoint import add_weights_option, load_network
    from mlp_np import softmax, softmax_cross_entropy
    from support import drawing, texts
    from support.checkpoint import warn_if_apart
    from support.errors import UserError
    from support.files import check_output, create_output_folder
    from support.options import Parser, integer, test_set_name
    from support.pictures import NO_CLASS
    from views import answers, passes, writing
    from views.training import add_training_option, look_at_training
    from vit_np import Patches

MAX_UNITS = 64  # of the first layer
MAX_MISTAKES = 24
DEFAULT_TEST_INDEX = 247  # the test image to show by default
DEFAULT_DIGIT = 2  # the digit to write by default
BATCH_SIZE = 50
TEST_SET_KINDS = ("confusion", "mistakes")  # the pictures of the predictions for all test images


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("picture", nargs="?", help="a picture of one digit, as for predict.py; it needs --label")
    add("--label", metavar="D", type=integer(0, 9), help="the digit in your picture, or the number of its class")
    add(
        "--test",
        metavar="N",
        type=integer(0, 9999),
        help=f"instead of a picture: test image N (default: {DEFAULT_TEST_INDEX}, a 4 that looks like a 2)",
    )
    add_weights_option(parser)
    add("--digit", metavar="D", type=integer(0, 9), help=f"gpt: the digit to write (default: {DEFAULT_DIGIT})")
    patch_help = (
        "draw the attention of this patch, or of this letter of a text, counted row by row from 0 (default: vit, the "
        "patch with the most ink; gpt, the one that it was least sure of)"
    )
    add("--patch", metavar="N", type=integer(0, 4095), help=patch_help)
    add("--out", metavar="DIR", default="learning_curves", help="the folder for the pictures (default: %(default)s)")
    add_training_option(parser)
    argv = sys.argv[1:] if argv is None else [*argv]
    if any(word.partition("=")[0] == "--training" for word in argv) and not {"-h", "--help"} & {*argv}:
        return look_at_training(argv)
    arguments = parser.parse_args(argv)
    if arguments.picture and (arguments.label is None or arguments.test is not None):
        parser.error("your own picture needs --label (the digit in it) and takes no --test")
    if arguments.label is not None and not arguments.picture:
        parser.error("--label is for your own picture; a test image already has a label")

    model, options, checkpoint = load_network(arguments.weights, writes=None if arguments.weights else False)
    warn_if_apart(checkpoint.path)
    if options.network.writes:
        return look_at_writer(model, options, checkpoint, arguments)
    if arguments.digit is not None:
        parser.error("--digit is for a network that writes digits; name it with --weights")
    kinds_of_image = (
        [*DRAWABLE_NETWORKS[options.run.model].draw_functions, "weights"]
        if options.run.model in DRAWABLE_NETWORKS
        else []
    )
    count = (28 // options.run.patch) ** 2 if "attention" in kinds_of_image else 0
    if arguments.patch is not None and arguments.patch >= count:
        parser.error(f"--patch {arguments.patch}: " + (f"there are {count}, from 0" if count else "only a ViT has any"))
    folder = create_output_folder(arguments.out)
    name = Path(checkpoint.path).stem.removeprefix("checkpoint_")
    files = {kind: folder / f"{kind}_{name}.png" for kind in (*kinds_of_image, *TEST_SET_KINDS)}
    for file in files.values():
        check_output("--out", file, ".png", checkpoint.path, arguments.picture)
    dataset = data.load(options.source, options.run.hold_out)
    test_name = test_set_name(options)
    if arguments.picture:
        input_picture = options.source.read_digit_picture(arguments.picture)
        y = arguments.label
        description = "your picture"
        if input_picture.problem:
            raise UserError(input_picture.problem)
        image = input_picture.image
    else:
        index = min(DEFAULT_TEST_INDEX, len(dataset.test_images) - 1) if arguments.test is None else arguments.test
        if index >= len(dataset.test_images):
            parser.error(f"--test {index}: there are {len(dataset.test_images)} {test_name} images, from 0")
        image = dataset.test_images[index]
        y = int(dataset.test_labels[index])
        description = f"{test_name} image {index}"

    class_name = options.source.name_label_with_article(y)
    figures = make_test_figures_by_kind(model, options, dataset)
    if kinds_of_image:
        figures |= make_image_figures_by_kind(model, options, image, y, f"{class_name}, {description}", arguments.patch)
    for kind, figure in figures.items():
        drawing.save(figure, files[kind])
    print(f"{options.network.title(options.run)} of {checkpoint.path}: {description}, {class_name}")
    print(f"see {folder}: {', '.join(file.name for file in files.values())}")


# --- What a network wrote ---------------------------------------------------------------------------------------------


def look_at_writer(model, options, checkpoint, arguments):
    """Let the network write a digit or a text, save a picture of what it computed, and print the picture's path.

    Raises UserError if the network writes names or tokens of several letters, or if an option does not apply to it.
    """
    network = f"{options.network.title(options.run)} of {checkpoint.path}"
    source = options.source
    draw = source.pick_by_kind(
        images=make_digit_figure_and_description, names=None, texts=make_text_figure_and_description
    )
    if draw is None:
        raise UserError(f"look.py draws digits and texts, and {network} writes names: use write.py")
    if source.cut_by:
        raise UserError(
            f"look.py draws the probabilities of single letters, and {network} writes tokens of several letters"
        )
    if arguments.picture or arguments.test is not None:
        raise UserError(f"{network} writes digits and classifies none: choose a digit with --digit D")
    if arguments.digit is not None and draw is make_text_figure_and_description:
        raise UserError(f"--digit is for a network that writes digits, and {network} writes texts")
    if arguments.patch is not None and arguments.patch >= source.context_length:
        raise UserError(f"--patch {arguments.patch}: there are {source.context_length}, from 0")
    folder = create_output_folder(arguments.out)
    name = Path(checkpoint.path).stem.removeprefix("checkpoint_")
    file = folder / f"written_{name}.png"
    check_output("--out", file, ".png", checkpoint.path)
    figure, description = draw(model, options, arguments)
    drawing.save(figure, file)
    print(f"{network} has written {description}")
    print(f"see {file}")
    return None


def make_digit_figure_and_description(model, options, arguments):
    """Let the network write a digit. Return (figure of the digit, name of the digit)."""
    digit = DEFAULT_DIGIT if arguments.digit is None else arguments.digit
    description = options.source.name_label_with_article(digit)
    intermediates = compute_gpt_intermediates(model, options, options.source.tokenizer.start_tokens([digit]))
    intermediates["vocabulary"] = texts.load_vocabulary()
    intermediates["image"] = texts.decode_images(intermediates["token_ids"][np.newaxis])[0]
    if arguments.patch is not None:
        intermediates["position"] = arguments.patch
    return writing.draw_generated_digit(
        intermediates, f"{options.network.title(options.run)}: it has written {description}"
    ), description


def make_text_figure_and_description(model, options, arguments):
    """Let the network write a text. Return (figure of the text, description of its length, such as "64 letters")."""
    source = options.source
    description = f"{source.context_length} letters"
    intermediates = compute_gpt_intermediates(model, options, np.array([[texts.default_prompt_id(source)]])) | {
        "letters": source.letters
    }
    if arguments.patch is not None:
        intermediates["position"] = arguments.patch
    return writing.draw_generated_text(
        intermediates, f"{options.network.title(options.run)}: it has written {description}"
    ), description


def compute_gpt_intermediates(model, options, prompt, temperature=0.8, seed=0):
    """Generate a text as write.py does, and return what the network computes at each position. prompt: a token (1, 1).

    The result is a dict: "token_ids": the tokens drawn (T,); "p": the probabilities at temperature 1 (T, V);
    "perplexity": the perplexity of each row of p (T,); "attention": {"block 1": weights (h, T, T), ...}; "position":
    the position with the highest perplexity.
    """
    token_ids = np.stack(list(model.generate(prompt, temperature, np.random.default_rng(seed))), axis=1)  # (1, T)
    x = np.concatenate([prompt, token_ids[:, :-1]], axis=1)  # (1, T)
    p = softmax(model.forward(x)[0].astype(float))  # (T, V)
    perplexity = np.exp(-(p * np.log(np.maximum(p, 1e-300))).sum(axis=1))
    blocks = {f"block {i + 1}": f"blocks.{i}" for i in range(options.run.blocks)}
    return {
        "token_ids": token_ids[0],
        "p": p,
        "perplexity": perplexity,
        "attention": {block: model.layers[layer].layers["attention"].weights[0] for block, layer in blocks.items()},
        "position": int(perplexity.argmax()),
    }


# --- One image, there and back -------------------------------------------------------------------------------------


def compute_intermediates(model, options, image, y):
    """Run one uint8 image (28, 28), whose true class is y, forward and backward, and return a dict.

    It has "image"; "classes": the names of all classes; "loss"; "logits", "p" and "dlogits": (10,) each; "grads": the
    gradients that `model.backward` returns.
    """
    x, labels = data.encode(image[np.newaxis], np.array([y]), options)
    logits = model.forward(x)
    loss, dlogits = softmax_cross_entropy(logits, labels)
    rows = {"logits": logits, "p": softmax(logits), "dlogits": dlogits}
    values = {"image": image, "classes": options.source.classes, "loss": float(loss)}
    return values | {name: a[0] for name, a in rows.items()} | {"grads": model.backward(dlogits)}


def compute_mlp_intermediates(model, options, image, y):
    """Return what mlp_np.py computes for one image whose true class is y, as a dict by the names in that file.

    It has what `compute_intermediates` returns, and "z1", "a1", "da1", "dz1": (H,) each, and "dW1": (784, H).
    """
    intermediates = compute_intermediates(model, options, image, y)
    of_hidden_units = {name: getattr(model, name)[0] for name in ("z1", "a1", "da1", "dz1")}
    return intermediates | of_hidden_units | {"dW1": intermediates["grads"]["W1"]}


def compute_resnet_intermediates(model, options, image, y):
    """Return what a ResNet computes for one image whose true class is y, as a dict.

    It has what `compute_intermediates` returns, and "maps": {"stem": (14, 14, 16), "stage 1": ...}, the outputs of the
    stem and of each stage; "gradients": d loss / d output for each of them. The network runs as in testing: batch
    normalisation uses its running means and variances.
    """
    intermediates = compute_intermediates(model, options, image, y)
    last_blocks = {
        f"stage {i + 1}": f"blocks.{(i + 1) * options.run.blocks - 1}" for i in range(len(options.run.widths))
    }
    shown_layers = {"stem": "stem"} | last_blocks  # of each stage, its last block
    return intermediates | {
        "maps": {stage: model.layers[layer].y[0] for stage, layer in shown_layers.items()},
        "gradients": {stage: model.gradients[layer][0] for stage, layer in shown_layers.items()},
    }


def compute_vit_intermediates(model, options, image, y):
    """Return what a ViT computes for one image whose true class is y, as a dict.

    It has what `compute_intermediates` returns, and "attention": {"block 1": weights (h, T, T), ...}; "gradients": d
    loss / d output of the embedding and of each block, {"embedded": (T, C), "block 1": (T, C), ...}; "dx": (28, 28);
    "patch": the index of the patch with the most ink.
    """
    intermediates = compute_intermediates(model, options, image, y)
    ink = Patches(options.run.patch).forward(image[np.newaxis].astype(int))[0].sum(axis=1)
    blocks = {f"block {i + 1}": f"blocks.{i}" for i in range(options.run.blocks)}
    gradient_layers = {"embedded": "positions"} | blocks
    return intermediates | {
        "attention": {block: model.layers[layer].layers["attention"].weights[0] for block, layer in blocks.items()},
        "gradients": {place: model.gradients[layer][0] for place, layer in gradient_layers.items()},
        "dx": model.gradients["x"][0],
        "patch": int(ink.argmax()),
    }


# --- The first layer's weights ----------------------------------------------------------------------------------------


def get_mlp_weight_images(params, options):
    """Return the `WeightImages` of W1, for the units with the largest W2."""
    W1 = params["W1"]
    W2 = params["W2"]
    source = options.source
    largest_units = np.argsort(-np.linalg.norm(W2, axis=1), kind="stable")[:MAX_UNITS]
    description = (
        f"all {len(W2)} units"
        if len(largest_units) == len(W2)
        else f"the {len(largest_units)} of {len(W2)} units with the largest weights W2"
    )
    note = (
        f"{description}, and the {source.singular_noun} that each favours most\n"
        "(fine noise: what is left of the initial weights)"
    )
    images = W1.T[largest_units].reshape(-1, 28, 28)
    labels = [f"for {source.classes[k]}" for k in W2[largest_units].argmax(axis=1)]
    return answers.WeightImages("the first layer's weights, W1", images, labels, note)


def get_resnet_weight_images(params, options):
    """Return the `WeightImages` of the stem's kernels, an image for each channel."""
    kernels = np.moveaxis(params["stem.conv.W"][:, :, 0], 2, 0)  # (C, 3, 3)
    return make_kernel_weight_images(kernels, "the 3 x 3 weights of {} of the stem")


def get_vit_weight_images(params, options):
    """Return the `WeightImages` of the embedding, an image for each channel."""
    kernels = params["embed.W"].T.reshape(-1, options.run.patch, options.run.patch)  # (C, size, size)
    return make_kernel_weight_images(kernels, "the weights by which {} of the embedding multiplies a patch")


def make_kernel_weight_images(kernels, note):
    """Return the `WeightImages` of the first `MAX_UNITS` of kernels (n, h, w), one for each channel.

    note: the text below them, with {} in place of the channels.
    """
    channels = (
        "each channel" if len(kernels) <= MAX_UNITS else f"each of the first {MAX_UNITS} of {len(kernels)} channels"
    )
    images = kernels[:MAX_UNITS]
    return answers.WeightImages("the first layer's weights", images, range(len(images)), note.format(channels))


# --- All test images --------------------------------------------------------------------------------------------------


def make_test_figures_by_kind(model, options, dataset):
    """Return {"confusion": figure, "mistakes": figure} of the network's predictions for all test images."""
    labels = dataset.test_labels
    network = options.network.title(options.run)
    test_name = test_set_name(options)
    source = options.source
    batches = data.test_batches(dataset, options, BATCH_SIZE)
    p = np.concatenate([softmax(model.forward(x)) for x, _ in batches])  # (N, 10)
    predictions = p.argmax(axis=1)
    confidence = p.max(axis=1)
    counts = np.bincount(10 * labels.astype(int) + predictions, minlength=100)
    counts = counts.reshape(10, 10)  # of (true class, answer)
    misread = np.flatnonzero(predictions != labels)
    most_confident = misread[np.argsort(-confidence[misread], kind="stable")][:MAX_MISTAKES]
    title = f"{network} classifies {len(labels) - len(misread):,} of {len(labels):,} {test_name} images correctly"
    mistakes_title = f"its {len(misread)} mistakes, the most confident first"
    mistakes_title = {0: "no mistakes", 1: "its only mistake"}.get(len(misread), mistakes_title)
    if len(most_confident) < len(misread):
        mistakes_title = f"the {len(most_confident)} most confident of its {len(misread)} mistakes"
    names = np.array(source.classes)
    mistakes = answers.Mistakes(
        dataset.test_images[most_confident],
        names[labels[most_confident]],
        names[predictions[most_confident]],
        confidence[most_confident],
    )
    n_classes = 1 + max(n for n in range(10) if source.classes[n] != NO_CLASS or counts[:, n].any())
    confusion_figure = answers.draw_confusion(
        counts[:n_classes, :n_classes], title, source.classes[:n_classes], source.singular_noun
    )
    figures = confusion_figure, answers.draw_mistakes(mistakes, f"{network}: {mistakes_title}")
    return dict(zip(TEST_SET_KINDS, figures, strict=True))


class Inside(NamedTuple):
    """How look.py shows the inside of a network."""

    compute_intermediates: Callable  # of one image
    draw_functions: dict  # {kind of picture of the intermediates: the function that draws it}
    get_weight_images: Callable  # of the first layer


DRAWABLE_NETWORKS = {
    "mlp": Inside(
        compute_mlp_intermediates,
        {"forward": passes.draw_forward_pass, "backward": passes.draw_backward_pass},
        get_mlp_weight_images,
    ),
    "resnet": Inside(
        compute_resnet_intermediates,
        {"forward": passes.draw_feature_maps, "backward": passes.draw_feature_gradients},
        get_resnet_weight_images,
    ),
    "vit": Inside(
        compute_vit_intermediates,
        {"attention": passes.draw_attention, "backward": passes.draw_patch_gradients},
        get_vit_weight_images,
    ),
}
TITLES = {"forward": "{}, forward: {}", "backward": "{}, backward: {}", "attention": "{}: attention to {}"}


def make_image_figures_by_kind(model, options, image, y, description, patch=None):
    """Return {kind: figure} of one image's passes and of the first layer's weights.

    y: the image's true class. description: what the titles call the image. patch: the index of the patch whose
    attention is drawn, or None for the patch with the most ink.
    """
    inside = DRAWABLE_NETWORKS[options.run.model]
    intermediates = inside.compute_intermediates(model, options, image, y)
    network = options.network.title(options.run)
    if patch is not None:
        intermediates["patch"] = patch
    figures = {}
    for kind, draw in inside.draw_functions.items():
        figures[kind] = draw(intermediates, TITLES[kind].format(network, description), y)
    weights = inside.get_weight_images(model.params, options)
    figures["weights"] = answers.draw_weights(weights, f"{network}: {weights.name}")
    return figures


if __name__ == "__main__":
    sys.exit(program.run(main))

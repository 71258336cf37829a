"""Read a digit from a picture of your own: `python predict.py photo.jpg`.

A network knows only what it was shown, so support/ink.py first turns the picture into one like MNIST's. NumPy runs the
network, whichever framework trained it.
"""

import sys
from pathlib import Path

from support import program  # first: it handles Ctrl-C

# isort: split
import numpy as np

import data
from main_np import build
from support import drawing
from support.checkpoint import resume_run
from support.download import SOURCES
from support.errors import UserError
from support.files import spare
from support.ink import FORMATS, read_digit
from support.options import Parser, title

FOLDER = Path("learning_curves")
WEIGHTS = (
    ("resnet_np", "resnet_torch"),
    ("vit_np", "vit_torch"),
    ("np", "torch"),
)  # the better network first; the newer of each pair


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0], allow_abbrev=False)
    parser.add_argument("picture", help=f"a picture of one digit: {', '.join(FORMATS)}")
    add_weights(parser)
    parser.add_argument("--show", metavar="FILE.png", help="draw the picture, what the network saw, and its answer")
    arguments = parser.parse_args(argv)

    model, options, checkpoint = load_network(arguments.weights)
    if arguments.show:
        spare(arguments.show, arguments.picture, checkpoint.path)
    picture, image = read_digit(arguments.picture)
    p = softmax(model.forward(as_input(image, options)))[0]

    print(f"{describe(options)} of {checkpoint.path}")
    for digit in range(10):
        print(f"{digit} {p[digit]:7.4f} {'#' * round(40 * p[digit])}".rstrip())
    print(f"{'digit' if options.dataset == 'mnist' else 'class'}: {p.argmax()}")
    if arguments.show:
        try:
            drawing.save(drawing.prediction(picture, image, p), arguments.show)
        except OSError as error:
            raise UserError(f"cannot write --show {arguments.show}: {error.strerror}") from None


# --- The network ---------------------------------------------------------------------------------------------------


def add_weights(parser):
    """The option --weights, shared with look.py."""
    parser.add_argument(
        "--weights",
        metavar="FILE",
        help="the checkpoint of a network (default: the one in learning_curves; a ResNet's if there is one, else a "
        "ViT's, else an MLP's; NumPy's or PyTorch's, whichever is newer)",
    )


def load_network(path=None):
    """(model, options, checkpoint) from a file, or from the best in learning_curves; UserError if there is none.

    model: an MLP, ResNet or ViT in NumPy, set to predict, not to train.
    """
    path = path or best_weights()
    options, checkpoint = resume_run("np", {"resume": path})
    model, _ = build(options, checkpoint)
    model.training = False
    return model, options, checkpoint


def best_weights():
    for names in WEIGHTS:
        there = [path for name in names if (path := FOLDER / f"checkpoint_{name}.npz").exists()]
        if there:
            return max(there, key=lambda path: path.stat().st_mtime)
    raise UserError(f"no trained network in {FOLDER}: run `python main_np.py` first, or give --weights FILE")


def describe(options):
    """The network in a few words: "784-512-10"; which framework trained it makes no difference here."""
    return title(options).rsplit(" in ", 1)[0]


def as_input(image, options):
    """One uint8 image (28, 28) as the network's input (1, 28, 28)."""
    return data.as_input(image[np.newaxis], options.pixels, SOURCES[options.dataset], options.dtype)


def softmax(logits):
    """(B, 10) -> probabilities (B, 10), each row with sum 1."""
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    sys.exit(program.run(main))

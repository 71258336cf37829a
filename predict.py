"""Read a digit from a picture: `python predict.py png/photo.jpg`, or one of your own.

A network knows only what it was shown, so support/ink.py first turns the picture into one like MNIST's. NumPy runs the
network, whichever framework trained it.
"""

import sys
from pathlib import Path

import numpy as np

import data
import networks
from support import drawing, inside, program
from support.errors import UserError
from support.files import check_output
from support.ink import FORMATS, read_digit
from support.options import Parser

FOLDER = Path("learning_curves")


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("picture", help=f"a picture of one digit: {', '.join(FORMATS)}")
    add_weights(parser)
    parser.add_argument("--show", metavar="FILE.png", help="draw the picture, what the network saw, and its answer")
    arguments = parser.parse_args(argv)

    model, options, checkpoint = load_network(arguments.weights)
    picture, image = read_digit(arguments.picture)
    if arguments.show:
        check_output("--show", arguments.show, ".png", arguments.picture)
    p = softmax(model.forward(data.as_input(image[np.newaxis], options)))[0]

    print(f"{options.network.title(options)} of {checkpoint.path}")
    for digit in range(10):
        print(f"{digit} {p[digit]:7.4f} {'#' * round(40 * p[digit])}".rstrip())
    print(f"{'digit' if options.dataset == 'mnist' else 'class'}: {p.argmax()}")
    if arguments.show:
        drawing.save(inside.prediction(picture, image, p), arguments.show)


def add_weights(parser):
    """The option --weights, shared with look.py."""
    what = f"the checkpoint of a network (default: the newest in {FOLDER})"
    parser.add_argument("--weights", metavar="FILE", help=what)


def load_network(path=None):
    """(model, options, checkpoint) from a file, or from the newest in learning_curves; UserError if there is none.

    model: in NumPy, set to predict and not to train.
    """
    there = [path] if path else sorted(FOLDER.glob("checkpoint_*.npz"), key=lambda path: path.stat().st_mtime)
    if not there:
        raise UserError(f"no trained network in {FOLDER}: run `python main_np.py` first, or give --weights FILE")
    return networks.load(there[-1])


def softmax(logits):
    """(B, 10) -> probabilities (B, 10), each row with sum 1."""
    exp = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exp / exp.sum(axis=1, keepdims=True)


if __name__ == "__main__":
    sys.exit(program.run(main))

"""Read a digit from a picture: `python predict.py png/photo.jpg`, or one of your own.

A network knows only what it was shown, so support/ink.py first turns the picture into one like MNIST's. NumPy runs the
network, whichever framework trained it.
"""

import sys

import numpy as np

import data
import networks
from mlp_np import softmax
from support import drawing, inside, program
from support.files import check_output
from support.ink import FORMATS, read_digit
from support.options import Parser

# Below this probability the answer is in doubt. Of 10,000 held-out training images (`main_np.py --hold-out 10000`),
# 192 of the 9,820 right answers are below, and 113 of the 180 wrong ones.
SURE = 0.9


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("picture", help=f"a picture of one digit: {', '.join(FORMATS)}")
    networks.add_weights(parser)
    parser.add_argument("--show", metavar="FILE.png", help="draw the picture, what the network saw, and its answer")
    arguments = parser.parse_args(argv)

    model, options, checkpoint = networks.load(arguments.weights)
    picture, image = read_digit(arguments.picture)
    if arguments.show:
        check_output("--show", arguments.show, ".png", arguments.picture)
    p = softmax(model.forward(data.as_input(image[np.newaxis], options)))[0]

    progress = checkpoint.history.progress(options)
    print(f"{options.network.title(options)} of {checkpoint.path}" + (f", {progress}" if progress else ""))
    for digit in range(10):
        print(f"{digit} {p[digit]:7.4f} {'#' * round(40 * p[digit])}".rstrip())
    first, second = p.argsort()[:-3:-1]
    answer = first if p[first] >= SURE else f"{first} or {second} (not sure)"
    print(f"{'digit' if options.dataset == 'mnist' else 'class'}: {answer}")
    if arguments.show:
        drawing.save(inside.prediction(picture, image, p), arguments.show)


if __name__ == "__main__":
    sys.exit(program.run(main))

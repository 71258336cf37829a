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
    x, _ = options.network.batch(image[np.newaxis], np.zeros(1, int), options)  # nobody knows its label
    p = softmax(model.forward(x))[0]

    progress = checkpoint.history.progress(options)
    print(f"{options.network.title(options)} of {checkpoint.path}" + (f", {progress}" if progress else ""))
    source = data.SOURCES[options.dataset]
    width = max(map(len, source.classes))
    for name, share in zip(source.classes, p, strict=True):
        print(f"{name:{width}} {share:7.4f} {'#' * round(40 * share)}".rstrip())
    first, second = p.argsort()[:-3:-1]
    sure, names = p[first] >= SURE, source.classes
    print(f"{source.kind}: {names[first] if sure else f'{names[first]} or {names[second]} (not sure)'}")
    if arguments.show:
        drawing.save(inside.prediction(picture, image, p, names), arguments.show)


if __name__ == "__main__":
    sys.exit(program.run(main))

"""Have a trained network write digits: `python write.py 2026` -> written.png.

It writes patch by patch, and each is drawn from what it thinks likely after those before: gpt_np.py explains how. NumPy
runs the network, whichever framework trained it.
"""

import argparse
import re
import sys

import numpy as np
from PIL import Image

import data
import networks
from support import program
from support.errors import UserError
from support.files import check_output, replacing
from support.options import Parser, integer, number

SIZE, MARGIN = 4, 16  # pixels of the picture for each pixel of an image, and around it all


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("digits", help="what to write: 2026, say", type=digits)
    networks.add_weights(parser, writes=True)
    what = "below 1, likely patches become likelier; 0 always takes the likeliest (default: 0.8)"
    parser.add_argument("--temperature", metavar="T", help=what, type=number(0, 100), default=0.8)
    what = "decides what is drawn: the same seed writes the same digits (default: 0)"
    parser.add_argument("--seed", help=what, type=integer(0, 2**64 - 1), default=0)
    parser.add_argument(
        "--count", metavar="N", help="write all of it N times, a row each", type=integer(1, 100), default=1
    )
    parser.add_argument("--out", metavar="FILE.png", help="the picture (default: written.png)", default="written.png")
    arguments = parser.parse_args(argv)

    check_output("--out", arguments.out, ".png")
    model, options, checkpoint = networks.load(arguments.weights, writes=True)
    check_output("--out", arguments.out, ".png", checkpoint.path)
    rng = np.random.default_rng(arguments.seed)
    rows = [write(model, arguments.digits, arguments.temperature, rng, options) for _ in range(arguments.count)]
    with replacing(arguments.out) as file:
        Image.fromarray(on_paper(np.array(rows))).save(file, "PNG")

    print(f"{options.network.title(options)} of {checkpoint.path}")
    print(f"see {arguments.out}")
    try:
        reader, its_options, checkpoint = networks.load()
    except UserError as error:
        print(f"it was not read: {error}".removesuffix(", or give --weights FILE"))
        return
    print(f"{its_options.network.title(its_options)} of {checkpoint.path} reads:")
    source = data.SOURCES[its_options.dataset]
    for row in rows:
        said = networks.logits_of(reader, its_options, row).argmax(axis=1)
        print(("" if source.kind == "digit" else ", ").join(source.classes[n] for n in said))


def digits(text):
    """The type, for argparse, of a row of digits."""
    if not re.fullmatch("[0-9]{1,100}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 to 100 digits, such as 2026")
    return [int(digit) for digit in text]


def write(model, asked, temperature, rng, options):
    """An image of each of the digits asked for, as a trained GPT writes it: (B, 28, 28) uint8."""
    words = np.stack([*model.write(asked, temperature, rng)], axis=1)  # (B, 49)
    return data.images_of(words, options.dataset)


def on_paper(images):
    """Images (rows, columns, 28, 28) as one picture, black on white."""
    rows, columns, height, width = images.shape
    sheet = 255 - images.swapaxes(1, 2).reshape(rows * height, columns * width)
    return np.pad(sheet.repeat(SIZE, axis=0).repeat(SIZE, axis=1), MARGIN, constant_values=255)


if __name__ == "__main__":
    sys.exit(program.run(main))

"""Read a digit from a picture: `python predict.py png/photo.jpg`, or one of your own.

A network knows only images like those it was trained on, so support/ink.py first makes the picture look like MNIST's.
NumPy runs the network, whichever framework trained it.
"""

import sys
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import loading.checkpoint
    from mlp_np import softmax
    from support import drawing, sheet
    from support.errors import UserError
    from support.files import check_output
    from support.ink import FORMATS
    from support.options import Parser
    from support.pictures import NO_CLASS
    from support.rounding import format_probability
    from views import answers

# Below this probability, the answer is "not sure". On 10,000 held-out training images (`main_np.py --hold-out 10000`),
# 192 of the 9,820 right answers are below it, and 113 of the 180 wrong ones.
MIN_CONFIDENCE = 0.9


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("pictures", nargs="+", metavar="picture", help=f"of one digit: {', '.join(FORMATS)}")
    parser.epilog = "A network only knows what it was trained on: it may be just as sure about a letter or a scribble."
    loading.checkpoint.add_weights_option(parser)
    parser.add_argument(
        "--show", metavar="FILE.png", help="draw the picture, the ink that was found in it, and the result"
    )
    cut_help = "the pictures show sheets with rows of 0 1 2 ... 9: cut out each digit, into a folder for --dataset DIR"
    parser.add_argument("--cut", metavar="DIR", help=cut_help)
    arguments = parser.parse_args(argv)

    if arguments.cut:
        n_digits = 0
        for path in arguments.pictures:
            digits = sheet.cut_digit_rows(path)  # (rows, 10, 28, 28)
            sheet.save_digits_as_dataset(digits, arguments.cut, Path(path).stem)
            n_digits += digits.shape[0] * digits.shape[1]
        print(
            f"{n_digits} digits are in {arguments.cut}: train on them with "
            f"`python main_np.py --dataset {arguments.cut}`"
        )
        return 0
    if arguments.show and len(arguments.pictures) > 1:
        parser.error("--show draws one picture: name only one")
    model, options, checkpoint = loading.checkpoint.load_network(arguments.weights)
    if arguments.show:
        check_output("--show", arguments.show, ".png", checkpoint.path, *arguments.pictures)
    source = options.source
    if len(arguments.pictures) == 1:
        input_picture = source.read_digit_picture(arguments.pictures[0])
        p = classify_picture(model, options, input_picture)
        answer = describe_likeliest_classes(p, source)
        if arguments.show:
            drawing.save(answers.draw_prediction(input_picture, p, answer, source.classes), arguments.show)
        if input_picture.problem:
            raise UserError(input_picture.problem)
        progress = checkpoint.history.describe_unfinished_progress(options.run)
        print(f"{options.network.title(options.run)} of {checkpoint.path}" + (f", {progress}" if progress else ""))
        print_probabilities(p, source.classes)
        print(answer)
        return 0
    status = 0
    for path in arguments.pictures:
        try:
            input_picture = source.read_digit_picture(path)
            if input_picture.problem:
                raise UserError(input_picture.problem)
            p = classify_picture(model, options, input_picture)
            print(f"{path}: {describe_likeliest_classes(p, source)}")
        except UserError as error:
            status = 2
            print(error)
    return status


def classify_picture(model, options, input_picture):
    """Return the network's probabilities (10,) for a `support.ink.DigitPicture`."""
    return softmax(loading.checkpoint.compute_logits(model, options, input_picture.image[np.newaxis]))[0]


def describe_likeliest_classes(p, source):
    """Return the answer for probabilities p (10,) in words: one class, or two if the network is not sure."""
    names = [source.classes[n] for n in p.argsort()[::-1]]
    first, second = [name for name in names if name != NO_CLASS][:2]
    if p.max() >= MIN_CONFIDENCE:
        return f"{source.singular_noun}: {first}"
    return f"{source.singular_noun}: {first} or {second} (not sure)"


def print_probabilities(p, class_names):
    """Print each class with its probability, as a number and as a bar."""
    width = max(len(name) for name in class_names if name != NO_CLASS)
    for name, share in zip(class_names, p, strict=True):
        if name != NO_CLASS:
            print(f"{name:{width}}  {format_probability(share)} {'#' * round(40 * share)}".rstrip())


if __name__ == "__main__":
    sys.exit(program.run(main))

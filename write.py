"""Have a trained network write: `python write.py 2026` -> written.png, or `python write.py Mac --count 10`.

A network that learned digits writes the digits it is asked for, patch by patch. One that learned names goes on from the
letters it is given, and so does one that learned a text: `python write.py "ROMEO:" --letters 300`. A model that people
use, in a GGUF file, answers: `python write.py "What is gravity?" --weights FILE.gguf`. docs/llama.md says where to get
one. Each word, a patch or a letter or a piece of a text, is drawn from what the network thinks likely after those
before: gpt_np.py explains how. NumPy runs the network, whichever framework trained it.
"""

import sys
from itertools import islice

from support import program

with program.needing("requirements-np.txt"):
    import numpy as np
    from PIL import Image

    import data
    import loading.checkpoint
    import loading.gguf_file
    from support import texts
    from support.errors import UserError, hide_control_characters
    from support.files import check_output, replacing
    from support.model_file import is_model
    from support.options import Parser, integer, number
    from support.threads import threads

SIZE, MARGIN = 4, 16  # pixels of the picture for each pixel of an image, and around it all
OUT = "written.png"
LETTERS = 300  # of a text, unless --letters says otherwise
BLANK = "_"  # what is said of an image without any ink


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    what = (
        "digits to write (2026), the first letters of names (Mac), or the beginning of a text (ROMEO:): the newest "
        "network that can do so goes on from it; by default all digits, names from the start, or a text from a new line"
    )
    parser.add_argument("text", nargs="?", help=what)
    loading.checkpoint.add_weights(parser, writes=True)
    what = "below 1, likely words become likelier; 0 always takes the likeliest (default: 0.8)"
    parser.add_argument("--temperature", metavar="T", help=what, type=number(0, 100), default=0.8)
    what = "decides what is drawn: the same seed writes the same (default: 0)"
    parser.add_argument("--seed", help=what, type=integer(0, 2**64 - 1), default=0)
    what = "draw from the K likeliest words alone (default: from all)"
    parser.add_argument("--top", metavar="K", help=what, type=integer(1, 10_000))
    what = "draw from the likeliest words alone that together have this probability (default: 1, from all)"
    parser.add_argument("--top-p", metavar="P", help=what, type=number(1e-6, 1), default=1)
    what = "write the digits N times, a row each (default: 1), N names (default: 10), N texts or answers (default: 1)"
    parser.add_argument("--count", metavar="N", help=what, type=integer(1, 100))
    what = f"of a text, how many to write (default: {LETTERS}; of a GGUF file's, as many as it wants to)"
    parser.add_argument("--letters", metavar="N", help=what, type=integer(1, 1_000_000))
    what = "the GGUF file beside whose weights --weights has learned, if it is no longer where it was"
    parser.add_argument("--start", metavar="FILE", help=what)
    parser.add_argument("--raw", action="store_true", help="of a GGUF file: go on with the text instead of answering")
    parser.add_argument("--out", metavar="FILE.png", help=f"the picture of the digits (default: {OUT})")
    arguments = parser.parse_args(argv)

    if arguments.start and (not arguments.weights or is_model(arguments.weights)):
        raise UserError("--start is for a checkpoint that was learned beside a GGUF file: name that with --weights")
    if arguments.weights and is_model(arguments.weights):
        return talk(arguments, *loading.gguf_file.load_file(arguments.weights))
    if arguments.raw and not arguments.weights:
        raise UserError("--raw is for the GGUF file of a model that people use: name it with --weights")
    check_output("--out", arguments.out or OUT, ".png")
    how = {"writes": True, "text": arguments.text, "start": arguments.start}
    model, options, checkpoint = loading.checkpoint.load(arguments.weights, **how)
    if options.base_model:
        return talk(arguments, model, options, options.base_model.file)
    if arguments.raw or arguments.start:
        what = "--raw" if arguments.raw else "--start"
        raise UserError(f"{what} is for the GGUF file of a model that people use, and {checkpoint.path} needs none")
    check_output("--out", arguments.out or OUT, ".png", checkpoint.path)
    network = f"{options.network.title(options.run)} of {checkpoint.path}"
    write_kind = options.source.pick(images=digits, names=names, texts=text)
    if arguments.out and write_kind is not digits:
        raise UserError(f"--out is for a picture of digits, and {network} writes {options.source.noun}")
    if arguments.letters and write_kind is not text:
        raise UserError(f"--letters is for a text, and {network} writes {options.source.kind}s")
    write_kind(model, options, network, arguments)
    return None


# --- Digits -----------------------------------------------------------------------------------------------------------


def digits(model, options, network, arguments):
    """Write them into a picture, and say what a network that reads sees there."""
    out = arguments.out or OUT
    asked, rng = [*map(int, arguments.text or "0123456789")], np.random.default_rng(arguments.seed)
    how = arguments.temperature, rng, options, arguments.top, arguments.top_p
    rows = [write(model, asked, *how) for _ in range(arguments.count or 1)]
    with replacing(out) as file:
        Image.fromarray(on_paper(np.array(rows))).save(file, "PNG")

    print(network)
    print(f"see {out}")
    inked = np.array(rows).any(axis=(2, 3))  # (rows, digits)
    if not inked.all():
        print(f"{(~inked).sum()} of {inked.size} images {'is' if (~inked).sum() == 1 else 'are'} blank, here {BLANK}")
    try:
        reader, its_options, checkpoint = loading.checkpoint.load()
    except UserError as error:
        print(f"it was not read: {error}".removesuffix(", or give --weights FILE"))
        return
    print(f"{its_options.network.title(its_options.run)} of {checkpoint.path} reads:")
    source = its_options.source
    for row, ink in zip(rows, inked, strict=True):
        said = loading.checkpoint.logits_of(reader, its_options, row).argmax(axis=1)
        words = (source.classes[n] if there else BLANK for n, there in zip(said, ink, strict=True))
        print(source.separator.join(words))


def write(model, asked, temperature, rng, options, top=None, top_p=1):
    """An image of each of the digits asked for, as a trained GPT writes it: (B, 28, 28) uint8."""
    begun = options.source.tokenizer.first(asked)
    words = np.stack([*model.write(begun, temperature, rng, top, top_p)], axis=1)  # (B, 49)
    return texts.images_of(words)


def on_paper(images):
    """Images (rows, columns, 28, 28) as one picture, black on white, enlarged smoothly: viewers blur large pixels."""
    rows, columns, height, width = images.shape
    sheet = Image.fromarray(255 - images.swapaxes(1, 2).reshape(rows * height, columns * width))
    large = sheet.resize((SIZE * sheet.width, SIZE * sheet.height), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(large), MARGIN, constant_values=255)


# --- Names ------------------------------------------------------------------------------------------------------------


def names(model, options, network, arguments):
    """Say them, and of each whether it is in the list that the network has learned from."""
    how = arguments.temperature, np.random.default_rng(arguments.seed), options, arguments.top, arguments.top_p
    written = go_on(model, (arguments.text or "").lower(), arguments.count or 10, *how)
    known = {*texts.names_of(data.load(options.source, options.run.hold_out).train_tokens)}
    print(network)
    for name in written:
        print(f"{name.capitalize():13}{'in the list' if name in known else 'new'}")
    number = sum(name in known for name in written)
    print(f"{number} of {len(written)} {'is' if number == 1 else 'are'} in the list of {len(known):,} names it learned")


def go_on(model, letters, count, temperature, rng, options, top=None, top_p=1):
    """So many names that begin with these letters, as a trained GPT writes them."""
    given = texts.texts_of([letters])[:, : len(letters)]
    begun = np.concatenate([options.source.tokenizer.first([0]), given], axis=1)  # (1, n)
    written = np.stack([*model.write(begun.repeat(count, axis=0), temperature, rng, top, top_p)], axis=1)
    return [letters + rest for rest in texts.names_of(written)]


# --- A text -----------------------------------------------------------------------------------------------------------


def text(model, options, network, arguments):
    """Print what it is to go on from, and then each letter as soon as it is drawn."""
    letters, rng = options.source.letters, np.random.default_rng(arguments.seed)
    how = arguments.temperature, rng, arguments.top, arguments.top_p
    begun = arguments.text or letters[texts.beginning(options.source)]
    print(network)
    for number in range(arguments.count or 1):
        print(*["\n---\n"] * (number > 0), begun.lstrip("\n"), sep="", end="")
        words = endless(model, [letters.index(letter) for letter in begun], *how)
        for word in islice(words, arguments.letters or LETTERS):
            print(letters[word], end="", flush=True)
    print()


def endless(model, words, temperature, rng, top=None, top_p=1):
    """The words with which a trained GPT goes on from some, one after another; it has no end.

    The network has places for T words. Behind the last one, the window moves on by half: the last T / 2 words are the
    first of a new text. Every word then has another place, and so other keys and values: they are computed again.
    """
    words, T = [*words], model.places
    seen = words[-T:]
    while True:
        for (word,) in model.write(np.array([seen]), temperature, rng, top, top_p):
            words.append(word)
            yield word
        seen = words[-(T // 2) :]


# --- A model that people use ------------------------------------------------------------------------------------------


def talk(arguments, model, options, file):
    """Have it answer or, with --raw, go on with the text; print what it writes as soon as it is drawn."""
    if arguments.out:
        raise UserError(f"--out is for a picture of digits, and {arguments.weights} writes texts")
    if not arguments.text:
        raise UserError('ask it something: `python write.py "What is gravity?" --weights FILE.gguf`')
    threads()  # one for each product: a word waits for memory, and beside another program threads wait for each other
    if len(arguments.text.encode("utf-8", "replace")) > model.places * file.words.longest:  # soon seen, long or not
        raise UserError(
            f"that is more than {model.places:,} words of {arguments.weights}, which sees {model.places:,} at once"
        )
    begun, rng = file.prompt(arguments.text, arguments.raw), np.random.default_rng(arguments.seed)
    if len(begun) > model.places:
        raise UserError(f"that is {len(begun):,} words of {arguments.weights}, which sees {model.places:,} at once")
    how = arguments.temperature, rng, arguments.top, arguments.top_p
    print(f"{options.network.title(options.run)} of {arguments.weights}")
    for number in range(arguments.count or 1):
        print(*["\n---\n"] * (number > 0), arguments.text if file.goes_on(arguments.raw) else "", sep="", end="")
        words = (word for (word,) in model.write(np.array([begun]), *how))
        for letter in islice(letters_of(words, file), arguments.letters):
            print(letter, end="", flush=True)
    print()


def letters_of(words, file):
    """Yield the letters of the words that a model writes, up to its end or another control word.

    A control character, which a terminal would obey, is a question mark.
    """
    letters, ends = file.words.decoder(), {*file.words.control.values(), file.fact("tokenizer.ggml.eos_token_id", -1)}
    for word in words:
        if word in ends:
            break
        yield from hide_control_characters(letters(word))
    yield from hide_control_characters(letters(None))


if __name__ == "__main__":
    sys.exit(program.run(main, limit_memory=True))

"""Generate with a trained network: `python write.py 2026` -> written.png, or `python write.py Mac --count 10`.

A network that learned digits draws the digits of the prompt, patch by patch. A network that learned names or a text
continues the letters of the prompt: `python write.py "ROMEO:" --letters 300`. A published model in a GGUF file answers
the prompt: `python write.py "What is gravity?" --weights FILE.gguf`. docs/llama.md says where to get one. A token is a
patch, a letter or a piece of a text. Each is drawn at random, with the probabilities that the network computes from the
tokens before it: gpt_np.py explains how. NumPy runs the network, whichever framework trained it.
"""

import sys
from itertools import islice

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np
    from PIL import Image

    import data
    import loading.checkpoint
    import loading.gguf_file
    from support import texts
    from support.errors import UserError, hide_control_characters
    from support.files import atomic_write, check_output
    from support.model_file import is_model
    from support.options import Parser, integer, number
    from support.threads import limit_blas_threads

PIXEL_SCALE = 4  # each pixel of an image has 4 x 4 pixels in the picture
MARGIN_PIXELS = 16  # around all images together
DEFAULT_OUT = "written.png"
DEFAULT_N_LETTERS = 300  # the default of --letters for a text
BLANK_MARK = "_"  # printed for an image without any ink


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    arguments = make_parser().parse_args(argv)
    if arguments.start and (not arguments.weights or is_model(arguments.weights)):
        raise UserError(
            "--start is for a checkpoint that was fine-tuned from a GGUF file: name the checkpoint with --weights"
        )
    if arguments.weights and is_model(arguments.weights):
        model, model_file = loading.gguf_file.load_gguf_network(arguments.weights)
        return write_answer(arguments, model, loading.gguf_file.read_options(model_file), model_file)
    if arguments.raw and not arguments.weights:
        raise UserError("--raw is for the GGUF file of a published model: name it with --weights")
    check_output("--out", arguments.out or DEFAULT_OUT, ".png")
    model, options, checkpoint = loading.checkpoint.load_network(
        arguments.weights, writes=True, prompt=arguments.prompt, start=arguments.start
    )
    if options.base_model:
        return write_answer(arguments, model, options, options.base_model.file)
    if arguments.raw or arguments.start:
        flag = "--raw" if arguments.raw else "--start"
        raise UserError(f"{flag} is for the GGUF file of a published model, and {checkpoint.path} needs none")
    check_output("--out", arguments.out or DEFAULT_OUT, ".png", checkpoint.path)
    network = f"{options.network.title(options.run)} of {checkpoint.path}"
    write = options.source.pick_by_kind(images=write_digits, names=write_names, texts=write_text)
    if arguments.out and write is not write_digits:
        raise UserError(f"--out is for a picture of digits, and {network} writes {options.source.noun}")
    if arguments.letters and write is not write_text:
        raise UserError(f"--letters is for a text, and {network} writes {options.source.singular_noun}s")
    write(model, options, network, arguments)
    return None


def make_parser():
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    text = (
        "digits to write (2026), the first letters of names (Mac), or the beginning of a text (ROMEO:). The newest "
        "network that can do this continues it. By default: all digits, whole names, or a text from a new line"
    )
    parser.add_argument("prompt", nargs="?", help=text)
    loading.checkpoint.add_weights_option(parser, writes=True)
    text = "below 1, likely tokens become likelier; 0 always takes the likeliest (default: 0.8)"
    parser.add_argument("--temperature", metavar="T", help=text, type=number(0, 100), default=0.8)
    text = "the seed of the random numbers: the same seed writes the same (default: 0)"
    parser.add_argument("--seed", help=text, type=integer(0, 2**64 - 1), default=0)
    text = "draw only from the K likeliest tokens (default: from all)"
    parser.add_argument("--top-k", metavar="K", help=text, type=integer(1, 10_000))
    text = "draw only from the likeliest tokens that together have this probability (default: 1, from all)"
    parser.add_argument("--top-p", metavar="P", help=text, type=number(1e-6, 1), default=1)
    text = (
        "write the digits N times, one row each (default: 1), or N names (default: 10), or N texts or "
        "answers (default: 1)"
    )
    parser.add_argument("--count", metavar="N", help=text, type=integer(1, 100))
    text = f"the number of letters of a text (default: {DEFAULT_N_LETTERS}; with a GGUF file, until the model ends)"
    parser.add_argument("--letters", metavar="N", help=text, type=integer(1, 1_000_000))
    text = "the GGUF file that --weights was fine-tuned from, if that file has been moved"
    parser.add_argument("--start", metavar="FILE", help=text)
    parser.add_argument("--raw", action="store_true", help="with a GGUF file: continue the text instead of answering")
    parser.add_argument("--out", metavar="FILE.png", help=f"the picture of the digits (default: {DEFAULT_OUT})")
    return parser


def make_sampling(arguments):
    """Return the keyword arguments of `generate` besides the prompt: temperature, rng, top_k and top_p."""
    return {
        "temperature": arguments.temperature,
        "rng": np.random.default_rng(arguments.seed),
        "top_k": arguments.top_k,
        "top_p": arguments.top_p,
    }


# --- Digits -----------------------------------------------------------------------------------------------------------


def write_digits(model, options, network, arguments):
    """Save a picture of the digits that the network writes, and print how a network that reads digits reads them.

    network: the text to print that describes `model`. The digits are those of arguments.prompt.
    """
    picture_path = arguments.out or DEFAULT_OUT
    digits = [int(digit) for digit in arguments.prompt or "0123456789"]
    sampling = make_sampling(arguments)
    rows = [generate_digits(model, options, digits, **sampling) for _ in range(arguments.count or 1)]
    with atomic_write(picture_path) as file:
        Image.fromarray(arrange_on_paper(np.array(rows))).save(file, "PNG")

    print(network)
    print(f"see {picture_path}")
    has_ink = np.array(rows).any(axis=(2, 3))  # (rows, digits)
    n_blank = (~has_ink).sum()
    if n_blank:
        print(f"{n_blank} of {has_ink.size} images {'is' if n_blank == 1 else 'are'} blank, here {BLANK_MARK}")
    try:
        classifier, its_options, checkpoint = loading.checkpoint.load_network()
    except UserError as error:
        print(f"it was not read: {error}".removesuffix(", or give --weights FILE"))
        return
    print(f"{its_options.network.title(its_options.run)} of {checkpoint.path} reads:")
    source = its_options.source
    for images, row_has_ink in zip(rows, has_ink, strict=True):
        labels = loading.checkpoint.compute_logits(classifier, its_options, images).argmax(axis=1)
        names = [source.classes[label] if ink else BLANK_MARK for label, ink in zip(labels, row_has_ink, strict=True)]
        print(source.separator.join(names))


def generate_digits(model, options, digits, temperature, rng, top_k=None, top_p=1):
    """Return images (B, 28, 28) uint8 of the B `digits`, as the trained network `model` draws them."""
    prompt = options.source.tokenizer.start_tokens(digits)  # (B, 1)
    token_ids = np.stack(list(model.generate(prompt, temperature, rng, top_k, top_p)), axis=1)  # (B, 49)
    return texts.decode_images(token_ids)


def arrange_on_paper(images):
    """Arrange images (rows, columns, 28, 28) in one picture, black on white, and return its pixels (H, W) uint8.

    It is enlarged smoothly here, because viewers would do it in ways of their own.
    """
    rows, columns, height, width = images.shape
    sheet = Image.fromarray(255 - images.swapaxes(1, 2).reshape(rows * height, columns * width))
    large = sheet.resize((PIXEL_SCALE * sheet.width, PIXEL_SCALE * sheet.height), Image.Resampling.BICUBIC)
    return np.pad(np.asarray(large), MARGIN_PIXELS, constant_values=255)


# --- Names ------------------------------------------------------------------------------------------------------------


def write_names(model, options, network, arguments):
    """Print names that the network writes and, for each, whether it is in the list that the network was trained on."""
    letters = (arguments.prompt or "").lower()
    names = generate_names(model, options, letters, arguments.count or 10, **make_sampling(arguments))
    train_names = set(texts.decode_names(data.load(options.source, options.run.hold_out).train_tokens))
    print(network)
    for name in names:
        print(f"{name.capitalize():13}{'in the list' if name in train_names else 'new'}")
    n = sum(name in train_names for name in names)
    print(f"{n} of {len(names)} {'is' if n == 1 else 'are'} in the list of {len(train_names):,} names it learned")


def generate_names(model, options, letters, count, temperature, rng, top_k=None, top_p=1):
    """Return a list of `count` names that begin with `letters`, as the trained network `model` writes them."""
    letter_ids = texts.encode_names([letters])[:, : len(letters)]
    prompt = np.concatenate([options.source.tokenizer.start_tokens([0]), letter_ids], axis=1)  # (1, n)
    prompts = prompt.repeat(count, axis=0)
    token_ids = np.stack(list(model.generate(prompts, temperature, rng, top_k, top_p)), axis=1)
    return [letters + rest for rest in texts.decode_names(token_ids)]


# --- A text -----------------------------------------------------------------------------------------------------------


def write_text(model, options, network, arguments):
    """Print the prompt and the letters with which the network continues it, each as soon as it is drawn."""
    letters = options.source.letters
    sampling = make_sampling(arguments)
    prompt = arguments.prompt or letters[texts.default_prompt_id(options.source)]
    prompt_ids = [letters.index(letter) for letter in prompt]
    print(network)
    for i in range(arguments.count or 1):
        if i > 0:
            print("\n---")
        print(prompt.lstrip("\n"), end="")
        token_ids = generate_endlessly(model, prompt_ids, **sampling)
        for token_id in islice(token_ids, arguments.letters or DEFAULT_N_LETTERS):
            print(letters[token_id], end="", flush=True)
    print()


def generate_endlessly(model, prompt_ids, temperature, rng, top_k=None, top_p=1):
    """Yield token ids with which the network continues a prompt, without end. prompt_ids: the prompt's token ids.

    The network sees T tokens at once. After the last position, the window moves on: the last T / 2 tokens become the
    beginning of a new text. Their positions change, so their keys and values are computed again.
    """
    token_ids = list(prompt_ids)
    T = model.context_length
    window = token_ids[-T:]
    while True:
        for (token_id,) in model.generate(np.array([window]), temperature, rng, top_k, top_p):
            token_ids.append(token_id)
            yield token_id
        window = token_ids[-(T // 2) :]


# --- A model that people use ------------------------------------------------------------------------------------------


def write_answer(arguments, model, options, model_file):
    """Let a published model answer the prompt or, with --raw, continue it. Print each letter as soon as it is drawn.

    model_file: the model's GGUF file, which has its tokenizer. Raises UserError if there is no prompt, or if the prompt
    is too long.
    """
    if arguments.out:
        raise UserError(f"--out is for a picture of digits, and {arguments.weights} writes texts")
    if not arguments.prompt:
        raise UserError('ask it something: `python write.py "What is gravity?" --weights FILE.gguf`')
    # One thread for matrix products: memory limits the speed, and threads would wait for each other if the computer is
    # busy.
    limit_blas_threads()
    sees = f"{arguments.weights}, which sees {model.context_length:,} at once"
    n_bytes = len(arguments.prompt.encode("utf-8", "replace"))
    if n_bytes > model.context_length * model_file.byte_pairs.longest:  # quicker than counting the tokens
        raise UserError(f"that is more than {model.context_length:,} tokens of {sees}")
    prompt_ids = model_file.encode_prompt(arguments.prompt, arguments.raw)
    if len(prompt_ids) > model.context_length:
        raise UserError(f"that is {len(prompt_ids):,} tokens of {sees}")
    sampling = make_sampling(arguments)
    print(f"{options.network.title(options.run)} of {arguments.weights}")
    for i in range(arguments.count or 1):
        if i > 0:
            print("\n---")
        if model_file.continues_text(arguments.raw):
            print(arguments.prompt, end="")
        token_ids = (token_id for (token_id,) in model.generate(np.array([prompt_ids]), **sampling))
        for letter in islice(iter_letters(token_ids, model_file), arguments.letters):
            print(letter, end="", flush=True)
    print()


def iter_letters(token_ids, model_file):
    """Yield the letters of the tokens that a model writes, up to its end token or any other control token.

    Control characters, which a terminal would obey, are replaced by question marks.
    """
    decode = model_file.byte_pairs.make_decode_function()
    ends = {*model_file.byte_pairs.control.values(), model_file.fact("tokenizer.ggml.eos_token_id", -1)}
    for token_id in token_ids:
        if token_id in ends:
            break
        yield from hide_control_characters(decode(token_id))
    yield from hide_control_characters(decode(None))


if __name__ == "__main__":
    sys.exit(program.run(main, limit_memory=True))

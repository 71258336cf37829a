"""What docs/llama.md says of the network of today's language models, measured and drawn.

python -m lab.llama texts            three runs on Shakespeare, beside the GPT's: loss and accuracy of a letter
python -m lab.llama rotation         what rotation does to q . k as two words move apart -> png/rotation.png
python -m lab.llama heads FILE       what a head of a model that people use looks at in a sentence -> png/heads.png
python -m lab.llama speed FILE       words a second, by hand, in PyTorch and in llama.cpp, on an idle machine
python -m lab.llama beside FILE      its logits and its answers beside llama.cpp's, which reads the same arrays
python -m lab.llama teach FILE       what such a model learns of Shakespeare: loss and answer, before and after
"""

import argparse
import re
import sys
import tempfile
import time
from itertools import islice, product
from pathlib import Path

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import loading.checkpoint
    import loading.gguf_file
    import loading.network
    import write
    from lab import results, timing
    from lab.writing import get_last_test, load_or_train
    from loading import gguf_file
    from support import drawing
    from support.drawing import INK, TEST, TRAIN, new_figure, plot_style, style_axes
    from support.errors import UserError
    from support.history import describe_machine
    from support.model_file import ModelFile, open_model
    from support.options import Parser
    from support.rounding import round_up

SEEDS = range(3)
TEXTS = {"gpt_np.py": "--model gpt --recipe texts", "llama_np.py": "--model llama --recipe texts"}


def run_texts():
    """Train what is missing, and print the table. It can be stopped and started again."""
    for seed, (name, arguments) in product(map(str, SEEDS), TEXTS.items()):
        found = results.load_results().get("llama", {"command": "python -m lab.llama texts", "runs": {}})
        runs = found["runs"].setdefault(name, {})
        if seed not in runs:
            model, options, history = load_or_train(f"{arguments} --seed {seed}")
            size = sum(p.size for p in model.params.values())
            more = {"parameters": size, "lr": options.run.lr, "machine": history["machine"]}
            runs[seed] = get_last_test(history) | more | {"steps": len(history["train_loss"])}
            results.save_result("llama", found)
            print(time.strftime("%H:%M"), name, "seed", seed, runs[seed], flush=True)
    print(make_texts_table(results.load_results()["llama"]))


def make_texts_table(found):
    """Both networks after the same steps, in Markdown."""
    rows = []
    for name, runs in found["runs"].items():
        one, *_ = runs.values()
        losses, accuracies = ([run[what] for run in runs.values()] for what in ("loss", "accuracy"))
        spreads = results.format_spread(losses, ".3f"), results.format_spread(accuracies, ".3f")
        rows.append([f"`{name}`", f"{one['parameters']:,}", one["lr"], *spreads, len(losses)])
    head = ["", "parameters", "highest learning rate", "test loss of a letter", "letters guessed right", "seeds"]
    return results.format_table(head, rows)


# --- Pictures ---------------------------------------------------------------------------------------------------------

CHANNELS, FAR, BASES = 64, 100, {10_000: TRAIN, 100_000: TEST}
PAIRS = (0, 6, 12, 18)  # whose turn is drawn alone
SENTENCE, LOOKS, SEEN = "The animal didn't cross the street because it was too tired.", " it", " animal"


@plot_style()
def draw_rotation():
    """q . k of a query and a key that are equal, as the words move apart, in units of q . q.

    Each pair of channels, turned by t base^(-2 i / d), gives the cosine of that angle.
    """
    figure, apart = new_figure(7, 3.9), np.arange(FAR + 1)
    axes = style_axes(
        figure.add_subplot(), "q · k as two words move apart", "q · k / q · q", "places from the one word to the other"
    )
    for base, color in BASES.items():
        cosines = np.cos(apart[:, np.newaxis] * base ** (-np.arange(0, CHANNELS, 2) / CHANNELS))  # (FAR, d / 2)
        for pair in PAIRS if base == min(BASES) else ():
            axes.plot(apart, cosines[:, pair], color=INK, alpha=0.3, linewidth=0.8)
        axes.plot(apart, cosines.mean(axis=1), color=color, linewidth=2.5, label=f"all pairs, base {base:,}")
    axes.legend(loc="lower left")
    return figure


@plot_style()
def draw_heads(path):
    """The weights of one head for a sentence: of all heads, the one that gives SEEN most weight at LOOKS."""
    model, _, file = loading.gguf_file.load_file(path)
    words = file.byte_pairs.encode(SENTENCE)
    names = [file.byte_pairs.bytes[word].decode() for word in words]
    model.forward(np.array([words]))
    blocks = [layer.layers["attention"].weights[0] for name, layer in model.layers.items() if "blocks" in name]
    weights = np.array(blocks)  # (blocks, h, T, T)
    looks, seen = names.index(LOOKS), names.index(SEEN)
    block, head = np.unravel_index(weights[:, :, looks, seen].argmax(), weights.shape[:2])
    chosen = weights[block, head]
    print(f"block {block + 1}, head {head + 1} of {weights.shape[1]}: {chosen[looks, seen]:.2f} of{LOOKS} to{SEEN}")
    figure = new_figure(6.6, 6.5)
    axes = figure.add_subplot()
    axes.imshow(np.where(np.tri(len(words)), chosen, np.nan), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    axes.set_title(f"SmolLM2, block {block + 1}, head {head + 1}: who looks (rows) at whom", loc="left", fontsize=13)
    at = {"ha": "center", "va": "center", "fontsize": 9, "color": "white" if chosen[looks, seen] > 0.5 else INK}
    axes.annotate(f"{chosen[looks, seen]:.2f}", (seen, looks), **at)
    axes.set_xlabel("the weight: 0 is white, 1 the darkest blue")
    return figure


# --- Speed ------------------------------------------------------------------------------------------------------------

PROMPT, MANY, ROUNDS = "What is gravity?", 32, 2  # words that are written


def time_by_hand(path, threads):
    """Words a second after the prompt; run in a process with so many threads."""
    model, _, file = loading.gguf_file.load_file(path)
    words, place = np.array([file.prompt(PROMPT)]), 0
    times = []
    for _ in range(MANY):
        began = time.perf_counter()
        logits = model.decode_step(words, place)
        place, words = place + words.shape[1], logits.argmax(axis=1)[:, np.newaxis]
        times.append(time.perf_counter() - began)
    return {"prompt": times[0], "words": 1 / float(np.median(times[1:])), "memory": get_peak_memory()}


def get_peak_memory():
    """The most memory that this process had, in bytes."""
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def time_in_pytorch(path, threads):
    """The same network in PyTorch, written to keep its keys as a library would: words a second."""
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    model, options, file = loading.gguf_file.load_file(path)
    with torch.device("meta"):
        twin = loading.network.find_class(options, "torch")(**options.sizes)
    arrays = {name.replace("embed.E", "embed.W"): p for name, p in gguf_file.transpose_linear(model.params).items()}
    twin.load_state_dict(
        {name.replace(".W", ".weight"): torch.from_numpy(p) for name, p in arrays.items()}, assign=True
    )
    kept, times = [None] * len(twin.blocks), []

    def apply_rotary(x, place):
        d = x.shape[-1]
        angles = torch.arange(place, place + x.shape[2])[:, None] * options.sizes["rope_theta"] ** (
            -torch.arange(0, d, 2) / d
        )
        cos, sin = angles.cos(), angles.sin()
        first, second = x[..., ::2], x[..., 1::2]
        return torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1).flatten(-2)

    @torch.no_grad()
    def compute_logits(words, place):
        a = twin.embed(words)
        for i, block in enumerate(twin.blocks):
            layer, z = block.attention, block.norm1(a)
            q, k, v = (
                part(z).unflatten(-1, (n, -1)).transpose(1, 2)
                for part, n in ((layer.query, layer.heads), (layer.key, layer.kv_heads), (layer.value, layer.kv_heads))
            )
            q, k = apply_rotary(q, place), apply_rotary(k, place)
            if place:
                k, v = (torch.cat([old, new], dim=2) for old, new in zip(kept[i], (k, v), strict=True))
            kept[i] = k, v
            k, v = (part.repeat_interleave(layer.heads // layer.kv_heads, dim=1) for part in (k, v))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=place == 0)
            a = a + layer.out(mixed.transpose(1, 2).flatten(2))
            a = a + block.mlp(block.norm2(a))
        return F.linear(twin.norm(a[:, -1]), twin.embed.weight)

    words, place = torch.tensor([file.prompt(PROMPT)]), 0
    for _ in range(MANY):
        began = time.perf_counter()
        logits = compute_logits(words, place)
        place, words = place + words.shape[1], logits.argmax(dim=1, keepdim=True)
        times.append(time.perf_counter() - began)
    return {"prompt": times[0], "words": 1 / float(np.median(times[1:])), "memory": get_peak_memory()}


def time_in_llama_cpp(path, threads):
    """The same with llama.cpp, which reads the arrays unpacked."""
    with tempfile.TemporaryDirectory() as folder:
        write_unpacked(path, unpacked := Path(folder) / "unpacked.gguf")
        words, theirs, place = ModelFile(unpacked).prompt(PROMPT), load_in_llama_cpp(unpacked, threads), 0
        times = []
        for _ in range(MANY):
            began = time.perf_counter()
            theirs.eval(words)
            place += len(words)
            words = [int(theirs.scores[place - 1].argmax())]
            times.append(time.perf_counter() - began)
    return {"prompt": times[0], "words": 1 / float(np.median(times[1:]))}


# Each way, and with how many threads. By hand it is one, as in write.py.
WAYS = {
    "by hand": (time_by_hand, 1),
    "PyTorch, 1 thread": (time_in_pytorch, 1),
    "PyTorch, 2 threads": (time_in_pytorch, 2),
    "llama.cpp, 1 thread": (time_in_llama_cpp, 1),
    "llama.cpp, 2 threads": (time_in_llama_cpp, 2),
}

COLUMNS = ("words", 1, 0), ("prompt", 1, 2), ("memory", 1e9, 2)


def compare_speed(path):
    """All ways in turns, each in a process of its own."""
    import_llama_cpp()
    found = {name: [] for name in WAYS}
    for _, (name, (function, threads)) in product(range(ROUNDS), WAYS.items()):
        with timing.worker_threads(threads):
            found[name].append(timing.run_in_subprocess(function, path, threads))
        print(name, found[name][-1], flush=True)
    kept = {"command": "python -m lab.llama speed FILE", "runs": found, "machine": describe_machine()}
    results.save_result("llama speed", kept)
    print(make_speed_table(found))


def make_speed_table(found):
    """The medians of all rounds, in Markdown."""

    def cell(runs, what, unit, digits):
        return f"{np.median([run[what] for run in runs]) / unit:.{digits}f}" if what in runs[0] else ""

    rows = [[name, *(cell(runs, *column) for column in COLUMNS)] for name, runs in found.items()]
    return results.format_table(["", "words a second", "the prompt, seconds", "memory, GB"], rows)


# --- Beside llama.cpp -------------------------------------------------------------------------------------------------

QUESTIONS, LIKELIEST = (PROMPT, "Who wrote Hamlet?", "Write a short poem about the sea."), 64  # words that are compared
WHO = "by hand", "llama.cpp"


def compare_with_llama_cpp(path):
    """The arrays of the model, unpacked, as another file that llama.cpp reads; then the same questions to both.

    llama.cpp shares no line with this project.
    """
    version = import_llama_cpp().__version__
    model, _, file = loading.gguf_file.load_file(path)
    with tempfile.TemporaryDirectory() as folder:
        write_unpacked(path, unpacked := Path(folder) / "unpacked.gguf")
        theirs = load_in_llama_cpp(unpacked)
        found = {question: ask_both(question, model, file, theirs) for question in QUESTIONS}
    kept = {"command": "python -m lab.llama beside FILE", "questions": found, "machine": describe_machine()}
    results.save_result("llama beside", kept | {"sha256": file.sha256, "llama.cpp": version})
    print(summarize_comparison(found), make_answers_table(found), sep="\n")


def import_llama_cpp():
    """The package llama_cpp; UserError if it is not installed."""
    try:
        import llama_cpp
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed: python -m pip install llama-cpp-python") from None
    return llama_cpp


def load_in_llama_cpp(path, threads=1):
    """llama.cpp with a file. Its keys and values are float32, as ours."""
    how = {"n_ctx": 512, "logits_all": True, "type_k": 0, "type_v": 0}
    return import_llama_cpp().Llama(str(path), **how, n_threads=threads, n_threads_batch=threads, verbose=False)


def write_unpacked(path, to):
    """The same GGUF file, with each number in float32."""
    import gguf

    with open_model(path) as (file, _), tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.gguf"  # it may be in a wheel
        copy.write_bytes(file.read())
        reader, writer = gguf.GGUFReader(copy), gguf.GGUFWriter(to, "llama")
        for name, field in reader.fields.items():
            if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type"):
                of = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
                writer.add_key_value(name, field.contents(), field.types[0], of)
        for tensor in reader.tensors:
            array = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            writer.add_tensor(tensor.name, array.reshape(tensor.shape[::-1]))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def ask_both(question, model, file, theirs):
    """How far the logits after a question are apart, and the likeliest words, one after another, of both."""
    words = file.prompt(question)
    logits, begun = model.decode_step(np.array([words]), 0)[0], len(words)
    theirs.reset()
    theirs.eval(words)
    said = theirs.scores[begun - 1]
    apart, largest = float(np.abs(logits - said).max()), float(np.abs(said).max())
    answers = [], []
    for place in range(begun, begun + LIKELIEST):
        word, other = int(logits.argmax()), int(theirs.scores[place - 1].argmax())
        for answer, its in zip(answers, (word, other), strict=True):
            answer.append(its)
        logits = model.decode_step(np.array([[word]]), place)[0]
        theirs.eval([other])
    texts = ["".join(write.iter_letters(answer, file)) for answer in answers]
    same = answers[0] == answers[1]
    return {"apart": apart, "largest": largest, "same": same} | dict(zip(WHO, texts, strict=True))


def summarize_comparison(found):
    """A sentence with the numbers."""
    apart, largest = (max(both[what] for both in found.values()) for what in ("apart", "largest"))
    same = all(both["same"] for both in found.values())
    words = f"the likeliest {LIKELIEST} words are the same, one after another" if same else "the likeliest words differ"
    return f"the logits differ by at most {round_up(apart)}, of {largest:.0f}, and {words}"


def make_answers_table(found):
    """What both answered, beside each other, in Markdown. / is the end of a line."""
    rows = [[question, *(both[who].replace("\n", " / ") for who in WHO)] for question, both in found.items()]
    return results.format_table(["", *WHO], rows)


# --- Teach it something ---------------------------------------------------------------------------------------------

TAUGHT, OUT = "main_np.py --model llama --start {} --dataset shakespeare", results.ROOT / "learning_curves" / "others"
ANSWERED = 40  # words of the answer


def fine_tune(path, more=""):
    """Teach the model in a file as a user would, and keep its test loss and its answer, before and after. more: other
    options of the run."""
    import resource  # not on Windows

    printed = results.run_program(f"{TAUGHT.format(path)} {more}", OUT)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    save_fine_tuning(path, printed, used.ru_utime + used.ru_stime, 1024 * used.ru_maxrss)


def save_fine_tuning(path, printed, processor, memory):
    """Keep what such a run has printed and learned, and print it as sentences. processor: the seconds of all threads;
    memory: the most bytes."""
    model, _, file = loading.gguf_file.load_file(path)
    answers, sha256 = [generate_answer(model, file)], file.sha256
    del model  # or its arrays were there twice
    model, options, checkpoint = loading.checkpoint.load_network(OUT / "checkpoint_llama_lora_np.npz", writes=True)
    answers.append(generate_answer(model, options.base_model.file))
    before = float(re.search(r"^before: test loss (\S+)", printed, re.M)[1])
    found = {"before": before, "after": checkpoint.history.test_loss[-1], "answers": answers}
    found |= {"steps": checkpoint.history.step, "parameters": sum(p.size for p in model.params.values())}
    found |= {"seconds": results.parse_seconds(printed), "processor": processor, "memory": memory}
    found |= {"command": "python -m lab.llama teach FILE", "machine": describe_machine(), "sha256": sha256}
    results.save_result("llama teach", found)
    print(*describe_fine_tuning(found), sep="\n")


def generate_answer(model, file):
    """The likeliest words that it answers to PROMPT."""
    words = model.generate(np.array([file.prompt(PROMPT)]), 0, np.random.default_rng(0))
    return "".join(write.iter_letters((word for (word,) in islice(words, ANSWERED)), file))


def describe_fine_tuning(found):
    """Sentences with the numbers."""
    yield f"The test loss of a word fell from {found['before']:.2f} to {found['after']:.2f}."
    for when, said in zip(("Before", "After"), found["answers"], strict=True):
        yield f"{when}: {said}"
    minutes = f"It took {found['seconds'] / 60:.0f} minutes ({found['machine']['processor']})"
    yield f"{minutes}, the tests before and after with it, and {found['memory'] / 1e9:.1f} GB of memory."


def main():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["texts", "rotation", "heads", "speed", "beside", "teach"])
    parser.add_argument("file", nargs="?", help="a GGUF file, for what needs one")
    given = parser.parse_args()
    if (given.what in ("heads", "speed", "beside", "teach")) != bool(given.file):
        raise UserError("heads, speed, beside and teach take a FILE, and nothing else does")
    if given.what == "texts":
        run_texts()
    elif given.what in (measured := {"speed": compare_speed, "beside": compare_with_llama_cpp, "teach": fine_tune}):
        measured[given.what](given.file)
    else:
        figure = draw_rotation() if given.what == "rotation" else draw_heads(given.file)
        drawing.save(figure, results.ROOT / "png" / f"{given.what}.png")


if __name__ == "__main__":
    sys.exit(program.run(main))

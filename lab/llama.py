"""Measure and draw what docs/llama.md says about the network of today's language models.

python -m lab.llama texts            three runs on Shakespeare, beside the GPT's: loss and accuracy of a letter
python -m lab.llama rotation         what rotation does to q . k as two tokens move apart -> png/rotation.png
python -m lab.llama heads FILE       what a head of a published model attends to in a sentence -> png/heads.png
python -m lab.llama speed FILE       tokens per second, by hand, in PyTorch and in llama.cpp, on an idle machine
python -m lab.llama beside FILE      its logits and answers beside those of llama.cpp with the same arrays
python -m lab.llama teach FILE       what such a model learns from Shakespeare: loss and answer, before and after
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
    from lab.writing import get_last_test_metrics, load_or_train_run
    from loading import gguf_file
    from support import drawing
    from support.drawing import BLUE, INK, RED, new_figure, plot_style, style_axes
    from support.errors import UserError
    from support.history import get_machine_facts
    from support.model_file import ModelFile, open_gguf_file
    from support.options import Parser
    from support.rounding import format_rounded_up

SEEDS = range(3)
OPTIONS_BY_FILE = {"gpt_np.py": "--model gpt --recipe texts", "llama_np.py": "--model llama --recipe texts"}


def train_text_runs():
    """Train the missing runs, and print the table. You can stop it and start it again."""
    for seed, (name, arguments) in product(map(str, SEEDS), OPTIONS_BY_FILE.items()):
        result = results.load_results().get("llama", {"command": "python -m lab.llama texts", "runs": {}})
        runs = result["runs"].setdefault(name, {})
        if seed not in runs:
            run = load_or_train_run(f"{arguments} --seed {seed}")
            size = sum(p.size for p in run.model.params.values())
            details = {"parameters": size, "lr": run.options.run.lr, "machine": run.history["machine"]}
            runs[seed] = get_last_test_metrics(run.history) | details | {"steps": len(run.history["train_loss"])}
            results.save_result("llama", result)
            print(time.strftime("%H:%M"), name, "seed", seed, runs[seed], flush=True)
    print(make_text_networks_table(results.load_results()["llama"]))


def make_text_networks_table(result):
    """Return a Markdown table that compares both networks after the same number of steps."""
    rows = []
    for name, runs in result["runs"].items():
        first_run, *_ = runs.values()
        losses = [run["loss"] for run in runs.values()]
        accuracies = [run["accuracy"] for run in runs.values()]
        spreads = results.format_spread(losses, ".3f"), results.format_spread(accuracies, ".3f")
        rows.append([f"`{name}`", f"{first_run['parameters']:,}", first_run["lr"], *spreads, len(losses)])
    head = ["", "parameters", "highest learning rate", "test loss per letter", "letters predicted correctly", "seeds"]
    return results.format_table(head, rows)


# --- Pictures ---------------------------------------------------------------------------------------------------------

N_CHANNELS = 64
MAX_DISTANCE = 100
COLORS_BY_BASE = {10_000: BLUE, 100_000: RED}
DRAWN_CHANNEL_PAIRS = (0, 6, 12, 18)  # pairs of channels that are also drawn alone
SENTENCE = "The animal didn't cross the street because it was too tired."
QUERY_TOKEN = " it"
KEY_TOKEN = " animal"


@plot_style()
def draw_rotation():
    """Draw q . k of a query and an equal key, relative to q . q, over the distance between their tokens.

    The pair of channels with index i is rotated by the angle t base^(-2 i / d) at distance t, which multiplies its part
    of q . k by the cosine of the angle. d is the number of channels.
    """
    figure = new_figure(7, 3.9)
    distances = np.arange(MAX_DISTANCE + 1)
    axes = style_axes(
        figure.add_subplot(), "q · k as two words move apart", "q · k / q · q", "places from the one word to the other"
    )
    for base, color in COLORS_BY_BASE.items():
        rates = base ** (-np.arange(0, N_CHANNELS, 2) / N_CHANNELS)
        cosines = np.cos(distances[:, np.newaxis] * rates)  # (MAX_DISTANCE + 1, d / 2)
        if base == min(COLORS_BY_BASE):
            for pair in DRAWN_CHANNEL_PAIRS:
                axes.plot(distances, cosines[:, pair], color=INK, alpha=0.3, linewidth=0.8)
        axes.plot(distances, cosines.mean(axis=1), color=color, linewidth=2.5, label=f"all pairs, base {base:,}")
    axes.legend(loc="lower left")
    return figure


@plot_style()
def draw_head(path):
    """Draw the attention weights of one head for a sentence. path: a GGUF file.

    Of all heads, it is the one with the largest weight from QUERY_TOKEN to KEY_TOKEN.
    """
    model, file = loading.gguf_file.load_gguf_network(path)
    token_ids = file.byte_pairs.encode(SENTENCE)
    names = [file.byte_pairs.bytes[word].decode() for word in token_ids]
    model.forward(np.array([token_ids]))
    blocks = [layer.layers["attention"].weights[0] for name, layer in model.layers.items() if "blocks" in name]
    weights = np.array(blocks)  # (blocks, h, T, T)
    query_position = names.index(QUERY_TOKEN)
    key_position = names.index(KEY_TOKEN)
    block, head = np.unravel_index(weights[:, :, query_position, key_position].argmax(), weights.shape[:2])
    head_weights = weights[block, head]
    weight = head_weights[query_position, key_position]
    print(f"block {block + 1}, head {head + 1} of {weights.shape[1]}: {weight:.2f} of{QUERY_TOKEN} to{KEY_TOKEN}")
    figure = new_figure(6.6, 6.5)
    axes = figure.add_subplot()
    axes.imshow(np.where(np.tri(len(token_ids)), head_weights, np.nan), cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=60, ha="right")
    axes.set_yticks(range(len(names)), names)
    axes.spines[:].set_visible(False)
    axes.set_title(f"SmolLM2, block {block + 1}, head {head + 1}: who looks (rows) at whom", loc="left", fontsize=13)
    text_options = {
        "ha": "center",
        "va": "center",
        "fontsize": 9,
        "color": "white" if weight > 0.5 else INK,
    }
    axes.annotate(f"{weight:.2f}", (key_position, query_position), **text_options)
    axes.set_xlabel("the weight: 0 is white, 1 the darkest blue")
    return figure


# --- Speed ------------------------------------------------------------------------------------------------------------

PROMPT = "What is gravity?"
N_GENERATED_TOKENS = 32
N_ROUNDS = 2


def measure_speed_by_hand(path, threads):
    """Generate N_GENERATED_TOKENS by hand, in a process whose number of threads is already set.

    Return {"prompt": seconds for the prompt, "words": tokens per second after it, "memory": the peak, in bytes}.
    """
    model, file = loading.gguf_file.load_gguf_network(path)
    token_ids = np.array([file.encode_prompt(PROMPT)])
    position = 0
    times = []
    for _ in range(N_GENERATED_TOKENS):
        start = time.perf_counter()
        logits = model.decode_step(token_ids, position)
        position = position + token_ids.shape[1]
        token_ids = logits.argmax(axis=1)[:, np.newaxis]
        times.append(time.perf_counter() - start)
    return {"prompt": times[0], "words": 1 / float(np.median(times[1:])), "memory": get_peak_memory_bytes()}


def get_peak_memory_bytes():
    """Return the largest amount of memory that this process has used, in bytes."""
    import resource

    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure_speed_in_pytorch(path, threads):
    """Return what `measure_speed_by_hand` returns, for the network in PyTorch.

    The KV cache is written as a library would write it.
    """
    import torch
    from torch.nn import functional as F

    torch.set_num_threads(threads)
    model, file = loading.gguf_file.load_gguf_network(path)
    options = loading.gguf_file.read_options(file)
    with torch.device("meta"):
        twin = loading.network.find_class(options, "torch")(**options.sizes)
    arrays = {name.replace("embed.E", "embed.W"): p for name, p in gguf_file.transpose_linear(model.params).items()}
    twin.load_state_dict(
        {name.replace(".W", ".weight"): torch.from_numpy(p) for name, p in arrays.items()}, assign=True
    )
    cache = [None] * len(twin.blocks)
    times = []

    def apply_rotary(x, position):
        d = x.shape[-1]
        angles = torch.arange(position, position + x.shape[2])[:, None] * options.sizes["rope_theta"] ** (
            -torch.arange(0, d, 2) / d
        )
        cos = angles.cos()
        sin = angles.sin()
        first = x[..., ::2]
        second = x[..., 1::2]
        return torch.stack((first * cos - second * sin, first * sin + second * cos), dim=-1).flatten(-2)

    @torch.no_grad()
    def compute_next_token_logits(words, position):
        a = twin.embed(words)
        for i, block in enumerate(twin.blocks):
            layer = block.attention
            z = block.norm1(a)
            q, k, v = (
                part(z).unflatten(-1, (n, -1)).transpose(1, 2)
                for part, n in ((layer.query, layer.heads), (layer.key, layer.kv_heads), (layer.value, layer.kv_heads))
            )
            q = apply_rotary(q, position)
            k = apply_rotary(k, position)
            if position:
                k, v = (torch.cat([old, new], dim=2) for old, new in zip(cache[i], (k, v), strict=True))
            cache[i] = k, v
            k, v = (part.repeat_interleave(layer.heads // layer.kv_heads, dim=1) for part in (k, v))
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=position == 0)
            a = a + layer.out(mixed.transpose(1, 2).flatten(2))
            a = a + block.mlp(block.norm2(a))
        return F.linear(twin.norm(a[:, -1]), twin.embed.weight)

    words = torch.tensor([file.encode_prompt(PROMPT)])
    position = 0
    for _ in range(N_GENERATED_TOKENS):
        start = time.perf_counter()
        logits = compute_next_token_logits(words, position)
        position = position + words.shape[1]
        words = logits.argmax(dim=1, keepdim=True)
        times.append(time.perf_counter() - start)
    return {"prompt": times[0], "words": 1 / float(np.median(times[1:])), "memory": get_peak_memory_bytes()}


def measure_speed_in_llama_cpp(path, threads):
    """Return what `measure_speed_by_hand` returns, for llama.cpp with the same model in float32, without the memory."""
    with tempfile.TemporaryDirectory() as folder:
        unpacked_path = Path(folder) / "unpacked.gguf"
        write_unpacked(path, unpacked_path)
        token_ids = ModelFile(unpacked_path).encode_prompt(PROMPT)
        llama_cpp_model = load_in_llama_cpp(unpacked_path, threads)
        position = 0
        times = []
        for _ in range(N_GENERATED_TOKENS):
            start = time.perf_counter()
            llama_cpp_model.eval(token_ids)
            position += len(token_ids)
            token_ids = [int(llama_cpp_model.scores[position - 1].argmax())]
            times.append(time.perf_counter() - start)
    return {"prompt": times[0], "words": 1 / float(np.median(times[1:]))}


# {implementation: (its function, number of threads)}. By hand it is one thread, as in write.py.
IMPLEMENTATIONS = {
    "by hand": (measure_speed_by_hand, 1),
    "PyTorch, 1 thread": (measure_speed_in_pytorch, 1),
    "PyTorch, 2 threads": (measure_speed_in_pytorch, 2),
    "llama.cpp, 1 thread": (measure_speed_in_llama_cpp, 1),
    "llama.cpp, 2 threads": (measure_speed_in_llama_cpp, 2),
}

SPEED_COLUMNS = ("words", 1, 0), ("prompt", 1, 2), ("memory", 1e9, 2)


def measure_and_save_speed(path):
    """Time every implementation, in rotation, each in its own process; print and save the result."""
    import_llama_cpp()
    runs = {name: [] for name in IMPLEMENTATIONS}
    for _, (name, (function, threads)) in product(range(N_ROUNDS), IMPLEMENTATIONS.items()):
        with timing.subprocess_threads(threads):
            runs[name].append(timing.run_in_subprocess(function, path, threads))
        print(name, runs[name][-1], flush=True)
    result = {"command": "python -m lab.llama speed FILE", "runs": runs, "machine": get_machine_facts()}
    results.save_result("llama speed", result)
    print(make_speed_table(runs))


def make_speed_table(runs_by_way):
    """Return the medians of all rounds as a Markdown table."""

    def format_median(runs, key, unit, digits):
        return f"{np.median([run[key] for run in runs]) / unit:.{digits}f}" if key in runs[0] else ""

    rows = []
    for name, runs in runs_by_way.items():
        rows.append([name, *(format_median(runs, *column) for column in SPEED_COLUMNS)])
    return results.format_table(["", "tokens per second", "seconds for the prompt", "GB of memory"], rows)


# --- Beside llama.cpp -------------------------------------------------------------------------------------------------

QUESTIONS = (PROMPT, "Who wrote Hamlet?", "Write a short poem about the sea.")
N_COMPARED_TOKENS = 64
MODEL_NAMES = "by hand", "llama.cpp"


def compare_and_save_answers(path):
    """Ask the model and llama.cpp the same questions, and print and save how much they differ.

    llama.cpp shares no code with this project. It reads the same model from another file, in which the arrays are
    float32.
    """
    version = import_llama_cpp().__version__
    model, file = loading.gguf_file.load_gguf_network(path)
    with tempfile.TemporaryDirectory() as folder:
        unpacked_path = Path(folder) / "unpacked.gguf"
        write_unpacked(path, unpacked_path)
        llama_cpp_model = load_in_llama_cpp(unpacked_path)
        answers = {question: compare_answers(question, model, file, llama_cpp_model) for question in QUESTIONS}
    result = {"command": "python -m lab.llama beside FILE", "questions": answers, "machine": get_machine_facts()}
    results.save_result("llama beside", result | {"sha256": file.sha256, "llama.cpp": version})
    print(describe_largest_difference(answers), make_answers_table(answers), sep="\n")


def import_llama_cpp():
    """Return the package llama_cpp. Raises UserError if it is not installed."""
    try:
        import llama_cpp
    except ModuleNotFoundError as error:
        raise UserError(f"{error.name} is not installed: python -m pip install llama-cpp-python") from None
    return llama_cpp


def load_in_llama_cpp(path, threads=1):
    """Load a GGUF file with llama.cpp, with a float32 KV cache, like ours."""
    load_options = {"n_ctx": 512, "logits_all": True, "type_k": 0, "type_v": 0}
    return import_llama_cpp().Llama(
        str(path), **load_options, n_threads=threads, n_threads_batch=threads, verbose=False
    )


def write_unpacked(path, target):
    """Write the model in a GGUF file to `target`, another GGUF file, with all arrays in float32."""
    import gguf

    with open_gguf_file(path) as (file, _), tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "model.gguf"  # the original may be inside a wheel
        copy.write_bytes(file.read())
        reader = gguf.GGUFReader(copy)
        writer = gguf.GGUFWriter(target, "llama")
        for name, field in reader.fields.items():
            if not name.startswith("GGUF.") and name not in ("general.architecture", "general.file_type"):
                item_type = field.types[-1] if field.types[0] == gguf.GGUFValueType.ARRAY else None
                writer.add_key_value(name, field.contents(), field.types[0], item_type)
        for tensor in reader.tensors:
            array = gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
            writer.add_tensor(tensor.name, array.reshape(tensor.shape[::-1]))
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()


def compare_answers(question, model, model_file, llama_cpp_model):
    """Ask our model and llama.cpp a question.

    Return {"apart": the largest difference of their logits after it, "largest": the largest logit, "same": whether the
    answers are equal, "by hand" and "llama.cpp": the answers}. The answers are the likeliest tokens, one after another.
    """
    token_ids = model_file.encode_prompt(question)
    logits = model.decode_step(np.array([token_ids]), 0)[0]
    n_prompt = len(token_ids)
    llama_cpp_model.reset()
    llama_cpp_model.eval(token_ids)
    expected_logits = llama_cpp_model.scores[n_prompt - 1]
    difference = float(np.abs(logits - expected_logits).max())
    largest = float(np.abs(expected_logits).max())
    answers = [], []
    for position in range(n_prompt, n_prompt + N_COMPARED_TOKENS):
        word = int(logits.argmax())
        other_word = int(llama_cpp_model.scores[position - 1].argmax())
        for answer, likeliest in zip(answers, (word, other_word), strict=True):
            answer.append(likeliest)
        logits = model.decode_step(np.array([[word]]), position)[0]
        llama_cpp_model.eval([other_word])
    texts = ["".join(write.iter_letters(answer, model_file)) for answer in answers]
    is_same = answers[0] == answers[1]
    return {"apart": difference, "largest": largest, "same": is_same} | dict(zip(MODEL_NAMES, texts, strict=True))


def describe_largest_difference(answers_by_question):
    """Return a sentence with the largest difference between llama.cpp's logits and ours, and whether the answers are
    the same."""
    difference = max(answer["apart"] for answer in answers_by_question.values())
    largest = max(answer["largest"] for answer in answers_by_question.values())
    is_same = all(answer["same"] for answer in answers_by_question.values())
    tokens = (
        f"each program generated {N_COMPARED_TOKENS} tokens, always choosing the most likely one, "
        "and the two sequences were identical"
    )
    if not is_same:
        tokens = "the most likely tokens differed"
    return (
        f"the logits differ by at most {format_rounded_up(difference)} (the largest logit is about {largest:.0f}). "
        f"After each question, {tokens}"
    )


def make_answers_table(answers):
    """Return both answers to each question as a Markdown table, with " / " for the end of a line."""
    rows = []
    for question, answer in answers.items():
        rows.append([question, *(answer[model_name].replace("\n", " / ") for model_name in MODEL_NAMES)])
    return results.format_table(["", *MODEL_NAMES], rows)


# --- Fine-tune it ---------------------------------------------------------------------------------------------------

FINE_TUNING_COMMAND = "main_np.py --model llama --start {} --dataset shakespeare"
OUT_FOLDER = results.ROOT / "learning_curves" / "others"
N_ANSWER_TOKENS = 40


def fine_tune_and_save(path, extra_options=""):
    """Fine-tune the model through the command line, and save its test loss and its answer, before and after.

    extra_options: other options of the run, as text.
    """
    import resource  # not on Windows

    output = results.run_program(f"{FINE_TUNING_COMMAND.format(path)} {extra_options}", OUT_FOLDER)
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    save_fine_tuning(path, output, usage.ru_utime + usage.ru_stime, 1024 * usage.ru_maxrss)


def save_fine_tuning(path, output, processor_seconds, memory):
    """Save the results of a fine-tuning run, and print them as sentences.

    output: what the run printed; processor_seconds: of all threads; memory: the peak, in bytes.
    """
    model, file = loading.gguf_file.load_gguf_network(path)
    answers = [generate_answer(model, file)]
    sha256 = file.sha256
    del model  # so that its arrays are not in memory twice
    model, options, checkpoint = loading.checkpoint.load_network(
        OUT_FOLDER / "checkpoint_llama_lora_np.npz", writes=True
    )
    answers.append(generate_answer(model, options.base_model.file))
    loss_before = float(re.search(r"^before: test loss (\S+)", output, re.M)[1])
    result = {"before": loss_before, "after": checkpoint.history.test_loss[-1], "answers": answers}
    result |= {"steps": checkpoint.history.step, "parameters": sum(p.size for p in model.params.values())}
    result |= {"seconds": results.parse_seconds(output), "processor": processor_seconds, "memory": memory}
    result |= {"command": "python -m lab.llama teach FILE", "machine": get_machine_facts(), "sha256": sha256}
    results.save_result("llama teach", result)
    print(*iter_fine_tuning_sentences(result), sep="\n")


def generate_answer(model, model_file):
    """Return the model's answer to PROMPT, generated with the likeliest token each time."""
    batches = model.generate(np.array([model_file.encode_prompt(PROMPT)]), 0, np.random.default_rng(0))
    return "".join(write.iter_letters((word for (word,) in islice(batches, N_ANSWER_TOKENS)), model_file))


def iter_fine_tuning_sentences(result):
    """Yield sentences with the results of a fine-tuning run."""
    yield f"The test loss per token fell from {result['before']:.2f} to {result['after']:.2f}."
    for label, answer in zip(("Before", "After"), result["answers"], strict=True):
        yield f"{label}: {answer}"
    minutes = f"The fine-tuning took {result['seconds'] / 60:.0f} minutes ({result['machine']['processor']})"
    yield f"{minutes}, including the tests before and after, and {result['memory'] / 1e9:.1f} GB of memory."


def main():
    parser = Parser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["texts", "rotation", "heads", "speed", "beside", "teach"])
    parser.add_argument("file", nargs="?", help="a GGUF file, for what needs one")
    arguments = parser.parse_args()
    if (arguments.what in ("heads", "speed", "beside", "teach")) != bool(arguments.file):
        raise UserError("heads, speed, beside and teach take a FILE, and nothing else does")
    commands = {
        "speed": measure_and_save_speed,
        "beside": compare_and_save_answers,
        "teach": fine_tune_and_save,
    }
    if arguments.what == "texts":
        train_text_runs()
    elif arguments.what in commands:
        commands[arguments.what](arguments.file)
    else:
        figure = draw_rotation() if arguments.what == "rotation" else draw_head(arguments.file)
        drawing.save(figure, results.ROOT / "png" / f"{arguments.what}.png")


if __name__ == "__main__":
    sys.exit(program.run(main))

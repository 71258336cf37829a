"""The functions that the site's pages call in Python, run by page/lessons/worker.js. /work is the learner's folder.

Marking takes two interpreters, as it takes two processes in the terminal: `run_and_write_report` runs the learner's
file and writes a result; `judge_written_report`, in the next interpreter, judges that result. `send_to_page` sends
messages to the pages in the meantime.
"""

import ast
import base64
import json
import math
import os
import sys
import time
import zipfile
from contextlib import redirect_stdout
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from types import SimpleNamespace

import numpy as np

from data import SOURCES, scale_pixels
from desk import archives, classroom
from desk.work import Work, digest
from exercises import digits, network, own, prove
from exercises.catalogue import BY_NAME, CATALOGUE
from exercises.words import explain_error_in_file, open_learner_module
from gpt_np import GPT, sample
from marker import compare, marking, runner
from marker.equal import agree
from marker.kind import Report
from marker.nests import copy_floats_by_path
from marker.trial import collect_arrays_by_name, load_learner_module
from mlp_np import MLP, softmax
from page.shown import load_mlp_run
from support.errors import UserError
from support.texts import LETTERS, decode_names, encode_names

MNIST = SOURCES["mnist"].with_facts(mean_and_std=(0.1307, 0.3081))  # browsers lack the images to compute them
NAMES = SOURCES["names"]
WORK_FOLDER = Path("/work")
UNPACKED_FOLDER = Path("/tmp/unpacked")
NETWORK_FILE = Path("/tmp/my_network.py")
MARK = "\x1e"  # begins each message on standard error; each run gets another one
# The size of a training on the pages, which should take some seconds.
N_HIDDEN = 64
N_EPOCHS = 8
BATCH_SIZE = 100  # images, as network.PROGRAM has it
N_LIKELIEST_TOKENS = 5  # shown besides the one that is drawn
LEARNING_RATES = [0.1 * (1 - epoch / N_EPOCHS) for epoch in range(N_EPOCHS)]


def run_and_write_report():
    """Run the learner's file as marker.runner does. Its arguments are in sys.argv: NAME FILE SEED RESULT."""
    name, file, seed, result = sys.argv[1:]
    os.chdir("/tmp")
    start_reporting_lines(file)
    exercise = BY_NAME[name]
    outcome = runner.make_report(
        exercise,
        file,
        int(seed),
        keep=lambda known: send_to_page(outcome=json.dumps(asdict(known))),  # in case the search takes too long
        on_progress=lambda text: send_to_page(progress=text),
        show=lambda outcome: describe_first_wrong_array(exercise, int(seed), outcome),
    )
    Path(result).write_text(json.dumps(asdict(outcome)), encoding="utf-8")


def send_to_page(**message):
    """Send a message to the page while this runs."""
    os.write(2, f"{MARK}{json.dumps(message)}\n".encode())


def start_reporting_lines(*files):
    """From now on, report which line of these files runs: each line once, then at most five times a second.

    So the page can say where a run was when it had to be stopped. There are no threads here that could find that out
    from outside.
    """
    reported_positions = set()
    last_time = 0.0
    tool = sys.monitoring.PROFILER_ID

    def report_line(code, line_number):
        nonlocal last_time
        if code.co_filename not in files:
            return sys.monitoring.DISABLE
        position = files.index(code.co_filename), line_number
        if position not in reported_positions or time.perf_counter() > last_time + 0.2:
            reported_positions.add(position)
            last_time = time.perf_counter()
            send_to_page(line=line_number, file=position[0])

    sys.monitoring.use_tool_id(tool, "lines")
    sys.monitoring.register_callback(tool, sys.monitoring.events.LINE, report_line)
    sys.monitoring.set_events(tool, sys.monitoring.events.LINE)


def judge_written_report(name, seed, status=None, stuck=None, seconds=None, again=False):
    """Judge what `run_and_write_report` wrote. Return the verdict as a dict, with sentences and progress.

    status: the exit status of the run; None if it was stopped after `seconds`, at the line in `stuck`. again: it is a
    review of an exercise that was passed before.
    """
    exercise = BY_NAME[name]
    work = Work(WORK_FOLDER, CATALOGUE)
    if status is None:
        outcome = Report(seconds=seconds, line=stuck.get("line"))
    else:
        outcome = runner.read_report(WORK_FOLDER / "result.json", work.get_or_make_path(exercise), seconds, status)
    verdict = marking.read_verdict(exercise, outcome)
    if again:
        sentences = [] if verdict.passed else [verdict.text]
        work.record_review(exercise, verdict)
        sentences.append(work.describe_review(exercise, verdict))
    else:
        sentences = work.describe_verdict(exercise, verdict)
        work.record_verdict(exercise, verdict, digest(work.get_or_make_path(exercise)))
    comparison = None if verdict.passed else outcome.shown
    return verdict._asdict() | {"sentences": sentences, "progress": work.progress, "comparison": comparison}


MAX_SHOWN_ROWS = 14  # most rows, and most columns, of an array that are shown


@np.errstate(all="ignore")
def describe_first_wrong_array(exercise, seed, report):
    """Return the first wrong array beside the right one, for page/lessons/comparison.jsx; None if there is none.

    Of an array that is large or has more than two axes, it is a part that contains the largest error. "isTelling" is
    True if the numbers may give the answer away: a single number, or an array among the inputs.
    """
    try:
        for inputs, trial in zip(exercise.draw_trials(seed), report.notes.trials, strict=False):
            numbers = compare.collect_result_arrays(exercise, trial["results"])
            for name, result in zip(exercise.gives, trial["results"], strict=False):
                expected = np.asarray(getattr(inputs, name), np.float64)
                if result["type"] == "ellipsis":
                    continue
                actual = numbers[name]
                if not agree(actual, expected):
                    given_arrays = collect_arrays_by_name(exercise.copy_arguments_by_name(inputs)).values()
                    is_telling = expected.size == 1 or any(
                        agree(array, actual) or agree(array, expected) for array in given_arrays
                    )
                    return describe_cropped_arrays(actual, expected) | {"name": name, "isTelling": is_telling}
                if result["dtype"] != "float64":
                    return None
    except (AttributeError, KeyError, TypeError, ValueError):  # there is no trial or array, or the file made it up
        return None


def describe_cropped_arrays(actual, expected):
    """Return two arrays, or parts of them, as a dict: "mine" and "right" are lists of rows.

    "lead" and "corner" say where the part begins, "axes" how many axes the arrays have, and "furthest" the row and
    column of the largest error in the part, or None if the shapes differ.
    """
    has_same_shape = actual.shape == expected.shape
    lead = ()
    row = 0
    column = 0
    if has_same_shape:
        errors = np.nan_to_num(np.abs(actual - expected), nan=np.inf)
        *lead, row, column = (0, 0, *map(int, np.unravel_index(errors.argmax(), errors.shape)))[-max(errors.ndim, 2) :]
    rows = [np.atleast_2d(a[tuple(lead) if has_same_shape else (0,) * max(a.ndim - 2, 0)]) for a in (actual, expected)]
    corner = [
        max(0, min(i - MAX_SHOWN_ROWS // 2, n - MAX_SHOWN_ROWS))
        for i, n in zip((row, column), rows[1].shape, strict=True)
    ]
    part = tuple(slice(start, start + MAX_SHOWN_ROWS) for start in corner)
    actual_rows, expected_rows = (convert_rows(a[part]) for a in rows)
    furthest = [row - corner[0], column - corner[1]] if has_same_shape else None
    place = {"lead": lead, "corner": corner, "axes": errors.ndim if has_same_shape else 0, "furthest": furthest}
    return {"mine": actual_rows, "right": expected_rows} | place


def convert_rows(array):
    """Return the rows of an array as lists of numbers for JSON."""
    return [list(map(finite_or_none, row)) for row in array]


def run_blocks(blocks):
    """Run blocks of code, one after the other, with common variables.

    Return {"printed": what the last block printed, "error": a message if a block failed}. If a block ends with an
    expression, its value is printed, as in a notebook.
    """
    names = {"__name__": "__main__"}
    files = [f"/tmp/block{i}.py" for i in range(len(blocks))]
    start_reporting_lines(*files)
    for i, (text, file) in enumerate(zip(blocks, files, strict=True)):
        output = runner.LimitedOutput()
        Path(file).write_text(text, encoding="utf-8")
        try:
            with redirect_stdout(output):
                *statements, last_statement = ast.parse(text, file).body or [ast.Pass(lineno=1, col_offset=0)]
                kind, make_last_module = (
                    ("single", ast.Interactive) if isinstance(last_statement, ast.Expr) else ("exec", make_module_node)
                )
                exec(compile(make_module_node(statements), file, "exec"), names)
                exec(compile(make_last_module([last_statement]), file, kind), names)
        except BaseException as error:
            return {
                "printed": output.getvalue(),
                "error": make_block_error_prefix(i, blocks) + explain_error_in_file(error, file),
            }
    return {"printed": output.getvalue()}


def make_module_node(statements):
    return ast.Module(statements, [])


def make_block_error_prefix(index, blocks):
    """Return the beginning of a sentence about block index: "" for the last one."""
    return "" if index == len(blocks) - 1 else f"In block {index + 1} above: "


def make_early_end_result(blocks=None, seconds=None, stuck=None, status=None):
    """Return the marker's message about a session that was stopped or ended too early, in the same form as
    `run_blocks`. stuck: {"file": index of the block, "line"} where it was stopped after `seconds`.
    status: the exit status of Python, if it ended.
    """
    outcome = Report(seconds=seconds, line=stuck.get("line")) if status is None else Report(died=status)
    prefix = make_block_error_prefix(stuck["file"], blocks) if stuck else ""
    return {"printed": "", "error": prefix + marking.find_run_failure(outcome).text}


def write_work_archive():
    """Write the learner's folder to /tmp/my_practice.zip, in the form that practice.py reads."""
    with zipfile.ZipFile("/tmp/my_practice.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(WORK_FOLDER.iterdir()):
            archive.writestr(f"my_practice/{path.name}", path.read_bytes())


def unpack_work(archive_name):
    """Unpack an archive of a learner's work and return a dict for page/lessons/folder.jsx.

    "work" is its content, as in work.js; "damaged" is True if its progress.json is damaged; "skipped" names the files
    that cannot be read, as text, and is "" if there are none. Untouched stubs are left out, since they would replace
    what is written in the browser. Raises UserError if the archive holds no exercise.
    """
    folder = UNPACKED_FOLDER
    reasons = archives.unpack_archive(CATALOGUE.by_name, WORK_FOLDER / archive_name, UNPACKED_FOLDER)
    paths = classroom.read_submission(CATALOGUE, folder).files
    skipped_files = classroom.join_first_three([f"{name} ({reason})" for name, reason in reasons.items()])
    if not paths:
        text = (
            f"cannot be read: {skipped_files}"
            if skipped_files
            else f"{archive_name}: there are no exercises in this file"
        )
        raise UserError(text)
    paths = {name: path for name, path in paths.items() if classroom.is_written(BY_NAME[name], path)}
    for name, path in paths.items():
        path.rename(folder / f"{name}.py")
    for path in sorted(folder.rglob("progress.json"))[:1]:
        path.rename(folder / path.name)
    try:
        work = Work(folder, CATALOGUE)
        is_damaged = False
    except UserError:  # a damaged progress file does not affect the exercises
        (folder / "progress.json").unlink()
        work = Work(folder, CATALOGUE)
        is_damaged = True
    files = {name: (folder / f"{name}.py").read_text(encoding="utf-8", errors="replace") for name in paths}
    passed_files = {name: text for name, text in files.items() if work.has_passed(BY_NAME[name])}
    progress = {} if is_damaged else work.progress
    content = {"files": files, "passed": passed_files, "progress": progress}
    return {"work": content, "damaged": is_damaged, "skipped": skipped_files}


def train_with_progress(learner_exercises):
    """Train a network with the learner's lines, and the project's lines for other exercises.

    learner_exercises: those for which the learner's lines are used.
    The page is sent the loss of every step. After each epoch it is sent the accuracy, some misread digits, and the
    network as a checkpoint. Raises UserError if a line fails.
    """
    file = str(NETWORK_FILE)
    rows = load_rows()
    *_, images, labels = rows
    NETWORK_FILE.write_text(
        network.make_program([WORK_FOLDER / f"{name}.py" for name in learner_exercises]), encoding="utf-8"
    )

    def send_progress(loss, accuracy, answers=None, params=None, curves=None):
        if answers is None:
            return send_to_page(loss=finite_or_none(loss))
        misread = [
            {"image": encode_base64(images[i]), "label": int(labels[i]), "answer": int(answers[i])}
            for i in np.flatnonzero(answers != labels)[:10]
        ]
        packed_network = pack_network(params, "unit", f"reads {accuracy:.2f} of {len(labels):,} test images")
        checkpoint = encode_base64(program.make_checkpoint(params, curves, steps=len(curves["train_loss"])))
        send_to_page(accuracy=finite_or_none(accuracy), misread=misread, network=packed_network, checkpoint=checkpoint)

    try:
        program = load_learner_module(file)
        program.learn(*rows, N_HIDDEN, LEARNING_RATES, send_progress)
    except Exception as error:
        raise UserError(f"In the program made of your lines: {explain_error_in_file(error, file)}") from None


def load_rows():
    """Return (images, labels, test images, test labels) of the digits available here. Each image is a row (784,)."""
    images, labels, test_images, test_labels = digits.few_images()
    return images.reshape(len(images), -1), labels, test_images.reshape(len(test_images), -1), test_labels


@np.errstate(all="ignore")  # some wrong lines overflow
def compare_with_mlp():
    """Compare the learner's lines for the MLP with mlp_np.py in lockstep. Return {"passed", "text"}.

    The numbers of some steps are sent to the page. Raises UserError if nothing is written yet.
    """
    proof = prove.PROOFS["mlp"][0]
    steps = []
    functions = prove.load_learner_functions(WORK_FOLDER, proof.exercises)
    if not functions:
        raise UserError("nothing is written yet: begin with the first exercise")
    lines = prove.LearnerCode(functions)
    project_names = [name for name in proof.exercises if name not in functions]
    for step in prove.iter_lockstep(proof, lines):
        steps.append(step)
        if len(steps) in prove.REPORTED_STEPS:
            loss, twin, difference = map(finite_or_none, step)
            send_to_page(step=len(steps), loss=loss, twin=twin, apart=difference)
    text = prove.describe_result(lines, steps, "mlp_np.py", project_names)
    if project_names:
        text = f"Not written yet, so these lines are ours: {', '.join(project_names)}.\n{text}"
    return {"passed": not lines.first_wrong, "text": text}


def write_derivatives(learner_exercises, y):
    """Write each derivative of one digit to /tmp, as a file of float64 numbers with the derivative's name.

    learner_exercises: the exercises for which the learner's lines are used; for the others, the project's are.
    The arrays x, z1, a1, p and W2 are read from /work. y: the true digit.
    """
    arrays = {name: np.frombuffer((WORK_FOLDER / name).read_bytes())[np.newaxis] for name in ("x", "z1", "a1", "p")}
    arrays |= {"W2": np.frombuffer((WORK_FOLDER / "W2").read_bytes()).reshape(-1, 10), "y": np.array([y])}
    functions = prove.load_learner_functions(WORK_FOLDER, learner_exercises)
    lines = prove.LearnerCode(functions)
    for name in ("dlogits", "dW2_db2", "da1", "dz1", "dW1_db1"):
        if name == "dlogits" and name not in functions:  # the exercise for one image may be written
            outputs = lines.run_exercise("one_image", {"p": arrays["p"][0], "onehot": np.eye(10)[y]})
            outputs["dlogits"] = outputs["dlogits"][np.newaxis]
        else:
            outputs = lines.run_exercise(name, arrays)
        arrays |= outputs
        for output, array in outputs.items():
            Path("/tmp", output).write_bytes(np.asarray(array, np.float64).tobytes())


def finite_or_none(value):
    """Return a number for JSON, with None in place of an infinite one or NaN."""
    return float(value) if math.isfinite(value) else None


def pack_network(params, pixel_scaling, caption, owner="Your network"):
    """Return a network in the form that index.html loads.

    pixel_scaling: their scaling; caption: its caption; owner: begins its title.
    """
    n_hidden = len(params["b1"])
    packed_params = {name: encode_base64(np.ascontiguousarray(p, "<f4")) for name, p in params.items()}
    title = f"{owner}, 784-{n_hidden}-10"
    return {"title": title, "words": caption, "hidden": n_hidden, "pixels": pixel_scaling, "params": packed_params}


def encode_base64(content):
    return base64.b64encode(content.tobytes() if isinstance(content, np.ndarray) else content).decode()


def pack_checkpoint(name):
    """Return {"network": a checkpoint in the learner's folder, in the form that index.html loads}.

    Raises UserError if it holds no such MLP.
    """
    try:
        model, options, history = load_mlp_run(WORK_FOLDER / name)
    except UserError as error:
        raise UserError(str(error).replace(f"{WORK_FOLDER}/", "")) from None
    tests = history.test_accuracy
    words = f"reads {tests[-1]:.4f} of the test images, by its own count" if tests else f"after {history.step:,} steps"
    return {"network": pack_network(model.params, options.run.pixels, words)}


def train_learner_network(name):
    """Train the network in the learner's `name`.py on the bundled images.

    Return a dict: "claimed" and "right", the claimed and the measured accuracy; "network", in the form that index.html
    loads, or None; "proof", a text; and "weights", as an .npz file in base64.
    """
    images, labels, test_images, test_labels = load_rows()
    with open_learner_module(WORK_FOLDER / f"{name}.py") as module:
        result = own.train_and_test(module, images, labels, test_images, test_labels)
        params = own.unpack_params(module, result.content)
        caption = f"reads {result.accuracy:.2f} of {len(test_labels):,} test images"
        packed_network, proof = pack_network_and_explain(module, params, test_images, caption)
        return {
            "claimed": result.claim,
            "right": float(result.accuracy),
            "network": packed_network,
            "proof": proof,
            "weights": encode_base64(result.content),
        }


@np.errstate(all="ignore")  # raw pixels can overflow a network trained on small ones
def pack_network_and_explain(module, params, images, caption):
    """Return (the learner's own network for index.html, or None; a text that says why it can be shown or not).

    It can be shown if mlp_np.py's network with the learner's weights predicts the same digits. The scaling of the
    pixels is found by trying each one. The steps of this training cannot be compared one by one, as those of
    `compare_with_mlp` can.
    """
    arrays = network.find_two_layer_params(params)
    if not arrays:
        n = sum(a.ndim == 2 and min(a.shape) > 1 for a in copy_floats_by_path(params).values())
        description = "keeps its weights in an unknown form" if n == 2 else f"has {n} layers of weights"
        return (
            None,
            f"The page can show a network with two layers of weights. Yours {description}, so the page cannot show it.",
        )
    predictions = own.ReaderCalls(module).read(params, images)
    model = MLP(len(arrays["b1"]), dtype=np.float64)
    model.params = arrays
    for pixels in ("unit", "standardised", "raw"):
        x = scale_pixels(images, SimpleNamespace(run=SimpleNamespace(pixels=pixels, dtype="float64"), source=MNIST))
        if np.array_equal(model.forward(x).argmax(axis=1), predictions):
            return pack_network(arrays, pixels, caption, "Your own network"), (
                f"It is the network of `mlp_np.py`: with your weights, that network reads all {len(images):,} "
                f"test images "
                "the same way. Only your file knows which batches it drew and when it took a step, so its "
                "steps cannot be checked one by one, unlike the steps of your lines for the MLP."
            )
    return None, (
        "The page can show a network with a ReLU, and pixels from 0 to 1, from 0 to 255, or with mean 0 and "
        "deviation 1. With your weights, such a network returns different digits than `read`. So your network "
        "does something else "
        "between the layers or with the pixels, and the page cannot show it."
    )


def predict_digit(name, pixels):
    """Return {"digit": the digit that the network of own_network reads in a drawing}.

    pixels: 784 numbers from 0 to 255.
    """
    with open_learner_module(WORK_FOLDER / f"{name}.py") as module:
        return {"digit": int(own.read_saved(module, WORK_FOLDER / "own.npz", np.array([pixels], np.uint8)))}


def write_digit_to_page(digit, temperature, seed):
    """Let the network in writer.npz write a digit.

    Sent to the page: the pictures of its vocabulary, and for each position the results of `describe_choice` and
    `list_latest_attention`.
    """
    model, ink = load_writer()
    send_to_page(ink=encode_base64(ink))
    for _, (details,) in iter_tokens_and_details(model, [[len(ink) + digit]], temperature, np.random.default_rng(seed)):
        send_to_page(**details)


def iter_tokens_and_details(model, token_ids, temperature, rng):
    """Continue texts, token_ids (N, T), up to the context length.

    Yield for each new position (the new tokens (N,), a list with details of each token): those of `describe_choice`,
    and "attention", from `list_latest_attention`.
    """
    token_ids = np.asarray(token_ids)
    for position in range(len(model.params["positions.P"])):
        logits = model.decode_step(token_ids[:, position], position)
        if position < token_ids.shape[1] - 1:
            continue  # the next token is given
        new_ids = sample(logits, temperature, rng.random(len(token_ids)))
        token_ids = np.hstack([token_ids, new_ids[:, np.newaxis]])
        numbered_rows = enumerate(zip(logits, new_ids.tolist(), strict=True))
        yield (
            new_ids,
            [
                describe_choice(row, temperature, word) | {"attention": list_latest_attention(model, i)}
                for i, (row, word) in numbered_rows
            ],
        )


def describe_choice(logits, temperature, token_id):
    """Return {"word": the token that was drawn, "likely": [(token, probability)]}.

    The list has the N_LIKELIEST_TOKENS, and the drawn one.
    """
    p = softmax(logits / (temperature or 1e-6))  # at temperature 0, the likeliest has probability 1
    likely = np.argsort(-p, kind="stable")[:N_LIKELIEST_TOKENS].tolist()
    likely += [] if token_id in likely else [token_id]
    return {"word": token_id, "likely": [(k, float(p[k])) for k in likely]}


def list_latest_attention(model, text_index):
    """Return the attention weights of text i for the latest token, as lists: [block][head][position].

    They belong to the positions up to the one from which that token was predicted, and sum to 1.
    """
    blocks = (layer for name, layer in model.layers.items() if name.startswith("blocks."))
    return [
        block.layers["attention"].weights[text_index, :, 0].astype(np.float64).round(6).tolist() for block in blocks
    ]


def write_text_to_page(beginning, count, temperature, seed):
    """Let the network continue the text `beginning` by `count` letters.

    Sent to the page: the text that it continues, its letters, and for each new letter the results of `describe_choice`
    and `list_latest_attention`. When the context is full, the network starts again with the last half of it,
    as write.py does.
    """
    model, letter_codes = load_writer()
    letters = "".join(map(chr, letter_codes))
    T = len(model.params["positions.P"])
    prompt = "".join(letter for letter in beginning if letter in letters) or "\n"
    token_ids = [*map(letters.index, prompt)]
    rng = np.random.default_rng(seed)
    send_to_page(prompt=prompt, letters=letters)
    context = token_ids[-T:]
    end = len(token_ids) + count
    while len(token_ids) < end:
        for (word,), (details,) in islice(
            iter_tokens_and_details(model, [context], temperature, rng), end - len(token_ids)
        ):
            token_ids.append(int(word))
            send_to_page(**details)
        context = token_ids[-(T // 2) :]


def generate_names_with_details(beginning, count, temperature, seed):
    """Let the network write `count` names that begin with the letters in `beginning`.

    Return {"names": [(name, whether it is a training name, details of each new letter and of the end)]}. The details
    are those of `describe_choice` and `list_latest_attention`.
    """
    model, known_tokens = load_writer()
    prompt = "".join(letter for letter in beginning.lower() if letter in LETTERS)[: NAMES.context_length - 1]
    token_ids = np.hstack([NAMES.tokenizer.start_tokens([0]), encode_names([prompt])[:, : len(prompt)]]).repeat(
        count, axis=0
    )
    new, details = zip(
        *iter_tokens_and_details(model, token_ids, temperature, np.random.default_rng(seed)), strict=True
    )
    known_names = {*decode_names(known_tokens)}
    names = decode_names(np.hstack([token_ids[:, 1:], np.transpose(new)]))
    of_names = zip(names, zip(*details, strict=True), strict=True)
    return {
        "names": [
            (name, name in known_names, name_details[: len(name) - len(prompt) + 1]) for name, name_details in of_names
        ]
    }


def load_writer():
    """Return (the network in writer.npz, the array that page/site.py has stored with it).

    The array has, for digits, the pictures of the vocabulary; for names, the training names; for texts, the letters.
    """
    with np.load(WORK_FOLDER / "writer.npz") as arrays:
        vocabulary = arrays["words"]
        params = {name: arrays[name] for name in arrays if name != "words"}
    vocab_size = len(params["linear.b"])
    context_length, width = params["positions.P"].shape
    n_start_tokens = len(params["embed.E"]) - vocab_size
    model = GPT(width=width, vocab_size=vocab_size, n_start_tokens=n_start_tokens, context_length=context_length)
    for name, p in model.params.items():
        p[...] = params[name]
    return model, vocabulary


def call_and_write_answer():
    """Call the function named by the first argument with the JSON of the second, and write its result to answer.json.

    If it returns nothing, the result is {}; if it fails, {"failed": a message}.
    """
    try:
        answer = globals()[sys.argv[1]](**json.loads(sys.argv[2]))
        text = json.dumps({} if answer is None else answer, allow_nan=False)
    except Exception as error:  # for example, a file that is not a zip file
        text = json.dumps({"failed": str(error) or type(error).__name__})
    Path("/tmp/answer.json").write_text(text, encoding="utf-8")

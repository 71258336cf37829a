"""`look.py --training`: examines a training step, layer by layer, and reports what is out of the ordinary."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

import data
import main_np
from layers_np import flatten_layers
from loading.checkpoint import add_weights_option, find_newest, load_network
from loading.network import get_arrays_by_group, make_network
from loading.options import parse_options, read_options_and_checkpoint
from support import drawing
from support.checkpoint import warn_if_apart
from support.files import check_output, create_output_folder
from support.history import MIN_LOSS
from support.options import Parser, integer, with_changes
from support.schedule import learning_rate, make_plan, make_repeated_examples_warning
from support.slopes import Slopes, true_loss
from views import answers, training_picture, training_table
from views.training_table import Mark, root_mean_square, standard_deviation

DEFAULT_N_STEPS = 20  # the default of N: how many first steps of a run are taken
N_DRAWN_EXAMPLES = 8
N_FALLBACK_EXAMPLES = 128  # examined if the run's last batch is not known
# Limits of what is ordinary: (low, high), or the largest value.
FIRST_LOSS_RANGE = 0.5, 2  # in units of log K
INPUT_STD_RANGE = 0.05, 10
OUTPUT_STD_RANGE = 0.01, 100  # of a layer
MAX_LEAKED_FRACTION = 0.01  # the fraction of the test images that are also training images: a few may be so by chance
MAX_DEAD_FRACTION = 0.25  # the fraction of a layer's units that are 0 for all images of a batch
N_GRADIENT_CHECK_EXAMPLES = 16
ROUNDING_TOLERANCE = 1e-4  # a smaller difference, relative to the largest number, counts as rounding
UPDATE_SIZE_RANGE = 1e-5, 0.2  # in units of the weights
MAX_MISREAD_EXAMPLES = 24  # training examples to draw that are misread with the most confidence
MAX_NAMED_PLACES = 4  # layers or arrays in a sentence
MAX_SHOWN_LETTERS = 60  # of a text


def add_training_option(parser):
    message = (
        "look at a training: the last batch of --weights; or, with N or any option of main_np.py, the first N steps of "
        f"that run (default: {DEFAULT_N_STEPS})"
    )
    parser.add_argument("--training", metavar="N", nargs="?", type=integer(1, 10_000), help=message)


# No warnings about overflow, because users may be investigating a loss that is not finite.
@np.errstate(over="ignore", invalid="ignore", divide="ignore")
def look_at_training(argv):
    """Run `look.py --training`: save a picture of a training step, and print what is out of the ordinary in it.

    argv: the command-line arguments of look.py.
    """
    parser = Parser(add_help=False)
    add_training_option(parser)
    add_weights_option(parser, writes=None)
    parser.add_argument("--out", default="learning_curves")
    arguments, run_options = parser.parse_known_args(argv)
    if arguments.weights and (run_options or arguments.training):
        conflict = run_options[0] if run_options else f"--training {arguments.training}"
        parser.error(f"--weights names a run, and {conflict} describes another: give one of the two")
    if run_options or arguments.training:
        options = parse_options("np", *run_options)
        name = f"{options.name}_first"
        diagnosis = diagnose_first_steps(options, arguments.training or DEFAULT_N_STEPS)
    else:
        options, checkpoint = read_options_and_checkpoint("np", arguments.weights or find_newest(None))
        warn_if_apart(checkpoint.path)
        name = Path(checkpoint.path).stem.removeprefix("checkpoint_")
        diagnosis = diagnose_last_step(options, checkpoint)
    folder = create_output_folder(arguments.out)
    is_first = bool(run_options or arguments.training)
    file = folder / f"training_{name}.png"
    check_output("--out", file, ".png", arguments.weights)
    title = options.network.title(options.run)
    noun = "texts" if diagnosis["labels"] is None else "labels"
    sentences = describe_marks(diagnosis["marks"]) or [
        f"No number is out of the ordinary. Only you can see whether the {noun} are right."
    ]
    drawing.save(training_picture.draw_training(diagnosis, title, sentences), file)
    print(f"{title}, {diagnosis['where']}\n")
    training_table.print_table(diagnosis["table"], diagnosis["ranges"])
    print("", *sentences, sep="\n")
    if diagnosis["no_ranges"]:
        print(diagnosis["no_ranges"])
    if not is_first and not options.network.writes:
        worst_file = folder / f"worst_{name}.png"
        check_output("--out", worst_file, ".png", arguments.weights)
        mistakes = find_confident_mistakes(options, checkpoint)
        description = f"the {len(mistakes.images)} training examples that it misreads most confidently"
        drawing.save(answers.draw_mistakes(mistakes, f"{title}: {description}"), worst_file)
        print(f"see {worst_file}: {description}, each with its label, the answer and its probability")
    print(f"see {file}")


class Step(NamedTuple):
    """A training step, or a batch without a step, for `diagnose_step`."""

    model: object  # with the weights before the step
    options: object
    batch: tuple  # (examples, labels)
    changes: dict  # {name: change of the parameter}; {} if no step is taken
    rate: float  # the learning rate of the step, as a fraction of the highest
    losses: list  # of all steps so far
    where: str  # a description of the step, in words
    number: int | str | None  # 1, 2, ... for a first step of a run; LAST_STEP for the last; otherwise None


def take_first_steps(options, n_steps, dataset):
    """Train for at most `n_steps` steps, and return the `Step` that was the last with a finite loss.

    If the very first loss is not finite, it is the first step.
    """
    network, optimizer = main_np.build(options)
    plan = make_plan(options, dataset.n_train)
    losses = []
    for i, batch in enumerate(data.iter_examples(dataset, options, 0, min(n_steps, plan.steps))):
        lr = learning_rate(i, plan.steps, options)
        model = copy_network(options, network)
        x, y = data.encode(*batch, options)
        losses.append(float(main_np.train_step(network, optimizer, x, y, lr)[0]))
        if i and not np.isfinite(losses[-1]):
            break
        changes = {name: p - model.params[name] for name, p in network.params.items()}
        description = f"step {i + 1:,} of {plan.steps:,}, rate {lr:.2g} (at its highest {options.run.lr:g})"
        step = Step(model, options, batch, changes, lr / options.run.lr, losses, description, i + 1)
    return step


def diagnose_first_steps(options, n_steps):
    """Take the first steps of a run with these options, and examine the last one that has a finite loss.

    Return what `diagnose_step` returns, with more marks about all of the first steps.
    """
    dataset = data.load(options.source, options.run.hold_out)
    step = take_first_steps(options, n_steps, dataset)
    diagnosis = diagnose_step(step)
    losses = step.losses
    plan = make_plan(options, dataset.n_train)
    uniform_loss = np.log(diagnosis["classes"])
    marks = list_example_marks(dataset, options, len(losses), plan)
    if not FIRST_LOSS_RANGE[0] < losses[0] / uniform_loss < FIRST_LOSS_RANGE[1]:
        comparison = f"where equal scores give log {diagnosis['classes']} = {uniform_loss:.3f}"
        marks.append(Mark("loss", f"The first loss is {losses[0]:.4g}, {comparison}"))
    for n, loss in enumerate(losses, 1):
        if loss < MIN_LOSS:
            marks.append(Mark("loss", f"The loss is {loss:.3g} in step {n}, and -log p is never below 0"))
            break
    else:
        if not np.isfinite(losses[-1]):
            marks.append(Mark("loss", f"The loss is {losses[-1]:.3g} in step {len(losses)}"))
    return diagnosis | {"marks": marks + diagnosis["marks"]}


def list_example_marks(dataset, options, n_steps, plan):
    """Return a list of `Mark`s about the examples that the first `n_steps` steps of a run draw.

    There is one if batches repeat examples within an epoch, and one if test images are among the training images.
    """
    is_drawn = np.zeros(dataset.n_train, bool)
    dataset.mark_drawn(is_drawn, options, 0, n_steps)
    repeats = make_repeated_examples_warning(int(is_drawn.sum()), n_steps, plan, options)
    marks = [Mark("x", repeats[0].upper() + repeats[1:])] if repeats else []
    share = dataset.compute_test_overlap_fraction()
    if share > MAX_LEAKED_FRACTION:
        marks.append(Mark("x", f"Of the test images {share:.0%} are among the training images"))
    return marks


def diagnose_last_step(options, checkpoint):
    """Examine the last batch of a checkpoint's run, with the weights in the checkpoint.

    Return what `diagnose_step` returns, with more marks about the examples that the run has drawn.
    """
    dataset = data.load(options.source, options.run.hold_out)
    step = take_last_step(options, checkpoint, dataset)
    diagnosis = diagnose_step(step)
    if step.changes:
        plan = make_plan(options, dataset.n_train)
        diagnosis["marks"] += list_example_marks(dataset, options, checkpoint.history.step, plan)
    return diagnosis


def take_last_step(options, checkpoint, dataset):
    """Take one more step from a checkpoint, with the last batch of its run, and return the `Step`.

    The step is taken at the run's highest learning rate, because at the end of a run the rate is nearly 0; or, while
    the rate still rises, at the next one. A network from another program has no momentum, and its last batch is not
    known. Then the `Step` has the first N_FALLBACK_EXAMPLES of training, and no step is taken.
    """
    n_steps = checkpoint.history.step
    losses = [*checkpoint.history.numbers_by_name()["train_loss"]]
    if not all(checkpoint.groups.get(name) for name in options.optimizer.state_names):
        model = load_network(checkpoint.path, writes=None).model
        batch = dataset.get_train_examples_and_labels(slice(N_FALLBACK_EXAMPLES))
        return Step(model, options, batch, {}, 1, losses, f"{len(batch[0])} training images", None)
    network, optimizer = main_np.build(options, checkpoint)
    model = copy_network(options, network)
    batch = next(iter(data.iter_examples(dataset, options, max(0, n_steps - 1), max(1, n_steps))))
    plan = make_plan(options, dataset.n_train)
    is_rising = n_steps < plan.steps / 10  # the schedule begins with a tenth of the steps
    lr = learning_rate(n_steps, plan.steps, options) if is_rising else options.run.lr
    main_np.train_step(network, optimizer, *data.encode(*batch, options), lr)
    changes = {name: p - model.params[name] for name, p in network.params.items()}
    description = f"after {n_steps:,} steps: the last batch again, rate {lr:g}" + (
        "" if is_rising else " (the highest)"
    )
    number = training_table.LAST_STEP if n_steps == plan.steps else None
    return Step(model, options, batch, changes, lr / options.run.lr, losses, description, number)


def find_confident_mistakes(options, checkpoint):
    """Return the worst training examples, at most MAX_MISREAD_EXAMPLES, as `answers.Mistakes`.

    Misread examples come first, the most confident ones at the top. If there are too few, those that are read right
    with the least confidence follow. Sorting by loss would show fewer wrong labels: an image that is hard to read may
    have a high loss, too, but seldom a confident prediction. The examples are those of the run's last epoch as its
    batches contain them, augmented and with their labels.
    """
    dataset = data.load(options.source, options.run.hold_out)
    names = options.source.classes
    model = load_network(checkpoint.path, writes=None).model
    model.training = False
    stop = max(1, checkpoint.history.step)
    start = max(0, stop - dataset.n_train // options.run.batch_size)
    rows = []  # (how confidently it is misread, image, label, answer, probability)
    for images, labels in data.iter_examples(dataset, options, start, stop):
        x, y = data.encode(images, labels, options)
        logits = model.forward(x).astype(float)
        answer = logits.argmax(axis=1)
        p = np.exp(logits.max(axis=1) - np.logaddexp.reduce(logits, axis=1))  # (B,)
        confidence = np.where(answer == y, -p, p)  # negative if the prediction is right
        for i in np.argsort(-confidence)[:MAX_MISREAD_EXAMPLES]:
            rows.append((confidence[i], images[i], names[y[i]], names[answer[i]], p[i]))
    rows.sort(key=lambda row: -row[0])
    _, images, labels, predictions, p = zip(*rows[:MAX_MISREAD_EXAMPLES], strict=True)
    return answers.Mistakes(np.array(images), labels, predictions, p)


def copy_network(options, network):
    """Return a copy of a network in NumPy that does not use threads or the tape."""
    model = make_network("np", with_changes(options, autograd=False))
    for group, arrays in get_arrays_by_group(network).items():
        for name, array in arrays.items():
            get_arrays_by_group(model)[group][name][...] = array
    return model


class GradientOnlyOptimizer:
    """A stand-in for an optimizer whose `step` changes nothing, but stores the gradients as `grads`."""

    def __init__(self, options):
        self.options = options

    def step(self, params, grads, lr):
        main_np.check_gradients(params, grads)
        self.grads = grads


class Passes(NamedTuple):
    """The forward and the backward pass of a batch."""

    x: np.ndarray  # the input
    y: np.ndarray  # the targets
    loss: float
    outputs: dict  # {layer: array}
    gradients: dict  # {parameter: array}


def compute_passes(model, options, batch):
    """Return the `Passes` of a batch (examples, labels), with the gradients of `main_np.train_step`.

    If the network has no `layers`, the outputs are the logits and the arrays that its `forward` stores for the
    examples.
    """
    x, y = data.encode(*batch, options)
    outputs = {}
    layers = getattr(model, "layers", {})
    optimizer = GradientOnlyOptimizer(options)
    attributes_before = dict(vars(model))
    model.training = True
    for name, layer in layers.items():
        layer.forward = make_output_recorder(outputs, name, layer.forward)
    if not layers:
        model.forward = make_attribute_recorder(model, model.forward, outputs, attributes_before)
    try:
        loss, _ = main_np.train_step(model, optimizer, x, y, options.run.lr)
    finally:
        changed_layers = layers.values() if layers else [model]
        for layer in changed_layers:
            del layer.forward  # so that the method of its class, which this hid, is called again
    return Passes(x, y, float(loss), outputs, optimizer.grads)


def make_table_rows_by_name(step):
    """Return the rows of the table for a `Step`, as `training_table.make_rows_by_name` does."""
    return training_table.make_rows_by_name(
        compute_passes(step.model, step.options, step.batch), step.model.params, step.changes
    )


def make_attribute_recorder(model, forward, outputs, attributes_before):
    """Return a function like `forward` that also stores the model's new arrays and the logits in the dict `outputs`.

    The new arrays are attributes with a row for each example that are not among `attributes_before`.
    """

    def forward_and_record(x):
        logits = forward(x)
        new_arrays = {
            name: a
            for name, a in vars(model).items()
            if isinstance(a, np.ndarray) and a is not attributes_before.get(name)
        }
        for name, a in new_arrays.items():
            if len(a) == len(x) and a.size != x.size:  # not the batch itself, which a network may keep
                outputs[name] = a
        outputs["logits"] = logits
        return logits

    return forward_and_record


def make_output_recorder(outputs, name, forward):
    """Return a function like `forward` that also stores its result as outputs[name]."""

    def forward_and_record(x):
        outputs[name] = forward(x)
        return outputs[name]

    return forward_and_record


def diagnose_step(step):
    """Examine a training `Step`, and return the results as a dict.

    "where": a description of the step. "examples", "labels": a few inputs as images (n, h, w), and their class names;
    or as texts, and None. "losses": the losses of all steps so far. "classes": K. "layers": {name: {"spread": the
    outputs' standard deviation, "zeros": the fraction of zeros}}. "arrays": {name: {"gradient": the gradient's root
    mean square, "step": the change's root mean square divided by the parameter's, or None, "is_vector": a bool}}.
    "marks": a list of `Mark`s, what is out of the ordinary. "table": the rows of the table. "ranges": the ranges in
    healthy runs, or {}. "no_ranges": a sentence that says why there are no ranges, or "".
    """
    model = step.model
    options = step.options
    changes = step.changes
    passes = compute_passes(model, options, step.batch)
    x = passes.x
    outputs = passes.outputs
    gradients = passes.gradients
    layers = {}
    arrays = {}
    marks = []
    if x.dtype.kind == "f" and not INPUT_STD_RANGE[0] < standard_deviation(x) < INPUT_STD_RANGE[1]:
        value_text = f"{standard_deviation(x):.2g}, around {x.mean():.2g}"
        marks.append(Mark("x", "An unusual spread of what goes in", value_text))
    elif x.dtype.kind == "f" and abs(x.mean()) > 2 * standard_deviation(x):
        value_text = f"{x.mean():.2g}, with a spread of {standard_deviation(x):.2g}"
        marks.append(Mark("x", "An unusual mean of what goes in", value_text))
    paths = getattr(model, "layers", {})
    has_weights = False  # True from the first layer with weights on: inputs before it may well be 0
    for name, a in outputs.items():
        layers_inside = flatten_layers({name: paths[name]}).values() if paths else []
        has_weights |= not paths or any(getattr(layer, "params", {}) for layer in layers_inside)
        layers[name] = {"spread": standard_deviation(a), "zeros": float((a == 0).mean())}
        if has_weights:
            marks += iter_output_marks(name, a)
    for name, p in model.params.items():
        # The update of a bias is not compared with the bias, which starts at 0.
        relative = root_mean_square(changes[name]) / root_mean_square(p) if changes and p.ndim > 1 and p.any() else None
        gradient_size = root_mean_square(gradients[name])
        arrays[name] = {"gradient": gradient_size, "step": relative, "is_vector": p.ndim == 1}
        marks += iter_array_marks(name, gradient_size, relative, step.rate)
    marks += iter_correctness_marks(model, options, step.batch)
    table = training_table.make_rows_by_name(passes, model.params, changes)
    ranges = training_table.find_healthy_ranges(options, step.number, table)
    no_ranges = training_table.explain_no_ranges(options, step.number, table)
    marks += training_table.list_outlier_marks(table, ranges)
    examples, labels = decode_first_examples_and_labels(x, step.batch[1], options)
    *_, logits = outputs.values()
    return {
        "where": step.where, "examples": examples, "labels": labels, "losses": step.losses,
        "classes": logits.shape[-1], "layers": layers, "arrays": arrays, "marks": marks,
        "table": table, "ranges": ranges, "no_ranges": no_ranges,
    }  # fmt: skip


def iter_correctness_marks(model, options, batch):
    """Yield a `Mark` if the loss is not the mean of -log p[y], and one if the gradients are not those of the loss.

    A few examples of the batch are computed in float64.
    """
    exact_options = with_changes(options, dtype="float64")
    examples, labels = batch
    x, y = data.encode(
        examples[:N_GRADIENT_CHECK_EXAMPLES],
        labels if labels is None else labels[:N_GRADIENT_CHECK_EXAMPLES],
        exact_options,
    )
    slopes = Slopes(copy_network(exact_options, model), main_np.compute_loss, x, y)
    loss = slopes.loss()
    expected = true_loss(slopes.logits(), y)
    advice = "`python main_np.py --prove` says where it begins"
    if np.isfinite(expected) and not abs(loss - expected) <= 1e-9 * max(1, expected):
        yield Mark("loss", f"The loss is not the mean of -log p[y] ({advice})")
    if slopes.has_wrong_gradients():
        yield Mark("loss", f"The gradients are not those of the loss ({advice})")


def iter_output_marks(name, output):
    """Yield a `Mark` if something is out of the ordinary in the output (B, ..., units) of the layer `name`."""
    dead = (output.reshape(-1, output.shape[-1]) == 0).all(axis=0).mean()
    if not np.isfinite(output).all():
        yield Mark(name, "Not finite")
    elif dead > MAX_DEAD_FRACTION:
        yield Mark(name, "Units that are 0 for all images of the batch", f"{dead:.0%}")
    elif len(output) > 1 and (output == output[:1]).all():
        yield Mark(name, "The same for all images of the batch")
    elif output.shape[-1] > 1 and np.abs(output - output[..., :1]).max() < ROUNDING_TOLERANCE * np.abs(output).max():
        yield Mark(name, "The same in all units (are their first weights alike?)")
    elif not OUTPUT_STD_RANGE[0] < standard_deviation(output) < OUTPUT_STD_RANGE[1]:
        yield Mark(name, "An unusual spread", f"{standard_deviation(output):.2g}")


def iter_array_marks(name, gradient_size, step_size, rate_fraction=1):
    """Yield a `Mark` for whatever is out of the ordinary in the gradient or the step of the parameter `name`.

    gradient_size: the gradient's root mean square. step_size: the step's root mean square, divided by the parameter's,
    or None. rate_fraction: the learning rate as a fraction of the highest.
    """
    if not np.isfinite(gradient_size):
        yield Mark(name, "A gradient that is not finite")
    elif gradient_size == 0:
        yield Mark(name, "No gradient arrives")
    if step_size is not None and not (UPDATE_SIZE_RANGE[0] * rate_fraction < step_size < UPDATE_SIZE_RANGE[1]):
        message = "An unusual step, in units of the weights (the rule of thumb is 0.001)"
        yield Mark(name, message, f"{step_size:.1g}")


def describe_marks(marks):
    """Return a list of sentences, one for each message among the `Mark`s, with the layers or arrays and the numbers."""
    places_by_message = {}
    sentences = []
    for mark in marks:
        places_by_message.setdefault(mark.message, []).append(f"{mark.place} {mark.value_text}".strip())
    for message, places in places_by_message.items():
        n_more = f" and {len(places) - MAX_NAMED_PLACES} more" if len(places) > MAX_NAMED_PLACES else ""
        places_text = "" if places == ["loss"] else f": {', '.join(places[:MAX_NAMED_PLACES])}{n_more}"
        sentences.append(f"{message}{places_text}.")
    return sentences


def decode_first_examples_and_labels(x, labels, options):
    """Return (images (n, h, w), class names) of N_DRAWN_EXAMPLES in x or, for tokens, (texts or names, None)."""
    source = options.source
    first_examples = slice(N_DRAWN_EXAMPLES)
    return source.decode_inputs(x[first_examples], MAX_SHOWN_LETTERS), source.name_labels(
        labels if labels is None else labels[first_examples]
    )

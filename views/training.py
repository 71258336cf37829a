"""What a step of a training looks like, layer by layer, and what in it is out of the ordinary."""

from argparse import Namespace
from pathlib import Path
from typing import NamedTuple

import numpy as np

import data
import main_np
from layers_np import walk
from loading.checkpoint import add_weights, find_newest
from loading.checkpoint import load_network as load_network
from loading.network import group_arrays, make_network
from loading.options import parse_options, read_options
from support import drawing
from support.checkpoint import warn_if_apart
from support.files import check_output, open_folder
from support.history import BELOW_ZERO
from support.options import Parser, integer, with_changes
from support.schedule import describe_repeats, learning_rate, make_plan
from support.slopes import Slopes, true_loss
from views import answers, training_picture, training_table
from views.training_table import root_mean_square, spread

FIRST, SHOWN, FEW = 20, 8, 128  # steps of a run that is only beginning; examples to draw; to compute with, of no batch
GUESS = 0.5, 2  # the first loss, in units of log K
INPUT = 0.05, 10  # the spread of the numbers that go in
SPREAD = 0.01, 100  # of what a layer puts out
LEAK = 0.01  # the share of the test images that may be known: a picture may come twice by chance
DEAD = 0.25  # the share of a layer's units that are 0 for all images of a batch
IN_DOUBT = 16  # examples of the loss whose slope is measured
ALIKE = 1e-4  # of the largest number: what differs by less, differs by rounding
STEP = 1e-5, 0.2  # a step, in units of the weights
WORST = 24  # training examples that are misread with the most confidence
NAMED, LETTERS = 4, 60  # places that a sentence names; letters of a text that are shown


def add_training(parser):
    what = (
        "look at a training: the last batch of --weights; or, with N or any option of main_np.py, the first N steps of "
        f"that run (default: {FIRST})"
    )
    parser.add_argument("--training", metavar="N", nargs="?", type=integer(1, 10_000), help=what)


@np.errstate(
    over="ignore", invalid="ignore", divide="ignore"
)  # a loss that is not finite is what somebody may be looking for
def look_at_training(argv):
    """Draw a step of a training, and say what in it is out of the ordinary."""
    parser = Parser(add_help=False)
    add_training(parser)
    add_weights(parser, writes=None)
    parser.add_argument("--out", default="learning_curves")
    arguments, run = parser.parse_known_args(argv)
    if arguments.weights and (run or arguments.training):
        other = run[0] if run else f"--training {arguments.training}"
        parser.error(f"--weights names a run, and {other} describes another: give one of the two")
    if run or arguments.training:
        options = parse_options("np", *run)
        name, seen = f"{options.name}_first", examine_first_steps(options, arguments.training or FIRST)
    else:
        options, checkpoint = read_options("np", arguments.weights or find_newest(None))
        warn_if_apart(checkpoint.path)
        name, seen = Path(checkpoint.path).stem.removeprefix("checkpoint_"), examine_last_step(options, checkpoint)
    folder, is_first = open_folder(arguments.out), bool(run or arguments.training)
    file = folder / f"training_{name}.png"
    check_output("--out", file, ".png", arguments.weights)
    title = options.network.title(options.run)
    given = "texts" if seen["labels"] is None else "labels"
    said = describe_marks(seen["marks"]) or [
        f"No number is out of the ordinary. Whether the {given} are right, only you can see."
    ]
    drawing.save(training_picture.draw_training(seen, title, said), file)
    print(f"{title}, {seen['where']}\n")
    training_table.print_table(seen["table"], seen["ranges"])
    print("", *said, *seen["no_ranges"], sep="\n")
    if not is_first and not options.network.writes:
        worst_file = folder / f"worst_{name}.png"
        check_output("--out", worst_file, ".png", arguments.weights)
        images, *columns = find_worst(options, checkpoint)
        what = f"the {len(images)} training examples that it misreads most confidently"
        drawing.save(answers.draw_mistakes(images, *columns, f"{title}: {what}"), worst_file)
        print(f"see {worst_file}: {what}, each with its label, the answer and its probability")
    print(f"see {file}")


class Step(NamedTuple):
    """A step of a training, or a batch that no step is taken of."""

    model: object  # with the weights before the step
    options: object
    batch: tuple  # (examples, labels)
    moved: dict  # {name: the change of its weights}; {} if there is no step
    rate: float  # of the step, in units of the highest
    losses: list  # of all steps so far
    where: str  # in words
    number: int | str | None  # of this step, from 1; or training_table.LAST; None if it is neither


def take_first_steps(options, n_steps):
    """Train with these options. Return the `Step` that is the last with a finite loss, and the dataset."""
    dataset, (network, optimizer) = data.load(options.source, options.run.hold_out), main_np.build(options)
    plan, losses = make_plan(options, dataset.n_train), []
    for i, batch in enumerate(data.iter_examples(dataset, options, 0, min(n_steps, plan.steps))):
        lr, model = learning_rate(i, plan.steps, options), copy_network(options, network)
        x, y = data.encode(*batch, options)
        losses.append(float(main_np.train_step(network, optimizer, x, y, lr)[0]))
        if i and not np.isfinite(losses[-1]):
            break
        moved = {name: p - model.params[name] for name, p in network.params.items()}
        where = f"step {i + 1:,} of {plan.steps:,}, rate {lr:.2g} (at its highest {options.run.lr:g})"
        step = Step(model, options, batch, moved, lr / options.run.lr, losses, where, i + 1)
    return step, dataset


def examine_first_steps(options, n_steps):
    """What is seen of the first steps of the run with these options: at the last one with a loss that is finite.

    See `examine_step`.
    """
    step, dataset = take_first_steps(options, n_steps)
    seen, losses, plan = examine_step(step), step.losses, make_plan(options, dataset.n_train)
    guess, marks = np.log(seen["classes"]), find_unusual_draws(dataset, options, len(losses), plan)
    if not GUESS[0] < losses[0] / guess < GUESS[1]:
        equal = f"where equal scores give log {seen['classes']} = {guess:.3f}"
        marks.append(("loss", f"The first loss is {losses[0]:.4g}, {equal}", ""))
    for n, loss in enumerate(losses, 1):
        if loss < BELOW_ZERO:
            marks.append(("loss", f"The loss is {loss:.3g} in step {n}, and -log p is never below 0", ""))
            break
    else:
        if not np.isfinite(losses[-1]):
            marks.append(("loss", f"The loss is {losses[-1]:.3g} in step {len(losses)}", ""))
    return seen | {"marks": marks + seen["marks"]}


def find_unusual_draws(dataset, options, steps, plan):
    """A mark if the batches of so many steps repeat examples within an epoch, or if test images are to be learned."""
    drawn = np.zeros(dataset.n_train, bool)
    dataset.mark_drawn(drawn, options, 0, steps)
    again = describe_repeats(int(drawn.sum()), steps, plan, options)
    marks = [("x", again[0].upper() + again[1:], "")] if again else []
    if (share := dataset.known_tests()) > LEAK:
        marks.append(("x", f"Of the test images {share:.0%} are among the training images", ""))
    return marks


def examine_last_step(options, checkpoint):
    """The same for a run that has left a checkpoint: its last batch again, with the weights as they are now."""
    dataset = data.load(options.source, options.run.hold_out)
    step = take_last_step(options, checkpoint, dataset)
    seen = examine_step(step)
    if step.moved:
        plan = make_plan(options, dataset.n_train)
        seen["marks"] += find_unusual_draws(dataset, options, checkpoint.history.step, plan)
    return seen


def take_last_step(options, checkpoint, dataset):
    """Take one more step with the last batch of a run that has left a checkpoint. Return the `Step`.

    The step is taken at the run's highest rate, because at the end of a run the rate is 0; or, while the rate still
    rises, at the next one. A network that was trained by another program has no momentum, and drew its batches in
    another order: then it is the first 128 examples, and no step.
    """
    n_steps, losses = checkpoint.history.step, [*checkpoint.history.numbers()["train_loss"]]
    if not all(checkpoint.groups.get(what) for what in options.rule.remembers):
        model, _, _ = load_network(checkpoint.path, writes=None)
        batch = dataset.train(slice(FEW))
        return Step(model, options, batch, {}, 1, losses, f"{len(batch[0])} training images", None)
    network, optimizer = main_np.build(options, checkpoint)
    model = copy_network(options, network)
    batch = next(iter(data.iter_examples(dataset, options, max(0, n_steps - 1), max(1, n_steps))))
    plan = make_plan(options, dataset.n_train)
    rises = n_steps < plan.steps / 10
    lr = learning_rate(n_steps, plan.steps, options) if rises else options.run.lr
    main_np.train_step(network, optimizer, *data.encode(*batch, options), lr)
    moved = {name: p - model.params[name] for name, p in network.params.items()}
    where = f"after {n_steps:,} steps: the last batch again, rate {lr:g}" + ("" if rises else " (the highest)")
    number = training_table.LAST if n_steps == plan.steps else None
    return Step(model, options, batch, moved, lr / options.run.lr, losses, where, number)


def find_worst(options, checkpoint):
    """Return images (n, 28, 28), labels, answers and probabilities of the answers: first the most confident mistakes.

    Behind the misread examples come those that are read right with the least confidence. The highest losses would
    show fewer wrong labels: an image that is hard to read may have a high loss, too, but seldom a confident answer.
    The examples are those of the run's last epoch, as its batches have them: moved, and with these labels.
    """
    dataset, names = data.load(options.source, options.run.hold_out), options.source.classes
    model, _, _ = load_network(checkpoint.path, writes=None)
    model.training = False
    last = max(1, checkpoint.history.step)
    first = max(0, last - dataset.n_train // options.run.batch_size)
    rows = []  # (how confidently it is misread, image, label, answer, probability)
    for images, labels in data.iter_examples(dataset, options, first, last):
        x, y = data.encode(images, labels, options)
        logits = model.forward(x).astype(float)
        answer = logits.argmax(axis=1)
        p = np.exp(logits.max(axis=1) - np.logaddexp.reduce(logits, axis=1))  # (B,)
        confidence = np.where(answer == y, -p, p)  # in a mistake
        for i in np.argsort(-confidence)[:WORST]:
            rows.append((confidence[i], images[i], names[y[i]], names[answer[i]], p[i]))
    rows.sort(key=lambda row: -row[0])
    _, images, labels, answers_of_network, p = zip(*rows[:WORST], strict=True)
    return np.array(images), labels, answers_of_network, p


def copy_network(options, network):
    """A copy of a network whose work nobody shares."""
    model = make_network("np", with_changes(options, autograd=False))
    for group, arrays in group_arrays(network).items():
        for name, array in arrays.items():
            group_arrays(model)[group][name][...] = array
    return model


class GradientRecorder:
    """In the place of an optimizer: it moves nothing, and keeps the gradients with which a step would."""

    def __init__(self, options):
        self.options = options

    def step(self, params, grads, lr):
        main_np.check_gradients(params, grads)
        self.grads = grads


def compute_passes(model, options, batch):
    """x, y, loss, outputs {layer: what it puts out} and gradients {array: gradient} of a batch (examples, labels).

    They are those of a training, as the attributes of an object.

    The gradients are those of main_np.train_step. Of a network that is no list of layers, what its layers put out is
    what its `forward` leaves of each example.
    """
    x, y = data.encode(*batch, options)
    outputs, layers, noted, before = {}, getattr(model, "layers", {}), GradientRecorder(options), {**vars(model)}
    model.training = True
    for name, layer in layers.items():
        layer.forward = record_output(outputs, name, layer.forward)
    if not layers:
        model.forward = record_attributes(model, model.forward, outputs, before)
    try:
        loss, _ = main_np.train_step(model, noted, x, y, options.run.lr)
    finally:
        for layer in layers.values() if layers else [model]:
            del layer.forward
    return Namespace(x=x, y=y, loss=float(loss), outputs=outputs, gradients=noted.grads)


def make_table(step):
    """Return the rows of the table for a `Step`: see `training_table.make_rows`."""
    return training_table.make_rows(compute_passes(step.model, step.options, step.batch), step.model.params, step.moved)


def record_attributes(model, forward, outputs, before):
    """The same function, which notes what it leaves of each example on the model, and the logits."""

    def noted(x):
        logits = forward(x)
        left = {name: a for name, a in vars(model).items() if isinstance(a, np.ndarray) and a is not before.get(name)}
        outputs.update({name: a for name, a in left.items() if a.shape[:1] == x.shape[:1] and a.size != x.size})
        outputs["logits"] = logits
        return logits

    return noted


def record_output(outputs, name, forward):
    """The same function, whose result is noted."""

    def noted(x):
        outputs[name] = forward(x)
        return outputs[name]

    return noted


def examine_step(step):
    """What a training looks like at a `Step`.

    {"where": in words, "examples": pictures (n, h, w), "labels": (n,) words, or texts and None, "losses": of all steps
    so far, "classes": K, "layers": {name: {"spread", "zeros": the share that is 0}}, "arrays": {name: {"gradient": its
    root mean square, "step": that of its change, in units of the weights' own, or None, "is_vector"}}, "marks":
    [(place, what is out of the ordinary there, a number in words)]}.

    "table": the rows of the table; "ranges": those of healthy runs, or {}; "no_ranges": [a sentence that says why they
    are not there], or [].
    """
    model, options, moved = step.model, step.options, step.moved
    passes = compute_passes(model, options, step.batch)
    x, outputs, gradients = passes.x, passes.outputs, passes.gradients
    layers, arrays, marks = {}, {}, []
    if x.dtype.kind == "f" and not INPUT[0] < spread(x) < INPUT[1]:
        marks.append(("x", "An unusual spread of what goes in", f"{spread(x):.2g}, around {x.mean():.2g}"))
    elif x.dtype.kind == "f" and abs(x.mean()) > 2 * spread(x):
        marks.append(("x", "An unusual mean of what goes in", f"{x.mean():.2g}, with a spread of {spread(x):.2g}"))
    paths, computed = getattr(model, "layers", {}), False  # computed: by weights. What goes in may well be 0
    for name, a in outputs.items():
        computed |= not paths or any(getattr(layer, "params", {}) for layer in walk({name: paths[name]}).values())
        layers[name] = {"spread": spread(a), "zeros": float((a == 0).mean())}
        marks += [(name, *mark) for mark in find_unusual_output(a) if computed]
    for name, p in model.params.items():
        relative = (
            root_mean_square(moved[name]) / root_mean_square(p) if moved and p.ndim > 1 and p.any() else None
        )  # a bias begins at 0
        arrays[name] = {"gradient": root_mean_square(gradients[name]), "step": relative, "is_vector": p.ndim == 1}
        marks += [(name, *mark) for mark in find_unusual_array(root_mean_square(gradients[name]), relative, step.rate)]
    marks += find_contradictions(model, options, step.batch)
    table = training_table.make_rows(passes, model.params, moved)
    ranges, no_ranges = training_table.find_ranges(options, step.number, table)
    marks += training_table.find_outliers(table, ranges)
    examples, labels = select_examples(x, step.batch[1], options)
    return {
        "where": step.where, "examples": examples, "labels": labels, "losses": step.losses,
        "classes": a.shape[-1], "layers": layers, "arrays": arrays, "marks": marks,
        "table": table, "ranges": ranges, "no_ranges": no_ranges,
    }  # fmt: skip


def find_contradictions(model, options, batch):
    """Marks if the loss is not what it is called, or the gradients are not those of the loss: in float64, of a few."""
    exact = with_changes(options, dtype="float64")
    examples, labels = batch
    x, y = data.encode(examples[:IN_DOUBT], labels if labels is None else labels[:IN_DOUBT], exact)
    slopes = Slopes(copy_network(exact, model), main_np.compute_loss, x, y)
    loss, right = slopes.loss(), true_loss(slopes.logits(), y)
    where = "`python main_np.py --prove` says where it begins"
    if np.isfinite(right) and not abs(loss - right) <= 1e-9 * max(1, right):
        yield "loss", f"The loss is not the mean of -log p[y] ({where})", ""
    if slopes.has_wrong_gradients():
        yield "loss", f"The gradients are not those of the loss ({where})", ""


def find_unusual_output(a):
    """What is out of the ordinary in what a layer puts out, (B, ..., units): (what, a number)."""
    dead = (a.reshape(-1, a.shape[-1]) == 0).all(axis=0).mean()
    if not np.isfinite(a).all():
        yield "Not finite", ""
    elif dead > DEAD:
        yield "Units that are 0 for all images of the batch", f"{dead:.0%}"
    elif len(a) > 1 and (a == a[:1]).all():
        yield "The same for all images of the batch", ""
    elif a.shape[-1] > 1 and np.abs(a - a[..., :1]).max() < ALIKE * np.abs(a).max():
        yield "The same in all units (are their first weights alike?)", ""
    elif not SPREAD[0] < spread(a) < SPREAD[1]:
        yield "An unusual spread", f"{spread(a):.2g}"


def find_unusual_array(gradient, step, share=1):
    """The same of an array: the size of its gradient, its step in units of the weights. share: `Step.rate`."""
    if not np.isfinite(gradient):
        yield "A gradient that is not finite", ""
    elif gradient == 0:
        yield "No gradient arrives", ""
    if step is not None and not (STEP[0] * share < step < STEP[1]):
        yield "An unusual step, in units of the weights (the rule of thumb is 0.001)", f"{step:.1g}"


def describe_marks(marks):
    """A sentence for each kind of mark: what, where, and the number there."""
    kinds, sentences = {}, []
    for place, what, number in marks:
        kinds.setdefault(what, []).append(f"{place} {number}".strip())
    for what, places in kinds.items():
        more = f" and {len(places) - NAMED} more" * (len(places) > NAMED)
        where = "" if places == ["loss"] else f": {', '.join(places[:NAMED])}{more}"
        sentences.append(f"{what}{where}.")
    return sentences


def select_examples(x, labels, options):
    """A few examples as the network gets them, as pictures (n, h, w) or texts, and what each is called."""
    source, few = options.source, slice(SHOWN)
    return source.display(x[few], LETTERS), source.name_labels(labels if labels is None else labels[few])

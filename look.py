"""Look inside a trained network: an image's path through it, the gradient's path back, its weights, its mistakes.

`python look.py` takes a test image; `python look.py png/photo.jpg --label 5` takes a picture; a network that writes
digits writes one: `python look.py --weights learning_curves/checkpoint_gpt_np.npz --digit 7`. With --training, it looks
at a step of the training instead, layer by layer: of a checkpoint or, with any option of main_np.py, of the first steps
of that run. This file computes the numbers; support/inside.py draws them. NumPy runs the network, whichever framework
trained it.
"""

import sys
from pathlib import Path

from support import program

with program.needing("requirements-np.txt"):
    import numpy as np

    import data
    import main_np
    from layers_np import walk
    from loading.checkpoint import add_weights, newest
    from loading.checkpoint import load as load_network
    from loading.network import arrays_of, make
    from loading.options import parse_options, read
    from mlp_np import softmax, softmax_cross_entropy
    from support import drawing, inside, texts
    from support.checkpoint import say_if_apart
    from support.errors import UserError
    from support.files import check_output, open_folder
    from support.history import BELOW_ZERO
    from support.options import Parser, changed, integer, test_set_name
    from support.pictures import NONE
    from support.run import drawn_again, learning_rate, make_plan
    from support.slopes import Slopes, true_loss
    from vit_np import Patches

MOST = 64  # first-layer units to draw
WRONG = 24  # mistakes to draw
TEST, DIGIT = 247, 2  # the test image and the written digit that are looked at if none is asked for
IN_PART = 50  # images that the network reads at a time
OF_ALL = ("confusion", "mistakes")  # what is drawn of the answers to all test images


@np.errstate(over="raise", invalid="raise")  # one line if the weights are too large to compute with
def main(argv=None):
    parser = Parser(description=(__doc__ or "").split("\n")[0])
    add = parser.add_argument
    add("picture", nargs="?", help="a picture of one digit, as for predict.py; needs --label")
    add("--label", metavar="D", type=integer(0, 9), help="the digit in your picture, or the number of its class")
    add(
        "--test",
        metavar="N",
        type=integer(0, 9999),
        help=f"or: test image N (default: {TEST}, a 4 that looks like a 2)",
    )
    add_weights(parser)
    add("--digit", metavar="D", type=integer(0, 9), help=f"gpt: the digit that it is to write (default: {DIGIT})")
    which = (
        "the patch, or in a text the letter, whose attention to draw, counted row by row from 0 (default: vit, the one "
        "with the most ink; gpt, the one of which it was least sure)"
    )
    add("--patch", metavar="N", type=integer(0, 4095), help=which)
    add("--out", metavar="DIR", default="learning_curves", help="the folder for the pictures (default: %(default)s)")
    add_training(parser)
    argv = sys.argv[1:] if argv is None else [*argv]
    if any(word.partition("=")[0] == "--training" for word in argv) and not {"-h", "--help"} & {*argv}:
        return look_at_training(argv)
    arguments = parser.parse_args(argv)
    if arguments.picture and (arguments.label is None or arguments.test is not None):
        parser.error("a picture of your own needs --label (the digit in it) and takes no --test")
    if arguments.label is not None and not arguments.picture:
        parser.error("--label is for a picture of your own; a test image already has one")

    model, options, checkpoint = load_network(arguments.weights, writes=None if arguments.weights else False)
    say_if_apart(checkpoint.path)
    if options.network.writes:
        return look_at_writer(model, options, checkpoint, arguments)
    if arguments.digit is not None:
        parser.error("--digit is for a network that writes digits; name it with --weights")
    _, pictures, _ = INSIDE.get(options.model, (None, {}, None))
    count = (28 // options.patch) ** 2 if "attention" in pictures else 0
    if arguments.patch is not None and arguments.patch >= count:
        parser.error(f"--patch {arguments.patch}: " + (f"there are {count}, from 0" if count else "only a ViT has any"))
    out, name = open_folder(arguments.out), Path(checkpoint.path).stem.removeprefix("checkpoint_")
    files = {kind: out / f"{kind}_{name}.png" for kind in (*pictures, *["weights"] * bool(pictures), *OF_ALL)}
    for file in files.values():
        check_output("--out", file, ".png", checkpoint.path, arguments.picture)
    dataset, tested = data.load(options.source, options.hold_out), test_set_name(options)
    if arguments.picture:
        seen, y, what = options.source.read(arguments.picture), arguments.label, "your picture"
        if seen.problem:
            raise UserError(seen.problem)
        image = seen.image
    else:
        n = min(TEST, len(dataset.test_images) - 1) if arguments.test is None else arguments.test
        if n >= len(dataset.test_images):
            parser.error(f"--test {n}: there are {len(dataset.test_images)} {tested} images, from 0")
        image, y, what = dataset.test_images[n], int(dataset.test_labels[n]), f"{tested} image {n}"

    shown = options.source.called(y)
    figures = draw_test(model, options, dataset)
    if pictures:
        figures |= draw_inside(model, options, image, y, f"{shown}, {what}", arguments.patch)
    for kind, figure in figures.items():
        drawing.save(figure, files[kind])
    print(f"{options.network.title(options)} of {checkpoint.path}: {what}, {shown}")
    print(f"see {out}: {', '.join(file.name for file in files.values())}")


# --- What a network wrote ---------------------------------------------------------------------------------------------


def look_at_writer(model, options, checkpoint, arguments):
    """Have it write a digit, or a text, and draw what it thought. UserError if it writes names, or if a picture was
    named."""
    network, source = f"{options.network.title(options)} of {checkpoint.path}", options.source
    draw = source.pick(images=draw_digit, names=None, texts=draw_text)
    if draw is None:
        raise UserError(f"look.py draws digits and texts, and {network} writes names: write.py says what")
    if source.cut_by:
        raise UserError(f"look.py draws what it thought of each letter, and {network} writes words of many")
    if arguments.picture or arguments.test is not None:
        raise UserError(f"{network} writes, and reads no picture: --digit D asks it for one")
    if arguments.digit is not None and draw is draw_text:
        raise UserError(f"--digit is for a network that writes digits, and {network} writes texts")
    if arguments.patch is not None and arguments.patch >= source.places:
        raise UserError(f"--patch {arguments.patch}: there are {source.places}, from 0")
    out, name = open_folder(arguments.out), Path(checkpoint.path).stem.removeprefix("checkpoint_")
    file = out / f"written_{name}.png"
    check_output("--out", file, ".png", checkpoint.path)
    figure, shown = draw(model, options, arguments)
    drawing.save(figure, file)
    print(f"{network} has written {shown}")
    print(f"see {file}")
    return None


def draw_digit(model, options, arguments):
    """(the figure of a digit that the network writes, the digit in words)."""
    digit = DIGIT if arguments.digit is None else arguments.digit
    shown = options.source.called(digit)
    steps = gpt_steps(model, options, options.source.tokenizer.first([digit])) | {"vocabulary": texts.vocabulary()}
    steps["image"] = texts.images_of(steps["words"][np.newaxis])[0]
    if arguments.patch is not None:
        steps["place"] = arguments.patch
    return inside.written(steps, f"{options.network.title(options)}: it has written {shown}"), shown


def draw_text(model, options, arguments):
    """(the figure of a text that the network writes, its length in words)."""
    source = options.source
    shown = f"{source.places} letters"
    steps = gpt_steps(model, options, np.array([[texts.beginning(source)]])) | {"letters": source.letters}
    if arguments.patch is not None:
        steps["place"] = arguments.patch
    return inside.written_text(steps, f"{options.network.title(options)}: it has written {shown}"), shown


def gpt_steps(model, options, begun, temperature=0.8, seed=0):
    """What write.py has written, and what the network computes at each of its T places. begun: its first word (1, 1).

    {"words": (T,), those that were drawn; "p": (T, V), at the temperature 1; "perplexity": (T,), of each p;
    "attention": {"block 1": (h, T, T), ...}; "place": the one with the highest perplexity}.
    """
    words = np.stack([*model.write(begun, temperature, np.random.default_rng(seed))], axis=1)  # (1, T)
    p = softmax(model.forward(np.concatenate([begun, words[:, :-1]], axis=1))[0].astype(float))  # (T, V)
    perplexity = np.exp(-(p * np.log(np.maximum(p, 1e-300))).sum(axis=1))
    blocks = {f"block {i + 1}": f"blocks.{i}" for i in range(options.blocks)}
    return {
        "words": words[0],
        "p": p,
        "perplexity": perplexity,
        "attention": {block: model.layers[layer].layers["attention"].weights[0] for block, layer in blocks.items()},
        "place": int(perplexity.argmax()),
    }


# --- A training, layer by layer ---------------------------------------------------------------------------------------

FIRST, SHOWN, FEW = 20, 8, 128  # steps of a run that is only beginning; examples to draw; to compute with, of no batch
GUESS = 0.5, 2  # the first loss, in units of log K
INPUT = 0.05, 10  # the spread of the numbers that go in
SPREAD = 0.01, 100  # of what a layer puts out
LEAK = 0.01  # the share of the test images that may be known: a picture may come twice by chance
DEAD = 0.25  # the share of a layer's units that are 0 for all images of a batch
IN_DOUBT = 16  # examples of the loss whose slope is measured
ALIKE = 1e-4  # of the largest number: what differs by less, differs by rounding
STEP = 1e-5, 0.2  # a step, in units of the weights
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
        name, seen = f"{options.name}_first", first_steps(options, arguments.training or FIRST)
    else:
        options, checkpoint = read("np", arguments.weights or newest(None))
        say_if_apart(checkpoint.path)
        name, seen = Path(checkpoint.path).stem.removeprefix("checkpoint_"), last_step(options, checkpoint)
    file = open_folder(arguments.out) / f"training_{name}.png"
    check_output("--out", file, ".png", arguments.weights)
    title = options.network.title(options)
    given = "texts" if seen["labels"] is None else "labels"
    said = in_words(seen["marks"]) or [
        f"No number is out of the ordinary. Whether the {given} are right, only you can see."
    ]
    drawing.save(inside.training(seen, title, said), file)
    print(f"{title}, {seen['where']}", *said, f"see {file}", sep="\n")


def first_steps(options, steps):
    """What is seen of the first steps of the run with these options: at the last one with a loss that is finite.

    See `seen_at`.
    """
    dataset, (network, optimizer) = data.load(options.source, options.hold_out), main_np.build(options)
    plan, losses = make_plan(options, dataset.n_train), []
    for step, batch in enumerate(data.drawn(dataset, options, 0, min(steps, plan.steps))):
        lr, model = learning_rate(step, plan.steps, options), plain(options, network)
        x, y = data.encode(*batch, options)
        losses.append(float(main_np.train_step(network, optimizer, x, y, lr)[0]))
        if step and not np.isfinite(losses[-1]):
            break
        moved = {name: p - model.params[name] for name, p in network.params.items()}
        where = f"step {step + 1:,} of {plan.steps:,}, rate {lr:.2g} (at its highest {options.lr:g})"
        at = model, options, batch, moved, where, lr / options.lr
    seen = seen_at(*at, losses)
    guess, marks = np.log(seen["classes"]), unusual_draws(dataset, options, len(losses), plan)
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


def unusual_draws(dataset, options, steps, plan):
    """A mark if the batches of so many steps repeat examples within an epoch, or if test images are to be learned."""
    drawn = np.zeros(dataset.n_train, bool)
    dataset.mark(drawn, options, 0, steps)
    again = drawn_again(int(drawn.sum()), steps, plan, options)
    marks = [("x", again[0].upper() + again[1:], "")] if again else []
    if (share := dataset.known_tests()) > LEAK:
        marks.append(("x", f"Of the test images {share:.0%} are among the training images", ""))
    return marks


def last_step(options, checkpoint):
    """The same for a run that has left a checkpoint: its last batch again, with the weights as they are now.

    The step is taken at the run's highest rate, because at the end of a run the rate is 0; or, while the rate still
    rises, at the next one. A network that was trained by another program has no momentum, and drew its batches in
    another order: then it is the first 128 examples, and no step.
    """
    dataset, step = data.load(options.source, options.hold_out), checkpoint.history.step
    losses = [*checkpoint.history.numbers()["train_loss"]]
    if not all(checkpoint.groups.get(what) for what in options.rule.remembers):
        model, _, _ = load_network(checkpoint.path, writes=None)
        batch = dataset.train(slice(FEW))
        return seen_at(model, options, batch, {}, f"{len(batch[0])} training images", 1, losses)
    network, optimizer = main_np.build(options, checkpoint)
    model, batch = plain(options, network), next(iter(data.drawn(dataset, options, max(0, step - 1), max(1, step))))
    plan = make_plan(options, dataset.n_train)
    rises = step < plan.steps / 10
    lr = learning_rate(step, plan.steps, options) if rises else options.lr
    main_np.train_step(network, optimizer, *data.encode(*batch, options), lr)
    moved = {name: p - model.params[name] for name, p in network.params.items()}
    where = f"after {step:,} steps: the last batch again, rate {lr:g}" + " (the highest)" * (not rises)
    seen = seen_at(model, options, batch, moved, where, lr / options.lr, losses)
    seen["marks"] += unusual_draws(dataset, options, step, plan)
    return seen


def plain(options, network):
    """A copy of a network whose work nobody shares."""
    model = make("np", changed(options, autograd=False))
    for group, arrays in arrays_of(network).items():
        for name, array in arrays.items():
            arrays_of(model)[group][name][...] = array
    return model


class Noted:
    """In the place of an optimizer: it moves nothing, and keeps the gradients with which a step would."""

    def __init__(self, options):
        self.options = options

    def step(self, params, grads, lr):
        main_np.check_gradients(params, grads)
        self.grads = grads


def both_ways(model, options, batch):
    """(x, {layer: what it puts out}, {array: gradient}) of a batch (examples, labels), in training.

    The gradients are those of main_np.train_step. Of a network that is no list of layers, what its layers put out is
    what its `forward` leaves of each example.
    """
    x, y = data.encode(*batch, options)
    outputs, layers, noted, before = {}, getattr(model, "layers", {}), Noted(options), {**vars(model)}
    model.training = True
    for name, layer in layers.items():
        layer.forward = noting(outputs, name, layer.forward)
    if not layers:
        model.forward = left_by(model, model.forward, outputs, before)
    try:
        main_np.train_step(model, noted, x, y, options.lr)
    finally:
        for layer in layers.values() if layers else [model]:
            del layer.forward
    return x, outputs, noted.grads


def left_by(model, forward, outputs, before):
    """The same function, which notes what it leaves of each example on the model, and the logits."""

    def noted(x):
        logits = forward(x)
        left = {name: a for name, a in vars(model).items() if isinstance(a, np.ndarray) and a is not before.get(name)}
        outputs.update({name: a for name, a in left.items() if a.shape[:1] == x.shape[:1] and a.size != x.size})
        outputs["logits"] = logits
        return logits

    return noted


def noting(outputs, name, forward):
    """The same function, whose result is noted."""

    def noted(x):
        outputs[name] = forward(x)
        return outputs[name]

    return noted


def seen_at(model, options, batch, moved, where, share, losses):
    """What a training looks like at a batch (examples, labels).

    {"where": in words, "examples": pictures (n, h, w), "labels": (n,) words, or texts and None, "losses": of all steps
    so far, "classes": K, "layers": {name: {"spread", "zeros": the share that is 0}}, "arrays": {name: {"gradient": its
    root mean square, "step": that of its change, in units of the weights' own, or None, "is_vector"}}, "marks":
    [(place, what is out of the ordinary there, a number in words)]}.

    model: with the weights before the step. moved: {name: the change of its weights}, or {}. share: the rate of the
    step, in units of the highest.
    """
    x, outputs, gradients = both_ways(model, options, batch)
    layers, arrays, marks = {}, {}, []
    if x.dtype.kind == "f" and not INPUT[0] < spread(x) < INPUT[1]:
        marks.append(("x", "An unusual spread of what goes in", f"{spread(x):.2g}, around {x.mean():.2g}"))
    elif x.dtype.kind == "f" and abs(x.mean()) > 2 * spread(x):
        marks.append(("x", "An unusual mean of what goes in", f"{x.mean():.2g}, with a spread of {spread(x):.2g}"))
    paths, computed = getattr(model, "layers", {}), False  # computed: by weights. What goes in may well be 0
    for name, a in outputs.items():
        computed |= not paths or any(getattr(layer, "params", {}) for layer in walk({name: paths[name]}).values())
        layers[name] = {"spread": spread(a), "zeros": float((a == 0).mean())}
        marks += [(name, *mark) for mark in unusual_output(a) if computed]
    for name, p in model.params.items():
        step = size(moved[name]) / size(p) if moved and p.ndim > 1 and p.any() else None  # a bias begins at 0
        arrays[name] = {"gradient": size(gradients[name]), "step": step, "is_vector": p.ndim == 1}
        marks += [(name, *mark) for mark in unusual_array(size(gradients[name]), step, share)]
    marks += contradictions(model, options, batch)
    examples, labels = shown(x, batch[1], options)
    return {
        "where": where, "examples": examples, "labels": labels, "losses": losses,
        "classes": a.shape[-1], "layers": layers, "arrays": arrays, "marks": marks,
    }  # fmt: skip


def contradictions(model, options, batch):
    """Marks if the loss is not what it is called, or the gradients are not those of the loss: in float64, of a few."""
    exact = changed(options, dtype="float64")
    examples, labels = batch
    x, y = data.encode(examples[:IN_DOUBT], labels if labels is None else labels[:IN_DOUBT], exact)
    slopes = Slopes(plain(exact, model), main_np.compute_loss, x, y)
    loss, right = slopes.loss(), true_loss(slopes.logits(), y)
    where = "`python main_np.py --prove` says where it begins"
    if np.isfinite(right) and not abs(loss - right) <= 1e-9 * max(1, right):
        yield "loss", f"The loss is not the mean of -log p[y] ({where})", ""
    if slopes.contradicted():
        yield "loss", f"The gradients are not those of the loss ({where})", ""


def spread(array):
    """The standard deviation, in float64: squares may be too large for float32."""
    return float(np.std(array, dtype=float))


def size(array):
    """The root mean square."""
    return float(np.sqrt(np.mean(np.square(array, dtype=float))))


def unusual_output(a):
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


def unusual_array(gradient, step, share=1):
    """The same of an array: the size of its gradient, and of its step in units of the weights. share: see `seen_at`."""
    if not np.isfinite(gradient):
        yield "A gradient that is not finite", ""
    elif gradient == 0:
        yield "No gradient arrives", ""
    if step is not None and not (STEP[0] * share < step < STEP[1]):
        yield "An unusual step, in units of the weights (the rule of thumb is 0.001)", f"{step:.1g}"


def in_words(marks):
    """A sentence for each kind of mark: what, where, and the number there."""
    kinds, sentences = {}, []
    for place, what, number in marks:
        kinds.setdefault(what, []).append(f"{place} {number}".strip())
    for what, places in kinds.items():
        more = f" and {len(places) - NAMED} more" * (len(places) > NAMED)
        where = "" if places == ["loss"] else f": {', '.join(places[:NAMED])}{more}"
        sentences.append(f"{what}{where}.")
    return sentences


def shown(x, labels, options):
    """A few examples as the network gets them, as pictures (n, h, w) or texts, and what each is called."""
    source, few = options.source, slice(SHOWN)
    return source.display(x[few], LETTERS), source.name_labels(labels if labels is None else labels[few])


# --- One image, there and back -------------------------------------------------------------------------------------


def both_passes(model, options, image, y):
    """Forward and backward for one uint8 image (28, 28), whose true class is y.

    (steps, grads): {"image", "classes": their names, "loss", "logits": (10,), "p": (10,), "dlogits": (10,)}, and the
    model's gradients.
    """
    x, labels = data.encode(image[np.newaxis], np.array([y]), options)
    logits = model.forward(x)
    loss, dlogits = softmax_cross_entropy(logits, labels)
    rows = {"logits": logits, "p": softmax(logits), "dlogits": dlogits}
    known = {"image": image, "classes": options.source.classes, "loss": float(loss)}
    return known | {name: a[0] for name, a in rows.items()}, model.backward(dlogits)


def mlp_passes(model, options, image, y):
    """Everything that mlp_np.py computes for one image, by its name there: also {"z1": (H,), ..., "dW1": (784, H)}."""
    steps, grads = both_passes(model, options, image, y)
    return steps | {name: getattr(model, name)[0] for name in ("z1", "a1", "da1", "dz1")} | {"dW1": grads["W1"]}


def resnet_passes(model, options, image, y):
    """The same for a ResNet: the output of the stem and of each stage, and the gradient that returns to it.

    Also {"maps": {"stem": (14, 14, 16), ...}, "gradients": the same}. The network runs as in testing: batch
    normalisation uses the means and variances that it remembers.
    """
    steps, _ = both_passes(model, options, image, y)
    last = {f"stage {i + 1}": f"blocks.{(i + 1) * options.blocks - 1}" for i in range(len(options.widths))}
    shown = {"stem": "stem"} | last  # of each stage, its last block
    return steps | {
        "maps": {stage: model.layers[layer].y[0] for stage, layer in shown.items()},
        "gradients": {stage: model.gradients[layer][0] for stage, layer in shown.items()},
    }


def vit_passes(model, options, image, y):
    """The same for a ViT: every block's attention, and the gradient that returns to what stands between the layers.

    Also {"attention": {"block 1": (h, T, T), ...}, "gradients": {"embedded": (T, C), "block 1": (T, C), ...},
    "dx": (28, 28), "patch": the number of the one with the most ink}.
    """
    steps, _ = both_passes(model, options, image, y)
    ink = Patches(options.patch).forward(image[np.newaxis].astype(int))[0].sum(axis=1)
    blocks = {f"block {i + 1}": f"blocks.{i}" for i in range(options.blocks)}
    returned = {"embedded": "positions"} | blocks
    return steps | {
        "attention": {block: model.layers[layer].layers["attention"].weights[0] for block, layer in blocks.items()},
        "gradients": {place: model.gradients[layer][0] for place, layer in returned.items()},
        "dx": model.gradients["x"][0],
        "patch": int(ink.argmax()),
    }


# --- The first layer's weights: (the rest of a title, images (n, h, w), a label for each, a note) ---------------------


def mlp_weights(params, options):
    """Those of the units that matter most: with the largest outgoing weights, the largest first."""
    W1, W2, source = params["W1"], params["W2"], options.source
    most = np.argsort(-np.linalg.norm(W2, axis=1), kind="stable")[:MOST]
    shown = (
        f"all {len(W2)} units"
        if len(most) == len(W2)
        else f"the {len(most)} of {len(W2)} units whose weights W2 are largest"
    )
    note = (
        f"{shown}, and the {source.kind} that each speaks for most\n"
        "(fine noise: what is left of the weights before training)"
    )
    return ", W1", W1.T[most].reshape(-1, 28, 28), [f"for {source.classes[k]}" for k in W2[most].argmax(axis=1)], note


def resnet_weights(params, options):
    """Those of the stem, for each channel."""
    kernels = np.moveaxis(params["stem.conv.W"][:, :, 0], 2, 0)  # (C, 3, 3)
    return "", *first(kernels), f"the 3 x 3 weights of {counted(kernels)} of the stem"


def vit_weights(params, options):
    """Those of the embedding, for each channel."""
    kernels = params["embed.W"].T.reshape(-1, options.patch, options.patch)  # (C, size, size)
    return "", *first(kernels), f"what {counted(kernels)} of the embedding multiplies a patch by"


def first(kernels):
    """The kernels that are drawn, and their numbers."""
    return kernels[:MOST], range(len(kernels[:MOST]))


def counted(kernels):
    """Whose kernels these are, in words."""
    return "each channel" if len(kernels) <= MOST else f"each of the first {MOST} of {len(kernels)} channels"


# --- All test images --------------------------------------------------------------------------------------------------


def draw_test(model, options, dataset):
    """The figures of the network's answers to all test images."""
    labels, network, tested = dataset.test_labels, options.network.title(options), test_set_name(options)
    source = options.source
    p = np.concatenate([softmax(model.forward(x)) for x, _ in data.test_batches(dataset, options, IN_PART)])  # (N, 10)
    said, confidence = p.argmax(axis=1), p.max(axis=1)
    counts = np.bincount(10 * labels.astype(int) + said, minlength=100).reshape(10, 10)  # of (true class, answer)
    wrong = np.flatnonzero(said != labels)
    worst = wrong[np.argsort(-confidence[wrong], kind="stable")][:WRONG]
    right = f"{network} reads {len(labels) - len(wrong):,} of {len(labels):,} {tested} images right"
    most = f"its {len(wrong)} mistakes, the most confident first"
    most = {0: "no mistakes", 1: "its only mistake"}.get(len(wrong), most)
    if len(worst) < len(wrong):
        most = f"the {len(worst)} most confident of its {len(wrong)} mistakes"
    names = np.array(source.classes)
    shown = (of[worst] for of in (dataset.test_images, names[labels], names[said], confidence))
    there = 1 + max(n for n in range(10) if source.classes[n] != NONE or counts[:, n].any())
    confusion = inside.confusion(counts[:there, :there], right, source.classes[:there], source.kind)
    figures = confusion, inside.mistakes(*shown, f"{network}: {most}")
    return dict(zip(OF_ALL, figures, strict=True))


# What to draw of the inside of a network: one image's two passes, and the first layer's weights.
INSIDE = {
    "mlp": (mlp_passes, {"forward": inside.forward_pass, "backward": inside.backward_pass}, mlp_weights),
    "resnet": (resnet_passes, {"forward": inside.feature_maps, "backward": inside.feature_gradients}, resnet_weights),
    "vit": (vit_passes, {"attention": inside.attention, "backward": inside.patch_gradients}, vit_weights),
}
TITLES = {"forward": "{}, forward: {}", "backward": "{}, backward: {}", "attention": "{}: attention to {}"}


def draw_inside(model, options, image, y, what, patch=None):
    """The figures of one image and of the weights. patch: whose attention to draw, or None for that with most ink."""
    passes, pictures, weights = INSIDE[options.model]
    steps, network = passes(model, options, image, y), options.network.title(options)
    if patch is not None:
        steps["patch"] = patch
    figures = {kind: draw(steps, TITLES[kind].format(network, what), y) for kind, draw in pictures.items()}
    more, *shown = weights(model.params, options)
    return figures | {"weights": inside.weights(f"{network}: the first layer's weights{more}", *shown)}


if __name__ == "__main__":
    sys.exit(program.run(main))

"""The pictures of what happens inside a network: each function returns a figure."""

import math
import textwrap

import numpy as np
from matplotlib.colors import LinearSegmentedColormap, ListedColormap
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogLocator, NullLocator

from support.drawing import GRID, INK, MONO, TEST, TRAIN, aside, head, new_figure, powers_of_ten, style, style_axes
from support.rounding import probability

SIGNED = LinearSegmentedColormap.from_list("signed", [TEST, "white", TRAIN])  # below 0, 0, above 0
POSITIVE = LinearSegmentedColormap.from_list("positive", ["white", TRAIN])  # from 0
OUTLIERS = 0.002  # of the numbers may lie beyond a scale
OFF = ListedColormap(["#cfcfcf"])
WHOLE = (0, 28, 28, 0)  # where an image's pixels lie, so that larger cells can lie under them

MEANING = "blue: increasing it raises the loss\nred: lowers it"
FORWARD_RESNET = """stem    a0 = relu(norm(conv(x)))

block   a1 = relu(norm(conv(x)))
        z2 = norm(conv(a1)) + x  (the shortcut)
        y  = relu(z2), the x of the next block"""
BACKWARD_RESNET = f"""mean   every position: dmean / (H W)

block  dz2 = dy * (y > 0)
       dx  = from norm and conv
             + dz2  (the shortcut)

{MEANING}"""
FORWARD_VIT = """in each block and head, with x = norm1(stream):

q = x Wq + bq   k = x Wk   v = x Wv + bv
scores  = q @ k.T / √d
weights = softmax(scores)
mixed   = weights @ v

Below, row {patch} of weights: what the framed
patch takes from each patch. It adds up to 1."""
BACKWARD_VIT = """mean   every patch: dmean / T

block  du = dy + from norm2 and mlp
       dx = du + from norm1 and attention

The terms dy and du come back as they are:
the sums of the forward pass."""

# steps: what look.py found out about an image, by its names there; y: the true digit.


@style()
def prediction(seen, p, answer, names=range(10)):
    """What predict.py makes of a picture: what was given, what was taken for ink, what the network saw, and says.

    seen: as support.ink.see gives it; p (10,); answer in words; names: of the ten classes, here and below. If the
    picture is refused, it says why in place of an answer.
    """
    title = "no answer: " + seen.problem.partition(" in ")[0].rstrip(",") if seen.problem else answer
    figure = new_figure(10 + beyond(names), 3.8, title)
    given, ink, image, said = figure.subplots(1, 4, width_ratios=(3, 3, 3, 4))
    picture_axes(given, "what was given", " ").imshow(seen.picture, cmap="gray", vmin=0, vmax=255)
    picture_axes(ink, "what was taken for ink", " ").imshow(255 - seen.ink, cmap="gray", vmin=0, vmax=255)
    size = "28 x 28 pixels"
    picture_axes(image, "what it would be shown" if seen.problem else "what the network saw", size)
    image.imshow(seen.image, cmap="gray", vmin=0, vmax=255)
    if seen.problem:
        write(said, textwrap.fill(seen.problem.rpartition(": ")[2], 30))  # the first half is the title
    else:
        bars(said, p, "what it says", "probabilities", probability, names=names)
    return figure


@style()
def forward_pass(steps, title, y):
    """The forward pass of one image through an MLP, with the names and formulas of mlp_np.py.

    steps: {"image": (28, 28), "z1": (H,), "a1": (H,), "logits": (10,), "p": (10,), "loss"}.
    """
    figure = new_figure(8 + 2 * beyond(steps["classes"]), 7.2, title)
    above, below = figure.subfigures(2, 1, height_ratios=(5, 6))
    left, middle, right = above.subplots(1, 3)
    z1, a1 = steps["z1"], steps["a1"]
    show_pixels(left, steps)
    limit = largest(a1) if a1.any() else largest(z1)  # one unit far below 0 would make all that are on pale
    units(middle, z1, limit, f"{len(z1)} hidden units", "z1 = x W1 + b1")
    drawn = units(right, a1, limit, "their activations", "a1 = max(z1, 0)\ngrey: the unit is off", off=z1 <= 0)
    show_answer(below.subplots(1, 2), steps, "logits = a1 W2 + b2", y)
    scale(above, drawn, [middle, right], below=z1.min() < -limit)
    return figure


@style()
def backward_pass(steps, title, y):
    """The backward pass of the same image, from the loss back to W1.

    steps: {"dlogits": (10,), "da1": (H,), "dz1": (H,), "z1": (H,), "dW1": (784, H)}.
    """
    figure = new_figure(8 + beyond(steps["classes"]), 5.9, title)
    above, below = figure.subfigures(2, 1, height_ratios=(5, 3))
    left, middle, right = above.subplots(1, 3)
    show_dlogits(left, steps, y)
    dz1, limit = steps["dz1"], largest(steps["da1"])
    units(middle, steps["da1"], limit, "to the activations", "da1 = dlogits @ W2.T")
    formula = "dz1 = da1 * (z1 > 0)\ngrey: the unit is off"
    drawn = units(right, dz1, limit, "to the weighted sums", formula, off=steps["z1"] <= 0)
    scale(above, drawn, [middle, right])

    most = np.argsort(-np.abs(dz1), kind="stable")[: min(8, np.count_nonzero(dz1))]
    if not len(most):
        head(below, "and to the weights: nothing, because nothing comes to any weighted sum")
        return figure
    units_of = (
        "all units that it reaches" if len(most) == np.count_nonzero(dz1) else f"the {len(most)} most affected units"
    )
    head(below, f"and to the weights: {units_of}")
    show_signed(below, steps["dW1"].T[most].reshape(-1, 28, 28), [f"unit {unit}" for unit in most])
    below.supxlabel("dW1 = x.T @ dz1\n" + MEANING.replace("\n", "; "), fontsize=10, family=MONO)
    return figure


@style()
def feature_maps(steps, title, y):
    """The forward pass of one image through a ResNet: some channels of the stem and of every stage, and the logits.

    steps: {"image": (28, 28), "maps": {"stem": (14, 14, 16), ...}, "logits": (10,), "p": (10,), "loss"}.
    """
    maps = steps["maps"]
    figure = new_figure(8 + 2 * beyond(steps["classes"]), 1.9 + 1.4 * len(maps) + 3.2, title)
    above, middle, below = figure.subfigures(3, 1, height_ratios=(1.9, 1.4 * len(maps), 3))
    pixels, words = above.subplots(1, 2, width_ratios=(1, 4))
    show_pixels(pixels, steps)
    write(words, FORWARD_RESNET)
    rows_of_channels(middle, maps, maps, "{}: {} x {}, {} of its {} channels")
    show_answer(below.subplots(1, 2), steps, "logits = mean(y) W + b", y)
    return figure


@style()
def feature_gradients(steps, title, y):
    """The backward pass of the same image: the gradients that return to the same channels, from the last to the first.

    steps: {"maps", "gradients": {"stem": (14, 14, 16), ...} with the same names and shapes, "dlogits": (10,)}.
    """
    maps, backward = steps["maps"], dict(reversed(steps["gradients"].items()))
    figure = new_figure(8 + beyond(steps["classes"]), 3.2 + 1.4 * len(maps), title)
    above, middle = figure.subfigures(2, 1, height_ratios=(3, 1.4 * len(maps)))
    left, words = above.subplots(1, 2)
    show_dlogits(left, steps, y)
    write(words, BACKWARD_RESNET)
    rows_of_channels(middle, backward, maps, "d loss / d {}: {} x {}, the same {} of {} channels")
    return figure


def rows_of_channels(figure, arrays, maps, label):
    """For every name in arrays, {name: (H, W, C)}, a row of the 8 channels that are most active in maps[name]."""
    for part, (name, array) in zip(figure.subfigures(len(arrays), 1, squeeze=False).flat, arrays.items(), strict=True):
        height, width, channels = array.shape
        most = np.argsort(-maps[name].sum(axis=(0, 1)), kind="stable")[:8]
        head(part, label.format(name, height, width, len(most), channels))
        show_signed(part, np.moveaxis(array[..., most], 2, 0), most)


@style()
def attention(steps, title, y):
    """What one patch looks at, in every block and head (of more than 8, the first) of a ViT; and the logits.

    steps: {"image": (28, 28), "attention": {"block 1": (h, T, T), ...}, "patch", "logits": (10,), "p": (10,), "loss"}.
    "patch" is its number among the T.
    """
    patch, image = steps["patch"], steps["image"]
    blocks = {name: weights[:8, patch] for name, weights in steps["attention"].items()}  # (h, T)
    heads, patches = blocks["block 1"].shape
    columns = max(heads, 4)
    cell = 7.2 / columns
    figure = new_figure(8 + 2 * beyond(steps["classes"]), 2 + (cell + 0.5) * len(blocks) + 3.2, title)
    above, middle, below = figure.subfigures(3, 1, height_ratios=(2, (cell + 0.5) * len(blocks), 3))
    pixels, words = above.subplots(1, 2, width_ratios=(1, 3))
    show_patches(picture_axes(pixels, f"patch {patch}", "x"), np.zeros(patches), 1, image, patch, ink=0.9)
    write(words, FORWARD_VIT.format(patch=patch))
    for part, (name, rows) in zip(middle.subfigures(len(blocks), 1, squeeze=False).flat, blocks.items(), strict=True):
        head(part, f"{name}: what patch {patch} looks at")
        row = places(part, 1, columns, heads)
        for number, (axes, weights) in enumerate(zip(row, rows, strict=False), 1):
            drawn = show_patches(picture_axes(axes), weights, largest(rows), image, patch)
            axes.set_xlabel(f"head {number}", fontsize=9)
        scale(part, drawn, row)
    show_answer(below.subplots(1, 2), steps, "logits = mean(norm(stream)) W + b", y)
    return figure


@style()
def written(steps, title):
    """A digit that a GPT wrote: where it was unsure; for one patch, what was in the running, and what it looked at.

    steps: {"image": (28, 28), "words": (T,), "vocabulary": (V, 16), "p": (T, V), "perplexity": (T,),
    "attention": {"block 1": (h, T, T), ...}, "place": a number among the T}.
    """
    patch, image, p = steps["place"], steps["image"], steps["p"]
    # Row `patch` of the weights predicts that patch. Column 0 is the word of the digit, column j the patch j - 1.
    blocks = {name: weights[:8, patch] for name, weights in steps["attention"].items()}  # (h, T)
    heads = len(blocks["block 1"])
    columns = max(heads, 4)
    cell = 7.2 / columns
    figure = new_figure(8, 2.9 + 1.7 + (cell + 0.7) * len(blocks), title)
    above, middle, below = figure.subfigures(3, 1, height_ratios=(2.9, 1.7, (cell + 0.7) * len(blocks)))

    pixels, unsure = above.subplots(1, 2)
    none = np.zeros(len(p))
    show_patches(picture_axes(pixels, f"what it wrote; framed, patch {patch}", " "), none, 1, image, patch, ink=0.9)
    picture_axes(unsure, "how many patches were in the running", "perplexity of p, exp(-Σ p log p)")
    scale(above, show_patches(unsure, steps["perplexity"], steps["perplexity"].max(), image, patch), [pixels, unsure])

    head(middle, f"patch {patch}: the likeliest words, and the one that was drawn, framed")
    likely = [*p[patch].argsort(kind="stable")[:-8:-1]]
    likely += [word for word in [steps["words"][patch]] if word not in likely]
    for axes, word in zip(places(middle, 1, 8, len(likely)), likely, strict=False):
        picture_axes(axes, "", probability(p[patch, word]))
        axes.imshow(255 - steps["vocabulary"][word].reshape(4, 4), cmap="gray", vmin=0, vmax=255, extent=(0, 4, 4, 0))
        if word == steps["words"][patch]:
            for side in axes.spines.values():
                side.set(edgecolor=TEST, linewidth=2.5)

    for part, (name, rows) in zip(below.subfigures(len(blocks), 1, squeeze=False).flat, blocks.items(), strict=True):
        head(part, f"{name}: what it looked at to choose patch {patch}")
        row = places(part, 1, columns, heads)
        for number, (axes, weights) in enumerate(zip(row, rows, strict=False), 1):
            of_patches = np.append(weights[1:], 0)  # the last one is never in x
            drawn = show_patches(picture_axes(axes), of_patches, largest(rows[:, 1:]), image, patch)
            axes.set_xlabel(f"head {number}\nthe digit's word: {weights[0]:.2f}", fontsize=9)
        scale(part, drawn, row)
    return figure


@style()
def written_text(steps, title):
    """A text that a GPT wrote: where it was unsure; for one letter, what was in the running, and what it looked at.

    steps: {"letters": those of the text, "words": (T,), "p": (T, V), "perplexity": (T,),
    "attention": {"block 1": (h, T, T), ...}, "place": a number among the T}.
    """
    place, p, letters = steps["place"], steps["p"], steps["letters"]
    shown = [printed(letters[word]) for word in steps["words"]]
    # Row `place` of the weights predicts that letter. Column 0 is what the text began with, column j the letter j - 1.
    blocks = {name: weights[:8, place] for name, weights in steps["attention"].items()}  # (h, T)
    heads, lines = len(blocks["block 1"]), math.ceil(len(shown) / LINE)
    rows, columns = math.ceil(heads / 2), min(heads, 2)
    high = 0.5 + 0.22 * lines
    figure = new_figure(8, 1 + 0.3 * lines + 2 + (0.4 + rows * high) * len(blocks), title)
    parts = figure.subfigures(3, 1, height_ratios=(0.7 + 0.3 * lines, 2, (0.4 + rows * high) * len(blocks)))

    head(parts[0], f"how many letters were in the running (perplexity of p, exp(-Σ p log p)); framed, letter {place}")
    axes = picture_axes(parts[0].subplots())
    scale(parts[0], show_letters(axes, steps["perplexity"], steps["perplexity"].max(), shown, place, 11), axes)

    likely = [*p[place].argsort(kind="stable")[:-9:-1]]
    likely += [word for word in [steps["words"][place]] if word not in likely]
    axes = parts[1].subplots()
    drawn = [TEST if word == steps["words"][place] else TRAIN for word in likely]
    axes.bar(range(len(likely)), p[place, likely], color=drawn)
    axes.set_xticks(range(len(likely)), [printed(letters[word]) for word in likely], fontsize=12)
    axes.set_title(f"letter {place}: the likeliest, and in red the one that was drawn", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    for x, word in enumerate(likely):
        axes.text(x, p[place, word], probability(p[place, word]), ha="center", va="bottom", fontsize=9)
    axes.set_ylim(0, 1.15 * p[place].max())

    for part, (name, weights) in zip(
        parts[2].subfigures(len(blocks), 1, squeeze=False).flat, blocks.items(), strict=True
    ):
        head(part, f"{name}: what it looked at to choose letter {place}")
        grid = places(part, rows, columns, heads)
        for number, (axes, row) in enumerate(zip(grid, weights, strict=False), 1):
            of_letters = np.append(row[1:], 0)  # the last one is never in x
            cells = show_letters(picture_axes(axes), of_letters, largest(weights[:, 1:]), shown, place, 9)
            axes.set_xlabel(f"head {number}; what the text began with: {row[0]:.2f}", fontsize=9)
        scale(part, cells, grid)
    return figure


LINE = 16  # letters side by side


def printed(letter):
    """A letter as it is shown in a picture: what leaves no ink has a sign."""
    return {" ": "\N{OPEN BOX}", "\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}"}.get(letter, letter)


def show_letters(axes, values, limit, shown, framed, size):
    """A number for each letter of a text (T,) as a colour, full at `limit`, and the letters; a frame round one."""
    lines = math.ceil(len(values) / LINE)
    cells = np.append(values, np.zeros(lines * LINE - len(values))).reshape(lines, LINE)
    drawn = axes.imshow(cells, cmap=POSITIVE, vmin=0, vmax=limit, aspect="auto")
    for n, letter in enumerate(shown):
        line, column = divmod(n, LINE)
        axes.text(column, line, letter, ha="center", va="center", fontsize=size)
    line, column = divmod(framed, LINE)
    axes.add_patch(Rectangle((column - 0.5, line - 0.5), 1, 1, fill=False, edgecolor=TEST, linewidth=1.8))
    return drawn


@style()
def patch_gradients(steps, title, y):
    """The backward pass of the same image: how large a gradient returns to each patch, and to the pixels.

    steps: {"image", "gradients": {"embedded": (T, C), "block 1": (T, C), ...}, "dx": (28, 28), "dlogits": (10,)}.
    """
    backward = reversed(steps["gradients"].items())
    sizes = {name: np.linalg.norm(gradient, axis=1) for name, gradient in backward}
    rows = math.ceil(len(sizes) / 6)
    columns = max(math.ceil(len(sizes) / rows), 4)
    height = (7.0 / columns + 0.45) * rows
    figure = new_figure(8 + beyond(steps["classes"]), 3.2 + height + 3.6, title)
    above, middle, below = figure.subfigures(3, 1, height_ratios=(3, height + 0.4, 3.2))
    left, words = above.subplots(1, 2)
    show_dlogits(left, steps, y)
    write(words, BACKWARD_VIT)
    head(middle, "to what each block hands on, patch by patch: |d loss / d y|, over the channels")
    grid, limit = places(middle, rows, columns, len(sizes)), largest([*sizes.values()])
    for axes, (name, size) in zip(grid, sizes.items(), strict=False):
        drawn = show_patches(picture_axes(axes), size, limit, steps["image"])
        where = f"after {name}" if name != "embedded" else "before block 1"
        axes.set_xlabel(f"{where}\nup to {size.max():.2g}", fontsize=9)
    scale(middle, drawn, grid)
    pixels, gradient = below.subplots(1, 2)
    show_pixels(pixels, steps)
    picture_axes(gradient, "and to the pixels", "dx, where x is the image\n" + MEANING)
    scale(below, signed(gradient, steps["dx"], largest(steps["dx"])), [pixels, gradient])
    return figure


def show_patches(axes, values, limit, image, framed=None, ink=0.45):
    """A number for each patch of an image (T,) as a colour, full at `limit`; on top its ink, and a frame round one."""
    side = math.isqrt(len(values))
    drawn = axes.imshow(values.reshape(side, side), cmap=POSITIVE, vmin=0, vmax=limit, extent=WHOLE)
    axes.imshow(np.zeros((28, 28)), cmap="gray", alpha=image / 255 * ink, extent=WHOLE)
    if framed is not None:
        (row, column), size = divmod(framed, side), 28 / side
        axes.add_patch(Rectangle((column * size, row * size), size, size, fill=False, edgecolor=TEST, linewidth=1.8))
    return drawn


@style()
def weights(title, images, labels, note):
    """First-layer weights as images: (n, h, w), with a label under each."""
    rows, labels = math.ceil(len(images) / 8), folded(labels)
    figure = new_figure(8, (0.95 + more_lines(labels)) * rows + 1.2, title)
    show_signed(figure, images, labels, min(0.7, 2.4 / rows))
    figure.supxlabel(f"{note}\nblue: above 0, red: below 0", fontsize=10)
    return figure


@style()
def confusion(counts, title, names=range(10), kind="digit"):
    """How often each class was read as each: counts (K, K), the true classes down, the answers across.

    kind: what the classes are called.
    """
    figure = new_figure(8, 8, title)
    axes = figure.add_subplot()
    mistakes = counts * (1 - np.eye(len(counts), dtype=int))
    # Right answers are blue and mistakes red, each on its own scale; otherwise the mistakes would be too pale to see.
    shade = 0.35 * np.diag(np.diag(counts)) / largest(np.diag(counts)) - 0.8 * mistakes / largest(mistakes)
    axes.imshow(shade, cmap=SIGNED, vmin=-1, vmax=1)
    for true, said in np.argwhere(counts):
        weight = "bold" if true == said else "normal"
        axes.text(said, true, f"{counts[true, said]:,}", ha="center", va="center", fontsize=11, fontweight=weight)
    for axis, name in ((axes.xaxis, "what the network says"), (axes.yaxis, f"the true {kind}")):
        axis.set_label_text(name, fontsize=11)
        axis.set_ticks(range(len(counts)), names)
        axis.set_ticks(np.arange(0.5, len(counts) - 1), minor=True)
    axes.grid(which="minor")
    axes.tick_params(labelsize=11)
    if max(len(str(name)) for name in names) > 1:
        axes.tick_params("x", rotation=90)
    figure.supxlabel(
        "blue: read right, red: misread; the more images, the darker, each on a scale of its own", fontsize=10
    )
    axes.spines[:].set_visible(False)
    return figure


@style()
def mistakes(images, true, said, p, title):
    """Misread images (n, 28, 28), with the true classes, the answers and their probabilities."""
    rows = max(1, math.ceil(len(images) / 6))
    captions = folded(map("{} read as {}: {:.3f}".format, true, said, p), 18)
    figure = new_figure(8, (1.6 + more_lines(captions)) * rows + 0.7, title)
    for axes, image, caption in zip(places(figure, rows, 6, len(images)), images, captions, strict=False):
        picture_axes(axes, caption).imshow(image, cmap="gray_r", vmin=0, vmax=255)
    return figure


# --- A training -------------------------------------------------------------------------------------------------------

ROW = 0.24  # inches for a layer
ROOM = 0.1  # of a power of ten, so that no dot is cut by the end of its axis
FAR = 10  # times log K: a loss above that is drawn on a logarithmic axis


@style()
def training(seen, title, said):
    """A step of a training: a few examples, the loss so far, what each layer puts out, what each array gets.

    seen: as look.py's `seen_at` gives it; said: what is out of the ordinary, in sentences. Where it is, is red.
    """
    layers, rows, marked = seen["layers"], by_layer(seen["arrays"]), {place for place, *_ in seen["marks"]}
    lines = [line for sentence in said for line in textwrap.wrap(sentence, 90)]
    heights = [
        0.2 * len(lines) + 0.75,
        1.8 if seen["labels"] is None else 1.5 + more_lines(folded(seen["labels"])),
        2.0,
        ROW * len(layers) + 1.0,
        ROW * len(rows) + 1.0,
    ]
    figure = new_figure(8, sum(heights))
    top, above, middle, outputs, arrays = figure.subfigures(5, 1, height_ratios=heights)
    head(top, f"{title}\n{seen['where']}", 13)
    axes = top.subplots()
    axes.set_axis_off()
    color = TEST if marked else INK
    axes.text(0, 1, "\n".join(lines), transform=axes.transAxes, va="top", fontsize=11, color=color)
    show_examples(above, seen["examples"], seen["labels"])
    show_losses(middle.subplots(), np.array(seen["losses"]), seen["classes"])

    head(outputs, "what each layer puts out")
    left, right = outputs.subplots(1, 2, sharey=True)
    colors = [TEST if name in marked else TRAIN for name in layers]
    by_name(left, layers, "its spread (standard deviation)")
    sizes(left, [[(layer["spread"], False)] for layer in layers.values()], colors)
    by_name(right, layers, "the share of it that is 0")
    right.barh(range(len(layers)), [layer["zeros"] for layer in layers.values()], color=colors, height=0.5)
    right.set_xlim(0, 1)

    head(arrays, "what each array gets (rings: biases and other vectors)")
    left, right = arrays.subplots(1, 2, sharey=True)
    colors = [TEST if marked & {*names} else TRAIN for names in rows.values()]
    found = [[seen["arrays"][name] for name in names] for names in rows.values()]
    by_name(left, rows, "the size of its gradient")
    sizes(left, [[(array["gradient"], array["is_vector"]) for array in row] for row in found], colors)
    by_name(right, rows, "its step / its weights; dashed: 0.001")
    sizes(right, [[(array["step"], array["is_vector"]) for array in row] for row in found], colors, 1e-3)
    return figure


def by_layer(names):
    """The names of arrays, "blocks.0.first.W", by the layer that they belong to; "W1" is one for itself."""
    found = {}
    for name in names:
        found.setdefault(name.rpartition(".")[0] or name, []).append(name)
    return found


def by_name(axes, names, label):
    """Axes with a row for each name, the first at the top."""
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlabel=label)
    axes.grid(axis="x")
    axes.spines[:].set_visible(False)


def sizes(axes, rows, colors, rule=None):
    """Dots on a logarithmic axis: a row of (number, whether it is a ring) for each name. None, 0 and nan have no dot.

    rule: where a dashed line is.
    """
    drawn = [(y, value, ring) for y, row in enumerate(rows) for value, ring in row if value and np.isfinite(value)]
    values = [value for _, value, _ in drawn] + [rule] * bool(rule)
    powers_of_ten(axes.xaxis)
    axes.xaxis.set_major_locator(LogLocator(10, numticks=6))
    axes.xaxis.set_minor_locator(NullLocator())
    if values:
        low, high = math.log10(min(values)) - ROOM, math.log10(max(values)) + ROOM
        axes.set_xlim(10.0 ** math.floor(low), 10.0 ** math.ceil(high))
    for y, value, ring in drawn:
        axes.plot(value, y, "o", color=colors[y], markerfacecolor="white" if ring else colors[y], markersize=6)
    if rule:
        axes.axvline(rule, color=INK, linewidth=0.8, linestyle="--")


def show_losses(axes, losses, classes):
    """The loss of each step, and that of equal scores; a loss that is not finite has a place at the top."""
    style_axes(axes, "", "loss", f"steps; dashed: log {classes}, the loss of equal scores")
    steps, finite = np.arange(1, len(losses) + 1), np.isfinite(losses)
    axes.plot(steps[finite], losses[finite], ".-" if len(losses) < 60 else "-", color=TRAIN, linewidth=1.5)
    axes.axhline(np.log(classes), color=INK, linewidth=0.8, linestyle="--")
    if losses[finite].max(initial=0) > FAR * np.log(classes):
        powers_of_ten(axes.yaxis)
    else:
        low = 1.1 * losses[finite].min(initial=0)  # below 0 only if it is no cross-entropy
        axes.set_ylim(low, 1.1 * max(np.log(classes), losses[finite].max(initial=0)))
    for step in steps[~finite]:
        axes.plot(step, axes.get_ylim()[1], "x", color=TEST, clip_on=False)
        aside(axes, f"{losses[step - 1]:.3g}", (step, axes.get_ylim()[1]), -8, color=TEST)


def show_examples(figure, examples, labels):
    """The first examples of a batch, as the network gets them: pictures, or texts."""
    head(figure, "the first examples of the batch, as the network gets them")
    if labels is None:
        write(figure.subplots(), "\n".join(text.replace("\n", " ") for text in examples))
        return
    grid = places(figure, 1, len(examples), len(examples))
    for axes, picture, label in zip(grid, examples, folded(labels), strict=True):
        picture_axes(axes).imshow(picture, cmap="gray_r")
        axes.set_xlabel(label, fontsize=9)


# --- What these pictures are made of ----------------------------------------------------------------------------------


def beyond(names):
    """Inches that the longest of these names, beside bars, takes beyond those that a digit would."""
    return 0.085 * max(0, max(len(str(name)) for name in names) - 6)


def folded(labels, width=11):
    """The labels in lines, which stand under or over pictures side by side."""
    return [textwrap.fill(str(label), width) for label in labels]


def more_lines(labels):
    """Inches that such labels take beyond those of one line."""
    return 0.15 * max((label.count("\n") for label in labels), default=0)


def show_pixels(axes, steps):
    picture_axes(axes, "pixels", "x").imshow(steps["image"], cmap="gray_r", vmin=0, vmax=255)


def show_answer(both, steps, formula, y):
    """Logits and probabilities as bars, on two axes."""
    bars(both[0], steps["logits"], "logits", formula, plain(".1f"), y, steps["classes"])
    true = name if len(name := str(steps["classes"][y])) < 10 else "y"
    loss = f"p = softmax(logits)\nloss = -log p[{true}] = {steps['loss']:.3g}"
    name = str(steps["classes"][steps["p"].argmax()])
    said = "probabilities: read as " + ("\n" * (len(name) > 9)) + name
    bars(both[1], steps["p"], said, loss, probability, y, steps["classes"])


def show_dlogits(axes, steps, y):
    formula = "dlogits = (p - onehot(y)) / B\n(one image: B = 1)"
    bars(axes, steps["dlogits"], "from the loss to the logits", formula, plain(".2g"), y, steps["classes"])


def write(axes, text):
    """Text in place of a picture."""
    axes.set_axis_off()
    axes.text(0, 0.5, text, transform=axes.transAxes, va="center", fontsize=10, family=MONO)


def plain(form):
    """A function that puts a number into this form; what rounds to 0 has no sign."""
    return lambda value: said if float(said := format(value, form)) else said.removeprefix("-")


def places(figure, rows, columns, used):
    """Axes row by row, of which only the first `used` show."""
    found = list(figure.subplots(rows, columns, squeeze=False).flat)
    for axes in found[used:]:
        axes.set_axis_off()
    return found


def picture_axes(axes, title="", formula=""):
    """Axes for a picture: no ticks, a thin frame, its formula under it."""
    axes.set_title(title, fontsize=11 if formula else 9)
    axes.set_xlabel(formula, fontsize=10, family=MONO)
    axes.set(xticks=[], yticks=[])
    return axes


def signed(axes, array, limit):
    """Numbers as colours: blue above 0, white at 0, red below, full colour at plus and minus `limit`."""
    return axes.imshow(array, cmap=SIGNED, vmin=-limit, vmax=limit, interpolation="nearest")


def show_signed(figure, images, labels, shrink=0.7):
    """Numbers as colours in pictures (n, h, w), eight in a row, on one scale, with a label under each.

    The scale ends where all but OUTLIERS of the numbers do: a single one would make the others pale. If none is below
    0, it begins there.
    """
    grid, sizes = places(figure, math.ceil(len(images) / 8), 8, len(images)), np.abs(images)
    limit = float(np.quantile(sizes, 1 - OUTLIERS)) or largest(images)
    how = {"cmap": SIGNED, "vmin": -limit} if np.min(images) < 0 else {"cmap": POSITIVE, "vmin": 0}
    for axes, image, label in zip(grid, images, labels, strict=False):
        drawn = picture_axes(axes).imshow(image, vmax=limit, interpolation="nearest", **how)
        axes.set_xlabel(label, fontsize=9, labelpad=2)
    scale(figure, drawn, grid, shrink, np.min(images) < -limit, np.max(images) > limit)


def units(axes, values, limit, title, formula, off=None):
    """A number for each hidden unit (H,) as a cell of a square, row by row; grey where `off` is true."""
    drawn = signed(picture_axes(axes, title, formula), square(values), limit)
    axes.patch.set(hatch="/////", edgecolor=GRID)  # where there is no unit
    if off is not None:
        axes.imshow(square(np.where(off, 0.0, np.nan)), cmap=OFF, interpolation="nearest")
    return drawn


def square(values):
    """(H,) as the rows of a square; the last row is filled up with NaN, which shows what lies behind."""
    side = math.ceil(math.sqrt(len(values)))
    return np.pad(values, (0, -len(values) % side), constant_values=np.nan).reshape(-1, side)


def scale(figure, drawn, axes, shrink=0.7, below=False, above=False):
    """The colours of `drawn` as a bar beside the axes, its ends and 0 marked. below, above: there is less, or more."""
    ticks = np.unique([0, *drawn.get_clim()])
    bar = figure.colorbar(drawn, ax=axes, ticks=ticks, shrink=shrink, aspect=14, pad=0.02)
    labels = [f"{value:.2g}".ljust(5, "\u2007") for value in ticks]  # as wide in each row
    labels[0], labels[-1] = "≤ " * bool(below) + labels[0], "≥ " * bool(above) + labels[-1]
    bar.ax.set_yticklabels(labels, fontsize=9)
    bar.outline.set_visible(False)


def bars(axes, values, title, formula, label, y=None, names=range(10)):
    """A number for each class as a bar, which `label` puts in words; the true class's name is bold."""
    picture_axes(axes, title, formula)
    axes.barh(range(10), values, color=np.where(np.asarray(values) < 0, TEST, TRAIN), height=0.7)
    low, high = min(0, *values), max(0, *values)
    room = (high - low or 1) * 0.09 * max(len(label(value)) for value in values)  # for the numbers
    axes.set(xlim=(low - room * (low < 0), high + room), ylim=(9.6, -0.6))
    axes.set_yticks(range(10), names)
    for digit, value in enumerate(values):
        aside(axes, label(value), (value, digit), -3 if value < 0 else 3, fontsize=9)
    axes.axvline(0, color=INK, linewidth=0.8)
    if y is not None:
        axes.get_yticklabels()[y].set_fontweight("bold")
    axes.spines[:].set_visible(False)


def largest(array):
    """The largest absolute value, to scale by, or 1 if that is 0."""
    return float(np.abs(array).max(initial=0)) or 1.0

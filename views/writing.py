"""Pictures of what a network generates, of its uncertainty, and of its attention."""

import math

import numpy as np
from matplotlib.patches import Rectangle

from support.drawing import BLUE, RED, add_title, new_figure, plot_style
from support.rounding import format_probability
from views.parts import (
    POSITIVE_COLORMAP,
    add_scale,
    largest,
    make_axes,
    style_picture_axes,
)
from views.passes import show_patches


@plot_style()
def draw_generated_digit(intermediates, title):
    """Return a figure of a digit that a GPT wrote, with the perplexity of each patch.

    For one patch, it shows the likeliest tokens, and the attention when that patch was predicted. intermediates:
    {"image": (28, 28), "token_ids": (T,), "vocabulary": (V, 16), "p": (T, V), "perplexity": (T,), "attention": {"block
    1": (h, T, T), ...}, "position": the index of that patch, 0 to T - 1}.
    """
    patch = intermediates["position"]
    image = intermediates["image"]
    p = intermediates["p"]
    # Row `patch` of the weights predicts that patch. Column 0 is the digit's token, column j the patch j - 1.
    blocks = {name: weights[:8, patch] for name, weights in intermediates["attention"].items()}  # (h, T)
    heads = len(blocks["block 1"])
    columns = max(heads, 4)
    cell = 7.2 / columns
    figure = new_figure(8, 2.9 + 1.7 + (cell + 0.7) * len(blocks), title)
    top, middle, bottom = figure.subfigures(3, 1, height_ratios=(2.9, 1.7, (cell + 0.7) * len(blocks)))

    pixels, unsure_axes = top.subplots(1, 2)
    no_values = np.zeros(len(p))
    show_patches(
        style_picture_axes(pixels, f"what it wrote; framed, patch {patch}", " "),
        no_values,
        1,
        image,
        patch,
        ink=0.9,
    )
    style_picture_axes(unsure_axes, "how many patches were likely", "perplexity of p, exp(-Σ p log p)")
    add_scale(
        top,
        show_patches(unsure_axes, intermediates["perplexity"], intermediates["perplexity"].max(), image, patch),
        [pixels, unsure_axes],
    )

    add_title(middle, f"patch {patch}: the likeliest tokens, and the one that was drawn, framed")
    likely = [*p[patch].argsort(kind="stable")[:-8:-1]]
    likely += [word for word in [intermediates["token_ids"][patch]] if word not in likely]
    for axes, word in zip(make_axes(middle, 1, 8, len(likely)), likely, strict=False):
        style_picture_axes(axes, "", format_probability(p[patch, word]))
        axes.imshow(
            255 - intermediates["vocabulary"][word].reshape(4, 4), cmap="gray", vmin=0, vmax=255, extent=(0, 4, 4, 0)
        )
        if word == intermediates["token_ids"][patch]:
            for side in axes.spines.values():
                side.set(edgecolor=RED, linewidth=2.5)

    for part, (name, rows) in zip(bottom.subfigures(len(blocks), 1, squeeze=False).flat, blocks.items(), strict=True):
        add_title(part, f"{name}: its attention when it chose patch {patch}")
        row = make_axes(part, 1, columns, heads)
        for number, (axes, weights) in enumerate(zip(row, rows, strict=False), 1):
            patch_weights = np.append(weights[1:], 0)  # the last one is never in x
            artist = show_patches(style_picture_axes(axes), patch_weights, largest(rows[:, 1:]), image, patch)
            axes.set_xlabel(f"head {number}\nthe digit's token: {weights[0]:.2f}", fontsize=9)
        add_scale(part, artist, row)
    return figure


@plot_style()
def draw_generated_text(intermediates, title):
    """Return a figure of a text that a GPT wrote, with the perplexity of each letter.

    For one letter, it shows the likeliest letters, and the attention when that letter was predicted. intermediates:
    {"letters": the letter of each token id, "token_ids": (T,), "p": (T, V), "perplexity": (T,), "attention":
    {"block 1": (h, T, T), ...}, "position": the index of that letter, 0 to T - 1}.
    """
    position = intermediates["position"]
    p = intermediates["p"]
    letters = intermediates["letters"]
    visible_letters = [make_visible(letters[word]) for word in intermediates["token_ids"]]
    # Row `position` of the weights predicts that letter. Column 0 is the prompt, column j the letter j - 1.
    blocks = {name: weights[:8, position] for name, weights in intermediates["attention"].items()}  # (h, T)
    heads = len(blocks["block 1"])
    lines = math.ceil(len(visible_letters) / LETTERS_PER_LINE)
    rows = math.ceil(heads / 2)
    columns = min(heads, 2)
    high = 0.5 + 0.22 * lines
    figure = new_figure(8, 1 + 0.3 * lines + 2 + (0.4 + rows * high) * len(blocks), title)
    parts = figure.subfigures(3, 1, height_ratios=(0.7 + 0.3 * lines, 2, (0.4 + rows * high) * len(blocks)))

    add_title(parts[0], f"how many letters were likely (perplexity of p, exp(-Σ p log p)); framed, letter {position}")
    axes = style_picture_axes(parts[0].subplots())
    add_scale(
        parts[0],
        show_letters(
            axes, intermediates["perplexity"], intermediates["perplexity"].max(), visible_letters, position, 11
        ),
        axes,
    )

    likely = [*p[position].argsort(kind="stable")[:-9:-1]]
    likely += [word for word in [intermediates["token_ids"][position]] if word not in likely]
    axes = parts[1].subplots()
    colors = [RED if word == intermediates["token_ids"][position] else BLUE for word in likely]
    axes.bar(range(len(likely)), p[position, likely], color=colors)
    axes.set_xticks(range(len(likely)), [make_visible(letters[word]) for word in likely], fontsize=12)
    axes.set_title(f"letter {position}: the likeliest, and in red the one that was drawn", fontsize=11)
    axes.spines[["top", "right"]].set_visible(False)
    for x, word in enumerate(likely):
        axes.text(x, p[position, word], format_probability(p[position, word]), ha="center", va="bottom", fontsize=9)
    axes.set_ylim(0, 1.15 * p[position].max())

    for part, (name, weights) in zip(
        parts[2].subfigures(len(blocks), 1, squeeze=False).flat, blocks.items(), strict=True
    ):
        add_title(part, f"{name}: its attention when it chose letter {position}")
        grid = make_axes(part, rows, columns, heads)
        for number, (axes, row) in enumerate(zip(grid, weights, strict=False), 1):
            letter_weights = np.append(row[1:], 0)  # the last one is never in x
            cells = show_letters(
                style_picture_axes(axes), letter_weights, largest(weights[:, 1:]), visible_letters, position, 9
            )
            axes.set_xlabel(f"head {number}; what the text began with: {row[0]:.2f}", fontsize=9)
        add_scale(part, cells, grid)
    return figure


LETTERS_PER_LINE = 16


def make_visible(letter):
    """Return a letter as a picture shows it: a space and a line feed become visible signs."""
    return {" ": "\N{OPEN BOX}", "\n": "\N{DOWNWARDS ARROW WITH CORNER LEFTWARDS}"}.get(letter, letter)


def show_letters(axes, values, limit, letters, framed_letter, size):
    """Draw the values (T,) of a text's letters as colours, and the letters over them. Return matplotlib's image.

    limit: the value of full colour. framed_letter: the index of the letter that gets a frame. size: the font's size.
    """
    lines = math.ceil(len(values) / LETTERS_PER_LINE)
    cells = np.append(values, np.zeros(lines * LETTERS_PER_LINE - len(values))).reshape(lines, LETTERS_PER_LINE)
    artist = axes.imshow(cells, cmap=POSITIVE_COLORMAP, vmin=0, vmax=limit, aspect="auto")
    for n, letter in enumerate(letters):
        line, column = divmod(n, LETTERS_PER_LINE)
        axes.text(column, line, letter, ha="center", va="center", fontsize=size)
    line, column = divmod(framed_letter, LETTERS_PER_LINE)
    axes.add_patch(Rectangle((column - 0.5, line - 0.5), 1, 1, fill=False, edgecolor=RED, linewidth=1.8))
    return artist

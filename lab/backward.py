"""An animation of both passes of one digit and of the step that follows: `python -m lab.backward` -> png/backward.gif.

The network is that of lab/film.py after its last step; the digit is the first of the test set that it misreads. Every
bar and every pixel shows a number that mlp_np.py computed.
"""

import sys
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from lab import film
    from lab.figures import FRAME_GREY, GREY, FigurePage
    from lab.results import ROOT
    from loading.options import parse_options
    from main_np import update
    from mlp_np import MLP, softmax, softmax_cross_entropy
    from support.drawing import BLUE, INK, MONO, RED, plot_style
    from support.options import Parser
    from views.parts import SIGNED_COLORMAP

HEIGHT = 560
LR = 0.001
# y of the columns' ends
COLUMN_TOP = 112
COLUMN_BOTTOM = 528
N_TRANSITION_FRAMES = 6  # between two stages
FRAME_MILLISECONDS = {"moving": 80, "standing": 2300, "last": 4500}


def compute_passes():
    """Compute both passes of one digit and the step that follows. Return {name: array}, without the batch axis."""
    options = parse_options("np", *film.RUN_OPTIONS)
    dataset = data.load()
    *_, last_state = film.iter_states(options, dataset)
    model = MLP(options.run.hidden, dtype=np.float64)
    model.params = {name: p.astype(np.float64) for name, p in last_state.params.items()}
    index = np.flatnonzero(last_state.predictions != dataset.test_labels)[0]
    y = dataset.test_labels[index : index + 1].astype(np.int64)
    x = data.scale_pixels(dataset.test_images[index : index + 1], options).astype(np.float64)
    logits = model.forward(x)
    loss, dlogits = softmax_cross_entropy(logits, y)
    grads = model.backward(dlogits)
    values = {name: getattr(model, name)[0] for name in ("z1", "a1", "da1", "dz1")}
    values |= {
        "image": dataset.test_images[index],
        "y": y[0],
        "p": softmax(logits)[0],
        "loss": loss,
        "dlogits": dlogits[0],
    }
    values |= {name: p.copy() for name, p in model.params.items()} | {f"d{name}": g for name, g in grads.items()}
    velocity = {name: np.zeros_like(p) for name, p in last_state.params.items()}
    update(model.params, velocity, grads, LR, momentum=0.0)
    logits = model.forward(x)
    return values | {"new_p": softmax(logits)[0], "new_loss": softmax_cross_entropy(logits, y)[0]}


class NamedArray(NamedTuple):
    array: np.ndarray
    name: str


class Stage(NamedTuple):
    """What the animation shows at one stage."""

    heading: str
    formula: str
    hidden_bars: NamedArray  # (16,), bars of the hidden units, from -1 to 1
    answer_bars: NamedArray  # (10,), bars of the digits
    layer1: NamedArray  # (784, 16), the weights of the first layer, or their gradient
    layer2: NamedArray  # (16, 10), those of the second


def list_stages(values):
    """Return all `Stage`s. values: what `compute_passes` returns."""
    no_bars = NamedArray(np.zeros(16), "")
    answer = NamedArray(np.zeros(10), "")
    W1, W2, dW1, dW2 = (NamedArray(values[name], name) for name in ("W1", "W2", "dW1", "dW2"))
    # Bars are scaled so that the longest is 1.
    z1, a1 = (NamedArray(values[name] / np.abs(values["z1"]).max(), name) for name in ("z1", "a1"))
    da1, dz1 = (NamedArray(values[name] / np.abs(values["da1"]).max(), name) for name in ("da1", "dz1"))
    p = NamedArray(values["p"], "p")
    dlogits = NamedArray(values["dlogits"], "dlogits")
    new_answer = NamedArray(values["new_p"], "p")
    loss, new_loss = (f"{values[name]:.2f}" for name in ("loss", "new_loss"))
    digit = values["y"]
    prediction = values["p"].argmax()
    return [
        Stage("Forward", "z1 = x W1 + b1", z1, answer, W1, W2),
        Stage("Forward", "a1 = max(z1, 0)", a1, answer, W1, W2),
        Stage("Forward", f"p = softmax(a1 W2 + b2): it says {prediction}", a1, p, W1, W2),
        Stage("Forward", f"loss = -log p[{digit}] = {loss}: it is a {digit}", a1, p, W1, W2),
        Stage("Backward", "dlogits = p - onehot(y)", a1, dlogits, W1, W2),
        Stage("Backward", "dW2 = a1.T dlogits", a1, dlogits, W1, dW2),
        Stage("Backward", "da1 = dlogits W2.T", da1, dlogits, W1, W2),
        Stage("Backward", "dz1 = da1 * (z1 > 0)", dz1, dlogits, W1, W2),
        Stage("Backward", "dW1 = x.T dz1", dz1, dlogits, dW1, dW2),
        Stage("Step", f"weights - {LR} gradient: loss {new_loss}", no_bars, new_answer, W1, W2),
    ]


@plot_style()
def render_frame(image, stage):
    """Return the frame of the animation with a `Stage`, as an RGB image. image (28, 28): the network's input."""
    page = FigurePage(HEIGHT, "")
    heading_color = RED if stage.heading == "Backward" else INK
    page.draw_text((26, 36, stage.heading), size=27, weight="bold", ha="left", color=heading_color)
    page.draw_text((774, 36, stage.formula.replace("-", "−")), size=24, family=MONO, ha="right")
    names = (300, 88, stage.hidden_bars.name), (474, 88, stage.layer2.name), (690, 88, stage.answer_bars.name)
    page.draw_text((101, 88, "x"), *names, size=22, family=MONO)
    page.draw_pixels(image, 26, COLUMN_TOP, 150)
    page.draw_text((122, 290, stage.layer1.name), size=22, family=MONO)
    limit = 0.4 * np.abs(stage.layer1.array).max()
    for unit, array in enumerate(stage.layer1.array.T):
        film.draw_weights(page, array, 26 + 50 * (unit % 4), 312 + 55 * (unit // 4), 46, limit)
    limit = np.abs(stage.layer2.array).max()
    extent = (400, 548, COLUMN_BOTTOM, COLUMN_TOP)
    page.axes.imshow(
        stage.layer2.array, SIGNED_COLORMAP, vmin=-limit, vmax=limit, extent=extent, aspect="auto", zorder=2
    )
    page.draw_box(400, COLUMN_TOP, 148, COLUMN_BOTTOM - COLUMN_TOP, fill="none", edge=FRAME_GREY, corner=0)
    draw_bars(page, stage.hidden_bars.array, 300, 68)
    draw_bars(page, stage.answer_bars.array, 690, 84, has_names=True)
    return film.render_page_as_image(page)


def draw_bars(page, values, x, max_length, has_names=False):
    """Draw a column of horizontal bars, to the right of x for positive values and to the left for negative ones.

    max_length: the length of a bar for 1. has_names: write the index of its row beside each bar.
    """
    height = (COLUMN_BOTTOM - COLUMN_TOP) / len(values)
    for row, value in enumerate(max_length * values):
        y = COLUMN_TOP + row * height
        if has_names:
            page.draw_text((586, y + height / 2, str(row)), size=21, family=MONO, color=GREY)
        if value:
            page.draw_box(
                x + min(value, 0), y + 3, abs(value), height - 6, BLUE if value > 0 else RED, "none", corner=0
            )
    page.axes.plot((x, x), (COLUMN_TOP, COLUMN_BOTTOM), color=GREY, linewidth=1)


def iter_frames_and_durations(values):
    """Yield (frame, milliseconds) of the animation."""
    old_hidden = np.zeros(16)
    old_answer = np.zeros(10)
    for stage in list_stages(values):
        new_hidden = stage.hidden_bars.array
        new_answer = stage.answer_bars.array
        is_still = np.array_equal(old_hidden, new_hidden) and np.array_equal(old_answer, new_answer)
        fractions = [1] if is_still else np.linspace(0, 1, N_TRANSITION_FRAMES + 1)[1:]
        for fraction in fractions:
            hidden_bars = stage.hidden_bars._replace(array=old_hidden + fraction * (new_hidden - old_hidden))
            answer_bars = stage.answer_bars._replace(array=old_answer + fraction * (new_answer - old_answer))
            time = "standing"
            if fraction < 1:
                time = "moving"
            elif stage.heading == "Step":
                time = "last"
            current_stage = stage._replace(hidden_bars=hidden_bars, answer_bars=answer_bars)
            yield render_frame(values["image"], current_stage), FRAME_MILLISECONDS[time]
        old_hidden = new_hidden
        old_answer = new_answer


def main():
    Parser(description=__doc__).parse_args()
    frames, times = zip(*iter_frames_and_durations(compute_passes()), strict=True)
    film.save_film(frames, times, ROOT / "png" / "backward.gif")


if __name__ == "__main__":
    sys.exit(program.run(main))

"""An animation of a network that learns, from its first step on: `python -m lab.film` -> png/learning.gif.

The run is `python main_np.py --hidden 16 --init geohot --epochs 1`. Its small first weights make it easy to see what
emerges in them. The digits are simply the first twelve of the test set.
"""

import io
import sys
from typing import NamedTuple

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np
    from matplotlib.colors import to_rgb
    from PIL import Image

    import data
    import main_np
    from lab.figures import FRAME_GREY, GREY, NOTE_STYLE, FigurePage
    from lab.results import ROOT
    from loading.options import parse_options
    from support.drawing import BLUE, GRID, INK, RED, plot_style
    from support.files import atomic_write
    from support.options import Parser
    from support.schedule import learning_rate, make_plan
    from views.parts import SIGNED_COLORMAP

RUN_OPTIONS = ("--hidden", 16, "--init", "geohot", "--epochs", 1)
WIDTH_PIXELS = 800
HEIGHT = 560  # in the units of `Page`
MAX_FRAMES = 48
N_SHADES = 12
FRAME_MILLISECONDS = {"still": 600, "first": 1200, "each": 160, "last": 1800}


def choose_frame_steps(n_steps):
    """Return the numbers of the steps that get a frame: at first every step, then fewer and fewer.

    n_steps: the number of steps of the run.
    """
    return sorted({0, *np.geomspace(1, n_steps, MAX_FRAMES - 1).round().astype(int).tolist()})


class State(NamedTuple):
    """A network during its training."""

    step: int  # how many steps it has taken
    losses: list  # of these steps
    params: dict
    predictions: np.ndarray  # for the test images


def iter_states(options, dataset):
    """Train, and yield the network's `State` at each step that gets a frame."""
    plan = make_plan(options, len(dataset.train_images))
    network, optimizer = main_np.build(options)
    frame_steps = choose_frame_steps(plan.steps)
    losses = []
    x = data.scale_pixels(dataset.test_images, options)
    batches = data.batches(dataset, options, 0, plan.steps)
    for step in range(plan.steps + 1):
        if step in frame_steps:
            params = {name: p.copy() for name, p in network.params.items()}
            yield State(step, list(losses), params, network.forward(x).argmax(axis=1))
        if step < plan.steps:
            lr = learning_rate(step, plan.steps, options)
            losses.append(float(main_np.train_step(network, optimizer, *next(batches), lr)[0]))


@plot_style()
def render_frame(state, dataset, limit, n_steps):
    """Return the frame of the animation with a `State` of the network, as an RGB image.

    limit: the weight whose colour is the darkest; n_steps: the number of steps of the run.
    """
    page = FigurePage(HEIGHT, "")
    large_text = {"size": 21}
    losses = state.losses
    accuracy = np.mean(state.predictions == dataset.test_labels)
    page.draw_text((26, 36, "A network learns to read"), size=27, weight="bold", ha="left")
    page.draw_text((774, 36, f"step {state.step}"), size=27, ha="right")
    page.draw_text((26, 88, "weights of its 16 hidden units"), ha="left", **large_text)
    for unit, array in enumerate(state.params["W1"].T):
        draw_weights(page, array, 26 + 91 * (unit % 4), 110 + 91 * (unit // 4), 84, limit)

    page.draw_text((424, 88, "loss"), ha="left", **large_text)
    page.draw_text(
        (774, 88, f"{losses[-1]:.2f}" if losses else ""), ha="right", color=BLUE, weight="bold", **large_text
    )
    page.axes.plot((424, 774), (226, 226), color=GRID, linewidth=1.5)
    page.axes.plot(compute_x(np.arange(1, len(losses) + 1), n_steps), 226 - 122 * np.minimum(losses, 2.6) / 2.6,
                   color=BLUE, linewidth=3)  # fmt: skip
    for tick in (1, 10, 100, n_steps):
        page.draw_text(
            (compute_x(tick, n_steps), 243, str(tick)),
            size=17,
            ha="right" if tick == n_steps else "center",
            **NOTE_STYLE,
        )

    page.draw_text((424, 278, "its answers"), ha="left", **large_text)
    for n, (image, true, answer) in enumerate(
        zip(dataset.test_images[:12], dataset.test_labels, state.predictions, strict=False)
    ):
        x = 424 + 59.6 * (n % 6)
        y = 296 + 92 * (n // 6)
        page.draw_pixels(image, x, y, 52)
        if answer != true:
            page.draw_box(x, y, 52, 52, fill="none", edge=RED, line=3, corner=0)
        page.draw_text((x + 26, y + 70, str(answer)), size=22, color=BLUE if answer == true else RED, weight="bold")
    page.draw_text((26, 504, f"It reads {accuracy:.0%} of 10,000 test images right."), ha="left", **large_text)
    page.draw_box(26, 524, 748, 20, fill="white", edge=FRAME_GREY, corner=0)
    page.draw_box(26, 524, max(748 * accuracy, 1), 20, fill=BLUE, edge="none", corner=0)
    return render_page_as_image(page)


def draw_weights(page, array, x, y, size, limit):
    """Draw the weights of a hidden unit (784,).

    Colours show the square roots of their sizes, so that small ones are visible.
    """
    roots = np.sign(array) * np.sqrt(np.abs(array))
    root_limit = np.sqrt(limit)
    page.axes.imshow(roots.reshape(28, 28), SIGNED_COLORMAP, vmin=-root_limit, vmax=root_limit,
                     extent=(x, x + size, y + size, y), aspect="auto", interpolation="nearest", zorder=2)  # fmt: skip
    page.draw_box(x, y, size, size, fill="none", edge=FRAME_GREY, line=0.8, corner=0)


def compute_x(step, n_steps):
    """Return the x of a step on the loss axis, which is logarithmic, as is the choice of frames."""
    return 424 + 350 * np.log(step) / np.log(n_steps)


def render_page_as_image(page):
    """Return a page as an RGB image."""
    content = io.BytesIO()
    page.figure.savefig(content, format="png", dpi=WIDTH_PIXELS / page.figure.get_figwidth())
    return Image.open(content).convert("RGB")


def make_palette_image():
    """Return an image whose palette has the animation's colours: shades from white to each of four colours."""
    shades = np.linspace(0, 1, N_SHADES)[:, np.newaxis]
    colors = [1 - shades * (1 - np.array(to_rgb(color))) for color in (BLUE, RED, INK, GREY)]
    image = Image.new("P", (1, 1))
    image.putpalette((255 * np.concatenate(colors)).round().astype(np.uint8).tobytes())
    return image


def save_film(frames, times, path):
    """Write frames as a GIF that repeats, atomically. times: how long each frame is shown, in milliseconds.

    All frames share one palette, so that parts that do not change take no space. Viewers without animation show the
    first frame.
    """
    first_frame, *other_frames = (
        frame.quantize(palette=make_palette_image(), dither=Image.Dither.NONE) for frame in frames
    )
    with atomic_write(path) as file:
        first_frame.save(file, "GIF", save_all=True, append_images=other_frames, duration=times, loop=0)


def main():
    Parser(description=__doc__).parse_args()
    options = parse_options("np", *RUN_OPTIONS)
    dataset = data.load()
    states = list(iter_states(options, dataset))
    last_state = states[-1]
    limit = 0.2 * np.abs(last_state.params["W1"]).max()
    frames = [render_frame(state, dataset, limit, last_state.step) for state in states]
    times = [
        FRAME_MILLISECONDS["still"],
        FRAME_MILLISECONDS["first"],
        *[FRAME_MILLISECONDS["each"]] * (len(frames) - 2),
        FRAME_MILLISECONDS["last"],
    ]
    save_film([frames[-1], *frames], times, ROOT / "png" / "learning.gif")


if __name__ == "__main__":
    sys.exit(program.run(main))

"""Both passes of one digit, and the step that follows: `python -m lab.backward` -> png/backward.gif.

The network is that of lab/film.py after its last step; the digit is the first of the test set that it misreads. Every
bar and every pixel is a number that mlp_np.py computed.
"""

import sys

from support import program

with program.import_guard("requirements-np.txt"):
    import numpy as np

    import data
    from lab import film
    from lab.figures import FRAME, GREY, Page
    from lab.results import ROOT
    from loading.options import parse_options
    from main_np import update
    from mlp_np import MLP, softmax, softmax_cross_entropy
    from support.drawing import INK, MONO, TEST, TRAIN, plot_style
    from support.options import Parser
    from views.parts import SIGNED

HEIGHT, LR = 560, 0.001
TOP, BOTTOM = 112, 528  # of the columns
MOVES = 6  # frames of a movement
TIMES = {"moving": 80, "standing": 2300, "last": 4500}  # milliseconds


def compute_passes():
    """What there is to see of one digit: {name: array}, without the axis of the batch."""
    options, dataset = parse_options("np", *film.OPTIONS), data.load()
    *_, (_, _, params, answers) = film.iter_states(options, dataset)
    model = MLP(options.run.hidden, dtype=np.float64)
    model.params = {name: p.astype(np.float64) for name, p in params.items()}
    n = np.flatnonzero(answers != dataset.test_labels)[0]
    y = dataset.test_labels[n : n + 1].astype(np.int64)
    x = data.to_input(dataset.test_images[n : n + 1], options).astype(np.float64)
    logits = model.forward(x)
    loss, dlogits = softmax_cross_entropy(logits, y)
    grads = model.backward(dlogits)
    found = {name: getattr(model, name)[0] for name in ("z1", "a1", "da1", "dz1")}
    found |= {"image": dataset.test_images[n], "y": y[0], "p": softmax(logits)[0], "loss": loss, "dlogits": dlogits[0]}
    found |= {name: p.copy() for name, p in model.params.items()} | {f"d{name}": g for name, g in grads.items()}
    update(model.params, {name: np.zeros_like(p) for name, p in params.items()}, grads, LR, momentum=0.0)
    logits = model.forward(x)
    return found | {"new_p": softmax(logits)[0], "new_loss": softmax_cross_entropy(logits, y)[0]}


def list_stages(of):
    """(heading, formula, hidden, answer, first, second): what each stage shows, each but the first two with its name.

    hidden: the bars of the hidden units (16,), from -1 to 1; answer: those of the ten digits; first (784, 16) and
    second (16, 10): the weights of the two layers, or their gradients.
    """
    nothing, answer = (np.zeros(16), ""), (np.zeros(10), "")
    W1, W2, dW1, dW2 = ((of[name], name) for name in ("W1", "W2", "dW1", "dW2"))
    z1, a1 = ((of[name] / np.abs(of["z1"]).max(), name) for name in ("z1", "a1"))  # a bar of 1 is as long as can be
    da1, dz1 = ((of[name] / np.abs(of["da1"]).max(), name) for name in ("da1", "dz1"))
    p, dlogits, new = (of["p"], "p"), (of["dlogits"], "dlogits"), (of["new_p"], "p")
    loss, after = (f"{of[name]:.2f}" for name in ("loss", "new_loss"))
    digit, said = of["y"], of["p"].argmax()
    return [
        ("Forward", "z1 = x W1 + b1", z1, answer, W1, W2),
        ("Forward", "a1 = max(z1, 0)", a1, answer, W1, W2),
        ("Forward", f"p = softmax(a1 W2 + b2): it says {said}", a1, p, W1, W2),
        ("Forward", f"loss = -log p[{digit}] = {loss}: it is a {digit}", a1, p, W1, W2),
        ("Backward", "dlogits = p - onehot(y)", a1, dlogits, W1, W2),
        ("Backward", "dW2 = a1.T dlogits", a1, dlogits, W1, dW2),
        ("Backward", "da1 = dlogits W2.T", da1, dlogits, W1, W2),
        ("Backward", "dz1 = da1 * (z1 > 0)", dz1, dlogits, W1, W2),
        ("Backward", "dW1 = x.T dz1", dz1, dlogits, dW1, dW2),
        ("Step", f"weights - {LR} gradient: loss {after}", nothing, new, W1, W2),
    ]


@plot_style()
def draw_frame(of, heading, formula, hidden, answer, first, second):
    """One picture: an RGB image."""
    page, back = Page(HEIGHT, ""), heading == "Backward"
    page.draw_text((26, 36, heading), size=27, weight="bold", ha="left", color=TEST if back else INK)
    page.draw_text((774, 36, formula.replace("-", "−")), size=24, family=MONO, ha="right")
    page.draw_text(
        (101, 88, "x"), (300, 88, hidden[1]), (474, 88, second[1]), (690, 88, answer[1]), size=22, family=MONO
    )
    page.draw_pixels(of["image"], 26, TOP, 150)
    page.draw_text((122, 290, first[1]), size=22, family=MONO)
    for unit, array in enumerate(first[0].T):
        film.draw_weights(page, array, 26 + 50 * (unit % 4), 312 + 55 * (unit // 4), 46, 0.4 * np.abs(first[0]).max())
    most = np.abs(second[0]).max()
    page.axes.imshow(second[0], SIGNED, vmin=-most, vmax=most, extent=(400, 548, BOTTOM, TOP), aspect="auto", zorder=2)
    page.draw_box(400, TOP, 148, BOTTOM - TOP, fill="none", edge=FRAME, corner=0)
    draw_bars(page, hidden[0], 300, 68)
    draw_bars(page, answer[0], 690, 84, names=True)
    return film.render_page(page)


def draw_bars(page, values, x, most, names=False):
    """A column of bars, to the right of x where a value is positive, to the left where it is negative. most: the length
    of a bar for 1."""
    height = (BOTTOM - TOP) / len(values)
    for n, value in enumerate(most * values):
        y = TOP + n * height
        if names:
            page.draw_text((586, y + height / 2, str(n)), size=21, family=MONO, color=GREY)
        if value:
            page.draw_box(
                x + min(value, 0), y + 3, abs(value), height - 6, TRAIN if value > 0 else TEST, "none", corner=0
            )
    page.axes.plot((x, x), (TOP, BOTTOM), color=GREY, linewidth=1)


def iter_frames(of):
    """(frame, milliseconds), ..."""
    old = np.zeros(16), np.zeros(10)
    for heading, formula, *bars, first, second in list_stages(of):
        new, names = zip(*bars, strict=True)
        moves = any(not np.array_equal(a, b) for a, b in zip(old, new, strict=True))
        for part in np.linspace(0, 1, MOVES + 1)[1:] if moves else [1]:
            between = [(a + part * (b - a), name) for a, b, name in zip(old, new, names, strict=True)]
            time = "moving" if part < 1 else "last" if heading == "Step" else "standing"
            yield draw_frame(of, heading, formula, *between, first, second), TIMES[time]
        old = new


def main():
    Parser(description=__doc__).parse_args()
    frames, times = zip(*iter_frames(compute_passes()), strict=True)
    film.save_film(frames, times, ROOT / "png" / "backward.gif")


if __name__ == "__main__":
    sys.exit(program.run(main))

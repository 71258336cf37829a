"""The README's pictures: nothing clipped or overlapping, and what they say is what the code does."""

import inspect
import re
from itertools import combinations, product
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image
from test_plot import assert_legible

import mlp_np
from conftest import ROOT
from lab import figures, shapes
from predict import softmax

SVG = "{http://www.w3.org/2000/svg}"
SVGS = sorted((ROOT / "png").glob("*.svg"))


@pytest.mark.parametrize("function", figures.HEIGHTS, ids=lambda function: function.__name__)
def test_texts_are_legible_and_the_file_is_light_and_the_committed_one(function, tmp_path):
    figure = figures.draw(function)
    assert_legible(figure, margin=12 * figure.dpi / 72, size=11)
    shapes.save(figure, tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size < 200_000
    committed = ROOT / "png" / f"{function.__name__}.png"
    with Image.open(tmp_path / "one.png") as image, Image.open(committed) as committed:
        assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
        # Another version of matplotlib smooths letters in another way; another picture differs by more.
        assert committed.size == image.size
        new, old = (np.asarray(one.convert("L").reduce(8)).astype(int) for one in (image, committed))
        assert np.abs(new - old).max() < 64


MEASURED = """[...document.querySelectorAll("rect, text")].map((e) => {
    const { left, top, right, bottom } = e.getBoundingClientRect(), style = getComputedStyle(e);
    const string = e.tagName === "text" ? e.textContent : "";
    return [string, parseFloat(style.fontSize), style.fill, left, top, right, bottom];
}).filter(([, , , left, , right]) => left < right)"""


@pytest.fixture(scope="module")
def blank(browser):
    page = browser.new_page()
    yield page
    page.close()


@pytest.mark.parametrize("path", SVGS, ids=lambda path: path.stem)
def test_an_svg_is_legible_everywhere(path, blank):
    """On a dark page by its white card, in words for a screen reader, no text too small, or on another or an edge."""
    root = ElementTree.parse(path).getroot()
    assert root.get("role") == "img" and root.get("aria-labelledby").split() == [root[0].get("id"), root[1].get("id")]
    assert root[0].text and len(root[1].text) > 40
    assert not {element.tag.removeprefix(SVG) for element in root.iter()} & {"script", "foreignObject", "image"}
    blank.set_content(path.read_text(encoding="utf-8"))
    (_, _, fill, *card), *others = blank.evaluate(MEASURED)
    texts = [other for other in others if other[0]]
    rects = [("a box", *where) for string, _, _, *where in others if not string]
    assert fill == "rgb(255, 255, 255)"
    for string, size, _, left, top, right, bottom in texts:
        assert size >= 11 and card[0] + 10 <= left and card[1] + 10 <= top, string
        assert right <= card[2] - 10 and bottom <= card[3] - 10, string
    for (one, _, _, *a), (other, *b) in [*combinations(texts, 2), *product(texts, rects)]:
        a, b = np.reshape(a, (2, 2)), np.reshape(b[-4:], (2, 2))
        apart = (a[1] <= b[0] + (1, 4)).any() or (b[1] <= a[0] + (1, 4)).any()  # rows may be close
        inside = other == "a box" and (b[0] <= a[0]).all() and (a[1] <= b[1]).all()
        assert apart or inside, (one, other)


def graph(name):
    """{node: [what its group says besides its name]} of a computation graph, {pass: ...} as the SVG has them."""
    groups = ElementTree.parse(ROOT / "png" / f"{name}.svg").iter(f"{SVG}g")
    nodes = [g for g in groups if "node" in g.get("class", "")]
    return {node.get("id"): [text.text for text in node.iter(f"{SVG}text")] for node in nodes}


def test_the_formulas_are_those_of_the_code_and_right():
    """Worked out as the picture shows them, they give what mlp_np.py gives, in the shapes that the picture shows."""
    B, H, rng = 4, 6, np.random.default_rng(0)
    x, y = rng.normal(size=(B, 784)), rng.integers(10, size=B)
    model = mlp_np.MLP(hidden=H, dtype=np.float64)
    logits = model.forward(x)
    loss, dlogits = mlp_np.softmax_cross_entropy(logits, y)
    right = {f"d{name}": dp for name, dp in model.backward(dlogits).items()}
    right |= {"dlogits": dlogits, "da1": model.da1, "dz1": model.dz1}
    names = {"x": x, "z1": model.z1, "a1": model.a1, "logits": logits, "p": softmax(logits), "y": y, "B": B, "H": H}
    names |= model.params | {"onehot": lambda y: np.eye(10)[y]}
    assert loss == pytest.approx(-np.log(names["p"][range(B), y]).mean())

    forward, both = graph("backprop_forward"), graph("backprop")
    assert {name: texts[:3] for name, texts in forward.items()} == {n: both[n] for n in both if n not in right}
    assert right.keys() < both.keys() and all(name == texts[0] for name, texts in both.items())
    for name, (_, *formula, shape) in both.items():
        if name in right:  # each uses only what stands before it
            assert f'("{name}", "{formula[0]}", ' in inspect.getsource(mlp_np)
            names[name] = eval(formula[0], {}, names)
            assert names[name] == pytest.approx(right[name], rel=1e-9, abs=1e-15), name
        elif formula and name != "x":
            assert f" {name} = {formula[0]} " in mlp_np.__doc__.replace("\n", " ")
        assert name == "loss" or names[name].shape == eval(shape, {}, names), name


def test_the_throws_are_what_practice_makes_of_them():
    """The analogy: a rule of two numbers, a step against the gradient of half the squared miss after each throw."""
    baskets, b, w, rate, h, ends, angle = (4.0, 5.5, 7.0), 5.2, 0.15, 0.05, 1e-4, [], np.deg2rad(28)

    def landing(speed, hand=1.0, rim=0.28, g=9.81):
        across, up = speed * np.cos(angle), speed * np.sin(angle)
        return across * (up + np.sqrt(up**2 + 2 * g * (hand - rim))) / g

    for rounds, found in [(0, baskets), (20, (4.0, 4.75, 5.5, 7.0))]:
        for distance in baskets * rounds:
            speed = b + w * (distance - 5.5)
            slope = (landing(speed + h) - landing(speed - h)) / (2 * h)
            step = rate * (landing(speed) - distance) * slope
            b, w = b - step, w - step * (distance - 5.5)
        ends += [92 * landing(b + w * (distance - 5.5)) for distance in found]  # 92 points are a metre
    throws = [g for g in ElementTree.parse(ROOT / "png/analogy.svg").iter(f"{SVG}g") if "throw" in g.get("class", "")]
    assert [float(g.find(f"{SVG}circle").get("cx")) for g in throws] == pytest.approx(ends, abs=0.1)
    for path, end in zip((g.find(f"{SVG}path").get("d") for g in throws), ends, strict=True):
        numbers = [float(number) for number in re.findall(r"-?[\d.]+", path)]
        handle = [end / 2, -92 - np.tan(angle) * end / 2]  # of a parabola, as a quadratic curve
        assert numbers == pytest.approx([0, -92, *handle, end, -92 * 0.28], abs=0.1)


def test_the_drawn_convolution_is_right_and_answers_no_question_of_the_lesson():
    x, W, dy = np.pad(figures.IMAGE, 1), figures.KERNEL, figures.GRADIENT
    read = {at: x[at[0] : at[0] + 3, at[1] : at[1] + 3] for at in np.ndindex(dy.shape)}  # each neighbourhood
    y = np.array([(read[at] * W).sum() for at in read]).reshape(dy.shape)
    dW, dx = sum(read[at] * dy[at] for at in read), np.zeros_like(x)
    for i, j in read:
        dx[i : i + 3, j : j + 3] += dy[i, j] * W
    # Row by row, as the drawing has them: x with its border, W, y; dy, two neighbourhoods, dW, W twice, dx.
    tables = [x, W, y, dy, read[1, 2], read[2, 1], dW, W, W, dx[1:-1, 1:-1]]
    shown = [text.get_text() for text in figures.draw(figures.convolution).axes[0].texts]
    numbers = [string.replace("−", "-") for string in shown if re.fullmatch(r"−?\d", string)]
    assert [int(number) for number in numbers] == [n for table in tables for n in table.flat]
    lesson = (ROOT / "docs/resnet.md").read_text(encoding="utf-8")
    assert not [table for table in (figures.IMAGE, W, dy, dW, dx) if str(table.tolist()) in lesson]

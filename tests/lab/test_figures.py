"""The README's pictures: nothing clipped or overlapping, and what they say is what the code does."""

import inspect
import re
from itertools import combinations
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


@pytest.fixture(scope="module")
def drawn():
    """Every figure, drawn once."""
    return {name: draw() for name, draw in figures.FIGURES.items()}


def strings(figure):
    return [text.get_text() for text in figure.axes[0].texts]


@pytest.mark.parametrize("name", figures.FIGURES)
def test_texts_are_legible_and_the_file_is_light_and_the_committed_one(name, drawn, tmp_path):
    point = drawn[name].dpi / 72  # a pixel, as the README shows it
    assert_legible(drawn[name], margin=12 * point, size=11)
    shapes.save(drawn[name], tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size < 200_000
    with Image.open(tmp_path / "one.png") as image, Image.open(ROOT / "png" / f"{name}.png") as committed:
        assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
        # Another version of matplotlib smooths letters in another way; another picture differs by more.
        assert committed.size == image.size
        new, old = (np.asarray(one.convert("L").reduce(8)).astype(int) for one in (image, committed))
        assert np.abs(new - old).max() < 64


@pytest.fixture
def written(browser):
    """[(string, size, left, top, right, bottom)] of the texts in an SVG, and of the card that they stand on."""

    def read(path):
        page = browser.new_page()
        page.set_content(path.read_text(encoding="utf-8"))
        found = page.evaluate("""[...document.querySelectorAll(".card, text")].map((e) => {
            const { left, top, right, bottom } = e.getBoundingClientRect(), style = getComputedStyle(e);
            return [e.textContent, parseFloat(style.fontSize), left, top, right, bottom]})""")
        page.close()
        return found

    return read


@pytest.mark.parametrize("path", SVGS, ids=lambda path: path.stem)
def test_an_svg_is_legible_everywhere(path, written):
    """On a dark page by its white card, in words for who does not see it, and with no text on another or too small."""
    root = ElementTree.parse(path).getroot()
    assert root.get("role") == "img" and root.get("aria-labelledby").split() == [root[0].get("id"), root[1].get("id")]
    assert root[0].text and len(root[1].text) > 40
    assert not {element.tag.removeprefix(SVG) for element in root.iter()} & {"script", "foreignObject", "image"}
    (_, _, *card), *texts = written(path)
    for string, size, left, top, right, bottom in texts:
        assert size >= 11 and card[0] + 10 <= left and card[1] + 10 <= top, string
        assert right <= card[2] - 10 and bottom <= card[3] - 10, string
    for (one, _, *a), (other, _, *b) in combinations(texts, 2):
        apart = a[2] <= b[0] + 1 or b[2] <= a[0] + 1 or a[3] <= b[1] + 3 or b[3] <= a[1] + 3  # rows may be close
        assert apart, (one, other)


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


def test_practice_makes_the_throws_land_in_the_baskets():
    def misses(rounds, baskets):
        return [abs(figures.landing(figures.throw(d, *figures.practice(rounds))) - d) for d in baskets]

    assert min(misses(0, figures.BASKETS)) > 0.5
    assert max(misses(20, (*figures.BASKETS, 4.75))) < 0.15  # a basket's rim is 0.23 metres from its middle


def test_the_drawn_convolution_is_right_and_answers_no_question_of_the_lesson(drawn):
    x, W, dy = np.pad(figures.IMAGE, 1), figures.KERNEL, figures.GRADIENT
    read = {at: x[at[0] : at[0] + 3, at[1] : at[1] + 3] for at in np.ndindex(dy.shape)}  # each neighbourhood
    y = np.array([(read[at] * W).sum() for at in read]).reshape(dy.shape)
    dW, dx = sum(read[at] * dy[at] for at in read), np.zeros_like(x)
    for i, j in read:
        dx[i : i + 3, j : j + 3] += dy[i, j] * W
    # Row by row, as the drawing has them: x with its border, W, y; dy, two neighbourhoods, dW, W twice, dx.
    tables = [x, W, y, dy, read[1, 2], read[2, 1], dW, W, W, dx[1:-1, 1:-1]]
    shown = strings(drawn["convolution"])
    numbers = [string.replace("−", "-") for string in shown if re.fullmatch(r"−?\d", string)]
    assert [int(number) for number in numbers] == [n for table in tables for n in table.flat]
    lesson = (ROOT / "docs/resnet.md").read_text(encoding="utf-8")
    assert not [table for table in (figures.IMAGE, W, dy, dW, dx) if str(table.tolist()) in lesson]


def test_the_command_draws_what_it_is_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(figures, "FIGURES", dict.fromkeys(("one", "two"), figures.FIGURES["applications"]))
    for folder, *names in (["all"], ["new/one", "one", "one"]):
        monkeypatch.setattr("sys.argv", ["figures.py", *names, "--out", str(tmp_path / folder)])
        figures.main()
    found = sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.glob("**/*.png"))
    assert found == ["all/one.png", "all/two.png", "new/one/one.png"]

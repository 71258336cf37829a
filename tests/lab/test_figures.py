"""The README's pictures: nothing clipped or overlapping, and what they say is what the code does."""

import inspect
import re

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.patches import BoxStyle, FancyBboxPatch
from PIL import Image

import data
import mlp_np
from conftest import ROOT, assert_one_line
from lab import figures, shapes
from support import augment

DRAWN = pytest.mark.parametrize("name", figures.FIGURES)


@pytest.fixture(scope="module")
def drawn():
    """Every figure, drawn once."""
    found = {name: draw() for name, draw in figures.FIGURES.items()}
    for figure in found.values():
        FigureCanvasAgg(figure).draw()
    return found


def texts(figure):
    """Every text with the rectangle that it fills, without the white that some have around them."""
    renderer = figure.canvas.get_renderer()
    shown = [*figure.texts, *(text for axes in figure.axes for text in axes.texts)]
    return [(text, text.get_window_extent(renderer)) for text in shown]


def strings(figure):
    return [text.get_text() for text, _ in texts(figure)]


@DRAWN
def test_texts_are_large_inside_the_picture_and_apart(name, drawn):
    found, margin = texts(drawn[name]), 12 * drawn[name].dpi / 72
    assert len(found) >= 8
    for i, (text, box) in enumerate(found):
        assert text.get_fontsize() >= 11, text  # the picture is shown 800 pixels wide, a point is a pixel
        assert min(box.x0, box.y0) >= margin, text
        assert box.x1 <= drawn[name].bbox.x1 - margin, text
        assert box.y1 <= drawn[name].bbox.y1 - margin, text
        for other, its_box in found[:i]:
            assert not box.overlaps(its_box), (text, other)


@DRAWN
def test_no_text_crosses_the_border_of_a_box(name, drawn):
    boxes = [patch.get_window_extent() for patch in drawn[name].axes[0].patches if isinstance(patch, FancyBboxPatch)]
    for text, its in texts(drawn[name]):
        for box in boxes:
            inside = box.x0 < its.x0 and its.x1 < box.x1 and box.y0 < its.y0 and its.y1 < box.y1
            assert inside or not box.overlaps(its), text


@DRAWN
def test_the_file_is_white_and_light_and_the_committed_one(name, drawn, tmp_path):
    shapes.save(drawn[name], tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size < 200_000
    with Image.open(tmp_path / "one.png") as image, Image.open(ROOT / "png" / f"{name}.png") as committed:
        assert image.width == 1666
        assert image.convert("RGBA").getpixel((0, 0)) == (255, 255, 255, 255)
        # Another version of matplotlib smooths letters in another way; another picture differs by more.
        assert committed.size == image.size
        new, old = (np.asarray(one.convert("L").reduce(8)).astype(int) for one in (image, committed))
        assert np.abs(new - old).max() < 64


@pytest.mark.parametrize("name", ["machine_learning", "augmentation"])  # these draw random numbers
def test_the_file_is_always_the_same(name, drawn, tmp_path):
    shapes.save(drawn[name], tmp_path / "one.png")
    shapes.save(figures.FIGURES[name](), tmp_path / "two.png")
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_the_sizes_of_the_network(drawn):
    params = mlp_np.MLP().params
    shown = strings(drawn["network"])
    for name, p in params.items():
        assert f"{name} {p.shape}" in shown
    for layer in "12":
        assert f"{params[f'W{layer}'].size + params[f'b{layer}'].size:,} parameters" in shown
    assert "Our network: 784-512-10, 407,050 parameters" in shown
    assert sum(p.size for p in params.values()) == 407_050


def test_the_formulas_are_those_of_the_code(drawn):
    shown = strings(drawn["backprop"])
    source = inspect.getsource(mlp_np)
    for name, formula, *_ in figures.FORWARD[1:]:
        assert f" {name} = {formula} " in mlp_np.__doc__.replace("\n", " ")
    for name, formula, *_ in figures.BACKWARD:
        assert f'("{name}", "{formula}", ' in source
    for row in figures.FORWARD + figures.BACKWARD:
        assert set(row[:3]) <= set(shown)


def test_the_formulas_are_right():
    """Worked out as the picture shows them, they give what mlp_np.py gives, in the shapes that the picture shows."""
    B, H, rng = 4, 6, np.random.default_rng(0)
    x, y = rng.normal(size=(B, 784)), rng.integers(10, size=B)
    model = mlp_np.MLP(hidden=H, dtype=np.float64)
    logits = model.forward(x)
    loss, dlogits = mlp_np.softmax_cross_entropy(logits, y)
    grads = model.backward(dlogits)
    softmax = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    names = {"x": x, "z1": model.z1, "a1": model.a1, "logits": logits, "p": softmax, "y": y, "B": B, "H": H}
    names |= model.params | {"onehot": lambda y: np.eye(10)[y]}
    right = {"dlogits": dlogits, "da1": model.da1, "dz1": model.dz1} | {f"d{name}": grads[name] for name in grads}

    for name, _, shape, *_ in figures.FORWARD[:-1]:
        assert names[name].shape == eval(shape, {}, names), name
    assert loss == pytest.approx(-np.log(softmax[range(B), y]).mean())
    assert {row[0] for row in figures.BACKWARD} == set(right)
    for name, formula, shape, *_ in figures.BACKWARD:  # each uses only what stands before it
        names[name] = eval(formula, {}, names)
        assert names[name].shape == eval(shape, {}, names), name
        assert names[name] == pytest.approx(right[name], rel=1e-9, abs=1e-15), name


def test_mnist_shows_the_first_images_of_each_digit(drawn, mnist):
    shown = [(image.get_extent()[0], image.get_array()) for image in drawn["mnist"].axes[0].images]
    assert len(shown) == 50
    for digit in range(10):
        column = sorted({left for left, _ in shown})[digit]
        of_it = [array for left, array in shown if left == column]
        first = mnist.train_images[mnist.train_labels == digit][:5]
        assert np.array_equal(of_it, first)
        label = next(text for text, _ in texts(drawn["mnist"]) if text.get_text() == str(digit))
        assert label.get_position()[0] == column + 34
    assert "60,000 for training, 10,000 for testing" in strings(drawn["mnist"])


def test_augmentation_shows_originals_and_what_data_makes_of_them(drawn, mnist):
    shown = [np.asarray(image.get_array()) for image in drawn["augmentation"].axes[0].images]
    originals = np.array(shown[:5])
    for image in originals:
        assert (mnist.train_images == image).all(axis=(1, 2)).any()
    for i, (name, seed) in enumerate([(name, seed) for name in ("shift", "affine", "elastic") for seed in (0, 1)]):
        assert np.array_equal(shown[5 + 5 * i :][:5], augment.AUGMENT[name](originals, data.stream(seed)))
    assert np.array_equal(shown[-2:], [augment.elastic(originals, data.stream(0))[1], originals[1]])


def test_practice_makes_the_throws_land_in_the_baskets():
    def misses(rounds, baskets):
        return [abs(figures.landing(figures.throw(d, *figures.practice(rounds))) - d) for d in baskets]

    assert min(misses(0, figures.BASKETS)) > 0.5
    assert max(misses(20, (*figures.BASKETS, 4.75))) < 0.15  # a basket's rim is 0.23 metres from its middle
    away, up = figures.flight(7.0)
    assert (away[0], up[0]) == (0, 1.0)
    assert up[-1] == pytest.approx(0.28)


def test_the_example_of_machine_learning_adds_up(drawn):
    shown = strings(drawn["machine_learning"])
    boxes = [patch for patch in drawn["machine_learning"].axes[0].patches if isinstance(patch, FancyBboxPatch)]
    bars = [box for box in boxes if isinstance(box.get_boxstyle(), BoxStyle.Square)]
    p = [bar.get_width() / grey.get_width() for grey, bar in zip(bars[::2], bars[1::2], strict=True)]
    assert len(p) == 10
    assert sum(p) == pytest.approx(1)
    assert f"-log {p[5]:.2f} = {-np.log(p[5]):.2f}" in shown


def test_the_convolution_in_the_docs_is_the_one_that_is_drawn(drawn):
    """The code in docs/resnet.md (whose output test_docs.py compares) computes the tables of the drawing."""
    names, shown = {}, strings(drawn["convolution"])
    exec(re.search(r"^```python\n(.*?)^```", (ROOT / "docs/resnet.md").read_text(), re.M | re.S)[1], names)
    for name, drawn_from in (("x", figures.IMAGE), ("W", figures.KERNEL), ("dy", figures.GRADIENT)):
        assert np.array_equal(names[name].squeeze(), drawn_from)
    # Row by row, as the drawing has them: x with its border, W, y; dy, two neighbourhoods, dW, W twice, dx.
    x, W, y, dy, dW, dx = (names[name].squeeze().astype(int) for name in ("x", "W", "y", "dy", "dW", "dx"))
    border = np.pad(x, 1)
    tables = [border, W, y, dy, border[1:4, 2:5], border[2:5, 1:4], dW, W, W, dx]
    numbers = [string.replace("−", "-") for string in shown if re.fullmatch(r"−?\d", string)]
    assert [int(number) for number in numbers] == [n for table in tables for n in table.flat]


def test_the_command_draws_what_it_is_asked_for(program, tmp_path):
    result = program("lab.figures", "mnist", "network", "mnist", "--out", tmp_path / "new")
    assert result.returncode == 0, result.stderr
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["mnist.png", "network.png"]


def test_without_a_name_it_draws_them_all(monkeypatch, tmp_path):
    monkeypatch.setattr("sys.argv", ["figures.py", "--out", str(tmp_path)])
    monkeypatch.setattr(figures, "FIGURES", dict.fromkeys(("one", "two"), figures.FIGURES["mnist"]))
    figures.main()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]


def test_an_unknown_name_is_one_line_and_draws_nothing(program, tmp_path):
    result = program("lab.figures", "mnist", "cat", "--out", tmp_path / "new")
    assert_one_line(result, "'cat'", *figures.FIGURES)
    assert not (tmp_path / "new").exists()

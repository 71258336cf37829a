"""The pictures of README and docs: what they say is what the code does."""

import inspect
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

import autograd_np
import mlp_autograd
import mlp_np
from conftest import ROOT, as_input, schedule
from lab import debugging, depth, figures, llama, results, writing
from mlp_np import softmax
from support import drawing

SVG = "{http://www.w3.org/2000/svg}"
SVGS = sorted((ROOT / "png").glob("*.svg"))


@pytest.mark.slow
@pytest.mark.parametrize("name", figures.make_drawers())
def test_a_picture_is_the_committed_one_which_stays_as_it_is(name, tmp_path):
    committed, path = (ROOT / "png" / f"{name}.png").read_bytes() + b" ", tmp_path / "one.png"  # another version's
    path.write_bytes(committed)
    figures.save_figure(figures.make_drawers()[name](), path)
    assert path.read_bytes() == committed
    if name == "convolution":
        figure = figures.make_drawers()[name]()
        figure.text(0.2, 0.9, "another title")
        figures.save_figure(figure, path)
        with Image.open(path) as image:
            assert image.mode == "P" and path.read_bytes() != committed


def of_kept_numbers():
    """{a picture of numbers that are in results.json, or of none: what draws it}."""
    found = results.load_results()
    histories = {
        f"history_{n}": lambda command=command: debugging.draw_history(found["experiments"][command]["runs"]["0"])
        for n, command in enumerate(debugging.HISTORY_COMMANDS, 1)
    }
    return histories | {
        "rotation": llama.draw_rotation,
        "shortcut": lambda: depth.draw_result(found["shortcut"]),
        "temperature": lambda: writing.draw_temperature_curve(found["writing"]),
    }


@pytest.mark.parametrize("name", schedule([*of_kept_numbers()], every_day=["rotation"]))
def test_a_picture_of_kept_numbers_is_what_its_program_draws_today(name, tmp_path):
    drawing.save(of_kept_numbers()[name](), tmp_path / "now.png")
    with Image.open(tmp_path / "now.png") as image:
        assert figures.is_like_file(image, ROOT / "png" / f"{name}.png")


@pytest.mark.parametrize("path", SVGS, ids=lambda path: path.stem)
def test_an_svg_says_in_words_what_it_shows(path):
    root = ElementTree.parse(path).getroot()
    assert root.get("role") == "img" and root.get("aria-labelledby").split() == [root[0].get("id"), root[1].get("id")]
    assert root[0].text and len(root[1].text) > 40
    assert not {element.tag.removeprefix(SVG) for element in root.iter()} & {"script", "foreignObject", "image"}


@pytest.mark.parametrize("path", SVGS, ids=lambda path: path.stem)
def test_an_svg_can_be_read_on_a_phone(path):
    """390 pixels wide, it has letters of 8 pixels or more; and what a node says fits into its box."""
    root = ElementTree.parse(path).getroot()
    style, width = root.find(f"{SVG}style").text, float(root.get("viewBox").split()[2])
    sizes = [float(size) for size in re.findall(r"font(?:-size)?: (?:bold )?([\d.]+)px", style)]
    assert min(sizes) * 390 / width >= 8
    for node in [g for g in root.iter(f"{SVG}g") if "node" in g.get("class", "")]:
        lines = [len(text.text) for text in node.iter(f"{SVG}text") if text.get("class") in ("formula", "shape")]
        assert float(node.find(f"{SVG}rect").get("width")) >= 0.6 * min(sizes) * max(lines, default=0) + 10, lines


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
    names |= model.params | {"onehot": lambda y: np.eye(10)[y], "max": np.maximum, "softmax": softmax}
    assert loss == pytest.approx(-np.log(names["p"][range(B), y]).mean())

    forward, both = graph("backprop_forward"), graph("backprop")
    assert {name: texts[:3] for name, texts in forward.items()} == {n: both[n] for n in both if n not in right}
    assert right.keys() < both.keys() and all(name == texts[0] for name, texts in both.items())
    for name, (_, *formula, shape) in both.items():
        if name in right:  # each uses only what stands before it
            names[name] = eval(formula[0], {}, names)
            np.testing.assert_allclose(names[name], right[name], 1e-9, 1e-15, err_msg=name)
        elif formula and name not in ("x", "loss"):
            assert names[name] == pytest.approx(eval(formula[0].replace(" W", " @ W"), {}, names), rel=1e-9), name
        assert name == "loss" or names[name].shape == eval(shape, {}, names), name


def test_the_drawn_convolution_is_right_and_answers_no_question_of_the_lesson():
    x, W, dy = np.pad(figures.IMAGE, 1), figures.KERNEL, figures.GRADIENT
    read = {at: x[at[0] : at[0] + 3, at[1] : at[1] + 3] for at in np.ndindex(dy.shape)}  # each neighbourhood
    y = np.array([(read[at] * W).sum() for at in read]).reshape(dy.shape)
    dW, dx = sum(read[at] * dy[at] for at in read), np.zeros_like(x)
    for i, j in read:
        dx[i : i + 3, j : j + 3] += dy[i, j] * W
    # Row by row, as the drawing has them: x with its border, W, y; dy, two neighbourhoods, dW, W twice, dx.
    tables = [x, W, y, dy, read[1, 2], read[2, 1], dW, W, W, dx[1:-1, 1:-1]]
    shown = [text.get_text() for text in figures.draw_page_figure(figures.draw_convolution).axes[0].texts]
    numbers = [string.replace("−", "-") for string in shown if re.fullmatch(r"−?\d", string)]
    assert [int(number) for number in numbers] == [n for table in tables for n in table.flat]
    lesson = (ROOT / "docs/resnet.md").read_text(encoding="utf-8")
    assert not [table for table in (figures.IMAGE, W, dy, dW, dx) if str(table.tolist()) in lesson]


def test_the_drawn_mistake_is_that_of_the_page(mnist):
    """The answer and its probability; and all votes together are the difference of the two scores, but for the bias."""
    model, known = figures.load_page_network_and_facts()
    number, true = known["numbers"][known["opens"]], known["labels"][known["opens"]]
    logits = model.forward(as_input(mnist.test_images[[number]], known["pixels"]))
    said = int(logits.argmax())
    written = [text.get_text() for text in figures.draw_page_figure(figures.draw_mistake).axes[0].texts]
    assert written[0] == f"It takes this {true} for a {said}: here is why" and said != true == mnist.test_labels[number]
    assert f"{softmax(logits)[0, said]:.1%}" in written
    votes = [float(text.split("+")[1]) for text in written if "in all" in text]
    difference = logits[0] - model.params["b2"]
    assert votes[0] - votes[1] == pytest.approx(difference[said] - difference[true], abs=0.11)


def test_the_drawn_tape_is_a_real_one():
    """Its operations and visits in their order, and for every parent the gradient that the formula gives."""
    groups = [*ElementTree.parse(ROOT / "png" / "autograd.svg").iter(f"{SVG}g")]
    drawn = [[text.text for text in g.iter(f"{SVG}text")] for g in groups if "node" in g.get("class", "")]
    leaves = {name: eval(shape) for name, shape in drawn[:4]}
    names, visits = [name for name, *_ in drawn[4:10]], drawn[10:]

    rng, model = np.random.default_rng(0), mlp_autograd.MLP()
    model.forward(rng.normal(size=(128, 784)))
    loss = autograd_np.softmax_cross_entropy(model.logits, rng.integers(10, size=128))
    called = {tensor.node: name for name, tensor in model.tensors.items()}
    assert leaves == {name: tensor.shape for name, tensor in model.tensors.items()}
    nodes = [node for node in loss.node.ancestors() if node not in called]
    called |= dict(zip(nodes, names, strict=True))
    for i, (node, (visit, *written)) in enumerate(zip(nodes, visits, strict=True)):
        assert visit == f"visit {len(nodes) - i}"
        assert [" ".join(written).count(f"to {called[parent]} ") for parent, _ in node.edges] == [1] * len(node.edges)
        for parent, vjp in node.edges:
            at = written.index(f"to {called[parent]}")
            formula, kept, *shape = written[at + 1 : at + 4]
            dy, values = rng.normal(size=node.shape), inspect.getclosurevars(vjp).nonlocals
            found = autograd_np.unbroadcast(vjp(dy), parent.shape)
            expected = eval(formula.replace("dy, summed", "dy.sum(axis=0)"), {}, values | {"dy": dy})
            np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=formula)
            if kept == "keeps nothing":
                assert not values
            else:
                assert {name: np.shape(value) for name, value in values.items()} == {kept[6:]: eval(shape[0])}

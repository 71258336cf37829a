"""Pictures of what happens inside a network: every text is legible, whatever the network."""

import numpy as np
import pytest
from test_plot import assert_legible

from support import drawing


def steps_of(hidden=512, size=1.0, p=None, heads=4, patches=16, blocks=3):
    """What look.py finds in a network of these sizes, with random numbers."""
    rng = np.random.default_rng(0)
    p = rng.dirichlet(np.ones(10)) if p is None else p
    z1, da1, image = rng.normal(size=hidden), size * rng.normal(size=hidden), rng.integers(256, size=(28, 28))
    dz1 = da1 * (z1 > 0)
    names = ["embedded", *(f"block {i + 1}" for i in range(blocks))]
    return {
        "image": image, "z1": z1, "a1": np.maximum(z1, 0), "logits": 100 * size * rng.normal(size=10), "p": p,
        "loss": 1.2345e-7, "patch": patches - 1, "dlogits": min(size, 1) * (p - np.eye(10)[3]), "da1": da1, "dz1": dz1,
        "dW1": image.reshape(784, 1) * dz1, "dx": size * rng.normal(size=(28, 28)),
        "attention": {name: rng.dirichlet(np.ones(patches), size=(heads, patches)) for name in names[1:]},
        "gradients": {name: size * rng.normal(size=(patches, 8)) for name in names},
    }  # fmt: skip


def maps_of(*widths):
    """The same for a ResNet."""
    rng = np.random.default_rng(0)
    shapes = {"stem": (14, 14, widths[0])}
    shapes |= {f"stage {i + 1}": (-(-14 // 2**i), -(-14 // 2**i), width) for i, width in enumerate(widths)}
    maps = {name: np.maximum(rng.normal(size=shape), 0) for name, shape in shapes.items()}
    return steps_of() | {"maps": maps, "gradients": {name: 1e-5 * rng.normal(size=s) for name, s in shapes.items()}}


@pytest.mark.parametrize(("patches", "heads", "blocks", "size"), [(16, 4, 3, 1.0), (196, 1, 1, 0.0), (4, 16, 9, 0.0)])
def test_both_passes_of_a_vit(patches, heads, blocks, size):
    steps = steps_of(patches=patches, heads=heads, blocks=blocks, size=size)
    title = "ViT 64 × 3, 4 heads, patch 7"
    assert_legible(drawing.attention(steps, f"{title}: attention to a 3, held-out image 9999", 3))
    assert_legible(drawing.patch_gradients(steps, f"{title}, backward: a 3, held-out image 9999", 3))


@pytest.mark.parametrize(
    ("hidden", "size", "p"),
    [
        (512, 1.0, np.eye(10)[3] * (1 - 3.6e-4)),  # nearly right: its numbers have many digits
        (512, 123.45, np.eye(10)[7]),  # quite wrong
        (512, 0.0, np.eye(10)[3]),  # quite right: no gradient at all
        (7, 1.2345e-12, None),
        (1, 1.0, None),
    ],
)
def test_both_passes_of_an_mlp(hidden, size, p):
    steps = steps_of(hidden, size, p)
    assert_legible(drawing.forward_pass(steps, "784-512-10, forward: a 3, held-out image 9999", 3))
    assert_legible(drawing.backward_pass(steps, "784-512-10, backward: a 3, held-out image 9999", 3))


@pytest.mark.parametrize("widths", [(4,), (16, 32, 64)])
def test_both_passes_of_a_resnet(widths):
    """The channels that are most active, and the gradients that return to these."""
    steps = maps_of(*widths)
    active = {name: np.argsort(-array.sum(axis=(0, 1)))[:8] for name, array in steps["maps"].items()}
    for figure, arrays, names in [
        (drawing.feature_maps(steps, "ResNet, forward: a 3", 3), steps["maps"], [*active]),
        (drawing.feature_gradients(steps, "R", 3), steps["gradients"], [*active][::-1]),
    ]:
        assert_legible(figure)
        drawn = [axes for axes in figure.axes if axes.images and axes.get_xlabel().isdigit()]
        expected = [(channel, arrays[name][..., channel]) for name in names for channel in active[name]]
        for axes, (channel, array) in zip(drawn, expected, strict=True):
            assert axes.get_xlabel() == str(channel)
            assert (axes.images[0].get_array() == array).all()


def test_zero_is_white_and_the_signs_are_blue_and_red():
    red, white, blue = drawing.SIGNED([0.0, 0.5, 1.0])
    assert white[:3] == pytest.approx(1, abs=0.01)
    assert blue[2] > blue[0] and red[0] > red[2]


def test_pictures_of_any_number_of_images():
    rng = np.random.default_rng(0)
    for n in (1, 9, 64):
        labels = [f"for {i % 10}" for i in range(n)]
        assert_legible(drawing.weights(rng.normal(size=(n, 28, 28)), labels, "784-512-10: W1", "a note\nof two lines"))
    for n in (0, 1, 24):
        words = [1] * n, [7] * n, [0.99999] * n, f"its {n} most confident mistakes of {n}"
        assert_legible(drawing.mistakes(np.zeros((n, 28, 28), np.uint8), *words))
    for shape in ((320, 200), (1, 320), (320, 1)):
        assert_legible(drawing.prediction(np.full(shape, 99.0), np.zeros((28, 28), np.uint8), np.eye(10)[4]))


@pytest.mark.parametrize("perfect", [True, False])
def test_confusion(perfect):
    counts = np.diag(np.full(10, 1000)) if perfect else np.full((10, 10), 1234)
    figure = drawing.confusion(counts, "784-512-10 reads 10,000 of 10,000 test images right")
    assert_legible(figure)
    assert len(figure.axes[0].texts) == np.count_nonzero(counts)
    shade = figure.axes[0].images[0].get_array()
    assert (np.diag(shade) > 0).all()
    assert (shade[~np.eye(10, dtype=bool)] < 0).all() == (not perfect)

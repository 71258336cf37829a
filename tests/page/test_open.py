"""Your own network, opened in the browser: the same numbers as in NumPy, and a sentence for what is no checkpoint."""

import io
import json

import numpy as np
import pytest

from chromium import arrays, text, weights
from conftest import as_input
from mlp_np import MLP, relative_difference
from support.checkpoint import load_checkpoint


def open_file(page, content):
    """Open a file, or these bytes as one; what the page says."""
    page.evaluate("opened.textContent = ''")
    named = {"name": "own.npz", "mimeType": "", "buffer": content}
    page.set_input_files("#file", named if isinstance(content, bytes) else content)
    page.wait_for_selector("#opened:not(:empty)")
    return text(page, "#opened")


def same(these, those):
    return all(np.array_equal(p, those[name]) for name, p in these.items())


def own(options=None, dtype=np.float32, order="C", hidden=11):
    """The arrays of a checkpoint."""
    rng, shapes = np.random.default_rng(0), {"W1": (784, hidden), "b1": hidden, "W2": (hidden, 10), "b2": 10}
    arrays = {f"params/{n}": np.array(rng.normal(0, 0.1, s), dtype, order=order) for n, s in shapes.items()}
    options = {"model": "mlp", "dataset": "mnist", "hidden": hidden, "pixels": "unit", "seed": 7} | (options or {})
    history = {"history/test_step": np.array([40]), "history/test_accuracy": np.array([0.9])}
    return {"format": 1, "step": 40, "options": json.dumps(options), **arrays, **history}


def saved(arrays=None, save=np.savez, **options):
    """The bytes of a checkpoint with these options, and these arrays in place of its own."""
    content = io.BytesIO()
    save(content, **own(options) | (arrays or {}))
    return content.getvalue()


@pytest.mark.parametrize(
    ("dtype", "order", "hidden", "pixels"),
    [
        (np.float32, "C", 11, "unit"),
        (np.float32, "F", 300, "standardised"),
        (np.float64, "C", 1, "raw"),
    ],
)
def test_a_network_opened_here_is_numpys(page, mnist, dtype, order, hidden, pixels):
    page.evaluate("lab.pick(2); lab.setLabel(8)")
    given = own({"pixels": pixels}, dtype, order, hidden)
    said = open_file(page, saved(given))
    assert f"784-{hidden}-10, seed 7, 40 training steps, test accuracy 0.9000" in said
    assert text(page, "#run") in said
    model = MLP(hidden, dtype=dtype)
    model.params = {name: np.ascontiguousarray(given[f"params/{name}"]) for name in model.params}
    for n in range(5):
        page.evaluate("n => lab.pick(n)", n)
        x = as_input(mnist.test_images[n : n + 1], pixels, np.dtype(dtype).name)
        logits = arrays(page, "({logits: lab.now.logits})")["logits"]
        assert relative_difference(logits, model.forward(x).ravel()) < (1e-6 if dtype == np.float32 else 1e-12)
    page.locator("#teach").click()
    page.locator("#undo").click()
    assert text(page, "#f-a1 .note").startswith(f"{hidden} hidden unit")


def test_a_run_of_main_np_by_the_button_and_back(page, checkpoint):
    before = weights(page)
    page.set_input_files("#file", checkpoint)
    page.locator("#opened", has_text="now shows").wait_for()
    params = load_checkpoint(checkpoint).groups["params"]
    assert same(weights(page), params)
    assert not np.array_equal(before["W1"], params["W1"])  # the page's own are rounded
    page.locator("#original").click()
    assert same(weights(page), before)


def test_what_is_said_of_a_run_is_so_or_not_said(page):
    for held, options, said in [
        ({}, {"seed": 2**63 + 1}, "seed 9223372036854775809, 40 training steps, test accuracy 0.9000"),
        ({"history/test_accuracy": np.array([1e300])}, {}, "seed 7, 40 training steps"),
        ({"history/test_step": np.array([39])}, {}, "seed 7, 40 training steps"),
    ]:
        assert f"now shows own.npz: 784-11-10, {said}. All" in open_file(page, saved(held, **options))


def damaged(at, by=b"\xff"):
    content = bytearray(saved())
    at = at % len(content)
    content[at : at + len(by)] = by
    return bytes(content)


REFUSED = {
    "empty": (b"", "is not a checkpoint"),
    "a picture": (b"\x89PNG\r\n" + bytes(100), "is not a checkpoint"),
    "cut": (saved()[:-400], "damaged"),
    "a bit flipped in W1": (damaged(20_000), "damaged"),
    "a local header": (damaged(0), "is not a checkpoint"),
    "the directory's place": (damaged(-6, b"\xff\xff\xff"), "damaged"),
    "compressed": (saved(save=np.savez_compressed), "compressed"),
    "other arrays": (saved(save=lambda file, **own: np.savez(file, a=np.ones(3))), "is not a checkpoint"),
    "objects": (saved({"options": np.array([{}])}), "is not a checkpoint"),
    "another format": (saved({"format": 2}), "another format"),
    "no JSON": (saved({"options": "{"}), "damaged"),
    "null": (saved({"options": "null"}), "damaged"),
    "a transformer": (saved(model="vit"), "no MLP"),
    "letters": (saved(dataset="kmnist"), "MNIST"),
    "loud pixels": (saved(pixels="loud"), "damaged"),
    "no whole number of units": (saved(hidden=1e400), "damaged"),
    "too many units": (saved(hidden=5000), "4096"),
    "other shapes": (saved(hidden=12), "another network"),
    "whole numbers": (saved({"params/b1": np.ones(11, np.int64)}), "is not a checkpoint"),
    "big-endian": (saved({"params/b1": np.ones(11, ">f4")}), "is not a checkpoint"),
    "not finite": (saved({"params/b1": np.full(11, np.nan, np.float32)}), "no numbers"),
    "1e30": (saved({"params/W1": np.full((784, 11), 1e30, np.float32)}), "too large"),
}


def test_whatever_is_no_checkpoint_gets_a_sentence_and_changes_nothing(page, tmp_path):
    """And 20 times one byte changed: what is opened after all, because it is a date, say, has the same weights."""
    content, rng = saved(), np.random.default_rng(0)
    open_file(page, content)
    before, run = weights(page), text(page, "#run")
    with open(tmp_path / "own.npz", "wb") as large:
        large.truncate(65 << 20)
    for name, (refused, words) in {**REFUSED, "large": (large.name, "opens up to 64")}.items():
        said = open_file(page, refused)
        assert said.startswith("own.npz ") and said.endswith(".") and words in said, (name, said)
        assert text(page, "#run") == run
    assert same(weights(page), before)
    for at, by in rng.integers((len(content), 255), size=(20, 2)):
        said = open_file(page, content[:at] + bytes([content[at] ^ (by + 1)]) + content[at + 1 :])
        assert said.startswith("own.npz ") or same(weights(page), before)

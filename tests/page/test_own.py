"""A network of the reader's own, which practise.html leaves in this browser: the same numbers as in NumPy."""

import base64
import json

import numpy as np
import pytest

from chromium import arrays, opened, reload, text, weights
from conftest import as_input
from mlp_np import MLP, relative_difference


def kept(hidden=11, pixels="unit", **more):
    """A network with random weights, and the text that practise.html would leave of it."""
    rng, model = np.random.default_rng(0), MLP(hidden)
    model.params = {name: rng.normal(0, 0.1, p.shape).astype(np.float32) for name, p in model.params.items()}
    params = {name: base64.b64encode(p.astype("<f4").tobytes()).decode() for name, p in model.params.items()}
    known = {"title": f"Your network, 784-{hidden}-10", "words": "it reads 0.90 of 2,000 test images"}
    return model, json.dumps(
        known | {"hidden": hidden, "pixels": pixels, "params": params | more.pop("params", {})} | more
    )


@pytest.fixture(scope="module")
def own(browser, small_page):
    with opened(browser, small_page, problems=["Canvas2D"]) as page:
        yield page


def reopened(page, network):
    """Open the page where this is kept, and nothing else; what it says of it."""
    page.evaluate("(text) => { localStorage.clear(); localStorage.setItem('network', text); }", network)
    reload(page)
    return text(page, "#opened")


@pytest.mark.parametrize(("hidden", "pixels"), [(11, "unit"), (300, "standardised"), (1, "raw")])
def test_a_network_of_ones_own_is_numpys(own, mnist, hidden, pixels):
    model, network = kept(hidden, pixels)
    assert f"784-{hidden}-10: it reads 0.90 of 2,000 test images" in reopened(own, network)
    assert text(own, "#run") in text(own, "#opened")
    assert text(own, "#f-a1 .note").startswith(f"activations: {hidden} hidden unit")
    for n in range(5):
        own.evaluate("n => lab.pick(n)", n)
        logits = arrays(own, "({logits: lab.now.logits})")["logits"]
        x = as_input(mnist.test_images[n : n + 1], pixels, "float32")
        assert relative_difference(logits, model.forward(x).ravel()) < 1e-6
    assert all(np.array_equal(p, model.params[name]) for name, p in weights(own).items())


def test_back_to_the_pages_own_and_forth_and_a_reload_keeps_it(own):
    reopened(own, kept()[1])
    for button, hidden in (("The page’s own network", 48), ("Your network", 11)):
        own.locator("#own button", has_text=button).click()
        assert own.evaluate("document.activeElement.closest('#own') !== null")
        assert weights(own)["b1"].shape == (hidden,)
        reload(own)
        assert weights(own)["b1"].shape == (hidden,)


def test_what_cannot_be_read_gets_a_sentence_and_the_page_shows_its_own(own):
    numbers = {name: base64.b64encode(p.tobytes()).decode() for name, p in MLP(11).params.items()}
    bad = {
        name: base64.b64encode(np.array([v] * 10, "<f4").tobytes()).decode()
        for name, v in [("nan", np.nan), ("1e30", 1e30)]
    }
    for network, said in [
        ("", "damaged"),
        ("{", "damaged"),
        ("null", "damaged"),
        ("[1]", "hidden units"),
        (kept(params={"W1": numbers["b2"]})[1], "W1 has 10 numbers, not 8624"),
        (kept(params={"W1": 3})[1], "damaged"),
        (kept(params={"W1": "*"})[1], "damaged"),
        (kept(params={"b1": numbers["b2"]})[1], "b1 has 10 numbers, not 11"),
        (kept(params={"b2": bad["nan"]})[1], "no number"),
        (kept(params={"b2": bad["1e30"]})[1], "too large"),
        (kept(pixels="loud")[1], "pixels"),
        (kept(hidden=11)[1].replace('"hidden": 11', '"hidden": 5000'), "4096"),
        (kept(hidden=11)[1].replace('"hidden": 11', '"hidden": 1e400'), "4096"),
        (json.dumps({"hidden": 11, "pixels": "unit"}), "damaged"),
    ]:
        assert said in own.evaluate("(text) => lab.opened(text).error", network), network[:50]
    words = reopened(own, "{")
    assert words == "The network that this browser keeps cannot be read: it is damaged."
    assert weights(own)["b1"].shape == (48,)
    assert not own.locator("#own button").count()
    hostile = "<img src=x onerror='window.hacked = true'></script>"
    assert hostile in reopened(own, kept(title=hostile, words=hostile)[1])
    assert own.evaluate("window.hacked") is None

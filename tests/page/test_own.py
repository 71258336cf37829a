"""A network of the reader's own, which practise.html leaves in this browser: the same numbers as in NumPy."""

import base64
import json

import numpy as np
import pytest

from chromium import READY, arrays, draw, reload, text, weights
from conftest import as_input, schedule
from mlp_np import MLP, relative_difference


def encoded(numbers):
    return base64.b64encode(np.array(numbers, "<f4").tobytes()).decode()


def kept(hidden=11, pixels="unit", **more):
    """A network with random weights, and the text that practise.html would leave of it."""
    rng, model = np.random.default_rng(0), MLP(hidden)
    model.params = {name: rng.normal(0, 0.1, p.shape).astype(np.float32) for name, p in model.params.items()}
    params = {name: encoded(p) for name, p in model.params.items()} | more.pop("params", {})
    known = {"title": f"Your network, 784-{hidden}-10", "words": "reads 0.90 of 2,000 test images"}
    return model, json.dumps(known | {"hidden": hidden, "pixels": pixels, "params": params} | more)


@pytest.fixture
def own(page):
    """The page of the other tests, in which something may be kept."""
    yield page
    page.evaluate("localStorage.clear(); location.hash = ''; 0")
    reload(page)


def reopened(page, network):
    """Open the page where this is kept, and nothing else; what it says of it."""
    page.evaluate("(text) => { localStorage.clear(); localStorage.setItem('network', text); }", network)
    reload(page)
    return text(page, "#opened")


NETWORKS = [(11, "unit"), (300, "standardised"), (1, "raw")]


@pytest.mark.parametrize(("hidden", "pixels"), schedule(NETWORKS, every_day=NETWORKS[:1]))
def test_a_network_of_ones_own_is_numpys(page, mnist, hidden, pixels):
    model, network = kept(hidden, pixels)
    page.evaluate("(text) => lab.showNetwork(lab.opened(text).network)", network)
    assert text(page, "#run").endswith(f"784-{hidden}-10, reads 0.90 of 2,000 test images")
    assert text(page, "#f-a1 .note").startswith(f"activations: {hidden} hidden unit")
    for n in range(5):
        page.evaluate("n => lab.pick(n)", n)
        logits = arrays(page, "({logits: lab.pass.logits})")["logits"]
        x = as_input(mnist.test_images[n : n + 1], pixels, "float32")
        assert relative_difference(logits, model.forward(x).ravel()) < 1e-6
    assert all(np.array_equal(p, model.params[name]) for name, p in weights(page).items())


@pytest.mark.slow(one_in=2)
def test_back_to_the_pages_own_and_forth_and_a_reload_keeps_it(own):
    model, network = kept(ours=["logits"])
    said = reopened(own, network)
    assert text(own, "#run") in said
    assert text(own, "#run").endswith("784-11-10, reads 0.90 of 2,000 test images")
    assert all(np.array_equal(p, model.params[name]) for name, p in weights(own).items())
    first = own.locator("#opening .whose")  # it is the first thing that is said, and the way back is beside it
    assert text(own, "#opening .whose p") == f"{text(own, '#run')}. Not your own lines: logits."
    assert first.bounding_box()["y"] < own.locator("#pad").bounding_box()["y"] < 350
    for button, other in (("The page’s own network", "Your network"), ("Your network", "The page’s own network")):
        own.evaluate("lab.pick(3)")
        said = text(own, "#other")
        first.get_by_role("button", name=button).click()
        assert said == f"{button} reads {text(own, '#answer')}, {text(own, '#sure').partition('. ')[0]}."
        assert text(own, "#other").startswith(f"{other} reads ")
        assert own.evaluate("document.activeElement.closest('.whose') !== null")
    for button, hidden in (("The page’s own network", 48), ("Your network", 11)):
        own.locator("#own button", has_text=button).click()
        assert own.evaluate("document.activeElement.closest('#own') !== null")
        assert weights(own)["b1"].shape == (hidden,)
        reload(own)
        assert weights(own)["b1"].shape == (hidden,)


@pytest.mark.slow(one_in=2)
def test_what_cannot_be_read_gets_a_sentence_and_the_page_shows_its_own(own):
    for network, said in [
        *((damaged, "damaged") for damaged in ("", "{", "null", json.dumps({"hidden": 11, "pixels": "unit"}))),
        ("[1]", "hidden units"),
        *((kept(params={"W1": damaged})[1], "damaged") for damaged in (3, "*")),
        (kept(params={"W1": encoded(range(10))})[1], "W1 has 10 numbers, not 8624"),
        (kept(params={"b1": encoded(range(10))})[1], "b1 has 10 numbers, not 11"),
        (kept(params={"b2": encoded([np.nan] * 10)})[1], "no number"),
        (kept(params={"b2": encoded([1e30] * 10)})[1], "too large"),
        (kept(pixels="loud")[1], "pixels"),
        *((kept()[1].replace('"hidden": 11', f'"hidden": {count}'), "4096") for count in (5000, "1e400")),
    ]:
        assert said in own.evaluate("(text) => lab.opened(text).error", network), network[:50]
    words = reopened(own, "{")
    assert words == "The network that is stored in this browser cannot be read: it is damaged."
    assert weights(own)["b1"].shape == (48,)
    assert not own.locator("#own button").count()
    hostile = "<img src=x onerror='window.hacked = true'></script>"
    assert hostile in reopened(own, kept(title=hostile, words=hostile)[1])
    assert own.evaluate("window.hacked") is None


@pytest.mark.slow(one_in=2)
def test_an_address_holds_a_drawing_or_settings_and_nothing_in_it_is_trusted(own, small_page):
    own.evaluate("localStorage.clear(); lab.showNetwork()")  # the page's own
    (seen,), (answer,) = draw(own, [4])
    own.locator("button", has_text="Link to this digit").click()
    own.evaluate("lab.learning.set({ lr: 2, hidden: 1, init: 'he', seed: 7, mistakes: ['mask', 'mean'] })")
    shared, settings = own.evaluate("[location.hash, JSON.stringify(lab.state.settings.value)]")
    own.locator("button", has_text="Link to these settings").click()
    held = own.evaluate("lab.parseAddress(location.hash).settings")
    assert held == json.loads(settings) and own.evaluate("lab.parseAddress('').settings") is None
    own.goto("about:blank")
    own.goto(f"{small_page}{shared}")
    own.wait_for_selector(READY, state="attached")
    again = np.reshape(own.evaluate("Array.from(lab.pixels())"), (28, 28))
    assert np.abs(again - seen).mean() < 4 and text(own, "#answer") == answer
    for nonsense in (
        "#drawing=*", "#drawing=%00", "#image=-1", "#image=1e9", "#line=constructor", "#drawing=" + "_" * 50_000,
        "#lr=0.1&batch=32&hidden=32&init=he&seed=1e400", "#lr=__proto__&batch=32&hidden=32&init=he&seed=1",
        "#lr=0.1&batch=32&hidden=32&init=constructor&seed=1", "#is=4", "#%",
    ):  # fmt: skip
        found = own.evaluate("(hash) => lab.parseAddress(hash)", nonsense)
        assert {*found} <= {"line"}, nonsense
        own.evaluate("(hash) => (location.hash = hash, drawn())", nonsense)
    assert text(own, "#answer") == answer and own.evaluate("lab.state.stage.value") == -1
    odd = "#lr=0.1&batch=32&hidden=32&init=he&seed=3&broken=mask constructor"
    assert own.evaluate("(hash) => lab.parseAddress(hash).settings.mistakes", odd) == ["mask"]

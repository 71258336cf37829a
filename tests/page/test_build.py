"""What writes the page: the file, what goes into it, and what is refused."""

import base64
import gzip
import html
import io
import json
import re
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chromium import COMMITTED, opened
from conftest import ROOT, as_input, assert_one_line
from mlp_np import MLP
from page import build, screenshot
from predict import load_network
from support.checkpoint import load_checkpoint
from support.errors import UserError

GROUPS = ("params", "momentum")


def parts(page):
    """The run and what the network knows, from a page."""
    network = re.search(r'<script type="application/json" id="network">(.*?)</script>', page, re.S)[1]
    return html.unescape(re.search(r"The weights of sections 1 to 4: (.*?), trained on", page)[1]), json.loads(network)


def unpacked(known):
    """The weights, and the images to pick, to learn from and to test on."""
    content, hidden = gzip.decompress(base64.b64decode(known["packed"])), known["hidden"]
    model, at = MLP(hidden), 0
    for (name, p), scale in zip(model.params.items(), known["scales"], strict=True):
        model.params[name] = build.unpack(content[at : at + 2 * p.size], scale).reshape(p.shape)
        at += 2 * p.size
    images = np.frombuffer(content[at:], np.uint8).reshape(-1, 28, 28)
    picked, learned = len(known["numbers"]), len(known["trainingLabels"])
    return model, images[:picked], images[picked : picked + learned], images[picked + learned :]


def test_the_committed_page_is_what_build_writes():
    page = COMMITTED.read_text(encoding="utf-8")
    assert build.assemble(*parts(page)) == page, "run python -m page.build again"
    assert COMMITTED.stat().st_size <= build.MAX_BYTES == 1_600_000


def test_the_committed_page_holds_what_it_says(mnist):
    """Its accuracy is that of the weights in it, though they are rounded; its images are MNIST's, bit for bit."""
    run, known = parts(COMMITTED.read_text(encoding="utf-8"))
    model, picked, learned, tested = unpacked(known)
    logits = model.forward(as_input(mnist.test_images, known["pixels"], "float32"))
    stated = float(re.search(r"test accuracy (0\.\d{4})", run)[1])
    assert (logits.argmax(axis=1) == mnist.test_labels).mean() == pytest.approx(stated, abs=5e-4)
    assert stated > 0.98
    assert len(learned) >= 1000
    for images, labels, true_images, true_labels in [
        (picked, known["labels"], mnist.test_images[known["numbers"]], mnist.test_labels[known["numbers"]]),
        (learned, known["trainingLabels"], mnist.train_images[: len(learned)], mnist.train_labels[: len(learned)]),
        (tested, known["testingLabels"], mnist.test_images[: len(tested)], mnist.test_labels[: len(tested)]),
    ]:
        assert np.array_equal(images, true_images)
        assert labels == true_labels.tolist()


def test_the_committed_page_reads(browser, mnist):
    with opened(browser, COMMITTED) as page:
        assert page.evaluate("lab.tests.slice(0, 50).map((test) => test.label)") == mnist.test_labels[:50].tolist()
        right = page.evaluate(
            "lab.tests.slice(0, 50).filter((test, n) => (lab.pick(n), lab.now.answer === test.label)).length"
        )
        assert right >= 45
        assert parts(COMMITTED.read_text(encoding="utf-8"))[0] in page.locator("footer").inner_text()


def test_the_formulas_are_those_of_mlp_np():
    source = (ROOT / "mlp_np.py").read_text(encoding="utf-8").replace("self.", "")
    template = (ROOT / "page" / "template.html").read_text(encoding="utf-8").replace("&gt;", ">")
    shown = re.findall(r"<code>(.*?)</code>", " ".join(re.findall(r"<figcaption>.*?</figcaption>", template)))
    assert len(shown) == 12
    for formula in shown:
        assert formula in source, formula


def test_mlp_js_goes_in_the_order_of_mlp_np():
    gradients = ["dW2", "db2", "da1", "dz1", "dW1", "db1"]

    def order(path, start):
        network = (ROOT / path).read_text(encoding="utf-8").partition("class MLP")[2].partition("softmax")[0]
        names = re.findall(rf"^ +{start}(\w+) = ", network, re.M)
        return [name for name in names if name in {"x", "z1", "a1", *gradients}]

    python, javascript = order("mlp_np.py", r"(?:self\.)?"), order("page/mlp.js", r"(?:const |this\.)")
    assert python == javascript == ["x", "z1", "a1", *gradients]


def test_links_lead_to_the_lines_of_mlp_np():
    source = (ROOT / "mlp_np.py").read_text(encoding="utf-8").splitlines()
    for function in ("forward", "backward", "softmax_cross_entropy"):
        first, last = map(int, re.fullmatch(r"L(\d+)-L(\d+)", build.lines(function)).groups())
        assert source[first - 1].strip().startswith(f"def {function}(")
        assert source[last - 1].strip().startswith("return ")
    page = COMMITTED.read_text(encoding="utf-8")
    for link in set(re.findall(r'href="\.\./([^"#]+)', page)):
        assert (ROOT / link).exists(), link
    assert {"README.md", "mlp_np.py"} <= set(re.findall(r'href="\.\./([^"#]+)', page))


def test_packed_weights_are_nearly_the_weights():
    rng = np.random.default_rng(0)
    for array in (rng.normal(0, 0.05, (30, 7)).astype(np.float32), np.zeros(4, np.float32)):
        scale, packed = build.pack(array)
        assert np.abs(build.unpack(packed, scale) - array.ravel()).max() <= 0.5001 * scale * bool(array.any())


def test_the_page_names_its_run(checkpoint):
    _, options, history = build.load_mlp(checkpoint)
    accuracy = f"{history.test_accuracy[-1]:.4f}"
    assert build.run_line(options, history) == f"784-48-10, seed 3, 300 training steps, test accuracy {accuracy}"
    options.hold_out = 5000
    assert f"held-out accuracy {accuracy}" in build.run_line(options, history)
    history.test_step[-1] = 299  # stopped a step after the last test: what it measured is another network
    assert "accuracy" not in build.run_line(options, history)


def test_the_picture_for_the_readme(browser):
    with Image.open(io.BytesIO(screenshot.take(browser, steps=20))) as picture:
        assert picture.width == 1200
        assert 600 < picture.height < 1000
        assert len(picture.getcolors()) > 100
    assert (ROOT / "png" / "page.png").stat().st_size < 250_000


# --- What is refused -----------------------------------------------------------------------------------------------


@pytest.fixture
def edited(checkpoint, tmp_path):
    """edited(options, name=array, ...) is the checkpoint's file with those options and arrays in place of its own."""

    def edit(options=None, **arrays):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.npz"
        own = dict(np.load(checkpoint))
        own["options"] = json.dumps(load_checkpoint(checkpoint).options | (options or {}))
        np.savez(path, **own | {name.replace("__", "/"): array for name, array in arrays.items()})
        return path

    return edit


@pytest.fixture
def refuse(tmp_path):
    """refuse(path, *words): the page of that checkpoint is refused in one line with these words, and not written."""

    def call(path, *words):
        out = tmp_path / "page.html"
        with pytest.raises(UserError) as error:
            build.main(["--weights", str(path), "--out", str(out)])
        message = str(error.value)
        assert "\n" not in message
        for word in words:
            assert word in message
        assert not out.exists()

    return call


def test_wrong_weights_are_one_line(edited, refuse, tmp_path):
    refuse(tmp_path / "none.npz", "main_np.py", "--weights")
    refuse(Path(__file__), "not a checkpoint")
    refuse(tmp_path, "cannot read")
    refuse(edited({"hidden": 47}), "another network")
    refuse(edited({"dataset": "fashion_mnist"}), "fashion_mnist")
    refuse(edited({"pixels": "loud"}), "make no sense")
    refuse(edited({"seed": "<meta http-equiv=refresh content='0;url=http://127.0.0.1/'>"}), "make no sense")
    refuse(edited({"model": ["mlp", "resnet"]}), "make no sense")
    refuse(edited({"hidden": None}), "make no sense")
    refuse(edited(params__W1=np.ones((48, 784), np.float32)), "another network")
    refuse(edited(params__b3=np.ones(10, np.float32)), "another network")
    rng = np.random.default_rng(0)
    shapes = {"W1": (784, 800), "b1": 800, "W2": (800, 10), "b2": 10}
    wide = {f"{group}__{n}": rng.normal(size=s).astype(np.float32) for n, s in shapes.items() for group in GROUPS}
    refuse(edited({"hidden": 800}, **wide), "--hidden")


def test_arrays_in_another_order_are_the_same_network(checkpoint, tmp_path):
    arrays = dict(np.load(checkpoint))
    np.savez(tmp_path / "turned.npz", **dict(reversed(arrays.items())))
    one, other = (load_network(path)[0].params for path in (checkpoint, tmp_path / "turned.npz"))
    assert all(np.array_equal(one[name], other[name]) for name in one)
    assert build.build(*build.load_mlp(checkpoint)) == build.build(*build.load_mlp(tmp_path / "turned.npz"))


@pytest.mark.parametrize("out", ["", ".", "/", "none/page.html"])
def test_where_no_page_can_be_written(checkpoint, out):
    command = [sys.executable, "-m", "page.build", "--weights", checkpoint, "--out", out]
    result = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert_one_line(result, out or "--out")


def test_an_unknown_option_is_one_line():
    command = [sys.executable, "-m", "page.build", "--wieghts", "x"]
    assert_one_line(subprocess.run(command, capture_output=True, text=True, cwd=ROOT), "--wieghts")


def test_nothing_in_a_checkpoint_can_act(browser, checkpoint, tmp_path):
    """Were every check on the way in to fail: what is hostile is shown as text, and no request leaves the page."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        hostile = (
            f"</script></p><meta http-equiv=refresh content='0;url={url}'><script>window.hacked = true</script>"
            f"<img src={url} onerror='window.hacked = true'><iframe src={url}></iframe><base href={url}>"
            f"<link rel=stylesheet href={url}><style>body {{ display: none }}</style><!--{{{{script}}}}"
        )
        model, options, _ = build.load_mlp(checkpoint)
        known = build.network(model, options)
        path = tmp_path / "hostile.html"
        path.write_text(build.assemble(hostile, known | {"note": hostile}), encoding="utf-8")
        with opened(browser, path) as page:
            page.wait_for_timeout(300)
            assert page.url == path.as_uri()
            assert page.evaluate("window.hacked") is None
            assert hostile in page.locator("footer").inner_text()
            assert page.evaluate("JSON.parse(document.getElementById('network').textContent).note") == hostile
            assert page.locator("meta[http-equiv=refresh], iframe, base, link, img").count() == 0
        # And with the escaping gone too: the policy stops all but a navigation, which escaping alone can.
        inside = path.read_text(encoding="utf-8").replace(html.escape(hostile), hostile.replace("<meta", "<b"))
        path.write_text(inside, encoding="utf-8")
        context = browser.new_context()
        try:
            page = context.new_page()
            page.goto(path.as_uri())
            page.wait_for_timeout(300)
            assert page.url == path.as_uri()
            assert page.evaluate("window.hacked") is None
        finally:
            context.close()
        assert received(server) == b""


def received(server):
    """All that has been sent to a server. (To open a connection for an <iframe> ahead of time is not to send.)"""
    content = b""
    server.settimeout(0.2)
    with suppress(TimeoutError):
        while True:
            connection = server.accept()[0]
            with connection, suppress(TimeoutError):
                connection.settimeout(0.2)
                content += connection.recv(1000)
    return content

"""What writes the page, for a clone and for a site: the file, what goes into it, and what is refused."""

import base64
import gzip
import html
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from chromium import COMMITTED, opened
from conftest import ROOT, as_input, assert_one_line
from mlp_np import MLP
from page import build, publish, screenshot
from support.checkpoint import load_checkpoint
from support.errors import UserError

GROUPS = ("params", "momentum")


def parts(page):
    """The run and what the network knows, from a page."""
    network = re.search(r'<script type="application/json" id="network">(.*?)</script>', page, re.S)[1]
    return html.unescape(re.search(r'<span id="run">(.*?)</span>', page)[1]), json.loads(network)


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


def test_the_committed_page_is_what_build_writes_and_holds_what_it_says(browser, mnist):
    """Its accuracy is that of the weights in it, though they are rounded; its images are MNIST's, bit for bit."""
    page = COMMITTED.read_text(encoding="utf-8")
    run, known = parts(page)
    assert build.assemble(run, known) == page, "run python -m page.build again"
    assert COMMITTED.stat().st_size <= build.MAX_BYTES == 1_700_000
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
    with opened(browser, COMMITTED) as page:
        answers = page.evaluate("lab.tests.slice(0, 50).map((test, n) => (lab.pick(n), lab.now.answer))")
        assert answers == logits[:50].argmax(axis=1).tolist()
        assert run in page.locator("footer").inner_text()


def test_the_formulas_are_those_of_mlp_np_and_in_its_order():
    source = (ROOT / "mlp_np.py").read_text(encoding="utf-8")
    template = (ROOT / "page" / "template.html").read_text(encoding="utf-8").replace("&gt;", ">")
    shown = re.findall(r"<code>(.*?)</code>", " ".join(re.findall(r"<figcaption>.*?</figcaption>", template)))
    assert len(shown) == 9
    for formula in shown:
        assert formula in source.replace("self.", "") or formula == "dz1 @ W1.T", (
            formula
        )  # dx: what mlp_np.py leaves out
    stages = re.findall(r'line: "(\w+)"', (ROOT / "page" / "network.js").read_text(encoding="utf-8"))
    lines = re.findall(r'data-stage="(\w+)"><code>(.*?)</code>', "".join(map(build.code, build.FUNCTIONS)))
    assert {name for name, _ in lines} == {*stages} == {*build.COMPUTED}
    assert len(lines) == 18
    assert all(html.unescape(line) in source for _, line in lines)

    gradients = ["dW2", "db2", "da1", "dz1", "dW1", "db1"]
    for path, start in (("mlp_np.py", r"(?:self\.)?"), ("page/mlp.js", r"(?:const |this\.)")):
        network = (ROOT / path).read_text(encoding="utf-8").partition("class MLP")[2].partition("softmax")[0]
        names = re.findall(rf"^ +{start}(\w+) = ", network, re.M)
        assert [name for name in names if name in {"x", "z1", "a1", *gradients}] == ["x", "z1", "a1", *gradients]


def test_links_lead_to_the_lines_of_mlp_np_here_and_on_a_site(tmp_path):
    """And in a tab of their own, so that nothing drawn is lost."""
    source = (ROOT / "mlp_np.py").read_text(encoding="utf-8").splitlines()
    for function in build.FUNCTIONS:
        first, last = build.lines(function)
        assert source[first - 1].strip().startswith(f"def {function}(")
        assert source[last - 1].strip().startswith("return ")
    page = COMMITTED.read_text(encoding="utf-8")
    links = re.findall(r'<a ([^>]*)href="\.\./([^"#]+)', page)
    assert {"README.md", "mlp_np.py"} == {path for _, path in links}
    assert {attributes for attributes, _ in links} == {'target="_blank" rel="noopener" '}

    out, code = tmp_path / "site" / "index.html", "https://github.com/somebody/written-twice/blob/0123abc"
    command = [sys.executable, "-S", "-m", "page.publish", "--code", code, "--out", out]  # -S: without any package
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    published = out.read_text(encoding="utf-8")
    assert published.replace(f'href="{code}/', 'href="../') == page
    assert published.count(f'href="{code}/mlp_np.py#L') >= 5
    workflow = (ROOT / ".github" / "workflows" / "pages.yml").read_text(encoding="utf-8")
    assert "python3 -m page.publish --code ${{ github.server_url }}/${{ github.repository }}/blob/" in workflow
    for arguments in (["--code", "mailto:x", "--out", str(out)], ["--code", code, "--out", str(COMMITTED)]):
        with pytest.raises(UserError):
            publish.main(arguments)


def test_the_page_names_its_run(checkpoint):
    _, options, history = build.load_mlp(checkpoint)
    accuracy = f"{history.test_accuracy[-1]:.4f}"
    assert build.run_line(options, history) == f"784-48-10, seed 3, 300 training steps, test accuracy {accuracy}"
    options.hold_out = 5000
    assert f"held-out accuracy {accuracy}" in build.run_line(options, history)
    history.test_step[-1] = 299  # stopped a step after the last test: what it measured is another network
    assert "accuracy" not in build.run_line(options, history)


def test_the_picture_for_the_readme(browser):
    with Image.open(io.BytesIO(screenshot.take(browser))) as picture:
        assert picture.width == 1200
        assert 500 < picture.height < 1200
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


def test_wrong_weights_are_one_line(edited, checkpoint, tmp_path):
    rng, out = np.random.default_rng(0), tmp_path / "page.html"
    own = load_checkpoint(checkpoint).groups["params"]
    shapes = {"W1": (784, 800), "b1": 800, "W2": (800, 10), "b2": 10}
    wide = {f"{group}__{n}": rng.normal(size=s).astype(np.float32) for n, s in shapes.items() for group in GROUPS}
    hostile = "<meta http-equiv=refresh content='0;url=http://127.0.0.1/'>"
    for path, words in [
        (tmp_path / "none.npz", "--weights"),
        (Path(__file__), "not a checkpoint"),
        (tmp_path, "cannot read"),
        (edited({"hidden": 47}), "another network"),
        (edited({"dataset": "fashion_mnist"}), "fashion_mnist"),
        *((edited(options), "make no sense") for options in ({"pixels": "loud"}, {"seed": hostile}, {"hidden": None})),
        (edited({"model": ["mlp", "resnet"]}), "make no sense"),
        (edited(params__W1=np.ones((48, 784), np.float32)), "another network"),
        (edited(params__b3=np.ones(10, np.float32)), "another network"),
        (edited(**{f"params__{name}": p * np.float32(1e30) for name, p in own.items()}), "too large"),
        (edited({"hidden": 800}, **wide), "--hidden"),
    ]:
        with pytest.raises(UserError) as error:
            build.main(["--weights", str(path), "--out", str(out)])
        assert words in str(error.value)
        assert "\n" not in str(error.value)
        assert not out.exists()


@pytest.mark.parametrize("out", ["", ".", "/", "none/page.html", "weights", "page/page.css", "--wieghts"])
def test_where_no_page_can_be_written(checkpoint, out):
    """Not over what it is made from, either."""
    before = checkpoint.read_bytes()
    name = str(checkpoint) if out == "weights" else out
    arguments = [out] if out == "--wieghts" else ["--weights", checkpoint, "--out", name]
    result = subprocess.run([sys.executable, "-m", "page.build", *arguments], capture_output=True, text=True, cwd=ROOT)
    assert_one_line(result, name or "--out")
    assert checkpoint.read_bytes() == before


def test_nothing_in_a_checkpoint_can_act(browser, checkpoint, tmp_path):
    """Were every check on the way in to fail: what is hostile is shown as text, and no request leaves the page."""
    url = "http://127.0.0.1:9/"
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

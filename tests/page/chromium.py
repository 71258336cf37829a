"""The page in a real browser, for the tests of this room: fixtures that open it, and how to read its numbers."""

import base64
import os
import shutil
import subprocess
import time
from contextlib import contextmanager

import numpy as np
import pytest

import main_np
from mlp_np import MLP
from page import build, screenshot
from pictures import strokes
from support.errors import UserError

COMMITTED = build.FOLDER / "index.html"
AXE = "axe-core@4.14.1"
PEN = """window.penTo = (pad, type, x, y) => { // from 0 to 1 of the pad
    const box = pad.getBoundingClientRect();
    pad.setPointerCapture = () => {}; // which only a real pen can have
    pad.dispatchEvent(new PointerEvent(type, {
        isPrimary: true, view: window, clientX: box.left + x * box.width, clientY: box.top + y * box.height}));
}"""


def missing(what):
    """Without it a test is skipped, except where .ci/run has installed it."""
    (pytest.fail if os.environ.get("NEED_BROWSER") else pytest.skip)(str(what))


@pytest.fixture(scope="session")
def browser():
    try:
        with screenshot.chromium() as launched:
            yield launched
    except UserError as error:
        missing(error)


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A small network after a short training."""
    out = tmp_path_factory.mktemp("run")
    main_np.main(["--hidden", "48", "--steps", "300", "--lr", "0.05", "--seed", "3", "--out", str(out)])
    return out / "checkpoint_np.npz"


@pytest.fixture(scope="session")
def small_page(checkpoint):
    """The page of that network."""
    out = checkpoint.with_name("index.html")
    build.main(["--weights", str(checkpoint), "--out", str(out)])
    return out


@pytest.fixture(scope="module")
def one_page(browser, small_page):
    with opened(browser, small_page, problems=["Canvas2D"]) as page:
        yield page


@pytest.fixture
def page(one_page):
    """One page for all tests of a file that begin with a digit or a run of their own, with its first weights."""
    one_page.evaluate("lab.reset(); lab.learning.pause(); lab.learning.restart(); lab.learning.show()")
    return one_page


@contextmanager
def opened(browser, path, width=1440, problems=(), blocked=(), **options):
    """The page in a window of its own. Afterwards: it has asked for itself only, and the console shows no error."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **options)
    try:
        page = context.new_page()
        page.add_init_script(PEN)
        seen, requests = [], []
        page.on("console", lambda message: message.type in ("error", "warning") and seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector("#starting", state="detached")
        yield page
        assert {*requests} - {*blocked} <= {path.as_uri()}
        assert [text for text in seen if not any(known in text for known in problems)] == []
    finally:
        context.close()


def until(is_so, seconds=60):
    """Wait until that is so, however slow the machine.

    Playwright's own wait_for_function asks a second time from within the page, where its policy forbids to evaluate.
    """
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline, f"not so after {seconds} seconds"
        time.sleep(0.02)


def frames(page, count=2):
    """Wait until the browser has drawn: for what it does in its next frame, or sees in it (what is in view)."""
    for _ in range(count):
        page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done)))")


def text(page, selector):
    """What that part of the page says."""
    return page.locator(selector).inner_text()


def boxes(page, selector):
    """(name, left, top, right, bottom), in the window, of each part of the page that the selector finds and shows."""
    return page.evaluate(
        """(selector) => [...document.querySelectorAll(selector)].map((e) => {
            const { left, top, right, bottom } = (e.type === "checkbox" ? e.parentElement : e).getBoundingClientRect();
            return [e.id || e.className || e.outerHTML.slice(0, 80), left, top, right, bottom];
        }).filter(([, left, , right]) => left < right)""",
        selector,
    )


def arrays(page, expression):
    """{name: flat array} of the floating-point arrays in a JavaScript object, bit for bit."""
    found = page.evaluate(
        f"""() => Object.entries({expression}).filter(([, p]) => p?.BYTES_PER_ELEMENT > 1).map(([name, p]) => [
            name, 8 * p.BYTES_PER_ELEMENT,
            btoa(Array.from(new Uint8Array(p.buffer), (n) => String.fromCharCode(n)).join(""))])"""
    )
    return {name: np.frombuffer(base64.b64decode(content), f"float{bits}") for name, bits, content in found}


def weights(page, model="lab.model"):
    """The float32 weights of one of the page's networks, in their shapes."""
    params = arrays(page, f"{model}.params")
    hidden = len(params["b1"])
    return {name: p.reshape({"W1": (784, hidden), "W2": (hidden, 10)}.get(name, -1)) for name, p in params.items()}


def twin(params):
    """mlp_np.py's network with these weights, in float64."""
    model = MLP(len(params["b1"]), dtype=np.float64)
    model.params = {name: params[name].astype(np.float64) for name in model.params}
    return model


def draw(page, digits, style=0, size=0.8, right=0.0, down=0.0):
    """Draw each of these digits (pictures.strokes), as large a share of the pad and moved by these, by a pen's events.

    What each becomes, (n, 28, 28) from 0 to 255, and what the page reads.
    """
    rng = np.random.default_rng(0)
    pixels, answers = page.evaluate(
        """(drawings) => {
            const pad = document.getElementById("pad"), pixels = [], answers = [];
            for (const strokes of drawings) {
                document.querySelector(".clear").click();
                for (const points of strokes) {
                    points.forEach(([x, y], n) => penTo(pad, n ? "pointermove" : "pointerdown", x, y));
                    penTo(pad, "pointerup", 0, 0);
                }
                lab.readPad();
                pixels.push(Array.from(lab.pixels()));
                answers.push(document.getElementById("answer").innerText);
            }
            return [pixels, answers];
        }""",
        [[((0.5 + right, 0.5 + down) + size * p).tolist() for p in strokes(n, style, rng)] for n in digits],
    )
    return np.reshape(pixels, (-1, 28, 28)), answers


@pytest.fixture(scope="session")
def axe(tmp_path_factory, request):
    """The source of axe-core, which finds what keeps people out (Deque Systems; from npm, kept in pytest's cache)."""
    kept = request.config.cache.mkdir("axe") / f"{AXE.replace('@', '-')}.js"
    if not kept.exists():
        npm, folder = shutil.which("npm") or missing("needs npm, for axe-core"), tmp_path_factory.mktemp("axe")
        ended = subprocess.run([npm, "install", "--prefix", folder, AXE], capture_output=True, text=True)
        if ended.returncode:
            missing(f"npm cannot get {AXE}: {ended.stderr.strip()}")
        kept.write_bytes((folder / "node_modules" / "axe-core" / "axe.min.js").read_bytes())
    return kept.read_text(encoding="utf-8")

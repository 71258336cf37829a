"""The page in a real browser, for the tests of this room: fixtures that open it, and how to read its numbers."""

import base64
import os
import shutil
import subprocess
import tarfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from page.screenshot import BROWSERS
from page_strokes import strokes

COMMITTED = Path(__file__).resolve().parent.parent.parent / "page" / "index.html"
WIDTHS = (390, 768, 1440)
AXE = "axe-core@4.14.1"
PEN = """window.penTo = (pad, type, x, y) => { // from 0 to 1 of the pad
    const box = pad.getBoundingClientRect();
    pad.setPointerCapture = () => {}; // which only a real pen can have
    pad.dispatchEvent(new PointerEvent(type, {
        isPrimary: true, view: window, clientX: box.left + x * box.width, clientY: box.top + y * box.height}));
}"""


@pytest.fixture(scope="session")
def browser():
    """Chromium, driven by playwright. Without it these tests are skipped; in CI it must be there.

    PAGE_BROWSER=/usr/bin/firefox runs them in that Firefox, over WebDriver BiDi, as far as it knows what they ask.
    """
    missing = pytest.fail if os.environ.get("CI") else pytest.skip
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("needs playwright: python -m pip install playwright")
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not path:
        missing(f"needs a browser in PATH: one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        if firefox := os.environ.get("PAGE_BROWSER"):
            launched = playwright.firefox.launch(executable_path=firefox, channel="moz-firefox")
        else:
            launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A small network after a short training."""
    import main_np

    out = tmp_path_factory.mktemp("run")
    main_np.main(["--hidden", "48", "--steps", "300", "--lr", "0.05", "--seed", "3", "--out", str(out)])
    return out / "checkpoint_np.npz"


@pytest.fixture(scope="session")
def small_page(checkpoint):
    """The page of that network."""
    from page import build

    out = checkpoint.with_name("index.html")
    build.main(["--weights", str(checkpoint), "--out", str(out)])
    return out


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


def weights(page, model="lab.model"):
    """The float32 weights of one of the page's networks, in their shapes."""
    arrays = arrays_of(page, f"{model}.params", np.float32)
    hidden = len(arrays["b1"])
    return {name: a.reshape({"W1": (784, hidden), "W2": (hidden, 10)}.get(name, -1)) for name, a in arrays.items()}


def arrays_of(page, expression, dtype):
    """{name: flat array} of a JavaScript object of typed arrays, bit for bit."""
    texts = page.evaluate(
        f"""() => Object.fromEntries(Object.entries({expression}).map(([name, p]) => [name,
            btoa(Array.from(new Uint8Array(p.buffer), (n) => String.fromCharCode(n)).join(""))]))"""
    )
    return {name: np.frombuffer(base64.b64decode(text), dtype) for name, text in texts.items()}


def twin(params):
    """mlp_np.py's network with these weights, in float64."""
    from mlp_np import MLP

    model = MLP(len(params["b1"]), dtype=np.float64)
    model.params = {name: params[name].astype(np.float64) for name in ("W1", "b1", "W2", "b2")}
    return model


def draw(page, *digit, **how):
    """Draw page_strokes.strokes(...) on the pad, by the events of a pen; what it becomes: (28, 28), 0 to 255."""
    pixels = page.evaluate(
        """(strokes) => {
            const pad = document.getElementById("pad");
            document.querySelector(".clear").click();
            for (const points of strokes) {
                points.forEach(([x, y], n) => penTo(pad, n ? "pointermove" : "pointerdown", x, y));
                penTo(pad, "pointerup", 0, 0);
            }
            lab.readPad();
            return Array.from(lab.pixels());
        }""",
        strokes(*digit, **how),
    )
    return np.array(pixels).reshape(28, 28)


@pytest.fixture(scope="session")
def axe(tmp_path_factory, request):
    """The source of axe-core, which finds what keeps people out (Deque Systems; from npm, kept in pytest's cache)."""
    kept = request.config.cache.mkdir("axe") / f"{AXE.replace('@', '-')}.js"
    if not kept.exists():
        missing = pytest.fail if os.environ.get("CI") else pytest.skip
        npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("axe")
        if not npm:
            missing("needs npm, for axe-core")
        packed = subprocess.run([npm, "pack", "--silent", AXE], cwd=folder, capture_output=True, text=True)
        if packed.returncode:
            missing(f"npm cannot get {AXE}: {packed.stderr.strip()}")
        with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
            kept.write_bytes(archive.extractfile("package/axe.min.js").read())
    return kept.read_text(encoding="utf-8")

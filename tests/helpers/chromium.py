"""A real browser for the tests of this folder: fixtures that open the page, and how to read its numbers."""

import base64
import functools
import http.server
import importlib.util
import os
import shutil
import subprocess
import sys
import threading
from contextlib import ExitStack, contextmanager
from unittest.mock import patch

import numpy as np
import pytest

import main_np
import plot
from conftest import PATIENCE, ROOT, once
from mlp_np import MLP
from page import build, bundle
from pictures import strokes
from support.errors import UserError

HELPERS = """window.penTo = (pad, type, x, y) => { // from 0 to 1 of the pad
    const box = pad.getBoundingClientRect();
    pad.setPointerCapture = () => {}; // which only a real pen can have
    pad.dispatchEvent(new PointerEvent(type, {
        isPrimary: true, view: window, clientX: box.left + x * box.width, clientY: box.top + y * box.height}));
}
if (navigator.connection) Object.defineProperty(navigator.connection, "saveData", { value: true }); // no Python ahead
window.drawn = () => new Promise((done) => requestAnimationFrame(() => setTimeout(done)));"""


def missing(what):
    """Without it a test is skipped, except where .ci/run has installed it."""
    (pytest.fail if os.environ.get("NEED_BROWSER") else pytest.skip)(str(what))


def launch(playwright):
    """Chromium, or Chrome where its installer puts it. It draws without a graphics card, real or imitated."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    return playwright.chromium.launch(
        executable_path=path, channel=None if path else "chrome", args=["--no-sandbox", "--disable-gpu"]
    )


@pytest.fixture(scope="session")
def browser():
    try:
        from playwright.sync_api import Error, sync_playwright
    except ImportError:
        missing("needs playwright: python -m pip install playwright")
    with sync_playwright() as playwright:
        try:
            launched = launch(playwright)
        except Error as error:
            missing(f"needs Chromium or Chrome: {str(error).splitlines()[0]}")
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A small network after a short training, the same for all processes that test."""

    def make(out):
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(plot, "save_learning_curves", lambda run: None)  # drawing takes longer than the training
            main_np.main(["--hidden", "48", "--steps", "300", "--lr", "0.05", "--seed", "3", "--out", str(out)])

    return once(tmp_path_factory, "a-small-network", make) / "checkpoint_np.npz"


@pytest.fixture(scope="session")
def small_page(tmp_path_factory, checkpoint, npm):
    """The address of the page of that network."""

    def make(out):
        build.main(["--weights", str(checkpoint), "--out", str(out)])

    return once(tmp_path_factory, "small.html", make).as_uri()


@pytest.fixture(scope="session")
def large_page(tmp_path_factory, npm):
    """The address of the page with the project's own network, which is a large one. The committed page may be older."""

    def make(out):
        build.main(["--out", str(out)])

    return once(tmp_path_factory, "large.html", make).as_uri()


@pytest.fixture(scope="session")
def window(browser, small_page):
    """window(address): one page of it for all tests, as it opens, but for the digit, and without motion."""
    with ExitStack() as windows:
        pages = {}

        def shown(address=small_page):
            if address not in pages:
                pages[address] = windows.enter_context(opened(browser, address, problems=["Canvas2D"]))
            page = pages[address]
            page.emulate_media(color_scheme="light", reduced_motion="reduce", forced_colors="none")
            page.set_viewport_size({"width": 1440, "height": 900})
            page.evaluate(f"lab.showNetwork(); lab.learning.pause(); {EVERYTHING}")
            page.evaluate("lab.learning.set({ lr: 4, batch: 2, hidden: 2, init: 'geohot', seed: 1, mistakes: [] })")
            return page

        yield shown


@pytest.fixture
def page(window):
    return window()


@pytest.fixture
def committed(window, large_page):
    return window(large_page)


# All views below each other, nothing of them folded.
EVERYTHING = """lab.skip(); lab.goTo("all"); document.querySelector(".pick").open = true;
    "logits p loss dlogits dW2 db2 da1 dz1 dW1 db1".split(" ").forEach(lab.unfold);"""
READY = "html:not(:has(#starting))"


def reload(page):
    page.reload()
    page.wait_for_selector(READY, state="attached")
    page.evaluate(EVERYTHING)


@contextmanager
def opened(browser, address, ready=READY, own=None, problems=(), **options):
    """A page in a window of its own, with nothing kept: for a page that shares nothing with another test's."""
    context = browser.new_context(**as_window(**options))
    try:
        with tab(context, address, ready, own, problems) as page:
            yield page
    finally:
        context.close()


def as_window(width=1440, **options):
    """The options of a window (a context) of the browser."""
    return {"service_workers": "block", "viewport": {"width": width, "height": 900}} | options


@contextmanager
def tab(context, address, ready=READY, own=None, problems=(), script=""):
    """A page in a tab of that window; `script` runs before its own. Afterwards: it has asked for nothing but `own` (or
    itself), and the console shows no error."""
    page, seen, asked = context.new_page(), [], []
    page.set_default_timeout(1000 * PATIENCE)
    known = [*problems, "blocked by Playwright"]

    def hear(request):
        asked.append(request.url)

    context.on("request", hear)
    try:
        page.add_init_script(f"{HELPERS}\n{script}")
        page.on("console", lambda message: message.type in ("error", "warning") and seen.append(message.text))
        page.on("pageerror", lambda error: seen.append(str(error)))
        page.goto(address)
        page.wait_for_selector(ready, state="attached")
        yield page
        assert [url for url in asked if not url.startswith(own or address)] == []
        assert [text for text in seen if not any(problem in text for problem in known)] == []
    finally:
        context.remove_listener("request", hear)
        page.close()


def frames(page, count=2):
    """Wait until the browser has drawn: for what it does in its next frame, or sees in it (what is in view)."""
    page.evaluate("async (count) => { while (count--) await drawn(); }", count)


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
        """async (drawings) => {
            const pad = document.getElementById("pad"), pixels = [], answers = [];
            for (const strokes of drawings) {
                document.querySelector(".clear").click();
                for (const points of strokes) {
                    points.forEach(([x, y], n) => penTo(pad, n ? "pointermove" : "pointerdown", x, y));
                    penTo(pad, "pointerup", 0, 0);
                }
                lab.readPad();
                await null; // then it is shown
                pixels.push(Array.from(lab.pixels()));
                answers.push(document.getElementById("answer").innerText);
            }
            return [pixels, answers];
        }""",
        [[((0.5 + right, 0.5 + down) + size * p).tolist() for p in strokes(n, style, rng)] for n in digits],
    )
    return np.reshape(pixels, (-1, 28, 28)), answers


@pytest.fixture(scope="session")
def site(tmp_path_factory, npm):
    """The site's folder, built once for all processes that test."""
    if not importlib.util.find_spec("mdit_py_plugins"):
        missing("needs requirements/site.txt")
    plain = os.environ | {"LC_ALL": "C", "PYTHONUTF8": "0"}  # a locale whose encoding is not UTF-8, as on Windows

    def make(out):
        subprocess.run([sys.executable, "-m", "page.site", str(out)], cwd=ROOT, env=plain, check=True)

    return once(tmp_path_factory, "the-site", make)


# A newcomer's npm may have no network, or a proxy in the way: then it would wait for minutes.
ONE_TRY = {"npm_config_fetch_retries": "0", "npm_config_fetch_timeout": "20000"}


@pytest.fixture(scope="session")
def npm(tmp_path_factory):
    """What page/package-lock.json lists is there; one process gets it for all."""
    if not shutil.which("npm"):
        missing("needs npm")
    with patch.dict(os.environ, {} if os.environ.get("NEED_BROWSER") else ONE_TRY):
        try:
            once(tmp_path_factory, "npm", lambda _: bundle.install_npm_packages())
        except UserError as error:
            missing(f"needs what npm gets: {error}")


@pytest.fixture(scope="session")
def axe(npm):
    """What axe-core (Deque Systems), which npm gets with what the site needs, finds on a page that keeps people out."""
    source = (bundle.MODULES / "axe-core/axe.min.js").read_text(encoding="utf-8")

    def violations(page, *rules):
        """By these rules, or by all."""
        page.evaluate(source)
        asked = {"runOnly": rules} if rules else {}
        found = page.evaluate("(asked) => axe.run(asked).then((result) => result.violations)", asked)
        return [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found]

    return violations


@contextmanager
def served(site):
    """The address of a server of that folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    handler = functools.partial(Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def address(site):
    with served(site) as address:
        yield address

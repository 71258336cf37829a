"""What the site loads, how much of it, and when; and what becomes of an answer that is no such file."""

import gzip
import http.server
import re
import threading
from contextlib import contextmanager
from functools import partial

import numpy as np
import pytest

from chromium import READY, opened, weights
from conftest import PATIENCE, schedule, until
from exercises.case import Case
from exercises.catalogue import BY_NAME
from page import data_file
from page.build import DATA_FILE

MOVES, DRAWS = 200_000, 500_000  # bytes until something moves, and until a digit can be drawn
FIRST_VERDICT = 8_500_000  # bytes until the first line is marked


@contextmanager
def visited(browser, address, path="index.html", ready=READY):
    """A page of the site in a window of its own; and the paths that it has asked for so far."""
    asked = []
    with opened(browser, f"{address}version.json", ready="html", own=address, problems=["404", "ntegrity"]) as page:
        page.context.on("request", lambda request: asked.append(request.url.removeprefix(address)))
        page.goto(address + path)
        page.wait_for_selector(ready, state="attached")
        yield page, asked


def sent(site, paths):
    """The bytes that a server sends for these paths, gzipped if they are not compressed yet."""
    files = [site / (re.sub(r"[?#].*", "", path) or "index.html") for path in paths]
    packed = (".gzip", ".xz")
    return sum(len(file.read_bytes() if file.suffix in packed else gzip.compress(file.read_bytes())) for file in files)


def test_the_front_page_is_there_with_few_bytes_and_loads_the_images_to_learn_from_when_they_are_wanted(
    browser, site, address
):
    """Its weights are those of the page on disk."""
    with visited(browser, address) as (page, asked):
        (network,) = [path for path in asked if path.startswith("data/")]
        assert {"index.html", network} == {*asked} and network.startswith("data/network-")
        assert sent(site, ["index.html"]) < MOVES
        assert sent(site, asked) < DRAWS
        model = data_file.build_mlp(data_file.load_arrays(DATA_FILE))
        for name, p in weights(page).items():
            assert np.array_equal(p, model.params[name]), name
        page.evaluate("lab.goTo('learn')")
        until(lambda: page.evaluate("1") and [path for path in asked if path.startswith("data/images-")])
        page.locator("#one").click()
        page.locator("#progress", has_text="1 step:").wait_for()
        assert len([path for path in asked if path.startswith("data/")]) == 2


@pytest.mark.slow(one_in=2)
def test_images_that_do_not_come_are_asked_for_again(browser, address):
    with visited(browser, address) as (page, _):
        page.context.route("**/data/images-*", lambda route: route.fulfill(status=404))
        page.evaluate("lab.goTo('learn')")
        page.locator("#start").click()
        page.locator("#progress", has_text="The images could not be loaded. Try again.").wait_for()
        page.context.unroute_all()
        page.locator("#start").click()
        page.locator("#progress", has_text="each image seen about").wait_for()


def mark(page, name, lines):
    """Whether these lines pass, and the verdict."""
    return page.evaluate(
        """async ([name, lines]) => {
            const { judge, byName, python } = lessons, exercise = byName.get(name);
            const file = exercise.stub.replace(/(\\w+ = \\.\\.\\.\\s*)+/, lines);
            const { passed, sentences } = await judge(python, exercise, file, 5);
            return [passed, sentences.join("\\n")];
        }""",
        [name, lines],
    )


@pytest.mark.slow(one_in=2)
def test_the_first_verdict_needs_few_bytes_and_images_come_when_something_trains(browser, site, address):
    with visited(browser, address, "practise.html#dz1", "html[data-ready]") as (page, asked):
        passed, said = mark(page, "dz1", "dz1 = da1 * (z1 > 0)\n    ")
        assert passed, said
        assert not [path for path in asked if "/images-" in path]
        # The front page, on which this is the second thing to load, is in it.
        assert sent(site, {*asked, "index.html"} - {"version.json"}) < FIRST_VERDICT
        code = "from exercises.digits import few_images; print(few_images()[0].shape)"
        assert page.evaluate("(code) => lessons.python.session([code], 20)", code)["printed"] == "(4000, 28, 28)\n"
        assert len([path for path in asked if "/images-" in path]) == 1
        assert page.evaluate("(code) => lessons.python.session([code], 20)", code)["printed"] == "(4000, 28, 28)\n"
        assert len([path for path in asked if "/images-" in path]) == 1


@pytest.mark.slow(one_in=2)
def test_the_time_of_a_run_begins_when_its_images_are_there(browser, address):
    """They take three seconds, and the run has one."""
    with visited(browser, address, "practise.html#dz1", "html[data-ready]") as (page, _):
        page.evaluate("lessons.python.start()")
        page.evaluate("""() => {
            const note = (is) => (is ? (window.waited = performance.now()) : (window.began = performance.now()));
            lessons.python.jobs.subscribe(([job]) => job?.awaits.subscribe(note));
        }""")
        page.context.route("**/runtime/images-*", lambda route: page.wait_for_timeout(3000) or route.continue_())
        code = "from exercises.digits import few_images; print(len(few_images()))"
        answer = page.evaluate("(code) => lessons.python.session([code], 1)", code)
        assert answer == {"printed": "4\n"}
        assert page.evaluate("began - waited") > 2500


def check_missing_images_are_named(page):
    """Python is there, and has not yet loaded its images."""
    page.route("**/runtime/images-*", lambda route: route.fulfill(status=404))
    code = "from exercises.digits import few_images; few_images()"
    said = page.evaluate("(code) => lessons.python.session([code], 20).catch((error) => error.message)", code)
    assert said.startswith("404 runtime/images-")


@contextmanager
def cached(site):
    """A server whose answers a browser caches for an hour: (address, {path: (content, type)} of its wrong answers)."""
    bad = {}

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def end_headers(self):
            self.send_header("Cache-Control", "max-age=3600" if self.path.strip("/") else "no-cache")
            super().end_headers()

        def do_GET(self):
            name = re.sub(r"[?#].*", "", self.path).strip("/")
            if name not in bad:
                return super().do_GET()
            content, kind = bad[name]
            self.send_response(200)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(site))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", bad
        server.shutdown()


LOGIN = b"<!doctype html><h1>Log in</h1>", "text/html"


@pytest.mark.parametrize("file", schedule(["lessons.json", "lessons.js", "data/network", "worker.js"], in_turn=2))
def test_a_bad_answer_that_the_browser_has_cached_does_not_survive_a_reload(browser, site, file):
    """A page in the place of a file, or a script that is called text: the server answers well the next time."""
    front = file.startswith("data/")
    path = next(site.glob(f"{file}*" if front else file)).relative_to(site).as_posix()
    wrong = ((site / path).read_bytes(), "text/plain") if file == "lessons.js" else LOGIN
    ready = READY if front else "html[data-ready]"
    context = browser.new_context(service_workers="block")
    try:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        with cached(site) as (address, bad):
            bad[path] = wrong
            page.goto(address + ("index.html" if front else "practise.html#dz1"))
            if file == "worker.js":
                page.get_by_role("button", name="Mark", exact=True).click()
                page.get_by_role("button", name="Try again").wait_for()
            elif front:
                page.locator("#starting", has_text="could not be loaded").wait_for()
            else:
                page.wait_for_load_state("networkidle")
            assert page.locator(ready).count() == (file == "worker.js")
            bad.clear()
            page.reload()
            page.wait_for_selector(ready, state="attached")
            if file == "worker.js":
                page.get_by_role("button", name="Mark", exact=True).click()
                page.get_by_text("Nothing is written yet").wait_for()
                check_missing_images_are_named(page)  # here, because loading Python takes seconds
    finally:
        context.close()


def test_every_case_that_a_page_names_is_a_link_to_it(site):
    """In a table as well."""
    names = {name for name, exercise in BY_NAME.items() if isinstance(exercise.kind, Case)}
    count = 0
    for path in site.glob("*.html"):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"<code>(case_\w+)</code>", text):
            assert name in names, (path.name, name)
            assert f'<a href="practise.html#{name}"><code>{name}</code></a>' in text, (path.name, name)
            assert text.count(f"<code>{name}</code>") == text.count(f'#{name}"><code>{name}</code></a>'), path.name
            count += 1
    assert count > 25

"""What the site loads, how much of it, and when; and what becomes of an answer that is no such file."""

import gzip
import re
from contextlib import contextmanager

import numpy as np
import pytest

from chromium import READY, opened, weights
from conftest import until
from page import data_file
from page.build import DATA

MOVES, DRAWS = 200_000, 500_000  # bytes until something moves, and until a digit can be drawn
FIRST_VERDICT = 8_500_000  # bytes until the first line is marked


@contextmanager
def visited(browser, address, path="index.html", ready=READY):
    """A page of the site in a window of its own; and the paths that it has asked for so far."""
    asked = []
    with opened(browser, f"{address}version.json", ready="html", own=address, problems=["404", "'integrity'"]) as page:
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
        model = data_file.network(data_file.load(DATA))
        for name, p in weights(page).items():
            assert np.array_equal(p, model.params[name]), name
        page.evaluate("lab.goTo('learn')")
        until(lambda: page.evaluate("1") and [path for path in asked if path.startswith("data/images-")])
        page.locator("#one").click()
        page.locator("#progress", has_text="1 step:").wait_for()
        assert len([path for path in asked if path.startswith("data/")]) == 2


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
            const { judge, byName, python } = lessons, { stub } = byName.get(name);
            const { passed, said } = await judge(python, byName.get(name), stub.replace(/(\\w+ = \\.\\.\\.\\s*)+/, lines), 5);
            return [passed, said.join("\\n")];
        }""",
        [name, lines],
    )


@pytest.mark.slow
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


@pytest.mark.slow
def test_the_time_of_a_run_begins_when_its_images_are_there(browser, address):
    """They take three seconds, and the run has one."""
    with visited(browser, address, "practise.html#dz1", "html[data-ready]") as (page, _):
        page.evaluate("lessons.python.start()")
        page.evaluate("""() => { lessons.python.jobs.subscribe(([job]) => job?.awaits.subscribe((is) => {
            if (is) window.waited = performance.now(); else if (window.waited) window.began = performance.now(); })) }""")
        page.context.route("**/runtime/images-*", lambda route: page.wait_for_timeout(3000) or route.continue_())
        code = "from exercises.digits import few_images; print(len(few_images()))"
        answer = page.evaluate("(code) => lessons.python.session([code], 1)", code)
        assert answer == {"printed": "4\n"}
        assert page.evaluate("began - waited") > 2500


def test_images_that_cannot_be_loaded_are_named(browser, address):
    with visited(browser, address, "practise.html#dz1", "html[data-ready]") as (page, _):
        page.context.route("**/runtime/images-*", lambda route: route.fulfill(status=404))
        code = "from exercises.digits import few_images; few_images()"
        said = page.evaluate("(code) => lessons.python.session([code], 20).catch((error) => error.message)", code)
        assert said.startswith("404 runtime/images-")

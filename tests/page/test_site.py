"""The site in a real browser: what it marks is what the terminal marks, and what the lessons print is what they say."""

import base64
import gzip
import io
import json
import re
import sys
import zipfile
from contextlib import contextmanager
from datetime import date, timedelta

import numpy as np
import pytest
from test_practice import everything_written, kind_of

import loading.checkpoint
from chromium import READY as STARTED
from chromium import as_window, boxes, draw, frames, opened, served, tab, weights
from conftest import PATIENCE, ROOT, schedule, until
from desk import archives, classroom
from desk.work import Work
from exercises import network
from exercises.catalogue import BY_NAME, CASES, CATALOGUE, EXERCISES
from gpt_np import GPT
from marker import marking, runner
from page.site import NAVIGATION, name_missing_requirement
from practice_answers import RIGHT, filled

SEED = 5
HERE = [exercise for exercise in EXERCISES if not name_missing_requirement(exercise)]
THERE = len(EXERCISES) - len(HERE)
FORGED = "import os, sys\nopen(sys.argv[4], 'w').write('{}')\nos._exit(0)\n"
HOSTILE = [
    "while True:\n    pass\n",
    "while True:\n    try:\n        while 1: pass\n    except BaseException: pass\n",
    "for i in range(10**5):\n    print(i)\n",
    "import os\nos._exit(0)\n",
    "import os\nos._exit(3)\n",
    "raise SystemExit(0)\n",
    "def dz1(da1, z1:\n    return 1\n",
    "x = [0]\nx[1]\n",
    "def f():\n    return f()\nf()\n",
    "import numpy as np\nnp.zeros(10**12)\n",
    FORGED.format('{"trials": []}'),
    FORGED.format("{"),
    FORGED.format('{"trials": 1, "printed": "x"}'),
    "",
]


READY = "html[data-ready]"
NO_PYTHON = "window.Worker = class { postMessage() {} terminate() {} }"  # it never arrives


@pytest.fixture(scope="module")
def at(browser, address):
    """Opens a page of the site where nothing is kept, in a tab of its own: `with at("practise.html") as page`.

    python: whether it can be loaded, which takes seconds; an editor that gets the focus loads it.
    """
    own, windows = (address, "data:", "blob:"), {}

    @contextmanager
    def shown(path, python=False, ready=READY, problems=(), **options):
        if not (window := windows.get(str(options))):
            window = windows[str(options)] = browser.new_context(**as_window(**options))
            window.new_page().goto(f"{address}version.json")  # its process stays, with the scripts compiled
        with tab(window, address + path, ready, own, problems, "" if python else NO_PYTHON) as page:
            try:
                yield page
            finally:
                page.goto("about:blank")  # it keeps what it has to
                forget = {"origin": address.rstrip("/"), "storageTypes": "all"}
                window.new_cdp_session(page).send("Storage.clearDataForOrigin", forget)

    yield shown
    for window in windows.values():
        window.close()


@pytest.fixture(scope="module")
def practise(browser, address):
    """The page with all exercises, one for all tests; once one of them has marked something, Python is there."""
    own, problems = (address, "data:", "blob:"), ["Canvas2D"]
    with opened(browser, f"{address}practise.html", READY, own, problems) as page:
        yield page


@pytest.fixture
def anew(practise, address):
    """anew(name, work): that page with this exercise, as a newcomer sees it, or one with this work. Python is there."""

    def show(name, **work):
        if not practise.url.startswith(f"{address}practise.html"):
            practise.goto(f"{address}practise.html")
            practise.wait_for_selector(READY, state="attached")
        practise.evaluate(
            """async ([name, work]) => {
                for (const task of lessons.tasks.values()) task.python.stop();
                lessons.tasks.clear();
                delete lessons.python.run; // what a test has put in its place
                localStorage.clear();
                sessionStorage.clear();
                localStorage.my_practice = work;
                location.hash = "";
                await drawn(); // or it would be where it is
                location.hash = name;
                dispatchEvent(new Event("pageshow")); // it looks again at what is there
            }""",
            [name, json.dumps(work)],
        )
        practise.locator("h2:focus").wait_for()
        return practise

    practise.set_viewport_size({"width": 1280, "height": 900})
    return show


def written():
    """(exercise, text) of what the marker's tests know, without PyTorch: the right lines of each exercise, and each
    kind of mistake once; a case of each kind, and hostile files."""
    seen = set()
    for name, body, mark, _ in everything_written():
        kind = name if mark == "passed" else kind_of(mark)
        if not BY_NAME[name].needs_torch and kind not in seen:
            seen.add(kind)
            text = stub(name) if body is None else filled(name, body)
            sizes = vars(next(iter(BY_NAME[name].draw_trials(SEED))))
            yield name, re.sub(r"\{(\w)\}", lambda m, sizes=sizes: str(sizes[m[1]]), text)
    yield from (("dz1", text) for text in HOSTILE)
    for exercise in HERE:
        if exercise in CASES and exercise.case.does not in seen:  # it trains a network, which takes seconds
            seen.add(exercise.case.does)
            text = exercise.stub.replace(exercise.wrong, exercise.right)
            yield exercise.name, text.replace("DIAGNOSIS = ...", f'DIAGNOSIS = "{exercise.case.diagnosis}"')


def stub(name):
    return BY_NAME[name].stub


@pytest.mark.parametrize("third", schedule(range(3), in_turn=3, first=True))
def test_every_answer_is_marked_word_for_word_as_in_the_terminal(third, anew, tmp_path, monkeypatch):
    page = anew("dz1")
    # Pythons stop in different lines at a breakpoint().
    every = [(name, text) for name, text in written() if "breakpoint()" not in text]
    assert {name for name, _ in every} >= {exercise.name for exercise in HERE if exercise.inputs}
    answers = every[third::3]

    def in_terminal(name, text):
        (path := tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        if text in HOSTILE:
            return marking.mark(BY_NAME[name], path, SEED, seconds=2)
        return marking.read_verdict(BY_NAME[name], runner.make_report(BY_NAME[name], path, SEED))

    monkeypatch.setattr(sys, "stdin", io.StringIO())
    # The browser marks while the terminal does.
    asked = [[name, text, 2 if text in HOSTILE else 60] for name, text in answers]
    page.evaluate(
        """([asked, seed]) => {
            const judge = (name, text, limit) => {
                const seconds = Math.min(limit, lessons.byName.get(name).seconds);
                return lessons.judge(lessons.python, { name, seconds }, text, seed);
            };
            window.marked = (async () => {
                const marked = [];
                for (const one of asked) marked.push(await judge(...one));
                return marked;
            })();
            return null; // it goes on
        }""",
        [asked, SEED],
    )
    expected = [in_terminal(name, text) for name, text in answers]
    found = page.evaluate("marked")
    differ = []
    for (name, text), here, there in zip(answers, found, expected, strict=True):
        # What does not end, where and when; and a training's last digits, which depend on the processor.
        here["text"], said = (
            re.sub(
                r"(?<=Stopped after )\d+|(?<=seconds, in) line \d+|0\.\d+(?= of the test digits| on the test images)",
                "",
                t,
            )
            for t in (here["text"], there.text)
        )
        same_print = here["printed"] == there.printed or BY_NAME[name] in CASES
        if (here["passed"], here["text"]) != (there.passed, said) or not same_print:
            differ.append((text, here["text"], said))
    assert not differ, "\n".join(
        f"--- {text[-300:]}\n--- here\n{here}\n--- there\n{there}" for text, here, there in differ
    )
    passed = sum(here["passed"] for here in found)
    assert passed >= 10 and len(found) - passed >= 30


def click(page, name):
    page.get_by_role("button", name=name).click()


def says(page, words):
    """Wait until the marker says so."""
    page.get_by_role("status").first.filter(has_text=words).wait_for()


def kept(page):
    return page.evaluate("JSON.parse(localStorage.my_practice)")


@pytest.mark.slow(one_in=3)
def test_by_keyboard_alone_from_an_untouched_exercise_to_the_next_and_it_is_kept(anew, address):
    """Python marks twice. It is loaded for this test and those after it, which takes seconds."""
    page = anew("da1")
    page.locator(".cm-content").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("x")  # over a selection: the console stays empty
    assert page.locator(".cm-content").inner_text() == "x"
    page.keyboard.press("Control+Z")
    page.keyboard.press("Control+Home")
    first = 1 + stub("da1").splitlines().index("import numpy as np")  # the marker counts the file's lines
    assert page.locator(".cm-gutterElement:nth-child(2)").inner_text() == str(first)
    page.keyboard.press("Control+Enter")
    says(page, "Nothing is written yet")
    assert page.locator(".exercise .row .primary:visible").all_inner_texts() == ["Mark"]
    for _ in range(5):
        page.keyboard.press("ArrowDown")
    page.keyboard.press("End")
    for key in ["Backspace"] * 3 + list("dlogits @ W2.T") + ["Control+Enter"]:
        page.keyboard.press(key)
    says(page, "Passed. That makes 1")
    assert page.locator(".exercise .row .primary:visible").all_inner_texts() == ["Next"]
    page.keyboard.press("Escape")
    for _ in range(9):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Next":
            break
    page.keyboard.press("Enter")
    page.locator("h2:focus", has_text="The logits of a layer").wait_for()  # which was left out
    page = page.context.new_page()
    page.goto(address + "practise.html#da1")
    page.locator("#list .passed", has_text="da1").wait_for()
    assert page.locator("#score").inner_text().startswith(f"1 of {len(EXERCISES)} passed. {THERE} exercises can")
    assert "dlogits @ W2.T" in page.locator(".cm-content").inner_text()
    page.close()


def opened_with(page, files, **more):
    """Open this page anew, with these files in the browser."""
    page.evaluate("(work) => localStorage.setItem('my_practice', work)", json.dumps({"files": files} | more))
    page.reload()
    page.wait_for_selector(READY, state="attached")


@pytest.mark.slow(one_in=3)
def test_what_is_left_holds_up_nothing_and_a_verdict_stays(anew):
    files = {"dz1": filled("dz1", "while True: pass"), "da1": filled("da1", "da1 = 2 * dlogits @ W2.T")}
    page = anew("dz1", files=files)
    click(page, "Mark")
    says(page, "Running")
    page.evaluate("location.hash = 'da1'")
    page.locator("h2:focus", has_text="da1").wait_for()
    click(page, "Mark")
    says(page, "da1: a factor 2, it seems.")  # at once, and not after the other's limit
    page.get_by_text("See both").click()
    assert page.locator(".grids table").count() == page.locator(".grids .furthest").count() == 2
    yours, right = re.search(r"yours is (\S+), the right one (\S+), the", page.locator(".both p").inner_text()).groups()
    assert float(yours) == pytest.approx(2 * float(right), rel=0.01)
    at = page.locator(".both code").inner_text()
    for key in ("ArrowUp", "ArrowDown"):  # one of them leads to another entry
        page.locator(".grids").press(key)
        if page.locator(".both code").inner_text() != at:
            break
    assert page.locator(".both code").inner_text() != at and page.locator(".pointed").count() == 2
    page.evaluate("location.hash = 'dz1'")
    says(page, "Stopped, because you opened a different exercise.")
    page.evaluate("location.hash = 'da1'")
    says(page, "da1: a factor 2, it seems.")


@pytest.mark.slow(one_in=3)
def test_what_is_due_stands_at_the_top_and_a_review_says_that_it_is_one(anew):
    right = {name: filled(name, RIGHT[name]) for name in ("dz1", "loss")}
    due = {"dz1": "2020-01-01", "loss": (date.today() + timedelta(3)).isoformat()}
    progress = {"passed": {"dz1": "x", "loss": "x"}, "due": due}
    page = anew("da1", files=right, passed=right, progress=progress)
    assert page.get_by_text("Due today").bounding_box()["y"] < 500
    assert re.search(r" 2 of \d+$", page.locator("#list summary").first.inner_text())
    page.locator(".due a").click()
    page.locator(
        ".exercise .note", has_text=f"Review of exercise {EXERCISES.index(BY_NAME['dz1']) + 1}"
    ).first.wait_for()
    assert not page.get_by_role("button", name="Solution").count()
    page.locator(".cm-content").press("Control+End")
    page.keyboard.type("  # again")
    assert kept(page)["reviews"]["dz1"].endswith("# again\n")
    page.evaluate(
        """(text) => { const work = JSON.parse(localStorage.my_practice); work.reviews.dz1 = text;
            localStorage.my_practice = JSON.stringify(work); dispatchEvent(new Event("pageshow")) }""",
        right["dz1"],
    )
    click(page, "Mark")
    says(page, "Passed again. It comes back in 7 days.")
    assert kept(page)["files"] == right and not page.locator(".due").count()


@pytest.mark.parametrize("name", schedule(["da1", "case_flat", "attention"], every_day=["da1"]))
def test_what_the_marker_says_comes_into_view_and_the_button_keeps_the_focus(anew, name):
    page = anew(name)
    page.get_by_role("button", name="Mark", exact=True).focus()
    page.keyboard.press("Enter")
    page.locator(".verdict.wrong").wait_for()
    until(lambda: 0 <= page.evaluate("document.querySelector('.verdict').getBoundingClientRect().top") < 780)
    assert page.evaluate("document.activeElement.textContent") == "Mark"


def lines_that_passed(*names):
    """The learner's folder with the right lines for these exercises of chapter 1, as the page keeps it."""
    files = {name: filled(name, RIGHT[name]) for name in names}
    return json.dumps({"files": files, "passed": files, "progress": {"passed": files}})


def press(page, name, role="button"):
    """By keys alone: Tab until that is reached, then Enter."""
    target = page.get_by_role(role, name=name, exact=True).first
    target.wait_for()
    for _ in range(200):
        if target.evaluate("(one) => one === document.activeElement"):
            page.keyboard.press("Enter")
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"{name} cannot be reached")


def handed_over(page):
    """The parameters that index.html finds, flat."""
    kept = json.loads(page.evaluate("localStorage.network"))
    return {name: np.frombuffer(base64.b64decode(text), "<f4") for name, text in kept["params"].items()}


def first_does(page, call):
    """From now on each run calls this of page/desk.py before what it is asked for."""
    page.evaluate(
        """(first) => {
            const { run } = Object.getPrototypeOf(lessons.python);
            lessons.python.run = function ({ call, ...request }, ...how) {
                return run.call(this, { call: `${first}; desk.${call}`, ...request }, ...how);
            };
        }""",
        call,
    )


@pytest.mark.slow(one_in=3)
def test_ones_own_lines_train_before_ones_eyes_and_the_page_reads_with_them_by_keys_alone(anew, address):
    page = anew("train")
    page.get_by_text("9 lines have not passed yet").wait_for()
    train = re.compile("^Train( again)?$")  # what another test has trained is still there
    assert page.get_by_role("button", name=train).get_attribute("aria-disabled") == "true"
    work = json.loads(lines_that_passed(*network.HOLE_NAMES))
    del work["passed"]["update"], work["progress"]["passed"]["update"]
    anew("update", **work)
    of_lesson = page.locator(".site a[href='training.html'] span")
    assert of_lesson.text_content() == ""
    page.locator(".cm-content").press("Control+Enter")
    says(page, "Passed.")
    page.keyboard.press("Escape")
    assert of_lesson.text_content() == " 1/4"  # the navigation counts
    press(page, "Train your network", "link")
    press(page, train)
    page.locator(".misread canvas").first.wait_for()
    said = page.locator(".said").inner_text()
    assert re.match(r"Your network, 784-64-10: its accuracy on 2,000 test images .* is 0\.(89|90|91)", said)
    steps = 320
    assert len(page.locator("polyline").first.get_attribute("points").split()) == steps
    with page.expect_download() as download:
        press(page, "Download")
    model, options, checkpoint = loading.checkpoint.load_network(download.value.path())
    assert (options.run.hidden, checkpoint.history.step) == (64, steps)
    assert f"{checkpoint.history.test_accuracy[-1]:.2f}" in said
    page.keyboard.press("Shift+Tab")
    press(page, "Open it in the page", "link")
    page.wait_for_url("**/index.html")
    page.wait_for_selector(STARTED, state="attached")
    (seen,), (answer,) = draw(page, [1])
    assert answer == str(model.forward(seen.reshape(1, 784) / 255).argmax())
    page.reload()  # which keeps it
    page.wait_for_selector(STARTED, state="attached")
    assert page.locator("#run").inner_text().startswith("Your network, 784-64-10, reads 0.")
    found = weights(page)
    assert all(np.array_equal(found[name], p.astype(np.float32)) for name, p in model.params.items())
    page.goto(address + "index.html#line=da1")  # the reader's own line, and the drawing is still there
    page.locator("#stage .yours", has_text="Your line: da1 = dlogits @ W2.T").wait_for()
    assert page.locator("#code .written").count() == 14 and page.locator("#answer").inner_text() == answer
    assert page.locator(".site .done").first.inner_text() == "Start ✓"
    page.goto(address + "practise.html#train")  # nothing is lost on the way back
    page.get_by_role("button", name="Train again").wait_for()
    assert page.locator(".said").inner_text() == said and page.locator(".misread canvas").count() > 1
    assert len(page.locator("polyline").first.get_attribute("points").split()) == steps
    with page.expect_download() as again:
        press(page, "Download")
    assert again.value.path().read_bytes() == download.value.path().read_bytes()
    page.once("dialog", lambda dialog: dialog.accept())
    with page.expect_navigation():
        click(page, "Start afresh")
    page.locator("#score", has_text="0 of").wait_for()
    assert kept(page)["files"] == {} and page.evaluate("Object.keys(localStorage)") == ["my_practice"]


BUSY = "import time\nend = time.perf_counter() + {}\nwhile time.perf_counter() < end: pass\n'ended'"


@pytest.mark.slow(one_in=3)
def test_in_a_lesson_too_what_is_left_is_ended_and_stop_ends_its_own_run_and_none_that_is_before_it(at):
    """Python is loaded, and a block keeps it busy for two seconds."""
    with at("backprop.html", python=True) as page:
        opened_with(page, {"dlogits": filled("dlogits", "while True: pass")})
        first, second = (page.locator(f"#exercise-{name}") for name in ("dlogits", "dW2_db2"))
        for card, said in ((first, "Running"), (second, "Nothing is written yet")):
            card.get_by_role("button", name="Mark", exact=True).click()
            card.get_by_role("status").filter(has_text=said).wait_for()
        assert "Stopped, because you went on with the exercise dW2_db2." in first.inner_text()
        page.evaluate(
            "(busy) => (lessons.blocks.blocks[0].text.value = busy, lessons.blocks.run(0), 0)", BUSY.format(2)
        )
        first, second = (page.locator(".block > [role=status]").nth(i) for i in (0, 1))
        first.locator("button").wait_for()
        page.evaluate("lessons.blocks.run(1), 0")
        second.filter(has_text="Waiting for block 1").locator("button", has_text="Stop").click()
        second.filter(has_text="Stopped.").wait_for()
        assert "Running" in first.inner_text()
        first.filter(has_text="'ended'").wait_for()


@pytest.mark.slow(one_in=3)
def test_work_goes_to_the_terminal_and_back(anew, tmp_path):
    """Python marks it, packs it, and unpacks three files."""
    files = {name: filled(name, RIGHT[name]) for name in ("dz1", "loss", "logits")}
    progress = {"current": "dz1", "passed": {}, "hints": {"dz1": 2}, "seen": {"loss": True}}
    page = anew("dz1", files=files, progress=progress)
    click(page, "Mark")
    page.locator(".cm-content").press("#")  # while it is marked
    says(page, "Passed. That makes 1")
    page.locator("#list .done", has_text="changed since it passed").wait_for()
    page.locator(".cm-content").press("Backspace")
    page.locator("#list .passed").wait_for()
    page.once("dialog", lambda dialog: dialog.accept("ada"))
    with page.expect_download() as download:
        click(page, "Download my work")
    assert download.value.suggested_filename == "ada.zip"
    path = tmp_path / "class" / "ada.zip"
    download.value.save_as(path)
    anew("dz1", files={"logits": "mine", "softmax": "mine"}, passed={"softmax": "mine"})
    page.locator("#score", has_text="0 of").wait_for()
    with zipfile.ZipFile(tmp_path / "notes.zip", "w") as archive:
        archive.writestr("notes.txt", "")
    (tmp_path / "text.zip").write_text("no zip file")
    for file, said in (("notes.zip", "there are no exercises in this file"), ("text.zip", "not a zip file")):
        page.locator("#upload").set_input_files(tmp_path / file)
        page.locator("#folder", has_text=said).wait_for()
    page.locator("#upload").set_input_files(path)
    page.locator("#list .done", has_text="seen").wait_for()
    page.locator("#list .passed").wait_for()
    mine = kept(page)
    assert mine["files"]["logits.1"] == mine["files"]["softmax"] == mine["passed"]["softmax"] == "mine"
    with zipfile.ZipFile(path) as archive:
        archive.extractall(tmp_path)
    assert Work(tmp_path / "my_practice", CATALOGUE).has_passed(BY_NAME["dz1"])
    assert not archives.unpack_archive(CATALOGUE.by_name, path, tmp_path / "unpacked")
    submission = classroom.read_submission(CATALOGUE, tmp_path / "unpacked")
    assert {*submission.files} >= {"dz1", "loss", "logits"} and submission.shown_solutions == {"loss"}


def test_opening_a_page_loads_no_python_and_nothing_that_was_written_is_lost(at):
    """A new tab, opened twice, takes a second each time."""
    with at("practise.html#dz1") as page:
        click(page, "Hint")
        page.reload()
        click(page, "Hint")
        assert page.locator(".help li").count() == 2
        assert page.evaluate("!lessons.python.starting")
        page.evaluate("setItem = Storage.prototype.setItem; Storage.prototype.setItem = null; 0")
        page.locator(".cm-content").press("a")  # the browser keeps nothing
        page.evaluate("Storage.prototype.setItem = setItem; 0")
        page.locator(".cm-content").press("b")
        click(page, "Hint")
        assert "ab" in kept(page)["files"]["dz1"]
        page.evaluate("location.hash = '#review/dz1'")
        page.locator("h2:focus").wait_for()
        page.locator(".cm-content").press("c")
        click(page, "Reset")
        assert [*kept(page)["files"]] == ["dz1"]


@pytest.mark.slow(one_in=3)
def test_a_failed_download_can_be_tried_again_and_a_second_visit_loads_nothing(browser, address):
    """Python is loaded twice. Its ten seconds are one here."""
    context, asked = browser.new_context(service_workers="block"), []
    try:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        ten = "(act, ms, ...more) => slow(act, ms === 10_000 ? 1000 : ms, ...more)"
        page.add_init_script(f"const slow = setTimeout; window.setTimeout = {ten}")
        context.route("**/runtime/*", lambda route: route.abort())
        page.goto(address + "practise.html#dz1")
        click(page, "Mark")
        page.get_by_role("button", name="Try again").wait_for()
        context.unroute("**/runtime/*")
        context.route("**/runtime/lib*", lambda route: None)  # nothing comes, and no error either
        click(page, "Try again")
        says(page, "Python is not loading: nothing has arrived for ten seconds.")
        words = page.locator(".verdict").inner_text()
        here, megabytes = map(float, re.search(r"(\d\.\d) of (\d\.\d) MB are here", words).groups())
        assert 0.1 * megabytes < here < 0.9 * megabytes
        # A page of somebody else's comes with status 200. It is not kept.
        context.route("**/runtime/lib*", lambda route: route.fulfill(body=gzip.compress(b"<h1>Log in</h1>")))
        click(page, "Try again")
        says(page, "something else came in the place of runtime/library")
        context.unroute_all()
        context.on("request", lambda request: asked.append(request.url))
        counts = []
        for button in ("Try again", "Mark"):
            click(page, button)
            says(page, "Nothing is written yet")
            counts.append(len([url for url in asked if "/runtime/" in url]))
            page.reload()
        assert 1 <= counts[0] == counts[1] <= 4  # some files had come before
    finally:
        context.close()


@pytest.mark.slow(one_in=3)
def test_without_a_network_all_pages_and_python_work_once_they_are_there(browser, site):
    """Python is fetched, and then loaded."""
    context = browser.new_context()
    try:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        with served(site) as address:
            page.goto(address + "practise.html#dz1")
            page.locator(".cm-content").focus()
            until(lambda: page.evaluate("Boolean(navigator.serviceWorker.controller)"))  # Python has come
        for path in ("", "index.html", "practise.html#dz1"):
            page.goto(address + path)
            page.reload()
            assert page.locator(".site a").count() == len(NAVIGATION)
        page.emulate_media(reduced_motion="reduce")  # then it need not wait after each patch
        page.goto(address + "writing.html")
        page.locator(".writer").get_by_role("button", name="7", exact=True).click()
        page.get_by_text("It has written a 7.").wait_for()
        page.get_by_label("The first letters").fill("Mac")
        click(page, "Write 10 names")
        page.locator(".names li").nth(9).wait_for()
        assert all(name.startswith("Mac") for name in page.locator(".names li").all_inner_texts())
    finally:
        context.close()


@pytest.mark.slow(one_in=3)
def test_a_browser_that_is_too_old_says_so_and_names_the_command(at):
    with at("practise.html#dz1") as page:
        page.add_init_script("WebAssembly.validate = () => false")
        page.reload()
        page.get_by_text("python practice.py dz1").wait_for()
        assert "Firefox 131" in page.locator(".terminal").inner_text()
        assert not page.get_by_role("button", name="Mark").count()


def typed(page):
    return page.locator(".cm-content").first.inner_text()


@pytest.mark.slow(one_in=3)
def test_of_two_tabs_none_overwrites_what_the_other_has_written(at):
    with at("backprop.html") as old, at("practise.html#logits") as new:
        marked_as(old, "Not yet.")
        new.locator(".cm-content").press("Control+End")
        new.keyboard.type("  # mine")
        old.locator("#exercise-logits .cm-content", has_text="# mine").wait_for()
        old.locator("#exercise-logits").get_by_role("button", name="Mark", exact=True).click()
        old.locator("#exercise-logits .verdict.wrong").wait_for()
        assert "# mine" in kept(new)["files"]["logits"] and "# mine" in typed(new)
        # A tab that slept has not heard of it: then both are kept.
        change = "my_practice = JSON.parse(localStorage.my_practice); my_practice.files.logits = 'newer';"
        old.evaluate(f"{change} localStorage.setItem('my_practice', JSON.stringify(my_practice))")
        old.locator("#exercise-logits .cm-content").press("Control+End")
        old.keyboard.type("!")
        files = kept(new)["files"]
        assert files["logits.1"] == "newer" and files["logits"].endswith("# mine!\n")


FULL = "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError') }"
DENIED = """Object.defineProperties(window, Object.getOwnPropertyDescriptors({
    get localStorage() { throw new DOMException('', 'SecurityError') } }))"""


def work_is_packed(page):
    """What is written now, Python gets for a file to download, though the browser keeps nothing."""
    page.evaluate("lessons.python.run = (request) => new Promise(() => (window.asked = request)); 0")
    page.locator(".cm-content").press("Control+End")
    page.keyboard.type("  # mine")
    page.get_by_text("This browser cannot store anything").first.wait_for()
    assert not page.get_by_text("It stays in this browser").count()
    page.get_by_role("button", name="Download my work").first.click()
    until(lambda: page.evaluate("window.asked?.argv[0]") == "write_work_archive")
    assert "# mine" in page.evaluate("asked.files['dz1.py']")


def test_where_the_browser_keeps_nothing_any_more_the_work_can_be_downloaded(anew):
    page = anew("dz1")
    page.evaluate(f"window.setItem = Storage.prototype.setItem; {FULL}; 0")
    work_is_packed(page)
    page.evaluate("Storage.prototype.setItem = setItem; 0")
    page.locator(".cm-content").press("End")
    page.keyboard.type(" ")  # the next change is kept again, as other tests expect it
    page.get_by_text("This browser cannot store anything").first.wait_for(state="hidden")


@pytest.mark.slow(one_in=3)
@pytest.mark.parametrize("broken", [FULL, DENIED], ids=["full", "denied"])
def test_where_the_browser_keeps_nothing_that_is_said_and_python_gets_the_work_to_pack(at, broken):
    with at("practise.html#dz1") as page:
        page.add_init_script(broken)
        page.reload()
        page.get_by_text("This browser cannot store anything").first.wait_for()
        assert not page.get_by_text("It stays in this browser").count()
        work_is_packed(page)


@pytest.mark.slow(one_in=3)
def test_what_cannot_be_loaded_is_said(at, address):
    with at("practise.html#dz1", problems=["404", "dynamically imported module"]) as page:
        for path in ("practise.html", "backprop.html"):
            for file, said in (("lessons.json", "not be loaded (404 lessons.json)"), ("lessons.js", "practice.py")):
                page.route(re.compile(rf"/{file}\?"), lambda route: route.fulfill(status=404))
                page.goto(address + path)
                page.locator("main", has_text=said).wait_for()
                page.unroute(re.compile(rf"/{file}\?"))


@pytest.mark.slow(one_in=3)
def test_what_is_no_folder_is_none(anew):
    page = anew("dz1")
    for nonsense in ("[", '{"files": null}', '{"files": {"dz1": 7}}', '{"progress": {"hints": 3}}', "null", "7"):
        page.evaluate("(text) => (localStorage.my_practice = text, dispatchEvent(new Event('pageshow')), 0)", nonsense)
        click(page, "Hint")
        assert page.locator("[aria-live] li").count() == 1 and page.locator(".cm-editor").count() == 1
    assert "Escape, then Tab" in page.locator(".keyboard").inner_text()


def marked_as(page, words):
    """From now on the marker, whatever it is asked, says these words; nobody waits for Python."""
    answer = {"passed": False, "printed": "", "sentences": [words], "progress": {}}
    page.evaluate(
        """(answer) => {
            const files = { "answer.json": new TextEncoder().encode(answer) };
            lessons.python.run = async () => ({ status: 0, files });
        }""",
        json.dumps(answer),
    )


@pytest.mark.slow(one_in=3)
def test_on_a_phone_there_are_keys_for_code(at):
    with at("practise.html#dz1", width=390, has_touch=True, is_mobile=True) as page:
        opened_with(page, {"logits": "mine"})
        marked_as(page, "Not yet.")
        assert boxes(page, ".exercise .row .primary")[0][4] <= 844  # Mark is in view for one who comes back
        page.evaluate("location.hash = 'da1'")
        page.locator("h2:focus").wait_for()
        page.locator(".cm-content").press("Control+End")
        for key in "@", "[", "]", "=", "*", "(", ")", "indent":
            page.get_by_role("button", name=key, exact=True).tap()
        assert typed(page).endswith("@[]=*()    ")
        page.set_viewport_size({"width": 390, "height": 440})  # what its keyboard leaves
        until(lambda: [box[4] for box in boxes(page, ".keys")] == [440])  # the page hears of it a little later
        (keys,) = boxes(page, ".keys")
        assert keys[1] == 0 and keys[3] == 390
        page.set_viewport_size({"width": 390, "height": 844})
        afresh = ".cm-content:not(:has-text('@[]'))"
        for button, shown in [("Hint", ".help li"), ("Reset", afresh), ("Mark", ".verdict p")]:
            page.locator(".cm-content").tap()  # the first tap after typing is not lost: nothing moves away under it
            page.keyboard.type("#")
            page.locator(".row").get_by_role("button", name=button).tap()
            page.locator(shown).first.wait_for()
        marked_as(page, "Still not.")
        page.locator(".cm-content").tap()
        page.locator(".keys").get_by_role("button", name="Mark").tap()  # the keyboard covers the other one
        page.locator(".verdict", has_text="Still not.").wait_for()
        until(lambda: page.evaluate("document.activeElement.textContent") == "Mark")  # the verdict is that of before
        assert not page.locator(".keys").is_visible()
        page.locator(".cm-content").tap()
        page.get_by_role("link", name="Next", exact=True).tap()
        page.locator("h2:focus", has_text="dz1").wait_for()


@pytest.mark.slow(one_in=3)
def test_on_a_phone_tables_keep_their_columns(at):
    with at("practise.html#case_flat", width=390, has_touch=True, is_mobile=True) as page:
        page.get_by_text("What is wrong with this program?").wait_for()
        assert {end - top < 25 for *_, top, _, end in boxes(page, ".suspects code")} == {True}  # in one line each
        page.locator(".runs", has_text="A healthy run").wait_for()
        assert page.locator(".runs").evaluate("(table) => table.scrollWidth <= table.clientWidth")
        page.evaluate("location.hash = 'tape_order'")
        page.locator("td", has_text="(leaves)").first.wait_for()
        wide = "(all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.outerHTML)"
        assert page.locator(".about > *").evaluate_all(wide) == []


@pytest.mark.slow(one_in=3)
def test_tables_show_their_columns_and_commands_in_them_keep_their_lines(at, address):
    with at("readme.html", width=1366) as page:
        seen = page.locator("td pre").evaluate_all("(all) => all.map((one) => [one.clientHeight, one.textContent])")
        assert len(seen) == 2 and all(height > 20 * text.strip().count("\n") for height, text in seen)
        for name in ("readme", "results", "debugging", "training"):
            page.goto(f"{address}{name}.html")
            wide = "(all) => all.map((one) => [one.scrollWidth - one.clientWidth, one.textContent])"
            beyond = [one for one in page.locator("table").evaluate_all(wide) if one[0] > 14]  # a cell's own margin
            assert not beyond, name
        page.set_viewport_size({"width": 390, "height": 844})
        page.goto(f"{address}debugging.html")
        page.get_by_text("The table", exact=True).click()
        assert (
            page.locator("td.sentence").evaluate_all("(all) => Math.max(...all.map((one) => one.clientHeight))") < 260
        )


@pytest.mark.slow(one_in=3)
def test_what_an_exercise_takes_stands_once_in_a_lesson(at):
    with at("backprop.html#exercise-dz1") as page:
        exercise = page.locator("#exercise-dz1")
        exercise.locator(".terms").first.wait_for()
        assert exercise.locator(".terms:visible").count() == 1
        exercise.get_by_text("What is asked").click()
        assert exercise.locator(".terms:visible").count() == 1


def test_the_prime_of_a_derivative_stands_on_the_line(site):
    """In Chromium one that is set as a power is as small as a dot, and far above its letter."""
    pages = [path.read_text(encoding="utf-8") for path in site.glob("*.html")]
    assert any("′</mo>" in page for page in pages) and not any("′</mo></msup>" in page for page in pages)


def test_a_statement_is_prose_and_formulas_and_says_what_each_argument_is(site):
    exercises = json.loads((site / "lessons.json").read_text(encoding="utf-8"))["exercises"]
    assert sum(bool(exercise["terms"]) for exercise in exercises) > 30
    for exercise in exercises:
        text, takes = exercise["text"], BY_NAME[exercise["name"]].takes
        assert ("<pre" in text) == (exercise["name"] == "next_word")  # which draws a line with characters
        told = {*re.findall(r"\w+", " ".join(re.findall(r"<dt><code>(.*?)</code></dt>", text)))}
        assert not exercise["terms"] or told >= {*takes} - {"temperature"}, exercise["name"]


@pytest.mark.slow(one_in=3)
def test_an_exercise_leads_to_those_it_names_and_to_its_place_in_a_lesson_near_the_question(at, address):
    with at("practise.html#attention") as page:
        page.set_viewport_size({"width": 1280, "height": 900})
        page.locator(".about a", has_text="softmax_backward").click()
        page.locator("h2:focus").wait_for()
        page.get_by_text("In the lesson").locator("a").click()
        page.wait_for_url("**/transformer.html#exercise-softmax_backward")
        page.goto(address + "backprop.html")
        for name in ("dlogits", "dW2_db2", "dz1"):
            card = page.locator(f"#exercise-{name}")
            assert card.locator(".cm-editor").bounding_box()["y"] - card.bounding_box()["y"] < 400
        page.locator("#exercise-dlogits summary").click()
        page.locator("#exercise-dlogits details", has_text="how the loss").wait_for()


def session(page, *blocks, seconds=20):
    return page.evaluate("([blocks, seconds]) => lessons.python.session(blocks, seconds)", [blocks, seconds])


@pytest.mark.slow(one_in=3)
def test_a_block_shows_what_a_notebook_would_and_says_in_which_line_it_did_not_end(anew):
    page = anew("dz1")
    assert session(page, "a = 3", "a\na + 1") == {"printed": "4\n"}
    assert session(page, "None") == session(page, "") == {"printed": ""}
    errors = "os.write(2, b'12\\n\\x1e{\\n\\x1enull\\n')"  # what looks like a report, too
    raw = f"import os\n_ = os.write(1, b'raw, '), {errors}\n'cooked'"
    assert session(page, raw) == {"printed": "raw, 'cooked'\n"}
    assert session(page, "a = 1", "a +")["error"].startswith("Line 1: a +")
    assert session(page, "1 / 0", "2")["error"].startswith("In block 1 above: Line 1: 1 / 0")
    loop = "i = 0\nwhile True:\n    i += 1"
    found = session(page, loop, "i", seconds=1)["error"]
    assert re.match(r"In block 1 above: Stopped after \d+ seconds, in line [23]\.", found)
    assert "status 3" in session(page, "import os; os._exit(3)")["error"]


@pytest.mark.slow(one_in=3)
def test_a_run_can_be_stopped_and_python_goes_on(anew):
    page = anew("dz1")
    page.locator(".cm-content").press("Control+Home")
    page.keyboard.type("while True:\npass\n")
    click(page, "Mark")
    click(page, "Stop")
    says(page, "Stopped.")
    click(page, "Reset")
    click(page, "Mark")
    says(page, "Nothing is written yet")


@pytest.mark.slow(one_in=3)
def test_a_slow_device_gets_more_time(anew):
    """On it everything takes eight times as long: its worker's clock is eight times as fast."""

    def slow(route):
        clock = "const now = performance.now.bind(performance); performance.now = () => 8 * now();\n"
        route.fulfill(response=(response := route.fetch()), body=clock + response.text())

    page, scripts = anew("dz1"), re.compile(r"/worker\.js\?")

    def with_a_new_worker():
        assert session(page, "while True: pass", seconds=0)["error"].startswith("Stopped")

    session(page, "")  # Python is there
    page.context.route(scripts, slow)
    with_a_new_worker()
    assert session(page, BUSY.format(16), seconds=1) == {"printed": "'ended'\n"}
    page.context.unroute(scripts, slow)
    with_a_new_worker()


def test_the_sites_folder_may_be_a_new_one_in_a_new_one(tmp_path, monkeypatch):
    from page import site

    monkeypatch.setattr(site, "build_site", lambda out: site.write_file(out / "lessons.json", ""))
    site.main([str(tmp_path / "new" / "site")])
    assert (tmp_path / "new" / "site" / "lessons.json").is_file()


def test_what_a_build_has_downloaded_or_compressed_the_next_one_finds(tmp_path, monkeypatch):
    from page import site

    monkeypatch.setattr(site, "CACHE_FOLDER", tmp_path / "kept")
    made = []
    for content in (b"one", b"one", b"two"):
        assert (
            site.load_or_make(
                site.compute_sha256_hex(content), lambda content: made.append(content) or content, content
            )
            == content
        )
    assert made == [b"one", b"two"]


def test_the_site_says_its_address_where_the_readme_does(site, tmp_path, monkeypatch):
    from page import site as built

    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    assert not [name for name, text in pages.items() if name.split("-")[0] != "code" and "OWNER" in text]
    assert "Publish the site" not in pages["contributing.html"] and "In your browser" not in pages["readme.html"]
    readme, contributing = ((ROOT / name).read_text(encoding="utf-8") for name in ("README.md", "docs/CONTRIBUTING.md"))
    (line,) = re.findall(r"^\*\*In your browser:\*\* .+$", readme, re.M)
    (published,) = re.findall(r"^ *(\*\*In your browser:\*\* .+)$", contributing, re.M)
    address = "https://ada.github.io/lessons/"
    (tmp_path / "README.md").write_text(
        readme.replace(line, published.replace(built.SITE_ADDRESS_PLACEHOLDER, address))
    )
    monkeypatch.setattr(built, "ROOT", tmp_path)
    assert built.adapt_to_site(f"at `{built.SITE_ADDRESS_PLACEHOLDER}practise.html`") == f"at `{address}practise.html`"


@pytest.mark.slow(one_in=3)
def test_a_new_version_is_said_and_what_another_one_has_kept_breaks_nothing_for_good(at, address):
    version = re.compile("/version.json")
    with at("practise.html#dz1", problems=["Canvas2D", "toFixed"]) as page:
        page.route(version, lambda route: route.fulfill(body='"another"'))
        for path, button, work in (
            ("practise.html#dz1", "Mark", "; your work is kept"),
            ("index.html", "Mark", "; your work is kept"),
        ):
            page.goto(address + path)
            if path == "index.html":
                page.locator("#skip").click()  # the first question, before which there is no line
            page.get_by_role("button", name=button, exact=True).click()
            page.get_by_text(f"There is a new version: load this page again{work}").wait_for()
        page.unroute(version)
        with page.expect_navigation():
            click(page, "Load this page again")
        page.goto(address + "practise.html#train")
        page.evaluate(
            """(kept) => {
                localStorage["kept training"] = localStorage["kept 1 training"] = kept;
                localStorage.my_practice = '{"files": {"dz1": "mine"}}';
            }""",
            json.dumps({"losses": [1], "accuracies": [{"of": 7}], "last": {}}),
        )
        page.reload()
        page.get_by_text("This part has failed.").wait_for()
        assert page.evaluate("localStorage['kept training']") is None  # it has another format
        click(page, "Forget old results")
        page.get_by_role("button", name="Train", exact=True).wait_for()
        assert kept(page)["files"] == {"dz1": "mine"}


@pytest.mark.slow(one_in=3)
@pytest.mark.parametrize("phone", [True, False])
def test_what_is_fetched_ahead(browser, site, address, phone):
    """All pages, so that they work without a network, but no picture; and no Python until one goes to an editor."""
    ahead = json.loads(re.search("`(.*)`", (site / "sw.js").read_text())[1])
    assert {path.name for path in site.glob("*.html")} < {*ahead} >= {"lessons.js", "worker.js", "write.css"}
    assert not [name for name in ahead if name.endswith((".png", ".gif", ".svg", ".jpg"))]
    context, asked = browser.new_context(has_touch=phone, is_mobile=phone, service_workers="block"), []
    try:
        page = context.new_page()
        page.set_default_timeout(1000 * PATIENCE)
        context.on("request", lambda request: asked.append(request.url))
        context.route("**/runtime/*", lambda route: route.abort())
        page.goto(address + "practise.html#dz1")
        page.wait_for_selector("html[data-ready]", state="attached")
        page.evaluate("new Promise((done) => requestIdleCallback(() => setTimeout(done)))")
        assert not [url for url in asked if "worker.js" in url]
        (page.locator(".cm-content").tap if phone else page.locator(".cm-content").click)()
        until(lambda: page.evaluate("1") and [url for url in asked if "/runtime/" in url])
    finally:
        context.close()


SIZES = [(1366, 650), (390, 844)]  # a small laptop's, and a phone's


@pytest.mark.parametrize(("width", "height"), schedule(SIZES, in_turn=2))
def test_a_newcomer_sees_mark_or_the_way_to_the_line_in_every_exercise_of_one_function(at, width, height):
    with at("practise.html#logits", width=width) as page:
        page.set_viewport_size({"width": width, "height": height})
        for exercise in HERE:
            if exercise.is_program:
                continue
            page.evaluate("(name) => (location.hash = name)", exercise.name)
            page.locator(f".exercise[aria-label={json.dumps(exercise.title)}]").wait_for()
            frames(page)
            page.evaluate("scrollTo(0, 0)")
            frames(page)
            (button,) = boxes(page, ".to-editor, .to-editor + button")  # Mark
            assert button[2] >= 0 and button[4] <= height, exercise.name


@pytest.mark.parametrize(("width", "height"), schedule([(390, 844), (844, 390), (683, 384), (568, 320)], in_turn=2))
def test_in_a_small_window_the_buttons_cover_no_line_and_mark_is_offered_where_it_can_be_seen(at, width, height):
    """Phones, and a laptop's window at 200 %. Where the line is further down, a button leads there."""
    seen = set()
    with at("practise.html#logits", width=width) as page:
        page.set_viewport_size({"width": width, "height": height})
        for name in ("dz1", "dlogits", "own_network"):
            page.evaluate("(name) => (location.hash = name)", name)
            page.locator(f".exercise[aria-label={json.dumps(BY_NAME[name].title)}]").wait_for()
            page.evaluate("scrollTo(0, 0)")
            frames(page, 4)
            line, away = page.locator(".cm-line", has_text="...").first, page.locator(".to-editor")
            is_away = away.is_visible()
            if is_away:
                assert not page.locator(".to-editor + button").is_visible(), name
                (_, left, top, right, bottom), *_ = boxes(page, ".to-editor")
                page.mouse.click((left + right) / 2, (top + bottom) / 2)  # without the scrolling of click()
                frames(page, 4)
                assert page.evaluate("document.activeElement.matches('.cm-content')")
            seen.add(is_away)
            page.locator(".to-editor + button").wait_for()  # Mark
            box, bar = line.bounding_box(), page.locator(".marks").bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= min(bar["y"], height), name
    assert True in seen


@pytest.mark.slow(one_in=3)
def test_one_who_comes_back_is_two_keys_from_the_editor(at):
    with at("practise.html#dz1") as page:
        opened_with(page, {"logits": "mine"})
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.matches('.cm-content')")


@pytest.mark.slow(one_in=3)
def test_a_guess_opens_what_happens_and_is_kept(at):
    with at("backprop.html") as page:
        guess = page.locator("[data-guess]").first
        fold = guess.locator("xpath=following-sibling::details[1]")
        assert fold.get_attribute("open") is None
        guess.get_by_role("button").nth(2).click()
        assert fold.get_attribute("open") is not None
        page.reload()
        assert guess.locator("[aria-pressed=true]").inner_text() == guess.get_by_role("button").nth(2).inner_text()


@pytest.mark.slow(one_in=3)
def test_what_fails_in_a_lesson_is_said(at):
    with at("autograd.html") as page:
        page.evaluate("lessons.python.session = () => Promise.reject(Error('No luck.')); lessons.blocks.run(0)")
        page.locator(".block [role=status]", has_text="Python could not be loaded (No luck.).").wait_for()


def test_an_editor_takes_the_place_of_the_block_that_it_shows(at):
    """What a block prints is a `pre`, too, and stays."""
    with at("transformer.html") as page:
        page.locator(".block .cm-content").first.wait_for(state="attached")
        said = page.evaluate("[...document.querySelectorAll('.block')].map((block) => block.textContent)")
        assert page.locator(".block").count() == page.locator(".block > .editor").count() > 0
        assert page.locator(".block > pre").count() == 0 and all(said)


@pytest.mark.slow(one_in=3)
@pytest.mark.parametrize("lesson", ["backprop", "autograd", "resnet", "transformer"])
def test_the_blocks_of_a_lesson_print_what_it_says(anew, address, lesson):
    """Each block after those above it, and the last one, whether it prints or not."""
    page = anew("dz1")
    blocks = page.evaluate(
        """async (address) => {
            const page = new DOMParser().parseFromString(await (await fetch(address)).text(), "text/html");
            return [...page.querySelectorAll(".block")].map((block) => {
                const next = block.nextElementSibling;
                return [block.textContent.trimEnd(), next?.matches(".printed") ? next.textContent : ""];
            });
        }""",
        f"{address}{lesson}.html",
    )
    assert blocks
    for i, (_, said) in enumerate(blocks):
        if said or i == len(blocks) - 1:
            found = session(page, *(text for text, _ in blocks[: i + 1]))
            assert "error" not in found and (not said or found["printed"].strip() == said.strip())


# The sizes of all words that can be seen, in pixels, but those of mathematics; and where the text of a lesson begins.
SIZES_OF_TYPE = """() => {
    const isSeen = (e) => !e.closest(".unseen, .skip, math, select") && e.checkVisibility({ opacityProperty: true });
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), sizes = new Set();
    for (let node; (node = walker.nextNode()); ) {
        if (node.data.trim() && isSeen(node.parentElement)) sizes.add(getComputedStyle(node.parentElement).fontSize);
    }
    return [...sizes].sort();
}"""
LEFT_EDGES = """() => {
    const selector = "main > :is(h1, h2, h3, p, table, pre, ul, ol)";
    const text = document.querySelectorAll(selector);
    const range = document.createRange();
    const leftOf = (e) => (range.selectNodeContents(e), Math.round(range.getBoundingClientRect().left));
    return [...new Set([...text].map((e) => e.matches("pre, ul, ol") ? e.firstElementChild : e).map(leftOf))];
}"""


@pytest.mark.slow(one_in=3)
def test_a_page_has_at_most_six_sizes_of_type(at, address):
    with at("index.html", ready=STARTED) as page:
        for width, height in ((1366, 768), (390, 844)):
            page.set_viewport_size({"width": width, "height": height})
            for view in ("opening", "inside", "fool", "learn"):
                page.evaluate("(view) => lab.goTo(view)", view)
                frames(page)
                sizes = page.evaluate(SIZES_OF_TYPE)
                assert len(sizes) <= 6, (view, width, sizes)
        for path in ("backprop.html", "practise.html#dz1"):
            page.goto(address + path)
            page.wait_for_selector(READY, state="attached")
            sizes = page.evaluate(SIZES_OF_TYPE)
            assert len(sizes) <= 6, (path, sizes)


@pytest.mark.parametrize("share", schedule(range(3), in_turn=3))
def test_every_page_has_few_sizes_of_type_and_its_text_begins_at_two_places_at_most(share, at, address, site):
    paths = [path.name for path in sorted(site.glob("*.html")) if path.name not in ("index.html", "speed.html")]
    with at("practise.html") as page:
        for path in paths[share::3]:
            page.goto(address + path)
            page.wait_for_selector(READY, state="attached")
            for width, height in ((1366, 768), (390, 844)):
                page.set_viewport_size({"width": width, "height": height})
                frames(page)
                sizes = page.evaluate(SIZES_OF_TYPE)
                edges = page.evaluate(LEFT_EDGES)
                assert len(sizes) <= 6 and len(edges) <= 2, (path, width, sizes, edges)


PATHS = ["practise.html#case_flat", "practise.html#torch_gradient", "backprop.html", "experiments.html"]


@pytest.mark.slow(one_in=3)
@pytest.mark.parametrize("width", [390, 1440])
def test_axe_finds_no_violation_and_nothing_is_wider_than_the_window(at, address, axe, width):
    others = [{"color_scheme": "dark"}, {"forced_colors": "active"}]
    with at("practise.html#case_flat", width=width, bypass_csp=True) as page:
        for path in PATHS:
            page.goto(address + path)
            page.wait_for_selector(READY, state="attached")
            frames(page)
            assert page.evaluate("document.documentElement.scrollWidth") == width
            assert axe(page) == [], path
            for look in others if path == PATHS[0] else ():
                page.emulate_media(**look)
                assert axe(page, "color-contrast") == [], (path, look)
            page.emulate_media(color_scheme="light", forced_colors="none")


def test_every_link_of_the_site_leads_somewhere(site):
    pages = {path.name: path.read_text(encoding="utf-8") for path in site.glob("*.html")}
    names = {name: {*re.findall(r'id="([^"]+)"', text)} for name, text in pages.items()}
    solutions = json.loads((site / "lessons.json").read_text(encoding="utf-8"))["exercises"]
    version = json.loads((site / "version.json").read_text())
    assert "code-mlp_np.py.html#L" in pages["index.html"]
    pages["practise.html"] += "".join(exercise["solution"] for exercise in solutions)
    exercises = {exercise.name for exercise in EXERCISES} | {"train", "prove"}
    for name, text in pages.items():
        for link in re.findall(r'<\w[^<>]*?\s(?:href|src)="([^"]*)"', text):  # and not in a listing
            if re.match("https?:|data:", link):
                continue
            path, _, fragment = link.replace(f"?{version}", "").partition("#")
            assert (site / (path or name)).is_file(), f"{name}: {link}"
            if fragment and (path or name) in pages:
                assert fragment in names[path or name] | exercises, f"{name}: {link}"
    assert sum(path.stat().st_size for path in (site / "runtime").glob("*.xz")) < 8_300_000


@pytest.mark.slow(one_in=3)
def test_a_line_that_has_not_passed_is_named_and_ours_stands_in_if_the_learner_says_so(anew):
    page = anew("train", **json.loads(lines_that_passed(*network.HOLE_NAMES[1:])))
    page.locator(".missing", has_text="One line has not passed yet: logits.").wait_for()
    page.get_by_role("checkbox").check()
    click(page, "Train")
    page.locator(".curves circle").first.wait_for()
    page.get_by_text(re.compile(r"Running … Step \d+ of 320")).wait_for()
    page.evaluate("location.hash = 'logits'")  # the training goes on, and says so
    page.get_by_text(re.compile(r"It is training: step \d+ of 320")).wait_for()
    click(page, "Mark")
    says(page, "Waiting for the training of your network … Step")
    click(page, "End that")
    says(page, "Nothing is written yet")
    page.evaluate("location.hash = 'train'")
    page.get_by_text("Ended for the exercise logits.").wait_for()
    page.evaluate("addEventListener('click', (event) => event.preventDefault(), { once: true })")
    page.get_by_role("link", name="Open it in the page").first.click()
    assert json.loads(page.evaluate("localStorage.network"))["ours"] == ["logits"]


@pytest.mark.slow(one_in=3)
def test_a_checkpoint_of_the_terminal_is_opened_and_handed_over(anew, checkpoint, tmp_path):
    page = anew("da1")
    (tmp_path / "no.npz").write_text("nothing")
    page.locator("#network").set_input_files(tmp_path / "no.npz")
    page.get_by_text("no.npz is not a checkpoint of this project, or is damaged").wait_for()
    page.locator("#network").set_input_files(checkpoint)
    page.get_by_text("Your network, 784-48-10, reads 0.").wait_for()
    page.evaluate("addEventListener('click', (event) => event.preventDefault(), { once: true })")
    page.get_by_role("link", name="Open it in the page").first.click()
    W1 = loading.checkpoint.load_network(checkpoint).model.params["W1"]
    assert np.array_equal(handed_over(page)["W1"], W1.ravel())
    assert json.loads(page.evaluate("localStorage.network"))["pixels"] == "standardised"


@pytest.mark.slow(one_in=3)
def test_ones_own_lines_and_mlp_np_are_the_same_run_and_a_wrong_line_is_found(anew):
    """Fifty steps of the proof's 200, which take seconds; the wrong line is found in the first."""
    right = json.loads(lines_that_passed(*network.HOLE_NAMES))
    page = anew("train", **right)
    first_does(page, "prove.iter_lockstep.__setattr__('__defaults__', (50, False))")
    click(page, "Compare")
    page.locator(".prove .right", has_text="no weight of your network differs in a bit").wait_for()
    assert page.locator(".prove tbody tr").count() == 3
    page = anew("train", **right | {"files": right["files"] | {"dz1": filled("dz1", "dz1 = da1")}})
    first_does(page, "prove.iter_lockstep.__setattr__('__defaults__', (1, False))")
    page.get_by_role("button", name=re.compile("^Compare")).click()
    page.locator(".prove .wrong", has_text="dz1 of dz1, in step 1").wait_for()


def stroke(page, *points):
    """Draw with a pen on the pad below own_network, from point to point: from 0 to 1 of the pad."""
    for move, (x, y) in (("down", points[0]), *(("move", point) for point in points[1:]), ("up", points[-1])):
        page.evaluate(f"penTo(document.querySelector('.pad'), 'pointer{move}', {x}, {y})")


@pytest.mark.slow(one_in=3)
def test_a_digit_of_two_strokes_is_read_whole(at):
    with at("practise.html#own_network", problems=["Canvas2D"]) as page:
        page.evaluate(
            """() => {
                window.reads = [];
                lessons.python.ask = async (name, { pixels }) => {
                    const trained = { claimed: 0.9, right: 0.9, proof: "", weights: "AAAA" };
                    if (name === "train_learner_network") return trained;
                    await new Promise((answer) => reads.push({ ink: pixels.filter((ink) => ink).length, answer }));
                    return { digit: 8 };
                };
            }"""
        )
        click(page, "Train it")
        page.locator(".pad").wait_for()
        for x in (0.3, 0.5, 0.7):
            stroke(page, (x, 0.2), (x, 0.8))
        page.evaluate("reads[0].answer()")
        until(lambda: page.evaluate("reads.length") == 2)  # the last drawing, and not the one before it
        page.evaluate("reads[1].answer()")
        page.get_by_text("Your network reads an 8.").wait_for()
        assert page.evaluate("reads.length === 2 && reads[1].ink > 2 * reads[0].ink")
        click(page, "Clear")
        assert not page.get_by_text("Your network reads").count()
        assert not page.get_by_role("button", name="Run").count()  # its images are not in a run


@pytest.mark.slow("first")
def test_a_network_from_a_blank_file_passes_and_reads_a_drawing(at):
    """It is trained twice to be marked, and once to read."""
    with at("practise.html#own_network", problems=["Canvas2D"], python=True) as page:
        four_epochs = RIGHT["own_network"].replace("12", "4")  # which are enough to pass
        opened_with(page, {"own_network": filled("own_network", four_epochs)})
        click(page, "Mark")
        page.locator(".verdict.right").wait_for()
        click(page, "Train it")
        page.locator(".handwriting .pad").wait_for()
        page.get_by_text("reads all 2,000 test images the same way").wait_for()
        page.evaluate("addEventListener('click', (event) => event.preventDefault(), { once: true })")
        page.get_by_role("link", name="Open it in the page").first.click()
        assert json.loads(page.evaluate("localStorage.network"))["title"].startswith("Your own network, 784-")
        stroke(page, (0.5, 0.15), (0.5, 0.5), (0.5, 0.85))
        page.locator(".handwriting", has_text="Your network reads a 1.").wait_for()


def share(text):
    """The number of per cent at the end of a text."""
    return float(re.search(r"([\d.]+)%$", text)[1])


@pytest.mark.slow(one_in=3)
def test_a_digit_that_is_asked_for_is_written(at, site):
    """By touch and keyboard; and Python writes there what gpt_np.py writes here."""
    address = json.loads((site / "lessons.json").read_text())["weights"]["digits"]
    with np.load(site / address) as arrays:
        model = GPT()
        for name, p in model.params.items():
            p[...] = arrays[name]
    with at("writing.html", has_touch=True, python=True) as page:
        asked = page.locator(".writer")
        asked.get_by_role("button", name="7", exact=True).tap()
        page.get_by_text("It has written a 7. Ask again: each one is different.").wait_for()
        assert asked.get_by_role("img", name="a 7, of which 49 of 49 patches are written").is_visible()
        asked.get_by_role("slider", name="Temperature").press("Home")
        asked.get_by_role("slider", name="Patch").press("Home")
        assert asked.locator(".taken").count() == 1  # the first patch, and what it thought likely there
        asked.get_by_role("button", name="8", exact=True).press("Enter")
        asked.get_by_role("button", name="Stop").click()
        assert re.search(r"Stopped( after \d+ of 49 patches)?\.", asked.get_by_role("status").first.inner_text())
        page.emulate_media(reduced_motion="reduce")  # then it need not wait after each patch
        asked.get_by_role("button", name="1", exact=True).press("Enter")
        page.get_by_text("It has written a 1. At a temperature of 0, it is always the same.").wait_for()
        [*model.generate(np.array([[128 + 1]]), 0, np.random.default_rng(0))]
        for block in range(2):  # what the heads looked at for the last patch is what they looked at here
            weights = model.layers[f"blocks.{block}"].layers["attention"].weights[0, :, 0]  # (4, 49)
            for head in range(4):
                shown = page.locator(".map").nth(4 * block + head)
                assert share(shown.inner_text()) == pytest.approx(100 * weights[head, 0], abs=0.11)
                assert f"patch {weights[head, 1:].argmax() + 1} (" in shown.get_attribute("aria-label")
        page.locator(".sheet").hover(position={"x": 5, "y": 5})
        assert page.locator(".places b").first.inner_text() == "1"
        page.get_by_label("The first letters").fill("Mac")
        click(page, "Write 10 names")
        page.locator(".names .row button").last.click()
        page.locator(".note", has_text=re.compile("^Likely after ")).wait_for()
        rows = page.locator(".heads tbody tr").evaluate_all(
            "(all) => all.map((row) => row.innerText.split('\\t').slice(1))"
        )
        assert len(rows) == 8 and all(sum(map(share, row)) == pytest.approx(100, abs=1) for row in rows)
        click(page, "Continue it")  # and a text, whose network comes only now
        page.locator(".text [data-n='199']").click()
        assert page.locator(".text").inner_text().startswith("ROMEO:")
        assert "(drawn)" in page.get_by_text("Likely here: ").inner_text()
        assert page.locator(".head").count() == 8 and page.locator(".head").first.locator("code span").count() <= 64
        said = page.evaluate(
            """async ([address, request]) => {
                const kept = new Uint8Array(await (await fetch(address)).arrayBuffer()), words = [];
                const onReport = ({ word }) => words.push(word);
                await lessons.python.ask("write_digit_to_page", request, {"writer.npz": kept}, 60, onReport);
                return words.slice(1);
            }""",
            [address, {"digit": 4, "temperature": 0.8, "seed": 5}],
        )
    assert said == [int(word) for (word,) in model.generate(np.array([[128 + 4]]), 0.8, np.random.default_rng(5))]

"""The first screen: a digit, a guess, and the line that the reader writes; and the views of the page behind it."""

import inspect
import io
import json
import re
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image

from chromium import READY, arrays, as_window, frames, opened, tab, text, twin, weights
from conftest import ROOT, as_input, schedule, until
from exercises.catalogue import BY_NAME
from mlp_np import MLP, relative_difference, softmax
from page.site import find_exercise_by_array
from practice_answers import filled

LAPTOP, PHONE = (1366, 650), (390, 844)


@pytest.fixture(scope="module")
def windows(browser, large_page):
    """windows(**options): a window of the browser for all tests of this file, with the page's scripts compiled."""
    contexts = {}

    def get_window(**options):
        key = str(options)
        if key not in contexts:
            contexts[key] = browser.new_context(**as_window(**options))
            contexts[key].new_page().goto(large_page)  # its process stays
        return contexts[key]

    yield get_window
    for context in contexts.values():
        context.close()


@pytest.fixture
def opening(windows, large_page):
    """The page as somebody sees it who opens it, without motion."""
    with tab(windows(reduced_motion="reduce"), large_page, problems=["Canvas2D"]) as page:
        page.set_viewport_size(dict(zip(("width", "height"), LAPTOP, strict=True)))
        yield page


@pytest.fixture
def first(opening):
    """The page after the first question."""
    opening.evaluate("lab.skip()")
    frames(opening)
    return opening


def test_the_first_screen_asks_and_gives_nothing_away(first):
    """Of what a reader is to write, no formula can be read anywhere, but where somebody asks to see it."""
    end = first.locator("#command").bounding_box()
    assert end["y"] + end["height"] < LAPTOP[1] and "practice.py one_image" in text(first, "#command")
    assert first.evaluate("document.documentElement.scrollHeight") < 3 * LAPTOP[1]
    formulas = [line.strip() for line in re.findall(r"= (.*?)(?:  #.*)?$", open_source(), re.MULTILINE)]
    for view in ("opening", "inside", "fool", "learn"):
        first.evaluate("(id) => lab.goTo(id)", view)
        frames(first)
        shown = text(first, "main")
        assert [formula for formula in formulas if len(formula) > 9 and formula in shown] == []
    first.evaluate("lab.goTo('inside')")
    first.locator("#code [data-stage=dz1]").click()
    assert text(first, "#stage-line") == "dz1 = …" and first.locator("#f-a1 b").inner_text() == "dz1"  # the picture
    first.locator("#stage .fold").click()
    assert text(first, "#stage-line") == "self.dz1 = self.da1 * (self.z1 > 0)"
    assert "da1 * (z1 > 0)" in text(first, "#f-dz1") and "a1.T @ dlogits" not in text(first, "#f-dW2")


def open_source():
    """The lines of mlp_np.py that an exercise asks for."""
    return inspect.getsource(MLP.backward).replace("self.", "")


def test_a_guess_is_answered_when_the_reader_lets_go_of_it(first):
    truth = arrays(first, "lab.pass")["dlogits"]
    bars = first.locator(".pull")
    assert first.locator(".truth").count() == 0
    box = bars.nth(3).bounding_box()
    first.mouse.move(box["x"] + 5, box["y"] + box["height"] / 2)
    first.mouse.down()
    first.mouse.move(box["x"] + 5, box["y"] + 0.75 * box["height"])
    assert first.locator(".truth").count() == 0  # not before
    first.mouse.up()
    assert first.evaluate("[...document.querySelectorAll('.truth')].length") == 1
    said = bars.nth(3).get_attribute("aria-valuetext")
    assert said.startswith("your guess: -0.5") and np.isclose(float(said.rpartition(" ")[2]), truth[3], rtol=5e-3)
    bars.nth(4).focus()  # by keys
    first.keyboard.press("ArrowDown")
    first.keyboard.press("Tab")
    assert first.locator(".truth").count() == 2
    first.evaluate("for (let k = 0; k < 10; k++) { lab.guess(k, k === 4 ? -1 : 0.1); lab.settle(k); }")
    assert text(first, "#question").startswith("10 of 10 point the right way. Only a larger score of 4")
    shown = [float(v) for v in first.locator(".pull span").all_inner_texts()]
    assert np.abs(np.array(shown) - truth).max() < 0.006
    first.evaluate("lab.setLabel(2)")  # another loss: another guess
    assert first.locator(".truth").count() == 0


# How far the texts of two neighbours in a row lie apart, at least.
APART = """() => {
    const range = document.createRange();
    const box = (node) => { range.selectNodeContents(node); return range.getBoundingClientRect(); };
    return Math.min(...["b", ".logit", ".pull span"].flatMap((kind) => {
        const boxes = [...document.querySelectorAll(`.score ${kind}`)].map(box);
        return boxes.slice(1).map((one, k) => one.left - boxes[k].right);
    }));
}"""


@pytest.mark.slow(one_in=2)
def test_numbers_of_neighbours_do_not_run_into_each_other_in_any_window(first):
    first.evaluate("for (let k = 0; k < 10; k++) { lab.guess(k, 0.1); lab.settle(k); }")
    for width in (360, 641, 1081, 1180, LAPTOP[0]):
        first.set_viewport_size({"width": width, "height": 800})
        frames(first)
        assert first.evaluate(APART) > 2, width


@pytest.mark.slow(one_in=2)
def test_each_address_leads_to_its_view(first):
    for address, part in [("#learn", "learn"), ("#f-dW2", "f-dW2"), ("#fool", "fool"), ("#line=dz1", "stage"),
                          ("#lr=0.1&batch=32&hidden=32&init=he&seed=2", "learn"), ("#opening", "pad")]:  # fmt: skip
        first.evaluate("(address) => (location.hash = address)", address)
        frames(first, 3)
        assert first.locator(f"#{part}").is_visible(), address
    assert not first.locator("#learn").is_visible()
    first.evaluate("lab.goTo('all')")
    assert all(first.locator(f"#{part}").is_visible() for part in ("opening", "inside", "fool", "learn", "own"))


@pytest.mark.slow(one_in=2)
def test_the_pad_is_drawn_on_by_keys(first):
    first.locator("#pad").focus()
    first.keyboard.press("Tab")
    first.keyboard.press("Shift+Tab")
    first.locator(".clear").first.click()
    first.locator("#pad").focus()
    for key in [*["ArrowUp"] * 8, " ", *["ArrowDown"] * 16, " ", *["ArrowRight"] * 4]:
        first.keyboard.press(key)
    strokes = first.evaluate("lab.state.digit.value.strokes")
    assert len(strokes) == 1 and len(strokes[0]) == 17  # the pen was up at the end
    assert text(first, "#answer") == "1"


def test_the_chain_asks_for_what_its_exercises_ask_for():
    """Their names, what they give and what they get stand in page/chain.js, because the page opens without a site."""
    script = (ROOT / "page" / "chain.js").read_text(encoding="utf-8")
    asked = re.search(r"export const CHAIN = \[.*?\n\];", script, re.DOTALL)[0]
    found = re.findall(r'exercise: "(\w+)",\s+gives: \[(.*?)\],.*?inputs: \{(.*?)\}', asked, re.DOTALL)
    assert len(found) == asked.count("exercise:")
    for n, (name, gives, inputs) in enumerate(found):
        exercise = BY_NAME[name]
        assert re.findall(r'"(\w+)"', gives) == list(exercise.gives)
        assert {*re.findall(r"(\w+): \"", inputs)} == {*exercise.takes}
        if n > 0:  # the first is that of one image, which is no line of the network's
            assert find_exercise_by_array()[exercise.gives[0]] == name
    names = [name for name, *_ in found]
    assert names == [name for name in BY_NAME if name in names]  # in the order of the lessons


@pytest.mark.slow(one_in=2)
def test_what_one_writes_is_marked_and_drives_the_bars_and_the_step(browser, address):
    """A wrong line is named, a right one computes; with all of them the step is the reader's own."""
    own = (address, "data:", "blob:")
    with opened(browser, f"{address}index.html", own=own, problems=["Canvas2D"]) as page:
        page.set_viewport_size(dict(zip(("width", "height"), LAPTOP, strict=True)))

        def write(lines):
            page.locator(".own-line textarea").focus()
            page.keyboard.press("Control+A")
            page.keyboard.insert_text(lines)
            page.keyboard.press("Control+Enter")

        page.locator("#skip").click()
        end = page.locator("#mark").bounding_box()
        assert end["y"] + end["height"] < LAPTOP[1]
        write("dlogits = onehot - p")
        page.locator(".verdict.wrong", has_text="the sign").wait_for()
        assert page.locator(".truth").count() == 0
        lines = [
            "dlogits = p - onehot", "dlogits = (p - np.eye(10)[y]) / len(p)",
            "dW2 = a1.T @ dlogits\ndb2 = dlogits.sum(axis=0)", "da1 = dlogits @ W2.T", "dz1 = da1 * (z1 > 0)",
            "dW1 = x.T @ dz1\ndb1 = dz1.sum(axis=0)",
        ]  # fmt: skip
        for n, line in enumerate(lines, 1):
            write(line)
            page.locator(".links .done").nth(n - 1).wait_for()
            if n == 1:
                page.locator("#question", has_text="Your own line computes these bars. Draw").wait_for()
                assert page.locator(".truth").count() == 10
        assert "Take a step now uses your lines" in text(page, "#all-own")
        page.locator("#question", has_text="Draw").wait_for()
        page.evaluate("lab.learn(1)")
        theirs = weights(page)
        page.evaluate("lab.undo()")
        page.locator("#question", has_text="Your own line computes these bars. Draw").wait_for()
        page.locator("#teach").click()
        mine = weights(page)
        assert all(np.abs(mine[name] - theirs[name]).max() < 1e-7 for name in mine)
        page.goto(f"{address}practise.html")  # and back: the digit, the steps and the lines are there
        page.go_back()
        page.locator(".links .done").nth(len(lines) - 1).wait_for()
        assert page.evaluate("lab.state.steps.value.length") == 1
        again = weights(page)
        assert all(np.abs(mine[name] - again[name]).max() < 1e-7 for name in mine)


@pytest.mark.slow(one_in=2)
def test_back_leads_to_the_first_screen(first):
    first.locator("#sections a", has_text="Fool it").click()
    assert first.locator("#fool").is_visible() and not first.locator("#pad").is_visible()
    first.go_back()
    first.locator("#pad").wait_for()
    assert not first.locator("#fool").is_visible()


# In the place of the worker with Python: a line without dots passes, and the derivatives are the page's own.
FAKE_PYTHON = """window.Worker = class {
    terminate() {}
    postMessage({ load, run }) {
        const reply = (data) => setTimeout(() => this.onmessage({ data }));
        const bytes = (text) => new TextEncoder().encode(text);
        if (load) return reply({ ready: {} });
        if (!run) return;
        const [call, request] = run.argv;
        if (call === "write_derivatives") {
            const arrays = ["dlogits", "dW2", "db2", "da1", "dz1", "dW1", "db1"].map((name) => [
                name, new Uint8Array(new Float64Array(lab.pass[name]).buffer)]);
            const files = { ...Object.fromEntries(arrays), "answer.json": bytes("{}") };
            return reply({ ended: { status: 0, files } });
        }
        if (call !== "judge_written_report") return reply({ ended: { status: 0, files: {} } });
        const { name } = JSON.parse(request);
        const passed = !run.files[`${name}.py`].includes("...");
        const answer = { passed, printed: "", files: {}, sentences: passed ? SAID : ["Nothing is written yet."],
            progress: { passed: passed ? { [name]: "2026-01-01" } : {} } };
        reply({ ended: { status: 0, files: { "answer.json": bytes(JSON.stringify(answer)) } } });
    }
}"""


@contextmanager
def front(browser, address, script="", passed=(), size=LAPTOP, **options):
    """The site's first screen after the first question, with lines that have passed; `script` runs before its own."""
    own = (address, "data:", "blob:")
    files = {name: filled(name, f"{BY_NAME[name].gives[0]} = 1") for name in passed}
    work = {"files": files, "passed": files, "progress": {"passed": dict.fromkeys(passed, "2026-01-01")}}
    said = json.dumps(["Passed. That makes 1.", BY_NAME["dW1_db1"].on_digits])
    before = f"localStorage.my_practice ??= {json.dumps(json.dumps(work))}; const SAID = {said}; {script}"
    viewport = dict(zip(("width", "height"), size, strict=True))
    context = browser.new_context(**as_window(viewport=viewport, **options))
    try:
        with tab(context, f"{address}index.html", own=own, problems=["Canvas2D"], script=before) as page:
            page.evaluate("lab.skip()")
            yield page
    finally:
        context.close()


FULL = "Storage.prototype.setItem = () => { throw new DOMException('', 'QuotaExceededError'); };"
DENIED = """for (const name of ["localStorage", "sessionStorage"]) {
    Object.defineProperty(window, name, { get() { throw new DOMException("", "SecurityError"); } });
}"""


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize("broken", [FULL, DENIED], ids=["full", "denied"])
def test_where_the_browser_keeps_nothing_that_is_said_before_anything_is_lost(browser, address, broken):
    never = "window.Worker = class { postMessage() {} terminate() {} }"  # Python does not arrive
    with front(browser, address, f"{broken} {never}") as page:
        page.get_by_text("This browser cannot store anything").wait_for()
        page.locator("#mark").click()
        page.get_by_text("Python is being downloaded").wait_for()
        assert not page.get_by_text("It stays in this browser").count()


def test_enter_marks_one_line_and_the_note_says_so_of_no_other(browser, address):
    with front(browser, address, FAKE_PYTHON) as page:
        area = page.locator(".own-line textarea")
        area.press("Shift+Enter")
        assert text(page, "#keys") == "Ctrl+Enter marks."
        area.press("Enter")
        assert area.input_value().count("\n") == 2
        assert page.locator(".verdict").inner_text() == ""
        area.press("Control+A")
        area.press("Delete")
        assert text(page, "#keys").startswith("Enter marks")
        area.press("Enter")
        page.locator(".verdict.right").first.wait_for()


@pytest.mark.slow(one_in=2)
def test_after_a_right_first_attempt_the_focus_is_in_the_next_line(browser, address):
    with front(browser, address, FAKE_PYTHON) as page:
        first_line = page.locator(".own-line textarea")
        named = first_line.get_attribute("aria-label")
        first_line.fill("anything = 1")
        first_line.press("Enter")
        page.locator(".links .done").wait_for()
        page.locator(".own-line textarea:focus").wait_for()
        assert page.locator(".own-line textarea").get_attribute("aria-label") != named


@pytest.mark.slow(one_in=2)
def test_after_a_reload_nothing_is_asked_again_and_there_is_nothing_to_undo(browser, address):
    with front(browser, address) as page:
        page.reload()
        page.wait_for_selector(READY, state="attached")
        assert not page.locator("#asked").count()  # the question is not asked again
        page.evaluate("penTo(pad, 'pointerdown', 0.5, 0.2); penTo(pad, 'pointermove', 0.5, 0.8); lab.readPad()")
        page.evaluate("penTo(pad, 'pointerup', 0, 0); lab.setLabel(1); lab.learn(1)")
        assert not page.locator("#undo-stroke").is_disabled()
        page.reload()
        page.wait_for_selector(READY, state="attached")
        assert len(page.evaluate("lab.state.digit.value.strokes")) == 1
        assert page.locator("#undo-stroke").is_disabled() and not page.locator("#teach-undo").is_disabled()


@pytest.mark.slow(one_in=2)
def test_numbers_stay_within_their_bars(first):
    """Also the longest, "-1.00"."""
    first.evaluate("lab.setLabel(9); for (let k = 0; k < 10; k++) { lab.guess(k, 0.1); lab.settle(k); }")
    assert "-1.00" in first.locator(".pull span").all_inner_texts()
    for width in (360, PHONE[0], 641, 768, 1081, 1180, LAPTOP[0]):
        first.set_viewport_size({"width": width, "height": 800})
        frames(first)
        across = first.evaluate(
            """() => [...document.querySelectorAll(".pull span")].map((span) => {
                const range = document.createRange();
                range.selectNodeContents(span);
                const [number, bar] = [range, span.parentElement].map((part) => part.getBoundingClientRect());
                return Math.max(bar.left - number.left, number.right - bar.right);
            })"""
        )
        assert len(across) == 10 and max(across) <= 0, width


@pytest.mark.parametrize(("width", "height"), schedule([(1366, 768), (1024, 640), PHONE], in_turn=3))
def test_the_end_of_the_chain_is_in_the_window_and_draws_no_other_digit(browser, address, width, height):
    passed = ["dlogits", "dW2_db2", "da1", "dz1"]
    with front(browser, address, FAKE_PYTHON, passed, (width, height)) as page:
        page.locator(".own-line textarea").fill("dW1 = 1\ndb1 = 1")
        page.locator(".own-line textarea").press("Control+Enter")
        end = page.locator("#all-own")
        end.wait_for()
        frames(page)
        box = end.bounding_box()
        assert box["y"] >= 0 and box["y"] + box["height"] <= height
        assert not page.locator(".task pre").first.is_visible()  # a 1, drawn with characters
        assert not page.locator("#mark").count()


@pytest.mark.slow(one_in=2)
def test_the_pictures_of_a_lesson_are_dark_in_the_dark_scheme(browser, address):
    with opened(browser, f"{address}backprop.html", "html[data-ready]", address, color_scheme="dark") as page:
        picture = page.locator("main img").first
        picture.scroll_into_view_if_needed()
        until(lambda: picture.evaluate("(image) => image.complete"))
        brightness = np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("L"))
        assert np.median(brightness) < 64


@pytest.mark.slow(one_in=2)
def test_learn_has_one_start_and_one_pad_in_a_window(first):
    first.set_viewport_size({"width": 1366, "height": 768})
    first.evaluate("lab.goTo('learn')")
    frames(first, 3)
    starts = first.get_by_role("button", name="Start", exact=True)
    assert starts.count() == 1 and starts.get_attribute("id") == "start"
    assert "away" in first.locator("#dock").get_attribute("class")
    first.set_viewport_size({"width": 1366, "height": 500})
    first.evaluate("document.querySelector('.mistakes').scrollIntoView()")
    first.locator("#dock-step").wait_for()


# --- The first twenty seconds -----------------------------------------------------------------------------------------

# Whether the picture that moves is there, and how much of it is painted.
FLOW = """() => {
    const canvas = document.getElementById("flow"), { width, height } = canvas;
    const values = width ? canvas.getContext("2d").getImageData(0, 0, width, height).data : [];
    const painted = values.reduce((count, value, n) => count + (n % 4 === 3 && value > 0), 0);
    return [document.documentElement.dataset.flow ?? "", painted];
}"""


@pytest.mark.parametrize("width", schedule([PHONE[0], LAPTOP[0]]))
def test_the_digit_flows_through_the_network_once_within_three_seconds_and_again(browser, large_page, width):
    """When the page opens, and, with a clock that the test moves on, when a button says so."""
    watch = """window.states = new Set();
        (function look() {
            states.add(document.documentElement?.dataset.flow ?? "");
            requestAnimationFrame(look);
        })();"""
    context = browser.new_context(**as_window(width))
    with tab(context, large_page, problems=["Canvas2D"], script=watch) as page:
        until(lambda: "answered" in page.evaluate("[...states]"))
        assert "running" in page.evaluate("[...states]")
        until(lambda: page.evaluate(FLOW) == ["", 0])
        page.clock.install()
        page.clock.pause_at(page.evaluate("Date.now() + 60_000"))
        page.locator("#question .replay").click()
        seen = []
        for _ in range(6):
            page.clock.run_for(400)
            seen.append(page.evaluate(FLOW))
        assert [state for state, _ in seen] == ["running", "running", "running", "running", "answered", ""]
        assert min(painted for _, painted in seen[:4]) > 1000 and seen[-1] == ["", 0]
        assert len({painted for _, painted in seen[:4]}) == 4  # it moves
        opacity = "(e) => getComputedStyle(e).opacity"
        until(lambda: page.locator("#question").evaluate(opacity) == "1")  # it fades in by the browser's own clock
    context.close()


def test_what_moves_is_what_numpy_computes_of_the_opening_digit(opening):
    """From the weights that are in the page."""
    known = opening.evaluate("JSON.parse(network.textContent)")
    model, pixels = twin(weights(opening)), np.array(known["opening"]["pixels"])
    x = as_input(pixels.reshape(1, 28, 28).astype(np.uint8), known["pixels"])
    logits = model.forward(x)
    numpys = {"x": x, "a1": model.a1, "logits": logits, "p": softmax(logits)}
    now = arrays(opening, "lab.pass")
    for name, array in numpys.items():
        assert relative_difference(now[name], array.ravel()) < 1e-5, name
        if name != "x":  # which the page makes of the pixels
            assert relative_difference(np.array(known["opening"][name]), array.ravel()) < 1e-5, name


@pytest.mark.slow(one_in=2)
def test_where_motion_is_unwelcome_the_picture_is_still(opening):
    assert opening.evaluate(FLOW) == ["", 0]
    assert not opening.locator("#question .replay").is_visible()
    opening.evaluate("lab.replay()")
    assert opening.evaluate(FLOW) == ["", 0]


@pytest.mark.slow(one_in=2)
def test_it_moves_before_the_network_is_here(browser, address):
    own = (address, "data:", "blob:")
    with opened(browser, f"{address}version.json", "html", own, ["404", "Canvas2D"]) as page:
        page.route(re.compile("network"), lambda route: None)  # it never arrives
        page.goto(f"{address}index.html", wait_until="commit")
        page.locator("#flow").wait_for(state="attached")
        until(lambda: page.evaluate(FLOW)[1] > 1000)
        assert page.locator("#starting").is_visible()
        page.unroute_all()


ASKED_LATER = ("#teach", "#meant", ".pick", ".own-line", "#command", "#sections", "#step", ".clear", ".links")


@pytest.mark.slow(one_in=2)
def test_the_first_screen_asks_one_thing_and_the_rest_waits_for_the_answer(opening):
    page = opening
    assert not any(page.locator(part).first.is_visible() for part in ASKED_LATER)
    assert text(page, "#asked").endswith("But it is a 4. Should the score of 4 go up or down? Pull its bar.")
    sliders = page.get_by_role("slider")
    assert sliders.count() == 1 and page.locator(".primary:visible").count() == 0
    now = page.evaluate("({ p: lab.pass.p[4], loss: lab.pass.loss, score: lab.pass.logits[4] })")
    box = sliders.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 30)
    said = sliders.get_attribute("aria-valuetext")
    score, loss = float(said.split(";")[0]), float(said.rpartition(" ")[2])
    logits = arrays(page, "lab.pass")["logits"].copy()
    logits[4] = score
    assert score > now["score"] + 5
    assert loss == pytest.approx(np.log(np.exp(logits).sum()) - logits[4], rel=0.05)  # three digits of the score
    assert text(page, "#answer") == "4" and "Right." in text(page, "#verdict")
    page.mouse.up()
    assert text(page, "#question").startswith("Up: p of 4 went from <0.1% to ")
    assert f"the loss fell from {now['loss']:.3g} to {loss}" in text(page, "#question")
    assert text(page, "#answer") == "2" and arrays(page, "lab.pass")["logits"][4] == now["score"]  # it was a question
    shown = [part for part in ASKED_LATER if page.locator(part).first.is_visible()]
    assert shown == [part for part in ASKED_LATER if part != ".own-line"]  # which only the site has
    assert page.locator(".primary:visible").all_inner_texts() == ["Take a step"]
    assert "python practice.py one_image" in text(page, "#command")


@pytest.mark.slow(one_in=2)
def test_the_first_question_is_answered_by_keys_and_a_wrong_answer_leads_on_too(opening):
    opening.get_by_role("slider").focus()
    for key in ("ArrowDown", "PageDown", "Enter"):
        opening.keyboard.press(key)
    assert text(opening, "#question").startswith("Down, the loss rose from ")
    assert opening.evaluate("document.activeElement.id") == "question"
    opening.keyboard.press("Tab")
    assert opening.evaluate("document.activeElement.closest('.task') !== null")


# What a reader may do instead of answering the first question.
ACTS = ["lab.pick(3)", "lab.setLabel(5)", "lab.clear()", "lab.learn(1)", "skip.click()"]


@pytest.mark.parametrize("act", schedule(ACTS, every_day=["skip.click()"], in_turn=2))
def test_whoever_goes_on_without_an_answer_is_not_asked_again(opening, act):
    opening.evaluate(act)
    frames(opening)
    assert not opening.locator("#asked").count() and opening.locator("#teach").is_visible()
    opening.evaluate("lab.pick(JSON.parse(network.textContent).opens)")
    frames(opening)
    assert not opening.locator("#asked").count()


@pytest.mark.slow(one_in=2)
def test_a_page_that_opens_in_another_view_asks_its_question_on_the_first_screen(browser, large_page):
    with opened(browser, f"{large_page}#fool", own=large_page, problems=["Canvas2D"], reduced_motion="reduce") as page:
        assert page.locator("#fool").is_visible() and page.locator("#sections").is_visible()
        page.locator("#sections a").first.click()
        page.locator("#asked").wait_for()


@pytest.mark.slow(one_in=2)
def test_one_button_is_primary_wherever_one_is(browser, address):
    """At any time, and after each step of the first screen."""
    with front(browser, address, FAKE_PYTHON) as page:

        def primary():
            frames(page)
            return page.locator(".primary:visible").all_inner_texts()

        assert primary() == ["Mark"]
        page.locator(".own-line textarea").fill("dlogits = 1")
        page.locator(".own-line textarea").press("Enter")
        page.locator(".links .done").wait_for()
        assert primary() == ["Mark"]
        for view, button in (("inside", "Play"), ("fool", "Until the answer changes"), ("learn", "Start")):
            page.evaluate("(view) => lab.goTo(view)", view)
            assert primary() == [button]
    with front(browser, address, FAKE_PYTHON, ["dlogits", "dW2_db2", "da1", "dz1", "dW1_db1"]) as page:
        assert page.locator(".primary:visible").all_inner_texts() == ["Take a step"]


SIZES = [PHONE, (320, 600), (641, 800), (800, 600), (1024, 640), (1366, 768)]


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize(("width", "height"), schedule(SIZES, every_day=[PHONE]))
def test_the_first_question_is_in_the_window_and_axe_finds_no_violation(opening, axe, width, height):
    opening.set_viewport_size({"width": width, "height": height})
    frames(opening)
    assert opening.evaluate("document.documentElement.scrollWidth") <= width
    if height >= 640:
        asked = opening.locator("#asked").bounding_box()
        assert asked["y"] + asked["height"] <= height
    assert axe(opening) == []

"""The page in a real browser: its numbers are NumPy's, it reads what is drawn, and hands, keys and eyes can use it."""

import io
import re
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from chromium import COMMITTED, WIDTHS, arrays_of, draw, opened, twin, weights
from conftest import ROOT, as_input
from mlp_np import relative_difference, softmax_cross_entropy
from page import build
from page_strokes import STROKES, STYLES

GRADIENTS = ("dW2", "db2", "da1", "dz1", "dW1", "db1")
NAMES = ("x", "z1", "a1", "logits", "p", "dlogits", *GRADIENTS)


def numbers(page, names=NAMES):
    """The page's arrays of its last pass, as NumPy arrays."""
    return arrays_of(page, f"{{{', '.join(f'{name}: lab.now.{name}' for name in names)}}}", np.float64)


def one_pass(model, x, y):
    """All that mlp_np.py computes for one image, by the page's names."""
    logits = model.forward(x)
    loss, dlogits = softmax_cross_entropy(logits, np.array([y]))
    grads = {f"d{name}": value for name, value in model.backward(dlogits).items()}
    p = np.exp(logits - logits.max())
    kept = {name: getattr(model, name) for name in ("x", "z1", "a1", "da1", "dz1")}
    return {"logits": logits, "p": p / p.sum(), "loss": loss, "dlogits": dlogits, **kept, **grads}


def assert_same_pass(page, model, x, y):
    mine, numpys = numbers(page), one_pass(model, x, y)
    for name in NAMES:
        assert relative_difference(mine[name], numpys[name].ravel()) < 1e-4, name
    assert page.evaluate("lab.now.loss") == pytest.approx(numpys["loss"], rel=1e-4)


def inputs(mnist, pixels="standardised"):
    return as_input(mnist.test_images[:50], pixels)


@pytest.fixture(scope="module")
def page(browser, small_page):
    """One page for all tests that pick a digit of their own first, and leave the weights as they were."""
    with opened(browser, small_page, problems=["Canvas2D"]) as page:
        yield page


@pytest.fixture(autouse=True)
def as_before(request):
    if "page" in request.fixturenames:
        request.getfixturevalue("page").evaluate("lab.reset()")


# --- The third twin ------------------------------------------------------------------------------------------------


def test_fifty_images_forwards_and_backwards(page, mnist):
    """Each with its own label, and with another: most gradients of the true one are small."""
    model = twin(weights(page))
    for n, (x, label) in enumerate(zip(inputs(mnist), mnist.test_labels[:50].tolist(), strict=True)):
        page.evaluate("n => lab.pick(n)", n)
        assert page.evaluate("n => [...lab.tests[n].pixels]", n) == mnist.test_images[n].ravel().tolist()
        for y in (label, (label + 1 + n % 9) % 10):
            page.evaluate("y => lab.setLabel(y)", y)
            assert_same_pass(page, model, x[np.newaxis], y)


def test_undo_and_reset_restore_every_bit(page):
    def state():
        return {name: p.tobytes() for name, p in weights(page).items()}, page.evaluate("lab.now.loss")

    page.evaluate("lab.pick(3); lab.setLabel(5)")
    states = [state()]
    for button in ("#step", "#step10", "#teach"):
        page.locator(button).click()
        states.append(state())
    assert len({s[0]["W1"] for s in states}) == 4
    for expected in states[-2::-1]:
        page.locator("#undo").click()
        assert state() == expected
    assert page.locator("#undo").is_disabled()
    passes = page.evaluate(
        """() => {
            for (let n = 0; n < 11; n++) lab.learn(100);
            const { forward } = lab.model;
            let passes = 0;
            lab.model.forward = function (x) { passes++; return forward.call(this, x); };
            lab.undo();
            delete lab.model.forward;
            return passes;
        }"""
    )
    assert passes < 60  # and not a thousand again
    page.locator("#reset").click()
    assert state() == states[0]


# --- Drawing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0.25, 0.35, 0.5, 0.7, 1.0])
def test_fifty_drawn_digits_are_read(browser, size):
    """Ten digits in five styles, in the middle of the pad or off it: at least 47 right, however small they are."""
    with opened(browser, COMMITTED, 390 if size == 0.35 else 1440) as page:
        wrong = []
        for digit in STROKES:
            for style in STYLES:
                pixels = draw(page, digit, style, size, right=(1 - size) / 3, down=(size - 1) / 3)
                rows, columns = np.nonzero(pixels)
                assert max(np.ptp(rows), np.ptp(columns)) in (18, 19)  # 20 pixels, of which the last may be too faint
                centre = (np.indices((28, 28)) + 0.5).reshape(2, -1) @ pixels.ravel() / pixels.sum()
                assert np.all((centre > 13.8) & (centre < 15.2))
                if (answer := page.locator("#answer").inner_text()) != str(digit):
                    wrong.append((digit, style, answer))
        assert len(wrong) <= 3, wrong


def test_drawing_by_touch_and_with_second_thoughts(browser, small_page):
    seen = "Array.from(lab.pixels())"
    with opened(browser, small_page, 390, has_touch=True) as page:
        one = draw(page, 4).ravel()  # two strokes
        page.locator("#pad").tap()
        page.wait_for_timeout(100)
        assert not np.array_equal(page.evaluate(seen), one)
        page.locator("#undo-stroke").click()
        assert np.array_equal(page.evaluate(seen), one)
        for _ in range(2):
            page.locator("#undo-stroke").click()
        assert not any(page.evaluate(seen))
        assert page.locator("#answer").inner_text() == "–"
        page.locator("#pad").tap()  # a dot is something
        page.wait_for_timeout(100)
        assert page.locator("#answer").inner_text().isdigit()


# --- The opening ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["small", "committed"])
def test_it_opens_on_a_misread_digit_and_steps_turn_the_answer(browser, small_page, which):
    with opened(browser, small_page if which == "small" else COMMITTED) as page:
        number, truth = re.match(r"Test image (\d+), a (\d)", page.locator("#pad-note").inner_text()).groups()
        assert int(truth) == page.evaluate("n => lab.tests.find((test) => test.number === n).label", int(number))
        assert page.locator("#verdict").inner_text() == f"Wrong: it is a {truth}."
        assert page.locator("#meant [aria-checked=true]").inner_text() == truth != page.locator("#answer").inner_text()
        for name in GRADIENTS:  # every picture has something to say
            assert np.abs(numbers(page, [name])[name]).max() > 1e-3, name
        loss = [page.evaluate("lab.now.loss")]
        while "changed its mind" not in page.locator("#teach-words").inner_text():
            page.locator("#teach").click()
            loss.append(page.evaluate("lab.now.loss"))
            assert len(loss) < (20 if which == "small" else 4), "the best moment of the page comes too late"
        assert loss[0] > 1
        assert all(after < before for before, after in pairwise(loss))
        assert page.locator("#trail li").count() == min(len(loss), 5)
        page.locator("#step10").click()
        assert page.locator("#answer").inner_text() == page.locator("#trail .turned").last.inner_text()[0] == truth
        page.locator("#announced", has_text=f"It reads {truth}").wait_for(state="attached")


def test_a_step_waits_until_somebody_has_said_which_digit_it_is(page):
    steps = ["#teach", "#step", "#step10", "#dock-step"]
    page.locator(".clear").first.click()
    before = weights(page)["W1"].tobytes()
    for words in ("Draw a digit first", "Which digit did you mean?"):
        assert words in page.locator("#teach-words").inner_text()
        assert [page.locator(button).is_disabled() for button in steps] == [True] * 4
        page.evaluate("lab.learn(1)")
        assert weights(page)["W1"].tobytes() == before
        draw(page, 3)
    assert page.locator("#h-meant").inner_text() == "Which digit did you mean?"
    assert page.locator("#meant [aria-checked=true]").count() == 0
    page.locator("#meant button").nth(8).click()
    assert page.evaluate("lab.now.dlogits[8]") < 0
    assert page.locator("#label [aria-checked=true]").inner_text() == "8"  # further down it is known too
    page.locator("#teach").click()
    assert weights(page)["W1"].tobytes() != before


def test_a_large_step_makes_it_forget_other_digits(browser):
    """As the page says below its steps."""
    with opened(browser, COMMITTED) as page:
        for lr, least, most in ((0.001, 48, 50), (0.1, 0, 40)):
            page.evaluate("lr => { lab.reset(); lab.learn(1, lr); }", lr)
            right = int(re.search(r"reads (\d+) of the first fifty", page.locator("#steps").inner_text())[1])
            assert least <= right <= most


# --- The network as one picture ------------------------------------------------------------------------------------


def test_what_speaks_for_a_digit_is_numpys(page, mnist):
    page.evaluate("lab.pick(8)")
    model = twin(weights(page))
    logits = one_pass(model, inputs(mnist)[8:9], 5)["logits"][0]
    added = model.a1[0][:, np.newaxis] * model.params["W2"]  # (H, 10)
    for k in (int(logits.argmax()), 0, 7):
        page.locator("[data-bars=logits] .bar").nth(k).hover()
        for side, order in (("for", -added[:, k]), ("against", added[:, k])):
            chips = page.locator(f"#{side} button:visible").all_inner_texts()
            best = [j for j in np.argsort(order, kind="stable")[:6] if order[j] < 0]
            assert len(chips) == len(best)
            for j, chip in zip(best, chips, strict=True):
                unit, value, _ = chip.split("\n")
                assert unit == f"unit {j}"
                assert float(value) == pytest.approx(added[j, k], rel=0.01)
        total = float(re.search(rf"logits\[{k}\] = (-?\d+\.?\d*)", page.locator("#why-sum").inner_text())[1])
        assert total == pytest.approx(logits[k], rel=0.01)
    page.locator("#for button").first.hover()  # and there W2 has its place
    j, value = re.match(r"W2\[(\d+), 7\] = (\S+)", page.locator("#said").inner_text()).groups()
    assert float(value) == pytest.approx(model.params["W2"][int(j), 7], rel=0.01)
    assert page.locator(".unit h3").inner_text() == f"W1[:, {j}] and W2[{j}, :]"


def test_the_lines_of_mlp_np_light_up_one_after_the_other(browser, small_page):
    look = "[...document.querySelectorAll('#wires, [data-grid=a1] canvas')].map((c) => c.toDataURL()).join()"
    with opened(browser, small_page, reduced_motion="reduce") as page:  # the same in steps
        page.locator("#inside").scroll_into_view_if_needed()
        page.wait_for_timeout(300)
        assert not page.locator("#play").is_visible()
        seen, shown = [], set()
        for _ in range(14):
            page.locator("#next").click()
            lines = page.locator("#code [aria-selected=true]").all_inner_texts()
            seen += lines
            shown.add(page.evaluate(look))
            backwards = page.locator("#inside.backwards").count() == 1
            assert backwards == any("dlogits" in line or "self.dz1" in line for line in lines if "exp" not in line)
        assert sorted(seen) == sorted(page.locator("#code code").all_inner_texts())  # each once; then it is at rest
        assert len(shown) >= 8
        page.locator("#code [data-stage=da1]").click()
        assert page.locator("#f-a1 b").inner_text() == "da1"
        page.keyboard.press("ArrowDown")
        assert page.locator("#stage-line").inner_text() == "self.dz1 = self.da1 * (self.z1 > 0)"
        page.keyboard.press("Escape")
        assert page.locator("#f-a1 b").inner_text() == "a1"
        durations = "[...document.querySelectorAll('*')].map((e) => getComputedStyle(e).transitionDuration)"
        assert set(page.evaluate(durations)) == {"0s"}
    with opened(browser, small_page) as page:
        page.locator("#play").click()
        for line in ("self.x", "self.z1"):
            page.locator("#stage-line", has_text=line).wait_for()
        page.locator("#play").click()
        assert page.locator("#play").inner_text() == "Play"


def test_every_kind_of_number_can_be_pointed_at(page):
    page.evaluate("lab.pick(1); lab.setLabel(6); lab.learn(2)")
    said = page.locator("#said")
    for name, grid in [(g.get_attribute("data-grid"), g) for g in page.locator("[data-grid]").all()]:
        grid.locator("canvas").hover(position={"x": 20, "y": 40})
        assert re.match(rf"{name}\[[\d, ]+\] = -?[\d.e-]+%? = ", said.inner_text()), said.inner_text()
    for name, bars in [(b.get_attribute("data-bars"), b) for b in page.locator("[data-bars]").all()]:
        bars.locator(".bar").nth(6).hover()
        assert re.match(rf"{name.split('-')[0]}\[(\d+, )?6\] = ", said.inner_text()), said.inner_text()
    page.locator("#loss").hover()
    assert said.inner_text().startswith("loss = ")
    page.locator("#chart svg").hover(position={"x": 5, "y": 100})
    assert said.inner_text().endswith("after 0 steps on this digit")

    canvas = page.locator("[data-grid=dz1] canvas")
    cell = canvas.bounding_box()["width"] / 10  # 48 units stand in rows of 10
    canvas.hover(position={"x": 7.4 * cell, "y": 1.4 * cell})
    name, _, value, *_ = said.inner_text().split(" ")
    assert name == "dz1[17]"
    dz1, z1, da1 = (numbers(page, [n])[n][17] for n in ("dz1", "z1", "da1"))
    assert float(value) == pytest.approx(dz1, rel=0.01)
    rest = said.inner_text().split(" = ", 2)[2]
    product, on = re.fullmatch(r"da1\[17\] \* \(z1\[17\] > 0\) = (\S+) \* ([01])", rest).groups()
    assert float(product) == pytest.approx(da1, rel=0.01)
    assert int(on) == (z1 > 0)


# --- Fool it -------------------------------------------------------------------------------------------------------


def test_the_pixels_move_against_dx_until_the_answer_tips(browser, mnist):
    with opened(browser, COMMITTED) as page:
        model = twin(weights(page))
        for n in (0, 3, 5):
            page.evaluate("n => lab.pick(n)", n)
            goal = page.evaluate("lab.fool.goal")
            model.backward(softmax_cross_entropy(model.forward(inputs(mnist)[n : n + 1]), np.array([goal]))[1])
            dx = (model.dz1 @ model.params["W1"].T).ravel()  # the line that the page adds to mlp_np.py
            assert relative_difference(arrays_of(page, "{dx: lab.fool.dx}", np.float64)["dx"], dx) < 1e-4
            before = mnist.test_images[n].ravel().astype(int)
            page.locator("#fool-once").click()
            moved = np.array(page.evaluate("Array.from(lab.fool.pixels)")) - before
            assert np.array_equal(moved, np.clip(before - np.sign(dx), 0, 255) - before)
            page.locator("#limit").evaluate("(e) => { e.value = 7; e.dispatchEvent(new Event('input')); }")
            page.locator("#fool-on").click()
            changed = np.array(page.evaluate("Array.from(lab.fool.pixels)"))
            x = as_input(changed.astype(np.uint8).reshape(1, 28, 28))
            assert page.locator("#fool-after").inner_text() == str(model.forward(x).argmax()) == str(goal)
            assert page.locator("#answer").inner_text() == page.locator("#fool-before").inner_text() != str(goal)
            most = re.search(r"changed by more than (\d+) of 255", page.locator("#fool-words").inner_text())[1]
            assert np.abs(changed - before).max() == int(most) <= 32
            page.locator("#limit").evaluate("(e) => { e.value = 0; e.dispatchEvent(new Event('input')); }")
            page.locator("#fool-on").click()
            assert np.abs(np.array(page.evaluate("Array.from(lab.fool.pixels)")) - before).max() <= 1
            assert "Allow more" in page.locator("#fool-words").inner_text()


def test_no_digit_is_named_a_digit_too(browser):
    with opened(browser, COMMITTED) as page:
        for button in page.locator("#letters button").all():
            answer, sure = re.search(r":\s+(\d) with >?([\d.]+)%", button.inner_text()).groups()
            button.click()
            assert page.locator("#answer").inner_text() == answer
            assert float(sure) > 60
            assert page.locator("#teach").is_disabled()  # nobody has said which digit an X is


# --- Reading the page ----------------------------------------------------------------------------------------------


def test_all_of_it_by_keyboard(browser, small_page):
    with opened(browser, small_page) as page:
        stops = []
        for _ in range(120):
            page.keyboard.press("Tab")
            stop = page.evaluate(
                """() => {
                    const e = document.activeElement;
                    const host = e.closest("[data-grid], [data-bars], [data-mistake], [id]") ?? e;
                    if (e === document.body) return null;
                    const seen = getComputedStyle(e).outlineStyle !== "none", box = e.getBoundingClientRect();
                    const dock = document.getElementById("dock"), top = dock.getBoundingClientRect().top;
                    return [host.dataset.grid ?? host.dataset.bars ?? host.dataset.mistake ?? host.id ?? "",
                        seen && box.width > 0 && (dock.contains(e) || Math.min(box.bottom, box.top + 44) <= top + 1)];
                }"""
            )
            if stop is None:
                break
            assert stop[1], f"{stop[0]} does not show that it has the focus, or is covered"
            stops.append(stop[0])
        groups = "[...document.querySelectorAll('[data-grid], [data-bars], [role=radiogroup]')]"
        for one in page.evaluate(f"{groups}.map((e) => e.dataset.grid ?? e.dataset.bars ?? e.id)"):
            assert stops.count(one) == 1, one  # one stop, however many numbers are in it
        assert {"teach", "play", "lr", "step", "fool-on", "start", "mask", "check", "file", "dock-step"} <= {*stops}

        page.locator("#picker button").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.locator("#pad-note").inner_text().startswith("Test image 21,")  # they stand in rows of 20
        assert page.locator("#picker [aria-checked=true]").get_attribute("aria-label").startswith("test image 21, a ")
        page.locator("[data-grid=a1] canvas").focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft"):  # the last would leave the grid
            page.keyboard.press(key)
        assert page.locator("#said").inner_text().startswith("a1[5] = ")
        page.locator("#label button").nth(6).focus()
        page.keyboard.press("ArrowLeft")
        assert page.locator("#label [aria-checked=true]").inner_text() == "5"
        loss = page.evaluate("lab.now.loss")
        page.locator("#step").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("lab.now.loss") < loss


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("font", [16, 24])  # the reader's own
def test_nothing_is_wider_than_the_window(browser, width, font):
    with opened(browser, COMMITTED, width) as page:
        page.context.new_cdp_session(page).send("Page.setFontSizes", {"fontSizes": {"standard": font, "fixed": font}})
        draw(page, 4)
        page.evaluate("lab.setLabel(9); lab.learn(10); lab.learn(10)")
        page.wait_for_timeout(300)
        beyond = page.evaluate(
            """() => [...document.querySelectorAll("body *")].filter((e) => {
                const box = e.getBoundingClientRect();
                return box.width && (box.left < -0.5 || box.right > innerWidth + 0.5);
            }).map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert beyond == []
        assert page.evaluate("document.documentElement.scrollWidth") == width


def test_what_is_out_of_view_or_printed_is_not_of_the_digit_before(browser, small_page):
    """A print is light, whatever the screen is, up to date at once, and nothing in it lies over anything else."""
    look = """() => [...document.querySelectorAll("[data-grid] canvas")].map((c) => c.toDataURL())"""
    corner = """() => [...document.querySelector("[data-grid=x] canvas").getContext("2d")
        .getImageData(2, 2, 1, 1).data.subarray(0, 3)].reduce((a, b) => a + b)"""
    with opened(browser, small_page, color_scheme="dark", problems=["Canvas2D"]) as page:  # the test reads much
        page.wait_for_timeout(400)
        shown = [page.evaluate(look)]
        assert page.evaluate(corner) < 150
        page.evaluate("lab.pick(0); lab.setLabel(3)")
        page.wait_for_timeout(400)
        shown.append(page.evaluate(look))
        page.evaluate("lab.pick(5); dispatchEvent(new Event('beforeprint'))")
        assert page.evaluate(corner) > 600
        shown.append(page.evaluate(look))
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.wait_for_timeout(400)
        assert page.evaluate(corner) < 150
        assert all(len(set(pictures)) == 3 for pictures in zip(*shown, strict=True))
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 718, "height": 1000})  # A4
        assert not page.locator("#dock").is_visible()
        overlapping = page.evaluate(
            """() => {
                const boxes = [...document.querySelectorAll("figure, .draw, .says, .teach, .breaks, .yours")];
                const box = (e) => e.getBoundingClientRect(), name = (e) => e.id || e.className;
                const over = (a, b) =>
                    a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1;
                return boxes.flatMap((a, n) =>
                    boxes.slice(n + 1).filter((b) => over(box(a), box(b))).map((b) => [name(a), name(b)]));
            }"""
        )
        assert overlapping == []


def test_it_keeps_to_itself(browser, small_page):
    """Nothing is stored; and even if somebody's script came in, it could neither run nor send anything."""
    known, url = ["Content Security Policy", "Failed to load", "Fetch API"], "http://127.0.0.1:9/"
    with opened(browser, small_page, problems=known, blocked=[url]) as page:
        draw(page, 5)
        page.evaluate("lab.setLabel(5); lab.learn(1)")
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
        blocked = page.evaluate(
            """async (url) => {
                const blocked = [], script = document.createElement("script");
                addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
                await fetch(url).catch(() => {});
                new Image().src = url;
                script.textContent = "window.hacked = true";
                document.body.append(script);
                document.body.insertAdjacentHTML("beforeend", "<i style='color: red'>styled</i>");
                await new Promise((done) => setTimeout(done, 300));
                return [window.hacked ?? "no", ...blocked];
            }""",
            url,
        )
        assert {"no", "connect-src", "img-src", "script-src-elem", "style-src-attr"} <= set(blocked)
    for name in build.SCRIPTS:
        source = (ROOT / "page" / f"{name}.js").read_text(encoding="utf-8")
        assert not re.search(r"Storage|cookie|indexedDB|fetch\(|XMLHttpRequest|WebSocket|eval\(|innerHTML", source)


# --- On a phone, and for everybody ---------------------------------------------------------------------------------


def test_a_phone_shows_what_it_needs(browser, small_page):
    with opened(browser, small_page, 390, has_touch=True, is_mobile=True) as page:
        for part in ("#pad", "#answer", "#meant", "#teach"):  # the first screen: of 844 pixels, as on many phones
            box = page.locator(part).bounding_box()
            assert box["y"] >= 0 and box["y"] + box["height"] <= 844, part
        assert not page.locator("#dock").is_visible()  # it would say the same again
        for switch in page.locator("[data-mistake] label").all():
            switch.click()
        sizes = page.evaluate(
            """() => [...document.querySelectorAll("button, select, input, .pad")].map((e) => {
                const box = (e.type === "checkbox" ? e.parentElement : e).getBoundingClientRect();
                return [e.id || e.textContent || e.className, box.width, box.height, e.hidden || !box.width];
            })"""
        )
        assert len(sizes) > 110
        assert [size for size in sizes if not size[3] and min(size[1:3]) < 44] == []
        words = page.locator("main").inner_text()
        assert "Tap" in words
        assert "oint at" not in words + page.locator("#said").inner_text()

        # The digit, the answer and a step are never far; nor are the curves while one breaks the training.
        page.locator("[data-mistake=rate]").evaluate("(e) => e.scrollIntoView({ block: 'end' })")
        assert page.locator("#losses").bounding_box()["y"] >= 0
        for section in ("#f-dW2", "#h-step"):
            page.locator(section).scroll_into_view_if_needed()
            page.wait_for_timeout(400)
            for part in ("#dock-picture", "#dock-answer", "#dock-step"):
                box = page.locator(part).bounding_box()
                assert box["y"] >= 0 and box["y"] + box["height"] <= 900, (section, part)
            assert page.locator("#dock-answer").inner_text() == page.locator("#answer").inner_text()
            loss = page.evaluate("lab.now.loss")
            page.locator("#dock-step").tap()
            assert page.evaluate("lab.now.loss") < loss
        page.locator("#units").evaluate("(e) => e.scrollIntoView({block: 'center'})")
        page.wait_for_timeout(400)
        for verb in ("Start", "Pause"):
            assert page.locator("#dock-step").inner_text() == verb
            page.locator("#dock-step").tap()
        assert page.evaluate("lab.learning.training.step") > 0
        assert page.locator("#dock-answer").inner_text() == page.locator("#new-answer").inner_text()


DARK, FORCED = {"color_scheme": "dark"}, {"forced_colors": "active"}


@pytest.mark.parametrize(
    ("width", "options"), [(390, {}), (390, DARK), (768, {}), (1440, {}), (1440, DARK), (1440, FORCED), (390, FORCED)]
)
def test_axe_finds_no_violation(browser, axe, small_page, width, options):
    with opened(browser, small_page, width, reduced_motion="reduce", **options) as page:
        page.evaluate("lab.learn(3); lab.learning.takeStep()")
        page.locator("[data-mistake=zeros] input").check()
        page.locator("#check").click()
        page.locator("#code [data-stage=da1]").click()
        page.evaluate(axe)
        found = page.evaluate("axe.run().then((result) => result.violations)")
        assert [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found] == []


def test_forced_colours_leave_nothing_white_on_white(browser, small_page):
    """What carries a meaning by its colour alone still has one, beside those of its letters and lines."""
    with opened(browser, small_page, forced_colors="active", reduced_motion="reduce") as page:
        page.locator("[data-mistake=mask] input").check()
        for part in ["#belief", "[data-bars=p]", "[data-bars=logits]", ".on label", "#meant", "#picker"]:
            with Image.open(io.BytesIO(page.locator(part).screenshot())) as picture:
                colours = picture.convert("RGB").getcolors(1 << 24)
            assert any(count > 20 and max(c) - min(c) > 60 for count, c in colours), part

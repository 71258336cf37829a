"""The page in a real browser: its numbers are NumPy's, it reads what is drawn, and hands, keys and eyes can use it."""

import io
import re
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from chromium import EVERYTHING, arrays, boxes, draw, frames, opened, reload, text, twin, weights
from conftest import as_input, schedule, until
from mlp_np import relative_difference, softmax, softmax_cross_entropy
from pictures import STYLES


@pytest.fixture(scope="module")
def phones_window(browser, small_page):
    with opened(browser, small_page, width=390, has_touch=True, is_mobile=True, problems=["Canvas2D"]) as page:
        yield page


@pytest.fixture
def phone(phones_window):
    """What the test before has left is gone: its network, and where it was."""
    phones_window.evaluate(f"lab.showNetwork(); lab.learning.pause(); {EVERYTHING}")
    return phones_window


def inputs(mnist):
    return as_input(mnist.test_images[:50])


def slide(page, slider, value):
    page.locator(f"#{slider}").evaluate(f"(e) => {{ e.value = {value}; e.dispatchEvent(new Event('input')); }}")
    assert page.locator(f"#{slider}").get_attribute("aria-valuetext")


def test_a_digit_forwards_and_backwards(page, mnist):
    """Each with its own label, and with another: most gradients of the true one are small."""
    model = twin(weights(page))
    for n, (x, label) in enumerate(zip(inputs(mnist)[:4], mnist.test_labels[:4].tolist(), strict=True)):
        seen = page.evaluate("n => (lab.pick(n), [...lab.tests[n].pixels])", n)
        assert seen == mnist.test_images[n].ravel().tolist()
        for y in (label, (label + 1 + n % 9) % 10):
            loss = page.evaluate("y => (lab.setLabel(y), lab.pass.loss)", y)
            logits = model.forward(x[np.newaxis])
            numpys_loss, dlogits = softmax_cross_entropy(logits, np.array([y]))
            numpys = {f"d{name}": dp for name, dp in model.backward(dlogits).items()}
            numpys |= {name: getattr(model, name) for name in ("x", "z1", "a1", "da1", "dz1")}
            numpys |= {"logits": logits, "p": softmax(logits), "dlogits": dlogits}
            assert loss == pytest.approx(numpys_loss, rel=1e-4)
            now = arrays(page, "lab.pass")
            assert now.keys() == numpys.keys()
            for name, mine in now.items():
                assert relative_difference(mine, numpys[name].ravel()) < 1e-4, name


@pytest.mark.slow(one_in=2)
def test_undo_and_reset_restore_every_bit(page):

    def state():
        return {name: p.tobytes() for name, p in weights(page).items()}, page.evaluate("lab.pass.loss")

    page.evaluate("lab.pick(3); lab.setLabel(5)")
    states = [state()]
    for button in ("#step", "#step10", "#teach"):
        page.locator(button).click()
        states.append(state())
    assert len({s[0]["W1"] for s in states}) == 4
    for expected in states[-2::-1]:
        page.locator("#undo").click()
        assert state() == expected
    assert page.locator("#undo").is_disabled() and text(page, "#steps").startswith("No steps yet")
    page.evaluate("lab.learn(1)")
    page.locator("#reset").click()
    assert page.evaluate("lab.state.params.value === lab.state.originalNetwork.value.params")


@pytest.mark.slow(one_in=2)
def test_undo_goes_back_as_many_presses_as_the_page_says(committed):
    """And that are not more than memory holds."""
    # Paper is 0, and costs nothing.
    committed.evaluate("lab.showNetwork({ ...lab.state.originalNetwork.value, pixels: 'unit' })")
    committed.evaluate("lab.pick(3); for (let n = 0; n < 23; n++) lab.learn(1)")
    presses = int(re.search(r"Undo goes back (\d+) presses", text(committed, "#steps"))[1])
    committed.evaluate("presses => { for (let n = 0; n < presses; n++) undo.click(); }", presses)
    assert committed.locator("#undo").is_disabled()
    assert text(committed, "#steps").startswith(f"{23 - presses} steps")


def test_what_steps_have_changed_inside_is_numpys(page):
    """What each unit adds to the score of the true digit, and of its rival: before the steps, and now."""
    page.evaluate("lab.reset(); lab.pick(3); lab.learn(1, 0.01); lab.setLabel(5)")  # that one is on another digit
    x = arrays(page, "lab.pass")["x"][np.newaxis]
    before, p = twin(weights(page)), arrays(page, "lab.pass")["p"]
    rival = next(k for k in np.argsort(-p, kind="stable").tolist() if k != 5)
    page.evaluate("lab.learn(3, 0.01)")
    page.locator("#changed").scroll_into_view_if_needed()
    until(lambda: text(page, "#changed-words").startswith("3 steps on this digit"))
    now = arrays(page, "lab.pass")
    assert page.evaluate("lab.pass.most") == np.argsort(-np.abs(now["dz1"]), kind="stable")[:12].tolist()
    after, added = twin(weights(page)), []
    scores = [model.forward(x)[0, [5, rival]] for model in (before, after)]
    said = [float(v) for v in re.findall(r"from (\S+) to (\S*\d)", text(page, "#changed-words")) for v in v]
    assert said == pytest.approx([*np.transpose(scores).ravel()], rel=0.01)
    for model in (before, after):
        added.append(model.a1[0][:, np.newaxis] * model.params["W2"][:, [5, rival]])  # (H, 2)
    change = np.abs((added[1] - added[0]) @ [1, -1])
    cards = page.locator("#changes button:visible").all_inner_texts()
    shown = [int(re.search(r"unit (\d+)", card)[1]) for card in cards]
    assert shown == np.argsort(-change, kind="stable")[:6].tolist()
    for j, card in zip(shown, cards, strict=True):
        numbers = [float(v) for v in re.findall(r"(-?[\d.]+) → \+?(-?[\d.]+)", card.replace("+", "")) for v in v]
        numpys = [before.a1[0, j], after.a1[0, j], *np.transpose([a[j] for a in added]).ravel()]
        assert numbers == pytest.approx(numpys, rel=0.02, abs=1e-3)
    page.evaluate("lab.reset()")
    until(lambda: not page.locator("#changes").is_visible())


@pytest.mark.parametrize("styles", schedule([range(len(STYLES))], instead=[[3]]))
def test_drawn_digits_are_read(committed, styles):
    """Ten digits in each of these styles, small and off the middle of the pad or large: all but one right, at least.

    Each event of the pen is a pass of the large network, and all styles take seconds.
    """
    committed.set_viewport_size({"width": 390, "height": 900})
    right = 0
    for style in styles:
        size = (0.25, 0.9)[style % 2]
        pixels, answers = draw(committed, range(10), style, 0.8 * size, (1 - size) / 3, (size - 1) / 3)
        right += sum(answer == str(digit) for digit, answer in enumerate(answers))
        for one in pixels:  # 20 pixels high or wide, of which the last may be too faint
            rows, columns = np.nonzero(one)
            assert max(np.ptp(rows), np.ptp(columns)) in (18, 19)
            centre = (np.indices((28, 28)) + 0.5).reshape(2, -1) @ one.ravel() / one.sum()
            assert np.all((centre > 13.8) & (centre < 15.2))
    assert right >= 10 * len(styles) - 1


@pytest.mark.slow(one_in=2)
def test_drawing_by_touch_and_with_second_thoughts(phone):
    def seen(act=""):
        return phone.evaluate(f"() => {{ {act}; lab.readPad(); return Array.from(lab.pixels()); }}")

    def undo():
        phone.locator("#undo-stroke").tap()
        return seen()

    pinch = "penTo(pad, 'pointerdown', 0.1, 0.1); penTo(pad, 'pointercancel', 0, 0)"  # the first of two fingers
    lift = "penTo(pad, 'pointerup', 0, 0)"
    one = draw(phone, [4], style=2)[0].ravel().tolist()  # two strokes or more
    phone.locator("#pad").tap()
    assert seen() != one and undo() == one == seen(pinch)
    assert [any(undo()) for _ in range(3)] == [True, True, False]
    until(lambda: text(phone, "#answer") == "–")
    phone.locator("#pad").tap()  # a dot is something
    until(lambda: text(phone, "#answer").isdigit())

    image = seen("lab.pick(4)")
    phone.locator("[data-grid=a1] canvas").tap(position={"x": 60, "y": 60})
    until(lambda: text(phone, "#said").startswith("a1["))
    phone.locator("#h-why").tap()
    until(lambda: not text(phone, "#said").startswith("a1["))
    assert seen(f"scrollTo(0, 0); {pinch}") == image and phone.evaluate("lab.state.digit.value.picked") == 4
    goes_on = "penTo(pad, 'pointerdown', 0.1, 0.1); lab.pick(4); penTo(pad, 'pointermove', 0.5, 0.5)"
    assert seen(goes_on) == seen(lift) == image  # over another digit
    over = np.array(seen("penTo(pad, 'pointerdown', 0.5, 0.3); penTo(pad, 'pointermove', 0.5, 0.6)"))
    assert over.tolist() == seen(lift) != image
    assert over[np.array(image) > 250].mean() > 150  # it is still there, below
    phone.locator("#opening .clear").tap()
    assert not any(seen()) and undo() == over.tolist() and undo() == image


@pytest.mark.slow(one_in=2)
def test_it_opens_on_a_misread_digit_and_steps_turn_the_answer(committed):
    page = committed
    reload(page)
    number, truth = re.match(r"Test image (\d+), a (\d)", text(page, "#pad-note")).groups()
    assert int(truth) == page.evaluate("n => lab.tests.find((test) => test.number === n).label", int(number))
    assert text(page, "#verdict") == f"Wrong: it is a {truth}."
    assert text(page, "#meant [aria-checked=true]") == truth != text(page, "#answer")
    now = arrays(page, "lab.pass")
    gradients = ("dW2", "db2", "da1", "dz1", "dW1", "db1")
    assert all(np.abs(now[name]).max() > 1e-3 for name in gradients)  # every picture has something to say
    loss = [page.evaluate("lab.pass.loss")]
    while "changed its mind" not in text(page, "#teach-words"):
        page.locator("#teach").click()
        loss.append(page.evaluate("lab.pass.loss"))
        assert len(loss) < 4, "the best moment of the page comes too late"
    assert loss[0] > 1 and all(after < before for before, after in pairwise(loss))
    assert page.locator("#trail li").count() == min(len(loss), 5)
    page.locator("#step10").click()
    assert text(page, "#answer") == page.locator("#trail .turned").last.inner_text()[0] == truth
    page.locator("#announced", has_text=f"It reads {truth}").wait_for(state="attached")


@pytest.mark.slow(one_in=2)
def test_a_step_waits_until_somebody_has_said_which_digit_it_is(page):
    page.locator(".clear").first.click()
    before = weights(page)["W1"].tobytes()
    for words in ("Draw a digit first", "Enter the digit, and the network can learn."):
        assert words in text(page, "#teach-words")
        assert all(page.locator(button).is_disabled() for button in ("#teach", "#step", "#step10"))
        assert page.locator("#dock-more").text_content() == ""  # no loss
        page.evaluate("lab.learn(1)")
        assert weights(page)["W1"].tobytes() == before
        draw(page, [3])
    assert page.locator("#meant [aria-checked=true]").count() == 0
    page.locator("#meant button").nth(8).click()
    assert text(page, "#label [aria-checked=true]") == "8"  # further down it is known too
    page.locator("#teach").click()
    assert weights(page)["W1"].tobytes() != before


# --- The network as one picture ------------------------------------------------------------------------------------


def test_the_lines_of_mlp_np_light_up_one_after_the_other(page):
    assert not page.locator("#play").is_visible()
    seen = page.evaluate(
        """async () => {
            const seen = [], lit = "#code [aria-selected=true]";
            for (let n = 0; n < 14; n++) {
                document.getElementById("next").click();
                await null; // then it is shown
                seen.push([[...document.querySelectorAll(lit)].map((line) => line.innerText), inside.className]);
            }
            return seen;
        }"""
    )
    for lines, name in seen:
        backwards = any("dlogits" in line or "self.dz1" in line for line in lines if "exp" not in line)
        assert backwards == (name == "backwards")
    every = page.locator("#code code").all_inner_texts()
    assert sorted(line for lines, _ in seen for line in lines) == sorted(every)  # each once; then it is at rest
    page.locator("#code [data-stage=da1]").click()
    assert text(page, "#f-a1 b") == "da1"
    page.keyboard.press("ArrowDown")
    assert text(page, "#stage-line") == "self.dz1 = self.da1 * (self.z1 > 0)"
    page.keyboard.press("Escape")
    assert text(page, "#f-a1 b") == "a1"


def test_every_kind_of_number_can_be_pointed_at(page):
    off = "lab.tests.findIndex((_, n) => (lab.pick(n), lab.pass.z1[17] <= 0))"
    page.evaluate(f"lab.pick({off}); lab.setLabel(6); lab.learn(2)")
    found = page.evaluate(
        """async () => {
            const found = [], said = () => document.getElementById("said").textContent;
            for (const host of document.querySelectorAll("[data-grid], [data-bars]")) {
                const part = host.querySelector(":scope > canvas, .bar:nth-child(7)");
                part.scrollIntoView({ block: "center" });
                const { left, top, height } = part.getBoundingClientRect();
                const clientX = left + 20, clientY = top + Math.min(40, height / 2);
                const move = new PointerEvent("pointermove", { bubbles: true, clientX, clientY });
                document.elementFromPoint(clientX, clientY).dispatchEvent(move); // what is on top
                await null; // then it is said
                found.push([host.dataset.grid ?? host.dataset.bars, said(), part.width && part.width / part.height]);
            }
            return found;
        }"""
    )
    shapes = {name: shape for name, _, shape in found}
    assert shapes["a1"] == shapes["da1"] == shapes["dz1"] == shapes["db1"]  # a unit has the same place in all
    for name, said, is_grid in found:
        what = r"\[[\d, ]+\] = -?[\d.e-]+%? = " if is_grid else r"\[(\d+, )?6\] = "
        assert re.match(name.split("-")[0] + what, said)
    canvas = page.locator("[data-grid=dz1] canvas")
    cell = canvas.bounding_box()["width"] / 7  # 48 units stand in rows of 7
    canvas.hover(position={"x": 3.4 * cell, "y": 2.4 * cell})
    said = re.fullmatch(r"dz1\[17\] = 0 = da1\[17\] \* \(z1\[17\] > 0\) = (\S+) \* 0", text(page, "#said"))
    assert float(said[1]) == pytest.approx(page.evaluate("lab.pass.da1[17]"), rel=0.01)


@pytest.mark.slow(one_in=2)
def test_the_pixels_move_against_dx_until_the_answer_tips(committed, mnist):
    page = committed

    def changed(limit=None):
        """How much each pixel has changed, if so much is allowed, when the network reads the goal or no more can be."""
        if limit is not None:
            slide(page, "limit", limit)
        page.locator("#fool-once" if limit is None else "#fool-on").click()
        return np.array(page.evaluate("Array.from(lab.fool.pixels)")) - before

    model = twin(weights(page))
    for n in (0, 3, 5):
        goal = page.evaluate("n => (lab.pick(n), lab.fool.goal)", n)
        model.backward(softmax_cross_entropy(model.forward(inputs(mnist)[n : n + 1]), np.array([goal]))[1])
        dx = (model.dz1 @ model.params["W1"].T).ravel()  # the line that the page adds to mlp_np.py
        assert relative_difference(arrays(page, "lab.fool")["dx"], dx) < 1e-4
        before = mnist.test_images[n].ravel().astype(int)
        assert np.array_equal(changed(), np.clip(before - np.sign(dx), 0, 255) - before)
        moved = changed(limit=7)
        x = as_input((before + moved).astype(np.uint8).reshape(1, 28, 28))
        assert text(page, "#fool-after") == str(model.forward(x).argmax()) == str(goal)
        assert text(page, "#answer") == text(page, "#fool-before") != str(goal)
        most = re.search(r"changed by more than (\d+) of 255", text(page, "#fool-words"))[1]
        assert np.abs(moved).max() == int(most) <= 32
        assert np.abs(changed(limit=0)).max() <= 1
        assert "Allow more" in text(page, "#fool-words")


def test_no_digit_is_named_a_digit_too(committed):
    for button in committed.locator("#letters button").all():
        answer, sure = re.search(r":\s+(\d), >?([\d.]+)% sure", button.inner_text()).groups()
        button.click()
        assert text(committed, "#answer") == answer and float(sure) > 60  # as the page says
        assert committed.locator("#teach").is_disabled()  # nobody has said which digit an X is


LOOK = """window.look = () => {  // all that the page shows: what it says, its attributes, its pictures in view
    const html = document.body.outerHTML.replace(/<script.*?<\\/script>/gs, "");
    const found = html.replace(/ tabindex="-?\\d"| (style|id)=""/g, "");
    const all = (selector) => [...document.querySelectorAll(selector)], box = (e) => e.getBoundingClientRect();
    const inView = all("canvas:not(#picker canvas)").filter((c) => box(c).bottom > 0 && box(c).top < innerHeight);
    const pictures = inView.map((c) => `${c.id || c.closest("[id]").id} ${c.toDataURL()}`);
    return [...found.split("<"), ...pictures, ...all("input, select").map((e) => `${e.id} ${e.value} ${e.checked}`)];
}"""


@pytest.mark.slow(one_in=2)
def test_nothing_stays_stale_whatever_one_does(page):
    """After each of 60 random acts the page states what a new pass of its network gives, no part has failed, and
    nothing looks otherwise once all is shown anew; which takes 0.2 s each time."""
    page.emulate_media(reduced_motion="no-preference")
    page.evaluate(LOOK)
    failed = page.evaluate(
        """async (count) => {
            let state = 1;
            const random = (below) => (state = (state * 48271) % 2147483647) % below; // Park & Miller 1988
            const any = (all) => all[random(all.length)];
            const one = async (selector) => {
                const found = any([...document.querySelectorAll(selector)].filter((e) => e.checkVisibility()));
                found.scrollIntoView({ block: "center" }); // what is in view is looked at
                for (let n = 0; n < 2; n++) await drawn(); // it is painted as it was before
                return found;
            };
            const pen = (type) => penTo(pad, type, random(10) / 10, random(10) / 10);
            const acts = [
                async () => (await one("button:not(#play, #start, #watch, #picker *)")).click(),
                async () => (await one("[data-stage]")).click(),
                () => lab.pick(random(60)),
                () => { ["pointerdown", "pointermove", "pointerup"].forEach(pen); lab.readPad(); },
                async () => penTo(await one("[data-grid] canvas"), "pointermove", random(9) / 9, random(9) / 9),
                async () => penTo(await one(".bar"), "pointermove", 0.5, 0.5),
                async () => {
                    const slider = await one("input[type=range]");
                    Object.assign(slider, { value: random(10) }).dispatchEvent(new Event("input"));
                },
            ];
            const { mean, std } = JSON.parse(network.textContent);
            while (!lab.state.hasOpened.value) await drawn();
            for (let n = 0; n < count; n++) {
                const act = any(acts);
                await act();
                lab.learning.pause();
                lab.state.isPlaying.value = false;
                lab.state.wireProgress.value = 1;
                for (let n = 0; n < 2; n++) await drawn();
                const pixels = lab.pixels(), reader = new lab.model.constructor(lab.model.params);
                const logits = reader.forward(Float64Array.from(pixels, (v) => (v / 255 - mean) / std));
                const right = pixels.some((v) => v) ? String(logits.indexOf(Math.max(...logits))) : "–";
                const away = logits.some((z, k) => Math.abs(z - lab.pass.logits[k]) > 1e-9);
                const odd = /NaN|undefined|Infinity|has failed/.exec(document.body.innerText);
                if (away || odd || answer.textContent !== right) return `${act} (${n}): ${away}, ${odd}`;
                const before = look();
                lab.show();
                // What is in view is painted anew, in the same colours.
                lab.state.isDark.value = !lab.state.isDark.value;
                await null;
                const after = look(), at = after.findIndex((part, m) => part !== before[m]);
                if (at >= 0) return `${act} (${n}): ${before[at]} is ${after[at]} when shown anew`.slice(0, 999);
            }
        }""",
        60,
    )
    reload(page)  # as other tests expect it
    assert failed is None, failed


@pytest.mark.slow(one_in=2)
def test_a_part_that_fails_stops_no_other(page):
    page.evaluate("addEventListener('error', (event) => event.preventDefault(), { once: true })")
    page.evaluate("() => { try { lab.state.nudgedNumber.value = 9; } catch {} }")  # there are three kinds of them
    page.evaluate("lab.pick(3)")
    assert text(page, "[data-show=Nudge]").startswith("This part has failed.")
    assert text(page, "#pad-note").startswith("Test image 3,")
    assert text(page, "#answer") == str(page.evaluate("lab.pass.answer"))
    reload(page)  # as other tests expect it


# --- What is said is so --------------------------------------------------------------------------------------------


@pytest.mark.slow(one_in=2)
def test_what_is_said_of_a_line_is_of_the_digit_and_the_weights_of_now(page):
    page.evaluate("lab.pick(3); lab.setLabel(5)")
    page.locator("#code [data-stage=loss]").click()
    for _ in range(2):
        page.locator("#step").click()
        assert f"surprise it? {text(page, '#loss')}:" in text(page, "#stage-words")
    page.locator("#code [data-stage=p]").first.click()
    page.evaluate("lab.reset(); lab.pick(8)")
    assert text(page, "#stage-words").endswith(f"The largest is the answer: {text(page, '#answer')}.")
    for line, figure, words in [
        ("logits", "logits", "logits scores"),
        ("dW2", "logits", "dlogits errors"),
        ("dz1", "a1", "dz1 derivatives of z1: 48 hidden units,"),
    ]:
        page.locator(f"#code [data-stage={line}]").first.click()
        assert text(page, f"#f-{figure} figcaption").replace("\n", " ").startswith(words)
    page.locator("#rest").click()  # a way out that says so
    assert not page.locator("#code [aria-selected=true]").count() and not page.locator("#rest").count()


@pytest.mark.slow(one_in=2)
def test_nothing_is_said_of_another_network_or_of_what_is_not_there(page):
    """Sentences about the network, as the page opens, of one that knows nothing, and with an empty pad."""
    assert "first 50 test images, and 10 that it misread after its training." in text(page, "#pick-note")
    run, _, _ = text(page, "#run").partition(", 0.")  # without what rounding changes
    assert text(page, "#steps").startswith(f"No steps yet. These are the weights of {run}.")
    assert "set lr to 0.1," in text(page, "#one-step .wide-note")
    page.locator("#look-inside").click()
    until(lambda: "10 that the page’s own network misread" in text(page, "#pick-note"))
    assert text(page, "#steps").endswith("0 training steps, not trained yet.")
    said = page.evaluate("document.body.innerText")
    assert not re.search("has learned|finished run|misread after its training|never seen", said)
    page.evaluate("lab.showNetwork(); lab.learning.set({ init: 'he', mistakes: ['zeros'] }); lab.learning.lookInside()")
    page.evaluate("lab.pick(3); lab.learn(2)")  # no unit is on
    assert text(page, "#changed-words").startswith("No unit was on, so 2 steps on this digit moved nothing but")
    page.evaluate("lab.learning.set({ mistakes: [] })")
    page.evaluate("lab.showNetwork({ ...lab.state.originalNetwork.value, pixels: 'raw' })")
    assert "set lr to 0.00001," in text(page, "#one-step .wide-note")
    page.evaluate("lab.showNetwork()")
    page.locator(".clear").first.click()
    for drawn, words in ((False, "There is none yet"), (True, "Nobody has said")):
        if drawn:
            draw(page, [3])
        page.locator("#code [data-stage=loss]").click()
        assert words in text(page, "#stage-words") and "the true digit," not in text(page, "#stage-words")
    page.evaluate("lab.pick(3)")
    assert "the true digit, 0, surprise it?" in text(page, "#stage-words")


def test_the_trail_keeps_the_turn_and_what_comes_next_stands_below(page):
    page.evaluate("lab.pick(3); lab.setLabel(5)")  # a 0
    page.locator("#teach").click()
    page.evaluate("for (let n = 0; n < 11; n++) lab.learn(1)")
    answers = [item[0] for item in page.locator("#trail li").all_inner_texts()]
    assert answers[0] == "0" and answers[-1] == "5" and len(answers) == 5
    assert page.locator("#trail .turned").count() and page.locator("#trail .left").count()
    for name in ("inside", "backward", "one-step", "own"):
        assert page.locator(f"#{name} > .onward").count()


@pytest.mark.slow(one_in=2)
def test_what_speaks_for_a_digit_and_the_wires_that_are_drawn_are_numpys(page, mnist):
    page.evaluate("lab.pick(8)")
    model, x = twin(weights(page)), inputs(mnist)[8].ravel()
    logits = model.forward(x[np.newaxis])[0]
    added, spoken = x[:, np.newaxis] * model.params["W1"], model.a1[0][:, np.newaxis] * model.params["W2"]

    for k in (int(logits.argmax()), 0, 7):
        page.locator("[data-bars=logits] .bar").nth(k).hover()
        for side, order in (("for", -spoken[:, k]), ("against", spoken[:, k])):
            chips = [chip.split("\n")[:2] for chip in page.locator(f"#{side} button:visible").all_inner_texts()]
            best = [j for j in np.argsort(order, kind="stable")[:6] if order[j] < 0]
            assert [unit for unit, _ in chips] == [f"unit {j}" for j in best]
            assert [float(value) for _, value in chips] == pytest.approx(spoken[best, k], rel=0.01)
        total = float(re.search(rf"logits\[{k}\] = (-?\d+\.?\d*)", text(page, "#why-sum"))[1])
        assert total == pytest.approx(logits[k], rel=0.01)
    page.mouse.move(5, 5)

    def wires():
        left, right = page.evaluate("[lab.wires.left, lab.wires.right]")
        drawn, said = sum(v != 0 for *_, v in left + right), text(page, "#wires-note")
        numbers = [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", said.rpartition("(")[2])]
        assert numbers == ([drawn, 794 * 48] if drawn else [])
        return left, right

    k = page.evaluate("lab.pass.answer")
    left, right = wires()
    speak = np.sort(np.r_[np.sort(spoken[spoken[:, k] > 0, k])[-6:], np.sort(spoken[spoken[:, k] < 0, k])[:6]])
    assert np.sort([v for *_, v in right]) == pytest.approx(speak)
    assert {j for _, j, _ in left} == {*np.argsort(-spoken[:, k])[:4].tolist()}
    for j in {j for _, j, _ in left}:
        assert np.sort([abs(v) for _, to, v in left if to == j]) == pytest.approx(np.sort(np.abs(added[:, j]))[-8:])
    canvas = page.locator("[data-grid=a1] canvas")
    for line in ("z1", None, "dW1", "x"):
        if line:
            page.locator(f"#code [data-stage={line}]").first.click()
            wires()
        canvas.hover(position={"x": 60, "y": 60})
        unit = page.evaluate("lab.state.hoveredNumber.value.at.j")
        left, right = wires()  # at a line, too, they are those of the unit pointed at
        assert {j for _, j, _ in left} == {j for j, _, _ in right} == {unit}
        assert f"unit {unit}" in text(page, "#wires-note")
        page.mouse.move(5, 5)
    assert wires() == ([], [])
    page.locator("#code [data-stage=dW1]").click()  # many pixels are as dark as can be
    assert len({i % 28 for i, *_ in wires()[0]}) > 5


@pytest.mark.slow(one_in=2)
def test_pointing_ends(page):
    """When the mouse goes away; what was clicked on stays until a click on nothing, or another digit."""
    page.evaluate("lab.pick(0)")
    canvas, away = page.locator("[data-grid=a1] canvas"), "document.getElementById('dock').classList.contains('away')"

    def said():
        return page.locator("#said").text_content().startswith("a1[")

    for holds, end in [
        (False, lambda: page.mouse.move(5, 400)),
        (False, lambda: page.mouse.wheel(0, -5000)),
        (True, lambda: page.locator("#h-why").click()),
        (True, lambda: page.evaluate("lab.pick(1)")),
        (True, lambda: page.keyboard.press("Escape")),
    ]:
        canvas.hover(position={"x": 60, "y": 60})
        assert said()
        if holds:
            canvas.click(position={"x": 60, "y": 60})
            page.mouse.move(5, 400)
            assert said()
        end()
        until(lambda: not said())
        page.evaluate("scrollTo(0, 0)")
        until(lambda: page.evaluate(away))


@pytest.mark.slow(one_in=2)
def test_every_step_of_teaching_a_wrong_name_shows(committed):
    """Until it reads what it is told, after each press the bar is longer and the words are others."""
    for picked in (0, 12):
        seen = committed.evaluate(
            """async (picked) => {
                lab.reset();
                lab.pick(picked);
                const wrong = (lab.pass.answer + 5) % 10, seen = [[0, ""]];
                lab.setLabel(wrong);
                await null;
                while (lab.pass.answer !== wrong) {
                    teach.click();
                    await null; // then it is shown
                    const bar = document.querySelector("#way i");
                    for (const growing of bar.getAnimations()) growing.finish();
                    seen.push([bar.getBoundingClientRect().width, document.getElementById("way-words").innerText]);
                }
                return seen;
            }""",
            picked,
        )
        assert all(now[0] > before[0] + 2 and now[1] != before[1] for before, now in pairwise(seen))
        assert text(committed, "#answer") == text(committed, "#meant [aria-checked=true]") and 1 < len(seen) < 16


@pytest.mark.slow(one_in=2)
def test_a_large_step_forgets_as_the_page_says(committed):
    """On those that it misreads."""
    count = "(n) => (lab.reset(), lab.pick(n), lab.learn(1, 0.1), lab.reads.slice(0, 50).filter((is) => is).length)"
    assert sorted(committed.evaluate(f"[50, 51, 52, 53, 54, 55, 56, 57, 58, 59].map({count})"))[5] < 45


def test_a_nudge_moves_the_loss_as_numpy_says(page, mnist):
    """And a small one as its derivative says."""
    page.evaluate("lab.pick(8); lab.setLabel(3)")
    model, x = twin(weights(page)), inputs(mnist)[8:9].reshape(1, 784)

    arrays = {"x": x[0], "logits": model.params["b2"]} | model.params  # b2 is added to the logits

    def loss():
        return softmax_cross_entropy(model.forward(x), np.array([3]))[0]

    was = loss()
    for kind in range(3):
        page.locator("#nudge-what button").nth(kind).click()
        for zoom in (0, 1, 2):
            slide(page, "zoom", zoom)
            slide(page, "nudge", 75)
            now = page.evaluate("lab.moves")
            name, *at = re.findall(r"\w+", now["words"])
            arrays[name][(*map(int, at),)] += now["by"]
            assert now["moved"] == pytest.approx(loss() - was, rel=1e-6, abs=1e-9)
            arrays[name][(*map(int, at),)] -= now["by"]
            assert f"{now['dp']:#.3g} × {now['by']:#.3g}" in text(page, "#nudge-words")
        assert now["moved"] == pytest.approx(now["dp"] * now["by"], rel=0.05)
    page.locator("[data-grid=W1] canvas").click(position={"x": 60, "y": 60})
    assert page.evaluate("lab.moves.words").startswith("W1[")


# --- Reading the page ----------------------------------------------------------------------------------------------


@pytest.mark.slow(one_in=2)
def test_tab_reaches_everything_once_and_shows_where_it_is(page):
    """A hundred stops, at each of which the page is drawn: that takes seconds."""
    page.emulate_media(reduced_motion="no-preference")
    page.locator("h1").evaluate("(e) => { e.tabIndex = -1; e.focus(); }")
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
    assert {"teach", "play", "lr", "step", "fool-on", "start", "mask", "check"} <= {*stops}


@pytest.mark.slow(one_in=2)
def test_all_of_it_by_keyboard(page):
    def press(first, *keys):
        page.locator(first).first.focus()
        for key in keys:
            page.keyboard.press(key)

    press("#picker button", "ArrowRight", "ArrowDown")
    assert text(page, "#pad-note").startswith("Test image 21,")  # they stand in rows of 20
    first = "(grid) => ['pointermove', 'pointerleave'].forEach((type) => penTo(grid, type, 0.01, 0.01))"
    page.locator("[data-grid=a1] canvas").evaluate(first)  # its cursor is where the mouse was
    press("[data-grid=a1] canvas", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft")
    assert text(page, "#said").startswith("a1[7] = ")  # the last would have left the grid
    press("#label button:nth-child(7)", "ArrowLeft")
    assert text(page, "#label [aria-checked=true]") == "5"
    loss = page.evaluate("lab.pass.loss")
    press("#step", "Enter")
    assert page.evaluate("lab.pass.loss") < loss
    press("#code [data-stage]", "Enter")
    assert text(page, "#stage-line").startswith("self.x = x")
    page.keyboard.press("Escape")
    page.emulate_media(reduced_motion="no-preference")
    page.evaluate("() => { window.slow = setTimeout; window.setTimeout = (act, ms) => slow(act, ms / 9); }")
    press("#play", "Enter")
    for line in ("self.x", "self.z1"):
        page.locator("#stage-line", has_text=line).wait_for()
    press("#play", "Enter")
    assert text(page, "#play") == "Play"
    page.evaluate("() => { window.setTimeout = slow; }")
    page.evaluate("lab.reset(); lab.learn(1)")
    press("#undo", "Enter", "Enter")  # it goes off, and keeps the focus
    assert page.locator("#undo").is_disabled() and page.evaluate("document.activeElement.id") == "undo"


@pytest.mark.slow(one_in=2)
def test_what_is_out_of_view_or_printed_is_not_of_the_digit_before(page):
    """A print is light, whatever the screen is, and up to date at once; what comes into view is up to date, too."""
    look = """() => [...document.querySelectorAll("[data-grid] canvas")].map((c) => c.toDataURL())"""
    corner = """() => [...document.querySelector("[data-grid=x] canvas").getContext("2d")
        .getImageData(2, 2, 1, 1).data.subarray(0, 3)].reduce((a, b) => a + b)"""
    pass_by = """async () => {
        for (const grid of document.querySelectorAll("[data-grid]")) {
            grid.scrollIntoView();
            for (let n = 0; n < 2; n++) await drawn();
        }
    }"""

    def all_new():
        return all(old != new for old, new in zip(before, page.evaluate(look), strict=True))

    page.evaluate(pass_by)
    before = page.evaluate(look)
    page.emulate_media(color_scheme="dark")
    page.evaluate(pass_by)
    until(all_new)
    assert page.evaluate(corner) < 150
    before = page.evaluate(look)
    page.evaluate("lab.pick(5); lab.setLabel(3); dispatchEvent(new Event('beforeprint'))")
    assert all_new() and page.evaluate(corner) > 600
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    page.locator("[data-grid=x]").scroll_into_view_if_needed()
    until(lambda: page.evaluate(corner) < 150)


# --- On a phone, and for everybody ---------------------------------------------------------------------------------


WIRES = """() => {  // is there any ink of theirs beside the scores, and on them?
    const canvas = document.getElementById("wires"), context = canvas.getContext("2d");
    const [box, bars] = [canvas, document.querySelector("[data-bars=logits]")].map((e) => e.getBoundingClientRect());
    const ratio = canvas.width / box.width, from = (bars.left - box.left) * ratio, top = (bars.top - box.top) * ratio;
    return [[0, from], [from, bars.width * ratio]].map(([left, width]) =>
        context.getImageData(left, top, width, bars.height * ratio).data.some((v) => v));
}"""


@pytest.mark.slow(one_in=2)
def test_a_phone_shows_what_it_needs(phone):
    def in_view(parts, height):
        found = boxes(phone, parts)
        return len(found) == len(parts.split(",")) and all(top >= 0 and end <= height for *_, top, _, end in found)

    phone.evaluate("lab.pick(1); lab.setLabel(2)")
    frames(phone)
    phone.evaluate("scrollTo(0, 0)")
    assert in_view("#pad, #answer, .scores", 844)  # the first screen, as on many phones; the line is in the second
    place = boxes(phone, "#teach")
    phone.evaluate("lab.setLabel(3); lab.learn(1)")
    frames(phone)
    assert boxes(phone, "#teach") == place  # where the finger is that presses it again
    phone.evaluate("lab.reset(); lab.setLabel(2)")
    targets = boxes(phone, "button, select, input, .pad")
    assert len(targets) > 100
    assert [box for box in targets if min(box[3] - box[1], box[4] - box[2]) < 44] == []
    ((_, _, top, _, bottom),) = boxes(phone, "#picker")
    rows = {(max(box[2], top), min(box[4], bottom)) for box in boxes(phone, "#picker button")}
    assert {round(end - start) for start, end in rows if end > start} == {47}  # none is cut
    phone.locator("[data-bars=logits]").scroll_into_view_if_needed()
    phone.locator("[data-bars=logits] .bar").nth(9).tap()
    assert phone.evaluate(WIRES) == [True, False]  # the wires reach the scores, and cross none
    links = phone.locator("nav a").all()
    for link in links:
        phone.evaluate("scrollTo(0, 0)")
        link.tap()
        name = link.get_attribute("href")
        is_there = f"nav [aria-current][href='{name}']"
        if link is not links[-1]:  # the last is too low to come to the top
            phone.locator(name).wait_for()
            until(lambda name=name: abs(boxes(phone, name)[0][2]) < 200)  # at the top, below the title if there is one
            until(phone.locator(is_there).is_visible)
    phone.locator("nav a[href='#learn']").tap()
    phone.locator("#start").tap()
    frames(phone)
    assert in_view("#losses canvas, #accuracies canvas", 780)  # one sees what Start does
    assert boxes(phone, "#units")[0][2] < 700
    phone.evaluate("lab.goTo('opening'); lab.goTo('all')")
    phone.locator("#start").tap()
    for section in ("#f-dW2", "#f-db1"):  # the digit and the answer are never far, and lead to the pad
        phone.locator(section).scroll_into_view_if_needed()
        until(lambda: in_view("#dock-picture, #dock-answer", 900))
        until(lambda: text(phone, "#dock-answer") == text(phone, "#answer"))
    phone.locator("#dock-digit").tap()
    until(lambda: in_view("#pad", 900))


ENDS = """() => [...document.querySelectorAll(".bar .value")].flatMap((value) => {  // the numbers that lose theirs
    const inside = document.createRange(), { right } = value.parentElement.getBoundingClientRect();
    inside.selectNodeContents(value);
    const { left, right: end } = inside.getBoundingClientRect(), track = value.previousElementSibling;
    return end <= right + 1 && left >= track.getBoundingClientRect().right ? [] : [value.parentElement.innerText];
})"""


LOOKS = [(320, 16, ""), (768, 24, "")]  # width, size of letters; colours, where axe looks
ALL = [*LOOKS, (390, 16, "dark"), (1440, 16, "light"), (1440, 24, ""), (390, 24, "")]
ALL += [(width, 16, "") for width in (641, 700, 735, 740, 768, 896, 897, 1080)]


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize("looks", schedule([ALL], instead=[LOOKS]))
def test_nothing_is_wider_than_the_window_and_axe_finds_no_violation(committed, axe, looks):
    """With letters as large as a reader may want them. Where the window is low, at 400 %, the dock leaves room.

    axe looks at each element, which takes seconds.
    """
    page, fonts = committed, committed.context.new_cdp_session(committed)
    page.evaluate("lab.pick(3); lab.setLabel(9); lab.learn(10); lab.learn(10); lab.learning.takeStep()")
    page.locator("[data-mistake=zeros] input").check()
    page.evaluate("lab.learning.check()")
    page.locator("#code [data-stage=da1]").click()
    until(lambda: text(page, "#score"))  # what waits until the page is there
    for width, font, looked_at in looks:
        page.set_viewport_size({"width": width, "height": 900})
        fonts.send("Page.setFontSizes", {"fontSizes": {"standard": font, "fixed": font}})
        page.emulate_media(color_scheme=looked_at or "light")
        frames(page)
        scrolled = "#sections *"  # they need not all fit
        assert [box for box in boxes(page, f"body :not({scrolled})") if box[1] < -0.5 or box[3] > width + 0.5] == []
        assert page.evaluate("document.documentElement.scrollWidth") == width
        if font == 16:
            assert page.evaluate(ENDS) == [], width
            assert min(right - left for _, left, _, right, _ in boxes(page, ".network .track")) > 40, width
        if looked_at:  # of the light page only the colours are others
            assert axe(page, *(["color-contrast"] if looked_at == "light" else [])) == [], looked_at
    page.set_viewport_size({"width": 360, "height": 225})
    page.locator("[data-grid=a1] canvas").hover(position={"x": 20, "y": 20})
    (dock,) = boxes(page, "#dock")
    assert dock[4] - dock[2] < 70


@pytest.mark.slow(one_in=2)
def test_forced_colours_leave_nothing_white_on_white(page, axe):
    """What carries a meaning by its colour alone still has one, beside those of its letters and lines."""
    page.emulate_media(forced_colors="active")
    page.locator("[data-mistake=mask] input").check()
    assert axe(page) == []
    for part in [".scores", "[data-bars=p]", "[data-bars=logits]", ".on label", "#meant", "#picker"]:
        with Image.open(io.BytesIO(page.locator(part).screenshot())) as picture:
            colours = picture.convert("RGB").getcolors(1 << 24)
        assert any(count > 20 and max(c) - min(c) > 60 for count, c in colours), part

"""The page in a real browser: its numbers are NumPy's, it reads what is drawn, and hands, keys and eyes can use it."""

import io
import re
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from chromium import COMMITTED, arrays, boxes, draw, frames, opened, text, twin, weights
from conftest import as_input, until
from mlp_np import relative_difference, softmax, softmax_cross_entropy
from pictures import STYLES


@pytest.fixture(scope="module")
def committed(browser):
    with opened(browser, COMMITTED, problems=["Canvas2D"]) as page:
        yield page


@pytest.fixture(scope="module")
def phone(browser, small_page):
    with opened(browser, small_page, width=390, has_touch=True, is_mobile=True, problems=["Canvas2D"]) as page:
        yield page


def reload(page):
    page.reload()
    page.wait_for_selector("html:not(:has(#starting))", state="attached")


def inputs(mnist):
    return as_input(mnist.test_images[:50])


def test_a_digit_forwards_and_backwards(page, mnist):
    """Each with its own label, and with another: most gradients of the true one are small."""
    model = twin(weights(page))
    for n, (x, label) in enumerate(zip(inputs(mnist)[:12], mnist.test_labels[:12].tolist(), strict=True)):
        seen = page.evaluate("n => (lab.pick(n), [...lab.tests[n].pixels])", n)
        assert seen == mnist.test_images[n].ravel().tolist()
        for y in (label, (label + 1 + n % 9) % 10):
            loss = page.evaluate("y => (lab.setLabel(y), lab.now.loss)", y)
            logits = model.forward(x[np.newaxis])
            numpys_loss, dlogits = softmax_cross_entropy(logits, np.array([y]))
            numpys = {"logits": logits, "p": softmax(logits), "dlogits": dlogits}
            numpys |= {f"d{name}": dp for name, dp in model.backward(dlogits).items()}
            numpys |= {name: getattr(model, name) for name in ("x", "z1", "a1", "da1", "dz1")}
            assert loss == pytest.approx(numpys_loss, rel=1e-4)
            now = arrays(page, "lab.now")
            assert now.keys() == numpys.keys()
            for name, mine in now.items():
                assert relative_difference(mine, numpys[name].ravel()) < 1e-4, name


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
    assert page.locator("#undo").is_disabled() and text(page, "#steps").startswith("No steps yet")
    page.evaluate("for (let n = 0; n < 25; n++) lab.learn(1)")
    page.locator("#reset").click()
    assert state() == states[0] and page.locator("#reset").is_disabled()


def test_what_steps_have_changed_inside_is_numpys(page):
    """What each unit adds to the score of the true digit, and of its rival: before the steps, and now."""
    page.evaluate("lab.reset(); lab.pick(3); lab.learn(1, 0.01); lab.setLabel(5)")  # that one is on another digit
    x = arrays(page, "lab.now")["x"][np.newaxis]
    before, p = twin(weights(page)), arrays(page, "lab.now")["p"]
    rival = next(k for k in np.argsort(-p, kind="stable").tolist() if k != 5)
    page.evaluate("lab.learn(3, 0.01)")
    page.locator("#changed").scroll_into_view_if_needed()
    until(lambda: text(page, "#changed-words").startswith("3 steps on this digit"))
    now = arrays(page, "lab.now")
    assert page.evaluate("lab.now.most") == np.argsort(-np.abs(now["dz1"]), kind="stable")[:12].tolist()
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


@pytest.mark.parametrize(("width", "size"), [(390, 0.25), pytest.param(1440, 0.9, marks=pytest.mark.slow)])
def test_fifty_drawn_digits_are_read(committed, width, size):
    """Ten digits in five styles, in the middle of the pad or off it: at least 49 right, however small they are."""
    committed.set_viewport_size({"width": width, "height": 900})
    right = 0
    for style in range(len(STYLES)):
        pixels, answers = draw(committed, range(10), style, 0.8 * size, (1 - size) / 3, (size - 1) / 3)
        right += sum(answer == str(digit) for digit, answer in enumerate(answers))
        for one in pixels:  # 20 pixels high or wide, of which the last may be too faint
            rows, columns = np.nonzero(one)
            assert max(np.ptp(rows), np.ptp(columns)) in (18, 19)
            centre = (np.indices((28, 28)) + 0.5).reshape(2, -1) @ one.ravel() / one.sum()
            assert np.all((centre > 13.8) & (centre < 15.2))
    assert right >= 49


def test_drawing_by_touch_and_with_second_thoughts(phone):
    seen = "Array.from(lab.pixels())"
    one = draw(phone, [4], style=2)[0].ravel()  # two strokes or more
    phone.locator("#pad").tap()
    frames(phone)
    assert not np.array_equal(phone.evaluate(seen), one)
    phone.locator("#undo-stroke").click()
    assert np.array_equal(phone.evaluate(seen), one)
    phone.evaluate("penTo(pad, 'pointerdown', 0.5, 0.5); penTo(pad, 'pointercancel', 0, 0); lab.readPad()")
    assert np.array_equal(phone.evaluate(seen), one)  # that was the first of two fingers
    for left in (True, True, False):
        phone.locator("#undo-stroke").click()
        assert any(phone.evaluate(seen)) == left
    assert text(phone, "#answer") == "–"
    phone.locator("#pad").tap()  # a dot is something
    frames(phone)
    assert text(phone, "#answer").isdigit()


def test_it_opens_on_a_misread_digit_and_steps_turn_the_answer(committed):
    page = committed
    reload(page)
    number, truth = re.match(r"Test image (\d+), a (\d)", text(page, "#pad-note")).groups()
    assert int(truth) == page.evaluate("n => lab.tests.find((test) => test.number === n).label", int(number))
    assert text(page, "#verdict") == f"Wrong: it is a {truth}."
    assert text(page, "#meant [aria-checked=true]") == truth != text(page, "#answer")
    now = arrays(page, "lab.now")
    gradients = ("dW2", "db2", "da1", "dz1", "dW1", "db1")
    assert all(np.abs(now[name]).max() > 1e-3 for name in gradients)  # every picture has something to say
    loss = [page.evaluate("lab.now.loss")]
    while "changed its mind" not in text(page, "#teach-words"):
        page.locator("#teach").click()
        loss.append(page.evaluate("lab.now.loss"))
        assert len(loss) < 4, "the best moment of the page comes too late"
    assert loss[0] > 1 and all(after < before for before, after in pairwise(loss))
    assert page.locator("#trail li").count() == min(len(loss), 5)
    page.locator("#step10").click()
    assert text(page, "#answer") == page.locator("#trail .turned").last.inner_text()[0] == truth
    page.locator("#announced", has_text=f"It reads {truth}").wait_for(state="attached")


def test_a_step_waits_until_somebody_has_said_which_digit_it_is(page):
    page.locator(".clear").first.click()
    before = weights(page)["W1"].tobytes()
    for words in ("Draw a digit first", "Say it, and it can learn."):
        assert words in text(page, "#teach-words")
        assert all(page.locator(button).is_disabled() for button in ("#teach", "#step", "#step10", "#dock-step"))
        page.evaluate("lab.learn(1)")
        assert weights(page)["W1"].tobytes() == before
        draw(page, [3])
    assert page.locator("#meant [aria-checked=true]").count() == 0
    page.locator("#meant button").nth(8).click()
    assert text(page, "#label [aria-checked=true]") == "8"  # further down it is known too
    page.locator("#teach").click()
    assert weights(page)["W1"].tobytes() != before


# --- The network as one picture ------------------------------------------------------------------------------------


def test_what_speaks_for_a_digit_is_numpys(page, mnist):
    page.evaluate("lab.pick(8)")
    model = twin(weights(page))
    logits = model.forward(inputs(mnist)[8:9])[0]
    added = model.a1[0][:, np.newaxis] * model.params["W2"]  # (H, 10)
    for k in (int(logits.argmax()), 0, 7):
        page.locator("[data-bars=logits] .bar").nth(k).hover()
        for side, order in (("for", -added[:, k]), ("against", added[:, k])):
            chips = [chip.split("\n")[:2] for chip in page.locator(f"#{side} button:visible").all_inner_texts()]
            best = [j for j in np.argsort(order, kind="stable")[:6] if order[j] < 0]
            assert [unit for unit, _ in chips] == [f"unit {j}" for j in best]
            assert [float(value) for _, value in chips] == pytest.approx(added[best, k], rel=0.01)
        total = float(re.search(rf"logits\[{k}\] = (-?\d+\.?\d*)", text(page, "#why-sum"))[1])
        assert total == pytest.approx(logits[k], rel=0.01)


def test_the_lines_of_mlp_np_light_up_one_after_the_other(page):
    page.emulate_media(reduced_motion="reduce")  # the same in steps
    assert not page.locator("#play").is_visible()
    seen = []
    for _ in range(14):
        page.locator("#next").click()
        lines = page.locator("#code [aria-selected=true]").all_inner_texts()
        seen += lines
        backwards = page.locator("#inside.backwards").count() == 1
        assert backwards == any("dlogits" in line or "self.dz1" in line for line in lines if "exp" not in line)
    assert sorted(seen) == sorted(page.locator("#code code").all_inner_texts())  # each once; then it is at rest
    page.locator("#code [data-stage=da1]").click()
    assert text(page, "#f-a1 b") == "da1"
    page.keyboard.press("ArrowDown")
    assert text(page, "#stage-line") == "self.dz1 = self.da1 * (self.z1 > 0)"
    page.keyboard.press("Escape")
    assert text(page, "#f-a1 b") == "a1"


def test_every_kind_of_number_can_be_pointed_at(page):
    off = "lab.tests.findIndex((_, n) => (lab.pick(n), lab.now.z1[17] <= 0))"
    page.evaluate(f"lab.pick({off}); lab.setLabel(6); lab.learn(2)")
    for name, grid in [(g.get_attribute("data-grid"), g) for g in page.locator("[data-grid]").all()]:
        grid.locator("canvas").hover(position={"x": 20, "y": 40})
        assert re.match(rf"{name}\[[\d, ]+\] = -?[\d.e-]+%? = ", text(page, "#said"))
    for name, bars in [(b.get_attribute("data-bars"), b) for b in page.locator("[data-bars]").all()]:
        bars.locator(".bar").nth(6).hover()
        assert re.match(rf"{name.split('-')[0]}\[(\d+, )?6\] = ", text(page, "#said"))
    canvas = page.locator("[data-grid=dz1] canvas")
    cell = canvas.bounding_box()["width"] / 7  # 48 units stand in rows of 7
    canvas.hover(position={"x": 3.4 * cell, "y": 2.4 * cell})
    said = re.fullmatch(r"dz1\[17\] = 0 = da1\[17\] \* \(z1\[17\] > 0\) = (\S+) \* 0", text(page, "#said"))
    assert float(said[1]) == pytest.approx(page.evaluate("lab.now.da1[17]"), rel=0.01)


def test_the_pixels_move_against_dx_until_the_answer_tips(committed, mnist):
    page = committed

    def changed(limit=None):
        """How much each pixel has changed, if so much is allowed, when the network reads the goal or no more can be."""
        if limit is not None:
            page.locator("#limit").evaluate(f"(e) => {{ e.value = {limit}; e.dispatchEvent(new Event('input')); }}")
        page.locator("#fool-once" if limit is None else "#fool-on").click()
        return np.array(page.evaluate("Array.from(lab.fool.pixels)")) - before

    page.evaluate("lab.reset()")
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
    committed.evaluate("lab.reset()")
    for button in committed.locator("#letters button").all():
        answer, sure = re.search(r":\s+(\d), >?([\d.]+)% sure", button.inner_text()).groups()
        button.click()
        assert text(committed, "#answer") == answer and float(sure) > 60  # as the page says
        assert committed.locator("#teach").is_disabled()  # nobody has said which digit an X is


LOOK = """window.look = () => {  // all that the page shows: what it says, its attributes, its pictures in view
    const found = document.body.outerHTML.replace(/<script.*?<\\/script>/gs, "").replace(/ tabindex="-?\\d"/g, "");
    const inView = (c) => {
        const { top, bottom } = c.getBoundingClientRect();
        return c.width && bottom > 0 && top < innerHeight;
    };
    const pictures = [...document.querySelectorAll("canvas:not(#picker canvas)")].filter(inView).map((c) => {
        const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
        return `${c.id || c.closest("[id]").id} ${data.reduce((sum, v) => (31 * sum + v) | 0, 7)}`;
    });
    const inputs = [...document.querySelectorAll("input, select")].map((e) => `${e.id} ${e.value} ${e.checked}`);
    return [...found.split("<"), ...pictures, ...inputs];
}"""


def test_nothing_stays_stale_whatever_one_does(page):
    """After each of 60 random acts the page states what a new pass of its network gives, no part has failed, and
    nothing looks otherwise once all is shown anew."""
    page.evaluate(LOOK)
    failed = page.evaluate(
        """async () => {
            let state = 1;
            const random = (below) => (state = (state * 48271) % 2147483647) % below; // Park & Miller 1988
            const any = (all) => all[random(all.length)];
            const one = (selector) => any([...document.querySelectorAll(selector)].filter((e) => e.checkVisibility()));
            const pen = (type) => penTo(pad, type, random(10) / 10, random(10) / 10);
            const acts = [
                () => one("button:not(#play, #start, #back, #next)").click(),
                () => one("button, [data-stage]:not(#play, #start)").click(),
                () => lab.pick(random(60)),
                () => scrollTo(0, 500 * random(20)),
                () => { ["pointerdown", "pointermove", "pointerup"].forEach(pen); lab.readPad(); },
                () => penTo(one("[data-grid] canvas, .bar"), "pointermove", random(9) / 9, random(9) / 9),
                () => Object.assign(one("input[type=range]"), { value: random(10) }).dispatchEvent(new Event("input")),
            ];
            const { mean, std } = JSON.parse(network.textContent);
            await new Promise((done) => setTimeout(done, 400));
            for (let n = 0; n < 60; n++) {
                const act = any(acts);
                act();
                lab.learning.pause();
                lab.state.playing.value = false;
                lab.state.share.value = 1;
                for (let frame = 0; frame < 3; frame++) await new Promise((done) => requestAnimationFrame(done));
                const pixels = lab.pixels(), reader = new lab.model.constructor(lab.model.params);
                const logits = reader.forward(Float64Array.from(pixels, (v) => (v / 255 - mean) / std));
                const right = pixels.some((v) => v) ? String(logits.indexOf(Math.max(...logits))) : "–";
                const away = logits.some((z, k) => Math.abs(z - lab.now.logits[k]) > 1e-9);
                const odd = /NaN|undefined|Infinity|has failed/.exec(document.body.innerText);
                if (away || odd || answer.textContent !== right) return `${act} (${n}): ${away}, ${odd}`;
                const before = look();
                lab.show();
                for (const type of ["beforeprint", "afterprint"]) dispatchEvent(new Event(type)); // painted anew
                await null;
                const after = look(), at = after.findIndex((part, m) => part !== before[m]);
                if (at >= 0) return `${act} (${n}): ${before[at]} is ${after[at]} when shown anew`;
            }
        }"""
    )
    reload(page)  # as other tests expect it
    assert failed is None, failed


def test_a_part_that_fails_stops_no_other(page):
    page.evaluate(
        """() => {
            const { putImageData } = CanvasRenderingContext2D.prototype;
            addEventListener("error", (event) => event.preventDefault(), { once: true });
            CanvasRenderingContext2D.prototype.putImageData = function () {
                CanvasRenderingContext2D.prototype.putImageData = putImageData;
                throw new Error("broken");
            };
            try { lab.pick(3); } catch (error) { if (error.message !== "broken") throw error; }
        }"""
    )
    assert text(page, "#pad-note").startswith("Test image 3,")
    assert text(page, "#answer") == str(page.evaluate("lab.now.answer"))


# --- What is said is so --------------------------------------------------------------------------------------------


def test_what_is_said_of_a_line_is_of_the_digit_and_the_weights_of_now(page):
    page.evaluate("lab.pick(3); lab.setLabel(5)")
    page.locator("#code [data-stage=loss]").click()
    for _ in range(2):
        page.locator("#dock-step").click()
        assert f"surprise it? {text(page, '#loss')}:" in text(page, "#stage-words")
    page.locator("#code [data-stage=p]").first.click()
    page.evaluate("lab.reset(); lab.pick(8)")
    assert text(page, "#stage-words").endswith(f"The largest is the answer: {text(page, '#answer')}.")
    for line, digits, note in (("logits", "logits", "scores"), ("dW2", "dlogits", "errors")):
        page.locator(f"#code [data-stage={line}]").first.click()
        assert text(page, "#f-logits figcaption").split() == [digits, note]
    page.locator("#code [data-stage=dz1]").click()
    assert text(page, "#f-a1 figcaption").replace("\n", " ").startswith("dz1 derivatives of z1: 48 hidden units")
    page.locator("#rest").click()  # a way out that says so
    assert not page.locator("#code [aria-selected=true]").count() and not page.locator("#rest").count()


def test_nothing_is_said_of_another_network_or_of_what_is_not_there(page):
    """Sentences about the network, as the page opens, of one that knows nothing, and with an empty pad."""
    assert text(page, "#pick-note").startswith(
        "MNIST’s first 50 test images, and 10 that it misread after its training."
    )
    assert text(page, "#steps").startswith(f"No steps yet: these are the weights of {text(page, '#run')}.")
    assert "set lr to 0.1," in text(page, "#one-step .wide-note")
    page.locator("#look-inside").click()
    until(lambda: "10 that the page’s own network misread" in text(page, "#pick-note"))
    assert text(page, "#steps").endswith("0 training steps, not trained yet.")
    said = page.evaluate("document.body.innerText")
    assert not re.search("has learned|finished run|misread after its training|never seen", said)
    page.evaluate("lab.showNetwork(); lab.learning.set({ init: 'he', mistakes: ['zeros'] }); lab.learning.lookInside()")
    page.evaluate("lab.pick(3); lab.learn(2)")  # no unit is on
    assert text(page, "#changed-words").startswith("No unit was on, so 2 steps on this digit moved nothing but")
    page.evaluate("lab.learning.set({ mistakes: [] }); lab.showNetwork({ ...lab.state.shown.value, pixels: 'raw' })")
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
    for n in range(12):
        page.locator("#teach").click()
        if n == 0:
            assert not page.locator(".teach .onward").count()
    answers = [item[0] for item in page.locator("#trail li").all_inner_texts()]
    assert answers[0] == "0" and answers[-1] == "5" and len(answers) == 5
    assert page.locator("#trail .turned").count() and page.locator("#trail .left").count()
    lead = page.locator(".teach .onward")  # there is no site around this page
    assert lead.inner_text().startswith("Write the first line of this yourself: python practice.py dlogits")
    assert all(
        page.locator(f"#{name} > .onward").count() for name in ("opening", "inside", "backward", "one-step", "own")
    )


def test_the_wires_that_are_drawn_are_those_that_the_page_names(page, mnist):
    page.evaluate("lab.pick(8)")
    model, x = twin(weights(page)), inputs(mnist)[8].ravel()
    model.forward(x[np.newaxis])
    added, spoken = x[:, np.newaxis] * model.params["W1"], model.a1[0][:, np.newaxis] * model.params["W2"]

    def wires():
        left, right = page.evaluate("[lab.wires.left, lab.wires.right]")
        drawn, said = sum(v != 0 for *_, v in left + right), text(page, "#wires-note")
        numbers = [int(n.replace(",", "")) for n in re.findall(r"\d[\d,]*", said.rpartition("(")[2])]
        assert numbers == ([drawn, 794 * 48] if drawn else [])
        return left, right

    def strongest(values, count):
        return np.sort(np.abs(values))[-count:]

    k = page.evaluate("lab.now.answer")
    left, right = wires()
    speak = np.sort(np.r_[np.sort(spoken[spoken[:, k] > 0, k])[-6:], np.sort(spoken[spoken[:, k] < 0, k])[:6]])
    assert np.sort([v for *_, v in right]) == pytest.approx(speak)
    assert {j for _, j, _ in left} == {*np.argsort(-spoken[:, k])[:4].tolist()}
    for j in {j for _, j, _ in left}:
        assert np.sort([abs(v) for _, to, v in left if to == j]) == pytest.approx(strongest(added[:, j], 8))
    canvas = page.locator("[data-grid=a1] canvas")
    for line in ("z1", None, "dW1", "x"):
        if line:
            page.locator(f"#code [data-stage={line}]").first.click()
            wires()
        canvas.hover(position={"x": 60, "y": 60})
        unit = page.evaluate("lab.state.hovered.value.at.j")
        left, right = wires()  # at a line, too, they are those of the unit pointed at
        assert {j for _, j, _ in left} == {j for j, _, _ in right} == {unit}
        assert f"unit {unit}" in text(page, "#wires-note")
        page.mouse.move(5, 5)
    assert wires() == ([], [])
    page.locator("#code [data-stage=dW1]").click()  # many pixels are as dark as can be
    assert len({i % 28 for i, *_ in wires()[0]}) > 5


def test_pointing_ends(page):
    """When the mouse goes away; what was clicked on stays until a click on nothing, or another digit."""
    page.evaluate("lab.pick(0)")
    canvas, away = page.locator("[data-grid=a1] canvas"), "document.getElementById('dock').classList.contains('away')"

    def said():
        return re.match(r"\w+\[", text(page, "#said")) is not None

    for end in ("leave", "scroll", "click on nothing", "another digit", "Escape"):
        canvas.hover(position={"x": 60, "y": 60})
        assert said()
        if end == "leave":
            page.mouse.move(5, 400)
        elif end == "scroll":
            page.mouse.wheel(0, -5000)
        else:
            canvas.click(position={"x": 60, "y": 60})
            page.mouse.move(5, 400)
            assert said()
            if end == "click on nothing":
                page.locator("#h-why").click()
            elif end == "another digit":
                page.evaluate("lab.pick(1)")
            else:
                page.keyboard.press("Escape")
        until(lambda: not said())
        page.evaluate("scrollTo(0, 0)")
        until(lambda: page.evaluate(away))


def test_a_phone_lets_go_and_loses_no_digit(phone):
    phone.evaluate("lab.pick(4)")
    image = phone.evaluate("Array.from(lab.pixels())")
    phone.locator("[data-grid=a1] canvas").tap(position={"x": 60, "y": 60})
    assert text(phone, "#said").startswith("a1[")
    phone.locator("#h-why").tap()
    assert not text(phone, "#said").startswith("a1[")
    phone.evaluate("scrollTo(0, 0); penTo(pad, 'pointerdown', 0.1, 0.1); penTo(pad, 'pointercancel', 0, 0)")  # a pinch
    assert phone.evaluate("Array.from(lab.pixels())") == image
    assert text(phone, "#pad-note").startswith("Test image") or phone.evaluate("lab.state.digit.value.picked") == 4
    phone.evaluate(
        "penTo(pad, 'pointerdown', 0.1, 0.1); lab.pick(4); penTo(pad, 'pointermove', 0.5, 0.5); lab.readPad()"
    )
    phone.evaluate("penTo(pad, 'pointerup', 0, 0)")
    assert phone.evaluate("Array.from(lab.pixels())") == image  # the pen goes on, over another digit
    phone.evaluate("[0.3, 0.6].forEach((y, n) => penTo(pad, n ? 'pointermove' : 'pointerdown', 0.5, y)); lab.readPad()")
    phone.evaluate("penTo(pad, 'pointerup', 0, 0)")
    over = np.array(phone.evaluate("Array.from(lab.pixels())"))
    assert not np.array_equal(over, image) and over[np.array(image) > 250].mean() > 150  # it is still there, below
    phone.locator("#opening .clear").tap()
    assert not any(phone.evaluate("Array.from(lab.pixels())"))
    for expected in (over.tolist(), image):
        phone.locator("#undo-stroke").tap()
        assert phone.evaluate("Array.from(lab.pixels())") == expected


@pytest.mark.parametrize("n", [0, pytest.param(12, marks=pytest.mark.slow)])
def test_every_step_of_teaching_a_wrong_name_shows(committed, n):
    """Until it reads what it is told, after each press the bar is longer and the words are others."""
    committed.evaluate("n => { lab.reset(); lab.pick(n); lab.setLabel((lab.now.answer + 5) % 10) }", n)
    before, widths = "", [0]
    while text(committed, "#answer") != text(committed, "#meant [aria-checked=true]"):
        committed.locator("#teach").click()
        now = text(committed, "#way-words")
        widths.append(committed.evaluate("document.querySelector('#way i').getBoundingClientRect().width"))
        committed.wait_for_timeout(400)  # it grows
        widths[-1] = committed.evaluate("document.querySelector('#way i').getBoundingClientRect().width")
        assert now != before and widths[-1] > widths[-2] + 2
        before = now
        assert len(widths) < 16
    committed.evaluate("lab.reset()")


def test_numbers_that_are_not_known_are_not_said(page):
    page.locator("#opening .clear").click()
    assert text(page, "#answer") == "–" and page.locator("#dock-more").inner_text() == ""
    page.evaluate("lab.pick(3); for (let n = 0; n < 230; n++) lab.learn(1)")
    presses = int(re.search(r"Undo goes back (\d+) presses", text(page, "#steps"))[1])
    for _ in range(presses):
        page.locator("#undo").dispatch_event("click")
    assert (
        page.locator("#undo").is_disabled()
        and text(page, "#steps").startswith(f"{230 - presses} steps")
        and presses < 230
    )
    for slider in page.locator("input[type=range]").all():
        assert slider.get_attribute("aria-valuetext")
    columns = "[...document.querySelectorAll('[data-grid]')].map((e) => [e.dataset.grid, e.querySelector('canvas')])"
    shapes = page.evaluate(f"Object.fromEntries({columns}.map(([name, c]) => [name, c.width / c.height]))")
    assert shapes["a1"] == shapes["da1"] == shapes["dz1"] == shapes["db1"]  # a unit has the same place in all


def test_a_large_step_forgets_as_the_page_says(committed):
    """On those that it misreads."""
    found = committed.evaluate(
        """() => [50, 51, 52, 53, 54, 55, 56, 57, 58, 59].map((n) => {
            lab.reset();
            lab.pick(n);
            lab.learn(1, 0.1);
            return lab.reads.slice(0, 50).filter((is) => is).length;
        })"""
    )
    committed.evaluate("lab.reset()")
    assert sorted(found)[5] < 45, found


def test_a_nudge_moves_the_loss_as_numpy_says(page, mnist):
    """And a small one as its derivative says."""
    page.evaluate("lab.pick(8); lab.setLabel(3)")
    model, x = twin(weights(page)), inputs(mnist)[8:9].reshape(1, 784)

    def loss():
        return softmax_cross_entropy(model.forward(x), np.array([3]))[0]

    was = loss()
    for kind in range(3):
        page.locator("#nudge-what button").nth(kind).click()
        seen = {}
        for zoom in (0, 1, 2):
            for slider, value in (("zoom", zoom), ("nudge", 75)):
                page.locator(f"#{slider}").evaluate(
                    f"(e) => {{ e.value = {value}; e.dispatchEvent(new Event('input')); }}"
                )
            now = seen[zoom] = page.evaluate("lab.moves")
            name, *at = re.findall(r"\w+", now["words"])
            at = tuple(map(int, at))
            if name == "logits":
                logits = model.forward(x)
                logits[0, at[0]] += now["by"]
                numpys = softmax_cross_entropy(logits, np.array([3]))[0]
            else:
                array = x[0] if name == "x" else model.params[name]
                array[at] += now["by"]
                numpys = loss()
                array[at] -= now["by"]
            assert now["moved"] == pytest.approx(numpys - was, rel=1e-6, abs=1e-9)
            assert f"{now['dp']:#.3g} × {now['by']:#.3g}" in text(page, "#nudge-words")
        small = seen[2]
        assert small["moved"] == pytest.approx(small["dp"] * small["by"], rel=0.05)
    page.locator("[data-grid=W1] canvas").click(position={"x": 60, "y": 60})
    assert page.evaluate("lab.moves.words").startswith("W1[")


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
        assert {"teach", "play", "lr", "step", "fool-on", "start", "mask", "check", "dock-step"} <= {*stops}

        def press(first, *keys):
            page.locator(first).first.focus()
            for key in keys:
                page.keyboard.press(key)

        press("#picker button", "ArrowRight", "ArrowDown")
        assert text(page, "#pad-note").startswith("Test image 21,")  # they stand in rows of 20
        press("[data-grid=a1] canvas", "ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft")
        assert text(page, "#said").startswith("a1[7] = ")  # the last would have left the grid
        press("#label button:nth-child(7)", "ArrowLeft")
        assert text(page, "#label [aria-checked=true]") == "5"
        loss = page.evaluate("lab.now.loss")
        press("#step", "Enter")
        assert page.evaluate("lab.now.loss") < loss
        press("#code [data-stage]", "Enter")
        assert text(page, "#stage-line").startswith("self.x = x")
        page.keyboard.press("Escape")
        press("#play", "Enter")
        for line in ("self.x", "self.z1"):
            page.locator("#stage-line", has_text=line).wait_for()
        press("#play", "Enter")
        assert text(page, "#play") == "Play"
        page.evaluate("lab.reset(); lab.learn(1)")
        press("#undo", "Enter", "Enter")  # it goes off, and keeps the focus
        assert page.locator("#undo").is_disabled() and page.evaluate("document.activeElement.id") == "undo"


def test_what_is_out_of_view_or_printed_is_not_of_the_digit_before(page):
    """A print is light, whatever the screen is, and up to date at once; what comes into view is up to date, too."""
    look = """() => [...document.querySelectorAll("[data-grid] canvas")].map((c) => c.toDataURL())"""
    corner = """() => [...document.querySelector("[data-grid=x] canvas").getContext("2d")
        .getImageData(2, 2, 1, 1).data.subarray(0, 3)].reduce((a, b) => a + b)"""

    def all_new():
        return all(old != new for old, new in zip(before, page.evaluate(look), strict=True))

    def pass_by():
        for grid in page.locator("[data-grid]").all():
            grid.scroll_into_view_if_needed()
            frames(page)

    pass_by()
    before = page.evaluate(look)
    page.emulate_media(color_scheme="dark")
    pass_by()
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


def test_a_phone_shows_what_it_needs(phone):
    def in_view(parts, height):
        found = boxes(phone, parts)
        return len(found) == len(parts.split(",")) and all(top >= 0 and end <= height for *_, top, _, end in found)

    phone.evaluate("lab.pick(1); lab.setLabel(2); scrollTo(0, 0)")
    assert in_view("#pad, #answer, #meant, #teach", 844)  # the first screen, as on many phones
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
    for link in phone.locator("nav a").all():
        phone.evaluate("scrollTo(0, 0)")
        link.tap()
        name = link.get_attribute("href")
        until(lambda name=name: abs(boxes(phone, name)[0][2]) < 60 or name == "#own")  # not in the one before
        until(
            lambda name=name: (
                text(phone, "nav [aria-current]") == text(phone, f"nav a[href='{name}']") or name == "#own"
            )
        )
    phone.locator("nav a[href='#learn']").tap()
    phone.locator("#start").tap()
    frames(phone)
    assert in_view("#losses canvas, #accuracies canvas", 780)  # one sees what Start does
    assert boxes(phone, "#units")[0][2] < 700
    phone.locator("#start").tap()
    for section in ("#f-dW2", "#h-step"):  # the digit, the answer and a step are never far
        phone.locator(section).scroll_into_view_if_needed()
        until(lambda: in_view("#dock-picture, #dock-answer, #dock-step", 900))
        until(lambda: text(phone, "#dock-answer") == text(phone, "#answer"))
        loss = phone.evaluate("lab.now.loss")
        phone.locator("#dock-step").tap()
        assert phone.evaluate("lab.now.loss") < loss


def test_axe_finds_no_violation_and_nothing_is_wider_than_the_window(browser, axe):
    """On every width, in every colour, and with letters as large as a reader may want them."""
    with opened(browser, COMMITTED, reduced_motion="reduce", problems=["Canvas2D"]) as page:
        fonts = page.context.new_cdp_session(page)
        draw(page, [4])
        page.evaluate("lab.setLabel(9); lab.learn(10); lab.learn(10); lab.learning.takeStep()")
        page.locator("[data-mistake=zeros] input").check()
        page.locator("#check").click()
        page.locator("#code [data-stage=da1]").click()
        until(lambda: text(page, "#score"))  # what waits until the page is there
        for width, font, look in [
            (390, 16, {}), (390, 24, {}), (768, 16, {}), (768, 24, {}), (1440, 24, {}), (1440, 16, {}),
            (390, 16, {"color_scheme": "dark"}), (1440, 16, {"forced_colors": "active"}),
        ]:  # fmt: skip
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(**{"color_scheme": "light", "forced_colors": "none"} | look)
            fonts.send("Page.setFontSizes", {"fontSizes": {"standard": font, "fixed": font}})
            frames(page)
            scrolled = "#sections *"  # they need not all fit
            assert [box for box in boxes(page, f"body :not({scrolled})") if box[1] < -0.5 or box[3] > width + 0.5] == []
            assert page.evaluate("document.documentElement.scrollWidth") == width
            if look or (font == 16 and width != 768):
                assert axe(page) == [], (width, look)


def test_no_number_loses_its_end(page):
    """However wide the window is; and where it is low, at 400 %, the dock leaves room for what has the focus."""
    ends = """() => [...document.querySelectorAll(".bar .value")].flatMap((value) => {
        const inside = document.createRange(), { right } = value.parentElement.getBoundingClientRect();
        inside.selectNodeContents(value);
        const { left, right: end } = inside.getBoundingClientRect(), track = value.previousElementSibling;
        return end <= right + 1 && left >= track.getBoundingClientRect().right ? [] : [value.parentElement.innerText];
    })"""
    for width in (320, 390, 641, 700, 735, 740, 768, 896, 897, 1080, 1440):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(ends) == [], width
        assert min(right - left for _, left, _, right, _ in boxes(page, ".network .track")) > 40, width
    page.set_viewport_size({"width": 360, "height": 225})
    page.locator("[data-grid=a1] canvas").hover(position={"x": 20, "y": 20})
    (dock,) = boxes(page, "#dock")
    assert dock[4] - dock[2] < 70


@pytest.mark.slow
def test_forced_colours_leave_nothing_white_on_white(page):
    """What carries a meaning by its colour alone still has one, beside those of its letters and lines."""
    page.emulate_media(forced_colors="active", reduced_motion="reduce")
    page.locator("[data-mistake=mask] input").check()
    for part in ["#belief", "[data-bars=p]", "[data-bars=logits]", ".on label", "#meant", "#picker"]:
        with Image.open(io.BytesIO(page.locator(part).screenshot())) as picture:
            colours = picture.convert("RGB").getcolors(1 << 24)
        assert any(count > 20 and max(c) - min(c) > 60 for count, c in colours), part
    page.locator("[data-mistake=mask] input").uncheck()

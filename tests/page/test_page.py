"""The page in a real browser: its numbers are NumPy's, it reads what is drawn, and hands, keys and eyes can use it."""

import re
import socket

import numpy as np
import pytest

from chromium import COMMITTED, WIDTHS, arrays_of, draw, opened, twin, weights
from conftest import ROOT, as_input
from mlp_np import relative_difference, softmax_cross_entropy
from page import build
from page_strokes import STROKES

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


# --- The third twin ------------------------------------------------------------------------------------------------


def test_fifty_images_forwards_and_backwards(browser, small, mnist):
    """Each with its own label, and with another: most gradients of the true one are small."""
    with opened(browser, small) as page:
        model = twin(weights(page))
        for n, (x, label) in enumerate(zip(inputs(mnist), mnist.test_labels[:50].tolist(), strict=True)):
            page.evaluate("n => lab.pick(n)", n)
            assert page.evaluate("n => [...lab.tests[n].pixels]", n) == mnist.test_images[n].ravel().tolist()
            for y in (label, (label + 1 + n % 9) % 10):
                page.evaluate("y => lab.setLabel(y)", y)
                assert_same_pass(page, model, x[np.newaxis], y)


def test_the_committed_page_computes_the_same(browser, mnist):
    with opened(browser, COMMITTED) as page:
        model = twin(weights(page))
        for n in (0, 8):
            page.evaluate("n => lab.pick(n)", n)
            page.evaluate("lab.setLabel(3)")
            assert_same_pass(page, model, inputs(mnist)[n : n + 1], 3)


def test_ten_steps(browser, small, mnist):
    with opened(browser, small) as page:
        before = weights(page)
        model, x, lr = twin(before), inputs(mnist)[8:9], 0.002
        page.evaluate("lab.pick(8); lab.setLabel(2); lab.learn(3, 0.002); lab.learn(7, 0.002)")
        for _ in range(10):
            grads = one_pass(model, x, 2)
            for name, p in model.params.items():
                p -= lr * grads[f"d{name}"]
        after = weights(page)
        for name, p in model.params.items():
            assert relative_difference(after[name], p) < 1e-4, name
            # Most weights hardly move, and would agree if the page took no step: compare the moves as well.
            assert relative_difference(after[name] - before[name].astype(float), p - before[name]) < 1e-4, name
        assert page.evaluate("lab.now.loss") == pytest.approx(one_pass(model, x, 2)["loss"], rel=1e-4)


@pytest.mark.parametrize("pixels", ["unit", "raw"])
def test_pixels_become_input_as_they_did_in_training(browser, checkpoint, mnist, tmp_path, pixels):
    model, options, history = build.load_mlp(checkpoint)
    options.pixels = pixels
    path = tmp_path / "index.html"
    path.write_text(build.build(model, options, history), encoding="utf-8")
    with opened(browser, path) as page:
        page.evaluate("lab.pick(4)")
        assert relative_difference(numbers(page, ["x"])["x"], inputs(mnist, pixels)[4].ravel()) < 1e-12


@pytest.mark.parametrize("hidden", [1, 11])
def test_a_network_of_any_width_has_a_page(browser, checkpoint, tmp_path, hidden):
    model, options, history = build.load_mlp(checkpoint)
    for name, p in model.params.items():
        model.params[name] = p[:, :hidden] if name == "W1" else p if name == "b2" else p[:hidden]
    path = tmp_path / "index.html"
    path.write_text(build.build(model, options, history), encoding="utf-8")
    with opened(browser, path) as page:
        page.evaluate("lab.setLabel(1); lab.learn(10, 0.01)")
        assert page.evaluate("lab.now.dz1.length") == hidden


def test_a_step_lowers_the_loss_and_changes_the_answer(browser, small):
    with opened(browser, small) as page:
        losses = page.evaluate(
            "() => { lab.pick(0); lab.setLabel(2); const loss = [lab.now.loss];"
            "for (let n = 0; n < 60; n++) { lab.learn(1, 0.001); loss.push(lab.now.loss); } return loss; }"
        )
        assert np.all(np.diff(losses) < 0)
        assert page.locator("#answer").inner_text() == "2"


def test_undo_and_reset_restore_every_bit(browser, small):
    def state():
        return {name: p.tobytes() for name, p in weights(page).items()}, page.evaluate("lab.now.loss")

    with opened(browser, small) as page:
        page.evaluate("lab.pick(3)")
        page.locator("#label button").nth(5).click()
        states = [state()]
        for button in ("#step", "#step10", "#step"):
            page.locator(button).click()
            states.append(state())
        assert len({s[0]["W1"] for s in states}) == 4
        for expected in states[-2::-1]:
            page.locator("#undo").click()
            assert state() == expected
        assert page.locator("#undo").is_disabled()
        page.locator("#step10").click()
        page.evaluate("lab.pick(7); lab.learn(1)")
        page.locator("#reset").click()
        page.evaluate("lab.pick(3); lab.setLabel(5)")
        assert state() == states[0]


# --- Drawing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("width", "size", "right", "down"), [(1440, 1, 0, 0), (390, 0.45, 0.25, -0.25)])
def test_drawn_digits_are_read(browser, width, size, right, down):
    with opened(browser, COMMITTED, width) as page:
        read = []
        for digit in STROKES:
            pixels = draw(page, digit, size, right, down)
            rows, columns = np.nonzero(pixels)
            assert max(np.ptp(rows), np.ptp(columns)) in (18, 19)  # 20 pixels, of which the last may be too faint
            centre = (np.indices((28, 28)) + 0.5).reshape(2, -1) @ pixels.ravel() / pixels.sum()
            assert np.all((centre > 13.8) & (centre < 15.2))
            read.append(int(page.locator("#answer").inner_text()))
        assert sum(r == d for r, d in zip(read, STROKES, strict=True)) >= 9, read


def test_a_drawing_is_the_same_wherever_it_lies(browser, small):
    with opened(browser, small) as page:
        here, there = draw(page, 1, 0.7), draw(page, 1, 0.7, 0.1, -0.05)
        assert np.abs(here - there).max() <= 40  # but for the edges: the pad's pixels are not MNIST's


def test_a_dot_and_an_empty_pad(browser, small):
    with opened(browser, small) as page:
        page.locator(".clear").first.click()
        assert page.locator("#answer").inner_text() == "–"
        page.locator("#pad").click()
        page.evaluate("lab.readPad()")
        assert page.locator("#answer").inner_text().isdigit()
        page.locator(".clear").first.click()
        assert not any(page.evaluate("Array.from(lab.pixels())"))


def test_drawing_by_touch(browser, small):
    with opened(browser, small, 390, has_touch=True) as page:
        page.locator("#pad").tap()
        page.wait_for_timeout(100)
        assert max(page.evaluate("Array.from(lab.pixels())")) == 255
        assert "Your digit" in page.locator("#pad-note").inner_text()


def test_a_stroke_event_is_answered_in_time(browser):
    """From the event to the answer and all pictures in view: within a frame of 60 a second, on 2 cores."""
    with opened(browser, COMMITTED) as page:
        draw(page, 8)
        times = page.evaluate(
            """async () => {
                const pad = document.getElementById("pad"), box = pad.getBoundingClientRect(), times = [];
                pad.setPointerCapture = () => {};
                const send = (type, n) => pad.dispatchEvent(new PointerEvent(type, {
                    isPrimary: true, clientX: box.left + 60 + 2 * n, clientY: box.top + 90 + n}));
                send("pointerdown", 0);
                for (let n = 1; n <= 60; n++) {
                    await new Promise((done) => setTimeout(done, 16)); // events come one a frame
                    const start = performance.now();
                    send("pointermove", n);
                    lab.readPad();
                    times.push(performance.now() - start);
                }
                send("pointerup", 60);
                return times;
            }"""
        )
        assert np.median(times) < 16, np.percentile(times, [0, 25, 50, 75, 100])


# --- Reading the page ----------------------------------------------------------------------------------------------


def test_every_kind_of_number_can_be_pointed_at(browser, small):
    with opened(browser, small) as page:
        page.evaluate("lab.pick(1); lab.setLabel(6)")
        said = page.locator("#said")
        for name, grid in [(g.get_attribute("data-grid"), g) for g in page.locator("[data-grid]").all()]:
            grid.locator("canvas").hover(position={"x": 20, "y": 40})
            assert re.match(rf"{name}\[[\d, ]+\] = -?[\d.e-]+%? = ", said.inner_text()), said.inner_text()
        for name, bars in [(b.get_attribute("data-bars"), b) for b in page.locator("[data-bars]").all()]:
            bars.locator(".bar").nth(6).hover()
            assert said.inner_text().startswith(f"{name.split('-')[0]}[6] = "), said.inner_text()
        page.locator("#loss").hover()
        assert said.inner_text().startswith("loss = ")
        page.evaluate("lab.learn(2)")
        page.locator("#chart svg").hover(position={"x": 5, "y": 100})
        assert said.inner_text().endswith("after 0 steps on this digit")


def test_the_readout_says_the_number_that_is_pointed_at(browser, small):
    with opened(browser, small) as page:
        page.evaluate("lab.pick(1); lab.setLabel(6)")
        canvas = page.locator("[data-grid=dz1] canvas")
        box = canvas.bounding_box()
        cell = box["width"] / 10  # 48 units stand in rows of 10
        canvas.hover(position={"x": 7.4 * cell, "y": 1.4 * cell})
        name, _, value, *_ = page.locator("#said").inner_text().split(" ")
        assert name == "dz1[17]"
        dz1, z1, da1 = (numbers(page, [n])[n][17] for n in ("dz1", "z1", "da1"))
        assert float(value) == pytest.approx(dz1, rel=0.01)
        rest = page.locator("#said").inner_text().split(" = ", 2)[2]
        product, on = re.fullmatch(r"da1\[17\] \* \(z1\[17\] > 0\) = (\S+) \* ([01])", rest).groups()
        assert float(product) == pytest.approx(da1, rel=0.01)
        assert int(on) == (z1 > 0)


def test_all_of_it_by_keyboard(browser, small):
    with opened(browser, small) as page:
        stops = []
        for _ in range(80):
            page.keyboard.press("Tab")
            stop = page.evaluate(
                """() => {
                    const e = document.activeElement;
                    const host = e.closest("[data-grid], [data-bars], [data-mistake], [id]") ?? e;
                    if (e === document.body) return null;
                    const seen = getComputedStyle(e).outlineStyle !== "none" && e.getBoundingClientRect().width > 0;
                    return [host.dataset.grid ?? host.dataset.bars ?? host.dataset.mistake ?? host.id ?? "", seen];
                }"""
            )
            if stop is None:
                break
            assert stop[1], f"{stop[0]} does not show that it has the focus"
            stops.append(stop[0])
        order = [
            *("meant", "picker", "x", "a1", "W1", "logits", "p", "label", "loss", "dlogits", "db2", "dW2", "da1"),
            *(
                "dz1",
                "dW1",
                "db1",
                "lr",
                "step",
                "step10",
                "chart",
                "p-after",
                "start",
                "one",
                "anew",
                "new-lr",
                "new-batch",
            ),
            *("new-hidden", "new-init", "reseed", "p-new", "mask", "mean", "zeros", "shuffled", "rate", "check"),
            *("dock-digit", "dock-step"),
        ]
        assert [stop for stop in stops if stop in order] == order  # and each is one stop, however many are in it

        page.locator("#picker button").first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        assert page.locator("#pad-note").inner_text().startswith("Test image 11,")
        assert page.locator("#picker [aria-checked=true]").get_attribute("aria-label").startswith("test image 11, a 6")

        page.locator("[data-grid=a1] canvas").focus()
        for key in ("ArrowRight", "ArrowDown", "ArrowLeft", "ArrowLeft"):  # the last would leave the grid
            page.keyboard.press(key)
        assert page.locator("#said").inner_text().startswith("a1[10] = ")

        page.locator("#label button").nth(6).focus()
        page.keyboard.press("ArrowLeft")
        assert page.locator("#label [aria-checked=true]").inner_text() == "5"
        page.locator("#lr").focus()
        page.keyboard.press("Home")
        loss = page.evaluate("lab.now.loss")
        page.locator("#step").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("lab.now.loss") < loss


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_is_wider_than_the_window(browser, width):
    with opened(browser, COMMITTED, width) as page:
        draw(page, 4)
        page.evaluate("lab.setLabel(9); lab.learn(10); lab.learn(10)")
        assert page.evaluate("document.documentElement.scrollWidth") == width
        beyond = page.evaluate(
            """() => [...document.querySelectorAll("body *")].filter((e) => {
                const box = e.getBoundingClientRect();
                return box.width && (box.left < -0.5 || box.right > innerWidth + 0.5);
            }).map((e) => e.outerHTML.slice(0, 80))"""
        )
        assert beyond == []


def test_no_motion_for_those_who_asked_for_none(browser, small):
    with opened(browser, small, reduced_motion="reduce") as page:
        assert page.locator(".play:visible").count() == 0
        durations = page.evaluate(
            """[...document.querySelectorAll("*")].map((e) => getComputedStyle(e).transitionDuration)"""
        )
        assert set(durations) == {"0s"}
    with opened(browser, small) as page:
        page.locator(".play").first.click()
        assert page.locator(".stage.dim").count() >= 3
        page.keyboard.press("Escape")
        assert page.locator(".stage.dim").count() == 0


def luminance(colour):
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return np.dot(linear, (0.2126, 0.7152, 0.0722))


def test_text_is_legible_in_light_and_dark():
    css = (ROOT / "page" / "page.css").read_text(encoding="utf-8")
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)
    )
    assert light.keys() == dark.keys()
    for scheme in (light, dark):
        pairs = [(ink, paper) for ink in ("ink", "muted", "accent", "positive-far", "negative-far")
                 for paper in ("paper", "surface")]  # fmt: skip
        for ink, paper in [*pairs, ("on-accent", "accent")]:
            bright, dim = sorted((luminance(scheme[ink]), luminance(scheme[paper])), reverse=True)
            assert (bright + 0.05) / (dim + 0.05) >= 4.5, (ink, paper)


# --- It keeps to itself --------------------------------------------------------------------------------------------


def test_the_policy_forbids_what_the_page_does_not_need(browser, small):
    """Even if somebody's script came in, it could neither run nor send anything."""
    known = ["Content Security Policy", "Failed to load", "Fetch API"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        with opened(browser, small, problems=known, blocked=[url]) as page:
            blocked = page.evaluate(
                """async (url) => {
                    const blocked = [];
                    addEventListener("securitypolicyviolation", (event) => blocked.push(event.effectiveDirective));
                    await fetch(url).catch(() => {});
                    new Image().src = url;
                    const script = document.createElement("script");
                    script.textContent = "window.hacked = true";
                    document.body.append(script);
                    document.body.insertAdjacentHTML("beforeend", "<i style='color: red'>styled</i>");
                    await new Promise((done) => setTimeout(done, 300));
                    return blocked;
                }""",
                url,
            )
            assert {"connect-src", "img-src", "script-src-elem", "style-src-attr"} <= set(blocked)
            assert page.evaluate("window.hacked") is None
            server.settimeout(0.3)
            with pytest.raises(TimeoutError):
                server.accept()


def test_nothing_is_stored(browser, small):
    with opened(browser, small) as page:
        draw(page, 5)
        page.evaluate("lab.learn(1)")
        assert page.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    for name in build.SCRIPTS:
        source = (ROOT / "page" / f"{name}.js").read_text(encoding="utf-8")
        assert not re.search(r"Storage|cookie|indexedDB|fetch\(|XMLHttpRequest|WebSocket|eval\(|innerHTML", source)


# --- At first sight ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["small", "committed"])
def test_it_opens_on_a_misread_digit_and_ten_steps_help(browser, small, which):
    with opened(browser, small if which == "small" else COMMITTED) as page:
        number, truth = re.fullmatch(r"Test image (\d+), a (\d)", page.locator("#pad-note").inner_text()).groups()
        assert int(truth) == page.evaluate("n => lab.tests.find((test) => test.number === n).label", int(number))
        assert page.locator("#answer").inner_text() != truth
        assert page.locator("#verdict").inner_text() == f"Wrong: it is a {truth}."
        assert page.locator("#meant [aria-checked=true]").inner_text() == truth
        loss = page.evaluate("lab.now.loss")
        assert loss > 1
        for name in GRADIENTS:  # every picture has something to say
            assert np.abs(numbers(page, [name])[name]).max() > 1e-3, name
        page.locator("#step10").click()
        assert page.evaluate("lab.now.loss") < loss / 4
        assert page.locator("#answer").inner_text() == truth
        assert page.locator("#verdict").inner_text() == "Right."


def test_probabilities_are_percentages(browser, small):
    with opened(browser, small) as page:
        page.evaluate("lab.pick(0)")
        page.wait_for_timeout(400)
        for name in ("p", "p-after", "p-new"):
            for value in page.locator(f"[data-bars={name}] .value").all_inner_texts():
                assert re.fullmatch(r"[<>]?\d+\.\d%", value), value
        shown = [float(v.strip("<>%")) for v in page.locator("[data-bars=p] .value").all_inner_texts()]
        assert shown == pytest.approx(100 * numbers(page, ["p"])["p"], abs=0.11)
        page.locator("[data-bars=p] .bar").nth(7).hover()
        assert re.match(r"p\[7\] = [<>]?\d+\.\d% = exp", page.locator("#said").inner_text())


def test_the_true_digit_is_asked_where_one_draws(browser, small):
    with opened(browser, small) as page:
        draw(page, 3)
        assert page.locator("#h-meant").inner_text() == "Which digit did you mean?"
        assert page.locator("#meant [aria-checked=true]").count() == 0
        page.locator("#meant button").nth(8).click()
        assert page.evaluate("lab.now.dlogits[8]") < 0
        assert page.locator("#label [aria-checked=true]").inner_text() == "8"  # section 3 knows it too


def test_what_is_out_of_view_is_not_of_the_digit_before(browser, small):
    """So that a picture of the whole page, or a print of it, shows one digit."""
    look = """() => [...document.querySelectorAll("[data-grid] canvas")].map((c) => c.toDataURL())"""
    with opened(browser, small, color_scheme="dark", problems=["Canvas2D"]) as page:  # the test reads much
        page.wait_for_timeout(400)
        before = page.evaluate(look)
        page.evaluate("lab.pick(0); lab.setLabel(3)")
        page.wait_for_timeout(400)
        after = page.evaluate(look)
        assert len(before) == 8
        assert all(a != b for a, b in zip(before, after, strict=True))
        # A print is light, whatever the screen is, and is up to date at once.
        corner = """() => [...document.querySelector("[data-grid=x] canvas").getContext("2d")
            .getImageData(2, 2, 1, 1).data]"""
        assert sum(page.evaluate(corner)[:3]) < 150
        page.evaluate("lab.pick(5); dispatchEvent(new Event('beforeprint'))")
        assert sum(page.evaluate(corner)[:3]) > 600
        printed = page.evaluate(look)
        assert all(a != b for a, b in zip(after, printed, strict=True))
        page.evaluate("dispatchEvent(new Event('afterprint'))")
        page.wait_for_timeout(400)
        assert sum(page.evaluate(corner)[:3]) < 150
        page.emulate_media(media="print")
        assert not page.locator("#dock").is_visible()


# --- On a phone ----------------------------------------------------------------------------------------------------


def phone(browser, path):
    return opened(browser, path, 390, has_touch=True, is_mobile=True)


def test_fingers_find_what_they_need(browser, small):
    with phone(browser, small) as page:
        for switch in page.locator("[data-mistake] label").all():
            switch.click()
        sizes = page.evaluate(
            """() => [...document.querySelectorAll("button, select, input, .pad")].map((e) => {
                const box = (e.type === "checkbox" ? e.parentElement : e).getBoundingClientRect();
                return [e.id || e.textContent || e.className, box.width, box.height];
            })"""
        )
        assert len(sizes) > 90
        assert [size for size in sizes if size[1] < 44 or size[2] < 44] == []
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        words = page.locator("main").inner_text()
        assert "Tap" in words
        assert "oint at" not in words + page.locator("#said").inner_text()


def test_the_digit_the_answer_and_a_step_stay_within_reach(browser, small):
    with phone(browser, small) as page:
        answer = page.locator("#dock-answer")
        for section in ("#h-digit", "#h-forward", "#f-dW2", "#h-step"):
            page.locator(section).scroll_into_view_if_needed()
            for part in ("#dock-picture", "#dock-answer", "#dock-step"):
                box = page.locator(part).bounding_box()
                assert box["y"] >= 0 and box["y"] + box["height"] <= 900, (section, part)
            assert answer.inner_text() == page.locator("#answer").inner_text()
            loss = page.evaluate("lab.now.loss")
            page.locator("#dock-step").tap()
            assert page.evaluate("lab.now.loss") < loss
        page.locator("#dock-digit").tap()
        page.locator("#units").evaluate("(e) => e.scrollIntoView({block: 'center'})")
        page.wait_for_timeout(100)
        assert page.locator("#dock-step").inner_text() == "Start"
        page.locator("#dock-step").tap()
        assert page.locator("#dock-step").inner_text() == "Pause"
        page.locator("#dock-step").tap()
        assert page.evaluate("lab.learning.training.step") > 0
        assert answer.inner_text() == page.locator("#new-answer").inner_text()


# --- For everybody -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("width", [390, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation(browser, axe, small, width, scheme):
    with opened(browser, small, width, color_scheme=scheme, reduced_motion="reduce") as page:
        page.evaluate("lab.learn(3); lab.learning.takeStep()")
        page.locator("[data-mistake=zeros] input").check()
        page.locator("#check").click()
        page.evaluate(axe)
        found = page.evaluate("axe.run().then((result) => result.violations)")
        assert [(rule["id"], [node["html"][:120] for node in rule["nodes"]]) for rule in found] == []

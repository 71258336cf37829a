"""Learning from nothing: what learns there is mlp_np.py's network, and what goes wrong there goes wrong as in NumPy."""

import numpy as np
import pytest

from chromium import frames, reload, text, twin, weights
from conftest import as_input, schedule, until
from mlp_np import MLP, relative_difference, softmax_cross_entropy

MISTAKES = ("mask", "mean", "zeros", "shuffled", "rate")
TRAINING = "lab.learning.training"


def start(page, mistakes=(), hidden=16, init="he", seed=1):
    """A new run, and its first weights."""
    page.evaluate(
        """({ mistakes, ...how }) => {
            lab.learning.training = new lab.learning.training.constructor({ mistakes: new Set(mistakes), ...how });
        }""",
        {"mistakes": list(mistakes), "hidden": hidden, "init": init, "seed": seed},
    )
    return weights(page, f"{TRAINING}.model")


def take_steps(page, count, batch_size=32, lr=0.1):
    """Take steps; which images each learned from."""
    return page.evaluate(
        """([count, batchSize, lr]) => {
            const run = lab.learning.training, next = run.next, batches = [];
            run.next = (size) => (batches.push(next.call(run, size)), batches.at(-1));
            for (let n = 0; n < count; n++) run.takeStep(batchSize, lr);
            delete run.next;
            return batches;
        }""",
        [count, batch_size, lr],
    )


@pytest.mark.parametrize(
    ("mistake", "steps", "init", "hidden", "batch_size", "lr"),
    [("", 50, "geohot", 32, 32, 0.1), ("", 50, "pytorch", 8, 10, 0.1), *((m, 4, "he", 16, 32, 0.01) for m in MISTAKES)],
)
def test_steps_are_those_of_mlp_np(page, mnist, mistake, steps, init, hidden, batch_size, lr):
    """And a mistake is the same in NumPy; and what it states of the test images is true."""
    before = start(page, [mistake] if mistake else [], hidden, init)
    batches, labels = take_steps(page, steps, batch_size, lr), np.array(page.evaluate(f"{TRAINING}.labels"))
    after = weights(page, f"{TRAINING}.model")
    assert [len(batch) for batch in batches] == [batch_size] * steps
    epoch = np.array(batches[: 1500 // batch_size])  # visits no image twice
    assert len(np.unique(epoch)) == epoch.size
    true_labels, model = mnist.train_labels[: len(labels)], twin(before)
    for chosen in batches:
        x = as_input(mnist.train_images[chosen])
        dlogits = softmax_cross_entropy(model.forward(x), labels[chosen])[1]
        right = model.backward(dlogits)["W1"]
        if mistake == "mean":
            dlogits *= batch_size  # no 1/B
        if mistake == "mask":
            model.z1 = np.ones_like(model.z1)  # dz1 = da1
        grads = model.backward(dlogits)
        for name, dp in grads.items():
            model.params[name] -= lr * (100 if mistake == "rate" else 1) * dp
    for name, p in model.params.items():
        moved = after[name] - before[name].astype(float)
        assert relative_difference(after[name], p) < 1e-4, name
        assert relative_difference(moved, p - before[name]) < 1e-4, name
    assert (relative_difference(grads["W1"], right) > 0.1) == (mistake in ("mask", "mean"))
    assert any(p.any() for p in before.values()) == (mistake != "zeros")
    assert sorted(labels) == sorted(true_labels)
    assert np.array_equal(labels, true_labels) == (mistake != "shuffled")

    model = twin(after)
    page.evaluate(f"{TRAINING}.test()")
    tested = page.evaluate(f"{TRAINING}.tested")
    y = mnist.test_labels[: page.evaluate("JSON.parse(network.textContent).testingLabels.length")].astype(int)
    logits = model.forward(as_input(mnist.test_images[: len(y)]))
    assert [test["step"] for test in tested] == ([10, 20, 30, 40, 50] if steps == 50 else [4])
    assert tested[-1]["loss"] == pytest.approx(softmax_cross_entropy(logits, y)[0], rel=1e-6)
    assert tested[-1]["accuracy"] == (logits.argmax(axis=1) == y).mean()
    assert page.evaluate(f"{TRAINING}.off") == (model.a1 == 0).all(axis=0).tolist()


def test_first_weights_are_drawn_as_mlp_np_draws_them(page):
    for init in ("he", "pytorch", "geohot"):
        params, theirs = start(page, hidden=64, init=init), MLP(64, init).params
        for name, rel in (("W1", 0.02), ("W2", 0.15), ("b1", 0.3)):
            assert params[name].std() == pytest.approx(theirs[name].std(), rel=rel), (init, name)
        assert not np.array_equal(params["W1"], start(page, hidden=64, init=init, seed=2)["W1"])


@pytest.mark.slow(one_in=2)
def test_it_reads_over_85_percent_before_it_pauses_while_one_draws(committed):
    """On the page as it opens: Start is pressed, and each event of a pen is answered in the next frame."""
    page = committed
    reload(page)
    page.locator("#pad2").scroll_into_view_if_needed()
    page.locator("#start").click()
    page.evaluate("penTo(pad2, 'pointerdown', 0.1, 0.2)")
    answered = """async (n) => {
        const { x } = lab.pass;
        penTo(pad2, "pointermove", 0.1 + n / 17, 0.2 + n / 20);
        await new Promise((done) => requestAnimationFrame(done));
        return lab.pass.x !== x;
    }"""
    assert all(page.evaluate(answered, n + 1) for n in range(10))
    page.evaluate("penTo(pad2, 'pointerup', 0.8, 0.7)")
    good = f"{TRAINING}.tested.length > 4 && {TRAINING}.tested.slice(-5).every((test) => test.accuracy > 0.85)"
    until(lambda: page.evaluate(f"{good} || !lab.learning.running"))
    assert page.evaluate(good)
    reload(page)  # as other tests expect it


def run(page, mistakes, steps, seed=1):
    """Train with these mistakes: what the run has come to, tested twice, and what the gradient check says of it."""
    start(page, mistakes, hidden=32, init="geohot", seed=seed)
    once = "function () { if (!this.tested.length) Object.getPrototypeOf(this).test.call(this); }"
    page.evaluate(f"{TRAINING}.test = {once}; 0")
    take_steps(page, steps)
    return page.evaluate(
        """async () => {
            const run = lab.learning.training, { params } = run.model;
            delete run.test;
            run.test();
            lab.learning.check();
            await null; // then it is shown
            return {losses: run.losses, most: Math.max(...run.losses), ...run.tested.at(-1),
                first: run.losses[0], tested: run.tested[0].loss, off: run.off.filter((is) => is).length,
                moved: Object.keys(params).filter((name) => params[name].some((v) => v)).join(),
                said: document.getElementById("checked").textContent};
        }"""
    )


SYMPTOMS = {  # of each: after how many steps, what the check says, and what is so, beside the same without the mistake
    "mask": (350, "They disagree", lambda now, right: (
        0.7 < now["accuracy"] < right["accuracy"] and now["loss"] > right["loss"])),
    "mean": (100, "", lambda now, right: (
        now["most"] > 2 * right["first"] and now["accuracy"] < 0.3 and now["off"] > 10)),
    "zeros": (100, "every dW1 is 0", lambda now, right: (
        np.allclose(now["losses"], np.log(10), atol=0.05) and now["moved"] == "b2" and now["off"] == 32
        and now["accuracy"] < 0.2)),
    "shuffled": (350, "They agree", lambda now, right: (
        now["accuracy"] < 0.2 and now["loss"] > now["tested"]
        and right["losses"][-1] + 1 < now["losses"][-1] < now["first"] - 0.1)),
    "rate": (400, "", lambda now, right: (
        now["first"] < 3 and max(now["losses"][:20]) > 100 and min(now["losses"][5:]) > 2.25
        and now["accuracy"] < 0.3 and now["off"] >= 16)),
}  # fmt: skip


@pytest.mark.parametrize("seed", schedule([1, 2], in_turn=2))
def test_each_mistake_shows_its_symptom(page, seed):
    """What the page says of each, by the settings that it opens with, is so."""
    right = run(page, [], 350, seed)
    assert "They agree" in right["said"] and right["accuracy"] > 0.84
    for name, (steps, said, is_so) in SYMPTOMS.items():
        now = run(page, [name], steps, seed)
        assert said in now["said"] and is_so(now, right), (name, now)


@pytest.mark.slow(one_in=2)
@pytest.mark.parametrize("seeds", schedule([[1, 2]], instead=[[1]]))
def test_what_the_gradient_check_says_of_each_mistake(page, seeds):
    """A factor is named only where all rows have it."""
    for seed in seeds:
        assert "and all eight that were checked are 32 times as large" in run(page, ["mean"], 1, seed)["said"]
        assert "every dW1 is 0" in run(page, ["zeros"], 2, seed)["said"]
        for steps in (0, 40):
            said = run(page, ["mask"], steps, seed)["said"]
            assert "times as large" not in said
            assert "They disagree" in said or "every dW1 is 0" in said


@pytest.mark.parametrize("seed", schedule(range(1, 7), in_turn=3))
def test_a_right_backward_pass_is_never_called_wrong(page, seed):
    """Where the losses are so large that rounding hides their differences, the check says so."""
    said = page.evaluate(
        """async (seed) => {
            const said = [];
            for (const batch of [0, 1, 2]) {
                lab.learning.set({ lr: 4, batch, mistakes: ["rate"], seed });
                for (let step = 0; step < 16; step++) {
                    lab.learning.check();
                    await null; // then it is shown
                    said.push(document.getElementById("checked").textContent);
                    lab.learning.takeStep();
                }
            }
            return said;
        }""",
        seed,
    )
    assert not [words for words in said if "pass is wrong" in words]
    assert "They agree" in said[16] and any("be measured" in words for words in said)


def test_each_epoch_has_an_order_of_its_own(page):
    start(page)
    first, second = page.evaluate(
        f"""() => {{
            const epoch = () => [0, 1, 2].flatMap(() => {TRAINING}.next(500));
            return [epoch(), epoch()];
        }}"""
    )
    assert sorted(first) == sorted(second) == list(range(1500)) and first != second


def test_however_long_a_curve_is_it_ends_at_the_last_step(page):
    """Of 1,203 steps every fourth is drawn; the label says where the curve ends."""
    start(page)
    page.evaluate(
        f"""() => {{
            const run = {TRAINING};
            run.step = 1203;
            run.losses = Array.from({{ length: 1203 }}, (_, n) => n / 1202);
            lab.learning.show();
        }}"""
    )
    until(lambda: "up to step 1203: training 1.00" in page.locator("#losses canvas").get_attribute("aria-label"))


def test_a_loss_of_hundreds_stays_on_its_chart(page):
    run(page, ["rate"], 20)
    page.evaluate("lab.learning.show()")
    page.locator("#losses").scroll_into_view_if_needed()  # what is out of view is not painted
    above = """() => {  // is there any ink of a curve in the uppermost fifth, where there is none if it is cut off?
        const canvas = document.querySelector("#losses canvas"), { height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(60, height / 9, 200, height / 9);
        return data.some((v, n) => n % 4 === 3 && v);
    }"""
    until(lambda: page.evaluate(above))


@pytest.mark.slow(one_in=2)
def test_a_switch_starts_over_and_says_how_to_recognise_it(page):
    for mistake in MISTAKES:
        page.evaluate("lab.learning.oneStep()")
        card = page.locator(f"[data-mistake={mistake}]")
        card.locator("input").check()
        assert page.evaluate(f"[{TRAINING}.step, ...{TRAINING}.mistakes]") == [0, mistake]
        assert "How to recognise it" in card.inner_text()
        page.evaluate("lab.learning.set({ mistakes: [] })")
        assert not card.locator("input").is_checked()


def test_numbers_beyond_all_bounds_stop_it(page):
    page.evaluate(f"lab.learning.running = true; {TRAINING}.takeStep(32, 1e45)")
    page.evaluate("lab.learning.takeStep(); lab.learning.show()")
    assert not page.evaluate("lab.learning.running")
    assert "start over" in text(page, "#progress")
    steps = page.evaluate(f"{TRAINING}.step")
    page.locator("#one").dispatch_event("click")  # it is off
    assert page.locator("#start").is_disabled() and page.evaluate(f"{TRAINING}.step") == steps
    assert "NaN" not in text(page, "#learn")


@pytest.mark.slow(one_in=2)
def test_pausing_and_starting_over_are_exact(page):
    def bits():
        return {name: p.tobytes() for name, p in weights(page, f"{TRAINING}.model").items()}

    first = bits()
    page.locator("#start").click()
    until(lambda: page.evaluate(f"{TRAINING}.step") > 0)
    page.locator("#start").click()
    steps, paused = page.evaluate(f"{TRAINING}.step"), bits()
    frames(page)
    assert bits() == paused != first
    page.locator("#anew").click()
    assert bits() == first
    assert page.evaluate(f"[{TRAINING}.step, {TRAINING}.losses.length, {TRAINING}.tested.length]") == [0, 0, 0]
    page.evaluate(f"for (let n = 0; n < {steps}; n++) lab.learning.takeStep()")
    assert bits() == paused


@pytest.mark.slow(one_in=2)
def test_the_network_that_learns_here_can_be_looked_into_above(page):
    """As it is now, and live; a step there is one of a copy. Further down it reads the digit anew after each step."""

    def shows_the_run():
        above, run = weights(page), text(page, "#inside .run")
        assert all(np.array_equal(p, above[name]) for name, p in weights(page, f"{TRAINING}.model").items())
        assert text(page, "#answer") == text(page, "#new-answer") and run == text(page, "#run")
        assert page.evaluate("[...lab.learning.p].join() === [...lab.pass.p].join()")
        return run

    page.evaluate("lab.pick(0); for (let n = 0; n < 20; n++) lab.learning.takeStep(); lab.learning.show()")
    page.locator("#look-inside").click()
    assert shows_the_run().startswith("784-32-10 from “Learn from nothing”, 20 training steps, test ")
    page.locator("#watch").click()
    seen = set()
    until(lambda: seen.add(text(page, "#inside .run")) or len(seen) > 2)
    page.locator("#watch").click()
    shows_the_run()
    page.evaluate("lab.learning.set({ hidden: 0 })")
    assert weights(page)["b1"].shape == (8,) and "nothing”, 0 training steps" in text(page, "#run")
    page.locator("#teach").click()  # now it goes its own way
    assert not page.locator("#watch").count() and page.evaluate(f"{TRAINING}.step") == 0
    assert not weights(page, f"{TRAINING}.model")["b2"].any() and weights(page)["b2"].any()
    page.locator("#inside .other button").click()
    assert weights(page)["W1"].shape == (784, 48)
    assert not page.locator("#inside .other").is_visible()


def test_the_gradient_check_says_when_it_was(page):
    page.locator("#one").click()
    page.locator("#check").click()
    said = text(page, "#checked")
    page.locator("#one").click()
    assert text(page, "#checked") == f"At step 1: {said}"
    page.evaluate("lab.learning.set({ batch: 1 })")
    assert text(page, "#checked") == f"At step 1, with batch size 32: {said}"


def test_what_a_frame_costs_does_not_grow(page):
    page.locator("#losses").scroll_into_view_if_needed()
    run(page, [], 10)

    def reads(steps):  # how often showing a run of so many steps looks into its lists
        return page.evaluate(
            f"""(steps) => {{
                const run = {TRAINING}, test = {{ ...run.tested[0] }};
                let count = 0;
                const list = (length, one) => new Proxy(Array.from({{ length }}, (_, n) => one(n)),
                    {{ get: (values, key) => (count++, values[key]) }});
                run.losses = list(run.step = steps, () => 0.5);
                run.accuracies = list(steps, () => 0.5);
                run.tested = list(steps / 10, (n) => ({{ ...test, step: 10 * n }}));
                lab.learning.show();
                return count;
            }}""",
            steps,
        )

    before = reads(4000)
    assert before > 100 and reads(20_000) < 2 * before


def test_the_dock_reads_the_digit_at_hand_while_one_learns(page):
    page.locator("[data-grid=a1] canvas").hover(position={"x": 60, "y": 60})
    page.locator("#pad2").scroll_into_view_if_needed()
    page.locator("#learn .clear").click()
    assert not page.locator("#dock-digit").count()  # the pad is in the window
    page.locator(".mistakes").evaluate("(list) => list.scrollIntoView({ block: 'start' })")
    page.set_viewport_size({"width": 1440, "height": 500})
    page.locator("#dock-digit").wait_for()
    assert text(page, "#dock-answer") == text(page, "#new-answer") == "–"
    page.evaluate("penTo(pad2, 'pointerdown', 0.5, 0.2); penTo(pad2, 'pointermove', 0.5, 0.8); lab.readPad()")
    page.evaluate("penTo(pad2, 'pointerup', 0, 0)")
    assert text(page, "#dock-answer") == text(page, "#new-answer") != "–"
    assert text(page, "#dock-sure") in text(page, "#new-sure")
    assert text(page, "#said") == ""  # nothing of the network further up

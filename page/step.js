/* Steps on this one digit, and what they change. */

const UNDOABLE = 8e6; // numbers: the weights before each of the last presses (20 of them, in the network given)

function learn(count, lr = rate()) {
  if (empty() || !state.labelled) return; // nothing, or nobody has said which digit it is
  const presses = Math.ceil(UNDOABLE / (795 * model.hidden + 10)); // 784 H + H + 10 H + 10 numbers each
  state.kept = [...state.kept, { params: copy(model.params), steps: state.steps }].slice(-presses);
  const { digit, y } = state;
  for (let n = 0; n < count; n++) {
    compute();
    const { x, a1, logits, p, loss, dz1, dW1, db1, dW2, db2 } = now;
    state.steps = state.steps.concat({ x, y, lr, digit, first: n === 0, a1, logits, p, loss, dz1 });
    sgdStep(model.params, { W1: dW1, b1: db1, W2: dW2, b2: db2 }, lr);
  }
  update({ same: true, weights: true });
}

/** Take back what the last press of a button did. */
function undo() {
  const before = state.kept.pop();
  if (!before) return;
  model.params = before.params;
  state.steps = before.steps;
  update({ same: true, weights: true });
}

function reset() {
  Object.assign(state, { steps: [], kept: [] });
  model.params = copy(state.shown.params);
  update({ weights: true });
}

/** The steps taken on this digit with this y, since something else was on the pad. */
function trail() {
  const first = state.steps.findLastIndex(({ digit, y }) => digit !== state.digit || y !== state.y) + 1;
  return state.steps.slice(first);
}

// A digit's numbers grow with the square of its pixels, so raw ones need smaller steps.
const RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1];
const rate = () => RATES[$("lr").value] / (state.shown.pixels === "raw" ? 1e4 : 1);
const showRate = () => ($("lr-value").textContent = String(+rate().toPrecision(1)));
$("lr").addEventListener("input", showRate);
listen([$("step"), $("teach")], ["click"], () => learn(1));
listen([$("step10")], ["click"], () => learn(10));
listen([$("undo"), $("teach-undo")], ["click"], undo);
listen([$("reset")], ["click"], reset);
listen([$("loss")], ["pointerenter", "pointerdown", "focus"], () => point("loss", {}));
const before = () => (trail()[0] ?? now).p;

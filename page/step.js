/* Steps on this one digit, and what they change. */

const KEPT = 8, EVERY = 50; // how many states of the weights are kept, and how many steps lie between them

function takeStep({ x, y, lr }, count) {
  if (count % EVERY === 0) {
    state.kept = [...state.kept.filter((older) => older.count < count), { count, params: copy(model.params) }].slice(-KEPT);
  }
  const { dlogits } = softmaxCrossEntropy(model.forward(x), [y]);
  sgdStep(model.params, model.backward(dlogits), lr);
}

function learn(count, lr = rate()) {
  if (empty() || !state.labelled) return; // nothing, or nobody has said which digit it is
  const { digit, y } = state, press = state.steps.length ? state.steps.at(-1).press + 1 : 0;
  for (let n = 0; n < count; n++) {
    compute();
    const { x, a1, logits, p, loss, dz1 } = now, step = { x, y, lr, digit, press, a1, logits, p, loss, dz1 };
    takeStep(step, state.steps.length);
    state.steps.push(step);
  }
  update({ same: true, weights: true });
}

/** Take back what the last press of a button did: the weights anew, from the last ones kept, by the steps since. */
function undo() {
  if (!state.steps.length) return;
  const last = state.steps.at(-1).press;
  state.steps = state.steps.filter((step) => step.press < last);
  state.kept = state.kept.filter(({ count }) => count <= state.steps.length);
  const { count, params } = state.kept.at(-1) ?? { count: 0, params: state.shown.params };
  model.params = copy(params);
  state.steps.slice(count).forEach((step, n) => takeStep(step, count + n));
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
for (const id of ["step", "teach"]) $(id).addEventListener("click", () => learn(1));
$("step10").addEventListener("click", () => learn(10));
for (const id of ["undo", "teach-undo"]) $(id).addEventListener("click", undo);
$("reset").addEventListener("click", reset);
for (const type of ["pointerenter", "pointerdown", "focus"]) $("loss").addEventListener(type, () => point("loss", {}));
const before = () => (trail()[0] ?? now).p;

/* What follows from the state: the forward and the backward pass of the digit on the pad, and what steps have changed. */

import { computed } from "@preact/signals";

import { asInput, tests } from "./given.js";
import { MLP, softmaxCrossEntropy } from "./mlp.js";
import { read } from "./pen.js";
import { digit, label, lr, params, shown, started, steps } from "./state.js";
import { argmax, largest, PIXELS, top } from "./words.js";

export const MOST = 12; // units whose part of dW1 is shown

// --- The two passes --------------------------------------------------------------------------------------------------

export const pixels = computed(() =>
  digit.value.picked === null ? read(digit.value) : tests[digit.value.picked].pixels,
);
export const empty = computed(() => !pixels.value.some((v) => v));
export const input = (pixels) => asInput(pixels, shown.value.pixels);
const x = computed(() => input(pixels.value));

/** Forwards and backwards, by the names of mlp_np.py. Where the true digit y is null, the network's answer stands in. */
export function passOf(params, x, label) {
  const mlp = new MLP(params),
    logits = mlp.forward(x),
    answer = argmax(logits),
    y = label ?? answer;
  const { p, loss, dlogits } = softmaxCrossEntropy(logits, [y]);
  const { W1: dW1, b1: db1, W2: dW2, b2: db2 } = mlp.backward(dlogits);
  const { z1, a1, da1, dz1 } = mlp,
    most = top(mlp.hidden, MOST, (j) => Math.abs(dz1[j]));
  return { x, z1, a1, logits, p, loss, dlogits, dW2, db2, da1, dz1, dW1, db1, answer, y, most };
}

export const now = computed(() => passOf(params.value, x.value, label.value));
export const cannotLearn = computed(() => empty.value || label.value === null);
export const hidden = computed(() => params.value.b1.length);
export const W1 = (i, j) => params.value.W1[i * hidden.value + j];
export const W2 = (j, k) => params.value.W2[j * 10 + k];
export function weightsOf(j) {
  const { W1, b1 } = params.value;
  return PIXELS.map((i) => W1[i * b1.length + j]);
}

/** What a pixel adds to the sum of a unit, and a unit to the score of a digit. */
export const added = (i, j) => now.value.x[i] * W1(i, j);
export const spoken = (j, k) => now.value.a1[j] * W2(j, k);

/** Probabilities of this image, from these weights. */
export const probabilities = (params, x) => softmaxCrossEntropy(new MLP(params).forward(x), [0]).p;

/** Which of the test images it reads right; null until the page has opened, or somebody wants to know. */
export const reads = computed(() => {
  if (!started.value && !steps.value.length) return null;
  const mlp = new MLP(params.value);
  return tests.map((test) => argmax(mlp.forward(input(test.pixels))) === test.label);
});

// --- Steps -----------------------------------------------------------------------------------------------------------

// A digit's numbers grow with the square of its pixels, so raw ones need smaller steps.
export const RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1];
export const rateOf = (n) => RATES[n] / (shown.value.pixels === "raw" ? 1e4 : 1);
export const rate = computed(() => rateOf(lr.value));

/** The steps taken on this digit with this y, since something else was on the pad. */
export const trail = computed(() => {
  const other = steps.value.findLastIndex((step) => step.digit !== digit.value || step.y !== now.value.y);
  return steps.value.slice(other + 1);
});
export const before = computed(() => (trail.value[0] ?? now.value).p);

/** The answers before each of the last presses of a button, and now. */
export const answers = computed(() => {
  const ps = [...trail.value.filter(({ first }) => first).map(({ p }) => p), now.value.p];
  return ps.map((p) => ({ answer: argmax(p), p: Math.max(...p) }));
});
export const turned = computed(() => answers.value[0].answer !== now.value.answer);
export const second = computed(() => top(10, 2, (k) => now.value.p[k])[1]);

export const sizesOf = ({ x, z1, a1, logits, da1, dz1, dlogits }) => ({
  z1: largest(z1),
  a1: largest(a1),
  logits: largest(logits),
  da1: largest(da1),
  dz1: largest(da1),
  db1: largest(da1),
  dW2: largest(a1) * largest(dlogits),
  dW1: largest(x) * largest(dz1),
});

/** The largest numbers get the strongest colours. Steps leave the scale as it is, so that gradients are seen to fade. */
export const scales = computed(() => {
  const all = [...trail.value.map(({ sizes }) => sizes), sizesOf(now.value)];
  return Object.fromEntries(Object.keys(all[0]).map((name) => [name, Math.max(...all.map((sizes) => sizes[name]))]));
});

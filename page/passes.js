/* What follows from the state: the forward and the backward pass of the digit on the pad, and what steps have changed. */

import { computed } from "@preact/signals";
import { MLP, softmaxCrossEntropy } from "./mlp.js";
import { asInput, tests } from "./page_data.js";
import { readDrawing } from "./pen.js";
import { digit, hasOpened, label, lr, originalNetwork, params, steps } from "./state.js";
import { argmax, largest, PIXELS, top } from "./words.js";

export const MOST = 12; // units whose part of dW1 is shown

// --- The two passes --------------------------------------------------------------------------------------------------

export const pixels = computed(() =>
  digit.value.picked === null ? readDrawing(digit.value) : tests[digit.value.picked].pixels,
);
export const isEmpty = computed(() => !pixels.value.some((v) => v));
export const input = (pixels) => asInput(pixels, originalNetwork.value.pixels);
const x = computed(() => input(pixels.value));

/** Forwards and backwards, by the names of mlp_np.py. Where the true digit y is null, the network's answer stands in. */
export function computePass(params, x, label) {
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

export const pass = computed(() => computePass(params.value, x.value, label.value));
export const cannotLearn = computed(() => isEmpty.value || label.value === null);
export const hidden = computed(() => params.value.b1.length);
export const W1 = (i, j) => params.value.W1[i * hidden.value + j];
export const W2 = (j, k) => params.value.W2[j * 10 + k];
export function getUnitWeights(j) {
  const { W1, b1 } = params.value;
  return PIXELS.map((i) => W1[i * b1.length + j]);
}

/** What a pixel adds to the sum of a unit, and a unit to the score of a digit. */
export const pixelContribution = (i, j) => pass.value.x[i] * W1(i, j);
export const unitContribution = (j, k) => pass.value.a1[j] * W2(j, k);

/** Probabilities of this image, from these weights. */
export const probabilities = (params, x) => softmaxCrossEntropy(new MLP(params).forward(x), [0]).p;

/** Which of the test images it reads right; null until the page has opened, or somebody wants to know. */
export const reads = computed(() => {
  if (!hasOpened.value && !steps.value.length) return null;
  const mlp = new MLP(params.value);
  return tests.map((test) => argmax(mlp.forward(input(test.pixels))) === test.label);
});

// --- Steps -----------------------------------------------------------------------------------------------------------

// A digit's numbers grow with the square of its pixels, so raw ones need smaller steps.
export const RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1];
export const toRate = (n) => RATES[n] / (originalNetwork.value.pixels === "raw" ? 1e4 : 1);
export const rate = computed(() => toRate(lr.value));

/** The steps taken on this digit with this y, since something else was on the pad. */
export const recentSteps = computed(() => {
  const lastOther = steps.value.findLastIndex((step) => step.digit !== digit.value || step.y !== pass.value.y);
  return steps.value.slice(lastOther + 1);
});
export const initialProbabilities = computed(() => (recentSteps.value[0] ?? pass.value).p);

/** The answers before each of the last presses of a button, and now. */
export const answers = computed(() => {
  const ps = [...recentSteps.value.filter(({ first }) => first).map(({ p }) => p), pass.value.p];
  return ps.map((p) => ({ answer: argmax(p), p: Math.max(...p) }));
});
export const hasChangedAnswer = computed(() => answers.value[0].answer !== pass.value.answer);
export const runnerUp = computed(() => top(10, 2, (k) => pass.value.p[k])[1]);

export const computeSizes = ({ x, z1, a1, logits, da1, dz1, dlogits }) => ({
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
  const allSizes = [...recentSteps.value.map(({ sizes }) => sizes), computeSizes(pass.value)];
  return Object.fromEntries(
    Object.keys(allSizes[0]).map((name) => [name, Math.max(...allSizes.map((sizes) => sizes[name]))]),
  );
});

/* What the page knows: the network that it carries, images, and the state from which all that it shows follows. */

const $ = (id) => document.getElementById(id);
const range = (count) => Array.from({ length: count }, (_, n) => n);
const DIGITS = range(10), PIXEL_RANGE = range(784);
const make = (tag, properties = {}, ...inside) => {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...inside);
  return element;
};
/** Put these words, {id: words}, where they belong. */
function say(words) {
  for (const id in words) if ($(id).textContent !== String(words[id])) $(id).textContent = words[id];
}
const listen = (elements, types, act) => elements.forEach((element) => types.forEach((type) => element.addEventListener(type, act)));
const given = JSON.parse($("network").textContent); // written by page/build.py

// --- Unpacking -----------------------------------------------------------------------------------------------------

const packedText = atob(given.packed), packed = new Uint8Array(packedText.length).map((_, n) => packedText.charCodeAt(n));
const content = new Uint8Array(
  await new Response(new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"))).arrayBuffer(),
);
let taken = 0;
const take = (count) => content.subarray(taken, (taken += count));

/** Weights as page/build.py packs them: 16-bit whole numbers, all their low bytes first, times a scale. */
function takeWeights(count, scale) {
  const low = take(count), high = take(count);
  return new Float32Array(low).map((byte, n) => (((high[n] << 24) >> 16) | byte) * scale);
}

const SIZES = { W1: 784 * given.hidden, b1: given.hidden, W2: given.hidden * 10, b2: 10 };
const carried = Object.fromEntries(Object.keys(SIZES).map((name, n) => [name, takeWeights(SIZES[name], given.scales[n])]));
const images = (labels) => labels.map((label) => ({ label, pixels: take(784) }));
const tests = images(given.labels).map((test, n) => ({ ...test, number: given.numbers[n] })); // to pick from
const trainingImages = images(given.trainingLabels), testingImages = images(given.testingLabels); // for learn.js

// --- State ---------------------------------------------------------------------------------------------------------

const copy = (params) => Object.fromEntries(Object.entries(params).map(([name, p]) => [name, p.slice()]));

/* Whatever a reader does changes this or the weights of `model`, and then calls `update` (start.js), which computes
   `now` and shows it. */
const state = {
  shown: { params: carried, pixels: given.pixels, run: $("run").textContent }, // the network as it was before any step
  picked: given.opens, // which test image, or null for a drawing
  pixels: tests[given.opens].pixels,
  strokes: [], // of the drawing: each a list of points [x, y], from 0 to SIDE
  digit: 0, // counts the digits that have been on the pad: steps on the same one share a number
  y: tests[given.opens].label,
  labelled: true, // y is known; if not, y is the network's own answer
  steps: [], // every step taken: what it learned from, and what the network said before it
  kept: [], // {params, steps}: the weights and the steps before each of the last presses of a button
  pointed: { name: "", at: {} }, // the number that is pointed at
  unit: 0, // the hidden unit whose weights are shown: the last one pointed at
  inView: {}, // which sections are, by their ids
};
const model = new MLP(copy(carried));
const now = { scales: {} }; // x, z1, a1, logits, p, loss, dlogits, dW2, db2, da1, dz1, dW1, db1, as in mlp_np.py, and answer

/** Pixels 0 to 255 as the network's input: data.as_input. */
function asInput(pixels, kind = state.shown.pixels) {
  const scale = { standardised: (v) => (v - 255 * given.mean) / (255 * given.std), unit: (v) => v / 255, raw: (v) => v };
  return new Float64Array(pixels).map(scale[kind]);
}

const argmax = (values) => values.indexOf(values.reduce((most, v) => Math.max(most, v)));

/** The forward and the backward pass of the digit on the pad. */
function compute() {
  const x = asInput(state.pixels);
  const logits = model.forward(x);
  const answer = argmax(logits);
  if (!state.labelled) state.y = answer;
  const { p, loss, dlogits } = softmaxCrossEntropy(logits, [state.y]);
  const { W1: dW1, b1: db1, W2: dW2, b2: db2 } = model.backward(dlogits);
  const { z1, a1, da1, dz1 } = model;
  Object.assign(now, { x, z1, a1, logits, p, loss, dlogits, dW2, db2, da1, dz1, dW1, db1, answer });
}

/* What the page knows, and the one digit that it is about.

   State: the image on the pad, its true digit y, the weights, and the list of steps taken with them. `update`
   (start.js) computes all the rest from these and shows it. `now` holds the last result under the names of mlp_np.py. */

const $ = (id) => document.getElementById(id);
const given = JSON.parse($("network").textContent); // written by page/build.py
let H = given.hidden;

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

const SHAPES = { W1: 784 * H, b1: H, W2: H * 10, b2: 10 };
let trained = Object.fromEntries(Object.keys(SHAPES).map((name, n) => [name, takeWeights(SHAPES[name], given.scales[n])]));
const images = (labels) => labels.map((label) => ({ label, pixels: take(784) }));
const tests = images(given.labels).map((test, n) => ({ ...test, number: given.numbers[n] })); // to pick from
const trainingImages = images(given.trainingLabels), testingImages = images(given.testingLabels); // for section 5

// --- State ---------------------------------------------------------------------------------------------------------

const copy = (params) => Object.fromEntries(Object.entries(params).map(([name, p]) => [name, p.slice()]));
const model = new MLP(copy(trained));

let picked = given.opens; // which test image, or null for a drawing
let pixels = tests[picked].pixels;
let y = tests[picked].label;
let labelled = true; // y is known; if not, y is the network's own answer
let digit = 0; // counts the digits that have been on the pad: steps on the same one share a number
let steps = []; // every step taken: what it learned from, and loss and p before it
let right = 0; // how many of the first fifty test images the network reads
const now = {}; // x, z1, a1, logits, p, loss, dlogits, dW2, db2, da1, dz1, dW1, db1, and answer

/** Pixels 0 to 255 as the network's input: data.as_input. */
function asInput(pixels, kind = given.pixels) {
  const scale = { standardised: (v) => (v - 255 * given.mean) / (255 * given.std), unit: (v) => v / 255, raw: (v) => v };
  return new Float64Array(pixels).map(scale[kind]);
}

const argmax = (values) => values.indexOf(values.reduce((most, v) => Math.max(most, v)));

/** The forward and the backward pass of the digit on the pad. */
function compute() {
  const x = asInput(pixels);
  const logits = model.forward(x);
  const answer = argmax(logits);
  if (!labelled) y = answer;
  const { p, loss, dlogits } = softmaxCrossEntropy(logits, [y]);
  const { W1: dW1, b1: db1, W2: dW2, b2: db2 } = model.backward(dlogits);
  const { z1, a1, da1, dz1 } = model;
  Object.assign(now, { x, z1, a1, logits, p, loss, dlogits, dW2, db2, da1, dz1, dW1, db1, answer });
}

/* The forward and the backward pass of the digit, number by number. */

const MOST = 12;

/* at: from the n-th cell of a block to pixel i, unit j, digit k. where: in which cells (of block b) these are. */
const UNITS = { ofUnits: true, at: (n) => ({ j: n }), where: ({ j }) => j, gaps: true };
const PIXELS = { count: 784, columns: 28, at: (n) => ({ i: n }), where: ({ i }) => i };
const GRIDS = {
  x: { ...PIXELS, kind: "ink", tint: () => network.tint(), label: "the pixels" },
  dx: { ...PIXELS, kind: "slope", ink: (n) => fooled().pixels[n], tint: () => fooled().dx, scale: () => largest(fooled().dx), label: "the derivatives of the pixels" },
  z1: { ...UNITS, kind: "both", label: "the sums of the hidden units" },
  a1: { ...UNITS, kind: "up", off: true, label: "the activations of the hidden units" },
  W1: { ...PIXELS, kind: "both", at: (n) => ({ i: n, j: state.unit }), scale: () => largest(weightsOf(state.unit)), label: "the weights from all pixels to one unit" },
  dW2: {
    ...UNITS, kind: "slope", gaps: false, blocks: 10, across: [2, 5, 5], label: "for each digit, the derivatives of its weights",
    at: (n, b) => ({ j: n, k: b }), where: ({ j, k }, b) => (k === undefined || k === b ? j : undefined),
    caption: (b) => `[:, ${b}]`,
  },
  da1: { ...UNITS, kind: "slope", label: "the derivatives of the activations" },
  dz1: { ...UNITS, kind: "slope", off: true, label: "the derivatives of the sums" },
  dW1: {
    ...PIXELS, kind: "slope", ofMost: true, across: [4, 4, 6], label: "for the units most affected, the derivatives of their weights",
    at: (n, b) => ({ i: n, j: now.most[b] }), where: ({ i, j }, b) => (j === undefined || j === now.most[b] ? i : undefined),
    caption: (b) => `[:, ${now.most[b]}]`,
  },
  db1: { ...UNITS, kind: "slope", label: "the derivatives of the biases" },
};

/** The largest numbers get the strongest colours; the scale stays during steps, so that gradients are seen to fade. */
function setScales(same) {
  const sizes = {
    z1: largest(now.z1), a1: largest(now.a1), logits: largest(now.logits), da1: largest(now.da1), dz1: largest(now.da1), db1: largest(now.da1),
    dW2: largest(now.a1) * largest(now.dlogits), dW1: largest(now.x) * largest(now.dz1),
  };
  for (const name in sizes) now.scales[name] = same ? Math.max(now.scales[name], sizes[name]) : sizes[name];
  now.most = top(model.hidden, MOST, (j) => Math.abs(now.dz1[j]));
}

const SLOPES = ["better", "worse"]; // a derivative, negative or positive
const BARS = {
  logits: { value: (k) => now.logits[k], scale: () => now.scales.logits, label: "one score for each digit" },
  W2: {
    value: (k) => W2(state.unit, k), scale: () => largest(DIGITS.map((k) => W2(state.unit, k))), where: (k) => ({ j: state.unit, k }),
    label: "the weights from one unit to all digits",
  },
  p: { value: (k) => now.p[k], label: "one probability for each digit" },
  dlogits: { value: (k) => now.dlogits[k], scale: () => 1, signs: SLOPES, label: "the derivatives of the logits" },
  db2: { value: (k) => now.db2[k], scale: () => 1, signs: SLOPES, label: "the derivatives of the biases" },
  "p-new": { value: (k) => learning.p[k], answer: () => learning.answer, label: "the probabilities that the new network gives" },
  "p-after": { value: (k) => now.p[k], before: (k) => before()[k], label: "the probabilities after the steps" },
};

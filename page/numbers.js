/* What each number is and where it comes from, for the line at the bottom of the window. */

import { computed } from "@preact/signals";

import { isFolded } from "./chain.js";
import { adversarialPass } from "./fool.js";
import { newProbabilities } from "./learning.js";
import { pageData } from "./page_data.js";
import { hidden, initialProbabilities, pass, pixels, W1, W2 } from "./passes.js";
import { focusedNumber, hoveredNumber, inView, lastUnit, originalNetwork, params } from "./state.js";
import { argmax, percent, sum, text } from "./words.js";

const total = () => pass.value.logits.reduce((sum, z) => sum + Math.exp(z), 0);

function fromPixel(i) {
  const v = pixels.value[i],
    { mean, std } = pageData;
  return { standardised: `(${v} / 255 - ${mean}) / ${std}`, unit: `${v} / 255`, raw: `pixel ${v}` }[
    originalNetwork.value.pixels
  ];
}

/* For each name: the value at pixel i, unit j, digit k, and where it comes from. */
export const NUMBERS = {
  x: [(n, { i }) => n.x[i], (_, { i }) => `${fromPixel(i)}, row ${Math.floor(i / 28)}, column ${i % 28}`],
  W1: [
    (_, { i, j }) => W1(i, j),
    (n, { i, j }) =>
      `the weight from pixel ${i} to unit ${j}; times x[${i}] = ${text(n.x[i])} it adds ${text(n.x[i] * W1(i, j))} to z1[${j}]`,
  ],
  z1: [
    (n, { j }) => n.z1[j],
    (n, { j }) => `x @ W1[:, ${j}] + b1[${j}] = ${sum(n.z1[j] - params.value.b1[j], params.value.b1[j])}`,
  ],
  a1: [
    (n, { j }) => n.a1[j],
    (n, { j }) => `max(z1[${j}], 0), where z1[${j}] = ${NUMBERS.z1[1](n, { j })} = ${text(n.z1[j])}`,
  ],
  W2: [
    (_, { j, k }) => W2(j, k),
    (n, { j, k }) =>
      `the weight from unit ${j} to digit ${k}; times a1[${j}] = ${text(n.a1[j])} it adds ${text(n.a1[j] * W2(j, k))} to logits[${k}]`,
  ],
  logits: [
    (n, { k }) => n.logits[k],
    (n, { k }) => `a1 @ W2[:, ${k}] + b2[${k}] = ${sum(n.logits[k] - params.value.b2[k], params.value.b2[k])}`,
  ],
  p: [
    (n, { k }) => percent(n.p[k]),
    (n, { k }) => `exp(logits[${k}]) / sum(exp(logits)) = exp(${text(n.logits[k])}) / ${text(total())}`,
  ],
  loss: [(n) => n.loss, (n) => `-log p[${n.y}] = -log ${text(n.p[n.y])}`],
  dlogits: [
    (n, { k }) => n.dlogits[k],
    (n, { k }) => `p[${k}] - onehot(${n.y})[${k}] = ${text(n.p[k])} - ${Number(k === n.y)}`,
  ],
  dW2: [
    (n, { j, k }) => n.dW2[j * 10 + k],
    (n, { j, k }) => `a1[${j}] * dlogits[${k}] = ${text(n.a1[j])} * ${text(n.dlogits[k])}`,
  ],
  db2: [(n, { k }) => n.db2[k], (_, { k }) => `dlogits[${k}]`],
  da1: [(n, { j }) => n.da1[j], (_, { j }) => `dlogits @ W2[${j}, :]`],
  dz1: [
    (n, { j }) => n.dz1[j],
    (n, { j }) => `da1[${j}] * (z1[${j}] > 0) = ${text(n.da1[j])} * ${Number(n.z1[j] > 0)}`,
  ],
  dW1: [
    (n, { i, j }) => n.dW1[i * hidden.value + j],
    (n, { i, j }) => `x[${i}] * dz1[${j}] = ${text(n.x[i])} * ${text(n.dz1[j])}`,
  ],
  db1: [(n, { j }) => n.db1[j], (_, { j }) => `dz1[${j}]`],
  dx: [
    (_, { i }) => adversarialPass.value.dx[i],
    (_, { i }) =>
      `dz1 @ W1[${i}, :], for the loss of reading ${adversarialPass.value.goal}; this pixel is ${adversarialPass.value.pixels[i]} of 255`,
  ],
};

/** {name, at}: the number that the reader points at; without a name there is none. */
export const pointedNumber = computed(() => hoveredNumber.value ?? focusedNumber.value ?? { name: "", at: {} });

/** The hidden unit whose weights are shown: the last one pointed at, or the one that is most on. */
export const unit = computed(() => lastUnit.value ?? argmax(pass.value.a1));

/** "dz1[17] = -0.0123 = da1[17] * (z1[17] > 0) = -0.0123 * 1" as [name and value, the rest]. */
export function explain({ name, at }) {
  if (name === "p-after")
    return [
      `p[${at.k}] = ${percent(pass.value.p[at.k])}`,
      `, before the steps: ${percent(initialProbabilities.value[at.k])}`,
    ];
  if (name === "p-new") return [`p[${at.k}] = ${percent(newProbabilities.value[at.k])}`, ", says the new network"];
  if (!name) {
    const verb = matchMedia("(hover: none)").matches ? "Tap" : "Point at";
    return ["", inView.learn.value ? "" : `${verb} any number to see what it is and where it comes from.`];
  }
  const [value, origin] = NUMBERS[name],
    v = value(pass.value, at);
  const position = [at.i, at.j, at.k].filter((index) => index !== undefined).join(", ");
  const originText = isFolded(name) ? "" : ` = ${origin(pass.value, at)}`; // which the reader is asked for
  return [`${name}${position && `[${position}]`} = ${typeof v === "string" ? v : text(v)}`, originText];
}

export const readout = computed(() => explain(pointedNumber.value));

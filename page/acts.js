/* What a reader does: each act changes the state, and nothing else. */

import { batch } from "@preact/signals";

import { carried, tests } from "./given.js";
import { sgdStep } from "./mlp.js";
import { empty, hidden, input, passOf, pixels, rate, sizesOf } from "./passes.js";
import * as state from "./state.js";

const { digit, held, hovered, kept, label, lastUnit, params, past, shown, steps } = state;

// --- What is pointed at ----------------------------------------------------------------------------------------------

const NUDGED = ["x", "W1", "z1", "a1", "W2", "logits"];

/** A number: `signal` is `hovered` or `held`. */
export function point(signal, name, at) {
  batch(() => {
    signal.value = { name, at };
    if (at.j !== undefined) lastUnit.value = at.j;
    if (signal === held && NUDGED.includes(name)) state.nudged.value = { name, at };
  });
}

/** Nothing is pointed at any more. */
export function letGo() {
  batch(() => {
    hovered.value = held.value = null;
  });
}

// --- The digit -------------------------------------------------------------------------------------------------------

/** Put something else on the pad. What was there can be taken back. */
export function put(next, itsLabel = null) {
  batch(() => {
    past.value = [...past.value, [digit.value, label.value]].slice(-50);
    openWith(next, itsLabel);
  });
}

/** Put something else on the pad, where nothing was before that could be taken back. */
export function openWith(next, itsLabel) {
  batch(() => {
    digit.value = next;
    label.value = itsLabel;
    lastUnit.value = null;
    letGo();
  });
}

export const pick = (n) => put({ picked: n, base: null, strokes: [] }, tests[n].label);
export const clear = () => put({ picked: null, base: null, strokes: [] });
export const draw = (strokes) => put({ picked: null, base: null, strokes });

/** Begin a stroke there, over what is on the pad. A digit that somebody has named keeps its name. */
export function beginStroke(start) {
  const { picked, base, strokes } = digit.value,
    over = { picked: null, strokes: [...strokes, [start]] };
  if (picked === null) put({ ...over, base }, label.value);
  else put({ ...over, base: tests[picked].pixels });
}

/** Go on with it, to these points [x, y]. */
export function extendStroke(points) {
  const { strokes } = digit.value;
  if (!strokes.length) return; // the pad has been cleared meanwhile, or a test image was picked
  digit.value = { ...digit.value, strokes: [...strokes.slice(0, -1), [...strokes.at(-1), ...points]] };
}

export function takeBack() {
  if (!past.value.length) return;
  batch(() => {
    const [last, itsLabel] = past.value.at(-1);
    past.value = past.value.slice(0, -1);
    openWith(last, itsLabel);
  });
}

export function setLabel(k) {
  if (!empty.value) label.value = k;
}

// --- Steps -----------------------------------------------------------------------------------------------------------

const UNDOABLE = 8e6; // numbers: the weights before each of the last presses (20 of them, in the network given)

const copy = (params) => Object.fromEntries(Object.entries(params).map(([name, p]) => [name, p.slice()]));

/** Take steps on the digit at hand. own: the derivatives of the first one, where they are the reader's: {dW1, db1, dW2, db2}. */
export function learn(count, lr = rate.value, own) {
  if (empty.value || label.value === null) return; // nothing, or nobody has said which digit it is
  const presses = Math.ceil(UNDOABLE / (795 * hidden.value + 10)); // 784 H + H + 10 H + 10 numbers each
  const x = input(pixels.value),
    weights = copy(params.value),
    taken = [];
  for (let n = 0; n < count; n++) {
    const now = passOf(weights, x, label.value),
      { y, a1, logits, p, loss, dz1 } = now;
    const { dW1, db1, dW2, db2 } = (n === 0 && own) || now;
    taken.push({ digit: digit.value, first: n === 0, lr, x, y, a1, logits, p, loss, dz1, sizes: sizesOf(now) });
    sgdStep(weights, { W1: dW1, b1: db1, W2: dW2, b2: db2 }, lr);
  }
  batch(() => {
    kept.value = [...kept.value, { params: params.value, steps: steps.value }].slice(-presses);
    steps.value = [...steps.value, ...taken];
    params.value = weights;
    state.following.value = false; // this one goes its own way now
  });
}

/** Take back what the last press of a button did. */
export function undo() {
  const last = kept.value.at(-1);
  if (!last) return;
  batch(() => {
    kept.value = kept.value.slice(0, -1);
    ({ params: params.value, steps: steps.value } = last);
  });
}

export function reset() {
  batch(() => {
    steps.value = kept.value = [];
    params.value = shown.value.params;
  });
}

// --- The network -----------------------------------------------------------------------------------------------------

/** Show this network from now on: {params, pixels, run}. */
export function showNetwork(network = carried) {
  batch(() => {
    state.following.value = false;
    shown.value = network;
    state.stage.value = -1;
    lastUnit.value = null;
    state.nudged.value = 0;
    letGo();
    reset();
  });
}

/** The network that is shown has learned: the same from now on, without the steps that were taken here. */
export function showNext(network) {
  batch(() => {
    shown.value = network;
    reset();
  });
}

let announcing; // the timer of what is said next

/** Have a screen reader say this, unless something else follows at once. */
export function announce(words) {
  clearTimeout(announcing);
  announcing = setTimeout(() => (state.announced.value = words), 300);
}

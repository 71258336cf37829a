/* What a reader does: each act changes the state, and nothing else. */

import { batch } from "@preact/signals";
import { sgdStep } from "./mlp.js";
import { pretrained, tests } from "./page_data.js";
import { computePass, computeSizes, hidden, input, isEmpty, pixels, rate } from "./passes.js";
import * as state from "./state.js";

const {
  digit,
  focusedNumber,
  hoveredNumber,
  stepUndoStack,
  label,
  lastUnit,
  params,
  digitUndoStack,
  originalNetwork,
  steps,
} = state;

// --- What is pointed at ----------------------------------------------------------------------------------------------

const NUDGED = ["x", "W1", "z1", "a1", "W2", "logits"];

/** A number: `signal` is `hovered` or `held`. */
export function point(signal, name, indices) {
  batch(() => {
    signal.value = { name, at: indices };
    if (indices.j !== undefined) lastUnit.value = indices.j;
    if (signal === focusedNumber && NUDGED.includes(name)) state.nudgedNumber.value = { name, at: indices };
  });
}

/** Nothing is pointed at any more. */
export function clearFocus() {
  batch(() => {
    hoveredNumber.value = focusedNumber.value = null;
  });
}

// --- The digit -------------------------------------------------------------------------------------------------------

/** Put something else on the pad. What was there can be taken back. */
export function setDigit(next, newLabel = null) {
  batch(() => {
    digitUndoStack.value = [...digitUndoStack.value, [digit.value, label.value]].slice(-50);
    openWith(next, newLabel);
  });
}

/** Put something else on the pad, where nothing was before that could be taken back. */
export function openWith(next, newLabel) {
  batch(() => {
    digit.value = next;
    label.value = newLabel;
    lastUnit.value = null;
    clearFocus();
  });
}

export const pick = (n) => setDigit({ picked: n, base: null, strokes: [] }, tests[n].label);
export const clear = () => setDigit({ picked: null, base: null, strokes: [] });
export const draw = (strokes) => setDigit({ picked: null, base: null, strokes });

/** Begin a stroke there, over what is on the pad. A digit that somebody has named keeps its name. */
export function beginStroke(start) {
  const { picked, base, strokes } = digit.value,
    drawing = { picked: null, strokes: [...strokes, [start]] };
  if (picked === null) setDigit({ ...drawing, base }, label.value);
  else setDigit({ ...drawing, base: tests[picked].pixels });
}

/** Go on with it, to these points [x, y]. */
export function extendStroke(points) {
  const { strokes } = digit.value;
  if (!strokes.length) return; // the pad has been cleared meanwhile, or a test image was picked
  digit.value = { ...digit.value, strokes: [...strokes.slice(0, -1), [...strokes.at(-1), ...points]] };
}

export function undoDigit() {
  if (!digitUndoStack.value.length) return;
  batch(() => {
    const [lastDigit, newLabel] = digitUndoStack.value.at(-1);
    digitUndoStack.value = digitUndoStack.value.slice(0, -1);
    openWith(lastDigit, newLabel);
  });
}

export function setLabel(k) {
  if (!isEmpty.value) label.value = k;
}

// --- Steps -----------------------------------------------------------------------------------------------------------

const UNDOABLE = 8e6; // numbers: the weights before each of the last presses (20 of them, in the network given)

const copy = (params) => Object.fromEntries(Object.entries(params).map(([name, p]) => [name, p.slice()]));

/** Take steps on the digit at hand. own: the derivatives of the first one, where they are the reader's: {dW1, db1, dW2, db2}. */
export function learn(count, lr = rate.value, ownDerivatives) {
  if (isEmpty.value || label.value === null) return; // nothing, or nobody has said which digit it is
  const presses = Math.ceil(UNDOABLE / (795 * hidden.value + 10)); // 784 H + H + 10 H + 10 numbers each
  const x = input(pixels.value),
    weights = copy(params.value),
    newSteps = [];
  for (let n = 0; n < count; n++) {
    const pass = computePass(weights, x, label.value),
      { y, a1, logits, p, loss, dz1 } = pass;
    const { dW1, db1, dW2, db2 } = (n === 0 && ownDerivatives) || pass;
    newSteps.push({
      digit: digit.value,
      first: n === 0,
      lr,
      x,
      y,
      a1,
      logits,
      p,
      loss,
      dz1,
      sizes: computeSizes(pass),
    });
    sgdStep(weights, { W1: dW1, b1: db1, W2: dW2, b2: db2 }, lr);
  }
  batch(() => {
    stepUndoStack.value = [...stepUndoStack.value, { params: params.value, steps: steps.value }].slice(-presses);
    steps.value = [...steps.value, ...newSteps];
    params.value = weights;
    state.isFollowingTraining.value = false; // this one goes its own way now
  });
}

/** Take back what the last press of a button did. */
export function undo() {
  const last = stepUndoStack.value.at(-1);
  if (!last) return;
  batch(() => {
    stepUndoStack.value = stepUndoStack.value.slice(0, -1);
    ({ params: params.value, steps: steps.value } = last);
  });
}

export function reset() {
  batch(() => {
    steps.value = stepUndoStack.value = [];
    params.value = originalNetwork.value.params;
  });
}

// --- The network -----------------------------------------------------------------------------------------------------

/** Show this network from now on: {params, pixels, run}. */
export function showNetwork(network = pretrained) {
  batch(() => {
    state.isFollowingTraining.value = false;
    originalNetwork.value = network;
    state.stage.value = -1;
    lastUnit.value = null;
    state.nudgedNumber.value = 0;
    clearFocus();
    reset();
  });
}

/** The network that is shown has learned: the same from now on, without the steps that were taken here. */
export function showNext(network) {
  batch(() => {
    originalNetwork.value = network;
    reset();
  });
}

let announceTimer; // the timer of what is said next

/** Have a screen reader say this, unless something else follows at once. */
export function announce(words) {
  clearTimeout(announceTimer);
  announceTimer = setTimeout(() => (state.announcement.value = words), 300);
}

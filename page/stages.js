/* The lines of mlp_np.py, one after the other: what the picture of the network shows at each, and in which words. */

import { computed } from "@preact/signals";

import { hidden, isEmpty, pass, pixelContribution, unitContribution, W2 } from "./passes.js";
import { isPlaying, label, stage, wireProgress } from "./state.js";
import { text } from "./words.js";

/* line: the name that build.py gives to lines of mlp_np.py. lit: how many of the four figures have their numbers by
   then. units, digits: what these figures show. left, right: how much a wire between pixel i and unit j, or between unit
   j and digit k, carries. back: whether it carries it backwards. */
const FORWARD = { units: "a1", digits: "logits" },
  BACKWARD = { units: "a1", digits: "dlogits", lit: 4, back: true };
const dW2 = (j, k) => pass.value.dW2[j * 10 + k],
  dW1 = (i, j) => pass.value.dW1[i * hidden.value + j];
const surprise = () => {
  const { y, loss } = pass.value;
  if (isEmpty.value) return "How much does the true digit surprise it? There is none yet: draw one.";
  if (label.value === null)
    return `How much does the true digit surprise it? If it meant ${y}, ${text(loss)}. Nobody has said.`;
  return `How much did the true digit, ${y}, surprise it? ${text(loss)}: 0 would be not at all.`;
};
export const STAGES = [
  { ...FORWARD, line: "x", lit: 1, words: () => "The image is 784 numbers." },
  {
    ...FORWARD,
    line: "z1",
    units: "z1",
    lit: 2,
    left: pixelContribution,
    words: () => "Each unit adds up all pixels, each times a weight of its own, and a bias.",
  },
  { ...FORWARD, line: "a1", lit: 2, words: () => "A unit whose sum is negative is off, and passes 0." },
  {
    ...FORWARD,
    line: "logits",
    lit: 3,
    right: unitContribution,
    words: () => "Each digit adds up all units, with weights again: ten scores.",
  },
  {
    ...FORWARD,
    line: "p",
    lit: 4,
    words: () =>
      `The scores become probabilities. ${isEmpty.value ? "Of empty paper it would say" : "The largest is the answer:"} ${pass.value.answer}.`,
  },
  {
    ...FORWARD,
    line: "loss",
    lit: 4,
    words: surprise,
  },
  {
    ...BACKWARD,
    line: "dlogits",
    words: () => "Now it goes backwards. Each error is what it said, minus what it should have said.",
  },
  {
    ...BACKWARD,
    line: "dW2",
    right: dW2,
    words: () => "Each weight of the second layer gets what came through it, times the error at its end.",
  },
  { ...BACKWARD, line: "db2", words: () => "Each bias gets the error itself." },
  {
    ...BACKWARD,
    line: "da1",
    units: "da1",
    right: (j, k) => pass.value.dlogits[k] * W2(j, k),
    words: () => "The errors go back through the same weights.",
  },
  { ...BACKWARD, line: "dz1", units: "dz1", words: () => "Units that are off pass nothing back." },
  {
    ...BACKWARD,
    line: "dW1",
    units: "dz1",
    left: dW1,
    words: () => "Each weight of the first layer gets its pixel, times the error of its unit.",
  },
  {
    ...BACKWARD,
    line: "db1",
    units: "dz1",
    words: () => "Each bias gets the error of its unit. Every derivative is known: now take a step against them.",
  },
];
const AT_REST = {
  ...FORWARD,
  lit: 4,
  words: () => "See it line by line: forwards to the answer, then backwards to what should change.",
};
export const currentStage = computed(() => STAGES[stage.value] ?? AT_REST);

// --- From line to line -------------------------------------------------------------------------------------------------

let timer, frame;

function goTo(n) {
  stage.value = n in STAGES ? n : -1;
  const began = performance.now(),
    calm = stage.value < 0 || matchMedia("(prefers-reduced-motion: reduce)").matches;
  const grow = () => {
    wireProgress.value = Math.min((performance.now() - began) / 900, 1);
    if (wireProgress.value < 1) frame = requestAnimationFrame(grow);
  };
  cancelAnimationFrame(frame);
  wireProgress.value = Number(calm);
  if (!calm) grow();
}

export function go(n) {
  clearTimeout(timer);
  isPlaying.value = false;
  goTo(n);
}

/** All lines, one after the other. */
export function play() {
  if (isPlaying.value) return go(stage.value);
  isPlaying.value = true;
  const onwards = () => {
    goTo(stage.value + 1);
    if (stage.value < 0) isPlaying.value = false;
    else timer = setTimeout(onwards, 2200);
  };
  onwards();
}

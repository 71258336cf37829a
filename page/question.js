/* The first question, about the image that the page opens on: should the score of the true digit go up or down? Until somebody
   has answered it, or has something else on the pad, the first screen asks nothing else. */

import { computed, effect, signal } from "@preact/signals";

import { linkIndex } from "./chain.js";
import { storedSignal } from "./lessons/storage.js";
import { softmaxCrossEntropy } from "./mlp.js";
import { isOnSite, pageData, pretrained, tests } from "./page_data.js";
import { pass } from "./passes.js";
import { digit, label, originalNetwork, steps, view } from "./state.js";

/** How far the reader has pulled the score of the true digit, while they hold it. */
export const scoreChange = signal(0);

/** {by, p, loss}: how far it was pulled, and p of the true digit and the loss, each before and after; {by: 0}: somebody has gone
    on without an answer; null: nobody has answered yet. */
export const answer = isOnSite
  ? storedSignal("answer", ({ by }) => typeof by === "number", "sessionStorage")
  : signal(null);

/** Whether the page is as it opens: this digit, this network, no line yet. */
export const isOpening = computed(
  () =>
    digit.value.picked === pageData.opens &&
    label.value === tests[pageData.opens].label &&
    originalNetwork.value === pretrained &&
    !steps.value.length &&
    linkIndex.value === 0,
);
effect(() => {
  if (!isOpening.value) skip(); // there is something else to do already
});
export const isAsking = computed(() => view.value === "first" && !answer.value);
effect(() => {
  document.documentElement.toggleAttribute("data-asking", isAsking.value);
});

/** The scores with what the reader pulls, and what follows: {logits, p, loss}. */
export const changedPass = computed(() => {
  const { y } = pass.value,
    logits = pass.value.logits.slice();
  logits[y] += scoreChange.value;
  const { p, loss } = softmaxCrossEntropy(logits, [y]);
  return { logits, p, loss };
});

/** The reader lets go of the score: that is the answer. */
export function settle() {
  const { p, loss, y } = pass.value,
    passAfter = changedPass.value;
  if (!scoreChange.value) return;
  answer.value = { by: scoreChange.value, p: [p[y], passAfter.p[y]], loss: [loss, passAfter.loss] };
  scoreChange.value = 0;
}

export function skip() {
  if (!answer.peek()) answer.value = { by: 0 };
}

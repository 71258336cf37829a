/* The first question, about the image that the page opens on: should the score of the true digit go up or down? Until somebody
   has answered it, or has something else on the pad, the first screen asks nothing else. */

import { computed, effect, signal } from "@preact/signals";

import { here } from "./chain.js";
import { carried, given, isOnSite, tests } from "./given.js";
import { kept } from "./lessons/keep.js";
import { softmaxCrossEntropy } from "./mlp.js";
import { now } from "./passes.js";
import { digit, label, shown, steps, view } from "./state.js";

/** How far the reader has pulled the score of the true digit, while they hold it. */
export const pulled = signal(0);

/** {by, p, loss}: how far it was pulled, and p of the true digit and the loss, each before and after; {by: 0}: somebody has gone
    on without an answer; null: nobody has answered yet. */
export const answer = isOnSite ? kept("answer", ({ by }) => typeof by === "number", "sessionStorage") : signal(null);

/** Whether the page is as it opens: this digit, this network, no line yet. */
export const isOpening = computed(
  () =>
    digit.value.picked === given.opens &&
    label.value === tests[given.opens].label &&
    shown.value === carried &&
    !steps.value.length &&
    here.value === 0,
);
effect(() => {
  if (!isOpening.value) skip(); // there is something else to do already
});
export const isAsking = computed(() => view.value === "first" && !answer.value);
effect(() => {
  document.documentElement.toggleAttribute("data-asking", isAsking.value);
});

/** The scores with what the reader pulls, and what follows: {logits, p, loss}. */
export const pulledNow = computed(() => {
  const { y } = now.value,
    logits = now.value.logits.slice();
  logits[y] += pulled.value;
  const { p, loss } = softmaxCrossEntropy(logits, [y]);
  return { logits, p, loss };
});

/** The reader lets go of the score: that is the answer. */
export function settle() {
  const { p, loss, y } = now.value,
    after = pulledNow.value;
  if (!pulled.value) return;
  answer.value = { by: pulled.value, p: [p[y], after.p[y]], loss: [loss, after.loss] };
  pulled.value = 0;
}

export function skip() {
  if (!answer.peek()) answer.value = { by: 0 };
}

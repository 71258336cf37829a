/* Learn from nothing: what a reader does with the new network, and what follows. */

import { batch, computed, signal } from "@preact/signals";

import { announce, showNetwork, showNext } from "./acts.js";
import { asInput, given, lessonImages, loadLessonImages } from "./given.js";
import { empty, hidden, pixels, probabilities } from "./passes.js";
import { checked, following, learning, running, settings } from "./state.js";
import { Training } from "./training.js";
import { argmax, plural, text } from "./words.js";

export const RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
export const BATCHES = [1, 8, 32, 128];
export const HIDDEN = [8, 16, 32, 64];
export const INITS = ["geohot", "he", "pytorch"];
export const MISTAKES = ["mask", "mean", "zeros", "shuffled", "rate"];
const PAUSES = 3000; // steps, after which it waits to be started again

// --- What follows ------------------------------------------------------------------------------------------------------

export const newLr = computed(() => RATES[settings.value.lr]);
export const batchSize = computed(() => BATCHES[settings.value.batch]);
export const broken = (mistake) => settings.value.mistakes.includes(mistake);

/** What the new network says of the digit on the pad. */
export const newProbabilities = computed(() =>
  probabilities(learning.value.run.model.params, asInput(pixels.value, "standardised")),
);
export const newAnswer = computed(() => argmax(newProbabilities.value)); // -1 if no number is left
export const unread = computed(() => empty.value || newAnswer.value < 0);

export const summary = computed(() => {
  const test = learning.value.run.tested.at(-1);
  return test ? `test ${(100 * test.accuracy).toFixed(1)}%` : "not trained yet";
});
export const verb = computed(() => (running.value ? "Pause" : learning.value.run.step ? "Continue" : "Start"));

export const progress = computed(() => {
  const { run } = learning.value,
    test = run.tested.at(-1);
  if (download.value) return download.value;
  if (!run.step) return "No steps yet.";
  const seen = (run.seen / given.trainingLabels.length).toFixed(1);
  const reads = test ? `It reads ${(100 * test.accuracy).toFixed(1)}% of the test images.` : "";
  return (
    `${plural(run.step, "step")}: each image seen about ${seen} times. ` +
    (run.broken ? "The numbers have overflowed: start over." : reads)
  );
});

/** What the gradient check found; and when, and with which batch, if that is not now. */
export const checkWords = computed(() => {
  if (!checked.value) return "";
  const { step, batch } = checked.value,
    then = [];
  if (step !== learning.value.run.step) then.push(`at step ${step}`);
  if (batch !== batchSize.value) then.push(`with batch size ${batch}`);
  const when = then.join(", ");
  return `${when && `${when[0].toUpperCase()}${when.slice(1)}: `}${found(checked.value)}`;
});

const WRONG = 1e-3; // relative differences from here on are an error

function found({ step, rows }) {
  const size = ({ byHand, measured }) => Math.max(Math.abs(byHand), Math.abs(measured), 1e-9);
  const apart = (row) => Math.abs(row.byHand - row.measured) / size(row);
  const known = rows.filter((row) => row.noise <= WRONG * size(row));
  if (rows.every(({ byHand }) => byHand === 0)) {
    return `By hand and measured, every dW1 is 0: ${
      step
        ? "hardly any unit is on. Start over, and check before the first step."
        : "no weight of the first layer can ever move."
    }`;
  }
  if (!known.length) {
    return (
      "The gradient cannot be measured here: the losses are so large that rounding hides how they differ. " +
      "Start over, and check before the first step."
    );
  }
  const count = known.length === rows.length ? "eight that were checked" : `${known.length} that can be measured here`,
    worst = known.reduce((a, b) => (apart(b) > apart(a) ? b : a)),
    factor = Math.round(worst.byHand / worst.measured);
  const allTimes = factor > 1 && known.every(({ byHand, measured }) => Math.abs(byHand / measured / factor - 1) < 0.01);
  const both = `dW1[${worst.i}, ${worst.j}] is ${text(worst.byHand)} by hand and ${text(worst.measured)} measured`;
  if (apart(worst) < WRONG) {
    return (
      `They agree: ${both}, and none of the ${count} differs more. The backward pass is right; if ` +
      "something is wrong, it is elsewhere."
    );
  }
  const all = allTimes ? `, and all ${count} are ${factor} times as large.` : ".";
  return `They disagree: ${both}${all} The backward pass is wrong.`;
}

const download = signal(""); // what became of the images, if somebody waits for them

// --- What a reader does --------------------------------------------------------------------------------------------------

/** The run has moved on, or been replaced. */
export const moved = (run = learning.value.run) => turnTo({ ...learning.value, run });

function turnTo(next) {
  batch(() => {
    learning.value = next;
    if (following.value) follow();
  });
}

/** Show this network, as it is now, in all that stands above. */
function follow() {
  const { model, step } = learning.value.run;
  const copy = Object.entries(model.params).map(([name, p]) => [name, p.slice()]);
  const run = `784-${model.hidden}-10 from “Learn from nothing”, ${step.toLocaleString("en")} training steps, ${summary.value}`;
  const network = { params: Object.fromEntries(copy), pixels: "standardised", run };
  if (following.value && model.hidden === hidden.value) return showNext(network);
  showNetwork(network);
  following.value = true;
}

/** A new network; what the last one did stays as a faint line. */
export function restart() {
  const { hidden, init, seed, mistakes } = settings.value,
    last = learning.value;
  const run = new Training({ hidden: HIDDEN[hidden], init, seed, mistakes: new Set(mistakes) });
  batch(() => {
    checked.value = null;
    turnTo({ run, before: last?.run.tested.length > 1 ? last.run : last?.before });
  });
}
restart();

/** Change settings; those that make another network begin a new run. */
export function set(change) {
  batch(() => {
    settings.value = { ...settings.value, ...change };
    if (["hidden", "init", "seed", "mistakes"].some((name) => name in change)) restart();
  });
}

export function pause() {
  if (running.value) announce(`Paused. ${progress.value}`);
  running.value = false;
}

/** Do it when the images are here, which a page on disk carries and the site loads. */
function withImages(act) {
  if (lessonImages.value) return act();
  download.value = "The images are on their way.";
  loadLessonImages().then(
    () => {
      download.value = "";
      act();
    },
    () => (download.value = "The images could not be loaded. Try again."),
  );
}

export function takeStep() {
  const { run } = learning.value;
  run.takeStep(batchSize.value, newLr.value);
  if (run.step % PAUSES === 0 || run.broken) pause();
}

export function oneStep() {
  pause();
  withImages(() => {
    takeStep();
    learning.value.run.test();
    moved();
  });
}

export function toggle() {
  if (running.value) return pause();
  withImages(() => {
    running.value = true;
    requestAnimationFrame(frame);
  });
}

/** As many steps as fit into less than half a frame, but at least one; then show where that led. */
function frame() {
  if (!running.value) return;
  const began = performance.now();
  do takeStep();
  while (running.value && performance.now() - began < 6);
  moved();
  if (running.value) requestAnimationFrame(frame);
}

export function startOver() {
  pause();
  restart();
}

export function check() {
  withImages(() => {
    const { run } = learning.value;
    checked.value = { step: run.step, batch: batchSize.value, rows: run.check(batchSize.value) };
  });
}

/** Show it in all that stands above, from now on. */
export function lookInside() {
  batch(follow);
  announce("The picture of the network now shows the one that you train.");
}

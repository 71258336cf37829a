/* Learn from nothing: what a reader does with the new network, and what follows. */

import { batch, computed, signal } from "@preact/signals";

import { announce, showNetwork, showNext } from "./actions.js";
import { asInput, lessonImages, loadLessonImages, pageData } from "./page_data.js";
import { hidden, isEmpty, pixels, probabilities } from "./passes.js";
import { gradientCheck, isFollowingTraining, isTraining, learning, settings } from "./state.js";
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
export const hasMistake = (mistake) => settings.value.mistakes.includes(mistake);

/** What the new network says of the digit on the pad. */
export const newProbabilities = computed(() =>
  probabilities(learning.value.run.model.params, asInput(pixels.value, "standardised")),
);
export const newAnswer = computed(() => argmax(newProbabilities.value)); // -1 if no number is left
export const cannotRead = computed(() => isEmpty.value || newAnswer.value < 0);

export const summary = computed(() => {
  const test = learning.value.run.tested.at(-1);
  return test ? `test ${(100 * test.accuracy).toFixed(1)}%` : "not trained yet";
});
export const verb = computed(() => (isTraining.value ? "Pause" : learning.value.run.step ? "Continue" : "Start"));

export const progress = computed(() => {
  const { run } = learning.value,
    test = run.tested.at(-1);
  if (download.value) return download.value;
  if (!run.step) return "No steps yet.";
  const epochs = (run.seen / pageData.trainingLabels.length).toFixed(1);
  const reads = test ? `It reads ${(100 * test.accuracy).toFixed(1)}% of the test images.` : "";
  return (
    `${plural(run.step, "step")}: each image seen about ${epochs} times. ` +
    (run.broken ? "The numbers have overflowed: start over." : reads)
  );
});

/** What the gradient check found; and when, and with which batch, if that is not now. */
export const checkWords = computed(() => {
  if (!gradientCheck.value) return "";
  const { step, batch } = gradientCheck.value,
    conditions = [];
  if (step !== learning.value.run.step) conditions.push(`at step ${step}`);
  if (batch !== batchSize.value) conditions.push(`with batch size ${batch}`);
  const when = conditions.join(", ");
  return `${when && `${when[0].toUpperCase()}${when.slice(1)}: `}${describeCheck(gradientCheck.value)}`;
});

const WRONG = 1e-3; // relative differences from here on are an error

function describeCheck({ step, rows }) {
  const size = ({ byHand, measured }) => Math.max(Math.abs(byHand), Math.abs(measured), 1e-9);
  const relativeDifference = (row) => Math.abs(row.byHand - row.measured) / size(row);
  const measurableRows = rows.filter((row) => row.noise <= WRONG * size(row));
  if (rows.every(({ byHand }) => byHand === 0)) {
    return `By hand and measured, every dW1 is 0: ${
      step
        ? "hardly any unit is on. Start over, and check before the first step."
        : "no weight of the first layer can ever move."
    }`;
  }
  if (!measurableRows.length) {
    return (
      "The gradient cannot be measured here: the losses are so large that rounding hides how they differ. " +
      "Start over, and check before the first step."
    );
  }
  const count =
      measurableRows.length === rows.length
        ? "eight that were checked"
        : `${measurableRows.length} that can be measured here`,
    worst = measurableRows.reduce((a, b) => (relativeDifference(b) > relativeDifference(a) ? b : a)),
    factor = Math.round(worst.byHand / worst.measured);
  const allTimes =
    factor > 1 && measurableRows.every(({ byHand, measured }) => Math.abs(byHand / measured / factor - 1) < 0.01);
  const bothValues = `dW1[${worst.i}, ${worst.j}] is ${text(worst.byHand)} by hand and ${text(worst.measured)} measured`;
  if (relativeDifference(worst) < WRONG) {
    return (
      `They agree: ${bothValues}, and none of the ${count} differs more. The backward pass is right; if ` +
      "something is wrong, the mistake is elsewhere."
    );
  }
  const scaleNote = allTimes ? `, and all ${count} are ${factor} times as large.` : ".";
  return `They disagree: ${bothValues}${scaleNote} The backward pass is wrong.`;
}

const download = signal(""); // what became of the images, if somebody waits for them

// --- What a reader does --------------------------------------------------------------------------------------------------

/** The run has moved on, or been replaced. */
export const showProgress = (run = learning.value.run) => setTraining({ ...learning.value, run });

function setTraining(next) {
  batch(() => {
    learning.value = next;
    if (isFollowingTraining.value) follow();
  });
}

/** Show this network, as it is now, in all that stands above. */
function follow() {
  const { model, step } = learning.value.run;
  const copy = Object.entries(model.params).map(([name, p]) => [name, p.slice()]);
  const run = `784-${model.hidden}-10 from “Learn from nothing”, ${step.toLocaleString("en")} training steps, ${summary.value}`;
  const network = { params: Object.fromEntries(copy), pixels: "standardised", run };
  if (isFollowingTraining.value && model.hidden === hidden.value) return showNext(network);
  showNetwork(network);
  isFollowingTraining.value = true;
}

/** A new network; what the last one did stays as a faint line. */
export function restart() {
  const { hidden, init, seed, mistakes } = settings.value,
    previous = learning.value;
  const run = new Training({ hidden: HIDDEN[hidden], init, seed, mistakes: new Set(mistakes) });
  batch(() => {
    gradientCheck.value = null;
    setTraining({ run, before: previous?.run.tested.length > 1 ? previous.run : previous?.before });
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
  if (isTraining.value) announce(`Paused. ${progress.value}`);
  isTraining.value = false;
}

/** Do it when the images are here, which a page on disk carries and the site loads. */
function withImages(act) {
  if (lessonImages.value) return act();
  download.value = "The images are being loaded.";
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
    showProgress();
  });
}

export function toggle() {
  if (isTraining.value) return pause();
  withImages(() => {
    isTraining.value = true;
    requestAnimationFrame(frame);
  });
}

/** As many steps as fit into less than half a frame, but at least one; then show where that led. */
function frame() {
  if (!isTraining.value) return;
  const began = performance.now();
  do takeStep();
  while (isTraining.value && performance.now() - began < 6);
  showProgress();
  if (isTraining.value) requestAnimationFrame(frame);
}

export function startOver() {
  pause();
  restart();
}

export function check() {
  withImages(() => {
    const { run } = learning.value;
    gradientCheck.value = { step: run.step, batch: batchSize.value, rows: run.check(batchSize.value) };
  });
}

/** Show it in all that stands above, from now on. */
export function lookInside() {
  batch(follow);
  announce("The picture of the network now shows the one that you train.");
}

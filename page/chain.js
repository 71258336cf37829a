/* The first screen's task: the derivatives of the digit at hand, in the order of the chain rule, each a line that the reader
   writes. Python marks it, as in the terminal; what has passed computes from then on. */

import { computed, effect, signal } from "@preact/signals";

import { learn } from "./actions.js";
import { attempt, taskOf } from "./lessons/attempts.js";
import { ExerciseFile, splitAroundLines } from "./lessons/file.js";
import { isSupported, Python, workOffline } from "./lessons/python.js";
import { hasPassed, tryStorage, work } from "./lessons/work.js";
import { pageData } from "./page_data.js";
import { cannotLearn, pass } from "./passes.js";
import { digit, label, params } from "./state.js";

/* exercise: its name. gives: what its lines compute. inputs: what its function gets, by the names in the file. within: who has
   written that one need not write this one. */
export const CHAIN = [
  {
    exercise: "one_image",
    gives: ["dlogits"],
    within: "dlogits",
    asks: "Now write one line for all ten scores, which are called logits. dlogits says how much too high each probability is: the network's probabilities, minus the right answer.",
    inputs: { p: "(10,), its probabilities", onehot: "(10,), the right answer: 1 for the true digit, 0 elsewhere" },
  },
  {
    exercise: "dlogits",
    gives: ["dlogits"],
    asks: "Now do the same for a batch of B images, whose loss is a mean. Write the line that computes the bars.",
    inputs: { p: "(B, 10), the network's probabilities", y: "(B,), the true digits" },
  },
  {
    exercise: "dW2_db2",
    gives: ["dW2", "db2"],
    asks: "logits = a1 @ W2 + b2. If one weight W2[j, k] grew a little, how would the loss change? And if b2[k] did?",
    inputs: { a1: "(B, H), the activations", dlogits: "(B, 10)", z1: "(B, H), which you may not need" },
  },
  {
    exercise: "da1",
    gives: ["da1"],
    asks: "logits = a1 @ W2 + b2. And if an activation a1[n, j] grew? All ten scores depend on it.",
    inputs: { dlogits: "(B, 10)", W2: "(H, 10)", z1: "(B, H), which you may not need" },
  },
  {
    exercise: "dz1",
    gives: ["dz1"],
    asks: "a1 = max(z1, 0), entry by entry. And if a sum z1[n, j] grew?",
    inputs: { da1: "(B, H)", z1: "(B, H), the sums", a1: "(B, H), which you may not need" },
  },
  {
    exercise: "dW1_db1",
    gives: ["dW1", "db1"],
    asks: "z1 = x @ W1 + b1. And if a weight W1[i, j] grew, or a bias b1[j]?",
    inputs: { x: "(B, 784), the pixels", dz1: "(B, H)", da1: "(B, H)", z1: "(B, H); the last two you may not need" },
  },
];

/* What the line of mlp_np.py is called that computes something, and the exercise that asks for it. */
export const EXERCISE_OF = { logits: "logits", p: "softmax", loss: "loss" };
for (const { exercise, gives } of CHAIN) for (const name of gives) EXERCISE_OF[name] = exercise;

const isPassed = (exercise) => hasPassed(work.value, { name: exercise });
export const isDone = ({ exercise, within }) => isPassed(exercise) || (within !== undefined && isPassed(within));

/** The names of what nobody has written yet here, and nobody has asked to see. */
const unfolded = signal(new Set());
export const isFolded = (name) => name in EXERCISE_OF && !unfolded.value.has(name) && !isPassed(EXERCISE_OF[name]);
export const unfold = (name) => (unfolded.value = new Set(unfolded.value).add(name));

/** Where in CHAIN the reader is: at the first line that has not passed; behind the last if all have. */
export const linkIndex = computed(() => {
  const open = CHAIN.findIndex((link) => !isDone(link));
  return open < 0 ? CHAIN.length : open;
});
const writtenNames = computed(() => CHAIN.map(({ exercise }) => exercise).filter(isPassed));

// --- Guesses -----------------------------------------------------------------------------------------------------------

const NO_GUESSES = Array(10).fill(null);
const guessState = signal({ values: NO_GUESSES });

/** What the reader guesses of this digit's dlogits, each from -1 to 1, or null; and for which of them the answer is out. */
export const guesses = computed(() => {
  const { of, y, values, out } = guessState.value;
  return of === digit.value && y === label.value ? { values, out } : { values: NO_GUESSES, out: NO_GUESSES };
});

export function guess(k, value) {
  const { values, out } = guesses.value;
  const size = Math.min(Math.max(value, -1), 1);
  guessState.value = { of: digit.value, y: label.value, values: values.with(k, size), out };
}

/** The reader lets go of it: the answer is out. */
export function settle(k) {
  const { values, out } = guesses.value;
  if (values[k] !== null) guessState.value = { ...guessState.value, out: out.with(k, true) };
}

// --- Python ------------------------------------------------------------------------------------------------------------

// What page/site.py adds to what the page carries: {runtime, exercises}.
const { runtime, exercises = [] } = pageData;
export const python = runtime && isSupported() ? new Python(runtime) : null;
if (python) {
  tryStorage(); // or Chain says that nothing is kept
  workOffline(python);
}
export const byName = new Map(exercises.map((exercise) => [exercise.name, exercise]));

/** Somebody touches the pad or a bar: who guesses and then types gives Python the time to come. */
export function loadPythonAhead() {
  if (navigator.connection?.saveData) return;
  python?.start().catch(() => {}); // Mark tries again, and says what failed
}

// --- A line ------------------------------------------------------------------------------------------------------------

/* {an exercise's name: the reader's file}; its body is the lines that they write. */
const files = new Map(
  exercises.map((exercise) => [exercise.name, new ExerciseFile(exercise, { split: splitAroundLines })]),
);

/** The lines of the reader's file; null if it has another form, which only an editor shows. */
export const linesOf = ({ exercise }) => files.get(exercise).body;

export function writeLines({ exercise }, text) {
  // Who pastes whole lines into the place of the dots means those, and not `dlogits = dlogits = ...`.
  const allLines = text.replace(/^(\w+) = \1 =/gm, "$1 =").split("\n");
  const isThere = (name) => allLines.some((line) => line.startsWith(`${name} =`) && line !== `${name} = ...`);
  const lines = allLines.filter((line) => !(line.endsWith(" = ...") && isThere(line.slice(0, -6)))).join("\n");
  files.get(exercise).writeBody(lines);
}

export const taskOfLink = ({ exercise }) => taskOf(exercise, python);

export const mark = (link) => attempt(taskOfLink(link), byName.get(link.exercise), files.get(link.exercise));

// --- What the reader's lines say of the digit at hand ----------------------------------------------------------------------

const computedDerivatives = signal(null); // {of: the pass, and the arrays that their lines compute of it, or `failed`}
export const ownDerivatives = computed(() =>
  computedDerivatives.value?.of === pass.value ? computedDerivatives.value : null,
);
export const isChainDone = computed(() => linkIndex.value === CHAIN.length);
const DERIVATIVES = [...new Set(CHAIN.flatMap(({ gives }) => gives))];
const bytes = (array) => new Uint8Array(new Float64Array(array).buffer);

let timer;
if (python) {
  const query = python.forOne("your lines");
  effect(() => {
    const currentPass = pass.value,
      names = writtenNames.value;
    clearTimeout(timer);
    if (!names.length || !python.isReady.value || cannotLearn.value) return;
    timer = setTimeout(() => compute(query, currentPass, names), 200);
  });
}

async function compute(query, currentPass, names) {
  query.stop();
  const files = Object.fromEntries(names.map((name) => [`${name}.py`, work.peek().files[name]]));
  for (const name of ["x", "z1", "a1", "p"]) files[name] = bytes(currentPass[name]);
  files.W2 = bytes(params.peek().W2);
  try {
    const { files: results } = await query.ask(
      "write_derivatives",
      { learner_exercises: names, y: currentPass.y },
      files,
    );
    const arrays = DERIVATIVES.map((name) => [name, new Float64Array(results[name].slice().buffer)]);
    computedDerivatives.value = { of: currentPass, ...Object.fromEntries(arrays) };
  } catch (error) {
    if (!error.isStop) computedDerivatives.value = { of: currentPass, failed: error.message };
  }
}

/** A step: by the reader's own derivatives, where they are there, and else by the network's, which are the same numbers. */
export const step = () => learn(1, undefined, ownDerivatives.value?.failed ? undefined : ownDerivatives.value);

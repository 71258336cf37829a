/* The first screen's task: the derivatives of the digit at hand, in the order of the chain rule, each a line that the reader
   writes. Python marks it, as in the terminal; what has passed computes from then on. */

import { computed, effect, signal } from "@preact/signals";

import { learn } from "./acts.js";
import { given } from "./given.js";
import { attempt, taskOf } from "./lessons/attempts.js";
import { ExerciseFile, splitAroundLines } from "./lessons/file.js";
import { isSupported, Python, workOffline } from "./lessons/python.js";
import { hasPassed, tryToKeep, work } from "./lessons/work.js";
import { cannotLearn, now } from "./passes.js";
import { digit, label, params } from "./state.js";

/* exercise: its name. gives: what its lines compute. given: what its function gets, by the names in the file. within: who has
   written that one need not write this one. */
export const CHAIN = [
  {
    exercise: "one_image",
    gives: ["dlogits"],
    within: "dlogits",
    asks: "Now all ten scores, in one line. How much too much did the network say of each digit? What it said, minus the truth.",
    given: { p: "(10,), what it said", onehot: "(10,), the truth: 1 at the true digit, 0 elsewhere" },
  },
  {
    exercise: "dlogits",
    gives: ["dlogits"],
    asks: "Now for a batch of B images, whose loss is a mean. Write the line that computes the bars.",
    given: { p: "(B, 10), its probabilities", y: "(B,), the true digits" },
  },
  {
    exercise: "dW2_db2",
    gives: ["dW2", "db2"],
    asks: "logits = a1 @ W2 + b2. If one weight W2[j, k] grew a little, how would the loss change? And if b2[k] did?",
    given: { a1: "(B, H), the activations", dlogits: "(B, 10)", z1: "(B, H), which you may not need" },
  },
  {
    exercise: "da1",
    gives: ["da1"],
    asks: "logits = a1 @ W2 + b2. And if an activation a1[n, j] grew? All ten scores follow it.",
    given: { dlogits: "(B, 10)", W2: "(H, 10)", z1: "(B, H), which you may not need" },
  },
  {
    exercise: "dz1",
    gives: ["dz1"],
    asks: "a1 = max(z1, 0), entry by entry. And if a sum z1[n, j] grew?",
    given: { da1: "(B, H)", z1: "(B, H), the sums", a1: "(B, H), which you may not need" },
  },
  {
    exercise: "dW1_db1",
    gives: ["dW1", "db1"],
    asks: "z1 = x @ W1 + b1. And if a weight W1[i, j] grew, or a bias b1[j]?",
    given: { x: "(B, 784), the pixels", dz1: "(B, H)", da1: "(B, H)", z1: "(B, H); the last two you may not need" },
  },
];

/* What the line of mlp_np.py is called that computes something, and the exercise that asks for it. */
export const ASKED = { logits: "logits", p: "softmax", loss: "loss" };
for (const { exercise, gives } of CHAIN) for (const name of gives) ASKED[name] = exercise;

const passed = (exercise) => hasPassed(work.value, { name: exercise });
export const isDone = ({ exercise, within }) => passed(exercise) || (within !== undefined && passed(within));

/** The names of what nobody has written yet here, and nobody has asked to see. */
const unfolded = signal(new Set());
export const isFolded = (name) => name in ASKED && !unfolded.value.has(name) && !passed(ASKED[name]);
export const unfold = (name) => (unfolded.value = new Set(unfolded.value).add(name));

/** Where in CHAIN the reader is: at the first line that has not passed; behind the last if all have. */
export const here = computed(() => {
  const open = CHAIN.findIndex((link) => !isDone(link));
  return open < 0 ? CHAIN.length : open;
});
const written = computed(() => CHAIN.map(({ exercise }) => exercise).filter(passed));

// --- Guesses -----------------------------------------------------------------------------------------------------------

const none = Array(10).fill(null);
const guessed = signal({ values: none });

/** What the reader guesses of this digit's dlogits, each from -1 to 1, or null; and for which of them the answer is out. */
export const guesses = computed(() => {
  const { of, y, values, out } = guessed.value;
  return of === digit.value && y === label.value ? { values, out } : { values: none, out: none };
});

export function guess(k, value) {
  const { values, out } = guesses.value;
  const size = Math.min(Math.max(value, -1), 1);
  guessed.value = { of: digit.value, y: label.value, values: values.with(k, size), out };
}

/** The reader lets go of it: the answer is out. */
export function settle(k) {
  const { values, out } = guesses.value;
  if (values[k] !== null) guessed.value = { ...guessed.value, out: out.with(k, true) };
}

// --- Python ------------------------------------------------------------------------------------------------------------

// What page/site.py adds to what the page carries: {runtime, exercises}.
const { runtime, exercises = [] } = given;
export const python = runtime && isSupported() ? new Python(runtime) : null;
if (python) {
  tryToKeep(); // or Chain says that nothing is kept
  workOffline(python);
}
export const byName = new Map(exercises.map((exercise) => [exercise.name, exercise]));

/** Somebody touches the pad or a bar: who guesses and then types gives Python the time to come. */
export function begin() {
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

export function type({ exercise }, typed) {
  // Who pastes whole lines into the place of the dots means those, and not `dlogits = dlogits = ...`.
  const all = typed.replace(/^(\w+) = \1 =/gm, "$1 =").split("\n");
  const isThere = (name) => all.some((line) => line.startsWith(`${name} =`) && line !== `${name} = ...`);
  const lines = all.filter((line) => !(line.endsWith(" = ...") && isThere(line.slice(0, -6)))).join("\n");
  files.get(exercise).writeBody(lines);
}

export const taskOfLink = ({ exercise }) => taskOf(exercise, python);

export const mark = (link) => attempt(taskOfLink(link), byName.get(link.exercise), files.get(link.exercise));

// --- What the reader's lines say of the digit at hand ----------------------------------------------------------------------

const own = signal(null); // {of: the pass, and the arrays that their lines compute of it, or `failed`}
export const mine = computed(() => (own.value?.of === now.value ? own.value : null));
export const isOwn = computed(() => here.value === CHAIN.length);
const NAMES = [...new Set(CHAIN.flatMap(({ gives }) => gives))];
const bytes = (array) => new Uint8Array(new Float64Array(array).buffer);

let timer;
if (python) {
  const asked = python.forOne("your lines");
  effect(() => {
    const of = now.value,
      names = written.value;
    clearTimeout(timer);
    if (!names.length || !python.isReady.value || cannotLearn.value) return;
    timer = setTimeout(() => compute(asked, of, names), 200);
  });
}

async function compute(asked, of, names) {
  asked.stop();
  const files = Object.fromEntries(names.map((name) => [`${name}.py`, work.peek().files[name]]));
  for (const name of ["x", "z1", "a1", "p"]) files[name] = bytes(of[name]);
  files.W2 = bytes(params.peek().W2);
  try {
    const { files: found } = await asked.ask("compute_derivatives", { mine: names, y: of.y }, files);
    const arrays = NAMES.map((name) => [name, new Float64Array(found[name].slice().buffer)]);
    own.value = { of, ...Object.fromEntries(arrays) };
  } catch (error) {
    if (!error.isStop) own.value = { of, failed: error.message };
  }
}

/** A step: by the reader's own derivatives, where they are there, and else by the network's, which are the same numbers. */
export const step = () => learn(1, undefined, mine.value?.failed ? undefined : mine.value);

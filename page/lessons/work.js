/* The learner's folder, kept in this browser: their files, and progress.json as practice.py has it. It is the state that
the pages show: what depends on `work` is shown again whenever it changes, in this tab or in another. */

import { signal } from "@preact/signals";

const KEY = "my_practice";

const PROGRESS = { passed: "", hints: 0, seen: true, first: "", mistakes: "", asked: "", due: "" }; // and one value of each
const TEXTS = { files: "", passed: "", reviews: "" };
const makeEmpty = (kinds) => Object.fromEntries(Object.keys(kinds).map((key) => [key, {}]));

export const makeEmptyWork = () => ({ ...makeEmpty(TEXTS), progress: { current: null, ...makeEmpty(PROGRESS) } });

/** {files: {name: text}, progress, passed: {name: the text that passed}, reviews: {name: text}}. */
export const work = signal(makeEmptyWork());
export const isStored = signal(true); // false where the browser keeps nothing: storage is denied, or full

/** What is in the storage. What of it is no folder of a learner counts for nothing; what only a later version knows stays. */
function readStored() {
  const content = toObject(JSON.parse(localStorage.getItem(KEY))),
    progress = toObject(content.progress),
    current = typeof progress.current === "string" ? progress.current : null;
  return {
    ...content,
    ...keepValid(TEXTS, content),
    progress: { ...progress, current, ...keepValid(PROGRESS, progress) },
  };
}

const toObject = (value) => (typeof value === "object" && value ? value : {});

/** For each key of `kinds` what `found` has there, {name: value}, but for values of another kind. */
function keepValid(kinds, value) {
  const right = (key) => Object.entries(toObject(value[key])).filter(([, value]) => typeof value === typeof kinds[key]);
  return Object.fromEntries(Object.keys(kinds).map((key) => [key, Object.fromEntries(right(key))]));
}

function readLatest() {
  try {
    if (isStored.value) return readStored();
  } catch {
    // It is denied, and `change` finds out; or it is no JSON, and the next change writes what is.
  }
  return work.peek();
}

const reloadWork = () => (work.value = readLatest());

/** Change it: what is in the storage, as another tab may have written. how(next, seen) gets also what this tab has shown. */
export function change(edit) {
  const previous = work.peek(),
    next = structuredClone(readLatest());
  edit(next, previous);
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
    isStored.value = true;
  } catch {
    isStored.value = false;
  }
  work.value = next;
}

/** Write a file. If another tab has written another text, which this tab has not shown yet, that text is kept beside it. */
export const write = (name, text) =>
  change((next, previous) => {
    if (next.files[name] === previous.files[name]) next.files[name] = text;
    else replace(next, name, text);
  });

/** Put a text in the place of a file, which is kept beside it, under a number. */
export function replace({ files }, name, text) {
  let i = 1;
  while (`${name}.${i}` in files) i++;
  if (files[name] && files[name] !== text) files[`${name}.${i}`] = files[name];
  files[name] = text;
}

/** Add to a learner's progress what another copy of it says. */
export function add(progress, addition) {
  for (const [name, value] of Object.entries(addition)) {
    progress[name] = typeof value === "object" ? { ...progress[name], ...value } : value;
  }
}

/** Whether a file as it is now has passed. */
export const hasPassed = ({ files, progress, passed }, { name }) =>
  Boolean(progress.passed[name]) && files[name] === passed[name];

/** How far an exercise has got, in the words of `practice.py list`. */
export function getState(work, exercise) {
  const { progress } = work;
  if (progress.seen[exercise.name]) return "seen";
  if (!progress.passed[exercise.name]) return "";
  return hasPassed(work, exercise) ? "passed" : "changed since it passed";
}

/** The files of the folder, as Python finds them in /work. */
export function folder({ files, progress }) {
  const textFiles = Object.entries(files).map(([name, text]) => [`${name}.py`, text]);
  return { ...Object.fromEntries(textFiles), "progress.json": JSON.stringify(progress) };
}

/** Find out whether this browser keeps anything: a page should not say that it keeps what it does not. */
export function tryStorage() {
  try {
    localStorage.setItem(KEY, JSON.stringify(work.value));
  } catch {
    isStored.value = false;
  }
}

reloadWork();
addEventListener("storage", ({ key }) => (key === KEY || key === null) && reloadWork());
addEventListener("pageshow", reloadWork); // a tab that slept has heard of nothing
document.addEventListener("visibilitychange", reloadWork);

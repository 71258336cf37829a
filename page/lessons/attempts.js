/* What is asked of Python in each exercise, on the front page and on the others: a verdict is there when the reader comes back. */

import { markFile } from "./judge.js";
import { storedSignal } from "./storage.js";
import { Task } from "./task.js";
import { change, work } from "./work.js";

export const tasks = new Map();

/** The task of an exercise. again: of its review. */
export function taskOf(name, python, again = false) {
  const key = `${name} ${again}`;
  if (!tasks.has(key)) {
    const storedVerdict = storedSignal(`mark ${key}`, (verdict) => Array.isArray(verdict.sentences), "sessionStorage");
    tasks.set(key, new Task(python, `the exercise ${name}`, true, storedVerdict));
  }
  return tasks.get(key);
}

/** Have a learner's file marked, as it is when its turn comes. onPassed: called if it passes. */
export const attempt = (task, exercise, file, onPassed = () => {}) =>
  task.attempt(async (python) => {
    const { text } = file;
    file.write(text); // what was handed out, too, is a file from then on
    const onReport = ({ progress }) => progress && task.showProgress(`${progress}. `);
    const verdict = await markFile(python, exercise, text, file.again, onReport);
    if (verdict.passed) onPassed();
    return verdict;
  });

/** How many hints of an exercise the reader has asked for. */
export const countHintsSeen = ({ name }) => work.value.progress.hints[name] ?? 0;

export function askForHint({ name, hints }) {
  change(({ progress }) => (progress.hints[name] = Math.min((progress.hints[name] ?? 0) + 1, hints.length)));
}

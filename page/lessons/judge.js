/* How a file is marked: as the terminal marks it, by the same Python, in the same words. */

import { add, change, folder, work } from "./work.js";

/** What page/desk.py says of a file, as the terminal would for this seed. */
export async function judge(python, { name, seconds }, text, seed, again = false, onReport) {
  const file = { [`${name}.py`]: text };
  const argv = [name, `/work/${name}.py`, String(seed), "/tmp/result.json"];
  let outcome; // what is known before the search for a mistake's place, which may take too long
  const run = await python.run({ call: "run_and_write_report", argv, files: file }, seconds, (report) =>
    report.outcome ? (outcome = report.outcome) : onReport?.(report),
  );
  const files = { ...folder(work.value), ...file };
  const result = run.files?.["result.json"] ?? outcome;
  if (result) files["result.json"] = result;
  const { status = result && 0, stuck, seconds: spent = seconds } = run;
  return python.ask("judge_written_report", { name, seed, status, stuck, seconds: spent, again }, files);
}

/** Mark a learner's file, and note in their progress what came of it. again: it is a review, in a file of its own. */
export async function markFile(python, exercise, text, again = false, onReport = () => {}) {
  const seed = Math.floor(Math.random() * 1e6);
  const { progress, files, ...verdict } = await judge(python, exercise, text, seed, again, onReport);
  change((next) => {
    add(next.progress, progress);
    if (verdict.passed && !again) next.passed[exercise.name] = text;
  });
  return verdict;
}

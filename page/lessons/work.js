/* The learner's folder, kept in this browser: their files, and progress.json as practice.py has it. */

const KEY = "my_practice";
let unkept; // where the browser keeps nothing

export const nothing = () => ({ files: {}, passed: {}, progress: { current: null, passed: {}, hints: {}, seen: {} } });

/** {files: {name: text}, progress, passed: {name: the text that passed}}. */
export function read() {
  try {
    return { ...nothing(), ...JSON.parse(unkept ?? localStorage.getItem(KEY) ?? "{}") };
  } catch {
    return nothing();
  }
}

/** Change it: read again first, as another tab may have written. */
export function change(how) {
  const work = read();
  how(work);
  const text = JSON.stringify(work);
  try {
    localStorage.setItem(KEY, text);
    unkept = undefined;
  } catch {
    unkept = text;
  }
  dispatchEvent(new Event("work"));
}

/** Put a text in the place of a file, which is kept beside it, under a number. */
export function replace({ files }, name, text) {
  let i = 1;
  while (`${name}.${i}` in files) i++;
  if (files[name] && files[name] !== text) files[`${name}.${i}`] = files[name];
  files[name] = text;
}

/** Add to a learner's progress what another copy of it says. */
export function add(progress, other) {
  for (const [what, value] of Object.entries(other)) {
    progress[what] = typeof value === "object" ? { ...progress[what], ...value } : value;
  }
}

/** How far an exercise has got, in the words of `practice.py list`. */
export function done({ files, progress, passed }, { name }) {
  if (progress.seen[name]) return "seen";
  if (!progress.passed[name]) return "";
  return files[name] === passed[name] ? "passed" : "changed since it passed";
}

/** The names of the exercises to write again, as exercises/review.py finds them. */
export function due({ progress: { passed, due, hints, seen, mistakes } }) {
  const today = new Date().toISOString().slice(0, 10),
    helped = { ...hints, ...seen, ...mistakes }; // Python's day here, too
  const names = Object.keys(passed).filter((name) => (due?.[name] ?? today) <= today);
  return names.sort((one, other) => (other in helped) - (one in helped));
}

/** The files of the folder, as Python finds them in /work. */
export function folder({ files, progress }) {
  const written = Object.entries(files).map(([name, text]) => [`${name}.py`, text]);
  return { ...Object.fromEntries(written), "progress.json": JSON.stringify(progress) };
}

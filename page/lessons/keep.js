/* What came of what Python was asked: kept in this browser, so that it is there when the reader comes back to a page. */

import { effect, signal } from "@preact/signals";

const FORMAT = 1; // of all that is kept here; raise it when something gets another shape. (The learner's work is in work.js.)
const KEPT = "kept ",
  PREFIX = `${KEPT}${FORMAT} `;
const all = new Map();

/** The signal of what is kept under this name, or null; it is kept from then on whenever it changes. isRight(found): whether
    what was found can be shown. where: "sessionStorage" forgets it when the tab is closed. What failed is not kept. */
export function kept(name, isRight = () => true, where = "localStorage") {
  if (all.has(name)) return all.get(name);
  const value = signal(null),
    key = PREFIX + name;
  let text = null; // of it, as it is kept
  const read = () => {
    try {
      const now = window[where].getItem(key);
      if (now === text) return;
      text = now;
      const found = JSON.parse(now);
      value.value = found && isRight(found) ? found : null;
    } catch {} // it keeps nothing, or something else
  };
  read();
  effect(() => {
    const now = value.value && !value.value.failed ? JSON.stringify(value.value) : null;
    if (now === text) return;
    text = now;
    try {
      if (now) window[where].setItem(key, now);
      else window[where].removeItem(key);
    } catch {} // denied, or full: then it is gone with the page
  });
  for (const event of ["storage", "pageshow"]) addEventListener(event, read);
  all.set(name, value);
  return value;
}

/** Keep nothing of it any more. */
export const forget = () => remove((name) => name.startsWith(KEPT));

function remove(isIt) {
  for (const where of ["localStorage", "sessionStorage"]) {
    try {
      const names = Object.keys(window[where]).filter(isIt);
      for (const name of names) window[where].removeItem(name);
    } catch {} // it keeps nothing
  }
}

remove((name) => name.startsWith(KEPT) && !name.startsWith(PREFIX)); // of another version

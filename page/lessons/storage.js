/* What came of what Python was asked: kept in this browser, so that it is there when the reader comes back to a page. */

import { effect, signal } from "@preact/signals";

const FORMAT = 1; // of all that is kept here; raise it when something gets another shape. (The learner's work is in work.js.)
const KEPT = "kept ",
  PREFIX = `${KEPT}${FORMAT} `;
const signals = new Map();

/** The signal of what is kept under this name, or null; it is kept from then on whenever it changes. isRight(found): whether
    what was found can be shown. where: "sessionStorage" forgets it when the tab is closed. What failed is not kept. */
export function storedSignal(name, isRight = () => true, where = "localStorage") {
  if (signals.has(name)) return signals.get(name);
  const value = signal(null),
    key = PREFIX + name;
  let text = null; // of it, as it is kept
  const readStorage = () => {
    try {
      const newText = window[where].getItem(key);
      if (newText === text) return;
      text = newText;
      const parsed = JSON.parse(newText);
      value.value = parsed && isRight(parsed) ? parsed : null;
    } catch {} // it keeps nothing, or something else
  };
  readStorage();
  effect(() => {
    const newText = value.value && !value.value.failed ? JSON.stringify(value.value) : null;
    if (newText === text) return;
    text = newText;
    try {
      if (newText) window[where].setItem(key, newText);
      else window[where].removeItem(key);
    } catch {} // denied, or full: then it is gone with the page
  });
  for (const event of ["storage", "pageshow"]) addEventListener(event, readStorage);
  signals.set(name, value);
  return value;
}

/** Keep nothing of it any more. */
export const clearStorage = () => remove((name) => name.startsWith(KEPT));

function remove(isIt) {
  for (const where of ["localStorage", "sessionStorage"]) {
    try {
      const names = Object.keys(window[where]).filter(isIt);
      for (const name of names) window[where].removeItem(name);
    } catch {} // it keeps nothing
  }
}

remove((name) => name.startsWith(KEPT) && !name.startsWith(PREFIX)); // of another version

/* What came of what Python was asked: kept in this browser, so that it is there when the reader comes back to a page. */

import { effect, signal } from "@preact/signals";

const PREFIX = "kept ";

/** A signal: what is kept under this name, or null; it is kept from then on whenever it changes. isRight(found): whether what
    was found can be shown. where: "sessionStorage" forgets it when the tab is closed. What failed is not kept. */
export function kept(name, isRight = () => true, where = "localStorage") {
  const value = signal(null),
    key = PREFIX + name;
  try {
    const found = JSON.parse(window[where].getItem(key));
    if (found && isRight(found)) value.value = found;
  } catch {} // it keeps nothing, or something else
  let last = value.peek();
  effect(() => {
    const now = value.value;
    if (now === last) return;
    last = now;
    try {
      if (now && !now.failed) window[where].setItem(key, JSON.stringify(now));
      else window[where].removeItem(key);
    } catch {} // denied, or full: then it is gone with the page
  });
  return value;
}

/** Keep nothing of it any more. */
export function forget() {
  for (const where of ["localStorage", "sessionStorage"]) {
    try {
      const names = Object.keys(window[where]).filter((name) => name.startsWith(PREFIX));
      for (const name of names) window[where].removeItem(name);
    } catch {} // it keeps nothing
  }
}

/* What the page opens with, and shows when its address changes: what the address holds. On the site, the digit is there again
   when the reader comes back in this tab. */

import { effect } from "@preact/signals";

import { put } from "./acts.js";
import { inAddress, ofDigit } from "./address.js";
import { isOnSite } from "./given.js";
import { set } from "./learning.js";
import { kept } from "./lessons/keep.js";
import { go, STAGES } from "./stages.js";
import { digit, label } from "./state.js";

const drawing = kept("drawing", (text) => typeof text === "string", "sessionStorage"),
  drawn = kept("drawn"); // one step of the reader's way

export function visit() {
  if (isOnSite && drawing.value) show(drawing.value);
  show(location.hash);
  addEventListener("hashchange", () => show(location.hash));
  if (!isOnSite) return;
  effect(() => {
    drawing.value = ofDigit(digit.value, label.value);
    if (digit.value.strokes.length) drawn.value = true;
  });
}

function show(hash) {
  const { digit, label, settings, line } = inAddress(hash);
  if (digit) put(digit, label);
  if (settings) set(settings);
  const n = STAGES.findIndex((stage) => stage.line === line);
  if (n < 0) return;
  go(n);
  requestAnimationFrame(() => document.getElementById("stage").scrollIntoView({ block: "end" })); // below the picture
}

/** Put this part of an address behind the page's #, and copy the whole, where that is allowed. */
export function share(part) {
  history.replaceState(null, "", `#${part}`);
  return navigator.clipboard?.writeText(location.href) ?? Promise.reject();
}

/* What the page opens with, and shows when its address changes: what the address holds. On the site, the digit and the steps
   are there again when the reader comes back in this tab. */

import { effect } from "@preact/signals";

import { learn, openWith, setDigit } from "./actions.js";
import { formatDigit, parseAddress } from "./address.js";
import { set } from "./learning.js";
import { storedSignal } from "./lessons/storage.js";
import { isOnSite } from "./page_data.js";
import { go, STAGES } from "./stages.js";
import { digit, label, steps } from "./state.js";
import { goTo } from "./views.js";

const storedDrawing = storedSignal("drawing", (text) => typeof text === "string", "sessionStorage"),
  storedSteps = storedSignal("steps", Array.isArray, "sessionStorage"); // [digit, rate, count] of each press of a button
const FEW = 100; // steps that are taken again: a second or so

export function followAddress() {
  if (isOnSite && !location.hash.includes("image") && storedSteps.value) storedSteps.value.forEach(repeatSteps);
  if (isOnSite && storedDrawing.value) show(storedDrawing.value, openWith);
  show(location.hash, openWith);
  addEventListener("hashchange", () => show(location.hash || "#opening", setDigit)); // Back leads to the address without a #
  if (!isOnSite) return;
  effect(() => {
    storedDrawing.value = formatDigit(digit.value, label.value);
  });
  effect(() => {
    const presses = [];
    for (const { digit, y, lr, first } of steps.value) {
      if (first || !presses.length) presses.push([formatDigit(digit, y), lr, 0]);
      presses.at(-1)[2] += 1;
    }
    storedSteps.value = steps.value.length <= FEW && presses.length ? presses : null;
  });
}

/** The same steps from the same weights: the network is the one that the reader left. */
function repeatSteps([address, lr, count]) {
  const { digit, label } = parseAddress(String(address));
  if (!digit || !(lr > 0 && lr < 1) || !(count >= 1 && count <= FEW)) return;
  openWith(digit, label);
  learn(count, lr);
}

/** Show what an address holds behind its #. place: puts a digit on the pad, so that it can be taken back or not. */
function show(hash, place) {
  const { digit, label, settings, line } = parseAddress(hash);
  if (digit) place(digit, label);
  if (settings) {
    set(settings);
    goTo("learn");
  }
  const n = STAGES.findIndex((stage) => stage.line === line);
  if (n < 0) return goTo(hash.slice(1));
  go(n);
  goTo("inside");
  requestAnimationFrame(() => document.getElementById("stage").scrollIntoView({ block: "end" })); // below the picture
}

/** Put this part of an address behind the page's #, and copy the whole, where that is allowed. */
export function share(part) {
  history.replaceState(null, "", `#${part}`);
  return navigator.clipboard?.writeText(location.href) ?? Promise.reject();
}

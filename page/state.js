/* The state: all that a reader can change. actions.js changes it; passes.js and the other modules compute from it; what
   is shown follows by itself, because whoever reads a signal's value is called again when it changes. No array in here
   changes in place, but for those of the run in `learning`. */

import { signal } from "@preact/signals";

import { pageData, pretrained, tests } from "./page_data.js";

// --- The network -----------------------------------------------------------------------------------------------------

export const originalNetwork = signal(pretrained); // {params, pixels, run}: the network as it was before any step
export const params = signal(pretrained.params);
export const steps = signal([]); // every step taken: what it learned from, and what the network said before it
export const stepUndoStack = signal([]); // {params, steps}: before each of the last presses of a button
export const lr = signal(4); // in RATES

// --- The digit -------------------------------------------------------------------------------------------------------

// picked: which test image, or null for a drawing, which is `strokes` over `base`, the pixels of a test image, or null.
export const digit = signal({ picked: pageData.opens, base: null, strokes: [] });
export const label = signal(tests[pageData.opens].label); // the true digit, or null where nobody has said it
export const digitUndoStack = signal([]); // [digit, label]: what was on the pad before

export const hasOpened = signal(false); // what can wait until the page is there, waits for it

// --- What is looked at -----------------------------------------------------------------------------------------------

export const hoveredNumber = signal(null); // {name, at}: the number under the mouse
export const focusedNumber = signal(null); // the number that has the focus, or was tapped
export const lastUnit = signal(null); // the hidden unit that was pointed at last, of this digit
export const stage = signal(-1); // in STAGES (stages.js); -1: at rest
export const wireProgress = signal(1); // how far the wires have grown
export const isPlaying = signal(false);
export const isPrinting = signal(false); // while it is printed
export const isDark = signal(matchMedia("(prefers-color-scheme: dark)").matches);
export const view = signal("first"); // in VIEWS (views.js): which sections are shown
export const section = signal("opening"); // that the reader is in, by its id
export const inView = { opening: signal(true), learn: signal(false), start: signal(false), pad2: signal(false) }; // what is
export const announcement = signal(""); // to those who listen to the page

// --- Nudge one number ------------------------------------------------------------------------------------------------

export const nudgedNumber = signal(0); // in KINDS (nudge.jsx), or {name, at}: the number that the reader clicked on
export const nudge = signal(10); // of the slider
export const zoom = signal(0); // in ZOOMS

// --- Fool it ---------------------------------------------------------------------------------------------------------

export const limit = signal(6); // in LIMITS
export const adversarial = signal(null); // {digit, goal, pixels, rounds}: what has become of that digit

// --- Learn from nothing ------------------------------------------------------------------------------------------------

export const settings = signal({ lr: 4, batch: 2, hidden: 2, init: "geohot", seed: 1, mistakes: [] });
export const learning = signal(null); // {run, before: the run before it}; another object whenever the run has moved on
export const isTraining = signal(false);
export const isFollowingTraining = signal(false); // whether the picture of the network shows that run
export const gradientCheck = signal(null); // {step, batch, rows}: the gradient check

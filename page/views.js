/* The views of the page: one screen after the other, in one file. A section that is in none of them is in all. */

import { effect } from "@preact/signals";

import { view } from "./state.js";

/* The sections of each view, by their ids. "all" shows all of them, one below the other: to print, or to search. */
const VIEWS = {
  first: ["opening", "one-step"],
  why: ["inside", "backward"],
  fool: ["fool"],
  learn: ["learn", "own"],
};
const SECTIONS = Object.values(VIEWS).flat();

/** The view in which an element is, by the element's id; undefined if there is none of that id. */
export function viewOf(id) {
  const section = id && document.getElementById(id)?.closest("section[id]");
  return id === "all" ? id : Object.keys(VIEWS).find((name) => VIEWS[name].includes(section?.id));
}

/** Go to the part of the page with that id, in its view. */
export function goTo(id) {
  const name = viewOf(id);
  if (!name) return;
  if (view.value !== "all" || id === "opening") view.value = name; // all of it holds what is gone to
  if (id === "all" || id === "opening") scrollTo(0, 0);
  else document.getElementById(id).scrollIntoView();
}

export const showViews = () =>
  effect(() => {
    for (const id of SECTIONS) {
      document.getElementById(id).hidden = !(view.value === "all" || VIEWS[view.value].includes(id));
    }
    document.documentElement.dataset.view = view.value;
  });

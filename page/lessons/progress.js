/* The one navigation of the site: its pages in their order, and how much of what each asks for is written. */

import { effect } from "@preact/signals";
import { hasPassed, work } from "./work.js";

/** Keep the marks beside the links as they are: page/site.py has left the names of the exercises there. */
export function showProgress() {
  const links = [...document.querySelectorAll(".site [data-asks]")];
  effect(() => {
    for (const link of links) {
      const exerciseNames = link.dataset.asks.split(" "),
        passedCount = exerciseNames.filter((name) => hasPassed(work.value, { name })).length;
      const isDone = passedCount === exerciseNames.length;
      link.classList.toggle("done", isDone);
      link.querySelector("span").textContent = isDone
        ? " ✓"
        : passedCount
          ? ` ${passedCount}/${exerciseNames.length}`
          : "";
    }
  });
}

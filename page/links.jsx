/* What leads on: the way through the sections, and from each part of the page to the exercise that asks for it. */

import { effect } from "@preact/signals";

import { isOnSite } from "./page_data.js";
import { $ } from "./picture.js";
import { inView, section } from "./state.js";

/* The lessons to which the page leads: of docs/NAME.md, the title. */
const TITLES = { backprop: "Backpropagation", training: "Training", debugging: "My network does not learn" };

/** A link to an exercise; where there is no site around the page, its command. data-words: what it says. data-button: it is a
    button, and where it is none, the lesson that asks for it is named, data-lesson. */
export function Write({ exercise, words = "write it yourself", button, lesson = "backprop" }) {
  if (isOnSite) {
    return (
      <a class={button === undefined ? "" : "button"} href={`practise.html#${exercise}`}>
        {words}
      </a>
    );
  }
  return (
    <>
      {words}: <code class={button === undefined ? "" : "nowrap"}>python practice.py {exercise}</code>
      {button !== undefined && (
        <>
          {" "}
          (the lesson:{" "}
          <a href={`../docs/${lesson}.md`} target="_blank" rel="noopener">
            {TITLES[lesson]}
          </a>
          )
        </>
      )}
    </>
  );
}

/** See which section the reader is in, whether they are at the pad, and whether they learn from nothing; and there, whether
    its own button and pad are in the window. */
export function watchSections() {
  const links = [...$("sections").querySelectorAll("a")];
  for (const { hash } of links) {
    const observe = (entries) => entries.at(-1).isIntersecting && (section.value = hash.slice(1));
    new IntersectionObserver(observe, { rootMargin: "-40% 0px -60% 0px" }).observe($(hash.slice(1)));
  }
  for (const [id, rootMargin] of [
    ["learn", "-50% 0px -50% 0px"],
    ["opening", "0px"],
    ["start", "0px"],
    ["pad2", "0px"],
  ]) {
    const observe = (entries) => (inView[id].value = entries.at(-1).isIntersecting);
    new IntersectionObserver(observe, { rootMargin }).observe($(id));
  }
  effect(() => {
    for (const link of links) {
      const isHere = link.hash === `#${section.value}`;
      if (isHere) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
      if (isHere) $("sections").scrollLeft = link.offsetLeft - 40; // where they do not all fit
    }
  });
}

export const parts = { Write };

/* What every page of the site starts: the editors of a lesson, or the page with all exercises. */

import { Blocks } from "./blocks.js";
import { Exercise, judge } from "./exercise.js";
import { Practise } from "./practise.js";
import { Python } from "./python.js";

const { exercises, runtime } = await (await fetch("lessons.json")).json();
const python = new Python(runtime);
const byName = new Map(exercises.map((exercise) => [exercise.name, exercise]));

window.lessons = { python, byName, judge }; // for the tests
if (document.querySelector("#practise")) new Practise(exercises, python);
else {
  window.lessons.blocks = new Blocks(document.querySelectorAll(".block"), python);
  for (const place of document.querySelectorAll("[data-exercise]")) {
    const answer = place.nextElementSibling; // the fold
    const exercise = new Exercise(byName.get(place.dataset.exercise), python, () => (answer.open = true));
    place.replaceChildren(exercise.element);
  }
}
document.documentElement.dataset.ready = "";

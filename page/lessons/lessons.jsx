/* What every page of the site starts: the editors of a lesson, or the page with all exercises. */

import { render } from "preact";
import { tasks } from "./attempts.js";
import { Blocks } from "./blocks.jsx";
import { Boundary } from "./boundary.jsx";
import { Convolve } from "./convolve.jsx";
import { Exercise } from "./exercise.jsx";
import { fetchFile } from "./fetch.js";
import { askFirst } from "./guess.jsx";
import { judge } from "./judge.js";
import { Practise } from "./practise.jsx";
import { showProgress } from "./progress.js";
import { Python, workOffline } from "./python.js";
import { tryStorage, work } from "./work.js";
import { Write } from "./write.jsx";

tryStorage();
showProgress();
document.querySelector(".site [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" }); // on a phone

const introduction = document.querySelectorAll("main > h1, main > .lede");
const practise = document.querySelector("#practise");
document.querySelectorAll("[data-guess]").forEach(askFirst);
const WIDGETS = { write: Write, convolve: Convolve }; // {name: what stands where a lesson says <div data-widget="name"></div>}

/** Past the links of the site: to the editor of the exercise, or else to the text. */
document.querySelector(".skip").addEventListener("click", (event) => {
  if (!practise) return; // the link leads there
  event.preventDefault(); // what stands behind this page's # is an exercise
  (practise.querySelector(".cm-content") ?? practise.querySelector("h2")).focus();
});

async function start() {
  const address = `lessons.json?${document.documentElement.dataset.version}`;
  const { exercises, runtime, rules, size, weights } = await fetchFile(address, (response) => response.json());
  const python = new Python(runtime);
  const byName = new Map(exercises.map((exercise) => [exercise.name, exercise]));
  workOffline(python);
  window.lessons = { python, byName, judge, tasks }; // for the tests
  if (practise) {
    practise.replaceChildren();
    const introduce = () => {
      const isNew = !location.hash && !Object.keys(work.peek().files).length;
      introduction.forEach((part) => part.classList.toggle("unseen", !isNew));
    };
    introduce();
    addEventListener("hashchange", introduce);
    const page = <Practise {...{ exercises, python, rules, size }} />;
    render(<Boundary>{page}</Boundary>, practise);
    return;
  }
  window.lessons.blocks = new Blocks(document.querySelectorAll(".block"), python);
  for (const place of document.querySelectorAll("[data-widget]")) {
    const Widget = WIDGETS[place.dataset.widget];
    const widget = <Widget {...{ python, weights }} {...place.dataset} />;
    render(<Boundary>{widget}</Boundary>, place);
  }
  for (const place of document.querySelectorAll("[data-exercise]")) {
    const answer = place.nextElementSibling; // the fold
    const openAnswer = () => (answer.open = true);
    place.replaceChildren();
    const exercise = byName.get(place.dataset.exercise);
    const element = <Exercise {...{ exercise, python, size }} inLesson onPassed={openAnswer} />;
    render(<Boundary>{element}</Boundary>, place);
  }
}

start().then(
  () => (document.documentElement.dataset.ready = ""),
  (error) => {
    const message = document.createElement("p");
    message.textContent = `The exercises could not be loaded (${error.message}). Load this page again.`;
    (practise ?? document.querySelector("main")).prepend(message);
  },
);

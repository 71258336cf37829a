/* The page with all exercises: the list, the exercise that the address names, and the learner's folder as a file. */

import { element } from "./element.js";
import { Exercise } from "./exercise.js";
import * as kept from "./work.js";

export class Practise {
  constructor(place, exercises, python) {
    Object.assign(this, { exercises, python, list: place.querySelector("#list"), reviews: place.querySelector("#reviews"), place: place.querySelector("#at") });
    this.#list();
    addEventListener("hashchange", () => this.open(true));
    addEventListener("work", () => this.#show());
    addEventListener("storage", () => this.#show());
    place.querySelector("#download").addEventListener("click", () => this.download());
    place.querySelector("#upload").addEventListener("change", ({ target }) => this.upload(target));
    this.said = place.querySelector("#folder");
    this.open();
  }

  #list() {
    const chapters = Map.groupBy(this.exercises, ({ chapter }) => chapter);
    this.links = new Map();
    for (const [title, exercises] of chapters) {
      const items = exercises.map(({ name, title }) => {
        const done = element("span.done"), link = element("a", { href: `#${name}` }, title, " ", done);
        this.links.set(name, { link, done });
        return element("li", {}, link);
      });
      const list = element("ol", { start: this.exercises.indexOf(exercises[0]) + 1 }, ...items);
      this.list.append(element("details", { name: "chapter" }, element("summary", {}, title), list));
    }
  }

  get current() {
    const named = location.hash.slice(1).replace("review/", "") || kept.read().progress.current;
    return this.#named(named) ?? this.exercises[0];
  }

  open(focus = false) {
    const exercise = this.current, next = this.exercises[this.exercises.indexOf(exercise) + 1];
    const more = next ? [element("a.button", { href: `#${next.name}` }, "Next")] : [];
    this.exercise = new Exercise(exercise, this.python, () => {}, more);
    this.place.replaceChildren(this.exercise.element);
    if (location.hash.startsWith("#review/") && this.exercise.editor) this.exercise.review();
    this.links.get(exercise.name).link.closest("details").open = true;
    if (focus) this.exercise.title.focus();
    kept.change(({ progress }) => (progress.current = exercise.name));
    if (Object.keys(kept.read().progress.passed).length) this.#due().catch(() => {}); // Mark says what failed
  }

  /** What is due for review: links that open the stub again. */
  async #due() {
    const { names } = await this.python.ask("due", {}, kept.folder(kept.read()));
    const links = names.map((name) => element("li", {}, element("a", { href: `#review/${name}` }, this.#named(name).title)));
    this.reviews.replaceChildren(...(links.length ? [element("h3", {}, "Write again, from memory"), element("ul", {}, ...links)] : []));
  }

  #named(name) {
    return this.exercises.find((exercise) => exercise.name === name);
  }

  /** What is done. */
  #show() {
    const work = kept.read();
    let passed = 0;
    for (const exercise of this.exercises) {
      const { link, done } = this.links.get(exercise.name), word = kept.done(work, exercise);
      passed += word === "passed";
      done.textContent = word;
      link.classList.toggle("passed", word === "passed");
      link.ariaCurrent = exercise === this.exercise.exercise ? "page" : null;
    }
    document.querySelector("#score").textContent = `${passed} of ${this.exercises.length} passed`;
  }

  async download() {
    const { files } = await this.#ask("pack", {}, kept.folder(kept.read()));
    if (!files) return;
    const address = URL.createObjectURL(new Blob([files["my_practice.zip"]], { type: "application/zip" }));
    element("a", { href: address, download: "my_practice.zip" }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
    this.said.textContent = "";
  }

  async upload(input) {
    const content = new Uint8Array(await input.files[0].arrayBuffer());
    const found = await this.#ask("unpack", {}, { "my_practice.zip": content });
    input.value = "";
    if (!found.work) return;
    const { files, passed, progress } = found.work;
    kept.change((work) => {
      for (const [name, text] of Object.entries(files)) kept.replace(work, name, text);
      Object.assign(work.passed, passed);
      kept.add(work.progress, progress);
    });
    this.said.textContent = `Exercises opened: ${Object.keys(files).length}.`;
    this.open();
  }

  async #ask(call, request, files) {
    this.said.textContent = "One moment …";
    try {
      return await this.python.ask(call, request, files);
    } catch (error) {
      this.said.textContent = `It did not work. ${this.python.explain(error)}`;
      return {};
    }
  }
}

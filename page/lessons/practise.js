/* The page with all exercises: the list, the exercise that the address names, and the learner's folder as a file. */

import { element } from "./element.js";
import { Exercise } from "./exercise.js";
import * as kept from "./work.js";

const $ = (id) => document.getElementById(id);

export class Practise {
  constructor(exercises, python) {
    Object.assign(this, { exercises, python, links: new Map() });
    this.#list();
    addEventListener("hashchange", () => this.open(true));
    for (const type of ["work", "storage"]) addEventListener(type, () => this.#show());
    $("download").addEventListener("click", () => this.download());
    $("upload").addEventListener("change", ({ target }) => this.upload(target));
    $("afresh").addEventListener("click", () => this.startAfresh());
    this.open();
  }

  #list() {
    for (const [title, exercises] of Map.groupBy(this.exercises, ({ chapter }) => chapter)) {
      const items = exercises.map(({ name, title }) => {
        const done = element("span.done"),
          link = element("a", { href: `#${name}` }, title, " ", done);
        this.links.set(name, { link, done });
        return element("li", {}, link);
      });
      const list = element("ol", { start: this.exercises.indexOf(exercises[0]) + 1 }, ...items);
      $("list").append(element("details", { name: "chapter" }, element("summary", {}, title), list));
    }
  }

  #named(name) {
    return this.exercises.find((exercise) => exercise.name === name);
  }

  open(focus = false) {
    const named = location.hash.slice(1).replace("review/", "") || kept.read().progress.current;
    const exercise = this.#named(named) ?? this.exercises[0],
      next = this.exercises[this.exercises.indexOf(exercise) + 1];
    this.next = next && element("a.button", { href: `#${next.name}` }, "Next");
    this.exercise = new Exercise(exercise, this.python, () => {}, [this.next ?? ""]);
    $("at").replaceChildren(this.exercise.element);
    if (location.hash.startsWith("#review/") && this.exercise.editor) this.exercise.review();
    this.links.get(exercise.name).link.closest("details").open = true;
    if (focus) this.exercise.title.focus();
    kept.change(({ progress }) => (progress.current = exercise.name));
  }

  /** What is done, here and in the terminal, and what is due for review: links that open the stub again. */
  #show() {
    const work = kept.read(),
      done = new Map(this.exercises.map((exercise) => [exercise, kept.done(work, exercise)]));
    for (const [exercise, word] of done) {
      const entry = this.links.get(exercise.name);
      entry.done.textContent = word;
      entry.link.classList.toggle("passed", word === "passed");
      entry.link.ariaCurrent = exercise === this.exercise.exercise ? "page" : null;
    }
    this.next?.classList.toggle("primary", this.exercise.passed);
    const [here, there] = [false, true].map((terminal) =>
      this.exercises.filter((exercise) => Boolean(exercise.terminal) === terminal),
    );
    const passed = (some) => `${some.filter((exercise) => done.get(exercise) === "passed").length} of ${some.length}`;
    const due = kept
      .due(work)
      .map((name) => this.#named(name))
      .filter(Boolean);
    const reviews = due.map(({ name, title }) => element("li", {}, element("a", { href: `#review/${name}` }, title)));
    $("reviews").replaceChildren(
      ...(reviews.length ? [element("h3", {}, "Write again, from memory"), element("ul", {}, ...reviews)] : []),
    );
    $("score").textContent = `${passed(here)} passed, and in the terminal ${passed(there)}`;
  }

  async download() {
    const { files } = await this.#ask("pack", {}, kept.folder(kept.read()));
    if (!files) return;
    const name = prompt("Your name, for the name of the file:");
    if (name === null) return;
    const address = URL.createObjectURL(new Blob([files["my_practice.zip"]], { type: "application/zip" }));
    element("a", { href: address, download: `${name || "my_practice"}.zip` }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  }

  async upload(input) {
    const content = new Uint8Array(await input.files[0].arrayBuffer());
    const { work: found } = await this.#ask("unpack", {}, { "my_practice.zip": content });
    input.value = "";
    if (!found) return;
    kept.change((work) => {
      for (const [name, text] of Object.entries(found.files)) kept.replace(work, name, text);
      Object.assign(work.passed, found.passed);
      kept.add(work.progress, found.progress);
    });
    $("folder").textContent = `Exercises opened: ${Object.keys(found.files).length}.`;
    this.open();
  }

  /** For the next learner at this machine. */
  startAfresh() {
    if (!confirm("Delete all your work from this browser? What you have not downloaded is lost.")) return;
    kept.change((work) => Object.assign(work, kept.nothing()));
    history.replaceState(null, "", location.pathname);
    this.open(true);
  }

  async #ask(call, request, files) {
    $("folder").textContent = "One moment …";
    try {
      const answer = await this.python.ask(call, request, files);
      $("folder").textContent = "";
      return answer;
    } catch (error) {
      $("folder").textContent = `It did not work. ${this.python.explain(error)}`;
      return {};
    }
  }
}

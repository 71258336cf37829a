/* One exercise: what it asks, an editor, and what practice.py does with it: mark, hint, solution, reset. */

import { editor } from "./editor.js";
import { element, paragraphs } from "./element.js";
import { isSupported } from "./python.js";
import * as kept from "./work.js";

const DOCSTRING = /^""".*?"""\n+/s; // stands above the editor as text

/** What page/desk.py says of a file, as the terminal would for this seed. */
export async function judge(python, { name, seconds }, text, seed, again = false) {
  const file = { [`${name}.py`]: text };
  const argv = [name, `/work/${name}.py`, String(seed), "/tmp/result.json", String(seconds), "3"];
  const { status, stuck, files } = await python.run({ call: "run", argv, files: file }, seconds);
  const work = { ...kept.folder(kept.read()), ...file };
  if (files?.["result.json"]) work["result.json"] = files["result.json"];
  return python.ask("mark", { name, seed, status, stuck, again }, work);
}

export class Exercise {
  constructor(exercise, python, onPassed = () => {}, more = []) {
    Object.assign(this, { exercise, python, onPassed });
    const { name, title, which, text, terminal, stub } = exercise;
    this.title = element("h2", { tabindex: -1 }, title);
    this.element = element("section.exercise", { "aria-label": title, id: `exercise-${name}` },
      element("p.note", {}, which), this.title); // prettier-ignore
    const about = element("div.about");
    about.innerHTML = text; // made by the build
    this.element.append(about);
    const why = terminal || (isSupported() ? "" : TOO_OLD);
    if (why) {
      const commands = element("pre", { tabindex: 0 }, `python practice.py ${name}`);
      this.element.append(element("p.terminal", {}, why), commands, element("div.row", {}, ...more));
      return;
    }
    const file = kept.read().files[name] ?? stub;
    this.head = DOCSTRING.exec(file)?.[0] ?? "";
    this.editor = editor({
      text: file.slice(this.head.length).trimEnd(),
      label: `${name}.py`,
      before: this.head.split("\n").length - 1,
      onChange: () => this.#save(this.file),
      onKeys: { "Mod-Enter": () => this.mark() },
    });
    this.verdict = element("div.verdict", { role: "status" });
    this.help = element("div.help");
    const button = (label, call, name = "button") => element(name, { type: "button", onclick: () => call() }, label);
    this.marker = button("Mark", () => this.mark(), "button.primary");
    this.marker.title = "Ctrl+Enter";
    this.hinter = button("Hint", () => this.hint());
    this.solver = button("Solution", () => this.solution());
    const runner = exercise.program ? button("Run", () => this.run()) : null;
    const reset = button("Reset", () => this.reset());
    const row = element("div.row", {}, this.marker, runner, this.hinter, this.solver, reset, ...more);
    this.element.append(this.editor.element, row, this.verdict, this.help);
    this.#offer();
  }

  get file() {
    return `${this.head}${this.editor.text}\n`;
  }

  #save(text) {
    if (this.again) return; // the file that passed stays as it is
    kept.change((work) => (work.files[this.exercise.name] = text));
    this.#offer();
  }

  /** The stub, to be written again from memory. */
  review() {
    this.again = true;
    this.#stub();
    this.help.replaceChildren();
    this.#say("");
    this.editor.focus();
  }

  #stub() {
    const { stub } = this.exercise;
    this.head = DOCSTRING.exec(stub)[0];
    this.editor.text = stub.slice(this.head.length).trimEnd();
  }

  /** A hint while there is one; the solution to those who have passed, or have seen all hints. */
  #offer() {
    const { name, hints } = this.exercise, work = kept.read();
    const shown = work.progress.hints[name] ?? 0;
    this.hinter.textContent = shown ? `Hint (${Math.min(shown + 1, hints.length)} of ${hints.length})` : "Hint";
    this.hinter.disabled = this.shown === hints.length;
    this.solver.disabled = shown < hints.length && !["passed", "seen"].includes(kept.done(work, this.exercise));
  }

  async mark() {
    if (this.marker.disabled) return;
    this.marker.disabled = true;
    this.#save(this.file);
    try {
      await this.#started();
      this.#say("Marking …");
      this.#tell(await judge(this.python, this.exercise, this.file, Math.floor(Math.random() * 1e6), this.again));
    } catch (error) {
      this.#failed(error);
    } finally {
      this.marker.disabled = false;
      this.#offer();
    }
  }

  #tell({ passed, said, printed, progress }) {
    const { name } = this.exercise, file = this.file;
    kept.change((work) => {
      Object.assign(work.progress, progress);
      if (passed && !this.again) work.passed[name] = file;
    });
    this.verdict.className = `verdict ${passed ? "right" : "wrong"}`;
    const output = printed.trim() ? [element("p.note", {}, "Your code printed:"), element("pre", {}, printed)] : [];
    this.verdict.replaceChildren(...output, ...said.flatMap(paragraphs));
    if (passed) this.onPassed();
  }

  /** Run the file as a program. */
  async run() {
    try {
      await this.#started();
      this.#say("Running …");
      const { printed, error } = await this.python.session([this.file], 60);
      this.verdict.replaceChildren(element("pre", { tabindex: 0 }, printed || " "), ...paragraphs(error ?? ""));
    } catch (error) {
      this.#failed(error);
    }
  }

  #say(...what) {
    this.verdict.className = "verdict";
    this.verdict.replaceChildren(element("p", {}, ...what));
  }

  /** Wait for Python; a bar shows the download. */
  async #started() {
    const bar = element("progress", { max: 1, "aria-label": "download" });
    this.python.onProgress = (part) => (bar.value = part);
    if (!this.python.ready) this.#say("Python is on its way. (It stays in this browser.) ", bar);
    await this.python.start();
  }

  #failed(error) {
    const again = element("button", { type: "button", onclick: () => this.mark() }, "Try again");
    this.#say(`Python could not be loaded (${error.message}). `, again);
  }

  hint() {
    const { name, hints } = this.exercise;
    this.shown = Math.min((this.shown ?? 0) + 1, hints.length);
    kept.change(({ progress }) => (progress.hints[name] = Math.max(progress.hints[name] ?? 0, this.shown)));
    const list = hints.slice(0, this.shown).map((html) => Object.assign(element("li"), { innerHTML: html }));
    this.help.replaceChildren(element("h3", {}, "Hints"), element("ol", {}, ...list));
    this.#offer();
  }

  solution() {
    const { name, solution } = this.exercise;
    if (kept.done(kept.read(), this.exercise) !== "passed") kept.change(({ progress }) => (progress.seen[name] = true));
    const shown = Object.assign(element("div"), { innerHTML: solution });
    this.help.replaceChildren(element("h3", {}, "Solution"), shown);
    this.#offer();
  }

  /** The stub again. What was there is kept beside it, under a number. */
  reset() {
    const { name, stub } = this.exercise;
    kept.change(({ files }) => {
      let i = 1;
      while (`${name}.${i}` in files) i++;
      if (files[name] && files[name] !== stub) files[`${name}.${i}`] = files[name];
    });
    this.#stub();
    this.#say("");
    this.help.replaceChildren();
  }
}

const TOO_OLD =
  "This browser cannot run Python: it takes Chrome or Edge 137, Firefox 131 or Safari 18.4, or a later one. In a terminal:";

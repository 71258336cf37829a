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
    const about = Object.assign(element("div.about"), { innerHTML: text }); // made by the build
    const attributes = { "aria-label": title, id: `exercise-${name}` };
    this.element = element("section.exercise", attributes, element("p.note", {}, which), this.title, about);
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
      onEnter: () => this.mark(),
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
    const start = () => python.start().catch(() => {}); // Mark tries again, and says what failed
    this.editor.element.addEventListener("focusin", start, { once: true });
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
    this.editor.focus();
  }

  #stub() {
    const { stub } = this.exercise;
    this.head = DOCSTRING.exec(stub)[0];
    this.editor.text = stub.slice(this.head.length).trimEnd();
    this.help.replaceChildren();
    this.#say("");
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
    const { file } = this; // as it is now, not when it has been marked
    this.#save(file);
    await this.#attempt(() => this.mark(), "Marking …", async () => {
      this.#tell(file, await judge(this.python, this.exercise, file, Math.floor(Math.random() * 1e6), this.again));
    });
    this.marker.disabled = false;
    this.#offer();
  }

  #tell(file, { passed, said, printed, progress }) {
    kept.change((work) => {
      kept.add(work.progress, progress);
      if (passed && !this.again) work.passed[this.exercise.name] = file;
    });
    this.verdict.className = `verdict ${passed ? "right" : "wrong"}`;
    const output = printed.trim() ? [element("p.note", {}, "Your code printed:"), element("pre", {}, printed)] : [];
    this.verdict.replaceChildren(...output, ...said.flatMap(paragraphs));
    if (passed) this.onPassed();
  }

  /** Run the file as a program. */
  run() {
    return this.#attempt(() => this.run(), "Running …", async () => {
      const { printed, error } = await this.python.session([this.file], 60);
      this.verdict.replaceChildren(element("pre", { tabindex: 0 }, printed || " "), ...paragraphs(error ?? ""));
    });
  }

  /** Wait for Python, whose download a bar shows, and do it. If that fails, say why; a button repeats all. */
  async #attempt(repeat, saying, doing) {
    const bar = element("progress", { max: 1, "aria-label": "download" });
    this.python.onProgress = (part) => (bar.value = part);
    if (!this.python.ready) this.#say("Python is on its way. (It stays in this browser.) ", bar);
    try {
      await this.python.start();
      this.#say(saying);
      await doing();
    } catch (error) {
      const again = element("button", { type: "button", onclick: repeat }, "Try again");
      this.#say(this.python.explain(error), " ", again);
    }
  }

  #say(...what) {
    this.verdict.className = "verdict";
    this.verdict.replaceChildren(element("p", {}, ...what));
  }

  hint() {
    const { name, hints } = this.exercise;
    this.shown = Math.min((kept.read().progress.hints[name] ?? 0) + 1, hints.length);
    kept.change(({ progress }) => (progress.hints[name] = this.shown));
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
    if (!this.again) kept.change((work) => kept.replace(work, name, stub));
    this.#stub();
  }
}

const TOO_OLD =
  "This browser cannot run Python: it takes Chrome or Edge 137, Firefox 131 or Safari 18.4, or a later one. In a terminal:";

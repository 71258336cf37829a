/* One exercise: what it asks, an editor, and what practice.py does with it: mark, hint, solution, reset. */

import { editor } from "./editor.js";
import { element, paragraphs } from "./element.js";
import { isSupported } from "./python.js";
import * as kept from "./work.js";

const html = (name, made) => Object.assign(element(name), { innerHTML: made }); // by the build
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
  /** onPassed is called whenever it passes; `more` stands behind its buttons. */
  constructor(exercise, python, onPassed = () => {}, more = []) {
    Object.assign(this, { exercise, python, onPassed });
    const { name, title, which, text, terminal, stub } = exercise;
    const button = (label, act) => element("button", { type: "button", onclick: act }, label);
    this.title = element("h2", { tabindex: -1 }, title);
    this.element = element(
      "section.exercise",
      { "aria-label": title, id: `exercise-${name}` },
      element("p.note", {}, which),
      this.title,
      html("div.about", text),
    );
    const why = terminal || (isSupported() ? "" : TOO_OLD);
    if (why) {
      const command = element("pre", { tabindex: 0 }, `python practice.py ${name}`);
      this.element.append(element("p.terminal", {}, why), command, element("div.row", {}, ...more));
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
    this.marker = button("Mark", () => this.mark());
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

  get passed() {
    return !this.again && kept.done(kept.read(), this.exercise) === "passed";
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
    this.#offer();
    this.editor.focus();
  }

  #stub() {
    const { stub } = this.exercise;
    this.head = DOCSTRING.exec(stub)[0];
    this.editor.text = stub.slice(this.head.length).trimEnd();
    this.help.replaceChildren();
    this.#say("");
  }

  /** A hint while there is one; the solution to those who have passed, or have seen all hints. What to press first. */
  #offer() {
    const { name, hints } = this.exercise,
      work = kept.read();
    const shown = work.progress.hints[name] ?? 0;
    this.hinter.textContent = shown ? `Hint (${Math.min(shown + 1, hints.length)} of ${hints.length})` : "Hint";
    this.hinter.disabled = this.shown === hints.length;
    this.solver.disabled = shown < hints.length && !["passed", "seen"].includes(kept.done(work, this.exercise));
    this.marker.classList.toggle("primary", !this.passed);
  }

  async mark() {
    if (this.marker.disabled) return;
    this.marker.disabled = true;
    const { file } = this; // as it is now, not when it has been marked
    this.#save(file);
    await this.#attempt(
      () => this.mark(),
      async () => {
        this.#tell(file, await judge(this.python, this.exercise, file, Math.floor(Math.random() * 1e6), this.again));
      },
    );
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
    return this.#attempt(
      () => this.run(),
      async () => {
        const { printed, error } = await this.python.session([this.file], 60);
        this.verdict.replaceChildren(element("pre", { tabindex: 0 }, printed || " "), ...paragraphs(error ?? ""));
      },
    );
  }

  /** Wait for Python, and do it. If that fails, say why; a button repeats all. */
  async #attempt(repeat, act) {
    if (!this.python.ready) this.#say(this.python.wait());
    try {
      await this.python.start();
      this.#say("Running …");
      await act();
    } catch (error) {
      this.#say(this.python.explain(error), " ", element("button", { type: "button", onclick: repeat }, "Try again"));
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
    const items = hints.slice(0, this.shown).map((hint) => html("li", hint));
    this.help.replaceChildren(element("h3", {}, "Hints"), element("ol", {}, ...items));
    this.#offer();
  }

  solution() {
    const { name, solution } = this.exercise;
    if (kept.done(kept.read(), this.exercise) !== "passed") kept.change(({ progress }) => (progress.seen[name] = true));
    this.help.replaceChildren(element("h3", {}, "Solution"), html("div", solution));
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

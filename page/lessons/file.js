/* The file of an exercise in the learner's folder, and the part of it that a page shows and changes: the editor shows all but
   the docstring, the first screen shows the lines of the one function. */

import { change, replace, work, write } from "./work.js";

const DOCSTRING = /^""".*?"""\n+/s;
const FUNCTION = /^(.*?\ndef .*?:\n {4}""".*?"""\n)(.*?)(\n {4}return [^\n]*\s*)$/s;

/** Split a file below its docstring, which a page shows as text: {above, body, below}. previous: how it was split before, so
    that blank lines below the docstring stay in the body. */
export function splitBelowDocstring(text, previous) {
  const isSame = previous?.above && text.startsWith(previous.above);
  const above = isSame ? previous.above : (DOCSTRING.exec(text)?.[0] ?? "");
  return { above, body: text.slice(above.length).trimEnd(), below: "\n" };
}

/** Split a file of one function around its lines, which lose their indent; null if the file has another form. */
export function splitAroundLines(text) {
  const match = FUNCTION.exec(text);
  if (!match) return null;
  const [, above, lines, below] = match;
  return { above, body: lines.replace(/^ {4}/gm, ""), below, indent: "    " };
}

export class ExerciseFile {
  #parts = null;

  /** split: returns the parts of a text. again: it is the file of a review. */
  constructor({ name, stub }, { split = splitBelowDocstring, again = false } = {}) {
    Object.assign(this, { name, stub, split, again });
  }

  /** What the file holds; what is handed out, as long as nothing is written. */
  get text() {
    const texts = this.again ? work.value.reviews : work.value.files;
    return texts[this.name] ?? this.stub;
  }

  get parts() {
    this.#parts = this.split(this.text, this.#parts);
    return this.#parts;
  }

  /** What a page shows of it; null if the file has no such part. */
  get body() {
    return this.parts?.body ?? null;
  }

  write(text) {
    const { name } = this;
    if (this.again) change(({ reviews }) => (reviews[name] = text));
    else write(name, text);
  }

  writeBody(body) {
    const { above, below, indent = "" } = this.parts;
    this.write(above + body.replace(/^(?=.)/gm, indent) + below);
  }

  reset() {
    const { name, stub } = this;
    if (this.again) change(({ reviews }) => delete reviews[name]);
    else change((next) => replace(next, name, stub));
  }
}

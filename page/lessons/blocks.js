/* The Python blocks of a lesson. They are one session: a block runs after all those above it, as they are now. */

import { editor } from "./editor.js";
import { element, paragraphs } from "./element.js";
import { isSupported } from "./python.js";

export class Blocks {
  constructor(places, python) {
    if (!isSupported()) return; // they stay text
    this.python = python;
    this.blocks = [...places].map((place, i) => this.#block(place, i));
  }

  #block(place, i) {
    const text = place.querySelector("code").textContent.trimEnd();
    const printed = place.nextElementSibling?.matches(".printed") ? place.nextElementSibling : null;
    const edited = editor({ text, label: `Python, block ${i + 1}`, onEnter: () => this.run(i) });
    const output = element("div", { role: "status" }, printed);
    const run = element("button", { type: "button", onclick: () => this.run(i), title: "Ctrl+Enter" }, "Run");
    place.replaceChildren(edited.element, run);
    place.after(output);
    return { edited, output, run };
  }

  async run(i) {
    const { output, run } = this.blocks[i];
    run.disabled = true;
    if (!this.python.ready) output.replaceChildren(this.python.wait());
    try {
      const blocks = this.blocks.slice(0, i + 1).map(({ edited }) => edited.text);
      const { printed, error } = await this.python.session(blocks, 20);
      output.replaceChildren(
        element("pre.printed", { tabindex: 0 }, element("code", {}, printed)),
        ...paragraphs(error ?? ""),
      );
    } catch (error) {
      output.replaceChildren(element("p", {}, this.python.explain(error)));
    } finally {
      run.disabled = false;
    }
  }
}

/* The Python blocks of a lesson. They are one session: a block runs after all those above it, as they are now. */

import { signal } from "@preact/signals";
import { render } from "preact";
import { Editor } from "./editor.jsx";
import { isSupported } from "./python.js";
import { Html, Printed, Said, Waiting } from "./show.jsx";

const SECONDS = 20;

export class Blocks {
  constructor(places, python) {
    this.python = python;
    this.blocks = isSupported() ? [...places].map((place, i) => this.#block(place, i)) : []; // else they stay text
  }

  #block(place, i) {
    const printed = place.nextElementSibling?.matches(".printed") ? place.nextElementSibling : null;
    const block = {
      text: signal(place.querySelector("code").textContent.trimEnd()),
      output: signal(printed && <Html as="pre" class="printed" tabIndex={0} made={printed.innerHTML} />),
      isBusy: signal(false),
      python: this.python.forOne(),
    };
    printed?.remove();
    render(<Block block={block} label={`Python, block ${i + 1}`} onRun={() => this.run(i)} />, place);
    return block;
  }

  async run(i) {
    const { output, isBusy, python } = this.blocks[i];
    if (isBusy.value) return;
    isBusy.value = true;
    output.value = <Waiting python={python} />;
    try {
      const blocks = this.blocks.slice(0, i + 1).map(({ text }) => text.value);
      const { printed, error } = await python.session(blocks, SECONDS);
      output.value = (
        <>
          {(printed || !error) && <Printed text={printed} />}
          <Said text={error ?? ""} />
        </>
      );
    } catch (error) {
      output.value = <p>{python.explain(error)}</p>;
    }
    isBusy.value = false;
  }
}

const Block = ({ block: { text, output, isBusy }, label, onRun }) => (
  <>
    <Editor text={text} label={label} onChange={(now) => (text.value = now)} onEnter={onRun} does="runs it" />
    <button type="button" aria-disabled={isBusy.value} onClick={onRun}>
      Run
    </button>
    <div role="status">{output.value}</div>
  </>
);

/* The Python blocks of a lesson. They are one session: a block runs after all those above it, as they are now. */

import { signal } from "@preact/signals";
import { render } from "preact";
import { Editor } from "./editor.jsx";
import { isSupported } from "./python.js";
import { Html, Message, Outcome, ProgramOutput } from "./show.jsx";
import { Task } from "./task.js";

const SECONDS = 20;

export class Blocks {
  constructor(places, python) {
    this.python = python;
    this.blocks = isSupported() ? [...places].map((place, i) => this.#block(place, i)) : []; // else they stay text
  }

  #block(place, i) {
    const printedElement = place.nextElementSibling?.matches(".printed") ? place.nextElementSibling : null;
    const block = {
      text: signal(place.querySelector("code").textContent.trimEnd()),
      task: new Task(this.python, `block ${i + 1}`),
    };
    if (printedElement) block.task.result.value = { lesson: printedElement.innerHTML };
    printedElement?.remove();
    place.replaceChildren(); // the editor stands in its place
    render(<Block block={block} label={`Python, block ${i + 1}`} onRun={() => this.run(i)} />, place);
    return block;
  }

  run(i) {
    return this.blocks[i].task.attempt((python) => {
      const blocks = this.blocks.slice(0, i + 1).map(({ text }) => text.value);
      return python.session(blocks, SECONDS);
    });
  }
}

/** What the last run has printed, or what the lesson says that it prints. */
const BlockOutput = ({ lesson, printed, error }) =>
  lesson ? (
    <Html as="pre" class="printed" tabIndex={0} made={lesson} />
  ) : (
    <>
      {(printed || !error) && <ProgramOutput text={printed} />}
      <Message text={error ?? ""} />
    </>
  );

const Block = ({ block: { text, task }, label, onRun }) => (
  <>
    <Editor
      text={text}
      label={label}
      onChange={(newText) => (text.value = newText)}
      onEnter={onRun}
      does="runs it"
      verb="Run"
    />
    <button type="button" aria-disabled={task.isBusy.value} onClick={onRun}>
      Run
    </button>
    <div role="status">
      <Outcome task={task}>{(result) => <BlockOutput {...result} />}</Outcome>
    </div>
  </>
);

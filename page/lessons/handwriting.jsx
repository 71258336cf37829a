/* The network from a blank file: the learner's own `train` and `read`, and a pad to draw on. */

import { signal, useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { context, drawOn, drawPen, followKeys, followPen, readDrawing, SIDE } from "../pen.js";
import { a, count } from "../words.js";
import { Message, Outcome, useFocusBack } from "./show.jsx";
import { storedSignal } from "./storage.js";
import { Task } from "./task.js";
import { bytesOf, OpenInPage } from "./transfer.jsx";

const SECONDS = 60;

/** The network of an exercise: it goes on learning while the reader does something else. */
class OwnNetwork {
  #unread = null; // the newest drawing, until it is read
  #drawing; // what was drawn, kept

  constructor(name, python, { tests }) {
    this.name = name;
    this.tests = tests;
    this.learned = storedSignal(`${name} learned`, ({ text, weights }) => text && weights); // {text: the file, weights: in base64}
    this.#drawing = storedSignal(`${name} drawing`, Array.isArray);
    this.strokes = signal(this.#drawing.peek() ?? []); // what is drawn
    const storedResult = storedSignal(`${name} said`, ({ words }) => words);
    this.learning = new Task(python, "the training of your own network", false, storedResult);
    this.reading = new Task(python, "the reading of your drawing", false, storedSignal(`${name} read`));
  }

  async learn(text) {
    await this.learning.attempt(async (python) => {
      const answer = await python.ask(
        "train_learner_network",
        { name: this.name },
        { [`${this.name}.py`]: text },
        SECONDS,
      );
      const { claimed, right, network, proof, weights } = answer;
      this.learned.value = { text, weights };
      this.reading.result.value = null; // the network before said that
      const tests = `Its accuracy on ${count(this.tests)} test images, written by other people, is ${right.toFixed(2)}.`;
      return { words: `It claims ${claimed.toFixed(2)}. ${tests}`, network, proof };
    });
    this.#read();
  }

  /** What is drawn while it learns, or reads, is read then. */
  #read() {
    if (this.learning.isBusy.value || !this.#unread) return;
    this.reading.attempt(async (python) => {
      const { text, weights } = this.learned.value,
        files = { [`${this.name}.py`]: text, "own.npz": bytesOf(weights) };
      let answer;
      while (this.#unread) {
        const pixels = [...this.#unread];
        this.#unread = null;
        answer = await python.ask("predict_digit", { name: this.name, pixels }, files);
      }
      return this.strokes.value.length ? `Your network reads ${a(answer.digit)}.` : null;
    });
  }

  drawn() {
    this.#drawing.value = this.strokes.value;
    this.#unread = readDrawing({ base: null, strokes: this.strokes.value });
    this.#read();
  }

  clear() {
    this.strokes.value = [];
    this.#drawing.value = null;
    this.#unread = this.reading.result.value = null;
  }
}

const networks = new Map();

/** size: of a training. file: the learner's, an ExerciseFile. */
export function Handwriting({ exercise: { name }, python, size, file }) {
  if (!networks.has(name)) networks.set(name, new OwnNetwork(name, python, size));
  const ownNetwork = networks.get(name),
    { learning, reading, learned } = ownNetwork,
    button = useFocusBack(learning.isBusy);
  return (
    <div class="handwriting">
      <h3>Your handwriting</h3>
      <div class="row">
        <button
          ref={button}
          type="button"
          aria-disabled={learning.isBusy.value}
          onClick={() => ownNetwork.learn(file.text)}
        >
          Train it on all {count(size.images)} images
        </button>
      </div>
      <div role="status">
        <Outcome task={learning}>{(result) => <TrainingResult {...result} />}</Outcome>
      </div>
      {learned.value && (
        <>
          <Pad strokes={ownNetwork.strokes} onDrawn={() => ownNetwork.drawn()} />
          <div class="row">
            <button type="button" class="clear" onClick={() => ownNetwork.clear()}>
              Clear
            </button>
          </div>
          <div role="status">
            <Outcome task={reading}>{(words) => <Message text={words} />}</Outcome>
          </div>
        </>
      )}
    </div>
  );
}

/** What has been learned, what can be proven of it, and the way into the page, where there is one. */
function TrainingResult({ words, network, proof }) {
  const failed = useSignal("");
  return (
    <>
      <Message text={`${words} Draw a digit.\n${proof}`} />
      {network && (
        <div class="row">
          <OpenInPage network={network} failed={failed} />
        </div>
      )}
      <p>{failed.value}</p>
    </>
  );
}

/** strokes: a signal, what is drawn. */
function Pad({ strokes, onDrawn }) {
  const canvas = useRef(),
    call = useRef(),
    pen = useSignal(null); // of the keys
  call.current = onDrawn;
  useEffect(() => {
    const handlers = {
      begin: (point) => (strokes.value = [...strokes.value, [point]]),
      extend: (points) => {
        const [lastStroke = [], ...earlierStrokes] = strokes.value.toReversed(); // it may have been cleared meanwhile
        strokes.value = [...earlierStrokes.reverse(), [...lastStroke, ...points]];
      },
      end: () => call.current(),
      cancel: () => (strokes.value = strokes.value.slice(0, -1)),
    };
    followPen(canvas.current, handlers);
    followKeys(canvas.current, pen, handlers);
  }, []);
  useSignalEffect(() => {
    const ink = context(canvas.current);
    drawOn(ink, null, strokes.value);
    if (pen.value) drawPen(ink, pen.value);
  });
  return (
    <canvas
      ref={canvas}
      class="pad"
      width={SIDE}
      height={SIDE}
      role="img"
      aria-label="a pad: draw a digit with a pen, a finger or the mouse; or with the arrow keys, and the space bar, which sets the pen down and lifts it"
    />
  );
}

/* The network from a blank file: the learner's own `train` and `read`, and a pad to draw on. */

import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { context, drawOn, followPen, read, SIDE } from "../pen.js";
import { a } from "../words.js";
import { Said, Told, useFocusBack } from "./show.jsx";
import { Task } from "./task.js";

const SECONDS = 60;

/** file: a signal, the text of the learner's file. */
export function Handwriting({ exercise: { name }, python, file }) {
  const [learning, reading] = useMemo(
    () => ["the training of your own network", "the reading of your drawing"].map((what) => new Task(python, what)),
    [python],
  );
  const strokes = useSignal([]),
    learned = useSignal(null), // {text: the file, weights: bytes}
    unread = useRef(null), // the newest drawing, until it is read
    button = useFocusBack(learning.isBusy);
  useEffect(() => () => [learning, reading].forEach(({ python }) => python.stop()), [learning, reading]);

  const learn = () =>
    learning
      .attempt(async (python) => {
        const text = file.peek();
        const answer = await python.ask("learn", { name }, { [`${name}.py`]: text }, SECONDS);
        learned.value = { text, weights: answer.files["own.npz"] };
        reading.said.value = null; // the network before said that
        return `It claims ${answer.claimed.toFixed(2)}. Of 2,000 test images, by other hands, it reads ${answer.right.toFixed(2)}. Draw a digit.`;
      })
      .then(readDrawing);
  /** What is drawn while it learns, or reads, is read then. */
  const readDrawing = () =>
    !learning.isBusy.value &&
    unread.current &&
    reading.attempt(async (python) => {
      const { text, weights } = learned.peek();
      let answer;
      while (unread.current) {
        const pixels = unread.current;
        unread.current = null;
        const files = { [`${name}.py`]: text, "own.npz": weights };
        answer = await python.ask("read", { name, pixels: [...pixels] }, files);
      }
      return strokes.value.length ? `Your network reads ${a(answer.digit)}.` : null;
    });
  const drawn = () => {
    unread.current = read({ base: null, strokes: strokes.value });
    readDrawing();
  };
  const clear = () => {
    strokes.value = [];
    unread.current = reading.said.value = null;
  };
  return (
    <div class="handwriting">
      <h3>Your handwriting</h3>
      <div class="row">
        <button ref={button} type="button" aria-disabled={learning.isBusy.value} onClick={learn}>
          Let it learn from all 4,000 images
        </button>
      </div>
      <div role="status">
        <Told task={learning}>{(words) => <Said text={words} />}</Told>
      </div>
      {learned.value && (
        <>
          <Pad strokes={strokes} onDrawn={drawn} />
          <div class="row">
            <button type="button" class="clear" onClick={clear}>
              Clear
            </button>
          </div>
          <div role="status">
            <Told task={reading}>{(words) => <Said text={words} />}</Told>
          </div>
        </>
      )}
    </div>
  );
}

/** strokes: a signal, what is drawn. */
function Pad({ strokes, onDrawn }) {
  const canvas = useRef(),
    call = useRef();
  call.current = onDrawn;
  useEffect(() => {
    followPen(canvas.current, {
      begin: (point) => (strokes.value = [...strokes.value, [point]]),
      extend: (points) => {
        const [last = [], ...others] = strokes.value.toReversed(); // it may have been cleared meanwhile
        strokes.value = [...others.reverse(), [...last, ...points]];
      },
      end: () => call.current(),
      cancel: () => (strokes.value = strokes.value.slice(0, -1)),
    });
  }, []);
  useSignalEffect(() => drawOn(context(canvas.current), null, strokes.value));
  return (
    <canvas
      ref={canvas}
      class="pad"
      width={SIDE}
      height={SIDE}
      role="img"
      aria-label="a pad: draw a digit with a pen, a finger or the mouse"
    />
  );
}

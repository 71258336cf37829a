/* The network from a blank file: the learner's own `train` and `read`, and a pad to draw on. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { context, drawOn, read, SIDE } from "../pen.js";
import { a } from "../words.js";
import { Said, useFocusBack, Waiting } from "./show.jsx";

const SECONDS = 60;

/** file: a signal, the text of the learner's file. */
export function Handwriting({ exercise: { name }, python: shared, file }) {
  const python = useMemo(() => shared.forOne(), [shared]),
    learned = useSignal(null), // {text: the file, weights: bytes}
    said = useSignal(""),
    isBusy = useSignal(false),
    unread = useRef(null), // the newest drawing, until it is read
    button = useFocusBack(isBusy);

  const attempt = async (act) => {
    if (isBusy.value) return;
    isBusy.value = true;
    try {
      said.value = await act();
    } catch (error) {
      said.value = python.explain(error);
    }
    isBusy.value = false;
  };
  const learn = () =>
    attempt(async () => {
      const text = file.peek();
      said.value = "";
      const answer = await python.ask("learn", { name }, { [`${name}.py`]: text }, SECONDS);
      learned.value = { text, weights: answer.files["own.npz"] };
      return `It claims ${answer.claimed.toFixed(2)}. Of 2,000 test images, by other hands, it reads ${answer.right.toFixed(2)}. Draw a digit.`;
    });
  const readDrawing = (pixels) => {
    unread.current = [...pixels];
    return attempt(async () => {
      const { text, weights } = learned.peek();
      const files = { [`${name}.py`]: text, "own.npz": weights };
      let answer;
      while (unread.current) {
        const pixels = unread.current;
        unread.current = null;
        answer = await python.ask("read", { name, pixels }, files);
      }
      return `Your network reads ${a(answer.digit)}.`;
    });
  };
  return (
    <div class="handwriting">
      <h3>Your handwriting</h3>
      <div class="row">
        <button ref={button} type="button" aria-disabled={isBusy.value} onClick={learn}>
          Let it learn from all 4,000 images
        </button>
      </div>
      {isBusy.value && !said.value && <Waiting python={python} />}
      <div role="status">
        <Said text={said.value} />
      </div>
      {learned.value && <Pad onDrawn={readDrawing} />}
    </div>
  );
}

/** A pad; after each stroke onDrawn gets the drawing as an image like MNIST's. */
function Pad({ onDrawn }) {
  const canvas = useRef(),
    strokes = useRef([]);
  const show = () => drawOn(context(canvas.current), null, strokes.current);
  useEffect(show, []);
  const at = ({ clientX, clientY }) => {
    const { left, top, width } = canvas.current.getBoundingClientRect();
    return [((clientX - left) / width) * SIDE, ((clientY - top) / width) * SIDE];
  };
  const down = (event) => {
    if (!event.isPrimary) return;
    canvas.current.setPointerCapture(event.pointerId);
    strokes.current = [...strokes.current, [at(event)]];
    show();
  };
  const move = (event) => {
    if (!event.isPrimary || !event.buttons) return;
    strokes.current.at(-1)?.push(at(event));
    show();
  };
  const clear = () => {
    strokes.current = [];
    show();
  };
  return (
    <>
      <canvas
        ref={canvas}
        class="pad"
        width={SIDE}
        height={SIDE}
        role="img"
        aria-label="a pad: draw a digit with a pen, a finger or the mouse"
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={() => strokes.current.length && onDrawn(read({ base: null, strokes: strokes.current }))}
      />
      <div class="row">
        <button type="button" class="clear" onClick={clear}>
          Clear
        </button>
      </div>
    </>
  );
}

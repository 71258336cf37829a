/* What the front page and the pages of the site show below a line: what the marker said of it, and the hints. */

import { useEffect, useRef } from "preact/hooks";
import { hintsSeen } from "./attempts.js";
import { Html, Told, Verdict } from "./show.jsx";

/** What the marker says of a file. It comes into view when it is new. edit(text): how a sentence of it is shown. */
export function Marked({ task, edit = (text) => text }) {
  const { said } = task,
    place = useRef(),
    before = useRef(said.peek()); // what stood there when this was opened
  useEffect(() => {
    const isNew = said.value && said.value !== before.current;
    if (isNew && "passed" in said.value) place.current.scrollIntoView({ block: "nearest" });
  }, [said.value]);
  const colour = { true: "right", false: "wrong" }[said.value?.passed] ?? "";
  return (
    <div ref={place} class={`verdict ${colour}`} role="status">
      <Told task={task}>{(verdict) => <Verdict {...verdict} said={verdict.said.map(edit)} />}</Told>
    </div>
  );
}

/** The button that asks for the next hint. isOpen: whether the hints are shown. */
export function HintButton({ exercise, isOpen, act }) {
  const seen = hintsSeen(exercise),
    count = exercise.hints.length;
  return (
    <button type="button" onClick={act} aria-disabled={isOpen && seen === count}>
      Hint{seen > 0 && ` (${Math.min(seen + 1, count)} of ${count})`}
    </button>
  );
}

/** The hints that the reader has asked for. */
export const Hints = ({ exercise }) => (
  <>
    <h3>Hints</h3>
    <ol>
      {exercise.hints.slice(0, hintsSeen(exercise)).map((hint) => (
        <Html as="li" made={hint} />
      ))}
    </ol>
  </>
);

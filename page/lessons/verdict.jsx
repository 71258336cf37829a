/* What the front page and the pages of the site show around a line: the buttons, what the marker said of it, and the hints. */

import { useEffect, useRef } from "preact/hooks";
import { askForHint, countHintsSeen } from "./attempts.js";
import { DownloadBar, Html, Outcome, Verdict } from "./show.jsx";

/** What the marker says of a file. It comes into view when it is new. edit(text): how a sentence of it is shown. */
export function VerdictBox({ task, edit = (text) => text }) {
  const { result } = task,
    place = useRef(),
    previousResult = useRef(result.peek()); // what stood there when this was opened
  useEffect(() => {
    const isNew = result.value && result.value !== previousResult.current;
    if (isNew && "passed" in result.value) place.current.scrollIntoView({ block: "nearest" });
  }, [result.value]);
  const colour = { true: "right", false: "wrong" }[result.value?.passed] ?? "";
  return (
    <div ref={place} class={`verdict ${colour}`} role="status">
      <Outcome task={task}>{(verdict) => <Verdict {...verdict} sentences={verdict.sentences.map(edit)} />}</Outcome>
    </div>
  );
}

/** The button that marks. mark: what it does. isPrimary: it is what comes next. buttonRef: a ref for it. */
export const MarkButton = ({ id, python, task, mark, isPrimary = true, buttonRef }) => (
  <button
    id={id}
    ref={buttonRef}
    type="button"
    class={isPrimary ? "primary" : ""}
    aria-disabled={String(task.isBusy.value)}
    onClick={mark}
  >
    Mark
    <DownloadBar python={python} />
  </button>
);

/** The button that asks for the next hint. help: a signal, what Help shows. */
export function HintButton({ exercise, help }) {
  const hintCount = countHintsSeen(exercise),
    count = exercise.hints.length;
  const ask = () => {
    askForHint(exercise);
    help.value = "hints";
  };
  return (
    <button type="button" onClick={ask} aria-disabled={help.value === "hints" && hintCount === count}>
      Hint{hintCount > 0 && ` (${Math.min(hintCount + 1, count)} of ${count})`}
    </button>
  );
}

/** What the reader has asked for. help: a signal, "hints", "solution", or "" for nothing. */
export const Help = ({ exercise, help }) => (
  <div class="help" aria-live="polite">
    {help.value === "hints" && (
      <>
        <h3>Hints</h3>
        <ol>
          {exercise.hints.slice(0, countHintsSeen(exercise)).map((hint) => (
            <Html as="li" made={hint} />
          ))}
        </ol>
      </>
    )}
    {help.value === "solution" && (
      <>
        <h3>Solution</h3>
        <Html made={exercise.solution} />
      </>
    )}
  </div>
);

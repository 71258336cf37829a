/* One exercise: what it asks, an editor, and what practice.py does with it: mark, hint, solution, reset. */

import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { attempt, countHintsSeen, taskOf } from "./attempts.js";
import { Comparison } from "./comparison.jsx";
import { Editor } from "./editor.jsx";
import { ExerciseFile } from "./file.js";
import { Handwriting } from "./handwriting.jsx";
import { isSupported } from "./python.js";
import { Html, useFocusBack } from "./show.jsx";
import { StorageWarning } from "./storage.jsx";
import { Help, HintButton, MarkButton, VerdictBox } from "./verdict.jsx";
import { TOO_OLD } from "./words.js";
import { change, getState, work } from "./work.js";

/** An exercise with its editor. again: it is written once more, from memory, in a file of its own. inLesson: the lesson
    around it has said what is asked. size: of a training. onPassed is called whenever it passes; `children` stand behind its buttons. */
export function Exercise({ exercise, python, size, again = false, inLesson = false, onPassed = () => {}, children }) {
  const { name, title, which, text, terms, terminal } = exercise;
  const reason = terminal || (isSupported() ? "" : `${TOO_OLD} In a terminal:`),
    isFolded = useSignal(false);
  /** On a phone the statement makes room for the line, once. */
  const enter = ({ target }) => {
    if (!inLesson && target.closest(".editor") && matchMedia("(max-width: 40em)").matches) isFolded.value = true;
  };
  return (
    <section class="exercise" aria-label={title} onFocusInCapture={enter}>
      <div class="statement">
        <p class="note">{again ? `Review of ${which[0].toLowerCase()}${which.slice(1)}` : which}</p>
        <h2 tabIndex={-1}>{title}</h2>
        {again && <p>Write it again, from memory. Your first file does not change.</p>}
        {inLesson && terms ? (
          <>
            <Html class="about" made={terms} />
            <details class="about">
              <summary>What is asked</summary>
              <Html made={text} />
            </details>
          </>
        ) : (
          <details
            class="about asked"
            open={!isFolded.value}
            onToggle={(event) => (isFolded.value = !event.target.open)}
          >
            <summary>What is asked</summary>
            <Html made={text} />
          </details>
        )}
      </div>
      {reason ? (
        <>
          <p class="terminal">{reason}</p>
          <pre tabIndex={0}>python practice.py {name}</pre>
          <div class="row">{children}</div>
        </>
      ) : (
        <Desk key={`${name} ${again}`} {...{ exercise, python, size, again, onPassed, inLesson }}>
          {children}
        </Desk>
      )}
    </section>
  );
}

const TOP = 170; // pixels of an editor, in which the line to write is, if it is not marked by dots

/** The line of an editor that has to be written; or the editor. */
const lineToWrite = (desk) =>
  [...desk.querySelectorAll(".cm-line")].find((line) => line.textContent.endsWith("...")) ??
  desk.querySelector(".cm-editor");

/** Whether the line to write is below the buttons that stay in sight in a small window (lessons.css), or behind them. */
function useIsAway(desk) {
  const isAway = useSignal(false);
  useEffect(() => {
    const look = () => {
      const line = desk.current && lineToWrite(desk.current);
      if (!line) return; // it is gone, or on its way
      const { top, height } = line.getBoundingClientRect(),
        { top: end } = desk.current.querySelector(".marks").getBoundingClientRect();
      isAway.value = top + Math.min(height, TOP) > end;
    };
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(document.documentElement);
    sizes.observe(desk.current.closest(".exercise"));
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      sizes.disconnect();
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, [desk]);
  return isAway;
}

function Desk({ exercise, python, size, again, onPassed, inLesson, children }) {
  const { name, hints, program, lesson, figure } = exercise;
  const file = useMemo(() => new ExerciseFile(exercise, { again }), [exercise, again]);
  const body = useComputed(() => file.body);
  const task = taskOf(name, python, again),
    { result, isBusy } = task,
    help = useSignal(""), // "hints" or "solution"
    cursor = useRef({}),
    desk = useRef(),
    isAway = useIsAway(desk),
    marker = useFocusBack(isBusy);
  const state = getState(work.value, exercise),
    comparison = result.value?.comparison, // of the learner's array with the right one
    hintCount = countHintsSeen(exercise);

  useEffect(() => () => task.python.stop("Stopped, because you opened a different exercise."), [task]);

  const mark = () => attempt(task, exercise, file, onPassed);

  const run = () =>
    task.attempt(async (python) => {
      const { printed, error } = await python.session([file.text], 60);
      return { passed: null, printed: printed || " ", sentences: error ? [error] : [] };
    });

  const solve = () => {
    if (state !== "passed") change(({ progress }) => (progress.seen[name] = true));
    help.value = "solution";
  };

  const reset = () => {
    file.reset();
    help.value = "";
    result.value = null;
    cursor.current.focus();
  };

  /** Put the cursor into the editor, and the line to write into view. */
  const goToLine = () => {
    cursor.current.focus();
    requestAnimationFrame(() => desk.current && lineToWrite(desk.current)?.scrollIntoView({ block: "center" }));
  };

  const isMarked = state === "passed" && !again;
  const start = () => python.start().catch(() => {}); // Mark tries again, and says what failed
  return (
    <div class="desk" ref={desk}>
      <div onFocusInCapture={start}>
        <Editor
          text={body}
          label={`${name}.py`}
          before={file.parts.above.split("\n").length - 1}
          onChange={(text) => file.writeBody(text)}
          onEnter={mark}
          does="marks"
          verb="Mark"
          at={cursor.current}
        />
      </div>
      <div class={`row marks ${isAway.value ? "away" : ""}`}>
        <button type="button" class="primary to-editor" onClick={goToLine}>
          To the editor
        </button>
        <MarkButton {...{ python, task, mark }} isPrimary={!isMarked} buttonRef={marker} />
        {program && (
          <button type="button" aria-disabled={isBusy.value} onClick={run}>
            Run
          </button>
        )}
        <HintButton {...{ exercise, help }} />
        {!again && (
          <button
            type="button"
            onClick={solve}
            disabled={hintCount < hints.length && !["passed", "seen"].includes(state)}
          >
            Solution
          </button>
        )}
        <button type="button" onClick={reset}>
          Reset
        </button>
        {children}
      </div>
      <VerdictBox task={task} />
      {result.value?.passed && exercise.line && !again && (
        <p class="row">
          <a class="button" href={`index.html#line=${exercise.line}`}>
            See what your line computes for your own drawing
          </a>
        </p>
      )}
      {comparison && <Comparison {...comparison} isShut={comparison.isTelling && hintCount === 0} />}
      <Help {...{ exercise, help }} />
      {exercise.reads && <Handwriting {...{ exercise, python, size, file }} />}
      <StorageWarning python={python} />
      <p class="note">
        {!inLesson && lesson && (
          <>
            In the lesson: <a href={lesson.address}>{lesson.title}</a>
            <br />
          </>
        )}
        {figure && (
          <>
            {["learn", "own"].includes(figure) ? "Try it" : "See the numbers for a digit that you draw"}:{" "}
            <a href={`index.html#${figure}`}>the page</a>
          </>
        )}
      </p>
    </div>
  );
}

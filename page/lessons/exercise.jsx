/* One exercise: what it asks, an editor, and what practice.py does with it: mark, hint, solution, reset. */

import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { askForHint, attempt, hintsSeen, taskOf } from "./attempts.js";
import { Both } from "./both.jsx";
import { Editor } from "./editor.jsx";
import { Handwriting } from "./handwriting.jsx";
import { HintButton, Hints, Marked } from "./marked.jsx";
import { isSupported } from "./python.js";
import { Coming, Html, useFocusBack } from "./show.jsx";
import { Unkept } from "./unkept.jsx";
import { change, done, replace, work, write } from "./work.js";

const headOf = (file) => /^""".*?"""\n+/s.exec(file)?.[0] ?? ""; // the docstring, which stands above the editor as text

/** An exercise with its editor. again: it is written once more, from memory, in a file of its own. inLesson: the lesson
    around it has said what is asked. size: of a training. onPassed is called whenever it passes; `children` stand behind its buttons. */
export function Exercise({ exercise, python, size, again = false, inLesson = false, onPassed = () => {}, children }) {
  const { name, title, which, text, terms, terminal } = exercise;
  const why = terminal || (isSupported() ? "" : TOO_OLD),
    folded = useSignal(false);
  /** On a phone the statement makes room for the line, once. */
  const enter = ({ target }) => {
    if (!inLesson && target.closest(".editor") && matchMedia("(max-width: 40em)").matches) folded.value = true;
  };
  return (
    <section class="exercise" aria-label={title} onFocusInCapture={enter}>
      <div class="statement">
        <p class="note">{again ? `Review of ${which[0].toLowerCase()}${which.slice(1)}` : which}</p>
        <h2 tabIndex={-1}>{title}</h2>
        {again && <p>Write it again, from memory. Your first file stays as it is.</p>}
        {inLesson && terms ? (
          <>
            <Html class="about" made={terms} />
            <details class="about">
              <summary>What is asked</summary>
              <Html made={text} />
            </details>
          </>
        ) : (
          <details class="about asked" open={!folded.value} onToggle={(event) => (folded.value = !event.target.open)}>
            <summary>What is asked</summary>
            <Html made={text} />
          </details>
        )}
      </div>
      {why ? (
        <>
          <p class="terminal">{why}</p>
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
  const { name, stub, hints, solution, program, lesson, figure } = exercise;
  const file = useComputed(() => (again ? work.value.reviews : work.value.files)[name] ?? stub);
  const head = useRef(headOf(file.peek())); // what the learner does not see of the file, as it was when it was opened
  const body = useComputed(() => {
    if (!head.current || !file.value.startsWith(head.current)) head.current = headOf(file.value);
    return file.value.slice(head.current.length).trimEnd();
  });
  const task = taskOf(name, python, again),
    { said, isBusy } = task,
    help = useSignal(""), // "hints" or "solution"
    cursor = useRef({}),
    desk = useRef(),
    isAway = useIsAway(desk),
    marker = useFocusBack(isBusy);
  const state = done(work.value, exercise),
    seen = hintsSeen(exercise);

  const save = (text) => (again ? change(({ reviews }) => (reviews[name] = text)) : write(name, text));
  const type = (body) => save(`${head.current}${body}\n`);
  useEffect(() => () => task.python.stop("Ended, because you opened another exercise."), [task]);

  const mark = () => {
    const getText = () => {
      save(file.peek()); // a stub, too, is a file from then on
      return file.peek();
    };
    return attempt(task, exercise, getText, { again, onPassed });
  };

  const run = () =>
    task.attempt(async (python) => {
      const { printed, error } = await python.session([file.peek()], 60);
      return { passed: null, printed: printed || " ", said: error ? [error] : [] };
    });

  const hint = () => {
    askForHint(exercise);
    help.value = "hints";
  };

  const solve = () => {
    if (state !== "passed") change(({ progress }) => (progress.seen[name] = true));
    help.value = "solution";
  };

  const reset = () => {
    if (again) change(({ reviews }) => delete reviews[name]);
    else change((next) => replace(next, name, stub));
    help.value = "";
    said.value = null;
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
          before={head.current.split("\n").length - 1}
          onChange={type}
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
        <button
          ref={marker}
          type="button"
          class={isMarked ? "" : "primary"}
          aria-disabled={isBusy.value}
          onClick={mark}
        >
          Mark
          <Coming python={python} />
        </button>
        {program && (
          <button type="button" aria-disabled={isBusy.value} onClick={run}>
            Run
          </button>
        )}
        <HintButton exercise={exercise} isOpen={help.value === "hints"} act={hint} />
        {!again && (
          <button type="button" onClick={solve} disabled={seen < hints.length && !["passed", "seen"].includes(state)}>
            Solution
          </button>
        )}
        <button type="button" onClick={reset}>
          Reset
        </button>
        {children}
      </div>
      <Marked task={task} />
      {said.value?.passed && exercise.line && !again && (
        <p class="row">
          <a class="button" href={`index.html#line=${exercise.line}`}>
            See your line in the picture of your own drawing
          </a>
        </p>
      )}
      {said.value?.both && <Both {...said.value.both} isShut={said.value.both.isTelling && seen === 0} />}
      <div class="help" aria-live="polite">
        {help.value === "hints" && <Hints exercise={exercise} />}
        {help.value === "solution" && (
          <>
            <h3>Solution</h3>
            <Html made={solution} />
          </>
        )}
      </div>
      {exercise.reads && <Handwriting {...{ exercise, python, size, file }} />}
      <Unkept python={python} />
      <p class="note">
        {!inLesson && lesson && (
          <>
            In the lesson: <a href={lesson.address}>{lesson.title}</a>
            <br />
          </>
        )}
        {figure && (
          <>
            {["learn", "own"].includes(figure) ? "To try out" : "In numbers, of a digit that you draw"}:{" "}
            <a href={`index.html#${figure}`}>the page</a>
          </>
        )}
      </p>
    </div>
  );
}

const TOO_OLD =
  "This browser cannot run Python: it takes Chrome or Edge 137, Firefox 131 or Safari 18.4, or a later one. In a terminal:";

/* One exercise: what it asks, an editor, and what practice.py does with it: mark, hint, solution, reset. */

import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Editor } from "./editor.jsx";
import { Unkept } from "./folder.jsx";
import { Handwriting } from "./handwriting.jsx";
import { isSupported } from "./python.js";
import { Html, Printed, Said, useFocusBack, Waiting } from "./show.jsx";
import { add, change, done, due, folder, replace, work, write } from "./work.js";

const headOf = (file) => /^""".*?"""\n+/s.exec(file)?.[0] ?? ""; // the docstring, which stands above the editor as text

/** What page/desk.py says of a file, as the terminal would for this seed. */
export async function judge(python, { name, seconds }, text, seed, again = false) {
  const file = { [`${name}.py`]: text };
  const argv = [name, `/work/${name}.py`, String(seed), "/tmp/result.json"];
  const ended = await python.run({ call: "run", argv, files: file }, seconds);
  const files = { ...folder(work.value), ...file };
  if (ended.files?.["result.json"]) files["result.json"] = ended.files["result.json"];
  const { status, stuck, seconds: spent = seconds } = ended;
  return python.ask("mark", { name, seed, status, stuck, seconds: spent, again }, files);
}

/** An exercise with its editor. again: it is written once more, from memory, in a file of its own. inLesson: the lesson
    around it has said what is asked. onPassed is called whenever it passes; `children` stand behind its buttons. */
export function Exercise({ exercise, python, again = false, inLesson = false, onPassed = () => {}, children }) {
  const { name, title, which, text, terms, terminal } = exercise;
  const why = terminal || (isSupported() ? "" : TOO_OLD);
  return (
    <section class="exercise" aria-label={title}>
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
        <Html class="about" made={text} />
      )}
      {why ? (
        <>
          <p class="terminal">{why}</p>
          <pre tabIndex={0}>python practice.py {name}</pre>
          <div class="row">{children}</div>
        </>
      ) : (
        <Desk key={`${name} ${again}`} {...{ exercise, python, again, onPassed, inLesson }}>
          {children}
        </Desk>
      )}
    </section>
  );
}

function Desk({ exercise, python, again, onPassed, inLesson, children }) {
  const { name, stub, hints, solution, program, lesson } = exercise;
  const file = useComputed(() => (again ? work.value.reviews : work.value.files)[name] ?? stub);
  const head = useRef(headOf(file.peek())); // what the learner does not see of the file, as it was when it was opened
  const body = useComputed(() => {
    if (!head.current || !file.value.startsWith(head.current)) head.current = headOf(file.value);
    return file.value.slice(head.current.length).trimEnd();
  });
  const verdict = useSignal(null), // what stands below the editor
    isBusy = useSignal(false),
    help = useSignal(""), // "hints" or "solution"
    shown = useRef(),
    cursor = useRef({}),
    own = useMemo(() => python.forOne(), [python]),
    marker = useFocusBack(isBusy);
  const { progress } = work.value,
    state = done(work.value, exercise),
    seen = progress.hints[name] ?? 0; // hints

  const save = (text) => (again ? change(({ reviews }) => (reviews[name] = text)) : write(name, text));
  const type = (body) => save(`${head.current}${body}\n`);
  useEffect(() => {
    if (again && !due(work.peek()).includes(name)) change(({ reviews }) => delete reviews[name]); // a new review begins
  }, []);
  // What has been said comes into view.
  useEffect(
    () => verdict.value?.passed !== undefined && shown.current.scrollIntoView({ block: "nearest" }),
    [verdict.value],
  );

  /** Wait for Python, and do it. If that fails, say why; a button repeats it. */
  const attempt = async (act) => {
    if (isBusy.value) return;
    isBusy.value = true;
    verdict.value = { text: <Waiting python={own} /> };
    try {
      verdict.value = await act();
    } catch (error) {
      const repeat = () => attempt(act);
      verdict.value = {
        passed: null,
        text: (
          <p>
            {python.explain(error)}{" "}
            <button type="button" onClick={repeat}>
              Try again
            </button>
          </p>
        ),
      };
    }
    isBusy.value = false;
  };

  const mark = () =>
    attempt(async () => {
      const text = file.peek(); // as it is now, not when it has been marked
      save(text);
      const seed = Math.floor(Math.random() * 1e6);
      const { passed, said, printed, progress } = await judge(own, exercise, text, seed, again);
      change((next) => {
        add(next.progress, progress);
        if (passed && !again) next.passed[name] = text;
      });
      if (passed) onPassed();
      return {
        passed,
        text: (
          <>
            {printed.trim() && <Printed note="Your code printed:" text={printed} />}
            <Said text={said.join("\n")} />
          </>
        ),
      };
    });

  const run = () =>
    attempt(async () => {
      const { printed, error } = await own.session([file.peek()], 60);
      return {
        passed: null,
        text: (
          <>
            <Printed text={printed || " "} />
            <Said text={error ?? ""} />
          </>
        ),
      };
    });

  const hint = () => {
    change(({ progress }) => (progress.hints[name] = Math.min(seen + 1, hints.length)));
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
    verdict.value = null;
    cursor.current.focus();
  };

  const isMarked = state === "passed" && !again;
  const start = () => python.start().catch(() => {}); // Mark tries again, and says what failed
  return (
    <>
      <div onFocusInCapture={start}>
        <Editor
          text={body}
          label={`${name}.py`}
          before={head.current.split("\n").length - 1}
          onChange={type}
          onEnter={mark}
          does="marks"
          at={cursor.current}
        />
      </div>
      <div class="row">
        <button
          ref={marker}
          type="button"
          class={isMarked ? "" : "primary"}
          aria-disabled={isBusy.value}
          onClick={mark}
        >
          Mark
        </button>
        {program && (
          <button type="button" aria-disabled={isBusy.value} onClick={run}>
            Run
          </button>
        )}
        <button type="button" onClick={hint} aria-disabled={help.value === "hints" && seen === hints.length}>
          Hint{seen > 0 && ` (${Math.min(seen + 1, hints.length)} of ${hints.length})`}
        </button>
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
      <div
        ref={shown}
        class={`verdict ${{ true: "right", false: "wrong" }[verdict.value?.passed] ?? ""}`}
        role="status"
      >
        {verdict.value?.text}
      </div>
      <div class="help" aria-live="polite">
        {help.value === "hints" && <Hints hints={hints.slice(0, seen)} />}
        {help.value === "solution" && (
          <>
            <h3>Solution</h3>
            <Html made={solution} />
          </>
        )}
      </div>
      {exercise.reads && <Handwriting {...{ exercise, python, file }} />}
      <Unkept python={python} />
      {!inLesson && lesson && (
        <p class="note">
          In the lesson: <a href={lesson.address}>{lesson.title}</a>
        </p>
      )}
    </>
  );
}

const Hints = ({ hints }) => (
  <>
    <h3>Hints</h3>
    <ol>
      {hints.map((hint) => (
        <Html as="li" made={hint} />
      ))}
    </ol>
  </>
);

const TOO_OLD =
  "This browser cannot run Python: it takes Chrome or Edge 137, Firefox 131 or Safari 18.4, or a later one. In a terminal:";

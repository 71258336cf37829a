/* What the pages show in more than one place. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { isStored } from "./work.js";

/** A ref for the button that began something: it gets the focus back, if what had it is gone when that is over. */
export function useFocusBack(isBusy) {
  const button = useRef(),
    was = useRef(false);
  useEffect(() => {
    const isLost = document.activeElement === document.body;
    if (was.current && !isBusy.value && isLost) button.current.focus({ preventScroll: true });
    was.current = isBusy.value;
  }, [isBusy.value]);
  return button;
}

/** HTML that the build has made. */
export const Html = ({ as: Tag = "div", made, ...more }) => (
  <Tag {...more} dangerouslySetInnerHTML={{ __html: made }} />
);

/** The commands of the terminal that are buttons here. */
const BUTTONS = { "python practice.py reset": "Reset", "python practice.py run": "Run" };
const inline = (part) => (BUTTONS[part] ? <b>{BUTTONS[part]}</b> : <code>{part}</code>);

/** Each line of a text as a paragraph; indented ones are code. */
export const Message = ({ text }) =>
  [...text.matchAll(/((?:^ {4}.*\n?)+)|^(.+)$/gm)].map(([, code, line]) =>
    code ? (
      <pre tabIndex={0}>{code.trimEnd()}</pre>
    ) : (
      <p>{line.split("`").map((part, i) => (i % 2 ? inline(part) : part))}</p>
    ),
  );

/** What a program printed. */
export const ProgramOutput = ({ note, text }) => (
  <>
    {note && <p class="note">{note}</p>}
    <pre tabIndex={0}>{text}</pre>
  </>
);

/** What the marker says of a file. passed: null where nothing was marked. */
export const Verdict = ({ passed, printed, sentences }) => (
  <>
    {printed.trim() && passed !== null && <p class="note">Your code printed:</p>}
    {printed && (passed === null || printed.trim()) && <ProgramOutput text={printed} />}
    <Message text={sentences.join("\n")} />
  </>
);

/** How much of Python has come, while it is on its way. */
export const DownloadBar = ({ python: { isStarting, isReady, received } }) =>
  isStarting.value && !isReady.value && <progress class="coming" max={1} aria-label="Python" value={received.value} />;

/** What stands in the place of an answer until Python has it. */
export function Waiting({ python }) {
  const job = python.job.value,
    [first] = python.jobs.value;
  if (!python.isReady.value) return <Download python={python} />;
  const isFirst = !first || first === job;
  return (
    <p>
      {!isFirst && `Waiting for ${first.what} … `}
      {isFirst && (job?.awaits.value ? "The images are being loaded … " : "Running … ")}
      <Progress job={first} />
      {!isFirst && (
        <button type="button" onClick={() => first.stop(`Ended for ${job.what}.`)}>
          End that
        </button>
      )}
      <button type="button" onClick={() => python.stop()}>
        Stop
      </button>
    </p>
  );
}

/** How far it is, if that is known, and how much of its time it has had. It is not read out again and again. */
function Progress({ job }) {
  const time = useSignal(0),
    seconds = job?.began.value ? Math.floor((time.value - job.began.value) / 1000) : 0;
  useEffect(() => {
    const clock = setInterval(() => (time.value = performance.now()), 500);
    return () => clearInterval(clock);
  }, []);
  return (
    <span aria-hidden="true">
      {job?.progress.value}
      {seconds > 1 && `${seconds} of at most ${job.limit.value} seconds. `}
    </span>
  );
}

function Download({ python: { received, isStalled, startAgain, megabytes } }) {
  const megabytesHere = (received.value * megabytes).toFixed(1),
    megabytesInAll = megabytes.toFixed(1);
  return isStalled.value ? (
    <p>
      Python is not loading: nothing has arrived for ten seconds. {megabytesHere} of {megabytesInAll} MB are here.{" "}
      <button type="button" onClick={startAgain}>
        Try again
      </button>
    </p>
  ) : (
    <p>
      {received.value < 1
        ? `Python is being downloaded, once: ${megabytesInAll} MB. ${isStored.value ? "It stays in this browser. " : ""}`
        : "Python starts. "}
      {received.value < 1 && <span aria-hidden="true">{megabytesHere} MB are here. </span>}
      <progress max={1} aria-label="download" value={received.value} />
    </p>
  );
}

/** What came of a task, or that it is under way. children(result): what is shown of the former. */
export function Outcome({ task: { isBusy, result, python }, children }) {
  if (isBusy.value) return <Waiting python={python} />;
  if (!result.value?.failed) return result.value && children(result.value);
  return (
    <>
      <Message text={result.value.failed} />
      <button type="button" onClick={result.value.again}>
        {result.value.isNew ? "Load this page again" : "Try again"}
      </button>
    </>
  );
}

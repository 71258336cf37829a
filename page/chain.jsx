/* The first screen's picture and its task: the ten scores, of which a reader pulls one, what they guess of the derivatives, and
   the lines to write. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import * as chain from "./chain.js";
import { pointing } from "./controls.jsx";
import { playFlow, reachOf } from "./flow.js";
import { Grid } from "./grid.js";
import { isSupported } from "./lessons/python.js";
import { Message, Verdict } from "./lessons/show.jsx";
import { StorageWarning } from "./lessons/storage.jsx";
import { Help, HintButton, MarkButton, VerdictBox } from "./lessons/verdict.jsx";
import { chord, TOO_OLD } from "./lessons/words.js";
import { hasPassed, work } from "./lessons/work.js";
import { isOnSite } from "./page_data.js";
import { cannotLearn, isEmpty, pass, pixels } from "./passes.js";
import { $ } from "./picture.js";
import * as question from "./question.js";
import { label } from "./state.js";
import { a, DIGITS, percent, text } from "./words.js";

// --- The picture -------------------------------------------------------------------------------------------------------

/** What the picture of the hidden units shows: the last thing that the reader's lines compute of them. */
const nameOfUnits = () => {
  const isWritten = (name) => chain.ownDerivatives.value && hasPassed(work.value, { name });
  return ["dz1", "da1"].find(isWritten) ?? "a1";
};

export function drawChain() {
  new Grid($("s-x").querySelector(".grid"), () => "x");
  new Grid($("s-units").querySelector(".grid"), nameOfUnits);
}
const Units = () => nameOfUnits();

/** Let the digit at hand flow through the network. */
export const replay = () => playFlow({ ...pass.value, pixels: pixels.value });
const Replay = () => (
  <button type="button" class="replay" onClick={replay}>
    Play it again
  </button>
);

// --- The first question ------------------------------------------------------------------------------------------------

const STEPS = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 4, PageDown: -4 };

/** A score as a bar up or down from 0. That of the true digit is pulled by a pointer or the arrow keys. */
function Score({ k }) {
  const host = useRef(),
    grip = useRef(null); // where on the bar's end the pointer holds it
  const { y } = pass.value,
    { logits, p, loss } = question.changedPass.value,
    reach = reachOf(pass.value.logits);
  const height = (v) => 50 * Math.min(Math.max(v / reach, -1), 1); // per cent of the whole
  const bar = { bottom: `${50 + Math.min(height(logits[k]), 0)}%`, height: `${Math.abs(height(logits[k]))}%` };
  if (k !== y) {
    return (
      <div class="pull off">
        <i class="score-bar" style={bar} />
      </div>
    );
  }
  const pull = (target) =>
    (question.scoreChange.value = Math.min(
      Math.max(target, -reach - pass.value.logits[y]),
      reach - pass.value.logits[y],
    ));
  const scoreAt = ({ clientY }) => {
    const { top, height } = host.current.getBoundingClientRect();
    return reach * (1 - (2 * (clientY - top)) / height);
  };
  const startPull = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    host.current.focus({ preventScroll: true });
    host.current.setPointerCapture?.(event.pointerId);
    grip.current = scoreAt(event) - question.scoreChange.value;
    chain.loadPythonAhead();
  };
  const continuePull = (event) => grip.current !== null && pull(scoreAt(event) - grip.current);
  const endPull = () => {
    if (grip.current === null) return;
    grip.current = null;
    question.settle();
  };
  const handleKey = (event) => {
    if (event.key === "Enter") return question.settle();
    const by = STEPS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    chain.loadPythonAhead();
    pull(question.scoreChange.value + by);
  };
  return (
    <div
      ref={host}
      class="pull true"
      role="slider"
      tabIndex={0}
      aria-label={`The score of ${k}: pull it up or down, and press Enter`}
      aria-orientation="vertical"
      aria-valuemin={-reach}
      aria-valuemax={reach}
      aria-valuenow={logits[k]}
      aria-valuetext={`${text(logits[k])}; p of ${k}: ${percent(p[k])}; loss: ${text(loss)}`}
      onPointerDown={startPull}
      onPointerMove={continuePull}
      onPointerUp={endPull}
      onPointerCancel={endPull}
      onKeyDown={handleKey}
    >
      <i class="score-bar" style={bar} />
      <i class="handle" style={{ bottom: `${50 + height(logits[k])}%` }} />
    </div>
  );
}

function OpeningQuestion() {
  const { answer, y, p, logits, loss } = pass.value,
    passAfter = question.changedPass.value;
  return (
    <>
      <p id="asked">
        It says {answer}, and is {percent(p[answer])} sure.{" "}
        <span class="nowrap">
          {answer === y ? "It is" : "But it is"} {a(y)}.
        </span>{" "}
        <b>Should the score of {y} go up or down? Pull its bar.</b>
      </p>
      <p id="pulling" class="note" aria-hidden="true">
        {question.scoreChange.value
          ? `The score of ${y}: ${text(logits[y])} → ${text(passAfter.logits[y])}. Its probability: ${percent(p[y])} → ${percent(passAfter.p[y])}. The loss: ${text(loss)} → ${text(passAfter.loss)}.`
          : `The score of ${y} is ${text(logits[y])}, its probability ${percent(p[y])}. The loss says how wrong that is: ${text(loss)}.`}
      </p>
      <div class="row">
        <Replay />
        <button id="skip" type="button" onClick={question.skip}>
          Skip this question
        </button>
      </div>
    </>
  );
}

/** What became of the first question. */
function describeAnswer() {
  const { by: amount, p, loss } = question.answer.value,
    { y } = pass.value;
  const change = `from ${text(loss[0])} to ${text(loss[1])}`;
  const conclusion = "A larger score means a smaller loss: the derivative is negative.";
  if (amount > 0)
    return `Up: p of ${y} went from ${percent(p[0])} to ${percent(p[1])}, and the loss fell ${change}. ${conclusion}`;
  return `Down, the loss rose ${change}. It is ${a(y)}, so its score should go up. ${conclusion}`;
}

// --- Guess -------------------------------------------------------------------------------------------------------------

const KEYS = { ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1, PageUp: 0.5, PageDown: -0.5 };

/** One bar from -1 to 1: pulled by a pointer or the arrow keys until the lines have passed, which then drive it. */
function Pull({ k }) {
  const host = useRef(),
    isPulling = useRef(false);
  const { values, out } = chain.guesses.value,
    isMine = chain.linkIndex.value > 0,
    ownValue = chain.ownDerivatives.value?.dlogits?.[k];
  const guess = isMine ? null : values[k],
    truth = isMine ? ownValue : out[k] && pass.value.dlogits[k];
  const guessAt = (event) => {
    const { top, height } = host.current.getBoundingClientRect();
    chain.guess(k, 1 - (2 * (event.clientY - top)) / height);
  };
  const off = isMine || cannotLearn.value;
  const startPull = (event) => {
    if (off || event.button !== 0) return;
    event.preventDefault();
    host.current.focus({ preventScroll: true });
    host.current.setPointerCapture?.(event.pointerId);
    isPulling.current = true;
    chain.loadPythonAhead();
    guessAt(event);
  };
  const endPull = () => {
    if (!isPulling.current) return;
    isPulling.current = false;
    chain.settle(k);
  };
  const handleKey = (event) => {
    const amount = KEYS[event.key] ?? { Home: -2, End: 2 }[event.key];
    if (amount === undefined || off) return;
    event.preventDefault();
    chain.loadPythonAhead();
    chain.guess(k, Math.round(10 * ((values[k] ?? 0) + amount)) / 10);
  };
  const bar = (v) => ({ bottom: `${50 + 50 * Math.min(v, 0)}%`, height: `${50 * Math.abs(v)}%` });
  const words = [
    guess === null ? "" : `your guess: ${text(guess)}`,
    typeof truth === "number" ? `${isMine ? "your line says" : "it is"} ${text(truth)}` : "",
  ];
  const classes = ["pull", off && "off", k === pass.value.y && label.value !== null && "true"];
  return (
    <div
      ref={host}
      class={classes.filter(Boolean).join(" ")}
      role="slider"
      tabIndex={0}
      aria-label={`if the score of ${k} grew: the loss`}
      aria-orientation="vertical"
      aria-valuemin={-1}
      aria-valuemax={1}
      aria-valuenow={guess ?? truth ?? 0}
      aria-valuetext={words.filter(Boolean).join("; ") || "no guess yet"}
      aria-disabled={String(off)}
      onPointerDown={startPull}
      onPointerMove={(event) => isPulling.current && guessAt(event)}
      onPointerUp={endPull}
      onPointerCancel={endPull}
      onKeyDown={handleKey}
      onBlur={() => chain.settle(k)}
      onKeyUp={({ key }) => key === "Enter" && chain.settle(k)}
    >
      {guess !== null && <i class="guess" style={bar(guess)} />}
      {typeof truth === "number" && <i class={`truth ${truth < 0 ? "better" : "worse"}`} style={bar(truth)} />}
      {typeof truth === "number" && <span class={truth < 0 ? "below" : "above"}>{roundValue(truth)}</span>}
    </div>
  );
}
const roundValue = (v) => (Math.abs(v) < 0.005 ? "0.00" : v.toFixed(2));

// While the question is asked, the rows have its words.
const ProbabilitiesName = () => (question.isAsking.value ? "how sure" : "p");
const ScoresName = () => (question.isAsking.value ? "score" : "logits");
const Way = () =>
  question.isAsking.value ? (
    <>
      <i>up</i>
      <i>down</i>
    </>
  ) : (
    <>
      <i>loss ↑</i>
      <i>loss ↓</i>
    </>
  );

const Scores = () => {
  const isAsking = question.isAsking.value,
    { p, logits } = isAsking ? question.changedPass.value : pass.value,
    answer = logits.indexOf(Math.max(...logits)),
    blank = isEmpty.value;
  return (
    <div class="scores">
      {DIGITS.map((k) => (
        <div key={k} class={`score ${!blank && k === answer ? "most" : ""}`}>
          <span
            class="share"
            title={percent(p[k])}
            style={{ "--p": blank ? 0 : p[k] }}
            {...pointing("p", () => ({ k }))}
          />
          <b>{k}</b>
          <span class="logit" {...pointing("logits", () => ({ k }))}>
            {blank ? "–" : logits[k].toFixed(1)}
          </span>
          {isAsking ? <Score k={k} /> : <Pull k={k} />}
        </div>
      ))}
    </div>
  );
};

function Question() {
  const { value: isAsking } = question.isAsking,
    wasAsking = useRef(isAsking);
  useEffect(() => {
    // What had the focus may be gone with the first question.
    const isLost = document.activeElement === document.body;
    if (wasAsking.current && !isAsking) {
      if (isLost) $("question").focus({ preventScroll: true });
      document.querySelector(".own-line, #command")?.scrollIntoView({ block: "nearest" }); // what comes next
    }
    wasAsking.current = isAsking;
  }, [isAsking]);
  if (isAsking) return <OpeningQuestion />;
  return <p id="guessed">{guessWords()}</p>;
}

function guessWords() {
  const { values, out } = chain.guesses.value,
    { dlogits, y } = pass.value;
  if (isEmpty.value) return "Draw a digit first.";
  if (label.value === null) return "Which digit did you mean? Without the answer there is no loss.";
  if (chain.linkIndex.value > 0) {
    if (chain.ownDerivatives.value?.failed)
      return `Your lines do not work for a single image: ${chain.ownDerivatives.value.failed}`;
    return chain.ownDerivatives.value
      ? "Your own line computes these bars. Draw something, or choose a different true digit, and they change."
      : chain.python?.isReady.value
        ? "Your own line computes these bars …"
        : "Your own line will compute these bars once Python is loaded: touch the pad.";
  }
  const count = out.filter(Boolean).length;
  if (!count && question.answer.value?.by && question.isOpening.value) return describeAnswer();
  if (!count)
    return "If this score grew a little, would the loss rise or fall? Pull each bar: up for rise, down for fall.";
  const right = DIGITS.filter((k) => out[k] && values[k] < 0 === dlogits[k] < 0).length;
  const remaining =
    count < 10 ? `${10 - count} to go.` : `Only a larger score of ${y} makes the loss fall. Now write the line.`;
  return `${right} of ${count} ${count === 1 ? "points" : "point"} the right way. ${remaining}`;
}

// --- Write -------------------------------------------------------------------------------------------------------------

/** The lines in the order of the chain rule: which are written, and which one is next. */
const Links = () => (
  <ol class="links" aria-label="The derivatives, from the loss back to W1 and b1">
    {chain.CHAIN.map((link, n) => {
      const { exercise, gives } = link,
        isDone = chain.isDone(link);
      return (
        <li key={exercise} class={isDone ? "done" : ""} aria-current={n === chain.linkIndex.value ? "step" : null}>
          <code>{gives.join(", ")}</code>
          {link.within && " of one image"}
          {isDone && <span class="unseen">, written</span>}
        </li>
      );
    })}
  </ol>
);

function Chain() {
  if (question.isAsking.value) return null;
  const link = chain.CHAIN[chain.linkIndex.value];
  return (
    <>
      <Links />
      {link ? (
        <Line key={link.exercise} link={link} />
      ) : (
        <p id="all-own">
          Every derivative from the loss to W1 and b1 is yours, and <i>Take a step</i> now uses your lines.{" "}
          {isOnSite && <a href="practise.html#update">Write the step itself</a>}
        </p>
      )}
    </>
  );
}

const lesson = isOnSite ? "backprop.html" : "../docs/backprop.md";

let hasMarked = false; // something has been marked since the page opened

function Line({ link }) {
  const { exercise, gives, asks, inputs } = link,
    area = useRef(),
    help = useSignal("");
  const links = (
    <>
      <a href={isOnSite ? `${lesson}#exercise-${exercise}` : lesson} target={isOnSite ? null : "_blank"} rel="noopener">
        The lesson
      </a>
      {isOnSite && (
        <>
          {" · "}
          <a href={`practise.html#${exercise}`}>The whole file</a>
        </>
      )}
    </>
  );
  const about = (
    <>
      <p class="asks">{asks}</p>
      <p class="note given">
        You have{" "}
        {Object.entries(inputs).map(([name, words], n) => (
          <span key={name}>
            {n > 0 && "; "}
            <code>{name}</code> {words}
          </span>
        ))}
        . {links}
      </p>
    </>
  );
  if (!chain.python) {
    return (
      <>
        {about}
        <p id="command">
          {isOnSite && !isSupported() && `${TOO_OLD} `}
          <code>{gives.map((name) => `${name} = ...`).join("; ")}</code> Write this in a terminal, and have it marked:{" "}
          <code>python practice.py {exercise}</code>
        </p>
      </>
    );
  }
  const description = chain.byName.get(exercise),
    task = chain.taskOfLink(link),
    lines = chain.linesOf(link);
  useEffect(() => {
    const isNext = document.activeElement === document.body && chain.linkIndex.value > 0; // the line before has just passed
    if (isNext && hasMarked) area.current?.focus({ preventScroll: true });
  }, []);
  const isOneLine = gives.length === 1 && !lines?.includes("\n");
  const mark = () => {
    hasMarked = true;
    chain.mark(link);
  };
  const handleKey = (event) => {
    const isWhole = isOneLine && !event.shiftKey;
    if (event.key !== "Enter" || !(isWhole || event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    mark();
  };
  const enter = () => {
    chain.loadPythonAhead();
    const dots = area.current.value.indexOf("...");
    if (dots >= 0) area.current.setSelectionRange(dots, dots + 3);
  };
  return (
    <>
      {about}
      <div class="own-line">
        {lines === null ? (
          <p class="note">
            Your file {exercise}.py has a different form: <a href={`practise.html#${exercise}`}>open it</a>, or mark it
            as it is.
          </p>
        ) : (
          <textarea
            ref={area}
            aria-label={`Python: ${gives.join(" and ")}${link.within ? " of one image" : ""}`}
            rows={lines.split("\n").length}
            spellcheck={false}
            autocapitalize="off"
            autocomplete="off"
            value={lines}
            onFocus={enter}
            onInput={({ target }) => chain.writeLines(link, target.value)}
            onKeyDown={handleKey}
          />
        )}
        <MarkButton id="mark" python={chain.python} task={task} mark={mark} />
        <HintButton exercise={description} help={help} />
      </div>
      <p id="keys" class="note">
        {isOneLine ? "Enter marks; Shift+Enter starts a new line." : `${chord} marks.`}
      </p>
      <StorageWarning python={chain.python} />
      <VerdictBox task={task} edit={withoutNumber} />
      <Help exercise={description} help={help} />
    </>
  );
}

/** What is said of a line, without its number in the file: here it is alone. */
const withoutNumber = (text) => text.replace(/^Line \d+[:,] /gm, "");

/** What the verdict on the line before said, now that the next one is asked for: that it passed, and, folded, what it says of
    other digits than the one on the pad. */
function Passed() {
  const link = chain.CHAIN[chain.linkIndex.value - 1];
  if (!link || !chain.python) return null;
  const { result } = chain.taskOfLink(link);
  if (!result.value?.passed) return null;
  const [firstSentence, ...otherSentences] = result.value.sentences;
  return (
    <div class="verdict right" role="status">
      <Verdict {...result.value} sentences={[firstSentence]} />
      {otherSentences.length > 0 && (
        <details>
          <summary>More</summary>
          <Message text={otherSentences.join("\n")} />
        </details>
      )}
    </div>
  );
}

// --- What is not told ahead ----------------------------------------------------------------------------------------------

/** A formula of mlp_np.py above its picture; folded, as long as the reader has neither written it nor asked to see it. */
function Formula({ name, words }) {
  if (!chain.isFolded(name)) return <code>{words}</code>;
  return (
    <button type="button" class="fold" onClick={() => chain.unfold(name)}>
      {name} = … <span>your line goes here</span>
    </button>
  );
}

export const parts = { Units, ProbabilitiesName, ScoresName, Way, Scores, Question, Replay, Chain, Passed, Formula };

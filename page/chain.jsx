/* The first screen's picture and its task: the ten scores, of which a reader pulls one, what they guess of the derivatives, and
   the lines to write. */

import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

import * as chain from "./chain.js";
import { pointing } from "./controls.jsx";
import { playFlow, reachOf } from "./flow.js";
import { isOnSite } from "./given.js";
import { Grid } from "./grid.js";
import { Help, HintButton, MarkButton, Marked } from "./lessons/marked.jsx";
import { isSupported } from "./lessons/python.js";
import { Said, Verdict } from "./lessons/show.jsx";
import { Unkept } from "./lessons/unkept.jsx";
import { chord, TOO_OLD } from "./lessons/words.js";
import { hasPassed, work } from "./lessons/work.js";
import { cannotLearn, empty, now, pixels } from "./passes.js";
import { $ } from "./picture.js";
import * as question from "./question.js";
import { label } from "./state.js";
import { a, DIGITS, percent, text } from "./words.js";

// --- The picture -------------------------------------------------------------------------------------------------------

/** What the picture of the hidden units shows: the last thing that the reader's lines compute of them. */
const shown = () => {
  const isWritten = (name) => chain.mine.value && hasPassed(work.value, { name });
  return ["dz1", "da1"].find(isWritten) ?? "a1";
};

export function drawChain() {
  new Grid($("s-x").querySelector(".grid"), () => "x");
  new Grid($("s-units").querySelector(".grid"), shown);
}
const Units = () => shown();

/** Let the digit at hand flow through the network. */
export const replay = () => playFlow({ ...now.value, pixels: pixels.value });
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
    held = useRef(null); // where on the bar's end the pointer holds it
  const { y } = now.value,
    { logits, p, loss } = question.pulledNow.value,
    reach = reachOf(now.value.logits);
  const height = (v) => 50 * Math.min(Math.max(v / reach, -1), 1); // per cent of the whole
  const bar = { bottom: `${50 + Math.min(height(logits[k]), 0)}%`, height: `${Math.abs(height(logits[k]))}%` };
  if (k !== y) {
    return (
      <div class="pull off">
        <i class="score-bar" style={bar} />
      </div>
    );
  }
  const pull = (by) =>
    (question.pulled.value = Math.min(Math.max(by, -reach - now.value.logits[y]), reach - now.value.logits[y]));
  const at = ({ clientY }) => {
    const { top, height } = host.current.getBoundingClientRect();
    return reach * (1 - (2 * (clientY - top)) / height);
  };
  const down = (event) => {
    if (event.button !== 0) return;
    event.preventDefault();
    host.current.focus({ preventScroll: true });
    host.current.setPointerCapture?.(event.pointerId);
    held.current = at(event) - question.pulled.value;
    chain.begin();
  };
  const move = (event) => held.current !== null && pull(at(event) - held.current);
  const up = () => {
    if (held.current === null) return;
    held.current = null;
    question.settle();
  };
  const press = (event) => {
    if (event.key === "Enter") return question.settle();
    const by = STEPS[event.key];
    if (by === undefined) return;
    event.preventDefault();
    chain.begin();
    pull(question.pulled.value + by);
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
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={up}
      onKeyDown={press}
    >
      <i class="score-bar" style={bar} />
      <i class="handle" style={{ bottom: `${50 + height(logits[k])}%` }} />
    </div>
  );
}

function Asked() {
  const { answer, y, p, logits, loss } = now.value,
    after = question.pulledNow.value;
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
        {question.pulled.value
          ? `The score of ${y}: ${text(logits[y])} → ${text(after.logits[y])}. Its p: ${percent(p[y])} → ${percent(after.p[y])}. The loss: ${text(loss)} → ${text(after.loss)}.`
          : `The score of ${y} is ${text(logits[y])}, its p ${percent(p[y])}. The loss says how wrong that is: ${text(loss)}.`}
      </p>
      <div class="row">
        <Replay />
        <button id="skip" type="button" onClick={question.skip}>
          Skip the question
        </button>
      </div>
    </>
  );
}

/** What became of the first question. */
function answered() {
  const { by, p, loss } = question.answer.value,
    { y } = now.value;
  const change = `from ${text(loss[0])} to ${text(loss[1])}`;
  const so = "More of that score is less loss: its derivative is negative.";
  if (by > 0) return `Up: p of ${y} went from ${percent(p[0])} to ${percent(p[1])}, and the loss fell ${change}. ${so}`;
  return `Down, the loss rose ${change}. It is ${a(y)}, so its score should go up. ${so}`;
}

// --- Guess -------------------------------------------------------------------------------------------------------------

const KEYS = { ArrowUp: 0.1, ArrowRight: 0.1, ArrowDown: -0.1, ArrowLeft: -0.1, PageUp: 0.5, PageDown: -0.5 };

/** One bar from -1 to 1: pulled by a pointer or the arrow keys until the lines have passed, which then drive it. */
function Pull({ k }) {
  const host = useRef(),
    pulled = useRef(false);
  const { values, out } = chain.guesses.value,
    isMine = chain.here.value > 0,
    own = chain.mine.value?.dlogits?.[k];
  const guess = isMine ? null : values[k],
    truth = isMine ? own : out[k] && now.value.dlogits[k];
  const at = (event) => {
    const { top, height } = host.current.getBoundingClientRect();
    chain.guess(k, 1 - (2 * (event.clientY - top)) / height);
  };
  const off = isMine || cannotLearn.value;
  const down = (event) => {
    if (off || event.button !== 0) return;
    event.preventDefault();
    host.current.focus({ preventScroll: true });
    host.current.setPointerCapture?.(event.pointerId);
    pulled.current = true;
    chain.begin();
    at(event);
  };
  const up = () => {
    if (!pulled.current) return;
    pulled.current = false;
    chain.settle(k);
  };
  const press = (event) => {
    const by = KEYS[event.key] ?? { Home: -2, End: 2 }[event.key];
    if (by === undefined || off) return;
    event.preventDefault();
    chain.begin();
    chain.guess(k, Math.round(10 * ((values[k] ?? 0) + by)) / 10);
  };
  const bar = (v) => ({ bottom: `${50 + 50 * Math.min(v, 0)}%`, height: `${50 * Math.abs(v)}%` });
  const words = [
    guess === null ? "" : `your guess: ${text(guess)}`,
    typeof truth === "number" ? `${isMine ? "your line says" : "it is"} ${text(truth)}` : "",
  ];
  const classes = ["pull", off && "off", k === now.value.y && label.value !== null && "true"];
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
      onPointerDown={down}
      onPointerMove={(event) => pulled.current && at(event)}
      onPointerUp={up}
      onPointerCancel={up}
      onKeyDown={press}
      onBlur={() => chain.settle(k)}
      onKeyUp={({ key }) => key === "Enter" && chain.settle(k)}
    >
      {guess !== null && <i class="guess" style={bar(guess)} />}
      {typeof truth === "number" && <i class={`truth ${truth < 0 ? "better" : "worse"}`} style={bar(truth)} />}
      {typeof truth === "number" && <span class={truth < 0 ? "below" : "above"}>{rounded(truth)}</span>}
    </div>
  );
}
const rounded = (v) => (Math.abs(v) < 0.005 ? "0.00" : v.toFixed(2));

const ScoresName = () => (question.isAsking.value ? "score" : "logits"); // the word that the question has
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
    { p, logits } = isAsking ? question.pulledNow.value : now.value,
    answer = logits.indexOf(Math.max(...logits)),
    blank = empty.value;
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
  if (isAsking) return <Asked />;
  return <p id="guessed">{guessWords()}</p>;
}

function guessWords() {
  const { values, out } = chain.guesses.value,
    { dlogits, y } = now.value;
  if (empty.value) return "Draw a digit first.";
  if (label.value === null) return "Which digit did you mean? Say it, and there is a loss.";
  if (chain.here.value > 0) {
    if (chain.mine.value?.failed) return `Your lines do not compute it for one image: ${chain.mine.value.failed}`;
    return chain.mine.value
      ? "Your own line drives these bars. Draw, or choose another true digit, and they follow."
      : chain.python?.isReady.value
        ? "Your own line computes these bars …"
        : "Your own line drives these bars as soon as Python is here: touch the pad.";
  }
  const count = out.filter(Boolean).length;
  if (!count && question.answer.value?.by && question.isOpening.value) return answered();
  if (!count)
    return "If this score grew a little, would the loss rise or fall? Pull each bar: up for rise, down for fall.";
  const right = DIGITS.filter((k) => out[k] && values[k] < 0 === dlogits[k] < 0).length;
  const more = count < 10 ? `${10 - count} to go.` : `Only a larger score of ${y} makes the loss fall. Now write it.`;
  return `${right} of ${count} ${count === 1 ? "points" : "point"} the right way. ${more}`;
}

// --- Write -------------------------------------------------------------------------------------------------------------

/** The lines in the order of the chain rule: which are written, and which one is next. */
const Links = () => (
  <ol class="links" aria-label="The derivatives, from the loss back to the first weights">
    {chain.CHAIN.map((link, n) => {
      const { exercise, gives } = link,
        isDone = chain.isDone(link);
      return (
        <li key={exercise} class={isDone ? "done" : ""} aria-current={n === chain.here.value ? "step" : null}>
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
  const link = chain.CHAIN[chain.here.value];
  return (
    <>
      <Links />
      {link ? (
        <Line key={link.exercise} link={link} />
      ) : (
        <p id="all-own">
          Every derivative from the loss to the first weights is yours, and <i>Take a step</i> is your own step.{" "}
          {isOnSite && <a href="practise.html#update">Write the step itself</a>}
        </p>
      )}
    </>
  );
}

const lesson = isOnSite ? "backprop.html" : "../docs/backprop.md";

let hasBegun = false; // something has been marked since the page opened

function Line({ link }) {
  const { exercise, gives, asks, given } = link,
    area = useRef(),
    help = useSignal("");
  const more = (
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
        {Object.entries(given).map(([name, words], n) => (
          <span key={name}>
            {n > 0 && "; "}
            <code>{name}</code> {words}
          </span>
        ))}
        . {more}
      </p>
    </>
  );
  if (!chain.python) {
    return (
      <>
        {about}
        <p id="command">
          {isOnSite && !isSupported() && `${TOO_OLD} `}
          <code>{gives.map((name) => `${name} = ...`).join("; ")}</code> Write it in a terminal, and have it marked:{" "}
          <code>python practice.py {exercise}</code>
        </p>
      </>
    );
  }
  const description = chain.byName.get(exercise),
    task = chain.taskOfLink(link),
    lines = chain.linesOf(link);
  useEffect(() => {
    const isNext = document.activeElement === document.body && chain.here.value > 0; // the line before has just passed
    if (isNext && hasBegun) area.current?.focus({ preventScroll: true });
  }, []);
  const isOneLine = gives.length === 1 && !lines?.includes("\n");
  const mark = () => {
    hasBegun = true;
    chain.mark(link);
  };
  const press = (event) => {
    const isWhole = isOneLine && !event.shiftKey;
    if (event.key !== "Enter" || !(isWhole || event.ctrlKey || event.metaKey)) return;
    event.preventDefault();
    mark();
  };
  const enter = () => {
    chain.begin();
    const dots = area.current.value.indexOf("...");
    if (dots >= 0) area.current.setSelectionRange(dots, dots + 3);
  };
  return (
    <>
      {about}
      <div class="own-line">
        {lines === null ? (
          <p class="note">
            Your file {exercise}.py has a form of its own: <a href={`practise.html#${exercise}`}>open it</a>, or mark it
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
            onInput={({ target }) => chain.type(link, target.value)}
            onKeyDown={press}
          />
        )}
        <MarkButton id="mark" python={chain.python} task={task} mark={mark} />
        <HintButton exercise={description} help={help} />
      </div>
      <p id="keys" class="note">
        {isOneLine ? "Enter marks; Shift+Enter begins another line." : `${chord} marks.`}
      </p>
      <Unkept python={chain.python} />
      <Marked task={task} edit={withoutNumber} />
      <Help exercise={description} help={help} />
    </>
  );
}

/** What is said of a line, without its number in the file: here it is alone. */
const withoutNumber = (text) => text.replace(/^Line \d+[:,] /gm, "");

/** What the verdict on the line before said, now that the next one is asked for: that it passed, and, folded, what it says of
    other digits than the one on the pad. */
function Passed() {
  const link = chain.CHAIN[chain.here.value - 1];
  if (!link || !chain.python) return null;
  const { said } = chain.taskOfLink(link);
  if (!said.value?.passed) return null;
  const [first, ...more] = said.value.said;
  return (
    <div class="verdict right" role="status">
      <Verdict {...said.value} said={[first]} />
      {more.length > 0 && (
        <details>
          <summary>More of it</summary>
          <Said text={more.join("\n")} />
        </details>
      )}
    </div>
  );
}

// --- What is not given away ----------------------------------------------------------------------------------------------

/** A formula of mlp_np.py above its picture; folded, as long as the reader has neither written it nor asked to see it. */
function Formula({ name, words }) {
  if (!chain.isFolded(name)) return <code>{words}</code>;
  return (
    <button type="button" class="fold" onClick={() => chain.unfold(name)}>
      {name} = … <span>your line comes here</span>
    </button>
  );
}

export const parts = { Units, ScoresName, Way, Scores, Question, Replay, Chain, Passed, Formula };

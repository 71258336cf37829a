/* The first screen's picture and its task: the ten scores, what a reader guesses of their derivatives, and the lines to write. */

import { useEffect, useRef } from "preact/hooks";

import * as chain from "./chain.js";
import { Button, pointing } from "./controls.jsx";
import { isOnSite } from "./given.js";
import { Grid } from "./grid.js";
import { isSupported } from "./lessons/python.js";
import { Coming, Said, Told, Verdict } from "./lessons/show.jsx";
import { Unkept } from "./lessons/unkept.jsx";
import { chord } from "./lessons/words.js";
import { hasPassed, work } from "./lessons/work.js";
import { cannotLearn, empty, now } from "./passes.js";
import { $ } from "./picture.js";
import { label } from "./state.js";
import { DIGITS, percent, text } from "./words.js";

// --- The picture -------------------------------------------------------------------------------------------------------

/** What the picture of the hidden units shows: the last thing that the reader's lines compute of them. */
const shown = () => {
  const { here } = chain;
  if (!chain.mine.value || here.value < 3) return "a1";
  return here.value === 3 ? "da1" : "dz1";
};

export function drawChain() {
  new Grid($("s-x").querySelector(".grid"), () => "x");
  new Grid($("s-units").querySelector(".grid"), shown);
}
const Units = () => shown();

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

const Scores = () => {
  const { p, logits, answer } = now.value,
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
          <Pull k={k} />
        </div>
      ))}
    </div>
  );
};

const Question = () => {
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
  if (!count)
    return "If this score grew a little, would the loss rise or fall? Pull each bar: up for rise, down for fall.";
  const right = DIGITS.filter((k) => out[k] && values[k] < 0 === dlogits[k] < 0).length;
  const more = count < 10 ? `${10 - count} to go.` : `Only a larger score of ${y} makes the loss fall. Now write it.`;
  return `${right} of ${count} ${count === 1 ? "points" : "point"} the right way. ${more}`;
};

// --- Write -------------------------------------------------------------------------------------------------------------

/** The lines in the order of the chain rule: which are written, and which one is next. */
const Links = () => (
  <ol class="links" aria-label="The derivatives, from the loss back to the first weights">
    {chain.CHAIN.map(({ exercise, gives }, n) => {
      const isDone = hasPassed(work.value, { name: exercise });
      return (
        <li key={exercise} class={isDone ? "done" : ""} aria-current={n === chain.here.value ? "step" : null}>
          <code>{gives.join(", ")}</code>
          {isDone && <span class="unseen">, written</span>}
        </li>
      );
    })}
  </ol>
);

function Chain() {
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
    verdict = useRef();
  const lines = chain.linesOf(link);
  const more = (
    <>
      <a href={isOnSite ? `${lesson}#exercise-${exercise}` : lesson} target={isOnSite ? null : "_blank"} rel="noopener">
        The lesson
      </a>
      {isOnSite && (
        <>
          {" · "}
          <a href={`practise.html#${exercise}`}>Hints, and the whole file</a>
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
          {isOnSite && !isSupported() && "This browser cannot run Python. "}
          <code>{gives.map((name) => `${name} = ...`).join("; ")}</code> Write it in a terminal, and have it marked:{" "}
          <code class="nowrap">python practice.py {exercise}</code>
        </p>
      </>
    );
  }
  const task = chain.taskOf(link),
    { said, isBusy } = task;
  useEffect(() => {
    const isNext = document.activeElement === document.body && chain.here.value > 0; // the line before has just passed
    if (isNext && hasBegun) area.current?.focus({ preventScroll: true });
  }, []);
  useEffect(() => {
    if (said.value) verdict.current?.scrollIntoView({ block: "nearest" });
  }, [said.value]);
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
            aria-label={`Python: ${gives.join(" and ")}`}
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
        <Button id="mark" class="primary" act={mark} off={isBusy.value}>
          Mark
          <Coming python={chain.python} />
        </Button>
      </div>
      <p id="keys" class="note">
        {isOneLine ? "Enter marks; Shift+Enter begins another line." : `${chord} marks.`}
      </p>
      <Unkept python={chain.python} />
      <div ref={verdict} class={`verdict ${{ true: "right", false: "wrong" }[said.value?.passed] ?? ""}`} role="status">
        <Told task={task}>{(verdict) => <Verdict {...verdict} said={verdict.said.map(withoutNumber)} />}</Told>
      </div>
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
  const { said } = chain.taskOf(link);
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

export const parts = { Units, Scores, Question, Chain, Passed, Formula };

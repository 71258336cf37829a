/* Draw, read, teach: the first screen but for its task (chain.jsx), and the line at the bottom of the window. */

import { effect, signal } from "@preact/signals";
import { useCallback } from "preact/hooks";

import * as actions from "./actions.js";
import { formatDigit } from "./address.js";
import { CHAIN, isChainDone, linkIndex, loadPythonAhead, python, step } from "./chain.js";
import { Button, Painted, Radios, Share } from "./controls.jsx";
import { newAnswer, newProbabilities, summary, toggle, verb } from "./learning.js";
import { pointedNumber, readout } from "./numbers.js";
import { otherAnswer, otherNetwork } from "./own.js";
import { pretrained, tests } from "./page_data.js";
import { answers, cannotLearn, hasChangedAnswer, isEmpty, pass, pixels, reads, recentSteps } from "./passes.js";
import { context, drawOn, drawPen, followKeys, followPen, paintInk, SIDE } from "./pen.js";
import { $ } from "./picture.js";
import { changedPass, isAsking } from "./question.js";
import {
  announcement,
  digit,
  digitUndoStack,
  inView,
  label,
  learning,
  originalNetwork,
  stepUndoStack,
} from "./state.js";
import { goTo } from "./views.js";
import { a, argmax, count, percent, text, top } from "./words.js";

// --- The pads: one here, one in section "Learn from nothing"; both show the same digit ---------------------------------

export function drawPad(canvas) {
  const ink = context(Object.assign(canvas, { width: SIDE, height: SIDE })),
    pen = signal(null); // of the keys
  effect(() => {
    const { picked, base, strokes } = digit.value;
    drawOn(ink, picked === null ? base : tests[picked].pixels, strokes);
    if (pen.value) drawPen(ink, pen.value);
  });
  canvas.addEventListener("pointerdown", loadPythonAhead);
  followKeys(canvas, pen, { begin: actions.beginStroke, extend: actions.extendStroke });
  return followPen(canvas, { begin: actions.beginStroke, extend: actions.extendStroke, cancel: actions.undoDigit });
}

function PadButtons() {
  return (
    <>
      <Clear />
      <Button id="undo-stroke" act={actions.undoDigit} off={!digitUndoStack.value.length}>
        Undo
      </Button>
    </>
  );
}
export const Clear = () => (
  <button class="clear" type="button" onClick={actions.clear}>
    Clear
  </button>
);

const PadNote = () => {
  const { picked } = digit.value;
  if (isEmpty.value) return "";
  return picked === null
    ? "Your digit"
    : `Test image ${tests[picked].number}, ${a(tests[picked].label)}. Draw over it!`;
};

const ShareDigit = () => <Share words="Link to this digit" part={() => formatDigit(digit.value, label.value)} />;

// --- Its answer ----------------------------------------------------------------------------------------------------------

const inWords = (share) => percent(share).replace(">", "more than ").replace("<", "below ");
const describeCertainty = (p) => {
  if (isEmpty.value) return "Nothing is drawn yet.";
  const [first, runnerUp] = top(10, 2, (k) => p[k]);
  return `${inWords(p[first])} sure. Second: ${runnerUp}, ${inWords(p[runnerUp])}.`;
};
const verdict = (answer) => {
  const { y } = pass.value;
  return isEmpty.value || label.value === null ? "" : answer === y ? "Right." : `Wrong: it is ${a(y)}.`;
};

const Says = () => {
  const { logits, p } = isAsking.value ? changedPass.value : pass.value, // it follows the score that is pulled
    { y } = pass.value,
    answer = argmax(logits),
    blank = isEmpty.value;
  return (
    <>
      <h2 class="unseen">Its answer</h2>
      <p id="answer" class="numeral">
        {blank ? "–" : answer}
      </p>
      <div class="note">
        <p>
          <span id="sure">{describeCertainty(p)}</span>{" "}
          <b id="verdict" class={answer === y ? "right" : "wrong"}>
            {verdict(answer)}
          </b>
        </p>
        {otherNetwork.value && (
          <p id="other">
            {otherNetwork.value === pretrained ? "The page’s own network" : otherNetwork.value.name}{" "}
            {blank ? "waits, too." : `reads ${otherAnswer.value.answer}, ${inWords(otherAnswer.value.p)} sure.`}
          </p>
        )}
      </div>
    </>
  );
};

effect(() => {
  const { answer, p } = pass.value;
  actions.announce(
    isEmpty.value ? "Nothing is drawn." : `It reads ${answer}, ${describeCertainty(p)} ${verdict(answer)}`,
  );
});

// --- Teach it ------------------------------------------------------------------------------------------------------------

/** Whether a step is what comes next: no line is left to write, or none can be marked here. */
const isNext = () => !python || linkIndex.value === CHAIN.length;

const isLabelMissing = () => digit.value.picked === null && label.value === null && !isEmpty.value;

function teachWords() {
  const { answer, y, loss } = pass.value;
  if (isEmpty.value) return "Draw a digit first.";
  if (label.value === null) return "Enter the digit, and the network can learn.";
  if (hasChangedAnswer.value)
    return `It changed its mind${isChainDone.value ? ", thanks to your derivatives" : ""}: now it reads ${answer}.`;
  if (answer !== y) return `A step changes the weights a little, so that ${y} becomes likelier.`;
  return `It is right. ${loss < 0.1 ? "Draw an ugly one, or give it a different label." : "Further steps make it surer."}`;
}

/** Of all answers those that there is room for: the first, the last turn, and the newest. left: some before it are not. */
function selectShown(all) {
  const withTurns = all.map((one, n) => ({ ...one, n, turned: n > 0 && all[n - 1].answer !== one.answer }));
  const lastTurn = withTurns.findLastIndex(({ turned }) => turned);
  const indices = [0, lastTurn, lastTurn - 1, ...withTurns.map(({ n }) => n).reverse()].filter((n) => n in withTurns);
  const chosen = [...new Set(indices)].slice(0, 5).sort((a, b) => a - b);
  return chosen.map((n, i) => ({ ...withTurns[n], left: i > 0 && n > chosen[i - 1] + 1 }));
}

/** How far the steps have come: from the first scores on, the true digit catches up with the answer. */
function Way() {
  const [first] = recentSteps.value;
  if (!first || isEmpty.value) return null;
  const { y, p, logits } = pass.value;
  const gapToLargest = (logits) => Math.max(...logits) - logits[y];
  const [gapBefore, gapNow] = [first.logits, logits].map(gapToLargest);
  if (!gapBefore) return null;
  const times = p[y] / first.p[y];
  const likelier =
    times < 1.005
      ? ""
      : `${y} is ${times < 100 ? text(times) : times < 1e4 ? count(Math.round(times)) : "over 10,000"} times as likely as before. `;
  const score = gapNow ? `is ${text(gapNow)} below the score of ${pass.value.answer}` : "is the largest";
  return (
    <>
      <div id="way" role="img" aria-label="how far the score has come">
        <i style={{ width: `${100 * Math.min(Math.max(1 - gapNow / gapBefore, 0), 1)}%` }} />
      </div>
      <p id="way-words" class="note">
        {likelier}
        Its score was {text(gapBefore)} below the largest; now it {score}.
      </p>
    </>
  );
}

export const Labels = () => <Radios count={10} chosen={label.value} choose={actions.setLabel} />;
const Teach = () => (
  <>
    <h2 class="unseen">Teach it</h2>
    <h3 id="h-meant" class={isLabelMissing() ? "ask" : ""}>
      {isLabelMissing() ? "Which digit did you mean?" : "The true digit"}
    </h3>
    <div id="meant" class="digits" role="radiogroup" aria-labelledby="h-meant">
      <Labels />
    </div>
    <p id="teach-words">{teachWords()}</p>
    <div class="row">
      <Button
        id="teach"
        class={isNext() ? "primary" : ""}
        aria-describedby="teach-words"
        act={step}
        off={cannotLearn.value}
      >
        Take a step
      </Button>
      <Button id="teach-undo" act={actions.undo} off={!stepUndoStack.value.length}>
        Undo step
      </Button>
      <ol id="trail" aria-label="What it read before each step, and now">
        {selectShown(isEmpty.value || !recentSteps.value.length ? [] : answers.value).map(
          ({ answer, p, turned, left }, n) => (
            <li key={n} class={[turned && "turned", left && "left"].filter(Boolean).join(" ")}>
              {answer}
              <span class="unseen">, {percent(p)} sure</span>
            </li>
          ),
        )}
      </ol>
    </div>
    <Way />
  </>
);

// --- The test images to pick from ----------------------------------------------------------------------------------------

const Picker = () => {
  const wrong = (n) => reads.value?.[n] === false;
  const more = (n) => ({
    class: wrong(n) ? "wrong" : "",
    "aria-label": `test image ${tests[n].number}, ${a(tests[n].label)}${wrong(n) ? ", misread" : ""}`,
  });
  return (
    <Radios count={tests.length} chosen={digit.value.picked} choose={actions.pick} more={more}>
      {(n) => <Picture n={n} />}
    </Radios>
  );
};
function Picture({ n }) {
  const paint = useCallback((canvas) => canvas && paintInk(canvas, tests[n].pixels), [n]); // once
  return <canvas ref={paint} />;
}

/** first: the images that do not depend on any network; the others were chosen because the page's own misread them. */
const PickNote = () => {
  const first = tests.filter(({ number }, n) => number === n).length,
    chosen = tests.length - first;
  const origin =
    originalNetwork.value === pretrained ? "it misread after its training" : "the page’s own network misread";
  return (
    <>
      MNIST’s first {first} test images, and {chosen} that {origin}. A dot marks what it misreads now
      <span id="score">
        {reads.value && `: it reads ${reads.value.filter((gapNow) => gapNow).length} of these ${tests.length} right`}
      </span>
      .
    </>
  );
};

// --- The dock: at the bottom of the window, wherever you are -------------------------------------------------------------

function Readout() {
  const [nameAndValue, rest] = readout.value;
  return (
    (nameAndValue || rest) && (
      <>
        <b>{nameAndValue}</b>
        {rest}
      </>
    )
  );
}

const Hand = () => {
  const learns = inView.learn.value,
    p = learns ? newProbabilities.value : pass.value.p;
  const answer = learns ? newAnswer.value : pass.value.answer,
    blank = isEmpty.value || answer < 0;
  const toPad = () => {
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (!learns) goTo("opening");
    $(learns ? "pad2" : "pad").scrollIntoView({ block: "center", behavior: calm ? "auto" : "smooth" });
  };
  const hasPad = learns && inView.pad2.value,
    hasStart = learns && inView.start.value; // the window has them already
  if (hasPad && hasStart) return null;
  return (
    <>
      {!hasPad && (
        <button id="dock-digit" type="button" aria-label="Go to the pad" onClick={toPad}>
          <Painted id="dock-picture" paint={(canvas) => paintInk(canvas, pixels.value)} />
        </button>
      )}
      <p>
        {!hasPad && (
          <>
            <b id="dock-answer">{blank ? "–" : answer}</b> <span id="dock-sure">{blank ? "" : percent(p[answer])}</span>
            <br />
          </>
        )}
        <span id="dock-more">{learns ? summary.value : cannotLearn.value ? "" : `loss ${text(pass.value.loss)}`}</span>
      </p>
      {learns && !hasStart && (
        <Button id="dock-step" class="primary" act={toggle} off={learning.value.run.broken}>
          {verb.value}
        </Button>
      )}
    </>
  );
};

effect(() => {
  // at the pad nobody needs it
  const { opening, learn, start, pad2 } = inView;
  const isAtPad = opening.value || (learn.value && start.value && pad2.value);
  $("dock").classList.toggle("away", isAtPad && !pointedNumber.value.name);
});
const Announced = () => announcement.value;

export const parts = {
  ShareDigit,
  PadButtons,
  Clear,
  PadNote,
  Says,
  Teach,
  Picker,
  PickNote,
  Readout,
  Hand,
  Announced,
};

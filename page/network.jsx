/* The network as one picture: pixels, hidden units and digits, the wires that matter between them, and the lines of
   mlp_np.py, each of which shows what it computes. */

import { computed, effect } from "@preact/signals";

import { clearFocus } from "./actions.js";
import { EXERCISE_OF, isFolded, unfold } from "./chain.js";
import { arrows, Bars, Button, Painted, pointing } from "./controls.jsx";
import { focus } from "./grid.js";
import { work } from "./lessons/work.js";
import { unit } from "./numbers.js";
import { getUnitWeights, hidden, isEmpty, pass, runnerUp, scales, unitContribution, W2 } from "./passes.js";
import { $, paintWeights } from "./picture.js";
import { currentStage, go, play, STAGES } from "./stages.js";
import { isPlaying, label, params, stage } from "./state.js";
import { contributingUnits, wires } from "./wires.js";
import { DIGITS, largest, plural, signed, text } from "./words.js";

// --- From line to line -------------------------------------------------------------------------------------------------

addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  go(-1);
  clearFocus();
});

const lines = [...document.querySelectorAll("#code [data-stage]")];
const choose = (line) => go(STAGES.findIndex((stage) => stage.line === line.dataset.stage));
const chosen = computed(() => lines.filter((line) => line.dataset.stage === currentStage.value.line));

/** The reader's own line that computes this, if their file has passed. */
function ownLine(name) {
  const text = work.value.passed[EXERCISE_OF[name]] ?? "";
  const line = text.match(new RegExp(`^ +(${name} *=(?!=).*)$`, "m")) ?? text.match(/^ +(return .*)$/m);
  return line?.[1].replace(/ +#.*/, "") ?? "";
}
const ownLineShown = computed(() => (chosen.value.length ? ownLine(currentStage.value.line) : ""));
const code = new Map(lines.map((line) => [line, line.textContent]));

for (const line of lines) {
  line.addEventListener("click", () => choose(line));
  const list = [...line.parentElement.children];
  line.addEventListener(
    "keydown",
    arrows((n) => choose(list[n])),
  );
}
effect(() => {
  for (const line of lines) {
    line.setAttribute("aria-selected", chosen.value.includes(line));
    const stop =
      chosen.value.find((sibling) => sibling.parentElement === line.parentElement) ?? line.parentElement.children[0];
    line.tabIndex = line === stop ? 0 : -1;
    const { stage } = line.dataset,
      hidden = isFolded(stage);
    line.classList.toggle("written", Boolean(ownLine(stage)));
    line.firstChild.textContent = hidden ? `${stage} = …` : code.get(line);
    line.classList.toggle("folded", hidden);
  }
});
effect(() => {
  $("inside").classList.toggle("backwards", Boolean(currentStage.value.back));
  ["f-x", "f-a1", "f-logits", "f-p"].forEach((id, n) => $(id).classList.toggle("dim", n >= currentStage.value.lit));
});

function Transport() {
  return (
    <>
      <div class="row">
        <Button id="play" class="primary" act={play}>
          {isPlaying.value ? "Stop" : "Play"}
        </Button>
        <Button id="back" aria-label="The line before" act={() => go(Math.max(stage.value, 0) - 1)}>
          ←
        </Button>
        <Button id="next" aria-label="The next line" act={() => go(stage.value + 1)}>
          →
        </Button>
        {stage.value >= 0 && (
          <Button id="rest" act={() => go(-1)}>
            Back to the answer
          </Button>
        )}
      </div>
      <p id="stage" role="status">
        <code id="stage-line">
          {isFolded(currentStage.value.line) ? `${currentStage.value.line} = …` : (code.get(chosen.value.at(-1)) ?? "")}
        </code>
        {isFolded(currentStage.value.line) && (
          <button type="button" class="fold" onClick={() => unfold(currentStage.value.line)}>
            Your line comes here. Show ours
          </button>
        )}
        {ownLineShown.value && (
          <span class="yours">
            Your line: <code>{ownLineShown.value}</code>
          </span>
        )}
        <span id="stage-words">{currentStage.value.words()}</span>
      </p>
    </>
  );
}

// --- The figures -------------------------------------------------------------------------------------------------------

const UnitsName = () => currentStage.value.units;
const DigitsName = () => currentStage.value.digits;
const DigitsNote = () => (currentStage.value.digits === "logits" ? "scores" : "errors");
const NOTES = { z1: "sums", a1: "activations", da1: "derivatives of a1", dz1: "derivatives of z1" };
const UnitsNote = () => {
  const onCount = pass.value.z1.reduce((n, z) => n + (z > 0), 0);
  return `${NOTES[currentStage.value.units]}: ${plural(hidden.value, "hidden unit")}, ${onCount} on`;
};

const Digits = () =>
  currentStage.value.digits === "logits" ? (
    <Bars
      name="logits"
      label="one score for each digit"
      value={(k) => pass.value.logits[k]}
      scale={scales.value.logits}
    />
  ) : (
    <Errors />
  );
export const Errors = () => (
  <Bars
    name="dlogits"
    label="the derivatives of the logits"
    value={(k) => pass.value.dlogits[k]}
    scale={1}
    signs={["better", "worse"]}
  />
);
const Probabilities = () => <Bars name="p" label="one probability for each digit" value={(k) => pass.value.p[k]} />;

const WiresNote = () => wires.value.words;

// --- Which units speak for a digit, and which against it -----------------------------------------------------------------

function Why() {
  const { digit: k } = focus.value,
    { answer, logits, y } = pass.value;
  const rival = k !== answer ? answer : label.value !== null && y !== answer ? y : runnerUp.value;
  const total = (sign, k) => pass.value.a1.reduce((sum, _, j) => sum + Math.max(sign * unitContribution(j, k), 0), 0);
  const adds = (k) =>
    `To ${k} all units add ${signed(total(1, k))} and ${signed(-total(-1, k))}; with the bias, ` +
    `${text(params.value.b2[k])}, that is logits[${k}] = ${text(logits[k])}.`;
  return (
    <>
      <h3 id="h-why">
        {isEmpty.value
          ? "Draw something first"
          : k === answer
            ? `Why ${k}, and not ${rival}?`
            : `Why not ${k}, but ${rival}?`}
      </h3>
      {contributingUnits.value.map((units, side) => {
        const words = `Units that speak ${side ? "against" : "for"} ${k}, and what each adds to its score`;
        return (
          <div
            key={side}
            id={side ? "against" : "for"}
            class="chips"
            role="group"
            aria-label={words}
            data-words={words}
          >
            {units.map((j, n) => (
              <button
                key={n}
                type="button"
                class={side ? "negative" : "positive"}
                {...pointing("W2", () => ({ j, k }))}
              >
                <Painted paint={(canvas) => paintWeights(canvas, getUnitWeights(j))} />
                <b>unit {j}</b>
                <span>{signed(unitContribution(j, k))}</span>
                <small>
                  to {rival}: {signed(unitContribution(j, rival))}
                </small>
              </button>
            ))}
          </div>
        );
      })}
      <p class="note" id="why-sum">
        {adds(k)} {adds(rival)}
      </p>
    </>
  );
}

const Unit = () => unit.value;
const UnitWeights = () => (
  <Bars
    name="W2"
    label="the weights from one unit to all digits"
    value={(k) => W2(unit.value, k)}
    scale={largest(DIGITS.map((k) => W2(unit.value, k)))}
    at={(k) => ({ j: unit.value, k })}
  />
);

export const parts = {
  Transport,
  UnitsName,
  DigitsName,
  DigitsNote,
  UnitsNote,
  Digits,
  Probabilities,
  WiresNote,
  Why,
  Unit,
  UnitWeights,
};

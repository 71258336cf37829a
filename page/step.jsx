/* A step on this one digit, and what the steps have changed: the units that now say something else, their weights before
   and after. */

import * as actions from "./actions.js";
import { colours } from "./colours.js";
import { Bars, Button, Painted, pointing, Slider } from "./controls.jsx";
import { drawCurves, thinPoints } from "./curves.js";
import {
  cannotLearn,
  getUnitWeights,
  hidden,
  initialProbabilities,
  pass,
  RATES,
  reads,
  recentSteps,
  toRate,
  unitContribution,
  W2,
} from "./passes.js";
import { $, paintWeights } from "./picture.js";
import { lr, originalNetwork, steps, stepUndoStack } from "./state.js";
import { PIXELS, plural, signed, text, top } from "./words.js";

const rateAt = (n) => String(+toRate(n).toPrecision(1));

function stepsWords() {
  const stepCount = steps.value.length,
    recentCount = recentSteps.value.length;
  if (!stepCount)
    return `No steps yet. These are the weights of ${originalNetwork.value.title ?? originalNetwork.value.run}.`;
  const right = reads.value.slice(0, 50).filter((is) => is).length; // the others were chosen because it misread them
  const presses =
    stepUndoStack.value.length && stepUndoStack.value[0].steps.length
      ? ` Undo goes back ${stepUndoStack.value.length} presses.`
      : "";
  return (
    `${plural(stepCount, "step")} taken${recentCount < stepCount ? `, ${recentCount} of them on this digit` : ""}. ` +
    `It reads ${right} of the first 50 test images.${presses}`
  );
}

const StepControls = () => (
  <>
    <Slider
      id="lr"
      name={
        <>
          <code>lr</code>, the learning rate
        </>
      }
      count={RATES.length}
      value={lr.value}
      words={rateAt(lr.value)}
      act={(value) => (lr.value = value)}
    />
    <div class="row">
      <Button id="step" act={() => actions.learn(1)} off={cannotLearn.value}>
        Take a step
      </Button>
      <Button id="step10" act={() => actions.learn(10)} off={cannotLearn.value}>
        10 steps
      </Button>
    </div>
    <div class="row">
      <Button id="undo" act={actions.undo} off={!stepUndoStack.value.length}>
        Undo
      </Button>
      <Button id="reset" act={actions.reset} off={!steps.value.length}>
        Reset
      </Button>
    </div>
    <p id="steps" class="note" role="status">
      {stepsWords()}
    </p>
  </>
);

const AfterSteps = () => (
  <Bars
    name="p-after"
    label="the probabilities after the steps"
    value={(k) => pass.value.p[k]}
    before={initialProbabilities.value}
  />
);

/** At which settings a step is seen to forget. */
const ForgetNote = () => (
  <>
    A step helps with this digit. Does it help with others? At a small rate, it hardly affects them.{" "}
    {reads.value?.includes(false) ? "Pick a digit that it misreads (it has a dot)" : "Relabel a digit"}, set{" "}
    <code>lr</code> to {rateAt(RATES.length - 1)}, take one step, and see how many of the first 50 test images it still
    reads. That is why a run learns from many images in each step.
  </>
);

export function drawLosses() {
  const losses = () => [...recentSteps.value.map(({ loss }) => loss), pass.value.loss]; // before each step on this digit, and now
  drawCurves($("chart"), {
    name: "The loss",
    few: 10,
    least: 1e-3,
    most: Infinity,
    guess: 0,
    format: text,
    lines: () => [{ words: "now", points: thinPoints(losses()), colour: colours.value.muted, thick: 1.25 }],
  });
}

// --- What has changed inside ---------------------------------------------------------------------------------------------

const CHANGED = 6; // units that are shown

/** What `steps` on one image x have changed. W1[:, j] has moved by moved[j] times x, because dW1[:, j] is dz1[j] times x;
    was(j, k) is what unit j added to the score of digit k before them. */
function changes(steps) {
  const [{ x, y, a1 }] = steps,
    moved = new Float64Array(hidden.value),
    used = new Set();
  for (const { lr, dz1, a1 } of steps) {
    dz1.forEach((d, j) => (moved[j] -= lr * d));
    a1.forEach((a, j) => a > 0 && used.add(j));
  }
  const weightBefore = (j, k) => steps.reduce((sum, { lr, a1, p }) => sum + lr * a1[j] * (p[k] - Number(k === y)), 0);
  return { x, moved, used, was: (j, k) => a1[j] * (W2(j, k) + weightBefore(j, k)) };
}

function Changes() {
  const [first] = recentSteps.value;
  if (!first) return <p class="note">Take a step, and see here which units have changed.</p>;
  const { x, moved, used, was } = changes(recentSteps.value);
  if (!used.size) {
    return (
      <p id="changed-words" class="note">
        No unit was on, so {plural(recentSteps.value.length, "step")} on this digit moved nothing but the ten biases in
        b2.
      </p>
    );
  }
  const { y } = first,
    rival = top(10, 2, (k) => first.p[k]).find((k) => k !== y),
    { logits, a1 } = pass.value;
  const score = (k) => `of ${k} from ${text(first.logits[k])} to ${text(logits[k])}`;
  const gain = (j) => Math.abs(unitContribution(j, y) - was(j, y) - unitContribution(j, rival) + was(j, rival));
  const changedUnits = top(hidden.value, CHANGED, (j) => (used.has(j) ? gain(j) : -1)).filter((j) => used.has(j));
  return (
    <div class="what">
      <p id="changed-words">
        {plural(recentSteps.value.length, "step")} on this digit moved the weights of the {plural(used.size, "unit")}{" "}
        that were on. The score of {y} went from {text(first.logits[y])} to {text(logits[y])}, that {score(rival)}.
        These units did most of it:
      </p>
      <div id="changes">
        {changedUnits.map((j, n) => {
          const weightsAfter = getUnitWeights(j),
            weightChange = PIXELS.map((i) => moved[j] * x[i]),
            pictures = [weightsAfter.map((w, i) => w - weightChange[i]), weightChange, weightsAfter];
          return (
            <button key={n} type="button" {...pointing("a1", () => ({ j }))}>
              <b>unit {j}</b>
              {["before", "moved by", "now"].map((words, n) => (
                <span key={words} class="part">
                  <Painted paint={(canvas) => paintWeights(canvas, pictures[n])} />
                  {words}
                </span>
              ))}
              <span class="line">
                a1 {text(first.a1[j])} → {text(a1[j])}
              </span>
              {[y, rival].map((k) => (
                <span key={k} class="line">
                  to {k} {signed(was(j, k))} → {signed(unitContribution(j, k))}
                </span>
              ))}
            </button>
          );
        })}
      </div>
      <p class="note">
        A unit’s weights move by the image itself, times one number, <code>-lr * dz1</code>. Each picture has colours of
        its own strength: the move is far smaller than the weights. Its weight to each digit moves, too.
      </p>
    </div>
  );
}

export const parts = { StepControls, AfterSteps, Changes, ForgetNote };

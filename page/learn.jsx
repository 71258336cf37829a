/* Learn from nothing: its controls and its pictures. */

import { effect } from "@preact/signals";
import { formatSettings } from "./address.js";
import { colours } from "./colours.js";
import { Bars, Button, Share, Slider } from "./controls.jsx";
import { drawCurves, thinPoints } from "./curves.js";
import * as learn from "./learning.js";
import { lessonImages, loadLessonImages } from "./page_data.js";
import { $, paintWeights, whenInView } from "./picture.js";
import { inView, learning, settings } from "./state.js";
import { goTo } from "./views.js";
import { PIXELS, percent } from "./words.js";

const isBroken = () => learning.value.run.broken;

const Buttons = () => (
  <>
    <div class="row">
      <Button id="start" class="primary" act={learn.toggle} off={isBroken()}>
        {learn.verb.value}
      </Button>
      <Button id="one" act={learn.oneStep} off={isBroken()}>
        One step
      </Button>
      <Button id="anew" act={learn.startOver}>
        Start over
      </Button>
    </div>
    <div class="row">
      <Button id="look-inside" act={lookInside} off={isBroken()}>
        Look inside it
      </Button>
    </div>
    <p id="progress" class="note">
      {learn.progress.value}
    </p>
  </>
);

function lookInside() {
  learn.lookInside();
  goTo("inside");
}

const Settings = () => {
  const { lr, batch, hidden, init, seed } = settings.value;
  const rate = `${+learn.newLr.value.toPrecision(1)}${learn.hasMistake("rate") ? " × 100" : ""}`;
  return (
    <>
      <div>
        <Slider
          id="new-lr"
          name="Learning rate"
          count={learn.RATES.length}
          value={lr}
          words={rate}
          act={(lr) => learn.set({ lr })}
        />
      </div>
      <div>
        <Slider
          id="new-batch"
          name="Batch size"
          count={learn.BATCHES.length}
          value={batch}
          words={learn.batchSize.value}
          act={(batch) => learn.set({ batch })}
        />
      </div>
      <div>
        <Slider
          id="new-hidden"
          name="Hidden units"
          count={learn.HIDDEN.length}
          value={hidden}
          words={learn.HIDDEN[hidden]}
          act={(hidden) => learn.set({ hidden })}
        />
      </div>
      <div>
        <label for="new-init">
          <span>Initial weights</span>
        </label>
        <div class="row tight">
          <select id="new-init" value={init} onInput={(event) => learn.set({ init: event.target.value })}>
            {learn.INITS.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
          <Button id="reseed" act={() => learn.set({ seed: seed + 1 })}>
            New random weights
          </Button>
        </div>
        <p class="note">
          geohot: small, as in George Hotz’s notebook; pytorch: like torch.nn.Linear; he: as in He et al. 2015.
        </p>
        <div class="row tight">
          <Share words="Link to these settings" part={() => formatSettings(settings.value)} />
        </div>
      </div>
    </>
  );
};

// --- Break it ------------------------------------------------------------------------------------------------------------

const SWITCHES = [
  {
    name: "mask",
    words: "Units that are off learn, too (no ReLU mask)",
    line: "dz1 = da1",
    symptom:
      "It still learns, only worse: the test loss soon starts to rise, and the accuracy stays a few points lower.",
    sign: "the curves alone will not tell you; check the gradient.",
  },
  {
    name: "mean",
    words: "Not divided by the batch size B",
    line: "dlogits = p - onehot(y)",
    symptom:
      "Every gradient is B times too large: the loss jumps, units switch off for good, and the network only guesses.",
    sign: "with batch size 1 everything works; otherwise the gradient check is wrong by a factor of exactly B.",
  },
  {
    name: "zeros",
    words: "All weights 0",
    line: "W1 = W2 = 0",
    symptom:
      "The loss stays at 2.30 = log 10, and the pictures stay blank: every unit is off, and passes nothing back.",
    sign: (
      <>
        from the first step on, every gradient except <code>db2</code> is exactly 0.
      </>
    ),
  },
  {
    name: "shuffled",
    words: "Labels shuffled",
    line: "y = rng.permutation(y)",
    symptom:
      "The training loss falls slowly, because the network can only memorise; the test accuracy stays near 10%, and the test loss climbs.",
    sign: "training improves but the test never does, so look at some images next to their labels.",
  },
  {
    name: "rate",
    words: "Learning rate\u00a0×\u00a0100",
    line: "W1 -= 100 * lr * dW1",
    symptom:
      "At the default rate the loss jumps to hundreds or thousands within a few steps. It may come down again, but not below 2.3: by then, most units are off for every image, and they stay off.",
    sign: "the first loss is normal, the next ones are huge; divide the learning rate by 10 until they fall.",
  },
];

const Mistakes = () => {
  const { mistakes } = settings.value;
  return SWITCHES.map(({ name, words, line, symptom, sign }) => {
    const isOn = mistakes.includes(name),
      otherMistakes = mistakes.filter((other) => other !== name);
    return (
      <div key={name} data-mistake={name} class={isOn ? "on" : ""}>
        <label>
          <input
            type="checkbox"
            role="switch"
            checked={isOn}
            onInput={() => learn.set({ mistakes: isOn ? otherMistakes : [...otherMistakes, name] })}
          />{" "}
          <span>
            {words} <code>{line}</code>
          </span>
        </label>
        <p class="note symptom">
          {symptom} <b>How to recognise it:</b> {sign}
        </p>
      </div>
    );
  });
};

const Check = () => (
  <>
    <Button id="check" act={learn.check} off={isBroken()}>
      Check the gradient
    </Button>
    <p id="checked" class="note" role="status">
      {learn.checkWords.value}
    </p>
  </>
);

// --- Pictures of it ------------------------------------------------------------------------------------------------------

const countOff = () => learning.value.run.off?.filter((is) => is).length ?? 0;
const UnitsOff = () =>
  countOff() > 0 &&
  `${countOff()} of the ${learning.value.run.model.hidden} units, shown pale, ${countOff() === 1 ? "is" : "are"} off for every test image.`;

const NewAnswer = () => (
  <>
    It reads <b id="new-answer">{learn.cannotRead.value ? "–" : learn.newAnswer.value}</b>{" "}
    <span id="new-sure">
      {learn.cannotRead.value ? "" : `(${percent(learn.newProbabilities.value[learn.newAnswer.value])} sure)`}
    </span>
  </>
);
const NewProbabilities = () => (
  <Bars
    name="p-new"
    label="the probabilities that the new network gives"
    value={(k) => learn.newProbabilities.value[k]}
    answer={learn.newAnswer.value}
  />
);

export function drawLearning() {
  effect(() => {
    if (inView.learn.value && !lessonImages.value) loadLessonImages().catch(() => {}); // a button tries again, and says so
  });
  const percents = (v) => (Number.isFinite(v) ? `${Math.round(100 * v)}%` : "–");
  const short = (v) =>
    !Number.isFinite(v) ? "∞" : v < 10 ? v.toFixed(2) : v < 1e4 ? String(Math.round(v)) : v.toExponential(0);
  /** Of the batches and of the test images, and those of the run before. */
  const lines = (trained, tested) => () => {
    const { run, before } = learning.value,
      { muted, accent } = colours.value;
    const points = (run) => thinPoints(run?.tested ?? []).map(([, test]) => [test.step, test[tested]]);
    return [
      { points: points(before), colour: muted, thick: 2, dash: [2, 4] },
      { words: "training", points: thinPoints(run[trained]).map(([n, v]) => [n + 1, v]), colour: muted, thick: 1.25 },
      { words: "test", points: points(run), colour: accent, thick: 2.5 },
    ];
  };
  const both = { few: 100 };
  drawCurves($("losses"), {
    ...both,
    name: "The loss",
    lines: lines("losses", "loss"),
    least: 2.5,
    most: 10,
    guess: Math.log(10),
    format: short,
  });
  drawCurves($("accuracies"), {
    ...both,
    name: "The accuracy",
    lines: lines("accuracies", "accuracy"),
    least: 1,
    most: 1,
    guess: 0.1,
    format: percents,
  });

  /* The weights from all pixels to each hidden unit, a picture for each; pale if nothing turns it on. */
  const host = $("units");
  const picture = () => Object.assign(document.createElement("canvas"), { width: 28, height: 28 });
  effect(() => {
    const { off, model } = learning.value.run;
    host.setAttribute("aria-label", `${model.hidden} pictures: for each hidden unit, its weights from all pixels`);
    while (host.children.length < model.hidden) host.append(picture());
    [...host.children].forEach((canvas, j) => {
      canvas.hidden = j >= model.hidden;
      canvas.className = off?.[j] ? "off" : "";
    });
  });
  whenInView(host, () => {
    const { hidden, params } = learning.value.run.model,
      { W1 } = params;
    const scale = 3.5 * Math.sqrt(W1.reduce((sum, w) => sum + w * w, 0) / W1.length) || 1;
    for (let j = 0; j < hidden; j++) {
      const weights = PIXELS.map((i) => W1[i * hidden + j]);
      paintWeights(host.children[j], weights, scale);
    }
  });
}

export const parts = { LearnButtons: Buttons, Settings, Mistakes, Check, UnitsOff, NewAnswer, NewProbabilities };

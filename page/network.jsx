/* The network as one picture: pixels, hidden units and digits, the wires that matter between them, and the lines of
   mlp_np.py, each of which shows what it computes. */

import { computed, effect } from "@preact/signals";

import { letGo } from "./acts.js";
import { colours } from "./colours.js";
import { $, arrows, Bars, Button, Painted, pointing } from "./controls.jsx";
import { focus, Grid } from "./grid.js";
import { unit } from "./numbers.js";
import { added, empty, hidden, MOST, now, scales, second, spoken, W2, weightsOf } from "./passes.js";
import { fit, paintWeights, sizeOf, whenInView } from "./picture.js";
import { label, params, playing, share, stage } from "./state.js";
import { DIGITS, largest, PIXELS, plural, range, signed, text, top } from "./words.js";

/* line: the name that build.py gives to lines of mlp_np.py. lit: how many of the four figures have their numbers by
   then. units, digits: what these figures show. left, right: how much a wire between pixel i and unit j, or between unit
   j and digit k, carries. back: whether it carries it backwards. */
const FORWARD = { units: "a1", digits: "logits" },
  BACKWARD = { units: "a1", digits: "dlogits", lit: 4, back: true };
const dW2 = (j, k) => now.value.dW2[j * 10 + k],
  dW1 = (i, j) => now.value.dW1[i * hidden.value + j];
const STAGES = [
  { ...FORWARD, line: "x", lit: 1, words: () => "The image is 784 numbers." },
  {
    ...FORWARD,
    line: "z1",
    units: "z1",
    lit: 2,
    left: added,
    words: () => "Each unit adds up all pixels, each times a weight of its own, and a bias.",
  },
  { ...FORWARD, line: "a1", lit: 2, words: () => "A unit whose sum is negative is off, and passes 0." },
  {
    ...FORWARD,
    line: "logits",
    lit: 3,
    right: spoken,
    words: () => "Each digit adds up all units, with weights again: ten scores.",
  },
  {
    ...FORWARD,
    line: "p",
    lit: 4,
    words: () => `The scores become probabilities. The largest is the answer: ${now.value.answer}.`,
  },
  {
    ...FORWARD,
    line: "loss",
    lit: 4,
    words: () =>
      `How much did the true digit, ${now.value.y}, surprise it? ${text(now.value.loss)}: 0 would be not at all.`,
  },
  {
    ...BACKWARD,
    line: "dlogits",
    words: () => "Now it goes backwards. Each error is what it said, minus what it should have said.",
  },
  {
    ...BACKWARD,
    line: "dW2",
    right: dW2,
    words: () => "Each weight of the second layer gets what came through it, times the error at its end.",
  },
  { ...BACKWARD, line: "db2", words: () => "Each bias gets the error itself." },
  {
    ...BACKWARD,
    line: "da1",
    units: "da1",
    right: (j, k) => now.value.dlogits[k] * W2(j, k),
    words: () => "The errors go back through the same weights.",
  },
  { ...BACKWARD, line: "dz1", units: "dz1", words: () => "Units that are off pass nothing back." },
  {
    ...BACKWARD,
    line: "dW1",
    units: "dz1",
    left: dW1,
    words: () => "Each weight of the first layer gets its pixel, times the error of its unit.",
  },
  {
    ...BACKWARD,
    line: "db1",
    units: "dz1",
    words: () => "Each bias gets the error of its unit. Every derivative is known: now take a step against them.",
  },
];
const AT_REST = {
  ...FORWARD,
  lit: 4,
  words: () => "See it line by line: forwards to the answer, then backwards to what should change.",
};
const at = computed(() => STAGES[stage.value] ?? AT_REST);
const CHIPS = 6; // units that speak for a digit, and as many against it

// --- From line to line -------------------------------------------------------------------------------------------------

let timer, frame;

function goTo(n) {
  stage.value = n in STAGES ? n : -1;
  const began = performance.now(),
    calm = stage.value < 0 || matchMedia("(prefers-reduced-motion: reduce)").matches;
  const grow = () => {
    share.value = Math.min((performance.now() - began) / 900, 1);
    if (share.value < 1) frame = requestAnimationFrame(grow);
  };
  cancelAnimationFrame(frame);
  share.value = Number(calm);
  if (!calm) grow();
}

function go(n) {
  clearTimeout(timer);
  playing.value = false;
  goTo(n);
}

/** All lines, one after the other. */
function play() {
  if (playing.value) return go(stage.value);
  playing.value = true;
  const onwards = () => {
    goTo(stage.value + 1);
    if (stage.value < 0) playing.value = false;
    else timer = setTimeout(onwards, 2200);
  };
  onwards();
}

addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  go(-1);
  letGo();
});

const lines = [...document.querySelectorAll("#code [data-stage]")];
const choose = (line) => go(STAGES.findIndex((stage) => stage.line === line.dataset.stage));
const chosen = computed(() => lines.filter((line) => line.dataset.stage === at.value.line));

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
      chosen.value.find((other) => other.parentElement === line.parentElement) ?? line.parentElement.children[0];
    line.tabIndex = line === stop ? 0 : -1;
  }
});
effect(() => {
  $("inside").classList.toggle("backwards", Boolean(at.value.back));
  ["f-x", "f-a1", "f-logits", "f-p"].forEach((id, n) => $(id).classList.toggle("dim", n >= at.value.lit));
});

function Transport() {
  return (
    <>
      <div class="row">
        <Button id="play" class="primary" act={play}>
          {playing.value ? "Stop" : "Play"}
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
        <code id="stage-line">{chosen.value.at(-1)?.textContent ?? ""}</code>
        <span id="stage-words">{at.value.words()}</span>
      </p>
    </>
  );
}

// --- The figures -------------------------------------------------------------------------------------------------------

const UnitsName = () => at.value.units;
const DigitsName = () => at.value.digits;
const DigitsNote = () => (at.value.digits === "logits" ? "scores" : "errors");
const NOTES = { z1: "sums", a1: "activations", da1: "derivatives of a1", dz1: "derivatives of z1" };
const UnitsNote = () => {
  const on = now.value.z1.reduce((n, z) => n + (z > 0), 0);
  return `${NOTES[at.value.units]}: ${plural(hidden.value, "hidden unit")}, ${on} on`;
};

const Digits = () =>
  at.value.digits === "logits" ? (
    <Bars
      name="logits"
      label="one score for each digit"
      value={(k) => now.value.logits[k]}
      scale={scales.value.logits}
    />
  ) : (
    <Errors />
  );
export const Errors = () => (
  <Bars
    name="dlogits"
    label="the derivatives of the logits"
    value={(k) => now.value.dlogits[k]}
    scale={1}
    signs={["better", "worse"]}
  />
);
const Probabilities = () => <Bars name="p" label="one probability for each digit" value={(k) => now.value.p[k]} />;

/** [a, b, value(a, b)] of those `count` pairs whose value is furthest from 0. Of equal ones, some from everywhere. */
const strongest = (pairs, count, value) =>
  pairs
    .map(([a, b]) => [a, b, value(a, b), (619 * a + 97 * b) % 787])
    .sort((one, other) => Math.abs(other[2]) - Math.abs(one[2]) || one[3] - other[3])
    .slice(0, count)
    .map(([a, b, v]) => [a, b, v]);

/** The units that speak most for a digit, and most against it. */
const speakers = (k) =>
  [1, -1].map((sign) => top(hidden.value, CHIPS, (j) => sign * spoken(j, k)).filter((j) => sign * spoken(j, k) > 0));

const voices = computed(() => speakers(focus.value.digit));

/** Which wires are drawn: [[i, j, how much it carries], ...], the same with [j, k], and which these are, in words. */
export const wires = computed(() => {
  const { left = added, right = spoken, back } = at.value;
  const { pixel, unit, digit } = focus.value;
  const H = hidden.value;
  const into = (j, count) =>
    strongest(
      PIXELS.map((i) => [i, j]),
      count,
      left,
    );
  const all = (784 + 10) * H;
  const drawn = (words, one, two) => {
    const count = [...one, ...two].filter(([, , v]) => v).length;
    return { left: one, right: two, words: count ? `Drawn: ${words} (${count} of ${all.toLocaleString("en")}).` : "" };
  };
  if (pixel !== undefined) {
    const found = strongest(
      range(H).map((j) => [pixel, j]),
      24,
      left,
    );
    return drawn("the strongest wires of this pixel", found, []);
  }
  if (unit !== undefined) {
    const out = DIGITS.map((k) => [unit, k, right(unit, k)]);
    return drawn(`the strongest wires into unit ${unit}, and those out of it`, into(unit, 40), out);
  }
  if (stage.value >= 0) {
    const js = back ? now.value.most : top(H, MOST, (j) => Math.abs(spoken(j, digit)));
    const pairs = range(H * 10).map((n) => [Math.floor(n / 10), n % 10]);
    const whose = back ? "have most to change" : `say most about ${digit}`;
    if (at.value.left)
      return drawn(
        `the strongest wires into the ${js.length} units that ${whose}`,
        js.flatMap((j) => into(j, 6)),
        [],
      );
    return at.value.right
      ? drawn("the strongest wires between units and digits", [], strongest(pairs, 70, right))
      : drawn("", [], []);
  }
  const [pro, contra] = voices.value;
  const say = [...pro, ...contra].map((j) => [j, digit, spoken(j, digit)]);
  return drawn(
    `the wires to ${digit} from the units that speak most for it and against it, and the strongest into the first of them`,
    pro.slice(0, 4).flatMap((j) => into(j, 8)),
    say,
  );
});

const WiresNote = () => wires.value.words;

export function drawNetwork() {
  const host = $("network-picture"),
    canvas = $("wires");
  const x = new Grid($("f-x").querySelector(".grid")),
    units = new Grid($("f-a1").querySelector(".grid"), () => at.value.units);
  const [width, height] = ["clientWidth", "clientHeight"].map((side) => sizeOf(host, side));

  whenInView(
    $("inside"),
    () => {
      if (!width.value || !height.value) return;
      const box = host.getBoundingClientRect(),
        context = fit(canvas, box.width, box.height);
      const { left, right } = wires.value;
      const { back } = at.value;
      const bars = [...$("f-logits").querySelectorAll(".bar")].map((bar) => bar.getBoundingClientRect());
      const beside = bars[0].left > units.canvas.getBoundingClientRect().right; // on a phone the digits are below
      const draw = (wires, from, to, turn) => {
        const high = wires.reduce((most, [, , v]) => Math.max(most, Math.abs(v)), 0) || 1;
        for (const [a, b, v] of wires
          .filter(([, , v]) => v)
          .sort((one, other) => Math.abs(one[2]) - Math.abs(other[2]))) {
          const colour = colours.value[stage.value < 0 ? (v < 0 ? "negative" : "positive") : back ? "back" : "accent"];
          const ends = [from(a), to(b)].map(([u, v]) => [u - box.left, v - box.top]);
          wire(context, ends, { share: share.value, back, colour, turn, size: Math.abs(v) / high });
        }
      };
      draw(
        left,
        (i) => x.centre(i),
        (j) => units.centre(j),
      );
      const end = (k) => [bars[k].left + (beside ? 4 : -9), bars[k].top + bars[k].height / 2];
      draw(
        right,
        (j) => units.centre(j),
        end,
        beside ? undefined : $("f-logits").getBoundingClientRect().top - box.top,
      );
    },
    "0px",
  ); // nearly in view is not enough: it takes time
}

/** A curve from end to end, or the first `share` of it with a head. size: from 0 to 1, how thick. back: the last end is the
    first. turn: from this height on it goes straight down, beside what it must not cross. */
function wire(context, [[u0, v0], [u1, v1]], { share, back, colour, turn, size }) {
  const smooth = (t) => t * t * (3 - 2 * t),
    reach = (turn - v0) / (v1 - v0);
  const at = (way) => {
    const t = back ? 1 - way : way,
      [across, down] = turn === undefined ? [t, smooth(t)] : [smooth(Math.min(t / reach, 1)), t];
    return [u0 + across * (u1 - u0), v0 + down * (v1 - v0)];
  };
  context.globalAlpha = 0.3 + 0.6 * size;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 0.75 + 2.25 * size;
  context.beginPath();
  for (let n = 0; n <= 24; n++) context.lineTo(...at((share * n) / 24));
  context.stroke();
  if (share < 1) {
    context.beginPath();
    context.arc(...at(share), 2 + 2 * size, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

// --- Which units speak for a digit, and which against it -----------------------------------------------------------------

function Why() {
  const { digit: k } = focus.value,
    { answer, logits, y } = now.value;
  const other = k !== answer ? answer : label.value !== null && y !== answer ? y : second.value;
  const total = (sign, k) => now.value.a1.reduce((sum, _, j) => sum + Math.max(sign * spoken(j, k), 0), 0);
  const adds = (k) =>
    `To ${k} all units add ${signed(total(1, k))} and ${signed(-total(-1, k))}; with the bias, ` +
    `${text(params.value.b2[k])}, that is logits[${k}] = ${text(logits[k])}.`;
  return (
    <>
      <h3 id="h-why">
        {empty.value
          ? "Draw something first"
          : k === answer
            ? `Why ${k}, and not ${other}?`
            : `Why not ${k}, but ${other}?`}
      </h3>
      {voices.value.map((units, side) => {
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
                <Painted paint={(canvas) => paintWeights(canvas, weightsOf(j))} />
                <b>unit {j}</b>
                <span>{signed(spoken(j, k))}</span>
                <small>
                  to {other}: {signed(spoken(j, other))}
                </small>
              </button>
            ))}
          </div>
        );
      })}
      <p class="note" id="why-sum">
        {adds(k)} {adds(other)}
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

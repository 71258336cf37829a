/* Nudge one number, and see the loss move: what a derivative says, beside what is so. */

import { computed, effect } from "@preact/signals";

import { colours } from "./colours.js";
import { Radios, Slider } from "./controls.jsx";
import { softmaxCrossEntropy, timesTransposed } from "./mlp.js";
import { NUMBERS } from "./numbers.js";
import { pageData } from "./page_data.js";
import { hidden, pass } from "./passes.js";
import { $, fit, sizeOf, whenInView } from "./picture.js";
import { nudge, nudgedNumber, originalNetwork, params, zoom } from "./state.js";
import { argmax, DIGITS, largest, range, signed, sum, text } from "./words.js";

const STEPS = 50; // of the slider, on either side of 0
const ZOOMS = [1, 0.1, 0.01];

// --- What follows ------------------------------------------------------------------------------------------------------

// One more line than mlp_np.py has: dz1 @ W1.T
const dx = computed(() => timesTransposed(pass.value.dz1, params.value.W1, hidden.value));

/* For each name: d loss / d this number, and how far the slider goes. */
const NUDGES = {
  x: [
    ({ i }) => dx.value[i],
    () => ({ standardised: 1 / pageData.std, unit: 1, raw: 255 })[originalNetwork.value.pixels],
  ],
  W1: [({ i, j }) => pass.value.dW1[i * hidden.value + j], () => 3 * largest(params.value.W1)],
  z1: [({ j }) => pass.value.dz1[j], () => largest(pass.value.z1)],
  a1: [({ j }) => pass.value.da1[j], () => largest(pass.value.a1)],
  W2: [({ j, k }) => pass.value.dW2[j * 10 + k], () => 3 * largest(params.value.W2)],
  logits: [({ k }) => pass.value.dlogits[k], () => largest(pass.value.logits)],
};

/** The loss, if that number were larger by this: forwards from there. */
function lossWith({ name, at: { i, j, k } }, amount) {
  const { x, z1, a1, logits, y } = pass.value;
  const { W1, W2, b1 } = params.value;
  const changedLogits = logits.slice();
  const add = (k, d) => (changedLogits[k] += d);
  const turn = (j, z) => DIGITS.forEach((k) => add(k, (Math.max(z, 0) - a1[j]) * W2[10 * j + k])); // z1[j] is z now
  if (name === "logits") add(k, amount);
  if (name === "W2") add(k, a1[j] * amount);
  if (name === "a1") DIGITS.forEach((k) => add(k, amount * W2[10 * j + k]));
  if (name === "z1") turn(j, z1[j] + amount);
  if (name === "W1") turn(j, z1[j] + x[i] * amount);
  if (name === "x") b1.forEach((_, j) => turn(j, z1[j] + amount * W1[i * b1.length + j]));
  return softmaxCrossEntropy(changedLogits, [y]).loss;
}

/** What the reader has clicked on, or one of three numbers that have something to say. */
const KINDS = [
  ["a logit", () => ({ name: "logits", at: { k: pass.value.y } })],
  ["a weight", () => ({ name: "W2", at: { j: argmax(pass.value.a1), k: pass.value.y } })],
  ["a pixel", () => ({ name: "x", at: { i: argmax(dx.value.map(Math.abs)) } })],
];
const target = computed(() =>
  typeof nudgedNumber.value === "number" ? KINDS[nudgedNumber.value][1]() : nudgedNumber.value,
);

/** The number, its derivative dp, how far the slider goes, and what the nudge at hand does. */
export const moves = computed(() => {
  const { name, at } = target.value;
  const [slope, getRange] = NUDGES[name];
  const [position, dp, reach] = [Object.values(at).join(", "), slope(at), getRange() * ZOOMS[zoom.value]];
  const by = (reach * nudge.value) / STEPS;
  const loss = lossWith(target.value, by);
  return {
    words: `${name}[${position}]`,
    value: NUMBERS[name][0](pass.value, at),
    dp,
    reach,
    by,
    loss,
    moved: loss - pass.value.loss,
  };
});

// --- Shown ---------------------------------------------------------------------------------------------------------------

function Nudge() {
  const { words, value, dp, by: amount, loss, moved } = moves.value;
  const chosen = typeof nudgedNumber.value === "number" ? nudgedNumber.value : null;
  return (
    <>
      <div id="nudge-what" class="kinds" role="radiogroup" aria-label="Which number">
        <Radios count={KINDS.length} chosen={chosen} choose={(n) => (nudgedNumber.value = n)}>
          {(n) => KINDS[n][0]}
        </Radios>
      </div>
      <p class="note">
        Or <span class="mouse">click on</span>
        <span class="touch">tap</span> any number above: of x, a1, W1, W2 or logits.
      </p>
      <Slider
        id="nudge"
        name={<code>{words}</code>}
        count={2 * STEPS + 1}
        value={nudge.value + STEPS}
        words={sum(value, amount)}
        act={(n) => (nudge.value = n - STEPS)}
      />
      <Slider
        id="zoom"
        name="Size of the nudge"
        count={ZOOMS.length}
        value={zoom.value}
        words={`± ${text(moves.value.reach)}`}
        act={(n) => (zoom.value = n)}
      />
      <dl id="nudge-words">
        <dt>
          Its derivative says <code>{`d${words} × nudge`}</code>
        </dt>
        <dd>{`${text(dp)} × ${text(amount)} = ${signed(dp * amount)}`}</dd>
        <dt>
          The loss goes from {text(pass.value.loss)} to {text(loss)}
        </dt>
        <dd>{signed(moved)}</dd>
      </dl>
    </>
  );
}

/** The loss over the nudge, and the line that the derivative is: the smaller the nudge, the more they are one. */
export function drawNudge() {
  const host = $("nudge-chart");
  const canvas = host.appendChild(document.createElement("canvas"));
  const size = sizeOf(host);
  canvas.setAttribute("role", "img");
  effect(() => {
    const { words, dp, by, loss } = moves.value;
    const line = text(pass.value.loss + dp * by);
    const is = `with a nudge of ${text(by)} the loss is ${text(loss)}, and the tangent is at ${line}`;
    canvas.setAttribute("aria-label", `The loss over ${words}, and its tangent: ${is}`);
  });
  whenInView(host, () => {
    const [width, height] = [size.value, 220];
    if (!width) return;
    const { dp, reach, by, loss } = moves.value;
    const was = pass.value.loss;
    const { ink, line, muted, accent, small } = colours.value;
    const points = range(81)
      .map((n) => (reach * (n - 40)) / 40)
      .map((by) => [by, lossWith(target.value, by)]);
    const ends = points.map(([, v]) => v);
    const middle = (Math.max(...ends) + Math.min(...ends)) / 2;
    const half = Math.max((Math.max(...ends) - Math.min(...ends)) / 2, Math.abs(dp * reach) / 2, 1e-12) * 1.15;
    const context = fit(canvas, width, height);
    const u = (by) => 8 + ((width - 16) * (by + reach)) / (2 * reach);
    const v = (loss) => height / 2 - 8 - ((height - 48) * (loss - middle)) / (2 * half);
    const stroke = (strokeStyle, lineWidth, points, dash = []) => {
      Object.assign(context, { strokeStyle, lineWidth, lineJoin: "round" });
      context.setLineDash(dash);
      context.beginPath();
      for (const [by, loss] of points) context.lineTo(u(by), v(loss));
      context.stroke();
    };
    const dot = (fillStyle, by, loss) => {
      context.fillStyle = fillStyle;
      context.beginPath();
      context.arc(u(by), v(loss), 5, 0, 2 * Math.PI);
      context.fill();
    };
    context.save();
    context.rect(0, 0, width, height - 18);
    context.clip();
    stroke(line, 1, [
      [0, middle - half],
      [0, middle + half],
    ]);
    stroke(line, 1, [
      [-reach, was],
      [reach, was],
    ]);
    stroke(
      muted,
      2,
      [
        [-reach, was - dp * reach],
        [reach, was + dp * reach],
      ],
      [5, 4],
    );
    stroke(accent, 2.5, points);
    stroke(ink, 1.5, [
      [by, was],
      [by, loss],
    ]);
    dot(muted, by, was + dp * by);
    dot(accent, by, loss);
    context.restore();
    const write = (words, by, textAlign, top = height - 4) => {
      Object.assign(context, { font: small, textAlign, fillStyle: muted });
      context.fillText(words, u(by), top);
    };
    write(`loss ${text(was)}`, reach, "right", v(was) - 5);
    write(`− ${text(reach)}`, -reach, "left");
    write("the nudge", 0, "center");
    write(`+ ${text(reach)}`, reach, "right");
  });
}

export const parts = { Nudge };

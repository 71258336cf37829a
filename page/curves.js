/* Curves over the steps. */

import { effect, signal } from "@preact/signals";

import { colours } from "./colours.js";
import { fit, sizeOf, whenInView } from "./picture.js";

const MOST_POINTS = 400; // of a curve: what a picture has room for

/** Those of a list that are shown, with their places: [[index, value], ...]. What a frame costs does not grow. */
export function thinPoints(values) {
  const stride = Math.ceil(values.length / MOST_POINTS),
    points = [];
  for (let n = (values.length - 1) % stride || 0; n < values.length; n += stride) points.push([n, values[n]]);
  return points;
}

/** lines(): [{words, points: [[step, v], ...], colour, thick, dash}]; what has no words is faint, and sets no scale. few: the
    fewest steps that the axis shows. least, most: the same of its height. guess: what guessing gives. */
export function drawCurves(host, { name, lines, few, least, most, guess, format }) {
  const canvas = host.appendChild(document.createElement("canvas")),
    width = sizeOf(host),
    pointerX = signal(null); // how far to the right the pointer is
  canvas.setAttribute("role", "img");
  for (const type of ["pointerdown", "pointermove"])
    canvas.addEventListener(type, ({ offsetX }) => (pointerX.value = offsetX));
  canvas.addEventListener("pointerleave", () => (pointerX.value = null));

  const getDrawnLines = () => lines().filter(({ points }) => points.length);

  effect(() => {
    const namedLines = getDrawnLines().filter(({ words }) => words);
    const lastValues = namedLines.map(({ words, points }) => `${words} ${format(points.at(-1)[1])}`).join(", ");
    const steps = namedLines[0]?.points.at(-1)[0] ?? 0;
    canvas.setAttribute("aria-label", `${name} up to step ${steps}: ${lastValues || "nothing yet"}`);
  });
  whenInView(host, () => {
    if (width.value) paint(width.value, getDrawnLines());
  });

  function paint(width, shownLines) {
    const narrow = width < 240,
      height = narrow ? 110 : 190,
      { small, muted, line } = colours.value;
    const labels = shownLines.filter(({ words }) => words).map((line) => ({ ...line, v: line.points.at(-1)[1] }));
    const finite = labels.flatMap(({ points }) => points.map(([, v]) => v)).filter(Number.isFinite);
    const latest = Math.max(0, ...labels.map(({ v }) => v).filter(Number.isFinite)); // never out of sight
    const high =
      latest > most
        ? 1.2 * latest
        : Math.min(
            finite.reduce((a, b) => Math.max(a, b), least),
            most,
          );
    const steps = labels.reduce((most, { points }) => Math.max(most, points.at(-1)[0]), few);
    const context = fit(canvas, width, height);
    const write = (words, u, v, textAlign, fillStyle = muted, weight = 400) => {
      Object.assign(context, { textAlign, fillStyle, font: `${weight} ${small}` });
      context.fillText(words, u, v);
    };
    Object.assign(context, { font: small, lineJoin: "round", textBaseline: "middle" });
    const leftEdge = Math.max(narrow ? 34 : 40, ...[guess, high].map((v) => context.measureText(format(v)).width + 8));
    const right = width - (narrow ? 46 : 84),
      top = 14,
      bottom = height - 26;
    const x = (step) => leftEdge + ((right - leftEdge) * step) / steps;
    const y = (v) => bottom - (bottom - top) * Math.min(v / high, 1.02);
    for (const v of [0, guess, high]) {
      // what guessing would give stands between nothing and the most
      context.fillStyle = v === guess ? muted : line;
      context.fillRect(leftEdge, Math.round(y(v)), right - leftEdge, 1);
      const room = v === guess ? y(0) - y(v) : v === high ? y(guess) - y(v) : 12;
      if (room >= 12) write(format(v), leftEdge - 6, y(v), "right");
    }
    write("0", leftEdge, height - 8, "left");
    write(`${narrow ? "" : "step "}${steps.toLocaleString("en")}`, right, height - 8, "right");
    for (const { points, colour, thick, dash = [] } of shownLines) {
      Object.assign(context, { strokeStyle: colour, lineWidth: thick });
      context.setLineDash(dash);
      context.beginPath();
      for (const [step, v] of points) if (Number.isFinite(v) && step <= steps) context.lineTo(x(step), y(v));
      context.stroke();
    }
    if (pointerX.value >= leftEdge && pointerX.value <= right && labels.length)
      pointAt(((pointerX.value - leftEdge) * steps) / (right - leftEdge));
    for (const label of labels)
      label.y = Math.min(Math.max(y(Number.isFinite(label.v) ? label.v : high), top + 7), bottom - 7);
    const [below, above] = [...labels].sort((one, other) => other.y - one.y);
    if (above) above.y = Math.max(Math.min(above.y, below.y - 30), top + 7);
    if (above) below.y = Math.max(below.y, above.y + 30);
    for (const { words, v, y, colour } of labels) {
      write(format(v), right + 6, y - 7, "left", colour, 600);
      write(narrow ? words.slice(0, 5) : words, right + 6, y + 7, "left", colour);
    }

    /** What the curves say at the step there. */
    function pointAt(step) {
      const nearest = ({ points }) =>
        points.reduce((one, other) => (Math.abs(other[0] - step) < Math.abs(one[0] - step) ? other : one));
      const [at] = nearest(labels[0]),
        isLeft = x(at) > (leftEdge + right) / 2;
      context.setLineDash([]);
      context.fillStyle = muted;
      context.fillRect(Math.round(x(at)), top, 1, bottom - top);
      write(`step ${at.toLocaleString("en")}`, x(at) + (isLeft ? -5 : 5), top + 4, isLeft ? "right" : "left");
      labels.forEach((line, n) => {
        const valueText = format(nearest(line)[1]);
        write(valueText, x(at) + (isLeft ? -5 : 5), top + 18 + 14 * n, isLeft ? "right" : "left", line.colour, 600);
      });
    }
  }
}

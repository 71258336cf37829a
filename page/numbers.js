/* What each number is and where it comes from, for the line at the bottom of the window; and the colours. */

function text(v) {
  const size = Math.abs(v);
  if (Number.isInteger(v)) return String(v);
  if (size < 1e-4 || size >= 1e5) return v.toExponential(2);
  return size < 100 ? v.toPrecision(3) : v.toFixed(1);
}

/** A probability: "97.5%". */
function percent(p) {
  if (!Number.isFinite(p)) return "–";
  return p > 0.999 && p < 1 ? ">99.9%" : p < 0.001 && p > 0 ? "<0.1%" : `${(100 * p).toFixed(1)}%`;
}

/** "an 8", "a 7". */
const a = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;
const weightsOf = (j) => PIXEL_RANGE.map((i) => W1(i, j));
const signed = (v) => (v < 0 ? "" : "+") + text(v);
const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const sum = (a, b) => `${text(a)} ${b < 0 ? "-" : "+"} ${text(Math.abs(b))}`;
const W1 = (i, j) => model.params.W1[i * model.hidden + j], W2 = (j, k) => model.params.W2[j * 10 + k];
const total = () => now.logits.reduce((sum, z) => sum + Math.exp(z), 0);

function fromPixel(i) {
  const v = state.pixels[i];
  return { standardised: `(${v} / 255 - ${given.mean}) / ${given.std}`, unit: `${v} / 255`, raw: `pixel ${v}` }[state.shown.pixels];
}

/* For each name: the value at pixel i, unit j, digit k, and where it comes from. */
const NUMBERS = {
  x: [({ i }) => now.x[i], ({ i }) => `${fromPixel(i)}, row ${Math.floor(i / 28)}, column ${i % 28}`],
  W1: [({ i, j }) => W1(i, j), ({ i, j }) => `the weight from pixel ${i} to unit ${j}; times x[${i}] = ${text(now.x[i])} ` +
    `it adds ${text(now.x[i] * W1(i, j))} to z1[${j}]`],
  z1: [({ j }) => now.z1[j], ({ j }) => `x @ W1[:, ${j}] + b1[${j}] = ${sum(now.z1[j] - model.params.b1[j], model.params.b1[j])}`],
  a1: [({ j }) => now.a1[j], ({ j }) => `max(z1[${j}], 0), where z1[${j}] = ${NUMBERS.z1[1]({ j })} = ${text(now.z1[j])}`],
  W2: [({ j, k }) => W2(j, k), ({ j, k }) => `the weight from unit ${j} to digit ${k}; times a1[${j}] = ${text(now.a1[j])} ` +
    `it adds ${text(now.a1[j] * W2(j, k))} to logits[${k}]`],
  logits: [({ k }) => now.logits[k], ({ k }) => `a1 @ W2[:, ${k}] + b2[${k}] = ` +
    sum(now.logits[k] - model.params.b2[k], model.params.b2[k])],
  p: [({ k }) => percent(now.p[k]), ({ k }) => `exp(logits[${k}]) / sum(exp(logits)) = exp(${text(now.logits[k])}) / ${text(total())}`],
  loss: [() => now.loss, () => `-log p[${state.y}] = -log ${text(now.p[state.y])}`],
  dlogits: [({ k }) => now.dlogits[k], ({ k }) => `p[${k}] - onehot(${state.y})[${k}] = ${text(now.p[k])} - ${Number(k === state.y)}`],
  dW2: [({ j, k }) => now.dW2[j * 10 + k], ({ j, k }) => `a1[${j}] * dlogits[${k}] = ${text(now.a1[j])} * ${text(now.dlogits[k])}`],
  db2: [({ k }) => now.db2[k], ({ k }) => `dlogits[${k}]`],
  da1: [({ j }) => now.da1[j], ({ j }) => `dlogits @ W2[${j}, :]`],
  dz1: [({ j }) => now.dz1[j], ({ j }) => `da1[${j}] * (z1[${j}] > 0) = ${text(now.da1[j])} * ${Number(now.z1[j] > 0)}`],
  dW1: [({ i, j }) => now.dW1[i * model.hidden + j], ({ i, j }) => `x[${i}] * dz1[${j}] = ${text(now.x[i])} * ${text(now.dz1[j])}`],
  dx: [({ i }) => fooled().dx[i], ({ i }) => `dz1 @ W1[${i}, :], for the loss of reading ${fool.goal}; this pixel is ${fool.pixels[i]} of 255`],
  db1: [({ j }) => now.db1[j], ({ j }) => `dz1[${j}]`],
};

/** "dz1[17] = -0.0123 = da1[17] * (z1[17] > 0) = -0.0123 * 1" as [name and value, the rest]. */
function explain({ name, at }) {
  if (name === "p-after") return [`p[${at.k}] = ${percent(now.p[at.k])}`, `, before the steps: ${percent(before()[at.k])}`];
  if (name === "p-new") return [`p[${at.k}] = ${percent(learning.p[at.k])}`, ", says the new network"];
  if (!name) return ["", state.inView.learn ? "" : `${matchMedia("(hover: none)").matches ? "Tap" : "Point at"} any number to see what it is and where it comes from.`];
  const [value, origin] = NUMBERS[name];
  const where = [at.i, at.j, at.k].filter((index) => index !== undefined).join(", ");
  const v = value(at);
  return [`${name}${where && `[${where}]`} = ${typeof v === "string" ? v : text(v)}`, ` = ${origin(at)}`];
}

function point(name, at) {
  state.pointed = { name, at };
  if (at.j !== undefined && at.j !== state.unit) {
    state.unit = at.j;
    showUnit();
  }
  showReadout();
  for (const grid of grids) if (grid.visible) grid.draw();
  for (const bars of allBars) bars.mark();
  network.look();
  showDock();
}

function showReadout() {
  const [what, rest] = explain(state.pointed);
  $("said").replaceChildren(make("b", {}, what), rest);
}

function showUnit() {
  for (const place of document.querySelectorAll("[data-unit]")) place.textContent = state.unit;
  grids.find((grid) => grid.name === "W1")?.paint();
  allBars.find((bars) => bars.name === "W2")?.paint();
}

// --- Colours -------------------------------------------------------------------------------------------------------

const ramps = {}; // for each kind, 511 colours as [r, g, b, 255]: from the least, through 0, to the most
const colours = {};

/** The colours for the screen, or for paper (those that page.css names first). */
function readColours(onPaper = false) {
  const style = onPaper ? document.styleSheets[0].cssRules[0].style : getComputedStyle(document.documentElement);
  const names = ["negative-far", "negative", "zero", "positive", "positive-far", "better-far", "better", "worse", "worse-far", "ink", "paper", "off", "muted", "line", "accent", "back", "mono"];
  for (const name of names) colours[name] = style.getPropertyValue(`--${name}`).trim();
  colours.small = `${0.75 * parseFloat(getComputedStyle(document.documentElement).fontSize)}px ${colours.mono}`; // of the reader's size
  const rgb = (name) => [1, 3, 5].map((at) => parseInt(colours[name].slice(at, at + 2), 16));
  const ramp = (...names) => {
    const stops = names.map(rgb);
    return range(511).map((n) => {
      const at = (n / 510) * (stops.length - 1), left = Math.min(Math.floor(at), stops.length - 2);
      return [...stops[left].map((from, c) => from + (stops[left + 1][c] - from) * (at - left)), 255];
    });
  };
  ramps.both = ramps.up = ramp("negative-far", "negative", "zero", "positive", "positive-far");
  ramps.slope = ramp("better-far", "better", "zero", "worse", "worse-far"); // a derivative: less loss, more loss
  ramps.ink = ramp("paper", "ink");
}

/* What the page does: a digit comes in (drawn or picked), mlp.js computes, and every number is shown and explained.

   State: the image on the pad, its true digit y, the weights, and the list of steps taken with them. `update`
   computes all the rest from these and shows it. `now` holds the last result under the names of mlp_np.py. */
"use strict";

const $ = (id) => document.getElementById(id);
const given = JSON.parse($("network").textContent); // written by page.py
const H = given.hidden;

// --- The network ---------------------------------------------------------------------------------------------------

const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

/** Weights as page.py packs them: 16-bit whole numbers (low byte first, like every browser's machine) and a scale. */
const unpack = ({ int16, scale }) => Float32Array.from(new Int16Array(bytes(int16).buffer), (n) => n * scale);

const copy = (params) => Object.fromEntries(Object.entries(params).map(([name, p]) => [name, p.slice()]));

const trained = Object.fromEntries(Object.entries(given.params).map(([name, p]) => [name, unpack(p)]));
const model = new MLP(copy(trained));
const tests = given.labels.map((label, n) => ({
  label,
  number: given.numbers[n],
  pixels: bytes(given.images).subarray(n * 784, (n + 1) * 784),
}));

/** Pixels 0 to 255 as the network's input: data.as_input. */
function asInput(pixels) {
  const scale = { standardised: (v) => (v - 255 * given.mean) / (255 * given.std), unit: (v) => v / 255, raw: (v) => v };
  return Float64Array.from(pixels, scale[given.pixels]);
}

// --- State ---------------------------------------------------------------------------------------------------------

let pixels = tests[0].pixels;
let picked = 0; // which test image, or null for a drawing
let digit = 0; // counts the digits that have been on the pad: steps on the same one share a number
let y = tests[0].label;
let labelled = true; // somebody has said what y is; if not, y is the network's own answer
let steps = []; // every step taken: what it learned from, and loss and p before it
let right = 0; // how many of the test images the network reads
const now = {}; // x, z1, a1, logits, p, loss, dlogits, dW2, db2, da1, dz1, dW1, db1, and answer

/** The forward pass and the backward pass of the digit on the pad. */
function compute() {
  const x = asInput(pixels);
  const logits = model.forward(x);
  const answer = logits.indexOf(Math.max(...logits));
  if (!labelled) y = answer;
  const { p, loss, dlogits } = softmaxCrossEntropy(logits, y);
  const { W1: dW1, b1: db1, W2: dW2, b2: db2 } = model.backward(dlogits);
  const { z1, a1, da1, dz1 } = model;
  Object.assign(now, { x, z1, a1, logits, p, loss, dlogits, dW2, db2, da1, dz1, dW1, db1, answer });
}

function takeStep({ x, y, lr }) {
  const { dlogits } = softmaxCrossEntropy(model.forward(x), y);
  sgdStep(model.params, model.backward(dlogits), lr);
}

function learn(count, lr = rate()) {
  const press = steps.length ? steps.at(-1).press + 1 : 0;
  for (let n = 0; n < count; n++) {
    compute();
    const step = { x: now.x, y, lr, digit, press, loss: now.loss, p: now.p };
    takeStep(step);
    steps.push(step);
  }
  update({ same: true, weights: true });
}

/** Take back what the last press of a button did: all weights anew, from the first ones, by the steps before it. */
function undo() {
  if (!steps.length) return;
  const last = steps.at(-1).press;
  steps = steps.filter((step) => step.press < last);
  model.params = copy(trained);
  steps.forEach(takeStep);
  update({ same: true, weights: true });
}

function reset() {
  steps = [];
  model.params = copy(trained);
  update({ weights: true });
}

/** The steps taken on this digit with this y, since something else was on the pad. */
function trail() {
  let first = steps.length;
  while (first && steps[first - 1].digit === digit && steps[first - 1].y === y) first--;
  return steps.slice(first);
}

function pick(n) {
  picked = n;
  pixels = tests[n].pixels;
  y = tests[n].label;
  labelled = true;
  digit++;
  showOnPad(pixels);
  update();
}

function setLabel(k) {
  y = k;
  labelled = true;
  update();
}

// --- The pad -------------------------------------------------------------------------------------------------------

const pad = $("pad");
const ink = pad.getContext("2d", { willReadFrequently: true });
const SIDE = pad.width;
const PEN = SIDE / 12;
ink.lineWidth = PEN;
ink.lineCap = ink.lineJoin = "round";
let last = null; // where the pen was
let box = null; // where the pad lies on the page

function clearPad() {
  ink.clearRect(0, 0, SIDE, SIDE);
  pixels = new Uint8Array(784);
  picked = null;
  labelled = false;
  digit++;
}

function showOnPad(pixels) {
  ink.clearRect(0, 0, SIDE, SIDE);
  ink.imageSmoothingEnabled = false;
  ink.drawImage(thumbnail(pixels), 0, 0, SIDE, SIDE);
}

function thumbnail(pixels) {
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = 28;
  const image = new ImageData(28, 28);
  pixels.forEach((v, i) => (image.data[4 * i + 3] = v)); // black, more or less opaque
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

function stroke(event) {
  const scale = SIDE / box.width;
  const to = [(event.pageX - box.left) * scale, (event.pageY - box.top) * scale];
  ink.beginPath();
  ink.moveTo(...(last ?? to));
  ink.lineTo(to[0] + 0.01, to[1]); // a line of no length at all leaves no dot
  ink.stroke();
  last = to;
}

pad.addEventListener("pointerdown", (event) => {
  if (event.button !== 0 || !event.isPrimary) return;
  pad.setPointerCapture(event.pointerId);
  const { left, top, width } = pad.getBoundingClientRect();
  box = { left: left + scrollX, top: top + scrollY, width };
  if (picked !== null) clearPad();
  last = null;
  stroke(event);
  drawn();
});
pad.addEventListener("pointermove", (event) => {
  if (!last || !event.isPrimary) return;
  const events = event.getCoalescedEvents?.() ?? [];
  (events.length ? events : [event]).forEach(stroke);
  drawn();
});
for (const end of ["pointerup", "pointercancel"]) pad.addEventListener(end, () => (last = null));
$("clear").addEventListener("click", () => {
  clearPad();
  update();
});

/** Read the pad, once for each frame on the screen. */
let waiting = false;
function drawn() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(readPad);
}

function readPad() {
  waiting = false;
  if (picked !== null) return; // a test image was picked meanwhile
  pixels = toMnist(ink.getImageData(0, 0, SIDE, SIDE).data);
  digit++;
  update();
}

/** A drawing in the form of MNIST's images, made as LeCun, Bottou, Bengio & Haffner 1998 describe theirs: the digit
    fills a box of 20 x 20 pixels, its proportions kept, in greys that say how much of a pixel the ink covers; and the
    box lies so in the 28 x 28 image that the digit's centre of mass is at the centre.

    rgba: SIDE x SIDE pixels, ink is what is opaque. Returns 784 pixels, 0 to 255. */
function toMnist(rgba) {
  let left = SIDE, right = -1, top = SIDE, bottom = -1;
  const dots = new Uint32Array(rgba.buffer); // a pixel of no ink is 0
  for (let v = 0; v < SIDE; v++) {
    for (let u = 0; u < SIDE; u++) {
      if (dots[v * SIDE + u]) {
        left = Math.min(left, u);
        right = Math.max(right, u);
        top = Math.min(top, v);
        bottom = v;
      }
    }
  }
  const pixels = new Uint8Array(784);
  if (right < 0) return pixels;

  const wide = right + 1 - left, high = bottom + 1 - top, scale = 20 / Math.max(wide, high);
  const columns = Math.min(20, Math.ceil(wide * scale)), rows = Math.min(20, Math.ceil(high * scale));
  const small = new Float64Array(21 * 21); // one more than the box, for what rounding lets through
  let mass = 0, across = 0, down = 0;
  for (let v = top; v <= bottom; v++) {
    for (let u = left; u <= right; u++) {
      const opacity = rgba[4 * (v * SIDE + u) + 3];
      if (!opacity) continue;
      const c0 = (u - left) * scale, c1 = c0 + scale, r0 = (v - top) * scale, r1 = r0 + scale;
      for (let r = Math.floor(r0); r < r1; r++) {
        for (let c = Math.floor(c0); c < c1; c++) {
          const shared = (Math.min(r + 1, r1) - Math.max(r, r0)) * (Math.min(c + 1, c1) - Math.max(c, c0));
          small[r * 21 + c] += opacity * shared;
        }
      }
      mass += opacity;
      across += (opacity * (c0 + c1)) / 2;
      down += (opacity * (r0 + r1)) / 2;
    }
  }
  // In MNIST the centre of mass of every digit lies in the pixel of row 14 and column 14, between 14 and 15.
  const place = (centre, width) => Math.min(Math.max(Math.ceil(14 - centre), 0), 28 - width);
  const startColumn = place(across / mass, columns), startRow = place(down / mass, rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      pixels[(startRow + r) * 28 + startColumn + c] = Math.min(255, Math.round(small[r * 21 + c]));
    }
  }
  return pixels;
}

// --- What each number is -------------------------------------------------------------------------------------------

function text(v) {
  const size = Math.abs(v);
  if (Number.isInteger(v)) return String(v);
  if (size < 1e-3 || size >= 1e5) return v.toExponential(2);
  return size < 100 ? v.toPrecision(3) : v.toFixed(1);
}

const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
const sum = (a, b) => `${text(a)} ${b < 0 ? "-" : "+"} ${text(Math.abs(b))}`;
const W1 = (i, j) => model.params.W1[i * H + j];
const total = () => now.logits.reduce((sum, z) => sum + Math.exp(z), 0);

function fromPixel(i) {
  const v = pixels[i];
  return { standardised: `(${v} / 255 - ${given.mean}) / ${given.std}`, unit: `${v} / 255`, raw: `pixel ${v}` }[given.pixels];
}

/* For each name: the value at pixel i, unit j, digit k, and where it comes from. */
const NUMBERS = {
  x: [({ i }) => now.x[i], ({ i }) => `${fromPixel(i)}, row ${Math.floor(i / 28)}, column ${i % 28}`],
  W1: [({ i, j }) => W1(i, j), ({ i, j }) => `the weight from pixel ${i} to unit ${j}; times x[${i}] = ${text(now.x[i])} ` +
    `it adds ${text(now.x[i] * W1(i, j))} to z1[${j}]`],
  a1: [({ j }) => now.a1[j], ({ j }) => `max(z1[${j}], 0), where z1[${j}] = x @ W1[:, ${j}] + b1[${j}] = ` +
    `${sum(now.z1[j] - model.params.b1[j], model.params.b1[j])} = ${text(now.z1[j])}`],
  logits: [({ k }) => now.logits[k], ({ k }) => `a1 @ W2[:, ${k}] + b2[${k}] = ` +
    sum(now.logits[k] - model.params.b2[k], model.params.b2[k])],
  p: [({ k }) => now.p[k], ({ k }) => `exp(logits[${k}]) / sum(exp(logits)) = exp(${text(now.logits[k])}) / ${text(total())}`],
  loss: [() => now.loss, () => `-log p[${y}] = -log ${text(now.p[y])}`],
  dlogits: [({ k }) => now.dlogits[k], ({ k }) => `p[${k}] - onehot(${y})[${k}] = ${text(now.p[k])} - ${Number(k === y)}`],
  dW2: [({ j, k }) => now.dW2[j * 10 + k], ({ j, k }) => `a1[${j}] * dlogits[${k}] = ${text(now.a1[j])} * ${text(now.dlogits[k])}`],
  db2: [({ k }) => now.db2[k], ({ k }) => `dlogits[${k}]`],
  da1: [({ j }) => now.da1[j], ({ j }) => `dlogits @ W2[${j}, :]`],
  dz1: [({ j }) => now.dz1[j], ({ j }) => `da1[${j}] * (z1[${j}] > 0) = ${text(now.da1[j])} * ${Number(now.z1[j] > 0)}`],
  dW1: [({ i, j }) => now.dW1[i * H + j], ({ i, j }) => `x[${i}] * dz1[${j}] = ${text(now.x[i])} * ${text(now.dz1[j])}`],
  db1: [({ j }) => now.db1[j], ({ j }) => `dz1[${j}]`],
};

let pointed = { name: "", at: {} };
let unit = 0; // the one whose weights are shown: the last that was pointed at

/** "dz1[17] = -0.0123 = da1[17] * (z1[17] > 0) = -0.0123 * 1" as [name and value, the rest]. */
function explain({ name, at }) {
  if (name === "p-after") return [`p[${at.k}] = ${text(now.p[at.k])}`, `, before the steps ${text(before()[at.k])}`];
  if (name === "after") return [`loss = ${text(losses()[at.step])}`, ` after ${plural(at.step, "step")} on this digit`];
  if (!name) return ["", "Point at any number to see what it is and where it comes from."];
  const [value, origin] = NUMBERS[name];
  const where = [at.i, at.j, at.k].filter((index) => index !== undefined).join(", ");
  return [`${name}${where && `[${where}]`} = ${text(value(at))}`, ` = ${origin(at)}`];
}

function point(name, at) {
  pointed = { name, at };
  if (at.j !== undefined && at.j !== unit) {
    unit = at.j;
    showUnit();
  }
  showReadout();
  for (const grid of grids) grid.draw();
  for (const bars of allBars) bars.mark();
}

function showReadout() {
  const [what, rest] = explain(pointed);
  const strong = document.createElement("b");
  strong.textContent = what;
  $("said").replaceChildren(strong, rest);
}

function showUnit() {
  for (const place of document.querySelectorAll("[data-unit]")) place.textContent = unit;
  grids.find((grid) => grid.name === "W1")?.paint();
}

// --- Colours -------------------------------------------------------------------------------------------------------

let ramps = {}; // for each kind, 511 colours as [r, g, b]: from the least, through 0, to the most
let colours = {};

function readColours() {
  const style = getComputedStyle(document.documentElement);
  const names = ["negative-far", "negative", "zero", "positive", "positive-far", "ink", "paper", "off", "muted", "mono"];
  colours = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  const rgb = (name) => [1, 3, 5].map((at) => parseInt(colours[name].slice(at, at + 2), 16));
  const ramp = (...names) => {
    const stops = names.map(rgb);
    return Array.from({ length: 511 }, (_, n) => {
      const at = (n / 510) * (stops.length - 1), left = Math.min(Math.floor(at), stops.length - 2);
      return stops[left].map((from, c) => from + (stops[left + 1][c] - from) * (at - left));
    });
  };
  ramps.both = ramps.up = ramp("negative-far", "negative", "zero", "positive", "positive-far");
  ramps.ink = ramp("paper", "ink");
}

// --- Numbers as a grid of colours ----------------------------------------------------------------------------------

const UNIT_COLUMNS = Math.min(32, Math.ceil(Math.sqrt(2 * H)));
let most = []; // the units with the largest dz1, of which dW1 is shown
const MOST = Math.min(12, H);
let scales = {}; // for each name, the number that gets the strongest colour

/* at: from the n-th cell of a block to pixel i, unit j, digit k. where: in which cells (of block b) these are. */
const UNITS = { count: H, columns: UNIT_COLUMNS, at: (n) => ({ j: n }), where: ({ j }) => j, gaps: true };
const PIXELS = { count: 784, columns: 28, at: (n) => ({ i: n }), where: ({ i }) => i };
const GRIDS = {
  x: { ...PIXELS, kind: "ink", label: "the pixels" },
  a1: { ...UNITS, kind: "up", off: true, label: "the activations of the hidden units" },
  W1: { ...PIXELS, kind: "both", at: (n) => ({ i: n, j: unit }), label: "the weights from all pixels to one unit" },
  dW2: {
    ...UNITS, kind: "both", gaps: false, blocks: 10, across: [2, 5, 5], label: "for each digit, the derivatives of its weights",
    at: (n, b) => ({ j: n, k: b }), where: ({ j, k }, b) => (k === undefined || k === b ? j : undefined),
    caption: (b) => `[:, ${b}]`,
  },
  da1: { ...UNITS, kind: "both", label: "the derivatives of the activations" },
  dz1: { ...UNITS, kind: "both", off: true, label: "the derivatives of the sums" },
  dW1: {
    ...PIXELS, kind: "both", blocks: MOST, across: [3, 4, 6], label: "for the units most affected, the derivatives of their weights",
    at: (n, b) => ({ i: n, j: most[b] }), where: ({ i, j }, b) => (j === undefined || j === most[b] ? i : undefined),
    caption: (b) => `[:, ${most[b]}]`,
  },
  db1: { ...UNITS, kind: "both", label: "the derivatives of the biases" },
};

class Grid {
  constructor(host) {
    this.name = host.dataset.grid;
    Object.assign(this, { blocks: 1, across: [1, 1, 1] }, GRIDS[this.name]);
    this.host = host;
    this.rows = Math.ceil(this.count / this.columns);
    this.cursor = [0, 0]; // block, cell
    this.canvas = document.createElement("canvas");
    this.canvas.tabIndex = 0;
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "grid of numbers");
    this.canvas.setAttribute("aria-label", `${this.name}: ${this.label}. Arrow keys move from number to number.`);
    this.legend = document.createElement("div");
    this.legend.className = "scale";
    const strip = document.createElement("i");
    strip.className = this.kind;
    this.legend.append(document.createElement("span"), strip, document.createElement("span"));
    host.append(this.canvas, this.legend);
    // One pixel a number, block below block; drawn larger from here.
    this.small = document.createElement("canvas");
    this.small.width = this.columns;
    this.small.height = this.rows * this.blocks;
    this.image = new ImageData(this.small.width, this.small.height);
    new ResizeObserver(() => this.layout()).observe(host);
    whenInView(this, host);
    for (const type of ["pointerdown", "pointermove"]) this.canvas.addEventListener(type, (event) => this.point(event));
    this.canvas.addEventListener("focus", () => this.canvas.matches(":focus-visible") && this.say());
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** As many blocks side by side as the width has room for, in cells of whole pixels of the screen. */
  layout() {
    const width = this.host.clientWidth, ratio = window.devicePixelRatio;
    if (!width) return;
    this.ratio = ratio;
    this.columnsOfBlocks = Math.min(this.across[width < 480 ? 0 : width < 700 ? 1 : 2], this.blocks);
    const n = this.columnsOfBlocks;
    this.gap = Math.round((n > 1 ? 10 : 0) * ratio);
    this.head = this.caption ? Math.round(20 * ratio) : 0;
    this.cell = Math.max(1, Math.floor((width * ratio - this.gap * (n - 1)) / (this.columns * n)));
    this.canvas.width = n * this.columns * this.cell + (n - 1) * this.gap;
    this.canvas.height = Math.ceil(this.blocks / n) * (this.head + this.rows * this.cell + this.gap) - this.gap;
    this.canvas.style.width = `${this.canvas.width / ratio}px`;
    this.paint();
  }

  /** The upper left corner of a block. */
  corner(b) {
    const n = this.columnsOfBlocks;
    return [
      (b % n) * (this.columns * this.cell + this.gap),
      this.head + Math.floor(b / n) * (this.head + this.rows * this.cell + this.gap),
    ];
  }

  /** New numbers: colour them. */
  paint() {
    if (!this.cell || !this.visible) return;
    const [value] = NUMBERS[this.name], ramp = ramps[this.kind];
    let scale = scales[this.name];
    if (this.name === "W1") scale = largest(Float64Array.from(PIXEL_RANGE, (i) => W1(i, unit)));
    const [low, high] = this.kind === "ink" ? asInput([0, 255]) : [-scale, scale];
    for (let b = 0; b < this.blocks; b++) {
      for (let n = 0; n < this.count; n++) {
        const share = (value(this.at(n, b)) - low) / (high - low);
        const colour = ramp[Math.round(510 * Math.min(Math.max(share, 0), 1))];
        const at = 4 * (b * this.rows * this.columns + n);
        this.image.data[at] = colour[0];
        this.image.data[at + 1] = colour[1];
        this.image.data[at + 2] = colour[2];
        this.image.data[at + 3] = 255;
      }
    }
    this.small.getContext("2d").putImageData(this.image, 0, 0);
    this.legend.firstChild.textContent = this.kind === "up" ? "0" : text(low);
    this.legend.lastChild.textContent = text(high);
    this.draw();
  }

  /** The colours, large, and what is pointed at. */
  draw() {
    if (!this.cell || !this.visible) return;
    const { cell, columns, rows, ratio } = this, canvas = this.canvas.getContext("2d");
    canvas.clearRect(0, 0, this.canvas.width, this.canvas.height);
    canvas.imageSmoothingEnabled = false;
    const line = Math.max(1, Math.round(ratio));
    for (let b = 0; b < this.blocks; b++) {
      const [left, top] = this.corner(b);
      canvas.drawImage(this.small, 0, b * rows, columns, rows, left, top, columns * cell, rows * cell);
      if (this.gaps && cell >= 6 * ratio) {
        canvas.fillStyle = colours.paper;
        for (let c = 1; c <= columns; c++) canvas.fillRect(left + c * cell - line, top, line, rows * cell);
        for (let r = 1; r <= rows; r++) canvas.fillRect(left, top + r * cell - line, columns * cell, line);
      }
      if (this.off) {
        canvas.fillStyle = colours.off;
        const dot = Math.max(2, Math.round(cell / 5)), inset = Math.floor((cell - line - dot) / 2);
        for (let n = 0; n < H; n++) {
          if (now.z1[n] > 0) continue;
          canvas.fillRect(left + (n % columns) * cell + inset, top + Math.floor(n / columns) * cell + inset, dot, dot);
        }
      }
      if (this.caption) {
        canvas.fillStyle = colours.muted;
        canvas.font = `${12 * ratio}px ${colours.mono}`;
        canvas.fillText(this.caption(b), left, top - 6 * ratio);
      }
      const n = this.where(pointed.at, b);
      if (n !== undefined) {
        const x = left + (n % columns) * cell, y = top + Math.floor(n / columns) * cell;
        for (const [colour, wide] of [[colours.paper, 2 * line], [colours.ink, line]]) {
          canvas.strokeStyle = colour;
          canvas.lineWidth = 2 * line;
          canvas.strokeRect(x - wide, y - wide, cell + 2 * wide - (this.gaps ? line : 0), cell + 2 * wide - (this.gaps ? line : 0));
        }
      }
    }
  }

  point(event) {
    const box = this.canvas.getBoundingClientRect(), scale = this.canvas.width / box.width;
    const u = (event.clientX - box.left) * scale, v = (event.clientY - box.top) * scale;
    for (let b = 0; b < this.blocks; b++) {
      const [left, top] = this.corner(b);
      const c = Math.floor((u - left) / this.cell), r = Math.floor((v - top) / this.cell);
      const n = r * this.columns + c;
      if (c >= 0 && c < this.columns && r >= 0 && n < this.count) {
        this.cursor = [b, n];
        this.say();
        return;
      }
    }
  }

  key(event) {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    const [b, n] = this.cursor, across = this.columnsOfBlocks;
    const r = Math.floor(b / across) * this.rows + Math.floor(n / this.columns) + move[0];
    const c = (b % across) * this.columns + (n % this.columns) + move[1];
    const block = Math.floor(r / this.rows) * across + Math.floor(c / this.columns);
    const cell = (r % this.rows) * this.columns + (c % this.columns);
    if (r < 0 || c < 0 || c >= across * this.columns || block >= this.blocks || cell >= this.count) return;
    this.cursor = [block, cell];
    this.say();
  }

  say() {
    const [b, n] = this.cursor;
    point(this.name, this.at(n, b));
  }
}

/** Only what is in view, or nearly, is painted: the rest when it comes into view. */
function whenInView(picture, host) {
  picture.visible = true;
  const observer = new IntersectionObserver((entries) => {
    picture.visible = entries.at(-1).isIntersecting;
    picture.paint();
  }, { rootMargin: "100px" });
  observer.observe(host);
}

const PIXEL_RANGE = Array.from({ length: 784 }, (_, i) => i);
const largest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;

/** The strongest colours go to the largest numbers, and stay there during steps, so that one sees gradients fade. */
function setScales(same) {
  const sizes = {
    a1: largest(now.a1), logits: largest(now.logits), da1: largest(now.da1), dz1: largest(now.da1), db1: largest(now.da1),
    dW2: largest(now.a1) * largest(now.dlogits), dW1: largest(now.x) * largest(now.dz1),
  };
  for (const name in sizes) scales[name] = same ? Math.max(scales[name], sizes[name]) : sizes[name];
  if (same) return;
  most = Array.from(now.dz1.keys()).sort((a, b) => Math.abs(now.dz1[b]) - Math.abs(now.dz1[a])).slice(0, MOST);
}

// --- Ten numbers as bars -------------------------------------------------------------------------------------------

const BARS = {
  logits: { value: (k) => now.logits[k], scale: () => scales.logits, label: "one score for each digit" },
  p: { value: (k) => now.p[k], label: "one probability for each digit" },
  dlogits: { value: (k) => now.dlogits[k], scale: () => 1, label: "the derivatives of the logits" },
  db2: { value: (k) => now.db2[k], scale: () => 1, label: "the derivatives of the biases" },
  "p-after": { value: (k) => now.p[k], before: (k) => before()[k], label: "the probabilities after the steps" },
};

class Bars {
  constructor(host) {
    this.name = host.dataset.bars;
    Object.assign(this, BARS[this.name]);
    host.setAttribute("role", "listbox");
    host.setAttribute("aria-label", `${this.name.slice(0, this.name.indexOf("-") + 1 || undefined)}: ${this.label}`);
    const part = (name, ...inside) => {
      const element = document.createElement("span");
      element.className = name;
      element.append(...inside);
      return element;
    };
    this.bars = Array.from({ length: 10 }, (_, k) => {
      const fill = part("fill"), mark = this.before ? part("before") : "", value = part("value");
      const bar = part("bar", part("digit", String(k)), part("track", fill, mark), value);
      bar.setAttribute("role", "option");
      bar.tabIndex = k ? -1 : 0;
      host.append(bar);
      for (const type of ["pointerdown", "pointermove"]) bar.addEventListener(type, () => point(this.name, { k }));
      bar.addEventListener("focus", () => point(this.name, { k }));
      return { bar, fill, mark, value };
    });
    rove(this.bars.map(({ bar }) => bar), 1);
    whenInView(this, host);
  }

  paint() {
    if (!this.visible) return;
    this.bars.forEach(({ bar, fill, mark, value }, k) => {
      const v = this.value(k), share = this.scale ? v / this.scale() / 2 : v;
      const from = this.scale ? 0.5 : 0;
      fill.style.left = `${100 * Math.min(from, from + share)}%`;
      fill.style.width = `${100 * Math.abs(share)}%`;
      fill.style.background = this.scale ? `var(--${v < 0 ? "negative" : "positive"})` : "var(--accent)";
      if (mark) mark.style.left = `calc(${100 * this.before(k)}% - ${2 * this.before(k)}px)`;
      value.textContent = text(v);
      bar.setAttribute("aria-label", `${explain({ name: this.name, at: { k } }).join("")}`);
      bar.classList.toggle("said", k === now.answer);
      bar.classList.toggle("true", k === y && labelled);
    });
  }

  mark() {
    this.bars.forEach(({ bar }, k) => bar.classList.toggle("pointed", k === pointed.at.k));
  }
}

/** One tab stop for all of `items`; arrow keys go from one to the next, up and down by `columns`. */
function rove(items, columns, choose = () => {}) {
  items.forEach((item, n) => {
    item.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      const next = { Home: 0, End: items.length - 1 }[event.key] ?? n + by;
      if (!(next in items)) return;
      event.preventDefault();
      stop(items, next);
      items[next].focus();
      choose(next);
    });
    item.addEventListener("focus", () => stop(items, n));
  });
}

const stop = (items, n) => items.forEach((item, m) => (item.tabIndex = m === n ? 0 : -1));

// --- Buttons -------------------------------------------------------------------------------------------------------

/** A group of buttons of which one is chosen. */
function radios(host, count, columns, choose, fill) {
  const buttons = Array.from({ length: count }, (_, n) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("role", "radio");
    fill(button, n);
    button.addEventListener("click", () => choose(n));
    host.append(button);
    return button;
  });
  rove(buttons, columns, choose);
  let shown;
  return (chosen) => {
    if (chosen === shown) return;
    shown = chosen;
    buttons.forEach((button, n) => button.setAttribute("aria-checked", n === chosen));
    stop(buttons, chosen ?? 0);
  };
}

const showPicked = radios($("picker"), tests.length, 10, pick, (button, n) => button.append(thumbnail(tests[n].pixels)));
const showLabel = radios($("label"), 10, 10, setLabel, (button, k) => (button.textContent = k));

// A digit's numbers grow with the square of its pixels, so raw ones need smaller steps.
const RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1].map((lr) => (given.pixels === "raw" ? lr / 1e4 : lr));
const rate = () => RATES[$("lr").value];
const showRate = () => ($("lr-value").textContent = String(+rate().toPrecision(1)));
$("lr").addEventListener("input", showRate);
$("step").addEventListener("click", () => learn(1));
$("step10").addEventListener("click", () => learn(10));
$("undo").addEventListener("click", undo);
$("reset").addEventListener("click", reset);
for (const type of ["pointerenter", "pointerdown", "focus"]) $("loss").addEventListener(type, () => point("loss", {}));

// --- Play: the stages of a pass light up one after the other ---------------------------------------------------------

let playing = 0;
for (const button of document.querySelectorAll(".play")) {
  button.addEventListener("click", async () => {
    const me = ++playing, stages = [...button.closest("section").querySelectorAll(".stage")];
    stages.forEach((stage) => stage.classList.add("dim"));
    for (const stage of stages) {
      stage.classList.remove("dim");
      const box = stage.getBoundingClientRect();
      if (box.bottom > innerHeight - 90 || box.top < 0) stage.scrollIntoView({ block: "center", behavior: "smooth" });
      await new Promise((done) => setTimeout(done, 1100));
      if (me !== playing) return;
    }
  });
}
for (const type of ["pointerdown", "keydown", "wheel"]) {
  addEventListener(type, () => {
    playing++;
    for (const stage of document.querySelectorAll(".dim")) stage.classList.remove("dim");
  }, { capture: true, passive: true });
}

// --- The loss, step by step ----------------------------------------------------------------------------------------

const losses = () => [...trail().map((step) => step.loss), now.loss];
const before = () => (trail()[0] ?? now).p;

function svg(name, attributes, content = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.textContent = content;
  return element;
}

class Chart {
  constructor(host) {
    this.step = 0;
    this.svg = svg("svg", { tabindex: 0, role: "application", "aria-label": "The loss after each step. Arrow keys move from step to step." });
    host.append(this.svg);
    new ResizeObserver(() => {
      this.width = host.clientWidth;
      this.paint();
    }).observe(host);
    for (const type of ["pointerdown", "pointermove"]) {
      this.svg.addEventListener(type, (event) => this.go((event.clientX - this.svg.getBoundingClientRect().left - this.left) / this.dx));
    }
    whenInView(this, host);
    this.svg.addEventListener("focus", () => this.svg.matches(":focus-visible") && this.go(this.step));
    this.svg.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.go(this.step + by);
    });
  }

  go(step) {
    this.step = Math.min(Math.max(Math.round(step), 0), losses().length - 1);
    point("after", { step: this.step });
    this.paint();
  }

  paint() {
    const width = this.width, height = 240;
    if (!width || !this.visible) return;
    const values = losses(), last = values.length - 1;
    const high = Math.max(...values) || 1;
    this.left = 8;
    this.dx = (width - this.left - 64) / Math.max(last, 10);
    const x = (n) => this.left + n * this.dx, y = (v) => 20 + (height - 50) * (1 - v / high);
    const parts = [
      svg("path", { class: "axis", d: `M${x(0)},${y(0)}H${width}` }),
      svg("text", { x: x(0), y: height - 8 }, "0"),
      svg("text", { x: width, y: height - 8, "text-anchor": "end" }, plural(steps.length ? last : 0, "step")),
      svg("path", { class: "line", d: `M${values.map((v, n) => `${x(n)},${y(v)}`).join("L")}` }),
    ];
    if (last <= 40) parts.push(...values.map((v, n) => svg("circle", { class: "dot", cx: x(n), cy: y(v), r: 3.5 })));
    parts.push(svg("text", { class: "now", x: x(last) + 8, y: y(values[last]) - 8 }, text(values[last])));
    if (last) parts.push(svg("text", { x: x(0) + 8, y: y(values[0]) - 8 }, text(values[0])));
    if (pointed.name === "after" && this.step <= last) {
      parts.push(svg("circle", { class: "ring", cx: x(this.step), cy: y(values[this.step]), r: 7 }));
    }
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...parts);
  }
}

// --- Showing it all ------------------------------------------------------------------------------------------------

/** Compute, and show. same: only the weights have changed, not the digit; weights: they have. */
function update({ same = false, weights = false } = {}) {
  compute();
  setScales(same);
  if (pointed.name === "") unit = now.a1.indexOf(Math.max(...now.a1));
  showUnit();
  for (const grid of grids) grid.paint();
  for (const bars of allBars) bars.paint();
  chart.paint();
  showReadout();
  if (weights) showScore();
  showWords();
}

function percent(p) {
  const share = 100 * p;
  return share > 99.9 ? "more than 99.9\u00a0%" : share < 0.1 ? "less than 0.1\u00a0%" : `${share.toFixed(1)}\u00a0%`;
}

function showWords() {
  const empty = !pixels.some((v) => v), { p, answer, loss } = now;
  const second = Array.from(p.keys()).sort((a, b) => p[b] - p[a])[1];
  const on = now.z1.reduce((n, z) => n + (z > 0), 0), here = trail().length;
  const words = {
    answer: empty ? "–" : answer,
    sure: empty ? "Nothing is drawn yet."
      : `It gives this ${percent(p[answer])}; next comes ${second} with ${percent(p[second])}.`,
    "pad-note": empty ? "" : picked === null ? "Your digit" : `Test image ${tests[picked].number}, a ${tests[picked].label}`,
    "x-note": {
      standardised: "28 × 28 pixels, moved and scaled so that those of all training images have mean 0 and deviation 1.",
      unit: "28 × 28 pixels, from 0 for paper to 1 for ink.",
      raw: "28 × 28 pixels, from 0 for paper to 255 for ink.",
    }[given.pixels] + (picked !== null ? ""
      : " Your drawing was fitted into 20 × 20 of them, its centre of mass in the middle, as MNIST’s were."),
    "a1-note": `${on} of the ${H} units are on.`,
    "dz1-note": `Only units that are on pass anything back. The ${H - on} that are off, each a point here, learn nothing from this digit.`,
    "dW1-count": MOST,
    "dW1-note": given.pixels === "standardised" ? `Paper is not 0 but ${text(asInput([0])[0])}: it is tinted too, the other way.` : "",
    loss: text(loss),
    "label-note": !labelled ? "the network’s own answer, until you say which digit you meant"
      : answer === y && loss < 0.01
        ? "It is sure, and right: there is little to change. Choose another y, or a digit that it misreads, to see more." : "",
    steps: !steps.length ? "No step taken yet: these are the weights of the run."
      : `${plural(steps.length, "step")} taken${here < steps.length ? `, ${here} of them on this digit` : ""}. ` +
        `It reads ${right} of the ${tests.length} test images above.`,
    "now-answer": empty ? "–" : answer,
    "now-loss": text(loss),
  };
  for (const id in words) if ($(id).textContent !== String(words[id])) $(id).textContent = words[id];
  $("loss").setAttribute("aria-label", explain({ name: "loss", at: {} }).join(""));
  $("undo").disabled = $("reset").disabled = !steps.length;
  showPicked(picked);
  showLabel(labelled ? y : null);
}

/** Which of them it reads right, with the weights as they are now. */
function showScore() {
  right = 0;
  const reader = new MLP(model.params); // leaves alone what `model` keeps of its pass
  tests.forEach((test, n) => {
    const logits = reader.forward(asInput(test.pixels));
    const wrong = logits.indexOf(Math.max(...logits)) !== test.label;
    right += !wrong;
    const button = $("picker").children[n];
    button.classList.toggle("wrong", wrong);
    button.setAttribute("aria-label", `test image ${test.number}, a ${test.label}${wrong ? ", misread" : ""}`);
  });
  $("score").textContent = `it reads ${right} of these ${tests.length} right`;
}

readColours();
const grids = [...document.querySelectorAll("[data-grid]")].map((host) => new Grid(host));
const allBars = [...document.querySelectorAll("[data-bars]")].map((host) => new Bars(host));
const chart = new Chart($("chart"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  for (const grid of grids) grid.paint();
});
showRate();
showOnPad(pixels);
update({ weights: true });

/* For whoever wants to experiment, in the browser's console or in a test:
   lab.now        the numbers of the last pass, by the names of mlp_np.py
   lab.model      the network; lab.model.params are its weights
   lab.tests      the test images: {number, label, pixels}
   lab.pick(n), lab.setLabel(y), lab.learn(count, lr), lab.undo(), lab.reset(): what the buttons do
   lab.pixels()   the image that the network sees, 784 pixels from 0 to 255
   lab.readPad()  read the drawing now instead of with the next frame on the screen */
window.lab = { now, model, tests, pick, setLabel, learn, undo, reset, readPad, pixels: () => pixels };

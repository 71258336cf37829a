/* Numbers as grids of colours. */

import { computed, effect, signal } from "@preact/signals";

import { clearFocus, point } from "./actions.js";
import { blend, colours, ramps } from "./colours.js";
import { adversarialPass } from "./fool.js";
import { NUMBERS, pointedNumber, unit } from "./numbers.js";
import { getUnitWeights, hidden, input, MOST, pass, pixelContribution, scales } from "./passes.js";
import { sizeOf, whenInView } from "./picture.js";
import { focusedNumber, hoveredNumber } from "./state.js";
import { largest, PIXELS, text } from "./words.js";

/** The unit that the picture of the network is about; a pixel or a digit it may be, too. */
export const focus = computed(() => {
  const { i, j, k } = pointedNumber.value.at;
  return {
    pixel: j === undefined ? i : undefined,
    unit: i === undefined ? j : undefined,
    digit: k ?? pass.value.answer,
  };
});

/** What each pixel adds to that unit. */
const tint = () => (focus.value.unit === undefined ? null : PIXELS.map((i) => pixelContribution(i, focus.value.unit)));

/* at: from the n-th cell of block b to pixel i, unit j, digit k. where: in which cell of block b these are. */
const UNITS = { ofUnits: true, at: (n) => ({ j: n }), where: ({ j }) => j, gaps: true, blocks: 1 };
const IMAGE = { count: 784, columns: 28, at: (n) => ({ i: n }), where: ({ i }) => i, blocks: 1 };
const unitOfBlock = (b) => pass.value.most[b];
const GRIDS = {
  x: { ...IMAGE, kind: "ink", tint, label: "the pixels" },
  dx: {
    ...IMAGE,
    kind: "slope",
    label: "the derivatives of the pixels",
    ink: (n) => adversarialPass.value.pixels[n],
    tint: () => adversarialPass.value.dx,
    scale: () => largest(adversarialPass.value.dx),
  },
  z1: { ...UNITS, kind: "both", label: "the sums of the hidden units" },
  a1: { ...UNITS, kind: "up", off: true, label: "the activations of the hidden units" },
  W1: {
    ...IMAGE,
    kind: "both",
    label: "the weights from all pixels to one unit",
    at: (n) => ({ i: n, j: unit.value }),
    scale: () => largest(getUnitWeights(unit.value)),
  },
  dW2: {
    ...UNITS,
    kind: "slope",
    gaps: false,
    blocks: 10,
    across: [2, 5, 5],
    caption: (b) => `[:, ${b}]`,
    label: "for each digit, the derivatives of its weights",
    at: (n, b) => ({ j: n, k: b }),
    where: ({ j, k }, b) => (k === undefined || k === b ? j : undefined),
  },
  da1: { ...UNITS, kind: "slope", label: "the derivatives of the activations" },
  dz1: { ...UNITS, kind: "slope", off: true, label: "the derivatives of the sums" },
  dW1: {
    ...IMAGE,
    kind: "slope",
    blocks: MOST,
    across: [4, 4, 6],
    caption: (b) => `[:, ${unitOfBlock(b)}]`,
    label: "for the units most affected, the derivatives of their weights",
    at: (n, b) => ({ i: n, j: unitOfBlock(b) }),
    where: ({ i, j }, b) => (j === undefined || j === unitOfBlock(b) ? i : undefined),
  },
  db1: { ...UNITS, kind: "slope", label: "the derivatives of the biases" },
};

export class Grid {
  /** name: a signal, or a function; which of GRIDS it shows. */
  constructor(host, name = () => host.dataset.grid) {
    const element = (tag, ...inside) => {
      const created = document.createElement(tag);
      created.append(...inside);
      return created;
    };
    this.host = host;
    this.cursor = signal([0, 0]); // block, cell
    this.canvas = Object.assign(element("canvas"), { tabIndex: 0 });
    this.canvas.setAttribute("role", "application"); // as a property, Firefox knows it only since the end of 2023
    this.canvas.setAttribute("aria-roledescription", "grid of numbers");
    this.legend = element("div", element("span"), element("i"), element("span"));
    this.legend.className = "scale";
    host.append(this.canvas, this.legend);
    this.small = element("canvas"); // one pixel per number, block below block; drawn larger from here
    this.width = sizeOf(host);
    this.grid = computed(() => ({ name: name(), ...GRIDS[name()] }));
    this.layout = computed(() => this.measure());
    this.range = computed(() => {
      const { name, kind, scale } = this.grid.value;
      const high = scale?.() ?? scales.value[name];
      return kind === "ink" ? [...input([0, 255])] : [-high, high];
    });
    this.colours = computed(() => this.colour());
    // In view or not, it has its size and its words.
    effect(() => void this.layout.value);
    effect(() => {
      const [low, high] = this.range.value;
      this.legend.firstChild.textContent = this.grid.value.kind === "up" ? "0" : text(low);
      this.legend.lastChild.textContent = text(high);
    });
    effect(() => {
      const { name, label, kind } = this.grid.value;
      this.canvas.setAttribute("aria-label", `${name}: ${label}. Arrow keys move from number to number.`);
      this.legend.children[1].className = kind;
    });
    whenInView(host, () => this.draw());
    for (const type of ["pointerdown", "pointermove"]) {
      this.canvas.addEventListener(type, (event) => this.point(event, hoveredNumber));
    }
    this.canvas.addEventListener("click", (event) => this.point(event, focusedNumber));
    this.canvas.addEventListener("pointerleave", () => (hoveredNumber.value = null));
    this.canvas.addEventListener("focus", () => this.canvas.matches(":focus-visible") && this.say(focusedNumber));
    this.canvas.addEventListener("blur", clearFocus);
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** Units stand in a square, the same everywhere. As many blocks side by side as the width has room for, in cells of
      whole pixels of the screen. */
  measure() {
    const width = this.width.value,
      ratio = window.devicePixelRatio,
      { ofUnits, across = [1, 1, 1], caption } = this.grid.value;
    const count = ofUnits ? hidden.value : this.grid.value.count;
    const columns = ofUnits ? Math.ceil(Math.sqrt(count)) : this.grid.value.columns;
    const blocks = Math.min(this.grid.value.blocks, ofUnits ? 10 : hidden.value),
      rows = Math.ceil(count / columns);
    const n = Math.min(across[width < 480 ? 0 : width < 700 ? 1 : 2], blocks); // blocks side by side
    const gap = Math.round((n > 1 ? 10 : 0) * ratio),
      head = caption ? Math.round(20 * ratio) : 0;
    const cell = Math.max(1, Math.floor((width * ratio - gap * (n - 1)) / (columns * n)));
    this.canvas.width = n * columns * cell + (n - 1) * gap;
    this.canvas.height = Math.ceil(blocks / n) * (head + rows * cell + gap) - gap;
    this.canvas.style.width = `${this.canvas.width / ratio}px`;
    return { width, ratio, count, columns, rows, blocks, n, gap, head, cell };
  }

  /** The upper left corner of a block. */
  corner(b) {
    const { n, columns, rows, cell, gap, head } = this.layout.value;
    return [(b % n) * (columns * cell + gap), head + Math.floor(b / n) * (head + rows * cell + gap)];
  }

  /** Where the n-th cell of the first block is in the window. */
  centre(n) {
    const box = this.canvas.getBoundingClientRect(),
      { cell, columns, ratio } = this.layout.value;
    return [
      box.left + (((n % columns) + 0.5) * cell) / ratio,
      box.top + ((Math.floor(n / columns) + 0.5) * cell) / ratio,
    ];
  }

  /** The numbers as colours, on the small canvas. */
  colour() {
    const { name, kind, at, ink, ...grid } = this.grid.value,
      { columns, rows, blocks, count } = this.layout.value;
    const [value] = NUMBERS[name],
      ramp = ramps.value[kind],
      numbers = pass.value;
    const [low, high] = this.range.value;
    const tint = grid.tint?.(),
      largestTint = tint && largest(tint); // what each pixel adds, instead of the paper's white
    const image = new ImageData(columns, rows * blocks);
    for (let b = 0; b < blocks; b++) {
      for (let n = 0; n < count; n++) {
        const share = (value(numbers, at(n, b)) - low) / (high - low);
        let colour = ink ? ramps.value.ink[2 * ink(n)] : ramp[Math.round(510 * Math.min(Math.max(share, 0), 1))];
        if (tint) colour = blend(colour, tint[n] / largestTint, ramps.value[kind === "ink" ? "both" : kind]);
        image.data.set(colour, 4 * (b * rows * columns + n));
      }
    }
    Object.assign(this.small, { width: columns, height: rows * blocks });
    this.small.getContext("2d").putImageData(image, 0, 0);
    return {}; // something new
  }

  /** The colours, large, and what is pointed at. */
  draw() {
    const { gaps, off, caption, where } = this.grid.value;
    const { width, ratio, columns, rows, blocks, cell } = this.layout.value;
    if (!width) return;
    this.colours.value;
    const canvas = this.canvas.getContext("2d"),
      line = Math.max(1, Math.round(ratio)),
      { paper, ink, muted } = colours.value;
    canvas.clearRect(0, 0, this.canvas.width, this.canvas.height);
    canvas.imageSmoothingEnabled = false;
    for (let b = 0; b < blocks; b++) {
      const [left, top] = this.corner(b);
      canvas.drawImage(this.small, 0, b * rows, columns, rows, left, top, columns * cell, rows * cell);
      if (gaps && cell >= 6 * ratio) {
        canvas.fillStyle = paper;
        for (let c = 1; c <= columns; c++) canvas.fillRect(left + c * cell - line, top, line, rows * cell);
        for (let r = 1; r <= rows; r++) canvas.fillRect(left, top + r * cell - line, columns * cell, line);
      }
      if (off) {
        canvas.fillStyle = colours.value.off;
        const dot = Math.max(2, Math.round(cell / 5)),
          inset = Math.floor((cell - line - dot) / 2);
        pass.value.z1.forEach((z, n) => {
          if (z > 0) return;
          canvas.fillRect(left + (n % columns) * cell + inset, top + Math.floor(n / columns) * cell + inset, dot, dot);
        });
      }
      if (caption) {
        canvas.fillStyle = muted;
        canvas.font = colours.value.small.replace(/^[\d.]+/, (size) => size * ratio);
        canvas.fillText(caption(b), left, top - 6 * ratio);
      }
      const n = where(pointedNumber.value.at, b);
      if (n !== undefined) {
        const x = left + (n % columns) * cell,
          y = top + Math.floor(n / columns) * cell;
        for (const [colour, wide] of [
          [paper, 2 * line],
          [ink, line],
        ]) {
          const side = cell + 2 * wide - (gaps ? line : 0);
          canvas.strokeStyle = colour;
          canvas.lineWidth = 2 * line;
          canvas.strokeRect(x - wide, y - wide, side, side);
        }
      }
    }
  }

  /** Point at the number under the pointer. */
  point(event, signal) {
    const box = this.canvas.getBoundingClientRect(),
      scale = this.canvas.width / box.width;
    const u = (event.clientX - box.left) * scale,
      v = (event.clientY - box.top) * scale;
    const { columns, rows, blocks, count, cell } = this.layout.value;
    for (let b = 0; b < blocks; b++) {
      const [left, top] = this.corner(b);
      const c = Math.floor((u - left) / cell),
        r = Math.floor((v - top) / cell),
        n = r * columns + c;
      if (c >= 0 && c < columns && r >= 0 && r < rows && n < count) {
        this.cursor.value = [b, n];
        return this.say(signal);
      }
    }
  }

  key(event) {
    const move = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!move) return;
    event.preventDefault();
    const { columns, rows, blocks, count, n: across } = this.layout.value,
      [b, n] = this.cursor.value;
    const r = Math.floor(b / across) * rows + Math.floor(n / columns) + move[0];
    const c = (b % across) * columns + (n % columns) + move[1];
    const block = Math.floor(r / rows) * across + Math.floor(c / columns),
      cell = (r % rows) * columns + (c % columns);
    if (r < 0 || c < 0 || c >= across * columns || block >= blocks || cell >= count) return;
    this.cursor.value = [block, cell];
    this.say(focusedNumber);
  }

  say(signal) {
    const [b, n] = this.cursor.value,
      { name, at } = this.grid.value;
    point(signal, name, at(n, b));
  }
}

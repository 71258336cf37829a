/* Numbers as pictures: grids of colours, bars, and the groups of buttons that belong to them. */

class Grid {
  constructor(host) {
    this.host = host;
    this.cursor = [0, 0]; // block, cell
    this.canvas = make("canvas", { tabIndex: 0 });
    this.canvas.setAttribute("role", "application");
    this.canvas.setAttribute("aria-roledescription", "grid of numbers");
    this.legend = make("div", { className: "scale" }, make("span"), make("i"), make("span"));
    host.append(this.canvas, this.legend);
    this.small = make("canvas"); // one pixel per number, block below block; drawn larger from here
    this.become(host.dataset.grid);
    new ResizeObserver(() => this.layout()).observe(host);
    whenInView(this, host);
    listen([this.canvas], ["pointerdown", "pointermove"], (event) => this.point(event));
    this.canvas.addEventListener("focus", () => this.canvas.matches(":focus-visible") && this.say());
    this.canvas.addEventListener("keydown", (event) => this.key(event));
  }

  /** Show these numbers from now on: a name of GRIDS. */
  become(name) {
    Object.assign(this, { blocks: 1, across: [1, 1, 1], off: false, gaps: false, caption: null, tint: null, scale: null }, GRIDS[name], { name });
    this.canvas.setAttribute("aria-label", `${name}: ${this.label}. Arrow keys move from number to number.`);
    this.legend.children[1].className = this.kind;
    if (this.cell) this.layout();
  }

  /** As many blocks side by side as the width has room for, in cells of whole pixels of the screen. */
  layout() {
    const width = this.host.clientWidth, ratio = window.devicePixelRatio;
    if (!width) return;
    const narrow = matchMedia("(max-width: 46em)").matches;
    const shape = !this.host.closest(".network") ? 2 : narrow ? 1 : 0.5; // how much wider than high
    if (this.ofUnits) Object.assign(this, { count: model.hidden, columns: Math.ceil(Math.sqrt(shape * model.hidden)) });
    if (this.ofMost) this.blocks = Math.min(MOST, model.hidden);
    this.rows = Math.ceil(this.count / this.columns);
    this.small.width = this.columns;
    this.small.height = this.rows * this.blocks;
    this.image = new ImageData(this.small.width, this.small.height);
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

  /** Where the n-th cell of the first block is in the window. */
  centre(n) {
    const box = this.canvas.getBoundingClientRect(), { cell, columns, ratio } = this;
    return [box.left + (((n % columns) + 0.5) * cell) / ratio, box.top + ((Math.floor(n / columns) + 0.5) * cell) / ratio];
  }

  /** New numbers: colour them. */
  paint() {
    if (!this.cell || !now.p) return;
    const [value] = NUMBERS[this.name], ramp = ramps[this.kind];
    const scale = this.scale?.() ?? now.scales[this.name];
    const [low, high] = this.kind === "ink" ? asInput([0, 255]) : [-scale, scale];
    const tint = this.tint?.(), most = tint && largest(tint); // what each pixel adds, instead of the paper's white
    for (let b = 0; b < this.blocks; b++) {
      for (let n = 0; n < this.count; n++) {
        const share = (value(this.at(n, b)) - low) / (high - low);
        let colour = this.ink ? ramps.ink[2 * this.ink(n)] : ramp[Math.round(510 * Math.min(Math.max(share, 0), 1))];
        if (tint) colour = blend(colour, tint[n] / most, ramps[this.kind === "ink" ? "both" : this.kind]);
        this.image.data.set(colour, 4 * (b * this.rows * this.columns + n));
      }
    }
    this.small.getContext("2d").putImageData(this.image, 0, 0);
    this.legend.firstChild.textContent = this.kind === "up" ? "0" : text(low);
    this.legend.lastChild.textContent = text(high);
    this.draw();
  }

  /** The colours, large, and what is pointed at. */
  draw() {
    if (!this.cell) return;
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
        for (let n = 0; n < model.hidden; n++) {
          if (now.z1[n] > 0) continue;
          canvas.fillRect(left + (n % columns) * cell + inset, top + Math.floor(n / columns) * cell + inset, dot, dot);
        }
      }
      if (this.caption) {
        canvas.fillStyle = colours.muted;
        canvas.font = colours.small.replace(/^[\d.]+/, (size) => size * ratio);
        canvas.fillText(this.caption(b), left, top - 6 * ratio);
      }
      const n = this.where(state.pointed.at, b);
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

/** What is in view, or nearly, is painted at once; the rest as soon as nothing has changed for a moment. */
const pictures = [];
let later;

function whenInView(picture, host, rootMargin = "100px") {
  picture.visible = true;
  pictures.push(picture);
  new IntersectionObserver((entries) => {
    picture.visible = entries.at(-1).isIntersecting;
    if (picture.visible) picture.paint();
  }, { rootMargin }).observe(host);
}

const paint = (some) => attempt(some.map((picture) => () => picture.paint()));

/** Do all of these. One that fails is reported in the console, and stops no other. */
function attempt(parts) {
  for (const part of parts) {
    try {
      part();
    } catch (error) {
      reportError(error);
    }
  }
}

function paintAll(which = () => true) {
  paint(pictures.filter((picture) => picture.visible && which(picture)));
  clearTimeout(later);
  later = setTimeout(() => paint(pictures.filter(({ visible }) => !visible)), 200);
}

/* Paper is light, and shows all of the page. */
for (const onPaper of [true, false]) {
  addEventListener(onPaper ? "beforeprint" : "afterprint", () => {
    readColours(onPaper);
    paint(pictures);
  });
}

/** The colour of some ink, faint, under that of a number from -1 to 1. */
function blend(ink, number, ramp) {
  const [paper] = ramps.ink, over = ramp[Math.round(255 * (1 + number))], share = Math.sqrt(Math.abs(number));
  return ink.map((c, n) => (paper[n] + 0.3 * (c - paper[n])) * (1 - share) + over[n] * share);
}

const largest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;

class Bars {
  constructor(host) {
    this.name = host.dataset.bars;
    this.host = host;
    host.setAttribute("role", "listbox");
    const part = (className, ...inside) => make("span", { className }, ...inside);
    this.bars = DIGITS.map((k) => {
      const fill = part("fill"), mark = BARS[this.name].before ? part("before") : "", value = part("value");
      const bar = part("bar", part("digit", String(k)), part("track", fill, mark), " ", value); // read out as "4 97.5%"
      bar.setAttribute("role", "option");
      bar.tabIndex = k ? -1 : 0;
      host.append(bar);
      listen([bar], ["pointerdown", "pointermove", "focus"], () => point(this.name, this.where(k)));
      return { bar, fill, mark, value };
    });
    rove(this.bars.map(({ bar }) => bar));
    whenInView(this, host);
    this.become(this.name);
  }

  /** Show these numbers from now on: a name of BARS. */
  become(name) {
    Object.assign(this, { scale: null, signs: ["negative", "positive"], where: (k) => ({ k }) }, BARS[name], { name });
    this.host.setAttribute("aria-label", `${name.split("-")[0]}: ${this.label}`);
    this.paint();
  }

  paint() {
    if (!now.p) return;
    this.bars.forEach(({ bar, fill, mark, value }, k) => {
      const v = this.value(k), share = (this.scale ? v / this.scale() / 2 : v) || 0;
      const from = this.scale ? 0.5 : 0;
      fill.style.left = `${100 * Math.min(from, from + share)}%`;
      fill.style.width = `${100 * Math.abs(share)}%`;
      fill.style.background = this.scale ? `var(--${this.signs[Number(v > 0)]})` : "var(--accent)";
      if (mark) mark.style.left = `calc(${100 * this.before(k)}% - ${2 * this.before(k)}px)`;
      value.textContent = !this.scale ? percent(v) : v && Math.abs(v) < 5e-4 ? "0.000" : text(v);
      bar.classList.toggle("said", k === (this.answer?.() ?? now.answer));
      bar.classList.toggle("true", k === state.y && state.labelled);
    });
  }

  mark() {
    this.bars.forEach(({ bar }, k) => bar.classList.toggle("pointed", k === state.pointed.at.k));
  }
}

/** One tab stop for all of `items`; arrow keys go from one to the next, and from row to row. */
function rove(items, choose = () => {}) {
  items.forEach((item, n) => {
    item.addEventListener("keydown", (event) => {
      const columns = items.filter(({ offsetTop }) => offsetTop === items[0].offsetTop).length;
      const by = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
      const next = { Home: 0, End: items.length - 1 }[event.key] ?? n + by;
      const chosen = item.localName !== "button" && ["Enter", " "].includes(event.key); // a button does so by itself
      if (!(next in items) && !chosen) return;
      event.preventDefault();
      if (chosen) return choose(n);
      stop(items, next);
      items[next].focus();
      choose(next);
    });
    item.addEventListener("focus", () => stop(items, n));
  });
}

const stop = (items, n) => items.forEach((item, m) => (item.tabIndex = m === n ? 0 : -1));

/** A group of buttons, one of which is chosen. */
function radios(host, count, choose, fill) {
  const buttons = range(count).map((n) => {
    const button = make("button", { type: "button" }, fill(n));
    button.setAttribute("role", "radio");
    button.addEventListener("click", () => choose(n));
    host.append(button);
    return button;
  });
  rove(buttons, choose);
  let shown;
  return (chosen) => {
    if (chosen === shown) return;
    shown = chosen;
    buttons.forEach((button, n) => button.setAttribute("aria-checked", n === chosen));
    stop(buttons, chosen ?? 0);
  };
}

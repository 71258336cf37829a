/* The network as one picture: pixels, hidden units and digits, the wires that matter between them, and the lines of
   mlp_np.py, each of which shows what it computes. */

/* line: the name that build.py gives to lines of mlp_np.py. lit: how many of the four figures have their numbers by
   then. units, digits: what these figures show. left, right: how much a wire between pixel i and unit j, or between unit
   j and digit k, carries. back: whether it carries it backwards. */
const FORWARD = { units: "a1", digits: "logits" }, BACKWARD = { units: "a1", digits: "dlogits", lit: 4, back: true };
const STAGES = [
  { ...FORWARD, line: "x", lit: 1, words: () => "The image, as 784 numbers." },
  { ...FORWARD, line: "z1", units: "z1", lit: 2, left: added, words: () => "Each unit adds up all pixels, each times a weight of its own, and a bias." },
  { ...FORWARD, line: "a1", lit: 2, words: () => "A unit whose sum is negative is off, and passes 0." },
  { ...FORWARD, line: "logits", lit: 3, right: spoken, words: () => "Each digit adds up all units, with weights again: ten scores." },
  { ...FORWARD, line: "p", lit: 4, words: () => `The scores as probabilities. The largest is the answer: ${now.answer}.` },
  { ...FORWARD, line: "loss", lit: 4, words: () => `How much did the true digit, ${state.y}, surprise it? ${text(now.loss)}: 0 would be not at all.` },
  { ...BACKWARD, line: "dlogits", words: () => "Now backwards. What it said, minus what it should have said." },
  { ...BACKWARD, line: "dW2", right: (j, k) => now.dW2[j * 10 + k], words: () => "To each weight of the second layer: what came through it, times the error at its end." },
  { ...BACKWARD, line: "db2", words: () => "To the biases: the errors themselves." },
  { ...BACKWARD, line: "da1", units: "da1", right: (j, k) => now.dlogits[k] * W2(j, k), words: () => "The errors go back through the same weights." },
  { ...BACKWARD, line: "dz1", units: "dz1", words: () => "Units that are off pass nothing back." },
  { ...BACKWARD, line: "dW1", units: "dz1", left: (i, j) => now.dW1[i * model.hidden + j], words: () => "To each weight of the first layer: its pixel, times the error of its unit." },
  { ...BACKWARD, line: "db1", units: "dz1", words: () => "To the biases again. Every derivative is known: now take a step against them." },
];
const AT_REST = { ...FORWARD, lit: 4 };
const FIGURES = ["f-x", "f-a1", "f-logits", "f-p"].map($);
const CHIPS = 6; // units that speak for a digit, and as many against it

/* What a pixel adds to the sum of a unit, and a unit to the score of a digit. */
function added(i, j) { return now.x[i] * W1(i, j); }
function spoken(j, k) { return now.a1[j] * W2(j, k); }

/** The `count` indices below `n` at which `value` is largest. */
const top = (n, count, value) => range(n).map((i) => [value(i), i]).sort((a, b) => b[0] - a[0]).slice(0, count).map(([, i]) => i);

/** [a, b, value(a, b)] of those `count` pairs whose value is furthest from 0. */
const strongest = (pairs, count, value) => pairs.map(([a, b]) => [a, b, value(a, b)])
  .sort((one, other) => Math.abs(other[2]) - Math.abs(one[2])).slice(0, count);

class Network {
  constructor() {
    this.host = $("network-picture");
    this.canvas = $("wires");
    this.at = -1; // in STAGES; -1: at rest, and what is pointed at has its say
    this.share = 1; // of the way along the wires
    [this.x, this.units] = ["x", "a1"].map((name) => grids.find((grid) => grid.name === name));
    [this.digits, this.p] = ["logits", "p"].map((name) => allBars.find((bars) => bars.name === name));
    this.lines = [...$("code").querySelectorAll("[data-stage]")];
    const choose = (n) => this.go(STAGES.findIndex(({ line }) => line === this.lines[n].dataset.stage));
    this.lines.forEach((line, n) => line.addEventListener("click", () => choose(n)));
    rove(this.lines, choose);
    stop(this.lines, 0);
    this.chips = ["for", "against"].map((id) => range(CHIPS).map(() => this.chip($(id))));
    listen([$("play")], ["click"], () => this.play());
    listen([$("next")], ["click"], () => this.go(this.at + 1));
    listen([$("back")], ["click"], () => this.go(Math.max(this.at, 0) - 1));
    addEventListener("keydown", (event) => event.key === "Escape" && this.go(-1));
    new ResizeObserver(() => this.paint()).observe(this.host);
    whenInView(this, $("inside"), "0px"); // nearly in view is not enough: it takes time
  }

  get stage() { return STAGES[this.at] ?? AT_REST; }

  /** What each pixel adds to the unit that the picture is about. */
  tint() {
    const { unit } = this.focus;
    return unit === undefined ? null : PIXEL_RANGE.map((i) => added(i, unit));
  }

  /** What the picture is about: the unit pointed at, or the pixel, or else a digit. */
  get focus() {
    const { i, j, k } = state.pointed.at;
    return { pixel: j === undefined ? i : undefined, unit: i === undefined ? j : undefined, digit: k ?? now.answer };
  }

  // --- From line to line -------------------------------------------------------------------------------------------

  go(n) {
    clearTimeout(this.timer);
    this.playing = false;
    this.show(n);
  }

  /** All lines, one after the other. */
  play() {
    const playing = !this.playing;
    this.go(this.at);
    if (!playing) return;
    this.playing = true;
    const onwards = () => {
      this.show(this.at + 1);
      if (this.at >= 0) this.timer = setTimeout(onwards, 2200);
      else this.go(-1);
    };
    onwards();
  }

  show(n) {
    this.at = n in STAGES ? n : -1;
    const began = performance.now(), calm = this.at < 0 || matchMedia("(prefers-reduced-motion: reduce)").matches;
    const frame = () => {
      this.share = Math.min((performance.now() - began) / 900, 1);
      this.draw();
      if (this.share < 1) this.frame = requestAnimationFrame(frame);
    };
    const { units, digits, lit, line, words, back } = this.stage;
    this.units.become(units);
    this.digits.become(digits);
    $("f-a1").querySelector("b").textContent = units;
    $("f-logits").querySelector("b").textContent = digits;
    FIGURES.forEach((figure, n) => figure.classList.toggle("dim", n >= lit));
    $("inside").classList.toggle("backwards", Boolean(back));
    const chosen = this.lines.filter((item) => item.dataset.stage === line);
    for (const item of this.lines) item.setAttribute("aria-selected", chosen.includes(item));
    $("stage-line").textContent = chosen.at(-1)?.textContent ?? "";
    $("stage-words").textContent = words?.() ?? "See it line by line: forwards to the answer, then backwards to what should change.";
    $("play").textContent = this.playing && this.at >= 0 ? "Stop" : "Play";
    cancelAnimationFrame(this.frame);
    this.share = Number(calm);
    this.paint();
    if (!calm) frame();
  }

  // --- Wires ---------------------------------------------------------------------------------------------------------

  /** [i, j, how much it carries], and the same with [j, k]: those that carry most. */
  wires() {
    const { left, right, back } = this.stage, { pixel, unit, digit } = this.focus;
    const intoUnit = (j, count, value = added) => strongest(PIXEL_RANGE.map((i) => [i, j]), count, value);
    if (this.at >= 0) {
      const js = back ? now.most : top(model.hidden, 12, (j) => Math.abs(spoken(j, digit)));
      return [
        left ? js.flatMap((j) => intoUnit(j, 6, left)) : [],
        right ? strongest(range(model.hidden * 10).map((n) => [Math.floor(n / 10), n % 10]), 70, right) : [],
      ];
    }
    if (pixel !== undefined) return [strongest(range(model.hidden).map((j) => [pixel, j]), 24, added), []];
    if (unit !== undefined) return [intoUnit(unit, 40), strongest(DIGITS.map((k) => [unit, k]), 10, spoken)];
    const [pro, contra] = this.speakers(digit);
    return [pro.slice(0, 4).flatMap((j) => intoUnit(j, 8)), [...pro, ...contra].map((j) => [j, digit, spoken(j, digit)])];
  }

  /** The units that speak most for a digit, and most against it. */
  speakers(k) {
    return [1, -1].map((sign) => top(model.hidden, CHIPS, (j) => sign * spoken(j, k)).filter((j) => sign * spoken(j, k) > 0));
  }

  paint() {
    if (!this.x.cell) return;
    this.carried = this.wires();
    this.draw();
    this.explain();
  }

  draw() {
    const { host, share, carried } = this;
    if (!carried || !host.clientWidth) return;
    const box = host.getBoundingClientRect(), context = fit(this.canvas, box.width, box.height);
    const [left, right] = carried, { back } = this.stage;
    const bars = this.digits.bars.map(({ bar }) => bar.getBoundingClientRect());
    const beside = bars[0].left > this.units.canvas.getBoundingClientRect().right; // on a phone the digits are below
    const draw = (wires, from, to, turn) => {
      const high = wires.reduce((most, [, , v]) => Math.max(most, Math.abs(v)), 0) || 1;
      for (const [a, b, v] of wires.filter(([, , v]) => v).sort((one, other) => Math.abs(one[2]) - Math.abs(other[2]))) {
        const colour = this.at < 0 ? colours[v < 0 ? "negative" : "positive"] : colours[back ? "back" : "accent"];
        const ends = [from(a), to(b)].map(([u, v]) => [u - box.left, v - box.top]);
        wire(context, ends, { share, back, colour, turn, size: Math.abs(v) / high });
      }
    };
    draw(left, (i) => this.x.centre(i), (j) => this.units.centre(j));
    const end = (k) => [bars[k].left + (beside ? 4 : -9), bars[k].top + bars[k].height / 2];
    draw(right, (j) => this.units.centre(j), end, beside ? undefined : $("f-logits").getBoundingClientRect().top - box.top);
  }

  /** What is pointed at has changed, or the numbers have. */
  look() {
    const { unit } = this.focus;
    if (unit !== this.tinted) {
      this.tinted = unit;
      this.x.paint();
    }
    if (this.visible) this.paint();
  }

  // --- Which units speak for a digit, and which against it -----------------------------------------------------------

  chip(host) {
    const picture = make("canvas", { width: 28, height: 28 }), [name, adds, rival] = ["b", "span", "small"].map((tag) => make(tag));
    const button = make("button", { type: "button" }, picture, name, adds, rival);
    host.append(button);
    const chip = { button, picture, name, adds, rival };
    listen([button], ["pointerenter", "click", "focus"], () => chip.j >= 0 && point("W2", { j: chip.j, k: chip.k }));
    return chip;
  }

  explain() {
    const { digit: k } = this.focus, { answer, logits, p } = now, { b2 } = model.params;
    const second = top(10, 2, (digit) => p[digit])[1];
    const other = k !== answer ? answer : state.labelled && state.y !== answer ? state.y : second;
    const total = (sign, k) => now.a1.reduce((sum, _, j) => sum + Math.max(sign * spoken(j, k), 0), 0);
    $("h-why").textContent = empty() ? "Draw something first" : k === answer ? `Why ${k}, and not ${other}?` : `Why not ${k}, but ${other}?`;
    const drawn = this.carried.flat().length, wires = (784 + 10) * model.hidden;
    $("wires-note").textContent = `Only the ${drawn} strongest of its ${wires.toLocaleString("en")} wires are drawn.`;
    $("why-sum").textContent = [k, other].map((k) => `To ${k} all units add ${signed(total(1, k))} and ${signed(-total(-1, k))}` +
      `; with the bias, ${text(b2[k])}, that is logits[${k}] = ${text(logits[k])}.`).join(" ");
    this.speakers(k).forEach((units, side) => {
      const words = `Units that speak ${side ? "against" : "for"} ${k}`, host = $(side ? "against" : "for");
      host.setAttribute("aria-label", words);
      host.dataset.words = words;
      this.chips[side].forEach((chip, n) => {
        const j = units[n];
        chip.button.hidden = j === undefined;
        Object.assign(chip, { j, k });
        if (j === undefined) return;
        chip.name.textContent = `unit ${j}`;
        chip.adds.textContent = signed(spoken(j, k));
        chip.rival.textContent = `to ${other}: ${signed(spoken(j, other))}`;
        chip.button.className = side ? "negative" : "positive";
        paintWeights(chip.picture, weightsOf(j));
      });
    });
  }
}

/** Weights from all pixels, in colours; those of size `high` or more get the strongest. */
function paintWeights(canvas, weights, high = largest(weights)) {
  paint28(canvas, (i) => ramps.both[Math.min(Math.max(Math.round(255 + (255 * weights[i]) / high) || 0, 0), 510)]);
}

/** A curve from end to end, or the first `share` of it with a head. size: from 0 to 1, how thick. back: the last end is the
    first. turn: from this height on it goes straight down, beside what it must not cross. */
function wire(context, [[u0, v0], [u1, v1]], { share, back, colour, turn, size }) {
  const smooth = (t) => t * t * (3 - 2 * t), reach = (turn - v0) / (v1 - v0);
  const at = (way) => {
    const t = back ? 1 - way : way, [across, down] = turn === undefined ? [t, smooth(t)] : [smooth(Math.min(t / reach, 1)), t];
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

/* Learn from nothing: a new network learns from the images that the page carries, and can be made to learn wrongly. */

// --- Random numbers: the same ones for the same seed ----------------------------------------------------------------

/** A function that returns random numbers from 0 to 1 (xorshift, Marsaglia 2003). */
function randomNumbers(seed) {
  let state = seed;
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
  for (let n = 0; n < 20; n++) next(); // the first ones resemble the seed
  return next;
}

/** Normal with mean 0 and standard deviation 1 (Box & Muller 1958). */
const normal = (random) => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
const uniform = (random, bound) => (2 * random() - 1) * bound;

/** Put `items` into a random order, in place (Fisher & Yates 1938). */
function shuffle(items, random) {
  for (let n = items.length - 1; n > 0; n--) {
    const m = Math.floor(random() * (n + 1));
    [items[n], items[m]] = [items[m], items[n]];
  }
  return items;
}

/* mlp_np.py's ways to draw first weights: a weight, and a bias, of a layer with the given numbers of inputs and outputs. */
const INITS = {
  he: [(random, fanIn) => normal(random) * Math.sqrt(2 / fanIn), () => 0],
  pytorch: [(random, fanIn) => uniform(random, 1 / Math.sqrt(fanIn)), (random, fanIn) => uniform(random, 1 / Math.sqrt(fanIn))],
  geohot: [(random, fanIn, fanOut) => uniform(random, 1 / Math.sqrt(fanIn * fanOut)), () => 0],
  zeros: [() => 0, () => 0],
};

function firstWeights(init, hidden, random) {
  const [weight, bias] = INITS[init];
  const draw = (count, one, fanIn, fanOut) => Float32Array.from({ length: count }, () => one(random, fanIn, fanOut));
  return {
    W1: draw(784 * hidden, weight, 784, hidden), b1: draw(hidden, bias, 784, hidden),
    W2: draw(hidden * 10, weight, hidden, 10), b2: draw(10, bias, hidden, 10),
  };
}

// --- A training run -------------------------------------------------------------------------------------------------

const rows = (images) => {
  const x = new Float64Array(784 * images.length);
  images.forEach((image, n) => x.set(asInput(image.pixels, "standardised"), 784 * n));
  return x;
};
const trainingRows = rows(trainingImages), testingRows = rows(testingImages);
const testingLabels = testingImages.map((image) => image.label);

/** How many of the rows of `logits` (B, 10) are largest at y. */
const countRight = (logits, y) => y.filter((label, n) => argmax(logits.subarray(10 * n, 10 * n + 10)) === label).length;

/** mistakes: a Set of mask, mean, zeros, shuffled, rate; each is one line that goes wrong below. */
class Training {
  constructor({ hidden, init, seed, mistakes = new Set() }) {
    this.mistakes = mistakes;
    this.random = randomNumbers(seed);
    this.model = new MLP(firstWeights(mistakes.has("zeros") ? "zeros" : init, hidden, this.random));
    this.labels = trainingImages.map((image) => image.label);
    if (mistakes.has("shuffled")) shuffle(this.labels, this.random);
    this.order = shuffle([...this.labels.keys()], this.random);
    this.at = 0; // in that order
    this.step = 0;
    this.seen = 0; // images, counting each as often as it came
    this.losses = []; // for each step, the training loss and accuracy of about the last twenty batches
    this.accuracies = [];
    this.tested = []; // {step, loss, accuracy, off} on the test images
  }

  /** Which images come next. Each epoch has an order of its own; the few that fill no batch are left out. */
  next(batchSize) {
    if (this.at + batchSize > this.order.length) {
      shuffle(this.order, this.random);
      this.at = 0;
    }
    return this.order.slice(this.at, (this.at += batchSize));
  }

  /** These images as x (B, 784) and y (B). */
  batch(chosen) {
    const x = new Float64Array(784 * chosen.length);
    chosen.forEach((n, row) => x.set(trainingRows.subarray(784 * n, 784 * n + 784), 784 * row));
    return { x, y: chosen.map((n) => this.labels[n]) };
  }

  /** The forward and the backward pass of a batch. */
  pass({ x, y }) {
    const logits = this.model.forward(x), { loss, dlogits } = softmaxCrossEntropy(logits, y);
    return { loss, accuracy: countRight(logits, y) / y.length, grads: this.backward(dlogits) };
  }

  backward(dlogits) {
    const { model, mistakes } = this, { z1 } = model, B = dlogits.length / 10;
    if (mistakes.has("mean")) dlogits = dlogits.map((d) => d * B);
    if (mistakes.has("mask")) model.z1 = z1.map(() => 1); // as if every unit were on
    const grads = model.backward(dlogits);
    model.z1 = z1;
    return grads;
  }

  takeStep(batchSize, lr) {
    const { loss, accuracy, grads } = this.pass(this.batch(this.next(batchSize)));
    sgdStep(this.model.params, grads, this.mistakes.has("rate") ? 100 * lr : lr);
    this.step++;
    this.seen += batchSize;
    const share = Math.max(1 / this.step, 1 / 20);
    const blend = (values, value) => values.push((values.at(-1) ?? 0) * (1 - share) + value * share);
    blend(this.losses, loss);
    blend(this.accuracies, accuracy);
    if (this.step % 10 === 0) this.test();
  }

  test() {
    if (this.tested.at(-1)?.step === this.step) return;
    const model = new MLP(this.model.params), logits = model.forward(testingRows), hidden = model.params.b1.length;
    const on = new Set();
    model.a1.forEach((a, n) => a > 0 && on.add(n % hidden));
    this.off = range(hidden).map((j) => !on.has(j)); // which units are off for every test image
    const { loss } = softmaxCrossEntropy(logits, testingLabels);
    this.tested.push({ step: this.step, loss, accuracy: countRight(logits, testingLabels) / testingLabels.length });
  }

  /** Whether its numbers have overflowed. */
  get broken() {
    return !Number.isFinite(this.losses.at(-1) ?? 0) || !this.model.params.b2.every(Number.isFinite);
  }

  /** d loss / d W1 by hand and measured, (loss(+h) - loss(-h)) / 2h: for eight units, where it is largest. */
  check(batchSize, h = 1e-5) {
    const batch = this.batch(this.order.slice(0, batchSize)), { W1: dW1 } = this.pass(batch).grads;
    const params = Object.fromEntries(Object.entries(this.model.params).map(([name, p]) => [name, Float64Array.from(p)]));
    const { W1 } = params, hidden = params.b1.length, exact = new MLP(params);
    const lossAt = (n, w) => {
      const kept = W1[n];
      W1[n] = w;
      const { loss } = softmaxCrossEntropy(exact.forward(batch.x), batch.y);
      W1[n] = kept;
      return loss;
    };
    const most = range(hidden); // for each unit, where dW1 has its largest number
    dW1.forEach((d, n) => Math.abs(d) > Math.abs(dW1[most[n % hidden]]) && (most[n % hidden] = n));
    return most.sort((a, b) => Math.abs(dW1[b]) - Math.abs(dW1[a])).slice(0, 8).map((n) => ({
      i: Math.floor(n / hidden), j: n % hidden, byHand: dW1[n], measured: (lossAt(n, W1[n] + h) - lossAt(n, W1[n] - h)) / (2 * h),
    }));
  }
}

// --- Pictures of it -------------------------------------------------------------------------------------------------

/** A canvas as wide as its host, in pixels of the screen; `paint` draws it anew. */
function fit(canvas, width, height) {
  const ratio = window.devicePixelRatio, w = Math.round(width * ratio), h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Curves over the steps. lines(): [{words, points: [[step, v], ...], colour, thick, dash}]; what has no words is faint, and
    sets no scale. few: the fewest steps that the axis shows. least, most: the same of its height. guess: what guessing
    gives. */
class Curves {
  constructor(host, options) {
    Object.assign(this, options, { canvas: make("canvas") });
    this.canvas.setAttribute("role", "img");
    host.append(this.canvas);
    new ResizeObserver(() => {
      this.width = host.clientWidth;
      this.paint();
    }).observe(host);
    whenInView(this, host);
  }

  paint() {
    const { width, guess, format } = this, narrow = width < 240, height = narrow ? 110 : 190;
    if (!width) return;
    const lines = this.lines().filter(({ points }) => points.length);
    const labels = lines.filter(({ words }) => words).map((line) => ({ ...line, v: line.points.at(-1)[1] }));
    const finite = labels.flatMap(({ points }) => points.map(([, v]) => v)).filter(Number.isFinite);
    const latest = Math.max(0, ...labels.map(({ v }) => v).filter(Number.isFinite)); // never out of sight
    const high = latest > this.most ? 1.2 * latest : Math.min(finite.reduce((a, b) => Math.max(a, b), this.least), this.most);
    const steps = labels.reduce((most, { points }) => Math.max(most, points.at(-1)[0]), this.few);
    const context = fit(this.canvas, width, height);
    const write = (words, u, v, textAlign, fillStyle = colours.muted, weight = 400) => {
      Object.assign(context, { textAlign, fillStyle, font: `${weight} ${colours.small}` });
      context.fillText(words, u, v);
    };
    Object.assign(context, { font: colours.small, lineJoin: "round", textBaseline: "middle" });
    const left = Math.max(narrow ? 34 : 40, ...[guess, high].map((v) => context.measureText(format(v)).width + 8));
    const right = width - (narrow ? 46 : 84), top = 14, bottom = height - 26;
    const x = (step) => left + ((right - left) * step) / steps;
    const y = (v) => bottom - (bottom - top) * Math.min(v / high, 1.02);
    for (const v of [0, guess, high]) { // what guessing would give stands between nothing and the most
      context.fillStyle = v === guess ? colours.muted : colours.line;
      context.fillRect(left, Math.round(y(v)), right - left, 1);
      const room = v === guess ? y(0) - y(v) : v === high ? y(guess) - y(v) : 12;
      if (room >= 12) write(format(v), left - 6, y(v), "right");
    }
    write("0", left, height - 8, "left");
    write(`${narrow ? "" : "step "}${steps.toLocaleString("en")}`, right, height - 8, "right");
    for (const { points, colour, thick, dash = [] } of lines) {
      Object.assign(context, { strokeStyle: colour, lineWidth: thick });
      context.setLineDash(dash);
      context.beginPath();
      for (const [step, v] of points) if (Number.isFinite(v) && step <= steps) context.lineTo(x(step), y(v));
      context.stroke();
    }
    for (const label of labels) label.y = Math.min(Math.max(y(Number.isFinite(label.v) ? label.v : high), top + 7), bottom - 7);
    const [below, above] = [...labels].sort((one, other) => other.y - one.y);
    if (above) above.y = Math.max(Math.min(above.y, below.y - 30), top + 7);
    if (above) below.y = Math.max(below.y, above.y + 30);
    for (const { words, v, y, colour } of labels) {
      write(format(v), right + 6, y - 7, "left", colour, 600);
      write(narrow ? words.slice(0, 5) : words, right + 6, y + 7, "left", colour);
    }
    const last = labels.map(({ words, v }) => `${words} ${format(v)}`).join(", ");
    this.canvas.setAttribute("aria-label", `${this.name} up to step ${labels[0]?.points.at(-1)[0] ?? 0}: ${last || "nothing yet"}`);
  }
}

/** The weights from all pixels to each hidden unit, a picture for each; pale if nothing turns it on. */
class Units {
  constructor(host, learning) {
    Object.assign(this, { host, learning });
    whenInView(this, host);
  }

  paint() {
    const { host, learning: { training: run } } = this;
    const { W1 } = run.model.params, { hidden } = run.model, scale = 3.5 * Math.sqrt(W1.reduce((sum, w) => sum + w * w, 0) / W1.length) || 1;
    while (host.children.length < hidden) host.append(make("canvas", { width: 28, height: 28 }));
    [...host.children].forEach((canvas, j) => {
      canvas.hidden = j >= hidden;
      canvas.classList.toggle("off", Boolean(run.off?.[j]));
      if (j < hidden) paintWeights(canvas, PIXEL_RANGE.map((i) => W1[i * hidden + j]), scale);
    });
    host.setAttribute("aria-label", `${hidden} pictures: for each hidden unit, its weights from all pixels`);
  }
}

// --- The controls ---------------------------------------------------------------------------------------------------

const LEARNING_RATES = [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1];
const BATCH_SIZES = [1, 8, 32, 128];
const HIDDEN = [8, 16, 32, 64];
const PAUSES = 3000; // steps, after which it waits to be started again

class Learning {
  constructor() {
    this.running = false;
    this.seed = 1;
    this.restart();
    const percents = (v) => (Number.isFinite(v) ? `${Math.round(100 * v)}%` : "–");
    const short = (v) => (!Number.isFinite(v) ? "∞" : v < 10 ? v.toFixed(2) : v < 1e4 ? String(Math.round(v)) : v.toExponential(0));
    /** Of the batches and of the test images, and those of the run before. */
    const lines = (trained, tested) => () => {
      const points = (run) => run?.tested.map((test) => [test.step, test[tested]]) ?? [];
      return [
        { points: points(this.before), colour: colours.muted, thick: 2, dash: [2, 4] },
        { words: "training", points: this.training[trained].map((v, n) => [n + 1, v]), colour: colours.muted, thick: 1.25 },
        { words: "test", points: points(this.training), colour: colours.accent, thick: 2.5 },
      ];
    };
    new Curves($("losses"), { name: "The loss", lines: lines("losses", "loss"), few: 100, least: 2.5, most: 10, guess: Math.log(10), format: short });
    new Curves($("accuracies"), { name: "The accuracy", lines: lines("accuracies", "accuracy"), few: 100, least: 1, most: 1, guess: 0.1, format: percents });
    new Units($("units"), this);

    listen([$("start")], ["click"], () => this.toggle());
    listen([$("one")], ["click"], () => {
      this.pause();
      this.takeStep();
      this.training.test();
      this.show();
    });
    listen([$("check")], ["click"], () => this.check());
    listen([$("look-inside")], ["click"], () => this.lookInside());
    listen([$("new-lr"), $("new-batch")], ["input"], () => this.show());
    listen([$("anew")], ["click"], () => this.pause());
    listen([$("reseed")], ["click"], () => this.seed++);
    const again = () => {
      this.restart();
      this.show();
    };
    listen([$("anew"), $("reseed")], ["click"], again);
    listen([$("new-hidden"), $("new-init"), ...document.querySelectorAll("[data-mistake] input")], ["input"], again);
  }

  get lr() { return LEARNING_RATES[$("new-lr").value]; }
  get batchSize() { return BATCH_SIZES[$("new-batch").value]; }
  get hidden() { return HIDDEN[$("new-hidden").value]; }
  get mistakes() {
    return new Set([...document.querySelectorAll("[data-mistake]")].filter((card) => card.querySelector("input").checked)
      .map((card) => card.dataset.mistake));
  }

  /** A new network; what the last one did stays as a faint line. */
  restart() {
    if (this.training?.tested.length > 1) this.before = this.training;
    this.training = new Training({ hidden: this.hidden, init: $("new-init").value, seed: this.seed, mistakes: this.mistakes });
    $("checked").textContent = "";
    this.read();
  }

  takeStep() {
    this.training.takeStep(this.batchSize, this.lr);
    if (this.training.step % PAUSES === 0 || this.training.broken) this.pause();
  }

  toggle() {
    if (this.running) this.pause();
    else if (!this.training.broken) {
      this.running = true;
      requestAnimationFrame(() => this.frame());
    }
    this.show();
  }

  pause() {
    if (this.running) announce(`Paused. ${$("progress").textContent}`);
    this.running = false;
  }

  /** As many steps as fit into less than half a frame, but at least one; then show where that led. */
  frame() {
    if (!this.running) return;
    const began = performance.now();
    do this.takeStep(); while (this.running && performance.now() - began < 6);
    this.show();
    if (this.running) requestAnimationFrame(() => this.frame());
  }

  /** The digit on the pad. */
  read() {
    const { p } = softmaxCrossEntropy(new MLP(this.training.model.params).forward(asInput(state.pixels, "standardised")), [0]);
    Object.assign(this, { p, answer: argmax(p) });
  }

  /** Show this network, as it is now, in all that stands above. */
  lookInside() {
    const { model, step } = this.training;
    const run = `784-${model.hidden}-10 from “Learn from nothing”, ${step.toLocaleString("en")} training steps, ${this.summary()}`;
    show({ params: copy(model.params), pixels: "standardised", run });
    $("inside").scrollIntoView();
    announce("The picture of the network now shows the one that you train.");
  }

  summary() {
    const test = this.training.tested.at(-1);
    return test ? `test ${(100 * test.accuracy).toFixed(1)}%` : "not trained yet";
  }

  verb() {
    return this.running ? "Pause" : this.training.step ? "Continue" : "Start";
  }

  show() {
    this.showWords();
    paintAll((picture) => [Curves, Units].includes(picture.constructor) || picture.name === "p-new");
    if (state.inView.learn) showDock();
  }

  showWords() {
    const { training } = this, test = training.tested.at(-1), blank = empty();
    this.read();
    const off = training.off?.filter((is) => is).length ?? 0;
    say({
      start: this.verb(),
      "new-lr-value": `${+this.lr.toPrecision(1)}${this.mistakes.has("rate") ? " × 100" : ""}`,
      "new-batch-value": this.batchSize,
      "new-hidden-value": this.hidden,
      "new-answer": blank || this.answer < 0 ? "–" : this.answer,
      "new-sure": blank || this.answer < 0 ? "" : `(${percent(this.p[this.answer])} sure)`,
      progress: !training.step ? "No steps yet."
        : `${plural(training.step, "step")}: each image seen about ${(training.seen / trainingImages.length).toFixed(1)} times. ` +
          (training.broken ? "The numbers have overflowed: start over."
            : test ? `It reads ${(100 * test.accuracy).toFixed(1)}% of the test images.` : ""),
      "units-note": !off ? "" : `${off} of the ${this.hidden} units, shown pale, ${off === 1 ? "is" : "are"} off for every test image.`,
    });
    for (const id of ["start", "one", "check", "look-inside"]) enable(id, !training.broken);
    for (const [id, value] of [["new-lr", this.lr], ["new-batch", this.batchSize], ["new-hidden", this.hidden]]) {
      $(id).setAttribute("aria-valuetext", value);
    }
    for (const card of document.querySelectorAll("[data-mistake]")) card.classList.toggle("on", this.mistakes.has(card.dataset.mistake));
  }

  check() {
    if (this.training.broken) return;
    const rows = this.training.check(this.batchSize);
    const apart = ({ byHand, measured }) => Math.abs(byHand - measured) / Math.max(Math.abs(byHand), Math.abs(measured), 1e-9);
    const worst = rows.reduce((a, b) => (apart(b) > apart(a) ? b : a)), factor = Math.round(worst.byHand / worst.measured);
    const allTimes = factor > 1 && rows.every(({ byHand, measured }) => Math.abs(byHand / measured / factor - 1) < 0.01);
    const both = `dW1[${worst.i}, ${worst.j}] is ${text(worst.byHand)} by hand and ${text(worst.measured)} measured`;
    $("checked").textContent = rows.every(({ byHand }) => byHand === 0)
      ? this.training.step
        ? "By hand and measured, every dW1 is 0: hardly any unit is on. Start over, and check before the first step."
        : "By hand and measured, every dW1 is 0: no weight of the first layer can ever move."
      : apart(worst) < 1e-3
        ? `They agree: ${both}, and none of the eight that were checked differs more. The backward pass is right; if something is wrong, it is elsewhere.`
        : `They disagree: ${both}` +
          (allTimes ? `, and all eight that were checked are ${factor} times as large.` : ".") +
          " The backward pass is wrong.";
  }
}

/* A training run: a new network learns from the images that the page carries, and can be made to learn wrongly. */

import { computed } from "@preact/signals";
import { MLP, sgdStep, softmaxCrossEntropy } from "./mlp.js";
import { asInput, lessonImages, pageData } from "./page_data.js";
import { argmax, largest, range } from "./words.js";

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
  pytorch: [
    (random, fanIn) => uniform(random, 1 / Math.sqrt(fanIn)),
    (random, fanIn) => uniform(random, 1 / Math.sqrt(fanIn)),
  ],
  geohot: [(random, fanIn, fanOut) => uniform(random, 1 / Math.sqrt(fanIn * fanOut)), () => 0],
  zeros: [() => 0, () => 0],
};

function firstWeights(init, hidden, random) {
  const [weight, bias] = INITS[init];
  const draw = (count, one, fanIn, fanOut) => Float32Array.from({ length: count }, () => one(random, fanIn, fanOut));
  return {
    W1: draw(784 * hidden, weight, 784, hidden),
    b1: draw(hidden, bias, 784, hidden),
    W2: draw(hidden * 10, weight, hidden, 10),
    b2: draw(10, bias, hidden, 10),
  };
}

// --- A training run -------------------------------------------------------------------------------------------------

const rows = (images) => {
  const x = new Float64Array(784 * images.length);
  images.forEach((image, n) => x.set(asInput(image.pixels, "standardised"), 784 * n));
  return x;
};
const trainingRows = computed(() => rows(lessonImages.value.training)),
  testingRows = computed(() => rows(lessonImages.value.testing));

/** How many of the rows of `logits` (B, 10) are largest at y. */
const countRight = (logits, y) => y.filter((label, n) => argmax(logits.subarray(10 * n, 10 * n + 10)) === label).length;

/** mistakes: a Set of mask, mean, zeros, shuffled, rate; each is one line that goes wrong below. */
export class Training {
  constructor({ hidden, init, seed, mistakes = new Set() }) {
    this.mistakes = mistakes;
    this.random = randomNumbers(seed);
    this.model = new MLP(firstWeights(mistakes.has("zeros") ? "zeros" : init, hidden, this.random));
    this.labels = [...pageData.trainingLabels];
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
    chosen.forEach((n, row) => x.set(trainingRows.value.subarray(784 * n, 784 * n + 784), 784 * row));
    return { x, y: chosen.map((n) => this.labels[n]) };
  }

  /** The forward and the backward pass of a batch. */
  pass({ x, y }) {
    const logits = this.model.forward(x),
      { loss, dlogits } = softmaxCrossEntropy(logits, y);
    return { loss, accuracy: countRight(logits, y) / y.length, grads: this.backward(dlogits) };
  }

  backward(dlogits) {
    const { model, mistakes } = this,
      { z1 } = model,
      B = dlogits.length / 10;
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
    const model = new MLP(this.model.params),
      logits = model.forward(testingRows.value),
      hidden = model.params.b1.length;
    const activeUnits = new Set();
    model.a1.forEach((a, n) => a > 0 && activeUnits.add(n % hidden));
    this.off = range(hidden).map((j) => !activeUnits.has(j)); // which units are off for every test image
    const { testingLabels: y } = pageData,
      { loss } = softmaxCrossEntropy(logits, y);
    this.tested.push({ step: this.step, loss, accuracy: countRight(logits, y) / y.length });
  }

  /** Whether its numbers have overflowed. */
  get broken() {
    return !Number.isFinite(this.losses.at(-1) ?? 0) || !this.model.params.b2.every(Number.isFinite);
  }

  /** d loss / d W1 by hand and measured, (loss(+h) - loss(-h)) / 2h: for eight units, where it is largest. noise: by how much
      rounding alone moves what is measured; without end where the unit is on at one of the two ends only, because a ReLU has
      no derivative at its bend. */
  check(batchSize, h = 1e-5) {
    const batch = this.batch(this.order.slice(0, batchSize)),
      { W1: dW1 } = this.pass(batch).grads;
    const params = Object.fromEntries(
      Object.entries(this.model.params).map(([name, p]) => [name, Float64Array.from(p)]),
    );
    const { W1 } = params,
      hidden = params.b1.length,
      exact = new MLP(params);
    const lossAt = (n, w) => {
      const original = W1[n];
      W1[n] = w;
      const logits = exact.forward(batch.x),
        { loss } = softmaxCrossEntropy(logits, batch.y);
      W1[n] = original;
      const isActive = batch.y.map((_, row) => exact.z1[row * hidden + (n % hidden)] > 0);
      return { loss, size: Math.max(Math.abs(loss), largest(logits)), on: isActive.join() };
    };
    const largestIndices = range(hidden); // for each unit, where dW1 has its largest number
    dW1.forEach((d, n) => Math.abs(d) > Math.abs(dW1[largestIndices[n % hidden]]) && (largestIndices[n % hidden] = n));
    return largestIndices
      .sort((a, b) => Math.abs(dW1[b]) - Math.abs(dW1[a]))
      .slice(0, 8)
      .map((n) => {
        const [above, below] = [lossAt(n, W1[n] + h), lossAt(n, W1[n] - h)];
        return {
          i: Math.floor(n / hidden),
          j: n % hidden,
          byHand: dW1[n],
          measured: (above.loss - below.loss) / (2 * h),
          noise: above.on === below.on ? (Number.EPSILON * above.size) / (2 * h) : Infinity,
        };
      });
  }
}

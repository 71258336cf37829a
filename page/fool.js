/* Fool it: the weights stay, and the pixels move against their derivative until the network says something else. */

const LIMITS = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64];

/* from: the digit, counted as in state.js, that was changed; pixels: what has become of it; goal: what the network is to
   read; dx (784): d loss / d x, for the loss of the goal; logits, p, answer: what it reads now. */
const fool = { from: -1, rounds: 0, stale: true };
const limit = () => LIMITS[$("limit").value];

/** Forwards and backwards for the changed pixels, and one product further than mlp_np.py goes. */
function passFool() {
  const mlp = new MLP(model.params); // leaves alone what `model` keeps of its pass
  fool.logits = mlp.forward(asInput(fool.pixels));
  const { p, dlogits } = softmaxCrossEntropy(fool.logits, [fool.goal]);
  const dz1 = timesTransposed(dlogits, model.params.W2, 10).map((d, j) => d * (mlp.z1[j] > 0));
  fool.dx = timesTransposed(dz1, model.params.W1, model.hidden); // dz1 @ W1.T
  Object.assign(fool, { p, answer: argmax(p) });
}

/** `fool`, up to date with the digit and the weights. */
function fooled() {
  if (!fool.stale) return fool;
  fool.stale = false;
  if (fool.from === state.digit) passFool();
  if (fool.from !== state.digit || (!fool.rounds && fool.answer === fool.goal)) startFool();
  return fool;
}

function startFool(goal = top(10, 2, (k) => now.p[k])[1]) {
  Object.assign(fool, { from: state.digit, pixels: state.pixels.slice(), rounds: 0, goal });
  passFool();
}

/** In each of at most so many rounds every pixel moves by one grey level against the sign of its derivative, if paper, ink
    and the limit allow. */
function changePixels(most) {
  for (let n = 0; n < most && fool.answer !== fool.goal; n++) {
    fool.pixels.forEach((v, i) => {
      const low = Math.max(state.pixels[i] - limit(), 0), high = Math.min(state.pixels[i] + limit(), 255);
      fool.pixels[i] = Math.min(Math.max(v - Math.sign(fool.dx[i]), low), high);
    });
    fool.rounds++;
    passFool();
  }
  showRounds();
}

function showFool() {
  const { p, answer, goal, rounds, dx } = fooled(), blank = empty();
  const most = fool.pixels.reduce((most, v, i) => Math.max(most, Math.abs(v - state.pixels[i])), 0);
  say({
    "limit-value": `${limit()} of 255`,
    "fool-before": blank ? "–" : now.answer,
    "fool-before-sure": blank ? "" : `${percent(now.p[now.answer])} sure`,
    "fool-after": blank ? "–" : answer,
    "fool-after-sure": blank ? "" : `${percent(p[answer])} sure`,
    "fool-words": blank ? "Draw a digit first."
      : answer === goal && !rounds ? `It reads ${goal} already.`
      : dx.every((d) => d === 0) ? "Here dx is 0: no unit that is on passes anything back, so no pixel can change the answer."
      : !rounds ? `It reads ${now.answer}. Which pixels would make it read ${goal}?`
      : `${plural(rounds, "round")}, and no pixel has changed by more than ${most} of 255 grey levels: ` +
        (answer === goal ? `it reads ${answer}.` : `it still reads ${answer}${most >= limit() ? ". Allow more" : ""}.`),
  });
  enable("fool-back", rounds > 0);
  for (const id of ["fool-once", "fool-on"]) enable(id, !blank && answer !== goal);
  thumbnail(state.pixels, $("fool-before-picture"));
  thumbnail(fool.pixels, $("fool-after-picture"));
  showGoal(goal);
}

function showRounds() {
  paintAll((picture) => picture.name === "dx");
  showFool();
  announce($("fool-words").textContent);
}

function again(goal = fool.goal) {
  startFool(goal);
  showRounds();
}

const showGoal = radios($("goal"), 10, again, String);
listen([$("limit")], ["input"], () => again());
listen([$("fool-back")], ["click"], () => again());
listen([$("fool-once")], ["click"], () => changePixels(1));
listen([$("fool-on")], ["click"], () => changePixels(2 * limit()));

// --- It must always name a digit ------------------------------------------------------------------------------------

const circle = (x, y, r) => range(25).map((n) => [x + r * Math.sin((n * Math.PI) / 12), y + r * Math.cos((n * Math.PI) / 12)]);
const LETTERS = [
  { name: "an A", strokes: [[[0.2, 0.85], [0.5, 0.15], [0.8, 0.85]], [[0.32, 0.6], [0.68, 0.6]]] },
  { name: "an X", strokes: [[[0.2, 0.15], [0.8, 0.85]], [[0.8, 0.15], [0.2, 0.85]]] },
  { name: "a face", strokes: [circle(0.5, 0.5, 0.38), [[0.37, 0.4], [0.37, 0.42]], [[0.63, 0.4], [0.63, 0.42]], [[0.35, 0.63], [0.5, 0.7], [0.65, 0.63]]] },
];

/** Their images, and what the network makes of them. */
function showLetters() {
  for (const letter of LETTERS) {
    letter.words ??= makeLetter(letter);
    const { p } = softmaxCrossEntropy(new MLP(model.params).forward(asInput(letter.image)), [0]);
    letter.words.textContent = `${argmax(p)}, ${percent(Math.max(...p))} sure`;
  }
}

function makeLetter(letter) {
  const words = make("span"), ink = make("canvas", { width: SIDE, height: SIDE }).getContext("2d", { willReadFrequently: true });
  const drawn = letter.strokes.map((points) => points.map(([u, v]) => [SIDE * u, SIDE * v]));
  letter.image = drawStrokes(ink, drawn);
  const button = make("button", { type: "button" }, thumbnail(letter.image), `${letter.name}: `, words);
  listen([button], ["click"], () => {
    clearPads();
    state.strokes = [...drawn];
    readPad();
  });
  $("letters").append(button);
  return words;
}

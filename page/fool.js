/* Fool it: the weights stay, and the pixels move against their derivative until the network says something else. */

const LIMITS = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64];

/* from: the digit, counted as in state.js, that was changed; pixels: what has become of it; goal: what the network is to
   read; dx (784): d loss / d x, for the loss of the goal; logits, p, answer: what it reads now. */
const fool = { from: -1, rounds: 0 };
const limit = () => LIMITS[$("limit").value];

/** Forwards and backwards for the changed pixels, and one product further than mlp_np.py goes. */
function passFool() {
  const mlp = new MLP(model.params); // leaves alone what `model` keeps of its pass
  fool.logits = mlp.forward(asInput(fool.pixels));
  const { p, dlogits } = softmaxCrossEntropy(fool.logits, [fool.goal]);
  const dz1 = timesTransposed(dlogits, model.params.W2, 10).map((d, j) => d * (mlp.z1[j] > 0));
  fool.dx = timesTransposed(dz1, model.params.W1, H); // dz1 @ W1.T
  Object.assign(fool, { p, answer: argmax(p) });
}

function startFool(goal = top(10, 2, (k) => now.p[k])[1]) {
  Object.assign(fool, { from: digit, pixels: pixels.slice(), rounds: 0, goal });
  passFool();
}

/** Every pixel moves by one grey level against the sign of its derivative, if paper, ink and the limit allow. */
function changePixels() {
  fool.pixels.forEach((v, i) => {
    const low = Math.max(pixels[i] - limit(), 0), high = Math.min(pixels[i] + limit(), 255);
    fool.pixels[i] = Math.min(Math.max(v - Math.sign(fool.dx[i]), low), high);
  });
  fool.rounds++;
  passFool();
}

function showFool() {
  const blank = empty(), { p, answer, goal, rounds } = fool;
  const most = fool.pixels.reduce((most, v, i) => Math.max(most, Math.abs(v - pixels[i])), 0);
  const words = {
    "limit-value": `${limit()} of 255`,
    "fool-before": blank ? "–" : now.answer,
    "fool-before-sure": blank ? "" : `with ${percent(now.p[now.answer])}`,
    "fool-after": blank ? "–" : answer,
    "fool-after-sure": blank ? "" : `with ${percent(p[answer])}`,
    "fool-words": blank ? "Draw a digit first."
      : answer === goal && !rounds ? `It reads ${goal} already.`
      : !rounds ? `It reads ${now.answer}. Which pixels would make it read ${goal}?`
      : `${plural(rounds, "round")}, and no pixel has changed by more than ${most} of 255 grey levels: ` +
        (answer === goal ? `it reads ${answer}.` : `it still reads ${answer}${most >= limit() ? ". Allow more" : ""}.`),
  };
  for (const id in words) $(id).textContent = words[id];
  for (const id of ["fool-once", "fool-on"]) $(id).disabled = blank || answer === goal;
  $("fool-back").disabled = !rounds;
  thumbnail(pixels, $("fool-before-picture"));
  thumbnail(fool.pixels, $("fool-after-picture"));
  showGoal(goal);
  paintAll((picture) => picture.name === "dx");
}

function again(goal = fool.goal) {
  startFool(goal);
  showFool();
}

const showGoal = radios($("goal"), 10, again, (button, k) => (button.textContent = k));
$("limit").addEventListener("input", () => again());
$("fool-back").addEventListener("click", () => again());
$("fool-once").addEventListener("click", () => {
  changePixels();
  showFool();
});
$("fool-on").addEventListener("click", () => {
  for (let n = 0; n < 2 * limit() && fool.answer !== fool.goal; n++) changePixels();
  showFool();
  announce($("fool-words").textContent);
});

// --- It must always name a digit ------------------------------------------------------------------------------------

const circle = (x, y, r) => Array.from({ length: 25 }, (_, n) => [x + r * Math.sin((n * Math.PI) / 12), y + r * Math.cos((n * Math.PI) / 12)]);
const LETTERS = [
  { name: "an A", strokes: [[[0.2, 0.85], [0.5, 0.15], [0.8, 0.85]], [[0.32, 0.6], [0.68, 0.6]]] },
  { name: "an X", strokes: [[[0.2, 0.15], [0.8, 0.85]], [[0.8, 0.15], [0.2, 0.85]]] },
  { name: "a face", strokes: [circle(0.5, 0.5, 0.38), [[0.37, 0.4], [0.37, 0.42]], [[0.63, 0.4], [0.63, 0.42]], [[0.35, 0.63], [0.5, 0.7], [0.65, 0.63]]] },
];

/** Their images, and what the network makes of them. */
function showLetters() {
  for (const letter of LETTERS) {
    if (!letter.words) makeLetter(letter);
    const { p } = softmaxCrossEntropy(new MLP(model.params).forward(asInput(letter.image)), [0]);
    letter.words.textContent = `${argmax(p)} with ${percent(Math.max(...p))}`;
  }
}

function makeLetter(letter) {
  const button = document.createElement("button"), words = document.createElement("span"), canvas = document.createElement("canvas");
  const drawn = letter.strokes.map((points) => points.map(([u, v]) => [SIDE * u, SIDE * v]));
  canvas.width = canvas.height = SIDE;
  Object.assign(letter, { words, image: drawStrokes(canvas.getContext("2d", { willReadFrequently: true }), drawn) });
  button.type = "button";
  button.append(thumbnail(letter.image), `${letter.name}: `, words);
  button.addEventListener("click", () => {
    clearPads();
    strokes = [...drawn];
    readPad();
  });
  $("letters").append(button);
}

/* Showing it all: what follows from the state, wherever it is on the page. */

/** Compute, and show. same: only the weights have changed, not the digit; weights: they have. */
function update({ same = false, weights = false } = {}) {
  compute();
  if (fool.from === digit) passFool();
  if (fool.from !== digit || (!fool.rounds && fool.answer === fool.goal)) startFool();
  setScales(same);
  if (pointed.name === "") unit = argmax(now.a1);
  const parts = [showWords, showUnit, paintAll, () => network.look(), showReadout, showFool, () => learning.show(), announce];
  if (weights) parts.unshift(showScore, showLetters);
  for (const part of parts) attempt(part);
}

/** Do this; if it fails, say so in the console, and go on with the other parts. */
function attempt(part) {
  try {
    part();
  } catch (error) {
    reportError(error);
  }
}

function showWords() {
  const blank = empty(), { p, answer, loss } = now;
  const second = Array.from(p.keys()).sort((a, b) => p[b] - p[a])[1];
  const on = now.z1.reduce((n, z) => n + (z > 0), 0), here = trail().length;
  const words = {
    answer: blank ? "–" : answer,
    sure: blank ? "Nothing is drawn yet." : `with ${percent(p[answer])}. Next comes ${second} with ${percent(p[second])}.`,
    verdict: blank || !labelled ? "" : answer === y ? "Right." : `Wrong: it is a ${y}.`,
    "h-meant": picked === null && !labelled && !blank ? "Which digit did you mean?" : "The true digit",
    "pad-note": blank ? "" : picked === null ? "Your digit" : `Test image ${tests[picked].number}, a ${tests[picked].label}. Draw over it!`,
    "x-note": {
      standardised: "28 × 28 pixels, shifted and scaled so that over all training images they have mean 0 and standard deviation 1.",
      unit: "28 × 28 pixels, from 0 for paper to 1 for ink.",
      raw: "28 × 28 pixels, from 0 for paper to 255 for ink.",
    }[given.pixels] + (picked !== null ? ""
      : " Your drawing was fitted into 20 × 20 of them, its centre of mass in the middle, like MNIST’s digits."),
    "a1-note": `${plural(H, "unit")}, ${on} on`,
    "dz1-note": `Only units that are on pass anything back. The ${H - on} that are off, each marked with a dot, learn nothing from this digit.`,
    "dW1-count": Math.min(MOST, H),
    "dW1-note": given.pixels === "standardised" ? `Paper is not 0 but ${text(asInput([0])[0])}, so it is tinted too, with the opposite sign.` : "",
    loss: text(loss),
    "label-note": !labelled ? "not known yet. Until you say it, the network’s own answer stands in for it"
      : answer === y && loss < 0.01
        ? "It is sure, and right: there is little to change. Choose another y, or a digit that it misreads, to see more." : "",
    "teach-words": blank ? "Draw a digit first." : !labelled ? "Which digit did you mean? Say it, and it can learn."
      : turned() ? `It changed its mind: it reads ${answer} now. Further down you can see what changed inside.`
      : answer === y ? `It is right. Steps make it surer${loss < 0.1 ? "; there is little left to learn here. Draw a digit of yours" : ""}.`
      : `It should say ${y}. A step changes what it has learned a little, so that ${y} becomes likelier.`,
    steps: !steps.length ? "No steps yet: these are the weights of the finished run."
      : `${plural(steps.length, "step")} taken${here < steps.length ? `, ${here} of them on this digit` : ""}. ` +
        `It reads ${right} of the first fifty test images.`,
  };
  for (const id in words) if ($(id).textContent !== String(words[id])) $(id).textContent = words[id];
  $("verdict").className = answer === y ? "right" : "wrong";
  $("h-meant").parentNode.classList.toggle("ask", picked === null && !labelled && !blank);
  $("loss").setAttribute("aria-label", explain({ name: "loss", at: {} }).join(""));
  for (const id of ["undo", "reset", "teach-undo"]) $(id).disabled = !steps.length;
  for (const id of ["step", "step10", "teach"]) $(id).disabled = blank || !labelled;
  $("undo-stroke").disabled = picked !== null || !strokes.length;
  beliefs.forEach((column, k) => {
    column.style.setProperty("--p", blank ? 0 : p[k]);
    column.className = !blank && k === answer ? "most" : "";
  });
  showTrail();
  showPicked(picked);
  for (const show of showLabels) show(labelled ? y : null);
  thumbnail(pixels, $("dock-picture"));
  showDock();
}

/** The answers before each of the last presses of a button, and now. */
function answers() {
  const presses = trail().filter((step, n, all) => step.press !== all[n - 1]?.press);
  return [...presses.map(({ p }) => p), now.p].map((p) => ({ answer: argmax(p), p: Math.max(...p) }));
}

const turned = () => new Set(answers().map(({ answer }) => answer)).size > 1;

function showTrail() {
  const all = empty() || !trail().length ? [] : answers();
  $("trail").replaceChildren(...all.map(({ answer, p }, n) => {
    const item = document.createElement("li"), sure = document.createElement("span");
    sure.className = "unseen";
    sure.textContent = ` with ${percent(p)}`;
    item.append(answer, sure);
    item.classList.toggle("turned", n > 0 && all[n - 1].answer !== answer);
    return item;
  }).slice(-5));
}

/** Have a screen reader say this; by default what has become of the answer. */
function announce(words) {
  const answer = () => (empty() ? "Nothing is drawn." : `It reads ${now.answer} ${$("sure").textContent} ${$("verdict").textContent}`);
  clearTimeout(announce.later);
  announce.later = setTimeout(() => ($("announced").textContent = words ?? answer()), 300);
}

// --- The dock: at the bottom of the window, wherever you are ---------------------------------------------------------

let atLearning = false; // the section where a network learns from nothing is in view
let atOpening = true; // and so is the first, which needs no dock

function showDock() {
  const { p, answer } = atLearning ? learning : now, blank = empty() || answer < 0;
  $("dock-answer").textContent = blank ? "–" : answer;
  $("dock-sure").textContent = blank ? "" : percent(p[answer]);
  $("dock-more").textContent = atLearning ? learning.summary() : `loss ${text(now.loss)}`;
  $("dock-step").textContent = atLearning ? learning.verb() : "Take a step";
  $("dock-step").disabled = atLearning ? learning.training.broken() : blank || !labelled;
  $("dock").classList.toggle("away", atOpening && !pointed.name);
}

$("dock-step").addEventListener("click", () => (atLearning ? learning.toggle() : learn(1)));
$("dock-digit").addEventListener("click", () => {
  const pad = atLearning ? pads[1] : pads[0];
  pad.canvas.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
});
new IntersectionObserver((entries) => {
  atLearning = entries.at(-1).isIntersecting;
  showReadout();
  showDock();
}, { rootMargin: "-50% 0px -50% 0px" }).observe($("learn"));
new IntersectionObserver((entries) => {
  atOpening = entries.at(-1).isIntersecting;
  showDock();
}).observe($("teach"));

// --- Start ----------------------------------------------------------------------------------------------------------

readColours();
const beliefs = DIGITS.map((k) => {
  const column = document.createElement("span");
  column.textContent = k;
  $("belief").append(column);
  return column;
});
const grids = [...document.querySelectorAll("[data-grid]")].map((host) => new Grid(host));
const allBars = [...document.querySelectorAll("[data-bars]")].map((host) => new Bars(host));
const chart = new Chart($("chart"));
const learning = new Learning();
const network = new Network();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  paintAll();
});
showRate();
for (const pad of pads) pad.show(thumbnail(pixels));
update();
network.show(-1);
setTimeout(() => update({ same: true, weights: true }), 300); // what can wait until the page is there
$("picker").scrollTop = $("picker").children[picked].offsetTop;
$("starting").remove();

/* For experiments in the browser's console, and for tests:
   lab.now        the numbers of the last pass, by the names of mlp_np.py
   lab.model      the network; lab.model.params are its weights
   lab.tests      the test images to pick from: {number, label, pixels}
   lab.pick(n), lab.setLabel(y), lab.learn(count, lr), lab.undo(), lab.reset(): what the buttons do
   lab.pixels()   the image that the network sees, 784 pixels from 0 to 255
   lab.readPad()  read the drawing now instead of with the next frame on the screen
   lab.fool       what the pixels have become, dx, and what it reads
   lab.openFile(file)   show the network of that checkpoint
   lab.learning   learning from nothing; lab.learning.training is its run: model, step, tested, next(), ... */
window.lab = { now, model, tests, pick, setLabel, learn, undo, reset, readPad, pixels: () => pixels, fool, openFile, learning };

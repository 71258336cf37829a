/* Showing it all: what follows from the state, wherever it is on the page. */

/** Compute, and show. same: only the weights have changed, not the digit; weights: they have. */
function update({ same = false, weights = false } = {}) {
  compute();
  setScales(same);
  if (state.pointed.name === "") state.unit = argmax(now.a1);
  fool.stale = true;
  const ofWeights = weights ? [showScore, showLetters] : [];
  attempt([...ofWeights, showWords, showUnit, showReadout, () => learning.showWords(), paintAll, announce]);
}

function showWords() {
  const blank = empty(), { p, answer, loss } = now;
  const second = top(10, 2, (k) => p[k])[1], inWords = (share) => percent(share).replace(">", "more than ").replace("<", "below ");
  const on = now.z1.reduce((n, z) => n + (z > 0), 0), here = trail().length;
  say({
    answer: blank ? "–" : answer,
    sure: blank ? "Nothing is drawn yet." : `${inWords(p[answer])} sure. Second: ${second}, ${inWords(p[second])}.`,
    verdict: blank || !state.labelled ? "" : answer === state.y ? "Right." : `Wrong: it is ${a(state.y)}.`,
    "h-meant": state.picked === null && !state.labelled && !blank ? "Which digit did you mean?" : "The true digit",
    "pad-note": blank ? "" : state.picked === null ? "Your digit" : `Test image ${tests[state.picked].number}, ${a(tests[state.picked].label)}. Draw over it!`,
    "x-note": {
      standardised: "28 × 28 pixels, shifted and scaled so that over all training images they have mean 0 and standard deviation 1.",
      unit: "28 × 28 pixels, from 0 for paper to 1 for ink.",
      raw: "28 × 28 pixels, from 0 for paper to 255 for ink.",
    }[state.shown.pixels] + (state.picked !== null ? ""
      : " Your drawing was fitted into 20 × 20 of them, its centre of mass in the middle, like MNIST’s digits."),
    "a1-note": `${plural(model.hidden, "hidden unit")}, ${on} on`,
    "dz1-note": `Only units that are on pass anything back. The ${model.hidden - on} that are off, each marked with a dot, learn nothing from this digit.`,
    "dW1-count": Math.min(MOST, model.hidden),
    "dW1-note": state.shown.pixels === "standardised" ? `Paper is not 0 but ${text(asInput([0])[0])}, so it is tinted too, with the opposite sign.` : "",
    loss: text(loss),
    "label-note": !state.labelled ? "not known yet. Until you say it, the network’s own answer stands in for it"
      : answer === state.y && loss < 0.01
        ? "It is sure, and right: there is little to change. Choose another y, or a digit that it misreads, to see more." : "",
    "teach-words": blank ? "Draw a digit first." : !state.labelled ? "Say it, and it can learn."
      : turned() ? `It changed its mind: it reads ${answer} now. Further down you can see what changed inside.`
      : answer === state.y ? `It is right. ${loss < 0.1 ? "Draw an ugly one, or call this something else, and teach it that." : "Steps make it surer."}`
      : `It should say ${state.y}. A step changes what it has learned a little, so that ${state.y} becomes likelier.`,
    steps: !state.steps.length ? "No steps yet: these are the weights of the finished run."
      : `${plural(state.steps.length, "step")} taken${here < state.steps.length ? `, ${here} of them on this digit` : ""}. ` +
        `It reads ${now.right} of the first 50 test images.`,
  });
  $("verdict").className = answer === state.y ? "right" : "wrong";
  $("h-meant").parentNode.classList.toggle("ask", state.picked === null && !state.labelled && !blank);
  $("loss").setAttribute("aria-label", explain({ name: "loss", at: {} }).join(""));
  for (const id of ["undo", "teach-undo"]) enable(id, state.kept.length > 0);
  enable("reset", state.steps.length > 0);
  for (const id of ["step", "step10", "teach"]) enable(id, !blank && state.labelled);
  enable("undo-stroke", state.strokes.length > 0);
  beliefs.forEach((column, k) => {
    column.style.setProperty("--p", blank ? 0 : p[k]);
    column.className = !blank && k === answer ? "most" : "";
  });
  showTrail();
  showPicked(state.picked);
  for (const show of showLabels) show(state.labelled ? state.y : null);
  thumbnail(state.pixels, $("dock-picture"));
  showDock();
}

/** Switch a button on or off. It stays where it is for those who have the focus on it. */
function enable(id, is) {
  $(id).setAttribute("aria-disabled", !is);
}

addEventListener("click", (event) => event.target.closest("[aria-disabled=true]") && event.stopImmediatePropagation(), true);

/** The answers before each of the last presses of a button, and now. */
function answers() {
  return [...trail().filter(({ first }) => first).map(({ p }) => p), now.p].map((p) => ({ answer: argmax(p), p: Math.max(...p) }));
}

const turned = () => new Set(answers().map(({ answer }) => answer)).size > 1;

function showTrail() {
  const all = empty() || !trail().length ? [] : answers();
  $("trail").replaceChildren(...all.map(({ answer, p }, n) => {
    const item = make("li", {}, answer, make("span", { className: "unseen" }, `, ${percent(p)} sure`));
    item.classList.toggle("turned", n > 0 && all[n - 1].answer !== answer);
    return item;
  }).slice(-5));
}

/** Have a screen reader say this; by default what has become of the answer. */
function announce(words) {
  const answer = () => (empty() ? "Nothing is drawn." : `It reads ${now.answer}, ${$("sure").textContent} ${$("verdict").textContent}`);
  clearTimeout(announce.later);
  announce.later = setTimeout(() => ($("announced").textContent = words ?? answer()), 300);
}

// --- The dock: at the bottom of the window, wherever you are ---------------------------------------------------------

function showDock() {
  const { learn: learns } = state.inView, { p, answer } = learns ? learning : now, blank = empty() || answer < 0;
  $("dock-answer").textContent = blank ? "–" : answer;
  $("dock-sure").textContent = blank ? "" : percent(p[answer]);
  $("dock-more").textContent = learns ? learning.summary() : `loss ${text(now.loss)}`;
  $("dock-step").textContent = learns ? learning.verb() : "Take a step";
  enable("dock-step", learns ? !learning.training.broken : !blank && state.labelled);
  $("dock").classList.toggle("away", state.inView.teach !== false && !state.pointed.name); // at the pad nobody needs it
}

$("dock-step").addEventListener("click", () => (state.inView.learn ? learning.toggle() : learn(1)));
$("dock-digit").addEventListener("click", () => {
  const pad = state.inView.learn ? pads[1] : pads[0];
  pad.canvas.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
});
for (const [id, rootMargin] of [["learn", "-50% 0px -50% 0px"], ["teach", "0px"]]) {
  new IntersectionObserver((entries) => {
    state.inView[id] = entries.at(-1).isIntersecting;
    showReadout();
    showDock();
  }, { rootMargin }).observe($(id));
}

// --- Start ----------------------------------------------------------------------------------------------------------

readColours();
const beliefs = DIGITS.map((k) => make("span", {}, k));
$("belief").append(...beliefs);
const grids = [...document.querySelectorAll("[data-grid]")].map((host) => new Grid(host));
const allBars = [...document.querySelectorAll("[data-bars]")].map((host) => new Bars(host));
const losses = () => [...trail().map(({ loss }) => loss), now.loss].map((v, n) => [n, v]); // before each step on this digit, and now
new Curves($("chart"), {
  name: "The loss", lines: () => [{ words: "now", points: losses(), colour: colours.muted, thick: 1.25 }],
  few: 10, least: 1e-3, most: Infinity, guess: 0, format: text,
});
new Changes();
const learning = new Learning();
const network = new Network();
whenInView({ paint: showFool }, $("fool"));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  paintAll();
});
showRate();
pick(given.opens);
network.show(-1);
setTimeout(() => update({ same: true, weights: true }), 300); // what can wait until the page is there
$("picker").scrollTop = $("picker").children[state.picked].offsetTop;
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
window.lab = { now, model, tests, pick, setLabel, learn, undo, reset, readPad, pixels: () => state.pixels, openFile, learning,
  get fool() { return fooled(); } };

/* Showing it all: what follows from the state, wherever it is on the page. */

/** Compute, and show. same: only the weights have changed, not the digit; weights: they have. */
function update({ same = false, weights = false } = {}) {
  compute();
  setScales(same);
  if (pointed.name === "") unit = argmax(now.a1);
  showUnit();
  paintAll();
  showReadout();
  if (weights) showScore();
  showWords();
  learning.show();
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
    "pad-note": blank ? "" : picked === null ? "Your digit" : `Test image ${tests[picked].number}, a ${tests[picked].label}`,
    "x-note": {
      standardised: "28 × 28 pixels, shifted and scaled so that over all training images they have mean 0 and standard deviation 1.",
      unit: "28 × 28 pixels, from 0 for paper to 1 for ink.",
      raw: "28 × 28 pixels, from 0 for paper to 255 for ink.",
    }[given.pixels] + (picked !== null ? ""
      : " Your drawing was fitted into 20 × 20 of them, its centre of mass in the middle, like MNIST’s digits."),
    "a1-note": `${on} of the ${H} units are on.`,
    "dz1-note": `Only units that are on pass anything back. The ${H - on} that are off, each marked with a dot, learn nothing from this digit.`,
    "dW1-count": MOST,
    "dW1-note": given.pixels === "standardised" ? `Paper is not 0 but ${text(asInput([0])[0])}, so it is tinted too, with the opposite sign.` : "",
    loss: text(loss),
    "label-note": !labelled ? "the network’s own answer, until you say which digit you meant"
      : answer === y && loss < 0.01
        ? "It is sure, and right: there is little to change. Choose another y, or a digit that it misreads, to see more." : "",
    steps: !steps.length ? "No steps yet: these are the weights of the finished run."
      : `${plural(steps.length, "step")} taken${here < steps.length ? `, ${here} of them on this digit` : ""}. ` +
        `It reads ${right} of the ${tests.length} test images above.`,
  };
  for (const id in words) if ($(id).textContent !== String(words[id])) $(id).textContent = words[id];
  $("verdict").className = answer === y ? "right" : "wrong";
  $("meaning").classList.toggle("ask", picked === null && !labelled && !blank);
  $("loss").setAttribute("aria-label", explain({ name: "loss", at: {} }).join(""));
  $("undo").disabled = $("reset").disabled = !steps.length;
  showPicked(picked);
  for (const show of showLabels) show(labelled ? y : null);
  thumbnail(pixels, $("dock-picture"));
  showDock();
}

// --- The dock: at the bottom of the window, wherever you are ---------------------------------------------------------

let atLearning = false; // section 5 is in view

function showDock() {
  const { p, answer } = atLearning ? learning : now, blank = empty() || answer < 0;
  $("dock-answer").textContent = blank ? "–" : answer;
  $("dock-sure").textContent = blank ? "" : percent(p[answer]);
  $("dock-more").textContent = atLearning ? learning.summary() : `loss ${text(now.loss)}`;
  $("dock-step").textContent = atLearning ? learning.verb() : "Take a step";
}

$("dock-step").addEventListener("click", () => (atLearning ? learning.toggle() : learn(1)));
$("dock-digit").addEventListener("click", () => {
  const pad = atLearning ? pads[1] : pads[0];
  pad.canvas.scrollIntoView({ block: "center", behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" });
});
new IntersectionObserver((entries) => {
  atLearning = entries.at(-1).isIntersecting;
  showDock();
}, { rootMargin: "-50% 0px -50% 0px" }).observe($("learn"));

// --- Start ----------------------------------------------------------------------------------------------------------

readColours();
const grids = [...document.querySelectorAll("[data-grid]")].map((host) => new Grid(host));
const allBars = [...document.querySelectorAll("[data-bars]")].map((host) => new Bars(host));
const chart = new Chart($("chart"));
const learning = new Learning();
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  readColours();
  paintAll();
});
showRate();
for (const pad of pads) pad.show(thumbnail(pixels));
update({ weights: true });
$("picker").scrollTop = $("picker").children[picked].offsetTop;
$("starting").remove();

/* For experiments in the browser's console, and for tests:
   lab.now        the numbers of the last pass, by the names of mlp_np.py
   lab.model      the network; lab.model.params are its weights
   lab.tests      the test images to pick from: {number, label, pixels}
   lab.pick(n), lab.setLabel(y), lab.learn(count, lr), lab.undo(), lab.reset(): what the buttons do
   lab.pixels()   the image that the network sees, 784 pixels from 0 to 255
   lab.readPad()  read the drawing now instead of with the next frame on the screen
   lab.learning   section 5; lab.learning.training is its run: model, step, tested, next(), ... */
window.lab = { now, model, tests, pick, setLabel, learn, undo, reset, readPad, pixels: () => pixels, learning };

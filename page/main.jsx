/* The page: what is shown in which place, and a handle for the console. */

import "./flow.js"; // which begins before what waits for the network

import { effect } from "@preact/signals";
import { render } from "preact";
import * as actions from "./actions.js";
import { parseAddress } from "./address.js";
import * as backward from "./backward.jsx";
import { guess, settle, unfold } from "./chain.js";
import * as chain from "./chain.jsx";
import { hasFlowBegun, stopFlow } from "./flow.js";
import { adversarialPass } from "./fool.js";
import * as fool from "./fool.jsx";
import { Grid } from "./grid.js";
import * as learn from "./learn.jsx";
import * as learning from "./learning.js";
import { Boundary } from "./lessons/boundary.jsx";
import { showProgress } from "./lessons/progress.js";
import * as links from "./links.jsx";
import { MLP } from "./mlp.js";
import * as network from "./network.jsx";
import * as nudge from "./nudge.jsx";
import * as opening from "./opening.jsx";
import * as ownNetwork from "./own.js";
import * as own from "./own.jsx";
import { tests } from "./page_data.js";
import { pass, pixels, reads } from "./passes.js";
import { $ } from "./picture.js";
import { skip } from "./question.js";
import * as state from "./state.js";
import * as step from "./step.jsx";
import { goTo, showViews } from "./views.js";
import { followAddress } from "./visit.js";
import { wires } from "./wires.js";
import { drawNetwork } from "./wiring.js";

// --- Shown ---------------------------------------------------------------------------------------------------------------

const sections = [opening, chain, network, backward, nudge, step, fool, learn, own, links];
const parts = {};
for (const [name, part] of sections.flatMap(({ parts }) => Object.entries(parts))) {
  if (parts[name]) reportError(new Error(`two sections have a part ${name}`));
  parts[name] = part;
}

function Part({ show, ...more }) {
  const Shown = parts[show];
  return (
    <Boundary>
      <Shown {...more} />
    </Boundary>
  );
}

ownNetwork.openOwn();
showViews();
followAddress();
showProgress();
const places = [...document.querySelectorAll("[data-show]")];
for (const { dataset } of places) {
  if (!parts[dataset.show]) reportError(new Error(`no section in page/main.jsx has a part ${dataset.show}`));
}
const show = () => places.forEach((place) => render(<Part key={{}} {...place.dataset} />, place)); // anew
show();
links.watchSections();
const flush = ["pad", "pad2"].map((id) => opening.drawPad($(id)));
drawNetwork();
chain.drawChain();
for (const host of document.querySelectorAll("[data-grid]:empty")) new Grid(host);
nudge.drawNudge();
step.drawLosses();
learn.drawLearning();

// --- Around the page -----------------------------------------------------------------------------------------------------

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", ({ matches }) => (state.isDark.value = matches));
addEventListener("beforeprint", () => (state.isPrinting.value = true));
addEventListener("afterprint", () => (state.isPrinting.value = false));
addEventListener("pointerdown", ({ target }) => {
  if (!target.closest(".grid, .score, .bar, .chips, #changes, #loss, #dock")) actions.clearFocus(); // on nothing
});
setTimeout(() => (state.hasOpened.value = true), 300);
effect(() => {
  if (state.digit.value.picked === null) return;
  const picker = $("picker"),
    chosen = picker.children[state.digit.value.picked];
  if (!state.hasOpened.value) picker.scrollTop = chosen.offsetTop;
});
$("starting").remove();
if (state.view.value !== "first") stopFlow();
else if (!hasFlowBegun) chain.replay();

/* For experiments in the browser's console, and for tests:
   lab.pass       the numbers of the last pass, by the names of mlp_np.py
   lab.model      the network; lab.model.params are its weights
   lab.tests      the test images to pick from: {number, label, pixels}
   lab.pick(n), lab.setLabel(y), lab.learn(count, lr), lab.undo(), lab.reset(): what the buttons do
   lab.pixels()   the image that the network sees, 784 pixels from 0 to 255
   lab.readPad()  read the drawing now instead of with the next frame on the screen
   lab.fool       what the pixels have become, dx, and what it reads
   lab.show()     show all parts of the page anew; nothing must look different then
   lab.goTo(id)   what a link to that part of the page does; "all" shows all parts
   lab.guess(k, v), lab.settle(k): pull a bar, and let go of it; lab.unfold(name): show a line of mlp_np.py
   lab.skip(): go on without an answer to the first question; lab.replay(): let the digit flow through the network
   lab.reads      which of lab.tests it reads right
   lab.moves      the nudge: the number, its derivative, and how the loss moves
   lab.wires      the wires that are drawn
   lab.state      all that a reader can change, as signals
   lab.parseAddress(hash)  what the part of an address behind its # holds
   lab.opened(text)  what practise.html leaves of a network, read
   lab.learning   learning from nothing; lab.learning.training is its run: model, step, tested, next(), ... */
window.lab = {
  tests,
  show,
  goTo,
  guess,
  settle,
  unfold,
  skip,
  replay: chain.replay,
  state,
  ...actions,
  parseAddress,
  opened: ownNetwork.parseStoredNetwork,
  get pass() {
    return pass.value;
  },
  get reads() {
    return reads.value;
  },
  get moves() {
    return nudge.moves.value;
  },
  get wires() {
    return wires.value;
  },
  get model() {
    return new MLP(state.params.value);
  },
  get fool() {
    return adversarialPass.value;
  },
  pixels: () => pixels.value,
  readPad: () => flush.forEach((one) => one()),
  learning: {
    ...learning,
    show: () => learning.showProgress(),
    get training() {
      return state.learning.value.run;
    },
    set training(run) {
      learning.showProgress(run);
    },
    get running() {
      return state.isTraining.value;
    },
    set running(is) {
      state.isTraining.value = is;
    },
    get p() {
      return learning.newProbabilities.value;
    },
  },
};

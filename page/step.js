/* Steps on this one digit, and what they change. */

const KEPT = 8, EVERY = 50; // how many states of the weights are kept, and how many steps lie between them

function takeStep({ x, y, lr }, count) {
  if (count % EVERY === 0) {
    state.kept = [...state.kept.filter((older) => older.count < count), { count, params: copy(model.params) }].slice(-KEPT);
  }
  const { dlogits } = softmaxCrossEntropy(model.forward(x), [y]);
  sgdStep(model.params, model.backward(dlogits), lr);
}

function learn(count, lr = rate()) {
  if (empty() || !state.labelled) return; // nothing, or nobody has said which digit it is
  const { digit, y } = state, press = state.steps.length ? state.steps.at(-1).press + 1 : 0;
  for (let n = 0; n < count; n++) {
    compute();
    const { x, a1, logits, p, loss, dz1 } = now, step = { x, y, lr, digit, press, a1, logits, p, loss, dz1 };
    takeStep(step, state.steps.length);
    state.steps.push(step);
  }
  update({ same: true, weights: true });
}

/** Take back what the last press of a button did: the weights anew, from the last ones kept, by the steps since. */
function undo() {
  if (!state.steps.length) return;
  const last = state.steps.at(-1).press;
  state.steps = state.steps.filter((step) => step.press < last);
  state.kept = state.kept.filter(({ count }) => count <= state.steps.length);
  const { count, params } = state.kept.at(-1) ?? { count: 0, params: state.shown.params };
  model.params = copy(params);
  state.steps.slice(count).forEach((step, n) => takeStep(step, count + n));
  update({ same: true, weights: true });
}

function reset() {
  Object.assign(state, { steps: [], kept: [] });
  model.params = copy(state.shown.params);
  update({ weights: true });
}

/** The steps taken on this digit with this y, since something else was on the pad. */
function trail() {
  const first = state.steps.findLastIndex(({ digit, y }) => digit !== state.digit || y !== state.y) + 1;
  return state.steps.slice(first);
}

// A digit's numbers grow with the square of its pixels, so raw ones need smaller steps.
const RATES = [1e-5, 3e-5, 1e-4, 3e-4, 1e-3, 3e-3, 0.01, 0.03, 0.1];
const rate = () => RATES[$("lr").value] / (state.shown.pixels === "raw" ? 1e4 : 1);
const showRate = () => ($("lr-value").textContent = String(+rate().toPrecision(1)));
$("lr").addEventListener("input", showRate);
for (const id of ["step", "teach"]) $(id).addEventListener("click", () => learn(1));
$("step10").addEventListener("click", () => learn(10));
for (const id of ["undo", "teach-undo"]) $(id).addEventListener("click", undo);
$("reset").addEventListener("click", reset);
for (const type of ["pointerenter", "pointerdown", "focus"]) $("loss").addEventListener(type, () => point("loss", {}));

// --- The loss, step by step ----------------------------------------------------------------------------------------

const losses = () => [...trail().map((step) => step.loss), now.loss];
const before = () => (trail()[0] ?? now).p;

function svg(name, attributes, content = "") {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  element.textContent = content;
  return element;
}

class Chart {
  constructor(host) {
    this.step = 0;
    this.svg = svg("svg", { tabindex: 0, role: "application", "aria-label": "The loss after each step. Arrow keys move from step to step." });
    host.append(this.svg);
    new ResizeObserver(() => {
      this.width = host.clientWidth;
      this.paint();
    }).observe(host);
    for (const type of ["pointerdown", "pointermove"]) {
      this.svg.addEventListener(type, (event) => this.go((event.clientX - this.svg.getBoundingClientRect().left - this.left) / this.dx));
    }
    whenInView(this, host);
    this.svg.addEventListener("focus", () => this.svg.matches(":focus-visible") && this.go(this.step));
    this.svg.addEventListener("keydown", (event) => {
      const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!by) return;
      event.preventDefault();
      this.go(this.step + by);
    });
  }

  go(step) {
    this.step = Math.min(Math.max(Math.round(step), 0), losses().length - 1);
    point("after", { step: this.step });
    this.paint();
  }

  paint() {
    const width = this.width, height = 240;
    if (!width || !this.visible) return;
    const values = losses(), last = values.length - 1;
    const high = Math.max(...values) || 1;
    this.left = 8;
    this.dx = (width - this.left - 64) / Math.max(last, 10);
    const x = (n) => this.left + n * this.dx, y = (v) => 20 + (height - 50) * (1 - v / high);
    const parts = [
      svg("path", { class: "axis", d: `M${x(0)},${y(0)}H${width}` }),
      svg("text", { x: x(0), y: height - 8 }, "0"),
      svg("text", { x: width, y: height - 8, "text-anchor": "end" }, plural(state.steps.length ? last : 0, "step")),
      svg("path", { class: "line", d: `M${values.map((v, n) => `${x(n)},${y(v)}`).join("L")}` }),
    ];
    if (last <= 40) parts.push(...values.map((v, n) => svg("circle", { class: "dot", cx: x(n), cy: y(v), r: 3.5 })));
    parts.push(svg("text", { class: "now", x: x(last) + 8, y: y(values[last]) - 8 }, text(values[last])));
    if (last) parts.push(svg("text", { x: x(0) + 8, y: y(values[0]) - 8 }, text(values[0])));
    if (state.pointed.name === "after" && this.step <= last) {
      parts.push(svg("circle", { class: "ring", cx: x(this.step), cy: y(values[this.step]), r: 7 }));
    }
    this.svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.svg.replaceChildren(...parts);
  }
}

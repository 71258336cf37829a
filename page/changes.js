/* What the steps on this digit have changed inside: the units that now say something else, their weights before and
   after. */

const CHANGED = 6; // units that are shown

/** What `steps` on one image x have changed. W1[:, j] has moved by moved[j] times x, because dW1[:, j] is dz1[j] times x;
    was(j, k) is what unit j added to the score of digit k before them. */
function changes(steps) {
  const [{ x, y, a1 }] = steps, moved = new Float64Array(model.hidden), used = new Set();
  for (const { lr, dz1, a1 } of steps) {
    dz1.forEach((d, j) => (moved[j] -= lr * d));
    a1.forEach((a, j) => a > 0 && used.add(j));
  }
  const back = (j, k) => steps.reduce((sum, { lr, a1, p }) => sum + lr * a1[j] * (p[k] - Number(k === y)), 0);
  return { x, moved, used, was: (j, k) => a1[j] * (W2(j, k) + back(j, k)) };
}

class Changes {
  constructor() {
    this.cards = range(CHANGED).map(() => this.card());
    $("changes").append(...this.cards.map(({ button }) => button));
    whenInView(this, $("changed"));
  }

  card() {
    const pictures = ["before", "moved by", "now"].map((words) => {
      const canvas = make("canvas", { width: 28, height: 28 });
      return { canvas, part: make("span", { className: "part" }, canvas, words) };
    });
    const name = make("b"), lines = ["on", "y", "rival"].map(() => make("span", { className: "line" }));
    const button = make("button", { type: "button" }, name, ...pictures.map(({ part }) => part), ...lines);
    const card = { button, name, lines, canvases: pictures.map(({ canvas }) => canvas) };
    listen([button], ["pointerenter", "click", "focus"], () => point("a1", { j: card.j }));
    return card;
  }

  paint() {
    const steps = trail(), [first] = steps;
    $("changed").classList.toggle("none", !first);
    if (!first) return;
    const { y } = state, rival = top(10, 2, (k) => first.p[k]).find((k) => k !== y);
    const { x, moved, used, was } = changes(steps);
    const score = (k) => `that of ${k} from ${text(first.logits[k])} to ${text(now.logits[k])}`;
    $("changed-words").textContent = `${plural(steps.length, "step")} on this digit moved the weights of the ` +
      `${plural(used.size, "unit")} that were on. The score of ${y} went from ${text(first.logits[y])} to ` +
      `${text(now.logits[y])}, ${score(rival)}. These units did most of it:`;
    const gain = (j) => Math.abs(spoken(j, y) - was(j, y) - spoken(j, rival) + was(j, rival));
    const chosen = top(model.hidden, CHANGED, (j) => (used.has(j) ? gain(j) : -1)).filter((j) => used.has(j));
    this.cards.forEach((card, n) => {
      const j = chosen[n];
      card.button.hidden = j === undefined;
      if (j === undefined) return;
      card.j = j;
      card.name.textContent = `unit ${j}`;
      const after = weightsOf(j), by = PIXEL_RANGE.map((i) => moved[j] * x[i]);
      [after.map((w, i) => w - by[i]), by, after].forEach((weights, n) => paintWeights(card.canvases[n], weights));
      card.lines[0].textContent = `a1 ${text(first.a1[j])} → ${text(now.a1[j])}`;
      [y, rival].forEach((k, n) => (card.lines[n + 1].textContent = `to ${k} ${signed(was(j, k))} → ${signed(spoken(j, k))}`));
    });
  }
}

/* The picture of the network: its grids, and the wires between them. */

import { colours } from "./colours.js";
import { Grid } from "./grid.js";
import { $, fit, sizeOf, whenInView } from "./picture.js";
import { currentStage } from "./stages.js";
import { stage, wireProgress } from "./state.js";
import { wires } from "./wires.js";

export function drawNetwork() {
  const host = $("network-picture"),
    canvas = $("wires");
  const x = new Grid($("f-x").querySelector(".grid")),
    units = new Grid($("f-a1").querySelector(".grid"), () => currentStage.value.units);
  const [width, height] = ["clientWidth", "clientHeight"].map((side) => sizeOf(host, side));

  whenInView(
    $("inside"),
    () => {
      if (!width.value || !height.value) return;
      const box = host.getBoundingClientRect(),
        context = fit(canvas, box.width, box.height);
      const { left, right } = wires.value;
      const { back } = currentStage.value;
      const bars = [...$("f-logits").querySelectorAll(".bar")].map((bar) => bar.getBoundingClientRect());
      const isBeside = bars[0].left > units.canvas.getBoundingClientRect().right; // on a phone the digits are below
      const draw = (wires, from, to, turn) => {
        const high = wires.reduce((most, [, , v]) => Math.max(most, Math.abs(v)), 0) || 1;
        for (const [a, b, v] of wires
          .filter(([, , v]) => v)
          .sort((one, other) => Math.abs(one[2]) - Math.abs(other[2]))) {
          const colour = colours.value[stage.value < 0 ? (v < 0 ? "negative" : "positive") : back ? "back" : "accent"];
          const ends = [from(a), to(b)].map(([u, v]) => [u - box.left, v - box.top]);
          wire(context, ends, { share: wireProgress.value, back, colour, turn, size: Math.abs(v) / high });
        }
      };
      draw(
        left,
        (i) => x.centre(i),
        (j) => units.centre(j),
      );
      const end = (k) => [bars[k].left + (isBeside ? 4 : -9), bars[k].top + bars[k].height / 2];
      draw(
        right,
        (j) => units.centre(j),
        end,
        isBeside ? undefined : $("f-logits").getBoundingClientRect().top - box.top,
      );
    },
    "0px",
  ); // nearly in view is not enough: it takes time
}

/** A curve from end to end, or the first `share` of it with a head. size: from 0 to 1, how thick. back: the last end is the
    first. turn: from this height on it goes straight down, beside what it must not cross. */
function wire(context, [[u0, v0], [u1, v1]], { share, back, colour, turn, size }) {
  const smooth = (t) => t * t * (3 - 2 * t),
    reach = (turn - v0) / (v1 - v0);
  const pointAt = (way) => {
    const t = back ? 1 - way : way,
      [across, down] = turn === undefined ? [t, smooth(t)] : [smooth(Math.min(t / reach, 1)), t];
    return [u0 + across * (u1 - u0), v0 + down * (v1 - v0)];
  };
  context.globalAlpha = 0.3 + 0.6 * size;
  context.strokeStyle = context.fillStyle = colour;
  context.lineWidth = 0.75 + 2.25 * size;
  context.beginPath();
  for (let n = 0; n <= 24; n++) context.lineTo(...pointAt((share * n) / 24));
  context.stroke();
  if (share < 1) {
    context.beginPath();
    context.arc(...pointAt(share), 2 + 2 * size, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

/* Which wires of the network are drawn: the strongest, of what is looked at. */

import { computed } from "@preact/signals";

import { focus } from "./grid.js";
import { hidden, MOST, pass, pixelContribution, unitContribution } from "./passes.js";
import { currentStage } from "./stages.js";
import { stage } from "./state.js";
import { DIGITS, PIXELS, range, top } from "./words.js";

const CHIPS = 6; // units that speak for a digit, and as many against it

/** [a, b, value(a, b)] of those `count` pairs whose value is furthest from 0. Of equal ones, some from everywhere. */
const strongest = (pairs, count, value) =>
  pairs
    .map(([a, b]) => [a, b, value(a, b), (619 * a + 97 * b) % 787])
    .sort((one, other) => Math.abs(other[2]) - Math.abs(one[2]) || one[3] - other[3])
    .slice(0, count)
    .map(([a, b, v]) => [a, b, v]);

/** The units that speak most for a digit, and most against it. */
const findContributingUnits = (k) =>
  [1, -1].map((sign) =>
    top(hidden.value, CHIPS, (j) => sign * unitContribution(j, k)).filter((j) => sign * unitContribution(j, k) > 0),
  );

export const contributingUnits = computed(() => findContributingUnits(focus.value.digit));

/** Which wires are drawn: [[i, j, how much it carries], ...], the same with [j, k], and which these are, in words. */
export const wires = computed(() => {
  const { left = pixelContribution, right = unitContribution, back } = currentStage.value;
  const { pixel, unit, digit } = focus.value;
  const H = hidden.value;
  const wiresInto = (j, count) =>
    strongest(
      PIXELS.map((i) => [i, j]),
      count,
      left,
    );
  const total = (784 + 10) * H;
  const describeWires = (words, one, two) => {
    const count = [...one, ...two].filter(([, , v]) => v).length;
    return {
      left: one,
      right: two,
      words: count ? `Drawn: ${words} (${count} of ${total.toLocaleString("en")}).` : "",
    };
  };
  if (pixel !== undefined) {
    const strongestWires = strongest(
      range(H).map((j) => [pixel, j]),
      24,
      left,
    );
    return describeWires("the strongest wires of this pixel", strongestWires, []);
  }
  if (unit !== undefined) {
    const wiresOut = DIGITS.map((k) => [unit, k, right(unit, k)]);
    return describeWires(`the strongest wires into unit ${unit}, and those out of it`, wiresInto(unit, 40), wiresOut);
  }
  if (stage.value >= 0) {
    const js = back ? pass.value.most : top(H, MOST, (j) => Math.abs(unitContribution(j, digit)));
    const pairs = range(H * 10).map((n) => [Math.floor(n / 10), n % 10]);
    const relation = back ? "have most to change" : `say most about ${digit}`;
    if (currentStage.value.left)
      return describeWires(
        `the strongest wires into the ${js.length} units that ${relation}`,
        js.flatMap((j) => wiresInto(j, 6)),
        [],
      );
    return currentStage.value.right
      ? describeWires("the strongest wires between units and digits", [], strongest(pairs, 70, right))
      : describeWires("", [], []);
  }
  const [pro, contra] = contributingUnits.value;
  const say = [...pro, ...contra].map((j) => [j, digit, unitContribution(j, digit)]);
  return describeWires(
    `the wires to ${digit} from the units that speak most for it and against it, and the strongest into the first of them`,
    pro.slice(0, 4).flatMap((j) => wiresInto(j, 8)),
    say,
  );
});

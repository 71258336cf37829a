/* Which wires of the network are drawn: the strongest, of what is looked at. */

import { computed } from "@preact/signals";

import { focus } from "./grid.js";
import { added, hidden, MOST, now, spoken } from "./passes.js";
import { at } from "./stages.js";
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
const speakers = (k) =>
  [1, -1].map((sign) => top(hidden.value, CHIPS, (j) => sign * spoken(j, k)).filter((j) => sign * spoken(j, k) > 0));

export const voices = computed(() => speakers(focus.value.digit));

/** Which wires are drawn: [[i, j, how much it carries], ...], the same with [j, k], and which these are, in words. */
export const wires = computed(() => {
  const { left = added, right = spoken, back } = at.value;
  const { pixel, unit, digit } = focus.value;
  const H = hidden.value;
  const into = (j, count) =>
    strongest(
      PIXELS.map((i) => [i, j]),
      count,
      left,
    );
  const all = (784 + 10) * H;
  const drawn = (words, one, two) => {
    const count = [...one, ...two].filter(([, , v]) => v).length;
    return { left: one, right: two, words: count ? `Drawn: ${words} (${count} of ${all.toLocaleString("en")}).` : "" };
  };
  if (pixel !== undefined) {
    const found = strongest(
      range(H).map((j) => [pixel, j]),
      24,
      left,
    );
    return drawn("the strongest wires of this pixel", found, []);
  }
  if (unit !== undefined) {
    const out = DIGITS.map((k) => [unit, k, right(unit, k)]);
    return drawn(`the strongest wires into unit ${unit}, and those out of it`, into(unit, 40), out);
  }
  if (stage.value >= 0) {
    const js = back ? now.value.most : top(H, MOST, (j) => Math.abs(spoken(j, digit)));
    const pairs = range(H * 10).map((n) => [Math.floor(n / 10), n % 10]);
    const whose = back ? "have most to change" : `say most about ${digit}`;
    if (at.value.left)
      return drawn(
        `the strongest wires into the ${js.length} units that ${whose}`,
        js.flatMap((j) => into(j, 6)),
        [],
      );
    return at.value.right
      ? drawn("the strongest wires between units and digits", [], strongest(pairs, 70, right))
      : drawn("", [], []);
  }
  const [pro, contra] = voices.value;
  const say = [...pro, ...contra].map((j) => [j, digit, spoken(j, digit)]);
  return drawn(
    `the wires to ${digit} from the units that speak most for it and against it, and the strongest into the first of them`,
    pro.slice(0, 4).flatMap((j) => into(j, 8)),
    say,
  );
});

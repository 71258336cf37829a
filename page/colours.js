/* The colours of page.css, and from them the colour of each number. */

import { computed } from "@preact/signals";

import { isDark, isPrinting } from "./state.js";
import { range } from "./words.js";

const NAMES = [
  "negative-far",
  "negative",
  "zero",
  "positive",
  "positive-far",
  "better-far",
  "better",
  "worse",
  "worse-far",
  "ink",
  "paper",
  "off",
  "muted",
  "line",
  "accent",
  "back",
  "mono",
];

/** The colours by their names, for the screen, or for paper (those that page.css names first). `small`: small letters. */
export const colours = computed(() => {
  isDark.value; // which of them are the screen's
  const root = getComputedStyle(document.documentElement);
  const style = isPrinting.value ? document.styleSheets[0].cssRules[0].style : root;
  const values = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  return { ...values, small: `${0.75 * parseFloat(root.fontSize)}px ${values.mono}` }; // of the reader's size
});

/** For each kind of number, 511 colours as [r, g, b, 255]: from the least, through 0, to the most. */
export const ramps = computed(() => {
  const rgb = (name) => [1, 3, 5].map((at) => parseInt(colours.value[name].slice(at, at + 2), 16));
  const ramp = (...names) => {
    const stops = names.map(rgb);
    return range(511).map((n) => {
      const at = (n / 510) * (stops.length - 1),
        lower = Math.min(Math.floor(at), stops.length - 2);
      return [...stops[lower].map((from, c) => from + (stops[lower + 1][c] - from) * (at - lower)), 255];
    });
  };
  const diverging = ramp("negative-far", "negative", "zero", "positive", "positive-far");
  const slope = ramp("better-far", "better", "zero", "worse", "worse-far"); // a derivative: less loss, more loss
  return { both: diverging, up: diverging, slope, ink: ramp("paper", "ink") };
});

/** The colour of some ink, faint, under that of a number from -1 to 1. */
export function blend(ink, number, ramp) {
  const [paper] = ramps.value.ink,
    overlay = ramp[Math.round(255 * (1 + number))],
    share = Math.sqrt(Math.abs(number));
  return ink.map((c, n) => (paper[n] + 0.3 * (c - paper[n])) * (1 - share) + overlay[n] * share);
}

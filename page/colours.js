/* The colours of page.css, and from them the colour of each number. */

import { computed } from "@preact/signals";

import { dark, onPaper } from "./state.js";
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
  dark.value; // which of them are the screen's
  const root = getComputedStyle(document.documentElement);
  const style = onPaper.value ? document.styleSheets[0].cssRules[0].style : root;
  const found = Object.fromEntries(NAMES.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
  return { ...found, small: `${0.75 * parseFloat(root.fontSize)}px ${found.mono}` }; // of the reader's size
});

/** For each kind of number, 511 colours as [r, g, b, 255]: from the least, through 0, to the most. */
export const ramps = computed(() => {
  const rgb = (name) => [1, 3, 5].map((at) => parseInt(colours.value[name].slice(at, at + 2), 16));
  const ramp = (...names) => {
    const stops = names.map(rgb);
    return range(511).map((n) => {
      const at = (n / 510) * (stops.length - 1),
        left = Math.min(Math.floor(at), stops.length - 2);
      return [...stops[left].map((from, c) => from + (stops[left + 1][c] - from) * (at - left)), 255];
    });
  };
  const both = ramp("negative-far", "negative", "zero", "positive", "positive-far");
  const slope = ramp("better-far", "better", "zero", "worse", "worse-far"); // a derivative: less loss, more loss
  return { both, up: both, slope, ink: ramp("paper", "ink") };
});

/** The colour of some ink, faint, under that of a number from -1 to 1. */
export function blend(ink, number, ramp) {
  const [paper] = ramps.value.ink,
    over = ramp[Math.round(255 * (1 + number))],
    share = Math.sqrt(Math.abs(number));
  return ink.map((c, n) => (paper[n] + 0.3 * (c - paper[n])) * (1 - share) + over[n] * share);
}

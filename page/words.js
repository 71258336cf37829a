/* Numbers in words, and a little arithmetic on lists. */

export const range = (count) => Array.from({ length: count }, (_, n) => n);
export const DIGITS = range(10);
export const PIXELS = range(784);

export const argmax = (values) => values.indexOf(values.reduce((most, v) => Math.max(most, v)));
export const largest = (values) => values.reduce((most, v) => Math.max(most, Math.abs(v)), 0) || 1;

/** The `count` indices below `n` at which `value` is largest. */
export const top = (n, count, value) =>
  range(n)
    .map((i) => [value(i), i])
    .sort((a, b) => b[0] - a[0])
    .slice(0, count)
    .map(([, i]) => i);

export function text(v) {
  const size = Math.abs(v);
  if (Number.isInteger(v) && size < 1e5) return String(v);
  if (size < 1e-4 || size >= 1e5) return v.toExponential(2);
  return size < 100 ? v.toPrecision(3) : v.toFixed(1);
}

/** A probability: "97.5%". */
export function percent(p) {
  if (!Number.isFinite(p)) return "–";
  return p > 0.999 && p < 1 ? ">99.9%" : p < 0.001 && p > 0 ? "<0.1%" : `${(100 * p).toFixed(1)}%`;
}

/** A whole number: "4,000". */
export const count = (n) => n.toLocaleString("en");

/** "an 8", "a 7". */
export const a = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;
export const signed = (v) => (v < 0 ? "" : "+") + text(v);
export const plural = (n, word) => `${n} ${word}${n === 1 ? "" : "s"}`;
export const sum = (a, b) => `${text(a)} ${b < 0 ? "-" : "+"} ${text(Math.abs(b))}`;

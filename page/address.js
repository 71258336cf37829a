/* What an address holds behind its #: a digit, the settings of "Learn from nothing", a line of mlp_np.py. What is read from one
   is a number, or one of a list's entries; anything else counts for nothing. */

import { BATCHES, HIDDEN, INITS, MISTAKES, RATES } from "./learning.js";
import { tests } from "./page_data.js";
import { SIDE } from "./pen.js";

const NEAR = 4; // pixels of the pad: a point that is nearer to the one before it is left out
const MOST = 6000; // bytes of a drawing

/** Strokes as text: for each, how many points it has, and their places from 0 to 255, in base64 for addresses. */
function packStrokes(strokes) {
  const bytes = [];
  for (const stroke of strokes) {
    const points = [];
    for (const point of stroke) {
      const previousPoint = points.at(-1);
      if (!previousPoint || Math.hypot(point[0] - previousPoint[0], point[1] - previousPoint[1]) >= NEAR)
        points.push(point);
    }
    for (let n = 0; n < points.length; n += 254) {
      const part = points.slice(n, n + 255); // the next part begins where this one ends
      const places = part.flat().map((v) => Math.min(Math.max(Math.round((v / SIDE) * 255), 0), 255));
      bytes.push(part.length, ...places);
    }
  }
  const text = btoa(String.fromCharCode(...bytes.slice(0, MOST)));
  return text.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

/** The strokes in such a text. */
function unpackStrokes(text) {
  if (!/^[\w-]*$/.test(text) || text.length > 2 * MOST) return [];
  let content;
  try {
    content = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  } catch {
    return [];
  }
  const bytes = Array.from(content, (letter) => letter.charCodeAt(0)),
    strokes = [];
  for (let n = 0; n < bytes.length; n += 1 + 2 * bytes[n]) {
    const places = bytes.slice(n + 1, n + 1 + 2 * bytes[n]).map((v) => (v / 255) * SIDE);
    const points = places.flatMap((v, i) => (i % 2 ? [] : [[v, places[i + 1]]]));
    strokes.push(points.filter(([, v]) => v !== undefined));
  }
  return strokes.filter((points) => points.length);
}

/** A digit and its label, as the part of an address. */
export function formatDigit({ picked, base, strokes }, label) {
  const parts = new URLSearchParams();
  const image = picked ?? tests.findIndex(({ pixels }) => pixels === base);
  if (image >= 0) parts.set("image", tests[image].number);
  if (picked === null) parts.set("drawing", packStrokes(strokes));
  if (label !== null) parts.set("is", label);
  return String(parts);
}

export function formatSettings({ lr, batch, hidden, init, seed, mistakes }) {
  const parts = { lr: RATES[lr], batch: BATCHES[batch], hidden: HIDDEN[hidden], init, seed };
  if (mistakes.length) parts.broken = mistakes.join(" ");
  return String(new URLSearchParams(parts));
}

/** {digit, label, settings, line} of an address's part behind #: those of them that it holds. */
export function parseAddress(hash) {
  const parts = new URLSearchParams(hash.replace(/^#/, "")),
    result = {};
  const indexOfEntry = (name, list) => list.map(String).indexOf(parts.get(name));
  const image = indexOfEntry(
    "image",
    tests.map(({ number }) => number),
  );
  const strokes = unpackStrokes(parts.get("drawing") ?? "");
  if (strokes.length) result.digit = { picked: null, base: tests[image]?.pixels ?? null, strokes };
  else if (image >= 0) result.digit = { picked: image, base: null, strokes: [] };
  const label = indexOfEntry("is", [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  if (result.digit) result.label = label >= 0 ? label : (tests[result.digit.picked]?.label ?? null);
  const settings = {
    lr: indexOfEntry("lr", RATES),
    batch: indexOfEntry("batch", BATCHES),
    hidden: indexOfEntry("hidden", HIDDEN),
  };
  const init = INITS[indexOfEntry("init", INITS)],
    seed = Number(parts.get("seed"));
  if (Object.values(settings).every((n) => n >= 0) && init && Number.isInteger(seed) && seed >= 0 && seed < 2 ** 31) {
    const mistakes = (parts.get("broken") ?? "").split(" ");
    result.settings = { ...settings, init, seed, mistakes: MISTAKES.filter((name) => mistakes.includes(name)) };
  }
  if (parts.has("line")) result.line = parts.get("line"); // which is looked for in STAGES
  return result;
}

/* What all pictures on the page have in common. */

import { effect, signal } from "@preact/signals";

import { ramps } from "./colours.js";
import { paint28 } from "./pen.js";
import { isPrinting } from "./state.js";
import { largest } from "./words.js";

export const $ = (id) => document.getElementById(id);

/** Call `paint` now, and whenever what it has read changes, as long as `host` is in view, or nearly. Paper shows all. */
export function whenInView(host, paint, rootMargin = "100px") {
  const visible = signal(true);
  const observe = (entries) => (visible.value = entries.at(-1).isIntersecting);
  new IntersectionObserver(observe, { rootMargin }).observe(host);
  effect(() => {
    if (visible.value || isPrinting.value) paint();
  });
}

/** The width of an element, or its height ("clientHeight"), as a signal. */
export function sizeOf(host, side = "clientWidth") {
  const size = signal(host[side]);
  new ResizeObserver(() => (size.value = host[side])).observe(host);
  return size;
}

/** A canvas of this size, in pixels of the screen, empty; its context. */
export function fit(canvas, width, height) {
  const ratio = window.devicePixelRatio,
    w = Math.round(width * ratio),
    h = Math.round(height * ratio);
  if (canvas.width !== w || canvas.height !== h) Object.assign(canvas, { width: w, height: h });
  Object.assign(canvas.style, { width: `${width}px`, height: `${height}px` });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  return context;
}

/** Weights from all pixels, in colours; those of size `high` or more get the strongest. */
export function paintWeights(canvas, weights, high = largest(weights)) {
  const { both } = ramps.value;
  paint28(canvas, (i) => both[Math.min(Math.max(Math.round(255 + (255 * weights[i]) / high) || 0, 0), 510)]);
}

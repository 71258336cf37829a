/* What moves when the page opens: the digit goes through the network once, from the pixels to the hidden units, the scores and
   the probabilities. The numbers come with the page, so it begins before the network is here, and imports nothing that waits
   for it. What it stands in for is invisible meanwhile: see [data-flow] in page.css. */

const SECONDS = 2.1; // and as long as the page is busy: see FRAME
const ANSWERED = 1.8; // from when on the answer is shown
const FRAME = 0.1; // seconds at most: if the page is busy for longer, the picture waits, and nothing of it is left out
const PARTICLES = 110; // between two layers
const $ = (id) => document.getElementById(id);
const { dataset } = document.documentElement;
const { opening } = JSON.parse($("network").textContent); // {pixels, a1, logits, p}

/** Scores are drawn from -reach to reach: there is room to pull the largest one. */
export const reachOf = (logits) => 1.3 * logits.reduce((most, v) => Math.max(most, Math.abs(v)), 1);

// --- Time --------------------------------------------------------------------------------------------------------------

/** How far a value is on its way between two others, from 0 to 1. */
const wayOf = (value, from, to) => Math.min(Math.max((value - from) / (to - from), 0), 1);
/** How far the picture is on its way between two of its seconds, from 0 to 1. */
const share = (from, to) => wayOf(seconds, from, to);
const ease = (t) => t * t * (3 - 2 * t);
/** A number from 0 to 1 that looks random, the same each time. */
const scatter = (n) => (n * 0.618034) % 1;

const isCalm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
const isLoading = () => $("starting") !== null;
let frame, lastTime, seconds, numbers;

/** Let a digit flow through: {pixels, a1, logits, p}. Where motion is unwelcome, nothing moves. */
export function playFlow(flowing) {
  stopFlow();
  if (isCalm() && !isLoading()) return;
  numbers = flowing;
  seconds = isCalm() ? SECONDS : 0; // before the network is here, the picture stands still
  lastTime = performance.now();
  dataset.flow = "running";
  move();
}

/** Show everything as it is at the end. */
export function stopFlow() {
  cancelAnimationFrame(frame);
  delete dataset.flow;
  $("flow").width = 0; // nothing is painted any more
}

function move() {
  const time = performance.now();
  seconds = Math.min(seconds + Math.min((time - lastTime) / 1000, FRAME), SECONDS);
  lastTime = time;
  if (seconds >= SECONDS && !isLoading()) return stopFlow();
  if (seconds >= ANSWERED) dataset.flow = "answered";
  draw();
  frame = requestAnimationFrame(move);
}

// --- Pictures ----------------------------------------------------------------------------------------------------------

function draw() {
  const canvas = $("flow"),
    ratio = window.devicePixelRatio,
    area = canvas.getBoundingClientRect();
  const [width, height] = [area.width, area.height].map((size) => Math.round(size * ratio));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, -area.left * ratio, -area.top * ratio); // places in the window
  context.clearRect(area.left, area.top, area.width, area.height);
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  const pen = { context, colour, ratio };

  const pad = $("pad").getBoundingClientRect(),
    small = $("s-x").querySelector(".grid").getBoundingClientRect(),
    units = $("s-units").querySelector(".grid").getBoundingClientRect();
  const hasSmall = small.width > 0;
  if (isLoading()) drawPixels(pen, pad, 28, 1);
  const scanned = share(0, 0.42);
  if (hasSmall) drawPixels(pen, small, 28 * scanned, 1);
  drawLine(pen, hasSmall ? small : pad, scanned);
  const pixels = placesOfInk(hasSmall ? small : pad, ratio),
    unitPlaces = placesOfUnits(units, ratio),
    scores = [...document.querySelectorAll(".score")].map(measure);
  drawParticles(pen, pixels, unitPlaces, share(0.3, 0.9));
  drawUnits(pen, units, share(0.6, 1));
  drawParticles(pen, unitPlaces, scores.map(middle), share(0.9, 1.4));
  drawScores(pen, scores, ease(share(1.2, 1.5)));
  drawProbabilities(pen, scores, ease(share(1.5, ANSWERED)));
}

/** The side of a cell, as grid.js has it: whole pixels of the screen. */
const sideOf = (box, columns, ratio) => Math.max(1, Math.floor((box.width * ratio) / columns)) / ratio;

/** The upper rows of the image. */
function drawPixels({ context, colour, ratio }, box, rows) {
  const side = sideOf(box, 28, ratio);
  context.fillStyle = box.width > 150 ? "#000" : colour("ink"); // the pad is paper in every scheme, and page.css inverts it
  numbers.pixels.forEach((value, i) => {
    const row = Math.floor(i / 28);
    if (!value || row >= rows) return;
    context.globalAlpha = value / 255;
    context.fillRect(box.left + (i % 28) * side, box.top + row * side, side, side);
  });
  context.globalAlpha = 1;
}

/** How far the image has been read. */
function drawLine({ context, colour }, box, scanned) {
  if (scanned <= 0 || scanned >= 1) return;
  context.fillStyle = colour("accent");
  context.fillRect(box.left, box.top + scanned * box.height, box.width, 2);
}

function placesOfInk(box, ratio) {
  const side = sideOf(box, 28, ratio);
  const inkIndices = [...numbers.pixels.keys()].filter((i) => numbers.pixels[i] > 100);
  return inkIndices.map((i) => [box.left + ((i % 28) + 0.5) * side, box.top + (Math.floor(i / 28) + 0.5) * side]);
}

const columnsOf = (a1) => Math.ceil(Math.sqrt(a1.length));

function placesOfUnits(box, ratio) {
  const columns = columnsOf(numbers.a1),
    side = sideOf(box, columns, ratio);
  const unitPlaces = [...numbers.a1.keys()].filter((j) => numbers.a1[j] > 0);
  return unitPlaces.map((j) => [
    box.left + ((j % columns) + 0.5) * side,
    box.top + (Math.floor(j / columns) + 0.5) * side,
  ]);
}

/** Each unit, as strong as its activation; they light up one after the other. */
function drawUnits({ context, colour, ratio }, box, lit) {
  if (!box.width) return;
  const columns = columnsOf(numbers.a1),
    side = sideOf(box, columns, ratio),
    high = numbers.a1.reduce((most, v) => Math.max(most, v), 0) || 1;
  const zero = colour("zero"),
    strong = colour("positive-far");
  numbers.a1.forEach((value, j) => {
    const place = [box.left + (j % columns) * side, box.top + Math.floor(j / columns) * side, side - 1, side - 1];
    context.globalAlpha = 1;
    context.fillStyle = zero;
    context.fillRect(...place);
    context.globalAlpha = Math.sqrt(value / high) * wayOf(lit, 0.6 * scatter(j), 0.6 * scatter(j) + 0.4);
    context.fillStyle = strong;
    context.fillRect(...place);
  });
  context.globalAlpha = 1;
}

/** Where a digit's column is: its probability stands on `base`, its score on `zero`. */
function measure(column) {
  const { left, width, top } = column.getBoundingClientRect(),
    base = column.querySelector("b").getBoundingClientRect().top,
    pull = column.querySelector(".pull").getBoundingClientRect();
  return { left, width, base, high: base - top, zero: pull.top + pull.height / 2, half: pull.height / 2 };
}
const middle = ({ left, width, zero }) => [left + width / 2, zero];

function drawScores({ context, colour }, scores, grown) {
  const reach = reachOf(numbers.logits);
  context.fillStyle = colour("off");
  scores.forEach(({ left, width, zero, half }, k) => {
    const height = (grown * numbers.logits[k] * half) / reach;
    context.fillRect(left + 3, zero - Math.max(height, 0), width - 6, Math.abs(height));
  });
}

function drawProbabilities({ context, colour }, scores, grown) {
  const answer = numbers.p.indexOf(Math.max(...numbers.p));
  scores.forEach(({ left, width, base, high }, k) => {
    context.fillStyle = colour(k === answer ? "accent" : "off");
    context.fillRect(left, base - grown * high * numbers.p[k], width, grown * high * numbers.p[k]);
  });
}

/** Dots on their way from some places to others, with a tail. */
function drawParticles({ context, colour }, from, to, way) {
  if (way <= 0 || way >= 1 || !from.length || !to.length) return;
  context.strokeStyle = context.fillStyle = colour("accent");
  context.lineWidth = 1;
  for (let n = 0; n < PARTICLES; n++) {
    const delay = 0.5 * scatter(n),
      t = wayOf(way, delay, delay + 0.5);
    if (t <= 0 || t >= 1) continue;
    const [u0, v0] = from[Math.floor(scatter(7 * n + 1) * from.length)],
      [u1, v1] = to[Math.floor(scatter(3 * n + 2) * to.length)];
    const pointAt = (t) => [u0 + (u1 - u0) * ease(t), v0 + (v1 - v0) * ease(t)];
    context.globalAlpha = 0.35;
    context.beginPath();
    context.moveTo(...pointAt(Math.max(t - 0.18, 0)));
    context.lineTo(...pointAt(t));
    context.stroke();
    context.globalAlpha = 0.9;
    context.beginPath();
    context.arc(...pointAt(t), 1.8, 0, 2 * Math.PI);
    context.fill();
  }
  context.globalAlpha = 1;
}

// --- When the page opens -----------------------------------------------------------------------------------------------

/** Whether the reader has left another digit here, or the address leads elsewhere: then main.jsx begins. */
function isElsewhere() {
  try {
    return Boolean(location.hash) || Object.keys(sessionStorage).some((name) => name.endsWith("drawing"));
  } catch {
    return Boolean(location.hash); // this browser keeps nothing
  }
}

export const hasFlowBegun = !isElsewhere();
if (hasFlowBegun) playFlow(opening);
for (const event of ["pointerdown", "keydown"]) addEventListener(event, () => isLoading() || stopFlow());

/* A drawing: strokes of a pen, and the image in the form of MNIST's that the network sees. */

import { PIXELS } from "./words.js";

export const SIDE = 420; // pixels of a pad, both ways
const PEN = 0.11; // its width, as a share of the drawing's

const canvas = (side) => Object.assign(document.createElement("canvas"), { width: side, height: side });
export const context = (canvas) => canvas.getContext("2d", { willReadFrequently: true });
const sheet = context(canvas(SIDE)),
  small = canvas(28);

/** Draw 784 colours [r, g, b, opacity] on a canvas of 28 x 28. */
export function paint28(canvas, colour) {
  if (canvas.width !== 28) canvas.width = canvas.height = 28;
  const image = new ImageData(28, 28);
  for (const i of PIXELS) image.data.set(colour(i), 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
}

/** The image as ink, more or less opaque. */
export const paintInk = (canvas, pixels) => paint28(canvas, (i) => [0, 0, 0, pixels[i]]);

/** Draw on `ink`, SIDE x SIDE, the pixels of an image, or null, and strokes over them.

    The pen is as wide as is usual for a digit of this size, so that a small drawing is a small digit, not a blot. */
export function drawOn(ink, pixels, strokes) {
  ink.clearRect(0, 0, SIDE, SIDE);
  if (pixels) {
    paintInk(small, pixels);
    ink.imageSmoothingEnabled = false;
    ink.drawImage(small, 0, 0, SIDE, SIDE);
  }
  const ends = [0, 1].map((c) => strokes.flat().map((point) => point[c]));
  const extent = (values) => values.reduce((a, b) => Math.max(a, b), 0) - values.reduce((a, b) => Math.min(a, b), SIDE);
  const size = Math.max(...ends.map(extent), pixels ? (20 / 28) * SIDE : 0);
  ink.lineWidth = Math.max(PEN * size, SIDE / 50);
  ink.lineCap = ink.lineJoin = "round";
  for (const points of strokes.filter((points) => points.length)) {
    ink.beginPath();
    ink.moveTo(...points[0]);
    for (const [u, v] of points) ink.lineTo(u + 0.01, v); // a line of no length at all leaves no dot
    ink.stroke();
  }
}

/** What the network sees of a drawing. */
export function readDrawing({ base, strokes }) {
  drawOn(sheet, base, strokes);
  return toMnist(sheet.getImageData(0, 0, SIDE, SIDE).data);
}

/** A drawing in the form of MNIST's images, made as LeCun, Bottou, Bengio & Haffner 1998 describe theirs: the digit
    fills a box of 20 x 20 pixels, its proportions kept, in greys that say how much of a pixel the ink covers; and the
    box is placed in the 28 x 28 image so that the digit's centre of mass is at the centre.

    rgba: SIDE x SIDE pixels; what is opaque is ink. Returns 784 pixels, 0 to 255. */
function toMnist(rgba) {
  let left = SIDE,
    right = -1,
    top = SIDE,
    bottom = -1;
  const dots = new Uint32Array(rgba.buffer); // a pixel of no ink is 0
  for (let v = 0; v < SIDE; v++) {
    for (let u = 0; u < SIDE; u++) {
      if (dots[v * SIDE + u]) {
        left = Math.min(left, u);
        right = Math.max(right, u);
        top = Math.min(top, v);
        bottom = v;
      }
    }
  }
  const pixels = new Uint8Array(784);
  if (right < 0) return pixels;

  const wide = right + 1 - left,
    high = bottom + 1 - top,
    scale = 20 / Math.max(wide, high);
  const columns = Math.min(20, Math.ceil(wide * scale)),
    rows = Math.min(20, Math.ceil(high * scale));
  const small = new Float64Array(21 * 21); // one more than the box, for what rounding lets through
  let mass = 0,
    across = 0,
    down = 0;
  for (let v = top; v <= bottom; v++) {
    for (let u = left; u <= right; u++) {
      const opacity = rgba[4 * (v * SIDE + u) + 3];
      if (!opacity) continue;
      const c0 = (u - left) * scale,
        c1 = c0 + scale,
        r0 = (v - top) * scale,
        r1 = r0 + scale;
      for (let r = Math.floor(r0); r < r1; r++) {
        for (let c = Math.floor(c0); c < c1; c++) {
          const shared = (Math.min(r + 1, r1) - Math.max(r, r0)) * (Math.min(c + 1, c1) - Math.max(c, c0));
          small[r * 21 + c] += opacity * shared;
        }
      }
      mass += opacity;
      across += (opacity * (c0 + c1)) / 2;
      down += (opacity * (r0 + r1)) / 2;
    }
  }
  // In MNIST the centre of mass of every digit lies in the pixel of row 14 and column 14, between 14 and 15.
  const place = (centre, width) => Math.min(Math.max(Math.ceil(14 - centre), 0), 28 - width);
  const startColumn = place(across / mass, columns),
    startRow = place(down / mass, rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      pixels[(startRow + r) * 28 + startColumn + c] = Math.min(255, Math.round(small[r * 21 + c]));
    }
  }
  return pixels;
}

/** Follow a pen on a canvas. begin(point) and extend(points) get places [x, y] from 0 to SIDE, the latter once for each frame
    on the screen; then end(), or cancel() if that was the first of two fingers that pinch. A function that hands over now
    what the next frame would. */
export function followPen(canvas, { begin, extend, end = () => {}, cancel }) {
  let box,
    pen = false,
    points = [],
    frame;
  const toPad = ({ pageX, pageY }) => [((pageX - box.left) * SIDE) / box.width, ((pageY - box.top) * SIDE) / box.width];
  const flush = () => {
    cancelAnimationFrame(frame);
    if (points.length) extend(points);
    points = [];
  };
  const lift = (after) => () => {
    if (!pen) return;
    pen = false;
    after();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    canvas.setPointerCapture(event.pointerId);
    const { left, top, width } = canvas.getBoundingClientRect();
    box = { left: left + scrollX, top: top + scrollY, width };
    pen = true;
    begin(toPad(event));
  });
  canvas.addEventListener("pointermove", (event) => {
    if (!pen || !event.isPrimary) return;
    const events = event.getCoalescedEvents?.() ?? [];
    points.push(...(events.length ? events : [event]).map(toPad));
    cancelAnimationFrame(frame);
    frame = requestAnimationFrame(flush);
  });
  const isLifted = lift(() => (flush(), end()));
  canvas.addEventListener("pointerup", isLifted);
  canvas.addEventListener(
    "pointercancel",
    lift(() => {
      points = [];
      cancel();
    }),
  );
  return flush;
}

const STRIDE = SIDE / 28; // of one press of an arrow key

/** The same pen by keys: arrows move it, the space bar sets it down and lifts it. seen: a signal that gets where it is, {at, isDown},
    and null without the focus. */
export function followKeys(canvas, seen, { begin, extend, end = () => {} }) {
  let at = [SIDE / 2, SIDE / 2],
    isDown = false;
  const show = () => (seen.value = { at, isDown });
  canvas.tabIndex = 0;
  canvas.setAttribute("role", "application"); // its keys are for the pen
  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && show());
  canvas.addEventListener("blur", () => {
    if (isDown) end();
    isDown = false;
    seen.value = null;
  });
  canvas.addEventListener("keydown", (event) => {
    const { key } = event;
    const stepSize = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }[key];
    if (!stepSize && key !== " ") return;
    event.preventDefault();
    if (stepSize) at = at.map((v, n) => Math.min(Math.max(v + STRIDE * stepSize[n], 0), SIDE));
    else isDown = !isDown;
    if (!stepSize && isDown) begin(at);
    else if (stepSize && isDown) extend([at]);
    else if (!stepSize) end();
    show();
  });
}

/** Where the pen of the keys is: a ring, full while it is down. */
export function drawPen(ink, { at, isDown }) {
  ink.save();
  ink.beginPath();
  ink.arc(...at, SIDE / 40, 0, 2 * Math.PI);
  ink.lineWidth = 4;
  ink.strokeStyle = ink.fillStyle = "#6340c4";
  ink.stroke();
  if (isDown) ink.fill();
  ink.restore();
}

/* A digit, drawn or picked, and what it is. */

function pick(n) {
  clearPads();
  Object.assign(state, { picked: n, pixels: tests[n].pixels, y: tests[n].label, labelled: true });
  for (const pad of pads) pad.show(thumbnail(state.pixels));
  update();
}

function setLabel(k) {
  if (empty()) return;
  Object.assign(state, { y: k, labelled: true });
  update();
}

// --- The pads: one here, one in section "Learn from nothing"; both show the same digit ------------------------------

const SIDE = 420; // pixels of a pad, both ways
const pads = [];
const empty = () => !state.pixels.some((v) => v);

class Pad {
  constructor(canvas) {
    this.canvas = canvas;
    canvas.width = canvas.height = SIDE;
    this.ink = canvas.getContext("2d", { willReadFrequently: true });
    this.stroke = null; // the one that the pen is drawing
    pads.push(this);
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || !event.isPrimary) return;
      canvas.setPointerCapture(event.pointerId);
      const { left, top, width } = canvas.getBoundingClientRect();
      this.box = { left: left + scrollX, top: top + scrollY, width };
      if (state.picked !== null) clearPads();
      state.strokes.push((this.stroke = []));
      this.extend(event);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (!this.stroke || !event.isPrimary) return;
      const events = event.getCoalescedEvents?.() ?? [];
      (events.length ? events : [event]).forEach((e) => this.extend(e));
    });
    canvas.addEventListener("pointerup", () => (this.stroke = null));
    canvas.addEventListener("pointercancel", () => { // the first of two fingers that pinch
      if (this.stroke) undoStroke();
      this.stroke = null;
    });
  }

  show(picture) {
    this.ink.clearRect(0, 0, SIDE, SIDE);
    this.ink.imageSmoothingEnabled = false;
    this.ink.drawImage(picture, 0, 0, SIDE, SIDE);
  }

  /** Draw on to there; read the pad once for each frame on the screen. */
  extend(event) {
    const { box } = this, scale = SIDE / box.width;
    this.stroke.push([(event.pageX - box.left) * scale, (event.pageY - box.top) * scale]);
    cancelAnimationFrame(Pad.frame);
    Pad.frame = requestAnimationFrame(readPad);
  }
}

/** Read the strokes, and show them on all pads. */
function readPad() {
  cancelAnimationFrame(Pad.frame);
  if (state.picked !== null) return; // a test image was picked meanwhile
  const { ink } = pads[0];
  state.pixels = drawStrokes(ink, state.strokes);
  for (const pad of pads.slice(1)) pad.show(pads[0].canvas);
  state.digit++;
  update();
}

const PEN = 0.11; // its width, as a share of the drawing's

/** Draw with a pen as wide as is usual for a digit of this size, so that a small drawing is a small digit, not a blot.
    Returns what the network sees. */
function drawStrokes(ink, strokes) {
  const ends = [0, 1].map((c) => strokes.flat().map((point) => point[c]));
  const size = Math.max(...ends.map((of) => of.reduce((a, b) => Math.max(a, b), 0) - of.reduce((a, b) => Math.min(a, b), SIDE)));
  ink.clearRect(0, 0, SIDE, SIDE);
  ink.lineWidth = Math.max(PEN * size, SIDE / 50);
  ink.lineCap = ink.lineJoin = "round";
  for (const points of strokes) {
    ink.beginPath();
    ink.moveTo(...points[0]);
    for (const [u, v] of points) ink.lineTo(u + 0.01, v); // a line of no length at all leaves no dot
    ink.stroke();
  }
  return toMnist(ink.getImageData(0, 0, SIDE, SIDE).data);
}

function clearPads() {
  for (const pad of pads) pad.ink.clearRect(0, 0, SIDE, SIDE);
  Object.assign(state, { strokes: [], pixels: new Uint8Array(784), picked: null, labelled: false });
  state.digit++;
}

/** The image as ink, more or less opaque. */
const thumbnail = (pixels, canvas = make("canvas")) => paint28(canvas, (i) => [0, 0, 0, pixels[i]]);

function paint28(canvas, colour) {
  canvas.width = canvas.height = 28;
  const image = new ImageData(28, 28);
  for (const i of PIXEL_RANGE) image.data.set(colour(i), 4 * i);
  canvas.getContext("2d").putImageData(image, 0, 0);
  return canvas;
}

for (const canvas of document.querySelectorAll("canvas.pad")) new Pad(canvas);
listen([...document.querySelectorAll(".clear")], ["click"], () => {
  clearPads();
  update();
});
listen([$("undo-stroke")], ["click"], undoStroke);

function undoStroke() {
  state.strokes.pop();
  state.labelled = false;
  readPad();
}

/** A drawing in the form of MNIST's images, made as LeCun, Bottou, Bengio & Haffner 1998 describe theirs: the digit
    fills a box of 20 x 20 pixels, its proportions kept, in greys that say how much of a pixel the ink covers; and the
    box is placed in the 28 x 28 image so that the digit's centre of mass is at the centre.

    rgba: SIDE x SIDE pixels; what is opaque is ink. Returns 784 pixels, 0 to 255. */
function toMnist(rgba) {
  let left = SIDE, right = -1, top = SIDE, bottom = -1;
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

  const wide = right + 1 - left, high = bottom + 1 - top, scale = 20 / Math.max(wide, high);
  const columns = Math.min(20, Math.ceil(wide * scale)), rows = Math.min(20, Math.ceil(high * scale));
  const small = new Float64Array(21 * 21); // one more than the box, for what rounding lets through
  let mass = 0, across = 0, down = 0;
  for (let v = top; v <= bottom; v++) {
    for (let u = left; u <= right; u++) {
      const opacity = rgba[4 * (v * SIDE + u) + 3];
      if (!opacity) continue;
      const c0 = (u - left) * scale, c1 = c0 + scale, r0 = (v - top) * scale, r1 = r0 + scale;
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
  const startColumn = place(across / mass, columns), startRow = place(down / mass, rows);
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      pixels[(startRow + r) * 28 + startColumn + c] = Math.min(255, Math.round(small[r * 21 + c]));
    }
  }
  return pixels;
}

// --- The test images to pick from, and the true digit --------------------------------------------------------------

const showPicked = radios($("picker"), tests.length, pick, (n) => thumbnail(tests[n].pixels));
const showLabels = ["meant", "label"].map((id) => radios($(id), 10, setLabel, String));

/** Which of them it reads right, with the weights as they are now. */
function showScore() {
  let total = 0;
  now.right = 0;
  const reader = new MLP(model.params); // leaves alone what `model` keeps of its pass
  tests.forEach((test, n) => {
    const logits = reader.forward(asInput(test.pixels));
    const wrong = argmax(logits) !== test.label;
    total += !wrong;
    now.right += !wrong && n < 50; // the others were chosen because it misread them
    const button = $("picker").children[n];
    button.classList.toggle("wrong", wrong);
    button.setAttribute("aria-label", `test image ${test.number}, a ${test.label}${wrong ? ", misread" : ""}`);
  });
  $("score").textContent = `it reads ${total} of these ${tests.length} right`;
}

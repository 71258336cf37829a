/* Open your own network: a checkpoint of main_np.py or main_torch.py, read here in the browser and sent nowhere.

   A checkpoint is a ZIP archive that stores its members as they are; each is an array in NumPy's format (.npy). What is
   anything else, or does not fit together, is refused with a sentence, and the page continues with the network it has. */

const MOST_BYTES = 64 * 2 ** 20, MOST_UNITS = 4096, LARGE = 1e18; // beyond it a product of two is no float32

class Refused extends Error {}
const refuse = (why) => { throw new Refused(why); };
const FOREIGN = "is not a checkpoint of main_np.py or main_torch.py", DAMAGED = "is damaged: train again, or copy the file again";

/** The members of an archive that stores without packing, by their names (PKWARE, APPNOTE.TXT, section 4.3). */
function unzip(bytes) {
  const view = new DataView(bytes.buffer), u16 = (at) => view.getUint16(at, true), u32 = (at) => view.getUint32(at, true);
  if (bytes.length < 22 || u32(0) !== 0x04034b50) refuse(FOREIGN);
  let end = bytes.length - 22; // the last record, which only a comment may follow
  while (end > 0 && end > bytes.length - 22 - 2 ** 16 && u32(end) !== 0x06054b50) end--;
  if (u32(end) !== 0x06054b50) refuse(DAMAGED);
  const members = new Map();
  let at = u32(end + 16), claimed = 0;
  for (let n = u16(end + 10); n; n--) {
    if (u32(at) !== 0x02014b50) refuse(DAMAGED);
    const [flags, packing, sum, packed, size, length] = [u16(at + 8), u16(at + 10), u32(at + 16), u32(at + 20), u32(at + 24), u16(at + 28)];
    const name = new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + length)), local = u32(at + 42);
    if (packing || packed !== size || flags & 1) refuse("is compressed or encrypted; a checkpoint is neither");
    const start = local + 30 + u16(local + 26) + u16(local + 28);
    claimed += size;
    if (u32(local) !== 0x04034b50 || start + size > bytes.length || claimed > bytes.length || members.has(name)) refuse(DAMAGED);
    const content = bytes.slice(start, start + size); // a copy, so that its numbers lie where a typed array wants them
    if (crc32(content) !== sum) refuse(DAMAGED);
    members.set(name, content);
    at += 46 + length + u16(at + 30) + u16(at + 32);
  }
  return members;
}

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

function crc32(bytes) {
  let sum = ~0;
  for (let n = 0; n < bytes.length; n++) sum = CRC[(sum ^ bytes[n]) & 255] ^ (sum >>> 8);
  return ~sum >>> 0;
}

const TYPES = { f4: Float32Array, f8: Float64Array, i8: BigInt64Array, i4: Int32Array };

/** {shape, values} of an array in NumPy's format, row after row; a text's values are one string. */
function parseArray(bytes) {
  const magic = String.fromCharCode(...bytes.subarray(1, 6)), view = new DataView(bytes.buffer);
  if (magic !== "NUMPY" || bytes[0] !== 0x93) refuse(DAMAGED);
  const start = bytes[6] === 1 ? 10 : 12, end = start + (bytes[6] === 1 ? view.getUint16(8, true) : view.getUint32(8, true));
  const header = new TextDecoder("latin1").decode(bytes.subarray(start, Math.min(end, start + 1000)));
  const parts = /^\{'descr': '<([fiU])(\d+)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n$/.exec(header) ?? refuse(FOREIGN);
  const [, kind, size, turned, dimensions] = parts, shape = dimensions.split(",").filter((part) => part.trim()).map(Number);
  const content = bytes.slice(end), count = shape.reduce((a, b) => a * b, 1);
  if (kind === "U") {
    if (count !== 1 || content.length !== 4 * size) refuse(DAMAGED);
    return { shape, values: String.fromCodePoint(...new Uint32Array(content.buffer)).replace(/\0+$/, "") };
  }
  const Type = TYPES[kind + size] ?? refuse(FOREIGN);
  if (content.length !== count * size) refuse(DAMAGED);
  let values = new Type(content.buffer);
  if (turned === "True" && shape.length === 2) values = values.map((_, n) => values[(n % shape[1]) * shape[0] + Math.floor(n / shape[1])]);
  return { shape, values };
}

/** {params, pixels, run} of a checkpoint's bytes. Refused, with the rest of a sentence, if they are not an MLP's. */
function readCheckpoint(bytes) {
  const members = unzip(bytes), array = (name) => parseArray(members.get(`${name}.npy`) ?? refuse(FOREIGN));
  if (Number(array("format").values[0]) !== 1) refuse("has another format than this page reads");
  const words = array("options").values, options = JSON.parse(words) ?? {}, { model = "mlp", dataset = "mnist", hidden, pixels } = options;
  if (model !== "mlp") refuse(`holds no MLP, which is what this page shows; run main_np.py without --model`);
  if (dataset !== "mnist") refuse("has not learned from MNIST; this page reads digits");
  if (!Number.isInteger(hidden) || hidden < 1 || !["standardised", "unit", "raw"].includes(pixels)) refuse(DAMAGED);
  if (hidden > MOST_UNITS) refuse(`has ${hidden} hidden units; this page shows up to ${MOST_UNITS}`);
  const shapes = { W1: [784, hidden], b1: [hidden], W2: [hidden, 10], b2: [10] };
  const params = Object.fromEntries(Object.keys(shapes).map((name) => [name, array(`params/${name}`)]));
  for (const name in params) {
    const { shape, values } = params[name];
    if (String(shape) !== String(shapes[name])) refuse("holds another network than its options say");
    if (values.constructor !== Float32Array && values.constructor !== Float64Array) refuse(FOREIGN);
    if (!values.every((v) => Number.isFinite(v))) refuse("holds weights that are no numbers");
    params[name] = values;
  }
  const logits = new MLP(params).forward(asInput(tests[0].pixels, pixels));
  if (!logits.every((z) => Math.abs(z) < LARGE)) refuse("holds weights too large to compute with");
  const last = (name) => Number(array(name).values.at(-1)), accuracy = last("history/test_accuracy"), step = last("step");
  if (!Number.isSafeInteger(step) || step < 0) refuse(DAMAGED);
  const [, seed] = /"seed": (\d+)/.exec(words) ?? refuse(DAMAGED); // as it is written: JSON.parse would round a large one
  const tested = last("history/test_step") === step && accuracy >= 0 && accuracy <= 1 && !options.hold_out;
  const run = `784-${hidden}-10, seed ${seed}, ${step.toLocaleString("en")} training steps`;
  return { params, pixels, run: run + (tested ? `, test accuracy ${accuracy.toFixed(4)}` : "") };
}

/** Show this network from now on: first its numbers, then all that depends on how many there are. */
function show(shown) {
  Object.assign(state, { shown, steps: [], kept: [], pointed: { name: "", at: {} } });
  model.params = copy(shown.params);
  compute();
  setScales(false);
  state.unit = argmax(now.a1);
  for (const grid of grids) grid.layout();
  network.show(-1);
  update({ weights: true });
  showRate();
  for (const place of document.querySelectorAll("#run, .run")) place.textContent = shown.run;
  for (const host of document.querySelectorAll(".other")) host.hidden = shown === original;
}

async function openFile(file) {
  let read;
  try {
    if (file.size > MOST_BYTES) refuse(`has ${Math.round(file.size / 2 ** 20)} MiB; this page opens up to ${MOST_BYTES / 2 ** 20}`);
    read = readCheckpoint(new Uint8Array(await file.arrayBuffer()));
  } catch (error) { // a Refused, or whatever DataView, JSON and typed arrays make of a damaged file
    $("opened").textContent = `${file.name} ${error instanceof Refused ? error.message : DAMAGED}.`;
    return;
  }
  show(read);
  $("opened").textContent = `This page now shows ${file.name}: ${read.run}. All of it, from the pad on, is that network’s.`;
}

const original = state.shown;
for (const button of document.querySelectorAll(".other button")) {
  button.addEventListener("click", () => {
    show(original);
    $("opened").textContent = "";
    button.closest("section").querySelector("input, button").focus(); // this one is hidden now
  });
}
$("file").addEventListener("change", async () => {
  const [file] = $("file").files;
  if (file) await openFile(file);
  $("file").value = ""; // so that the same file can be opened again
});
for (const type of ["dragover", "drop"]) {
  addEventListener(type, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault(); // or the browser would leave the page for the file
    if (type === "dragover") return;
    $("own").scrollIntoView({ block: "nearest" });
    openFile(event.dataTransfer.files[0]);
  });
}

/* Open your own network: a checkpoint of main_np.py or main_torch.py, read here in the browser and sent nowhere.

   A checkpoint is a ZIP archive that stores its members as they are; each is an array in NumPy's format (.npy). What is
   anything else, or does not fit together, is refused with a sentence, and the page continues with the network it has. */

const MOST_BYTES = 64 * 2 ** 20, MOST_UNITS = 4096, LARGE = 1e18; // the product of two of these is still a float32

class Refused extends Error {}
const refuse = (why) => { throw new Refused(why); };
const FOREIGN = "is not a checkpoint of main_np.py or main_torch.py", DAMAGED = "is damaged: train again, or copy the file again";

/** The members of an archive that stores without packing, by their names (PKWARE, APPNOTE.TXT, section 4.3). */
function unzip(bytes) {
  const view = new DataView(bytes.buffer), u16 = (at) => view.getUint16(at, true), u32 = (at) => view.getUint32(at, true);
  const end = bytes.length - 22, members = new Map(); // the end: the last record, which says where the directory is
  if (end < 0 || u32(0) !== 0x04034b50) refuse(FOREIGN);
  if (u32(end) !== 0x06054b50) refuse(DAMAGED);
  for (let n = u16(end + 10), at = u32(end + 16); n; n--) {
    if (u32(at) !== 0x02014b50) refuse(DAMAGED);
    const [packing, sum, size, length, local] = [u16(at + 10), u32(at + 16), u32(at + 24), u16(at + 28), u32(at + 42)];
    if (packing) refuse("is compressed; a checkpoint is not");
    const start = local + 30 + u16(local + 26) + u16(local + 28), content = bytes.subarray(start, start + size);
    if (crc32(content) !== sum) refuse(DAMAGED);
    members.set(new TextDecoder().decode(bytes.subarray(at + 46, at + 46 + length)), content);
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
  const start = 10 + bytes[8] + 256 * bytes[9], header = new TextDecoder("latin1").decode(bytes.subarray(0, start));
  const parts = /^.NUMPY\x01\0..\{'descr': '<([fiU])(\d+)', 'fortran_order': (True|False), 'shape': \(([\d, ]*)\), \} *\n$/s.exec(header);
  const [, kind, size, turned, dimensions] = parts ?? refuse(FOREIGN), content = bytes.slice(start); // a copy, for its alignment
  const shape = dimensions.split(",").filter((part) => part.trim()).map(Number), count = shape.reduce((a, b) => a * b, 1);
  if (content.length !== count * size * (kind === "U" ? 4 : 1)) refuse(DAMAGED);
  if (kind === "U") return { shape, values: String.fromCodePoint(...new Uint32Array(content.buffer)) };
  let values = new (TYPES[kind + size] ?? refuse(FOREIGN))(content.buffer);
  if (turned === "True" && shape.length === 2) values = values.map((_, n) => values[(n % shape[1]) * shape[0] + Math.floor(n / shape[1])]);
  return { shape, values };
}

/** {params, pixels, run} of a checkpoint's bytes. Refused, with the rest of a sentence, if they are not an MLP's. */
function readCheckpoint(bytes) {
  const members = unzip(bytes), array = (name) => parseArray(members.get(`${name}.npy`) ?? refuse(FOREIGN));
  if (Number(array("format").values[0]) !== 1) refuse("has another format than this page reads");
  const words = array("options").values, options = JSON.parse(words), { model = "mlp", dataset = "mnist", hidden, pixels } = options;
  if (model !== "mlp") refuse("holds no MLP, which is what this page shows; run main_np.py without --model");
  if (dataset !== "mnist") refuse("has not learned from MNIST; this page reads digits");
  if (hidden > MOST_UNITS) refuse(`has ${hidden} hidden units; this page shows up to ${MOST_UNITS}`);
  if (!(hidden > 0) || !["standardised", "unit", "raw"].includes(pixels)) refuse(DAMAGED);
  const params = {}, shapes = { W1: [784, hidden], b1: [hidden], W2: [hidden, 10], b2: [10] };
  for (const name in shapes) {
    const { shape, values } = array(`params/${name}`);
    if (String(shape) !== String(shapes[name])) refuse("holds another network than its options say");
    if (![Float32Array, Float64Array].includes(values.constructor)) refuse(FOREIGN);
    if (!values.every((v) => Math.abs(v) < LARGE)) refuse("holds weights that are no numbers, or too large to compute with");
    params[name] = values;
  }
  const last = (name) => Number(array(name).values.at(-1)), accuracy = last("history/test_accuracy"), step = last("step");
  const [, seed] = /"seed": (\d+)/.exec(words); // as it is written: JSON.parse would round a large one
  const tested = last("history/test_step") === step && accuracy <= 1 && !options.hold_out;
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
listen([$("file")], ["change"], async () => {
  const [file] = $("file").files;
  if (file) await openFile(file);
  $("file").value = ""; // so that the same file can be opened again
});
for (const type of ["dragover", "drop"]) { // beside the button, a file that is dropped would take the place of the page
  addEventListener(type, (event) => event.target.type === "file" || event.preventDefault());
}

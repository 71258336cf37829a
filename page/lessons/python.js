/* Python for a page: the download, one run at a time, and an end to what does not end. */

import { signal } from "@preact/signals";

// A module with the instruction try_table: WebAssembly's exceptions, which Python is compiled with.
const NEEDS = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 31, 64, 0, 11, 11];
export const isSupported = () => WebAssembly.validate(new Uint8Array(NEEDS));

const SLOWEST = 8; // times as long as on a computer of today: then a limit is a limit
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

export class Python {
  received = signal(0); // the share of the download that has come
  isReady = signal(false);
  #ready; // what another worker needs to continue
  #files;
  #worker;
  #waiting = Promise.resolve();

  constructor(files) {
    this.#files = files;
  }

  /** Download and start it; at most once at a time, and again after a failure. */
  start() {
    this.starting ??= this.#load().catch((error) => {
      this.starting = null;
      this.#worker?.terminate();
      throw error;
    });
    return this.starting;
  }

  async #load() {
    this.#worker = new Worker("worker.js");
    const { bytes, ...load } = this.#files;
    let received = 0;
    const { ready } = await this.#ask({ load }, ({ progress }) => {
      this.received.value = Math.min((received += progress) / bytes, 1);
    });
    this.#ready = ready;
    this.isReady.value = true;
  }

  #ask(message, heard) {
    return new Promise((resolve, reject) => {
      this.#worker.onerror = (event) => reject(new Error(event.message ?? "the worker did not start"));
      this.#worker.onmessage = ({ data }) => {
        if (data.failed) reject(new Error(data.failed));
        else if (data.ready || data.ended) resolve(data);
        else heard(data);
      };
      this.#worker.postMessage(message);
    });
  }

  /** What became of one call of page/desk.py: {status, printed, files}; or {stuck: where, seconds} if it took longer than
      that, on a device and at a time of usual speed. It runs after all that were asked for before.
      hear: gets what it reports on the way. stop: an AbortSignal, which ends it, be it under way or waiting. */
  run({ call, argv, files }, seconds, hear = () => {}, stop = new AbortController().signal) {
    const run = { code: `from page import desk; desk.${call}()`, argv, files };
    const stopped = new Promise((_, reject) => (stop.onabort = () => reject(new Error("Stopped."))));
    const turn = this.#waiting.then(async () => {
      await this.start();
      if (stop.aborted) return;
      let where = null,
        isOver = false;
      const answer = await new Promise((resolve, reject) => {
        const began = async (slowness) => {
          const limit = Math.round(seconds * Math.min(Math.max(slowness, 1), SLOWEST));
          await counted(limit, () => isOver);
          resolve({ stuck: where ?? {}, seconds: limit });
        };
        stopped.catch(resolve);
        this.#ask({ run }, (data) => {
          if (data.began) began(data.began);
          if (!data.report) return;
          const report = JSON.parse(data.report);
          if (report.line) where = report;
          else hear(report);
        }).then(({ ended }) => resolve(ended), reject);
      });
      isOver = true;
      if (!("status" in answer)) {
        this.#worker.terminate();
        this.#worker = new Worker("worker.js");
        this.#worker.postMessage({ ready: this.#ready });
      }
      return answer;
    });
    this.#waiting = turn.catch(() => {});
    return Promise.race([turn, stopped]);
  }

  /** The same Python for one who asks: its stop() ends what was asked of it last, and nothing else. */
  forOne() {
    let last = new AbortController();
    return Object.assign(Object.create(this), {
      start: () => this.start(),
      run: (request, seconds, hear) => {
        last = new AbortController();
        return this.run(request, seconds, hear, last.signal);
      },
      stop: () => last.abort(),
    });
  }

  /** What a function of page/desk.py answers; with the files that it left. */
  async ask(name, request, files = {}, seconds = 20, hear) {
    const ended = await this.run({ call: "answer", argv: [name, JSON.stringify(request)], files }, seconds, hear);
    if (ended.stuck) throw new Error(`Python took more than ${ended.seconds} seconds.`);
    const left = ended.files["answer.json"];
    if (!left) throw new Error(`Python ended with status ${ended.status}.`);
    const { failed, ...answer } = JSON.parse(new TextDecoder().decode(left));
    if (failed) throw new Error(failed);
    return { ...answer, files: ended.files };
  }

  /** What to say of an error. */
  explain({ message }) {
    return this.isReady.value ? message : `Python could not be loaded (${message}).`;
  }

  /** {printed, error} of these blocks, run one after the other: what the last one printed. */
  async session(blocks, seconds) {
    const argv = ["session", JSON.stringify({ blocks })];
    const { files, printed, ...how } = await this.run({ call: "answer", argv, files: {} }, seconds);
    if (!files?.["answer.json"]) return this.ask("ended", { blocks, ...how });
    const answer = JSON.parse(new TextDecoder().decode(files["answer.json"]));
    return { ...answer, printed: printed + answer.printed };
  }
}

/** So many seconds in which the device was awake: a pause of any length between two looks counts as one second. */
async function counted(seconds, isOver) {
  for (let spent = 0, last = performance.now(); spent < seconds && !isOver(); ) {
    await pause(100);
    const now = performance.now();
    spent += Math.min((now - last) / 1000, 1);
    last = now;
  }
}

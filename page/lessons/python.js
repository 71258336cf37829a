/* Python for a page: the download, one run at a time, and an end to what does not end. */

import { element } from "./element.js";

// A module with the instruction try_table: WebAssembly's exceptions, which Python is compiled with.
const NEEDS = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 31, 64, 0, 11, 11];
export const isSupported = () => WebAssembly.validate(new Uint8Array(NEEDS));

export class Python {
  ready = null; // what another worker needs to continue
  #files;
  #worker;
  #waiting = Promise.resolve();
  #bar = element("progress", { max: 1, "aria-label": "download" });

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
    const heard = ({ progress }) => (this.#bar.value = (received += progress) / bytes);
    this.ready = (await this.#ask({ load }, heard)).ready;
  }

  /** What to show until it is ready. */
  wait() {
    return element("span", {}, "Python is on its way. (It stays in this browser.) ", this.#bar);
  }

  #ask(message, heard = () => {}) {
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

  /** {status, printed, files} of a call of page/desk.py; {stuck: line} if it takes longer than so many seconds. */
  run({ call, argv, files }, seconds) {
    const run = { code: `from page import desk; desk.${call}()`, argv, files };
    const turn = this.#waiting.then(async () => {
      await this.start();
      let line = null,
        timer;
      const heard = (data) => (line = data.line);
      const late = new Promise((resolve) => (timer = setTimeout(() => resolve({ stuck: true }), 1000 * seconds)));
      const answer = await Promise.race([this.#ask({ run }, heard), late]);
      clearTimeout(timer);
      if (!answer.stuck) return answer.ended;
      this.#worker.terminate();
      this.#worker = new Worker("worker.js");
      this.#worker.postMessage({ ready: this.ready });
      return { stuck: line };
    });
    this.#waiting = turn.catch(() => {});
    return turn;
  }

  /** What a function of page/desk.py answers; with the files that it left. */
  async ask(call, request, files, seconds = 20) {
    const argv = [call, JSON.stringify(request)];
    const { stuck, printed, files: left } = await this.run({ call: "answer", argv, files }, seconds);
    if (stuck !== undefined) throw new Error(`Python took more than ${seconds} seconds.`);
    const { failed, ...answer } = JSON.parse(printed);
    if (failed) throw new Error(failed);
    return { ...answer, files: left };
  }

  /** What to say of an error. */
  explain({ message }) {
    return this.ready ? message : `Python could not be loaded (${message}).`;
  }

  /** {printed, error} of these blocks, run one after the other: what the last one printed. */
  async session(blocks, seconds) {
    const argv = ["session", JSON.stringify({ blocks })];
    const { stuck, status, printed } = await this.run({ call: "answer", argv, files: {} }, seconds);
    return printed ? JSON.parse(printed.trim().split("\n").at(-1)) : this.ask("ended", { seconds, stuck, status }, {});
  }
}

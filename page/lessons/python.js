/* Python for a page: the download, one run at a time, and an end to what does not end. */

import { effect, signal } from "@preact/signals";
import { isStored } from "./work.js";

// A module with the instruction try_table: WebAssembly's exceptions, which Python is compiled with.
const NEEDS = [0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 10, 8, 1, 6, 0, 31, 64, 0, 11, 11];
export const isSupported = () => WebAssembly.validate(new Uint8Array(NEEDS));

const { version } = document.documentElement.dataset; // of the site, as this page came from it
const WORKER = `worker.js?${version}`;
const newWorker = () => new Worker(WORKER);

/** Fails if the site has another version by now: the files that this page asks for may be gone. Where nobody answers, such as
    without a network, it goes on with what is here. */
async function checkVersion() {
  const options = { cache: "no-store", signal: AbortSignal.timeout(STALLED) };
  const newVersion = await fetch("version.json", options)
    .then((response) => response.json())
    .catch(() => version);
  if (newVersion === version) return;
  const work = isStored.value ? "your work is kept" : "download your work first, because this browser stores nothing";
  throw Object.assign(new Error(`There is a new version: load this page again; ${work}.`), { isNew: true });
}

/** From when Python is in this browser, the whole site works without a network. */
export const workOffline = (python) =>
  effect(() => {
    if (python.isHere.value) navigator.serviceWorker?.register("sw.js").catch(() => {}); // then it needs one
  });

const SLOWEST = 8; // times as long as on a computer of today: then a limit is a limit
const STALLED = 10_000; // milliseconds without a byte
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** Something that Python is asked for: who waits for it sees how far it is, and can end it. */
class Job {
  began = signal(0); // when it began to run, or 0; in milliseconds, as performance.now()
  limit = signal(0); // the seconds that it may take
  progress = signal(""); // how far it is, in words, if that is known
  awaits = signal(false); // it waits for the images
  #end;

  constructor(what) {
    this.what = what;
    this.ended = new Promise((_, reject) => (this.#end = reject));
    this.ended.catch(() => {}); // nobody may be waiting any more
  }

  stop(why = "Stopped.") {
    this.isEnded = true;
    this.#end(Object.assign(new Error(why), { isStop: true }));
  }
}

export class Python {
  received = signal(0); // the share of the download that has come
  isStalled = signal(false); // nothing more has come for a while
  isStarting = signal(false); // somebody has asked for it, and it is not there yet
  isReady = signal(false);
  isHere = signal(false); // its files are in this browser
  jobs = signal([]); // all that is asked for and not over; the first is under way
  #ready; // what another worker needs to continue
  #files;
  #worker;
  #waiting = Promise.resolve();
  #passing; // the job that ends when another such one begins

  constructor(files) {
    this.#files = files;
    this.megabytes = files.bytes / 1e6;
  }

  /** Download and start it; at most once at a time, and again after a failure. */
  start() {
    this.isStarting.value = true;
    this.starting ??= this.#load()
      .catch(async (error) => {
        if (!error.isScript) throw error;
        await fetch(WORKER, { cache: "reload" }); // what came, and is cached, may be something else
        await this.#load();
      })
      .catch((error) => {
        this.starting = null;
        this.#worker?.terminate();
        throw error;
      })
      .finally(() => (this.isStarting.value = false));
    return this.starting;
  }

  async #load() {
    await checkVersion();
    while (!this.isReady.value) {
      const restart = new Promise((begin) => (this.startAgain = begin)); // what has come whole is kept
      const ready = await Promise.race([this.#download(), restart]);
      if (!ready) this.#worker.terminate();
      else this.#ready = ready;
      this.isReady.value = this.isHere.value = Boolean(ready);
    }
  }

  async #download() {
    this.#worker = newWorker();
    const { bytes, ...load } = this.#files;
    let received = 0,
      alarm;
    const wait = () => {
      clearTimeout(alarm);
      this.isStalled.value = false;
      if (received < bytes) alarm = setTimeout(() => (this.isStalled.value = true), STALLED);
    };
    this.received.value = 0;
    wait();
    try {
      return await this.#ask({ load }, ({ progress }) => {
        this.received.value = Math.min((received += progress) / bytes, 1);
        wait();
      });
    } finally {
      clearTimeout(alarm);
      this.isStalled.value = false;
    }
  }

  #ask(message, onMessage) {
    return new Promise((resolve, reject) => {
      this.#worker.onerror = ({ message = "the worker did not start" }) =>
        reject(Object.assign(new Error(message), { isScript: true }));
      this.#worker.onmessage = ({ data }) => {
        if (data.failed) reject(new Error(data.failed));
        else if (data.ready || data.ended) resolve(data.ready ?? data.ended);
        else onMessage(data);
      };
      this.#worker.postMessage(message);
    });
  }

  /** What became of one call of page/desk.py: {status, printed, files}; or {stuck: where, seconds} if it took longer than
      that, on a device and at a time of usual speed. It runs after all that were asked for before.
      onReport: gets what it reports on the way. job: ends it, be it under way or waiting. */
  run({ call, argv, files }, seconds, onReport = () => {}, job = new Job("something else")) {
    const mark = `\u001e${Math.random()} `; // begins what desk.py reports, and nothing that the learner's lines write
    const code = `from page import desk; desk.MARK = ${JSON.stringify(mark)}; desk.${call}()`;
    const turn = this.#waiting.then(async () => {
      if (job.isEnded) return;
      await this.start();
      if (job.isEnded) return;
      let lastLine = null,
        isOver = false;
      const answer = await new Promise((resolve, reject) => {
        let count = 0; // of the times that it has begun
        const began = async (slowness) => {
          const attempt = ++count;
          job.limit.value = Math.round(seconds * Math.min(Math.max(slowness, 1), SLOWEST));
          job.began.value = performance.now();
          await waitWhileAwake(job.limit.value, () => isOver || attempt !== count);
          if (attempt === count) resolve({ stuck: lastLine ?? {}, seconds: job.limit.value });
        };
        job.ended.catch(resolve);
        this.#ask({ run: { code, argv, files, mark } }, ({ began: slowness, awaits, report }) => {
          job.awaits.value = Boolean(awaits);
          if (awaits) count++; // that takes none of its time
          if (slowness) began(slowness);
          if (report?.line) lastLine = report;
          else if (report) onReport(report);
        }).then(resolve, reject);
      });
      isOver = true;
      if (!("status" in answer)) {
        this.#worker.terminate();
        this.#worker = newWorker();
        this.#worker.postMessage({ ready: this.#ready });
      }
      return answer;
    });
    this.jobs.value = [...this.jobs.value, job];
    this.#waiting = turn
      .catch(() => {})
      .then(() => (this.jobs.value = this.jobs.value.filter((other) => other !== job)));
    return Promise.race([turn, job.ended]);
  }

  /** The same Python for one who asks for `what`: its stop() ends what was asked of it last, and nothing else.
      isPassing: it ends, too, when another such one asks for something. */
  forOne(what, isPassing = false) {
    const job = signal(null);
    return Object.assign(Object.create(this), {
      job,
      start: () => this.start(),
      startAgain: () => this.startAgain(),
      run: (request, seconds, onReport) => {
        const newJob = new Job(what);
        if (isPassing) {
          if (this.#passing !== job) this.#passing?.value.stop(`Stopped, because you went on with ${what}.`);
          this.#passing = job;
        }
        job.value = newJob;
        return this.run(request, seconds, onReport, newJob);
      },
      stop: (why) => job.value?.stop(why),
    });
  }

  /** What a function of page/desk.py answers; with the files that it left. */
  async ask(name, request, files = {}, seconds = 20, onReport) {
    const result = await this.run(
      { call: "call_and_write_answer", argv: [name, JSON.stringify(request)], files },
      seconds,
      onReport,
    );
    if (result.stuck) throw new Error(`Python took more than ${result.seconds} seconds.`);
    const answerFile = result.files["answer.json"];
    if (!answerFile) throw new Error(`Python ended with status ${result.status}.`);
    const { failed, ...answer } = JSON.parse(new TextDecoder().decode(answerFile));
    if (failed) throw new Error(failed);
    return { ...answer, files: result.files };
  }

  /** The bytes of another file of the site. */
  async bytes(address) {
    const response = await fetch(address);
    if (!response.ok) {
      await checkVersion();
      throw new Error(`${response.status} ${address}`);
    }
    return new Uint8Array(await response.arrayBuffer());
  }

  /** What to say of an error. */
  explain({ message, isStop, isNew }) {
    return this.isReady.value || isStop || isNew ? message : `Python could not be loaded (${message}).`;
  }

  /** {printed, error} of these blocks, run one after the other: what the last one printed. */
  async session(blocks, seconds) {
    const argv = ["run_blocks", JSON.stringify({ blocks })];
    const { files, printed, ...how } = await this.run({ call: "call_and_write_answer", argv, files: {} }, seconds);
    if (!files?.["answer.json"]) return this.ask("make_early_end_result", { blocks, ...how });
    const answer = JSON.parse(new TextDecoder().decode(files["answer.json"]));
    return { ...answer, printed: printed + answer.printed };
  }
}

/** Wait until the device was awake for that many seconds. A pause of any length between two looks counts as one second. */
async function waitWhileAwake(seconds, isOver) {
  for (let spent = 0, lastTime = performance.now(); spent < seconds && !isOver(); ) {
    await pause(100);
    const time = performance.now();
    spent += Math.min((time - lastTime) / 1000, 1);
    lastTime = time;
  }
}

/* What a reader asks of Python in one place, one thing after the other. What became of it stays when the place is gone. */

import { signal } from "@preact/signals";

export class Task {
  isBusy = signal(false);
  result; // a signal: what came of it; or {failed: why, again}; null before

  /** name: in words, for those who have to wait for it. isPassing: it ends when another such one begins. result: the signal that
      gets what came of it. */
  constructor(python, name, isPassing = false, result = signal(null)) {
    this.python = python.forOne(name, isPassing);
    this.result = result;
  }

  /** Do it; `act` gets Python, and returns the result. */
  async attempt(act) {
    if (this.isBusy.value) return;
    this.isBusy.value = true;
    this.result.value = null;
    try {
      this.result.value = await act(this.python);
    } catch (error) {
      const retry = error.isNew ? () => location.reload() : () => this.attempt(act);
      this.result.value = { failed: this.python.explain(error), isNew: error.isNew, again: retry };
    }
    this.isBusy.value = false;
  }

  /** Say how far it is, while it runs. */
  showProgress(text) {
    this.python.job.value.progress.value = text;
  }
}

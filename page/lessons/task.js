/* What a reader asks of Python in one place, one thing after the other. What became of it stays when the place is gone. */

import { signal } from "@preact/signals";

export class Task {
  isBusy = signal(false);
  said; // what came of it; or {failed: why, again}

  /** what: in words, for those who have to wait for it. isPassing: it ends when another such one begins. said: the signal that
      gets what came of it. */
  constructor(python, name, isPassing = false, said = signal(null)) {
    this.python = python.forOne(name, isPassing);
    this.said = said;
  }

  /** Do it; `act` gets Python, and returns what is said of it. */
  async attempt(act) {
    if (this.isBusy.value) return;
    this.isBusy.value = true;
    this.said.value = null;
    try {
      this.said.value = await act(this.python);
    } catch (error) {
      const retry = error.isNew ? () => location.reload() : () => this.attempt(act);
      this.said.value = { failed: this.python.explain(error), isNew: error.isNew, again: retry };
    }
    this.isBusy.value = false;
  }

  /** Say how far it is, while it runs. */
  tell(words) {
    this.python.job.value.words.value = words;
  }
}

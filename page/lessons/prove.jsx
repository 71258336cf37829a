/* The same run: the learner's lines for the MLP and mlp_np.py take the same steps, in float64, side by side. */

import { computed, signal } from "@preact/signals";
import { Message, Outcome } from "./show.jsx";
import { storedSignal } from "./storage.js";
import { Task } from "./task.js";
import { folder, work } from "./work.js";

const SECONDS = 120;

/** The proof: it ends when an exercise is marked, and what it has shown stays. */
export class Proof {
  #rowsSoFar = signal([]); // {step, loss, twin, apart}
  rows = computed(() => this.task.result.value?.rows ?? this.#rowsSoFar.value);

  constructor(python) {
    this.task = new Task(
      python,
      "the proof",
      true,
      storedSignal("proof", ({ rows }) => Array.isArray(rows)),
    );
  }

  begin() {
    return this.task.attempt(async (python) => {
      this.#rowsSoFar.value = [];
      const addRow = (row) => (this.#rowsSoFar.value = [...this.#rowsSoFar.value, row]);
      const { passed, text } = await python.ask("compare_with_mlp", {}, folder(work.value), SECONDS, addRow);
      return { passed, text, rows: this.#rowsSoFar.value };
    });
  }
}

export function Prove({ proof }) {
  const { task, rows } = proof;
  const { passed } = task.result.value ?? {};
  return (
    <section class="prove" aria-labelledby="h-prove">
      <h3 id="h-prove" tabIndex={-1}>
        Compare your lines with mlp_np.py
      </h3>
      <p>
        Your lines and <a href="code-mlp_np.py.html">mlp_np.py</a> start with the same weights and train on the same
        batches, in float64. If your lines are right, the two runs differ only by rounding errors. Lines that have not
        passed are used, too: you see the step at which the runs start to differ.
      </p>
      <div class="row">
        <button type="button" aria-disabled={task.isBusy.value} onClick={() => proof.begin()}>
          Compare
        </button>
      </div>
      {rows.value.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>after step</th>
              <th>your loss</th>
              <th>loss of mlp_np.py</th>
              <th>largest difference between two weights</th>
            </tr>
          </thead>
          <tbody>
            {rows.value.map(({ step, loss, twin, apart }) => (
              <tr>
                <td>{step}</td>
                <td>{number(loss)}</td>
                <td>{number(twin)}</td>
                <td>{apart === null ? "infinite" : apart === 0 ? 0 : apart.toExponential(1)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      <div class={`verdict ${{ true: "right", false: "wrong" }[passed] ?? ""}`} role="status">
        <Outcome task={task}>{({ text }) => <Message text={text} />}</Outcome>
      </div>
    </section>
  );
}

const number = (value) => (value === null ? "none" : value.toFixed(6));

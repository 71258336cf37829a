/* The same run: the learner's lines of chapter 1 and mlp_np.py take the same steps, in float64, side by side. */

import { useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { Said, Waiting } from "./show.jsx";
import { folder, work } from "./work.js";

const SECONDS = 120;

export function Prove({ python: shared }) {
  const python = useMemo(() => shared.forOne(), [shared]),
    rows = useSignal([]), // {step, loss, twin, apart}
    said = useSignal(null), // {passed, text}
    isBusy = useSignal(false);
  const prove = async () => {
    if (isBusy.value) return;
    isBusy.value = true;
    rows.value = [];
    said.value = null;
    const hear = (row) => (rows.value = [...rows.value, row]);
    try {
      said.value = await python.ask("proved", {}, folder(work.value), SECONDS, hear);
    } catch (error) {
      said.value = { passed: false, text: python.explain(error) };
    }
    isBusy.value = false;
  };
  return (
    <section class="prove" aria-labelledby="h-prove">
      <h3 id="h-prove">Is it the same run?</h3>
      <p>
        Your lines and <a href="code-mlp_np.py.html">mlp_np.py</a> begin with the same weights and learn from the same
        batches, in float64. If your lines are right, the weights stay equal to rounding. Lines that have not passed
        take part, too: you see at which step the runs part.
      </p>
      <div class="row">
        <button type="button" aria-disabled={isBusy.value} onClick={prove}>
          Prove it
        </button>
      </div>
      {isBusy.value && <Waiting python={python} />}
      {rows.value.length > 0 && (
        <table>
          <thead>
            <tr>
              <th>after step</th>
              <th>your loss</th>
              <th>its loss</th>
              <th>largest difference between a weight and its twin</th>
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
      <div class={`verdict ${said.value ? (said.value.passed ? "right" : "wrong") : ""}`} role="status">
        {said.value && <Said text={said.value.text} />}
      </div>
    </section>
  );
}

const number = (value) => (value === null ? "none" : value.toFixed(6));

/* One line of progress, on every page: draw, the lines that a training needs, train, prove, a network of one's own, write. */

import { render } from "preact";
import { kept } from "./keep.js";
import { hasPassed, work } from "./work.js";

export const drawn = kept("drawn"); // true, once something has been drawn
export const written = kept("written"); // true, once the network that writes has written
const trained = kept("training"),
  proof = kept("proof");

/** [address, words, whether it is done, how much of it]. lines: the names of the exercises that a training needs. */
function stepsOf(lines) {
  const missing = lines.filter((name) => !hasPassed(work.value, { name }));
  const count = `${lines.length - missing.length} of ${lines.length}`;
  return [
    ["index.html", "Draw", drawn.value],
    [`practise.html#${missing[0] ?? lines[0]}`, "Lines", missing.length === 0, missing.length > 0 && count],
    ["practise.html#train", "Train", trained.value],
    ["practise.html#prove", "Prove", proof.value?.passed],
    ["practise.html#own_network", "Your own", hasPassed(work.value, { name: "own_network" })],
    ["writing.html#ask", "Write", written.value],
  ];
}

function Path({ lines }) {
  const steps = stepsOf(lines),
    next = steps.findIndex(([, , isDone]) => !isDone);
  return (
    <ol>
      {steps.map(([address, words, isDone, count], n) => (
        <li class={isDone ? "done" : ""}>
          <a href={address} aria-current={n === next ? "step" : null}>
            {words}
            {count && ` ${count}`}
            {isDone && <span class="unseen">, done</span>}
          </a>
        </li>
      ))}
    </ol>
  );
}

/** Show it where page/site.py has left room for it. */
export function showPath() {
  const place = document.querySelector(".path");
  if (!place) return;
  const lines = place.dataset.lines.split(" ");
  place.replaceChildren();
  render(<Path lines={lines} />, place);
}

/* "Guess first": the reader commits to an answer, and then sees what happens. What they chose is kept. */

import { render } from "preact";
import { Html } from "./show.jsx";
import { storedSignal } from "./storage.js";

/** A question's list of choices as buttons. The choice opens the fold below. */
export function askFirst(place) {
  const list = place.querySelector("ul");
  const choices = [...list.children].map((choice) => choice.innerHTML);
  const fold = place.nextElementSibling;
  const chosen = storedSignal(`guess ${place.dataset.guess}`, ({ choice }) => choice in choices);
  const choose = (choice) => {
    chosen.value = { choice };
    fold.open = true;
  };
  const buttons = document.createElement("div");
  list.replaceWith(buttons);
  render(<Choices {...{ choices, chosen, choose }} />, buttons);
}

const Choices = ({ choices, chosen, choose }) => (
  <div class="choices" role="group" aria-label="Your guess">
    {choices.map((choice, i) => (
      <button type="button" aria-pressed={chosen.value?.choice === i} onClick={() => choose(i)}>
        <Html as="span" made={choice} />
      </button>
    ))}
  </div>
);

/* Backwards: the derivatives of the digit at hand. */

import { Bars, pointing } from "./controls.jsx";
import { Errors } from "./network.jsx";
import { explain } from "./numbers.js";
import { Labels } from "./opening.jsx";
import { asInput } from "./page_data.js";
import { hidden, isEmpty, MOST, pass } from "./passes.js";
import { digit, label, originalNetwork } from "./state.js";
import { text } from "./words.js";

const LabelNote = () => {
  const { answer, y, loss } = pass.value;
  if (label.value === null) return "not known yet. Until you enter it, the network’s own answer is used instead";
  return (
    answer === y &&
    loss < 0.01 &&
    "It is sure, and right: there is little to change. Choose a different y, or a digit that it misreads, to see more."
  );
};

const Loss = () => (
  <p
    id="loss"
    class="numeral point"
    tabIndex={0}
    role="note"
    aria-label={explain({ name: "loss", at: {} }).join("")}
    {...pointing("loss", () => ({}))}
  >
    {text(pass.value.loss)}
  </p>
);

const BiasErrors = () => (
  <Bars
    name="db2"
    label="the derivatives of the biases"
    value={(k) => pass.value.db2[k]}
    scale={1}
    signs={["better", "worse"]}
  />
);

const OffNote = () => {
  const offCount = pass.value.z1.reduce((n, z) => n + !(z > 0), 0);
  return `Only units that are on pass anything back. The ${offCount} units that are off, marked with dots, learn nothing from ${isEmpty.value ? "empty paper" : "this digit"}.`;
};

const Count = () => Math.min(MOST, hidden.value);
const PaperNote = () =>
  originalNetwork.value.pixels === "standardised" &&
  `Paper is not 0 but ${text(asInput([0], "standardised")[0])}, so it is also tinted, with the opposite sign.`;

const PixelsNote = () => {
  const words = {
    standardised:
      "28 × 28 pixels, shifted and scaled so that over all training images they have mean 0 and standard deviation 1.",
    unit: "28 × 28 pixels, from 0 for paper to 1 for ink.",
    raw: "28 × 28 pixels, from 0 for paper to 255 for ink.",
  }[originalNetwork.value.pixels];
  return digit.value.picked !== null
    ? words
    : `${words} Your drawing was fitted into 20 × 20 of them, its centre of mass in the middle, like MNIST’s digits.`;
};

export const parts = { PixelsNote, Labels, LabelNote, Loss, Errors, BiasErrors, OffNote, Count, PaperNote };

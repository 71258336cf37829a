/* Fool it: the weights stay, and the pixels move against their derivative until the network says something else. */

import { computed } from "@preact/signals";

import { MLP, softmaxCrossEntropy, timesTransposed } from "./mlp.js";
import { input, pass, pixels, runnerUp } from "./passes.js";
import { adversarial, digit, limit, params } from "./state.js";
import { argmax } from "./words.js";

export const LIMITS = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64];
export const maxChange = computed(() => LIMITS[limit.value]);

/** Forwards and backwards for the changed pixels, and one product further than mlp_np.py goes. */
function passTo({ pixels, goal, rounds }) {
  const mlp = new MLP(params.value),
    { p, dlogits } = softmaxCrossEntropy(mlp.forward(input(pixels)), [goal]);
  const dz1 = timesTransposed(dlogits, params.value.W2, 10).map((d, j) => d * (mlp.z1[j] > 0));
  const dx = timesTransposed(dz1, params.value.W1, mlp.hidden); // dz1 @ W1.T
  return { pixels, goal, rounds, dx, p, answer: argmax(p) };
}

/** What has become of the digit on the pad, 784 pixels; goal: what the network is to read; dx (784): d loss / d x for the
    loss of the goal; p, answer: what it reads now. */
export const adversarialPass = computed(() => {
  if (adversarial.value?.digit === digit.value) return passTo(adversarial.value);
  return passTo({ pixels: pixels.value, goal: runnerUp.value, rounds: 0 });
});

/** From the digit as it is on the pad, towards this goal. */
export const startFool = (goal = adversarialPass.value.goal) =>
  (adversarial.value = { digit: digit.value, goal, pixels: pixels.value, rounds: 0 });

/** In each of at most so many rounds every pixel moves by one grey level against the sign of its derivative, if paper, ink
    and the limit allow. */
export function changePixels(rounds) {
  let latest = adversarialPass.value;
  for (let n = 0; n < rounds && latest.answer !== latest.goal; n++) {
    const changedPixels = latest.pixels.map((v, i) => {
      const original = pixels.value[i],
        low = Math.max(original - maxChange.value, 0),
        high = Math.min(original + maxChange.value, 255);
      return Math.min(Math.max(v - Math.sign(latest.dx[i]), low), high);
    });
    latest = passTo({ ...latest, pixels: changedPixels, rounds: latest.rounds + 1 });
  }
  adversarial.value = { digit: digit.value, goal: latest.goal, pixels: latest.pixels, rounds: latest.rounds };
}

/** What the rounds have come to. */
export const fooledMessage = computed(() => {
  const { pixels: adversarialPixels, goal, rounds, answer, dx } = adversarialPass.value;
  const changedPixels = adversarialPixels.reduce(
    (maximum, v, i) => Math.max(maximum, Math.abs(v - pixels.value[i])),
    0,
  );
  if (answer === goal && !rounds) return `It reads ${goal} already.`;
  if (dx.every((d) => d === 0)) {
    return "Here dx is 0: no unit that is on passes anything back, so no pixel can change the answer.";
  }
  if (!rounds) return `It reads ${pass.value.answer}. Which pixels would make it read ${goal}?`;
  const end =
    answer === goal
      ? `it reads ${answer}.`
      : `it still reads ${answer}${changedPixels >= maxChange.value ? ". Allow more" : ""}.`;
  return `${rounds} round${rounds === 1 ? "" : "s"}, and no pixel has changed by more than ${changedPixels} of 255 grey levels: ${end}`;
});

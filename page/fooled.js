/* Fool it: the weights stay, and the pixels move against their derivative until the network says something else. */

import { computed } from "@preact/signals";

import { MLP, softmaxCrossEntropy, timesTransposed } from "./mlp.js";
import { input, now, pixels, second } from "./passes.js";
import { digit, fooling, limit, params } from "./state.js";
import { argmax } from "./words.js";

export const LIMITS = [1, 2, 4, 8, 12, 16, 24, 32, 48, 64];
export const most = computed(() => LIMITS[limit.value]);

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
export const fooled = computed(() => {
  if (fooling.value?.digit === digit.value) return passTo(fooling.value);
  return passTo({ pixels: pixels.value, goal: second.value, rounds: 0 });
});

/** From the digit as it is on the pad, towards this goal. */
export const startFool = (goal = fooled.value.goal) =>
  (fooling.value = { digit: digit.value, goal, pixels: pixels.value, rounds: 0 });

/** In each of at most so many rounds every pixel moves by one grey level against the sign of its derivative, if paper, ink
    and the limit allow. */
export function changePixels(rounds) {
  let now = fooled.value;
  for (let n = 0; n < rounds && now.answer !== now.goal; n++) {
    const moved = now.pixels.map((v, i) => {
      const own = pixels.value[i],
        low = Math.max(own - most.value, 0),
        high = Math.min(own + most.value, 255);
      return Math.min(Math.max(v - Math.sign(now.dx[i]), low), high);
    });
    now = passTo({ ...now, pixels: moved, rounds: now.rounds + 1 });
  }
  fooling.value = { digit: digit.value, goal: now.goal, pixels: now.pixels, rounds: now.rounds };
}

/** What the rounds have come to. */
export const says = computed(() => {
  const { pixels: changed, goal, rounds, answer, dx } = fooled.value;
  const moved = changed.reduce((most, v, i) => Math.max(most, Math.abs(v - pixels.value[i])), 0);
  if (answer === goal && !rounds) return `It reads ${goal} already.`;
  if (dx.every((d) => d === 0)) {
    return "Here dx is 0: no unit that is on passes anything back, so no pixel can change the answer.";
  }
  if (!rounds) return `It reads ${now.value.answer}. Which pixels would make it read ${goal}?`;
  const end =
    answer === goal ? `it reads ${answer}.` : `it still reads ${answer}${moved >= most.value ? ". Allow more" : ""}.`;
  return `${rounds} round${rounds === 1 ? "" : "s"}, and no pixel has changed by more than ${moved} of 255 grey levels: ${end}`;
});

/* A network of the reader's own, which practise.html leaves in this browser; and what the other network says of the digit. */

import { computed } from "@preact/signals";

import { showNetwork } from "./actions.js";
import { asInput, pretrained } from "./page_data.js";
import { pixels, probabilities } from "./passes.js";
import { originalNetwork } from "./state.js";
import { argmax } from "./words.js";

const SIZES = { W1: (H) => 784 * H, b1: (H) => H, W2: (H) => 10 * H, b2: () => 10 };
const LARGE = 1e18; // the product of two of these is still a float32

/** What localStorage keeps under this name; nothing where it keeps nothing. */
function readStorage(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** So many float32 numbers, little-endian, in base64. */
function numbers(name, text, count) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  if (bytes.length !== 4 * count) throw new InvalidNetwork(`${name} has ${bytes.length / 4} numbers, not ${count}`);
  const view = new DataView(bytes.buffer);
  const p = Float32Array.from({ length: count }, (_, n) => view.getFloat32(4 * n, true));
  if (p.every((v) => Math.abs(v) < LARGE)) return p;
  throw new InvalidNetwork(`${name} holds what is no number, or too large to compute with`);
}

class InvalidNetwork extends Error {}

/** The network in the text that practise.html leaves. */
function parseNetwork(text) {
  const { title = "Your network", words = "", ours = [], hidden, pixels, params } = JSON.parse(text);
  if (!(Number.isInteger(hidden) && hidden >= 1 && hidden <= 4096)) {
    throw new InvalidNetwork("its number of hidden units is not from 1 to 4096");
  }
  if (!["standardised", "unit", "raw"].includes(pixels))
    throw new InvalidNetwork("it does not say how it takes its pixels");
  const entries = Object.entries(SIZES).map(([name, size]) => [name, numbers(name, params[name], size(hidden))]);
  const about = { title: String(title), name: String(title).split(",")[0], ours: [ours].flat().join(", ") };
  return { params: Object.fromEntries(entries), pixels, ...about, run: `${title}${words && `, ${words}`}` };
}

/** {network} from that text, {error}, or {} where there is none. */
export function parseStoredNetwork(text) {
  if (text === null) return {};
  try {
    return { network: parseNetwork(text) };
  } catch (error) {
    return { error: error instanceof InvalidNetwork ? error.message : "it is damaged" };
  }
}
export const storedNetwork = parseStoredNetwork(readStorage("network"));

/** As the page opens: the reader's network, if there is one and they have not gone back from it. */
export function openOwn() {
  if (storedNetwork.network && readStorage("shown") !== "own") showNetwork(storedNetwork.network);
}

/** Show the page's own network, or that of the reader, after a reload as well. */
export function showAndRemember(choice, network) {
  try {
    localStorage.setItem("shown", choice);
  } catch {} // then a reload shows the other one
  showNetwork(network);
}

/** The network that is not shown: the page's own, or the reader's; or undefined. */
export const otherNetwork = computed(() => (originalNetwork.value === pretrained ? storedNetwork.network : pretrained));

/** What it says of the digit on the pad: {answer, p}. */
export const otherAnswer = computed(() => {
  const p = probabilities(otherNetwork.value.params, asInput(pixels.value, otherNetwork.value.pixels)),
    answer = argmax(p);
  return { answer, p: p[answer] };
});

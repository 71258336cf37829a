/* What the page carries: a network, and images to pick, to learn from and to test on, as page/build.py packs them. */

export const isOnSite = "site" in document.documentElement.dataset; // as page/site.py puts it there
export const given = JSON.parse(document.getElementById("network").textContent);

const bytes = Uint8Array.from(atob(given.packed), (letter) => letter.charCodeAt(0));
const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
const content = new Uint8Array(await new Response(unpacked).arrayBuffer());
let taken = 0;
const take = (count) => content.subarray(taken, (taken += count));

/** Weights: 16-bit whole numbers, all their low bytes first, times a scale. */
function takeWeights(count, scale) {
  const low = take(count),
    high = take(count);
  return new Float32Array(low).map((byte, n) => (((high[n] << 24) >> 16) | byte) * scale);
}

const sizes = { W1: 784 * given.hidden, b1: given.hidden, W2: given.hidden * 10, b2: 10 };
const weights = Object.entries(sizes).map(([name, size], n) => [name, takeWeights(size, given.scales[n])]);
const images = (labels) => labels.map((label) => ({ label, pixels: take(784) }));

export const carried = { params: Object.fromEntries(weights), pixels: given.pixels, run: given.run };
export const tests = images(given.labels).map((test, n) => ({ ...test, number: given.numbers[n] })); // to pick from
export const trainingImages = images(given.trainingLabels);
export const testingImages = images(given.testingLabels);

/** Pixels 0 to 255 as the input of a network that takes them `as` "standardised", "unit" or "raw": data.as_input. */
export function asInput(pixels, as) {
  const { mean, std } = given;
  const scale = { standardised: (v) => (v - 255 * mean) / (255 * std), unit: (v) => v / 255, raw: (v) => v };
  return new Float64Array(pixels).map(scale[as]);
}

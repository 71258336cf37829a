/* What the page carries: a network, and images to pick, to learn from and to test on, as page/data_file.py packs them. A page on
   disk holds all of it; on the site, the network and the images are files of their own, which the browser keeps. */

import { signal } from "@preact/signals";
import { fetchFile } from "./lessons/fetch.js";

export const isOnSite = "site" in document.documentElement.dataset; // as page/site.py puts it there
export const pageData = JSON.parse(document.getElementById("network").textContent);

/** The bytes of one of its packs. */
async function unpack({ packed, address, integrity }) {
  const bytes = packed
    ? Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0))
    : await fetchFile(address, (response) => response.arrayBuffer(), { integrity });
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(stream).arrayBuffer();
}

/** take(Type, count): the next numbers of a pack, an array of that type. */
function reader(buffer) {
  let offset = 0;
  return (Type, count) => {
    const numbers = new Type(buffer, offset, count);
    offset += numbers.byteLength;
    return numbers;
  };
}

const takeImages = (take, labels) => labels.map((label) => ({ label, pixels: take(Uint8Array, 784) }));

/** The network, {name: Float32Array}, and the images to pick from. A weight is a whole number times its scale. */
function readNetwork(buffer) {
  const { hidden } = pageData,
    take = reader(buffer);
  const scales = {};
  for (const [name, count] of Object.entries({ W1: hidden, b1: 1, W2: 1, b2: 1 }))
    scales[name] = take(Float32Array, count);
  const whole = { b1: take(Int16Array, hidden), W2: take(Int16Array, 10 * hidden), b2: take(Int16Array, 10) };
  whole.W1 = take(Int8Array, 784 * hidden);
  const params = {};
  for (const [name, scale] of Object.entries(scales)) {
    params[name] = Float32Array.from(whole[name], (n, i) => n * scale[i % scale.length]);
  }
  return { params, images: takeImages(take, pageData.labels) };
}

async function load() {
  try {
    return readNetwork(await unpack(pageData.network));
  } catch (error) {
    document.getElementById("starting").textContent = "The network could not be loaded. Load this page again.";
    throw error;
  }
}

const { params, images } = await load();
export const pretrained = { params, pixels: pageData.pixels, run: pageData.run };
export const tests = images.map((test, n) => ({ ...test, number: pageData.numbers[n] })); // to pick from

/** {training, testing}: the images that a new network learns from, and those that test it; null until they are here. */
export const lessonImages = signal(null);
let download;

/** Load them, at most once at a time. */
export function loadLessonImages() {
  download ??= unpack(pageData.images)
    .then((buffer) => {
      const take = reader(buffer);
      const training = takeImages(take, pageData.trainingLabels);
      lessonImages.value = { training, testing: takeImages(take, pageData.testingLabels) };
    })
    .finally(() => (download = null));
  return download;
}
if (!isOnSite) await loadLessonImages();

/** Pixels 0 to 255 as the input of a network that takes them `as` "standardised", "unit" or "raw": data.as_input. */
export function asInput(pixels, as) {
  const { mean, std } = pageData;
  const scale = { standardised: (v) => (v - 255 * mean) / (255 * std), unit: (v) => v / 255, raw: (v) => v };
  return new Float64Array(pixels).map(scale[as]);
}

/* A network of the reader's own: what practise.html leaves in this browser, or a training further up. */

import { showNetwork } from "./acts.js";
import { Button } from "./controls.jsx";
import { carried } from "./given.js";
import { toggle, verb } from "./learning.js";
import { isOnSite } from "./onward.jsx";
import { following, learning, shown } from "./state.js";

const SIZES = { W1: (H) => 784 * H, b1: (H) => H, W2: (H) => 10 * H, b2: () => 10 };
const LARGE = 1e18; // the product of two of these is still a float32

/** What localStorage keeps under this name; nothing where it keeps nothing. */
function stored(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** So many float32 numbers, little-endian, in base64. */
function numbers(name, text, count) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  if (bytes.length !== 4 * count) throw new Refused(`${name} has ${bytes.length / 4} numbers, not ${count}`);
  const view = new DataView(bytes.buffer);
  const p = Float32Array.from({ length: count }, (_, n) => view.getFloat32(4 * n, true));
  if (p.every((v) => Math.abs(v) < LARGE)) return p;
  throw new Refused(`${name} holds what is no number, or too large to compute with`);
}

class Refused extends Error {}

/** {params, pixels, run} from the text that practise.html leaves. */
function parse(text) {
  const { title = "Your network", words = "", hidden, pixels, params } = JSON.parse(text);
  if (!(Number.isInteger(hidden) && hidden >= 1 && hidden <= 4096)) {
    throw new Refused("its number of hidden units is not from 1 to 4096");
  }
  if (!["standardised", "unit", "raw"].includes(pixels)) throw new Refused("it does not say how it takes its pixels");
  const read = Object.entries(SIZES).map(([name, size]) => [name, numbers(name, params[name], size(hidden))]);
  return { params: Object.fromEntries(read), pixels, run: `${title}${words && `: ${words}`}` };
}

/** {network} from that text, {error}, or {} where there is none. */
export function opened(text) {
  if (text === null) return {};
  try {
    return { network: parse(text) };
  } catch (error) {
    return { error: error instanceof Refused ? error.message : "it is damaged" };
  }
}
const found = opened(stored("network"));

/** As the page opens: the reader's network, if there is one and they have not gone back from it. */
export function openOwn() {
  if (found.network && stored("shown") !== "own") showNetwork(found.network);
}

/** Show the page's own network, or that of the reader, after a reload as well. */
function turnTo(which, network) {
  try {
    localStorage.setItem("shown", which);
  } catch {} // then a reload shows the other one
  showNetwork(network);
}

function Other() {
  if (shown.value === carried) return null;
  const back = () => {
    turnTo("own", carried);
    document.getElementById("play").focus(); // this button is gone
  };
  return (
    <div class="other row">
      <p class="note">
        This is another network: <b class="run">{shown.value.run}</b>.
      </p>
      {following.value && (
        <Button id="watch" class="primary" act={toggle} off={learning.value.run.broken}>
          {verb.value === "Pause" ? "Pause" : "Watch it learn"}
        </Button>
      )}
      <button type="button" onClick={back}>
        The page’s own network
      </button>
    </div>
  );
}

function Own() {
  const other = shown.value !== carried;
  return (
    <>
      {!isOnSite ? (
        <p>
          Train one with <code>python main_np.py</code>, then{" "}
          <code>python -m page.build --weights learning_curves/checkpoint_np.npz</code> puts it into this page.
        </p>
      ) : (
        <p>
          Train one, or open the checkpoint of one, on the <a href="practise.html">page of the exercises</a>: this page
          then shows yours. It stays in this browser.
        </p>
      )}
      {(other || found.network) && (
        <div class="row">
          <button
            id="original"
            type="button"
            onClick={() => (other ? turnTo("own", carried) : turnTo("yours", found.network))}
          >
            {other ? "The page’s own network" : "Your network"}
          </button>
        </div>
      )}
      <p id="opened" role="status">
        {found.error
          ? `The network that this browser keeps cannot be read: ${found.error}.`
          : other && `This page now shows ${shown.value.run}. All of it, from the pad on, is that network’s.`}
      </p>
    </>
  );
}

const Run = () => shown.value.run;

export const parts = { Other, Own, Run };

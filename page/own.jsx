/* Which network is shown, and the way to the other one. */

import { Button } from "./controls.jsx";
import { carried, given, isOnSite } from "./given.js";
import { toggle, verb } from "./learning.js";
import { isKept } from "./lessons/work.js";
import { found, turnTo } from "./owned.js";
import { following, learning, shown, steps } from "./state.js";
import { plural } from "./words.js";

/** To the page's own network, or to the reader's. */
const turn = () => (shown.value === carried ? turnTo("yours", found.network) : turnTo("own", carried));
const Turn = ({ id, act = turn }) => (
  <button id={id} type="button" onClick={act}>
    {shown.value === carried ? found.network.name : "The page’s own network"}
  </button>
);

/** Which network it is that reads: on the first screen, if there are two. */
function Whose() {
  const { title, run, ours } = shown.value;
  if (shown.value === carried && !found.network) return null;
  return (
    <div class="whose row">
      <p role="status">
        {shown.value === carried ? (
          "The page’s own network reads here."
        ) : (
          <>
            <b>{title ? `${run}.` : `This is ${run}.`}</b> {ours && `Not your own lines: ${ours}.`}
          </>
        )}
      </p>
      <Turn />
    </div>
  );
}

function Other() {
  if (shown.value === carried) return null;
  const back = () => {
    turn();
    document.getElementById("play").focus(); // this button is gone
  };
  return (
    <div class="other row">
      <p class="note">
        This is another network: <b class="run">{shown.value.run}</b>.
      </p>
      {following.value && (
        <Button id="watch" act={toggle} off={learning.value.run.broken}>
          {verb.value === "Pause" ? "Pause" : "Watch it learn"}
        </Button>
      )}
      <Turn act={back} />
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
          <code>python -m page.build --weights learning_curves/checkpoint_np.npz</code> puts it into this page. That
          takes npm, which comes with Node.js.
        </p>
      ) : (
        <p>
          Train one, or open the checkpoint of one, on the <a href="practise.html">page of the exercises</a>: this page
          then shows yours.{isKept.value ? " It stays in this browser." : ""}
        </p>
      )}
      {(other || found.network) && (
        <div class="row">
          <Turn id="original" />
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

/** What is known of the network as it was; a step of the reader's makes it another one. */
const Run = () =>
  [
    shown.value.run,
    shown.value === carried && `${given.rounded.toFixed(4)} with W1 rounded to 8 bits, as it is here`,
    steps.value.length > 0 && `before ${plural(steps.value.length, "step")} of yours`,
  ]
    .filter(Boolean)
    .join(", ");

export const parts = { Whose, Other, Own, Run };

/* Which network is shown, and the way to the other one. */

import { Button } from "./controls.jsx";
import { toggle, verb } from "./learning.js";
import { isStored } from "./lessons/work.js";
import { showAndRemember, storedNetwork } from "./own.js";
import { isOnSite, pageData, pretrained } from "./page_data.js";
import { isFollowingTraining, learning, originalNetwork, steps } from "./state.js";
import { plural } from "./words.js";

/** To the page's own network, or to the reader's. */
const turn = () =>
  originalNetwork.value === pretrained
    ? showAndRemember("yours", storedNetwork.network)
    : showAndRemember("own", pretrained);
const Turn = ({ id, act = turn }) => (
  <button id={id} type="button" onClick={act}>
    {originalNetwork.value === pretrained ? storedNetwork.network.name : "The page’s own network"}
  </button>
);

/** Which network it is that reads: on the first screen, if there are two. */
function Whose() {
  const { title, run, ours } = originalNetwork.value;
  if (originalNetwork.value === pretrained && !storedNetwork.network) return null;
  return (
    <div class="whose row">
      <p role="status">
        {originalNetwork.value === pretrained ? (
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
  if (originalNetwork.value === pretrained) return null;
  const goBack = () => {
    turn();
    document.getElementById("play").focus(); // this button is gone
  };
  return (
    <div class="other row">
      <p class="note">
        This is a different network: <b class="run">{originalNetwork.value.run}</b>.
      </p>
      {isFollowingTraining.value && (
        <Button id="watch" act={toggle} off={learning.value.run.broken}>
          {verb.value === "Pause" ? "Pause" : "Watch it learn"}
        </Button>
      )}
      <Turn act={goBack} />
    </div>
  );
}

function Own() {
  const isOtherNetwork = originalNetwork.value !== pretrained;
  return (
    <>
      {!isOnSite ? (
        <p>
          Train one with <code>python main_np.py</code>, then{" "}
          <code>python -m page.build --weights learning_curves/checkpoint_np.npz</code> puts it into this page. This
          needs npm, which comes with Node.js.
        </p>
      ) : (
        <p>
          Train one, or open the checkpoint of one, on the <a href="practise.html">page of the exercises</a>: this page
          then shows yours.{isStored.value ? " It stays in this browser." : ""}
        </p>
      )}
      {(isOtherNetwork || storedNetwork.network) && (
        <div class="row">
          <Turn id="original" />
        </div>
      )}
      <p id="opened" role="status">
        {storedNetwork.error
          ? `The network that is stored in this browser cannot be read: ${storedNetwork.error}.`
          : isOtherNetwork &&
            `This page now shows ${originalNetwork.value.run}. Everything on it, from the pad on, uses that network.`}
      </p>
    </>
  );
}

/** What is known of the network as it was; a step of the reader's makes it another one. */
const Run = () =>
  [
    originalNetwork.value.run,
    originalNetwork.value === pretrained && `${pageData.rounded.toFixed(4)} with W1 rounded to 8 bits, as it is here`,
    steps.value.length > 0 && `before ${plural(steps.value.length, "step")} of yours`,
  ]
    .filter(Boolean)
    .join(", ");

export const parts = { Whose, Other, Own, Run };

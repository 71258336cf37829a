/* Fool it: its controls, the digit before and after, and what is no digit. */

import * as actions from "./actions.js";
import { Button, Painted, Radios, Slider } from "./controls.jsx";
import * as fool from "./fool.js";
import { adversarialPass } from "./fool.js";
import { input, isEmpty, pass, pixels, probabilities } from "./passes.js";
import { paintInk, readDrawing, SIDE } from "./pen.js";
import { hasOpened, limit, params } from "./state.js";
import { argmax, percent, range } from "./words.js";

const Goals = () => <Radios count={10} chosen={adversarialPass.value.goal} choose={begin} />;

/** Do that, and say what came of it. */
function actAndAnnounce(act) {
  act();
  actions.announce(fool.fooledMessage.value);
}
const begin = (goal) => actAndAnnounce(() => fool.startFool(goal));

const FoolControls = () => {
  const { answer, goal, rounds } = adversarialPass.value,
    done = isEmpty.value || answer === goal;
  const change = (rounds) => actAndAnnounce(() => fool.changePixels(rounds));
  return (
    <>
      <Slider
        id="limit"
        name="The most a pixel may change"
        count={fool.LIMITS.length}
        value={limit.value}
        words={`${fool.maxChange.value} of 255`}
        act={(value) => {
          limit.value = value;
          begin();
        }}
      />
      <div class="row">
        <Button id="fool-on" class="primary" act={() => change(2 * fool.maxChange.value)} off={done}>
          Until the answer changes
        </Button>
        <Button id="fool-once" act={() => change(1)} off={done}>
          One round
        </Button>
        <Button id="fool-back" act={() => begin()} off={!rounds}>
          Undo
        </Button>
      </div>
      <p id="fool-words">{isEmpty.value ? "Draw a digit first." : fool.fooledMessage.value}</p>
    </>
  );
};

function Shot({ name, label, pixels, p, answer }) {
  return (
    <>
      <figcaption>
        <b class="words">{name}</b>
      </figcaption>
      <Painted id={`fool-${name}-picture`} role="img" aria-label={label} paint={(canvas) => paintInk(canvas, pixels)} />
      <p class="note">
        <b id={`fool-${name}`}>{isEmpty.value ? "–" : answer}</b>{" "}
        <span id={`fool-${name}-sure`}>{isEmpty.value ? "" : `${percent(p[answer])} sure`}</span>
      </p>
    </>
  );
}
const Before = () => <Shot name="before" label="the digit" pixels={pixels.value} {...pass.value} />;
const After = () => <Shot name="after" label="the changed digit" {...adversarialPass.value} />;

// --- It must always name a digit -----------------------------------------------------------------------------------------

const circle = (x, y, r) =>
  range(25).map((n) => [x + r * Math.sin((n * Math.PI) / 12), y + r * Math.cos((n * Math.PI) / 12)]);
const LETTERS = [
  {
    name: "an A",
    strokes: [
      [
        [0.2, 0.85],
        [0.5, 0.15],
        [0.8, 0.85],
      ],
      [
        [0.32, 0.6],
        [0.68, 0.6],
      ],
    ],
  },
  {
    name: "an X",
    strokes: [
      [
        [0.2, 0.15],
        [0.8, 0.85],
      ],
      [
        [0.8, 0.15],
        [0.2, 0.85],
      ],
    ],
  },
  {
    name: "a face",
    strokes: [
      circle(0.5, 0.5, 0.38),
      [
        [0.37, 0.4],
        [0.37, 0.42],
      ],
      [
        [0.63, 0.4],
        [0.63, 0.42],
      ],
      [
        [0.35, 0.63],
        [0.5, 0.7],
        [0.65, 0.63],
      ],
    ],
  },
].map(({ name, strokes }) => ({
  name,
  strokes: strokes.map((points) => points.map(([u, v]) => [SIDE * u, SIDE * v])),
}));

const Letters = () =>
  hasOpened.value &&
  LETTERS.map((letter) => {
    letter.pixels ??= readDrawing({ base: null, strokes: letter.strokes });
    const p = probabilities(params.value, input(letter.pixels));
    return (
      <button key={letter.name} type="button" onClick={() => actions.draw(letter.strokes)}>
        <Painted paint={(canvas) => paintInk(canvas, letter.pixels)} />
        {letter.name}:{" "}
        <span>
          {argmax(p)}, {percent(Math.max(...p))} sure
        </span>
      </button>
    );
  });

export const parts = { Goals, FoolControls, Before, After, Letters };

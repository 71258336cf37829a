/* A network of the learner's own lines: it is trained in this page, drawn while it learns, and handed to index.html. */

import { signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { a } from "../words.js";
import { OpenInPage, save } from "./hand.jsx";
import { Proof, Prove } from "./prove.jsx";
import { Told, useFocusBack } from "./show.jsx";
import { Task } from "./task.js";
import { folder, hasPassed, work } from "./work.js";

const SECONDS = 120;
const STEPS = 320;

/** The training: it goes on while the reader does something else, and says how far it is. */
export class Training {
  run = signal(null); // {losses, epochs, ours: names of lines that are not the learner's}

  constructor(python) {
    this.task = new Task(python, "the training of your network");
    this.proof = new Proof(python);
  }

  /** Train with the learner's lines of the exercises `mine`, and the project's of `ours`. */
  begin(mine, ours) {
    return this.task.attempt((python) => {
      this.run.value = { losses: [], epochs: [], ours };
      return python.ask("train", { mine }, folder(work.value), SECONDS, (report) => this.#hear(report));
    });
  }

  #hear({ loss, ...epoch }) {
    const { losses, epochs, ours } = this.run.value;
    if (loss === undefined) this.run.value = { losses, epochs: [...epochs, epoch], ours };
    else this.run.value = { losses: [...losses, loss], epochs, ours };
    this.task.tell(`Step ${losses.length} of ${STEPS}. `);
  }
}

/** The exercises whose lines make the network, and those of them that have not passed. */
export const linesOf = (exercises) => exercises.filter(({ trains }) => trains);
export const missingOf = (exercises) => linesOf(exercises).filter((one) => !hasPassed(work.value, one));

export function Train({ exercises, training }) {
  const missing = missingOf(exercises);
  const takesOurs = useSignal(false),
    { run, task } = training,
    button = useFocusBack(task.isBusy);
  const isOff = task.isBusy.value || (missing.length > 0 && !takesOurs.value);

  const train = () => {
    const ours = missing.map(({ name }) => name);
    const mine = linesOf(exercises).map(({ name }) => name);
    training.begin(
      mine.filter((name) => !ours.includes(name)),
      ours,
    );
  };

  return (
    <section class="exercise train" aria-label="Your network">
      <p class="note">Your lines for the MLP, as one program</p>
      <h2 tabIndex={-1}>Train your network</h2>
      <p>
        A program with your lines learns from 4,000 images, here in this page: 784 pixels, 64 hidden units, 10 digits.
        Nobody tells it what a 7 looks like. It only follows your derivatives.
      </p>
      {missing.length > 0 && <Missing missing={missing} takesOurs={takesOurs} />}
      <div class="row">
        <button ref={button} type="button" class="primary" aria-disabled={isOff} onClick={() => isOff || train()}>
          {run.value ? "Train again" : "Train"}
        </button>
      </div>
      <div role="status">
        <Told task={task}>{() => null}</Told>
      </div>
      {run.value && <Run run={run.value} isOver={!task.isBusy.value} />}
      <Prove proof={training.proof} />
    </section>
  );
}

const Missing = ({ missing, takesOurs }) => (
  <div class="missing">
    <p>
      {missing.length === 1 ? "One line has" : `${missing.length} lines have`} not passed yet:{" "}
      {missing.map(({ name }, i) => (
        <>
          {i > 0 && ", "}
          <a href={`#${name}`}>{name}</a>
        </>
      ))}
      .
    </p>
    <label>
      <input type="checkbox" checked={takesOurs.value} onChange={({ target }) => (takesOurs.value = target.checked)} />{" "}
      Train with the project's lines in {missing.length === 1 ? "its" : "their"} place
    </label>
  </div>
);

function Run({ run: { losses, epochs, ours }, isOver }) {
  const last = epochs.at(-1);
  const now = losses.findLast((loss) => loss !== null);
  return (
    <>
      <div class="curves">
        <Curve
          title="Loss of each batch"
          words={now === undefined ? "" : now.toFixed(2)}
          values={losses}
          most={STEPS}
          top={2.5}
        />
        <Curve
          title="Test digits read right"
          words={last ? last.accuracy.toFixed(2) : ""}
          values={epochs.map(({ accuracy }) => accuracy)}
          most={8}
          top={1}
          dots
        />
      </div>
      {isOver && last && <Trained last={last} ours={ours} />}
    </>
  );
}

/** Values from left to right as a line, from 0 to `top`, and room for `most` of them. */
function Curve({ title, words, values, most, top, dots = false }) {
  const x = (i) => ((i + 1) / most) * 300;
  const y = (value) => 96 - (Math.min(value, top) / top) * 92;
  const points = values
    .map((value, i) => value !== null && `${x(i).toFixed(1)},${y(value).toFixed(1)}`)
    .filter(Boolean);
  return (
    <figure>
      <figcaption>
        {title} <b>{words}</b>
      </figcaption>
      <svg
        viewBox="0 0 300 100"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${title}, ${values.length} values: ${words}`}
      >
        <path class="axis" d="M0 0V99H300" />
        <polyline points={points.join(" ")} />
        {dots && values.map((value, i) => <circle cx={x(i)} cy={y(value)} r="2.5" />)}
      </svg>
    </figure>
  );
}

function Trained({ last: { accuracy, misread, network, checkpoint }, ours }) {
  const failed = useSignal("");
  const whose = ours.length > 0 ? ` (${ours.join(", ")}: not your own lines)` : "";
  const kept = { ...network, title: network.title + whose };
  return (
    <>
      <p class="said" role="status">
        <b>
          {network.title}: it reads {accuracy.toFixed(2)} of 2,000 test images that it has never seen.
        </b>{" "}
        These are some that it misreads:
      </p>
      <ul class="misread">
        {misread.map((digit) => (
          <li>
            <Digit {...digit} />
            <span>
              {digit.label}, read as {digit.answer}
            </span>
          </li>
        ))}
      </ul>
      <div class="row">
        <OpenInPage network={kept} failed={failed} />
        <button type="button" onClick={() => save(bytesOf(checkpoint), "my_network.npz")}>
          Download
        </button>
      </div>
      <p class="note">
        In the page you draw, and your own network reads it; you can look inside it, and go on teaching it. Download
        gives a file that <code>python predict.py --weights my_network.npz PICTURE</code> takes.
      </p>
      <p role="status">{failed.value}</p>
    </>
  );
}

const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

function Digit({ image, label, answer }) {
  const canvas = useRef();
  useEffect(() => {
    const pixels = new ImageData(28, 28);
    bytesOf(image).forEach((ink, i) => pixels.data.set([255 - ink, 255 - ink, 255 - ink, 255], 4 * i));
    canvas.current.getContext("2d").putImageData(pixels, 0, 0);
  }, [image]);
  return <canvas ref={canvas} width={28} height={28} role="img" aria-label={`${a(label)}, read as ${answer}`} />;
}

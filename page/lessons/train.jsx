/* A network of the learner's own lines: it is trained in this page, drawn while it learns, and handed to index.html. */

import { computed, signal, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { a, count } from "../words.js";
import { Proof, Prove } from "./prove.jsx";
import { Outcome, useFocusBack } from "./show.jsx";
import { storedSignal } from "./storage.js";
import { Task } from "./task.js";
import { bytesOf, OpenInPage, save } from "./transfer.jsx";
import { folder, hasPassed, work } from "./work.js";

const SECONDS = 120;

/** The training: it goes on while the reader does something else, and says how far it is. */
export class Training {
  #latestRun = signal(null); // a run that is under way, or was ended
  /** {losses, accuracies, ours: names of lines that are not the learner's, last: what Python reported of the last epoch}, or null. */
  run = computed(() => (this.task.result.value?.losses ? this.task.result.value : this.#latestRun.value));
  takesOurs = storedSignal("takes ours"); // whether the project's lines stand in for those that have not passed

  /** size: of a training, as page/desk.py has it. */
  constructor(python, size) {
    this.size = size;
    const isRight = ({ losses, accuracies }) => Array.isArray(losses) && Array.isArray(accuracies);
    this.task = new Task(python, "the training of your network", false, storedSignal("training", isRight));
    this.proof = new Proof(python);
  }

  /** Train with the learner's lines of the exercises `mine`, and the project's of `ours`. */
  begin(mine, ours) {
    return this.task.attempt(async (python) => {
      this.#latestRun.value = { losses: [], accuracies: [], ours };
      await python.ask("train_with_progress", { learner_exercises: mine }, folder(work.value), SECONDS, (report) =>
        this.#addReport(report),
      );
      return this.#latestRun.value;
    });
  }

  #addReport({ loss, ...lastValue }) {
    const run = this.#latestRun.value,
      { losses, accuracies } = run;
    this.#latestRun.value =
      loss === undefined
        ? { ...run, accuracies: [...accuracies, lastValue.accuracy], last: lastValue }
        : { ...run, losses: [...losses, loss] };
    this.task.showProgress(`Step ${losses.length} of ${this.size.steps}. `);
  }
}

/** The exercises whose lines make the network, and those of them that have not passed. */
export const findTrained = (exercises) => exercises.filter(({ trains }) => trains);
export const findMissing = (exercises) => findTrained(exercises).filter((exercise) => !hasPassed(work.value, exercise));

export function Train({ exercises, training }) {
  const missing = findMissing(exercises);
  const { run, task, takesOurs, size } = training,
    button = useFocusBack(task.isBusy);
  const isOff = task.isBusy.value || (missing.length > 0 && !takesOurs.value);

  const train = () => {
    const ours = missing.map(({ name }) => name);
    const mine = findTrained(exercises).map(({ name }) => name);
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
        A program with your lines trains on {count(size.images)} images, here in this page: 784 pixels, {size.hidden}{" "}
        hidden units, 10 digits. Nobody tells it what a 7 looks like. It only follows your derivatives.
      </p>
      {missing.length > 0 && <Missing missing={missing} takesOurs={takesOurs} />}
      <div class="row">
        <button ref={button} type="button" class="primary" aria-disabled={isOff} onClick={() => isOff || train()}>
          {run.value ? "Train again" : "Train"}
        </button>
      </div>
      <div role="status">
        <Outcome task={task}>{() => null}</Outcome>
      </div>
      {run.value && <Run run={run.value} size={size} isOver={!task.isBusy.value} />}
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
      <input
        type="checkbox"
        checked={Boolean(takesOurs.value)}
        onChange={({ target }) => (takesOurs.value = target.checked)}
      />{" "}
      Train with the project's lines instead of {missing.length === 1 ? "this line" : "these lines"}
    </label>
  </div>
);

function Run({ run: { losses, accuracies, last: lastValue, ours }, size, isOver }) {
  const time = losses.findLast((loss) => loss !== null);
  return (
    <>
      <div class="curves">
        <Curve
          title="Loss of each batch"
          words={time === undefined ? "" : time.toFixed(2)}
          values={losses}
          most={size.steps}
          top={2.5}
          across="steps"
        />
        <Curve
          title="Accuracy on test digits"
          words={lastValue ? lastValue.accuracy.toFixed(2) : ""}
          values={accuracies}
          most={size.epochs}
          top={1}
          across="epochs"
          dots
        />
      </div>
      {isOver && lastValue && <TrainingResult {...{ last: lastValue, ours, size }} />}
    </>
  );
}

/** Values from left to right as a line, from 0 to `top`, and room for `most` of them, which are `across`. */
function Curve({ title, words, values, most, top, across, dots = false }) {
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
      <span class="high">{top}</span>
      <span class="low">0</span>
      <span class="end">
        {most} {across}
      </span>
    </figure>
  );
}

function TrainingResult({ last: { accuracy, misread, network, checkpoint }, ours, size }) {
  const failed = useSignal("");
  return (
    <>
      <p class="said" role="status">
        <b>
          {network.title}: its accuracy on {count(size.tests)} test images that it has never seen is{" "}
          {accuracy.toFixed(2)}.
        </b>{" "}
        These are some digits that it misreads:
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
        <OpenInPage network={{ ...network, ours }} failed={failed} />
        <button type="button" onClick={() => save(bytesOf(checkpoint), "my_network.npz")}>
          Download
        </button>
      </div>
      <p class="note">
        In the page, you draw and your own network reads; you can look inside it, and go on training it. Download gives
        you a file for <code>python predict.py --weights my_network.npz PICTURE</code>.
      </p>
      <p role="status">{failed.value}</p>
    </>
  );
}

function Digit({ image, label, answer }) {
  const canvas = useRef();
  useEffect(() => {
    const pixels = new ImageData(28, 28);
    bytesOf(image).forEach((ink, i) => pixels.data.set([255 - ink, 255 - ink, 255 - ink, 255], 4 * i));
    canvas.current.getContext("2d").putImageData(pixels, 0, 0);
  }, [image]);
  return <canvas ref={canvas} width={28} height={28} role="img" aria-label={`${a(label)}, read as ${answer}`} />;
}

/* The page with all exercises: the list, the exercise that the address names, and the learner's folder as a file. */

import { effect, signal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { Exercise } from "./exercise.jsx";
import { Folder } from "./folder.jsx";
import { findDue } from "./review.js";
import { findMissing, Train, Training } from "./train.jsx";
import { change, getState, work } from "./work.js";

const FEW = 5; // reviews that are shown at once
const TRAIN = "train", // in the place of an exercise's name
  PROVE = "prove"; // the same, further down
const hash = signal(location.hash || `#${work.peek().progress.current ?? ""}`);
addEventListener("hashchange", () => (hash.value = location.hash));

/** rules: of the reviews. size: of a training. */
export function Practise({ exercises, python, rules, size }) {
  const findExercise = (name) => exercises.find((exercise) => exercise.name === name);
  const [, review, name] = /^#(review\/)?(.*)$/.exec(hash.value) ?? [];
  const exercise = findExercise(name) ?? exercises[0];
  const isTraining = [TRAIN, PROVE].includes(name);
  const training = useMemo(() => new Training(python, size), [python]);
  const again = Boolean(review && findExercise(name) && !exercise.terminal);
  const waiting = findDue(work.value.progress, rules)
    .map(findExercise)
    .filter((one) => one && !one.terminal);
  const isNew = again && !waiting.includes(exercise);
  useEffect(() => {
    if (isNew) change(({ reviews }) => delete reviews[exercise.name]); // a new review begins
  }, [exercise, again]);
  useEffect(() => {
    if (!isTraining && work.peek().progress.current !== exercise.name)
      change(({ progress }) => (progress.current = exercise.name));
  }, [exercise, isTraining]);
  return (
    <>
      {waiting.length > 0 && <Reviews waiting={waiting} />}
      <div>
        {isTraining ? (
          <Train {...{ exercises, training }} />
        ) : (
          <Exercise key={`${exercise.name} ${again}`} {...{ exercise, python, size, again }}>
            <Onward {...{ exercises, exercise, again, waiting }} />
          </Exercise>
        )}
      </div>
      <aside aria-labelledby="h-list">
        <h2 id="h-list">Exercises</h2>
        <Score exercises={exercises} />
        <p>
          <ToTrain exercises={exercises} isHere={isTraining} />
        </p>
        {training.task.isBusy.value && !isTraining && (
          <p class="note">It is training: {training.task.python.job.value?.progress.value.toLowerCase()}</p>
        )}
        <List exercises={exercises} exercise={isTraining ? null : exercise} />
        <Folder python={python} />
      </aside>
    </>
  );
}

/** Whoever goes on to another exercise begins at its title. */
effect(() => {
  if (hash.value && document.documentElement.dataset.ready !== undefined)
    requestAnimationFrame(() =>
      document.querySelector(hash.value === `#${PROVE}` ? "#h-prove" : ".exercise h2").focus(),
    );
});

const Reviews = ({ waiting }) => (
  <section class="due" aria-labelledby="h-due">
    <h2 id="h-due">Due today: write it again, from memory</h2>
    <ul>
      {waiting.slice(0, FEW).map(({ name, title }) => (
        <li>
          <a href={`#review/${name}`}>{title}</a>
        </li>
      ))}
      {waiting.length > FEW && <li class="note">and {waiting.length - FEW} more</li>}
    </ul>
  </section>
);

const ToTrain = ({ exercises, isHere = false }) => (
  <a
    class={`button ${findMissing(exercises).length === 0 && !isHere ? "primary" : ""}`}
    href={`#${TRAIN}`}
    aria-current={isHere ? "page" : null}
  >
    Train your network
  </a>
);

/** The way from here: to the next review, to the next exercise, or to the network that is made of it. */
function Onward({ exercises, exercise, again, waiting }) {
  const state = getState(work.value, exercise);
  const isOpen = (one) => one !== exercise && !one.terminal && getState(work.value, one) !== "passed";
  const followingExercises = exercises.slice(exercise.onward[state === "passed" ? "passed" : "left"]);
  const next = again
    ? waiting.find((other) => other !== exercise)
    : (followingExercises.find(isOpen) ?? exercises.find(isOpen));
  if (!next)
    return again ? (
      <a class="button" href={`#${exercise.name}`}>
        Back to the exercise
      </a>
    ) : null;
  const isNext = again ? !waiting.includes(exercise) : state === "passed";
  const trains = !again && exercise.trains && findMissing(exercises).length === 0;
  return (
    <>
      {trains && <ToTrain exercises={exercises} />}
      <a class={`button ${isNext && !trains ? "primary" : ""}`} href={again ? `#review/${next.name}` : `#${next.name}`}>
        {again ? "Next review" : "Next"}
      </a>
    </>
  );
}

function Score({ exercises }) {
  const passedCount = exercises.filter((exercise) => getState(work.value, exercise) === "passed").length;
  const terminalCount = exercises.filter(({ terminal }) => terminal).length;
  return (
    <p id="score" class="note">
      {passedCount} of {exercises.length} passed. {terminalCount} exercises can only be done in the terminal.
    </p>
  );
}

const List = ({ exercises, exercise }) => (
  <div id="list">
    {[...Map.groupBy(exercises, ({ chapter }) => chapter)].map(([title, chapter]) => {
      const passedCount = chapter.filter((one) => getState(work.value, one) === "passed").length;
      return (
        <details name="chapter" open={chapter.includes(exercise ?? exercises[0])}>
          <summary>
            {title} <span class="done">{passedCount > 0 && `${passedCount} of ${chapter.length}`}</span>
          </summary>
          <ol start={exercises.indexOf(chapter[0]) + 1}>
            {chapter.map((one) => {
              const word = getState(work.value, one);
              return (
                <li>
                  <a
                    href={`#${one.name}`}
                    class={word === "passed" ? "passed" : ""}
                    aria-current={one === exercise ? "page" : null}
                  >
                    {one.title} <span class="done">{word}</span>
                  </a>
                </li>
              );
            })}
          </ol>
        </details>
      );
    })}
  </div>
);

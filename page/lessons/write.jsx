/* "Ask for a digit": the network of gpt_np.py writes it before the reader's eyes, patch by patch; and names, and a text. */

import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { a, percent } from "../words.js";
import { Letters, Lines, Maps, visible } from "./attention.jsx";
import { Message, Outcome } from "./show.jsx";
import { Task } from "./task.js";

const SECONDS = 60;
const ACROSS = 7, // patches in a row
  PLACES = 49,
  SIDE = 4; // pixels along a patch
const DIGITS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
const pace = () => (matchMedia("(prefers-reduced-motion: reduce)").matches ? 0 : 90); // milliseconds for each patch
const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

/** weights: {digits, names, text}, the addresses of the networks' numbers and words. */
export function Write({ python, weights }) {
  const task = useMemo(() => new Task(python, "the digit that you asked for"), [python]);
  const asked = useSignal(null),
    temperature = useSignal(0.8),
    words = useSignal(null), // 16 bytes of ink for each: small pictures
    places = useSignal([]), // {word, likely, attention} of each place, as far as Python has come
    count = useSignal(0), // so many of these are shown
    at = useSignal(0), // which of them is looked at
    weightsFile = useRef(), // the bytes at `weights`
    sheet = useRef();

  const addReport = ({ ink, ...place }) => {
    if (ink) words.value = Uint8Array.from(atob(ink), (letter) => letter.charCodeAt(0));
    else places.value = [...places.value, place];
  };
  const isWriting = () => places.value.length > 0 && (task.isBusy.value || count.value < places.value.length);
  const show = async () => {
    while (isWriting()) {
      if (count.value < places.value.length) at.value = count.value++;
      await pause(pace());
    }
  };
  const ask = async (digit) => {
    stop();
    while (task.isBusy.value) await pause(10);
    asked.value = digit;
    sheet.current.scrollIntoView({ block: "nearest" }); // it is in view while it is written
    await task.attempt(async (python) => {
      places.value = [];
      count.value = at.value = 0;
      weightsFile.current ??= await python.bytes(weights.digits);
      const request = { digit, temperature: temperature.value, seed: Math.floor(Math.random() * 2 ** 32) };
      let hasBegun = false;
      await python.ask("write_digit_to_page", request, { "writer.npz": weightsFile.current }, SECONDS, (report) => {
        addReport(report);
        if (!hasBegun && places.value.length > 0) {
          hasBegun = true;
          show();
        }
      });
      return request;
    });
  };
  const stop = () => {
    if (task.isBusy.value) task.python.stop();
    places.value = places.value.slice(0, count.value);
  };
  useEffect(() => stop, []);

  return (
    <section class="writer" aria-labelledby="ask">
      <Image
        sheet={sheet}
        words={words.value}
        written={places.value.slice(0, count.value)}
        at={at.value}
        asked={asked.value}
        onPoint={(place) => (at.value = Math.min(place, count.value - 1))}
      />
      <div>
        <h2 id="ask">Ask for a digit</h2>
        <p class="note">
          A small trained GPT writes it in your browser, one patch after the other. It draws each patch from those that
          are likely after the patches before.
        </p>
        <div class="row" role="group" aria-label="Which digit">
          {DIGITS.map((digit) => (
            <button key={digit} type="button" onClick={() => ask(digit)}>
              {digit}
            </button>
          ))}
        </div>
        <div role="status">
          {isWriting() ? (
            <p>
              It writes {a(asked.value)}.{" "}
              <button type="button" onClick={stop}>
                Stop
              </button>
            </p>
          ) : (
            <Outcome task={task}>{(request) => <Message text={outcome(request, count.value)} />}</Outcome>
          )}
        </div>
        <label>
          Temperature <b>{temperature.value.toFixed(1)}</b>
          <input
            type="range"
            min={0}
            max={1.5}
            step={0.1}
            value={temperature.value}
            onInput={({ target }) => (temperature.value = Number(target.value))}
          />
        </label>
        <p class="note">0 always takes the likeliest patch; 1 uses the probabilities that the network has learned.</p>
      </div>
      {count.value > 0 && (
        <div class="places">
          <label>
            Patch <b>{at.value + 1}</b> of {PLACES}
            <input
              type="range"
              min={1}
              max={PLACES}
              value={at.value + 1}
              onInput={({ target }) => (at.value = Math.min(target.value, count.value) - 1)}
            />
          </label>
          <Likely words={words.value} {...places.value[at.value]} />
          <Maps attention={places.value[at.value].attention} asked={asked.value} across={ACROSS} />
        </div>
      )}
      <Names {...{ python, weights, temperature }} />
      <Text {...{ python, weights, temperature }} />
    </section>
  );
}

const COUNT = 10; // names

/** The same layers, trained on names: ten of them, which go on from the reader's letters. */
function Names({ python, weights, temperature }) {
  const task = useMemo(() => new Task(python, "the names that you asked for"), [python]);
  const firstLetters = useSignal(""),
    weightsFile = useRef();
  const ask = () =>
    task.attempt(async (python) => {
      weightsFile.current ??= await python.bytes(weights.names);
      const seed = Math.floor(Math.random() * 2 ** 32);
      const request = { beginning: firstLetters.value, count: COUNT, temperature: temperature.value, seed };
      const { names } = await python.ask(
        "generate_names_with_details",
        request,
        { "writer.npz": weightsFile.current },
        SECONDS,
      );
      return names;
    });
  return (
    <form class="names" onSubmit={(event) => (event.preventDefault(), ask())}>
      <h3>Or ask for names</h3>
      <p class="note">
        The same layers have also learned names, a letter at a time. They go on from the letters that you type, or begin
        by themselves.
      </p>
      <div class="line">
        <input
          aria-label="The first letters"
          placeholder="Mar"
          maxLength={8}
          value={firstLetters.value}
          onInput={({ target }) => (firstLetters.value = target.value)}
        />
        <button type="submit" aria-disabled={task.isBusy.value}>
          Write {COUNT} names
        </button>
      </div>
      <div role="status">
        <Outcome task={task}>{(names) => <Letters names={names} />}</Outcome>
      </div>
    </form>
  );
}

const MORE = 200; // letters

/** The same layers, trained on plays: they go on with a text. */
function Text({ python, weights, temperature }) {
  const task = useMemo(() => new Task(python, "the text that you asked for"), [python]);
  const prompt = useSignal("ROMEO:"),
    about = useSignal(null), // {prompt, letters}
    writtenLetters = useSignal([]), // {word, likely, attention} of each letter, as far as Python has come
    at = useSignal(0),
    weightsFile = useRef();
  const addReport = (report) => {
    if (report.letters) about.value = report;
    else writtenLetters.value = [...writtenLetters.value, report];
  };
  const ask = () =>
    task.attempt(async (python) => {
      about.value = null;
      writtenLetters.value = [];
      at.value = 0;
      weightsFile.current ??= await python.bytes(weights.text);
      const seed = Math.floor(Math.random() * 2 ** 32);
      const request = { beginning: prompt.value, count: MORE, temperature: temperature.value, seed };
      await python.ask("write_text_to_page", request, { "writer.npz": weightsFile.current }, SECONDS, addReport);
      return {};
    });
  const point = ({ target }) => target.dataset.n && (at.value = Number(target.dataset.n));
  return (
    <form class="names" onSubmit={(event) => (event.preventDefault(), ask())}>
      <h3>Or ask for a text</h3>
      <p class="note">
        Another network has learned plays of Shakespeare, a letter at a time. It continues what you type, and sees at
        most 64 letters at once. Its weights (0.2 MB) are loaded when you ask.
      </p>
      <div class="line">
        <input
          aria-label="The beginning"
          maxLength={60}
          value={prompt.value}
          onInput={({ target }) => (prompt.value = target.value)}
        />
        <button type="submit" aria-disabled={task.isBusy.value}>
          Continue it
        </button>
      </div>
      <div role="status">
        <Outcome task={task}>{() => null}</Outcome>
      </div>
      {about.value && writtenLetters.value.length > 0 && (
        <>
          <pre class="text" tabIndex={0} onPointerMove={point} onPointerDown={point}>
            <b>{about.value.prompt}</b>
            {writtenLetters.value.map(({ word }, n) => (
              <span key={n} data-n={n} class={n === at.value ? "taken" : ""}>
                {about.value.letters[word]}
              </span>
            ))}
          </pre>
          <label>
            Letter <b>{at.value + 1}</b> of {writtenLetters.value.length}
            <input
              type="range"
              min={1}
              max={writtenLetters.value.length}
              value={at.value + 1}
              onInput={({ target }) => (at.value = target.value - 1)}
            />
          </label>
          <OneLetter {...about.value} written={writtenLetters.value} at={at.value} />
        </>
      )}
    </form>
  );
}

/** How likely a letter of a text was, and what each head looked at for it. */
function OneLetter({ prompt, letters, written, at }) {
  const { word, likely, attention } = written[at];
  const before = [...prompt, ...written.slice(0, at).map(({ word }) => letters[word])].slice(-attention[0][0].length);
  const likelyLetters = likely.map(
    ([other, p]) => `“${visible(letters[other])}” ${percent(p)}${other === word ? " (drawn)" : ""}`,
  );
  return (
    <>
      <p class="note">Likely here: {likelyLetters.join(", ")}.</p>
      <Lines attention={attention} before={before} />
    </>
  );
}

function outcome({ digit, temperature }, count) {
  if (count < PLACES) return `Stopped after ${count} of ${PLACES} patches.`;
  return `It has written ${a(digit)}. ${temperature ? "Ask again: each one is different." : "At a temperature of 0, it is always the same."}`;
}

/** The digit as far as it has been written; a frame around the patch that is looked at. onPoint(place): the reader points at it. */
function Image({ sheet, words, written, at, asked, onPoint }) {
  const canvas = useRef();
  const point = ({ clientX, clientY, currentTarget }) => {
    if (!written.length) return;
    const { left, top, width } = currentTarget.getBoundingClientRect();
    const [x, y] = [clientX - left, clientY - top].map((v) =>
      Math.max(0, Math.min(ACROSS - 1, Math.floor((v * ACROSS) / width))),
    );
    onPoint(ACROSS * y + x);
  };
  useEffect(() => {
    const context = canvas.current.getContext("2d");
    context.clearRect(0, 0, ACROSS * SIDE, ACROSS * SIDE);
    written.forEach(({ word }, place) => {
      context.putImageData(patch(words, word), SIDE * (place % ACROSS), SIDE * Math.floor(place / ACROSS));
    });
  }, [words, written.length, asked]);
  const share = (n) => `${(100 * n) / ACROSS}%`;
  return (
    <div class="sheet" ref={sheet} onPointerMove={point} onPointerDown={point}>
      <canvas
        ref={canvas}
        width={ACROSS * SIDE}
        height={ACROSS * SIDE}
        role="img"
        aria-label={
          asked === null ? "an empty sheet" : `${a(asked)}, of which ${written.length} of ${PLACES} patches are written`
        }
      />
      {written.length > 0 && (
        <span class="frame" style={{ left: share(at % ACROSS), top: share(Math.floor(at / ACROSS)) }} />
      )}
    </div>
  );
}

/** The words that it thought likeliest at a place, and the one that was drawn. */
function Likely({ words, word, likely }) {
  return (
    <table>
      <caption>What was likely here</caption>
      <tbody>
        {likely.map(([other, p]) => (
          <tr class={other === word ? "taken" : ""}>
            <td>
              <Patch words={words} word={other} />
            </td>
            <td class="share">
              <span style={{ width: `${100 * p}%` }} />
            </td>
            <td>{percent(p)}</td>
            <td>{other === word && "drawn"}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Patch({ words, word }) {
  const canvas = useRef();
  useEffect(() => canvas.current.getContext("2d").putImageData(patch(words, word), 0, 0), [words, word]);
  return <canvas ref={canvas} width={SIDE} height={SIDE} role="img" aria-label={`patch ${word}`} />;
}

/** A word as black ink on white. */
function patch(words, word) {
  const pixels = new ImageData(SIDE, SIDE);
  for (let i = 0; i < SIDE * SIDE; i++) {
    const paper = 255 - words[SIDE * SIDE * word + i];
    pixels.data.set([paper, paper, paper, 255], 4 * i);
  }
  return pixels;
}

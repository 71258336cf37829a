/* Where the network looked for a word that it wrote: the weights of its attention, which sum to 1 in each head of each block. */

import { useSignal } from "@preact/signals";
import { percent, top } from "../words.js";

const MOST = 4; // words that are named
const heads = (attention) =>
  attention.flatMap((block, b) =>
    block.map((weights, h) => ({ weights, name: `Block ${b + 1}, head ${h + 1}`, key: `${b} ${h}` })),
  );

/** Of a digit: for each head a map of the patches that were there. asked: the digit, the first word. across: patches in a row. */
export function Maps({ attention, asked, across }) {
  const pointedPatch = useSignal({}); // {key: of a head, place}
  const nameOf = (place) => (place === 0 ? `the ${asked} that you asked for` : `patch ${place}`);
  const findLargest = (weights) => top(weights.length, Math.min(MOST, weights.length), (place) => weights[place]);
  const say = ({ weights, name }, first = []) => {
    const places = [...new Set([...first, ...findLargest(weights)])];
    return `${name} looked at ${places.map((place) => `${nameOf(place)} (${percent(weights[place])})`).join(", ")}.`;
  };
  const allHeads = heads(attention),
    { key, place } = pointedPatch.value,
    head = allHeads.find((one) => one.key === key);
  return (
    <div class="looked">
      <p class="note">
        Where each head looked for this patch: at the patches before it, and at the digit (below each map). Point at a
        map, or tap it, to see the numbers.
      </p>
      <div class="maps">
        {allHeads.map((one) => (
          <button
            key={one.key}
            type="button"
            class="map"
            aria-label={`${asked}: ${percent(one.weights[0])}. ${say(one)}`}
            aria-pressed={one.key === key}
            onFocus={() => (pointedPatch.value = { key: one.key })}
            onClick={() => pointedPatch.value.key !== one.key && (pointedPatch.value = { key: one.key })}
            onPointerMove={({ target }) => (pointedPatch.value = { key: one.key, place: Number(target.dataset.place) })}
          >
            <span class="patches">
              {Array.from({ length: across * across }, (_, i) => (
                <i
                  key={i}
                  data-place={i + 1}
                  class={i + 1 === one.weights.length ? "now" : ""}
                  style={{ opacity: i + 1 < one.weights.length ? one.weights[i + 1] / Math.max(...one.weights) : 1 }}
                />
              ))}
            </span>
            {asked}: {percent(one.weights[0])}
          </button>
        ))}
      </div>
      <p class="note said">{head && say(head, place < head.weights.length ? [place] : [])}</p>
    </div>
  );
}

/** Of a letter of a text: the letters before it, tinted by what each head looked at. */
export function Lines({ attention, before }) {
  return (
    <div class="looked">
      <p class="note">What each head looked at, with the largest weights in numbers:</p>
      {heads(attention).map(({ key, name, weights }) => (
        <div key={key} class="head">
          <b>{name}</b>
          <code aria-hidden="true">
            {weights.map((share, place) => (
              <span key={place} title={percent(share)}>
                <i style={{ opacity: share / Math.max(...weights) }} />
                {visible(before[place])}
              </span>
            ))}
          </code>
          <span class="note">
            {top(weights.length, Math.min(MOST, weights.length), (place) => weights[place])
              .map(
                (place) => `“${visible(before[place])}” ${percent(weights[place])} (${weights.length - place} before)`,
              )
              .join(", ")}
          </span>
        </div>
      ))}
    </div>
  );
}

/** A letter that can be seen. */
export const visible = (letter) => ({ "\n": "⏎", " ": "␣" })[letter] ?? letter;

const letterOf = (word) => (word ? String.fromCharCode(96 + word) : "end");

/** Names that it wrote, [name, whether it has learned it, its letters]; of one of them, how likely each letter was, and what each
    head looked at for it. */
export function Letters({ names }) {
  const chosen = useSignal(0),
    at = useSignal(0);
  const [name, , letters] = names[chosen.value];
  const choose = (n) => {
    chosen.value = n;
    at.value = 0;
  };
  return (
    <>
      <ul>
        {names.map(([name, isKnown], n) => (
          <li key={n}>
            <button type="button" class="plain" aria-pressed={n === chosen.value} onClick={() => choose(n)}>
              {name[0]?.toUpperCase()}
              {name.slice(1)}
            </button>{" "}
            {isKnown && <span class="note">(a name that it has learned)</span>}
          </li>
        ))}
      </ul>
      <div class="row" role="group" aria-label={`The letters of ${name}`}>
        {letters.map(({ word }, n) => (
          <button
            key={n}
            type="button"
            aria-pressed={n === at.value}
            onClick={() => (at.value = n)}
            onPointerEnter={() => (at.value = n)}
          >
            {letterOf(word)}
          </button>
        ))}
      </div>
      <Letter name={name} {...letters[at.value]} />
    </>
  );
}

function Letter({ name, word, likely, attention }) {
  const before = [...name.slice(0, attention[0][0].length - 1)];
  const words = likely.map(([other, p]) => `${letterOf(other)} ${percent(p)}${other === word ? " (drawn)" : ""}`);
  return (
    <>
      <p class="note">
        Likely after {before.length ? `“${before.join("")}”` : "the start"}: {words.join(", ")}.
      </p>
      <table class="heads" tabIndex={0}>
        <caption>What each head looked at</caption>
        <thead>
          <tr>
            <td />
            {["start", ...before].map((letter, place) => (
              <th key={place} scope="col">
                {letter}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {heads(attention).map(({ key, name, weights }) => (
            <tr key={key}>
              <th scope="row">{name}</th>
              {weights.map((share, place) => (
                <td key={place}>
                  <i style={{ opacity: share }} />
                  {percent(share)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </>
  );
}

/* The learner's array beside the right one: where they differ is seen at a glance. */

import { useSignal } from "@preact/signals";
import { text } from "../words.js";

const ARROWS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** name: of the result. mine, right: rows of numbers, null where there is none (inf or nan): a part of an array with so many
    axes, at `lead`, its first indices, and from `corner` on. furthest: [row, column] in that part of the entry that is furthest
    off, where both have the same shape. isShut: it would tell the answer. */
export function Comparison({ name, lead, corner, axes, mine, right, furthest, isShut }) {
  const pointed = useSignal(furthest);
  if (isShut) return <p class="note">After the first hint you can see your {name} beside the right one.</p>;
  const largest = Math.max(...[mine, right].flat(2).map(Math.abs)) || 1;
  const move = (event) => {
    const [down, across] = ARROWS[event.key] ?? [];
    if (down === undefined || !pointed.value) return;
    event.preventDefault();
    const [row, column] = [pointed.value[0] + down, pointed.value[1] + across];
    if (right[row]?.[column] !== undefined) pointed.value = [row, column];
  };
  return (
    <details class="both">
      <summary>See both</summary>
      <div class="grids" role="group" aria-label={`${name}, yours and the right one`} tabIndex={0} onKeyDown={move}>
        <Grid words={`your ${name}`} rows={mine} {...{ most: largest, at: pointed, furthest }} />
        <Grid words={`the right ${name}`} rows={right} {...{ most: largest, at: pointed, furthest }} />
      </div>
      {pointed.value ? (
        <Entry {...{ name, lead, corner, axes, mine, right, furthest }} at={pointed.value} />
      ) : (
        <p class="note">Their shapes differ.</p>
      )}
    </details>
  );
}

function Entry({ name, lead, corner, axes, mine, right, furthest, at }) {
  const [row, column] = at,
    [yours, correct] = [mine[row][column], right[row][column]];
  const indexText = axes ? `[${[...lead, corner[0] + row, corner[1] + column].slice(-axes).join(", ")}]` : "";
  const isFurthest = at.join() === furthest.join();
  return (
    <p class="note" aria-live="polite">
      <code>{`${name}${indexText}`}</code>
      {isFurthest && axes > 0 && ", the furthest off"}: yours is {formatNumber(yours)}, the right one{" "}
      {formatNumber(correct)}
      {yours !== null && `, the difference ${text(yours - correct)}`}.
    </p>
  );
}

const formatNumber = (v) => (v === null ? "no finite number" : text(v));

const Grid = ({ words, rows, most, at, furthest }) => (
  <table>
    <caption>{words}</caption>
    <tbody>
      {rows.map((row, r) => (
        <tr>
          {row.map((v, c) => {
            const is = (other) => other?.[0] === r && other[1] === c;
            return (
              <td
                class={[v === null && "none", is(furthest) && "furthest", is(at.value) && "pointed"]
                  .filter(Boolean)
                  .join(" ")}
                style={{ background: v === null ? null : colour(v / most) }}
                onPointerEnter={() => furthest && (at.value = [r, c])}
              >
                <span class="unseen">{formatNumber(v)}</span>
              </td>
            );
          })}
        </tr>
      ))}
    </tbody>
  </table>
);

/** The colour of a number from -1 to 1, between those that page.css has for -1, -1/2, 0, 1/2 and 1. */
function colour(share) {
  const sign = share < 0 ? "negative" : "positive",
    size = 2 * Math.abs(share),
    [from, to] = size < 1 ? ["zero", sign] : [sign, `${sign}-far`];
  return `color-mix(in srgb, var(--${to}) ${(100 * (size < 1 ? size : size - 1)).toFixed(1)}%, var(--${from}))`;
}

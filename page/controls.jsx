/* What is used in several places: buttons, groups of buttons, sliders and bars. */

import { useState } from "preact/hooks";

import { clearFocus, point } from "./actions.js";
import { colours } from "./colours.js";
import { pointedNumber } from "./numbers.js";
import { pass } from "./passes.js";
import { focusedNumber, hoveredNumber, label } from "./state.js";
import { share } from "./visit.js";
import { DIGITS, percent, range, text } from "./words.js";

/** A button. One that is off stays where it is for those who have the focus on it. */
export function Button({ off = false, act, children, ...rest }) {
  return (
    <button type="button" aria-disabled={String(off)} onClick={() => off || act()} {...rest}>
      {children}
    </button>
  );
}

/** A button that puts into the page's address what part() says, and copies that. */
export function Share({ words, part }) {
  const [message, say] = useState("");
  const act = () =>
    share(part()).then(
      () => say("Copied: the page’s address"),
      () => say("It is in the page’s address"),
    );
  return (
    <button type="button" onClick={act} onBlur={() => say("")} aria-live="polite">
      {message || words}
    </button>
  );
}

/** The listener of an item of a group to keys: arrows, Home and End go from item to item, and from row to row. */
export const arrows = (choose) => (event) => {
  const items = [...event.currentTarget.parentElement.children],
    n = items.indexOf(event.currentTarget);
  const columns = items.filter(({ offsetTop }) => offsetTop === items[0].offsetTop).length;
  const offset = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -columns, ArrowDown: columns }[event.key];
  const next = { Home: 0, End: items.length - 1 }[event.key] ?? n + offset;
  const chosen = items[n].localName !== "button" && ["Enter", " "].includes(event.key); // a button does so by itself
  if (!(next in items) && !chosen) return;
  event.preventDefault();
  if (!chosen) items[next].focus();
  choose(chosen ? n : next);
};

/** Buttons of which one is chosen, or none (null). They stand in an element whose role is radiogroup. */
export function Radios({ count, chosen, choose, children = String, more = () => ({}) }) {
  return range(count).map((n) => (
    <button
      key={n}
      type="button"
      role="radio"
      aria-checked={String(n === chosen)}
      tabIndex={n === (chosen ?? 0) ? 0 : -1}
      onClick={() => choose(n)}
      onKeyDown={arrows(choose)}
      {...more(n)}
    >
      {children(n)}
    </button>
  ));
}

/** A slider over values of a list: `value` says which, `words` what that is. */
export function Slider({ id, name, count, value, words, act }) {
  return (
    <>
      <label for={id}>
        <span>{name}</span>{" "}
        <output id={`${id}-value`} for={id}>
          {words}
        </output>
      </label>
      <input
        id={id}
        type="range"
        min="0"
        max={count - 1}
        step="1"
        value={value}
        aria-valuetext={words}
        onInput={(event) => act(Number(event.target.value))}
      />
    </>
  );
}

/** The listeners of what stands for a number: a mouse points at it; a click, a tap or the focus holds it. */
export const pointing = (name, at) => ({
  onPointerDown: () => point(hoveredNumber, name, at()),
  onPointerMove: () => point(hoveredNumber, name, at()),
  onPointerLeave: () => (hoveredNumber.value = null),
  onClick: () => point(focusedNumber, name, at()),
  onFocus: () => point(focusedNumber, name, at()),
  onBlur: clearFocus,
});

/** Ten numbers, one for each digit. scale: the largest there may be, on either side of 0; without one they are
    probabilities. at(k): where a number belongs. before: marks on the bars. answer: which is the network's. */
export function Bars({
  name,
  label: words,
  value,
  scale,
  signs = ["negative", "positive"],
  at = (k) => ({ k }),
  before,
  answer = pass.value.answer,
}) {
  const [stop, setStop] = useState(0);
  const share = (k) => (scale ? value(k) / scale / 2 : value(k)) || 0,
    from = scale ? 0.5 : 0;
  const colour = (k) => (scale ? `var(--${signs[Number(value(k) > 0)]})` : "var(--accent)");
  const number = (v) => (!scale ? percent(v) : v && Math.abs(v) < 5e-4 ? "0.000" : text(v));
  const classes = (k) => [
    "bar",
    k === answer && "said",
    k === pass.value.y && label.value !== null && "true",
    k === pointedNumber.value.at.k && "pointed",
  ];
  return (
    <div class="bars" data-bars={name} role="listbox" aria-label={`${name.split("-")[0]}: ${words}`}>
      {DIGITS.map((k) => (
        <span
          key={k}
          class={classes(k).filter(Boolean).join(" ")}
          role="option"
          tabIndex={k === stop ? 0 : -1}
          {...pointing(name, () => at(k))}
          onFocus={() => (setStop(k), point(focusedNumber, name, at(k)))}
          onKeyDown={arrows(() => {})}
        >
          <span class="digit">{k}</span>
          <span class="track">
            <span
              class="fill"
              style={{
                left: `${100 * Math.min(from, from + share(k))}%`,
                width: `${100 * Math.abs(share(k))}%`,
                background: colour(k),
              }}
            />
            {before && <span class="before" style={{ left: `calc(${100 * before[k]}% - ${2 * before[k]}px)` }} />}
          </span>{" "}
          <span class="value">{number(value(k))}</span>
        </span>
      ))}
    </div>
  );
}

/** A canvas that `paint` paints whenever the page shows this again. */
export function Painted({ paint, ...rest }) {
  colours.value; // another scheme is a reason, too
  return <canvas {...rest} ref={(canvas) => canvas && paint(canvas)} />;
}

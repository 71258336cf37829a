/* A kernel that the reader edits moves over a digit: what it answers there, and what each position adds to dW. */

import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { text } from "../words.js";
import { convolve, gradient, padImage, SIDE } from "./convolve.js";

const KERNELS = {
  "left edges": [-1, 0, 1, -1, 0, 1, -1, 0, 1],
  "upper edges": [-1, -1, -1, 0, 0, 0, 1, 1, 1],
  blur: [1, 2, 1, 2, 4, 2, 1, 2, 1].map((v) => v / 16),
};
const LARGEST = 1e6; // of a weight: beyond it nothing is seen, and products overflow in the end
const MOVES = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };

/** image: 784 pixels from 0 to 255, in base64. */
export function Convolve({ image }) {
  const x = useRef(Array.from(atob(image), (letter) => letter.charCodeAt(0) / 255)).current,
    W = useSignal(KERNELS["left edges"]),
    position = useSignal([10, 10]); // the position that is looked at
  const y = useComputed(() => convolve(x, W.value)),
    dW = useComputed(() => gradient(x, y.value));
  const [i, j] = position.value,
    output = y.value[SIDE * i + j],
    patch = padImage(x, i, j);
  const set = (n, value) => Math.abs(value) <= LARGEST && (W.value = W.value.map((old, m) => (m === n ? value : old)));
  return (
    <section class="convolve" aria-label="A convolution">
      <p class="note">
        Point at a position, or tap it. If a picture has the focus, the arrow keys move the position. Edit the kernel.
      </p>
      <div class="pictures">
        <Picture name="x, the digit" values={x} at={position} size={3} />
        <Picture name="y, the output of the kernel" values={y.value} at={position} size={1} />
      </div>
      <div class="row" role="group" aria-label="Kernels">
        {Object.entries(KERNELS).map(([name, kernel]) => (
          <button key={name} type="button" aria-pressed={W.value === kernel} onClick={() => (W.value = kernel)}>
            {name}
          </button>
        ))}
      </div>
      <div class="nines">
        <Nine name={`x around [${i}, ${j}]`} values={patch} />
        <fieldset>
          <legend>W, the kernel</legend>
          {W.value.map((v, n) => (
            <input
              key={n}
              type="number"
              step="any"
              aria-label={`W[${Math.floor(n / 3)}, ${n % 3}]`}
              value={v}
              onInput={({ target }) => target.value && set(n, Number(target.value))}
            />
          ))}
        </fieldset>
        <Nine name={`its part of dW: x times dy = ${text(output)}`} values={patch.map((pixel) => pixel * output)} />
        <Nine name="dW, the sum of all parts" values={dW.value} />
      </div>
      <p role="status">
        y[{i}, {j}] = {text(output)}: each of the nine pixels times its weight, added up. If the loss is half the sum of
        all y², dy is y; so this position adds {text(output)} times its pixels to dW.
      </p>
    </section>
  );
}

const Nine = ({ name, values }) => (
  <table>
    <caption>{name}</caption>
    <tbody>
      {[0, 1, 2].map((u) => (
        <tr key={u}>
          {[0, 1, 2].map((v) => (
            <td key={v}>{text(values[3 * u + v])}</td>
          ))}
        </tr>
      ))}
    </tbody>
  </table>
);

/** 784 numbers as a picture, blue above 0 and red below; a frame of `size` pixels around the position `at`. */
function Picture({ name, values, at, size }) {
  const canvas = useRef();
  useEffect(() => {
    const context = canvas.current.getContext("2d"),
      colours = getComputedStyle(canvas.current),
      largest = Math.max(...values.map(Math.abs)) || 1;
    context.clearRect(0, 0, SIDE, SIDE);
    values.forEach((v, n) => {
      context.fillStyle = colours.getPropertyValue(v < 0 ? "--negative-far" : "--positive-far");
      context.globalAlpha = Math.abs(v) / largest;
      context.fillRect(n % SIDE, Math.floor(n / SIDE), 1, 1);
    });
  }, [values]);
  const move = (i, j) => (at.value = [i, j].map((v) => Math.max(0, Math.min(SIDE - 1, v))));
  const point = ({ clientX, clientY, currentTarget }) => {
    const { left, top, width } = currentTarget.getBoundingClientRect();
    move(...[clientY - top, clientX - left].map((v) => Math.floor((v * SIDE) / width)));
  };
  const press = (event) => {
    const offset = MOVES[event.key];
    if (!offset) return;
    event.preventDefault();
    move(at.value[0] + offset[0], at.value[1] + offset[1]);
  };
  const share = (n) => `${(100 * (n - (size - 1) / 2)) / SIDE}%`;
  return (
    <figure>
      <figcaption>{name}</figcaption>
      <div
        class="over"
        role="application"
        aria-label={`${name}: position ${at.value.join(", ")}, ${text(values[SIDE * at.value[0] + at.value[1]])}`}
        tabIndex={0}
        onPointerMove={point}
        onPointerDown={point}
        onKeyDown={press}
      >
        <canvas ref={canvas} width={SIDE} height={SIDE} />
        <span
          class="frame"
          style={{
            left: share(at.value[1]),
            top: share(at.value[0]),
            width: `${(100 * size) / SIDE}%`,
            height: `${(100 * size) / SIDE}%`,
          }}
        />
      </div>
    </figure>
  );
}

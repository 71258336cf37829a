/* What the pages show in more than one place. */

import { useEffect, useRef } from "preact/hooks";

/** A ref for the button that began something: it gets the focus back, if what had it is gone when that is over. */
export function useFocusBack(isBusy) {
  const button = useRef(),
    was = useRef(false);
  useEffect(() => {
    const isLost = document.activeElement === document.body;
    if (was.current && !isBusy.value && isLost) button.current.focus({ preventScroll: true });
    was.current = isBusy.value;
  }, [isBusy.value]);
  return button;
}

/** HTML that the build has made. */
export const Html = ({ as: Tag = "div", made, ...more }) => (
  <Tag {...more} dangerouslySetInnerHTML={{ __html: made }} />
);

/** Each line of a text as a paragraph; indented ones are code. */
export const Said = ({ text }) =>
  [...text.matchAll(/((?:^ {4}.*\n?)+)|^(.+)$/gm)].map(([, code, line]) =>
    code ? (
      <pre tabIndex={0}>{code.trimEnd()}</pre>
    ) : (
      <p>{line.split("`").map((part, i) => (i % 2 ? <code>{part}</code> : part))}</p>
    ),
  );

/** What a program printed. */
export const Printed = ({ note, text }) => (
  <>
    {note && <p class="note">{note}</p>}
    <pre tabIndex={0}>{text}</pre>
  </>
);

/** What stands in the place of an answer until Python has it. */
export const Waiting = ({ python }) =>
  python.isReady.value ? (
    <p>
      Running …{" "}
      <button type="button" onClick={() => python.stop()}>
        Stop
      </button>
    </p>
  ) : (
    <p>
      Python is on its way. (It stays in this browser.){" "}
      <progress max={1} aria-label="download" value={python.received.value} />
    </p>
  );

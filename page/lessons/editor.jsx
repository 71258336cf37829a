/* An editor for Python: CodeMirror, in the colours of lessons.css. Tab indents; Escape, then Tab, leaves it. */

import { indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Annotation, Prec } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import { useSignalEffect } from "@preact/signals";
import { minimalSetup } from "codemirror";
import { useEffect, useRef } from "preact/hooks";
import { chord } from "./words.js";

const fromState = Annotation.define(); // marks a change that comes from the state, and not from the keyboard
const isFollowing = (transaction) => transaction.annotation(fromState);
const KEYS = ["@", "(", ")", "[", "]", "=", "*", "+", "-", "/", "<", ">", ".", ",", ":", "_"]; // which a phone hides

/** What is typed over a selection: left to itself, Chrome keeps the look of what it replaces in a style of its own, which the
    page's policy forbids and the console then reports. */
function replace(event, view) {
  const { inputType, data, isComposing } = event;
  if (inputType !== "insertText" || !data || isComposing || view.state.selection.main.empty) return false;
  view.dispatch(view.state.replaceSelection(data), { userEvent: "input.type", scrollIntoView: true });
  return true; // and CodeMirror prevents the rest
}

/** An editor that shows what the signal `text` holds, and calls onChange with another one; `before` lines of the file stand above it.
    Ctrl+Enter (on a Mac ⌘+Enter) calls onEnter, which does what `does` says, as the button `verb` among a phone's keys. `at` gets {focus} to put the cursor into it. */
export function Editor({ text, label, before = 0, onChange, onEnter, does, verb, at = {} }) {
  const place = useRef(),
    view = useRef(),
    call = useRef();
  call.current = { onChange, onEnter };
  useEffect(() => {
    view.current = new EditorView({
      parent: place.current,
      doc: text.peek(),
      extensions: [
        EditorView.domEventHandlers({ beforeinput: replace }),
        Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => (call.current.onEnter(), true) }, indentWithTab])),
        lineNumbers({ formatNumber: (n) => String(n + before) }),
        minimalSetup,
        bracketMatching(),
        EditorView.lineWrapping,
        python(),
        indentUnit.of("    "),
        syntaxHighlighting(classHighlighter),
        EditorView.cspNonce.of("editor"),
        EditorView.scrollMargins.of(() => ({ bottom: 64 })), // the line that is written stays above the keys
        EditorView.contentAttributes.of({
          "aria-label": label,
          "aria-description": `${leave} ${chord} ${does}.`,
          tabindex: "0",
        }),
        EditorView.updateListener.of(
          (update) =>
            update.docChanged &&
            !update.transactions.some(isFollowing) &&
            call.current.onChange(update.state.doc.toString()),
        ),
      ],
    });
    at.focus = () => view.current.focus();
    return () => view.current.destroy();
  }, [label]);
  useSignalEffect(() => {
    const newText = text.value,
      { doc } = view.current.state;
    if (doc.toString().trimEnd() !== newText.trimEnd()) {
      view.current.dispatch({ changes: { from: 0, to: doc.length, insert: newText }, annotations: fromState.of(true) });
    }
  });
  const enter = () => {
    document.activeElement.blur(); // a phone's keyboard goes, and shows what was said
    onEnter();
  };
  const type = (insert) => view.current.dispatch(view.current.state.replaceSelection(insert), { scrollIntoView: true });
  return (
    <div class="editor">
      <div ref={place} />
      <div class="keys" role="toolbar" aria-label="Characters">
        <button type="button" class="primary" onPointerDown={(event) => event.preventDefault()} onClick={enter}>
          {verb}
        </button>
        {[...KEYS, "⇥"].map((key) => (
          <button
            type="button"
            aria-label={key === "⇥" ? "indent" : key}
            onPointerDown={(event) => event.preventDefault()}
            onClick={() => type(key === "⇥" ? "    " : key)}
          >
            {key}
          </button>
        ))}
      </div>
      <p class="note keyboard">
        {chord} {does}. {leave}
      </p>
    </div>
  );
}

const leave = "Tab indents; Escape, then Tab, leaves the editor.";

/** On a phone the keys stand on its keyboard, which covers the window's lower part: how much of it is what lessons.css needs. */
function raiseKeys() {
  const { height, offsetTop } = visualViewport;
  document.documentElement.style.setProperty("--covered", `${Math.max(innerHeight - height - offsetTop, 0)}px`);
}
for (const change of ["resize", "scroll"]) visualViewport?.addEventListener(change, raiseKeys);

/* An editor for Python: CodeMirror, in the colours of lessons.css. Tab indents; Escape, then Tab, leaves it. */

import { indentWithTab } from "@codemirror/commands";
import { python } from "@codemirror/lang-python";
import { bracketMatching, indentUnit, syntaxHighlighting } from "@codemirror/language";
import { Prec } from "@codemirror/state";
import { EditorView, keymap, lineNumbers } from "@codemirror/view";
import { classHighlighter } from "@lezer/highlight";
import { minimalSetup } from "codemirror";

/** An editor with this text; `before` lines of the file stand above it. Ctrl+Enter (on a Mac ⌘+Enter) calls onEnter. */
export function editor({ text, label, before = 0, onChange = () => {}, onEnter }) {
  const view = new EditorView({
    doc: text,
    extensions: [
      Prec.highest(keymap.of([{ key: "Mod-Enter", run: () => (onEnter(), true) }, indentWithTab])),
      lineNumbers({ formatNumber: (n) => String(n + before) }),
      minimalSetup,
      bracketMatching(),
      EditorView.lineWrapping,
      python(),
      indentUnit.of("    "),
      syntaxHighlighting(classHighlighter),
      EditorView.cspNonce.of("editor"),
      EditorView.contentAttributes.of({ "aria-label": label, tabindex: "0" }),
      EditorView.updateListener.of((update) => update.docChanged && onChange(update.state.doc.toString())),
    ],
  });
  return {
    element: view.dom,
    get text() {
      return view.state.doc.toString();
    },
    set text(text) {
      view.dispatch({ changes: { from: 0, to: view.state.doc.length, insert: text } });
    },
    focus: () => view.focus(),
  };
}

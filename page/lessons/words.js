/* What the front page and the pages of the site call the same thing. */

export const TOO_OLD =
  "This browser cannot run Python: you need Chrome or Edge 137, Firefox 131, Safari 18.4, or a later version.";

/** The keys that mark a line, on this machine. */
export const chord = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘+Enter" : "Ctrl+Enter";

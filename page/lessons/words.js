/* What the front page and the pages of the site call the same thing. */

/** The keys that mark a line, on this machine. */
export const chord = /Mac|iPhone|iPad/.test(navigator.platform) ? "⌘+Enter" : "Ctrl+Enter";

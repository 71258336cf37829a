/* HTML elements, briefly: element("p.note", {title: "..."}, "text", child). */

export function element(name, attributes, ...children) {
  const [tag, ...classes] = name.split(".");
  const made = document.createElement(tag);
  if (classes.length) made.className = classes.join(" ");
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== false && value != null) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child != null));
  return made;
}

/** Each line of a text as a paragraph; indented ones are code. */
export function paragraphs(text) {
  const made = [];
  for (const [, code, line] of text.matchAll(/((?:^ {4}.*\n?)+)|^(.+)$/gm)) {
    made.push(code ? element("pre", { tabindex: 0 }, code.trimEnd()) : element("p", {}, ...coded(line)));
  }
  return made;
}

/** A line with its `code` as elements. */
const coded = (line) => line.split("`").map((part, i) => (i % 2 ? element("code", {}, part) : part));

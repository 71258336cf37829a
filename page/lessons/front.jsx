/* The network that writes, on the front page: Python is fetched when the reader asks for a digit, and not before. */

import { render } from "preact";
import { Boundary } from "./boundary.jsx";
import { Python, workOffline } from "./python.js";
import { Write } from "./write.jsx";

for (const place of document.querySelectorAll("[data-widget]")) {
  const { runtime, weights } = JSON.parse(place.dataset.runtime);
  const python = new Python(runtime);
  workOffline(python);
  const shown = <Write python={python} weights={weights} />;
  render(<Boundary>{shown}</Boundary>, place);
}

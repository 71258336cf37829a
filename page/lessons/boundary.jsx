/* Around a part of a page: what fails in it is reported in the console, and stops nothing else. */

import { Component } from "preact";
import { clearStorage } from "./storage.js";

/** If it fails because of what another version has kept, it need not fail for good. */
function startAfresh() {
  clearStorage();
  location.reload();
}

export class Boundary extends Component {
  componentDidCatch(error) {
    reportError(error);
    this.setState({ failed: true });
  }

  render({ children }, { failed }) {
    if (!failed) return children;
    return (
      <p class="note">
        This part has failed.{" "}
        <button type="button" onClick={startAfresh}>
          Forget old results, and load this page again
        </button>
      </p>
    );
  }
}

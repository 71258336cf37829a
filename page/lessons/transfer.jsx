/* What leaves these pages: a file, or a network for index.html. */

import { clearStorage } from "./storage.js";

/** Save a file of these bytes. */
export function save(bytes, name) {
  const address = URL.createObjectURL(new Blob([bytes]));
  Object.assign(document.createElement("a"), { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address), 1000);
}

/** The bytes of such a text in base64. */
export const bytesOf = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));

/** A link to the page with the network, which shows this one there. */
export const OpenInPage = ({ network, failed }) => (
  <a
    class="button primary"
    href="index.html"
    onClick={(event) => leaveNetwork(network, failed) || event.preventDefault()}
  >
    Open it in the page
  </a>
);

/** Put a network where index.html finds it: whether that worked. */
function leaveNetwork(network, failed) {
  try {
    localStorage.setItem("network", JSON.stringify(network));
    localStorage.removeItem("shown"); // the page's own network
    return true;
  } catch {
    failed.value = "This browser cannot store the network: its storage is blocked or full.";
    return false;
  }
}

/** index.html shows its own network again, and nothing is kept of what led to the reader's. */
export function removeNetwork() {
  clearStorage();
  try {
    for (const name of ["network", "shown"]) localStorage.removeItem(name);
  } catch {} // it keeps nothing
}

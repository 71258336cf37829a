/* The learner's folder as a file: to keep, to hand in, to take to the terminal and back. */

import { useSignal } from "@preact/signals";
import { OpenInPage, save, takeBack } from "./hand.jsx";
import { add, change, folder, isKept, nothing, replace, work } from "./work.js";

async function download(python) {
  const { files } = await python.ask("pack", {}, folder(work.value));
  const name = prompt("Your name, for the name of the file:");
  if (name !== null) save(files["my_practice.zip"], `${name || "my_practice"}.zip`);
}

async function upload(python, file) {
  const { work: found } = await python.ask(
    "unpack",
    {},
    { "my_practice.zip": new Uint8Array(await file.arrayBuffer()) },
  );
  change((next) => {
    for (const [name, text] of Object.entries(found.files)) replace(next, name, text);
    Object.assign(next.passed, found.passed);
    add(next.progress, found.progress);
  });
  return `Exercises opened: ${Object.keys(found.files).length}.`;
}

/** Where a browser keeps nothing, that is said wherever something is written. */
export const Unkept = ({ python }) => {
  const said = useSignal("");
  if (isKept.value) return null;
  return (
    <div class="unkept">
      <p>
        This browser keeps nothing: its storage is denied, or full. What you write is gone when you close this page.
      </p>
      <button type="button" onClick={() => telling(said, python, () => download(python))}>
        Download my work
      </button>
      <p class="note" role="status">
        {said.value}
      </p>
    </div>
  );
};

/** Do it, and say in the meantime that it is being done, and afterwards what it says, or why it did not work. */
async function telling(said, python, act) {
  said.value = "One moment …";
  try {
    said.value = (await act()) ?? "";
  } catch (error) {
    said.value = `It did not work. ${python.explain(error)}`;
  }
}

/** A checkpoint, as the terminal leaves it and predict.py reads it, for index.html to show. */
function OpenNetwork({ python }) {
  const said = useSignal(""),
    opened = useSignal(null);
  const open = async ({ target }) => {
    const [{ name }] = target.files;
    opened.value = null;
    await telling(said, python, async () => {
      const bytes = new Uint8Array(await target.files[0].arrayBuffer());
      opened.value = (await python.ask("open_network", { name }, { [name]: bytes })).network;
      return `${opened.value.title}: ${opened.value.words}.`;
    });
    target.value = "";
  };
  return (
    <>
      <h3>A network</h3>
      <p class="note">One that you have trained here or in the terminal: a checkpoint, such as my_network.npz.</p>
      <div class="row">
        <label class="button">
          Open a network <input id="network" type="file" accept=".npz" class="unseen" onChange={open} />
        </label>
        {opened.value && <OpenInPage network={opened.value} failed={said} />}
      </div>
      <p class="note" role="status">
        {said.value}
      </p>
    </>
  );
}

export function Folder({ python }) {
  const said = useSignal("");
  const afresh = () => {
    // For the next learner at this machine.
    if (!confirm("Delete all your work from this browser? What you have not downloaded is lost.")) return;
    change((next) => Object.assign(next, nothing()));
    takeBack();
    location.replace(location.pathname); // what this page still shows goes, too
  };
  const open = async ({ target }) => {
    await telling(said, python, () => upload(python, target.files[0]));
    target.value = "";
  };
  return (
    <>
      <h3>Your work</h3>
      {isKept.value ? (
        <p class="note">It stays in this browser. To keep a copy, or to hand it in:</p>
      ) : (
        <Unkept python={python} />
      )}
      <div class="row">
        {isKept.value && (
          <button type="button" onClick={() => telling(said, python, () => download(python))}>
            Download my work
          </button>
        )}
        <label class="button">
          Open my work <input id="upload" type="file" accept=".zip" class="unseen" onChange={open} />
        </label>
        <button type="button" onClick={afresh}>
          Start afresh
        </button>
      </div>
      <p id="folder" class="note" role="status">
        {said.value}
      </p>
      <OpenNetwork python={python} />
    </>
  );
}

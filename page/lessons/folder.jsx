/* The learner's folder as a file: to keep, to hand in, to take to the terminal and back. */

import { useSignal } from "@preact/signals";
import { OpenInPage, takeBack } from "./hand.jsx";
import { download, Unkept, useFile } from "./unkept.jsx";
import { add, change, isKept, nothing, replace } from "./work.js";

async function upload(python, file) {
  const {
    work: found,
    damaged,
    unread,
  } = await python.ask("unpack", { name: file.name }, { [file.name]: new Uint8Array(await file.arrayBuffer()) });
  change((next) => {
    for (const [name, text] of Object.entries(found.files)) replace(next, name, text);
    Object.assign(next.passed, found.passed);
    add(next.progress, found.progress);
  });
  const lost = unread && ` Cannot be read: ${unread}.`;
  const opened = `Exercises opened: ${Object.keys(found.files).length}.${lost}`;
  return damaged ? `${opened} The progress.json in it is damaged, and was left out: mark them again.` : opened;
}

/** A checkpoint, as the terminal leaves it and predict.py reads it, for index.html to show. */
function OpenNetwork({ python }) {
  const [task, Status] = useFile(python, "the opening of a network"),
    opened = useSignal(null),
    failed = useSignal("");
  const open = async ({ target }) => {
    const [file] = target.files;
    opened.value = null;
    await task.attempt(async (python) => {
      const bytes = new Uint8Array(await file.arrayBuffer());
      opened.value = (await python.ask("open_network", { name: file.name }, { [file.name]: bytes })).network;
      return `${opened.value.title}, ${opened.value.words}.`;
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
        {opened.value && <OpenInPage network={opened.value} failed={failed} />}
      </div>
      <Status />
      <p class="note">{failed.value}</p>
    </>
  );
}

export function Folder({ python }) {
  const [task, Status] = useFile(python, "your file");
  const afresh = () => {
    // For the next learner at this machine.
    if (!confirm("Delete all your work from this browser? What you have not downloaded is lost.")) return;
    change((next) => Object.assign(next, nothing()));
    takeBack();
    location.replace(location.pathname); // what this page still shows goes, too
  };
  const open = async ({ target }) => {
    await task.attempt((python) => upload(python, target.files[0]));
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
          <button type="button" onClick={() => task.attempt(download)}>
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
      <div id="folder">
        <Status />
      </div>
      <OpenNetwork python={python} />
    </>
  );
}

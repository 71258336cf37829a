/* The learner's folder as a file: to keep, to hand in, to take to the terminal and back. */

import { useSignal } from "@preact/signals";
import { download, StorageWarning, useFile } from "./storage.jsx";
import { OpenInPage, removeNetwork } from "./transfer.jsx";
import { add, change, isStored, makeEmptyWork, replace } from "./work.js";

async function upload(python, file) {
  const {
    work: files,
    damaged,
    skipped,
  } = await python.ask(
    "unpack_work",
    { archive_name: file.name },
    { [file.name]: new Uint8Array(await file.arrayBuffer()) },
  );
  change((next) => {
    for (const [name, text] of Object.entries(files.files)) replace(next, name, text);
    Object.assign(next.passed, files.passed);
    add(next.progress, files.progress);
  });
  const lostFiles = skipped && ` Cannot be read: ${skipped}.`;
  const openFile = `Exercises opened: ${Object.keys(files.files).length}.${lostFiles}`;
  return damaged ? `${openFile} Its progress.json is damaged and was ignored: mark the exercises again.` : openFile;
}

/** A checkpoint, as the terminal leaves it and predict.py reads it, for index.html to show. */
function OpenNetwork({ python }) {
  const [task, Status] = useFile(python, "the opening of a network"),
    openFile = useSignal(null),
    failed = useSignal("");
  const open = async ({ target }) => {
    const [file] = target.files;
    openFile.value = null;
    await task.attempt(async (python) => {
      const bytes = new Uint8Array(await file.arrayBuffer());
      openFile.value = (await python.ask("pack_checkpoint", { name: file.name }, { [file.name]: bytes })).network;
      return `${openFile.value.title}, ${openFile.value.words}.`;
    });
    target.value = "";
  };
  return (
    <>
      <h3>A network</h3>
      <p class="note">A network that you trained here or in the terminal: a checkpoint, such as my_network.npz.</p>
      <div class="row">
        <label class="button">
          Open a network <input id="network" type="file" accept=".npz" class="unseen" onChange={open} />
        </label>
        {openFile.value && <OpenInPage network={openFile.value} failed={failed} />}
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
    if (!confirm("Delete all your work from this browser? Whatever you have not downloaded will be lost.")) return;
    change((next) => Object.assign(next, makeEmptyWork()));
    removeNetwork();
    location.replace(location.pathname); // what this page still shows goes, too
  };
  const open = async ({ target }) => {
    await task.attempt((python) => upload(python, target.files[0]));
    target.value = "";
  };
  return (
    <>
      <h3>Your work</h3>
      {isStored.value ? (
        <p class="note">Your work stays in this browser. To keep a copy, or to hand it in:</p>
      ) : (
        <StorageWarning python={python} />
      )}
      <div class="row">
        {isStored.value && (
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

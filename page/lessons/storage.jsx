/* Where a browser keeps nothing: that is said, and the work can be downloaded. */

import { useMemo } from "preact/hooks";
import { Message, Outcome } from "./show.jsx";
import { Task } from "./task.js";
import { save } from "./transfer.jsx";
import { folder, isStored, work } from "./work.js";

export async function download(python) {
  const { files } = await python.ask("write_work_archive", {}, folder(work.value));
  const name = prompt("Your name, for the file name:");
  if (name !== null) save(files["my_practice.zip"], `${name || "my_practice"}.zip`);
  return "";
}

/** A task with the learner's file, and where it says what became of it. */
export function useFile(python, purpose) {
  const task = useMemo(() => new Task(python, purpose), [python, purpose]);
  const Status = () => (
    <div class="note" role="status">
      <Outcome task={task}>{(words) => <Message text={words} />}</Outcome>
    </div>
  );
  return [task, useMemo(() => Status, [task])];
}

/** Where a browser keeps nothing, that is said wherever something is written. */
export const StorageWarning = ({ python }) => {
  const [task, Status] = useFile(python, "your download");
  if (isStored.value) return null;
  return (
    <div class="storage-warning">
      <p>
        This browser cannot store anything: its storage is blocked or full. Your work is lost when you close this page.
      </p>
      <button type="button" onClick={() => task.attempt(download)}>
        Download my work
      </button>
      <Status />
    </div>
  );
};

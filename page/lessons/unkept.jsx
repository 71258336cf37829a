/* Where a browser keeps nothing: that is said, and the work can be downloaded. */

import { useMemo } from "preact/hooks";
import { save } from "./hand.jsx";
import { Said, Told } from "./show.jsx";
import { Task } from "./task.js";
import { folder, isKept, work } from "./work.js";

export async function download(python) {
  const { files } = await python.ask("pack", {}, folder(work.value));
  const name = prompt("Your name, for the name of the file:");
  if (name !== null) save(files["my_practice.zip"], `${name || "my_practice"}.zip`);
  return "";
}

/** A task with the learner's file, and where it says what became of it. */
export function useFile(python, what) {
  const task = useMemo(() => new Task(python, what), [python, what]);
  const Status = () => (
    <div class="note" role="status">
      <Told task={task}>{(words) => <Said text={words} />}</Told>
    </div>
  );
  return [task, useMemo(() => Status, [task])];
}

/** Where a browser keeps nothing, that is said wherever something is written. */
export const Unkept = ({ python }) => {
  const [task, Status] = useFile(python, "your download");
  if (isKept.value) return null;
  return (
    <div class="unkept">
      <p>
        This browser keeps nothing: its storage is denied, or full. What you write is gone when you close this page.
      </p>
      <button type="button" onClick={() => task.attempt(download)}>
        Download my work
      </button>
      <Status />
    </div>
  );
};

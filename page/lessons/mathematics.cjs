/* TeX to MathML, at build time: a line of JSON in, {tex, displayMode}, a line of JSON out. */

const temml = require("temml");

require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { tex, displayMode } = JSON.parse(line);
    const made = temml.renderToString(tex, { displayMode, throwOnError: true });
    console.log(JSON.stringify(made.replace(/ style="[^"]*"/g, ""))); // lessons.css has what it needs of them
  });

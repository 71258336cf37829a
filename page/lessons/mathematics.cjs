/* TeX to MathML, at build time: a line of JSON in, {tex, displayMode}, a line of JSON out. */

const temml = require("temml");

require("node:readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => {
    const { tex, displayMode } = JSON.parse(line);
    const onTheLine = tex.replaceAll("'", "{\\prime}"); // a prime set as a power is as small as a dot where no font is made for mathematics
    const made = temml.renderToString(onTheLine, { displayMode, throwOnError: true });
    console.log(JSON.stringify(made.replace(/ style="[^"]*"/g, ""))); // lessons.css has what it needs of them
  });

/* Load the script of a page. If something else has come in its place, and the browser has cached it, that would survive every
   reload: ask for the script anew. This text stands in the page, because it could not mend itself. */

const { version } = document.documentElement.dataset;
const address = `./lessons.js?${version}`;
import(address).catch(async () => {
  await fetch(address, { cache: "reload" });
  await import(`${address}&${Date.now()}`); // a module that has failed stays failed under its address
});

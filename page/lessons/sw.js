/* A service worker: once Python is in this browser, the site works without a network. page/site.py fills the holes: NAME has
   the digest of all files, so another version of the site keeps its own. With a network, the site answers. FILES are kept at
   once; pictures, and networks that only some readers ask for, when they have come. */

const NAME = "{{name}}",
  FILES = JSON.parse(`{{files}}`);

addEventListener("install", (event) => event.waitUntil(keep()));
addEventListener("activate", (event) => event.waitUntil(forgetOthers()));
addEventListener("fetch", (event) => {
  const { method, url } = event.request;
  if (method === "GET" && url.startsWith(registration.scope)) event.respondWith(answer(event));
});

async function keep() {
  const cache = await caches.open(NAME);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
  await skipWaiting();
}

async function forgetOthers() {
  const oldNames = (await caches.keys()).filter((name) => name.startsWith("pages ") && name !== NAME);
  await Promise.all(oldNames.map((name) => caches.delete(name)));
  await clients.claim();
}

async function keepToo(request, response) {
  const cache = await caches.open(NAME);
  await cache.put(request, response).catch(() => {}); // no room
}

/** What the site answers; where it cannot be reached, what is kept. */
async function answer(event) {
  const { request } = event;
  try {
    const response = await fetch(request);
    const isMore = request.destination === "image" || request.url.endsWith(".npz");
    if (isMore && response.ok) event.waitUntil(keepToo(request, response.clone()));
    return response;
  } catch (error) {
    const address = request.url === registration.scope ? `${request.url}index.html` : request.url;
    const cachedResponse = await caches.match(address, { ignoreSearch: true });
    if (cachedResponse) return cachedResponse;
    throw error;
  }
}

// The service worker of the job cards: the page and what it is built from, kept for when there is no
// network. It never touches /api: what was done waits in the queue of the page (queue.js).

const CACHE = "millbrain-cards-1";
const WAIT_MS = 3000;
const PAGE = "/cards";

const isPart = (url) => url.pathname.startsWith("/static/") || url.pathname.startsWith("/words/");

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) {
      if (name.startsWith("millbrain-cards-") && name !== CACHE) await caches.delete(name);
    }
    await self.clients.claim();
  })());
});

// A page says what it was built from: there is no list of files to forget one in.
self.addEventListener("message", (event) => {
  if (event.data?.keep) event.waitUntil(keep(event.data.keep));
});

async function keep(addresses) {
  const cache = await caches.open(CACHE);
  await Promise.all(addresses.map(async (address) => {
    const url = new URL(address, self.location.origin);
    if (url.origin !== self.location.origin || !(isPart(url) || url.pathname === PAGE)) return;
    const answer = await fetch(url, { credentials: "same-origin", cache: "no-cache" });
    if (answer.ok && !answer.redirected) await cache.put(keyOf(url), answer);
  }));
}

/** The page is one, whatever station stands in its address. */
const keyOf = (url) => (url.pathname === PAGE ? PAGE : url.pathname);

self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (event.request.method !== "GET" || url.origin !== self.location.origin) return;
  const isPage = event.request.mode === "navigate" && url.pathname === PAGE;
  if (isPage || isPart(url)) event.respondWith(answer(event.request, url));
});

async function answer(request, url) {
  const cache = await caches.open(CACHE);
  const held = await cache.match(keyOf(url));
  try {
    const fresh = await fetch(request, held ? { signal: AbortSignal.timeout(WAIT_MS) } : {});
    if (fresh.ok && fresh.type === "basic" && !fresh.redirected) await cache.put(keyOf(url), fresh.clone());
    return fresh.status >= 500 && held ? held : fresh;
  } catch (error) {
    if (held) return held;
    throw error;
  }
}

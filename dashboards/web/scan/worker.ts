// Keeps the scanner on the device: its document is asked for first and taken from the cache where nobody answers, its files,
// whose names change with what they hold, come from the cache. Answers of the API are never kept.
export {};

interface Waits extends Event {
  waitUntil: (done: Promise<unknown>) => void;
}
interface Fetches extends Waits {
  request: Request;
  respondWith: (answer: Promise<Response>) => void;
}
const worker = self as unknown as {
  addEventListener: (name: string, listen: (event: never) => void) => void;
  skipWaiting: () => Promise<void>;
  clients: { claim: () => Promise<void> };
  location: Location;
};

const CACHE = 'eventra-scan';
const DOCUMENT = '/scan/';
/** How long the server may take before the kept document is shown, milliseconds. */
const ANSWER_WITHIN_MS = 3_000;

/** Keeps the document and what it names, and lets go of what it names no longer. */
async function keep(response: Response): Promise<void> {
  const cache = await caches.open(CACHE);
  const text = await response.clone().text();
  const named = [...text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map((match) => match[1] ?? '');
  const missing = named.filter((path) => path.startsWith('/assets/'));
  for (const path of missing) if (!(await cache.match(path))) await cache.add(path);
  await cache.put(DOCUMENT, response);
  for (const kept of await cache.keys()) {
    const { pathname } = new URL(kept.url);
    if (pathname.startsWith('/assets/') && !named.includes(pathname)) await cache.delete(kept);
  }
}

async function freshDocument(): Promise<Response> {
  const headers = { accept: 'text/html' };
  const response = await fetch(DOCUMENT, { headers, signal: AbortSignal.timeout(ANSWER_WITHIN_MS) });
  if (!response.ok) throw new Error(`the document is answered with ${response.status}`);
  await keep(response.clone());
  return response;
}

async function document(): Promise<Response> {
  try {
    return await freshDocument();
  } catch (error) {
    const kept = await caches.match(DOCUMENT);
    if (kept) return kept;
    throw error;
  }
}

async function file(request: Request): Promise<Response> {
  const kept = await caches.match(request);
  if (kept) return kept;
  const response = await fetch(request);
  if (response.ok) await (await caches.open(CACHE)).put(request, response.clone());
  return response;
}

worker.addEventListener('install', (event: Waits) => {
  event.waitUntil(freshDocument().then(() => worker.skipWaiting()));
});
worker.addEventListener('activate', (event: Waits) => {
  event.waitUntil(worker.clients.claim());
});
worker.addEventListener('fetch', (event: Fetches) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== 'GET' || url.origin !== worker.location.origin) return;
  if (request.mode === 'navigate') event.respondWith(document());
  else if (
    url.pathname.startsWith('/assets/') ||
    ['/icon.svg', '/scan/app.webmanifest'].includes(url.pathname)
  )
    event.respondWith(file(request));
});

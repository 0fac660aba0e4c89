// Questions to the kernel, and files that a page fetches once.

/**
 * @typedef {{
 *   get(name: string): any, set(name: string, value: any): void, save_changes(): void,
 *   on(event: string, listener: (...values: any[]) => void): void,
 *   off(event: string, listener: (...values: any[]) => void): void,
 *   send(content: any, callbacks?: any, buffers?: (ArrayBuffer | ArrayBufferView)[]): void,
 * }} Model  What anywidget hands to `render`.
 * @typedef {{value: any, buffers: DataView[]}} Answer
 */

/** The kernel understood, and said no: `message` is its sentence for people. */
export class Refusal extends Error {}

/** @type {WeakMap<Model, Map<string, {resolve: (answer: Answer) => void, reject: (error: Error) => void}>>} */
const waiting = new WeakMap();
const page = crypto.getRandomValues(new Uint32Array(1))[0].toString(36); // another page of the same model has another name
let asked = 0;

/** @param {Model} model */
function listening(model) {
  let open = waiting.get(model);
  if (open) return open;
  open = new Map();
  waiting.set(model, open);
  model.on("msg:custom", (/** @type {any} */ content, /** @type {DataView[]} */ buffers) => {
    if (content?.kind !== "answer") return;
    const asker = open.get(content.ask);
    if (!asker) return;
    open.delete(content.ask);
    if ("error" in content) asker.reject(new Refusal(content.error));
    else asker.resolve({ value: content.value, buffers: buffers ?? [] });
  });
  return open;
}

/**
 * Ask the kernel something; the promise fails with a Refusal where it says no.
 * @param {Model} model
 * @param {string} what
 * @param {Record<string, any>} values
 * @param {(ArrayBuffer | ArrayBufferView)[]} buffers
 * @returns {Promise<Answer>}
 */
export function ask(model, what, values = {}, buffers = []) {
  const open = listening(model);
  const number = `${page}-${++asked}`;
  return new Promise((resolve, reject) => {
    open.set(number, { resolve, reject });
    model.send({ ...values, kind: "ask", ask: number, what }, undefined, buffers);
  });
}

/** @type {Map<string, Promise<any>>} What this page has fetched, whichever widget asked first. */
const fetched = ((globalThis))[Symbol.for("deepcomposer_lab.assets")] ??= new Map();

/**
 * Return the bytes of a file of the package: from this page, from the browser's cache, or from the kernel.
 * @param {Model} model
 * @param {string} name
 * @returns {Promise<ArrayBuffer>}
 */
export function asset(model, name) {
  let bytes = fetched.get(name);
  if (!bytes) {
    bytes = fetchAsset(model, name);
    fetched.set(name, bytes);
    bytes.catch(() => fetched.delete(name)); // the next widget tries again
  }
  return bytes;
}

/** @param {Model} model @param {string} name */
async function fetchAsset(model, name) {
  const kept = await cached(name);
  const { value, buffers } = await ask(model, "asset", { name, known: kept?.sha256 ?? null });
  if (value.same && kept) return kept.bytes;
  const view = buffers[0];
  const bytes = /** @type {ArrayBuffer} */ (view.buffer).slice(view.byteOffset, view.byteOffset + view.byteLength);
  keepInCache(name, value.sha256, bytes);
  return bytes;
}

/**
 * Return a module of the package, loaded once a page.
 * @param {Model} model
 * @param {string} name
 * @returns {Promise<any>}
 */
export function assetModule(model, name) {
  const key = `module ${name}`;
  let loaded = fetched.get(key);
  if (!loaded) {
    loaded = asset(model, name).then((bytes) => {
      const url = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
      return import(/* @vite-ignore */ url).finally(() => URL.revokeObjectURL(url));
    });
    fetched.set(key, loaded);
    loaded.catch(() => fetched.delete(key));
  }
  return loaded;
}

const CACHE = "deepcomposer_lab";

/** @param {string} name @returns {Promise<{sha256: string, bytes: ArrayBuffer} | null>} */
async function cached(name) {
  try {
    const response = await (await caches.open(CACHE)).match(`/deepcomposer_lab/${name}`);
    const sha256 = response?.headers.get("x-sha256");
    return response && sha256 ? { sha256, bytes: await response.arrayBuffer() } : null;
  } catch {
    return null; // no secure context, or private browsing
  }
}

/** @param {string} name @param {string} sha256 @param {ArrayBuffer} bytes */
async function keepInCache(name, sha256, bytes) {
  try {
    const response = new Response(bytes.slice(0), { headers: { "x-sha256": sha256 } });
    await (await caches.open(CACHE)).put(`/deepcomposer_lab/${name}`, response);
  } catch {
    // It is fetched again the next time.
  }
}

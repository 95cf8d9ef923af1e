// What a job card keeps on the device: the queue of what was not answered yet, and what it needs to
// go on without a network. IndexedDB: it survives the page, the browser and the end of a session.

const NAME = "millbrain-cards";
const VERSION = 1;
let opened = null;

function open() {
  opened ??= new Promise((resolve, reject) => {
    const asked = indexedDB.open(NAME, VERSION);
    asked.onupgradeneeded = () => {
      asked.result.createObjectStore("queue", { keyPath: "id" });
      asked.result.createObjectStore("kept");
    };
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  return opened;
}

/** Run one transaction; resolves when it is on disk, not when it was asked for. */
async function run(store, mode, work) {
  const database = await open();
  return new Promise((resolve, reject) => {
    const transaction = database.transaction(store, mode, { durability: "strict" });
    const asked = work(transaction.objectStore(store));
    transaction.oncomplete = () => resolve(asked?.result);
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}

export const put = (item) => run("queue", "readwrite", (store) => store.put(item));
export const queued = () => run("queue", "readonly", (store) => store.getAll());
export const keep = (name, value) => run("kept", "readwrite", (store) => store.put(value, name));
export const kept = (name) => run("kept", "readonly", (store) => store.get(name));

/** Remove items that were answered. */
export function drop(ids) {
  return run("queue", "readwrite", (store) => {
    for (const id of ids) store.delete(id);
  });
}

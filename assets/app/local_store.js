// What this device keeps, in IndexedDB: the session, answers that wait to be sent, and the times of open check-ins; and
// its service worker. Where the session ended by itself, its last token is kept until the next log-in, and opens nothing.
// Nothing else of anybody is kept, and all of it goes at log-out.
const NAME = "evenkeel";
const STORES = ["kept", "queue"];
let opening;

function open() {
  opening ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore("kept");
      request.result.createObjectStore("queue", { keyPath: "id" });
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opening;
}

/** Runs one transaction, and gives what `act` asked for once all of it is on disk. */
async function run(mode, act) {
  const transaction = (await open()).transaction(STORES, mode, { durability: "strict" });
  const request = act((name) => transaction.objectStore(name));
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve(request?.result);
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });
}

export const get = (name) => run("readonly", (store) => store("kept").get(name));
export const put = (name, value) => run("readwrite", (store) => store("kept").put(value, name));
export const queued = () => run("readonly", (store) => store("queue").getAll());
export const enqueue = (item) => run("readwrite", (store) => store("queue").put(item));

/** Takes an item out, unless another took its place meanwhile. */
export const dequeue = (item) =>
  run("readwrite", (store) => {
    const queue = store("queue");
    const request = queue.get(item.id);
    request.onsuccess = () => {
      if (request.result?.key === item.key) queue.delete(item.id);
    };
  });

/** What shows pushes here and sends when there is a network again; nothing where the browser took no service worker. */
export const worker = async () => self.registration ?? (await navigator.serviceWorker?.getRegistration("/app"));

/** Takes push off this device, as far as the browser knows. */
export const unsubscribe = async () => (await (await worker())?.pushManager?.getSubscription())?.unsubscribe();

/** Forgets everything. Cleared and not deleted: another tab that has it open must not keep it alive. */
export const wipe = () =>
  run("readwrite", (store) => {
    for (const name of STORES) store(name).clear();
  });

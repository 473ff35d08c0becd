// What the device keeps: in IndexedDB, one database for each event, so that nothing is lost when the page is closed.

const VERSION = 1;
const STORES = ['meta', 'tickets', 'looks', 'shown'] as const;
type Name = (typeof STORES)[number] | 'queue';

/** A change that is made together with others, or not at all. */
export type Change =
  { put: Name; key?: string | number; value: unknown } | { remove: Name; key: string | number };

export class Store {
  private readonly database: IDBDatabase;

  private constructor(database: IDBDatabase) {
    this.database = database;
  }

  static async open(name: string): Promise<Store> {
    const request = indexedDB.open(name, VERSION);
    request.onupgradeneeded = () => {
      for (const store of STORES) request.result.createObjectStore(store);
      request.result.createObjectStore('queue', { autoIncrement: true });
    };
    return new Store(await done(request));
  }

  /** Everything in a store, by key. */
  async all<T>(name: Name): Promise<[string | number, T][]> {
    const store = this.database.transaction(name).objectStore(name);
    const [keys, values] = await Promise.all([
      done(store.getAllKeys()),
      done(store.getAll() as IDBRequest<T[]>),
    ]);
    return values.map((value, place) => [keys[place] as string | number, value]);
  }

  async get<T>(name: Name, key: string): Promise<T | undefined> {
    return done(this.database.transaction(name).objectStore(name).get(key) as IDBRequest<T | undefined>);
  }

  /** Adds to the queue, durably; the place in it. */
  async enqueue(value: unknown): Promise<number> {
    const transaction = this.database.transaction('queue', 'readwrite', { durability: 'strict' });
    const request = transaction.objectStore('queue').add(value);
    await over(transaction);
    return request.result as number;
  }

  /** Makes all of these changes, or none. */
  async change(changes: Change[]): Promise<void> {
    const names = [...new Set(changes.map((change) => ('put' in change ? change.put : change.remove)))];
    if (names.length === 0) return;
    const transaction = this.database.transaction(names, 'readwrite');
    for (const change of changes) {
      if ('put' in change) transaction.objectStore(change.put).put(change.value, change.key);
      else transaction.objectStore(change.remove).delete(change.key);
    }
    await over(transaction);
  }
}

const failed = (error: DOMException | null) =>
  error ?? new DOMException('the browser keeps nothing', 'AbortError');

function done<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(failed(request.error));
  });
}

function over(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onabort = () => reject(failed(transaction.error));
  });
}

/** IndexedDB as promises: as much of it as the stores use, a third of a kilobyte where the library takes 1.2. */

/** `onGone` is called when another tab deletes the database or the browser closes it. Rejects with what the browser says. */
export async function openDatabase(args: {
  readonly name: string
  /** Makes the object stores, of a database that is new. */
  readonly create: (database: IDBDatabase) => void
  readonly onGone: () => void
}): Promise<IDBDatabase> {
  const request = indexedDB.open(args.name, 1)
  request.onupgradeneeded = () => args.create(request.result)
  const database = await resultOf(request)
  database.onversionchange = database.onclose = args.onGone
  return database
}

export function resultOf<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result)
    request.onerror = () => reject(request.error ?? new DOMException('the request failed'))
  })
}

/** Resolves when the transaction is committed; rejects when it failed or was aborted. */
export function commitOf(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve()
    transaction.onerror = transaction.onabort = () =>
      reject(transaction.error ?? new DOMException('the transaction was aborted', 'AbortError'))
  })
}

/** Takes back what was not committed; harmless where that is too late. */
export function abortTransaction(transaction: IDBTransaction): void {
  try {
    transaction.abort()
  } catch {
    // It has ended already.
  }
}

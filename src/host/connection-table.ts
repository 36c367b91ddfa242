/** What the table needs of a libp2p connection. */
export interface TableConnection {
  readonly id: string
  /** `open` and `closing` are alive, anything else is not. */
  readonly status: string
}

/**
 * Which connections there are, whatever the library says in which order: its events are hints.
 * 1. `onOpened` comes once per connection, and before anything else of it.
 * 2. `onClosed` comes once for each `onOpened`, and last.
 * Bounded by the connections that the library holds open.
 */
export class ConnectionTable<Connection extends TableConnection> {
  readonly #open = new Map<string, Connection>()
  /** Told or seen as closed: a late hint does not bring one back. */
  readonly #ended = new WeakSet<Connection>()
  readonly #onOpened: (connection: Connection) => void
  readonly #onClosed: (connection: Connection) => void
  readonly #abort: (connection: Connection, error: Error) => void
  #hasEnded = false

  constructor(callbacks: {
    readonly onOpened: (connection: Connection) => void
    readonly onClosed: (connection: Connection) => void
    readonly abort: (connection: Connection, error: Error) => void
  }) {
    this.#onOpened = callbacks.onOpened
    this.#onClosed = callbacks.onClosed
    this.#abort = callbacks.abort
  }

  get(id: string): Connection | undefined {
    return this.#open.get(id)
  }

  get all(): readonly Connection[] {
    return [...this.#open.values()]
  }

  /** A hint that this connection exists. Returns whether it is open now. */
  sawOpen(connection: Connection): boolean {
    if (this.#ended.has(connection)) return false
    if (this.#open.has(connection.id)) return true
    if (this.#hasEnded) this.#abort(connection, new Error('stopped'))
    if (this.#hasEnded || connection.status !== 'open') {
      this.#ended.add(connection)
      return false
    }
    this.#open.set(connection.id, connection)
    this.#onOpened(connection)
    return true
  }

  /** A hint that this connection is gone. */
  sawClosed(connection: Connection): void {
    this.#ended.add(connection)
    if (this.#open.delete(connection.id)) this.#onClosed(connection)
  }

  /** Puts the table right by what the library lists now. One that it does not list any more is aborted and closed. */
  reconcile(listed: readonly Connection[]): void {
    for (const connection of listed) this.sawOpen(connection)
    const ids = new Set(listed.map((connection) => connection.id))
    for (const connection of this.all) {
      const isAlive = connection.status === 'open' || connection.status === 'closing'
      if (isAlive && ids.has(connection.id)) continue
      if (isAlive) this.#abort(connection, new Error('the library no longer lists this connection'))
      this.sawClosed(connection)
    }
  }

  /** Every connection is aborted and told as closed; one that comes later is aborted and never told. */
  end(): void {
    this.reconcile([])
    this.#hasEnded = true
  }
}

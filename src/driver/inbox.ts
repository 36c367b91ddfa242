import type { Event, MessageReceived } from '../core/event.ts'
import type { ExchangeReceived } from '../core/exchange/exchange-event.ts'
import type { ConnectionId } from '../core/ids.ts'

/** Unread messages of one connection at most, in number and in bytes, before the host stops reading it. */
export const INBOX_MESSAGES_PER_PEER_MAX = 64
export const INBOX_BYTES_PER_PEER_MAX: number = 4 * 1024 * 1024

interface Entry {
  readonly event: Event
  readonly sizeBytes: number
}

interface Share {
  messageCount: number
  sizeBytes: number
  /** Resolves the host's wait once there is room again. */
  onRoom: (() => void)[]
}

/**
 * Everything that happened and was not handled yet, in order.
 * Messages are bounded per connection, and connections are bounded by the core; other events are few and never dropped.
 */
export class Inbox {
  #entries: Entry[] = []
  /** Index of the next entry; the array is cut now and then instead of shifted every time. */
  #next = 0
  #takenCount = 0
  readonly #shares = new Map<ConnectionId, Share>()

  get isEmpty(): boolean {
    return this.#next === this.#entries.length
  }

  /** How many entries were ever put in, and how many were ever taken: a timer waits until the second meets the first. */
  get putCount(): number {
    return this.#takenCount + this.#entries.length - this.#next
  }

  get takenCount(): number {
    return this.#takenCount
  }

  put(event: Event): void {
    this.#entries.push({ event, sizeBytes: 0 })
  }

  /** Resolves when there is room for another message of that connection. */
  putMessage(event: MessageReceived | ExchangeReceived, sizeBytes: number): Promise<void> {
    this.#entries.push({ event, sizeBytes })
    const share = this.#shares.get(event.connection) ?? { messageCount: 0, sizeBytes: 0, onRoom: [] }
    this.#shares.set(event.connection, share)
    share.messageCount += 1
    share.sizeBytes += sizeBytes
    if (hasRoom(share)) return Promise.resolve()
    return new Promise((resolve) => share.onRoom.push(resolve))
  }

  take(): Event | undefined {
    const entry = this.#entries[this.#next]
    if (entry === undefined) return undefined
    this.#next += 1
    this.#takenCount += 1
    if (this.#next === this.#entries.length || this.#next >= 1_024) {
      this.#entries = this.#entries.slice(this.#next)
      this.#next = 0
    }
    if (isMessage(entry.event)) this.#release(entry.event.connection, entry.sizeBytes)
    return entry.event
  }

  /** Nothing is read any more: whoever waits for room is let go. */
  close(): void {
    this.#entries = []
    this.#next = 0
    for (const { onRoom } of this.#shares.values()) for (const resolve of onRoom) resolve()
    this.#shares.clear()
  }

  #release(connection: ConnectionId, sizeBytes: number): void {
    const share = this.#shares.get(connection)
    if (share === undefined) return
    share.messageCount -= 1
    share.sizeBytes -= sizeBytes
    if (hasRoom(share)) for (const resolve of share.onRoom.splice(0)) resolve()
    if (share.messageCount === 0) this.#shares.delete(connection)
  }
}

function isMessage(event: Event): event is MessageReceived | ExchangeReceived {
  return event.type === 'message-received' || event.type === 'exchange-received'
}

function hasRoom(share: Share): boolean {
  return share.messageCount < INBOX_MESSAGES_PER_PEER_MAX && share.sizeBytes < INBOX_BYTES_PER_PEER_MAX
}

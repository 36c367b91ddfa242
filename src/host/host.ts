import type { HostEvent, MessageReceived } from '../core/event.ts'
import type { ExchangeReceived } from '../core/exchange/exchange-event.ts'
import type { HostEffect } from '../core/effect.ts'
import type { ConnectionId, PeerId } from '../core/ids.ts'

/**
 * What carries bytes to other machines. Nothing here waits for the core and nothing in the core waits for this.
 * 1. `connection-opened` is the first event of a connection and `connection-closed` the last, once each, whatever the library says.
 * 2. Every dial, handshake request and connection has an end: success, failure or timeout, told by one event.
 * 3. No peer holds anything that another peer needs; a silent one costs its own slot only.
 */
export interface Host {
  /** Our own id; known before `start`. */
  readonly peerId: PeerId
  /** Where others can reach us now, as multiaddrs that end in our peer id. */
  readonly addresses: readonly string[]
  /** Listens, registers the protocols, reports connections from now on. Rejects with `HostError` when it cannot listen. */
  start(sink: HostSink): Promise<void>
  /** Takes the effect over and returns at once; what fails comes back as an event. */
  perform(effect: HostEffect): void
  /** Bytes moved on a connection since it opened; undefined when it is not known. */
  traffic(connection: ConnectionId): Traffic | undefined
  /** Ends every connection, listener and timer; resolves when none is left, within 3 s. */
  stop(): Promise<void>
}

export interface Traffic {
  readonly bytesIn: number
  readonly bytesOut: number
}

/**
 * A bitswap message that nobody has decoded: as bytes it takes less memory than as what it says. It is read when its turn
 * comes, a part at a time.
 */
export interface UnreadExchange {
  readonly type: 'exchange-unread'
  readonly connection: ConnectionId
  /** The next part, of so many entries of a wantlist; undefined when no more can be read, which is told by an event. */
  readonly read: (entriesMax: number) => ExchangePart | undefined
}

export interface ExchangePart {
  readonly event: ExchangeReceived
  /** What it takes to handle, as bytes of a message of bytes. */
  readonly costBytes: number
  readonly isLast: boolean
}

export interface HostSink {
  /** Lifecycle events and answers: taken at once and never dropped. */
  post(event: Exclude<HostEvent, MessageReceived | ExchangeReceived>): void
  /**
   * A message of a peer. Resolves when there is room for the next one of that peer: until then the host does not read
   * its streams. Never rejects.
   */
  offer(event: MessageReceived | UnreadExchange, sizeBytes: number): Promise<void>
}

export type HostErrorCode = 'listen-failed' | 'invalid-address'

export class HostError extends Error {
  override readonly name = 'HostError'
  readonly code: HostErrorCode

  constructor(code: HostErrorCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** What can happen to a light node in block exchange; part of `Event`. */
import type { NetworkFailure } from '../failure.ts'
import type { Cid, ConnectionId, LoadId, Root, WantToken } from '../ids.ts'
import type { IncomingExchange } from './exchange-message.ts'

// From a host. Nothing comes from a connection before its `admit-exchange`.

export interface ExchangeReceived {
  readonly type: 'exchange-received'
  readonly connection: ConnectionId
  readonly message: IncomingExchange
}

/** Answers `send-exchange`: every byte of that message left for the wire. Only now is what it held forgotten. */
export interface ExchangeSent {
  readonly type: 'exchange-sent'
  readonly connection: ConnectionId
  readonly sequence: number
}

/** Answers `send-exchange`: nobody knows what of it arrived. `unsupported`: the peer does not speak bitswap. */
export interface ExchangeSendFailed {
  readonly type: 'exchange-send-failed'
  readonly connection: ConnectionId
  readonly sequence: number
  readonly failure: NetworkFailure
}

// From the block store.

/** Answers `find-blocks`: sizes in bytes in the order asked for, undefined where absent. */
export interface BlocksFound {
  readonly type: 'blocks-found'
  readonly load: LoadId
  readonly sizes: readonly (number | undefined)[]
}

/**
 * Answers `load-blocks`: in the order asked for, undefined where absent; the first `bytesMax` bytes at most, but always the
 * first block: fewer entries than asked for when the rest did not fit. The bytes are shared, never changed.
 */
export interface BlocksLoaded {
  readonly type: 'blocks-loaded'
  readonly load: LoadId
  readonly blocks: readonly (Uint8Array | undefined)[]
}

/** Answers `load-outline`; undefined when there is none. */
export interface OutlineLoaded {
  readonly type: 'outline-loaded'
  readonly load: LoadId
  readonly outline: Uint8Array | undefined
}

/** Answers any read of the block store that failed or took too long. */
export interface BlocksLoadFailed {
  readonly type: 'blocks-load-failed'
  readonly load: LoadId
  readonly reason: string
}

/** These blocks are in the store from now on: imported by the app, or saved after they were received. */
export interface BlocksStored {
  readonly type: 'blocks-stored'
  readonly blocks: readonly { readonly cid: Cid; readonly sizeBytes: number }[]
}

// From the app.

/** The app wants blocks: what it wants in one step goes in one message. Each is settled by `want-settled`. */
export interface WantsRequested {
  readonly type: 'wants-requested'
  readonly wants: readonly RequestedWant[]
}

/** Wants of one session are thought to be where the others were. */
export interface RequestedWant {
  readonly token: WantToken
  readonly cid: Cid
  readonly session: number
}

/** The app wants a block's outline (see `BlockOutline`). Settled by `outline-settled`. */
export interface OutlineRequested {
  readonly type: 'outline-requested'
  readonly token: WantToken
  readonly root: Root
}

/** The app waits no longer. Settled all the same, with what became of it. */
export interface WantCancelled {
  readonly type: 'want-cancelled'
  readonly token: WantToken
}

export type ExchangeHostEvent = ExchangeReceived | ExchangeSent | ExchangeSendFailed
export type ExchangeStoreEvent = BlocksFound | BlocksLoaded | OutlineLoaded | BlocksLoadFailed | BlocksStored
export type ExchangeAppEvent = WantsRequested | OutlineRequested | WantCancelled
export type ExchangeEvent = ExchangeHostEvent | ExchangeStoreEvent | ExchangeAppEvent

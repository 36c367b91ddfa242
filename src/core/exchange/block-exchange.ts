import type { HeaderTree } from '../chain.ts'
import type { ChainContent } from '../content.ts'
import type { ExchangePeerView, ExchangeView } from '../core.ts'
import type { Effect } from '../effect.ts'
import type { Misbehaviour } from '../failure.ts'
import type { Cid, ConnectionId, LoadId, PeerId, RequestId } from '../ids.ts'
import type { Instant } from '../instant.ts'
import { OUTLINE_REQUEST_FIRST } from '../limits.ts'
import type { BlockOutline, GetBlockOutline, NodeInfo, Refused, SyncMessage } from '../message.ts'
import { createRandomSource } from '../random.ts'
import { Asking } from './asking.ts'
import { BlockServer } from './block-server.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { ExchangeEvent, ExchangeReceived, ExchangeSendFailed } from './exchange-event.ts'
import type { CidPrefix } from './exchange-message.ts'
import type { ExchangePeer } from './exchange-peer.ts'
import { createCounts, createExchangePeer } from './exchange-peer.ts'
import { OutlineAsking } from './outline-asking.ts'
import { OutlineServer } from './outline-server.ts'
import { PeerList } from './peer-list.ts'
import { receiveAnswers } from './receiving.ts'
import { Sender } from './sender.ts'
import { StoredWants } from './stored-wants.ts'

export interface BlockExchangeOptions {
  readonly tree: HeaderTree
  readonly content: ChainContent | undefined
  /** Undefined where nobody hashes: then nobody is exchanged with. */
  readonly cidOf: ((prefix: CidPrefix, bytes: Uint8Array) => Cid | undefined) | undefined
  readonly mayServe?: ((peer: PeerId, cid: Cid) => boolean) | undefined
  readonly seed: number
  readonly effects: Effect[]
  /** The connection that messages to this ready peer go by. */
  readonly connectionOf: (peer: PeerId) => ConnectionId | undefined
  /** Open and handshaken. */
  readonly isHandshaken: (connection: ConnectionId) => boolean
  readonly latencyOf: (peer: PeerId) => number | undefined
  /** The stored headers are verified: the tree may be served. */
  readonly isTreeServed: () => boolean
  readonly misbehaved: (args: { peer: PeerId; misbehaviour: Misbehaviour; detail: string; nowMs: number }) => void
}

/** What of the sync stream is block exchange's. */
export type OutlineMessage = GetBlockOutline | BlockOutline | Refused

export function isOutlineMessage(message: SyncMessage): message is OutlineMessage {
  if (message.type === 'refused') return message.request >= OUTLINE_REQUEST_FIRST
  return message.type === 'get-block-outline' || message.type === 'block-outline'
}

/**
 * Asks for blocks and serves them: both sides of bitswap, for all peers, without a stream in sight.
 * 1. Peers are ready or exchange-only, and take part from `joined` on until their last connection `left` (S4).
 * 2. One message a peer is on its way at a time, by the connection that counts (X2).
 * 3. Nothing is sent inside a handler: what is to be said gathers until `settle`, at the end of the step.
 */
export class BlockExchange {
  readonly isEnabled: boolean
  readonly #options: BlockExchangeOptions
  readonly #context: ExchangeContext
  readonly #peers = new PeerList()
  readonly #asking: Asking
  readonly #storedWants: StoredWants
  readonly #server: BlockServer
  readonly #sender: Sender
  readonly #outlines: OutlineAsking
  readonly #outlineServer: OutlineServer

  constructor(options: BlockExchangeOptions) {
    this.#options = options
    this.isEnabled = options.cidOf !== undefined
    let loadCount = 0
    const nextLoad = (): LoadId => (loadCount += 1) as LoadId
    this.#context = {
      ...options,
      cidOf: options.cidOf ?? (() => undefined),
      mayServe: options.mayServe ?? (() => true),
      random: createRandomSource(options.seed),
      counts: createCounts(),
      nextLoad,
      dirty: new Set(),
    }
    this.#asking = new Asking({ context: this.#context, peers: this.#peers })
    this.#storedWants = new StoredWants({ context: this.#context, asking: this.#asking })
    this.#server = new BlockServer(this.#context, options.seed)
    this.#sender = new Sender({ context: this.#context, server: this.#server })
    this.#outlines = new OutlineAsking(options)
    const isServing = this.isEnabled && options.content !== undefined
    const isConnected = options.isHandshaken
    this.#outlineServer = new OutlineServer({ ...options, nextLoad, isServing, isConnected })
  }

  handle(event: ExchangeEvent, now: Instant): void {
    const nowMs = now.monotonicMs
    switch (event.type) {
      case 'exchange-received':
        return this.#received(event, nowMs)
      case 'exchange-sent': {
        const peer = this.#peers.by(event.connection)
        if (peer?.sending?.connection === event.connection) this.#sender.sent(peer, event.sequence, nowMs)
        return
      }
      case 'exchange-send-failed':
        return this.#sendFailed(event, nowMs)
      case 'blocks-found':
        return this.#server.found(event)
      case 'blocks-loaded':
        this.#storedWants.loaded(event)
        return this.#server.loaded(event, nowMs)
      case 'outline-loaded':
        return this.#outlineServer.loaded(event.load, event.outline)
      case 'blocks-load-failed':
        this.#storedWants.failed(event.load)
        this.#server.readFailed(event.load, nowMs)
        return this.#outlineServer.failed(event.load)
      case 'blocks-stored':
        this.#storedWants.stored(event)
        return this.#server.stored(event)
      case 'wants-requested':
        for (const want of event.wants) this.#asking.request(want, nowMs)
        return
      case 'outline-requested':
        return this.#outlines.request(event, nowMs)
      case 'want-cancelled':
        this.#asking.cancel(event.token)
        return this.#outlines.cancel(event.token)
    }
  }

  #received({ connection, message }: ExchangeReceived, nowMs: number): void {
    const peer = this.#peers.by(connection)
    if (peer === undefined) return
    receiveAnswers({ context: this.#context, asking: this.#asking, peer, message, nowMs })
    this.#server.received(peer, message, nowMs)
  }

  #sendFailed({ connection, sequence, failure }: ExchangeSendFailed, nowMs: number): void {
    const peer = this.#peers.by(connection)
    if (peer?.sending?.connection !== connection) return
    if (!this.#sender.failed(peer, sequence, nowMs)) return
    if (failure === 'unsupported') this.left({ peer: peer.id, connection, nowMs })
    else this.#asking.askElsewhere(peer, nowMs)
  }

  // Peers come and go; the lifecycle's queue of notices is the only caller.

  joined(args: { peer: PeerId; connection: ConnectionId; isRushlight: boolean; nowMs: number }): void {
    if (!this.isEnabled) return
    const { connection, isRushlight, nowMs } = args
    const known = this.#peers.get(args.peer)
    // Again when an exchange-only one shakes hands after all.
    if (known?.connections.has(connection) !== true) this.#context.effects.push({ type: 'admit-exchange', connection })
    if (known !== undefined) {
      this.#peers.addConnection(known, connection)
      known.isRushlight ||= isRushlight
      return
    }
    const salt = this.#context.random()
    const ledger = this.#server.createLedger()
    this.#peers.add(createExchangePeer({ id: args.peer, connection, isRushlight, salt, ledger }))
    this.#asking.peerCame(nowMs)
  }

  left(args: { peer: PeerId; connection: ConnectionId; nowMs: number }): void {
    const { connection, nowMs } = args
    const peer = this.#peers.get(args.peer)
    if (peer === undefined || !peer.connections.has(connection)) return
    if (peer.connections.size === 1) {
      this.#peers.delete(peer)
      this.#sender.gone(peer)
      this.#server.gone(peer, nowMs)
      this.#asking.peerGone(peer, nowMs)
      return
    }
    this.#peers.deleteConnection(peer, connection)
    this.#chooseConnection(peer)
    this.#sender.lost(peer, connection, nowMs)
  }

  /**
   * The same for as long as it lasts, though a better one may come: a cancel on another could overtake its want, which would
   * stay in the peer's ledger for ever. Then the one that all other messages go by, if it takes part.
   */
  #chooseConnection(peer: ExchangePeer): void {
    if (peer.connections.has(peer.connection)) return
    const primary = this.#options.connectionOf(peer.id)
    for (const connection of peer.connections) peer.connection = connection
    if (primary !== undefined && peer.connections.has(primary)) peer.connection = primary
  }

  // Outlines: only with ready peers.

  peerReady(args: { peer: PeerId; info: NodeInfo; nowMs: number }): void {
    if (args.info.serves.includes('outlines')) this.#outlines.peerReady(args.peer, args.nowMs)
  }

  peerGone(peer: PeerId, nowMs: number): void {
    this.#outlines.peerGone(peer, nowMs)
    this.#outlineServer.peerGone(peer)
  }

  syncConnectionFailed(peer: PeerId, connection: ConnectionId, nowMs: number): void {
    this.#outlines.connectionFailed(peer, connection, nowMs)
  }

  message(args: { peer: PeerId; connection: ConnectionId; message: OutlineMessage; nowMs: number }): void {
    const { peer, connection, message, nowMs } = args
    switch (message.type) {
      case 'get-block-outline':
        return this.#outlineServer.requested(peer, connection, message)
      case 'block-outline':
        return this.#outlines.answered(peer, message, nowMs)
      case 'refused':
        return this.#outlines.refused(peer, message.request satisfies RequestId, nowMs)
    }
  }

  // Steps and time.

  /** Nobody takes part and nothing is wanted, so that nothing can be asked, sent or late. Every step comes here. */
  get #isQuiet(): boolean {
    return this.#peers.all.length === 0 && this.#asking.wantCount === 0
  }

  /** Runs after every step: what can be asked and sent is. */
  settle(now: Instant): void {
    if (this.#isQuiet) return
    this.#asking.placeQueued(now.monotonicMs)
    this.#sender.flush(now.monotonicMs)
  }

  handleTimeout(now: Instant): void {
    this.#asking.handleTimeout(now.monotonicMs)
    this.#sender.handleTimeout(now.monotonicMs)
    this.#outlines.handleTimeout(now.monotonicMs)
  }

  nextTimeout(): number {
    if (this.#isQuiet) return this.#outlines.nextTimeout()
    return Math.min(this.#asking.nextTimeout(), this.#sender.nextTimeout(), this.#outlines.nextTimeout())
  }

  shift(byMs: number): void {
    this.#asking.shift(byMs)
    this.#sender.shift(byMs)
    this.#outlines.shift(byMs)
  }

  /** Every want is settled, and nobody takes part any more. */
  stop(nowMs: number): void {
    this.#asking.stop()
    this.#outlines.stop()
    for (const { id, connections } of [...this.#peers.all]) {
      for (const connection of [...connections]) this.left({ peer: id, connection, nowMs })
    }
    this.#context.dirty.clear()
  }

  view(): ExchangeView {
    const peers = new Map<PeerId, ExchangePeerView>()
    for (const peer of this.#peers.all) peers.set(peer.id, viewOf(peer))
    return { ...this.#context.counts, wantCount: this.#asking.wantCount, peers }
  }
}

function viewOf(peer: ExchangePeer): ExchangePeerView {
  const { connection, owedCount, ledger, outstandingBytes, sending, counts } = peer
  return {
    ...counts,
    connection,
    owedCount,
    ledgerCount: ledger.size,
    outstandingBytes,
    isSending: sending !== undefined,
  }
}

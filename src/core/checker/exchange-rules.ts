/** X2, S4 and R1 as far as messages, reads and what is shown of block exchange tell. */
import type { ExchangeView } from '../core.ts'
import type { Effect } from '../effect.ts'
import type { Event } from '../event.ts'
import type { AdmitExchange, SendExchange } from '../exchange/exchange-effect.ts'
import type { OutgoingExchange } from '../exchange/exchange-message.ts'
import { hashCodeOf } from '../exchange/cid-text.ts'
import type { ConnectionId, LoadId, PeerId } from '../ids.ts'
import * as limits from '../limits.ts'
import type { ConnectionRules } from './connection-rules.ts'
import { broken } from './invariant-error.ts'
import { LedgerModel } from './ledger-model.ts'

type ReadEffect = Extract<Effect, { type: 'find-blocks' | 'load-blocks' | 'load-outline' }>

export interface SeenExchangePeer {
  readonly id: PeerId
  isRushlight: boolean
  /** Admitted, open, and not told to be without bitswap. */
  readonly connections: Set<ConnectionId>
  /** X2: one message at a time. */
  sending: { readonly connection: ConnectionId; readonly sequence: number } | undefined
  /** The last one failed: for a while it is sent nothing. */
  isResting: boolean
  readonly ledger: LedgerModel
}

export class ExchangeRules {
  readonly peers: Map<PeerId, SeenExchangePeer> = new Map<PeerId, SeenExchangePeer>()
  private readonly connections: ConnectionRules
  private readonly reads = new Map<LoadId, { readonly type: ReadEffect['type']; readonly owner: PeerId | undefined }>()
  private lastLoad = 0

  constructor(connections: ConnectionRules) {
    this.connections = connections
  }

  /** The peer that takes part by this connection. */
  by(connection: ConnectionId): SeenExchangePeer | undefined {
    const seen = this.connections.get(connection)
    const peer = seen === undefined ? undefined : this.peers.get(seen.peer)
    return peer?.connections.has(connection) === true ? peer : undefined
  }

  /** Before the rules of connections see the event: a closed one is not known to them any more. */
  event(event: Event): void {
    switch (event.type) {
      case 'connection-closed':
        this.left(event.connection)
        return
      case 'exchange-received':
        this.by(event.connection)?.ledger.received(event.message)
        return
      case 'exchange-sent':
      case 'exchange-send-failed': {
        const peer = this.by(event.connection)
        const { sending } = peer ?? {}
        if (peer === undefined || sending?.connection !== event.connection || sending.sequence !== event.sequence)
          return
        peer.sending = undefined
        peer.isResting = event.type === 'exchange-send-failed'
        if (event.type === 'exchange-sent') peer.ledger.drained()
        else peer.ledger.failed()
        if (peer.isResting && 'failure' in event && event.failure === 'unsupported') this.left(event.connection)
        return
      }
      case 'blocks-found':
      case 'blocks-loaded':
      case 'blocks-load-failed':
      case 'outline-loaded':
        this.reads.delete(event.load)
        return
      default:
    }
  }

  /** H3: whoever turned out to follow another chain takes no part any more, by none of the connections it had then. */
  mismatched(connection: ConnectionId): void {
    const id = this.connections.get(connection)?.peer
    const peer = id === undefined ? undefined : this.peers.get(id)
    for (const other of peer?.connections ?? [])
      if (this.connections.get(other)?.isMismatched === true) this.left(other)
  }

  private left(connection: ConnectionId): void {
    const peer = this.by(connection)
    if (peer === undefined) return
    peer.connections.delete(connection)
    if (peer.sending?.connection === connection) {
      peer.sending = undefined
      peer.ledger.failed()
    }
    if (peer.connections.size > 0) return
    this.peers.delete(peer.id)
    for (const [load, { type, owner }] of this.reads) {
      if (owner === peer.id && type !== 'load-outline') this.reads.delete(load)
    }
  }

  effect(effect: Effect): void {
    switch (effect.type) {
      case 'close-connection':
        this.left(effect.connection)
        return
      case 'peer-gone':
        for (const [load, { owner }] of this.reads) if (owner === effect.peer) this.reads.delete(load)
        return
      case 'peer-ready': {
        const peer = this.peers.get(effect.peer)
        if (peer !== undefined) peer.isRushlight = true
        return
      }
      case 'admit-exchange':
        this.admitted(effect)
        return
      case 'send-exchange':
        this.sent(effect)
        return
      case 'reset-exchange':
        if (this.by(effect.connection)?.sending?.connection !== effect.connection)
          broken('X2', `${effect.connection} is reset, and nothing is on its way there`)
        return
      case 'find-blocks':
      case 'load-blocks':
      case 'load-outline':
        this.read(effect)
        return
      default:
    }
  }

  private admitted({ connection }: AdmitExchange): void {
    const seen = this.connections.get(connection)
    if (seen === undefined || seen.isClosing) broken('S4', `${connection} is admitted to block exchange, not open`)
    if (!seen.isHandshaken && !seen.isExchangeOnly)
      broken('S4', `${connection} is admitted to block exchange, neither ready nor exchange-only`)
    if (this.by(connection) !== undefined) broken('X2', `${connection} is admitted to block exchange twice`)
    let peer = this.peers.get(seen.peer)
    if (peer === undefined) {
      const ledger = new LedgerModel()
      const isRushlight = seen.isHandshaken
      peer = { id: seen.peer, isRushlight, connections: new Set(), sending: undefined, isResting: false, ledger }
      this.peers.set(seen.peer, peer)
    }
    peer.isRushlight ||= seen.isHandshaken
    peer.connections.add(connection)
  }

  private sent({ connection, sequence, message, timeoutMs }: SendExchange): void {
    const peer = this.by(connection)
    if (peer === undefined) broken('S4', `blocks or wants by ${connection}, which takes no part in block exchange`)
    if (peer.sending !== undefined)
      broken('X2', `message ${sequence} to ${peer.id} while ${peer.sending.sequence} is on its way`)
    peer.sending = { connection, sequence }
    peer.isResting = false
    const sizeBytes = checkMessage(message, peer)
    const timeoutMsMax = limits.SEND_TIMEOUT_MS_MIN + sizeBytes / limits.SEND_BYTES_PER_MS_MIN + 1
    if (!(timeoutMs >= limits.SEND_TIMEOUT_MS_MIN && timeoutMs <= timeoutMsMax))
      broken('H7', `${sizeBytes} bytes to ${peer.id} may take ${timeoutMs} ms`)
    peer.ledger.sending(message, peer.id)
  }

  /** X2: no read of one peer waits behind those of another, and each has few under way. */
  private read(effect: ReadEffect): void {
    const { type, load, owner, timeoutMs } = effect
    if (load <= this.lastLoad) broken('X2', `load ${load} follows ${this.lastLoad}`)
    this.lastLoad = load
    if (!(timeoutMs > 0 && timeoutMs <= limits.BLOCK_READ_TIMEOUT_MS)) broken('H7', `${type} may take ${timeoutMs} ms`)
    this.reads.set(load, { type, owner })
    // The app's own are bounded by its wants.
    if (owner === undefined) return
    let sameCount = 0
    for (const read of this.reads.values()) if (read.type === type && read.owner === owner) sameCount += 1
    if (sameCount > (type === 'load-outline' ? limits.OUTLINES_PER_PEER_MAX : 1))
      broken('X2', `${sameCount} of ${type} at once for ${owner}`)
    if (type === 'load-outline') return
    const { length } = effect.cids
    if (length === 0 || length > limits.CIDS_PER_READ_MAX) broken('R1', `${type} of ${length} blocks`)
    if (!this.peers.has(owner)) broken('X2', `${type} for ${owner}, who takes no part`)
  }

  /** What is shown agrees with the trace, and every bound holds. */
  checkView(view: ExchangeView): void {
    let lentBytes = 0
    let pooledCount = 0
    for (const [id, { owedCount, ledgerCount, outstandingBytes, isSending }] of view.peers) {
      const peer = this.peers.get(id)
      if (peer === undefined) broken('S4', `${id} is shown in block exchange and takes no part`)
      if (isSending !== (peer.sending !== undefined))
        broken('X2', `${id} is shown as ${isSending ? '' : 'not '}sent to`)
      if (owedCount > limits.OWED_BLOCKS_MAX) broken('R1', `${id} owes ${owedCount} blocks`)
      if (ledgerCount > limits.LEDGER_WANTS_MAX) broken('X2', `${ledgerCount} wants of ${id} are kept`)
      peer.ledger.check(ledgerCount, id)
      lentBytes += Math.max(0, outstandingBytes - limits.OWN_BYTES_PER_PEER)
      pooledCount += Math.max(0, ledgerCount - limits.LEDGER_WANTS_GUARANTEED)
    }
    for (const id of this.peers.keys()) if (!view.peers.has(id)) broken('S4', `${id} was admitted and is not shown`)
    if (lentBytes > limits.LENT_BYTES_MAX) broken('X2', `${lentBytes} bytes are lent`)
    if (pooledCount > limits.LEDGER_POOL_WANTS) broken('X2', `${pooledCount} wants are kept beyond those guaranteed`)
  }
}

/** Returns about how many bytes it has. */
function checkMessage(message: OutgoingExchange, peer: SeenExchangePeer): number {
  const { wants, cancels, blocks, haves, dontHaves, isFullWantlist } = message
  const entryCount = wants.length + cancels.length + haves.length + dontHaves.length
  if (entryCount + blocks.length === 0 && !isFullWantlist) broken('R1', `an empty message to ${peer.id}`)
  const wanted = new Set(wants.map(({ cid }) => cid))
  if (wanted.size !== wants.length) broken('X2', `a block is wanted of ${peer.id} twice in one message`)
  for (const cid of cancels) if (wanted.has(cid)) broken('X2', `${cid} is wanted of ${peer.id} and cancelled at once`)
  let blockBytes = 0
  for (const { bytes } of blocks) blockBytes += bytes.length
  if (blocks.length > 1 && new Set(blocks.map(({ cid }) => hashCodeOf(cid))).size > 1)
    broken('X4', `blocks of two hash functions in one message to ${peer.id}`)
  const isAlone = blocks.length === 1 && entryCount === 0
  const bytesMax = isAlone && peer.isRushlight ? limits.BLOCK_BYTES_MAX : limits.EXCHANGE_PACKED_BYTES_MAX
  if (blockBytes > bytesMax) broken('R1', `${blockBytes} bytes of blocks in one message to ${peer.id}`)
  // 168 bytes of CID and what stands around it, and a prefix with each block.
  return blockBytes + 24 * blocks.length + 200 * entryCount
}

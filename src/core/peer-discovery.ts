import type { Connection } from './connection.ts'
import type { DialSchedule } from './dial-schedule.ts'
import type { Effect } from './effect.ts'
import type { OwnRecordChanged } from './event.ts'
import type { ConnectionId, PeerId, RequestId } from './ids.ts'
import * as limits from './limits.ts'
import type { GetPeers, NodeInfo, PeerRecord, Peers, Refused, Road, SyncMessage } from './message.ts'
import { PeerTable, type KnownPeer } from './peer-table.ts'
import type { RandomSource } from './random.ts'
import { canDial, isUsual, scopeOf, type Scope } from './road.ts'

type PeersMessage = GetPeers | Peers | Refused

export function isPeersMessage(message: SyncMessage): message is PeersMessage {
  if (message.type === 'refused') {
    return message.request >= limits.PEERS_REQUEST_FIRST && message.request < limits.OUTLINE_REQUEST_FIRST
  }
  return message.type === 'get-peers' || message.type === 'peers'
}

interface Asked {
  /** The one under way: there is no other before it was answered or its connection is gone. */
  request: RequestId | undefined
  connection: ConnectionId | undefined
  askedMs: number
  /** The record of ours that it was told. */
  told: PeerRecord | undefined
}

export interface DiscoveryOptions {
  readonly ownPeer: PeerId
  readonly random: RandomSource
  readonly effects: Effect[]
  readonly dials: DialSchedule
  readonly connectionOf: (peer: PeerId) => Connection | undefined
  readonly hasRoom: () => boolean
}

/**
 * Peers learn of each other: who is asked, what is passed on, and whom of those learnt to dial.
 * 1. Only records of peers that are ready here are passed on, and our own: what is dead does not spread.
 * 2. A record goes to whom it is of use, and comes from whom it can be true of: by a connection from outside nobody is told
 *    of local addresses, nor makes us dial them.
 * 3. Learnt peers are dialled only while too few peers that we dialled are there, and configured ones first.
 */
export class PeerDiscovery {
  readonly #options: DiscoveryOptions
  readonly #table: PeerTable
  /** Ready peers that are asked: those that we dialled, and the first few others. Bounded by PEERS_ASKED_MAX. */
  readonly #asked = new Map<PeerId, Asked>()
  /** Ready peers; bounded by maxPeers. */
  readonly #ready = new Set<PeerId>()
  /** Whom the app disconnected; bounded by REMEMBERED_PEERS_MAX. */
  readonly #unwanted = new Set<PeerId>()
  #ownRecord: PeerRecord | undefined
  /** None before the host has told: until then nobody is asked, and nobody learnt. */
  #roads: readonly Road[] = []
  #nextRequest = limits.PEERS_REQUEST_FIRST
  /** Something changed since somebody to dial was looked for in vain. */
  #mayFind = false
  /** Of the last step. */
  #nowMs = 0

  constructor(options: DiscoveryOptions) {
    this.#options = options
    this.#table = new PeerTable(options.random)
  }

  get known(): ReadonlyMap<PeerId, KnownPeer> {
    return this.#table.known
  }

  ownRecordChanged({ record, roads }: OwnRecordChanged): void {
    this.#ownRecord = record
    this.#roads = roads
    this.#mayFind = true
  }

  peerReady({ peer, info, nowMs }: { peer: PeerId; info: NodeInfo; nowMs: number }): void {
    this.#ready.add(peer)
    this.#unwanted.delete(peer)
    const known = this.#table.known.get(peer)
    if (known !== undefined) known.failureCount = 0
    const isOurs = this.#options.connectionOf(peer)?.direction === 'outbound'
    if (!info.serves.includes('peers') || this.#asked.size >= limits.PEERS_ASKED_MAX * (isOurs ? 2 : 1)) return
    const askedMs = nowMs - limits.ASK_PEERS_INTERVAL_MS_MAX
    this.#asked.set(peer, { request: undefined, connection: undefined, askedMs, told: undefined })
  }

  peerGone(peer: PeerId): void {
    this.#ready.delete(peer)
    this.#asked.delete(peer)
    this.#mayFind = true
  }

  /** What was asked over it is lost. */
  connectionFailed(connection: ConnectionId): void {
    for (const asked of this.#asked.values()) if (asked.connection === connection) asked.request = undefined
  }

  /** A dial to a learnt peer led nowhere, or its peer is gone again. */
  dialFailed(args: { peer: PeerId; nowMs: number; backoffMs: number | undefined }): void {
    this.#table.failed(args)
    this.#mayFind = true
  }

  /** The app does not want it: learning of it again changes nothing. */
  disconnected(peer: PeerId): void {
    if (this.#unwanted.size < limits.REMEMBERED_PEERS_MAX) this.#unwanted.add(peer)
  }

  message(args: { peer: PeerId; connection: Connection; message: PeersMessage; nowMs: number }): void {
    const { peer, connection, message } = args
    if (message.type === 'get-peers') {
      for (const record of message.records) if (record.peer === peer) this.#take(record, args)
      this.#answer(message, peer, connection)
      return
    }
    const asked = this.#asked.get(peer)
    // An answer may cross the loss of what it answers, so one to nothing is left alone and strikes nobody.
    if (asked?.request !== message.request) return
    asked.request = undefined
    if (message.type === 'peers') for (const record of message.records) this.#take(record, args)
  }

  #take(
    record: PeerRecord,
    { peer, connection, nowMs }: { peer: PeerId; connection: Connection; nowMs: number },
  ): void {
    if (record.peer === this.#options.ownPeer) return
    if (!isWithin(record, this.#scopeFrom(connection))) return
    this.#table.take({ record, source: peer, nowMs })
    this.#mayFind = true
  }

  #answer({ request, roads }: GetPeers, peer: PeerId, asker: Connection): void {
    const { random, effects } = this.#options
    const from = this.#scopeFrom(asker)
    const others = [...this.#ready]
      .filter((other) => other !== peer)
      .map((other) => this.#table.known.get(other)?.record)
    // From a random one on, so that each has its turn.
    const first = Math.floor(random() * others.length)
    const records = [this.#ownRecord, ...others.slice(first), ...others.slice(0, first)]
      .filter((record) => record !== undefined)
      .filter((record) => isWithin(record, from) && record.addresses.some((each) => canDial(each, roads)))
      .slice(0, limits.PEER_RECORDS_PER_MESSAGE_MAX)
    effects.push({ type: 'send-message', connection: asker.id, message: { type: 'peers', request, records } })
  }

  /**
   * From where a connection comes, as far as that is known. Where one of our addresses is public, whoever dials us may come
   * from anywhere, because a reverse proxy on this machine hides it. The addon that listens for WebTransport hides it too: it
   * always says 0.0.0.0, which is taken for this machine only where all our addresses are this machine's own.
   */
  #scopeFrom({ address, direction }: Connection): Scope {
    const own = this.#ownRecord?.addresses.map(scopeOf) ?? []
    if (address.startsWith('/ip4/0.')) return own.length > 0 && own.every((scope) => scope === 0) ? 0 : 2
    return direction === 'inbound' && own.includes(2) ? 2 : scopeOf(address)
  }

  /** At the end of every step: asks whom it is time to ask, and dials. */
  settle(nowMs: number): void {
    if (this.#roads.length === 0) return
    this.#nowMs = nowMs
    const intervalMs = this.#intervalMs()
    for (const [peer, asked] of this.#asked) {
      const isDue = asked.told !== this.#ownRecord || nowMs >= asked.askedMs + intervalMs
      if (isDue && asked.request === undefined) this.#ask(peer, asked, nowMs)
    }
    if (this.#mayFind) this.#dial(nowMs)
  }

  nextTimeout(): number {
    if (this.#roads.length === 0) return Infinity
    let next = this.#options.dials.wantsLearnt ? this.#table.nextDueMs(this.#nowMs) : Infinity
    const intervalMs = this.#intervalMs()
    for (const { request, askedMs } of this.#asked.values()) {
      if (request === undefined) next = Math.min(next, askedMs + intervalMs)
    }
    return next
  }

  /** What backs off may be due. */
  handleTimeout(): void {
    this.#mayFind = true
  }

  #intervalMs(): number {
    const { wantsLearnt } = this.#options.dials
    return wantsLearnt ? limits.ASK_PEERS_INTERVAL_MS_MIN : limits.ASK_PEERS_INTERVAL_MS_MAX
  }

  #ask(peer: PeerId, asked: Asked, nowMs: number): void {
    const connection = this.#options.connectionOf(peer)?.id
    if (connection === undefined) return
    const request = this.#nextRequest++ as RequestId
    Object.assign(asked, { request, connection, askedMs: nowMs, told: this.#ownRecord })
    const records = this.#ownRecord === undefined ? [] : [this.#ownRecord]
    const message: GetPeers = { type: 'get-peers', request, roads: this.#roads, records }
    this.#options.effects.push({ type: 'send-message', connection, message })
  }

  #dial(nowMs: number): void {
    const { dials, ownPeer, hasRoom } = this.#options
    const addressesOf = ({ addresses }: PeerRecord): readonly string[] =>
      addresses.filter((each) => canDial(each, this.#roads) && isUsual(each) && !each.includes(`/p2p/${ownPeer}/`))
    while (dials.hasRoomForLearnt && hasRoom()) {
      const record = this.#table.pick(nowMs, (each) => {
        const { peer } = each
        const isThere = this.#ready.has(peer) || this.#unwanted.has(peer) || dials.isAfter(peer)
        return !isThere && addressesOf(each).length > 0
      })
      if (record === undefined) {
        this.#mayFind = false
        return
      }
      dials.dialLearnt({ peer: record.peer, addresses: addressesOf(record), nowMs })
    }
  }
}

/** Who is connected from there can make something of all of it. */
function isWithin({ addresses }: PeerRecord, from: Scope): boolean {
  return addresses.every((address) => scopeOf(address) >= from)
}

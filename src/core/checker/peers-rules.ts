/** P1–P4: what peers tell each other of peers, and what comes of it. */
import type { LightNodeCore } from '../core.ts'
import type { Dial, Effect } from '../effect.ts'
import type { Event } from '../event.ts'
import type { ConnectionId, DialId, PeerId } from '../ids.ts'
import * as limits from '../limits.ts'
import type { PeerRecord, Road } from '../message.ts'
import { canDial, scopeOf } from '../road.ts'
import type { ConnectionRules } from './connection-rules.ts'
import { broken } from './invariant-error.ts'

/** A configured address, or a connect's. */
interface Target {
  /** It is dialled until it is reached again: configured, or reached once. Of others we do not know whether they are given up. */
  isKept: boolean
  /** Where it led last; undefined while it led nowhere. */
  peer: PeerId | undefined
  connection: ConnectionId | undefined
}

export class PeersRules {
  private readonly connections: ConnectionRules
  private readonly addressOf = new Map<ConnectionId, string>()
  private readonly roadsOf = new Map<ConnectionId, readonly Road[]>()
  private ownPeer: PeerId | undefined
  private readonly targets = new Map<string, Target>()
  private readonly configured: readonly string[]
  /** Of connects that are not settled. */
  private readonly connects = new Map<number, string>()
  private readonly dials = new Map<DialId, Dial>()
  private wasLastLearnt = false

  constructor(connections: ConnectionRules, configured: readonly string[]) {
    this.connections = connections
    this.configured = configured
  }

  event(event: Event): void {
    switch (event.type) {
      case 'own-record-changed':
        this.ownPeer = event.record.peer
        return
      case 'connection-opened':
        this.addressOf.set(event.connection, event.address)
        return
      case 'connection-closed':
        this.addressOf.delete(event.connection)
        this.roadsOf.delete(event.connection)
        return
      case 'message-received':
        if (event.message.type === 'get-peers') this.roadsOf.set(event.connection, event.message.roads)
        return
      case 'dial-succeeded': {
        const { peer, connection } = event
        const target = this.targets.get(this.dials.get(event.dial)?.address ?? '')
        if (target !== undefined) Object.assign(target, { peer, connection })
        return
      }
      case 'connect-requested':
        this.connects.set(event.token, event.address)
        return
      case 'connect-cancelled':
        return this.givenUp(event.token)
      case 'disconnect-requested':
        for (const [address, { peer }] of this.targets) if (peer === event.peer) this.targets.delete(address)
        return
      default:
    }
  }

  effect(effect: Effect): void {
    if (effect.type === 'send-message' && effect.message.type === 'peers')
      this.answered(effect.connection, effect.message.records)
    if (effect.type === 'peer-ready')
      for (const target of this.targets.values()) target.isKept ||= target.peer === effect.peer
    if (effect.type === 'connect-settled') this.connects.delete(effect.token)
    if (effect.type === 'connect-settled' && effect.outcome.type === 'failed') this.forgetUnkept()
    if (effect.type !== 'dial') return
    const { dial, address, furtherAddresses } = effect
    this.dials.set(dial, effect)
    if (furtherAddresses === undefined) {
      const isKept = this.targets.get(address)?.isKept ?? this.configured.includes(address)
      this.targets.set(address, { isKept, peer: undefined, connection: undefined })
    } else if (this.wasLastLearnt) this.checkReached(address)
    this.wasLastLearnt = furtherAddresses !== undefined
  }

  /** An address that was never reached goes with the last connect that wants it. */
  private givenUp(token: number): void {
    const address = this.connects.get(token)
    this.connects.delete(token)
    if (address === undefined || [...this.connects.values()].includes(address)) return
    if (this.targets.get(address)?.isKept === false) this.targets.delete(address)
  }

  /** A connect that did not reach its peer may be over. */
  private forgetUnkept(): void {
    for (const [address, { isKept }] of this.targets) if (!isKept) this.targets.delete(address)
  }

  private checkReached(learnt: string): void {
    for (const [address, target] of this.targets) {
      const connection = target.connection === undefined ? undefined : this.connections.get(target.connection)
      const isThere = target.peer !== undefined && this.connections.isReady(target.peer)
      if (target.isKept && !isThere && (connection === undefined || connection.isClosing))
        broken('P4', `two learnt dials in a row, to ${learnt} now, while ${address} is not reached`)
    }
  }

  private answered(id: ConnectionId, records: readonly PeerRecord[]): void {
    if (records.length > limits.PEER_RECORDS_PER_MESSAGE_MAX) broken('P1', `${records.length} records in one answer`)
    const from = scopeOf(this.addressOf.get(id) ?? '')
    const roads = this.roadsOf.get(id) ?? []
    for (const { peer, addresses } of records) {
      if (peer === this.connections.get(id)?.peer) broken('P1', `${peer} is told of itself`)
      if (peer !== this.ownPeer && !this.connections.isReady(peer)) broken('P1', `${peer} is told of and not ready`)
      if (!addresses.some((address) => canDial(address, roads))) broken('P2', `${peer} cannot be dialled by the asker`)
      const local = addresses.find((address) => scopeOf(address) < from)
      if (local !== undefined) broken('P2', `${local} is told to somebody from outside`)
    }
  }

  after(core: LightNodeCore): void {
    const { knownPeers } = core.syncView()
    if (knownPeers.size > limits.PEER_RECORDS_MAX) broken('P3', `${knownPeers.size} peers are remembered`)
    const counts = new Map<PeerId, number>()
    for (const { source } of knownPeers.values()) counts.set(source, (counts.get(source) ?? 0) + 1)
    for (const [source, count] of counts)
      if (count > limits.PEER_RECORDS_MAX / 4) broken('P3', `${count} remembered peers come from ${source} alone`)
  }
}

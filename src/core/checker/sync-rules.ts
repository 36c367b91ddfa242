/** S2–S6 as far as the trace shows them, and the bounds of messages. */
import type { Effect } from '../effect.ts'
import type { Event } from '../event.ts'
import type { ConnectionId, PeerId, RequestId, Root } from '../ids.ts'
import * as limits from '../limits.ts'
import type { SyncMessage, SyncRequest } from '../message.ts'
import type { ConnectionRules } from './connection-rules.ts'
import { broken } from './invariant-error.ts'
import type { Cause } from './cause.ts'

/** A peer that became ready is asked for headers at once, or when the light node has read its own store. */
const FIRST_ASK_MS_MAX = 30_000
/** All ready peers are looked at that often; more would be most of a simulation's time. */
const LOOK_EVERY_MS = 1_000
const ASK_GRACE_MS = 60_000

interface Asked {
  readonly request: RequestId
  readonly connection: ConnectionId
  /** Of a get-headers up to a given end: what more there is up to there says nothing of the peer's tip. */
  readonly hasStop: boolean
  /** Of a get-ancestors. */
  readonly roots: ReadonlySet<Root>
  deadlineMs: number
  /** Its being overdue was told as the stall of a sync peer, or is none. */
  isStallTold: boolean
}

const NO_ROOTS: ReadonlySet<Root> = new Set()

interface ReadyPeer {
  readonly servesHeaders: boolean
  lastAskedMs: number
  hasBeenAsked: boolean
  /** When it was last asked again for headers that it owed for too long. */
  gaveUpMs: number | undefined
  /** In flight, by kind of request. */
  readonly inFlight: Record<SyncRequest['type'], Asked | undefined>
}

const KINDS: readonly SyncRequest['type'][] = ['get-headers', 'get-ancestors', 'ping']

export class SyncRules {
  private readonly connections: ConnectionRules
  private readonly peers = new Map<PeerId, ReadyPeer>()
  private work = -1n
  private nextLookMs = 0
  /** What is stored is being read: nobody is asked yet. */
  private isStarting = true
  /** In this step it answered our request with headers and the word that more follow. */
  deliveredMore: PeerId | undefined

  constructor(connections: ConnectionRules) {
    this.connections = connections
  }

  event(event: Event, nowMs: number): void {
    this.deliveredMore = undefined
    switch (event.type) {
      case 'message-received':
        this.received(event.connection, event.message)
        return
      case 'sync-stream-failed':
      case 'connection-closed':
        this.lose(event.connection)
        return
      case 'clock-jumped':
        for (const peer of this.peers.values()) {
          peer.lastAskedMs = nowMs
          const aheadMs = Math.max(0, event.aheadMs)
          for (const kind of KINDS) {
            const asked = peer.inFlight[kind]
            if (asked !== undefined) asked.deadlineMs += aheadMs
          }
        }
        return
      default:
    }
  }

  private received(connection: ConnectionId, message: SyncMessage): void {
    if (
      message.type !== 'headers' &&
      message.type !== 'ancestors' &&
      message.type !== 'pong' &&
      message.type !== 'refused'
    )
      return
    const peer = this.connections.get(connection)?.peer
    const inFlight = peer === undefined ? undefined : this.peers.get(peer)?.inFlight
    if (inFlight === undefined) return
    for (const kind of KINDS) {
      const asked = inFlight[kind]
      if (asked?.request !== message.request) continue
      inFlight[kind] = undefined
      if (message.type === 'headers' && !asked.hasStop && message.hasMore && message.headers.length > 0)
        this.deliveredMore = peer
    }
  }

  private lose(connection: ConnectionId): void {
    for (const { inFlight } of this.peers.values()) {
      for (const kind of KINDS) if (inFlight[kind]?.connection === connection) inFlight[kind] = undefined
    }
  }

  effect(effect: Effect, nowMs: number): void {
    switch (effect.type) {
      case 'peer-ready': {
        const servesHeaders = this.connections.infoOf(effect.peer)?.serves.includes('headers') ?? false
        const inFlight = { 'get-headers': undefined, 'get-ancestors': undefined, ping: undefined }
        const asked = { lastAskedMs: nowMs, hasBeenAsked: false, gaveUpMs: undefined }
        this.peers.set(effect.peer, { servesHeaders, ...asked, inFlight })
        return
      }
      case 'peer-gone':
        this.peers.delete(effect.peer)
        return
      case 'close-connection':
        this.lose(effect.connection)
        return
      case 'send-message':
        this.sent(effect.connection, effect.message, nowMs)
        return
      case 'status-changed':
        if (this.isStarting && effect.status !== 'starting')
          for (const peer of this.peers.values()) peer.lastAskedMs = nowMs
        this.isStarting = effect.status === 'starting'
        return
      case 'warning':
        // What stood on a checkpoint that led nowhere is given up.
        if (effect.code === 'checkpoint-refused') this.work = -1n
        return
      case 'head-changed':
        if (effect.head.trust === 'stored') return
        if (effect.head.work < this.work) broken('S2', `the head's work fell from ${this.work} to ${effect.head.work}`)
        this.work = effect.head.work
        return
      default:
    }
  }

  /** The connection by which this peer was asked for headers that it owes for too long; told once. */
  takeStall(peer: PeerId, nowMs: number): ConnectionId | undefined {
    const asked = this.overdue(peer, nowMs)
    if (asked === undefined || asked.isStallTold) return undefined
    asked.isStallTold = true
    return asked.connection
  }

  /** True when this peer owed us headers for too long before this step; it is then forgotten. */
  giveUp(peer: PeerId, nowMs: number): boolean {
    const seen = this.peers.get(peer)
    if (seen?.gaveUpMs === nowMs) return true
    if (seen === undefined || this.overdue(peer, nowMs) === undefined) return false
    seen.inFlight['get-headers'] = undefined
    return true
  }

  private overdue(peer: PeerId, nowMs: number): Asked | undefined {
    const asked = this.peers.get(peer)?.inFlight['get-headers']
    return asked === undefined || asked.deadlineMs > nowMs ? undefined : asked
  }

  /** This peer owes us the ancestors of this root. A timeout lets go of what is over. */
  owes(peer: PeerId, root: Root, cause: Cause, nowMs: number): boolean {
    const asked = this.peers.get(peer)?.inFlight['get-ancestors']
    return asked?.roots.has(root) === true && (cause.type !== 'timeout' || asked.deadlineMs > nowMs)
  }

  private sent(connection: ConnectionId, message: SyncMessage, nowMs: number): void {
    checkBounds(message)
    if (message.type !== 'get-headers' && message.type !== 'get-ancestors' && message.type !== 'ping') return
    const id = this.connections.get(connection)?.peer
    const peer = id === undefined ? undefined : this.peers.get(id)
    if (peer === undefined) return
    const before = peer.inFlight[message.type]
    if (before !== undefined && before.deadlineMs > nowMs)
      broken('S3', `${message.type} ${message.request} to ${id} while ${before.request} is in flight`)
    const deadlineMs = nowMs + (message.type === 'ping' ? limits.PROBE_TIMEOUT_MS : limits.REQUEST_TIMEOUT_MS)
    const roots = message.type === 'get-ancestors' ? new Set(message.roots) : NO_ROOTS
    const hasStop = message.type === 'get-headers' && message.stop !== undefined
    peer.inFlight[message.type] = {
      request: message.request,
      connection,
      hasStop,
      roots,
      deadlineMs,
      isStallTold: false,
    }
    if (message.type !== 'get-headers') return
    if (before !== undefined) peer.gaveUpMs = nowMs
    peer.lastAskedMs = nowMs
    peer.hasBeenAsked = true
  }

  after(cause: Cause, nowMs: number): void {
    if (cause.type !== 'timeout' || this.isStarting || nowMs < this.nextLookMs) return
    this.nextLookMs = nowMs + LOOK_EVERY_MS
    for (const [id, peer] of this.peers) {
      if (!peer.servesHeaders) continue
      const sinceMs = nowMs - peer.lastAskedMs
      if (!peer.hasBeenAsked && sinceMs > FIRST_ASK_MS_MAX) broken('S2', `${id} is ready and was not asked for headers`)
      if (sinceMs > limits.ASK_AGAIN_INTERVAL_MS + ASK_GRACE_MS)
        broken('S2', `${id} was not asked again for ${sinceMs} ms`)
    }
  }
}

function checkBounds(message: SyncMessage): void {
  switch (message.type) {
    case 'get-headers':
      if (message.locator.length > limits.LOCATOR_ROOTS_MAX || message.locator.length === 0)
        broken('R1', `a locator of ${message.locator.length} roots`)
      if (message.countMax > limits.HEADERS_PER_MESSAGE_MAX || message.countMax < 1)
        broken('R1', `${message.countMax} headers are asked for at once`)
      return
    case 'get-ancestors':
      if (message.roots.length > limits.ROOTS_PER_REQUEST_MAX || message.roots.length === 0)
        broken('R1', `${message.roots.length} roots are asked for at once`)
      if (message.countMax > limits.HEADERS_PER_MESSAGE_MAX || message.countMax < 1)
        broken('R1', `${message.countMax} ancestors are asked for at once`)
      if (new Set(message.roots).size !== message.roots.length) broken('S6', 'a root is asked for twice in one request')
      return
    case 'announce':
      if (message.headers.length === 0) broken('R1', 'an announcement of nothing')
      return
    default:
  }
}

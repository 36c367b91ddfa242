import type { CoreView, ExchangeView } from '../core/core.ts'
import type { Chain } from '../core/chain.ts'
import type { Host } from '../host/host.ts'
import type { ExchangeSnapshot, PeerSnapshot, Snapshot, StoreSnapshot } from './api.ts'
import type { Clock } from './clock.ts'
import { HeaderRate } from './rate.ts'
import { VERSION } from './version.ts'

/** Changes within any second, at most. */
const CHANGES_PER_SECOND_MAX = 10
/** Progress is shown this often; the rest of the ten is for what should be seen at once: status, peers. */
const INTERVAL_MS = 150

export interface SnapshotsOptions {
  readonly chain: Chain
  readonly host: Host
  readonly clock: Clock
  readonly view: () => CoreView
  readonly exchange: () => ExchangeView
  readonly blockStore: { readonly blockCount: number; readonly sizeBytes: number }
  readonly store: (view: CoreView) => Pick<StoreSnapshot, 'kind' | 'reason' | 'sizeBytes'>
}

/** The picture that the app sees: immutable, the same reference until something in it changes. */
export class Snapshots {
  readonly #options: SnapshotsOptions
  readonly #startedMs: number
  readonly #rate = new HeaderRate()
  readonly #callbacks = new Set<() => void>()
  #current: Snapshot
  /** What makes two pictures the same; the uptime is left out. */
  #fingerprint = ''
  #builtMs = -Infinity
  /** When it changed last, oldest first; bounded by CHANGES_PER_SECOND_MAX. */
  #changedAtMs: number[] = []
  #cancelTimer: (() => void) | undefined
  #isStopped = false

  constructor(options: SnapshotsOptions) {
    this.#options = options
    this.#startedMs = options.clock.now().monotonicMs
    this.#current = this.#build()
  }

  /** A reader in the middle of drawing must not be called back: a change found here is told right after. */
  get current(): Snapshot {
    if (this.#isDue() && this.#refresh()) queueMicrotask(() => this.#tell())
    return this.#current
  }

  get uptimeMs(): number {
    return this.#options.clock.now().monotonicMs - this.#startedMs
  }

  subscribe(callback: () => void): () => void {
    // Wrapped, so that one function subscribed twice is two subscriptions.
    const subscription = (): void => callback()
    this.#callbacks.add(subscription)
    return () => this.#callbacks.delete(subscription)
  }

  /** Something may have changed: looked at now, or as soon as the interval allows. */
  touch(): void {
    if (this.#isStopped || this.#cancelTimer !== undefined) return
    if (this.#isDue()) {
      if (this.#refresh()) this.#tell()
      return
    }
    const roomAtMs = this.#hasRoom() ? 0 : (this.#changedAtMs[0] ?? 0) + 1_000
    const waitMs = Math.max(this.#builtMs + INTERVAL_MS, roomAtMs) - this.#options.clock.now().monotonicMs
    this.#cancelTimer = this.#options.clock.setTimer(waitMs, () => {
      this.#cancelTimer = undefined
      this.touch()
    })
  }

  /** Something changed that should be seen at once. */
  touchNow(): void {
    if (this.#isStopped || !this.#hasRoom()) this.touch()
    else if (this.#refresh()) this.#tell()
  }

  /** The last picture, with status `stopped`. */
  stop(): void {
    this.#isStopped = true
    this.#cancelTimer?.()
    if (this.#refresh()) this.#tell()
    this.#callbacks.clear()
  }

  /** The last picture is not too fresh to be replaced. */
  #isDue(): boolean {
    const isFresh = this.#options.clock.now().monotonicMs - this.#builtMs < INTERVAL_MS
    return !this.#isStopped && !isFresh && this.#hasRoom()
  }

  #hasRoom(): boolean {
    const first = this.#changedAtMs[0]
    if (first === undefined || this.#changedAtMs.length < CHANGES_PER_SECOND_MAX) return true
    return this.#options.clock.now().monotonicMs - first >= 1_000
  }

  /** True when the picture changed. */
  #refresh(): boolean {
    const nowMs = this.#options.clock.now().monotonicMs
    this.#builtMs = nowMs
    const next = this.#build()
    const fingerprint = fingerprintOf(next)
    if (fingerprint === this.#fingerprint) return false
    this.#fingerprint = fingerprint
    this.#current = next
    this.#changedAtMs.push(nowMs)
    if (this.#changedAtMs.length > CHANGES_PER_SECOND_MAX) this.#changedAtMs.shift()
    return true
  }

  #tell(): void {
    for (const callback of [...this.#callbacks]) {
      try {
        callback()
      } catch (error) {
        // As for a DOM listener: the platform reports the app's mistake, and the loop goes on.
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  #build(): Snapshot {
    const { chain, clock, view: readView, exchange, blockStore, store, host } = this.#options
    const view = readView()
    const nowMs = clock.now().monotonicMs
    const headersPerSecond = this.#rate.perSecond(view.verifiedHeight, nowMs)
    this.#rate.record(view.verifiedHeight, nowMs)
    return Object.freeze({
      chain: chain.id,
      genesis: chain.genesis,
      status: view.status,
      statusReason: view.statusReason,
      head: Object.freeze(view.head),
      progress: Object.freeze({
        target: view.targetHeight,
        verified: view.verifiedHeight,
        verifiedShare: view.verifiedShare,
        headersPerSecond,
      }),
      peers: Object.freeze(view.peers.map((peer) => Object.freeze(peerSnapshot(peer, host)))),
      store: Object.freeze({ ...store(view), headerCount: view.storedHeaderCount }),
      exchange: Object.freeze(exchangeSnapshot(exchange(), blockStore)),
      uptimeMs: this.uptimeMs,
      version: VERSION,
    })
  }
}

function peerSnapshot(peer: CoreView['peers'][number], host: Host): PeerSnapshot {
  const { id, transport, direction, address, agent, claimed, state, isSyncPeer, latencyMs, strikes } = peer
  const { bytesIn, bytesOut } = host.traffic(peer.connection) ?? { bytesIn: 0, bytesOut: 0 }
  const head = claimed === undefined ? undefined : Object.freeze({ ...claimed })
  return { id, transport, direction, address, agent, head, state, isSyncPeer, latencyMs, bytesIn, bytesOut, strikes }
}

function exchangeSnapshot(view: ExchangeView, store: SnapshotsOptions['blockStore']): ExchangeSnapshot {
  const { blocksReceived, bytesReceived, duplicateBlocks, unwantedBlocks, blocksSent, bytesSent, wantCount } = view
  const counts = { blocksReceived, bytesReceived, duplicateBlocks, unwantedBlocks, blocksSent, bytesSent }
  return { ...counts, wantCount, storedBlocks: store.blockCount, storedBytes: store.sizeBytes }
}

function fingerprintOf(snapshot: Snapshot): string {
  return JSON.stringify({ ...snapshot, uptimeMs: 0 }, (_key, value: unknown) =>
    typeof value === 'bigint' ? value.toString(16) : value,
  )
}

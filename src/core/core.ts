/** The core as its drivers see it: the real one and the simulator's. */
import type { Chain, Head, HeaderTree } from './chain.ts'
import type { Effect } from './effect.ts'
import type { Event } from './event.ts'
import type { CidPrefix } from './exchange/exchange-message.ts'
import type { Cid, ConnectionId, PeerId, Root } from './ids.ts'
import type { Instant } from './instant.ts'
import type { ClaimedHead } from './message.ts'
import type { Status } from './status.ts'

/**
 * One state machine: events in, effects out, in order. Nothing in it waits, reads a clock or rolls dice.
 *
 * What its driver owes it:
 * 1. one event at a time; effects in order; a failed effect comes back as an event;
 * 2. the inbox is bounded per peer (64 messages or 4 MiB, then the host stops reading that peer) and in sum (32 MiB); between
 *    peers its order is fair, within one it is that of arrival; lifecycle, store and app events are never dropped;
 * 3. timers are not events: `handleTimeout` runs only when everything queued at that moment was handled, which takes each
 *    peer's turns for what it had there and no longer, so a late timer never overtakes an answer;
 * 4. writes keep their order, are committed in groups, and hold up nothing else;
 * 5. it yields between slices without a timer; no turn over 8 ms in a tab;
 * 6. when wall and monotonic clock disagree by more than 5 s, or the page wakes, the event is `clock-jumped`.
 */
export interface LightNodeCore {
  /** Total: an event that no longer matters returns `[]`. */
  handle(event: Event, now: Instant): readonly Effect[]
  /** An extra call is harmless. */
  handleTimeout(now: Instant): readonly Effect[]
  /** When `handleTimeout` wants to be called, on the monotonic clock. */
  nextTimeout(): number | undefined
  /** Headers wait in the bounded queue to be verified. */
  hasWork(): boolean
  /** Verifies one slice, counted in headers, never in time. */
  handleWork(now: Instant): readonly Effect[]
  /** What is true now, for showing. Read-only. */
  view(): CoreView
  /** The tree of verified headers, for reading. */
  readonly tree: HeaderTree
  /** What sync is after now, for the checker of invariants. Read-only. */
  syncView(): SyncView
  /** What block exchange holds now, for showing and for the checker. Read-only. */
  exchangeView(): ExchangeView
}

export interface SyncView {
  /** What is stored has been verified again: peers are asked. */
  readonly isRunning: boolean
  readonly syncPeer: PeerId | undefined
  /** Ready peers. `hasMore`: it said so in its last answer; it is not elected before `stalledUntilMs`. */
  readonly peers: ReadonlyMap<PeerId, { readonly hasMore: boolean; readonly stalledUntilMs: number }>
  readonly missing: MissingView
  /** Peers that others told of, and who did. */
  readonly knownPeers: ReadonlyMap<PeerId, { readonly source: PeerId }>
}

/** Roots that are wanted now: queued, or owned by a request or by the answer to one. */
export interface MissingView {
  readonly roots: Iterable<Root>
  readonly size: number
  has(root: Root): boolean
  /** Who was asked for it; undefined while it is queued. */
  ownerOf(root: Root): PeerId | undefined
  /** Its ancestors came: they wait to be verified, or for their time. */
  isHeld(root: Root): boolean
}

/** Counts since the start; blocks and bytes are of content, without what carries it. */
export interface ExchangeCounts {
  readonly blocksReceived: number
  readonly bytesReceived: number
  /** Of those received: wanted once, and already there. */
  readonly duplicateBlocks: number
  /** Of those received: never asked for, or of no known hash. */
  readonly unwantedBlocks: number
  readonly blocksSent: number
  readonly bytesSent: number
}

export interface ExchangeView extends ExchangeCounts {
  /** Wants of the app that are not settled. */
  readonly wantCount: number
  readonly peers: ReadonlyMap<PeerId, ExchangePeerView>
}

export interface ExchangePeerView extends ExchangeCounts {
  readonly connection: ConnectionId
  /** Blocks that it was asked for and that have not come. */
  readonly owedCount: number
  /** Wants of its that we hold. */
  readonly ledgerCount: number
  /** Bytes loaded for it or on their way to it. */
  readonly outstandingBytes: number
  /** A message is on its way and not drained. */
  readonly isSending: boolean
}

export interface CoreOptions {
  readonly chain: Chain
  readonly ownPeer: PeerId
  /** At most 64 printable ASCII characters. */
  readonly agent: string
  /** Addresses to stay connected to. */
  readonly peers: readonly string[]
  /** Ready peers at most. */
  readonly maxPeers: number
  /** 32 bits; decides jitter and ties. */
  readonly seed: number
  /** Makes a block's CID, which takes hashing it; undefined where the hash function is not known. No exchange without it. */
  readonly cidOf?: ((prefix: CidPrefix, bytes: Uint8Array) => Cid | undefined) | undefined
  /** Whether this peer is served this block; refused, it is as absent. All by default. */
  readonly mayServe?: ((peer: PeerId, cid: Cid) => boolean) | undefined
  /** This light node makes the headers itself (a practice chain): it is in step without peers. */
  readonly isAuthority: boolean
}

export interface CoreView {
  readonly status: Status
  readonly statusReason: string
  /** A ready peer, and none that delivered more work than is verified. */
  readonly isInStep: boolean
  /** Somebody to dial, or a connect under way. */
  readonly hasTargets: boolean
  readonly head: Head
  /** Greatest claimed height of ready peers, or our own; undefined without a ready peer. */
  readonly targetHeight: number | undefined
  /** Every header up to this height is verified. */
  readonly verifiedHeight: number
  /** Of the headers from genesis to the head, the share that is verified; below 1 during a back-fill. */
  readonly verifiedShare: number
  readonly peers: readonly PeerView[]
  /** Headers in the store as far as acknowledged. */
  readonly storedHeaderCount: number
}

export interface PeerView {
  readonly id: PeerId
  /** The connection that counts: the one messages go by. */
  readonly connection: ConnectionId
  readonly transport: string
  readonly direction: 'inbound' | 'outbound'
  readonly address: string
  readonly agent: string | undefined
  readonly claimed: ClaimedHead | undefined
  readonly state: 'connecting' | 'ready' | 'exchange-only' | 'closing'
  readonly isSyncPeer: boolean
  readonly latencyMs: number | undefined
  readonly strikes: number
}

/** The records of block exchange; they point at one another. */
import type { ExchangeCounts } from '../core.ts'
import type { Cid, ConnectionId, PeerId, WantToken } from '../ids.ts'
import { ENVELOPE_BYTES_START } from '../limits.ts'
import type { Ledger as LedgerOf, LedgerEntry as LedgerEntryOf } from './ledger.ts'
import { RecentCids } from './recent-cids.ts'

export type Ledger = LedgerOf<ExchangePeer>
export type LedgerEntry = LedgerEntryOf<ExchangePeer>
export type Counts = { -readonly [Name in keyof ExchangeCounts]: number }

export function createCounts(): Counts {
  const received = { blocksReceived: 0, bytesReceived: 0, duplicateBlocks: 0, unwantedBlocks: 0 }
  return { ...received, blocksSent: 0, bytesSent: 0 }
}

/**
 * A block that the app wants. It is
 * owed (one peer was asked for it and has not said no), queued (whoever could be asked owes as much as it may),
 * or parked (everybody was asked; the next round comes with time, or with a new peer).
 */
export interface Want {
  readonly cid: Cid
  readonly session: Session
  readonly priority: number
  /** Who waits for it, in order. Bounded by WANTS_MAX in sum. */
  readonly tokens: Set<WantToken>
  /** Every peer that holds this want of ours. Bounded by the peers. */
  readonly asks: Map<ExchangePeer, Ask>
  /** The one that owes the block. */
  owed: Ask | undefined
  /** Grows when everybody has said no or nothing: then everybody may be asked again. */
  round: number
  /** When the round ends, once everybody was asked in it. */
  roundDueMs: number | undefined
}

/** One want as one peer holds it, in the want's record and in the peer's. */
export interface Ask {
  readonly want: Want
  readonly peer: ExchangePeer
  kind: 'block' | 'have'
  answer: 'none' | 'have' | 'absent'
  /** The want's round when it was asked. */
  round: number
  /** Messages that it went into. One or more: taking it back takes a cancel. */
  sentCount: number
  askedMs: number
}

export function isOwed(ask: Ask): boolean {
  return ask.want.owed === ask
}

/** Wants of the app that are thought to be in the same place. */
export interface Session {
  readonly id: number
  /** Peers that delivered something of it or said that they have it, with their dont-haves since. Bounded by the peers. */
  readonly good: Map<ExchangePeer, number>
  /** The last of them, which delivered last. */
  latest: ExchangePeer | undefined
  /** Wants that are not settled. */
  openCount: number
  /** Wants for which others were asked whether they have it. */
  probedCount: number
}

/** A message on its way, and what goes back to its place when it fails. */
export interface Sending {
  readonly connection: ConnectionId
  readonly sequence: number
  readonly startedMs: number
  readonly sizeBytes: number
  readonly blocks: readonly LedgerEntry[]
  readonly blockBytes: number
  readonly haves: readonly LedgerEntry[]
  readonly dontHaves: readonly Cid[]
  /** We gave it up; the host has not said so yet. */
  isReset: boolean
}

/** What is to be said at the next opportunity. While a message is on its way, it gathers here. */
export interface Outbox {
  /** The next message starts our wantlist anew. */
  isFullWantlist: boolean
  /** Bounded by the asks of the peer. */
  wants: Map<Cid, Ask>
  /** Bounded by what was asked of it. */
  readonly cancels: Set<Cid>
  readonly haves: Set<LedgerEntry>
  /** Bounded by the ledger, and by LEDGER_WANTS_GUARANTEED of what it has no room for. */
  readonly dontHaves: Set<Cid>
  /** Blocks in memory, in the order they go. Bounded by the budget. */
  readonly blocks: Map<LedgerEntry, Uint8Array>
  blockBytes: number
  /** The last message held no block larger than what is packed: such a one goes next, alone. */
  isTurnOfLarge: boolean
}

/** What block exchange knows of one peer that is ready or exchange-only. It goes with the peer's last connection. */
export interface ExchangePeer {
  readonly id: PeerId
  /** Breaks ties between peers that were served alike, so that nobody can choose an id that goes first. */
  readonly salt: number
  /** Those that take part. Bounded by DIRECT_CONNECTIONS_PER_PEER_MAX. */
  readonly connections: Set<ConnectionId>
  /** The one that we send by. */
  connection: ConnectionId
  isRushlight: boolean
  /** Where it stands in the list of peers. */
  position: number
  readonly counts: Counts

  // Asking.
  /** Wants of ours that it holds. Bounded by WANTS_MAX. */
  readonly asks: Map<Cid, Ask>
  /** Of those, blocks that it was asked for and has not said no to. */
  owedCount: number
  /** When it last delivered what it owed or said no, or began to owe. */
  progressMs: number
  /** Smoothed; undefined while unmeasured. */
  responseMs: number | undefined
  /** Its shortest response time: about a round trip. */
  fastestMs: number | undefined
  msPerBlock: number | undefined
  /** It owed something and nothing came: it is asked last until it delivers. */
  isSilent: boolean
  /** Never falls: whoever sent one is asked last, and helps nobody, for as long as it is connected. */
  unwantedCount: number
  /** It takes over from others no sooner. */
  helpAgainMs: number
  readonly settled: RecentCids
  readonly sessions: Set<Session>

  // Serving.
  readonly ledger: Ledger
  isFinding: boolean
  isLoading: boolean
  /** Bytes loaded for it or on their way, those of a load under way included. */
  outstandingBytes: number
  /** About as much as it takes in a moment: what is loaded at once. */
  envelopeBytes: number

  // Sending.
  readonly outbox: Outbox
  sending: Sending | undefined
  /** After a failed send nothing is sent for a while. */
  isResting: boolean
  failureCount: number
}

export function createExchangePeer(args: {
  id: PeerId
  connection: ConnectionId
  isRushlight: boolean
  salt: number
  ledger: Ledger
}): ExchangePeer {
  return {
    ...args,
    connections: new Set([args.connection]),
    position: -1,
    counts: createCounts(),
    asks: new Map(),
    owedCount: 0,
    progressMs: 0,
    responseMs: undefined,
    fastestMs: undefined,
    msPerBlock: undefined,
    isSilent: false,
    unwantedCount: 0,
    helpAgainMs: 0,
    settled: new RecentCids(),
    sessions: new Set(),
    isFinding: false,
    isLoading: false,
    outstandingBytes: 0,
    envelopeBytes: ENVELOPE_BYTES_START,
    outbox: {
      isFullWantlist: false,
      wants: new Map(),
      cancels: new Set(),
      haves: new Set(),
      dontHaves: new Set(),
      blocks: new Map(),
      blockBytes: 0,
      isTurnOfLarge: true,
    },
    sending: undefined,
    isResting: false,
    failureCount: 0,
  }
}

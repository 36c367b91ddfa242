/** What may happen in one run of a hostile libp2p, as values that fast-check shrinks. */
import fc from 'fast-check'
import { BITSWAP_PROTOCOL } from '../src/host/exchange-outbound.ts'
import { HANDSHAKE_PROTOCOL } from '../src/host/handshakes.ts'
import { SYNC_PROTOCOL } from '../src/host/sync-link.ts'
import { OTHER_PEERS } from './fake-libp2p.ts'

/** What happens to a connection, in any order: an open event may come after the close, twice, or never. */
const HINTS = [
  'open-event',
  'list',
  'unlist',
  'dies',
  'close-event',
  'close-event first',
  'identified',
  'peer-disconnect',
] as const
/** What the remote does on a stream: of its own to us, or of ours. */
const REMOTE_STREAMS = ['answers', 'says half', 'says garbage', 'is silent', 'reads nothing', 'ends', 'resets'] as const
const OPENINGS = [...REMOTE_STREAMS, 'never opens', 'is unsupported', 'opens late', 'opens though given up'] as const
const DIAL_ENDS = [
  'opens',
  'opens',
  'opens dead',
  'opens though given up',
  'finds the other',
  'fails',
  'hangs',
] as const
const CLOSINGS = ['at once', 'late', 'hangs'] as const
const ASKS = [
  'ask',
  'ask',
  'answer',
  'send',
  'exchange',
  'exchange',
  'admit',
  'give up',
  'close',
  'cancel',
  'second',
  'second',
  'eleven seconds',
] as const
const PROTOCOLS = [HANDSHAKE_PROTOCOL, SYNC_PROTOCOL, BITSWAP_PROTOCOL] as const

export interface ConnectionPlan {
  readonly peer: number
  readonly isLimited: boolean
  /** Of the library's two listeners for a new connection ours came first. */
  readonly isToldBeforeListed: boolean
  readonly hints: readonly (typeof HINTS)[number][]
  readonly streams: readonly {
    readonly protocol: (typeof PROTOCOLS)[number]
    readonly does: (typeof REMOTE_STREAMS)[number]
  }[]
  readonly closing: (typeof CLOSINGS)[number]
  /** What follows its death, if anything does. */
  readonly epilogue: readonly ('close-event' | 'unlist')[]
}

export interface Plan {
  /** There before we listen. */
  readonly early: readonly ConnectionPlan[]
  readonly inbound: readonly ConnectionPlan[]
  readonly dials: readonly {
    readonly end: (typeof DIAL_ENDS)[number]
    readonly namesPeer: boolean
    readonly connection: ConnectionPlan
  }[]
  readonly asks: readonly { readonly type: (typeof ASKS)[number]; readonly which: number }[]
  readonly openings: readonly (typeof OPENINGS)[number][]
  /** Promise steps between a turn of the scheduler and what happens in it, so that things fall between ours. */
  readonly gaps: readonly number[]
  readonly isStoppedInTheMiddle: boolean
  readonly doesStopHang: boolean
}

const connectionPlan: fc.Arbitrary<ConnectionPlan> = fc.record({
  peer: fc.nat({ max: OTHER_PEERS.length - 1 }),
  isLimited: fc.integer({ min: 0, max: 7 }).map((dice) => dice === 0),
  isToldBeforeListed: fc.boolean(),
  hints: fc.array(fc.constantFrom(...HINTS), { maxLength: 5 }),
  streams: fc.array(fc.record({ protocol: fc.constantFrom(...PROTOCOLS), does: fc.constantFrom(...REMOTE_STREAMS) }), {
    maxLength: 3,
  }),
  closing: fc.constantFrom(...CLOSINGS),
  epilogue: fc.array(fc.constantFrom('close-event', 'unlist'), { maxLength: 3 }),
})

export const plan: fc.Arbitrary<Plan> = fc.record({
  early: fc.array(connectionPlan, { maxLength: 2 }),
  inbound: fc.array(connectionPlan, { maxLength: 3 }),
  dials: fc.array(
    fc.record({ end: fc.constantFrom(...DIAL_ENDS), namesPeer: fc.boolean(), connection: connectionPlan }),
    { maxLength: 3 },
  ),
  asks: fc.array(fc.record({ type: fc.constantFrom(...ASKS), which: fc.nat({ max: 5 }) }), { maxLength: 10 }),
  openings: fc.array(fc.constantFrom(...OPENINGS), { minLength: 1, maxLength: 4 }),
  gaps: fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 5 }),
  isStoppedInTheMiddle: fc.boolean(),
  doesStopHang: fc.boolean(),
})

export type RemoteStream = (typeof REMOTE_STREAMS)[number]
export type Hint = (typeof HINTS)[number]
export type Ask = (typeof ASKS)[number]

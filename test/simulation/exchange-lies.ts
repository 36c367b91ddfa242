/** What dishonest peers do with blocks: the words of a real core, twisted on their way out, and some that nobody provoked. */
import type { OutgoingExchange, WantEntry } from '../../src/core/exchange/exchange-message.ts'
import type { Cid } from '../../src/core/ids.ts'
import { formatCid } from '../../src/wire/cid.ts'
import { EMPTY_EXCHANGE } from '../empty-exchange.ts'
import type { Random } from './random.ts'
import type { ExchangeManners, LyingMessage } from './simulated-exchange.ts'
import { toyBlock } from './toy-content.ts'

export const EXCHANGE_LIES = [
  /** Sends blocks that nobody asked for. */
  'unwanted-blocks',
  /** Sends other bytes than were asked for. */
  'garbage-blocks',
  /** Sends some blocks of a hash function that nobody knows, or that nobody can read. */
  'unreadable-blocks',
  /** Says that it does not have what it has. */
  'denies',
  /** Says that it has it, and never sends it. */
  'withholds',
  /** Reads, and never says a word. */
  'says-nothing',
  /** Wants thousands of blocks, most of which nobody has. */
  'floods-wants',
  /** Wants and cancels, again and again. */
  'storms',
  /** Sends outlines that do not fit their headers. */
  'forges-outlines',
  'takes-no-stream',
  'reads-nothing',
  /** No liar: it does not speak bitswap. */
  'unsupported',
] as const

export type ExchangeLie = (typeof EXCHANGE_LIES)[number]

const LIES: readonly string[] = EXCHANGE_LIES

export function isExchangeLie(lie: string): lie is ExchangeLie {
  return LIES.includes(lie)
}

export function mannersOf(lie: string | undefined): ExchangeManners {
  return lie === 'takes-no-stream' || lie === 'reads-nothing' || lie === 'unsupported' ? lie : 'reads'
}

/** Blocks from this number on are nobody's. */
const STRAY_NONCE = 2 ** 24
const STRAY_SIZE_BYTES = 64
const STRAY_CIDS = 4_000
const FLOODS = [20, 20, 20, 50, 50, 50, 100, 100, 100, 3_000]
const UNKNOWN_HASH = 0x7fff

let strayCids: readonly Cid[] | undefined

/** The CIDs of blocks that nobody has. */
function strays(random: Random, count: number): readonly Cid[] {
  strayCids ??= Array.from({ length: STRAY_CIDS }, (_, index) => toyBlock(STRAY_NONCE + index, STRAY_SIZE_BYTES).cid)
  const from = random.below(STRAY_CIDS - count)
  return strayCids.slice(from, from + count)
}

/** What goes out instead; undefined for nothing at all. */
export function twistExchange(
  lie: ExchangeLie,
  message: OutgoingExchange,
  random: Random,
): OutgoingExchange | undefined {
  const { blocks, haves, dontHaves } = message
  switch (lie) {
    case 'unwanted-blocks':
      if (random.chance(0.5)) return message
      return { ...message, blocks: [...blocks, toyBlock(STRAY_NONCE + random.below(STRAY_CIDS), STRAY_SIZE_BYTES)] }
    case 'garbage-blocks':
      return { ...message, blocks: blocks.map((block) => (random.chance(0.5) ? damaged(block, random) : block)) }
    case 'unreadable-blocks':
      return random.chance(0.7) ? message : unreadable(message, random)
    case 'denies':
      return { ...message, blocks: [], haves: [], dontHaves: [...dontHaves, ...haves, ...blocks.map(({ cid }) => cid)] }
    case 'withholds':
      return { ...message, blocks: [], haves: [...haves, ...blocks.map(({ cid }) => cid)] }
    case 'says-nothing':
      return undefined
    default:
      return message
  }
}

/** Goes out every now and then, to everybody; undefined for nothing. */
export function unprovokedExchange(lie: ExchangeLie, random: Random): OutgoingExchange | undefined {
  switch (lie) {
    case 'unwanted-blocks':
      return { ...EMPTY_EXCHANGE, blocks: [toyBlock(STRAY_NONCE + random.below(STRAY_CIDS), STRAY_SIZE_BYTES)] }
    case 'floods-wants':
      return { ...EMPTY_EXCHANGE, wants: strays(random, random.pick(FLOODS)).map((cid) => wantOf(cid, random)) }
    case 'storms': {
      const cids = strays(random, random.between(1, 300))
      const isCancelling = random.chance(0.5)
      const wants = isCancelling ? [] : cids.map((cid) => wantOf(cid, random))
      return { ...EMPTY_EXCHANGE, wants, cancels: isCancelling ? cids : [], isFullWantlist: random.chance(0.2) }
    }
    default:
      return undefined
  }
}

function wantOf(cid: Cid, random: Random): WantEntry {
  const priority = random.between(1, 100)
  return { cid, priority, want: random.chance(0.5) ? 'block' : 'have', sendDontHave: random.chance(0.7) }
}

function damaged(block: OutgoingExchange['blocks'][number], random: Random): OutgoingExchange['blocks'][number] {
  const bytes = block.bytes.slice()
  const at = random.below(bytes.length)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  return { cid: block.cid, bytes }
}

/** One more block of an unknown hash function in the middle of the others, or one whose prefix is none. */
function unreadable(message: OutgoingExchange, random: Random): LyingMessage {
  const digest = new Uint8Array(32)
  const cid = formatCid({ version: 1, codec: 0x55, hashCode: UNKNOWN_HASH, digestSizeBytes: 32, digest })
  const isKnown = random.chance(0.5)
  const at = random.between(0, message.blocks.length)
  const blocks = isKnown ? message.blocks : message.blocks.toSpliced(at, 0, { cid, bytes: digest })
  return { ...message, blocks, unreadableBlockCount: isKnown ? 1 : 0 }
}

import type { RandomSource } from '../random.ts'
import {
  CANDIDATES_COMPARED_MAX,
  CANDIDATES_LOOKED_AT_MAX,
  ESTIMATED_MS_PER_BLOCK,
  OWED_BLOCKS_MAX,
  OWED_BLOCKS_OF_EXCHANGE_ONLY_MAX,
} from '../limits.ts'
import type { ExchangePeer, Want } from './exchange-peer.ts'

/** A peer that stands still is soon behind all others, long before it counts as silent. */
const STANDSTILL_WEIGHT = 4

/** `full`: there is somebody, but each owes as much as it may. `nobody`: everybody was asked in this round. */
export type Choice = ExchangePeer | 'full' | 'nobody'

/**
 * Of those not asked in this round: who said that it has the block, then whoever the session knows as good, then anybody;
 * among equals the one that will be done soonest. Who is silent, rests after a failed send, or lied comes last.
 */
export function chooseWhomToAsk(args: {
  want: Want
  peers: readonly ExchangePeer[]
  random: RandomSource
  nowMs: number
  except?: ExchangePeer | undefined
}): Choice {
  const { want, peers, random } = args
  const search = new Search(args)
  for (const ask of want.asks.values()) if (ask.answer === 'have') search.consider(ask.peer, 0)
  for (const peer of want.session.good.keys()) {
    if (search.isDone) break
    search.consider(peer, 1)
  }
  if (search.best !== undefined && !isDoubtful(search.best)) return search.best
  search.startOver()
  const start = Math.floor(random() * peers.length)
  for (let count = 0; count < peers.length && !search.isDone; count += 1) {
    const peer = peers[(start + count) % peers.length]
    if (peer !== undefined) search.consider(peer, 2)
  }
  return search.best ?? (search.isAnybodyFull ? 'full' : 'nobody')
}

/** Looks at some; with many peers the best of a few is nearly as good as the best of all. */
class Search {
  readonly #want: Want
  readonly #except: ExchangePeer | undefined
  readonly #nowMs: number
  best: ExchangePeer | undefined
  isAnybodyFull = false
  #bestRank = 0
  #lookedAtCount = 0
  #comparedCount = 0

  constructor(args: { want: Want; except?: ExchangePeer | undefined; nowMs: number }) {
    this.#want = args.want
    this.#except = args.except
    this.#nowMs = args.nowMs
  }

  get isDone(): boolean {
    if (this.#comparedCount === 0) return false
    return this.#comparedCount >= CANDIDATES_COMPARED_MAX || this.#lookedAtCount >= CANDIDATES_LOOKED_AT_MAX
  }

  startOver(): void {
    this.#comparedCount = 0
    this.#lookedAtCount = 0
  }

  consider(peer: ExchangePeer, rank: number): void {
    this.#lookedAtCount += 1
    if (peer === this.#except || !mayBeAsked(this.#want, peer)) return
    if (peer.owedCount >= owedCountMax(peer)) {
      this.isAnybodyFull = true
      return
    }
    this.#comparedCount += 1
    const itsRank = isDoubtful(peer) ? rank + 4 : rank
    const isBetter =
      this.best === undefined ||
      itsRank < this.#bestRank ||
      (itsRank === this.#bestRank && expectedMs(peer, this.#nowMs) < expectedMs(this.best, this.#nowMs))
    if (!isBetter) return
    this.best = peer
    this.#bestRank = itsRank
  }
}

export function owedCountMax({ isRushlight }: ExchangePeer): number {
  return isRushlight ? OWED_BLOCKS_MAX : OWED_BLOCKS_OF_EXCHANGE_ONLY_MAX
}

export function mayBeAsked(want: Want, peer: ExchangePeer): boolean {
  const ask = want.asks.get(peer)
  if (ask === undefined || ask.round < want.round) return true
  return ask.kind === 'have' && ask.answer !== 'absent'
}

function isDoubtful(peer: ExchangePeer): boolean {
  return peer.isSilent || peer.isResting || peer.unwantedCount > 0
}

/** When a block asked for now would be here, as far as the past tells. Owing without progress counts several times over. */
function expectedMs({ owedCount, msPerBlock, progressMs }: ExchangePeer, nowMs: number): number {
  const queueMs = (owedCount + 1) * (msPerBlock ?? ESTIMATED_MS_PER_BLOCK)
  return owedCount === 0 ? queueMs : queueMs + STANDSTILL_WEIGHT * (nowMs - progressMs)
}

import { ESTIMATED_MS_PER_BLOCK, HELP_OUT_INTERVAL_MS, HELP_OUT_MS } from '../limits.ts'
import type { Debts } from './debts.ts'
import type { Ask, ExchangePeer } from './exchange-peer.ts'
import { isOwed } from './exchange-peer.ts'
import { mayBeAsked } from './whom-to-ask.ts'

/**
 * A peer that owes nothing any more takes over from the one that will need longest, so that a session does not end with
 * everybody waiting for the slowest. What is taken over is cancelled there: no block is asked of two peers at once (S4).
 */
export function helpOut(args: {
  debts: Debts
  peers: readonly ExchangePeer[]
  helper: ExchangePeer
  nowMs: number
}): void {
  const { debts, peers, helper, nowMs } = args
  const isFit = helper.owedCount === 0 && helper.msPerBlock !== undefined && helper.sessions.size > 0
  if (!isFit || helper.unwantedCount > 0 || nowMs < helper.helpAgainMs) return
  helper.helpAgainMs = nowMs + HELP_OUT_INTERVAL_MS
  const slowest = findSlowest(peers, helper, nowMs)
  if (slowest === undefined) return
  for (const ask of takeOver(slowest, helper)) {
    const { want } = ask
    debts.release(ask)
    want.asks.delete(slowest)
    debts.takeBack(ask, false)
    debts.owe(want, helper, nowMs)
  }
}

function findSlowest(peers: readonly ExchangePeer[], helper: ExchangePeer, nowMs: number): ExchangePeer | undefined {
  let slowest: ExchangePeer | undefined
  let longestMs = HELP_OUT_MS
  for (const peer of peers) {
    if (peer === helper || peer.owedCount === 0) continue
    const itsMs = remainingMs(peer, nowMs)
    if (itsMs < longestMs) continue
    slowest = peer
    longestMs = itsMs
  }
  return slowest
}

/** How long it will need for what it owes, beyond what two round trips explain. */
function remainingMs({ owedCount, msPerBlock, fastestMs = 0, progressMs }: ExchangePeer, nowMs: number): number {
  const standstillMs = Math.max(0, nowMs - progressMs - 2 * fastestMs)
  return owedCount * (msPerBlock ?? ESTIMATED_MS_PER_BLOCK) - 2 * fastestMs + standstillMs
}

/** The last that were asked, as many as the helper delivers while the other delivers the rest. */
function takeOver(slowest: ExchangePeer, helper: ExchangePeer): readonly Ask[] {
  const owed = [...slowest.asks.values()].filter(
    (ask) => isOwed(ask) && ask.want.session.good.has(helper) && mayBeAsked(ask.want, helper),
  )
  const slowMs = slowest.msPerBlock ?? Infinity
  const fastMs = helper.msPerBlock ?? Infinity
  const share = slowMs === Infinity ? 1 : slowMs / (slowMs + fastMs)
  return owed.slice(owed.length - Math.floor(owed.length * share))
}

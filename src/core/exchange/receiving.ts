import type { Cid } from '../ids.ts'
import { UNWANTED_BLOCKS_MAX } from '../limits.ts'
import type { Asking } from './asking.ts'
import type { ExchangeContext } from './exchange-context.ts'
import type { IncomingExchange } from './exchange-message.ts'
import type { Ask, ExchangePeer } from './exchange-peer.ts'

/**
 * What a peer's message answers: blocks first, each judged by itself (X3, X4), then what it says of the others.
 * A block that comes once more is counted; it is no progress, or repeating one would hold all the others.
 * A block that it was never asked for, or that comes more often than it was, means that it lies or is damaged: what it owes
 * is asked elsewhere at once (X6).
 */
export function receiveAnswers(args: {
  context: ExchangeContext
  asking: Asking
  peer: ExchangePeer
  message: IncomingExchange
  nowMs: number
}): void {
  const { context, asking, peer, message, nowMs } = args
  const taken = takeBlocks({ context, asking, peer, message })
  let hasProgressed = taken.blockCount > 0
  for (const cid of message.dontHaves) if (asking.hasNot(peer, cid, nowMs)) hasProgressed = true
  for (const cid of message.haves) asking.has(peer, cid, nowMs)
  if (hasProgressed) asking.progressed(peer, { last: taken.last, blockCount: taken.blockCount, nowMs })
  const { duplicateCount, unwantedCount, unreadableCount } = taken
  // What comes late is no progress with what is owed, but shows that it is not silent for good.
  if (duplicateCount > 0 && peer.owedCount === 0) peer.isSilent = false
  if (unwantedCount > 0) {
    const countBefore = peer.unwantedCount
    peer.unwantedCount += unwantedCount
    asking.askElsewhere(peer, nowMs)
    if (countBefore < UNWANTED_BLOCKS_MAX && peer.unwantedCount >= UNWANTED_BLOCKS_MAX) {
      const detail = `expected the blocks it was asked for, got ${peer.unwantedCount} others`
      context.misbehaved({ peer: peer.id, misbehaviour: 'unwanted-block', detail, nowMs })
    }
  }
  if (unreadableCount > 0) {
    const detail = `expected blocks of a known hash function, got ${unreadableCount} others`
    context.misbehaved({ peer: peer.id, misbehaviour: 'undecodable', detail, nowMs })
  }
}

interface TakenBlocks {
  /** Of those that the peer was asked for. */
  readonly blockCount: number
  readonly last: Ask | undefined
  readonly duplicateCount: number
  readonly unwantedCount: number
  readonly unreadableCount: number
}

function takeBlocks(args: {
  context: ExchangeContext
  asking: Asking
  peer: ExchangePeer
  message: IncomingExchange
}): TakenBlocks {
  const { context, asking, peer, message } = args
  const saved: { cid: Cid; bytes: Uint8Array }[] = []
  let bytesReceived = 0
  let last: Ask | undefined
  let blockCount = 0
  let duplicateCount = 0
  let unwantedCount = 0
  let unknownCount = 0
  for (const { prefix, bytes } of message.blocks) {
    bytesReceived += bytes.length
    const cid = context.cidOf(prefix, bytes)
    if (cid === undefined) {
      unknownCount += 1
      continue
    }
    const ask = peer.asks.get(cid)
    const want = ask?.want ?? asking.wantOf(cid)
    if (ask !== undefined) {
      last = ask
      blockCount += 1
    } else if (peer.settled.take(cid)) duplicateCount += 1
    else unwantedCount += 1
    if (want === undefined) continue
    asking.deliver(want, bytes, peer)
    saved.push({ cid: want.cid, bytes })
  }
  if (saved.length > 0) context.effects.push({ type: 'save-blocks', blocks: saved })
  const unreadableCount = unknownCount + message.unreadableBlockCount
  for (const counts of [context.counts, peer.counts]) {
    counts.blocksReceived += message.blocks.length + message.unreadableBlockCount
    counts.bytesReceived += bytesReceived
    counts.duplicateBlocks += duplicateCount
    counts.unwantedBlocks += unwantedCount + unreadableCount
  }
  return { blockCount, last, duplicateCount, unwantedCount, unreadableCount }
}

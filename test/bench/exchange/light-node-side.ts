/** A light node that others are measured against: it serves, asks, and tells what it costs. */
import { performance } from 'node:perf_hooks'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { ExchangeSendFailed } from '../../../src/core/exchange/exchange-event.ts'
import { keepHeapSmall } from '../../../src/cli/small-heap.ts'
import { startCounted, type CountedLightNode } from '../../interop/light-nodes.ts'
import { numberedBlock, type NumberedBlocks } from './numbered-blocks.ts'
import { carryOut } from './worker.ts'

const SAMPLE_MS = 50
const RESTED_SAMPLES = 10
/** Share of the time that its loop is at work: its turns are short, so that they are in time in the middle of a storm too. */
const RESTED_UTILIZATION = 0.3
const BYTES_PER_MEGABYTE = 1_000_000

export interface LightNodeOrders {
  /** Its address. */
  readonly start: (args: { maxPeers: number }) => Promise<string>
  /** Puts the blocks numbered from `from` on. */
  readonly put: (args: NumberedBlocks) => Promise<void>
  readonly connect: (args: { peer: string }) => Promise<void>
  /** Milliseconds until that block is here. */
  readonly get: (args: { block: number; sizeBytes: number }) => Promise<number>
  /** Resolves when it has nothing to do any more. */
  readonly rest: (args: undefined) => Promise<void>
  /** Wants the numbered blocks, so many at once, for so long at most; blocks a second. */
  readonly ask: (args: NumberedBlocks & { inFlight: number; forMs: number }) => Promise<number>
  /** The sends that failed since the start, each with how long it took. */
  readonly failedSends: (args: undefined) => Promise<number[]>
  /** The most memory that was resident since the last such order, in megabytes. */
  readonly peakMegabytes: (args: undefined) => Promise<number>
  /** Of the heap and of buffers, without garbage. */
  readonly heapMegabytes: (args: undefined) => Promise<number>
  [other: string]: (args: never) => Promise<unknown>
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

let counted: CountedLightNode | undefined
let peakBytes = 0
const sentMs = new Map<string, number>()
const failedSends: number[] = []

const orders: LightNodeOrders = {
  start: async ({ maxPeers }) => {
    keepHeapSmall(maxPeers)
    counted = await startCounted({
      isListening: true,
      maxPeers,
      onEffect: (effect) => {
        if (effect.type === 'send-exchange') sentMs.set(keyOf(effect), performance.now())
      },
      onEvent: (event) => {
        if (event.type === 'exchange-send-failed') noteFailed(event)
        else if (event.type === 'exchange-sent') sentMs.delete(keyOf(event))
      },
    })
    setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), SAMPLE_MS).unref()
    return counted.address()
  },

  put: async ({ from, count, sizeBytes }) => {
    for (let number = from; number < from + count; number += 1) {
      const { cid, bytes } = numberedBlock(number, sizeBytes)
      await started().lightNode.putBytes(cid, bytes)
    }
  },

  connect: async ({ peer }) => {
    await started().lightNode.connect(peer)
  },

  get: async ({ block, sizeBytes }) => {
    const { cid } = numberedBlock(block, sizeBytes)
    const startMs = performance.now()
    await started().lightNode.getBytes(cid)
    return performance.now() - startMs
  },

  rest: async () => {
    for (let inTime = 0; inTime < RESTED_SAMPLES;) {
      const before = performance.eventLoopUtilization()
      await new Promise((resolve) => setTimeout(resolve, SAMPLE_MS))
      inTime = performance.eventLoopUtilization(before).utilization < RESTED_UTILIZATION ? inTime + 1 : 0
    }
  },

  ask: async ({ from, count, sizeBytes, inFlight, forMs }) => {
    const { lightNode } = started()
    const cids = Array.from({ length: count }, (_, index) => numberedBlock(from + index, sizeBytes).cid)
    const startMs = performance.now()
    let next = 0
    let gotCount = 0
    const end = AbortSignal.timeout(forMs)
    const askNext = async (): Promise<void> => {
      for (let cid = cids[next++]; cid !== undefined && !end.aborted; cid = cids[next++]) {
        await lightNode.getBytes(cid, { signal: end })
        gotCount += 1
      }
    }
    await Promise.allSettled(Array.from({ length: inFlight }, askNext))
    return (1_000 * gotCount) / (performance.now() - startMs)
  },

  failedSends: async () => failedSends,

  peakMegabytes: async () => {
    const megabytes = peakBytes / BYTES_PER_MEGABYTE
    peakBytes = 0
    return megabytes
  },

  heapMegabytes: async () => {
    collectGarbage()
    const { heapUsed, external } = process.memoryUsage()
    return (heapUsed + external) / BYTES_PER_MEGABYTE
  },
}

function noteFailed(event: ExchangeSendFailed): void {
  failedSends.push(performance.now() - (sentMs.get(keyOf(event)) ?? Number.NaN))
}

function keyOf({ connection, sequence }: { readonly connection: string; readonly sequence: number }): string {
  return `${connection} ${sequence}`
}

function started(): CountedLightNode {
  if (counted === undefined) throw new Error('expected `start` first')
  return counted
}

carryOut(orders)

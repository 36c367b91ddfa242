/** Many cheap peers in one process, that ask, serve, or are silent. */
import { bitcoin } from '../../../src/bitcoin.ts'
import type { Cid } from '../../../src/core/ids.ts'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../../../src/wire/cid.ts'
import { ExchangePeer } from '../../interop/exchange-peer.ts'
import type { Silence } from '../../interop/exchange-strangers.ts'
import { numberedBlock, type NumberedBlocks } from './numbered-blocks.ts'
import { carryOut } from './worker.ts'

/** Handshakes at once. */
const AT_ONCE = 16

export interface CrowdOrders {
  /** Resolves when all are connected. They are silent in each of these ways in turn, or not at all. */
  readonly gather: (args: { address: string; count: number; silences: readonly Silence[] }) => Promise<void>
  readonly leave: (args: undefined) => Promise<void>
  /** What they serve from now on. */
  readonly serve: (args: NumberedBlocks) => Promise<void>
  /** Each asks for so many of the blocks at once, and for another one for each that comes. */
  readonly ask: (args: NumberedBlocks & { inFlight: number }) => Promise<void>
  /** Each asks for one block of its own. Milliseconds until the last of `awaitedCount` came. */
  readonly askForOneEach: (args: NumberedBlocks & { awaitedCount: number }) => Promise<number>
  /** Each wants so many blocks of its own that nobody has. */
  readonly wantAbsent: (args: { firstPeer: number; count: number; salt: number }) => Promise<void>
  readonly cancelAbsent: (args: { firstPeer: number; count: number; salt: number }) => Promise<void>
  /** Blocks that came since the start. */
  readonly receivedCount: (args: undefined) => Promise<number>
  [other: string]: (args: never) => Promise<unknown>
}

let peers: ExchangePeer[] = []
/** The number of each block that is served. */
const served = new Map<Cid, number>()
let servedSizeBytes = 0
let receivedCount = 0
let onBlock: (peer: ExchangePeer, count: number) => void = () => {}

const orders: CrowdOrders = {
  gather: async ({ address, count, silences }) => {
    let next = 0
    const gatherNext = async (): Promise<void> => {
      while (next < count) {
        const silence = silences[next % silences.length]
        next += 1
        // A silent one that reads asks for no more than at first: it is to be silent, not greedy.
        const listening = silence === undefined ? { onReceived } : {}
        peers.push(await ExchangePeer.connect(address, { chain: bitcoin('regtest'), silence, blockOf, ...listening }))
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, gatherNext))
  },

  leave: async () => {
    onBlock = () => {}
    await Promise.all(peers.map((peer) => peer.stop()))
    peers = []
  },

  serve: async ({ from, count, sizeBytes }) => {
    served.clear()
    servedSizeBytes = sizeBytes
    for (let number = from; number < from + count; number += 1) served.set(numberedBlock(number, sizeBytes).cid, number)
  },

  ask: async ({ from, count, sizeBytes, inFlight }) => {
    const cids = cidsOf({ from, count, sizeBytes })
    const positions = new Map(peers.map((peer, index) => [peer, index * inFlight]))
    const wantMore = (peer: ExchangePeer, more: number): void => {
      const position = positions.get(peer) ?? 0
      positions.set(peer, position + more)
      peer.want(Array.from({ length: more }, (_, index) => cids[(position + index) % count]).filter(isDefined))
    }
    onBlock = wantMore
    for (const peer of peers) wantMore(peer, inFlight)
  },

  askForOneEach: async ({ awaitedCount, ...blocks }) => {
    const startMs = performance.now()
    let count = 0
    const done = new Promise<void>((resolve) => {
      onBlock = () => {
        count += 1
        if (count === awaitedCount) resolve()
      }
    })
    const cids = cidsOf(blocks)
    for (const [index, peer] of peers.entries()) peer.want([cids[index]].filter(isDefined))
    await (awaitedCount === 0 ? undefined : done)
    return performance.now() - startMs
  },

  wantAbsent: async (args) => {
    for (const [index, peer] of peers.entries()) peer.want(absentCids(args, index))
  },

  cancelAbsent: async (args) => {
    for (const [index, peer] of peers.entries()) peer.cancel(absentCids(args, index))
  },

  receivedCount: async () => receivedCount,
}

function blockOf(cid: Cid): Uint8Array | undefined {
  const number = served.get(cid)
  return number === undefined ? undefined : numberedBlock(number, servedSizeBytes).bytes
}

function onReceived({ blocks }: { readonly blocks: readonly unknown[] }, peer: ExchangePeer): void {
  receivedCount += blocks.length
  if (blocks.length > 0) onBlock(peer, blocks.length)
}

function cidsOf({ from, count, sizeBytes }: NumberedBlocks): Cid[] {
  return Array.from({ length: count }, (_, index) => numberedBlock(from + index, sizeBytes).cid)
}

/** Hashes of nothing. */
function absentCids(
  args: { readonly firstPeer: number; readonly count: number; readonly salt: number },
  peer: number,
): Cid[] {
  return Array.from({ length: args.count }, (_, index) => {
    const digest = new Uint8Array(32)
    const view = new DataView(digest.buffer)
    view.setUint32(0, args.firstPeer + peer)
    view.setUint32(4, index)
    view.setUint32(8, args.salt)
    return formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest })
  })
}

function isDefined<Value>(value: Value | undefined): value is Value {
  return value !== undefined
}

carryOut(orders)

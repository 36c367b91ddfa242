/** Blocks whose CID is read off their first bytes: real texts of CIDs, and no hashing. */
import type { CidPrefix, IncomingExchange, OutgoingExchange } from '../../src/core/exchange/exchange-message.ts'
import { prefixOf } from '../../src/core/exchange/cid-text.ts'
import type { Cid } from '../../src/core/ids.ts'
import { CODEC_RAW, formatCid, HASH_DBL_SHA2_256, HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { EMPTY_EXCHANGE } from '../empty-exchange.ts'

export interface TestBlock {
  readonly cid: Cid
  readonly bytes: Uint8Array
}

const cids = new Map<number, Cid>()

export function testBlock(args: { number: number; sizeBytes?: number; hashCode?: number }): TestBlock {
  const { number, sizeBytes = 200, hashCode = HASH_SHA2_256 } = args
  const bytes = new Uint8Array(sizeBytes)
  if (sizeBytes < 4) return { cid: cidOfNumber(0, hashCode), bytes }
  new DataView(bytes.buffer).setUint32(0, number)
  return { cid: cidOfNumber(number, hashCode), bytes }
}

export function testBlocks(count: number, sizeBytes?: number, from = 1): TestBlock[] {
  return Array.from({ length: count }, (_, index) =>
    testBlock({ number: from + index, ...(sizeBytes === undefined ? {} : { sizeBytes }) }),
  )
}

function cidOfNumber(number: number, hashCode: number): Cid {
  const key = number * 256 + hashCode
  let cid = cids.get(key)
  if (cid === undefined) {
    const digest = new Uint8Array(32)
    const view = new DataView(digest.buffer)
    view.setUint32(0, Math.imul(number, 0x9e3779b1) >>> 0)
    view.setUint32(28, number)
    cid = formatCid({ version: 1, codec: CODEC_RAW, hashCode, digestSizeBytes: 32, digest })
    cids.set(key, cid)
  }
  return cid
}

export function testCidOf({ hashCode }: CidPrefix, bytes: Uint8Array): Cid | undefined {
  if (hashCode !== HASH_SHA2_256 && hashCode !== HASH_DBL_SHA2_256) return undefined
  const number = bytes.length < 4 ? 0 : new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)
  return cidOfNumber(number, hashCode)
}

/** As the wire brings it to the other side. */
export function asReceived(message: OutgoingExchange): IncomingExchange {
  const blocks = message.blocks.map(({ cid, bytes }) => {
    const prefix = prefixOf(cid)
    if (prefix === undefined) throw new Error(`expected a CID, got ${cid}`)
    return { prefix, bytes }
  })
  return { ...message, blocks, unreadableBlockCount: 0 }
}

export function incoming(part: Partial<IncomingExchange>): IncomingExchange {
  return { ...asReceived(EMPTY_EXCHANGE), ...part }
}

export function messageSizeBytes({ wants, cancels, blocks, haves, dontHaves }: OutgoingExchange): number {
  const entryCount = wants.length + cancels.length + haves.length + dontHaves.length
  return blocks.reduce((sizeBytes, { bytes }) => sizeBytes + bytes.length + 12, 20 + entryCount * 46)
}

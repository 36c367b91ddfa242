import { expect, test } from 'vitest'
import { EMPTY_EXCHANGE } from '../../test/empty-exchange.ts'
import type { OutgoingExchange } from '../core/exchange/exchange-message.ts'
import type { Cid } from '../core/ids.ts'
import { BitswapReader, decodeBitswapMessage, encodeBitswapMessage, type DecodedExchange } from './bitswap-message.ts'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from './cid.ts'
import { joinBytes } from '../core/join-bytes.ts'
import { ProtobufWriter } from './protobuf.ts'

function cid(number: number): Cid {
  const digest = new Uint8Array(32).fill(number)
  return formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest })
}

function encode(fields: Partial<OutgoingExchange>): Uint8Array {
  const blocks = [{ cid: cid(200), bytes: new Uint8Array(3_000) }]
  const presences = { haves: [cid(201)], dontHaves: [cid(202)], blocks, pendingBytes: 7 }
  return joinBytes(encodeBitswapMessage({ ...EMPTY_EXCHANGE, ...presences, ...fields }))
}

function partsOf(bytes: Uint8Array, entriesMax: number): DecodedExchange[] {
  const reader = new BitswapReader(bytes)
  const parts: DecodedExchange[] = []
  while (!reader.isOver) parts.push(reader.read(entriesMax))
  return parts
}

const wants = Array.from({ length: 10 }, (_, index) => {
  return { cid: cid(index), priority: index, want: 'block', sendDontHave: true } as const
})
const cancels = [cid(100), cid(101), cid(102)]

test('a wantlist is read in parts that say together what the whole says', () => {
  const bytes = encode({ wants, cancels })
  for (const entriesMax of [1, 5, 12, 13, 14]) {
    const parts = partsOf(bytes, entriesMax)
    expect(parts.every((part) => part.wants.length + part.cancels.length <= entriesMax)).toBe(true)
    const whole = decodeBitswapMessage(bytes)
    expect(parts.flatMap((part) => part.wants)).toEqual(whole.wants)
    expect(parts.flatMap((part) => part.cancels)).toEqual(whole.cancels)
    expect(parts.at(-1)).toMatchObject({ haves: [cid(201)], dontHaves: [cid(202)], pendingBytes: 7 })
    expect(parts.at(-1)?.blocks).toEqual(whole.blocks)
  }
})

test('one that replaces all earlier wants is read whole: a part of it would take back the others', () => {
  const parts = partsOf(encode({ wants, isFullWantlist: true }), 3)
  expect(parts).toHaveLength(1)
  expect(parts[0]).toMatchObject({ wants, isFullWantlist: true })
})

test('too many items are too many, in however many parts they come', () => {
  const entries = new Uint8Array(2 * 65_537)
  for (let index = 0; index < entries.length; index += 2) entries[index] = 0x0a
  const bytes = new ProtobufWriter().bytes(1, entries).finish()
  expect(partsOf(bytes.subarray(0, 0), 64)).toHaveLength(1)
  expect(() => partsOf(bytes, 64)).toThrow('expected a message of at most 65536 items')
})

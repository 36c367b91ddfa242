import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fuzzBitswap } from '../../test/bitswap-fuzz.ts'
import { EMPTY_EXCHANGE } from '../../test/empty-exchange.ts'
import type { IncomingExchange, OutgoingExchange, WantEntry } from '../core/exchange/exchange-message.ts'
import type { Cid } from '../core/ids.ts'
import { EXCHANGE_MESSAGE_BYTES_MAX } from '../core/limits.ts'
import { decodeBitswapMessage, encodeBitswapMessage } from './bitswap-message.ts'
import { formatCid, parseCid } from './cid.ts'
import { ProtobufWriter } from './protobuf.ts'
import { WireError } from './wire-error.ts'
import { joinBytes } from '../core/join-bytes.ts'

const cid: fc.Arbitrary<Cid> = fc.oneof(
  fc
    .record({ codec: fc.nat(0xffff), hashCode: fc.integer({ min: 1, max: 0xffff }), digest: fc.uint8Array() })
    .map((parts) => formatCid({ version: 1, ...parts, digestSizeBytes: parts.digest.length })),
  fc
    .uint8Array({ minLength: 32, maxLength: 32 })
    .map((digest) => formatCid({ version: 0, codec: 0x70, hashCode: 0x12, digestSizeBytes: 32, digest })),
)
const want: fc.Arbitrary<WantEntry> = fc.record({
  cid,
  priority: fc.integer(),
  want: fc.constantFrom('block', 'have'),
  sendDontHave: fc.boolean(),
})
const outgoing: fc.Arbitrary<OutgoingExchange> = fc.record({
  wants: fc.array(want),
  cancels: fc.array(cid),
  isFullWantlist: fc.boolean(),
  blocks: fc.array(fc.record({ cid, bytes: fc.uint8Array({ maxLength: 300 }) })),
  haves: fc.array(cid),
  dontHaves: fc.array(cid),
  pendingBytes: fc.nat(),
})

const CID = formatCid({ version: 1, codec: 0x55, hashCode: 0x12, digestSizeBytes: 2, digest: Uint8Array.of(7, 8) })
const CID_BYTES = Uint8Array.of(1, 0x55, 0x12, 2, 7, 8)
const PREFIX = { version: 1, codec: 0x55, hashCode: 0x12, digestSizeBytes: 2 }

function encode(message: Partial<OutgoingExchange>): Uint8Array {
  return joinBytes(encodeBitswapMessage({ ...EMPTY_EXCHANGE, ...message }))
}

/** As a peer that received it should find it. */
function arrived(message: OutgoingExchange): IncomingExchange {
  const blocks = message.blocks.map(({ cid, bytes }) => {
    const { digest: _digest, ...prefix } = parseCid(cid)
    return { prefix, bytes }
  })
  return { ...message, blocks, unreadableBlockCount: 0 }
}

test('every message arrives as it was sent', () => {
  fc.assert(
    fc.property(outgoing, (message) => {
      expect(decodeBitswapMessage(encode(message))).toMatchObject(arrived(message))
    }),
  )
})

test.each<[string, Partial<OutgoingExchange>, readonly number[]]>([
  ['nothing', {}, []],
  [
    'a want with every field',
    { wants: [{ cid: CID, priority: 5, want: 'have', sendDontHave: true }] },
    [0x0a, 16, 0x0a, 14, 0x0a, 6, ...CID_BYTES, 0x10, 5, 0x20, 1, 0x28, 1],
  ],
  [
    'a want of defaults, which are left out',
    { wants: [{ cid: CID, priority: 0, want: 'block', sendDontHave: false }] },
    [0x0a, 10, 0x0a, 8, 0x0a, 6, ...CID_BYTES],
  ],
  [
    'a negative priority in ten bytes',
    { wants: [{ cid: CID, priority: -1, want: 'block', sendDontHave: false }] },
    [0x0a, 21, 0x0a, 19, 0x0a, 6, ...CID_BYTES, 0x10, ...Array.from({ length: 9 }, () => 0xff), 1],
  ],
  [
    'a cancel in a full wantlist',
    { cancels: [CID], isFullWantlist: true },
    [0x0a, 14, 0x0a, 10, 0x0a, 6, ...CID_BYTES, 0x18, 1, 0x10, 1],
  ],
  ['an empty full wantlist', { isFullWantlist: true }, [0x0a, 2, 0x10, 1]],
  [
    'a block, whose CID is not sent',
    { blocks: [{ cid: CID, bytes: Uint8Array.of(9) }] },
    [0x1a, 9, 0x0a, 4, 1, 0x55, 0x12, 2, 0x12, 1, 9],
  ],
  [
    'presences and what waits',
    { haves: [CID], dontHaves: [CID], pendingBytes: 300 },
    [0x22, 8, 0x0a, 6, ...CID_BYTES, 0x22, 10, 0x0a, 6, ...CID_BYTES, 0x10, 1, 0x28, 0xac, 0x02],
  ],
])('on the wire: %s', (_name, message, bytes) => {
  expect([...encode(message)]).toEqual(bytes)
})

test('long blocks go out by reference and come in as copies, so that the memory of the message can be used again', () => {
  const block = new Uint8Array(100_000).fill(1)
  const parts = encodeBitswapMessage({ ...EMPTY_EXCHANGE, blocks: [{ cid: CID, bytes: block }] })
  expect(parts.includes(block)).toBe(true)
  const payload = joinBytes(parts)
  const [decoded] = decodeBitswapMessage(payload).blocks
  payload.fill(2)
  expect(decoded?.bytes).toEqual(block)
})

test('a short block in a padded message does not keep the message alive', () => {
  const padding = new ProtobufWriter().bytes(99, new Uint8Array(50_000)).finish()
  const payload = joinBytes([encode({ blocks: [{ cid: CID, bytes: Uint8Array.of(9) }] }), padding])
  const [block] = decodeBitswapMessage(payload).blocks
  expect(block?.bytes).toEqual(Uint8Array.of(9))
  expect(block?.bytes.buffer.byteLength).toBe(1)
})

test('more waiting bytes than an int32 holds are told as the most that it holds; a negative number is none', () => {
  expect(decodeBitswapMessage(encode({ pendingBytes: 5 * 2 ** 30 })).pendingBytes).toBe(2 ** 31 - 1)
  const negative = Uint8Array.of(0x28, ...Array.from({ length: 9 }, () => 0xff), 1)
  expect(decodeBitswapMessage(negative).pendingBytes).toBe(0)
})

test('an unreadable prefix loses its own block, and is counted', () => {
  const bad = new ProtobufWriter().bytes(1, Uint8Array.of(7)).bytes(2, Uint8Array.of(1)).finish()
  const good = encode({ blocks: [{ cid: CID, bytes: Uint8Array.of(9) }] })
  const payload = joinBytes([good, new ProtobufWriter().bytes(3, bad).finish(), good])
  const block = { prefix: PREFIX, bytes: Uint8Array.of(9) }
  expect(decodeBitswapMessage(payload)).toMatchObject({ blocks: [block, block], unreadableBlockCount: 1 })
})

test('CIDs of 169 bytes, identity CIDs and no CIDs are left out and counted; the rest of the message stays', () => {
  const entries = [new Uint8Array(169).fill(1), Uint8Array.of(1, 0x55, 0, 1, 9), Uint8Array.of(), CID_BYTES].map(
    (bytes) => new ProtobufWriter().bytes(1, new ProtobufWriter().bytes(1, bytes).finish()).finish(),
  )
  const presence = new ProtobufWriter().bytes(4, new ProtobufWriter().bytes(1, Uint8Array.of(5)).finish()).finish()
  const payload = joinBytes([...entries.map((entry) => new ProtobufWriter().bytes(1, entry).finish()), presence])
  expect(decodeBitswapMessage(payload)).toMatchObject({ wants: [{ cid: CID }], haves: [], ignoredCidCount: 4 })
})

test('unknown fields, unknown types and blocks of protocol 1.0.0 are skipped', () => {
  const unknown = new ProtobufWriter()
    .bytes(2, Uint8Array.of(1, 2, 3))
    .varint(77, 2 ** 50)
    .varint(1, 5)
    .finish()
  const oddPresence = new ProtobufWriter()
    .bytes(4, new ProtobufWriter().bytes(1, CID_BYTES).varint(2, 9).finish())
    .finish()
  const fixed = Uint8Array.of(0x65, 1, 2, 3, 4, 0x61, 1, 2, 3, 4, 5, 6, 7, 8)
  const payload = joinBytes([unknown, oddPresence, fixed, encode({ haves: [CID] })])
  expect(decodeBitswapMessage(payload)).toMatchObject({ ...EMPTY_EXCHANGE, haves: [CID] })
})

test('a wantlist in two pieces is one wantlist', () => {
  const piece = encode({ cancels: [CID] })
  expect(decodeBitswapMessage(joinBytes([piece, piece])).cancels).toEqual([CID, CID])
})

test.each([
  ['an end inside a length', Uint8Array.of(0x0a, 0x80), 'expected a whole message'],
  ['an end inside a field', Uint8Array.of(0x0a, 5, 1), 'expected a whole message'],
  ['an inner message that is longer than its field', Uint8Array.of(0x0a, 2, 0x0a, 9), 'expected a whole message'],
  ['a group', Uint8Array.of(0x0b), 'expected a wire type 0, 1, 2 or 5, got 3'],
  ['field 0', Uint8Array.of(0x02, 0), 'expected a field number from 1'],
  [
    'a length of 33 bits',
    Uint8Array.of(0x0a, 0x80, 0x80, 0x80, 0x80, 0x10),
    'expected a field and a length of 32 bits',
  ],
  ['a length of 36 bits', Uint8Array.of(0x0a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01), 'expected a field and a length'],
  ['a number of 11 bytes', Uint8Array.of(0x28, ...new Uint8Array(11).fill(0xff)), 'expected a varint of at most 10'],
])('%s is no message', (_name, bytes, message) => {
  expect(() => decodeBitswapMessage(bytes)).toThrow(WireError)
  expect(() => decodeBitswapMessage(bytes)).toThrow(message)
})

test('65,536 items are taken, one more is refused', () => {
  const items = (count: number): Uint8Array => {
    const bytes = new Uint8Array(count * 2)
    for (let index = 0; index < count; index++) bytes[index * 2] = 0x22
    return bytes
  }
  expect(decodeBitswapMessage(items(65_536)).ignoredCidCount).toBe(65_536)
  expect(() => decodeBitswapMessage(items(65_537))).toThrow('expected a message of at most 65536 items, got more')
})

test('a message of 4 MiB is taken and sent, one byte more is neither', () => {
  const headBytes = encode({ blocks: [{ cid: CID, bytes: new Uint8Array(EXCHANGE_MESSAGE_BYTES_MAX - 100) }] }).length
  const bytes = new Uint8Array(2 * EXCHANGE_MESSAGE_BYTES_MAX - 100 - headBytes)
  const payload = encode({ blocks: [{ cid: CID, bytes }] })
  expect(payload.length).toBe(EXCHANGE_MESSAGE_BYTES_MAX)
  expect(decodeBitswapMessage(payload).blocks[0]?.bytes.length).toBe(bytes.length)
  expect(() => encode({ blocks: [{ cid: CID, bytes: new Uint8Array(bytes.length + 1) }] })).toThrow(RangeError)
  expect(() => decodeBitswapMessage(new Uint8Array(payload.length + 1))).toThrow('expected a message of at most')
})

test('broken messages are refused with a wire error or understood correctly, within bounds', () => {
  fuzzBitswap({ seed: 1, frameCount: 10_000 })
})

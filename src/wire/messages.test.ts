import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toRequestId, toRoot, type Root } from '../core/ids.ts'
import { HEADERS_SKIPPED_MAX } from '../core/limits.ts'
import type { ClaimedHead, NodeInfo, SyncMessage } from '../core/message.ts'
import { decodeNodeInfo, encodeNodeInfo, NODE_INFO_BYTES_MAX } from './node-info.ts'
import { decodeEnvelope } from './peer-record.ts'
import { ProtobufWriter } from './protobuf.ts'
import { decodeSyncMessage, encodeSyncMessage, syncMessageBytesMax } from './sync-message.ts'
import { WireError } from './wire-error.ts'

const HEADER_BYTES = 80

const root: fc.Arbitrary<Root> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => toRoot([...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')))
const roots = (maxLength: number): fc.Arbitrary<Root[]> => fc.array(root, { maxLength })
const head: fc.Arbitrary<ClaimedHead> = fc.record({
  height: fc.nat({ max: 0xffff_ffff }),
  root,
  work: fc.bigInt({ min: 0n, max: (1n << 256n) - 1n }),
})
const request = fc.maxSafeNat().map(toRequestId)
const headers = (countMin: number, countMax: number): fc.Arbitrary<Uint8Array> =>
  fc.integer({ min: countMin, max: countMax }).map((count) => new Uint8Array(count * HEADER_BYTES).fill(count))
const countMax = fc.integer({ min: 1, max: 2016 })
const text = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)), maxLength })

const nodeInfo: fc.Arbitrary<NodeInfo> = fc.record({
  chain: text(64),
  genesis: root,
  head,
  serves: fc.subarray(['headers', 'ancestors', 'outlines', 'peers'] as const),
  agent: text(64),
})

const getHeaders = {
  type: fc.constant('get-headers' as const),
  request,
  locator: roots(64),
  stop: fc.option(root, { nil: undefined }),
  countMax,
}

const syncMessage: fc.Arbitrary<SyncMessage> = fc.oneof(
  fc.record(getHeaders),
  fc.record({ ...getHeaders, skip: fc.nat(HEADERS_SKIPPED_MAX) }),
  fc.record({ type: fc.constant('get-ancestors' as const), request, roots: roots(40), known: roots(64), countMax }),
  fc.record({ type: fc.constant('ping' as const), request }),
  fc.record({ type: fc.constant('pong' as const), request }),
  fc.record({ type: fc.constant('headers' as const), request, headers: headers(0, 20), hasMore: fc.boolean(), head }),
  fc.record({
    type: fc.constant('ancestors' as const),
    request,
    headers: headers(0, 20),
    answered: roots(10),
    unknown: roots(10),
  }),
  fc.record({
    type: fc.constant('refused' as const),
    request,
    reason: fc.constantFrom('unknown-request' as const, 'busy' as const),
  }),
  fc.record({ type: fc.constant('announce' as const), headers: headers(1, 8), head }),
)

const decode = (bytes: Uint8Array): ReturnType<typeof decodeSyncMessage> =>
  decodeSyncMessage(bytes, { headerSizeBytes: HEADER_BYTES })

test('a node info comes out as it went in, within 1,024 bytes', () => {
  fc.assert(
    fc.property(nodeInfo, (info) => {
      const bytes = encodeNodeInfo(info)
      expect(bytes.length).toBeLessThanOrEqual(NODE_INFO_BYTES_MAX)
      expect(decodeNodeInfo(bytes)).toEqual(info)
    }),
  )
})

test('every sync message comes out as it went in', () => {
  fc.assert(
    fc.property(syncMessage, (message) => {
      expect(decode(encodeSyncMessage(message))).toEqual(message)
    }),
    { numRuns: 500 },
  )
})

test('the largest messages fit the limit of a frame', () => {
  const many = Array.from({ length: 2000 }, () => toRoot('ab'.repeat(32)))
  const largest = { height: 0xffff_ffff, root: toRoot('ff'.repeat(32)), work: (1n << 256n) - 1n }
  const request = toRequestId(Number.MAX_SAFE_INTEGER)
  const full = new Uint8Array(2016 * HEADER_BYTES)
  const messages: SyncMessage[] = [
    { type: 'headers', request, headers: full, hasMore: true, head: largest },
    { type: 'ancestors', request, headers: full, answered: many, unknown: [] },
    { type: 'get-ancestors', request, roots: many, known: many.slice(0, 64), countMax: 2016 },
  ]
  for (const message of messages) {
    const bytes = encodeSyncMessage(message)
    expect(bytes.length).toBeLessThanOrEqual(syncMessageBytesMax(HEADER_BYTES))
    expect(decode(bytes)).toEqual(message)
  }
})

const claimed: ClaimedHead = { height: 1, root: toRoot('01'.repeat(32)), work: 4n }
const ids = (count: number): Root[] => Array.from({ length: count }, () => claimed.root)
const seven = toRequestId(7)

test.each<[string, SyncMessage]>([
  ['79 header bytes', { type: 'announce', headers: new Uint8Array(79), head: claimed }],
  ['81 header bytes', { type: 'announce', headers: new Uint8Array(81), head: claimed }],
  ['an empty announcement', { type: 'announce', headers: new Uint8Array(0), head: claimed }],
  ['9 announced headers', { type: 'announce', headers: new Uint8Array(9 * 80), head: claimed }],
  [
    '2,017 headers',
    { type: 'headers', request: seven, headers: new Uint8Array(2017 * 80), hasMore: false, head: claimed },
  ],
  ['a count of 0', { type: 'get-headers', request: seven, locator: [], stop: undefined, countMax: 0 }],
  ['a count of 2,017', { type: 'get-headers', request: seven, locator: [], stop: undefined, countMax: 2017 }],
  [
    'more headers left out than were ever asked for',
    {
      ...{ type: 'get-headers', request: seven, locator: [], stop: undefined, countMax: 1 },
      skip: HEADERS_SKIPPED_MAX + 1,
    },
  ],
  ['65 locator roots', { type: 'get-headers', request: seven, locator: ids(65), stop: undefined, countMax: 1 }],
  ['2,001 roots', { type: 'get-ancestors', request: seven, roots: ids(2001), known: [], countMax: 1 }],
  ['65 known roots', { type: 'get-ancestors', request: seven, roots: [], known: ids(65), countMax: 1 }],
  [
    '2,001 answers',
    { type: 'ancestors', request: seven, headers: new Uint8Array(0), answered: ids(1000), unknown: ids(1001) },
  ],
])('%s are refused', (_name, message) => {
  expect(() => decode(encodeSyncMessage(message))).toThrow(WireError)
})

test('a later version is understood as far as it goes: unknown fields, requests, notices and reasons', () => {
  const ping = encodeSyncMessage({ type: 'ping', request: seven })
  const more = new ProtobufWriter().varint(90, 1).bytes(91, Uint8Array.of(1)).bytes(91, Uint8Array.of(2)).finish()
  const fixed = Uint8Array.of((15 << 3) | 5, 1, 2, 3, 4, (14 << 3) | 1, 1, 2, 3, 4, 5, 6, 7, 8)
  expect(decode(Uint8Array.of(...ping, ...more, ...fixed))).toEqual({ type: 'ping', request: seven })
  expect(decode(new ProtobufWriter().varint(1, 63).varint(2, 7).finish())).toEqual({
    type: 'unknown-request',
    request: seven,
  })
  expect(decode(new ProtobufWriter().varint(1, 129).finish())).toEqual({ type: 'unknown-notice' })
  expect(decode(new ProtobufWriter().varint(1, 67).varint(2, 7).varint(13, 9).finish())).toEqual({
    type: 'refused',
    request: seven,
    reason: 'busy',
  })
})

test('an unknown answer, a missing field and a field that comes twice are refused', () => {
  expect(() => decode(new ProtobufWriter().varint(1, 127).varint(2, 7).finish())).toThrow('kind 127')
  expect(() => decode(new ProtobufWriter().varint(1, 3).finish())).toThrow('expected request as a number, got none')
  expect(() => decode(new ProtobufWriter().varint(1, 3).varint(2, 7).varint(2, 7).finish())).toThrow('got it twice')
})

test('an announcement does not hold on to its frame, however much that was padded', () => {
  const announce = encodeSyncMessage({ type: 'announce', headers: new Uint8Array(80).fill(7), head: claimed })
  const padding = new ProtobufWriter().bytes(99, new Uint8Array(10_000)).finish()
  const message = decode(Uint8Array.of(...announce, ...padding))
  expect(message.type === 'announce' && message.headers.buffer.byteLength).toBe(80)
})

const info: NodeInfo = { chain: 'bitcoin:mainnet', genesis: claimed.root, head: claimed, serves: [], agent: 'a' }

test('an agent of 65 characters, or with a control character, is refused on both sides', () => {
  for (const agent of ['x'.repeat(65), 'tab\there', 'naïve']) {
    expect(() => encodeNodeInfo({ ...info, agent })).toThrow(RangeError)
  }
  expect(decodeNodeInfo(encodeNodeInfo({ ...info, agent: 'x'.repeat(64) })).agent).toHaveLength(64)
  const bytes = encodeNodeInfo({ ...info, agent: 'tab.here' })
  bytes[bytes.length - 5] = 9
  expect(() => decodeNodeInfo(bytes)).toThrow('expected agent in printable ASCII, got byte 0x09')
})

test('services that we do not know are left out', () => {
  const bytes = encodeNodeInfo({ ...info, serves: ['headers', 'ancestors'], agent: '' })
  bytes[bytes.length - 3] = 31
  expect(decodeNodeInfo(bytes).serves).toEqual(['headers'])
})

test('a node info over 1,024 bytes is refused whatever is in it', () => {
  const padding = new ProtobufWriter().bytes(99, new Uint8Array(1024)).finish()
  expect(() => decodeNodeInfo(Uint8Array.of(...encodeNodeInfo(info), ...padding))).toThrow('at most 1024 bytes')
})

test('100,000 damaged messages are refused with a WireError or mean something that can be said', () => {
  const samples = [
    ...fc.sample(syncMessage, { numRuns: 60, seed: 1 }).map(encodeSyncMessage),
    ...fc.sample(nodeInfo, { numRuns: 20, seed: 2 }).map(encodeNodeInfo),
  ]
  let state = 1
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  let refused = 0
  for (let round = 0; round < 100_000; round++) {
    const original = samples[random(samples.length)] ?? new Uint8Array(0)
    const bytes = random(4) === 0 ? original.slice(0, random(original.length + 1)) : original.slice()
    // Most damage goes to the first bytes, where the structure is.
    for (let change = 0; change <= random(3); change++)
      bytes[random(Math.min(bytes.length, 1 + random(300)))] = random(256)
    for (const codec of [decodeAndEncodeSync, (info: Uint8Array) => void encodeNodeInfo(decodeNodeInfo(info))]) {
      try {
        codec(bytes)
      } catch (error) {
        if (!(error instanceof WireError)) throw error
        refused++
      }
    }
  }
  expect(refused).toBeGreaterThan(100_000)
  expect(refused).toBeLessThan(200_000)
})

function decodeAndEncodeSync(bytes: Uint8Array): void {
  const message = decode(bytes)
  if ('envelopes' in message) for (const envelope of message.envelopes) decodeEnvelope(envelope)
  else if (message.type !== 'unknown-request' && message.type !== 'unknown-notice') encodeSyncMessage(message)
}

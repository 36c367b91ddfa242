import { expect, test } from 'vitest'
import { toRequestId, toRoot, type Root } from '../core/ids.ts'
import { REQUEST_TIMEOUT_MS } from '../core/limits.ts'
import type { SyncMessage } from '../core/message.ts'
import type { GetHeadersMessage } from '../wire/bitcoin/header-messages.ts'
import { readRoot } from '../wire/bitcoin/payload.ts'
import { BitcoinClaims, HEADER_SIZE_BYTES } from './bitcoin-claims.ts'
import { BitcoinHeaderRequests } from './bitcoin-header-requests.ts'

/** Regtest's easiest target: every header is worth 2. */
const BITS = [0xff, 0xff, 0x7f, 0x20]

/** A root that begins with its number; a header's own number stands in its last bytes. */
function rootOfNumber(number: number): Root {
  const bytes = new Uint8Array(32)
  new DataView(bytes.buffer).setUint32(0, number)
  return readRoot(bytes, 0)
}

const GENESIS = rootOfNumber(0)

/** Headers numbered from … to, each after the one before; the first after `parent`. */
function headers(from: number, to: number, parent = from - 1): Uint8Array {
  const bytes = new Uint8Array((to - from + 1) * HEADER_SIZE_BYTES)
  const view = new DataView(bytes.buffer)
  for (let number = from; number <= to; number += 1) {
    const offset = (number - from) * HEADER_SIZE_BYTES
    view.setUint32(offset + 4, number === from ? parent : number - 1)
    bytes.set(BITS, offset + 72)
    view.setUint32(offset + 76, number)
  }
  return bytes
}

const rootOf = (header: Uint8Array): Root =>
  rootOfNumber(new DataView(header.buffer, header.byteOffset).getUint32(HEADER_SIZE_BYTES - 4))

interface Rig {
  readonly requests: BitcoinHeaderRequests
  readonly sent: GetHeadersMessage[]
  /** Verified by us: `summaryOf` finds these numbers. */
  readonly known: Set<number>
  ask(request: number, args?: { locator?: readonly number[]; countMax?: number; nowMs?: number }): void
  askAncestors(request: number, root: number, nowMs?: number): void
}

function rig(): Rig {
  const sent: GetHeadersMessage[] = []
  const known = new Set([0])
  const summaryOf = (root: Root): { height: number; work: bigint } | undefined => {
    const number = [...known].find((candidate) => rootOfNumber(candidate) === root)
    return number === undefined ? undefined : { height: number, work: 2n * BigInt(number + 1) }
  }
  const claims = new BitcoinClaims({ startHeight: 3_000, summaryOf, rootOf })
  const requests = new BitcoinHeaderRequests({
    genesis: GENESIS,
    claims,
    rootOf,
    send: (message) => sent.push(message),
  })
  return {
    requests,
    sent,
    known,
    ask: (request, { locator = [0], countMax = 2_016, nowMs = 0 } = {}) => {
      const roots = locator.map(rootOfNumber)
      requests.getHeaders(
        { type: 'get-headers', request: toRequestId(request), locator: roots, stop: undefined, countMax },
        nowMs,
      )
    },
    askAncestors: (request, root, nowMs = 0) => {
      const roots = [rootOfNumber(root)]
      requests.getAncestors(
        { type: 'get-ancestors', request: toRequestId(request), roots, known: [GENESIS], countMax: 2_016 },
        nowMs,
      )
    },
  }
}

const summary = (message: SyncMessage | 'unasked' | undefined): string => {
  if (message === undefined || message === 'unasked') return String(message)
  const request = 'request' in message ? ` ${message.request}` : ''
  const count = 'headers' in message ? ` ${message.headers.length / HEADER_SIZE_BYTES}` : ''
  return `${message.type}${request}${count}`
}

test('one question at a time: the others wait for its answer', () => {
  const { requests, sent, ask, askAncestors } = rig()
  ask(1)
  askAncestors(2, 30)
  expect(sent.length).toBe(1)
  expect(summary(requests.take(headers(1, 20), 0))).toBe('headers 1 20')
  expect(sent[1]).toEqual({ locator: [GENESIS], stop: rootOfNumber(30) })
  expect(summary(requests.take(headers(21, 30, 0), 0))).toBe('ancestors 2 10')
  expect(sent.length).toBe(2)
})

test.each([
  [8, 'announce 8'],
  [9, 'unasked'],
])('%i headers without a question: %s', (count, expected) => {
  const { requests } = rig()
  expect(summary(requests.take(headers(1, count), 0))).toBe(expected)
})

test('an empty answer without a question means nothing', () => {
  expect(rig().requests.take(headers(1, 0), 0)).toBeUndefined()
})

test('an answer is one whose first parent was named, or genesis, or nothing', () => {
  const { requests, ask } = rig()
  ask(1, { locator: [50, 40, 0] })
  expect(summary(requests.take(headers(71, 72), 0))).toBe('announce 2')
  expect(summary(requests.take(headers(41, 60), 0))).toBe('headers 1 20')
  ask(2, { locator: [50, 40] })
  expect(summary(requests.take(headers(1, 20), 0))).toBe('headers 2 20')
  ask(3)
  expect(summary(requests.take(headers(1, 0), 0))).toBe('headers 3 0')
})

test('an answer that is late is neither taken nor misbehaviour; a second one is', () => {
  const { requests, ask } = rig()
  ask(1, { locator: [7] })
  requests.tick(REQUEST_TIMEOUT_MS - 1)
  ask(2, { locator: [90], nowMs: REQUEST_TIMEOUT_MS })
  expect(summary(requests.take(headers(8, 40), 0))).toBe('undefined')
  expect(summary(requests.take(headers(91, 120), 0))).toBe('headers 2 30')
  expect(summary(requests.take(headers(8, 40), 0))).toBe('unasked')
})

test('a question without an answer is let go in time, and the next one is asked', () => {
  const { requests, sent, ask, askAncestors } = rig()
  ask(1, { locator: [7] })
  askAncestors(2, 30)
  requests.tick(REQUEST_TIMEOUT_MS - 1)
  expect(sent.length).toBe(1)
  requests.tick(REQUEST_TIMEOUT_MS)
  expect(sent.length).toBe(2)
  expect(summary(requests.take(headers(8, 40), 0))).toBe('undefined')
})

test('an announcement taken for the answer costs the real answer nothing', () => {
  const { requests, ask } = rig()
  ask(1, { locator: [100] })
  expect(summary(requests.take(headers(101, 101), 0))).toBe('headers 1 1')
  expect(summary(requests.take(headers(101, 120), 0))).toBe('undefined')
  expect(summary(requests.take(headers(101, 120), 0))).toBe('unasked')
})

test('a hundred answers that nobody waits for are not all forgiven', () => {
  const { requests, ask } = rig()
  for (let request = 1; request <= 100; request += 1) ask(request, { locator: [7] })
  requests.take(headers(8, 20), 0)
  const outcomes = Array.from({ length: 10 }, () => summary(requests.take(headers(8, 20), 0)))
  expect(outcomes.filter((outcome) => outcome === 'undefined').length).toBe(4)
})

test('where the peer has more behind what we have by now, it goes on from there', () => {
  const { requests, sent, known, ask } = rig()
  ask(1)
  expect(requests.take(headers(1, 2_000), 0)).toMatchObject({ hasMore: true })
  ask(2)
  expect(sent[1]?.locator).toEqual([GENESIS])
  requests.take(headers(1, 2_000), 0)
  known.add(2_000)
  ask(3)
  expect(sent[2]?.locator).toEqual([rootOfNumber(2_000), GENESIS])
  expect(requests.take(headers(2_001, 2_100), 0)).toMatchObject({ hasMore: false })
  ask(4)
  expect(sent[3]?.locator).toEqual([GENESIS])
})

test('claims are counted from what we have, and unknown where we do not have it', () => {
  const { requests, ask } = rig()
  ask(1)
  expect(requests.take(headers(1, 10), 0)).toMatchObject({ head: { height: 10, root: rootOfNumber(10), work: 22n } })
  // From there on without a look at our tree.
  expect(requests.take(headers(11, 12), 0)).toMatchObject({ head: { height: 12, root: rootOfNumber(12), work: 26n } })
  const unknown = { height: 3_000, root: rootOfNumber(72), work: 0n }
  expect(requests.take(headers(71, 72), 0)).toMatchObject({ type: 'announce', head: unknown })
})

test('a range between checkpoints is asked for as it is, and leaves the claim of more alone', () => {
  const { requests, sent, known } = rig()
  const askRange = (request: number, from: number, stop: number): void => {
    const locator = [rootOfNumber(from), GENESIS]
    const ends = { stop: rootOfNumber(stop), countMax: stop - from }
    requests.getHeaders({ type: 'get-headers', request: toRequestId(request), locator, ...ends }, 0)
  }
  askRange(1, 0, 100)
  expect(requests.take(headers(1, 100), 0)).toMatchObject({ hasMore: false, head: { height: 3_000 } })
  known.add(100)
  askRange(2, 200, 300)
  expect(sent[1]).toEqual({ locator: [rootOfNumber(200), GENESIS], stop: rootOfNumber(300) })
  expect(requests.take(headers(201, 300), 0)).toMatchObject({ hasMore: false, head: { height: 3_000, work: 6_002n } })
})

test('after a range the next question begins where the core says, not where the one before had more', () => {
  const { requests, sent, known, ask } = rig()
  ask(1)
  expect(requests.take(headers(1, 2_000), 0)).toMatchObject({ hasMore: true })
  known.add(2_000)
  const [locator, stop] = [[rootOfNumber(2_000), GENESIS], rootOfNumber(2_100)]
  requests.getHeaders({ type: 'get-headers', request: toRequestId(2), locator, stop, countMax: 100 }, 0)
  requests.take(headers(2_001, 2_100), 0)
  ask(3, { locator: [2_100] })
  expect(sent[2]?.locator).toEqual([rootOfNumber(2_100)])
})

test('a named block is asked for once the core has asked, and not when it is the last that came', () => {
  const { requests, sent, ask } = rig()
  requests.blockNamed(rootOfNumber(5), 0)
  expect(sent).toEqual([])
  ask(1)
  requests.take(headers(1, 5), 0)
  requests.blockNamed(rootOfNumber(5), 0)
  expect(sent.length).toBe(1)
  requests.blockNamed(rootOfNumber(6), 0)
  expect(sent[1]).toEqual({ locator: [rootOfNumber(5), GENESIS], stop: rootOfNumber(6) })
  requests.blockNamed(rootOfNumber(7), 0)
  requests.blockNamed(rootOfNumber(8), 0)
  expect(summary(requests.take(headers(6, 6), 0))).toBe('announce 1')
  expect(sent.map(({ stop }) => stop)).toEqual([undefined, rootOfNumber(6), rootOfNumber(8)])
})

test('all that lies below a named block is announced with it', () => {
  const { requests, ask } = rig()
  ask(1)
  requests.take(headers(1, 5), 0)
  requests.blockNamed(rootOfNumber(300), 0)
  expect(summary(requests.take(headers(6, 300), 0))).toBe('announce 295')
})

test('the work of a real header', () => {
  const claims = new BitcoinClaims({ startHeight: 0, summaryOf: () => ({ height: 0, work: 0n }), rootOf })
  const header = headers(1, 1)
  // Mainnet's easiest target, 0x1d00ffff, is worth 0x100010001 hashes.
  header.set([0xff, 0xff, 0x00, 0x1d], 72)
  expect(claims.delivered(header, false).work).toBe(0x1_0001_0001n)
  // Sign bit, zero, and an exponent out of range are no targets.
  for (const bits of [0x1d80ffff, 0x1d000000, 0x2100ffff]) {
    new DataView(header.buffer).setUint32(72, bits, true)
    expect(claims.delivered(header, false).work).toBe(0n)
  }
  expect(claims.lastRoot).toBe(toRoot(rootOf(header)))
})

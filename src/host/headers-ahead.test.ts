import { beforeEach, expect, test } from 'vitest'
import { toRequestId, toRoot, type RequestId, type Root } from '../core/ids.ts'
import type { GetHeaders, Headers, Refused } from '../core/message.ts'
import { HeadersAhead } from './headers-ahead.ts'

const COUNT = 10
/** A chain of toy headers, each a byte: its own height; ranges are asked for after a root that is a height, too. */
const root = (height: number): Root => toRoot(height.toString(16).padStart(64, '0'))
const HEAD = { height: 100, root: root(100), work: 100n }

let nowMs: number
let sent: GetHeaders[]
let delivered: Headers[]
let ahead: HeadersAhead

beforeEach(() => {
  nowMs = 0
  sent = []
  delivered = []
  ahead = new HeadersAhead({
    parentOf: ([first = 0]) => root(first - 1),
    send: (message) => sent.push(message),
    deliver: (message) => delivered.push(message),
    nowMs: () => nowMs,
  })
})

const question = (request: number, after: number, more: Partial<GetHeaders> = {}): GetHeaders => {
  const locator = [root(after), root(0)]
  return { type: 'get-headers', request: toRequestId(request), locator, stop: undefined, countMax: COUNT, ...more }
}

const answer = (request: RequestId | number, first: number, { count = COUNT, hasMore = true } = {}): Headers => {
  const headers = Uint8Array.from({ length: count }, (_, index) => first + index)
  return { type: 'headers', request: toRequestId(request), headers, hasMore, head: HEAD }
}

/** The core has asked for what follows genesis, got it, and asked on: what follows that is asked ahead. Gives its numbers. */
function begin(): readonly [RequestId, RequestId, RequestId] {
  ahead.ask(question(1, 0))
  ahead.answered(answer(1, 1))
  ahead.ask(question(2, 10))
  const [, , first, second, third, ...others] = sent.splice(0).map(({ request }) => request)
  if (first === undefined || second === undefined || third === undefined || others.length > 0) {
    throw new Error('expected three questions ahead')
  }
  return [first, second, third]
}

test('a peer that has said that it has more is asked for the three ranges that follow the one on its way', () => {
  ahead.ask(question(1, 0))
  ahead.answered(answer(1, 1))
  ahead.ask(question(2, 10))
  const [first, own, ...further] = sent
  expect([first, own]).toEqual([question(1, 0), question(2, 10)])
  expect(further.map(({ skip }) => skip)).toEqual([10, 20, 30])
  expect(new Set(sent.map(({ request }) => request)).size).toBe(5)
  for (const { request, skip = 0 } of further) expect(sent).toContainEqual({ ...question(2, 10), request, skip })
})

test.each<[string, () => void]>([
  ['before an answer', () => {}],
  ['of a peer that has no more', () => ahead.answered(answer(1, 1, { count: 3, hasMore: false }))],
  [
    'of a peer that is slow',
    () => {
      nowMs = 1_000
      ahead.answered(answer(1, 1))
    },
  ],
])('nothing is asked ahead %s', (_, happen) => {
  ahead.ask(question(1, 0))
  happen()
  ahead.ask(question(2, 3))
  expect(sent).toEqual([question(1, 0), question(2, 3)])
})

test('an answer that came ahead is the one to the next question, which is not sent; one more is asked ahead', () => {
  const [first] = begin()
  expect(ahead.answered(answer(2, 11))).toEqual(answer(2, 11))
  expect(ahead.answered(answer(first, 21))).toBe(undefined)
  ahead.ask(question(3, 20))
  expect(delivered).toEqual([answer(3, 21)])
  expect(sent.map(({ locator, skip }) => [locator[0], skip])).toEqual([[root(20), 30]])
})

test('a question whose answer is on its way waits for it, and is answered under its own number', () => {
  const [first] = begin()
  ahead.answered(answer(2, 11))
  ahead.ask(question(3, 20))
  expect(sent.map(({ locator, skip }) => [locator[0], skip])).toEqual([[root(20), 30]])
  expect(ahead.answered(answer(first, 21))).toEqual(answer(3, 21))
})

test('behind the last range nothing is asked ahead', () => {
  const [first, second, third] = begin()
  ahead.answered(answer(2, 11))
  ahead.answered(answer(first, 21))
  ahead.answered(answer(second, 31, { count: 4, hasMore: false }))
  ahead.answered(answer(third, 0, { count: 0, hasMore: false }))
  ahead.ask(question(3, 20))
  ahead.ask(question(4, 30))
  expect(delivered).toEqual([answer(3, 21), answer(4, 31, { count: 4, hasMore: false })])
  expect(sent).toEqual([])
})

test.each(['before the question', 'after it'])(
  'a peer that leaves nothing out, seen %s, is asked what the core asks and never ahead again',
  (when) => {
    const [first] = begin()
    ahead.answered(answer(2, 11))
    if (when === 'before the question') ahead.answered(answer(first, 11))
    ahead.ask(question(3, 20))
    if (when === 'after it') expect(ahead.answered(answer(first, 11))).toBe(undefined)
    expect(delivered).toEqual([])
    expect(sent.at(-1)).toEqual(question(3, 20))
    const count = sent.length
    ahead.answered(answer(3, 21))
    ahead.ask(question(4, 30))
    expect(sent.slice(count)).toEqual([question(4, 30)])
  },
)

test.each<[string, (request: RequestId) => Headers | Refused]>([
  ['is refused', (request) => ({ type: 'refused', request, reason: 'busy' })],
  ['is of another chain by now', (request) => answer(request, 71)],
  ['is empty', (request) => answer(request, 0, { count: 0, hasMore: false })],
])('where what was asked ahead %s, the question is sent after all', (_, make) => {
  const [first] = begin()
  ahead.answered(answer(2, 11))
  ahead.ask(question(3, 20))
  expect(ahead.answered(make(first))).toBe(undefined)
  expect(sent.at(-1)).toEqual(question(3, 20))
  expect(ahead.answered(answer(3, 21))).toEqual(answer(3, 21))
})

test.each<[string, Partial<GetHeaders>]>([
  ['to another end', { stop: root(50) }],
  ['for less', { countMax: 5 }],
])('a question %s takes nothing that was asked ahead', (_, more) => {
  const [first] = begin()
  ahead.answered(answer(2, 11))
  ahead.ask(question(3, 20, more))
  expect(sent[0]).toEqual(question(3, 20, more))
  expect(ahead.answered(answer(first, 21))).toBe(undefined)
  expect(delivered).toEqual([])
})

test('what was refused before its question is asked again, and what stood behind it', () => {
  const [first, second] = begin()
  ahead.answered({ type: 'refused', request: first, reason: 'busy' })
  ahead.answered(answer(second, 31))
  ahead.ask(question(3, 20))
  expect(sent).toEqual([question(3, 20)])
})

test('answers that nobody has wanted for ten seconds are let go', () => {
  const [first, second, third] = begin()
  ahead.answered(answer(first, 21))
  ahead.answered(answer(second, 31))
  ahead.answered(answer(third, 41))
  const tick = (count: number): void => Array.from({ length: count }).forEach(() => ahead.tick())
  tick(10)
  ahead.ask(question(3, 20))
  tick(10)
  ahead.ask(question(4, 30))
  expect(delivered.splice(0)).toEqual([answer(3, 21), answer(4, 31)])
  tick(11)
  sent = []
  ahead.ask(question(5, 40))
  expect([sent[0], delivered]).toEqual([question(5, 40), []])
})

test('an answer that the core waits for no more is not told it when it comes', () => {
  const [first] = begin()
  ahead.answered(answer(2, 11))
  ahead.ask(question(3, 20))
  ahead.ask(question(4, 20, { countMax: 5 }))
  expect(ahead.answered(answer(first, 21))).toBe(undefined)
  expect(ahead.answered(answer(4, 21, { count: 5 }))).toEqual(answer(4, 21, { count: 5 }))
})

test('with the stream everything that was asked ahead is forgotten', () => {
  const [first] = begin()
  ahead.answered(answer(2, 11))
  ahead.end()
  expect(() => ahead.answered(answer(first, 21))).toThrow('expected an answer to a request of ours')
  ahead.ask(question(3, 20))
  expect(sent).toEqual([question(3, 20)])
})

test('more answers ahead than were asked for are the peer’s mistake', () => {
  const [first] = begin()
  for (let count = 0; count < 3; count += 1) ahead.answered(answer(first, 21))
  expect(() => ahead.answered(answer(first, 21))).toThrow('expected an answer to a request of ours')
})

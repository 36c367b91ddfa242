import { expect, test } from 'vitest'
import { toPeerId } from './ids.ts'
import * as limits from './limits.ts'
import type { PeerRecord } from './message.ts'
import { PeerTable } from './peer-table.ts'
import { createRandomSource } from './random.ts'

const LIAR = toPeerId('liar')
const HONEST = toPeerId('honest')

const record = (name: string, sequence = 1): PeerRecord => ({
  ...{ peer: toPeerId(name), sequence, addresses: [`/ip4/1.2.3.4/tcp/1/p2p/${name}`] },
  envelope: new Uint8Array(0),
})
const createTable = (): PeerTable => new PeerTable(createRandomSource(1))
const countFrom = (table: PeerTable, source: string): number =>
  [...table.known.values()].filter((known) => known.source === source).length

test('a liar that fills the table gets a quarter of it, at the cost of its own records alone', () => {
  const table = createTable()
  table.take({ record: record('friend'), source: HONEST, nowMs: 0 })
  for (let count = 0; count < 1_000; count += 1) {
    table.take({ record: record(`made-up-${count}`), source: LIAR, nowMs: count })
    expect(countFrom(table, LIAR)).toBe(Math.min(count + 1, limits.PEER_RECORDS_MAX / 4))
  }
  expect(countFrom(table, HONEST)).toBe(1)
  expect(table.known.get(toPeerId('made-up-999'))?.source).toBe(LIAR)
})

test('a full table forgets its oldest record for a new one', () => {
  const table = createTable()
  for (let count = 0; count <= limits.PEER_RECORDS_MAX; count += 1) {
    table.take({ record: record(`${count}`), source: toPeerId(`source-${count % 8}`), nowMs: count })
  }
  expect(table.known.size).toBe(limits.PEER_RECORDS_MAX)
  expect(table.known.has(toPeerId('0'))).toBe(false)
  expect(table.known.has(toPeerId('1'))).toBe(true)
})

test('an older record never replaces a newer one, nor hearsay what the subject said itself', () => {
  const table = createTable()
  const alice = toPeerId('alice')
  table.take({ record: record('alice', 5), source: alice, nowMs: 0 })
  for (const sequence of [4, 5]) {
    table.take({ record: record('alice', sequence), source: HONEST, nowMs: 1 })
    expect(table.known.get(alice)).toMatchObject({ source: alice, record: { sequence: 5 }, receivedMs: 0 })
  }
  table.take({ record: record('alice', 5), source: alice, nowMs: 2 })
  expect(table.known.get(alice)?.receivedMs).toBe(2)
  table.take({ record: record('alice', 6), source: HONEST, nowMs: 3 })
  expect(table.known.get(alice)?.record.sequence).toBe(6)
})

test('a record is forgotten hours after it came', () => {
  const table = createTable()
  table.take({ record: record('alice'), source: HONEST, nowMs: 0 })
  expect(table.pick(limits.PEER_RECORD_LIFETIME_MS - 1, () => true)?.peer).toBe('alice')
  expect(table.pick(limits.PEER_RECORD_LIFETIME_MS, () => true)).toBeUndefined()
  expect(table.known.size).toBe(0)
})

test('who was not reached is left alone for longer and longer, and a new record is no way round that', () => {
  const table = createTable()
  table.take({ record: record('alice'), source: HONEST, nowMs: 0 })
  const waits: number[] = []
  let nowMs = 0
  for (let count = 0; count < 12; count += 1) {
    table.failed({ peer: toPeerId('alice'), nowMs })
    const dueMs = table.nextDueMs(nowMs)
    expect(table.pick(dueMs - 1, () => true)).toBeUndefined()
    waits.push(dueMs - nowMs)
    nowMs = dueMs
  }
  for (const [index, waitMs] of waits.entries()) {
    const fullMs = Math.min(limits.LEARNT_BACKOFF_MS_MAX, limits.LEARNT_BACKOFF_MS_MIN * 2 ** (index + 1))
    expect(waitMs).toBeGreaterThanOrEqual(fullMs * 0.75)
    expect(waitMs).toBeLessThanOrEqual(fullMs)
  }
  table.failed({ peer: toPeerId('alice'), nowMs })
  table.take({ record: record('alice', 2), source: LIAR, nowMs })
  expect(table.pick(nowMs, () => true)).toBeUndefined()
})

test('who tells of many gets no more dials than who tells of one', () => {
  const table = createTable()
  for (let count = 0; count < 60; count += 1) {
    table.take({ record: record(`made-up-${count}`), source: LIAR, nowMs: 0 })
  }
  table.take({ record: record('friend'), source: HONEST, nowMs: 0 })
  const picked = Array.from({ length: 1_000 }, () => table.pick(0, () => true)?.peer)
  const friendCount = picked.filter((peer) => peer === 'friend').length
  expect(friendCount).toBeGreaterThan(400)
  expect(friendCount).toBeLessThan(600)
})

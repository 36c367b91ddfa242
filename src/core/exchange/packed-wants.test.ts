import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../../wire/cid.ts'
import type { Cid } from '../ids.ts'
import { AbsentIndex } from './absent-index.ts'
import type { WantEntry } from './exchange-message.ts'
import { PackedWants } from './packed-wants.ts'

/** Codecs of one byte and of two, a version 0, and one that is too long. */
function cidOf(number: number, kind: number): Cid {
  const digestSizeBytes = kind === 3 ? 64 : 32
  const digest = new Uint8Array(digestSizeBytes)
  new DataView(digest.buffer).setUint32(number % 7, Math.imul(number + 1, 0x9e3779b1))
  const codec = kind === 2 ? 0x70 : kind === 1 ? 0xb1 : CODEC_RAW
  return formatCid({ version: kind === 2 ? 0 : 1, codec, hashCode: HASH_SHA2_256, digestSizeBytes, digest })
}

const step = fc.record({
  owner: fc.nat(2),
  number: fc.nat(40),
  kind: fc.nat(3),
  act: fc.constantFrom('add', 'add', 'take', 'take oldest', 'look'),
  priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  want: fc.constantFrom('block', 'have'),
  sendDontHave: fc.boolean(),
})

test('wants are found as they were put, in order, by their peer and by their block, whatever is taken in between', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), fc.integer(), (steps, seed) => {
      const index = new AbsentIndex<number>(seed)
      const packed = [0, 1, 2].map((owner) => new PackedWants({ index, owner }))
      const models = packed.map(() => new Map<Cid, WantEntry>())
      for (const { owner, number, kind, act, priority, want, sendDontHave } of steps) {
        const cid = cidOf(number, kind)
        const [wants, model] = [packed[owner], models[owner]]
        if (wants === undefined || model === undefined) throw new Error('no such owner')
        if (act === 'add' && !model.has(cid)) {
          const entry = { cid, priority, want, sendDontHave } as const
          expect(wants.add(entry)).toBe(kind < 2)
          if (kind < 2) model.set(cid, entry)
        } else if (act === 'take') {
          expect(wants.take(cid)).toEqual(model.get(cid))
          model.delete(cid)
        } else if (act === 'take oldest') {
          const [oldest] = model.values()
          expect(wants.takeOldest()).toEqual(oldest)
          if (oldest !== undefined) model.delete(oldest.cid)
        }
        expect(wants.has(cid)).toBe(model.has(cid))
        expect(wants.size).toBe(model.size)
        expect(index.of(cid)).toEqual(new Set([0, 1, 2].filter((each) => models[each]?.has(cid))))
      }
      for (const [owner, wants] of packed.entries()) {
        expect([...wants.cids()]).toEqual([...(models[owner]?.keys() ?? [])])
      }
    }),
    { numRuns: 200 },
  )
})

test('a thousand peers that want the same, and each its own, are found and leave nothing behind', () => {
  const index = new AbsentIndex<number>(7)
  const packed = Array.from({ length: 1_000 }, (_, owner) => new PackedWants({ index, owner }))
  const add = (owner: number, number: number): void => {
    const want = { cid: cidOf(number, 0), priority: 1, want: 'block', sendDontHave: true } as const
    expect(packed[owner]?.add(want)).toBe(true)
  }
  for (const owner of packed.keys()) {
    for (let number = 0; number < 20; number += 1) add(owner, number)
    for (let number = 0; number < 20; number += 1) add(owner, 100 + owner * 20 + number)
  }
  expect(index.of(cidOf(3, 0)).size).toBe(1_000)
  expect([...index.of(cidOf(100 + 999 * 20, 0))]).toEqual([999])
  for (const wants of packed) {
    for (const cid of [...wants.cids()]) wants.take(cid)
    wants.end()
  }
  expect(index.of(cidOf(3, 0)).size).toBe(0)
})

test('a peer that takes most of its thousands back, and wants them again, has them all in order', () => {
  const index = new AbsentIndex<number>(7)
  const wants = new PackedWants({ index, owner: 1 })
  const model = new Map<Cid, WantEntry>()
  const add = (number: number): void => {
    const entry = { cid: cidOf(number, 0), priority: number, want: 'have', sendDontHave: false } as const
    expect(wants.add(entry)).toBe(true)
    model.set(entry.cid, entry)
  }
  const take = (number: number): void => {
    const cid = cidOf(number, 0)
    expect(wants.take(cid)).toEqual(model.get(cid))
    model.delete(cid)
  }
  for (let number = 0; number < 3_000; number += 1) add(number)
  // Again and again: it stays in the memory that it has.
  for (let number = 0; number < 3_000; number += 1) {
    take(number)
    add(number)
  }
  expect([...wants.cids()]).toEqual([...model.keys()])
  for (let number = 0; number < 3_000; number += 1) if (number % 700 !== 5) take(number)
  expect([...wants.cids()]).toEqual([...model.keys()])
  for (let number = 3_000; number < 3_400; number += 1) add(number)
  expect([...wants.cids()]).toEqual([...model.keys()])
  for (const number of [5, 705, 3_399]) expect(index.of(cidOf(number, 0)).size).toBe(1)
  expect(index.of(cidOf(6, 0)).size).toBe(0)
})

test('a peer that once wanted many keeps no memory for them', () => {
  const wants = new PackedWants({ index: new AbsentIndex<number>(7), owner: 1 })
  const cids = Array.from({ length: 20_000 }, (_, number) => cidOf(number, 0))
  const heldBytes = (): number => process.memoryUsage().arrayBuffers
  for (const cid of cids) wants.add({ cid, priority: 1, want: 'have', sendDontHave: false })
  const fullBytes = heldBytes()
  for (const cid of cids.slice(10)) wants.take(cid)
  expect([...wants.cids()]).toEqual(cids.slice(0, 10))
  // 48 bytes and a slot each were held, and are not.
  expect(fullBytes - heldBytes()).toBeGreaterThan(20_000 * 48)
})

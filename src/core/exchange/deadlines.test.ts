import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Deadlines } from './deadlines.ts'
import { Heap } from './heap.ts'

test('a heap gives its items in order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer()), fc.func(fc.boolean()), (numbers, isKept) => {
      const heap = new Heap<number>((one, other) => one < other)
      for (const number of numbers) heap.push(number)
      heap.retain((number) => isKept(number))
      const out: number[] = []
      for (let top = heap.pop(); top !== undefined; top = heap.pop()) out.push(top)
      expect(out).toEqual(numbers.filter((number) => isKept(number)).toSorted((one, other) => one - other))
    }),
  )
})

test('deadlines do what a plain map of them would', () => {
  const key = fc.nat(5)
  const ms = fc.integer({ min: 0, max: 100 })
  const step = fc.oneof(
    fc.record({ type: fc.constant('set' as const), key, ms }),
    fc.record({ type: fc.constant('delete' as const), key }),
    fc.record({ type: fc.constant('take' as const), ms }),
    fc.record({ type: fc.constant('shift' as const), ms }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const deadlines = new Deadlines<number>()
      const plain = new Map<number, number>()
      for (const next of steps) {
        if (next.type === 'set') {
          deadlines.set(next.key, next.ms)
          plain.set(next.key, next.ms)
        } else if (next.type === 'delete') {
          deadlines.delete(next.key)
          plain.delete(next.key)
        } else if (next.type === 'shift') {
          deadlines.shift(next.ms)
          for (const [itsKey, dueMs] of plain) plain.set(itsKey, dueMs + next.ms)
        } else {
          const taken = new Set<number>()
          for (let due = deadlines.take(next.ms); due !== undefined; due = deadlines.take(next.ms)) taken.add(due)
          const due = [...plain].filter(([, dueMs]) => dueMs <= next.ms).map(([itsKey]) => itsKey)
          expect(taken).toEqual(new Set(due))
          for (const itsKey of due) plain.delete(itsKey)
        }
        expect(deadlines.next()).toBe(Math.min(Infinity, ...plain.values()))
        expect(new Set(deadlines.keys())).toEqual(new Set(plain.keys()))
      }
    }),
  )
})

test('a deadline that is put off a thousand times stands in the heap once, and fires once', () => {
  const deadlines = new Deadlines<string>()
  for (let ms = 0; ms < 1_000; ms += 1) {
    deadlines.set('silent', ms + 500)
    expect(deadlines.take(ms)).toBeUndefined()
  }
  expect(deadlines.size).toBe(1)
  expect(deadlines.take(1_499)).toBe('silent')
  expect(deadlines.take(10_000)).toBeUndefined()
})

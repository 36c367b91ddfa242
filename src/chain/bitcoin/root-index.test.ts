import fc from 'fast-check'
import { expect, test } from 'vitest'
import { RootIndex } from './root-index.ts'

/** Roots that crowd into one part and few slots, so that they meet. */
function rootOf(number: number): Uint8Array {
  const root = new Uint8Array(32)
  root[0] = number % 5 === 0 ? 255 : number % 7
  root[4] = number % 3
  root[31] = number
  return root
}

test('what is added is found until it is removed, whatever stands in its way', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 99 }), { maxLength: 300, size: 'max' }), (numbers) => {
      const roots = Array.from({ length: 100 }, (_, number) => rootOf(number))
      const index = new RootIndex((row, bytes, offset) => rootOf(row).every((byte, at) => byte === bytes[offset + at]))
      const held = new Set<number>()
      for (const number of numbers) {
        const root = rootOf(number)
        if (held.delete(number)) index.remove(root, 0, number)
        else {
          index.add(root, 0, number)
          held.add(number)
        }
      }
      expect(roots.map((root) => index.find(root, 0))).toEqual(
        roots.map((_, number) => (held.has(number) ? number : -1)),
      )
    }),
  )
})

test('a new index takes no room to speak of', () => {
  expect(new RootIndex(() => false).sizeBytes).toBeLessThan(2_048)
})

test('a part with more slots than homes finds all it holds', () => {
  const ROW_COUNT = 60_000
  const rootOfRow = (row: number): Uint8Array => {
    const root = new Uint8Array(32)
    // Of one part, and many a home more than once.
    new DataView(root.buffer).setUint16(0, (row * 40_503) & 0xfffe, true)
    new DataView(root.buffer).setUint32(28, row, true)
    return root
  }
  const isRootOf = (row: number, bytes: Uint8Array, offset: number): boolean =>
    new DataView(bytes.buffer).getUint32(offset + 28, true) === row
  const index = new RootIndex(isRootOf)
  const rows = Array.from({ length: ROW_COUNT }, (_, row) => row)
  for (const row of rows) index.add(rootOfRow(row), 0, row)
  for (const row of rows) if (row % 3 === 0) index.remove(rootOfRow(row), 0, row)
  const wrong = rows.filter((row) => index.find(rootOfRow(row), 0) !== (row % 3 === 0 ? -1 : row))
  expect(wrong).toEqual([])
})

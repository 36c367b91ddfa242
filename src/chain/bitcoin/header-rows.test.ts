import fc from 'fast-check'
import { expect, test } from 'vitest'
import { HeaderRows } from './header-rows.ts'
import { NETWORKS } from './networks.ts'
import { toLimbs } from './target.ts'

const { genesisHeader } = NETWORKS.regtest

test('work adds up and compares as whole numbers of 128 bits', () => {
  const arbitraryWork = fc.oneof(
    fc.bigInt({ min: 0n, max: 2n ** 126n }),
    fc.constantFrom(1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 64n - 1n, 2n ** 96n - 1n, 2n ** 96n),
  )
  fc.assert(
    fc.property(arbitraryWork, arbitraryWork, arbitraryWork, (first, left, right) => {
      const rows = new HeaderRows()
      rows.addFirst(genesisHeader, 0, toLimbs(first))
      const leftRow = rows.add(genesisHeader, 0, 0, toLimbs(left))
      const rightRow = rows.add(genesisHeader, 0, 0, toLimbs(right))
      expect(rows.work(leftRow)).toBe(first + left)
      expect(Math.sign(rows.compareWork(leftRow, rightRow))).toBe(left < right ? -1 : left > right ? 1 : 0)
    }),
  )
})

test('a row that was let go is used again', () => {
  const rows = new HeaderRows()
  rows.addFirst(genesisHeader, 0, [2, 0, 0, 0])
  const row = rows.add(genesisHeader, 0, 0, [2, 0, 0, 0])
  const child = rows.add(genesisHeader, 0, row, [2, 0, 0, 0])
  expect([rows.height(child), rows.parent(child)]).toEqual([2, row])
  rows.remove(child)
  expect(rows.add(genesisHeader, 0, 0, [3, 0, 0, 0])).toBe(child)
  expect([rows.height(child), rows.parent(child), rows.work(child)]).toEqual([1, 0, 5n])
})

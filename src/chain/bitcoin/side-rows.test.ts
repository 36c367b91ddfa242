import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SideRows } from './side-rows.ts'

interface Row {
  readonly row: number
  readonly parent: number
  readonly work: number
}

test('the leaf with the least work is found, whatever came and went', () => {
  // Rows below 1,000 are on the best chain.
  const arbitrarySteps = fc.array(
    fc.record({ pick: fc.nat(), work: fc.integer({ min: 1, max: 50 }), isRemoval: fc.boolean(), builds: fc.boolean() }),
    { maxLength: 120, size: 'max' },
  )
  fc.assert(
    fc.property(arbitrarySteps, (steps) => {
      const rows: Row[] = []
      const all = new Map<number, number>()
      const side = new SideRows((left, right) => (all.get(left) ?? 0) - (all.get(right) ?? 0))
      const leaves = (): readonly Row[] => rows.filter(({ row }) => rows.every(({ parent }) => parent !== row))
      steps.forEach(({ pick, work, isRemoval, builds }, step) => {
        const leaf = leaves()[pick % Math.max(leaves().length, 1)]
        if (isRemoval && leaf !== undefined) {
          rows.splice(rows.indexOf(leaf), 1)
          side.remove(leaf.row, leaf.parent)
        } else {
          const on = builds ? rows[pick % Math.max(rows.length, 1)] : undefined
          const added = { row: 1_000 + step, parent: on?.row ?? pick % 1_000, work: (on?.work ?? 0) + work }
          rows.push(added)
          all.set(added.row, added.work)
          side.add(added.row, added.parent)
        }
        expect(side.count).toBe(rows.length)
        for (const except of [-1, leaf?.row ?? -1]) {
          const least = side.leastLeaf(except)
          const works = leaves().flatMap(({ row, work: leafWork }) => (row === except ? [] : [leafWork]))
          expect(least === undefined ? Infinity : all.get(least)).toBe(Math.min(...works))
          if (least !== undefined) expect(leaves().some(({ row }) => row === least && row !== except)).toBe(true)
        }
      })
    }),
  )
})

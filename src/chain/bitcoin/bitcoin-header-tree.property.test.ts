import fc from 'fast-check'
import { expect, test } from 'vitest'
import { easyRootOf, hashEasily, linkHeaders } from '../../../test/easy-headers.ts'
import type { SliceOutcome } from '../../core/chain.ts'
import type { Root } from '../../core/ids.ts'
import { BitcoinHeaderTree } from './bitcoin-header-tree.ts'
import { HEADER_SIZE_BYTES, readHeaderFields } from './header.ts'
import { NETWORKS } from './networks.ts'
import type { NetworkParameters } from './networks.ts'
import { targetOfBits, workOfTarget } from './target.ts'

const EASIEST = 0x1d00ffff
const REAL = 0x1d005555
const TIME = 1_600_000_000

/** Testnet3's rules on a harder genesis: a header soon after its parent has three times the work of a late one. */
const genesisHeader = linkHeaders([{ time: TIME, bits: REAL }])
const network: NetworkParameters = { ...NETWORKS.testnet3, genesisHeader, genesis: easyRootOf(genesisHeader) }

/** A run of headers on some header known before; `late` says for each whether it is an easy one. */
interface Branch {
  readonly parent: number
  readonly late: readonly boolean[]
  readonly isRepeat: boolean
}

const arbitraryBranches: fc.Arbitrary<readonly Branch[]> = fc.array(
  fc.record({
    parent: fc.nat(),
    late: fc.array(fc.boolean(), { minLength: 1, maxLength: 6 }),
    isRepeat: fc.boolean(),
  }),
  { minLength: 1, maxLength: 30, size: 'max' },
)

interface Entry {
  readonly root: Root
  readonly parent: Entry | undefined
  readonly height: number
  readonly time: number
  readonly work: bigint
}

/** What the tree should be, in the plainest way. */
class ReferenceTree {
  readonly entries: Entry[] = []
  best: Entry

  constructor() {
    this.best = this.add(genesisHeader, undefined)
  }

  add(header: Uint8Array, parent: Entry | undefined): Entry {
    const root = easyRootOf(header)
    const known = this.entries.find((entry) => entry.root === root)
    if (known !== undefined) return known
    const { bits, time } = readHeaderFields(header, 0)
    const work = (parent?.work ?? 0n) + workOfTarget(targetOfBits(bits) ?? 0n)
    const entry = { root, parent, height: (parent?.height ?? -1) + 1, time, work }
    this.entries.push(entry)
    if (parent === undefined || entry.work > this.best.work) this.best = entry
    return entry
  }
}

function pathOf(entry: Entry | undefined): readonly Entry[] {
  const path: Entry[] = []
  for (let at = entry; at !== undefined; at = at.parent) path.unshift(at)
  return path
}

/** The bytes of a branch on an entry; a repeat has the salt of an earlier one and may be known in part. */
function branchHeaders(branch: Branch, parent: Entry, salt: number): Uint8Array {
  let time = parent.time
  const headers = branch.late.map((isLate) => {
    time += isLate ? 1_201 : 600
    return { time, bits: isLate ? EASIEST : REAL }
  })
  return linkHeaders(headers, { parent: parent.root, salt: branch.isRepeat ? 0 : salt + 1 })
}

function split(headers: Uint8Array): readonly Uint8Array[] {
  return Array.from({ length: headers.length / HEADER_SIZE_BYTES }, (_, index) =>
    headers.subarray(index * HEADER_SIZE_BYTES, (index + 1) * HEADER_SIZE_BYTES),
  )
}

function add(tree: BitcoinHeaderTree, headers: Uint8Array): SliceOutcome {
  return tree.add({ headers, index: 0, count: headers.length / HEADER_SIZE_BYTES, nowUnixMs: Number.MAX_SAFE_INTEGER })
}

test('random trees have the head, the reorganisations and the rows that the plainest implementation has', () => {
  fc.assert(
    fc.property(arbitraryBranches, (branches) => {
      const tree = new BitcoinHeaderTree({ network, hashHeaders: hashEasily })
      const reference = new ReferenceTree()
      branches.forEach((branch, salt) => {
        const parent = reference.entries[branch.parent % reference.entries.length] ?? reference.best
        const headers = branchHeaders(branch, parent, salt)
        const before = pathOf(reference.best)
        const countBefore = reference.entries.length
        split(headers).reduce((entry, header) => reference.add(header, entry), parent)
        const addedCount = reference.entries.length - countBefore
        const after = pathOf(reference.best)

        const outcome = add(tree, headers)
        expect(outcome).toMatchObject({ addedCount, knownCount: branch.late.length - addedCount, stop: undefined })
        if (after.at(-1) === before.at(-1)) expect(outcome.headChange).toBeUndefined()
        else {
          const reverted = before.filter((entry) => !after.includes(entry)).map(summaryOf)
          expect(outcome.headChange).toEqual({ commonHeight: before.length - reverted.length - 1, reverted })
        }
        expect(tree.tip).toEqual(summaryOf(reference.best))
        expect(tree.sideHeaderCount).toBe(reference.entries.length - after.length)
      })
      const best = pathOf(reference.best)
      for (const entry of reference.entries) {
        const isOnBestChain = best[entry.height] === entry
        expect(tree.get(entry.root)).toMatchObject({ ...summaryOf(entry), isOnBestChain })
        if (isOnBestChain) expect(tree.summary(entry.height)).toEqual(summaryOf(entry))
      }
    }),
    { numRuns: 150 },
  )
})

test('side rows stay within their bound, no row loses its parent, and the best chain is never touched', () => {
  const sideHeaderCountMax = 7
  fc.assert(
    fc.property(arbitraryBranches, (branches) => {
      const tree = new BitcoinHeaderTree({ network, hashHeaders: hashEasily, sideHeaderCountMax })
      const reference = new ReferenceTree()
      const held = (): readonly Entry[] => reference.entries.filter((entry) => tree.has(entry.root))
      branches.forEach((branch, salt) => {
        const known = held()
        const parent = known[branch.parent % known.length] ?? reference.best
        const headers = branchHeaders(branch, parent, salt)
        const bestBefore = tree.tip.work
        const { addedCount, knownCount, stop } = add(tree, headers)
        split(headers)
          .slice(0, addedCount + knownCount)
          .reduce((entry, header) => reference.add(header, entry), parent)
        if (stop === undefined) expect(addedCount + knownCount).toBe(branch.late.length)
        else expect(stop).toMatchObject({ type: 'no-room', index: addedCount + knownCount })
        expect(tree.tip.work >= bestBefore).toBe(true)
        expect(tree.tip).toEqual(summaryOf(reference.best))

        const now = held()
        expect(tree.sideHeaderCount).toBe(now.length - (tree.tip.height + 1))
        expect(tree.sideHeaderCount).toBeLessThanOrEqual(sideHeaderCountMax)
        for (const entry of now) {
          expect(entry.parent === undefined || tree.has(entry.parent.root)).toBe(true)
          expect(tree.summary(entry.root)).toEqual(summaryOf(entry))
        }
        expect(pathOf(reference.best).every((entry) => tree.get(entry.height)?.root === entry.root)).toBe(true)
      })
    }),
    { numRuns: 150 },
  )
})

function summaryOf({ height, root, time, work }: Entry): Omit<Entry, 'parent'> {
  return { height, root, time, work }
}

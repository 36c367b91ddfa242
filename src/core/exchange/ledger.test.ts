import { afterEach, beforeEach, expect, test } from 'vitest'
import { testBlock } from '../../../test/exchange/blocks.ts'
import { AbsentIndex } from './absent-index.ts'
import { AwaitedBlocks } from './awaited-blocks.ts'
import { Heap } from './heap.ts'
import { Ledger, type LedgerEntry } from './ledger.ts'

type Entry = LedgerEntry<string>

const push = Heap.prototype.push
/** Of all heaps, at any time. */
let heapSizeMax = 0
/** Of the heap that was added to last. */
let heapSize: () => number = () => 0

beforeEach(() => {
  heapSizeMax = 0
  Heap.prototype.push = function (this: Heap<unknown>, item: unknown): void {
    push.call(this, item)
    heapSizeMax = Math.max(heapSizeMax, this.size)
    heapSize = () => this.size
  }
})

afterEach(() => {
  Heap.prototype.push = push
})

/** A ledger of this many wants that has been asked for the lowest. */
function createFullLedger(entryCount: number): { ledger: Ledger<string>; add: () => Entry } {
  const options = {
    pool: { usedCount: 0 },
    awaited: new AwaitedBlocks<Entry>(),
    absentees: new AbsentIndex<Ledger<string>>(1),
  }
  const ledger = new Ledger<string>(options)
  let number = 0
  const add = (): Entry => {
    const { cid } = testBlock({ number: (number += 1) })
    return ledger.add('peer', { cid, priority: 1, want: 'block', sendDontHave: false }, false)
  }
  for (let count = 0; count < entryCount; count += 1) add()
  expect(ledger.evict(1)).toBeUndefined()
  return { ledger, add }
}

function entriesOf(ledger: Ledger<string>): Entry[] {
  return ledger.cids().flatMap((cid) => ledger.get(cid) ?? [])
}

test('a peer that wants what is absent, again and again beyond its ledger, fills no heap', () => {
  const { ledger, add } = createFullLedger(1_000)
  for (const entry of entriesOf(ledger)) ledger.move(entry, 'absent')
  for (let count = 0; count < 10_000; count += 1) {
    expect(ledger.evict(1)).toBeDefined()
    ledger.move(add(), 'absent')
  }
  expect(ledger.size).toBe(1_000)
  expect(heapSizeMax).toBeLessThan(2_200)
})

test('a want that is looked for again and again fills no heap', () => {
  const { ledger } = createFullLedger(1_000)
  let [entry] = entriesOf(ledger)
  for (let count = 0; count < 10_000; count += 1) {
    if (entry === undefined) throw new Error('expected an entry')
    ledger.move(entry, 'absent')
    entry = ledger.unpack(entry.cid)
    if (entry !== undefined) ledger.move(entry, 'unknown')
  }
  expect(heapSizeMax).toBeLessThan(2_200)
})

test('a ledger that was full keeps nothing of what was cancelled', () => {
  const { ledger } = createFullLedger(10_000)
  for (const entry of entriesOf(ledger).slice(600)) ledger.remove(entry)
  expect(ledger.size).toBe(600)
  expect(heapSize()).toBeLessThan(1_300)
})

import { expect, test } from 'vitest'
import { bitcoin, type HeaderStore } from '../nodejs.ts'
import { mineHeaders } from '../chain/bitcoin/miner.ts'
import { createMemoryStore } from '../store/memory.ts'
import { importHeaders, type ImportOutcome } from './import-headers.ts'

const CHAIN = bitcoin('regtest')
const GENESIS = CHAIN.createTree().range({ fromHeight: 0, count: 1 })
const NOW_UNIX_MS = 1_800_000_000_000

function mine(parent: Uint8Array, count: number, salt: number): Uint8Array {
  const last = parent.slice(-80)
  return mineHeaders({ parent: last, count, firstTime: CHAIN.timeOf(last) + 600, stepSeconds: 600, salt })
}

function join(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

class CountedStore {
  readonly store: HeaderStore = createMemoryStore({ chain: CHAIN.id, genesis: CHAIN.genesis, headerSizeBytes: 80 })
  writeCount = 0

  /** Imports a file that is read in pieces of `pieceCount` headers. */
  async import(file: Uint8Array, pieceCount = 7): Promise<ImportOutcome> {
    const { headerCount } = await this.store.open()
    const store: HeaderStore = Object.create(this.store, {
      write: {
        value: (writes: Parameters<HeaderStore['write']>[0]) => {
          this.writeCount += 1
          return this.store.write(writes)
        },
      },
      read: { value: (args: Parameters<HeaderStore['read']>[0]) => this.store.read(args) },
    }) as HeaderStore
    async function* chunks(): AsyncGenerator<Uint8Array> {
      for (let index = 0; index < file.length; index += 80 * pieceCount)
        yield file.slice(index, index + 80 * pieceCount)
    }
    const onProgress = (): void => {}
    try {
      return await importHeaders({
        chain: CHAIN,
        store,
        storedCount: headerCount,
        path: 'FILE',
        chunks: chunks(),
        nowUnixMs: NOW_UNIX_MS,
        onProgress,
      })
    } finally {
      await this.store.close()
    }
  }

  async content(): Promise<Uint8Array> {
    const { headerCount } = await this.store.open()
    const bytes = await this.store.read({ fromHeight: 0, count: headerCount })
    await this.store.close()
    return bytes
  }
}

test('a file from genesis goes into an empty store whole, the second time not at all', async () => {
  const file = join(GENESIS, mine(GENESIS, 30, 1))
  const counted = new CountedStore()
  expect(await counted.import(file)).toMatchObject({ imported: 31, skipped: 0, reverted: 0, head: { height: 30 } })
  expect(await counted.content()).toEqual(file)
  expect(await counted.import(file)).toMatchObject({ imported: 0, skipped: 31, keptStored: false })
  expect(await counted.import(file.slice(0, 80 * 10))).toMatchObject({ imported: 0, skipped: 10, head: { height: 30 } })
  expect(counted.writeCount).toBe(1)
})

test('a file from above genesis goes on where the store ends, or overlaps it', async () => {
  const file = join(GENESIS, mine(GENESIS, 60, 1))
  const counted = new CountedStore()
  expect(await counted.import(file.slice(80, 80 * 21))).toMatchObject({ imported: 20, head: { height: 20 } })
  expect(await counted.import(file.slice(80 * 21, 80 * 41))).toMatchObject({ imported: 20, skipped: 0 })
  expect(await counted.import(file.slice(80 * 25))).toMatchObject({ imported: 20, skipped: 16, head: { height: 60 } })
  expect(await counted.content()).toEqual(file)
})

test.each([1, 7, 100])('a fork with more work takes its place, in pieces of %i', async (pieceCount) => {
  const trunk = join(GENESIS, mine(GENESIS, 30, 1))
  const fork = join(trunk.slice(0, 80 * 20), mine(trunk.slice(0, 80 * 20), 12, 2))
  const counted = new CountedStore()
  await counted.import(trunk)
  expect(await counted.import(fork, pieceCount)).toMatchObject({
    imported: 12,
    skipped: 20,
    reverted: 11,
    keptStored: false,
    head: { height: 31 },
  })
  expect(await counted.content()).toEqual(fork)
  expect(counted.writeCount).toBe(2)
})

test.each([
  ['less', 10],
  ['equal', 11],
])('a fork with %s work leaves the store as it is', async (_, count) => {
  const trunk = join(GENESIS, mine(GENESIS, 30, 1))
  const branch = mine(trunk.slice(0, 80 * 20), count, 2)
  const counted = new CountedStore()
  await counted.import(trunk)
  expect(await counted.import(branch)).toMatchObject({
    imported: 0,
    skipped: count,
    keptStored: true,
    head: { height: 30 },
  })
  expect(await counted.content()).toEqual(trunk)
})

test('one bad header anywhere, and nothing of the file is stored', async () => {
  const file = join(GENESIS, mine(GENESIS, 30, 1))
  for (const index of [1, 15, 30]) {
    const bad = file.slice()
    // A bit of the target: no luck with the proof of work makes up for it.
    bad[80 * index + 72] = (bad[80 * index + 72] ?? 0) ^ 0x80
    const counted = new CountedStore()
    await counted.import(file.slice(0, 80 * 5))
    await expect(counted.import(bad)).rejects.toThrow(
      expect.objectContaining({
        exitCode: 1,
        message: expect.stringMatching(/^FILE: header \d+ \(height \d+\) breaks/) as unknown,
      }),
    )
    expect(await counted.content()).toEqual(file.slice(0, 80 * 5))
  }
})

test('headers that do not follow one another are refused at the first that does not', async () => {
  const file = join(GENESIS, mine(GENESIS, 30, 1))
  const swapped = join(file.slice(0, 80 * 14), file.slice(80 * 10))
  await expect(new CountedStore().import(swapped)).rejects.toThrow('FILE: header 14 (height 14) breaks the rule parent')
  const hole = join(file.slice(0, 80 * 5), file.slice(80 * 6))
  await expect(new CountedStore().import(hole)).rejects.toThrow('FILE: header 5 (height 5) breaks the rule')
})

test("another network's genesis is named, an unknown start is told from it", async () => {
  const counted = new CountedStore()
  const other = bitcoin('mainnet').createTree().range({ fromHeight: 0, count: 1 })
  await expect(counted.import(other)).rejects.toThrow(
    /wrong chain: expected the genesis of bitcoin:regtest .* bitcoin:mainnet/,
  )
  const far = mine(mine(GENESIS, 5, 1), 5, 1)
  await expect(counted.import(far)).rejects.toThrow('expected it to follow a stored header of bitcoin:regtest')
  expect(await counted.content()).toEqual(new Uint8Array(0))
})

test('a header from the future is refused with when it will hold', async () => {
  const late = mineHeaders({ parent: GENESIS, count: 1, firstTime: NOW_UNIX_MS / 1_000 + 7_201, stepSeconds: 1 })
  await expect(new CountedStore().import(late)).rejects.toThrow('breaks the rule time-in-future')
  const justInTime = mineHeaders({ parent: GENESIS, count: 1, firstTime: NOW_UNIX_MS / 1_000 + 7_200, stepSeconds: 1 })
  expect(await new CountedStore().import(justInTime)).toMatchObject({ imported: 1 })
})

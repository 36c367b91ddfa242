import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFileStore } from '../../src/store/file.nodejs.ts'
import type { HeaderStore, StoreWrite } from '../../src/store/store.ts'
import { expectSameBytes } from './store-contract.ts'
import { STORE_OPTIONS, StoreModel, writeNumber } from './store-model.ts'
import { writeUntilKilled } from './write-until-killed.ts'

const KILL_COUNT = 50

test(`a writer killed ${KILL_COUNT} times loses nothing that was acknowledged and leaves nothing wrong`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-kill-'))
  try {
    const model = new StoreModel()
    for (let seed = 1; seed <= KILL_COUNT; seed += 1) {
      const acknowledged = await writeUntilKilled({
        writer: 'store-writer.ts',
        directory,
        seed,
        killAt: 1 + ((seed * 7) % 23),
      })
      // The lock of the dead process is nobody's.
      const store = createFileStore({ ...STORE_OPTIONS, directory })
      const { headerCount, work, upper } = await store.open()
      const found = Math.max(Number(work), Number(upper.work)) - seed * 1_000_000
      // The write under way when it was killed may be whole in the file, or not be there.
      expect([acknowledged, acknowledged + 1]).toContain(found)
      for (let index = 1; index <= found; index += 1) {
        model.apply(writeNumber(index, seed, { lower: model.headerCount, upper: model.upper.headerCount }))
      }
      expect([headerCount, upper.headerCount]).toEqual([model.headerCount, model.upper.headerCount])
      expectSameBytes(await store.read({ fromHeight: 0, count: headerCount + 1 }), model.content)
      const above = await store.read({ fromHeight: 0, count: upper.headerCount + 1, isUpper: true })
      expectSameBytes(above, model.upper.content)
      if (headerCount > 20_000) model.apply(await truncate(store, false))
      if (upper.headerCount > 20_000) model.apply(await truncate(store, true))
      await store.close()
    }
  } finally {
    await rm(directory, { recursive: true })
  }
})

/** Keeps the runs short. */
async function truncate(store: HeaderStore, isUpper: boolean): Promise<StoreWrite> {
  const write = { truncateTo: 100, append: new Uint8Array(0), work: 0n, isUpper }
  await store.write([write])
  return write
}

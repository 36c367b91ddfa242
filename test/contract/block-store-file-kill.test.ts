import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createFileBlockStore } from '../../src/store/block-store-file.nodejs.ts'
import { expectSameBytes } from './store-contract.ts'
import { rehash, WRITER_SIZE_BYTES_MAX, writtenBlocks, writtenRoot } from './block-store-model.ts'
import { writeUntilKilled } from './write-until-killed.ts'

const KILL_COUNT = 20

test(`a writer of blocks killed ${KILL_COUNT} times leaves whole writes, its last one among them`, async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-blocks-kill-'))
  try {
    for (let seed = 1; seed <= KILL_COUNT; seed += 1) {
      const acknowledged = await writeUntilKilled({
        writer: 'block-store-writer.ts',
        directory,
        seed,
        killAt: 1 + ((seed * 7) % 23),
      })
      const warnings: string[] = []
      const store = createFileBlockStore({
        chain: 'bitcoin:regtest',
        sizeBytesMax: WRITER_SIZE_BYTES_MAX,
        rehash,
        onWarning: (detail) => void warnings.push(detail),
        directory,
      })
      await store.open()
      // The write under way when it was killed may be whole in the store, or not be there.
      for (const index of [acknowledged, acknowledged + 1]) {
        const blocks = writtenBlocks(seed, index)
        const found = await store.read({ cids: blocks.map(({ cid }) => cid), bytesMax: Infinity })
        const isThere = found[0] !== undefined
        if (index === acknowledged) expect(isThere).toBe(true)
        if (!isThere) expect(found).toEqual(blocks.map(() => undefined))
        else blocks.forEach(({ bytes }, at) => expectSameBytes(found[at] ?? new Uint8Array(0), bytes))
        const root = writtenRoot(seed, index)
        if (root !== undefined) await store.unpin(root)
      }
      for (let index = acknowledged - 2; index < acknowledged; index += 1) {
        const root = writtenRoot(seed, index)
        if (root !== undefined) await store.unpin(root)
      }
      expect(store.sizeBytes).toBeLessThanOrEqual(WRITER_SIZE_BYTES_MAX)
      expect(warnings).toEqual([])
      await store.close()
    }
  } finally {
    await rm(directory, { recursive: true })
  }
})

import { hash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'vitest'
import { createFileBlockStore } from '../../src/store/block-store-file.nodejs.ts'
import { createMemoryBlockStore } from '../../src/store/block-store-memory.ts'
import type { BlockStoreOptions } from '../../src/store/block-store.ts'
import { HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { createRehash } from '../../src/wire/rehash.ts'
import { measureBlockStore } from './block-store-rate.ts'

const OPTIONS: BlockStoreOptions = {
  chain: 'bitcoin:regtest',
  sizeBytesMax: 1e9,
  rehash: createRehash(new Map([[HASH_SHA2_256, (bytes) => hash('sha256', bytes, 'buffer')]])),
  onWarning: (detail) => console.error(detail),
}

test('how fast memory keeps blocks', () => measureBlockStore('memory', createMemoryBlockStore(OPTIONS)))

test('how fast a data folder keeps blocks', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-blocks-rate-'))
  await measureBlockStore('files', createFileBlockStore({ ...OPTIONS, directory }))
  await rm(directory, { recursive: true })
})

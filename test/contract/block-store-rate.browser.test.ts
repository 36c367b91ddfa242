import { deleteDB } from 'idb'
import { test } from 'vitest'
import { createIndexedDbBlockStore } from '../../src/store/block-store-indexeddb.ts'
import { createMemoryBlockStore } from '../../src/store/block-store-memory.ts'
import { rehash } from './block-store-model.ts'
import { measureBlockStore } from './block-store-rate.ts'

const OPTIONS = { chain: 'c', sizeBytesMax: 1e9, rehash, onWarning: () => undefined }

test('how fast a tab keeps blocks in memory', () =>
  measureBlockStore('memory in a tab', createMemoryBlockStore(OPTIONS)))

test('how fast IndexedDB keeps blocks', async () => {
  const name = 'blocks-rate'
  await measureBlockStore('IndexedDB', createIndexedDbBlockStore({ ...OPTIONS, name }))
  await deleteDB(name)
})

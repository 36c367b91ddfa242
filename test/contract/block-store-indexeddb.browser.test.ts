import { deleteDB } from 'idb'
import { createIndexedDbBlockStore } from '../../src/store/block-store-indexeddb.ts'
import { describeBlockStore } from './block-store-contract.ts'

let placeCount = 0

describeBlockStore('IndexedDB block store', async () => {
  placeCount += 1
  const name = `blocks-contract-${placeCount}`
  await deleteDB(name)
  return {
    createStore: (options) => createIndexedDbBlockStore({ ...options, name }),
    remove: () => deleteDB(name),
  }
})

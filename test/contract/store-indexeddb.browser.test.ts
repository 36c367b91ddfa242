import { deleteDB } from 'idb'
import { createIndexedDbStore } from '../../src/store/indexeddb.ts'
import { describeStore } from './store-contract.ts'

let placeCount = 0

describeStore('IndexedDB store', async () => {
  placeCount += 1
  const name = `contract-${placeCount}`
  await deleteDB(name)
  return {
    createStore: (options) => createIndexedDbStore({ ...options, name }),
    remove: () => deleteDB(name),
  }
})

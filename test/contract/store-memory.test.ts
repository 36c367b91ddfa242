import { createMemoryStore } from '../../src/store/memory.ts'
import type { HeaderStore } from '../../src/store/store.ts'
import { describeStore } from './store-contract.ts'

describeStore('memory store', async () => {
  let store: HeaderStore | undefined
  return {
    // Its content lives as long as the object.
    createStore: (options) => (store ??= createMemoryStore(options)),
    remove: async () => undefined,
  }
})

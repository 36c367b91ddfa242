import { createMemoryBlockStore } from '../../src/store/block-store-memory.ts'
import type { BlockStore } from '../../src/store/block-store.ts'
import { describeBlockStore } from './block-store-contract.ts'

describeBlockStore('memory block store', async () => {
  let store: BlockStore | undefined
  return {
    // Its content lives as long as the object.
    createStore: (options) => (store ??= createMemoryBlockStore(options)),
    remove: async () => undefined,
  }
})

/** What a light node of a test keeps and hashes blocks with: a memory store, and the hashes of a tab. */
import type { LightNodeParts } from '../src/driver/light-node.ts'
import { doubleSha256, sha256 } from '../src/hash/sha256.ts'
import { createMemoryBlockStore } from '../src/store/block-store-memory.ts'
import { HASH_DBL_SHA2_256, HASH_SHA2_256 } from '../src/wire/cid.ts'
import { createCidOf, createRehash } from '../src/wire/rehash.ts'

const HASHERS = new Map([
  [HASH_SHA2_256, sha256],
  [HASH_DBL_SHA2_256, doubleSha256],
])

export function blockParts(chain: string): Pick<LightNodeParts, 'blockStore' | 'cidOf'> {
  const options = { chain, sizeBytesMax: 256 * 1024 * 1024, rehash: createRehash(HASHERS), onWarning: () => {} }
  return { blockStore: createMemoryBlockStore(options), cidOf: createCidOf(HASHERS) }
}

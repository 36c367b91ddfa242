/**
 * A chain for tests: the rules of `Chain` and `HeaderTree` on headers so small and cheap that ten thousand light nodes
 * fit in one process. Headers that were valid once are shared between all trees of a chain.
 */
import type { Chain, HeaderTree } from '../../src/core/chain.ts'
import type { Root } from '../../src/core/ids.ts'
import { TOY_CONTENT } from './toy-content.ts'
import { encodeToyHeader, TOY_HEADER_SIZE_BYTES, words } from './toy-header.ts'
import { ToyRegistry } from './toy-registry.ts'
import { createToyTree } from './toy-tree.ts'

export const TOY_GENESIS_TIME = 1_700_000_000

export interface ToyChain extends Chain {
  readonly registry: ToyRegistry
  createTree(): HeaderTree
  /** A header on top of this one, its bytes; `nonce` tells siblings apart. */
  mine(args: {
    readonly parent: Root
    readonly time: number
    readonly work?: number
    readonly nonce?: number
    readonly isInvalid?: boolean
  }): Uint8Array
}

export function createToyChain(options: { readonly id?: string; readonly genesisNonce?: number } = {}): ToyChain {
  const genesis = encodeToyHeader({
    parent: new Uint8Array(32),
    time: TOY_GENESIS_TIME,
    work: 1,
    nonce: options.genesisNonce ?? 0,
  })
  const registry = new ToyRegistry(genesis)
  return {
    id: options.id ?? 'toy:main',
    genesis: registry.genesis.root,
    headerSizeBytes: TOY_HEADER_SIZE_BYTES,
    trustWhenVerified: 'genesis',
    staleAfterMs: undefined,
    minimumChainWork: 0n,
    content: TOY_CONTENT,
    registry,
    timeOf: (header) => words.at(header, 32),
    createTree: () => createToyTree(registry),
    mine({ parent, time, work = 1, nonce = 0, isInvalid = false }) {
      return encodeToyHeader({ parent: textBytes(parent), time, work, nonce, isInvalid })
    },
  }
}

function textBytes(root: Root): Uint8Array {
  const bytes = new Uint8Array(32)
  for (let index = 0; index < 32; index += 1) bytes[index] = Number.parseInt(root.slice(index * 2, index * 2 + 2), 16)
  return bytes
}

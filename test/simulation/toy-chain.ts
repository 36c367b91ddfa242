/**
 * A chain for tests: the rules of `Chain` and `HeaderTree` on headers so small and cheap that ten thousand light nodes
 * fit in one process. Headers that were valid once are shared between all trees of a chain.
 */
import type { Chain, HeaderTree } from '../../src/core/chain.ts'
import type { Root } from '../../src/core/ids.ts'
import { createToyTree } from './toy-tree.ts'
import {
  encodeToyHeader,
  hashToyHeader,
  isSealed,
  keyOfWords,
  rootBytes,
  rootText,
  TOY_HEADER_SIZE_BYTES,
  TOY_WORK_MAX,
  words,
} from './toy-header.ts'

export const TOY_GENESIS_TIME = 1_700_000_000

/** A valid header, shared and never changed. `work` of the whole chain up to it. */
export interface ToyRecord {
  readonly index: number
  readonly root: Root
  readonly bytes: Uint8Array
  readonly parent: ToyRecord | undefined
  readonly height: number
  readonly time: number
  readonly work: number
}

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
    registry,
    timeOf: (header) => words.at(header, 32),
    createTree: () => createToyTree(registry),
    mine({ parent, time, work = 1, nonce = 0, isInvalid = false }) {
      return encodeToyHeader({ parent: textBytes(parent), time, work, nonce, isInvalid })
    },
  }
}

export type ToyVerdict =
  | { readonly type: 'valid'; readonly record: ToyRecord }
  | { readonly type: 'invalid'; readonly rule: string; readonly message: string }

/** Every valid header of a chain, once. Grows as long as the simulation lives. */
export class ToyRegistry {
  readonly genesis: ToyRecord
  readonly records: ToyRecord[] = []
  private readonly recordByKey = new Map<number, ToyRecord>()
  private readonly recordByRoot = new Map<Root, ToyRecord>()

  constructor(genesis: Uint8Array) {
    this.genesis = this.register(genesis, 0, undefined)
  }

  byRoot(root: Root): ToyRecord | undefined {
    return this.recordByRoot.get(root)
  }

  /** The record of this header, undefined when it was never judged valid. */
  find(headers: Uint8Array, offset: number): ToyRecord | undefined {
    const hash = hashToyHeader(headers, offset)
    return this.recordByKey.get(keyOfWords(hash[0] ?? 0, hash[1] ?? 0))
  }

  /** The record of this header's parent. */
  findParent(headers: Uint8Array, offset: number): ToyRecord | undefined {
    return this.recordByKey.get(keyOfWords(words.at(headers, offset), words.at(headers, offset + 4)))
  }

  /** The root that this header will have. */
  preview(header: Uint8Array): Root {
    return rootText(rootBytes(hashToyHeader(header, 0)), 0)
  }

  /** Judges a header that was not found by every rule but the future one. */
  judge(headers: Uint8Array, offset: number, parent: ToyRecord): ToyVerdict {
    const time = words.at(headers, offset + 32)
    const work = words.at(headers, offset + 36)
    if (!isSealed(headers, offset)) return { type: 'invalid', rule: 'seal', message: 'expected the seal of its fields' }
    if (work < 1 || work > TOY_WORK_MAX)
      return { type: 'invalid', rule: 'work', message: `expected work from 1 to ${TOY_WORK_MAX}, got ${work}` }
    if (time <= parent.time)
      return { type: 'invalid', rule: 'time', message: `expected a time after ${parent.time}, got ${time}` }
    return { type: 'valid', record: this.register(headers, offset, parent) }
  }

  private register(headers: Uint8Array, offset: number, parent: ToyRecord | undefined): ToyRecord {
    const bytes = headers.slice(offset, offset + TOY_HEADER_SIZE_BYTES)
    const hash = hashToyHeader(bytes, 0)
    const key = keyOfWords(hash[0] ?? 0, hash[1] ?? 0)
    if (this.recordByKey.has(key)) throw new Error('two toy headers have the same key; choose another nonce')
    const record: ToyRecord = {
      index: this.records.length,
      root: rootText(rootBytes(hash), 0),
      bytes,
      parent,
      height: parent === undefined ? 0 : parent.height + 1,
      time: words.at(bytes, 32),
      work: words.at(bytes, 36) + (parent?.work ?? 0),
    }
    this.records.push(record)
    this.recordByKey.set(key, record)
    this.recordByRoot.set(record.root, record)
    return record
  }
}

function textBytes(root: Root): Uint8Array {
  const bytes = new Uint8Array(32)
  for (let index = 0; index < 32; index += 1) bytes[index] = Number.parseInt(root.slice(index * 2, index * 2 + 2), 16)
  return bytes
}

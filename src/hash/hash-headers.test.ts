import { createHash, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, expect, test, vi } from 'vitest'
import { buildHeaderHash } from '../../scripts/sha256-wasm/header-hash.ts'
import { FOUR_LANES, SCALAR } from '../../scripts/sha256-wasm/lanes.ts'
import { readRoot } from '../chain/bitcoin/header.ts'
import { NETWORKS } from '../chain/bitcoin/networks.ts'
import { chooseHashHeaders, hashHeaders } from './choose-hash-headers.ts'
import { DIGEST_SIZE_BYTES } from './compression.ts'
import { HEADER_SIZE_BYTES, hashHeadersPlain } from './hash-headers.ts'
import type { HashHeaders } from './hash-headers.ts'
import { createHashHeadersWasm } from './hash-headers-wasm.ts'
import { BATCH_HEADERS } from './header-hash-memory.ts'
import { FOUR_LANES_MODULE, SCALAR_MODULE } from './header-hash-modules.ts'

const HASHES: readonly (readonly [name: string, hash: HashHeaders | undefined])[] = [
  ['plain', hashHeadersPlain],
  ['scalar', createHashHeadersWasm(SCALAR_MODULE)],
  ['SIMD', createHashHeadersWasm(FOUR_LANES_MODULE)],
  ['chosen', hashHeaders],
]

afterEach(() => {
  vi.unstubAllGlobals()
})

test.each(HASHES)('%s: the hash of each genesis header is the root that its network is known by', (_, hash) => {
  for (const { genesisHeader, genesis } of Object.values(NETWORKS)) {
    const twice = new Uint8Array([...genesisHeader, ...genesisHeader])
    const roots = new Uint8Array(2 * DIGEST_SIZE_BYTES)
    hash?.(twice, 0, 2, roots)
    expect([readRoot(roots, 0), readRoot(roots, DIGEST_SIZE_BYTES)]).toEqual([genesis, genesis])
  }
})

test.each(HASHES)('%s: any headers hash as OpenSSL hashes them, from any offset and in any number', (_, hash) => {
  const counts = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, BATCH_HEADERS - 1, BATCH_HEADERS, BATCH_HEADERS + 1]
  const arbitraryBatch = fc.record({ offset: fc.nat(17), count: fc.constantFrom(...counts) })
  fc.assert(
    fc.property(arbitraryBatch, ({ offset, count }) => {
      const bytes = new Uint8Array(randomBytes(offset + count * HEADER_SIZE_BYTES))
      const roots = new Uint8Array((count + 1) * DIGEST_SIZE_BYTES).fill(0xee)
      hash?.(bytes, offset, count, roots)
      for (let index = 0; index < count; index += 1) {
        const start = offset + index * HEADER_SIZE_BYTES
        const expected = sha256(sha256(bytes.subarray(start, start + HEADER_SIZE_BYTES)))
        expect(roots.slice(index * DIGEST_SIZE_BYTES, (index + 1) * DIGEST_SIZE_BYTES)).toEqual(expected)
      }
      // What lanes without a header come to is nobody's.
      expect(roots.slice(count * DIGEST_SIZE_BYTES)).toEqual(new Uint8Array(DIGEST_SIZE_BYTES).fill(0xee))
    }),
    { examples: counts.map((count) => [{ offset: 1, count }]) },
  )
})

test('the modules are what their generator makes', () => {
  expect(SCALAR_MODULE).toBe(Buffer.from(buildHeaderHash(SCALAR)).toString('hex'))
  expect(FOUR_LANES_MODULE).toBe(Buffer.from(buildHeaderHash(FOUR_LANES)).toString('hex'))
})

test('without WebAssembly headers are hashed in plain JavaScript', () => {
  vi.stubGlobal('WebAssembly', undefined)
  expect(chooseHashHeaders()).toBe(hashHeadersPlain)
})

test('where a page’s policy refuses WebAssembly, headers are hashed in plain JavaScript', () => {
  const { Instance, CompileError } = WebAssembly
  let refusedCount = 0
  function RefusedModule(): never {
    refusedCount += 1
    throw new CompileError('Refused to compile or instantiate WebAssembly module')
  }
  vi.stubGlobal('WebAssembly', { Instance, Module: RefusedModule })
  expect(chooseHashHeaders()).toBe(hashHeadersPlain)
  expect(refusedCount).toBe(2)
})

test('without SIMD headers are hashed one at a time', () => {
  const { Instance, Module, CompileError } = WebAssembly
  const compiled: string[] = []
  class ModuleWithoutSimd extends Module {
    constructor(bytes: BufferSource) {
      const hex = Buffer.from(bytes as Uint8Array).toString('hex')
      if (hex === FOUR_LANES_MODULE) throw new CompileError('invalid value type v128')
      super(bytes)
      compiled.push(hex)
    }
  }
  vi.stubGlobal('WebAssembly', { Instance, Module: ModuleWithoutSimd })
  expect(chooseHashHeaders()).not.toBe(hashHeadersPlain)
  expect(compiled).toEqual([SCALAR_MODULE])
})

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash('sha256').update(bytes).digest())
}

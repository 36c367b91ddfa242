import { expect, test } from 'vitest'
import { DIGEST_SIZE_BYTES } from './compression.ts'
import { HEADER_SIZE_BYTES, hashHeadersPlain } from './hash-headers.ts'
import { createHashHeadersWasm } from './hash-headers-wasm.ts'
import { FOUR_LANES_MODULE, SCALAR_MODULE } from './header-hash-modules.ts'

const HEADER_COUNT = 1_000_000
/** No multiple of what a module takes at a time. */
const BATCH_HEADERS = 9_999
const SEED = 0x5eed_2026

test('the SIMD, scalar and plain hashes agree on a million random headers', () => {
  const scalar = createHashHeadersWasm(SCALAR_MODULE)
  const fourLanes = createHashHeadersWasm(FOUR_LANES_MODULE)
  if (scalar === undefined || fourLanes === undefined) throw new Error('expected WebAssembly with SIMD, got none')

  const words = new Uint32Array((BATCH_HEADERS * HEADER_SIZE_BYTES) / 4)
  const headers = new Uint8Array(words.buffer)
  const expected = new Uint8Array(BATCH_HEADERS * DIGEST_SIZE_BYTES)
  const roots = new Uint8Array(BATCH_HEADERS * DIGEST_SIZE_BYTES)
  let random = SEED
  for (let done = 0; done < HEADER_COUNT; done += BATCH_HEADERS) {
    const count = Math.min(BATCH_HEADERS, HEADER_COUNT - done)
    for (let word = 0; word < words.length; word += 1) {
      random = nextRandom(random)
      words[word] = random
    }
    hashHeadersPlain(headers, 0, count, expected)
    for (const [name, hashHeaders] of Object.entries({ scalar, fourLanes })) {
      roots.fill(0)
      hashHeaders(headers, 0, count, roots)
      expect(firstDifference(roots, expected, count), `${name}, headers from ${done} on`).toBe(-1)
    }
  }
})

/** Xorshift of 32 bits (Marsaglia, "Xorshift RNGs", 2003). */
function nextRandom(random: number): number {
  let next = random ^ (random << 13)
  next ^= next >>> 17
  return next ^ (next << 5)
}

/** Index of the first header whose roots differ; -1 for none. */
function firstDifference(left: Uint8Array, right: Uint8Array, count: number): number {
  for (let index = 0; index < count * DIGEST_SIZE_BYTES; index += 1) {
    if (left[index] !== right[index]) return Math.floor(index / DIGEST_SIZE_BYTES)
  }
  return -1
}

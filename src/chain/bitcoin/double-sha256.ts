/** SHA-256 twice over headers of 80 bytes, without allocating. FIPS 180-4. */
import { HEADER_SIZE_BYTES, ROOT_SIZE_BYTES } from './header.ts'

/**
 * Hashes `count` headers that stand one after another in `headers` from byte `offset`, and writes their roots (32 bytes
 * each, as hashed) one after another into `roots` from its start. Both are long enough. A faster implementation
 * (WebAssembly) can be handed in wherever this type is an option.
 */
export type HashHeaders = (headers: Uint8Array, offset: number, count: number, roots: Uint8Array) => void

/** FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
// prettier-ignore
const ROUND_CONSTANTS: Int32Array = new Int32Array([
  0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
  0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
  0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
  0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
  0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
  0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
  0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
  0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
])

/** FIPS 180-4, 5.3.3. */
// prettier-ignore
const INITIAL_STATE: Int32Array = new Int32Array([
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
])

/** FIPS 180-4, 5.1.1: one bit after the message, then zeros, then the message's length in bits. */
const PADDING_BIT = 0x80000000 | 0
const HEADER_SIZE_BITS: number = HEADER_SIZE_BYTES * 8
const ROOT_SIZE_BITS: number = ROOT_SIZE_BYTES * 8

// One hash at a time and never two, so one working set serves all.
const state = new Int32Array(8)
const schedule = new Int32Array(64)

/** The plain implementation. */
export const hashHeaders: HashHeaders = (headers, offset, count, roots) => {
  for (let index = 0; index < count; index += 1) {
    hashHeader(headers, offset + index * HEADER_SIZE_BYTES, roots, index * ROOT_SIZE_BYTES)
  }
}

function hashHeader(headers: Uint8Array, offset: number, roots: Uint8Array, rootOffset: number): void {
  state.set(INITIAL_STATE)
  for (let word = 0; word < 16; word += 1) schedule[word] = readBigEndian(headers, offset + 4 * word)
  compress()

  for (let word = 0; word < 4; word += 1) schedule[word] = readBigEndian(headers, offset + 64 + 4 * word)
  schedule[4] = PADDING_BIT
  schedule.fill(0, 5, 15)
  schedule[15] = HEADER_SIZE_BITS
  compress()

  for (let word = 0; word < 8; word += 1) schedule[word] = state[word] ?? 0
  schedule[8] = PADDING_BIT
  schedule.fill(0, 9, 15)
  schedule[15] = ROOT_SIZE_BITS
  state.set(INITIAL_STATE)
  compress()

  for (let word = 0; word < 8; word += 1) {
    const value = state[word] ?? 0
    const at = rootOffset + 4 * word
    roots[at] = value >>> 24
    roots[at + 1] = value >>> 16
    roots[at + 2] = value >>> 8
    roots[at + 3] = value
  }
}

function readBigEndian(bytes: Uint8Array, offset: number): number {
  return (
    ((bytes[offset] ?? 0) << 24) |
    ((bytes[offset + 1] ?? 0) << 16) |
    ((bytes[offset + 2] ?? 0) << 8) |
    (bytes[offset + 3] ?? 0)
  )
}

/** FIPS 180-4, 6.2.2: takes the first 16 words of `schedule` into `state`. Letters as in the standard. */
function compress(): void {
  for (let t = 16; t < 64; t += 1) {
    const x = schedule[t - 15] ?? 0
    const y = schedule[t - 2] ?? 0
    const sigma0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3)
    const sigma1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10)
    schedule[t] = ((schedule[t - 16] ?? 0) + (schedule[t - 7] ?? 0) + sigma0 + sigma1) | 0
  }
  let a = state[0] ?? 0
  let b = state[1] ?? 0
  let c = state[2] ?? 0
  let d = state[3] ?? 0
  let e = state[4] ?? 0
  let f = state[5] ?? 0
  let g = state[6] ?? 0
  let h = state[7] ?? 0
  for (let t = 0; t < 64; t += 1) {
    const sum1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7))
    const choice = g ^ (e & (f ^ g))
    const temporary1 = (h + sum1 + choice + (ROUND_CONSTANTS[t] ?? 0) + (schedule[t] ?? 0)) | 0
    const sum0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10))
    const majority = (a & b) | (c & (a | b))
    h = g
    g = f
    f = e
    e = (d + temporary1) | 0
    d = c
    c = b
    b = a
    a = (temporary1 + sum0 + majority) | 0
  }
  state[0] = (state[0] ?? 0) + a
  state[1] = (state[1] ?? 0) + b
  state[2] = (state[2] ?? 0) + c
  state[3] = (state[3] ?? 0) + d
  state[4] = (state[4] ?? 0) + e
  state[5] = (state[5] ?? 0) + f
  state[6] = (state[6] ?? 0) + g
  state[7] = (state[7] ?? 0) + h
}

/** SHA-256's compression function over one working set, shared by all that hashes here. FIPS 180-4. */

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
const PADDING_BIT: number = 0x80000000 | 0

export const BLOCK_SIZE_BYTES = 64
export const DIGEST_SIZE_BYTES = 32

// One hash at a time and never two, so one working set serves all.
const state = new Int32Array(8)

const schedule = new Int32Array(64)

/** For WebAssembly: the 64 round constants, then the 8 words of the initial state. */
export function writeConstants(target: Int32Array): void {
  target.set(ROUND_CONSTANTS, 0)
  target.set(INITIAL_STATE, ROUND_CONSTANTS.length)
}

/** Begins a hash. */
export function reset(): void {
  state.set(INITIAL_STATE)
}

/** Takes one block into the hash. */
export function absorbBlock(bytes: Uint8Array, offset: number): void {
  readWords(bytes, offset, 16)
  compress()
}

/** Takes the last words of a message of `sizeBytes` into the hash, 13 words at most, and ends it. */
export function absorbLastWords(bytes: Uint8Array, offset: number, wordCount: number, sizeBytes: number): void {
  readWords(bytes, offset, wordCount)
  padWords(wordCount, sizeBytes)
  compress()
}

/** Makes the 32 bytes of the hash that ended the message of another, and ends that too. */
export function hashDigest(): void {
  for (let word = 0; word < 8; word += 1) schedule[word] = state[word] ?? 0
  padWords(8, DIGEST_SIZE_BYTES)
  reset()
  compress()
}

/** The 32 bytes of the hash that ended. */
export function writeDigest(target: Uint8Array, offset: number): void {
  for (let word = 0, at = offset; word < 8; word += 1, at += 4) {
    const value = state[word] ?? 0
    target[at] = value >>> 24
    target[at + 1] = value >>> 16
    target[at + 2] = value >>> 8
    target[at + 3] = value
  }
}

function readWords(bytes: Uint8Array, offset: number, wordCount: number): void {
  for (let word = 0, at = offset; word < wordCount; word += 1, at += 4) {
    schedule[word] =
      ((bytes[at] ?? 0) << 24) | ((bytes[at + 1] ?? 0) << 16) | ((bytes[at + 2] ?? 0) << 8) | (bytes[at + 3] ?? 0)
  }
}

/** Behind the first `wordCount` words of the schedule. */
function padWords(wordCount: number, sizeBytes: number): void {
  schedule[wordCount] = PADDING_BIT
  schedule.fill(0, wordCount + 1, 15)
  schedule[15] = sizeBytes * 8
}

/** FIPS 180-4, 6.2.2: takes the block in `schedule` into the hash. Letters as in the standard. */
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

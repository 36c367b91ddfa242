/** SHA-256's compression function over one working set, shared by all that hashes here. FIPS 180-4. */

const PRIMES = firstPrimes(64)

/** FIPS 180-4, 4.2.2: the first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const ROUND_CONSTANTS: Int32Array = Int32Array.from(PRIMES, (prime) => fraction(Math.cbrt(prime)))

/** FIPS 180-4, 5.3.3: the same of the square roots of the first 8. */
const INITIAL_STATE: Int32Array = Int32Array.from(PRIMES.slice(0, 8), (prime) => fraction(Math.sqrt(prime)))

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

function firstPrimes(count: number): readonly number[] {
  const primes: number[] = []
  for (let number = 2; primes.length < count; number += 1) {
    if (primes.every((prime) => number % prime !== 0)) primes.push(number)
  }
  return primes
}

/**
 * Three of a root's 53 bits at the most stand before these 32. The nearest to a border is 0.02 of the 32nd bit away from it, so
 * it does not matter how an engine rounds the last bits of a cube root.
 */
function fraction(root: number): number {
  return ((root % 1) * 2 ** 32) | 0
}

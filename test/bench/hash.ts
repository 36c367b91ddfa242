/**
 * Headers a second of each header hash, of the verifier, and of `rushlight verify` with a file, in turns:
 * one core, synthetic regtest headers.
 */
import { hash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HEADER_SIZE_BYTES, ROOT_SIZE_BYTES } from '../../src/chain/bitcoin/header.ts'
import { createHeaderVerifier } from '../../src/chain/bitcoin/header-verifier.ts'
import { createHashHeadersWasm } from '../../src/hash/hash-headers-wasm.ts'
import { hashHeadersPlain } from '../../src/hash/hash-headers.ts'
import type { HashHeaders } from '../../src/hash/hash-headers.ts'
import { FOUR_LANES_MODULE, SCALAR_MODULE } from '../../src/hash/header-hash-modules.ts'
import { runCommand } from '../e2e/gateway.ts'
import { figure, medians } from './exchange/figures.ts'
import { HEADER_COUNT, inTurns } from './headers/made-once.ts'
import { report } from './headers/rounds.ts'
import { makeHeadersInMemory } from './make-headers.ts'

const VERIFIED_PER_SECOND_MIN = 1_000_000
const RAW_SHARE = 0.5
const BATCH_HEADERS = 256
const CHUNK_HEADERS = 16_128

const headers = makeHeadersInMemory(HEADER_COUNT)
const folder = mkdtempSync(join(tmpdir(), 'rushlight-bench-'))
const path = join(folder, 'headers.bin')
const roots = new Uint8Array(BATCH_HEADERS * ROOT_SIZE_BYTES)

/** Each gives headers a second. */
const measures: Readonly<Record<string, () => number>> = {
  'WASM SIMD': hashing(createHashHeadersWasm(FOUR_LANES_MODULE)),
  'WASM scalar': hashing(createHashHeadersWasm(SCALAR_MODULE)),
  'plain JavaScript': hashing(hashHeadersPlain),
  'node:crypto hash()': hashing(hashByCrypto),
  verifier: () => timed(HEADER_COUNT, verifyAll),
  'rushlight verify': verifyFile,
}

try {
  writeFileSync(path, headers)
  const rounds = await inTurns(measures)
  const values = medians(rounds)
  // Half of the raw rate and a million: whichever is more.
  const atLeast = Math.max(VERIFIED_PER_SECOND_MIN, Math.round(RAW_SHARE * (values['WASM SIMD'] ?? 0)))
  const result = values['rushlight verify'] ?? 0
  report('hash', [figure({ name: 'rushlight verify', values, result, unit: 'headers/s', goal: { atLeast }, rounds })])
} finally {
  rmSync(folder, { recursive: true })
}

function hashing(hashHeaders: HashHeaders | undefined): () => number {
  if (hashHeaders === undefined) throw new Error('expected WebAssembly with SIMD, got none')
  return () =>
    timed(HEADER_COUNT, () => {
      for (let index = 0; index < HEADER_COUNT; index += BATCH_HEADERS) {
        const count = Math.min(BATCH_HEADERS, HEADER_COUNT - index)
        hashHeaders(headers, index * HEADER_SIZE_BYTES, count, roots)
      }
    })
}

function hashByCrypto(bytes: Uint8Array, offset: number, count: number, target: Uint8Array): void {
  for (let index = 0; index < count; index += 1) {
    const start = offset + index * HEADER_SIZE_BYTES
    const once = hash('sha256', bytes.subarray(start, start + HEADER_SIZE_BYTES), 'buffer')
    target.set(hash('sha256', once, 'buffer'), index * ROOT_SIZE_BYTES)
  }
}

function verifyAll(): void {
  const verifier = createHeaderVerifier({ network: 'regtest', nowUnixMs: Date.now() })
  const chunkSizeBytes = CHUNK_HEADERS * HEADER_SIZE_BYTES
  for (let start = 0; start < headers.length; start += chunkSizeBytes) {
    const { stop } = verifier.verify(headers.subarray(start, start + chunkSizeBytes))
    if (stop !== undefined) throw new Error(JSON.stringify(stop))
  }
}

/** By its own measure, which leaves out the start of Node.js. */
function verifyFile(): number {
  const output = runCommand('verify', path, '--chain', 'bitcoin:regtest', '--json')
  return (JSON.parse(output) as { readonly headersPerSecond: number }).headersPerSecond
}

function timed(headerCount: number, work: () => void): number {
  const startMs = performance.now()
  work()
  return (1_000 * headerCount) / (performance.now() - startMs)
}

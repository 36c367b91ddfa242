/**
 * Headers a second of each header hash, of the verifier, and of `rushlight verify` with a file, in turns:
 * `node test/bench/hash.ts`. Medians of the rounds; one core, synthetic regtest headers.
 */
import { hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { HEADER_SIZE_BYTES, ROOT_SIZE_BYTES } from '../../src/chain/bitcoin/header.ts'
import { createHeaderVerifier } from '../../src/chain/bitcoin/header-verifier.ts'
import { createHashHeadersWasm } from '../../src/hash/hash-headers-wasm.ts'
import { hashHeadersPlain } from '../../src/hash/hash-headers.ts'
import type { HashHeaders } from '../../src/hash/hash-headers.ts'
import { FOUR_LANES_MODULE, SCALAR_MODULE } from '../../src/hash/header-hash-modules.ts'
import { runCommand } from '../e2e/gateway.ts'
import { makeHeadersInMemory } from './make-headers.ts'

const HEADER_COUNT = 930_000
const ROUNDS = 5
const BATCH_HEADERS = 256
const CHUNK_HEADERS = 16_128
const RESULTS_FOLDER = 'test-results/bench'

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
  const rates = new Map(Object.keys(measures).map((name) => [name, [] as number[]]))
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const [name, measure] of Object.entries(measures)) rates.get(name)?.push(measure())
  }
  const medians = Object.fromEntries([...rates].map(([name, values]) => [name, median(values)]))
  const raw = medians['WASM SIMD'] ?? 0
  for (const [name, rate] of Object.entries(medians)) {
    const share = `${Math.round((100 * rate) / raw)} %`
    console.log(
      `${name.padEnd(20)} ${Math.round(rate).toLocaleString('en').padStart(10)} headers/s ${share.padStart(6)}`,
    )
  }
  mkdirSync(RESULTS_FOLDER, { recursive: true })
  writeFileSync(join(RESULTS_FOLDER, 'hash.json'), JSON.stringify({ headersPerSecond: medians }, undefined, 2))
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

function median(values: readonly number[]): number {
  return [...values].sort((left, right) => left - right)[values.length >>> 1] ?? 0
}

/** Headers a second of the hash function, the verifier and the tree, and the tree's memory a header. One core, synthetic regtest headers. */
import { setImmediate } from 'node:timers/promises'
import { HEADER_SIZE_BYTES, ROOT_SIZE_BYTES } from '../../src/chain/bitcoin/header.ts'
import { createHeaderVerifier } from '../../src/chain/bitcoin/header-verifier.ts'
import { bitcoin } from '../../src/bitcoin.ts'
import type { HeaderTree } from '../../src/core/chain.ts'
import { hashHeaders } from '../../src/hash/choose-hash-headers.ts'
import { figure } from './exchange/figures.ts'
import { HEADER_COUNT } from './headers/made-once.ts'
import { report, ROUNDS } from './headers/rounds.ts'
import { makeHeadersInMemory } from './make-headers.ts'

const SLICE_HEADERS = 256
const VERIFIER_BATCH_HEADERS = 16_384
const BYTES_PER_HEADER_MAX = 140
const NOW_UNIX_MS = Date.UTC(2026, 0, 1)

const headers = makeHeadersInMemory(HEADER_COUNT)

// First, while there is no garbage of other rounds.
await collectGarbage()
const bytesBefore = memoryBytes()
const { tree, longestSliceMs } = growTree()
await collectGarbage()
const bytesMeasured = memoryBytes() - bytesBefore
const perHeader = { counted: tree.sizeBytes / HEADER_COUNT, measured: bytesMeasured / HEADER_COUNT }
console.log(`longest slice of ${SLICE_HEADERS}: ${longestSliceMs.toFixed(1)} ms`)
for (let round = 0; round < ROUNDS; round += 1) {
  tell('double-sha256', hashAll)
  tell('verifier', verifyAll)
  tell('tree', growTree)
}
report('header-tree', [
  figure({
    name: 'memory of the tree',
    values: perHeader,
    result: Math.max(perHeader.counted, perHeader.measured),
    unit: 'bytes a header',
    goal: { atMost: BYTES_PER_HEADER_MAX },
    rounds: [perHeader],
  }),
])

function hashAll(): void {
  const roots = new Uint8Array(SLICE_HEADERS * ROOT_SIZE_BYTES)
  for (let index = 0; index < HEADER_COUNT; index += SLICE_HEADERS) {
    hashHeaders(headers, index * HEADER_SIZE_BYTES, Math.min(SLICE_HEADERS, HEADER_COUNT - index), roots)
  }
}

function verifyAll(): void {
  const verifier = createHeaderVerifier({ network: 'regtest', nowUnixMs: NOW_UNIX_MS })
  const pieceSizeBytes = VERIFIER_BATCH_HEADERS * HEADER_SIZE_BYTES
  for (let start = 0; start < headers.length; start += pieceSizeBytes) {
    const { stop } = verifier.verify(headers.subarray(start, start + pieceSizeBytes))
    if (stop !== undefined) throw new Error(JSON.stringify(stop))
  }
}

function growTree(): { readonly tree: HeaderTree; readonly longestSliceMs: number } {
  const grown = bitcoin('regtest').createTree()
  let longestMs = 0
  for (let index = 1; index < HEADER_COUNT; index += SLICE_HEADERS) {
    const start = performance.now()
    const count = Math.min(SLICE_HEADERS, HEADER_COUNT - index)
    const { stop } = grown.add({ headers, index, count, nowUnixMs: NOW_UNIX_MS })
    if (stop !== undefined) throw new Error(JSON.stringify(stop))
    longestMs = Math.max(longestMs, performance.now() - start)
  }
  return { tree: grown, longestSliceMs: longestMs }
}

/** By the clock, and by the processor time it took, which says more on a machine that does other things too. */
function tell(name: string, work: () => unknown): void {
  const start = performance.now()
  const cpuBefore = process.cpuUsage()
  work()
  const { user, system } = process.cpuUsage(cpuBefore)
  const perSecond = (seconds: number): string => Math.round(HEADER_COUNT / seconds).toLocaleString('en')
  const wall = perSecond((performance.now() - start) / 1_000)
  console.log(`${name}: ${wall} headers/s, ${perSecond((user + system) / 1_000_000)} a second of processor time`)
}

/** Bytes of array buffers are given back in a later turn. */
async function collectGarbage(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) {
    globalThis.gc?.()
    await setImmediate()
  }
}

function memoryBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

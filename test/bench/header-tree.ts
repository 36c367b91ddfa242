/** Headers a second of the hash function, the verifier and the tree, and the tree's memory a header. One core, synthetic regtest headers. */
import { hashHeaders } from '../../src/chain/bitcoin/double-sha256.ts'
import { HEADER_SIZE_BYTES, ROOT_SIZE_BYTES } from '../../src/chain/bitcoin/header.ts'
import { createHeaderVerifier } from '../../src/chain/bitcoin/header-verifier.ts'
import { bitcoin } from '../../src/bitcoin.ts'
import { makeHeadersInMemory } from './make-headers.ts'

const HEADER_COUNT = Number(process.argv[2] ?? 900_000)
const SLICE_HEADERS = 256
const VERIFIER_BATCH_HEADERS = 16_384
const ROUNDS = 3
const NOW_UNIX_MS = Date.UTC(2026, 0, 1)

const headers = makeHeadersInMemory(HEADER_COUNT)

for (let round = 0; round < ROUNDS; round += 1) {
  report('double-sha256', () => {
    const roots = new Uint8Array(SLICE_HEADERS * ROOT_SIZE_BYTES)
    for (let index = 0; index < HEADER_COUNT; index += SLICE_HEADERS) {
      hashHeaders(headers, index * HEADER_SIZE_BYTES, Math.min(SLICE_HEADERS, HEADER_COUNT - index), roots)
    }
  })
  report('verifier', () => {
    const verifier = createHeaderVerifier({ network: 'regtest', nowUnixMs: NOW_UNIX_MS })
    for (let index = 0; index < HEADER_COUNT; index += VERIFIER_BATCH_HEADERS) {
      const start = index * HEADER_SIZE_BYTES
      const { stop } = verifier.verify(headers.subarray(start, start + VERIFIER_BATCH_HEADERS * HEADER_SIZE_BYTES))
      if (stop !== undefined) throw new Error(JSON.stringify(stop))
    }
  })
  globalThis.gc?.()
  const before = memoryBytes()
  const tree = bitcoin('regtest').createTree()
  let longestSliceMs = 0
  report('tree', () => {
    for (let index = 1; index < HEADER_COUNT; index += SLICE_HEADERS) {
      const start = performance.now()
      const count = Math.min(SLICE_HEADERS, HEADER_COUNT - index)
      const { stop } = tree.add({ headers, index, count, nowUnixMs: NOW_UNIX_MS })
      if (stop !== undefined) throw new Error(JSON.stringify(stop))
      longestSliceMs = Math.max(longestSliceMs, performance.now() - start)
    }
  })
  globalThis.gc?.()
  const grown = (memoryBytes() - before) / HEADER_COUNT
  console.log(
    `memory a header: ${(tree.sizeBytes / HEADER_COUNT).toFixed(1)} bytes counted, ${grown.toFixed(1)} bytes measured; ` +
      `longest slice ${longestSliceMs.toFixed(1)} ms; height ${tree.tip.height}`,
  )
}

function report(name: string, work: () => void): void {
  const start = performance.now()
  work()
  const perSecond = HEADER_COUNT / ((performance.now() - start) / 1_000)
  console.log(`${name}: ${Math.round(perSecond).toLocaleString('en')} headers/s`)
}

function memoryBytes(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/**
 * Writes synthetic regtest headers, genesis first: `node test/bench/make-headers.ts COUNT FILE`.
 * Times are 300 s apart from genesis on, so that 1.6 million headers end before today.
 */
import { closeSync, openSync, writeSync } from 'node:fs'
import { HEADER_SIZE_BYTES, readUint32, TIME_OFFSET } from '../../src/chain/bitcoin/header.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { NETWORKS } from '../../src/chain/bitcoin/networks.ts'

const STEP_SECONDS = 300
const BATCH_HEADERS = 10_000

/** `count` headers with genesis, in batches. */
export function* makeHeaders(count: number): Generator<Uint8Array> {
  let last = NETWORKS.regtest.genesisHeader
  yield last
  for (let made = 1; made < count; made += BATCH_HEADERS) {
    const headers = mineHeaders({
      parent: last,
      count: Math.min(BATCH_HEADERS, count - made),
      firstTime: readUint32(last, TIME_OFFSET) + STEP_SECONDS,
      stepSeconds: STEP_SECONDS,
    })
    last = headers.slice(-HEADER_SIZE_BYTES)
    yield headers
  }
}

/** All of them in one piece. */
export function makeHeadersInMemory(count: number): Uint8Array {
  const all = new Uint8Array(count * HEADER_SIZE_BYTES)
  let offset = 0
  for (const headers of makeHeaders(count)) {
    all.set(headers, offset)
    offset += headers.length
  }
  return all
}

if (import.meta.main) {
  const [countText = '', path] = process.argv.slice(2)
  const count = Number(countText)
  if (!Number.isSafeInteger(count) || count < 1 || path === undefined) {
    console.error('usage: node test/bench/make-headers.ts COUNT FILE')
    process.exit(2)
  }
  const file = openSync(path, 'w')
  for (const headers of makeHeaders(count)) writeSync(file, headers)
  closeSync(file)
  console.log(`${count} headers in ${path}`)
}

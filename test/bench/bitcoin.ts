/**
 * Header sync from a real bitcoind over TCP, verified, beside a client that only reads what bitcoind sends, in turns:
 * `node test/bench/bitcoin.ts [COUNT]`. Medians of the rounds. Mining the blocks takes most of the time.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { decodeHeaders, encodeGetHeaders } from '../../src/wire/bitcoin/header-messages.ts'
import { BitcoinDaemon, BITCOIND_MISSING, hasBitcoind } from '../interop/bitcoin-daemon.ts'
import { FakeBitcoinPeer, GENESIS, HEADER_BYTES, rootOf, slice } from '../interop/bitcoin-fake-peer.ts'
import { startBitcoinLightNode } from '../interop/bitcoin-light-node.ts'

const HEADER_COUNT = Number(process.argv[2] ?? 50_000)
const ROUNDS = 5
const RESULTS_FOLDER = 'test-results/bench'
const HEADERS_PER_MESSAGE = 2_000

interface Measured {
  readonly headersPerSecond: number
  /** Share of the time that our event loop was busy. */
  readonly utilization: number
}

if (!hasBitcoind) console.log(BITCOIND_MISSING)
else await bench()

async function bench(): Promise<void> {
  const daemon = await BitcoinDaemon.start()
  try {
    const startMs = performance.now()
    await daemon.mine(HEADER_COUNT)
    console.log(`${HEADER_COUNT} blocks mined in ${Math.round((performance.now() - startMs) / 1_000)} s`)
    const measures = { 'raw getheaders': readAll, 'light node': syncAll }
    const results = new Map(Object.keys(measures).map((name) => [name, [] as Measured[]]))
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, measure] of Object.entries(measures)) results.get(name)?.push(await measure(daemon))
    }
    const medians = Object.fromEntries([...results].map(([name, values]) => [name, median(values)]))
    for (const [name, { headersPerSecond, utilization }] of Object.entries(medians)) {
      const rate = Math.round(headersPerSecond).toLocaleString('en').padStart(10)
      console.log(`${name.padEnd(16)} ${rate} headers/s, event loop ${Math.round(100 * utilization)} % busy`)
    }
    mkdirSync(RESULTS_FOLDER, { recursive: true })
    const report = { headerCount: HEADER_COUNT, medians }
    writeFileSync(join(RESULTS_FOLDER, 'bitcoin.json'), JSON.stringify(report, undefined, 2))
  } finally {
    await daemon.remove()
  }
}

async function syncAll(daemon: BitcoinDaemon): Promise<Measured> {
  return await measured(async () => {
    const { lightNode } = await startBitcoinLightNode({ peers: [daemon.address], isChecked: false })
    await lightNode.ready()
    const { height } = lightNode.head
    if (height !== HEADER_COUNT) throw new Error(`expected height ${HEADER_COUNT}, got ${height}`)
    await lightNode.stop()
  })
}

/** One question after the other, as the protocol has it; nothing is verified. */
async function readAll(daemon: BitcoinDaemon): Promise<Measured> {
  return await measured(async () => {
    const peer = new FakeBitcoinPeer(createConnection({ host: '127.0.0.1', port: daemon.port }))
    peer.sendVersion()
    await peer.receive('verack')
    peer.send('verack')
    let last = GENESIS
    let count = 0
    for (let isMore = true; isMore;) {
      peer.send('getheaders', encodeGetHeaders({ locator: [last], stop: undefined }))
      const headers = decodeHeaders(await peer.receive('headers'))
      const received = headers.length / HEADER_BYTES
      count += received
      isMore = received === HEADERS_PER_MESSAGE
      if (received > 0) last = rootOf(slice(headers, received - 1))
    }
    peer.end()
    if (count !== HEADER_COUNT) throw new Error(`expected ${HEADER_COUNT} headers, got ${count}`)
  })
}

async function measured(work: () => Promise<void>): Promise<Measured> {
  const startMs = performance.now()
  const before = performance.eventLoopUtilization()
  await work()
  const { utilization } = performance.eventLoopUtilization(before)
  return { headersPerSecond: (1_000 * HEADER_COUNT) / (performance.now() - startMs), utilization }
}

function median(values: readonly Measured[]): Measured {
  const sorted = [...values].sort((left, right) => left.headersPerSecond - right.headersPerSecond)
  return sorted[sorted.length >>> 1] ?? { headersPerSecond: 0, utilization: 0 }
}

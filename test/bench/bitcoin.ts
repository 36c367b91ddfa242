/**
 * Header sync from a real bitcoind over TCP, verified and stored in files, beside a client that only reads what bitcoind
 * sends, in turns: `npm run bench:bitcoin`. What bitcoind serves it has mined, which takes a minute the first time.
 */
import { cpSync, mkdirSync, mkdtempSync } from 'node:fs'
import { createConnection } from 'node:net'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { decodeHeaders, encodeGetHeaders } from '../../src/wire/bitcoin/header-messages.ts'
import { BitcoinDaemon, BITCOIND_MISSING, hasBitcoind } from '../interop/bitcoin-daemon.ts'
import { FakeBitcoinPeer, GENESIS, HEADER_BYTES, rootOf, slice } from '../interop/bitcoin-fake-peer.ts'
import { figure, medians } from './exchange/figures.ts'
import { madeOnce, withFolder } from './headers/made-once.ts'
import { report, ROUNDS } from './headers/rounds.ts'
import { inNewProcess } from './headers/new-process.ts'

const BLOCK_COUNT = 200_000
const HEADERS_PER_MESSAGE = 2_000
const UTILIZATION_MAX = 0.5

if (!hasBitcoind) console.log(BITCOIND_MISSING)
else await withFolder(bench)

async function bench(folder: string): Promise<void> {
  const mined = await madeOnce(`bitcoind-${BLOCK_COUNT}`, async (path) => {
    mkdirSync(path)
    const daemon = await BitcoinDaemon.start({ folder: path })
    await daemon.mine(BLOCK_COUNT)
    await daemon.stop()
  })
  const copy = join(folder, 'bitcoind')
  cpSync(mined, copy, { recursive: true })
  const daemon = await BitcoinDaemon.start({ folder: copy })
  const rounds: Record<string, number>[] = []
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      const rawMs = await readAll(daemon)
      const directory = mkdtempSync(join(folder, 'node-'))
      const args = { peer: `127.0.0.1:${daemon.port}`, directory, headerCount: BLOCK_COUNT + 1 }
      const { verifiedMs, utilization, mainThreadMs } = await inNewProcess((side) => side.call('syncBitcoin', args))
      rounds.push({
        'raw getheaders, headers/s': perSecond(rawMs),
        'light node, headers/s': perSecond(verifiedMs),
        'a second of its main thread': perSecond(mainThreadMs),
        'event loop busy': utilization,
      })
    }
  } finally {
    await daemon.remove()
  }
  const values = medians(rounds)
  const utilization = values['event loop busy'] ?? 1
  const goal = { atMost: UTILIZATION_MAX }
  report('bitcoin', [
    figure({ name: 'bitcoind to Node.js', values, result: utilization, unit: 'of the loop busy', goal, rounds }),
  ])
}

function perSecond(ms: number): number {
  return (1_000 * BLOCK_COUNT) / ms
}

/** One question after the other, as the protocol has it; nothing is verified. Milliseconds. */
async function readAll(daemon: BitcoinDaemon): Promise<number> {
  const peer = new FakeBitcoinPeer(createConnection({ host: '127.0.0.1', port: daemon.port }))
  peer.sendVersion()
  await peer.receive('verack')
  peer.send('verack')
  const startMs = performance.now()
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
  const tookMs = performance.now() - startMs
  peer.end()
  if (count !== BLOCK_COUNT) throw new Error(`expected ${BLOCK_COUNT} headers, got ${count}`)
  return tookMs
}

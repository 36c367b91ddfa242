import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { headerCid } from '../../src/chain/bitcoin/content-cid.ts'
import { readUint32, TIME_OFFSET } from '../../src/chain/bitcoin/header.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import type { Cid, Root } from '../../src/core/ids.ts'
import { bitcoin, createLightNode, startGateway, type Gateway } from '../../src/nodejs.ts'
import { CODEC_RAW, formatCid, HASH_DBL_SHA2_256, HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { createRandom } from '../simulation/random.ts'
import { HeliaPeer } from './helia-peer.ts'

const BLOCK_COUNT = 1_000
const BLOCK_BYTES_MAX: number = 1024 * 1024
const HEADER_COUNT = 100
const TIMEOUT_MS = 110_000

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  for (const stop of stops.splice(0).reverse()) await stop()
})

/** As many small ones as large ones, 1 byte to 1 MiB. */
function someBlocks(): ReadonlyMap<Cid, Uint8Array> {
  const random = createRandom(1)
  const blocks = new Map<Cid, Uint8Array>()
  while (blocks.size < BLOCK_COUNT) {
    const sizeBytes = Math.ceil(BLOCK_BYTES_MAX ** (random.next32() / 2 ** 32))
    const bytes = Uint8Array.from({ length: sizeBytes }, (_, offset) => (offset % 64 === 0 ? random.below(256) : 0))
    const digest = sha256(bytes)
    const cid = formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest })
    blocks.set(cid, bytes)
  }
  return blocks
}

async function startHelia(): Promise<HeliaPeer> {
  const helia = await HeliaPeer.start()
  stops.push(() => helia.stop())
  return helia
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

function expectSame(got: Uint8Array, bytes: Uint8Array): void {
  expect(Buffer.compare(got, bytes)).toBe(0)
}

test('1,000 blocks of 1 byte to 1 MiB come from one Helia and go to another', async () => {
  const [giver, taker] = await Promise.all([startHelia(), startHelia()])
  const blocks = someBlocks()
  for (const [cid, bytes] of blocks) await giver.put(cid, bytes)
  const lightNode = await createLightNode({ chain: bitcoin('regtest'), peers: [giver.address, taker.address] })
  stops.push(() => lightNode.stop())
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  await Promise.all(
    [...blocks].map(async ([cid, bytes]) => expectSame(await lightNode.getBytes(cid, { signal }), bytes)),
  )
  await Promise.all([...blocks].map(async ([cid, bytes]) => expectSame(await taker.get(cid, signal), bytes)))
})

test('Helia gets our headers by their CIDs, straight from the header rows, and we get one that only Helia has', async () => {
  const helia = await startHelia()
  const gateway = await openGateway([helia.address])
  const roots = await mine(gateway, HEADER_COUNT)
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  for (const root of roots) {
    const header = await gateway.getHeader(root)
    expectSame(await helia.get(headerCid(root), signal), header?.bytes ?? new Uint8Array())
  }
  const foreign = mineHeaders({ parent: new Uint8Array(80), count: 1, firstTime: 1, stepSeconds: 1 })
  const digest = sha256(sha256(foreign))
  const cid = formatCid({ version: 1, codec: 0xb0, hashCode: HASH_DBL_SHA2_256, digestSizeBytes: 32, digest })
  await helia.put(cid, foreign)
  expectSame(await gateway.getBytes(cid, { signal }), foreign)
})

async function openGateway(peers: readonly string[]): Promise<Gateway> {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-helia-'))
  const gateway = await startGateway({
    chain: bitcoin('regtest'),
    directory,
    peers,
    port: 0,
    host: '127.0.0.1',
    announce: [],
    isAuthority: true,
    log: () => {},
    httpRequestHandler: (_request, response) => void response.writeHead(404).end(),
    allowUpgrade: () => true,
  })
  stops.push(async () => {
    await gateway.stop()
    await rm(directory, { recursive: true, force: true })
  })
  return gateway
}

async function mine(gateway: Gateway, count: number): Promise<Root[]> {
  const genesis = await gateway.getHeader(0)
  if (genesis === undefined) throw new Error('expected a genesis header')
  const mined = new Promise<void>((resolve) => {
    gateway.addEventListener('head', ({ detail }) => {
      if (detail.height === count) resolve()
    })
  })
  const firstTime = readUint32(genesis.bytes, TIME_OFFSET) + 600
  gateway.submitHeaders(mineHeaders({ parent: genesis.bytes, count, firstTime, stepSeconds: 600 }))
  await mined
  const headers = await Promise.all(Array.from({ length: count + 1 }, (_, height) => gateway.getHeader(height)))
  return headers.flatMap((header) => (header === undefined ? [] : [header.root]))
}

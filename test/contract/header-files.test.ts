/** Headers as files through the API: verified like any others, stored before they are acknowledged, exported byte for byte. */
import { expect, onTestFinished, test } from 'vitest'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bitcoin } from '../../src/bitcoin.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import { NETWORKS } from '../../src/chain/bitcoin/networks.ts'
import { createLightNode, exportHeaders, importHeaders, type LightNode, type StoreOption } from '../../src/nodejs.ts'

const CHAIN = bitcoin('regtest')
const SIZE = CHAIN.headerSizeBytes
const GENESIS = NETWORKS.regtest.genesisHeader
const COUNT = 700
const FILE = concat(GENESIS, mine(COUNT - 1))

function mine(count: number, stepSeconds = 600): Uint8Array {
  return mineHeaders({ parent: GENESIS, count, firstTime: 1_700_000_000, stepSeconds })
}

function concat(...parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Buffer.concat(parts))
}

async function start(store: StoreOption = 'memory'): Promise<LightNode> {
  const lightNode = await createLightNode({ chain: CHAIN, peers: [], store })
  onTestFinished(() => lightNode.stop())
  return lightNode
}

async function* inChunks(bytes: Uint8Array, sizeBytes: number): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < bytes.length; offset += sizeBytes) yield bytes.subarray(offset, offset + sizeBytes)
}

async function exported(lightNode: LightNode): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of exportHeaders(lightNode)) chunks.push(chunk)
  return concat(...chunks)
}

function at(bytes: Uint8Array, index: number): Uint8Array {
  return bytes.subarray(index * SIZE, (index + 1) * SIZE)
}

test.each([
  ['bytes', () => FILE],
  ['a file', () => new Blob([FILE])],
  ['chunks of 1,000 bytes', () => inChunks(FILE, 1_000)],
])('%s: imported, told of on the way, and exported byte for byte', async (_name, source) => {
  const lightNode = await start()
  const told: number[] = []
  const outcome = await importHeaders(lightNode, source(), { onProgress: (count) => told.push(count) })
  expect(outcome).toEqual({
    headerCount: COUNT,
    addedCount: COUNT - 1,
    last: { height: COUNT - 1, root: lightNode.head.root, time: lightNode.head.time, work: lightNode.head.work },
    isOnBestChain: true,
  })
  expect(told).toEqual([256, 512, COUNT])
  expect(await exported(lightNode)).toEqual(FILE)
})

test('what is acknowledged is on disk', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'rushlight-files-'))
  onTestFinished(() => rm(directory, { recursive: true }))
  const lightNode = await start({ directory })
  await importHeaders(lightNode, FILE)
  expect(lightNode.snapshot().store.headerCount).toBe(COUNT)
  await lightNode.stop()
  const again = await start({ directory })
  expect(again.head).toMatchObject({ height: COUNT - 1, trust: 'stored' })
  // Not verified again yet: the import and the export wait for that.
  const [outcome, bytes] = await Promise.all([importHeaders(again, FILE), exported(again)])
  expect(outcome).toMatchObject({ addedCount: 0, isOnBestChain: true })
  expect(bytes).toEqual(FILE)
})

test('a file may begin with any header that follows one held here, and may have less work', async () => {
  const lightNode = await start()
  await importHeaders(lightNode, FILE.subarray(0, 300 * SIZE))
  expect(await importHeaders(lightNode, FILE.subarray(250 * SIZE))).toMatchObject({ headerCount: 450, addedCount: 400 })
  // Its first header is the same.
  const side = await importHeaders(lightNode, mine(5, 601))
  expect(side).toMatchObject({ headerCount: 5, addedCount: 4, isOnBestChain: false, last: { height: 5 } })
  expect(lightNode.head.height).toBe(COUNT - 1)
})

const noWork = FILE.slice()
noWork.fill(0xff, 400 * SIZE + 4, 400 * SIZE + 36)
const unlinked = concat(FILE.subarray(0, 512 * SIZE), FILE.subarray(300 * SIZE, 310 * SIZE))

test.each([
  [
    'a torn file',
    FILE.subarray(0, 79),
    /^expected a multiple of 80 bytes, got 79 \(0 whole headers and 79 bytes more\)$/,
    0,
  ],
  ['81 bytes', FILE.subarray(0, 81), /got 81 \(1 whole headers and 1 bytes more\)$/, 0],
  ['an empty file', new Uint8Array(0), /^expected 80-byte headers, got an empty file$/, 0],
  ['chunks of nothing', inChunks(new Uint8Array(0), 1), /^expected 80-byte headers, got an empty file$/, 0],
  ['chunks that end in half a header', inChunks(FILE.subarray(0, 81), 7), /got 81 \(1 whole/, 0],
  [
    'no headers at all',
    new TextEncoder().encode('not a header'.repeat(20)),
    /^header 0 \(height unknown\) breaks the rule parent: expected it to follow a header of bitcoin:regtest that is held here \(heights 0 to 0\), got the parent [0-9a-f]{64}$/,
    0,
  ],
  [
    'another chain',
    NETWORKS.mainnet.genesisHeader,
    /^header 0 \(height 0\) breaks the rule genesis: expected the genesis of bitcoin:regtest \([0-9a-f]{64}\), got [0-9a-f]{64}$/,
    0,
  ],
  ['a header that does not follow', noWork, /^header 400 \(height 400\) breaks the rule parent: /, 399],
  [
    'a header that follows an earlier one, at the border of a slice',
    unlinked,
    /^header 512 \(height 512\) breaks the rule parent: expected the parent [0-9a-f]{64}, got /,
    511,
  ],
])('%s: refused with index, height and why', async (_name, source, message, height) => {
  const lightNode = await start()
  await expect(importHeaders(lightNode, source)).rejects.toMatchObject({
    code: 'invalid-headers',
    message: expect.stringMatching(message),
  })
  expect(lightNode.head.height).toBe(height)
})

test('a header that breaks a rule is named, and what came before it is kept', async () => {
  const lightNode = await start()
  const bad = mineHeaders({ parent: at(FILE, 299), count: 1, firstTime: 1, stepSeconds: 1 })
  await expect(importHeaders(lightNode, concat(FILE.subarray(0, 300 * SIZE), bad))).rejects.toMatchObject({
    code: 'invalid-headers',
    message: expect.stringMatching(/^header 300 \(height 300\) breaks the rule time-too-old: expected /),
  })
  expect(lightNode.head.height).toBe(299)
})

test('an import is given up by its signal, and ends with the light node', async () => {
  const lightNode = await start()
  const controller = new AbortController()
  const reason = new Error('enough')
  const given = importHeaders(lightNode, FILE, {
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  })
  await expect(given).rejects.toBe(reason)
  expect(lightNode.head.height).toBe(255)
  const endless = (async function* (): AsyncGenerator<Uint8Array> {
    yield FILE
    await new Promise(() => {})
  })()
  const ended = importHeaders(lightNode, endless)
  await Promise.all([expect(ended).rejects.toMatchObject({ code: 'stopped' }), lightNode.stop()])
})

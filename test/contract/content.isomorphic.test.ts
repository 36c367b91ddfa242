/** Blocks and their parts as a developer sees them, against real gateways: this file runs in Node.js and in a Chromium tab. */
import { expect, inject, onTestFinished, test } from 'vitest'
import { bitcoin, type BitcoinNetwork } from '../../src/bitcoin.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import type {
  LightNode,
  LightNodeError,
  LightNodeOptions,
  StoreOption,
  TransactionProof,
} from '../../src/driver/api.ts'
import type { RunningLightNode } from '../../src/driver/light-node.ts'
import { doubleSha256, sha256 } from '../../src/hash/sha256.ts'
import { CODEC_RAW, formatCid, HASH_DBL_SHA2_256, HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { largeTransactionBlock, syntheticBlock, syntheticTransaction } from '../synthetic-block.ts'
import { openGateway } from './gateway-desk.ts'
import { isTab, loadCreateLightNode } from './platform.ts'

const createLightNode = await loadCreateLightNode()

const HEADER_BYTES = 80
const BYTES = new TextEncoder().encode('a rushlight costs a farthing')
const CID = rawCid(BYTES)
const TRANSACTIONS = [1, 2, 3, 4].map((salt) => syntheticTransaction({ salt, witnessItemSizeBytes: 70 }))
const BLOCK = syntheticBlock(TRANSACTIONS)
const ROOT = rootOf(BLOCK)
/** By the CID of each: header, transactions with and without their witnesses, merkle nodes. */
const PARTS = bitcoin('regtest').content?.takeApart(BLOCK).nodes ?? []
/** Multicodec table: sha2-512. */
const HASH_SHA2_512 = 0x13
const BLOCK_BYTES_MAX = 4_000_000

function rawCid(bytes: Uint8Array, hashCode: number = HASH_SHA2_256): string {
  const digest = hashCode === HASH_DBL_SHA2_256 ? doubleSha256(bytes) : sha256(bytes)
  return formatCid({ version: 1, codec: CODEC_RAW, hashCode, digestSizeBytes: digest.length, digest })
}

function rootOf(block: Uint8Array): string {
  return hex(doubleSha256(block.subarray(0, HEADER_BYTES)).reverse())
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

/** Stopped when the test has finished. */
async function create(options: Partial<LightNodeOptions> = {}): Promise<LightNode> {
  const lightNode = await createLightNode({ chain: bitcoin('regtest'), peers: [], store: 'memory', ...options })
  onTestFinished(() => lightNode.stop())
  return lightNode
}

async function failureOf(promise: Promise<unknown>): Promise<LightNodeError> {
  try {
    await promise
  } catch (error) {
    return error as LightNodeError
  }
  throw new Error('expected a failure')
}

const exchangeOf = (lightNode: LightNode): ReturnType<LightNode['snapshot']>['exchange'] =>
  lightNode.snapshot().exchange

async function heldPartCount(lightNode: LightNode): Promise<number> {
  const held = await Promise.all(PARTS.map(({ cid }) => lightNode.has(cid)))
  return held.filter(Boolean).length
}

/** Where what is written is there after a restart. */
async function lastingStore(): Promise<StoreOption> {
  if (isTab) return 'indexeddb'
  // By names that no bundler follows.
  const [files, system] = ['node:fs/promises', 'node:os']
  const { mkdtemp, rm } = (await import(/* @vite-ignore */ files)) as typeof import('node:fs/promises')
  const { tmpdir } = (await import(/* @vite-ignore */ system)) as typeof import('node:os')
  const directory = await mkdtemp(`${tmpdir()}/rushlight-content-`)
  onTestFinished(() => rm(directory, { recursive: true }))
  return { directory }
}

/** This block on top of the network's genesis. */
function onGenesis(block: Uint8Array, network: BitcoinNetwork): Uint8Array {
  const bytes = block.slice()
  const genesis = bitcoin(network).createTree().get(0)
  if (genesis === undefined) throw new Error('expected a genesis header')
  bytes.set(doubleSha256(genesis.bytes), 4)
  const view = new DataView(bytes.buffer)
  for (let nonce = 0; ; nonce += 1) {
    view.setUint32(76, nonce, true)
    if ((doubleSha256(bytes.subarray(0, HEADER_BYTES))[31] ?? 0) < 0x7f) return bytes
  }
}

/** Resolves when they are the best chain. */
async function submit(lightNode: LightNode, headers: Uint8Array, height: number): Promise<void> {
  const reached = new Promise<void>((resolve) => {
    lightNode.addEventListener('head', ({ detail }) => {
      if (detail.height === height) resolve()
    })
  })
  ;(lightNode as RunningLightNode).submitHeaders(headers)
  await reached
}

// Bytes by CID.

test('bytes are kept under their CID, given back as a copy, and nobody is asked for what is here', async () => {
  const lightNode = await create()
  expect(await lightNode.has(CID)).toBe(false)
  const given = BYTES.slice()
  await lightNode.putBytes(CID, given)
  given.fill(0)
  expect(await lightNode.has(CID)).toBe(true)
  const got = await lightNode.getBytes(CID)
  expect(got).toEqual(BYTES)
  got.fill(0)
  expect(await lightNode.getBytes(CID)).toEqual(BYTES)
  await expect.poll(() => exchangeOf(lightNode)).toMatchObject({ storedBlocks: 1, storedBytes: BYTES.length })
})

/** Its copy is none, as that of a Node.js `Buffer`. */
class ViewedBytes extends Uint8Array {
  override slice(start?: number, end?: number): Uint8Array<ArrayBuffer> {
    return this.subarray(start, end)
  }
}

test('nobody can change what is kept in memory: it is hashed on its way in alone', async () => {
  const lightNode = await create()
  const given = new ViewedBytes(BYTES)
  const imported = new ViewedBytes(BLOCK)
  const waiting = [lightNode.getBytes(CID), lightNode.getBytes(CID)]
  await lightNode.putBytes(CID, given)
  await lightNode.importBlock(imported)
  const handedOut = [...(await Promise.all(waiting)), await lightNode.getBytes(CID)]
  for (const { cid } of PARTS) handedOut.push(await lightNode.getBytes(cid))
  handedOut.push((await lightNode.getBlock(ROOT)).bytes)
  handedOut.push((await lightNode.getTransaction({ block: ROOT, index: 1 })).bytes)
  for (const bytes of [given, imported, ...handedOut]) bytes.fill(0)
  expect(await lightNode.getBytes(CID)).toEqual(BYTES)
  for (const { cid, bytes } of PARTS) expect(await lightNode.getBytes(cid)).toEqual(Uint8Array.from(bytes))
  expect((await lightNode.getBlock(ROOT)).bytes).toEqual(BLOCK)
})

test('who waits for bytes gets them as soon as they are put here', async () => {
  const lightNode = await create()
  const waiting = [lightNode.getBytes(CID), lightNode.getBytes(CID)]
  await lightNode.putBytes(CID, BYTES)
  expect(await Promise.all(waiting)).toEqual([BYTES, BYTES])
})

test('headers are had by their CID from the verified chain', async () => {
  const lightNode = await create()
  const cid = lightNode.chain.content?.headerCid(lightNode.chain.genesis) ?? ''
  expect(await lightNode.has(cid)).toBe(true)
  expect(await lightNode.getBytes(cid)).toEqual((await lightNode.getHeader(0))?.bytes)
})

test.each(['', 'no cid', 'b', `${CID}0`, CID.toUpperCase(), 5 as never, undefined as never])(
  'what is no CID: %o',
  async (text) => {
    const lightNode = await create()
    for (const call of [lightNode.has(text), lightNode.getBytes(text), lightNode.putBytes(text, BYTES)]) {
      expect(await failureOf(call)).toMatchObject({
        code: 'invalid-cid',
        message: expect.stringMatching(/^expected [^\n]*, got [^\n]+$/),
      })
    }
  },
)

test('bytes that are not the CID’s are refused, and not kept', async () => {
  const lightNode = await create()
  const failure = await failureOf(lightNode.putBytes(CID, BYTES.subarray(1)))
  expect(failure.code).toBe('hash-mismatch')
  expect(failure.message).toBe(`expected bytes of ${CID}, got those of ${rawCid(BYTES.subarray(1))}`)
  expect(await lightNode.has(CID)).toBe(false)
})

test('a CID whose hash function nobody here can check', async () => {
  const digest = new Uint8Array(64)
  const cid = formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_512, digestSizeBytes: 64, digest })
  const lightNode = await create()
  expect(await failureOf(lightNode.putBytes(cid, BYTES))).toMatchObject({ code: 'unknown-hash' })
  const failure = await failureOf(lightNode.getBytes(cid))
  expect(failure.code).toBe('unknown-hash')
  expect(failure.message).toContain('0x13 of 64 bytes')
  expect(await lightNode.has(cid)).toBe(false)
})

test('a block of 4,000,000 bytes is kept, one of a byte more is too large', async () => {
  const lightNode = await create()
  const largest = new Uint8Array(BLOCK_BYTES_MAX)
  await lightNode.putBytes(rawCid(largest), largest)
  expect(await lightNode.has(rawCid(largest))).toBe(true)
  const larger = new Uint8Array(BLOCK_BYTES_MAX + 1)
  const failure = await failureOf(lightNode.putBytes(rawCid(larger), larger))
  expect(failure).toMatchObject({
    code: 'block-too-large',
    message: 'expected at most 4000000 bytes, got 4000001',
  })
  expect(await lightNode.has(rawCid(larger))).toBe(false)
})

// From peers.

test('a deadline that passes says how many peers do not have it', async () => {
  const [one, other] = await Promise.all([openGateway(), openGateway()])
  const lightNode = await create({ peers: [one.url, other.url] })
  await Promise.all([lightNode.connect(one.url), lightNode.connect(other.url)])
  const signal = AbortSignal.timeout(1_000)
  const [bytes, block, transaction] = await Promise.all([
    failureOf(lightNode.getBytes(CID, { signal })),
    failureOf(lightNode.getBlock(ROOT, { signal })),
    failureOf(lightNode.getTransaction({ block: ROOT, index: 0 }, { signal })),
  ])
  for (const failure of [bytes, block, transaction]) {
    expect(failure.code).toBe('not-found')
    expect(failure.message).toContain('did not come in time: 2 of 2 peers do not have it')
    expect(failure.cause).toBe(signal.reason)
  }
  expect(bytes.message).toContain(CID)
  // No CID of its inside: nobody asked for that.
  expect(block.message).toMatch(new RegExp(`block ${ROOT} did not come in time`))
  expect(transaction.message).toMatch(new RegExp(`block ${ROOT} did not come in time`))
  await expect.poll(() => exchangeOf(lightNode).wantCount).toBe(0)
})

test('a deadline without a peer says so', async () => {
  const lightNode = await create()
  const failure = await failureOf(lightNode.getBytes(CID, { signal: AbortSignal.timeout(10) }))
  expect(failure).toMatchObject({ code: 'not-found', message: `block ${CID} did not come in time: no peer to ask` })
})

test('an abort rejects with the reason of its signal, before and after', async () => {
  const gateway = await openGateway()
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  const reason = new Error('enough')
  const calls = [
    (signal: AbortSignal) => lightNode.getBytes(CID, { signal }),
    (signal: AbortSignal) => lightNode.getBlock(ROOT, { signal }),
    (signal: AbortSignal) => lightNode.getTransaction({ block: ROOT, index: 1 }, { signal }),
  ]
  for (const call of calls) {
    expect(await failureOf(call(AbortSignal.abort(reason)))).toBe(reason)
    const controller = new AbortController()
    const waiting = call(controller.signal)
    controller.abort(reason)
    expect(await failureOf(waiting)).toBe(reason)
    const plain = new AbortController()
    const later = call(plain.signal)
    plain.abort()
    expect(await failureOf(later)).toBe(plain.signal.reason)
  }
})

test('bytes that one gateway is given later reach who already waits for them', async () => {
  const gateway = await openGateway()
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  const waiting = lightNode.getBlock(ROOT, { signal: AbortSignal.timeout(60_000) })
  await gateway.importBlock(BLOCK)
  expect((await waiting).bytes).toEqual(BLOCK)
})

// Blocks.

test('an imported block is there whole, by its root and in its parts', async () => {
  const lightNode = await create()
  // Behind another write it waits, and the app may use its bytes for something else.
  const writing = lightNode.putBytes(CID, BYTES)
  const given = BLOCK.slice()
  const importing = lightNode.importBlock(given)
  given.fill(0)
  await writing
  const imported = await importing
  expect(imported).toEqual({
    root: ROOT,
    height: undefined,
    isOnBestChain: false,
    transactionCount: 5,
    sizeBytes: BLOCK.length,
  })
  const block = await lightNode.getBlock(ROOT)
  expect(block.bytes).toEqual(BLOCK)
  expect(block).toMatchObject({ root: ROOT, height: undefined, isOnBestChain: false })
  expect(block.transactions.map(({ index, sizeBytes }) => [index, sizeBytes]).slice(1)).toEqual(
    TRANSACTIONS.map(({ bytes }, index) => [index + 1, bytes.length]),
  )
  expect(block.transactions[2]).toMatchObject({
    txid: hex(doubleSha256(TRANSACTIONS[1]?.stripped ?? BLOCK).reverse()),
    wtxid: hex(doubleSha256(TRANSACTIONS[1]?.bytes ?? BLOCK).reverse()),
    outputs: [{ value: 2n, script: '51'.repeat(22) }],
  })
  expect(await lightNode.importBlock(BLOCK)).toEqual(imported)
})

test('a block comes from a gateway byte for byte, and is had without it afterwards', async () => {
  const gateway = await openGateway()
  await gateway.importBlock(BLOCK)
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  expect((await lightNode.getBlock(ROOT)).bytes).toEqual(BLOCK)
  const counts = { blocksReceived: 4, duplicateBlocks: 0, unwantedBlocks: 0, wantCount: 0 }
  await expect.poll(() => exchangeOf(lightNode)).toMatchObject(counts)
  await gateway.close()
  expect((await lightNode.getBlock(ROOT)).bytes).toEqual(BLOCK)
})

test('a transaction of 3.9 MB travels with its block', async () => {
  const block = largeTransactionBlock()
  const gateway = await openGateway()
  await gateway.importBlock(block)
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  const got = await lightNode.getBlock(rootOf(block), { signal: AbortSignal.timeout(60_000) })
  // Compared by hash: a mismatch would print megabytes.
  expect(hex(sha256(got.bytes))).toBe(hex(sha256(block)))
})

test.each([
  ['nothing', new Uint8Array(0)],
  ['a header alone', BLOCK.subarray(0, HEADER_BYTES)],
  ['a byte too few', BLOCK.subarray(0, -1)],
  ['a byte too many', Uint8Array.of(...BLOCK, 0)],
  ['a changed transaction', BLOCK.with(BLOCK.length - 30, (BLOCK.at(-30) ?? 0) ^ 1)],
  ['more than a block weighs', new Uint8Array(BLOCK_BYTES_MAX + 1)],
])('what is no block is refused in one line, and nothing of it is kept: %s', async (_, bytes) => {
  const lightNode = await create()
  expect(await failureOf(lightNode.importBlock(bytes))).toMatchObject({
    code: 'invalid-block',
    message: expect.stringMatching(/^[a-z-]+: expected [^\n]*, got [^\n]+$/),
  })
  expect(await heldPartCount(lightNode)).toBe(0)
})

test('arguments of another kind are one clear error', async () => {
  const lightNode = await create()
  const calls: readonly (readonly [Promise<unknown>, string])[] = [
    [lightNode.importBlock(undefined as never), 'expected bytes as a Uint8Array, got undefined'],
    [lightNode.importBlock('abc' as never), 'expected bytes as a Uint8Array, got a string'],
    [lightNode.putBytes(CID, [1, 2] as never), 'expected bytes as a Uint8Array, got an array'],
    [lightNode.putBytes(CID, 'abc' as never), 'expected bytes as a Uint8Array, got a string'],
    [lightNode.getTransaction(undefined as never), 'expected { block, index } or { block, txid }, got undefined'],
    [
      lightNode.getTransaction({ block: ROOT } as never),
      'expected { block, index } or { block, txid }, got neither index nor txid',
    ],
    [
      lightNode.getTransaction({ block: ROOT, index: '1' as never }),
      'expected { block, index } or { block, txid }, got an index that is a string',
    ],
  ]
  for (const [call, message] of calls) {
    expect(await failureOf(call)).toMatchObject({ code: 'invalid-option', message })
  }
})

test('a block that does not fit the block store is refused whole, and what was there stays', async () => {
  const lightNode = await create({ blockStoreBytesMax: 1_000 })
  await lightNode.putBytes(CID, BYTES)
  expect(await failureOf(lightNode.importBlock(BLOCK))).toMatchObject({
    code: 'quota-exceeded',
    message: expect.stringMatching(/1000|1,000/),
  })
  expect(await lightNode.has(CID)).toBe(true)
  expect(await heldPartCount(lightNode)).toBe(0)
})

test('a height or a root that names no block', async () => {
  const lightNode = await create()
  for (const height of [1, -1, 0.5, Number.NaN, undefined as never]) {
    expect(await failureOf(lightNode.getBlock(height))).toMatchObject({
      code: 'not-found',
      message: `no header is known at height ${String(height)}`,
    })
  }
  for (const root of ['', 'abc', ROOT.toUpperCase(), `${ROOT}00`]) {
    expect(await failureOf(lightNode.getBlock(root))).toMatchObject({
      code: 'not-found',
      message: `expected a block root of 64 lower-case hex digits, got "${root}"`,
    })
  }
})

test('a block whose header is known says its height, and whether the best chain holds it still', async () => {
  const lightNode = await create()
  const block = onGenesis(BLOCK, 'regtest')
  const root = rootOf(block)
  await submit(lightNode, block.slice(0, HEADER_BYTES), 1)
  const place = { root, height: 1, isOnBestChain: true }
  expect(await lightNode.importBlock(block)).toMatchObject(place)
  expect(await lightNode.getBlock(1)).toMatchObject(place)
  const { proof, ...transaction } = await lightNode.getTransaction({ block: 1, index: 2 })
  expect(transaction).toMatchObject({ ...place, blockRoot: root, index: 2 })

  const parent = (await lightNode.getHeader(0))?.bytes ?? BLOCK
  const others = mineHeaders({ parent, count: 2, firstTime: 1_700_000_000, stepSeconds: 600, salt: 7 })
  await submit(lightNode, others, 2)
  const reverted = { root, height: 1, isOnBestChain: false }
  expect(await lightNode.getBlock(root)).toMatchObject(reverted)
  expect(lightNode.verifyTransaction(proof)).toMatchObject(reverted)
})

// Transactions and proofs.

test('a transaction comes with its proof, by its place or its id, without the rest of its block', async () => {
  const gateway = await openGateway()
  await gateway.importBlock(BLOCK)
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  const byIndex = await lightNode.getTransaction({ block: ROOT, index: 3 })
  expect(byIndex.bytes).toEqual(TRANSACTIONS[2]?.bytes)
  await expect.poll(() => exchangeOf(lightNode).blocksReceived).toBe(1)
  expect(await lightNode.getTransaction({ block: ROOT, txid: byIndex.txid })).toEqual(byIndex)
  const { proof, ...verified } = byIndex
  expect(lightNode.verifyTransaction(JSON.parse(JSON.stringify(proof)) as TransactionProof)).toEqual(verified)
  const coinbase = await lightNode.getTransaction({ block: ROOT, index: 0 })
  expect(lightNode.verifyTransaction(coinbase.proof)).toMatchObject({ index: 0, blockRoot: ROOT })
})

test('a transaction that the block does not have', async () => {
  const lightNode = await create()
  await lightNode.importBlock(BLOCK)
  for (const index of [5, -1, 0.5]) {
    expect(await failureOf(lightNode.getTransaction({ block: ROOT, index }))).toMatchObject({
      code: 'not-found',
      message: `block ${ROOT} has no transaction ${index}`,
    })
  }
  expect(await failureOf(lightNode.getTransaction({ block: ROOT, txid: ROOT }))).toMatchObject({ code: 'not-found' })
  for (const txid of ['abc', 5 as never, undefined as never]) {
    expect(await failureOf(lightNode.getTransaction({ block: ROOT, txid }))).toMatchObject({
      code: 'not-found',
      message: expect.stringMatching(/^expected a transaction id of 64 lower-case hex digits, got /),
    })
  }
})

test('a proof that fails names the step', async () => {
  const lightNode = await create()
  await lightNode.importBlock(BLOCK)
  const { proof } = await lightNode.getTransaction({ block: ROOT, index: 3 })
  const other = (digits: string): string => `${digits.slice(0, -1)}${digits.endsWith('0') ? '1' : '0'}`
  const [sibling = '', ...siblings] = proof.siblings
  const [coinbaseSibling = '', ...coinbaseSiblings] = proof.coinbaseSiblings
  for (const [step, wrong] of [
    ['malformed', { ...proof, header: proof.header.slice(2) }],
    ['malformed', { ...proof, transaction: 'zz' }],
    ['merkle-path', { ...proof, siblings: [other(sibling), ...siblings] }],
    ['coinbase-path', { ...proof, coinbaseSiblings: [other(coinbaseSibling), ...coinbaseSiblings] }],
    ['malformed', {} as TransactionProof],
    ['malformed', 'a proof' as never],
  ] as const) {
    expect(() => lightNode.verifyTransaction(wrong)).toThrow(
      expect.objectContaining({
        code: 'invalid-proof',
        message: expect.stringMatching(new RegExp(`^${step}: expected`)),
      }),
    )
  }
})

// Restart and stop.

test('what was imported is there after a restart, and can be had without a peer', async () => {
  // Under a name that no other test's tab keeps anything by.
  const [store, chain] = [await lastingStore(), { ...bitcoin('regtest'), id: 'bitcoin:restarted' }]
  const first = await create({ chain, store })
  await first.importBlock(BLOCK)
  await first.putBytes(CID, BYTES)
  await first.stop()
  const second = await create({ chain, store })
  expect(await heldPartCount(second)).toBe(PARTS.length)
  expect((await second.getBlock(ROOT)).bytes).toEqual(BLOCK)
  expect(await second.getBytes(CID)).toEqual(BYTES)
})

test('a stop lets go of whoever waits for a block, and of whoever comes later', async () => {
  const gateway = await openGateway()
  const lightNode = await create({ peers: [gateway.url, `/ip4/127.0.0.1/tcp/${inject('silentPort')}/ws`] })
  await lightNode.ready()
  const calls = [
    () => lightNode.getBlock(ROOT),
    () => lightNode.getTransaction({ block: ROOT, index: 1 }),
    () => lightNode.getBytes(CID),
    () => lightNode.getBytes(CID, { signal: AbortSignal.timeout(60_000) }),
  ]
  const waiting = calls.map((call) => failureOf(call()))
  await lightNode.stop()
  for (const failure of await Promise.all(waiting)) expect(failure.code).toBe('stopped')
  for (const call of [...calls, () => lightNode.has(CID), () => lightNode.importBlock(BLOCK)]) {
    expect(await failureOf(call())).toMatchObject({ code: 'stopped' })
  }
})

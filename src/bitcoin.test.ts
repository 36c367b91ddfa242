import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { dataPath, testWithData } from '../test/data-folder.ts'
import { syntheticBlock } from '../test/synthetic-block.ts'
import {
  bitcoin,
  ContentError,
  decodeHeader,
  decodeTransactionProof,
  encodeTransactionProof,
  loadCheckpoints,
  verifyTransaction,
} from './bitcoin.ts'
import type { BitcoinNetwork, TransactionProof } from './bitcoin.ts'
import { HEADER_SIZE_BYTES, readUint32 } from './chain/bitcoin/header.ts'
import { NETWORKS } from './chain/bitcoin/networks.ts'
import { bitsOfTarget, targetOfBits, workOfTarget } from './chain/bitcoin/target.ts'

const NETWORK_NAMES = Object.keys(NETWORKS) as readonly BitcoinNetwork[]

test('each network is a chain of its own, whose tree starts with its genesis', () => {
  const chains = NETWORK_NAMES.map((network) => bitcoin(network))
  expect(chains.map(({ id }) => id)).toEqual(NETWORK_NAMES.map((network) => `bitcoin:${network}`))
  expect(new Set(chains.map(({ genesis }) => genesis)).size).toBe(5)
  for (const chain of chains) expect(chain.createTree().tip).toMatchObject({ height: 0, root: chain.genesis })
})

test('what a verified head is worth, and when it is stale, is the network’s', () => {
  expect(bitcoin('mainnet')).toMatchObject({ trustWhenVerified: 'genesis', staleAfterMs: 90 * 60_000 })
  expect(bitcoin('signet').trustWhenVerified).toBe('pow-only')
  expect(bitcoin('regtest').staleAfterMs).toBeUndefined()
  expect(bitcoin('mainnet').minimumChainWork).toBe(0n)
  expect(bitcoin('mainnet', { minimumChainWork: 7n }).minimumChainWork).toBe(7n)
})

test('an unknown network is refused with the names of those there are', () => {
  const expected = 'expected a Bitcoin network (mainnet, testnet3, testnet4, signet, regtest), got "testnet"'
  expect(() => bitcoin('testnet' as BitcoinNetwork)).toThrow(new RangeError(expected))
  expect(() => bitcoin('toString' as BitcoinNetwork)).toThrow(RangeError)
})

test('work that is no bigint is refused', () => {
  for (const minimumChainWork of [5, '5', null, -1n]) {
    const expected = `expected minimumChainWork as a bigint from 0n, got ${String(minimumChainWork)}`
    expect(() => bitcoin('regtest', { minimumChainWork: minimumChainWork as bigint })).toThrow(new RangeError(expected))
  }
})

test('a header is decoded into its fields', () => {
  const bytes = NETWORKS.mainnet.genesisHeader
  expect(decodeHeader(bytes)).toEqual({
    version: 1,
    parent: '0'.repeat(64),
    merkleRoot: '4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b',
    time: 1231006505,
    bits: 0x1d00ffff,
    nonce: 2083236893,
    root: '000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f',
  })
  expect(bitcoin('mainnet').timeOf(bytes)).toBe(1231006505)
  expect(() => decodeHeader(bytes.slice(1))).toThrow('expected 80 header bytes, got 79')
  expect(() => decodeHeader(new Uint8Array(81))).toThrow(RangeError)
})

test('checkpoints: all periods of mainnet, every 32nd and the last of the test networks, none of regtest', async () => {
  const heights = async (network: BitcoinNetwork): Promise<readonly number[]> =>
    (await loadCheckpoints(network)).map(({ height }) => height)
  const mainnet = await heights('mainnet')
  expect(mainnet).toEqual(Array.from({ length: 473 }, (_, index) => (index + 1) * 2_016 - 1))
  expect(await heights('testnet4')).toEqual([64_511, 129_023, 139_103])
  expect(await heights('signet')).toEqual([64_511, 129_023, 193_535, 258_047, 308_447])
  expect((await heights('testnet3')).at(-1)).toBe(5_011_775)
  expect(await heights('regtest')).toEqual([])
})

testWithData('checkpoints are the roots of the real headers and of the ones that bitcoinj builds on', async () => {
  // Each of these files names headers at 2016k, whose parents are checkpoints.
  const files = [
    { network: 'mainnet', file: 'mainnet-epoch-edges-0-832608.bin', expected: 413 },
    { network: 'mainnet', file: 'mainnet-bitcoinj-2016-878976.bin', expected: 436 },
    { network: 'testnet3', file: 'testnet3-bitcoinj-2016-3612672.bin', expected: 56 },
    { network: 'signet', file: 'signet-bitcoinj-2016-229824.bin', expected: 3 },
  ] as const
  for (const { network, file, expected } of files) {
    const checkpoints = new Map((await loadCheckpoints(network)).map(({ height, root }) => [height, root]))
    const bytes = new Uint8Array(readFileSync(dataPath('bitcoin/checkpoints', file)))
    let compared = 0
    for (let offset = 0; offset < bytes.length; offset += 4 + HEADER_SIZE_BYTES + 32) {
      const height = readUint32(bytes, offset)
      const { parent } = decodeHeader(bytes.slice(offset + 4, offset + 4 + HEADER_SIZE_BYTES))
      const checkpoint = checkpoints.get(height - 1)
      if (checkpoint === undefined) continue
      expect(checkpoint, `${file}, height ${height}`).toBe(parent)
      compared += 1
    }
    expect(compared, file).toBe(expected)
  }

  const headers = new Uint8Array(readFileSync(dataPath('bitcoin/headers/mainnet-0-10237.bin')))
  const [first] = await loadCheckpoints('mainnet')
  const bytes = headers.slice(2_015 * HEADER_SIZE_BYTES, 2_016 * HEADER_SIZE_BYTES)
  expect(decodeHeader(bytes).root).toBe(first?.root)
})

testWithData(
  'the start above mainnet’s last checkpoint has the work of all periods, as bitcoinj and the headers count it',
  async () => {
    const [last, ...others] = (await loadCheckpoints('mainnet')).toReversed()
    expect(last?.start?.nextBits).toBe(0x170240c3)
    expect(others.every(({ start }) => start === undefined)).toBe(true)
    const text = readFileSync(dataPath('bitcoin/checkpoints/electrum-mainnet.json'), 'utf8')
    const periods = JSON.parse(text, (_key, value: unknown, context?: { readonly source?: string }) =>
      typeof value === 'number' ? BigInt(context?.source ?? '0') : value,
    ) as readonly (readonly [string, bigint])[]
    const bitsOfPeriod = (index: number): number =>
      bitsOfTarget(periods[index - 1]?.[1] ?? targetOfBits(0x1d00ffff) ?? 0n)
    const workOfPeriod = (index: number): bigint => workOfTarget(targetOfBits(bitsOfPeriod(index)) ?? 0n)
    const workBefore = new Map<number, bigint>([[0, 0n]])
    for (let index = 0; index < periods.length; index += 1) {
      workBefore.set(index + 1, (workBefore.get(index) ?? 0n) + 2_016n * workOfPeriod(index))
    }
    expect(last?.start?.work).toBe(workBefore.get(periods.length))
    for (const file of ['mainnet-bitcoinj-2016-878976.bin', 'mainnet-epoch-edges-0-832608.bin']) {
      const bytes = new Uint8Array(readFileSync(dataPath('bitcoin/checkpoints', file)))
      let compared = 0
      for (let offset = 0; offset < bytes.length; offset += 4 + HEADER_SIZE_BYTES + 32) {
        const height = readUint32(bytes, offset)
        if (height % 2_016 !== 0) continue
        const header = bytes.slice(offset + 4, offset + 4 + HEADER_SIZE_BYTES)
        const index = height / 2_016
        const counted = BigInt(`0x${Buffer.from(bytes.slice(offset + 84, offset + 116)).toString('hex')}`)
        expect(decodeHeader(header).bits, `${file}, height ${height}`).toBe(bitsOfPeriod(index))
        expect(counted, `${file}, height ${height}`).toBe((workBefore.get(index) ?? 0n) + workOfPeriod(index))
        compared += 1
      }
      expect(compared, file).toBeGreaterThan(400)
    }
  },
)

test('a proof is checked without a light node, as an object, as JSON made it, or as bytes', () => {
  const { content } = bitcoin('regtest')
  if (content === undefined) throw new Error('expected a chain that says what its blocks hold')
  const { root, outline } = content.takeApart(syntheticBlock([]))
  const proof = content.prove({ outline, index: 0, part: undefined })
  const bytes = encodeTransactionProof(proof)
  for (const form of [proof, JSON.parse(JSON.stringify(proof)) as TransactionProof, bytes]) {
    expect(verifyTransaction(form)).toMatchObject({ blockRoot: root, index: 0 })
  }
  expect(decodeTransactionProof(bytes)).toEqual(proof)
  expect(() => verifyTransaction({ ...proof, siblings: ['00'] })).toThrow(ContentError)
})

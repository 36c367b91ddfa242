/** The rules against what Bitcoin's networks really made: ranges of headers, and the vectors of BIP 54 and Bitcoin Core. */
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect } from 'vitest'
import { bitcoin, decodeHeader } from '../../src/bitcoin.ts'
import { HEADER_SIZE_BYTES, readUint32 } from '../../src/chain/bitcoin/header.ts'
import { createHeaderVerifier } from '../../src/chain/bitcoin/header-verifier.ts'
import type { BitcoinNetwork } from '../../src/chain/bitcoin/networks.ts'
import type { HeaderTree, SliceOutcome } from '../../src/core/chain.ts'
import { dataPath, testWithData } from '../data-folder.ts'

const NOW_UNIX_MS: number = Date.UTC(2026, 0, 1)

const RANGES: readonly { readonly network: BitcoinNetwork; readonly name: string; readonly startHeight: number }[] = [
  { network: 'mainnet', name: 'mainnet-0-10237', startHeight: 0 },
  { network: 'mainnet', name: 'mainnet-40000-10000', startHeight: 40_000 },
  { network: 'mainnet', name: 'mainnetalt-0-2017', startHeight: 0 },
  { network: 'testnet3', name: 'testnet3-0-10000', startHeight: 0 },
  { network: 'testnet4', name: 'testnet4-0-101', startHeight: 0 },
]

function readRange(name: string): Uint8Array {
  return new Uint8Array(readFileSync(dataPath('bitcoin/headers', `${name}.bin`)))
}

function addAll(tree: HeaderTree, headers: Uint8Array, countPerSlice = 256): readonly SliceOutcome[] {
  const outcomes: SliceOutcome[] = []
  const count = headers.length / HEADER_SIZE_BYTES
  for (let index = 0; index < count; index += countPerSlice) {
    const outcome = tree.add({ headers, index, count: Math.min(countPerSlice, count - index), nowUnixMs: NOW_UNIX_MS })
    expect(outcome.stop).toBeUndefined()
    outcomes.push(outcome)
  }
  return outcomes
}

for (const { network, name, startHeight } of RANGES) {
  testWithData(`${name}: every header is good`, () => {
    const headers = readRange(name)
    const count = headers.length / HEADER_SIZE_BYTES
    const verifier = createHeaderVerifier({ network, startHeight, nowUnixMs: NOW_UNIX_MS })
    const { lastRoot } = decodeLast(headers)
    const expected = { verifiedCount: count, lastRoot, lastHeight: startHeight + count - 1, stop: undefined }
    expect(verifier.verify(headers)).toEqual(expected)
    if (startHeight > 0) return

    const tree = bitcoin(network).createTree()
    addAll(tree, headers)
    expect(tree.tip).toMatchObject({ height: count - 1, root: lastRoot })
    expect(tree.range({ fromHeight: 0, count: count + 1 })).toEqual(headers)
  })

  testWithData(`${name}: one flipped bit anywhere is found at its index`, () => {
    const headers = readRange(name)
    fc.assert(
      fc.property(fc.nat(headers.length - 1), fc.nat(7), (at, bit) => {
        const index = Math.floor(at / HEADER_SIZE_BYTES)
        const flipped = headers.slice()
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit)
        const verifier = createHeaderVerifier({ network, startHeight, nowUnixMs: NOW_UNIX_MS })
        expect(verifier.verify(flipped)).toMatchObject({ verifiedCount: index, stop: { index } })
      }),
      {
        numRuns: 40,
        examples: [
          [0, 0],
          [headers.length - 1, 7],
          [headers.length - HEADER_SIZE_BYTES, 0],
        ],
      },
    )
  })
}

function decodeLast(headers: Uint8Array): { readonly lastRoot: string } {
  return { lastRoot: decodeHeader(headers.slice(-HEADER_SIZE_BYTES)).root }
}

testWithData('a chain of difficulty 1 gives way to real mainnet as soon as that has more work, and only then', () => {
  const rival = readRange('mainnetalt-0-2017')
  const real = readRange('mainnet-0-10237')
  const tree = bitcoin('mainnet').createTree()
  addAll(tree, rival)
  const rivalTip = tree.tip
  expect(rivalTip.height).toBe(2_016)

  const changes = addAll(tree, real, 1).flatMap(({ headChange }, height) =>
    headChange === undefined ? [] : [{ height, headChange }],
  )
  const [first] = changes
  // The rival's last header counts for four: as many headers do not do, as much work does not either.
  expect(first?.height).toBe(2_020)
  expect(first?.headChange.commonHeight).toBe(0)
  expect(first?.headChange.reverted).toHaveLength(2_016)
  expect(first?.headChange.reverted.at(-1)).toEqual(rivalTip)
  expect(changes.slice(1).every(({ headChange }) => headChange.reverted.length === 0)).toBe(true)
  expect(tree.tip).toMatchObject({ height: 10_236, root: decodeLast(real).lastRoot })
  expect(tree.sideHeaderCount).toBe(2_016)
  expect(tree.get(rivalTip.root)).toMatchObject({ isOnBestChain: false, height: 2_016 })
})

testWithData('chain work is what bitcoinj counted, to 878976 on mainnet', () => {
  // Records of height (u32, little-endian), header, chain work (32 bytes, big-endian) at heights 2016k.
  const bytes = new Uint8Array(readFileSync(dataPath('bitcoin/checkpoints/mainnet-bitcoinj-2016-878976.bin')))
  const tree = bitcoin('mainnet').createTree()
  addAll(tree, readRange('mainnet-0-10237'))
  let compared = 0
  for (let offset = 0; offset < bytes.length; offset += 116) {
    const record = bytes.slice(offset, offset + 116)
    const height = readUint32(record, 0)
    const held = tree.get(height)
    if (held === undefined) continue
    expect(held.bytes).toEqual(record.slice(4, 84))
    expect(held.work).toBe(BigInt(`0x${Buffer.from(record.slice(84)).toString('hex')}`))
    compared += 1
  }
  expect(compared).toBe(5)
})

/** A run of headers and the runs that go on from its end, each a tree again. */
interface VectorTree {
  readonly block_headers: readonly string[]
  readonly extensions?: readonly VectorTree[]
}

testWithData('the header trees of BIP 54 are good under the rules of today', () => {
  const vectors = JSON.parse(readFileSync(dataPath('bitcoin/vectors/bip54-timestamps.json'), 'utf8')) as VectorTree
  const tree = bitcoin('mainnet').createTree()
  let heightMax = 0
  let branchCount = 0
  const walk = (branch: VectorTree, before: readonly string[]): void => {
    addAll(tree, new Uint8Array(Buffer.from(branch.block_headers.join(''), 'hex')))
    const path = [...before, ...branch.block_headers]
    const extensions = branch.extensions ?? []
    for (const extension of extensions) walk(extension, path)
    if (extensions.length > 0) return
    const verifier = createHeaderVerifier({ network: 'mainnet', nowUnixMs: NOW_UNIX_MS })
    const verified = verifier.verify(new Uint8Array(Buffer.from(path.join(''), 'hex')))
    expect(verified).toMatchObject({ verifiedCount: path.length, stop: undefined })
    heightMax = Math.max(heightMax, path.length - 1)
    branchCount += 1
  }
  walk(vectors, [])
  expect(heightMax).toBe(4_032)
  expect(branchCount).toBe(9)
})

testWithData('the testnet3 headers and forks that Bitcoin Core tests with', () => {
  const lines = readFileSync(dataPath('bitcoin/vectors/core-blockheader_testnet3-fork.hex'), 'utf8')
    .split('\n')
    .filter((line) => line !== '')
  const isFork = (line: string): boolean => line.startsWith('fork:')
  const toBytes = (line: string): Uint8Array => new Uint8Array(Buffer.from(line.replace('fork:', ''), 'hex'))
  const tree = bitcoin('testnet3').createTree()
  addAll(tree, new Uint8Array(Buffer.concat(lines.filter((line) => !isFork(line)).map(toBytes))))
  const { tip } = tree
  expect(tip.height).toBe(546)
  for (const line of lines.filter(isFork)) {
    const header = toBytes(line)
    expect(addAll(tree, header)).toMatchObject([{ addedCount: 1, headChange: undefined }])
    expect(tree.get(decodeHeader(header).root)).toMatchObject({ isOnBestChain: false })
  }
  expect(tree.tip).toEqual(tip)
})

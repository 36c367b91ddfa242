/** The real blocks of the data folder, each as its bytes. For use inside `testWithData` alone. */
import { readFileSync } from 'node:fs'
import { ByteReader } from '../src/chain/bitcoin/byte-reader.ts'
import { HEADER_SIZE_BYTES } from '../src/chain/bitcoin/header.ts'
import { readTransaction } from '../src/chain/bitcoin/transaction.ts'
import { dataPath } from './data-folder.ts'

/** Whole blocks of mainnet, of 14 to 2,544 transactions; from the third on with witnesses. */
export const LARGE_BLOCKS = [
  'mainnet-169482-5f368665',
  'mainnet-363703-219e0a14',
  'mainnet-481829-b975e726',
  'mainnet-831328-4e4558d6',
  'mainnet-831329-5d0a9e82',
] as const

export function largeBlock(name: (typeof LARGE_BLOCKS)[number]): Uint8Array {
  return readBlocksFile(`${name}.bin`)
}

/** The first 255 blocks of mainnet, and the first 2,016 of another chain on its genesis. */
export function smallBlocks(): readonly Uint8Array[] {
  return [
    ...framedBlocks(readBlocksFile('mainnet-blocks-1-255.blkdat')),
    ...joinedBlocks('mainnetalt-blocks-1-2016.bin'),
  ]
}

function readBlocksFile(name: string): Uint8Array {
  return new Uint8Array(readFileSync(dataPath('bitcoin', 'blocks', name)))
}

/** Magic and length before each, 4 bytes each. */
function framedBlocks(bytes: Uint8Array): Uint8Array[] {
  const reader = new ByteReader(bytes)
  const blocks: Uint8Array[] = []
  while (reader.restSizeBytes > 0) {
    reader.skip(4)
    blocks.push(reader.take(reader.uint32()))
  }
  return blocks
}

/** One after another. */
function joinedBlocks(name: string): Uint8Array[] {
  const reader = new ByteReader(readBlocksFile(name))
  const blocks: Uint8Array[] = []
  while (reader.restSizeBytes > 0) {
    const start = reader.skip(HEADER_SIZE_BYTES)
    for (let count = reader.compactSize(); count > 0; count -= 1) readTransaction(reader)
    blocks.push(reader.bytes.subarray(start, reader.offset))
  }
  return blocks
}

/** Header files for gateways to import. */
import { test } from '@playwright/test'
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const dataFolder = process.env['RUSHLIGHT_DATA'] ?? join(import.meta.dirname, '../../../shared/data')
const headersFolder = join(dataFolder, 'bitcoin/headers')

/** Bitcoin's first 10,237 headers. */
export const MAINNET: string = join(headersFolder, 'mainnet-0-10237.bin')
export const MAINNET_HEIGHT = 10_236
/** The same genesis, then 2,016 blocks that somebody else mined, with less work. */
export const MAINNET_ALT: string = join(headersFolder, 'mainnetalt-0-2017.bin')
export const MAINNET_ALT_HEIGHT = 2_016

const blocksFolder = join(dataFolder, 'bitcoin/blocks')

/** A block of mainnet with 2,544 transactions, far above the headers of `MAINNET`. */
export const BLOCK_2544 = {
  file: join(blocksFolder, 'mainnet-831329-5d0a9e82.bin'),
  root: '000000000000000000018f3b60378b18af0b8f1f411d1e60334f15315d0a9e82',
}
/** A block of mainnet with 1,979 transactions, likewise. */
export const BLOCK_1979 = {
  file: join(blocksFolder, 'mainnet-831328-4e4558d6.bin'),
  root: '00000000000000000002460ebd4c84e75627a5c4c07e5b1d6b91325c4e4558d6',
}
/** The heights of the blocks that `writeFirstBlock` knows. */
export const FIRST_BLOCKS = { first: 1, last: 255 }

/** Writes the block of mainnet at this height into a file of its own in `folder`; returns its path. */
export function writeFirstBlock(height: number, folder: string): string {
  const bytes = readFileSync(join(blocksFolder, 'mainnet-blocks-1-255.blkdat'))
  let offset = 0
  // Before each block four bytes that say which network, and its size.
  for (let skipped = FIRST_BLOCKS.first; skipped < height; skipped++) offset += 8 + bytes.readUInt32LE(offset + 4)
  const file = join(folder, `block-${height}.bin`)
  writeFileSync(file, bytes.subarray(offset + 8, offset + 8 + bytes.readUInt32LE(offset + 4)))
  return file
}

/** Skips the tests of a file, and says so, where there is no real chain data. */
export function needRealHeaders(): void {
  test.skip(!existsSync(MAINNET), `no real headers in ${headersFolder}; RUSHLIGHT_DATA names the data folder`)
}

/** Writes `count` made-up regtest headers, genesis first. */
export function makeHeaders(count: number, file: string): void {
  const script = join(import.meta.dirname, '../bench/make-headers.ts')
  const result = spawnSync(process.execPath, [script, String(count), file], { encoding: 'utf8' })
  if (result.status !== 0) throw new Error(`make-headers failed: ${result.stdout}${result.stderr}`)
}

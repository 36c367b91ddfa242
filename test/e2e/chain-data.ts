/** Header files for gateways to import. */
import { test } from '@playwright/test'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const dataFolder = process.env['RUSHLIGHT_DATA'] ?? join(import.meta.dirname, '../../../shared/data')
const headersFolder = join(dataFolder, 'bitcoin/headers')

/** Bitcoin's first 10,237 headers. */
export const MAINNET: string = join(headersFolder, 'mainnet-0-10237.bin')
export const MAINNET_HEIGHT = 10_236
/** The same genesis, then 2,016 blocks that somebody else mined, with less work. */
export const MAINNET_ALT: string = join(headersFolder, 'mainnetalt-0-2017.bin')
export const MAINNET_ALT_HEIGHT = 2_016

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

/** Where the real data is: `RUSHLIGHT_DATA`, else `../shared/data` beside the repository. Tests that need it are skipped without it. */
import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { test } from 'vitest'

const folder = resolve(process.env['RUSHLIGHT_DATA'] ?? join(import.meta.dirname, '../../shared/data'))

/** `undefined` where there is none. */
export const dataFolder: string | undefined = existsSync(join(folder, 'bitcoin')) ? folder : undefined

if (dataFolder === undefined) console.error(`tests skipped: expected real data in ${folder} (set RUSHLIGHT_DATA)`)

/** `test`, skipped where the data is missing. */
export const testWithData: typeof test = dataFolder === undefined ? (test.skip as typeof test) : test

/** Path of a file below the data folder; for use inside `testWithData` alone. */
export function dataPath(...parts: readonly string[]): string {
  return join(folder, ...parts)
}

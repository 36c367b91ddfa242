import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { checkLayers } from './layers.ts'

const ROOT = join(import.meta.dirname, '..')
/** The contracts alone are as many; fewer means that the cruise did not see the sources. */
const MODULE_COUNT_MIN = 15

const copies: string[] = []
afterEach(() => {
  for (const copy of copies.splice(0)) rmSync(copy, { recursive: true, force: true })
})

test('every import is in the table, and every source file was read', async () => {
  const report = await checkLayers(ROOT)
  expect(report.violations).toEqual([])
  expect(report.moduleCount).toBeGreaterThanOrEqual(MODULE_COUNT_MIN)
  expect(report.moduleCount).toBe(sourceFilesOf(ROOT).length)
})

test.each([
  ['core/planted.ts', "import '../driver/api.ts'", 'may not import src/driver/api.ts'],
  ['core/planted.ts', "import type { Log } from '../driver/log.ts'", 'may not import src/driver/log.ts'],
  ['core/planted.ts', "import { CID } from 'multiformats/cid'", 'may not import multiformats/cid'],
  ['core/planted.ts', "import { join } from 'node:path'", 'may not import node:path'],
  ['core/planted.ts', "const later = import('../wire/planted-target.ts')", 'may not import src/wire/planted-target.ts'],
  ['wire/planted.ts', "import type { Chain } from '../core/chain.ts'", 'may not import src/core/chain.ts'],
  ['hash/planted.ts', "import { assert } from '../core/assert.ts'", 'may not import src/core/assert.ts'],
  ['core/planted.ts', "import { sha256 } from '../hash/sha256.ts'", 'may not import src/hash/sha256.ts'],
  ['chain/planted.ts', "import type { Host } from '../host/host.ts'", 'may not import src/host/host.ts'],
  ['host/planted.ts', "import type { HeaderStore } from '../store/store.ts'", 'may not import src/store/store.ts'],
  ['host/planted.ts', "import { createServer } from 'node:http'", 'may not import node:http'],
  ['host/planted.ts', "import { openDB } from 'idb'", 'may not import idb'],
  ['store/planted.ts', "import '../wire/planted-target.ts'", 'may not import src/wire/planted-target.ts'],
  ['store/planted.ts', "import './planted-target.nodejs.ts'", 'may not import src/store/planted-target.nodejs.ts'],
  ['driver/planted.ts', "import '../host/planted-target.ts'", 'may not import src/host/planted-target.ts'],
  ['cli/planted.ts', "import '../driver/api.ts'", 'may not import src/driver/api.ts'],
  ['utils/planted.ts', 'export const one: number = 1', 'belongs to no layer'],
])('a planted violation in src/%s is found: %s', async (file, line, expected) => {
  const copy = copyOfSources()
  write(copy, 'src/wire/planted-target.ts', 'export const bytes: number = 1')
  write(copy, 'src/host/planted-target.ts', 'export const peers: number = 1')
  write(copy, 'src/store/planted-target.nodejs.ts', 'export const rows: number = 1')
  write(copy, `src/${file}`, line)
  const { violations } = await checkLayers(copy)
  expect(violations.filter((violation) => violation.startsWith(`src/${file}`)).join('\n')).toContain(expected)
})

test('a planted cycle is found', async () => {
  const copy = copyOfSources()
  write(copy, 'src/core/planted-a.ts', "import './planted-b.ts'")
  write(copy, 'src/core/planted-b.ts', "import './planted-a.ts'")
  const { violations } = await checkLayers(copy)
  expect(violations.join('\n')).toContain('src/core/planted-a.ts is in a cycle')
})

function copyOfSources(): string {
  const copy = mkdtempSync(join(tmpdir(), 'rushlight-layers-'))
  copies.push(copy)
  for (const folder of ['src', 'web']) cpSync(join(ROOT, folder), join(copy, folder), { recursive: true })
  return copy
}

function write(folder: string, path: string, text: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true })
  writeFileSync(join(folder, path), `${text}\n`)
}

function sourceFilesOf(folder: string): readonly string[] {
  return ['src', 'web'].flatMap((part) =>
    readdirSync(join(folder, part), { recursive: true, encoding: 'utf8' }).filter(
      (path) => path.endsWith('.ts') && !path.endsWith('.test.ts'),
    ),
  )
}

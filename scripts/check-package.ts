/** Is what is published sound: its exports, its files, its types, as others would resolve them? */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildIfNeeded } from './build-steps.ts'
import { pack } from './pack.ts'
import { run } from './run.ts'

buildIfNeeded()
const folder: string = mkdtempSync(join(tmpdir(), 'rushlight-pack-'))
try {
  const tarball = pack(folder)
  const exitCodes = [
    run('publint', ['run', tarball, '--strict']),
    run('attw', [tarball, '--profile', 'esm-only', '--no-emoji']),
  ]
  process.exitCode = exitCodes.some((exitCode) => exitCode !== 0) ? 1 : 0
} finally {
  rmSync(folder, { recursive: true })
}

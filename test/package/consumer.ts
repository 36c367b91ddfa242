/** A stranger's folder: empty but for the packed tarball, installed as anyone would. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { buildIfNeeded } from '../../scripts/build-steps.ts'
import { pack } from '../../scripts/pack.ts'

export interface Consumer {
  readonly folder: string
  write(path: string, text: string): void
  /** Runs a program in the folder to its end. */
  run(program: string, parameters: readonly string[]): ProgramResult
  remove(): void
}

export interface ProgramResult {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** Builds what is not built, packs, and installs the tarball into a new folder. Throws when npm fails. */
export function createConsumer(): Consumer {
  const folder = mkdtempSync(join(tmpdir(), 'rushlight-consumer-'))
  const consumer: Consumer = {
    folder,
    write(path, text) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      writeFileSync(join(folder, path), text)
    },
    run(program, parameters) {
      const result = spawnSync(program, parameters, { cwd: folder, encoding: 'utf8', env: plainEnvironment() })
      if (result.error !== undefined) throw result.error
      return { exitCode: result.status, stdout: result.stdout, stderr: result.stderr }
    },
    remove: () => rmSync(folder, { recursive: true, force: true }),
  }
  buildIfNeeded()
  const tarball = pack(join(folder, 'tarball'))
  consumer.write('package.json', JSON.stringify({ name: 'consumer', version: '1.0.0', private: true, type: 'module' }))
  const installed = consumer.run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball])
  if (installed.exitCode !== 0) throw new Error(`npm install of the tarball failed: ${installed.stderr}`)
  return consumer
}

/** Without what npm set for this repository's own scripts. */
export function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(npm_|NODE_OPTIONS$|NODE_ENV$|VITEST|INIT_CWD$)/.test(name)),
  )
}

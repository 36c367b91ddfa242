/** Runs programs of this package's dependencies for the scripts beside this file. */
import { spawnSync } from 'node:child_process'
import { delimiter, join } from 'node:path'

const root: string = join(import.meta.dirname, '..')

export interface RunOptions {
  readonly env?: Readonly<Record<string, string>>
}

/** Runs in the repository's root with the caller's terminal; resolves to the exit code (130 when a signal ended it). */
export function run(program: string, parameters: readonly string[], options: RunOptions = {}): number {
  const result = spawnSync(program, parameters, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...options.env, PATH: searchPath() },
  })
  if (result.error !== undefined) console.error(`${program}: ${result.error.message}`)
  if (result.signal !== null) console.error(`${program} was ended by ${result.signal}`)
  return result.status ?? 130
}

export function runOrExit(program: string, parameters: readonly string[], options: RunOptions = {}): void {
  const exitCode = run(program, parameters, options)
  if (exitCode !== 0) process.exit(exitCode)
}

/** Local programs first, also where a script is called without npm. */
export function searchPath(): string {
  return [join(root, 'node_modules/.bin'), process.env['PATH'] ?? ''].join(delimiter)
}

/** A temporary copy of the repository's source and tests, in which one mutant at a time is tested. */
import { spawn } from 'node:child_process'
import { cpSync, existsSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { JsonTestResults } from 'vitest/node'
import type { Mutant } from './mutant.ts'
import { mutate } from './mutant.ts'

/** vitest's own settings stay behind: no project but this one, no global set-up. */
const COPIED = ['src', 'test', 'package.json', 'tsconfig.json']
/** A run that hangs is ended, and that is no kill: a bug has to be told by a test. */
const HANG_LIMIT_MS = 300_000
/** The simulator's seeds are fixed, so that a mutant is killed every time or never. */
const SIMULATION = { SIMULATION_SEED: '1', SIMULATION_SEEDS: '3', SIMULATION_SECONDS: '0' }
/** A test that fails so did not see the bug: the mutant itself does not run. */
const BROKEN_PATTERN = /^(ReferenceError|SyntaxError|TypeError)\b/

export type TestOutcome =
  | { readonly type: 'green'; readonly testCount: number }
  /** The first test that failed, and what it said. */
  | { readonly type: 'red'; readonly test: string; readonly message: string }
  /** It could not be told: nothing ran, nothing loaded, or it did not end. */
  | { readonly type: 'broken'; readonly detail: string }

export class Workspace {
  readonly #root: string
  readonly #report: string

  /** Copies `source` to `root`, a folder that is not there yet; dependencies are shared. */
  constructor(options: { source: string; root: string }) {
    this.#root = options.root
    this.#report = join(options.root, 'report.json')
    for (const name of COPIED) cpSync(join(options.source, name), join(this.#root, name), { recursive: true })
    symlinkSync(join(options.source, 'node_modules'), join(this.#root, 'node_modules'))
  }

  /** Puts the bug in, does as told, and takes the bug out again. */
  async withMutant<T>(mutant: Mutant, action: () => Promise<T>): Promise<T> {
    const originals = new Map<string, string>()
    const texts = mutate(mutant, (file) => {
      const text = readFileSync(join(this.#root, file), 'utf8')
      originals.set(file, text)
      return text
    })
    this.#write(texts)
    try {
      return await action()
    } finally {
      this.#write(originals)
    }
  }

  #write(texts: ReadonlyMap<string, string>): void {
    for (const [file, text] of texts) writeFileSync(join(this.#root, file), text)
  }

  /** Runs these test files until the first test fails. */
  async test(suites: readonly string[]): Promise<TestOutcome> {
    rmSync(this.#report, { force: true })
    const parameters = [
      ...[join(this.#root, 'node_modules/vitest/vitest.mjs'), 'run', ...suites],
      ...['--root', this.#root, '--bail', '1', '--pool', 'threads', '--maxWorkers', '1', '--testTimeout', '120000'],
      ...['--reporter', 'json', '--outputFile', this.#report],
      // Caches lie in the shared node_modules, and what one mutant made of a file is nothing for the next.
      ...['--cache=false', '--fsModuleCache=false'],
    ]
    const output = await this.#run(parameters)
    if (!existsSync(this.#report)) return { type: 'broken', detail: `vitest wrote no report: ${output.slice(-500)}` }
    return readOutcome(JSON.parse(readFileSync(this.#report, 'utf8')) as JsonTestResults)
  }

  /** Resolves to what was said when the run has ended, by itself or by the limit. */
  #run(parameters: readonly string[]): Promise<string> {
    const child = spawn(process.execPath, parameters, {
      cwd: this.#root,
      env: { ...process.env, ...SIMULATION },
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: HANG_LIMIT_MS,
      killSignal: 'SIGKILL',
    })
    let output = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8')
      stream.on('data', (text: string) => (output += text))
    }
    return new Promise((resolve, reject) => {
      child.once('error', reject)
      child.once('close', () => resolve(output))
    })
  }
}

/** What a report of vitest says of the mutant. */
export function readOutcome(report: JsonTestResults): TestOutcome {
  for (const { assertionResults } of report.testResults) {
    for (const { status, fullName, failureMessages } of assertionResults) {
      if (status !== 'failed') continue
      const message = failureMessages?.[0] ?? ''
      return BROKEN_PATTERN.test(message)
        ? { type: 'broken', detail: `${fullName}: ${message}` }
        : { type: 'red', test: fullName.trim(), message }
    }
  }
  const unloaded = report.testResults.find(({ status }) => status === 'failed')
  if (unloaded !== undefined) return { type: 'broken', detail: `${unloaded.name}: ${unloaded.message}` }
  if (report.numPassedTests === 0) return { type: 'broken', detail: 'no test ran' }
  return { type: 'green', testCount: report.numPassedTests }
}

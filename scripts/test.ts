/**
 * `npm test`: the checks, then every suite, one after another; then the slowest files of all and, as the last line,
 * `N passed, N failed, N skipped`. A suite that dies, or that ran nothing, counts as a failure.
 * RUSHLIGHT_REQUIRE_DATA=1 makes it a failure, too, that tests were skipped for want of the data folder.
 */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { findChromiumOrExit } from '../test/find-chromium.ts'
import { MUTANTS } from '../test/mutants/mutants.ts'
import { printSlowestFiles } from '../test/slowest-files.ts'
import { runChecks } from './check-parts.ts'
import { run } from './run.ts'
import { readPlaywrightReport, readVitestReport } from './test-reports.ts'
import type { SuiteResult } from './test-reports.ts'

findChromiumOrExit()
const folder: string = mkdtempSync(join(tmpdir(), 'rushlight-test-'))
const suites: readonly SuiteResult[] = [
  checks(),
  vitest('node'),
  mutants(),
  vitest('browser'),
  endToEnd(),
  vitest('package'),
]
const problems: readonly string[] = [...suites.flatMap(problemsOf), ...missingData()]
rmSync(folder, { recursive: true })

printSlowestFiles(suites.flatMap((suite) => suite.files))
console.log('')
for (const { name, passedCount, failedCount, skippedCount, files } of suites) {
  const seconds = files.reduce((sum, file) => sum + file.durationMs, 0) / 1000
  console.log(
    `${name}: ${passedCount} passed, ${failedCount} failed, ${skippedCount} skipped (${seconds.toFixed(0)} s in tests)`,
  )
}
for (const problem of problems) console.log(`FAILED: ${problem}`)

const passedCount: number = suites.reduce((sum, suite) => sum + suite.passedCount, 0)
const failedCount: number = suites.reduce((sum, suite) => sum + suite.failedCount, problems.length)
const skippedCount: number = suites.reduce((sum, suite) => sum + suite.skippedCount, 0)
console.log(`${passedCount} passed, ${failedCount} failed, ${skippedCount} skipped`)
process.exitCode = failedCount > 0 ? 1 : 0

function checks(): SuiteResult {
  const results = runChecks()
  return {
    name: 'checks',
    exitCode: 0,
    passedCount: results.filter((check) => check.isPassed).length,
    failedCount: results.filter((check) => !check.isPassed).length,
    skippedCount: 0,
    files: results,
  }
}

function vitest(project: string): SuiteResult {
  console.log(`\n— vitest: ${project}`)
  const report = join(folder, `${project}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const exitCode = run('vitest', ['run', '--project', project, ...reporters])
  return readVitestReport(`vitest ${project}`, report, exitCode)
}

/** All of them must die; the runner says which did not, and by its exit code whether any. */
function mutants(): SuiteResult {
  console.log('\n— mutants')
  const startedMs = performance.now()
  const exitCode = run('node', ['test/mutants/main.ts'])
  const isKilled = exitCode === 0
  return {
    name: 'mutants',
    exitCode,
    passedCount: isKilled ? MUTANTS.length : 0,
    failedCount: isKilled ? 0 : 1,
    skippedCount: 0,
    files: [{ name: 'test/mutants/main.ts', durationMs: performance.now() - startedMs }],
  }
}

function endToEnd(): SuiteResult {
  console.log('\n— playwright')
  const report = join(folder, 'playwright.json')
  // In a process of its own: a build that fails must not take the sum line with it.
  const buildExitCode = run('node', ['scripts/build-if-needed.ts'])
  if (buildExitCode !== 0) return readPlaywrightReport('playwright', report, buildExitCode)
  const exitCode = run('playwright', ['test', '--reporter=list,json'], { env: { PLAYWRIGHT_JSON_OUTPUT_FILE: report } })
  return readPlaywrightReport('playwright', report, exitCode)
}

/** What is wrong with a suite besides its failed tests, which are counted by themselves. */
function problemsOf(suite: SuiteResult): readonly string[] {
  if (suite.passedCount + suite.failedCount === 0) return [`${suite.name} ran no test (exit code ${suite.exitCode})`]
  return suite.exitCode !== 0 && suite.failedCount === 0
    ? [`${suite.name} ended with exit code ${suite.exitCode} although no test failed`]
    : []
}

function missingData(): readonly string[] {
  if (process.env['RUSHLIGHT_REQUIRE_DATA'] !== '1') return []
  const data = process.env['RUSHLIGHT_DATA'] ?? join(import.meta.dirname, '../../shared/data')
  return existsSync(join(data, 'bitcoin/headers'))
    ? []
    : [`the tests that need real chain data were skipped: nothing in ${data}; RUSHLIGHT_DATA names the folder`]
}

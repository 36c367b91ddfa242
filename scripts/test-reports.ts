/** The JSON reports of vitest and Playwright, read down to counts and times. */
import { existsSync, readFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { JSONReport, JSONReportSuite } from '@playwright/test/reporter'
import type { JsonTestResults } from 'vitest/node'
import type { FileDuration } from '../test/slowest-files.ts'

export interface SuiteResult {
  readonly name: string
  readonly exitCode: number
  readonly passedCount: number
  readonly failedCount: number
  readonly skippedCount: number
  readonly files: readonly FileDuration[]
}

/** A report that is not there counts as nothing run. */
export function readVitestReport(name: string, path: string, exitCode: number): SuiteResult {
  const report = read(path) as JsonTestResults | undefined
  if (report === undefined) return nothingRun(name, exitCode)
  // A file that does not even load fails without a failed test.
  const brokenFiles = report.testResults.filter(
    (file) => file.status === 'failed' && !file.assertionResults.some((assertion) => assertion.status === 'failed'),
  )
  return {
    name,
    exitCode,
    passedCount: report.numPassedTests,
    failedCount: report.numFailedTests + brokenFiles.length,
    skippedCount: report.numPendingTests + report.numTodoTests,
    files: report.testResults.map((file) => ({
      name: relative('.', file.name),
      durationMs: file.endTime - file.startTime,
    })),
  }
}

export function readPlaywrightReport(name: string, path: string, exitCode: number): SuiteResult {
  const report = read(path) as JSONReport | undefined
  if (report === undefined) return nothingRun(name, exitCode)
  const { expected, unexpected, flaky, skipped } = report.stats
  return {
    name,
    exitCode,
    passedCount: expected,
    // A test that passes only when repeated is a failure found.
    failedCount: unexpected + flaky,
    skippedCount: skipped,
    files: report.suites.map((suite) => ({ name: `test/e2e/${suite.file}`, durationMs: durationOf(suite) })),
  }
}

function durationOf(suite: JSONReportSuite): number {
  const own = suite.specs
    .flatMap((spec) => spec.tests)
    .flatMap((test) => test.results)
    .reduce((sum, result) => sum + result.duration, 0)
  return (suite.suites ?? []).reduce((sum, inner) => sum + durationOf(inner), own)
}

function nothingRun(name: string, exitCode: number): SuiteResult {
  return { name, exitCode, passedCount: 0, failedCount: 0, skippedCount: 0, files: [] }
}

function read(path: string): unknown {
  return existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) : undefined
}

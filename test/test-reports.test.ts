/** The sum line is what decides; these are the ways in which it could lie. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, test } from 'vitest'
import { readPlaywrightReport, readVitestReport } from '../scripts/test-reports.ts'

const folder = mkdtempSync(join(tmpdir(), 'rushlight-reports-'))
afterAll(() => rmSync(folder, { recursive: true }))

test('a test file that does not load counts as a failure', () => {
  const report = written({
    numPassedTests: 2,
    numFailedTests: 0,
    numPendingTests: 1,
    numTodoTests: 0,
    testResults: [
      { name: 'good.test.ts', status: 'passed', startTime: 0, endTime: 5, assertionResults: [{ status: 'passed' }] },
      { name: 'broken.test.ts', status: 'failed', startTime: 0, endTime: 1, assertionResults: [] },
    ],
  })
  expect(readVitestReport('node', report, 1)).toMatchObject({ passedCount: 2, failedCount: 1, skippedCount: 1 })
})

test('a run that died without a report counts as nothing run', () => {
  expect(readVitestReport('node', join(folder, 'none.json'), 137)).toMatchObject({ passedCount: 0, exitCode: 137 })
})

test('a Playwright test that passes only when repeated counts as a failure; nested suites count into their file', () => {
  const report = written({
    stats: { expected: 3, unexpected: 1, flaky: 1, skipped: 2 },
    suites: [
      {
        file: 'page.spec.ts',
        specs: [{ tests: [{ results: [{ duration: 10 }, { duration: 20 }] }] }],
        suites: [{ specs: [{ tests: [{ results: [{ duration: 5 }] }] }] }],
      },
    ],
  })
  const result = readPlaywrightReport('playwright', report, 1)
  expect(result).toMatchObject({ passedCount: 3, failedCount: 2, skippedCount: 2 })
  expect(result.files).toEqual([{ name: 'test/e2e/page.spec.ts', durationMs: 35 }])
})

function written(report: object): string {
  const path = join(folder, 'report.json')
  writeFileSync(path, JSON.stringify(report))
  return path
}

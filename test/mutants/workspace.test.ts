import { expect, test } from 'vitest'
import type { JsonTestResults } from 'vitest/node'
import { readOutcome } from './workspace.ts'

function report(status: 'passed' | 'failed', ...failures: readonly string[]): JsonTestResults {
  const assertionResults = failures.map((message, index) => ({
    status: 'failed',
    fullName: ` test ${index + 1}`,
    failureMessages: [message],
  }))
  const file = { name: 'a.test.ts', status, message: 'does not load', assertionResults }
  return { numPassedTests: status === 'passed' ? 3 : 0, testResults: [file] } as unknown as JsonTestResults
}

test('a failed test is a kill, the first one named', () => {
  const message = 'AssertionError: expected 1 to be 2'
  expect(readOutcome(report('failed', message, message))).toEqual({ type: 'red', test: 'test 1', message })
})

test('no failed test is no kill', () => {
  expect(readOutcome(report('passed'))).toEqual({ type: 'green', testCount: 3 })
})

test.each([
  ['a test that trips over a name that is not there', report('failed', 'ReferenceError: peer is not defined')],
  ['a file that does not load', report('failed')],
  ['a run of no test', { ...report('passed'), numPassedTests: 0 }],
])('%s is no kill: the mutant does not run', (_, broken) => {
  expect(readOutcome(broken).type).toBe('broken')
})

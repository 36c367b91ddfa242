import { expect, test } from 'vitest'
import type { LogFields } from '../nodejs.ts'
import { formatLogLine } from './log-line.ts'

const format = (event: string, fields: LogFields, hasColour = false): string =>
  formatLogLine({ event, fields, date: new Date('2026-01-02T03:04:05.678Z'), hasColour })

test('a line is a time, an event and its fields; unknown ones are left out', () => {
  expect(format('head', { height: 7, root: 'ab', trust: undefined, reason: 'in step' })).toBe(
    '03:04:05 head height=7 root=ab reason="in step"',
  )
})

test("a peer's words stay on their line and bring no control characters", () => {
  const line = format('peer-ready', { agent: 'a\nb\x1b[2J\u009b\u2028é"' })
  expect(line).toBe('03:04:05 peer-ready agent="a\\nb\\u001b[2J\\u009b\\u2028\\u00e9\\""')
})

test('warnings stand out where there is colour', () => {
  expect(format('warning', { code: 'x' }, true)).toBe('\x1b[2m03:04:05\x1b[0m \x1b[33mwarning\x1b[0m code=x')
})

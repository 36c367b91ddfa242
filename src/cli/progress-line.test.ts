import { expect, test } from 'vitest'
import { createProgress, formatDuration, formatNumber, formatProgress } from './progress-line.ts'

test('a progress line says how far, how fast and how long still', () => {
  expect(formatProgress({ verb: 'syncing', done: 250_000, total: 1_000_000, perSecond: 50_000 })).toBe(
    'syncing 250,000 of 1,000,000 headers (25 %), 50,000 headers/s, 15 s left',
  )
  expect(formatProgress({ verb: 'syncing', done: 0, total: 10, perSecond: 0 })).toBe(
    'syncing 0 of 10 headers (0 %), 0 headers/s',
  )
  expect(formatProgress({ verb: 'verifying', done: 12, total: undefined, perSecond: 3 })).toBe(
    'verifying 12 headers, 3 headers/s',
  )
})

test.each([
  [0.2, '1 s'],
  [59, '59 s'],
  [60, '1 min'],
  [3_599, '1 h 0 min'],
  [7_500, '2 h 5 min'],
  [90_000, '1 d 1 h'],
])('%s seconds are %s', (seconds, expected) => {
  expect(formatDuration(seconds)).toBe(expected)
})

test('progress is shown five times a second at most and taken away at the end', () => {
  let nowMs = 1_000
  const shown: (string | undefined)[] = []
  const progress = createProgress({
    verb: 'importing',
    total: 1_000,
    show: (line) => shown.push(line),
    nowMs: () => nowMs,
  })
  progress.advance(100)
  nowMs += 199
  progress.advance(100)
  nowMs += 1
  progress.advance(100)
  nowMs += 300
  expect(progress.finish()).toEqual({ perSecond: 600 })
  expect(shown).toEqual(['importing 300 of 1,000 headers (30 %), 1,500 headers/s, 1 s left', undefined])
})

test('one is no plural', () => {
  const counts = [0, 1, 2, 1_979].map((count) => formatNumber(count, 'output'))
  expect(counts).toEqual(['0 outputs', '1 output', '2 outputs', '1,979 outputs'])
})

import { expect, test } from 'vitest'
import { asSentence, formatAge, formatBytes, formatChain, formatCoins, formatDuration, shorten } from './format.ts'

test('bytes', () => {
  expect([0, 999, 1000, 9949, 9950, 999_499, 999_500, 74_009_920].map(formatBytes)).toEqual([
    '0 B',
    '999 B',
    '1.0 kB',
    '9.9 kB',
    '10 kB',
    '999 kB',
    '1.0 MB',
    '74 MB',
  ])
})

test('coins, to the last satoshi and no further than need be', () => {
  expect([0n, 1n, 154_727n, 5_000_000_000n, 5_001_750_000n, 2_099_999_997_690_000n].map(formatCoins)).toEqual([
    '0 BTC',
    '0.00000001 BTC',
    '0.00154727 BTC',
    '50 BTC',
    '50.0175 BTC',
    '20,999,999.9769 BTC',
  ])
})

test('durations', () => {
  expect(
    [0.4, 1, 59.9, 60, 3599, 3600, 7500, 86_400, 172_800, 86_400 * 365, 86_400 * 365.25 * 17].map(formatDuration),
  ).toEqual([
    'less than a second',
    '1 s',
    '59 s',
    '1 min',
    '59 min',
    '1 h',
    '2 h 5 min',
    '1 day',
    '2 days',
    '1 year',
    '17 years',
  ])
})

test('a header from the near future is just now', () => {
  expect(formatAge(1_000, 990)).toBe('just now')
  expect(formatAge(1_000, 1_001.9)).toBe('just now')
  expect(formatAge(1_000, 1_002)).toBe('2 s ago')
})

test('a long text keeps both ends, a short one is left alone', () => {
  expect(shorten('0'.repeat(56) + '1234abcd')).toBe('00000000…1234abcd')
  expect(shorten('short')).toBe('short')
})

test('a reason becomes a sentence once', () => {
  expect(['', 'in step', 'Done.', 'really?'].map(asSentence)).toEqual(['', 'In step.', 'Done.', 'Really?'])
})

test('chains by the names people use', () => {
  expect(['bitcoin:mainnet', 'bitcoin:signet', 'lean:devnet'].map(formatChain)).toEqual([
    'Bitcoin',
    'Bitcoin signet (test coins)',
    'lean:devnet',
  ])
})

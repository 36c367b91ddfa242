import { expect, test } from 'vitest'
import { describeScript } from './script-words.ts'

const KEY = '02'.padEnd(66, 'a')

test.each([
  [`76a914${'1'.repeat(40)}88ac`, 'to a key (P2PKH)'],
  [`0014${'1'.repeat(40)}`, 'to a key (P2WPKH)'],
  [`0014${'1'.repeat(42)}`, 'to another script'],
  [`0020${'1'.repeat(64)}`, 'to a script (P2WSH)'],
  [`a914${'1'.repeat(40)}87`, 'to a script (P2SH)'],
  [`5120${'1'.repeat(64)}`, 'to a key or scripts (Taproot)'],
  [`21${KEY}ac`, 'to a key (P2PK)'],
  [`41${'04'.padEnd(130, 'b')}ac`, 'to a key (P2PK)'],
  ['6a0568656c6c6f', 'data, spendable by nobody'],
  ['', 'to another script'],
])('%s goes %s', (script, words) => {
  expect(describeScript(script)).toBe(words)
})

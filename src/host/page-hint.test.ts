import { expect, test } from 'vitest'
import { pageHint } from './page-hint.ts'

const SECURE_PAGE = { protocol: 'https:', hostname: 'app.example' }
const PLAIN_PAGE = { protocol: 'http:', hostname: 'app.example' }
const LOCAL_PAGE = { protocol: 'http:', hostname: '127.0.0.1' }

test.each([
  [SECURE_PAGE, 'gateway.example', false, 'needs TLS'],
  [SECURE_PAGE, 'gateway.example', true, undefined],
  [SECURE_PAGE, '127.0.0.1', false, 'your permission'],
  [SECURE_PAGE, '192.168.1.4', true, 'your permission'],
  [PLAIN_PAGE, '10.0.0.7', false, 'over plain http'],
  [PLAIN_PAGE, '172.32.0.1', false, undefined],
  [LOCAL_PAGE, '127.0.0.1', false, undefined],
  [LOCAL_PAGE, 'gateway.example', false, undefined],
])('from %o to %s (TLS: %s): %s', (page, host, isSecure, expected) => {
  const hint = pageHint({ host, isSecure }, page)
  if (expected === undefined) expect(hint).toBe('')
  else expect(hint).toContain(expected)
})

test('outside of a browser there is nothing to hint at', () => {
  expect(pageHint({ host: '127.0.0.1', isSecure: false })).toBe('')
})

import type { IncomingMessage } from 'node:http'
import { expect, test } from 'vitest'
import { isLoopback, isLoopbackHostHeader, TrustedProxies } from './http-origin.ts'

test.each([
  ['localhost', true],
  ['LOCALHOST:8645', true],
  ['127.0.0.1', true],
  ['127.0.0.1:1', true],
  ['[::1]', true],
  ['[::1]:65535', true],
  [undefined, false],
  ['', false],
  ['evil.example', false],
  ['evil.example:8645', false],
  ['localhost.evil.example', false],
  ['localhost:8645:1', false],
  ['localhost:', false],
  ['127.0.0.1.evil.example', false],
  ['127.0.0.2', false],
  ['::1', false],
  ['localhost@evil.example', false],
])('the Host %s: %s', (header, expected) => {
  expect(isLoopbackHostHeader(header)).toBe(expected)
})

test.each([
  ['127.0.0.1', true],
  ['127.1.2.3', true],
  ['::1', true],
  ['0.0.0.0', false],
  ['::', false],
  ['192.168.1.2', false],
  ['127.evil.example', false],
])('bound to %s is loopback: %s', (host, expected) => {
  expect(isLoopback(host)).toBe(expected)
})

test('a range holds its own addresses, also as a socket on both families names them', () => {
  const proxies = new TrustedProxies(['10.0.0.0/8', '::1'])
  expect(['10.0.0.0', '10.255.255.255', '::ffff:10.1.2.3', '::1'].map((address) => proxies.has(address))).toEqual([
    true,
    true,
    true,
    true,
  ])
  expect(['9.255.255.255', '11.0.0.0', '::2', '', undefined].map((address) => proxies.has(address))).toEqual([
    false,
    false,
    false,
    false,
    false,
  ])
})

test.each(['10.0.0.0/33', '::1/129', 'proxy.example', '10.0.0/8', '10.0.0.0/', '10.0.0.0/8/8', '', '10.0.0.0/-1'])(
  'the range %j is refused',
  (range) => {
    expect(() => new TrustedProxies([range])).toThrow('--trusted-proxy: expected an address range')
  },
)

test('X-Forwarded-For is believed from trusted proxies only, and back to the nearest address that is none', () => {
  const proxies = new TrustedProxies(['10.0.0.0/8'])
  const seen = (remoteAddress: string, forwarded?: string): string =>
    proxies.clientAddress({
      socket: { remoteAddress },
      headers: forwarded === undefined ? {} : { 'x-forwarded-for': forwarded },
    } as unknown as IncomingMessage)
  expect(seen('10.0.0.1', '1.2.3.4')).toBe('1.2.3.4')
  expect(seen('10.0.0.1', '6.6.6.6, 1.2.3.4, 10.9.9.9')).toBe('1.2.3.4')
  expect(seen('5.5.5.5', '1.2.3.4')).toBe('5.5.5.5')
  expect(seen('10.0.0.1', 'nonsense')).toBe('10.0.0.1')
  expect(seen('10.0.0.1')).toBe('10.0.0.1')
})

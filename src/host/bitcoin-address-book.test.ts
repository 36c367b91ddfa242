import { expect, test } from 'vitest'
import { BitcoinAddressBook, ENDPOINTS_PER_GROUP_MAX, KNOWN_ENDPOINTS_MAX } from './bitcoin-address-book.ts'
import {
  bitcoinAddress,
  isPublicIp,
  networkGroup,
  parseBitcoinAddress,
  parseBitcoinEndpoint,
} from './bitcoin-address.ts'

const NOBODY: ReadonlySet<string> = new Set()
const book = (saved: readonly string[] = []): BitcoinAddressBook => new BitcoinAddressBook({ random: () => 0, saved })

test.each([
  ['bitcoin://127.0.0.1:18444', { host: '127.0.0.1', port: 18444 }],
  ['bitcoin://Seed.Example:8333', { host: 'seed.example', port: 8333 }],
  ['bitcoin://[2001:DB8:0:0:0:0:0:1]:8333', { host: '2001:db8::1', port: 8333 }],
  ['bitcoin://1.2.3.4:1', { host: '1.2.3.4', port: 1 }],
  ['bitcoin://1.2.3.4:65535', { host: '1.2.3.4', port: 65535 }],
])('%s is an address', (text, endpoint) => {
  expect(parseBitcoinAddress(text)).toEqual({ type: 'endpoint', endpoint })
  expect(parseBitcoinAddress(bitcoinAddress(endpoint))).toEqual({ type: 'endpoint', endpoint })
})

test.each([
  'bitcoin://1.2.3.4',
  'bitcoin://1.2.3.4:0',
  'bitcoin://1.2.3.4:65536',
  'bitcoin://1.2.3.4:8333/path',
  'bitcoin://user@1.2.3.4:8333',
  'bitcoin://2001:db8::1:8333',
  'bitcoin://:8333',
  'bitcoin://[zz]:8333',
  'bitcoin://any',
  'bitcoin:1.2.3.4:8333',
  '/ip4/1.2.3.4/tcp/8333',
])('%s is none', (text) => {
  expect(parseBitcoinAddress(text)).toBeUndefined()
})

test('any peer has an address, and a host alone has one where there is a default port', () => {
  expect(parseBitcoinAddress('bitcoin://any/8')).toEqual({ type: 'any' })
  expect(parseBitcoinEndpoint('seed.example', 8333)).toEqual({ host: 'seed.example', port: 8333 })
  expect(parseBitcoinEndpoint('seed.example', undefined)).toBeUndefined()
})

test('a network group is a /16, or a /32 of IPv6', () => {
  expect(networkGroup('1.2.3.4')).toBe('1.2')
  expect(networkGroup('2001:470:1::7')).toBe('2001:470')
  expect(networkGroup('2001::7')).toBe('2001:0')
})

test.each(['0.1.2.3', '10.1.1.1', '100.64.0.1', '127.0.0.1', '169.254.1.1', '172.16.0.1', '172.31.0.1', '192.168.1.1'])(
  '%s is nobody to be sent to',
  (host) => {
    expect(isPublicIp(host)).toBe(false)
    expect(book().add({ host, port: 8333 })).toBe(false)
  },
)

test.each([
  '192.0.2.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '::1',
  'fe80::1',
  'fd00::1',
  'ff02::1',
  '2001:db8::1',
])('%s is nobody to be sent to either', (host) => expect(isPublicIp(host)).toBe(false))

test.each([
  '1.1.1.1',
  '100.63.0.1',
  '100.128.0.1',
  '172.15.0.1',
  '172.32.0.1',
  '192.169.0.1',
  '223.1.1.1',
  '2a00:1450::1',
])('%s is public', (host) => expect(isPublicIp(host)).toBe(true))

test('a name is no address to keep', () => {
  expect(book().add({ host: 'seed.example', port: 8333 })).toBe(false)
  expect(book().add({ host: '1.2.3.4', port: 0 })).toBe(false)
})

test('a group that is taken is left out', () => {
  const known = book()
  known.add({ host: '1.2.3.4', port: 8333 })
  known.add({ host: '1.3.3.4', port: 8333 })
  expect(known.choose({ takenGroups: new Set(['1.2']), nowMs: 0 })).toEqual({ host: '1.3.3.4', port: 8333 })
  expect(known.choose({ takenGroups: new Set(['1.2', '1.3']), nowMs: 0 })).toBeUndefined()
})

test('an address that failed waits, twice as long each time, until it works', () => {
  const known = book()
  const endpoint = { host: '1.2.3.4', port: 8333 }
  known.add(endpoint)
  known.failed(endpoint, 0)
  expect(known.choose({ takenGroups: NOBODY, nowMs: 59_999 })).toBeUndefined()
  expect(known.choose({ takenGroups: NOBODY, nowMs: 60_000 })).toEqual(endpoint)
  known.failed(endpoint, 60_000)
  expect(known.choose({ takenGroups: NOBODY, nowMs: 179_999 })).toBeUndefined()
  expect(known.choose({ takenGroups: NOBODY, nowMs: 180_000 })).toEqual(endpoint)
  known.worked(endpoint)
  known.failed(endpoint, 200_000)
  expect(known.choose({ takenGroups: NOBODY, nowMs: 260_000 })).toEqual(endpoint)
})

test('those that worked come first, and they alone are kept', () => {
  const known = book()
  known.add({ host: '1.1.1.1', port: 8333 })
  known.add({ host: '2.2.2.2', port: 8333 })
  expect(known.save()).toEqual([])
  known.worked({ host: '2.2.2.2', port: 8333 })
  expect(known.choose({ takenGroups: NOBODY, nowMs: 0 })).toEqual({ host: '2.2.2.2', port: 8333 })
  expect(known.save()).toEqual(['2.2.2.2:8333'])
  const next = book([...known.save(), 'nonsense', '10.0.0.1:8333'])
  expect(next.save()).toEqual(['2.2.2.2:8333'])
})

test('nobody fills the book with one network', () => {
  const known = book()
  for (let index = 0; index < 100; index += 1) known.add({ host: `1.2.3.${index}`, port: 8333 })
  expect(known.size).toBe(ENDPOINTS_PER_GROUP_MAX)
  // One that failed gives way, one that worked does not.
  known.worked({ host: '1.2.3.0', port: 8333 })
  known.failed({ host: '1.2.3.1', port: 8333 }, 0)
  expect(known.add({ host: '1.2.4.1', port: 8333 })).toBe(true)
  expect(known.add({ host: '1.2.4.2', port: 8333 })).toBe(false)
  expect(known.size).toBe(ENDPOINTS_PER_GROUP_MAX)
  expect(known.save()).toEqual(['1.2.3.0:8333'])
})

test('100,000 addresses of many networks stay within the bound', () => {
  const known = book()
  for (let index = 0; index < 100_000; index += 1) {
    known.add({ host: `${1 + (index % 9)}.${(index >> 4) & 255}.${index & 255}.${index >> 12}`, port: 8333 })
  }
  expect(known.size).toBe(KNOWN_ENDPOINTS_MAX)
})

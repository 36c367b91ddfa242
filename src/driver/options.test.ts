import { expect, test } from 'vitest'
import { bitcoin } from '../bitcoin.ts'
import type { LightNodeOptions } from './api.ts'
import { LightNodeError } from './api.ts'
import { checkOptions, isDirectory } from './options.ts'

const GOOD: LightNodeOptions = { chain: bitcoin('regtest'), peers: [] }

function check(options: unknown): string {
  try {
    checkOptions({
      options: options as LightNodeOptions,
      transports: ['websockets'],
      addressProblem: (address) => (address.startsWith('/') ? undefined : `expected a multiaddr, got ${address}`),
    })
    return 'good'
  } catch (error) {
    if (!(error instanceof LightNodeError)) throw error
    return `${error.code}: ${error.message}`
  }
}

test.each([
  GOOD,
  { ...GOOD, peers: ['/ip4/127.0.0.1/tcp/1/ws'], maxPeers: 1, transports: [], store: 'memory', logger: () => {} },
  { ...GOOD, transports: ['websockets'], maxPeers: undefined, rtcConfiguration: {} },
])('good options %#', (options) => {
  expect(check(options)).toBe('good')
})

test.each([
  [undefined, 'invalid-option: option options: expected an object with chain and peers, got undefined'],
  ['bitcoin', 'invalid-option: option options: expected an object with chain and peers, got "bitcoin"'],
  [
    { peers: [] },
    "invalid-option: option chain: expected a chain, as bitcoin('mainnet') from rushlight/bitcoin, got undefined",
  ],
  [
    { ...GOOD, chain: 'mainnet' },
    `invalid-option: option chain: expected a chain, as bitcoin('mainnet') from rushlight/bitcoin, got "mainnet"`,
  ],
  [
    { ...GOOD, chain: {} },
    "invalid-option: option chain: expected a chain, as bitcoin('mainnet') from rushlight/bitcoin, got another object",
  ],
  [
    { chain: GOOD.chain },
    'invalid-option: option peers: expected a list of multiaddrs and gateway URLs (it may be empty), got undefined',
  ],
  [
    { ...GOOD, peers: '/ip4/1.2.3.4' },
    'invalid-option: option peers: expected a list of multiaddrs and gateway URLs (it may be empty), got "/ip4/1.2.3.4"',
  ],
  [{ ...GOOD, peers: [1] }, 'invalid-option: option peers: expected addresses as text, got 1'],
  [
    { ...GOOD, peers: ['/ip4/127.0.0.1', 'gateway'] },
    'invalid-address: option peers: expected a multiaddr, got gateway',
  ],
  [{ ...GOOD, maxPeers: 0 }, 'invalid-option: option maxPeers: expected a whole number from 1, got 0'],
  [{ ...GOOD, maxPeers: 1.5 }, 'invalid-option: option maxPeers: expected a whole number from 1, got 1.5'],
  [{ ...GOOD, maxPeers: '9' }, 'invalid-option: option maxPeers: expected a whole number from 1, got "9"'],
  [{ ...GOOD, logger: {} }, 'invalid-option: option logger: expected a function (event, fields), got another object'],
  [
    { ...GOOD, transports: ['tcp'] },
    'invalid-option: option transports: expected a list, some of websockets on this platform, got "tcp"',
  ],
  [
    { ...GOOD, transports: 'tcp' },
    'invalid-option: option transports: expected a list, some of websockets on this platform, got "tcp"',
  ],
  [{ ...GOOD, listen: '/ip4/' }, 'invalid-option: option listen: expected a list of multiaddrs, got "/ip4/"'],
  [{ ...GOOD, announce: [7] }, 'invalid-option: option announce: expected addresses as text, got 7'],
])('bad options %#: one line with what was expected and what came', (options, said) => {
  expect(check(options)).toBe(said)
  expect(said).not.toContain('\n')
})

test('an unknown option is named, with those there are', () => {
  expect(check({ ...GOOD, peer: [] })).toMatch(
    /^invalid-option: option peer: expected one of chain, peers, .*, got "peer"$/,
  )
})

test.each([
  [{ directory: '/tmp/x' }, true],
  ['memory', false],
  [undefined, false],
  [null, false],
  [{ directory: 1 }, false],
  [{ directory: '' }, false],
])('a store of %o names a folder: %s', (store, isFolder) => {
  expect(isDirectory(store as LightNodeOptions['store'])).toBe(isFolder)
})

import { expect, test } from 'vitest'
import { isLocalNetwork, readAddress, toGatewayUrl } from './address.ts'

test('a gateway may be named without a scheme: https is assumed, http on this machine', () => {
  expect(toGatewayUrl(' gateway.example ')).toBe('https://gateway.example')
  expect(toGatewayUrl('gateway.example:8645/')).toBe('https://gateway.example:8645')
  expect(toGatewayUrl('localhost:8645')).toBe('http://localhost:8645')
  expect(toGatewayUrl('127.0.0.1:8645')).toBe('http://127.0.0.1:8645')
  expect(toGatewayUrl('http://gateway.example/sub/')).toBe('http://gateway.example/sub')
})

test('what is no gateway URL is not made into one', () => {
  for (const text of [
    '',
    '  ',
    '/ip4/127.0.0.1/tcp/1/ws',
    'two words',
    'ftp://gateway.example',
    'javascript://x',
    'http://',
  ]) {
    expect(toGatewayUrl(text), text).toBeUndefined()
  }
})

test('a multiaddr tells its host, whether a tab can dial it, and whether it is encrypted', () => {
  const cases = [
    ['/dns4/gateway.example/tcp/443/tls/ws', { host: 'gateway.example', transport: 'websockets', isEncrypted: true }],
    ['/dns4/gateway.example/tcp/443/wss', { host: 'gateway.example', transport: 'websockets', isEncrypted: true }],
    ['/ip4/10.0.0.1/tcp/8645/ws/p2p/12D3', { host: '10.0.0.1', transport: 'websockets', isEncrypted: false }],
    [
      '/ip4/10.0.0.1/udp/1/quic-v1/webtransport/certhash/u',
      { host: '10.0.0.1', transport: 'webtransport', isEncrypted: true },
    ],
    ['/ip4/10.0.0.1/udp/1/webrtc-direct', { host: '10.0.0.1', transport: 'webrtc', isEncrypted: true }],
    // Dialled by its relay.
    [
      '/ip4/10.0.0.1/tcp/1/ws/p2p/a/p2p-circuit/webrtc',
      { host: '10.0.0.1', transport: 'websockets', isEncrypted: false },
    ],
    ['/ip4/10.0.0.1/tcp/8645', { host: '10.0.0.1', transport: 'none', isEncrypted: false }],
    ['https://gateway.example', { host: 'gateway.example', transport: 'gateway-url', isEncrypted: true }],
  ] as const
  for (const [text, parts] of cases) expect(readAddress(text), text).toEqual(parts)
  for (const text of ['', '/', '/ip4', '/nonsense/1', 'a b']) expect(readAddress(text), text).toBeUndefined()
})

test('the local network is loopback, private, link-local and mDNS, and nothing beside them', () => {
  const local = [
    'localhost',
    '127.0.0.1',
    '::1',
    '[::1]',
    '10.1.2.3',
    '192.168.0.1',
    '169.254.1.1',
    '172.16.0.1',
    '172.31.0.1',
  ]
  for (const host of [...local, 'fd00::1', '[fe80::1]', 'box.local']) expect(isLocalNetwork(host), host).toBe(true)
  const elsewhere = [
    '172.15.0.1',
    '172.32.0.1',
    '192.169.0.1',
    '100.1.1.1',
    '2001:db8::1',
    'gateway.example',
    'fdroid.example',
  ]
  for (const host of elsewhere) expect(isLocalNetwork(host), host).toBe(false)
})

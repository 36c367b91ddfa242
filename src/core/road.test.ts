import { expect, test } from 'vitest'
import type { Road } from './message.ts'
import { canDial, hostScope, isUsual, scopeOf } from './road.ts'

const PEER = '12D3KooWEW4VXGhWqv2AzCCDiGSviSJiurWVUEsN951sjCz1e4VF'
const ALL: readonly Road[] = ['tcp', 'ws', 'wss', 'webtransport', 'webrtc-direct', 'webrtc']

test.each([
  ['127.0.0.1', 0],
  ['localhost', 0],
  ['tab.localhost', 0],
  ['::1', 0],
  ['[::1]', 0],
  ['10.0.0.7', 1],
  ['172.15.0.1', 2],
  ['172.16.0.1', 1],
  ['172.31.255.255', 1],
  ['172.32.0.1', 2],
  ['192.168.1.4', 1],
  ['169.254.0.1', 1],
  ['fd00::1', 1],
  ['fe80::1', 1],
  ['nas.local', 1],
  ['nas', 1],
  ['2001:db8::1', 2],
  ['1.2.3.4', 2],
  ['fd.example', 2],
  ['gateway.example', 2],
])('%s is reached from scope %i', (host, scope) => {
  expect(hostScope(host)).toBe(scope)
})

test('a relayed address reaches as far as its relay; what names no host is told of nothing local', () => {
  expect(scopeOf(`/ip4/10.0.0.7/tcp/1/ws/p2p/${PEER}/p2p-circuit/webrtc/p2p/${PEER}`)).toBe(1)
  expect(scopeOf('/dns4/localhost/tcp/1/ws')).toBe(0)
  expect(scopeOf(`/webrtc/p2p/${PEER}`)).toBe(2)
})

test.each<readonly [string, readonly Road[]]>([
  [`/ip4/1.2.3.4/tcp/1/p2p/${PEER}`, ['tcp']],
  [`/ip4/1.2.3.4/tcp/1/ws/p2p/${PEER}`, ['ws']],
  [`/dns4/gateway.example/tcp/443/tls/ws/p2p/${PEER}`, ['wss']],
  [`/dns4/gateway.example/tcp/443/wss`, ['wss']],
  [`/ip4/1.2.3.4/udp/1/quic-v1/webtransport/certhash/u1`, ['webtransport']],
  [`/ip4/1.2.3.4/udp/1/webrtc-direct/certhash/u1`, ['webrtc-direct']],
  [`/ip4/1.2.3.4/tcp/1/ws/p2p/${PEER}/p2p-circuit/webrtc/p2p/${PEER}`, ['ws', 'webrtc']],
])('%s needs %j and nothing else', (address, needed) => {
  expect(canDial(address, needed)).toBe(true)
  for (const road of needed) {
    expect(
      canDial(
        address,
        ALL.filter((other) => other !== road),
      ),
    ).toBe(false)
  }
})

test('what goes by a relay alone, or by a road that we have no name for, is not dialled', () => {
  expect(canDial(`/ip4/1.2.3.4/tcp/1/ws/p2p/${PEER}/p2p-circuit/p2p/${PEER}`, ALL)).toBe(false)
  expect(canDial('/ip4/1.2.3.4/udp/1/quic-v1', ALL)).toBe(false)
})

test.each([
  'ip4/1.2.3.4',
  'ip6/::1',
  'ip6/2001:db8::1',
  'ip6/fd00::1',
  'dns4/gateway.example',
  'dns/nas',
  'dns6/xn--a.b_c.de',
])('a stranger may tell us of %s', (host) => {
  expect(isUsual(`/${host}/tcp/1/ws`)).toBe(true)
})

// How else 127.0.0.1 can be written: RFC 4291 2.5.5, RFC 6052, the URL standard's IPv4 and IDNA parsers, RFC 4007.
test.each([
  'ip6/::ffff:7f00:1',
  'ip6/::7f00:1',
  'ip6/64:ff9b::7f00:1',
  'ip6zone/a.b/ip6/::1',
  'dns4/0x7f.1',
  'dns4/0177.0.0.1',
  'dns4/localhost.',
  'dns4/%EF%BC%91%EF%BC%92%EF%BC%97.0.0.1',
  'dnsaddr/gateway.example',
])('a stranger may not tell us of %s', (host) => {
  expect(isUsual(`/${host}/tcp/1/ws`)).toBe(false)
})

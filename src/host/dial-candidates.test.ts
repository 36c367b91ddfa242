import { multiaddr } from '@multiformats/multiaddr'
import { expect, test } from 'vitest'
import { DialCandidates } from './dial-candidates.ts'

const CERTHASH = 'certhash/uEiAkH5a4DPGKUuOBjYw0CgwjLa2R_RF71v86aVxlqdKNOQ'
const TCP = '/ip4/1.2.3.4/tcp/1'
const WS = '/ip4/1.2.3.4/tcp/2/ws'
const WSS = '/dns4/gateway.example/tcp/443/tls/ws'
const WEBTRANSPORT = `/ip4/1.2.3.4/udp/1/quic-v1/webtransport/${CERTHASH}`
const DIRECT = `/ip4/1.2.3.4/udp/1/webrtc-direct/${CERTHASH}`

const order = (candidates: DialCandidates, addresses: readonly string[], nowMs = 0): readonly string[] =>
  candidates
    .choose(
      addresses.map((address) => multiaddr(address)),
      nowMs,
    )
    .map(String)

test('what this platform cannot dial is left out, and the rest is tried in the order of its roads', () => {
  const tab = new DialCandidates(['ws', 'wss', 'webtransport', 'webrtc-direct', 'webrtc'])
  expect(order(tab, [DIRECT, WEBTRANSPORT, TCP, WS, WSS])).toEqual([WS, WSS, WEBTRANSPORT, DIRECT])
  const other = new DialCandidates(['webtransport', 'tcp', 'ws', 'wss'])
  expect(order(other, [DIRECT, WS, TCP, WEBTRANSPORT])).toEqual([WEBTRANSPORT, TCP, WS])
  const old = new DialCandidates(['ws', 'wss', 'webrtc-direct'])
  expect(order(old, [DIRECT, WEBTRANSPORT, TCP, WSS])).toEqual([WSS, DIRECT])
})

test('a page that came over https dials no plain WebSocket, nor the local network', () => {
  const page = { protocol: 'https:', hostname: 'app.example' }
  const tab = new DialCandidates(['ws', 'wss', 'webrtc-direct'], page)
  const local = `/ip4/192.168.1.4/udp/1/webrtc-direct/${CERTHASH}`
  expect(order(tab, [WS, local, DIRECT])).toEqual([DIRECT])
})

test('where nothing is left all are tried, for what they tell', () => {
  expect(order(new DialCandidates(['webtransport']), [WS])).toEqual([WS])
  expect(order(new DialCandidates(undefined), [DIRECT, WS])).toEqual([DIRECT, WS])
})

test('a dead address comes after the others of its peer, for longer and longer, until it worked again', () => {
  const candidates = new DialCandidates(['ws', 'wss'])
  candidates.failed(multiaddr(WS), 0)
  expect(order(candidates, [WS, WSS], 1_400)).toEqual([WSS, WS])
  expect(order(candidates, [WS, WSS], 2_000)).toEqual([WS, WSS])
  candidates.failed(multiaddr(WS), 2_000)
  expect(order(candidates, [WS, WSS], 4_900)).toEqual([WSS, WS])
  candidates.failed(multiaddr(WS), 6_000)
  candidates.reached(multiaddr(WS))
  expect(order(candidates, [WS, WSS], 6_001)).toEqual([WS, WSS])
})

import { createSocket, type Socket } from 'node:dgram'
import { expect, onTestFinished, test } from 'vitest'
import { gatewayRoadOf, gatewayRoads } from './gateway-roads.nodejs.ts'

const HOST = '127.0.0.1'

async function bind(port: number): Promise<Socket> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, HOST, resolve)
  })
  return socket
}

/** A UDP port that is free, and so is the next one. */
async function freePort(): Promise<number> {
  const first = await bind(0)
  const { port } = first.address()
  const second = await bind(port + 1).catch(() => undefined)
  first.close()
  second?.close()
  return second === undefined ? freePort() : port
}

test('the UDP ports of a gateway follow from its port, and every one is free where that is', async () => {
  const port = await freePort()
  expect(await gatewayRoads({ host: HOST, port })).toEqual({
    listen: [
      '/ip4/127.0.0.1/tcp/0',
      `/ip4/127.0.0.1/udp/${port}/quic-v1/webtransport`,
      `/ip4/127.0.0.1/udp/${port + 1}/webrtc-direct`,
    ],
    notes: [],
  })
  expect((await gatewayRoads({ host: HOST, port: 0 })).listen).toEqual([
    '/ip4/127.0.0.1/tcp/0',
    '/ip4/127.0.0.1/udp/0/quic-v1/webtransport',
    '/ip4/127.0.0.1/udp/0/webrtc-direct',
  ])
  expect((await gatewayRoads({ host: HOST, port: 65_535 })).listen[2]).toBe('/ip4/127.0.0.1/udp/0/webrtc-direct')
})

test('where a UDP port is taken, another is used and it is told', async () => {
  const port = await freePort()
  const socket = await bind(port)
  onTestFinished(() => void socket.close())
  expect(await gatewayRoads({ host: HOST, port, without: ['tcp', 'webrtc-direct'] })).toEqual({
    listen: ['/ip4/127.0.0.1/udp/0/quic-v1/webtransport'],
    notes: [`WebTransport listens on another port: UDP port ${port} of 127.0.0.1 is in use`],
  })
})

test('what cannot listen is told with the reason, and the rest goes on', async () => {
  expect(await gatewayRoads({ host: '::1', port: 0 })).toEqual({
    listen: ['/ip6/::1/tcp/0', '/ip6/::1/udp/0/webrtc-direct'],
    notes: ['not listening for WebTransport: its addon binds IPv4 only, not ::1'],
  })
})

test('an address by name takes the place of the default one of its road', async () => {
  const listen = ['/ip4/0.0.0.0/udp/443/webrtc-direct', '/ip6/::/udp/443/webrtc-direct', '/ip4/127.0.0.1/tcp/4001']
  expect(await gatewayRoads({ host: HOST, port: 0, listen })).toEqual({
    listen: ['/ip4/127.0.0.1/tcp/4001', '/ip4/127.0.0.1/udp/0/quic-v1/webtransport', listen[0], listen[1]],
    notes: [],
  })
  await expect(gatewayRoads({ host: HOST, port: 0, listen: ['/ip6/::1/udp/1/quic-v1/webtransport'] })).rejects.toThrow(
    'cannot listen on /ip6/::1/udp/1/quic-v1/webtransport: its addon binds IPv4 only, not ::1',
  )
})

test.each([
  ['/ip4/127.0.0.1/tcp/1', 'tcp'],
  ['/ip6/::/udp/1/webrtc-direct', 'webrtc-direct'],
  ['/ip4/0.0.0.0/udp/1/quic-v1/webtransport', 'webtransport'],
  ['/ip4/127.0.0.1/tcp/1/ws', undefined],
  ['/ip4/127.0.0.1/udp/1/quic-v1', undefined],
  ['/dns4/localhost/tcp/1', undefined],
  ['/ip4/127.0.0.1/tcp/99999', undefined],
  ['/ip4/127.0.0.1', undefined],
  ['http://127.0.0.1', undefined],
  ['', undefined],
])('the road of %j is %s', (address, road) => {
  expect(gatewayRoadOf(address)).toBe(road)
})

import { expect, test } from 'vitest'
import { createConnection } from './connection.ts'
import { DialSchedule } from './dial-schedule.ts'
import type { Effect } from './effect.ts'
import { toConnectionId, toPeerId, toRequestId } from './ids.ts'
import type { PeerRecord } from './message.ts'
import { PeerDiscovery } from './peer-discovery.ts'

test.each([
  ['/ip4/8.8.8.8/tcp/1/ws', []],
  ['/ip6/::ffff:808:808/tcp/1/ws', []],
  // By a listener that does not tell, and through a proxy on this machine.
  ['/ip4/0.0.0.0/udp/0/quic-v1/webtransport/p2p/stranger', []],
  ['/ip4/0.0.0.0/udp/0/quic-v1/webtransport/p2p/stranger', ['/ip4/192.168.0.9/tcp/1/ws/p2p/own']],
  ['/ip4/127.0.0.1/tcp/1/ws', ['/dns4/gateway.example/tcp/443/tls/ws/p2p/own']],
])('a stranger from %s makes us dial nothing of ours, however it writes it', (from, own) => {
  const stranger = toPeerId('stranger')
  const connection = createConnection(
    {
      type: 'connection-opened',
      connection: toConnectionId('1'),
      peer: stranger,
      direction: 'inbound',
      transport: 'websockets',
      address: from,
      isLimited: false,
    },
    0,
  )
  const effects: Effect[] = []
  const random = (): number => 0
  const discovery = new PeerDiscovery({
    ownPeer: toPeerId('own'),
    random,
    effects,
    dials: new DialSchedule({ peers: [], random, effects, learntFailed: () => {} }),
    connectionOf: () => connection,
    hasRoom: () => true,
  })
  discovery.ownRecordChanged({ type: 'own-record-changed', record: recordOf('own', own), roads: ['ws'] })
  const tell = (hosts: readonly string[]): void => {
    const record = recordOf(
      'stranger',
      hosts.map((host) => `/${host}/tcp/1/ws/p2p/stranger`),
    )
    const message = { type: 'get-peers', request: toRequestId(1), roads: ['ws'], records: [record] } as const
    discovery.message({ peer: stranger, connection, message, nowMs: 1 })
    discovery.settle(1)
  }
  const dialled = (): unknown[] => effects.flatMap((effect) => (effect.type === 'dial' ? [effect.address] : []))
  tell(['ip4/127.0.0.1', 'ip4/8.8.8.8'])
  tell(['ip6/::ffff:7f00:1'])
  tell(['dns4/0x7f.1', 'dns4/localhost.'])
  expect(dialled()).toEqual([])
  tell(['ip6/::ffff:7f00:1', 'ip4/8.8.8.8'])
  expect(dialled()).toEqual(['/ip4/8.8.8.8/tcp/1/ws/p2p/stranger'])
})

let sequence = 0

function recordOf(peer: string, addresses: readonly string[]): PeerRecord {
  sequence += 1
  return { peer: toPeerId(peer), sequence, addresses, envelope: new Uint8Array() }
}

import { afterEach, expect, test } from 'vitest'
import { toRequestId } from '../../src/core/ids.ts'
import { INFO, ScriptedHost } from './libp2p-scripted.ts'

const running: ScriptedHost[] = []

async function start(...args: Parameters<typeof ScriptedHost.start>): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start(...args)
  running.push(scripted)
  return scripted
}

afterEach(async () => {
  await Promise.all(running.splice(0).map(({ host }) => host.stop()))
})

const LISTEN = { tcp: '/ip4/127.0.0.1/tcp/0', websockets: '/ip4/127.0.0.1/tcp/0/ws' }

test.each(Object.entries(LISTEN))(
  'two hosts meet over %s, shake hands both ways and part',
  async (transport, listen) => {
    const [alice, bob] = await Promise.all([start({ listen: [] }), start({ listen: [listen] })])
    alice.answerHandshakes({ ...INFO, agent: 'alice' })
    bob.answerHandshakes({ ...INFO, agent: 'bob' })

    const connection = await alice.connect(bob.address)
    const inbound = await bob.inbound()
    expect(alice.events[0]).toMatchObject({ type: 'connection-opened', connection, transport, direction: 'outbound' })
    expect(alice.events[0]).toMatchObject({ peer: bob.host.peerId, isLimited: false })
    expect(inbound).toMatchObject({ peer: alice.host.peerId, transport })

    alice.askHandshake(connection)
    bob.askHandshake(inbound.connection)
    expect((await alice.saw('handshake-answered')).info).toEqual({ ...INFO, agent: 'bob' })
    expect((await bob.saw('handshake-answered')).info).toEqual({ ...INFO, agent: 'alice' })
    expect((await alice.saw('handshake-requested')).info).toEqual(INFO)
    await alice.saw('protocols-learnt', (event) => event.speaksHandshake && event.speaksBitswap)

    alice.host.perform({ type: 'close-connection', connection, reason: 'disconnect-requested' })
    await Promise.all([alice.saw('connection-closed'), bob.saw('connection-closed')])
    for (const side of [alice, bob]) {
      expect(side.events.at(-1)?.type).toBe('connection-closed')
      expect(side.count('connection-opened')).toBe(1)
      expect(side.count('connection-closed')).toBe(1)
      expect(side.count('handshake-failed')).toBe(0)
    }
  },
)

test('requests and announcements go one way, answers come back', async () => {
  const [alice, bob] = await Promise.all([start({ listen: [] }), start()])
  bob.on((event) => {
    if (event.type !== 'message-received' || event.message.type !== 'ping') return
    const message = { type: 'pong', request: event.message.request } as const
    bob.host.perform({ type: 'send-message', connection: event.connection, message })
  })
  const connection = await alice.connect(bob.address)
  alice.host.perform({
    type: 'send-message',
    connection,
    message: { type: 'announce', headers: new Uint8Array(160), head: INFO.head },
  })
  for (const request of [1, 2, 3]) {
    alice.host.perform({ type: 'send-message', connection, message: { type: 'ping', request: toRequestId(request) } })
  }
  await alice.saw('message-received', ({ message }) => message.type === 'pong' && message.request === toRequestId(3))
  const got = bob.events.flatMap((event) => (event.type === 'message-received' ? [event.message.type] : []))
  expect(got).toEqual(['announce', 'ping', 'ping', 'ping'])
  expect(alice.host.traffic(connection)?.bytesOut).toBeGreaterThan(160)
  expect(alice.host.traffic(connection)?.bytesIn).toBeGreaterThan(10)
})

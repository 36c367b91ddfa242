import { memory } from '@libp2p/memory'
import { expect, test } from 'vitest'
import { toRequestId } from '../../src/core/ids.ts'
import { createTabLibp2p } from '../../src/host/tab-libp2p.ts'
import { INFO, ScriptedHost } from './libp2p-scripted.ts'

test('the same host runs in Node.js and in a tab: handshake, request, answer, stop', async () => {
  const [alice, bob] = await Promise.all(
    ['alice', 'bob'].map((name) =>
      ScriptedHost.start({
        createLibp2p: createTabLibp2p,
        transports: [memory()],
        listen: [`/memory/${name}`],
      }),
    ),
  )
  if (alice === undefined || bob === undefined) throw new Error('expected two hosts')
  bob.answerHandshakes()
  const connection = await alice.connect(bob.address)
  alice.askHandshake(connection)
  expect((await alice.saw('handshake-answered')).info).toEqual(INFO)
  alice.host.perform({ type: 'send-message', connection, message: { type: 'ping', request: toRequestId(5) } })
  const asked = await bob.saw('message-received')
  bob.host.perform({
    type: 'send-message',
    connection: asked.connection,
    message: { type: 'pong', request: toRequestId(5) },
  })
  expect((await alice.saw('message-received')).message).toEqual({ type: 'pong', request: 5 })
  expect(alice.events[0]).toMatchObject({ type: 'connection-opened', transport: 'memory' })
  await Promise.all([alice.host.stop(), bob.host.stop()])
  expect([alice.count('connection-closed'), bob.count('connection-closed')]).toEqual([1, 1])
})

/** WebRTC through a relay, between two that listen on nothing: the libp2p for tabs, in Node.js. */
import { afterEach, expect, test, vi } from 'vitest'
import { createTabLibp2p } from '../../src/host/tab-libp2p.ts'
import { nodejsTransports, relayServer } from '../../src/host/transports.nodejs.ts'
import { ScriptedHost } from './libp2p-scripted.ts'

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

async function start(options: Parameters<typeof ScriptedHost.start>[0]): Promise<ScriptedHost> {
  const scripted = await ScriptedHost.start(options)
  stops.push(() => scripted.host.stop())
  return scripted
}

const startRelay = (): Promise<ScriptedHost> =>
  start({
    transports: nodejsTransports({ transports: ['websockets'] }),
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
    services: [relayServer()],
  })

const startTab = (): Promise<ScriptedHost> =>
  start({
    createLibp2p: createTabLibp2p,
    transports: nodejsTransports({ transports: ['websockets', 'webrtc'] }),
    listen: ['/p2p-circuit', '/webrtc'],
  })

/** Resolves when it is reachable through the relay that it has dialled. */
function addressOf(tab: ScriptedHost): Promise<string> {
  return vi.waitFor(() => {
    const address = tab.host.addresses.find((each) => each.includes('/webrtc/'))
    if (address === undefined) throw new Error('expected a place at a relay')
    return address
  }, 20_000)
}

test('two tabs that share a relay meet directly; the relayed connection ends, and the relay may go', async () => {
  const relay = await startRelay()
  const [alice, bob] = await Promise.all([startTab(), startTab()])
  for (const tab of [alice, bob]) tab.answerHandshakes()
  await alice.connect(relay.address)
  const address = await addressOf(alice)
  expect(address).toBe(`${relay.address}/p2p-circuit/webrtc/p2p/${alice.host.peerId}`)

  const connection = await bob.connect(address)
  const opened = await bob.saw('connection-opened', (event) => event.connection === connection)
  expect(opened).toMatchObject({ peer: alice.host.peerId, transport: 'webrtc', isLimited: false })
  const relayed = await bob.saw('connection-opened', (event) => event.isLimited)
  expect(relayed).toMatchObject({ peer: alice.host.peerId, transport: 'relay', direction: 'outbound' })
  await bob.saw('connection-closed', (event) => event.connection === relayed.connection)
  const heard = await alice.saw('connection-opened', (event) => event.isLimited)
  await alice.saw('connection-closed', (event) => event.connection === heard.connection)
  // The relay that was dialled on the way is a peer like any other.
  const toRelay = await bob.saw('connection-opened', ({ peer }) => peer === relay.host.peerId)
  expect(bob.events).not.toContainEqual({ type: 'connection-closed', connection: toRelay.connection })

  await relay.host.stop()
  await bob.saw('connection-closed', (event) => event.connection === toRelay.connection)
  bob.askHandshake(connection)
  await bob.saw('handshake-answered', (event) => event.connection === connection)
})

test('a tab that is gone gives its place at the relay back at once', async () => {
  let relay: ReturnType<ReturnType<typeof relayServer>> | undefined
  const host = await start({
    transports: nodejsTransports({ transports: ['websockets'] }),
    listen: ['/ip4/127.0.0.1/tcp/0/ws'],
    services: [(components) => (relay = relayServer()(components))],
  })
  const tab = await startTab()
  await tab.connect(host.address)
  await addressOf(tab)
  expect(relay?.reservations.size).toBe(1)
  await tab.host.stop()
  await vi.waitFor(() => expect(relay?.reservations.size).toBe(0), 20_000)
})

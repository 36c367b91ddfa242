/** Two that dial each other at the same moment, on every road: one ready for each, and one connection in the end. */
import type { Page } from '@playwright/test'
import { needRealHeaders } from './chain-data.ts'
import { expect, test } from './road-fixtures.ts'
import type { RoadPeer } from './road-peer-process.ts'
import { addressOver, peerIdOf, ROADS, startTab, webRtcAddressOf } from './road-tab.ts'

needRealHeaders()

async function untilOneConnection(peer: RoadPeer, other: string): Promise<void> {
  await expect
    .poll(async () => {
      peer.tell('open')
      return peer.said('open')
    })
    .toBe(other)
}

test('two gateways dial each other at once over each road: one ready each, and the surplus is gone', async ({
  roads,
}) => {
  const [alice, bob] = await Promise.all([roads.peer(), roads.peer()])
  const [aliceId = '', bobId = ''] = [alice, bob].map(({ addresses }) => addresses[0]?.split('/p2p/')[1])
  for (const [road, component] of ROADS) {
    const startedMs = Date.now()
    alice.tell(`connect ${addressOver(component, bob.addresses)}`)
    bob.tell(`connect ${addressOver(component, alice.addresses)}`)
    await Promise.all([alice.said(`ready ${bobId}`), bob.said(`ready ${aliceId}`)])
    const readyMs = Date.now() - startedMs
    await Promise.all([untilOneConnection(alice, bobId), untilOneConnection(bob, aliceId)])
    console.log(`${road}: both ready after ${readyMs} ms, one connection after ${Date.now() - startedMs} ms`)
    expect([...alice.unsaid('ready'), ...alice.unsaid('gone'), ...bob.unsaid('ready'), ...bob.unsaid('gone')]).toEqual(
      [],
    )
    alice.tell(`disconnect ${bobId}`)
    bob.tell(`disconnect ${aliceId}`)
    await Promise.all([alice.said(`gone ${bobId}`), bob.said(`gone ${aliceId}`)])
    await Promise.all([untilOneConnection(alice, ''), untilOneConnection(bob, '')])
  }
})

test('two tabs dial each other at once: one ready each, the relayed connections and the surplus are gone', async ({
  roads,
}) => {
  const peer = await roads.peer()
  const relay = addressOver('/ws/', peer.addresses)
  const [alice, bob] = [await roads.tab(), await roads.tab()]
  for (const page of [alice, bob]) await startTab(page, { peers: [relay], transports: ['websockets', 'webrtc'] })
  const connect = async (from: Page, to: Page): Promise<void> => {
    const address = await webRtcAddressOf(to)
    // It may well end in the connection that the other one opens.
    await from.evaluate((given) => void window.lightNode.connect(given).catch(() => {}), address)
  }
  const ids = [await peerIdOf(alice), await peerIdOf(bob)] as const
  const startedMs = Date.now()
  await Promise.all([connect(alice, bob), connect(bob, alice)])
  for (const [page, other] of [[alice, ids[1]] as const, [bob, ids[0]] as const]) {
    await page.waitForFunction((told) => window.peerEvents.includes(told), `ready ${other}`, { polling: 20 })
  }
  const readyMs = Date.now() - startedMs
  for (const [page, other] of [[alice, ids[1]] as const, [bob, ids[0]] as const]) {
    await page.waitForFunction(
      (peerId) => {
        const open = [...window.openConnections.values()].filter((address) => address.endsWith(peerId))
        return open.length === 1 && open[0]?.includes('/webrtc/') === true
      },
      other,
      { polling: 20 },
    )
    const events = await page.evaluate((peerId) => window.peerEvents.filter((told) => told.endsWith(peerId)), other)
    expect(events).toEqual([`ready ${other}`])
  }
  console.log(`webrtc: both ready after ${readyMs} ms, one connection after ${Date.now() - startedMs} ms`)
})

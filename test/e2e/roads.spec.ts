/** Every road in real Chromium: a tab and a gateway in Node.js, and two tabs that met at a relay. */
import { MAINNET, MAINNET_HEIGHT, needRealHeaders } from './chain-data.ts'
import { exerciseRoad, exerciseTabs } from './road-exercise.ts'
import { test } from './road-fixtures.ts'
import { addressOver, ROADS } from './road-tab.ts'

needRealHeaders()

for (const [road, component] of ROADS) {
  test(`over ${road}: handshake, sync, a new head, a block each way, and a goodbye`, async ({ roads }) => {
    const peer = await roads.peer()
    await exerciseRoad({ page: await roads.tab(), peer, road, address: addressOver(component, peer.addresses) })
  })
}

test('over webrtc: tabs meet at a relay, which dies; one syncs from a gateway, the other everything from it', async ({
  roads,
  gateways,
}) => {
  const [relay, gateway] = await Promise.all([roads.emptyPeer(), gateways.serving(MAINNET)])
  const { url: address, kill } = gateway
  const [alice, bob] = [await roads.tab(), await roads.tab()]
  await exerciseTabs({ alice, bob, relay, gateway: { address, height: MAINNET_HEIGHT, kill } })
})

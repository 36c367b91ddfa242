/** The same in a second engine: Debian's Firefox. */
import type { Page } from '@playwright/test'
import { networkInterfaces } from 'node:os'
import { firefox } from 'playwright-core-bidi'
import { findFirefox, FIREFOX_MISSING } from '../find-firefox.ts'
import { MAINNET, needRealHeaders } from './chain-data.ts'
import { exerciseRoad, exerciseTabs } from './road-exercise.ts'
import { test } from './road-fixtures.ts'
import { addressOver, ROADS } from './road-tab.ts'

needRealHeaders()

const firefoxPath = findFirefox()
if (firefoxPath === undefined) console.error(FIREFOX_MISSING)

/** Firefox keeps WebRTC off loopback: there it goes over an address of this machine's own, which no packet leaves. */
const ownHost = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address

test('in Firefox: WebSockets, WebTransport, WebRTC-Direct, and WebRTC from tab to tab', async ({
  roads,
  gateways,
  lab,
}) => {
  test.skip(firefoxPath === undefined, FIREFOX_MISSING)
  const browser = await firefox.launch({
    // Its type does not know it; it takes the system's Firefox as it is.
    channel: 'moz-firefox',
    executablePath: firefoxPath ?? '',
    headless: true,
  })
  const open = async (): Promise<Page> => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(lab.url)
    await page.waitForFunction(() => 'start' in window)
    // Of another version of the same library.
    return page as unknown as Page
  }
  try {
    for (const [road, component] of ROADS) {
      if (road === 'webrtc-direct' && ownHost === undefined) {
        console.log('webrtc-direct: not tried in Firefox, this machine has no address but loopback')
        continue
      }
      const peer = await roads.peer(road === 'webrtc-direct' && ownHost !== undefined ? { host: ownHost } : {})
      await exerciseRoad({ page: await open(), peer, road, address: addressOver(component, peer.addresses) })
    }
    if (ownHost === undefined) return console.log('webrtc: not tried in Firefox, for the same reason')
    const [relay, gateway] = await Promise.all([roads.emptyPeer(), gateways.serving(MAINNET)])
    await exerciseTabs({ alice: await open(), bob: await open(), relay, gateway })
  } finally {
    await browser.close()
  }
})

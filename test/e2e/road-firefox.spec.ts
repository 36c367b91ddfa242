/** The same in a second engine: Debian's Firefox. */
import type { Page } from '@playwright/test'
import { networkInterfaces } from 'node:os'
import { firefox } from 'playwright-core-bidi'
import { findFirefox, FIREFOX_MISSING } from '../find-firefox.ts'
import { needRealHeaders } from './chain-data.ts'
import { exerciseRoad, exerciseTabs } from './road-exercise.ts'
import { test } from './road-fixtures.ts'
import { PEER_HEIGHT } from './road-peer-process.ts'
import { addressOver, ROADS } from './road-tab.ts'

needRealHeaders()

const firefoxPath = findFirefox()
if (firefoxPath === undefined) console.error(FIREFOX_MISSING)

/** Firefox keeps WebRTC off loopback: there it goes over an address of this machine's own, which no packet leaves. */
const ownHost = Object.values(networkInterfaces())
  .flat()
  .find((each) => each?.family === 'IPv4' && !each.internal)?.address

test('in Firefox: WebSockets, WebTransport, WebRTC-Direct, and WebRTC from tab to tab', async ({ roads, lab }) => {
  test.skip(firefoxPath === undefined, FIREFOX_MISSING)
  const [browser, peer, relay] = await Promise.all([
    // The type does not know this channel: the system's Firefox as it is.
    firefox.launch({ channel: 'moz-firefox', executablePath: firefoxPath ?? '', headless: true }),
    roads.peer(ownHost === undefined ? {} : { webRtcHost: ownHost }),
    roads.emptyPeer(),
  ])
  const open = async (): Promise<Page> => {
    const page = await (await browser.newContext()).newPage()
    await page.goto(lab.url)
    await page.waitForFunction(() => 'start' in window)
    // Of another version of the same library.
    return page as unknown as Page
  }
  try {
    const roadsHere = ROADS.filter(([road]) => ownHost !== undefined || road !== 'webrtc-direct')
    let height = PEER_HEIGHT
    for (const [road, component] of roadsHere) {
      const address = addressOver(component, peer.addresses)
      await exerciseRoad({ page: await open(), peer, road, address, height })
      height++
    }
    if (ownHost === undefined) {
      console.log('WebRTC was not tried in Firefox: this machine has no address but loopback')
      return
    }
    const gateway = { address: addressOver('/ws/', peer.addresses), height, kill: peer.kill }
    await exerciseTabs({ alice: await open(), bob: await open(), relay, gateway })
  } finally {
    await browser.close()
  }
})

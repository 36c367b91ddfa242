/** Connections that outlive a change of network, a sleep, a gateway's restart or a certificate: noticed, and replaced. */
import type { Page } from '@playwright/test'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { certificatesAt, changesAtMs } from '../../src/host/certificate-rotation.nodejs.ts'
import { needRealHeaders } from './chain-data.ts'
import { freePort } from './free-port.ts'
import { openHiddenTab } from './hidden-tab.ts'
import { expect, test, type Roads } from './road-fixtures.ts'
import { PEER_HEIGHT, type RoadPeer } from './road-peer-process.ts'
import {
  addressOver,
  peerIdOf,
  ROADS,
  startTab,
  untilAlone,
  untilHeight,
  untilReadyOver,
  webRtcAddressOf,
} from './road-tab.ts'

/** From waking to a new connection whose handshake is done. */
const REPLACED_MS_MAX = 5_000
/** The long form is as long as a tunnel; the short one as long as it takes until the gateway has a new head. */
const OFFLINE_MS = process.env['RUSHLIGHT_LONG'] === '1' ? 30_000 : 0

/** Hidden pages draw no frames, by which Playwright would look again. */
const POLLED = { polling: 50 }

needRealHeaders()

interface RoadTab {
  readonly road: string
  readonly page: Page
}

/** One tab for each road, synced with the peer at this height. */
async function tabOfEachRoad(roads: Roads, addresses: readonly string[]): Promise<readonly RoadTab[]> {
  return Promise.all(
    ROADS.map(async ([road, component]) => {
      const page = await roads.tab()
      await startTab(page, { peers: [addressOver(component, addresses)], transports: [road] })
      return { road, page }
    }),
  )
}

/** `ROAD N ms, …`: how long each took, from when this is called. */
async function timed(tabs: readonly RoadTab[], until: (page: Page) => Promise<unknown>): Promise<string> {
  const startedMs = Date.now()
  const took = tabs.map(async ({ road, page }) => {
    await until(page)
    return `${road} ${Date.now() - startedMs} ms`
  })
  return (await Promise.all(took)).join(', ')
}

async function untilTold(peer: RoadPeer, height: number): Promise<void> {
  peer.submit(height)
  await expect
    .poll(async () => {
      peer.tell('height')
      return peer.said('height')
    })
    .toBe(String(height))
}

async function openHiddenTabs(
  profile: string,
  count: number,
): Promise<{ readonly pages: readonly Page[]; close(): Promise<void> }> {
  const { page, close } = await openHiddenTab(profile)
  const context = page.context()
  await context.grantPermissions(['camera', 'microphone'])
  const front = context.pages().find((each) => each !== page)
  const pages = [page]
  while (pages.length < count) pages.push(await context.newPage())
  await front?.bringToFront()
  for (const each of pages) await each.waitForFunction(() => document.hidden, undefined, POLLED)
  return { pages, close }
}

/** Resolves when the peer holds one connection to each of these tabs, and no dead one beside it. */
async function untilOneEach(peer: RoadPeer, tabs: readonly RoadTab[]): Promise<void> {
  const ids = await Promise.all(tabs.map(({ page }) => peerIdOf(page)))
  await expect
    .poll(async () => {
      peer.tell('open')
      return (await peer.said('open')).split(' ').sort()
    })
    .toEqual(ids.sort())
}

test('offline for a while, and on another network after it: back in sync, on every road', async ({ roads }) => {
  const peer = await roads.peer()
  const proxies = await Promise.all(ROADS.map(([, part]) => roads.proxy(addressOver(part, peer.addresses))))
  const proxied = proxies.map(({ address }) => address)
  const tabs = await tabOfEachRoad(roads, proxied)
  // Chromium's own switch tells the page and cuts WebSockets; what is open over UDP goes on, so the proxy cuts all.
  for (const { page } of tabs) await page.context().setOffline(true)
  for (const proxy of proxies) proxy.cut()
  await untilTold(peer, PEER_HEIGHT + 1)
  await new Promise((resolve) => setTimeout(resolve, OFFLINE_MS))
  for (const proxy of proxies) proxy.mend()
  for (const { page } of tabs) await page.context().setOffline(false)
  const onlineMs = Date.now()
  const online = await timed(tabs, async (page) => {
    await untilHeight(page, PEER_HEIGHT + 1)
    expect.soft(Date.now() - onlineMs).toBeLessThan(REPLACED_MS_MAX)
  })
  console.log(`back in sync after being offline: ${online}`)
  await untilOneEach(peer, tabs)

  for (const proxy of proxies) proxy.swallow()
  const replaced = await timed(tabs, async (page) => {
    const before = await page.evaluate(() => [...window.openConnections.keys()])
    const startedMs = Date.now()
    await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')))
    await page.waitForFunction(
      (old) =>
        window.lightNode.snapshot().peers.some(({ state }) => state === 'ready') &&
        [...window.openConnections.keys()].some((id) => !old.includes(id)),
      before,
      { polling: 20 },
    )
    expect.soft(Date.now() - startedMs).toBeLessThan(REPLACED_MS_MAX)
  })
  console.log(`replaced when the page was looked at again: ${replaced}`)
  // The peer does not know yet that the old ones are dead, and tells the new head over them first.
  peer.submit(PEER_HEIGHT + 2)
  console.log(`a head of that moment is there: ${await timed(tabs, (page) => untilHeight(page, PEER_HEIGHT + 2))}`)
  await untilOneEach(peer, tabs)
})

test('frozen for a while: thawed, back in sync, on every road', async ({ roads, lab, gateways }) => {
  const peer = await roads.peer()
  const proxies = await Promise.all(ROADS.map(([, part]) => roads.proxy(addressOver(part, peer.addresses))))
  // Only what is hidden can be frozen.
  const { pages, close } = await openHiddenTabs(gateways.folder(), ROADS.length)
  try {
    const tabs = await Promise.all(
      ROADS.map(async ([road], index) => {
        const page = pages[index]
        if (page === undefined) throw new Error('a tab for each road')
        await page.goto(lab.url)
        await page.waitForFunction(() => 'start' in window, undefined, POLLED)
        await startTab(page, { peers: [proxies[index]?.address ?? ''], transports: [road] })
        return { road, page }
      }),
    )
    const debuggers = await Promise.all(pages.map((page) => page.context().newCDPSession(page)))
    for (const each of debuggers) await each.send('Page.setWebLifecycleState', { state: 'frozen' })
    for (const proxy of proxies) proxy.swallow()
    await untilTold(peer, PEER_HEIGHT + 1)
    await new Promise((resolve) => setTimeout(resolve, OFFLINE_MS))
    for (const each of debuggers) await each.send('Page.setWebLifecycleState', { state: 'active' })
    console.log(`back in sync after being frozen: ${await timed(tabs, (page) => untilHeight(page, PEER_HEIGHT + 1))}`)
  } finally {
    await close()
  }
})

test('a gateway is killed and starts again on the same port, a tab crashes: noticed, and back in sync, on every road', async ({
  roads,
}) => {
  const peer = await roads.peer({ port: await freePort() })
  const tabs = await tabOfEachRoad(roads, peer.addresses)
  const [alice, bob] = [await roads.tab(), await roads.tab()]
  const transports = ['websockets', 'webrtc'] as const
  await startTab(alice, { peers: [addressOver('/ws/', peer.addresses)], transports })
  await startTab(bob, { peers: [await webRtcAddressOf(alice)], transports })
  await untilReadyOver(bob, 'webrtc')
  const gone = `gone ${await peerIdOf(alice)}`
  const debug = await alice.context().newCDPSession(alice)
  // Nothing comes back from what has crashed.
  debug.send('Page.crash').catch(() => {})
  const crashNoticed = timed([{ road: 'webrtc', page: bob }], (page) =>
    page.waitForFunction((told) => window.peerEvents.includes(told), gone),
  )
  await peer.kill()
  console.log(`kill noticed: ${await timed(tabs, untilAlone)}`)
  const startedMs = Date.now()
  const again = await roads.restart(peer)
  // Nobody dials TCP from a tab: it takes any port.
  const forTabs = (addresses: readonly string[]) =>
    addresses.filter((each) => /\/(ws|webtransport|webrtc-direct)\//.test(each))
  expect(forTabs(again.addresses)).toEqual(forTabs(peer.addresses))
  again.submit(PEER_HEIGHT + 1)
  const inSync = await timed(tabs, (page) => untilHeight(page, PEER_HEIGHT + 1))
  console.log(`back in sync after the restart, which took ${Date.now() - startedMs} ms in all: ${inSync}`)
  console.log(`crash of a tab noticed: ${await crashNoticed}`)
})

test('a certificate is changed under an open session: the tab is back in sync by the address it has', async ({
  roads,
}) => {
  /** From before the start of the peer: long enough for a tab to be there first. */
  const changeAfterMs = 10_000
  let changesMs = 0
  let stored: string | undefined
  const peer = await roads.peer({
    beforeStart: async (directory) => {
      // As if the first certificate were near its end: the clock that it was made by is behind.
      const storage = { read: async () => stored, write: async (text: string) => void (stored = text) }
      const first = await certificatesAt(Date.now(), storage)
      const behindMs = changesAtMs(first) - Date.now() - changeAfterMs
      stored = undefined
      changesMs = changesAtMs(await certificatesAt(Date.now() - behindMs, storage))
      writeFileSync(join(directory, 'webtransport-certificates'), stored ?? '')
    },
  })
  const [, , tab] = await tabOfEachRoad(roads, peer.addresses)
  if (tab === undefined) throw new Error('a tab over WebTransport')
  expect(Date.now(), 'the tab was there before the certificate changed').toBeLessThan(changesMs)
  const own = await peerIdOf(tab.page)
  await peer.said(`ready ${own}`)
  await peer.said(`ready ${own}`)
  peer.submit(PEER_HEIGHT + 1)
  await untilHeight(tab.page, PEER_HEIGHT + 1)
  console.log(`back in sync ${Date.now() - changesMs} ms after the certificate was changed`)
})

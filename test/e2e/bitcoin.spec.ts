/** From Bitcoin's own network to a page: bitcoind on regtest, a gateway, a tab. */
import type { Browser, Page } from '@playwright/test'
import { join } from 'node:path'
import { formatNumber } from '../../web/format.ts'
import { BitcoinDaemon, BITCOIND_MISSING, hasBitcoind, type BitcoinDaemonOptions } from '../interop/bitcoin-daemon.ts'
import { test as base, eventsOf, expect, heightOf, peersOf, statusOf, type Gateways } from './fixtures.ts'
import type { Gateway } from './gateway.ts'

const CHAIN = 'bitcoin:regtest'

const test = base.extend<{ startDaemon: (options?: BitcoinDaemonOptions) => Promise<BitcoinDaemon> }>({
  startDaemon: async ({}, use) => {
    const daemons: BitcoinDaemon[] = []
    await use(async (options) => {
      const daemon = await BitcoinDaemon.start(options)
      daemons.push(daemon)
      return daemon
    })
    await Promise.all(daemons.map((daemon) => daemon.remove()))
  },
})

// Where nothing may be missing they run all the same, and each fails with what is.
test.skip(!hasBitcoind && process.env['RUSHLIGHT_REQUIRE_BITCOIND'] !== '1', BITCOIND_MISSING)

async function startGateway(args: {
  readonly gateways: Gateways
  readonly daemon: BitcoinDaemon
  readonly directory?: string
  readonly port?: number
  readonly flags?: readonly string[]
}): Promise<Gateway> {
  const { gateways, daemon, directory = join(gateways.folder(), 'data'), port = 0, flags = [] } = args
  const peer = `127.0.0.1:${daemon.port}`
  return await gateways.start({ directory, port, chain: CHAIN, flags: ['--bitcoin-peer', peer, ...flags] })
}

/** When the page shows this height for the first time, in Unix milliseconds. */
async function shownAt(page: Page, height: number): Promise<number> {
  return await page.evaluate(async (wanted) => {
    for (;;) {
      const shown = document.querySelector('rushlight-head')?.shadowRoot?.querySelector('#height')?.textContent
      if (shown?.trim() === wanted) return Date.now()
      await new Promise((resolve) => requestAnimationFrame(resolve))
    }
  }, formatNumber(height))
}

test('a block that bitcoind finds is on the page within a second, and so is a reorganisation', async ({
  page,
  gateways,
  startDaemon,
}) => {
  const daemon = await startDaemon()
  await daemon.mine(150)
  const gateway = await startGateway({ gateways, daemon })
  await page.goto(gateway.url)
  await expect(heightOf(page)).toHaveText('150')
  await expect(statusOf(page)).toHaveText('Synced')

  const delaysMs: number[] = []
  for (let height = 151; height <= 155; height += 1) {
    const shown = shownAt(page, height)
    const startMs = Date.now()
    await daemon.mine(1)
    delaysMs.push((await shown) - startMs)
  }
  console.log(`found to shown, ms: ${delaysMs.join(', ')}`)
  // The median: another process may hold up one of them.
  expect(delaysMs.toSorted((one, other) => one - other)[2]).toBeLessThan(1_000)

  await daemon.call('invalidateblock', await daemon.call<string>('getblockhash', 153))
  const root = await daemon.mine(5, 'fork')
  await expect(heightOf(page)).toHaveText('157')
  await expect(eventsOf(page).filter({ hasText: 'Reorganised at height 153' })).toHaveCount(1)
  expect(await page.evaluate(() => window.rushlight?.head.root)).toBe(root)
  await expect(peersOf(page)).toHaveCount(2)
})

test('bitcoind dies and comes back, then the gateway: the page goes on', async ({ page, gateways, startDaemon }) => {
  const daemon = await startDaemon()
  await daemon.mine(50)
  const directory = join(gateways.folder(), 'data')
  const gateway = await startGateway({ gateways, daemon, directory })
  await page.goto(gateway.url)
  await expect(heightOf(page)).toHaveText('50')

  await daemon.kill()
  const again = await startDaemon({ folder: daemon.folder, port: daemon.port })
  // What it had not written yet is lost: then these are a longer branch.
  const root = await again.mine(60, 'fork')
  await expect.poll(() => page.evaluate(() => window.rushlight?.head.root)).toBe(root)

  await gateway.kill()
  await expect(statusOf(page)).toHaveText(/Connecting|Offline/)
  const missed = await again.mine(2)
  await startGateway({ gateways, daemon: again, directory, port: gateway.port })
  await expect.poll(() => page.evaluate(() => window.rushlight?.head.root)).toBe(missed)
  await expect(statusOf(page)).toHaveText('Synced')
})

test('a block that only bitcoind has opens on the page', async ({ page, gateways, startDaemon }) => {
  const daemon = await startDaemon()
  await daemon.mine(20)
  const gateway = await startGateway({ gateways, daemon })
  await page.goto(gateway.url)
  await expect(heightOf(page)).toHaveText('20')
  await page.getByLabel('Height or block hash').fill('7')
  await page.getByLabel('Height or block hash').press('Enter')

  const block = page.locator('rushlight-block')
  await expect(block.getByRole('heading', { name: 'Block 7' })).toBeVisible()
  await expect(block).toContainText('1 transaction')
  const root = await daemon.call<string>('getblockhash', 7)
  const bytes = await page.evaluate(async (wanted) => {
    const record = await window.rushlight?.getBlock(wanted)
    return [...(record?.bytes ?? [])].map((byte) => byte.toString(16).padStart(2, '0')).join('')
  }, root)
  expect(bytes).toBe(await daemon.call<string>('getblock', root, 0))
})

for (const road of ['webtransport', 'websockets'] as const) {
  test(`a block that bitcoind finds goes by ${road} to a tab, and by WebRTC to a second one that has nobody else`, async ({
    browser,
    gateways,
    startDaemon,
  }) => {
    const daemon = await startDaemon()
    await daemon.mine(60)
    const flags = ['--no-webrtc-direct', ...(road === 'websockets' ? ['--no-webtransport'] : [])]
    const gateway = await startGateway({ gateways, daemon, flags })
    const [first, second] = [await openPage(browser, gateway.url, road), await openPage(browser, gateway.url, road)]
    expect(await readyTransports(first)).toContain(road)

    // The gateway has told them of each other.
    await expect.poll(() => readyTransports(second)).toContain('webrtc')
    await second.evaluate(async () => {
      const gatewayPeer = window.rushlight?.snapshot().peers.find(({ transport }) => transport !== 'webrtc')
      await window.rushlight?.disconnect(gatewayPeer?.id ?? '')
    })
    await expect.poll(() => readyTransports(second)).toEqual(['webrtc'])

    for (let count = 0; count < 3; count += 1) {
      const root = await daemon.mine(1)
      for (const page of [first, second]) {
        await expect.poll(() => page.evaluate(() => window.rushlight?.head.root)).toBe(root)
      }
    }
    await expect(heightOf(second)).toHaveText('63')
    expect(await readyTransports(second)).toEqual(['webrtc'])
    await Promise.all([first, second].map((page) => page.context().close()))
  })
}

/** A visitor of their own, whose page is in step. */
async function openPage(browser: Browser, url: string, road: 'webtransport' | 'websockets'): Promise<Page> {
  // Without them Chromium hides addresses of loopback from WebRTC.
  const context = await browser.newContext({ permissions: ['camera', 'microphone'] })
  // Else whichever is there first.
  if (road === 'webtransport') await context.routeWebSocket(/.*/, (socket) => socket.close())
  const page = await context.newPage()
  await page.goto(url)
  await expect(statusOf(page)).toHaveText('Synced')
  return page
}

async function readyTransports(page: Page): Promise<readonly string[]> {
  return await page.evaluate(() => {
    const peers = window.rushlight?.snapshot().peers ?? []
    return peers.filter(({ state }) => state === 'ready').map(({ transport }) => transport)
  })
}

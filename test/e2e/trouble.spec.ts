/** What goes wrong between a tab and its gateway, and what the page says about it. */
import { join } from 'node:path'
import { makeHeaders } from './chain-data.ts'
import { expect, heightOf, statusOf, test } from './fixtures.ts'
import { formatNumber } from '../../web/format.ts'

/** Enough for a sync of seconds, so that its middle is easily met. */
const LONG_CHAIN_HEADERS = 400_000

/** So that what a test does to WebSockets leaves no other road. */
const WEBSOCKETS_ALONE = ['--no-webtransport', '--no-webrtc-direct'] as const

const verifiedOf = (): number => window.rushlight?.snapshot().progress.verified ?? 0

test('the gateway is killed in mid-sync: the page says so, and carries on when it is back', async ({
  page,
  gateways,
}) => {
  const file = join(gateways.folder(), 'headers.bin')
  makeHeaders(LONG_CHAIN_HEADERS, file)
  const gateway = await gateways.serving(file, 'bitcoin:regtest')
  await page.goto(gateway.url)
  await expect(page.locator('rushlight-status #progress')).toContainText('headers/s')
  await page.waitForFunction(() => (window.rushlight?.snapshot().progress.verified ?? 0) > 10_000)

  await gateway.kill()
  await expect(statusOf(page)).toHaveText('Offline')
  await expect(page.locator('rushlight-status')).toContainText('keeps trying')
  const verified = await page.evaluate(verifiedOf)
  expect(verified).toBeGreaterThan(10_000)
  expect(verified).toBeLessThan(LONG_CHAIN_HEADERS - 1)

  await gateways.start({ directory: gateway.directory, chain: 'bitcoin:regtest', port: gateway.port })
  await expect(heightOf(page)).toHaveText(formatNumber(LONG_CHAIN_HEADERS - 1))
  await expect(statusOf(page)).toHaveText('Synced')
})

test('a peer on a chain of another genesis is refused, and both chains are named', async ({ page, gateways }) => {
  const own = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
  const foreign = await gateways.start({ directory: join(gateways.folder(), 'data'), chain: 'bitcoin:testnet4' })
  await page.goto(own.url)
  await expect(statusOf(page)).toHaveText('Synced')

  const { addresses } = (await (await fetch(`${foreign.url}/api/addresses`)).json()) as { readonly addresses: string[] }
  const multiaddr = addresses.find((address) => address.includes('/ws'))
  expect(multiaddr).toBeDefined()
  const attempts = page.locator('rushlight-connect').getByRole('listitem')
  for (const address of [foreign.url, multiaddr ?? '']) {
    await page.getByLabel('Gateway URL or multiaddr').fill(address)
    await page.getByRole('button', { name: 'Connect' }).click()
    const attempt = attempts.filter({ has: page.getByText(address, { exact: true }) })
    await expect(attempt).toContainText('another chain')
    await expect(attempt).toContainText('bitcoin:regtest')
    await expect(attempt).toContainText('bitcoin:testnet4')
  }
  await expect(statusOf(page)).toHaveText('Synced')
})

test('the page’s URL may name peers, and each attempt says what became of it', async ({ page, gateways }) => {
  const gateway = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
  const addresses = [`${gateway.url}/no-gateway-here`, '/ip4/127.0.0.1/tcp/9', 'not an address']
  const hash = new URLSearchParams(addresses.map((address) => ['peer', address])).toString()
  await page.goto(`${gateway.url}/#${hash}`)

  const attempts = page.locator('rushlight-connect').getByRole('listitem')
  await expect(attempts.filter({ hasText: 'no-gateway-here' })).toContainText('gateway')
  await expect(attempts.filter({ hasText: '/ip4/127.0.0.1/tcp/9' })).toContainText('cannot dial')
  await expect(attempts.filter({ hasText: 'not an address' })).toContainText('not an address')
})

test('a gateway that takes connections and says nothing leaves the page honest', async ({ page, gateways }) => {
  const gateway = await gateways.start({
    directory: join(gateways.folder(), 'data'),
    isPractice: true,
    flags: WEBSOCKETS_ALONE,
  })
  await page.routeWebSocket(/.*/, () => {}) // opens, and stays silent
  await page.goto(gateway.url)
  await expect(statusOf(page)).toHaveText('Offline')
  await expect(page.locator('rushlight-status #reason')).not.toBeEmpty()
})

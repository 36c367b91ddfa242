/** A tab and a gateway that serves real Bitcoin headers. */
import { MAINNET, MAINNET_ALT, MAINNET_ALT_HEIGHT, MAINNET_HEIGHT, needRealHeaders } from './chain-data.ts'
import { cutNetwork, eventsOf, expect, expectStored, heightOf, peersOf, statusOf, test, trustOf } from './fixtures.ts'
import { formatNumber } from '../../web/format.ts'

needRealHeaders()

test('a tab verifies 10,237 real headers and shows the head', async ({ page, gateways }) => {
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(error.message))

  const gateway = await gateways.serving(MAINNET)
  await page.goto(gateway.url)

  await expect(heightOf(page)).toHaveText(formatNumber(MAINNET_HEIGHT))
  // Headers of 2009: in step with every peer, but old.
  await expect(statusOf(page)).toHaveText('Quiet')
  await expect(trustOf(page)).toHaveText('Verified to genesis')
  await expect(page.locator('rushlight-head #confirmed')).toContainText('Delivered by 1 peer')
  await expect(page.locator('#chain')).toHaveText('Bitcoin')
  await expect(page.locator('#practice')).toBeHidden()
  await expect(page).toHaveTitle(/^10,236 /)
  const peer = peersOf(page).nth(1)
  await expect(peer).toContainText('websockets')
  await expect(peer).toContainText('outbound')
  await expect(peer).toContainText('Ready')
  expect(await page.evaluate(() => window.rushlight?.head.height)).toBe(MAINNET_HEIGHT)
  // The content security policy, a missing file or a warning of a library would show here.
  expect(complaints).toEqual([])
})

test('after a reload the head is there from IndexedDB before any peer is', async ({ page, context, gateways }) => {
  const gateway = await gateways.serving(MAINNET)
  await page.goto(gateway.url)
  await expectStored(page, MAINNET_HEIGHT + 1)

  const mend = await cutNetwork(context)
  await page.reload()
  await expect(heightOf(page)).toHaveText(formatNumber(MAINNET_HEIGHT))
  expect(await page.evaluate(() => window.rushlight?.snapshot().peers.length)).toBe(0)
  await expect(statusOf(page)).toHaveText('Offline')
  await expect(page.locator('rushlight-head #confirmed')).toContainText('No connected peer')

  await mend()
  await expect(statusOf(page)).toHaveText('Quiet')
  await expect(trustOf(page)).toHaveText('Verified to genesis')
})

test('the chain with more work wins, and the page shows the reorg', async ({ page, gateways }) => {
  const alternative = await gateways.serving(MAINNET_ALT)
  const real = await gateways.serving(MAINNET)
  await page.goto(alternative.url)
  await expect(heightOf(page)).toHaveText(formatNumber(MAINNET_ALT_HEIGHT))

  await page.getByLabel('Gateway URL or multiaddr').fill(real.url)
  await page.getByRole('button', { name: 'Connect' }).click()
  await expect(heightOf(page)).toHaveText(formatNumber(MAINNET_HEIGHT))
  const reorg = eventsOf(page).filter({ hasText: 'Reorganised at height 1: 2,016 blocks replaced by' })
  await expect(reorg).toHaveCount(1)
  const root = await page.evaluate(() => window.rushlight?.head.root)
  expect(root).toBe(await page.evaluate(async () => (await window.rushlight?.getHeader(10_236))?.root))
})

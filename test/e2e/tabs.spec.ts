/** Several tabs of one origin, and tabs that nobody looks at. */
import { join } from 'node:path'
import { makeHeaders, MAINNET, MAINNET_HEIGHT, needRealHeaders } from './chain-data.ts'
import { cutNetwork, expect, expectStored, heightOf, statusOf, storeReasonOf, test } from './fixtures.ts'
import { openHiddenTab } from './hidden-tab.ts'
import { formatNumber } from '../../web/format.ts'

needRealHeaders()

test('of two tabs one writes; when it dies the other takes over, and a reload finds the head', async ({
  context,
  gateways,
}) => {
  const gateway = await gateways.serving(MAINNET)
  const writer = await context.newPage()
  await writer.goto(gateway.url)
  await expect(storeReasonOf(writer)).toHaveCount(0)
  const follower = await context.newPage()
  await follower.goto(gateway.url)
  await expect(storeReasonOf(follower)).toContainText(/another tab/i)
  await expect(heightOf(follower)).toHaveText(formatNumber(MAINNET_HEIGHT))

  await writer.close({ runBeforeUnload: false })
  await expect(storeReasonOf(follower)).toHaveCount(0)
  await expectStored(follower, MAINNET_HEIGHT + 1)

  await cutNetwork(context)
  await follower.reload()
  await expect(heightOf(follower)).toHaveText(formatNumber(MAINNET_HEIGHT))
})

test('the writing tab crashes in mid-sync: what was stored is there, and the rest comes', async ({
  context,
  gateways,
}) => {
  const count = 200_000
  const file = join(gateways.folder(), 'headers.bin')
  makeHeaders(count, file)
  const gateway = await gateways.serving(file, 'bitcoin:regtest')
  const writer = await context.newPage()
  await writer.goto(gateway.url)
  await writer.waitForFunction(() => (window.rushlight?.snapshot().store.headerCount ?? 0) > 10_000)
  await writer.goto('chrome://crash').catch(() => undefined) // the renderer goes down with everything in it
  await writer.close()

  const mend = await cutNetwork(context)
  const next = await context.newPage()
  await next.goto(gateway.url)
  await expect(statusOf(next)).toHaveText('Offline')
  const stored = await next.evaluate(() => window.rushlight?.head.height ?? 0)
  expect(stored).toBeGreaterThanOrEqual(10_000)
  expect(stored).toBeLessThan(count - 1)

  await mend()
  await expect(heightOf(next)).toHaveText(formatNumber(count - 1))
  await expectStored(next, count)
})

test('a hidden tab finishes its sync', async ({ gateways }) => {
  const gateway = await gateways.serving(MAINNET)
  const { page, close } = await openHiddenTab(gateways.folder())
  try {
    await page.goto(gateway.url)
    await expect(statusOf(page)).toHaveText('Quiet')
    await expect(heightOf(page)).toHaveText(formatNumber(MAINNET_HEIGHT))
    expect(await page.evaluate(() => document.visibilityState)).toBe('hidden')
  } finally {
    await close()
  }
})

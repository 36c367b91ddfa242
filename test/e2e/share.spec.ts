/** A link to this tab, opened elsewhere. */
import type { Browser, Page } from '@playwright/test'
import { join } from 'node:path'
import { expect, peersOf, statusOf, test } from './fixtures.ts'

const shareOf = (page: Page) => page.locator('rushlight-share')

/** Without these permissions Chromium hides addresses of loopback from WebRTC. */
async function openTab(browser: Browser, url: string): Promise<Page> {
  const context = await browser.newContext({
    permissions: ['camera', 'microphone', 'clipboard-read', 'clipboard-write'],
  })
  const page = await context.newPage()
  await page.goto(url)
  return page
}

test('a link that a tab shows opens the page in another tab, and connects the two directly', async ({
  browser,
  gateways,
}) => {
  const gateway = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
  const first = await openTab(browser, gateway.url)
  await expect(statusOf(first)).toHaveText('Synced')
  await expect(shareOf(first).getByRole('img', { name: 'QR code of the link' })).toBeVisible()
  const url = await shareOf(first).getByRole('textbox').inputValue()
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/#peer=\/ip4\/.*p2p-circuit\/webrtc/)
  await expect(shareOf(first)).toContainText('on this machine only')
  await shareOf(first).getByRole('button', { name: 'Copy link' }).click()
  await expect(shareOf(first)).toContainText('Copied.')
  expect(await first.evaluate(() => navigator.clipboard.readText())).toBe(url)

  const second = await openTab(browser, url)
  await expect(second.locator('rushlight-connect').getByRole('listitem')).toContainText('Connected to')
  await expect(peersOf(second).filter({ hasText: 'webrtc' }).filter({ hasText: 'Ready' })).toHaveCount(1)
  await expect(peersOf(first).filter({ hasText: 'webrtc' }).filter({ hasText: 'inbound' })).toHaveCount(1)
  await first.context().close()
  await second.context().close()
})

/** The connection doctor in the page. */
import { AxeBuilder } from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { join } from 'node:path'
import { expect, statusOf, test } from './fixtures.ts'

const doctorOf = (page: Page) => page.locator('rushlight-doctor')
const examinedOf = (page: Page) => doctorOf(page).locator('.examinations > li')

async function examine(page: Page, address: string): Promise<void> {
  await doctorOf(page).getByLabel('Gateway URL or multiaddr to examine').fill(address)
  await doctorOf(page).getByRole('button', { name: 'Examine' }).click()
}

test('a gateway by URL: every address with its steps, and a report to copy; no visit loads it unasked', async ({
  page,
  context,
  gateways,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write'])
  const gateway = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
  const scripts: string[] = []
  page.on('request', (request) => scripts.push(new URL(request.url()).pathname))
  await page.goto(gateway.url)
  await expect(statusOf(page)).toHaveText('Synced')
  expect(scripts.filter((path) => path.includes('doctor'))).toEqual([])

  await page.getByText('Connection doctor').click()
  await expect(doctorOf(page).getByLabel('Gateway URL')).toHaveValue(gateway.url)
  await doctorOf(page).getByRole('button', { name: 'Examine' }).click()
  await expect(doctorOf(page).locator('#report')).toBeVisible()
  const webSocket = examinedOf(page).filter({ hasText: `/tcp/${gateway.port}/ws/` })
  await expect(webSocket).toHaveCount(1)
  for (const step of ['Resolved', 'Connected', 'Secured', 'Handshake', 'Same chain']) {
    await expect(webSocket).toContainText(new RegExp(`✓ ${step} \\d+ ms`))
  }
  await expect(webSocket).toContainText('on bitcoin:regtest, height')
  // A tab has no TCP.
  await expect(examinedOf(page).filter({ hasText: 'cannot dial that kind of address' })).toHaveCount(1)
  await expect(examinedOf(page).filter({ hasText: '/webtransport/' })).toContainText('✓ Same chain')
  await expect(examinedOf(page).filter({ hasText: '/webrtc-direct/' })).toContainText('✓ Same chain')

  await doctorOf(page).getByRole('button', { name: 'Copy report' }).click()
  await expect(doctorOf(page)).toContainText('Copied.')
  const report = await page.evaluate(() => navigator.clipboard.readText())
  expect(report).toContain('Chrome/')
  expect(report).toMatch(new RegExp(`/tcp/${gateway.port}/ws/p2p/\\w+ \\(of ${gateway.url}\\)\n  reachable: resolved `))
  expect(report).toContain('[no-transport]')
  const { violations } = await new AxeBuilder({ page }).include('rushlight-doctor').analyze()
  expect(violations.map(({ id }) => id)).toEqual([])
})

test('what is wrong is told in words: nobody, a changed certificate, another peer, a relay alone, no gateway', async ({
  page,
  gateways,
}) => {
  const gateway = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
  await page.goto(gateway.url)
  await expect(statusOf(page)).toHaveText('Synced')

  // From an address that did not connect.
  await page.getByLabel('Gateway URL or multiaddr', { exact: true }).fill('/ip4/127.0.0.1/tcp/9/ws')
  await page.getByRole('button', { name: 'Connect' }).click()
  await page.getByRole('button', { name: 'Examine this address' }).click()
  await expect(examinedOf(page)).toContainText('Nobody answers there.')
  await expect(doctorOf(page).locator('#summary')).toHaveText('0 of 1 addresses reachable.')

  const { addresses } = (await (await fetch(`${gateway.url}/api/addresses`)).json()) as { addresses: string[] }
  const webTransport = addresses.find((address) => address.includes('/webtransport/')) ?? ''
  await examine(page, webTransport.replace(/certhash\/[\w-]+/g, `certhash/uEiA${'A'.repeat(43)}`))
  await expect(examinedOf(page)).toContainText('certificate there has expired or is not the one')

  await examine(page, `/ip4/127.0.0.1/tcp/${gateway.port}/ws/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN`)
  await expect(examinedOf(page)).toContainText('Somebody else answers there.')
  await expect(examinedOf(page)).toContainText('✗ Secured')

  const webSocket = `/ip4/127.0.0.1/tcp/${gateway.port}/ws/p2p/${webTransport.split('/').at(-1)}`
  await examine(page, `${webSocket}/p2p-circuit/webrtc/p2p/12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN`)
  await expect(examinedOf(page)).toContainText('The relay answers, but the tab behind it is gone.')

  await page.route('**/api/addresses', (route) => route.fulfill({ body: '<h1>hello</h1>', contentType: 'text/html' }))
  await examine(page, gateway.url)
  await expect(examinedOf(page)).toContainText('not a Rushlight gateway')
  await expect(examinedOf(page)).toContainText('✗ Resolved')
})

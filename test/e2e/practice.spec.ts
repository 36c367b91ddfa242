/** The practice chain of `--dev`, and the page by keyboard, in words and colours. */
import { AxeBuilder } from '@axe-core/playwright'
import { join } from 'node:path'
import { eventsOf, expect, heightOf, peersOf, statusOf, test } from './fixtures.ts'

test('the practice chain says what it is, grows, and reorganises when asked to', async ({ page, gateways }) => {
  const directory = join(gateways.folder(), 'data')
  const flags = ['--block-interval', '1', '--reorg-every', '4']
  const gateway = await gateways.start({ directory, isPractice: true, flags })
  await page.goto(gateway.url)
  await expect(page.locator('#practice')).toContainText('Practice chain, not Bitcoin.')
  await expect(page.locator('#chain')).toHaveText('Practice chain')
  await expect(statusOf(page)).toHaveText('Synced')

  const height = async (): Promise<number> => Number((await heightOf(page).textContent())?.replaceAll(',', ''))
  const before = await height()
  expect(before).toBeGreaterThanOrEqual(2_016)
  await expect.poll(height, { message: 'the head grows' }).toBeGreaterThan(before + 2)
  await expect(eventsOf(page).filter({ hasText: 'Reorganised' }).first()).toContainText('2 blocks replaced by')
})

test('a peer is connected by keyboard alone', async ({ page, gateways }) => {
  const [first, second] = [
    await gateways.start({ directory: join(gateways.folder(), 'a'), isPractice: true }),
    await gateways.start({ directory: join(gateways.folder(), 'b'), isPractice: true }),
  ]
  await page.goto(first.url)
  await expect(peersOf(page)).toHaveCount(2)
  for (let presses = 0; presses < 10; presses++) {
    await page.keyboard.press('Tab')
    const focused = page.locator('rushlight-connect input:focus')
    if ((await focused.count()) > 0) break
  }
  await page.keyboard.type(second.url)
  await page.keyboard.press('Enter')
  await expect(page.locator('rushlight-connect').getByRole('listitem')).toContainText('Connected to')
  await expect(peersOf(page)).toHaveCount(3)
})

test('an agent that looks like HTML is shown as text', async ({ page, gateways }) => {
  const gateway = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
  await page.goto(gateway.url)
  await expect(peersOf(page)).toHaveCount(2)
  const agent = '<img src=x onerror=alert(1)><b>bold</b>'
  await page.evaluate((name) => {
    const element = document.createElement('rushlight-peers')
    const snapshot = window.rushlight?.snapshot()
    Object.assign(element, {
      snapshot: { ...snapshot, peers: snapshot?.peers.map((peer) => ({ ...peer, agent: name })) },
    })
    element.id = 'hostile'
    document.querySelector('main')?.append(element)
  }, agent)
  await expect(page.locator('#hostile')).toContainText(agent)
  await expect(page.locator('#hostile b, #hostile img')).toHaveCount(0)
})

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [360, 1280]) {
    test(`axe finds nothing: ${colorScheme}, ${width} px, with a peer and an error shown`, async ({
      page,
      gateways,
    }) => {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      const gateway = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
      await page.goto(`${gateway.url}/#peer=/ip4/127.0.0.1/tcp/9`)
      await expect(peersOf(page)).toHaveCount(2)
      await expect(page.locator('rushlight-connect')).toContainText('cannot dial')
      const { violations } = await new AxeBuilder({ page }).analyze()
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)).toEqual([])
      // Nothing sticks out sideways.
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
    })
  }
}

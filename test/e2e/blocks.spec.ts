/** Blocks on the page: a header is opened, its transactions come from a gateway that was given the block. */
import { AxeBuilder } from '@axe-core/playwright'
import { join } from 'node:path'
import type { Locator, Page } from '@playwright/test'
import { BLOCK_2544, FIRST_BLOCKS, MAINNET, needRealHeaders, writeFirstBlock } from './chain-data.ts'
import { expect, heightOf, statusOf, test, type Gateways } from './fixtures.ts'
import { runCommand, type Gateway } from './gateway.ts'

const blockOf = (page: Page): Locator => page.locator('rushlight-block')
const rowsOf = (page: Page): Locator => page.locator('rushlight-transactions').getByRole('row')

async function open(page: Page, place: string): Promise<void> {
  await page.getByLabel('Height or block hash').fill(place)
  await page.getByLabel('Height or block hash').press('Enter')
}

/** With the first 10,237 headers of mainnet and these blocks. */
async function servingBlocks(gateways: Gateways, files: readonly string[]): Promise<Gateway> {
  const directory = join(gateways.folder(), 'data')
  runCommand('import', MAINNET, '--data', directory)
  if (files.length > 0) runCommand('import-block', ...files, '--data', directory)
  return await gateways.start({ directory })
}

test.describe('real blocks', () => {
  needRealHeaders()

  test('a block opens by height, with header, transactions and outputs', async ({ page, gateways }) => {
    const file = writeFirstBlock(170, gateways.folder())
    const gateway = await servingBlocks(gateways, [file])
    await page.goto(gateway.url)
    await expect(heightOf(page)).toHaveText('10,236')
    await open(page, '170')

    const block = blockOf(page)
    await expect(block.getByRole('heading', { name: 'Block 170' })).toBeVisible()
    await expect(block).toContainText('On the best chain that this tab has verified.')
    await expect(block).toContainText('7dac2c5666815c17a3b36427de37bb9d2e2c5ccec3f8633eb91a4205cb4c10ff')
    await expect(block.getByRole('status').first()).toContainText('2 transactions, 490 B, each checked')
    // The first payment there was: 10 of 50 coins to Hal Finney's key.
    const payment = rowsOf(page).nth(2)
    await expect(payment).toContainText('f4184fc596403b9d638783cf57adfe4c75c605f6356fbc91338530e9831e9e16')
    await payment.getByText('50 BTC in 2').click()
    await expect(payment.getByRole('listitem').first()).toContainText('10 BTC to a key (P2PK)')

    await block.getByRole('button', { name: 'Open the previous block' }).click()
    await expect(block.getByRole('heading', { name: 'Block 169' })).toBeVisible()
  })

  test('2,544 transactions come a page at a time, of a block whose header was never synced', async ({
    page,
    gateways,
  }) => {
    const gateway = await servingBlocks(gateways, [BLOCK_2544.file])
    await page.goto(gateway.url)
    await expect(heightOf(page)).toHaveText('10,236')
    await open(page, BLOCK_2544.root)

    const block = blockOf(page)
    await expect(block.getByRole('heading', { name: 'Block of unknown height' })).toBeVisible()
    await expect(rowsOf(page)).toHaveCount(51)
    await expect(block).toContainText('1 to 50 of 2,544 transactions')
    const later = block.getByRole('button', { name: 'Later' })
    for (let turned = 0; turned < 50; turned++) await later.click()
    await expect(block).toContainText('2,501 to 2,544 of 2,544 transactions')
    await expect(rowsOf(page)).toHaveCount(45)
    await expect(rowsOf(page).last()).toContainText('2,543')
  })

  test('a block that nobody has says how many said so, and an asking can be cancelled', async ({ page, gateways }) => {
    const gateway = await servingBlocks(gateways, [])
    await page.goto(gateway.url)
    await expect(heightOf(page)).toHaveText('10,236')
    const block = blockOf(page)
    await open(page, '5')
    await block.getByRole('button', { name: 'Cancel' }).click()
    await expect(block.getByRole('button', { name: 'Cancel' })).toHaveCount(0)

    await block.evaluate((element) => Object.assign(element, { silenceMs: 500 }))
    await open(page, '5')
    await expect(block).toContainText('Nobody connected here has this block.')
    await expect(block).toContainText('1 of 1 peers')

    await open(page, '99,999')
    await expect(block).toContainText('This tab knows no block at that height.')
    await open(page, 'genesis')
    await expect(block).toContainText('That is neither a height nor a block hash.')
  })

  test('axe finds nothing in an opened block, in light on a phone and in dark', async ({ page, gateways }) => {
    const gateway = await servingBlocks(gateways, [writeFirstBlock(FIRST_BLOCKS.last, gateways.folder())])
    for (const [colorScheme, width] of [
      ['light', 360],
      ['dark', 1280],
    ] as const) {
      await page.emulateMedia({ colorScheme })
      await page.setViewportSize({ width, height: 800 })
      await page.goto(gateway.url)
      await expect(heightOf(page)).toHaveText('10,236')
      await open(page, String(FIRST_BLOCKS.last))
      await page
        .getByText(/BTC in \d/)
        .first()
        .click()
      const { violations } = await new AxeBuilder({ page }).analyze()
      expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`)).toEqual([])
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
    }
  })
})

test('the head opens by a button, and a practice chain says that it has headers only', async ({ page, gateways }) => {
  const gateway = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
  await page.goto(gateway.url)
  await expect(statusOf(page)).toHaveText('Synced')
  await page.getByRole('button', { name: 'Open the block' }).click()
  const block = blockOf(page)
  await expect(block.getByRole('heading', { name: /^Block [\d,]+$/ })).toBeFocused()
  await expect(block).toContainText('This practice chain has headers only')
  await expect(page.locator('rushlight-store #served')).toHaveText('Served to others: 0 parts, 0 B.')
})

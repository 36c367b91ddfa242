/** Headers in and out of a tab as files. */
import type { Page } from '@playwright/test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { MAINNET, MAINNET_ALT, MAINNET_HEIGHT, needRealHeaders } from './chain-data.ts'
import { expect, expectStored, heightOf, statusOf, test, trustOf } from './fixtures.ts'
import { formatNumber } from '../../web/format.ts'

needRealHeaders()

const filesOf = (page: Page) => page.locator('rushlight-files')

/** By the button, as a person does. */
async function choose(page: Page, file: string): Promise<void> {
  const chooser = page.waitForEvent('filechooser')
  await filesOf(page).getByRole('button', { name: 'Import a file' }).click()
  await (await chooser).setFiles(file)
}

async function drop(page: Page, bytes: Buffer, name: string): Promise<void> {
  const transfer = await page.evaluateHandle(
    ({ base64, fileName }) => {
      const data = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
      const dataTransfer = new DataTransfer()
      dataTransfer.items.add(new File([data], fileName))
      return dataTransfer
    },
    { base64: bytes.toString('base64'), fileName: name },
  )
  await page.dispatchEvent('#main', 'dragover', { dataTransfer: transfer })
  await page.dispatchEvent('#main', 'drop', { dataTransfer: transfer })
}

test('a tab without peers takes 10,237 headers from a file, keeps them, and gives them back byte for byte', async ({
  page,
  gateways,
}) => {
  const start = join(gateways.folder(), 'start.bin')
  writeFileSync(start, readFileSync(MAINNET).subarray(0, 160))
  const gateway = await gateways.serving(start)
  await page.goto(gateway.url)
  await expect(heightOf(page)).toHaveText('1')
  await gateway.kill()
  await expect(statusOf(page)).not.toHaveText('Synced')

  await choose(page, MAINNET)
  await expect(filesOf(page).locator('#said')).toContainText(
    '10,237 headers of mainnet-0-10237.bin verified and stored',
  )
  // Acknowledged is stored.
  await expectStored(page, MAINNET_HEIGHT + 1)
  await expect(heightOf(page)).toHaveText(formatNumber(MAINNET_HEIGHT))
  await expect(trustOf(page)).toHaveText('Verified to genesis')

  const downloading = page.waitForEvent('download')
  await filesOf(page).getByRole('button', { name: 'Export' }).click()
  const download = await downloading
  expect(download.suggestedFilename()).toBe('bitcoin-mainnet-0-10237.bin')
  expect(readFileSync(await download.path()).equals(readFileSync(MAINNET))).toBe(true)
  await expect(filesOf(page).locator('#said')).toContainText('Exported 10,237 headers')
})

test('what is wrong with a file is told, and what was good is kept; also while the tab syncs', async ({
  page,
  gateways,
}) => {
  const gateway = await gateways.serving(MAINNET_ALT)
  await page.goto(gateway.url)
  // At once: the tab is syncing the same heights from the gateway.
  const headers = readFileSync(MAINNET)
  const bad = Buffer.from(headers)
  bad.writeUInt32LE(0, 5_000 * 80 + 76)
  await drop(page, bad, 'bad.bin')
  const problem = filesOf(page).locator('.problem')
  await expect(problem).toContainText('This file was refused.')
  await expect(problem).toContainText('header 5000 (height 5000) breaks the rule proof-of-work')
  await expect(heightOf(page)).toHaveText('4,999')
  await expectStored(page, 5_000)

  await drop(page, Buffer.from('no headers at all'), 'note.txt')
  await expect(problem).toContainText('expected a multiple of 80 bytes, got 17')
  const picture = join(gateways.folder(), 'picture.png')
  writeFileSync(picture, Buffer.alloc(8_000, 7))
  await choose(page, picture)
  await expect(problem).toContainText('header 0 (height unknown) breaks the rule parent')

  // From the middle on.
  await drop(page, headers.subarray(4_000 * 80), 'rest.bin')
  await expect(filesOf(page).locator('#said')).toContainText('6,237 headers of rest.bin verified and stored')
  await expect(heightOf(page)).toHaveText(formatNumber(MAINNET_HEIGHT))
  await drop(page, readFileSync(MAINNET_ALT), 'alt.bin')
  await expect(filesOf(page).locator('#said')).toContainText('has more work and stays')
})

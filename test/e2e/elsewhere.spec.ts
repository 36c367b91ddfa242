/** The page served by something that is no gateway. */
import { join } from 'node:path'
import { serveFolder } from '../package/static-server.ts'
import { expect, heightOf, statusOf, test } from './fixtures.ts'

const PAGE_FOLDER = join(import.meta.dirname, '../../dist/web')

test('served from elsewhere the page asks for a gateway, says what is wrong, and remembers', async ({
  page,
  gateways,
}) => {
  const server = await serveFolder(PAGE_FOLDER)
  try {
    const gateway = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
    await page.goto(server.url)
    const field = page.getByLabel('Gateway URL', { exact: true })
    const use = page.getByRole('button', { name: 'Use it' })
    const problem = page.locator('rushlight-gateway .problem')

    await field.fill('/ip4/127.0.0.1/tcp/1/ws')
    await use.click()
    await expect(problem).toContainText('not a gateway’s URL')
    await field.fill(server.url)
    await use.click()
    await expect(problem).toContainText('not a Rushlight gateway')

    await field.fill(gateway.url.replace('http://', ''))
    await use.click()
    await expect(statusOf(page)).toHaveText('Synced')
    await expect(page.locator('#gateway')).toContainText(gateway.url)

    await page.reload()
    await expect(statusOf(page)).toHaveText('Synced')
    await expect(heightOf(page)).toBeVisible()

    await page.getByRole('button', { name: 'Change' }).click()
    await expect(field).toBeVisible()
  } finally {
    await server.close()
  }
})

test('a gateway of a chain that the page does not know is named', async ({ page, gateways }) => {
  const gateway = await gateways.start({ directory: join(gateways.folder(), 'data'), isPractice: true })
  await page.route('**/api/addresses', (route) => route.fulfill({ json: { chain: 'dogecoin:mainnet', addresses: [] } }))
  await page.goto(gateway.url)
  await expect(page.locator('#notice')).toContainText('dogecoin:mainnet')
  await expect(page.locator('#notice')).toContainText('bitcoin:mainnet')
})

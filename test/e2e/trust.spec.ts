/** How the head came to be believed, in the page's words. */
import { expect, heightOf, test } from './fixtures.ts'

test('during a back-fill the page says that the head hangs on a checkpoint, and how much is verified', async ({
  page,
  gateways,
}) => {
  const gateway = await gateways.start({ directory: gateways.folder(), isPractice: true })
  await page.goto(gateway.url)
  await expect(heightOf(page)).not.toBeEmpty()
  // Below mainnet's last checkpoint lie more headers than a test can make: another head element is shown such a snapshot.
  await page.evaluate(() => {
    const snapshot = window.rushlight?.snapshot()
    if (snapshot === undefined) throw new Error('expected a light node')
    for (const [trust, verifiedShare] of [
      ['checkpoint', 0.05],
      ['backfilling', 0.379],
      ['genesis', 1],
    ] as const) {
      const element = document.createElement('rushlight-head')
      element.className = trust
      const head = { ...snapshot.head, trust }
      Object.assign(element, { snapshot: { ...snapshot, head, progress: { ...snapshot.progress, verifiedShare } } })
      document.body.append(element)
    }
  })
  const words = (trust: string) => page.locator(`rushlight-head.${trust} #trust`)
  await expect(words('checkpoint')).toHaveText('Checkpoint, 5 % of the headers verified')
  await expect(words('backfilling')).toHaveText('Checkpoint, filling in, 37 % of the headers verified')
  await expect(words('genesis')).toHaveText('Verified to genesis')
})

/** Two tabs that know a gateway and not each other. */
import { expect, test } from './fixtures.ts'
import type { Page } from '@playwright/test'

/** Its own id, and the ids of peers that are ready over WebRTC. */
const peersOverWebRtc = (page: Page): Promise<readonly string[]> =>
  page.evaluate(
    () =>
      window.rushlight
        ?.snapshot()
        .peers.flatMap(({ id, state, transport }) => (state === 'ready' && transport === 'webrtc' ? [id] : [])) ?? [],
  )

test('two tabs given only the URL of a gateway are connected by WebRTC, and stay so when the gateway dies', async ({
  context,
  gateways,
}) => {
  const gateway = await gateways.start({ directory: gateways.folder(), isPractice: true })
  const one = await context.newPage()
  await one.goto(gateway.url)
  const other = await context.newPage()
  await other.goto(gateway.url)
  const [oneId, otherId] = await Promise.all(
    [one, other].map(async (page) => {
      await page.waitForFunction(() => window.rushlight !== undefined)
      return page.evaluate(() => String(window.rushlight?.peerId))
    }),
  )
  const since = performance.now()
  await expect.poll(() => peersOverWebRtc(one), { message: 'peers of one tab over WebRTC' }).toEqual([otherId])
  await expect.poll(() => peersOverWebRtc(other), { message: 'peers of the other over WebRTC' }).toEqual([oneId])
  console.log(`tab meets tab: ${((performance.now() - since) / 1_000).toFixed(1)} s after both had started`)

  await gateway.kill()
  await expect
    .poll(() => one.evaluate(() => window.rushlight?.snapshot().peers.filter(({ state }) => state === 'ready').length))
    .toBe(1)
  expect(await peersOverWebRtc(one)).toEqual([otherId])
})

/** Many tabs at one gateway, half of them feeding each other. */
import { MAINNET, MAINNET_HEIGHT, needRealHeaders } from './chain-data.ts'
import { expect, test } from './road-fixtures.ts'
import {
  addressOver,
  fetchSha256,
  peerIdOf,
  putInto,
  ROADS,
  someBlock,
  startTab,
  untilHeight,
  webRtcAddressOf,
} from './road-tab.ts'

/** 20 in the long form, which takes minutes on two cores. */
const TAB_COUNT = process.env['RUSHLIGHT_LONG'] === '1' ? 20 : 6

needRealHeaders()

/** Of the gateway's process, since it started. */
async function costOf(url: string): Promise<{ readonly cpuSeconds: number; readonly residentMb: number }> {
  const metrics = await (await fetch(`${url}/metrics`)).text()
  const valueOf = (name: string): number => Number(new RegExp(`^rushlight_${name} (\\S+)`, 'm').exec(metrics)?.[1])
  return {
    cpuSeconds: valueOf('process_cpu_seconds_total'),
    residentMb: Math.round(valueOf('process_resident_memory_bytes') / 1e6),
  }
}

test(`${TAB_COUNT} tabs at one gateway, half of them feeding each other: all reach the head`, async ({
  roads,
  gateways,
}) => {
  const gateway = await gateways.serving(MAINNET)
  const response = await fetch(`${gateway.url}/api/addresses`)
  const { addresses } = (await response.json()) as { readonly addresses: readonly string[] }
  const before = await costOf(gateway.url)
  const pages = await Promise.all(Array.from({ length: TAB_COUNT }, () => roads.tab()))
  const startedMs = Date.now()
  await Promise.all(
    pages.map(async (page, index) => {
      const [road, component] = ROADS[index % ROADS.length] ?? ROADS[0]
      const address = addressOver(component, addresses)
      await startTab(page, { peers: [address], transports: ['webrtc', 'websockets', road] })
      await untilHeight(page, MAINNET_HEIGHT)
    }),
  )
  const syncedMs = Date.now() - startedMs

  const ring = pages.slice(0, TAB_COUNT / 2)
  await Promise.all(
    ring.map(async (page, index) => {
      const next = ring[(index + 1) % ring.length] ?? page
      const [address, id] = [await webRtcAddressOf(next), await peerIdOf(next)]
      await page.evaluate((given) => void window.lightNode.connect(given).catch(() => {}), address)
      await page.waitForFunction(
        (peer) => window.lightNode.snapshot().peers.some(({ id, transport }) => id === peer && transport === 'webrtc'),
        id,
        { polling: 50 },
      )
    }),
  )
  const ringMs = Date.now() - startedMs - syncedMs
  const after = await costOf(gateway.url)
  await gateway.kill()
  const block = someBlock()
  // From one to the next: each knows its two neighbours only.
  for (const [index, page] of ring.entries()) {
    if (index === 0) await putInto(page, block)
    else expect(await fetchSha256(page, block.cid)).toBe(block.sha256)
  }
  const warned = await Promise.all(ring.map((page) => page.evaluate(() => window.warnings)))
  console.log(
    `${TAB_COUNT} tabs synced in ${syncedMs} ms, ${ring.length} of them connected in a ring in ${ringMs} ms; ` +
      `the gateway took ${(after.cpuSeconds - before.cpuSeconds).toFixed(1)} s of processor time, and has ${after.residentMb} MB (${before.residentMb} before)`,
  )
  expect(warned.flat().filter((warning) => warning.includes('/webrtc/'))).toEqual([])
})

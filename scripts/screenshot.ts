/** `node scripts/screenshot.ts`: takes docs/screenshot.png, the upper part of the page on a practice chain with two gateways. */
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from 'playwright'
import { startGateway, type Gateway } from '../test/e2e/gateway.ts'
import { CHROMIUM_FLAGS, findChromiumOrExit } from '../test/find-chromium.ts'
import { buildIfNeeded } from './build-steps.ts'

const FILE = 'docs/screenshot.png'
/** Every clone of the repository carries it. */
const SIZE_BYTES_MAX = 150_000

buildIfNeeded()
const folder: string = mkdtempSync(join(tmpdir(), 'rushlight-screenshot-'))
const gateways: Gateway[] = []
try {
  const directory = (name: string): string => join(folder, name)
  const first = await startGateway({ directory: directory('first'), isPractice: true })
  gateways.push(first)
  const flags = ['--peer', first.url]
  const second = await startGateway({ directory: directory('second'), chain: 'bitcoin:regtest', flags })
  gateways.push(second)
  await takeScreenshot(first.url, second.url)
} finally {
  await Promise.all(gateways.map((gateway) => gateway.kill()))
  rmSync(folder, { recursive: true, force: true })
}
const sizeBytes: number = statSync(FILE).size
console.log(`${FILE}: ${sizeBytes} bytes`)
if (sizeBytes > SIZE_BYTES_MAX) process.exitCode = 1

async function takeScreenshot(url: string, secondUrl: string): Promise<void> {
  const browser = await chromium.launch({ executablePath: findChromiumOrExit(), args: [...CHROMIUM_FLAGS] })
  try {
    const page = await browser.newPage({ viewport: { width: 1100, height: 730 }, colorScheme: 'light' })
    await page.goto(`${url}/#peer=${encodeURIComponent(secondUrl)}`)
    await page.getByText('Delivered by 2 peers').waitFor()
    await page.getByText('Synced').first().waitFor()
    mkdirSync('docs', { recursive: true })
    await page.screenshot({ path: FILE })
  } finally {
    await browser.close()
  }
}

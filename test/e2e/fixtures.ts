/** What every end-to-end test gets: folders and gateways that are gone when it ends, also when it fails. */
import { test as base, expect, type BrowserContext, type Page } from '@playwright/test'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runCommand, startGateway, type Gateway, type GatewayOptions } from './gateway.ts'

export { expect } from '@playwright/test'

export interface Gateways {
  /** A new empty folder. */
  folder(): string
  /** A gateway over a new folder that holds the headers of `file`. */
  serving(file: string, chain?: string): Promise<Gateway & { readonly directory: string }>
  start(options: GatewayOptions): Promise<Gateway>
}

export const test = base.extend<{ gateways: Gateways }>({
  gateways: async ({ context }, use, testInfo) => {
    const folders: string[] = []
    const started: Gateway[] = []
    const gateways: Gateways = {
      folder() {
        const folder = mkdtempSync(join(tmpdir(), 'rushlight-e2e-'))
        folders.push(folder)
        return folder
      },
      async serving(file, chain = 'bitcoin:mainnet') {
        const directory = join(gateways.folder(), 'data')
        runCommand('import', file, '--chain', chain, '--data', directory)
        return { ...(await gateways.start({ directory, chain })), directory }
      },
      async start(options) {
        const gateway = await startGateway(options)
        started.push(gateway)
        return gateway
      },
    }
    await use(gateways)
    if (testInfo.status !== testInfo.expectedStatus) await tellWhatWasSeen(context, started)
    await Promise.all(started.map((gateway) => gateway.kill()))
    for (const folder of folders) rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  },
})

/** What a failed test leaves to think about. */
async function tellWhatWasSeen(context: BrowserContext, gateways: readonly Gateway[]): Promise<void> {
  for (const page of context.pages()) {
    // Unlike innerText this looks into shadow roots.
    const text = await page.locator('body').ariaSnapshot({ timeout: 5_000 }).catch(String)
    console.log(`— the page ${page.url()} showed:\n${text}`)
  }
  for (const gateway of gateways) console.log(`— the gateway ${gateway.url} said:\n${gateway.log()}`)
}

/** The page as a person sees it; Playwright's locators look into shadow roots. */
export const heightOf = (page: Page) => page.locator('rushlight-head #height')
export const statusOf = (page: Page) => page.locator('rushlight-status #word')
export const trustOf = (page: Page) => page.locator('rushlight-head #trust')
export const peersOf = (page: Page) => page.locator('rushlight-peers').getByRole('row')
export const eventsOf = (page: Page) => page.locator('rushlight-events').getByRole('listitem')
export const storeReasonOf = (page: Page) => page.locator('rushlight-store #reason')

/** Everything but the page's own files is out of reach until the returned function is called. */
export async function cutNetwork(context: BrowserContext): Promise<() => Promise<void>> {
  const refuse = async (route: { abort(): Promise<void> }): Promise<void> => route.abort()
  await context.route('**/api/addresses', refuse)
  let isCut = true
  await context.routeWebSocket(/.*/, (socket) => {
    if (isCut) void socket.close()
    else socket.connectToServer()
  })
  return async () => {
    isCut = false
    await context.unroute('**/api/addresses', refuse)
  }
}

/** Resolves when the tab's store has acknowledged all of `count` headers. */
export async function expectStored(page: Page, count: number): Promise<void> {
  await expect
    .poll(() => page.evaluate(() => window.rushlight?.snapshot().store.headerCount), { message: 'headers stored' })
    .toBe(count)
}

/** Pages that run light nodes as a test wants them. */
import type { Browser, Page } from '@playwright/test'
import type { LightNode, LightNodeOptions } from '../../src/driver/api.ts'
import { servePage, type ServedPage } from '../serve-page.ts'

declare global {
  interface Window {
    /** Starts one on mainnet, in memory; `lightNode` from then on. */
    start(options: Pick<LightNodeOptions, 'peers' | 'transports'>): Promise<void>
    lightNode: LightNode & { submitHeaders(headers: Uint8Array): void }
    /** `ready PEER`, `gone PEER`, in the order it was told. */
    peerEvents: string[]
    /** What it warned of. */
    warnings: string[]
    /** What came over relayed connections besides their being there. */
    limitedEvents: string[]
    /** Addresses of the connections that are open now, by connection. */
    openConnections: Map<string, string>
  }
}

const PAGE = `
  import { createLightNode } from './src/browser.ts'
  import { bitcoin } from './src/bitcoin.ts'
  window.peerEvents = []
  window.warnings = []
  window.limitedEvents = []
  window.openConnections = new Map()
  const limited = new Set()
  const record = (line) => {
    const { type, connection, address, isLimited } = JSON.parse(line).call?.event ?? {}
    if (type === 'connection-opened') window.openConnections.set(connection, address)
    if (type === 'connection-closed') window.openConnections.delete(connection)
    if (isLimited) limited.add(connection)
    // What it speaks is told by identify.
    else if (limited.has(connection) && !['connection-closed', 'protocols-learnt'].includes(type)) window.limitedEvents.push(type)
  }
  window.start = async (options) => {
    window.lightNode = await createLightNode({ chain: bitcoin('mainnet'), store: 'memory', record, ...options })
    window.lightNode.addEventListener('peer-ready', ({ detail }) => window.peerEvents.push('ready ' + detail.peer))
    window.lightNode.addEventListener('warning', ({ detail }) => window.warnings.push(detail.detail))
    window.lightNode.addEventListener('peer-gone', ({ detail }) => window.peerEvents.push('gone ' + detail.peer))
  }
`

export interface Lab extends ServedPage {
  /** A tab of a browser context of its own. */
  open(browser: Browser): Promise<Page>
}

export async function startLab(): Promise<Lab> {
  const served = await servePage({ text: PAGE })
  return {
    ...served,
    open: async (browser) => {
      // Without them Chromium hides addresses of loopback from WebRTC.
      const context = await browser.newContext({ permissions: ['camera', 'microphone'] })
      const page = await context.newPage()
      await page.goto(served.url)
      await page.waitForFunction(() => 'start' in window)
      return page
    },
  }
}

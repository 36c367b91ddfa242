/** Pages that run light nodes as a test wants them, and a peer in a process of its own to connect them to. */
import type { Browser, Page } from '@playwright/test'
import { build } from 'esbuild'
import { spawn } from 'node:child_process'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { LightNode, LightNodeOptions } from '../../src/driver/api.ts'

declare global {
  interface Window {
    /** Starts one on mainnet, in memory; `lightNode` from then on. */
    start(options: Pick<LightNodeOptions, 'peers' | 'transports'>): Promise<void>
    lightNode: LightNode & { submitHeaders(headers: Uint8Array): void }
  }
}

const PAGE = `
  import { createLightNode } from './src/browser.ts'
  import { bitcoin } from './src/bitcoin.ts'
  window.start = async (options) => {
    window.lightNode = await createLightNode({ chain: bitcoin('mainnet'), store: 'memory', ...options })
  }
`

export interface Lab {
  /** A tab of a browser context of its own. */
  open(browser: Browser): Promise<Page>
  close(): Promise<void>
}

export async function startLab(): Promise<Lab> {
  const root = join(import.meta.dirname, '../..')
  const { outputFiles } = await build({
    stdin: { contents: PAGE, resolveDir: root, loader: 'ts' },
    bundle: true,
    write: false,
    format: 'esm',
    platform: 'browser',
    target: 'es2024',
  })
  const script = outputFiles[0]?.contents ?? new Uint8Array()
  const server = createServer((request, response) => {
    const isScript = request.url === '/page.js'
    response.setHeader('content-type', isScript ? 'text/javascript' : 'text/html')
    response.end(isScript ? script : '<!doctype html><script type="module" src="/page.js"></script>')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
  return {
    open: async (browser) => {
      // Without them Chromium hides addresses of loopback from WebRTC.
      const context = await browser.newContext({ permissions: ['camera', 'microphone'] })
      const page = await context.newPage()
      await page.goto(url)
      await page.waitForFunction(() => 'start' in window)
      return page
    },
    close: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export interface RoadPeer {
  readonly addresses: readonly string[]
  tell(line: string): void
  /** The rest of the first line, past or to come, that begins with this word. */
  said(word: string): Promise<string>
  /** As a crash would: no goodbye. */
  kill(): Promise<void>
}

export async function startRoadPeer(directory: string): Promise<RoadPeer> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'road-peer.ts'), directory], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const lines: string[] = []
  let look = (): void => {}
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line)
    look()
  })
  const said = (word: string): Promise<string> =>
    new Promise((resolve, reject) => {
      look = () => {
        const line = lines.find((each) => each.startsWith(word))
        if (line !== undefined) resolve(line.slice(word.length).trim())
      }
      look()
      void ended.then(() => reject(new Error(`the peer ended without saying ${word}`)))
    })
  const addresses = JSON.parse(`[${await said('[')}`) as string[]
  return {
    addresses,
    tell: (line) => void child.stdin.write(`${line}\n`),
    said,
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
  }
}

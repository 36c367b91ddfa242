/** The packed tarball in an empty folder: what a stranger gets. */
import { build as esbuild } from 'esbuild'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright'
import type { Browser } from 'playwright'
import { build as viteBuild } from 'vite'
import { afterAll, beforeAll, expect, test } from 'vitest'
import manifest from '../../package.json' with { type: 'json' }
import { CHROMIUM_FLAGS, findChromiumOrExit } from '../find-chromium.ts'
import { createConsumer } from './consumer.ts'
import type { Consumer } from './consumer.ts'
import { startInstalledGateway } from './installed-gateway.ts'
import type { InstalledGateway } from './installed-gateway.ts'
import { serveFolder } from './static-server.ts'

/** The practice chain starts with as many. */
const PRACTICE_HEIGHT_MIN = 2016
const SYNC_LIMIT_MS = 60_000
/** What an install may bring at most, ours among them. */
const PACKAGES_MAX = 200
const ROADS = [
  ['tcp', /^\/ip4\/127\.0\.0\.1\/tcp\/\d+\/p2p\//],
  ['websockets', /\/ws\//],
  ['webrtc-direct', /\/webrtc-direct\//],
  ['webtransport', /\/webtransport\//],
] as const
const BIN = join(import.meta.dirname, '../../node_modules/.bin')

let consumer: Consumer
let gateway: InstalledGateway
let browser: Browser

beforeAll(async () => {
  consumer = createConsumer()
  gateway = await startInstalledGateway(consumer.folder)
  browser = await chromium.launch({ executablePath: findChromiumOrExit(), args: [...CHROMIUM_FLAGS] })
})

afterAll(async () => {
  await browser?.close()
  await gateway?.stop()
  consumer?.remove()
})

test('the command line tells the version of the package', () => {
  const result = consumer.run('npx', ['rushlight', '--version'])
  expect(result.stdout).toContain(manifest.version)
  expect(result.exitCode).toBe(0)
})

test('an install brings no react-native and few packages', () => {
  const lock = readFileSync(join(consumer.folder, 'node_modules/.package-lock.json'), 'utf8')
  const paths = Object.keys((JSON.parse(lock) as { readonly packages: object }).packages)
  expect(paths.filter((path) => path.includes('react-native'))).toEqual([])
  expect(paths.length).toBeGreaterThan(50)
  expect(paths.length).toBeLessThanOrEqual(PACKAGES_MAX)
})

test.each(ROADS)(
  'the installed gateway is dialled over %s by an installed light node, which then ends',
  (road, pattern) => {
    const address = gateway.addresses.find((each) => pattern.test(each))
    expect(address).toBeDefined()
    const options = `peers: ['${address}'], transports: ['${road}']`
    consumer.write(
      'road.js',
      appSource(
        'console.log(lightNode.snapshot().peers.map(({ state, transport }) => `${state} ${transport}`).join())',
        options,
      ),
    )
    const result = consumer.run(process.execPath, ['road.js'])
    expect(result.stderr).toBe('')
    expect(result.exitCode).toBe(0)
    expect(result.stdout).toBe(`ready ${road}\n`)
  },
)

test('npx rushlight start serves the page, which syncs in a tab', async () => {
  const page = await browser.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(error.message))
  await page.goto(gateway.url)
  await expect
    .poll(() => page.evaluate('globalThis.rushlight?.head.height'), { timeout: SYNC_LIMIT_MS })
    .toBeGreaterThanOrEqual(PRACTICE_HEIGHT_MIN)
  expect(errors).toEqual([])
  await page.close()
})

test('Node.js imports it, syncs, stops, and the process ends by itself', () => {
  consumer.write('app.js', appSource('console.log(JSON.stringify({ height: lightNode.head.height }))'))
  const result = consumer.run(process.execPath, ['app.js'])
  expect(result.stderr).toBe('')
  expect(result.exitCode).toBe(0)
  expect((JSON.parse(result.stdout) as { height: number }).height).toBeGreaterThanOrEqual(PRACTICE_HEIGHT_MIN)
})

test.each([
  ['nodenext', 'ES2024'],
  ['bundler', 'ES2024'],
])('a strict tsc accepts it, library files included, with module resolution %s', (moduleResolution, target) => {
  consumer.write('typed/app.ts', TYPED_APP)
  consumer.write(
    'typed/tsconfig.json',
    JSON.stringify({
      compilerOptions: {
        target,
        module: moduleResolution === 'bundler' ? 'esnext' : 'nodenext',
        moduleResolution,
        lib: ['ES2024', 'DOM', 'DOM.Iterable', 'DOM.AsyncIterable', 'ESNext.Disposable'],
        types: [],
        strict: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
        noEmit: true,
      },
    }),
  )
  const result = consumer.run(join(BIN, 'tsc'), ['-p', 'typed'])
  expect(result.stdout).toBe('')
  expect(result.exitCode).toBe(0)
})

test('bundled by esbuild, it syncs in a tab', async () => {
  consumer.write('app-browser.js', appSource('document.title = String(lightNode.head.height)'))
  const outdir = join(consumer.folder, 'by-esbuild')
  const result = await esbuild({
    entryPoints: [join(consumer.folder, 'app-browser.js')],
    absWorkingDir: consumer.folder,
    outdir,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'browser',
    logLevel: 'silent',
  })
  expect(result.warnings).toEqual([])
  consumer.write('by-esbuild/index.html', htmlOf('/app-browser.js'))
  await expectSyncInTab(outdir)
})

test('bundled by vite, it syncs in a tab', async () => {
  consumer.write('for-vite/app.js', appSource('document.title = String(lightNode.head.height)'))
  consumer.write('for-vite/index.html', htmlOf('./app.js'))
  const outDir = join(consumer.folder, 'by-vite')
  await viteBuild({
    root: join(consumer.folder, 'for-vite'),
    configFile: false,
    logLevel: 'warn',
    build: { outDir, emptyOutDir: true, target: 'es2024', chunkSizeWarningLimit: 1_000 },
  })
  await expectSyncInTab(outDir)
})

async function expectSyncInTab(folder: string): Promise<void> {
  const server = await serveFolder(folder)
  const page = await browser.newPage()
  try {
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(error.message))
    await page.goto(server.url)
    await page
      .waitForFunction('document.title !== ""', undefined, { timeout: SYNC_LIMIT_MS })
      .catch((cause: unknown) => {
        throw new Error(`the app did not sync; the tab said: ${errors.join('; ')}`, { cause })
      })
    expect(errors).toEqual([])
    expect(Number(await page.title())).toBeGreaterThanOrEqual(PRACTICE_HEIGHT_MIN)
  } finally {
    await page.close()
    await server.close()
  }
}

function appSource(whenReady: string, options = `peers: ['${gateway.url}']`): string {
  return `
import { createLightNode } from 'rushlight'
import { bitcoin } from 'rushlight/bitcoin'

const lightNode = await createLightNode({ chain: bitcoin('regtest'), ${options} })
await lightNode.ready({ signal: AbortSignal.timeout(${SYNC_LIMIT_MS}) })
${whenReady}
await lightNode.stop()
`
}

function htmlOf(script: string): string {
  return `<!doctype html><meta charset="utf-8" /><script type="module" src="${script}"></script>`
}

/** The README's lines, and a switch over every code, so that a code taken away is noticed. */
const TYPED_APP = `
import { createLightNode, LightNodeError } from 'rushlight'
import type { Head, LightNode, LightNodeErrorCode, Snapshot } from 'rushlight'
import { bitcoin } from 'rushlight/bitcoin'

export async function main(): Promise<Head> {
  const lightNode: LightNode = await createLightNode({ chain: bitcoin('mainnet'), peers: ['https://gateway.example'] })
  await lightNode.ready({ signal: AbortSignal.timeout(30_000) })
  lightNode.addEventListener('reorg', (event) => console.log(event.detail.adopted.length))
  const snapshot: Snapshot = lightNode.snapshot()
  console.log(snapshot.status)
  for await (const head of lightNode.heads()) return head
  throw new LightNodeError('stopped', 'no head')
}

export function isFinal(error: unknown): boolean {
  const final: readonly LightNodeErrorCode[] = ['wrong-chain', 'stopped']
  return error instanceof LightNodeError && final.includes(error.code)
}
`

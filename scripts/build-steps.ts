/** What `dist` is made of, how it is made, and whether it is older than its sources. */
import { buildSync } from 'esbuild'
import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runOrExit } from './run.ts'

const MATCHERS = join(import.meta.dirname, 'webrtc-matchers.ts')
const LIBRARY_SOURCES: readonly string[] = ['src', 'tsconfig.json', 'tsconfig.build.json', 'package.json', MATCHERS]
const PAGE_SOURCES: readonly string[] = ['src', 'web', 'vite.config.ts', 'package.json', MATCHERS]
/** Each build rewrites its mark, so the mark's time is the build's time. */
const LIBRARY_MARK = 'dist/cli/main.js'
const PAGE_MARK = 'dist/web/index.html'

/** What a tab's build of @libp2p/webrtc takes instead of another package's module. */
export const WEBRTC_ALIASES: Readonly<Record<string, string>> = {
  '@multiformats/multiaddr-matcher/utils': MATCHERS,
  '@multiformats/multiaddr-matcher': MATCHERS,
}

export function buildLibrary(): void {
  // Files of an earlier build would be published with this one.
  for (const name of namesIn('dist')) if (name !== 'web') rmSync(join('dist', name), { recursive: true })
  runOrExit('tsc', ['-p', 'tsconfig.build.json'])
  bundleWebRtc()
}

/**
 * `@libp2p/webrtc` is taken into the two files that load it: as a dependency it would bring react-native to everybody, which
 * neither a tab nor Node.js has any use for. What we depend on besides stays outside, once for all.
 */
function bundleWebRtc(): void {
  const { dependencies, optionalDependencies } = JSON.parse(readFileSync('package.json', 'utf8')) as {
    readonly dependencies: Readonly<Record<string, string>>
    readonly optionalDependencies: Readonly<Record<string, string>>
  }
  const external = Object.keys({ ...dependencies, ...optionalDependencies }).flatMap((name) => [name, `${name}/*`])
  const shared = { bundle: true, format: 'esm', target: 'es2024', allowOverwrite: true, external } as const
  const [browser, nodejs] = ['dist/host/webrtc.browser.js', 'dist/host/webrtc.nodejs.js']
  buildSync({
    ...shared,
    alias: WEBRTC_ALIASES,
    entryPoints: [browser],
    outfile: browser,
    platform: 'browser',
    logLevel: 'warning',
  })
  // Of its dependencies some are CommonJS.
  const banner = { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" }
  buildSync({ ...shared, entryPoints: [nodejs], outfile: nodejs, platform: 'node', banner, logLevel: 'warning' })
}

export function buildPage(): void {
  runOrExit('vite', ['build', '--logLevel', 'warn'])
}

export function buildIfNeeded(): void {
  if (isOlder(LIBRARY_MARK, LIBRARY_SOURCES)) {
    console.error('building the library …')
    buildLibrary()
  }
  if (isOlder(PAGE_MARK, PAGE_SOURCES)) {
    console.error('building the page …')
    buildPage()
  }
}

function isOlder(mark: string, sources: readonly string[]): boolean {
  const builtMs = statSync(mark, { throwIfNoEntry: false })?.mtimeMs
  return builtMs === undefined || sources.some((source) => newestMs(source) > builtMs)
}

/** Folders count too: their time tells of files taken away. */
function newestMs(path: string): number {
  const status = statSync(path, { throwIfNoEntry: false })
  if (status === undefined) return 0
  if (!status.isDirectory()) return status.mtimeMs
  return Math.max(status.mtimeMs, ...namesIn(path).map((name) => newestMs(join(path, name))))
}

function namesIn(folder: string): readonly string[] {
  return statSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder)
}

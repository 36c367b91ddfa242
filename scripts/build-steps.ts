/** What `dist` is made of, how it is made, and whether it is older than its sources. */
import { readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { runOrExit } from './run.ts'

const LIBRARY_SOURCES: readonly string[] = ['src', 'tsconfig.json', 'tsconfig.build.json', 'package.json']
const PAGE_SOURCES: readonly string[] = ['src', 'web', 'vite.config.ts', 'package.json']
/** Each build rewrites its mark, so the mark's time is the build's time. */
const LIBRARY_MARK = 'dist/cli/main.js'
const PAGE_MARK = 'dist/web/index.html'

export function buildLibrary(): void {
  // Files of an earlier build would be published with this one.
  for (const name of namesIn('dist')) if (name !== 'web') rmSync(join('dist', name), { recursive: true })
  runOrExit('tsc', ['-p', 'tsconfig.build.json'])
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

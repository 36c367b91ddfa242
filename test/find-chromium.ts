/** The browser of every browser test: one choice for vitest and for Playwright. */
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium } from 'playwright'

export const CHROMIUM_MISSING =
  'no Chromium found: set RUSHLIGHT_CHROMIUM to its path, or run: npx playwright install chromium'

/** The path in RUSHLIGHT_CHROMIUM, else Playwright's own, else `chromium` on PATH; undefined when there is none. */
export function findChromium(): string | undefined {
  const named = process.env['RUSHLIGHT_CHROMIUM']
  if (named !== undefined && named !== '') return named
  const bundled = chromium.executablePath()
  if (bundled !== '' && existsSync(bundled)) return bundled
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'chromium'))
    .find(isExecutable)
}

/** As `findChromium`, but says what is missing in one line and ends the program. */
export function findChromiumOrExit(): string {
  const path = findChromium()
  if (path !== undefined && isExecutable(path)) return path
  console.error(
    path === undefined ? CHROMIUM_MISSING : `RUSHLIGHT_CHROMIUM: expected a Chromium, found none at ${path}`,
  )
  process.exit(2)
}

/** Keeps Chromium quiet and WebRTC working where loopback is the only network. QUIC stays on for WebTransport. */
export const CHROMIUM_FLAGS: readonly string[] = [
  '--allow-loopback-in-peer-connection',
  '--disable-gpu',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  // Chromium refuses its sandbox to root.
  ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
]

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

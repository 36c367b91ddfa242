/** Debian's Firefox, driven over WebDriver BiDi by the one Playwright that can: a second engine for the road tests. */
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

export const FIREFOX_MISSING =
  'no Firefox found, its road tests are skipped: apt-get install firefox-esr, or set RUSHLIGHT_FIREFOX to its path'

/** The path in RUSHLIGHT_FIREFOX, else `firefox-esr` on PATH; undefined when there is none. */
export function findFirefox(): string | undefined {
  const named = process.env['RUSHLIGHT_FIREFOX']
  if (named !== undefined && named !== '') return named
  return (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((folder) => join(folder, 'firefox-esr'))
    .find((path) => existsSync(path))
}

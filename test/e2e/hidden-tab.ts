/** A tab that is really hidden, timers clamped and all: Playwright's own pages always count as visible. */
import { chromium, type Page } from '@playwright/test'
import { spawn, type ChildProcess } from 'node:child_process'
import { CHROMIUM_FLAGS, findChromiumOrExit } from '../find-chromium.ts'

const START_LIMIT_MS = 60_000

export async function openHiddenTab(profile: string): Promise<{ readonly page: Page; close(): Promise<void> }> {
  const flags = ['--headless', ...CHROMIUM_FLAGS, '--remote-debugging-port=0', `--user-data-dir=${profile}`]
  const child = spawn(findChromiumOrExit(), [...flags, 'about:blank'], { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const close = async (): Promise<void> => {
    child.kill('SIGKILL')
    await ended
  }
  try {
    // Without Playwright's defaults there is no focus emulation, which would make every page visible.
    const browser = await chromium.connectOverCDP(await debuggerOf(child), { noDefaults: true })
    const context = browser.contexts()[0]
    if (context === undefined) throw new Error('expected a browser with a window')
    const page = context.pages()[0] ?? (await context.newPage())
    const other = await context.newPage()
    await other.bringToFront()
    await page.waitForFunction(() => document.visibilityState === 'hidden', undefined, { polling: 100 })
    return { page, close }
  } catch (error) {
    await close()
    throw error
  }
}

async function debuggerOf(child: ChildProcess): Promise<string> {
  let said = ''
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new Error(`Chromium named no debugger address; it said:\n${said}`))
    const timer = setTimeout(fail, START_LIMIT_MS)
    child.once('close', fail)
    child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk.toString()
      const address = /ws:\/\/\S+/.exec(said)?.[0]
      if (address === undefined) return
      clearTimeout(timer)
      resolve(address)
    })
  })
}

import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { chromium } from 'playwright'
import { expect, test } from 'vitest'
import { CHROMIUM_FLAGS, findChromium } from '../find-chromium.ts'
import { traceOfSeed } from './seed-trace.ts'

const HANG_MS = 300_000
const SMALL = { nodes: 8, minutes: 3 }

test('the same seed gives the same trace, byte for byte', { timeout: HANG_MS }, () => {
  const trace = traceOfSeed({ seed: 3, chain: 'toy', ...SMALL })
  expect(trace.length).toBeGreaterThan(10_000)
  expect(traceOfSeed({ seed: 3, chain: 'toy', ...SMALL }) === trace).toBe(true)
})

test('another seed gives another trace', { timeout: HANG_MS }, () => {
  const [one, other] = [3, 4].map((seed) => traceOfSeed({ seed, chain: 'toy', ...SMALL }))
  expect(one === other).toBe(false)
})

const executablePath = findChromium()

test.skipIf(executablePath === undefined)(
  'Node.js and Chromium see the same trace, byte for byte, on the toy chain and on regtest',
  { timeout: HANG_MS },
  async () => {
    const bundle = await build({
      entryPoints: [fileURLToPath(new URL('seed-trace.ts', import.meta.url))],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'simulation',
    })
    const browser = await chromium.launch({ args: [...CHROMIUM_FLAGS], ...(executablePath && { executablePath }) })
    try {
      const page = await browser.newPage()
      await page.addScriptTag({ content: bundle.outputFiles[0]?.text ?? '' })
      for (const chain of ['toy', 'regtest'] as const) {
        const args = { seed: 5, chain, ...SMALL }
        const inTab = await page.evaluate(`simulation.traceOfSeed(${JSON.stringify(args)})`)
        expect(inTab === traceOfSeed(args)).toBe(true)
      }
    } finally {
      await browser.close()
    }
  },
)

import { readFileSync } from 'node:fs'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { parseFailedSeeds } from './failed-seeds.ts'
import { createSimulatedToyChain } from './simulated-chain.ts'
import { createSimulatedRegtestChain } from './simulated-regtest-chain.ts'
import { simulate } from './simulate.ts'

/** For how long fresh seeds are tried, and how many at least. */
const SECONDS = Number(process.env['SIMULATION_SECONDS'] ?? 20)
const SEEDS_MIN = Number(process.env['SIMULATION_SEEDS'] ?? 10)
/** A test that hangs ends here; nothing is said about speed. */
const HANG_MS = SECONDS * 1_000 + 600_000
const REGTEST_EVERY = 5

const failedSeedsFile = new URL('failed-seeds.txt', import.meta.url)

test(
  'fresh seeds: 20 light nodes through 10 minutes of faults break no rule and are all live after healing',
  { timeout: HANG_MS },
  async () => {
    const baseSeed = Number(process.env['SIMULATION_SEED'] ?? crypto.getRandomValues(new Uint32Array(1))[0])
    console.log(`simulation: base seed ${baseSeed}`)
    const startMs = performance.now()
    let seedCount = 0
    let stepCount = 0
    while (seedCount < SEEDS_MIN || performance.now() - startMs < SECONDS * 1_000) {
      const chain = seedCount % REGTEST_EVERY === 0 ? createSimulatedRegtestChain() : createSimulatedToyChain()
      const seed = (baseSeed + seedCount) >>> 0
      stepCount += simulate({ seed, nodes: 20, minutes: 10, chain }).stepCount
      seedCount += 1
      // The test runner gives up on a worker that answers nothing for a minute.
      await setImmediate()
    }
    const rate = Math.round((stepCount / (performance.now() - startMs)) * 1_000)
    console.log(`simulation: ${seedCount} seeds, ${stepCount} steps, ${rate} steps/s`)
    expect(seedCount).toBeGreaterThanOrEqual(SEEDS_MIN)
  },
)

for (const failed of parseFailedSeeds(readFileSync(failedSeedsFile, 'utf8'), 'failed-seeds.txt')) {
  test(`seed ${failed.seed} (${failed.chain}): ${failed.what}`, { timeout: HANG_MS }, () => {
    const isHeadersOnly = failed.chain === 'headers'
    const chain =
      failed.chain === 'regtest' ? createSimulatedRegtestChain() : createSimulatedToyChain({ isHeadersOnly })
    const { seed, nodes, minutes } = failed
    expect(simulate({ seed, nodes, minutes, chain }).height).toBeGreaterThan(0)
  })
}

test('a list of seeds with a line that is none is refused with file and line', () => {
  expect(() => parseFailedSeeds('# fine\n1 20 10 toy  something\n1 twenty\n', 'seeds.txt')).toThrow(
    'seeds.txt:3: expected "SEED NODES MINUTES toy|headers|regtest  what", got "1 twenty"',
  )
})

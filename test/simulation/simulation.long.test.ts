import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { simulate } from './simulate.ts'

/** 10,000 take a quarter of an hour on an idle core; a smaller number can be asked for. */
const SEED_COUNT = Number(process.env['SIMULATION_SEEDS'] ?? 10_000)
/** A seed takes a tenth of a second, on a busy machine three times that. */
const HANG_MS = 600_000 + SEED_COUNT * 1_000
const TOLD_EVERY = 250

test(
  `${SEED_COUNT} seeds of 20 light nodes x 10 virtual minutes break no rule and are all live after healing`,
  { timeout: HANG_MS },
  async () => {
    const baseSeed = Number(process.env['SIMULATION_SEED'] ?? 1)
    console.log(`simulation: seeds ${baseSeed} to ${baseSeed + SEED_COUNT - 1}`)
    const startMs = performance.now()
    const failed: string[] = []
    let stepCount = 0
    for (let seedCount = 1; seedCount <= SEED_COUNT; seedCount += 1) {
      const seed = (baseSeed + seedCount - 1) >>> 0
      try {
        stepCount += simulate({ seed, nodes: 20, minutes: 10 }).stepCount
      } catch (error) {
        const [what, where] = String(error instanceof Error ? error.message : error).split('\n')
        failed.push(`${what} | ${where}`)
        console.log(`simulation: ${failed.at(-1)}`)
      }
      if (seedCount % TOLD_EVERY === 0 || seedCount === SEED_COUNT) {
        const seconds = (performance.now() - startMs) / 1_000
        const rate = Math.round(stepCount / seconds)
        const progress = `${seedCount} of ${SEED_COUNT} seeds in ${Math.round(seconds)} s`
        console.log(`simulation: ${progress}, ${stepCount} steps, ${rate} steps/s, ${failed.length} failed`)
      }
      // What is told is shown only between two turns of the worker.
      await setImmediate()
    }
    expect(failed).toEqual([])
  },
)

import { expect, test } from 'vitest'
import { simulate } from './simulate.ts'

/** 10,000 take some hours on one core; a smaller number can be asked for. */
const SEED_COUNT = Number(process.env['SIMULATION_SEEDS'] ?? 10_000)

test(`${SEED_COUNT} seeds of 20 light nodes x 10 virtual minutes break no rule and are all live after healing`, () => {
  const baseSeed = Number(process.env['SIMULATION_SEED'] ?? 1)
  console.log(`simulation: seeds ${baseSeed} to ${baseSeed + SEED_COUNT - 1}`)
  const failed: string[] = []
  for (let index = 0; index < SEED_COUNT; index += 1) {
    try {
      simulate({ seed: (baseSeed + index) >>> 0, nodes: 20, minutes: 10 })
    } catch (error) {
      const [what, where] = String(error instanceof Error ? error.message : error).split('\n')
      failed.push(`${what} | ${where}`)
    }
  }
  expect(failed).toEqual([])
})

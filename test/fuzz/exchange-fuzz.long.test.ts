import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { fuzzExchange } from './exchange-fuzz.ts'

const SEQUENCES = Number(process.env['FUZZ_SEQUENCES'] ?? 100_000)
const EVENTS = 60
const TOLD_EVERY = 5_000

test(`a core bears ${SEQUENCES} random sequences of exchange events`, async () => {
  const base = Number(process.env['FUZZ_SEED'] ?? 1_000)
  const startMs = performance.now()
  const failed: string[] = []
  for (let count = 1; count <= SEQUENCES; count += 1) {
    try {
      fuzzExchange((base + count - 1) >>> 0, EVENTS)
    } catch (error) {
      failed.push(String(error).split('\n')[0] ?? '')
    }
    if (count % TOLD_EVERY !== 0) continue
    const seconds = Math.round((performance.now() - startMs) / 1_000)
    console.log(`fuzz: ${count} of ${SEQUENCES} sequences of ${EVENTS} events in ${seconds} s, ${failed.length} failed`)
    // What is told is shown only between two turns of the worker.
    await setImmediate()
  }
  expect(failed).toEqual([])
})

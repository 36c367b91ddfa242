import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** 400,000 objects in use, and as many more each time that all are replaced. Prints the most memory of the heap. */
const CHURN = `
  import { getHeapStatistics } from 'node:v8'
  const { keepHeapSmall } = await import(process.argv[1])
  keepHeapSmall()
  const kept = []
  let peakBytes = 0
  for (let round = 0; round < 60; round += 1) {
    for (let index = 0; index < 40_000; index += 1) {
      kept[index + 40_000 * (round % 10)] = { round, index, list: [index, round, index] }
    }
    peakBytes = Math.max(peakBytes, getHeapStatistics().total_heap_size)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  console.log(peakBytes)`

/** 130 to 135 MB; 315 and more with Node.js as it comes. */
const PEAK_BYTES_MAX = 220_000_000

test('a heap of 60 MB in use grows to less than 220 MB', { timeout: 60_000 }, async () => {
  const module = new URL('small-heap.ts', import.meta.url).href
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', CHURN, module])
  expect(Number(stdout)).toBeGreaterThan(0)
  expect(Number(stdout)).toBeLessThan(PEAK_BYTES_MAX)
})

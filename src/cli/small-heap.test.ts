import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

/** 400,000 objects in use, and as many more each time that all are replaced. Prints the most memory of the heap. */
const CHURN = `
  import { getHeapStatistics } from 'node:v8'
  const { keepHeapSmall } = await import(process.argv[1])
  keepHeapSmall(Number(process.argv[2]))
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

/** 130 to 135 MB; 315 and more with room for few peers. */
const PEAK_BYTES_MAX = 220_000_000

test('a heap of 60 MB in use stays below 220 MB with room for a thousand peers, and is left to V8 with few', async () => {
  const [crowded, few] = [await peakBytes(1_000), await peakBytes(256)]
  expect(crowded).toBeLessThan(PEAK_BYTES_MAX)
  expect(few).toBeGreaterThan(1.3 * crowded)
}, 60_000)

async function peakBytes(maxPeers: number): Promise<number> {
  const module = new URL('small-heap.ts', import.meta.url).href
  const args = ['--input-type=module', '-e', CHURN, module, String(maxPeers)]
  const { stdout } = await promisify(execFile)(process.execPath, args)
  return Number(stdout)
}

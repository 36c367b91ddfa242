import { expect, test } from 'vitest'
import { partitionAndHeal } from './large-network.ts'

const HANG_MS = 600_000

test('200 light nodes sync 500 headers, are cut in two, and reorganise when whole again', { timeout: HANG_MS }, () => {
  const report = partitionAndHeal({ seed: 1, nodes: 200, headerCount: 500 })
  console.log('large network', JSON.stringify(report))
  expect(report.height).toBe(505)
  // Everybody in the half with less work, once; nobody else.
  expect(report.reorganisedCount).toBe(report.lighterHalfCount)
})

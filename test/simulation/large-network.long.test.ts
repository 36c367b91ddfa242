import { expect, test } from 'vitest'
import { partitionAndHeal } from './large-network.ts'

test('10,000 light nodes sync 500 headers, are cut in two, and reorganise when whole again', () => {
  const startMs = performance.now()
  const report = partitionAndHeal({ seed: 1, nodes: 10_000, headerCount: 500 })
  const wallMs = performance.now() - startMs
  const { user, system } = process.cpuUsage()
  console.log('large network', JSON.stringify(report), {
    wallMs: Math.round(wallMs),
    stepsPerSecond: Math.round((report.stepCount / wallMs) * 1_000),
    cpuSeconds: Math.round((user + system) / 1e6),
    memoryMegabytes: Math.round(process.resourceUsage().maxRSS / 1_000),
  })
  expect(report.height).toBe(505)
  expect(report.reorganisedCount).toBe(report.lighterHalfCount)
})

/** Tells the slowest test files at the end of a run, so that a slow one is noticed the day it comes. */
import type { Reporter, TestModule } from 'vitest/node'

const FILE_COUNT = 10

export interface FileDuration {
  readonly name: string
  readonly durationMs: number
}

export function printSlowestFiles(files: readonly FileDuration[]): void {
  const slowest = files.toSorted((left, right) => right.durationMs - left.durationMs).slice(0, FILE_COUNT)
  console.log(`\nslowest files:`)
  for (const { name, durationMs } of slowest) console.log(`${(durationMs / 1000).toFixed(2).padStart(8)} s  ${name}`)
}

export class SlowestFilesReporter implements Reporter {
  onTestRunEnd(testModules: readonly TestModule[]): void {
    printSlowestFiles(
      testModules.map((module) => ({
        name: module.relativeModuleId,
        durationMs: module.diagnostic().duration,
      })),
    )
  }
}

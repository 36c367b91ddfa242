/** How often each bench of headers measures, and where what it found goes. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type Figure } from '../exchange/figures.ts'

const RESULTS_FOLDER = 'test-results/bench'

/** Medians of five; with `--quick` one alone, to see that a bench works and about what it will say. */
export const ROUNDS: number = process.env['RUSHLIGHT_BENCH_QUICK'] === '1' || process.argv.includes('--quick') ? 1 : 5

/** A line for each figure on stdout, all of it in `test-results/bench/NAME.json`; exit code 1 where a goal is missed. */
export function report(name: string, figures: readonly Figure[]): void {
  for (const figure of figures) console.log(describe(figure))
  mkdirSync(RESULTS_FOLDER, { recursive: true })
  writeFileSync(join(RESULTS_FOLDER, `${name}.json`), `${JSON.stringify(figures, undefined, 2)}\n`)
  if (!figures.every(({ isMet }) => isMet)) process.exitCode = 1
}

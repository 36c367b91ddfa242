/**
 * Block exchange beside others, each side in a process of its own, over TCP, noise and yamux on loopback; medians of rounds
 * in turns: `npm run bench:exchange [NAME…]`. Prints a line for each goal, writes test-results/bench/exchange.json, and ends
 * with 1 where a goal is missed.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type Figure } from './exchange/figures.ts'
import { saturated } from './exchange/saturated.ts'
import { askingBesideSilent, boxosTable, servingBesideSilent } from './exchange/silent.ts'
import { largeBlocks, smallBlocks } from './exchange/throughput.ts'

const RESULTS_FOLDER = 'test-results/bench'

const benches: Readonly<Record<string, () => Promise<Figure | readonly Figure[]>>> = {
  small: smallBlocks,
  large: largeBlocks,
  serving: servingBesideSilent,
  asking: askingBesideSilent,
  tasks: boxosTable,
  saturated,
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in benches))
if (unknown.length > 0) {
  console.error(`expected names of ${Object.keys(benches).join(', ')}, got ${unknown.join(', ')}`)
  process.exit(2)
}
const figures: Figure[] = []
for (const [name, bench] of Object.entries(benches)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  const found = [await bench()].flat()
  for (const each of found) console.log(describe(each))
  figures.push(...found)
}
mkdirSync(RESULTS_FOLDER, { recursive: true })
writeFileSync(join(RESULTS_FOLDER, 'exchange.json'), `${JSON.stringify(figures, undefined, 2)}\n`)
process.exitCode = figures.every(({ isMet }) => isMet) ? 0 : 1

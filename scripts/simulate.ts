/**
 * npm run simulate -- --seed N [--nodes N] [--minutes N] [--seeds N] [--chain toy|regtest] [--trace]
 * npm run simulate -- --replay FILE
 * Repeats one seed, or runs a number of them from there on, or repeats the recording of a real light node.
 * Exit code 1 when a rule is broken or a recording cannot be read, 2 when the call is wrong.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { ReplayError, replayRecording } from '../test/simulation/replay.ts'
import { createSimulatedRegtestChain } from '../test/simulation/simulated-regtest-chain.ts'
import { createSimulatedToyChain } from '../test/simulation/simulated-chain.ts'
import { simulate } from '../test/simulation/simulate.ts'
import { formatStep } from '../test/simulation/trace.ts'

const HELP = `npm run simulate -- --seed N [--nodes N] [--minutes N] [--seeds N] [--chain toy|regtest] [--trace]
npm run simulate -- --replay FILE

  --seed N      32 bits that decide everything; default 1
  --seeds N     as many seeds, from there on; default 1
  --nodes N     light nodes; default 20
  --minutes N   of faults, on the virtual clock; then everything heals and must come to life; default 10
  --chain NAME  toy (the default) or regtest
  --trace       prints every step
  --replay FILE repeats a recording (rushlight start --record FILE, or the option record) step by step`

function fail(message: string): never {
  console.error(message)
  process.exit(2)
}

function wholeNumber(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (!/^\d+$/.test(text) || value < min || value > max)
    fail(`--${name}: expected a whole number from ${min} to ${max}, got ${JSON.stringify(text)}`)
  return value
}

interface Arguments {
  readonly seed: number
  readonly seeds: number
  readonly nodes: number
  readonly minutes: number
  readonly chain: 'toy' | 'regtest'
  readonly trace: boolean
  readonly replay: string | undefined
}

function readArguments(): Arguments {
  try {
    const { values } = parseArgs({
      options: {
        seed: { type: 'string', default: '1' },
        seeds: { type: 'string', default: '1' },
        nodes: { type: 'string', default: '20' },
        minutes: { type: 'string', default: '10' },
        chain: { type: 'string', default: 'toy' },
        trace: { type: 'boolean', default: false },
        replay: { type: 'string' },
        help: { type: 'boolean', default: false },
      },
    })
    if (values.help) {
      console.log(HELP)
      process.exit(0)
    }
    if (values.chain !== 'toy' && values.chain !== 'regtest')
      fail(`--chain: expected toy or regtest, got ${JSON.stringify(values.chain)}`)
    return {
      seed: wholeNumber('seed', values.seed, 0, 2 ** 32 - 1),
      seeds: wholeNumber('seeds', values.seeds, 1, 1_000_000),
      nodes: wholeNumber('nodes', values.nodes, 2, 100_000),
      minutes: wholeNumber('minutes', values.minutes, 0, 10_000),
      chain: values.chain,
      trace: values.trace,
      replay: values.replay,
    }
  } catch (error) {
    return fail(error instanceof Error ? error.message : String(error))
  }
}

/** Prints every step, and where the recording went. Returns false when it broke a rule. */
function replay(file: string): boolean {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    return fail(`--replay: cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`)
  }
  try {
    const { stepCount, view } = replayRecording({ file, text, onStep: (step) => console.log(formatStep(step)) })
    const { head, status, statusReason, peers } = view
    console.log(`${stepCount} steps, no rule broken; ${status}: ${statusReason}; head ${head.height} ${head.root}`)
    for (const peer of peers)
      console.log(`  ${peer.id} ${peer.state} at ${peer.claimed?.height ?? 'an unknown height'}`)
    return true
  } catch (error) {
    if (!(error instanceof ReplayError)) throw error
    console.error(error.message)
    return false
  }
}

/** Prints a line for every seed. Returns false when one broke a rule. */
function runSeeds({ seed: firstSeed, seeds, nodes, minutes, chain, trace }: Arguments): boolean {
  let failedCount = 0
  for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
    const startMs = performance.now()
    try {
      const result = simulate({
        seed: seed >>> 0,
        nodes,
        minutes,
        chain: chain === 'regtest' ? createSimulatedRegtestChain() : createSimulatedToyChain(),
        ...(trace && { onStep: (step) => console.log(formatStep(step)) }),
      })
      const wallMs = performance.now() - startMs
      const rate = Math.round((result.stepCount / wallMs) * 1_000)
      console.log(
        `seed ${seed}: ${nodes} light nodes, ${Math.round(result.virtualMs / 1_000)} s virtual, ${result.stepCount} steps ` +
          `in ${Math.round(wallMs)} ms (${rate}/s), height ${result.height}, in step ${result.healedMs / 1_000} s after the last header`,
      )
    } catch (error) {
      failedCount += 1
      const message = error instanceof Error ? error.message : String(error)
      console.error(seeds === 1 ? message : `seed ${seed}: ${message.split('\n', 2).join(' | ')}`)
    }
  }
  if (failedCount > 0) console.error(`${failedCount} of ${seeds} seeds failed`)
  return failedCount === 0
}

const values = readArguments()
const isFine = values.replay === undefined ? runSeeds(values) : replay(values.replay)
process.exitCode = isFine ? 0 : 1

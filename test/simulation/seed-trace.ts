import { createSimulatedRegtestChain } from './simulated-regtest-chain.ts'
import { createSimulatedToyChain } from './simulated-chain.ts'
import { simulate } from './simulate.ts'
import { formatStep } from './trace.ts'
import { SimulationError } from './watch.ts'

/** Every step of one simulation as text, and what ended it where a rule was broken. */
export function traceOfSeed(args: { seed: number; chain: 'toy' | 'regtest'; nodes: number; minutes: number }): string {
  const lines: string[] = []
  try {
    simulate({
      ...args,
      chain: args.chain === 'toy' ? createSimulatedToyChain() : createSimulatedRegtestChain(),
      onStep: (step) => lines.push(formatStep(step)),
    })
  } catch (error) {
    if (!(error instanceof SimulationError)) throw error
    lines.push(error.message)
  }
  return lines.join('\n')
}

/** A broken rule ends a simulation at once, and says all that is needed to see it again. */
import { expect, test } from 'vitest'
import type { LightNodeCore } from '../../src/core/core.ts'
import type { Effect } from '../../src/core/effect.ts'
import { toConnectionId } from '../../src/core/ids.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import { createSimulatedToyChain } from './simulated-chain.ts'
import { SimulationError, Watch } from './watch.ts'
import { addressOf, World } from './world.ts'

const STEPS_BEFORE = 60
const HOUR_MS = 3_600_000

type Bug = (effects: readonly Effect[]) => readonly Effect[]

function withBug(core: LightNodeCore, bug: Bug): LightNodeCore {
  let stepCount = 0
  function step(effects: readonly Effect[]): readonly Effect[] {
    stepCount += 1
    return stepCount > STEPS_BEFORE ? bug(effects) : effects
  }
  const handle = core.handle.bind(core)
  const handleTimeout = core.handleTimeout.bind(core)
  const handleWork = core.handleWork.bind(core)
  return Object.assign(core, {
    handle: (...args: Parameters<typeof handle>) => step(handle(...args)),
    handleTimeout: (...args: Parameters<typeof handleTimeout>) => step(handleTimeout(...args)),
    handleWork: (...args: Parameters<typeof handleWork>) => step(handleWork(...args)),
  })
}

/** Two light nodes that stay connected; the second has this bug. */
function runWith(bug: Bug): { readonly error: SimulationError; readonly world: World; readonly numbers: number[] } {
  const { chain, unixMs, continues } = createSimulatedToyChain()
  const numbers: number[] = []
  const observer = new Watch({
    seed: 7,
    chain: chain.id,
    genesis: chain.genesis,
    maxPeers: () => 8,
    isThorough: true,
    isHonestPeer: () => true,
    onStep: ({ number, computer }) => {
      if (computer === world.computers[1]) numbers.push(number)
    },
  })
  const { headerSizeBytes } = chain
  const latencyMs = { min: 20, max: 40 }
  const world: World = new World({ seed: 7, unixMs, headerSizeBytes, continues, observer, latencyMs })
  const common = { chain, agent: 'test', maxPeers: 8, seed: 1, isAuthority: false }
  for (const index of [0, 1]) {
    const computer = world.addComputer({
      isHonest: true,
      isStoreWritable: true,
      targets: index === 0 ? [addressOf(1)] : [],
      createMachine: ({ peer, targets }) => {
        const core = createLightNodeCore({ ...common, ownPeer: peer, peers: targets })
        return index === 0 ? core : withBug(core, bug)
      },
    })
    computer.start()
  }
  try {
    world.time.runUntil(HOUR_MS)
  } catch (error) {
    if (error instanceof SimulationError) return { error, world, numbers }
    throw error
  }
  throw new Error('expected the simulation to end with a broken rule')
}

/** The numbers of the steps that a message tells. */
function toldSteps(error: SimulationError): readonly number[] {
  return [...error.message.matchAll(/^#(\d+) /gm)].map(([, number]) => Number(number))
}

test('a broken rule ends the run with its number, the seed, the step and the last 50 steps of the one that broke it', () => {
  const unknown = toConnectionId('nobody')
  const { error, world, numbers } = runWith((effects) => [
    ...effects,
    { type: 'close-connection', connection: unknown, reason: 'refused' },
  ])
  expect(numbers).toHaveLength(STEPS_BEFORE + 1)
  const peer = world.computers[1]?.peer
  const [what, where] = error.message.split('\n')
  expect(what).toBe('L8: nobody is closed and is not open')
  expect(where).toBe(`seed 7, step ${numbers.at(-1)}, ${peer}; its last steps:`)
  expect(toldSteps(error)).toEqual(numbers.slice(-50))
  expect(world.stepCount).toBe(numbers.at(-1))
})

test('a core that throws ends the run in the same way', () => {
  const { error, numbers } = runWith(() => {
    throw new Error('a bug')
  })
  expect(error.message).toMatch(/^a bug\nseed 7, step \d+, peer-/)
  expect(toldSteps(error)).toEqual(numbers.slice(-50))
})

/** Light nodes that learn of each other, under faults and among liars; the rules of it are P1 to P4 of the checker. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { LightNodeCore } from '../../src/core/core.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import { PEER_RECORDS_PER_SOURCE_MAX } from '../../src/core/limits.ts'
import type { Computer } from './computer.ts'
import { createSimulatedToyChain } from './simulated-chain.ts'
import { simulate } from './simulate.ts'
import { Watch } from './watch.ts'
import { addressOf, World } from './world.ts'

const SEEDS = Number(process.env['SIMULATION_PEERS_SEEDS'] ?? 6)
/** A test that hangs ends here. */
const HANG_MS = 600_000

test(
  'through faults and among liars no rule is broken, and learnt peers are dialled',
  { timeout: HANG_MS },
  async () => {
    const baseSeed = Number(process.env['SIMULATION_SEED'] ?? crypto.getRandomValues(new Uint32Array(1))[0])
    console.log(`simulation of peers: base seed ${baseSeed}`)
    let learntCount = 0
    for (let count = 0; count < SEEDS; count += 1) {
      const seed = (baseSeed + count) >>> 0
      simulate({
        ...{ seed, nodes: 20, minutes: 5, discoversPeers: true },
        chain: createSimulatedToyChain({ isHeadersOnly: count % 2 === 0 }),
        onStep: ({ effects }) => {
          for (const effect of effects) if (effect.type === 'dial' && effect.furtherAddresses) learntCount += 1
        },
      })
      // The test runner gives up on a worker that answers nothing for a minute.
      await setImmediate()
    }
    expect(learntCount).toBeGreaterThan(SEEDS)
  },
)

test('a connect that was given up before its peer was ready asks for no further dial', () => {
  const chain = createSimulatedToyChain({ isHeadersOnly: true })
  simulate({ seed: 1_899_696_021, nodes: 20, minutes: 5, discoversPeers: true, chain })
})

test('a liar that fills the table gets a quarter of it, and everybody is in step all the same', () => {
  let fromOneMax = 0
  simulate({
    ...{ seed: 1, nodes: 8, minutes: 20, liarShare: 0.5, discoversPeers: true },
    chain: createSimulatedToyChain({ isHeadersOnly: true }),
    onStep: ({ computer, cause }) => {
      const { machine } = computer as Computer
      if (machine === undefined || !('syncView' in machine)) return
      if (cause.type !== 'message-received' || cause.message.type !== 'peers') return
      const { knownPeers } = (machine as LightNodeCore).syncView()
      const counts = Map.groupBy(knownPeers.values(), ({ source }) => source)
      for (const known of counts.values()) fromOneMax = Math.max(fromOneMax, known.length)
    },
  })
  expect(fromOneMax).toBe(PEER_RECORDS_PER_SOURCE_MAX)
})

test('two light nodes that know only a third meet, and follow each other when it is gone', () => {
  const { chain, unixMs, continues, mine } = createSimulatedToyChain()
  const observer = new Watch({
    ...{ seed: 3, chain: chain.id, genesis: chain.genesis, isThorough: true },
    maxPeers: () => 8,
    isHonestPeer: () => true,
  })
  const { headerSizeBytes } = chain
  const latencyMs = { min: 20, max: 40 }
  const world = new World({ seed: 3, unixMs, headerSizeBytes, continues, observer, latencyMs, discoversPeers: true })
  const [gateway, one, other] = [[], [addressOf(0)], [addressOf(0)]].map((targets) =>
    world.addComputer({
      ...{ isHonest: true, isStoreWritable: true, targets },
      createMachine: ({ peer }) =>
        createLightNodeCore({
          ...{ chain, agent: 'test', maxPeers: 8, seed: 1, isAuthority: false },
          ...{ ownPeer: peer, peers: targets },
        }),
    }),
  ) as [Computer, Computer, Computer]
  for (const computer of world.computers) computer.start()
  world.time.runUntil(60_000)
  const readyOf = (computer: Computer): readonly string[] =>
    coreOf(computer)
      .view()
      .peers.flatMap(({ id, state }) => (state === 'ready' ? [id] : []))
  expect(readyOf(one)).toContain(other.peer)

  gateway.crash()
  const headers = mine({ tree: coreOf(one).tree, count: 3, unixMs: unixMs + 60_000, nonce: 1 })
  one.post({ type: 'headers-submitted', headers })
  world.time.runUntil(70_000)
  expect(coreOf(other).tree.tip.height).toBe(3)
})

function coreOf(computer: Computer): LightNodeCore {
  return computer.machine as LightNodeCore
}

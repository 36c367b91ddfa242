/** Ranges between checkpoints in the simulated world, and what several peers are good for. */
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { answer } from '../../src/core/serving.ts'
import { HEADERS_PER_MESSAGE_MAX } from '../../src/core/limits.ts'
import { chain, fail, mine, type Remote, SIZE, treeOf, World } from '../sync-world.ts'
import { createCheckpointedToyChain } from './simulated-chain.ts'
import { createCheckpointedRegtestChain } from './simulated-regtest-chain.ts'
import { simulate } from './simulate.ts'
import type { Step } from './trace.ts'

const SEEDS = Number(process.env['SIMULATION_SEEDS'] ?? 10)
const HANG_MS = 600_000

test(
  'fresh seeds: with checkpoints, liars and faults all honest light nodes are on the heaviest chain after healing',
  { timeout: HANG_MS },
  async () => {
    const baseSeed = Number(process.env['SIMULATION_SEED'] ?? crypto.getRandomValues(new Uint32Array(1))[0])
    console.log(`simulation with checkpoints: base seed ${baseSeed}`)
    const trusts = new Map<string, number>()
    for (let count = 0; count < SEEDS; count += 1) {
      const seed = (baseSeed + count) >>> 0
      const make = count % 2 === 0 ? createCheckpointedRegtestChain : createCheckpointedToyChain
      const simulated = make({ headerCount: 600, stepHeaders: 5 + (seed % 40) })
      const onStep = ({ effects }: Step): void => {
        for (const effect of effects)
          if (effect.type === 'head-changed') trusts.set(effect.head.trust, (trusts.get(effect.head.trust) ?? 0) + 1)
      }
      expect(simulate({ seed, nodes: 20, minutes: 5, chain: simulated, onStep }).height).toBeGreaterThan(0)
      await setImmediate()
    }
    console.log('heads by trust:', Object.fromEntries(trusts))
    if (SEEDS >= 4) expect(trusts.get('backfilling')).toBeGreaterThan(0)
  },
)

const LATENCY_MS = 50
const BYTES_PER_MS = 250
const RANGES = 20

/** Virtual time until one light node has it all from so many peers, each of 2 Mbit/s and 50 ms away; silent ones answer no range. */
function syncFrom(peerCount: number, isSilent: (index: number) => boolean = () => false): number {
  const tree = treeOf(headers)
  const checkpoints = Array.from({ length: RANGES }, (_, index) => (index + 1) * HEADERS_PER_MESSAGE_MAX - 1).map(
    (height) => tree.summary(height) ?? fail('a header'),
  )
  const world = new World({ chain: { ...chain, checkpoints } })
  const remotes = Array.from({ length: peerCount }, (_, index) => ({
    remote: world.join(`peer ${index}`, tree.tip),
    isSilent: isSilent(index),
    freeMs: 0,
  }))
  const due: { readonly atMs: number; readonly remote: Remote; readonly message: ReturnType<typeof answer> }[] = []
  while (world.height < tree.tip.height) {
    for (const peer of remotes) {
      for (const request of peer.remote.requests()) {
        if (peer.isSilent && request.type === 'get-headers' && request.stop !== undefined) continue
        const message = answer(request, tree)
        const sizeBytes = message.type === 'headers' ? message.headers.length : 0
        peer.freeMs = Math.max(peer.freeMs, world.nowMs + LATENCY_MS) + sizeBytes / BYTES_PER_MS
        due.push({ atMs: peer.freeMs + LATENCY_MS, remote: peer.remote, message })
      }
    }
    due.sort((left, right) => left.atMs - right.atMs)
    const atMs = Math.min(due[0]?.atMs ?? Infinity, world.core.nextTimeout() ?? Infinity)
    world.advance(Math.max(0, atMs - world.nowMs))
    if (due[0] !== undefined && due[0].atMs <= world.nowMs) {
      const { remote, message } = due.shift() ?? fail('an answer')
      remote.send(message)
    }
  }
  expect(world.warnings()).toEqual([])
  return world.nowMs
}

const headers: Uint8Array = mine({ count: RANGES * HEADERS_PER_MESSAGE_MAX })

test(
  'four peers of limited bandwidth bring the headers in a third of the time that one takes',
  { timeout: HANG_MS },
  () => {
    const [one, four] = [syncFrom(1), syncFrom(4)]
    const sizeMB = (headers.length / 1e6).toFixed(1)
    console.log(`${headers.length / SIZE} headers (${sizeMB} MB): ${one} virtual ms from 1 peer, ${four} from 4`)
    expect(four).toBeLessThan(one / 3)
  },
)

test('one silent peer of four costs no more than its share and one wait', { timeout: HANG_MS }, () => {
  const [three, withSilent] = [syncFrom(3), syncFrom(4, (index) => index === 1)]
  console.log(`${three} virtual ms from 3 peers, ${withSilent} with a silent one beside them`)
  expect(withSilent).toBeLessThan(three + 4_000)
})

/** What the scenarios, the simulator and the mutants do not show of the checker: when it must hold its tongue. */
import { expect, test } from 'vitest'
import type { LightNodeCore } from '../core.ts'
import type { Effect } from '../effect.ts'
import { toConnectionId, toPeerId, toRequestId, toRoot } from '../ids.ts'
import type { NodeInfo } from '../message.ts'
import type { Cause } from './cause.ts'
import { InvariantChecker } from './invariant-checker.ts'

const PEER = toPeerId('peer')
const CONNECTION = toConnectionId('c1')
const REQUEST = toRequestId(1)
const GENESIS = toRoot('00'.repeat(32))
const INFO: NodeInfo = {
  chain: 'toy',
  genesis: GENESIS,
  head: { height: 0, root: GENESIS, work: 0n },
  serves: ['headers'],
  agent: 'test',
}

test('a ready peer is asked for headers soon, counted from when the stored ones are verified', () => {
  const checker = new InvariantChecker({ chain: 'toy', genesis: GENESIS, maxPeers: 8, isThorough: false })
  function step(atSeconds: number, cause: Cause, effects: readonly Effect[] = []): void {
    const now = { monotonicMs: 1_000 * atSeconds, unixMs: 0 }
    // Only what is thorough looks at the core.
    checker.check(cause, effects, now, {} as LightNodeCore)
  }
  const opened = { connection: CONNECTION, peer: PEER, direction: 'inbound', transport: 'tcp', address: '' } as const
  step(0, { type: 'connection-opened', ...opened, isLimited: false })
  step(0, { type: 'handshake-requested', connection: CONNECTION, request: REQUEST, info: INFO }, [
    { type: 'answer-handshake', connection: CONNECTION, request: REQUEST, info: INFO },
    { type: 'peer-ready', peer: PEER, generation: 1, agent: 'test' },
  ])
  step(60, { type: 'timeout' })
  step(61, { type: 'work' }, [{ type: 'status-changed', status: 'syncing', reason: '' }])
  step(91, { type: 'timeout' })
  expect(() => step(93, { type: 'timeout' })).toThrow('S2: peer is ready and was not asked for headers')
})

/** What host.ts promises, checked on all that the core was told in one run of a hostile libp2p. */
import fc from 'fast-check'
import { expect, vi } from 'vitest'
import type { HostEvent } from '../src/core/event.ts'
import type { ConnectionId } from '../src/core/ids.ts'
import { TIME_STEP_MS, World } from './hostile-libp2p.ts'
import { plan, type Plan } from './hostile-plan.ts'

/** host.ts: `stop` resolves within 3 s. */
const STOP_MS_MAX = 3_000

/** Runs `runCount` random plans in random schedules; a failure prints the seed and the schedule that it shrank to. */
export async function expectPromisesKept(runCount: number): Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval'] })
  try {
    await fc.assert(fc.asyncProperty(plan, fc.scheduler(), check), { numRuns: runCount })
  } finally {
    vi.useRealTimers()
  }
}

async function check(plan: Plan, scheduler: fc.Scheduler): Promise<void> {
  vi.clearAllTimers()
  const world = new World(plan, scheduler)
  await world.run()
  if (world.stopped === undefined) {
    await world.calmDown()
    expectOrder(world.events)
    expectEnds(world)
    expectTruth(world)
    world.stop()
  }
  for (let passedMs = 0; !world.hasStopped; passedMs += TIME_STEP_MS) {
    expect(passedMs, 'time to stop').toBeLessThanOrEqual(STOP_MS_MAX)
    await world.pass(TIME_STEP_MS)
  }
  const told = world.events.length
  expectOrder(world.events)
  expectEnds(world)
  expect(world.openConnections(), 'connections after stop').toEqual([])
  expect(vi.getTimerCount(), 'timers after stop').toBe(0)
  const stranger = world.meetStranger()
  await world.calmDown()
  expect(world.events.slice(told), 'events after stop').toEqual([])
  expect(stranger.isAlive, 'a connection that comes after stop').toBe(false)
  expect(vi.getTimerCount(), 'timers long after stop').toBe(0)
}

/** host.ts, obligation 1: opened first and once, closed last and once, and nothing of a connection that was never told. */
function expectOrder(events: readonly HostEvent[]): void {
  const phases = new Map<ConnectionId, 'open' | 'closed'>()
  for (const event of events) {
    if (!('connection' in event)) continue
    const phase = phases.get(event.connection)
    if (event.type === 'connection-opened') expect(phase, `${event.connection} opened`).toBeUndefined()
    else expect(phase, `${event.type} of ${event.connection}`).toBe('open')
    if (event.type === 'connection-opened') phases.set(event.connection, 'open')
    if (event.type === 'connection-closed') phases.set(event.connection, 'closed')
  }
}

/** host.ts, obligation 2. */
function expectEnds({ events, admitted, dialIds, requests, sends }: World): void {
  for (const { connection, sequence } of sends) {
    const ends = events.filter(
      (event) =>
        (event.type === 'exchange-sent' || event.type === 'exchange-send-failed') && event.sequence === sequence,
    )
    expect(ends, `ends of message ${sequence} to ${connection}`).toHaveLength(1)
  }
  for (const event of events) {
    if (event.type === 'exchange-received') expect(admitted).toContain(event.connection)
  }
  for (const dial of dialIds) {
    const ends = events.filter((event) => 'dial' in event && event.dial === dial)
    expect(ends, `ends of dial ${dial}`).toHaveLength(1)
  }
  for (const { connection, request } of requests) {
    const ends = events.filter(
      (event) =>
        (event.type === 'handshake-answered' || event.type === 'handshake-failed') &&
        event.connection === connection &&
        event.request === request,
    )
    expect(ends, `ends of handshake ${request}`).toHaveLength(1)
  }
}

/** What the core was told is what there is. */
function expectTruth(world: World): void {
  const { askedToClose, connections, events, handshakeStreams, mayBeClosed, unheard } = world
  const claimed = new Set(
    events.flatMap((event) => (event.type === 'dial-succeeded' ? [event.connection as string] : [])),
  )
  expect(world.openConnections().sort()).toEqual(connections.flatMap(({ id, isAlive }) => (isAlive ? [id] : [])).sort())
  expect(unheard, 'connections that a stream came over before they were told').toEqual([])
  expect(handshakeStreams.filter(({ status }) => status === 'open').length, 'handshake streams left').toBe(0)
  for (const { id, direction, isAlive, isEndedByUs } of connections) {
    if (direction === 'outbound' && !claimed.has(id))
      expect(isAlive, `${id}, that no dial told of, is open`).toBe(false)
    if (askedToClose.has(id)) expect(isAlive, `${id}, that was to be closed, is open`).toBe(false)
    if (!mayBeClosed.has(id)) expect(isEndedByUs, `${id} was ended by the adapter for no reason`).toBe(false)
  }
}

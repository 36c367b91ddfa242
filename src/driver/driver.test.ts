/** The six obligations that stand on `LightNodeCore`, one by one. */
import { expect, test } from 'vitest'
import type { Effect } from '../core/effect.ts'
import type { Event } from '../core/event.ts'
import { toConnectionId, toDialId, toPeerId, type LoadId } from '../core/ids.ts'
import { createDriverRig, ping, settled, startDriverRig } from '../../test/driver-parts.ts'
import { INBOX_BYTES_PER_PEER_MAX, INBOX_MESSAGES_PER_PEER_MAX } from './inbox.ts'

const ONLINE = { type: 'network-online' } as const
const CLOSED = { type: 'connection-closed', connection: toConnectionId('a') } as const
const DIAL = { type: 'dial', dial: toDialId(1), address: '/ip4/127.0.0.1/tcp/1', timeoutMs: 1 } as const
const DIAL_FAILED = { type: 'dial-failed', dial: toDialId(1), failure: 'unreachable', detail: '' } as const

function persist(sequence: number, truncateTo = sequence - 1): Extract<Effect, { type: 'persist' }> {
  return { type: 'persist', sequence, truncateTo, append: new Uint8Array(80), work: BigInt(sequence) }
}

// Obligation 1.

test('the store is opened and the host started before anything is carried out', async () => {
  const { clock, core, driver, host } = createDriverRig()
  const started = Promise.withResolvers<void>()
  host.starting = started.promise
  core.answer = (event) => (event.type === 'store-opened' ? [DIAL] : [])
  const starting = driver.start()
  await settled()
  clock.runTurns()
  expect(core.log).toEqual([])
  started.resolve()
  await starting
  // The core knows what is stored; what it asks for waits until the app had time to listen.
  expect(core.log).toEqual(['store-opened'])
  expect(host.performed).toEqual([])
  clock.runTurns()
  expect(core.log).toEqual(['store-opened'])
  expect(host.performed).toEqual([DIAL])
})

test('what happens while an event is handled waits until all its effects are carried out', async () => {
  const { clock, core, host, driver, told } = await startDriverRig()
  core.answer = (event) =>
    event.type === 'network-online'
      ? [DIAL, { type: 'cancel-dial', dial: toDialId(1) }, { type: 'warning', code: 'dial-failed', detail: '' }]
      : []
  host.onPerform = ({ type }) => {
    core.log.push(`${type} performed`)
    if (type === 'dial') host.sink.post(DIAL_FAILED)
  }
  driver.post(ONLINE)
  clock.runTurns()
  expect(core.log).toEqual(['network-online', 'dial performed', 'cancel-dial performed', 'dial-failed'])
  expect(told).toEqual(['warning'])
})

test('a write that failed comes back as an event', async () => {
  const { clock, core, held, driver } = await startDriverRig()
  let failed: Event | undefined
  core.answer = (event) => {
    if (event.type === 'persist-failed') failed = event
    return event.type === 'network-online' ? [persist(1)] : []
  }
  driver.post(ONLINE)
  clock.runTurns()
  await held.finish(new Error('the disk is gone'))
  clock.runTurns()
  expect(failed).toEqual({ type: 'persist-failed', sequence: 1, reason: 'write-failed', detail: 'the disk is gone' })
})

test('the memory of headers is free once they are written, and not before', async () => {
  const { clock, core, held, driver } = await startDriverRig()
  const effect = { ...persist(1), append: new Uint8Array(80 * 2_000) }
  core.answer = (event) => (event.type === 'network-online' ? [effect] : [])
  driver.post(ONLINE)
  clock.runTurns()
  expect(effect.append.length).toBe(80 * 2_000)
  await held.finish()
  clock.runTurns()
  expect(effect.append.length).toBe(0)
})

test('an app that stops in the middle of an effect hears the rest of them first, in order', async () => {
  const rig = await startDriverRig()
  const { clock, core, driver, told, host } = rig
  const gone = { type: 'peer-gone', peer: toPeerId('p'), generation: 1, reason: '' } as const
  core.answer = (event) => {
    if (event.type === 'stop-requested') return [gone]
    return [DIAL, { type: 'peer-ready', peer: toPeerId('p'), generation: 1, agent: '' }]
  }
  let stopped: Promise<void> | undefined
  host.onPerform = () => {
    stopped ??= driver.stop()
  }
  driver.post(ONLINE)
  clock.runTurns()
  await stopped
  expect(told).toEqual(['peer-ready', 'peer-gone'])
})

test('after a stop nothing is handled any more', async () => {
  const { clock, core, driver, host } = await startDriverRig()
  await Promise.all([driver.stop(), driver.stop()])
  driver.post(ONLINE)
  host.sink.post(CLOSED)
  await host.sink.offer(ping('a', 1), 1)
  clock.advance(60_000)
  expect(core.log).toEqual(['stop-requested'])
  expect(host.isStopped).toBe(true)
})

// Obligation 2.

test.each([
  { what: 'messages', count: INBOX_MESSAGES_PER_PEER_MAX, sizeBytes: 10 },
  { what: 'bytes', count: 4, sizeBytes: INBOX_BYTES_PER_PEER_MAX / 4 },
])('at so many $what a peer is not read any more, until one of them is handled', async ({ count, sizeBytes }) => {
  const { clock, core, host } = await startDriverRig()
  const resolved: number[] = []
  for (let request = 1; request <= count + 1; request += 1) {
    void host.sink.offer(ping('a', request), sizeBytes).then(() => resolved.push(request))
  }
  let isOtherRead = false
  void host.sink.offer(ping('b', 1), sizeBytes).then(() => (isOtherRead = true))
  await settled()
  expect(resolved).toEqual(Array.from({ length: count - 1 }, (_, index) => index + 1))
  expect(isOtherRead).toBe(true)

  // Each message takes a turn's time, so that one is handled in a turn.
  core.answer = () => {
    clock.pass(6)
    return []
  }
  clock.runTurn()
  clock.runTurn()
  await settled()
  expect(core.log).toEqual(['a 1', 'b 1'])
  expect(resolved).toHaveLength(count - 1)
  clock.runTurn()
  await settled()
  expect(resolved).toHaveLength(count + 1)
})

test('lifecycle, store and app events are taken however full the inbox is, and in the order they came', async () => {
  const { clock, core, driver, host } = await startDriverRig()
  for (let request = 1; request <= 100; request += 1) void host.sink.offer(ping('a', request), 100_000)
  for (let count = 0; count < 1_500; count += 1) {
    driver.post(ONLINE)
    host.sink.post(CLOSED)
  }
  void host.sink.offer(ping('a', 101), 100_000)
  clock.runTurns()
  const messages = core.log.filter((name) => name.startsWith('a '))
  expect(messages).toEqual(Array.from({ length: 101 }, (_, index) => `a ${index + 1}`))
  expect(core.log.indexOf('a 100')).toBeLessThan(core.log.indexOf(CLOSED.type))
  expect(core.log.filter((name) => name === CLOSED.type)).toHaveLength(1_500)
  expect(core.log.filter((name) => name === ONLINE.type)).toHaveLength(1_500)
  expect(core.log.at(-1)).toBe('a 101')
})

// Obligation 3.

test('a timer that is late never overtakes an answer that was there before it', async () => {
  const { clock, core, host } = await startDriverRig()
  core.timeoutMs = 100
  clock.pass(90)
  for (let request = 1; request <= 40; request += 1) void host.sink.offer(ping('a', request), 1)
  clock.pass(60)
  // What comes while those are handled does not hold the timer back any longer.
  core.answer = (event) => {
    if (event.type === 'message-received' && core.log.length === 1) host.sink.post(CLOSED)
    return []
  }
  clock.fireTimers()
  clock.runTurns()
  const answers = Array.from({ length: 40 }, (_, index) => `a ${index + 1}`)
  expect(core.log).toEqual([...answers, 'timeout', 'connection-closed'])
})

test('an answer that makes a due timer needless also spares it', async () => {
  const { clock, core, host } = await startDriverRig()
  core.timeoutMs = 100
  clock.pass(150)
  core.answer = () => {
    core.timeoutMs = 1_000
    return []
  }
  host.sink.post(CLOSED)
  clock.runTurns()
  expect(core.log).toEqual(['connection-closed'])
  clock.advance(849)
  expect(core.log).toEqual(['connection-closed'])
  clock.advance(2)
  expect(core.log).toEqual(['connection-closed', 'timeout'])
})

test('a timer fires when nothing else happens, and no earlier', async () => {
  const { clock, core, driver } = await startDriverRig()
  core.timeoutMs = 7_000
  driver.post(ONLINE)
  clock.advance(6_999)
  expect(core.log).toEqual(['network-online'])
  clock.advance(1)
  clock.runTurns()
  expect(core.log).toEqual(['network-online', 'timeout'])
})

// Obligation 4.

test('writes keep their order, those that wait are one commit, and nothing is held up meanwhile', async () => {
  const { clock, core, held, driver, host } = await startDriverRig()
  let sequence = 0
  core.answer = (event) => (event.type === 'network-online' ? [persist((sequence += 1))] : [])
  for (let count = 0; count < 4; count += 1) driver.post(ONLINE)
  clock.runTurns()
  host.sink.post(CLOSED)
  clock.runTurns()
  expect(held.commits.map((writes) => writes.map(({ work }) => work))).toEqual([[1n]])
  expect(core.log.at(-1)).toBe('connection-closed')

  await held.finish()
  expect(held.commits.map((writes) => writes.map(({ work }) => work))).toEqual([[1n], [2n, 3n, 4n]])
  const acknowledged: number[] = []
  core.answer = (event) => {
    if (event.type === 'persisted') acknowledged.push(event.sequence)
    return []
  }
  clock.runTurns()
  expect(acknowledged).toEqual([1])
  await held.finish()
  clock.runTurns()
  expect(acknowledged).toEqual([1, 4])
})

test('after a write that failed nothing that builds on it is written, whenever it was asked for', async () => {
  const { clock, core, held, driver } = await startDriverRig()
  const failed: number[] = []
  let asked: Effect[] = []
  core.answer = (event) => {
    if (event.type === 'persist-failed') failed.push(event.sequence)
    return event.type === 'network-online' ? asked.splice(0) : []
  }
  const ask = (...effects: Effect[]): void => {
    asked = effects
    driver.post(ONLINE)
    clock.runTurns()
  }
  const works = (): bigint[][] => held.commits.map((writes) => writes.map(({ work }) => work))
  // The first is under way, the others wait; the third reaches further down than the first.
  ask(persist(1, 10), persist(2, 11), persist(3, 8))
  await held.finish(new Error('full'))
  // Asked for before the core hears of it, and after.
  ask(persist(4, 9))
  expect(failed).toEqual([1, 4])
  expect(works()).toEqual([[1n]])
  // The core asks anew, from the lowest height of all.
  ask(persist(5, 8))
  ask(persist(6, 9))
  expect(works()).toEqual([[1n], [5n]])
  await held.finish()
  expect(works()).toEqual([[1n], [5n], [6n]])
})

test('each part of the store has commits of its own, and its own failures', async () => {
  const { clock, core, held, driver } = await startDriverRig()
  let asked: Effect[] = []
  core.answer = (event) => (event.type === 'network-online' ? asked.splice(0) : [])
  const ask = (...effects: Effect[]): void => {
    asked = effects
    driver.post(ONLINE)
    clock.runTurns()
  }
  const upper = (sequence: number, truncateTo: number): Effect => ({ ...persist(sequence, truncateTo), isUpper: true })
  ask(upper(1, 0), persist(2, 500), persist(3, 501), upper(4, 3))
  await held.finish()
  await held.finish()
  await held.finish(new Error('full'))
  // Builds on what failed; is of the part that did not.
  ask(upper(5, 4))
  ask(persist(6, 502))
  expect(held.commits.map((writes) => writes.map(({ work }) => work))).toEqual([[1n], [2n, 3n], [4n], [6n]])
})

test('a stop waits for the writes that were asked for', async () => {
  const { clock, core, held, driver } = await startDriverRig()
  core.answer = (event) => (event.type === 'network-online' ? [persist(1), persist(2)] : [])
  driver.post(ONLINE)
  clock.runTurns()
  let isStopped = false
  const stopping = driver.stop().then(() => (isStopped = true))
  await held.finish()
  expect(isStopped).toBe(false)
  await held.finish()
  await stopping
  expect(held.commits.flat().map(({ work }) => work)).toEqual([1n, 2n])
})

// Obligation 5.

test('no turn is longer than 8 ms, and the next one comes without a timer', async () => {
  const { clock, core, driver } = await startDriverRig()
  core.work = () => {
    clock.pass(1.5)
    return []
  }
  core.workCount = 100
  driver.post(ONLINE)
  for (let turnCount = 0; core.workCount > 0; turnCount += 1) {
    expect(turnCount).toBeLessThan(100)
    expect(clock.turnCount).toBe(1)
    const startMs = clock.monotonicMs
    clock.runTurn()
    expect(clock.monotonicMs - startMs).toBeLessThanOrEqual(8)
    expect(clock.monotonicMs).toBeGreaterThan(startMs)
  }
  clock.runTurns()
  expect(clock.turnCount).toBe(0)
})

test('events go before verification, but a flood of them does not stop it', async () => {
  const { clock, core, driver, host } = await startDriverRig()
  core.workCount = 3
  for (let request = 1; request <= 40; request += 1) void host.sink.offer(ping('a', request), 1)
  driver.post(ONLINE)
  clock.runTurns()
  const slices = core.log.flatMap((name, index) => (name === 'work' ? [index] : []))
  expect(slices).toEqual([16, 33, 43])
})

test('nothing to do is no turn', async () => {
  const { clock, core } = await startDriverRig()
  expect(clock.turnCount).toBe(0)
  clock.advance(60_000)
  expect(core.log).toEqual([])
  expect(clock.turnCount).toBe(0)
})

// Obligation 6.

test.each([
  { wallMs: 5_000, monotonicMs: 0, jump: undefined },
  { wallMs: 5_001, monotonicMs: 0, jump: 0 },
  { wallMs: -5_000, monotonicMs: 0, jump: undefined },
  { wallMs: -5_001, monotonicMs: 0, jump: 0 },
  { wallMs: 8 * 3_600_000, monotonicMs: 0, jump: 0 },
  // The timer of the heartbeat is due 2 s after the last turn.
  { wallMs: 7_000, monotonicMs: 7_000, jump: undefined },
  { wallMs: 7_001, monotonicMs: 7_001, jump: 5_001 },
  { wallMs: 3_600_000, monotonicMs: 3_600_000, jump: 3_598_000 },
])(
  'a wall clock $wallMs ms on and a monotonic one $monotonicMs ms on: jumped $jump',
  async ({ wallMs, monotonicMs, jump }) => {
    const { clock, core, host } = await startDriverRig()
    const jumps: number[] = []
    core.answer = (event) => {
      if (event.type === 'clock-jumped') jumps.push(event.aheadMs)
      return []
    }
    clock.monotonicMs += monotonicMs
    clock.unixMs += wallMs
    host.sink.post(CLOSED)
    clock.runTurns()
    expect(jumps).toEqual(jump === undefined ? [] : [jump])
    // Before what was waiting is judged by the new time.
    expect(core.log.at(-1)).toBe('connection-closed')
    clock.advance(60_000)
    expect(jumps).toHaveLength(jump === undefined ? 0 : 1)
  },
)

test('a sleep is noticed by the heartbeat, though nothing happens', async () => {
  const { clock, core } = await startDriverRig()
  clock.pass(30_000)
  clock.fireTimers()
  clock.runTurns()
  expect(core.log).toEqual(['clock-jumped'])
})

// What serves a block soon, whatever else comes.

test('what the store answers right after a turn is handled at once, and later in the next turn', async () => {
  const { clock, core, driver } = await startDriverRig()
  const found = { type: 'blocks-found', load: 1 as LoadId, sizes: [] } as const
  driver.post(ONLINE)
  clock.runTurns()
  driver.post(found)
  expect(core.log).toEqual(['network-online'])
  await settled()
  expect(core.log).toEqual(['network-online', 'blocks-found'])
  clock.pass(3)
  driver.post(found)
  await settled()
  expect(core.log).toEqual(['network-online', 'blocks-found'])
  clock.runTurns()
  expect(core.log).toEqual(['network-online', 'blocks-found', 'blocks-found'])
})

test('what follows from an answer is handled with it for 3 ms after the turn, and then in the next turn', async () => {
  const { clock, core, driver } = await startDriverRig()
  const found = { type: 'blocks-found', load: 1 as LoadId, sizes: [] } as const
  driver.post(ONLINE)
  clock.runTurns()
  core.answer = () => {
    clock.pass(1)
    if (core.log.length < 9) driver.post(found)
    return []
  }
  driver.post(found)
  await settled()
  expect(core.log.length).toBe(1 + 3)
})

test('what else happens right after a turn waits for the next one', async () => {
  const { clock, core, driver } = await startDriverRig()
  driver.post(ONLINE)
  clock.runTurns()
  driver.post(ONLINE)
  await settled()
  expect(core.log.length).toBe(1)
})

test('a turn that waits for long comes before all that the network still brings', async () => {
  const { clock, core, host } = await startDriverRig()
  const bring = async (): Promise<void> => {
    void host.sink.offer(ping('a', 1), 20)
    await settled()
  }
  await bring()
  clock.pass(10)
  await bring()
  expect(core.log).toEqual([])
  clock.pass(1)
  await bring()
  expect(core.log).toEqual(['a 1', 'a 1', 'a 1'])
  await bring()
  expect(core.log.length).toBe(3)
  clock.runTurns()
  expect(core.log.length).toBe(4)
})

import { describe, expect, test } from 'vitest'
import { DialSchedule } from './dial-schedule.ts'
import type { Effect } from './effect.ts'
import { toConnectionId, toDialId, toPeerId } from './ids.ts'
import * as limits from './limits.ts'

const PEER = toPeerId('peer')
const ADDRESS = '/memory/1'
const CONNECTION = toConnectionId('1')

function createKit(peers: readonly string[] = [ADDRESS]): {
  dials: DialSchedule
  effects: Effect[]
  dialled(): string[]
} {
  const effects: Effect[] = []
  const dials = new DialSchedule({ peers, random: () => 0.999, effects, learntFailed: () => {} })
  return {
    dials,
    effects,
    dialled: () => effects.flatMap((effect) => (effect.type === 'dial' ? [effect.address] : [])),
  }
}

function lastDial(effects: readonly Effect[]): Extract<Effect, { type: 'dial' }> {
  const dial = effects.findLast((effect) => effect.type === 'dial')
  if (dial === undefined) throw new Error('expected a dial')
  return dial
}

function settled(effects: readonly Effect[]): unknown[] {
  return effects.flatMap((effect) => (effect.type === 'connect-settled' ? [effect.outcome] : []))
}

describe('back-off', () => {
  test('doubles with every failure up to its bound, and is forgotten once it worked', () => {
    const { dials, effects } = createKit()
    const waits: number[] = []
    let nowMs = 0
    for (let attempt = 0; attempt < 9; attempt += 1) {
      dials.handleTimeout(nowMs)
      const { dial } = lastDial(effects)
      dials.failed({ dial, failure: 'unreachable', detail: 'nobody', nowMs })
      const nextMs = dials.nextTimeout() ?? Infinity
      waits.push(Math.round((nextMs - nowMs) / limits.DIAL_BACKOFF_MS_MIN))
      nowMs = nextMs
    }
    expect(waits).toEqual([2, 4, 8, 16, 32, 60, 60, 60, 60])
    dials.handleTimeout(nowMs)
    dials.succeeded({ dial: lastDial(effects).dial, peer: PEER, connection: CONNECTION })
    dials.peerReady(PEER)
    dials.peerGone({ peer: PEER, nowMs, backoffMs: undefined })
    expect(Math.round((dials.nextTimeout() ?? 0) - nowMs)).toBe(limits.DIAL_BACKOFF_MS_MIN)
  })

  test('a failure is told once, not at every retry', () => {
    const { dials, effects } = createKit()
    for (const nowMs of [0, 10_000, 20_000]) {
      dials.handleTimeout(nowMs)
      dials.failed({ dial: lastDial(effects).dial, failure: 'unreachable', detail: 'nobody listens', nowMs })
    }
    expect(effects.filter(({ type }) => type === 'warning')).toHaveLength(1)
  })

  test('the last failure stands while it is tried again, until it works', () => {
    const { dials, effects } = createKit()
    dials.handleTimeout(0)
    dials.failed({ dial: lastDial(effects).dial, failure: 'unreachable', detail: 'nobody listens', nowMs: 0 })
    expect(dials.lastFailure).toBe('nobody listens')
    dials.handleTimeout(60_000)
    expect(dials.lastFailure).toBe('nobody listens')
    dials.succeeded({ dial: lastDial(effects).dial, peer: PEER, connection: CONNECTION })
    dials.peerReady(PEER)
    expect(dials.lastFailure).toBeUndefined()
  })

  test('what several addresses fail for is told once', () => {
    const { dials, effects } = createKit(['/dns4/one.example/tcp/1', '/dns4/two.example/tcp/1'])
    dials.handleTimeout(0)
    for (const effect of [...effects]) {
      if (effect.type !== 'dial') continue
      dials.failed({ dial: effect.dial, failure: 'unreachable', detail: 'no network', nowMs: 0 })
    }
    expect(effects.filter(({ type }) => type === 'warning')).toHaveLength(1)
  })

  test('the network coming back ends every wait', () => {
    const { dials, effects, dialled } = createKit()
    dials.handleTimeout(0)
    dials.failed({ dial: lastDial(effects).dial, failure: 'timeout', detail: 'x', nowMs: 0 })
    dials.retryNow(1)
    expect(dialled()).toHaveLength(2)
  })
})

describe('slots', () => {
  test('at most so many dials at once; a freed slot is taken at once', () => {
    const addresses = Array.from({ length: limits.DIALS_AT_ONCE_MAX + 2 }, (_, index) => `/memory/${index}`)
    const { dials, effects, dialled } = createKit(addresses)
    dials.handleTimeout(0)
    expect(dialled()).toHaveLength(limits.DIALS_AT_ONCE_MAX)
    dials.failed({ dial: lastDial(effects).dial, failure: 'unreachable', detail: 'x', nowMs: 1 })
    expect(dialled()).toHaveLength(limits.DIALS_AT_ONCE_MAX + 1)
  })

  test.each([-1, 0])('a host that never answers loses the slot at the deadline (%i ms after it)', (offsetMs) => {
    const { dials, effects } = createKit()
    dials.handleTimeout(0)
    dials.handleTimeout(limits.DIAL_TIMEOUT_MS + limits.DIAL_ANSWER_GRACE_MS + offsetMs)
    expect(effects.some(({ type }) => type === 'cancel-dial')).toBe(offsetMs === 0)
  })

  test('a peer that connected by itself is not dialled by an address that names it', () => {
    const { dials, dialled } = createKit([`/memory/1/p2p/${PEER}`])
    dials.peerReady(PEER)
    dials.handleTimeout(0)
    expect(dialled()).toEqual([])
  })
})

describe('a connect of the app', () => {
  test('settles as ready, and its address is then kept like a configured one', () => {
    const { dials, effects } = createKit([])
    dials.connect({ token: 7, address: ADDRESS, nowMs: 0 })
    dials.succeeded({ dial: lastDial(effects).dial, peer: PEER, connection: CONNECTION })
    dials.peerReady(PEER)
    expect(settled(effects)).toEqual([{ type: 'ready', peer: PEER }])
    dials.peerGone({ peer: PEER, nowMs: 1, backoffMs: undefined })
    expect(dials.hasTargets).toBe(true)
    expect(dials.connect({ token: 8, address: ADDRESS, nowMs: 2 })).toBeUndefined()
  })

  test('fails once and is forgotten when nobody is there', () => {
    const { dials, effects } = createKit([])
    dials.connect({ token: 7, address: ADDRESS, nowMs: 0 })
    dials.failed({ dial: lastDial(effects).dial, failure: 'unreachable', detail: 'nobody listens', nowMs: 1 })
    expect(settled(effects)).toEqual([{ type: 'failed', code: 'undialable-address', detail: 'nobody listens' }])
    expect(dials.hasTargets).toBe(false)
  })

  test('given up by the app, it cancels the dial, and the connection that comes all the same is not wanted', () => {
    const { dials, effects } = createKit([])
    dials.connect({ token: 7, address: ADDRESS, nowMs: 0 })
    const { dial } = lastDial(effects)
    dials.cancelConnect(7)
    expect(effects.at(-1)).toEqual({ type: 'cancel-dial', dial })
    expect(dials.succeeded({ dial, peer: PEER, connection: CONNECTION })).toBe(false)
  })

  test('a disconnect forgets the address of a connect: no number of them uses up the places', () => {
    const { dials, effects } = createKit([])
    for (let index = 0; index <= limits.TARGETS_MAX; index += 1) {
      dials.connect({ token: index, address: `/memory/${index}`, nowMs: 0 })
      dials.succeeded({ dial: lastDial(effects).dial, peer: PEER, connection: CONNECTION })
      dials.peerReady(PEER)
      dials.suspend(PEER)
    }
    expect(settled(effects)).toEqual(
      Array.from({ length: limits.TARGETS_MAX + 1 }, () => ({ type: 'ready', peer: PEER })),
    )
    expect(dials.hasTargets).toBe(false)
  })

  test('a disconnect suspends the address until the app connects again', () => {
    const { dials, effects, dialled } = createKit()
    dials.handleTimeout(0)
    dials.succeeded({ dial: lastDial(effects).dial, peer: PEER, connection: CONNECTION })
    dials.peerReady(PEER)
    dials.suspend(PEER)
    dials.peerGone({ peer: PEER, nowMs: 1, backoffMs: undefined })
    dials.handleTimeout(1_000_000)
    expect(dialled()).toHaveLength(1)
    expect(dials.hasTargets).toBe(false)
    dials.connect({ token: 1, address: ADDRESS, nowMs: 1_000_001 })
    expect(dialled()).toHaveLength(2)
  })
})

describe('learnt peers', () => {
  const learn = (dials: DialSchedule, name: string): void => {
    expect(dials.hasRoomForLearnt).toBe(true)
    dials.dialLearnt({ peer: toPeerId(name), addresses: [`/ip4/1.2.3.4/tcp/1/p2p/${name}`], nowMs: 0 })
  }

  test('come after every configured one, and never two in a row while one of these is not reached', () => {
    const { dials, effects } = createKit()
    expect(dials.hasRoomForLearnt).toBe(false)
    dials.dialDue(0)
    learn(dials, 'one')
    expect(dials.hasRoomForLearnt).toBe(false)
    const configured = effects.find((effect) => effect.type === 'dial')
    if (configured?.type !== 'dial') throw new Error('expected a dial')
    dials.failed({ dial: configured.dial, failure: 'unreachable', detail: 'nobody', nowMs: 0 })
    expect(dials.hasRoomForLearnt).toBe(false)
    dials.handleTimeout(dials.nextTimeout() ?? 0)
    learn(dials, 'two')
    dials.succeeded({ dial: toDialId(3), peer: PEER, connection: CONNECTION })
    dials.peerReady(PEER)
    // Now all that the app named are reached.
    learn(dials, 'three')
    expect(dials.hasRoomForLearnt).toBe(false)
  })

  test('are a few, dialled once, and not told of when they fail', () => {
    const { dials, effects } = createKit([])
    for (const name of ['1', '2', '3', '4']) learn(dials, name)
    expect(dials.hasRoomForLearnt).toBe(false)
    dials.failed({ dial: toDialId(1), failure: 'unreachable', detail: 'nobody', nowMs: 0 })
    expect(effects.map(({ type }) => type)).toEqual(['dial', 'dial', 'dial', 'dial'])
    expect(dials.isAfter(toPeerId('1'))).toBe(false)
    expect(dials.hasRoomForLearnt).toBe(true)
  })

  test('are none to whom a configured address led when it last worked', () => {
    const { dials, effects } = createKit()
    dials.dialDue(0)
    dials.succeeded({ dial: lastDial(effects).dial, peer: PEER, connection: CONNECTION })
    dials.peerReady(PEER)
    dials.peerGone({ peer: PEER, nowMs: 0, backoffMs: undefined })
    expect(dials.isAfter(PEER)).toBe(true)
  })

  test('are kept once the app asks for the same address', () => {
    const { dials } = createKit([])
    learn(dials, 'one')
    dials.connect({ token: 1, address: '/ip4/1.2.3.4/tcp/1/p2p/one', nowMs: 0 })
    dials.succeeded({ dial: toDialId(1), peer: toPeerId('one'), connection: CONNECTION })
    dials.peerReady(toPeerId('one'))
    dials.peerGone({ peer: toPeerId('one'), nowMs: 0, backoffMs: undefined })
    expect(dials.nextTimeout()).toBeDefined()
  })

  test('are kept once the app asks for one that is connected, though it is away when it is dialled next', () => {
    const { dials, effects } = createKit([])
    const peer = toPeerId('one')
    learn(dials, 'one')
    dials.succeeded({ dial: toDialId(1), peer, connection: CONNECTION })
    dials.peerReady(peer)
    expect(dials.connect({ token: 1, address: '/ip4/1.2.3.4/tcp/1/p2p/one', nowMs: 0 })).toBe(peer)
    dials.peerGone({ peer, nowMs: 0, backoffMs: undefined })
    dials.handleTimeout(dials.nextTimeout() ?? 0)
    dials.failed({ dial: lastDial(effects).dial, failure: 'unreachable', detail: 'nobody', nowMs: 0 })
    expect(dials.nextTimeout()).toBeDefined()
  })
})

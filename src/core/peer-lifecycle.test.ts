import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DialSchedule } from './dial-schedule.ts'
import type { Effect } from './effect.ts'
import { toConnectionId, toPeerId, toRequestId, toRoot, type ConnectionId, type PeerId } from './ids.ts'
import * as limits from './limits.ts'
import type { NodeInfo } from './message.ts'
import { PeerLifecycle } from './peer-lifecycle.ts'
import type { PeerNotice } from './peer-notice.ts'

const OWN = toPeerId('m')
const SMALLER = toPeerId('a')
const LARGER = toPeerId('z')
const ROOT = toRoot('00'.repeat(32))
const INFO: NodeInfo = {
  chain: 'toy',
  genesis: ROOT,
  head: { height: 0, root: ROOT, work: 0n },
  serves: ['headers'],
  agent: 'test',
}
const OTHER_CHAIN: NodeInfo = { ...INFO, chain: 'other' }

interface Kit {
  readonly lifecycle: PeerLifecycle
  /** All but those of block exchange. */
  readonly notices: PeerNotice[]
  /** Those of block exchange. */
  readonly exchanged: string[]
  readonly effects: Effect[]
  open(name: string, peer: PeerId, direction?: 'inbound' | 'outbound', nowMs?: number): ConnectionId
  /** The remote asks, and is answered. */
  handshake(connection: ConnectionId, nowMs?: number, info?: NodeInfo): void
  close(connection: ConnectionId, nowMs?: number): void
  told(): string[]
}

function createKit(options: { maxPeers?: number } = {}): Kit {
  const effects: Effect[] = []
  const notices: PeerNotice[] = []
  const dials = new DialSchedule({ peers: [], random: () => 0, effects, learntFailed: () => {} })
  const lifecycle = new PeerLifecycle({
    ownPeer: OWN,
    maxPeers: options.maxPeers ?? 8,
    effects,
    notices,
    dials,
    ownInfo: () => INFO,
    judge: (info) => (info.chain === INFO.chain ? undefined : 'another chain'),
  })
  return {
    lifecycle,
    get notices() {
      return notices.filter(({ type }) => type !== 'exchange-joined' && type !== 'exchange-left')
    },
    get exchanged() {
      return notices.flatMap((notice) => {
        if (notice.type === 'exchange-joined') return [`${notice.connection} joined ${notice.isRushlight}`]
        return notice.type === 'exchange-left' ? [`${notice.connection} left`] : []
      })
    },
    effects,
    open(name, peer, direction = 'inbound', nowMs = 0) {
      const connection = toConnectionId(name)
      lifecycle.connectionOpened(
        {
          type: 'connection-opened',
          connection,
          peer,
          direction,
          transport: 'tcp',
          address: '/memory/1',
          isLimited: false,
        },
        nowMs,
      )
      return connection
    },
    handshake(connection, nowMs = 0, info = INFO) {
      lifecycle.handshakeRequested({ type: 'handshake-requested', connection, request: toRequestId(1), info }, nowMs)
    },
    close(connection, nowMs = 0) {
      lifecycle.connectionClosed({ type: 'connection-closed', connection }, nowMs)
    },
    told() {
      return this.notices.map((notice) => `${notice.type} ${notice.peer}`)
    },
  }
}

function closedIn(effects: readonly Effect[]): string[] {
  return effects.flatMap((effect) =>
    effect.type === 'close-connection' ? [`${effect.connection} ${effect.reason}`] : [],
  )
}

describe('readiness', () => {
  test('done before add: a close that overtakes the handshake gives neither ready nor gone', () => {
    const kit = createKit()
    const connection = kit.open('1', LARGER)
    kit.close(connection)
    kit.handshake(connection)
    expect(kit.told()).toEqual([])
    expect(kit.lifecycle.readyCount).toBe(0)
  })

  test('two handshakes on two connections make one ready, and gone comes with the last close only', () => {
    const kit = createKit()
    const first = kit.open('1', LARGER)
    const second = kit.open('2', LARGER, 'outbound')
    kit.handshake(first)
    kit.handshake(second)
    kit.handshake(second)
    expect(kit.told()).toEqual(['ready z', 'connection-added z'])
    kit.close(first)
    expect(kit.told()).toEqual(['ready z', 'connection-added z', 'connection-lost z'])
    kit.close(second)
    expect(kit.told()).toEqual(['ready z', 'connection-added z', 'connection-lost z', 'gone z'])
  })

  test('the generation grows with every ready', () => {
    const kit = createKit()
    for (const name of ['1', '2', '3']) {
      const connection = kit.open(name, LARGER)
      kit.handshake(connection)
      kit.close(connection)
    }
    const generations = kit.notices.map((notice) => ('generation' in notice ? notice.generation : undefined))
    expect(generations).toEqual([1, 1, 2, 2, 3, 3])
  })

  test('a peer over the limit is refused before it is ready, so it is never gone', () => {
    const kit = createKit({ maxPeers: 1 })
    kit.handshake(kit.open('1', LARGER))
    const refused = kit.open('2', SMALLER)
    kit.handshake(refused)
    kit.close(refused)
    expect(kit.told()).toEqual(['ready z'])
    expect(closedIn(kit.effects)).toEqual(['2 refused'])
    // An answer would make us ready over there.
    expect(kit.effects.filter(({ type }) => type === 'answer-handshake')).toHaveLength(1)
  })

  test('a close that we ask for makes the peer gone at once, and the close itself changes nothing more', () => {
    const kit = createKit()
    const connection = kit.open('1', LARGER)
    kit.handshake(connection)
    kit.lifecycle.unresponsive(connection, 1)
    expect(kit.told()).toEqual(['ready z', 'gone z'])
    kit.close(connection, 2)
    expect(kit.told()).toEqual(['ready z', 'gone z'])
    expect(kit.lifecycle.readyCount).toBe(0)
  })

  test('what still comes over a connection that we are closing changes nothing', () => {
    const kit = createKit()
    const connection = kit.open('1', LARGER)
    kit.handshake(connection)
    kit.lifecycle.unresponsive(connection, 1)
    const effectCount = kit.effects.length
    const message = { type: 'ping', request: toRequestId(1) } as const
    kit.handshake(connection, 2)
    kit.handshake(connection, 2, OTHER_CHAIN)
    kit.lifecycle.messageReceived({ type: 'message-received', connection, message }, 2)
    kit.lifecycle.unresponsive(connection, 2)
    expect(kit.told()).toEqual(['ready z', 'gone z'])
    expect(kit.effects.slice(effectCount)).toEqual([])
    expect(kit.lifecycle.connection(connection)).toBeUndefined()
  })
})

describe('handshakes', () => {
  test('the dialer starts one on every direct connection, whichever came first', () => {
    const kit = createKit()
    kit.open('in', LARGER, 'inbound')
    kit.open('out', LARGER, 'outbound')
    const requested = kit.effects.flatMap((effect) => (effect.type === 'request-handshake' ? [effect.connection] : []))
    expect(requested).toEqual(['out'])
  })

  test.each([limits.HANDSHAKE_TIMEOUT_MS - 1, limits.HANDSHAKE_TIMEOUT_MS])(
    'a connection without a handshake after %i ms',
    (nowMs) => {
      const kit = createKit()
      kit.open('1', LARGER)
      kit.lifecycle.handleTimeout(nowMs)
      const expected = nowMs < limits.HANDSHAKE_TIMEOUT_MS ? [] : ['1 handshake-timeout']
      expect(closedIn(kit.effects)).toEqual(expected)
    },
  )

  test('another chain is answered first, struck, never ready, and closed after its answer had time to arrive', () => {
    const kit = createKit()
    const connection = kit.open('1', LARGER)
    kit.handshake(connection, 0, OTHER_CHAIN)
    expect(kit.effects.map(({ type }) => type)).toEqual(['answer-handshake', 'warning'])
    expect(kit.lifecycle.strikeCount(LARGER)).toBe(1)
    kit.lifecycle.handleTimeout(limits.WRONG_CHAIN_LINGER_MS)
    expect(closedIn(kit.effects)).toEqual(['1 wrong-chain'])
    expect(kit.told()).toEqual([])
  })

  test('a failure on one connection leaves the other alone', () => {
    const kit = createKit()
    const healthy = kit.open('1', LARGER)
    kit.handshake(healthy)
    const failing = kit.open('2', LARGER, 'outbound')
    const request = kit.effects.flatMap((effect) => (effect.type === 'request-handshake' ? [effect.request] : []))[0]
    if (request === undefined) throw new Error('expected a handshake request')
    kit.lifecycle.handshakeFailed({ type: 'handshake-failed', connection: failing, request, failure: 'timeout' }, 1)
    expect(closedIn(kit.effects)).toEqual(['2 handshake-timeout'])
    expect(kit.lifecycle.isReady(LARGER)).toBe(true)
  })

  test('a remote that speaks bitswap and not our handshake is exchange-only: never ready, not closed', () => {
    const kit = createKit()
    const connection = kit.open('1', LARGER)
    kit.lifecycle.protocolsLearnt(
      { type: 'protocols-learnt', connection, speaksHandshake: false, speaksBitswap: true },
      1,
    )
    kit.lifecycle.handleTimeout(limits.HANDSHAKE_TIMEOUT_MS * 2)
    expect(closedIn(kit.effects)).toEqual([])
    expect(kit.told()).toEqual([])
    expect(kit.exchanged).toEqual(['1 joined false'])
    kit.close(connection)
    expect(kit.exchanged).toEqual(['1 joined false', '1 left'])
  })

  test('a handshake on an exchange-only connection makes its peer ready, as any other does; without room it is closed', () => {
    for (const maxPeers of [1, 0]) {
      const kit = createKit({ maxPeers })
      const connection = kit.open('1', LARGER)
      kit.lifecycle.protocolsLearnt(
        { type: 'protocols-learnt', connection, speaksHandshake: false, speaksBitswap: true },
        1,
      )
      kit.handshake(connection)
      expect(kit.told()).toEqual(maxPeers === 1 ? [`ready ${LARGER}`] : [])
      expect(closedIn(kit.effects)).toEqual(maxPeers === 1 ? [] : ['1 refused'])
      expect(kit.exchanged).toEqual(['1 joined false', maxPeers === 1 ? '1 joined true' : '1 left'])
      kit.close(connection)
      expect(kit.exchanged.slice(2)).toEqual(maxPeers === 1 ? ['1 left'] : [])
      expect(kit.lifecycle.readyCount).toBe(0)
      // The bound on those that are pending still holds: none was counted off twice.
      for (let index = 0; index <= limits.PENDING_CONNECTIONS_MAX; index += 1)
        kit.open(`p${index}`, toPeerId(`p${index}`))
      expect(closedIn(kit.effects).at(-1)).toBe(`p${limits.PENDING_CONNECTIONS_MAX} refused`)
      expect(closedIn(kit.effects)).toHaveLength(maxPeers === 1 ? 1 : 2)
    }
  })

  test('every handshaken connection takes part in block exchange until it closes, or is found to be of another chain', () => {
    const kit = createKit()
    const first = kit.open('1', LARGER)
    const second = kit.open('2', LARGER)
    expect(kit.exchanged).toEqual([])
    kit.handshake(first)
    kit.handshake(second)
    kit.handshake(first)
    expect(kit.exchanged).toEqual(['1 joined true', '2 joined true'])
    kit.close(first)
    expect(kit.exchanged.slice(2)).toEqual(['1 left'])
    kit.handshake(second, 0, OTHER_CHAIN)
    kit.close(second)
    expect(kit.exchanged.slice(3)).toEqual(['2 left'])
  })

  test.each([limits.EARLY_MESSAGES_MAX, limits.EARLY_MESSAGES_MAX + 1])(
    '%i messages before the handshake are all heard after it, in order, or are a flood',
    (messageCount) => {
      const kit = createKit()
      const connection = kit.open('1', LARGER)
      for (let index = 0; index < messageCount; index += 1) {
        const message = { type: 'ping', request: toRequestId(index) } as const
        kit.lifecycle.messageReceived({ type: 'message-received', connection, message }, 0)
      }
      kit.handshake(connection)
      const heard = kit.notices.flatMap((notice) =>
        notice.type === 'message' && notice.message.type === 'ping' ? [notice.message.request] : [],
      )
      const isFlood = messageCount > limits.EARLY_MESSAGES_MAX
      expect(heard).toEqual(isFlood ? [] : Array.from({ length: messageCount }, (_, index) => index))
      expect(closedIn(kit.effects)).toEqual(isFlood ? ['1 misbehaviour'] : [])
    },
  )
})

describe('connections', () => {
  test.each([
    { peer: SMALLER, closes: [] },
    { peer: LARGER, closes: ['in surplus'] },
  ])('only the side with the smaller id closes the surplus one, once idle ($peer)', ({ peer, closes }) => {
    const kit = createKit()
    kit.handshake(kit.open('out', peer, 'outbound'))
    kit.handshake(kit.open('in', peer, 'inbound'))
    kit.lifecycle.handleTimeout(limits.SURPLUS_IDLE_MS - 1)
    expect(closedIn(kit.effects)).toEqual([])
    kit.lifecycle.handleTimeout(limits.SURPLUS_IDLE_MS)
    expect(closedIn(kit.effects)).toEqual(closes)
    expect(kit.lifecycle.isReady(peer)).toBe(true)
  })

  test('both sides send over the connection that the smaller id dialled', () => {
    const kit = createKit()
    kit.handshake(kit.open('mine', LARGER, 'outbound'))
    kit.handshake(kit.open('theirs', LARGER, 'inbound'))
    expect(kit.lifecycle.primaryConnection(LARGER)?.id).toBe('mine')
    kit.handshake(kit.open('my-own', SMALLER, 'outbound'))
    kit.handshake(kit.open('the-smaller-ones', SMALLER, 'inbound'))
    expect(kit.lifecycle.primaryConnection(SMALLER)?.id).toBe('the-smaller-ones')
  })

  test('a third direct connection is refused', () => {
    const kit = createKit()
    for (const name of ['1', '2', '3']) kit.open(name, LARGER)
    expect(closedIn(kit.effects)).toEqual(['3 refused'])
  })

  test('three strikes ban: the next connection is refused, until the ban is over', () => {
    const kit = createKit()
    for (const name of ['1', '2', '3']) {
      const connection = kit.open(name, LARGER)
      kit.lifecycle.misbehaved({ peer: LARGER, misbehaviour: 'undecodable', detail: 'garbage', nowMs: 0 })
      kit.close(connection)
    }
    kit.close(kit.open('4', LARGER, 'inbound', limits.BAN_MS - 1))
    kit.open('5', LARGER, 'inbound', limits.BAN_MS)
    expect(closedIn(kit.effects).slice(3)).toEqual(['4 refused'])
  })

  test('one strike is forgiven after ten minutes', () => {
    const kit = createKit()
    kit.open('1', LARGER)
    kit.lifecycle.misbehaved({ peer: LARGER, misbehaviour: 'unasked', detail: 'x', nowMs: 0 })
    kit.open('2', SMALLER, 'inbound', limits.STRIKE_DECAY_MS - 1)
    expect(kit.lifecycle.strikeCount(LARGER)).toBe(1)
    kit.open('3', SMALLER, 'inbound', limits.STRIKE_DECAY_MS)
    expect(kit.lifecycle.strikeCount(LARGER)).toBe(0)
  })
})

test('a peer that stays does not keep all that came and went in memory', () => {
  const kit = createKit()
  kit.handshake(kit.open('stays', SMALLER))
  const comeAndGo = (index: number): void => {
    const connection = kit.open(`${index}-${kit.notices.length}`, toPeerId(`peer${index}`))
    kit.handshake(connection)
    kit.close(connection)
  }
  for (let index = 0; index <= limits.REMEMBERED_PEERS_MAX; index += 1) comeAndGo(index)
  comeAndGo(limits.REMEMBERED_PEERS_MAX)
  expect(kit.notices.at(-1)).toMatchObject({ type: 'gone', generation: 2 })
  comeAndGo(0)
  expect(kit.notices.at(-1)).toMatchObject({ type: 'gone', generation: 1 })
})

test('whatever happens in whatever order: ready and gone alternate, and nothing is left after every close', () => {
  const step = fc.record({
    action: fc.constantFrom('open', 'handshake', 'mismatch', 'close', 'misbehave', 'timeout'),
    index: fc.nat(5),
    isOutbound: fc.boolean(),
    peer: fc.constantFrom(SMALLER, LARGER),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const kit = createKit({ maxPeers: 1 })
      const opened = new Set<ConnectionId>()
      let nowMs = 0
      for (const { action, index, isOutbound, peer } of steps) {
        nowMs += 500
        const connection = toConnectionId(`${peer}${index}`)
        if (action === 'open' && !opened.has(connection)) {
          opened.add(kit.open(connection, peer, isOutbound ? 'outbound' : 'inbound', nowMs))
        } else if (action === 'handshake') kit.handshake(connection, nowMs)
        else if (action === 'mismatch') kit.handshake(connection, nowMs, OTHER_CHAIN)
        else if (action === 'misbehave') {
          kit.lifecycle.misbehaved({ peer, misbehaviour: 'flood', detail: 'x', nowMs })
        } else if (action === 'timeout') kit.lifecycle.handleTimeout(nowMs)
        else kit.close(connection, nowMs)
        const readyNow = [SMALLER, LARGER].filter((each) => kit.lifecycle.isReady(each))
        expect(kit.lifecycle.readyCount).toBe(readyNow.length)
        expect(readyNow.length).toBeLessThanOrEqual(1)
        for (const each of readyNow) expect(kit.lifecycle.primaryConnection(each)).toBeDefined()
      }
      for (const connection of opened) kit.close(connection, nowMs)
      expect(kit.lifecycle.readyCount).toBe(0)
      expect([...kit.lifecycle.connections]).toEqual([])
      expect(kit.lifecycle.nextTimeout()).toBeUndefined()
      for (const peer of [SMALLER, LARGER]) {
        const states = kit.notices.filter((notice) => notice.peer === peer && 'generation' in notice)
        states.forEach((notice, index) => expect(notice.type).toBe(index % 2 === 0 ? 'ready' : 'gone'))
        expect(states.length % 2).toBe(0)
      }
    }),
    { numRuns: 500 },
  )
})

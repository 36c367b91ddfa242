import { describe, expect, test } from 'vitest'
import {
  chain,
  fail,
  FIRST_TIME,
  genesis,
  last,
  mine,
  SIZE,
  START_UNIX_MS,
  treeOf,
  World,
} from '../../test/sync-world.ts'
import { createBitcoinChain } from '../chain/bitcoin/bitcoin-chain.ts'
import type { Event } from './event.ts'
import { toConnectionId, toPeerId, toRequestId } from './ids.ts'
import { createLightNodeCore } from './light-node-core.ts'
import * as limits from './limits.ts'
import type { SyncMessage } from './message.ts'
import { answer } from './serving.ts'

describe('catching up', () => {
  test('headers come batch by batch, the next one asked for before the last is verified', () => {
    const world = new World()
    const remote = world.join('a')
    const tree = treeOf(mine({ count: 5_000 }))
    const [first] = remote.requests()
    if (first === undefined) fail('a request')
    world.send({ type: 'message-received', connection: remote.connection, message: answer(first, tree) })
    expect(world.height).toBe(0)
    const [second] = remote.requests()
    expect(second?.type === 'get-headers' && second.locator[0]).toBe(tree.summary(2_016)?.root)
    if (second === undefined) fail('a second request')
    remote.send(answer(second, tree))
    remote.serve(tree)
    expect(world.height).toBe(5_000)
    expect(world.core.view()).toMatchObject({ status: 'synced', isInStep: true, head: { confirmedBy: 1 } })
  })

  test('a peer with the same head delivers it when it is asked, and so confirms it', () => {
    const world = new World()
    const tree = treeOf(mine({ count: 10 }))
    world.join('a').serve(tree)
    world.join('b').serve(tree)
    expect(world.core.view().head.confirmedBy).toBe(2)
  })

  test('a peer that asked us to the end, or was told of a new head, is shown with it', () => {
    const world = new World({ isAuthority: true })
    const follower = world.join('follower')
    const shown = (): number | undefined => world.core.view().peers[0]?.claimed?.height
    const headers = mine({ count: 11 })
    world.send({ type: 'headers-submitted', headers: headers.subarray(0, 10 * SIZE) })
    const locator = [chain.genesis]
    const ask = { type: 'get-headers', request: toRequestId(1), locator, stop: undefined, countMax: 2_016 } as const
    follower.send(ask)
    expect(shown()).toBe(10)
    world.send({ type: 'headers-submitted', headers: last(headers) })
    world.settle()
    expect(shown()).toBe(11)
  })

  test('a claimed height is not believed: claims more, sends nothing, drops; the next peer is followed', () => {
    const world = new World()
    const liar = world.join('liar', { height: 1_000_000, work: 1n << 80n })
    const [request] = liar.requests()
    if (request === undefined) fail('a request')
    const head = { height: 1_000_000, root: chain.genesis, work: 1n << 80n }
    liar.send({ type: 'headers', request: request.request, headers: new Uint8Array(0), hasMore: true, head })
    expect(world.core.view()).toMatchObject({ status: 'synced', isInStep: true })
    liar.close()
    const honest = world.join('honest')
    honest.serve(treeOf(mine({ count: 20 })))
    expect(world.height).toBe(20)
  })

  test('a peer that stalls loses its request to another, is asked for less, and is not struck', () => {
    const world = new World()
    const tree = treeOf(mine({ count: 3_000 }))
    const silent = world.join('silent')
    const other = world.join('other')
    expect(silent.requests()).toHaveLength(1)
    const [probe] = other.requests()
    if (probe === undefined) fail('a probe')
    expect(probe).toMatchObject({ type: 'get-headers', countMax: limits.PROBE_HEADER_COUNT })
    other.send(answer(probe, treeOf(new Uint8Array(0))))
    world.advance(limits.REQUEST_TIMEOUT_MS)
    expect(world.core.view().peers.map(({ strikes }) => strikes)).toEqual([0, 0])
    other.serve(tree)
    expect(world.height).toBe(3_000)
    expect(silent.requests()).toEqual([])
    world.advance(limits.STALL_COOLDOWN_MS)
    expect(silent.requests().map((request) => request.type === 'get-headers' && request.countMax)).toEqual([504])
  })

  test('a sync peer that goes leaves its place to the next one', () => {
    const world = new World()
    const tree = treeOf(mine({ count: 3_000 }))
    const gone = world.join('gone')
    const [request] = gone.requests()
    if (request === undefined) fail('a request')
    gone.send(answer(request, tree))
    expect([world.height, world.core.view().peers[0]?.isSyncPeer]).toEqual([2_016, true])
    gone.close()
    world.join('next').serve(tree)
    expect(world.height).toBe(3_000)
  })

  test('an answer that comes late is ignored and nobody is struck; an answer to nothing is a strike', () => {
    const world = new World()
    const remote = world.join('a')
    const [request] = remote.requests()
    if (request === undefined) fail('a request')
    world.advance(limits.REQUEST_TIMEOUT_MS)
    remote.received()
    const late = answer(request, treeOf(mine({ count: 5 })))
    remote.send(late)
    expect([world.height, remote.isReady]).toEqual([0, true])
    remote.send(late)
    expect(world.warnings()).toEqual(['peer-struck'])
    expect(remote.isReady).toBe(false)
  })

  test.each([limits.HEADERS_PER_MESSAGE_MAX, limits.HEADERS_PER_MESSAGE_MAX + 1])(
    '%i headers in one answer',
    (count) => {
      const world = new World()
      const remote = world.join('a')
      const [request] = remote.requests()
      if (request === undefined) fail('a request')
      const { height, root, work } = world.core.tree.tip
      const headers = mine({ count })
      remote.send({ type: 'headers', request: request.request, headers, hasMore: false, head: { height, root, work } })
      expect(remote.isReady).toBe(count === limits.HEADERS_PER_MESSAGE_MAX)
    },
  )

  test('the chain with more work wins, and what was reverted and adopted is told oldest first', () => {
    const world = new World()
    const common = mine({ count: 5 })
    const weaker = new Uint8Array([
      ...common,
      ...mine({ count: 2, parent: last(common), salt: 1, firstTime: FIRST_TIME + 5 }),
    ])
    const stronger = new Uint8Array([
      ...common,
      ...mine({ count: 3, parent: last(common), salt: 2, firstTime: FIRST_TIME + 5 }),
    ])
    world.join('a').serve(treeOf(weaker))
    world.take()
    world.join('b').serve(treeOf(stronger))
    const reorg = world.effects.find((effect) => effect.type === 'reorganised')
    expect(reorg?.type === 'reorganised' && reorg.reverted.map(({ height }) => height)).toEqual([6, 7])
    expect(reorg?.type === 'reorganised' && reorg.adopted.map(({ height }) => height)).toEqual([6, 7, 8])
    expect(world.core.tree.tip.root).toBe(treeOf(stronger).tip.root)
  })

  test('an invalid header is a strike for its sender, and what came before it stays', () => {
    const world = new World()
    const remote = world.join('a')
    const [request] = remote.requests()
    if (request === undefined) fail('a request')
    const good = mine({ count: 3 })
    const tooOld = mine({ count: 1, parent: last(good), firstTime: FIRST_TIME - 1_000_000 })
    const { height, root, work } = world.core.tree.tip
    const message = { type: 'headers', request: request.request, hasMore: false, head: { height, root, work } } as const
    remote.send({ ...message, headers: new Uint8Array([...good, ...tooOld]) })
    expect(world.height).toBe(3)
    expect(world.warnings()).toEqual(['peer-struck'])
  })

  test('a branch of which more is known than fits one answer is followed to its end', () => {
    const world = new World()
    const branch = mine({ count: 7_000, salt: 1 })
    world.join('b').serve(treeOf(mine({ count: 6_000 })))
    const remote = world.join('a')
    remote.serve(treeOf(branch.subarray(0, 5_000 * SIZE)))
    expect([world.height, world.core.tree.sideHeaderCount]).toEqual([6_000, 5_000])
    remote.close()
    world.join('a').serve(treeOf(branch))
    expect(world.height).toBe(7_000)
  })

  test('a burst of announcements that are known already does not make its sender an idle one', () => {
    const world = new World()
    const remote = world.join('a')
    const [request] = remote.requests()
    if (request === undefined) fail('a request')
    const tree = treeOf(mine({ count: 4 }))
    const [headers, { height, root, work }] = [mine({ count: 1 }), tree.tip]
    const message = { type: 'announce', headers, head: { height, root, work } } as const
    for (let count = 0; count < 4; count += 1) {
      world.send({ type: 'message-received', connection: remote.connection, message })
    }
    world.settle()
    remote.send({ ...message, type: 'headers', request: request.request, hasMore: true })
    remote.serve(tree)
    expect(world.height).toBe(4)
  })

  test('a header from the near future is kept and taken when its time has come; nobody is struck', () => {
    const world = new World()
    const remote = world.join('a')
    const early = mine({ count: 1, firstTime: START_UNIX_MS / 1000 + 2 * 3600 + 60 })
    remote.serve(treeOf(new Uint8Array(0)))
    remote.announce(early)
    expect([world.height, remote.isReady, world.warnings()]).toEqual([0, true, ['future-header']])
    world.advance(30_000)
    expect(world.height).toBe(0)
    world.advance(31_000)
    expect(world.height).toBe(1)
  })

  test('headers that were ahead of a wrong clock are taken as soon as it is put right', () => {
    const world = new World()
    const remote = world.join('a')
    remote.serve(treeOf(new Uint8Array(0)))
    remote.announce(mine({ count: 1, firstTime: START_UNIX_MS / 1000 + 4 * 3600 }))
    expect([world.height, world.warnings()]).toEqual([0, ['future-header']])
    world.unixMs += 4 * 3_600_000
    world.send({ type: 'clock-jumped', aheadMs: 0 })
    world.advance(0)
    expect(world.height).toBe(1)
  })

  test('ancestors from the near future are asked of one peer only, and their children taken when their time has come', () => {
    const world = new World()
    const [asked, other] = [world.join('a'), world.join('b')]
    for (const remote of [asked, other, asked, other]) remote.serve(treeOf(new Uint8Array(0)))
    const early = mine({ count: 3, firstTime: START_UNIX_MS / 1000 + 2 * 3600 + 60 })
    const tree = chain.createTree()
    tree.add({ headers: early, index: 0, count: 3, nowUnixMs: START_UNIX_MS + 3_600_000 })
    asked.announce(last(early))
    expect(asked.serve(tree)).toBe(1)
    expect(other.requests()).toEqual([])
    world.advance(70_000)
    expect(world.height).toBe(3)
  })

  test('with less work than the network is known to have it is never reported as synced', () => {
    const demanding = createBitcoinChain({ network: 'regtest', minimumChainWork: 22n })
    for (const [count, isInStep] of [
      [9, false],
      [10, true],
    ] as const) {
      const world = new World({ chain: demanding })
      world.join('a').serve(treeOf(mine({ count })))
      expect(world.core.view().isInStep).toBe(isInStep)
    }
  })
})

describe('announcements', () => {
  test('a new head costs one announcement and no request', () => {
    const world = new World()
    const remote = world.join('a')
    const headers = mine({ count: 11 })
    remote.serve(treeOf(headers.subarray(0, 10 * SIZE)))
    remote.announce(last(headers))
    expect(world.height).toBe(11)
    expect(remote.received()).toEqual([])
  })

  test('it is passed on to everybody but its sender, once', () => {
    const world = new World()
    const headers = mine({ count: 11 })
    const tree = treeOf(headers.subarray(0, 10 * SIZE))
    const [sender, other] = [world.join('a'), world.join('b')]
    for (const remote of [sender, other, sender, other]) remote.serve(tree)
    sender.announce(last(headers))
    expect(sender.received()).toEqual([])
    expect(other.received().map(({ type }) => type)).toEqual(['announce'])
    world.advance(1_000)
    expect(other.received()).toEqual([])
  })

  test.each([300, limits.HEADERS_PER_MESSAGE_MAX])('a gap of %i missing parents is closed in one round trip', (gap) => {
    const world = new World()
    const remote = world.join('a')
    const headers = mine({ count: 10 + gap + 1 })
    remote.serve(treeOf(headers.subarray(0, 10 * SIZE)))
    remote.announce(last(headers))
    expect(remote.serve(treeOf(headers))).toBe(1)
    expect(world.height).toBe(10 + gap + 1)
  })

  test('a longer gap is closed from below, in one round trip more than its batches', () => {
    const world = new World()
    const remote = world.join('a')
    const gap = 2 * limits.HEADERS_PER_MESSAGE_MAX
    const headers = mine({ count: 10 + gap + 1 })
    remote.serve(treeOf(headers.subarray(0, 10 * SIZE)))
    remote.announce(last(headers))
    expect(remote.serve(treeOf(headers))).toBeLessThanOrEqual(1 + Math.ceil(gap / limits.HEADERS_PER_MESSAGE_MAX) + 1)
    expect(world.height).toBe(10 + gap + 1)
  })

  test('a walk back that ends above our chain costs nothing of the ranges that are under way', () => {
    const world = new World()
    const remote = world.join('a')
    const headers = mine({ count: 5 * limits.HEADERS_PER_MESSAGE_MAX })
    const tree = treeOf(headers)
    const hear = (message: SyncMessage): void =>
      world.send({ type: 'message-received', connection: remote.connection, message })
    const [first] = remote.requests()
    remote.announce(last(headers))
    const [walk] = remote.requests()
    if (first === undefined || walk?.type !== 'get-ancestors') fail('a question for headers and one for ancestors')
    // All three answers wait in the queue together, the walk between two ranges.
    hear(answer(first, tree))
    const [second] = remote.requests()
    if (second === undefined) fail('the next range')
    hear(answer(walk, tree))
    hear(answer(second, tree))
    world.settle()
    remote.serve(tree)
    expect(world.height).toBe(tree.tip.height)
  })

  test('fifty gaps at once are one request', () => {
    const world = new World()
    const remote = world.join('a')
    remote.serve(treeOf(new Uint8Array(0)))
    const tree = chain.createTree()
    const tips: Uint8Array[] = []
    for (let salt = 1; salt <= 50; salt += 1) {
      const branch = mine({ count: 10, salt })
      tree.add({ headers: branch, index: 0, count: 10, nowUnixMs: START_UNIX_MS })
      tips.push(last(branch).slice())
    }
    for (const headers of tips) {
      const { height, root, work } = tree.tip
      const message = { type: 'announce', headers, head: { height, root, work } } as const
      world.send({ type: 'message-received', connection: remote.connection, message })
    }
    world.settle()
    expect(remote.serve(tree)).toBe(1)
    for (const tip of tips) expect(world.core.tree.has(tree.rootOf(tip))).toBe(true)
  })

  test('a silent peer holds up its own missing parents only', () => {
    const world = new World()
    const [silent, other] = [world.join('a'), world.join('b')]
    for (const remote of [silent, other]) remote.serve(treeOf(new Uint8Array(0)))
    silent.announce(last(mine({ count: 20, salt: 1 })))
    expect(silent.requests().map(({ type }) => type)).toEqual(['get-ancestors'])
    const headers = mine({ count: 10, salt: 2 })
    other.announce(last(headers))
    expect(other.serve(treeOf(headers))).toBe(1)
    expect(world.height).toBe(10)
  })

  test('missing parents stay queued while nobody is there to ask', () => {
    const world = new World()
    const headers = mine({ count: 20 })
    const first = world.join('a')
    first.serve(treeOf(new Uint8Array(0)))
    first.announce(last(headers))
    first.close()
    const second = world.join('b')
    const types = second.requests().map(({ type }) => type)
    expect(types).toContain('get-ancestors')
  })

  test('missing parents that waited for the end of a range are asked for when its peer stalls', () => {
    const world = new World()
    const [slow, other] = [world.join('a'), world.join('b')]
    other.serve(treeOf(new Uint8Array(0)))
    const [request] = slow.requests()
    const headers = mine({ count: 10 })
    const { root, height, work } = treeOf(headers).tip
    const head = { root, height, work }
    if (request?.type !== 'get-headers') fail('get-headers')
    slow.send({
      type: 'headers',
      request: request.request,
      headers: headers.subarray(0, 5 * SIZE),
      hasMore: true,
      head,
    })
    other.announce(last(mine({ count: 20, salt: 1 })))
    expect(other.requests()).toEqual([])
    world.advance(limits.REQUEST_TIMEOUT_MS)
    expect(other.requests().map(({ type }) => type)).toContain('get-ancestors')
  })
})

describe('the store', () => {
  test('what is read back is shown as stored, verified again, and nothing of it is written or fetched again', () => {
    const headers = new Uint8Array([...genesis, ...mine({ count: 30 })])
    const world = new World({ store: headers })
    expect(world.core.view().head).toMatchObject({ height: 30, trust: 'stored' })
    const remote = world.join('a')
    expect(remote.requests()).toEqual([])
    world.send({ type: 'headers-loaded', fromHeight: 0, headers })
    world.settle()
    expect(world.core.view().head).toMatchObject({ height: 30, trust: 'genesis' })
    const [request] = remote.requests()
    expect(request?.type === 'get-headers' && request.locator[0]).toBe(world.core.tree.summary(29)?.root)
    expect(world.effects.filter(({ type }) => type === 'persist')).toEqual([])
  })

  test('until the store is verified nothing of it is served: the asker is told to come again, and does', () => {
    const headers = new Uint8Array([...genesis, ...mine({ count: 30 })])
    const world = new World({ store: headers })
    const locator = [chain.genesis]
    const ask = { type: 'get-headers', request: toRequestId(1), locator, stop: undefined, countMax: 2_016 } as const
    const asker = world.join('asker')
    asker.send(ask)
    expect(asker.received()).toEqual([{ type: 'refused', request: 1, reason: 'busy' }])
    world.send({ type: 'headers-loaded', fromHeight: 0, headers })
    world.settle()
    asker.received()
    asker.send({ ...ask, request: toRequestId(2) })
    expect(asker.received()).toMatchObject([{ type: 'headers', request: 2, hasMore: false }])
  })

  test('a peer that is busy is asked again soon, and is not taken for one that has nothing', () => {
    const world = new World()
    const remote = world.join('a')
    const [request] = remote.requests()
    if (request === undefined) fail('a request')
    remote.send({ type: 'refused', request: request.request, reason: 'busy' })
    expect(world.core.view().isInStep).toBe(false)
    world.advance(limits.BUSY_RETRY_MS - 1)
    expect(remote.requests()).toEqual([])
    world.advance(1)
    remote.serve(treeOf(mine({ count: 20 })))
    expect(world.height).toBe(20)
  })

  test('a stored header that breaks a rule is dropped with all after it, and the store is cut there', () => {
    const good = mine({ count: 30 })
    const headers = new Uint8Array([...genesis, ...good])
    headers[11 * SIZE + 40] = (headers[11 * SIZE + 40] ?? 0) ^ 1
    const world = new World({ store: headers })
    world.send({ type: 'headers-loaded', fromHeight: 0, headers })
    world.settle()
    expect([world.height, world.warnings()]).toEqual([10, ['store-tail-dropped']])
    world.join('a').serve(treeOf(good))
    const persist = world.effects.find((effect) => effect.type === 'persist')
    expect(persist?.type === 'persist' && [persist.truncateTo, persist.append.length / SIZE]).toEqual([11, 20])
  })

  test('a failed write is told, and written again later from the height it touched', () => {
    const world = new World()
    const remote = world.join('a')
    remote.serve(treeOf(mine({ count: 10 })))
    const persists = world.take().flatMap((effect) => (effect.type === 'persist' ? [effect] : []))
    world.send({
      type: 'persist-failed',
      sequence: persists[0]?.sequence ?? fail('a write'),
      reason: 'write-failed',
      detail: 'disk',
    })
    expect(world.warnings()).toEqual(['store-write-failed'])
    world.advance(limits.PERSIST_RETRY_MS)
    const again = world.effects.find((effect) => effect.type === 'persist')
    expect(again?.type === 'persist' && [again.truncateTo, again.append.length / SIZE]).toEqual([0, 11])
  })

  test('a store that may be written now gets what differs', () => {
    const headers = mine({ count: 10 })
    const world = new World({ isWritable: false })
    world.join('a').serve(treeOf(headers))
    expect(world.take().some(({ type }) => type === 'persist')).toBe(false)
    const samples = [5, 0].map((height) => ({
      height,
      header: world.core.tree.range({ fromHeight: height, count: 1 }),
    }))
    world.send({ type: 'store-became-writable', headerCount: 6, samples })
    const persist = world.effects.find((effect) => effect.type === 'persist')
    expect(persist?.type === 'persist' && [persist.truncateTo, persist.append.length / SIZE]).toEqual([6, 5])
  })

  test('a store that may be written before it is verified is not cut off where verification stands', () => {
    const mined = mine({ count: 601 })
    const headers = new Uint8Array([...genesis, ...mined.subarray(0, 600 * SIZE)])
    const world = new World({ store: headers, isWritable: false })
    world.send({ type: 'headers-loaded', fromHeight: 0, headers })
    const now = { monotonicMs: 0, unixMs: START_UNIX_MS }
    world.effects.push(...world.core.handleWork(now))
    expect(world.height).toBeLessThan(600)
    const samples = [600, 0].map((height) => ({ height, header: headers.slice(height * SIZE, (height + 1) * SIZE) }))
    world.send({ type: 'store-became-writable', headerCount: 601, samples })
    world.settle()
    expect(world.height).toBe(600)
    expect(world.effects.filter(({ type }) => type === 'persist')).toEqual([])
    world.join('a').serve(treeOf(mined))
    const persist = world.effects.find((effect) => effect.type === 'persist')
    expect(persist?.type === 'persist' && [persist.truncateTo, persist.append.length / SIZE]).toEqual([601, 1])
  })

  test('stored headers are read no more than one load ahead of their verification', () => {
    const headerCount = limits.HEADERS_PER_LOAD * 4
    const core = createLightNodeCore({
      chain,
      ownPeer: toPeerId('own'),
      agent: 'test',
      peers: [],
      maxPeers: 8,
      seed: 1,
      isAuthority: false,
    })
    const now = { monotonicMs: 0, unixMs: START_UNIX_MS }
    const lastHeader = genesis.slice()
    const opened: Event = { type: 'store-opened', headerCount, lastHeader, work: 5n, isWritable: true }
    let loads = core.handle(opened, now).filter(({ type }) => type === 'load-headers')
    let loadedCount = 0
    for (let load = loads[0]; load?.type === 'load-headers'; load = loads[0]) {
      const { fromHeight, count } = load
      loadedCount += 1
      const loaded: Event = { type: 'headers-loaded', fromHeight, headers: new Uint8Array(count * SIZE) }
      loads = core.handle(loaded, now).filter(({ type }) => type === 'load-headers')
    }
    expect(loadedCount).toBe(2)
  })
})

describe('keeping alive', () => {
  test('a peer that does not answer a ping is closed, unstruck', () => {
    const world = new World()
    const remote = world.join('a')
    remote.serve(treeOf(new Uint8Array(0)))
    world.advance(limits.PING_INTERVAL_MS)
    world.advance(limits.PING_TIMEOUT_MS)
    expect(remote.isReady).toBe(false)
    expect(world.effects.filter(({ type }) => type === 'close-connection')).toMatchObject([{ reason: 'unresponsive' }])
    expect(world.warnings()).toEqual([])
  })

  test('after a clock jump every connection has three seconds to answer, and deadlines shift', () => {
    const world = new World()
    const [alive, dead] = [world.join('a'), world.join('b')]
    for (const remote of [alive, dead]) remote.serve(treeOf(new Uint8Array(0)))
    world.nowMs += 8 * 3_600_000
    world.unixMs += 8 * 3_600_000
    world.send({ type: 'clock-jumped', aheadMs: 8 * 3_600_000 })
    alive.received()
    world.advance(limits.PROBE_TIMEOUT_MS)
    expect([alive.isReady, dead.isReady]).toEqual([true, false])
    expect(world.warnings()).toEqual([])
  })
})

test('a connect to a peer that speaks bitswap only is told so, whichever news comes first', () => {
  for (const isLearntFirst of [true, false]) {
    const world = new World()
    const [connection, peer] = [toConnectionId('c'), toPeerId('helia')]
    world.send({ type: 'connect-requested', token: 1, address: '/memory/1' })
    const dial = world.take().find((effect) => effect.type === 'dial')?.dial ?? fail('a dial')
    const opened = { direction: 'outbound', transport: 'tcp', address: '/memory/1', isLimited: false } as const
    world.send({ type: 'connection-opened', connection, peer, ...opened })
    const request = world.take().find((effect) => effect.type === 'request-handshake')?.request ?? fail('a request')
    const succeeded: Event = { type: 'dial-succeeded', dial, connection, peer }
    if (!isLearntFirst) world.send(succeeded)
    world.send({ type: 'handshake-failed', connection, request, failure: 'unsupported' })
    world.send({ type: 'protocols-learnt', connection, speaksHandshake: false, speaksBitswap: true })
    if (isLearntFirst) world.send(succeeded)
    const settled = world.effects.find(({ type }) => type === 'connect-settled')
    expect(settled).toMatchObject({ token: 1, outcome: { type: 'failed', code: 'peer-refused' } })
  }
})

test('after stop nothing is left, and later events change nothing', () => {
  const world = new World()
  const remote = world.join('a')
  world.send({ type: 'stop-requested' })
  expect(world.effects.at(-1)).toMatchObject({ type: 'status-changed', status: 'stopped' })
  world.take()
  remote.announce(mine({ count: 1 }))
  expect([world.effects, world.core.nextTimeout(), world.core.hasWork()]).toEqual([[], undefined, false])
})

/** How many requests it takes to close gaps, counted on one real core between peers that hold everything. */
import { expect, test } from 'vitest'
import type { Chain, HeaderTree } from '../../src/core/chain.ts'
import { checkedCore } from '../../src/core/checker/checked-core.ts'
import type { LightNodeCore } from '../../src/core/core.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { ConnectionId, PeerId, RequestId } from '../../src/core/ids.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import { HEADERS_PER_MESSAGE_MAX, ROOTS_PER_REQUEST_MAX } from '../../src/core/limits.ts'
import type { SyncMessage } from '../../src/core/message.ts'
import type { ToyChain } from './toy-chain.ts'
import { createToyChain, TOY_GENESIS_TIME } from './toy-chain.ts'

const NOW_UNIX_MS = (TOY_GENESIS_TIME + 1_000_000) * 1_000

/** A core whose peers answer every request at once from one full tree. */
class Surrounded {
  readonly core: LightNodeCore
  readonly requests: SyncMessage[] = []
  /** Answers that had come when the served tip was verified. */
  answersUntilTip: number | undefined
  private answerCount = 0
  private readonly served: HeaderTree
  private readonly chain: Chain
  private readonly queue: Event[] = []
  private nowMs = 0

  constructor(args: { chain: Chain; served: HeaderTree; peerCount: number }) {
    this.chain = args.chain
    this.served = args.served
    const core = createLightNodeCore({
      chain: args.chain,
      ownPeer: 'me' as PeerId,
      agent: 'test',
      peers: [],
      maxPeers: 64,
      seed: 1,
      isAuthority: false,
    })
    const { id: chain, genesis } = args.chain
    this.core = checkedCore(core, { chain, genesis, maxPeers: 64, seed: 1, isThorough: true })
    this.take({ type: 'store-opened', headerCount: 0, lastHeader: undefined, work: 0n, isWritable: false })
    for (let index = 0; index < args.peerCount; index += 1) this.connect(index)
    this.settle()
    this.requests.length = 0
    this.answerCount = 0
    this.answersUntilTip = undefined
  }

  private connect(index: number): void {
    const connection = `c${index}` as ConnectionId
    const peer = `peer-${index}` as PeerId
    const opened = { type: 'connection-opened', transport: 'test', address: peer, isLimited: false } as const
    this.take({ ...opened, connection, peer, direction: 'inbound' })
    const { id: chain, genesis } = this.chain
    const head = { height: 0, root: genesis, work: 1n }
    const info = { chain, genesis, head, serves: ['headers', 'ancestors'], agent: 'test' } as const
    this.take({ type: 'handshake-requested', connection, request: 1 as RequestId, info })
  }

  /** From now on the served tree is longer, and this peer says so. */
  announce(index: number, headers: Uint8Array): void {
    const { height, root, work } = this.served.tip
    const message = { type: 'announce', headers, head: { height, root, work } } as const
    this.queue.push({ type: 'message-received', connection: `c${index}` as ConnectionId, message })
  }

  /** Everything that is queued, with the work after each event, then timers, until nothing is left to do. */
  settle(): void {
    for (let idleCount = 0; idleCount < 3; idleCount += 1) {
      for (let event = this.queue.shift(); event !== undefined; event = this.queue.shift()) {
        if (event.type === 'message-received' && isAnswer(event.message)) this.answerCount += 1
        this.take(event)
        while (this.core.hasWork()) this.carryOut(this.core.handleWork(this.now()))
        if (this.core.tree.has(this.served.tip.root)) this.answersUntilTip ??= this.answerCount
      }
      this.carryOut(this.core.handleTimeout(this.now()))
      this.nowMs += 1
      if (this.queue.length > 0 || this.core.hasWork()) idleCount = -1
    }
  }

  private now(): { monotonicMs: number; unixMs: number } {
    return { monotonicMs: this.nowMs, unixMs: NOW_UNIX_MS + this.nowMs }
  }

  private take(event: Event): void {
    this.carryOut(this.core.handle(event, this.now()))
  }

  private carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type !== 'send-message') continue
      const answer = this.answer(effect.message)
      if (answer !== undefined)
        this.queue.push({ type: 'message-received', connection: effect.connection, message: answer })
    }
  }

  private answer(message: SyncMessage): SyncMessage | undefined {
    const { height, root, work } = this.served.tip
    switch (message.type) {
      case 'ping':
        return { type: 'pong', request: message.request }
      case 'get-headers': {
        this.requests.push(message)
        const { request } = message
        return { type: 'headers', request, ...this.served.serveRange(message), head: { height, root, work } }
      }
      case 'get-ancestors':
        this.requests.push(message)
        return { type: 'ancestors', request: message.request, ...this.served.serveAncestors(message) }
      default:
        return undefined
    }
  }
}

function isAnswer({ type }: SyncMessage): boolean {
  return type === 'headers' || type === 'ancestors'
}

/** `count` headers one after another, in the tree. Returns the last. */
function extend(args: { chain: ToyChain; tree: HeaderTree; count: number; nonce: number }): Uint8Array {
  let parent = args.chain.genesis
  let header: Uint8Array = new Uint8Array(0)
  for (let index = 0; index < args.count; index += 1) {
    header = args.chain.mine({ parent, time: TOY_GENESIS_TIME + 1 + index, nonce: args.nonce })
    args.tree.add({ headers: header, index: 0, count: 1, nowUnixMs: NOW_UNIX_MS })
    parent = args.tree.rootOf(header)
  }
  return header
}

// S5: at most 1 + ceil(n / 2,016) round trips for a gap of n headers.
test.each([
  [1, 1],
  [300, 1],
  [HEADERS_PER_MESSAGE_MAX, 1],
  [HEADERS_PER_MESSAGE_MAX + 1, 3],
  [3 * HEADERS_PER_MESSAGE_MAX, 4],
])('a gap of %i headers is closed in %i round trips at most', (gap, roundTripsMax) => {
  const chain = createToyChain()
  const served = chain.createTree()
  const world = new Surrounded({ chain, served, peerCount: 1 })
  const tip = extend({ chain, tree: served, count: gap + 1, nonce: 7 })
  world.announce(0, tip)
  world.settle()
  expect(world.core.tree.tip.height).toBe(gap + 1)
  expect(world.answersUntilTip).toBeLessThanOrEqual(roundTripsMax)
})

test('10,000 missing roots at once: as few requests as the limits allow, and none is forgotten', () => {
  const chain = createToyChain()
  const served = chain.createTree()
  const peerCount = 10
  const rootsPerPeer = 1_000
  const world = new Surrounded({ chain, served, peerCount })
  for (let peer = 0; peer < peerCount; peer += 1) {
    for (let index = 0; index < rootsPerPeer; index += 1) {
      world.announce(peer, extend({ chain, tree: served, count: 2, nonce: 1 + peer * rootsPerPeer + index }))
    }
  }
  world.settle()
  // Ten announcers, a thousand roots each, one request each: below both limits of a message.
  expect(rootsPerPeer).toBeLessThanOrEqual(Math.min(ROOTS_PER_REQUEST_MAX, HEADERS_PER_MESSAGE_MAX))
  expect(world.requests.map(({ type }) => type)).toEqual(Array.from({ length: peerCount }, () => 'get-ancestors'))
  const { registry } = chain
  const missing = registry.records.filter(({ root }) => !world.core.tree.has(root))
  expect(registry.records.length).toBe(1 + 2 * peerCount * rootsPerPeer)
  expect(missing).toEqual([])
})

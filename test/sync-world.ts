/** One core, checked at every step, and remote peers that are played by the test; on regtest's rules. */
import { createBitcoinChain } from '../src/chain/bitcoin/bitcoin-chain.ts'
import { mineHeaders } from '../src/chain/bitcoin/miner.ts'
import type { Chain, HeaderTree } from '../src/core/chain.ts'
import { checkedCore } from '../src/core/checker/checked-core.ts'
import type { LightNodeCore } from '../src/core/core.ts'
import type { Effect } from '../src/core/effect.ts'
import type { Event, StoredPart } from '../src/core/event.ts'
import { toConnectionId, toPeerId, toRequestId, type PeerId } from '../src/core/ids.ts'
import { createLightNodeCore } from '../src/core/light-node-core.ts'
import type { GetHeaders, NodeInfo, SyncMessage, SyncRequest } from '../src/core/message.ts'
import { answer } from '../src/core/serving.ts'

export const SIZE = 80
export const START_UNIX_MS: number = Date.UTC(2026, 0, 1)
export const FIRST_TIME: number = START_UNIX_MS / 1000 - 10_000_000
export const chain: Chain = createBitcoinChain({ network: 'regtest' })
export const genesis: Uint8Array = (chain.createTree().get(0) ?? fail('genesis')).bytes

export function fail(what: string): never {
  throw new Error(`expected ${what}`)
}

export function mine(args: { count: number; parent?: Uint8Array; salt?: number; firstTime?: number }): Uint8Array {
  return mineHeaders({ parent: genesis, firstTime: FIRST_TIME, stepSeconds: 1, ...args })
}

export function last(headers: Uint8Array): Uint8Array {
  return headers.subarray(headers.length - SIZE)
}

export function treeOf(headers: Uint8Array): HeaderTree {
  const tree = chain.createTree()
  if (headers.length > 0) tree.add({ headers, index: 0, count: headers.length / SIZE, nowUnixMs: START_UNIX_MS })
  return tree
}

export interface WorldOptions {
  readonly store?: Uint8Array
  /** Stored above a gap. */
  readonly upper?: Uint8Array
  readonly isWritable?: boolean
  readonly isAuthority?: boolean
  readonly chain?: Chain
}

function storedPart(headers: Uint8Array = new Uint8Array(0)): StoredPart {
  const lastHeader = headers.length === 0 ? undefined : last(headers).slice()
  return { headerCount: headers.length / SIZE, lastHeader, work: 5n }
}

/** One core, and remote peers that are played by the test. */
export class World {
  readonly core: LightNodeCore
  nowMs = 0
  unixMs: number = START_UNIX_MS
  /** Effects not looked at yet. */
  effects: Effect[] = []
  #connectionCount = 0

  constructor(options: WorldOptions = {}) {
    const { chain: ownChain = chain, isAuthority = false } = options
    const rules = { maxPeers: 8, seed: 1 }
    const ownPeer = toPeerId('own')
    const core = createLightNodeCore({ chain: ownChain, ownPeer, agent: 'test', peers: [], isAuthority, ...rules })
    this.core = checkedCore(core, { chain: ownChain.id, genesis: ownChain.genesis, isThorough: true, ...rules })
    const { store, upper, isWritable = true } = options
    this.send({ type: 'store-opened', ...storedPart(store), ...(upper && { upper: storedPart(upper) }), isWritable })
  }

  get height(): number {
    return this.core.tree.tip.height
  }

  send(event: Event): void {
    this.effects.push(...this.core.handle(event, { monotonicMs: this.nowMs, unixMs: this.unixMs }))
  }

  /** Work and due timers until both rest. */
  settle(): void {
    const now = { monotonicMs: this.nowMs, unixMs: this.unixMs }
    for (let steps = 0; steps < 10_000; steps += 1) {
      if (this.core.hasWork()) this.effects.push(...this.core.handleWork(now))
      else if ((this.core.nextTimeout() ?? Infinity) <= this.nowMs) this.effects.push(...this.core.handleTimeout(now))
      else return
    }
    fail('work to end')
  }

  advance(byMs: number): void {
    this.nowMs += byMs
    this.unixMs += byMs
    this.settle()
  }

  take(): Effect[] {
    return this.effects.splice(0)
  }

  warnings(): string[] {
    return this.effects.flatMap((effect) => (effect.type === 'warning' ? [effect.code] : []))
  }

  /** A remote that finishes its handshake. */
  join(name: string, head?: Partial<NodeInfo['head']>): Remote {
    const peer = toPeerId(name)
    const connection = toConnectionId(`${name}-${(this.#connectionCount += 1)}`)
    const { root, work, height } = treeOf(new Uint8Array(0)).tip
    this.send({
      type: 'connection-opened',
      connection,
      peer,
      direction: 'inbound',
      transport: 'tcp',
      address: '/memory/1',
      isLimited: false,
    })
    this.send({
      type: 'handshake-requested',
      connection,
      request: toRequestId(1),
      info: {
        chain: chain.id,
        genesis: chain.genesis,
        head: { root, work, height, ...head },
        serves: ['headers', 'ancestors'],
        agent: name,
      },
    })
    const remote = new Remote(this, peer, connection)
    this.settle()
    return remote
  }
}

export class Remote {
  readonly #world: World
  readonly peer: PeerId
  readonly connection: ReturnType<typeof toConnectionId>

  constructor(world: World, peer: PeerId, connection: ReturnType<typeof toConnectionId>) {
    this.#world = world
    this.peer = peer
    this.connection = connection
  }

  /** What this remote was sent and did not look at yet; pings are answered. */
  received(): SyncMessage[] {
    const mine: SyncMessage[] = []
    this.#world.effects = this.#world.effects.filter((effect) => {
      if (effect.type !== 'send-message' || effect.connection !== this.connection) return true
      mine.push(effect.message)
      return false
    })
    for (const message of mine) if (message.type === 'ping') this.send({ type: 'pong', request: message.request })
    return mine.filter(({ type }) => type !== 'ping')
  }

  requests(): Exclude<SyncRequest, { type: 'ping' }>[] {
    return this.received().filter((message) => message.type === 'get-headers' || message.type === 'get-ancestors')
  }

  send(message: SyncMessage): void {
    this.#world.send({ type: 'message-received', connection: this.connection, message })
    this.#world.settle()
  }

  announce(headers: Uint8Array): void {
    const { height, root, work } = chain.createTree().tip
    this.send({ type: 'announce', headers, head: { height, root, work } })
  }

  /** Answers everything out of this tree until nothing more is asked; returns how many requests there were. */
  serve(tree: HeaderTree): number {
    let requestCount = 0
    for (let requests = this.requests(); requests.length > 0; requests = this.requests()) {
      requestCount += requests.length
      for (const request of requests) this.send(answer(request, tree))
    }
    return requestCount
  }

  close(): void {
    this.#world.send({ type: 'connection-closed', connection: this.connection })
    this.#world.settle()
  }

  get isReady(): boolean {
    return this.#world.core.view().peers.some(({ id, state }) => id === this.peer && state === 'ready')
  }
}

/** Its questions for headers. */
export function asked(remote: Remote): GetHeaders[] {
  return remote.requests().filter((request) => request.type === 'get-headers')
}

/** The first of them. */
export function ask(remote: Remote): GetHeaders {
  return asked(remote)[0] ?? fail('a question for headers')
}

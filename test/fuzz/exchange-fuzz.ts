/**
 * Random events, likely and unlikely ones, through one real core with every invariant checked: hosts and stores answer
 * late, twice, out of order or about what is gone, peers say whatever fits a message. Nothing throws, every bound holds.
 */
import { checkedCore } from '../../src/core/checker/checked-core.ts'
import type { LightNodeCore } from '../../src/core/core.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { IncomingExchange, WantEntry } from '../../src/core/exchange/exchange-message.ts'
import { prefixOf } from '../../src/core/exchange/cid-text.ts'
import type { Cid, ConnectionId, LoadId, PeerId, RequestId, Root, WantToken } from '../../src/core/ids.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import { OUTLINE_REQUEST_FIRST } from '../../src/core/limits.ts'
import type { NodeInfo, SyncMessage } from '../../src/core/message.ts'
import type { Random } from '../simulation/random.ts'
import { createRandom } from '../simulation/random.ts'
import { createToyChain } from '../simulation/toy-chain.ts'
import { TOY_CONTENT, toyBlock, toyCidOf, toyOutline } from '../simulation/toy-content.ts'

const START_UNIX_MS = 1_700_100_000_000
const PEERS_MAX = 5
const SIZES = [1, 200, 1_024, 1_025, 70_000, 1_000_000, 2_097_200]
const BLOCKS = Array.from({ length: 14 }, (_, index) => toyBlock(index, SIZES[index % SIZES.length] ?? 1))
const PRIORITIES = [1, 1, 7, -(2 ** 31), 2 ** 31 - 1]
const FAILURES = ['timeout', 'closed', 'cancelled', 'unsupported'] as const
const chain = createToyChain()
const CIDS: readonly Cid[] = [...BLOCKS.map(({ cid }) => cid), TOY_CONTENT.headerCid(chain.genesis)]
const UNKNOWN_PREFIX = { version: 1, codec: 0x55, hashCode: 0x7fff, digestSizeBytes: 32 } as const

type Read = Extract<Effect, { type: 'find-blocks' | 'load-blocks' | 'load-outline' }>

/** One sequence of about that many events, all drawn from the seed. Throws at the first that is not borne. */
export function fuzzExchange(seed: number, eventCount: number): void {
  const run = new Run(seed)
  let count = 0
  try {
    for (; count < eventCount; count += 1) run.next()
    run.stop()
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error)
    throw new Error(`seed ${seed}, event ${count}: ${message}`, { cause: error })
  }
}

class Run {
  private readonly random: Random
  private readonly core: LightNodeCore
  private nowMs = 0
  private readonly connections: ConnectionId[] = []
  /** Of peers that do not know our handshake. */
  private readonly exchangeOnly = new Set<ConnectionId>()
  private readonly sends: { readonly connection: ConnectionId; readonly sequence: number }[] = []
  private readonly requests: { readonly connection: ConnectionId; readonly request: RequestId }[] = []
  private readonly reads: Read[] = []
  private tokenCount = 0
  private connectionCount = 0

  constructor(seed: number) {
    this.random = createRandom(seed)
    const common = { chain, ownPeer: 'me' as PeerId, agent: 'fuzz', peers: [], maxPeers: 8, seed, isAuthority: false }
    const mayServe = this.random.chance(0.2) ? (): boolean => this.random.chance(0.8) : undefined
    const core = createLightNodeCore({ ...common, cidOf: toyCidOf, mayServe })
    const { id, genesis } = chain
    this.core = checkedCore(core, { chain: id, genesis, maxPeers: 8, seed, cidOf: toyCidOf, isThorough: true })
    this.handle({ type: 'store-opened', headerCount: 0, lastHeader: undefined, work: 0n, isWritable: true })
    for (let count = this.random.between(1, 3); count > 0; count -= 1) this.connect()
  }

  /** Some time passes, or none, and something happens. */
  next(): void {
    const { random } = this
    if (random.chance(0.3)) this.pass(random.pick([1, 20, 300, 2_000, 11_000, 40_000]))
    const drawn = random.below(100)
    if (drawn < 30) this.handle({ type: 'exchange-received', connection: this.connection(), message: this.message() })
    else if (drawn < 48) this.answerSend()
    else if (drawn < 66) this.answerRead()
    else if (drawn < 80) this.app()
    else if (drawn < 86) this.handle(this.stored())
    else if (drawn < 94)
      this.handle({ type: 'message-received', connection: this.connection(), message: this.outline() })
    else this.lifecycle()
  }

  stop(): void {
    this.handle({ type: 'stop-requested' })
    this.next()
  }

  private pass(ms: number): void {
    const untilMs = this.nowMs + ms
    for (let count = 0; count < 200; count += 1) {
      const dueMs = this.core.nextTimeout() ?? Infinity
      if (dueMs > untilMs) break
      this.nowMs = Math.max(this.nowMs, Math.ceil(dueMs))
      this.perform(this.core.handleTimeout(this.now()))
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }

  private now(): { monotonicMs: number; unixMs: number } {
    return { monotonicMs: this.nowMs, unixMs: START_UNIX_MS + this.nowMs }
  }

  private handle(event: Event): void {
    this.perform(this.core.handle(event, this.now()))
    while (this.core.hasWork()) this.perform(this.core.handleWork(this.now()))
  }

  private perform(effects: readonly Effect[]): void {
    for (const effect of effects) {
      if (effect.type === 'send-exchange') this.sends.push(effect)
      else if (effect.type === 'find-blocks' || effect.type === 'load-blocks' || effect.type === 'load-outline')
        this.reads.push(effect)
      else if (effect.type === 'send-message' && effect.message.type === 'get-block-outline')
        this.requests.push({ connection: effect.connection, request: effect.message.request })
    }
  }

  /** One that there is, mostly. */
  private connection(): ConnectionId {
    const { random, connections } = this
    return connections.length === 0 || random.chance(0.03) ? ('nowhere' as ConnectionId) : random.pick(connections)
  }

  private connect(): void {
    const { random } = this
    const peer = `peer-${random.below(PEERS_MAX)}` as PeerId
    const connection = `c${(this.connectionCount += 1)}` as ConnectionId
    const direction = random.chance(0.5) ? 'inbound' : 'outbound'
    this.connections.push(connection)
    const common = { connection, peer, direction, transport: 'fuzz', address: peer, isLimited: random.chance(0.03) }
    const effects = this.core.handle({ type: 'connection-opened', ...common } as Event, this.now())
    this.perform(effects)
    const asked = effects.find((effect) => effect.type === 'request-handshake')
    if (asked?.type !== 'request-handshake') this.handshake(connection)
    else if (random.chance(0.6)) {
      this.handle({ type: 'handshake-answered', connection, request: asked.request, info: this.info() })
    } else {
      this.exchangeOnly.add(connection)
      this.handle({ type: 'handshake-failed', connection, request: asked.request, failure: 'unsupported' })
      this.handle({ type: 'protocols-learnt', connection, speaksBitswap: true, speaksHandshake: false })
    }
  }

  private handshake(connection: ConnectionId): void {
    if (this.exchangeOnly.has(connection)) return
    const request = this.random.below(1_000_000) as RequestId
    this.handle({ type: 'handshake-requested', connection, request, info: this.info() })
  }

  private info(): NodeInfo {
    const { genesis, id } = chain
    const head = { height: 0, root: genesis, work: 1n }
    const serves = this.random.chance(0.7) ? (['headers', 'outlines'] as const) : []
    return { chain: this.random.chance(0.98) ? id : 'toy:other', genesis, head, serves, agent: 'fuzz' }
  }

  private cids(countMax: number): readonly Cid[] {
    return Array.from({ length: this.random.below(countMax + 1) }, () => this.random.pick(CIDS))
  }

  private message(): IncomingExchange {
    const { random } = this
    const some = (share: number): readonly Cid[] => (random.chance(share) ? this.cids(8) : [])
    return {
      wants: some(0.5).map((cid) => this.want(cid)),
      cancels: some(0.2),
      isFullWantlist: random.chance(0.05),
      blocks: random.chance(0.5) ? this.blocks() : [],
      haves: some(0.2),
      dontHaves: some(0.3),
      pendingBytes: random.below(3),
      unreadableBlockCount: random.chance(0.02) ? 1 : 0,
    }
  }

  private want(cid: Cid): WantEntry {
    const { random } = this
    const want = random.chance(0.6) ? 'block' : 'have'
    return { cid, priority: random.pick(PRIORITIES), want, sendDontHave: random.chance(0.6) }
  }

  private blocks(): IncomingExchange['blocks'] {
    const { random } = this
    return Array.from({ length: random.below(4) }, () => {
      const { cid, bytes } = random.pick(BLOCKS)
      const prefix = random.chance(0.01) ? UNKNOWN_PREFIX : (prefixOf(cid) ?? UNKNOWN_PREFIX)
      if (random.chance(0.95)) return { prefix, bytes }
      return { prefix, bytes: Uint8Array.of(random.below(256), random.below(256)) }
    })
  }

  /** The newest, an older one, or one that never was; by its own connection, or another. */
  private answerSend(): void {
    const { random, sends } = this
    const isNewest = random.chance(0.9)
    const send = isNewest ? sends.pop() : sends.length > 0 ? random.pick(sends) : undefined
    const connection = send === undefined || random.chance(0.02) ? this.connection() : send.connection
    const sequence = send?.sequence ?? random.below(50)
    if (random.chance(0.8)) this.handle({ type: 'exchange-sent', connection, sequence })
    else this.handle({ type: 'exchange-send-failed', connection, sequence, failure: random.pick(FAILURES) })
  }

  private answerRead(): void {
    const { random, reads } = this
    const read = random.chance(0.95) ? reads.shift() : reads[0]
    const load = read?.load ?? (random.below(30) as LoadId)
    if (read === undefined || random.chance(0.1)) {
      this.handle({ type: 'blocks-load-failed', load, reason: 'fuzz' })
      return
    }
    if (read.type === 'load-outline') {
      this.handle({ type: 'outline-loaded', load, outline: random.chance(0.5) ? toyOutline(read.root) : undefined })
      return
    }
    const found = read.cids.map((cid) => {
      const block = BLOCKS.find((other) => other.cid === cid)
      return random.chance(0.7) ? block?.bytes : undefined
    })
    if (read.type === 'find-blocks') {
      this.handle({ type: 'blocks-found', load, sizes: found.map((bytes) => bytes?.length) })
      return
    }
    const count = random.chance(0.8) ? found.length : random.between(1, found.length)
    this.handle({ type: 'blocks-loaded', load, blocks: found.slice(0, count) })
  }

  private stored(): Event {
    const stored = Array.from({ length: this.random.below(4) }, () => this.random.pick(BLOCKS))
    return { type: 'blocks-stored', blocks: stored.map(({ cid, bytes }) => ({ cid, sizeBytes: bytes.length })) }
  }

  private app(): void {
    const { random } = this
    const known = random.below(this.tokenCount + 1) as WantToken
    const token = (random.chance(0.95) ? (this.tokenCount += 1) : known) as WantToken
    const drawn = random.below(10)
    if (drawn < 6)
      this.handle({ type: 'wants-requested', wants: [{ token, cid: random.pick(CIDS), session: random.below(3) }] })
    else if (drawn < 8) this.handle({ type: 'want-cancelled', token: known })
    else this.handle({ type: 'outline-requested', token: (token + 1_000_000) as WantToken, root: this.root() })
  }

  private root(): Root {
    return this.random.chance(0.9) ? chain.genesis : ('ab'.repeat(32) as Root)
  }

  private outline(): SyncMessage {
    const { random } = this
    const asked = random.chance(0.9) ? this.requests.pop() : undefined
    const request = asked?.request ?? ((OUTLINE_REQUEST_FIRST + random.below(20)) as RequestId)
    const root = this.root()
    const outline = toyOutline(root)
    if (asked === undefined && random.chance(0.8)) {
      return { type: 'get-block-outline', request, root, fromByte: random.pick([0, 0, 1, 2 ** 31]) }
    }
    if (random.chance(0.2)) return { type: 'refused', request, reason: 'busy' }
    if (random.chance(0.3)) return { type: 'block-outline', request, totalBytes: 0, bytes: new Uint8Array(0) }
    const bytes = random.chance(0.7) ? outline : outline.subarray(random.below(outline.length))
    return { type: 'block-outline', request, totalBytes: outline.length, bytes }
  }

  private lifecycle(): void {
    const { random, connections } = this
    switch (random.below(7)) {
      case 0:
      case 1:
        this.connect()
        return
      case 2: {
        const connection = connections.splice(random.below(connections.length), 1)[0]
        if (connection !== undefined) this.handle({ type: 'connection-closed', connection })
        return
      }
      case 3:
        this.handle({ type: 'clock-jumped', aheadMs: random.pick([0, 10_000]) })
        return
      case 4:
        this.handle({ type: 'sync-stream-failed', connection: this.connection(), failure: 'closed' })
        return
      case 5:
        this.handshake(this.connection())
        return
      default:
        this.handle({ type: 'disconnect-requested', peer: `peer-${random.below(PEERS_MAX)}` as PeerId })
    }
  }
}

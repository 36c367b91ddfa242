/** Block exchange without sockets: two cores hand each other messages, a store answers at once. Prints blocks/s. */
import { createBitcoinChain } from '../../src/chain/bitcoin/bitcoin-chain.ts'
import type { LightNodeCore } from '../../src/core/core.ts'
import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { RequestedWant } from '../../src/core/exchange/exchange-event.ts'
import { toConnectionId, toPeerId, type Cid, type WantToken } from '../../src/core/ids.ts'
import { createLightNodeCore } from '../../src/core/light-node-core.ts'
import { asReceived, testBlocks, testCidOf } from '../exchange/blocks.ts'

const BLOCK_COUNT = 100_000
const IN_FLIGHT = 1_000
const RUNS = 5

interface Side {
  readonly core: LightNodeCore
  readonly other: () => Side
  readonly store: ReadonlyMap<Cid, Uint8Array>
  readonly inbox: Event[]
  deliveredCount: number
  messageCount: number
}

const connection = toConnectionId('link')

function createSide(name: string, store: ReadonlyMap<Cid, Uint8Array>, other: () => Side): Side {
  const core = createLightNodeCore({
    chain: createBitcoinChain({ network: 'regtest' }),
    ownPeer: toPeerId(name),
    agent: 'bench',
    peers: [],
    maxPeers: 8,
    seed: 1,
    isAuthority: false,
    cidOf: testCidOf,
  })
  const inbox: Event[] = [{ type: 'store-opened', headerCount: 0, lastHeader: undefined, work: 0n, isWritable: true }]
  return { core, other, store, inbox, deliveredCount: 0, messageCount: 0 }
}

function perform(side: Side, effect: Effect): void {
  const { inbox } = side
  switch (effect.type) {
    case 'request-handshake':
      side.other().inbox.push({ ...effect, type: 'handshake-requested' })
      return
    case 'answer-handshake':
      side.other().inbox.push({ ...effect, type: 'handshake-answered' })
      return
    case 'send-exchange':
      side.messageCount += 1
      side.other().inbox.push({ type: 'exchange-received', connection, message: asReceived(effect.message) })
      inbox.push({ type: 'exchange-sent', connection, sequence: effect.sequence })
      return
    case 'find-blocks':
      inbox.push({
        type: 'blocks-found',
        load: effect.load,
        sizes: effect.cids.map((cid) => side.store.get(cid)?.length),
      })
      return
    case 'load-blocks':
      inbox.push({ type: 'blocks-loaded', load: effect.load, blocks: effect.cids.map((cid) => side.store.get(cid)) })
      return
    case 'want-settled':
      if (effect.outcome.type === 'delivered') side.deliveredCount += 1
      return
    default:
  }
}

function run(): { blocksPerSecond: number; blocksPerMessage: number } {
  const blocks = testBlocks(BLOCK_COUNT)
  const client: Side = createSide('client', new Map(), () => server)
  const server: Side = createSide('server', new Map(blocks.map(({ cid, bytes }) => [cid, bytes])), () => client)
  const start = performance.now()
  const now = () => ({ monotonicMs: performance.now() - start, unixMs: Date.now() })
  const turn = (): void => {
    for (const side of [client, server]) {
      for (let event = side.inbox.shift(); event !== undefined; event = side.inbox.shift()) {
        for (const effect of side.core.handle(event, now())) perform(side, effect)
      }
    }
  }
  const opened = { type: 'connection-opened', connection, transport: 'none', address: '', isLimited: false } as const
  turn()
  client.inbox.push({ ...opened, peer: toPeerId('server'), direction: 'outbound' })
  server.inbox.push({ ...opened, peer: toPeerId('client'), direction: 'inbound' })
  turn()
  let wantedCount = 0
  const startMs = performance.now()
  while (client.deliveredCount < BLOCK_COUNT) {
    const wants: RequestedWant[] = []
    for (; wantedCount < BLOCK_COUNT && wantedCount - client.deliveredCount < IN_FLIGHT; wantedCount += 1) {
      const cid = blocks[wantedCount]?.cid
      if (cid === undefined) break
      wants.push({ token: (wantedCount + 1) as WantToken, cid, session: 1 })
    }
    client.inbox.push({ type: 'wants-requested', wants })
    turn()
  }
  const seconds = (performance.now() - startMs) / 1000
  return { blocksPerSecond: BLOCK_COUNT / seconds, blocksPerMessage: BLOCK_COUNT / server.messageCount }
}

const runs = Array.from({ length: RUNS }, run).toSorted((one, other) => one.blocksPerSecond - other.blocksPerSecond)
const median = runs[Math.floor(RUNS / 2)]
const all = runs.map(({ blocksPerSecond }) => Math.round(blocksPerSecond)).join(', ')
console.log(
  `200-byte blocks, ${IN_FLIGHT} in flight, both cores on one thread: ${Math.round(median?.blocksPerSecond ?? 0)} blocks/s [${all}], ${Math.round(median?.blocksPerMessage ?? 0)} a message`,
)

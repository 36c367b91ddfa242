/** Two real light nodes dial each other at the same moment, over each transport, with the muxer negotiated early and late. */
import { identify } from '@libp2p/identify'
import { memory } from '@libp2p/memory'
import { yamux } from '@libp2p/yamux'
import { createLibp2p, type Libp2pOptions } from 'libp2p'
import { expect } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import { readUint32, TIME_OFFSET } from '../../src/chain/bitcoin/header.ts'
import { mineHeaders } from '../../src/chain/bitcoin/miner.ts'
import type { HostEffect } from '../../src/core/effect.ts'
import type { HostEvent, MessageReceived } from '../../src/core/event.ts'
import type { ConnectionId, PeerId } from '../../src/core/ids.ts'
import { systemClock } from '../../src/driver/clock.ts'
import { RunningLightNode } from '../../src/driver/light-node.ts'
import type { Host, HostSink, Traffic } from '../../src/host/host.ts'
import type { Libp2pTransports } from '../../src/host/libp2p-core.ts'
import { createLibp2pHost, hostOver } from '../../src/host/libp2p-host.ts'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { HEADER_BYTES } from './libp2p-scripted.ts'
import { libp2pUnderTest } from './libp2p-under-test.ts'
import { plainNoise } from './plain-noise.ts'
import { blockParts } from '../block-parts.ts'

export interface Row {
  readonly transport: 'memory' | 'tcp' | 'websockets'
  /** `late`: one side's noise has no extensions, so the muxer is agreed on by multistream, one round trip later. */
  readonly muxer: 'early' | 'late'
}

export const ROWS: readonly Row[] = (['memory', 'tcp', 'websockets'] as const).flatMap((transport) => [
  { transport, muxer: 'early' },
  { transport, muxer: 'late' },
])

const TRIALS_AT_ONCE = 6
/** Every deadline of the core is over by then, a dial's (15 s) and a surplus connection's (10 s, and 2 s to close) together. */
const LIMBO_MS = 60_000

/** What one side of one trial went through. */
interface Side {
  /** Of its connections, in the order it saw them: `out, in`. */
  readonly saw: string
  readonly handshakes: number
  readonly readyCount: number
  readonly goneCount: number
  readonly connectionCount: number
}

interface Trial {
  readonly sides: readonly [Side, Side]
  readonly readyMs: number
  readonly settledMs: number
}

/** Runs `count` trials of each row, a few at a time; prints a table and fails at the first trial that is not as it must be. */
export async function expectOneReadyEach(count: number): Promise<void> {
  const table: Record<string, Record<string, string | number>> = {}
  for (const row of ROWS) {
    const trials: Trial[] = []
    while (trials.length < count) {
      const together = Math.min(TRIALS_AT_ONCE, count - trials.length)
      trials.push(...(await Promise.all(Array.from({ length: together }, () => runTrial(row)))))
    }
    table[`${row.transport}, ${row.muxer}`] = summary(trials)
    for (const { sides } of trials) {
      for (const side of sides) expect(side).toMatchObject({ readyCount: 1, goneCount: 0, connectionCount: 1 })
    }
    // Else the two did not dial at the same moment, and the row shows nothing.
    expect(trials.filter(({ sides }) => sides.every(({ saw }) => saw.includes(','))).length).toBeGreaterThan(0)
  }
  console.table(table)
}

function summary(trials: readonly Trial[]): Record<string, string | number> {
  const distinct = (pick: (trial: Trial) => string): string => [...new Set(trials.map(pick))].sort().join(' | ')
  const most = (pick: (trial: Trial) => number): number => Math.ceil(Math.max(...trials.map(pick)))
  return {
    trials: trials.length,
    'A saw': distinct(({ sides }) => sides[0].saw),
    'B saw': distinct(({ sides }) => sides[1].saw),
    handshakes: distinct(({ sides }) => `${sides[0].handshakes + sides[1].handshakes}`),
    'one ready a side': trials.filter(({ sides }) => sides.every((side) => side.readyCount === 1)).length,
    'one connection left': trials.filter(({ sides }) => sides.every((side) => side.connectionCount === 1)).length,
    'ready, ms at most': most(({ readyMs }) => readyMs),
    'one left, ms at most': most(({ settledMs }) => settledMs),
  }
}

async function runTrial(row: Row): Promise<Trial> {
  const alice = await start(row, 'early')
  const bob = await start(row, row.muxer)
  const sides = [alice, bob] as const
  let limbo: ReturnType<typeof setTimeout> | undefined
  const inLimbo = new Promise<never>((_resolve, reject) => {
    limbo = setTimeout(() => {
      reject(new Error(`in limbo: ${JSON.stringify({ row, sides: sides.map(({ side }) => side) })}`))
    }, LIMBO_MS)
  })
  try {
    return await Promise.race([meet(alice, bob), inLimbo])
  } finally {
    clearTimeout(limbo)
    await Promise.all(sides.map(({ lightNode }) => lightNode.stop()))
  }
}

async function meet(alice: Participant, bob: Participant): Promise<Trial> {
  const sides = [alice, bob] as const
  const startedMs = performance.now()
  await Promise.all([alice.lightNode.connect(bob.address), bob.lightNode.connect(alice.address)])
  const readyMs = performance.now() - startedMs
  await until(sides, () => sides.every(({ readyCount, host }) => readyCount === 1 && host.open.size === 1))
  const settledMs = performance.now() - startedMs
  // The connection that is left works: a header that one side makes is the other side's head.
  await mineOne(alice.lightNode, bob.lightNode)
  return { sides: [alice.side, bob.side], readyMs, settledMs }
}

/** Resolves once `isTrue` is; looks after each event of either side. */
function until(sides: readonly Participant[], isTrue: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (isTrue()) resolve()
    }
    for (const side of sides) side.onChange = look
    look()
  })
}

async function mineOne(from: RunningLightNode, to: RunningLightNode): Promise<void> {
  const genesis = await from.getHeader(0)
  if (genesis === undefined) throw new Error('expected a genesis header')
  const firstTime = readUint32(genesis.bytes, TIME_OFFSET) + 600
  const arrived = new Promise<void>((resolve) => to.addEventListener('head', () => resolve()))
  from.submitHeaders(mineHeaders({ parent: genesis.bytes, count: 1, firstTime, stepSeconds: 600 }))
  await arrived
  expect(to.head.root).toBe(from.head.root)
}

class Participant {
  readonly lightNode: RunningLightNode
  readonly host: ObservedHost
  readyCount = 0
  goneCount = 0
  onChange: () => void = () => {}

  constructor(host: ObservedHost) {
    const chain = bitcoin('regtest')
    this.host = host
    host.onChange = () => this.onChange()
    this.lightNode = new RunningLightNode({
      chain,
      host,
      peers: [],
      maxPeers: 16,
      store: createMemoryStore({ chain: chain.id, genesis: chain.genesis, headerSizeBytes: HEADER_BYTES }),
      storeReason: undefined,
      ...blockParts(chain.id),
      seed: Math.trunc(Math.random() * 2 ** 32),
      isAuthority: false,
      clock: systemClock,
      yieldTurn: (callback) => setImmediate(callback),
      log: () => {},
      addressProblem: () => undefined,
    })
    this.lightNode.addEventListener('peer-ready', () => {
      this.readyCount += 1
      this.onChange()
    })
    this.lightNode.addEventListener('peer-gone', () => {
      this.goneCount += 1
      this.onChange()
    })
  }

  get address(): string {
    return this.lightNode.addresses[0] ?? ''
  }

  get side(): Side {
    const { saw, handshakeCount, open } = this.host
    const { readyCount, goneCount } = this
    return { saw: saw.join(', '), handshakes: handshakeCount, readyCount, goneCount, connectionCount: open.size }
  }
}

/** A host that is watched: what the core is told of connections, and which handshakes it asks for. */
class ObservedHost implements Host {
  readonly open = new Set<ConnectionId>()
  readonly saw: ('in' | 'out')[] = []
  handshakeCount = 0
  onChange: () => void = () => {}
  readonly #host: Host

  constructor(host: Host) {
    this.#host = host
  }

  get peerId(): PeerId {
    return this.#host.peerId
  }

  get addresses(): readonly string[] {
    return this.#host.addresses
  }

  start(sink: HostSink): Promise<void> {
    return this.#host.start({
      post: (event) => {
        sink.post(event)
        this.#watch(event)
      },
      offer: (event, sizeBytes) => sink.offer(event, sizeBytes),
    })
  }

  perform(effect: HostEffect): void {
    if (effect.type === 'request-handshake') this.handshakeCount += 1
    this.#host.perform(effect)
  }

  traffic(connection: ConnectionId): Traffic | undefined {
    return this.#host.traffic(connection)
  }

  stop(): Promise<void> {
    return this.#host.stop()
  }

  #watch(event: Exclude<HostEvent, MessageReceived>): void {
    if (event.type === 'connection-opened') {
      this.open.add(event.connection)
      this.saw.push(event.direction === 'outbound' ? 'out' : 'in')
    } else if (event.type === 'connection-closed') this.open.delete(event.connection)
    else return
    this.onChange()
  }
}

async function start({ transport }: Row, muxer: 'early' | 'late'): Promise<Participant> {
  const transports = transport === 'memory' ? [memory()] : nodejsTransports({ transports: [transport] })
  const listen = {
    memory: `/memory/${crypto.randomUUID()}`,
    tcp: '/ip4/127.0.0.1/tcp/0',
    websockets: '/ip4/127.0.0.1/tcp/0/ws',
  }
  const common = { transports, listen: [listen[transport]], headerSizeBytes: HEADER_BYTES }
  const options = { createLibp2p: libp2pUnderTest, ...common }
  const host = muxer === 'early' ? await createLibp2pHost(options) : hostOver(await createLateLibp2p(options), options)
  const participant = new Participant(new ObservedHost(host))
  await participant.lightNode.start()
  return participant
}

/** Somebody else's libp2p, whose noise neither sends nor reads extensions. */
async function createLateLibp2p({
  transports,
  listen,
}: {
  readonly transports: Libp2pTransports
  readonly listen: readonly string[]
}): ReturnType<typeof createLibp2p> {
  const options: Libp2pOptions = {
    start: false,
    addresses: { listen: [...listen] },
    transports,
    connectionEncrypters: [plainNoise],
    streamMuxers: [yamux()],
    services: { identify: identify() },
    connectionMonitor: { enabled: false },
  }
  return createLibp2p(options)
}

/** The light node of an app over a real core, on a virtual clock. What needs a network stands in test/contract and test/interop. */
import { expect, test } from 'vitest'
import { bitcoin } from '../bitcoin.ts'
import { mineHeaders } from '../chain/bitcoin/miner.ts'
import { NETWORKS } from '../chain/bitcoin/networks.ts'
import type { HostEffect } from '../core/effect.ts'
import type { MessageReceived } from '../core/event.ts'
import { toConnectionId, toPeerId } from '../core/ids.ts'
import type { NodeInfo } from '../core/message.ts'
import { createMemoryStore } from '../store/memory.ts'
import type { HeaderStore } from '../store/store.ts'
import { StoreError } from '../store/store.ts'
import { FakeHost, HEADER_BYTES, settled, VirtualClock } from '../../test/driver-parts.ts'
import { debugCore, watchedCore } from './debugging.ts'
import type { LightNodeParts } from './light-node.ts'
import { RunningLightNode } from './light-node.ts'
import { blockParts } from '../../test/block-parts.ts'

const CHAIN = bitcoin('regtest')
const STORE_OPTIONS = { chain: CHAIN.id, genesis: CHAIN.genesis, headerSizeBytes: HEADER_BYTES }
const GENESIS = NETWORKS.regtest.genesisHeader
const HEADERS = mineHeaders({ parent: GENESIS, count: 3, firstTime: 1_700_000_000, stepSeconds: 600 })
const ADDRESS = '/ip4/127.0.0.1/tcp/1'
const CONNECTION = toConnectionId('c1')
const PEER = toPeerId('peer')

interface Rig {
  readonly clock: VirtualClock
  readonly host: FakeHost
  readonly lightNode: RunningLightNode
  readonly logged: string[]
}

function createRig(parts: Partial<LightNodeParts> = {}): Rig {
  const clock = new VirtualClock()
  const host = new FakeHost()
  const logged: string[] = []
  const lightNode = new RunningLightNode({
    chain: CHAIN,
    host,
    store: createMemoryStore(STORE_OPTIONS),
    storeReason: undefined,
    ...blockParts(CHAIN.id),
    peers: [ADDRESS],
    maxPeers: 8,
    seed: 1,
    isAuthority: false,
    clock,
    yieldTurn: clock.yieldTurn,
    log: (event, fields) => logged.push(`${event} ${String(fields?.['code'] ?? '')}`.trim()),
    addressProblem: () => undefined,
    ...parts,
  })
  return { clock, host, lightNode, logged }
}

async function run(clock: VirtualClock): Promise<void> {
  for (let count = 0; count < 4; count += 1) {
    clock.runTurns()
    await settled()
  }
}

/** The peer that was dialled answers the dial. */
async function open({ clock, host }: Rig): Promise<void> {
  const [dial] = host.ofType('dial')
  if (dial === undefined) throw new Error('expected a dial')
  host.sink.post({
    type: 'connection-opened',
    connection: CONNECTION,
    peer: PEER,
    direction: 'outbound',
    transport: 'tcp',
    address: ADDRESS,
    isLimited: false,
  })
  host.sink.post({ type: 'dial-succeeded', dial: dial.dial, connection: CONNECTION, peer: PEER })
  await run(clock)
}

async function answerHandshake({ clock, host }: Rig): Promise<void> {
  const [asked] = host.ofType('request-handshake')
  if (asked === undefined) throw new Error('expected a handshake')
  const info: NodeInfo = { ...asked.info, agent: 'peer/1' }
  host.sink.post({ type: 'handshake-answered', connection: CONNECTION, request: asked.request, info })
  await run(clock)
}

function sent(host: FakeHost, type: string): Extract<HostEffect, { type: 'send-message' }>[] {
  return host.ofType('send-message').filter(({ message }) => message.type === type)
}

async function receive({ clock, host }: Rig, message: MessageReceived['message']): Promise<void> {
  void host.sink.offer({ type: 'message-received', connection: CONNECTION, message }, 100)
  await run(clock)
}

test('a debug build throws a broken rule from its turn, and logs it once: number, step and last steps', async () => {
  const broken: Parameters<LightNodeParts['log']>[1][] = []
  const { clock, lightNode } = createRig({
    log: (event, fields) => event === 'invariant-broken' && broken.push(fields),
    // A core that tells of a peer's end twice.
    debugCore: (parts) => {
      const { core } = parts
      const gone = { type: 'peer-gone', peer: PEER, generation: 1, reason: '' } as const
      const handle: typeof core.handle = (event, now) =>
        event.type === 'network-online' ? [gone] : core.handle(event, now)
      const rest = {
        tree: core.tree,
        syncView: () => core.syncView(),
        exchangeView: () => core.exchangeView(),
        hasWork: () => core.hasWork(),
        handleWork: core.handleWork.bind(core),
      }
      const timers = { nextTimeout: () => core.nextTimeout(), handleTimeout: core.handleTimeout.bind(core) }
      return debugCore({ ...parts, core: { ...rest, ...timers, handle, view: () => core.view() } })
    },
  })
  await lightNode.start()
  await run(clock)
  lightNode.networkCameBack()
  expect(() => clock.runTurns()).toThrow('L1: peer is gone and was not ready')
  expect(broken).toMatchObject([{ invariant: 'L1', detail: 'L1: peer is gone and was not ready', seed: 1, step: 3 }])
  expect(broken[0]?.['lastSteps']).toMatch(
    /^#1 [^]*store-opened[^]*#3 [^]*network-online\n {4}-> peer-gone peer=peer[^]*$/,
  )
  await lightNode.stop()
  expect(broken).toHaveLength(1)
})

test('the app hears of what the store dropped, though it could not listen any earlier', async () => {
  const memory = createMemoryStore(STORE_OPTIONS)
  const store: HeaderStore = {
    ...forward(memory),
    open: async () => ({ ...(await memory.open()), warnings: ['cut off 7 torn bytes'] }),
  }
  const { clock, lightNode, logged } = createRig({ store })
  await lightNode.start()
  const warnings: string[] = []
  lightNode.addEventListener('warning', ({ detail }) => warnings.push(`${detail.code}: ${detail.detail}`))
  await run(clock)
  expect(warnings).toEqual(['store-tail-dropped: cut off 7 torn bytes'])
  expect(logged).toContain('warning store-tail-dropped')
})

test('a sleep in the middle of a handshake: its deadline shifts, nobody is closed or struck', async () => {
  const rig = createRig()
  const { clock, host, lightNode } = rig
  await lightNode.start()
  await run(clock)
  await open(rig)
  clock.pass(3_600_000)
  clock.fireTimers()
  await run(clock)
  expect(host.ofType('close-connection')).toEqual([])
  await answerHandshake(rig)
  expect(lightNode.snapshot().peers).toMatchObject([{ id: PEER, state: 'ready', strikes: 0 }])
})

test.each([
  { what: 'a sleep', wallMs: 3_600_000, monotonicMs: 3_600_000 },
  { what: 'a wall clock that was set', wallMs: -3_600_000, monotonicMs: 0 },
])('after $what every peer is asked whether it still turns, and has 3 s', async ({ wallMs, monotonicMs }) => {
  const rig = createRig()
  const { clock, host, lightNode } = rig
  await lightNode.start()
  await run(clock)
  await open(rig)
  await answerHandshake(rig)
  const [first] = sent(host, 'ping')
  if (first?.message.type !== 'ping') throw new Error('expected a ping')
  await receive(rig, { type: 'pong', request: first.message.request })
  host.performed.length = 0

  clock.monotonicMs += monotonicMs
  clock.unixMs += wallMs
  clock.pass(2_000)
  clock.fireTimers()
  await run(clock)
  expect(host.ofType('close-connection')).toEqual([])
  expect(sent(host, 'ping')).toHaveLength(1)
  clock.advance(2_999)
  expect(host.ofType('close-connection')).toEqual([])
  clock.advance(2)
  expect(host.ofType('close-connection')).toMatchObject([{ reason: 'unresponsive' }])
  expect(rig.logged).not.toContain('warning peer-struck')
})

test('an answer that waited in the inbox while we slept counts: nothing timed out', async () => {
  const rig = createRig()
  const { clock, host, lightNode } = rig
  await lightNode.start()
  await run(clock)
  await open(rig)
  await answerHandshake(rig)
  const [asked] = sent(host, 'get-headers')
  if (asked?.message.type !== 'get-headers') throw new Error('expected a get-headers')
  clock.pass(60_000)
  clock.fireTimers()
  const head = { height: 3, root: CHAIN.createTree().rootOf(HEADERS.subarray(160)), work: 8n }
  await receive(rig, { type: 'headers', request: asked.message.request, headers: HEADERS, hasMore: false, head })
  expect(lightNode.head).toMatchObject({ height: 3, trust: 'genesis', confirmedBy: 1 })
  expect(lightNode.snapshot()).toMatchObject({ status: 'synced', peers: [{ strikes: 0 }] })
})

test('a store whose last header cannot be read is given back when the start fails', async () => {
  const memory = createMemoryStore(STORE_OPTIONS)
  const opened = await memory.open()
  let isClosed = false
  const unreadable = new StoreError('read-failed', 'the disk is gone')
  const { lightNode, host } = createRig({
    store: {
      ...forward(memory),
      open: async () => ({ ...opened, headerCount: 3 }),
      read: () => Promise.reject(unreadable),
      close: () => Promise.resolve(void (isClosed = true)),
    },
  })
  await expect(lightNode.start()).rejects.toBe(unreadable)
  expect([isClosed, host.isStarted]).toEqual([true, false])
})

test('a store that cannot be closed: stop says so, and everybody else is let go all the same', async () => {
  const memory = createMemoryStore(STORE_OPTIONS)
  const broken = new Error('the disk is gone')
  let isFolderFree = false
  const { clock, lightNode } = createRig({
    store: { ...forward(memory), close: () => Promise.reject(broken) },
    onStopped: () => Promise.resolve(void (isFolderFree = true)),
  })
  await lightNode.start()
  await run(clock)
  const waiting = [lightNode.ready(), lightNode.connect('/ip4/127.0.0.1/tcp/2')]
  const outcomes = Promise.allSettled(waiting)
  const heads = lightNode.heads()
  await heads.next()
  const next = heads.next()
  await expect(lightNode.stop()).rejects.toBe(broken)
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: 'stopped' } })
  expect(await next).toEqual({ done: true, value: undefined })
  expect(isFolderFree).toBe(true)
  expect(lightNode.snapshot().status).toBe('stopped')
})

test('a full store: the head is followed all the same, the snapshot says why nothing is kept, until it is again', async () => {
  const memory = createMemoryStore(STORE_OPTIONS)
  let isFull = true
  const store: HeaderStore = {
    ...forward(memory),
    write: async (writes) => {
      if (isFull) throw new StoreError('quota-exceeded', 'no room on this device')
      await memory.write(writes)
    },
  }
  const { clock, lightNode } = createRig({ store, peers: [], isAuthority: true })
  const warnings: string[] = []
  lightNode.addEventListener('warning', ({ detail }) => warnings.push(detail.code))
  await lightNode.start()
  lightNode.submitHeaders(HEADERS)
  await run(clock)
  clock.advance(1_000)
  expect(lightNode.snapshot()).toMatchObject({
    status: 'synced',
    head: { height: 3 },
    store: { reason: 'no room on this device', headerCount: 0 },
  })
  expect(warnings).toEqual(['quota-exceeded'])
  isFull = false
  clock.advance(61_000)
  await run(clock)
  clock.advance(1_000)
  expect(lightNode.snapshot().store).toMatchObject({ reason: undefined, headerCount: 4 })
})

test('a listener that stops the light node hears the rest of that moment, and stopped last', async () => {
  const rig = createRig()
  const { clock, lightNode } = rig
  const heard: string[] = []
  lightNode.addEventListener('peer-ready', () => {
    heard.push('peer-ready')
    void lightNode.stop()
  })
  lightNode.addEventListener('peer-gone', () => heard.push('peer-gone'))
  lightNode.addEventListener('status', ({ detail }) => heard.push(detail.status))
  await lightNode.start()
  await run(clock)
  await open(rig)
  await answerHandshake(rig)
  expect(heard).toEqual(['connecting', 'peer-ready', 'syncing', 'peer-gone', 'stopped'])
})

test('a listener that hears of the end and stops once more is given the stop that is under way', async () => {
  let stoppedCount = 0
  const rig = createRig({ onStopped: () => Promise.resolve(void (stoppedCount += 1)) })
  const { clock, lightNode } = rig
  const stops: Promise<void>[] = []
  lightNode.addEventListener('peer-gone', () => stops.push(lightNode.stop()))
  await lightNode.start()
  await run(clock)
  await open(rig)
  await answerHandshake(rig)
  stops.push(lightNode.stop())
  expect(new Set(stops).size).toBe(1)
  await Promise.all(stops)
  expect([stops.length, stoppedCount]).toEqual([2, 1])
})

test('a recorder that throws is told to the platform, and the loop goes on', async () => {
  const mistakes: unknown[] = []
  const others = process.listeners('uncaughtException')
  process.removeAllListeners('uncaughtException')
  process.on('uncaughtException', (error) => mistakes.push(error))
  const mistake = new Error('a mistake of the app')
  const rig = createRig({
    debugCore: watchedCore({
      record: () => {
        throw mistake
      },
    }),
  })
  await rig.lightNode.start()
  await run(rig.clock)
  await open(rig)
  await answerHandshake(rig)
  expect(rig.lightNode.snapshot().peers).toMatchObject([{ state: 'ready' }])
  await rig.lightNode.stop()
  process.removeAllListeners('uncaughtException')
  for (const other of others) process.on('uncaughtException', other)
  expect(new Set(mistakes)).toEqual(new Set([mistake]))
})

test('why nothing is written is told until the store may be written', async () => {
  const memory = createMemoryStore(STORE_OPTIONS)
  const opened = await memory.open()
  let takeOver: Parameters<HeaderStore['onWritable']>[0] | undefined
  const store: HeaderStore = {
    ...forward(memory),
    open: async () => ({ ...opened, isWritable: false, reason: 'another tab writes' }),
    onWritable: (callback) => (takeOver = callback),
  }
  const { clock, lightNode } = createRig({ store })
  await lightNode.start()
  await run(clock)
  expect(lightNode.snapshot().store.reason).toBe('another tab writes')
  takeOver?.({ ...opened, isWritable: true, reason: undefined })
  await run(clock)
  expect(lightNode.snapshot().store.reason).toBeUndefined()
  await lightNode.stop()
})

function forward(store: HeaderStore): HeaderStore {
  return {
    kind: store.kind,
    sizeBytes: 0,
    open: () => store.open(),
    read: (args) => store.read(args),
    write: (writes) => store.write(writes),
    onWritable: (callback) => store.onWritable(callback),
    close: () => store.close(),
  }
}

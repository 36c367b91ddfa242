/** The API that a developer sees, against real gateways: this file runs in Node.js and in a Chromium tab. */
import { expect, inject, onTestFinished, test } from 'vitest'
import { bitcoin } from '../../src/bitcoin.ts'
import type { LightNode, LightNodeEventMap, LightNodeOptions } from '../../src/driver/api.ts'
import { openGateway } from './gateway-desk.ts'
import { isTab, loadCreateLightNode } from './platform.ts'

const createLightNode = await loadCreateLightNode()
const NOBODY = '/ip4/127.0.0.1/tcp/9/ws'

/** Stopped when the test has finished. */
async function create(options: Partial<LightNodeOptions> = {}): Promise<LightNode> {
  const lightNode = await createLightNode({ chain: bitcoin('regtest'), peers: [], store: 'memory', ...options })
  onTestFinished(() => lightNode.stop())
  return lightNode
}

/** The details of every event of this type from now on. */
function collect<Type extends keyof LightNodeEventMap>(lightNode: LightNode, type: Type): LightNodeEventMap[Type][] {
  const details: LightNodeEventMap[Type][] = []
  lightNode.addEventListener(type, ({ detail }) => details.push(detail))
  return details
}

/** Resolves when the snapshot fits. */
function until(lightNode: LightNode, fits: () => boolean): Promise<void> {
  return new Promise((resolve) => {
    const look = (): void => {
      if (!fits()) return
      end()
      resolve()
    }
    const end = lightNode.subscribe(look)
    look()
  })
}

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  try {
    return `resolved: ${String(await promise)}`
  } catch (error) {
    return (error as { readonly code?: unknown }).code ?? error
  }
}

// Becoming ready.

test('head and status are there at once, ready comes with the verified head', async () => {
  const gateway = await openGateway({ headerCount: 2_500 })
  const lightNode = await create({ peers: [gateway.url] })
  expect(lightNode.head).toMatchObject({ height: 0, trust: 'genesis', confirmedBy: 0, root: lightNode.chain.genesis })
  expect(lightNode.snapshot().status).toBe('connecting')
  await lightNode.ready()
  await lightNode.ready()
  expect(lightNode.head).toMatchObject({ ...gateway.head, trust: 'genesis', confirmedBy: 1 })
  expect(lightNode.head.work).toBe(2n * 2_501n)
  await until(lightNode, () => lightNode.snapshot().status === 'synced')
  expect(lightNode.snapshot()).toMatchObject({
    chain: 'bitcoin:regtest',
    head: gateway.head,
    progress: { target: 2_500, verified: 2_500 },
    peers: [
      {
        id: gateway.peerId,
        transport: isTab ? 'websockets' : 'tcp',
        direction: 'outbound',
        state: 'ready',
        strikes: 0,
      },
    ],
  })
  expect(lightNode.snapshot().peers[0]?.agent).toMatch(/^rushlight\/\d/)
})

test('a multiaddr is as good as a URL', async () => {
  const gateway = await openGateway()
  const address = gateway.addresses.find((text) => text.includes('/ws'))
  const lightNode = await create({ peers: [address ?? ''] })
  await lightNode.ready()
  expect(lightNode.head).toMatchObject(gateway.head)
})

test('without peers ready rejects at once, unless a connect is pending', async () => {
  const lightNode = await create()
  expect(await codeOf(lightNode.ready())).toBe('no-peers')
  expect(lightNode.snapshot().status).not.toBe('synced')
  const gateway = await openGateway()
  const connected = lightNode.connect(gateway.url)
  await lightNode.ready()
  expect(await connected).toBe(gateway.peerId)
  expect(lightNode.head).toMatchObject(gateway.head)
})

// Connecting.

test('connect resolves to the peer, also a second time and by another address of it', async () => {
  const gateway = await openGateway()
  const lightNode = await create()
  const [address = ''] = gateway.addresses.filter((text) => text.includes('/ws'))
  const both = [lightNode.connect(gateway.url), lightNode.connect(gateway.url)]
  expect(await Promise.all(both)).toEqual([gateway.peerId, gateway.peerId])
  expect(await lightNode.connect(address)).toBe(gateway.peerId)
  expect((await gateway.look()).readyPeers).toEqual([lightNode.peerId])
})

test.each(['gateway.example', '', '/ip4/1.2.3.4.5/tcp/1', 'ftp://127.0.0.1/', 'http://'])(
  'an address that is none: %o',
  async (address) => {
    const lightNode = await create()
    expect(await codeOf(lightNode.connect(address))).toBe('invalid-address')
    expect(await codeOf(createLightNode({ chain: bitcoin('regtest'), peers: [address] }))).toBe('invalid-address')
  },
)

test.each([NOBODY, 'http://127.0.0.1:9', '/ip4/127.0.0.1/udp/9/quic-v1'])(
  'an address that nobody can be reached at: %s',
  async (address) => {
    const lightNode = await create()
    expect(await codeOf(lightNode.connect(address))).toBe('undialable-address')
    expect(lightNode.snapshot().peers).toEqual([])
  },
)

test('a URL where no gateway is', async () => {
  const lightNode = await create()
  expect(await codeOf(lightNode.connect(inject('gatewayDeskUrl')))).toBe('undialable-address')
})

test('a peer of another chain is refused, with both chains named', async () => {
  const gateway = await openGateway({ network: 'testnet4', headerCount: 0 })
  const lightNode = await create()
  const warnings = collect(lightNode, 'warning')
  const ready = collect(lightNode, 'peer-ready')
  const failure = lightNode.connect(gateway.url)
  expect(await codeOf(failure)).toBe('wrong-chain')
  await expect(failure).rejects.toThrow(/bitcoin:regtest.*bitcoin:testnet4/)
  expect(warnings.map(({ detail }) => detail).join()).toMatch(/testnet4/)
  expect(ready).toEqual([])
  // Its connection is being closed and is nobody to wait for.
  expect(await codeOf(lightNode.ready())).toBe('no-peers')
})

test('a configured peer of another chain is a warning, and never ready', async () => {
  const gateway = await openGateway({ network: 'testnet4', headerCount: 0 })
  const lightNode = await create({ peers: [gateway.url] })
  const warned = new Promise<LightNodeEventMap['warning']>((resolve) => {
    lightNode.addEventListener('warning', ({ detail }) => {
      if (detail.code === 'wrong-chain') resolve(detail)
    })
  })
  expect((await warned).detail).toMatch(/testnet4/)
})

test('a gateway that is full refuses', async () => {
  const gateway = await openGateway({ maxPeers: 1 })
  const first = await create({ peers: [gateway.url] })
  await first.ready()
  const second = await create()
  const ready = collect(second, 'peer-ready')
  expect(await codeOf(second.connect(gateway.url))).toBe('peer-refused')
  expect(ready).toEqual([])
  expect((await gateway.look()).readyPeers).toEqual([first.peerId])
})

test('disconnect lasts until the app connects again', async () => {
  const gateway = await openGateway()
  const lightNode = await create({ peers: [gateway.url] })
  const ready = collect(lightNode, 'peer-ready')
  const gone = collect(lightNode, 'peer-gone')
  await lightNode.ready()
  await lightNode.disconnect(gateway.peerId)
  await until(lightNode, () => lightNode.snapshot().peers.length === 0)
  expect(gone).toMatchObject([{ peer: gateway.peerId, reason: 'disconnected by the app' }])
  expect(lightNode.snapshot().status).toBe('offline')
  expect(await lightNode.connect(gateway.url)).toBe(gateway.peerId)
  expect(ready.map(({ peer }) => peer)).toEqual([gateway.peerId, gateway.peerId])
  expect(ready[0]?.agent).toMatch(/^rushlight\//)
  await lightNode.disconnect('nobody-we-know')
  expect(lightNode.snapshot().peers).toHaveLength(1)
})

// Aborts.

test('an abort rejects with the reason of its signal', async () => {
  const silent = `/ip4/127.0.0.1/tcp/${inject('silentPort')}/ws`
  const lightNode = await create({ peers: [silent] })
  const reason = new Error('enough')
  const aborted = AbortSignal.abort(reason)
  for (const call of [
    (signal: AbortSignal) => lightNode.ready({ signal }),
    (signal: AbortSignal) => lightNode.connect(silent, { signal }),
    (signal: AbortSignal) => lightNode.connect(`${silent}/p2p/${lightNode.peerId}`, { signal }),
    async (signal: AbortSignal) => {
      const heads = lightNode.heads({ signal })
      if (!signal.aborted) await heads.next()
      await heads.next()
    },
  ]) {
    expect(await codeOf(call(aborted))).toBe(reason)
    const controller = new AbortController()
    const waiting = call(controller.signal)
    controller.abort(reason)
    expect(await codeOf(waiting)).toBe(reason)
  }
})

test('an aborted connect is given up: nobody is left connected', async () => {
  const gateway = await openGateway()
  const lightNode = await create()
  const controller = new AbortController()
  const connecting = lightNode.connect(gateway.url, { signal: controller.signal })
  controller.abort('given up')
  await expect(connecting).rejects.toBe('given up')
  const other = await openGateway()
  await lightNode.connect(other.url)
  expect(lightNode.snapshot().peers.map(({ id }) => id)).toEqual([other.peerId])
  expect((await gateway.look()).readyPeers).toEqual([])
})

// Headers and heads.

test('a header is found by height and by root, and unknown ones are undefined', async () => {
  const gateway = await openGateway({ headerCount: 30 })
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  const header = await lightNode.getHeader(30)
  expect(header).toMatchObject({ ...gateway.head, isOnBestChain: true, work: 62n })
  expect(header?.bytes).toHaveLength(80)
  expect(await lightNode.getHeader(gateway.head.root)).toEqual(header)
  expect((await lightNode.getHeader(29))?.root).toBe(header?.parent)
  expect((await lightNode.getHeader(0))?.root).toBe(lightNode.chain.genesis)
  header?.bytes.fill(0)
  expect((await lightNode.getHeader(30))?.bytes).not.toEqual(header?.bytes)
  for (const unknown of [31, -1, 1.5, Number.NaN, '', 'ab', 'ff'.repeat(32), gateway.head.root.toUpperCase()]) {
    expect(await lightNode.getHeader(unknown)).toBeUndefined()
  }
})

test('heads: the current one, then each newest, until the loop is left', async () => {
  const gateway = await openGateway()
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  const events = collect(lightNode, 'head')
  const heights: number[] = []
  const slow = lightNode.heads()
  for await (const head of lightNode.heads()) {
    heights.push(head.height)
    if (heights.length === 4) break
    await gateway.mine({ count: 1 })
  }
  expect(heights).toEqual([20, 21, 22, 23])
  expect(events.map(({ height, confirmedBy }) => [height, confirmedBy])).toEqual([
    [21, 1],
    [22, 1],
    [23, 1],
  ])
  expect((await slow.next()).value).toEqual(lightNode.head)
})

test('a reorg is told oldest first, without the common ancestor, right before its head', async () => {
  const gateway = await openGateway()
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  const old = await Promise.all([19, 20].map((height) => lightNode.getHeader(height)))
  const order: string[] = []
  lightNode.addEventListener('reorg', () => order.push('reorg'))
  lightNode.addEventListener('head', ({ detail }) => order.push(`head ${detail.height}`))
  const reorgs = collect(lightNode, 'reorg')
  const { head } = await gateway.mine({ count: 3, onHeight: 18, salt: 1 })
  await until(lightNode, () => lightNode.head.root === head.root)
  expect(order).toEqual(['reorg', 'head 21'])
  const adopted = await Promise.all([19, 20, 21].map((height) => lightNode.getHeader(height)))
  const short = (header: (typeof old)[number]) => ({ height: header?.height, root: header?.root })
  expect(reorgs).toMatchObject([{ reverted: old.map(short), adopted: adopted.map(short) }])
  expect(reorgs[0]?.reverted).toHaveLength(2)
  expect(reorgs[0]?.adopted).toHaveLength(3)
  // What was reverted is still known by its root.
  expect(await lightNode.getHeader(old[1]?.root ?? '')).toMatchObject({ height: 20, isOnBestChain: false })
})

// Status, snapshot, events.

test('a gateway that goes and comes back: the status says so', async () => {
  const gateway = await openGateway()
  const lightNode = await create({ peers: [gateway.url] })
  const statuses = collect(lightNode, 'status')
  const gone = collect(lightNode, 'peer-gone')
  await lightNode.ready()
  await gateway.close()
  await until(lightNode, () => lightNode.snapshot().peers.length === 0)
  expect(gone).toMatchObject([{ peer: gateway.peerId }])
  const words = statuses.map(({ status }) => status)
  expect(words.indexOf('syncing')).toBeGreaterThanOrEqual(0)
  expect(words.indexOf('synced')).toBeGreaterThan(words.indexOf('syncing'))
  expect(['connecting', 'offline']).toContain(words.at(-1))
  for (const { reason } of statuses) expect(reason).not.toBe('')
  expect(lightNode.head).toMatchObject({ ...gateway.head, confirmedBy: 0 })
})

test('a snapshot is one reference until something changes, and whoever subscribes is called then', async () => {
  const gateway = await openGateway()
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  await until(lightNode, () => lightNode.snapshot().peers[0]?.latencyMs !== undefined)
  const seen: unknown[] = []
  const unsubscribe = lightNode.subscribe(() => seen.push(lightNode.snapshot()))
  const { head } = await gateway.mine({ count: 1 })
  await until(lightNode, () => lightNode.snapshot().head.root === head.root)
  expect(seen.length).toBeGreaterThan(0)
  expect(new Set(seen).size).toBe(seen.length)
  unsubscribe()
  const { length } = seen
  await gateway.mine({ count: 1 })
  await until(lightNode, () => lightNode.snapshot().head.height === 22)
  expect(seen).toHaveLength(length)
  expect(() => Object.assign(lightNode.snapshot(), { status: 'synced' })).toThrow(TypeError)
})

// The end.

test('stop is final, and may be called again', async () => {
  const gateway = await openGateway()
  const lightNode = await create({ peers: [gateway.url] })
  await lightNode.ready()
  const statuses = collect(lightNode, 'status')
  const heads = lightNode.heads()
  await heads.next()
  const next = heads.next()
  const connecting = codeOf(lightNode.connect(NOBODY.replace('/9/', `/${inject('silentPort')}/`)))
  await Promise.all([lightNode.stop(), lightNode.stop()])
  await lightNode.stop()
  expect(await connecting).toBe('stopped')
  expect(await next).toEqual({ done: true, value: undefined })
  expect(statuses.at(-1)).toEqual({ status: 'stopped', reason: 'stopped' })
  expect(lightNode.snapshot()).toMatchObject({ status: 'stopped', peers: [] })
  expect(await codeOf(lightNode.ready())).toBe('stopped')
  expect(await codeOf(lightNode.connect(gateway.url))).toBe('stopped')
  expect(await codeOf(lightNode.disconnect(gateway.peerId))).toBe('stopped')
  // What was verified can still be read.
  expect(lightNode.head).toMatchObject(gateway.head)
  expect((await lightNode.getHeader(20))?.root).toBe(gateway.head.root)
  for await (const head of lightNode.heads()) expect(head.height).toBe(20)
})

test('a stop while ready is awaited', async () => {
  const lightNode = await create({ peers: [`/ip4/127.0.0.1/tcp/${inject('silentPort')}/ws`] })
  const ready = codeOf(lightNode.ready())
  await lightNode.stop()
  expect(await ready).toBe('stopped')
})

test('await using stops it', async () => {
  const gateway = await openGateway()
  let kept: LightNode
  {
    await using lightNode = await create({ peers: [gateway.url] })
    await lightNode.ready()
    kept = lightNode
  }
  expect(kept.snapshot().status).toBe('stopped')
})

// Options.

const WRONG_HERE: readonly Partial<LightNodeOptions>[] = isTab
  ? [
      { transports: ['tcp'] },
      { store: { directory: '/tmp/x' } },
      { listen: ['/ip4/127.0.0.1/tcp/0'] },
      { bitcoinPeers: ['127.0.0.1'] },
    ]
  : [{ store: 'indexeddb' }, { bitcoinPeers: 'any' }]

test.each([...WRONG_HERE, { maxPeers: 0 }, { peers: 'x' as never }, { chain: undefined as never }])(
  'options that do not fit this platform or any: %o',
  async (options) => {
    const creating = createLightNode({ chain: bitcoin('regtest'), peers: [], store: 'memory', ...options })
    expect(await codeOf(creating)).toBe('invalid-option')
  },
)

import { describe, expect, test } from 'vitest'
import { incoming, testBlock, testBlocks } from '../../../test/exchange/blocks.ts'
import { World, type Computer, type ComputerOptions, type Puppet } from '../../../test/exchange/exchange-world.ts'
import type { ChainContent } from '../content.ts'
import type { Cid, ConnectionId } from '../ids.ts'
import * as limits from '../limits.ts'
import { REGTEST } from '../../../test/exchange/exchange-world.ts'
import { hashCodeOf } from './cid-text.ts'
import type { WantEntry } from './exchange-message.ts'

function createRig(options: ComputerOptions & { isExchangeOnly?: boolean; latencyMs?: number } = {}): {
  world: World
  server: Computer
  client: Puppet
  connection: ConnectionId
} {
  const { isExchangeOnly = false, latencyMs = 1 } = options
  const world = new World()
  const server = world.computer('server', options)
  const client = world.puppet('client')
  const { from: connection } = world.connect(server, client, { isExchangeOnly, latencyMs, bytesPerMs: 1_000_000 })
  world.run(10)
  return { world, server, client, connection }
}

function wanting(cids: readonly Cid[], entry: Partial<WantEntry> = {}): Parameters<Puppet['say']>[0] {
  return incoming({ wants: cids.map((cid) => ({ cid, priority: 1, want: 'block', sendDontHave: true, ...entry })) })
}

function ledgerOf(server: Computer): { ledgerCount: number; outstandingBytes: number } {
  const [peer] = server.core.exchangeView().peers.values()
  if (peer === undefined) throw new Error('expected a peer')
  return peer
}

function cidsOf(blocks: readonly { readonly cid: Cid }[]): Cid[] {
  return blocks.map(({ cid }) => cid)
}

/** Block CIDs in the order they came. */
function blocksIn(client: Puppet): number[] {
  return client.received
    .splice(0)
    .flatMap(({ blocks }) => blocks.map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)))
}

describe('what is answered', () => {
  test('many small blocks come in several messages, so that both sides work at once', () => {
    const blocks = testBlocks(limits.EXCHANGE_BLOCKS_PER_MESSAGE_MAX + 2, 40)
    const { world, client } = createRig({ blocks })
    client.say(wanting(cidsOf(blocks)))
    world.run(10)
    expect(client.received.map((message) => message.blocks.length)).toEqual([limits.EXCHANGE_BLOCKS_PER_MESSAGE_MAX, 2])
  })

  test('a small block answers want-have, a larger one is told of, an absent one is denied only where that is asked for', () => {
    const small = testBlock({ number: 1, sizeBytes: limits.HAVE_ANSWERED_BY_BLOCK_BYTES_MAX })
    const large = testBlock({ number: 2, sizeBytes: limits.HAVE_ANSWERED_BY_BLOCK_BYTES_MAX + 1 })
    const absent = testBlock({ number: 3 })
    const quiet = testBlock({ number: 4 })
    const { world, server, client } = createRig({ blocks: [small, large] })
    client.say(wanting(cidsOf([small, large, absent]), { want: 'have' }))
    client.say(wanting([quiet.cid], { sendDontHave: false }))
    world.run(10)
    expect(client.take()).toMatchObject({ blocks: 1, hasBlocks: [large.cid], dontHaves: [absent.cid] })
    // The absent ones are kept.
    expect(ledgerOf(server).ledgerCount).toBe(2)
  })

  test('an absent block goes out when it comes in, to everybody who waits for it', () => {
    const block = testBlock({ number: 1 })
    const world = new World()
    const server = world.computer('server')
    const clients = ['a', 'b'].map((name) => world.puppet(name))
    for (const client of clients) world.connect(server, client)
    world.run(10)
    for (const client of clients) client.say(wanting([block.cid]))
    world.run(10)
    expect(clients.map((client) => client.take().dontHaves)).toEqual([[block.cid], [block.cid]])
    server.store([block])
    world.run(20)
    expect(clients.map((client) => client.take().blocks)).toEqual([1, 1])
  })

  test('a block that is stored while it is looked for is not taken for absent', () => {
    const block = testBlock({ number: 1 })
    const { world, server, client } = createRig({ storeLatencyMs: 50 })
    client.say(wanting([block.cid]))
    server.blocks.delete(block.cid)
    server.handle({ type: 'blocks-stored', blocks: [{ cid: block.cid, sizeBytes: 200 }] })
    world.run(20)
    server.blocks.set(block.cid, block.bytes)
    world.run(200)
    expect(client.take()).toMatchObject({ blocks: 1, dontHaves: [] })
  })

  test('want-have that becomes want-block gets the block', () => {
    const block = testBlock({ number: 1, sizeBytes: 5_000 })
    const { world, server, client } = createRig({ blocks: [block] })
    client.drains = false
    client.say(wanting([block.cid], { want: 'have' }))
    client.say(wanting([block.cid]))
    client.drains = true
    world.run(limits.SEND_TIMEOUT_MS_MIN * 2)
    expect(client.take().blocks).toBe(1)
    expect(ledgerOf(server).ledgerCount).toBe(0)
  })

  test('blocks over 2 MiB go to light nodes only, alone in their message', () => {
    const large = testBlock({ number: 1, sizeBytes: limits.BLOCK_BYTES_MAX })
    const small = testBlock({ number: 2 })
    const absent = testBlock({ number: 3 })
    const { world, client } = createRig({ blocks: [large, small] })
    client.say(wanting(cidsOf([large, small, absent])))
    world.run(100)
    const withLarge = client.received.filter(({ blocks }) => blocks.some(({ bytes }) => bytes.length > 9_999))
    expect(withLarge).toMatchObject([{ blocks: [{}], dontHaves: [], haves: [] }])
    expect(client.take()).toMatchObject({ blocks: 2, dontHaves: [absent.cid] })
    const helia = createRig({ blocks: [large], isExchangeOnly: true })
    helia.client.say(wanting([large.cid]))
    helia.world.run(100)
    expect(helia.client.take()).toMatchObject({ blocks: 0, dontHaves: [large.cid] })
  })

  test('blocks of two hash functions never share a message', () => {
    const blocks = Array.from({ length: 40 }, (_, index) =>
      testBlock({ number: index + 1, hashCode: index % 2 === 0 ? 0x12 : 0x56 }),
    )
    const { world, client } = createRig({ blocks })
    client.say(wanting(cidsOf(blocks)))
    world.run(100)
    const kinds = client.received.map((message) => new Set(message.blocks.map(({ prefix }) => prefix.hashCode)).size)
    expect(Math.max(...kinds)).toBe(1)
    expect(client.received.filter(({ blocks }) => blocks.length > 0)).toHaveLength(2)
    expect(client.take().blocks).toBe(40)
    expect(hashCodeOf(blocks[1]?.cid ?? ('' as Cid))).toBe(0x56)
  })

  test('the greatest priority goes first, and of equals the first to come', () => {
    const blocks = testBlocks(6, 10_000)
    const { world, client } = createRig({ blocks, latencyMs: 0 })
    const wants = blocks.map(({ cid }, index) => {
      const priority = index === 4 ? 9 : index === 0 ? -1 : 5
      return { cid, priority, want: 'block', sendDontHave: true } as const
    })
    client.say(incoming({ wants }))
    world.run(100)
    expect(blocksIn(client)).toEqual([5, 2, 3, 4, 6, 1])
  })

  test('what may not be served is as absent', () => {
    const [open, secret] = testBlocks(2)
    if (open === undefined || secret === undefined) throw new Error('expected blocks')
    const { world, server, client } = createRig({ blocks: [open, secret], mayServe: (_, cid) => cid !== secret.cid })
    client.say(wanting(cidsOf([open, secret])))
    server.store([secret])
    world.run(20)
    expect(client.take()).toMatchObject({ blocks: 1, dontHaves: [secret.cid] })
  })

  test('headers are served from the tree, and not before what is stored is verified', () => {
    const header = testBlock({ number: 77, hashCode: 0x56 })
    const other = testBlock({ number: 78, hashCode: 0x56 })
    const roots = new Map([
      [header.cid, REGTEST.genesis],
      [other.cid, '11'.repeat(32) as typeof REGTEST.genesis],
    ])
    const content = {
      headerRootOf: (cid: Cid) => roots.get(cid),
      headerCid: () => header.cid,
    } as unknown as ChainContent
    const { world, client } = createRig({ chain: { ...REGTEST, content } })
    client.say(wanting(cidsOf([header, other])))
    world.run(20)
    const message = client.received.find(({ blocks }) => blocks.length > 0)
    const genesis = REGTEST.createTree().get(0)?.bytes
    expect(message?.blocks.map(({ bytes }) => bytes)).toEqual([genesis])
    expect(client.take()).toMatchObject({ dontHaves: [other.cid] })
    const early = createRig({ chain: { ...REGTEST, content }, isVerifying: true })
    early.client.say(wanting([header.cid]))
    early.world.run(20)
    expect(early.client.take()).toMatchObject({ blocks: 0, dontHaves: [header.cid] })
  })
})

describe('the ledger', () => {
  test('a want is forgotten when it was sent, not before: a failed send is made up for', () => {
    const blocks = testBlocks(10)
    const { world, server, client, connection } = createRig({ blocks })
    client.drains = false
    client.say(wanting(cidsOf(blocks)))
    world.run(100)
    expect(ledgerOf(server)).toMatchObject({ ledgerCount: 10, outstandingBytes: 2_000 })
    server.fail(connection, 'timeout')
    world.run(10)
    expect(ledgerOf(server)).toMatchObject({ ledgerCount: 10, outstandingBytes: 0 })
    client.drains = true
    world.run(limits.SEND_RETRY_MS_MIN)
    expect(client.take().blocks).toBe(10)
    expect(ledgerOf(server)).toMatchObject({ ledgerCount: 0, outstandingBytes: 0 })
    expect(server.core.exchangeView().blocksSent).toBe(10)
  })

  test('a cancelled want is not sent, whatever was being done for it', () => {
    const blocks = testBlocks(3)
    const { world, server, client } = createRig({ blocks, storeLatencyMs: 10 })
    const [first, second, third] = cidsOf(blocks)
    if (first === undefined || second === undefined || third === undefined) throw new Error('expected blocks')
    client.say(wanting([first]))
    client.say(incoming({ cancels: [first] }))
    client.say(wanting([second, third]))
    world.run(15)
    client.say(incoming({ cancels: [second] }))
    world.run(100)
    expect(blocksIn(client)).toEqual([3])
    expect(ledgerOf(server)).toMatchObject({ ledgerCount: 0, outstandingBytes: 0 })
  })

  test('a full wantlist replaces the one before', () => {
    const { world, server, client } = createRig()
    client.say(wanting(cidsOf(testBlocks(20))))
    world.run(10)
    expect(ledgerOf(server).ledgerCount).toBe(20)
    client.say({ ...wanting(cidsOf(testBlocks(5, 200, 18))), isFullWantlist: true })
    world.run(10)
    expect(ledgerOf(server).ledgerCount).toBe(5)
    server.store(testBlocks(30))
    world.run(10)
    expect(blocksIn(client)).toEqual([18, 19, 20, 21, 22])
  })

  test('an absent block asked for again is looked for again', () => {
    const block = testBlock({ number: 1 })
    const { world, server, client } = createRig()
    client.say(wanting([block.cid]))
    world.run(10)
    server.blocks.set(block.cid, block.bytes)
    client.say(wanting([block.cid]))
    world.run(10)
    expect(client.take()).toMatchObject({ blocks: 1, dontHaves: [block.cid] })
  })

  test('a full ledger evicts absent blocks first, then lower priorities, and tells', () => {
    const world = new World()
    const server = world.computer('server', { isChecked: false })
    // Others have taken all there is beyond what is guaranteed.
    for (let index = 0; index < 6; index += 1) {
      const hog = world.puppet(`hog${index}`)
      world.connect(server, hog)
      world.run(10)
      hog.say(wanting(cidsOf(testBlocks(limits.LEDGER_WANTS_MAX, 200, 1_000_000 * (index + 1)))))
    }
    const client = world.puppet('client')
    const { from: connection } = world.connect(server, client)
    world.run(100)
    const blocks = testBlocks(limits.LEDGER_WANTS_GUARANTEED - 1, 40)
    server.store(blocks)
    client.drains = false
    const absent = testBlock({ number: 500_000 })
    client.say(wanting([absent.cid]))
    client.say(wanting(cidsOf(blocks), { priority: 5, want: 'block' }))
    world.run(20)
    const view = () => [...server.core.exchangeView().peers.values()].at(-1)
    expect(view()?.ledgerCount).toBe(limits.LEDGER_WANTS_GUARANTEED)
    const late = testBlocks(3, 40, 600_000)
    const [first, second, third] = cidsOf(late)
    if (first === undefined || second === undefined || third === undefined) throw new Error('expected blocks')
    server.store(late)
    client.say(wanting([first], { priority: 1 }))
    client.say(wanting([second], { priority: 5 }))
    expect(view()?.ledgerCount).toBe(limits.LEDGER_WANTS_GUARANTEED)
    server.fail(connection, 'timeout')
    world.run(10)
    client.say(wanting([third], { priority: 6 }))
    client.drains = true
    world.run(5_000)
    const numbers = client.received.flatMap((message) =>
      message.blocks.map(({ bytes }) => new DataView(bytes.buffer, bytes.byteOffset).getUint32(0)),
    )
    // The absent one made room for the first, nothing for the second, and the lowest of all, the first, for the third.
    expect(new Set(numbers)).toEqual(new Set([...blocks.map((_, index) => index + 1), 600_002]))
    expect(new Set(client.take().dontHaves)).toEqual(new Set([absent.cid, first, second]))
  })

  test('wants beyond the guaranteed ones come out of a pool, and one peer has only so many', () => {
    const { world, server, client } = createRig({ isChecked: false })
    client.say(wanting(cidsOf(testBlocks(limits.LEDGER_WANTS_MAX + 100))))
    world.run(10)
    expect(ledgerOf(server).ledgerCount).toBe(limits.LEDGER_WANTS_MAX)
    client.say(incoming({ isFullWantlist: true }))
    world.run(10)
    expect(ledgerOf(server).ledgerCount).toBe(0)
  })

  test('a peer that goes leaves nothing behind', () => {
    const blocks = testBlocks(100, 5_000)
    const { world, server, client, connection } = createRig({ blocks, storeLatencyMs: 5 })
    client.drains = false
    client.say(wanting(cidsOf(blocks)))
    world.run(12)
    server.cut(connection)
    world.run(100)
    expect(server.core.exchangeView().peers.size).toBe(0)
    const again = world.puppet('again')
    world.connect(server, again)
    world.run(10)
    again.say(wanting(cidsOf(blocks)))
    world.run(200)
    expect(again.take().blocks).toBe(100)
  })

  test('a store that cannot be read costs the answer, not the peer', () => {
    const block = testBlock({ number: 1 })
    const world = new World()
    const server = world.computer('server', { storeLatencyMs: 1_000_000 })
    const client = world.puppet('client')
    world.connect(server, client)
    world.run(10)
    client.say(wanting([block.cid]))
    server.handle({ type: 'blocks-load-failed', load: 1 as never, reason: 'the disk is on fire' })
    world.run(10)
    expect(client.take().dontHaves).toEqual([block.cid])
    server.blocks.set(block.cid, block.bytes)
    client.say(wanting([block.cid]))
    server.handle({ type: 'blocks-found', load: 2 as never, sizes: [200] })
    server.handle({ type: 'blocks-load-failed', load: 3 as never, reason: 'still' })
    world.run(10)
    expect(client.take().dontHaves).toEqual([block.cid])
    expect(ledgerOf(server)).toMatchObject({ ledgerCount: 1, outstandingBytes: 0 })
  })
})

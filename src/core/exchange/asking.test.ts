import { describe, expect, test } from 'vitest'
import { incoming, testBlock, testBlocks, type TestBlock } from '../../../test/exchange/blocks.ts'
import { World, type Computer, type Puppet } from '../../../test/exchange/exchange-world.ts'
import type { Cid } from '../ids.ts'
import { toPeerId } from '../ids.ts'
import * as limits from '../limits.ts'
import type { CidPrefix } from './exchange-message.ts'

const PREFIX: CidPrefix = { version: 1, codec: 0x55, hashCode: 0x12, digestSizeBytes: 32 }

function carrying(...blocks: readonly TestBlock[]): Parameters<Puppet['say']>[0] {
  return incoming({ blocks: blocks.map(({ bytes }) => ({ prefix: PREFIX, bytes })) })
}

function lacking(...cids: readonly Cid[]): Parameters<Puppet['say']>[0] {
  return incoming({ dontHaves: cids })
}

function createRig(names: readonly string[]): { world: World; client: Computer; puppets: Puppet[] } {
  const world = new World()
  const client = world.computer('client')
  const puppets = names.map((name) => world.puppet(name))
  for (const puppet of puppets) world.connect(client, puppet)
  world.run(20)
  return { world, client, puppets }
}

function at<Item>(items: readonly Item[], index: number): Item {
  const item = items[index]
  if (item === undefined) throw new Error(`expected item ${index}`)
  return item
}

/** Who of them was asked for this block, by what came since the last look. */
function askedOf(puppets: readonly Puppet[], { cid }: TestBlock): Puppet {
  const asked = puppets.filter((puppet) => puppet.take().wants.includes(cid))
  expect(asked).toHaveLength(1)
  return at(asked, 0)
}

const BLOCK = testBlock({ number: 7 })

describe('whom to ask', () => {
  test('one peer owes the block; the others are asked whether they have it', () => {
    const { world, client, puppets } = createRig(['a', 'b', 'c'])
    client.want(BLOCK.cid)
    world.run(10)
    const told = puppets.map((puppet) => puppet.take())
    expect(told.flatMap(({ wants }) => wants)).toEqual([BLOCK.cid])
    expect(told.flatMap(({ haves }) => haves)).toEqual([BLOCK.cid, BLOCK.cid])
  })

  test('a session that knows nobody asks about its first wants only', () => {
    const { world, client, puppets } = createRig(['a', 'b'])
    for (const { cid } of testBlocks(20)) client.want(cid)
    world.run(10)
    const told = puppets.map((puppet) => puppet.take())
    expect(told.flatMap(({ wants }) => wants)).toHaveLength(20)
    expect(told.flatMap(({ haves }) => haves)).toHaveLength(limits.PROBED_WANTS_PER_SESSION)
  })

  test('who says no is followed by the next, first of all by one that said it has the block', () => {
    const { world, client, puppets } = createRig(['a', 'b', 'c', 'd'])
    client.want(BLOCK.cid)
    world.run(10)
    const first = askedOf(puppets, BLOCK)
    const others = puppets.filter((puppet) => puppet !== first)
    const haver = at(others, 1)
    haver.say(incoming({ haves: [BLOCK.cid] }))
    first.say(lacking(BLOCK.cid))
    world.run(10)
    expect(askedOf(puppets, BLOCK)).toBe(haver)
  })

  test('a chain of nos ends with everybody asked once, and starts again after a while', () => {
    const { world, client, puppets } = createRig(['a', 'b', 'c', 'd', 'e'])
    client.want(BLOCK.cid)
    const asked = new Set<Puppet>()
    for (let count = 0; count < 5; count += 1) {
      world.run(10)
      const next = askedOf(puppets, BLOCK)
      asked.add(next)
      next.say(lacking(BLOCK.cid))
    }
    expect(asked.size).toBe(5)
    world.run(limits.ASK_ROUND_MS - 20)
    expect(puppets.flatMap((puppet) => puppet.take().wants)).toEqual([])
    world.run(100)
    expect(askedOf(puppets, BLOCK).isConnected).toBe(true)
  })

  test('a new peer is asked at once for what all the others do not have', () => {
    const { world, client, puppets } = createRig(['a'])
    const token = client.want(BLOCK.cid)
    world.run(10)
    at(puppets, 0).say(lacking(BLOCK.cid))
    const late = world.puppet('late')
    world.connect(client, late)
    world.run(10)
    expect(late.take().wants).toEqual([BLOCK.cid])
    late.say(carrying(BLOCK))
    expect(client.settled.get(token)).toMatchObject({ type: 'delivered', from: 'late' })
  })

  test('a want that comes before any peer is asked of the first', () => {
    const { world, client, puppets } = createRig([])
    client.want(BLOCK.cid)
    const first = world.puppet('first')
    puppets.push(first)
    world.connect(client, first)
    world.run(10)
    expect(first.take().wants).toEqual([BLOCK.cid])
  })

  test('a session asks those that delivered, and a peer that says no too often is one of many again', () => {
    const { world, client, puppets } = createRig(['a', 'b', 'c'])
    client.want(BLOCK.cid)
    world.run(10)
    const good = askedOf(puppets, BLOCK)
    good.say(carrying(BLOCK))
    const later = testBlocks(10, 200, 100)
    for (const { cid } of later) client.want(cid)
    world.run(10)
    expect(good.take().wants).toEqual(later.map(({ cid }) => cid))
    const more = testBlocks(limits.ABSENCES_IN_SESSION_MAX + 6, 200, 200)
    for (const { cid } of more) client.want(cid)
    world.run(10)
    good.say(lacking(...later.map(({ cid }) => cid), ...more.map(({ cid }) => cid)))
    const other = at(
      puppets.filter((puppet) => puppet !== good),
      0,
    )
    world.run(10)
    const itsWants = other.take().wants
    other.say(carrying(...more.filter(({ cid }) => itsWants.includes(cid)).slice(0, 1)))
    good.take()
    for (const { cid } of testBlocks(9, 200, 300)) client.want(cid)
    world.run(10)
    expect(good.take().wants).toEqual([])
    expect(other.take().wants).toHaveLength(9)
  })

  test('an exchange-only peer owes no more than its wantlist takes; the rest is asked as it delivers', () => {
    const world = new World()
    const client = world.computer('client')
    const helia = world.puppet('helia')
    world.connect(client, helia, { isExchangeOnly: true })
    const blocks = testBlocks(limits.OWED_BLOCKS_OF_EXCHANGE_ONLY_MAX + 10)
    for (const { cid } of blocks) client.want(cid)
    world.run(20)
    expect(helia.take().wants).toHaveLength(limits.OWED_BLOCKS_OF_EXCHANGE_ONLY_MAX)
    helia.say(carrying(...blocks.slice(0, 4)))
    world.run(20)
    expect(helia.take().wants).toEqual(blocks.slice(-10, -6).map(({ cid }) => cid))
    helia.say(carrying(...blocks.slice(4, -6)))
    world.run(20)
    helia.say(carrying(...blocks.slice(-6)))
    expect(client.deliveredCount).toBe(blocks.length)
  })
})

describe('silence and failure', () => {
  test('a silent peer loses what it owes to another after a second; what it sends late is taken or counted', () => {
    const { world, client, puppets } = createRig(['a', 'b'])
    const blocks = testBlocks(20)
    for (const { cid } of blocks) client.want(cid)
    world.run(10)
    const silent = at(puppets, 0)
    const other = at(puppets, 1)
    const owed = silent.take().wants
    expect(owed.length).toBe(10)
    const mine = blocks.filter(({ cid }) => !owed.includes(cid))
    other.say(carrying(...mine))
    other.take()
    world.run(limits.SILENCE_MS_MIN - 20)
    expect(other.take().wants).toEqual([])
    world.run(20)
    expect(other.take().wants.toSorted()).toEqual(owed.toSorted())
    const late = blocks.filter(({ cid }) => owed.includes(cid))
    silent.say(carrying(...late.slice(0, 5)))
    other.say(carrying(...late))
    expect(client.deliveredCount).toBe(20)
    expect(client.core.exchangeView()).toMatchObject({ duplicateBlocks: 5, unwantedBlocks: 0, wantCount: 0 })
  })

  test('a silent peer is asked last until it delivers again', () => {
    const { world, client, puppets } = createRig(['a', 'b'])
    const [first, second] = testBlocks(2)
    if (first === undefined || second === undefined) throw new Error('expected blocks')
    client.want(first.cid, 1)
    world.run(10)
    const silent = askedOf(puppets, first)
    const other = at(
      puppets.filter((puppet) => puppet !== silent),
      0,
    )
    world.run(limits.SILENCE_MS_MIN)
    other.say(carrying(first))
    for (const { cid } of testBlocks(6, 200, 50)) client.want(cid, 2)
    world.run(10)
    expect(silent.take().wants).toEqual([])
    silent.say(carrying(first))
    expect(client.core.exchangeView().duplicateBlocks).toBe(1)
  })

  test('the only peer keeps what it owes: when it comes after all, it is delivered', () => {
    const { world, client, puppets } = createRig(['a'])
    client.want(BLOCK.cid)
    world.run(20_000)
    const only = at(puppets, 0)
    expect(only.take().wants).toEqual([BLOCK.cid])
    only.say(carrying(BLOCK))
    expect(client.deliveredCount).toBe(1)
  })

  test('what a peer owed when it went is asked elsewhere in the same step', () => {
    const { world, client, puppets } = createRig(['a', 'b'])
    for (const { cid } of testBlocks(100)) client.want(cid)
    world.run(10)
    const [gone, other] = puppets
    if (gone === undefined || other === undefined) throw new Error('expected peers')
    const owed = gone.take().wants
    other.take()
    const connection = client.core.exchangeView().peers.get(gone.peer)?.connection
    if (connection === undefined) throw new Error('expected a connection')
    client.cut(connection)
    expect(client.core.exchangeView().peers.get(other.peer)?.owedCount).toBe(100)
    world.run(10)
    expect(other.take().wants.toSorted()).toEqual(owed.toSorted())
  })

  test('a failed send: what was owed is asked elsewhere, and after a back-off the whole wantlist goes again', () => {
    const { world, client, puppets } = createRig(['a', 'b'])
    const [failing, other] = puppets
    if (failing === undefined || other === undefined) throw new Error('expected peers')
    failing.drains = false
    const blocks = testBlocks(40)
    for (const { cid } of blocks) client.want(cid)
    world.run(10)
    const connection = client.core.exchangeView().peers.get(failing.peer)?.connection
    if (connection === undefined) throw new Error('expected a connection')
    client.fail(connection, 'timeout')
    world.run(10)
    expect(client.core.exchangeView().peers.get(failing.peer)?.owedCount).toBe(0)
    failing.drains = true
    world.run(limits.SEND_RETRY_MS_MIN - 15)
    expect(failing.received).toEqual([])
    world.run(30)
    expect(failing.received.map(({ isFullWantlist }) => isFullWantlist)).toEqual([true])
    other.say(carrying(...blocks))
    expect(client.deliveredCount).toBe(40)
  })

  test('a peer that does not speak bitswap takes no part any more', () => {
    const { world, client, puppets } = createRig(['a', 'b'])
    const [mute, other] = puppets
    if (mute === undefined || other === undefined) throw new Error('expected peers')
    mute.drains = false
    for (const { cid } of testBlocks(10)) client.want(cid)
    world.run(1)
    const connection = client.core.exchangeView().peers.get(mute.peer)?.connection
    if (connection === undefined) throw new Error('expected a connection')
    client.fail(connection, 'unsupported')
    world.run(20)
    expect(client.core.exchangeView().peers.has(mute.peer)).toBe(false)
    expect(other.take().wants).toHaveLength(10)
    mute.say(carrying(BLOCK))
    expect(client.core.exchangeView().blocksReceived).toBe(0)
  })
})

describe('what is delivered', () => {
  test('several wants of one block are settled in order, with one request', () => {
    const { world, client, puppets } = createRig(['a'])
    const tokens = [client.want(BLOCK.cid), client.want(BLOCK.cid, 2), client.want(BLOCK.cid)]
    world.run(10)
    const peer = at(puppets, 0)
    expect(peer.take().wants).toEqual([BLOCK.cid])
    peer.say(carrying(BLOCK))
    expect([...client.settled.keys()]).toEqual(tokens)
    expect(client.savedCount).toBe(1)
    world.run(10)
    expect(peer.take().cancels).toEqual([])
  })

  test('whoever else was asked hears a cancel, whether it had answered or not', () => {
    const { world, client, puppets } = createRig(['a', 'b', 'c'])
    client.want(BLOCK.cid)
    world.run(10)
    const first = askedOf(puppets, BLOCK)
    first.say(lacking(BLOCK.cid))
    world.run(10)
    const second = askedOf(puppets, BLOCK)
    second.say(carrying(BLOCK))
    world.run(10)
    const cancelled = puppets.filter((puppet) => puppet.take().cancels.includes(BLOCK.cid))
    expect(cancelled).toEqual(puppets.filter((puppet) => puppet !== second))
  })

  test('one block of an unknown hash loses itself only, is counted, and its sender is struck', () => {
    const { world, client, puppets } = createRig(['a'])
    const [first, second] = testBlocks(2)
    if (first === undefined || second === undefined) throw new Error('expected blocks')
    client.want(first.cid)
    client.want(second.cid)
    world.run(10)
    const unknown = { prefix: { ...PREFIX, hashCode: 0x99 }, bytes: first.bytes }
    const wanted = [first, second].map(({ bytes }) => ({ prefix: PREFIX, bytes }))
    at(puppets, 0).say(incoming({ blocks: [unknown, ...wanted], unreadableBlockCount: 1 }))
    expect(client.deliveredCount).toBe(2)
    expect(client.core.exchangeView()).toMatchObject({ blocksReceived: 4, unwantedBlocks: 2 })
    expect(client.warnings).toEqual([expect.stringContaining('undecodable: expected blocks of a known hash')])
  })

  test('a block that was never asked of its sender: all that it owes is asked elsewhere at once; the eighth is a strike', () => {
    const { world, client, puppets } = createRig(['liar', 'b'])
    const [liar, other] = puppets
    if (liar === undefined || other === undefined) throw new Error('expected peers')
    const blocks = testBlocks(20)
    for (const { cid } of blocks) client.want(cid)
    world.run(10)
    const owed = liar.take().wants
    other.take()
    liar.say(carrying(testBlock({ number: 9_999 })))
    expect(client.core.exchangeView().peers.get(liar.peer)?.owedCount).toBe(0)
    world.run(6)
    expect(other.take().wants.toSorted()).toEqual(owed.toSorted())
    for (let count = 1; count < limits.UNWANTED_BLOCKS_MAX - 1; count += 1) {
      liar.say(carrying(testBlock({ number: 9_999 + count })))
    }
    expect(client.warnings).toEqual([])
    liar.say(carrying(testBlock({ number: 20_000 })))
    expect(client.warnings).toEqual([expect.stringContaining('unwanted-block')])
    other.say(carrying(...blocks))
    expect(client.deliveredCount).toBe(20)
  })

  test('a peer that repeats one block does not hold the others: they come from another', () => {
    const { world, client, puppets } = createRig(['liar'])
    const liar = at(puppets, 0)
    const blocks = testBlocks(50)
    for (const { cid } of blocks) client.want(cid)
    world.run(10)
    const first = carrying(at(blocks, 0))
    liar.say(first)
    world.connect(client, world.computer('honest', { blocks }))
    for (let count = 0; count < 4; count += 1) {
      liar.say(first)
      world.run(limits.SILENCE_MS_MIN / 4)
    }
    expect(client.deliveredCount).toBe(50)
    // Once more than it was asked for may be an accident.
    expect(client.core.exchangeView()).toMatchObject({ duplicateBlocks: 1, unwantedBlocks: 3 })
    for (let count = 4; count <= limits.UNWANTED_BLOCKS_MAX; count += 1) liar.say(first)
    expect(client.warnings).toEqual([expect.stringContaining('unwanted-block')])
  })

  test('late blocks of a peer that still owes one do not put off that it is silent', () => {
    const { world, client, puppets } = createRig(['slow'])
    const blocks = testBlocks(10)
    const tokens = blocks.map(({ cid }) => client.want(cid))
    world.run(10)
    for (const token of tokens.slice(1)) client.cancel(token)
    world.connect(client, world.computer('honest', { blocks }))
    for (const block of blocks.slice(1, 5)) {
      at(puppets, 0).say(carrying(block))
      world.run(limits.SILENCE_MS_MIN / 4)
    }
    world.run(20)
    expect(client.deliveredCount).toBe(1)
    expect(client.core.exchangeView()).toMatchObject({ duplicateBlocks: 4, unwantedBlocks: 0 })
  })

  test('whoever is asked for a block and told to forget it, again and again, may send it as often', () => {
    const { world, client, puppets } = createRig(['a'])
    for (let count = 0; count < 5; count += 1) {
      const token = client.want(BLOCK.cid)
      world.run(10)
      client.cancel(token)
      world.run(10)
    }
    for (let count = 0; count < 5; count += 1) at(puppets, 0).say(carrying(BLOCK))
    expect(client.core.exchangeView()).toMatchObject({ duplicateBlocks: 5, unwantedBlocks: 0 })
  })

  test('what crosses a cancel is late, not a lie', () => {
    const { world, client, puppets } = createRig(['a'])
    const blocks = testBlocks(50)
    const tokens = blocks.map(({ cid }) => client.want(cid))
    world.run(10)
    for (const token of tokens) client.cancel(token)
    at(puppets, 0).say(carrying(...blocks))
    expect(client.core.exchangeView()).toMatchObject({ duplicateBlocks: 50, unwantedBlocks: 0 })
    expect(client.deliveredCount).toBe(0)
    expect(client.warnings).toEqual([])
  })
})

describe('the end of a want', () => {
  test('a cancelled want says who was asked and who said no, and is taken back', () => {
    const { world, client, puppets } = createRig(['a', 'b', 'c'])
    const token = client.want(BLOCK.cid)
    world.run(10)
    const first = askedOf(puppets, BLOCK)
    first.say(lacking(BLOCK.cid))
    world.run(10)
    const second = askedOf(puppets, BLOCK)
    second.say(lacking(BLOCK.cid))
    world.run(10)
    client.cancel(token)
    expect(client.settled.get(token)).toEqual({
      type: 'failed',
      code: 'cancelled',
      detail: '2 of 3 peers do not have it, 1 has not answered',
      progress: { askedCount: 3, absentCount: 2 },
    })
    world.run(10)
    for (const puppet of puppets) expect(puppet.take().cancels).toEqual([BLOCK.cid])
  })

  test('a want that nobody could be asked for says so', () => {
    const { client } = createRig([])
    const token = client.want(BLOCK.cid)
    client.cancel(token)
    expect(client.settled.get(token)).toMatchObject({ code: 'cancelled', detail: 'no peer to ask' })
  })

  test('a want goes on while another token waits for it', () => {
    const { world, client, puppets } = createRig(['a'])
    const first = client.want(BLOCK.cid)
    const second = client.want(BLOCK.cid)
    world.run(10)
    client.cancel(first)
    world.run(10)
    const peer = at(puppets, 0)
    expect(peer.take().cancels).toEqual([])
    peer.say(carrying(BLOCK))
    expect(client.settled.get(second)).toMatchObject({ type: 'delivered' })
    expect(client.settled.size).toBe(2)
  })

  test('a want taken back before it went out is never heard of', () => {
    const { world, client, puppets } = createRig(['a'])
    const [first, second] = testBlocks(2)
    if (first === undefined || second === undefined) throw new Error('expected blocks')
    client.want(first.cid)
    const token = client.want(second.cid)
    client.cancel(token)
    world.run(50)
    expect(at(puppets, 0).take()).toMatchObject({ wants: [first.cid], cancels: [] })
  })

  test('a hash function that nobody here knows fails at once', () => {
    const { client } = createRig(['a'])
    const unknown = BLOCK.cid.replace('bafkrei', 'bafksei') as Cid
    const token = client.want(unknown)
    expect(client.settled.get(token)).toMatchObject({ type: 'failed', code: 'unknown-hash' })
  })

  test('one want more than the limit fails at once', () => {
    const world = new World()
    const client = world.computer('client', { isChecked: false })
    for (const { cid } of testBlocks(limits.WANTS_MAX)) client.want(cid)
    expect(client.settled.size).toBe(0)
    const token = client.want(BLOCK.cid, 3)
    expect(client.settled.get(token)).toMatchObject({ code: 'too-many-wants' })
  })

  test('stop settles every want', () => {
    const { client } = createRig(['a'])
    const tokens = testBlocks(3).map(({ cid }) => client.want(cid))
    client.handle({ type: 'stop-requested' })
    expect(tokens.map((token) => client.settled.get(token))).toMatchObject([
      { code: 'stopped' },
      { code: 'stopped' },
      { code: 'stopped' },
    ])
    expect(client.core.nextTimeout()).toBeUndefined()
    expect(client.core.exchangeView()).toMatchObject({ wantCount: 0, peers: new Map() })
  })
})

test('a clock that jumped makes nobody silent', () => {
  const { world, client, puppets } = createRig(['a', 'b'])
  client.want(BLOCK.cid)
  world.run(10)
  const asked = askedOf(puppets, BLOCK)
  const aheadMs = 60_000
  world.nowMs += aheadMs
  client.handle({ type: 'clock-jumped', aheadMs })
  world.run(limits.SILENCE_MS_MIN - 30)
  expect(client.core.exchangeView().peers.get(asked.peer)?.owedCount).toBe(1)
})

test('a peer with two connections gets what was on its way again by the other when one is lost', () => {
  const world = new World()
  const blocks = testBlocks(3)
  const server = world.computer('server', { blocks })
  const client = world.computer('client')
  const first = world.connect(client, server, { latencyMs: 1 })
  world.run(5)
  world.connect(server, client, { latencyMs: 1 })
  world.run(5)
  server.drains = false
  const token = client.want(blocks[0]?.cid ?? BLOCK.cid)
  world.run(1)
  const used = client.core.exchangeView().peers.get(toPeerId('server'))?.connection
  if (used === undefined) throw new Error('expected a connection')
  expect(client.core.exchangeView().peers.get(toPeerId('server'))?.isSending).toBe(true)
  server.drains = true
  client.cut(used)
  world.run(100)
  expect([first.from, first.to]).toHaveLength(2)
  expect(client.settled.get(token)).toMatchObject({ type: 'delivered' })
})

import { describe, expect, test } from 'vitest'
import { World, type Computer, type Puppet } from '../../../test/exchange/exchange-world.ts'
import { REGTEST } from '../../../test/exchange/exchange-world.ts'
import type { Chain } from '../chain.ts'
import type { ChainContent } from '../content.ts'
import { toRequestId, type RequestId } from '../ids.ts'
import * as limits from '../limits.ts'

const ROOT = REGTEST.genesis
const OUTLINE_PART = limits.OUTLINE_BYTES_PER_MESSAGE_MAX
const OUTLINE = Uint8Array.from({ length: OUTLINE_PART * 2 + 5 }, (_, index) => index % 251)

/** An outline is right when it is this one. */
const CHAIN: Chain = {
  ...REGTEST,
  content: {
    ...REGTEST.content,
    checkOutline: ({ outline }) =>
      outline.length === OUTLINE.length && outline.every((byte, index) => byte === OUTLINE[index])
        ? undefined
        : 'expected another one',
  } as ChainContent,
}

interface Asked {
  readonly request: RequestId
  readonly fromByte: number
}

function createRig(names: readonly string[]): { world: World; client: Computer; puppets: Puppet[] } {
  const world = new World()
  const client = world.computer('client', { chain: CHAIN })
  const puppets = names.map((name, index) => {
    const puppet = world.puppet(name)
    puppet.serves = ['outlines']
    // The first is the nearest.
    world.connect(client, puppet, { latencyMs: 5 * (index + 1) })
    return puppet
  })
  world.run(100)
  return { world, client, puppets }
}

function asked(puppet: Puppet): Asked[] {
  return puppet.messages
    .splice(0)
    .flatMap((message) =>
      message.type === 'get-block-outline' ? [{ request: message.request, fromByte: message.fromByte }] : [],
    )
}

function answer(puppet: Puppet, { request, fromByte }: Asked, outline: Uint8Array = OUTLINE): void {
  const bytes = outline.subarray(fromByte, fromByte + limits.OUTLINE_BYTES_PER_MESSAGE_MAX)
  puppet.send({ type: 'block-outline', request, totalBytes: outline.length, bytes })
}

function only<Item>(items: readonly Item[]): Item {
  const [item] = items
  if (item === undefined || items.length !== 1) throw new Error(`expected one, got ${items.length}`)
  return item
}

describe('asking', () => {
  test('a long outline comes in parts from the nearest peer', () => {
    const { world, client, puppets } = createRig(['near', 'far'])
    const token = client.wantOutline(ROOT)
    const [near, far] = puppets
    if (near === undefined || far === undefined) throw new Error('expected peers')
    for (let part = 0; part < 3; part += 1) {
      world.run(50)
      const request = only(asked(near))
      expect(request.fromByte).toBe(part * limits.OUTLINE_BYTES_PER_MESSAGE_MAX)
      answer(near, request)
    }
    expect(client.outlinesSettled.get(token)).toEqual({ type: 'delivered', outline: OUTLINE, from: 'near' })
    expect(asked(far)).toEqual([])
  })

  test('who has none or is busy is followed by the next at once, and when nobody is left that is said', () => {
    const { world, client, puppets } = createRig(['a', 'b'])
    const token = client.wantOutline(ROOT)
    const [first, second] = puppets
    if (first === undefined || second === undefined) throw new Error('expected peers')
    world.run(20)
    first.send({ type: 'refused', request: only(asked(first)).request, reason: 'busy' })
    world.run(20)
    const { request } = only(asked(second))
    second.send({ type: 'block-outline', request, totalBytes: 0, bytes: new Uint8Array(0) })
    expect(client.outlinesSettled.get(token)).toEqual({
      type: 'failed',
      code: 'not-served',
      detail: '2 of 2 peers that serve outlines do not have it',
      progress: { askedCount: 2, absentCount: 2 },
    })
  })

  test('where nobody serves outlines it fails at once', () => {
    const world = new World()
    const client = world.computer('client', { chain: CHAIN })
    world.connect(client, world.puppet('plain'))
    world.run(20)
    const token = client.wantOutline(ROOT)
    expect(client.outlinesSettled.get(token)).toMatchObject({ code: 'not-served' })
  })

  test('a slow peer gets another beside it, and its late answer is no misbehaviour', () => {
    const { world, client, puppets } = createRig(['slow', 'b'])
    const token = client.wantOutline(ROOT)
    const [slow, other] = puppets
    if (slow === undefined || other === undefined) throw new Error('expected peers')
    world.run(limits.OUTLINE_HEDGE_MS - 20)
    const late = only(asked(slow))
    expect(asked(other)).toEqual([])
    world.run(50)
    for (let part = 0; part < 3; part += 1) {
      answer(other, only(asked(other)))
      world.run(50)
    }
    expect(client.outlinesSettled.get(token)).toMatchObject({ type: 'delivered', from: 'b' })
    answer(slow, late)
    expect(client.warnings).toEqual([])
    answer(slow, late)
    expect(client.warnings).toEqual([expect.stringContaining('unasked')])
  })

  test('a peer that sends one part after another gets another beside it as soon as one that sends none', () => {
    const { world, client, puppets } = createRig(['slow', 'b'])
    client.wantOutline(ROOT)
    const [slow, other] = puppets
    if (slow === undefined || other === undefined) throw new Error('expected peers')
    world.run(limits.OUTLINE_HEDGE_MS - 20)
    answer(slow, only(asked(slow)))
    expect(asked(other)).toEqual([])
    world.run(50)
    expect(asked(other)).toHaveLength(1)
  })

  test('the time for an outline is that of its parts; who takes longer is asked no more', () => {
    const { world, client, puppets } = createRig(['slow'])
    const token = client.wantOutline(ROOT)
    const slow = only(puppets)
    // Three parts.
    world.run(limits.OUTLINE_TIMEOUT_MS - 20)
    answer(slow, only(asked(slow)))
    world.run(2 * limits.OUTLINE_TIMEOUT_MS - 20)
    answer(slow, only(asked(slow)))
    expect(client.outlinesSettled.get(token)).toBeUndefined()
    world.run(50)
    expect(client.outlinesSettled.get(token)).toMatchObject({ code: 'not-served' })
  })

  test('a wrong outline is a strike, and the next peer is asked', () => {
    const { world, client, puppets } = createRig(['liar', 'b'])
    const token = client.wantOutline(ROOT)
    const [liar, other] = puppets
    if (liar === undefined || other === undefined) throw new Error('expected peers')
    world.run(20)
    answer(liar, only(asked(liar)), Uint8Array.of(1, 2, 3))
    expect(client.warnings).toEqual([expect.stringContaining('invalid-outline')])
    for (let part = 0; part < 3; part += 1) {
      world.run(50)
      answer(other, only(asked(other)))
    }
    expect(client.outlinesSettled.get(token)).toMatchObject({ type: 'delivered', from: 'b' })
  })

  test.each([
    { what: 'an empty part', totalBytes: 10, bytes: 0 },
    { what: 'more than the whole', totalBytes: 10, bytes: 11 },
    { what: 'less than the whole in the last part', totalBytes: 10, bytes: 9 },
    { what: 'a part that is not as long as it may be', totalBytes: 300_000, bytes: OUTLINE_PART - 1 },
    { what: 'a part that is longer than it may be', totalBytes: 300_000, bytes: OUTLINE_PART + 1 },
    { what: 'a whole beyond all bounds', totalBytes: limits.OUTLINE_BYTES_MAX + 1, bytes: 10 },
  ])('$what is a strike', ({ totalBytes, bytes }) => {
    const { world, client, puppets } = createRig(['liar'])
    const token = client.wantOutline(ROOT)
    world.run(20)
    const liar = only(puppets)
    const { request } = only(asked(liar))
    liar.send({ type: 'block-outline', request, totalBytes, bytes: new Uint8Array(bytes) })
    expect(client.warnings).toEqual([expect.stringContaining('invalid-outline')])
    expect(client.outlinesSettled.get(token)).toMatchObject({ code: 'not-served' })
  })

  test('a peer that goes is followed by the next; a cancel says how far it came', () => {
    const { world, client, puppets } = createRig(['a', 'b'])
    const token = client.wantOutline(ROOT)
    world.run(20)
    const [first, second] = puppets
    if (first === undefined || second === undefined) throw new Error('expected peers')
    const connection = client.core.exchangeView().peers.get(first.peer)?.connection
    if (connection === undefined) throw new Error('expected a connection')
    client.cut(connection)
    world.run(20)
    expect(asked(second)).toHaveLength(1)
    client.cancel(token)
    expect(client.outlinesSettled.get(token)).toMatchObject({ code: 'cancelled', progress: { askedCount: 2 } })
  })

  test('one peer is asked for a few at a time, the rest waits for it', () => {
    const { world, client, puppets } = createRig(['a'])
    const tokens = Array.from({ length: limits.OUTLINES_PER_PEER_MAX + 2 }, () => client.wantOutline(ROOT))
    world.run(20)
    const peer = only(puppets)
    const requests = asked(peer)
    expect(requests).toHaveLength(limits.OUTLINES_PER_PEER_MAX)
    for (const { request } of requests)
      peer.send({ type: 'block-outline', request, totalBytes: 0, bytes: new Uint8Array(0) })
    world.run(20)
    expect(asked(peer)).toHaveLength(2)
    client.handle({ type: 'stop-requested' })
    expect(tokens.map((token) => client.outlinesSettled.get(token)?.type)).toEqual(tokens.map(() => 'failed'))
  })

  test('a broken sync stream loses the request, which is asked again', () => {
    const { world, client, puppets } = createRig(['a'])
    const token = client.wantOutline(ROOT)
    world.run(20)
    const peer = only(puppets)
    const late = only(asked(peer))
    const connection = client.core.exchangeView().peers.get(peer.peer)?.connection
    if (connection === undefined) throw new Error('expected a connection')
    client.handle({ type: 'sync-stream-failed', connection, failure: 'closed' })
    answer(peer, late)
    for (let part = 0; part < 3; part += 1) {
      world.run(50)
      answer(peer, only(asked(peer)))
    }
    expect(client.warnings).toEqual([])
    expect(client.outlinesSettled.get(token)).toMatchObject({ type: 'delivered' })
  })
})

test('a peer that breaks its sync stream at each request is asked once more, then the next is', () => {
  const { world, client, puppets } = createRig(['liar', 'b'])
  client.wantOutline(ROOT)
  const [liar, other] = puppets
  if (liar === undefined || other === undefined) throw new Error('expected peers')
  const connection = client.core.exchangeView().peers.get(liar.peer)?.connection
  if (connection === undefined) throw new Error('expected a connection')
  for (let count = 0; count < 2; count += 1) {
    world.run(20)
    expect(asked(liar)).toHaveLength(1)
    client.handle({ type: 'sync-stream-failed', connection, failure: 'closed' })
  }
  world.run(20)
  expect(asked(liar)).toEqual([])
  expect(asked(other)).toHaveLength(1)
})

describe('serving', () => {
  test('light nodes fetch an outline from one another', () => {
    const world = new World()
    const server = world.computer('server', { chain: CHAIN, storeLatencyMs: 3 })
    server.outlines.set(ROOT, OUTLINE)
    const client = world.computer('client', { chain: CHAIN })
    world.connect(client, server)
    world.run(100)
    const token = client.wantOutline(ROOT)
    world.run(500)
    expect(client.outlinesSettled.get(token)).toEqual({ type: 'delivered', outline: OUTLINE, from: 'server' })
  })

  test('one peer has a few being loaded; more is busy, and what is not here is answered by nothing', () => {
    const world = new World()
    const server = world.computer('server', { chain: CHAIN, storeLatencyMs: 30 })
    const client = world.puppet('client')
    world.connect(server, client)
    world.run(100)
    const numbers = [1, 2, 3, 4, 5]
    for (const number of numbers) {
      client.send({ type: 'get-block-outline', request: toRequestId(number), root: ROOT, fromByte: 0 })
    }
    world.run(100)
    const answers = client.messages.filter(({ type }) => type === 'block-outline' || type === 'refused')
    expect(answers).toHaveLength(5)
    expect(answers[0]).toEqual({ type: 'refused', request: 5, reason: 'busy' })
    expect(answers[1]).toMatchObject({ type: 'block-outline', totalBytes: 0 })
  })
})

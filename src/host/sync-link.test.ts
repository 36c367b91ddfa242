import { generateKeyPair } from '@libp2p/crypto/keys'
import type { Connection, Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { FakeStream } from '../../test/interop/libp2p-fake-stream.ts'
import { toConnectionId, toRequestId, toRoot } from '../core/ids.ts'
import { encodeFrame } from '../wire/frame.ts'
import { decodeSyncMessage, encodeSyncMessage } from '../wire/sync-message.ts'
import { STALLED_TICKS_MAX } from './frame-stream.ts'
import { sealPeerRecord } from './peer-records.ts'
import { SyncLink } from './sync-link.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('requests that the core never answers hold a peer up for 30 ticks, not for ever', async () => {
  const offered: number[] = []
  const link = new SyncLink({
    connection: {} as Connection,
    id: toConnectionId('a'),
    headerSizeBytes: 80,
    post: () => {},
    offer: async ({ message }) => void offered.push('request' in message ? message.request : 0),
  })
  const stream = new FakeStream()
  link.accept(stream as unknown as Stream)
  for (let request = 1; request <= 6; request++) {
    stream.receive(encodeFrame(encodeSyncMessage({ type: 'ping', request: toRequestId(request) })))
  }
  await settled()
  expect(offered).toEqual([1, 2, 3, 4])
  for (let tick = 0; tick < STALLED_TICKS_MAX; tick++) link.tick()
  await settled()
  expect(offered).toEqual([1, 2, 3, 4])
  link.tick()
  await settled()
  expect(offered).toEqual([1, 2, 3, 4, 5, 6])
})

test('a request number that waits for its answer cannot be used again: the stream is reset and the peer told of', async () => {
  const offered: string[] = []
  const posted: string[] = []
  const link = new SyncLink({
    connection: {} as Connection,
    id: toConnectionId('a'),
    headerSizeBytes: 80,
    post: ({ type }) => posted.push(type),
    offer: async ({ message }) => void offered.push(message.type),
  })
  const stream = new FakeStream()
  link.accept(stream as unknown as Stream)
  const request = toRequestId(1)
  stream.receive(encodeFrame(encodeSyncMessage({ type: 'ping', request })))
  await settled()
  link.send({ type: 'pong', request })
  for (let count = 0; count < 2; count++) stream.receive(encodeFrame(encodeSyncMessage({ type: 'ping', request })))
  await settled()
  expect([offered, posted]).toEqual([['ping', 'ping'], ['peer-misbehaved']])
})

test('a record that its subject has not signed strikes its sender once, and loses itself only', async () => {
  const [good, bad] = await Promise.all(
    [1, 2].map(async (sequence) =>
      sealPeerRecord({ privateKey: await generateKeyPair('Ed25519'), addresses: [], sequence }),
    ),
  )
  if (good === undefined || bad === undefined) throw new Error('expected two records')
  bad.envelope[bad.envelope.length - 1] = 255 - (bad.envelope.at(-1) ?? 0)
  const told: unknown[] = []
  const ours = new FakeStream()
  const link = new SyncLink({
    connection: { newStream: async () => ours } as unknown as Connection,
    id: toConnectionId('a'),
    headerSizeBytes: 80,
    post: (event) => told.push(event),
    offer: async ({ message }) => void told.push(message),
  })
  const request = toRequestId(1)
  link.send({ type: 'get-peers', request, roads: ['ws'], records: [] })
  await settled()
  ours.receive(encodeFrame(encodeSyncMessage({ type: 'peers', request, records: [bad, good, bad] })))
  await expect.poll(() => told.length).toBe(2)
  expect(told).toEqual([
    { type: 'peers', request, records: [good] },
    expect.objectContaining({ type: 'peer-misbehaved', misbehaviour: 'invalid-peer-record' }),
  ])
})

test('records that nobody asked for are not opened, nor those of a second answer', async () => {
  const record = await sealPeerRecord({ privateKey: await generateKeyPair('Ed25519'), addresses: [], sequence: 1 })
  const told: string[] = []
  const ours = new FakeStream()
  const link = new SyncLink({
    connection: { newStream: async () => ours } as unknown as Connection,
    id: toConnectionId('a'),
    headerSizeBytes: 80,
    post: ({ type }) => told.push(type),
    offer: async ({ message }) => void told.push(message.type),
  })
  const answer = (number: number): void => {
    const request = toRequestId(number)
    ours.receive(encodeFrame(encodeSyncMessage({ type: 'peers', request, records: [record] })))
  }
  link.send({ type: 'get-peers', request: toRequestId(2), roads: ['ws'], records: [] })
  await settled()
  for (const number of [1, 2, 2, 3]) answer(number)
  ours.receive(encodeFrame(encodeSyncMessage({ type: 'pong', request: toRequestId(9) })))
  await expect.poll(() => told).toEqual(['peers', 'pong'])
})

test('who asks for peers faster than anybody has use for is told that we are busy, at no cost', async () => {
  const offered: string[] = []
  const link = new SyncLink({
    connection: {} as Connection,
    id: toConnectionId('a'),
    headerSizeBytes: 80,
    post: () => {},
    offer: async ({ message }) => {
      offered.push(message.type)
      if (message.type === 'get-peers') link.send({ type: 'peers', request: message.request, records: [] })
    },
  })
  const stream = new FakeStream()
  link.accept(stream as unknown as Stream)
  const ask = (number: number): void => {
    const message = { type: 'get-peers', request: toRequestId(number), roads: [], records: [] } as const
    stream.receive(encodeFrame(encodeSyncMessage(message)))
  }
  for (let count = 1; count <= 10; count++) ask(count)
  await settled()
  expect(offered).toEqual(['get-peers', 'get-peers', 'get-peers', 'get-peers'])
  link.tick()
  ask(11)
  await settled()
  expect(offered).toHaveLength(5)
})

test('headers that were asked ahead are asked for anew when their stream breaks, or when the core forgets them', async () => {
  const root = toRoot('11'.repeat(32))
  const streams: FakeStream[] = []
  const link = new SyncLink({
    connection: { newStream: async () => streams[streams.push(new FakeStream()) - 1] } as unknown as Connection,
    id: toConnectionId('a'),
    headerSizeBytes: 80,
    parentOf: () => root,
    post: () => {},
    offer: async () => {},
  })
  const ask = async (request: number): Promise<void> => {
    link.send({ type: 'get-headers', request: toRequestId(request), locator: [root], stop: undefined, countMax: 1 })
    await settled()
  }
  const answer = async (request: number): Promise<void> => {
    const head = { height: 9, root, work: 9n }
    const headers = new Uint8Array(80)
    const message = { type: 'headers', request: toRequestId(request), headers, hasMore: true, head } as const
    streams.at(-1)?.receive(encodeFrame(encodeSyncMessage(message)))
    await settled()
  }
  /** Numbers of the core that the last stream was asked for. */
  const asked = (): number[] => {
    const sent = streams.at(-1)?.sent.splice(0) ?? []
    const messages = sent.map((frame) => decodeSyncMessage(frame.subarray(1), { headerSizeBytes: 80 }))
    return messages.flatMap((message) => ('request' in message && message.request < 100 ? [message.request] : []))
  }
  await ask(1)
  await answer(1)
  await ask(2)
  expect(asked()).toEqual([1, 2])
  await answer(2)
  await ask(3)
  expect(asked()).toEqual([])
  streams[0]?.dispatchEvent(new Event('close'))
  await ask(4)
  expect([streams.length, asked()]).toEqual([2, [4]])
  await answer(4)
  await ask(5)
  await answer(5)
  for (let tick = 0; tick < 11; tick += 1) link.tick()
  await ask(6)
  expect(asked()).toEqual([5, 6])
})

test('the memory of headers is free once they are encoded, and the answer holds all of them', async () => {
  const link = new SyncLink({
    connection: {} as Connection,
    id: toConnectionId('a'),
    headerSizeBytes: 80,
    post: () => {},
    offer: () => Promise.resolve(),
  })
  const stream = new FakeStream()
  link.accept(stream as unknown as Stream)
  const request = toRequestId(1)
  const getHeaders = { type: 'get-headers', request, locator: [], stop: undefined, countMax: 2_000 } as const
  stream.receive(encodeFrame(encodeSyncMessage(getHeaders)))
  await settled()
  const headers = new Uint8Array(2_000 * 80).fill(7)
  const head = { height: 2_000, root: toRoot('00'.repeat(32)), work: 1n }
  const expected = encodeFrame(encodeSyncMessage({ type: 'headers', request, headers, hasMore: true, head }))
  link.send({ type: 'headers', request, headers, hasMore: true, head })
  expect(stream.sent).toEqual([expected])
  expect(headers.length).toBe(0)
})

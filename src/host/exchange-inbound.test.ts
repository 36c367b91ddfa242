import type { Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { PeerStream } from '../../test/fake-libp2p.ts'
import { toConnectionId } from '../core/ids.ts'
import { EXCHANGE_MESSAGE_BYTES_MAX } from '../core/limits.ts'
import { encodeFrame } from '../wire/frame.ts'
import { ProtobufWriter } from '../wire/protobuf.ts'
import { encodeVarint } from '../wire/varint.ts'
import {
  BROKEN_OFF_TICKS_MAX,
  ExchangeInbound,
  IDLE_STREAMS_MAX,
  IDLE_TICKS_MIN,
  INBOUND_EXCHANGE_STREAMS_MAX,
  UNREAD_BYTES_MAX,
  WITHOUT_ROOM_BYTES_MAX,
} from './exchange-inbound.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** Keeps what comes while it is paused, as libp2p's do. */
class PausableStream extends PeerStream {
  #waiting: Uint8Array[] = []

  override receive(bytes: Uint8Array): void {
    if (this.readStatus === 'readable') return super.receive(bytes)
    this.#waiting.push(bytes)
    this.readBufferLength += bytes.length
  }

  override resume(): void {
    this.readStatus = 'readable'
    const waiting = this.#waiting
    this.#waiting = []
    this.readBufferLength = 0
    for (const bytes of waiting) this.receive(bytes)
  }

  override async close(): Promise<void> {
    this.status = 'closed'
    this.dispatchEvent(new Event('close'))
  }
}

/** One connection; each message is told by its number of pending bytes. */
class Setup {
  readonly offered: number[] = []
  readonly sizes: number[] = []
  readonly costs: number[] = []
  readonly misbehaved: string[] = []
  readonly heldBack: boolean[] = []
  /** What the next offers wait for. */
  room: Promise<void> = Promise.resolve()
  readonly inbound = new ExchangeInbound({
    id: toConnectionId('a'),
    post: ({ detail }) => this.misbehaved.push(detail),
    holdBack: (isHeldBack) => this.heldBack.push(isHeldBack),
    offer: ({ read }, sizeBytes) => {
      const part = read(Infinity)
      if (part !== undefined) this.offered.push(part.event.message.pendingBytes)
      this.sizes.push(sizeBytes)
      this.costs.push(part?.costBytes ?? 0)
      return this.room
    },
  })

  open(): PausableStream {
    const stream = new PausableStream()
    this.inbound.accept(stream as unknown as Stream)
    return stream
  }

  async tick(count: number): Promise<void> {
    for (let tick = 0; tick < count; tick++) this.inbound.tick()
    await settled()
  }
}

function message(pendingBytes: number, paddingBytes = 0): Uint8Array {
  const padding = new Uint8Array(paddingBytes)
  return new ProtobufWriter().varint(5, pendingBytes).bytes(9, padding).finish()
}

function admitted(): Setup {
  const setup = new Setup()
  setup.inbound.admit()
  return setup
}

test('nothing is read before the peer is admitted, and then all of it', async () => {
  const setup = new Setup()
  const stream = setup.open()
  stream.receive(encodeFrame(message(1)))
  stream.receive(encodeFrame(message(2)))
  await settled()
  expect([setup.offered, stream.readBufferLength > 0]).toEqual([[], true])
  setup.inbound.admit()
  setup.open().receive(encodeFrame(message(3)))
  await settled()
  expect(setup.offered.sort((a, b) => a - b)).toEqual([1, 2, 3])
})

test('a stream that goes before the peer is admitted leaves its place to another', async () => {
  const setup = new Setup()
  const streams = Array.from({ length: INBOUND_EXCHANGE_STREAMS_MAX }, () => setup.open())
  expect(setup.open().status).toBe('aborted')
  streams[0]?.reset()
  expect(setup.open().status).toBe('open')
})

test('32 streams are read, the 33rd is reset', () => {
  const setup = admitted()
  const streams = Array.from({ length: INBOUND_EXCHANGE_STREAMS_MAX + 1 }, () => setup.open())
  expect(streams.filter(({ status }) => status === 'open')).toHaveLength(INBOUND_EXCHANGE_STREAMS_MAX)
  expect(streams.at(-1)?.status).toBe('aborted')
})

test('a stream a message: each is read to its end, closed, makes room for another, and its bytes are counted', async () => {
  const setup = admitted()
  for (let round = 1; round <= 3; round++) {
    const streams = Array.from({ length: INBOUND_EXCHANGE_STREAMS_MAX }, () => setup.open())
    for (const stream of streams) {
      stream.receive(encodeFrame(message(round)))
      stream.end()
    }
    await settled()
    expect(streams.every(({ status }) => status === 'closed')).toBe(true)
    expect(setup.offered).toHaveLength(round * INBOUND_EXCHANGE_STREAMS_MAX)
  }
  expect(setup.inbound.bytesIn).toBe(3 * INBOUND_EXCHANGE_STREAMS_MAX * encodeFrame(message(1)).length)
})

test('while there is no room for a message of the peer none of its streams is read', async () => {
  const setup = admitted()
  const streams = [setup.open(), setup.open(), setup.open()]
  const room = Promise.withResolvers<void>()
  setup.room = room.promise
  for (const [index, stream] of streams.entries()) {
    stream.receive(encodeFrame(message(index)))
    stream.receive(encodeFrame(message(10 + index)))
  }
  await settled()
  expect(setup.offered).toEqual([0])
  expect(streams.every(({ readStatus }) => readStatus === 'paused')).toBe(true)
  setup.room = Promise.resolve()
  room.resolve()
  await settled()
  expect(setup.offered.sort((a, b) => a - b)).toEqual([0, 1, 2, 10, 11, 12])
  expect(setup.heldBack).toEqual([])
})

test('beyond so many bytes without room, on all connections, whoever sends more is not read at all until there is', async () => {
  const setups = [admitted(), admitted(), admitted()]
  const room = Promise.withResolvers<void>()
  for (const setup of setups) {
    setup.room = room.promise
    setup.open().receive(encodeFrame(message(1, WITHOUT_ROOM_BYTES_MAX / 2 - 20)))
    await settled()
  }
  expect(setups.map(({ heldBack }) => heldBack)).toEqual([[], [], [true]])
  room.resolve()
  await settled()
  expect(setups.map(({ heldBack }) => heldBack)).toEqual([[], [], [true, false]])
  setups[0]?.open().receive(encodeFrame(message(2)))
  await settled()
  expect(setups[0]?.heldBack).toEqual([])
})

test('a message takes its bytes of room, and costs as much as its items to handle', async () => {
  const setup = admitted()
  const presence = new ProtobufWriter().bytes(1, Uint8Array.of(1, 0x55, 0x12, 1, 9)).finish()
  const payload = new ProtobufWriter().bytes(4, presence).finish()
  setup.open().receive(encodeFrame(payload))
  await settled()
  expect([setup.sizes, setup.costs]).toEqual([[payload.length], [128]])
})

test('two frames of 4 MiB are read at once; a third waits until one of them is done', async () => {
  const setup = admitted()
  const payloads = [1, 2, 3].map((index) => message(index, EXCHANGE_MESSAGE_BYTES_MAX - 20))
  const streams = payloads.map((payload) => {
    const stream = setup.open()
    stream.receive(encodeFrame(message(0)))
    stream.receive(encodeVarint(payload.length))
    stream.receive(payload.subarray(0, 1000))
    return stream
  })
  await settled()
  expect(setup.offered.splice(0)).toEqual([0, 0, 0])
  expect(streams.map(({ readStatus }) => readStatus)).toEqual(['readable', 'readable', 'paused'])
  streams[1]?.receive(payloads[1]?.subarray(1000) ?? new Uint8Array())
  await settled()
  expect(setup.offered).toEqual([2])
  expect(streams[2]?.readStatus).toBe('readable')
  for (const index of [0, 2]) streams[index]?.receive(payloads[index]?.subarray(1000) ?? new Uint8Array())
  await settled()
  expect(setup.offered).toEqual([2, 1, 3])
})

test('a stream that goes in the middle of its frame leaves its room to others', async () => {
  const setup = admitted()
  const payload = message(1, EXCHANGE_MESSAGE_BYTES_MAX - 20)
  const streams = Array.from({ length: 3 }, () => setup.open())
  for (const stream of streams) stream.receive(encodeFrame(payload).subarray(0, 100))
  await settled()
  expect(streams[2]?.readStatus).toBe('paused')
  streams[0]?.reset()
  await settled()
  expect(streams[2]?.readStatus).toBe('readable')
})

test('silence in the middle of a frame is the end of the stream in the 60th tick, without blame', async () => {
  const setup = admitted()
  const stream = setup.open()
  stream.receive(encodeFrame(message(1)).subarray(0, 2))
  await setup.tick(BROKEN_OFF_TICKS_MAX)
  expect(stream.status).toBe('open')
  stream.receive(encodeFrame(message(1)).subarray(2, 3))
  await setup.tick(BROKEN_OFF_TICKS_MAX)
  expect(stream.status).toBe('open')
  await setup.tick(1)
  expect([stream.status, setup.misbehaved]).toEqual(['aborted', []])
})

test('a stream that waits for us is not silent, however long it takes', async () => {
  const setup = admitted()
  setup.room = new Promise(() => {})
  const streams = [setup.open(), setup.open()]
  for (const stream of streams) stream.receive(encodeFrame(message(1)))
  await settled()
  await setup.tick(BROKEN_OFF_TICKS_MAX * 3)
  expect(streams.map(({ status }) => status)).toEqual(['open', 'open'])
})

test('of idle streams four stay, the ones that were quiet for the shortest time', async () => {
  const setup = admitted()
  const streams = Array.from({ length: IDLE_STREAMS_MAX + 2 }, () => setup.open())
  await setup.tick(1)
  streams[0]?.receive(encodeFrame(message(1)))
  await settled()
  await setup.tick(IDLE_TICKS_MIN - 2)
  expect(streams.map(({ status }) => status)).toEqual(Array.from(streams, () => 'open'))
  await setup.tick(3)
  expect(streams.map(({ status }) => status)).toEqual(['open', 'aborted', 'aborted', 'open', 'open', 'open'])
})

test('a stream that ended and is not let go of by libp2p is cut off', async () => {
  const setup = admitted()
  const stream = setup.open()
  stream.close = () => new Promise(() => {})
  stream.end()
  await setup.tick(3)
  expect(stream.status).toBe('aborted')
})

test.each([
  ['a message that is none', encodeFrame(Uint8Array.of(0x0a, 9)), 'exchange: expected a whole message'],
  [
    'a frame of more than 4 MiB',
    encodeVarint(EXCHANGE_MESSAGE_BYTES_MAX + 1),
    'exchange: expected a frame of at most 4194304 bytes, got 4194305',
  ],
])('%s resets its stream and is told; the others are read on', async (_name, bytes, detail) => {
  const setup = admitted()
  const [bad, good] = [setup.open(), setup.open()]
  bad.receive(bytes)
  good.receive(encodeFrame(message(5)))
  await settled()
  expect(setup.misbehaved).toHaveLength(1)
  expect(setup.misbehaved[0]).toContain(detail)
  expect([bad.status, good.status, setup.offered]).toEqual(['aborted', 'open', [5]])
})

test('what waits unread on all streams of a connection has a bound: the fullest stream goes', async () => {
  const setup = admitted()
  setup.room = new Promise(() => {})
  const streams = Array.from({ length: 5 }, () => setup.open())
  for (const stream of streams) stream.receive(encodeFrame(message(1)))
  await settled()
  for (const stream of streams) stream.receive(new Uint8Array(UNREAD_BYTES_MAX / 5))
  await setup.tick(1)
  expect(streams.map(({ status }) => status)).toEqual(Array.from(streams, () => 'open'))
  streams[2]?.receive(new Uint8Array(5))
  await setup.tick(1)
  expect(streams.map(({ status }) => status)).toEqual(['open', 'open', 'aborted', 'open', 'open'])
})

test('when the connection ends every stream is let go and nothing more is told, not even what was read', async () => {
  const setup = admitted()
  const room = Promise.withResolvers<void>()
  setup.room = room.promise
  const streams = [setup.open(), setup.open()]
  for (const stream of streams) stream.receive(encodeFrame(message(1)))
  await settled()
  setup.inbound.end()
  expect(streams.map(({ status }) => status)).toEqual(['aborted', 'aborted'])
  expect(setup.open().status).toBe('aborted')
  room.resolve()
  await settled()
  expect([setup.offered, setup.misbehaved]).toEqual([[1], []])
})

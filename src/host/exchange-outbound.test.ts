import type { Connection } from '@libp2p/interface'
import type { Uint8ArrayList } from 'uint8arraylist'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { EMPTY_EXCHANGE } from '../../test/empty-exchange.ts'
import { FakeConnection, namedError, OTHER_PEERS, type PeerStream, type StreamOpening } from '../../test/fake-libp2p.ts'
import type { OutgoingExchange } from '../core/exchange/exchange-message.ts'
import { toConnectionId } from '../core/ids.ts'
import { BITSWAP_PROTOCOL, ExchangeOutbound, IDLE_TICKS_MAX } from './exchange-outbound.ts'

const MESSAGE: OutgoingExchange = { ...EMPTY_EXCHANGE, isFullWantlist: true }
const TIMEOUT_MS = 10_000

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
})
afterEach(() => {
  vi.useRealTimers()
})

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

/** One connection whose streams open at once unless a test says otherwise. */
class Setup {
  readonly connection = new FakeConnection({
    id: 'a',
    peer: OTHER_PEERS[0] ?? '',
    direction: 'outbound',
    isLimited: false,
  })
  readonly told: string[] = []
  readonly streams: PeerStream[] = []
  readonly openings: StreamOpening[] = []
  opens: (opening: StreamOpening) => void = (opening) => void this.streams.push(opening.open())
  readonly outbound = new ExchangeOutbound({
    connection: this.connection as unknown as Connection,
    id: toConnectionId('a'),
    post: (event) => {
      this.told.push(`${event.sequence} ${event.type === 'exchange-sent' ? 'sent' : event.failure}`)
    },
  })

  constructor() {
    this.connection.onNewStream = (opening) => {
      this.openings.push(opening)
      this.opens(opening)
    }
  }

  async send(sequence: number): Promise<void> {
    const connection = toConnectionId('a')
    this.outbound.send({ type: 'send-exchange', connection, sequence, message: MESSAGE, timeoutMs: TIMEOUT_MS })
    await settled()
  }

  async tick(count: number): Promise<void> {
    for (let tick = 0; tick < count; tick++) this.outbound.tick()
    await settled()
  }
}

/** The peer lets its window fill up. */
function stall(stream: PeerStream): void {
  stream.writableNeedsDrain = true
  stream.writeBufferLength = 100
}

test('messages follow one another on one stream, each in its frame', async () => {
  const setup = new Setup()
  for (const sequence of [1, 2, 3]) await setup.send(sequence)
  expect(setup.told).toEqual(['1 sent', '2 sent', '3 sent'])
  expect(setup.openings.map(({ protocol }) => protocol)).toEqual([BITSWAP_PROTOCOL])
  const sent = setup.streams[0]?.sent.map((list) => [...(list as unknown as Uint8ArrayList).subarray()])
  expect(sent).toEqual(Array.from({ length: 3 }, () => [4, 0x0a, 2, 0x10, 1]))
  expect(setup.outbound.bytesOut).toBe(15)
})

test('a message is sent when its last byte has left, and not before', async () => {
  const setup = new Setup()
  await setup.send(1)
  const [stream] = setup.streams
  if (stream === undefined) throw new Error('expected a stream')
  stall(stream)
  await setup.send(2)
  // The window opens, and not far enough.
  stream.writeBufferLength = 10
  stream.writableNeedsDrain = false
  stream.dispatchEvent(new Event('drain'))
  await settled()
  expect(setup.told).toEqual(['1 sent'])
  // All is with the muxer, which is full itself.
  stream.writeBufferLength = 0
  stream.writableNeedsDrain = true
  stream.dispatchEvent(new Event('idle'))
  await settled()
  expect(setup.told).toEqual(['1 sent'])
  stream.writableNeedsDrain = false
  stream.dispatchEvent(new Event('drain'))
  await settled()
  expect(setup.told).toEqual(['1 sent', '2 sent'])
})

test('a peer that reads nothing costs the deadline and its stream; the next message gets a new one', async () => {
  const setup = new Setup()
  setup.opens = (opening) => {
    const stream = opening.open()
    if (setup.streams.length === 0) stall(stream)
    setup.streams.push(stream)
  }
  await setup.send(1)
  vi.advanceTimersByTime(TIMEOUT_MS - 1)
  expect(setup.told).toEqual([])
  vi.advanceTimersByTime(1)
  expect(setup.told).toEqual(['1 timeout'])
  expect(setup.streams[0]?.status).toBe('aborted')
  await setup.send(2)
  expect(setup.told).toEqual(['1 timeout', '2 sent'])
})

test('a peer that never answers the negotiation has one opening at a time, whatever is asked of it', async () => {
  const setup = new Setup()
  setup.opens = (opening) => opening.ignoreSignal()
  for (const sequence of [1, 2]) {
    await setup.send(sequence)
    vi.advanceTimersByTime(TIMEOUT_MS)
  }
  expect(setup.told).toEqual(['1 timeout', '2 timeout'])
  expect(setup.openings).toHaveLength(1)
  // It opens after all: nobody wants this one, and the next message opens its own.
  const late = setup.openings[0]?.open()
  await settled()
  expect(late?.status).toBe('aborted')
  setup.opens = (opening) => void setup.streams.push(opening.open())
  await setup.send(3)
  expect(setup.told).toEqual(['1 timeout', '2 timeout', '3 sent'])
})

test.each([
  ['UnsupportedProtocolError', 'unsupported'],
  ['ConnectionClosedError', 'closed'],
  ['LimitedConnectionError', 'refused'],
])('an opening that fails with %s is told as %s', async (name, failure) => {
  const setup = new Setup()
  setup.opens = (opening) => opening.fail(namedError(name))
  await setup.send(1)
  expect(setup.told).toEqual([`1 ${failure}`])
})

test('a message that is given up resets its stream and is told as cancelled, whether it was open or not', async () => {
  const setup = new Setup()
  setup.opens = () => {}
  await setup.send(1)
  setup.outbound.reset()
  await settled()
  setup.opens = (opening) => {
    const stream = opening.open()
    stall(stream)
    setup.streams.push(stream)
  }
  await setup.send(2)
  setup.outbound.reset()
  expect(setup.told).toEqual(['1 cancelled', '2 cancelled'])
  expect(setup.streams[0]?.status).toBe('aborted')
  setup.outbound.reset()
  vi.advanceTimersByTime(TIMEOUT_MS)
  expect(setup.told).toHaveLength(2)
})

test('a stream that the peer resets loses the message under way, and is replaced when it was idle', async () => {
  const setup = new Setup()
  await setup.send(1)
  const [first] = setup.streams
  first?.reset()
  await setup.send(2)
  const second = setup.streams[1]
  if (second === undefined) throw new Error('expected a second stream')
  stall(second)
  await setup.send(3)
  second.reset()
  expect(setup.told).toEqual(['1 sent', '2 sent', '3 closed'])
})

test('a stream is closed in the 8th idle tick, not in the 7th, and opened again when needed', async () => {
  const setup = new Setup()
  await setup.send(1)
  const [stream] = setup.streams
  const close = vi.spyOn(stream ?? (new EventTarget() as PeerStream), 'close')
  await setup.tick(IDLE_TICKS_MAX - 1)
  expect(close).not.toHaveBeenCalled()
  await setup.tick(1)
  expect(close).toHaveBeenCalledTimes(1)
  await setup.send(2)
  expect(setup.told).toEqual(['1 sent', '2 sent'])
  expect(setup.streams).toHaveLength(2)
})

test('a message under way is not idleness', async () => {
  const setup = new Setup()
  setup.opens = (opening) => {
    const stream = opening.open()
    stall(stream)
    setup.streams.push(stream)
  }
  await setup.send(1)
  await setup.tick(IDLE_TICKS_MAX * 2)
  expect(setup.streams[0]?.status).toBe('open')
})

// boxo #1142, its own three tests in our form.

test('boxo: a close that the peer never answers holds nobody up, and is cut off after 2 s', async () => {
  const setup = new Setup()
  await setup.send(1)
  const [stream] = setup.streams
  if (stream === undefined) throw new Error('expected a stream')
  stream.close = () => new Promise(() => {})
  await setup.tick(IDLE_TICKS_MAX)
  await setup.send(2)
  expect(setup.told).toEqual(['1 sent', '2 sent'])
  vi.advanceTimersByTime(1_999)
  expect(stream.status).toBe('open')
  vi.advanceTimersByTime(1)
  expect(stream.status).toBe('aborted')
  expect(vi.getTimerCount()).toBe(0)
})

test('boxo: fifty callers whose closes hang do not wait for one another', async () => {
  const setups = Array.from({ length: 50 }, () => new Setup())
  const closings = vi.fn(() => new Promise<void>(() => {}))
  for (const setup of setups) {
    setup.opens = (opening) => void setup.streams.push(Object.assign(opening.open(), { close: closings }))
  }
  for (const sequence of [1, 2]) {
    await Promise.all(setups.map((setup) => setup.send(sequence)))
    await Promise.all(setups.map((setup) => setup.tick(IDLE_TICKS_MAX)))
  }
  expect(setups.map(({ told }) => told)).toEqual(Array.from({ length: 50 }, () => ['1 sent', '2 sent']))
  expect(closings).toHaveBeenCalledTimes(100)
  // One close a connection: the second cut the first off, without waiting for its time.
  for (const { streams } of setups) expect(streams.map(({ status }) => status)).toEqual(['aborted', 'open'])
  for (const { outbound } of setups) outbound.end()
  expect(vi.getTimerCount()).toBe(0)
})

test.each([
  [
    'throws',
    () => {
      throw new Error('no')
    },
  ],
  ['rejects', () => Promise.reject(new Error('no'))],
])('boxo: a close that %s harms nobody, and its stream is gone', async (_name, close) => {
  const setup = new Setup()
  await setup.send(1)
  const [stream] = setup.streams
  if (stream === undefined) throw new Error('expected a stream')
  stream.close = close
  await setup.tick(IDLE_TICKS_MAX)
  expect(stream.status).toBe('aborted')
  await setup.send(2)
  expect(setup.told).toEqual(['1 sent', '2 sent'])
  expect(vi.getTimerCount()).toBe(0)
})

test('when the connection ends a message under way fails, everything is let go, and what is still sent fails at once', async () => {
  const setup = new Setup()
  await setup.send(1)
  const [stream] = setup.streams
  if (stream === undefined) throw new Error('expected a stream')
  stall(stream)
  await setup.send(2)
  setup.outbound.end()
  expect(setup.told).toEqual(['1 sent', '2 closed'])
  expect(stream.status).toBe('aborted')
  expect(vi.getTimerCount()).toBe(0)
  await setup.send(3)
  expect(setup.told.slice(2)).toEqual(['3 closed'])
})

test('a second message before the first is settled is a bug of the caller', async () => {
  const setup = new Setup()
  setup.opens = () => {}
  await setup.send(1)
  await expect(setup.send(2)).rejects.toThrow('expected one message at a time, got 2 in between')
})

import type { Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { FakeStream } from '../../test/interop/libp2p-fake-stream.ts'
import { encodeFrame } from '../wire/frame.ts'
import { FrameStream, STALLED_TICKS_MAX, STREAM_QUEUE_BYTES_MAX, type StreamEnd } from './frame-stream.ts'

function make(onFrame: (payload: Uint8Array) => void | Promise<void> = () => {}): {
  readonly stream: FakeStream
  readonly frames: FrameStream
  readonly ends: StreamEnd[]
} {
  const stream = new FakeStream()
  const ends: StreamEnd[] = []
  const frames = new FrameStream({
    stream: stream as unknown as Stream,
    payloadBytesMax: STREAM_QUEUE_BYTES_MAX,
    onFrame,
    onEnd: (end) => ends.push(end),
  })
  return { stream, frames, ends }
}

test('a stream that takes nothing for 30 ticks is given up in the 31st', () => {
  const { stream, frames, ends } = make()
  stream.writableNeedsDrain = true
  frames.send(new Uint8Array(10))
  for (let tick = 0; tick < STALLED_TICKS_MAX; tick++) frames.tick()
  expect(ends).toEqual([])
  frames.tick()
  expect(ends).toEqual([{ type: 'timeout' }])
  expect(stream.status).toBe('aborted')
})

test('progress between ticks, and an idle stream, are no stall', async () => {
  const { stream, frames, ends } = make()
  for (let tick = 0; tick < 100; tick++) frames.tick()
  stream.writableNeedsDrain = true
  frames.send(new Uint8Array(10))
  for (let tick = 0; tick < STALLED_TICKS_MAX; tick++) frames.tick()
  stream.writableNeedsDrain = false
  stream.dispatchEvent(new Event('drain'))
  await Promise.resolve().then(() => {})
  await Promise.resolve()
  expect(stream.sent).toHaveLength(1)
  for (let tick = 0; tick < 100; tick++) frames.tick()
  expect(ends).toEqual([])
})

test('one byte within the bound waits, one byte over it ends the stream', () => {
  for (const [sizeBytes, expected] of [
    [STREAM_QUEUE_BYTES_MAX - 3, []],
    [STREAM_QUEUE_BYTES_MAX - 2, [{ type: 'overflow' }]],
  ] as const) {
    const { stream, frames, ends } = make()
    stream.writableNeedsDrain = true
    frames.send(new Uint8Array(sizeBytes))
    expect(ends).toEqual(expected)
  }
})

test('the stream is paused while a frame is worked on, also when it comes as the window opens again', async () => {
  const release: (() => void)[] = []
  const { stream } = make(() => new Promise<void>((resolve) => release.push(resolve)))
  stream.receive(encodeFrame(Uint8Array.of(1)))
  expect(stream.readStatus).toBe('paused')
  stream.held.push(encodeFrame(Uint8Array.of(2)))
  release.shift()?.()
  await new Promise((resolve) => setImmediate(resolve))
  // Paused again after the window opened: the other way round libp2p would keep it open.
  expect(stream.calls).toEqual(['pause', 'resume', 'window opened', 'pause'])
  expect(release).toHaveLength(1)
})

test('a stream that was reset before anybody listened has ended', async () => {
  const stream = new FakeStream()
  stream.status = 'reset'
  const ends: StreamEnd[] = []
  const options = { stream: stream as unknown as Stream, payloadBytesMax: 9, onFrame: () => {} }
  new FrameStream({ ...options, onEnd: (end) => ends.push(end) })
  await Promise.resolve()
  expect(ends).toEqual([{ type: 'closed' }])
})

import type { Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { FakeStream } from '../../test/interop/libp2p-fake-stream.ts'
import { joinBytes } from '../core/join-bytes.ts'
import { encodeFrame } from '../wire/frame.ts'
import { FrameStream } from './frame-stream.ts'
import { freeSpent, handOver } from './spent-bytes.ts'

function handedOver(sizeBytes: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(sizeBytes)
  handOver(bytes)
  return bytes
}

test.each([0, 12])('memory that was handed over is free when all behind its first %i bytes is spent', (headerBytes) => {
  const bytes = handedOver(100)
  freeSpent(bytes.subarray(headerBytes))
  expect(bytes.buffer.detached).toBe(true)
})

test('memory stays when others may look at it', () => {
  const bytes = handedOver(100)
  freeSpent(bytes.subarray(13))
  freeSpent(bytes.subarray(0, 99))
  const ofOthers = new Uint8Array(100)
  freeSpent(ofOthers)
  expect([bytes.buffer.detached, ofOthers.buffer.detached]).toEqual([false, false])
})

test('bytes that are spent once more are no error', () => {
  const bytes = handedOver(100)
  freeSpent(bytes)
  freeSpent(bytes)
  expect(bytes.length).toBe(0)
})

test('a stream of frames frees memory that was handed over when it has read all of it, and not before', async () => {
  const stream = new FakeStream()
  const bytes = joinBytes([1, 2].map((value) => encodeFrame(Uint8Array.of(value))))
  handOver(bytes)
  const read: unknown[] = []
  new FrameStream({
    stream: stream as unknown as Stream,
    payloadBytesMax: 1,
    onFrame: async ([value]) => {
      await Promise.resolve()
      read.push([value, bytes.length])
    },
    onEnd: () => {},
  })
  stream.receive(bytes)
  await expect.poll(() => bytes.length).toBe(0)
  expect(read).toEqual([
    [1, 4],
    [2, 4],
  ])
})

test('a frame that is sent is handed over: who sends it on frees it', () => {
  const stream = new FakeStream()
  const frames = new FrameStream({
    stream: stream as unknown as Stream,
    payloadBytesMax: 100,
    onFrame: () => {},
    onEnd: () => {},
  })
  const payload = new Uint8Array(100)
  frames.send(payload)
  const [sent] = stream.sent
  expect(sent?.length).toBe(101)
  freeSpent(sent ?? payload)
  expect([sent?.length, payload.length]).toEqual([0, 100])
})

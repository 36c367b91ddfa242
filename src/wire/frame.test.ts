import fc from 'fast-check'
import { expect, test } from 'vitest'
import { joinBytes } from '../core/join-bytes.ts'
import { encodeFrame, FrameReader, PayloadPool } from './frame.ts'
import { WireError } from './wire-error.ts'

function readAll(reader: FrameReader, chunks: readonly Uint8Array[]): Uint8Array[] {
  const payloads: Uint8Array[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let payload = reader.next(); payload !== undefined; payload = reader.next()) payloads.push(payload)
  }
  return payloads
}

function split(bytes: Uint8Array, cuts: readonly number[]): Uint8Array[] {
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length].sort((a, b) => a - b)
  return places.slice(1).map((place, index) => bytes.subarray(places[index], place))
}

test('frames come out as they went in, however the stream is split', () => {
  const payload = fc.uint8Array({ maxLength: 300 })
  fc.assert(
    fc.property(fc.array(payload, { maxLength: 6 }), fc.array(fc.nat(), { maxLength: 12 }), (payloads, cuts) => {
      const stream = joinBytes(payloads.map(encodeFrame))
      const reader = new FrameReader(300)
      expect(readAll(reader, split(stream, cuts))).toEqual(payloads)
    }),
  )
})

test.each([299, 300])('a frame of %i bytes passes a limit of 300', (sizeBytes) => {
  expect(readAll(new FrameReader(300), [encodeFrame(new Uint8Array(sizeBytes))])).toHaveLength(1)
})

test('a frame of 301 bytes is refused at its length, before a byte of it is held', () => {
  const reader = new FrameReader(300)
  reader.push(encodeFrame(new Uint8Array(301)).subarray(0, 2))
  expect(() => reader.next()).toThrow(new WireError('oversize', 'expected a frame of at most 300 bytes, got 301'))
})

test('a length that never ends is refused', () => {
  const reader = new FrameReader(300)
  reader.push(new Uint8Array(10).fill(0x80))
  expect(() => reader.next()).toThrow('expected a frame length of at most 4 bytes, got a longer one')
})

test('a payload does not change when the chunk that it came in does', () => {
  const reader = new FrameReader(300)
  const chunk = encodeFrame(Uint8Array.of(1, 2, 3))
  const [payload] = readAll(reader, [chunk])
  chunk.fill(9)
  expect(payload).toEqual(Uint8Array.of(1, 2, 3))
})

test('the memory of a long payload is used again once it was given back, and not before', () => {
  const pool = new PayloadPool(100)
  const reader = new FrameReader(300, pool)
  const read = (sizeBytes: number): Uint8Array => {
    const [payload] = readAll(reader, [encodeFrame(new Uint8Array(sizeBytes).fill(sizeBytes))])
    expect(payload).toEqual(new Uint8Array(sizeBytes).fill(sizeBytes))
    return payload ?? new Uint8Array()
  }
  const [first, second] = [read(100), read(90)]
  expect(second.buffer).not.toBe(first.buffer)
  pool.giveBack(first)
  expect(read(50).buffer).toBe(first.buffer)
  expect(read(50).buffer).not.toBe(first.buffer)
  for (const sizeBytes of [49, 101]) {
    const other = read(sizeBytes)
    pool.giveBack(other)
    expect(read(sizeBytes).buffer).not.toBe(other.buffer)
  }
})

test('what comes back to a pool and is not used again is free at once', () => {
  const pool = new PayloadPool(100_000)
  const taken = [100_000, 100_000, 100_000, 100_000, 100_000, 20_000, 8_191].map((sizeBytes) => pool.take(sizeBytes))
  for (const payload of taken) pool.giveBack(payload)
  expect(taken.map(({ length }) => length)).toEqual([100_000, 100_000, 100_000, 100_000, 0, 0, 8_191])
})

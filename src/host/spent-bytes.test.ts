import { expect, test } from 'vitest'
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

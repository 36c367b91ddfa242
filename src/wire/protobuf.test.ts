import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ProtobufFields, ProtobufWriter } from './protobuf.ts'
import { ProtobufReader } from './protobuf-reader.ts'

test('numbers up to 2^53 - 1 come back; beyond it a field holds none that we can read', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (value) => {
      const bytes = new ProtobufWriter().varint(1, value).finish()
      expect(new ProtobufFields(bytes).varint(1, 'it')).toBe(value)
      const reader = new ProtobufReader(bytes)
      expect(reader.next()).toBe(true)
      expect(reader.int32()).toBe(Number(BigInt.asIntN(32, BigInt(value))))
    }),
  )
  const borders = [2 ** 31, 2 ** 32 - 1, 2 ** 32, 2 ** 35, Number.MAX_SAFE_INTEGER]
  for (const value of borders) {
    expect(new ProtobufFields(new ProtobufWriter().varint(1, value).finish()).varint(1, 'it')).toBe(value)
  }
  const beyond = Uint8Array.of(8, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10)
  expect(() => new ProtobufFields(beyond).varint(1, 'it')).toThrow('expected it as a number, got another type')
})

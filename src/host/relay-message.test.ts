import { expect, test } from 'vitest'
import { ProtobufWriter } from '../wire/protobuf.ts'
import { decodeHopStatus, decodeStopConnect, encodeConnect, encodeReserve, encodeStopStatus } from './relay-message.ts'

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const message = (): ProtobufWriter => new ProtobufWriter()

test('what is said is what Circuit Relay v2 asks for', () => {
  expect(hex(encodeReserve())).toBe('0800')
  expect(hex(encodeConnect(Uint8Array.of(7, 8)))).toBe('080112040a020708')
  expect(hex(encodeStopStatus(100))).toBe('08012064')
})

test('a place is told with its time and the addresses, at most 16 of them; what we do not use is skipped', () => {
  const address = Uint8Array.of(1, 2, 3)
  const reservation = message().varint(1, 4_000_000_000)
  for (let count = 0; count < 20; count++) reservation.bytes(2, address)
  reservation.bytes(3, Uint8Array.of(9))
  const limit = message().varint(1, 60).finish()
  const bytes = message().varint(1, 2).bytes(3, reservation.finish()).bytes(4, limit).varint(5, 100).finish()
  expect(decodeHopStatus(bytes)).toEqual({
    status: 100,
    expires: 4_000_000_000,
    addresses: Array.from({ length: 16 }, () => address),
  })
  expect(decodeHopStatus(message().varint(5, 200).finish())).toEqual({ status: 200, expires: undefined, addresses: [] })
  expect(decodeHopStatus(new Uint8Array())).toMatchObject({ status: 0 })
})

test('who calls is read, and nothing else is taken for a call', () => {
  const peer = message().bytes(1, Uint8Array.of(7, 8)).finish()
  expect(decodeStopConnect(message().varint(1, 0).bytes(2, peer).finish())).toEqual(Uint8Array.of(7, 8))
  expect(decodeStopConnect(message().varint(1, 1).bytes(2, peer).finish())).toBeUndefined()
  expect(decodeStopConnect(message().bytes(2, peer).finish())).toBeUndefined()
  expect(decodeStopConnect(message().varint(1, 0).finish())).toBeUndefined()
})

test('half a message is refused', () => {
  const whole = message()
    .varint(1, 0)
    .bytes(2, message().bytes(1, new Uint8Array(34)).finish())
    .finish()
  expect(() => decodeStopConnect(whole.subarray(0, 20))).toThrow(/^expected a whole message/)
  expect(() => decodeHopStatus(Uint8Array.of(0x2a, 0xff))).toThrow(/^expected a whole message/)
})

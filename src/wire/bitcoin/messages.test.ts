import { hash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toRoot, type Root } from '../../core/ids.ts'
import { WireError } from '../wire-error.ts'
import { decodeAddresses, decodeAddressesV2 } from './address-messages.ts'
import { decodeGetHeaders, decodeHeaders, encodeGetHeaders, encodeHeaders } from './header-messages.ts'
import {
  decodeInventory,
  encodeInventory,
  INVENTORY_BLOCK,
  INVENTORY_WITNESS_BLOCK,
  type InventoryItem,
} from './inventory-message.ts'
import { BitcoinMessageReader, encodeBitcoinMessage, type BitcoinMessage } from './message-frame.ts'
import { payloadBytesMaxOf } from './message-limits.ts'
import { bitcoinWireNetwork } from './network.ts'
import { PayloadReader, PayloadWriter } from './payload.ts'
import { decodeVersion, encodeVersion } from './version-message.ts'

const MAGIC = 'f9beb4d9'
const HEADER_BYTES = 80
/** The genesis header's root: the only one that needs no data. */
const GENESIS = toRoot('000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f')

const doubleSha256 = (bytes: Uint8Array): Uint8Array => hash('sha256', hash('sha256', bytes, 'buffer'), 'buffer')
const bytesOf = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'))
const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')
const message = (command: string, payload: Uint8Array): Uint8Array =>
  encodeBitcoinMessage({ magic: MAGIC, command, payload, doubleSha256 })

function read(chunks: readonly Uint8Array[], isWanted: (command: string) => boolean = () => true): BitcoinMessage[] {
  const reader = new BitcoinMessageReader({ magic: MAGIC, isWanted, doubleSha256 })
  const messages: BitcoinMessage[] = []
  for (const chunk of chunks) {
    reader.push(chunk)
    for (let next = reader.next(); next !== undefined; next = reader.next()) messages.push(next)
  }
  return messages
}

const root: fc.Arbitrary<Root> = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => toRoot(Buffer.from(bytes).toString('hex')))

// The vectors of https://en.bitcoin.it/wiki/Protocol_documentation.
const VERACK = 'f9beb4d9 76657261636b000000000000 00000000 5df6e0e2'
const VERSION_PAYLOAD =
  '62ea0000 0100000000000000 11b2d05000000000' +
  '010000000000000000000000000000000000ffff000000000000 010000000000000000000000000000000000ffff000000000000' +
  '3b2eb35d8ce61765 0f2f5361746f7368693a302e372e322f c03e0300'
const VERSION = `f9beb4d9 76657273696f6e0000000000 64000000 3b648d5a ${VERSION_PAYLOAD}`

test('the known verack and version messages are written and read', () => {
  expect(hexOf(message('verack', new Uint8Array(0)))).toBe(hexOf(bytesOf(VERACK)))
  expect(hexOf(message('version', bytesOf(VERSION_PAYLOAD)))).toBe(hexOf(bytesOf(VERSION)))
  const [version, verack] = read([bytesOf(VERSION), bytesOf(VERACK)])
  expect(verack).toEqual({ command: 'verack', payload: new Uint8Array(0) })
  expect(decodeVersion(version?.payload ?? new Uint8Array(0))).toEqual({
    protocolVersion: 60_002,
    services: 1n,
    nonce: 0x6517_e68c_5db3_2e3bn,
    userAgent: '/Satoshi:0.7.2/',
    startHeight: 212_672,
  })
})

test('a version comes out as it went in', () => {
  const version = {
    protocolVersion: 70_016,
    services: 0x409n,
    nonce: 2n ** 64n - 1n,
    userAgent: '/rushlight:0.1.0/',
    startHeight: 900_000,
  }
  expect(decodeVersion(encodeVersion(version, 1_700_000_000))).toEqual(version)
})

test("a peer's user agent is cut to 64 printable characters", () => {
  const version = {
    protocolVersion: 70_016,
    services: 0n,
    nonce: 1n,
    userAgent: '\x1b[31m' + 'é'.repeat(80),
    startHeight: 0,
  }
  expect(decodeVersion(encodeVersion(version, 0)).userAgent).toBe('?[31m' + '?'.repeat(59))
})

test('a height below zero is none, and a protocol without getheaders is refused', () => {
  const version = { protocolVersion: 70_016, services: 0n, nonce: 1n, userAgent: '', startHeight: -1 }
  expect(decodeVersion(encodeVersion(version, 0)).startHeight).toBe(0)
  expect(decodeVersion(encodeVersion({ ...version, protocolVersion: 31_800 }, 0)).protocolVersion).toBe(31_800)
  expect(() => decodeVersion(encodeVersion({ ...version, protocolVersion: 31_799 }, 0))).toThrow(WireError)
})

test('messages come out whole, wherever the stream is split', () => {
  const stream = Buffer.concat([
    message('ping', new Uint8Array(8).fill(7)),
    message('headers', encodeHeaders(new Uint8Array(160))),
    bytesOf(VERACK),
  ])
  const whole = read([stream])
  expect(whole.map(({ command }) => command)).toEqual(['ping', 'headers', 'verack'])
  for (let split = 1; split < stream.length; split += 1) {
    expect(read([stream.subarray(0, split), stream.subarray(split)])).toEqual(whole)
  }
  expect(read(Array.from(stream, (byte) => Uint8Array.of(byte)))).toEqual(whole)
})

test('a message that nobody wants is skipped, whatever its checksum, and the next one is read', () => {
  const large = message('tx', new Uint8Array(4_000_000))
  large.fill(0, 20, 24)
  expect(read([large, bytesOf(VERACK)], (command) => command !== 'tx')).toEqual([
    { command: 'tx', payload: undefined },
    { command: 'verack', payload: new Uint8Array(0) },
  ])
})

test('a message larger than is set aside at first comes out whole', () => {
  const payload = Uint8Array.from({ length: 1_500_000 }, (_, index) => index % 251)
  const stream = message('block', payload)
  const chunks = Array.from({ length: 100 }, (_, index) => stream.subarray(index * 15_001, (index + 1) * 15_001))
  const [block] = read(chunks)
  expect(block?.payload?.length).toBe(payload.length)
  expect(Buffer.from(payload).equals(block?.payload ?? new Uint8Array(0))).toBe(true)
})

test.each([
  [
    'another magic',
    'f9beb4d8 76657261636b000000000000 00000000 5df6e0e2',
    /expected a message with magic f9beb4d9, got f9beb4d8/,
  ],
  ['another checksum', 'f9beb4d9 76657261636b000000000000 00000000 5df6e0e3', /checksum/],
  ['a command with a letter behind its end', 'f9beb4d9 76657261636b000000000061 00000000 5df6e0e2', /command/],
  ['a command that is empty', 'f9beb4d9 000000000000000000000000 00000000 5df6e0e2', /command/],
  ['a command that is not ASCII', 'f9beb4d9 ff657261636b000000000000 00000000 5df6e0e2', /command/],
])('%s is refused', (_, hex, expected) => {
  expect(() => read([bytesOf(hex)])).toThrow(expected)
})

test('another magic is seen before the rest of the header is here', () => {
  expect(() => read([bytesOf('0b110907')])).toThrow(WireError)
})

test.each(['verack', 'ping', 'headers', 'getheaders', 'inv', 'addr', 'addrv2', 'block', 'anything'])(
  'a %s may be as large as its limit and no larger',
  (command) => {
    const header = message(command, new Uint8Array(0)).slice(0, 24)
    const view = new DataView(header.buffer)
    const limit = payloadBytesMaxOf(command)
    view.setUint32(16, limit, true)
    if (limit > 0) expect(read([header])).toEqual([])
    view.setUint32(16, limit + 1, true)
    expect(() => read([header])).toThrow(`expected at most ${limit} bytes of ${command}, got ${limit + 1}`)
  },
)

test('2,000 headers fit a message, 2,001 do not', () => {
  const most = encodeHeaders(new Uint8Array(2_000 * HEADER_BYTES))
  expect(most.length).toBe(payloadBytesMaxOf('headers'))
  expect(decodeHeaders(most).length).toBe(2_000 * HEADER_BYTES)
  const tooMany = encodeHeaders(new Uint8Array(2_001 * HEADER_BYTES))
  expect(tooMany.length).toBeGreaterThan(payloadBytesMaxOf('headers'))
  expect(() => decodeHeaders(tooMany)).toThrow('expected at most 2000 headers in headers, got 2001')
})

test('headers come out as they went in', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 255 }), (count, byte) => {
      const headers = Uint8Array.from({ length: count * HEADER_BYTES }, (_, index) => index ^ byte)
      expect(decodeHeaders(encodeHeaders(headers))).toEqual(headers)
    }),
  )
})

test.each([
  ['a byte short', encodeHeaders(new Uint8Array(80)).slice(0, -1)],
  ['a byte long', Uint8Array.from([...encodeHeaders(new Uint8Array(80)), 0])],
  ['with transactions', Uint8Array.from([1, ...new Uint8Array(80), 1])],
])('headers %s are refused', (_, payload) => {
  expect(() => decodeHeaders(payload)).toThrow(WireError)
})

test('getheaders comes out as it went in', () => {
  fc.assert(
    fc.property(fc.array(root, { maxLength: 101 }), fc.option(root, { nil: undefined }), (locator, stop) => {
      fc.pre(stop !== '0'.repeat(64))
      expect(decodeGetHeaders(encodeGetHeaders({ locator, stop }))).toEqual({ locator, stop })
    }),
  )
})

test('a locator of 101 entries is the longest; one more is cut and ends in genesis all the same', () => {
  const long = Array.from({ length: 101 }, (_, index) => toRoot(String(index).padStart(64, '0')))
  expect(decodeGetHeaders(encodeGetHeaders({ locator: [...long, GENESIS], stop: undefined })).locator).toEqual([
    ...long.slice(0, 100),
    GENESIS,
  ])
  const payload = encodeGetHeaders({ locator: long, stop: undefined })
  expect(payload.length).toBeLessThanOrEqual(payloadBytesMaxOf('getheaders'))
  expect(() =>
    decodeGetHeaders(Uint8Array.from([...payload.slice(0, 4), 102, ...payload.slice(5), ...new Uint8Array(32)])),
  ).toThrow('expected at most 101 locator entries in getheaders, got 102')
})

test('roots go over the wire as hashed: the shown hex reversed', () => {
  const payload = encodeGetHeaders({ locator: [GENESIS], stop: undefined })
  expect(hexOf(payload.slice(5, 37))).toBe('6fe28c0ab6f1b372c1a6a246ae63f74f931e8365e15a089c68d6190000000000')
})

test('an inventory comes out as it went in, and transactions are left out', () => {
  const item: fc.Arbitrary<InventoryItem> = fc.record({
    type: fc.constantFrom(INVENTORY_BLOCK, INVENTORY_WITNESS_BLOCK),
    root,
  })
  fc.assert(
    fc.property(fc.array(item, { maxLength: 20 }), (items) => {
      expect(decodeInventory(encodeInventory(items), 'inv')).toEqual(items)
    }),
  )
  const mixed = new PayloadWriter().compactSize(2).uint32(1).root(GENESIS).uint32(2).root(GENESIS).finish()
  expect(decodeInventory(mixed, 'inv')).toEqual([{ type: 2, root: GENESIS }])
})

test('an inventory of more than 50,000 items is refused', () => {
  const payload = new PayloadWriter().compactSize(50_001).finish()
  expect(() => decodeInventory(payload, 'inv')).toThrow('expected at most 50000 items in inv, got 50001')
})

test('addresses of both forms are read', () => {
  const addr = bytesOf('01 e215104d 0100000000000000 00000000000000000000ffff0a000001 208d')
  expect(decodeAddresses(addr)).toEqual([{ host: '10.0.0.1', port: 8333, services: 1n, seenUnixSeconds: 0x4d1015e2 }])
  const addrv2 = bytesOf(
    '03 61bc6649 00 01 04 01020304 208d' +
      '79627683 01 04 20 53cd5648488c4707914182655b7664034e09e66f7e8cbf1084e654eb56c5bd88 0235' +
      'ffffffff fd0904 02 10 20010db8000000000000000000000001 20a0',
  )
  expect(decodeAddressesV2(addrv2)).toEqual([
    { host: '1.2.3.4', port: 8333, services: 0n, seenUnixSeconds: 0x4966bc61 },
    { host: '2001:db8:0:0:0:0:0:1', port: 8352, services: 0x409n, seenUnixSeconds: 0xffff_ffff },
  ])
})

test('more than 1,000 addresses, and an address of more than 512 bytes, are refused', () => {
  expect(() => decodeAddresses(new PayloadWriter().compactSize(1_001).finish())).toThrow('at most 1000 addresses')
  const long = new PayloadWriter().compactSize(1).uint32(0).compactSize(1).uint8(7).compactSize(513).finish()
  expect(() => decodeAddressesV2(long)).toThrow('at most 512 bytes of address')
})

test.each([
  [0xfc, 'fc'],
  [0xfd, 'fdfd00'],
  [0xffff, 'fdffff'],
  [0x1_0000, 'fe00000100'],
])('a compact size of %i has one form', (value, hex) => {
  expect(hexOf(new PayloadWriter().compactSize(value).finish())).toBe(hex)
  expect(new PayloadReader(bytesOf(hex), 'test').compactSize(value, 'things')).toBe(value)
  expect(() => new PayloadReader(bytesOf(hex), 'test').compactSize(value - 1, 'things')).toThrow(WireError)
})

test.each(['fdfc00', 'feffff0000', 'ffffffffff00000000'])('a compact size in a longer form (%s) is refused', (hex) => {
  expect(() => new PayloadReader(bytesOf(hex), 'test').compactSize64()).toThrow('shortest form')
})

test('each network has a magic of its own, and an unknown chain is told so', () => {
  expect(bitcoinWireNetwork('bitcoin:regtest').magic).toBe('fabfb5da')
  expect(() => bitcoinWireNetwork('bitcoin:moon')).toThrow(
    /expected a chain with a Bitcoin network .* got "bitcoin:moon"/,
  )
})

test('100,000 spoilt messages are read or refused, and nothing else happens', () => {
  const payloads: Record<string, Uint8Array> = {
    version: bytesOf(VERSION_PAYLOAD),
    verack: new Uint8Array(0),
    ping: new Uint8Array(8),
    headers: encodeHeaders(new Uint8Array(240)),
    getheaders: encodeGetHeaders({ locator: [GENESIS, GENESIS], stop: GENESIS }),
    inv: encodeInventory([{ type: INVENTORY_BLOCK, root: GENESIS }]),
    addr: bytesOf('01 e215104d 0100000000000000 00000000000000000000ffff0a000001 208d'),
    addrv2: bytesOf('01 61bc6649 00 01 04 01020304 208d'),
  }
  const decoders: Record<string, (payload: Uint8Array) => unknown> = {
    version: decodeVersion,
    headers: decodeHeaders,
    getheaders: decodeGetHeaders,
    inv: (payload) => decodeInventory(payload, 'inv'),
    addr: decodeAddresses,
    addrv2: decodeAddressesV2,
  }
  let state = 20_260_101
  const random = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
  const commands = Object.keys(payloads)
  let refusedCount = 0
  for (let round = 0; round < 100_000; round += 1) {
    const command = commands[random(commands.length)] ?? 'ping'
    const payload = (payloads[command] ?? new Uint8Array(0)).slice(0, random(4) === 0 ? random(20) : undefined)
    // Half of them with a checksum that fits, so that the decoders see what is spoilt.
    if (payload.length > 0 && random(2) === 0) payload[random(payload.length)] = random(256)
    const stream = message(command, payload)
    if (random(2) === 0) stream[random(stream.length)] = random(256)
    try {
      for (const { command, payload } of read([stream])) if (payload !== undefined) decoders[command]?.(payload)
    } catch (error) {
      if (!(error instanceof WireError)) throw error
      refusedCount += 1
    }
  }
  expect(refusedCount).toBeGreaterThan(20_000)
})

import { randomBytes } from 'node:crypto'
import { markAsUntransferable } from 'node:worker_threads'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { multiaddrConnectionPair } from '@libp2p/utils'
import type { Logger, MessageStream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { expect, test } from 'vitest'
import { leanNoise } from './lean-noise.nodejs.ts'
import type { Libp2pComponents } from './libp2p-core.ts'
import { freeSpent } from './spent-bytes.ts'

const SILENT: Logger = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: () => SILENT,
})

interface SecuredPair {
  readonly lean: MessageStream
  readonly plain: MessageStream
  /** Below `plain`, where the sealed bytes pass. */
  readonly below: MessageStream
  /** Below `lean`. */
  readonly own: MessageStream
}

/** As much of TCP's socket as is looked at. */
class FakeSocket {
  writableLength = 0
  writableCorked = 0
  corkCount = 0

  cork(): void {
    this.corkCount += 1
    this.writableCorked += 1
  }

  uncork(): void {
    this.writableCorked -= 1
  }
}

/** With `socket` the connection below the lean one is as TCP's is. */
async function securedPair(socket?: FakeSocket): Promise<SecuredPair> {
  const componentsOf = async (): Promise<Libp2pComponents> =>
    ({
      privateKey: await generateKeyPair('Ed25519'),
      logger: { forComponent: () => SILENT },
      upgrader: { getStreamMuxers: () => new Map() },
    }) as unknown as Libp2pComponents
  const [one, other] = multiaddrConnectionPair()
  if (socket !== undefined) Object.assign(one, { socket })
  const options = { skipStreamMuxerNegotiation: true, signal: AbortSignal.timeout(10_000) }
  const [lean, plain] = await Promise.all([
    leanNoise(noise())(await componentsOf()).secureInbound(one, options),
    noise()(await componentsOf()).secureOutbound(other, options),
  ])
  return { lean: lean.connection, plain: plain.connection, below: other, own: one }
}

/** One message, without its length. */
function sealedBy(stream: MessageStream, bytes: Uint8Array): Uint8Array {
  const connection = stream as unknown as { encrypt(bytes: Uint8Array): Uint8ArrayList }
  return connection.encrypt(bytes).subarray(2)
}

async function read(stream: MessageStream, sizeBytes: number): Promise<Uint8Array> {
  const received = new Uint8ArrayList()
  await new Promise<void>((resolve) => {
    stream.addEventListener('message', ({ data }) => {
      received.append(data)
      if (received.byteLength >= sizeBytes) resolve()
    })
  })
  return received.subarray()
}

test.each([1, 1_183, 1_184, 65_519, 65_520, 1_000_000])('%i bytes come as they went', async (sizeBytes) => {
  const { lean, plain } = await securedPair()
  const bytes = Uint8Array.from(randomBytes(sizeBytes))
  const received = Promise.all([read(lean, sizeBytes), read(plain, sizeBytes)])
  plain.send(bytes)
  lean.send(bytes)
  for (const each of await received) expect(Buffer.compare(each, bytes)).toBe(0)
})

test('the connection that noise makes is as it was when this was written: nothing is joined that comes', async () => {
  const { lean, plain } = await securedPair()
  const [leanConnection, plainConnection] = [lean, plain] as unknown as Record<'decrypt', (bytes: Uint8Array) => void>[]
  expect(plainConnection?.decrypt.length).toBe(1)
  const joined: unknown[] = []
  class Watched extends Uint8ArrayList {
    override subarray(start?: number, end?: number): Uint8Array<ArrayBuffer> {
      joined.push([start, end])
      return super.subarray(start, end) as Uint8Array<ArrayBuffer>
    }
  }
  expect(() => leanConnection?.decrypt(new Watched(new Uint8Array(700), new Uint8Array(700)) as never)).toThrow()
  expect(joined).toEqual([[1_384, undefined]])
})

test('a message without a tag, or with a wrong one, ends the connection', async () => {
  for (const sizeBytes of [15, 16, 2_000]) {
    const { lean } = await securedPair()
    const { decrypt } = lean as unknown as Record<'decrypt', (bytes: Uint8Array) => void>
    expect(() => decrypt(new Uint8Array(sizeBytes))).toThrow()
  }
})

test('what came from a socket is free when it is decrypted, and its plaintext when it is read', async () => {
  const { lean, plain } = await securedPair(new FakeSocket())
  const { decrypt } = lean as unknown as Record<'decrypt', (bytes: Uint8ArrayList) => Uint8ArrayList>
  const bytes = Uint8Array.from(randomBytes(40_000))
  const first = sealedBy(plain, bytes)
  const second = sealedBy(plain, bytes)
  const read = Uint8Array.from([...first, ...second])
  const half = decrypt(new Uint8ArrayList(read.subarray(0, first.length)))
  expect(read.buffer.detached).toBe(false)
  const plaintext = decrypt(new Uint8ArrayList(read.subarray(first.length)))
  expect(read.buffer.detached).toBe(true)
  for (const each of [half, plaintext]) expect(Buffer.compare(each.subarray(), bytes)).toBe(0)
  for (const piece of plaintext) freeSpent(piece)
  expect([...plaintext].map(({ length }) => length)).toEqual([0])
})

test('memory that Node.js cut a buffer out of is left to the others in it', async () => {
  const { lean, plain } = await securedPair(new FakeSocket())
  const { decrypt } = lean as unknown as Record<'decrypt', (bytes: Uint8Array) => Uint8ArrayList>
  const read = Uint8Array.from(sealedBy(plain, new Uint8Array(40_000)))
  markAsUntransferable(read.buffer)
  decrypt(read)
  expect(read.buffer.detached).toBe(false)
})

test('what was sealed is free when the system has it all, and not while it waits in the socket or before it', async () => {
  const socket = new FakeSocket()
  const { lean, plain, below, own } = await securedPair(socket)
  let waitingBytes = 0
  Object.defineProperty(own, 'writeBufferLength', { get: () => waitingBytes })
  const pieces: Uint8Array[] = []
  below.addEventListener('message', ({ data }) => {
    for (const piece of data instanceof Uint8Array ? [data] : data) if (piece.length > 10_000) pieces.push(piece)
  })
  const bytes = Uint8Array.from(randomBytes(60_000))
  const send = async (): Promise<number[]> => {
    const received = read(plain, bytes.length)
    lean.send(bytes)
    expect(Buffer.compare(await received, bytes)).toBe(0)
    return pieces.map(({ length }) => length)
  }
  await send()
  socket.writableLength = 1
  expect(await send()).toEqual([60_000, 60_000])
  socket.writableLength = 0
  waitingBytes = 1
  expect(await send()).toEqual([60_000, 60_000, 60_000])
  waitingBytes = 0
  expect(await send()).toEqual([0, 0, 0, 60_000])
})

test('what is sent in one turn goes to the socket’s system at once, and no later', async () => {
  const socket = new FakeSocket()
  const { lean } = await securedPair(socket)
  lean.send(new Uint8Array(2_000))
  lean.send(new Uint8Array(2_000))
  expect(socket).toMatchObject({ corkCount: 1, writableCorked: 1 })
  await new Promise((resolve) => process.nextTick(resolve))
  expect(socket.writableCorked).toBe(0)
  lean.send(new Uint8Array(2_000))
  expect(socket.corkCount).toBe(2)
})

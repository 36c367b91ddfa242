import { randomBytes } from 'node:crypto'
import { generateKeyPair } from '@libp2p/crypto/keys'
import { noise } from '@libp2p/noise'
import { multiaddrConnectionPair } from '@libp2p/utils'
import type { Logger, MessageStream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { expect, test } from 'vitest'
import { leanNoise } from './lean-noise.nodejs.ts'
import type { Libp2pComponents } from './libp2p-core.ts'

const SILENT: Logger = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: () => SILENT,
})

async function securedPair(): Promise<{ lean: MessageStream; plain: MessageStream }> {
  const componentsOf = async (): Promise<Libp2pComponents> =>
    ({
      privateKey: await generateKeyPair('Ed25519'),
      logger: { forComponent: () => SILENT },
      upgrader: { getStreamMuxers: () => new Map() },
    }) as unknown as Libp2pComponents
  const [one, other] = multiaddrConnectionPair()
  const options = { skipStreamMuxerNegotiation: true, signal: AbortSignal.timeout(10_000) }
  const [lean, plain] = await Promise.all([
    leanNoise(noise())(await componentsOf()).secureInbound(one, options),
    noise()(await componentsOf()).secureOutbound(other, options),
  ])
  return { lean: lean.connection, plain: plain.connection }
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

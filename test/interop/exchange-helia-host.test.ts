import { createHash } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import type { OutgoingExchange } from '../../src/core/exchange/exchange-message.ts'
import type { Cid, ConnectionId } from '../../src/core/ids.ts'
import { CID_BYTES_MAX, EXCHANGE_PACKED_BYTES_MAX } from '../../src/core/limits.ts'
import { CODEC_RAW, formatCid, HASH_DBL_SHA2_256, HASH_SHA2_256, parseCid } from '../../src/wire/cid.ts'
import { EMPTY_EXCHANGE } from '../empty-exchange.ts'
import { createRandom } from '../simulation/random.ts'
import { HeliaPeer } from './helia-peer.ts'
import { ScriptedHost } from './libp2p-scripted.ts'

/** Multicodec table. */
const CODEC_BITCOIN_BLOCK = 0xb0
const BLOCK_COUNT = 200
const HEADER_COUNT = 20
const HEADER_BYTES = 80
const BLOCK_BYTES_MAX: number = 1024 * 1024
const TIMEOUT_MS = 60_000

const stops: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(stops.splice(0).map((stop) => stop()))
})

/** As many small ones as large ones: 1 byte to 1 MiB, and Bitcoin headers among them. */
function someBlocks(seed: number): Map<Cid, Uint8Array> {
  const random = createRandom(seed)
  const blocks = new Map<Cid, Uint8Array>()
  for (let index = 0; index < BLOCK_COUNT + HEADER_COUNT; index++) {
    const isHeader = index >= BLOCK_COUNT
    const sizeBytes = isHeader ? HEADER_BYTES : Math.ceil(BLOCK_BYTES_MAX ** (random.next32() / 2 ** 32))
    const bytes = new Uint8Array(sizeBytes)
    for (let offset = 0; offset < sizeBytes; offset += 97) bytes[offset] = random.below(256)
    new DataView(bytes.buffer).setUint8(0, index)
    const codec = isHeader ? CODEC_BITCOIN_BLOCK : CODEC_RAW
    blocks.set(cidOf({ codec, hashCode: isHeader ? HASH_DBL_SHA2_256 : HASH_SHA2_256 }, bytes), bytes)
  }
  return blocks
}

function cidOf({ codec, hashCode }: { readonly codec: number; readonly hashCode: number }, bytes: Uint8Array): Cid {
  const digest = hashCode === HASH_DBL_SHA2_256 ? sha256(sha256(bytes)) : sha256(bytes)
  return formatCid({ version: 1, codec, hashCode, digestSizeBytes: digest.length, digest })
}

function sha256(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}

/** Sends what it is given, one message at a time, as the core does. */
class Sender {
  readonly #scripted: ScriptedHost
  readonly #connection: ConnectionId
  readonly #queue: Partial<OutgoingExchange>[] = []
  #sequence = 0
  #isSending = false

  constructor(scripted: ScriptedHost, connection: ConnectionId) {
    this.#scripted = scripted
    this.#connection = connection
    scripted.host.perform({ type: 'admit-exchange', connection })
    scripted.on((event) => {
      if (event.type !== 'exchange-sent') return
      this.#isSending = false
      this.#next()
    })
  }

  send(message: Partial<OutgoingExchange>): void {
    this.#queue.push(message)
    this.#next()
  }

  #next(): void {
    const next = this.#isSending ? undefined : this.#queue.shift()
    if (next === undefined) return
    this.#isSending = true
    const message = { ...EMPTY_EXCHANGE, ...next }
    const effect = { type: 'send-exchange', connection: this.#connection, sequence: this.#sequence++ } as const
    this.#scripted.host.perform({ ...effect, message, timeoutMs: TIMEOUT_MS })
  }
}

async function meet(): Promise<{ scripted: ScriptedHost; helia: HeliaPeer; sender: Sender }> {
  const [scripted, helia] = await Promise.all([ScriptedHost.start({ listen: [] }), HeliaPeer.start()])
  stops.push(
    () => scripted.host.stop(),
    () => helia.stop(),
  )
  const connection = await scripted.connect(helia.address)
  await scripted.saw('protocols-learnt', ({ speaksBitswap, speaksHandshake }) => speaksBitswap && !speaksHandshake)
  return { scripted, helia, sender: new Sender(scripted, connection) }
}

test('Helia gives us every block that we want, of 1 byte to 1 MiB and Bitcoin headers, and says what it does not have', async () => {
  const { scripted, helia, sender } = await meet()
  const blocks = someBlocks(1)
  for (const [cid, bytes] of blocks) await helia.put(cid, bytes)
  const absent = cidOf({ codec: CODEC_RAW, hashCode: HASH_SHA2_256 }, Uint8Array.of(0))
  const received = new Map<Cid, Uint8Array>()
  const done = new Promise<void>((resolve) => {
    scripted.on((event) => {
      if (event.type !== 'exchange-received') return
      for (const { prefix, bytes } of event.message.blocks) received.set(cidOf(prefix, bytes), bytes)
      if (received.size === blocks.size && scripted.events.some(saysAbsent)) resolve()
    })
  })
  const saysAbsent = (event: (typeof scripted.events)[number]): boolean =>
    event.type === 'exchange-received' && event.message.dontHaves.includes(absent)
  const wants = [absent, ...blocks.keys()].map(
    (cid) => ({ cid, priority: 1, want: 'block', sendDontHave: true }) as const,
  )
  for (let from = 0; from < wants.length; from += 50) sender.send({ wants: wants.slice(from, from + 50) })
  await done
  for (const [cid, bytes] of blocks) expect(Buffer.compare(received.get(cid) ?? new Uint8Array(), bytes)).toBe(0)
  expect(scripted.count('peer-misbehaved')).toBe(0)
})

test('we give Helia every block that it wants, on one stream, however it asks', async () => {
  const { scripted, helia, sender } = await meet()
  const blocks = someBlocks(2)
  scripted.on((event) => {
    if (event.type !== 'exchange-received') return
    for (const { cid, want } of event.message.wants) {
      const bytes = blocks.get(cid)
      if (bytes === undefined) sender.send({ dontHaves: [cid] })
      else if (want === 'have') sender.send({ haves: [cid] })
      else sender.send({ blocks: [{ cid, bytes }] })
    }
  })
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const got = await Promise.all([...blocks.keys()].map((cid) => helia.get(cid, signal)))
  for (const [index, bytes] of [...blocks.values()].entries()) {
    expect(Buffer.compare(got[index] ?? new Uint8Array(), bytes)).toBe(0)
  }
  expect(scripted.count('exchange-send-failed')).toBe(0)
  expect(scripted.count('peer-misbehaved')).toBe(0)
})

test('Helia takes messages of 2 MiB with many blocks of one hash function', async () => {
  const { scripted, helia, sender } = await meet()
  const blocks = [...someBlocks(3)].filter(([cid]) => parseCid(cid).hashCode === HASH_SHA2_256)
  const messages: { cid: Cid; bytes: Uint8Array }[][] = [[]]
  let packedBytes = 0
  for (const [cid, bytes] of blocks) {
    packedBytes += bytes.length + CID_BYTES_MAX
    if (packedBytes > EXCHANGE_PACKED_BYTES_MAX) messages.push([])
    if (packedBytes > EXCHANGE_PACKED_BYTES_MAX) packedBytes = bytes.length
    messages.at(-1)?.push({ cid, bytes })
  }
  const wanted = new Set<Cid>()
  scripted.on((event) => {
    if (event.type !== 'exchange-received' || wanted.size === blocks.length) return
    for (const { cid } of event.message.wants) wanted.add(cid)
    // Helia drops what it did not ask for.
    if (wanted.size < blocks.length) return
    for (const packed of messages) sender.send({ blocks: packed })
  })
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const got = await Promise.all(blocks.map(([cid]) => helia.get(cid, signal)))
  for (const [index, [, bytes]] of blocks.entries()) expect(got[index]).toEqual(bytes)
})

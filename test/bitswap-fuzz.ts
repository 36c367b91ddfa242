/** Bitswap messages of peers that mean no good: each one is decoded correctly or refused with a `WireError`, within bounds. */
import { expect } from 'vitest'
import type { IncomingExchange, OutgoingExchange } from '../src/core/exchange/exchange-message.ts'
import type { Cid } from '../src/core/ids.ts'
import { joinBytes } from '../src/core/join-bytes.ts'
import { decodeBitswapMessage, encodeBitswapMessage } from '../src/wire/bitswap-message.ts'
import { formatCid } from '../src/wire/cid.ts'
import { WireError } from '../src/wire/wire-error.ts'
import { createRandom, type Random } from './simulation/random.ts'

/** An item takes two bytes at least: its key and its length. */
const ITEM_BYTES_MIN = 2

/** Makes valid messages, breaks each in a few places, and checks what comes of it. A failure names its seed and its index. */
export function fuzzBitswap({ seed, frameCount }: { readonly seed: number; readonly frameCount: number }): void {
  const random = createRandom(seed)
  let refusedCount = 0
  for (let index = 0; index < frameCount; index++) {
    const bytes = mutate(joinBytes(encodeBitswapMessage(someMessage(random))), random)
    const decoded = decode(bytes, `seed ${seed}, frame ${index}`)
    if (decoded === undefined) refusedCount++
    else check(decoded, bytes, `seed ${seed}, frame ${index}`)
  }
  // Both ends of the decoder were reached.
  expect(refusedCount).toBeGreaterThan(frameCount / 50)
  expect(refusedCount).toBeLessThan(frameCount - frameCount / 50)
}

function decode(bytes: Uint8Array, where: string): IncomingExchange | undefined {
  try {
    return decodeBitswapMessage(bytes)
  } catch (error) {
    if (error instanceof WireError) return undefined
    throw new Error(`${where}: ${String(error)}: ${hex(bytes)}`, { cause: error })
  }
}

/** What was understood is understood the same way when we say it again, and holds no more than came. */
function check(decoded: IncomingExchange, bytes: Uint8Array, where: string): void {
  const { unreadableBlockCount: _unreadable, ...meaning } = withoutCounts(decoded)
  const again = decode(joinBytes(encodeBitswapMessage(outgoing(decoded))), where)
  if (again === undefined) throw new Error(`${where}: refused our own words: ${hex(bytes)}`)
  const { unreadableBlockCount, ...meaningAgain } = withoutCounts(again)
  const items = [decoded.wants, decoded.cancels, decoded.blocks, decoded.haves, decoded.dontHaves]
  const itemCount = items.reduce((sum, { length }) => sum + length, decoded.unreadableBlockCount)
  const blocksBytes = decoded.blocks.reduce((sum, block) => sum + block.bytes.length, 0)
  const isRight =
    unreadableBlockCount === 0 &&
    JSON.stringify(meaning) === JSON.stringify(meaningAgain) &&
    itemCount * ITEM_BYTES_MIN <= bytes.length &&
    blocksBytes <= bytes.length
  if (!isRight) throw new Error(`${where}: understood wrongly: ${hex(bytes)}`)
}

function withoutCounts(message: IncomingExchange): IncomingExchange {
  const { wants, cancels, isFullWantlist, blocks, haves, dontHaves, pendingBytes, unreadableBlockCount } = message
  return { wants, cancels, isFullWantlist, blocks, haves, dontHaves, pendingBytes, unreadableBlockCount }
}

function outgoing(message: IncomingExchange): OutgoingExchange {
  const blocks = message.blocks.map(({ prefix, bytes }) => {
    return { cid: formatCid({ ...prefix, digest: new Uint8Array(prefix.digestSizeBytes) }), bytes }
  })
  return { ...message, blocks }
}

function someMessage(random: Random): OutgoingExchange {
  const some = <T>(make: () => T): T[] => Array.from({ length: random.below(4) }, make)
  return {
    wants: some(() => ({
      cid: someCid(random),
      priority: random.below(5) === 0 ? -1 - random.below(1000) : random.below(2 ** 31),
      want: random.below(2) === 0 ? 'block' : 'have',
      sendDontHave: random.below(2) === 0,
    })),
    cancels: some(() => someCid(random)),
    isFullWantlist: random.below(2) === 0,
    blocks: some(() => ({ cid: someCid(random), bytes: someBytes(random, random.below(300)) })),
    haves: some(() => someCid(random)),
    dontHaves: some(() => someCid(random)),
    pendingBytes: random.below(3) === 0 ? random.below(2 ** 31) : 0,
  }
}

function someCid(random: Random): Cid {
  if (random.below(4) === 0) {
    return formatCid({ version: 0, codec: 0x70, hashCode: 0x12, digestSizeBytes: 32, digest: someBytes(random, 32) })
  }
  const digest = someBytes(random, [0, 4, 32, 128][random.below(4)] ?? 0)
  const hashCode = [0x12, 0x56, 0xb220, 0x00][random.below(4)] ?? 0
  return formatCid({ version: 1, codec: random.below(0x300), hashCode, digestSizeBytes: digest.length, digest })
}

function someBytes(random: Random, sizeBytes: number): Uint8Array {
  return Uint8Array.from({ length: sizeBytes }, () => random.below(256))
}

/** Up to four changes: a bit, a byte, a cut, a repeat, an insertion, an extreme number. One message in eight stays whole. */
function mutate(bytes: Uint8Array, random: Random): Uint8Array {
  let mutated = bytes
  const count = random.below(8) === 0 ? 0 : 1 + random.below(4)
  for (let change = 0; change < count; change++) {
    const at = random.below(mutated.length + 1)
    const head = mutated.subarray(0, at)
    const tail = mutated.subarray(at)
    const kind = random.below(6)
    if (kind === 0) mutated = Uint8Array.of(...head, (tail[0] ?? 0) ^ (1 << random.below(8)), ...tail.subarray(1))
    else if (kind === 1) mutated = Uint8Array.of(...head, random.below(256), ...tail.subarray(1))
    else if (kind === 2) mutated = head
    else if (kind === 3) mutated = Uint8Array.of(...mutated, ...head)
    else if (kind === 4) mutated = Uint8Array.of(...head, ...someBytes(random, 1 + random.below(8)), ...tail)
    else
      mutated = Uint8Array.of(...head, ...new Uint8Array(1 + random.below(11)).fill(0xff), random.below(128), ...tail)
  }
  return mutated
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

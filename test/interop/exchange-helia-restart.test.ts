import { expect, onTestFinished, test } from 'vitest'
import type { Cid } from '../../src/core/ids.ts'
import { sha256 } from '../../src/hash/sha256.ts'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../../src/wire/cid.ts'
import { HeliaPeer } from './helia-peer.ts'
import { startCounted, type CountedLightNode } from './light-nodes.ts'

const TIMEOUT_MS = 60_000
const NOBODY_HAS_IT_MS = 1_000

async function meet(): Promise<{ helia: HeliaPeer; counted: CountedLightNode }> {
  const [counted, helia] = await Promise.all([startCounted({ isListening: true }), HeliaPeer.start()])
  onTestFinished(async () => {
    await Promise.all([counted.lightNode.stop(), helia.stop()])
  })
  await helia.connect(counted.address())
  return { helia, counted }
}

function blocks(salt: number): ReadonlyMap<Cid, Uint8Array> {
  return new Map(
    Array.from({ length: 50 }, (_, index) => {
      const bytes = new Uint8Array(8 + index * 997).fill(index)
      bytes[0] = salt
      const digest = sha256(bytes)
      return [formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest }), bytes]
    }),
  )
}

async function exchange(parts: { helia: HeliaPeer; counted: CountedLightNode }, salt: number): Promise<void> {
  const { helia, counted } = parts
  const signal = AbortSignal.timeout(TIMEOUT_MS)
  const [ours, theirs] = [blocks(salt), blocks(salt + 1)]
  for (const [cid, bytes] of ours) await counted.lightNode.putBytes(cid, bytes)
  for (const [cid, bytes] of theirs) await helia.put(cid, bytes)
  const toHelia = [...ours].map(async ([cid, bytes]) => {
    expect(Buffer.compare(await helia.get(cid, signal), bytes)).toBe(0)
  })
  const toUs = [...theirs].map(async ([cid, bytes]) => {
    expect(await counted.lightNode.getBytes(cid, { signal })).toEqual(bytes)
  })
  await Promise.all([...toHelia, ...toUs])
}

test('blocks go both ways with a Helia that was restarted, wants of before included', async () => {
  const parts = await meet()
  await exchange(parts, 0)
  const late = [...blocks(8)][7]
  if (late === undefined) throw new Error('expected a block')
  const wanted = parts.counted.lightNode.getBytes(late[0], { signal: AbortSignal.timeout(TIMEOUT_MS) })
  await parts.helia.restart()
  await parts.helia.put(late[0], late[1])
  await parts.helia.connect(parts.counted.address())
  expect(await wanted).toEqual(late[1])
  await exchange(parts, 2)
})

test('Helia asks for what nobody has until its deadline, and is served as before', async () => {
  const parts = await meet()
  const [absent] = [...blocks(9).keys()]
  if (absent === undefined) throw new Error('expected a CID')
  await expect(parts.helia.get(absent, AbortSignal.timeout(NOBODY_HAS_IT_MS))).rejects.toThrow(/Failed to load block/)
  await exchange(parts, 4)
})

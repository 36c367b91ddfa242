import { expect } from 'vitest'
import type { BlockStore } from '../../src/store/block-store.ts'
import type { Block } from './block-store-model.ts'
import { makeBlock } from './block-store-model.ts'

const SMALL = { count: 4_000, sizeBytes: 200, perCall: 200 }
const LARGE = { count: 48, sizeBytes: 256 * 1024, perCall: 4 }

/** How fast blocks that were hashed already are kept, and how fast they are read with their hash checked; says it in two lines. */
export async function measureBlockStore(name: string, store: BlockStore): Promise<void> {
  await store.open()
  for (const { count, sizeBytes, perCall } of [SMALL, LARGE]) {
    const blocks = Array.from({ length: count }, (_, seed) => makeBlock(seed, sizeBytes))
    const writeMs = await timeCalls(blocks, perCall, (part) => store.write({ blocks: part, isChecked: true }))
    const readMs = await timeCalls(blocks, perCall, async (part) => {
      const found = await store.read({ cids: part.map(({ cid }) => cid), bytesMax: Infinity })
      expect(found.map((bytes) => bytes?.length)).toEqual(part.map(() => sizeBytes))
    })
    const rate = (ms: number): string => {
      const megabytes = (count * sizeBytes) / 1e3 / ms
      return `${Math.round((count * 1_000) / ms)} blocks/s (${megabytes.toFixed(1)} MB/s)`
    }
    console.info(`${name}, ${sizeBytes} bytes, ${perCall} a call: put ${rate(writeMs)}, get ${rate(readMs)}`)
  }
  await store.close()
}

async function timeCalls(
  blocks: readonly Block[],
  perCall: number,
  call: (part: readonly Block[]) => Promise<void>,
): Promise<number> {
  const startMs = performance.now()
  for (let from = 0; from < blocks.length; from += perCall) await call(blocks.slice(from, from + perCall))
  return performance.now() - startMs
}

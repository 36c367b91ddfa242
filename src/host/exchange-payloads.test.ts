import type { Stream } from '@libp2p/interface'
import { expect, test, vi } from 'vitest'
import { EMPTY_EXCHANGE } from '../../test/empty-exchange.ts'
import { FakeStream } from '../../test/interop/libp2p-fake-stream.ts'
import { toConnectionId } from '../core/ids.ts'
import { joinBytes } from '../core/join-bytes.ts'
import { encodeBitswapMessage } from '../wire/bitswap-message.ts'
import { CODEC_RAW, formatCid, HASH_SHA2_256 } from '../wire/cid.ts'
import { encodeFrame, PayloadPool } from '../wire/frame.ts'
import { ExchangeInbound } from './exchange-inbound.ts'
import type { UnreadExchange } from './host.ts'

test('the memory of a message goes back to its pool once, when the last part of it is read', async () => {
  const giveBack = vi.spyOn(PayloadPool.prototype, 'giveBack')
  const unread: UnreadExchange[] = []
  const inbound = new ExchangeInbound({
    id: toConnectionId('a'),
    post: () => {},
    holdBack: () => {},
    offer: async (message) => void unread.push(message),
  })
  inbound.admit()
  const stream = new FakeStream()
  inbound.accept(stream as unknown as Stream)
  const cancels = [1, 2, 3].map((value) => {
    const digest = new Uint8Array(32).fill(value)
    return formatCid({ version: 1, codec: CODEC_RAW, hashCode: HASH_SHA2_256, digestSizeBytes: 32, digest })
  })
  stream.receive(encodeFrame(joinBytes(encodeBitswapMessage({ ...EMPTY_EXCHANGE, cancels }))))
  await expect.poll(() => unread.length).toBe(1)
  const counts: number[] = []
  for (let part = unread[0]?.read(1); part !== undefined; part = unread[0]?.read(1)) {
    counts.push(giveBack.mock.calls.length)
    if (part.isLast) expect(counts.splice(-1)).toEqual([1])
  }
  expect(counts.length).toBeGreaterThan(1)
  expect([new Set(counts), giveBack.mock.calls.length]).toEqual([new Set([0]), 1])
})

import type { Connection, Stream } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { FakeStream } from '../../test/interop/libp2p-fake-stream.ts'
import { toConnectionId, toRequestId } from '../core/ids.ts'
import { encodeFrame } from '../wire/frame.ts'
import { encodeSyncMessage } from '../wire/sync-message.ts'
import { STALLED_TICKS_MAX } from './frame-stream.ts'
import { SyncLink } from './sync-link.ts'

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('requests that the core never answers hold a peer up for 30 ticks, not for ever', async () => {
  const offered: number[] = []
  const link = new SyncLink({
    connection: {} as Connection,
    id: toConnectionId('a'),
    headerSizeBytes: 80,
    post: () => {},
    offer: async ({ message }) => void offered.push('request' in message ? message.request : 0),
  })
  const stream = new FakeStream()
  link.accept(stream as unknown as Stream)
  for (let request = 1; request <= 6; request++) {
    stream.receive(encodeFrame(encodeSyncMessage({ type: 'ping', request: toRequestId(request) })))
  }
  await settled()
  expect(offered).toEqual([1, 2, 3, 4])
  for (let tick = 0; tick < STALLED_TICKS_MAX; tick++) link.tick()
  await settled()
  expect(offered).toEqual([1, 2, 3, 4])
  link.tick()
  await settled()
  expect(offered).toEqual([1, 2, 3, 4, 5, 6])
})

test('a request number that waits for its answer cannot be used again: the stream is reset and the peer told of', async () => {
  const offered: string[] = []
  const posted: string[] = []
  const link = new SyncLink({
    connection: {} as Connection,
    id: toConnectionId('a'),
    headerSizeBytes: 80,
    post: ({ type }) => posted.push(type),
    offer: async ({ message }) => void offered.push(message.type),
  })
  const stream = new FakeStream()
  link.accept(stream as unknown as Stream)
  const request = toRequestId(1)
  stream.receive(encodeFrame(encodeSyncMessage({ type: 'ping', request })))
  await settled()
  link.send({ type: 'pong', request })
  for (let count = 0; count < 2; count++) stream.receive(encodeFrame(encodeSyncMessage({ type: 'ping', request })))
  await settled()
  expect([offered, posted]).toEqual([['ping', 'ping'], ['peer-misbehaved']])
})

import type { Logger } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { freeSpent, handOver } from './spent-bytes.ts'
import { SessionStream, type RawStream } from './webtransport-session.ts'

const LOGGER: Logger = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: () => LOGGER,
})

test('what was written makes room for more, its memory freed or not', async () => {
  const pieceBytes = 100_000
  let writtenBytes = 0
  const stream = new SessionStream({
    raw: rawStream((bytes) => (writtenBytes += bytes.length)),
    id: '1',
    direction: 'outbound',
    log: LOGGER,
  })
  const pieces = Array.from({ length: 10 }, () => new Uint8Array(pieceBytes))
  for (const piece of pieces.slice(1)) handOver(piece)
  for (const piece of pieces) if (!stream.send(piece)) await stream.onDrain()
  await stream.close()
  expect(writtenBytes).toBe(10 * pieceBytes)
  // The first was not handed over: it is its maker's.
  expect(pieces.map(({ length }) => length)).toEqual([pieceBytes, ...Array<number>(9).fill(0)])
})

test('what was read is handed over: who is done with it frees it', async () => {
  const bytes = new Uint8Array(100_000)
  const stream = new SessionStream({
    raw: { ...rawStream(() => {}), read: oneAfterAnother([bytes]) },
    id: '1',
    direction: 'inbound',
    log: LOGGER,
  })
  const lengths: number[] = []
  stream.addEventListener('message', ({ data }) => {
    lengths.push(data.byteLength)
    for (const piece of data instanceof Uint8Array ? [data] : data) freeSpent(piece)
  })
  await expect.poll(() => lengths).toEqual([100_000])
  expect(bytes.length).toBe(0)
})

function oneAfterAnother(pieces: Uint8Array[]): RawStream['read'] {
  return () => Promise.resolve(pieces.shift())
}

function rawStream(write: (bytes: Uint8Array) => void): RawStream {
  return {
    read: oneAfterAnother([]),
    write: async (bytes) => {
      await Promise.resolve()
      write(bytes)
    },
    finish: () => Promise.resolve(),
    reset: () => {},
    stopReading: () => {},
  }
}

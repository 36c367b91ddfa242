import { expect, test } from 'vitest'
import { testBlocks } from '../../../test/exchange/blocks.ts'
import { cidBytes, formatCid, parseCid, toCid } from '../../wire/cid.ts'
import type { Cid } from '../ids.ts'
import { SETTLED_ASKS_PER_GENERATION_MAX } from '../limits.ts'
import { entrySizeBytes, prefixOf } from './cid-text.ts'
import { RecentCids } from './recent-cids.ts'

test.each([
  { version: 1, codec: 0x55, hashCode: 0x12, digestSizeBytes: 32 },
  { version: 1, codec: 0xb1, hashCode: 0x56, digestSizeBytes: 32 },
  { version: 1, codec: 0x0129, hashCode: 0xb220, digestSizeBytes: 32 },
  { version: 1, codec: 0x70, hashCode: 0x13, digestSizeBytes: 64 },
  { version: 0, codec: 0x70, hashCode: 0x12, digestSizeBytes: 32 },
] as const)('the prefix is read off the text as the wire reads it: %o', (prefix) => {
  const digest = new Uint8Array(prefix.digestSizeBytes).fill(0xff)
  const cid = formatCid({ ...prefix, digest })
  expect(prefixOf(cid)).toEqual(prefix)
  const { digest: itsDigest, ...parsed } = parseCid(cid)
  expect({ itsDigest, parsed }).toEqual({ itsDigest: digest, parsed: prefix })
  expect(entrySizeBytes(toCid(cid))).toBeGreaterThanOrEqual(cidBytes(cid).length + 14)
})

test('a text that is no CID has no prefix', () => {
  expect(prefixOf('b' as Cid)).toBeUndefined()
  expect(prefixOf('baaaaaaaaaaaaaaaaaaaa' as Cid)).toBeUndefined()
})

test('what a peer was asked for lately is remembered, a bounded number of them, each for as often as it may come', () => {
  const recent = new RecentCids()
  const blocks = testBlocks(SETTLED_ASKS_PER_GENERATION_MAX * 2 + 1)
  for (const { cid } of blocks.slice(0, -1)) recent.add(cid, 2)
  const isHeld = (index: number): boolean => recent.take(blocks.at(index)?.cid ?? ('' as Cid))
  expect([isHeld(0), isHeld(SETTLED_ASKS_PER_GENERATION_MAX - 1), isHeld(-2)]).toEqual([true, true, true])
  recent.add(blocks.at(-1)?.cid ?? ('' as Cid), 1)
  expect([isHeld(0), isHeld(SETTLED_ASKS_PER_GENERATION_MAX), isHeld(-1)]).toEqual([false, true, true])
  expect([isHeld(-2), isHeld(-2), isHeld(-1)]).toEqual([true, false, false])
})

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { dataPath, testWithData } from '../../../test/data-folder.ts'
import { BITS_OFFSET, HEADER_SIZE_BYTES, readUint32, TIME_OFFSET } from './header.ts'
import { NETWORKS, RETARGET_PERIOD_HEADERS, RETARGET_TIMESPAN_SECONDS } from './networks.ts'
import { retarget } from './retarget.ts'

const LIMIT_BITS = NETWORKS.mainnet.limitBits

test('the retargets of Bitcoin Core test/pow_tests.cpp', () => {
  const cases = [
    { bits: 0x1d00ffff, firstTime: 1261130161, lastTime: 1262152739, expected: 0x1d00d86a },
    { bits: 0x1d00ffff, firstTime: 1231006505, lastTime: 1233061996, expected: 0x1d00ffff },
    { bits: 0x1c05a3f4, firstTime: 1279008237, lastTime: 1279297671, expected: 0x1c0168fd },
    { bits: 0x1c387f6f, firstTime: 1263163443, lastTime: 1269211443, expected: 0x1d00e1fd },
  ]
  for (const { bits, firstTime, lastTime, expected } of cases) {
    expect(retarget({ bits, timespanSeconds: lastTime - firstTime, limitBits: LIMIT_BITS })).toBe(expected)
  }
})

test('a timespan counts up to a factor of four and no further', () => {
  const at = (timespanSeconds: number): number => retarget({ bits: 0x1b0fffff, timespanSeconds, limitBits: LIMIT_BITS })
  const quarter = RETARGET_TIMESPAN_SECONDS / 4
  const fourfold = RETARGET_TIMESPAN_SECONDS * 4
  expect(at(quarter - 1)).toBe(at(quarter))
  expect(at(-1_000_000)).toBe(at(quarter))
  expect(at(quarter + 1)).not.toBe(at(quarter))
  expect(at(fourfold + 1)).toBe(at(fourfold))
  expect(at(fourfold - 1)).not.toBe(at(fourfold))
})

test('a target never goes above the easiest', () => {
  const slower = { bits: LIMIT_BITS, timespanSeconds: RETARGET_TIMESPAN_SECONDS + 1, limitBits: LIMIT_BITS }
  expect(retarget(slower)).toBe(LIMIT_BITS)
  expect(retarget({ ...slower, timespanSeconds: RETARGET_TIMESPAN_SECONDS - 100 })).not.toBe(LIMIT_BITS)
})

testWithData('all 413 retargets of mainnet to height 832608', () => {
  // Records of height (u32, little-endian), header, chain work (32 bytes), at heights 2016k - 1 and 2016k.
  const recordSizeBytes = 4 + HEADER_SIZE_BYTES + 32
  const bytes = new Uint8Array(readFileSync(dataPath('bitcoin/checkpoints/mainnet-epoch-edges-0-832608.bin')))
  const edges = new Map<number, { readonly time: number; readonly bits: number }>()
  for (let offset = 0; offset < bytes.length; offset += recordSizeBytes) {
    const time = readUint32(bytes, offset + 4 + TIME_OFFSET)
    edges.set(readUint32(bytes, offset), { time, bits: readUint32(bytes, offset + 4 + BITS_OFFSET) })
  }
  let count = 0
  for (let height = RETARGET_PERIOD_HEADERS; edges.has(height); height += RETARGET_PERIOD_HEADERS) {
    const first = edges.get(height - RETARGET_PERIOD_HEADERS)
    const last = edges.get(height - 1)
    if (first === undefined || last === undefined) throw new Error(`expected both edges of the period before ${height}`)
    const bits = retarget({ bits: last.bits, timespanSeconds: last.time - first.time, limitBits: LIMIT_BITS })
    expect(bits, `height ${height}`).toBe(edges.get(height)?.bits)
    count += 1
  }
  expect(count).toBe(413)
})

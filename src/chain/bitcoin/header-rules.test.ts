import { expect, test } from 'vitest'
import { hashEasily, linkHeaders } from '../../../test/easy-headers.ts'
import type { EasyHeader } from '../../../test/easy-headers.ts'
import type { SliceStop } from '../../core/chain.ts'
import { readUint32, TIME_OFFSET } from './header.ts'
import { createHeaderVerifier } from './header-verifier.ts'
import { mineHeader, mineHeaders } from './miner.ts'
import { NETWORKS } from './networks.ts'
import type { BitcoinNetwork } from './networks.ts'
import { decodeTarget, meetsTarget } from './target.ts'

const EASIEST = 0x1d00ffff
const HARD = 0x1c0fffff
const TIME = 1_600_000_000
const FAR_FUTURE_MS = Number.MAX_SAFE_INTEGER

/** Headers 600 s apart from TIME on. */
function steady(count: number, bits = HARD): EasyHeader[] {
  return Array.from({ length: count }, (_, index) => ({ time: TIME + 600 * index, bits }))
}

/** The retarget of HARD, by hand: its mantissa, scaled, stays within three bytes. */
function hardScaled(timespanSeconds: number): number {
  return 0x1c000000 + Math.floor((0x0fffff * timespanSeconds) / 1_209_600)
}

/** What stops these headers, the first of which has height `startHeight`. */
function stopOf(network: BitcoinNetwork, startHeight: number, headers: readonly EasyHeader[]): SliceStop | undefined {
  const verifier = createHeaderVerifier({ network, startHeight, nowUnixMs: FAR_FUTURE_MS, hashHeaders: hashEasily })
  return verifier.verify(linkHeaders(headers)).stop
}

/** The rule that the last of these headers breaks; `undefined` when all are good. */
function ruleOfLast(network: BitcoinNetwork, startHeight: number, headers: readonly EasyHeader[]): string | undefined {
  const stop = stopOf(network, startHeight, headers)
  if (stop === undefined) return undefined
  expect(stop).toMatchObject({ type: 'invalid', index: headers.length - 1 })
  return stop.type === 'invalid' ? stop.rule : stop.type
}

test('a root one above its target is no proof of work, the target itself is', () => {
  const target = decodeTarget(0x207fffff, 1n << 256n)?.bytes ?? new Uint8Array(0)
  const verdict = (root: Uint8Array): SliceStop | undefined =>
    createHeaderVerifier({
      network: 'regtest',
      startHeight: 1,
      nowUnixMs: FAR_FUTURE_MS,
      hashHeaders: (_headers, _offset, _count, roots) => roots.set(root),
    }).verify(linkHeaders([{ time: TIME, bits: 0x207fffff }])).stop
  const above = target.slice()
  above[0] = 1
  expect(meetsTarget(above, 0, target)).toBe(false)
  expect(verdict(target)).toBeUndefined()
  expect(verdict(above)).toMatchObject({ type: 'invalid', rule: 'proof-of-work', index: 0, height: 1 })
})

test('bits that are no target, or an easier one than the network has, are refused even where the right ones are unknown', () => {
  for (const bits of [0, 0x1d80ffff, 0xff123456, 0x1d010000, 0x207fffff]) {
    expect(ruleOfLast('mainnet', 100, [{ time: TIME, bits }]), bits.toString(16)).toBe('bits')
  }
  expect(ruleOfLast('mainnet', 100, [{ time: TIME, bits: EASIEST }])).toBeUndefined()
  expect(ruleOfLast('signet', 100, [{ time: TIME, bits: 0x1e0377ae }])).toBeUndefined()
  expect(ruleOfLast('signet', 100, [{ time: TIME, bits: 0x1e0377af }])).toBe('bits')
})

test('within a period bits stay, on signet as on mainnet', () => {
  for (const network of ['mainnet', 'signet'] as const) {
    const late = TIME + 600 + 1_201
    expect(ruleOfLast(network, 2_016, [...steady(2), { time: late, bits: HARD }])).toBeUndefined()
    expect(ruleOfLast(network, 2_016, [...steady(2), { time: late, bits: HARD - 1 }])).toBe('bits')
    expect(ruleOfLast(network, 2_016, [...steady(2), { time: late, bits: EASIEST }])).toBe('bits')
  }
})

test('a period that took half its time makes the next twice as hard, measured from its own first header', () => {
  // 2,015 intervals; the one before the period does not count.
  const period = Array.from({ length: 2_016 }, (_, index) => ({ time: TIME + 300 * index, bits: HARD }))
  const next = { time: TIME + 300 * 2_016, bits: hardScaled(300 * 2_015) }
  expect(ruleOfLast('mainnet', 2_016, [...period, next])).toBeUndefined()
  expect(ruleOfLast('mainnet', 2_016, [...period, { ...next, bits: hardScaled(300 * 2_016) }])).toBe('bits')
  expect(ruleOfLast('mainnet', 2_016, [...period, { ...next, bits: HARD }])).toBe('bits')
})

test('a retarget is judged only when the whole period is there', () => {
  const next = { time: TIME + 300 * 2_016, bits: 0x1c012345 }
  const period = Array.from({ length: 2_016 }, (_, index) => ({ time: TIME + 300 * index, bits: HARD }))
  expect(ruleOfLast('mainnet', 2_016, [...period, next])).toBe('bits')
  expect(ruleOfLast('mainnet', 2_017, [...period.slice(1), next])).toBeUndefined()
})

test('testnet3: more than 20 minutes after its parent a header must have the easiest target, before that it must not', () => {
  const first = [{ time: TIME, bits: HARD }]
  expect(ruleOfLast('testnet3', 2_016, [...first, { time: TIME + 1_200, bits: HARD }])).toBeUndefined()
  expect(ruleOfLast('testnet3', 2_016, [...first, { time: TIME + 1_200, bits: EASIEST }])).toBe('bits')
  expect(ruleOfLast('testnet3', 2_016, [...first, { time: TIME + 1_201, bits: EASIEST }])).toBeUndefined()
  expect(ruleOfLast('testnet3', 2_016, [...first, { time: TIME + 1_201, bits: HARD }])).toBe('bits')
})

test('testnet3: after easy headers the last real difficulty of the period comes back, or that of its first header', () => {
  const easy = [1, 2, 3].map((index) => ({ time: TIME + 1_300 * index, bits: EASIEST }))
  const next = { time: TIME + 1_300 * 3 + 600, bits: HARD }
  const real = { time: TIME, bits: HARD }
  expect(ruleOfLast('testnet3', 2_016, [real, ...easy, next])).toBeUndefined()
  expect(ruleOfLast('testnet3', 2_016, [real, ...easy, { ...next, bits: EASIEST }])).toBe('bits')
  // The walk back ends at the period's first header, easy or not, and so never reads the period before.
  const easyFirst = [{ time: TIME, bits: EASIEST }, ...easy]
  expect(ruleOfLast('testnet3', 2_016, [...easyFirst, { ...next, bits: EASIEST }])).toBeUndefined()
  expect(ruleOfLast('testnet3', 2_016, [...easyFirst, next])).toBe('bits')
  // Of a file that starts within the period with easy headers nobody can say what the real difficulty was.
  expect(ruleOfLast('testnet3', 2_017, [...easy, next])).toBeUndefined()
  expect(ruleOfLast('testnet3', 2_017, [...easy, { ...next, bits: EASIEST }])).toBeUndefined()
})

test('testnet3 retargets from the last header of a period even if it is easy, testnet4 from the first (BIP 94)', () => {
  const last = { time: TIME + 600 * 2_014 + 1_300, bits: EASIEST }
  const period = [...steady(2_015), last]
  // A little more than two weeks, so that the easiest target stays the easiest.
  const timespanSeconds = last.time - TIME
  expect(timespanSeconds).toBeGreaterThan(1_209_600)
  const bitsFrom = (bits: number): number => (bits === EASIEST ? EASIEST : hardScaled(timespanSeconds))
  const next = { time: last.time + 600 }
  expect(ruleOfLast('testnet3', 2_016, [...period, { ...next, bits: bitsFrom(EASIEST) }])).toBeUndefined()
  expect(ruleOfLast('testnet3', 2_016, [...period, { ...next, bits: bitsFrom(HARD) }])).toBe('bits')
  expect(ruleOfLast('testnet4', 2_016, [...period, { ...next, bits: bitsFrom(HARD) }])).toBeUndefined()
  expect(ruleOfLast('testnet4', 2_016, [...period, { ...next, bits: bitsFrom(EASIEST) }])).toBe('bits')
})

test('testnet4: a late first header of a period still has the real difficulty', () => {
  const late = { time: TIME + 600 * 2_015 + 5_000 }
  expect(ruleOfLast('testnet4', 2_016, [...steady(2_016), { ...late, bits: hardScaled(600 * 2_015) }])).toBeUndefined()
  expect(ruleOfLast('testnet4', 2_016, [...steady(2_016), { ...late, bits: EASIEST }])).toBe('bits')
})

test('testnet4: the first header of a period is at most 600 s before its parent; elsewhere it may be', () => {
  // The last header is far ahead of the median, so that only this rule can speak.
  const last = { time: TIME + 600 * 2_014 + 1_100, bits: HARD }
  const at = (network: BitcoinNetwork, back: number): string | undefined =>
    ruleOfLast(network, 2_016, [...steady(2_015), last, { time: last.time - back, bits: hardScaled(last.time - TIME) }])
  expect(at('testnet4', 600)).toBeUndefined()
  expect(at('testnet4', 601)).toBe('time-warp')
  expect(at('testnet3', 601)).toBeUndefined()
  const withinPeriod = [...steady(2_015), { time: TIME + 600 * 2_014 - 601, bits: HARD }]
  expect(ruleOfLast('testnet4', 2_016, withinPeriod)).toBeUndefined()
})

test('regtest never retargets and knows no late headers', () => {
  const headers = mineHeaders({
    parent: NETWORKS.regtest.genesisHeader,
    count: 2_100,
    firstTime: TIME,
    stepSeconds: 5_000,
  })
  const verifier = createHeaderVerifier({ network: 'regtest', startHeight: 1, nowUnixMs: FAR_FUTURE_MS })
  expect(verifier.verify(headers)).toMatchObject({ verifiedCount: 2_100, stop: undefined })
  expect(ruleOfLast('regtest', 5, [{ time: TIME, bits: 0x207ffffe }])).toBe('bits')
})

test('a time is after the median of the last eleven, whatever their order', () => {
  const times = [5, 11, 1, 9, 3, 7, 10, 2, 8, 4, 6].map((minute) => TIME + 60 * minute)
  const before = times.map((time) => ({ time, bits: HARD }))
  expect(ruleOfLast('mainnet', 3_000, [...before, { time: TIME + 360, bits: HARD }])).toBe('time-too-old')
  expect(ruleOfLast('mainnet', 3_000, [...before, { time: TIME + 361, bits: HARD }])).toBeUndefined()
  // With ten of them the median is not known yet.
  expect(ruleOfLast('mainnet', 3_000, [...before.slice(1), { time: TIME, bits: HARD }])).toBeUndefined()
})

test('near genesis the median is that of the headers there are, the later of two in the middle', () => {
  const { genesisHeader } = NETWORKS.regtest
  const genesisTime = readUint32(genesisHeader, TIME_OFFSET)
  const ruleAt = (times: readonly number[]): string | undefined => {
    const headers: Uint8Array[] = [genesisHeader]
    for (const time of times)
      headers.push(mineHeader({ parent: headers.at(-1) ?? genesisHeader, time: genesisTime + time }))
    const verifier = createHeaderVerifier({ network: 'regtest', nowUnixMs: FAR_FUTURE_MS })
    const { stop } = verifier.verify(new Uint8Array(Buffer.concat(headers)))
    return stop?.type === 'invalid' ? stop.rule : stop?.type
  }
  expect(ruleAt([0])).toBe('time-too-old')
  expect(ruleAt([1])).toBeUndefined()
  expect(ruleAt([10, 10])).toBe('time-too-old')
  expect(ruleAt([10, 11])).toBeUndefined()
  expect(ruleAt([10, 20, 10])).toBe('time-too-old')
  expect(ruleAt([10, 20, 11])).toBeUndefined()
})

test('a time up to two hours ahead is good, a millisecond more is too early and says until when', () => {
  const stopAt = (time: number, nowUnixMs = TIME * 1_000): SliceStop | undefined =>
    createHeaderVerifier({ network: 'mainnet', startHeight: 100, nowUnixMs, hashHeaders: hashEasily }).verify(
      linkHeaders([{ time, bits: HARD }]),
    ).stop
  expect(stopAt(TIME + 7_200)).toBeUndefined()
  expect(stopAt(TIME + 7_200, TIME * 1_000 - 1)).toMatchObject({ type: 'future', untilUnixMs: TIME * 1_000 })
  expect(stopAt(TIME + 7_201)).toEqual({ type: 'future', index: 0, height: 100, untilUnixMs: (TIME + 1) * 1_000 })
})

test('a header from the future that breaks another rule is invalid, not kept for later', () => {
  const verifier = createHeaderVerifier({
    network: 'mainnet',
    startHeight: 400_000,
    nowUnixMs: 0,
    hashHeaders: hashEasily,
  })
  const { stop } = verifier.verify(linkHeaders([{ time: TIME, bits: HARD, version: 3 }]))
  expect(stop).toMatchObject({ type: 'invalid', rule: 'version' })
})

test('version floors rise at their heights: BIP 34, BIP 66, BIP 65', () => {
  const floors: readonly (readonly [BitcoinNetwork, number, number])[] = [
    ['mainnet', 227_931, 2],
    ['mainnet', 363_725, 3],
    ['mainnet', 388_381, 4],
    ['testnet3', 21_111, 2],
    ['testnet3', 330_776, 3],
    ['testnet3', 581_885, 4],
  ]
  for (const [network, height, version] of floors) {
    const header = { time: TIME, bits: HARD }
    expect(ruleOfLast(network, height - 1, [{ ...header, version: version - 1 }])).toBeUndefined()
    expect(ruleOfLast(network, height, [{ ...header, version: version - 1 }])).toBe('version')
    expect(ruleOfLast(network, height, [{ ...header, version }])).toBeUndefined()
  }
  for (const network of ['testnet4', 'signet', 'regtest'] as const) {
    const header = { time: TIME, bits: NETWORKS[network].limitBits }
    expect(ruleOfLast(network, 1, [{ ...header, version: 3 }])).toBe('version')
    expect(ruleOfLast(network, 1, [{ ...header, version: 4 }])).toBeUndefined()
  }
})

test('versions are signed: one with its highest bit set is below every floor', () => {
  expect(ruleOfLast('mainnet', 227_931, [{ time: TIME, bits: HARD, version: 0x7fffffff }])).toBeUndefined()
  expect(ruleOfLast('mainnet', 227_931, [{ time: TIME, bits: HARD, version: 0x80000000 }])).toBe('version')
  expect(ruleOfLast('mainnet', 227_930, [{ time: TIME, bits: HARD, version: 0x80000000 }])).toBeUndefined()
})

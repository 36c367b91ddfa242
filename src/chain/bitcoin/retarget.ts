/** Which bits a header must carry, given the ones before it. Bitcoin Core pow.cpp, GetNextWorkRequired. */
import type { HeaderWindow } from './header-window.ts'
import { RETARGET_PERIOD_HEADERS, RETARGET_TIMESPAN_SECONDS } from './networks.ts'
import type { NetworkParameters } from './networks.ts'
import { bitsOfTarget, targetOfBits } from './target.ts'

/** Bitcoin Core pow.cpp: on test networks, a header more than twice nPowTargetSpacing after its parent may be easy. */
const EASY_AFTER_SECONDS: number = 20 * 60
/** Bitcoin Core pow.cpp, CalculateNextWorkRequired: the measured timespan is held within a factor of four. */
const CLAMP_FACTOR = 4

/** Bits required of the header after the window's tip, given its time; `undefined` while the headers that decide are not known. */
export function requiredBits(network: NetworkParameters, window: HeaderWindow, time: number): number | undefined {
  if (network.retargeting === 'never') return network.limitBits
  const tipHeight = window.tipHeight
  if (!window.reaches(tipHeight)) return undefined
  if ((tipHeight + 1) % RETARGET_PERIOD_HEADERS === 0) return bitsOfNextPeriod(network, window)
  if (network.retargeting === 'every-period') return window.bitsAt(tipHeight)
  if (time > window.timeAt(tipHeight) + EASY_AFTER_SECONDS) return network.limitBits
  return window.lastRealBits(network.limitBits)
}

function bitsOfNextPeriod(network: NetworkParameters, window: HeaderWindow): number | undefined {
  const lastHeight = window.tipHeight
  // The first header of the period, so that only 2,015 intervals are measured: an old slip that is a rule by now.
  const firstHeight = lastHeight - (RETARGET_PERIOD_HEADERS - 1)
  if (!window.reaches(firstHeight)) return undefined
  // BIP 94: the period's first header has the real difficulty, its last may be an easy one.
  const bits = window.bitsAt(network.retargeting === 'bip94' ? firstHeight : lastHeight)
  return retarget({
    bits,
    timespanSeconds: window.timeAt(lastHeight) - window.timeAt(firstHeight),
    limitBits: network.limitBits,
  })
}

/** Bitcoin Core pow.cpp, CalculateNextWorkRequired. `bits` and `limitBits` are targets. */
export function retarget(args: {
  readonly bits: number
  readonly timespanSeconds: number
  readonly limitBits: number
}): number {
  const timespanSeconds = Math.min(
    Math.max(args.timespanSeconds, RETARGET_TIMESPAN_SECONDS / CLAMP_FACTOR),
    RETARGET_TIMESPAN_SECONDS * CLAMP_FACTOR,
  )
  const target = ((targetOfBits(args.bits) ?? 0n) * BigInt(timespanSeconds)) / BigInt(RETARGET_TIMESPAN_SECONDS)
  const limit = targetOfBits(args.limitBits) ?? 0n
  return target > limit ? args.limitBits : bitsOfTarget(target)
}

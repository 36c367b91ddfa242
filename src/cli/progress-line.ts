/** One line: how far, how fast, how long still. `total` undefined where it is not known. */
export function formatProgress(args: {
  readonly verb: string
  readonly done: number
  readonly total: number | undefined
  readonly perSecond: number
}): string {
  const { verb, done, total, perSecond } = args
  const rate = `${formatCount(Math.round(perSecond))} headers/s`
  if (total === undefined) return `${verb} ${formatCount(done)} headers, ${rate}`
  const percent = total === 0 ? 100 : Math.floor((100 * Math.min(done, total)) / total)
  const left = perSecond > 0 ? `, ${formatDuration(Math.max(0, total - done) / perSecond)} left` : ''
  return `${verb} ${formatCount(done)} of ${formatCount(total)} headers (${percent} %), ${rate}${left}`
}

/** `1,234,567` */
export function formatCount(count: number): string {
  return count.toLocaleString('en-US')
}

/** `8 s`, `3 min`, `2 h 5 min`, `3 d 4 h`. */
export function formatDuration(seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  const minutes = Math.round(whole / 60)
  if (minutes < 60) return `${minutes} min`
  const hours = Math.floor(minutes / 60)
  if (hours < 24) return `${hours} h ${minutes % 60} min`
  return `${Math.floor(hours / 24)} d ${hours % 24} h`
}

/** Counts work and tells, at most five times a second, how it goes. */
export function createProgress(options: {
  readonly verb: string
  readonly total: number | undefined
  readonly show: (line: string | undefined) => void
  readonly nowMs: () => number
}): { advance(count: number): void; finish(): { readonly perSecond: number } } {
  const startMs = options.nowMs()
  let shownMs = startMs
  let done = 0
  // A thousandth of a second at least, so that a rate is always a number.
  const perSecond = (): number => (1_000 * done) / Math.max(1, options.nowMs() - startMs)
  return {
    advance(count) {
      done += count
      if (options.nowMs() - shownMs < 200) return
      shownMs = options.nowMs()
      options.show(formatProgress({ verb: options.verb, done, total: options.total, perSecond: perSecond() }))
    },
    finish() {
      options.show(undefined)
      return { perSecond: Math.round(perSecond()) }
    },
  }
}

/** `1 output`, `1,979 outputs`. */
export function formatNumber(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

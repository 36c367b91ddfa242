/** How many headers a second were verified, over the last seconds. */
const WINDOW_MS = 3_000
const SAMPLE_INTERVAL_MS = 50

export class HeaderRate {
  /** Oldest first; bounded by the window and the interval. */
  #samples: { atMs: number; height: number }[] = []

  record(height: number, nowMs: number): void {
    const last = this.#samples.at(-1)
    if (last !== undefined && nowMs - last.atMs < SAMPLE_INTERVAL_MS) return
    this.#samples.push({ atMs: nowMs, height })
    while (this.#samples.length > 2 && (this.#samples[1]?.atMs ?? nowMs) < nowMs - WINDOW_MS) this.#samples.shift()
  }

  perSecond(height: number, nowMs: number): number {
    const first = this.#samples.find(({ atMs }) => atMs >= nowMs - WINDOW_MS)
    if (first === undefined || nowMs <= first.atMs) return 0
    return Math.max(0, Math.round(((height - first.height) * 1000) / (nowMs - first.atMs)))
  }
}

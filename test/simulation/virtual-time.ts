/** The virtual clock and everything that is still to happen: earliest first, of equals the one scheduled first. */
export class VirtualTime {
  /** Milliseconds since the simulation began. */
  nowMs = 0
  private readonly heap: Entry[] = []
  private order = 0

  get pendingCount(): number {
    return this.heap.length
  }

  at(atMs: number, action: () => void): void {
    this.push({ atMs: Math.max(atMs, this.nowMs), order: this.order++, action })
  }

  after(delayMs: number, action: () => void): void {
    this.at(this.nowMs + delayMs, action)
  }

  /** Runs all that is due up to and with this moment, and ends there. */
  runUntil(untilMs: number): void {
    for (let first = this.heap[0]; first !== undefined && first.atMs <= untilMs; first = this.heap[0]) {
      this.pop()
      this.nowMs = first.atMs
      first.action()
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }

  private push(entry: Entry): void {
    const heap = this.heap
    let index = heap.length
    heap.push(entry)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex] as Entry
      if (isBefore(parent, entry)) break
      heap[index] = parent
      index = parentIndex
    }
    heap[index] = entry
  }

  private pop(): void {
    const heap = this.heap
    const last = heap.pop() as Entry
    const length = heap.length
    if (length === 0) return
    let index = 0
    for (let child = 1; child < length; child = index * 2 + 1) {
      if (child + 1 < length && isBefore(heap[child + 1] as Entry, heap[child] as Entry)) child += 1
      const candidate = heap[child] as Entry
      if (isBefore(last, candidate)) break
      heap[index] = candidate
      index = child
    }
    heap[index] = last
  }
}

interface Entry {
  readonly atMs: number
  readonly order: number
  readonly action: () => void
}

function isBefore(one: Entry, other: Entry): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}

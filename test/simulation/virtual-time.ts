/** What is to happen at a moment: a function, or something that is scheduled so often that a function each would cost. */
export type Action = (() => void) | { readonly run: () => void }

/** The virtual clock and everything that is still to happen: earliest first, of equals the one scheduled first. */
export class VirtualTime {
  /** Milliseconds since the simulation began. */
  nowMs = 0
  /** What happens at one moment, in order. */
  private readonly actionsAt = new Map<number, Action[]>()
  /** A heap of the moments at which something happens, each once. */
  private readonly moments: number[] = []

  at(atMs: number, action: Action): void {
    const moment = Math.max(atMs, this.nowMs)
    const actions = this.actionsAt.get(moment)
    if (actions !== undefined) actions.push(action)
    else {
      this.actionsAt.set(moment, [action])
      push(this.moments, moment)
    }
  }

  after(delayMs: number, action: Action): void {
    this.at(this.nowMs + delayMs, action)
  }

  /** Runs all that is due up to and with this moment, and ends there. */
  runUntil(untilMs: number): void {
    for (let first = this.moments[0]; first !== undefined && first <= untilMs; first = this.moments[0]) {
      this.nowMs = first
      // What is scheduled meanwhile for this very moment is put behind.
      for (const action of this.actionsAt.get(first) ?? []) {
        if (typeof action === 'function') action()
        else action.run()
      }
      this.actionsAt.delete(first)
      pop(this.moments)
    }
    this.nowMs = Math.max(this.nowMs, untilMs)
  }
}

function push(heap: number[], moment: number): void {
  let index = heap.length
  heap.push(moment)
  while (index > 0) {
    const parentIndex = (index - 1) >> 1
    const parent = heap[parentIndex] as number
    if (parent <= moment) break
    heap[index] = parent
    index = parentIndex
  }
  heap[index] = moment
}

/** Takes the earliest away. */
function pop(heap: number[]): void {
  const last = heap.pop() as number
  const length = heap.length
  if (length === 0) return
  let index = 0
  for (let child = 1; child < length; child = index * 2 + 1) {
    if (child + 1 < length && (heap[child + 1] as number) < (heap[child] as number)) child += 1
    const candidate = heap[child] as number
    if (last <= candidate) break
    heap[index] = candidate
    index = child
  }
  heap[index] = last
}

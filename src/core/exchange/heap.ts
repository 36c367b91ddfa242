/** What comes first is on top. What bounds it is said where it is filled. */
export class Heap<Item> {
  readonly #isBefore: (item: Item, other: Item) => boolean
  #items: Item[] = []

  constructor(isBefore: (item: Item, other: Item) => boolean) {
    this.#isBefore = isBefore
  }

  get size(): number {
    return this.#items.length
  }

  get top(): Item | undefined {
    return this.#items[0]
  }

  push(item: Item): void {
    const items = this.#items
    let index = items.length
    items.push(item)
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = items[parentIndex] as Item
      if (!this.#isBefore(item, parent)) break
      items[index] = parent
      index = parentIndex
    }
    items[index] = item
  }

  pop(): Item | undefined {
    const items = this.#items
    const top = items[0]
    const last = items.pop()
    if (last !== undefined && items.length > 0) this.#sink(last)
    return top
  }

  /** Keeps what passes. */
  retain(isKept: (item: Item) => boolean): void {
    const kept = this.#items.filter(isKept)
    this.#items = []
    for (const item of kept) this.push(item)
  }

  /** Puts `item` on top and lets it sink to where it belongs. */
  #sink(item: Item): void {
    const items = this.#items
    let index = 0
    for (let child = 1; child < items.length; child = 2 * index + 1) {
      const right = child + 1
      if (right < items.length && this.#isBefore(items[right] as Item, items[child] as Item)) child = right
      const next = items[child] as Item
      if (!this.#isBefore(next, item)) break
      items[index] = next
      index = child
    }
    items[index] = item
  }
}

/**
 * Rows off the best chain, and which of them goes first: of those that no other row builds on, the one with the least work.
 * Going from the leaves inwards, no row ever loses its parent. Bounded by the tree, which makes room before it adds.
 */
export class SideRows {
  readonly #compareWork: (left: number, right: number) => number
  readonly #rows = new Set<number>()
  /** How many side rows build on a row (on the best chain or not); no entry for none. */
  readonly #childCounts = new Map<number, number>()
  /** Side rows without children: a heap, least work first, and each one's place in it. */
  readonly #leaves: number[] = []
  readonly #places = new Map<number, number>()

  constructor(compareWork: (left: number, right: number) => number) {
    this.#compareWork = compareWork
  }

  get count(): number {
    return this.#rows.size
  }

  /** Entries of a Set or Map of small numbers cost about 40 bytes in V8. */
  get sizeBytes(): number {
    return (this.#rows.size + this.#childCounts.size + this.#places.size) * 40 + this.#leaves.length * 8
  }

  has(row: number): boolean {
    return this.#rows.has(row)
  }

  /** The leaf with the least work, leaving `except` out (a row that is about to be built on); `undefined` without leaves. */
  leastLeaf(except: number): number | undefined {
    const first = this.#leaves[0]
    if (first !== except) return first
    const left = this.#leaves[1]
    const right = this.#leaves[2]
    if (left === undefined || right === undefined) return left
    return this.#compareWork(left, right) <= 0 ? left : right
  }

  /** Adds a row whose side children, if any, were added before it or come after it. */
  add(row: number, parent: number): void {
    this.#rows.add(row)
    const count = this.#childCounts.get(parent) ?? 0
    this.#childCounts.set(parent, count + 1)
    this.#removeLeaf(parent)
    if (!this.#childCounts.has(row)) this.#addLeaf(row)
  }

  /** Takes a row out: evicted, or gone over to the best chain. */
  remove(row: number, parent: number): void {
    this.#rows.delete(row)
    this.#removeLeaf(row)
    const count = (this.#childCounts.get(parent) ?? 0) - 1
    if (count > 0) this.#childCounts.set(parent, count)
    else {
      this.#childCounts.delete(parent)
      if (this.#rows.has(parent)) this.#addLeaf(parent)
    }
  }

  #addLeaf(row: number): void {
    this.#leaves.push(row)
    this.#places.set(row, this.#leaves.length - 1)
    this.#moveUp(this.#leaves.length - 1)
  }

  #removeLeaf(row: number): void {
    const place = this.#places.get(row)
    if (place === undefined) return
    this.#places.delete(row)
    const last = this.#leaves.pop()
    if (last === undefined || last === row) return
    this.#put(last, place)
    this.#moveUp(place)
    this.#moveDown(this.#places.get(last) ?? place)
  }

  #moveUp(from: number): void {
    let place = from
    while (place > 0) {
      const above = (place - 1) >>> 1
      if (this.#isInOrder(above, place)) return
      this.#swap(above, place)
      place = above
    }
  }

  #moveDown(from: number): void {
    let place = from
    for (;;) {
      let least = place
      if (!this.#isInOrder(least, 2 * place + 1)) least = 2 * place + 1
      if (!this.#isInOrder(least, 2 * place + 2)) least = 2 * place + 2
      if (least === place) return
      this.#swap(least, place)
      place = least
    }
  }

  /** Whether the leaf at `above` may stand above the one at `below`; true where there is none. */
  #isInOrder(above: number, below: number): boolean {
    const aboveRow = this.#leaves[above]
    const belowRow = this.#leaves[below]
    return aboveRow === undefined || belowRow === undefined || this.#compareWork(aboveRow, belowRow) <= 0
  }

  #swap(left: number, right: number): void {
    const leftRow = this.#leaves[left]
    const rightRow = this.#leaves[right]
    if (leftRow === undefined || rightRow === undefined) return
    this.#put(leftRow, right)
    this.#put(rightRow, left)
  }

  #put(row: number, place: number): void {
    this.#leaves[place] = row
    this.#places.set(row, place)
  }
}

/** `HeaderTree` of the toy chain: a bitmap of the registered headers it holds, and the best chain by height. */
import type { HeaderRecord, HeaderSummary, HeaderTree, SliceOutcome, SliceStop } from '../../src/core/chain.ts'
import type { Root } from '../../src/core/ids.ts'
import type { ToyRecord, ToyRegistry } from './toy-chain.ts'
import {
  hashToyHeader,
  isSealed,
  rootBytes,
  rootText,
  TOY_FUTURE_LIMIT_SECONDS,
  TOY_HEADER_SIZE_BYTES,
  words,
} from './toy-header.ts'

const DENSE_LOCATOR_COUNT = 10

export function createToyTree(registry: ToyRegistry): HeaderTree {
  return new ToyTree(registry)
}

class ToyTree implements HeaderTree {
  private readonly registry: ToyRegistry
  private held = new Uint8Array(16)
  private heldCount = 1
  private best: Uint32Array = new Uint32Array(16)
  private tipRecord: ToyRecord

  constructor(registry: ToyRegistry) {
    this.registry = registry
    this.tipRecord = registry.genesis
    this.held[0] = 1
  }

  get tip(): HeaderSummary {
    return summarise(this.tipRecord)
  }

  get sizeBytes(): number {
    return this.held.byteLength + this.best.byteLength
  }

  get sideHeaderCount(): number {
    return this.heldCount - this.tipRecord.height - 1
  }

  has(root: Root): boolean {
    const record = this.registry.byRoot(root)
    return record !== undefined && this.holds(record)
  }

  get(heightOrRoot: number | Root): HeaderRecord | undefined {
    const record = this.record(heightOrRoot)
    if (record === undefined) return undefined
    return {
      ...summarise(record),
      parent: rootText(record.bytes, 0),
      bytes: record.bytes.slice(),
      isOnBestChain: this.isBest(record),
    }
  }

  summary(heightOrRoot: number | Root): HeaderSummary | undefined {
    const record = this.record(heightOrRoot)
    return record === undefined ? undefined : summarise(record)
  }

  locator(fromHeight: number): readonly Root[] {
    const roots: Root[] = []
    let step = 1
    for (let height = Math.min(fromHeight, this.tipRecord.height); height > 0; height -= step) {
      roots.push(this.bestAt(height).root)
      if (roots.length >= DENSE_LOCATOR_COUNT) step *= 2
    }
    roots.push(this.registry.genesis.root)
    return roots
  }

  range({ fromHeight, count }: { readonly fromHeight: number; readonly count: number }): Uint8Array {
    const available = Math.max(0, Math.min(count, this.tipRecord.height - fromHeight + 1))
    return join(Array.from({ length: available }, (_, index) => this.bestAt(fromHeight + index)))
  }

  inspect(headers: Uint8Array): { count: number; parent: Root; last: Root; lastHasWork: boolean } {
    const lastOffset = headers.length - TOY_HEADER_SIZE_BYTES
    return {
      count: headers.length / TOY_HEADER_SIZE_BYTES,
      parent: this.registry.findParent(headers, 0)?.root ?? rootText(headers, 0),
      last: this.rootOf(headers.subarray(lastOffset)),
      lastHasWork: isSealed(headers, lastOffset),
    }
  }

  rootOf(header: Uint8Array): Root {
    return this.registry.find(header, 0)?.root ?? rootText(rootBytes(hashToyHeader(header, 0)), 0)
  }

  add(args: { headers: Uint8Array; index: number; count: number; nowUnixMs: number }): SliceOutcome {
    const tipBefore = this.tipRecord
    const end = Math.min(args.index + args.count, args.headers.length / TOY_HEADER_SIZE_BYTES)
    let heaviest = tipBefore
    let addedCount = 0
    let knownCount = 0
    let stop: SliceStop | undefined
    for (let index = args.index; index < end; index += 1) {
      const found = this.judge(args.headers, index, args.nowUnixMs)
      if ('type' in found) {
        stop = found
        break
      }
      if (this.holds(found)) {
        knownCount += 1
        continue
      }
      this.hold(found)
      addedCount += 1
      if (found.work > heaviest.work) heaviest = found
    }
    return { addedCount, knownCount, headChange: heaviest === tipBefore ? undefined : this.moveTip(heaviest), stop }
  }

  serveRange(args: { locator: readonly Root[]; stop: Root | undefined; countMax: number }): {
    headers: Uint8Array
    hasMore: boolean
  } {
    let fromHeight = 1
    for (const root of args.locator) {
      const record = this.registry.byRoot(root)
      if (record === undefined || !this.isBest(record)) continue
      fromHeight = record.height + 1
      break
    }
    let lastHeight = this.tipRecord.height
    const stopAt = args.stop === undefined ? undefined : this.registry.byRoot(args.stop)
    if (stopAt !== undefined && this.isBest(stopAt)) lastHeight = stopAt.height
    const count = Math.max(0, Math.min(args.countMax, lastHeight - fromHeight + 1))
    return { headers: this.range({ fromHeight, count }), hasMore: fromHeight + count - 1 < lastHeight }
  }

  serveAncestors(args: { roots: readonly Root[]; known: readonly Root[]; countMax: number }): {
    headers: Uint8Array
    answered: readonly Root[]
    unknown: readonly Root[]
  } {
    const covered = new Set<number>([this.registry.genesis.index])
    let knownBestHeight = 0
    for (const root of args.known) {
      const record = this.registry.byRoot(root)
      if (record === undefined || !this.holds(record)) continue
      covered.add(record.index)
      if (this.isBest(record)) knownBestHeight = Math.max(knownBestHeight, record.height)
    }
    const answered: Root[] = []
    const unknown: Root[] = []
    const served: ToyRecord[] = []
    for (const root of args.roots) {
      const record = this.registry.byRoot(root)
      if (record === undefined || !this.holds(record)) {
        unknown.push(root)
        continue
      }
      const isKnown = (at: ToyRecord): boolean =>
        covered.has(at.index) || (at.height <= knownBestHeight && this.isBest(at))
      const room = args.countMax - served.length
      if (room === 0 && !isKnown(record)) continue
      const run: ToyRecord[] = []
      for (let at: ToyRecord | undefined = record; at !== undefined && !isKnown(at); at = at.parent) {
        if (run.length === room) break
        run.push(at)
      }
      for (const at of run) covered.add(at.index)
      served.push(...run.reverse())
      answered.push(root)
    }
    return { headers: join(served), answered, unknown }
  }

  private judge(headers: Uint8Array, index: number, nowUnixMs: number): ToyRecord | SliceStop {
    const offset = index * TOY_HEADER_SIZE_BYTES
    const found = this.registry.find(headers, offset)
    if (found !== undefined && this.holds(found)) return found
    const parent = this.registry.findParent(headers, offset)
    if (parent === undefined || !this.holds(parent))
      return { type: 'unconnected', index, parent: parent?.root ?? rootText(headers, offset) }
    const height = parent.height + 1
    const verdict = found === undefined ? this.registry.judge(headers, offset, parent) : undefined
    if (verdict?.type === 'invalid')
      return { type: 'invalid', index, height, rule: verdict.rule, message: verdict.message }
    const untilUnixMs = (words.at(headers, offset + 32) - TOY_FUTURE_LIMIT_SECONDS) * 1_000
    if (untilUnixMs > nowUnixMs) return { type: 'future', index, height, untilUnixMs }
    return found ?? (verdict as { readonly record: ToyRecord }).record
  }

  private moveTip(to: ToyRecord): { commonHeight: number; reverted: readonly HeaderSummary[] } {
    const tipBefore = this.tipRecord
    while (this.best.length <= to.height) this.best = grow(this.best)
    const adopted: ToyRecord[] = []
    let at = to
    while (!this.isBest(at)) {
      adopted.push(at)
      at = at.parent as ToyRecord
    }
    const reverted: HeaderSummary[] = []
    for (let height = at.height + 1; height <= tipBefore.height; height += 1)
      reverted.push(summarise(this.bestAt(height)))
    for (const record of adopted) this.best[record.height] = record.index
    this.tipRecord = to
    return { commonHeight: at.height, reverted }
  }

  private record(heightOrRoot: number | Root): ToyRecord | undefined {
    if (typeof heightOrRoot === 'number')
      return Number.isInteger(heightOrRoot) && heightOrRoot >= 0 && heightOrRoot <= this.tipRecord.height
        ? this.bestAt(heightOrRoot)
        : undefined
    const record = this.registry.byRoot(heightOrRoot)
    return record !== undefined && this.holds(record) ? record : undefined
  }

  private bestAt(height: number): ToyRecord {
    return this.registry.records[this.best[height] ?? 0] as ToyRecord
  }

  private isBest(record: ToyRecord): boolean {
    return record.height <= this.tipRecord.height && this.best[record.height] === record.index
  }

  private holds(record: ToyRecord): boolean {
    return ((this.held[record.index >>> 3] ?? 0) & (1 << (record.index & 7))) !== 0
  }

  private hold(record: ToyRecord): void {
    const index = record.index >>> 3
    while (this.held.length <= index) this.held = grow(this.held)
    this.held[index] = (this.held[index] ?? 0) | (1 << (record.index & 7))
    this.heldCount += 1
  }
}

function grow<Numbers extends Uint8Array | Uint32Array>(numbers: Numbers): Numbers {
  const larger = (
    numbers instanceof Uint8Array ? new Uint8Array(numbers.length * 2) : new Uint32Array(numbers.length * 2)
  ) as Numbers
  larger.set(numbers)
  return larger
}

function summarise(record: ToyRecord): HeaderSummary {
  return { height: record.height, root: record.root, time: record.time, work: BigInt(record.work) }
}

function join(records: readonly ToyRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * TOY_HEADER_SIZE_BYTES)
  for (const [index, record] of records.entries()) bytes.set(record.bytes, index * TOY_HEADER_SIZE_BYTES)
  return bytes
}

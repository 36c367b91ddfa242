/** `HeaderTree` of the toy chain: a bitmap of the registered headers it holds, and the tip. */
import type { HeaderRecord, HeaderSummary, HeaderTree, SliceOutcome, SliceStop } from '../../src/core/chain.ts'
import type { Root } from '../../src/core/ids.ts'
import type { ToyRecord, ToyRegistry } from './toy-registry.ts'
import { ancestorAt, join } from './toy-registry.ts'
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
  /** It never starts above a checkpoint. */
  readonly gap: undefined
  private readonly registry: ToyRegistry
  private held = new Uint8Array(16)
  private heldCount = 1
  private tipRecord: ToyRecord

  constructor(registry: ToyRegistry) {
    this.registry = registry
    this.tipRecord = registry.genesis
    this.held[0] = 1
  }

  get tip(): HeaderSummary {
    return this.tipRecord.summary
  }

  get sizeBytes(): number {
    return this.held.byteLength
  }

  get sideHeaderCount(): number {
    return this.heldCount - this.tipRecord.height - 1
  }

  startAbove(): void {}

  dropAbove(): void {}

  dropBelow(): void {}

  has(root: Root): boolean {
    const record = this.registry.byRoot(root)
    return record !== undefined && this.holds(record)
  }

  get(heightOrRoot: number | Root): HeaderRecord | undefined {
    const record = this.record(heightOrRoot)
    if (record === undefined) return undefined
    return {
      ...record.summary,
      parent: rootText(record.bytes, 0),
      bytes: record.bytes.slice(),
      isOnBestChain: this.isBest(record),
    }
  }

  summary(heightOrRoot: number | Root): HeaderSummary | undefined {
    return this.record(heightOrRoot)?.summary
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
    if (available === 0) return new Uint8Array(0)
    return this.registry.runTo(this.bestAt(fromHeight + available - 1), available)
  }

  inspect(headers: Uint8Array): { count: number; parent: Root; last: Root; lastHasWork: boolean } {
    const lastOffset = headers.length - TOY_HEADER_SIZE_BYTES
    return {
      count: headers.length / TOY_HEADER_SIZE_BYTES,
      parent: this.registry.findParent(headers, 0)?.root ?? rootText(headers, 0),
      last: this.rootAt(headers, lastOffset),
      lastHasWork: isSealed(headers, lastOffset),
    }
  }

  rootOf(header: Uint8Array): Root {
    return this.rootAt(header, 0)
  }

  private rootAt(headers: Uint8Array, offset: number): Root {
    return this.registry.find(headers, offset)?.root ?? rootText(rootBytes(hashToyHeader(headers, offset)), 0)
  }

  add(args: { headers: Uint8Array; index: number; count: number; nowUnixMs: number }): SliceOutcome {
    const tipBefore = this.tipRecord
    const end = Math.min(args.index + args.count, args.headers.length / TOY_HEADER_SIZE_BYTES)
    let heaviest = tipBefore
    let addedCount = 0
    let knownCount = 0
    let stop: SliceStop | undefined
    const records = this.registry.recordsIn(args.headers)
    for (let index = args.index; index < end; index += 1) {
      const found = this.judge(args, index, records?.[index])
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

  serveRange(args: { locator: readonly Root[]; stop: Root | undefined; countMax: number; skip?: number }): {
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
    fromHeight += args.skip ?? 0
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
    return { headers: this.bytesOf(served), answered, unknown }
  }

  private bytesOf(records: readonly ToyRecord[]): Uint8Array {
    const last = records.at(-1)
    const isOneRun = records.every((record, index) => index === 0 || record.parent === records[index - 1])
    return isOneRun && last !== undefined ? this.registry.runTo(last, records.length) : join(records)
  }

  private judge(
    { headers, nowUnixMs }: { headers: Uint8Array; nowUnixMs: number },
    index: number,
    shared: ToyRecord | undefined,
  ): ToyRecord | SliceStop {
    const offset = index * TOY_HEADER_SIZE_BYTES
    const found = shared ?? this.registry.find(headers, offset)
    if (found !== undefined && this.holds(found)) return found
    const parent = found?.parent ?? this.registry.findParent(headers, offset)
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
    const reverted: HeaderSummary[] = []
    let at = this.tipRecord
    while (ancestorAt(to, at.height) !== at) {
      reverted.push(at.summary)
      at = at.parent as ToyRecord
    }
    this.tipRecord = to
    return { commonHeight: at.height, reverted: reverted.reverse() }
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
    return ancestorAt(this.tipRecord, height)
  }

  private isBest(record: ToyRecord): boolean {
    return record.height <= this.tipRecord.height && this.bestAt(record.height) === record
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

function grow(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.length * 2)
  larger.set(bytes)
  return larger
}

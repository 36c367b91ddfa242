/** Every valid header of a toy chain, once, however many trees hold it; and the way from each to its ancestors. */
import type { HeaderSummary } from '../../src/core/chain.ts'
import type { Root } from '../../src/core/ids.ts'
import {
  hashToyHeader,
  isSealed,
  keyOfWords,
  rootBytes,
  rootText,
  TOY_HEADER_SIZE_BYTES,
  TOY_WORK_MAX,
  words,
} from './toy-header.ts'

/** A valid header, shared and never changed. `work` of the whole chain up to it. */
export interface ToyRecord {
  readonly index: number
  readonly root: Root
  readonly bytes: Uint8Array
  readonly parent: ToyRecord | undefined
  /** An ancestor further below, so that the one at a height is found in few steps. */
  readonly jump: ToyRecord | undefined
  readonly height: number
  readonly time: number
  readonly work: number
  readonly summary: HeaderSummary
}

export type ToyVerdict =
  | { readonly type: 'valid'; readonly record: ToyRecord }
  | { readonly type: 'invalid'; readonly rule: string; readonly message: string }

/** Runs of headers that are kept as bytes: about as many as are asked for at the same time. */
const RUNS_MAX = 64

/** Every valid header of a chain, once. Grows as long as the simulation lives. */
export class ToyRegistry {
  readonly genesis: ToyRecord
  readonly records: ToyRecord[] = []
  /** Runs served last, by end and length; bounded by RUNS_MAX, oldest forgotten first. */
  private readonly runs = new Map<string, Uint8Array>()
  /** What stands in those bytes, as long as somebody has them. */
  private readonly recordsOfRun = new WeakMap<Uint8Array, readonly ToyRecord[]>()
  private readonly recordByKey = new Map<number, ToyRecord>()
  private readonly recordByRoot = new Map<Root, ToyRecord>()

  constructor(genesis: Uint8Array) {
    this.genesis = this.register(genesis, 0, undefined)
  }

  byRoot(root: Root): ToyRecord | undefined {
    return this.recordByRoot.get(root)
  }

  /** The record of this header, undefined when it was never judged valid. */
  find(headers: Uint8Array, offset: number): ToyRecord | undefined {
    const hash = hashToyHeader(headers, offset)
    return this.recordByKey.get(keyOfWords(hash[0] ?? 0, hash[1] ?? 0))
  }

  /** The record of this header's parent. */
  findParent(headers: Uint8Array, offset: number): ToyRecord | undefined {
    return this.recordByKey.get(keyOfWords(words.at(headers, offset), words.at(headers, offset + 4)))
  }

  /** The bytes of the `count` headers up to and with this one: shared by all who ask, and never changed. */
  runTo(last: ToyRecord, count: number): Uint8Array {
    const key = `${last.index}:${count}`
    const known = this.runs.get(key)
    if (known !== undefined) return known
    const records: ToyRecord[] = []
    for (let at: ToyRecord | undefined = last; at !== undefined && records.length < count; at = at.parent)
      records.push(at)
    const bytes = join(records.reverse())
    this.runs.set(key, bytes)
    this.recordsOfRun.set(bytes, records)
    for (const oldest of this.runs.keys()) {
      if (this.runs.size <= RUNS_MAX) break
      this.runs.delete(oldest)
    }
    return bytes
  }

  /** The records of bytes that came from `runTo`, so that they need not be hashed; undefined for any others. */
  recordsIn(headers: Uint8Array): readonly ToyRecord[] | undefined {
    return this.recordsOfRun.get(headers)
  }

  /** The root that this header will have. */
  preview(header: Uint8Array): Root {
    return rootText(rootBytes(hashToyHeader(header, 0)), 0)
  }

  /** Judges a header that was not found by every rule but the future one. */
  judge(headers: Uint8Array, offset: number, parent: ToyRecord): ToyVerdict {
    const time = words.at(headers, offset + 32)
    const work = words.at(headers, offset + 36)
    if (!isSealed(headers, offset)) return { type: 'invalid', rule: 'seal', message: 'expected the seal of its fields' }
    if (work < 1 || work > TOY_WORK_MAX)
      return { type: 'invalid', rule: 'work', message: `expected work from 1 to ${TOY_WORK_MAX}, got ${work}` }
    if (time <= parent.time)
      return { type: 'invalid', rule: 'time', message: `expected a time after ${parent.time}, got ${time}` }
    return { type: 'valid', record: this.register(headers, offset, parent) }
  }

  private register(headers: Uint8Array, offset: number, parent: ToyRecord | undefined): ToyRecord {
    const bytes = headers.slice(offset, offset + TOY_HEADER_SIZE_BYTES)
    const hash = hashToyHeader(bytes, 0)
    const key = keyOfWords(hash[0] ?? 0, hash[1] ?? 0)
    if (this.recordByKey.has(key)) throw new Error('two toy headers have the same key; choose another nonce')
    const record = createRecord({ index: this.records.length, bytes, root: rootText(rootBytes(hash), 0), parent })
    this.records.push(record)
    this.recordByKey.set(key, record)
    this.recordByRoot.set(record.root, record)
    return record
  }
}

function createRecord(args: {
  index: number
  bytes: Uint8Array
  root: Root
  parent: ToyRecord | undefined
}): ToyRecord {
  const { bytes, root, parent } = args
  const height = parent === undefined ? 0 : parent.height + 1
  const time = words.at(bytes, 32)
  const work = words.at(bytes, 36) + (parent?.work ?? 0)
  const summary = { height, root, time, work: BigInt(work) }
  return { ...args, height, time, work, summary, jump: jumpAbove(parent) }
}

/** Where a child of this header leads: as far as the two jumps before it together where they are equal (a skew-binary list). */
function jumpAbove(parent: ToyRecord | undefined): ToyRecord | undefined {
  const over = parent?.jump
  const beyond = over?.jump
  if (parent === undefined || over === undefined || beyond === undefined) return parent
  return parent.height - over.height === over.height - beyond.height ? beyond : parent
}

/** The ancestor of this header at this height, at most its own; in some 2 log2(height) steps. */
export function ancestorAt(record: ToyRecord, height: number): ToyRecord {
  let at = record
  while (at.height > height) {
    const { jump } = at
    at = jump !== undefined && jump.height >= height ? jump : (at.parent as ToyRecord)
  }
  return at
}

export function join(records: readonly ToyRecord[]): Uint8Array {
  const bytes = new Uint8Array(records.length * TOY_HEADER_SIZE_BYTES)
  for (const [index, record] of records.entries()) bytes.set(record.bytes, index * TOY_HEADER_SIZE_BYTES)
  return bytes
}

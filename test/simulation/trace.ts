/** Steps as text, one line each: for the last ones before a failure, and to compare two runs byte by byte. */
import type { Effect } from '../../src/core/effect.ts'
import type { Instant } from '../../src/core/instant.ts'
import type { PeerId } from '../../src/core/ids.ts'
import type { Cause } from './machine.ts'

export interface Step {
  readonly number: number
  /** Whose it is. */
  readonly computer: { readonly peer: PeerId }
  readonly atMs: number
  readonly now: Instant
  readonly cause: Cause
  readonly effects: readonly Effect[]
}

/** The newest steps of all computers. */
export class RecentSteps {
  private readonly steps: Step[] = []
  private next = 0
  private readonly countMax: number

  constructor(countMax: number) {
    this.countMax = countMax
  }

  push(step: Step): void {
    this.steps[this.next] = step
    this.next = (this.next + 1) % this.countMax
  }

  /** The last steps of one computer, oldest first. */
  lastOf(computer: Step['computer'], count: number): readonly Step[] {
    const ordered = [...this.steps.slice(this.next), ...this.steps.slice(0, this.next)]
    return ordered.filter((step) => step.computer === computer).slice(-count)
  }
}

export function formatStep({ number, computer, atMs, cause, effects }: Step): string {
  const lines = [`#${number} ${(atMs / 1_000).toFixed(3)} s, ${computer.peer}: ${formatValue(cause)}`]
  for (const effect of effects) lines.push(`    -> ${formatValue(effect)}`)
  return lines.join('\n')
}

const BYTES_SHOWN = 8
const ITEMS_SHOWN = 3

/** `{ type, … }` as `type key=value …`; bytes and lists in short. */
export function formatValue(value: unknown): string {
  if (value instanceof Uint8Array) return `${value.length}B:${hex(value.subarray(-BYTES_SHOWN))}`
  if (Array.isArray(value)) {
    const more = value.length > ITEMS_SHOWN ? `, … ${value.length}` : ''
    return `[${value.slice(0, ITEMS_SHOWN).map(formatValue).join(', ')}${more}]`
  }
  if (typeof value === 'object' && value !== null) {
    const { type, ...rest } = value as Record<string, unknown>
    const fields = Object.entries(rest).map(([key, field]) => `${key}=${formatField(field)}`)
    return [...(typeof type === 'string' ? [type] : []), ...fields].join(' ')
  }
  if (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value)) return value.slice(0, BYTES_SHOWN * 2)
  return String(value)
}

function formatField(value: unknown): string {
  const isGrouped =
    typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array)
  return isGrouped ? `{${formatValue(value)}}` : formatValue(value)
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}

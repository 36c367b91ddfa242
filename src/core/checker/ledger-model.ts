/** What one peer wants of us, as its messages and ours tell it: an entry leaves by being sent, cancelled or replaced. */
import type { IncomingExchange, OutgoingExchange } from '../exchange/exchange-message.ts'
import type { Cid } from '../ids.ts'
import { LEDGER_WANTS_GUARANTEED } from '../limits.ts'
import { broken } from './invariant-error.ts'

/** Wants of one peer that are remembered here; of one that says more nothing is known any more. */
const MODELLED_WANTS_MAX = 40_000

/** One want, from when it was said until it is over: the same CID wanted again later is another one. */
interface Wanted {
  /** Asked for again while it was being told of: maybe as a new want. */
  isDoubtful: boolean
}

export class LedgerModel {
  private readonly wants = new Map<Cid, Wanted>()
  /** In the message under way. */
  private sent: OutgoingExchange | undefined
  private readonly sentWants = new Map<Cid, Wanted>()
  /** Told of while they were asked for again: over, or wanted anew. */
  private readonly doubtful = new Map<Cid, Wanted>()
  /** More than a ledger keeps for sure: some may have been evicted. */
  private isOverfull = false
  private isForgotten = false

  received({ wants, cancels, isFullWantlist }: IncomingExchange): void {
    if (this.isForgotten) return
    if (isFullWantlist) {
      const kept = new Set(wants.map(({ cid }) => cid))
      for (const cid of [...this.wants.keys(), ...this.doubtful.keys()]) if (!kept.has(cid)) this.cancelled(cid)
    }
    for (const cid of cancels) this.cancelled(cid)
    for (const { cid } of wants) this.wanted(cid)
    this.isOverfull ||= this.wants.size > LEDGER_WANTS_GUARANTEED
    if (this.wants.size > MODELLED_WANTS_MAX) this.forget()
  }

  private cancelled(cid: Cid): void {
    this.wants.delete(cid)
    this.doubtful.delete(cid)
  }

  private wanted(cid: Cid): void {
    const known = this.wants.get(cid) ?? this.doubtful.get(cid) ?? { isDoubtful: false }
    this.doubtful.delete(cid)
    this.wants.set(cid, known)
    if (this.sentWants.get(cid) === known && this.sent?.haves.includes(cid) === true) known.isDoubtful = true
  }

  private forget(): void {
    this.isForgotten = true
    this.wants.clear()
    this.doubtful.clear()
    this.sentWants.clear()
  }

  sending(message: OutgoingExchange, peer: string): void {
    this.sent = message
    if (this.isForgotten) return
    this.sentWants.clear()
    for (const cid of [...message.blocks.map((block) => block.cid), ...message.haves]) {
      const want = this.wants.get(cid) ?? this.doubtful.get(cid)
      if (want === undefined) broken('X2', `${peer} is sent ${cid}, which it does not want`)
      this.sentWants.set(cid, want)
    }
  }

  /** Only now are they over. */
  drained(): void {
    for (const [cid, want] of this.sentWants) {
      if (this.doubtful.get(cid) === want) this.doubtful.delete(cid)
      if (this.wants.get(cid) !== want) continue
      this.wants.delete(cid)
      if (want.isDoubtful) this.doubtful.set(cid, { isDoubtful: false })
    }
    this.sentWants.clear()
  }

  failed(): void {
    for (const want of this.sentWants.values()) want.isDoubtful = false
    this.sentWants.clear()
  }

  /** X2: a want is in the ledger until its block was drained, and not after. */
  check(ledgerCount: number, peer: string): void {
    if (this.isForgotten || this.isOverfull) return
    const { size } = this.wants
    if (ledgerCount < size) broken('X2', `${size} wants of ${peer} are not settled, and ${ledgerCount} are kept`)
    if (ledgerCount > size + this.doubtful.size)
      broken('X2', `${ledgerCount} wants of ${peer} are kept, it has ${size}`)
  }
}

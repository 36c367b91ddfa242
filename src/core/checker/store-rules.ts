/** The store's side of R1: sequences grow by one, nothing is written where nothing may be, nor beyond what is there. */
import type { Effect } from '../effect.ts'
import type { Event } from '../event.ts'
import { broken } from './invariant-error.ts'

export class StoreRules {
  private isOpened = false
  private isWritable = false
  private sequence: number | undefined

  event(event: Event): void {
    if (event.type === 'store-opened') {
      if (this.isOpened) return
      this.isOpened = true
      this.isWritable = event.isWritable
    } else if (event.type === 'store-became-writable') this.isWritable = true
  }

  effect(effect: Effect): void {
    if (effect.type === 'load-headers') {
      if (!this.isOpened) broken('R1', 'headers are loaded before the store is open')
      if (!(effect.count > 0 && effect.fromHeight >= 0))
        broken('R1', `${effect.count} headers are loaded from ${effect.fromHeight}`)
    }
    if (effect.type !== 'persist') return
    if (!this.isWritable) broken('R1', 'a write to a store that is not writable')
    if (this.sequence !== undefined && effect.sequence !== this.sequence + 1)
      broken('R1', `write ${effect.sequence} follows ${this.sequence}`)
    if (effect.append.length === 0 && effect.truncateTo === 0 && effect.isUpper !== true)
      broken('R1', 'a write that empties the store')
    this.sequence = effect.sequence
  }
}

/** H3 and H8 as far as dials show them, and the bounds of dialling. */
import type { Effect } from '../effect.ts'
import type { Event } from '../event.ts'
import type { ConnectionId, DialId } from '../ids.ts'
import * as limits from '../limits.ts'
import type { ConnectionRules } from './connection-rules.ts'
import { broken } from './invariant-error.ts'
import type { Cause } from './cause.ts'

export class DialRules {
  private readonly connections: ConnectionRules
  /** Dials under way and where they lead. */
  private readonly dials = new Map<DialId, string>()
  private readonly connectionByAddress = new Map<string, ConnectionId>()
  private readonly wrongChainUntilMs = new Map<string, number>()

  constructor(connections: ConnectionRules) {
    this.connections = connections
  }

  get underWayCount(): number {
    return this.dials.size
  }

  event(event: Event, nowMs: number): void {
    if (event.type === 'dial-failed') this.dials.delete(event.dial)
    if (event.type === 'connect-requested') this.wrongChainUntilMs.delete(event.address)
    if (event.type === 'dial-succeeded') {
      const address = this.dials.get(event.dial)
      this.dials.delete(event.dial)
      if (address !== undefined) this.connectionByAddress.set(address, event.connection)
    }
    if (event.type !== 'handshake-answered') return
    if (this.connections.get(event.connection)?.isMismatched !== true) return
    // The mismatch may have shown on another connection before, by the time of one handshake at most.
    const untilMs = nowMs + limits.WRONG_CHAIN_BACKOFF_MS - limits.HANDSHAKE_TIMEOUT_MS
    for (const [address, connection] of this.connectionByAddress) {
      if (connection === event.connection) this.wrongChainUntilMs.set(address, untilMs)
    }
  }

  effect(effect: Effect, cause: Cause, nowMs: number): void {
    if (effect.type === 'cancel-dial') this.dials.delete(effect.dial)
    if (effect.type !== 'dial') return
    const { address } = effect
    if (this.dials.has(effect.dial)) broken('R1', `dial ${effect.dial} was asked for twice`)
    for (const other of this.dials.values()) if (other === address) broken('R1', `${address} is being dialled already`)
    if (!(effect.timeoutMs > 0 && effect.timeoutMs <= limits.DIAL_TIMEOUT_MS))
      broken('H7', `a dial may take ${effect.timeoutMs} ms`)
    if ((this.wrongChainUntilMs.get(address) ?? -Infinity) > nowMs)
      broken('H3', `${address} is dialled again before its back-off, at ${cause.type}`)
    const last = this.connectionByAddress.get(address)
    const connection = last === undefined ? undefined : this.connections.get(last)
    if (connection !== undefined && !connection.isClosing && connection.hasFailed)
      broken('H8', `${address} is dialled while ${connection.id}, whose handshake failed, is open`)
    this.dials.set(effect.dial, address)
    if (this.dials.size > limits.DIALS_AT_ONCE_MAX) broken('R1', `${this.dials.size} dials at once`)
  }
}

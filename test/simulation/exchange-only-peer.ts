/** A peer that speaks bitswap and nothing of ours (Helia, Kubo), simpler than either: it serves what it has. */
import type { Effect } from '../../src/core/effect.ts'
import type { Event } from '../../src/core/event.ts'
import type { ExchangeReceived } from '../../src/core/exchange/exchange-event.ts'
import type { OutgoingExchange } from '../../src/core/exchange/exchange-message.ts'
import { hashCodeOf } from '../../src/core/exchange/cid-text.ts'
import type { Cid, ConnectionId, DialId } from '../../src/core/ids.ts'
import { DIAL_TIMEOUT_MS, EXCHANGE_PACKED_BYTES_MAX } from '../../src/core/limits.ts'
import type { Computer } from './computer.ts'
import type { Machine } from './machine.ts'
import { toyCidOf } from './toy-content.ts'

const BLOCKS_PER_MESSAGE_MAX = 16
/** A send that failed is not tried again: its asker asks again. */
const SEND_TIMEOUT_MS = 30_000

interface Outbox {
  isSending: boolean
  readonly wants: Set<Cid>
  readonly blocks: Set<Cid>
  readonly haves: Set<Cid>
  readonly dontHaves: Set<Cid>
}

export interface ExchangeOnlyPeerOptions {
  readonly computer: Computer
  /** What it asks of whoever connects. */
  readonly wanted: () => readonly Cid[]
}

export class ExchangeOnlyPeer implements Machine {
  private readonly options: ExchangeOnlyPeerOptions
  private readonly outboxes = new Map<ConnectionId, Outbox>()
  private sequence = 0
  private isStopped = false

  constructor(options: ExchangeOnlyPeerOptions) {
    this.options = options
  }

  handle(event: Event): readonly Effect[] {
    if (this.isStopped) return []
    switch (event.type) {
      case 'store-opened':
        return this.options.computer.targets.map((address, index) => {
          return { type: 'dial', dial: index as DialId, address, timeoutMs: DIAL_TIMEOUT_MS }
        })
      case 'connection-opened': {
        const { connection } = event
        const wants = new Set(this.options.wanted())
        const outbox = {
          isSending: false,
          wants,
          blocks: new Set<Cid>(),
          haves: new Set<Cid>(),
          dontHaves: new Set<Cid>(),
        }
        this.outboxes.set(connection, outbox)
        return [{ type: 'admit-exchange', connection }, ...this.flush(connection)]
      }
      case 'connection-closed':
        this.outboxes.delete(event.connection)
        return []
      case 'exchange-received':
        return this.received(event)
      case 'exchange-sent':
      case 'exchange-send-failed': {
        const outbox = this.outboxes.get(event.connection)
        if (outbox !== undefined) outbox.isSending = false
        return this.flush(event.connection)
      }
      case 'stop-requested':
        this.isStopped = true
        return [...this.outboxes.keys()].map((connection) => {
          return { type: 'close-connection', connection, reason: 'stopped' }
        })
      default:
        return []
    }
  }

  private received({ connection, message }: ExchangeReceived): readonly Effect[] {
    const outbox = this.outboxes.get(connection)
    if (outbox === undefined) return []
    const { blocks: store } = this.options.computer
    for (const { prefix, bytes } of message.blocks) {
      const cid = toyCidOf(prefix, bytes)
      if (cid !== undefined) store.put({ cid, bytes })
    }
    for (const cid of message.cancels) outbox.blocks.delete(cid)
    for (const { cid, want, sendDontHave } of message.wants) {
      const bytes = store.get(cid)
      const isHere = bytes !== undefined && bytes.length < EXCHANGE_PACKED_BYTES_MAX
      if (isHere) (want === 'block' ? outbox.blocks : outbox.haves).add(cid)
      else if (sendDontHave) outbox.dontHaves.add(cid)
    }
    return this.flush(connection)
  }

  private flush(connection: ConnectionId): readonly Effect[] {
    const outbox = this.outboxes.get(connection)
    if (outbox === undefined || outbox.isSending) return []
    const { wants, blocks, haves, dontHaves } = outbox
    if (wants.size + blocks.size + haves.size + dontHaves.size === 0) return []
    const message: OutgoingExchange = {
      wants: take(wants).map((cid) => ({ cid, priority: 1, want: 'block', sendDontHave: true })),
      cancels: [],
      isFullWantlist: false,
      blocks: this.takeBlocks(blocks),
      haves: take(haves),
      dontHaves: take(dontHaves),
      pendingBytes: 0,
    }
    outbox.isSending = true
    const sequence = (this.sequence += 1)
    return [{ type: 'send-exchange', connection, sequence, message, timeoutMs: SEND_TIMEOUT_MS }]
  }

  /** Of one hash function. */
  private takeBlocks(cids: Set<Cid>): OutgoingExchange['blocks'] {
    const taken: { cid: Cid; bytes: Uint8Array }[] = []
    for (const cid of cids) {
      if (taken.length >= BLOCKS_PER_MESSAGE_MAX) break
      if (taken[0] !== undefined && hashCodeOf(taken[0].cid) !== hashCodeOf(cid)) continue
      cids.delete(cid)
      const bytes = this.options.computer.blocks.get(cid)
      if (bytes !== undefined) taken.push({ cid, bytes })
    }
    return taken
  }

  handleTimeout(): readonly Effect[] {
    return []
  }

  nextTimeout(): undefined {
    return undefined
  }

  hasWork(): boolean {
    return false
  }

  handleWork(): readonly Effect[] {
    return []
  }
}

function take(cids: Set<Cid>): readonly Cid[] {
  const taken = [...cids]
  cids.clear()
  return taken
}

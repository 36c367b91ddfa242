import type { RequestId, Root } from '../core/ids.ts'
import { toRequestId } from '../core/ids.ts'
import { BUSY_RETRY_MS } from '../core/limits.ts'
import type { GetAncestors, GetHeaders, Ping, SyncResponse } from '../core/message.ts'
import { decodeGetHeaders, encodeHeaders } from '../wire/bitcoin/header-messages.ts'
import {
  decodeInventory,
  encodeInventory,
  INVENTORY_WITNESS_BLOCK,
  type InventoryItem,
} from '../wire/bitcoin/inventory-message.ts'
import { HEADERS_PER_BITCOIN_MESSAGE_MAX } from '../wire/bitcoin/message-limits.ts'
import { undecodable } from '../wire/wire-error.ts'
import { BLOCKS_IN_FLIGHT_MAX } from './bitcoin-block-requests.ts'

/** Requests of theirs that the core has not answered; beyond it their messages are not read. */
const UNANSWERED_REQUESTS_MAX = 4
/** BIP 31. */
const NONCE_BYTES = 8

type Question = Ping | GetHeaders | GetAncestors

interface Unanswered {
  readonly question: Question
  /** A ping's. */
  readonly nonce: Uint8Array
  /** We were busy: put to the core again then. */
  retryMs: number | undefined
}

/** What a peer asks of us, numbered for the core, and the core's answers in the peer's terms. */
export class BitcoinServing {
  readonly #send: (command: string, payload: Uint8Array) => void
  readonly #untilDrained: () => Promise<void> | undefined
  readonly #blockOf: (root: Root) => Promise<Uint8Array | undefined>
  readonly #unanswered = new Map<RequestId, Unanswered>()
  #nextRequest = 1
  #onRoom: (() => void) | undefined

  /** `blockOf` gives a whole block with witnesses; undefined when we do not have it. Never rejects. */
  constructor(args: {
    readonly send: (command: string, payload: Uint8Array) => void
    readonly untilDrained: () => Promise<void> | undefined
    readonly blockOf: (root: Root) => Promise<Uint8Array | undefined>
  }) {
    this.#send = args.send
    this.#untilDrained = args.untilDrained
    this.#blockOf = args.blockOf
  }

  /** Throws `WireError`. */
  ping(nonce: Uint8Array): Question {
    if (nonce.length !== NONCE_BYTES) throw undecodable(`a ping of ${NONCE_BYTES} bytes`, String(nonce.length))
    return this.#open((request) => ({ type: 'ping', request }), nonce)
  }

  /** Throws `WireError`. An empty locator without a stop asks for nothing. */
  getHeaders(payload: Uint8Array): Question | undefined {
    const { locator, stop } = decodeGetHeaders(payload)
    if (locator.length > 0) {
      const countMax = HEADERS_PER_BITCOIN_MESSAGE_MAX
      return this.#open((request) => ({ type: 'get-headers', request, locator, stop, countMax }))
    }
    if (stop === undefined) return undefined
    return this.#open((request) => ({ type: 'get-ancestors', request, roots: [stop], known: [], countMax: 1 }))
  }

  /** Blocks go out one after the other as the peer takes them, the first few of each request. Throws `WireError`. */
  async getData(payload: Uint8Array): Promise<void> {
    const absent: InventoryItem[] = []
    let servedCount = 0
    for (const item of decodeInventory(payload, 'getdata')) {
      // Without witnesses a block is another serialisation, which is not kept.
      const isServed = item.type === INVENTORY_WITNESS_BLOCK && servedCount < BLOCKS_IN_FLIGHT_MAX
      const bytes = isServed ? await this.#blockOf(item.root) : undefined
      if (bytes === undefined) absent.push(item)
      else {
        servedCount += 1
        this.#send('block', bytes)
        await this.#untilDrained()
      }
    }
    if (absent.length > 0) this.#send('notfound', encodeInventory(absent))
  }

  /** The core's answer. One to a question that is not open goes nowhere. */
  answer(message: SyncResponse, nowMs: number): void {
    const open = this.#unanswered.get(message.request)
    if (open === undefined) return
    if (message.type === 'refused' && message.reason === 'busy') {
      // Silence is no answer on this wire, and an empty one would say that we have nothing.
      open.retryMs = nowMs + BUSY_RETRY_MS
      return
    }
    this.#unanswered.delete(message.request)
    if (message.type === 'pong') this.#send('pong', open.nonce)
    else if (message.type !== 'refused') this.#send('headers', encodeHeaders(message.headers))
    this.#onRoom?.()
  }

  /** Questions that were put off and are due again. */
  takeDue(nowMs: number): readonly Question[] {
    const due: Question[] = []
    for (const open of this.#unanswered.values()) {
      if (open.retryMs === undefined || nowMs < open.retryMs) continue
      open.retryMs = undefined
      due.push(open.question)
    }
    return due
  }

  /** Resolves when another question may be read; undefined when that is so already. */
  untilRoom(): Promise<void> | undefined {
    if (this.#unanswered.size < UNANSWERED_REQUESTS_MAX) return undefined
    return new Promise((resolve) => (this.#onRoom = resolve))
  }

  /** The connection is gone: nobody waits any more. */
  end(): void {
    this.#unanswered.clear()
    this.#onRoom?.()
  }

  #open(make: (request: RequestId) => Question, nonce: Uint8Array = new Uint8Array(0)): Question {
    const request = toRequestId(this.#nextRequest++)
    const question = make(request)
    this.#unanswered.set(request, { question, nonce, retryMs: undefined })
    return question
  }
}

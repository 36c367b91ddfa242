import type { RequestId } from '../core/ids.ts'
import { toRequestId } from '../core/ids.ts'
import { BUSY_RETRY_MS } from '../core/limits.ts'
import type { GetAncestors, GetHeaders, Ping, SyncResponse } from '../core/message.ts'
import { decodeGetHeaders, encodeHeaders } from '../wire/bitcoin/header-messages.ts'
import { HEADERS_PER_BITCOIN_MESSAGE_MAX } from '../wire/bitcoin/message-limits.ts'

/** Requests of theirs that the core has not answered; beyond it their messages are not read. */
const UNANSWERED_REQUESTS_MAX = 4

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
  readonly #unanswered = new Map<RequestId, Unanswered>()
  #nextRequest = 1
  #onRoom: (() => void) | undefined

  constructor(send: (command: string, payload: Uint8Array) => void) {
    this.#send = send
  }

  ping(nonce: Uint8Array): Question {
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

import type { RequestId, Root } from '../core/ids.ts'
import { ANNOUNCED_HEADERS_MAX, REQUEST_TIMEOUT_MS } from '../core/limits.ts'
import type { Announce, GetAncestors, GetHeaders, SyncMessage } from '../core/message.ts'
import type { GetHeadersMessage } from '../wire/bitcoin/header-messages.ts'
import { HEADERS_PER_BITCOIN_MESSAGE_MAX } from '../wire/bitcoin/message-limits.ts'
import type { BitcoinClaims } from './bitcoin-claims.ts'
import { HEADER_SIZE_BYTES, parentOf } from './bitcoin-claims.ts'

/** Answers that may still come to questions we no longer wait for; more than this are unasked. */
const SPARE_ANSWERS_MAX = 4

/** One getheaders of ours. `slot`: of each there is one that waits or is asked, and a newer one replaces it. */
type Question =
  | {
      readonly slot: 'headers'
      readonly request: RequestId
      readonly locator: readonly Root[]
      readonly stop: Root | undefined
      readonly countMax: number
    }
  /** An empty locator asks for that header alone: what lies below it is too much for one answer. */
  | {
      readonly slot: 'ancestors'
      readonly request: RequestId
      readonly locator: readonly Root[]
      readonly stop: Root
      readonly countMax: number
    }
  /** Ours: the peer named a new block by its root alone. */
  | { readonly slot: 'inventory'; readonly locator: readonly Root[]; readonly stop: Root }

const SLOTS: readonly Question['slot'][] = ['headers', 'ancestors', 'inventory']

/**
 * Numbered requests over a wire that numbers nothing: one getheaders at a time, and a `headers` whose first parent is one
 * of those that were named (or genesis) is its answer; any other of up to 8 is an announcement.
 */
export class BitcoinHeaderRequests {
  readonly #genesis: Root
  readonly #claims: BitcoinClaims
  readonly #rootOf: (header: Uint8Array) => Root
  readonly #send: (message: GetHeadersMessage) => void
  /** Bounded by the slots. */
  readonly #waiting = new Map<Question['slot'], Question>()
  #asked: { readonly question: Question; readonly sentMs: number } | undefined
  #spareAnswerCount = 0
  /** Of the core's latest question: where to begin when the peer names a block. */
  #locator: readonly Root[] = []
  /** The peer has more behind this header. */
  #moreAfter: Root | undefined

  constructor(args: {
    readonly genesis: Root
    readonly claims: BitcoinClaims
    readonly rootOf: (header: Uint8Array) => Root
    readonly send: (message: GetHeadersMessage) => void
  }) {
    this.#genesis = args.genesis
    this.#claims = args.claims
    this.#rootOf = args.rootOf
    this.#send = args.send
  }

  /**
   * What the peer sent last and we have by now goes before the core's locator, which names our best chain alone: on a fork
   * longer than one answer the peer would begin at its root again and again. A question with an end has its own beginning.
   */
  getHeaders({ request, locator, stop, countMax }: GetHeaders, nowMs: number): void {
    this.#locator = locator
    const more = this.#moreAfter
    const isFurther = stop === undefined && more !== undefined && !locator.includes(more) && this.#claims.isKnown(more)
    const from = isFurther ? [more, ...locator] : locator
    this.#ask({ slot: 'headers', request, locator: from, stop, countMax }, nowMs)
  }

  /** The first root alone: this wire takes one at a time, and what was left out may be asked for again. */
  getAncestors({ request, roots, known, countMax }: GetAncestors, nowMs: number): void {
    const [stop] = roots
    if (stop !== undefined) this.#ask({ slot: 'ancestors', request, locator: known, stop, countMax }, nowMs)
  }

  /** The peer named this block. Before the core's first question nothing is asked: that one will bring it. */
  blockNamed(root: Root, nowMs: number): void {
    const { lastRoot } = this.#claims
    if (this.#locator.length === 0 || root === lastRoot) return
    const locator = lastRoot === undefined ? this.#locator : [lastRoot, ...this.#locator]
    this.#ask({ slot: 'inventory', locator, stop: root }, nowMs)
  }

  /** What a `headers` message means; undefined when it means nothing any more. `unasked`: no honest peer sends this. */
  take(headers: Uint8Array, nowMs: number): SyncMessage | 'unasked' | undefined {
    const count = headers.length / HEADER_SIZE_BYTES
    const question = this.#asked?.question
    if (question !== undefined && this.#isAnswer(question, headers)) {
      this.#asked = undefined
      // So few may as well have been an announcement: then the answer is still to come.
      if (count > 0 && count <= ANNOUNCED_HEADERS_MAX) this.#spareAnswer()
      const message = this.#answer(question, headers, nowMs)
      this.#pump(nowMs)
      return message
    }
    if (count > 0 && count <= ANNOUNCED_HEADERS_MAX) return this.#announce(headers)
    if (count === 0) return undefined
    if (this.#spareAnswerCount === 0) return 'unasked'
    this.#spareAnswerCount -= 1
    return undefined
  }

  /** A question that is not answered in time is let go: the core has done so too. */
  tick(nowMs: number): void {
    if (this.#asked === undefined || nowMs < this.#asked.sentMs + REQUEST_TIMEOUT_MS) return
    this.#asked = undefined
    this.#spareAnswer()
    this.#pump(nowMs)
  }

  #ask(question: Question, nowMs: number): void {
    this.#waiting.set(question.slot, question)
    // The core asks anew only once it no longer waits for the answer to what it asked before.
    if (this.#asked?.question.slot === question.slot && question.slot !== 'inventory') {
      this.#asked = undefined
      this.#spareAnswer()
    }
    this.#pump(nowMs)
  }

  #pump(nowMs: number): void {
    if (this.#asked !== undefined) return
    for (const slot of SLOTS) {
      const question = this.#waiting.get(slot)
      if (question === undefined) continue
      this.#waiting.delete(slot)
      this.#asked = { question, sentMs: nowMs }
      this.#send({ locator: question.locator, stop: question.stop })
      return
    }
  }

  #spareAnswer(): void {
    this.#spareAnswerCount = Math.min(this.#spareAnswerCount + 1, SPARE_ANSWERS_MAX)
  }

  #isAnswer({ locator, stop }: Question, headers: Uint8Array): boolean {
    if (headers.length === 0) return true
    if (locator.length === 0) return headers.length === HEADER_SIZE_BYTES && this.#rootOf(headers) === stop
    const parent = parentOf(headers)
    return parent === this.#genesis || locator.includes(parent)
  }

  #answer(question: Question, headers: Uint8Array, nowMs: number): SyncMessage | undefined {
    switch (question.slot) {
      case 'headers':
        return this.#headers(question, headers)
      case 'ancestors':
        return this.#ancestors(question, headers, nowMs)
      case 'inventory':
        return headers.length === 0 ? undefined : this.#announce(headers)
    }
  }

  /**
   * A Bitcoin peer sends up to 2,000, whatever was asked for: what is more than that is cut off, and there is more. What ends
   * where it was asked to end says nothing of the peer's end, and what begins far above our chain nothing of its height.
   */
  #headers({ request, stop, countMax }: Extract<Question, { slot: 'headers' }>, headers: Uint8Array): SyncMessage {
    const taken = headers.subarray(0, countMax * HEADER_SIZE_BYTES)
    const isFull = headers.length === HEADERS_PER_BITCOIN_MESSAGE_MAX * HEADER_SIZE_BYTES
    const hasMore = isFull || taken.length < headers.length
    const last = taken.length === 0 ? undefined : this.#rootOf(taken.subarray(-HEADER_SIZE_BYTES))
    this.#moreAfter = hasMore && stop === undefined ? last : undefined
    const isFarAhead = stop !== undefined && taken.length > 0 && !this.#claims.isKnown(parentOf(taken))
    const head = isFarAhead ? this.#claims.head : this.#claims.delivered(taken, hasMore || (stop ?? '') === last)
    return { type: 'headers', request, headers: taken, hasMore, head }
  }

  /**
   * A chain that is longer than one answer does not reach its root. Then the header of the root is asked for alone: by it
   * the core sees that the gap is too long to walk, and fetches what is missing from below.
   */
  #ancestors(
    question: Extract<Question, { slot: 'ancestors' }>,
    headers: Uint8Array,
    nowMs: number,
  ): SyncMessage | undefined {
    const { request, stop, countMax, locator } = question
    const reaches = headers.length > 0 && this.#rootOf(headers.subarray(-HEADER_SIZE_BYTES)) === stop
    if (reaches) {
      const taken = headers.subarray(-countMax * HEADER_SIZE_BYTES)
      return { type: 'ancestors', request, headers: taken, answered: [stop], unknown: [] }
    }
    if (locator.length === 0)
      return { type: 'ancestors', request, headers: new Uint8Array(0), answered: [], unknown: [stop] }
    if (!this.#waiting.has('ancestors')) this.#ask({ ...question, locator: [] }, nowMs)
    return undefined
  }

  /** All of them, however many: what is left out would be missing, and asked for at once. */
  #announce(headers: Uint8Array): Announce {
    return { type: 'announce', headers, head: this.#claims.delivered(headers, false) }
  }
}

import { toRequestId, type RequestId, type Root } from '../core/ids.ts'
import type { GetHeaders, Headers, Refused } from '../core/message.ts'
import { undecodable } from '../wire/wire-error.ts'

/** Questions that are asked ahead are numbered from here on: far above those of the core. */
const FIRST_REQUEST: number = 2 ** 40
/** With the core's own question that makes four: a peer reads no more before it has answered one (`sync-link.ts`). */
const AHEAD_MAX = 3
/** A peer that takes longer for an answer is not asked ahead: what comes would stand in the way of what is asked next. */
const FAST_ANSWER_MS = 1_000
/** An answer that nobody has wanted for so many seconds is let go. */
const IDLE_TICKS_MAX = 10

interface Ahead {
  readonly request: RequestId
  /** The core's question that it was asked with. */
  readonly question: GetHeaders
  answer: Headers | undefined
}

/**
 * Asks for the headers behind those that the core has just asked for, so that they come while these are verified: a long sync
 * does not wait for each round trip. The core sees its own questions answered, one after the other, and knows nothing of it.
 * Besides the core's question at most AHEAD_MAX are on their way, or their answers wait here.
 */
export class HeadersAhead {
  readonly #parentOf: (headers: Uint8Array) => Root
  readonly #send: (message: GetHeaders) => void
  readonly #deliver: (message: Headers) => void
  readonly #nowMs: () => number
  #nextRequest = FIRST_REQUEST
  /** What follows the core's last question, one after the other. */
  #queue: Ahead[] = []
  /** The core has come to this question, and its answer is on its way under the number of ours. */
  #awaited: { readonly ahead: Ahead; readonly question: GetHeaders } | undefined
  /** When the core asked last. */
  #askedMs = 0
  /** The core's last question was answered, and soon, and the peer has more. */
  #isFlowing = false
  /** Questions asked ahead that are not answered yet. */
  #owedCount = 0
  #idleTicks = 0
  /** The peer does not know how to leave headers out. */
  #isOff = false

  constructor(args: {
    readonly parentOf: (headers: Uint8Array) => Root
    readonly send: (message: GetHeaders) => void
    readonly deliver: (message: Headers) => void
    readonly nowMs?: () => number
  }) {
    this.#parentOf = args.parentOf
    this.#send = args.send
    this.#deliver = args.deliver
    this.#nowMs = args.nowMs ?? (() => performance.now())
  }

  /** The core's question: sent, unless its answer is here or on its way. */
  ask(question: GetHeaders): void {
    const next = this.#queue.shift()
    let isFlowing = this.#isFlowing
    this.#awaited = undefined
    this.#isFlowing = false
    this.#idleTicks = 0
    this.#askedMs = this.#nowMs()
    if (next === undefined || !isContinued(next.question, question)) {
      this.#queue = []
      this.#send(question)
    } else if (next.answer === undefined) this.#awaited = { ahead: next, question }
    else {
      const message = this.#answer(next, next.answer, question)
      if (message !== undefined) this.#deliver(message)
      isFlowing = this.#isFlowing
    }
    if (isFlowing) this.#askAhead(question)
  }

  /** What the core is to be told; undefined for nothing. Throws `WireError` at an answer that nobody asked for. */
  answered(message: Headers | Refused): Headers | Refused | undefined {
    if (message.request < FIRST_REQUEST) {
      if (message.type === 'headers') this.#note(message)
      return message
    }
    if (this.#owedCount === 0) throw undecodable('an answer to a request of ours', `one to ${message.request}`)
    this.#owedCount -= 1
    const awaited = this.#awaited
    if (awaited?.ahead.request === message.request) {
      this.#awaited = undefined
      return this.#answer(awaited.ahead, message, awaited.question)
    }
    const at = this.#queue.findIndex(({ request }) => request === message.request)
    const ahead = this.#queue[at]
    if (ahead === undefined) return undefined
    if (message.type === 'headers') ahead.answer = message
    else this.#queue.length = at
    return undefined
  }

  /** Once a second. */
  tick(): void {
    this.#idleTicks += 1
    if (this.#idleTicks > IDLE_TICKS_MAX) this.#queue = []
  }

  /** The stream is gone, and with it every question. */
  end(): void {
    this.#queue = []
    this.#awaited = undefined
    this.#isFlowing = false
    this.#owedCount = 0
  }

  #askAhead(question: GetHeaders): void {
    while (this.#queue.length < AHEAD_MAX && this.#queue.at(-1)?.answer?.hasMore !== false) {
      const ahead: Ahead = { request: toRequestId(this.#nextRequest++), question, answer: undefined }
      this.#queue.push(ahead)
      this.#owedCount += 1
      this.#send({ ...question, request: ahead.request, skip: this.#queue.length * question.countMax })
    }
  }

  /** The core's question is answered by what was asked ahead, or else sent after all. */
  #answer(ahead: Ahead, answer: Headers | Refused, question: GetHeaders): Headers | undefined {
    const parent = answer.type === 'headers' && answer.headers.length > 0 ? this.#parentOf(answer.headers) : undefined
    if (answer.type === 'headers' && parent === question.locator[0]) {
      this.#note(answer)
      return { ...answer, request: question.request }
    }
    // As if it had not been told to skip anything.
    this.#isOff ||= parent === ahead.question.locator[0]
    this.#queue = []
    this.#send(question)
    return undefined
  }

  #note({ hasMore }: Headers): void {
    this.#isFlowing = hasMore && !this.#isOff && this.#nowMs() - this.#askedMs < FAST_ANSWER_MS
  }
}

/** One asks for as much as the other, and to the same end. */
function isContinued(before: GetHeaders, after: GetHeaders): boolean {
  return before.countMax === after.countMax && before.stop === after.stop
}

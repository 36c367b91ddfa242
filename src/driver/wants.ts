import type { ExchangeAppEffect, OutlineSettled, WantSettled } from '../core/exchange/exchange-effect.ts'
import type { ExchangeAppEvent, RequestedWant } from '../core/exchange/exchange-event.ts'
import type { Cid, Root, WantToken } from '../core/ids.ts'
import { onAbort } from './abort-callbacks.ts'
import { LightNodeError } from './api.ts'

type Failed = Extract<WantSettled['outcome'] | OutlineSettled['outcome'], { type: 'failed' }>
/** From a peer, or put here by the app. */
type BlockOutcome = Failed | { readonly type: 'delivered'; readonly bytes: Uint8Array }
type Outcome = BlockOutcome | OutlineSettled['outcome']

/** Wants in one event: about a millisecond of the core's time. */
const WANTS_PER_EVENT_MAX = 512

interface Waiting {
  /** Undefined for an outline. */
  readonly cid: Cid | undefined
  readonly settle: (outcome: Outcome) => void
}

/** The app's wishes on one side, the core's events and effects on the other. Bounded by the core, which refuses too many. */
export class Wants {
  readonly #post: (event: ExchangeAppEvent) => void
  readonly #waiting = new Map<WantToken, Waiting>()
  /** Asked for in this turn, and not told to the core yet. Bounded by WANTS_PER_EVENT_MAX. */
  #requested: RequestedWant[] = []
  #nextToken = 1
  #nextSession = 1
  #stopped: LightNodeError | undefined

  constructor(post: (event: ExchangeAppEvent) => void) {
    this.#post = post
  }

  /** Undefined while it runs. */
  get stopped(): LightNodeError | undefined {
    return this.#stopped
  }

  settled(effect: ExchangeAppEffect): void {
    const waiting = this.#waiting.get(effect.token)
    this.#waiting.delete(effect.token)
    waiting?.settle(effect.outcome)
  }

  /** The app has put these here: whoever waits for one of them has it, and no peer is asked any longer. */
  put(blocks: readonly { readonly cid: Cid; readonly bytes: Uint8Array }[]): void {
    if (this.#waiting.size === 0) return
    const bytesOf = new Map(blocks.map(({ cid, bytes }) => [cid, bytes]))
    for (const [token, { cid, settle }] of this.#waiting) {
      const bytes = cid === undefined ? undefined : bytesOf.get(cid)
      if (bytes === undefined) continue
      this.#waiting.delete(token)
      this.#cancel(token)
      settle({ type: 'delivered', bytes })
    }
  }

  /** Whoever waits is let go, and whoever comes later too. */
  stop(error: LightNodeError): void {
    this.#stopped = error
    const waiting = [...this.#waiting.values()]
    this.#waiting.clear()
    for (const { settle } of waiting) {
      settle({ type: 'failed', code: 'stopped', detail: error.message, progress: { askedCount: 0, absentCount: 0 } })
    }
  }

  /**
   * All of them from peers, in order, as one session. Rejects with the first failure, and gives up what is left. `whole` is what
   * they are parts of, as an error calls it.
   */
  async blocks(cids: readonly Cid[], signal: AbortSignal | undefined, whole?: string): Promise<readonly Uint8Array[]> {
    if (cids.length === 0) return []
    const session = cids.length === 1 ? 0 : this.#nextSession++
    const tokens = new Set<WantToken>()
    const giveUp = (): void => {
      for (const token of tokens) this.#cancel(token)
    }
    const { promise, resolve, reject } = Promise.withResolvers<readonly Uint8Array[]>()
    const blocks: Uint8Array[] = []
    cids.forEach((cid, index) => {
      const settle = (outcome: BlockOutcome): void => {
        tokens.delete(token)
        if (outcome.type === 'failed') return reject(errorOf(whole ?? `block ${cid}`, outcome, signal))
        blocks[index] = outcome.bytes
        if (tokens.size === 0) resolve(blocks)
      }
      const token = this.#wait(cid, settle as Waiting['settle'])
      tokens.add(token)
      this.#request({ token, cid, session })
    })
    return await this.#untilSettled(promise, giveUp, signal)
  }

  /** Undefined where nobody serves it. */
  async outline(root: Root, signal: AbortSignal | undefined): Promise<Uint8Array | undefined> {
    const { promise, resolve } = Promise.withResolvers<OutlineSettled['outcome']>()
    const token = this.#wait(undefined, resolve as Waiting['settle'])
    this.#post({ type: 'outline-requested', token, root })
    const giveUp = (): void => this.#cancel(token)
    const outcome = await this.#untilSettled(promise, giveUp, signal)
    if (outcome.type === 'delivered') return outcome.outline
    if (outcome.code === 'not-served') return undefined
    throw errorOf(`the outline of block ${root}`, outcome, signal)
  }

  /** What is asked for at once, by one call or by many, goes to peers in one message. */
  #request(want: RequestedWant): void {
    if (this.#requested.push(want) === 1) queueMicrotask(() => this.#tell())
    if (this.#requested.length === WANTS_PER_EVENT_MAX) this.#tell()
  }

  #tell(): void {
    if (this.#requested.length > 0) this.#post({ type: 'wants-requested', wants: this.#requested })
    this.#requested = []
  }

  #cancel(token: WantToken): void {
    this.#tell()
    this.#post({ type: 'want-cancelled', token })
  }

  #wait(cid: Cid | undefined, settle: Waiting['settle']): WantToken {
    if (this.#stopped !== undefined) throw this.#stopped
    const token = this.#nextToken++ as WantToken
    this.#waiting.set(token, { cid, settle })
    return token
  }

  /** An abort is the core's to answer, so that it can say how far the want came. */
  async #untilSettled<Value>(promise: Promise<Value>, giveUp: () => void, signal?: AbortSignal): Promise<Value> {
    if (signal?.aborted === true) giveUp()
    const endAbort = onAbort(signal, giveUp)
    try {
      return await promise
    } catch (error) {
      giveUp()
      throw error
    } finally {
      endAbort()
    }
  }
}

/** An abort rejects with its own reason; a deadline that passed says what was missing instead, with the reason as its cause. */
export function notInTime(what: string, detail: string, signal: AbortSignal | undefined): unknown {
  const reason: unknown = signal?.reason
  const isDeadline = reason instanceof Error && reason.name === 'TimeoutError'
  if (signal?.aborted === true && !isDeadline) return reason
  return new LightNodeError('not-found', `${what} did not come in time: ${detail}`, { cause: reason })
}

function errorOf(what: string, { code, detail }: Failed, signal: AbortSignal | undefined): unknown {
  if (code === 'cancelled') return notInTime(what, detail, signal)
  return new LightNodeError(code === 'not-served' ? 'not-found' : code, `${what}: ${detail}`)
}

import type { Connection, Stream } from '@libp2p/interface'
import type { MessageReceived, PeerMisbehaved, SyncStreamFailed } from '../core/event.ts'
import { freeBytes } from '../core/free-bytes.ts'
import type { ConnectionId, RequestId, Root } from '../core/ids.ts'
import type { PeerRecord, SyncMessage } from '../core/message.ts'
import { decodeSyncMessage, encodeSyncMessage, syncMessageBytesMax, type SealedMessage } from '../wire/sync-message.ts'
import { undecodable } from '../wire/wire-error.ts'
import { FrameStream, STALLED_TICKS_MAX, STREAM_QUEUE_BYTES_MAX, type StreamEnd } from './frame-stream.ts'
import { HeadersAhead } from './headers-ahead.ts'
import { openPeerRecord } from './peer-records.ts'
import { failureOf } from './stream-failure.ts'

export const SYNC_PROTOCOL = '/rushlight/sync/1.0.0'
/** A peer has one; a second replaces the first, and a third may come while that is on its way. */
export const INBOUND_SYNC_STREAMS_MAX = 4
/** With more answers than this on their way the next request of that stream is not read. */
const UNDRAINED_ANSWER_BYTES_MAX: number = 1024 * 1024
/** Requests read and not answered yet: with the bytes above they stay within `STREAM_QUEUE_BYTES_MAX`. */
const UNANSWERED_REQUESTS_MAX = 4
/** Requests for peers a second: each may cost the check of a signature, and an honest peer has no use for more. */
const PEERS_REQUESTS_PER_TICK_MAX = 4
/** A stream that is not open after this is none: as long as libp2p itself gives the remote's side. */
const OPEN_TIMEOUT_MS = 10_000

type Inbound = {
  readonly frames: FrameStream
  /** Requests the core has not answered, with the ticks since. */
  readonly unanswered: Map<RequestId, number>
  /** Set while the reader waits for room. */
  wake: (() => void) | undefined
}

type Answer = Extract<SyncMessage, { type: 'headers' | 'ancestors' | 'block-outline' | 'peers' | 'pong' | 'refused' }>

type Outbound =
  | { readonly phase: 'opening'; readonly payloads: Uint8Array[]; readonly opening: AbortController }
  | { readonly phase: 'open'; readonly frames: FrameStream }

/**
 * The sync protocol on one connection: a long-lived stream in each direction.
 * Requests and announcements go out on ours, opened when first needed; answers go back on the stream the peer opened.
 */
export class SyncLink {
  readonly #connection: Connection
  readonly #id: ConnectionId
  readonly #headerSizeBytes: number
  readonly #post: (event: SyncStreamFailed | PeerMisbehaved) => void
  readonly #offer: (event: MessageReceived, sizeBytes: number) => Promise<void>
  readonly #ahead: HeadersAhead | undefined
  #outbound: Outbound | undefined
  #inbound: Inbound | undefined
  #isEnded = false
  #peersRequestCount = 0
  /** The request for peers that is not answered yet: the core has one at most. */
  #peersAsked: RequestId | undefined
  #endedBytesIn = 0
  #endedBytesOut = 0

  constructor(args: {
    readonly connection: Connection
    readonly id: ConnectionId
    readonly headerSizeBytes: number
    readonly parentOf?: ((headers: Uint8Array) => Root) | undefined
    readonly post: (event: SyncStreamFailed | PeerMisbehaved) => void
    readonly offer: (event: MessageReceived, sizeBytes: number) => Promise<void>
  }) {
    this.#connection = args.connection
    this.#id = args.id
    this.#headerSizeBytes = args.headerSizeBytes
    this.#post = args.post
    this.#offer = args.offer
    const { parentOf } = args
    if (parentOf === undefined) return
    this.#ahead = new HeadersAhead({
      parentOf,
      send: (message) => this.#request(encodeSyncMessage(message)),
      deliver: (message) => void this.#offerMessage(message, message.headers.length),
    })
  }

  get bytesIn(): number {
    return this.#streams.reduce((sum, frames) => sum + frames.bytesIn, this.#endedBytesIn)
  }

  get bytesOut(): number {
    return this.#streams.reduce((sum, frames) => sum + frames.bytesOut, this.#endedBytesOut)
  }

  get #streams(): FrameStream[] {
    const streams = this.#inbound === undefined ? [] : [this.#inbound.frames]
    return this.#outbound?.phase === 'open' ? [...streams, this.#outbound.frames] : streams
  }

  send(message: SyncMessage): void {
    if (this.#isEnded) return
    switch (message.type) {
      case 'headers':
      case 'ancestors':
      case 'block-outline':
      case 'peers':
      case 'pong':
      case 'refused':
        return this.#answer(message)
      case 'get-headers':
        if (this.#ahead !== undefined) return this.#ahead.ask(message)
        break
      case 'get-peers':
        this.#peersAsked = message.request
        break
      default:
    }
    this.#request(encodeSyncMessage(message))
  }

  /** The peer opened its stream; one that it had is replaced. */
  accept(stream: Stream): void {
    this.#inbound?.frames.abort({ type: 'closed' })
    const inbound: Inbound = {
      frames: new FrameStream({
        stream,
        payloadBytesMax: syncMessageBytesMax(this.#headerSizeBytes),
        onFrame: (payload) => this.#takeRequest(inbound, payload),
        onProgress: () => inbound.wake?.(),
        onEnd: (end) => {
          this.#count(inbound.frames)
          if (this.#inbound === inbound) this.#inbound = undefined
          inbound.wake?.()
          this.#tellMisbehaviour(end)
        },
      }),
      unanswered: new Map(),
      wake: undefined,
    }
    this.#inbound = inbound
  }

  /** Once a second. */
  tick(): void {
    this.#peersRequestCount = 0
    this.#ahead?.tick()
    for (const frames of this.#streams) frames.tick()
    const inbound = this.#inbound
    if (inbound === undefined) return
    for (const [request, ticks] of inbound.unanswered) {
      // The core owes no answer to a peer that it does not serve; its other requests must not wait for that for ever.
      if (ticks >= STALLED_TICKS_MAX) inbound.unanswered.delete(request)
      else inbound.unanswered.set(request, ticks + 1)
    }
    inbound.wake?.()
  }

  /** The connection is gone or going; nothing more is told. */
  end(): void {
    this.#isEnded = true
    if (this.#outbound?.phase === 'opening') this.#outbound.opening.abort()
    for (const frames of this.#streams) frames.abort({ type: 'closed' })
  }

  #answer(message: Answer): void {
    const inbound = this.#inbound
    // The stream that asked is gone: the answer has nowhere to go, and would be unasked on another.
    if (inbound === undefined || !inbound.unanswered.delete(message.request)) return
    const payload = encodeSyncMessage(message)
    inbound.frames.send(payload)
    freeBytes(payload)
    if (message.type === 'headers') freeBytes(message.headers)
    inbound.wake?.()
  }

  async #takeRequest(inbound: Inbound, payload: Uint8Array): Promise<void> {
    const message = decodeSyncMessage(payload, { headerSizeBytes: this.#headerSizeBytes })
    switch (message.type) {
      case 'unknown-notice':
        return
      case 'unknown-request':
        inbound.frames.send(encodeSyncMessage({ type: 'refused', request: message.request, reason: 'unknown-request' }))
        break
      case 'get-headers':
      case 'get-ancestors':
      case 'get-block-outline':
      case 'get-peers':
      case 'ping':
        // One number for many would slip past the bound on requests that wait.
        if (inbound.unanswered.has(message.request)) {
          throw undecodable('a request number that is not in use', String(message.request))
        }
        inbound.unanswered.set(message.request, 0)
        if (message.type === 'get-peers') await this.#takePeersRequest(message, payload.length)
        else await this.#offerMessage(message, payload.length)
        break
      case 'announce':
        await this.#offerMessage(message, payload.length)
        break
      default:
        throw undecodable('a request or an announcement on a stream of its own', message.type)
    }
    while (this.#inbound === inbound && !hasRoom(inbound)) {
      await new Promise<void>((resolve) => (inbound.wake = resolve))
      inbound.wake = undefined
    }
  }

  #takePeersRequest(message: SealedMessage, sizeBytes: number): Promise<void> | void {
    this.#peersRequestCount += 1
    if (this.#peersRequestCount <= PEERS_REQUESTS_PER_TICK_MAX) return this.#offerOpened(message, sizeBytes)
    this.#answer({ type: 'refused', request: message.request, reason: 'busy' })
  }

  /** The records that their subjects have signed go on; one that its subject has not is told once, and loses itself only. */
  async #offerOpened({ envelopes, ...message }: SealedMessage, sizeBytes: number): Promise<void> {
    const records: PeerRecord[] = []
    let problem: string | undefined
    for (const envelope of envelopes) {
      try {
        records.push(await openPeerRecord(envelope))
      } catch (error) {
        // A key of a kind that we do not know, bytes that are no address: nobody of ours signs such a thing.
        problem = error instanceof Error ? error.message : String(error)
      }
    }
    if (this.#isEnded) return
    await this.#offerMessage({ ...message, records }, sizeBytes)
    if (problem === undefined || this.#isEnded) return
    this.#post({
      ...{ type: 'peer-misbehaved', connection: this.#id },
      ...{ misbehaviour: 'invalid-peer-record', detail: `peer record: ${problem}` },
    })
  }

  #request(payload: Uint8Array): void {
    this.#outbound ??= this.#open()
    if (this.#outbound.phase === 'open') return this.#outbound.frames.send(payload)
    this.#outbound.payloads.push(payload)
    const waitingBytes = this.#outbound.payloads.reduce((sum, waiting) => sum + waiting.length, 0)
    if (waitingBytes > STREAM_QUEUE_BYTES_MAX) this.#outbound.opening.abort()
  }

  #open(): Outbound {
    const outbound: Outbound = { phase: 'opening', payloads: [], opening: new AbortController() }
    const deadline = setTimeout(() => outbound.opening.abort(), OPEN_TIMEOUT_MS)
    this.#connection.newStream(SYNC_PROTOCOL, { signal: outbound.opening.signal }).then(
      (stream) => {
        clearTimeout(deadline)
        if (this.#isEnded) return stream.abort(new Error('given up'))
        const frames = this.#ownFrames(stream)
        this.#outbound = { phase: 'open', frames }
        for (const payload of outbound.payloads) frames.send(payload)
      },
      (error: unknown) => {
        clearTimeout(deadline)
        this.#outbound = undefined
        if (this.#isEnded) return
        const failure = outbound.opening.signal.aborted ? 'timeout' : failureOf(error)
        this.#post({ type: 'sync-stream-failed', connection: this.#id, failure })
      },
    )
    return outbound
  }

  /** Our stream: only answers come back on it. */
  #ownFrames(stream: Stream): FrameStream {
    const frames: FrameStream = new FrameStream({
      stream,
      payloadBytesMax: syncMessageBytesMax(this.#headerSizeBytes),
      onFrame: (payload) => {
        const message = decodeSyncMessage(payload, { headerSizeBytes: this.#headerSizeBytes })
        switch (message.type) {
          case 'headers':
          case 'refused': {
            const answer = this.#ahead === undefined ? message : this.#ahead.answered(message)
            return answer === undefined ? undefined : this.#offerMessage(answer, payload.length)
          }
          case 'ancestors':
          case 'block-outline':
          case 'pong':
            return this.#offerMessage(message, payload.length)
          case 'peers':
            // Each costs the check of its signatures, so what nobody asked for is not opened.
            if (message.request !== this.#peersAsked) return
            this.#peersAsked = undefined
            return this.#offerOpened(message, payload.length)
          default:
            throw undecodable('an answer on our stream', message.type)
        }
      },
      onEnd: (end) => {
        this.#count(frames)
        this.#outbound = undefined
        this.#ahead?.end()
        if (this.#isEnded) return
        this.#tellMisbehaviour(end)
        const failure = end.type === 'timeout' || end.type === 'overflow' ? 'timeout' : 'closed'
        this.#post({ type: 'sync-stream-failed', connection: this.#id, failure })
      },
    })
    return frames
  }

  #offerMessage(message: MessageReceived['message'], sizeBytes: number): Promise<void> {
    return this.#offer({ type: 'message-received', connection: this.#id, message }, sizeBytes)
  }

  #tellMisbehaviour(end: StreamEnd): void {
    if (end.type !== 'undecodable' || this.#isEnded) return
    const detail = `sync: ${end.detail}`
    this.#post({ type: 'peer-misbehaved', connection: this.#id, misbehaviour: 'undecodable', detail })
  }

  #count(frames: FrameStream): void {
    this.#endedBytesIn += frames.bytesIn
    this.#endedBytesOut += frames.bytesOut
  }
}

function hasRoom(inbound: Inbound): boolean {
  return (
    inbound.unanswered.size < UNANSWERED_REQUESTS_MAX && inbound.frames.undrainedBytes <= UNDRAINED_ANSWER_BYTES_MAX
  )
}

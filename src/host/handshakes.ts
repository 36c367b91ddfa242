import type { Connection, Stream } from '@libp2p/interface'
import type { AnswerHandshake, RequestHandshake } from '../core/effect.ts'
import type { HandshakeAnswered, HandshakeFailed, HandshakeRequested, PeerMisbehaved } from '../core/event.ts'
import { toRequestId, type ConnectionId, type RequestId } from '../core/ids.ts'
import { decodeNodeInfo, encodeNodeInfo, NODE_INFO_BYTES_MAX } from '../wire/node-info.ts'
import { WireError } from '../wire/wire-error.ts'
import { FrameStream } from './frame-stream.ts'
import { failureOf } from './stream-failure.ts'

export const HANDSHAKE_PROTOCOL = '/rushlight/handshake/1.0.0'
/** A simultaneous dial asks once per connection; one more is room for a retry. */
export const INBOUND_HANDSHAKES_PER_CONNECTION_MAX = 2

type HandshakeEvent = HandshakeAnswered | HandshakeFailed | HandshakeRequested | PeerMisbehaved

/** The handshakes of one connection, each a stream of its own: one frame there, one frame back. */
export class Handshakes {
  readonly #connection: Connection
  readonly #id: ConnectionId
  readonly #post: (event: HandshakeEvent) => void
  /** How long an asker may take, and how long our answer may. */
  readonly #inboundTimeoutMs: number
  /** Bounded by the core (one request of ours at a time) and by `INBOUND_HANDSHAKES_PER_CONNECTION_MAX`. */
  readonly #endings = new Set<() => void>()
  readonly #askers = new Map<RequestId, FrameStream>()
  #nextRequest = 1
  bytesIn = 0
  bytesOut = 0

  constructor(args: {
    readonly connection: Connection
    readonly id: ConnectionId
    readonly post: (event: HandshakeEvent) => void
    readonly inboundTimeoutMs: number
  }) {
    this.#connection = args.connection
    this.#id = args.id
    this.#post = args.post
    this.#inboundTimeoutMs = args.inboundTimeoutMs
  }

  /** Told by `handshake-answered` or `handshake-failed`, once. */
  async request({ request, info, timeoutMs }: RequestHandshake): Promise<void> {
    let isSettled = false
    const settle = (event: HandshakeAnswered | HandshakeFailed): void => {
      if (isSettled) return
      isSettled = true
      this.#post(event)
    }
    const fail = (failure: HandshakeFailed['failure']): void =>
      settle({ type: 'handshake-failed', connection: this.#id, request, failure })
    const opening = new AbortController()
    let abandon = (): void => opening.abort()
    const deadline = this.#bound(timeoutMs, (failure) => {
      fail(failure)
      abandon()
    })
    let stream: Stream
    try {
      stream = await this.#connection.newStream(HANDSHAKE_PROTOCOL, { signal: opening.signal })
    } catch (error) {
      deadline.clear()
      return fail(failureOf(error))
    }
    if (opening.signal.aborted) return stream.abort(new Error('given up'))
    const frames = this.#frames(stream, {
      onFrame: (payload) => {
        try {
          settle({ type: 'handshake-answered', connection: this.#id, request, info: decodeNodeInfo(payload) })
        } catch (error) {
          if (error instanceof WireError) fail('undecodable')
          throw error
        }
      },
      onEnd: (end) => {
        deadline.clear()
        fail(end.type === 'undecodable' ? 'undecodable' : end.type === 'timeout' ? 'timeout' : 'closed')
      },
    })
    abandon = () => frames.abort({ type: 'timeout' })
    frames.send(encodeNodeInfo(info))
    frames.closeWrite()
  }

  /** The remote opened a stream to ask. */
  accept(stream: Stream): void {
    const request = toRequestId(this.#nextRequest++)
    let hasAsked = false
    const deadline = this.#bound(this.#inboundTimeoutMs, () => frames.abort({ type: 'timeout' }))
    const frames: FrameStream = this.#frames(stream, {
      onFrame: (payload) => {
        if (hasAsked) return
        const info = decodeNodeInfo(payload)
        hasAsked = true
        this.#askers.set(request, frames)
        this.#post({ type: 'handshake-requested', connection: this.#id, request, info })
      },
      onRemoteEnd: () => {
        if (!hasAsked) frames.abort({ type: 'closed' })
      },
      onEnd: (end) => {
        deadline.clear()
        this.#askers.delete(request)
        if (end.type !== 'undecodable') return
        this.#post({
          type: 'peer-misbehaved',
          connection: this.#id,
          misbehaviour: 'undecodable',
          detail: `handshake: ${end.detail}`,
        })
      },
    })
  }

  answer({ request, info }: AnswerHandshake): void {
    const frames = this.#askers.get(request)
    this.#askers.delete(request)
    frames?.send(encodeNodeInfo(info))
    frames?.closeWrite()
  }

  /** The connection is gone: whatever is open has failed. */
  end(): void {
    for (const end of [...this.#endings]) end()
  }

  /** Calls `end` at the deadline or when the connection goes, at most once; `clear` when it is no longer needed. */
  #bound(timeoutMs: number, end: (failure: 'timeout' | 'closed') => void): { readonly clear: () => void } {
    const clear = (): void => {
      clearTimeout(timer)
      this.#endings.delete(onGone)
    }
    const onGone = (): void => {
      clear()
      end('closed')
    }
    const timer = setTimeout(() => {
      clear()
      end('timeout')
    }, timeoutMs)
    this.#endings.add(onGone)
    return { clear }
  }

  #frames(
    stream: Stream,
    callbacks: Pick<ConstructorParameters<typeof FrameStream>[0], 'onFrame' | 'onEnd' | 'onRemoteEnd'>,
  ): FrameStream {
    const frames: FrameStream = new FrameStream({
      ...callbacks,
      stream,
      payloadBytesMax: NODE_INFO_BYTES_MAX,
      onEnd: (end) => {
        this.bytesIn += frames.bytesIn
        this.bytesOut += frames.bytesOut
        callbacks.onEnd(end)
      },
    })
    return frames
  }
}

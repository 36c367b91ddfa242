import type { MultiaddrConnection, StreamMuxer } from '@libp2p/interface'

/** As much of WebRTC as is needed here; `sctp` is null in Node.js, where the library hears of the end by itself. */
interface OverWebRtc {
  readonly peerConnection?: {
    readonly sctp?: { readonly transport: EventTarget & { readonly state: string } } | null
  }
}

/** What the library's muxer (6.0) has besides; a test holds it. */
interface ChannelMuxer {
  onDataChannel?: (channel: { readonly label: string }, ...more: unknown[]) => void
}

/**
 * Ends a WebRTC connection once its remote has: browsers say so of DTLS at once, and of the connection, which is all that the
 * library looks at, when ICE has given up, 15 s later. Does nothing to others.
 */
export function endWithRemote(raw: MultiaddrConnection): void {
  const dtls = (raw as OverWebRtc).peerConnection?.sctp?.transport
  dtls?.addEventListener('statechange', () => {
    if (dtls.state === 'closed' || dtls.state === 'failed') raw.abort(new Error('the remote has closed the connection'))
  })
}

/**
 * Leaves closing the channel that a dial begins with to who dialled. The library closes it on both sides, and a tab that is
 * busy when it dials then waits for the end of what has ended: for as long as a dial may take. Does nothing to others.
 */
export function leaveInitChannel(muxer: StreamMuxer): void {
  const channels = muxer as ChannelMuxer
  const onDataChannel = channels.onDataChannel?.bind(muxer)
  if (onDataChannel === undefined) return
  let isLeft = false
  channels.onDataChannel = (channel, ...more) => {
    if (isLeft || channel.label !== 'init') onDataChannel(channel, ...more)
    else isLeft = true
  }
}

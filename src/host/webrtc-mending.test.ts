import type { MultiaddrConnection, StreamMuxer } from '@libp2p/interface'
import { expect, test } from 'vitest'
import { endWithRemote, leaveInitChannel } from './webrtc-mending.ts'

/** A WebRTC connection whose DTLS is in this state. */
function overWebRtc(dtls: EventTarget & { state: string }): {
  readonly raw: MultiaddrConnection
  aborts: () => number
} {
  let abortCount = 0
  const raw = { peerConnection: { sctp: { transport: dtls } }, abort: () => abortCount++ }
  return { raw: raw as unknown as MultiaddrConnection, aborts: () => abortCount }
}

test('a connection ends when DTLS says that the remote has closed it, and not before', () => {
  const dtls = Object.assign(new EventTarget(), { state: 'connecting' })
  const { raw, aborts } = overWebRtc(dtls)
  endWithRemote(raw)
  for (const state of ['connected', 'closed']) {
    expect(aborts()).toBe(0)
    dtls.state = state
    dtls.dispatchEvent(new Event('statechange'))
  }
  expect(aborts()).toBe(1)
})

test('what is no WebRTC, and WebRTC in Node.js, is left as it is', () => {
  endWithRemote({} as MultiaddrConnection)
  endWithRemote({ peerConnection: { sctp: null } } as unknown as MultiaddrConnection)
  leaveInitChannel({} as StreamMuxer)
})

test('the first init channel is left to who opened it, all others go to the muxer', () => {
  const taken: string[] = []
  const muxer = { onDataChannel: ({ label }: { readonly label: string }) => void taken.push(label) }
  leaveInitChannel(muxer as unknown as StreamMuxer)
  for (const label of ['', 'init', '', 'init']) muxer.onDataChannel({ label })
  expect(taken).toEqual(['', '', 'init'])
})

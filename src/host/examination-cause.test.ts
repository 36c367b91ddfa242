/** What a failed dial comes down to, where the platform says little. Over real transports: test/interop/doctor.test.ts. */
import { multiaddr } from '@multiformats/multiaddr'
import { afterEach, expect, test, vi } from 'vitest'
import { causeOfDial, causeOfHandshake, causeOfLookup, type FailedDial, type Probe } from './examination-cause.ts'

const UNTOLD: FailedDial = { failure: 'unreachable', detail: 'nobody listening', error: new Event('error') }
const WEBSOCKET = '/dns4/gateway.example/tcp/80/ws'

afterEach(() => vi.unstubAllGlobals())

function pageAt(url: string): void {
  const { protocol, hostname } = new URL(url)
  vi.stubGlobal('location', { protocol, hostname })
}

function causeOf(address: string, options: { failed?: FailedDial; isConnected?: boolean; probe?: Probe } = {}) {
  const { failed = UNTOLD, isConnected = false, probe = async () => undefined } = options
  const { signal } = new AbortController()
  return causeOfDial({ failed, address: multiaddr(address), isConnected, probe, signal })
}

test('what the page rules out is told, and not probed', async () => {
  const probe = vi.fn<Probe>()
  pageAt('https://page.example/')
  expect(await causeOf(WEBSOCKET, { probe })).toMatchObject({ step: 'connected', cause: 'mixed-content' })
  expect(await causeOf('/ip4/192.168.0.7/tcp/443/tls/ws', { probe })).toMatchObject({ cause: 'local-network' })
  expect(causeOfLookup(UNTOLD, new URL('http://gateway.example'))).toMatchObject({ cause: 'mixed-content' })
  pageAt('http://page.example/')
  expect(await causeOf('/ip4/192.168.0.7/tcp/80/ws', { probe })).toMatchObject({ cause: 'local-network' })
  expect(probe).not.toHaveBeenCalled()
})

test('a WebSocket says nothing: a probe of its host and port may', async () => {
  const probed: unknown[] = []
  const probe: Probe = async ({ host, port, isSecure }) => {
    probed.push([host, port, isSecure])
    return 'not-libp2p'
  }
  expect(await causeOf(WEBSOCKET)).toEqual({
    step: 'connected',
    cause: 'nobody-listening',
    message: 'nobody listening',
  })
  expect(await causeOf(WEBSOCKET, { probe })).toEqual({
    step: 'connected',
    cause: 'not-libp2p',
    message: `something listens, but does not answer a libp2p WebSocket, at ${WEBSOCKET}`,
  })
  await causeOf('/dns4/gateway.example/tcp/443/tls/ws', { probe })
  expect(probed).toEqual([
    ['gateway.example', 80, false],
    ['gateway.example', 443, true],
  ])
  // Of what is dialled through a relay it is not known which of the two is silent.
  await causeOf(`${WEBSOCKET}/p2p-circuit`, { probe })
  expect(probed).toHaveLength(2)
})

test('a failure after the connection is one of securing it', async () => {
  const closed: FailedDial = { ...UNTOLD, failure: 'closed' }
  const timeout: FailedDial = { ...UNTOLD, failure: 'timeout' }
  expect(await causeOf(WEBSOCKET, { failed: closed, isConnected: true })).toMatchObject({
    step: 'secured',
    cause: 'not-libp2p',
  })
  expect(await causeOf(WEBSOCKET, { failed: timeout, isConnected: true })).toMatchObject({
    step: 'secured',
    cause: 'timeout',
  })
  expect(await causeOf(WEBSOCKET, { failed: closed })).toMatchObject({ step: 'connected', cause: 'hung-up' })
  expect(await causeOf(WEBSOCKET, { failed: timeout })).toMatchObject({ step: 'connected', cause: 'timeout' })
})

test('a peer that was reached and does not shake hands', () => {
  expect(causeOfHandshake('unsupported', 'x').cause).toBe('not-rushlight')
  expect(causeOfHandshake('undecodable', 'x').cause).toBe('not-rushlight')
  expect(causeOfHandshake('timeout', 'x').cause).toBe('timeout')
  expect(causeOfHandshake('closed', 'x').cause).toBe('hung-up')
})

/** What a tab is told when a road does not lead to the peer of its address. */
import type { Page } from '@playwright/test'
import { createSocket } from 'node:dgram'
import { createCertificate, fingerprintOf } from '../../src/host/certificate.nodejs.ts'
import { nodejsTransports } from '../../src/host/transports.nodejs.ts'
import { loadWebTransportAddon } from '../../src/host/webtransport-addon.nodejs.ts'
import { encodeCerthash } from '../../src/host/webtransport-address.ts'
import { WebTransportServer } from '../../src/host/webtransport-server.nodejs.ts'
import { ScriptedHost } from '../interop/libp2p-scripted.ts'
import { expect, test } from './fixtures.ts'
import { startLab, type Lab } from './road-lab.ts'

const DAY_MS = 86_400_000
const CERTIFICATE_CAUSE =
  "the certificate there has expired or is not the one in the address: a gateway's URL leads to the current one"
const ROADS = ['webtransport', 'webrtc-direct'] as const

let lab: Lab
let page: Page
let bob: ScriptedHost
let carol: ScriptedHost

const startPeer = (): Promise<ScriptedHost> =>
  ScriptedHost.start({
    transports: nodejsTransports({ transports: ROADS }),
    listen: ['/ip4/127.0.0.1/udp/0/quic-v1/webtransport', '/ip4/127.0.0.1/udp/0/webrtc-direct'],
  })

test.beforeAll(async ({ browser }) => {
  lab = await startLab()
  bob = await startPeer()
  carol = await startPeer()
  page = await lab.open(browser)
  await page.evaluate((transports) => window.start({ peers: [], transports }), ROADS)
})

test.afterAll(async () => {
  await page.context().close()
  await Promise.all([lab.close(), bob.host.stop(), carol.host.stop()])
})

/** What the page is told; the word CONNECTED when nothing is wrong. */
const refusalOf = (address: string): Promise<string> =>
  page.evaluate(
    (text) =>
      window.lightNode.connect(text, { signal: AbortSignal.timeout(60_000) }).then(
        () => 'CONNECTED',
        (error: Error) => error.message,
      ),
    address,
  )

const addressOf = (peer: ScriptedHost, road: string): string =>
  peer.host.addresses.find((address) => address.includes(`/${road}/`)) ?? ''

const withCerthashesOf = (address: string, other: string): string => {
  const hashes = other.match(/(?<=certhash\/)[^/]+/g) ?? []
  return address.replaceAll(/(?<=certhash\/)[^/]+/g, () => hashes.shift() ?? '')
}

test('another certificate, or something else than WebTransport at that port, is refused, and that is told', async () => {
  const certificates = ROADS.map((road) => withCerthashesOf(addressOf(bob, road), addressOf(carol, road)))
  const [port = ''] = /udp\/\d+/.exec(addressOf(bob, 'webrtc-direct')) ?? []
  const wrong = [...certificates, addressOf(bob, 'webtransport').replace(/udp\/\d+/, port)]
  const nobody = (address: string | undefined): string =>
    `nobody listening at ${address}, or not a libp2p peer, or ${CERTIFICATE_CAUSE}`
  expect(await Promise.all(wrong.map(refusalOf))).toEqual([
    nobody(wrong[0]),
    // Of WebRTC a browser says nothing, and keeps trying.
    `no answer from ${wrong[1]} within 15 s, or ${CERTIFICATE_CAUSE}`,
    nobody(wrong[2]),
  ])
})

test('another peer than the one in the address is refused by its key, on either road', async () => {
  for (const road of ROADS) {
    const wrong = addressOf(bob, road).replace(bob.host.peerId, carol.host.peerId)
    const expected = `wrong peer at ${wrong}: expected ${carol.host.peerId}, got ${bob.host.peerId}`
    expect(await refusalOf(wrong)).toBe(expected)
  }
})

test('a certificate that has expired is refused, though its hash is right', async () => {
  const addon = await loadWebTransportAddon()
  const nowMs = Date.now()
  const serve = async (notAfterMs: number): Promise<string> => {
    const certificate = createCertificate({ notBeforeMs: nowMs - 12 * DAY_MS, notAfterMs })
    const port = await freePort()
    const onRequest = (request: { reject(status: number): Promise<void> }): void => {
      requestCount++
      void request.reject(404)
    }
    servers.push(new WebTransportServer({ addon, host: '127.0.0.1', port, certificate, onRequest }))
    const certhash = encodeCerthash(fingerprintOf(certificate))
    return `/ip4/127.0.0.1/udp/${port}/quic-v1/webtransport/certhash/${certhash}/p2p/${bob.host.peerId}`
  }
  let requestCount = 0
  const servers: WebTransportServer[] = []
  const expired = await serve(nowMs - 60_000)
  expect(await refusalOf(expired)).toBe(`nobody listening at ${expired}, or not a libp2p peer, or ${CERTIFICATE_CAUSE}`)
  expect(requestCount).toBe(0)
  await refusalOf(await serve(nowMs + DAY_MS))
  expect(requestCount).toBe(1)
  await Promise.all(servers.map((server) => server.close()))
})

async function freePort(): Promise<number> {
  const socket = createSocket('udp4')
  await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve))
  const { port } = socket.address()
  await new Promise<void>((resolve) => socket.close(() => resolve()))
  return port
}

/** What a gateway with a public address tells of itself. */
import {
  TypedEventEmitter,
  transportSymbol,
  type Listener,
  type ListenerEvents,
  type Transport,
} from '@libp2p/interface'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { expect, onTestFinished, test } from 'vitest'
import { createLibp2pHost } from '../../src/host/libp2p-host.ts'
import { createNodejsLibp2p } from '../../src/host/libp2p.nodejs.ts'

/** Listens anywhere, and on nothing. */
class PublicListener extends TypedEventEmitter<ListenerEvents> implements Listener {
  #address: Multiaddr | undefined

  async listen(address: Multiaddr): Promise<void> {
    this.#address = address
    this.safeDispatchEvent('listening')
  }

  getAddrs(): Multiaddr[] {
    return this.#address === undefined ? [] : [this.#address]
  }

  updateAnnounceAddrs(): void {}

  async close(): Promise<void> {
    this.safeDispatchEvent('close')
  }
}

const publicTransport = (): Transport => ({
  [transportSymbol]: true,
  [Symbol.toStringTag]: 'public',
  dial: () => Promise.reject(new Error('dials nothing')),
  createListener: () => new PublicListener(),
  dialFilter: () => [],
  listenFilter: (addresses) => addresses,
})

test('a public address that is listened on is told, though nobody has confirmed it', async () => {
  const listen = ['/ip4/1.2.3.4/tcp/8645/ws', '/ip4/1.2.3.4/udp/8645/quic-v1/webtransport', '/ip6/2606:4700::1/tcp/1']
  const host = await createLibp2pHost({
    createLibp2p: createNodejsLibp2p,
    transports: [publicTransport],
    listen,
    headerSizeBytes: 80,
  })
  onTestFinished(() => host.stop())
  await host.start({ post: () => {}, offer: async () => {} })
  expect(host.addresses.toSorted()).toEqual(
    listen.map((each) => multiaddr(`${each}/p2p/${host.peerId}`).toString()).toSorted(),
  )
})

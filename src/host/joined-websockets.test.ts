import type { Listener, Logger, MultiaddrConnection, Transport, Upgrader } from '@libp2p/interface'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { Uint8ArrayList } from 'uint8arraylist'
import { afterEach, expect, test } from 'vitest'
import { joinedWebSockets } from './joined-websockets.ts'
import type { Libp2pComponents, Libp2pTransports } from './libp2p-core.ts'

let listener: Listener | undefined
afterEach(async () => listener?.close())

const logger: Logger = Object.assign(() => {}, {
  error: () => {},
  trace: () => {},
  enabled: false,
  newScope: () => logger,
})

function makeTransport(make: Libp2pTransports[number]): Transport {
  const components = { logger: { forComponent: () => logger }, events: new EventTarget() }
  return make(components as unknown as Libp2pComponents)
}

/** Takes what a transport hands over, and goes no further. */
function upgraderTo(take: (connection: MultiaddrConnection) => void): Upgrader {
  const upgrade = async (connection: MultiaddrConnection): Promise<void> => take(connection)
  const createInboundAbortSignal = (): unknown => Object.assign(new AbortController().signal, { clear: () => {} })
  return { upgradeInbound: upgrade, upgradeOutbound: upgrade, createInboundAbortSignal } as unknown as Upgrader
}

/** Both ends of a connection between two transports on loopback. */
async function connect(make: Libp2pTransports[number]): Promise<readonly [MultiaddrConnection, MultiaddrConnection]> {
  const transport = makeTransport(make)
  const inbound = Promise.withResolvers<MultiaddrConnection>()
  const outbound = Promise.withResolvers<MultiaddrConnection>()
  listener = transport.createListener({ upgrader: upgraderTo(inbound.resolve) })
  await listener.listen(multiaddr('/ip4/127.0.0.1/tcp/0/ws'))
  const [address] = listener.getAddrs()
  if (address === undefined) throw new Error('expected an address')
  await transport.dial(address, { upgrader: upgraderTo(outbound.resolve), signal: AbortSignal.timeout(10_000) })
  return [await outbound.promise, await inbound.promise]
}

/** Sends a list of pieces; the sizes of the messages in which all of it arrives. */
async function messageSizes(make: Libp2pTransports[number], sizes: readonly number[]): Promise<readonly number[]> {
  const ends = await connect(make)
  const found: number[][] = []
  for (const [from, to] of [ends, ends.toReversed()]) {
    const arrived: number[] = []
    const all = new Promise<void>((resolve) => {
      to?.addEventListener('message', ({ data }) => {
        arrived.push(data.byteLength)
        if (arrived.reduce((sum, size) => sum + size, 0) === sizes.reduce((sum, size) => sum + size, 0)) resolve()
      })
    })
    from?.send(new Uint8ArrayList(...sizes.map((size) => new Uint8Array(size).fill(1))))
    await all
    found.push(arrived)
  }
  expect(found[1]).toEqual(found[0])
  return found[0] ?? []
}

test('what is sent as a list of pieces is one message, both ways', async () => {
  expect(await messageSizes(webSockets(), [2, 1_000, 16])).toEqual([2, 1_000, 16])
  expect(await messageSizes(joinedWebSockets(webSockets()), [2, 1_000, 16])).toEqual([1_018])
})

test('a message holds at most 128 KiB, but for a longer piece', async () => {
  const KIB = 1_024
  const sizes = [100 * KIB, 28 * KIB, 1, 300 * KIB, 5]
  expect(await messageSizes(joinedWebSockets(webSockets()), sizes)).toEqual([128 * KIB, 1, 300 * KIB, 5])
})

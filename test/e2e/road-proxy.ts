/**
 * What stands between a tab and a gateway's port, TCP or UDP, and can do what networks do: swallow everything that goes over
 * connections that are open, without a word, as after a change of network or a router's restart.
 */
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { createServer, connect, type AddressInfo, type Socket } from 'node:net'

export interface Proxy {
  /** The gateway's address, with our port in it. */
  readonly address: string
  /** What is open now is dead from now on: nothing comes through, and nobody is told. New connections work. */
  swallow(): void
  /** Nothing comes through, old or new, … */
  cut(): void
  /** … until now; what was open is dead all the same. */
  mend(): void
  close(): Promise<void>
}

export async function startProxy(address: string): Promise<Proxy> {
  const [, network = '', target = ''] = /\/(tcp|udp)\/(\d+)\//.exec(address) ?? []
  let isCut = false
  const startWire = network === 'udp' ? proxyDatagrams : proxySockets
  const { port, swallow, close } = await startWire(Number(target), () => isCut)
  return {
    address: address.replace(`/${network}/${target}/`, `/${network}/${port}/`),
    swallow,
    cut: () => {
      isCut = true
      swallow()
    },
    mend: () => {
      isCut = false
    },
    close,
  }
}

type Wire = Pick<Proxy, 'swallow' | 'close'> & { readonly port: number }

async function proxySockets(target: number, isCut: () => boolean): Promise<Wire> {
  const pairs = new Set<readonly [Socket, Socket]>()
  const server = createServer((client) => {
    const pair = [client, connect(target, '127.0.0.1')] as const
    const [, gateway] = pair
    const end = (): void => {
      if (!pairs.delete(pair)) return
      for (const socket of pair) socket.destroy()
    }
    pairs.add(pair)
    for (const [from, to] of [pair, [gateway, client] as const]) {
      from.on('error', () => {})
      from.on('data', (chunk: Buffer) => pairs.has(pair) && to.write(chunk))
      from.on('close', end)
    }
    if (isCut()) pairs.delete(pair)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const all: Socket[] = []
  server.on('connection', (socket) => all.push(socket))
  const swallow = (): void => pairs.clear()
  return {
    port: (server.address() as AddressInfo).port,
    swallow,
    close: async () => {
      for (const socket of all) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function proxyDatagrams(target: number, isCut: () => boolean): Promise<Wire> {
  const server = createSocket('udp4')
  /** To the gateway, by the client's port; undefined is one whose packets are swallowed. */
  const upstreams = new Map<number, DatagramSocket | undefined>()
  const open = (clientPort: number): DatagramSocket => {
    const upstream = createSocket('udp4')
    upstream.on('error', () => {})
    upstream.on('message', (packet) => {
      if (upstreams.get(clientPort) === upstream) server.send(packet, clientPort, '127.0.0.1')
    })
    upstreams.set(clientPort, upstream)
    return upstream
  }
  server.on('error', () => {})
  server.on('message', (packet, { port }) => {
    if (isCut()) upstreams.set(port, undefined)
    const upstream = upstreams.has(port) ? upstreams.get(port) : open(port)
    upstream?.send(packet, target, '127.0.0.1')
  })
  await new Promise<void>((resolve) => server.bind(0, '127.0.0.1', resolve))
  const swallow = (): void => {
    for (const [port, upstream] of upstreams) {
      upstream?.close()
      upstreams.set(port, undefined)
    }
  }
  return {
    port: server.address().port,
    swallow,
    close: async () => {
      swallow()
      await new Promise<void>((resolve) => server.close(resolve))
    },
  }
}

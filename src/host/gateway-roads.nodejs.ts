import { createSocket } from 'node:dgram'
import { multiaddr } from '@multiformats/multiaddr'
import { HostError } from './host.ts'

/** What a gateway listens with besides WebSockets, which share the port of HTTP. */
export type GatewayRoad = 'tcp' | 'webtransport' | 'webrtc-direct'

export const GATEWAY_ROADS: readonly GatewayRoad[] = ['tcp', 'webtransport', 'webrtc-direct']

const PORT_MAX = 65_535
/** The way of each road's address: the names of its parts behind the host. */
const ROAD_BY_PARTS: Readonly<Record<string, GatewayRoad>> = {
  tcp: 'tcp',
  'udp/quic-v1/webtransport': 'webtransport',
  'udp/webrtc-direct': 'webrtc-direct',
}

export interface GatewayRoadsOptions {
  /** Of HTTP and WebSockets. */
  readonly host: string
  readonly port: number
  /** Multiaddrs to listen on in place of the default one of their road. */
  readonly listen?: readonly string[] | undefined
  /** Roads not to listen on. */
  readonly without?: readonly GatewayRoad[] | undefined
}

/** The road of an address to listen on; undefined for what is none. */
export function gatewayRoadOf(address: string): GatewayRoad | undefined {
  try {
    const [host, ...rest] = multiaddr(address).getComponents()
    const isHost = host?.name === 'ip4' || host?.name === 'ip6'
    return isHost ? ROAD_BY_PARTS[rest.map(({ name }) => name).join('/')] : undefined
  } catch {
    return undefined
  }
}

/**
 * What a gateway listens on besides WebSockets: TCP on any free port; WebTransport on the UDP port of the same number as HTTP's,
 * WebRTC-Direct on the next one, both on a free one where HTTP's is, or where theirs is in use. What cannot load or not listen
 * on this host is a line in `notes`, and the rest goes on; but an address that was asked for by name has to be listened on:
 * rejects with `HostError('listen-failed')`. Native parts are loaded for it.
 */
export async function gatewayRoads(options: GatewayRoadsOptions): Promise<{
  readonly listen: readonly string[]
  /** Each one line for people: what is not listened on, or elsewhere than expected, and why. */
  readonly notes: readonly string[]
}> {
  const listen: string[] = []
  const notes: string[] = []
  for (const road of GATEWAY_ROADS) {
    const named = options.listen?.filter((address) => gatewayRoadOf(address) === road) ?? []
    for (const address of named) {
      const [host, transport] = multiaddr(address).getComponents()
      const at = { host: host?.value ?? '', port: Number(transport?.value) }
      const isFree = road === 'tcp' || (await isUdpPortFree(at.host, at.port)) || (await isOurs(road, at))
      const problem = isFree ? await problemOf(road, at.host) : 'the port is in use'
      if (problem !== undefined) throw new HostError('listen-failed', `cannot listen on ${address}: ${problem}`)
      listen.push(address)
    }
    if (named.length > 0 || options.without?.includes(road) === true) continue
    const problem = await problemOf(road, options.host)
    if (problem === undefined) listen.push(await defaultAddress(road, options, notes))
    else notes.push(`not listening for ${ROAD_NAMES[road]}: ${problem}`)
  }
  return { listen, notes }
}

const ROAD_NAMES: Readonly<Record<GatewayRoad, string>> = {
  tcp: 'TCP',
  webtransport: 'WebTransport',
  'webrtc-direct': 'WebRTC-Direct',
}

async function defaultAddress(
  road: GatewayRoad,
  { host, port }: GatewayRoadsOptions,
  notes: string[],
): Promise<string> {
  const at = `/${host.includes(':') ? 'ip6' : 'ip4'}/${host}`
  if (road === 'tcp') return `${at}/tcp/0`
  const wanted = road === 'webtransport' ? port : port + 1
  let udpPort = port === 0 || wanted > PORT_MAX ? 0 : wanted
  if (!(await isUdpPortFree(host, udpPort)) && !(await isOurs(road, { host, port: udpPort }))) {
    notes.push(`${ROAD_NAMES[road]} listens on another port: UDP port ${udpPort} of ${host} is in use`)
    udpPort = 0
  }
  return `${at}/udp/${udpPort}/${road === 'webtransport' ? 'quic-v1/webtransport' : road}`
}

/** Why nothing can be listened for here; undefined when all is well. */
async function problemOf(road: GatewayRoad, host: string): Promise<string | undefined> {
  if (road === 'webtransport' && host.includes(':')) return `its addon binds IPv4 only, not ${host}`
  try {
    if (road === 'webtransport') await (await import('./webtransport-addon.nodejs.ts')).loadWebTransportAddon()
    if (road === 'webrtc-direct') await import('./webrtc.nodejs.ts')
    return undefined
  } catch (error) {
    return (error instanceof Error ? error.message : String(error)).split('\n')[0] ?? ''
  }
}

/** A gateway of this process that has stopped used it, and it is still bound here. */
async function isOurs(road: GatewayRoad, { host, port }: { host: string; port: number }): Promise<boolean> {
  return road === 'webrtc-direct' && (await import('./webrtc.nodejs.ts')).isIdleStunPort(host, port)
}

/** Asked beforehand: what the native parts say of it is no sentence, and goes to stdout. Port 0 always is. */
function isUdpPortFree(host: string, port: number): Promise<boolean> {
  const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4')
  return new Promise((resolve) => {
    // Another problem than a port in use shows again, in words, when it is listened on.
    socket.once('error', (error: NodeJS.ErrnoException) => {
      socket.close()
      resolve(error.code !== 'EADDRINUSE')
    })
    socket.bind({ port, address: host, exclusive: true }, () => socket.close(() => resolve(true)))
  })
}

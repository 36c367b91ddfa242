import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { DialProblem, dialProblemOf } from './dial-problem.ts'
import { pageHint } from './page-hint.ts'
import { peerOf } from './remote-address.ts'

/** An honest answer is below 4 KiB; more is not read. */
const ANSWER_BYTES_MAX: number = 64 * 1024
/** A gateway has one address per transport and interface. */
const ADDRESSES_MAX = 32

export interface GatewayAddresses {
  readonly peer: string
  /** In the order to try them, each ending in the peer. The URL's own host comes first. */
  readonly addresses: readonly Multiaddr[]
  /** As it says, unchecked. */
  readonly chain: unknown
  readonly genesis: unknown
}

export function isGatewayUrl(address: string): boolean {
  return /^https?:\/\//i.test(address)
}

/** Asks a gateway where it can be dialled: `GET <url>/api/addresses`. Rejects with `DialProblem`. */
export async function resolveGateway(address: string, signal: AbortSignal): Promise<GatewayAddresses> {
  let url: URL
  try {
    url = new URL(address)
    url.pathname = `${url.pathname.replace(/\/+$/, '')}/api/addresses`
    url.search = ''
    url.hash = ''
  } catch {
    throw new DialProblem('undialable', `expected a URL, got ${JSON.stringify(address.slice(0, 200))}`)
  }
  const { addresses, ...said } = await ask(url, address, signal)
  const { peer } = said
  const own = ownAddress(url, peer)
  const others: Multiaddr[] = []
  for (const text of addresses.slice(0, ADDRESSES_MAX)) {
    const parsed = parse(text)
    if (parsed === undefined) continue
    const named = peerOf(parsed)
    if (named === undefined) others.push(parsed.encapsulate(`/p2p/${peer}`))
    else if (named === peer && !parsed.equals(own)) others.push(parsed)
  }
  return { ...said, addresses: [own, ...others] }
}

async function ask(
  url: URL,
  address: string,
  signal: AbortSignal,
): Promise<Omit<GatewayAddresses, 'addresses'> & { readonly addresses: readonly string[] }> {
  const notAGateway = (got: string): DialProblem =>
    new DialProblem('unsupported', `${address} is not a Rushlight gateway: expected /api/addresses as JSON, got ${got}`)
  let response: Response
  try {
    response = await fetch(url, { signal, headers: { accept: 'application/json' } })
  } catch (error) {
    signal.throwIfAborted()
    const problem = dialProblemOf(error, address)
    const hint = pageHint({ host: url.hostname, isSecure: url.protocol === 'https:' })
    throw new DialProblem(problem.failure, `${problem.message}${hint}`, { cause: error })
  }
  const type = (response.headers.get('content-type') ?? 'no content type').split(';')[0] ?? ''
  if (!response.ok || !/json/.test(type)) {
    await response.body?.cancel().catch(() => {})
    throw notAGateway(`${response.status} ${type.slice(0, 80)}`)
  }
  let answer: unknown
  try {
    answer = JSON.parse(await readText(response))
  } catch (error) {
    signal.throwIfAborted()
    throw notAGateway(error instanceof DialProblem ? error.message : 'a text that is no JSON')
  }
  const { peerId, addresses, chain, genesis } = Object(answer) as Partial<Record<string, unknown>>
  if (typeof peerId !== 'string' || !isPeerId(peerId)) throw notAGateway('no peerId')
  if (!Array.isArray(addresses)) throw notAGateway('no addresses')
  return { peer: peerId, chain, genesis, addresses: addresses.filter((text) => typeof text === 'string') }
}

async function readText(response: Response): Promise<string> {
  const reader = response.body?.getReader()
  if (reader === undefined) return ''
  const decoder = new TextDecoder()
  let text = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return text + decoder.decode()
    text += decoder.decode(value, { stream: true })
    if (text.length > ANSWER_BYTES_MAX) {
      await reader.cancel().catch(() => {})
      throw new DialProblem('unsupported', `more than ${ANSWER_BYTES_MAX} bytes`)
    }
  }
}

/** The URL's own host and port, where the gateway listens for WebSockets too, whatever addresses it knows of itself. */
function ownAddress(url: URL, peer: string): Multiaddr {
  const isSecure = url.protocol === 'https:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const kind = host.includes(':') ? 'ip6' : /^\d+(\.\d+){3}$/.test(host) ? 'ip4' : 'dns4'
  const port = url.port === '' ? (isSecure ? '443' : '80') : url.port
  return multiaddr(`/${kind}/${host}/tcp/${port}${isSecure ? '/tls' : ''}/ws/p2p/${peer}`)
}

function parse(text: string): Multiaddr | undefined {
  try {
    return multiaddr(text)
  } catch {
    return undefined
  }
}

function isPeerId(text: string): boolean {
  try {
    peerIdFromString(text)
    return true
  } catch {
    return false
  }
}

import type { AbortOptions, Connection, IdentifyResult, Stream } from '@libp2p/interface'
import { lpStream } from '@libp2p/utils'
import { multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { ProtobufReader } from '../wire/protobuf-reader.ts'
import { ProtobufWriter } from '../wire/protobuf.ts'
import { within } from './tab-signal.ts'

// libp2p specification, identify/README.md: the protocol's name and the fields of its message.
export const IDENTIFY_PROTOCOL = '/ipfs/id/1.0.0'
const PUBLIC_KEY = 1
const LISTEN_ADDRESS = 2
const PROTOCOL = 3
const OBSERVED_ADDRESS = 4
const PROTOCOL_VERSION = 5
const AGENT_VERSION = 6

/** As js-libp2p has them: an honest message is a tenth of that, and comes at once. */
const MESSAGE_BYTES_MAX: number = 8 * 1024
const TIMEOUT_MS = 5_000

const UTF8_ENCODER = new TextEncoder()
const UTF8_DECODER = new TextDecoder()

/** What we tell others of ourselves. */
export interface OwnIdentity {
  readonly userAgent: string
  /** The protobuf of the key, as the specification of peer ids has it. */
  readonly publicKey: Uint8Array
  readonly addresses: readonly Multiaddr[]
  readonly protocols: readonly string[]
}

/** Tells the remote who we are. Aborts the stream when it does not take it in time; never rejects. */
export async function answerIdentify(stream: Stream, connection: Connection, own: OwnIdentity): Promise<void> {
  await withStream(stream, async (options) => {
    await lpStream(stream).write(encodeIdentity(own, connection.remoteAddr), options)
    await stream.close(options)
  })
}

/**
 * Asks the remote who it is. Undefined where it does not say: nothing waits for that. Who it is was proved by the handshake of
 * the connection, so the key it names is not read, nor a signed record; of several messages the first says what we need.
 */
export async function askIdentify(connection: Connection): Promise<IdentifyResult | undefined> {
  try {
    const stream = await connection.newStream(IDENTIFY_PROTOCOL, {
      signal: AbortSignal.timeout(TIMEOUT_MS),
      runOnLimitedConnection: true,
    })
    return await withStream(stream, async (options) => {
      const message = await lpStream(stream, { maxDataLength: MESSAGE_BYTES_MAX }).read(options)
      void stream.close(options).catch(() => {})
      return { ...decodeIdentity(message.subarray()), peerId: connection.remotePeer, connection }
    })
  } catch {
    return undefined
  }
}

async function withStream<Value>(
  stream: Stream,
  act: (options: AbortOptions) => Promise<Value>,
): Promise<Value | undefined> {
  try {
    return await within({ signal: undefined, timeoutMs: TIMEOUT_MS }, (signal) => act({ signal }))
  } catch (error) {
    stream.abort(error as Error)
    return undefined
  }
}

export function encodeIdentity(own: OwnIdentity, observed: Multiaddr): Uint8Array {
  const message = new ProtobufWriter().bytes(PUBLIC_KEY, own.publicKey)
  for (const address of own.addresses) message.bytes(LISTEN_ADDRESS, address.bytes)
  for (const protocol of own.protocols) message.bytes(PROTOCOL, UTF8_ENCODER.encode(protocol))
  // js-libp2p drops the whole message for an observed address that is none of a machine.
  if (/^\/(ip|dns)/.test(observed.toString())) message.bytes(OBSERVED_ADDRESS, observed.bytes)
  return message
    .bytes(PROTOCOL_VERSION, UTF8_ENCODER.encode('ipfs/0.1.0'))
    .bytes(AGENT_VERSION, UTF8_ENCODER.encode(own.userAgent))
    .finish()
}

/** Throws `WireError` on bytes that are no message; an address of a kind that we do not know is left out. */
export function decodeIdentity(bytes: Uint8Array): Pick<IdentifyResult, 'listenAddrs' | 'protocols' | 'agentVersion'> {
  const listenAddrs: Multiaddr[] = []
  const protocols: string[] = []
  let agentVersion = ''
  const reader = new ProtobufReader(bytes)
  while (reader.next()) {
    if (reader.field === LISTEN_ADDRESS) listenAddrs.push(...addressesIn(reader.bytes()))
    else if (reader.field === PROTOCOL) protocols.push(UTF8_DECODER.decode(reader.bytes()))
    else if (reader.field === AGENT_VERSION) agentVersion = UTF8_DECODER.decode(reader.bytes())
  }
  return { listenAddrs, protocols, agentVersion }
}

function addressesIn(bytes: Uint8Array | undefined): Multiaddr[] {
  try {
    return bytes === undefined ? [] : [multiaddr(bytes)]
  } catch {
    return []
  }
}

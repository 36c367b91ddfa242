import { undecodable } from '../wire-error.ts'
import { PayloadReader, PayloadWriter } from './payload.ts'

/** Bitcoin Core node/protocol_version.h, PROTOCOL_VERSION: wtxid relay (BIP 339). */
export const BITCOIN_PROTOCOL_VERSION = 70_016
/** Bitcoin Core node/protocol_version.h, MIN_PEER_PROTO_VERSION: the first with getheaders. */
const PROTOCOL_VERSION_MIN = 31_800
/** Bitcoin Core net.h, MAX_SUBVERSION_LENGTH. */
const USER_AGENT_BYTES_MAX = 256
/** DESIGN: at most 64 printable ASCII characters. */
const AGENT_CHARACTERS_MAX = 64
/** Services and address, both sides' own view, which nobody reads any more. */
const NETWORK_ADDRESS_BYTES = 26

/** Bitcoin Core protocol.h, ServiceFlags. `NETWORK_LIMITED`: BIP 159, the last 288 blocks and all headers. */
export const NODE_NETWORK = 0x1n
export const NODE_WITNESS = 0x8n
export const NODE_NETWORK_LIMITED = 0x400n

export interface VersionMessage {
  readonly protocolVersion: number
  readonly services: bigint
  /** Random, one a connection: whoever meets its own talks to itself. */
  readonly nonce: bigint
  /** At most 64 printable ASCII characters. */
  readonly userAgent: string
  /** The height of the sender's best chain, as it says. */
  readonly startHeight: number
}

/** We want no transactions (BIP 37, relay). `unixSeconds` is the sender's clock. */
export function encodeVersion(message: VersionMessage, unixSeconds: number): Uint8Array {
  const agent = Uint8Array.from(message.userAgent, (character) => character.charCodeAt(0))
  return new PayloadWriter()
    .uint32(message.protocolVersion)
    .uint64(message.services)
    .uint64(BigInt(unixSeconds))
    .bytes(new Uint8Array(2 * NETWORK_ADDRESS_BYTES))
    .uint64(message.nonce)
    .compactSize(agent.length)
    .bytes(agent)
    .uint32(message.startHeight)
    .uint8(0)
    .finish()
}

/** Later versions may append fields, so what follows is not read. Throws `WireError`. */
export function decodeVersion(payload: Uint8Array): VersionMessage {
  const reader = new PayloadReader(payload, 'version')
  const protocolVersion = reader.int32()
  if (protocolVersion < PROTOCOL_VERSION_MIN) {
    throw undecodable(`protocol version ${PROTOCOL_VERSION_MIN} or later`, String(protocolVersion))
  }
  const services = reader.uint64()
  reader.uint64()
  reader.bytes(2 * NETWORK_ADDRESS_BYTES)
  const nonce = reader.uint64()
  const agent = reader.bytes(reader.compactSize(USER_AGENT_BYTES_MAX, 'bytes of user agent'))
  const startHeight = Math.max(0, reader.int32())
  return { protocolVersion, services, nonce, userAgent: printable(agent), startHeight }
}

/** A remote's text: short, and every odd byte a question mark. */
function printable(bytes: Uint8Array): string {
  const characters = Array.from(bytes.subarray(0, AGENT_CHARACTERS_MAX), (byte) =>
    byte >= 0x20 && byte <= 0x7e ? String.fromCharCode(byte) : '?',
  )
  return characters.join('')
}

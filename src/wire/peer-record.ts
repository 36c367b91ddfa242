import { PEER_RECORD_ADDRESSES_MAX, PEER_RECORD_BYTES_MAX } from '../core/limits.ts'
import { encodeText } from './fields.ts'
import { joinBytes } from '../core/join-bytes.ts'
import { ProtobufReader } from './protobuf-reader.ts'
import { ProtobufFields, ProtobufWriter } from './protobuf.ts'
import { encodeVarint } from './varint.ts'
import { undecodable } from './wire-error.ts'

/** libp2p RFC 0002, "Signed envelopes", Domain separation; RFC 0003, "Routing records". */
const DOMAIN: Uint8Array = encodeText('libp2p-peer-record', 18)
/** RFC 0003: multicodec `libp2p-peer-record`. */
const PAYLOAD_TYPE: Uint8Array = Uint8Array.of(0x03, 0x01)
/** A multiaddr with two certificate hashes has 140 bytes, one through a relay some more. */
const ADDRESS_BYTES_MAX = 512

/** RFC 0002: whose key signed what. Views of the bytes it was read from. */
export interface Envelope {
  /** libp2p's protobuf of a public key. */
  readonly publicKey: Uint8Array
  readonly payload: Uint8Array
  readonly signature: Uint8Array
}

/** RFC 0003: what a peer says of itself. Addresses are multiaddrs as bytes. */
export interface EncodedPeerRecord {
  readonly peer: Uint8Array
  readonly sequence: number
  readonly addresses: readonly Uint8Array[]
}

/** What the key signs: domain, type and payload, each with its length. */
export function signedBytes(payload: Uint8Array): Uint8Array {
  return joinBytes([DOMAIN, PAYLOAD_TYPE, payload].flatMap((part) => [encodeVarint(part.length), part]))
}

export function encodeEnvelope({ publicKey, payload, signature }: Envelope): Uint8Array {
  return new ProtobufWriter().bytes(1, publicKey).bytes(2, PAYLOAD_TYPE).bytes(3, payload).bytes(5, signature).finish()
}

/** Of a peer record only. Throws `WireError`. */
export function decodeEnvelope(bytes: Uint8Array): Envelope {
  const fields = new ProtobufFields(bytes)
  const type = fields.bytes(2, 'payload type', PAYLOAD_TYPE.length)
  if (type.join() !== PAYLOAD_TYPE.join()) throw undecodable('a peer record', `payload type ${type.join()}`)
  const take = (field: number, name: string): Uint8Array => fields.bytes(field, name, PEER_RECORD_BYTES_MAX)
  return { publicKey: take(1, 'public key'), payload: take(3, 'payload'), signature: take(5, 'signature') }
}

export function encodePeerRecord({ peer, sequence, addresses }: EncodedPeerRecord): Uint8Array {
  const writer = new ProtobufWriter().bytes(1, peer).varint(2, sequence)
  for (const address of addresses) writer.bytes(3, new ProtobufWriter().bytes(1, address).finish())
  return writer.finish()
}

/** Throws `WireError`. */
export function decodePeerRecord(bytes: Uint8Array): EncodedPeerRecord {
  const fields = new ProtobufFields(bytes)
  const addresses: Uint8Array[] = []
  for (const reader = new ProtobufReader(bytes); reader.next();) {
    const info = reader.field === 3 ? reader.bytes() : undefined
    if (info !== undefined) addresses.push(new ProtobufFields(info).bytes(1, 'address', ADDRESS_BYTES_MAX))
  }
  if (addresses.length > PEER_RECORD_ADDRESSES_MAX) {
    throw undecodable(`at most ${PEER_RECORD_ADDRESSES_MAX} addresses`, String(addresses.length))
  }
  return { peer: fields.bytes(1, 'peer', PEER_RECORD_BYTES_MAX), sequence: fields.varint(2, 'sequence'), addresses }
}

import { ProtobufReader } from '../wire/protobuf-reader.ts'
import { ProtobufWriter } from '../wire/protobuf.ts'

// Circuit Relay v2, Protocol. Only what a client says and hears; the gateway's server is the library's.
export const HOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/hop'
export const STOP_PROTOCOL = '/libp2p/circuit/relay/0.2.0/stop'

/** Longest message: an honest one names a dozen addresses. */
export const RELAY_MESSAGE_BYTES_MAX = 4096

export const STATUS_OK = 100
/** A relay's addresses that are worth remembering. */
const ADDRESSES_MAX = 16

const HOP_RESERVE = 0
const HOP_CONNECT = 1
const STOP_CONNECT = 0
const STOP_STATUS = 1

export interface HopStatus {
  /** `STATUS_OK`, or why not. */
  readonly status: number
  /** Unix seconds; undefined when nothing was reserved. */
  readonly expires: number | undefined
  /** The relay's own, as it believes; bytes of multiaddrs. */
  readonly addresses: readonly Uint8Array[]
}

export function encodeReserve(): Uint8Array {
  return new ProtobufWriter().varint(1, HOP_RESERVE).finish()
}

/** `peer` is a multihash. */
export function encodeConnect(peer: Uint8Array): Uint8Array {
  return new ProtobufWriter().varint(1, HOP_CONNECT).bytes(2, new ProtobufWriter().bytes(1, peer).finish()).finish()
}

export function encodeStopStatus(status: number): Uint8Array {
  return new ProtobufWriter().varint(1, STOP_STATUS).varint(4, status).finish()
}

/** Throws `WireError` on bytes that are no message. */
export function decodeHopStatus(bytes: Uint8Array): HopStatus {
  const reader = new ProtobufReader(bytes)
  let status = 0
  let expires: number | undefined
  const addresses: Uint8Array[] = []
  while (reader.next()) {
    if (reader.field === 5) status = reader.int32() ?? 0
    if (reader.field !== 3) continue
    const reservation = reader.message()
    while (reservation?.next() === true) {
      // Until 2106 the low 32 bits are the whole time.
      if (reservation.field === 1) expires = (reservation.int32() ?? 0) >>> 0
      const address = reservation.field === 2 ? reservation.bytes() : undefined
      if (address !== undefined && addresses.length < ADDRESSES_MAX) addresses.push(address)
    }
  }
  return { status, expires, addresses }
}

/** The multihash of who wants to connect; undefined when that is not what was said. Throws `WireError`. */
export function decodeStopConnect(bytes: Uint8Array): Uint8Array | undefined {
  const reader = new ProtobufReader(bytes)
  let type: number | undefined
  let peer: Uint8Array | undefined
  while (reader.next()) {
    if (reader.field === 1) type = reader.int32()
    if (reader.field !== 2) continue
    const message = reader.message()
    while (message?.next() === true) if (message.field === 1) peer = message.bytes()
  }
  return type === STOP_CONNECT ? peer : undefined
}

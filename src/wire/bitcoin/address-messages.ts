import { ADDRESS_BYTES_MAX, ADDRESSES_PER_MESSAGE_MAX } from './message-limits.ts'
import { PayloadReader } from './payload.ts'

/** Somebody whom a peer has heard of. `host` is an IPv4 or IPv6 address as text. */
export interface HeardAddress {
  readonly host: string
  readonly port: number
  readonly services: bigint
  /** When it was seen last, as the peer says. Unix seconds. */
  readonly seenUnixSeconds: number
}

/** BIP 155, Network ID. Others (Tor, I2P, CJDNS) are not dialled from here. */
const NETWORK_IPV4 = 1
const NETWORK_IPV6 = 2
/** RFC 4291, 2.5.5.2: an IPv4 address in the last four bytes. */
const MAPPED_IPV4_PREFIX: readonly number[] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]

/** Throws `WireError`. */
export function decodeAddresses(payload: Uint8Array): HeardAddress[] {
  const reader = new PayloadReader(payload, 'addr')
  const count = reader.compactSize(ADDRESSES_PER_MESSAGE_MAX, 'addresses')
  const addresses = Array.from({ length: count }, () => {
    const seenUnixSeconds = reader.uint32()
    const services = reader.uint64()
    const host = ipText(reader.bytes(16))
    return { host, port: reader.uint16BigEndian(), services, seenUnixSeconds }
  })
  reader.end()
  return addresses
}

/** BIP 155. Addresses of networks that cannot be dialled from here are left out. Throws `WireError`. */
export function decodeAddressesV2(payload: Uint8Array): HeardAddress[] {
  const reader = new PayloadReader(payload, 'addrv2')
  const count = reader.compactSize(ADDRESSES_PER_MESSAGE_MAX, 'addresses')
  const addresses: HeardAddress[] = []
  for (let index = 0; index < count; index += 1) {
    const seenUnixSeconds = reader.uint32()
    const services = reader.compactSize64()
    const network = reader.uint8()
    const address = reader.bytes(reader.compactSize(ADDRESS_BYTES_MAX, 'bytes of address'))
    const port = reader.uint16BigEndian()
    const isIp =
      (network === NETWORK_IPV4 && address.length === 4) || (network === NETWORK_IPV6 && address.length === 16)
    if (isIp) addresses.push({ host: ipText(address), port, services, seenUnixSeconds })
  }
  reader.end()
  return addresses
}

function ipText(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join('.')
  if (MAPPED_IPV4_PREFIX.every((byte, index) => bytes[index] === byte)) return bytes.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, group) =>
    (((bytes[2 * group] ?? 0) << 8) | (bytes[2 * group + 1] ?? 0)).toString(16),
  )
  return groups.join(':')
}

import type { Multiaddr } from '@multiformats/multiaddr'
import { base64url } from 'multiformats/bases/base64'

/** libp2p WebTransport, Security Handshake. */
export const WEBTRANSPORT_PATH = '/.well-known/libp2p-webtransport?type=noise'

/** Multihash: sha2-256, 32 bytes of digest. */
const SHA2_256_PREFIX: readonly number[] = [0x12, 0x20]

export interface WebTransportAddress {
  /** `https://HOST:PORT` */
  readonly origin: string
  /** Multihashes of the certificates that are good. */
  readonly certhashes: readonly Uint8Array[]
}

/** Undefined for what is no WebTransport address with a certificate's hash, or leads through a relay. */
export function parseWebTransport(address: Multiaddr): WebTransportAddress | undefined {
  const components = address.getComponents()
  const [host, port] = components
  const valueOf = (name: string): readonly string[] =>
    components.filter((component) => component.name === name).map(({ value = '' }) => value)
  const isOne = components.some(({ name }) => name === 'webtransport') && valueOf('p2p-circuit').length === 0
  if (!isOne || host?.value === undefined || port?.name !== 'udp') return undefined
  const certhashes = valueOf('certhash').flatMap((text) => decodeCerthash(text) ?? [])
  if (certhashes.length === 0) return undefined
  const name = host.name === 'ip6' ? `[${host.value}]` : host.value
  return { origin: `https://${name}:${port.value ?? ''}`, certhashes }
}

/** Multihash to multibase, as it stands in an address. */
export function encodeCerthash(sha256: Uint8Array): string {
  return base64url.encode(certhashOf(sha256))
}

/** The multihash of a digest. */
export function certhashOf(sha256: Uint8Array): Uint8Array {
  return Uint8Array.of(...SHA2_256_PREFIX, ...sha256)
}

/** Of 32 bytes. */
export function digestOf(certhash: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(certhash.subarray(SHA2_256_PREFIX.length))
}

function decodeCerthash(text: string): Uint8Array | undefined {
  try {
    const certhash = base64url.decode(text)
    return certhash.length === 34 && SHA2_256_PREFIX.every((byte, index) => certhash[index] === byte)
      ? certhash
      : undefined
  } catch {
    return undefined
  }
}

import type { IncomingMessage } from 'node:http'
import { BlockList, isIP } from 'node:net'
import { CommandError } from './command-error.ts'

/** Reverse proxies by address: what they say of a request's origin is believed. */
export class TrustedProxies {
  readonly #blocks = new BlockList()

  /** Of `10.0.0.0/8`, `::1/128` or single addresses. Throws `CommandError`. */
  constructor(ranges: readonly string[]) {
    for (const range of ranges) {
      const [address = '', prefix, ...rest] = range.split('/')
      const family = isIP(address)
      const prefixMax = family === 4 ? 32 : 128
      const length = prefix === undefined ? prefixMax : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Infinity
      if (family === 0 || rest.length > 0 || length > prefixMax) {
        throw new CommandError(
          2,
          `--trusted-proxy: expected an address range such as 127.0.0.1/32, got ${JSON.stringify(range)}`,
        )
      }
      this.#blocks.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6')
    }
  }

  has(address: string | undefined): boolean {
    if (address === undefined) return false
    const plain = unmapped(address)
    const family = isIP(plain)
    return family !== 0 && this.#blocks.check(plain, family === 4 ? 'ipv4' : 'ipv6')
  }

  /** Who asked: the socket's other end, or, said by trusted proxies, the nearest address that is none of them. */
  clientAddress(request: IncomingMessage): string {
    let address = unmapped(request.socket.remoteAddress ?? '')
    const forwarded = [request.headers['x-forwarded-for'] ?? []].flat().join(',').split(',')
    for (const hop of forwarded.reverse().map((text) => text.trim())) {
      if (!this.has(address) || isIP(hop) === 0) return address
      address = hop
    }
    return address
  }
}

/** Only this machine can reach what is bound there. */
export function isLoopback(host: string): boolean {
  const plain = unmapped(host)
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'))
}

/**
 * A page of another site can have its own name point at 127.0.0.1 (DNS rebinding) and then read what is served there;
 * its requests carry that name.
 */
export function isLoopbackHostHeader(header: string | undefined): boolean {
  return header !== undefined && /^(localhost|127\.0\.0\.1|\[::1\])(:\d{1,5})?$/i.test(header)
}

/** `::ffff:127.0.0.1`, as sockets that listen on both families name an IPv4 address. */
function unmapped(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.)/i, '')
}

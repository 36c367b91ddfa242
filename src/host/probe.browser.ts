import type { Probe } from './examination-cause.ts'

/** Asks for a page, whose content stays hidden: an answer shows that a web server is there. */
export const probeHttp: Probe = async ({ host, port, isSecure, signal }) => {
  const name = host.includes(':') ? `[${host}]` : host
  try {
    await fetch(`${isSecure ? 'https' : 'http'}://${name}:${port}/`, { mode: 'no-cors', signal, credentials: 'omit' })
    return 'not-libp2p'
  } catch {
    return undefined
  }
}

import { noise } from '@libp2p/noise'

/** Neither sends nor reads extensions, so the muxer is agreed on by multistream, later, or not at all. */
export const plainNoise: ReturnType<typeof noise> = (components) => {
  const encrypter = noise()(components)
  const secureInbound = encrypter.secureInbound.bind(encrypter)
  const secureOutbound = encrypter.secureOutbound.bind(encrypter)
  encrypter.secureInbound = (connection, options) =>
    secureInbound(connection, { ...options, skipStreamMuxerNegotiation: true })
  encrypter.secureOutbound = (connection, options) =>
    secureOutbound(connection, { ...options, skipStreamMuxerNegotiation: true })
  return encrypter
}

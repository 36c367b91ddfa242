import type { ConnectionEncrypter } from '@libp2p/interface'
import type { Libp2pComponents, Libp2pParts } from './libp2p-core.ts'

type CreateEncrypter = Libp2pParts['encrypter']

/** RFC 8439, section 2.8: the tag behind each message. */
const TAG_BYTES = 16

interface Bytes {
  readonly byteLength: number
}

/** As much of noise's connection as is touched here; none of it is promised. */
interface NoiseConnection {
  readonly handshake: { decrypt(ciphertext: Bytes): Bytes }
  decrypt: (ciphertext: Bytes) => Bytes
}

/**
 * Noise joins each message that comes into a new array, as room for its plaintext, and then Node.js's cipher takes room of its
 * own. Here it is not joined: that was a third of what is allocated, cleared and collected for each byte that is read.
 * A connection that is not as expected stays as it is.
 */
export function leanNoise(createEncrypter: CreateEncrypter): CreateEncrypter {
  return (components: Libp2pComponents) => {
    const noise = createEncrypter(components)
    const lean: Pick<ConnectionEncrypter, 'secureInbound' | 'secureOutbound'> = {
      secureInbound: async (stream, options) => withoutSpareRoom(await noise.secureInbound(stream, options)),
      secureOutbound: async (stream, options) => withoutSpareRoom(await noise.secureOutbound(stream, options)),
    }
    return Object.assign(Object.create(noise) as ConnectionEncrypter, lean)
  }
}

function withoutSpareRoom<Secured extends { readonly connection: object }>(secured: Secured): Secured {
  const { connection } = secured
  if (isNoise(connection)) connection.decrypt = (ciphertext) => decrypt(connection, ciphertext)
  return secured
}

function isNoise(connection: object): connection is NoiseConnection {
  const { handshake, decrypt } = connection as Partial<NoiseConnection>
  return typeof handshake?.decrypt === 'function' && typeof decrypt === 'function'
}

function decrypt({ handshake }: NoiseConnection, ciphertext: Bytes): Bytes {
  if (ciphertext.byteLength >= TAG_BYTES) return handshake.decrypt(ciphertext)
  throw new Error(`expected a message of ${TAG_BYTES} bytes or more, got ${ciphertext.byteLength}`)
}

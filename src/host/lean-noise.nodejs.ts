import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject } from 'node:crypto'
import type { Socket } from 'node:net'
import { isMarkedAsUntransferable } from 'node:worker_threads'
import type { ConnectionEncrypter, MessageStream } from '@libp2p/interface'
import { Uint8ArrayList } from 'uint8arraylist'
import { FREED_BYTES_MIN, freeBytes } from '../core/free-bytes.ts'
import type { Libp2pComponents, Libp2pParts } from './libp2p-core.ts'
import { handOver } from './spent-bytes.ts'

type CreateEncrypter = Libp2pParts['encrypter']

type Bytes = Uint8Array | Uint8ArrayList

/** RFC 8439, section 2.8: the tag behind each message. */
const TAG_BYTES = 16
const CIPHER = 'chacha20-poly1305'
/** Noise takes another cipher for less: one in WebAssembly, which begins sooner. */
const LONG_MESSAGE_BYTES_MIN = 1_200
/** Pieces that were sealed and wait to be sent; where they become more the collector frees them. Each has 64 KiB at most. */
const SEALED_PIECES_MAX = 64

/** As much of noise as is touched here; none of it is promised. */
interface NoiseCrypto {
  readonly encrypt: (plaintext: Bytes, nonce: Uint8Array, associated: Uint8Array, key: Uint8Array) => Bytes
  readonly decrypt: (
    ciphertext: Bytes,
    nonce: Uint8Array,
    associated: Uint8Array,
    key: Uint8Array,
    room?: Uint8Array,
  ) => Bytes
}
interface NoiseConnection {
  readonly handshake: { readonly decrypt: (ciphertext: Bytes) => Bytes }
  decrypt: (ciphertext: Bytes) => Bytes
  encrypt: (plaintext: Bytes) => Bytes
}
/** As much of the connection below it as is looked at here. */
interface TcpConnection {
  readonly writeBufferLength: number
  readonly socket: Pick<Socket, 'writableLength' | 'writableCorked' | 'cork' | 'uncork'>
}

/**
 * Noise for who reads and writes a lot, in Node.js:
 * 1. A message that comes is not joined into new memory, which the plaintext never came to lie in.
 * 2. A connection's key is made ready for the cipher once, not for each message: that took as long as 10 KiB of it.
 * 3. Memory that is done with is freed at once: what came from a socket when it is decrypted, what was sealed when it is sent,
 *    and the plaintext by its reader (`freeSpent`). Else it is the collector that runs for it, over all there is.
 * 4. What is sent in one turn reaches the socket in one call.
 * A connection that is not as expected stays as it is.
 */
export function leanNoise(createEncrypter: CreateEncrypter): CreateEncrypter {
  return (components: Libp2pComponents) => {
    const noise: ConnectionEncrypter & { crypto?: Partial<NoiseCrypto> } = createEncrypter(components)
    if (isNoiseCrypto(noise.crypto)) noise.crypto = { ...noise.crypto, ...keptKeys(noise.crypto) }
    const lean: Pick<ConnectionEncrypter, 'secureInbound' | 'secureOutbound'> = {
      secureInbound: async (stream, options) => freeing(stream, await noise.secureInbound(stream, options)),
      secureOutbound: async (stream, options) => freeing(stream, await noise.secureOutbound(stream, options)),
    }
    return Object.assign(Object.create(noise) as ConnectionEncrypter, lean)
  }
}

/** The same with keys that are kept ready for as long as their connection lasts. */
function keptKeys({ encrypt, decrypt }: NoiseCrypto): NoiseCrypto {
  const ready = new WeakMap<Uint8Array, KeyObject>()
  const keyOf = (key: Uint8Array): KeyObject => {
    const kept = ready.get(key) ?? createSecretKey(key)
    ready.set(key, kept)
    return kept
  }
  return {
    encrypt: (plaintext, nonce, associated, key) => {
      const plaintextLength = plaintext.byteLength
      if (plaintextLength < LONG_MESSAGE_BYTES_MIN) return encrypt(plaintext, nonce, associated, key)
      const cipher = createCipheriv(CIPHER, keyOf(key), nonce, { authTagLength: TAG_BYTES })
      cipher.setAAD(associated, { plaintextLength })
      const sealed = new Uint8ArrayList()
      for (const piece of piecesOf(plaintext)) sealed.append(cipher.update(piece))
      cipher.final()
      sealed.append(cipher.getAuthTag())
      return sealed
    },
    decrypt: (ciphertext, nonce, associated, key, room) => {
      const plaintextLength = ciphertext.byteLength - TAG_BYTES
      if (ciphertext.byteLength < LONG_MESSAGE_BYTES_MIN) return decrypt(ciphertext, nonce, associated, key, room)
      const decipher = createDecipheriv(CIPHER, keyOf(key), nonce, { authTagLength: TAG_BYTES })
      decipher.setAAD(associated, { plaintextLength })
      decipher.setAuthTag(ciphertext.subarray(plaintextLength))
      const plaintext = new Uint8ArrayList()
      for (const piece of piecesOf(ciphertext)) {
        const isOver = plaintext.byteLength + piece.length > plaintextLength
        const sealed = isOver ? piece.subarray(0, plaintextLength - plaintext.byteLength) : piece
        if (sealed.length > 0) plaintext.append(decipher.update(sealed))
      }
      decipher.final()
      for (const piece of plaintext) if (piece.length >= FREED_BYTES_MIN) handOver(piece)
      return plaintext
    },
  }
}

function freeing<Secured extends { readonly connection: object }>(below: MessageStream, secured: Secured): Secured {
  const { connection } = secured
  if (!isNoiseConnection(connection)) return secured
  const { handshake } = connection
  const isFreed = isTcpConnection(below)
  connection.decrypt = (ciphertext) => {
    if (ciphertext.byteLength < TAG_BYTES) {
      throw new Error(`expected a message of ${TAG_BYTES} bytes or more, got ${ciphertext.byteLength}`)
    }
    const plaintext = handshake.decrypt(ciphertext)
    if (isFreed) for (const piece of piecesOf(ciphertext)) freeRead(piece)
    return plaintext
  }
  if (isFreed) connection.encrypt = freeingSent(below, connection)
  return secured
}

/** Messages come in order: with the last bytes of what was read from the socket at once, all of it is decrypted. */
function freeRead({ buffer, byteOffset, byteLength }: Uint8Array): void {
  if (byteOffset + byteLength === buffer.byteLength) free(buffer)
}

function freeingSent(below: TcpConnection, connection: NoiseConnection): NoiseConnection['encrypt'] {
  const encrypt = connection.encrypt.bind(connection)
  let sealed: ArrayBufferLike[] = []
  return (plaintext) => {
    const hasSentAll = below.writeBufferLength === 0 && below.socket.writableLength === 0
    if (hasSentAll) sealed.forEach(free)
    if (hasSentAll || sealed.length > SEALED_PIECES_MAX) sealed = []
    gather(below.socket)
    const ciphertext = encrypt(plaintext)
    for (const { buffer, byteLength } of piecesOf(ciphertext)) if (byteLength === buffer.byteLength) sealed.push(buffer)
    return ciphertext
  }
}

/** What is written until this turn ends goes in one call of the system: each of its pieces would take one, and wake who reads. */
function gather(socket: TcpConnection['socket']): void {
  if (socket.writableCorked > 0) return
  socket.cork()
  process.nextTick(() => socket.uncork())
}

/** Node.js cuts small buffers out of large memory, which it marks: others live there. */
function free(buffer: ArrayBufferLike): void {
  if (!isMarkedAsUntransferable(buffer)) freeBytes({ buffer })
}

function piecesOf(bytes: Bytes): Iterable<Uint8Array> {
  return bytes instanceof Uint8Array ? [bytes] : bytes
}

function isNoiseCrypto(crypto: Partial<NoiseCrypto> | undefined): crypto is NoiseCrypto {
  return typeof crypto?.encrypt === 'function' && typeof crypto.decrypt === 'function'
}

function isNoiseConnection(connection: object): connection is NoiseConnection {
  const { handshake, decrypt, encrypt } = connection as Partial<NoiseConnection>
  return [handshake?.decrypt, decrypt, encrypt].every((method) => typeof method === 'function')
}

/** What comes from others may be a view of what somebody else has, too. */
function isTcpConnection(connection: object): connection is TcpConnection {
  const { socket, writeBufferLength } = connection as Partial<TcpConnection>
  return typeof socket?.cork === 'function' && typeof writeBufferLength === 'number'
}

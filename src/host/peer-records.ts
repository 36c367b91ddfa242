import { publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr, type Multiaddr } from '@multiformats/multiaddr'
import { toPeerId } from '../core/ids.ts'
import { PEER_RECORD_ADDRESSES_MAX, PEER_RECORD_BYTES_MAX } from '../core/limits.ts'
import type { PeerRecord } from '../core/message.ts'
import { scopeOf } from '../core/road.ts'
import { decodeEnvelope, decodePeerRecord, encodeEnvelope, encodePeerRecord, signedBytes } from '../wire/peer-record.ts'
import { undecodable, WireError } from '../wire/wire-error.ts'
import { peerOf } from './remote-address.ts'

/** Our own: of our addresses those that reach furthest, as many as fit. A record goes to whom all of it is of use. */
export async function sealPeerRecord(args: {
  readonly privateKey: PrivateKey
  readonly addresses: readonly string[]
  readonly sequence: number
}): Promise<PeerRecord> {
  const { privateKey, addresses, sequence } = args
  const { publicKey } = privateKey
  const id = peerIdFromPublicKey(publicKey)
  const widest = (['public', 'private', 'loopback'] as const)
    .map((scope) => addresses.filter((address) => scopeOf(address) === scope))
    .find((found) => found.length > 0)
  for (let count = PEER_RECORD_ADDRESSES_MAX; ; count--) {
    const told = (widest ?? []).slice(0, count)
    const encoded = told.map((address) => multiaddr(address).decapsulateCode(CODE_P2P).bytes)
    const payload = encodePeerRecord({ peer: id.toMultihash().bytes, sequence, addresses: encoded })
    const signature = await privateKey.sign(signedBytes(payload))
    const envelope = encodeEnvelope({ publicKey: publicKeyToProtobuf(publicKey), payload, signature })
    if (envelope.length > PEER_RECORD_BYTES_MAX && count > 0) continue
    return { peer: toPeerId(id.toString()), sequence, addresses: told, envelope }
  }
}

/** Rejects with `WireError` where its subject has not signed it so. */
export async function openPeerRecord(envelope: Uint8Array): Promise<PeerRecord> {
  const { publicKey, payload, signature } = decodeEnvelope(envelope)
  const { peer, sequence, addresses } = decodePeerRecord(payload)
  try {
    const key = publicKeyFromProtobuf(publicKey)
    const id = peerIdFromPublicKey(key)
    const name = id.toString()
    if (id.toMultihash().bytes.join() !== peer.join())
      throw undecodable(`a record of ${name}, whose key it is`, 'another')
    if (!(await key.verify(signedBytes(payload), signature)))
      throw undecodable(`a record that ${name} signed`, 'another')
    const texts = addresses.map((bytes) => withPeer(multiaddr(bytes), name).toString())
    return { peer: toPeerId(name), sequence, addresses: texts, envelope }
  } catch (error) {
    if (error instanceof WireError) throw error
    throw undecodable('a key and multiaddrs', error instanceof Error ? error.message : String(error))
  }
}

function withPeer(address: Multiaddr, peer: string): Multiaddr {
  return peerOf(address) === peer ? address : address.encapsulate(`/p2p/${peer}`)
}

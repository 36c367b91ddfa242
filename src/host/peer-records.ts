import { publicKeyFromProtobuf, publicKeyToProtobuf } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPublicKey } from '@libp2p/peer-id'
import { CODE_P2P, multiaddr } from '@multiformats/multiaddr'
import { toPeerId } from '../core/ids.ts'
import { PEER_RECORD_ADDRESSES_MAX, PEER_RECORD_BYTES_MAX } from '../core/limits.ts'
import type { PeerRecord } from '../core/message.ts'
import { scopeOf } from '../core/road.ts'
import { decodeEnvelope, decodePeerRecord, encodeEnvelope, encodePeerRecord, signedBytes } from '../wire/peer-record.ts'
import { undecodable } from '../wire/wire-error.ts'
import { peerOf } from './remote-address.ts'

/** Keys, ids, signature and lengths. */
const OVERHEAD_BYTES = 256

/** Our own: of our addresses those that reach furthest, as many as fit. A record goes to whom all of it is of use. */
export async function sealPeerRecord(args: {
  readonly privateKey: PrivateKey
  readonly addresses: readonly string[]
  readonly sequence: number
}): Promise<PeerRecord> {
  const { privateKey, sequence } = args
  const { publicKey } = privateKey
  const id = peerIdFromPublicKey(publicKey)
  const scope = Math.max(...args.addresses.map(scopeOf))
  const addresses: string[] = []
  const encoded: Uint8Array[] = []
  let spareBytes = PEER_RECORD_BYTES_MAX - OVERHEAD_BYTES
  for (const address of args.addresses) {
    const { bytes } = multiaddr(address).decapsulateCode(CODE_P2P)
    spareBytes -= bytes.length
    if (scopeOf(address) !== scope || spareBytes < 0 || encoded.length === PEER_RECORD_ADDRESSES_MAX) continue
    addresses.push(address)
    encoded.push(bytes)
  }
  const payload = encodePeerRecord({ peer: id.toMultihash().bytes, sequence, addresses: encoded })
  const signature = await privateKey.sign(signedBytes(payload))
  const envelope = encodeEnvelope({ publicKey: publicKeyToProtobuf(publicKey), payload, signature })
  return { peer: toPeerId(id.toString()), sequence, addresses, envelope }
}

/** Rejects where its subject has not signed it so. */
export async function openPeerRecord(envelope: Uint8Array): Promise<PeerRecord> {
  const { publicKey, payload, signature } = decodeEnvelope(envelope)
  const { peer, sequence, addresses } = decodePeerRecord(payload)
  const key = publicKeyFromProtobuf(publicKey)
  const id = peerIdFromPublicKey(key)
  const name = id.toString()
  // Every key of ours is of this kind. An RSA key with a long exponent costs ten times as much to check.
  const isSubjects = key.type === 'Ed25519' && id.toMultihash().bytes.join() === peer.join()
  if (!isSubjects || !(await key.verify(signedBytes(payload), signature))) {
    throw undecodable(`a record that ${name} signed of itself`, 'another')
  }
  const texts = addresses.map((bytes) => {
    const address = multiaddr(bytes)
    return (peerOf(address) === name ? address : address.encapsulate(`/p2p/${name}`)).toString()
  })
  return { peer: toPeerId(name), sequence, addresses: texts, envelope }
}

import type { PrivateKey } from '@libp2p/interface'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'

/** A new Ed25519 key, as a libp2p protobuf private key. */
export async function createPrivateKey(): Promise<Uint8Array> {
  return privateKeyToProtobuf(await generateKeyPair('Ed25519'))
}

/** Reads a key that `createPrivateKey` has made. */
export function readPrivateKey(key: Uint8Array): PrivateKey {
  return privateKeyFromProtobuf(key)
}

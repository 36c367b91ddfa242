/** From bytes to their CID, by hash functions that are handed in: a tab and Node.js have different fast ones. */
import type { CidPrefix } from '../core/exchange/exchange-message.ts'
import type { Cid } from '../core/ids.ts'
import { CODEC_DAG_PB, formatCid, HASH_SHA2_256, parseCid } from './cid.ts'

/** By multihash code: `0x12` sha2-256, `0x56` dbl-sha2-256. Each returns the whole digest. */
export type Hashers = ReadonlyMap<number, (bytes: Uint8Array) => Uint8Array>

/** boxo, verifcid, `DefaultMinDigestSize`: a digest cut shorter proves too little. */
const DIGEST_BYTES_MIN = 20

/** The CID that bytes have under a prefix; undefined where the function is not known or gives no such digest. */
export function createCidOf(hashers: Hashers): (prefix: CidPrefix, bytes: Uint8Array) => Cid | undefined {
  return (prefix, bytes) => {
    const { version, codec, hashCode, digestSizeBytes } = prefix
    const hash = hashers.get(hashCode)
    if (hash === undefined || digestSizeBytes < DIGEST_BYTES_MIN) return undefined
    const isVersion0 = codec === CODEC_DAG_PB && hashCode === HASH_SHA2_256 && digestSizeBytes === 32
    if (version === 0 && !isVersion0) return undefined
    const digest = hash(bytes)
    if (digest.length < digestSizeBytes) return undefined
    return formatCid({ version, codec, hashCode, digestSizeBytes, digest: digest.subarray(0, digestSizeBytes) })
  }
}

/** The CID that bytes have under the same prefix as `cid`; undefined as above. Throws `WireError` when `cid` is none. */
export function createRehash(hashers: Hashers): (cid: Cid, bytes: Uint8Array) => Cid | undefined {
  const cidOf = createCidOf(hashers)
  return (cid, bytes) => cidOf(parseCid(cid), bytes)
}

/**
 * A proof as bytes: version 1 · header · index as a compact size · transaction and its siblings · coinbase and its siblings ·
 * 0, or 1 and the witness siblings. Transactions have their size before them, siblings their count, both as compact sizes.
 */
import type { TransactionProof } from '../../core/content.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { ByteReader, encodeCompactSize } from './byte-reader.ts'
import { contentError, failAs } from './content-failure.ts'
import { HEADER_SIZE_BYTES, ROOT_SIZE_BYTES } from './header.ts'
import { toHex } from '../../core/hex.ts'
import { fromHex } from './hex.ts'

/** Of a proof that `verifyTransaction` takes. Throws `ContentError` for what is no hex. */
export function encodeTransactionProof(proof: TransactionProof): Uint8Array {
  const sized = (hex: string): Uint8Array => {
    const bytes = fromHex(hex)
    return joinBytes([encodeCompactSize(bytes.length), bytes])
  }
  const list = (siblings: readonly string[]): Uint8Array =>
    joinBytes([encodeCompactSize(siblings.length), ...siblings.map(fromHex)])
  return failAs('invalid-proof', () =>
    joinBytes([
      Uint8Array.of(proof.version),
      fromHex(proof.header),
      encodeCompactSize(proof.index),
      sized(proof.transaction),
      list(proof.siblings),
      sized(proof.coinbase),
      list(proof.coinbaseSiblings),
      ...(proof.witnessSiblings === undefined ? [Uint8Array.of(0)] : [Uint8Array.of(1), list(proof.witnessSiblings)]),
    ]),
  )
}

/** Throws `ContentError`. Whether the proof holds is for `verifyTransaction` to say. */
export function decodeTransactionProof(bytes: Uint8Array): TransactionProof {
  return failAs('invalid-proof', () => {
    const reader = new ByteReader(bytes)
    const sized = (): string => toHex(reader.take(reader.compactSize()))
    const list = (): string[] =>
      Array.from({ length: reader.count('siblings', ROOT_SIZE_BYTES) }, () => toHex(reader.take(ROOT_SIZE_BYTES)))
    const version = reader.uint8()
    if (version !== 1) throw contentError('malformed', 'a proof of version 1', version)
    const proof: TransactionProof = {
      version,
      header: toHex(reader.take(HEADER_SIZE_BYTES)),
      index: reader.compactSize(),
      transaction: sized(),
      siblings: list(),
      coinbase: sized(),
      coinbaseSiblings: list(),
    }
    const flag = reader.uint8()
    if (flag > 1) throw contentError('malformed', '0 or 1 for a witness', flag)
    const whole = flag === 1 ? { ...proof, witnessSiblings: list() } : proof
    reader.end()
    return whole
  })
}

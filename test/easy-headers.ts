/** Headers of any network without work, for rules that no test could mine for: their hash function makes every root small. */
import { HEADER_SIZE_BYTES, readRoot, ROOT_SIZE_BYTES, writeHeader } from '../src/chain/bitcoin/header.ts'
import { toRoot } from '../src/core/ids.ts'
import type { Root } from '../src/core/ids.ts'
import { hashHeaders } from '../src/hash/choose-hash-headers.ts'
import type { HashHeaders } from '../src/hash/hash-headers.ts'

export interface EasyHeader {
  readonly time: number
  readonly bits: number
  /** 4 by default. */
  readonly version?: number
}

/** The true root with its upper half zeroed: below any target that a header of today could name. */
export const hashEasily: HashHeaders = (headers, offset, count, roots) => {
  hashHeaders(headers, offset, count, roots)
  for (let index = 0; index < count; index += 1) {
    roots.fill(0, index * ROOT_SIZE_BYTES + ROOT_SIZE_BYTES / 2, (index + 1) * ROOT_SIZE_BYTES)
  }
}

export function easyRootOf(header: Uint8Array): Root {
  const root = new Uint8Array(ROOT_SIZE_BYTES)
  hashEasily(header, 0, 1, root)
  return readRoot(root, 0)
}

/** Consecutive headers, the first on `parent`. `salt` tells branches apart. */
export function linkHeaders(
  headers: readonly EasyHeader[],
  { parent = toRoot('11'.repeat(32)), salt = 0 }: { readonly parent?: Root; readonly salt?: number } = {},
): Uint8Array {
  const bytes = new Uint8Array(headers.length * HEADER_SIZE_BYTES)
  const merkleRoot = toRoot(salt.toString(16).padStart(64, '0'))
  let root = parent
  headers.forEach(({ time, bits, version = 4 }, index) => {
    const header = writeHeader({ version, parent: root, merkleRoot, time, bits, nonce: index })
    bytes.set(header, index * HEADER_SIZE_BYTES)
    root = easyRootOf(header)
  })
  return bytes
}

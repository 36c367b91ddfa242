/**
 * The way to an outline where nobody serves one: from the header down the tree of txids, and from the coinbase's commitment down
 * the tree of wtxids, a level a round trip. The leftmost nodes are fetched one level ahead of the others: the first that is not a
 * node of 64 bytes is the coinbase, so its level is that of the leaves, and no other transaction is fetched.
 */
import type { OutlineWalk } from '../../core/content.ts'
import type { Cid, Root } from '../../core/ids.ts'
import { doubleSha256 } from '../../hash/sha256.ts'
import { joinBytes } from '../../core/join-bytes.ts'
import { headerCid, transactionCid, witnessCommitmentCid } from './content-cid.ts'
import { contentError, failAs } from './content-failure.ts'
import { HEADER_SIZE_BYTES, isSameRoot, MERKLE_ROOT_OFFSET, ROOT_SIZE_BYTES, rootToBytes } from './header.ts'
import { MERKLE_DEPTH_MAX, MERKLE_NODE_SIZE_BYTES } from './merkle.ts'
import { encodeOutline, readOutline } from './outline.ts'
import { parseTransaction } from './transaction.ts'
import type { Transaction } from './transaction.ts'
import { bindsWitnesses, committedHashOf, withNonce } from './witness-commitment.ts'

/** Somewhere in a tree; `bytes` once they were handed in. */
interface Place {
  readonly cid: Cid
  readonly hash: Uint8Array
  bytes: Uint8Array | undefined
  /** One where a hash is paired with itself; made when they are asked for. */
  children: readonly [Place, ...Place[]] | undefined
}

/** What is known so far. */
interface Survey {
  readonly missing: readonly Place[]
  readonly header: Uint8Array | undefined
  /** Without its witness. */
  readonly coinbase: Transaction | undefined
  readonly txids: Uint8Array
  /** Undefined where the coinbase commits to no witnesses. */
  readonly witnesses: { readonly nonce: Uint8Array; readonly wtxids: Uint8Array } | undefined
}

/** Every place is named by a hash of a place above it, up to the root: there are never more than the header commits to. */
export class BitcoinOutlineWalk implements OutlineWalk {
  readonly #root: Root
  readonly #segwitHeight: number
  readonly #header: Place
  /** One for each hash, so that what both trees share is fetched once. At most four for each transaction. */
  readonly #places = new Map<Cid, Place>()
  #survey: Survey

  /** `segwitHeight` is the network's. */
  constructor(root: Root, segwitHeight: number) {
    this.#root = root
    this.#segwitHeight = segwitHeight
    this.#header = this.#place(headerCid(root), rootToBytes(root))
    this.#survey = this.#look()
  }

  next(): readonly Cid[] {
    return this.#survey.missing.map(({ cid }) => cid)
  }

  add(nodes: readonly Uint8Array[]): void {
    failAs('invalid-outline', () => {
      const { missing } = this.#survey
      if (nodes.length !== missing.length) throw contentError('node', `${missing.length} nodes`, nodes.length)
      missing.forEach((place, index) => {
        const bytes = nodes[index]
        if (bytes === undefined || !isSameRoot(doubleSha256(bytes), 0, place.hash, 0)) {
          throw contentError('node', `the bytes of ${place.cid}`, 'others')
        }
        place.bytes = bytes
      })
      this.#survey = this.#look()
    })
  }

  outline(): Uint8Array {
    const { header, coinbase, txids, witnesses, missing } = this.#survey
    if (header === undefined || coinbase === undefined || missing.length > 0) {
      throw new Error('expected a walk that is done')
    }
    const { nonce, wtxids = txids } = witnesses ?? {}
    const whole = nonce === undefined ? coinbase : parseTransaction(withNonce(coinbase, nonce))
    const outline = encodeOutline({ header, coinbase: whole, txids, wtxids })
    readOutline({ root: this.#root, outline, segwitHeight: this.#segwitHeight })
    return outline
  }

  #look(): Survey {
    const header = this.#header.bytes
    const missing = new Set<Place>()
    const nothing = { header, coinbase: undefined, txids: new Uint8Array(0), witnesses: undefined }
    if (header === undefined) return { ...nothing, missing: [this.#header] }
    if (header.length !== HEADER_SIZE_BYTES) throw contentError('node', `${HEADER_SIZE_BYTES} bytes`, header.length)

    const top = this.#hashPlace(header, MERKLE_ROOT_OFFSET)
    const { leftmost, depth } = this.#descend(top)
    const txids = this.#leaves(top, depth, missing)
    if (leftmost.bytes === undefined) return { ...nothing, missing: [leftmost, ...missing] }
    const coinbase = parseTransaction(leftmost.bytes)
    const committed = bindsWitnesses(coinbase, this.#segwitHeight) ? committedHashOf(coinbase) : undefined
    const witnesses = committed === undefined ? undefined : this.#witnesses(committed, depth, missing)
    return { header, coinbase, txids, witnesses, missing: [...missing] }
  }

  /** The deepest known place on the left edge, and how many levels of nodes are above it. */
  #descend(top: Place): { readonly leftmost: Place; readonly depth: number } {
    let leftmost = top
    let depth = 0
    while (leftmost.bytes?.length === MERKLE_NODE_SIZE_BYTES) {
      if (depth === MERKLE_DEPTH_MAX) throw contentError('oversize', `at most ${MERKLE_DEPTH_MAX} levels`, 'more')
      leftmost = this.#childrenOf(leftmost, leftmost.bytes)[0]
      depth += 1
    }
    return { leftmost, depth }
  }

  /** The hashes `depth` levels below, as far as the way to them is known; the nodes that are not join `missing`. */
  #leaves(top: Place, depth: number, missing: Set<Place>): Uint8Array {
    let level: readonly Place[] = [top]
    for (let above = 0; above < depth; above += 1) {
      const below: Place[] = []
      for (const place of level) {
        if (place.bytes === undefined) missing.add(place)
        else below.push(...this.#childrenOf(place, place.bytes))
      }
      level = below
    }
    return joinBytes(level.map(({ hash }) => hash))
  }

  #witnesses(committed: Uint8Array, depth: number, missing: Set<Place>): Survey['witnesses'] {
    const commitment = this.#place(witnessCommitmentCid(committed), committed)
    const { bytes } = commitment
    if (bytes === undefined) {
      missing.add(commitment)
      return undefined
    }
    if (bytes.length !== MERKLE_NODE_SIZE_BYTES) {
      throw contentError('node', `${MERKLE_NODE_SIZE_BYTES} bytes of witness commitment`, bytes.length)
    }
    const wtxids = this.#leaves(this.#hashPlace(bytes, 0), depth, missing)
    return { nonce: bytes.subarray(ROOT_SIZE_BYTES), wtxids }
  }

  #childrenOf(place: Place, bytes: Uint8Array): readonly [Place, ...Place[]] {
    if (bytes.length !== MERKLE_NODE_SIZE_BYTES) {
      throw contentError('node', `${MERKLE_NODE_SIZE_BYTES} bytes of merkle node`, bytes.length)
    }
    if (place.children === undefined) {
      const left = this.#hashPlace(bytes, 0)
      const right = this.#hashPlace(bytes, ROOT_SIZE_BYTES)
      place.children = left === right ? [left] : [left, right]
    }
    return place.children
  }

  #hashPlace(bytes: Uint8Array, offset: number): Place {
    return this.#place(transactionCid(bytes, offset), bytes.subarray(offset, offset + ROOT_SIZE_BYTES))
  }

  #place(cid: Cid, hash: Uint8Array): Place {
    let place = this.#places.get(cid)
    if (place === undefined) {
      place = { cid, hash, bytes: undefined, children: undefined }
      this.#places.set(cid, place)
    }
    return place
  }
}

import { bytesOfHex, HEX_OF_BYTE } from '../core/hex.ts'
import { toRoot, type Root } from '../core/ids.ts'
import { joinBytes } from '../core/join-bytes.ts'
import type { ClaimedHead } from '../core/message.ts'
import { ProtobufFields, ProtobufWriter } from './protobuf.ts'
import { undecodable } from './wire-error.ts'

export const ROOT_BYTES = 32
/** Chain work fits 256 bits: it is a sum of 2^256 / target. */
const WORK_BYTES_MAX = 32
/** Heights are 32 bits: at one block a second, 136 years. */
const HEIGHT_MAX = 0xffff_ffff
const CLAIMED_HEAD_BYTES_MAX = 256

/** 32 bytes each, one after another, in display order: the hex digits as they are read. */
export function encodeRoots(roots: readonly Root[]): Uint8Array {
  return joinBytes(roots.map((root) => bytesOfHex(root)))
}

export function decodeRoots(bytes: Uint8Array, name: string): Root[] {
  if (bytes.length % ROOT_BYTES !== 0) throw undecodable(`${name} of ${ROOT_BYTES} bytes each`, `${bytes.length} bytes`)
  const roots: Root[] = []
  for (let offset = 0; offset < bytes.length; offset += ROOT_BYTES) {
    let text = ''
    for (let byte = offset; byte < offset + ROOT_BYTES; byte++) text += HEX_OF_BYTE[bytes[byte] ?? 0] ?? ''
    roots.push(toRoot(text))
  }
  return roots
}

export function decodeRoot(bytes: Uint8Array, name: string): Root {
  const [root, ...others] = decodeRoots(bytes, name)
  if (root === undefined || others.length > 0) throw undecodable(`${name} of ${ROOT_BYTES} bytes`, String(bytes.length))
  return root
}

/** Fields: 1 height, 2 root, 3 work (big-endian, without leading zeros). Throws `RangeError` on work over 256 bits. */
export function encodeClaimedHead(head: ClaimedHead): Uint8Array {
  return new ProtobufWriter()
    .varint(1, head.height)
    .bytes(2, encodeRoots([head.root]))
    .bytes(3, encodeWork(head.work))
    .finish()
}

export function takeClaimedHead(fields: ProtobufFields, field: number): ClaimedHead {
  const head = new ProtobufFields(fields.bytes(field, 'head', CLAIMED_HEAD_BYTES_MAX))
  return {
    height: head.varint(1, 'height', { max: HEIGHT_MAX }),
    root: decodeRoot(head.bytes(2, 'root', ROOT_BYTES), 'root'),
    work: decodeWork(head.bytes(3, 'work', WORK_BYTES_MAX)),
  }
}

function encodeWork(work: bigint): Uint8Array {
  if (work < 0n || work >= 1n << BigInt(WORK_BYTES_MAX * 8))
    throw new RangeError(`expected work of 256 bits, got ${work}`)
  const bytes: number[] = []
  for (let rest = work; rest > 0n; rest >>= 8n) bytes.unshift(Number(rest & 0xffn))
  return Uint8Array.from(bytes)
}

function decodeWork(bytes: Uint8Array): bigint {
  return bytes.reduce((work, byte) => (work << 8n) | BigInt(byte), 0n)
}

/** Text of printable ASCII (0x20 to 0x7e). Throws `RangeError` on any other: the caller's mistake. */
export function encodeText(text: string, charactersMax: number): Uint8Array {
  if (text.length > charactersMax || !/^[ -~]*$/.test(text)) {
    throw new RangeError(`expected at most ${charactersMax} printable ASCII characters, got ${JSON.stringify(text)}`)
  }
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}

export function decodeText(bytes: Uint8Array, name: string): string {
  const odd = bytes.find((byte) => byte < 0x20 || byte > 0x7e)
  if (odd !== undefined) throw undecodable(`${name} in printable ASCII`, `byte 0x${HEX_OF_BYTE[odd] ?? ''}`)
  return String.fromCharCode(...bytes)
}

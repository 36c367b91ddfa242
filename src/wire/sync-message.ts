import { toRequestId, type RequestId, type Root } from '../core/ids.ts'
import {
  ANNOUNCED_HEADERS_MAX,
  HEADERS_PER_MESSAGE_MAX,
  HEADERS_SKIPPED_MAX,
  LOCATOR_ROOTS_MAX,
  OUTLINE_BYTES_MAX,
  OUTLINE_BYTES_PER_MESSAGE_MAX,
  PEER_RECORD_BYTES_MAX,
  PEER_RECORDS_PER_MESSAGE_MAX,
  ROOTS_PER_REQUEST_MAX,
} from '../core/limits.ts'
import type { GetPeers, PeerRecord, Peers, Refused, Road, SyncMessage } from '../core/message.ts'
import { decodeRoot, decodeRoots, encodeClaimedHead, encodeRoots, ROOT_BYTES, takeClaimedHead } from './fields.ts'
import { ProtobufFields, ProtobufWriter } from './protobuf.ts'
import { undecodable } from './wire-error.ts'

/** All that is not headers: 2,000 roots of 32 bytes, a locator, a head, with room to spare. */
const SYNC_MESSAGE_OVERHEAD_BYTES: number = 72 * 1024

/** The longest sync message: 2,016 headers and the rest; 235,008 bytes on Bitcoin. */
export function syncMessageBytesMax(headerSizeBytes: number): number {
  return HEADERS_PER_MESSAGE_MAX * headerSizeBytes + SYNC_MESSAGE_OVERHEAD_BYTES
}

type Sealed<Message> = Omit<Message, 'records'> & { readonly envelopes: readonly Uint8Array[] }

/** Messages with records whose signatures nobody has checked yet: each as its bytes. */
export type SealedMessage = Sealed<GetPeers> | Sealed<Peers>

/** What came, before anything but its form was checked. */
export type DecodedSyncMessage = Exclude<SyncMessage, GetPeers | Peers> | SealedMessage | LaterSyncMessage

/** What a later version may send: a request is refused, a notice ignored. */
export type LaterSyncMessage =
  { readonly type: 'unknown-request'; readonly request: RequestId } | { readonly type: 'unknown-notice' }

/** Kinds up to this one are requests and get an answer; … */
const REQUEST_KIND_MAX = 63
/** … up to this one answers; above, notices. So a kind that we do not know is still told apart. */
const ANSWER_KIND_MAX = 127

const KINDS: Readonly<Record<SyncMessage['type'], number>> = {
  'get-headers': 1,
  'get-ancestors': 2,
  ping: 3,
  'get-block-outline': 4,
  'get-peers': 5,
  headers: 64,
  ancestors: 65,
  pong: 66,
  refused: 67,
  'block-outline': 68,
  peers: 69,
  announce: 128,
}

const REFUSALS: Readonly<Record<Refused['reason'], number>> = { 'unknown-request': 1, busy: 2 }

/** One byte a road; unknown ones are left out, so later versions may add some. */
const ROAD_CODES: ReadonlyMap<Road, number> = new Map([
  ['tcp', 1],
  ['ws', 2],
  ['wss', 3],
  ['webtransport', 4],
  ['webrtc-direct', 5],
  ['webrtc', 6],
])
const ROADS_MAX = 32

// Field numbers. One set for all kinds, so that a name has one number everywhere.
const KIND = 1
const REQUEST = 2
const HEADERS = 3
const HEAD = 4
const HAS_MORE = 5
const LOCATOR = 6
const STOP = 7
const COUNT_MAX = 8
const ROOTS = 9
const KNOWN = 10
const ANSWERED = 11
const UNKNOWN = 12
const REASON = 13
const ROOT = 14
const FROM_BYTE = 15
const TOTAL_BYTES = 16
const OUTLINE = 17
const ROADS = 18
/** One field a record, from this number on: a field of ours does not come twice. */
const FIRST_RECORD = 19
const SKIP: number = FIRST_RECORD + PEER_RECORDS_PER_MESSAGE_MAX

/** Copies what the message holds. Throws `RangeError` on a number of ours that is none. */
export function encodeSyncMessage(message: SyncMessage): Uint8Array {
  const writer = new ProtobufWriter().varint(KIND, KINDS[message.type])
  if (message.type !== 'announce') writer.varint(REQUEST, message.request)
  switch (message.type) {
    case 'get-headers':
      writer.bytes(LOCATOR, encodeRoots(message.locator)).varint(COUNT_MAX, message.countMax)
      if (message.stop !== undefined) writer.bytes(STOP, encodeRoots([message.stop]))
      if (message.skip !== undefined) writer.varint(SKIP, message.skip)
      break
    case 'get-ancestors':
      writer.bytes(ROOTS, encodeRoots(message.roots)).bytes(KNOWN, encodeRoots(message.known))
      writer.varint(COUNT_MAX, message.countMax)
      break
    case 'headers':
      writer.bytes(HEADERS, message.headers).varint(HAS_MORE, message.hasMore ? 1 : 0)
      writer.bytes(HEAD, encodeClaimedHead(message.head))
      break
    case 'ancestors':
      writer.bytes(HEADERS, message.headers)
      writer.bytes(ANSWERED, encodeRoots(message.answered)).bytes(UNKNOWN, encodeRoots(message.unknown))
      break
    case 'refused':
      writer.varint(REASON, REFUSALS[message.reason])
      break
    case 'announce':
      writer.bytes(HEADERS, message.headers).bytes(HEAD, encodeClaimedHead(message.head))
      break
    case 'get-block-outline':
      writer.bytes(ROOT, encodeRoots([message.root])).varint(FROM_BYTE, message.fromByte)
      break
    case 'block-outline':
      writer.varint(TOTAL_BYTES, message.totalBytes).bytes(OUTLINE, message.bytes)
      break
    case 'get-peers':
      writer.bytes(
        ROADS,
        Uint8Array.from(message.roads, (road) => ROAD_CODES.get(road) ?? 0),
      )
      writeRecords(writer, message.records)
      break
    case 'peers':
      writeRecords(writer, message.records)
      break
    case 'ping':
    case 'pong':
      break
  }
  return writer.finish()
}

/**
 * The message holds views of `bytes`, which must not change any more; an announcement a copy, because it may be held for
 * long and its frame may be padded to many times its size. Throws `WireError`.
 */
export function decodeSyncMessage(
  bytes: Uint8Array,
  { headerSizeBytes }: { readonly headerSizeBytes: number },
): DecodedSyncMessage {
  const fields = new ProtobufFields(bytes)
  const kind = fields.varint(KIND, 'kind')
  if (kind > ANSWER_KIND_MAX) {
    if (kind !== KINDS.announce) return { type: 'unknown-notice' }
    const headers = takeHeaders({ fields, headerSizeBytes, countMin: 1, countMax: ANNOUNCED_HEADERS_MAX })
    return { type: 'announce', headers: headers.slice(), head: takeClaimedHead(fields, HEAD) }
  }
  const request = toRequestId(fields.varint(REQUEST, 'request'))
  if (kind <= REQUEST_KIND_MAX) return decodeRequest(fields, kind, request)
  return decodeAnswer({ fields, kind, request, headerSizeBytes })
}

function decodeRequest(fields: ProtobufFields, kind: number, request: RequestId): DecodedSyncMessage {
  switch (kind) {
    case KINDS['get-headers']: {
      const locator = takeRoots({ fields, field: LOCATOR, name: 'locator', countMax: LOCATOR_ROOTS_MAX })
      const stop = fields.has(STOP) ? decodeRoot(fields.bytes(STOP, 'stop', ROOT_BYTES), 'stop') : undefined
      const countMax = takeCountMax(fields)
      const skip = fields.has(SKIP) ? { skip: fields.varint(SKIP, 'skip', { max: HEADERS_SKIPPED_MAX }) } : {}
      return { type: 'get-headers', request, locator, stop, countMax, ...skip }
    }
    case KINDS['get-ancestors']: {
      const roots = takeRoots({ fields, field: ROOTS, name: 'roots', countMax: ROOTS_PER_REQUEST_MAX })
      const known = takeRoots({ fields, field: KNOWN, name: 'known', countMax: LOCATOR_ROOTS_MAX })
      return { type: 'get-ancestors', request, roots, known, countMax: takeCountMax(fields) }
    }
    case KINDS['get-block-outline']: {
      const root = decodeRoot(fields.bytes(ROOT, 'root', ROOT_BYTES), 'root')
      return { type: 'get-block-outline', request, root, fromByte: takeOutlineBytes(fields, FROM_BYTE, 'from byte') }
    }
    case KINDS['get-peers']: {
      const codes = fields.bytes(ROADS, 'roads', ROADS_MAX)
      const roads = [...ROAD_CODES].filter(([, code]) => codes.includes(code)).map(([road]) => road)
      return { type: 'get-peers', request, roads, envelopes: takeEnvelopes(fields, 1) }
    }
    case KINDS.ping:
      return { type: 'ping', request }
    default:
      return { type: 'unknown-request', request }
  }
}

function decodeAnswer(args: {
  readonly fields: ProtobufFields
  readonly kind: number
  readonly request: RequestId
  readonly headerSizeBytes: number
}): DecodedSyncMessage {
  const { fields, kind, request, headerSizeBytes } = args
  switch (kind) {
    case KINDS.headers: {
      const headers = takeHeaders({ fields, headerSizeBytes, countMin: 0, countMax: HEADERS_PER_MESSAGE_MAX })
      const hasMore = fields.varint(HAS_MORE, 'has more', { max: 1 }) === 1
      return { type: 'headers', request, headers, hasMore, head: takeClaimedHead(fields, HEAD) }
    }
    case KINDS.ancestors: {
      const headers = takeHeaders({ fields, headerSizeBytes, countMin: 0, countMax: HEADERS_PER_MESSAGE_MAX })
      const answered = takeRoots({ fields, field: ANSWERED, name: 'answered', countMax: ROOTS_PER_REQUEST_MAX })
      const countMax = ROOTS_PER_REQUEST_MAX - answered.length
      const unknown = takeRoots({ fields, field: UNKNOWN, name: 'unknown', countMax })
      return { type: 'ancestors', request, headers, answered, unknown }
    }
    case KINDS['block-outline']: {
      const bytes = fields.bytes(OUTLINE, 'outline', OUTLINE_BYTES_PER_MESSAGE_MAX)
      return { type: 'block-outline', request, totalBytes: takeOutlineBytes(fields, TOTAL_BYTES, 'total bytes'), bytes }
    }
    case KINDS.peers:
      return { type: 'peers', request, envelopes: takeEnvelopes(fields, PEER_RECORDS_PER_MESSAGE_MAX) }
    case KINDS.pong:
      return { type: 'pong', request }
    case KINDS.refused: {
      // A reason that a later version adds is some kind of no: the request may be asked of somebody else.
      const isUnknown = fields.varint(REASON, 'reason') === REFUSALS['unknown-request']
      return { type: 'refused', request, reason: isUnknown ? 'unknown-request' : 'busy' }
    }
    default:
      throw undecodable('an answer to a request of ours', `kind ${kind}`)
  }
}

function writeRecords(writer: ProtobufWriter, records: readonly PeerRecord[]): void {
  records.forEach(({ envelope }, index) => writer.bytes(FIRST_RECORD + index, envelope))
}

/** Copies: they are kept for hours, and their frame may be padded to many times their size. */
function takeEnvelopes(fields: ProtobufFields, countMax: number): Uint8Array[] {
  const envelopes: Uint8Array[] = []
  while (fields.has(FIRST_RECORD + envelopes.length)) {
    if (envelopes.length === countMax) throw undecodable(`at most ${countMax} peer records`, 'more')
    envelopes.push(fields.bytes(FIRST_RECORD + envelopes.length, 'peer record', PEER_RECORD_BYTES_MAX).slice())
  }
  return envelopes
}

function takeOutlineBytes(fields: ProtobufFields, field: number, name: string): number {
  return fields.varint(field, name, { max: OUTLINE_BYTES_MAX })
}

function takeCountMax(fields: ProtobufFields): number {
  return fields.varint(COUNT_MAX, 'count', { min: 1, max: HEADERS_PER_MESSAGE_MAX })
}

function takeRoots(args: {
  readonly fields: ProtobufFields
  readonly field: number
  readonly name: string
  readonly countMax: number
}): Root[] {
  return decodeRoots(args.fields.bytes(args.field, args.name, args.countMax * ROOT_BYTES), args.name)
}

function takeHeaders(args: {
  readonly fields: ProtobufFields
  readonly headerSizeBytes: number
  readonly countMin: number
  readonly countMax: number
}): Uint8Array {
  const headers = args.fields.bytes(HEADERS, 'headers', args.countMax * args.headerSizeBytes)
  if (headers.length % args.headerSizeBytes !== 0 || headers.length < args.countMin * args.headerSizeBytes) {
    throw undecodable(`headers of ${args.headerSizeBytes} bytes each`, `${headers.length} bytes`)
  }
  return headers
}

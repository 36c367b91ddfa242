import type { NodeInfo, Service } from '../core/message.ts'
import {
  decodeRoot,
  decodeText,
  encodeClaimedHead,
  encodeRoots,
  encodeText,
  ROOT_BYTES,
  takeClaimedHead,
} from './fields.ts'
import { ProtobufFields, ProtobufWriter } from './protobuf.ts'
import { WireError } from './wire-error.ts'

/** Lifecycle and handshake reference, "Handshake record": capped at 1,024 bytes. */
export const NODE_INFO_BYTES_MAX = 1_024
/** DESIGN: at most 64 printable ASCII characters. */
const AGENT_CHARACTERS_MAX = 64
/** `bitcoin:testnet4` and its like. */
const CHAIN_CHARACTERS_MAX = 64
/** One byte a service; unknown ones are left out, so later versions may add some. */
const SERVICES_MAX = 32

const SERVICE_CODES: ReadonlyMap<Service, number> = new Map([
  ['headers', 1],
  ['ancestors', 2],
  ['outlines', 3],
  ['peers', 4],
])

/** Fields: 1 chain, 2 genesis, 3 head, 4 services (a byte each), 5 agent. Throws `RangeError` on an info of ours that is none. */
export function encodeNodeInfo(info: NodeInfo): Uint8Array {
  return new ProtobufWriter()
    .bytes(1, encodeText(info.chain, CHAIN_CHARACTERS_MAX))
    .bytes(2, encodeRoots([info.genesis]))
    .bytes(3, encodeClaimedHead(info.head))
    .bytes(
      4,
      Uint8Array.from(info.serves, (service) => SERVICE_CODES.get(service) ?? 0),
    )
    .bytes(5, encodeText(info.agent, AGENT_CHARACTERS_MAX))
    .finish()
}

/** Throws `WireError`. */
export function decodeNodeInfo(bytes: Uint8Array): NodeInfo {
  if (bytes.length > NODE_INFO_BYTES_MAX) {
    throw new WireError('oversize', `expected a node info of at most ${NODE_INFO_BYTES_MAX} bytes, got ${bytes.length}`)
  }
  const fields = new ProtobufFields(bytes)
  const codes = fields.bytes(4, 'services', SERVICES_MAX)
  return {
    chain: decodeText(fields.bytes(1, 'chain', CHAIN_CHARACTERS_MAX), 'chain'),
    genesis: decodeRoot(fields.bytes(2, 'genesis', ROOT_BYTES), 'genesis'),
    head: takeClaimedHead(fields, 3),
    serves: [...SERVICE_CODES].filter(([, code]) => codes.includes(code)).map(([service]) => service),
    agent: decodeText(fields.bytes(5, 'agent', AGENT_CHARACTERS_MAX), 'agent'),
  }
}

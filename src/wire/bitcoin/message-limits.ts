/** How large a message's payload may be, by its command. */

/** Bitcoin Core net_processing.h, MAX_HEADERS_RESULTS. */
export const HEADERS_PER_BITCOIN_MESSAGE_MAX = 2_000
/** Bitcoin Core net_processing.cpp, MAX_LOCATOR_SZ. */
export const LOCATOR_ROOTS_PER_MESSAGE_MAX = 101
/** Bitcoin Core net_processing.cpp, MAX_INV_SZ. */
export const INVENTORY_ITEMS_MAX = 50_000
/** Bitcoin Core net_processing.cpp, MAX_ADDR_TO_SEND; BIP 155 the same. */
export const ADDRESSES_PER_MESSAGE_MAX = 1_000
/** BIP 155, Specification: an address of more than 512 bytes is refused. */
export const ADDRESS_BYTES_MAX = 512
/** Bitcoin Core net.h, MAX_PROTOCOL_MESSAGE_LENGTH; blocks are consensus-limited to the same. */
const MESSAGE_BYTES_MAX = 4_000_000

/** The longest compact size that a count up to 65,535 takes. */
const COUNT_BYTES = 3
const ROOT_BYTES = 32

const LIMITS: ReadonlyMap<string, number> = new Map([
  // A user agent has at most 256 bytes (Bitcoin Core net.h, MAX_SUBVERSION_LENGTH); the rest is room for later fields.
  ['version', 1_024],
  ['verack', 0],
  ['sendheaders', 0],
  ['sendaddrv2', 0],
  ['wtxidrelay', 0],
  ['getaddr', 0],
  ['mempool', 0],
  // BIP 31: a nonce.
  ['ping', 8],
  ['pong', 8],
  ['feefilter', 8],
  ['getheaders', 4 + COUNT_BYTES + (LOCATOR_ROOTS_PER_MESSAGE_MAX + 1) * ROOT_BYTES],
  // Each header with an empty count of transactions.
  ['headers', COUNT_BYTES + HEADERS_PER_BITCOIN_MESSAGE_MAX * 81],
  ['inv', COUNT_BYTES + INVENTORY_ITEMS_MAX * (4 + ROOT_BYTES)],
  ['getdata', COUNT_BYTES + INVENTORY_ITEMS_MAX * (4 + ROOT_BYTES)],
  ['notfound', COUNT_BYTES + INVENTORY_ITEMS_MAX * (4 + ROOT_BYTES)],
  ['addr', COUNT_BYTES + ADDRESSES_PER_MESSAGE_MAX * 30],
  // Time, services, network, length, address, port.
  ['addrv2', COUNT_BYTES + ADDRESSES_PER_MESSAGE_MAX * (4 + 9 + 1 + COUNT_BYTES + ADDRESS_BYTES_MAX + 2)],
])

/** Bytes; a command that we do not know may be as large as the network allows, as it is skipped and never held. */
export function payloadBytesMaxOf(command: string): number {
  return LIMITS.get(command) ?? MESSAGE_BYTES_MAX
}

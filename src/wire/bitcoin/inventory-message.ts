import type { Root } from '../../core/ids.ts'
import { INVENTORY_ITEMS_MAX } from './message-limits.ts'
import { PayloadReader, PayloadWriter } from './payload.ts'

/** Bitcoin Core protocol.h, GetDataMsg. With the witness: BIP 144. */
export const INVENTORY_BLOCK = 2
export const INVENTORY_WITNESS_BLOCK = 0x4000_0002

export interface InventoryItem {
  readonly type: typeof INVENTORY_BLOCK | typeof INVENTORY_WITNESS_BLOCK
  readonly root: Root
}

/** The payload of inv, getdata and notfound. */
export function encodeInventory(items: readonly InventoryItem[]): Uint8Array {
  const writer = new PayloadWriter().compactSize(items.length)
  for (const { type, root } of items) writer.uint32(type).root(root)
  return writer.finish()
}

/** The blocks in it, in order; transactions and what else may be named are left out. Throws `WireError`. */
export function decodeInventory(payload: Uint8Array, command: 'inv' | 'getdata' | 'notfound'): InventoryItem[] {
  const reader = new PayloadReader(payload, command)
  const count = reader.compactSize(INVENTORY_ITEMS_MAX, 'items')
  const items: InventoryItem[] = []
  for (let index = 0; index < count; index += 1) {
    const type = reader.uint32()
    if (type === INVENTORY_BLOCK || type === INVENTORY_WITNESS_BLOCK) items.push({ type, root: reader.root() })
    else reader.bytes(32)
  }
  reader.end()
  return items
}

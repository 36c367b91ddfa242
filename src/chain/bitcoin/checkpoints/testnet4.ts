/**
 * Roots of Bitcoin testnet4 headers, from Electrum's checkpoints.json for that network (MIT licence), where record k is
 * the last header of retarget period k. Made by scripts/build-checkpoints.ts.
 */
import type { CheckpointTable } from '../checkpoint-table.ts'

export const CHECKPOINTS: CheckpointTable = {
  stepHeaders: 64512,
  lastHeight: 139103,
  rootColumns:
    'C9+eOfJP5AX+BIqbecRWk9jzO7hSl4GkLJkc66Wi2r+WBEWAzN8fQjkFcY0+NGx0nQxgcO4FYStki+MYEROk43ZGbJZzrFDPA2lSAAn6AN8BAAIAAAAAAAAAAAAAAAAA',
}

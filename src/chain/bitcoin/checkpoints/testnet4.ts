/**
 * Roots of Bitcoin testnet4 headers, from Electrum's checkpoints.json for that network (MIT licence), where record k is
 * the last header of retarget period k. Made by scripts/build-checkpoints.ts.
 */
import type { CheckpointTable } from '../checkpoint-table.ts'

export const CHECKPOINTS: CheckpointTable = {
  stepHeaders: 64512,
  lastHeight: 139103,
  roots:
    'CznkBHmTO5cs69oEzEJxNJ1wYYsR42ysAwAAAAAAAADf8gWKxNi4gZmlv0XfOY1sDO4r4xN2llBpCd8CAAAAAJ5P/ptW81KkHKKWgB8FPnRgBWQYpEZzz1L6AQAAAAAA',
}

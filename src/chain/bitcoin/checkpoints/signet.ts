/**
 * Roots of Bitcoin signet headers, from Electrum's checkpoints.json for that network (MIT licence), where record k is
 * the last header of retarget period k. Made by scripts/build-checkpoints.ts.
 */
import type { CheckpointTable } from '../checkpoint-table.ts'

export const CHECKPOINTS: CheckpointTable = {
  stepHeaders: 64512,
  lastHeight: 308447,
  roots:
    'N4OJxeSO6IV4m1xSqnGII1E2891D6xcuJ2zZ0x0BAACn9BkBkPiL/tCVSl7uVxJ3Pi5PYlUmBWMLGfE/eQAAAKkJiNlSGJNG/zFE4anoF/rGkydoqIKjZ3vZCFQQAQAAb3JVymNURAHFr/JVSHsUKx1qUZbqSyCfMF4LIQwAAADPbjIXvFP/rgSBBl9jxAvo2GqjTnmWr4nWG0jODwAAAA==',
}

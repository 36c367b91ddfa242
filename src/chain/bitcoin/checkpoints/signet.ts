/**
 * Roots of Bitcoin signet headers, from Electrum's checkpoints.json for that network (MIT licence), where record k is
 * the last header of retarget period k. Made by scripts/build-checkpoints.ts.
 */
import type { CheckpointTable } from '../checkpoint-table.ts'

export const CHECKPOINTS: CheckpointTable = {
  stepHeaders: 64512,
  lastHeight: 308447,
  rootColumns:
    'N6epb8+D9AlybokZiFUyxQHZyhfkkFJjvI74GFRT6IuTRP+F/kYBrnjQ/8UEm5Uxr4FcSkTyBlJe4VVfqu6pSGNxV+h7xIgSFxQLI3f6K+hRPsYd2DYuk2pq808nUaPdYmiWTkNVqOp56yaCS5YXBaMgry5jZ5+JJwt7MNZsGdleG9nxCAtI0z9UIc4deRAMDwEAAQAAAAAAAAAAAAAAAA==',
}

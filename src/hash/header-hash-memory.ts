/**
 * The one page of memory of a WebAssembly header hash, in bytes: 64 round constants and the initial state, which it is
 * handed; then its working set; then roots and headers, BATCH_HEADERS of each.
 */
export const CONSTANTS_OFFSET = 0
export const INITIAL_STATE_OFFSET = 256
/** 8 words, then 64, of up to 16 bytes. */
export const STATE_OFFSET = 512
export const SCHEDULE_OFFSET = 640
export const ROOTS_OFFSET = 2_048
export const HEADERS_OFFSET = 18_432
/** As many as fit the 64 KiB of a page, in whole groups of four. */
export const BATCH_HEADERS = 512

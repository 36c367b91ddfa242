/** The fastest header hash that this machine has. */
import { hashHeadersPlain } from './hash-headers.ts'
import type { HashHeaders } from './hash-headers.ts'
import { createHashHeadersWasm } from './hash-headers-wasm.ts'
import { FOUR_LANES_MODULE, SCALAR_MODULE } from './header-hash-modules.ts'

/** Four headers at a time, else one at a time, else without WebAssembly. */
export function chooseHashHeaders(): HashHeaders {
  return createHashHeadersWasm(FOUR_LANES_MODULE) ?? createHashHeadersWasm(SCALAR_MODULE) ?? hashHeadersPlain
}

let chosen: HashHeaders | undefined

/** Chosen when it is first called, so that importing it costs nothing. */
export const hashHeaders: HashHeaders = (headers, offset, count, roots) => {
  chosen ??= chooseHashHeaders()
  chosen(headers, offset, count, roots)
}

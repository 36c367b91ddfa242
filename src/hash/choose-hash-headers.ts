/** The header hash of this machine. */
import { hashHeadersPlain } from './hash-headers.ts'
import type { HashHeaders } from './hash-headers.ts'

export const hashHeaders: HashHeaders = hashHeadersPlain

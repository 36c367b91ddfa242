import type { Event } from '../event.ts'

/** What made a core take a step. */
export type Cause = Event | { readonly type: 'timeout' } | { readonly type: 'work' }

/**
 * What a light node is doing, in one word; the reason beside it says why, in words.
 * `stale`: in step with every peer, but the head is older than the chain's measure.
 */
export type Status = 'starting' | 'connecting' | 'syncing' | 'synced' | 'stale' | 'offline' | 'stopped'
